/* SPDX-License-Identifier: MIT */
/* Requests as they are made for tokens: what is sent, where to, and what is read of the answer; by both engines. */
#include "support/asker.h"
#include "support/raw_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define FORM "application/x-www-form-urlencoded"
#define ANSWER "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"

static char url[128];

static const char *url_of(const raw_server *server, const char *host)
{
    snprintf(url, sizeof url, "http://%s:%d/t/token?a=b", host, raw_server_port(server));
    return url;
}

static assay_http_request post(const char *to, const char *body, size_t len)
{
    return (assay_http_request){.method = "POST",
                                .url = to,
                                .accept = "application/json",
                                .content_type = FORM,
                                .body = body,
                                .body_len = len,
                                .body_limit = 1000,
                                .allow_loopback_http = true};
}

/* How often a line of the head begins with this name. */
static int count_fields(const char *request, const char *name)
{
    int count = 0;
    const char *end = strstr(request, "\r\n\r\n");
    for (const char *line = strstr(request, "\r\n"); line != NULL && line < end; line = strstr(line + 2, "\r\n"))
        count += strncasecmp(line + 2, name, strlen(name)) == 0 && line[2 + strlen(name)] == ':';
    return count;
}

/* Send it by one engine to a server with one answer; the server is to be stopped. */
static raw_server *send_by(asker_engine engine, assay_http_request *request, const raw_script *script, int code,
                           multi_result *got)
{
    asker at;
    raw_server *server = raw_server_start(script);
    request->url = url_of(server, "127.0.0.1");
    asker_open(&at, engine);
    if (asker_send(&at, request, 5000, got) != code)
        fail_msg("engine %d: %d instead of %d: %s", engine, got->code, code, got->failure.note);
    asker_close(&at);
    return server;
}

static void expect_body(asker_engine engine, const char *body, size_t len)
{
    multi_result got;
    assay_http_request request = post(NULL, body, len);
    raw_server *server = send_by(engine, &request, &(raw_script){.head = ANSWER}, ASSAY_OK, &got);
    const char *sent = raw_server_request(server);
    assert_ptr_equal(strstr(sent, "POST /t/token?a=b HTTP/1.1\r\n"), sent);
    assert_non_null(strstr(sent, "\r\nContent-Type: " FORM "\r\n"));
    assert_int_equal(count_fields(sent, "Content-Type"), 1);
    assert_int_equal(count_fields(sent, "Content-Length"), 1);
    assert_int_equal(count_fields(sent, "Host"), 1);
    assert_int_equal(count_fields(sent, "Expect"), 0);
    assert_int_equal(count_fields(sent, "Transfer-Encoding"), 0);
    const char *at = strstr(sent, "\r\n\r\n") + 4;
    assert_int_equal(raw_server_request_len(server) - (size_t)(at - sent), len);
    assert_memory_equal(at, body, len);
    assert_string_equal(got.response.body, "{}");
    multi_result_clear(&got);
    raw_server_stop(server);
}

/* The long one is beyond what curl would ask leave for with Expect. */
static void test_case_10_11_body_arrives_as_it_is(void **state)
{
    (void)state;
    enum { LONG = 1500000 };
    static const char odd[] = "secret=a%2Bb%2Fc%3D&x=\0\r\n\r\n\x80\xff&y";
    char *longest = malloc(LONG);
    assert_non_null(longest);
    for (int i = 0; i < LONG; i++)
        longest[i] = (char)('a' + i % 23);
    for (asker_engine engine = 0; engine < ASKER_ENGINES; engine++) {
        expect_body(engine, odd, sizeof odd - 1);
        expect_body(engine, "", 0);
        expect_body(engine, longest, 70000);
        expect_body(engine, longest, LONG);
    }
    free(longest);
}

static void test_post_without_a_body_or_type(void **state)
{
    (void)state;
    for (asker_engine engine = 0; engine < ASKER_ENGINES; engine++) {
        multi_result got;
        assay_http_request request = post(NULL, NULL, 0);
        request.content_type = NULL;
        raw_server *server = send_by(engine, &request, &(raw_script){.head = ANSWER}, ASSAY_OK, &got);
        assert_ptr_equal(strstr(raw_server_request(server), "POST "), raw_server_request(server));
        assert_non_null(strstr(raw_server_request(server), "\r\nContent-Length: 0\r\n"));
        assert_int_equal(count_fields(raw_server_request(server), "Content-Type"), 0);
        multi_result_clear(&got);
        raw_server_stop(server);
    }
}

