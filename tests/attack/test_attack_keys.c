/* SPDX-License-Identifier: MIT */
/* Attacks 25 to 28 of the catalogue: keys that must not be used. */
#include "dev_issuer_internal.h"
#include "support/trial.h"

#include <openssl/bn.h>
#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

/* A key is skipped with a reason, and its set can't make an issuer. */
static void refuse_key(char *jwk)
{
    assay_keyset *keys = NULL;
    assay_issuer *issuer = NULL;
    must_ok(assay_keyset_new(NULL, &keys, NULL));
    must_ok(assay_keyset_add_json(keys, jwk, strlen(jwk), NULL));
    if (assay_keyset_count(keys) != 0)
        fail_msg("accepted: %s", jwk);
    assert_int_equal(assay_keyset_skipped_count(keys), 1);
    assert_true(strlen(assay_keyset_skip_reason(keys, 0)) > 10);
    must_ok(assay_issuer_new(TRIAL_ISSUER, &issuer, NULL));
    must_fail(assay_issuer_set_keys(issuer, keys, &error), ASSAY_E_CONFIG_KEYS);
    assay_issuer_free(issuer);
    assay_keyset_unref(keys);
    free(jwk);
}

static size_t count_usable(char *jwk)
{
    assay_keyset *keys = NULL;
    must_ok(assay_keyset_new(NULL, &keys, NULL));
    must_ok(assay_keyset_add_json(keys, jwk, strlen(jwk), NULL));
    size_t count = assay_keyset_count(keys);
    assay_keyset_unref(keys);
    free(jwk);
    return count;
}

/* An RSA key of any size: only its number counts here, so an odd one does. */
static char *rsa_of_bits(size_t bits, const char *e)
{
    size_t len = (bits + 7) / 8;
    uint8_t *n = malloc(len);
    assert_non_null(n);
    memset(n, 0xa5, len);
    n[0] = (uint8_t)(1u << (bits - 1) % 8);
    n[len - 1] |= 1;
    char *text = mint_base64url(n, len);
    char *jwk = trial_format("{\"kty\":\"RSA\",\"kid\":\"r\",\"n\":\"%s\",\"e\":\"%s\"}", text, e);
    free(text);
    free(n);
    return jwk;
}

static void attack_25_rsa_key_tiny(void **state)
{
    (void)state;
    static const size_t bits[] = {8, 512, 768, 1024, 1536, 2040, 2047};
    for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++)
        refuse_key(rsa_of_bits(bits[i], "AQAB"));
    assert_int_equal(count_usable(rsa_of_bits(2048, "AQAB")), 1);
}

static void attack_26_rsa_key_huge(void **state)
{
    (void)state;
    static const size_t bits[] = {8193, 8200, 16384, 32768, 262144};
    for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++)
        refuse_key(rsa_of_bits(bits[i], "AQAB"));
    assert_int_equal(count_usable(rsa_of_bits(8192, "AQAB")), 1);
}

static void attack_27_rsa_exponent(void **state)
{
    (void)state;
    /* 0, 1, 2, 65536, even, 2^33+1, 64 bits, empty, no base64url, and a list of what is no text */
    static const char *const bad[] = {"AA",   "AQ", "Ag", "AQAA", "BA",    "AgAAAAE", "________",
                                      "AAAB", "",   "A",  "A-B/", "AQAB=", "65537"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        refuse_key(rsa_of_bits(2048, bad[i]));
    assert_int_equal(count_usable(rsa_of_bits(2048, "Aw")), 1); /* 3 */
    assert_int_equal(count_usable(rsa_of_bits(2048, "AQAB")), 1);
    static const char *const types[] = {"65537", "null", "[\"AQAB\"]", "{}", "true"};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        char *jwk = rsa_of_bits(2048, "AQAB");
        *strstr(jwk, ",\"e\"") = '\0';
        refuse_key(trial_format("%s,\"e\":%s}", jwk, types[i]));
        refuse_key(trial_format("%s}", jwk));
        free(jwk);
    }
}

/* With e = 1 the padded hash is its own signature. */
static void attack_27_exponent_one_forgery(void **state)
{
    (void)state;
    trial t;
    trial_open(&t, "RS256");
    char *bare = trial_format("%s", mint_key_bare_jwk(t.key));
    char *n = strstr(bare, "\"n\":\"") + 5;
    n[strcspn(n, "\"")] = '\0';
    char *jwk = trial_format("{\"kty\":\"RSA\",\"kid\":\"one\",\"n\":\"%s\",\"e\":\"AQ\"}", n);
    trial_add_jwk(&t, jwk);
    trial_refuse(&t, trial_token(&t, "{\"alg\":\"RS256\",\"kid\":\"one\"}", TRIAL_CLAIMS("")), ASSAY_E_KEY_UNKNOWN);
    free(jwk);
    free(bare);
    trial_close(&t);
}

static char *ec(const char *crv, const uint8_t *x, size_t x_len, const uint8_t *y, size_t y_len)
{
    char *x_text = mint_base64url(x, x_len), *y_text = mint_base64url(y, y_len);
    char *jwk =
        trial_format("{\"kty\":\"EC\",\"kid\":\"e\",\"crv\":\"%s\",\"x\":\"%s\",\"y\":\"%s\"}", crv, x_text, y_text);
    free(x_text);
    free(y_text);
    return jwk;
}

