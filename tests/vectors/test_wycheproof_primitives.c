/* SPDX-License-Identifier: MIT */
/* Wycheproof's signatures and MACs through the functions that check every token. */

#include "crypto/verify.h"
#include "support/signing.h"
#include "support/test_data.h"

#include <assay/error.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct tally {
    int run, skipped_count, failed;
    const char *reason; /* of what was skipped */
} tally;

/* The form that the summary reads. */
static void report(const char *name, const tally *t)
{
    if (t->skipped_count == 0)
        print_message("vectors: %s: %d ran, %d passed, 0 out of scope\n", name, t->run, t->run - t->failed);
    else
        print_message("vectors: %s: %d ran, %d passed, %d out of scope (%s: %d)\n", name, t->run, t->run - t->failed,
                      t->skipped_count, t->reason, t->skipped_count);
}

typedef struct file_row {
    const char *name;
    assay_scheme scheme;
    int run, skipped; /* what must come out; a change in the vectors is to be looked at */
} file_row;

static const file_row rows[] = {
    {"ecdsa_secp256r1_sha256_p1363_test.json", ASSAY_SCHEME_ECDSA_P256_SHA256, 262, 0},
    {"ecdsa_secp384r1_sha384_p1363_test.json", ASSAY_SCHEME_ECDSA_P384_SHA384, 280, 0},
    {"ecdsa_secp521r1_sha512_p1363_test.json", ASSAY_SCHEME_ECDSA_P521_SHA512, 318, 0},
    {"rsa_signature_2048_sha256_test.json", ASSAY_SCHEME_RSA_PKCS1_SHA256, 259, 0},
    {"rsa_signature_2048_sha384_test.json", ASSAY_SCHEME_RSA_PKCS1_SHA384, 258, 0},
    {"rsa_signature_2048_sha512_test.json", ASSAY_SCHEME_RSA_PKCS1_SHA512, 259, 0},
    {"rsa_pss_2048_sha256_mgf1_32_test.json", ASSAY_SCHEME_RSA_PSS_SHA256, 108, 0},
    {"rsa_pss_2048_sha384_mgf1_48_test.json", ASSAY_SCHEME_RSA_PSS_SHA384, 141, 0},
    {"rsa_pss_4096_sha512_mgf1_64_test.json", ASSAY_SCHEME_RSA_PSS_SHA512, 179, 0},
    {"ed25519_test.json", ASSAY_SCHEME_ED25519, 151, 0},
    {"ed448_test.json", ASSAY_SCHEME_ED448, 87, 0},
    {"hmac_sha256_test.json", ASSAY_SCHEME_HMAC_SHA256, 84, 90},
    {"hmac_sha384_test.json", ASSAY_SCHEME_HMAC_SHA384, 84, 90},
    {"hmac_sha512_test.json", ASSAY_SCHEME_HMAC_SHA512, 84, 90},
};

static assay_verify_key *rsa_key(const json_t *group, int *code, const char **why)
{
    const json_t *public_key = json_object_get(group, "publicKey");
    uint8_t n[1100], e[64];
    size_t n_len = test_hex(test_text(public_key, "modulus"), n, sizeof n);
    size_t e_len = test_hex(test_text(public_key, "publicExponent"), e, sizeof e);
    assay_verify_key *key = NULL;
    *code = assay_verify_key_new_rsa(test_crypto, n, n_len, e, e_len, &key, why);
    return key;
}

static assay_verify_key *ec_key(const json_t *group, assay_key_kind kind, int *code, const char **why)
{
    uint8_t point[140];
    size_t len = test_hex(test_text(json_object_get(group, "publicKey"), "uncompressed"), point, sizeof point);
    assert_true(len % 2 == 1 && point[0] == 4);
    size_t half = len / 2;
    assay_verify_key *key = NULL;
    *code = assay_verify_key_new_ec(test_crypto, kind, point + 1, half, point + 1 + half, half, &key, why);
    return key;
}

