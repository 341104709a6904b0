/* SPDX-License-Identifier: MIT */
/* What the engine for event loops answers; its transfers' lives are in test_http_multi_life.c, the engine that it shares everything else with in
 * test_http_client.c. */
#include "base/clock.h"
#include "support/certificates.h"
#include "support/multi_loop.h"
#include "support/pace.h"
#include "support/raw_server.h"

#include <dev_issuer.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

static multi_loop loop;
static assay_http_settings settings;

static int open_loop(void **state)
{
    (void)state;
    memset(&settings, 0, sizeof settings);
    multi_loop_open(&loop);
    return 0;
}

static int close_loop(void **state)
{
    (void)state;
    multi_loop_close(&loop);
    assay_http_settings_clear(&settings);
    return 0;
}

/* As the settings of a runtime: cleared by close_loop(). */
static void trust(const char *pem)
{
    settings.ca.pem = assay_strdup(pem);
    settings.ca.len = strlen(pem);
}

static void trust_in(const char *name)
{
    size_t len;
    char *pem = certificates_pem(name, &len);
    trust(pem);
    free(pem);
}

static int start(const char *url, int64_t timeout_ms, assay_http_settings *with, multi_result *result)
{
    assay_http_transfer *transfer;
    char copy[256], etag[16] = "\"e0\"", accept[32] = "application/json";
    snprintf(copy, sizeof copy, "%s", url);
    const assay_http_request request = {
        .url = copy, .accept = accept, .if_none_match = etag, .body_limit = 4000, .allow_loopback_http = true};
    memset(result, 0, sizeof *result);
    int code = assay_http_multi_start(loop.multi, with, &request, timeout_ms, 1000, multi_result_done, result,
                                      &transfer, &result->failure);
    assert_true((transfer != NULL) == (code == ASSAY_OK));
    memset(copy, 'x', sizeof copy - 1); /* the texts were lent */
    memset(etag, 'x', sizeof etag - 1);
    memset(accept, 'x', sizeof accept - 1);
    assert_int_equal(result->calls, 0);
    return code;
}

static void get_from(const raw_server *server, const char *scheme, const char *host, int64_t timeout_ms,
                     multi_result *result)
{
    char url[128];
    snprintf(url, sizeof url, "%s://%s:%d/keys?a=b", scheme, host, raw_server_port(server));
    result->code = start(url, timeout_ms, &settings, result);
    if (result->code == ASSAY_OK)
        assert_true(multi_loop_until(&loop, result, timeout_ms + 5000));
}

static void get(const raw_script *script, multi_result *result)
{
    raw_server *server = raw_server_start(script);
    get_from(server, "http", "127.0.0.1", 3000, result);
    raw_server_stop(server);
}

static void test_answer(void **state)
{
    (void)state;
    multi_result got;
    raw_server *server = raw_server_start(
        &(raw_script){.head = OK_HEAD "ETag: \"e1\"\r\nCache-Control: max-age=100\r\nAge: 10\r\nRetry-After: Thu, 01 "
                                      "Jan 1970 00:17:00 GMT\r\nContent-Length: 3\r\n\r\n{}\n"});
    get_from(server, "http", "127.0.0.1", 3000, &got);
    assert_int_equal(got.code, ASSAY_OK);
    assert_int_equal(got.response.status, 200);
    assert_string_equal(got.response.body, "{}\n");
    assert_string_equal(got.response.etag, "\"e1\"");
    assert_int_equal(got.response.max_age, 90);
    assert_int_equal(got.response.retry_after, 20);
    multi_result_clear(&got);
    const char *request = raw_server_request(server);
    assert_ptr_equal(strstr(request, "GET /keys?a=b HTTP/1.1\r\n"), request);
    assert_non_null(strstr(request, "\r\nIf-None-Match: \"e0\"\r\n"));
    assert_non_null(strstr(request, "\r\nAccept: application/json\r\n"));
    raw_server_stop(server);
    get(&(raw_script){.head = "HTTP/1.1 302 Moved\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"},
        &got);
    assert_int_equal(got.code, ASSAY_OK);
    assert_int_equal(got.response.status, 302);
    multi_result_clear(&got);
}

