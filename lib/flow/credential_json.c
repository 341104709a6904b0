/* SPDX-License-Identifier: MIT */
#include "base/file.h"
#include "flow/config.h"
#include "flow/config_issuer.h"
#include "flow/credential.h"

#include <stddef.h>

/*
 * A credential from one JSON document (docs/configuration.md), by tables: one row a member. Secrets stand in files or in the environment, not in the
 * document, which is kept in places that secrets must not be.
 */

typedef int (*take_text)(assay_credential *credential, const char *text, assay_failure *failure);

static int take_client_method(assay_credential *credential, const char *text, assay_failure *failure)
{
    return assay_settings_set_client_method(&credential->settings, text, failure);
}

static int take_tenant(assay_credential *credential, const char *text, assay_failure *failure)
{
    return assay_settings_set_tenant(&credential->settings, text, failure);
}

static int add_tenant(assay_credential *credential, const char *text, assay_failure *failure)
{
    return assay_settings_add_tenant(&credential->settings, text, failure);
}

static int take_client_id(assay_credential *credential, const char *text, assay_failure *failure)
{
    return assay_settings_set_client_id(&credential->settings, text, failure);
}

static int take_authority(assay_credential *credential, const char *text, assay_failure *failure)
{
    return assay_settings_set_authority(&credential->settings, text, failure);
}

static int take_account(assay_credential *credential, const char *text, assay_failure *failure)
{
    return assay_settings_set_service_account(&credential->settings, text, failure);
}

static int take_identity_client(assay_credential *credential, const char *text, assay_failure *failure)
{
    return assay_settings_set_identity(&credential->settings, ASSAY_IDENTITY_CLIENT_ID, text, failure);
}

static int take_identity_object(assay_credential *credential, const char *text, assay_failure *failure)
{
    return assay_settings_set_identity(&credential->settings, ASSAY_IDENTITY_OBJECT_ID, text, failure);
}

static int take_identity_resource(assay_credential *credential, const char *text, assay_failure *failure)
{
    return assay_settings_set_identity(&credential->settings, ASSAY_IDENTITY_RESOURCE_ID, text, failure);
}

static int add_audience(assay_credential *credential, const char *text, assay_failure *failure)
{
    return assay_settings_add_text(&credential->settings.audiences, text, "audience", failure);
}

static int add_resource(assay_credential *credential, const char *text, assay_failure *failure)
{
    return assay_settings_add_text(&credential->settings.resources, text, "resource", failure);
}

