/* SPDX-License-Identifier: MIT */
#include "support/source_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

char *source_text_read(const char *name)
{
    const char *root = getenv("ASSAY_TEST_ROOT");
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", root == NULL ? "." : root, name);
    FILE *file = fopen(path, "rbe");
    if (file == NULL)
        fail_msg("can't open %s", path);
    static const size_t most = 1 << 20;
    char *text = malloc(most + 1);
    assert_non_null(text);
    size_t len = fread(text, 1, most, file);
    assert_true(len > 0 && len < most);
    text[len] = '\0';
    (void)fclose(file);
    return text;
}

const char *source_text_block(const char **cursor, size_t *len)
{
    static const char fence[] = "```json\n";
    const char *begin = strstr(*cursor, fence);
    if (begin == NULL)
        return NULL;
    begin += sizeof fence - 1;
    const char *end = strstr(begin, "\n```");
    assert_non_null(end);
    *len = (size_t)(end - begin);
    *cursor = end + 4;
    return begin;
}