/* One handle after the other: a GET after a POST carries nothing of it. */
static void test_get_after_post(void **state)
{
    (void)state;
    for (asker_engine engine = 0; engine < ASKER_ENGINES; engine++) {
        asker at;
        multi_result got;
        raw_server *server = raw_server_start(&(raw_script){.head = ANSWER});
        assay_http_request request = post(url_of(server, "127.0.0.1"), "a=secret", 8);
        asker_open(&at, engine);
        assert_int_equal(asker_send(&at, &request, 5000, &got), ASSAY_OK);
        multi_result_clear(&got);
        request = (assay_http_request){.method = "GET", .url = url, .body_limit = 10, .allow_loopback_http = true};
        assert_int_equal(asker_send(&at, &request, 5000, &got), ASSAY_OK);
        const char *sent = raw_server_request(server);
        assert_ptr_equal(strstr(sent, "GET /t/token?a=b HTTP/1.1\r\n"), sent);
        assert_null(strstr(sent, "secret"));
        assert_int_equal(count_fields(sent, "Content-Type") + count_fields(sent, "Content-Length"), 0);
        multi_result_clear(&got);
        asker_close(&at);
        raw_server_stop(server);
    }
}

static void test_further_fields(void **state)
{
    (void)state;
    static const assay_http_field fields[] = {
        {"Metadata", "true"}, {"X-IDENTITY-HEADER", "s3cr3t;:\t,="}, {"X-Empty", ""}, {"X-Blank", " "}};
    for (asker_engine engine = 0; engine < ASKER_ENGINES; engine++) {
        multi_result got;
        assay_http_request request = post(NULL, "a", 1);
        request.fields = fields;
        request.field_count = ASSAY_COUNT_OF(fields);
        raw_server *server = send_by(engine, &request, &(raw_script){.head = ANSWER}, ASSAY_OK, &got);
        const char *sent = raw_server_request(server);
        assert_non_null(strstr(sent, "\r\nMetadata: true\r\n"));
        assert_non_null(strstr(sent, "\r\nX-IDENTITY-HEADER: s3cr3t;:\t,=\r\n"));
        assert_non_null(strstr(sent, "\r\nX-Empty:"));
        assert_non_null(strstr(sent, "\r\nX-Blank:"));
        assert_int_equal(count_fields(sent, "Accept"), 1);
        multi_result_clear(&got);
        raw_server_stop(server);
    }
}

/* Refused with nothing sent, and the value is not in what is said of it. */
static void expect_refused(const assay_http_request *request)
{
    for (asker_engine engine = 0; engine < ASKER_ENGINES; engine++) {
        asker at;
        multi_result got;
        asker_open(&at, engine);
        assert_int_equal(asker_send(&at, request, 1000, &got), ASSAY_E_ARGUMENT);
        assert_true(got.failure.note[0] != '\0');
        assert_null(strstr(got.failure.note, "secret"));
        assert_null(strpbrk(got.failure.note, "\r\n"));
        asker_close(&at);
    }
}

static void expect_field_refused(const char *name, const char *value)
{
    const assay_http_field field = {name, value};
    raw_server *server = raw_server_start(&(raw_script){.head = ANSWER});
    assay_http_request request = post(url_of(server, "127.0.0.1"), "a", 1);
    request.fields = &field;
    request.field_count = 1;
    expect_refused(&request);
    assert_int_equal(raw_server_connections(server), 0);
    raw_server_stop(server);
}

static void test_case_15_line_breaks_are_refused(void **state)
{
    (void)state;
    static const char *const values[] = {"secret\r\nX: y", "secret\n", "secret\r", "secret\x01", "secret\x7f"};
    static const char *const names[] = {"", "A B", "A:", "A\r\nB", "A;", "\xc3\xa4"};
    for (size_t i = 0; i < ASSAY_COUNT_OF(values); i++) {
        expect_field_refused("X-Field", values[i]);
        assay_http_request request = post("http://127.0.0.1:1/", "a", 1);
        request.authorization = values[i];
        expect_refused(&request);
        request.authorization = NULL;
        request.accept = values[i];
        expect_refused(&request);
        request.accept = NULL;
        request.content_type = values[i];
        expect_refused(&request);
    }
    for (size_t i = 0; i < ASSAY_COUNT_OF(names); i++)
        expect_field_refused(names[i], "secret");
    expect_field_refused(NULL, "secret");
    expect_field_refused("X-Field", NULL);
}

/* What says how a message is framed is not for callers, and nothing is there twice. */
static void test_case_11_fields_that_are_not_for_callers(void **state)
{
    (void)state;
    static const char *const names[] = {"host",   "Content-Length", "TRANSFER-ENCODING", "Expect",    "Connection",
                                        "accept", "content-type",   "Upgrade",           "Keep-Alive"};
    for (size_t i = 0; i < ASSAY_COUNT_OF(names); i++)
        expect_field_refused(names[i], "secret");
    static const assay_http_field twice[] = {{"X-A", "1"}, {"x-a", ""}};
    assay_http_request request = post("http://127.0.0.1:1/", "a", 1);
    request.fields = twice;
    request.field_count = 2;
    expect_refused(&request);
}

