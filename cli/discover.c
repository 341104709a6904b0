/* SPDX-License-Identifier: MIT */
/* assay discover: what an issuer serves, as a validator sees it. */

#include "options.h"
#include "output.h"
#include "report.h"

#include <inttypes.h>
#include <string.h>

typedef struct discover_settings {
    const char *ca_file;
    cli_list operands;
    bool allow_loopback_http;
    bool oauth;
    bool json;
} discover_settings;

static int make_issuer(const discover_settings *settings, assay_issuer **issuer, assay_error **error)
{
    int code = assay_issuer_new(settings->operands.items[0], issuer, error);
    /* A validator can't be without an audience; no token is checked here. */
    if (code == ASSAY_OK)
        code = assay_issuer_add_audience(*issuer, "assay-discover", error);
    if (code == ASSAY_OK && settings->allow_loopback_http)
        code = assay_issuer_allow_loopback_http(*issuer, error);
    if (code == ASSAY_OK && settings->oauth)
        code = assay_issuer_use_oauth_discovery(*issuer, error);
    return code;
}

static int make_validator(const discover_settings *settings, assay_validator **validator, assay_error **error)
{
    CLI_CLEANUP(assay_runtime_unref_p) assay_runtime *runtime = NULL;
    CLI_CLEANUP(assay_issuer_free_p) assay_issuer *issuer = NULL;
    int code = assay_runtime_new(&runtime, error);
    if (code == ASSAY_OK && settings->ca_file != NULL)
        code = assay_runtime_set_ca_file(runtime, settings->ca_file, error);
    if (code == ASSAY_OK)
        code = make_issuer(settings, &issuer, error);
    if (code == ASSAY_OK)
        code = assay_validator_new(runtime, &issuer, 1, validator, error);
    return code;
}

/* NULL where the library can't say; never a reason to fail. */
static json_t *describe(const assay_validator *validator, const char *issuer)
{
    uint8_t *text = NULL;
    size_t len = 0;
    if (assay_validator_describe(validator, issuer, &text, &len, NULL) != ASSAY_OK)
        return NULL;
    json_t *document = json_loadb((const char *)text, len, 0, NULL);
    assay_bytes_free(text, len);
    return document;
}

static void print_seconds(const char *name, const json_t *value)
{
    if (!json_is_integer(value))
        return;
    CLI_AUTO_FREE char *text = cli_format("%" JSON_INTEGER_FORMAT " s", json_integer_value(value));
    cli_print_row(stdout, name, text);
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text == NULL ? "" : text;
}

static void print_key(const json_t *key)
{
    const char *kid = text_of(key, "kid");
    CLI_AUTO_FREE char *line = cli_format("%-12s %s  thumbprint %s", text_of(key, "kind"),
                                          kid[0] == '\0' ? "(no kid)" : kid, text_of(key, "thumbprint"));
    cli_print_row_noted(stdout, "key", line, json_is_true(json_object_get(key, "served")) ? NULL : "no longer served");
}

static void print_table(const json_t *document)
{
    cli_print_row(stdout, "issuer", text_of(document, "issuer"));
    cli_print_row(stdout, "metadata", text_of(document, "metadata_url"));
    cli_print_row(stdout, "jwks_uri", text_of(document, "jwks_uri"));
    const json_t *keys = json_object_get(document, "keys");
    for (size_t i = 0; i < json_array_size(keys); i++)
        print_key(json_array_get(keys, i));
    const json_t *skipped = json_object_get(document, "skipped");
    for (size_t i = 0; i < json_array_size(skipped); i++)
        cli_print_row(stdout, "skipped", json_string_value(json_array_get(skipped, i)));
    print_seconds("next refresh in", json_object_get(document, "due_in_seconds"));
    print_seconds("usable for", json_object_get(document, "expires_in_seconds"));
    cli_print_row(stdout, "last failure", text_of(document, "last_failure"));
}

static int print_json(int code, const assay_error *error, const json_t *document)
{
    cli_verdict verdict = cli_verdict_of(code, error);
    CLI_CLEANUP(json_decref_p) json_t *object = cli_verdict_json(&verdict);
    /* No token was judged here. */
    (void)json_object_del(object, "valid");
    (void)json_object_del(object, "decided");
    (void)json_object_set_new(object, "ok", json_boolean(code == ASSAY_OK));
    if (document != NULL)
        (void)json_object_update_missing(object, (json_t *)document);
    int status = cli_print_json(object);
    return code == ASSAY_OK ? status : cli_exit_of(code);
}

static int run(const discover_settings *settings)
{
    if (settings->operands.count == 0)
        return cli_usage_error("discover", "name the issuer: assay discover https://issuer.example");
    const char *issuer = settings->operands.items[0];
    CLI_CLEANUP(assay_error_free_p) assay_error *error = NULL;
    CLI_CLEANUP(assay_validator_unref_p) assay_validator *validator = NULL;
    int code = make_validator(settings, &validator, &error);
    if (code != ASSAY_OK)
        return settings->json ? print_json(code, error, NULL) : cli_report_failure(code, error, false);
    code = assay_validator_refresh(validator, issuer, CLI_TIMEOUT_MS, &error);
    CLI_CLEANUP(json_decref_p) json_t *document = describe(validator, issuer);
    if (settings->json)
        return print_json(code, error, document);
    if (code != ASSAY_OK) {
        if (document != NULL)
            print_table(document);
        return cli_report_failure(code, error, false);
    }
    cli_print_coloured(stdout, CLI_GREEN, "metadata and keys are good\n");
    if (document != NULL)
        print_table(document);
    return CLI_EXIT_DONE;
}

int cli_discover(int argc, char **argv)
{
    discover_settings settings = {0};
    const cli_option options[] = {
        {"ca-file", CLI_VALUE, &settings.ca_file, "FILE", "trust these CA certificates instead of the system's"},
        {"allow-loopback-http", CLI_FLAG, &settings.allow_loopback_http, NULL, "allow http:// for loopback"},
        {"oauth", CLI_FLAG, &settings.oauth, NULL, "OAuth metadata (RFC 8414) instead of OIDC Discovery"},
        {"json", CLI_FLAG, &settings.json, NULL, "print one JSON object"},
    };
    const cli_command command = {
        "discover",         "ISSUER", "Fetch and check an issuer's metadata and keys.", options, CLI_COUNT_OF(options),
        &settings.operands, 1};
    int status = cli_options_parse(&command, argc, argv);
    if (status == CLI_PARSED)
        status = run(&settings);
    cli_list_free(&settings.operands);
    return status;
}
