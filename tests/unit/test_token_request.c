/* SPDX-License-Identifier: MIT */
/* Requests for tokens: copies, claims challenges, and claims merged with cp1 (cases 45 and 46). */
#include "acquire/token_request.h"
#include "base/base64url.h"
#include "base/memory.h"
#include "crypto/crypto.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#define CP1 "{\"access_token\":{\"xms_cc\":{\"values\":[\"cp1\"]}}}"
/* {"access_token":{"nbf":{"essential":true,"value":"1604106651"}}} */
#define NBF_JSON "{\"access_token\":{\"nbf\":{\"essential\":true,\"value\":\"1604106651\"}}}"
#define NBF "eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZSwidmFsdWUiOiIxNjA0MTA2NjUxIn19fQ"

static assay_token_request *make(const char *scope)
{
    assay_token_request *request = NULL;
    assert_int_equal(assay_token_request_make(scope, &request, NULL), ASSAY_OK);
    return request;
}

static void takes(const char *challenge, const char *wanted)
{
    assay_token_request *request = make("s");
    assay_failure failure;
    assert_int_equal(assay_token_request_take_challenge(request, challenge, &failure), ASSAY_OK);
    assert_string_equal(request->claims, wanted);
    assay_token_request_drop(request);
}

static void refuses(const char *challenge)
{
    assay_token_request *request = make("s");
    assay_failure failure;
    assay_failure_clear(&failure);
    assert_int_equal(assay_token_request_take_challenge(request, challenge, &failure), ASSAY_E_ARGUMENT);
    assert_true(failure.note[0] != '\0');
    assert_null(request->claims);
    assert_int_equal(assay_token_request_take_challenge(request, challenge, NULL), ASSAY_E_ARGUMENT);
    assay_token_request_drop(request);
}

static void merges(const char *claims, bool continuous, const char *wanted)
{
    assay_token_request *request = make("s");
    assay_secret out = {NULL, 0, 0, false};
    if (claims != NULL)
        assert_int_equal(assay_token_request_take_claims(request, claims, NULL), ASSAY_OK);
    request->continuous = continuous;
    assert_true(assay_token_request_claims(request, &out));
    assert_string_equal(out.text == NULL ? "" : out.text, wanted);
    assay_secret_clear(&out);
    assay_token_request_drop(request);
}

static void test_case_45_challenges_in_every_spelling(void **state)
{
    (void)state;
    takes("Bearer realm=\"\", authorization_uri=\"https://login.microsoftonline.com/common/oauth2/authorize\", "
          "error=\"insufficient_claims\", claims=\"" NBF "\"",
          NBF_JSON);
    takes("Bearer claims=\"" NBF "==\", error=\"insufficient_claims\"", NBF_JSON);
    takes("bearer  Claims = " NBF " ,error=insufficient_claims", NBF_JSON);
    takes("Bearer claims=" NBF "==", NBF_JSON);
    takes("Bearer error=\"invalid_token\", error_description=\"a \\\"quoted\\\", word\", claims=\"" NBF "\"", NBF_JSON);
    /* standard base64 and base64url of {"k":"~~~???"} */
    takes("Bearer claims=\"eyJrIjoifn5+Pz8/In0=\"", "{\"k\":\"~~~???\"}");
    takes("Bearer claims=\"eyJrIjoifn5-Pz8_In0\"", "{\"k\":\"~~~???\"}");
    takes("Bearer claims=eyJrIjoifn5+Pz8/In0=", "{\"k\":\"~~~???\"}");
    takes("Bearer claims=\"{\\\"a\\\": 1}\"", "{\"a\":1}");
}

static void test_case_45_one_of_several_challenges(void **state)
{
    (void)state;
    takes("Negotiate, Basic realm=\"a, Bearer claims=x\", Bearer error=\"insufficient_claims\", claims=\"" NBF "\"",
          NBF_JSON);
    takes("Negotiate dG9rZW42OA==, Bearer claims=\"" NBF "\"", NBF_JSON);
    takes("Bearer claims=\"" NBF "\", Negotiate", NBF_JSON);
    takes("Bearer realm=\"a\", , Bearer claims=\"" NBF "\", PoP nonce=\"b\"", NBF_JSON);
    /* e30 is {}: the one that says so goes first */
    takes("Bearer error=\"invalid_token\", claims=\"e30\", Bearer error=\"insufficient_claims\", claims=\"" NBF "\"",
          NBF_JSON);
    takes("Bearer error=\"insufficient_claims\", claims=\"" NBF "\", Bearer error=\"invalid_token\", claims=\"e30\"",
          NBF_JSON);
}

