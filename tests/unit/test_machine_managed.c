/* SPDX-License-Identifier: MIT */
/* Managed identities by IMDS: what is asked, what is taken, what is tried again, and what is refused. */
#include "support/machine_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define IMDS "http://169.254.169.254/metadata/identity/oauth2/token"
#define MISSING_HEADER                                                                                                 \
    "{\"error\":\"invalid_request\",\"error_description\":\"Required metadata header not specified\"}"
#define NOT_FOUND "{\"error\":\"invalid_request\",\"error_description\":\"Identity not found\"}"
#define BUSY "{\"error\":\"busy\",\"error_description\":\"try later\"}"
#define HTML "<!DOCTYPE html><html><body>proxy</body></html>"

static void imds_is_asked_as_documented(void **state)
{
    (void)state;
    machine_expect_token(MACHINE_RUN({.body = MACHINE_WORLD_TOKEN}));
    const machine_sent *sent = &the_world.sent[0];
    assert_string_equal(sent->method, "GET");
    assert_string_equal(sent->url, IMDS "?api-version=2018-02-01&resource=https%3A%2F%2Fvault.azure.net");
    assert_string_equal(sent->fields, "Metadata: true\n");
    assert_string_equal(sent->authorization, "");
    assert_string_equal(sent->body, "");
    assert_true(sent->link_local_http);
    assert_int_equal(sent->attempt_ms, 30000);
    assert_int_equal(the_world.machine->answer.expires_at, 1700086399);
    assert_string_equal(the_world.machine->source, "managed-identity (IMDS)");
}

static void test_case_65_imds_is_never_asked_through_a_proxy(void **state)
{
    (void)state;
    the_world.settings.probe = true;
    machine_expect_token(
        MACHINE_RUN({.status = 400, .body = MISSING_HEADER}, {.status = 500}, {.body = MACHINE_WORLD_TOKEN}));
    for (size_t i = 0; i < the_world.sent_count; i++)
        assert_true(the_world.sent[i].direct);
}

static void the_double_slash_of_a_resource_stays(void **state)
{
    (void)state;
    const machine_reply good = {.body = MACHINE_WORLD_TOKEN};
    machine_expect_token(machine_world_run(&the_world, "https://database.windows.net//.default", &good, 1));
    assert_non_null(strstr(the_world.sent[0].url, "resource=https%3A%2F%2Fdatabase.windows.net%2F"));
    assert_int_equal(strlen(strstr(the_world.sent[0].url, "net%2F")), 6);
    machine_expect_token(machine_world_run(&the_world, "api://AzureADTokenExchange", &good, 1));
    assert_non_null(strstr(the_world.sent[0].url, "resource=api%3A%2F%2FAzureADTokenExchange"));
}

static void imds_takes_three_names_of_an_identity(void **state)
{
    (void)state;
    static const struct {
        assay_identity identity;
        const char *value, *parameter;
    } all[] = {{ASSAY_IDENTITY_CLIENT_ID, MACHINE_WORLD_CLIENT, "&client_id=" MACHINE_WORLD_CLIENT},
               {ASSAY_IDENTITY_OBJECT_ID, MACHINE_WORLD_CLIENT, "&object_id=" MACHINE_WORLD_CLIENT},
               {ASSAY_IDENTITY_RESOURCE_ID, "/subscriptions/s/x y", "&msi_res_id=%2Fsubscriptions%2Fs%2Fx%20y"}};
    for (size_t i = 0; i < ASSAY_COUNT_OF(all); i++) {
        machine_name_identity(all[i].identity, all[i].value);
        machine_expect_token(MACHINE_RUN({.body = MACHINE_WORLD_TOKEN}));
        const char *found = strstr(the_world.sent[0].url, all[i].parameter);
        assert_non_null(found);
        assert_string_equal(found, all[i].parameter);
    }
}

static void another_host_may_stand_in_for_imds(void **state)
{
    (void)state;
    machine_world_set(&the_world.settings.agent_url, "http://127.0.0.1:8000/token?x=y");
    machine_expect_token(MACHINE_RUN({.body = MACHINE_WORLD_TOKEN}));
    assert_string_equal(the_world.sent[0].url, "http://127.0.0.1:8000/token?x=y&api-version=2018-02-01&resource="
                                               "https%3A%2F%2Fvault.azure.net");
    assert_true(the_world.sent[0].loopback_http);
}

