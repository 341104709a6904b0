/* SPDX-License-Identifier: MIT */
/* assay/jws.h: the signature alone, looking without verifying, and the claims object. */
#include "support/trial.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static void refuse(const assay_keyset *keys, const char *algorithms, char *jws, int wanted)
{
    uint8_t *payload = (uint8_t *)(uintptr_t)1;
    size_t len = 1;
    assay_error *error = NULL;
    int code = assay_jws_verify(keys, algorithms, jws, strlen(jws), &payload, &len, &error);
    if (code != wanted || assay_error_code(error) != wanted)
        fail_msg("%s instead of %s", assay_code_name(code), assay_code_name(wanted));
    assert_null(payload);
    assert_int_equal(len, 0);
    trial_error_is_clean(error, jws, strlen(jws), __FILE__, __LINE__);
    assay_error_free(error);
    assert_int_equal(assay_jws_verify(keys, algorithms, jws, strlen(jws), &payload, &len, NULL), wanted);
    free(jws);
}

static void accept(const assay_keyset *keys, const char *algorithms, char *jws, const void *expected,
                   size_t expected_len)
{
    uint8_t *payload = NULL;
    size_t len = 0;
    must_ok(assay_jws_verify(keys, algorithms, jws, strlen(jws), &payload, &len, NULL));
    assert_int_equal(len, expected_len);
    assert_memory_equal(payload, expected, len);
    assay_bytes_free(payload, len);
    free(jws);
}

static void any_payload(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0, 1, 0xff, '{', 0};
    trial t;
    trial_open(&t, "ES256");
    static const char *const headers[] = {"{\"alg\":\"ES256\"}", "{\"alg\":\"ES256\",\"kid\":\"k\"}",
                                          "{\"alg\":\"ES256\",\"typ\":\"logout+jwt\"}"};
    for (size_t i = 0; i < 3; i++) {
        accept(t.keys, "ES256", mint_sign_bytes(t.key, "ES256", headers[i], strlen(headers[i]), bytes, sizeof bytes),
               bytes, sizeof bytes);
        accept(t.keys, "  RS256 ES256  ", mint_sign(t.key, "ES256", headers[i], "text"), "text", 4);
        accept(t.keys, "ES256", mint_sign(t.key, "ES256", headers[i], ""), "", 0);
    }
    trial_close(&t);
}

static void refusals(void **state)
{
    (void)state;
    trial t;
    trial_open(&t, "ES256");
    mint_key *other = mint_key_new("ES256", "k");
    static const char *const lists[] = {"",      " ",           "none",         "ES256 none",
                                        "es256", "ES256,RS256", "ES256\tRS256", "HS256x"};
    for (size_t i = 0; i < COUNT_OF(lists); i++)
        refuse(t.keys, lists[i], mint_token(t.key, "{}"), ASSAY_E_CONFIG_ALGORITHM);
    refuse(t.keys, "RS256", mint_token(t.key, "{}"), ASSAY_E_ALGORITHM);
    refuse(t.keys, "ES256", mint_token(other, "{}"), ASSAY_E_SIGNATURE);
    refuse(t.keys, "ES256", mint_sign(t.key, "ES256", "{\"alg\":\"ES256\",\"kid\":\"K\"}", "{}"), ASSAY_E_KEY_UNKNOWN);
    refuse(t.keys, "ES256", mint_sign(t.key, "ES256", "{\"alg\":\"none\"}", "{}"), ASSAY_E_ALGORITHM_NONE);
    refuse(t.keys, "ES256 RS256", mint_sign(t.key, "ES256", "{\"alg\":\"RS256\"}", "{}"), ASSAY_E_ALGORITHM_KEY);
    refuse(t.keys, "ES256", mint_sign(t.key, "ES256", "{\"alg\":\"ES256\",\"crit\":[\"b64\"],\"b64\":false}", "{}"),
           ASSAY_E_CRIT);
    refuse(t.keys, "ES256", mint_sign(t.key, "ES256", "{\"alg\":\"ES256\",\"b64\":true}", "{}"), ASSAY_E_UNENCODED);
    refuse(t.keys, "ES256", strdup(""), ASSAY_E_TOKEN_SIZE);
    refuse(t.keys, "ES256", strdup("a.b"), ASSAY_E_MALFORMED);
    refuse(t.keys, "ES256", strdup("...."), ASSAY_E_ENCRYPTED);
    assay_keyset *empty = NULL;
    must_ok(assay_keyset_new(NULL, &empty, NULL));
    refuse(empty, "ES256", mint_token(t.key, "{}"), ASSAY_E_KEY_UNKNOWN);
    assay_keyset_unref(empty);
    mint_key_free(other);
    trial_close(&t);
}

