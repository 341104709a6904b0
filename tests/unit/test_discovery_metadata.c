/* SPDX-License-Identifier: MIT */
#include "discovery/metadata.h"
#include "http/url.h"
#include "support/test_data.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void expect_url(char *made, const char *expected)
{
    assert_non_null(made);
    assert_string_equal(made, expected);
    assay_release(made);
}

/* OIDC Discovery, section 4.1 */
static void test_openid_url(void **state)
{
    (void)state;
    expect_url(assay_metadata_url_openid("https://example.com"),
               "https://example.com/.well-known/openid-configuration");
    expect_url(assay_metadata_url_openid("https://example.com/"),
               "https://example.com/.well-known/openid-configuration");
    expect_url(assay_metadata_url_openid("https://example.com/issuer1"),
               "https://example.com/issuer1/.well-known/openid-configuration");
    expect_url(assay_metadata_url_openid("https://example.com:8443/a/b/"),
               "https://example.com:8443/a/b/.well-known/openid-configuration");
    expect_url(assay_metadata_url_openid("https://example.com/a//"),
               "https://example.com/a//.well-known/openid-configuration");
}

/* RFC 8414, section 3.1 */
static void test_oauth_url(void **state)
{
    (void)state;
    expect_url(assay_metadata_url_oauth("https://example.com"),
               "https://example.com/.well-known/oauth-authorization-server");
    expect_url(assay_metadata_url_oauth("https://example.com/"),
               "https://example.com/.well-known/oauth-authorization-server");
    expect_url(assay_metadata_url_oauth("https://example.com/issuer1"),
               "https://example.com/.well-known/oauth-authorization-server/issuer1");
    expect_url(assay_metadata_url_oauth("https://example.com:8443/a/b/"),
               "https://example.com:8443/.well-known/oauth-authorization-server/a/b");
}

static int read_as(const assay_metadata_rules *rules, const char *text, char **jwks_uri, assay_failure *failure)
{
    assay_failure_clear(failure);
    int code = assay_metadata_read(rules, text, strlen(text), jwks_uri, failure);
    assert_int_equal(code == ASSAY_OK, *jwks_uri != NULL);
    return code;
}

static int read_text(const char *text)
{
    const assay_metadata_rules rules = {.issuer = "https://issuer.example"};
    assay_failure failure;
    char *jwks_uri = NULL;
    int code = read_as(&rules, text, &jwks_uri, &failure);
    if (code == ASSAY_OK)
        assert_string_equal(jwks_uri, "https://keys.example/jwks");
    assay_release(jwks_uri);
    return code;
}

#define ISSUER "\"issuer\":\"https://issuer.example\""
#define URI "\"jwks_uri\":\"https://keys.example/jwks\""

static void test_documents(void **state)
{
    (void)state;
    assert_int_equal(read_text("{" ISSUER "," URI "}"), ASSAY_OK);
    assert_int_equal(read_text("\xef\xbb\xbf{" ISSUER "," URI ",\"x\":[{}]}"), ASSAY_OK);
    assert_int_equal(read_text("{\"\\u0069ssuer\":\"https:\\/\\/issuer.example\"," URI "}"), ASSAY_OK);
    static const char *const broken[] = {"",
                                         "{",
                                         "[]",
                                         "null",
                                         "\"x\"",
                                         "<html>",
                                         "{}",
                                         "{" URI "}",
                                         "{\"issuer\":1," URI "}",
                                         "{\"issuer\":null," URI "}",
                                         "{\"issuer\":[\"https://issuer.example\"]," URI "}",
                                         "{" ISSUER "," URI "} x",
                                         "{" ISSUER "," ISSUER "," URI "}",
                                         "[{" ISSUER "," URI "}]",
                                         "{" ISSUER "," URI ",}"};
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++)
        if (read_text(broken[i]) != ASSAY_E_METADATA)
            fail_msg("%s: %d", broken[i], read_text(broken[i]));
}

