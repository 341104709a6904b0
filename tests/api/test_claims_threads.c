/* SPDX-License-Identifier: MIT */
/* assay/claims.h: what is read from an accepted token. */
#include "support/trial.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const char members[] =
    ",\"text\":\"t\",\"empty\":\"\",\"escaped\":\"a\\\"\\\\\\/"
    "\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00z\",\"num\":7,\"min\":-9223372036854775808,"
    "\"max\":9223372036854775807,\"real\":1.5,\"exponent\":1e3,\"when\":1700000000.123456789,\"late\":253402300800,"
    "\"yes\":true,\"no\":false,\"nil\":null,"
    "\"list\":[\"a\",\"\\u0062\",\"\"],\"none\":[],\"mixed\":[\"a\",1],\"object\":{\"in\":{\"deep\":[1,{\"x\":"
    "\"found\"}]},\"a/b\":\"slash\",\"m~n\":\"tilde\",\"\":\"blank\"},"
    "\"k\\u0065y\":\"by decoded name\",\"\":\"empty name\",\"kubernetes.io\":{\"namespace\":\"prod\"}";

static trial shared;
static assay_claims *claims;

static int open_claims(void **state)
{
    (void)state;
    trial_open(&shared, "ES256");
    char *payload = trial_format("{" TRIAL_BARE ",\"sub\":\"s\\u00fcb\",\"iat\":1700000000%s}", members);
    claims = trial_claims(&shared, trial_sign(&shared, payload));
    free(payload);
    return 0;
}

static int close_claims(void **state)
{
    (void)state;
    assay_claims_unref(claims);
    trial_close(&shared);
    return 0;
}

/* Outputs are empty unless the code is ASSAY_OK. */
static void expect_text(int code, const char *text, size_t len, int wanted, const char *expected)
{
    assert_int_equal(code, wanted);
    if (code != ASSAY_OK) {
        assert_null(text);
        assert_int_equal(len, 0);
        return;
    }
    assert_int_equal(len, strlen(expected));
    assert_memory_equal(text, expected, len);
}

static void plain_getters(void **state)
{
    (void)state;
    assert_string_equal(assay_claims_issuer(claims), TRIAL_ISSUER);
    assert_string_equal(assay_claims_subject(claims), "s\xc3\xbc"
                                                      "b");
    assert_int_equal(assay_claims_expiry(claims), 1700003600);
    assert_string_equal(assay_claims_algorithm(claims), "ES256");
    assert_string_equal(assay_claims_kid(claims), "k");
}

static void get_text(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int code;
        const char *text;
    } rows[] = {
        {"text", ASSAY_OK, "t"},
        {"empty", ASSAY_OK, ""},
        {"escaped", ASSAY_OK, "a\"\\/\b\f\n\r\t\xc3\xa9\xf0\x9f\x98\x80z"},
        {"key", ASSAY_OK, "by decoded name"},
        {"", ASSAY_OK, "empty name"},
        {"absent", ASSAY_E_ABSENT, NULL},
        {"Text", ASSAY_E_ABSENT, NULL},
        {"tex", ASSAY_E_ABSENT, NULL},
        {"text2", ASSAY_E_ABSENT, NULL},
        {"k\\u0065y", ASSAY_E_ABSENT, NULL},
        {"deep", ASSAY_E_ABSENT, NULL},
        {"namespace", ASSAY_E_ABSENT, NULL},
        {"num", ASSAY_E_TYPE, NULL},
        {"nil", ASSAY_E_TYPE, NULL},
        {"yes", ASSAY_E_TYPE, NULL},
        {"list", ASSAY_E_TYPE, NULL},
        {"object", ASSAY_E_TYPE, NULL},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *text = (const char *)1, *again = NULL;
        size_t len = 1;
        int code = assay_claims_get_text(claims, rows[i].name, &text, &len);
        expect_text(code, text, len, rows[i].code, rows[i].text);
        if (code != ASSAY_OK)
            continue;
        assert_int_equal(text[len], '\0');
        assert_int_equal(assay_claims_get_text(claims, rows[i].name, &again, &len), ASSAY_OK);
        assert_ptr_equal(again, text); /* decoded once */
    }
}

