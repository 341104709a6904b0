/* SPDX-License-Identifier: MIT */
/* Which numbers are a key (K23; attacks 25 to 28). */

#include "base/limits.h"
#include "support/signing.h"

#include <assay/error.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/x509.h>

/* An odd number of exactly so many bits; nothing here needs its factors. */
static size_t modulus_of(size_t bits, uint8_t *out)
{
    size_t len = (bits + 7) / 8;
    assert_true(assay_crypto_random(out, len));
    out[0] = (uint8_t)(out[0] & (0xff >> (8 * len - bits)));
    out[0] = (uint8_t)(out[0] | 1u << ((bits - 1) % 8));
    out[len - 1] |= 1;
    return len;
}

static int rsa(const uint8_t *n, size_t n_len, const char *e, size_t e_len, const char *sentence)
{
    assay_verify_key *key = (assay_verify_key *)1;
    const char *why = NULL;
    ERR_clear_error();
    int code = assay_verify_key_new_rsa(test_crypto, n, n_len, (const uint8_t *)e, e_len, &key, &why);
    assert_int_equal(ERR_peek_error(), 0);
    if (code == ASSAY_OK) {
        assert_non_null(key);
        assert_null(why);
        assert_null(sentence);
    } else {
        assert_null(key);
        assert_non_null(why);
        assert_non_null(sentence);
        if (strstr(why, sentence) == NULL)
            fail_msg("\"%s\" says nothing of \"%s\"", why, sentence);
    }
    assay_verify_key_unref(key);
    return code;
}

static void k23_rsa_sizes(void **state)
{
    (void)state;
    static const struct {
        size_t bits;
        const char *sentence;
    } cases[] = {
        {8, "smaller than 2048"},
        {512, "smaller than 2048"},
        {1024, "smaller than 2048"},
        {2047, "smaller than 2048"},
        {2048, NULL},
        {2049, NULL},
        {3072, NULL},
        {4096, NULL},
        {8191, NULL},
        {8192, NULL},
        {8193, "larger than 8192"},
        {16384, "larger than 8192"},
        {32768, "larger than 8192"},
    };
    uint8_t n[4097];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t len = modulus_of(cases[i].bits, n);
        assert_int_equal(rsa(n, len, "\1\0\1", 3, cases[i].sentence),
                         cases[i].sentence == NULL ? ASSAY_OK : ASSAY_E_CONFIG_KEYS);
    }
    assert_int_equal(rsa(n, 0, "\1\0\1", 3, "smaller than 2048"), ASSAY_E_CONFIG_KEYS);
    /* Leading zero octets make no key larger. */
    memset(n, 0, sizeof n);
    modulus_of(1024, n + 128);
    assert_int_equal(rsa(n, 256, "\1\0\1", 3, "smaller than 2048"), ASSAY_E_CONFIG_KEYS);
    modulus_of(2048, n + 1);
    n[0] = 0;
    assert_int_equal(rsa(n, 257, "\0\1\0\1", 4, NULL), ASSAY_OK);
    n[256] &= 0xfe;
    assert_int_equal(rsa(n, 257, "\0\1\0\1", 4, "even"), ASSAY_E_CONFIG_KEYS);
}

