/* SPDX-License-Identifier: MIT */

/* The sample of 41 token cases, each as a bare signature and as an access token with static keys. */

#include "support/test_data.h"
#include "support/vectors.h"

#include <assay/validator.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* All samples were made for this time, issuer and audience. */
#define NOW 1700000100
#define ISSUER "https://issuer.example"
#define AUDIENCE "api://default"

static int64_t fixed_wall(void *user_data)
{
    (void)user_data;
    return NOW;
}

static int64_t fixed_steady(void *user_data)
{
    (void)user_data;
    return 0;
}

static int verify(const json_t *sample, assay_keyset *keys, const char *token, size_t len)
{
    char algorithms[200] = "";
    size_t i, used = 0;
    json_t *name;
    json_array_foreach(json_object_get(sample, "allowed_algs"), i, name)
    {
        used += (size_t)snprintf(algorithms + used, sizeof algorithms - used, "%s ", json_string_value(name));
        assert_true(used < sizeof algorithms);
    }
    uint8_t *payload = NULL;
    size_t payload_len = 0;
    int code = assay_jws_verify(keys, algorithms, token, len, &payload, &payload_len, NULL);
    if (code == ASSAY_OK && assay_jws_check_claims_object(payload, payload_len, NULL) != ASSAY_OK)
        code = ASSAY_E_PAYLOAD;
    assay_bytes_free(payload, payload_len);
    return code;
}

static int validate(const json_t *sample, assay_keyset *keys, const char *token, size_t len)
{
    assay_runtime *runtime = NULL;
    assay_issuer *issuer = NULL;
    assay_validator *validator = NULL;
    assay_claims *claims = NULL;
    size_t i;
    json_t *name;
    assert_int_equal(assay_runtime_new(&runtime, NULL), ASSAY_OK);
    assert_int_equal(assay_runtime_set_clock(runtime, fixed_wall, fixed_steady, NULL, NULL, NULL), ASSAY_OK);
    assert_int_equal(assay_issuer_new(ISSUER, &issuer, NULL), ASSAY_OK);
    assert_int_equal(assay_issuer_add_audience(issuer, AUDIENCE, NULL), ASSAY_OK);
    json_array_foreach(json_object_get(sample, "allowed_algs"), i, name)
    {
        assert_int_equal(assay_issuer_add_algorithm(issuer, json_string_value(name), NULL), ASSAY_OK);
    }
    int code = assay_issuer_set_keys(issuer, keys, NULL);
    if (code == ASSAY_OK)
        code = assay_validator_new(runtime, &issuer, 1, &validator, NULL);
    if (code == ASSAY_OK)
        code = assay_validator_check(validator, token, len, NULL, &claims, NULL);
    assert_true((code == ASSAY_OK) == (claims != NULL));
    if (claims != NULL) {
        assert_string_equal(assay_claims_issuer(claims), ISSUER);
        assert_string_equal(assay_claims_subject(claims), "user-1");
    }
    assay_claims_unref(claims);
    assay_validator_unref(validator);
    assay_issuer_free(issuer);
    assay_runtime_unref(runtime);
    return code;
}

static void every_sample(void **state)
{
    (void)state;
    if (!test_data_is_there())
        skip();
    json_t *samples = test_data_json("token-format-sample/sample.json");
    assert_non_null(samples);
    vectors set = {.name = "token-format-sample"};
    size_t i;
    json_t *sample;
    json_array_foreach(samples, i, sample)
    {
        const json_t *token = json_object_get(sample, "token");
        const char *text = json_string_value(token);
        size_t len = json_string_length(token);
        bool valid = strcmp(test_text(sample, "expected"), "valid") == 0;
        assert_true(valid || strcmp(test_text(sample, "expected"), "invalid") == 0);
        assay_keyset *keys = vectors_keys_unchanged(json_object_get(sample, "jwks"), false);
        int bare = verify(sample, keys, text, len);
        int whole = validate(sample, keys, text, len);
        if (!vectors_ran(&set, (bare == ASSAY_OK) == valid && (whole == ASSAY_OK) == valid))
            print_error("%s: %s, but %s and %s\n", test_text(sample, "name"), test_text(sample, "expected"),
                        assay_code_name(bare), assay_code_name(whole));
        assay_keyset_unref(keys);
    }
    json_decref(samples);
    assert_true(vectors_report(&set));
    assert_int_equal(set.ran, 41);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_sample)};
    return cmocka_run_group_tests_name("token_samples", tests, NULL, NULL);
}
