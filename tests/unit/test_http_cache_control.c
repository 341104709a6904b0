/* SPDX-License-Identifier: MIT */
#include "base/memory.h"
#include "http/cache_control.h"
#include "http/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const int64_t MOST = INT64_C(1) << 31;

static int64_t max_age(const char *value)
{
    return assay_cache_control_max_age(value, strlen(value));
}

static void test_max_age(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        int64_t seconds;
    } cases[] = {
        {"max-age=21532", 21532},
        {"public, max-age=3600", 3600},
        {"max-age=15, stale-while-revalidate=15, stale-if-error=86400", 15}, /* Auth0 */
        {"max-age=86400, private", 86400},                                   /* Entra */
        {"max-age=3828277", 3828277},                                        /* Okta */
        {"no-cache", 0},                                                     /* Keycloak */
        {"no-store", 0},                                                     /* Vault */
        {"private", -1},                                                     /* OneLogin */
        {"", -1},
        {",", -1},
        {" , ,\t, ", -1},
        {"MAX-AGE=5", 5},
        {"Max-Age=5 ", 5},
        {"\tmax-age=5\t,", 5},
        {"max-age=\"7\"", 7},
        {"max-age=\"\"", -1},
        {"max-age=\"7", -1},
        {"max-age=", -1},
        {"max-age", -1},
        {"max-age=-1", -1},
        {"max-age=+1", -1},
        {"max-age=1.5", -1},
        {"max-age=1e3", -1},
        {"max-age=0x10", -1},
        {"max-age= 5", -1},
        {"max-age =5", -1},
        {"max-age=5;max-age=6", -1},
        {"max-age=60, max-age=10", 10},
        {"max-age=10, max-age=60", 10},
        {"max-age=60, no-cache", 0},
        {"NO-STORE, max-age=60", 0},
        {"no-cache=\"set-cookie\", max-age=60", 0},
        {"xmax-age=5", -1},
        {"s-maxage=5", -1},
        {"x=\"max-age=1, no-store\", max-age=9", 9},
        {"x=\"\\\", no-store\", max-age=9", 9},
        {"x=\"unterminated, no-store", -1},
        {"x=\"\\", -1},
        {"max-age=2147483647", 2147483647},
        {"max-age=2147483648", 2147483648},
        {"max-age=2147483649", 2147483648},
        {"max-age=99999999999999999999999999999999999999", 2147483648},
        {"max-age=000000000000000000000000000000000005", 5},
    };
    for (size_t i = 0; i < ASSAY_COUNT_OF(cases); i++)
        if (max_age(cases[i].value) != cases[i].seconds)
            fail_msg("%s: %lld", cases[i].value, (long long)max_age(cases[i].value));
    assert_int_equal(assay_cache_control_max_age("max-age=1\0"
                                                 "0",
                                                 11),
                     -1);
    assert_int_equal(assay_cache_control_max_age(NULL, 0), -1);
    assert_int_equal(assay_cache_control_max_age("max-age=123", 9), 1);
}

static void test_age(void **state)
{
    (void)state;
    assert_int_equal(assay_http_age("17", 2), 17);
    assert_int_equal(assay_http_age(" 17 ", 4), 17);
    assert_int_equal(assay_http_age("", 0), -1);
    assert_int_equal(assay_http_age("-1", 2), -1);
    assert_int_equal(assay_http_age("1, 2", 4), -1);
    assert_int_equal(assay_http_age("9999999999999999999999", 22), MOST);
}

static int64_t retry_after(const char *value, int64_t now)
{
    return assay_http_retry_after(value, strlen(value), now);
}

static void test_retry_after(void **state)
{
    (void)state;
    assert_int_equal(retry_after("120", 0), 120);
    assert_int_equal(retry_after("0", 0), 0);
    assert_int_equal(retry_after("99999999999", 0), MOST);
    /* RFC 9110, section 5.6.7: the example is 784111777 */
    assert_int_equal(retry_after("Sun, 06 Nov 1994 08:49:37 GMT", 784111777 - 30), 30);
    assert_int_equal(retry_after("Sun, 06 Nov 1994 08:49:37 GMT", 784111777), 0);
    assert_int_equal(retry_after("Sun, 06 Nov 1994 08:49:37 GMT", 784111778), 0);
    assert_int_equal(retry_after("Thu, 01 Jan 1970 00:00:10 GMT", 0), 10);
    assert_int_equal(retry_after("Thu, 29 Feb 2024 23:59:60 GMT", 1709251199), 1);
    assert_int_equal(retry_after("Fri, 31 Dec 9999 23:59:59 GMT", 0), MOST);
    static const char *const bad[] = {
        "",
        "-1",
        "1.5",
        "soon",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 32 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 1969 08:49:37 GMT",
        "Sun, 06 Nox 1994 08:49:37 GMT",
        "Sun, 06 Nov 19a4 08:49:37 GMT",
        "Sun, 06 Nov 1994 08.49.37 GMT",
        "Xyz, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 ovD 1994 08:49:37 GMT",
    };
    for (size_t i = 0; i < ASSAY_COUNT_OF(bad); i++)
        if (retry_after(bad[i], 0) != -1)
            fail_msg("accepted: %s", bad[i]);
    assert_int_equal(retry_after("Sun, 06 Nov 1994 08:49:37 GMT", -1), -1); /* no clock */
}

