/* SPDX-License-Identifier: MIT */
/* Operations with canned answers: what they ask for, what they make of each answer, and every state that they can be left in. */
#include "support/canned.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define WAIT 20000

static canned c;
static char *token;

static int open_cold(void **state)
{
    (void)state;
    canned_open(&c);
    canned_start(&c, NULL, NULL);
    token = canned_token(&c);
    return 0;
}

static int close_canned(void **state)
{
    (void)state;
    free(token);
    canned_close(&c);
    return 0;
}

static void asks_for_nothing(const assay_op *op)
{
    assert_null(assay_op_fetch_method(op));
    assert_null(assay_op_fetch_url(op));
    assert_int_equal(assay_op_fetch_header_count(op), 0);
    assert_null(assay_op_fetch_header_name(op, 0));
    assert_null(assay_op_fetch_header_value(op, 0));
    assert_int_equal(assay_op_fetch_body_limit(op), 0);
    assert_int_equal(assay_op_fetch_timeout_ms(op), 0);
}

static void asks_for(const assay_op *op, const char *url, const char *accept, const char *etag, size_t limit)
{
    assert_string_equal(assay_op_fetch_method(op), "GET");
    assert_string_equal(assay_op_fetch_url(op), url);
    assert_int_equal(assay_op_fetch_header_count(op), etag == NULL ? 1 : 2);
    assert_string_equal(assay_op_fetch_header_name(op, 0), "Accept");
    assert_string_equal(assay_op_fetch_header_value(op, 0), accept);
    if (etag != NULL) {
        assert_string_equal(assay_op_fetch_header_name(op, 1), "If-None-Match");
        assert_string_equal(assay_op_fetch_header_value(op, 1), etag);
    }
    assert_null(assay_op_fetch_header_name(op, etag == NULL ? 1 : 2));
    assert_null(assay_op_fetch_header_value(op, SIZE_MAX));
    assert_int_equal(assay_op_fetch_body_limit(op), limit);
    assert_in_range(assay_op_fetch_timeout_ms(op), 1, 5000);
    assert_int_equal(assay_op_wait_ms(op), 0);
}

#define ASKS_METADATA(op, etag) asks_for(op, CANNED_METADATA_URL, "application/json", etag, 262144)
#define ASKS_KEYS(op, etag) asks_for(op, CANNED_JWKS_URI, "application/jwk-set+json, application/json", etag, 524288)

static void cold_to_accepted(void **state)
{
    (void)state;
    assay_op *op = canned_validation(&c, token, WAIT);
    assert_null(assay_op_user_data(op));
    assay_op_set_user_data(op, &c);
    asks_for_nothing(op);
    canned_result(op, ASSAY_E_STATE, false);
    canned_step(op, ASSAY_WANT_FETCH);
    ASKS_METADATA(op, NULL);
    canned_step(op, ASSAY_WANT_FETCH); /* stepping without an answer changes nothing */
    ASKS_METADATA(op, NULL);
    canned_result(op, ASSAY_E_STATE, false);
    canned_answer_well(&c, op);
    canned_step(op, ASSAY_WANT_FETCH);
    ASKS_KEYS(op, NULL);
    canned_answer_well(&c, op);
    canned_result(op, ASSAY_E_STATE, false); /* it wants the last step yet */
    canned_step(op, ASSAY_WANT_NOTHING);
    asks_for_nothing(op);
    assert_int_equal(assay_op_wait_ms(op), 0);
    canned_result(op, ASSAY_OK, true);
    assert_ptr_equal(assay_op_user_data(op), &c);

    /* Each result is a reference of its own, which outlives the operation. */
    assay_claims *first = NULL, *second = NULL;
    must_ok(assay_op_result(op, &first, NULL));
    must_ok(assay_op_result(op, &second, NULL));
    must_ok(assay_op_result(op, NULL, NULL));
    assay_op_cancel(op); /* it has its result */
    canned_step(op, ASSAY_WANT_NOTHING);
    canned_result(op, ASSAY_OK, true);
    assay_op_free(op);
    assert_string_equal(assay_claims_issuer(first), CANNED_ISSUER);
    assay_claims_unref(first);
    assert_string_equal(assay_claims_issuer(second), CANNED_ISSUER);
    assay_claims_unref(second);

    /* Warm: nothing is asked for. */
    op = canned_validation(&c, token, 1);
    canned_step(op, ASSAY_WANT_NOTHING);
    canned_result(op, ASSAY_OK, true);
    assay_op_free(op);
    assert_int_equal(canned_stat(&c, ASSAY_STAT_KEY_FETCHES), 1);
}