static void test_methods(void **state)
{
    (void)state;
    assay_http_request request = post("http://127.0.0.1:1/", NULL, 0);
    static const char *const methods[] = {"", "PUT", "post", "GET /x", "POST\r\nX: y"};
    for (size_t i = 0; i < ASSAY_COUNT_OF(methods); i++) {
        request.method = methods[i];
        expect_refused(&request);
    }
    request = post("http://127.0.0.1:1/", "a", 1);
    request.method = NULL;
    expect_refused(&request);
}

static void test_case_14_redirects_are_not_followed(void **state)
{
    (void)state;
    static const int statuses[] = {301, 302, 303, 307, 308};
    raw_server *target = raw_server_start(&(raw_script){.head = ANSWER});
    for (asker_engine engine = 0; engine < ASKER_ENGINES; engine++) {
        for (size_t i = 0; i < ASSAY_COUNT_OF(statuses); i++) {
            char head[256];
            multi_result got;
            assay_http_request request = post(NULL, "a=secret", 8);
            snprintf(head, sizeof head,
                     "HTTP/1.1 %d Moved\r\nLocation: http://127.0.0.1:%d/\r\nContent-Length: 0\r\n\r\n", statuses[i],
                     raw_server_port(target));
            raw_server *server = send_by(engine, &request, &(raw_script){.head = head}, ASSAY_OK, &got);
            assert_int_equal(got.response.status, statuses[i]);
            assert_int_equal(raw_server_connections(server), 1);
            multi_result_clear(&got);
            raw_server_stop(server);
        }
    }
    assert_int_equal(raw_server_connections(target), 0);
    raw_server_stop(target);
}

/* ---- What is read of an answer ---- */

static void test_answer_fields(void **state)
{
    (void)state;
    static const char head[] = "HTTP/1.1 401 No\r\nDate: Thu, 01 Jan 1970 00:20:00 GMT\r\nRetry-After: 7\r\n"
                               "x-ms-retry-after-ms: 1500\r\nretry-after-ms: 250\r\n"
                               "WWW-Authenticate:  Basic realm=/var/opt/a.key \r\nWWW-Authenticate: Bearer x\r\n"
                               "Content-Length: 0\r\n\r\n";
    for (asker_engine engine = 0; engine < ASKER_ENGINES; engine++) {
        multi_result got;
        assay_http_request request = post(NULL, "a", 1);
        raw_server *server = send_by(engine, &request, &(raw_script){.head = head}, ASSAY_OK, &got);
        assert_int_equal(got.response.status, 401);
        assert_int_equal(got.response.date, 1200);
        assert_int_equal(got.response.retry_after, 7);
        assert_int_equal(got.response.retry_after_ms, 1500);
        assert_string_equal(got.response.www_authenticate, "Basic realm=/var/opt/a.key");
        multi_result_clear(&got);
        raw_server_stop(server);
        /* Of an interim answer nothing stays. */
        server = send_by(engine, &request,
                         &(raw_script){.head = "HTTP/1.1 103 Early\r\nWWW-Authenticate: a\r\nDate: Thu, 01 Jan 1970 "
                                               "00:20:00 GMT\r\nretry-after-ms: 1\r\n\r\n" ANSWER},
                         ASSAY_OK, &got);
        assert_null(got.response.www_authenticate);
        assert_int_equal(got.response.date, -1);
        assert_int_equal(got.response.retry_after_ms, -1);
        multi_result_clear(&got);
        raw_server_stop(server);
    }
}

/* ---- Where to ---- */

