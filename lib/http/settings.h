/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_HTTP_SETTINGS_H
#define ASSAY_HTTP_SETTINGS_H

/* How the engines reach servers. */

#include "crypto/trust.h"

#include <stdatomic.h>

/* Which CA certificates servers are checked against. Immutable while in use, but for `trust`. */
typedef struct assay_http_ca {
    char *pem; /* NULL: the system's */
    size_t len;
    _Atomic(assay_trust *) trust; /* NULL until loaded */
} assay_http_ca;

/* Take a copy in the place of what is there, and check that it has a certificate: ASSAY_E_CONFIG_CA, ASSAY_E_MEMORY; then nothing changed. */
int assay_http_ca_take(assay_http_ca *ca, const char *pem, size_t len, assay_failure *failure);
/* The same from a file, which is read once. */
int assay_http_ca_read(assay_http_ca *ca, const char *path, assay_failure *failure);
/*
 * Parse the certificates, unless that was done: the system's are 140 or so, which takes longer than a pass of an event loop may. The first
 * transfer over TLS does it otherwise. Any thread. The system's are read once and not again while this lives.
 * ASSAY_OK, also where curl's TLS library is not the one that could use them (then curl reads them, for each connection); ASSAY_E_CONFIG_CA,
 * ASSAY_E_MEMORY, ASSAY_E_NETWORK (curl can't be set up).
 */
int assay_http_ca_load(assay_http_ca *ca, assay_failure *failure);
void assay_http_ca_clear(assay_http_ca *ca);

/* Copied from the runtime, immutable while in use. Nothing is read from the environment but where said. */
typedef struct assay_http_settings {
    assay_http_ca ca;
    char *proxy;    /* NULL: none */
    char *no_proxy; /* NULL: none */
    bool environment_proxy;
} assay_http_settings;

/* Whether both reach servers in the same way, and believe the same ones. */
bool assay_http_settings_are_alike(const assay_http_settings *a, const assay_http_settings *b);
void assay_http_settings_clear(assay_http_settings *settings);

/* Set up libcurl, once in a process; before anything else of it. ASSAY_OK, ASSAY_E_MEMORY, ASSAY_E_NETWORK. */
int assay_http_begin(void);

#endif
