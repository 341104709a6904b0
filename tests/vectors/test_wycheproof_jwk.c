/* SPDX-License-Identifier: MIT */
/*
 * Wycheproof's keys in JOSE: which are usable, and whether a signature under one is what the vector says. The token's form is the business of
 * token/; here a few lines take it apart.
 */

#include "base/base64url.h"
#include "keys/key_set.h"
#include "support/signing.h"
#include "support/test_data.h"

#include <assay/error.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Vectors that we decide otherwise on purpose, by file and case. */
typedef struct difference {
    const char *file;
    int id;
    const char *reason;
} difference;

static const difference differences[] = {
    {"json_web_key_test.json", 1,
     "symmetric and public keys in one set: symmetric ones count only where the host gave them"},
    {"json_web_crypto_test.json", 47, "the same set"},
    {"json_web_key_test.json", 4, "one kid twice: each fitting key is tried (K21)"},
};

static const char *reason_for(const char *file, int id)
{
    for (size_t i = 0; i < sizeof differences / sizeof differences[0]; i++) {
        if (strcmp(differences[i].file, file) == 0 && differences[i].id == id)
            return differences[i].reason;
    }
    return NULL;
}

static bool scheme_of(const char *name, assay_scheme *scheme)
{
    for (int i = 0; i < ASSAY_SCHEME_COUNT; i++) {
        *scheme = (assay_scheme)i;
        if (strcmp(name, test_scheme_name(*scheme)) == 0)
            return true;
    }
    return false;
}

/* Whether a compact JWS verifies under a key of the set whose kid and alg fit. */
static bool verifies(const assay_key_set *set, const char *jws)
{
    static uint8_t header[65536], signature[65536];
    const char *first = strchr(jws, '.');
    const char *second = first == NULL ? NULL : strchr(first + 1, '.');
    size_t header_len, signature_len, ignored;
    if (second == NULL || strchr(second + 1, '.') != NULL ||
        !assay_base64url_decode(jws, (size_t)(first - jws), header, &header_len) ||
        !assay_base64url_decode(first + 1, (size_t)(second - first - 1), signature, &ignored) ||
        !assay_base64url_decode(second + 1, strlen(second + 1), signature, &signature_len))
        return false;
    json_t *parsed = json_loadb((const char *)header, header_len, JSON_REJECT_DUPLICATES, NULL);
    const char *algorithm = test_text(parsed, "alg"), *kid = json_string_value(json_object_get(parsed, "kid"));
    assay_scheme scheme;
    bool verified = false;
    if (scheme_of(algorithm, &scheme) && json_object_get(parsed, "crit") == NULL) {
        for (size_t i = 0; i < set->count; i++) {
            const assay_jwk *jwk = set->keys[i];
            bool fits = (kid == NULL || (jwk->kid != NULL && strcmp(kid, jwk->kid) == 0)) &&
                        (jwk->algorithm == NULL || strcmp(jwk->algorithm, algorithm) == 0) &&
                        assay_verify_key_fits(jwk->key, scheme);
            if (!fits)
                continue;
            int code = assay_verify_key_verify(jwk->key, scheme, jws, (size_t)(second - jws), signature, signature_len);
            assert_true(code == ASSAY_OK || code == ASSAY_E_SIGNATURE);
            verified = verified || code == ASSAY_OK;
        }
    }
    json_decref(parsed);
    return verified;
}

static void load(const json_t *group, assay_key_set *set)
{
    assay_key_set_init(set);
    /* Public keys where there are any; otherwise the group is about symmetric ones, which the host would give. */
    const json_t *keys = json_object_get(group, "public");
    bool symmetric = keys == NULL;
    char *text = json_dumps(symmetric ? json_object_get(group, "private") : keys, JSON_COMPACT);
    assert_non_null(text);
    assert_int_equal(assay_key_set_add_json(set, test_crypto, text, strlen(text), symmetric, NULL, 0), ASSAY_OK);
    free(text);
}

static void run_file(const char *name, int expected_run, int expected_other, int expected_skipped)
{
    if (!test_data_is_there())
        skip();
    char path[128];
    snprintf(path, sizeof path, "wycheproof/%s", name);
    json_t *file = test_data_json(path);
    assert_non_null(file);
    int run = 0, other = 0, skipped = 0, failed = 0;
    size_t i, j;
    json_t *group, *test;
    json_array_foreach(json_object_get(file, "testGroups"), i, group)
    {
        assay_key_set set;
        load(group, &set);
        json_array_foreach(json_object_get(group, "tests"), j, test)
        {
            const char *jws = json_string_value(json_object_get(test, "jws"));
            if (jws == NULL) {
                skipped++; /* a JWE */
                continue;
            }
            int id = (int)json_integer_value(json_object_get(test, "tcId"));
            bool valid = strcmp(test_text(test, "result"), "valid") == 0;
            const char *reason = reason_for(name, id);
            run++;
            if (verifies(&set, jws) == valid) {
                if (reason != NULL) {
                    print_error("%s, case %d: listed as a difference, but is none\n", name, id);
                    failed++;
                }
                continue;
            }
            other++;
            if (reason != NULL) {
                print_message("%s, case %d: decided otherwise: %s\n", name, id, reason);
                continue;
            }
            failed++;
            print_error("%s, case %d (%s, %s): should be %s\n", name, id, test_text(group, "comment"),
                        test_text(test, "comment"), test_text(test, "result"));
        }
        assay_key_set_clear(&set);
    }
    /* The form that the summary reads. */
    print_message(
        "vectors: keys of %s: %d ran, %d passed, %d out of scope (decided otherwise on purpose: %d, JWE: %d)\n", name,
        run - other, run - other - failed, other + skipped, other, skipped);
    json_decref(file);
    assert_int_equal(failed, 0);
    assert_int_equal(run, expected_run);
    assert_int_equal(other, expected_other);
    assert_int_equal(skipped, expected_skipped);
}

static void json_web_key(void **state)
{
    (void)state;
    run_file("json_web_key_test.json", 26, 2, 0);
}

static void json_web_crypto(void **state)
{
    (void)state;
    run_file("json_web_crypto_test.json", 48, 1, 35);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(json_web_key), cmocka_unit_test(json_web_crypto)};
    return cmocka_run_group_tests(tests, test_crypto_open, test_crypto_close);
}
