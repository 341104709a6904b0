/* SPDX-License-Identifier: MIT */
/* assay_bearer_from_header() and its kin: RFC 6750, section 2.1; RFC 9110, section 11.4. */
#include "support/trial.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static int take(const char *value, size_t len, const char **token, size_t *token_len)
{
    assay_error *error = NULL;
    int code = assay_bearer_from_header(value, len, token, token_len, &error);
    assert_int_equal(assay_error_code(error), code);
    assert_int_equal(assay_bearer_from_header(value, len, token, token_len, NULL), code);
    assert_int_equal(*token != NULL, code == ASSAY_OK);
    assert_int_equal(*token_len != 0, code == ASSAY_OK);
    assay_error_free(error);
    return code;
}

static void accepted(void **state)
{
    (void)state;
    static const char *const values[][2] = {
        {"Bearer abc", "abc"},     {"bearer abc", "abc"},       {"BEARER abc", "abc"},      {"BeArEr a.b.c", "a.b.c"},
        {"Bearer   abc", "abc"},   {" Bearer abc ", "abc"},     {"Bearer\tabc", "abc"},     {"Bearer abc=", "abc="},
        {"Bearer abc==", "abc=="}, {"Bearer -._~+/", "-._~+/"}, {"Bearer Bearer", "Bearer"}};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        const char *token;
        size_t len;
        assert_int_equal(take(values[i][0], strlen(values[i][0]), &token, &len), ASSAY_OK);
        assert_int_equal(len, strlen(values[i][1]));
        assert_memory_equal(token, values[i][1], len);
        assert_true(token >= values[i][0] && token + len <= values[i][0] + strlen(values[i][0])); /* borrowed */
    }
}

/* Each byte value at the start, in the middle and at the end of the token. */
static void every_byte(void **state)
{
    (void)state;
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/";
    for (int byte = 0; byte < 256; byte++) {
        for (int place = 0; place < 3; place++) {
            char value[] = "Bearer abc";
            const char *token;
            size_t len;
            value[7 + place] = (char)byte;
            int good = (byte != 0 && strchr(alphabet, byte) != NULL) ||
                       ((byte == '=' || byte == ' ' || byte == '\t') && place == 2) ||
                       ((byte == ' ' || byte == '\t') && place == 0);
            int code = take(value, 10, &token, &len);
            if (code != (good ? ASSAY_OK : ASSAY_E_BAD_AUTHORIZATION))
                fail_msg("byte %d at %d: %s", byte, place, assay_code_name(code));
        }
    }
}

static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        int code;
    } rows[] = {
        {"", ASSAY_E_NO_CREDENTIALS},
        {" \t ", ASSAY_E_NO_CREDENTIALS},
        {"Bearer", ASSAY_E_BAD_AUTHORIZATION},
        {"bearer ", ASSAY_E_BAD_AUTHORIZATION},
        {"Bearer a b", ASSAY_E_BAD_AUTHORIZATION},
        {"Bearer a\tb", ASSAY_E_BAD_AUTHORIZATION},
        {"Bearer ==", ASSAY_E_BAD_AUTHORIZATION},
        {"Bearer a=a", ASSAY_E_BAD_AUTHORIZATION},
        {"Basic abc", ASSAY_E_OTHER_SCHEME},
        {"Negotiate abc", ASSAY_E_OTHER_SCHEME},
        {"DPoP abc", ASSAY_E_OTHER_SCHEME},
        {"Bear abc", ASSAY_E_OTHER_SCHEME},
        {"Bearers abc", ASSAY_E_OTHER_SCHEME},
        {"Bearer,abc", ASSAY_E_OTHER_SCHEME},
        {"abc", ASSAY_E_OTHER_SCHEME},
        {"B", ASSAY_E_OTHER_SCHEME},
    };
    const char *token;
    size_t len;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (take(rows[i].value, strlen(rows[i].value), &token, &len) != rows[i].code)
            fail_msg("%s", rows[i].value);
    }
    assert_int_equal(take(NULL, 0, &token, &len), ASSAY_E_NO_CREDENTIALS);
    assert_int_equal(take(NULL, 5, &token, &len), ASSAY_E_NO_CREDENTIALS);
    must_fail(assay_bearer_from_header("Bearer a", 8, NULL, &len, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_bearer_from_header("Bearer a", 8, &token, NULL, &error), ASSAY_E_ARGUMENT);
}

