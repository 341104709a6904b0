/* SPDX-License-Identifier: MIT */
/*
 * Clients of ours at an OAuth server that nobody here wrote: oidc-provider, over TLS with a CA made for the run. What it gives is validated through its own
 * discovery; what it refuses is said in a sentence of ours.
 */
#include "support/client_keys.h"
#include "support/fetch.h"
#include "support/provider.h"

#include <assay/assay.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WAIT 20000
#define RESOURCE "https://api.test"
#define CLIENT "web client:1"               /* a colon would end the user's name were it not encoded */
#define SECRET "a+b/c=%25%&~ :\"<x\\y"      /* of what RFC 6749, appendix A.2, allows */
#define FOREIGN_SECRET "a+b/c=%&~ \xc3\xbc" /* and one with more, which real servers hand out */

static provider server;
static bool there;

static int start(void **state)
{
    there = provider_is_there();
    if (!there)
        return 0;
    provider_start(&server, "server");
    return client_keys_make(state);
}

static int stop(void **state)
{
    if (!there)
        return 0;
    provider_stop(&server);
    return client_keys_remove(state);
}

static void need(void)
{
    if (!there)
        skip();
}

static assay_runtime *new_runtime(void)
{
    assay_runtime *runtime = NULL;
    assert_int_equal(assay_runtime_new(&runtime, NULL), ASSAY_OK);
    assert_int_equal(assay_runtime_set_ca_pem(runtime, server.ca_pem, strlen(server.ca_pem), NULL), ASSAY_OK);
    return runtime;
}

/* Released. */
static void add_client(json_t *client)
{
    char *body = json_dumps(client, 0);
    assert_non_null(body);
    json_decref(provider_control(&server, "/client", body));
    free(body);
    json_decref(client);
}

static void add_key_client(const char *file, const char *algorithm, const char *key_id)
{
    size_t len;
    char *pem = client_keys_read(file, &len);
    assert_non_null(pem);
    json_t *client = json_pack("{s:s, s:s, s:s, s:s}", "client_id", CLIENT, "method", "private_key_jwt", "pem", pem,
                               "alg", algorithm);
    if (key_id != NULL)
        (void)json_object_set_new(client, "kid", json_string(key_id));
    add_client(client);
    free(pem);
}

static assay_credential *new_client(void)
{
    char endpoint[160];
    assay_credential *credential = NULL;
    assay_runtime *runtime = new_runtime();
    (void)snprintf(endpoint, sizeof endpoint, "%s/token", server.issuer);
    assert_int_equal(assay_credential_new(runtime, "client-credentials", &credential, NULL), ASSAY_OK);
    assay_runtime_unref(runtime);
    assert_int_equal(assay_credential_set_token_endpoint(credential, endpoint, NULL), ASSAY_OK);
    assert_int_equal(assay_credential_set_client_id(credential, CLIENT, NULL), ASSAY_OK);
    assert_int_equal(assay_credential_add_resource(credential, RESOURCE, NULL), ASSAY_OK);
    return credential;
}

static assay_credential *with_secret(const char *secret, const char *method)
{
    assay_credential *credential = new_client();
    assert_int_equal(assay_credential_set_secret(credential, secret, strlen(secret), NULL), ASSAY_OK);
    assert_int_equal(assay_credential_set_client_method(credential, method, NULL), ASSAY_OK);
    return credential;
}

static assay_credential *with_key(const char *certificate, const char *key, const char *algorithm, const char *key_id)
{
    assay_credential *credential = new_client();
    assert_int_equal(assay_credential_set_signing_files(credential,
                                                        certificate == NULL ? NULL : client_keys_path(certificate),
                                                        client_keys_path(key), NULL, NULL),
                     ASSAY_OK);
    assert_int_equal(assay_credential_set_signing_form(credential, algorithm, key_id, NULL), ASSAY_OK);
    return credential;
}

/* By discovery: the provider's metadata, then its keys. */
static void validate(const char *token, size_t len)
{
    assay_issuer *issuer = NULL;
    assay_validator *validator = NULL;
    assay_claims *claims = NULL;
    assay_runtime *runtime = new_runtime();
    assert_int_equal(assay_issuer_new(server.issuer, &issuer, NULL), ASSAY_OK);
    assert_int_equal(assay_issuer_add_audience(issuer, RESOURCE, NULL), ASSAY_OK);
    assert_int_equal(assay_issuer_set_profile(issuer, "rfc9068", NULL), ASSAY_OK);
    assert_int_equal(assay_validator_new(runtime, &issuer, 1, &validator, NULL), ASSAY_OK);
    assert_int_equal(assay_validator_validate(validator, token, len, NULL, WAIT, &claims, NULL), ASSAY_OK);
    const char *client = NULL;
    assert_int_equal(assay_claims_get_text(claims, "client_id", &client, &len), ASSAY_OK);
    assert_string_equal(client, CLIENT);
    assay_claims_unref(claims);
    assay_validator_unref(validator);
    assay_issuer_free(issuer);
    assay_runtime_unref(runtime);
}