static void k23_rsa_exponents(void **state)
{
    (void)state;
    uint8_t n[256];
    size_t len = modulus_of(2048, n);
    static const struct {
        const char *e;
        size_t len;
        const char *sentence;
    } cases[] = {
        {"", 0, "smaller than 3"},
        {"\0", 1, "smaller than 3"},
        {"\1", 1, "smaller than 3"},
        {"\0\0\1", 3, "smaller than 3"},
        {"\2", 1, "even"},
        {"\1\0\0", 3, "even"},
        {"\3", 1, NULL},
        {"\1\0\1", 3, NULL},
        {"\xff\xff\xff\xff", 4, NULL},
        {"\1\0\0\0\1", 5, NULL},             /* 2^32 + 1: 33 bits */
        {"\1\xff\xff\xff\xff", 5, NULL},     /* 33 bits */
        {"\2\0\0\0\1", 5, "larger than 33"}, /* 34 bits */
        {"\1\0\0\0\0\1", 6, "larger than 33"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(rsa(n, len, cases[i].e, cases[i].len, cases[i].sentence),
                         cases[i].sentence == NULL ? ASSAY_OK : ASSAY_E_CONFIG_KEYS);
    /* As large as the modulus. */
    assert_int_equal(rsa(n, len, (const char *)n, len, "larger than 33"), ASSAY_E_CONFIG_KEYS);
}

static void rsa_key_says_what_it_is(void **state)
{
    (void)state;
    uint8_t n[300];
    size_t len = modulus_of(2050, n);
    assay_verify_key *key = NULL;
    const char *why;
    assert_int_equal(assay_verify_key_new_rsa(test_crypto, n, len, (const uint8_t *)"\3", 1, &key, &why), ASSAY_OK);
    assert_int_equal(assay_verify_key_kind(key), ASSAY_KEY_RSA);
    assert_int_equal(assay_verify_key_bits(key), 2050);
    /* A modulus of 2050 bits has 257 octets, and so has a signature. */
    uint8_t signature[257] = {0};
    assert_int_equal(assay_verify_key_verify(key, ASSAY_SCHEME_RSA_PKCS1_SHA256, "", 0, signature, 256),
                     ASSAY_E_SIGNATURE);
    assert_int_equal(assay_verify_key_verify(key, ASSAY_SCHEME_RSA_PKCS1_SHA256, "", 0, signature, 257),
                     ASSAY_E_SIGNATURE);
    assay_verify_key_unref(key);
    assay_verify_key_unref(NULL);
    assert_null(assay_verify_key_ref(NULL));
}

static int ec(assay_key_kind kind, const uint8_t *x, size_t x_len, const uint8_t *y, size_t y_len, const char *sentence)
{
    assay_verify_key *key = (assay_verify_key *)1;
    const char *why = NULL;
    ERR_clear_error();
    int code = assay_verify_key_new_ec(test_crypto, kind, x, x_len, y, y_len, &key, &why);
    assert_int_equal(ERR_peek_error(), 0);
    if (code == ASSAY_OK) {
        assert_null(sentence);
        assert_int_equal(assay_verify_key_kind(key), kind);
    } else {
        assert_null(key);
        assert_non_null(sentence);
        if (strstr(why, sentence) == NULL)
            fail_msg("\"%s\" says nothing of \"%s\"", why, sentence);
    }
    assay_verify_key_unref(key);
    return code;
}

static void k23_ec_points(void **state)
{
    (void)state;
    static const struct {
        assay_key_kind kind;
        size_t field;
        unsigned bits;
        const char *prime;
    } curves[] = {
        {ASSAY_KEY_P256, 32, 256, "FFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF"},
        {ASSAY_KEY_P384, 48, 384,
         "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEFFFFFFFF0000000000000000FFFFFFFF"},
        {ASSAY_KEY_P521, 66, 521, NULL}, /* 2^521 - 1 */
        {ASSAY_KEY_K256, 32, 256, "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEFFFFFC2F"},
    };
    for (size_t i = 0; i < sizeof curves / sizeof curves[0]; i++) {
        assay_key_kind kind = curves[i].kind;
        size_t field = curves[i].field;
        test_signer *signer = test_signer_new(kind, 0);
        uint8_t x[80] = {0}, y[80] = {0}, p[80] = {0}, zero[80] = {0}, z[81] = {0};
        assert_int_equal(test_point(signer->pkey, x, y), field);
        assert_int_equal(ec(kind, x, field, y, field, NULL), ASSAY_OK);
        assay_verify_key *key = test_signer_key(signer, test_crypto);
        assert_int_equal(assay_verify_key_bits(key), curves[i].bits);
        assay_verify_key_unref(key);
        test_signer_free(signer);

        /* short, long, absent */
        assert_int_equal(ec(kind, x, field - 1, y, field, "length"), ASSAY_E_CONFIG_KEYS);
        assert_int_equal(ec(kind, x, field, y, field - 1, "length"), ASSAY_E_CONFIG_KEYS);
        assert_int_equal(ec(kind, x, field, y, 0, "length"), ASSAY_E_CONFIG_KEYS);
        memcpy(z + 1, x, field);
        assert_int_equal(ec(kind, z, field + 1, y, field, "length"), ASSAY_E_CONFIG_KEYS);
        /* infinity, as some write it */
        assert_int_equal(ec(kind, zero, field, zero, field, "not on the curve"), ASSAY_E_CONFIG_KEYS);
        /* off the curve */
        y[field - 1] ^= 1;
        assert_int_equal(ec(kind, x, field, y, field, "not on the curve"), ASSAY_E_CONFIG_KEYS);
        y[field - 1] ^= 1;
        /* exchanged */
        assert_int_equal(ec(kind, y, field, x, field, "not on the curve"), ASSAY_E_CONFIG_KEYS);
        /* coordinates not below the prime; x = p stands for x = 0, which is on the NIST curves */
        BIGNUM *prime = NULL;
        if (curves[i].prime != NULL) {
            assert_true(BN_hex2bn(&prime, curves[i].prime) > 0);
        } else {
            prime = BN_new();
            BN_set_bit(prime, 521);
            BN_sub_word(prime, 1);
        }
        assert_int_equal(BN_num_bits(prime), curves[i].bits);
        assert_true(BN_bn2binpad(prime, p, (int)field) > 0);
        assert_int_equal(ec(kind, p, field, y, field, "not below"), ASSAY_E_CONFIG_KEYS);
        assert_int_equal(ec(kind, x, field, p, field, "not below"), ASSAY_E_CONFIG_KEYS);
        memset(p, 0xff, field);
        assert_int_equal(ec(kind, p, field, y, field, "not below"), ASSAY_E_CONFIG_KEYS);
        BN_free(prime);
    }
    uint8_t x[32] = {0};
    assert_int_equal(ec(ASSAY_KEY_RSA, x, 32, x, 32, "not a curve"), ASSAY_E_CONFIG_KEYS);
    assert_int_equal(ec(ASSAY_KEY_ED25519, x, 32, x, 32, "not a curve"), ASSAY_E_CONFIG_KEYS);
}

/* The point x = 0 of P-256, and the same with x = p: RFC 7518 has one spelling for it. */
static void coordinates_are_reduced(void **state)
{
    (void)state;
    uint8_t x[32] = {0}, y[32], p[32];
    BIGNUM *prime = NULL, *b = NULL;
    BN_CTX *context = BN_CTX_new();
    BN_hex2bn(&prime, "FFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF");
    BN_hex2bn(&b, "5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B");
    BIGNUM *root = BN_mod_sqrt(NULL, b, prime, context);
    assert_non_null(root);
    BN_bn2binpad(root, y, 32);
    BN_bn2binpad(prime, p, 32);
    assert_int_equal(ec(ASSAY_KEY_P256, x, 32, y, 32, NULL), ASSAY_OK);
    assert_int_equal(ec(ASSAY_KEY_P256, p, 32, y, 32, "not below"), ASSAY_E_CONFIG_KEYS);
    BN_free(root);
    BN_free(prime);
    BN_free(b);
    BN_CTX_free(context);
}

static int okp(assay_key_kind kind, const uint8_t *x, size_t len, const char *sentence)
{
    assay_verify_key *key = (assay_verify_key *)1;
    const char *why = NULL;
    int code = assay_verify_key_new_okp(test_crypto, kind, x, len, &key, &why);
    if (code == ASSAY_OK)
        assert_null(sentence);
    else if (sentence == NULL || strstr(why, sentence) == NULL)
        fail_msg("\"%s\" says nothing of \"%s\"", why, sentence == NULL ? "success" : sentence);
    assay_verify_key_unref(key);
    return code;
}

static void okp_lengths(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        assay_key_kind kind = i == 0 ? ASSAY_KEY_ED25519 : ASSAY_KEY_ED448;
        test_signer *signer = test_signer_new(kind, 0);
        uint8_t x[64] = {0};
        size_t len = sizeof x;
        assert_int_equal(EVP_PKEY_get_raw_public_key(signer->pkey, x, &len), 1);
        assert_int_equal(okp(kind, x, len, NULL), ASSAY_OK);
        assert_int_equal(okp(kind, x, len - 1, "bytes"), ASSAY_E_CONFIG_KEYS);
        assert_int_equal(okp(kind, x, len + 1, "bytes"), ASSAY_E_CONFIG_KEYS);
        assert_int_equal(okp(kind, x, 0, "bytes"), ASSAY_E_CONFIG_KEYS);
        assert_int_equal(okp(i == 0 ? ASSAY_KEY_ED448 : ASSAY_KEY_ED25519, x, len, "bytes"), ASSAY_E_CONFIG_KEYS);
        assert_int_equal(okp(ASSAY_KEY_P256, x, len, "not a curve"), ASSAY_E_CONFIG_KEYS);
        test_signer_free(signer);
    }
}

/* Under such a key OpenSSL 3.0 takes R = the neutral point, S = 0 as a signature of any message. */
static void okp_small_order(void **state)
{
    (void)state;
    static const char *const points25519[] = {"\1", "", /* y = 1, y = 0 */
                                              "\xec\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
                                              "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
                                              "\xff\xff\xff\x7f",
                                              "\x26\xe8\x95\x8f\xc2\xb2\x27\xb0\x45\xc3\xf4\x89\xf2\xef\x98\xf0\xd5\xdf"
                                              "\xac\x05\xd3\xc6\x33\x39\xb1\x38\x02\x88"
                                              "\x6d\x53\xfc\x05",
                                              "\xc7\x17\x6a\x70\x3d\x4d\xd8\x4f\xba\x3c\x0b\x76\x0d\x10\x67\x0f\x2a\x20"
                                              "\x53\xfa\x2c\x39\xcc\xc6\x4e\xc7\xfd\x77"
                                              "\x92\xac\x03\x7a"};
    for (size_t i = 0; i < sizeof points25519 / sizeof points25519[0]; i++) {
        uint8_t x[32] = {0};
        memcpy(x, points25519[i], strlen(points25519[i]));
        assert_int_equal(okp(ASSAY_KEY_ED25519, x, 32, "small order"), ASSAY_E_CONFIG_KEYS);
        x[31] ^= 0x80;
        assert_int_equal(okp(ASSAY_KEY_ED25519, x, 32, "small order"), ASSAY_E_CONFIG_KEYS);
    }
    /* not canonical: p and above */
    uint8_t x[57];
    memset(x, 0xff, sizeof x);
    x[31] = 0x7f;
    for (unsigned low = 0xed; low <= 0xff; low++) {
        x[0] = (uint8_t)low;
        assert_int_equal(okp(ASSAY_KEY_ED25519, x, 32, "canonical"), ASSAY_E_CONFIG_KEYS);
    }
    /* below p it is an ordinary number */
    x[0] = 0xeb;
    assert_int_equal(okp(ASSAY_KEY_ED25519, x, 32, NULL), ASSAY_OK);

    for (unsigned y = 0; y <= 1; y++) {
        memset(x, 0, sizeof x);
        x[0] = (uint8_t)y;
        assert_int_equal(okp(ASSAY_KEY_ED448, x, 57, "small order"), ASSAY_E_CONFIG_KEYS);
        x[56] = 0x80;
        assert_int_equal(okp(ASSAY_KEY_ED448, x, 57, "small order"), ASSAY_E_CONFIG_KEYS);
        x[56] = 1;
        assert_int_equal(okp(ASSAY_KEY_ED448, x, 57, "canonical"), ASSAY_E_CONFIG_KEYS);
    }
    memset(x, 0xff, 56); /* 2^448 - 1 */
    x[56] = 0;
    assert_int_equal(okp(ASSAY_KEY_ED448, x, 57, "canonical"), ASSAY_E_CONFIG_KEYS);
    x[28] = 0xfe; /* p */
    assert_int_equal(okp(ASSAY_KEY_ED448, x, 57, "canonical"), ASSAY_E_CONFIG_KEYS);
    x[0] = 0xfe; /* p - 1 */
    assert_int_equal(okp(ASSAY_KEY_ED448, x, 57, "small order"), ASSAY_E_CONFIG_KEYS);
    x[0] = 0xfd;
    assert_int_equal(okp(ASSAY_KEY_ED448, x, 57, NULL), ASSAY_OK);
}

/* The fact that the check above rests on; where a later OpenSSL refuses, nothing is lost. */
static void openssl_and_the_neutral_point(void **state)
{
    (void)state;
    uint8_t x[32] = {1}, signature[64] = {1};
    EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, x, sizeof x);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    int made = EVP_DigestVerifyInit_ex(context, NULL, NULL, NULL, NULL, pkey, NULL);
    int answer = made == 1 ? EVP_DigestVerify(context, signature, sizeof signature, (const uint8_t *)"any", 3) : -1;
    print_message("OpenSSL verifies a forgery under the neutral point: %s\n", answer == 1 ? "yes" : "no");
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(pkey);
    ERR_clear_error();
}

