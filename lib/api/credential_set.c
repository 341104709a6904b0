/* SPDX-License-Identifier: MIT */
#include "flow/credential.h"

#include "api/api.h"
#include "flow/shared_tokens.h"

/* The setters of a credential: each checks that it is not in use yet, and leaves the rest to the settings. */

/* ASSAY_OK: its settings may change. */
static int check_open(const assay_credential *credential, assay_failure *failure)
{
    if (credential == NULL)
        return assay_fail_note(failure, ASSAY_E_ARGUMENT, "credential is NULL");
    return atomic_load(&credential->frozen) ? assay_fail(failure, ASSAY_E_FROZEN) : ASSAY_OK;
}

#define OPEN(credential)                                                                                               \
    do {                                                                                                               \
        int open_ = check_open((credential), failure);                                                                 \
        if (open_ != ASSAY_OK)                                                                                         \
            return ASSAY_END(open_);                                                                                   \
    } while (0)

int assay_credential_set_tenant(assay_credential *credential, const char *tenant, assay_error **error)
{
    ASSAY_BEGIN(error);
    OPEN(credential);
    return ASSAY_END(assay_settings_set_tenant(&credential->settings, tenant, failure));
}

int assay_credential_add_tenant(assay_credential *credential, const char *tenant, assay_error **error)
{
    ASSAY_BEGIN(error);
    OPEN(credential);
    if (tenant == NULL)
        return ASSAY_BAD("tenant is NULL");
    return ASSAY_END(assay_settings_add_tenant(&credential->settings, tenant, failure));
}

int assay_credential_set_client_id(assay_credential *credential, const char *client_id, assay_error **error)
{
    ASSAY_BEGIN(error);
    OPEN(credential);
    return ASSAY_END(assay_settings_set_client_id(&credential->settings, client_id, failure));
}

int assay_credential_set_authority(assay_credential *credential, const char *url, assay_error **error)
{
    ASSAY_BEGIN(error);
    OPEN(credential);
    return ASSAY_END(assay_settings_set_authority(&credential->settings, url, failure));
}

int assay_credential_set_token_file(assay_credential *credential, const char *path, assay_error **error)
{
    ASSAY_BEGIN(error);
    OPEN(credential);
    return ASSAY_END(assay_settings_set_text(&credential->settings.token_file, path, "the token file", failure));
}

int assay_credential_set_secret(assay_credential *credential, const char *secret, size_t len, assay_error **error)
{
    ASSAY_BEGIN(error);
    OPEN(credential);
    return ASSAY_END(assay_settings_set_secret(&credential->settings.secret, secret, len, "the secret", failure));
}

/* Two texts that belong together: both are set, or none is. Each may be NULL. */
static int set_both(char **first_place, const char *first, const char *first_what, char **second_place,
                    const char *second, const char *second_what, assay_failure *failure)
{
    ASSAY_AUTO_RELEASE char *one = NULL;
    ASSAY_AUTO_RELEASE char *two = NULL;
    int code = assay_settings_set_text(&one, first, first_what, failure);
    if (code == ASSAY_OK)
        code = assay_settings_set_text(&two, second, second_what, failure);
    if (code != ASSAY_OK)
        return code;
    assay_release(*first_place);
    assay_release(*second_place);
    *first_place = ASSAY_STEAL(one);
    *second_place = ASSAY_STEAL(two);
    return ASSAY_OK;
}

int assay_credential_set_signing_files(assay_credential *credential, const char *certificate_path, const char *key_path,
                                       const char *passphrase, assay_error **error)
{
    ASSAY_BEGIN(error);
    OPEN(credential);
    if (certificate_path == NULL && key_path == NULL)
        return ASSAY_BAD("certificate_path and key_path are both NULL");
    assay_credential_settings *settings = &credential->settings;
    ASSAY_CLEANUP(assay_secret_clear) assay_secret secret = {0};
    int code = assay_settings_set_secret(&secret, passphrase, passphrase == NULL ? 0 : strlen(passphrase),
                                         "the passphrase", failure);
    if (code == ASSAY_OK)
        code = set_both(&settings->certificate_path, certificate_path, "the certificate's path", &settings->key_path,
                        key_path, "the key's path", failure);
    if (code == ASSAY_OK)
        assay_secret_move(&settings->passphrase, &secret);
    return ASSAY_END(code);
}

int assay_credential_set_signing_form(assay_credential *credential, const char *algorithm, const char *key_id,
                                      assay_error **error)
{
    ASSAY_BEGIN(error);
    OPEN(credential);
    assay_credential_settings *settings = &credential->settings;
    return ASSAY_END(set_both(&settings->signing_algorithm, algorithm, "the algorithm", &settings->signing_key_id,
                              key_id, "the key id", failure));
}

int assay_credential_send_certificate_chain(assay_credential *credential, assay_error **error)
{
    ASSAY_BEGIN(error);
    OPEN(credential);
    credential->settings.send_chain = true;
    return ASSAY_END(ASSAY_OK);
}

int assay_credential_set_assertion_function(assay_credential *credential, assay_assertion_function assertion,
                                            void *user_data, assay_destroy_function destroy, assay_error **error)
{
    ASSAY_BEGIN(error);
    int code = check_open(credential, failure);
    if (code == ASSAY_OK && assertion == NULL)
        code = assay_fail_note(failure, ASSAY_E_ARGUMENT, "assertion is NULL");
    if (code != ASSAY_OK) {
        if (destroy != NULL)
            destroy(user_data);
        return ASSAY_END(code);
    }
    assay_credential_settings *settings = &credential->settings;
    if (settings->assertion_destroy != NULL)
        settings->assertion_destroy(settings->assertion_data);
    settings->assertion = assertion;
    settings->assertion_data = user_data;
    settings->assertion_destroy = destroy;
    return ASSAY_END(ASSAY_OK);
}

