/* SPDX-License-Identifier: MIT */
#include "token/check.h"
#include "token/claims.h"

/* Claims that the profile or the configuration demands. No value of a claim goes into a failure from here: any of them may be personal. */

/* Claims whose type their specification fixes as text (RFC 7519, section 4.1; RFC 9068, section 2.2; OIDC Core, section 2). */
static const char *const texts[] = {"sub", "jti", "client_id", "azp", "nonce", "acr", "at_hash", "c_hash"};

static int check_types(const assay_claims *token, assay_failure *failure)
{
    assay_json_value value;
    for (size_t i = 0; i < ASSAY_COUNT_OF(texts); i++) {
        if (assay_token_get(token, texts[i], &value) && value.type != ASSAY_JSON_STRING)
            return assay_fail_note(failure, ASSAY_E_CLAIM_TYPE, "%s is not a text", texts[i]);
    }
    return ASSAY_OK;
}

static int check_profile_claims(const assay_profile *profile, const assay_claims *token, assay_failure *failure)
{
    assay_json_value value;
    for (size_t i = 0; profile->required[i] != NULL; i++) {
        if (!assay_token_get(token, profile->required[i], &value))
            return assay_fail_note(failure, ASSAY_E_CLAIM_MISSING, "%s, which the profile %s demands",
                                   profile->required[i], profile->name);
        bool escaped;
        if (value.type == ASSAY_JSON_STRING && assay_json_string_raw(&value, &escaped).len == 0)
            return assay_fail_note(failure, ASSAY_E_CLAIM_MISSING, "%s is empty", profile->required[i]);
    }
    return ASSAY_OK;
}

static bool equals_one(const assay_json_value *value, const assay_text_list *wanted)
{
    for (size_t i = 0; i < wanted->count; i++) {
        if (assay_json_string_equal(value, wanted->items[i].ptr, wanted->items[i].len))
            return true;
    }
    return false;
}

static bool contains_all(const assay_json_value *value, const assay_text_list *wanted)
{
    for (size_t i = 0; i < wanted->count; i++) {
        if (!assay_claims_value_contains(value, wanted->items[i]))
            return false;
    }
    return true;
}

/* Name the claim by its pointer, which is our own configuration. */
static int requirement_failed(int code, const assay_requirement *requirement, assay_failure *failure)
{
    char pointer[ASSAY_LIMIT_FOUND_BYTES];
    assay_text_escape(requirement->pointer.ptr, requirement->pointer.len, pointer, sizeof pointer);
    return assay_fail_note(failure, code, "%s", pointer);
}

static int check_requirement(const assay_requirement *requirement, const assay_claims *token, assay_failure *failure)
{
    assay_json_value value;
    assay_span pointer = requirement->pointer;
    if (!assay_json_point(&token->payload, pointer.ptr, pointer.len, &value) || value.type == ASSAY_JSON_NULL)
        return requirement_failed(ASSAY_E_CLAIM_MISSING, requirement, failure);
    bool met = requirement->kind == ASSAY_REQUIRE_PRESENT ||
               (requirement->kind == ASSAY_REQUIRE_TEXT && equals_one(&value, &requirement->texts)) ||
               (requirement->kind == ASSAY_REQUIRE_CONTAINS && contains_all(&value, &requirement->texts));
    return met ? ASSAY_OK : requirement_failed(ASSAY_E_CLAIM_VALUE, requirement, failure);
}

static size_t count_audiences(const assay_claims *token)
{
    assay_json_value aud, element;
    size_t count = 0;
    if (!assay_token_get(token, "aud", &aud) || aud.type != ASSAY_JSON_ARRAY)
        return 1;
    for (size_t cursor = 0; assay_json_array_next(&aud, &cursor, &element);)
        count++;
    return count;
}

/*
 * With several audiences an ID token must say for whom it was made (OIDC Core, section 3.1.3.7, items 4 and 5). With one audience azp only
 * names the caller and is not compared.
 */
static int check_authorized_party(const assay_policy *policy, const assay_claims *token, assay_failure *failure)
{
    assay_json_value azp;
    if (policy->profile->kind != ASSAY_KIND_ID || count_audiences(token) < 2)
        return ASSAY_OK;
    if (!assay_token_get(token, "azp", &azp))
        return assay_fail_note(failure, ASSAY_E_AUTHORIZED_PARTY, "there are several audiences and no azp");
    bool ours = policy->client_id != NULL ? assay_json_string_equal(&azp, policy->client_id, strlen(policy->client_id))
                                          : equals_one(&azp, &policy->audiences);
    if (ours)
        return ASSAY_OK;
    bool escaped;
    assay_span found = assay_json_string_raw(&azp, &escaped);
    return assay_fail_found(failure, ASSAY_E_AUTHORIZED_PARTY, policy->client_id, found.ptr, found.len);
}

static int check_subject(const assay_policy *policy, const assay_claims *token, assay_failure *failure)
{
    assay_json_value sub;
    if (policy->subject == NULL)
        return ASSAY_OK;
    if (!assay_token_get(token, "sub", &sub) ||
        !assay_json_string_equal(&sub, policy->subject, strlen(policy->subject)))
        return assay_fail(failure, ASSAY_E_SUBJECT);
    return ASSAY_OK;
}

int assay_check_required(const assay_policy *policy, const assay_claims *token, assay_failure *failure)
{
    int code = check_types(token, failure);
    if (code != ASSAY_OK)
        return code;
    code = check_profile_claims(policy->profile, token, failure);
    if (code != ASSAY_OK)
        return code;
    code = check_authorized_party(policy, token, failure);
    if (code != ASSAY_OK)
        return code;
    code = check_subject(policy, token, failure);
    for (size_t i = 0; i < policy->requirement_count && code == ASSAY_OK; i++)
        code = check_requirement(&policy->requirements[i], token, failure);
    return code;
}
