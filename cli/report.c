/* SPDX-License-Identifier: MIT */
#include "report.h"

#include "output.h"

/* A token that could not be had: the server said no; nothing was sent, since something is missing here; or nobody answered. */
static int exit_of_acquisition(int code)
{
    switch (code) {
    case ASSAY_E_GRANT:
    case ASSAY_E_INTERACTION_REQUIRED:
    case ASSAY_E_IDENTITY:
        return CLI_EXIT_REFUSED;
    case ASSAY_E_TOKEN_FILE_MISSING:
    case ASSAY_E_TOKEN_FILE_ACCESS:
    case ASSAY_E_TOKEN_FILE_TYPE:
    case ASSAY_E_TOKEN_FILE_EMPTY:
    case ASSAY_E_TOKEN_FILE_SIZE:
    case ASSAY_E_TOKEN_FILE_CONTENT:
    case ASSAY_E_TOKEN_FILE_EXPIRED:
    case ASSAY_E_JOB_TOKEN:
        return CLI_EXIT_USAGE;
    default:
        return CLI_EXIT_UNDECIDED;
    }
}

int cli_exit_of(int code)
{
    if (code == ASSAY_OK)
        return CLI_EXIT_DONE;
    switch (assay_code_category(code)) {
    case ASSAY_CATEGORY_TOKEN:
    case ASSAY_CATEGORY_REQUEST:
    case ASSAY_CATEGORY_PERMISSION:
        return CLI_EXIT_REFUSED;
    case ASSAY_CATEGORY_USAGE:
        return CLI_EXIT_USAGE;
    case ASSAY_CATEGORY_CREDENTIAL:
        return exit_of_acquisition(code);
    default:
        return CLI_EXIT_UNDECIDED;
    }
}

const char *cli_category_name(int code)
{
    switch (assay_code_category(code)) {
    case ASSAY_CATEGORY_NONE:
        return "none";
    case ASSAY_CATEGORY_USAGE:
        return "usage";
    case ASSAY_CATEGORY_REQUEST:
        return "request";
    case ASSAY_CATEGORY_TOKEN:
        return "token";
    case ASSAY_CATEGORY_KEYS:
        return "keys";
    case ASSAY_CATEGORY_NETWORK:
        return "network";
    case ASSAY_CATEGORY_PERMISSION:
        return "permission";
    case ASSAY_CATEGORY_CREDENTIAL:
        return "credential";
    default:
        return "internal";
    }
}

cli_verdict cli_verdict_of(int code, const assay_error *error)
{
    cli_verdict verdict = {
        .code = code,
        .check = assay_error_check(error),
        .message = assay_error_message(error),
        .hint = assay_error_hint(error),
        .expected = assay_error_expected(error),
        .found = assay_error_found(error),
        .found_is_verified = assay_error_found_is_verified(error) == 1,
        .http_status = error == NULL ? assay_code_http_status(code) : assay_error_http_status(error),
        .www_authenticate = assay_error_www_authenticate(error),
        .retry_after = assay_error_retry_after(error),
    };
    if (error == NULL) {
        verdict.message = assay_code_summary(code);
        verdict.hint = assay_code_hint(code);
    }
    return verdict;
}

json_t *cli_verdict_json(const cli_verdict *verdict)
{
    int exit_status = cli_exit_of(verdict->code);
    json_t *object = json_object();
    (void)json_object_set_new(object, "valid", json_boolean(verdict->code == ASSAY_OK));
    /* Not valid is not the same as refused: false where only configuration, keys or the network stood in the way. */
    (void)json_object_set_new(object, "decided",
                              json_boolean(exit_status == CLI_EXIT_DONE || exit_status == CLI_EXIT_REFUSED));
    cli_json_text(object, "code", assay_code_name(verdict->code));
    (void)json_object_set_new(object, "code_number", json_integer(verdict->code));
    cli_json_text(object, "category", cli_category_name(verdict->code));
    cli_json_text_or_null(object, "check", verdict->check);
    cli_json_text_or_null(object, "message", verdict->message);
    cli_json_text_or_null(object, "hint", verdict->hint);
    cli_json_text_or_null(object, "expected", verdict->expected);
    cli_json_text_or_null(object, "found", verdict->found);
    (void)json_object_set_new(object, "found_is_verified", json_boolean(verdict->found_is_verified));
    (void)json_object_set_new(object, "http_status", json_integer(verdict->http_status));
    cli_json_text_or_null(object, "www_authenticate", verdict->www_authenticate);
    (void)json_object_set_new(object, "retry_after", json_integer(verdict->retry_after));
    return object;
}

const char *cli_headline(int code, enum cli_colour *colour)
{
    *colour = CLI_YELLOW;
    switch (cli_exit_of(code)) {
    case CLI_EXIT_DONE:
        *colour = CLI_GREEN;
        return "ACCEPTED";
    case CLI_EXIT_REFUSED:
        *colour = CLI_RED;
        return "REFUSED";
    case CLI_EXIT_USAGE:
        return "NOT CONFIGURED";
    default:
        return "COULD NOT DECIDE";
    }
}

void cli_print_verdict(FILE *stream, const cli_verdict *verdict)
{
    enum cli_colour colour = CLI_PLAIN;
    const char *words = cli_headline(verdict->code, &colour);
    cli_print_coloured(stream, colour, words);
    fputc('\n', stream);
    if (verdict->code == ASSAY_OK)
        return;
    CLI_AUTO_FREE char *code = cli_format("%s (%d)", assay_code_name(verdict->code), verdict->code);
    cli_print_row(stream, "why", verdict->message);
    cli_print_row(stream, "check", verdict->check);
    cli_print_row(stream, "expected", verdict->expected);
    cli_print_row_noted(stream, "found", verdict->found, verdict->found_is_verified ? NULL : "not verified");
    cli_print_row(stream, "to do", verdict->hint);
    cli_print_row(stream, "code", code);
    if (cli_exit_of(verdict->code) == CLI_EXIT_USAGE)
        return;
    CLI_AUTO_FREE char *status = cli_format("%d", verdict->http_status);
    cli_print_row(stream, "HTTP status", status);
    cli_print_row(stream, "WWW-Authenticate", verdict->www_authenticate);
}

int cli_report_failure(int code, const assay_error *error, bool as_json)
{
    cli_verdict verdict = cli_verdict_of(code, error);
    int status = cli_exit_of(code);
    if (!as_json) {
        cli_print_verdict(stderr, &verdict);
        return status;
    }
    CLI_CLEANUP(json_decref_p) json_t *object = cli_verdict_json(&verdict);
    (void)cli_print_json(object);
    return status;
}