static void add(assay_http_response *response, const char *name, const char *value)
{
    assay_http_response_add_header(response, name, strlen(name), value, strlen(value), 0);
}

static void test_headers(void **state)
{
    (void)state;
    assay_http_response response;
    assay_http_response_init(&response);
    assert_int_equal(response.max_age, -1);
    assert_int_equal(response.retry_after, -1);
    add(&response, "CONTENT-TYPE", " application/json; charset=utf-8\r\n");
    add(&response, "ETag", " W/\"abc\"\r\n");
    add(&response, "etag", "\"second\"");
    add(&response, "Retry-After", "7\r\n");
    add(&response, "X-Unknown", "1");
    add(&response, "", "");
    assert_string_equal(response.content_type, "application/json; charset=utf-8");
    assert_string_equal(response.etag, "W/\"abc\"");
    assert_int_equal(response.retry_after, 7);
    assert_false(response.encoded);
    assay_http_response_clear(&response);
    assert_string_equal(response.etag, "");
}

static int64_t with_age(const char *first_name, const char *first, const char *second_name, const char *second)
{
    assay_http_response response;
    assay_http_response_init(&response);
    add(&response, first_name, first);
    add(&response, second_name, second);
    return response.max_age;
}

static void test_age_is_taken_off(void **state)
{
    (void)state;
    assert_int_equal(with_age("Cache-Control", "max-age=100", "Age", "30"), 70);
    assert_int_equal(with_age("Age", "30", "Cache-Control", "max-age=100"), 70);
    assert_int_equal(with_age("Age", "300", "Cache-Control", "max-age=100"), 0);
    assert_int_equal(with_age("Cache-Control", "max-age=100", "Age", "300"), 0);
    assert_int_equal(with_age("Cache-Control", "private", "Age", "300"), -1);
    assert_int_equal(with_age("Cache-Control", "max-age=100", "Age", "x"), 100);
    assert_int_equal(with_age("Cache-Control", "max-age=100", "Cache-Control", "max-age=50"), 50);
    assert_int_equal(with_age("Cache-Control", "max-age=50", "Cache-Control", "max-age=100"), 50);

    assay_http_response response;
    assay_http_response_init(&response);
    add(&response, "Age", "10");
    add(&response, "Cache-Control", "max-age=100");
    add(&response, "Age", "30");
    add(&response, "Age", "20");
    assert_int_equal(response.max_age, 70);
}

static void test_content_encoding(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        bool encoded;
    } cases[] = {{"gzip", true},      {"br", true}, {"identity", false},
                 {"IDENTITY", false}, {"", false},  {"identity, gzip", true}};
    for (size_t i = 0; i < ASSAY_COUNT_OF(cases); i++) {
        assay_http_response response;
        assay_http_response_init(&response);
        add(&response, "Content-Encoding", cases[i].value);
        assert_int_equal(response.encoded, cases[i].encoded);
        add(&response, "Content-Encoding", "identity");
        assert_int_equal(response.encoded, cases[i].encoded);
    }
}

static void test_etag_is_safe_to_send_back(void **state)
{
    (void)state;
    static const char *const bad[] = {"abc",   "\"",      "\"a\" \"b\"", "\"a\r\nX: y\"", "\"a b\"", "\"\xc3\xbc\"",
                                      "W/abc", "w/\"a\"", "'a'"};
    for (size_t i = 0; i < ASSAY_COUNT_OF(bad); i++) {
        assay_http_response response;
        assay_http_response_init(&response);
        add(&response, "ETag", bad[i]);
        assert_string_equal(response.etag, "");
    }
    for (size_t len = ASSAY_LIMIT_ETAG_BYTES - 1; len <= ASSAY_LIMIT_ETAG_BYTES + 1; len++) {
        char tag[ASSAY_LIMIT_ETAG_BYTES + 2];
        memset(tag, 'x', sizeof tag);
        tag[0] = tag[len - 1] = '"';
        tag[len] = '\0';
        assay_http_response response;
        assay_http_response_init(&response);
        add(&response, "ETag", tag);
        assert_int_equal(strlen(response.etag), len <= ASSAY_LIMIT_ETAG_BYTES ? len : 0);
    }
}

static void test_long_content_type_is_cut(void **state)
{
    (void)state;
    char type[400];
    memset(type, 'x', sizeof type);
    type[5] = '\x01';
    type[sizeof type - 1] = '\0';
    assay_http_response response;
    assay_http_response_init(&response);
    add(&response, "Content-Type", type);
    assert_int_equal(strlen(response.content_type), sizeof response.content_type - 1);
    assert_int_equal(response.content_type[5], '?');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_max_age),
        cmocka_unit_test(test_age),
        cmocka_unit_test(test_retry_after),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_age_is_taken_off),
        cmocka_unit_test(test_content_encoding),
        cmocka_unit_test(test_etag_is_safe_to_send_back),
        cmocka_unit_test(test_long_content_type_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
