/* SPDX-License-Identifier: MIT */
/* Managed identities by IMDS, App Service and the like: what is asked, what is taken, what is tried again, and what is refused. */
#include "support/machine_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define SCOPE "https://vault.azure.net/.default"
#define IMDS "http://169.254.169.254/metadata/identity/oauth2/token"
#define CLIENT "11111111-2222-3333-4444-555555555555"
#define TOKEN                                                                                                          \
    "{\"access_token\":\"sesame-token\",\"client_id\":\"" CLIENT "\",\"expires_in\":\"86399\",\"expires_on\":"         \
    "\"1700086399\",\"resource\":\"https://vault.azure.net\",\"token_type\":\"Bearer\"}"
#define MISSING_HEADER                                                                                                 \
    "{\"error\":\"invalid_request\",\"error_description\":\"Required metadata header not specified\"}"
#define NOT_FOUND "{\"error\":\"invalid_request\",\"error_description\":\"Identity not found\"}"
#define BUSY "{\"error\":\"busy\",\"error_description\":\"try later\"}"
#define HTML "<!DOCTYPE html><html><body>proxy</body></html>"

static machine_world world;

static int open_world(void **state)
{
    (void)state;
    machine_world_open(&world, ASSAY_CREDENTIAL_MANAGED);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    machine_world_close(&world);
    return 0;
}

#define RUN(...)                                                                                                       \
    run((const machine_reply[]){__VA_ARGS__}, sizeof((machine_reply[]){__VA_ARGS__}) / sizeof(machine_reply))

static int run(const machine_reply *replies, size_t count)
{
    return machine_world_run(&world, SCOPE, replies, count);
}

static void expect(int code, int expected, int row)
{
    machine_world_expect(&world, code, expected, row);
}

static void expect_token(int code)
{
    if (code != ASSAY_OK)
        fail_msg("%s: %s", assay_code_name(code), world.machine->failure.note);
    assert_true(assay_secret_equal(&world.machine->answer.token, "sesame-token", 12));
    assert_null(world.machine->failure.detail);
}

static void name_identity(assay_identity identity, const char *value)
{
    assert_int_equal(assay_settings_set_identity(&world.settings, identity, value, NULL), ASSAY_OK);
}

static void use_agent(assay_agent agent, const char *url, const char *secret)
{
    world.settings.agent = agent;
    if (url != NULL)
        machine_world_set(&world.settings.agent_url, url);
    if (secret != NULL)
        assert_true(assay_secret_set(&world.settings.agent_secret, secret, strlen(secret)));
    assert_int_equal(assay_credential_settings_check(&world.settings, NULL), ASSAY_OK);
}

/* IMDS */

static void imds_is_asked_as_documented(void **state)
{
    (void)state;
    expect_token(RUN({.body = TOKEN}));
    const machine_sent *sent = &world.sent[0];
    assert_string_equal(sent->method, "GET");
    assert_string_equal(sent->url, IMDS "?api-version=2018-02-01&resource=https%3A%2F%2Fvault.azure.net");
    assert_string_equal(sent->fields, "Metadata: true\n");
    assert_string_equal(sent->authorization, "");
    assert_string_equal(sent->body, "");
    assert_true(sent->link_local_http);
    assert_int_equal(sent->attempt_ms, 30000);
    assert_int_equal(world.machine->answer.expires_at, 1700086399);
    assert_string_equal(world.machine->source, "managed-identity (IMDS)");
}

static void test_case_65_imds_is_never_asked_through_a_proxy(void **state)
{
    (void)state;
    world.settings.probe = true;
    expect_token(RUN({.status = 400, .body = MISSING_HEADER}, {.status = 500}, {.body = TOKEN}));
    for (size_t i = 0; i < world.sent_count; i++)
        assert_true(world.sent[i].direct);
}

static void the_double_slash_of_a_resource_stays(void **state)
{
    (void)state;
    const machine_reply good = {.body = TOKEN};
    expect_token(machine_world_run(&world, "https://database.windows.net//.default", &good, 1));
    assert_non_null(strstr(world.sent[0].url, "resource=https%3A%2F%2Fdatabase.windows.net%2F"));
    assert_int_equal(strlen(strstr(world.sent[0].url, "net%2F")), 6);
    expect_token(machine_world_run(&world, "api://AzureADTokenExchange", &good, 1));
    assert_non_null(strstr(world.sent[0].url, "resource=api%3A%2F%2FAzureADTokenExchange"));
}

