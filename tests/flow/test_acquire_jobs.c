/* SPDX-License-Identifier: MIT */
/* Jobs of GitHub Actions and Azure Pipelines: the ID token of the job is the assertion (exchange.md 2.8). */
#include "support/arrivals.h"
#include "support/exchange_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static dev_issuer *ci; /* whose tokens the jobs get */

#define BRANCH "repo:assay-dev/orders:ref:refs/heads/main"

static void federate(const char *subject, const char *audience)
{
    json_t *app = json_pack("{s:s, s:s, s:{s:s, s:s, s:s}}", "client_id", EXCHANGE_CLIENT, "tenant", EXCHANGE_TENANT,
                            "federated", "issuer", dev_issuer_url(ci), "subject", subject, "audience", audience);
    exchange_scene_add_app(the_scene.entra, app);
}

static void set(const char *name, const char *value)
{
    assert_int_equal(value == NULL ? unsetenv(name) : setenv(name, value, 1), 0);
}

/* As the environment of the job says; the variables are gone afterwards. */
static assay_credential *job(const char *kind, const char *path)
{
    char url[256];
    assay_credential *credential = NULL;
    bool github = strcmp(kind, "github-actions") == 0;
    (void)snprintf(url, sizeof url, "%s%s", dev_issuer_base(ci), path);
    set(github ? "ACTIONS_ID_TOKEN_REQUEST_URL" : "SYSTEM_OIDCREQUESTURI", url);
    set(github ? "ACTIONS_ID_TOKEN_REQUEST_TOKEN" : "SYSTEM_ACCESSTOKEN", "dev-request-token");
    set(github ? "AZURE_TENANT_ID" : "AZURESUBSCRIPTION_TENANT_ID", EXCHANGE_TENANT);
    set(github ? "AZURE_CLIENT_ID" : "AZURESUBSCRIPTION_CLIENT_ID", EXCHANGE_CLIENT);
    set("AZURESUBSCRIPTION_SERVICE_CONNECTION_ID", "orders");
    set("AZURE_AUTHORITY_HOST", dev_issuer_base(the_scene.entra));
    assay_error *error = NULL;
    if (assay_credential_new_from_environment(the_scene.runtime, kind, &credential, &error) != ASSAY_OK)
        fail_msg("%s", assay_error_message(error));
    static const char *const names[] = {"ACTIONS_ID_TOKEN_REQUEST_URL",
                                        "SYSTEM_OIDCREQUESTURI",
                                        "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
                                        "SYSTEM_ACCESSTOKEN",
                                        "AZURE_TENANT_ID",
                                        "AZURESUBSCRIPTION_TENANT_ID",
                                        "AZURE_CLIENT_ID",
                                        "AZURESUBSCRIPTION_CLIENT_ID",
                                        "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID",
                                        "AZURE_AUTHORITY_HOST"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        set(names[i], NULL);
    assert_int_equal(assay_credential_allow_loopback_http(credential, NULL), ASSAY_OK);
    return credential;
}

static void test_case_87_github(void **state)
{
    static const char *const paths[] = {"/github/token?api-version=2.0", "/github/token"};
    (void)state;
    federate(BRANCH, "api://AzureADTokenExchange");
    for (size_t i = 0; i < 2; i++) {
        arrivals asked, sent;
        assay_credential *credential = job("github-actions", paths[i]);
        assay_access_token *token = exchange_scene_get(credential, EXCHANGE_SCOPE);
        assert_string_equal(assay_access_token_source(token), "github-actions");
        arrivals_take(ci, &asked);
        assert_string_equal(arrivals_text(&asked, "method"), "GET");
        assert_string_equal(arrivals_text(&asked, "accept"), "application/json; api-version=2.0");
        arrivals_has(&asked, "audience", "api://AzureADTokenExchange");
        arrivals_take(the_scene.entra, &sent);
        arrivals_asserts(&sent, "assertion_claims", "sub", BRANCH);
        /* The job's own token goes nowhere but to where its tokens come from. */
        assert_false(arrivals_has_field(&sent, "Authorization"));
        arrivals_drop(&asked);
        arrivals_drop(&sent);
        assay_access_token_unref(token);
        assay_credential_unref(credential);
    }
}

static void test_case_87_token_is_refetched_for_each_exchange(void **state)
{
    (void)state;
    federate(BRANCH, "api://AzureADTokenExchange");
    assay_credential *credential = job("github-actions", "/github/token?api-version=2.0");
    int64_t before = dev_issuer_stats(ci, "github");
    assay_access_token_unref(exchange_scene_get(credential, EXCHANGE_SCOPE));
    assay_access_token_unref(exchange_scene_get(credential, EXCHANGE_SCOPE));
    assert_int_equal(dev_issuer_stats(ci, "github") - before, 1);
    assay_access_token_unref(exchange_scene_get(credential, "https://storage.azure.com/.default"));
    assert_int_equal(dev_issuer_stats(ci, "github") - before, 2);
    assay_credential_unref(credential);
}

static void refused(const char *kind, const char *path, const char *fault, int64_t value, int code, int row)
{
    federate(BRANCH, "api://AzureADTokenExchange");
    assay_credential *credential = job(kind, path);
    int64_t exchanges = exchange_scene_requests(&the_scene);
    assert_int_equal(dev_issuer_fault(ci, "oidc-request", fault, value, -1), 0);
    assay_error *error = exchange_scene_refused(credential, EXCHANGE_SCOPE, 800, code);
    assert_int_equal(dev_issuer_fault(ci, "all", "none", -1, -1), 0);
    assert_int_equal(assay_error_diagnosis(error), row);
    assert_null(strstr(assay_error_message(error), "dev-request-token"));
    assert_true(strlen(assay_error_hint(error)) > 0);
    assert_int_equal(exchange_scene_requests(&the_scene), exchanges);
    assay_error_free(error);
    assay_credential_unref(credential);
}

static void test_case_87_jobs_that_get_none(void **state)
{
    (void)state;
    refused("github-actions", "/github/token?v=1", "no-value", -1, ASSAY_E_JOB_TOKEN, 65);
    refused("github-actions", "/github/token?v=1", "status", 403, ASSAY_E_JOB_TOKEN, 65);
    refused("github-actions", "/github/token?v=1", "html", -1, ASSAY_E_TOKEN_RESPONSE, 0);
    refused("github-actions", "/github/token?v=1", "redirect", 302, ASSAY_E_JOB_TOKEN, 65);
}

static void test_case_88_pipelines(void **state)
{
    arrivals asked;
    (void)state;
    federate("sc://assay-dev/orders/orders", "api://AzureADTokenExchange");
    assay_credential *credential = job("azure-pipelines", "/pipelines/token");
    assay_access_token *token = exchange_scene_get(credential, EXCHANGE_SCOPE);
    assert_string_equal(assay_access_token_source(token), "azure-pipelines");
    arrivals_take(ci, &asked);
    assert_string_equal(arrivals_text(&asked, "method"), "POST");
    assert_true(arrivals_has_field(&asked, "X-TFS-FedAuthRedirect"));
    arrivals_drop(&asked);
    assay_access_token_unref(token);
    assay_credential_unref(credential);
}

static void test_case_88_sign_in_page(void **state)
{
    (void)state;
    refused("azure-pipelines", "/pipelines/token", "redirect", 302, ASSAY_E_JOB_TOKEN, 0);
    refused("azure-pipelines", "/pipelines/token", "no-value", -1, ASSAY_E_JOB_TOKEN, 0);
    refused("azure-pipelines", "/pipelines/token", "html", -1, ASSAY_E_TOKEN_RESPONSE, 0);
    assert_int_equal(dev_issuer_stats(ci, "redirected"), 0);
}

/* A subject that Entra does not know is told whole, in the form that the token has. */
static void subject_with_ids(void **state)
{
    (void)state;
    federate(BRANCH, "api://AzureADTokenExchange");
    assay_credential *credential = job("github-actions", "/github/token?immutable=true");
    assay_error *error = exchange_scene_refused(credential, EXCHANGE_SCOPE, 5000, ASSAY_E_GRANT);
    assert_int_equal(assay_error_diagnosis(error), 4);
    assert_non_null(strstr(assay_error_hint(error), "repo:assay-dev@65/orders@74:ref:refs/heads/main"));
    assay_error_free(error);
    assay_credential_unref(credential);
}

static int setup(void **state)
{
    char message[256];
    (void)exchange_scene_setup(state);
    return dev_issuer_start(&(dev_issuer_options){0}, &ci, message, sizeof message);
}

static int teardown(void **state)
{
    dev_issuer_stop(ci);
    exchange_scene_stop(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_case_87_github),
        cmocka_unit_test(test_case_87_token_is_refetched_for_each_exchange),
        cmocka_unit_test(test_case_87_jobs_that_get_none),
        cmocka_unit_test(test_case_88_pipelines),
        cmocka_unit_test(test_case_88_sign_in_page),
        cmocka_unit_test(subject_with_ids),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
