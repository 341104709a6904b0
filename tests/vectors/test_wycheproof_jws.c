/* SPDX-License-Identifier: MIT */

/* Wycheproof's JSON Web Signatures: every invalid one is refused, every valid one accepted or listed here with its reason. */

#include "support/test_data.h"
#include "support/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Cases where we differ from the vectors. Each was looked at; a case that begins to agree fails the test, so that its row goes. */
typedef struct difference {
    const char *file;
    int number;
    int code; /* what comes out */
    const char *reason;
} difference;

#define JWS "json_web_signature_test.json"
#define CRYPTO "json_web_crypto_test.json"

static const difference differences[] = {
    /* The key's own alg is another one than the token's: a key serves one algorithm (RFC 7517, section 4.4; RFC 8725, section 3.1). */
    {JWS, 346, ASSAY_E_ALGORITHM_KEY, "refused by policy as alg of the key is another one"},
    {JWS, 347, ASSAY_E_ALGORITHM_KEY, "refused by policy as alg of the key is another one"},
    {JWS, 350, ASSAY_E_ALGORITHM_KEY, "refused by policy as alg of the key is another one"},
    {JWS, 351, ASSAY_E_ALGORITHM_KEY, "refused by policy as alg of the key is another one"},
    /* A question mark inside a segment; RFC 7515, section 2, has no such character. */
    {JWS, 372, ASSAY_E_BASE64URL, "refused by policy as not base64url"},
    {JWS, 373, ASSAY_E_BASE64URL, "refused by policy as not base64url"},
    /* Named for wrong padding, but byte by byte case 357, which is valid: the padding was lost in the vectors. */
    {JWS, 367, ASSAY_OK, "defect of the vectors with the bytes of a valid case"},
    {JWS, 370, ASSAY_OK, "defect of the vectors with the bytes of a valid case"},
};

static const difference *find_difference(const char *file, int number)
{
    for (size_t i = 0; i < sizeof differences / sizeof differences[0]; i++) {
        if (strcmp(differences[i].file, file) == 0 && differences[i].number == number)
            return &differences[i];
    }
    return NULL;
}

static void run_case(vectors *set, const char *file, const assay_keyset *keys, const json_t *test)
{
    int number = (int)json_integer_value(json_object_get(test, "tcId"));
    const json_t *jws = json_object_get(test, "jws");
    /* One of them is an object, the JSON serialization (RFC 7515, section 7.2): what a program would pass on is its text. */
    char *serialized = json_is_object(jws) ? json_dumps(jws, JSON_COMPACT) : NULL;
    const char *text = serialized != NULL ? serialized : json_string_value(jws);
    assert_non_null(text);
    int code = vectors_verify(keys, text, strlen(text), NULL);
    free(serialized);
    const difference *known = find_difference(file, number);
    if (known != NULL) {
        vectors_out_of_scope(set, known->reason);
        assert_int_equal(code, known->code);
        return;
    }
    const char *result = test_text(test, "result");
    assert_true(strcmp(result, "valid") == 0 || strcmp(result, "invalid") == 0);
    if (!vectors_ran(set, (code == ASSAY_OK) == (strcmp(result, "valid") == 0)))
        print_error("%s, case %d (%s): %s, but %s\n", file, number, test_text(test, "comment"), result,
                    assay_code_name(code));
}

/* An encrypted token is no proof of origin, whatever key is at hand. */
static void refuse_encrypted(vectors *set, const assay_keyset *keys, const json_t *test)
{
    const char *text = test_text(test, "jwe");
    assert_int_not_equal(vectors_verify(keys, text, strlen(text), NULL), ASSAY_OK);
    vectors_out_of_scope(set, "JWE");
}

