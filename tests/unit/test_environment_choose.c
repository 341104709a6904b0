/* SPDX-License-Identifier: MIT */
/* Which kind of the default chain is chosen: by what is configured, and by AZURE_TOKEN_CREDENTIALS. */
#include "acquire/from_environment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const variables[] = {"AZURE_TOKEN_CREDENTIALS",
                                        "AZURE_TENANT_ID",
                                        "AZURE_CLIENT_ID",
                                        "AZURE_FEDERATED_TOKEN_FILE",
                                        "AZURE_CLIENT_SECRET",
                                        "AZURE_CLIENT_CERTIFICATE_PATH",
                                        "ACTIONS_ID_TOKEN_REQUEST_URL",
                                        "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
                                        "SYSTEM_OIDCREQUESTURI",
                                        "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID",
                                        "IDENTITY_ENDPOINT",
                                        "IDENTITY_HEADER"};

static assay_failure failure;

static int clear(void **state)
{
    (void)state;
    for (size_t i = 0; i < ASSAY_COUNT_OF(variables); i++)
        assert_int_equal(unsetenv(variables[i]), 0);
    return 0;
}

static void set(const char *name, const char *value)
{
    assert_int_equal(setenv(name, value, 1), 0);
}

static void set_entra(void)
{
    set("AZURE_TENANT_ID", "contoso.example");
    set("AZURE_CLIENT_ID", "11111111-2222-3333-4444-555555555555");
}

static bool chosen_by_name;

static void expect_choice(const char *kinds, const char *skipped)
{
    assay_credential_kind chosen[ASSAY_CREDENTIAL_KINDS];
    char text[256] = "", *told = NULL;
    size_t count = 0;
    int code = assay_environment_choose(chosen, ASSAY_COUNT_OF(chosen), &count, &told, &chosen_by_name, &failure);
    if (code != ASSAY_OK)
        fail_msg("%s: %s", assay_code_name(code), failure.note);
    for (size_t i = 0; i < count; i++) {
        size_t used = strlen(text);
        (void)snprintf(text + used, sizeof text - used, "%s%s", i == 0 ? "" : " ",
                       assay_credential_kind_name(chosen[i]));
    }
    assert_string_equal(text, kinds);
    assert_string_equal(told, skipped);
    assay_release(told);
}

