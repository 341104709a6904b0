/* SPDX-License-Identifier: MIT */
#include "support/signing.h"

#include "base/base64url.h"
#include "support/client_keys.h"
#include "support/rsa_pool.h"

#include <assay/error.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MUST(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition);                              \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

static const struct {
    const char *name;
    assay_key_kind kind;
    const char *hash;
} scheme_rows[ASSAY_SCHEME_COUNT] = {
    [ASSAY_SCHEME_RSA_PKCS1_SHA256] = {"RS256", ASSAY_KEY_RSA, "SHA256"},
    [ASSAY_SCHEME_RSA_PKCS1_SHA384] = {"RS384", ASSAY_KEY_RSA, "SHA384"},
    [ASSAY_SCHEME_RSA_PKCS1_SHA512] = {"RS512", ASSAY_KEY_RSA, "SHA512"},
    [ASSAY_SCHEME_RSA_PSS_SHA256] = {"PS256", ASSAY_KEY_RSA, "SHA256"},
    [ASSAY_SCHEME_RSA_PSS_SHA384] = {"PS384", ASSAY_KEY_RSA, "SHA384"},
    [ASSAY_SCHEME_RSA_PSS_SHA512] = {"PS512", ASSAY_KEY_RSA, "SHA512"},
    [ASSAY_SCHEME_ECDSA_P256_SHA256] = {"ES256", ASSAY_KEY_P256, "SHA256"},
    [ASSAY_SCHEME_ECDSA_P384_SHA384] = {"ES384", ASSAY_KEY_P384, "SHA384"},
    [ASSAY_SCHEME_ECDSA_P521_SHA512] = {"ES512", ASSAY_KEY_P521, "SHA512"},
    [ASSAY_SCHEME_ECDSA_K256_SHA256] = {"ES256K", ASSAY_KEY_K256, "SHA256"},
    [ASSAY_SCHEME_ED25519] = {"Ed25519", ASSAY_KEY_ED25519, NULL},
    [ASSAY_SCHEME_ED448] = {"Ed448", ASSAY_KEY_ED448, NULL},
    [ASSAY_SCHEME_HMAC_SHA256] = {"HS256", ASSAY_KEY_SYMMETRIC, "SHA256"},
    [ASSAY_SCHEME_HMAC_SHA384] = {"HS384", ASSAY_KEY_SYMMETRIC, "SHA384"},
    [ASSAY_SCHEME_HMAC_SHA512] = {"HS512", ASSAY_KEY_SYMMETRIC, "SHA512"},
};

assay_key_kind test_kind_of(assay_scheme scheme)
{
    return scheme_rows[scheme].kind;
}

const char *test_scheme_name(assay_scheme scheme)
{
    return scheme_rows[scheme].name;
}

static const char *group_of(assay_key_kind kind)
{
    return kind == ASSAY_KEY_P256   ? "P-256"
           : kind == ASSAY_KEY_P384 ? "P-384"
           : kind == ASSAY_KEY_P521 ? "P-521"
           : kind == ASSAY_KEY_K256 ? "secp256k1"
                                    : NULL;
}

static size_t field_of(assay_key_kind kind)
{
    return kind == ASSAY_KEY_P384 ? 48 : kind == ASSAY_KEY_P521 ? 66 : 32;
}

test_signer *test_signer_new(assay_key_kind kind, unsigned bits)
{
    test_signer *signer = calloc(1, sizeof *signer);
    MUST(signer != NULL);
    signer->kind = kind;
    if (kind == ASSAY_KEY_SYMMETRIC) {
        signer->secret_len = bits / 8;
        MUST(signer->secret_len <= sizeof signer->secret);
        MUST(RAND_bytes(signer->secret, (int)signer->secret_len) == 1);
        return signer;
    }
    if (kind == ASSAY_KEY_RSA)
        signer->pkey = rsa_pool_take(bits);
    else if (kind == ASSAY_KEY_ED25519 || kind == ASSAY_KEY_ED448)
        signer->pkey = EVP_PKEY_Q_keygen(NULL, NULL, kind == ASSAY_KEY_ED25519 ? "ED25519" : "ED448");
    else
        signer->pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", group_of(kind));
    MUST(signer->pkey != NULL);
    return signer;
}

void test_signer_free(test_signer *signer)
{
    if (signer == NULL)
        return;
    EVP_PKEY_free(signer->pkey);
    free(signer);
}

static size_t to_halves(const uint8_t *der, size_t der_len, size_t half, uint8_t *signature)
{
    const uint8_t *next = der;
    ECDSA_SIG *parsed = d2i_ECDSA_SIG(NULL, &next, (long)der_len);
    MUST(parsed != NULL);
    MUST(BN_bn2binpad(ECDSA_SIG_get0_r(parsed), signature, (int)half) > 0);
    MUST(BN_bn2binpad(ECDSA_SIG_get0_s(parsed), signature + half, (int)half) > 0);
    ECDSA_SIG_free(parsed);
    return 2 * half;
}