static void read_point(const mint_key *key, uint8_t *x, uint8_t *y, size_t *len)
{
    size_t der_len;
    const uint8_t *der = mint_key_der(key, &der_len);
    /* SubjectPublicKeyInfo ends with 04 x y. */
    size_t half = *len;
    assert_int_equal(der[der_len - 2 * half - 1], 4);
    memcpy(x, der + der_len - 2 * half, half);
    memcpy(y, der + der_len - half, half);
}

static void attack_28_ec_point(void **state)
{
    (void)state;
    static const struct {
        const char *algorithm, *crv, *other;
        size_t len;
    } rows[] = {{"ES256", "P-256", "secp256k1", 32},
                {"ES384", "P-384", "P-256", 48},
                {"ES512", "P-521", "P-384", 66},
                {"ES256K", "secp256k1", "P-256", 32}};
    for (size_t i = 0; i < 4; i++) {
        mint_key *key = mint_key_new(rows[i].algorithm, "e");
        uint8_t x[67] = {0}, y[67] = {0}, changed[67] = {0}, zero[67] = {0}, ones[67];
        size_t len = rows[i].len;
        const char *crv = rows[i].crv;
        memset(ones, 0xff, sizeof ones);
        read_point(key, x, y, &len);
        assert_int_equal(count_usable(ec(crv, x, len, y, len)), 1);
        memcpy(changed, y, len);
        changed[len - 1] ^= 1;
        refuse_key(ec(crv, x, len, changed, len)); /* off the curve */
        refuse_key(ec(crv, y, len, x, len));
        refuse_key(ec(crv, zero, len, zero, len)); /* what some write for infinity */
        refuse_key(ec(crv, ones, len, ones, len)); /* beyond the field */
        refuse_key(ec(crv, x, len, ones, len));
        refuse_key(ec(crv, x, len, zero, len));
        refuse_key(ec(crv, x, len - 1, y, len)); /* short and long */
        refuse_key(ec(crv, x, len, y, len - 1));
        memmove(changed + 1, x, len);
        changed[0] = 0;
        refuse_key(ec(crv, changed, len + 1, y, len));
        refuse_key(ec(crv, x, 0, y, len));
        refuse_key(ec(rows[i].other, x, len, y, len)); /* of another curve */
        refuse_key(ec("P-192", x, len, y, len));
        refuse_key(ec("p-256", x, len, y, len));
        refuse_key(ec("Ed25519", x, len, y, len));
        refuse_key(trial_format("{\"kty\":\"EC\",\"crv\":\"%s\",\"d\":\"AQAB\",%s", crv,
                                strstr(mint_key_bare_jwk(key), "\"x\"")));
        mint_key_free(key);
    }
}

static void attack_28_okp_key(void **state)
{
    (void)state;
    mint_key *key = mint_key_new("Ed25519", "o");
    char *x = mint_base64url("123456789012345678901234567890123", 33);
    refuse_key(trial_format("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%s\"}", x));
    refuse_key(trial_format("{\"kty\":\"OKP\",\"crv\":\"Ed448\",\"x\":\"%s\"}", x));
    refuse_key(trial_format("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"\"}"));
    refuse_key(trial_format("{\"kty\":\"OKP\",\"crv\":\"Ed25519\"}"));
    refuse_key(trial_format("{\"kty\":\"OKP\",\"crv\":\"X25519\",%s", strstr(mint_key_bare_jwk(key), "\"x\"")));
    refuse_key(trial_format("{\"kty\":\"EC\",\"crv\":\"Ed25519\",%s", strstr(mint_key_bare_jwk(key), "\"x\"")));
    free(x);
    mint_key_free(key);
}

/* A key for another purpose, or a private one, is no key. */
static void attack_28_key_of_another_purpose(void **state)
{
    (void)state;
    static const char *const members[] = {
        "\"use\":\"enc\"",
        "\"use\":\"Sig\"",
        "\"use\":1",
        "\"key_ops\":[\"sign\"]",
        "\"key_ops\":[]",
        "\"key_ops\":\"verify\"",
        "\"key_ops\":[\"verify\",\"verify\"]",
        "\"key_ops\":[1]",
        "\"d\":\"AQAB\"",
        "\"p\":\"AQAB\"",
        "\"oth\":[]",
        "\"k\":\"AQAB\"",
        "\"kid\":1",
        "\"alg\":1",
        "\"x5c\":[\"AAAA\"]",
        "\"x5c\":\"AAAA\"",
        "\"x5c\":[]",
        "\"x5c\":[1]",
    };
    mint_key *key = mint_key_new("RS256", "k");
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        refuse_key(trial_format("{%s,%s", members[i], mint_key_bare_jwk(key) + 1));
    assert_int_equal(
        count_usable(trial_format("{\"use\":\"sig\",\"key_ops\":[\"verify\"],%s", mint_key_bare_jwk(key) + 1)), 1);
    mint_key_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attack_25_rsa_key_tiny),
        cmocka_unit_test(attack_26_rsa_key_huge),
        cmocka_unit_test(attack_27_rsa_exponent),
        cmocka_unit_test(attack_27_exponent_one_forgery),
        cmocka_unit_test(attack_28_ec_point),
        cmocka_unit_test(attack_28_okp_key),
        cmocka_unit_test(attack_28_key_of_another_purpose),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
