/* SPDX-License-Identifier: MIT */
/* assay doctor: checks as they are made, the summary, and the JSON object. */

#include "doctor.h"

#include "progress.h"

#include <stdarg.h>
#include <string.h>

static const struct {
    const char *word;
    const char *json;
    enum cli_colour colour;
} results[] = {
    [DOCTOR_OK] = {"ok", "ok", CLI_GREEN},
    [DOCTOR_WARNING] = {"warning", "warning", CLI_YELLOW},
    [DOCTOR_FAILED] = {"FAILED", "failed", CLI_RED},
    [DOCTOR_SKIPPED] = {"skipped", "skipped", CLI_PLAIN},
};

static void print_check(doctor *d, const char *layer, const char *name, enum doctor_result result, int row,
                        const char *text)
{
    cli_progress_end();
    if (d->printed_layer == NULL || strcmp(d->printed_layer, layer) != 0) {
        cli_print_coloured(stdout, CLI_BOLD, layer);
        putchar('\n');
        d->printed_layer = layer;
    }
    fputs("  ", stdout);
    cli_print_coloured(stdout, results[result].colour, results[result].word);
    printf("%*s", (int)(9 - strlen(results[result].word)), "");
    cli_print_safe(stdout, name, strlen(name));
    fputs(": ", stdout);
    cli_print_safe(stdout, text, strlen(text));
    if (row != 0)
        printf(" (row %d)", row);
    putchar('\n');
    (void)fflush(stdout);
}

static void tell(doctor *d, const char *layer, const char *name, enum doctor_result result, int row, const char *text)
{
    json_t *check = json_object();
    cli_json_text(check, "layer", layer);
    cli_json_text(check, "check", name);
    cli_json_text(check, "result", results[result].json);
    cli_json_text(check, "text", text);
    (void)json_object_set_new(check, "row", row == 0 ? json_null() : json_integer(row));
    (void)json_array_append_new(d->checks, check);
    if (!d->json)
        print_check(d, layer, name, result, row, text);
}

static char *format_list(const char *format, va_list arguments)
{
    char *text = NULL;
    if (vasprintf(&text, format, arguments) < 0)
        text = cli_strdup("");
    return text;
}

void doctor_say(doctor *d, const char *layer, const char *name, enum doctor_result result, int row, const char *format,
                ...)
{
    va_list arguments;
    va_start(arguments, format);
    CLI_AUTO_FREE char *text = format_list(format, arguments);
    va_end(arguments);
    tell(d, layer, name, result, row, text);
}

void doctor_fail(doctor *d, const char *layer, const char *name, int row, int status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    CLI_AUTO_FREE char *text = format_list(format, arguments);
    va_end(arguments);
    tell(d, layer, name, DOCTOR_FAILED, row, text);
    /* The first failure is the cause; what comes after it mostly follows from it. A server that refuses has the last word on the status. */
    if (d->layer == NULL) {
        d->layer = layer;
        d->row = row;
        d->status = status;
    } else if (status == CLI_EXIT_REFUSED) {
        d->status = status;
        d->row = d->row == 0 ? row : d->row;
    }
}

void doctor_command(doctor *d, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    CLI_AUTO_FREE char *text = format_list(format, arguments);
    va_end(arguments);
    size_t index = 0;
    const json_t *known = NULL;
    json_array_foreach(d->commands, index, known)
    {
        if (strcmp(json_string_value(known), text) == 0)
            return;
    }
    json_t *value = json_string(text);
    if (value != NULL)
        (void)json_array_append_new(d->commands, value);
}

static json_t *or_null(const json_t *value)
{
    return value == NULL ? json_null() : json_incref((json_t *)value);
}

static int report_json(const doctor *d)
{
    CLI_CLEANUP(json_decref_p) json_t *object = json_object();
    (void)json_object_set_new(object, "ok", json_boolean(d->status == CLI_EXIT_DONE));
    (void)json_object_set_new(object, "status", json_integer(d->status));
    cli_json_text(object, "where", d->where);
    cli_json_text(object, "kind", d->kind == CREDENTIAL_DEFAULT ? NULL : credential_kind_name(d->kind));
    (void)json_object_set_new(object, "offline", json_boolean(d->offline));
    cli_json_text(object, "failed_layer", d->layer);
    json_t *diagnosis = credential_diagnosis_json(d->row);
    (void)json_object_set_new(object, "diagnosis", diagnosis == NULL ? json_null() : diagnosis);
    (void)json_object_set_new(object, "checks", json_incref(d->checks));
    (void)json_object_set_new(object, "commands", json_incref(d->commands));
    (void)json_object_set_new(object, "federation", or_null(d->federation));
    (void)json_object_set_new(object, "token", or_null(d->answer));
    (void)json_object_set_new(object, "failure", or_null(d->failure));
    return cli_print_json(object);
}

static void print_commands(const doctor *d)
{
    size_t index = 0;
    const json_t *command = NULL;
    if (json_array_size(d->commands) > 0)
        cli_print_coloured(stdout, CLI_BOLD, "to run\n");
    json_array_foreach(d->commands, index, command)
    {
        fputs("  ", stdout);
        cli_print_safe(stdout, json_string_value(command), json_string_length(command));
        putchar('\n');
    }
}

static void print_summary(const doctor *d)
{
    if (d->layer == NULL) {
        cli_print_coloured(stdout, CLI_GREEN, d->offline ? "NOTHING WRONG FOUND" : "ALL WELL");
        puts(d->offline ? ", without asking the network" : "");
        return;
    }
    cli_print_coloured(stdout, CLI_RED, "FAILED");
    printf(" in the layer %s\n", d->layer);
    if (d->row == 0) {
        cli_print_row(stdout, "to do", doctor_text(d->failure, "hint"));
        return;
    }
    CLI_AUTO_FREE char *name = cli_format("%d, %s", d->row, assay_diagnosis_name(d->row));
    cli_print_row(stdout, "row", name);
    cli_print_row(stdout, "symptom", assay_diagnosis_symptom(d->row));
    cli_print_row(stdout, "cause", assay_diagnosis_cause(d->row));
    cli_print_row(stdout, "fix", assay_diagnosis_fix(d->row));
}

int doctor_report(doctor *d)
{
    cli_progress_end();
    if (d->json) {
        int printed = report_json(d);
        return d->status == CLI_EXIT_DONE ? printed : d->status;
    }
    print_summary(d);
    print_commands(d);
    return d->status;
}
