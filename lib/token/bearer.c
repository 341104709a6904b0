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

int assay_bearer_parse(const char *value, size_t len, assay_span *token, assay_failure *failure)
{
    *token = (assay_span){NULL, 0};
    if (value == NULL)
        return assay_fail(failure, ASSAY_E_NO_CREDENTIALS);
    if (len > ASSAY_LIMIT_AUTHORIZATION_BYTES)
        return assay_fail_note(failure, ASSAY_E_BAD_AUTHORIZATION, "it is longer than %d bytes",
                               ASSAY_LIMIT_AUTHORIZATION_BYTES);
    assay_span text = trim((assay_span){value, len});
    if (text.len == 0)
        return assay_fail(failure, ASSAY_E_NO_CREDENTIALS);
    size_t scheme = 0;
    while (scheme < text.len && !is_blank(text.ptr[scheme]))
        scheme++;
    /* Schemes are compared without regard to case (RFC 9110, section 11.1). */
    if (!assay_span_is_nocase((assay_span){text.ptr, scheme}, "Bearer"))
        return assay_fail(failure, ASSAY_E_OTHER_SCHEME);
    assay_span rest = trim((assay_span){text.ptr + scheme, text.len - scheme});
    if (rest.len == 0)
        return assay_fail_note(failure, ASSAY_E_BAD_AUTHORIZATION, "no token follows the scheme");
    if (!assay_bearer_is_token(rest))
        return assay_fail_note(failure, ASSAY_E_BAD_AUTHORIZATION, "what follows the scheme is not one token");
    *token = rest;
    return ASSAY_OK;
}
