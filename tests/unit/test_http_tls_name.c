/* SPDX-License-Identifier: MIT */
/* A server that TLS asks for by another name than the one that is connected to (case 78 and its kin), by both engines. */
#include "support/asker.h"
#include "support/certificates.h"
#include "support/raw_server.h"

#include <dev_issuer.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ANSWER "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"

/* Whoever is trusted here; the other one is a stranger to the servers of certificates_make(). */
static assay_http_ca trusted;

static int make(void **state)
{
    if (certificates_make(state) != 0)
        return -1;
    size_t len;
    char *pem = certificates_pem("ca", &len);
    asker_ca(&trusted, pem);
    free(pem);
    return 0;
}

static int remove_all(void **state)
{
    assay_http_ca_clear(&trusted);
    return certificates_remove(state);
}

static char url[256];

static assay_http_request ask_for(const char *name, assay_http_ca *ca)
{
    return (assay_http_request){.method = "POST",
                                .url = url,
                                .content_type = "text/plain",
                                .body = "a=b",
                                .body_len = 3,
                                .body_limit = 100000,
                                .ca = ca,
                                .tls_name = name};
}

/* What one server with this certificate is asked, and how that ends. */
typedef struct tls_case {
    const char *certificate, *host, *name;
    int code;
    const char *asked; /* the name in the handshake */
    bool ipv6;
} tls_case;

static void expect(const tls_case *wanted)
{
    for (asker_engine engine = 0; engine < ASKER_ENGINES; engine++) {
        asker at;
        multi_result got;
        char host[128];
        raw_server *server =
            raw_server_start(&(raw_script){.head = ANSWER,
                                           .certificate = certificates_path(wanted->certificate, "pem"),
                                           .key = certificates_path(wanted->certificate, "key"),
                                           .ipv6 = wanted->ipv6});
        snprintf(url, sizeof url, "https://%s:%d/base/t?a=b", wanted->host, raw_server_port(server));
        snprintf(host, sizeof host, "\r\nHost: %s:%d\r\n", wanted->host, raw_server_port(server));
        asker_open(&at, engine);
        assay_http_request request = ask_for(wanted->name, &trusted);
        int code = asker_send(&at, &request, 5000, &got);
        if (code != wanted->code)
            fail_msg("%s as %s: %d %s", wanted->host, wanted->name, code, got.failure.note);
        assert_int_equal(raw_server_connections(server), 1);
        asker_close(&at);
        if (code == ASSAY_OK) {
            const char *sent = raw_server_request(server);
            assert_ptr_equal(strstr(sent, "POST /base/t?a=b HTTP/1.1\r\n"), sent);
            assert_non_null(strstr(sent, host));
            assert_null(strstr(strstr(sent, host) + 4, "\r\nHost:"));
            assert_non_null(strstr(sent, "\r\n\r\na=b"));
            assert_string_equal(raw_server_name(server), wanted->asked);
        } else {
            assert_non_null(got.failure.hint);
            assert_null(strstr(raw_server_request(server), "a=b"));
        }
        multi_result_clear(&got);
        raw_server_stop(server);
    }
}

static void test_case_78_name_is_sent_and_verified(void **state)
{
    (void)state;
    expect(&(tls_case){"wrong_name", "127.0.0.1", "other.test", ASSAY_OK, "other.test", false});
    expect(&(tls_case){"wrong_name", "localhost", "other.test", ASSAY_OK, "other.test", false});
    expect(&(tls_case){"wrong_name", "LocalHost", "OTHER.test", ASSAY_OK, "other.test", false});
    expect(&(tls_case){"server", "127.0.0.1", "localhost", ASSAY_OK, "localhost", false});
    expect(&(tls_case){"server", "localhost", "localhost", ASSAY_OK, "localhost", false});
    /* as it is without a name */
    expect(&(tls_case){"server", "localhost", NULL, ASSAY_OK, "localhost", false});
    expect(&(tls_case){"server", "127.0.0.1", NULL, ASSAY_OK, "", false});
}

