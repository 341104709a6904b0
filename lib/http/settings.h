/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_HTTP_SETTINGS_H
#define ASSAY_HTTP_SETTINGS_H

/* How the engines reach servers. */

#include "crypto/trust.h"

#include <stdatomic.h>

/* Copied from the runtime, immutable while in use (but for `trust`). Nothing is read from the environment but where said. */
typedef struct assay_http_settings {
    char *ca_pem; /* NULL: the system's CA certificates */
    size_t ca_pem_len;
    char *proxy;    /* NULL: none */
    char *no_proxy; /* NULL: none */
    bool environment_proxy;
    _Atomic(assay_trust *) trust; /* of ca_pem or the system; NULL until loaded */
} assay_http_settings;

/*
 * Parse the CA certificates, unless that was done: the system's are 140 or so, which takes longer than a pass of an event loop may. The first
 * transfer over TLS does it otherwise. Any thread. The system's are read once and not again while the settings live.
 * ASSAY_OK, also where curl's TLS library is not the one that could use them (then curl reads them, for each connection); ASSAY_E_CONFIG_CA,
 * ASSAY_E_MEMORY, ASSAY_E_NETWORK (curl can't be set up).
 */
int assay_http_settings_load(assay_http_settings *settings, assay_failure *failure);
/* Whether both reach servers in the same way, and believe the same ones. */
bool assay_http_settings_are_alike(const assay_http_settings *a, const assay_http_settings *b);
void assay_http_settings_clear(assay_http_settings *settings);

/* Set up libcurl, once in a process; before anything else of it. ASSAY_OK, ASSAY_E_MEMORY, ASSAY_E_NETWORK. */
int assay_http_begin(void);

#endif