static void get(assay_credential *credential)
{
    assay_access_token *token = NULL;
    assay_error *error = NULL;
    size_t len = 0;
    int code = assay_credential_get_token(credential, "api:read", WAIT, &token, &error);
    if (code != ASSAY_OK)
        fail_msg("%s", assay_error_message(error));
    const char *text = assay_access_token_text(token, &len);
    validate(text, len);
    assert_string_equal(assay_access_token_scope(token), "api:read");
    assert_string_equal(assay_access_token_type(token), "Bearer");
    assay_access_token_unref(token);
}

static void get_and_drop(assay_credential *credential)
{
    get(credential);
    assay_credential_unref(credential);
}

/* The server's own word, a sentence and what to do, without the secret. */
static void expect_refusal(const assay_error *error, int code, const char *server_code)
{
    assert_non_null(error);
    print_message("  %s\n  %s\n", assay_error_message(error), assay_error_hint(error));
    assert_int_equal(assay_error_code(error), code);
    assert_string_equal(assay_error_server_code(error), server_code);
    assert_non_null(strstr(assay_error_message(error), server_code));
    assert_string_not_equal(assay_error_hint(error),
                            assay_code_hint(code)); /* one that fits, where the server says next to nothing */
    if (strcmp(server_code, "invalid_client") == 0)
        assert_non_null(strstr(assay_error_hint(error), "the server must "));
    assert_null(strstr(assay_error_message(error), SECRET));
}

static assay_error *refusal(assay_credential *credential, const char *scope, const char *server_code)
{
    assay_access_token *token = NULL;
    assay_error *error = NULL;
    assert_int_equal(assay_credential_get_token(credential, scope, WAIT, &token, &error), ASSAY_E_GRANT);
    assert_null(token);
    expect_refusal(error, ASSAY_E_GRANT, server_code);
    assay_credential_unref(credential);
    return error;
}

static void refused(assay_credential *credential, const char *scope, const char *server_code)
{
    assay_error_free(refusal(credential, scope, server_code));
}

static void test_case_10_and_12_secrets_in_header_and_body(void **state)
{
    static const char *const methods[] = {"client_secret_basic", "client_secret_post"};
    (void)state;
    need();
    for (size_t i = 0; i < 2; i++) {
        add_client(json_pack("{s:s, s:s, s:s}", "client_id", CLIENT, "method", methods[i], "secret", SECRET));
        get_and_drop(with_secret(SECRET, methods[i]));
        refused(with_secret("a+b/c=%%&~ :\"<x\\y", methods[i]), "api:read", "invalid_client");
        refused(with_secret(SECRET " ", methods[i]), "api:read", "invalid_client");
    }
}

/* Its own check of Basic allows ASCII alone, and says so; a body brings every byte. */
static void test_case_10_secret_beyond_ascii(void **state)
{
    static const char *const methods[] = {"client_secret_basic", "client_secret_post"};
    (void)state;
    need();
    for (size_t i = 0; i < 2; i++)
        add_client(json_pack("{s:s, s:s, s:s}", "client_id", CLIENT, "method", methods[i], "secret", FOREIGN_SECRET));
    get_and_drop(with_secret(FOREIGN_SECRET, "client_secret_post"));
    refused(with_secret("a+b/c=%&~ u", "client_secret_post"), "api:read", "invalid_client");
    assay_access_token *token = NULL;
    assay_error *error = NULL;
    assay_credential *credential = with_secret(FOREIGN_SECRET, "client_secret_basic");
    assert_int_equal(assay_credential_get_token(credential, "api:read", WAIT, &token, &error), ASSAY_E_GRANT);
    assert_string_equal(assay_error_server_code(error), "invalid_request");
    assert_non_null(strstr(assay_error_message(error), "not properly encoded"));
    assay_error_free(error);
    assay_credential_unref(credential);
}

static void what_is_not_granted(void **state)
{
    (void)state;
    need();
    add_client(json_pack("{s:s, s:s, s:s}", "client_id", CLIENT, "method", "client_secret_post", "secret", SECRET));
    refused(with_secret(SECRET, "client_secret_post"), "openid", "invalid_scope");
    assay_credential *credential = with_secret(SECRET, "client_secret_post");
    assert_int_equal(assay_credential_set_client_id(credential, "nobody", NULL), ASSAY_OK);
    refused(credential, "api:read", "invalid_client");
    credential = with_secret(SECRET, "client_secret_post");
    assert_int_equal(assay_credential_add_resource(credential, "https://other.test", NULL), ASSAY_OK);
    refused(credential, "api:read", "invalid_target"); /* it gives a token for one resource at a time */
}

