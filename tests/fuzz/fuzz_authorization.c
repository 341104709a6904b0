/* SPDX-License-Identifier: MIT */

/* An Authorization value: what is given out lies inside it, is one token of RFC 6750's alphabet, and nothing is given out otherwise. */

#include <assay/bearer.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition) ((condition) ? (void)0 : die(#condition, __LINE__))

static void die(const char *condition, int line)
{
    fprintf(stderr, "fuzz_authorization.c:%d: %s\n", line, condition);
    abort();
}

/* RFC 6750, section 2.1: b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"=" */
static bool is_b64token(const char *text, size_t len)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/";
    size_t at = 0;
    while (at < len && memchr(alphabet, text[at], sizeof alphabet - 1) != NULL)
        at++;
    bool some = at > 0;
    while (at < len && text[at] == '=')
        at++;
    return some && at == len;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The verdict, worked out from the end of the value instead of from its start. */
static bool is_good(const char *text, size_t len)
{
    while (len > 0 && is_blank(text[len - 1]))
        len--;
    while (len > 0 && is_blank(text[0])) {
        text++;
        len--;
    }
    if (len < 8 || len > 66048 || strncasecmp(text, "Bearer", 6) != 0 || !is_blank(text[6]))
        return false;
    size_t start = len;
    while (start > 6 && !is_blank(text[start - 1]))
        start--;
    for (size_t i = 6; i < start; i++) {
        if (!is_blank(text[i]))
            return false;
    }
    return is_b64token(text + start, len - start);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size == 0 ? 1 : size);
    MUST(text != NULL);
    memcpy(text, data, size);
    const char *token = text;
    size_t len = 99;
    assay_error *error = NULL;
    int code = assay_bearer_from_header(text, size, &token, &len, &error);
    MUST((code == ASSAY_OK) == (error == NULL));
    MUST((code == ASSAY_OK) == is_good(text, size));
    if (code == ASSAY_OK) {
        MUST(token >= text && len > 0 && len <= size && token + len <= text + size);
        MUST(is_b64token(token, len));
        /* Whole: what stands around it is blank or the end. */
        MUST(token > text && is_blank(token[-1]));
        MUST(token + len == text + size || is_blank(token[len]));
    } else {
        MUST(token == NULL && len == 0);
        MUST(code == ASSAY_E_NO_CREDENTIALS || code == ASSAY_E_OTHER_SCHEME || code == ASSAY_E_BAD_AUTHORIZATION);
        int status = assay_error_http_status(error);
        MUST(status == (code == ASSAY_E_BAD_AUTHORIZATION ? 400 : 401));
        for (const char *at = assay_error_www_authenticate(error); *at != '\0'; at++)
            MUST(*at >= ' ' && *at <= '~');
    }
    assay_error_free(error);
    free(text);
    return 0;
}
