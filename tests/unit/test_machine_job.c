/* SPDX-License-Identifier: MIT */
/* ID tokens of CI jobs: GitHub Actions and Azure Pipelines (exchange.md 2.8, cases 87 and 88). */
#include "support/machine_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* {"alg":"RS256"}.{"iss":"https://issuer","exp":1700000300}.sesame */
#define JWT "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL2lzc3VlciIsImV4cCI6MTcwMDAwMDMwMH0.sesame"
#define VALUE "{\"count\":1,\"value\":\"" JWT "\"}"
#define OIDC "{\"oidcToken\":\"" JWT "\"}"
#define PIPELINES_URL "https://vstoken.example/org/p/_apis/distributedtask/hubs/build/plans/1/jobs/2/oidctoken"

static void configure(assay_credential_kind kind, const char *url)
{
    machine_world_open(&the_world, kind);
    machine_world_set(&the_world.settings.tenant, "contoso.example");
    machine_world_set(&the_world.settings.client_id, "11111111-2222-3333-4444-555555555555");
    machine_world_set(&the_world.settings.request_url, url);
    assert_true(assay_secret_set(&the_world.settings.request_token, "sesame-job", 10));
}

static int open_github(void **state)
{
    (void)state;
    configure(ASSAY_CREDENTIAL_GITHUB, "https://token.example/idtoken?api-version=2.0");
    return 0;
}

static int open_pipelines(void **state)
{
    (void)state;
    configure(ASSAY_CREDENTIAL_PIPELINES, PIPELINES_URL);
    machine_world_set(&the_world.settings.service_connection, "aaaa bbbb");
    return 0;
}

static int run(const machine_reply *replies, size_t count)
{
    return machine_world_run_kind(&the_world, &assay_machine_job, "unused", replies, count);
}
#define RUN(...) run(MACHINE_REPLIES(__VA_ARGS__))

static void expect_token(int code)
{
    if (code != ASSAY_OK)
        fail_msg("%s: %s", assay_code_name(code), the_world.machine->failure.note);
    assert_true(assay_secret_equal(&the_world.machine->answer.token, JWT, strlen(JWT)));
    assert_int_equal(the_world.machine->answer.expires_at, 1700000300);
}

static void test_case_87_a_url_with_a_query_gets_a_parameter_more(void **state)
{
    (void)state;
    expect_token(RUN({.body = VALUE}));
    const machine_sent *sent = &the_world.sent[0];
    assert_string_equal(sent->method, "GET");
    assert_string_equal(sent->url,
                        "https://token.example/idtoken?api-version=2.0&audience=api%3A%2F%2FAzureADTokenExchange");
    assert_string_equal(sent->authorization, "Bearer sesame-job");
    assert_string_equal(sent->accept, "application/json; api-version=2.0");
    assert_string_equal(sent->fields, "");
    assert_false(sent->direct);
    assert_false(sent->loopback_http);
    assert_string_equal(the_world.machine->source, "github-actions");
    assert_null(the_world.machine->request.authorization);
}

static void test_case_87_a_url_without_a_query_gets_one(void **state)
{
    (void)state;
    machine_world_set(&the_world.settings.request_url, "https://token.example/idtoken");
    assert_int_equal(assay_settings_add_text(&the_world.settings.audiences, "a b&c=d/\xc3\xa9", "an audience", NULL),
                     ASSAY_OK);
    expect_token(RUN({.body = VALUE}));
    assert_string_equal(the_world.sent[0].url, "https://token.example/idtoken?audience=a%20b%26c%3Dd%2F%C3%A9");
}

static void the_audience_is_that_of_the_cloud(void **state)
{
    (void)state;
    machine_world_set(&the_world.settings.authority, "https://login.microsoftonline.us");
    expect_token(RUN({.body = VALUE}));
    assert_non_null(strstr(the_world.sent[0].url, "audience=api%3A%2F%2FAzureADTokenExchangeUSGov"));
}

