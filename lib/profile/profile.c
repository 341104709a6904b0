/* SPDX-License-Identifier: MIT */
#include "profile/profile.h"

#include "base/memory.h"

#include <stdio.h>

static const char *const access_types[] = {"jwt", "at+jwt", NULL};
static const char *const at_types[] = {"at+jwt", NULL};
static const char *const jwt_types[] = {"jwt", NULL};

static const char *const no_claims[] = {NULL};
/* RFC 9068, section 2.2. */
static const char *const rfc9068_claims[] = {"iss", "exp", "aud", "sub", "client_id", "iat", "jti", NULL};
/* OIDC Core, section 2. */
static const char *const id_claims[] = {"iss", "sub", "aud", "exp", "iat", NULL};

/* Microsoft, "Access token claims reference". `tid`, `ver` and who may be called what are looked at in entra_match.c. */
static const char *const entra_claims[] = {"iss", "aud", "exp", "iat", "nbf", "sub", NULL};

static const assay_profile profiles[] = {
    {"generic", ASSAY_FAMILY_OAUTH, ASSAY_KIND_ACCESS, access_types, true, "JWT, at+jwt or none", no_claims, false,
     ASSAY_LIMIT_RETENTION},
    {"rfc9068", ASSAY_FAMILY_OAUTH, ASSAY_KIND_ACCESS, at_types, false, "at+jwt", rfc9068_claims, false,
     ASSAY_LIMIT_RETENTION},
    {"id-token", ASSAY_FAMILY_OAUTH, ASSAY_KIND_ID, jwt_types, true, "JWT or none", id_claims, false,
     ASSAY_LIMIT_RETENTION},
    {"entra", ASSAY_FAMILY_ENTRA, ASSAY_KIND_ACCESS, jwt_types, true, "JWT or none", entra_claims, true,
     ASSAY_LIMIT_RETENTION_ENTRA},
    {"entra-external-id", ASSAY_FAMILY_ENTRA, ASSAY_KIND_ACCESS, jwt_types, true, "JWT or none", entra_claims, true,
     ASSAY_LIMIT_RETENTION_ENTRA},
    {"entra-b2c", ASSAY_FAMILY_B2C, ASSAY_KIND_ACCESS, jwt_types, true, "JWT or none", entra_claims, true,
     ASSAY_LIMIT_RETENTION_ENTRA},
    /* Service-account tokens have no typ; those of an external signer have JWT. What else these have to say: family.c. */
    {"kubernetes", ASSAY_FAMILY_KUBERNETES, ASSAY_KIND_ACCESS, jwt_types, true, "JWT or none", id_claims, true,
     ASSAY_LIMIT_RETENTION},
    {"github", ASSAY_FAMILY_GITHUB, ASSAY_KIND_ACCESS, jwt_types, true, "JWT or none", id_claims, false,
     ASSAY_LIMIT_RETENTION},
    {"gitlab", ASSAY_FAMILY_GITLAB, ASSAY_KIND_ACCESS, jwt_types, true, "JWT or none", id_claims, false,
     ASSAY_LIMIT_RETENTION},
    {"google", ASSAY_FAMILY_GOOGLE, ASSAY_KIND_ID, jwt_types, true, "JWT or none", id_claims, false,
     ASSAY_LIMIT_RETENTION},
    /* at+jwt where a client is set to it. */
    {"keycloak", ASSAY_FAMILY_KEYCLOAK, ASSAY_KIND_ACCESS, access_types, false, "JWT or at+jwt", id_claims, false,
     ASSAY_LIMIT_RETENTION},
};

const assay_profile *assay_profile_find(const char *name)
{
    for (size_t i = 0; i < ASSAY_COUNT_OF(profiles); i++) {
        if (strcmp(profiles[i].name, name) == 0)
            return &profiles[i];
    }
    return NULL;
}

bool assay_profile_is_entra(const assay_profile *profile)
{
    return profile->family == ASSAY_FAMILY_ENTRA || profile->family == ASSAY_FAMILY_B2C;
}

