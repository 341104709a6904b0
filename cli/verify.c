/* SPDX-License-Identifier: MIT */
/* assay verify: the command line and the order of work. */

#include "verify.h"

#include "input.h"
#include "requirements.h"

#include <string.h>
#include <time.h>

#define NAME "verify"

/* One configuration, from one place: options that describe the issuer contradict a document that does. */
static int check_config_alone(const verify_settings *settings)
{
    const struct {
        const char *name;
        bool given;
    } others[] = {
        {"issuer", settings->issuer != NULL},
        {"audience", settings->audiences.count > 0},
        {"profile", settings->profile != NULL},
        {"jwks", settings->jwks != NULL},
        {"tenant", settings->tenants.count > 0},
        {"algorithm", settings->algorithms.count > 0},
        {"leeway", settings->leeway_text != NULL},
        {"client-id", settings->client_id != NULL},
        {"allow-loopback-http", settings->allow_loopback_http},
    };
    for (size_t i = 0; i < CLI_COUNT_OF(others); i++)
        if (others[i].given)
            return cli_usage_error(NAME, "--%s can't stand beside --config: say it in the document", others[i].name);
    return CLI_PARSED;
}

/* What options can't say stands in a document. */
static int check_profile(const verify_settings *settings)
{
    const char *profile = settings->profile == NULL ? "generic" : settings->profile;
    if (strcmp(profile, "entra-b2c") == 0 || strcmp(profile, "entra-external-id") == 0)
        return cli_usage_error(NAME, "the profile %s needs more than options say: use --config FILE", profile);
    if (settings->tenants.count > 0 && strcmp(profile, "entra") != 0)
        return cli_usage_error(NAME, "--tenant goes with --profile entra");
    return CLI_PARSED;
}

static int check_settings(verify_settings *settings)
{
    int profile = settings->config == NULL ? check_profile(settings) : check_config_alone(settings);
    if (profile != CLI_PARSED)
        return profile;
    if (settings->config == NULL && settings->issuer == NULL)
        return cli_usage_error(NAME, "--issuer URL (or --config FILE) is missing: whose tokens to accept");
    if (settings->config == NULL && settings->audiences.count == 0)
        return cli_usage_error(NAME, "--audience AUD is missing: without it any token of the issuer would do");
    for (size_t i = 0; i < settings->scopes.count; i++)
        if (!cli_scope_is_valid(settings->scopes.items[i]))
            return cli_usage_error(NAME, "\"%s\" is not one scope; repeat --require-scope for several",
                                   settings->scopes.items[i]);
    settings->now = (int64_t)time(NULL);
    if (settings->now_text != NULL &&
        !cli_option_integer(NAME, "now", settings->now_text, 0, INT64_C(253402300799), &settings->now))
        return CLI_EXIT_USAGE;
    /* The library knows these bounds and names them. */
    if (settings->leeway_text != NULL &&
        !cli_option_integer(NAME, "leeway", settings->leeway_text, 0, INT64_C(253402300799), &settings->leeway))
        return CLI_EXIT_USAGE;
    if (settings->max_age_text != NULL &&
        !cli_option_integer(NAME, "max-age", settings->max_age_text, 0, INT64_C(253402300799), &settings->max_age))
        return CLI_EXIT_USAGE;
    return CLI_PARSED;
}

static int decide(const verify_settings *settings, assay_validator *validator, const cli_text *token)
{
    CLI_CLEANUP(assay_error_free_p) assay_error *error = NULL;
    CLI_CLEANUP(assay_request_free_p) assay_request *request = NULL;
    int code = cli_verify_request(settings, &request, &error);
    if (code != ASSAY_OK)
        return cli_report_failure(code, error, settings->json);
    CLI_CLEANUP(assay_claims_unref_p) assay_claims *claims = NULL;
    code = assay_validator_validate(validator, token->ptr, token->len, request, CLI_TIMEOUT_MS, &claims, &error);
    /* Belt and braces: without claims there is no acceptance. */
    if (code == ASSAY_OK && claims == NULL)
        code = ASSAY_E_INTERNAL;
    cli_verdict verdict = cli_verdict_of(code, error);
    cli_text borrowed = {0};
    if (code == ASSAY_OK)
        code = cli_requirements_check(claims, &settings->scopes, &settings->roles, &verdict, &borrowed, &error);
    int status = cli_verify_report(settings, &verdict, code == ASSAY_OK ? claims : NULL);
    cli_text_free(&borrowed);
    return status;
}