/* K18, attacks.md 61: byte by byte */
static void test_k18_issuer_differs(void **state)
{
    (void)state;
    static const char *const other[] = {"https://issuer.example/",    "https://ISSUER.example",
                                        "https://issuer.example:443", "http://issuer.example",
                                        "https://issuer.example/x",   "",
                                        "https://issuer.exampl",      "https://issuer.example\\u0000",
                                        " https://issuer.example",    "{issuer}"};
    for (size_t i = 0; i < sizeof other / sizeof other[0]; i++) {
        char text[256];
        snprintf(text, sizeof text, "{\"issuer\":\"%s\"," URI "}", other[i]);
        int code = read_text(text);
        if (code != ASSAY_E_METADATA_ISSUER && !(strstr(other[i], "u0000") != NULL && code == ASSAY_E_METADATA))
            fail_msg("%s: %d", text, code);
    }
    const assay_metadata_rules rules = {.issuer = "https://issuer.example"};
    assay_failure failure;
    char *jwks_uri = NULL;
    assert_int_equal(read_as(&rules, "{\"issuer\":\"https://issuer.example/\"," URI "}", &jwks_uri, &failure),
                     ASSAY_E_METADATA_ISSUER);
    assert_string_equal(failure.expected, "https://issuer.example");
    assert_string_equal(failure.found, "https://issuer.example/");
    assert_non_null(strstr(failure.hint, "slash"));
    assert_int_equal(read_as(&rules, "{\"issuer\":\"https://evil\"," URI "}", &jwks_uri, &failure),
                     ASSAY_E_METADATA_ISSUER);
    assert_null(failure.hint);
    assert_int_equal(assay_metadata_read(&rules, "{\"issuer\":\"x\"}", 14, &jwks_uri, NULL), ASSAY_E_METADATA_ISSUER);
}

static int read_uri(const char *uri, bool loopback, const char *const *hosts, size_t count)
{
    char text[4096];
    assay_failure failure;
    char *jwks_uri = NULL;
    const assay_metadata_rules rules = {.issuer = "https://issuer.example",
                                        .allow_loopback_http = loopback,
                                        .jwks_hosts = hosts,
                                        .jwks_host_count = count};
    snprintf(text, sizeof text, "{" ISSUER ",\"jwks_uri\":%s}", uri);
    int code = read_as(&rules, text, &jwks_uri, &failure);
    assay_release(jwks_uri);
    return code;
}

/* K19, attacks.md 59 */
static void test_k19_jwks_uri(void **state)
{
    (void)state;
    static const char *const bad[] = {"null",
                                      "1",
                                      "[]",
                                      "\"\"",
                                      "\"http://keys.example/\"",
                                      "\"/jwks\"",
                                      "\"jwks.json\"",
                                      "\"//keys.example/\"",
                                      "\"file:///etc/passwd\"",
                                      "\"ftp://keys.example/\"",
                                      "\"https://u@keys.example/\"",
                                      "\"https://2130706433/\"",
                                      "\"https://0x7f.1/\"",
                                      "\"https://keys.example\\\\@evil/\"",
                                      "\"https://keys.example/\\r\\nX: y\"",
                                      "\"https://keys.example/#x\"",
                                      "\"http://127.0.0.1/\"",
                                      "\"http://169.254.169.254/\"",
                                      "\"data:application/json,{}\"",
                                      "\"gopher://keys.example/\"",
                                      "\"https://\""};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (read_uri(bad[i], false, NULL, 0) != ASSAY_E_JWKS_URI)
            fail_msg("%s", bad[i]);
    assert_int_equal(read_uri("\"http://127.0.0.1:1/\"", true, NULL, 0), ASSAY_OK);
    assert_int_equal(read_uri("\"http://10.0.0.1/\"", true, NULL, 0), ASSAY_E_JWKS_URI);
    assert_int_equal(read_uri("\"https://10.0.0.1:6443/openid/v1/jwks\"", false, NULL, 0), ASSAY_OK);
    assert_int_equal(read_text("{" ISSUER "}"), ASSAY_E_JWKS_URI);

    static const char *const hosts[] = {"www.googleapis.com", "keys.example"};
    assert_int_equal(read_uri("\"https://www.googleapis.com/oauth2/v3/certs\"", false, hosts, 2), ASSAY_OK);
    assert_int_equal(read_uri("\"https://KEYS.example:8443/\"", false, hosts, 2), ASSAY_OK);
    assert_int_equal(read_uri("\"https://keys.example.evil/\"", false, hosts, 2), ASSAY_E_JWKS_URI);
    assert_int_equal(read_uri("\"https://xkeys.example/\"", false, hosts, 2), ASSAY_E_JWKS_URI);
    assert_int_equal(read_uri("\"https://evil/?keys.example\"", false, hosts, 2), ASSAY_E_JWKS_URI);
    assert_int_equal(read_uri("\"https://keys.example/\"", false, hosts, 0), ASSAY_E_JWKS_URI);
}

