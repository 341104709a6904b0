/* SPDX-License-Identifier: MIT */
#include "profile/entra.h"

#include "base/memory.h"

#include <stdlib.h>

/* What a token shows of whose it is, and which keys may sign that. Everything here is compared byte by byte. */

#define PUBLIC_V2 "https://login.microsoftonline.com/" ASSAY_ENTRA_TENANT "/v2.0"

/* Whether an issuer is a template with a tenant's GUID in lower case in it (Microsoft, "Secure applications by validating claims"). */
static bool fits_template(const char *template, assay_span issuer, assay_span *tenant)
{
    const char *place = template == NULL ? NULL : strstr(template, ASSAY_ENTRA_TENANT);
    size_t prefix = place == NULL ? 0 : (size_t)(place - template);
    assay_guid guid;
    if (place == NULL || issuer.len < prefix + ASSAY_GUID_TEXT || memcmp(issuer.ptr, template, prefix) != 0)
        return false;
    assay_span found = {issuer.ptr + prefix, ASSAY_GUID_TEXT};
    if (!assay_guid_read(found, false, &guid))
        return false;
    const char *rest = place + sizeof ASSAY_ENTRA_TENANT - 1;
    assay_span tail = {found.ptr + found.len, issuer.len - prefix - found.len};
    if (strstr(rest, ASSAY_ENTRA_TENANT) == NULL) {
        *tenant = found;
        return assay_span_is(tail, rest);
    }
    char filled[ASSAY_ENTRA_ISSUER_BYTES];
    *tenant = found;
    return assay_entra_fill(rest, found, filled, sizeof filled) && assay_span_is(tail, filled);
}

assay_span assay_entra_find_tenant(assay_span url)
{
    assay_guid guid;
    assay_span none = {url.ptr, 0};
    for (size_t at = 0; at + 1 + ASSAY_GUID_TEXT <= url.len; at++) {
        assay_span found = {url.ptr + at + 1, ASSAY_GUID_TEXT};
        bool ends = at + 1 + found.len == url.len || found.ptr[found.len] == '/';
        if (url.ptr[at] == '/' && ends && assay_guid_read(found, false, &guid))
            return found;
    }
    return none;
}

bool assay_entra_match(const assay_entra *entra, assay_span issuer, assay_span *tenant, int *version)
{
    if (entra->kind == ASSAY_ENTRA_B2C) {
        *version = 2;
        *tenant = assay_entra_find_tenant(issuer);
        return assay_span_is(issuer, entra->v2);
    }
    *version = 2;
    if (fits_template(entra->v2, issuer, tenant))
        return true;
    *version = 1;
    return fits_template(entra->v1, issuer, tenant);
}

static bool get(const assay_json_object *object, const char *name, assay_json_value *value)
{
    const assay_json_member *member = assay_json_find(object, name, strlen(name));
    if (member != NULL)
        *value = assay_json_value_of(object, member);
    return member != NULL;
}

static bool is_text(const assay_json_object *payload, const char *name, const char *text)
{
    assay_json_value value;
    return get(payload, name, &value) && assay_json_string_equal(&value, text, strlen(text));
}

/* What may be shown of a claim that should have been a text. */
static int fail_with(int code, const char *expected, const assay_json_value *found, assay_failure *failure)
{
    bool escaped;
    bool text = found != NULL && found->type == ASSAY_JSON_STRING;
    assay_span shown =
        text ? assay_json_string_raw(found, &escaped) : assay_span_of(found == NULL ? "none" : "no text");
    return assay_fail_found(failure, code, expected, shown.ptr, shown.len);
}

/* `ver` is "1.0" or "2.0" and agrees with the form of `iss`; B2C says "1.0" whatever it is (Microsoft, "Access tokens"). */
static int check_version(const assay_entra *entra, const assay_json_object *payload, int version,
                         assay_failure *failure)
{
    static const char only_v2[] = "set requestedAccessTokenVersion to 2 in the manifest of the API's app registration, "
                                  "or accept tokens of version 1 too";
    static const char only_v1[] = "set requestedAccessTokenVersion to 1 or null in the manifest of the API's app "
                                  "registration, or accept tokens of version 2 too";
    assay_json_value found;
    if (entra->kind == ASSAY_ENTRA_B2C)
        return ASSAY_OK;
    if (!assay_entra_takes_version(entra, version)) {
        int code =
            assay_fail_found(failure, ASSAY_E_VERSION, version == 1 ? "2.0" : "1.0", version == 1 ? "1.0" : "2.0", 3);
        if (failure != NULL)
            failure->hint = version == 1 ? only_v2 : only_v1;
        return code;
    }
    const char *expected = version == 1 ? "1.0" : "2.0";
    if (is_text(payload, "ver", expected))
        return ASSAY_OK;
    int code = fail_with(ASSAY_E_VERSION, expected, get(payload, "ver", &found) ? &found : NULL, failure);
    if (failure != NULL)
        failure->hint = "ver and the form of iss contradict each other; find out where the token comes from";
    return code;
}