static void expect_failure(const raw_script *script, int code)
{
    multi_result got;
    get(script, &got);
    if (got.code != code)
        fail_msg("%s: %d instead of %d", script->head, got.code, code);
    assert_null(got.response.body);
    assert_true(got.failure.note[0] != '\0');
    assert_int_equal(got.calls, 1);
    multi_result_clear(&got);
}

static void test_broken_and_endless_answers(void **state)
{
    (void)state;
    static char block[4097];
    memset(block, 'x', sizeof block - 1);
    expect_failure(&(raw_script){.head = OK_HEAD "Content-Length: 100\r\n\r\n{\"keys\":"}, ASSAY_E_RESPONSE);
    expect_failure(&(raw_script){.head = OK_HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\nab"}, ASSAY_E_RESPONSE);
    expect_failure(&(raw_script){.head = "HTTP/1.1 200 OK\r\nContent-Len"}, ASSAY_E_RESPONSE);
    expect_failure(&(raw_script){.head = NULL}, ASSAY_E_RESPONSE);
    expect_failure(&(raw_script){.head = "SSH-2.0-OpenSSH_9.2\r\n"}, ASSAY_E_RESPONSE);
    expect_failure(&(raw_script){.head = OK_HEAD "Content-Length: 4001\r\n\r\n"}, ASSAY_E_RESPONSE_SIZE);
    expect_failure(&(raw_script){.head = "HTTP/1.0 200 OK\r\n\r\n", .chunk = block, .times = 100000},
                   ASSAY_E_RESPONSE_SIZE);
    expect_failure(&(raw_script){.head = OK_HEAD, .chunk = "A:b\r\n", .times = 100000}, ASSAY_E_RESPONSE_SIZE);
}

/* Within 100 ms of its deadline; a busy machine gets two more tries. */
static void expect_timeout(const raw_script *script, const char *scheme)
{
    int64_t most = pace_is_slowed() ? 3000 : 500, least_taken = INT64_MAX;
    for (int i = 0; i < 3 && least_taken > most; i++) {
        multi_result got;
        raw_server *server = raw_server_start(script);
        int64_t begin = assay_clock_real_ms();
        get_from(server, scheme, "127.0.0.1", 400, &got);
        int64_t took = assay_clock_real_ms() - begin;
        assert_int_equal(got.code, ASSAY_E_TIMEOUT);
        assert_true(took >= 350);
        least_taken = took < least_taken ? took : least_taken;
        multi_result_clear(&got);
        raw_server_stop(server);
    }
    if (least_taken > most)
        fail_msg("400 ms took %lld ms", (long long)least_taken);
}

static void test_deadline_holds(void **state)
{
    (void)state;
    expect_timeout(&(raw_script){.silent = true}, "http");
    expect_timeout(&(raw_script){.silent = true}, "https");
    expect_timeout(&(raw_script){.hold = true}, "https");
    expect_timeout(&(raw_script){.head = OK_HEAD, .hold = true}, "http");
    expect_timeout(
        &(raw_script){.head = OK_HEAD "Content-Length: 1000\r\n\r\n", .chunk = "x", .times = 1000, .pause_ms = 100},
        "http");
}

static void test_what_is_not_even_started(void **state)
{
    (void)state;
    multi_result got;
    assert_int_equal(start("http://example.com/", 1000, &settings, &got), ASSAY_E_CONFIG_URL);
    assert_int_equal(start("file:///etc/passwd", 1000, &settings, &got), ASSAY_E_CONFIG_URL);
    assert_int_equal(start("", 1000, &settings, &got), ASSAY_E_CONFIG_URL);
    assert_int_equal(start("https://localhost/", 0, &settings, &got), ASSAY_E_TIMEOUT);
    trust("no certificate");
    assert_int_equal(start("https://localhost/", 1000, &settings, &got), ASSAY_E_CONFIG_CA);
    assert_true(got.failure.note[0] != '\0');
    multi_loop_turn(&loop, 0);
    assert_int_equal(got.calls, 0);
}

static void test_no_connection(void **state)
{
    (void)state;
    multi_result got;
    char url[64];
    raw_server *server = raw_server_start(&(raw_script){.silent = true});
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", raw_server_port(server));
    raw_server_stop(server);
    assert_int_equal(start(url, 3000, &settings, &got), ASSAY_OK);
    assert_true(multi_loop_until(&loop, &got, 5000));
    assert_int_equal(got.code, ASSAY_E_CONNECT);
    assert_non_null(strstr(got.failure.note, "127.0.0.1"));
}

static int get_tls(const char *name, const char *host)
{
    multi_result got;
    raw_server *server = raw_server_start(&(raw_script){.head = OK_HEAD "Content-Length: 2\r\n\r\n{}",
                                                        .certificate = certificates_path(name, "pem"),
                                                        .key = certificates_path(name, "key")});
    get_from(server, "https", host, 3000, &got);
    int code = got.code;
    assert_true(code != ASSAY_E_TLS || got.failure.hint != NULL);
    multi_result_clear(&got);
    raw_server_stop(server);
    return code;
}

static void test_servers_that_are_refused(void **state)
{
    (void)state;
    trust_in("ca");
    assert_int_equal(get_tls("server", "localhost"), ASSAY_OK);
    assert_int_equal(get_tls("server", "127.0.0.1"), ASSAY_OK);
    assert_int_equal(get_tls("self_signed", "localhost"), ASSAY_E_TLS);
    assert_int_equal(get_tls("expired", "localhost"), ASSAY_E_TLS);
    assert_int_equal(get_tls("wrong_name", "localhost"), ASSAY_E_TLS);
    assert_int_equal(get_tls("wrong_name", "127.0.0.1"), ASSAY_E_TLS);
}

static void issuer_url(dev_issuer *issuer, char *url, size_t size)
{
    snprintf(url, size, "%s/.well-known/openid-configuration", dev_issuer_url(issuer));
}

static dev_issuer *issue(void)
{
    char message[200];
    dev_issuer *issuer = NULL;
    /* An RSA key would take valgrind longer than all that is fetched here. */
    const dev_issuer_options options = {
        .tls = true, .algorithms = (const char *const[]){"ES256"}, .algorithm_count = 1};
    if (dev_issuer_start(&options, &issuer, message, sizeof message) != 0)
        fail_msg("%s", message);
    return issuer;
}

/* A connection that was checked against one authority is not used by somebody who trusts another. */
static void test_connections_are_not_shared_across_authorities(void **state)
{
    (void)state;
    char url[256];
    multi_result got;
    dev_issuer *issuer = issue();
    assay_http_settings stranger = {.ca = {.pem = NULL}};
    size_t len;
    char *pem = certificates_pem("ca", &len);
    issuer_url(issuer, url, sizeof url);
    trust(dev_issuer_ca_pem(issuer));
    stranger.ca.pem = assay_strdup(pem);
    stranger.ca.len = len;
    for (int i = 0; i < 6; i++) {
        assert_int_equal(start(url, 3000, i % 2 == 0 ? &settings : &stranger, &got), ASSAY_OK);
        assert_true(multi_loop_until(&loop, &got, 8000));
        assert_int_equal(got.code, i % 2 == 0 ? ASSAY_OK : ASSAY_E_TLS);
        multi_result_clear(&got);
    }
    assay_http_settings_clear(&stranger);
    free(pem);
    dev_issuer_stop(issuer);
}

static void test_many_at_once(void **state)
{
    (void)state;
    enum { MANY = 64 };
    static multi_result got[MANY];
    char url[256];
    dev_issuer *issuer = issue();
    issuer_url(issuer, url, sizeof url);
    trust(dev_issuer_ca_pem(issuer));
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < MANY; i++)
            assert_int_equal(start(url, 20000, &settings, &got[i]), ASSAY_OK);
        for (int i = 0; i < MANY; i++) {
            assert_true(multi_loop_until(&loop, &got[i], 30000));
            assert_int_equal(got[i].code, ASSAY_OK);
            assert_int_equal(got[i].calls, 1);
            assert_int_equal(got[i].response.status, 200);
            multi_result_clear(&got[i]);
        }
    }
    dev_issuer_stop(issuer);
}

