/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_CRYPTO_CRYPTO_H
#define ASSAY_CRYPTO_CRYPTO_H

/* OpenSSL's algorithms, fetched once by one property query, and the small things that need no key. */

#include "base/memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Fetched digests and MAC; immutable, shared by reference count. */
typedef struct assay_crypto assay_crypto;

typedef enum assay_digest {
    ASSAY_DIGEST_SHA1,
    ASSAY_DIGEST_SHA256,
    ASSAY_DIGEST_SHA384,
    ASSAY_DIGEST_SHA512,
    ASSAY_DIGEST_SHAKE256_114
} assay_digest;
#define ASSAY_DIGEST_MAX 114

/* @p properties: OpenSSL property query or NULL. ASSAY_E_CRYPTO: SHA-256 is not to be had that way, or the query can't be parsed
 * (OpenSSL 3.0 itself would go on as if there were none). ASSAY_E_MEMORY. An algorithm that the query leaves out (SHA-1 under FIPS) is
 * missing, and whoever needs it gets ASSAY_E_CRYPTO. */
int assay_crypto_new(const char *properties, assay_crypto **crypto);
assay_crypto *assay_crypto_ref(assay_crypto *crypto);
void assay_crypto_unref(assay_crypto *crypto);
ASSAY_DEFINE_CLEANUP(assay_crypto, assay_crypto_unref)
/* The property query; NULL: none. */
const char *assay_crypto_properties(const assay_crypto *crypto);
/* Whether both were fetched by one property query, so that keys made with one may be used with the other. */
bool assay_crypto_is_alike(const assay_crypto *a, const assay_crypto *b);

/* Hash @p len bytes into @p out (ASSAY_DIGEST_MAX bytes). ASSAY_OK or ASSAY_E_CRYPTO. */
int assay_crypto_digest(const assay_crypto *crypto, assay_digest digest, const void *bytes, size_t len, uint8_t *out,
                        size_t *out_len);
/* SHA-256 for what has no runtime, and so no property query but OpenSSL's own configuration. ASSAY_OK, ASSAY_E_CRYPTO, ASSAY_E_MEMORY leave
 * or fill @p out whole. */
int assay_crypto_sha256(const void *bytes, size_t len, uint8_t out[32]);
/* Random bytes from OpenSSL; false: none to be had. */
bool assay_crypto_random(void *out, size_t len);
/* Equal, in time that depends on @p len only. */
bool assay_crypto_equal(const void *a, const void *b, size_t len);
/* OpenSSL's version text, static. */
const char *assay_crypto_version(void);

#endif