int assay_credential_set_source(assay_credential *credential, assay_credential *source, const char *scope,
                                assay_error **error)
{
    ASSAY_BEGIN(error);
    OPEN(credential);
    if (source == NULL)
        return ASSAY_BAD("source is NULL");
    return ASSAY_END(assay_credential_set_inner(credential, source, scope, failure));
}

int assay_credential_set_token_proxy_mode(assay_credential *credential, int mode, assay_error **error)
{
    ASSAY_BEGIN(error);
    OPEN(credential);
    if (mode < ASSAY_TOKEN_PROXY_AUTOMATIC || mode > ASSAY_TOKEN_PROXY_OFF)
        return ASSAY_BAD("no such mode");
    credential->settings.proxy.mode = mode;
    return ASSAY_END(ASSAY_OK);
}

int assay_credential_set_token_proxy(assay_credential *credential, const char *url, const char *tls_name,
                                     const char *ca_file, const char *ca_pem, assay_error **error)
{
    ASSAY_BEGIN(error);
    OPEN(credential);
    return ASSAY_END(assay_settings_set_proxy(&credential->settings, url, tls_name, ca_file, ca_pem, failure));
}

int assay_credential_set_identity(assay_credential *credential, int name, const char *value, assay_error **error)
{
    ASSAY_BEGIN(error);
    OPEN(credential);
    if (name < ASSAY_IDENTITY_NAME_SYSTEM || name > ASSAY_IDENTITY_NAME_RESOURCE_ID)
        return ASSAY_BAD("no such way to name an identity");
    return ASSAY_END(assay_settings_set_identity(&credential->settings, (assay_identity)name, value, failure));
}

int assay_credential_set_token_endpoint(assay_credential *credential, const char *url, assay_error **error)
{
    ASSAY_BEGIN(error);
    OPEN(credential);
    return ASSAY_END(assay_settings_set_text(&credential->settings.token_endpoint, url, "the token endpoint", failure));
}

int assay_credential_set_assertion_audience(assay_credential *credential, const char *audience, assay_error **error)
{
    ASSAY_BEGIN(error);
    OPEN(credential);
    return ASSAY_END(assay_settings_set_text(&credential->settings.assertion_audience, audience,
                                             "the audience of assertions", failure));
}

int assay_credential_set_client_method(assay_credential *credential, const char *method, assay_error **error)
{
    ASSAY_BEGIN(error);
    OPEN(credential);
    if (method == NULL)
        return ASSAY_BAD("method is NULL");
    return ASSAY_END(assay_settings_set_client_method(&credential->settings, method, failure));
}

int assay_credential_set_token_types(assay_credential *credential, const char *subject, const char *requested,
                                     assay_error **error)
{
    ASSAY_BEGIN(error);
    OPEN(credential);
    assay_credential_settings *settings = &credential->settings;
    return ASSAY_END(set_both(&settings->subject_token_type, subject, "the type of the subject token",
                              &settings->requested_token_type, requested, "the requested type", failure));
}

int assay_credential_set_actor(assay_credential *credential, const char *token_file, const char *token_type,
                               assay_error **error)
{
    ASSAY_BEGIN(error);
    OPEN(credential);
    if ((token_file == NULL) != (token_type == NULL))
        return ASSAY_BAD("an actor token needs its type, and the type a token (RFC 8693, section 2.1)");
    assay_credential_settings *settings = &credential->settings;
    return ASSAY_END(set_both(&settings->actor_token_file, token_file, "the actor token's file",
                              &settings->actor_token_type, token_type, "the actor token's type", failure));
}

int assay_credential_add_audience(assay_credential *credential, const char *audience, assay_error **error)
{
    ASSAY_BEGIN(error);
    OPEN(credential);
    return ASSAY_END(assay_settings_add_text(&credential->settings.audiences, audience, "an audience", failure));
}

int assay_credential_add_resource(assay_credential *credential, const char *resource, assay_error **error)
{
    ASSAY_BEGIN(error);
    OPEN(credential);
    return ASSAY_END(assay_settings_add_text(&credential->settings.resources, resource, "a resource", failure));
}

int assay_credential_set_service_account(assay_credential *credential, const char *email, assay_error **error)
{
    ASSAY_BEGIN(error);
    OPEN(credential);
    return ASSAY_END(assay_settings_set_service_account(&credential->settings, email, failure));
}

int assay_credential_wait_for_propagation(assay_credential *credential, assay_error **error)
{
    ASSAY_BEGIN(error);
    OPEN(credential);
    credential->settings.wait_for_propagation = true;
    return ASSAY_END(ASSAY_OK);
}

int assay_credential_allow_loopback_http(assay_credential *credential, assay_error **error)
{
    ASSAY_BEGIN(error);
    OPEN(credential);
    credential->settings.allow_loopback_http = true;
    return ASSAY_END(ASSAY_OK);
}

int assay_credential_set_cache_directory(assay_credential *credential, const char *path, assay_error **error)
{
    ASSAY_BEGIN(error);
    OPEN(credential);
    return ASSAY_END(assay_credential_share(credential, path, failure));
}