static void test_connection_is_kept(void **state)
{
    (void)state;
    /* The second answer lies ready on the same connection. */
    raw_server *server = raw_server_start(&(raw_script){.head = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab",
                                                        .chunk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\ncd",
                                                        .times = 1,
                                                        .pause_ms = 200,
                                                        .hold = true});
    for (int i = 0; i < 2; i++) {
        multi_result got;
        get_from(server, "http", "127.0.0.1", 3000, &got);
        assert_int_equal(got.code, ASSAY_OK);
        assert_string_equal(got.response.body, i == 0 ? "ab" : "cd");
        multi_result_clear(&got);
    }
    assert_int_equal(raw_server_connections(server), 1);
    multi_loop_close(&loop); /* hangs up, so that the server stops at once */
    raw_server_stop(server);
    multi_loop_open(&loop);
}

/* Printed only: how long the loop stands still for a fetch. */
static void fetch_for_time(const char *what, int expected)
{
    char url[256];
    multi_result got;
    dev_issuer *issuer = issue();
    issuer_url(issuer, url, sizeof url);
    if (expected == ASSAY_OK)
        trust(dev_issuer_ca_pem(issuer));
    int64_t begin = assay_clock_real_ms();
    assert_int_equal(assay_http_ca_load(&settings.ca, NULL), ASSAY_OK);
    int64_t loaded = assay_clock_real_ms() - begin;
    loop.longest_us = 0;
    assert_int_equal(start(url, 5000, &settings, &got), ASSAY_OK);
    assert_true(multi_loop_until(&loop, &got, 8000));
    assert_int_equal(got.code, expected);
    printf("%s: loaded in %d ms, then the longest call took %d us\n", what, (int)loaded, (int)loop.longest_us);
    multi_result_clear(&got);
    dev_issuer_stop(issuer);
}

static void test_longest_call_with_one_authority(void **state)
{
    (void)state;
    fetch_for_time("one CA", ASSAY_OK);
}

static void test_longest_call_with_the_systems(void **state)
{
    (void)state;
    if (access("/etc/ssl/certs/ca-certificates.crt", R_OK) != 0)
        skip();
    fetch_for_time("the system's CAs", ASSAY_E_TLS);
}

int main(void)
{
#define LOOP_TEST(function) cmocka_unit_test_setup_teardown(function, open_loop, close_loop)
    const struct CMUnitTest tests[] = {
        LOOP_TEST(test_answer),
        LOOP_TEST(test_broken_and_endless_answers),
        LOOP_TEST(test_deadline_holds),
        LOOP_TEST(test_what_is_not_even_started),
        LOOP_TEST(test_no_connection),
        LOOP_TEST(test_servers_that_are_refused),
        LOOP_TEST(test_connections_are_not_shared_across_authorities),
        LOOP_TEST(test_many_at_once),
        LOOP_TEST(test_connection_is_kept),
        LOOP_TEST(test_longest_call_with_one_authority),
        LOOP_TEST(test_longest_call_with_the_systems),
    };
    return cmocka_run_group_tests(tests, certificates_make, certificates_remove);
}
