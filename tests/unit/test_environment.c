/* SPDX-License-Identifier: MIT */
/* What the environment configures: each kind's variables, and which agent there is. */
#include "acquire/from_environment.h"

#include "support/machine_world.h"
#include "support/store_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define GUID "11111111-2222-3333-4444-555555555555"
#define OTHER "99999999-2222-3333-4444-555555555555"

static const char *const variables[] = {"AZURE_TENANT_ID",
                                        "AZURE_CLIENT_ID",
                                        "AZURE_FEDERATED_TOKEN_FILE",
                                        "AZURE_AUTHORITY_HOST",
                                        "AZURE_ADDITIONALLY_ALLOWED_TENANTS",
                                        "AZURE_CLIENT_SECRET",
                                        "AZURE_CLIENT_CERTIFICATE_PATH",
                                        "AZURE_CLIENT_CERTIFICATE_PASSWORD",
                                        "AZURE_CLIENT_SEND_CERTIFICATE_CHAIN",
                                        "AZURE_KUBERNETES_TOKEN_PROXY",
                                        "AZURE_KUBERNETES_SNI_NAME",
                                        "AZURE_KUBERNETES_CA_FILE",
                                        "AZURE_KUBERNETES_CA_DATA",
                                        "ACTIONS_ID_TOKEN_REQUEST_URL",
                                        "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
                                        "SYSTEM_OIDCREQUESTURI",
                                        "SYSTEM_ACCESSTOKEN",
                                        "AZURESUBSCRIPTION_TENANT_ID",
                                        "AZURESUBSCRIPTION_CLIENT_ID",
                                        "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID",
                                        "IDENTITY_ENDPOINT",
                                        "IDENTITY_HEADER",
                                        "IDENTITY_SERVER_THUMBPRINT",
                                        "MSI_ENDPOINT",
                                        "MSI_SECRET",
                                        "IMDS_ENDPOINT",
                                        "AZURE_POD_IDENTITY_AUTHORITY_HOST",
                                        "DEFAULT_IDENTITY_CLIENT_ID",
                                        "GOOGLE_APPLICATION_CREDENTIALS"};

static assay_credential_settings settings;
static assay_failure failure;

static void forget_all(void)
{
    for (size_t i = 0; i < ASSAY_COUNT_OF(variables); i++)
        assert_int_equal(unsetenv(variables[i]), 0);
}

static int begin(void **state)
{
    forget_all();
    memset(&settings, 0, sizeof settings);
    return store_folder_open(state);
}

static int end(void **state)
{
    assay_credential_settings_clear(&settings);
    forget_all();
    return store_folder_remove(state);
}

static void set(const char *name, const char *value)
{
    assert_int_equal(setenv(name, value, 1), 0);
}

static int read_kind(assay_credential_kind kind)
{
    assay_credential_settings_clear(&settings);
    settings.kind = kind;
    return assay_settings_from_environment(&settings, &failure);
}

static void expect_read(assay_credential_kind kind)
{
    int code = read_kind(kind);
    if (code != ASSAY_OK)
        fail_msg("%s: %s", assay_code_name(code), failure.note);
}

static void expect_refusal(assay_credential_kind kind, int code, const char *words)
{
    int found = read_kind(kind);
    if (found != code || strstr(failure.note, words) == NULL || strstr(failure.note, "sesame") != NULL)
        fail_msg("%s, \"%s\" instead of %s, \"%s\"", assay_code_name(found), failure.note, assay_code_name(code),
                 words);
}

static void set_entra(void)
{
    set("AZURE_TENANT_ID", "contoso.example");
    set("AZURE_CLIENT_ID", GUID);
}

static bool is_secret(const assay_secret *secret, const char *text)
{
    return assay_secret_equal(secret, text, strlen(text));
}

static void workload_identity_is_configured_by_the_webhook(void **state)
{
    (void)state;
    set_entra();
    set("AZURE_FEDERATED_TOKEN_FILE", "/var/run/secrets/elsewhere/token");
    set("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.us/");
    set("AZURE_ADDITIONALLY_ALLOWED_TENANTS", "a.example;b.example;;*");
    expect_read(ASSAY_CREDENTIAL_WORKLOAD);
    assert_string_equal(settings.tenant, "contoso.example");
    assert_string_equal(settings.client_id, GUID);
    assert_string_equal(settings.token_file, "/var/run/secrets/elsewhere/token"); /* case 25 */
    assert_string_equal(settings.authority, "https://login.microsoftonline.us");
    assert_int_equal(settings.tenants.count, 2);
    assert_true(settings.any_tenant);
    assert_null(settings.proxy.url);
    assert_int_equal(assay_credential_settings_check(&settings, &failure), ASSAY_OK);
}

