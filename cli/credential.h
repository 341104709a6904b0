/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_CLI_CREDENTIAL_H
#define ASSAY_CLI_CREDENTIAL_H

/* What assay token and assay doctor share: the options that say how a token is to be had, and the credential made of them. */

#include "options.h"
#include "report.h"

CLI_DEFINE_CLEANUP(assay_credential, assay_credential_unref)
CLI_DEFINE_CLEANUP(assay_token_request, assay_token_request_free)
CLI_DEFINE_CLEANUP(assay_access_token, assay_access_token_unref)

enum credential_kind {
    CREDENTIAL_DEFAULT, /* what the environment configures first */
    CREDENTIAL_WORKLOAD,
    CREDENTIAL_SECRET,
    CREDENTIAL_CERTIFICATE,
    CREDENTIAL_FEDERATED, /* a managed identity's token as the assertion */
    CREDENTIAL_MANAGED,
    CREDENTIAL_ON_BEHALF_OF,
    CREDENTIAL_GITHUB,
    CREDENTIAL_PIPELINES,
    CREDENTIAL_EXCHANGE,
    CREDENTIAL_CLIENT,
    CREDENTIAL_GOOGLE,
    CREDENTIAL_KINDS
};

typedef struct credential_settings {
    const char *command;          /* "token" or "doctor" */
    const char *default_resource; /* NULL: it must be given */
    enum credential_kind kind;
    cli_list resources;
    const char *scope;
    const char *tenant;
    const char *client_id;
    const char *authority;
    const char *token_file;
    const char *secret_file;
    const char *certificate;
    const char *key;
    const char *passphrase_file;
    const char *user_token;
    const char *identity;
    const char *token_endpoint;
    cli_list audiences;
    const char *client_method;
    const char *assertion_audience;
    const char *algorithm;
    const char *key_id;
    const char *subject_token_type;
    const char *requested_token_type;
    const char *actor_file;
    const char *actor_type;
    const char *service_account;
    const char *claims;
    const char *challenge;
    const char *token_proxy;
    const char *token_proxy_name;
    const char *token_proxy_ca;
    const char *token_proxy_mode;
    const char *ca_file;
    const char *cache_directory;
    const char *timeout_text;
    bool send_chain;
    bool allow_loopback_http;
    bool use_environment_proxy;
    bool wait_for_propagation;

    /* worked out of these */
    bool kind_of_environment; /* no option says which kind */
    int64_t timeout_ms;
    cli_text secret; /* wiped, as the next ones */
    cli_text passphrase;
    cli_text user_assertion;
} credential_settings;

/* More than credential_options() writes. */
#define CREDENTIAL_OPTIONS_MAX 48

/* credential_options.c: write the options of the command line that fill @p settings; returns how many. */
size_t credential_options(credential_settings *settings, cli_option *options);
/* The kind of this name of the command line; a usage error otherwise. @p name NULL: the default. */
int credential_kind_find(const char *name, credential_settings *settings);
const char *credential_kind_name(enum credential_kind kind);
/* As the library spells it; NULL for the default and on-behalf-of, which are made of others. */
const char *credential_library_kind(enum credential_kind kind);
/* Entra's or an agent's of Azure: a resource is all that is asked for. */
bool credential_kind_is_azure(enum credential_kind kind);
void credential_settings_free(credential_settings *settings);

#define CREDENTIAL_CHOICE "AZURE_TOKEN_CREDENTIALS"
/* credential_environment.c: the first kind of the default chain that the environment configures, or that CREDENTIAL_CHOICE names; CREDENTIAL_DEFAULT
 * where none is. */
enum credential_kind credential_kind_of_environment(void);
/* The one credential that CREDENTIAL_CHOICE names; NULL: the whole chain, or a problem. */
const char *credential_choice(void);
/* Why there is nothing that CREDENTIAL_CHOICE names, as the library will say too; NULL: there is. */
const char *credential_choice_problem(void);

/* credential_check.c: what options mean where no kind is named, and what they contradict; reads the files of secrets. CLI_PARSED, or a
 * usage error. */
int credential_check(credential_settings *settings);

/* credential_make.c: build from the settings; ASSAY_OK or a code. @p runtime may be NULL after a success, for the defaults. */
int credential_runtime(const credential_settings *settings, assay_runtime **runtime, assay_error **error);
int credential_make(const credential_settings *settings, assay_runtime *runtime, assay_credential **credential,
                    assay_error **error);
/* What the token is for: a scope or a resource; "" where a server that is not Azure's gives what it likes. */
const char *credential_wanted(const credential_settings *settings);
int credential_request(const credential_settings *settings, assay_token_request **request, assay_error **error);
/* assay_credential_describe() as a document; NULL where the library can't say. */
json_t *credential_describe(const assay_credential *credential);

/* credential_report.c: why no token could be had. The members of a failure, and the same as rows. */
json_t *credential_failure_json(int code, const assay_error *error);
void credential_failure_print(FILE *stream, int code, const assay_error *error);
/* What the default chain passed over, and why. */
void credential_skipped_print(FILE *stream, const assay_credential *credential);
/* A row of the table of diagnoses as an object; NULL for 0. */
json_t *credential_diagnosis_json(int row);

#endif