/* The file holds the secret and perhaps one line end. */
static int read_secret(const char *path, assay_secret *place, const char *what, assay_failure *failure)
{
    size_t len = 0, room = 0;
    char *bytes = assay_alloc_pages(ASSAY_LIMIT_SECRET_BYTES, &room);
    if (bytes == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    int code = assay_file_read(path, bytes, ASSAY_LIMIT_SECRET_BYTES, &len, ASSAY_E_CONFIG_CREDENTIAL, failure);
    while (code == ASSAY_OK && len > 0 && (bytes[len - 1] == '\n' || bytes[len - 1] == '\r'))
        len--;
    if (code == ASSAY_OK)
        code = assay_settings_set_secret(place, bytes, len, what, failure);
    assay_release_pages(bytes, room);
    return code;
}

static int take_secret_file(assay_credential *credential, const char *path, assay_failure *failure)
{
    return read_secret(path, &credential->settings.secret, "the secret", failure);
}

static int take_passphrase_file(assay_credential *credential, const char *path, assay_failure *failure)
{
    return read_secret(path, &credential->settings.passphrase, "the passphrase", failure);
}

static int take_proxy_mode(assay_credential *credential, const char *text, assay_failure *failure)
{
    static const char *const modes[] = {"automatic", "on", "off"};
    for (size_t i = 0; i < ASSAY_COUNT_OF(modes); i++) {
        if (strcmp(modes[i], text) != 0)
            continue;
        credential->settings.proxy.mode = (int)i;
        return ASSAY_OK;
    }
    return assay_fail_note(failure, ASSAY_E_CONFIG_MEMBER, "token_proxy_mode must be automatic, on or off");
}

#define KIND(name) (1u << ASSAY_CREDENTIAL_##name)

/* The kinds that a member is for. In another one it would be passed over in silence, and with it what somebody meant by it. */
enum {
    ANY = KIND(CHAIN) - 1, /* in the order of the kinds: those before it */
    ENTRA = KIND(MANAGED) - 1,
    EXCHANGE = KIND(EXCHANGE) | KIND(GOOGLE),
    OAUTH = KIND(CLIENT) | KIND(EXCHANGE),
    SERVER = OAUTH | KIND(GOOGLE),
    SIGNED = KIND(CERTIFICATE) | OAUTH,
    ENVIRONMENT = (ENTRA & ~(KIND(ASSERTION) | KIND(FEDERATED))) | KIND(MANAGED) | KIND(GOOGLE),
};

#define TEXT(name, member, kinds)                                                                                      \
    {                                                                                                                  \
        name, NULL, false, offsetof(assay_credential_settings, member), 0, kinds                                       \
    }
#define FLAG(name, member, kinds)                                                                                      \
    {                                                                                                                  \
        name, NULL, false, 0, offsetof(assay_credential_settings, member), kinds                                       \
    }

static const struct {
    const char *name;
    take_text take; /* NULL: a plain text, or a flag; neither: a function of its own */
    bool several;   /* a text or an array of texts */
    size_t text, flag;
    unsigned kinds;
} rows[] = {
    {"from_environment", NULL, false, 0, 0, ENVIRONMENT},
    {"tenant", take_tenant, false, 0, 0, ENTRA},
    {"additional_tenants", add_tenant, true, 0, 0, ENTRA},
    {"client_id", take_client_id, false, 0, 0, ENTRA | SERVER},
    {"authority", take_authority, false, 0, 0, ENTRA | KIND(MANAGED)}, /* names of resources are of a cloud */
    {"secret_file", take_secret_file, false, 0, 0, KIND(SECRET) | OAUTH},
    {"passphrase_file", take_passphrase_file, false, 0, 0, SIGNED},
    {"client_method", take_client_method, false, 0, 0, OAUTH},
    {"service_account", take_account, false, 0, 0, KIND(GOOGLE)},
    {"identity_client_id", take_identity_client, false, 0, 0, KIND(MANAGED)},
    {"identity_object_id", take_identity_object, false, 0, 0, KIND(MANAGED)},
    {"identity_resource_id", take_identity_resource, false, 0, 0, KIND(MANAGED)},
    {"audiences", add_audience, true, 0, 0, KIND(GITHUB) | SERVER},
    {"resources", add_resource, true, 0, 0, SERVER},
    {"cache_directory", assay_credential_share, false, 0, 0, ANY},
    {"token_proxy", NULL, false, 0, 0, KIND(WORKLOAD)},
    {"token_proxy_mode", take_proxy_mode, false, 0, 0, KIND(WORKLOAD)},
    {"source", NULL, false, 0, 0, KIND(FEDERATED) | EXCHANGE},
    TEXT("token_file", token_file, KIND(WORKLOAD) | EXCHANGE),
    TEXT("certificate_file", certificate_path, SIGNED),
    TEXT("key_file", key_path, SIGNED),
    TEXT("signing_algorithm", signing_algorithm, OAUTH),
    TEXT("signing_key_id", signing_key_id, OAUTH),
    TEXT("assertion_audience", assertion_audience, OAUTH),
    TEXT("token_endpoint", token_endpoint, SERVER),
    TEXT("subject_token_type", subject_token_type, EXCHANGE),
    TEXT("requested_token_type", requested_token_type, EXCHANGE),
    TEXT("actor_token_file", actor_token_file, KIND(EXCHANGE)),
    TEXT("actor_token_type", actor_token_type, KIND(EXCHANGE)),
    FLAG("send_certificate_chain", send_chain, SIGNED),
    FLAG("wait_for_propagation", wait_for_propagation, ENTRA),
    FLAG("allow_loopback_http", allow_loopback_http, ANY),
};

static int take_list(assay_credential *credential, size_t row, const assay_json *value, assay_failure *failure)
{
    assay_span text;
    if (!rows[row].several || !assay_json_is_array(value))
        return assay_config_wrong_type(rows[row].name, rows[row].several ? "a text or an array of texts" : "a text",
                                       failure);
    for (size_t i = 0; i < assay_json_array_len(value); i++) {
        if (!assay_json_get_string(assay_json_array_at(value, i), &text))
            return assay_config_wrong_type(rows[row].name, "an array of texts", failure);
        int code = rows[row].take(credential, text.ptr, failure);
        if (code != ASSAY_OK)
            return code;
    }
    return ASSAY_OK;
}

static int take_member(assay_credential *credential, size_t row, const assay_json *value, assay_failure *failure)
{
    assay_span text;
    char *settings = (char *)&credential->settings;
    if (rows[row].flag != 0)
        return assay_json_get_boolean(value, (bool *)(void *)(settings + rows[row].flag))
                   ? ASSAY_OK
                   : assay_config_wrong_type(rows[row].name, "true or false", failure);
    if (!assay_json_get_string(value, &text))
        return take_list(credential, row, value, failure);
    if (rows[row].take != NULL)
        return rows[row].take(credential, text.ptr, failure);
    return assay_settings_set_text((char **)(void *)(settings + rows[row].text), text.ptr, rows[row].name, failure);
}

static const char *text_of(const assay_json *object, const char *name)
{
    assay_span text;
    return assay_json_get_member_string(object, name, &text) ? text.ptr : NULL;
}

/* Every member of an object is one of @p names (NULL ends them) and a text, or, where it is @p other, anything. */
static int check_texts(const assay_json *object, const char *what, const char *const *names, const char *other,
                       assay_failure *failure)
{
    void *iterator = NULL;
    const assay_json *value;
    const char *name;
    if (!assay_json_is_object(object))
        return assay_config_wrong_type(what, "an object", failure);
    while ((name = assay_json_object_next(object, &iterator, &value)) != NULL) {
        size_t at = 0;
        while (names[at] != NULL && strcmp(names[at], name) != 0)
            at++;
        bool is_other = strcmp(name, other) == 0;
        if (names[at] == NULL && !is_other)
            return assay_config_unknown(what, name, failure);
        if (!is_other && !assay_json_is_string(value))
            return assay_config_wrong_type(name, "a text", failure);
    }
    return ASSAY_OK;
}

static int take_proxy(assay_credential *credential, const assay_json *proxy, assay_failure *failure)
{
    static const char *const names[] = {"url", "tls_name", "ca_file", NULL};
    int code = check_texts(proxy, "token_proxy", names, "", failure);
    if (code != ASSAY_OK)
        return code;
    return assay_settings_set_proxy(&credential->settings, text_of(proxy, "url"), text_of(proxy, "tls_name"),
                                    text_of(proxy, "ca_file"), NULL, failure);
}

static int read_object(assay_runtime *runtime, const assay_json *object, unsigned depth, assay_credential **credential,
                       assay_failure *failure);

/* {"credential": {…}, "scope": "…"}: whose token is the assertion or subject token. */
static int take_source(assay_credential *credential, const assay_json *source, unsigned depth, assay_failure *failure)
{
    static const char *const names[] = {"scope", NULL};
    ASSAY_CLEANUP(assay_credential_drop_p) assay_credential *inner = NULL;
    int code = check_texts(source, "source", names, "credential", failure);
    if (code == ASSAY_OK)
        code = read_object(credential->runtime, assay_json_get(source, "credential"), depth + 1, &inner, failure);
    return code == ASSAY_OK ? assay_credential_set_inner(credential, inner, text_of(source, "scope"), failure) : code;
}

/* Azure's own SDKs name a managed identity by what they call its client id. */
static int refuse_member(assay_credential_kind kind, const char *name, assay_failure *failure)
{
    int code = assay_config_unknown(assay_credential_kind_name(kind), name, failure);
    if (kind == ASSAY_CREDENTIAL_MANAGED && strcmp(name, "client_id") == 0 && failure != NULL)
        failure->hint =
            "name a user-assigned identity by identity_client_id; without it the system-assigned one is meant";
    return code;
}

static int take_any(assay_credential *credential, const char *name, const assay_json *value, unsigned depth,
                    assay_failure *failure)
{
    assay_credential_kind kind = credential->settings.kind;
    size_t row = 0;
    if (strcmp(name, "kind") == 0)
        return ASSAY_OK; /* it was made by that */
    while (row < ASSAY_COUNT_OF(rows) && strcmp(rows[row].name, name) != 0)
        row++;
    if (row == ASSAY_COUNT_OF(rows))
        return assay_config_unknown("a credential", name, failure);
    if ((rows[row].kinds & 1u << kind) == 0)
        return refuse_member(kind, name, failure);
    if (strcmp(name, "from_environment") == 0)
        return ASSAY_OK; /* it was taken before the others */
    if (strcmp(name, "token_proxy") == 0)
        return take_proxy(credential, value, failure);
    if (strcmp(name, "source") == 0)
        return take_source(credential, value, depth, failure);
    return take_member(credential, row, value, failure);
}

/* Which of two stands is no matter of their order. */
static int check_alternatives(const assay_json *object, assay_failure *failure)
{
    static const char *const pairs[][2] = {{"identity_client_id", "identity_object_id"},
                                           {"identity_client_id", "identity_resource_id"},
                                           {"identity_object_id", "identity_resource_id"},
                                           {"source", "token_file"}};
    for (size_t i = 0; i < ASSAY_COUNT_OF(pairs); i++)
        if (assay_json_get(object, pairs[i][0]) != NULL && assay_json_get(object, pairs[i][1]) != NULL)
            return assay_fail_note(failure, ASSAY_E_CONFIG_MEMBER, "give one of %s and %s, not both", pairs[i][0],
                                   pairs[i][1]);
    return ASSAY_OK;
}

/* A list of the document takes the place of the environment's: one that was only added to would allow, or ask for, more than it says. */
static void make_room(assay_credential_settings *settings, const assay_json *object)
{
    if (assay_json_get(object, "audiences") != NULL)
        assay_text_list_clear(&settings->audiences);
    if (assay_json_get(object, "additional_tenants") == NULL)
        return;
    assay_text_list_clear(&settings->tenants);
    settings->any_tenant = false;
}

/* What only the platform knows, such as where its agent is: the other members go before it. */
static int take_environment(assay_credential *credential, const assay_json *object, assay_failure *failure)
{
    bool wanted = false;
    const assay_json *value = assay_json_get(object, "from_environment");
    if (value != NULL && !assay_json_get_boolean(value, &wanted))
        return assay_config_wrong_type("from_environment", "true or false", failure);
    int code = wanted ? assay_settings_from_environment(&credential->settings, failure) : ASSAY_OK;
    make_room(&credential->settings, object);
    return code;
}

static int read_chain(assay_runtime *runtime, const assay_json *object, unsigned depth, assay_credential **credential,
                      assay_failure *failure)
{
    static const char *const names[] = {"kind", NULL};
    assay_credential *members[ASSAY_LIMIT_CHAIN] = {NULL};
    const assay_json *list = assay_json_get(object, "members");
    size_t count = assay_json_is_array(list) ? assay_json_array_len(list) : 0;
    int code = check_texts(object, "a chain", names, "members", failure);
    if (code != ASSAY_OK)
        return code;
    if (count == 0 || count > ASSAY_LIMIT_CHAIN)
        return assay_config_wrong_type("members", "an array of 1 to 16 credentials", failure);
    for (size_t i = 0; i < count && code == ASSAY_OK; i++)
        code = read_object(runtime, assay_json_array_at(list, i), depth + 1, &members[i], failure);
    if (code == ASSAY_OK)
        code = assay_credential_make_chain(runtime, members, count, credential, failure);
    for (size_t i = 0; i < count; i++)
        assay_credential_drop(members[i]);
    return code;
}

static int read_object(assay_runtime *runtime, const assay_json *object, unsigned depth, assay_credential **credential,
                       assay_failure *failure)
{
    void *iterator = NULL;
    const assay_json *value;
    assay_credential_kind kind;
    const char *name, *text = assay_json_is_object(object) ? text_of(object, "kind") : NULL;
    if (depth > ASSAY_LIMIT_CREDENTIAL_DEPTH || !assay_json_is_object(object))
        return assay_config_wrong_type("a credential", "an object, four deep at most", failure);
    if (!assay_credential_kind_find(text, &kind))
        return assay_config_wrong_type("kind", "a kind of credential", failure);
    if (kind == ASSAY_CREDENTIAL_CHAIN)
        return read_chain(runtime, object, depth, credential, failure);
    ASSAY_CLEANUP(assay_credential_drop_p) assay_credential *made = NULL;
    if (assay_credential_make(runtime, kind, &made) != ASSAY_OK)
        return assay_fail(failure, ASSAY_E_MEMORY);
    int code = check_alternatives(object, failure);
    if (code == ASSAY_OK)
        code = take_environment(made, object, failure);
    while (code == ASSAY_OK && (name = assay_json_object_next(object, &iterator, &value)) != NULL)
        code = take_any(made, name, value, depth, failure);
    if (code != ASSAY_OK)
        return code;
    *credential = ASSAY_STEAL(made);
    return assay_fail(failure, ASSAY_OK);
}

int assay_credential_read_json(assay_runtime *runtime, const char *json, size_t len, assay_credential **credential,
                               assay_failure *failure)
{
    char problem[160];
    ASSAY_AUTO_JSON assay_json *document = NULL;
    *credential = NULL;
    if (len > ASSAY_LIMIT_CONFIG_BYTES)
        return assay_fail_note(failure, ASSAY_E_CONFIG, "it is longer than %d bytes", ASSAY_LIMIT_CONFIG_BYTES);
    int code = assay_json_parse(json, len, &document, problem, sizeof problem);
    if (code == ASSAY_E_MEMORY)
        return assay_fail(failure, code);
    if (code != ASSAY_OK)
        return assay_fail_note(failure, ASSAY_E_CONFIG, "%s", problem);
    return read_object(runtime, document, 1, credential, failure);
}