/* Another `tid` for whoever reads names without regard to case. */
static bool has_rival_tenant(const assay_json_object *payload)
{
    static const char *const names[] = {"TID", "Tid", "tId", "tiD", "TId", "TiD", "tID"};
    assay_json_value value;
    for (size_t i = 0; i < ASSAY_COUNT_OF(names); i++)
        if (get(payload, names[i], &value))
            return true;
    return false;
}

static int check_tenant(const assay_entra *entra, const assay_json_object *payload, assay_span tenant,
                        assay_failure *failure)
{
    assay_json_value tid;
    char expected[ASSAY_GUID_TEXT + 1] = "";
    bool present = get(payload, "tid", &tid);
    if (has_rival_tenant(payload))
        return assay_fail_note(failure, ASSAY_E_TENANT_ID, "there is a tid in another case too");
    memcpy(expected, tenant.ptr, tenant.len);
    expected[tenant.len] = '\0';
    if (entra->kind == ASSAY_ENTRA_B2C && !present)
        return ASSAY_OK;
    if (!present || !assay_json_string_equal(&tid, tenant.ptr, tenant.len))
        return fail_with(ASSAY_E_TENANT_ID, expected, present ? &tid : NULL, failure);
    return ASSAY_OK;
}

/* Where no organisation is as good as any other, the validator's table has found the tenant in the list. */
static int check_accepted(const assay_entra *entra, assay_span tenant, assay_failure *failure)
{
    if (!entra->any_organization || entra->consumers || !assay_span_is(tenant, ASSAY_ENTRA_CONSUMERS))
        return ASSAY_OK;
    return assay_fail_note(failure, ASSAY_E_TENANT, "personal Microsoft accounts are not accepted here");
}

bool assay_entra_has_policy(const assay_entra *entra, const assay_json_object *payload)
{
    assay_json_value value;
    bool escaped;
    if (entra->kind != ASSAY_ENTRA_B2C)
        return true;
    if (!get(payload, "tfp", &value) && !get(payload, "acr", &value))
        return false;
    return value.type == ASSAY_JSON_STRING &&
           assay_span_is_nocase(assay_json_string_raw(&value, &escaped), entra->policy);
}

int assay_entra_check_before(const assay_entra *entra, const assay_json_object *header,
                             const assay_json_object *payload, assay_span tenant, int version, assay_failure *failure)
{
    assay_json_value value;
    /* Graph's tokens are signed over another nonce than the one they carry, so that nobody else can verify them. */
    if (get(header, "nonce", &value))
        return assay_fail(failure, ASSAY_E_GRAPH_TOKEN);
    int code = check_version(entra, payload, version, failure);
    if (code == ASSAY_OK)
        code = check_tenant(entra, payload, tenant, failure);
    if (code == ASSAY_OK)
        code = check_accepted(entra, tenant, failure);
    if (code != ASSAY_OK || assay_entra_has_policy(entra, payload))
        return code;
    bool named = get(payload, "tfp", &value) || get(payload, "acr", &value);
    return fail_with(ASSAY_E_POLICY, entra->policy, named ? &value : NULL, failure);
}

/*
 * A key's `issuer` says whose tokens it may sign: with a template any tenant's, with a GUID that tenant's alone. Without this check a key of
 * personal accounts signs for organisations (Storm-0558). B2C's keys have none (Microsoft, "Access tokens", "Validate the issuer").
 */
static int check_key_issuer(const assay_entra *entra, const assay_jwk *key, assay_span tenant, assay_failure *failure)
{
    char found[ASSAY_ENTRA_ISSUER_BYTES], expected[ASSAY_ENTRA_ISSUER_BYTES];
    if (entra->ignore_key_issuer || (key->issuer == NULL && entra->kind != ASSAY_ENTRA_WORK))
        return ASSAY_OK;
    if (key->issuer == NULL)
        return assay_fail_note(failure, ASSAY_E_KEY_ISSUER, "the key has no issuer; those of the v2 endpoint have one");
    bool filled = assay_entra_fill(key->issuer, tenant, found, sizeof found);
    if (filled && assay_entra_fill(entra->v2, tenant, expected, sizeof expected) && strcmp(found, expected) == 0)
        return ASSAY_OK;
    /* No key set of External ID is published: that its keys name the host for employees would say no less of the tenant. */
    if (filled && entra->kind == ASSAY_ENTRA_EXTERNAL_ID &&
        assay_entra_fill(PUBLIC_V2, tenant, expected, sizeof expected) && strcmp(found, expected) == 0)
        return ASSAY_OK;
    return assay_fail_found(failure, ASSAY_E_KEY_ISSUER, entra->v2, key->issuer, strlen(key->issuer));
}

int assay_entra_check_key(const assay_entra *entra, const assay_jwk *key, const char *tenant, assay_failure *failure)
{
    int code = check_key_issuer(entra, key, assay_span_of(tenant), failure);
    if (code != ASSAY_OK)
        return code;
    if (entra->ignore_key_cloud || entra->instance == NULL || key->cloud == NULL ||
        strcmp(entra->instance, key->cloud) == 0)
        return ASSAY_OK;
    return assay_fail_found(failure, ASSAY_E_KEY_CLOUD, entra->instance, key->cloud, strlen(key->cloud));
}
