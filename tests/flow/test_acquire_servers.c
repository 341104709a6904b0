/* SPDX-License-Identifier: MIT */
/* Any OAuth server: client credentials (RFC 6749, section 4.4), token exchange (RFC 8693), and Google's STS. */
#include "support/arrivals.h"
#include "support/client_keys.h"
#include "support/exchange_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLIENT "web client:1" /* a colon would end the user's name were it not encoded */
#define SECRET "s:e+c/r=e%t \xc3\xbc"
#define POOL "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/cluster"
#define ACCOUNT "orders@project.iam.gserviceaccount.com"
#define GOOGLE_SCOPE "https://www.googleapis.com/auth/cloud-platform"

static dev_issuer *server;

static json_t *cluster_federation(void)
{
    return json_pack("{s:s, s:s}", "issuer", dev_issuer_url(the_scene.cluster), "audience",
                     "api://AzureADTokenExchange");
}

static void add_client(void)
{
    size_t len;
    char *pem = client_keys_read("client.pem", &len);
    exchange_scene_add_app(server, json_pack("{s:s, s:s, s:s, s:o}", "client_id", CLIENT, "secret", SECRET,
                                             "certificates", pem, "federated", cluster_federation()));
    free(pem);
}

static assay_credential *credential_of(const char *kind)
{
    char endpoint[256];
    assay_credential *credential = NULL;
    (void)snprintf(endpoint, sizeof endpoint, "%s%s", dev_issuer_base(server),
                   strcmp(kind, "google") == 0 ? "/v1/token" : "/token");
    assert_int_equal(assay_credential_new(the_scene.runtime, kind, &credential, NULL), ASSAY_OK);
    assert_int_equal(assay_credential_set_token_endpoint(credential, endpoint, NULL), ASSAY_OK);
    assert_int_equal(assay_credential_allow_loopback_http(credential, NULL), ASSAY_OK);
    return credential;
}

static assay_credential *with_secret(const char *kind, const char *method)
{
    assay_credential *credential = credential_of(kind);
    assert_int_equal(assay_credential_set_client_id(credential, CLIENT, NULL), ASSAY_OK);
    assert_int_equal(assay_credential_set_secret(credential, SECRET, strlen(SECRET), NULL), ASSAY_OK);
    if (method != NULL)
        assert_int_equal(assay_credential_set_client_method(credential, method, NULL), ASSAY_OK);
    return credential;
}

static assay_access_token *get(assay_credential *credential, const char *scope, arrivals *sent)
{
    assay_access_token *token = exchange_scene_get(credential, scope);
    arrivals_take(server, sent);
    arrivals_is_clean(sent);
    return token;
}

static void drop(assay_credential *credential, assay_access_token *token, arrivals *sent)
{
    arrivals_drop(sent);
    assay_access_token_unref(token);
    assay_credential_unref(credential);
}

static void test_case_12_basic_is_encoded_before_base64(void **state)
{
    arrivals sent;
    (void)state;
    assay_credential *credential = with_secret("client-credentials", NULL);
    assert_int_equal(assay_credential_add_audience(credential, "orders", NULL), ASSAY_OK);
    assay_access_token *token = get(credential, "orders.read", &sent);
    const json_t *shown = json_object_get(sent.last, "authorization");
    assert_string_equal(json_string_value(json_object_get(shown, "scheme")), "Basic");
    arrivals_lacks(&sent, "client_secret");
    arrivals_lacks(&sent, "client_id");
    arrivals_has(&sent, "grant_type", "client_credentials");
    arrivals_has(&sent, "scope", "orders.read");
    arrivals_has(&sent, "audience", "orders");
    assert_false(arrivals_has_field(&sent, "client-request-id")); /* Entra's own */
    assert_string_equal(assay_access_token_source(token), "client-credentials");
    drop(credential, token, &sent);
}

static void secret_in_the_body(void **state)
{
    arrivals sent;
    (void)state;
    assay_credential *credential = with_secret("client-credentials", "client_secret_post");
    assay_access_token *token = get(credential, "", &sent);
    arrivals_has(&sent, "client_secret", SECRET);
    arrivals_has(&sent, "client_id", CLIENT);
    assert_int_equal(arrivals_times(&sent, "scope"), 0);
    assert_false(arrivals_has_field(&sent, "Authorization"));
    drop(credential, token, &sent);
}

