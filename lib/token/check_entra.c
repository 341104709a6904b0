/* SPDX-License-Identifier: MIT */
#include "token/caller.h"
#include "token/check.h"

/* The checks that only tokens of Entra need, and the reasons that people meet with them. */

int assay_check_issuer(const assay_policy *policy, assay_claims *token, assay_span issuer, assay_failure *failure)
{
    assay_span tenant;
    int version;
    token->profile = policy->profile;
    token->entra = policy->entra;
    if (policy->entra == NULL)
        return ASSAY_OK;
    if (!assay_entra_match(policy->entra, issuer, &tenant, &version))
        return assay_fail(failure, ASSAY_E_INTERNAL); /* the issuer was found by that */
    memcpy(token->tenant, tenant.ptr, tenant.len);
    token->tenant[tenant.len] = '\0';
    token->version = (uint8_t)version;
    token->cloud = policy->entra->cloud;
    token->strict_idtyp = policy->entra->require_idtyp;
    return assay_entra_check_before(policy->entra, &token->header, &token->payload, tenant, version, failure);
}

bool assay_check_is_meant_for(const assay_policy *policy, const assay_claims *token, assay_span issuer)
{
    const assay_entra *entra = policy->entra;
    assay_span tenant;
    int version;
    if (entra == NULL || !assay_entra_match(entra, issuer, &tenant, &version))
        return entra == NULL;
    return assay_entra_takes_version(entra, version) && assay_entra_has_policy(entra, &token->payload);
}

int assay_check_keys(const assay_policy *policy, const assay_claims *token, assay_jwk **keys, size_t *count,
                     assay_failure *failure)
{
    size_t permitted = 0;
    int refused = ASSAY_OK;
    if (policy->entra == NULL)
        return ASSAY_OK;
    for (size_t i = 0; i < *count; i++) {
        int code = assay_entra_check_key(policy->entra, keys[i], token->tenant, failure);
        if (code == ASSAY_OK)
            keys[permitted++] = keys[i];
        else
            refused = code;
    }
    *count = permitted;
    return permitted > 0 ? ASSAY_OK : refused;
}

/* Present, and of the type that it has in tokens of Entra (Microsoft, "Access token claims reference"). ASSAY_E_ABSENT, ASSAY_E_CLAIM_TYPE. */
static int read_scopes(const assay_claims *token, assay_failure *failure)
{
    assay_json_value value;
    if (!assay_token_get(token, "scp", &value))
        return ASSAY_E_ABSENT;
    if (value.type != ASSAY_JSON_STRING)
        return assay_fail_note(failure, ASSAY_E_CLAIM_TYPE, "scp is not a text");
    return assay_caller_has_scope(token) ? ASSAY_OK : ASSAY_E_ABSENT;
}

static int read_roles(const assay_claims *token, assay_failure *failure)
{
    assay_json_value value, element;
    size_t count = 0;
    if (!assay_token_get(token, "roles", &value))
        return ASSAY_E_ABSENT;
    if (value.type != ASSAY_JSON_ARRAY)
        return assay_fail_note(failure, ASSAY_E_CLAIM_TYPE, "roles is not an array of texts");
    for (size_t cursor = 0; assay_json_array_next(&value, &cursor, &element); count++)
        if (element.type != ASSAY_JSON_STRING)
            return assay_fail_note(failure, ASSAY_E_CLAIM_TYPE, "an element of roles is not a text");
    return count > 0 ? ASSAY_OK : ASSAY_E_ABSENT;
}

static bool lists(const assay_entra *entra, const assay_claims *token, const assay_json_value *id, bool is_client)
{
    bool escaped;
    return assay_entra_lists(entra, assay_span_of(token->tenant), assay_json_string_raw(id, &escaped), is_client);
}

/* A client's id counts for what it does in its own name; what a user does through it is the user's. */
static bool is_listed(const assay_entra *entra, const assay_claims *token)
{
    assay_json_value id;
    if (entra->caller_count == 0)
        return false;
    if (assay_caller_object_id(token, &id) && lists(entra, token, &id, false))
        return true;
    return assay_caller_is_application(token) && assay_caller_client_id(token, &id) && lists(entra, token, &id, true);
}

/*
 * An access token names its client and grants something, or its caller is known here; an ID token may have roles too, but neither client nor scope (Microsoft,
 * "Protected web API: verify scopes and app roles"; "ID token claims reference").
 */
int assay_check_access(const assay_policy *policy, assay_claims *token, assay_failure *failure)
{
    assay_json_value client;
    if (policy->entra == NULL)
        return ASSAY_OK;
    int scopes = read_scopes(token, failure);
    if (scopes == ASSAY_E_CLAIM_TYPE)
        return scopes;
    int roles = read_roles(token, failure);
    if (roles == ASSAY_E_CLAIM_TYPE)
        return roles;
    bool b2c = policy->entra->kind == ASSAY_ENTRA_B2C;
    bool has_client = assay_caller_client_id(token, &client);
    if (!has_client && (!b2c || scopes != ASSAY_OK))
        return assay_fail_note(failure, ASSAY_E_ID_TOKEN, "it names no client (%s)",
                               token->version == 1 ? "appid" : "azp");
    token->caller_listed = is_listed(policy->entra, token);
    if (scopes == ASSAY_OK || roles == ASSAY_OK || token->caller_listed)
        return ASSAY_OK;
    return assay_fail(failure, ASSAY_E_NO_PERMISSION);
}

int assay_check_explain_issuer(assay_span issuer, bool has_entra, int code, assay_failure *failure)
{
    if (failure == NULL || assay_entra_find_cloud_of_issuer(issuer) == NULL)
        return code;
    failure->hint =
        has_entra
            ? "the token is of another cloud of Entra than the configured one, or of no form that it issues: configure "
              "the cloud that the token comes from"
            : "the token is Entra's: configure its issuer by assay_issuer_entra_new() (profile entra), "
              "which knows both versions and the tenants";
    return code;
}

void assay_check_explain_audience(const assay_policy *policy, assay_span audience, assay_failure *failure)
{
    static const struct {
        const char *audience, *hint;
    } known[] = {
        {"00000003-0000-0000-c000-000000000000", "graph"}, {"https://graph.microsoft.com", "graph"},
        {"https://graph.microsoft.com/", "graph"},         {"https://management.azure.com", "arm"},
        {"https://management.azure.com/", "arm"},          {"https://management.core.windows.net", "arm"},
        {"https://management.core.windows.net/", "arm"},   {"797f4846-ba00-4fd7-ba43-dac1f8f63013", "arm"},
    };
    static const char graph[] =
        "the token is for Microsoft Graph: ask for a scope of this API, such as api://CLIENT-ID/.default";
    static const char arm[] =
        "the token is for Azure Resource Manager: ask for a scope of this API, such as api://CLIENT-ID/.default";
    for (size_t i = 0; policy->entra != NULL && failure != NULL && i < ASSAY_COUNT_OF(known); i++)
        if (assay_span_is(audience, known[i].audience))
            failure->hint = known[i].hint[0] == 'g' ? graph : arm;
}
