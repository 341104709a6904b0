/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_ACQUIRE_SETTINGS_H
#define ASSAY_ACQUIRE_SETTINGS_H

/*
 * How a credential obtains tokens, as plain data: filled by setters or from the environment, checked once, then frozen and read by all. Pure.
 * What it refers to (other credentials' settings) outlives it: flow/credential.c holds the references.
 */

#include "acquire/assertion.h"
#include "acquire/sign_source.h"
#include "base/failure.h"
#include "base/list.h"
#include "crypto/secret.h"
#include "http/message.h"
#include "profile/entra.h"

#include <assay/credential.h>

typedef enum assay_credential_kind {
    ASSAY_CREDENTIAL_WORKLOAD,    /* Entra: the assertion is the content of a file */
    ASSAY_CREDENTIAL_SECRET,      /* Entra: client secret */
    ASSAY_CREDENTIAL_CERTIFICATE, /* Entra: an assertion signed with a certificate's key */
    ASSAY_CREDENTIAL_ASSERTION,   /* Entra: the assertion comes from a function of the host */
    ASSAY_CREDENTIAL_FEDERATED,   /* Entra: the assertion is a token of another credential */
    ASSAY_CREDENTIAL_GITHUB,      /* Entra: the assertion is the ID token of a job of GitHub Actions */
    ASSAY_CREDENTIAL_PIPELINES,   /* Entra: the same of Azure Pipelines */
    ASSAY_CREDENTIAL_MANAGED,     /* managed identity: no token endpoint, an agent of the platform */
    ASSAY_CREDENTIAL_CLIENT,      /* any OAuth server: client credentials (RFC 6749, section 4.4) */
    ASSAY_CREDENTIAL_EXCHANGE,    /* any OAuth server: token exchange (RFC 8693) */
    ASSAY_CREDENTIAL_GOOGLE,      /* Google STS, with an optional service account behind it */
    ASSAY_CREDENTIAL_CHAIN,       /* the first of several that is there */
    ASSAY_CREDENTIAL_KINDS
} assay_credential_kind;

/* As the public functions and documents spell it, such as "workload-identity". NULL beyond the last. */
const char *assay_credential_kind_name(assay_credential_kind kind);
bool assay_credential_kind_find(const char *name, assay_credential_kind *kind);

/* Which agent answers for a managed identity (exchange.md 2.7 has the order in which they are looked for). */
typedef enum assay_agent {
    ASSAY_AGENT_IMDS,
    ASSAY_AGENT_APP_SERVICE, /* 2019-08-01 */
    ASSAY_AGENT_APP_SERVICE_2017,
    ASSAY_AGENT_AZURE_ML,
    ASSAY_AGENT_CLOUD_SHELL,
    ASSAY_AGENT_ARC,
    ASSAY_AGENT_SERVICE_FABRIC
} assay_agent;

/* How a user-assigned identity is named. */
typedef enum assay_identity {
    ASSAY_IDENTITY_SYSTEM,
    ASSAY_IDENTITY_CLIENT_ID,
    ASSAY_IDENTITY_OBJECT_ID,
    ASSAY_IDENTITY_RESOURCE_ID
} assay_identity;

/* How a client proves itself to a server that is not Entra (RFC 6749, section 2.3.1; RFC 7523, section 2.2). */
typedef enum assay_client_method {
    ASSAY_CLIENT_BASIC,
    ASSAY_CLIENT_POST,
    ASSAY_CLIENT_PRIVATE_KEY_JWT,
    ASSAY_CLIENT_NONE
} assay_client_method;

/* AKS identity bindings (exchange.md 2.3). */
typedef struct assay_token_proxy {
    int mode;       /* enum assay_token_proxy_mode */
    char *url;      /* NULL: none */
    char *tls_name; /* NULL: the host of the URL */
    char *ca_file;  /* read again for each exchange */
    char *ca_pem;   /* instead of the file; both NULL: the system's */
} assay_token_proxy;

typedef struct assay_acquire_context assay_acquire_context;

