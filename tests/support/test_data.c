/* SPDX-License-Identifier: MIT */
#include "support/test_data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *folder(void)
{
    const char *named = getenv("ASSAY_TEST_DATA");
    return named != NULL && named[0] != '\0' ? named : "../shared/data";
}

bool test_data_is_there(void)
{
    struct stat status;
    if (stat(folder(), &status) == 0 && S_ISDIR(status.st_mode))
        return true;
    fprintf(stderr, "skipped: no test vectors in %s; set ASSAY_TEST_DATA to their folder\n", folder());
    return false;
}

const char *test_data_path(const char *name)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder(), name);
    return path;
}

char *test_data_read(const char *name, size_t *len)
{
    *len = 0;
    FILE *file = fopen(test_data_path(name), "rb");
    if (file == NULL)
        return NULL;
    char *text = NULL;
    if (fseek(file, 0, SEEK_END) == 0) {
        long size = ftell(file);
        rewind(file);
        text = size < 0 ? NULL : malloc((size_t)size + 1);
        if (text != NULL) {
            *len = fread(text, 1, (size_t)size, file);
            text[*len] = '\0';
        }
    }
    fclose(file);
    return text;
}

json_t *test_data_json(const char *name)
{
    size_t len;
    char *text = test_data_read(name, &len);
    if (text == NULL)
        return NULL;
    size_t mark = len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    json_t *json = json_loadb(text + mark, len - mark, JSON_ALLOW_NUL, NULL);
    free(text);
    return json;
}

static int digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

size_t test_hex(const char *text, uint8_t *out, size_t size)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i += 2) {
        int high = digit(text[i]), low = i + 1 < len ? digit(text[i + 1]) : -1;
        if (high < 0 || low < 0 || i / 2 >= size) {
            fprintf(stderr, "not hexadecimal, or too long: %.40s\n", text);
            abort();
        }
        out[i / 2] = (uint8_t)(high << 4 | low);
    }
    return len / 2;
}

const char *test_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text == NULL ? "" : text;
}