/* ---- K29: every real document, asked for under the issuer that it names ---- */

static size_t passed, relative, plain_http;

static void try_document(const char *name, const json_t *document)
{
    const char *issuer = json_string_value(json_object_get(document, "issuer"));
    const char *uri = json_string_value(json_object_get(document, "jwks_uri"));
    if (issuer == NULL || uri == NULL)
        fail_msg("%s: no issuer or no jwks_uri", name);
    char *text = json_dumps(document, JSON_COMPACT);
    char *jwks_uri = NULL;
    assay_failure failure;
    const assay_metadata_rules rules = {.issuer = issuer};
    int code = read_as(&rules, text, &jwks_uri, &failure);
    free(text);
    if (code == ASSAY_OK) {
        assert_string_equal(jwks_uri, uri);
        assay_release(jwks_uri);
        passed++;
        return;
    }
    assert_int_equal(code, ASSAY_E_JWKS_URI);
    printf("  refused: %s: jwks_uri %s: %s\n", name, uri, failure.note);
    if (strstr(uri, "://") == NULL) /* Microsoft's test documents name files of theirs */
        relative++;
    else if (strncmp(uri, "http://", 7) == 0) /* recorded from development servers */
        plain_http++;
    else
        fail_msg("%s: no reason to refuse %s", name, uri);
}

static void try_all(const char *pattern, bool recorded)
{
    glob_t found;
    char full[4096];
    size_t skip_len = strlen(test_data_path(""));
    snprintf(full, sizeof full, "%s", test_data_path(pattern));
    if (glob(full, 0, NULL, &found) != 0)
        fail_msg("no file like %s", full);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        const char *name = found.gl_pathv[i] + skip_len;
        json_t *json = test_data_json(name);
        assert_non_null(json);
        try_document(name, recorded ? json_object_get(json, "body") : json);
        json_decref(json);
    }
    globfree(&found);
}

static void test_k29_real_documents(void **state)
{
    (void)state;
    if (!test_data_is_there())
        skip();
    passed = relative = plain_http = 0;
    try_all("metadata/*.openid-configuration*.json", false);
    try_all("providers/panva-wellknown/*.openid-configuration.json", false);
    try_all("providers/ms-identitymodel/*openid-configuration.json", false);
    try_all("providers/ms-identitymodel/OpenIdConnectMetadata*.json", false);
    try_all("providers/dockyard-http/*.discovery_document.json", true);
    printf("metadata documents: %zu pass, %zu with a relative jwks_uri, %zu with plain http\n", passed, relative,
           plain_http);
    assert_int_equal(relative, 10);
    assert_int_equal(plain_http, 2);
    assert_true(passed >= 44);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_openid_url),   cmocka_unit_test(test_oauth_url),
        cmocka_unit_test(test_documents),    cmocka_unit_test(test_k18_issuer_differs),
        cmocka_unit_test(test_k19_jwks_uri), cmocka_unit_test(test_k29_real_documents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