static int run_with_files(const verify_settings *settings, const cli_text *config, const cli_text *keys)
{
    CLI_CLEANUP(assay_error_free_p) assay_error *error = NULL;
    CLI_CLEANUP(assay_validator_unref_p) assay_validator *validator = NULL;
    int code = cli_verify_validator(settings, config, keys, &validator, &error);
    if (code != ASSAY_OK)
        return cli_report_failure(code, error, settings->json);
    cli_text token = {0};
    const char *path = settings->operands.count == 0 ? NULL : settings->operands.items[0];
    int status = cli_read_token(NAME, path, &token);
    if (status == CLI_EXIT_DONE)
        status = decide(settings, validator, &token);
    cli_text_free(&token);
    return status;
}

static int run(verify_settings *settings)
{
    int status = check_settings(settings);
    if (status != CLI_PARSED)
        return status;
    cli_text config = {0};
    cli_text keys = {0};
    status = CLI_EXIT_DONE;
    if (settings->config != NULL)
        status = cli_read_file(NAME, settings->config, CLI_INPUT_FILE_BYTES, &config);
    if (status == CLI_EXIT_DONE && settings->jwks != NULL)
        status = cli_read_file(NAME, settings->jwks, CLI_INPUT_FILE_BYTES, &keys);
    if (status == CLI_EXIT_DONE)
        status = run_with_files(settings, &config, &keys);
    cli_text_free(&config);
    cli_text_free(&keys);
    return status;
}

int cli_verify(int argc, char **argv)
{
    verify_settings settings = {0};
    const cli_option options[] = {
        {"config", CLI_VALUE, &settings.config, "FILE",
         "configuration document, instead of the options up to --client-id"},
        {"issuer", CLI_VALUE, &settings.issuer, "URL", "trusted issuer, exactly as in iss"},
        {"audience", CLI_LIST, &settings.audiences, "AUD", "audience to accept"},
        {"profile", CLI_VALUE, &settings.profile, "P",
         "kind of token: generic (default), rfc9068, id-token, entra, kubernetes, github, ..."},
        {"tenant", CLI_LIST, &settings.tenants, "T", "tenant of Entra to accept: a GUID, consumers or organizations"},
        {"jwks", CLI_VALUE, &settings.jwks, "FILE", "keys to check with; nothing is fetched then"},
        {"algorithm", CLI_LIST, &settings.algorithms, "ALG", "algorithm to allow instead of RS256 and ES256"},
        {"leeway", CLI_VALUE, &settings.leeway_text, "SECONDS", "tolerated difference of clocks, 60 by default"},
        {"allow-loopback-http", CLI_FLAG, &settings.allow_loopback_http, NULL, "allow http:// for loopback"},
        {"client-id", CLI_VALUE, &settings.client_id, "ID", "client that azp of an ID token must name"},
        {"now", CLI_VALUE, &settings.now_text, "EPOCH", "take this for the time: seconds since 1970-01-01 UTC"},
        {"nonce", CLI_VALUE, &settings.nonce, "N", "nonce that the token must have"},
        {"max-age", CLI_VALUE, &settings.max_age_text, "SECONDS", "longest time since the sign-in (auth_time)"},
        {"require-scope", CLI_LIST, &settings.scopes, "S", "scope that scope or scp must contain"},
        {"require-role", CLI_LIST, &settings.roles, "R", "role that roles must contain"},
        {"ca-file", CLI_VALUE, &settings.ca_file, "FILE", "trust these CA certificates instead of the system's"},
        {"json", CLI_FLAG, &settings.json, NULL, "print one JSON object"},
        {"explain", CLI_FLAG, &settings.explain, NULL, "print each check in its order"},
    };
    const cli_command command = {
        NAME,    "[TOKENFILE|-]",       "Decide whether a token is acceptable, and say why not.",
        options, CLI_COUNT_OF(options), &settings.operands,
        1};
    int status = cli_options_parse(&command, argc, argv);
    if (status == CLI_PARSED)
        status = run(&settings);
    cli_list_free(&settings.audiences);
    cli_list_free(&settings.tenants);
    cli_list_free(&settings.algorithms);
    cli_list_free(&settings.scopes);
    cli_list_free(&settings.roles);
    cli_list_free(&settings.operands);
    return status;
}