static void test_case_1_an_empty_environment_is_told_by_the_check(void **state)
{
    (void)state;
    set("AZURE_TENANT_ID", ""); /* the same as not set */
    expect_read(ASSAY_CREDENTIAL_WORKLOAD);
    assert_null(settings.tenant);
    assert_int_equal(assay_credential_settings_check(&settings, &failure), ASSAY_E_CONFIG_CREDENTIAL);
    static const char *const names[] = {"AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE"};
    for (size_t i = 0; i < ASSAY_COUNT_OF(names); i++)
        assert_non_null(strstr(failure.note, names[i]));
}

static void the_token_proxy_is_configured_by_the_webhook(void **state)
{
    (void)state;
    set("AZURE_KUBERNETES_TOKEN_PROXY", "https://10.0.0.1:443");
    set("AZURE_KUBERNETES_SNI_NAME", "proxy.example");
    set("AZURE_KUBERNETES_CA_DATA", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    expect_read(ASSAY_CREDENTIAL_WORKLOAD);
    assert_string_equal(settings.proxy.url, "https://10.0.0.1:443");
    assert_string_equal(settings.proxy.tls_name, "proxy.example");
    assert_non_null(strchr(settings.proxy.ca_pem, '\n'));
    assert_int_equal(settings.proxy.mode, ASSAY_TOKEN_PROXY_AUTOMATIC);
}

static void test_case_76_a_broken_token_proxy_is_refused(void **state)
{
    (void)state;
    set("AZURE_KUBERNETES_SNI_NAME", "proxy.example");
    expect_refusal(ASSAY_CREDENTIAL_WORKLOAD, ASSAY_E_CONFIG_CREDENTIAL, "AZURE_KUBERNETES_TOKEN_PROXY");
    set("AZURE_KUBERNETES_TOKEN_PROXY", "http://10.0.0.1");
    expect_refusal(ASSAY_CREDENTIAL_WORKLOAD, ASSAY_E_CONFIG_URL, "not https");
    set("AZURE_KUBERNETES_TOKEN_PROXY", "https://10.0.0.1?x=y");
    expect_refusal(ASSAY_CREDENTIAL_WORKLOAD, ASSAY_E_CONFIG_URL, "query");
    set("AZURE_KUBERNETES_TOKEN_PROXY", "https://10.0.0.1");
    set("AZURE_KUBERNETES_CA_FILE", "/ca.pem");
    expect_read(ASSAY_CREDENTIAL_WORKLOAD);
    set("AZURE_KUBERNETES_CA_DATA", "PEM");
    expect_refusal(ASSAY_CREDENTIAL_WORKLOAD, ASSAY_E_CONFIG_CREDENTIAL, "keep one");
    set("AZURE_KUBERNETES_CA_FILE", "/ca\n");
    expect_refusal(ASSAY_CREDENTIAL_WORKLOAD, ASSAY_E_CONFIG_CREDENTIAL, "AZURE_KUBERNETES_CA_FILE has a line end");
}

static void secrets_and_certificates_have_their_variables(void **state)
{
    (void)state;
    set_entra();
    set("AZURE_CLIENT_SECRET", "a+b/c=%&~ \xc3\xbc");
    expect_read(ASSAY_CREDENTIAL_SECRET);
    assert_true(is_secret(&settings.secret, "a+b/c=%&~ \xc3\xbc"));
    set("AZURE_CLIENT_CERTIFICATE_PATH", "/c.pem");
    set("AZURE_CLIENT_CERTIFICATE_PASSWORD", "sesame");
    static const struct {
        const char *text;
        bool send;
    } all[] = {{"1", true},      {"true", true}, {"TRUE", true}, {"0", false},
               {"false", false}, {"yes", false}, {"", false}};
    for (size_t i = 0; i < ASSAY_COUNT_OF(all); i++) {
        set("AZURE_CLIENT_SEND_CERTIFICATE_CHAIN", all[i].text);
        expect_read(ASSAY_CREDENTIAL_CERTIFICATE);
        assert_int_equal(settings.send_chain, all[i].send);
    }
    assert_string_equal(settings.certificate_path, "/c.pem");
    assert_null(settings.key_path);
    assert_true(is_secret(&settings.passphrase, "sesame"));
    assert_null(settings.secret.text);
}

static void jobs_have_their_variables(void **state)
{
    (void)state;
    set_entra();
    set("ACTIONS_ID_TOKEN_REQUEST_URL", "https://t.example/?a=b");
    set("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "sesame");
    expect_read(ASSAY_CREDENTIAL_GITHUB);
    assert_string_equal(settings.request_url, "https://t.example/?a=b");
    assert_true(is_secret(&settings.request_token, "sesame"));
    assert_int_equal(assay_credential_settings_check(&settings, &failure), ASSAY_OK);
    set("SYSTEM_OIDCREQUESTURI", "https://p.example/");
    set("SYSTEM_ACCESSTOKEN", "sesame-2");
    set("AZURESUBSCRIPTION_SERVICE_CONNECTION_ID", "c");
    expect_read(ASSAY_CREDENTIAL_PIPELINES);
    assert_string_equal(settings.client_id, GUID);
    set("AZURESUBSCRIPTION_TENANT_ID", "fabrikam.example");
    set("AZURESUBSCRIPTION_CLIENT_ID", OTHER);
    expect_read(ASSAY_CREDENTIAL_PIPELINES);
    assert_string_equal(settings.tenant, "fabrikam.example");
    assert_string_equal(settings.client_id, OTHER);
    assert_string_equal(settings.service_connection, "c");
    assert_true(is_secret(&settings.request_token, "sesame-2"));
    assert_int_equal(assay_credential_settings_check(&settings, &failure), ASSAY_OK);
}

static void test_case_15_values_with_line_ends_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        assay_credential_kind kind;
    } all[] = {{"AZURE_TENANT_ID", ASSAY_CREDENTIAL_WORKLOAD},
               {"AZURE_CLIENT_ID", ASSAY_CREDENTIAL_WORKLOAD},
               {"AZURE_FEDERATED_TOKEN_FILE", ASSAY_CREDENTIAL_WORKLOAD},
               {"AZURE_AUTHORITY_HOST", ASSAY_CREDENTIAL_WORKLOAD},
               {"AZURE_ADDITIONALLY_ALLOWED_TENANTS", ASSAY_CREDENTIAL_WORKLOAD},
               {"AZURE_KUBERNETES_TOKEN_PROXY", ASSAY_CREDENTIAL_WORKLOAD},
               {"AZURE_KUBERNETES_SNI_NAME", ASSAY_CREDENTIAL_WORKLOAD},
               {"AZURE_CLIENT_SECRET", ASSAY_CREDENTIAL_SECRET},
               {"AZURE_CLIENT_CERTIFICATE_PATH", ASSAY_CREDENTIAL_CERTIFICATE},
               {"AZURE_CLIENT_CERTIFICATE_PASSWORD", ASSAY_CREDENTIAL_CERTIFICATE},
               {"ACTIONS_ID_TOKEN_REQUEST_URL", ASSAY_CREDENTIAL_GITHUB},
               {"ACTIONS_ID_TOKEN_REQUEST_TOKEN", ASSAY_CREDENTIAL_GITHUB},
               {"SYSTEM_OIDCREQUESTURI", ASSAY_CREDENTIAL_PIPELINES},
               {"SYSTEM_ACCESSTOKEN", ASSAY_CREDENTIAL_PIPELINES},
               {"AZURESUBSCRIPTION_TENANT_ID", ASSAY_CREDENTIAL_PIPELINES},
               {"AZURESUBSCRIPTION_CLIENT_ID", ASSAY_CREDENTIAL_PIPELINES},
               {"AZURESUBSCRIPTION_SERVICE_CONNECTION_ID", ASSAY_CREDENTIAL_PIPELINES},
               {"IDENTITY_ENDPOINT", ASSAY_CREDENTIAL_MANAGED},
               {"IDENTITY_HEADER", ASSAY_CREDENTIAL_MANAGED},
               {"MSI_SECRET", ASSAY_CREDENTIAL_MANAGED},
               {"AZURE_CLIENT_ID", ASSAY_CREDENTIAL_MANAGED},
               {"AZURE_AUTHORITY_HOST", ASSAY_CREDENTIAL_MANAGED},
               {"AZURE_POD_IDENTITY_AUTHORITY_HOST", ASSAY_CREDENTIAL_MANAGED},
               {"GOOGLE_APPLICATION_CREDENTIALS", ASSAY_CREDENTIAL_GOOGLE}};
    static const char *const bad[] = {"sesame\r\nX: y", "sesame\n", "\x01sesame", "sesame\x7f"};
    for (size_t i = 0; i < ASSAY_COUNT_OF(all); i++) {
        for (size_t k = 0; k < ASSAY_COUNT_OF(bad); k++) {
            set(all[i].name, bad[k]);
            expect_refusal(all[i].kind, ASSAY_E_CONFIG_CREDENTIAL, all[i].name);
        }
        assert_int_equal(unsetenv(all[i].name), 0);
    }
}