static void symmetric_lengths(void **state)
{
    (void)state;
    static const uint8_t bytes[ASSAY_LIMIT_SYMMETRIC_BYTES + 1] = {1};
    assay_verify_key *key = NULL;
    const char *why = NULL;
    assert_int_equal(assay_verify_key_new_symmetric(test_crypto, bytes, 0, &key, &why), ASSAY_E_CONFIG_KEYS);
    assert_non_null(strstr(why, "empty"));
    assert_null(key);
    assert_int_equal(assay_verify_key_new_symmetric(test_crypto, bytes, sizeof bytes, &key, &why), ASSAY_E_CONFIG_KEYS);
    assert_non_null(strstr(why, "longer"));
    assert_int_equal(assay_verify_key_new_symmetric(test_crypto, bytes, sizeof bytes - 1, &key, &why), ASSAY_OK);
    assert_int_equal(assay_verify_key_bits(key), ASSAY_LIMIT_SYMMETRIC_BYTES * 8);
    assay_verify_key_unref(key);
    assert_int_equal(assay_verify_key_new_symmetric(test_crypto, bytes, 1, &key, &why), ASSAY_OK);
    for (int scheme = ASSAY_SCHEME_HMAC_SHA256; scheme <= ASSAY_SCHEME_HMAC_SHA512; scheme++)
        assert_false(assay_verify_key_fits(key, (assay_scheme)scheme));
    assay_verify_key_unref(key);
}

