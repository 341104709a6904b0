/* SPDX-License-Identifier: MIT */
#include "support/certificates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static char folder[64];

int certificates_make(void **state)
{
    (void)state;
    const char *script = getenv("ASSAY_TEST_MAKE_CA");
    char command[512];
    snprintf(folder, sizeof folder, "/tmp/assay-http-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return 1;
    snprintf(command, sizeof command, "bash '%s' '%s'", script == NULL ? "tests/support/make_ca.sh" : script, folder);
    return system(command) == 0 ? 0 : 1;
}

int certificates_remove(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command) == 0 ? 0 : 1;
}

const char *certificates_folder(void)
{
    return folder;
}

const char *certificates_path(const char *name, const char *suffix)
{
    static char paths[4][128];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s.%s", folder, name, suffix);
    return path;
}

char *certificates_pem(const char *name, size_t *len)
{
    char *text = calloc(1, 65536);
    FILE *file = fopen(certificates_path(name, "pem"), "rb");
    assert_non_null(text);
    assert_non_null(file);
    *len = fread(text, 1, 65535, file);
    fclose(file);
    return text;
}