static void get_int64(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int code;
        int64_t value;
    } rows[] = {
        {"num", ASSAY_OK, 7},          {"min", ASSAY_OK, INT64_MIN},  {"max", ASSAY_OK, INT64_MAX},
        {"exp", ASSAY_OK, 1700003600}, {"real", ASSAY_E_TYPE, 0},     {"exponent", ASSAY_E_TYPE, 0},
        {"text", ASSAY_E_TYPE, 0},     {"yes", ASSAY_E_TYPE, 0},      {"nil", ASSAY_E_TYPE, 0},
        {"list", ASSAY_E_TYPE, 0},     {"absent", ASSAY_E_ABSENT, 0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int64_t value = -1;
        assert_int_equal(assay_claims_get_int64(claims, rows[i].name, &value), rows[i].code);
        assert_true(value == rows[i].value);
    }
}

static void get_time(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int code;
        int64_t seconds;
        int32_t nanoseconds;
    } rows[] = {
        {"when", ASSAY_OK, 1700000000, 123456789},
        {"exp", ASSAY_OK, 1700003600, 0},
        {"real", ASSAY_OK, 1, 500000000},
        {"exponent", ASSAY_OK, 1000, 0},
        {"late", ASSAY_E_RANGE, 0, 0},
        {"min", ASSAY_E_RANGE, 0, 0},
        {"max", ASSAY_E_RANGE, 0, 0},
        {"text", ASSAY_E_TYPE, 0, 0},
        {"nil", ASSAY_E_TYPE, 0, 0},
        {"absent", ASSAY_E_ABSENT, 0, 0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int64_t seconds = -1;
        int32_t nanoseconds = -1;
        assert_int_equal(assay_claims_get_time(claims, rows[i].name, &seconds, &nanoseconds), rows[i].code);
        assert_true(seconds == rows[i].seconds && nanoseconds == rows[i].nanoseconds);
        assert_int_equal(assay_claims_get_time(claims, rows[i].name, &seconds, NULL), rows[i].code);
    }
}

static void get_boolean(void **state)
{
    (void)state;
    int value = -1;
    assert_int_equal(assay_claims_get_boolean(claims, "yes", &value), ASSAY_OK);
    assert_int_equal(value, 1);
    assert_int_equal(assay_claims_get_boolean(claims, "no", &value), ASSAY_OK);
    assert_int_equal(value, 0);
    static const char *const others[] = {"num", "text", "nil", "list", "object"};
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        value = -1;
        assert_int_equal(assay_claims_get_boolean(claims, others[i], &value), ASSAY_E_TYPE);
        assert_int_equal(value, 0);
    }
    assert_int_equal(assay_claims_get_boolean(claims, "absent", &value), ASSAY_E_ABSENT);
}

static void get_texts(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int code;
        size_t count;
        const char *texts[3];
    } rows[] = {
        {"list", ASSAY_OK, 3, {"a", "b", ""}}, {"none", ASSAY_OK, 0, {NULL}},
        {"text", ASSAY_OK, 1, {"t"}},          {"aud", ASSAY_OK, 1, {TRIAL_AUDIENCE}},
        {"mixed", ASSAY_E_TYPE, 0, {NULL}},    {"num", ASSAY_E_TYPE, 0, {NULL}},
        {"nil", ASSAY_E_TYPE, 0, {NULL}},      {"object", ASSAY_E_TYPE, 0, {NULL}},
        {"absent", ASSAY_E_ABSENT, 0, {NULL}},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        size_t count = 99, len;
        const char *text;
        assert_int_equal(assay_claims_get_text_count(claims, rows[i].name, &count), rows[i].code);
        assert_int_equal(count, rows[i].count);
        for (size_t n = 0; n < count; n++) {
            int code = assay_claims_get_text_at(claims, rows[i].name, n, &text, &len);
            expect_text(code, text, len, ASSAY_OK, rows[i].texts[n]);
        }
        int past = rows[i].code == ASSAY_OK ? ASSAY_E_ABSENT : rows[i].code;
        expect_text(assay_claims_get_text_at(claims, rows[i].name, count, &text, &len), NULL, 0, past, NULL);
        expect_text(assay_claims_get_text_at(claims, rows[i].name, SIZE_MAX, &text, &len), NULL, 0, past, NULL);
    }
}

