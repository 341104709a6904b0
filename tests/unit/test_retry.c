/* SPDX-License-Identifier: MIT */
/* Whether and when a request is made again (cases 51 to 53, 55, 56, 62 to 64); header fields are read as an engine hands them over. */
#include "acquire/machine.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>

#define NOW 1700000000 /* Tue, 14 Nov 2023 22:13:20 GMT */

static assay_http_response answer(int status, const char *name, const char *value)
{
    assay_http_response response;
    assay_http_response_init(&response);
    response.status = status;
    if (name != NULL)
        assert_true(assay_http_response_add_header(&response, name, strlen(name), value, strlen(value), NOW));
    return response;
}

static int64_t asked(int status, const char *name, const char *value)
{
    assay_http_response response = answer(status, name, value);
    return assay_retry_after(&response);
}

static int64_t endpoint(unsigned tries, int status)
{
    assay_http_response response = answer(status, NULL, NULL);
    return assay_retry_token_endpoint(tries, &response, false);
}

static int64_t imds(unsigned tries, int64_t since, int status)
{
    assay_http_response response = answer(status, NULL, NULL);
    return assay_retry_imds(tries, since, &response);
}

/* A fifth around it. */
static void is_about(int64_t wait, int64_t milliseconds)
{
    assert_in_range(wait, milliseconds * 4 / 5, milliseconds * 6 / 5);
}

static void test_case_51_seconds(void **state)
{
    (void)state;
    assert_int_equal(asked(429, "Retry-After", "2"), 2);
    assert_int_equal(asked(503, "Retry-After", "2"), 2);
    assay_http_response response = answer(429, "Retry-After", "2");
    assert_int_equal(assay_retry_token_endpoint(1, &response, false), 2000);
    assert_int_equal(assay_retry_token_endpoint(2, &response, false), 2000);
    assert_int_equal(assay_retry_token_endpoint(3, &response, false), -1);
    assert_int_equal(asked(429, "retry-after-ms", "1500"), 2);
    assert_int_equal(asked(429, "x-ms-retry-after-ms", "1"), 1);
    response = answer(429, "x-ms-retry-after-ms", "250");
    assert_int_equal(assay_retry_token_endpoint(1, &response, false), 250);
    /* Never sooner than the server says, nor than without its word. */
    response = answer(503, "Retry-After", "30");
    assert_int_equal(assay_retry_token_endpoint(1, &response, false), 30000);
    response = answer(503, "retry-after-ms", "10");
    is_about(assay_retry_token_endpoint(1, &response, false), 1000);
}

static void test_case_52_dates(void **state)
{
    (void)state;
    assert_int_equal(asked(429, "Retry-After", "Tue, 14 Nov 2023 22:14:00 GMT"), 40);
    assert_int_equal(asked(429, "Retry-After", "Tue, 14 Nov 2023 22:13:20 GMT"), 60);
    assert_int_equal(asked(429, "Retry-After", "Mon, 13 Nov 2023 22:13:20 GMT"), 60);
    assert_int_equal(asked(503, "Retry-After", "Mon, 13 Nov 2023 22:13:20 GMT"), 0);
    assert_int_equal(asked(429, "Retry-After", "Wed, 15 Nov 2023 22:13:20 GMT"), 3600);
}

static void test_case_53_garbage(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "soon", "-5", "1.5", "2 s", "0x10", "0"};
    assert_int_equal(asked(429, NULL, NULL), 60);
    assert_int_equal(asked(503, NULL, NULL), 0);
    for (size_t i = 0; i < ASSAY_COUNT_OF(bad); i++) {
        assert_int_equal(asked(429, "Retry-After", bad[i]), 60);
        assert_int_equal(asked(503, "Retry-After", bad[i]), 0);
    }
    static const char *const long_ones[] = {"3600", "3601", "99999999", "99999999999999999999999"};
    for (size_t i = 0; i < ASSAY_COUNT_OF(long_ones); i++)
        assert_int_equal(asked(429, "Retry-After", long_ones[i]), 3600);
    assert_int_equal(asked(429, "retry-after-ms", "999999999999"), 3600);
}

