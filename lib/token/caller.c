/* SPDX-License-Identifier: MIT */
#include "token/caller.h"

/* Longest text of a token that is looked into: an `idp` or an object id. Entra's are shorter than its issuers. */
#define TEXT_BYTES ASSAY_ENTRA_ISSUER_BYTES

static bool get_text(const assay_claims *token, const char *name, assay_json_value *value)
{
    return assay_token_get(token, name, value) && value->type == ASSAY_JSON_STRING;
}

static bool has(const assay_claims *token, const char *name)
{
    assay_json_value value;
    return assay_token_get(token, name, &value);
}

static bool is_text(const assay_claims *token, const char *name, const char *text)
{
    assay_json_value value;
    return assay_token_get(token, name, &value) && assay_json_string_equal(&value, text, strlen(text));
}

/* A value without its escapes in @p room, terminated; false: it is no text, or is longer. */
static bool decode(const assay_json_value *value, char room[TEXT_BYTES], assay_span *text)
{
    if (value->type != ASSAY_JSON_STRING || value->len > TEXT_BYTES)
        return false;
    *text = (assay_span){room, assay_json_string_decode(value, room)};
    room[text->len] = '\0'; /* where one of the quotes had its room */
    return true;
}

/* Whether two claims are the same text. */
static bool same(const assay_claims *token, const char *one, const char *other)
{
    assay_json_value a, b;
    char room[TEXT_BYTES];
    assay_span text;
    return assay_token_get(token, one, &a) && assay_token_get(token, other, &b) && decode(&a, room, &text) &&
           text.len > 0 && assay_json_string_equal(&b, text.ptr, text.len);
}

static assay_family family_of(const assay_claims *token)
{
    return token->profile->family;
}

bool assay_caller_is_entra(const assay_claims *token)
{
    return family_of(token) == ASSAY_FAMILY_ENTRA || family_of(token) == ASSAY_FAMILY_B2C;
}

bool assay_caller_has_scope(const assay_claims *token)
{
    assay_json_value scp;
    bool escaped;
    if (!get_text(token, "scp", &scp))
        return false;
    assay_span raw = assay_json_string_raw(&scp, &escaped);
    while (raw.len > 0 && raw.ptr[raw.len - 1] == ' ')
        raw.len--;
    return raw.len > 0;
}

/* A claim that Entra calls otherwise in its first version. */
static bool get_of_version(const assay_claims *token, const char *v1, const char *v2, assay_json_value *value)
{
    return get_text(token, token->version == 1 ? v1 : v2, value);
}

int assay_caller_client_authentication(const assay_claims *token)
{
    static const struct {
        const char *text;
        int method;
    } rows[] = {{"0", ASSAY_CLIENT_PUBLIC}, {"1", ASSAY_CLIENT_SECRET}, {"2", ASSAY_CLIENT_CERTIFICATE}};
    assay_json_value value;
    if (!assay_caller_is_entra(token) || !get_of_version(token, "appidacr", "azpacr", &value))
        return ASSAY_CLIENT_UNKNOWN;
    for (size_t i = 0; i < ASSAY_COUNT_OF(rows); i++)
        if (assay_json_string_equal(&value, rows[i].text, 1))
            return rows[i].method;
    return ASSAY_CLIENT_UNKNOWN;
}

/*
 * `idtyp` decides where present (Microsoft, "Optional claims reference"). Without it, what an application's own token looks like; a user's `oid`
 * never equals its `sub`, which differs from application to application (Microsoft, "Secure applications by validating claims").
 */
static bool is_entra_application(const assay_claims *token)
{
    if (has(token, "idtyp"))
        return is_text(token, "idtyp", "app");
    return !token->strict_idtyp && !has(token, "scp") &&
           assay_caller_client_authentication(token) >= ASSAY_CLIENT_SECRET && same(token, "oid", "sub");
}

