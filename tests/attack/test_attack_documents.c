/* SPDX-License-Identifier: MIT */
/* Attacks 59 to 64 and 81 of the catalogue: hostile metadata and key sets, and what a request would give away. */
#include "support/document_server.h"
#include "support/scene.h"
#include "support/trial.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define WAIT 3000

/* A fresh validator of the server's issuer fetches; @p host NULL: any host for the keys. */
static int fetch(const document_server *at, const char *host, assay_runtime *runtime)
{
    assay_issuer *issuer = NULL;
    assay_validator *validator = NULL;
    must_ok(assay_issuer_new(at->url, &issuer, NULL));
    must_ok(assay_issuer_add_audience(issuer, "a", NULL));
    must_ok(assay_issuer_allow_loopback_http(issuer, NULL));
    if (host != NULL)
        must_ok(assay_issuer_add_jwks_host(issuer, host, NULL));
    must_ok(assay_validator_new(runtime, &issuer, 1, &validator, NULL));
    assay_error *error = NULL;
    int code = assay_validator_refresh(validator, NULL, WAIT, &error);
    assert_int_equal(assay_error_code(error), code);
    if (code != ASSAY_OK)
        assert_int_not_equal(assay_validator_ready(validator, NULL), ASSAY_OK);
    assay_error_free(error);
    assay_issuer_free(issuer);
    assay_validator_unref(validator);
    return code;
}

static void attack_59_jwks_uri(void **state)
{
    (void)state;
    static const char *const uris[] = {
        "\"file:///etc/passwd\"",
        "\"ftp://127.0.0.1/keys\"",
        "\"gopher://127.0.0.1/\"",
        "\"data:application/json,{}\"",
        "\"dict://127.0.0.1:1/\"",
        "\"ldap://127.0.0.1\"",
        "\"http://169.254.169.254/latest/meta-data/\"",
        "\"http://[fd00:ec2::254]/\"",
        "\"http://attacker.example/keys\"",
        "\"http://localhost.attacker.example/\"",
        "\"http://127.0.0.1.attacker.example/\"",
        "\"http://2130706433/\"",
        "\"http://0x7f000001/\"",
        "\"http://0177.0.0.1/\"",
        "\"http://127.1/\"",
        "\"http://0.0.0.0/\"",
        "\"https://user@127.0.0.1/\"",
        "\"https://user:pw@127.0.0.1/\"",
        "\"https://good.example\\\\@evil.example/\"",
        "\"https://good.example\\r\\nX: y/\"",
        "\"https://a.example/\\t\"",
        "\"https://a.example/#f\"",
        "\"https:///keys\"",
        "\"https:/a.example\"",
        "\"https:a.example\"",
        "\"//a.example/keys\"",
        "\"/keys\"",
        "\"keys\"",
        "\"\"",
        "\"HTTPS//a\"",
        "\"https://a.example:0/\"",
        "\"https://a.example:65536/\"",
        "\"https://a.example:x/\"",
        "\"https://[::1\"",
        "\"https://\xc3\xa9.example/ \"",
        "\"https://a b.example/\"",
        "1",
        "null",
        "true",
        "[\"https://a.example/keys\"]",
        "{}",
    };
    document_server at;
    document_server_start(&at);
    for (size_t i = 0; i < COUNT_OF(uris); i++) {
        document_server_metadata(&at, trial_format("{\"issuer\":\"%s\",\"jwks_uri\":%s}", at.url, uris[i]));
        int code = fetch(&at, NULL, NULL);
        if (code != ASSAY_E_JWKS_URI)
            fail_msg("%s: %s", uris[i], assay_code_name(code));
    }
    document_server_metadata(&at, trial_format("{\"issuer\":\"%s\"}", at.url));
    assert_int_equal(fetch(&at, NULL, NULL), ASSAY_E_JWKS_URI);
    document_server_metadata(&at, trial_format("{\"issuer\":\"%s\",\"jwks_uri\":\"%s/keys\"}", at.url, at.url));
    assert_int_equal(fetch(&at, "keys.example", NULL), ASSAY_E_JWKS_URI);
    assert_int_equal(at.keys_requests + at.other_requests, 0);
    assert_int_equal(fetch(&at, "127.0.0.1", NULL), ASSAY_OK);
    assert_int_equal(at.keys_requests, 1);
    document_server_stop(&at);
}

static void attack_59_issuer_url(void **state)
{
    (void)state;
    static const char *const urls[] = {"file:///etc/passwd",
                                       "http://issuer.example",
                                       "http://127.0.0.1",
                                       "https://user@issuer.example",
                                       "https://issuer.example?x",
                                       "https://issuer.example#x",
                                       "https://",
                                       "https:///x",
                                       "issuer.example",
                                       "javascript:alert(1)",
                                       "https://a b",
                                       "https://issuer.example:99999",
                                       "https://issuer.example\\@evil",
                                       "https://[::1"};
    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        assay_issuer *issuer = NULL;
        assay_validator *validator = NULL;
        must_ok(assay_issuer_new(urls[i], &issuer, NULL));
        must_ok(assay_issuer_add_audience(issuer, "a", NULL));
        must_fail(assay_validator_new(NULL, &issuer, 1, &validator, &error), ASSAY_E_CONFIG_ISSUER);
        assay_issuer_free(issuer);
    }
}

