/* SPDX-License-Identifier: MIT */
/* Which kind of credential the options mean, what they contradict, and the files of secrets that they name. */

#include "credential.h"

#include "input.h"

#include <stdlib.h>
#include <string.h>

#define BIT(kind) (1U << (kind))
#define SECRETS                                                                                                        \
    (BIT(CREDENTIAL_SECRET) | BIT(CREDENTIAL_ON_BEHALF_OF) | BIT(CREDENTIAL_CLIENT) | BIT(CREDENTIAL_EXCHANGE))
#define SIGNING                                                                                                        \
    (BIT(CREDENTIAL_CERTIFICATE) | BIT(CREDENTIAL_ON_BEHALF_OF) | BIT(CREDENTIAL_CLIENT) | BIT(CREDENTIAL_EXCHANGE))
#define FILES                                                                                                          \
    (BIT(CREDENTIAL_WORKLOAD) | BIT(CREDENTIAL_ON_BEHALF_OF) | BIT(CREDENTIAL_EXCHANGE) | BIT(CREDENTIAL_GOOGLE))
#define OTHERS (BIT(CREDENTIAL_CLIENT) | BIT(CREDENTIAL_EXCHANGE) | BIT(CREDENTIAL_GOOGLE))
#define EXCHANGES (BIT(CREDENTIAL_EXCHANGE) | BIT(CREDENTIAL_GOOGLE))
#define PROXIED (BIT(CREDENTIAL_WORKLOAD) | BIT(CREDENTIAL_ON_BEHALF_OF))
#define ENTRA                                                                                                          \
    (BIT(CREDENTIAL_WORKLOAD) | BIT(CREDENTIAL_SECRET) | BIT(CREDENTIAL_CERTIFICATE) | BIT(CREDENTIAL_FEDERATED) |     \
     BIT(CREDENTIAL_ON_BEHALF_OF) | BIT(CREDENTIAL_GITHUB) | BIT(CREDENTIAL_PIPELINES))

/* An option that a kind does not heed would be a demand that is silently dropped. */
static int check_fitting(const credential_settings *s)
{
    const struct {
        const char *name;
        bool given;
        unsigned kinds;
    } rules[] = {
        {"tenant", s->tenant != NULL, ENTRA},
        {"authority", s->authority != NULL, ENTRA},
        {"client-id", s->client_id != NULL, ENTRA | BIT(CREDENTIAL_CLIENT) | BIT(CREDENTIAL_EXCHANGE)},
        {"token-file", s->token_file != NULL, FILES},
        {"secret-file", s->secret_file != NULL, SECRETS},
        {"certificate", s->certificate != NULL, SIGNING},
        {"key", s->key != NULL, SIGNING},
        {"passphrase-file", s->passphrase_file != NULL, SIGNING},
        {"send-chain", s->send_chain, BIT(CREDENTIAL_CERTIFICATE) | BIT(CREDENTIAL_ON_BEHALF_OF)},
        {"user-token", s->user_token != NULL, BIT(CREDENTIAL_ON_BEHALF_OF)},
        {"identity", s->identity != NULL, BIT(CREDENTIAL_MANAGED) | BIT(CREDENTIAL_FEDERATED)},
        {"token-endpoint", s->token_endpoint != NULL, OTHERS},
        {"audience", s->audiences.count > 0, OTHERS},
        {"client-method", s->client_method != NULL, BIT(CREDENTIAL_CLIENT) | BIT(CREDENTIAL_EXCHANGE)},
        {"assertion-audience", s->assertion_audience != NULL, BIT(CREDENTIAL_CLIENT) | BIT(CREDENTIAL_EXCHANGE)},
        {"algorithm", s->algorithm != NULL, BIT(CREDENTIAL_CLIENT) | BIT(CREDENTIAL_EXCHANGE)},
        {"key-id", s->key_id != NULL, BIT(CREDENTIAL_CLIENT) | BIT(CREDENTIAL_EXCHANGE)},
        {"subject-token-type", s->subject_token_type != NULL, EXCHANGES},
        {"requested-token-type", s->requested_token_type != NULL, EXCHANGES},
        {"actor-file", s->actor_file != NULL, BIT(CREDENTIAL_EXCHANGE)},
        {"actor-type", s->actor_type != NULL, BIT(CREDENTIAL_EXCHANGE)},
        {"service-account", s->service_account != NULL, BIT(CREDENTIAL_GOOGLE)},
        {"token-proxy", s->token_proxy != NULL, PROXIED},
        {"token-proxy-name", s->token_proxy_name != NULL, PROXIED},
        {"token-proxy-ca", s->token_proxy_ca != NULL, PROXIED},
        {"token-proxy-mode", s->token_proxy_mode != NULL, PROXIED},
        {"wait-for-propagation", s->wait_for_propagation, ENTRA},
    };
    for (size_t i = 0; i < CLI_COUNT_OF(rules); i++)
        if (rules[i].given && (rules[i].kinds & BIT(s->kind)) == 0)
            return cli_usage_error(s->command, "--%s does not go with %s", rules[i].name,
                                   credential_kind_name(s->kind));
    return CLI_PARSED;
}

static int take_kind_of_environment(credential_settings *s)
{
    const char *problem = credential_choice_problem();
    if (problem != NULL)
        return cli_usage_error(s->command, CREDENTIAL_CHOICE " is %s", problem);
    s->kind = credential_kind_of_environment();
    s->kind_of_environment = true;
    return CLI_PARSED;
}

