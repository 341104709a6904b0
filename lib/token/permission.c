/* SPDX-License-Identifier: MIT */
#include "token/permission.h"

#include "token/caller.h"
#include "token/challenge.h"
#include "token/claims.h"

#include <stdio.h>

/* Room for the demanded names in an error, which shows no more of them. */
#define NAMES_BYTES (ASSAY_LIMIT_FOUND_BYTES + 1)

/* What was demanded, and why it was not met; of the token only what names nobody. */
static int refuse(int code, const char *expected, const char *found, const char *note, assay_failure *failure)
{
    (void)assay_fail_found(failure, code, expected, found, found == NULL ? 0 : strlen(found));
    if (failure == NULL)
        return code;
    if (note != NULL)
        (void)snprintf(failure->note, sizeof failure->note, "%s", note);
    failure->found_is_verified = true;
    return code;
}

/* An element of an array; a single text is not the shape that `roles` and `groups` have. */
static bool array_has(const assay_json_value *value, const char *text)
{
    return value->type == ASSAY_JSON_ARRAY && assay_claims_value_contains(value, assay_span_of(text));
}

/*
 * Words of a text (RFC 8693, section 4.2); elsewhere than at Entra, which has no `scope`, also an array of them in `scp`, as Okta writes it. At Entra an
 * application that acts in its own name was delegated nothing, whatever its token says.
 */
static bool has_scope(const assay_claims *claims, const char *scope)
{
    assay_json_value value;
    bool entra = assay_caller_is_entra(claims);
    if (entra && assay_caller_is_application(claims))
        return false;
    if (assay_token_get(claims, "scp", &value) &&
        (assay_json_string_has_word(&value, scope, strlen(scope)) || (!entra && array_has(&value, scope))))
        return true;
    return !entra && assay_token_get(claims, "scope", &value) &&
           assay_json_string_has_word(&value, scope, strlen(scope));
}

/* `wids` are roles in the directory, not here. */
static bool has_role(const assay_claims *claims, const char *role)
{
    assay_json_value value;
    return assay_token_get(claims, "roles", &value) && array_has(&value, role);
}

/* Whether the caller is of the kind that a role is demanded of. Who calls is often not said elsewhere than at Entra, where either kind will do. */
static bool may_have_role(const assay_claims *claims, int kind)
{
    if (kind == ASSAY_PERMISSION_APPLICATION_ROLE)
        return assay_caller_is_application(claims);
    if (kind == ASSAY_PERMISSION_USER_ROLE)
        return assay_caller_is_user(claims);
    return !assay_caller_is_entra(claims) || assay_caller_is_application(claims) || assay_caller_is_user(claims);
}

/*
 * The groups are elsewhere: `_claim_names` says so of any claim (OIDC Core, section 5.6.2), `hasgroups` in tokens of the implicit flow (Microsoft,
 * "Groups overage claim"). What else stands in `groups` is not all of them.
 */
static bool is_overage(const assay_claims *claims)
{
    static const char pointer[] = "/_claim_names/groups";
    assay_json_value value;
    if (assay_json_point(&claims->payload, pointer, sizeof pointer - 1, &value))
        return true;
    return assay_token_get(claims, "hasgroups", &value) && value.type != ASSAY_JSON_FALSE;
}

int assay_permission_membership(const assay_claims *claims, const char *group)
{
    assay_json_value groups;
    if (is_overage(claims))
        return ASSAY_MEMBERSHIP_UNKNOWN;
    if (!assay_token_get(claims, "groups", &groups) || groups.type == ASSAY_JSON_NULL)
        return ASSAY_MEMBERSHIP_NO;
    if (groups.type != ASSAY_JSON_ARRAY)
        return ASSAY_MEMBERSHIP_UNKNOWN;
    return array_has(&groups, group) ? ASSAY_MEMBERSHIP_YES : ASSAY_MEMBERSHIP_NO;
}

static int check_one(const assay_claims *claims, int kind, const char *name)
{
    int membership;
    switch (kind) {
    case ASSAY_PERMISSION_SCOPE:
        return has_scope(claims, name) ? ASSAY_OK : ASSAY_E_SCOPE;
    case ASSAY_PERMISSION_GROUP:
        membership = assay_permission_membership(claims, name);
        return membership == ASSAY_MEMBERSHIP_YES  ? ASSAY_OK
               : membership == ASSAY_MEMBERSHIP_NO ? ASSAY_E_GROUP
                                                   : ASSAY_E_GROUPS_UNKNOWN;
    default:
        return has_role(claims, name) && may_have_role(claims, kind) ? ASSAY_OK : ASSAY_E_ROLE;
    }
}

