/* SPDX-License-Identifier: MIT */
/* Every scheme: what is accepted, and that everything else is not. Numbers name the attacks of the catalogue. */

#include "crypto/ecdsa_der.h"
#include "support/pace.h"
#include "support/signing.h"

#include <assay/error.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/rsa.h>

static assay_crypto *crypto;
static test_signer *signers[ASSAY_KEY_SYMMETRIC + 1];
static assay_verify_key *keys[ASSAY_KEY_SYMMETRIC + 1];
static const char message[] = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJtZSJ9";
#define MESSAGE_LEN (sizeof message - 1)

static int set_up(void **state)
{
    (void)state;
    if (assay_crypto_new(NULL, &crypto) != ASSAY_OK)
        return -1;
    for (int kind = 0; kind <= ASSAY_KEY_SYMMETRIC; kind++) {
        signers[kind] = test_signer_new((assay_key_kind)kind, kind == ASSAY_KEY_RSA ? 2048 : 512);
        keys[kind] = test_signer_key(signers[kind], crypto);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (int kind = 0; kind <= ASSAY_KEY_SYMMETRIC; kind++) {
        test_signer_free(signers[kind]);
        assay_verify_key_unref(keys[kind]);
    }
    assay_crypto_unref(crypto);
    return 0;
}

static int verify(assay_scheme scheme, const void *bytes, size_t len, const uint8_t *signature, size_t signature_len)
{
    return assay_verify_key_verify(keys[test_kind_of(scheme)], scheme, bytes, len, signature, signature_len);
}

static size_t sign(assay_scheme scheme, uint8_t *signature)
{
    return test_signer_sign(signers[test_kind_of(scheme)], scheme, message, MESSAGE_LEN, signature);
}

#define FOR_EACH_SCHEME(scheme)                                                                                        \
    for (assay_scheme scheme = 0; scheme < ASSAY_SCHEME_COUNT; scheme = (assay_scheme)(scheme + 1))

static void every_scheme_accepts_its_signature(void **state)
{
    (void)state;
    static const size_t lengths[ASSAY_SCHEME_COUNT] = {256, 256, 256, 256, 256, 256, 64, 96,
                                                       132, 64,  64,  114, 32,  48,  64};
    FOR_EACH_SCHEME(scheme)
    {
        uint8_t signature[TEST_SIGNATURE_MAX];
        size_t len = sign(scheme, signature);
        assert_int_equal(len, lengths[scheme]);
        assert_int_equal(verify(scheme, message, MESSAGE_LEN, signature, len), ASSAY_OK);
        assert_int_equal(verify(scheme, message, MESSAGE_LEN - 1, signature, len), ASSAY_E_SIGNATURE);
        assert_int_equal(verify(scheme, "", 0, signature, len), ASSAY_E_SIGNATURE);
    }
}

static void empty_and_long_messages(void **state)
{
    (void)state;
    static char long_message[300000];
    memset(long_message, 'x', sizeof long_message);
    FOR_EACH_SCHEME(scheme)
    {
        uint8_t signature[TEST_SIGNATURE_MAX];
        const test_signer *signer = signers[test_kind_of(scheme)];
        size_t len = test_signer_sign(signer, scheme, "", 0, signature);
        assert_int_equal(verify(scheme, "", 0, signature, len), ASSAY_OK);
        len = test_signer_sign(signer, scheme, long_message, sizeof long_message, signature);
        assert_int_equal(verify(scheme, long_message, sizeof long_message, signature, len), ASSAY_OK);
        assert_int_equal(verify(scheme, long_message, sizeof long_message - 1, signature, len), ASSAY_E_SIGNATURE);
    }
}

static void every_flipped_bit_is_refused(void **state)
{
    (void)state;
    FOR_EACH_SCHEME(scheme)
    {
        uint8_t signature[TEST_SIGNATURE_MAX];
        size_t len = sign(scheme, signature), step = pace_stride(97);
        for (size_t bit = 0; bit < len * 8; bit += step) {
            signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
            if (verify(scheme, message, MESSAGE_LEN, signature, len) != ASSAY_E_SIGNATURE)
                fail_msg("%s: bit %zu", test_scheme_name(scheme), bit);
            signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        assert_int_equal(verify(scheme, message, MESSAGE_LEN, signature, len), ASSAY_OK);
    }
}

/* 19: wrong lengths. */
static void every_other_length_is_refused(void **state)
{
    (void)state;
    FOR_EACH_SCHEME(scheme)
    {
        uint8_t signature[TEST_SIGNATURE_MAX + 2] = {0};
        size_t len = sign(scheme, signature + 1), step = pace_stride(31);
        for (size_t cut = 0; cut < len; cut += step) {
            assert_int_equal(verify(scheme, message, MESSAGE_LEN, signature + 1, cut), ASSAY_E_SIGNATURE);
            assert_int_equal(verify(scheme, message, MESSAGE_LEN, signature + 1 + len - cut, cut), ASSAY_E_SIGNATURE);
        }
        signature[len + 1] = 0;
        assert_int_equal(verify(scheme, message, MESSAGE_LEN, signature + 1, len + 1), ASSAY_E_SIGNATURE);
        assert_int_equal(verify(scheme, message, MESSAGE_LEN, signature, len + 1), ASSAY_E_SIGNATURE);
        signature[len + 1] = 0x41;
        assert_int_equal(verify(scheme, message, MESSAGE_LEN, signature + 1, len + 1), ASSAY_E_SIGNATURE);
    }
}

/* A prepared context is used again after a failure: it must neither say yes nor no for ever. */
static void good_and_bad_in_turn(void **state)
{
    (void)state;
    FOR_EACH_SCHEME(scheme)
    {
        uint8_t good[TEST_SIGNATURE_MAX], bad[TEST_SIGNATURE_MAX];
        size_t len = sign(scheme, good);
        for (size_t turn = 0; turn < pace_rounds(1000); turn++) {
            memcpy(bad, good, len);
            switch (turn % 4) {
            case 0: /* one bit, moving through all of it */
                bad[turn % len] ^= (uint8_t)(1 << turn % 8);
                break;
            case 1:
                memset(bad, 0, len);
                break;
            case 2:
                memset(bad, 0xff, len);
                break;
            default: /* the first half only */
                memset(bad + len / 2, 0, len - len / 2);
                break;
            }
            if (verify(scheme, message, MESSAGE_LEN, bad, len) != ASSAY_E_SIGNATURE)
                fail_msg("%s: bad, turn %zu", test_scheme_name(scheme), turn);
            if (verify(scheme, message, MESSAGE_LEN, good, len) != ASSAY_OK)
                fail_msg("%s: good, turn %zu", test_scheme_name(scheme), turn);
        }
    }
}

/* 1, 5: a scheme that does not fit the key is no verdict. */
static void wrong_scheme_for_the_key(void **state)
{
    (void)state;
    uint8_t signature[TEST_SIGNATURE_MAX] = {1};
    for (int kind = 0; kind <= ASSAY_KEY_SYMMETRIC; kind++) {
        FOR_EACH_SCHEME(scheme)
        {
            bool fits = (int)test_kind_of(scheme) == kind;
            assert_int_equal(assay_verify_key_fits(keys[kind], scheme), fits);
            int code = assay_verify_key_verify(keys[kind], scheme, message, MESSAGE_LEN, signature, 64);
            assert_int_equal(code, fits ? ASSAY_E_SIGNATURE : ASSAY_E_ALGORITHM_KEY);
        }
        assert_false(assay_verify_key_fits(keys[kind], ASSAY_SCHEME_COUNT));
        assert_false(assay_verify_key_fits(keys[kind], (assay_scheme)-1));
    }
}

static void a_signature_of_another_scheme_is_refused(void **state)
{
    (void)state;
    FOR_EACH_SCHEME(made)
    {
        uint8_t signature[TEST_SIGNATURE_MAX];
        size_t len = sign(made, signature);
        FOR_EACH_SCHEME(scheme)
        {
            if (scheme != made && test_kind_of(scheme) == test_kind_of(made))
                assert_int_equal(verify(scheme, message, MESSAGE_LEN, signature, len), ASSAY_E_SIGNATURE);
        }
    }
}

static void another_key_refuses(void **state)
{
    (void)state;
    FOR_EACH_SCHEME(scheme)
    {
        if (test_kind_of(scheme) == ASSAY_KEY_RSA && scheme != ASSAY_SCHEME_RSA_PKCS1_SHA256)
            continue; /* one RSA key is enough to wait for */
        test_signer *other = test_signer_new(test_kind_of(scheme), test_kind_of(scheme) == ASSAY_KEY_RSA ? 2048 : 512);
        uint8_t signature[TEST_SIGNATURE_MAX];
        size_t len = test_signer_sign(other, scheme, message, MESSAGE_LEN, signature);
        assert_int_equal(verify(scheme, message, MESSAGE_LEN, signature, len), ASSAY_E_SIGNATURE);
        test_signer_free(other);
    }
}

/* 22: PSS with another salt length or MGF hash. */
static void pss_parameters_are_fixed(void **state)
{
    (void)state;
    static const struct {
        int salt;
        const char *mgf;
        int expected;
    } cases[] = {
        {32, "SHA256", ASSAY_OK},          {0, "SHA256", ASSAY_E_SIGNATURE},  {20, "SHA256", ASSAY_E_SIGNATURE},
        {31, "SHA256", ASSAY_E_SIGNATURE}, {33, "SHA256", ASSAY_E_SIGNATURE}, {222, "SHA256", ASSAY_E_SIGNATURE},
        {32, "SHA1", ASSAY_E_SIGNATURE},   {32, "SHA512", ASSAY_E_SIGNATURE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        EVP_PKEY_CTX *key = NULL;
        uint8_t signature[256];
        size_t len = sizeof signature;
        assert_int_equal(EVP_DigestSignInit_ex(context, &key, "SHA256", NULL, NULL, signers[ASSAY_KEY_RSA]->pkey, NULL),
                         1);
        assert_true(EVP_PKEY_CTX_set_rsa_padding(key, RSA_PKCS1_PSS_PADDING) > 0);
        assert_true(EVP_PKEY_CTX_set_rsa_mgf1_md_name(key, cases[i].mgf, NULL) > 0);
        assert_true(EVP_PKEY_CTX_set_rsa_pss_saltlen(key, cases[i].salt) > 0);
        assert_int_equal(EVP_DigestSign(context, signature, &len, (const uint8_t *)message, MESSAGE_LEN), 1);
        EVP_MD_CTX_free(context);
        assert_int_equal(verify(ASSAY_SCHEME_RSA_PSS_SHA256, message, MESSAGE_LEN, signature, len), cases[i].expected);
    }
}

/* 23: s + n and n - s. */
static void rsa_signature_outside_its_range(void **state)
{
    (void)state;
    uint8_t signature[TEST_SIGNATURE_MAX], n_bytes[256], changed[257];
    size_t len = sign(ASSAY_SCHEME_RSA_PKCS1_SHA256, signature);
    size_t n_len = test_number(signers[ASSAY_KEY_RSA]->pkey, OSSL_PKEY_PARAM_RSA_N, n_bytes, sizeof n_bytes);
    BIGNUM *n = BN_bin2bn(n_bytes, (int)n_len, NULL), *s = BN_bin2bn(signature, (int)len, NULL), *sum = BN_new();
    BN_add(sum, s, n);
    size_t sum_len = BN_num_bytes(sum) > 256 ? 257 : 256;
    BN_bn2binpad(sum, changed, (int)sum_len);
    assert_int_equal(verify(ASSAY_SCHEME_RSA_PKCS1_SHA256, message, MESSAGE_LEN, changed, sum_len), ASSAY_E_SIGNATURE);
    BN_sub(sum, n, s);
    BN_bn2binpad(sum, changed, 256);
    assert_int_equal(verify(ASSAY_SCHEME_RSA_PKCS1_SHA256, message, MESSAGE_LEN, changed, 256), ASSAY_E_SIGNATURE);
    /* n itself, and zero */
    assert_int_equal(verify(ASSAY_SCHEME_RSA_PKCS1_SHA256, message, MESSAGE_LEN, n_bytes, 256), ASSAY_E_SIGNATURE);
    memset(changed, 0, sizeof changed);
    assert_int_equal(verify(ASSAY_SCHEME_RSA_PKCS1_SHA256, message, MESSAGE_LEN, changed, 256), ASSAY_E_SIGNATURE);
    assert_int_equal(verify(ASSAY_SCHEME_RSA_PSS_SHA256, message, MESSAGE_LEN, changed, 256), ASSAY_E_SIGNATURE);
    BN_free(n);
    BN_free(s);
    BN_free(sum);
}

/* 17, 20, 23: r and s are in 1 to order - 1; (r, order - s) is another spelling of a right signature. */
static void ecdsa_range(void **state)
{
    (void)state;
    static const struct {
        assay_scheme scheme;
        int nid;
        int half;
    } curves[] = {
        {ASSAY_SCHEME_ECDSA_P256_SHA256, NID_X9_62_prime256v1, 32},
        {ASSAY_SCHEME_ECDSA_P384_SHA384, NID_secp384r1, 48},
        {ASSAY_SCHEME_ECDSA_P521_SHA512, NID_secp521r1, 66},
        {ASSAY_SCHEME_ECDSA_K256_SHA256, NID_secp256k1, 32},
    };
    for (size_t i = 0; i < sizeof curves / sizeof curves[0]; i++) {
        EC_GROUP *group = EC_GROUP_new_by_curve_name(curves[i].nid);
        const BIGNUM *order = EC_GROUP_get0_order(group);
        BIGNUM *values[8];
        for (size_t v = 0; v < 8; v++)
            values[v] = BN_new();
        BN_zero(values[0]);
        BN_one(values[1]);
        BN_sub(values[2], order, BN_value_one());
        BN_copy(values[3], order);
        BN_add(values[4], order, BN_value_one());
        BN_lshift1(values[5], order);
        BN_lshift(values[6], BN_value_one(), curves[i].half * 8);
        BN_sub_word(values[6], 1); /* all ones */
        BN_set_bit(values[7], curves[i].half * 8 - 1);
        uint8_t signature[TEST_SIGNATURE_MAX];
        size_t len = (size_t)curves[i].half * 2;
        for (size_t r = 0; r < 8; r++) {
            for (size_t s = 0; s < 8; s++) {
                if (BN_bn2binpad(values[r], signature, curves[i].half) < 0 ||
                    BN_bn2binpad(values[s], signature + curves[i].half, curves[i].half) < 0)
                    continue; /* twice the order does not fit */
                assert_int_equal(verify(curves[i].scheme, message, MESSAGE_LEN, signature, len), ASSAY_E_SIGNATURE);
            }
        }
        sign(curves[i].scheme, signature);
        BN_bin2bn(signature + curves[i].half, curves[i].half, values[0]);
        BN_sub(values[1], order, values[0]);
        BN_bn2binpad(values[1], signature + curves[i].half, curves[i].half);
        assert_int_equal(verify(curves[i].scheme, message, MESSAGE_LEN, signature, len), ASSAY_OK);
        for (size_t v = 0; v < 8; v++)
            BN_free(values[v]);
        EC_GROUP_free(group);
    }
}

/* 18: DER where the halves are meant. */
static void ecdsa_der_is_not_accepted(void **state)
{
    (void)state;
    uint8_t signature[TEST_SIGNATURE_MAX], der[ASSAY_ECDSA_DER_MAX];
    sign(ASSAY_SCHEME_ECDSA_P256_SHA256, signature);
    size_t len = assay_ecdsa_der_write(signature, 32, der);
    assert_true(len >= 68);
    assert_int_equal(verify(ASSAY_SCHEME_ECDSA_P256_SHA256, message, MESSAGE_LEN, der, len), ASSAY_E_SIGNATURE);
}

static void der_is_minimal(void **state)
{
    (void)state;
    uint8_t der[ASSAY_ECDSA_DER_MAX], halves[2 * ASSAY_ECDSA_HALF_MAX] = {0};
    halves[31] = 1;
    halves[32] = 0x80;
    assert_int_equal(assay_ecdsa_der_write(halves, 32, der), 2 + 3 + 35);
    assert_memory_equal(der, "\x30\x26\x02\x01\x01\x02\x21\x00\x80\x00", 10);
    memset(halves, 0xff, sizeof halves);
    assert_int_equal(assay_ecdsa_der_write(halves, 66, der), ASSAY_ECDSA_DER_MAX);
    assert_memory_equal(der, "\x30\x81\x8a\x02\x43\x00\xff", 7);
    assert_int_equal(assay_ecdsa_der_write(halves, 0, der), 0);
    assert_int_equal(assay_ecdsa_der_write(halves, 67, der), 0);
    memset(halves, 0, 32);
    assert_int_equal(assay_ecdsa_der_write(halves, 32, der), 0);
}

/* 14: RFC 7518, section 3.2. */
static void hmac_key_as_long_as_the_hash(void **state)
{
    (void)state;
    static const size_t lengths[] = {32, 48, 64};
    for (int i = 0; i < 3; i++) {
        assay_scheme scheme = (assay_scheme)(ASSAY_SCHEME_HMAC_SHA256 + i);
        test_signer *enough = test_signer_new(ASSAY_KEY_SYMMETRIC, (unsigned)lengths[i] * 8);
        test_signer *less = test_signer_new(ASSAY_KEY_SYMMETRIC, (unsigned)lengths[i] * 8 - 8);
        assay_verify_key *enough_key = test_signer_key(enough, crypto), *less_key = test_signer_key(less, crypto);
        uint8_t tag[TEST_SIGNATURE_MAX];
        size_t len = test_signer_sign(less, scheme, message, MESSAGE_LEN, tag);
        assert_int_equal(assay_verify_key_verify(less_key, scheme, message, MESSAGE_LEN, tag, len),
                         ASSAY_E_ALGORITHM_KEY);
        len = test_signer_sign(enough, scheme, message, MESSAGE_LEN, tag);
        assert_int_equal(assay_verify_key_verify(enough_key, scheme, message, MESSAGE_LEN, tag, len), ASSAY_OK);
        test_signer_free(enough);
        test_signer_free(less);
        assay_verify_key_unref(enough_key);
        assay_verify_key_unref(less_key);
    }
}

static void the_error_queue_is_the_hosts(void **state)
{
    (void)state;
    FOR_EACH_SCHEME(scheme)
    {
        uint8_t signature[TEST_SIGNATURE_MAX];
        size_t len = sign(scheme, signature);
        ERR_clear_error();
        signature[0] ^= 1;
        signature[len - 1] ^= 1;
        assert_int_equal(verify(scheme, message, MESSAGE_LEN, signature, len), ASSAY_E_SIGNATURE);
        assert_int_equal(ERR_peek_error(), 0);
        ERR_raise(ERR_LIB_USER, 42);
        assert_int_equal(verify(scheme, message, MESSAGE_LEN, signature, len), ASSAY_E_SIGNATURE);
        assert_int_equal(ERR_GET_REASON(ERR_get_error()), 42);
        assert_int_equal(ERR_get_error(), 0);
    }
}

static void digests_and_small_things(void **state)
{
    (void)state;
    static const struct {
        assay_digest digest;
        size_t len;
        const char *start; /* of the digest of "abc": FIPS 180-4 and 202 */
    } cases[] = {
        {ASSAY_DIGEST_SHA1, 20, "\xa9\x99\x3e\x36"},          {ASSAY_DIGEST_SHA256, 32, "\xba\x78\x16\xbf"},
        {ASSAY_DIGEST_SHA384, 48, "\xcb\x00\x75\x3f"},        {ASSAY_DIGEST_SHA512, 64, "\xdd\xaf\x35\xa1"},
        {ASSAY_DIGEST_SHAKE256_114, 114, "\x48\x33\x66\x60"},
    };
    uint8_t out[ASSAY_DIGEST_MAX];
    size_t len;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(assay_crypto_digest(crypto, cases[i].digest, "abc", 3, out, &len), ASSAY_OK);
        assert_int_equal(len, cases[i].len);
        assert_memory_equal(out, cases[i].start, 4);
    }
    assert_true(assay_crypto_equal("abc", "abc", 3));
    assert_false(assay_crypto_equal("abc", "abd", 3));
    assert_true(assay_crypto_equal("abc", "abd", 0));
    uint8_t first[32] = {0}, second[32] = {0};
    assert_true(assay_crypto_random(first, sizeof first));
    assert_true(assay_crypto_random(second, sizeof second));
    assert_memory_not_equal(first, second, sizeof first);
    assert_non_null(strstr(assay_crypto_version(), "OpenSSL"));
}

static void property_queries(void **state)
{
    (void)state;
    assay_crypto *made = NULL;
    ERR_clear_error();
    assert_int_equal(assay_crypto_new("provider=nobody", &made), ASSAY_E_CRYPTO);
    assert_null(made);
    /* OpenSSL 3.0 itself would take these as no query at all. */
    static const char *const broken[] = {"=",     "fips=yes,,", "provider=default fips=yes",
                                         "fips=", "fips=yes,=", "fips='yes"};
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        assert_int_equal(assay_crypto_new(broken[i], &made), ASSAY_E_CRYPTO);
        assert_null(made);
    }
    assert_int_equal(ERR_peek_error(), 0);
    assert_int_equal(assay_crypto_new("provider=default", &made), ASSAY_OK);
    FOR_EACH_SCHEME(scheme)
    {
        uint8_t signature[TEST_SIGNATURE_MAX];
        assay_verify_key *key = test_signer_key(signers[test_kind_of(scheme)], made);
        size_t len = sign(scheme, signature);
        assert_int_equal(assay_verify_key_verify(key, scheme, message, MESSAGE_LEN, signature, len), ASSAY_OK);
        assay_verify_key_unref(key);
    }
    assay_crypto_unref(assay_crypto_ref(made));
    assay_crypto_unref(made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_scheme_accepts_its_signature),
        cmocka_unit_test(empty_and_long_messages),
        cmocka_unit_test(every_flipped_bit_is_refused),
        cmocka_unit_test(every_other_length_is_refused),
        cmocka_unit_test(good_and_bad_in_turn),
        cmocka_unit_test(wrong_scheme_for_the_key),
        cmocka_unit_test(a_signature_of_another_scheme_is_refused),
        cmocka_unit_test(another_key_refuses),
        cmocka_unit_test(pss_parameters_are_fixed),
        cmocka_unit_test(rsa_signature_outside_its_range),
        cmocka_unit_test(ecdsa_range),
        cmocka_unit_test(ecdsa_der_is_not_accepted),
        cmocka_unit_test(der_is_minimal),
        cmocka_unit_test(hmac_key_as_long_as_the_hash),
        cmocka_unit_test(the_error_queue_is_the_hosts),
        cmocka_unit_test(digests_and_small_things),
        cmocka_unit_test(property_queries),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