static assay_credential *with_key(const char *kind)
{
    assay_credential *credential = credential_of(kind);
    assert_int_equal(assay_credential_set_client_id(credential, CLIENT, NULL), ASSAY_OK);
    assert_int_equal(assay_credential_set_signing_files(credential, client_keys_path("client.pem"),
                                                        client_keys_path("client.key"), NULL, NULL),
                     ASSAY_OK);
    return credential;
}

static void private_key_jwt(void **state)
{
    arrivals sent;
    char endpoint[256];
    (void)state;
    assay_credential *credential = with_key("client-credentials");
    assay_access_token *token = get(credential, "orders.read", &sent);
    (void)snprintf(endpoint, sizeof endpoint, "%s/token", dev_issuer_base(server));
    arrivals_asserts(&sent, "assertion_claims", "aud", endpoint);
    arrivals_asserts(&sent, "assertion_claims", "iss", CLIENT);
    arrivals_asserts(&sent, "assertion_claims", "sub", CLIENT);
    assert_null(arrivals_assertion(&sent, "assertion_header", "kid"));
    assert_false(arrivals_has_field(&sent, "Authorization"));
    arrivals_lacks(&sent, "client_secret");
    drop(credential, token, &sent);
    /* The issuer as audience, where the server wants that (RFC 7523, section 3), and a form of its own. */
    credential = with_key("client-credentials");
    assert_int_equal(assay_credential_set_assertion_audience(credential, dev_issuer_url(server), NULL), ASSAY_OK);
    assert_int_equal(assay_credential_set_signing_form(credential, "RS256", NULL, NULL), ASSAY_OK);
    token = get(credential, "orders.read", &sent);
    arrivals_asserts(&sent, "assertion_claims", "aud", dev_issuer_url(server));
    arrivals_asserts(&sent, "assertion_header", "alg", "RS256");
    drop(credential, token, &sent);
    /* A name of the key instead of its certificate. */
    credential = with_key("client-credentials");
    assert_int_equal(assay_credential_set_signing_form(credential, NULL, "key-1", NULL), ASSAY_OK);
    assay_error *error = exchange_scene_refused(credential, "", 5000, ASSAY_E_GRANT); /* nobody knows it by that */
    assert_string_equal(assay_error_server_code(error), "invalid_client");
    assay_error_free(error);
    arrivals_take(server, &sent);
    arrivals_asserts(&sent, "assertion_header", "kid", "key-1");
    assert_null(arrivals_assertion(&sent, "assertion_header", "x5t#S256"));
    arrivals_drop(&sent);
    assay_credential_unref(credential);
}

/* The whole of it again for a server that has the key by its certificate. */
static void private_key_jwt_by_certificate(void **state)
{
    arrivals sent;
    (void)state;
    assay_credential *credential = with_key("client-credentials");
    assay_access_token *token = get(credential, "", &sent);
    assert_int_equal(strlen(json_string_value(arrivals_assertion(&sent, "assertion_header", "x5t#S256"))), 43);
    drop(credential, token, &sent);
}

static assay_credential *with_file(assay_credential *credential)
{
    exchange_scene_rotate_file(&the_scene);
    assert_int_equal(assay_credential_set_token_file(credential, the_scene.token_file, NULL), ASSAY_OK);
    return credential;
}

static void test_case_90_exchange(void **state)
{
    arrivals sent;
    (void)state;
    assay_credential *credential = with_file(with_secret("token-exchange", NULL));
    assert_int_equal(assay_credential_add_audience(credential, "orders", NULL), ASSAY_OK);
    assert_int_equal(assay_credential_add_resource(credential, "https://orders.example/a?b=c&d", NULL), ASSAY_OK);
    assert_int_equal(
        assay_credential_set_token_types(credential, NULL, "urn:ietf:params:oauth:token-type:access_token", NULL),
        ASSAY_OK);
    assay_access_token *token = get(credential, "orders.read", &sent);
    arrivals_has(&sent, "grant_type", "urn:ietf:params:oauth:grant-type:token-exchange");
    arrivals_has(&sent, "subject_token_type", "urn:ietf:params:oauth:token-type:jwt");
    arrivals_has(&sent, "requested_token_type", "urn:ietf:params:oauth:token-type:access_token");
    arrivals_has(&sent, "resource", "https://orders.example/a?b=c&d");
    arrivals_has(&sent, "audience", "orders");
    arrivals_lacks(&sent, "actor_token");
    arrivals_lacks(&sent, "actor_token_type");
    assert_string_equal(assay_access_token_issued_type(token), "urn:ietf:params:oauth:token-type:access_token");
    drop(credential, token, &sent);
}