/* A self-signed certificate for a key, in DER. */
static int certificate_for(const test_signer *signer, uint8_t **der)
{
    X509 *certificate = X509_new();
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -7200);
    X509_gmtime_adj(X509_getm_notAfter(certificate), -3600); /* expired: not looked at (K26) */
    X509_set_pubkey(certificate, signer->pkey);
    bool edwards = signer->kind == ASSAY_KEY_ED25519 || signer->kind == ASSAY_KEY_ED448;
    assert_true(X509_sign(certificate, signer->pkey, edwards ? NULL : EVP_sha256()) > 0);
    int len = i2d_X509(certificate, der);
    X509_free(certificate);
    return len;
}

static void k26_certificates(void **state)
{
    (void)state;
    static const assay_key_kind kinds[] = {ASSAY_KEY_RSA, ASSAY_KEY_P256, ASSAY_KEY_P521, ASSAY_KEY_ED25519};
    const char *why = NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        test_signer *signer = test_signer_new(kinds[i], 2048), *other = test_signer_new(kinds[i], 2048);
        assay_verify_key *key = test_signer_key(signer, test_crypto), *other_key = test_signer_key(other, test_crypto);
        uint8_t *der = NULL;
        size_t len = (size_t)certificate_for(signer, &der);
        ERR_clear_error();
        assert_int_equal(assay_verify_key_matches_certificate(key, der, len, &why), ASSAY_OK);
        assert_null(why);
        assert_int_equal(assay_verify_key_matches_certificate(other_key, der, len, &why), ASSAY_E_CONFIG_KEYS);
        assert_non_null(strstr(why, "another key"));
        for (size_t cut = 0; cut < len; cut += 7) {
            assert_int_equal(assay_verify_key_matches_certificate(key, der, cut, &why), ASSAY_E_CONFIG_KEYS);
            assert_non_null(strstr(why, "readable"));
        }
        uint8_t longer[4096];
        memcpy(longer, der, len);
        longer[len] = 0;
        assert_int_equal(assay_verify_key_matches_certificate(key, longer, len + 1, &why), ASSAY_E_CONFIG_KEYS);
        assert_non_null(strstr(why, "after"));
        assert_int_equal(ERR_peek_error(), 0);
        OPENSSL_free(der);
        assay_verify_key_unref(key);
        assay_verify_key_unref(other_key);
        test_signer_free(signer);
        test_signer_free(other);
    }
    static const uint8_t zeros[ASSAY_LIMIT_X5C_BYTES + 1];
    assay_verify_key *secret = NULL;
    assert_int_equal(assay_verify_key_new_symmetric(test_crypto, (const uint8_t *)"k", 1, &secret, &why), ASSAY_OK);
    assert_int_equal(assay_verify_key_matches_certificate(secret, zeros, 3, &why), ASSAY_E_CONFIG_KEYS);
    assay_verify_key_unref(secret);
    test_signer *signer = test_signer_new(ASSAY_KEY_P256, 0);
    assay_verify_key *key = test_signer_key(signer, test_crypto);
    assert_int_equal(assay_verify_key_matches_certificate(key, zeros, sizeof zeros, &why), ASSAY_E_CONFIG_KEYS);
    assert_non_null(strstr(why, "longer"));
    assay_verify_key_unref(key);
    test_signer_free(signer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(k23_rsa_sizes),           cmocka_unit_test(k23_rsa_exponents),
        cmocka_unit_test(rsa_key_says_what_it_is), cmocka_unit_test(k23_ec_points),
        cmocka_unit_test(coordinates_are_reduced), cmocka_unit_test(okp_lengths),
        cmocka_unit_test(okp_small_order),         cmocka_unit_test(openssl_and_the_neutral_point),
        cmocka_unit_test(symmetric_lengths),       cmocka_unit_test(k26_certificates),
    };
    return cmocka_run_group_tests(tests, test_crypto_open, test_crypto_close);
}