static int kind_of_entra(const assay_claims *token)
{
    assay_json_value value;
    if (is_entra_application(token))
        return get_text(token, "xms_mirid", &value) ? ASSAY_CALLER_MANAGED_IDENTITY : ASSAY_CALLER_APPLICATION;
    bool user = has(token, "idtyp") ? is_text(token, "idtyp", "user") : assay_caller_has_scope(token);
    return user ? ASSAY_CALLER_USER : ASSAY_CALLER_UNKNOWN;
}

/* Keycloak puts the client's id beside its address into tokens of service accounts, and the session into those of users. */
static int kind_of_keycloak(const assay_claims *token)
{
    bool client = has(token, "client_id") || has(token, "clientId");
    bool session = has(token, "sid");
    if (client == session)
        return ASSAY_CALLER_UNKNOWN;
    return client ? ASSAY_CALLER_APPLICATION : ASSAY_CALLER_USER;
}

/* A service account is its own client (Google, "Get an ID token"). */
static int kind_of_google(const assay_claims *token)
{
    assay_json_value value;
    if (!get_text(token, "azp", &value) || !get_text(token, "sub", &value))
        return ASSAY_CALLER_UNKNOWN;
    return same(token, "azp", "sub") ? ASSAY_CALLER_APPLICATION : ASSAY_CALLER_USER;
}

/*
 * Only where the token says something: how and when a user signed in (RFC 9068, section 2.2.1; an ID token is about a user by its nature), or a
 * client as its own subject (section 2.2, `sub`). Nothing where it says both: a user who could choose the name of a client would look like one
 * (section 5).
 */
static int kind_of_any(const assay_claims *token)
{
    static const char *const signs[] = {"auth_time", "amr", "sid"};
    bool user = token->profile->kind == ASSAY_KIND_ID;
    for (size_t i = 0; i < ASSAY_COUNT_OF(signs); i++)
        user = user || has(token, signs[i]);
    bool client = same(token, "client_id", "sub") || same(token, "cid", "sub");
    if (client == user)
        return ASSAY_CALLER_UNKNOWN;
    return client ? ASSAY_CALLER_APPLICATION : ASSAY_CALLER_USER;
}

int assay_caller_kind(const assay_claims *token)
{
    switch (family_of(token)) {
    case ASSAY_FAMILY_ENTRA:
    case ASSAY_FAMILY_B2C:
        return kind_of_entra(token);
    case ASSAY_FAMILY_KUBERNETES:
        return ASSAY_CALLER_KUBERNETES_WORKLOAD;
    case ASSAY_FAMILY_GITHUB:
        return ASSAY_CALLER_CI_JOB;
    case ASSAY_FAMILY_GITLAB: /* which signs its users in under the same issuer */
        return has(token, "job_id") ? ASSAY_CALLER_CI_JOB : kind_of_any(token);
    case ASSAY_FAMILY_GOOGLE:
        return kind_of_google(token);
    case ASSAY_FAMILY_KEYCLOAK:
        return kind_of_keycloak(token);
    case ASSAY_FAMILY_OAUTH:
        break;
    }
    return kind_of_any(token);
}

bool assay_caller_is_application(const assay_claims *token)
{
    int kind = assay_caller_kind(token);
    return kind == ASSAY_CALLER_APPLICATION || kind == ASSAY_CALLER_MANAGED_IDENTITY;
}

bool assay_caller_is_user(const assay_claims *token)
{
    return assay_caller_kind(token) == ASSAY_CALLER_USER &&
           (!assay_caller_is_entra(token) || assay_caller_has_scope(token));
}

bool assay_caller_object_id(const assay_claims *token, assay_json_value *id)
{
    return assay_caller_is_entra(token) && get_text(token, "oid", id);
}

bool assay_caller_client_id(const assay_claims *token, assay_json_value *id)
{
    if (assay_caller_is_entra(token))
        return get_of_version(token, "appid", "azp", id);
    return get_text(token, "client_id", id) || get_text(token, "azp", id) || get_text(token, "cid", id);
}

/*
 * The tenant in `idp` is compared, not the text: one tenant is written in two ways. That it is our tenant is believed of Entra's own hosts and of the
 * token's issuer only, since a federated provider may be called whatever it likes. "live.com", "google.com" or "mail" are no member's either, but
 * for External ID, whose own users come from there (Microsoft, "Access token claims reference").
 */