static void get_raw_and_pointer(void **state)
{
    (void)state;
    static const struct {
        const char *pointer;
        int code, text_code;
        const char *raw, *text;
    } rows[] = {
        {"/text", ASSAY_OK, ASSAY_OK, "\"t\"", "t"},
        {"/list/1", ASSAY_OK, ASSAY_OK, "\"\\u0062\"", "b"},
        {"/object/in/deep/1/x", ASSAY_OK, ASSAY_OK, "\"found\"", "found"},
        {"/object/in/deep", ASSAY_OK, ASSAY_E_TYPE, "[1,{\"x\":\"found\"}]", NULL},
        {"/object/a~1b", ASSAY_OK, ASSAY_OK, "\"slash\"", "slash"},
        {"/object/m~0n", ASSAY_OK, ASSAY_OK, "\"tilde\"", "tilde"},
        {"/object/", ASSAY_OK, ASSAY_OK, "\"blank\"", "blank"},
        {"/", ASSAY_OK, ASSAY_OK, "\"empty name\"", "empty name"},
        {"/kubernetes.io/namespace", ASSAY_OK, ASSAY_OK, "\"prod\"", "prod"},
        {"/num", ASSAY_OK, ASSAY_E_TYPE, "7", NULL},
        {"/nil", ASSAY_OK, ASSAY_E_TYPE, "null", NULL},
        {"/key", ASSAY_OK, ASSAY_OK, "\"by decoded name\"", "by decoded name"},
        {"/list/3", ASSAY_E_ABSENT, ASSAY_E_ABSENT, NULL, NULL},
        {"/list/01", ASSAY_E_ABSENT, ASSAY_E_ABSENT, NULL, NULL},
        {"/list/-", ASSAY_E_ABSENT, ASSAY_E_ABSENT, NULL, NULL},
        {"/list/-1", ASSAY_E_ABSENT, ASSAY_E_ABSENT, NULL, NULL},
        {"/list/18446744073709551617", ASSAY_E_ABSENT, ASSAY_E_ABSENT, NULL, NULL},
        {"/text/x", ASSAY_E_ABSENT, ASSAY_E_ABSENT, NULL, NULL},
        {"/object/in/absent", ASSAY_E_ABSENT, ASSAY_E_ABSENT, NULL, NULL},
        {"/deep", ASSAY_E_ABSENT, ASSAY_E_ABSENT, NULL, NULL},
        {"text", ASSAY_E_ARGUMENT, ASSAY_E_ARGUMENT, NULL, NULL},
        {"/~", ASSAY_E_ARGUMENT, ASSAY_E_ARGUMENT, NULL, NULL},
        {"/a~2b", ASSAY_E_ARGUMENT, ASSAY_E_ARGUMENT, NULL, NULL},
    };
    const char *text;
    size_t len;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int code = assay_claims_get_raw_by_pointer(claims, rows[i].pointer, &text, &len);
        expect_text(code, text, len, rows[i].code, rows[i].raw);
        code = assay_claims_get_text_by_pointer(claims, rows[i].pointer, &text, &len);
        expect_text(code, text, len, rows[i].text_code, rows[i].text);
    }
    assert_int_equal(assay_claims_get_raw_by_pointer(claims, "", &text, &len), ASSAY_OK);
    assert_true(text[0] == '{' && text[len - 1] == '}');
    int code = assay_claims_get_raw(claims, "mixed", &text, &len);
    expect_text(code, text, len, ASSAY_OK, "[\"a\",1]");
    code = assay_claims_get_raw(claims, "absent", &text, &len);
    expect_text(code, text, len, ASSAY_E_ABSENT, NULL);
    assert_int_equal(assay_claims_get_json(claims, &text, &len), ASSAY_OK);
    assert_int_equal(strlen(text), len);
    assert_int_equal(assay_jws_check_claims_object((const uint8_t *)text, len, NULL), ASSAY_OK);
    assert_non_null(strstr(text, "by decoded name"));
}

