/* SPDX-License-Identifier: MIT */
/* The credential that the options ask for: what they do not say comes from the environment, where the kind has variables. */

#include "credential.h"

#include <string.h>

/* A setter of one text. */
typedef int (*set_text)(assay_credential *credential, const char *text, assay_error **error);

int credential_runtime(const credential_settings *settings, assay_runtime **runtime, assay_error **error)
{
    int code = assay_runtime_new(runtime, error);
    if (code == ASSAY_OK && settings->ca_file != NULL)
        code = assay_runtime_set_ca_file(*runtime, settings->ca_file, error);
    if (code == ASSAY_OK && settings->use_environment_proxy)
        code = assay_runtime_use_environment_proxy(*runtime, error);
    /* The caller's time is the bound; a token endpoint may need more than a key set does. */
    if (code == ASSAY_OK)
        code = assay_runtime_set_fetch_timeout(*runtime, 30000, error);
    return code;
}

static int set_identity(const credential_settings *s, assay_credential *credential, assay_error **error)
{
    static const struct {
        const char *prefix;
        int name;
    } forms[] = {
        {"client-id:", ASSAY_IDENTITY_NAME_CLIENT_ID},
        {"object-id:", ASSAY_IDENTITY_NAME_OBJECT_ID},
        {"resource-id:", ASSAY_IDENTITY_NAME_RESOURCE_ID},
    };
    if (s->identity == NULL)
        return ASSAY_OK;
    if (strcmp(s->identity, "system") == 0)
        return assay_credential_set_identity(credential, ASSAY_IDENTITY_NAME_SYSTEM, NULL, error);
    for (size_t i = 0; i < CLI_COUNT_OF(forms); i++) {
        size_t len = strlen(forms[i].prefix);
        if (strncmp(s->identity, forms[i].prefix, len) == 0)
            return assay_credential_set_identity(credential, forms[i].name, s->identity + len, error);
    }
    return ASSAY_E_ARGUMENT; /* credential_check() lets no other form pass */
}

static int set_proxy(const credential_settings *s, assay_credential *credential, assay_error **error)
{
    int code = ASSAY_OK;
    if (s->token_proxy != NULL)
        code = assay_credential_set_token_proxy(credential, s->token_proxy, s->token_proxy_name, s->token_proxy_ca,
                                                NULL, error);
    /* Who names a token proxy wants it used. */
    int mode = s->token_proxy != NULL ? ASSAY_TOKEN_PROXY_ON : -1;
    if (s->token_proxy_mode != NULL && strcmp(s->token_proxy_mode, "auto") == 0)
        mode = ASSAY_TOKEN_PROXY_AUTOMATIC;
    else if (s->token_proxy_mode != NULL)
        mode = strcmp(s->token_proxy_mode, "on") == 0 ? ASSAY_TOKEN_PROXY_ON : ASSAY_TOKEN_PROXY_OFF;
    return code != ASSAY_OK || mode < 0 ? code : assay_credential_set_token_proxy_mode(credential, mode, error);
}

static int set_proof(const credential_settings *s, assay_credential *credential, assay_error **error)
{
    int code = ASSAY_OK;
    if (s->secret.ptr != NULL)
        code = assay_credential_set_secret(credential, s->secret.ptr, s->secret.len, error);
    if (code == ASSAY_OK && (s->certificate != NULL || s->key != NULL)) {
        const char *passphrase = s->passphrase.ptr;
        if (passphrase == NULL)
            passphrase = getenv("AZURE_CLIENT_CERTIFICATE_PASSWORD");
        code = assay_credential_set_signing_files(credential, s->certificate, s->key, passphrase, error);
    }
    if (code == ASSAY_OK && (s->algorithm != NULL || s->key_id != NULL))
        code = assay_credential_set_signing_form(credential, s->algorithm, s->key_id, error);
    if (code == ASSAY_OK && s->send_chain)
        code = assay_credential_send_certificate_chain(credential, error);
    return code;
}

static int set_texts(const credential_settings *s, assay_credential *credential, assay_error **error)
{
    const struct {
        const char *text;
        set_text set;
    } texts[] = {
        {s->tenant, assay_credential_set_tenant},
        {s->client_id, assay_credential_set_client_id},
        {s->authority, assay_credential_set_authority},
        {s->token_file, assay_credential_set_token_file},
        {s->token_endpoint, assay_credential_set_token_endpoint},
        {s->client_method, assay_credential_set_client_method},
        {s->assertion_audience, assay_credential_set_assertion_audience},
        {s->service_account, assay_credential_set_service_account},
        {s->cache_directory, assay_credential_set_cache_directory},
    };
    int code = s->allow_loopback_http ? assay_credential_allow_loopback_http(credential, error) : ASSAY_OK;
    for (size_t i = 0; code == ASSAY_OK && i < CLI_COUNT_OF(texts); i++)
        if (texts[i].text != NULL)
            code = texts[i].set(credential, texts[i].text, error);
    return code;
}

