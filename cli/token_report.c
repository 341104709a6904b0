/* SPDX-License-Identifier: MIT */
/* assay token: the forms in which the token is written. */

#include "output.h"
#include "token.h"

#include <time.h>
#include <unistd.h>

/* Nothing of it passes cli_print_safe(): it goes to a program, byte for byte. */
static int print_bare(const assay_access_token *token)
{
    size_t len = 0;
    const char *text = assay_access_token_text(token, &len);
    (void)fwrite(text, 1, len, stdout);
    putchar('\n');
    return CLI_EXIT_DONE;
}

static int print_header(const assay_access_token *token)
{
    fputs("Authorization: ", stdout);
    size_t len = 0;
    const char *value = assay_access_token_authorization(token, &len);
    (void)fwrite(value, 1, len, stdout);
    putchar('\n');
    return CLI_EXIT_DONE;
}

static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static int print_json(const credential_settings *settings, const json_t *about, const assay_access_token *token)
{
    int64_t expires_at = assay_access_token_expires_at(token);
    CLI_CLEANUP(json_decref_p) json_t *object = json_object();
    (void)json_object_set_new(object, "ok", json_true());
    cli_json_text(object, "token", assay_access_token_text(token, NULL));
    cli_json_text(object, "token_type", assay_access_token_type(token));
    cli_json_text_or_null(object, "issued_token_type", assay_access_token_issued_type(token));
    (void)json_object_set_new(object, "expires_at", expires_at == 0 ? json_null() : json_integer(expires_at));
    (void)json_object_set_new(object, "expires_in",
                              expires_at == 0 ? json_null() : json_integer(expires_at - (int64_t)time(NULL)));
    cli_json_text_or_null(object, "scope", assay_access_token_scope(token));
    cli_json_text(object, "source", assay_access_token_source(token));
    cli_json_text(object, "kind", credential_kind_name(settings->kind));
    cli_json_text_or_null(object, "tenant", text_of(about, "tenant"));
    cli_json_text_or_null(object, "client_id", text_of(about, "client_id"));
    return cli_print_json(object);
}

static int print_table(const json_t *about, const assay_access_token *token)
{
    cli_print_coloured(stdout, CLI_GREEN, "TOKEN");
    puts(", which is not shown: --print writes it, --header is for curl -H @-");
    cli_print_row(stdout, "source", assay_access_token_source(token));
    cli_print_row(stdout, "tenant", text_of(about, "tenant"));
    cli_print_row(stdout, "client id", text_of(about, "client_id"));
    cli_print_row(stdout, "scope", assay_access_token_scope(token));
    cli_print_row(stdout, "type", assay_access_token_type(token));
    cli_print_row(stdout, "issued type", assay_access_token_issued_type(token));
    int64_t expires_at = assay_access_token_expires_at(token);
    if (expires_at == 0) {
        cli_print_row(stdout, "expires", "the server did not tell");
        return CLI_EXIT_DONE;
    }
    char date[40];
    char distance[40];
    cli_time_text(expires_at, date, sizeof date);
    cli_time_distance(expires_at, (int64_t)time(NULL), distance, sizeof distance);
    cli_print_row_noted(stdout, "expires", date, distance);
    return CLI_EXIT_DONE;
}

int token_report(enum token_form form, const credential_settings *settings, const assay_credential *credential,
                 const assay_access_token *token)
{
    CLI_CLEANUP(json_decref_p) json_t *about = credential_describe(credential);
    if (form == TOKEN_FORM_AUTOMATIC && isatty(STDOUT_FILENO))
        return print_table(about, token);
    switch (form) {
    case TOKEN_FORM_JSON:
        return print_json(settings, about, token);
    case TOKEN_FORM_HEADER:
        return print_header(token);
    case TOKEN_FORM_EXEC:
        return exec_credential_print(token);
    default:
        return print_bare(token);
    }
}