static void attack_60_redirects(void **state)
{
    (void)state;
    document_server at;
    document_server_start(&at);
    static const char *const statuses[] = {"300 X", "301 X", "302 X", "303 X", "305 X", "307 X", "308 X"};
    for (size_t i = 0; i < COUNT_OF(statuses); i++) {
        char *head = trial_format("%s\r\nLocation: %s/elsewhere", statuses[i], at.url);
        at.metadata_head = head;
        assert_int_equal(fetch(&at, NULL, NULL), ASSAY_E_REDIRECT);
        at.metadata_head = "200 OK";
        at.keys_head = head;
        assert_int_equal(fetch(&at, NULL, NULL), ASSAY_E_REDIRECT);
        at.keys_head = "200 OK";
        free(head);
    }
    assert_int_equal(at.other_requests, 0);
    document_server_stop(&at);
}

static void attack_61_metadata_of_another_issuer(void **state)
{
    (void)state;
    document_server at;
    document_server_start(&at);
    static const char *const formats[] = {"%s/",   "%s/x", "x%s", " %s",
                                          "%s\\n", "%s?",  "%s#", "https://attacker.example/%s"};
    for (size_t i = 0; i < COUNT_OF(formats); i++) {
        char *issuer = NULL;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        assert_true(asprintf(&issuer, formats[i], at.url) > 0);
#pragma GCC diagnostic pop
        document_server_metadata(&at, trial_format("{\"issuer\":\"%s\",\"jwks_uri\":\"%s/keys\"}", issuer, at.url));
        assert_int_equal(fetch(&at, NULL, NULL), ASSAY_E_METADATA_ISSUER);
        free(issuer);
    }
    static const char *const values[] = {"null", "1", "[\"x\"]", "{}", "true"};
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        document_server_metadata(&at, trial_format("{\"issuer\":%s,\"jwks_uri\":\"%s/keys\"}", values[i], at.url));
        assert_int_equal(fetch(&at, NULL, NULL), ASSAY_E_METADATA);
    }
    static const char *const bodies[] = {"{}",           "[]",       "null",
                                         "{\"issuer\":", "not json", "{\"issuer\":\"a\",\"issuer\":\"b\"}"};
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        document_server_metadata(&at, strdup(bodies[i]));
        assert_int_equal(fetch(&at, NULL, NULL), ASSAY_E_METADATA);
    }
    assert_int_equal(at.keys_requests, 0);
    document_server_stop(&at);
}

static void attack_63_tls_to_the_issuer(void **state)
{
    (void)state;
    scene at, other;
    scene_open(&at, NULL);
    scene_open(&other, NULL);
    /* Trusted by another CA, or by none: whatever the environment says. */
    char path[] = "/tmp/assay-ca-XXXXXX";
    int fd = mkstemp(path);
    const char *pem = dev_issuer_ca_pem(at.issuer);
    assert_true(fd >= 0 && write(fd, pem, strlen(pem)) == (ssize_t)strlen(pem));
    close(fd);
    (void)setenv("SSL_CERT_FILE", path, 1);
    (void)setenv("CURL_CA_BUNDLE", path, 1);
    for (int own = 0; own < 2; own++) {
        assay_validator *validator = NULL;
        must_ok(assay_validator_new(own ? other.runtime : NULL, &at.configuration, 1, &validator, NULL));
        must_fail(assay_validator_refresh(validator, NULL, WAIT, &error), ASSAY_E_TLS);
        assay_validator_unref(validator);
    }
    (void)unsetenv("SSL_CERT_FILE");
    (void)unsetenv("CURL_CA_BUNDLE");
    (void)unlink(path);
    assert_int_equal(scene_requests(&at, "metadata"), 0);
    /* No TLS at all behind an https URL. */
    document_server plain;
    document_server_start(&plain);
    assay_issuer *issuer = NULL;
    assay_validator *validator = NULL;
    char *url = trial_format("https%s", plain.url + 4);
    must_ok(assay_issuer_new(url, &issuer, NULL));
    must_ok(assay_issuer_add_audience(issuer, "a", NULL));
    must_ok(assay_validator_new(NULL, &issuer, 1, &validator, NULL));
    must_fail(assay_validator_refresh(validator, NULL, WAIT, &error), ASSAY_E_TLS);
    assay_validator_unref(validator);
    assay_issuer_free(issuer);
    free(url);
    document_server_stop(&plain);
    scene_close(&other);
    scene_close(&at);
}

