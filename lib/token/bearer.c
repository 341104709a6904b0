/* SPDX-License-Identifier: MIT */
#include "token/bearer.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* A character of b64token before its padding (RFC 6750, section 2.1). */
static bool is_token_character(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-._~+/", c) != NULL);
}

static assay_span trim(assay_span text)
{
    while (text.len > 0 && is_blank(text.ptr[0]))
        text = (assay_span){text.ptr + 1, text.len - 1};
    while (text.len > 0 && is_blank(text.ptr[text.len - 1]))
        text.len--;
    return text;
}

bool assay_bearer_is_token(assay_span text)
{
    size_t used = 0;
    while (used < text.len && is_token_character(text.ptr[used]))
        used++;
    bool some = used > 0;
    while (used < text.len && text.ptr[used] == '=')
        used++;
    return some && used == text.len;
}

/* A token of RFC 9110, section 5.6.2, as the name of a scheme is. */
static bool is_scheme(assay_span text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') &&
            strchr("!#$%&'*+-.^_`|~", c) == NULL)
            return false;
    }
    return text.len > 0 && text.len <= ASSAY_LIMIT_SCHEME_BYTES;
}

/* What follows the scheme: one token. */
static int take_token(assay_span rest, assay_span *token, assay_failure *failure)
{
    if (rest.len == 0)
        return assay_fail_note(failure, ASSAY_E_BAD_AUTHORIZATION, "no token follows the scheme");
    if (!assay_bearer_is_token(rest))
        return assay_fail_note(failure, ASSAY_E_BAD_AUTHORIZATION, "what follows the scheme is not one token");
    *token = rest;
    return ASSAY_OK;
}

static int parse(const char *scheme, assay_span value, assay_span *token, assay_failure *failure)
{
    if (value.ptr == NULL)
        return assay_fail(failure, ASSAY_E_NO_CREDENTIALS);
    if (value.len > ASSAY_LIMIT_AUTHORIZATION_BYTES)
        return assay_fail_note(failure, ASSAY_E_BAD_AUTHORIZATION, "it is longer than %d bytes",
                               ASSAY_LIMIT_AUTHORIZATION_BYTES);
    assay_span text = trim(value);
    if (text.len == 0)
        return assay_fail(failure, ASSAY_E_NO_CREDENTIALS);
    size_t end = 0;
    while (end < text.len && !is_blank(text.ptr[end]))
        end++;
    /* Schemes are compared without regard to case (RFC 9110, section 11.1). */
    if (!assay_span_is_nocase((assay_span){text.ptr, end}, scheme))
        return assay_fail_found(failure, ASSAY_E_OTHER_SCHEME, scheme, NULL, 0);
    return take_token(trim((assay_span){text.ptr + end, text.len - end}), token, failure);
}

int assay_bearer_parse(const char *scheme, const char *value, size_t len, assay_span *token, assay_failure *failure)
{
    *token = (assay_span){NULL, 0};
    if (!is_scheme(assay_span_of(scheme)))
        return assay_fail_note(failure, ASSAY_E_ARGUMENT,
                               "the scheme is NULL, or no token of RFC 9110 of at most %d bytes",
                               ASSAY_LIMIT_SCHEME_BYTES);
    int code = parse(scheme, (assay_span){value, len}, token, failure);
    if (failure != NULL)
        failure->scheme = scheme;
    return code;
}
