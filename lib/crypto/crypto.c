/* SPDX-License-Identifier: MIT */
#include "crypto/crypto_private.h"

#include "base/text.h"

#include <assay/error.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>

/* OpenSSL's names, and the lengths that the enumeration promises. */
static const struct {
    const char *name;
    size_t len;
    bool extendable;
} digest_rows[ASSAY_DIGEST_COUNT] = {
    [ASSAY_DIGEST_SHA1] = {"SHA1", 20, false},
    [ASSAY_DIGEST_SHA256] = {"SHA2-256", 32, false},
    [ASSAY_DIGEST_SHA384] = {"SHA2-384", 48, false},
    [ASSAY_DIGEST_SHA512] = {"SHA2-512", 64, false},
    [ASSAY_DIGEST_SHAKE256_114] = {"SHAKE256", 114, true}, /* the hash of Ed448, RFC 8032, section 5.2 */
};

ASSAY_DEFINE_CLEANUP(OSSL_LIB_CTX, OSSL_LIB_CTX_free)

/*
 * OpenSSL 3.0 fetches as if there were no property query where it can't parse one, so that a slip in "fips=yes" would go unnoticed. Only setting
 * default properties tells; a library context of our own is there to be thrown away.
 */
static int check_properties(const char *properties)
{
    ASSAY_OPENSSL_GUARD(guard);
    ASSAY_CLEANUP(OSSL_LIB_CTX_free_p) OSSL_LIB_CTX *scratch = OSSL_LIB_CTX_new();
    if (scratch == NULL)
        return ASSAY_E_MEMORY;
    if (EVP_set_default_properties(scratch, properties) == 1)
        return ASSAY_OK;
    return assay_openssl_lacked_memory(&guard) ? ASSAY_E_MEMORY : ASSAY_E_CRYPTO;
}

/* Out of memory is told apart from "not offered", so that a shortage never makes an object that lacks an algorithm. */
static int fetch_all(assay_crypto *crypto)
{
    for (int i = 0; i < ASSAY_DIGEST_COUNT; i++) {
        ASSAY_OPENSSL_GUARD(guard);
        crypto->digests[i] = EVP_MD_fetch(NULL, digest_rows[i].name, crypto->properties);
        if (crypto->digests[i] == NULL && assay_openssl_lacked_memory(&guard))
            return ASSAY_E_MEMORY;
    }
    ASSAY_OPENSSL_GUARD(guard);
    crypto->hmac = EVP_MAC_fetch(NULL, "HMAC", crypto->properties);
    if (crypto->hmac == NULL && assay_openssl_lacked_memory(&guard))
        return ASSAY_E_MEMORY;
    return crypto->digests[ASSAY_DIGEST_SHA256] == NULL ? ASSAY_E_CRYPTO : ASSAY_OK;
}

int assay_crypto_new(const char *properties, assay_crypto **crypto)
{
    *crypto = NULL;
    ASSAY_CLEANUP(assay_crypto_unref_p) assay_crypto *made = assay_zalloc(sizeof *made);
    if (made == NULL)
        return ASSAY_E_MEMORY;
    atomic_init(&made->references, 1);
    if (properties != NULL && (made->properties = assay_strdup(properties)) == NULL)
        return ASSAY_E_MEMORY;
    int code = properties == NULL ? ASSAY_OK : check_properties(properties);
    if (code == ASSAY_OK)
        code = fetch_all(made);
    if (code == ASSAY_OK)
        *crypto = ASSAY_STEAL(made);
    return code;
}

assay_crypto *assay_crypto_ref(assay_crypto *crypto)
{
    if (crypto != NULL)
        atomic_fetch_add_explicit(&crypto->references, 1, memory_order_relaxed);
    return crypto;
}

void assay_crypto_unref(assay_crypto *crypto)
{
    if (crypto == NULL || atomic_fetch_sub_explicit(&crypto->references, 1, memory_order_acq_rel) != 1)
        return;
    for (int i = 0; i < ASSAY_DIGEST_COUNT; i++)
        EVP_MD_free(crypto->digests[i]);
    EVP_MAC_free(crypto->hmac);
    assay_release(crypto->properties);
    assay_release(crypto);
}

const char *assay_crypto_properties(const assay_crypto *crypto)
{
    return crypto->properties;
}

bool assay_crypto_is_alike(const assay_crypto *a, const assay_crypto *b)
{
    return a == b || assay_text_same(a->properties, b->properties);
}

int assay_crypto_digest(const assay_crypto *crypto, assay_digest digest, const void *bytes, size_t len, uint8_t *out,
                        size_t *out_len)
{
    *out_len = 0;
    const EVP_MD *md = crypto->digests[digest];
    if (md == NULL)
        return ASSAY_E_CRYPTO;
    ASSAY_OPENSSL_GUARD(guard);
    ASSAY_CLEANUP(EVP_MD_CTX_free_p) EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (context == NULL || EVP_DigestInit_ex2(context, md, NULL) != 1 || EVP_DigestUpdate(context, bytes, len) != 1)
        return ASSAY_E_CRYPTO;
    int done = digest_rows[digest].extendable ? EVP_DigestFinalXOF(context, out, digest_rows[digest].len)
                                              : EVP_DigestFinal_ex(context, out, NULL);
    if (done != 1)
        return ASSAY_E_CRYPTO;
    *out_len = digest_rows[digest].len;
    return ASSAY_OK;
}

int assay_crypto_sha256(const void *bytes, size_t len, uint8_t out[32])
{
    uint8_t digest[ASSAY_DIGEST_MAX];
    size_t digest_len = 0;
    ASSAY_OPENSSL_GUARD(guard);
    if (EVP_Q_digest(NULL, digest_rows[ASSAY_DIGEST_SHA256].name, NULL, bytes, len, digest, &digest_len) != 1)
        return assay_openssl_lacked_memory(&guard) ? ASSAY_E_MEMORY : ASSAY_E_CRYPTO;
    memcpy(out, digest, digest_len);
    return ASSAY_OK;
}

bool assay_crypto_random(void *out, size_t len)
{
    ASSAY_OPENSSL_GUARD(guard);
    uint8_t *to = out;
    while (len > 0) {
        int step = len > INT_MAX ? INT_MAX : (int)len;
        if (RAND_bytes(to, step) != 1)
            return false;
        to += step;
        len -= (size_t)step;
    }
    return true;
}

bool assay_crypto_equal(const void *a, const void *b, size_t len)
{
    return len == 0 || CRYPTO_memcmp(a, b, len) == 0;
}

const char *assay_crypto_version(void)
{
    return OpenSSL_version(OPENSSL_VERSION);
}
