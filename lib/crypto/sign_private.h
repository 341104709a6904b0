/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_CRYPTO_SIGN_PRIVATE_H
#define ASSAY_CRYPTO_SIGN_PRIVATE_H

/* What a signing key is inside, and the parts that it is put together from; for the files of crypto/ only. */

#include "crypto/crypto_private.h"
#include "crypto/key_private.h"
#include "crypto/sign.h"

#include <openssl/x509.h>

ASSAY_DEFINE_CLEANUP(X509, X509_free)

typedef struct assay_sign_certificate {
    uint8_t *der;
    size_t len;
} assay_sign_certificate;

struct assay_sign_key {
    atomic_uint references;
    assay_crypto *crypto;
    EVP_PKEY *pkey;
    assay_key_kind kind;
    unsigned bits;
    int64_t not_before;
    int64_t not_after;
    size_t certificate_count;
    assay_sign_certificate certificates[ASSAY_LIMIT_SIGNING_CERTIFICATES];
};

/* What was found in one place or two. */
typedef struct assay_sign_parts {
    assay_crypto *crypto; /* borrowed */
    const char *name;     /* of the place with the key, for errors; borrowed */
    EVP_PKEY *pkey;       /* NULL: none yet */
    X509 *certificates[ASSAY_LIMIT_SIGNING_CERTIFICATES];
    size_t certificate_count;
} assay_sign_parts;

void assay_sign_parts_clear(assay_sign_parts *parts);

/* ASSAY_E_CONFIG_SIGNING_KEY with "NAME SENTENCE", or ASSAY_E_MEMORY where that was what OpenSSL lacked; @p guard may be NULL. */
int assay_sign_refuse(const assay_openssl_guard *guard, assay_failure *failure, const char *name, const char *sentence);

/* Add a key (its reference is taken, on failure too) or a certificate to the parts. */
int assay_sign_parts_add_key(assay_sign_parts *parts, EVP_PKEY *pkey, assay_failure *failure);
int assay_sign_parts_add_certificate(assay_sign_parts *parts, X509 *certificate, const char *name,
                                     assay_failure *failure);
/* The same from DER. */
int assay_sign_parts_add_der(assay_sign_parts *parts, const uint8_t *der, size_t len, const char *name,
                             assay_failure *failure);
/* All certificates of PEM text; at least one. */
int assay_sign_parts_add_text(assay_sign_parts *parts, const assay_sign_text *text, assay_failure *failure);

/* A private key from what PKCS#8 (RFC 5208, RFC 5958), PKCS#1 (RFC 8017, appendix A.1.2) or SEC 1 (RFC 5915) wrote. */
int assay_sign_parts_add_pkcs8(assay_sign_parts *parts, const uint8_t *der, size_t len, assay_failure *failure);
int assay_sign_parts_add_pkcs1(assay_sign_parts *parts, const uint8_t *der, size_t len, assay_failure *failure);
int assay_sign_parts_add_sec1(assay_sign_parts *parts, const uint8_t *der, size_t len, assay_failure *failure);
/* The first after decryption; an empty passphrase may be one. */
int assay_sign_parts_add_encrypted(assay_sign_parts *parts, const X509_SIG *sealed, const char *passphrase,
                                   size_t passphrase_len, assay_failure *failure);
/* Key and certificates of a PKCS#12 file (RFC 7292). */
int assay_sign_parts_add_pkcs12(assay_sign_parts *parts, const uint8_t *der, size_t len, const assay_secret *passphrase,
                                assay_failure *failure);

/* Put the key together; the private numbers are tried where @p try_out. */
int assay_sign_key_make(assay_sign_parts *parts, bool try_out, assay_sign_key **key, assay_failure *failure);
/* Fill in the certificates, in their order. */
int assay_sign_key_set_chain(assay_sign_key *key, const assay_sign_parts *parts, assay_failure *failure);

#endif
