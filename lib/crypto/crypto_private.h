/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_CRYPTO_CRYPTO_PRIVATE_H
#define ASSAY_CRYPTO_CRYPTO_PRIVATE_H

/* What the files of crypto/ share of assay_crypto; nobody else includes this. */

#include "crypto/crypto.h"
#include "crypto/openssl_guard.h"

#include <openssl/evp.h>
#include <stdatomic.h>

#define ASSAY_DIGEST_COUNT (ASSAY_DIGEST_SHAKE256_114 + 1)

struct assay_crypto {
    atomic_uint references;
    char *properties;                    /* NULL: none */
    EVP_MD *digests[ASSAY_DIGEST_COUNT]; /* NULL: not to be had */
    EVP_MAC *hmac;                       /* NULL: not to be had */
};

ASSAY_DEFINE_CLEANUP(EVP_MD_CTX, EVP_MD_CTX_free)

#endif
