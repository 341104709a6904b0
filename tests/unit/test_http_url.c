/* SPDX-License-Identifier: MIT */
#include "base/limits.h"
#include "base/memory.h"
#include "http/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* Parsed from a copy of exactly that length, so that a sanitizer sees each read past the end. */
static const char *parse(const char *text, size_t len)
{
    assay_url url;
    char *copy = malloc(len == 0 ? 1 : len);
    assert_non_null(copy);
    memcpy(copy, text, len);
    const char *problem = assay_url_parse(copy, len, &url);
    free(copy);
    return problem;
}

static void test_parts(void **state)
{
    (void)state;
    assay_url url;
    const char text[] = "https://Login.Example.com:8443/a/b%20c?x=1&y=/?";
    assert_null(assay_url_parse(text, strlen(text), &url));
    assert_true(url.https);
    assert_false(url.loopback);
    assert_true(assay_span_is(url.host, "Login.Example.com"));
    assert_int_equal(url.port, 8443);
    assert_true(assay_span_is(url.path, "/a/b%20c"));
    assert_true(assay_span_is(url.query, "x=1&y=/?"));
    assert_true(assay_url_host_is(&url, "login.EXAMPLE.com"));
    assert_false(assay_url_host_is(&url, "login.example.com."));
    assert_false(assay_url_host_is(&url, "xlogin.example.com"));

    assert_null(assay_url_parse("https://h?q", 11, &url));
    assert_int_equal(url.path.len, 0);
    assert_true(assay_span_is(url.query, "q"));
    assert_int_equal(url.port, 443);

    assert_null(assay_url_parse("http://[2001:db8::1]:80", 23, &url));
    assert_true(assay_span_is(url.host, "2001:db8::1"));
    assert_false(url.loopback);
    assert_int_equal(url.port, 80);
}

static void test_accepted(void **state)
{
    (void)state;
    static const char *const good[] = {
        "https://issuer",
        "https://issuer/",
        "https://a.b.c/d",
        "https://oidc_provider.default.svc.cluster.local:6443/openid/v1/jwks",
        "https://192.168.0.1",
        "https://0.0.0.0",
        "https://255.255.255.255:65535/",
        "https://[::1]",
        "https://[::ffff:127.0.0.1]/",
        "https://xn--bcher-kva.example/",
        "https://1.2.3.4.example/",
        "https://0xygen.example/",
        "https://host.0xyz/",
        "https://a/@b",
        "https://a/?b@c",
        "https://a/%2e%2e/",
        "https://a//b",
        "https://a:1/",
        "https://accounts.google.com/.well-known/openid-configuration",
    };
    for (size_t i = 0; i < ASSAY_COUNT_OF(good); i++) {
        const char *problem = parse(good[i], strlen(good[i]));
        if (problem != NULL)
            fail_msg("%s: %s", good[i], problem);
    }
}

