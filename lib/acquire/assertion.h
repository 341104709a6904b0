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

/*
 * Where the key comes from, so that a replaced one is noticed: the files are looked at each time, and read again when one is another (device, inode, size, time of
 * change). Where reading again fails, half of a rotation is there: the old pair serves on, and the next call looks again.
 * One thread at a time; the keys that it gives out are for any.
 */
typedef struct assay_sign_source assay_sign_source;

/* @p key_path: PEM or PKCS#12 with the key and perhaps its certificates. @p certificate_path: PEM with the certificates; NULL: none but those. @p passphrase is
 * copied; NULL: none. Nothing is read yet. ASSAY_OK or ASSAY_E_MEMORY. */
int assay_sign_source_new_files(assay_crypto *crypto, const char *key_path, const char *certificate_path,
                                const assay_secret *passphrase, assay_sign_source **source, assay_failure *failure);
/* The same with the key in an OpenSSL store, which is asked once, unless the file of certificates changes. */
int assay_sign_source_new_store(assay_crypto *crypto, const char *uri, const char *certificate_path,
                                const assay_secret *passphrase, assay_sign_source **source, assay_failure *failure);
void assay_sign_source_free(assay_sign_source *source);
ASSAY_DEFINE_CLEANUP(assay_sign_source, assay_sign_source_free)

/* The key as it is now, with a reference for the caller. ASSAY_E_CONFIG_SIGNING_KEY, ASSAY_E_MEMORY, ASSAY_E_CRYPTO: there was none before either. */
int assay_sign_source_get(assay_sign_source *source, assay_sign_key **key, assay_failure *failure);

#endif