static void test_case_45_what_is_no_claims_challenge(void **state)
{
    (void)state;
    refuses("");
    refuses("Bearer");
    refuses("Bearer realm=\"a\"");
    refuses("Bearer error=\"insufficient_claims\"");
    refuses("Basic claims=\"" NBF "\"");
    refuses("Bearer claims=\"\"");
    refuses("Bearer claims=\"" NBF);
    refuses("Bearer claims=\"" NBF "\\");
    refuses("Bearer claims=\"a b\"");
    refuses("Bearer claims=\"====\"");
    refuses("Bearer claims=\"WzFd\"");     /* [1] */
    refuses("Bearer claims=\"eyJhIjox\""); /* {"a":1 */
    refuses("Bearer claims=\"eyJhIjoiAA\"");
    refuses("Bearer claims=\"e30\", claims=\"e30\"");
    refuses("Bearer claims=\"e30\"; x=y");
    refuses("\"Bearer\" claims=\"e30\"");
    refuses("Bearer claims=\"eyJhIjoxLCJhIjoyfQ\""); /* a member twice */
    refuses("= , = \"");
}

static void test_case_45_longest_claims(void **state)
{
    (void)state;
    for (int more = 0; more < 2; more++) {
        size_t len = ASSAY_LIMIT_CLAIMS_BYTES + (size_t)more;
        char *json = malloc(len + 1), *encoded = malloc(ASSAY_BASE64URL_ENCODED(len) + 64);
        assert_true(json != NULL && encoded != NULL);
        memset(json, 'x', len);
        memcpy(json, "{\"a\":\"", 6);
        memcpy(json + len - 2, "\"}", 3);
        memcpy(encoded, "Bearer claims=\"", 15);
        assay_base64url_encode((const uint8_t *)json, len, encoded + 15);
        memcpy(encoded + strlen(encoded), "\"", 2);
        if (more)
            refuses(encoded);
        else
            takes(encoded, json);
        assay_token_request *request = make("s");
        assert_int_equal(assay_token_request_take_claims(request, json, NULL), more ? ASSAY_E_ARGUMENT : ASSAY_OK);
        assay_token_request_drop(request);
        free(json);
        free(encoded);
    }
    char *longest = malloc(ASSAY_LIMIT_CHALLENGE_BYTES + 2);
    assert_non_null(longest);
    memset(longest, ' ', ASSAY_LIMIT_CHALLENGE_BYTES + 1);
    longest[ASSAY_LIMIT_CHALLENGE_BYTES + 1] = '\0';
    memcpy(longest, "Bearer claims=\"e30\"", 19);
    refuses(longest);
    longest[ASSAY_LIMIT_CHALLENGE_BYTES] = '\0';
    takes(longest, "{}");
    free(longest);
}

static void test_case_45_claims_merged_with_cp1(void **state)
{
    (void)state;
    merges(NBF_JSON, true,
           "{\"access_token\":{\"nbf\":{\"essential\":true,\"value\":\"1604106651\"},"
           "\"xms_cc\":{\"values\":[\"cp1\"]}}}");
    merges("{\"id_token\":{\"a\":null}}", true,
           "{\"id_token\":{\"a\":null},\"access_token\":{\"xms_cc\":{\"values\":[\"cp1\"]}}}");
    merges("{}", true, CP1);
    merges(CP1, true, CP1);
    merges("{\"access_token\":{\"xms_cc\":{\"values\":[\"cp2\"],\"essential\":true}}}", true,
           "{\"access_token\":{\"xms_cc\":{\"values\":[\"cp2\",\"cp1\"],\"essential\":true}}}");
    merges("{\"access_token\":{\"xms_cc\":{\"values\":[]}}}", true, CP1);
    merges("{\"access_token\":{\"xms_cc\":null}}", true, CP1);
    merges("{\"access_token\":null}", true, CP1);
    merges("{\"access_token\":{\"xms_cc\":{\"values\":{}}}}", true, CP1);
    merges("{\"a\\\"\\u0001\\u00e9\":1,\"access_token\":{}}", true,
           "{\"a\\u0022\\u0001\xc3\xa9\":1,\"access_token\":{\"xms_cc\":{\"values\":[\"cp1\"]}}}");
}

static void test_case_46_claims_only_where_due(void **state)
{
    (void)state;
    merges(NULL, false, "");
    merges(NULL, true, CP1);
    merges(NBF_JSON, false, NBF_JSON);
    /* one spelling for what is the same */
    merges(" { \"a\" : [ 1 , 2.5 ] } ", false, "{\"a\":[1,2.5]}");
}

static void claims_that_are_no_object(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "1", "[]", "\"a\"", "null", "{", "{} x", "{\"a\":1,\"a\":1}", "{a:1}"};
    for (size_t i = 0; i < ASSAY_COUNT_OF(bad); i++) {
        assay_token_request *request = make(NULL);
        assay_failure failure;
        assert_int_equal(assay_token_request_take_claims(request, bad[i], &failure), ASSAY_E_ARGUMENT);
        assert_null(request->claims);
        /* A failure leaves what was there. */
        assert_int_equal(assay_token_request_take_claims(request, "{\"b\":1}", &failure), ASSAY_OK);
        assert_int_equal(assay_token_request_take_claims(request, bad[i], &failure), ASSAY_E_ARGUMENT);
        assert_string_equal(request->claims, "{\"b\":1}");
        assay_token_request_drop(request);
    }
}

