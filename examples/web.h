/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_WEB_H
#define EXAMPLES_WEB_H

/*
 * What the services on libmicrohttpd have in common: options, a pool of threads, the token of a request, the answer to a refusal. They listen on
 * loopback without TLS, as behind a proxy that ends it.
 */

#include <assay/assay.h>

#include <stdbool.h>

enum {
    WEB_BODY_BYTES = 1024, /* longest body of a request */
    WEB_TEXT_BYTES = 1024  /* room for the text of an answer */
};

typedef struct web_request {
    const assay_claims *claims; /* who calls; the token was accepted */
    const char *body;           /* terminated */
} web_request;

typedef struct web_answer {
    int status; /* 200 */
    char text[WEB_TEXT_BYTES];
} web_answer;

/*
 * Answer an authenticated request. Called by several threads at once. Anything but ASSAY_OK is answered as the error says; ASSAY_E_MEMORY needs none.
 */
typedef int (*web_handler)(void *service, const web_request *request, web_answer *answer, assay_error **error);

typedef struct web_route {
    const char *method, *path;
    web_handler handler;
} web_route;

/* --NAME VALUE; the value stays what it was where the option is not given. */
typedef struct web_option {
    const char *name;
    const char **value;
} web_option;

/*
 * Read these options and so many operands. False: it was not like this; @p usage has been printed, and the exit status is 2.
 * @param options [in] the last one has no name
 */
bool web_read_options(int argc, char **argv, const web_option *options, const char **operands, int operand_count,
                      const char *usage);

/*
 * An issuer of Entra: that of a cloud, or, where @p dev_issuer is not NULL, the development issuer with this base URL in its place.
 */
int web_new_entra_issuer(const char *cloud, const char *dev_issuer, assay_issuer **issuer, assay_error **error);
/* A validator of these issuers, whose servers' certificates come from @p ca_file; NULL: the system's CAs. */
int web_new_validator(const char *ca_file, assay_issuer *const *issuers, size_t count, assay_validator **validator,
                      assay_error **error);

/*
 * Serve until SIGTERM or SIGINT. A refresh thread keeps the keys fresh, and /healthz tells whether there are any. Print "listening on PORT" once
 * requests are answered; the exit status.
 * @param routes [in] the last one has no method
 */
int web_serve(assay_validator *validator, const char *port, const web_route *routes, void *service);

#endif