static void test_case_87_an_answer_without_a_value_is_row_65(void **state)
{
    (void)state;
    static const char *const bodies[] = {"{}", "{\"value\":null}",           "{\"value\":7}", "{\"value\":\"\"}",
                                         "[]", "{\"oidcToken\":\"" JWT "\"}"};
    for (size_t i = 0; i < ASSAY_COUNT_OF(bodies); i++) {
        const machine_reply reply = {.body = bodies[i]};
        machine_expect(run(&reply, 1), ASSAY_E_JOB_TOKEN, 65);
    }
}

static void what_is_no_jwt_is_refused(void **state)
{
    (void)state;
    static const char *const bodies[] = {"",
                                         "<html>",
                                         "{\"value\":\"sesame\"}",
                                         "{\"value\":\"sesame.sesame\"}",
                                         "{\"value\":\"sesame.sesame.sesame\"}",
                                         "{\"value\":\"eyJ.e\"}",
                                         "{\"value\":\"eyJ..e\"}",
                                         "{\"value\":\"eyJ.e.\"}",
                                         "{\"value\":\".eyJ.e\"}",
                                         "{\"value\":\"eyJ.e.a.b\"}",
                                         "{\"value\":\"eyJ.e.a=\"}",
                                         "{\"value\":\"eyJ.e.a\\n\"}",
                                         "{\"value\":\"" JWT "\",\"value\":\"" JWT "\"}"};
    for (size_t i = 0; i < ASSAY_COUNT_OF(bodies); i++) {
        const machine_reply reply = {.body = bodies[i]};
        machine_expect(run(&reply, 1), ASSAY_E_TOKEN_RESPONSE, 0);
    }
    machine_expect(RUN({.body = VALUE, .encoded = true}), ASSAY_E_RESPONSE, 0);
}

static void a_job_that_is_refused_is_row_65(void **state)
{
    (void)state;
    static const int statuses[] = {400, 401, 403, 404, 422};
    for (size_t i = 0; i < ASSAY_COUNT_OF(statuses); i++) {
        const machine_reply reply = {.status = statuses[i], .body = VALUE};
        machine_expect(run(&reply, 1), ASSAY_E_JOB_TOKEN, 65);
        assert_non_null(strstr(the_world.machine->failure.hint, "id-token"));
    }
    machine_expect(RUN({.status = 302}), ASSAY_E_JOB_TOKEN, 65);
    machine_expect(RUN({.missed = ASSAY_E_REDIRECT}), ASSAY_E_JOB_TOKEN, 65);
}

static void what_passes_is_tried_again(void **state)
{
    (void)state;
    static const machine_reply passing[] = {{.status = 500},
                                            {.status = 503, .retry_after = 2},
                                            {.status = 408},
                                            {.status = 429, .retry_after = 2},
                                            {.missed = ASSAY_E_CONNECT},
                                            {.missed = ASSAY_E_TIMEOUT}};
    for (size_t i = 0; i < ASSAY_COUNT_OF(passing); i++) {
        const machine_reply both[] = {passing[i], {.body = VALUE}};
        expect_token(run(both, 2));
        assert_true(the_world.waited_ms > 0);
        assert_string_equal(the_world.sent[1].authorization, "Bearer sesame-job");
    }
}

static void what_lasts_is_told(void **state)
{
    (void)state;
    const machine_reply down[] = {{.status = 503}, {.status = 503}, {.status = 503}};
    machine_expect(run(down, 3), ASSAY_E_GRANT_UNAVAILABLE, 0);
    const machine_reply busy[] = {{.status = 429}, {.status = 429}, {.status = 429, .retry_after = 9}};
    machine_expect(run(busy, 3), ASSAY_E_THROTTLED, 0);
    assert_int_equal(the_world.machine->failure.retry_after, 9);
    const machine_reply silent[] = {
        {.missed = ASSAY_E_CONNECT}, {.missed = ASSAY_E_CONNECT}, {.missed = ASSAY_E_CONNECT}};
    machine_expect(run(silent, 3), ASSAY_E_CONNECT, 0);
    assert_string_equal(the_world.machine->failure.note, "no answer");
    machine_expect(RUN({.missed = ASSAY_E_TLS}), ASSAY_E_TLS, 0);
    machine_expect(RUN({.missed = ASSAY_E_RESPONSE_SIZE}), ASSAY_E_RESPONSE_SIZE, 0);
    machine_expect(RUN({.missed = ASSAY_E_MEMORY}), ASSAY_E_MEMORY, 0);
}

