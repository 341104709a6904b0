/* SPDX-License-Identifier: MIT */
/* Attacks 21 to 23 of the catalogue: RSA signatures of another form, made with the true key, so that nothing but the form is wrong. */
#include "dev_issuer_internal.h"
#include "support/trial.h"

#include <openssl/bn.h>
#include <openssl/rsa.h>
#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SIGNATURE 1024

static const char good[] = TRIAL_CLAIMS("");

/* A key whose private half the test holds. */
typedef struct signer {
    trial t;
    dev_key *key;
    char *input; /* what is signed */
} signer;

static void signer_open(signer *own, const char *algorithm)
{
    trial_open(&own->t, algorithm);
    own->key = dev_key_make(dev_algorithm_find(algorithm));
    assert_non_null(own->key);
    json_t *jwk = json_deep_copy(own->key->jwk);
    json_object_set_new(jwk, "kid", json_string("own"));
    char *text = json_dumps(jwk, 0), *header = trial_format("{\"alg\":\"%s\",\"kid\":\"own\"}", algorithm);
    trial_add_jwk(&own->t, text);
    char *left = mint_base64url(header, strlen(header)), *right = mint_base64url(good, strlen(good));
    own->input = trial_format("%s.%s", left, right);
    json_decref(jwk);
    free(text);
    free(header);
    free(left);
    free(right);
}

static void signer_close(signer *own)
{
    dev_key_free(own->key);
    free(own->input);
    trial_close(&own->t);
}

static void signer_try(signer *own, const uint8_t *signature, size_t len, int code)
{
    char *unsigned_token = trial_format("%s.", own->input);
    char *token = trial_with_signature(unsigned_token, signature, len);
    if (code == ASSAY_OK)
        trial_accept(&own->t, token);
    else
        trial_refuse(&own->t, token, code);
    free(unsigned_token);
}

/* The private operation on any block of the modulus' length. */
static size_t raw_rsa(signer *own, const uint8_t *block, size_t len, uint8_t *signature)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(own->key->pkey, NULL);
    size_t made = MAX_SIGNATURE;
    assert_true(EVP_PKEY_sign_init(context) > 0 && EVP_PKEY_CTX_set_rsa_padding(context, RSA_NO_PADDING) > 0);
    assert_true(EVP_PKEY_sign(context, signature, &made, block, len) > 0);
    EVP_PKEY_CTX_free(context);
    return made;
}