static void test_case_60_a_probe_without_the_header_finds_imds(void **state)
{
    (void)state;
    the_world.settings.probe = true;
    machine_expect_token(MACHINE_RUN({.status = 400, .body = MISSING_HEADER}, {.body = MACHINE_WORLD_TOKEN}));
    assert_string_equal(the_world.sent[0].fields, "");
    assert_string_equal(the_world.sent[0].url, the_world.sent[1].url);
    assert_int_equal(the_world.sent[0].attempt_ms, 1000);
    assert_string_equal(the_world.sent[1].fields, "Metadata: true\n");
    assert_int_equal(the_world.sent[1].attempt_ms, 30000);
    machine_expect_token(MACHINE_RUN({.body = MACHINE_WORLD_TOKEN})); /* it was there: no probe is made again */
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
        {.status = 200, .body = MACHINE_WORLD_TOKEN},
        {.status = 302, .body = MISSING_HEADER},
        {.status = 502, .body = HTML, .content_type = "text/html"},
        {.status = 500, .body = "{}"}};
    the_world.settings.probe = true;
    for (size_t i = 0; i < ASSAY_COUNT_OF(others); i++)
        machine_expect(machine_run(&others[i], 1), ASSAY_E_SOURCE_ABSENT, 43);
    assert_int_equal(the_world.waited_ms, 0);
}

static void who_does_not_answer_a_probe_is_absent_at_once(void **state)
{
    (void)state;
    static const int codes[] = {ASSAY_E_TIMEOUT, ASSAY_E_CONNECT, ASSAY_E_NETWORK, ASSAY_E_RESPONSE_SIZE};
    the_world.settings.probe = true;
    for (size_t i = 0; i < ASSAY_COUNT_OF(codes); i++) {
        machine_expect(MACHINE_RUN({.missed = codes[i], .took_ms = 1000}), ASSAY_E_SOURCE_ABSENT, 44);
        assert_int_equal(the_world.waited_ms, 0);
    }
}

/* Whoever lacks memory, or time, knows nothing of the platform: the chain must not go on. */
static void a_probe_that_was_not_made_finds_nothing_out(void **state)
{
    (void)state;
    static const int codes[] = {ASSAY_E_MEMORY, ASSAY_E_CANCELLED, ASSAY_E_SYSTEM};
    the_world.settings.probe = true;
    for (size_t i = 0; i < ASSAY_COUNT_OF(codes); i++)
        machine_expect(MACHINE_RUN({.missed = codes[i]}), codes[i], 0);
}

static void test_case_73_absence_is_not_kept(void **state)
{
    (void)state;
    the_world.settings.probe = true;
    machine_expect(MACHINE_RUN({.missed = ASSAY_E_CONNECT}), ASSAY_E_SOURCE_ABSENT, 44);
    the_world.now.steady += 300000;
    machine_expect_token(MACHINE_RUN({.status = 400, .body = MISSING_HEADER}, {.body = MACHINE_WORLD_TOKEN}));
}

static void test_case_62_an_upgrade_of_65_seconds_is_waited_for(void **state)
{
    (void)state;
    machine_expect_token(MACHINE_RUN({.status = 410, .body = BUSY}, {.status = 410, .body = BUSY, .took_ms = 30000},
                                     {.status = 410, .body = BUSY, .took_ms = 30000}, {.body = MACHINE_WORLD_TOKEN}));
    assert_true(the_world.sent[3].at >= 65000);
}

static void test_case_63_a_burst_is_tried_again(void **state)
{
    (void)state;
    machine_expect_token(MACHINE_RUN({.status = 429, .body = BUSY}, {.body = MACHINE_WORLD_TOKEN}));
    assert_true(the_world.waited_ms >= 1600 && the_world.waited_ms <= 2400);
    machine_expect_token(MACHINE_RUN({.status = 429, .body = BUSY, .retry_after = 7}, {.body = MACHINE_WORLD_TOKEN}));
    assert_true(the_world.waited_ms >= 7000);
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
        const machine_reply both[] = {passing[i], {.body = MACHINE_WORLD_TOKEN}};
        machine_expect_token(machine_run(both, 2));
        assert_true(the_world.waited_ms > 0);
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
        machine_expect(machine_run(many, ASSAY_COUNT_OF(many)), all[i].code, all[i].row);
    }
    const machine_reply silent[] = {
        {.missed = ASSAY_E_TIMEOUT}, {.missed = ASSAY_E_TIMEOUT}, {.missed = ASSAY_E_TIMEOUT}};
    machine_expect(machine_run(silent, 3), ASSAY_E_TIMEOUT, 44);
    assert_string_equal(the_world.machine->failure.note, "no answer");
}

