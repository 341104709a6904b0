/* SPDX-License-Identifier: MIT */
#include "profile/profile.h"

#include "base/memory.h"

static const char *const access_types[] = {"jwt", "at+jwt", NULL};
static const char *const at_types[] = {"at+jwt", NULL};
static const char *const id_types[] = {"jwt", NULL};

static const char *const no_claims[] = {NULL};
/* RFC 9068, section 2.2. */
static const char *const rfc9068_claims[] = {"iss", "exp", "aud", "sub", "client_id", "iat", "jti", NULL};
/* OIDC Core, section 2. */
static const char *const id_claims[] = {"iss", "sub", "aud", "exp", "iat", NULL};

static const assay_profile profiles[] = {
    {"generic", ASSAY_KIND_ACCESS, access_types, true, "JWT, at+jwt or none", no_claims, false, ASSAY_LIMIT_RETENTION},
    {"rfc9068", ASSAY_KIND_ACCESS, at_types, false, "at+jwt", rfc9068_claims, false, ASSAY_LIMIT_RETENTION},
    {"id-token", ASSAY_KIND_ID, id_types, true, "JWT or none", id_claims, false, ASSAY_LIMIT_RETENTION},
};

const assay_profile *assay_profile_find(const char *name)
{
    for (size_t i = 0; i < ASSAY_COUNT_OF(profiles); i++) {
        if (strcmp(profiles[i].name, name) == 0)
            return &profiles[i];
    }
    return NULL;
}

/* A media type without its "application/" (RFC 7515, section 4.1.9). */
static assay_span short_type(assay_span typ)
{
    static const char prefix[] = "application/";
    size_t len = sizeof prefix - 1;
    if (typ.len > len && assay_span_is_nocase((assay_span){typ.ptr, len}, prefix))
        return (assay_span){typ.ptr + len, typ.len - len};
    return typ;
}

static bool is_at_jwt(const assay_span *typ)
{
    return typ != NULL && assay_span_is_nocase(short_type(*typ), "at+jwt");
}

int assay_profile_check_typ(const assay_profile *profile, const assay_span *typ, assay_failure *failure)
{
    if (typ == NULL && profile->type_optional)
        return ASSAY_OK;
    if (typ == NULL)
        return assay_fail_found(failure, ASSAY_E_TYP, profile->expected_type, "none", 4);
    for (size_t i = 0; profile->types[i] != NULL; i++) {
        if (assay_span_is_nocase(short_type(*typ), profile->types[i]))
            return ASSAY_OK;
    }
    int code = profile->kind == ASSAY_KIND_ID && is_at_jwt(typ) ? ASSAY_E_ACCESS_TOKEN : ASSAY_E_TYP;
    return assay_fail_found(failure, code, profile->expected_type, typ->ptr, typ->len);
}

static bool has(const assay_json_object *payload, const char *name)
{
    return assay_json_find(payload, name, strlen(name)) != NULL;
}

/* Whether the payload's own `typ`, which Keycloak writes, has this value. */
static bool payload_typ_is(const assay_json_object *payload, const char *value)
{
    const assay_json_member *member = assay_json_find(payload, "typ", 3);
    if (member == NULL)
        return false;
    assay_json_value typ = assay_json_value_of(payload, member);
    return assay_json_string_equal(&typ, value, strlen(value));
}

/*
 * Members that only an ID token has: at_hash and c_hash (OIDC Core, sections 3.1.3.6 and 3.3.2.11), or a nonce without anything that speaks of
 * authorisation (some servers copy the nonce into access tokens, which then carry a scope or a client_id).
 */
static bool looks_like_id_token(const assay_json_object *payload)
{
    if (payload_typ_is(payload, "ID") || has(payload, "at_hash") || has(payload, "c_hash"))
        return true;
    return has(payload, "nonce") && !has(payload, "scope") && !has(payload, "scp") && !has(payload, "client_id");
}

static bool looks_like_access_token(const assay_json_object *payload)
{
    if (payload_typ_is(payload, "Bearer"))
        return true;
    bool authorises = has(payload, "scope") || has(payload, "scp");
    return authorises && !has(payload, "nonce") && !has(payload, "at_hash") && !has(payload, "c_hash");
}

int assay_profile_check_kind(const assay_profile *profile, const assay_span *typ, const assay_json_object *payload,
                             assay_failure *failure)
{
    /* `events` makes a security event or logout token (RFC 8417, section 2.2; OIDC Back-Channel Logout, section 2.4). */
    if (has(payload, "events"))
        return assay_fail_note(failure, ASSAY_E_TYP, "it is a security event or logout token");
    if (payload_typ_is(payload, "Refresh") || payload_typ_is(payload, "Offline") || payload_typ_is(payload, "Logout"))
        return assay_fail_note(failure, ASSAY_E_TYP, "it is a refresh or logout token");
    if (profile->kind == ASSAY_KIND_ACCESS && !is_at_jwt(typ) && looks_like_id_token(payload))
        return assay_fail(failure, ASSAY_E_ID_TOKEN);
    if (profile->kind == ASSAY_KIND_ID && looks_like_access_token(payload))
        return assay_fail(failure, ASSAY_E_ACCESS_TOKEN);
    return ASSAY_OK;
}