static void test_case_78_other_names_are_refused(void **state)
{
    (void)state;
    /* the certificate is that of the host that is connected to, which does not count */
    expect(&(tls_case){"server", "127.0.0.1", "other.test", ASSAY_E_TLS, NULL, false});
    expect(&(tls_case){"server", "localhost", "other.test", ASSAY_E_TLS, NULL, false});
    expect(&(tls_case){"wrong_name", "127.0.0.1", "another.test", ASSAY_E_TLS, NULL, false});
    expect(&(tls_case){"wrong_name", "127.0.0.1", "sub.other.test", ASSAY_E_TLS, NULL, false});
    expect(&(tls_case){"wrong_name", "127.0.0.1", NULL, ASSAY_E_TLS, NULL, false});
    /* and a name does not make up for the rest */
    expect(&(tls_case){"expired", "127.0.0.1", "localhost", ASSAY_E_TLS, NULL, false});
    expect(&(tls_case){"self_signed", "127.0.0.1", "localhost", ASSAY_E_TLS, NULL, false});
}

static void test_case_78_ipv6_literal(void **state)
{
    (void)state;
    if (!raw_server_has_ipv6()) {
        print_message("this machine has no IPv6 on loopback\n");
        skip();
    }
    expect(&(tls_case){"wrong_name", "[::1]", "other.test", ASSAY_OK, "other.test", true});
    expect(&(tls_case){"server", "[::1]", "other.test", ASSAY_E_TLS, NULL, true});
    expect(&(tls_case){"server", "[::1]", NULL, ASSAY_OK, "", true});
}

static void test_names_that_are_none(void **state)
{
    (void)state;
    static const char *const bad[] = {"",           "a b",       "a:443",     "a/b",         "u@a",       "a.",
                                      ".a",         "a..b",      "a\r\nX: y", "a:1:b:2",     "127.0.0.1", "[::1]",
                                      "::1",        "0x7f.1",    "*.a.b",     "\xc3\xa4.de", "a?b",       "a#b",
                                      "2130706433", "https://a", "a%41"};
    static char longest[300];
    memset(longest, 'a', sizeof longest - 1);
    raw_server *server = raw_server_start(&(raw_script){.head = ANSWER});
    for (asker_engine engine = 0; engine < ASKER_ENGINES; engine++) {
        asker at;
        multi_result got;
        asker_open(&at, engine);
        snprintf(url, sizeof url, "https://127.0.0.1:%d/", raw_server_port(server));
        for (size_t i = 0; i <= ASSAY_COUNT_OF(bad); i++) {
            assay_http_request request = ask_for(i < ASSAY_COUNT_OF(bad) ? bad[i] : longest, &trusted);
            if (asker_send(&at, &request, 2000, &got) != ASSAY_E_ARGUMENT)
                fail_msg("taken: %s", request.tls_name);
            assert_true(got.failure.note[0] != '\0');
        }
        snprintf(url, sizeof url, "http://127.0.0.1:%d/", raw_server_port(server));
        assay_http_request request = ask_for("other.test", &trusted);
        request.allow_loopback_http = true;
        assert_int_equal(asker_send(&at, &request, 2000, &got), ASSAY_E_ARGUMENT);
        asker_close(&at);
    }
    assert_int_equal(raw_server_connections(server), 0);
    raw_server_stop(server);
}

/* A request over one engine, whose connections to a server that keeps them are there to be taken by mistake. */
static void expect_code(asker *at, const char *name, assay_http_ca *ca, int code)
{
    multi_result got;
    assay_http_request request = ask_for(name, ca);
    request.method = NULL;
    request.body = request.content_type = NULL;
    request.body_len = 0;
    if (asker_send(at, &request, 5000, &got) != code)
        fail_msg("engine %d, %s: %d instead of %d: %s", at->engine, name == NULL ? "no name" : name, got.code, code,
                 got.failure.note);
    multi_result_clear(&got);
}

