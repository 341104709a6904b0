/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_ACQUIRE_ASSERTION_H
#define ASSAY_ACQUIRE_ASSERTION_H

/* Client assertions: a JWT that this client signs to say who it is (RFC 7523, section 2.2; RFC 7521, section 4.2). */

#include "crypto/sign.h"

typedef struct assay_assertion_options {
    const char *algorithm; /* of RFC 7518 and its kin; NULL: PS256 for RSA, and by the curve for others */
    bool x5t_sha256;       /* thumbprint of the certificate (RFC 7515, section 4.1.8) */
    bool x5t_sha1;         /* the same with SHA-1 (section 4.1.7), for AD FS, which knows no other */
    bool x5c;        /* the certificates themselves (section 4.1.6), for Entra apps that trust a subject and issuer */
    const char *kid; /* NULL: none */
    const char *client_id; /* iss and sub */
    const char *audience;
    int64_t lifetime; /* seconds, at most ASSAY_LIMIT_ASSERTION_LIFETIME; 0: that */
    bool entra; /* the server is Entra ID: RSA only, a certificate, and its x5t#S256 where no thumbprint is asked for */
} assay_assertion_options;

/*
 * Make one for the time @p now. Where the header refers to a certificate, there must be one, and it must be valid now.
 * ASSAY_OK; ASSAY_E_CONFIG_SIGNING_KEY: key or certificate can't do this, with a sentence; ASSAY_E_CONFIG_ALGORITHM; ASSAY_E_CONFIG_TIME: the lifetime;
 * ASSAY_E_ARGUMENT: no client id or audience, or text that is not UTF-8; ASSAY_E_CLOCK; ASSAY_E_CRYPTO; ASSAY_E_MEMORY. @p assertion is empty then.
 */
int assay_assertion_make(const assay_crypto *crypto, const assay_sign_key *key, const assay_assertion_options *options,
                         int64_t now, assay_secret *assertion, assay_failure *failure);

#endif
