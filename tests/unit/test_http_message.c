/* SPDX-License-Identifier: MIT */
/* What is taken from the header fields and the body of an answer, without an engine. */
#include "http/message.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static assay_http_response answer;

static void add(const char *name, const char *value, size_t len)
{
    assert_true(assay_http_response_add_header(&answer, name, strlen(name), value, len, 1000));
}

static int64_t retry_ms(const char *name, const char *value)
{
    assay_http_response_init(&answer);
    add(name, value, strlen(value));
    return answer.retry_after_ms;
}

static void test_case_53_retry_after_in_milliseconds(void **state)
{
    (void)state;
    static const char *const garbage[] = {
        "", " ", "-1", "+1", "1.5", "1s", "0x1", "1 2", "Thu, 01 Jan 1970 00:20:00 GMT"};
    for (size_t i = 0; i < ASSAY_COUNT_OF(garbage); i++)
        assert_int_equal(retry_ms("retry-after-ms", garbage[i]), -1);
    assert_int_equal(retry_ms("retry-after-ms", "0"), 0);
    assert_int_equal(retry_ms("Retry-After-MS", " 1500\t"), 1500);
    assert_int_equal(retry_ms("X-Ms-Retry-After-Ms", "20"), 20);
    assert_int_equal(retry_ms("retry-after-ms", "99999999999999999999999"), INT64_C(1) << 31);
    add("x-ms-retry-after-ms", "junk", 4); /* takes nothing back */
    assert_int_equal(answer.retry_after_ms, INT64_C(1) << 31);
    assert_int_equal(retry_ms("retry-after", "5"), -1);
    assert_int_equal(answer.retry_after, 5);
}

static int64_t date(const char *value)
{
    assay_http_response_init(&answer);
    add("Date", value, strlen(value));
    return answer.date;
}

static void test_dates(void **state)
{
    (void)state;
    assert_int_equal(date("Sun, 06 Nov 1994 08:49:37 GMT"), 784111777);
    assert_int_equal(date(" Thu, 01 Jan 1970 00:00:00 GMT "), 0);
    add("Date", "Thu, 01 Jan 1970 00:00:09 GMT", 29); /* the first one counts */
    assert_int_equal(answer.date, 0);
    static const char *const garbage[] = {"",
                                          "0",
                                          "1994-11-06T08:49:37Z",
                                          "Sunday, 06-Nov-94 08:49:37 GMT",
                                          "Sun Nov  6 08:49:37 1994",
                                          "Sun, 06 Nov 1994 08:49:37 CET",
                                          "Sun, 06 Nov 1969 08:49:37 GMT",
                                          "Sun, 06 Nov 1994 24:49:37 GMT"};
    for (size_t i = 0; i < ASSAY_COUNT_OF(garbage); i++)
        assert_int_equal(date(garbage[i]), -1);
}

static void test_challenges(void **state)
{
    (void)state;
    static char longest[ASSAY_LIMIT_CHALLENGE_BYTES + 1];
    memset(longest, 'a', sizeof longest);
    assay_http_response_init(&answer);
    add("www-authenticate", longest, sizeof longest - 1);
    assert_int_equal(strlen(answer.www_authenticate), ASSAY_LIMIT_CHALLENGE_BYTES);
    assay_http_response_clear(&answer);
    assert_null(answer.www_authenticate);
    /* The first one counts, though it can't be used. */
    add("WWW-Authenticate", longest, sizeof longest);
    add("WWW-Authenticate", "Bearer", 6);
    assert_null(answer.www_authenticate);
    assay_http_response_clear(&answer);
    add("WWW-Authenticate", "Basic realm=/a\0b", 16);
    assert_null(answer.www_authenticate);
    assay_http_response_clear(&answer);
    add("WWW-Authenticate", "", 0);
    assert_string_equal(answer.www_authenticate, "");
    assay_http_response_clear(&answer);
}

/* In several pieces, byte by byte the same, and terminated after each; the room grows by doubling. */
static void test_body_grows(void **state)
{
    (void)state;
    enum { WHOLE = 20000 };
    static char whole[WHOLE];
    for (int i = 0; i < WHOLE; i++)
        whole[i] = (char)(i * 7);
    for (size_t step = 1; step < WHOLE; step = step * 5 + 1) {
        assay_http_response_init(&answer);
        for (size_t at = 0; at < WHOLE; at += step) {
            assert_true(assay_http_response_add_body(&answer, whole + at, at + step < WHOLE ? step : WHOLE - at));
            assert_int_equal(answer.body[answer.body_len], '\0');
        }
        assert_int_equal(answer.body_len, WHOLE);
        assert_memory_equal(answer.body, whole, WHOLE);
        assert_true(answer.body_room <= 2 * WHOLE + 1);
        assay_http_response_clear(&answer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_case_53_retry_after_in_milliseconds),
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_challenges),
        cmocka_unit_test(test_body_grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
