/* SPDX-License-Identifier: MIT */
/* Managed identities by the agents of App Service, Azure ML and Cloud Shell (cases 68 and 72). */
#include "support/machine_world.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define APP_URL "http://localhost:42356/msi/token"

static void use_agent(assay_agent agent, const char *url, const char *secret)
{
    the_world.settings.agent = agent;
    if (url != NULL)
        machine_world_set(&the_world.settings.agent_url, url);
    if (secret != NULL)
        assert_true(assay_secret_set(&the_world.settings.agent_secret, secret, strlen(secret)));
    assert_int_equal(assay_credential_settings_check(&the_world.settings, NULL), ASSAY_OK);
}

static void test_case_68_app_service_is_asked_as_documented(void **state)
{
    (void)state;
    use_agent(ASSAY_AGENT_APP_SERVICE, APP_URL, "header-value");
    machine_expect_token(MACHINE_RUN({.body = MACHINE_WORLD_TOKEN}));
    assert_string_equal(the_world.sent[0].url,
                        APP_URL "?api-version=2019-08-01&resource=https%3A%2F%2Fvault.azure.net");
    assert_string_equal(the_world.sent[0].fields, "X-IDENTITY-HEADER: header-value\n");
    assert_true(the_world.sent[0].direct);
    machine_name_identity(ASSAY_IDENTITY_CLIENT_ID, MACHINE_WORLD_CLIENT);
    machine_expect_token(MACHINE_RUN({.body = MACHINE_WORLD_TOKEN}));
    assert_non_null(strstr(the_world.sent[0].url, "&client_id=" MACHINE_WORLD_CLIENT));
    machine_name_identity(ASSAY_IDENTITY_OBJECT_ID, MACHINE_WORLD_CLIENT);
    machine_expect_token(MACHINE_RUN({.body = MACHINE_WORLD_TOKEN}));
    assert_non_null(strstr(the_world.sent[0].url, "&principal_id=" MACHINE_WORLD_CLIENT));
    machine_name_identity(ASSAY_IDENTITY_RESOURCE_ID, "/subscriptions/a");
    machine_expect_token(MACHINE_RUN({.body = MACHINE_WORLD_TOKEN}));
    assert_non_null(strstr(the_world.sent[0].url, "&mi_res_id=%2Fsubscriptions%2Fa"));
}

static void test_case_68_the_older_form_knows_client_ids_only(void **state)
{
    (void)state;
    static const assay_agent agents[] = {ASSAY_AGENT_APP_SERVICE_2017, ASSAY_AGENT_AZURE_ML};
    for (size_t i = 0; i < ASSAY_COUNT_OF(agents); i++) {
        use_agent(agents[i], "http://127.0.0.1:41/MSI/token/", "s3");
        machine_name_identity(ASSAY_IDENTITY_CLIENT_ID, MACHINE_WORLD_CLIENT);
        machine_expect_token(MACHINE_RUN({.body = MACHINE_WORLD_TOKEN}));
        assert_string_equal(the_world.sent[0].url, "http://127.0.0.1:41/MSI/token/?api-version=2017-09-01&resource="
                                                   "https%3A%2F%2Fvault.azure.net&clientid=" MACHINE_WORLD_CLIENT);
        assert_string_equal(the_world.sent[0].fields, "secret: s3\n");
        machine_name_identity(ASSAY_IDENTITY_OBJECT_ID, MACHINE_WORLD_CLIENT);
        machine_expect(machine_run(NULL, 0), ASSAY_E_IDENTITY, 0);
        machine_name_identity(ASSAY_IDENTITY_RESOURCE_ID, "/subscriptions/a");
        machine_expect(machine_run(NULL, 0), ASSAY_E_IDENTITY, 0);
    }
}

static void app_service_is_tried_three_times_more(void **state)
{
    (void)state;
    use_agent(ASSAY_AGENT_APP_SERVICE, APP_URL, "h");
    const machine_reply down = {.status = 500, .body = "{\"statusCode\":500,\"message\":\"oops\"}"};
    const machine_reply again[] = {down, {.status = 408}, {.missed = ASSAY_E_CONNECT}, {.body = MACHINE_WORLD_TOKEN}};
    machine_expect_token(machine_run(again, 4));
    assert_int_equal(the_world.waited_ms, 7000);
    const machine_reply lasting[] = {down, down, down, down};
    machine_expect(machine_run(lasting, 4), ASSAY_E_GRANT_UNAVAILABLE, 46);
    const machine_reply busy = {.status = 429, .retry_after = 5};
    const machine_reply burst[] = {busy, busy, busy, busy};
    machine_expect(machine_run(burst, 4), ASSAY_E_THROTTLED, 0);
    assert_int_equal(the_world.waited_ms, 15000);
    const machine_reply silent[] = {{.missed = ASSAY_E_CONNECT},
                                    {.missed = ASSAY_E_CONNECT},
                                    {.missed = ASSAY_E_CONNECT},
                                    {.missed = ASSAY_E_CONNECT}};
    machine_expect(machine_run(silent, 4), ASSAY_E_CONNECT, 0);
}

