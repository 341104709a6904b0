/* SPDX-License-Identifier: MIT */
/* Requests, tokens, operations, drivers and diagnosis of credentials: what wrong arguments give, and what is there when nothing is. */
#include <assay/assay.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TENANT "aaaabbbb-0000-cccc-1111-dddd2222eeee"
#define CLIENT "00001111-aaaa-2222-bbbb-3333cccc4444"
#define SCOPE "https://vault.azure.net/.default"
#define USER "eyJhbGciOiJub25lIn0.eyJleHAiOjQwMDAwMDAwMDB9.c2lnbmF0dXJl"

static assay_credential *complete(const char *kind)
{
    assay_credential *credential = NULL;
    assert_int_equal(assay_credential_new(NULL, kind, &credential, NULL), ASSAY_OK);
    assert_int_equal(assay_credential_set_tenant(credential, TENANT, NULL), ASSAY_OK);
    assert_int_equal(assay_credential_set_client_id(credential, CLIENT, NULL), ASSAY_OK);
    assert_int_equal(assay_credential_set_authority(credential, "https://127.0.0.1:1/", NULL), ASSAY_OK);
    assert_int_equal(assay_credential_set_secret(credential, "sesame", 6, NULL), ASSAY_OK);
    return credential;
}

static assay_token_request *ask(const char *scope)
{
    assay_token_request *request = NULL;
    assert_int_equal(assay_token_request_new(scope, &request, NULL), ASSAY_OK);
    return request;
}

