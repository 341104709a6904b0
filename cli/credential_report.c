/* SPDX-License-Identifier: MIT */
/* Why no token could be had: the error, what the server said, and the row of the table of diagnoses. */

#include "credential.h"
#include "output.h"

#include <inttypes.h>
#include <string.h>

json_t *credential_diagnosis_json(int row)
{
    if (row == 0 || assay_diagnosis_name(row)[0] == '\0')
        return NULL;
    json_t *object = json_object();
    (void)json_object_set_new(object, "row", json_integer(row));
    cli_json_text(object, "name", assay_diagnosis_name(row));
    cli_json_text(object, "layer", assay_diagnosis_layer(row));
    cli_json_text(object, "symptom", assay_diagnosis_symptom(row));
    cli_json_text(object, "cause", assay_diagnosis_cause(row));
    cli_json_text(object, "fix", assay_diagnosis_fix(row));
    return object;
}

json_t *credential_failure_json(int code, const assay_error *error)
{
    cli_verdict verdict = cli_verdict_of(code, error);
    CLI_CLEANUP(json_decref_p) json_t *judged = cli_verdict_json(&verdict);
    /* No token was judged here. */
    (void)json_object_del(judged, "valid");
    (void)json_object_del(judged, "decided");
    (void)json_object_del(judged, "found_is_verified");
    json_t *object = json_object();
    (void)json_object_set_new(object, "ok", json_false());
    (void)json_object_update(object, judged);
    cli_json_text_or_null(object, "server_code", assay_error_server_code(error));
    cli_json_text_or_null(object, "correlation_id", assay_error_correlation_id(error));
    cli_json_text_or_null(object, "trace_id", assay_error_trace_id(error));
    cli_json_text_or_null(object, "claims", assay_error_claims(error));
    (void)json_object_set_new(object, "clock_skew", json_integer(assay_error_clock_skew(error)));
    json_t *diagnosis = credential_diagnosis_json(assay_error_diagnosis(error));
    (void)json_object_set_new(object, "diagnosis", diagnosis == NULL ? json_null() : diagnosis);
    return object;
}

static void print_diagnosis(FILE *stream, int row, const char *hint)
{
    if (row == 0)
        return;
    CLI_AUTO_FREE char *name =
        cli_format("%d, %s (layer: %s)", row, assay_diagnosis_name(row), assay_diagnosis_layer(row));
    cli_print_row(stream, "diagnosis", name);
    cli_print_row(stream, "cause", assay_diagnosis_cause(row));
    if (strcmp(assay_diagnosis_fix(row), hint) != 0)
        cli_print_row(stream, "fix", assay_diagnosis_fix(row));
}

void credential_failure_print(FILE *stream, int code, const assay_error *error)
{
    cli_verdict verdict = cli_verdict_of(code, error);
    enum cli_colour colour = CLI_PLAIN;
    const char *words = cli_headline(code, &colour);
    cli_print_coloured(stream, colour, words);
    fputc('\n', stream);
    cli_print_row(stream, "why", verdict.message);
    cli_print_row(stream, "check", verdict.check);
    cli_print_row(stream, "expected", verdict.expected);
    cli_print_row(stream, "found", verdict.found);
    cli_print_row(stream, "to do", verdict.hint);
    print_diagnosis(stream, assay_error_diagnosis(error), verdict.hint);
    CLI_AUTO_FREE char *name = cli_format("%s (%d)", assay_code_name(code), code);
    cli_print_row(stream, "code", name);
    cli_print_row(stream, "server code", assay_error_server_code(error));
    cli_print_row(stream, "correlation id", assay_error_correlation_id(error));
    cli_print_row(stream, "trace id", assay_error_trace_id(error));
    cli_print_row(stream, "claims", assay_error_claims(error));
    if (verdict.retry_after > 0) {
        CLI_AUTO_FREE char *seconds = cli_format("%" PRId64 " s", verdict.retry_after);
        cli_print_row(stream, "try again after", seconds);
    }
    int64_t skew = assay_error_clock_skew(error);
    if (skew != 0) {
        CLI_AUTO_FREE char *seconds =
            cli_format("%" PRId64 " s %s the server's", skew < 0 ? -skew : skew, skew < 0 ? "ahead of" : "behind");
        cli_print_row(stream, "this clock is", seconds);
    }
}

void credential_skipped_print(FILE *stream, const assay_credential *credential)
{
    CLI_CLEANUP(json_decref_p) json_t *about = credential_describe(credential);
    size_t index = 0;
    const json_t *each = NULL;
    json_array_foreach(json_object_get(about, "skipped"), index, each)
    {
        const char *source = json_string_value(json_object_get(each, "source"));
        const char *reason = json_string_value(json_object_get(each, "reason"));
        if (source == NULL || reason == NULL)
            continue;
        CLI_AUTO_FREE char *text = cli_format("%s: %s", source, reason);
        cli_print_row(stream, "skipped", text);
    }
}