static void scopes_of_any_server(void **state)
{
    (void)state;
    static const char *const good[] = {"", "openid profile", "https://vault.azure.net/.default"};
    static const char *const bad[] = {"a\n", "\x01", "caf\xc3\xa9", "a\x7f"};
    for (size_t i = 0; i < ASSAY_COUNT_OF(good); i++) {
        assay_token_request *request = make(good[i]);
        assert_string_equal(request->scope, good[i]);
        assay_token_request_drop(request);
    }
    for (size_t i = 0; i < ASSAY_COUNT_OF(bad); i++) {
        assay_token_request *request = NULL;
        assay_failure failure;
        assert_int_equal(assay_token_request_make(bad[i], &request, &failure), ASSAY_E_CONFIG_SCOPE);
        assert_null(request);
    }
    assay_token_request *none = make(NULL);
    assert_string_equal(none->scope, "");
    assay_token_request_drop(none);
    assay_token_request_drop(NULL);
}

static void the_token_of_a_user(void **state)
{
    (void)state;
    /* {"alg":"RS256"}, {"exp":1700003600}; and what is no JWT at all */
    static const char *const tokens[] = {"eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjE3MDAwMDM2MDB9.c2ln", "opaque"};
    for (size_t i = 0; i < ASSAY_COUNT_OF(tokens); i++) {
        assay_token_request *request = make("s");
        uint8_t digest[32];
        size_t len = strlen(tokens[i]);
        assert_int_equal(assay_crypto_sha256(tokens[i], len, digest), ASSAY_OK);
        assert_int_equal(assay_token_request_take_user(request, tokens[i], len, NULL), ASSAY_OK);
        assert_true(request->has_user);
        assert_string_equal(request->user_assertion.text, tokens[i]);
        assert_memory_equal(request->user_digest, digest, sizeof digest);
        assert_int_equal(request->user_expiry, i == 0 ? 1700003600 : 0);
        assay_token_request_drop(request);
    }
    char *longest = calloc(1, ASSAY_LIMIT_SECRET_BYTES + 1);
    assert_non_null(longest);
    assay_token_request *request = make("s");
    memset(longest, 'a', ASSAY_LIMIT_SECRET_BYTES + 1);
    assert_int_equal(assay_token_request_take_user(request, longest, ASSAY_LIMIT_SECRET_BYTES, NULL), ASSAY_OK);
    assay_token_request_drop(request);
    request = make("s");
    assert_int_equal(assay_token_request_take_user(request, longest, ASSAY_LIMIT_SECRET_BYTES + 1, NULL),
                     ASSAY_E_ARGUMENT);
    assert_true(!request->has_user && request->user_assertion.text == NULL);
    assay_token_request_drop(request);
    free(longest);
}

static void a_copy_has_all_of_it(void **state)
{
    (void)state;
    assay_token_request *request = make("scope"), *copy = NULL;
    request->tenant = assay_strdup("tenant");
    assert_int_equal(assay_token_request_take_claims(request, "{\"a\":1}", NULL), ASSAY_OK);
    request->continuous = request->has_user = true;
    assert_true(assay_secret_set(&request->user_assertion, "user", 4));
    memset(request->user_digest, 7, sizeof request->user_digest);
    request->user_expiry = 99;
    request->made_ms = 98;
    assert_int_equal(assay_token_request_copy(request, &copy), ASSAY_OK);
    assert_string_equal(copy->scope, "scope");
    assert_string_equal(copy->tenant, "tenant");
    assert_string_equal(copy->claims, "{\"a\":1}");
    assert_true(copy->continuous && copy->has_user && copy->made_ms == 98 && copy->user_expiry == 99);
    assert_string_equal(copy->user_assertion.text, "user");
    assert_memory_equal(copy->user_digest, request->user_digest, sizeof copy->user_digest);
    assert_ptr_not_equal(copy->scope, request->scope);
    assay_token_request_drop(request);
    assay_token_request_drop(copy);
    request = make("");
    assert_int_equal(assay_token_request_copy(request, &copy), ASSAY_OK);
    assert_true(copy->tenant == NULL && copy->claims == NULL && copy->user_assertion.text == NULL);
    assay_token_request_drop(request);
    assay_token_request_drop(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_case_45_challenges_in_every_spelling),
        cmocka_unit_test(test_case_45_one_of_several_challenges),
        cmocka_unit_test(test_case_45_what_is_no_claims_challenge),
        cmocka_unit_test(test_case_45_longest_claims),
        cmocka_unit_test(test_case_45_claims_merged_with_cp1),
        cmocka_unit_test(test_case_46_claims_only_where_due),
        cmocka_unit_test(claims_that_are_no_object),
        cmocka_unit_test(scopes_of_any_server),
        cmocka_unit_test(the_token_of_a_user),
        cmocka_unit_test(a_copy_has_all_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
