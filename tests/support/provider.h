/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_TESTS_PROVIDER_H
#define ASSAY_TESTS_PROVIDER_H

/* The OpenID provider that nobody here wrote (tests/provider), as a child process with certificates made for the run. */

#include <jansson.h>
#include <stdbool.h>

typedef struct provider {
    int pid;   /* of node; ended by provider_stop() */
    int input; /* its standard input: closing it ends the provider */
    char issuer[128];
    char control[128];
    char folder[64]; /* certificates of the run */
    char *ca_pem;
} provider;

/* Whether node and oidc-provider are there; says what is missing. A test then calls skip(). */
bool provider_is_there(void);
/* Start with the server certificate of this name ("server", "wrong_name", "expired", "self_signed"). Ends the test program on failure. */
void provider_start(provider *provider, const char *certificate);
void provider_stop(provider *provider);
/* POST a JSON body to the control port, or GET with NULL; the answer as JSON. */
json_t *provider_control(provider *provider, const char *path, const char *body);

#endif
