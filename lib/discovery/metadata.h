/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_DISCOVERY_METADATA_H
#define ASSAY_DISCOVERY_METADATA_H

/* Where an issuer's metadata lies, and reading it (OIDC Discovery 1.0; RFC 8414). Pure. */

#include "base/failure.h"
#include "base/memory.h"

/* {issuer}/.well-known/openid-configuration, one slash between (OIDC Discovery, section 4.1). NULL: out of memory. */
char *assay_metadata_url_openid(const char *issuer);
/* https://host/.well-known/oauth-authorization-server{path}, a terminating "/" of the path removed (RFC 8414, section 3.1). */
char *assay_metadata_url_oauth(const char *issuer);

typedef struct assay_metadata_rules {
    const char *
        issuer; /* the document's `issuer` must equal it, byte by byte (RFC 8414, section 3.3; OIDC Discovery, section 4.3) */
    bool allow_loopback_http;
    const char *const *jwks_hosts; /* NULL: any host */
    size_t jwks_host_count;
} assay_metadata_rules;

/*
 * Read a metadata document. ASSAY_OK with *jwks_uri (owned); ASSAY_E_METADATA, ASSAY_E_METADATA_ISSUER (expected, found; where they differ by a terminating
 * slash alone the hint says so), ASSAY_E_JWKS_URI, ASSAY_E_MEMORY.
 */
int assay_metadata_read(const assay_metadata_rules *rules, const char *text, size_t len, char **jwks_uri,
                        assay_failure *failure);

/* Whether keys may come from this place. ASSAY_OK, ASSAY_E_JWKS_URI. */
int assay_metadata_check_jwks_uri(const assay_metadata_rules *rules, assay_span uri, assay_failure *failure);

#endif