static int take_scheme(const char *scheme, const char *value, const char **token, size_t *len, const char *challenge)
{
    assay_error *error = NULL;
    int code = assay_bearer_from_header_of_scheme(scheme, value, strlen(value), token, len, &error);
    assert_int_equal(assay_error_code(error), code);
    if (code != ASSAY_OK)
        assert_string_equal(assay_error_www_authenticate(error), challenge);
    assay_error_free(error);
    return code;
}

/* Another scheme has the same form, its own name in the challenge, and Bearer is not it. */
static void another_scheme(void **state)
{
    (void)state;
    const char *token, *value = "mtls_pop  a.b.c ";
    size_t len;
    assert_int_equal(take_scheme("MTLS_POP", value, &token, &len, NULL), ASSAY_OK);
    assert_ptr_equal(token, value + 10);
    assert_int_equal(len, 5);
    assert_int_equal(take_scheme("MTLS_POP", "Bearer a.b.c", &token, &len, "MTLS_POP"), ASSAY_E_OTHER_SCHEME);
    assert_int_equal(take_scheme("MTLS_POP", "MTLS_POPP a.b.c", &token, &len, "MTLS_POP"), ASSAY_E_OTHER_SCHEME);
    assert_int_equal(take_scheme("MTLS_POP", "MTLS a.b.c", &token, &len, "MTLS_POP"), ASSAY_E_OTHER_SCHEME);
    assert_int_equal(take_scheme("MTLS_POP", " ", &token, &len, "MTLS_POP"), ASSAY_E_NO_CREDENTIALS);
    assert_int_equal(take_scheme("MTLS_POP", "MTLS_POP", &token, &len,
                                 "MTLS_POP error=\"invalid_request\", "
                                 "error_description=\"the Authorization header is malformed\""),
                     ASSAY_E_BAD_AUTHORIZATION);
    assert_null(token);
    assert_int_equal(take_scheme("Bearer", "MTLS_POP a.b.c", &token, &len, "Bearer"), ASSAY_E_OTHER_SCHEME);
    assert_int_equal(take_scheme("!#$%&'*+-.^_`|~09azAZ", "!#$%&'*+-.^_`|~09azAZ t", &token, &len, NULL), ASSAY_OK);
}

static void no_scheme(void **state)
{
    (void)state;
    static const char *const schemes[] = {"",           " ",         "Bea rer", "Bearer ", "Bearer,",
                                          "\"Bearer\"", "B\xc3\xa9", "a/b",     "a\n"};
    const char *token;
    size_t len;
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
        assert_int_equal(take_scheme(schemes[i], "Bearer a", &token, &len, ""), ASSAY_E_ARGUMENT);
    char *longest = trial_repeat("a", 65);
    assert_int_equal(take_scheme(longest, "Bearer a", &token, &len, ""), ASSAY_E_ARGUMENT);
    assert_int_equal(take_scheme(longest + 1, "Bearer a", &token, &len, longest + 1), ASSAY_E_OTHER_SCHEME);
    free(longest);
    must_fail(assay_bearer_from_header_of_scheme(NULL, "Bearer a", 8, &token, &len, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_bearer_from_header_of_scheme("Bearer", "Bearer a", 8, NULL, &len, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_bearer_from_header_of_scheme("Bearer", "Bearer a", 8, &token, NULL, &error), ASSAY_E_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted),       cmocka_unit_test(every_byte), cmocka_unit_test(refused),
        cmocka_unit_test(another_scheme), cmocka_unit_test(no_scheme),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