/* The role is there, so the caller is of the other kind; or no role is, or none of these. */
static const char *why_no_role(const assay_claims *claims, int kind, const char *const *names, size_t count)
{
    assay_json_value value;
    bool held = false;
    for (size_t i = 0; i < count && !held; i++)
        held = has_role(claims, names[i]);
    if (!held)
        return assay_token_get(claims, "roles", &value) ? NULL : "the token has no roles";
    if (kind == ASSAY_PERMISSION_APPLICATION_ROLE && assay_caller_kind(claims) == ASSAY_CALLER_USER)
        return "the token is a user's, and the role is demanded of applications";
    if (kind == ASSAY_PERMISSION_USER_ROLE && assay_caller_is_application(claims))
        return "the token is an application's, and the role is demanded of users";
    if (assay_caller_kind(claims) == ASSAY_CALLER_USER)
        return "the token has the role, but no scope, so that no user calls by it";
    return "the token has the role, but does not say whether a user or an application calls";
}

static const char *why(const assay_claims *claims, int code, int kind, const char *const *names, size_t count)
{
    if (code == ASSAY_E_ROLE)
        return why_no_role(claims, kind, names, count);
    if (code == ASSAY_E_SCOPE && assay_caller_is_application(claims))
        return "the token is an application's, which have roles in place of scopes";
    return NULL;
}

/* "a or b"; what does not fit is not shown by assay_fail_found() either. */
static void join(const char *const *names, size_t count, char text[NAMES_BYTES])
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < count && used < NAMES_BYTES; i++) {
        int put = snprintf(text + used, NAMES_BYTES - used, "%s%s", i == 0 ? "" : " or ", names[i]);
        used += put < 0 ? NAMES_BYTES : (size_t)put;
    }
}

static int missing(const assay_claims *claims, int code, int kind, const char *const *names, size_t count,
                   assay_failure *failure)
{
    char expected[NAMES_BYTES];
    if (failure == NULL)
        return code;
    join(names, count, expected);
    return refuse(code, expected, NULL, why(claims, code, kind, names, count), failure);
}

static int check_names(int kind, const char *const *names, size_t count, assay_failure *failure)
{
    if (kind < ASSAY_PERMISSION_SCOPE || kind > ASSAY_PERMISSION_GROUP)
        return assay_fail_note(failure, ASSAY_E_ARGUMENT, "there is no such kind of permission");
    if (names == NULL || count == 0)
        return assay_fail_note(failure, ASSAY_E_ARGUMENT, "no name is given");
    for (size_t i = 0; i < count; i++) {
        if (names[i] == NULL || names[i][0] == '\0')
            return assay_fail_note(failure, ASSAY_E_ARGUMENT, "a name is NULL or empty");
        if (kind == ASSAY_PERMISSION_SCOPE && strchr(names[i], ' ') != NULL)
            return assay_fail_note(failure, ASSAY_E_ARGUMENT, "a scope has no blanks in it: give several names");
    }
    return ASSAY_OK;
}

int assay_permission_check_any(const assay_claims *claims, int kind, const char *const *names, size_t count,
                               assay_failure *failure)
{
    int code = check_names(kind, names, count, failure);
    if (code != ASSAY_OK)
        return code;
    for (size_t i = 0; i < count; i++) {
        code = check_one(claims, kind, names[i]);
        if (code == ASSAY_OK)
            return ASSAY_OK;
    }
    return missing(claims, code, kind, names, count, failure);
}

int assay_permission_check_all(const assay_claims *claims, int kind, const char *const *names, size_t count,
                               assay_failure *failure)
{
    int code = check_names(kind, names, count, failure);
    for (size_t i = 0; i < count && code == ASSAY_OK; i++) {
        code = check_one(claims, kind, names[i]);
        if (code != ASSAY_OK)
            return missing(claims, code, kind, &names[i], 1, failure);
    }
    return code;
}

int assay_permission_check_at(const assay_claims *claims, const char *pointer, const char *text, assay_failure *failure)
{
    assay_json_value value;
    if (assay_json_point(&claims->payload, pointer, strlen(pointer), &value) &&
        (assay_claims_value_contains(&value, assay_span_of(text)) ||
         assay_json_string_has_word(&value, text, strlen(text))))
        return ASSAY_OK;
    char shown[ASSAY_LIMIT_FOUND_BYTES];
    assay_text_escape(pointer, strlen(pointer), shown, sizeof shown);
    return refuse(ASSAY_E_ROLE, text, NULL, shown, failure);
}

static int check_guids(const char *tenant, const char *id, assay_failure *failure)
{
    assay_guid guid;
    if (assay_guid_read(assay_span_of(tenant), false, &guid) && assay_guid_read(assay_span_of(id), false, &guid))
        return ASSAY_OK;
    return assay_fail_note(failure, ASSAY_E_ARGUMENT, "the tenant and the id are not GUIDs in lower case");
}

/* Tenant and client, which name no person. */
static void show_client(const assay_claims *claims, char *text, size_t size)
{
    assay_json_value id;
    bool escaped;
    assay_span raw = {"", 0};
    if (assay_caller_client_id(claims, &id))
        raw = assay_json_string_raw(&id, &escaped);
    (void)snprintf(text, size, "%s/%.*s", claims->tenant, raw.len > ASSAY_GUID_TEXT ? ASSAY_GUID_TEXT : (int)raw.len,
                   raw.ptr);
}