static void test_case_55_server_errors(void **state)
{
    (void)state;
    static const int statuses[] = {408, 500, 502, 503, 504};
    for (size_t i = 0; i < ASSAY_COUNT_OF(statuses); i++) {
        is_about(endpoint(1, statuses[i]), 1000);
        is_about(endpoint(2, statuses[i]), 2000);
        assert_int_equal(endpoint(3, statuses[i]), -1);
    }
    is_about(assay_retry_token_endpoint(1, NULL, false), 1000);
    is_about(assay_retry_token_endpoint(2, NULL, false), 2000);
    assert_int_equal(assay_retry_token_endpoint(3, NULL, false), -1);
    assay_http_response response = answer(400, NULL, NULL);
    is_about(assay_retry_token_endpoint(1, &response, true), 1000);
    /* Jitter is not the same each time. */
    int64_t first = endpoint(1, 503);
    bool differs = false;
    for (int i = 0; i < 200; i++) {
        int64_t wait = endpoint(1, 503);
        is_about(wait, 1000);
        differs = differs || wait != first;
    }
    assert_true(differs);
}

static void test_case_56_refusals_are_final(void **state)
{
    (void)state;
    static const int statuses[] = {200, 302, 400, 401, 403, 404, 410, 501, 505, 511};
    for (size_t i = 0; i < ASSAY_COUNT_OF(statuses); i++)
        assert_int_equal(endpoint(1, statuses[i]), -1);
}

static void test_case_62_an_agent_that_is_replaced(void **state)
{
    (void)state;
    static const int64_t waits[] = {2000, 4000, 8000, 16000, 25000};
    for (unsigned i = 0; i < ASSAY_COUNT_OF(waits); i++)
        is_about(imds(i + 1, 0, 410), waits[i]);
    is_about(imds(6, 44000, 410), 25000);
    is_about(imds(9, 69999, 410), 25000);
    assert_int_equal(imds(6, 70000, 410), -1);
    is_about(imds(5, 70000, 410), 25000);
}

static void test_case_63_agents_that_are_busy(void **state)
{
    (void)state;
    static const int statuses[] = {404, 429, 500, 503, 511};
    for (size_t i = 0; i < ASSAY_COUNT_OF(statuses); i++) {
        is_about(imds(1, 0, statuses[i]), 2000);
        is_about(imds(5, 0, statuses[i]), 25000);
        assert_int_equal(imds(6, 0, statuses[i]), -1);
    }
    assay_http_response response = answer(429, "Retry-After", "7");
    assert_int_equal(assay_retry_imds(1, 0, &response), 7000);
    is_about(assay_retry_imds(1, 0, NULL), 2000);
    is_about(assay_retry_imds(2, 0, NULL), 4000);
    assert_int_equal(assay_retry_imds(3, 0, NULL), -1);
}

static void test_case_64_refusals_of_an_agent_are_final(void **state)
{
    (void)state;
    static const int statuses[] = {200, 400, 401, 403, 405, 408, 512, 600};
    for (size_t i = 0; i < ASSAY_COUNT_OF(statuses); i++)
        assert_int_equal(imds(1, 0, statuses[i]), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_case_51_seconds),
        cmocka_unit_test(test_case_52_dates),
        cmocka_unit_test(test_case_53_garbage),
        cmocka_unit_test(test_case_55_server_errors),
        cmocka_unit_test(test_case_56_refusals_are_final),
        cmocka_unit_test(test_case_62_an_agent_that_is_replaced),
        cmocka_unit_test(test_case_63_agents_that_are_busy),
        cmocka_unit_test(test_case_64_refusals_of_an_agent_are_final),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
