/* SPDX-License-Identifier: MIT */
#include "crypto/ecdsa_der.h"
#include "crypto/key_private.h"

#include <assay/error.h>

static const assay_scheme_row scheme_rows[ASSAY_SCHEME_COUNT] = {
    [ASSAY_SCHEME_RSA_PKCS1_SHA256] = {ASSAY_METHOD_RSA_PKCS1, ASSAY_KEY_RSA, ASSAY_DIGEST_SHA256, 32, 0},
    [ASSAY_SCHEME_RSA_PKCS1_SHA384] = {ASSAY_METHOD_RSA_PKCS1, ASSAY_KEY_RSA, ASSAY_DIGEST_SHA384, 48, 1},
    [ASSAY_SCHEME_RSA_PKCS1_SHA512] = {ASSAY_METHOD_RSA_PKCS1, ASSAY_KEY_RSA, ASSAY_DIGEST_SHA512, 64, 2},
    [ASSAY_SCHEME_RSA_PSS_SHA256] = {ASSAY_METHOD_RSA_PSS, ASSAY_KEY_RSA, ASSAY_DIGEST_SHA256, 32, 3},
    [ASSAY_SCHEME_RSA_PSS_SHA384] = {ASSAY_METHOD_RSA_PSS, ASSAY_KEY_RSA, ASSAY_DIGEST_SHA384, 48, 4},
    [ASSAY_SCHEME_RSA_PSS_SHA512] = {ASSAY_METHOD_RSA_PSS, ASSAY_KEY_RSA, ASSAY_DIGEST_SHA512, 64, 5},
    [ASSAY_SCHEME_ECDSA_P256_SHA256] = {ASSAY_METHOD_ECDSA, ASSAY_KEY_P256, ASSAY_DIGEST_SHA256, 32, 0},
    [ASSAY_SCHEME_ECDSA_P384_SHA384] = {ASSAY_METHOD_ECDSA, ASSAY_KEY_P384, ASSAY_DIGEST_SHA384, 48, 0},
    [ASSAY_SCHEME_ECDSA_P521_SHA512] = {ASSAY_METHOD_ECDSA, ASSAY_KEY_P521, ASSAY_DIGEST_SHA512, 64, 0},
    [ASSAY_SCHEME_ECDSA_K256_SHA256] = {ASSAY_METHOD_ECDSA, ASSAY_KEY_K256, ASSAY_DIGEST_SHA256, 32, 0},
    [ASSAY_SCHEME_ED25519] = {ASSAY_METHOD_EDDSA, ASSAY_KEY_ED25519, ASSAY_DIGEST_SHA512, 0, 0},
    [ASSAY_SCHEME_ED448] = {ASSAY_METHOD_EDDSA, ASSAY_KEY_ED448, ASSAY_DIGEST_SHAKE256_114, 0, 0},
    [ASSAY_SCHEME_HMAC_SHA256] = {ASSAY_METHOD_HMAC, ASSAY_KEY_SYMMETRIC, ASSAY_DIGEST_SHA256, 32, 0},
    [ASSAY_SCHEME_HMAC_SHA384] = {ASSAY_METHOD_HMAC, ASSAY_KEY_SYMMETRIC, ASSAY_DIGEST_SHA384, 48, 1},
    [ASSAY_SCHEME_HMAC_SHA512] = {ASSAY_METHOD_HMAC, ASSAY_KEY_SYMMETRIC, ASSAY_DIGEST_SHA512, 64, 2},
};

const assay_scheme_row *assay_scheme_row_of(assay_scheme scheme)
{
    return (unsigned)scheme < ASSAY_SCHEME_COUNT ? &scheme_rows[scheme] : NULL;
}

bool assay_verify_key_fits(const assay_verify_key *key, assay_scheme scheme)
{
    const assay_scheme_row *row = assay_scheme_row_of(scheme);
    if (row == NULL || row->kind != key->kind)
        return false;
    /* RFC 7518, section 3.2: "A key of the same size as the hash output … or larger MUST be used". */
    return row->method != ASSAY_METHOD_HMAC || key->secret_len >= row->hash_len;
}

/*
 * OpenSSL's answer as ours. 1 is the only yes. 0 is "wrong"; below 0 OpenSSL could not do its work. In either case a lack of memory in between
 * is told as such, as then nothing was decided.
 */
static int verdict_of(int answer, const assay_openssl_guard *guard)
{
    if (answer == 1)
        return ASSAY_OK;
    if (assay_openssl_lacked_memory(guard))
        return ASSAY_E_MEMORY;
    return answer == 0 ? ASSAY_E_SIGNATURE : ASSAY_E_CRYPTO;
}