/* The next round is conditional, for each document with the tag of its own; 304 renews what is there. */
static void tags_are_sent_back(void **state)
{
    (void)state;
    const canned_reply metadata = {.headers = {"ETag", "\"m-1\"", "cache-control", "max-age=3600"}};
    const canned_reply keys = {.headers = {"eTaG", "W/\"k-1\"", "X-Unknown", "whatever"}};
    const canned_reply unchanged = {.status = 304, .empty = true};
    assay_op *op = canned_refresh(&c, NULL, WAIT);
    canned_step(op, ASSAY_WANT_FETCH);
    canned_answer(&c, op, &metadata);
    canned_step(op, ASSAY_WANT_FETCH);
    canned_answer(&c, op, &keys);
    canned_step(op, ASSAY_WANT_NOTHING);
    canned_result(op, ASSAY_OK, false);
    assay_op_free(op);

    canned_advance(&c, 3601);
    op = canned_refresh(&c, NULL, WAIT);
    canned_step(op, ASSAY_WANT_FETCH);
    ASKS_METADATA(op, "\"m-1\"");
    canned_answer(&c, op, &unchanged);
    canned_step(op, ASSAY_WANT_FETCH);
    ASKS_KEYS(op, "W/\"k-1\"");
    canned_answer(&c, op, &unchanged);
    canned_step(op, ASSAY_WANT_NOTHING);
    canned_result(op, ASSAY_OK, false);
    assay_op_free(op);
    assert_int_equal(canned_stat(&c, ASSAY_STAT_NOT_MODIFIED), 2);
    assert_int_equal(canned_stat(&c, ASSAY_STAT_FETCH_FAILURES), 0);
}

static const canned_reply bad_answers[] = {
    {.effective_url = "https://elsewhere.example/"},
    {.status = 301, .empty = true},
    {.status = 302, .headers = {"Location", "https://elsewhere.example/"}},
    {.status = 304, .empty = true}, /* nobody asked for it */
    {.status = 404},
    {.status = 503, .headers = {"Retry-After", "7"}},
    {.status = 204, .empty = true},
    {.status = -1},
    {.headers = {"Content-Encoding", "gzip"}},
    {.headers = {"Content-Type", "text/html; charset=utf-8"}},
    {.empty = true},
    {.body_len = 600000},
    {.body = "{"},
    {.body = "[]"},
    {.body = "{\"issuer\":\"https://other.example\",\"jwks_uri\":\"https://other.example/keys\",\"keys\":[]}"},
};
static const int bad_codes[][2] = {
    {ASSAY_E_REDIRECT, ASSAY_E_REDIRECT},       {ASSAY_E_REDIRECT, ASSAY_E_REDIRECT},
    {ASSAY_E_REDIRECT, ASSAY_E_REDIRECT},       {ASSAY_E_RESPONSE, ASSAY_E_RESPONSE},
    {ASSAY_E_HTTP_STATUS, ASSAY_E_HTTP_STATUS}, {ASSAY_E_HTTP_STATUS, ASSAY_E_HTTP_STATUS},
    {ASSAY_E_HTTP_STATUS, ASSAY_E_HTTP_STATUS}, {ASSAY_E_HTTP_STATUS, ASSAY_E_HTTP_STATUS},
    {ASSAY_E_RESPONSE, ASSAY_E_RESPONSE},       {ASSAY_E_RESPONSE, ASSAY_E_RESPONSE},
    {ASSAY_E_RESPONSE, ASSAY_E_RESPONSE},       {ASSAY_E_RESPONSE_SIZE, ASSAY_E_RESPONSE_SIZE},
    {ASSAY_E_METADATA, ASSAY_E_JWKS},           {ASSAY_E_METADATA, ASSAY_E_JWKS},
    {ASSAY_E_METADATA_ISSUER, ASSAY_E_JWKS},
};