static void broken_values_are_refused_by_name(void **state)
{
    (void)state;
    set("AZURE_TENANT_ID", "common");
    expect_refusal(ASSAY_CREDENTIAL_SECRET, ASSAY_E_CONFIG_TENANT, "AZURE_TENANT_ID: ");
    set("AZURE_TENANT_ID", "../x");
    expect_refusal(ASSAY_CREDENTIAL_SECRET, ASSAY_E_CONFIG_TENANT, "AZURE_TENANT_ID: ");
    assert_int_equal(unsetenv("AZURE_TENANT_ID"), 0);
    set("AZURE_AUTHORITY_HOST", "login.microsoftonline.us");
    expect_refusal(ASSAY_CREDENTIAL_SECRET, ASSAY_E_CONFIG_URL, "AZURE_AUTHORITY_HOST: ");
    expect_refusal(ASSAY_CREDENTIAL_MANAGED, ASSAY_E_CONFIG_URL, "AZURE_AUTHORITY_HOST: ");
    assert_int_equal(unsetenv("AZURE_AUTHORITY_HOST"), 0);
    set("AZURE_ADDITIONALLY_ALLOWED_TENANTS", "a.example;common");
    expect_refusal(ASSAY_CREDENTIAL_SECRET, ASSAY_E_CONFIG_TENANT, "AZURE_ADDITIONALLY_ALLOWED_TENANTS: ");
    static const char *const hosts[] = {"http://127.0.0.1:1?x=", "http://127.0.0.1:1/#"};
    for (size_t i = 0; i < ASSAY_COUNT_OF(hosts); i++) {
        set("AZURE_POD_IDENTITY_AUTHORITY_HOST", hosts[i]);
        expect_refusal(ASSAY_CREDENTIAL_MANAGED, ASSAY_E_CONFIG_URL, "AZURE_POD_IDENTITY_AUTHORITY_HOST: ");
    }
}