int assay_permission_check_caller(const assay_claims *claims, const char *tenant, const char *id, bool is_client,
                                  assay_failure *failure)
{
    int code = check_guids(tenant, id, failure);
    if (code != ASSAY_OK)
        return code;
    assay_json_value value;
    bool named = is_client ? assay_caller_client_id(claims, &value) : assay_caller_object_id(claims, &value);
    bool acts = !is_client || assay_caller_is_application(claims);
    if (acts && named && strcmp(claims->tenant, tenant) == 0 && assay_json_string_equal(&value, id, ASSAY_GUID_TEXT))
        return ASSAY_OK;
    char expected[2 * ASSAY_GUID_TEXT + 2], found[2 * ASSAY_GUID_TEXT + 2];
    const char *note = !assay_caller_is_entra(claims) ? "the token is not one of Entra"
                       : acts                         ? NULL
                                                      : "the token is not the client's own, but a user's or nobody's";
    (void)snprintf(expected, sizeof expected, "%s/%s", tenant, id);
    show_client(claims, found, sizeof found);
    return refuse(ASSAY_E_CALLER, expected, is_client ? found : NULL, note, failure);
}

int assay_permission_check_listed(const assay_claims *claims, assay_failure *failure)
{
    char found[2 * ASSAY_GUID_TEXT + 2];
    if (claims->caller_listed)
        return ASSAY_OK;
    show_client(claims, found, sizeof found);
    return refuse(ASSAY_E_CALLER, "a caller on the allow-list", found, NULL, failure);
}

int assay_permission_check_member(const assay_claims *claims, assay_failure *failure)
{
    bool application = assay_caller_is_entra(claims) && assay_caller_is_application(claims);
    int guest = application ? 0 : assay_caller_guest(claims);
    if (guest == 0)
        return ASSAY_OK;
    return refuse(ASSAY_E_GUEST, "a member of the tenant", guest > 0 ? "a guest" : NULL,
                  guest > 0 ? NULL : "the token does not tell", failure);
}

int assay_permission_check_client_authentication(const assay_claims *claims, int least, assay_failure *failure)
{
    static const char *const names[] = {"unknown", "none: a public client", "a secret", "a certificate"};
    if (least < ASSAY_CLIENT_PUBLIC || least > ASSAY_CLIENT_CERTIFICATE)
        return assay_fail_note(failure, ASSAY_E_ARGUMENT, "there is no such client authentication");
    int method = assay_caller_client_authentication(claims);
    if (method >= least)
        return ASSAY_OK;
    return refuse(ASSAY_E_CLIENT_AUTHENTICATION, names[least], names[method], NULL, failure);
}

static bool is_cp1(const assay_json_value *value)
{
    char room[32]; /* the three letters escaped, and quotes */
    if (value->type != ASSAY_JSON_STRING || value->len > sizeof room)
        return false;
    return assay_span_is_nocase((assay_span){room, assay_json_string_decode(value, room)}, "cp1");
}

/* The client understands claims challenges (Microsoft, "Client capabilities"). */
static bool takes_challenges(const assay_claims *claims)
{
    assay_json_value value, element;
    if (!assay_token_get(claims, "xms_cc", &value))
        return false;
    if (value.type != ASSAY_JSON_ARRAY)
        return is_cp1(&value);
    for (size_t cursor = 0; assay_json_array_next(&value, &cursor, &element);)
        if (is_cp1(&element))
            return true;
    return false;
}

int assay_permission_check_context(const assay_claims *claims, const char *context, const char *realm,
                                   const char *authorization_uri, assay_buffer *challenge, assay_failure *failure)
{
    const char *own_uri = claims->cloud == NULL ? NULL : claims->cloud->authorization_uri;
    const assay_challenge wanted = {.context = context,
                                    .realm = realm == NULL ? "" : realm,
                                    .authorization_uri = authorization_uri == NULL ? own_uri : authorization_uri};
    assay_json_value acrs;
    int code = assay_challenge_check(&wanted, failure);
    if (code != ASSAY_OK)
        return code;
    if (assay_token_get(claims, "acrs", &acrs) && assay_claims_value_contains(&acrs, assay_span_of(context)))
        return ASSAY_OK;
    if (!takes_challenges(claims))
        return refuse(ASSAY_E_CONTEXT, context, NULL, NULL, failure);
    if (failure == NULL)
        return ASSAY_E_CLAIMS_CHALLENGE;
    assay_challenge_write(&wanted, challenge);
    if (challenge->failed)
        return assay_fail(failure, ASSAY_E_MEMORY);
    (void)refuse(ASSAY_E_CLAIMS_CHALLENGE, context, NULL, NULL, failure);
    failure->challenge = challenge->text;
    return ASSAY_E_CLAIMS_CHALLENGE;
}