/* A document that was refused: the refresh says how, the token is refused as undecided, the log has the code. */
static void end_badly(assay_op *op, bool keys, const canned_reply *reply, int code, bool validation)
{
    canned_step(op, ASSAY_WANT_FETCH);
    if (keys) {
        canned_answer_well(&c, op);
        canned_step(op, ASSAY_WANT_FETCH);
    }
    c.lines = 0;
    canned_answer(&c, op, reply);
    canned_step(op, ASSAY_WANT_NOTHING);
    canned_result(op, validation ? ASSAY_E_KEYS_UNAVAILABLE : code, false);
    assay_error *error = NULL;
    assert_int_not_equal(assay_op_result(op, NULL, &error), ASSAY_OK);
    if (validation) {
        assert_int_equal(assay_error_http_status(error), 503);
        assert_non_null(strstr(assay_error_message(error), assay_code_summary(code)));
        assert_true(assay_error_retry_after(error) >= 1);
        trial_error_is_clean(error, token, strlen(token), __FILE__, __LINE__);
    }
    assay_error_free(error);
    assert_int_equal(c.lines, 1);
    assert_non_null(strstr(c.last_line, assay_code_name(code)));
    assay_op_free(op);
}

static void bad_answers_never_decide(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_answers / sizeof bad_answers[0]; i++) {
        for (int keys = 0; keys < 2; keys++) {
            for (int validation = 0; validation < 2; validation++) {
                close_canned(NULL);
                open_cold(NULL);
                assay_op *op = validation ? canned_validation(&c, token, WAIT) : canned_refresh(&c, NULL, WAIT);
                end_badly(op, keys == 1, &bad_answers[i], bad_codes[i][keys], validation == 1);
                assert_int_equal(canned_stat(&c, ASSAY_STAT_KEYS_SERVED), 0);
            }
        }
    }
}

/* With warm keys a bad answer changes nothing for good tokens. */
static void bad_answers_leave_the_keys(void **state)
{
    (void)state;
    canned_warm_up(&c);
    for (size_t i = 0; i < sizeof bad_answers / sizeof bad_answers[0]; i++) {
        assay_op *op = canned_refresh(&c, CANNED_ISSUER, WAIT);
        int code;
        for (code = assay_op_step(op); code == ASSAY_WANT_FETCH; code = assay_op_step(op))
            canned_answer(&c, op, &bad_answers[i]);
        assert_int_equal(code, ASSAY_WANT_NOTHING);
        assert_int_not_equal(assay_op_result(op, NULL, NULL), ASSAY_OK);
        assay_op_free(op);
        op = canned_validation(&c, token, WAIT);
        canned_step(op, ASSAY_WANT_NOTHING);
        canned_result(op, ASSAY_OK, true);
        assay_op_free(op);
    }
}

static int with_effective_url(const char *url)
{
    const canned_reply reply = {.effective_url = url};
    close_canned(NULL);
    open_cold(NULL);
    assay_op *op = canned_refresh(&c, CANNED_ISSUER, WAIT);
    canned_step(op, ASSAY_WANT_FETCH);
    canned_answer(&c, op, &reply);
    int code = canned_finish(&c, op);
    assay_op_free(op);
    return code;
}