static void requests(void **state)
{
    (void)state;
    assay_token_request *request = (assay_token_request *)&state, *good = ask(SCOPE);
    assay_error *error = NULL;
    assert_int_equal(assay_token_request_new(NULL, &request, &error), ASSAY_E_ARGUMENT);
    assert_null(request);
    assert_int_equal(assay_error_code(error), ASSAY_E_ARGUMENT);
    assay_error_free(error);
    assert_int_equal(assay_token_request_new(SCOPE, NULL, NULL), ASSAY_E_ARGUMENT);
    request = good;
    assert_int_equal(assay_token_request_new("a\r\nb", &request, NULL), ASSAY_E_CONFIG_SCOPE);
    assert_null(request);
    assert_int_equal(assay_token_request_set_tenant(NULL, TENANT, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_token_request_set_user_assertion(NULL, USER, 3, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_token_request_set_user_assertion(good, NULL, 3, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_token_request_set_user_assertion(good, USER, 0, NULL), ASSAY_E_ARGUMENT);
    char *big = calloc(1, 70000);
    memset(big, 'a', 69999);
    assert_int_equal(assay_token_request_set_user_assertion(good, big, 69999, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_token_request_set_claims(good, big, NULL), ASSAY_E_ARGUMENT);
    free(big);
    assert_int_equal(assay_token_request_set_challenge(NULL, "Bearer", NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_token_request_set_challenge(good, NULL, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_token_request_set_challenge(good, "Bearer error=\"invalid_token\"", NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_token_request_set_claims(NULL, "{}", NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_token_request_set_claims(good, NULL, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_token_request_set_claims(good, "[]", NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_token_request_set_claims(good, "{\"a\":1,\"a\":2}", NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_token_request_set_claims(good, "{} {}", NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_token_request_set_continuous_access(NULL, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_token_request_set_continuous_access(good, NULL), ASSAY_OK);
    assert_int_equal(assay_token_request_set_tenant(good, NULL, NULL), ASSAY_OK);
    assay_token_request_free(good);
    assay_token_request_free(NULL);
}

static void tokens_that_are_none(void **state)
{
    (void)state;
    size_t len = 7;
    assert_null(assay_access_token_ref(NULL));
    assay_access_token_unref(NULL);
    assert_string_equal(assay_access_token_text(NULL, &len), "");
    assert_int_equal(len, 0);
    len = 7;
    assert_string_equal(assay_access_token_authorization(NULL, &len), "");
    assert_int_equal(len, 0);
    assert_int_equal(assay_access_token_expires_at(NULL), 0);
    assert_string_equal(assay_access_token_scope(NULL), "");
    assert_string_equal(assay_access_token_type(NULL), "");
    assert_string_equal(assay_access_token_issued_type(NULL), "");
    assert_string_equal(assay_access_token_source(NULL), "");
}

static void getting(void **state)
{
    (void)state;
    assay_credential *credential = complete("client-secret");
    assay_token_request *request = ask(SCOPE);
    assay_access_token *token = (assay_access_token *)&state;
    assert_int_equal(assay_credential_get_token(NULL, SCOPE, 0, &token, NULL), ASSAY_E_ARGUMENT);
    assert_null(token);
    assert_int_equal(assay_credential_get_token(credential, NULL, 0, &token, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_credential_get_token(credential, SCOPE, 0, NULL, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_credential_get_token(credential, SCOPE, -1, &token, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_credential_get_token(credential, SCOPE, 600001, &token, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_credential_get_token_for(NULL, request, 0, &token, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_credential_get_token_for(credential, NULL, 0, &token, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_credential_get_token_for(credential, request, 0, NULL, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_credential_get_token_for(credential, request, -1, &token, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_credential_get_token_for(credential, request, 0, &token, NULL), ASSAY_E_TOKEN_NEEDED);
    assert_null(token);
    /* A tenant that it was not allowed. */
    assert_int_equal(assay_token_request_set_tenant(request, "other.example", NULL), ASSAY_OK);
    assert_int_equal(assay_credential_get_token_for(credential, request, 0, &token, NULL), ASSAY_E_CONFIG_TENANT);
    assay_credential_forget(NULL, request);
    assay_credential_forget(credential, NULL);
    assay_credential_forget(credential, request);
    assay_token_request_free(request);
    assay_credential_unref(credential);
}

/* What can't act for a user says so before anything is sent. */
static void users_of_others(void **state)
{
    static const char *const kinds[] = {"managed-identity", "client-credentials", "token-exchange", "google"};
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        assay_credential *credential = NULL;
        assay_access_token *token = NULL;
        assay_token_request *request = ask(SCOPE);
        assert_int_equal(assay_credential_new(NULL, kinds[i], &credential, NULL), ASSAY_OK);
        assert_int_equal(assay_token_request_set_user_assertion(request, USER, strlen(USER), NULL), ASSAY_OK);
        assert_int_equal(assay_credential_get_token_for(credential, request, 5000, &token, NULL),
                         ASSAY_E_CONFIG_CREDENTIAL);
        assert_null(token);
        assay_token_request_free(request);
        assay_credential_unref(credential);
    }
}

static void counters_and_threads(void **state)
{
    (void)state;
    assay_credential *credential = complete("client-secret");
    uint64_t value = 7;
    int64_t wait = 7;
    assert_int_equal(assay_credential_get_stat(NULL, 0, &value), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_credential_get_stat(credential, 0, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_credential_get_stat(credential, -1, &value), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_credential_get_stat(credential, 7, &value), ASSAY_E_ARGUMENT);
    for (int stat = 0; stat <= ASSAY_CREDENTIAL_STAT_SHARED; stat++) {
        assert_int_equal(assay_credential_get_stat(credential, stat, &value), ASSAY_OK);
        assert_int_equal(value, 0);
    }
    assert_int_equal(assay_credential_refresh_due(NULL, &wait), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_credential_refresh_due(credential, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_credential_refresh_due(credential, &wait), ASSAY_OK);
    assert_int_equal(wait, -1);
    assert_int_equal(assay_credential_start_refresh_thread(NULL, NULL), ASSAY_E_ARGUMENT);
    assay_credential_stop_refresh_thread(NULL);
    assay_credential_stop_refresh_thread(credential);
    assert_int_equal(assay_credential_start_refresh_thread(credential, NULL), ASSAY_OK);
    assert_int_equal(assay_credential_start_refresh_thread(credential, NULL), ASSAY_OK);
    assay_credential_stop_refresh_thread(credential);
    assay_credential_unref(credential);
}

static void descriptions(void **state)
{
    (void)state;
    assay_credential *credential = complete("client-secret");
    uint8_t *json = (uint8_t *)&state;
    size_t len = 7;
    assert_int_equal(assay_credential_describe(NULL, &json, &len, NULL), ASSAY_E_ARGUMENT);
    assert_null(json);
    assert_int_equal(len, 0);
    assert_int_equal(assay_credential_describe(credential, NULL, &len, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_credential_describe(credential, &json, NULL, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_credential_describe(credential, &json, &len, NULL), ASSAY_OK);
    assert_string_equal((const char *)json,
                        "{\"kind\":\"client-secret\",\"source\":null,\"tenant\":\"" TENANT "\",\"client_id\":\"" CLIENT
                        "\",\"authority\":\"https://127.0.0.1:1\",\"token_file\":null,"
                        "\"members\":[],\"skipped\":[],\"tokens\":[]}");
    assay_bytes_free(json, len);
    assay_credential_unref(credential);
}

/* A proxy's loopback is another machine. */
static void loopback_is_reached_directly(void **state)
{
    (void)state;
    assay_op *op = NULL;
    assay_token_request *request = ask(SCOPE);
    assay_credential *credential = complete("client-secret");
    assert_int_equal(assay_credential_set_authority(credential, "https://127.0.0.1:1/", NULL), ASSAY_OK);
    assert_int_equal(assay_op_new_acquire(credential, request, 60000, &op, NULL), ASSAY_OK);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    assert_int_equal(assay_op_fetch_is_direct(op), 1);
    assay_op_free(op);
    assay_token_request_free(request);
    assay_credential_unref(credential);
}

static void operations(void **state)
{
    (void)state;
    assay_credential *credential = complete("client-secret");
    assay_token_request *request = ask(SCOPE), *bad = ask("no-such-name");
    assay_op *op = (assay_op *)&state;
    assay_access_token *token = (assay_access_token *)&state;
    assert_int_equal(assay_op_new_acquire(NULL, request, 1000, &op, NULL), ASSAY_E_ARGUMENT);
    assert_null(op);
    assert_int_equal(assay_op_new_acquire(credential, NULL, 1000, &op, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_op_new_acquire(credential, request, 1000, NULL, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_op_new_acquire(credential, request, 0, &op, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_op_new_acquire(credential, request, 600001, &op, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_op_new_acquire(credential, bad, 1000, &op, NULL), ASSAY_E_CONFIG_SCOPE);
    assert_null(op);
    assert_int_equal(assay_op_new_renew(NULL, 1000, &op, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_op_new_renew(credential, 1000, NULL, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_op_new_renew(credential, 0, &op, NULL), ASSAY_E_ARGUMENT);
    assay_credential_unref(credential);
    credential = complete("client-secret");
    assert_int_equal(assay_credential_set_authority(credential, "https://login.example", NULL), ASSAY_OK);
    assert_int_equal(assay_op_new_acquire(credential, request, 60000, &op, NULL), ASSAY_OK);
    assert_int_equal(assay_op_token(op, &token, NULL), ASSAY_E_STATE);
    assert_null(token);
    assert_int_equal(assay_op_token(NULL, &token, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_op_token(op, NULL, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    assert_string_equal(assay_op_fetch_method(op), "POST");
    assert_null(assay_op_fetch_tls_name(op));
    assert_null(assay_op_fetch_ca_pem(op, NULL));
    assert_int_equal(assay_op_fetch_is_direct(op), 0);
    for (size_t i = 0; i < assay_op_fetch_header_count(op); i++)
        assert_null(strstr(assay_op_fetch_header_value(op, i), "sesame"));
    assay_op_cancel(op);
    assert_int_equal(assay_op_token(op, &token, NULL), ASSAY_E_CANCELLED);
    assert_null(token);
    assay_op_free(op);
    assert_null(assay_op_fetch_method(NULL));
    assert_null(assay_op_fetch_body(NULL, NULL));
    assert_null(assay_op_fetch_tls_name(NULL));
    assert_null(assay_op_fetch_ca_pem(NULL, NULL));
    assert_int_equal(assay_op_fetch_is_direct(NULL), 0);
    /* Nothing is due. */
    assert_int_equal(assay_op_new_renew(credential, 1000, &op, NULL), ASSAY_OK);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_NOTHING);
    assay_op_free(op);
    assay_token_request_free(request);
    assay_token_request_free(bad);
    assay_credential_unref(credential);
}

/* An answer that came from elsewhere is none (a host's client that follows redirects), and neither is one that is too long. */
static void answers_from_elsewhere(void **state)
{
    (void)state;
    static const char good[] = "{\"access_token\":\"a.b.c\",\"token_type\":\"Bearer\",\"expires_in\":3600}";
    assay_credential *credential = complete("client-secret");
    assay_token_request *request = ask(SCOPE);
    assay_access_token *token = NULL;
    assay_op *op = NULL;
    assert_int_equal(assay_op_new_acquire(credential, request, 60000, &op, NULL), ASSAY_OK);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    assert_int_equal(assay_op_fetched(op, 200, "https://evil.test/", (const uint8_t *)good, strlen(good)), ASSAY_OK);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_NOTHING);
    assert_int_equal(assay_op_token(op, &token, NULL), ASSAY_E_REDIRECT);
    assert_null(token);
    assay_op_free(op);
    assert_int_equal(assay_op_new_acquire(credential, request, 60000, &op, NULL), ASSAY_OK);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    assert_int_equal(assay_op_fetched(op, 200, assay_op_fetch_url(op), (const uint8_t *)good, strlen(good)), ASSAY_OK);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_NOTHING);
    assert_int_equal(assay_op_token(op, &token, NULL), ASSAY_OK);
    assert_string_equal(assay_access_token_authorization(token, NULL), "Bearer a.b.c");
    assert_string_equal(assay_access_token_scope(token), SCOPE);
    assert_string_equal(assay_access_token_issued_type(token), "");
    assay_access_token_unref(token);
    assay_op_free(op);
    assay_token_request_free(request);
    assay_credential_unref(credential);
}

/* What a server calls no access token is not sent as one: an ID token from an exchange (RFC 8693, section 2.2.1). */
static void no_access_token(void **state)
{
    (void)state;
    static const char answer[] = "{\"access_token\":\"a.b.c\",\"token_type\":\"N_A\",\"issued_token_type\":"
                                 "\"urn:ietf:params:oauth:token-type:id_token\"}";
    static const char json[] = "{\"kind\":\"token-exchange\",\"token_endpoint\":\"https://127.0.0.1:1/token\","
                               "\"source\":{\"credential\":{\"kind\":\"client-credentials\",\"client_id\":\"c\","
                               "\"client_method\":\"none\",\"token_endpoint\":\"https://127.0.0.1:1/a\"}}}";
    static const char subject[] = "{\"access_token\":\"x.y.z\",\"token_type\":\"Bearer\",\"expires_in\":60}";
    assay_credential *credential = NULL;
    assay_token_request *request = ask("");
    assay_access_token *token = NULL;
    assay_op *op = NULL;
    size_t len = 7;
    assert_int_equal(assay_credential_from_json(NULL, json, strlen(json), &credential, NULL), ASSAY_OK);
    assert_int_equal(assay_op_new_acquire(credential, request, 60000, &op, NULL), ASSAY_OK);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    assert_string_equal(assay_op_fetch_url(op), "https://127.0.0.1:1/a");
    assert_int_equal(assay_op_fetched(op, 200, "https://127.0.0.1:1/a", (const uint8_t *)subject, strlen(subject)),
                     ASSAY_OK);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    assert_string_equal(assay_op_fetch_url(op), "https://127.0.0.1:1/token");
    assert_int_equal(assay_op_fetched(op, 200, "https://127.0.0.1:1/token", (const uint8_t *)answer, strlen(answer)),
                     ASSAY_OK);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_NOTHING);
    assert_int_equal(assay_op_token(op, &token, NULL), ASSAY_OK);
    assert_string_equal(assay_access_token_text(token, NULL), "a.b.c");
    assert_string_equal(assay_access_token_type(token), "N_A");
    assert_string_equal(assay_access_token_authorization(token, &len), "");
    assert_int_equal(len, 0);
    assay_access_token_unref(token);
    assay_op_free(op);
    assay_token_request_free(request);
    assay_credential_unref(credential);
}

/* What the identity of a cloud is asked for, where it is to be an assertion there (case 9). */
static void test_case_9_audience_by_cloud(void **state)
{
    static const struct {
        const char *authority, *resource;
    } all[] = {{"https://login.microsoftonline.com", "&resource=api%3A%2F%2FAzureADTokenExchange"},
               {"https://login.microsoftonline.us", "&resource=api%3A%2F%2FAzureADTokenExchangeUSGov"},
               {"https://login.partner.microsoftonline.cn", "&resource=api%3A%2F%2FAzureADTokenExchangeChina"}};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assay_credential *source = NULL, *credential = complete("federated");
        assay_token_request *request = ask("keyvault");
        assay_op *op = NULL;
        assert_int_equal(assay_credential_new(NULL, "managed-identity", &source, NULL), ASSAY_OK);
        assert_int_equal(assay_credential_set_authority(credential, all[i].authority, NULL), ASSAY_OK);
        assert_int_equal(assay_credential_set_source(credential, source, NULL, NULL), ASSAY_OK);
        assert_int_equal(assay_op_new_acquire(credential, request, 60000, &op, NULL), ASSAY_OK);
        assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
        const char *url = assay_op_fetch_url(op), *found = strstr(url, all[i].resource);
        assert_non_null(found);
        assert_int_equal(found[strlen(all[i].resource)], '\0');
        assert_int_equal(assay_op_fetch_is_direct(op), 1);
        assay_op_free(op);
        assay_token_request_free(request);
        assay_credential_unref(credential);
        assay_credential_unref(source);
    }
}

static void drivers(void **state)
{
    (void)state;
    assay_driver *driver = NULL;
    assay_credential *credential = complete("client-secret"), *lacking = NULL;
    assert_int_equal(assay_driver_new(&driver, NULL), ASSAY_OK);
    assert_int_equal(assay_driver_keep_tokens_fresh(NULL, credential, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_driver_keep_tokens_fresh(driver, NULL, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_driver_keep_tokens_fresh(driver, credential, NULL), ASSAY_OK);
    assert_int_equal(assay_credential_set_secret(credential, "x", 1, NULL), ASSAY_E_FROZEN);
    assert_int_equal(assay_credential_new(NULL, "client-secret", &lacking, NULL), ASSAY_OK);
    assert_int_equal(assay_driver_keep_tokens_fresh(driver, lacking, NULL), ASSAY_E_CONFIG_CREDENTIAL);
    assay_credential_unref(lacking);
    assay_credential_unref(credential); /* the driver has its own reference */
    assert_int_equal(assay_driver_process(driver, NULL), ASSAY_OK);
    assay_driver_free(driver);
}

static void diagnosis(void **state)
{
    (void)state;
    assert_int_equal(assay_error_diagnosis(NULL), 0);
    assert_string_equal(assay_error_server_code(NULL), "");
    assert_string_equal(assay_error_trace_id(NULL), "");
    assert_string_equal(assay_error_correlation_id(NULL), "");
    assert_string_equal(assay_error_claims(NULL), "");
    assert_int_equal(assay_error_clock_skew(NULL), 0);
    assert_int_equal(assay_diagnosis_count(), 68);
    for (size_t i = 0; i < assay_diagnosis_count(); i++) {
        int row = assay_diagnosis_number(i);
        assert_int_equal(row, (int)i + 1);
        assert_true(strlen(assay_diagnosis_name(row)) > 0 && strlen(assay_diagnosis_layer(row)) > 0);
        assert_true(strlen(assay_diagnosis_symptom(row)) > 0 && strlen(assay_diagnosis_cause(row)) > 0);
        assert_true(strlen(assay_diagnosis_fix(row)) > 0);
    }
    assert_int_equal(assay_diagnosis_number(68), 0);
    assert_int_equal(assay_diagnosis_number(SIZE_MAX), 0);
    static const int none[] = {0, -1, 69, 2147483647};
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(assay_diagnosis_name(none[i]), "");
        assert_string_equal(assay_diagnosis_layer(none[i]), "");
        assert_string_equal(assay_diagnosis_symptom(none[i]), "");
        assert_string_equal(assay_diagnosis_cause(none[i]), "");
        assert_string_equal(assay_diagnosis_fix(none[i]), "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests),
        cmocka_unit_test(tokens_that_are_none),
        cmocka_unit_test(getting),
        cmocka_unit_test(users_of_others),
        cmocka_unit_test(counters_and_threads),
        cmocka_unit_test(descriptions),
        cmocka_unit_test(loopback_is_reached_directly),
        cmocka_unit_test(operations),
        cmocka_unit_test(answers_from_elsewhere),
        cmocka_unit_test(no_access_token),
        cmocka_unit_test(test_case_9_audience_by_cloud),
        cmocka_unit_test(drivers),
        cmocka_unit_test(diagnosis),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
