/* SPDX-License-Identifier: MIT */
/* The options that say how a token is to be had, and the kinds of credentials that they go with. */

#include "credential.h"

#include "input.h"

#include <string.h>

static const struct {
    const char *name;      /* of the command line */
    const char *kind_name; /* of the library */
    bool azure;
} kinds[CREDENTIAL_KINDS] = {
    [CREDENTIAL_DEFAULT] = {"default", NULL, true},
    [CREDENTIAL_WORKLOAD] = {"workload", "workload-identity", true},
    [CREDENTIAL_SECRET] = {"secret", "client-secret", true},
    [CREDENTIAL_CERTIFICATE] = {"certificate", "client-certificate", true},
    [CREDENTIAL_FEDERATED] = {"federated", "federated", true},
    [CREDENTIAL_MANAGED] = {"managed", "managed-identity", true},
    [CREDENTIAL_ON_BEHALF_OF] = {"on-behalf-of", NULL, true},
    [CREDENTIAL_GITHUB] = {"github", "github-actions", true},
    [CREDENTIAL_PIPELINES] = {"pipelines", "azure-pipelines", true},
    [CREDENTIAL_EXCHANGE] = {"exchange", "token-exchange", false},
    [CREDENTIAL_CLIENT] = {"client-credentials", "client-credentials", false},
    [CREDENTIAL_GOOGLE] = {"google", "google", false},
};

/* In the order of --help: what for, who, by what proof, of which server, how. */
static const struct {
    const char *name;
    enum cli_option_kind kind;
    size_t offset;
    const char *value_name;
    const char *help;
} rows[] = {
#define PLACE(member) offsetof(credential_settings, member)
    {"resource", CLI_LIST, PLACE(resources), "R", "what for: keyvault, storage, sql, arm, graph, aks, … or a URI"},
    {"scope", CLI_VALUE, PLACE(scope), "S", "the same as a scope: https://vault.azure.net/.default"},
    {"tenant", CLI_VALUE, PLACE(tenant), "T", "tenant of Entra: a GUID or a domain"},
    {"client-id", CLI_VALUE, PLACE(client_id), "ID", "application, identity or client to get the token for"},
    {"authority", CLI_VALUE, PLACE(authority), "URL", "cloud: https://login.microsoftonline.us and the like"},
    {"token-file", CLI_VALUE, PLACE(token_file), "FILE", "federated token, or subject token of an exchange"},
    {"secret-file", CLI_VALUE, PLACE(secret_file), "FILE|-", "client secret; never on the command line"},
    {"certificate", CLI_VALUE, PLACE(certificate), "FILE", "certificate, PEM, leaf first; the key may stand beside it"},
    {"key", CLI_VALUE, PLACE(key), "FILE|URI", "private key, where it is elsewhere"},
    {"passphrase-file", CLI_VALUE, PLACE(passphrase_file), "FILE|-", "passphrase of the key"},
    {"send-chain", CLI_FLAG, PLACE(send_chain), NULL, "send the certificate chain too (x5c)"},
    {"user-token", CLI_VALUE, PLACE(user_token), "FILE|-", "on-behalf-of: the token that the user came with"},
    {"identity", CLI_VALUE, PLACE(identity), "NAME",
     "managed identity: system, client-id:…, object-id:… or resource-id:…"},
    {"token-endpoint", CLI_VALUE, PLACE(token_endpoint), "URL", "token endpoint of any OAuth server"},
    {"audience", CLI_LIST, PLACE(audiences), "AUD", "audience to ask for (RFC 8693; Google: the provider)"},
    {"client-method", CLI_VALUE, PLACE(client_method), "M",
     "client_secret_basic, client_secret_post, private_key_jwt or none"},
    {"assertion-audience", CLI_VALUE, PLACE(assertion_audience), "AUD", "aud of a signed assertion: the issuer"},
    {"algorithm", CLI_VALUE, PLACE(algorithm), "ALG", "sign assertions with this one"},
    {"key-id", CLI_VALUE, PLACE(key_id), "KID", "name the signing key so"},
    {"subject-token-type", CLI_VALUE, PLACE(subject_token_type), "URN", "exchange: type of the subject token"},
    {"requested-token-type", CLI_VALUE, PLACE(requested_token_type), "URN", "exchange: type that is wanted"},
    {"actor-file", CLI_VALUE, PLACE(actor_file), "FILE", "exchange: token of who acts for the subject"},
    {"actor-type", CLI_VALUE, PLACE(actor_type), "URN", "exchange: type of that token"},
    {"service-account", CLI_VALUE, PLACE(service_account), "EMAIL", "Google: get tokens of this account with it"},
    {"claims", CLI_VALUE, PLACE(claims), "JSON", "claims that a resource demands"},
    {"challenge", CLI_VALUE, PLACE(challenge), "TEXT", "the same, as the WWW-Authenticate value has them"},
    {"token-proxy", CLI_VALUE, PLACE(token_proxy), "URL", "token proxy of AKS identity bindings"},
    {"token-proxy-name", CLI_VALUE, PLACE(token_proxy_name), "NAME", "name in its certificate"},
    {"token-proxy-ca", CLI_VALUE, PLACE(token_proxy_ca), "FILE", "CA certificates of the token proxy"},
    {"token-proxy-mode", CLI_VALUE, PLACE(token_proxy_mode), "MODE", "auto, on or off"},
    {"ca-file", CLI_VALUE, PLACE(ca_file), "FILE", "trust these CA certificates instead of the system's"},
    {"use-environment-proxy", CLI_FLAG, PLACE(use_environment_proxy), NULL, "let https_proxy and no_proxy apply"},
    {"allow-loopback-http", CLI_FLAG, PLACE(allow_loopback_http), NULL, "allow http:// for loopback"},
    {"cache-directory", CLI_VALUE, PLACE(cache_directory), "DIR", "share tokens with later runs in this folder"},
    {"wait-for-propagation", CLI_FLAG, PLACE(wait_for_propagation), NULL, "retry what a new identity is refused with"},
    {"timeout", CLI_VALUE, PLACE(timeout_text), "SECONDS", "longest wait in all, 1 to 600"},
#undef PLACE
};
_Static_assert(CLI_COUNT_OF(rows) <= CREDENTIAL_OPTIONS_MAX, "room for every option");