static void spellings_of_the_url(void **state)
{
    (void)state;
    static const char path[] = "/t/.well-known/openid-configuration";
    static const char *const same[] = {"https://issuer.example", "https://issuer.example:443", "https://ISSUER.Example",
                                       "https://Issuer.example:443"};
    static const char *const others[] = {"http://issuer.example",       "https://issuer.example:8443",
                                         "https://issuer.example.",     "https://u@issuer.example",
                                         "https://issuer.example.org",  "HTTPS://issuer.example",
                                         "https://issuer.example:0443", ""};
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        char *url = trial_format("%s%s", same[i], path);
        assert_int_equal(with_effective_url(url), ASSAY_OK);
        free(url);
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        char *url = trial_format("%s%s", others[i], path);
        assert_int_equal(with_effective_url(url), ASSAY_E_REDIRECT);
        free(url);
    }
    assert_int_equal(with_effective_url(CANNED_METADATA_URL "/"), ASSAY_E_REDIRECT);
    assert_int_equal(with_effective_url(CANNED_METADATA_URL "?"), ASSAY_OK); /* an empty query is none */
    assert_int_equal(with_effective_url(CANNED_METADATA_URL "?a=b"), ASSAY_E_REDIRECT);
    assert_int_equal(with_effective_url(CANNED_METADATA_URL "#f"), ASSAY_E_REDIRECT);
    assert_int_equal(with_effective_url("https://issuer.example/T/.well-known/openid-configuration"), ASSAY_E_REDIRECT);
}

static void failures_of_the_host(void **state)
{
    (void)state;
    static const int allowed[] = {ASSAY_E_RESOLVE, ASSAY_E_CONNECT,       ASSAY_E_TLS,     ASSAY_E_TIMEOUT,
                                  ASSAY_E_NETWORK, ASSAY_E_RESPONSE_SIZE, ASSAY_E_RESPONSE};
    for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++) {
        close_canned(NULL);
        open_cold(NULL);
        assay_op *op = canned_refresh(&c, NULL, WAIT);
        canned_step(op, ASSAY_WANT_FETCH);
        assert_int_equal(assay_op_fetch_failed(op, allowed[i], i == 0 ? NULL : "no\nsuch \x1b[31mhost"), ASSAY_OK);
        canned_step(op, ASSAY_WANT_NOTHING);
        canned_result(op, allowed[i], false);
        assay_error *error = NULL;
        assert_int_equal(assay_op_result(op, NULL, &error), allowed[i]);
        assert_null(strchr(assay_error_message(error), '\n'));
        assert_null(strchr(assay_error_message(error), '\x1b'));
        assert_non_null(strstr(assay_error_message(error), i == 0 ? "gave no reason" : "such"));
        assay_error_free(error);
        assay_op_free(op);
    }
}

static void other_codes_are_mistakes(void **state)
{
    (void)state;
    static const int refused[] = {ASSAY_OK,
                                  ASSAY_E_ARGUMENT,
                                  ASSAY_E_SIGNATURE,
                                  ASSAY_E_HTTP_STATUS,
                                  ASSAY_E_CANCELLED,
                                  ASSAY_E_FORKED,
                                  ASSAY_E_MEMORY,
                                  -1,
                                  1 << 30};
    assay_op *op = canned_validation(&c, token, WAIT);
    canned_step(op, ASSAY_WANT_FETCH);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        assert_int_equal(assay_op_fetch_failed(op, refused[i], "x"), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_op_fetched(op, 200, NULL, (const uint8_t *)"{}", 2), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_op_fetched(op, 200, CANNED_METADATA_URL, NULL, 2), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_op_fetched_header(op, NULL, 1, "x", 1), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_op_fetched_header(op, "x", 1, NULL, 1), ASSAY_E_ARGUMENT);
    ASKS_METADATA(op, NULL); /* none of it was an answer */
    assert_int_equal(canned_finish(&c, op), ASSAY_OK);
    assay_op_free(op);
}

static void no_answer_is_wanted(assay_op *op)
{
    asks_for_nothing(op);
    assert_int_equal(assay_op_fetched_header(op, "ETag", 4, "\"x\"", 3), ASSAY_E_STATE);
    assert_int_equal(assay_op_fetched(op, 200, CANNED_JWKS_URI, (const uint8_t *)"{}", 2), ASSAY_E_STATE);
    assert_int_equal(assay_op_fetch_failed(op, ASSAY_E_TLS, NULL), ASSAY_E_STATE);
    assert_int_equal(assay_op_fetch_failed(op, 12345, NULL), ASSAY_E_STATE);
}

