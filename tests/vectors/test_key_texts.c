/* SPDX-License-Identifier: MIT */
/* A key's own text gives the same key, for every JWK in the shared data: the form in which keys are stored. */

#include "keys/jwk.h"
#include "support/test_data.h"

#include <assay/error.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <ftw.h>

static assay_crypto *crypto;
static size_t files, usable, unusable;

static void assert_same_text(const char *a, const char *b)
{
    assert_true((a == NULL) == (b == NULL));
    if (a != NULL)
        assert_string_equal(a, b);
}

/* Only what is public and what restricts the key. */
static void assert_members(const char *text)
{
    static const char *const known[] = {"kty", "n",   "e",   "crv",    "x",
                                        "y",   "kid", "alg", "issuer", "cloud_instance_name"};
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    const char *name;
    json_t *value;
    assert_non_null(json);
    json_object_foreach(json, name, value)
    {
        bool found = false;
        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
            found = found || strcmp(known[i], name) == 0;
        if (!found)
            fail_msg("%s stands in %s", name, text);
        assert_true(json_is_string(value));
    }
    json_decref(json);
}

static assay_jwk *read_text(const char *text, size_t len, bool symmetric)
{
    assay_jwk *jwk = NULL;
    assay_json *json = NULL;
    if (assay_json_parse(text, len, &json, NULL, 0) == ASSAY_OK)
        (void)assay_jwk_read(crypto, json, symmetric, &jwk, NULL, 0);
    assay_json_free(json);
    return jwk;
}

static void try_key(const json_t *object)
{
    char *text = json_dumps(object, 0);
    assay_jwk *jwk = read_text(text, strlen(text), true);
    free(text);
    if (jwk == NULL) {
        unusable++;
        return;
    }
    usable++;
    if (assay_verify_key_kind(jwk->key) == ASSAY_KEY_SYMMETRIC) {
        assert_null(jwk->json);
        assay_jwk_unref(jwk);
        return;
    }
    assert_int_equal(strlen(jwk->json), jwk->json_len);
    assert_members(jwk->json);
    assay_jwk *again = read_text(jwk->json, jwk->json_len, false);
    assert_non_null(again);
    assert_memory_equal(again->thumbprint, jwk->thumbprint, sizeof jwk->thumbprint);
    assert_string_equal(again->kind_text, jwk->kind_text);
    assert_same_text(again->kid, jwk->kid);
    assert_same_text(again->algorithm, jwk->algorithm);
    assert_same_text(again->issuer, jwk->issuer);
    assert_same_text(again->cloud, jwk->cloud);
    assert_string_equal(again->json, jwk->json); /* so it is the canonical form */
    assay_jwk_unref(again);
    assay_jwk_unref(jwk);
}

/* Every object with a "kty", wherever it stands; recorded answers hold their documents as texts. */
static void try_all(const json_t *value, int depth)
{
    if (depth == 0)
        return;
    if (json_is_string(value) && json_string_value(value)[0] == '{') {
        json_t *inner = json_loads(json_string_value(value), 0, NULL);
        try_all(inner, depth - 1);
        json_decref(inner);
    }
    for (size_t i = 0; i < json_array_size(value); i++)
        try_all(json_array_get(value, i), depth - 1);
    if (json_object_get(value, "kty") != NULL)
        try_key(value);
    const char *name;
    json_t *member;
    json_object_foreach((json_t *)(uintptr_t)value, name, member) try_all(member, depth - 1);
}

static int try_file(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    (void)place;
    if (type != FTW_F || strstr(path, ".json") == NULL)
        return 0;
    json_t *json = json_load_file(path, JSON_DECODE_ANY, NULL);
    files += json == NULL ? 0 : 1;
    try_all(json, 16);
    json_decref(json);
    return 0;
}

static void every_key_is_the_same_from_its_text(void **state)
{
    (void)state;
    if (!test_data_is_there())
        skip();
    assert_int_equal(assay_crypto_new(NULL, &crypto), ASSAY_OK);
    assert_int_equal(nftw(test_data_path("."), try_file, 16, FTW_PHYS), 0);
    assay_crypto_unref(crypto);
    print_message("%zu files, %zu keys, %zu that can't be used\n", files, usable, unusable);
    assert_true(usable > 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_key_is_the_same_from_its_text)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
