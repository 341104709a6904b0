/* SPDX-License-Identifier: MIT */
#include "acquire/response_parts.h"

#include "base/guid.h"

/*
 * A server may repeat in its error what it was sent, and what it was sent are secrets. So of its words only those are shown that can't be one:
 * short ones, GUIDs, and names that are well known. Mail addresses are never shown.
 */

/* The shortest run of characters that counts as part of a secret. */
#define RUN 16
/* How much of a text is looked at: what is shown is shorter by far. */
#define LOOKED_AT 2048

static const char *const known[] = {
    /* RFC 6749, section 5.2; RFC 8693, section 2.2.2; OIDC Core, section 3.1.2.6; RFC 9470; Microsoft, "Error codes", and suberrors of MSAL */
    "unauthorized_client", "unsupported_grant_type", "temporarily_unavailable", "interaction_required",
    "consent_required", "insufficient_claims", "invalid_resource", "invalid_instance", "unsupported_token_type",
    "unsupported_response_type", "authorization_pending", "invalid_dpop_proof", "insufficient_scope",
    "additional_action", "protection_policy_required", "user_password_expired", "device_authentication_failed",
    "identity_not_found",
    /* Service Fabric; Google */
    "ManagedIdentityNotFound", "SecretHeaderNotFound", "ArgumentNullOrEmpty", "InvalidApiVersion",
    "InternalServerError", "INVALID_ARGUMENT", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "DEADLINE_EXCEEDED",
    /* in sentences */
    "AzureADTokenExchange", "AzureADTokenExchangeUSGov", "AzureADTokenExchangeChina", "AKSIdentityBinding",
    "client_assertion", "client_assertion_type", "client_credentials", "requested_token_use", "on_behalf_of",
    "authorization_code", "githubusercontent", "subject_token_type", "requested_token_type",
    "UnauthorizedClient_DoesNotMatchRequest"};