/* Each algorithm alone is registered, so that another one is refused. */
static const struct {
    const char *certificate, *key, *algorithm, *wrong;
} signers[] = {
    {"client.pem", "client.key", "RS256", "PS256"},
    {"client.pem", "client.key", "PS256", "RS256"},
    {"ec.pem", "ec.key", "ES256", NULL},
};

static void private_key_jwt(void **state)
{
    (void)state;
    need();
    for (size_t i = 0; i < sizeof signers / sizeof signers[0]; i++) {
        const char *pem = signers[i].certificate, *key = signers[i].key, *algorithm = signers[i].algorithm;
        add_key_client(pem, algorithm, "first");
        get_and_drop(with_key(NULL, key, algorithm, "first"));
        get_and_drop(with_key(NULL, key, algorithm, NULL)); /* the only key there is */
        get_and_drop(with_key(pem, key, algorithm, NULL));  /* with the thumbprint of the certificate */
        assay_credential *credential = with_key(NULL, key, algorithm, "first");
        assert_int_equal(assay_credential_set_assertion_audience(credential, server.issuer, NULL), ASSAY_OK);
        get(credential);
        /* Each assertion is another one: the server takes none twice. */
        for (int again = 0; again < 2; again++) {
            assay_credential_forget(credential, NULL);
            get(credential);
        }
        assay_credential_unref(credential);
        refused(with_key(NULL, key, algorithm, "second"), "api:read", "invalid_client");
        if (signers[i].wrong != NULL)
            refused(with_key(NULL, key, signers[i].wrong, "first"), "api:read", "invalid_client");
    }
}

static void assertions_that_are_refused(void **state)
{
    (void)state;
    need();
    add_key_client("client.pem", "PS256", NULL);
    refused(with_key(NULL, "next.key", "PS256", NULL), "api:read", "invalid_client");
    refused(with_key(NULL, "ec.key", "ES256", NULL), "api:read", "invalid_client");
    assay_credential *credential = with_key(NULL, "client.key", "PS256", NULL);
    assert_int_equal(assay_credential_set_assertion_audience(credential, "https://other.test", NULL), ASSAY_OK);
    assay_error *error = refusal(credential, "api:read", "invalid_client");
    assert_non_null(strstr(assay_error_hint(error), "\"https://other.test\"")); /* what it found is what is shown */
    assay_error_free(error);
    refused(with_secret(SECRET, "client_secret_post"), "api:read", "invalid_client");
}

/* A request that somebody else sends again, or first, is worth nothing (RFC 7523, section 3: `jti`). */
static void replayed_assertion(void **state)
{
    assay_op *op = NULL;
    assay_token_request *request = NULL;
    assay_access_token *token = NULL;
    assay_error *error = NULL;
    (void)state;
    need();
    add_key_client("client.pem", "PS256", NULL);
    assay_credential *credential = with_key(NULL, "client.key", "PS256", NULL);
    assert_int_equal(assay_token_request_new("api:read", &request, NULL), ASSAY_OK);
    assert_int_equal(assay_op_new_acquire(credential, request, WAIT, &op, NULL), ASSAY_OK);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    assert_int_equal(fetch_beside(op, server.ca_pem), 200);
    assert_int_equal(fetch_beside(op, server.ca_pem), 401);
    fetch_until_done(op, server.ca_pem);
    assert_int_equal(assay_op_token(op, &token, &error), ASSAY_E_GRANT);
    assert_null(token);
    expect_refusal(error, ASSAY_E_GRANT, "invalid_client");
    assay_error_free(error);
    assay_op_free(op);
    assay_token_request_free(request);
    get_and_drop(credential); /* the next one is new */
}

/* The CA is the run's: without it nothing is sent. */
static void server_that_is_not_trusted(void **state)
{
    char endpoint[160];
    assay_credential *credential = NULL;
    assay_access_token *token = NULL;
    (void)state;
    need();
    (void)snprintf(endpoint, sizeof endpoint, "%s/token", server.issuer);
    assert_int_equal(assay_credential_new(NULL, "client-credentials", &credential, NULL), ASSAY_OK);
    assert_int_equal(assay_credential_set_token_endpoint(credential, endpoint, NULL), ASSAY_OK);
    assert_int_equal(assay_credential_set_client_id(credential, CLIENT, NULL), ASSAY_OK);
    assert_int_equal(assay_credential_set_secret(credential, SECRET, strlen(SECRET), NULL), ASSAY_OK);
    assert_int_equal(assay_credential_get_token(credential, "", WAIT, &token, NULL), ASSAY_E_TLS);
    assert_null(token);
    assay_credential_unref(credential);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_case_10_and_12_secrets_in_header_and_body),
        cmocka_unit_test(test_case_10_secret_beyond_ascii),
        cmocka_unit_test(what_is_not_granted),
        cmocka_unit_test(private_key_jwt),
        cmocka_unit_test(assertions_that_are_refused),
        cmocka_unit_test(replayed_assertion),
        cmocka_unit_test(server_that_is_not_trusted),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
