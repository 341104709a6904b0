/* SPDX-License-Identifier: MIT */
/* assay/error.h: the registry of codes and the object that explains one. */
#include "support/trial.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Every code with its number, category and status: a change here breaks callers. */
#define ROW(name, category, status)                                                                                    \
    {                                                                                                                  \
#name, name, category, status                                                                                  \
    }
static const struct row {
    const char *name;
    int code, category, status;
} rows[] = {
    ROW(ASSAY_E_ARGUMENT, ASSAY_CATEGORY_USAGE, 500),
    ROW(ASSAY_E_CONFIG, ASSAY_CATEGORY_USAGE, 500),
    ROW(ASSAY_E_CONFIG_MEMBER, ASSAY_CATEGORY_USAGE, 500),
    ROW(ASSAY_E_CONFIG_ISSUER, ASSAY_CATEGORY_USAGE, 500),
    ROW(ASSAY_E_CONFIG_AUDIENCE, ASSAY_CATEGORY_USAGE, 500),
    ROW(ASSAY_E_CONFIG_ALGORITHM, ASSAY_CATEGORY_USAGE, 500),
    ROW(ASSAY_E_CONFIG_TIME, ASSAY_CATEGORY_USAGE, 500),
    ROW(ASSAY_E_CONFIG_URL, ASSAY_CATEGORY_USAGE, 500),
    ROW(ASSAY_E_CONFIG_KEYS, ASSAY_CATEGORY_USAGE, 500),
    ROW(ASSAY_E_CONFIG_PROFILE, ASSAY_CATEGORY_USAGE, 500),
    ROW(ASSAY_E_CONFIG_CLAIM, ASSAY_CATEGORY_USAGE, 500),
    ROW(ASSAY_E_CONFIG_CA, ASSAY_CATEGORY_USAGE, 500),
    ROW(ASSAY_E_FROZEN, ASSAY_CATEGORY_USAGE, 500),
    ROW(ASSAY_E_ABSENT, ASSAY_CATEGORY_USAGE, 500),
    ROW(ASSAY_E_TYPE, ASSAY_CATEGORY_USAGE, 500),
    ROW(ASSAY_E_RANGE, ASSAY_CATEGORY_USAGE, 500),
    ROW(ASSAY_E_NOT_CONFIGURED, ASSAY_CATEGORY_USAGE, 500),
    ROW(ASSAY_E_CONFIG_STORE, ASSAY_CATEGORY_USAGE, 500),
    ROW(ASSAY_E_STATE, ASSAY_CATEGORY_USAGE, 500),
    ROW(ASSAY_E_CANCELLED, ASSAY_CATEGORY_USAGE, 500),
    ROW(ASSAY_E_FORKED, ASSAY_CATEGORY_USAGE, 500),
    ROW(ASSAY_E_UNSUPPORTED, ASSAY_CATEGORY_USAGE, 500),
    ROW(ASSAY_E_CONFIG_TENANT, ASSAY_CATEGORY_USAGE, 500),
    ROW(ASSAY_E_CONFIG_CREDENTIAL, ASSAY_CATEGORY_USAGE, 500),
    ROW(ASSAY_E_CONFIG_SIGNING_KEY, ASSAY_CATEGORY_USAGE, 500),
    ROW(ASSAY_E_CONFIG_SCOPE, ASSAY_CATEGORY_USAGE, 500),
    ROW(ASSAY_E_NO_CREDENTIALS, ASSAY_CATEGORY_REQUEST, 401),
    ROW(ASSAY_E_OTHER_SCHEME, ASSAY_CATEGORY_REQUEST, 401),
    ROW(ASSAY_E_BAD_AUTHORIZATION, ASSAY_CATEGORY_REQUEST, 400),
    ROW(ASSAY_E_TOKEN_SIZE, ASSAY_CATEGORY_TOKEN, 401),
    ROW(ASSAY_E_MALFORMED, ASSAY_CATEGORY_TOKEN, 401),
    ROW(ASSAY_E_BASE64URL, ASSAY_CATEGORY_TOKEN, 401),
    ROW(ASSAY_E_ENCRYPTED, ASSAY_CATEGORY_TOKEN, 401),
    ROW(ASSAY_E_HEADER, ASSAY_CATEGORY_TOKEN, 401),
    ROW(ASSAY_E_PAYLOAD, ASSAY_CATEGORY_TOKEN, 401),
    ROW(ASSAY_E_CRIT, ASSAY_CATEGORY_TOKEN, 401),
    ROW(ASSAY_E_UNENCODED, ASSAY_CATEGORY_TOKEN, 401),
    ROW(ASSAY_E_ALGORITHM_NONE, ASSAY_CATEGORY_TOKEN, 401),
    ROW(ASSAY_E_ALGORITHM, ASSAY_CATEGORY_TOKEN, 401),
    ROW(ASSAY_E_ALGORITHM_KEY, ASSAY_CATEGORY_TOKEN, 401),
    ROW(ASSAY_E_TYP, ASSAY_CATEGORY_TOKEN, 401),
    ROW(ASSAY_E_KID_MISSING, ASSAY_CATEGORY_TOKEN, 401),
    ROW(ASSAY_E_ID_TOKEN, ASSAY_CATEGORY_TOKEN, 401),
    ROW(ASSAY_E_ACCESS_TOKEN, ASSAY_CATEGORY_TOKEN, 401),
    ROW(ASSAY_E_ISSUER, ASSAY_CATEGORY_TOKEN, 401),
    ROW(ASSAY_E_ISSUER_MISSING, ASSAY_CATEGORY_TOKEN, 401),
    ROW(ASSAY_E_AUDIENCE, ASSAY_CATEGORY_TOKEN, 401),
    ROW(ASSAY_E_AUDIENCE_MISSING, ASSAY_CATEGORY_TOKEN, 401),
    ROW(ASSAY_E_EXPIRED, ASSAY_CATEGORY_TOKEN, 401),
    ROW(ASSAY_E_EXPIRY_MISSING, ASSAY_CATEGORY_TOKEN, 401),
    ROW(ASSAY_E_NOT_YET_VALID, ASSAY_CATEGORY_TOKEN, 401),
    ROW(ASSAY_E_ISSUED_IN_FUTURE, ASSAY_CATEGORY_TOKEN, 401),
    ROW(ASSAY_E_LIFETIME, ASSAY_CATEGORY_TOKEN, 401),
    ROW(ASSAY_E_TIME, ASSAY_CATEGORY_TOKEN, 401),
    ROW(ASSAY_E_KEY_UNKNOWN, ASSAY_CATEGORY_TOKEN, 401),
    ROW(ASSAY_E_SIGNATURE, ASSAY_CATEGORY_TOKEN, 401),
    ROW(ASSAY_E_CLAIM_MISSING, ASSAY_CATEGORY_TOKEN, 401),
    ROW(ASSAY_E_CLAIM_VALUE, ASSAY_CATEGORY_TOKEN, 401),
    ROW(ASSAY_E_CLAIM_TYPE, ASSAY_CATEGORY_TOKEN, 401),
    ROW(ASSAY_E_SUBJECT, ASSAY_CATEGORY_TOKEN, 401),
    ROW(ASSAY_E_NONCE, ASSAY_CATEGORY_TOKEN, 401),
    ROW(ASSAY_E_HASH, ASSAY_CATEGORY_TOKEN, 401),
    ROW(ASSAY_E_AUTH_TIME, ASSAY_CATEGORY_TOKEN, 401),
    ROW(ASSAY_E_ACR, ASSAY_CATEGORY_TOKEN, 401),
    ROW(ASSAY_E_AUTHORIZED_PARTY, ASSAY_CATEGORY_TOKEN, 401),
    ROW(ASSAY_E_TENANT, ASSAY_CATEGORY_TOKEN, 401),
    ROW(ASSAY_E_TENANT_ID, ASSAY_CATEGORY_TOKEN, 401),
    ROW(ASSAY_E_VERSION, ASSAY_CATEGORY_TOKEN, 401),
    ROW(ASSAY_E_KEY_ISSUER, ASSAY_CATEGORY_TOKEN, 401),
    ROW(ASSAY_E_KEY_CLOUD, ASSAY_CATEGORY_TOKEN, 401),
    ROW(ASSAY_E_GRAPH_TOKEN, ASSAY_CATEGORY_TOKEN, 401),
    ROW(ASSAY_E_POLICY, ASSAY_CATEGORY_TOKEN, 401),
    ROW(ASSAY_E_NO_PERMISSION, ASSAY_CATEGORY_TOKEN, 401),
    ROW(ASSAY_E_EXCHANGE_AUDIENCE, ASSAY_CATEGORY_TOKEN, 401),
    ROW(ASSAY_E_UNPROVEN, ASSAY_CATEGORY_TOKEN, 401),
    ROW(ASSAY_E_BINDING, ASSAY_CATEGORY_TOKEN, 401),
    ROW(ASSAY_E_REVOKED, ASSAY_CATEGORY_TOKEN, 401),
    ROW(ASSAY_E_KEYS_NEEDED, ASSAY_CATEGORY_KEYS, 503),
    ROW(ASSAY_E_KEYS_UNAVAILABLE, ASSAY_CATEGORY_KEYS, 503),
    ROW(ASSAY_E_RESOLVE, ASSAY_CATEGORY_NETWORK, 503),
    ROW(ASSAY_E_CONNECT, ASSAY_CATEGORY_NETWORK, 503),
    ROW(ASSAY_E_TLS, ASSAY_CATEGORY_NETWORK, 503),
    ROW(ASSAY_E_TIMEOUT, ASSAY_CATEGORY_NETWORK, 503),
    ROW(ASSAY_E_NETWORK, ASSAY_CATEGORY_NETWORK, 503),
    ROW(ASSAY_E_HTTP_STATUS, ASSAY_CATEGORY_NETWORK, 503),
    ROW(ASSAY_E_REDIRECT, ASSAY_CATEGORY_NETWORK, 503),
    ROW(ASSAY_E_RESPONSE_SIZE, ASSAY_CATEGORY_NETWORK, 503),
    ROW(ASSAY_E_RESPONSE, ASSAY_CATEGORY_NETWORK, 503),
    ROW(ASSAY_E_METADATA, ASSAY_CATEGORY_NETWORK, 503),
    ROW(ASSAY_E_METADATA_ISSUER, ASSAY_CATEGORY_NETWORK, 503),
    ROW(ASSAY_E_JWKS_URI, ASSAY_CATEGORY_NETWORK, 503),
    ROW(ASSAY_E_JWKS, ASSAY_CATEGORY_NETWORK, 503),
    ROW(ASSAY_E_BEARER_FILE, ASSAY_CATEGORY_NETWORK, 503),
    ROW(ASSAY_E_SCOPE, ASSAY_CATEGORY_PERMISSION, 403),
    ROW(ASSAY_E_ROLE, ASSAY_CATEGORY_PERMISSION, 403),
    ROW(ASSAY_E_GROUP, ASSAY_CATEGORY_PERMISSION, 403),
    ROW(ASSAY_E_GROUPS_UNKNOWN, ASSAY_CATEGORY_PERMISSION, 403),
    ROW(ASSAY_E_CALLER, ASSAY_CATEGORY_PERMISSION, 403),
    ROW(ASSAY_E_GUEST, ASSAY_CATEGORY_PERMISSION, 403),
    ROW(ASSAY_E_CLIENT_AUTHENTICATION, ASSAY_CATEGORY_PERMISSION, 403),
    ROW(ASSAY_E_CONTEXT, ASSAY_CATEGORY_PERMISSION, 403),
    ROW(ASSAY_E_CLAIMS_CHALLENGE, ASSAY_CATEGORY_PERMISSION, 401),
    ROW(ASSAY_E_TOKEN_NEEDED, ASSAY_CATEGORY_CREDENTIAL, 503),
    ROW(ASSAY_E_TOKEN_FILE_MISSING, ASSAY_CATEGORY_CREDENTIAL, 500),
    ROW(ASSAY_E_TOKEN_FILE_ACCESS, ASSAY_CATEGORY_CREDENTIAL, 500),
    ROW(ASSAY_E_TOKEN_FILE_TYPE, ASSAY_CATEGORY_CREDENTIAL, 500),
    ROW(ASSAY_E_TOKEN_FILE_EMPTY, ASSAY_CATEGORY_CREDENTIAL, 500),
    ROW(ASSAY_E_TOKEN_FILE_SIZE, ASSAY_CATEGORY_CREDENTIAL, 500),
    ROW(ASSAY_E_TOKEN_FILE_CONTENT, ASSAY_CATEGORY_CREDENTIAL, 500),
    ROW(ASSAY_E_TOKEN_FILE_EXPIRED, ASSAY_CATEGORY_CREDENTIAL, 500),
    ROW(ASSAY_E_GRANT, ASSAY_CATEGORY_CREDENTIAL, 500),
    ROW(ASSAY_E_INTERACTION_REQUIRED, ASSAY_CATEGORY_CREDENTIAL, 401),
    ROW(ASSAY_E_THROTTLED, ASSAY_CATEGORY_CREDENTIAL, 503),
    ROW(ASSAY_E_GRANT_UNAVAILABLE, ASSAY_CATEGORY_CREDENTIAL, 503),
    ROW(ASSAY_E_TOKEN_RESPONSE, ASSAY_CATEGORY_CREDENTIAL, 503),
    ROW(ASSAY_E_IDENTITY, ASSAY_CATEGORY_CREDENTIAL, 500),
    ROW(ASSAY_E_SOURCE_ABSENT, ASSAY_CATEGORY_CREDENTIAL, 500),
    ROW(ASSAY_E_SOURCE_ANSWER, ASSAY_CATEGORY_CREDENTIAL, 500),
    ROW(ASSAY_E_ASSERTION, ASSAY_CATEGORY_CREDENTIAL, 500),
    ROW(ASSAY_E_JOB_TOKEN, ASSAY_CATEGORY_CREDENTIAL, 500),
    ROW(ASSAY_E_MEMORY, ASSAY_CATEGORY_INTERNAL, 500),
    ROW(ASSAY_E_CRYPTO, ASSAY_CATEGORY_INTERNAL, 500),
    ROW(ASSAY_E_INTERNAL, ASSAY_CATEGORY_INTERNAL, 500),
    ROW(ASSAY_E_CLOCK, ASSAY_CATEGORY_INTERNAL, 500),
    ROW(ASSAY_E_SYSTEM, ASSAY_CATEGORY_INTERNAL, 500),
    ROW(ASSAY_E_STORE, ASSAY_CATEGORY_INTERNAL, 500),
};