static assay_verify_key *okp_key(const json_t *group, assay_key_kind kind, int *code, const char **why)
{
    uint8_t x[64];
    size_t len = test_hex(test_text(json_object_get(group, "publicKey"), "pk"), x, sizeof x);
    assay_verify_key *key = NULL;
    *code = assay_verify_key_new_okp(test_crypto, kind, x, len, &key, why);
    return key;
}

static assay_verify_key *group_key(const json_t *group, assay_scheme scheme, int *code, const char **why)
{
    if (scheme <= ASSAY_SCHEME_RSA_PSS_SHA512)
        return rsa_key(group, code, why);
    if (scheme == ASSAY_SCHEME_ED25519 || scheme == ASSAY_SCHEME_ED448)
        return okp_key(group, scheme == ASSAY_SCHEME_ED25519 ? ASSAY_KEY_ED25519 : ASSAY_KEY_ED448, code, why);
    return ec_key(group,
                  scheme == ASSAY_SCHEME_ECDSA_P256_SHA256   ? ASSAY_KEY_P256
                  : scheme == ASSAY_SCHEME_ECDSA_P384_SHA384 ? ASSAY_KEY_P384
                                                             : ASSAY_KEY_P521,
                  code, why);
}

static void skip_case(tally *t, const char *reason)
{
    t->skipped_count++;
    t->reason = reason;
}

static void run_case(const file_row *row, assay_verify_key *key, const json_t *test, const char *signature_name,
                     tally *t)
{
    static uint8_t message[65536], signature[4096];
    size_t message_len = test_hex(test_text(test, "msg"), message, sizeof message);
    size_t signature_len = test_hex(test_text(test, signature_name), signature, sizeof signature);
    int code = assay_verify_key_verify(key, row->scheme, message, message_len, signature, signature_len);
    const char *result = test_text(test, "result");
    /* "acceptable" (PKCS #1 signatures whose DigestInfo lacks its NULL) may go either way, but not without a verdict. */
    bool right = strcmp(result, "valid") == 0     ? code == ASSAY_OK
                 : strcmp(result, "invalid") == 0 ? code == ASSAY_E_SIGNATURE
                                                  : code == ASSAY_OK || code == ASSAY_E_SIGNATURE;
    t->run++;
    if (!right) {
        t->failed++;
        print_error("%s, case %lld (%s): %s, but code %d\n", row->name,
                    (long long)json_integer_value(json_object_get(test, "tcId")), test_text(test, "comment"), result,
                    code);
    }
}

static void run_public_group(const file_row *row, const json_t *group, tally *t)
{
    int code;
    const char *why = NULL;
    assay_verify_key *key = group_key(group, row->scheme, &code, &why);
    size_t i;
    json_t *test;
    json_array_foreach(json_object_get(group, "tests"), i, test)
    {
        if (key == NULL)
            skip_case(t, why);
        else
            run_case(row, key, test, "sig", t);
    }
    assay_verify_key_unref(key);
}

static void run_mac_group(const file_row *row, const json_t *group, tally *t)
{
    json_int_t hash = row->scheme == ASSAY_SCHEME_HMAC_SHA256   ? 256
                      : row->scheme == ASSAY_SCHEME_HMAC_SHA384 ? 384
                                                                : 512;
    bool whole = json_integer_value(json_object_get(group, "tagSize")) == hash;
    bool fits = json_integer_value(json_object_get(group, "keySize")) >= hash;
    size_t i;
    json_t *test;
    json_array_foreach(json_object_get(group, "tests"), i, test)
    {
        uint8_t bytes[256];
        size_t len = test_hex(test_text(test, "key"), bytes, sizeof bytes);
        assay_verify_key *key = NULL;
        const char *why;
        assert_int_equal(assay_verify_key_new_symmetric(test_crypto, bytes, len, &key, &why), ASSAY_OK);
        if (!fits) {
            uint8_t tag[64] = {0};
            assert_int_equal(assay_verify_key_verify(key, row->scheme, "", 0, tag, (size_t)hash / 8),
                             ASSAY_E_ALGORITHM_KEY);
            skip_case(t, "truncated tag or key shorter than the hash");
        } else if (!whole) {
            skip_case(t, "truncated tag or key shorter than the hash");
        } else {
            run_case(row, key, test, "tag", t);
        }
        assay_verify_key_unref(key);
    }
}

