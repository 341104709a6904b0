/* SPDX-License-Identifier: MIT */
#include "support/client_keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define FILE_MAX 65536

static char folder[64];

int client_keys_make(void **state)
{
    (void)state;
    char command[512];
    const char *root = getenv("ASSAY_TEST_ROOT");
    snprintf(folder, sizeof folder, "/tmp/assay-client-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return 1;
    snprintf(command, sizeof command, "bash '%s/tests/support/make_client_keys.sh' '%s'", root == NULL ? "." : root,
             folder);
    return system(command) == 0 ? 0 : 1;
}

int client_keys_remove(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command) == 0 ? 0 : 1;
}

const char *client_keys_path(const char *name)
{
    static char paths[8][128];
    static unsigned turn;
    char *path = paths[turn++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

char *client_keys_read(const char *name, size_t *len)
{
    *len = 0;
    FILE *file = fopen(client_keys_path(name), "rb");
    if (file == NULL)
        return NULL;
    char *text = calloc(1, FILE_MAX);
    assert_non_null(text);
    *len = fread(text, 1, FILE_MAX - 1, file);
    assert_int_equal(fclose(file), 0);
    return text;
}

void client_keys_replace(const char *name, const char *bytes, size_t len)
{
    const char *fresh = client_keys_path("fresh");
    FILE *file = fopen(fresh, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(rename(fresh, client_keys_path(name)), 0);
}
