/* SPDX-License-Identifier: MIT */
/* assay token: get a token as a service would, and write it. */

#include "token.h"

#include "progress.h"

#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define NAME "token"

typedef struct token_settings {
    credential_settings credential;
    cli_list operands;
    bool json;
    bool header;
    bool exec_credential;
    bool print;
} token_settings;

/* A core file would hold the token and what it was got with. 1 and not 0: the kernel then leaves out dumps to a program too (core(5)). */
static void forbid_core_files(void)
{
    const struct rlimit limit = {1, 1};
    (void)setrlimit(RLIMIT_CORE, &limit);
}

static int choose_form(const token_settings *settings, enum token_form *form)
{
    const struct {
        bool given;
        enum token_form form;
    } forms[] = {
        {settings->json, TOKEN_FORM_JSON},
        {settings->header, TOKEN_FORM_HEADER},
        {settings->exec_credential, TOKEN_FORM_EXEC},
        {settings->print, TOKEN_FORM_BARE},
    };
    *form = TOKEN_FORM_AUTOMATIC;
    for (size_t i = 0; i < CLI_COUNT_OF(forms); i++) {
        if (!forms[i].given)
            continue;
        if (*form != TOKEN_FORM_AUTOMATIC)
            return cli_usage_error(NAME, "--json, --header, --exec-credential and --print exclude one another");
        *form = forms[i].form;
    }
    return CLI_PARSED;
}

static int fail(enum token_form form, int code, const assay_error *error)
{
    if (form != TOKEN_FORM_JSON) {
        credential_failure_print(stderr, code, error);
        return cli_exit_of(code);
    }
    CLI_CLEANUP(json_decref_p) json_t *object = credential_failure_json(code, error);
    (void)cli_print_json(object);
    return cli_exit_of(code);
}

static int get(enum token_form form, const credential_settings *settings)
{
    CLI_CLEANUP(assay_error_free_p) assay_error *error = NULL;
    CLI_CLEANUP(assay_runtime_unref_p) assay_runtime *runtime = NULL;
    CLI_CLEANUP(assay_credential_unref_p) assay_credential *credential = NULL;
    CLI_CLEANUP(assay_token_request_free_p) assay_token_request *request = NULL;
    CLI_CLEANUP(assay_access_token_unref_p) assay_access_token *token = NULL;
    int code = credential_runtime(settings, &runtime, &error);
    if (code == ASSAY_OK)
        code = credential_make(settings, runtime, &credential, &error);
    if (code == ASSAY_OK)
        code = credential_request(settings, &request, &error);
    if (code != ASSAY_OK)
        return fail(form, code, error);
    cli_progress("getting a token (%s)", credential_kind_name(settings->kind));
    code = assay_credential_get_token_for(credential, request, settings->timeout_ms, &token, &error);
    cli_progress_end();
    if (code == ASSAY_OK)
        return token_report(form, settings, credential, token);
    int status = fail(form, code, error);
    if (form != TOKEN_FORM_JSON && settings->kind == CREDENTIAL_DEFAULT)
        credential_skipped_print(stderr, credential);
    return status;
}

/* kubectl starts the plugin anew for each of its own runs, and each would be an exchange: the kept token is shared by default. */
static int run_exec_credential(credential_settings *settings)
{
    if (exec_credential_version() == NULL)
        return CLI_EXIT_USAGE;
    CLI_AUTO_FREE char *directory = settings->cache_directory == NULL ? cache_directory() : NULL;
    if (directory != NULL)
        settings->cache_directory = directory;
    int status = get(TOKEN_FORM_EXEC, settings);
    settings->cache_directory = NULL;
    return status;
}

static int run(token_settings *settings)
{
    enum token_form form = TOKEN_FORM_AUTOMATIC;
    credential_settings *credential = &settings->credential;
    forbid_core_files();
    int status = choose_form(settings, &form);
    if (status == CLI_PARSED)
        status = credential_kind_find(settings->operands.count == 0 ? NULL : settings->operands.items[0], credential);
    if (form == TOKEN_FORM_EXEC)
        credential->default_resource = "aks";
    if (status == CLI_PARSED)
        status = credential_check(credential);
    if (status != CLI_PARSED)
        return status;
    return form == TOKEN_FORM_EXEC ? run_exec_credential(credential) : get(form, credential);
}

int cli_token(int argc, char **argv)
{
    token_settings settings = {.credential.command = NAME};
    const cli_option own[] = {
        {"json", CLI_FLAG, &settings.json, NULL, "print one JSON object, the token in it"},
        {"header", CLI_FLAG, &settings.header, NULL, "print an Authorization header, for curl -H @-"},
        {"exec-credential", CLI_FLAG, &settings.exec_credential, NULL, "print an ExecCredential for kubectl"},
        {"print", CLI_FLAG, &settings.print, NULL, "print the bare token on a terminal too"},
    };
    cli_option options[CREDENTIAL_OPTIONS_MAX + CLI_COUNT_OF(own)];
    size_t count = credential_options(&settings.credential, options);
    memcpy(options + count, own, sizeof own);
    const cli_command command = {
        NAME,
        "[KIND]",
        "Get a token as a service would. What no option says comes from the environment. Kinds: default, workload,\n"
        "secret, certificate, federated, managed, on-behalf-of, github, pipelines, exchange, client-credentials, "
        "google.",
        options,
        count + CLI_COUNT_OF(own),
        &settings.operands,
        1,
    };
    int status = cli_options_parse(&command, argc, argv);
    if (status == CLI_PARSED)
        status = run(&settings);
    credential_settings_free(&settings.credential);
    cli_list_free(&settings.operands);
    return status;
}