static void registry(void **state)
{
    (void)state;
    assert_int_equal(assay_code_count(), COUNT_OF(rows));
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int found = 0;
        for (size_t at = 0; at < assay_code_count(); at++)
            found += assay_code_at(at) == rows[i].code;
        assert_int_equal(found, 1);
        assert_true(rows[i].code < 0);
        assert_string_equal(assay_code_name(rows[i].code), rows[i].name);
        assert_int_equal(assay_code_category(rows[i].code), rows[i].category);
        assert_int_equal(assay_code_http_status(rows[i].code), rows[i].status);
        assert_true(strlen(assay_code_hint(rows[i].code)) > 10);
        const char *summary = assay_code_summary(rows[i].code);
        assert_true(strlen(summary) > 5);
        assert_int_equal(strcspn(summary, "\"\\"), strlen(summary));
    }
    assert_int_equal(assay_code_at(assay_code_count()), ASSAY_OK);
    assert_int_equal(assay_code_at(SIZE_MAX), ASSAY_OK);
    assert_string_equal(assay_code_name(ASSAY_OK), "ASSAY_OK");
    assert_int_equal(assay_code_http_status(ASSAY_OK), 200);
    assert_string_equal(assay_code_hint(ASSAY_OK), "");
    static const int unknown[] = {1, -1, -99, -304000, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < COUNT_OF(unknown); i++) {
        assert_string_equal(assay_code_name(unknown[i]), "unknown");
        assert_int_equal(assay_code_category(unknown[i]), ASSAY_CATEGORY_NONE);
        assert_int_equal(assay_code_http_status(unknown[i]), 500);
    }
}