static int guest_by_provider(const assay_claims *token, assay_span idp)
{
    assay_span tenant = assay_entra_find_tenant(idp);
    if (tenant.len == 0)
        return strcmp(token->profile->name, "entra-external-id") == 0 ? -1 : 1;
    if (!assay_span_is(tenant, token->tenant))
        return 1;
    bool known = assay_entra_find_cloud_of_issuer(idp) != NULL || is_text(token, "iss", idp.ptr);
    return known ? 0 : -1;
}

int assay_caller_guest(const assay_claims *token)
{
    assay_json_value value;
    char room[TEXT_BYTES];
    assay_span idp;
    if (family_of(token) != ASSAY_FAMILY_ENTRA || token->tenant[0] == '\0')
        return -1;
    if (assay_token_get(token, "acct", &value)) {
        bool text = value.type == ASSAY_JSON_STRING;
        char digit = value.len == (text ? 3u : 1u) ? value.ptr[text ? 1 : 0] : ' ';
        bool told = text || value.type == ASSAY_JSON_INTEGER;
        return told && digit == '0' ? 0 : told && digit == '1' ? 1 : -1;
    }
    if (!assay_token_get(token, "idp", &value) || !decode(&value, room, &idp))
        return -1;
    return guest_by_provider(token, idp);
}

/* Longest key of a caller of Entra. */
#define ENTRA_KEY_BYTES (sizeof "entra||" + 2 * (size_t)ASSAY_GUID_TEXT)

static char *put(char *at, const char *text)
{
    size_t len = strlen(text);
    memcpy(at, text, len);
    return at + len;
}

/* "%" and "|" are what the key is made of, so that no issuer can pass for another with a part of the subject. Three times as long at most. */
static char *put_escaped(char *at, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '%' || *text == '|')
            at = put(at, *text == '%' ? "%25" : "%7C");
        else
            *at++ = *text;
    }
    return at;
}

/* An object id is a GUID, and GUIDs are one whatever their case. B2C's `sub` is a fixed sentence with some user flows, and never used. */
static size_t write_entra(const assay_claims *claims, char *key)
{
    assay_json_value oid;
    char room[TEXT_BYTES], text[ASSAY_GUID_TEXT + 1];
    assay_span decoded;
    assay_guid guid;
    if (claims->tenant[0] == '\0' || !assay_caller_object_id(claims, &oid) || !decode(&oid, room, &decoded) ||
        !assay_guid_read(decoded, true, &guid))
        return 0;
    assay_guid_write(&guid, text);
    return (size_t)(put(put(put(put(key, "entra|"), claims->tenant), "|"), text) - key);
}

static size_t write_other(const assay_claims *claims, char *key)
{
    if (claims->subject == NULL || claims->subject[0] == '\0')
        return 0;
    char *at = put_escaped(put(key, "oidc|"), claims->issuer);
    return (size_t)(put(put(at, "|"), claims->subject) - key);
}

static size_t key_room(const assay_claims *claims)
{
    size_t subject = claims->subject == NULL ? 0 : strlen(claims->subject);
    return assay_caller_is_entra(claims) ? ENTRA_KEY_BYTES : sizeof "oidc||" + 3 * strlen(claims->issuer) + subject;
}

int assay_caller_identity(const assay_claims *claims, const char **identity)
{
    /* No value of the token lies where the payload begins, so that place stands for the key. */
    const char *place = claims->payload.text;
    const assay_decoded_text *kept = assay_claims_kept(claims, place);
    if (kept == NULL) {
        assay_decoded_text *made = assay_claims_room(place, key_room(claims));
        if (made == NULL)
            return ASSAY_E_MEMORY;
        size_t len = assay_caller_is_entra(claims) ? write_entra(claims, made->text) : write_other(claims, made->text);
        if (len == 0) {
            assay_release(made);
            return ASSAY_E_ABSENT;
        }
        kept = assay_claims_keep(claims, made, len);
    }
    *identity = kept->text;
    return ASSAY_OK;
}
