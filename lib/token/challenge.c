/* SPDX-License-Identifier: MIT */
#include "token/challenge.h"

#include "base/base64url.h"

#include <stdio.h>

/* `{"access_token":{"acrs":{"essential":true,"value":"…"}}}` and its terminator. */
#define REQUEST_BYTES (ASSAY_LIMIT_CONTEXT_BYTES + 64)

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static int check_context(const char *context, assay_failure *failure)
{
    size_t len = strlen(context);
    bool good = len > 0 && len <= ASSAY_LIMIT_CONTEXT_BYTES;
    for (size_t i = 0; i < len && good; i++)
        good = is_word(context[i]);
    if (good)
        return ASSAY_OK;
    return assay_fail_note(failure, ASSAY_E_ARGUMENT, "the context is not 1 to %d letters, digits, \"-\" or \"_\"",
                           ASSAY_LIMIT_CONTEXT_BYTES);
}

/* A blank and what is printable: RFC 9110, section 5.6.4, also lets tabs and bytes beyond ASCII into a quoted text, which few clients read alike. */
static int check_realm(const char *realm, assay_failure *failure)
{
    size_t len = strlen(realm);
    if (len > ASSAY_LIMIT_REALM_BYTES)
        return assay_fail_note(failure, ASSAY_E_ARGUMENT, "the realm is longer than %d bytes", ASSAY_LIMIT_REALM_BYTES);
    for (size_t i = 0; i < len; i++)
        if (realm[i] < 0x20 || realm[i] > 0x7e)
            return assay_fail_note(failure, ASSAY_E_ARGUMENT, "the realm is not printable ASCII");
    return ASSAY_OK;
}

static int check_uri(const char *uri, assay_failure *failure)
{
    static const char scheme[] = "https://";
    if (uri == NULL)
        return assay_fail_note(failure, ASSAY_E_ARGUMENT, "the token's cloud has no known authorization_uri: give one");
    size_t len = strlen(uri);
    bool good = len >= sizeof scheme && len <= ASSAY_LIMIT_URL_BYTES && memcmp(uri, scheme, sizeof scheme - 1) == 0;
    for (size_t i = 0; i < len && good; i++)
        good = uri[i] > 0x20 && uri[i] < 0x7f && uri[i] != '"' && uri[i] != '\\';
    if (good)
        return ASSAY_OK;
    return assay_fail_note(failure, ASSAY_E_ARGUMENT, "the authorization_uri is not an https URL");
}

int assay_challenge_check(const assay_challenge *challenge, assay_failure *failure)
{
    int code = check_context(challenge->context, failure);
    if (code == ASSAY_OK)
        code = check_realm(challenge->realm, failure);
    return code != ASSAY_OK ? code : check_uri(challenge->authorization_uri, failure);
}

/* Microsoft, "Claims challenges, claims requests and client capabilities", "Claims challenge header format". */
void assay_challenge_write(const assay_challenge *challenge, assay_buffer *out)
{
    char request[REQUEST_BYTES], claims[ASSAY_BASE64_ENCODED(REQUEST_BYTES) + 1];
    int len = snprintf(request, sizeof request, "{\"access_token\":{\"acrs\":{\"essential\":true,\"value\":\"%.*s\"}}}",
                       ASSAY_LIMIT_CONTEXT_BYTES, challenge->context);
    assay_base64_encode((const uint8_t *)request, (size_t)len, claims);
    assay_buffer_put(out, "Bearer realm=\"");
    for (const char *at = challenge->realm; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\')
            assay_buffer_put(out, "\\");
        assay_buffer_add(out, at, 1);
    }
    assay_buffer_put(out, "\", authorization_uri=\"");
    assay_buffer_put(out, challenge->authorization_uri);
    assay_buffer_put(out, "\", error=\"insufficient_claims\", claims=\"");
    assay_buffer_put(out, claims);
    assay_buffer_put(out, "\"");
}