typedef struct request {
    const assay_verify_key *key;
    const assay_scheme_row *row;
    const void *message;
    size_t message_len;
    const uint8_t *signature;
    size_t signature_len;
} request;

static bool hash_message(const request *r, EVP_MD_CTX *context, uint8_t *hash)
{
    return EVP_DigestInit_ex2(context, r->key->crypto->digests[r->row->digest], NULL) == 1 &&
           EVP_DigestUpdate(context, r->message, r->message_len) == 1 && EVP_DigestFinal_ex(context, hash, NULL) == 1;
}

static int verify_hashed(const request *r, assay_verify_context *context, const assay_openssl_guard *guard)
{
    uint8_t der[ASSAY_ECDSA_DER_MAX];
    const uint8_t *signature = r->signature;
    size_t signature_len = r->signature_len;
    if (r->row->method == ASSAY_METHOD_ECDSA) {
        signature_len = assay_ecdsa_der_write(r->signature, r->signature_len / 2, der);
        if (signature_len == 0)
            return ASSAY_E_SIGNATURE;
        signature = der;
    }
    uint8_t hash[64];
    if (!hash_message(r, context->digest, hash))
        return verdict_of(-1, guard);
    int answer = EVP_PKEY_verify(context->pkey, signature, signature_len, hash, r->row->hash_len);
    /* OpenSSL 3.0 calls it a failure of its own, not a wrong signature, where r and s lead to the point at infinity. */
    bool at_infinity = answer < 0 && r->row->method == ASSAY_METHOD_ECDSA;
    return verdict_of(at_infinity ? 0 : answer, guard);
}

static int verify_eddsa(const request *r, assay_verify_context *context, const assay_openssl_guard *guard)
{
    if (EVP_DigestVerifyInit_ex(context->digest, NULL, NULL, NULL, r->key->crypto->properties, r->key->pkey, NULL) != 1)
        return verdict_of(-1, guard);
    int answer = EVP_DigestVerify(context->digest, r->signature, r->signature_len, r->message, r->message_len);
    return verdict_of(answer, guard);
}

static int verify_hmac(const request *r, assay_verify_context *context, const assay_openssl_guard *guard)
{
    uint8_t tag[64];
    size_t tag_len = 0;
    /* No key: start anew with the one that the context holds. */
    if (EVP_MAC_init(context->mac, NULL, 0, NULL) != 1 ||
        EVP_MAC_update(context->mac, r->message, r->message_len) != 1 ||
        EVP_MAC_final(context->mac, tag, &tag_len, sizeof tag) != 1 || tag_len != r->row->hash_len)
        return verdict_of(-1, guard);
    bool equal = assay_crypto_equal(tag, r->signature, tag_len);
    assay_wipe(tag, sizeof tag); /* the right tag of a forged message is worth having */
    return equal ? ASSAY_OK : ASSAY_E_SIGNATURE;
}

static int verify_with(const request *r, assay_verify_context *context, const assay_openssl_guard *guard)
{
    switch (r->row->method) {
    case ASSAY_METHOD_RSA_PKCS1:
    case ASSAY_METHOD_RSA_PSS:
    case ASSAY_METHOD_ECDSA:
        return verify_hashed(r, context, guard);
    case ASSAY_METHOD_EDDSA:
        return verify_eddsa(r, context, guard);
    case ASSAY_METHOD_HMAC:
        return verify_hmac(r, context, guard);
    }
    return ASSAY_E_CRYPTO;
}

int assay_verify_key_verify(assay_verify_key *key, assay_scheme scheme, const void *message, size_t message_len,
                            const uint8_t *signature, size_t signature_len)
{
    if (!assay_verify_key_fits(key, scheme))
        return ASSAY_E_ALGORITHM_KEY;
    const assay_scheme_row *row = assay_scheme_row_of(scheme);
    /* The length is part of the signature: RFC 8017, section 8.2.2, step 1; RFC 7518, section 3.4; RFC 8032, section 5.1.7. */
    if (signature_len != (row->method == ASSAY_METHOD_HMAC ? row->hash_len : key->signature_len))
        return ASSAY_E_SIGNATURE;

    ASSAY_OPENSSL_GUARD(guard);
    ASSAY_CLEANUP(assay_verify_context_free_p) assay_verify_context *context = assay_verify_context_take(key, row);
    if (context == NULL)
        return verdict_of(-1, &guard);
    const request r = {key, row, message, message_len, signature, signature_len};
    int code = verify_with(&r, context, &guard);
    /* A context in which OpenSSL itself failed is not used again. */
    if (code == ASSAY_OK || code == ASSAY_E_SIGNATURE)
        assay_verify_context_give(key, row, ASSAY_STEAL(context));
    return code;
}
