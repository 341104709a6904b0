/* SPDX-License-Identifier: MIT */
#include "requirements.h"

#include <string.h>

bool cli_scope_is_valid(const char *scope)
{
    for (const char *at = scope; *at != '\0'; at++)
        if (*at < 0x21 || *at > 0x7e || *at == '"' || *at == '\\')
            return false;
    return scope[0] != '\0';
}

/* One of the words that blanks separate (RFC 8693, section 4.2). */
static bool has_word(const char *text, size_t len, const char *word)
{
    size_t word_len = strlen(word);
    for (size_t at = 0; at < len;) {
        const char *blank = memchr(text + at, ' ', len - at);
        size_t end = blank == NULL ? len : (size_t)(blank - text);
        if (end - at == word_len && memcmp(text + at, word, word_len) == 0)
            return true;
        at = end + 1;
    }
    return false;
}

static bool text_has_word(const assay_claims *claims, const char *name, const char *word)
{
    const char *text = NULL;
    size_t len = 0;
    return assay_claims_get_text(claims, name, &text, &len) == ASSAY_OK && has_word(text, len, word);
}

/* Only a real array: a single text is not the shape that `roles` has. */
static bool array_has(const assay_claims *claims, const char *name, const char *value)
{
    const char *raw = NULL;
    size_t raw_len = 0;
    if (assay_claims_get_raw(claims, name, &raw, &raw_len) != ASSAY_OK || raw_len == 0 || raw[0] != '[')
        return false;
    size_t count = 0;
    if (assay_claims_get_text_count(claims, name, &count) != ASSAY_OK)
        return false;
    for (size_t i = 0; i < count; i++) {
        const char *text = NULL;
        size_t len = 0;
        if (assay_claims_get_text_at(claims, name, i, &text, &len) != ASSAY_OK)
            return false;
        if (len == strlen(value) && memcmp(text, value, len) == 0)
            return true;
    }
    return false;
}

static bool has_scope(const assay_claims *claims, const char *scope)
{
    return text_has_word(claims, "scope", scope) || text_has_word(claims, "scp", scope) ||
           array_has(claims, "scp", scope);
}

/* RFC 6750, section 3.1: 403 and insufficient_scope, with the scopes that are needed. */
static void refuse_scope(const cli_list *scopes, const char *missing, cli_verdict *verdict, cli_text *text)
{
    cli_text_put(text, "Bearer error=\"insufficient_scope\", scope=\"");
    for (size_t i = 0; i < scopes->count; i++) {
        cli_text_put(text, i == 0 ? "" : " ");
        cli_text_put(text, scopes->items[i]);
    }
    cli_text_put(text, "\"");
    verdict->check = "scope";
    verdict->expected = missing;
    verdict->message = "the token is genuine, but its scope or scp claim lacks a demanded scope";
    verdict->hint = "obtain a token with this scope, or correct --require-scope";
    verdict->www_authenticate = text->ptr;
}

static void refuse_role(const char *missing, cli_verdict *verdict)
{
    verdict->check = "role";
    verdict->expected = missing;
    verdict->message = "the token is genuine, but its roles claim lacks a demanded role";
    verdict->hint = "have the role assigned to this caller, or correct --require-role";
    verdict->www_authenticate = "Bearer error=\"insufficient_scope\"";
}

int cli_requirements_check(const assay_claims *claims, const cli_list *scopes, const cli_list *roles,
                           cli_verdict *verdict, cli_text *text)
{
    cli_verdict refusal = {.code = ASSAY_E_CLAIM_VALUE, .found = "", .found_is_verified = true, .http_status = 403};
    for (size_t i = 0; i < scopes->count; i++) {
        if (has_scope(claims, scopes->items[i]))
            continue;
        refuse_scope(scopes, scopes->items[i], &refusal, text);
        *verdict = refusal;
        return refusal.code;
    }
    for (size_t i = 0; i < roles->count; i++) {
        if (array_has(claims, "roles", roles->items[i]))
            continue;
        refuse_role(roles->items[i], &refusal);
        *verdict = refusal;
        return refusal.code;
    }
    return ASSAY_OK;
}