/* What any OAuth server may be asked for. */
static int set_exchange(const credential_settings *s, assay_credential *credential, assay_error **error)
{
    int code = ASSAY_OK;
    for (size_t i = 0; code == ASSAY_OK && i < s->audiences.count; i++)
        code = assay_credential_add_audience(credential, s->audiences.items[i], error);
    for (size_t i = 0; code == ASSAY_OK && !credential_kind_is_azure(s->kind) && i < s->resources.count; i++)
        code = assay_credential_add_resource(credential, s->resources.items[i], error);
    if (code == ASSAY_OK && (s->subject_token_type != NULL || s->requested_token_type != NULL))
        code = assay_credential_set_token_types(credential, s->subject_token_type, s->requested_token_type, error);
    if (code == ASSAY_OK && s->actor_file != NULL)
        code = assay_credential_set_actor(credential, s->actor_file, s->actor_type, error);
    return code;
}

/* On behalf of a user the service proves itself as it does in its own name: by what is given, else by what the environment has. */
static enum credential_kind proof_kind(const credential_settings *s)
{
    if (s->kind != CREDENTIAL_ON_BEHALF_OF)
        return s->kind;
    if (s->secret_file != NULL)
        return CREDENTIAL_SECRET;
    if (s->certificate != NULL || s->key != NULL)
        return CREDENTIAL_CERTIFICATE;
    if (s->token_file != NULL || s->token_proxy != NULL)
        return CREDENTIAL_WORKLOAD;
    enum credential_kind kind = credential_kind_of_environment();
    bool none = kind == CREDENTIAL_DEFAULT && credential_choice_problem() == NULL; /* of that the library tells */
    return none ? CREDENTIAL_WORKLOAD : kind;
}

static bool has_variables(enum credential_kind kind)
{
    const char *account = getenv("GOOGLE_APPLICATION_CREDENTIALS");
    if (kind == CREDENTIAL_GOOGLE)
        return account != NULL && account[0] != '\0'; /* an empty value is none to the library */
    return kind != CREDENTIAL_EXCHANGE && kind != CREDENTIAL_CLIENT && kind != CREDENTIAL_FEDERATED;
}

static int set_variable(const char *name, assay_credential *credential, set_text set, assay_error **error)
{
    const char *value = getenv(name);
    return value == NULL || value[0] == '\0' ? ASSAY_OK : set(credential, value, error);
}

/* "federated": the managed identity that the options or the environment name is the proof of the application. */
static int set_source(const credential_settings *s, assay_runtime *runtime, assay_credential *credential,
                      assay_error **error)
{
    CLI_CLEANUP(assay_credential_unref_p) assay_credential *identity = NULL;
    int code = assay_credential_new_from_environment(runtime, "managed-identity", &identity, error);
    if (code == ASSAY_OK && s->allow_loopback_http)
        code = assay_credential_allow_loopback_http(identity, error);
    if (code == ASSAY_OK)
        code = set_identity(s, identity, error);
    if (code == ASSAY_OK)
        code = assay_credential_set_source(credential, identity, NULL, error);
    if (code == ASSAY_OK && s->tenant == NULL)
        code = set_variable("AZURE_TENANT_ID", credential, assay_credential_set_tenant, error);
    if (code == ASSAY_OK && s->authority == NULL)
        code = set_variable("AZURE_AUTHORITY_HOST", credential, assay_credential_set_authority, error);
    return code;
}

int credential_make(const credential_settings *settings, assay_runtime *runtime, assay_credential **credential,
                    assay_error **error)
{
    enum credential_kind kind = proof_kind(settings);
    const char *name = credential_library_kind(kind);
    int code = has_variables(kind) ? assay_credential_new_from_environment(runtime, name, credential, error)
                                   : assay_credential_new(runtime, name, credential, error);
    if (code == ASSAY_OK)
        code = set_texts(settings, *credential, error);
    if (code == ASSAY_OK)
        code = set_proof(settings, *credential, error);
    if (code == ASSAY_OK)
        code = set_proxy(settings, *credential, error);
    if (code == ASSAY_OK)
        code = kind == CREDENTIAL_FEDERATED ? set_source(settings, runtime, *credential, error)
                                            : set_identity(settings, *credential, error);
    if (code == ASSAY_OK)
        code = set_exchange(settings, *credential, error);
    if (code == ASSAY_OK && settings->wait_for_propagation)
        code = assay_credential_wait_for_propagation(*credential, error);
    return code;
}

const char *credential_wanted(const credential_settings *settings)
{
    if (settings->scope != NULL)
        return settings->scope;
    if (!credential_kind_is_azure(settings->kind))
        return "";
    return settings->resources.count > 0 ? settings->resources.items[0] : settings->default_resource;
}

int credential_request(const credential_settings *settings, assay_token_request **request, assay_error **error)
{
    int code = assay_token_request_new(credential_wanted(settings), request, error);
    if (code == ASSAY_OK && settings->user_assertion.ptr != NULL)
        code = assay_token_request_set_user_assertion(*request, settings->user_assertion.ptr,
                                                      settings->user_assertion.len, error);
    if (code == ASSAY_OK && settings->claims != NULL)
        code = assay_token_request_set_claims(*request, settings->claims, error);
    if (code == ASSAY_OK && settings->challenge != NULL)
        code = assay_token_request_set_challenge(*request, settings->challenge, error);
    return code;
}

json_t *credential_describe(const assay_credential *credential)
{
    uint8_t *text = NULL;
    size_t len = 0;
    if (assay_credential_describe(credential, &text, &len, NULL) != ASSAY_OK)
        return NULL;
    json_t *document = json_loadb((const char *)text, len, 0, NULL);
    assay_bytes_free(text, len);
    return document;
}