static void a_job_without_the_permission_sends_nothing(void **state)
{
    (void)state;
    assay_secret_clear(&the_world.settings.request_token);
    machine_expect(run(NULL, 0), ASSAY_E_CONFIG_CREDENTIAL, 65);
    assert_true(assay_secret_set(&the_world.settings.request_token, "x", 1));
    assay_release(ASSAY_STEAL(the_world.settings.request_url));
    machine_expect(run(NULL, 0), ASSAY_E_CONFIG_CREDENTIAL, 65);
}

static void test_case_88_pipelines_are_asked_as_documented(void **state)
{
    (void)state;
    expect_token(RUN({.body = OIDC}));
    const machine_sent *sent = &the_world.sent[0];
    assert_string_equal(sent->method, "POST");
    assert_string_equal(sent->url, PIPELINES_URL "?api-version=7.1&serviceConnectionId=aaaa%20bbbb");
    assert_string_equal(sent->authorization, "Bearer sesame-job");
    assert_string_equal(sent->fields, "X-TFS-FedAuthRedirect: Suppress\n");
    assert_string_equal(sent->body, "");
    assert_string_equal(the_world.machine->source, "azure-pipelines");
}

static void test_case_88_a_page_to_sign_in_is_told_as_such(void **state)
{
    (void)state;
    const machine_reply redirects[] = {{.status = 302, .body = "<html>"}, {.missed = ASSAY_E_REDIRECT}};
    for (size_t i = 0; i < ASSAY_COUNT_OF(redirects); i++) {
        machine_expect(run(&redirects[i], 1), ASSAY_E_JOB_TOKEN, 0);
        assert_non_null(strstr(the_world.machine->failure.note, "sign in"));
        assert_non_null(strstr(the_world.machine->detail.fix, "SYSTEM_ACCESSTOKEN"));
    }
}

static void pipelines_refuse_in_their_own_words(void **state)
{
    (void)state;
    machine_expect(RUN({.status = 401}), ASSAY_E_JOB_TOKEN, 0);
    assert_non_null(strstr(the_world.machine->detail.fix, "SYSTEM_ACCESSTOKEN"));
    machine_expect(RUN({.body = VALUE}), ASSAY_E_JOB_TOKEN, 0);
    assert_non_null(strstr(the_world.machine->failure.note, "oidcToken"));
    machine_expect(RUN({.body = "{\"oidcToken\":\"sesame\"}"}), ASSAY_E_TOKEN_RESPONSE, 0);
    assay_release(ASSAY_STEAL(the_world.settings.service_connection));
    machine_expect(run(NULL, 0), ASSAY_E_CONFIG_CREDENTIAL, 0);
}

int main(void)
{
#define GITHUB(name) cmocka_unit_test_setup_teardown(name, open_github, machine_world_teardown)
#define PIPELINES(name) cmocka_unit_test_setup_teardown(name, open_pipelines, machine_world_teardown)
    const struct CMUnitTest tests[] = {
        GITHUB(test_case_87_a_url_with_a_query_gets_a_parameter_more),
        GITHUB(test_case_87_a_url_without_a_query_gets_one),
        GITHUB(the_audience_is_that_of_the_cloud),
        GITHUB(test_case_87_an_answer_without_a_value_is_row_65),
        GITHUB(what_is_no_jwt_is_refused),
        GITHUB(a_job_that_is_refused_is_row_65),
        GITHUB(what_passes_is_tried_again),
        GITHUB(what_lasts_is_told),
        GITHUB(a_job_without_the_permission_sends_nothing),
        PIPELINES(test_case_88_pipelines_are_asked_as_documented),
        PIPELINES(test_case_88_a_page_to_sign_in_is_told_as_such),
        PIPELINES(pipelines_refuse_in_their_own_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
