/* SPDX-License-Identifier: MIT */
#include "far_issuer.h"

#include <dev_issuer.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MESSAGE_MAX = 8192 };

static void must(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "far issuer: %s\n", what);
        abort();
    }
}

/* Answer one message; what is sent back is text. */
static void serve_one(dev_issuer *issuer, char *message, char *answer)
{
    char target[32] = "", kind[32] = "";
    int value = -1, count = -1;
    char *text = NULL;
    answer[0] = '\0';
    if (strcmp(message, "url") == 0) {
        snprintf(answer, MESSAGE_MAX, "%s", dev_issuer_url(issuer));
    } else if (strcmp(message, "ca") == 0) {
        const char *pem = dev_issuer_ca_pem(issuer);
        snprintf(answer, MESSAGE_MAX, "%s", pem == NULL ? "" : pem);
    } else if (strncmp(message, "mint ", 5) == 0) {
        must(dev_issuer_mint(issuer, message + 5, &text) == 0, message);
        snprintf(answer, MESSAGE_MAX, "%s", text);
    } else if (strncmp(message, "rotate ", 7) == 0) {
        must(dev_issuer_rotate(issuer, message + 7, &text) == 0, message);
    } else if (sscanf(message, "fault %31s %31s %d %d", target, kind, &value, &count) == 4) {
        must(dev_issuer_fault(issuer, target, kind, value, count) == 0, message);
    } else if (sscanf(message, "stat %31s", target) == 1) {
        snprintf(answer, MESSAGE_MAX, "%d", (int)dev_issuer_stats(issuer, target));
    } else {
        must(false, message);
    }
    free(text);
}

static void serve(int link, bool tls)
{
    static char message[MESSAGE_MAX + 1], answer[MESSAGE_MAX + 1];
    static const char *const algorithms[] = {"RS256", "ES256"};
    dev_issuer *issuer = NULL;
    dev_issuer_options options = {.tls = tls, .algorithms = algorithms, .algorithm_count = 2};
    must(dev_issuer_start(&options, &issuer, message, sizeof message) == 0, message);
    for (ssize_t len; (len = recv(link, message, MESSAGE_MAX, 0)) > 0;) {
        message[len] = '\0';
        serve_one(issuer, message, answer);
        if (send(link, answer, strlen(answer) + 1, MSG_NOSIGNAL) <= 0)
            break;
    }
    dev_issuer_stop(issuer);
}

/* One question and its answer, which is in a static buffer. */
static const char *ask(far_issuer *at, const char *format, ...) __attribute__((format(printf, 2, 3)));
static const char *ask(far_issuer *at, const char *format, ...)
{
    static char message[MESSAGE_MAX + 1];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    ssize_t got;
    do
        got = send(at->link, message, (size_t)len, MSG_NOSIGNAL);
    while (got < 0 && errno == EINTR);
    do
        got = recv(at->link, message, MESSAGE_MAX, 0);
    while (got < 0 && errno == EINTR);
    must(got > 0, "it is gone");
    return message;
}

void far_issuer_start(far_issuer *at, bool tls)
{
    int ends[2];
    memset(at, 0, sizeof *at);
    must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0, "socketpair");
    fflush(NULL);
    at->pid = fork();
    must(at->pid >= 0, "fork");
    if (at->pid == 0) {
        close(ends[0]);
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        serve(ends[1], tls);
        _exit(0);
    }
    close(ends[1]);
    at->link = ends[0];
    snprintf(at->url, sizeof at->url, "%s", ask(at, "url"));
    at->ca_pem = tls ? strdup(ask(at, "ca")) : NULL;
}

void far_issuer_stop(far_issuer *at)
{
    int status = -1;
    (void)shutdown(at->link, SHUT_RDWR); /* whoever else inherited it */
    close(at->link);
    while (waitpid(at->pid, &status, 0) < 0 && errno == EINTR)
        ;
    must(status == 0, "it did not end well");
    free(at->ca_pem);
}

char *far_issuer_mint(far_issuer *at, const char *request)
{
    return strdup(ask(at, "mint %s", request));
}

void far_issuer_rotate(far_issuer *at, const char *request)
{
    (void)ask(at, "rotate %s", request);
}

void far_issuer_fault(far_issuer *at, const char *target, const char *kind, int value, int count)
{
    (void)ask(at, "fault %s %s %d %d", target, kind, value, count);
}

int far_issuer_stat(far_issuer *at, const char *name)
{
    return atoi(ask(at, "stat %s", name));
}

assay_runtime *far_issuer_runtime(const far_issuer *at)
{
    assay_runtime *runtime = NULL;
    must(assay_runtime_new(&runtime, NULL) == ASSAY_OK, "runtime");
    if (at->ca_pem != NULL)
        must(assay_runtime_set_ca_pem(runtime, at->ca_pem, strlen(at->ca_pem), NULL) == ASSAY_OK, "CA");
    return runtime;
}

assay_validator *far_issuer_validator(const far_issuer *at, assay_runtime *runtime)
{
    assay_issuer *issuer = NULL;
    assay_validator *validator = NULL;
    assay_runtime *own = runtime == NULL ? far_issuer_runtime(at) : NULL;
    must(assay_issuer_new(at->url, &issuer, NULL) == ASSAY_OK, "issuer");
    must(assay_issuer_add_audience(issuer, "dev-audience", NULL) == ASSAY_OK, "audience");
    if (at->ca_pem == NULL)
        must(assay_issuer_allow_loopback_http(issuer, NULL) == ASSAY_OK, "http");
    must(assay_validator_new(own == NULL ? runtime : own, &issuer, 1, &validator, NULL) == ASSAY_OK, "validator");
    assay_issuer_free(issuer);
    assay_runtime_unref(own);
    return validator;
}

int far_issuer_try(assay_validator *validator, const char *token, int64_t timeout_ms)
{
    assay_claims *claims = NULL;
    int code = assay_validator_validate(validator, token, strlen(token), NULL, timeout_ms, &claims, NULL);
    must((code == ASSAY_OK) == (claims != NULL), "claims");
    assay_claims_unref(claims);
    return code;
}