static void test_case_64_an_unknown_identity_is_not_asked_for_twice(void **state)
{
    (void)state;
    machine_expect(MACHINE_RUN({.status = 400, .body = NOT_FOUND}), ASSAY_E_IDENTITY, 40);
    machine_expect(MACHINE_RUN({.status = 400,
                                .body = "{\"error\":\"invalid_request\",\"error_description\":\"Multiple user assigned "
                                        "identities exist, please specify the clientId / resourceId\"}"}),
                   ASSAY_E_IDENTITY, 41);
    machine_expect(MACHINE_RUN({.status = 400,
                                .body = "{\"error\":\"bad_request_102\",\"error_description\":\"Required metadata "
                                        "header not specified\"}"}),
                   ASSAY_E_SOURCE_ANSWER, 42);
    assert_int_equal(the_world.waited_ms, 0);
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
        machine_expect(machine_run(&others[i], 1), ASSAY_E_SOURCE_ANSWER, 43);
}

static void other_refusals_are_the_servers(void **state)
{
    (void)state;
    machine_expect(
        MACHINE_RUN({.status = 400,
                     .body =
                         "{\"error\":\"invalid_resource\",\"error_description\":\"AADSTS500011: The resource principal "
                         "named x was not found\"}"}),
        ASSAY_E_GRANT, 23);
    machine_expect(MACHINE_RUN({.status = 401, .body = "{\"error\":\"unauthorized_client\"}"}), ASSAY_E_GRANT, 0);
}

static void test_case_74_a_redirect_of_imds_is_refused(void **state)
{
    (void)state;
    static const int statuses[] = {301, 302, 303, 307, 308};
    for (size_t i = 0; i < ASSAY_COUNT_OF(statuses); i++) {
        const machine_reply redirect = {.status = statuses[i], .body = MACHINE_WORLD_TOKEN};
        machine_expect(machine_run(&redirect, 1), ASSAY_E_SOURCE_ANSWER, 0);
    }
    machine_expect(MACHINE_RUN({.missed = ASSAY_E_REDIRECT}), ASSAY_E_SOURCE_ANSWER, 0);
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
        machine_expect_token(machine_run(&reply, 1));
        assert_int_equal(the_world.machine->answer.expires_at, 1700003600);
    }
    assert_int_equal(MACHINE_RUN({.body = "{\"access_token\":\"sesame-token\",\"token_type\":\"Bearer\"}"}),
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
        assert_int_equal(machine_run(&reply, 1), ASSAY_E_TOKEN_RESPONSE);
    }
}

static void failures_that_are_no_networks_end_it(void **state)
{
    (void)state;
    static const int codes[] = {ASSAY_E_MEMORY, ASSAY_E_CANCELLED, ASSAY_E_RESPONSE_SIZE, ASSAY_E_SYSTEM};
    for (size_t i = 0; i < ASSAY_COUNT_OF(codes); i++)
        machine_expect(MACHINE_RUN({.missed = codes[i]}), codes[i], 0);
}

static void what_a_managed_identity_can_t_do_is_refused_before_anything_is_sent(void **state)
{
    (void)state;
    assay_token_request *wanted = NULL;
    assay_machine *machine = NULL;
    assert_int_equal(assay_token_request_make(MACHINE_WORLD_SCOPE, &wanted, NULL), ASSAY_OK);
    assert_int_equal(assay_machine_new(&the_world.settings, wanted, &the_world.context, &machine), ASSAY_OK);
    wanted->has_user = true;
    assert_int_equal(assay_machine_next(machine, &the_world.now), ASSAY_MACHINE_DONE);
    assert_int_equal(machine->code, ASSAY_E_CONFIG_CREDENTIAL);
    assay_machine_free(machine);
    wanted->has_user = false;
    machine_world_set(&wanted->tenant, "contoso.example");
    assert_int_equal(assay_machine_new(&the_world.settings, wanted, &the_world.context, &machine), ASSAY_OK);
    assert_int_equal(assay_machine_next(machine, &the_world.now), ASSAY_MACHINE_DONE);
    assert_int_equal(machine->code, ASSAY_E_CONFIG_TENANT);
    assay_machine_free(machine);
    assay_token_request_drop(wanted);
    the_world.settings.agent = ASSAY_AGENT_SERVICE_FABRIC;
    machine_expect(machine_run(NULL, 0), ASSAY_E_CONFIG_CREDENTIAL, 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, machine_world_setup_managed, machine_world_teardown)
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