static void imds_takes_three_names_of_an_identity(void **state)
{
    (void)state;
    static const struct {
        assay_identity identity;
        const char *value, *parameter;
    } all[] = {{ASSAY_IDENTITY_CLIENT_ID, CLIENT, "&client_id=" CLIENT},
               {ASSAY_IDENTITY_OBJECT_ID, CLIENT, "&object_id=" CLIENT},
               {ASSAY_IDENTITY_RESOURCE_ID, "/subscriptions/s/x y", "&msi_res_id=%2Fsubscriptions%2Fs%2Fx%20y"}};
    for (size_t i = 0; i < ASSAY_COUNT_OF(all); i++) {
        name_identity(all[i].identity, all[i].value);
        expect_token(RUN({.body = TOKEN}));
        const char *found = strstr(world.sent[0].url, all[i].parameter);
        assert_non_null(found);
        assert_string_equal(found, all[i].parameter);
    }
}

static void another_host_may_stand_in_for_imds(void **state)
{
    (void)state;
    machine_world_set(&world.settings.agent_url, "http://127.0.0.1:8000/token?x=y");
    expect_token(RUN({.body = TOKEN}));
    assert_string_equal(world.sent[0].url, "http://127.0.0.1:8000/token?x=y&api-version=2018-02-01&resource="
                                           "https%3A%2F%2Fvault.azure.net");
    assert_true(world.sent[0].loopback_http);
}

static void test_case_60_a_probe_without_the_header_finds_imds(void **state)
{
    (void)state;
    world.settings.probe = true;
    expect_token(RUN({.status = 400, .body = MISSING_HEADER}, {.body = TOKEN}));
    assert_string_equal(world.sent[0].fields, "");
    assert_string_equal(world.sent[0].url, world.sent[1].url);
    assert_int_equal(world.sent[0].attempt_ms, 1000);
    assert_string_equal(world.sent[1].fields, "Metadata: true\n");
    assert_int_equal(world.sent[1].attempt_ms, 30000);
    expect_token(RUN({.body = TOKEN})); /* it was there: no probe is made again */
}

static void test_case_61_what_does_not_answer_as_imds_is_absent(void **state)
{
    (void)state;
    static const machine_reply others[] = {
        {.status = 403, .content_type = "text/plain", .body = "connecting to 169.254.169.254:80: unreachable"},
        {.status = 403, .body = "{}"},
        {.status = 404, .body = "{}"},
        {.status = 400, .body = HTML, .content_type = "text/html"},
        {.status = 400, .body = "not json"},
        {.status = 400, .body = "[]"},
        {.status = 400},
        {.status = 400, .body = MISSING_HEADER, .encoded = true},
        {.status = 200, .body = TOKEN},
        {.status = 302, .body = MISSING_HEADER},
        {.status = 502, .body = HTML, .content_type = "text/html"},
        {.status = 500, .body = "{}"}};
    world.settings.probe = true;
    for (size_t i = 0; i < ASSAY_COUNT_OF(others); i++)
        expect(run(&others[i], 1), ASSAY_E_SOURCE_ABSENT, 43);
    assert_int_equal(world.waited_ms, 0);
}

static void who_does_not_answer_a_probe_is_absent_at_once(void **state)
{
    (void)state;
    static const int codes[] = {ASSAY_E_TIMEOUT, ASSAY_E_CONNECT, ASSAY_E_NETWORK, ASSAY_E_RESPONSE_SIZE};
    world.settings.probe = true;
    for (size_t i = 0; i < ASSAY_COUNT_OF(codes); i++) {
        expect(RUN({.missed = codes[i], .took_ms = 1000}), ASSAY_E_SOURCE_ABSENT, 44);
        assert_int_equal(world.waited_ms, 0);
    }
}

/* Whoever lacks memory, or time, knows nothing of the platform: the chain must not go on. */
static void a_probe_that_was_not_made_finds_nothing_out(void **state)
{
    (void)state;
    static const int codes[] = {ASSAY_E_MEMORY, ASSAY_E_CANCELLED, ASSAY_E_SYSTEM};
    world.settings.probe = true;
    for (size_t i = 0; i < ASSAY_COUNT_OF(codes); i++)
        expect(RUN({.missed = codes[i]}), codes[i], 0);
}

static void test_case_73_absence_is_not_kept(void **state)
{
    (void)state;
    world.settings.probe = true;
    expect(RUN({.missed = ASSAY_E_CONNECT}), ASSAY_E_SOURCE_ABSENT, 44);
    world.now.steady += 300000;
    expect_token(RUN({.status = 400, .body = MISSING_HEADER}, {.body = TOKEN}));
}

