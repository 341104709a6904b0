/* SPDX-License-Identifier: MIT */
/* The claims challenge, byte by byte (Microsoft, "Claims challenges, claims requests and client capabilities"). */
#include "base/base64url.h"
#include "base/memory.h"
#include "support/trial.h"
#include "token/challenge.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <stdlib.h>

#define URI "https://login.microsoftonline.com/common/oauth2/authorize"
/* {"access_token":{"acrs":{"essential":true,"value":"c1"}}} */
#define C1 "eyJhY2Nlc3NfdG9rZW4iOnsiYWNycyI6eyJlc3NlbnRpYWwiOnRydWUsInZhbHVlIjoiYzEifX19"

static int check(const char *context, const char *realm, const char *uri)
{
    const assay_challenge challenge = {.context = context, .realm = realm, .authorization_uri = uri};
    assay_failure failure;
    assay_failure_clear(&failure);
    int code = assay_challenge_check(&challenge, &failure);
    assert_int_equal(assay_challenge_check(&challenge, NULL), code);
    assert_int_equal(failure.note[0] != '\0', code != ASSAY_OK);
    return code;
}

static void writes(const char *context, const char *realm, const char *uri, const char *wanted)
{
    const assay_challenge challenge = {.context = context, .realm = realm, .authorization_uri = uri};
    assay_buffer out = {NULL, 0, 0, false};
    must_ok(check(context, realm, uri));
    assay_challenge_write(&challenge, &out);
    assert_string_equal(out.text, wanted);
    assay_buffer_clear(&out);
}

static void z15_exact_bytes(void **state)
{
    (void)state;
    writes("c1", "", URI,
           "Bearer realm=\"\", authorization_uri=\"" URI "\", error=\"insufficient_claims\", claims=\"" C1 "\"");
    /* With padding: the request has two bytes more than a multiple of three. */
    writes("c1x", "api", "https://a/",
           "Bearer realm=\"api\", authorization_uri=\"https://a/\", error=\"insufficient_claims\", claims=\""
           "eyJhY2Nlc3NfdG9rZW4iOnsiYWNycyI6eyJlc3NlbnRpYWwiOnRydWUsInZhbHVlIjoiYzF4In19fQ==\"");
}

static void z16_quotes_and_line_ends_in_the_realm(void **state)
{
    (void)state;
    writes("c1", "a \"b\" \\c", URI,
           "Bearer realm=\"a \\\"b\\\" \\\\c\", authorization_uri=\"" URI
           "\", error=\"insufficient_claims\", claims=\"" C1 "\"");
    static const char *const bad[] = {"a\r\nSet-Cookie: x", "\n", "\t", "a\x7f", "\x01", "caf\xc3\xa9", "\xff"};
    for (size_t i = 0; i < ASSAY_COUNT_OF(bad); i++)
        assert_int_equal(check("c1", bad[i], URI), ASSAY_E_ARGUMENT);
}

static void contexts(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "c 1", "c\"1", "c1\r\n", "c.1", "c\\1", "\xc3\xa9", "{}", "c1,c2"};
    for (size_t i = 0; i < ASSAY_COUNT_OF(bad); i++)
        assert_int_equal(check(bad[i], "", URI), ASSAY_E_ARGUMENT);
    assert_int_equal(check("urn-ms_AZ09", "", URI), ASSAY_OK);
}

static void authorization_uris(void **state)
{
    (void)state;
    static const char *const bad[] = {NULL,
                                      "",
                                      "https://",
                                      "http://a/",
                                      "HTTPS://a/",
                                      "https://a/\"",
                                      "https://a/\\",
                                      "https://a/ b",
                                      "https://a/\r\nX: y",
                                      "https://a/\x7f",
                                      "https://\xc3\xa9/"};
    for (size_t i = 0; i < ASSAY_COUNT_OF(bad); i++)
        assert_int_equal(check("c1", "", bad[i]), ASSAY_E_ARGUMENT);
    assert_int_equal(check("c1", "", "https://a?b=c&d=%20"), ASSAY_OK);
}

/* What is as long as allowed is written whole, and what is longer refused. */
static void longest(void **state)
{
    (void)state;
    char *context = trial_repeat("c", ASSAY_LIMIT_CONTEXT_BYTES + 1);
    char *realm = trial_repeat("\"", ASSAY_LIMIT_REALM_BYTES + 1);
    char *path = trial_repeat("a", ASSAY_LIMIT_URL_BYTES + 1 - strlen("https://"));
    char *uri = trial_format("https://%s", path);
    assert_int_equal(check(context, "", URI), ASSAY_E_ARGUMENT);
    assert_int_equal(check("c1", realm, URI), ASSAY_E_ARGUMENT);
    assert_int_equal(check("c1", "", uri), ASSAY_E_ARGUMENT);
    context[ASSAY_LIMIT_CONTEXT_BYTES] = realm[ASSAY_LIMIT_REALM_BYTES] = uri[ASSAY_LIMIT_URL_BYTES] = '\0';

    char *escaped = trial_repeat("\\\"", ASSAY_LIMIT_REALM_BYTES);
    char *request = trial_format("{\"access_token\":{\"acrs\":{\"essential\":true,\"value\":\"%s\"}}}", context);
    char *claims = malloc(ASSAY_BASE64_ENCODED(strlen(request)) + 1);
    assert_non_null(claims);
    assay_base64_encode((const uint8_t *)request, strlen(request), claims);
    char *wanted = trial_format("Bearer realm=\"%s\", authorization_uri=\"%s\", error=\"insufficient_claims\", "
                                "claims=\"%s\"",
                                escaped, uri, claims);
    writes(context, realm, uri, wanted);
    free(wanted);
    free(claims);
    free(request);
    free(escaped);
    free(uri);
    free(path);
    free(realm);
    free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(z15_exact_bytes), cmocka_unit_test(z16_quotes_and_line_ends_in_the_realm),
        cmocka_unit_test(contexts),        cmocka_unit_test(authorization_uris),
        cmocka_unit_test(longest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