static void no_error(void **state)
{
    (void)state;
    assert_int_equal(assay_error_code(NULL), ASSAY_OK);
    assert_int_equal(assay_error_category(NULL), ASSAY_CATEGORY_NONE);
    assert_int_equal(assay_error_http_status(NULL), 200);
    assert_int_equal(assay_error_retry_after(NULL), 0);
    assert_int_equal(assay_error_found_is_verified(NULL), 0);
    const char *const texts[] = {assay_error_check(NULL),    assay_error_message(NULL),
                                 assay_error_expected(NULL), assay_error_found(NULL),
                                 assay_error_hint(NULL),     assay_error_www_authenticate(NULL)};
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        assert_string_equal(texts[i], "");
    assay_error_free(NULL);
}

/* RFC 6750, section 3: exact bytes. */
static void challenges(void **state)
{
    (void)state;
    const char *token;
    size_t len;
    assay_error *error = NULL;
    assert_int_equal(assay_bearer_from_header(NULL, 0, &token, &len, &error), ASSAY_E_NO_CREDENTIALS);
    assert_string_equal(assay_error_www_authenticate(error), "Bearer");
    assay_error_free(error);
    assert_int_equal(assay_bearer_from_header("Basic x", 7, &token, &len, &error), ASSAY_E_OTHER_SCHEME);
    assert_string_equal(assay_error_www_authenticate(error), "Bearer");
    assay_error_free(error);
    assert_int_equal(assay_bearer_from_header("Bearer", 6, &token, &len, &error), ASSAY_E_BAD_AUTHORIZATION);
    assert_string_equal(
        assay_error_www_authenticate(error),
        "Bearer error=\"invalid_request\", error_description=\"the Authorization header is malformed\"");
    assert_int_equal(assay_error_http_status(error), 400);
    assay_error_free(error);

    trial t;
    trial_open(&t, "ES256");
    error = trial_error(
        &t, trial_sign(&t, "{\"iss\":\"" TRIAL_ISSUER "\",\"aud\":\"" TRIAL_AUDIENCE "\",\"exp\":1600000000}"));
    assert_string_equal(assay_error_www_authenticate(error),
                        "Bearer error=\"invalid_token\", error_description=\"the token has expired\"");
    assert_string_equal(assay_error_check(error), "expiry");
    assert_string_equal(assay_error_found(error), "1600000000");
    assert_string_equal(assay_error_expected(error), "later than 1699999940");
    assert_int_equal(assay_error_retry_after(error), 0);
    assay_error_free(error);
    /* Nothing is due where this side is to blame. */
    assay_issuer *issuer = NULL;
    assert_int_equal(assay_issuer_new(NULL, &issuer, &error), ASSAY_E_CONFIG_ISSUER);
    assert_string_equal(assay_error_www_authenticate(error), "");
    assert_int_equal(assay_error_http_status(error), 500);
    assay_error_free(error);
    trial_close(&t);
    trial_open(&t, "ES256");
    must_ok(assay_validator_new(t.runtime, &t.issuer, 1, &t.validator, NULL));
    error = trial_error(&t, trial_sign(&t, TRIAL_CLAIMS("")));
    assert_int_equal(assay_error_code(error), ASSAY_E_KEYS_NEEDED);
    assert_string_equal(assay_error_www_authenticate(error), "");
    assert_int_equal(assay_error_http_status(error), 503);
    assert_true(assay_error_retry_after(error) > 0);
    assay_error_free(error);
    trial_close(&t);
}