static void null_arguments(void **state)
{
    (void)state;
    const char *text = NULL;
    size_t len = 0;
    int64_t number;
    int value;
    const assay_claims *given[] = {NULL, claims};
    for (int i = 0; i < 2; i++) { /* no claims; no name */
        const char *name = i == 0 ? "text" : NULL;
        assert_int_equal(assay_claims_get_text(given[i], name, &text, &len), ASSAY_E_ARGUMENT);
        assert_int_equal(assay_claims_get_int64(given[i], name, &number), ASSAY_E_ARGUMENT);
        assert_int_equal(assay_claims_get_time(given[i], name, &number, NULL), ASSAY_E_ARGUMENT);
        assert_int_equal(assay_claims_get_boolean(given[i], name, &value), ASSAY_E_ARGUMENT);
        assert_int_equal(assay_claims_get_text_count(given[i], name, &len), ASSAY_E_ARGUMENT);
        assert_int_equal(assay_claims_get_text_at(given[i], name, 0, &text, &len), ASSAY_E_ARGUMENT);
        assert_int_equal(assay_claims_get_raw(given[i], name, &text, &len), ASSAY_E_ARGUMENT);
        assert_int_equal(assay_claims_get_text_by_pointer(given[i], name, &text, &len), ASSAY_E_ARGUMENT);
        assert_int_equal(assay_claims_get_raw_by_pointer(given[i], name, &text, &len), ASSAY_E_ARGUMENT);
    }
    assert_int_equal(assay_claims_get_json(NULL, &text, &len), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_claims_get_json(claims, NULL, &len), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_claims_get_json(claims, &text, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_claims_get_text(claims, "text", NULL, &len), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_claims_get_text(claims, "text", &text, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_claims_get_int64(claims, "num", NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_claims_get_time(claims, "exp", NULL, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_claims_get_boolean(claims, "yes", NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_claims_get_text_count(claims, "list", NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_claims_get_text_at(claims, "list", 0, NULL, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_claims_get_raw(claims, "list", NULL, NULL), ASSAY_E_ARGUMENT);
    assert_null(assay_claims_ref(NULL));
    assay_claims_unref(NULL);
}

/* The claims hold what they need: token, validator, request and runtime may all be gone. */
static void claims_outlive_everything(void **state)
{
    (void)state;
    trial t;
    trial_open(&t, "ES256");
    assay_claims *own = trial_claims(&t, trial_sign(&t, TRIAL_CLAIMS(",\"late\":\"\\u0061\"")));
    trial_close(&t);
    assert_ptr_equal(assay_claims_ref(own), own);
    assay_claims_unref(own);
    const char *text;
    size_t len;
    int code = assay_claims_get_text(own, "late", &text, &len);
    expect_text(code, text, len, ASSAY_OK, "a");
    assert_string_equal(assay_claims_kid(own), "k");
    assert_int_equal(assay_claims_get_json(own, &text, &len), ASSAY_OK);
    assay_claims_unref(own);
    /* Without kid and sub. */
    trial_open(&t, "ES256");
    own = trial_claims(&t, trial_token(&t, "{\"alg\":\"ES256\"}", "{" TRIAL_BARE "}"));
    assert_null(assay_claims_kid(own));
    assert_null(assay_claims_subject(own));
    assay_claims_unref(own);
    trial_close(&t);
}

static void *read_all(void *data)
{
    (void)data;
    for (int i = 0; i < 300; i++) {
        assay_claims *own = assay_claims_ref(claims);
        const char *text = NULL;
        size_t len = 0;
        char name[16] = "list";
        if (assay_claims_get_text(own, i % 2 ? "escaped" : "key", &text, &len) != ASSAY_OK || text[len] != '\0' ||
            assay_claims_get_json(own, &text, &len) != ASSAY_OK || strlen(text) != len ||
            assay_claims_get_text_at(own, name, (size_t)i % 3, &text, &len) != ASSAY_OK ||
            assay_claims_get_text_by_pointer(own, "/object/in/deep/1/x", &text, &len) != ASSAY_OK ||
            strcmp(text, "found") != 0 || assay_claims_get_identity(own, &text) != ASSAY_OK ||
            strcmp(text, "oidc|" TRIAL_ISSUER "|s\xc3\xbc"
                         "b") != 0)
            return (void *)1;
        assay_claims_unref(own);
    }
    return NULL;
}

static void concurrent_getters(void **state)
{
    (void)state;
    pthread_t threads[8];
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_all, NULL), 0);
    for (size_t i = 0; i < 8; i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(concurrent_getters), /* first, so that nothing was decoded before */
        cmocka_unit_test(plain_getters),
        cmocka_unit_test(get_text),
        cmocka_unit_test(get_int64),
        cmocka_unit_test(get_time),
        cmocka_unit_test(get_boolean),
        cmocka_unit_test(get_texts),
        cmocka_unit_test(get_raw_and_pointer),
        cmocka_unit_test(null_arguments),
        cmocka_unit_test(claims_outlive_everything),
    };
    return cmocka_run_group_tests(tests, open_claims, close_claims);
}
