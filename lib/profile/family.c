/* SPDX-License-Identifier: MIT */
#include "profile/family.h"

#include "base/memory.h"

/* Texts that every token of a family has, by JSON Pointer. Ids are texts of digits there, never numbers. */

/* Kubernetes, "Managing Service Accounts", "Bound service account tokens". Tokens of Secrets have neither this nor exp. */
static const char *const kubernetes_texts[] = {"/kubernetes.io/namespace", "/kubernetes.io/serviceaccount/name", NULL};
/* GitHub, "OpenID Connect reference". Without the ids nothing of a token outlives a renamed or deleted repository; sub is read below. */
static const char *const github_texts[] = {
    "/sub", "/repository", "/repository_id", "/repository_owner", "/repository_owner_id", NULL};
/* GitLab, "OpenID Connect (OIDC) Authentication Using ID Tokens". An ID token of a person, by the same issuer, has none of them. */
static const char *const gitlab_texts[] = {"/namespace_id", "/namespace_path", "/project_id", "/project_path", NULL};

/* Null where there is nothing. */
static assay_json_value text_at(const assay_json_object *payload, const char *pointer)
{
    assay_json_value value;
    (void)assay_json_point(payload, pointer, strlen(pointer), &value);
    return value;
}

static int check_texts(const assay_json_object *payload, const char *const *pointers, assay_failure *failure)
{
    for (size_t i = 0; pointers[i] != NULL; i++) {
        assay_json_value value;
        if (!assay_json_point(payload, pointers[i], strlen(pointers[i]), &value))
            return assay_fail_note(failure, ASSAY_E_CLAIM_MISSING, "%s, which the profile demands", pointers[i]);
        if (value.type != ASSAY_JSON_STRING)
            return assay_fail_note(failure, ASSAY_E_CLAIM_TYPE, "%s is not a text", pointers[i]);
        if (assay_json_string_raw(&value, &(bool){false}).len == 0)
            return assay_fail_note(failure, ASSAY_E_CLAIM_MISSING, "%s is empty", pointers[i]);
    }
    return ASSAY_OK;
}

static size_t put(char *out, const char *text)
{
    size_t len = strlen(text);
    memcpy(out, text, len);
    return len;
}

/*
 * `sub` is what role bindings and federated identities look at, the object is what our callers demand: both must name the same account. The
 * expected text fits: the members' names, which the payload has and it has not, are longer than what is put in here.
 */
static int check_kubernetes(const assay_json_object *payload, char *spare, assay_failure *failure)
{
    assay_json_value account_namespace = text_at(payload, kubernetes_texts[0]);
    assay_json_value name = text_at(payload, kubernetes_texts[1]);
    assay_json_value sub = text_at(payload, "/sub");
    size_t len = put(spare, "system:serviceaccount:");
    len += assay_json_string_decode(&account_namespace, spare + len);
    len += put(spare + len, ":");
    len += assay_json_string_decode(&name, spare + len);
    if (assay_json_string_equal(&sub, spare, len))
        return ASSAY_OK;
    return assay_fail_note(failure, ASSAY_E_CLAIM_VALUE, "sub is not the service account of kubernetes.io");
}

/* Cut a text at the first @p separator; the rest begins after it, and is empty where there is none. */
static assay_span cut(assay_span *text, char separator)
{
    const char *at = text->len == 0 ? NULL : memchr(text->ptr, separator, text->len);
    assay_span head = {text->ptr, at == NULL ? text->len : (size_t)(at - text->ptr)};
    size_t used = at == NULL ? text->len : head.len + 1;
    text->ptr += used;
    text->len -= used;
    return head;
}

/* "NAME@ID", and the id is the one that the token has under @p pointer. */
static bool ends_in_id(assay_span text, const assay_json_object *payload, const char *pointer)
{
    assay_span name = cut(&text, '@');
    assay_json_value id = text_at(payload, pointer);
    return name.len > 0 && assay_json_string_equal(&id, text.ptr, text.len);
}

/*
 * GitHub, "OpenID Connect reference", "Immutable subject claims": "repo:OWNER@OWNER-ID/REPO@REPO-ID:…", where no name can have an "@", or the older
 * "repo:OWNER/REPO:…". A subject that was customised begins otherwise, and says what its owner wants it to say. Names are not compared: ids are what counts.
 */
