/* SPDX-License-Identifier: MIT */
/* What is told before anything is sent (cases 1 to 9), through the exported functions alone. */
#include "support/credentials.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TENANT "aaaabbbb-0000-cccc-1111-dddd2222eeee"
#define CLIENT "00001111-aaaa-2222-bbbb-3333cccc4444"
#define SCOPE "https://vault.azure.net/.default"

static assay_error *refused(assay_credential *credential, const char *scope, int code)
{
    assay_access_token *token = (assay_access_token *)&token;
    assay_error *error = NULL;
    int found = assay_credential_get_token(credential, scope, 0, &token, &error);
    if (found != code)
        fail_msg("%s instead of %s for %s", assay_code_name(found), assay_code_name(code), scope);
    assert_null(token);
    assert_non_null(error);
    return error;
}

static void test_case_1_nothing_is_configured(void **state)
{
    (void)state;
    assay_credential *credential = credential_of("workload-identity");
    assay_error *error = refused(credential, SCOPE, ASSAY_E_CONFIG_CREDENTIAL);
    assert_non_null(strstr(assay_error_message(error), "AZURE_CLIENT_ID"));
    assert_non_null(strstr(assay_error_message(error), "AZURE_TENANT_ID"));
    assert_non_null(strstr(assay_error_message(error), "AZURE_FEDERATED_TOKEN_FILE"));
    assert_int_equal(assay_error_diagnosis(error), 49);
    assay_error_free(error);
    assay_credential_unref(credential);
}

static void test_case_2_only_the_client_id_is_missing(void **state)
{
    (void)state;
    assay_credential *credential = credential_of("workload-identity");
    assert_int_equal(assay_credential_set_tenant(credential, TENANT, NULL), ASSAY_OK);
    assert_int_equal(assay_credential_set_token_file(credential, "/token", NULL), ASSAY_OK);
    assay_error *error = refused(credential, SCOPE, ASSAY_E_CONFIG_CREDENTIAL);
    assert_int_equal(assay_error_diagnosis(error), 50);
    assert_non_null(strstr(assay_error_hint(error), "annotate serviceaccount"));
    assay_error_free(error);
    assay_credential_unref(credential);
}

static void test_case_3_options_go_before_the_environment(void **state)
{
    (void)state;
    uint8_t *json = NULL;
    size_t len = 0;
    assay_credential *credential = NULL;
    assert_int_equal(setenv("AZURE_TENANT_ID", "other.example", 1), 0);
    assert_int_equal(setenv("AZURE_CLIENT_ID", "other", 1), 0);
    assert_int_equal(setenv("AZURE_FEDERATED_TOKEN_FILE", "/other", 1), 0);
    assert_int_equal(assay_credential_new_from_environment(NULL, "workload-identity", &credential, NULL), ASSAY_OK);
    assert_int_equal(assay_credential_set_tenant(credential, TENANT, NULL), ASSAY_OK);
    assert_int_equal(assay_credential_set_token_file(credential, "/mine", NULL), ASSAY_OK);
    assert_int_equal(assay_credential_describe(credential, &json, &len, NULL), ASSAY_OK);
    assert_non_null(strstr((const char *)json, "\"tenant\":\"" TENANT "\""));
    assert_non_null(strstr((const char *)json, "\"client_id\":\"other\""));
    assert_non_null(strstr((const char *)json, "\"token_file\":\"/mine\""));
    assay_bytes_free(json, len);
    assay_credential_unref(credential);
    /* One that is made by its kind does not look there. */
    credential = credential_of("workload-identity");
    assay_error_free(refused(credential, SCOPE, ASSAY_E_CONFIG_CREDENTIAL));
    assay_credential_unref(credential);
    (void)unsetenv("AZURE_TENANT_ID");
    (void)unsetenv("AZURE_CLIENT_ID");
    (void)unsetenv("AZURE_FEDERATED_TOKEN_FILE");
}

static void test_case_4_authorities(void **state)
{
    static const char *const good[] = {"https://login.microsoftonline.us", "https://login.microsoftonline.us/",
                                       "https://127.0.0.1:8443/"};
    static const char *const bad[] = {"login.microsoftonline.us",
                                      "http://login.microsoftonline.us",
                                      "https://login.microsoftonline.us/common",
                                      "https://login.microsoftonline.us//",
                                      "https://login.microsoftonline.us/?a=b",
                                      "https://login.microsoftonline.us?",
                                      "https://login.microsoftonline.us#a",
                                      "https://user@login.microsoftonline.us",
                                      "https://login.microsoftonline.us@evil.test",
                                      "https://login.microsoftonline.us\\@evil.test",
                                      "https://login.microsoftonline.us\\.evil.test",
                                      "https://login.microsoftonline.us%2eevil.test",
                                      "https://login.microsoftonline.us .evil.test",
                                      "https://login.microsoftonline.us:443:1",
                                      "https://log\xc4\xb1n.microsoftonline.us",
                                      "https://",
                                      "ftp://login.microsoftonline.us",
                                      ""};
    (void)state;
    assay_credential *credential = credential_of("client-secret");
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_int_equal(assay_credential_set_authority(credential, good[i], NULL), ASSAY_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int code = assay_credential_set_authority(credential, bad[i], NULL);
        if (code != ASSAY_E_CONFIG_URL)
            fail_msg("%s: %s", bad[i], assay_code_name(code));
    }
    assay_credential_unref(credential);
    /* http on loopback is looked at when all is known. */
    credential = credential_complete();
    assert_int_equal(assay_credential_set_authority(credential, "http://127.0.0.1:1", NULL), ASSAY_OK);
    assay_error_free(refused(credential, SCOPE, ASSAY_E_CONFIG_URL));
    assay_credential_unref(credential);
}

