/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "http/client.h"
#include "support/certificates.h"
#include "support/pace.h"
#include "support/raw_server.h"

#include <openssl/ssl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

/* What one GET gave. */
typedef struct outcome {
    int code;
    int64_t took_ms;
    assay_http_response response;
    assay_failure failure;
} outcome;

static char url[128];

/* The settings of a test lie on its stack. */
static void forget_trust(assay_http_settings *settings)
{
    if (settings != NULL)
        assay_trust_free(atomic_exchange(&settings->ca.trust, NULL));
}

/* @p where: what stands between scheme and path, or NULL for the server's address. */
static void get_from(outcome *got, const raw_server *server, assay_http_settings *settings, const char *scheme,
                     const char *host, int64_t timeout_ms, size_t limit, const char *etag)
{
    assay_http_client *client = NULL;
    snprintf(url, sizeof url, "%s://%s:%d/keys?a=b", scheme, host, raw_server_port(server));
    const assay_http_request request = {.url = url,
                                        .accept = "application/json",
                                        .if_none_match = etag,
                                        .body_limit = limit,
                                        .allow_loopback_http = true};
    assert_int_equal(assay_http_client_new(settings, &client), ASSAY_OK);
    int64_t start = assay_clock_real_ms();
    assay_failure_clear(&got->failure);
    got->code = assay_http_client_send(client, &request, timeout_ms, 1000, &got->response, &got->failure);
    got->took_ms = assay_clock_real_ms() - start;
    assay_http_client_free(client);
    forget_trust(settings);
}

static void get(outcome *got, const raw_script *script)
{
    raw_server *server = raw_server_start(script);
    get_from(got, server, NULL, "http", "127.0.0.1", 3000, 1000, NULL);
    raw_server_stop(server);
}

static void expect_failure(const raw_script *script, int code)
{
    outcome got;
    get(&got, script);
    if (got.code != code)
        fail_msg("%s: %d instead of %d", script->head, got.code, code);
    assert_null(got.response.body);
    assert_true(got.failure.note[0] != '\0');
    assert_true(got.took_ms < 2500);
    assay_http_response_clear(&got.response);
}

static void expect_answer(const char *bytes, int status, const char *body)
{
    outcome got;
    get(&got, &(raw_script){.head = bytes});
    if (got.code != ASSAY_OK)
        fail_msg("%s: %d %s", bytes, got.code, got.failure.note);
    assert_int_equal(got.response.status, status);
    assert_int_equal(got.response.body_len, strlen(body));
    if (body[0] != '\0')
        assert_string_equal(got.response.body, body);
    assay_http_response_clear(&got.response);
}

static void test_plain_answer(void **state)
{
    (void)state;
    outcome got;
    raw_server *server = raw_server_start(&(raw_script){
        .head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nETag: \"e1\"\r\nCache-Control: max-age=100\r\n"
                "Age: 10\r\nRetry-After: Thu, 01 Jan 1970 00:17:00 GMT\r\nSet-Cookie: a=b\r\nContent-Length: "
                "3\r\n\r\n{}\n"});
    get_from(&got, server, NULL, "http", "127.0.0.1", 3000, 1000, "W/\"e0\"");
    assert_int_equal(got.code, ASSAY_OK);
    assert_int_equal(got.response.status, 200);
    assert_string_equal(got.response.body, "{}\n");
    assert_string_equal(got.response.etag, "\"e1\"");
    assert_string_equal(got.response.content_type, "application/json");
    assert_int_equal(got.response.max_age, 90);
    assert_int_equal(got.response.retry_after, 20);
    assert_null(got.response.effective_url);
    assay_http_response_clear(&got.response);

    const char *request = raw_server_request(server);
    assert_ptr_equal(strstr(request, "GET /keys?a=b HTTP/1.1\r\n"), request);
    assert_non_null(strstr(request, "\r\nIf-None-Match: W/\"e0\"\r\n"));
    assert_non_null(strstr(request, "\r\nAccept: application/json\r\n"));
    assert_non_null(strstr(request, "\r\nUser-Agent: assay/"));
    assert_null(strstr(request, "Accept-Encoding"));
    assert_null(strstr(request, "Cookie"));
    assert_null(strstr(request, "Authorization"));
    assert_null(strstr(request, "Expect"));
    raw_server_stop(server);
}

