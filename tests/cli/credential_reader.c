/* SPDX-License-Identifier: MIT */
/*
 * What assay_credential_from_json() says of documents, for run_credential_schema_tests.py: there is no command that reads one. A document comes on standard input as
 * its length in bytes, a line end, and the bytes; its answer is a line: the name of the code, a blank, and the message, or where there is none the credential as it
 * describes itself.
 */
#include <assay/assay.h>
#include <stdio.h>
#include <stdlib.h>

enum { DOCUMENT_MAX = 1 << 20 };

static void answer(const char *json, size_t len)
{
    assay_credential *credential = NULL;
    assay_error *error = NULL;
    uint8_t *description = NULL;
    size_t description_len = 0;
    int code = assay_credential_from_json(NULL, json, len, &credential, &error);
    if (code == ASSAY_OK)
        code = assay_credential_describe(credential, &description, &description_len, &error);
    printf("%s %s\n", assay_code_name(code), code == ASSAY_OK ? (const char *)description : assay_error_message(error));
    assay_bytes_free(description, description_len);
    assay_error_free(error);
    assay_credential_unref(credential);
}

int main(void)
{
    char line[32];
    while (fgets(line, sizeof line, stdin) != NULL) {
        size_t len = strtoul(line, NULL, 10);
        char *json = len > DOCUMENT_MAX ? NULL : malloc(len + 1);
        if (json == NULL || fread(json, 1, len, stdin) != len) {
            free(json);
            return 1;
        }
        answer(json, len);
        free(json);
        if (fflush(stdout) != 0)
            return 1;
    }
    return 0;
}