/* attacks.md, 59 */
static void test_a59_hostile_urls_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "h",
        "https",
        "https:",
        "https:/",
        "https://",
        "https:///path",
        "https:/host",
        "https:host",
        "//host/",
        "/path",
        "host/path",
        " https://host",
        "https://host ",
        "\thttps://host",
        /* other schemes, and the case of ours */
        "ftp://host/",
        "file:///etc/passwd",
        "gopher://host/",
        "data:application/json,{}",
        "HTTPS://host/",
        "Https://h/",
        "httpS://host/",
        "httpss://host/",
        "http+unix://host/",
        "javascript://host/",
        "ldap://host/",
        /* user information */
        "https://user@host/",
        "https://user:pass@host/",
        "https://@host/",
        "https://good.example@evil.example/",
        "https://host:443@evil/",
        "https://[::1]@evil/",
        "https://evil%40host/",
        "https://good.example%2f@evil/",
        /* two parsers */
        "https://host\\@evil/",
        "https://host/\\evil",
        "https:\\\\host/",
        "https://host\\.evil.example/",
        "https://host/#fragment",
        "https://host#@evil/",
        "https://host/#",
        "https://host?#",
        "https://host/\r\nX: y",
        "https://host\r\n/",
        "https://host/a\nb",
        "https://host/\x7f",
        "https://ho\tst/",
        "https://host/a b",
        "https://host/\"",
        "https://host/<",
        "https://host/>",
        "https://host/^",
        "https://host/`",
        "https://host/{tenantid}",
        "https://host/|",
        "https://host/}",
        /* escapes */
        "https://host/%",
        "https://host/%1",
        "https://host/%zz",
        "https://host/%2",
        "https://host/%00",
        "https://host/%0a",
        "https://host/%0D%0A",
        "https://host/%1f",
        "https://host/%7f",
        "https://host/%7F",
        "https://ho%73t/",
        "https://host%00.example/",
        "https://host/?a=%",
        "https://%6c%6f/",
        /* numbers that are addresses to somebody */
        "https://2130706433/",
        "https://0x7f000001/",
        "https://017700000001/",
        "https://127.1/",
        "https://127.0.1/",
        "https://0x7f.1/",
        "https://0x7f.0.0.1/",
        "https://127.0.0.01/",
        "https://0177.0.0.1/",
        "https://127.0.0.0x1/",
        "https://256.0.0.1/",
        "https://1.2.3.4.5/",
        "https://1.2.3/",
        "https://1.2.3.4444/",
        "https://host.1/",
        "https://host.0x/",
        "https://host.0xff/",
        "https://0x/",
        "https://0/",
        "https://127.0.0.1./",
        "https://00.0.0.0/",
        "https://169.254.169.254.1/",
        /* IPv6 */
        "https://[::1",
        "https://::1/",
        "https://[::1]x/",
        "https://[]/",
        "https://[::g]/",
        "https://[::1%25eth0]/",
        "https://[::1%eth0]/",
        "https://[v1.x]/",
        "https://[127.0.0.1]/",
        "https://[::1]]/",
        "https://[[::1]]/",
        "https://[1:2:3:4:5:6:7:8:9]/",
        "https://[::ffff:127.0.0.01]/",
        /* ports */
        "https://host:/",
        "https://host:0/",
        "https://host:65536/",
        "https://host:99999/",
        "https://host:-1/",
        "https://host:+1/",
        "https://host:80a/",
        "https://host:0443/",
        "https://host:443:443/",
        "https://host: 443/",
        "https://host:1e2/",
        "https://host:0x50/",
        "https://:443/",
        "https://[::1]:/",
        "https://[::1]:0/",
        "https://host:4294967739/",
        /* names */
        "https://./",
        "https://../",
        "https://host./",
        "https://.host/",
        "https://a..b/",
        "https://ho,st/",
        "https://ho!st/",
        "https://ho$st/",
        "https://(host)/",
        "https://ho*st/",
        "https://ho;st/",
        "https://ho=st/",
        "https://ho'st/",
        "https://b\xc3\xbc"
        "cher.example/",
        "https://host/\xc3\xbc",
        "https://\xef\xbd\x85xample/",
        "https://example\xe3\x80\x82"
        "com/",
        "https://\xe2\x80\x8bhost/",
        "https://host\xff/",
        "https://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/",
    };
    for (size_t i = 0; i < ASSAY_COUNT_OF(bad); i++)
        if (parse(bad[i], strlen(bad[i])) == NULL)
            fail_msg("accepted: %s", bad[i]);
    assert_non_null(parse("https://host/a\0b", 16));
    assert_non_null(parse("https://ho\0st/", 14));
    assert_non_null(assay_url_parse(NULL, 0, &(assay_url){0}));
    print_message("%zu hostile URLs refused\n", ASSAY_COUNT_OF(bad) + 3);
}

static void test_every_byte(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        char in_host[] = "https://a?b/", in_path[] = "https://a/?";
        in_host[9] = (char)c;
        in_path[10] = (char)c;
        bool host_ok = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       strchr("._-/?", c == 0 ? 1 : c) != NULL;
        bool path_ok = c > ' ' && c < 127 && strchr("\"#%<>\\^`{|}", c) == NULL;
        assert_int_equal(parse(in_host, strlen("https://a?b/")) == NULL, host_ok);
        assert_int_equal(parse(in_path, strlen("https://a/?")) == NULL, path_ok);
    }
}

static void test_loopback(void **state)
{
    (void)state;
    static const char *const here[] = {"http://127.0.0.1/", "http://127.255.0.9:8080", "http://localhost:1/",
                                       "http://[::1]:2/",   "http://LOCALHOST",        "http://[0:0:0:0:0:0:0:1]/"};
    static const char *const elsewhere[] = {"http://128.0.0.1/", "http://localhost.example/",  "http://host/",
                                            "http://[::2]/",     "http://[::ffff:127.0.0.1]/", "http://0.0.0.0/",
                                            "http://[::]/",      "http://127.0.0.1.example/",  "http://xlocalhost/",
                                            "http://10.0.0.1/"};
    for (size_t i = 0; i < ASSAY_COUNT_OF(here); i++) {
        assert_null(assay_url_check_fetch(here[i], strlen(here[i]), true));
        assert_non_null(assay_url_check_fetch(here[i], strlen(here[i]), false));
    }
    for (size_t i = 0; i < ASSAY_COUNT_OF(elsewhere); i++) {
        assert_non_null(assay_url_check_fetch(elsewhere[i], strlen(elsewhere[i]), true));
        assert_non_null(assay_url_check_fetch(elsewhere[i], strlen(elsewhere[i]), false));
    }
    assert_null(assay_url_check_fetch("https://127.0.0.1", 17, false));
}