static void test_answers(void **state)
{
    (void)state;
    expect_answer("HTTP/1.1 204 No Content\r\n\r\n", 204, "");
    expect_answer("HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n", 304, "");
    expect_answer("HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\nno", 500, "no");
    expect_answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, "");
    expect_answer("HTTP/1.0 200 OK\r\n\r\nuntil the end", 200, "until the end");
    expect_answer("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, "hi");
    expect_answer(OK_HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\n{ \r\n1;x=y\r\n}\r\n0\r\n\r\n", 200, "{ }");
}

/* attacks.md, 60: given as it is, nothing else asked */
static void test_a60_redirect_is_not_followed(void **state)
{
    (void)state;
    static const int statuses[] = {301, 302, 303, 307, 308};
    raw_server *target = raw_server_start(&(raw_script){.head = OK_HEAD "Content-Length: 2\r\n\r\n{}"});
    for (size_t i = 0; i < ASSAY_COUNT_OF(statuses); i++) {
        char head[256];
        snprintf(head, sizeof head, "HTTP/1.1 %d Moved\r\nLocation: http://127.0.0.1:%d/\r\nContent-Length: 0\r\n\r\n",
                 statuses[i], raw_server_port(target));
        expect_answer(head, statuses[i], "");
    }
    assert_int_equal(raw_server_connections(target), 0);
    raw_server_stop(target);
}

static void test_early_headers_do_not_count(void **state)
{
    (void)state;
    outcome got;
    /* of an interim answer */
    get(&got, &(raw_script){.head = "HTTP/1.1 103 Early Hints\r\nETag: \"early\"\r\nCache-Control: max-age=1\r\n\r\n"
                                    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"});
    assert_int_equal(got.code, ASSAY_OK);
    assert_string_equal(got.response.etag, "");
    assert_int_equal(got.response.max_age, -1);
    assay_http_response_clear(&got.response);
    /* of a trailer */
    get(&got, &(raw_script){.head = OK_HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nETag: \"late\"\r\n"
                                            "Cache-Control: max-age=9\r\n\r\n"});
    assert_int_equal(got.code, ASSAY_OK);
    assert_string_equal(got.response.etag, "");
    assert_int_equal(got.response.max_age, -1);
    assay_http_response_clear(&got.response);
}

static void test_content_encoding_is_not_decoded(void **state)
{
    (void)state;
    outcome got;
    get(&got, &(raw_script){.head = OK_HEAD "Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08"});
    assert_int_equal(got.code, ASSAY_OK);
    assert_true(got.response.encoded);
    assert_int_equal(got.response.body_len, 3);
    assay_http_response_clear(&got.response);
}

static void test_broken_answers(void **state)
{
    (void)state;
    expect_failure(&(raw_script){.head = OK_HEAD "Content-Length: 100\r\n\r\n{\"keys\":"}, ASSAY_E_RESPONSE);
    expect_failure(&(raw_script){.head = OK_HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\nab"}, ASSAY_E_RESPONSE);
    expect_failure(&(raw_script){.head = "HTTP/1.1 200 OK\r\nContent-Len"}, ASSAY_E_RESPONSE);
    expect_failure(&(raw_script){.head = NULL}, ASSAY_E_RESPONSE);
    expect_failure(&(raw_script){.head = "{\"keys\":[]}"}, ASSAY_E_RESPONSE); /* HTTP/0.9 */
    expect_failure(&(raw_script){.head = "SSH-2.0-OpenSSH_9.2\r\n"}, ASSAY_E_RESPONSE);
}

/* attacks.md, 64 */
static void test_a64_endless_answers(void **state)
{
    (void)state;
    static char block[4097];
    memset(block, 'x', sizeof block - 1);
    const char chunked[] = OK_HEAD "Transfer-Encoding: chunked\r\n\r\nffffff\r\n";
    expect_failure(&(raw_script){.head = OK_HEAD "Content-Length: 100000000\r\n\r\n"}, ASSAY_E_RESPONSE_SIZE);
    expect_failure(&(raw_script){.head = "HTTP/1.0 200 OK\r\n\r\n", .chunk = block, .times = 100000},
                   ASSAY_E_RESPONSE_SIZE);
    expect_failure(&(raw_script){.head = chunked, .chunk = block, .times = 100000}, ASSAY_E_RESPONSE_SIZE);
    expect_failure(
        &(raw_script){.head = OK_HEAD "Transfer-Encoding: chunked\r\n\r\n", .chunk = "1\r\nx\r\n", .times = 100000},
        ASSAY_E_RESPONSE_SIZE);
}

static void test_header_flood(void **state)
{
    (void)state;
    char line[1024];
    memset(line, 'a', sizeof line);
    memcpy(line, "X-A: ", 5);
    memcpy(line + sizeof line - 3, "\r\n", 3);
    expect_failure(&(raw_script){.head = OK_HEAD, .chunk = line, .times = 100000}, ASSAY_E_RESPONSE_SIZE);
    expect_failure(&(raw_script){.head = OK_HEAD, .chunk = "A:b\r\n", .times = 100000}, ASSAY_E_RESPONSE_SIZE);
    /* endless interim answers count together */
    expect_failure(&(raw_script){.head = NULL, .chunk = "HTTP/1.1 100 Continue\r\n\r\n", .times = 100000},
                   ASSAY_E_RESPONSE_SIZE);
}

static void test_body_limit_is_exact(void **state)
{
    (void)state;
    char text[1200];
    for (int len = 999; len <= 1001; len++) {
        for (int declared = 0; declared < 2; declared++) {
            int head = declared ? snprintf(text, sizeof text, OK_HEAD "Content-Length: %d\r\n\r\n", len)
                                : snprintf(text, sizeof text, "HTTP/1.0 200 OK\r\n\r\n");
            memset(text + head, 'y', (size_t)len);
            text[head + len] = '\0';
            outcome got;
            get(&got, &(raw_script){.head = text});
            assert_int_equal(got.code, len <= 1000 ? ASSAY_OK : ASSAY_E_RESPONSE_SIZE);
            assert_int_equal(got.response.body_len, len <= 1000 ? len : 0);
            assay_http_response_clear(&got.response);
        }
    }
}

/* Each within 100 ms of its deadline; a busy machine gets two more tries. */
static void expect_timeout(const raw_script *script, const char *scheme)
{
    int64_t most = pace_is_slowed() ? 3000 : 500, least_taken = INT64_MAX;
    for (int i = 0; i < 3 && least_taken > most; i++) {
        outcome got;
        raw_server *server = raw_server_start(script);
        get_from(&got, server, NULL, scheme, "127.0.0.1", 400, 100000, NULL);
        assert_int_equal(got.code, ASSAY_E_TIMEOUT);
        assert_true(got.took_ms >= 350);
        least_taken = got.took_ms < least_taken ? got.took_ms : least_taken;
        assay_http_response_clear(&got.response);
        raw_server_stop(server);
    }
    if (least_taken > most)
        fail_msg("400 ms took %lld ms", (long long)least_taken);
}

static void test_a64_deadline_holds(void **state)
{
    (void)state;
    expect_timeout(&(raw_script){.silent = true}, "http"); /* never accepts */
    expect_timeout(&(raw_script){.silent = true}, "https");
    expect_timeout(&(raw_script){.hold = true}, "http");  /* never answers */
    expect_timeout(&(raw_script){.hold = true}, "https"); /* never shakes hands */
    expect_timeout(&(raw_script){.head = OK_HEAD, .hold = true}, "http");
    expect_timeout(&(raw_script){.head = "HTTP/1.1 200 OK\r\nX: ", .chunk = "H", .times = 100, .pause_ms = 100},
                   "http");
    expect_timeout(
        &(raw_script){.head = OK_HEAD "Content-Length: 1000\r\n\r\n", .chunk = "x", .times = 1000, .pause_ms = 100},
        "http"); /* a byte now and then */
    expect_timeout(&(raw_script){.head = OK_HEAD, .chunk = "A: b\r\n", .times = 1000, .pause_ms = 50}, "http");
}

static void test_no_connection(void **state)
{
    (void)state;
    outcome got;
    raw_server *server = raw_server_start(&(raw_script){.silent = true});
    char closed[64];
    snprintf(closed, sizeof closed, "http://127.0.0.1:%d/", raw_server_port(server));
    raw_server_stop(server);
    assay_http_client *client = NULL;
    assert_int_equal(assay_http_client_new(NULL, &client), ASSAY_OK);
    assay_http_request request = {.url = closed, .body_limit = 10, .allow_loopback_http = true};
    assert_int_equal(assay_http_client_send(client, &request, 3000, 0, &got.response, &got.failure), ASSAY_E_CONNECT);
    assert_non_null(strstr(got.failure.note, "127.0.0.1"));
    request.url = "https://host.invalid/";
    int code = assay_http_client_send(client, &request, 3000, 0, &got.response, NULL);
    assert_true(code == ASSAY_E_RESOLVE || code == ASSAY_E_TIMEOUT);
    assay_http_client_free(client);
}

static void test_unfit_urls_are_not_asked(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "http://example.com/", "ftp://127.0.0.1/",         "file:///etc/passwd", "https://u:p@host/", "",
        "http://0x7f.1/",      "http://127.0.0.1\r\nX: y/"};
    outcome got;
    assay_http_client *client = NULL;
    assert_int_equal(assay_http_client_new(NULL, &client), ASSAY_OK);
    for (size_t i = 0; i < ASSAY_COUNT_OF(bad); i++) {
        const assay_http_request request = {.url = bad[i], .body_limit = 10, .allow_loopback_http = true};
        assert_int_equal(assay_http_client_send(client, &request, 3000, 0, &got.response, &got.failure),
                         ASSAY_E_CONFIG_URL);
    }
    const assay_http_request loopback = {.url = "http://127.0.0.1:1/", .body_limit = 10, .allow_loopback_http = false};
    assert_int_equal(assay_http_client_send(client, &loopback, 3000, 0, &got.response, NULL), ASSAY_E_CONFIG_URL);
    assay_http_client_free(client);
}

/* The environment and netrc play no part; with environment_proxy loopback is still asked directly. */
static void test_environment_is_not_read(void **state)
{
    (void)state;
    static const char *const names[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
    for (size_t i = 0; i < ASSAY_COUNT_OF(names); i++)
        setenv(names[i], "http://127.0.0.1:1", 1);
    assay_http_settings from_environment = {.environment_proxy = true};
    assay_http_settings *both[] = {NULL, &from_environment};
    for (size_t i = 0; i < ASSAY_COUNT_OF(both); i++) {
        outcome got;
        raw_server *server = raw_server_start(&(raw_script){.head = OK_HEAD "Content-Length: 0\r\n\r\n"});
        get_from(&got, server, both[i], "http", "localhost", 3000, 10, NULL);
        assert_int_equal(got.code, ASSAY_OK);
        assay_http_response_clear(&got.response);
        raw_server_stop(server);
    }
    for (size_t i = 0; i < ASSAY_COUNT_OF(names); i++)
        unsetenv(names[i]);
}

static void get_through(outcome *got, assay_http_settings *settings, const char *target)
{
    assay_http_client *client = NULL;
    const assay_http_request request = {.url = target, .body_limit = 10, .authorization = "Bearer for-the-issuer"};
    assert_int_equal(assay_http_client_new(settings, &client), ASSAY_OK);
    got->code = assay_http_client_send(client, &request, 1000, 0, &got->response, &got->failure);
    assay_http_response_clear(&got->response);
    assay_http_client_free(client);
    forget_trust(settings);
}

static void test_proxy_is_used_where_set(void **state)
{
    (void)state;
    outcome got;
    char proxy[64];
    raw_server *server = raw_server_start(&(raw_script){.head = "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"});
    snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", raw_server_port(server));
    get_through(&got, &(assay_http_settings){.proxy = proxy}, "https://issuer.invalid/keys");
    assert_int_equal(got.code, ASSAY_E_CONNECT);
    assert_int_equal(raw_server_connections(server), 1);
    assert_non_null(strstr(raw_server_request(server), "CONNECT issuer.invalid:443 "));
    assert_null(strstr(raw_server_request(server), "Authorization"));

    get_through(&got, &(assay_http_settings){.proxy = proxy, .no_proxy = "issuer.invalid"},
                "https://issuer.invalid/keys");
    assert_int_not_equal(got.code, ASSAY_OK);
    assert_int_equal(raw_server_connections(server), 1);

    setenv("https_proxy", proxy, 1);
    get_through(&got, &(assay_http_settings){.environment_proxy = true}, "https://issuer.invalid/keys");
    assert_int_equal(raw_server_connections(server), 2);
    get_through(&got, NULL, "https://issuer.invalid/keys");
    assert_int_equal(raw_server_connections(server), 2);
    /* NO_PROXY of the environment has no say about a proxy that was set. */
    setenv("no_proxy", "*", 1);
    get_through(&got, &(assay_http_settings){.proxy = proxy}, "https://issuer.invalid/keys");
    assert_int_equal(raw_server_connections(server), 3);
    unsetenv("no_proxy");
    unsetenv("https_proxy");
    raw_server_stop(server);
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
    assay_http_client *client = NULL;
    assay_http_response response;
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", raw_server_port(server));
    const assay_http_request request = {.url = url, .body_limit = 10, .allow_loopback_http = true};
    assert_int_equal(assay_http_client_new(NULL, &client), ASSAY_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(assay_http_client_send(client, &request, 3000, 0, &response, NULL), ASSAY_OK);
        assert_string_equal(response.body, i == 0 ? "ab" : "cd");
        assay_http_response_clear(&response);
    }
    assert_int_equal(raw_server_connections(server), 1);
    assay_http_client_free(client);
    raw_server_stop(server);
}

/* ---- TLS (attacks.md, 63) ---- */

static int get_tls(const char *name, const char *ca, const char *host, int version, assay_failure *failure)
{
    outcome got;
    size_t len = 0;
    char *pem = ca == NULL ? NULL : certificates_pem(ca, &len);
    assay_http_settings settings = {.ca = {.pem = pem, .len = len}};
    raw_server *server = raw_server_start(&(raw_script){.head = OK_HEAD "Content-Length: 2\r\n\r\n{}",
                                                        .certificate = certificates_path(name, "pem"),
                                                        .key = certificates_path(name, "key"),
                                                        .tls_version = version});
    get_from(&got, server, &settings, "https", host, 3000, 10, NULL);
    if (got.code == ASSAY_OK)
        assert_string_equal(got.response.body, "{}");
    assay_http_response_clear(&got.response);
    *failure = got.failure;
    raw_server_stop(server);
    free(pem);
    return got.code;
}

static void test_a63_tls(void **state)
{
    (void)state;
    assay_failure failure;
    assert_int_equal(get_tls("server", "ca", "localhost", 0, &failure), ASSAY_OK);
    assert_int_equal(get_tls("server", "ca", "127.0.0.1", 0, &failure), ASSAY_OK);
    assert_int_equal(get_tls("server", "ca", "localhost", TLS1_2_VERSION, &failure), ASSAY_OK);
    assert_int_equal(get_tls("server", "ca", "localhost", TLS1_1_VERSION, &failure), ASSAY_E_TLS);
    assert_int_equal(get_tls("server", NULL, "localhost", 0, &failure), ASSAY_E_TLS);
    assert_non_null(failure.hint);
    assert_int_equal(get_tls("server", "self_signed", "localhost", 0, &failure), ASSAY_E_TLS);
    assert_int_equal(get_tls("self_signed", "ca", "localhost", 0, &failure), ASSAY_E_TLS);
    assert_int_equal(get_tls("self_signed", NULL, "localhost", 0, &failure), ASSAY_E_TLS);
    assert_int_equal(get_tls("expired", "ca", "localhost", 0, &failure), ASSAY_E_TLS);
    assert_non_null(strstr(failure.note, "expired"));
    assert_int_equal(get_tls("wrong_name", "ca", "localhost", 0, &failure), ASSAY_E_TLS);
    assert_int_equal(get_tls("wrong_name", "ca", "127.0.0.1", 0, &failure), ASSAY_E_TLS);
}

/* No switch by environment (CVE-2022-31105's kin). */
static void test_a63_environment_does_not_widen_trust(void **state)
{
    (void)state;
    assay_failure failure;
    setenv("SSL_CERT_FILE", certificates_path("ca", "pem"), 1);
    setenv("CURL_CA_BUNDLE", certificates_path("ca", "pem"), 1);
    setenv("SSL_CERT_DIR", certificates_folder(), 1);
    assert_int_equal(get_tls("server", NULL, "localhost", 0, &failure), ASSAY_E_TLS);
    unsetenv("SSL_CERT_FILE");
    unsetenv("CURL_CA_BUNDLE");
    unsetenv("SSL_CERT_DIR");
}

static void test_tls_to_a_plain_server(void **state)
{
    (void)state;
    outcome got;
    raw_server *server = raw_server_start(&(raw_script){.head = OK_HEAD "Content-Length: 2\r\n\r\n{}"});
    get_from(&got, server, NULL, "https", "127.0.0.1", 3000, 10, NULL);
    assert_true(got.code == ASSAY_E_TLS || got.code == ASSAY_E_TIMEOUT);
    raw_server_stop(server);
}

static void test_count_certificates(void **state)
{
    (void)state;
    size_t len;
    char *pem = certificates_pem("ca", &len);
    char *two = calloc(1, 2 * len + 64);
    assert_non_null(two);
    sprintf(two, "# comment\n%s\n%s", pem, pem);
    assert_int_equal(assay_http_count_certificates(pem, len), 1);
    assert_int_equal(assay_http_count_certificates(two, strlen(two)), 2);
    assert_int_equal(assay_http_count_certificates("", 0), -1);
    assert_int_equal(assay_http_count_certificates("hello", 5), -1);
    assert_int_equal(assay_http_count_certificates(pem, len - 10), -1);
    const char empty[] = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n";
    assert_int_equal(assay_http_count_certificates(empty, strlen(empty)), -1);
    two[strlen(two) - 60] = '!'; /* damage in the second */
    assert_int_equal(assay_http_count_certificates(two, strlen(two)), -1);
    for (size_t i = 0; i < len; i++) /* reads nothing beyond */
        assert_int_equal(assay_http_count_certificates(pem, i) == 1, i + 1 >= len);
    free(two);
    free(pem);
}

static void test_unusable_ca(void **state)
{
    (void)state;
    outcome got;
    char junk[] = "no certificate";
    assay_http_settings settings = {.ca = {.pem = junk, .len = strlen(junk)}};
    raw_server *server = raw_server_start(&(raw_script){.head = OK_HEAD "Content-Length: 2\r\n\r\n{}",
                                                        .certificate = certificates_path("server", "pem"),
                                                        .key = certificates_path("server", "key")});
    get_from(&got, server, &settings, "https", "localhost", 3000, 10, NULL);
    assert_int_equal(got.code, ASSAY_E_CONFIG_CA);
    raw_server_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_answer),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_a60_redirect_is_not_followed),
        cmocka_unit_test(test_early_headers_do_not_count),
        cmocka_unit_test(test_content_encoding_is_not_decoded),
        cmocka_unit_test(test_broken_answers),
        cmocka_unit_test(test_a64_endless_answers),
        cmocka_unit_test(test_header_flood),
        cmocka_unit_test(test_body_limit_is_exact),
        cmocka_unit_test(test_a64_deadline_holds),
        cmocka_unit_test(test_no_connection),
        cmocka_unit_test(test_unfit_urls_are_not_asked),
        cmocka_unit_test(test_environment_is_not_read),
        cmocka_unit_test(test_proxy_is_used_where_set),
        cmocka_unit_test(test_connection_is_kept),
        cmocka_unit_test(test_a63_tls),
        cmocka_unit_test(test_a63_environment_does_not_widen_trust),
        cmocka_unit_test(test_tls_to_a_plain_server),
        cmocka_unit_test(test_count_certificates),
        cmocka_unit_test(test_unusable_ca),
    };
    return cmocka_run_group_tests(tests, certificates_make, certificates_remove);
}