static void other_agents_are_not_probed(void **state)
{
    (void)state;
    world.settings.probe = true;
    use_agent(ASSAY_AGENT_APP_SERVICE, "http://localhost:4141/msi/token", "h");
    expect_token(RUN({.body = TOKEN}));
}

static void test_case_62_an_upgrade_of_65_seconds_is_waited_for(void **state)
{
    (void)state;
    expect_token(RUN({.status = 410, .body = BUSY}, {.status = 410, .body = BUSY, .took_ms = 30000},
                     {.status = 410, .body = BUSY, .took_ms = 30000}, {.body = TOKEN}));
    assert_true(world.sent[3].at >= 65000);
}

static void test_case_63_a_burst_is_tried_again(void **state)
{
    (void)state;
    expect_token(RUN({.status = 429, .body = BUSY}, {.body = TOKEN}));
    assert_true(world.waited_ms >= 1600 && world.waited_ms <= 2400);
    expect_token(RUN({.status = 429, .body = BUSY, .retry_after = 7}, {.body = TOKEN}));
    assert_true(world.waited_ms >= 7000);
}

static void what_passes_is_tried_again(void **state)
{
    (void)state;
    static const machine_reply passing[] = {{.status = 404, .body = BUSY},
                                            {.status = 500, .body = BUSY},
                                            {.status = 503},
                                            {.status = 502, .body = HTML},
                                            {.status = 504},
                                            {.missed = ASSAY_E_TIMEOUT},
                                            {.missed = ASSAY_E_CONNECT}};
    for (size_t i = 0; i < ASSAY_COUNT_OF(passing); i++) {
        const machine_reply both[] = {passing[i], {.body = TOKEN}};
        expect_token(run(both, 2));
        assert_true(world.waited_ms > 0);
    }
}

/* A failure is known while it is waited for, so that who has no time left can tell it. */
static void what_lasts_ends_with_its_row(void **state)
{
    (void)state;
    static const struct {
        machine_reply reply;
        int code, row;
    } all[] = {{{.status = 404, .body = BUSY}, ASSAY_E_GRANT_UNAVAILABLE, 45},
               {{.status = 429, .body = BUSY}, ASSAY_E_THROTTLED, 45},
               {{.status = 502, .body = HTML, .content_type = "text/html"}, ASSAY_E_SOURCE_ANSWER, 43},
               {{.status = 504}, ASSAY_E_SOURCE_ANSWER, 43}};
    for (size_t i = 0; i < ASSAY_COUNT_OF(all); i++) {
        machine_reply many[6];
        for (size_t k = 0; k < ASSAY_COUNT_OF(many); k++)
            many[k] = all[i].reply;
        expect(run(many, ASSAY_COUNT_OF(many)), all[i].code, all[i].row);
    }
    const machine_reply silent[] = {
        {.missed = ASSAY_E_TIMEOUT}, {.missed = ASSAY_E_TIMEOUT}, {.missed = ASSAY_E_TIMEOUT}};
    expect(run(silent, 3), ASSAY_E_TIMEOUT, 44);
    assert_string_equal(world.machine->failure.note, "no answer");
}

static void test_case_64_an_unknown_identity_is_not_asked_for_twice(void **state)
{
    (void)state;
    expect(RUN({.status = 400, .body = NOT_FOUND}), ASSAY_E_IDENTITY, 40);
    expect(RUN({.status = 400,
                .body = "{\"error\":\"invalid_request\",\"error_description\":\"Multiple user assigned "
                        "identities exist, please specify the clientId / resourceId\"}"}),
           ASSAY_E_IDENTITY, 41);
    expect(RUN({.status = 400,
                .body = "{\"error\":\"bad_request_102\",\"error_description\":\"Required metadata "
                        "header not specified\"}"}),
           ASSAY_E_SOURCE_ANSWER, 42);
    assert_int_equal(world.waited_ms, 0);
}

static void who_is_not_imds_is_refused_at_once(void **state)
{
    (void)state;
    static const machine_reply others[] = {{.status = 403, .body = "unreachable", .content_type = "text/plain"},
                                           {.status = 403, .body = "{}"},
                                           {.status = 404, .body = HTML, .content_type = "text/html"},
                                           {.status = 400, .body = "\n " HTML},
                                           {.status = 200, .body = HTML, .content_type = "text/html"}};
    for (size_t i = 0; i < ASSAY_COUNT_OF(others); i++)
        expect(run(&others[i], 1), ASSAY_E_SOURCE_ANSWER, 43);
}