size_t test_signer_sign(const test_signer *signer, assay_scheme scheme, const void *message, size_t len,
                        uint8_t *signature)
{
    const char *hash = scheme_rows[scheme].hash;
    size_t made = 0;
    if (signer->kind == ASSAY_KEY_SYMMETRIC) {
        MUST(EVP_Q_mac(NULL, "HMAC", NULL, hash, NULL, signer->secret, signer->secret_len, message, len, signature,
                       TEST_SIGNATURE_MAX, &made) != NULL);
        return made;
    }
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key = NULL;
    MUST(context != NULL);
    MUST(EVP_DigestSignInit_ex(context, &key, hash, NULL, NULL, signer->pkey, NULL) == 1);
    if (scheme >= ASSAY_SCHEME_RSA_PSS_SHA256 && scheme <= ASSAY_SCHEME_RSA_PSS_SHA512) {
        MUST(EVP_PKEY_CTX_set_rsa_padding(key, RSA_PKCS1_PSS_PADDING) > 0);
        MUST(EVP_PKEY_CTX_set_rsa_pss_saltlen(key, RSA_PSS_SALTLEN_DIGEST) > 0);
    }
    uint8_t raw[TEST_SIGNATURE_MAX];
    made = sizeof raw;
    MUST(EVP_DigestSign(context, raw, &made, message, len) == 1);
    EVP_MD_CTX_free(context);
    if (group_of(signer->kind) != NULL)
        return to_halves(raw, made, field_of(signer->kind), signature);
    memcpy(signature, raw, made);
    return made;
}

size_t test_number(const EVP_PKEY *pkey, const char *name, uint8_t *out, size_t size)
{
    BIGNUM *number = NULL;
    MUST(EVP_PKEY_get_bn_param(pkey, name, &number) == 1);
    MUST((size_t)BN_num_bytes(number) <= size);
    int len = BN_bn2bin(number, out);
    BN_free(number);
    return (size_t)len;
}

size_t test_point(const EVP_PKEY *pkey, uint8_t *x, uint8_t *y)
{
    uint8_t point[133];
    size_t len = 0;
    MUST(EVP_PKEY_get_octet_string_param(pkey, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &len) == 1);
    MUST(point[0] == 4);
    size_t half = (len - 1) / 2;
    memcpy(x, point + 1, half);
    memcpy(y, point + 1 + half, half);
    return half;
}

assay_verify_key *test_signer_key(const test_signer *signer, assay_crypto *crypto)
{
    assay_verify_key *key = NULL;
    const char *why = NULL;
    uint8_t a[1024], b[128];
    size_t len;
    int code = ASSAY_E_INTERNAL;
    if (signer->kind == ASSAY_KEY_SYMMETRIC) {
        code = assay_verify_key_new_symmetric(crypto, signer->secret, signer->secret_len, &key, &why);
    } else if (signer->kind == ASSAY_KEY_RSA) {
        len = test_number(signer->pkey, OSSL_PKEY_PARAM_RSA_N, a, sizeof a);
        size_t e_len = test_number(signer->pkey, OSSL_PKEY_PARAM_RSA_E, b, sizeof b);
        code = assay_verify_key_new_rsa(crypto, a, len, b, e_len, &key, &why);
    } else if (group_of(signer->kind) != NULL) {
        len = test_point(signer->pkey, a, b);
        code = assay_verify_key_new_ec(crypto, signer->kind, a, len, b, len, &key, &why);
    } else {
        len = sizeof a;
        MUST(EVP_PKEY_get_raw_public_key(signer->pkey, a, &len) == 1);
        code = assay_verify_key_new_okp(crypto, signer->kind, a, len, &key, &why);
    }
    MUST(code == ASSAY_OK);
    return key;
}

char *test_signer_jwk(const test_signer *signer, const char *members)
{
    uint8_t a[1024], b[128];
    char a_text[1400] = "", b_text[200] = "";
    char *text = NULL;
    const char *comma = members[0] == '\0' ? "" : ",";
    size_t len = sizeof a;
    int written = -1;
    if (signer->kind == ASSAY_KEY_SYMMETRIC) {
        assay_base64url_encode(signer->secret, signer->secret_len, a_text);
        written = asprintf(&text, "{%s%s\"kty\":\"oct\",\"k\":\"%s\"}", members, comma, a_text);
    } else if (signer->kind == ASSAY_KEY_RSA) {
        len = test_number(signer->pkey, OSSL_PKEY_PARAM_RSA_N, a, sizeof a);
        assay_base64url_encode(a, len, a_text);
        len = test_number(signer->pkey, OSSL_PKEY_PARAM_RSA_E, b, sizeof b);
        assay_base64url_encode(b, len, b_text);
        written = asprintf(&text, "{%s%s\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"%s\"}", members, comma, a_text, b_text);
    } else if (group_of(signer->kind) != NULL) {
        len = test_point(signer->pkey, a, b);
        assay_base64url_encode(a, len, a_text);
        assay_base64url_encode(b, len, b_text);
        written = asprintf(&text, "{%s%s\"kty\":\"EC\",\"crv\":\"%s\",\"x\":\"%s\",\"y\":\"%s\"}", members, comma,
                           group_of(signer->kind), a_text, b_text);
    } else {
        MUST(EVP_PKEY_get_raw_public_key(signer->pkey, a, &len) == 1);
        assay_base64url_encode(a, len, a_text);
        written = asprintf(&text, "{%s%s\"kty\":\"OKP\",\"crv\":\"%s\",\"x\":\"%s\"}", members, comma,
                           signer->kind == ASSAY_KEY_ED25519 ? "Ed25519" : "Ed448", a_text);
    }
    MUST(written > 0);
    return text;
}

assay_crypto *test_crypto;

int test_crypto_open(void **state)
{
    (void)state;
    return assay_crypto_new(NULL, &test_crypto);
}

int test_crypto_close(void **state)
{
    (void)state;
    assay_crypto_unref(test_crypto);
    test_crypto = NULL;
    return 0;
}

int test_crypto_open_with_keys(void **state)
{
    return client_keys_make(state) != 0 ? 1 : test_crypto_open(state);
}

int test_crypto_close_with_keys(void **state)
{
    (void)test_crypto_close(state);
    return client_keys_remove(state);
}