void assay_profile_list(char *text, size_t size)
{
    size_t len = 0;
    text[0] = '\0';
    for (size_t i = 0; i < ASSAY_COUNT_OF(profiles); i++) {
        const char *before = len == 0 ? "" : i + 1 < ASSAY_COUNT_OF(profiles) ? ", " : " or ";
        if (!assay_profile_is_entra(&profiles[i]) && len < size)
            len += (size_t)snprintf(text + len, size - len, "%s%s", before, profiles[i].name);
    }
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

/* Whether a member of the payload, such as the `typ` that Keycloak writes there, is this text. */
static bool member_is(const assay_json_object *payload, const char *name, const char *text)
{
    const assay_json_member *member = assay_json_find(payload, name, strlen(name));
    if (member == NULL)
        return false;
    assay_json_value value = assay_json_value_of(payload, member);
    return assay_json_string_equal(&value, text, strlen(text));
}

/*
 * What speaks for one kind of token, from weak to strong. The heaviest member of either side counts, and the heavier side wins; where both are as
 * heavy the token passes for what it was taken for.
 */
typedef enum weight {
    NOTHING,
    FAINT,    /* found in the tokens of one kind, and now and then in the other's */
    USUAL,    /* found in one kind by its specification, and with some servers in the other */
    STRONG,   /* in the other kind only beside a member of DECISIVE weight */
    DECISIVE, /* what the kind is for */
    OUTRIGHT  /* says or proves it; nothing outweighs it */
} weight;

typedef struct sign {
    const char *name;
    const char *text; /* NULL: the member is there; otherwise it is this text */
    weight weight;
    bool excuse_only; /* in ID tokens as well: excuses signs of an ID token, and accuses of nothing */
} sign;

static const sign id_signs[] = {
    {"typ", "ID", OUTRIGHT, false},       /* Keycloak, org.keycloak.util.TokenUtil */
    {"token_use", "id", OUTRIGHT, false}, /* Amazon Cognito, "Understanding the identity (ID) token" */
    {"at_hash", NULL, OUTRIGHT, false},   /* OIDC Core, section 3.1.3.6 */
    {"c_hash", NULL, OUTRIGHT, false},    /* OIDC Core, section 3.3.2.11 */
    {"nonce", NULL, STRONG, false},    /* OIDC Core, section 2; Entra B2C, authentik: in access tokens, with scopes */
    {"auth_time", NULL, USUAL, false}, /* OIDC Core, section 2; RFC 9068, section 2.2.1 */
    {"amr", NULL, FAINT, false},       /* OIDC Core, section 2; RFC 9068, section 2.2.1; Supabase: beside role */
    {"sid", NULL, FAINT, false},       /* OIDC Front-Channel Logout, section 3; WorkOS: beside role */
};

static const sign access_signs[] = {
    {"typ", "Bearer", OUTRIGHT, false},       /* Keycloak, org.keycloak.util.TokenUtil */
    {"typ", "bearer", OUTRIGHT, false},       /* the same with a client set to "lower-case bearer type" */
    {"token_use", "access", OUTRIGHT, false}, /* Amazon Cognito, "Understanding the access token" */
    {"scope", NULL, DECISIVE, false},         /* RFC 8693, section 4.2; RFC 9068, section 2.2.3 */
    {"scp", NULL, DECISIVE, false},           /* Entra, "Access token claims reference"; Okta */
    {"client_id", NULL, USUAL, false},        /* RFC 8693, section 4.3; RFC 9068, section 2.2 */
    {"roles", NULL, USUAL, true},             /* RFC 9068, section 2.2.3.1; Entra: in ID tokens as well */
    {"azpacr", NULL, USUAL, false},           /* Entra, "Access token claims reference", version 2.0 */
    {"appidacr", NULL, USUAL, false},         /* the same, version 1.0 */
    {"cid", NULL, USUAL, false},              /* Okta, "Access token claims" */
    {"appid", NULL, USUAL, false},            /* Entra, tokens of version 1.0; AD FS */
    {"gty", NULL, USUAL, false},              /* Auth0, "Access token profiles" */
    {"groups", NULL, USUAL, true},            /* RFC 9068, section 2.2.3.1; Dex, Entra: in ID tokens */
    {"entitlements", NULL, USUAL, true},      /* RFC 9068, section 2.2.3.1 */
    {"permissions", NULL, USUAL, true},       /* Auth0, "Access token profiles" */
    {"role", NULL, USUAL, true},              /* Supabase, WorkOS */
};

/* The heaviest of the signs that a payload has. */
static weight weigh(const assay_json_object *payload, const sign *signs, size_t count, bool excuses)
{
    weight most = NOTHING;
    for (size_t i = 0; i < count; i++) {
        if (signs[i].weight <= most || (signs[i].excuse_only && !excuses))
            continue;
        bool found =
            signs[i].text == NULL ? has(payload, signs[i].name) : member_is(payload, signs[i].name, signs[i].text);
        if (found)
            most = signs[i].weight;
    }
    return most;
}

static bool looks_like_id_token(const assay_json_object *payload)
{
    weight id = weigh(payload, id_signs, ASSAY_COUNT_OF(id_signs), false);
    if (id == NOTHING || id == OUTRIGHT)
        return id == OUTRIGHT;
    return id > weigh(payload, access_signs, ASSAY_COUNT_OF(access_signs), true);
}

static bool looks_like_access_token(const assay_json_object *payload)
{
    weight access = weigh(payload, access_signs, ASSAY_COUNT_OF(access_signs), false);
    if (access == NOTHING || access == OUTRIGHT)
        return access == OUTRIGHT;
    return access > weigh(payload, id_signs, ASSAY_COUNT_OF(id_signs), false);
}

int assay_profile_check_kind(const assay_profile *profile, const assay_span *typ, const assay_json_object *payload,
                             assay_failure *failure)
{
    /* `events` makes a security event or logout token (RFC 8417, section 2.2; OIDC Back-Channel Logout, section 2.4). */
    if (has(payload, "events"))
        return assay_fail_note(failure, ASSAY_E_TYP, "it is a security event or logout token");
    if (member_is(payload, "typ", "Refresh") || member_is(payload, "typ", "Offline") ||
        member_is(payload, "typ", "Logout"))
        return assay_fail_note(failure, ASSAY_E_TYP, "it is a refresh or logout token");
    if (profile->kind == ASSAY_KIND_ACCESS && !is_at_jwt(typ) && looks_like_id_token(payload))
        return assay_fail(failure, ASSAY_E_ID_TOKEN);
    if (profile->kind == ASSAY_KIND_ID && looks_like_access_token(payload))
        return assay_fail(failure, ASSAY_E_ACCESS_TOKEN);
    return ASSAY_OK;
}