static void google_has_a_file(void **state)
{
    (void)state;
    static const char json[] = "{\"type\":\"external_account\",\"audience\":\"//iam\",\"credential_source\":"
                               "{\"file\":\"/t\"}}";
    char path[128];
    (void)snprintf(path, sizeof path, "%s/account.json", store_folder);
    set("GOOGLE_APPLICATION_CREDENTIALS", path);
    expect_refusal(ASSAY_CREDENTIAL_GOOGLE, ASSAY_E_CONFIG_CREDENTIAL, "GOOGLE_APPLICATION_CREDENTIALS: ");
    store_write_path(path, json, sizeof json - 1);
    expect_read(ASSAY_CREDENTIAL_GOOGLE);
    assert_string_equal(settings.token_file, "/t");
    assert_int_equal(assay_credential_settings_check(&settings, &failure), ASSAY_OK);
}

static void kinds_without_variables_say_so(void **state)
{
    (void)state;
    static const assay_credential_kind kinds[] = {ASSAY_CREDENTIAL_ASSERTION, ASSAY_CREDENTIAL_FEDERATED,
                                                  ASSAY_CREDENTIAL_CLIENT,    ASSAY_CREDENTIAL_EXCHANGE,
                                                  ASSAY_CREDENTIAL_CHAIN,     ASSAY_CREDENTIAL_KINDS};
    for (size_t i = 0; i < ASSAY_COUNT_OF(kinds); i++)
        expect_refusal(kinds[i], ASSAY_E_CONFIG_CREDENTIAL, "has no variables");
    expect_refusal(ASSAY_CREDENTIAL_GOOGLE, ASSAY_E_CONFIG_CREDENTIAL, "GOOGLE_APPLICATION_CREDENTIALS is not set");
}

static void expect_agent(assay_agent agent, const char *url, const char *secret)
{
    expect_read(ASSAY_CREDENTIAL_MANAGED);
    assert_int_equal(settings.agent, agent);
    assert_true(assay_text_same(settings.agent_url, url));
    assert_true(secret == NULL ? settings.agent_secret.len == 0 : is_secret(&settings.agent_secret, secret));
}

