/* SPDX-License-Identifier: MIT */

/* Canonical base64url only: 308 texts, of which 108 are good, in the decoder and as segments of a token. */

#include "base/base64url.h"
#include "support/test_data.h"
#include "support/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* {"alg":"HS256"} */
#define HEADER "eyJhbGciOiJIUzI1NiJ9"

static bool decodes(const json_t *row, const char *text, size_t len)
{
    uint8_t *expected = malloc(len + 1), *found = malloc(ASSAY_BASE64URL_DECODED(len));
    char *again = malloc(len + 4);
    assert_true(expected != NULL && found != NULL && again != NULL);
    size_t found_len = 99;
    bool decoded = assay_base64url_decode(text, len, found, &found_len);
    bool right = decoded == (bool)json_is_true(json_object_get(row, "valid"));
    if (decoded && right) {
        size_t expected_len = test_hex(test_text(row, "hex"), expected, len + 1);
        assay_base64url_encode(found, found_len, again);
        right = found_len == expected_len && memcmp(found, expected, found_len) == 0 && strlen(again) == len &&
                memcmp(again, text, len) == 0;
    }
    free(expected);
    free(found);
    free(again);
    return right;
}

/* The same text as each segment of a token: a bad one is refused before any key is looked for. */
static bool refused_in_a_token(const assay_keyset *keys, const char *text, size_t len)
{
    static const char *const around[][2] = {{"", ".e30.AAAA"}, {HEADER ".", ".AAAA"}, {HEADER ".e30.", ""}};
    bool right = true;
    for (size_t i = 0; i < 3; i++) {
        size_t before = strlen(around[i][0]), after = strlen(around[i][1]);
        char *token = malloc(before + len + after + 1);
        assert_non_null(token);
        memcpy(token, around[i][0], before);
        memcpy(token + before, text, len);
        memcpy(token + before + len, around[i][1], after + 1);
        int code = vectors_verify(keys, token, before + len + after, NULL);
        /* A dot in the text makes other segments; an empty header is one of its own. */
        right = right && (code == ASSAY_E_BASE64URL || code == ASSAY_E_MALFORMED || code == ASSAY_E_ENCRYPTED);
        free(token);
    }
    return right;
}

static void every_text(void **state)
{
    (void)state;
    if (!test_data_is_there())
        skip();
    json_t *rows = test_data_json("base64url/base64url.json");
    assert_non_null(rows);
    vectors set = {.name = "base64url.json"};
    static const uint8_t secret[32] = {1};
    assay_keyset *keys = NULL;
    assert_int_equal(assay_keyset_new(NULL, &keys, NULL), ASSAY_OK);
    assert_int_equal(assay_keyset_add_symmetric(keys, NULL, "HS256", secret, sizeof secret, NULL), ASSAY_OK);
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row)
    {
        const json_t *input = json_object_get(row, "input");
        const char *text = json_string_value(input);
        size_t len = json_string_length(input);
        bool right = decodes(row, text, len) &&
                     (json_is_true(json_object_get(row, "valid")) || refused_in_a_token(keys, text, len));
        if (!vectors_ran(&set, right))
            print_error("row %zu (%s): %s\n", i, test_text(row, "why"), text);
    }
    assay_keyset_unref(keys);
    json_decref(rows);
    assert_true(vectors_report(&set));
    assert_int_equal(set.ran, 308);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_text)};
    return cmocka_run_group_tests_name("base64url", tests, NULL, NULL);
}
