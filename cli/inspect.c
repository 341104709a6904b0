/* SPDX-License-Identifier: MIT */
/* assay inspect: what a token says, verified by nobody. */

#include "input.h"
#include "options.h"
#include "output.h"
#include "report.h"

#include <time.h>

static void print_table(const json_t *document)
{
    int64_t now = (int64_t)time(NULL);
    cli_print_coloured(stdout, CLI_YELLOW, "NOT VERIFIED");
    puts(": anyone can write this. Decide nothing by it; assay verify decides.");
    cli_print_coloured(stdout, CLI_BOLD, "header");
    putchar('\n');
    cli_print_members(stdout, json_object_get(document, "header"), now);
    const json_t *payload = json_object_get(document, "payload");
    cli_print_coloured(stdout, CLI_BOLD, "payload");
    putchar('\n');
    if (json_is_object(payload)) {
        cli_print_members(stdout, payload, now);
        return;
    }
    CLI_AUTO_FREE char *text = json_dumps(payload, JSON_ENCODE_ANY | JSON_COMPACT);
    cli_print_row(stdout, "value", text);
}

static int print(const uint8_t *json, size_t len, bool as_json)
{
    CLI_CLEANUP(json_decref_p) json_t *document = json_loadb((const char *)json, len, 0, NULL);
    if (document == NULL)
        return cli_report_failure(ASSAY_E_INTERNAL, NULL, as_json);
    if (as_json)
        return cli_print_json(document);
    print_table(document);
    return CLI_EXIT_DONE;
}

static int run(const char *path, bool as_json)
{
    cli_text token = {0};
    int status = cli_read_token("inspect", path, &token);
    if (status != CLI_EXIT_DONE)
        return status;
    CLI_CLEANUP(assay_error_free_p) assay_error *error = NULL;
    uint8_t *json = NULL;
    size_t len = 0;
    int code = assay_jws_decode_unverified(token.ptr, token.len, &json, &len, &error);
    status = code == ASSAY_OK ? print(json, len, as_json) : cli_report_failure(code, error, as_json);
    assay_bytes_free(json, len);
    cli_text_free(&token);
    return status;
}

int cli_inspect(int argc, char **argv)
{
    bool json = false;
    cli_list operands = {0};
    const cli_option options[] = {{"json", CLI_FLAG, &json, NULL, "print one JSON object"}};
    const cli_command command = {"inspect",
                                 "[TOKENFILE|-]",
                                 "Decode a token without verifying anything: no signature, issuer, audience or time.",
                                 options,
                                 CLI_COUNT_OF(options),
                                 &operands,
                                 1};
    int status = cli_options_parse(&command, argc, argv);
    if (status == CLI_PARSED)
        status = run(operands.count == 0 ? NULL : operands.items[0], json);
    cli_list_free(&operands);
    return status;
}