static void where_nothing_is_configured_the_platform_is_asked(void **state)
{
    (void)state;
    expect_choice("managed-identity", "client-secret: AZURE_CLIENT_SECRET is not set\n"
                                      "client-certificate: AZURE_CLIENT_CERTIFICATE_PATH is not set\n"
                                      "workload-identity: AZURE_FEDERATED_TOKEN_FILE is not set\n"
                                      "github-actions: ACTIONS_ID_TOKEN_REQUEST_URL is not set\n"
                                      "azure-pipelines: SYSTEM_OIDCREQUESTURI is not set");
    set_entra(); /* says nothing of how */
    set("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "sesame");
    set("AZURESUBSCRIPTION_SERVICE_CONNECTION_ID", "c");
    set("AZURE_CLIENT_SECRET", "");
    expect_choice("managed-identity", "client-secret: AZURE_CLIENT_SECRET is not set\n"
                                      "client-certificate: AZURE_CLIENT_CERTIFICATE_PATH is not set\n"
                                      "workload-identity: AZURE_FEDERATED_TOKEN_FILE is not set\n"
                                      "github-actions: ACTIONS_ID_TOKEN_REQUEST_URL is not set\n"
                                      "azure-pipelines: SYSTEM_OIDCREQUESTURI is not set");
}

static void a_named_token_file_is_enough_for_workload_identity(void **state)
{
    (void)state;
    set("AZURE_FEDERATED_TOKEN_FILE", "/nowhere");
    set("IDENTITY_ENDPOINT", "http://127.0.0.1:1/identity");
    set("IDENTITY_HEADER", "header");
    expect_choice("workload-identity", "client-secret: AZURE_CLIENT_SECRET is not set\n"
                                       "client-certificate: AZURE_CLIENT_CERTIFICATE_PATH is not set\n"
                                       "github-actions: ACTIONS_ID_TOKEN_REQUEST_URL is not set\n"
                                       "azure-pipelines: SYSTEM_OIDCREQUESTURI is not set\n"
                                       "managed-identity: not asked, since workload-identity is configured");
}

static void what_is_configured_comes_in_order(void **state)
{
    (void)state;
    set("SYSTEM_OIDCREQUESTURI", "https://p.example/");
    set("AZURESUBSCRIPTION_SERVICE_CONNECTION_ID", "c");
    set("ACTIONS_ID_TOKEN_REQUEST_URL", "https://t.example/");
    set("AZURE_TENANT_ID", "contoso.example");
    set("AZURE_FEDERATED_TOKEN_FILE", "/t");
    set("AZURE_CLIENT_CERTIFICATE_PATH", "/c.pem");
    set("AZURE_CLIENT_SECRET", "sesame");
    expect_choice("client-secret client-certificate workload-identity github-actions azure-pipelines",
                  "client-certificate: configured too, but client-secret comes first\n"
                  "workload-identity: configured too, but client-secret comes first\n"
                  "github-actions: configured too, but client-secret comes first\n"
                  "azure-pipelines: configured too, but client-secret comes first\n"
                  "managed-identity: not asked, since client-secret is configured");
    assay_credential_kind first = ASSAY_CREDENTIAL_KINDS;
    char *told = NULL;
    size_t count = 0;
    assert_int_equal(assay_environment_choose(&first, 1, &count, &told, &chosen_by_name, NULL), ASSAY_OK);
    assert_int_equal(count, 1);
    assert_int_equal(first, ASSAY_CREDENTIAL_SECRET);
    assay_release(told);
}

/* Runners give the URL to every job with the permission, whatever that wants it for. */
static void a_job_that_is_not_meant_for_entra_is_not_chosen(void **state)
{
    (void)state;
    set("ACTIONS_ID_TOKEN_REQUEST_URL", "https://t.example/");
    set("SYSTEM_OIDCREQUESTURI", "https://p.example/");
    expect_choice("managed-identity", "client-secret: AZURE_CLIENT_SECRET is not set\n"
                                      "client-certificate: AZURE_CLIENT_CERTIFICATE_PATH is not set\n"
                                      "workload-identity: AZURE_FEDERATED_TOKEN_FILE is not set\n"
                                      "github-actions: AZURE_TENANT_ID is not set\n"
                                      "azure-pipelines: AZURESUBSCRIPTION_SERVICE_CONNECTION_ID is not set");
}

/* --- AZURE_TOKEN_CREDENTIALS --- */

#define CHOICE "AZURE_TOKEN_CREDENTIALS"

static void configure_all(void)
{
    set_entra();
    set("AZURE_CLIENT_SECRET", "sesame");
    set("AZURE_CLIENT_CERTIFICATE_PATH", "/c.pem");
    set("AZURE_FEDERATED_TOKEN_FILE", "/t");
}

static void expect_no_choice(const char *words, int row)
{
    assay_credential_kind chosen[ASSAY_CREDENTIAL_KINDS];
    char *told = (char *)&told;
    size_t count = 1;
    int code = assay_environment_choose(chosen, ASSAY_COUNT_OF(chosen), &count, &told, &chosen_by_name, &failure);
    assert_int_equal(code, ASSAY_E_CONFIG_CREDENTIAL);
    assert_null(told);
    assert_false(chosen_by_name);
    if (strstr(failure.note, words) == NULL || strstr(failure.note, CHOICE) == NULL ||
        strstr(failure.note, "sesame") != NULL || strlen(failure.note) + 1 == sizeof failure.note)
        fail_msg("\"%s\" instead of \"%s\"", failure.note, words);
    assert_int_equal(failure.detail == NULL ? 0 : failure.detail->row, row);
}

/* The services' credentials are what the chain has anyhow. */
static void prod_is_the_whole_chain(void **state)
{
    (void)state;
    static const char *const values[] = {"prod", "PROD", " Prod ", ""};
    set("AZURE_FEDERATED_TOKEN_FILE", "/t");
    for (size_t i = 0; i < ASSAY_COUNT_OF(values); i++) {
        set(CHOICE, values[i]);
        a_named_token_file_is_enough_for_workload_identity(NULL);
        assert_false(chosen_by_name);
    }
    assert_int_equal(unsetenv("AZURE_FEDERATED_TOKEN_FILE"), 0);
    set("ACTIONS_ID_TOKEN_REQUEST_URL", "https://t.example/");
    set("AZURE_TENANT_ID", "contoso.example");
    set(CHOICE, "prod");
    expect_choice("github-actions", "client-secret: AZURE_CLIENT_SECRET is not set\n"
                                    "client-certificate: AZURE_CLIENT_CERTIFICATE_PATH is not set\n"
                                    "workload-identity: AZURE_FEDERATED_TOKEN_FILE is not set\n"
                                    "azure-pipelines: SYSTEM_OIDCREQUESTURI is not set\n"
                                    "managed-identity: not asked, since github-actions is configured");
}

/* Lines of @p skipped that give no reason are left out because of @p name. */
static void expect_named(const char *kinds, const char *name, const char *skipped)
{
    char text[1024] = "";
    for (const char *line = skipped; *line != '\0';) {
        size_t len = strcspn(line, "\n"), used = strlen(text);
        bool told = memchr(line, ':', len) != NULL;
        (void)snprintf(text + used, sizeof text - used, "%s%.*s%s%s", used == 0 ? "" : "\n", (int)len, line,
                       told ? "" : ": left out, since " CHOICE " is ", told ? "" : name);
        line += len + (line[len] == '\n');
    }
    expect_choice(kinds, text);
    assert_true(chosen_by_name);
}

static void a_named_credential_is_the_chain(void **state)
{
    (void)state;
    static const char *const spellings[] = {"WorkloadIdentityCredential", "WORKLOADIDENTITYCREDENTIAL",
                                            "workloadidentitycredential", "  WorkloadIdentityCredential "};
    configure_all();
    for (size_t i = 0; i < ASSAY_COUNT_OF(spellings); i++) {
        set(CHOICE, spellings[i]);
        expect_named("workload-identity", "WorkloadIdentityCredential",
                     "client-secret\nclient-certificate\ngithub-actions\nazure-pipelines\nmanaged-identity");
    }
    set(CHOICE, "EnvironmentCredential");
    expect_named("client-secret client-certificate", "EnvironmentCredential",
                 "client-certificate: configured too, but client-secret comes "
                 "first\nworkload-identity\ngithub-actions\nazure-pipelines\nmanaged-identity");
}

/* Chosen and not fallen back to: whoever names it means it, in a pod too. */
static void a_named_managed_identity_stands_beside_workload_identity(void **state)
{
    (void)state;
    configure_all();
    set(CHOICE, "managedidentitycredential");
    expect_named("managed-identity", "ManagedIdentityCredential",
                 "client-secret\nclient-certificate\nworkload-identity\ngithub-actions\nazure-pipelines");
}

static void a_named_credential_that_is_not_configured_is_told(void **state)
{
    (void)state;
    configure_all();
    assert_int_equal(unsetenv("AZURE_FEDERATED_TOKEN_FILE"), 0);
    set(CHOICE, "WorkloadIdentityCredential");
    expect_no_choice("is WorkloadIdentityCredential, but AZURE_FEDERATED_TOKEN_FILE is not set", 49);
    configure_all();
    assert_int_equal(unsetenv("AZURE_CLIENT_SECRET"), 0);
    set(CHOICE, "EnvironmentCredential");
    expect_named("client-certificate", "EnvironmentCredential",
                 "client-secret: AZURE_CLIENT_SECRET is not "
                 "set\nworkload-identity\ngithub-actions\nazure-pipelines\nmanaged-identity");
    set("AZURE_CLIENT_CERTIFICATE_PATH", "");
    expect_no_choice(
        "is EnvironmentCredential, but neither AZURE_CLIENT_SECRET nor AZURE_CLIENT_CERTIFICATE_PATH is set", 0);
}

static void what_is_not_there_is_refused(void **state)
{
    (void)state;
    static const char *const tools[] = {"dev",
                                        "AzureCliCredential",
                                        "AzureDeveloperCliCredential",
                                        "AzurePowerShellCredential",
                                        "VisualStudioCredential",
                                        "VisualStudioCodeCredential",
                                        "InteractiveBrowserCredential",
                                        "BrokerCredential"};
    static const char *const others[] = {"sesame",
                                         "production",
                                         "managed-identity",
                                         "prod,dev",
                                         "prod;",
                                         "*",
                                         " ",
                                         "ManagedIdentityCredentials",
                                         "AzurePipelinesCredential"};
    configure_all();
    for (size_t i = 0; i < ASSAY_COUNT_OF(tools); i++) {
        set(CHOICE, tools[i]);
        expect_no_choice(tools[i], 0);
        expect_no_choice("no sign-ins of developer tools here; there are prod, EnvironmentCredential, "
                         "WorkloadIdentityCredential and ManagedIdentityCredential",
                         0);
        assert_non_null(strstr(failure.hint, "unset " CHOICE));
    }
    for (size_t i = 0; i < ASSAY_COUNT_OF(others); i++) {
        set(CHOICE, others[i]);
        expect_no_choice("a value that is none of prod, EnvironmentCredential, WorkloadIdentityCredential and "
                         "ManagedIdentityCredential",
                         0);
    }
    set(CHOICE, "prod\n");
    expect_no_choice("has a line end or another control byte", 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, clear, clear)
    const struct CMUnitTest tests[] = {
        CASE(where_nothing_is_configured_the_platform_is_asked),
        CASE(a_named_token_file_is_enough_for_workload_identity),
        CASE(what_is_configured_comes_in_order),
        CASE(a_job_that_is_not_meant_for_entra_is_not_chosen),
        CASE(prod_is_the_whole_chain),
        CASE(a_named_credential_is_the_chain),
        CASE(a_named_managed_identity_stands_beside_workload_identity),
        CASE(a_named_credential_that_is_not_configured_is_told),
        CASE(what_is_not_there_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