/* Without kid each fitting key is tried, eight at most. */
static void eight_candidates(void **state)
{
    (void)state;
    mint_key *keys[10];
    assay_keyset *set = NULL;
    must_ok(assay_keyset_new(NULL, &set, NULL));
    mint_key *unfit = mint_key_new("ES384", "unfit");
    for (size_t i = 0; i < 10; i++) {
        must_ok(assay_keyset_add_json(set, mint_key_jwk(unfit), strlen(mint_key_jwk(unfit)), NULL));
        keys[i] = mint_key_new("ES256", i % 2 ? "odd" : "even");
        must_ok(assay_keyset_add_json(set, mint_key_jwk(keys[i]), strlen(mint_key_jwk(keys[i])), NULL));
    }
    for (size_t i = 0; i < 10; i++) {
        char *jws = mint_sign(keys[i], "ES256", "{\"alg\":\"ES256\"}", "x");
        if (i < 8)
            accept(set, "ES256", jws, "x", 1);
        else
            refuse(set, "ES256", jws, ASSAY_E_SIGNATURE);
        char *header = trial_format("{\"alg\":\"ES256\",\"kid\":\"%s\"}", i % 2 ? "odd" : "even");
        accept(set, "ES256", mint_sign(keys[i], "ES256", header, "x"), "x", 1);
        refuse(set, "ES256",
               mint_sign(keys[i], "ES256",
                         i % 2 ? "{\"alg\":\"ES256\",\"kid\":\"even\"}" : "{\"alg\":\"ES256\",\"kid\":\"odd\"}", "x"),
               ASSAY_E_SIGNATURE);
        free(header);
    }
    for (size_t i = 0; i < 10; i++)
        mint_key_free(keys[i]);
    mint_key_free(unfit);
    assay_keyset_unref(set);
}

static void decode_unverified(void **state)
{
    (void)state;
    static const struct {
        const char *jws, *json;
        int code;
    } rows[] = {
        {"e30.e30.", "{\"verified\":false,\"header\":{},\"payload\":{}}", ASSAY_OK},
        {"eyJhbGciOiJub25lIn0.e30.", "{\"verified\":false,\"header\":{\"alg\":\"none\"},\"payload\":{}}", ASSAY_OK},
        {"e30.e30.AAAA", "{\"verified\":false,\"header\":{},\"payload\":{}}", ASSAY_OK},
        {"", NULL, ASSAY_E_TOKEN_SIZE},
        {"e30", NULL, ASSAY_E_MALFORMED},
        {"e30.e30", NULL, ASSAY_E_MALFORMED},
        {"e30.e30..", NULL, ASSAY_E_MALFORMED},
        {"e30=.e30.", NULL, ASSAY_E_BASE64URL},
        {"e30.e31.", NULL, ASSAY_E_BASE64URL},
        {"W10.e30.", NULL, ASSAY_E_HEADER},
        {"e30.W10.", NULL, ASSAY_E_PAYLOAD},
        {"e30..", NULL, ASSAY_E_MALFORMED},
        {"e30.eyJhIjoxLCJhIjoyfQ.", NULL, ASSAY_E_PAYLOAD},
    };
    uint8_t *json = NULL;
    size_t len = 0;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assay_error *error = NULL;
        int code = assay_jws_decode_unverified(rows[i].jws, strlen(rows[i].jws), &json, &len, &error);
        if (code != rows[i].code || assay_error_code(error) != code)
            fail_msg("%s: %s", rows[i].jws, assay_code_name(code));
        assert_int_equal(json != NULL, code == ASSAY_OK);
        if (code == ASSAY_OK) {
            assert_string_equal((const char *)json, rows[i].json);
            assert_int_equal(len, strlen(rows[i].json));
        }
        assay_bytes_free(json, len);
        assay_error_free(error);
    }
    must_fail(assay_jws_decode_unverified(NULL, 0, &json, &len, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_jws_decode_unverified("x", 1, NULL, &len, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_jws_decode_unverified("x", 1, &json, NULL, &error), ASSAY_E_ARGUMENT);
}

static void claims_object(void **state)
{
    (void)state;
    static const char *const good[] = {"{}", " {\"a\":1}\n", "{\"a\":{\"a\":[]}}"};
    static const char *const bad[] = {"",
                                      "[]",
                                      "null",
                                      "{",
                                      "{}x",
                                      "{\"a\":1,\"a\":2}",
                                      "{\"a\":1,}",
                                      "{'a':1}",
                                      "\xef\xbb\xbf{}",
                                      "{\"a\":\"\\u0000\"}",
                                      "{\"a\":1e999}"};
    for (size_t i = 0; i < COUNT_OF(good); i++)
        must_ok(assay_jws_check_claims_object((const uint8_t *)good[i], strlen(good[i]), NULL));
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        must_fail(assay_jws_check_claims_object((const uint8_t *)bad[i], strlen(bad[i]), &error), ASSAY_E_PAYLOAD);
    must_fail(assay_jws_check_claims_object(NULL, 0, &error), ASSAY_E_ARGUMENT);
    uint8_t *payload = NULL;
    size_t len = 0;
    assay_keyset *keys = NULL;
    must_ok(assay_keyset_new(NULL, &keys, NULL));
    must_fail(assay_jws_verify(NULL, "ES256", "a", 1, &payload, &len, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_jws_verify(keys, NULL, "a", 1, &payload, &len, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_jws_verify(keys, "ES256", NULL, 1, &payload, &len, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_jws_verify(keys, "ES256", "a", 1, NULL, &len, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_jws_verify(keys, "ES256", "a", 1, &payload, NULL, &error), ASSAY_E_ARGUMENT);
    assay_keyset_unref(keys);
    assay_bytes_free(NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_payload),       cmocka_unit_test(refusals),      cmocka_unit_test(eight_candidates),
        cmocka_unit_test(decode_unverified), cmocka_unit_test(claims_object),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