/* Only an address that is spelled out, and only where it was allowed; keys and metadata never come from there. */
static void test_link_local(void **state)
{
    (void)state;
    static const char *const here[] = {"http://169.254.169.254/a?b=c", "http://169.254.0.0",
                                       "http://169.254.255.255:80"};
    static const char *const elsewhere[] = {
        "http://169.253.255.255/",    "http://169.255.0.0/", "http://168.254.1.1/",      "http://254.169.1.1/",
        "http://169.254.1.1.example", "http://[fe80::1]/",   "http://metadata/",         "http://[::ffff:169.254.1.1]/",
        "http://169.254.1",           "http://0251.254.1.1", "http://169.254.1.1@host/", "http://169.254.1.256/",
        "http://169.254.1.1.",        "http://x.169.254.1.1"};
    assay_url url;
    for (size_t i = 0; i < ASSAY_COUNT_OF(here); i++) {
        size_t len = strlen(here[i]);
        assert_null(assay_url_parse(here[i], len, &url));
        assert_true(url.link_local && !url.loopback);
        assert_null(assay_url_check_local_fetch(here[i], len, false, true));
        assert_non_null(assay_url_check_local_fetch(here[i], len, true, false));
        assert_non_null(assay_url_check_fetch(here[i], len, true));
        assert_non_null(assay_url_check_issuer(here[i], len, true));
    }
    for (size_t i = 0; i < ASSAY_COUNT_OF(elsewhere); i++) {
        assert_non_null(assay_url_check_local_fetch(elsewhere[i], strlen(elsewhere[i]), true, true));
        assert_false(assay_url_parse(elsewhere[i], strlen(elsewhere[i]), &url) == NULL && url.link_local);
    }
    assert_null(assay_url_check_local_fetch("http://127.0.0.1/", 17, true, false));
    assert_non_null(assay_url_check_local_fetch("http://127.0.0.1/", 17, false, true));
    assert_null(assay_url_check_local_fetch("https://host/", 13, false, false));
    assert_null(assay_url_check_fetch("https://169.254.1.1/", 20, false));
}

static void test_issuer(void **state)
{
    (void)state;
    assert_null(assay_url_check_issuer("https://host/a", 14, false));
    assert_null(assay_url_check_issuer("https://host/a/", 15, false));
    assert_non_null(assay_url_check_issuer("https://host/a?b", 16, false));
    assert_non_null(assay_url_check_issuer("https://host/a?", 15, false));
    assert_non_null(assay_url_check_issuer("https://host?", 13, false));
    assert_non_null(assay_url_check_issuer("http://host/", 12, true));
    assert_non_null(assay_url_check_issuer("http://localhost/", 17, false));
    assert_null(assay_url_check_issuer("http://localhost/", 17, true));
    assert_null(assay_url_check_fetch("https://host/a?b", 16, false));
}

static void test_limits(void **state)
{
    (void)state;
    char text[ASSAY_LIMIT_URL_BYTES + 2];
    memset(text, 'a', sizeof text);
    memcpy(text, "https://host/", 13);
    assert_null(parse(text, ASSAY_LIMIT_URL_BYTES - 1));
    assert_null(parse(text, ASSAY_LIMIT_URL_BYTES));
    assert_non_null(parse(text, ASSAY_LIMIT_URL_BYTES + 1));

    /* 253 bytes of host: 63.63.63.61 */
    for (size_t len = 252; len <= 254; len++) {
        memset(text, 'b', sizeof text);
        memcpy(text, "https://", 8);
        text[8 + 63] = text[8 + 127] = text[8 + 191] = '.';
        assert_int_equal(parse(text, 8 + len) == NULL, len <= 253);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts),      cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_every_byte), cmocka_unit_test(test_a59_hostile_urls_are_refused),
        cmocka_unit_test(test_loopback),   cmocka_unit_test(test_link_local),
        cmocka_unit_test(test_issuer),     cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