size_t credential_options(credential_settings *settings, cli_option *options)
{
    for (size_t i = 0; i < CLI_COUNT_OF(rows); i++)
        options[i] = (cli_option){rows[i].name, rows[i].kind, (char *)settings + rows[i].offset, rows[i].value_name,
                                  rows[i].help};
    return CLI_COUNT_OF(rows);
}

int credential_kind_find(const char *name, credential_settings *settings)
{
    if (name == NULL)
        return CLI_PARSED;
    for (size_t i = 0; i < CLI_COUNT_OF(kinds); i++) {
        if (strcmp(kinds[i].name, name) != 0)
            continue;
        settings->kind = (enum credential_kind)i;
        return CLI_PARSED;
    }
    cli_text known = {0};
    for (size_t i = 0; i < CLI_COUNT_OF(kinds); i++) {
        cli_text_put(&known, i == 0 ? "" : ", ");
        cli_text_put(&known, kinds[i].name);
    }
    int status = cli_usage_error(settings->command, "\"%s\" is no kind of credential; there are %s", name, known.ptr);
    cli_text_free(&known);
    return status;
}

const char *credential_kind_name(enum credential_kind kind)
{
    return kinds[kind].name;
}

const char *credential_library_kind(enum credential_kind kind)
{
    return kinds[kind].kind_name;
}

bool credential_kind_is_azure(enum credential_kind kind)
{
    return kinds[kind].azure;
}

void credential_settings_free(credential_settings *settings)
{
    cli_list_free(&settings->resources);
    cli_list_free(&settings->audiences);
    cli_text_wipe(&settings->secret);
    cli_text_wipe(&settings->passphrase);
    cli_text_wipe(&settings->user_assertion);
}