static bool is_known(assay_span text)
{
    for (size_t i = 0; i < ASSAY_COUNT_OF(known); i++)
        if (assay_span_is(text, known[i]))
            return true;
    return false;
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* What stands between words: no character of a token or of its alphabet. */
static bool is_between(char c)
{
    return (unsigned char)c <= ' ' || (unsigned char)c >= 0x7f || strchr("'\"`,;()[]<>{}|\\", c) != NULL;
}

/* Part of a word between dots, slashes and the like: not one that a secret would have. */
static bool is_tame(assay_span part)
{
    assay_guid guid;
    bool lower = false, upper = false, digit = false, other = false;
    for (size_t i = 0; i < part.len; i++) {
        lower = lower || is_lower(part.ptr[i]);
        upper = upper || is_upper(part.ptr[i]);
        digit = digit || is_digit(part.ptr[i]);
        other = other || strchr("~+=%&$*^!", part.ptr[i]) != NULL;
    }
    if (part.len < RUN)
        return !other && !(lower && upper && digit);
    return is_known(part) || assay_guid_read(part, true, &guid);
}

static bool ends_in(assay_span text, const char *end)
{
    size_t len = strlen(end);
    return text.len >= len && memcmp(text.ptr + text.len - len, end, len) == 0;
}

/*
 * The address of a person, such as Entra names where a user lacks a role (AADSTS50105): a domain with a dot in it after the "@". GitHub's
 * OWNER@ID/REPO@ID has none, and Google's accounts of services are no persons.
 */
static bool names_person(assay_span word)
{
    for (size_t at = 0; at < word.len; at++) {
        if (word.ptr[at] != '@')
            continue;
        assay_span domain = {word.ptr + at + 1, 0};
        while (at + 1 + domain.len < word.len && strchr("/:@?#", domain.ptr[domain.len]) == NULL)
            domain.len++;
        if (domain.len > 0 && memchr(domain.ptr, '.', domain.len - 1) != NULL &&
            !ends_in(domain, ".gserviceaccount.com"))
            return true;
    }
    return false;
}

static bool is_showable(assay_span word)
{
    if (names_person(word))
        return false;
    if (word.len < RUN)
        return true;
    for (size_t at = 0; at < word.len;) {
        assay_span part = {word.ptr + at, 0};
        while (at + part.len < word.len && strchr(":/.@?#", part.ptr[part.len]) == NULL)
            part.len++;
        if (!is_tame(part))
            return false;
        at += part.len + 1;
    }
    return true;
}

void assay_server_text(assay_span text, char *out, size_t size)
{
    static const char instead[] = "[...]";
    char clean[LOOKED_AT];
    size_t used = 0;
    size_t len = text.len < LOOKED_AT ? text.len : LOOKED_AT;
    for (size_t at = 0; at < len;) {
        assay_span word = {text.ptr + at, 0};
        while (at + word.len < len && !is_between(word.ptr[word.len]))
            word.len++;
        assay_span shown = is_showable(word) ? word : (assay_span){instead, sizeof instead - 1};
        if (shown.len > 0)
            memcpy(clean + used, shown.ptr, shown.len);
        used += shown.len;
        at += word.len;
        if (at < len)
            clean[used++] = text.ptr[at++];
    }
    assay_text_escape(clean, used, out, size);
}

void assay_server_name(assay_span name, char *out, size_t size)
{
    out[0] = '\0';
    bool good = name.len > 0 && name.len < size && (name.len < RUN || is_known(name));
    for (size_t i = 0; i < name.len && good; i++) {
        char c = name.ptr[i];
        good = is_lower(c) || is_upper(c) || is_digit(c) || c == '_' || c == '-' || c == '.';
    }
    if (!good)
        return;
    memcpy(out, name.ptr, name.len);
    out[name.len] = '\0';
}

static bool starts_with_nocase(assay_span text, const char *start)
{
    size_t len = strlen(start);
    return text.len >= len && assay_span_is_nocase((assay_span){text.ptr, len}, start);
}

/* Length of what is no text: a tag, or a script or style with all that is in it. 0: here is text. */
static size_t markup(assay_span page)
{
    if (page.len == 0 || page.ptr[0] != '<')
        return 0;
    const char *closing = starts_with_nocase(page, "<script")  ? "</script"
                          : starts_with_nocase(page, "<style") ? "</style"
                          : starts_with_nocase(page, "<!--")   ? "-->"
                                                               : ">";
    for (size_t at = 1; at < page.len; at++)
        if (starts_with_nocase((assay_span){page.ptr + at, page.len - at}, closing))
            return closing[0] == '<' ? at : at + strlen(closing);
    return page.len;
}

void assay_server_page(assay_span page, char *out, size_t size)
{
    char text[LOOKED_AT];
    size_t used = 0;
    size_t len = page.len < LOOKED_AT ? page.len : LOOKED_AT;
    for (size_t at = 0; at < len;) {
        size_t skipped = markup((assay_span){page.ptr + at, len - at});
        unsigned char byte = (unsigned char)page.ptr[at];
        bool blank = skipped > 0 || byte <= ' ' || byte >= 0x7f;
        if (!blank)
            text[used++] = (char)byte;
        else if (used > 0 && text[used - 1] != ' ')
            text[used++] = ' ';
        at += skipped > 0 ? skipped : 1;
    }
    while (used > 0 && text[used - 1] == ' ')
        used--;
    assay_server_text((assay_span){text, used}, out, size);
}

bool assay_server_text_holds_token(const char *text, size_t len)
{
    /* Of base64url; "eyJ" is how `{"` of a JOSE header begins. */
    size_t run = 0;
    bool jose = false;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        bool in = is_lower(c) || is_upper(c) || is_digit(c) || c == '_' || c == '-';
        run = in ? run + 1 : 0;
        jose = in && (jose || (run >= 3 && memcmp(text + i - 2, "eyJ", 3) == 0));
        if (run > 64 || (jose && run >= RUN))
            return true;
    }
    return false;
}
