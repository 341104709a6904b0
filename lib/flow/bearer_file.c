/* SPDX-License-Identifier: MIT */
#include "flow/bearer_file.h"

#include "base/file.h"
#include "base/memory.h"
#include "token/bearer.h"

static const char scheme[] = "Bearer ";

enum { SCHEME_LEN = sizeof scheme - 1, ROOM = SCHEME_LEN + ASSAY_LIMIT_BEARER_FILE_BYTES + 1 };

/* Files are mostly written with a line end. */
static size_t trimmed(const char *text, size_t len)
{
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r' || text[len - 1] == ' ' || text[len - 1] == '\t'))
        len--;
    return len;
}

static int refuse(const char *path, const char *why, assay_failure *failure)
{
    char shown[ASSAY_LIMIT_FOUND_BYTES];
    assay_text_escape(path, strlen(path), shown, sizeof shown);
    return assay_fail_note(failure, ASSAY_E_BEARER_FILE, "%.160s %s", shown, why);
}

/* @p value begins with the scheme, after which the token goes. */
static int read_after_scheme(const char *path, char *value, assay_failure *failure)
{
    size_t len = 0;
    char *token = value + SCHEME_LEN;
    int code = assay_file_read(path, token, ASSAY_LIMIT_BEARER_FILE_BYTES, &len, ASSAY_E_BEARER_FILE, failure);
    if (code != ASSAY_OK)
        return code;
    len = trimmed(token, len);
    token[len] = '\0';
    if (len == 0)
        return refuse(path, "is empty", failure);
    if (!assay_bearer_is_token((assay_span){token, len}))
        return refuse(path, "does not hold one token and nothing else", failure);
    return assay_fail(failure, ASSAY_OK);
}

int assay_bearer_file_read(const char *path, char **authorization, assay_failure *failure)
{
    *authorization = NULL;
    char *value = assay_zalloc(ROOM);
    if (value == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    memcpy(value, scheme, SCHEME_LEN);
    int code = read_after_scheme(path, value, failure);
    if (code == ASSAY_OK) {
        *authorization = assay_strdup(value);
        code = *authorization == NULL ? assay_fail(failure, ASSAY_E_MEMORY) : ASSAY_OK;
    }
    assay_release_wiped(value, ROOM);
    return code;
}