static void run_file(void **state)
{
    const file_row *row = *state;
    if (!test_data_is_there())
        skip();
    char name[128];
    snprintf(name, sizeof name, "wycheproof/primitives/%s", row->name);
    json_t *file = test_data_json(name);
    assert_non_null(file);
    tally t = {0, 0, 0, ""};
    size_t i;
    json_t *group;
    json_array_foreach(json_object_get(file, "testGroups"), i, group)
    {
        if (row->scheme >= ASSAY_SCHEME_HMAC_SHA256)
            run_mac_group(row, group, &t);
        else
            run_public_group(row, group, &t);
    }
    report(row->name, &t);
    assert_int_equal(t.run + t.skipped_count, json_integer_value(json_object_get(file, "numberOfTests")));
    json_decref(file);
    assert_int_equal(t.failed, 0);
    assert_int_equal(t.run, row->run);
    assert_int_equal(t.skipped_count, row->skipped);
}

/* Salt lengths and hashes that JWS does not have: RFC 7518, section 3.5. */
static void pss_misc_is_out_of_scope(void **state)
{
    (void)state;
    if (!test_data_is_there())
        skip();
    json_t *file = test_data_json("wycheproof/primitives/rsa_pss_misc_test.json");
    assert_non_null(file);
    size_t i;
    int fitting = 0, other = 0;
    tally t = {0, 0, 0, ""};
    json_t *group;
    json_array_foreach(json_object_get(file, "testGroups"), i, group)
    {
        static const struct {
            const char *sha;
            json_int_t salt;
            assay_scheme scheme;
        } schemes[] = {{"SHA-256", 32, ASSAY_SCHEME_RSA_PSS_SHA256},
                       {"SHA-384", 48, ASSAY_SCHEME_RSA_PSS_SHA384},
                       {"SHA-512", 64, ASSAY_SCHEME_RSA_PSS_SHA512}};
        const char *sha = test_text(group, "sha");
        json_int_t salt = json_integer_value(json_object_get(group, "sLen"));
        int code;
        const char *why;
        assay_verify_key *key = rsa_key(group, &code, &why);
        for (size_t s = 0; s < sizeof schemes / sizeof schemes[0] && key != NULL; s++) {
            bool same = strcmp(sha, schemes[s].sha) == 0 && strcmp(sha, test_text(group, "mgfSha")) == 0 &&
                        salt == schemes[s].salt;
            size_t j;
            json_t *test;
            json_array_foreach(json_object_get(group, "tests"), j, test)
            {
                static uint8_t message[4096], signature[2048];
                size_t len = test_hex(test_text(test, "msg"), message, sizeof message);
                size_t signature_len = test_hex(test_text(test, "sig"), signature, sizeof signature);
                int got = assay_verify_key_verify(key, schemes[s].scheme, message, len, signature, signature_len);
                if (same && strcmp(test_text(test, "result"), "valid") == 0) {
                    assert_int_equal(got, ASSAY_OK);
                    fitting++;
                } else {
                    /* A right signature with other parameters must not pass for one of ours. */
                    assert_int_equal(got, ASSAY_E_SIGNATURE);
                    other++;
                }
            }
        }
        t.skipped_count += key == NULL;
        assay_verify_key_unref(key);
    }
    print_message(
        "rsa_pss_misc_test.json: %d fitting verified, %d checks with other parameters refused, %d keys unfit\n",
        fitting, other, t.skipped_count);
    json_decref(file);
    assert_true(other > 0);
}

int main(void)
{
    struct CMUnitTest tests[sizeof rows / sizeof rows[0] + 1];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        tests[i] = (struct CMUnitTest){rows[i].name, run_file, NULL, NULL, (void *)(uintptr_t)&rows[i]};
    tests[sizeof rows / sizeof rows[0]] = (struct CMUnitTest)cmocka_unit_test(pss_misc_is_out_of_scope);
    return cmocka_run_group_tests(tests, test_crypto_open, test_crypto_close);
}