static void answers_in_the_wrong_state(void **state)
{
    (void)state;
    assay_op *op = canned_validation(&c, token, WAIT), *waits = canned_validation(&c, token, WAIT);
    no_answer_is_wanted(op);
    canned_step(op, ASSAY_WANT_FETCH);
    canned_step(waits, ASSAY_WANT_WAIT);
    no_answer_is_wanted(waits);
    assert_in_range(assay_op_wait_ms(waits), 1, 100);
    canned_result(waits, ASSAY_E_STATE, false);
    assert_int_equal(canned_finish(&c, op), ASSAY_OK);
    no_answer_is_wanted(op);
    no_answer_is_wanted(waits); /* it did not look yet */
    canned_step(waits, ASSAY_WANT_NOTHING);
    canned_result(waits, ASSAY_OK, true);
    no_answer_is_wanted(waits);
    assay_op_free(op);
    assay_op_free(waits);
}

static void no_operation(void **state)
{
    (void)state;
    assay_op *op = (assay_op *)(uintptr_t)1;
    assay_claims *claims = (assay_claims *)(uintptr_t)1;
    asks_for_nothing(NULL);
    assert_int_equal(assay_op_step(NULL), ASSAY_WANT_NOTHING);
    assert_int_equal(assay_op_wait_ms(NULL), 0);
    assert_int_equal(assay_op_fetched_header(NULL, "a", 1, "b", 1), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_op_fetched(NULL, 200, "a", NULL, 0), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_op_fetch_failed(NULL, ASSAY_E_TLS, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_op_result(NULL, &claims, NULL), ASSAY_E_ARGUMENT);
    assert_null(claims);
    assert_null(assay_op_user_data(NULL));
    assay_op_set_user_data(NULL, &c);
    assay_op_cancel(NULL);
    assay_op_free(NULL);
    must_fail(assay_op_new_validate(NULL, "a", 1, NULL, 1, &op, &error), ASSAY_E_ARGUMENT);
    assert_null(op);
    must_fail(assay_op_new_validate(c.validator, NULL, 1, NULL, 1, &op, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_op_new_validate(c.validator, "a", 1, NULL, 1, NULL, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_op_new_validate(c.validator, "a", 1, NULL, 0, &op, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_op_new_validate(c.validator, "a", 1, NULL, 600001, &op, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_op_new_refresh(NULL, NULL, 1, &op, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_op_new_refresh(c.validator, NULL, -1, &op, &error), ASSAY_E_ARGUMENT);
    op = (assay_op *)(uintptr_t)1;
    must_fail(assay_op_new_refresh(c.validator, "https://other.example", 1, &op, &error), ASSAY_E_NOT_CONFIGURED);
    assert_null(op);
}

/* What needs no key is decided at the first step; a token longer than any is refused for that. */
static void refusals_without_a_fetch(void **state)
{
    (void)state;
    char *huge = trial_repeat("a", 70000);
    char *changed = trial_format("%.*s.AAAA", (int)(strrchr(token, '.') - token), token);
    assay_op *op = canned_validation(&c, "", WAIT);
    canned_step(op, ASSAY_WANT_NOTHING);
    canned_result(op, assay_validator_check(c.validator, "", 0, NULL, &(assay_claims *){NULL}, NULL), false);
    assay_op_free(op);
    op = canned_validation(&c, huge, WAIT);
    canned_step(op, ASSAY_WANT_NOTHING);
    canned_result(op, assay_validator_check(c.validator, huge, 70000, NULL, &(assay_claims *){NULL}, NULL), false);
    assay_op_free(op);
    canned_warm_up(&c);
    op = canned_validation(&c, changed, WAIT);
    canned_step(op, ASSAY_WANT_NOTHING);
    canned_result(op, ASSAY_E_SIGNATURE, false);
    assay_op_free(op);
    free(changed);
    free(huge);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_cold, close_canned)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(cold_to_accepted),           CASE(tags_are_sent_back),         CASE(bad_answers_never_decide),
        CASE(bad_answers_leave_the_keys), CASE(spellings_of_the_url),       CASE(failures_of_the_host),
        CASE(other_codes_are_mistakes),   CASE(answers_in_the_wrong_state), CASE(no_operation),
        CASE(refusals_without_a_fetch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
