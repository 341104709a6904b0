/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_CRYPTO_VERIFY_H
#define ASSAY_CRYPTO_VERIFY_H

/*
 * Verifying signatures on EVP. A key is immutable, shared by reference count, and carries a few prepared contexts for each scheme that it
 * can serve, taken and given back by atomic exchange; a context is never used by two threads at once, and one is made afresh where all are taken.
 */

#include "crypto/crypto.h"

/* A signature scheme: padding or curve with its hash. What a name of RFC 7518 means; names stand in token/algorithm. */
typedef enum assay_scheme {
    ASSAY_SCHEME_RSA_PKCS1_SHA256, /* RFC 8017, section 8.2 */
    ASSAY_SCHEME_RSA_PKCS1_SHA384,
    ASSAY_SCHEME_RSA_PKCS1_SHA512,
    ASSAY_SCHEME_RSA_PSS_SHA256, /* RFC 7518, section 3.5: MGF1 with the same hash, salt as long as the hash */
    ASSAY_SCHEME_RSA_PSS_SHA384,
    ASSAY_SCHEME_RSA_PSS_SHA512,
    ASSAY_SCHEME_ECDSA_P256_SHA256, /* RFC 7518, section 3.4: r and s, each of the order's length */
    ASSAY_SCHEME_ECDSA_P384_SHA384,
    ASSAY_SCHEME_ECDSA_P521_SHA512,
    ASSAY_SCHEME_ECDSA_K256_SHA256, /* RFC 8812, section 3.2 */
    ASSAY_SCHEME_ED25519,           /* RFC 8032 */
    ASSAY_SCHEME_ED448,
    ASSAY_SCHEME_HMAC_SHA256, /* RFC 7518, section 3.2 */
    ASSAY_SCHEME_HMAC_SHA384,
    ASSAY_SCHEME_HMAC_SHA512,
    ASSAY_SCHEME_COUNT
} assay_scheme;

typedef enum assay_key_kind {
    ASSAY_KEY_RSA,
    ASSAY_KEY_P256,
    ASSAY_KEY_P384,
    ASSAY_KEY_P521,
    ASSAY_KEY_K256,
    ASSAY_KEY_ED25519,
    ASSAY_KEY_ED448,
    ASSAY_KEY_SYMMETRIC
} assay_key_kind;

typedef struct assay_verify_key assay_verify_key;

/*
 * Make a key. ASSAY_OK; ASSAY_E_CONFIG_KEYS where the numbers are not a key we accept, with *why a static sentence ("the RSA modulus is
 * smaller than 2048 bits"), or OpenSSL does not take the key (a curve that a FIPS query leaves out); ASSAY_E_MEMORY. Numbers are big-endian.
 * RSA: ASSAY_LIMIT_RSA_BITS_MIN to _MAX, modulus odd and not of the ROCA form (CVE-2017-15361), exponent odd, at least 3, at most ASSAY_LIMIT_RSA_EXPONENT_BITS; leading zero octets are ignored.
 * EC: x and y exactly of the field's length (RFC 7518, section 6.2.1.2), the point on the curve and not infinity.
 * OKP: exactly 32 or 57 bytes, the encoding canonical (RFC 8032, sections 5.1.3 and 5.2.3), not a point of small order.
 * Symmetric: 1 to ASSAY_LIMIT_SYMMETRIC_BYTES; the minimum for each hash is checked by assay_verify_key_fits().
 */
int assay_verify_key_new_rsa(assay_crypto *crypto, const uint8_t *n, size_t n_len, const uint8_t *e, size_t e_len,
                             assay_verify_key **key, const char **why);
int assay_verify_key_new_ec(assay_crypto *crypto, assay_key_kind kind, const uint8_t *x, size_t x_len, const uint8_t *y,
                            size_t y_len, assay_verify_key **key, const char **why);
int assay_verify_key_new_okp(assay_crypto *crypto, assay_key_kind kind, const uint8_t *x, size_t x_len,
                             assay_verify_key **key, const char **why);
int assay_verify_key_new_symmetric(assay_crypto *crypto, const uint8_t *bytes, size_t len, assay_verify_key **key,
                                   const char **why);
assay_verify_key *assay_verify_key_ref(assay_verify_key *key);
void assay_verify_key_unref(assay_verify_key *key);
ASSAY_DEFINE_CLEANUP(assay_verify_key, assay_verify_key_unref)

assay_key_kind assay_verify_key_kind(const assay_verify_key *key);
/* Bits of the modulus, of the curve's field, or of the symmetric key. */
unsigned assay_verify_key_bits(const assay_verify_key *key);

/* Whether the kind, curve and size of the key serve this scheme; HMAC keys are at least as long as the hash. */
bool assay_verify_key_fits(const assay_verify_key *key, assay_scheme scheme);

/*
 * Verify. The scheme must fit the key (asserted by a check of its own: a misfit is ASSAY_E_ALGORITHM_KEY, never a verdict).
 * ASSAY_OK: right. ASSAY_E_SIGNATURE: wrong, in length or in value. ASSAY_E_CRYPTO, ASSAY_E_MEMORY: could not be told.
 * Takes no lock of ours; allocates nothing of ours once the contexts of the key are made (a pool of eight for each scheme fills as threads meet). OpenSSL's error queue is left as it was found.
 */
int assay_verify_key_verify(assay_verify_key *key, assay_scheme scheme, const void *message, size_t message_len,
                            const uint8_t *signature, size_t signature_len);

/*
 * Compare the public key of a certificate in DER with a key, for x5c (RFC 7517, section 4.7). ASSAY_OK: the same.
 * ASSAY_E_CONFIG_KEYS: another one, or no certificate; *why says which. Its dates and chain are not looked at.
 */
int assay_verify_key_matches_certificate(const assay_verify_key *key, const uint8_t *der, size_t len, const char **why);

#endif