/* Where no kind is named, an option that only one kind has means it; others belong to what the environment configures first. */
static int settle_kind(credential_settings *s)
{
    if (s->kind != CREDENTIAL_DEFAULT)
        return CLI_PARSED;
    if (s->user_token != NULL)
        s->kind = CREDENTIAL_ON_BEHALF_OF;
    else if (s->token_endpoint != NULL)
        return cli_usage_error(s->command, "--token-endpoint goes with a kind: assay %s client-credentials or exchange",
                               s->command);
    else if (s->service_account != NULL)
        s->kind = CREDENTIAL_GOOGLE;
    else if (s->secret_file != NULL)
        s->kind = CREDENTIAL_SECRET;
    else if (s->certificate != NULL || s->key != NULL)
        s->kind = CREDENTIAL_CERTIFICATE;
    else if (s->token_file != NULL || s->token_proxy != NULL)
        s->kind = CREDENTIAL_WORKLOAD;
    else if (s->identity != NULL)
        s->kind = CREDENTIAL_MANAGED;
    else if (s->tenant != NULL || s->client_id != NULL || s->authority != NULL || s->send_chain ||
             s->wait_for_propagation || s->token_proxy_mode != NULL)
        return take_kind_of_environment(s);
    return CLI_PARSED;
}

static bool is_identity(const char *text)
{
    static const char *const prefixes[] = {"client-id:", "object-id:", "resource-id:"};
    bool known = strcmp(text, "system") == 0;
    for (size_t i = 0; i < CLI_COUNT_OF(prefixes) && !known; i++)
        known = strncmp(text, prefixes[i], strlen(prefixes[i])) == 0 && text[strlen(prefixes[i])] != '\0';
    return known;
}

static int check_pairs(const credential_settings *s)
{
    static const char *const modes[] = {"auto", "on", "off"};
    bool known = s->token_proxy_mode == NULL;
    for (size_t i = 0; i < CLI_COUNT_OF(modes) && !known; i++)
        known = strcmp(modes[i], s->token_proxy_mode) == 0;
    if (!known)
        return cli_usage_error(s->command, "--token-proxy-mode is auto, on or off");
    if (s->token_proxy == NULL && (s->token_proxy_name != NULL || s->token_proxy_ca != NULL))
        return cli_usage_error(s->command, "--token-proxy-name and --token-proxy-ca go with --token-proxy");
    if (s->identity != NULL && !is_identity(s->identity))
        return cli_usage_error(s->command, "--identity is system, client-id:ID, object-id:ID or resource-id:ID");
    if (s->claims != NULL && s->challenge != NULL)
        return cli_usage_error(s->command, "--claims and --challenge say the same; give one");
    /* RFC 8693, section 2.1: actor_token_type is required where there is an actor_token, and otherwise forbidden. */
    if ((s->actor_file == NULL) != (s->actor_type == NULL))
        return cli_usage_error(s->command, "--actor-file and --actor-type go together");
    if (s->secret_file != NULL && s->certificate != NULL)
        return cli_usage_error(s->command, "--secret-file and --certificate are two proofs; give one");
    if (s->kind == CREDENTIAL_ON_BEHALF_OF && s->user_token == NULL)
        return cli_usage_error(s->command, "--user-token FILE is missing: on whose behalf");
    if (credential_kind_is_azure(s->kind) && (s->resources.count > 1 || (s->resources.count == 1 && s->scope != NULL)))
        return cli_usage_error(s->command, "one token is for one resource: give one --resource or one --scope");
    const char *account = s->kind == CREDENTIAL_GOOGLE ? getenv("GOOGLE_APPLICATION_CREDENTIALS") : NULL;
    if (account != NULL && account[0] != '\0' && s->audiences.count > 0)
        return cli_usage_error(s->command,
                               "--audience does not go with GOOGLE_APPLICATION_CREDENTIALS, whose file names "
                               "one: leave it out, or unset the variable");
    if (credential_wanted(s) == NULL)
        return cli_usage_error(s->command, "--resource R (or --scope S) is missing: what the token is for");
    return CLI_PARSED;
}

static int read_secrets(credential_settings *s)
{
    const struct {
        const char *path;
        const char *what;
        cli_text *text;
    } files[] = {
        {s->secret_file, "secret", &s->secret},
        {s->passphrase_file, "passphrase", &s->passphrase},
        {s->user_token, "token", &s->user_assertion},
    };
    bool standard_input = false;
    for (size_t i = 0; i < CLI_COUNT_OF(files); i++) {
        if (files[i].path == NULL)
            continue;
        bool again = standard_input;
        standard_input = standard_input || strcmp(files[i].path, "-") == 0;
        if (again && strcmp(files[i].path, "-") == 0)
            return cli_usage_error(s->command, "standard input can be only one of the files");
        if (cli_read_secret(s->command, files[i].path, files[i].what, files[i].text) != CLI_EXIT_DONE)
            return CLI_EXIT_USAGE;
    }
    return CLI_PARSED;
}

int credential_check(credential_settings *settings)
{
    int64_t seconds = settings->wait_for_propagation ? 180 : 60;
    if (settings->timeout_text != NULL &&
        !cli_option_integer(settings->command, "timeout", settings->timeout_text, 1, 600, &seconds))
        return CLI_EXIT_USAGE;
    settings->timeout_ms = seconds * 1000;
    int status = settle_kind(settings);
    if (status == CLI_PARSED)
        status = check_fitting(settings);
    if (status == CLI_PARSED)
        status = check_pairs(settings);
    return status == CLI_PARSED ? read_secrets(settings) : status;
}