/* From all there is down to nothing. */
static void test_case_67_agents_are_looked_for_in_order(void **state)
{
    (void)state;
    static const char endpoint[] = "http://127.0.0.1:1/identity", msi[] = "http://127.0.0.1:2/msi";
    set("IDENTITY_ENDPOINT", endpoint);
    set("IDENTITY_HEADER", "header");
    set("IDENTITY_SERVER_THUMBPRINT", "aabb");
    set("MSI_ENDPOINT", msi);
    set("MSI_SECRET", "secret");
    set("IMDS_ENDPOINT", "http://127.0.0.1:3");
    set("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:8000/");
    set("DEFAULT_IDENTITY_CLIENT_ID", OTHER);
    expect_agent(ASSAY_AGENT_SERVICE_FABRIC, endpoint, "header");
    assert_string_equal(settings.agent_thumbprint, "aabb");
    assert_int_equal(assay_credential_settings_check(&settings, &failure), ASSAY_E_CONFIG_CREDENTIAL);
    assert_int_equal(unsetenv("IDENTITY_SERVER_THUMBPRINT"), 0);
    expect_agent(ASSAY_AGENT_APP_SERVICE, endpoint, "header");
    assert_int_equal(settings.identity, ASSAY_IDENTITY_SYSTEM);
    assert_int_equal(unsetenv("IDENTITY_HEADER"), 0);
    expect_agent(ASSAY_AGENT_AZURE_ML, msi, "secret");
    assert_int_equal(settings.identity, ASSAY_IDENTITY_CLIENT_ID);
    assert_string_equal(settings.identity_value, OTHER);
    assert_int_equal(unsetenv("DEFAULT_IDENTITY_CLIENT_ID"), 0);
    expect_agent(ASSAY_AGENT_APP_SERVICE_2017, msi, "secret");
    assert_int_equal(unsetenv("MSI_SECRET"), 0);
    expect_agent(ASSAY_AGENT_CLOUD_SHELL, msi, NULL);
    assert_int_equal(unsetenv("MSI_ENDPOINT"), 0);
    expect_agent(ASSAY_AGENT_ARC, endpoint, NULL);
    assert_int_equal(unsetenv("IMDS_ENDPOINT"), 0);
    assert_int_equal(unsetenv("IDENTITY_ENDPOINT"), 0);
    expect_agent(ASSAY_AGENT_IMDS, "http://127.0.0.1:8000/metadata/identity/oauth2/token", NULL);
    assert_int_equal(assay_credential_settings_check(&settings, &failure), ASSAY_OK);
    assert_int_equal(unsetenv("AZURE_POD_IDENTITY_AUTHORITY_HOST"), 0);
    expect_agent(ASSAY_AGENT_IMDS, NULL, NULL);
}

static void an_installed_arc_agent_is_found(void **state)
{
    (void)state;
    char program[128];
    (void)snprintf(program, sizeof program, "%s/himds", store_folder);
    settings.kind = ASSAY_CREDENTIAL_MANAGED;
    assert_int_equal(assay_environment_managed(&settings, program, &failure), ASSAY_OK);
    assert_int_equal(settings.agent, ASSAY_AGENT_IMDS);
    store_write_path(program, "#!", 2);
    assert_int_equal(assay_environment_managed(&settings, program, &failure), ASSAY_OK);
    assert_int_equal(settings.agent, ASSAY_AGENT_ARC);
    assert_null(settings.agent_url); /* the usual one */
    set("MSI_ENDPOINT", "http://127.0.0.1:2/msi");
    assert_int_equal(assay_environment_managed(&settings, program, &failure), ASSAY_OK);
    assert_int_equal(settings.agent, ASSAY_AGENT_CLOUD_SHELL);
}

static void the_client_id_selects_a_user_assigned_identity(void **state)
{
    (void)state;
    set("AZURE_CLIENT_ID", GUID);
    set("DEFAULT_IDENTITY_CLIENT_ID", OTHER);
    expect_agent(ASSAY_AGENT_IMDS, NULL, NULL);
    assert_int_equal(settings.identity, ASSAY_IDENTITY_CLIENT_ID);
    assert_string_equal(settings.identity_value, GUID);
    set("MSI_ENDPOINT", "http://127.0.0.1:2/msi");
    set("MSI_SECRET", "secret");
    expect_agent(ASSAY_AGENT_AZURE_ML, "http://127.0.0.1:2/msi", "secret");
    assert_string_equal(settings.identity_value, GUID);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        CASE(workload_identity_is_configured_by_the_webhook),
        CASE(test_case_1_an_empty_environment_is_told_by_the_check),
        CASE(the_token_proxy_is_configured_by_the_webhook),
        CASE(test_case_76_a_broken_token_proxy_is_refused),
        CASE(secrets_and_certificates_have_their_variables),
        CASE(jobs_have_their_variables),
        CASE(test_case_15_values_with_line_ends_are_refused_by_name),
        CASE(broken_values_are_refused_by_name),
        CASE(google_has_a_file),
        CASE(kinds_without_variables_say_so),
        CASE(test_case_67_agents_are_looked_for_in_order),
        CASE(an_installed_arc_agent_is_found),
        CASE(the_client_id_selects_a_user_assigned_identity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