static int check_github(const assay_json_object *payload, char *spare, assay_failure *failure)
{
    assay_json_value sub = text_at(payload, "/sub");
    assay_span rest = {spare, assay_json_string_decode(&sub, spare)};
    if (!assay_span_is(cut(&rest, ':'), "repo"))
        return ASSAY_OK;
    assay_span repository = cut(&rest, ':');
    if (repository.len == 0 || memchr(repository.ptr, '@', repository.len) == NULL)
        return ASSAY_OK;
    assay_span owner = cut(&repository, '/');
    if (ends_in_id(owner, payload, "/repository_owner_id") && ends_in_id(repository, payload, "/repository_id"))
        return ASSAY_OK;
    return assay_fail_note(failure, ASSAY_E_CLAIM_VALUE,
                           "sub has other ids than repository_owner_id and repository_id");
}

/*
 * Keycloak says in the payload what a token is (org.keycloak.util.TokenUtil); in small letters where a client is set to "lower-case bearer type". A token of
 * DPoP is not for this: without its proof it is anybody's.
 */
static int check_keycloak(const assay_json_object *payload, char *spare, assay_failure *failure)
{
    (void)spare;
    assay_json_value typ = text_at(payload, "/typ");
    if (assay_json_string_equal(&typ, "Bearer", 6) || assay_json_string_equal(&typ, "bearer", 6))
        return ASSAY_OK;
    if (assay_json_string_equal(&typ, "ID", 2))
        return assay_fail(failure, ASSAY_E_ID_TOKEN);
    return assay_fail_note(failure, ASSAY_E_TYP, "typ of the payload is not Bearer");
}

static const struct {
    const char *const *texts; /* NULL: none */
    int (*check)(const assay_json_object *payload, char *spare, assay_failure *failure);
} rules[] = {
    [ASSAY_FAMILY_KUBERNETES] = {kubernetes_texts, check_kubernetes},
    [ASSAY_FAMILY_GITHUB] = {github_texts, check_github},
    [ASSAY_FAMILY_GITLAB] = {gitlab_texts, NULL},
    [ASSAY_FAMILY_KEYCLOAK] = {NULL, check_keycloak},
};

int assay_family_check(assay_family family, const assay_json_object *payload, char *spare, assay_failure *failure)
{
    if ((size_t)family >= ASSAY_COUNT_OF(rules))
        return ASSAY_OK;
    int code = rules[family].texts == NULL ? ASSAY_OK : check_texts(payload, rules[family].texts, failure);
    if (code != ASSAY_OK || rules[family].check == NULL)
        return code;
    return rules[family].check(payload, spare, failure);
}

/*
 * Entra trusts whatever OIDC issuer an application names, and its own managed identities (Microsoft, "Configure an application to trust a managed
 * identity"), so this is about all that have a profile of their own; "generic" stays as it is.
 */
static bool can_be_exchanged(assay_family family)
{
    return family != ASSAY_FAMILY_OAUTH && family != ASSAY_FAMILY_B2C;
}

/* Microsoft, "Workload identity federation" (other clouds add their name), and "Identity bindings for AKS". */
bool assay_family_audience_is_exchange(assay_family family, assay_span audience)
{
    static const char prefix[] = "api://AzureADTokenExchange";
    size_t len = sizeof prefix - 1;
    return can_be_exchanged(family) && ((audience.len >= len && memcmp(audience.ptr, prefix, len) == 0) ||
                                        assay_span_is(audience, "api://AKSIdentityBinding"));
}

static bool value_is_exchange(assay_family family, const assay_json_value *audience, char *spare)
{
    bool escaped;
    if (audience->type != ASSAY_JSON_STRING)
        return false;
    assay_span text = assay_json_string_raw(audience, &escaped);
    if (escaped)
        text = (assay_span){spare, assay_json_string_decode(audience, spare)};
    return assay_family_audience_is_exchange(family, text);
}

int assay_family_check_audience(assay_family family, const assay_json_object *payload, char *spare,
                                assay_failure *failure)
{
    const assay_json_member *member = assay_json_find(payload, "aud", 3);
    if (!can_be_exchanged(family) || member == NULL)
        return ASSAY_OK;
    assay_json_value aud = assay_json_value_of(payload, member), found = aud;
    bool exchange = value_is_exchange(family, &aud, spare);
    for (size_t cursor = 0; !exchange && aud.type == ASSAY_JSON_ARRAY && assay_json_array_next(&aud, &cursor, &found);)
        exchange = value_is_exchange(family, &found, spare);
    if (!exchange)
        return ASSAY_OK;
    assay_span raw = assay_json_string_raw(&found, &(bool){false});
    return assay_fail_found(failure, ASSAY_E_EXCHANGE_AUDIENCE, "an audience of this service's own", raw.ptr, raw.len);
}