static void other_refusals_are_the_servers(void **state)
{
    (void)state;
    expect(RUN({.status = 400,
                .body = "{\"error\":\"invalid_resource\",\"error_description\":\"AADSTS500011: The resource principal "
                        "named x was not found\"}"}),
           ASSAY_E_GRANT, 23);
    expect(RUN({.status = 401, .body = "{\"error\":\"unauthorized_client\"}"}), ASSAY_E_GRANT, 0);
}

static void test_case_74_a_redirect_of_imds_is_refused(void **state)
{
    (void)state;
    static const int statuses[] = {301, 302, 303, 307, 308};
    for (size_t i = 0; i < ASSAY_COUNT_OF(statuses); i++) {
        const machine_reply redirect = {.status = statuses[i], .body = TOKEN};
        expect(run(&redirect, 1), ASSAY_E_SOURCE_ANSWER, 0);
    }
    expect(RUN({.missed = ASSAY_E_REDIRECT}), ASSAY_E_SOURCE_ANSWER, 0);
}

static void test_case_66_the_time_of_expiry_in_five_forms(void **state)
{
    (void)state;
    static const char *const forms[] = {
        "\"expires_on\":1700003600", "\"expires_on\":\"1700003600\"", "\"expires_on\":\"11/14/2023 23:13:20 +00:00\"",
        "\"expires_on\":\"11/14/2023 11:13:20 PM +00:00\"", "\"expires_on\":\"2023-11-14T23:13:20Z\""};
    char body[256];
    for (size_t i = 0; i < ASSAY_COUNT_OF(forms); i++) {
        (void)snprintf(body, sizeof body, "{\"access_token\":\"sesame-token\",\"token_type\":\"Bearer\",%s}", forms[i]);
        const machine_reply reply = {.body = body};
        expect_token(run(&reply, 1));
        assert_int_equal(world.machine->answer.expires_at, 1700003600);
    }
    assert_int_equal(RUN({.body = "{\"access_token\":\"sesame-token\",\"token_type\":\"Bearer\"}"}),
                     ASSAY_E_TOKEN_RESPONSE);
}

static void what_is_no_token_is_refused(void **state)
{
    (void)state;
    static const char *const bodies[] = {"",       "{}",
                                         "[]",     "{\"access_token\":7,\"expires_in\":1}",
                                         "sesame", "{\"access_token\":\"\",\"expires_in\":\"60\"}"};
    for (size_t i = 0; i < ASSAY_COUNT_OF(bodies); i++) {
        const machine_reply reply = {.body = bodies[i]};
        assert_int_equal(run(&reply, 1), ASSAY_E_TOKEN_RESPONSE);
    }
}

static void failures_that_are_no_networks_end_it(void **state)
{
    (void)state;
    static const int codes[] = {ASSAY_E_MEMORY, ASSAY_E_CANCELLED, ASSAY_E_RESPONSE_SIZE, ASSAY_E_SYSTEM};
    for (size_t i = 0; i < ASSAY_COUNT_OF(codes); i++)
        expect(RUN({.missed = codes[i]}), codes[i], 0);
}

static void what_a_managed_identity_can_t_do_is_refused_before_anything_is_sent(void **state)
{
    (void)state;
    assay_token_request *wanted = NULL;
    assay_machine *machine = NULL;
    assert_int_equal(assay_token_request_make(SCOPE, &wanted, NULL), ASSAY_OK);
    assert_int_equal(assay_machine_new(&world.settings, wanted, &world.context, &machine), ASSAY_OK);
    wanted->has_user = true;
    assert_int_equal(assay_machine_next(machine, &world.now), ASSAY_MACHINE_DONE);
    assert_int_equal(machine->code, ASSAY_E_CONFIG_CREDENTIAL);
    assay_machine_free(machine);
    wanted->has_user = false;
    machine_world_set(&wanted->tenant, "contoso.example");
    assert_int_equal(assay_machine_new(&world.settings, wanted, &world.context, &machine), ASSAY_OK);
    assert_int_equal(assay_machine_next(machine, &world.now), ASSAY_MACHINE_DONE);
    assert_int_equal(machine->code, ASSAY_E_CONFIG_TENANT);
    assay_machine_free(machine);
    assay_token_request_drop(wanted);
    world.settings.agent = ASSAY_AGENT_SERVICE_FABRIC;
    expect(run(NULL, 0), ASSAY_E_CONFIG_CREDENTIAL, 0);
}