static void found_is_escaped_and_cut(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out; /* JSON text; what is shown between others */
    } texts[] = {
        {"plain", "plain"},
        {"a\\r\\nb", "\\x0d\\x0a"},
        {"\\u001b[1m", "\\x1b[1m"},
        {"\\\"q\\\"", "\\x22q\\x22"},
        {"50%", "50%"},
        {"%n", "%n"},
        {"\xc3\xa9", "\\xc3\\xa9"},
        {"\\u007f", "\\x7f"},
    };
    trial t;
    trial_open(&t, "ES256");
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        char *header = trial_format("{\"alg\":\"ES256\",\"kid\":\"%s\"}", texts[i].in);
        assay_error *error = trial_error(&t, trial_token(&t, header, TRIAL_CLAIMS("")));
        assert_int_equal(assay_error_code(error), ASSAY_E_KEY_UNKNOWN);
        if (strstr(assay_error_found(error), texts[i].out) == NULL)
            fail_msg("%s is shown as %s", texts[i].in, assay_error_found(error));
        assay_error_free(error);
        free(header);
    }
    static const size_t lengths[] = {1, 199, 200, 201, 1000};
    for (size_t i = 0; i < COUNT_OF(lengths); i++) {
        char *kid = trial_repeat("x", lengths[i]), *header = trial_format("{\"alg\":\"ES256\",\"kid\":\"%s\"}", kid);
        assay_error *error = trial_error(&t, trial_token(&t, header, TRIAL_CLAIMS("")));
        size_t shown = strlen(assay_error_found(error));
        if (lengths[i] <= 200)
            assert_string_equal(assay_error_found(error), kid);
        else
            assert_true(shown <= 200 && shown >= 190);
        assay_error_free(error);
        free(kid);
        free(header);
    }
    trial_close(&t);
}

static void found_is_verified_only_after_the_signature(void **state)
{
    (void)state;
    trial t;
    trial_open(&t, "ES256");
    must_ok(assay_request_new(&t.request, NULL));
    must_ok(assay_request_add_acr(t.request, "high", NULL));
    assay_error *error = trial_error(&t, trial_sign(&t, TRIAL_CLAIMS(",\"acr\":\"low\"")));
    assert_int_equal(assay_error_code(error), ASSAY_E_ACR);
    assert_string_equal(assay_error_found(error), "low");
    assert_int_equal(assay_error_found_is_verified(error), 1);
    assay_error_free(error);
    error = trial_error(&t, trial_sign(&t, "{\"iss\":\"" TRIAL_ISSUER "\",\"aud\":\"other\",\"exp\":1700003600}"));
    assert_string_equal(assay_error_found(error), "other");
    assert_int_equal(assay_error_found_is_verified(error), 0);
    assay_error_free(error);
    trial_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registry),
        cmocka_unit_test(no_error),
        cmocka_unit_test(challenges),
        cmocka_unit_test(found_is_escaped_and_cut),
        cmocka_unit_test(found_is_verified_only_after_the_signature),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