typedef struct assay_credential_settings {
    assay_credential_kind kind;
    bool allow_loopback_http;
    assay_acquire_context *context; /* machine.h; of the credential that these are of */
    bool wait_for_propagation;      /* retry what a federated credential that was just made is refused with */

    /* Entra */
    char *authority; /* "https://host" without a slash at its end; NULL: the public cloud's */
    char *tenant;
    char *client_id; /* of any token endpoint */
    char *token_file;
    assay_token_proxy proxy;
    bool any_tenant; /* requests may name any tenant; else those of `tenants` beside the own one */
    assay_text_list tenants;

    /* proof */
    assay_secret secret;               /* client secret */
    char *certificate_path, *key_path; /* PEM files, or a key_path that is an URI of an OpenSSL store; NULL: none */
    assay_secret passphrase;
    assay_sign_source *signing; /* made of these when the credential is frozen; NULL: none */
    bool send_chain;            /* x5c */
    assay_assertion_function assertion;
    void *assertion_data;
    assay_destroy_function assertion_destroy;
    const struct assay_credential_settings *inner; /* whose token is the assertion or subject token */
    char *inner_scope;                             /* with which it is asked; NULL: what is usual for the cloud */
    char *request_url;                             /* GitHub and Pipelines: where the ID token is asked for */
    assay_secret request_token;                    /* and with what */
    char *service_connection;                      /* Pipelines */

    /* managed identity */
    assay_agent agent;
    char *agent_url;           /* NULL: the agent's usual one */
    assay_secret agent_secret; /* X-IDENTITY-HEADER and its like */
    char *agent_thumbprint;    /* Service Fabric */
    char *arc_folder;          /* where its keys lie; NULL: the usual one */
    assay_identity identity;
    char *identity_value;
    bool probe; /* ask whether IMDS is there before anything else: in a chain */

    /* any OAuth server */
    char *token_endpoint;
    char *
        assertion_audience; /* `aud` of a signed assertion: the issuer of a server that is not Entra; NULL: the token endpoint */
    assay_client_method client_method;
    char *signing_algorithm; /* NULL: by the key */
    char *signing_key_id;    /* `kid`; NULL: none */

    /* token exchange (RFC 8693, section 2.1) and Google */
    char *subject_token_type; /* NULL: urn:ietf:params:oauth:token-type:jwt */
    char *actor_token_file;   /* NULL: no actor */
    char *actor_token_type;
    char *requested_token_type; /* NULL: not asked for */
    assay_text_list audiences,
        resources;           /* GitHub: the first audience is what the ID token is asked for; none: what is usual */
    char *impersonation_url; /* Google: of the service account; NULL: none */
    char *subject_member;    /* the token file is JSON, and this member holds the token; NULL: it is the token */

    /* chain: in order; borrowed */
    const struct assay_credential_settings **members;
    size_t member_count;
    char *
        skipped; /* what the environment did not configure, a line each: "workload-identity: AZURE_FEDERATED_TOKEN_FILE is not set"; NULL: nothing */

    /* What the check said: a chain passes over a member that lacks something. */
    int checked;
    assay_failure lacking;
} assay_credential_settings;

void assay_credential_settings_clear(assay_credential_settings *settings);

/*
 * Whether they are complete, before the first use: ASSAY_OK; ASSAY_E_CONFIG_CREDENTIAL naming every option (and its variable) that is missing,
 * ASSAY_E_CONFIG_TENANT, ASSAY_E_CONFIG_URL, ASSAY_E_MEMORY. Sets defaults, and keeps in `checked` and `lacking` what it says. No I/O.
 */
int assay_credential_settings_check(assay_credential_settings *settings, assay_failure *failure);
/* Entra, and a client id that is no GUID: a resource id or a name, which it answers with AADSTS700016 (row 16). Worth a warning only. */
bool assay_settings_client_id_is_odd(const assay_credential_settings *settings);

/* The known cloud of the authority; NULL: none of them. */
const assay_entra_cloud *assay_settings_cloud(const assay_credential_settings *settings);
/* Whether its scopes are of one resource, as Entra has them. */
bool assay_settings_wants_resource(const assay_credential_settings *settings);

/* settings_set.c: texts that were checked; NULL takes one back. ASSAY_OK, ASSAY_E_CONFIG_TENANT (`common` and its like too), ASSAY_E_CONFIG_URL, ASSAY_E_CONFIG_CREDENTIAL, ASSAY_E_MEMORY. */
int assay_settings_set_text(char **place, const char *text, const char *what, assay_failure *failure);
int assay_settings_set_secret(assay_secret *place, const char *text, size_t len, const char *what,
                              assay_failure *failure);
int assay_settings_take_tenant(char **place, const char *tenant, assay_failure *failure);
int assay_settings_set_tenant(assay_credential_settings *settings, const char *tenant, assay_failure *failure);
int assay_settings_add_tenant(assay_credential_settings *settings, const char *tenant,
                              assay_failure *failure); /* "*": any */
/* Not of a managed identity, whose name is another setting: it would be left aside, and another identity used. */
int assay_settings_set_client_id(assay_credential_settings *settings, const char *client_id, assay_failure *failure);
int assay_settings_set_authority(assay_credential_settings *settings, const char *authority, assay_failure *failure);
int assay_settings_set_proxy(assay_credential_settings *settings, const char *url, const char *tls_name,
                             const char *ca_file, const char *ca_pem, assay_failure *failure);
int assay_settings_set_identity(assay_credential_settings *settings, assay_identity identity, const char *value,
                                assay_failure *failure);

int assay_settings_add_text(assay_text_list *list, const char *text, const char *what, assay_failure *failure);
int assay_settings_set_client_method(assay_credential_settings *settings, const char *method, assay_failure *failure);
int assay_settings_set_service_account(assay_credential_settings *settings, const char *email, assay_failure *failure);

/* from_environment.c: what the environment configures for one kind; the process's own environment is read here and nowhere else. `settings` is
 * of that kind and otherwise empty. ASSAY_E_CONFIG_CREDENTIAL where it is broken; what is missing is found by the check. */
int assay_settings_from_environment(assay_credential_settings *settings, assay_failure *failure);
/*
 * Which kinds of the default chain are configured: the one to use is first. The others, and those that are not, are told in *skipped (owned), a line each.
 * *named: AZURE_TOKEN_CREDENTIALS names the one source that there is. ASSAY_E_CONFIG_CREDENTIAL: it names none, or one that is not configured.
 */
int assay_environment_choose(assay_credential_kind *kinds, size_t capacity, size_t *count, char **skipped, bool *named,
                             assay_failure *failure);
/* Layer, fix and number of a row about settings: 49, 50, 65; others change nothing. */
void assay_settings_advise(int row, assay_failure *failure);

#endif