static void attack_64_encoded_and_giant_answers(void **state)
{
    (void)state;
    document_server at;
    document_server_start(&at);
    static const char *const encodings[] = {"200 OK\r\nContent-Encoding: gzip", "200 OK\r\ncontent-encoding: deflate",
                                            "200 OK\r\nContent-Encoding: br"};
    for (size_t i = 0; i < COUNT_OF(encodings); i++) {
        at.keys_head = encodings[i];
        assert_int_equal(fetch(&at, NULL, NULL), ASSAY_E_RESPONSE);
    }
    at.keys_head = "200 OK";
    assert_null(strstr(at.last, "Accept-Encoding: gzip"));
    char *many = trial_repeat(",{\"kty\":\"x\"}", 1000000);
    document_server_keys(&at, trial_format("{\"keys\":[{}%s]}", many));
    assert_int_equal(fetch(&at, NULL, NULL), ASSAY_E_RESPONSE_SIZE);
    free(many);
    many = trial_repeat(",{}", 128);
    document_server_keys(&at, trial_format("{\"keys\":[{}%s]}", many));
    assert_int_equal(fetch(&at, NULL, NULL), ASSAY_E_JWKS);
    free(many);
    many = trial_repeat("[", 100000);
    document_server_keys(&at, trial_format("{\"keys\":%s", many));
    assert_int_equal(fetch(&at, NULL, NULL), ASSAY_E_JWKS);
    free(many);
    document_server_stop(&at);
}

/* Neither proxies nor .netrc of the environment count, no cookie is kept, and no credential is sent. */
static void attack_81_credentials_of_the_environment(void **state)
{
    (void)state;
    char folder[] = "/tmp/assay-home-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char *netrc = trial_format("%s/.netrc", folder);
    FILE *file = fopen(netrc, "w");
    assert_non_null(file);
    fputs("default login netrc-user password netrc-secret\n", file);
    fclose(file);
    static const char *const names[] = {"http_proxy", "https_proxy", "all_proxy", "HTTPS_PROXY", "ALL_PROXY"};
    const char *home = getenv("HOME");
    char *old_home = home == NULL ? NULL : strdup(home);
    (void)setenv("HOME", folder, 1);
    (void)setenv("NETRC", netrc, 1);
    for (size_t i = 0; i < COUNT_OF(names); i++)
        (void)setenv(names[i], "http://user:secret@127.0.0.1:9", 1);
    document_server at;
    document_server_start(&at);
    at.metadata_head = "200 OK\r\nSet-Cookie: session=1; Path=/";
    at.keys_head = at.metadata_head;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(fetch(&at, NULL, NULL), ASSAY_OK);
        assert_null(strcasestr(at.last, "\r\nCookie:"));
        assert_null(strcasestr(at.last, "\r\nAuthorization:"));
        assert_null(strcasestr(at.last, "\r\nProxy-"));
        assert_null(strcasestr(at.last, "\r\nReferer:"));
    }
    /* Asked to, the proxies count, loopback apart: port 9 answers nobody, and the name is not even looked up. */
    for (int asked = 0; asked < 2; asked++) {
        assay_runtime *runtime = NULL;
        assay_issuer *issuer = NULL;
        assay_validator *validator = NULL;
        must_ok(assay_runtime_new(&runtime, NULL));
        if (asked)
            must_ok(assay_runtime_use_environment_proxy(runtime, NULL));
        must_ok(assay_issuer_new("https://issuer.invalid", &issuer, NULL));
        must_ok(assay_issuer_add_audience(issuer, "a", NULL));
        must_ok(assay_validator_new(runtime, &issuer, 1, &validator, NULL));
        int code = assay_validator_refresh(validator, NULL, WAIT, NULL);
        assert_int_equal(code == ASSAY_E_CONNECT, asked);
        assert_int_equal(assay_code_category(code), ASSAY_CATEGORY_NETWORK);
        assay_validator_unref(validator);
        assay_issuer_free(issuer);
        assay_runtime_unref(runtime);
    }
    for (size_t i = 0; i < COUNT_OF(names); i++)
        (void)unsetenv(names[i]);
    (void)unsetenv("NETRC");
    if (old_home != NULL)
        (void)setenv("HOME", old_home, 1);
    (void)unlink(netrc);
    (void)rmdir(folder);
    free(old_home);
    free(netrc);
    document_server_stop(&at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attack_59_jwks_uri),
        cmocka_unit_test(attack_59_issuer_url),
        cmocka_unit_test(attack_60_redirects),
        cmocka_unit_test(attack_61_metadata_of_another_issuer),
        cmocka_unit_test(attack_63_tls_to_the_issuer),
        cmocka_unit_test(attack_64_encoded_and_giant_answers),
        cmocka_unit_test(attack_81_credentials_of_the_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