static vectors run_file(const char *file)
{
    char path[128];
    snprintf(path, sizeof path, "wycheproof/%s", file);
    json_t *document = test_data_json(path);
    assert_non_null(document);
    vectors set = {.name = file};
    size_t i, j;
    json_t *group, *test;
    json_array_foreach(json_object_get(document, "testGroups"), i, group)
    {
        const json_t *public_key = json_object_get(group, "public");
        assay_keyset *keys = vectors_keys(public_key != NULL ? public_key : json_object_get(group, "private"));
        json_array_foreach(json_object_get(group, "tests"), j, test)
        {
            if (json_object_get(test, "jws") != NULL)
                run_case(&set, file, keys, test);
            else
                refuse_encrypted(&set, keys, test);
        }
        assay_keyset_unref(keys);
    }
    assert_int_equal(set.ran + set.out_of_scope, json_integer_value(json_object_get(document, "numberOfTests")));
    json_decref(document);
    return set;
}

static void json_web_signature(void **state)
{
    (void)state;
    if (!test_data_is_there())
        skip();
    vectors set = run_file(JWS);
    assert_true(vectors_report(&set));
    assert_int_equal(set.ran, 393);
}

static void json_web_crypto(void **state)
{
    (void)state;
    if (!test_data_is_there())
        skip();
    vectors set = run_file(CRYPTO);
    assert_true(vectors_report(&set));
    assert_int_equal(set.ran, 49);
}

static const char *jws_of_case(const json_t *document, int number)
{
    size_t i, j;
    json_t *group, *test;
    json_array_foreach(json_object_get(document, "testGroups"), i, group)
    {
        json_array_foreach(json_object_get(group, "tests"), j, test)
        {
            if (json_integer_value(json_object_get(test, "tcId")) == number)
                return test_text(test, "jws");
        }
    }
    fail_msg("no case %d", number);
    return "";
}

/* What the table says of cases 367 and 370; where the vectors are mended, their rows must go. */
static void defects_of_the_vectors(void **state)
{
    (void)state;
    if (!test_data_is_there())
        skip();
    json_t *document = test_data_json("wycheproof/" JWS);
    assert_non_null(document);
    assert_string_equal(jws_of_case(document, 367), jws_of_case(document, 357));
    assert_string_equal(jws_of_case(document, 370), jws_of_case(document, 357));
    json_decref(document);
}

/* Case 46 is refused for the reason that it is there for. */
static void roca_key_is_skipped(void **state)
{
    (void)state;
    if (!test_data_is_there())
        skip();
    json_t *document = test_data_json("wycheproof/" CRYPTO);
    assert_non_null(document);
    size_t i, found = 0;
    json_t *group;
    json_array_foreach(json_object_get(document, "testGroups"), i, group)
    {
        if (strcmp(test_text(group, "comment"), "jws_rsa_roca_key") != 0)
            continue;
        assay_keyset *keys = vectors_keys(json_object_get(group, "public"));
        assert_int_equal(assay_keyset_count(keys), 0);
        assert_non_null(strstr(assay_keyset_skip_reason(keys, 0), "ROCA"));
        assay_keyset_unref(keys);
        found++;
    }
    json_decref(document);
    assert_int_equal(found, 1);
}

/* The keys come from the groups' public halves; the private ones as they stand must not be usable at all. */
static void private_keys_are_skipped(void **state)
{
    (void)state;
    if (!test_data_is_there())
        skip();
    json_t *document = test_data_json("wycheproof/" JWS);
    assert_non_null(document);
    size_t i;
    json_t *group;
    json_array_foreach(json_object_get(document, "testGroups"), i, group)
    {
        const json_t *private_key = json_object_get(group, "private");
        assay_keyset *keys = vectors_keys_unchanged(private_key, true);
        bool symmetric = vectors_is_symmetric(private_key);
        assert_int_equal(assay_keyset_count(keys), symmetric ? 1 : 0);
        assert_int_equal(assay_keyset_skipped_count(keys), symmetric ? 0 : 1);
        assay_keyset_unref(keys);
    }
    json_decref(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_web_signature),       cmocka_unit_test(json_web_crypto),
        cmocka_unit_test(defects_of_the_vectors),   cmocka_unit_test(roca_key_is_skipped),
        cmocka_unit_test(private_keys_are_skipped),
    };
    return cmocka_run_group_tests_name("wycheproof_jws", tests, NULL, NULL);
}
