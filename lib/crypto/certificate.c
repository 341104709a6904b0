/* SPDX-License-Identifier: MIT */
#include "base/limits.h"
#include "crypto/key_private.h"

#include <assay/error.h>
#include <openssl/x509.h>

ASSAY_DEFINE_CLEANUP(X509, X509_free)

static int refuse(const char **why, const char *sentence)
{
    *why = sentence;
    return ASSAY_E_CONFIG_KEYS;
}

static int unreadable(const assay_openssl_guard *guard, const char **why, const char *sentence)
{
    return assay_openssl_lacked_memory(guard) ? ASSAY_E_MEMORY : refuse(why, sentence);
}

int assay_verify_key_matches_certificate(const assay_verify_key *key, const uint8_t *der, size_t len, const char **why)
{
    *why = NULL;
    if (key->pkey == NULL)
        return refuse(why, "a symmetric key can't have a certificate");
    if (len > ASSAY_LIMIT_X5C_BYTES)
        return refuse(why, "the certificate in x5c is longer than we read");
    ASSAY_OPENSSL_GUARD(guard);
    ASSAY_CLEANUP(X509_free_p) X509 *certificate = X509_new_ex(NULL, key->crypto->properties);
    if (certificate == NULL)
        return ASSAY_E_MEMORY;
    const uint8_t *next = der;
    /* On failure d2i_X509 frees the object that it was given and clears the pointer. */
    if (d2i_X509(&certificate, &next, (long)len) == NULL)
        return unreadable(&guard, why, "x5c holds no readable X.509 certificate");
    if (next != der + len)
        return refuse(why, "x5c has bytes after its certificate");
    EVP_PKEY *certified = X509_get0_pubkey(certificate);
    if (certified == NULL)
        return unreadable(&guard, why, "the certificate in x5c holds no readable public key");
    if (EVP_PKEY_eq(key->pkey, certified) != 1)
        return unreadable(&guard, why, "the certificate in x5c is of another key");
    return ASSAY_OK;
}