/* As a machine behind a proxy has it. */
static void with_proxies(raw_server *proxy, asker *at, bool configured)
{
    static const char *const names[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
    char spelled[64];
    snprintf(spelled, sizeof spelled, "http://127.0.0.1:%d", raw_server_port(proxy));
    for (size_t i = 0; i < ASSAY_COUNT_OF(names); i++)
        setenv(names[i], spelled, 1);
    if (configured)
        at->settings.proxy = assay_strdup(spelled);
    at->settings.environment_proxy = true;
}

static void without_proxies(void)
{
    static const char *const names[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
    for (size_t i = 0; i < ASSAY_COUNT_OF(names); i++)
        unsetenv(names[i]);
}

/* 203.0.113.0/24 is nobody's (RFC 5737), so the proxy alone can tell what was tried. */
static void test_case_65_direct_goes_by_no_proxy(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2 * ASKER_ENGINES; i++) {
        asker at;
        multi_result got;
        raw_server *proxy = raw_server_start(&(raw_script){.head = "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"});
        asker_open(&at, (asker_engine)(i % ASKER_ENGINES));
        with_proxies(proxy, &at, i >= ASKER_ENGINES);
        assay_http_request request = post("https://203.0.113.1/", "a", 1);
        assert_int_equal(asker_send(&at, &request, 2000, &got), ASSAY_E_CONNECT);
        assert_int_equal(raw_server_connections(proxy), 1);
        assert_null(strstr(raw_server_request(proxy), FORM)); /* which is for the server */
        request.direct = true;
        assert_int_not_equal(asker_send(&at, &request, 300, &got), ASSAY_OK);
        assert_int_equal(raw_server_connections(proxy), 1);
        without_proxies();
        asker_close(&at);
        raw_server_stop(proxy);
    }
}

static int ask_link_local(asker *at, const char *to, bool allowed)
{
    multi_result got;
    const assay_http_request request = {
        .url = to, .body_limit = 1000, .allow_loopback_http = true, .allow_link_local_http = allowed};
    int code = asker_send(at, &request, 300, &got);
    multi_result_clear(&got);
    return code;
}

/* An address that is spelled out and nothing that may stand for one; .1.1 is not where clouds have their metadata. */
static void test_case_65_link_local(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "http://169.253.255.255/", "http://169.255.0.0/", "http://169.254.1/",     "http://169.254.1.1.example/",
        "http://0xa9.254.1.1/",    "http://2852061441/",  "http://[fe80::1]/",     "http://[::ffff:169.254.1.1]/",
        "http://metadata.test/",   "http://10.0.0.1/",    "http://169.254.1.1@a/", "http://254.169.1.1/"};
    for (asker_engine engine = 0; engine < ASKER_ENGINES; engine++) {
        asker at;
        raw_server *proxy = raw_server_start(&(raw_script){.head = ANSWER});
        asker_open(&at, engine);
        with_proxies(proxy, &at, true);
        for (size_t i = 0; i < ASSAY_COUNT_OF(refused); i++)
            assert_int_equal(ask_link_local(&at, refused[i], true), ASSAY_E_CONFIG_URL);
        assert_int_equal(ask_link_local(&at, "http://169.254.1.1:1/", false), ASSAY_E_CONFIG_URL);
        int code = ask_link_local(&at, "http://169.254.1.1:1/", true);
        /* Tried, whatever the network here makes of it. */
        assert_true(code != ASSAY_E_CONFIG_URL && code != ASSAY_E_ARGUMENT);
        assert_int_equal(raw_server_connections(proxy), 0);
        without_proxies();
        asker_close(&at);
        raw_server_stop(proxy);
    }
}

/* localhost is ::1 and 127.0.0.1; whichever is tried first, one of the two servers is the second. */
static void test_case_58_second_address_answers(void **state)
{
    (void)state;
    if (!raw_server_has_ipv6()) {
        print_message("this machine has no IPv6 on loopback, so localhost has one address only\n");
        skip();
    }
    for (unsigned i = 0; i < 2 * ASKER_ENGINES; i++) {
        asker at;
        multi_result got;
        raw_server *server = raw_server_start(&(raw_script){.head = ANSWER, .ipv6 = i >= ASKER_ENGINES});
        assay_http_request request = post(url_of(server, "localhost"), "a=b", 3);
        asker_open(&at, (asker_engine)(i % ASKER_ENGINES));
        assert_int_equal(asker_send(&at, &request, 5000, &got), ASSAY_OK);
        assert_int_equal(raw_server_connections(server), 1);
        assert_non_null(strstr(raw_server_request(server), "\r\n\r\na=b"));
        multi_result_clear(&got);
        asker_close(&at);
        raw_server_stop(server);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_case_10_11_body_arrives_as_it_is),
        cmocka_unit_test(test_post_without_a_body_or_type),
        cmocka_unit_test(test_get_after_post),
        cmocka_unit_test(test_further_fields),
        cmocka_unit_test(test_case_15_line_breaks_are_refused),
        cmocka_unit_test(test_case_11_fields_that_are_not_for_callers),
        cmocka_unit_test(test_methods),
        cmocka_unit_test(test_case_14_redirects_are_not_followed),
        cmocka_unit_test(test_answer_fields),
        cmocka_unit_test(test_case_65_direct_goes_by_no_proxy),
        cmocka_unit_test(test_case_65_link_local),
        cmocka_unit_test(test_case_58_second_address_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