/* App Service, Azure ML, Cloud Shell */

#define APP_URL "http://localhost:42356/msi/token"

static void test_case_68_app_service_is_asked_as_documented(void **state)
{
    (void)state;
    use_agent(ASSAY_AGENT_APP_SERVICE, APP_URL, "header-value");
    expect_token(RUN({.body = TOKEN}));
    assert_string_equal(world.sent[0].url, APP_URL "?api-version=2019-08-01&resource=https%3A%2F%2Fvault.azure.net");
    assert_string_equal(world.sent[0].fields, "X-IDENTITY-HEADER: header-value\n");
    assert_true(world.sent[0].direct);
    name_identity(ASSAY_IDENTITY_CLIENT_ID, CLIENT);
    expect_token(RUN({.body = TOKEN}));
    assert_non_null(strstr(world.sent[0].url, "&client_id=" CLIENT));
    name_identity(ASSAY_IDENTITY_OBJECT_ID, CLIENT);
    expect_token(RUN({.body = TOKEN}));
    assert_non_null(strstr(world.sent[0].url, "&principal_id=" CLIENT));
    name_identity(ASSAY_IDENTITY_RESOURCE_ID, "/subscriptions/a");
    expect_token(RUN({.body = TOKEN}));
    assert_non_null(strstr(world.sent[0].url, "&mi_res_id=%2Fsubscriptions%2Fa"));
}

static void test_case_68_the_older_form_knows_client_ids_only(void **state)
{
    (void)state;
    static const assay_agent agents[] = {ASSAY_AGENT_APP_SERVICE_2017, ASSAY_AGENT_AZURE_ML};
    for (size_t i = 0; i < ASSAY_COUNT_OF(agents); i++) {
        use_agent(agents[i], "http://127.0.0.1:41/MSI/token/", "s3");
        name_identity(ASSAY_IDENTITY_CLIENT_ID, CLIENT);
        expect_token(RUN({.body = TOKEN}));
        assert_string_equal(world.sent[0].url, "http://127.0.0.1:41/MSI/token/?api-version=2017-09-01&resource="
                                               "https%3A%2F%2Fvault.azure.net&clientid=" CLIENT);
        assert_string_equal(world.sent[0].fields, "secret: s3\n");
        name_identity(ASSAY_IDENTITY_OBJECT_ID, CLIENT);
        expect(run(NULL, 0), ASSAY_E_IDENTITY, 0);
        name_identity(ASSAY_IDENTITY_RESOURCE_ID, "/subscriptions/a");
        expect(run(NULL, 0), ASSAY_E_IDENTITY, 0);
    }
}

static void app_service_is_tried_three_times_more(void **state)
{
    (void)state;
    use_agent(ASSAY_AGENT_APP_SERVICE, APP_URL, "h");
    const machine_reply down = {.status = 500, .body = "{\"statusCode\":500,\"message\":\"oops\"}"};
    const machine_reply again[] = {down, {.status = 408}, {.missed = ASSAY_E_CONNECT}, {.body = TOKEN}};
    expect_token(run(again, 4));
    assert_int_equal(world.waited_ms, 7000);
    const machine_reply lasting[] = {down, down, down, down};
    expect(run(lasting, 4), ASSAY_E_GRANT_UNAVAILABLE, 46);
    const machine_reply busy = {.status = 429, .retry_after = 5};
    const machine_reply burst[] = {busy, busy, busy, busy};
    expect(run(burst, 4), ASSAY_E_THROTTLED, 0);
    assert_int_equal(world.waited_ms, 15000);
    const machine_reply silent[] = {{.missed = ASSAY_E_CONNECT},
                                    {.missed = ASSAY_E_CONNECT},
                                    {.missed = ASSAY_E_CONNECT},
                                    {.missed = ASSAY_E_CONNECT}};
    expect(run(silent, 4), ASSAY_E_CONNECT, 0);
}

