/* SPDX-License-Identifier: MIT */
/* assay doctor: which layer keeps a token from being had, and what corrects it. */

#include "doctor.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define NAME "doctor"

typedef struct doctor_settings {
    credential_settings credential;
    cli_list operands;
    const char *compare;
    const char *resource_status;
    bool json;
    bool offline;
} doctor_settings;

static bool has_token_file(const doctor *d)
{
    return d->kind == CREDENTIAL_WORKLOAD || d->kind == CREDENTIAL_EXCHANGE || d->kind == CREDENTIAL_GOOGLE ||
           (d->kind == CREDENTIAL_ON_BEHALF_OF && d->token_path != NULL);
}

static void examine(doctor *d)
{
    doctor_place(d);
    if (d->kind == CREDENTIAL_DEFAULT)
        return;
    doctor_environment(d);
    if (has_token_file(d)) {
        doctor_token_file(d);
        doctor_claims(d);
        doctor_federation(d);
    }
    doctor_pod_commands(d);
    if (d->kind == CREDENTIAL_GITHUB)
        doctor_job(d);
    if (d->kind == CREDENTIAL_PIPELINES)
        doctor_pipeline(d);
    doctor_network(d);
    doctor_issuer(d);
    doctor_exchange(d);
    doctor_resource(d);
}

static void release(doctor *d)
{
    free(d->authority);
    free(d->account_token_path);
    free(d->account_token_url);
    cli_text_wipe(&d->token);
    json_decref(d->claims);
    json_decref(d->checks);
    json_decref(d->commands);
    json_decref(d->federation);
    json_decref(d->answer);
    json_decref(d->failure);
}

/* Core files are left out as by assay token; a peer that closes must not end the program while it tells what it found. */
static void settle_process(void)
{
    const struct rlimit limit = {1, 1};
    (void)setrlimit(RLIMIT_CORE, &limit);
    (void)signal(SIGPIPE, SIG_IGN);
}

static int run(doctor_settings *settings)
{
    credential_settings *credential = &settings->credential;
    doctor d = {
        .credential = credential,
        .compare = settings->compare,
        .json = settings->json,
        .offline = settings->offline,
        .now = (int64_t)time(NULL),
    };
    if (settings->resource_status != NULL) {
        if (strcmp(settings->resource_status, "401") != 0 && strcmp(settings->resource_status, "403") != 0)
            return cli_usage_error(NAME, "--resource-status is what the resource answered to a good token: 401 or 403");
        d.resource_status = strcmp(settings->resource_status, "401") == 0 ? 401 : 403;
    }
    /* Every tenant has it. */
    credential->default_resource = "arm";
    if (credential->timeout_text == NULL)
        credential->timeout_text = "30";
    settle_process();
    int status = credential_kind_find(settings->operands.count == 0 ? NULL : settings->operands.items[0], credential);
    if (status == CLI_PARSED)
        status = credential_check(credential);
    if (status != CLI_PARSED)
        return status;
    d.checks = json_array();
    d.commands = json_array();
    examine(&d);
    status = doctor_report(&d);
    release(&d);
    return status;
}

int cli_doctor(int argc, char **argv)
{
    doctor_settings settings = {.credential.command = NAME};
    const cli_option own[] = {
        {"offline", CLI_FLAG, &settings.offline, NULL, "no network: what can be seen from here, and what Azure needs"},
        {"compare", CLI_VALUE, &settings.compare, "FILE", "federated credentials as az prints them, against the token"},
        {"resource-status", CLI_VALUE, &settings.resource_status, "N",
         "what the resource answered to a token: 401, 403"},
        {"json", CLI_FLAG, &settings.json, NULL, "print one JSON object"},
    };
    cli_option options[CREDENTIAL_OPTIONS_MAX + CLI_COUNT_OF(own)];
    size_t count = credential_options(&settings.credential, options);
    memcpy(options + count, own, sizeof own);
    const cli_command command = {
        NAME,
        "[KIND]",
        "Find out which layer keeps a token from being had, and what corrects it. Prints nothing secret.\n"
        "Kinds and most options are those of assay token.",
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