/* DigestInfo of SHA-256 with the NULL parameters, and without (RFC 8017, section 9.2 and appendix A.2.4). */
static const uint8_t info[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                               0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
static const uint8_t info_without_null[] = {0x30, 0x2f, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48,
                                            0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x04, 0x20};
static const uint8_t info_long_length[] = {0x30, 0x81, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48,
                                           0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
static const uint8_t info_sha1[] = {0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e,
                                    0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14};

/* 00 type FF… separator info hash garbage; @p fill bytes of FF, negative: as many as fit. */
static void build(uint8_t *block, size_t len, uint8_t type, int fill, uint8_t separator, const uint8_t *prefix,
                  size_t prefix_len, const uint8_t *hash)
{
    size_t tail = prefix_len + 32;
    size_t filled = fill < 0 ? len - 3 - tail : (size_t)fill;
    memset(block, 0x41, len);
    block[0] = 0;
    block[1] = type;
    memset(block + 2, 0xff, filled);
    block[2 + filled] = separator;
    memcpy(block + 3 + filled, prefix, prefix_len);
    memcpy(block + 3 + filled + prefix_len, hash, 32);
}

static void attack_21_lax_padding(void **state)
{
    (void)state;
    signer own;
    signer_open(&own, "RS256");
    uint8_t hash[32], block[256], signature[MAX_SIGNATURE];
    size_t hash_len = sizeof hash;
    assert_int_equal(EVP_Q_digest(NULL, "SHA256", NULL, own.input, strlen(own.input), hash, &hash_len), 1);
    static const struct {
        uint8_t type;
        int fill;
        uint8_t separator;
        const uint8_t *prefix;
        size_t prefix_len;
        int code;
    } rows[] = {
        {1, -1, 0, info, sizeof info, ASSAY_OK},
        {1, 8, 0, info, sizeof info, ASSAY_E_SIGNATURE}, /* Bleichenbacher 2006: garbage behind the hash */
        {1, 100, 0, info, sizeof info, ASSAY_E_SIGNATURE},
        {1, 0, 0, info, sizeof info, ASSAY_E_SIGNATURE},
        {2, -1, 0, info, sizeof info, ASSAY_E_SIGNATURE}, /* the padding of encryption */
        {0, -1, 0, info, sizeof info, ASSAY_E_SIGNATURE},
        {1, -1, 1, info, sizeof info, ASSAY_E_SIGNATURE},
        {1, -1, 0xff, info, sizeof info, ASSAY_E_SIGNATURE},
        {1, -1, 0, info_long_length, sizeof info_long_length, ASSAY_E_SIGNATURE}, /* BERserk */
        {1, -1, 0, info_sha1, sizeof info_sha1, ASSAY_E_SIGNATURE},
        {1, -1, 0, info, 0, ASSAY_E_SIGNATURE}, /* the hash alone */
        {1, -1, 0, info_without_null, sizeof info_without_null, ASSAY_E_SIGNATURE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        build(block, sizeof block, rows[i].type, rows[i].fill, rows[i].separator, rows[i].prefix, rows[i].prefix_len,
              hash);
        size_t len = raw_rsa(&own, block, sizeof block, signature);
        signer_try(&own, signature, len, rows[i].code);
    }
    build(block, sizeof block, 1, -1, 0, info, sizeof info, hash);
    block[40] = 0xfe; /* one byte of the padding */
    signer_try(&own, signature, raw_rsa(&own, block, sizeof block, signature), ASSAY_E_SIGNATURE);
    signer_close(&own);
}

static size_t sign_pss(signer *own, int salt, const char *hash, const char *mask_hash, uint8_t *signature)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key = NULL;
    size_t len = MAX_SIGNATURE;
    assert_int_equal(EVP_DigestSignInit_ex(context, &key, hash, NULL, NULL, own->key->pkey, NULL), 1);
    assert_true(EVP_PKEY_CTX_set_rsa_padding(key, RSA_PKCS1_PSS_PADDING) > 0);
    assert_true(EVP_PKEY_CTX_set_rsa_pss_saltlen(key, salt) > 0);
    assert_true(EVP_PKEY_CTX_set_rsa_mgf1_md_name(key, mask_hash, NULL) > 0);
    assert_int_equal(EVP_DigestSign(context, signature, &len, (const uint8_t *)own->input, strlen(own->input)), 1);
    EVP_MD_CTX_free(context);
    return len;
}

/* RFC 7518, section 3.5: the salt is as long as the hash, and the mask made with the same hash. */
static void attack_22_pss_parameters(void **state)
{
    (void)state;
    signer own;
    uint8_t signature[MAX_SIGNATURE];
    signer_open(&own, "PS256");
    static const int salts[] = {0, 1, 20, 31, 33, 64, RSA_PSS_SALTLEN_MAX};
    signer_try(&own, signature, sign_pss(&own, 32, "SHA256", "SHA256", signature), ASSAY_OK);
    for (size_t i = 0; i < sizeof salts / sizeof salts[0]; i++)
        signer_try(&own, signature, sign_pss(&own, salts[i], "SHA256", "SHA256", signature), ASSAY_E_SIGNATURE);
    static const char *const hashes[] = {"SHA1", "SHA384", "SHA512"};
    for (size_t i = 0; i < 3; i++) {
        signer_try(&own, signature, sign_pss(&own, 32, "SHA256", hashes[i], signature), ASSAY_E_SIGNATURE);
        signer_try(&own, signature, sign_pss(&own, 32, hashes[i], "SHA256", signature), ASSAY_E_SIGNATURE);
    }
    signer_close(&own);
    /* PSS where PKCS #1 v1.5 is named, with one key. */
    signer_open(&own, "RS256");
    signer_try(&own, signature, sign_pss(&own, 32, "SHA256", "SHA256", signature), ASSAY_E_SIGNATURE);
    signer_close(&own);
}

static void attack_23_rsa_range(void **state)
{
    (void)state;
    signer own;
    signer_open(&own, "RS256");
    uint8_t *made = NULL, out[MAX_SIGNATURE];
    size_t len;
    assert_true(dev_sign(own.key->algorithm, own.key->pkey, false, own.input, &made, &len));
    BIGNUM *n = NULL, *s = BN_bin2bn(made, (int)len, NULL), *changed = BN_new();
    assert_int_equal(EVP_PKEY_get_bn_param(own.key->pkey, "n", &n), 1);
    signer_try(&own, made, len, ASSAY_OK);
    assert_int_equal(BN_add(changed, s, n), 1);
    int bytes = BN_bn2bin(changed, out);
    signer_try(&own, out, (size_t)bytes, ASSAY_E_SIGNATURE); /* s + n, of 256 bytes or 257 */
    assert_int_equal(BN_bn2binpad(changed, out, 257), 257);
    signer_try(&own, out, 257, ASSAY_E_SIGNATURE);
    assert_int_equal(BN_sub(changed, n, s), 1);
    assert_int_equal(BN_bn2binpad(changed, out, 256), 256);
    signer_try(&own, out, 256, ASSAY_E_SIGNATURE); /* n - s */
    assert_int_equal(BN_bn2binpad(n, out, 256), 256);
    signer_try(&own, out, 256, ASSAY_E_SIGNATURE); /* n itself: zero */
    memset(out, 0, 256);
    signer_try(&own, out, 256, ASSAY_E_SIGNATURE);
    out[255] = 1;
    signer_try(&own, out, 256, ASSAY_E_SIGNATURE);
    memset(out, 0xff, 256);
    signer_try(&own, out, 256, ASSAY_E_SIGNATURE);
    BN_free(n);
    BN_free(s);
    BN_free(changed);
    free(made);
    signer_close(&own);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attack_21_lax_padding),
        cmocka_unit_test(attack_22_pss_parameters),
        cmocka_unit_test(attack_23_rsa_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