static void what_app_service_refuses_is_told(void **state)
{
    (void)state;
    use_agent(ASSAY_AGENT_APP_SERVICE, APP_URL, "h");
    machine_expect(MACHINE_RUN({.status = 400,
                                .body = "{\"statusCode\":400,\"message\":\"No User Assigned or Delegated Managed "
                                        "Identity found\"}"}),
                   ASSAY_E_IDENTITY, 46);
    machine_expect(MACHINE_RUN({.status = 400}), ASSAY_E_IDENTITY, 46);
    machine_expect(
        MACHINE_RUN({.status = 400, .body = "{\"statusCode\":400,\"message\":\"AADSTS500011: no such resource\"}"}),
        ASSAY_E_GRANT, 23);
    machine_expect(MACHINE_RUN({.status = 400, .body = "{\"statusCode\":400,\"message\":\"AADSTS9: what is this\"}"}),
                   ASSAY_E_GRANT, 0);
    machine_expect(MACHINE_RUN({.status = 403, .body = "{\"statusCode\":403,\"message\":\"no\"}"}), ASSAY_E_GRANT, 0);
    machine_expect(MACHINE_RUN({.status = 404, .body = "{\"statusCode\":404,\"message\":\"no\"}"}),
                   ASSAY_E_GRANT_UNAVAILABLE, 0);
    machine_expect(MACHINE_RUN({.status = 302}), ASSAY_E_SOURCE_ANSWER, 0);
}

static void cloud_shell_is_sent_a_form(void **state)
{
    (void)state;
    use_agent(ASSAY_AGENT_CLOUD_SHELL, "http://localhost:50342/oauth2/token", NULL);
    machine_expect_token(MACHINE_RUN({.body = MACHINE_WORLD_TOKEN}));
    const machine_sent *sent = &the_world.sent[0];
    assert_string_equal(sent->method, "POST");
    assert_string_equal(sent->url, "http://localhost:50342/oauth2/token");
    assert_string_equal(sent->body, "resource=https%3A%2F%2Fvault.azure.net");
    assert_string_equal(sent->content_type, "application/x-www-form-urlencoded");
    assert_string_equal(sent->fields, "Metadata: true\n");
    assert_true(sent->direct);
    machine_expect(MACHINE_RUN({.status = 403, .body = "{}"}), ASSAY_E_GRANT, 0);
    machine_expect(MACHINE_RUN({.status = 400, .body = "{\"error\":{\"code\":\"x\"}}"}), ASSAY_E_GRANT, 0);
    machine_expect(MACHINE_RUN({.status = 307}), ASSAY_E_SOURCE_ANSWER, 0);
    assay_release(ASSAY_STEAL(the_world.settings.agent_url)); /* as the check would have refused */
    machine_expect(machine_run(NULL, 0), ASSAY_E_CONFIG_CREDENTIAL, 0);
}

static void test_case_72_cloud_shell_has_no_user_assigned_identities(void **state)
{
    (void)state;
    static const assay_identity all[] = {ASSAY_IDENTITY_CLIENT_ID, ASSAY_IDENTITY_OBJECT_ID,
                                         ASSAY_IDENTITY_RESOURCE_ID};
    use_agent(ASSAY_AGENT_CLOUD_SHELL, "http://localhost:50342/oauth2/token", NULL);
    for (size_t i = 0; i < ASSAY_COUNT_OF(all); i++) {
        machine_name_identity(all[i], "/subscriptions/a");
        machine_expect(machine_run(NULL, 0), ASSAY_E_IDENTITY, 0);
    }
}

static void other_agents_are_not_probed(void **state)
{
    (void)state;
    the_world.settings.probe = true;
    use_agent(ASSAY_AGENT_APP_SERVICE, "http://localhost:4141/msi/token", "h");
    machine_expect_token(MACHINE_RUN({.body = MACHINE_WORLD_TOKEN}));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, machine_world_setup_managed, machine_world_teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_case_68_app_service_is_asked_as_documented),
        CASE(test_case_68_the_older_form_knows_client_ids_only),
        CASE(app_service_is_tried_three_times_more),
        CASE(what_app_service_refuses_is_told),
        CASE(cloud_shell_is_sent_a_form),
        CASE(test_case_72_cloud_shell_has_no_user_assigned_identities),
        CASE(other_agents_are_not_probed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
