/* SPDX-License-Identifier: MIT */
/* What is said to do about refusals of servers that are not Entra: what was sent tells more than they do (RFC 6749, section 5.2). No network. */
#include "support/client_keys.h"

#include <assay/assay.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ENDPOINT "https://server.test/token"
#define SECRET "a+b/c=%&~ \xc3\xbc"

static assay_credential *client(const char *kind)
{
    assay_credential *credential = NULL;
    assert_int_equal(assay_credential_new(NULL, kind, &credential, NULL), ASSAY_OK);
    assert_int_equal(assay_credential_set_token_endpoint(credential, ENDPOINT "?realm=inner", NULL), ASSAY_OK);
    assert_int_equal(assay_credential_set_client_id(credential, "orders", NULL), ASSAY_OK);
    return credential;
}

static assay_credential *with_secret(const char *method)
{
    assay_credential *credential = client("client-credentials");
    assert_int_equal(assay_credential_set_secret(credential, SECRET, strlen(SECRET), NULL), ASSAY_OK);
    assert_int_equal(assay_credential_set_client_method(credential, method, NULL), ASSAY_OK);
    return credential;
}

static assay_credential *with_key(const char *algorithm, const char *key_id)
{
    assay_credential *credential = client("client-credentials");
    assert_int_equal(assay_credential_set_signing_files(credential, NULL, client_keys_path("client.key"), NULL, NULL),
                     ASSAY_OK);
    assert_int_equal(assay_credential_set_signing_form(credential, algorithm, key_id, NULL), ASSAY_OK);
    return credential;
}

/* Refused in these words; what is said about it holds this. */
static void says(assay_credential *credential, const char *server_code, const char *hint)
{
    char answer[256];
    assay_op *op = NULL;
    assay_token_request *request = NULL;
    assay_access_token *token = NULL;
    assay_error *error = NULL;
    (void)snprintf(answer, sizeof answer, "{\"error\":\"%s\",\"error_description\":\"no\"}", server_code);
    assert_int_equal(assay_token_request_new("read", &request, NULL), ASSAY_OK);
    assert_int_equal(assay_op_new_acquire(credential, request, 60000, &op, NULL), ASSAY_OK);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    const char *url = assay_op_fetch_url(op);
    assert_int_equal(assay_op_fetched(op, 400, url, (const uint8_t *)answer, strlen(answer)), ASSAY_OK);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_NOTHING);
    assert_int_equal(assay_op_token(op, &token, &error), ASSAY_E_GRANT);
    assert_null(token);
    assert_string_equal(assay_error_server_code(error), server_code);
    const char *said = assay_error_hint(error);
    if (strstr(said, hint) == NULL)
        fail_msg("\"%s\" is not in: %s", hint, said);
    assert_null(strstr(said, "a+b/c"));
    assert_null(strstr(said, "realm"));
    for (size_t i = 0; said[i] != '\0'; i++)
        assert_in_range(said[i], 0x20, 0x7e);
    assay_error_free(error);
    assay_op_free(op);
    assay_token_request_free(request);
    assay_credential_unref(credential);
}

static void clients_with_a_secret(void **state)
{
    (void)state;
    says(with_secret("client_secret_basic"), "invalid_client", "registered for client_secret_basic: ");
    says(with_secret("client_secret_post"), "invalid_client", "registered for client_secret_post: ");
    assay_credential *credential = client("client-credentials");
    assert_int_equal(assay_credential_set_client_method(credential, "none", NULL), ASSAY_OK);
    says(credential, "invalid_client", "needs a secret or a key");
}

static void clients_with_a_key(void **state)
{
    (void)state;
    says(with_key(NULL, NULL), "invalid_client", "of the key, its algorithm, and \"" ENDPOINT "\" as audience");
    says(with_key("RS256", "first"), "invalid_client",
         "of the key under its kid, its algorithm RS256, and \"" ENDPOINT "\" as audience");
    assay_credential *credential = with_key("PS256", NULL);
    assert_int_equal(assay_credential_set_assertion_audience(credential, "https://server.test/\"\xc3\xbc", NULL),
                     ASSAY_OK);
    says(credential, "invalid_client", "\"https://server.test/\\x22\\xc3\\xbc\" as audience");
}

static void what_was_asked_for(void **state)
{
    (void)state;
    says(with_secret("client_secret_basic"), "invalid_scope", "ask for scopes that the server knows");
    says(with_secret("client_secret_basic"), "invalid_target", "ask for a resource or audience");
    says(with_secret("client_secret_basic"), "unauthorized_client", "let the client use this grant");
    says(with_secret("client_secret_basic"), "unsupported_grant_type", "grant_types_supported");
    says(with_secret("client_secret_basic"), "something_else", assay_code_hint(ASSAY_E_GRANT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clients_with_a_secret),
        cmocka_unit_test(clients_with_a_key),
        cmocka_unit_test(what_was_asked_for),
    };
    return cmocka_run_group_tests(tests, client_keys_make, client_keys_remove);
}