/* RFC 8693, section 2.1: several audiences and resources, each as often as it was given. */
static void test_case_90_repeated_targets(void **state)
{
    arrivals sent;
    (void)state;
    assay_credential *credential = with_file(with_secret("token-exchange", NULL));
    assert_int_equal(assay_credential_add_audience(credential, "orders", NULL), ASSAY_OK);
    assert_int_equal(assay_credential_add_audience(credential, "stock", NULL), ASSAY_OK);
    assay_access_token *token = exchange_scene_get(credential, "");
    arrivals_take(server, &sent);
    assert_int_equal(arrivals_times(&sent, "audience"), 2);
    assert_int_equal(arrivals_times(&sent, "subject_token"), 1);
    drop(credential, token, &sent);
}

static void test_case_90_actor_with_its_type(void **state)
{
    arrivals sent;
    (void)state;
    assay_credential *credential = with_file(with_secret("token-exchange", NULL));
    assert_int_equal(assay_credential_set_actor(credential, the_scene.token_file, NULL, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_credential_set_actor(credential, NULL, "urn:ietf:params:oauth:token-type:jwt", NULL),
                     ASSAY_E_ARGUMENT);
    assert_int_equal(
        assay_credential_set_actor(credential, the_scene.token_file, "urn:ietf:params:oauth:token-type:jwt", NULL),
        ASSAY_OK);
    assay_access_token *token = get(credential, "", &sent);
    arrivals_has(&sent, "actor_token_type", "urn:ietf:params:oauth:token-type:jwt");
    assert_int_equal(arrivals_times(&sent, "actor_token"), 1);
    drop(credential, token, &sent);
}

/* Client, subject and actor: three proofs in one request, each in its place. */
static void test_case_90_client_with_a_key(void **state)
{
    arrivals sent;
    (void)state;
    assay_credential *credential = with_file(with_key("token-exchange"));
    assay_access_token *token = get(credential, "", &sent);
    arrivals_asserts(&sent, "assertion_claims", "iss", CLIENT);
    arrivals_has(&sent, "client_id", CLIENT);
    assert_int_equal(arrivals_times(&sent, "subject_token"), 1);
    drop(credential, token, &sent);
}

static void expect_fault(assay_credential *credential, const char *kind, int code)
{
    assert_int_equal(dev_issuer_fault(server, "token", kind, -1, 1), 0);
    assay_error_free(exchange_scene_refused(credential, "", 5000, code));
    assert_int_equal(dev_issuer_fault(server, "all", "none", -1, -1), 0);
    assay_credential_unref(credential);
}

static void test_case_90_answers_that_are_none(void **state)
{
    (void)state;
    expect_fault(with_file(with_secret("token-exchange", NULL)), "no-issued-type", ASSAY_E_TOKEN_RESPONSE);
    expect_fault(with_file(with_secret("token-exchange", NULL)), "token-type-mac", ASSAY_E_TOKEN_RESPONSE);
    expect_fault(with_secret("client-credentials", NULL), "token-type-mac", ASSAY_E_TOKEN_RESPONSE);
    expect_fault(with_secret("client-credentials", NULL), "access-token-crlf", ASSAY_E_TOKEN_RESPONSE);
}

static void refusals_of_a_server(void **state)
{
    (void)state;
    assay_credential *credential = with_secret("client-credentials", NULL);
    assert_int_equal(assay_credential_set_secret(credential, "wrong", 5, NULL), ASSAY_OK);
    assay_error *error = exchange_scene_refused(credential, "", 5000, ASSAY_E_GRANT);
    assert_string_equal(assay_error_server_code(error), "invalid_client");
    assert_int_equal(assay_error_diagnosis(error), 0);
    assay_error_free(error);
    assay_credential_unref(credential);
    exchange_scene_add_app(server, json_pack("{s:s, s:s, s:o, s:[s]}", "client_id", "narrow", "secret", SECRET,
                                             "federated", cluster_federation(), "resources", "orders"));
    credential = with_file(with_secret("token-exchange", NULL));
    assert_int_equal(assay_credential_set_client_id(credential, "narrow", NULL), ASSAY_OK);
    assert_int_equal(assay_credential_add_audience(credential, "another", NULL), ASSAY_OK);
    error = exchange_scene_refused(credential, "", 5000, ASSAY_E_GRANT);
    assert_string_equal(assay_error_server_code(error), "invalid_target");
    assert_int_equal(assay_error_diagnosis(error), 68);
    assay_error_free(error);
    assay_credential_unref(credential);
}

/* --- Google --- */

static assay_credential *google(void)
{
    exchange_scene_add_app(server, json_pack("{s:s, s:o}", "client_id", POOL, "federated", cluster_federation()));
    assay_credential *credential = with_file(credential_of("google"));
    assert_int_equal(assay_credential_add_audience(credential, POOL, NULL), ASSAY_OK);
    return credential;
}

static void test_case_89_google(void **state)
{
    arrivals sent;
    (void)state;
    assay_credential *credential = google();
    assay_access_token *token = get(credential, "", &sent);
    assert_false(arrivals_has_field(&sent, "Authorization"));
    arrivals_has(&sent, "audience", POOL);
    arrivals_has(&sent, "scope", GOOGLE_SCOPE);
    arrivals_has(&sent, "requested_token_type", "urn:ietf:params:oauth:token-type:access_token");
    arrivals_has(&sent, "subject_token_type", "urn:ietf:params:oauth:token-type:jwt");
    arrivals_lacks(&sent, "client_id");
    assert_string_equal(assay_access_token_source(token), "google");
    drop(credential, token, &sent);
}

static void test_case_89_without_a_lifetime(void **state)
{
    char message[128];
    (void)state;
    assert_int_equal(dev_issuer_settings(server, "{\"expires_in_form\":\"absent\"}", message, sizeof message), 0);
    assay_credential *credential = google();
    assay_access_token *token = exchange_scene_get(credential, "");
    assert_int_equal(assay_access_token_expires_at(token), 0);
    assay_access_token_unref(token);
    assay_credential_unref(credential);
    assert_int_equal(dev_issuer_settings(server, "{\"expires_in_form\":\"usual\"}", message, sizeof message), 0);
}

static void test_case_89_service_account(void **state)
{
    char url[256];
    arrivals sent;
    (void)state;
    assay_credential *credential = google();
    (void)snprintf(url, sizeof url, "%s/v1/projects/-/serviceAccounts/%s:generateAccessToken", dev_issuer_base(server),
                   ACCOUNT);
    assert_int_equal(assay_credential_set_service_account(credential, url, NULL), ASSAY_OK);
    int64_t first = dev_issuer_stats(server, "google"), second = dev_issuer_stats(server, "impersonation");
    assay_access_token *token = exchange_scene_get(credential, GOOGLE_SCOPE);
    assert_int_equal(dev_issuer_stats(server, "google") - first, 1);
    assert_int_equal(dev_issuer_stats(server, "impersonation") - second, 1);
    arrivals_take(server, &sent);
    assert_string_equal(arrivals_text(&sent, "content_type"), "application/json");
    assert_string_equal(json_string_value(json_object_get(json_object_get(sent.last, "authorization"), "scheme")),
                        "Bearer");
    assert_true(assay_access_token_expires_at(token) > 0);
    arrivals_drop(&sent);
    assay_access_token_unref(token);
    /* The second hop fails: the first hop's token is not given instead. */
    assay_credential_forget(credential, NULL);
    assert_int_equal(dev_issuer_fault(server, "token", "no-access-token", -1, -1), 0);
    assay_error_free(exchange_scene_refused(credential, GOOGLE_SCOPE, 5000, ASSAY_E_TOKEN_RESPONSE));
    assert_int_equal(dev_issuer_fault(server, "all", "none", -1, -1), 0);
    assay_credential_unref(credential);
}

static int setup(void **state)
{
    char message[256];
    if (client_keys_make(state) != 0)
        return 1;
    (void)exchange_scene_setup(state);
    if (dev_issuer_start(&(dev_issuer_options){0}, &server, message, sizeof message) != 0)
        return 1;
    add_client();
    return 0;
}

static int teardown(void **state)
{
    dev_issuer_stop(server);
    exchange_scene_stop(*state);
    return client_keys_remove(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_case_12_basic_is_encoded_before_base64),
        cmocka_unit_test(secret_in_the_body),
        cmocka_unit_test(private_key_jwt),
        cmocka_unit_test(private_key_jwt_by_certificate),
        cmocka_unit_test(test_case_90_exchange),
        cmocka_unit_test(test_case_90_repeated_targets),
        cmocka_unit_test(test_case_90_actor_with_its_type),
        cmocka_unit_test(test_case_90_client_with_a_key),
        cmocka_unit_test(test_case_90_answers_that_are_none),
        cmocka_unit_test(refusals_of_a_server),
        cmocka_unit_test(test_case_89_google),
        cmocka_unit_test(test_case_89_without_a_lifetime),
        cmocka_unit_test(test_case_89_service_account),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
