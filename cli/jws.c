/* SPDX-License-Identifier: MIT */
/* assay jws: the signature of a JWS alone. */

#include "input.h"
#include "options.h"
#include "output.h"
#include "report.h"

#include <string.h>
#include <unistd.h>

typedef struct jws_settings {
    const char *jwks;
    cli_list algorithms;
    cli_list operands;
    bool claims;
    bool json;
} jws_settings;

static int print_payload(const jws_settings *settings, const uint8_t *payload, size_t len)
{
    if (!settings->json) {
        if (isatty(STDOUT_FILENO)) {
            cli_print_safe(stdout, (const char *)payload, len);
            putchar('\n');
        } else {
            (void)fwrite(payload, 1, len, stdout);
        }
        return CLI_EXIT_DONE;
    }
    CLI_AUTO_FREE char *encoded = cli_base64url(payload, len);
    cli_verdict accepted = cli_verdict_of(ASSAY_OK, NULL);
    CLI_CLEANUP(json_decref_p) json_t *object = cli_verdict_json(&accepted);
    cli_json_text(object, "payload_base64url", encoded);
    bool is_text = cli_is_utf8((const char *)payload, len);
    (void)json_object_set_new(object, "payload", is_text ? json_stringn((const char *)payload, len) : json_null());
    return cli_print_json(object);
}

static int verify(const jws_settings *settings, const assay_keyset *keyset, const cli_text *token)
{
    cli_text algorithms = {0};
    for (size_t i = 0; i < settings->algorithms.count; i++) {
        cli_text_put(&algorithms, i == 0 ? "" : " ");
        cli_text_put(&algorithms, settings->algorithms.items[i]);
    }
    CLI_CLEANUP(assay_error_free_p) assay_error *error = NULL;
    uint8_t *payload = NULL;
    size_t len = 0;
    int code = assay_jws_verify(keyset, algorithms.ptr, token->ptr, token->len, &payload, &len, &error);
    cli_text_free(&algorithms);
    if (code == ASSAY_OK && settings->claims)
        code = assay_jws_check_claims_object(payload, len, &error);
    int status =
        code == ASSAY_OK ? print_payload(settings, payload, len) : cli_report_failure(code, error, settings->json);
    assay_bytes_free(payload, len);
    return status;
}

static int load_and_verify(const jws_settings *settings, const cli_text *keys, const cli_text *token)
{
    CLI_CLEANUP(assay_error_free_p) assay_error *error = NULL;
    CLI_CLEANUP(assay_keyset_unref_p) assay_keyset *keyset = NULL;
    int code = assay_keyset_new(NULL, &keyset, &error);
    /* Symmetric keys too: the caller names both the file and the algorithm. */
    if (code == ASSAY_OK)
        code = assay_keyset_add_json_with_symmetric(keyset, keys->ptr == NULL ? "" : keys->ptr, keys->len, &error);
    if (code != ASSAY_OK)
        return cli_report_failure(code, error, settings->json);
    for (size_t i = 0; i < assay_keyset_skipped_count(keyset); i++) {
        const char *reason = assay_keyset_skip_reason(keyset, i);
        fputs("assay jws: skipped a key: ", stderr);
        cli_print_safe(stderr, reason, strlen(reason));
        fputc('\n', stderr);
    }
    if (assay_keyset_count(keyset) == 0)
        return cli_usage_error("jws", "%s holds no usable key", settings->jwks);
    return verify(settings, keyset, token);
}

static int run(const jws_settings *settings)
{
    if (settings->jwks == NULL)
        return cli_usage_error("jws", "--jwks FILE is missing: the keys to check with");
    if (settings->algorithms.count == 0)
        return cli_usage_error("jws", "--algorithm ALG is missing: the token's own header can't be trusted to name it");
    for (size_t i = 0; i < settings->algorithms.count; i++)
        if (strchr(settings->algorithms.items[i], ' ') != NULL)
            return cli_usage_error("jws", "repeat --algorithm for several: \"%s\"", settings->algorithms.items[i]);
    cli_text keys = {0};
    int status = cli_read_file("jws", settings->jwks, CLI_INPUT_FILE_BYTES, &keys);
    if (status != CLI_EXIT_DONE)
        return status;
    cli_text token = {0};
    status = cli_read_token("jws", settings->operands.count == 0 ? NULL : settings->operands.items[0], &token);
    if (status == CLI_EXIT_DONE)
        status = load_and_verify(settings, &keys, &token);
    if (keys.ptr != NULL)
        explicit_bzero(keys.ptr, keys.len);
    cli_text_free(&keys);
    cli_text_free(&token);
    return status;
}

int cli_jws(int argc, char **argv)
{
    jws_settings settings = {0};
    const cli_option options[] = {
        {"jwks", CLI_VALUE, &settings.jwks, "FILE", "JWK set to check with, symmetric keys included"},
        {"algorithm", CLI_LIST, &settings.algorithms, "ALG", "algorithm to allow"},
        {"claims", CLI_FLAG, &settings.claims, NULL, "demand a payload that is an acceptable claims object"},
        {"json", CLI_FLAG, &settings.json, NULL, "print one JSON object"},
    };
    const cli_command command = {
        "jws",
        "[TOKENFILE|-]",
        "Check the signature of a JWS and write its payload. This does not decide whether a token "
        "is acceptable:\nno issuer, audience or time is looked at; assay verify does that.",
        options,
        CLI_COUNT_OF(options),
        &settings.operands,
        1};
    int status = cli_options_parse(&command, argc, argv);
    if (status == CLI_PARSED)
        status = run(&settings);
    cli_list_free(&settings.algorithms);
    cli_list_free(&settings.operands);
    return status;
}
