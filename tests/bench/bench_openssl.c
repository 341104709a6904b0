/* SPDX-License-Identifier: MIT */
#include "bench.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

/*
 * The signature alone, as cheap as OpenSSL 3 does it: digest fetched once, both contexts prepared once and used again, the signature decoded
 * beforehand. Ed25519 has no such form: its context is set up anew for each signature.
 */

typedef struct bare {
    EVP_PKEY *pkey;
    EVP_PKEY_CTX *verify; /* NULL for Ed25519 */
    EVP_MD *md;
    EVP_MD_CTX *hash;
    const uint8_t *input;
    size_t input_len;
    uint8_t *signature;
    size_t signature_len;
} bare;

static void run_hashed(void *state, size_t count)
{
    bare *b = state;
    unsigned char digest[EVP_MAX_MD_SIZE];
    for (size_t i = 0; i < count; i++) {
        bench_must(EVP_DigestInit_ex2(b->hash, b->md, NULL) == 1 &&
                       EVP_DigestUpdate(b->hash, b->input, b->input_len) == 1 &&
                       EVP_DigestFinal_ex(b->hash, digest, NULL) == 1 &&
                       EVP_PKEY_verify(b->verify, b->signature, b->signature_len, digest, 32) == 1,
                   "OpenSSL refuses the token");
    }
}

static void run_whole(void *state, size_t count)
{
    bare *b = state;
    for (size_t i = 0; i < count; i++) {
        bench_must(EVP_DigestVerifyInit_ex(b->hash, NULL, NULL, NULL, NULL, b->pkey, NULL) == 1 &&
                       EVP_DigestVerify(b->hash, b->signature, b->signature_len, b->input, b->input_len) == 1,
                   "OpenSSL refuses the token");
    }
}

static void prepare(bare *b)
{
    b->verify = EVP_PKEY_CTX_new_from_pkey(NULL, b->pkey, NULL);
    bench_must(b->verify != NULL && EVP_PKEY_verify_init(b->verify) == 1 &&
                   EVP_PKEY_CTX_set_signature_md(b->verify, b->md) == 1,
               "EVP_PKEY_CTX");
    if (EVP_PKEY_is_a(b->pkey, "RSA"))
        bench_must(EVP_PKEY_CTX_set_rsa_padding(b->verify, RSA_PKCS1_PADDING) == 1, "padding");
}

/* r || s (RFC 7518, section 3.4) as OpenSSL wants it. */
static void to_der(bare *b)
{
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(b->signature, 32, NULL), *s = BN_bin2bn(b->signature + 32, 32, NULL);
    bench_must(pair != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(pair, r, s) == 1, "ECDSA signature");
    free(b->signature);
    b->signature = NULL;
    b->signature_len = (size_t)i2d_ECDSA_SIG(pair, &b->signature);
    ECDSA_SIG_free(pair);
}

void bench_openssl(const mint_key *key, const char *token, bench_case *made)
{
    size_t der_len;
    const uint8_t *der = mint_key_der(key, &der_len);
    bare *b = calloc(1, sizeof *b);
    bench_must(b != NULL, "memory");
    b->pkey = d2i_PUBKEY(NULL, &der, (long)der_len);
    b->md = EVP_MD_fetch(NULL, "SHA2-256", NULL);
    b->hash = EVP_MD_CTX_new();
    b->input = (const uint8_t *)token;
    b->signature = bench_signature(token, &b->input_len, &b->signature_len);
    bench_must(b->pkey != NULL && b->md != NULL && b->hash != NULL, "OpenSSL");
    made->state = b;
    made->run = run_hashed;
    if (EVP_PKEY_is_a(b->pkey, "ED25519")) {
        made->run = run_whole;
        return;
    }
    if (EVP_PKEY_is_a(b->pkey, "EC"))
        to_der(b);
    prepare(b);
}
