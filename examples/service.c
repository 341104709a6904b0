/* SPDX-License-Identifier: MIT */
#include "service.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum { VALIDATE_MS = 5000 };

static bool read_option(int option, service_options *options)
{
    char *end = "";
    switch (option) {
    case 'c':
        options->ca_file = optarg;
        return true;
    case 'l':
        options->loopback_http = true;
        return true;
    case 's':
        options->store = optarg;
        return true;
    case 'p':
        options->port = optarg;
        return true;
    case 'w':
        options->workers = (int)strtol(optarg, &end, 10);
        return *end == '\0' && options->workers > 0 && options->workers <= SERVICE_WORKERS_MAX;
    case 'x':
        options->connection = (int)strtol(optarg, &end, 10);
        return *end == '\0';
    default:
        return false;
    }
}

bool service_read_options(int argc, char **argv, bool wants_config, service_options *options)
{
    static const struct option known[] = {
        {"ca-file", required_argument, NULL, 'c'},
        {"allow-loopback-http", no_argument, NULL, 'l'},
        {"store", required_argument, NULL, 's'},
        {"port", required_argument, NULL, 'p'},
        {"workers", required_argument, NULL, 'w'},
        {"connection", required_argument, NULL, 'x'},
        {NULL, 0, NULL, 0},
    };
    *options = (service_options){.port = "0", .workers = 4, .connection = -1};
    bool good = true;
    int option;
    while (good && (option = getopt_long(argc, argv, "", known, NULL)) != -1)
        good = read_option(option, options);
    if (good && argc - optind == (wants_config ? 1 : 2)) {
        options->config = wants_config ? argv[optind] : NULL;
        options->issuer = wants_config ? NULL : argv[optind];
        options->audience = wants_config ? NULL : argv[optind + 1];
        return true;
    }
    fprintf(stderr, "usage: %s %s [--port N] [--workers N]%s\n", argv[0], wants_config ? "CONFIG" : "ISSUER AUDIENCE",
            wants_config ? "" : " [--ca-file FILE] [--allow-loopback-http] [--store DIRECTORY]");
    return false;
}

int service_make_validator(const service_options *options, assay_validator **validator, assay_error **error)
{
    assay_runtime *runtime = NULL;
    assay_issuer *issuer = NULL;

    int code = assay_runtime_new(&runtime, error);
    if (code == ASSAY_OK && options->ca_file != NULL)
        code = assay_runtime_set_ca_file(runtime, options->ca_file, error);
    if (code == ASSAY_OK && options->store != NULL)
        code = assay_runtime_set_store_directory(runtime, options->store, error);
    if (code == ASSAY_OK)
        code = assay_issuer_new(options->issuer, &issuer, error);
    if (code == ASSAY_OK)
        code = assay_issuer_add_audience(issuer, options->audience, error);
    if (code == ASSAY_OK && options->loopback_http)
        code = assay_issuer_allow_loopback_http(issuer, error);
    if (code == ASSAY_OK)
        code = assay_validator_new(runtime, &issuer, 1, validator, error);
    assay_issuer_free(issuer);
    assay_runtime_unref(runtime);
    return code;
}

int service_signals(int one, int other)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, one);
    (void)sigaddset(&set, other);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return -1;
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

void service_bury(service_children *children)
{
    char told[1024];
    pid_t dead;
    while (read(children->signals, told, sizeof told) > 0)
        continue;
    while ((dead = waitpid(-1, NULL, WNOHANG)) > 0)
        for (int i = 0; i < SERVICE_WORKERS_MAX; i++)
            children->ids[i] = children->ids[i] == dead ? 0 : children->ids[i];
}

void service_end(service_children *children)
{
    for (int i = 0; i < SERVICE_WORKERS_MAX; i++)
        if (children->ids[i] > 0)
            (void)kill(children->ids[i], SIGTERM);
    for (int i = 0; i < SERVICE_WORKERS_MAX; i++)
        if (children->ids[i] > 0)
            (void)waitpid(children->ids[i], NULL, 0);
}

void service_warm_up(assay_validator *validator, int timeout_ms)
{
    assay_error *error = NULL;
    if (assay_validator_warm_up(validator, timeout_ms, &error) != ASSAY_OK)
        (void)service_explain(error);
}

size_t service_authenticate(void *validator, const http_request *request, char *answer)
{
    assay_claims *claims = NULL;
    assay_error *error = NULL;
    const char *token;
    size_t len;
    int code = assay_bearer_from_header(request->authorization, request->authorization_len, &token, &len, &error);
    if (code == ASSAY_OK)
        code = assay_validator_validate(validator, token, len, NULL, VALIDATE_MS, &claims, &error);
    /* Claims are there where the code is ASSAY_OK, and nowhere else. */
    size_t answer_len = service_answer(claims, error, request->keep_alive, answer);
    assay_claims_unref(claims);
    assay_error_free(error);
    return answer_len;
}

size_t service_answer(const assay_claims *claims, const assay_error *error, bool keep_alive, char *answer)
{
    char text[256];
    if (claims != NULL) { /* what this caller may do would be decided here */
        const char *subject = assay_claims_subject(claims);
        (void)snprintf(text, sizeof text, "hello %.200s\n", subject != NULL ? subject : "nobody in particular");
        return http_answer(answer, 200, "", 0, text, keep_alive);
    }
    fprintf(stderr, "%s: %s: expected \"%s\", found \"%s\"%s\n", assay_code_name(assay_error_code(error)),
            assay_error_message(error), assay_error_expected(error), assay_error_found(error),
            assay_error_found_is_verified(error) ? "" : " (not verified)");
    /* The client learns no more than the challenge says. */
    return http_answer(answer, assay_error_http_status(error), assay_error_www_authenticate(error),
                       assay_error_retry_after(error), "", keep_alive);
}

int service_explain(assay_error *error)
{
    int category = assay_error_category(error);
    fprintf(stderr, "%s: %s\n  expected: %s\n  found:    %s\n  fix:      %s\n",
            assay_code_name(assay_error_code(error)), assay_error_message(error), assay_error_expected(error),
            assay_error_found(error), assay_error_hint(error));
    assay_error_free(error);
    return category == ASSAY_CATEGORY_TOKEN ? 1 : category == ASSAY_CATEGORY_USAGE ? 2 : 3;
}
