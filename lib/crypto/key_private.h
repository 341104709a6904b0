/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_CRYPTO_KEY_PRIVATE_H
#define ASSAY_CRYPTO_KEY_PRIVATE_H

/* What a key is inside, and its prepared contexts; for the files of crypto/ only. */

#include "crypto/crypto_private.h"
#include "crypto/verify.h"

/* Contexts kept for each scheme: as many threads verify with one key at once without making one. */
#define ASSAY_VERIFY_SLOTS 8

typedef enum assay_method {
    ASSAY_METHOD_RSA_PKCS1,
    ASSAY_METHOD_RSA_PSS,
    ASSAY_METHOD_ECDSA,
    ASSAY_METHOD_EDDSA,
    ASSAY_METHOD_HMAC
} assay_method;

typedef struct assay_scheme_row {
    assay_method method;
    assay_key_kind kind;
    assay_digest digest; /* not used by EdDSA, which has its hash inside */
    uint8_t hash_len;    /* bytes; 0 for EdDSA */
    uint8_t pool;        /* which of the key's pools holds the contexts */
} assay_scheme_row;

/* NULL: not a scheme. */
const assay_scheme_row *assay_scheme_row_of(assay_scheme scheme);

/* One OpenSSL context of each sort that a scheme needs, prepared for one key and scheme. */
typedef struct assay_verify_context {
    EVP_PKEY_CTX *pkey;
    EVP_MD_CTX *digest;
    EVP_MAC_CTX *mac;
} assay_verify_context;

typedef struct assay_verify_pool {
    _Atomic(assay_verify_context *) slots[ASSAY_VERIFY_SLOTS];
} assay_verify_pool;

struct assay_verify_key {
    atomic_uint references;
    assay_crypto *crypto;
    assay_key_kind kind;
    unsigned bits;
    size_t signature_len; /* exactly; 0 where the scheme decides (HMAC) */
    EVP_PKEY *pkey;       /* NULL for a symmetric key */
    uint8_t *secret;      /* NULL but for a symmetric key */
    size_t secret_len;
    size_t pool_count;
    char apart[64]; /* what threads write stays off the cache line of what they read */
    assay_verify_pool pools[];
};

ASSAY_DEFINE_CLEANUP(EVP_PKEY, EVP_PKEY_free)

/*
 * Wrap a public key of OpenSSL (its reference is shared). ASSAY_OK or ASSAY_E_MEMORY.
 */
int assay_verify_key_wrap(assay_crypto *crypto, assay_key_kind kind, unsigned bits, size_t signature_len,
                          EVP_PKEY *pkey, assay_verify_key **key);
/*
 * What to answer where OpenSSL would not make a key from numbers that passed our own checks. Not ASSAY_E_CRYPTO: one key that OpenSSL
 * can't use (a curve that a FIPS query leaves out) must not spoil the others of its set.
 */
int assay_verify_key_not_made(const assay_openssl_guard *guard, const char **why);

/* A prepared context of the pool, or a new one; NULL: could not be made (memory or OpenSSL). */
assay_verify_context *assay_verify_context_take(assay_verify_key *key, const assay_scheme_row *row);
/* Give a context back, or free it where the pool is full. */
void assay_verify_context_give(assay_verify_key *key, const assay_scheme_row *row, assay_verify_context *context);
void assay_verify_context_free(assay_verify_context *context);
ASSAY_DEFINE_CLEANUP(assay_verify_context, assay_verify_context_free)

#endif