static void test_case_5_tenants(void **state)
{
    static const char *const bad[] = {"common", "Organizations", "consumers", "../x", "a b", "",
                                      ".",      "a..b",          "-a",        "a-",   "a/b", "a%2f",
                                      "a?b=c",  "a\xc3\xbc"};
    (void)state;
    assay_credential *credential = credential_of("client-secret");
    assay_token_request *request = NULL;
    assert_int_equal(assay_token_request_new(SCOPE, &request, NULL), ASSAY_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(assay_credential_set_tenant(credential, bad[i], NULL), ASSAY_E_CONFIG_TENANT);
        assert_int_equal(assay_credential_add_tenant(credential, bad[i], NULL), ASSAY_E_CONFIG_TENANT);
        assert_int_equal(assay_token_request_set_tenant(request, bad[i], NULL), ASSAY_E_CONFIG_TENANT);
    }
    assert_int_equal(assay_credential_set_tenant(credential, "contoso.onmicrosoft.com", NULL), ASSAY_OK);
    assay_token_request_free(request);
    assay_credential_unref(credential);
}

/* Sets the flag when the log says that the client id is odd. */
static void note(void *user_data, int level, const char *text, size_t len)
{
    bool *warned = user_data;
    *warned = *warned || (level == ASSAY_LOG_WARNING && len > 0 && strstr(text, "AADSTS700016") != NULL);
}

static void test_case_6_client_ids_that_are_none(void **state)
{
    static const char *const ids[] = {CLIENT, "/subscriptions/1/ids/orders", "orders"};
    (void)state;
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        bool warned = false;
        assay_runtime *runtime = NULL;
        assay_credential *credential = NULL;
        assert_int_equal(assay_runtime_new(&runtime, NULL), ASSAY_OK);
        assert_int_equal(assay_runtime_set_log(runtime, ASSAY_LOG_WARNING, note, &warned, NULL, NULL), ASSAY_OK);
        assert_int_equal(assay_credential_new(runtime, "client-secret", &credential, NULL), ASSAY_OK);
        assert_int_equal(assay_credential_set_tenant(credential, TENANT, NULL), ASSAY_OK);
        assert_int_equal(assay_credential_set_client_id(credential, ids[i], NULL), ASSAY_OK);
        assert_int_equal(assay_credential_set_secret(credential, "sesame", 6, NULL), ASSAY_OK);
        assay_error_free(refused(credential, SCOPE, ASSAY_E_TOKEN_NEEDED));
        assert_int_equal(warned, i > 0);
        assay_credential_unref(credential);
        assay_runtime_unref(runtime);
    }
}

/* The form that is sent, by steps. */
static void sends_scope(const char *asked, const char *sent)
{
    assay_op *op = NULL;
    assay_token_request *request = NULL;
    size_t len = 0;
    assay_credential *credential = credential_complete();
    assert_int_equal(assay_token_request_new(asked, &request, NULL), ASSAY_OK);
    assert_int_equal(assay_op_new_acquire(credential, request, 1000, &op, NULL), ASSAY_OK);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    assert_string_equal(assay_op_fetch_url(op), "https://127.0.0.1:1/" TENANT "/oauth2/v2.0/token");
    const char *body = (const char *)assay_op_fetch_body(op, &len);
    assert_int_equal(strlen(body), len);
    assert_non_null(strstr(body, sent));
    assay_op_free(op);
    assay_token_request_free(request);
    assay_credential_unref(credential);
}

static void test_case_7_and_8_scopes(void **state)
{
    static const char *const bad[] = {"", "https://a.test/.default https://b.test/.default", "no-such-name",
                                      "https://vault.azure.net/.default\r\nX: y", "api://x/\"/.default"};
    (void)state;
    sends_scope("https://database.windows.net/", "&scope=https%3A%2F%2Fdatabase.windows.net%2F%2F.default&");
    sends_scope("https://vault.azure.net", "&scope=https%3A%2F%2Fvault.azure.net%2F.default&");
    sends_scope("keyvault", "&scope=https%3A%2F%2Fvault.azure.net%2F.default&");
    sends_scope("api://x?a=b&client_id=evil/.default", "&scope=api%3A%2F%2Fx%3Fa%3Db%26client_id%3Devil%2F.default&");
    assay_credential *credential = credential_complete();
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assay_error_free(refused(credential, bad[i], ASSAY_E_CONFIG_SCOPE));
    assay_credential_unref(credential);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_case_1_nothing_is_configured),
        cmocka_unit_test(test_case_2_only_the_client_id_is_missing),
        cmocka_unit_test(test_case_3_options_go_before_the_environment),
        cmocka_unit_test(test_case_4_authorities),
        cmocka_unit_test(test_case_5_tenants),
        cmocka_unit_test(test_case_6_client_ids_that_are_none),
        cmocka_unit_test(test_case_7_and_8_scopes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
