/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_SERVICE_H
#define EXAMPLES_SERVICE_H

/* What the example programs have in common: the command line, the validator, the answer to a request. */

#include "http.h"

#include <assay/assay.h>

#include <sys/types.h>

enum { SERVICE_WORKERS_MAX = 64 };

typedef struct service_options {
    const char *issuer, *audience; /* or */
    const char *config;            /* the file of a JSON configuration */
    const char *ca_file;           /* NULL: the system's CAs */
    const char *store;             /* NULL: none */
    const char *port;              /* "0": the kernel chooses */
    bool loopback_http;
    int workers;
    int connection; /* -1, or the socket that connection_server passes on to itself */
} service_options;

/*
 * Read [--ca-file FILE] [--allow-loopback-http] [--store DIRECTORY] [--port N] [--workers N] and the operands, ISSUER AUDIENCE or CONFIG.
 * False: it was not like this; the usage has been printed, and the exit status is 2.
 */
bool service_read_options(int argc, char **argv, bool wants_config, service_options *options);
/* A validator of one issuer, from the options. */
int service_make_validator(const service_options *options, assay_validator **validator, assay_error **error);

/* A descriptor that is readable when one of these signals has come, from now on and in threads and children too; -1: failed. No handler runs. */
int service_signals(int one, int other);

/* Child processes, each in a place of its own; 0: nobody. */
typedef struct service_children {
    pid_t ids[SERVICE_WORKERS_MAX];
    int signals; /* of service_signals(), for SIGCHLD */
} service_children;
/* Clear the places of those that have ended. */
void service_bury(service_children *children);
/* End them all, and wait until they have. */
void service_end(service_children *children);

/* Fetch keys before the first token needs them. Not fatal: the first token tries again. */
void service_warm_up(assay_validator *validator, int timeout_ms);
/* An http_handler whose user data is a validator: decide about the token of a request, and wait for keys where that needs it. */
size_t service_authenticate(void *validator, const http_request *request, char *answer);
/* The answer to a request: for the caller that the claims name, or, where they are NULL, as the error says. */
size_t service_answer(const assay_claims *claims, const assay_error *error, bool keep_alive, char *answer);
/* Print why, what is to be done about it, and release the error; the exit status: 1 the token is refused, 2 usage, 3 could not decide. */
int service_explain(assay_error *error);

#endif