static void what_app_service_refuses_is_told(void **state)
{
    (void)state;
    use_agent(ASSAY_AGENT_APP_SERVICE, APP_URL, "h");
    expect(RUN({.status = 400,
                .body = "{\"statusCode\":400,\"message\":\"No User Assigned or Delegated Managed "
                        "Identity found\"}"}),
           ASSAY_E_IDENTITY, 46);
    expect(RUN({.status = 400}), ASSAY_E_IDENTITY, 46);
    expect(RUN({.status = 400, .body = "{\"statusCode\":400,\"message\":\"AADSTS500011: no such resource\"}"}),
           ASSAY_E_GRANT, 23);
    expect(RUN({.status = 400, .body = "{\"statusCode\":400,\"message\":\"AADSTS9: what is this\"}"}), ASSAY_E_GRANT,
           0);
    expect(RUN({.status = 403, .body = "{\"statusCode\":403,\"message\":\"no\"}"}), ASSAY_E_GRANT, 0);
    expect(RUN({.status = 404, .body = "{\"statusCode\":404,\"message\":\"no\"}"}), ASSAY_E_GRANT_UNAVAILABLE, 0);
    expect(RUN({.status = 302}), ASSAY_E_SOURCE_ANSWER, 0);
}

static void cloud_shell_is_sent_a_form(void **state)
{
    (void)state;
    use_agent(ASSAY_AGENT_CLOUD_SHELL, "http://localhost:50342/oauth2/token", NULL);
    expect_token(RUN({.body = TOKEN}));
    const machine_sent *sent = &world.sent[0];
    assert_string_equal(sent->method, "POST");
    assert_string_equal(sent->url, "http://localhost:50342/oauth2/token");
    assert_string_equal(sent->body, "resource=https%3A%2F%2Fvault.azure.net");
    assert_string_equal(sent->content_type, "application/x-www-form-urlencoded");
    assert_string_equal(sent->fields, "Metadata: true\n");
    assert_true(sent->direct);
    expect(RUN({.status = 403, .body = "{}"}), ASSAY_E_GRANT, 0);
    expect(RUN({.status = 400, .body = "{\"error\":{\"code\":\"x\"}}"}), ASSAY_E_GRANT, 0);
    expect(RUN({.status = 307}), ASSAY_E_SOURCE_ANSWER, 0);
    assay_release(ASSAY_STEAL(world.settings.agent_url)); /* as the check would have refused */
    expect(run(NULL, 0), ASSAY_E_CONFIG_CREDENTIAL, 0);
}

static void test_case_72_cloud_shell_has_no_user_assigned_identities(void **state)
{
    (void)state;
    static const assay_identity all[] = {ASSAY_IDENTITY_CLIENT_ID, ASSAY_IDENTITY_OBJECT_ID,
                                         ASSAY_IDENTITY_RESOURCE_ID};
    use_agent(ASSAY_AGENT_CLOUD_SHELL, "http://localhost:50342/oauth2/token", NULL);
    for (size_t i = 0; i < ASSAY_COUNT_OF(all); i++) {
        name_identity(all[i], "/subscriptions/a");
        expect(run(NULL, 0), ASSAY_E_IDENTITY, 0);
    }
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)
    const struct CMUnitTest tests[] = {
        CASE(imds_is_asked_as_documented),
        CASE(test_case_65_imds_is_never_asked_through_a_proxy),
        CASE(the_double_slash_of_a_resource_stays),
        CASE(imds_takes_three_names_of_an_identity),
        CASE(another_host_may_stand_in_for_imds),
        CASE(test_case_60_a_probe_without_the_header_finds_imds),
        CASE(test_case_61_what_does_not_answer_as_imds_is_absent),
        CASE(who_does_not_answer_a_probe_is_absent_at_once),
        CASE(a_probe_that_was_not_made_finds_nothing_out),
        CASE(test_case_73_absence_is_not_kept),
        CASE(other_agents_are_not_probed),
        CASE(test_case_62_an_upgrade_of_65_seconds_is_waited_for),
        CASE(test_case_63_a_burst_is_tried_again),
        CASE(what_passes_is_tried_again),
        CASE(what_lasts_ends_with_its_row),
        CASE(test_case_64_an_unknown_identity_is_not_asked_for_twice),
        CASE(who_is_not_imds_is_refused_at_once),
        CASE(other_refusals_are_the_servers),
        CASE(test_case_74_a_redirect_of_imds_is_refused),
        CASE(test_case_66_the_time_of_expiry_in_five_forms),
        CASE(what_is_no_token_is_refused),
        CASE(failures_that_are_no_networks_end_it),
        CASE(what_a_managed_identity_can_t_do_is_refused_before_anything_is_sent),
        CASE(test_case_68_app_service_is_asked_as_documented),
        CASE(test_case_68_the_older_form_knows_client_ids_only),
        CASE(app_service_is_tried_three_times_more),
        CASE(what_app_service_refuses_is_told),
        CASE(cloud_shell_is_sent_a_form),
        CASE(test_case_72_cloud_shell_has_no_user_assigned_identities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