static void test_connections_are_not_shared(void **state)
{
    (void)state;
    char message[200];
    dev_issuer *issuer = NULL;
    /* An RSA key would take valgrind longer than all that is fetched here. */
    const dev_issuer_options options = {.tls = true,
                                        .algorithms = (const char *const[]){"ES256"},
                                        .algorithm_count = 1,
                                        .cert_file = certificates_path("server", "pem"),
                                        .key_file = certificates_path("server", "key")};
    if (dev_issuer_start(&options, &issuer, message, sizeof message) != 0)
        fail_msg("%s", message);
    assay_http_ca same, stranger;
    size_t len;
    char *pem = certificates_pem("ca", &len), *other = certificates_pem("self_signed", &len);
    asker_ca(&same, pem);
    asker_ca(&stranger, other);
    for (asker_engine engine = 0; engine < ASKER_ENGINES; engine++) {
        asker at;
        asker_open(&at, engine);
        snprintf(url, sizeof url, "https://127.0.0.1%s/.well-known/openid-configuration",
                 strrchr(dev_issuer_url(issuer), ':'));
        for (int i = 0; i < 3; i++) {
            expect_code(&at, "localhost", &trusted, ASSAY_OK);
            expect_code(&at, "other.test", &trusted, ASSAY_E_TLS);
            expect_code(&at, "localhost", &stranger, ASSAY_E_TLS);
            expect_code(&at, "localhost", &same, ASSAY_OK);
            expect_code(&at, NULL, &trusted, ASSAY_OK);
            expect_code(&at, NULL, &stranger, ASSAY_E_TLS);
        }
        /* The other way about: the name is that of the URL, the place is not. */
        snprintf(url, sizeof url, "https://localhost%s/", strrchr(dev_issuer_url(issuer), ':'));
        expect_code(&at, NULL, &trusted, ASSAY_OK);
        expect_code(&at, "other.test", &trusted, ASSAY_E_TLS);
        snprintf(url, sizeof url, "https://127.0.0.1:1/");
        expect_code(&at, "localhost", &trusted, ASSAY_E_CONNECT);
        asker_close(&at);
    }
    assay_http_ca_clear(&same);
    assay_http_ca_clear(&stranger);
    free(pem);
    free(other);
    dev_issuer_stop(issuer);
}

/* The same place by two names over one kept connection would give the first name's server to the second. */
static void test_connection_is_kept_for_one_name(void **state)
{
    (void)state;
    for (asker_engine engine = 0; engine < ASKER_ENGINES; engine++) {
        asker at;
        multi_result got;
        /* The second answer lies ready on the same connection. */
        raw_server *server = raw_server_start(&(raw_script){.head = ANSWER,
                                                            .chunk = ANSWER,
                                                            .times = 1,
                                                            .pause_ms = 200,
                                                            .hold = true,
                                                            .certificate = certificates_path("wrong_name", "pem"),
                                                            .key = certificates_path("wrong_name", "key")});
        snprintf(url, sizeof url, "https://127.0.0.1:%d/", raw_server_port(server));
        assay_http_request request = ask_for("other.test", &trusted);
        asker_open(&at, engine);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(asker_send(&at, &request, 5000, &got), ASSAY_OK);
            assert_string_equal(got.response.body, "{}");
            multi_result_clear(&got);
        }
        assert_int_equal(raw_server_connections(server), 1);
        asker_close(&at); /* hangs up, so that the server stops at once */
        raw_server_stop(server);
    }
}

/* A proxy would be told the place and not the name, and what it may not be used for is known by the name of the place alone. */
static void test_named_servers_are_asked_directly(void **state)
{
    (void)state;
    raw_server *proxy = raw_server_start(&(raw_script){.head = "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"});
    for (asker_engine engine = 0; engine < ASKER_ENGINES; engine++) {
        asker at;
        multi_result got;
        char spelled[64];
        asker_open(&at, engine);
        snprintf(spelled, sizeof spelled, "http://127.0.0.1:%d", raw_server_port(proxy));
        at.settings.proxy = assay_strdup(spelled);
        snprintf(url, sizeof url, "https://203.0.113.1/"); /* nobody's (RFC 5737) */
        assay_http_request request = ask_for("other.test", &trusted);
        assert_int_not_equal(asker_send(&at, &request, 300, &got), ASSAY_OK);
        assert_int_equal(raw_server_connections(proxy), 0);
        asker_close(&at);
    }
    raw_server_stop(proxy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_case_78_name_is_sent_and_verified),
        cmocka_unit_test(test_case_78_other_names_are_refused),
        cmocka_unit_test(test_case_78_ipv6_literal),
        cmocka_unit_test(test_names_that_are_none),
        cmocka_unit_test(test_connections_are_not_shared),
        cmocka_unit_test(test_connection_is_kept_for_one_name),
        cmocka_unit_test(test_named_servers_are_asked_directly),
    };
    return cmocka_run_group_tests(tests, make, remove_all);
}
