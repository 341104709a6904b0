/* SPDX-License-Identifier: MIT */
/* The first of several credentials that is there: when the next one is asked, and above all when it is not. */
#include "support/machine_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define TOKEN "{\"access_token\":\"sesame-token\",\"expires_in\":\"86399\",\"token_type\":\"Bearer\"}"
#define PRESENT "{\"error\":\"invalid_request\"}"
#define MOST 6

static assay_credential_settings members[MOST];

static int open_world(void **state)
{
    (void)state;
    machine_world_open(&the_world, ASSAY_CREDENTIAL_CHAIN);
    the_world.settings.members = assay_zalloc_array(MOST, sizeof *the_world.settings.members);
    assert_non_null(the_world.settings.members);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    machine_world_close(&the_world);
    for (size_t i = 0; i < MOST; i++)
        assay_credential_settings_clear(&members[i]);
    return 0;
}

static assay_credential_settings *add(assay_credential_kind kind)
{
    assay_credential_settings *member = &members[the_world.settings.member_count];
    member->kind = kind;
    the_world.settings.members[the_world.settings.member_count++] = member;
    return member;
}

static void check_all(void)
{
    for (size_t i = 0; i < the_world.settings.member_count; i++)
        (void)assay_credential_settings_check(&members[i], NULL);
    assert_int_equal(assay_credential_settings_check(&the_world.settings, NULL),
                     the_world.settings.member_count == 0 ? ASSAY_E_CONFIG_CREDENTIAL : ASSAY_OK);
}

static assay_credential_settings *add_imds(const char *url)
{
    assay_credential_settings *member = add(ASSAY_CREDENTIAL_MANAGED);
    machine_world_set(&member->agent_url, url);
    member->probe = true;
    return member;
}

static assay_credential_settings *add_app_service(void)
{
    assay_credential_settings *member = add(ASSAY_CREDENTIAL_MANAGED);
    member->agent = ASSAY_AGENT_APP_SERVICE;
    machine_world_set(&member->agent_url, "http://127.0.0.1:1/app");
    assert_true(assay_secret_set(&member->agent_secret, "h", 1));
    return member;
}

static int run(const machine_reply *replies, size_t count)
{
    check_all();
    return machine_run(replies, count);
}
#define RUN(...) run(MACHINE_REPLIES(__VA_ARGS__))

static void expect_note(const char *words)
{
    if (strstr(the_world.machine->failure.note, words) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", words, the_world.machine->failure.note);
}

static void the_first_that_is_there_is_used(void **state)
{
    (void)state;
    (void)add_imds("http://127.0.0.1:1/imds");
    (void)add_app_service();
    machine_expect(RUN({.status = 400, .body = PRESENT}, {.body = TOKEN}), ASSAY_OK, 0);
    assert_true(assay_secret_equal(&the_world.machine->answer.token, "sesame-token", 12));
    assert_string_equal(the_world.machine->source, "managed-identity (IMDS)");
    assert_non_null(strstr(the_world.sent[0].url, "/imds"));
    assert_int_equal(the_world.sent[0].attempt_ms, 1000);
    assert_non_null(strstr(the_world.sent[1].url, "/imds"));
    assert_true(the_world.sent[1].direct && the_world.sent[1].loopback_http);
}

static void test_case_61_the_chain_goes_on_where_an_agent_is_absent(void **state)
{
    (void)state;
    (void)add_imds("http://127.0.0.1:1/imds");
    (void)add_app_service();
    machine_expect(RUN({.status = 403, .content_type = "text/plain", .body = "unreachable"}, {.body = TOKEN}), ASSAY_OK,
                   0);
    assert_non_null(strstr(the_world.sent[1].url, "/app"));
    assert_string_equal(the_world.machine->source, "managed-identity (App Service)");
    assert_int_equal(the_world.waited_ms, 0);
    machine_expect(RUN({.missed = ASSAY_E_TIMEOUT, .took_ms = 1000}, {.body = TOKEN}), ASSAY_OK, 0);
    machine_expect(RUN({.missed = ASSAY_E_CONNECT}, {.status = 500}, {.body = TOKEN}), ASSAY_OK, 0);
    assert_int_equal(the_world.waited_ms, 1000);
}

static void the_chain_goes_on_where_something_is_missing(void **state)
{
    (void)state;
    (void)add(ASSAY_CREDENTIAL_SECRET);
    (void)add(ASSAY_CREDENTIAL_WORKLOAD);
    (void)add(ASSAY_CREDENTIAL_GITHUB);
    (void)add_app_service();
    machine_expect(RUN({.body = TOKEN}), ASSAY_OK, 0);
    assert_int_equal(the_world.sent_count, 1);
}

/* What is there and fails is the answer: no other request is made (Settled 2). */
static void who_is_there_and_fails_is_the_answer(void **state)
{
    (void)state;
    (void)add_app_service();
    (void)add_imds("http://127.0.0.1:1/imds");
    machine_expect(RUN({.status = 400, .body = "{\"statusCode\":400,\"message\":\"none\"}"}), ASSAY_E_IDENTITY, 46);
    machine_expect(RUN({.status = 401}), ASSAY_E_GRANT, 0);
    machine_expect(RUN({.status = 302}), ASSAY_E_SOURCE_ANSWER, 0);
    machine_expect(RUN({.body = "{}"}), ASSAY_E_TOKEN_RESPONSE, 0);
    machine_expect(RUN({.missed = ASSAY_E_TLS}), ASSAY_E_TLS, 0);
    const machine_reply silent = {.missed = ASSAY_E_CONNECT};
    const machine_reply all[] = {silent, silent, silent, silent};
    machine_expect(run(all, 4), ASSAY_E_CONNECT, 0);
    assert_string_equal(the_world.machine->failure.note, "no answer");
}

static void an_agent_that_was_there_once_is_not_passed_over(void **state)
{
    (void)state;
    (void)add_imds("http://127.0.0.1:1/imds");
    (void)add_app_service();
    machine_expect(RUN({.status = 400, .body = PRESENT}, {.body = TOKEN}), ASSAY_OK, 0);
    machine_expect(RUN({.status = 403, .body = "{}"}), ASSAY_E_SOURCE_ANSWER, 43);
}

static void a_named_token_file_stops_the_chain(void **state)
{
    (void)state;
    assay_credential_settings *workload = add(ASSAY_CREDENTIAL_WORKLOAD);
    machine_world_set(&workload->tenant, "contoso.example");
    machine_world_set(&workload->token_file, "/nowhere/token");
    (void)add_app_service();
    machine_expect(run(NULL, 0), ASSAY_E_CONFIG_CREDENTIAL, 50);
    expect_note("AZURE_CLIENT_ID");
    assert_non_null(the_world.machine->failure.hint);
    machine_world_set(&workload->client_id, "11111111-2222-3333-4444-555555555555");
    machine_expect(run(NULL, 0), ASSAY_E_TOKEN_FILE_MISSING, 51);
}

static void what_is_broken_stops_the_chain(void **state)
{
    (void)state;
    assay_credential_settings *broken = add_app_service();
    machine_world_set(&broken->agent_url, "http://169.1.2.3/app");
    (void)add_app_service();
    machine_expect(run(NULL, 0), ASSAY_E_CONFIG_URL, 0);
}

static void where_none_is_there_each_is_named(void **state)
{
    (void)state;
    (void)add(ASSAY_CREDENTIAL_SECRET);
    (void)add(ASSAY_CREDENTIAL_WORKLOAD);
    (void)add_imds("http://127.0.0.1:1/imds");
    machine_expect(RUN({.missed = ASSAY_E_TIMEOUT}), ASSAY_E_SOURCE_ABSENT, 44);
    expect_note("client-secret lacks tenant (AZURE_TENANT_ID)");
    expect_note("; workload-identity lacks ");
    expect_note("; managed-identity: IMDS does not answer");
    assert_non_null(the_world.machine->failure.hint);
}

static void where_nothing_is_configured_it_is_no_absence(void **state)
{
    (void)state;
    (void)add(ASSAY_CREDENTIAL_GITHUB);
    (void)add(ASSAY_CREDENTIAL_WORKLOAD);
    machine_expect(run(NULL, 0), ASSAY_E_CONFIG_CREDENTIAL, 49);
    expect_note("github-actions lacks ");
    expect_note("workload-identity lacks ");
}

static void many_reasons_share_the_room(void **state)
{
    (void)state;
    for (size_t i = 0; i < MOST; i++)
        (void)add(i % 2 == 0 ? ASSAY_CREDENTIAL_PIPELINES : ASSAY_CREDENTIAL_CERTIFICATE);
    machine_expect(run(NULL, 0), ASSAY_E_CONFIG_CREDENTIAL, 0);
    size_t named = 0;
    for (const char *at = the_world.machine->failure.note; (at = strstr(at, "; ")) != NULL; at++)
        named++;
    assert_int_equal(named, MOST - 1);
}

static void a_chain_without_members_has_no_token(void **state)
{
    (void)state;
    machine_expect(run(NULL, 0), ASSAY_E_CONFIG_CREDENTIAL, 0);
    expect_note("no members");
}

static void a_chain_in_a_chain_is_passed_over_too(void **state)
{
    (void)state;
    assay_credential_settings *inner = add(ASSAY_CREDENTIAL_CHAIN);
    inner->members = assay_zalloc_array(1, sizeof *inner->members);
    assert_non_null(inner->members);
    assay_credential_settings *imds = &members[MOST - 1];
    imds->kind = ASSAY_CREDENTIAL_MANAGED;
    imds->probe = true;
    inner->members[inner->member_count++] = imds;
    (void)add_app_service();
    machine_expect(RUN({.status = 404}, {.body = TOKEN}), ASSAY_OK, 0);
    assert_string_equal(the_world.machine->source, "managed-identity (App Service)");
    the_world.settings.member_count = 1;
    machine_expect(RUN({.status = 404}), ASSAY_E_SOURCE_ABSENT, 43);
    expect_note("chain: managed-identity: ");
}

/* A credential that is used alone too does not ask for a probe by itself. */
static void imds_is_probed_in_every_chain(void **state)
{
    (void)state;
    add_imds("http://127.0.0.1:1/imds")->probe = false;
    (void)add_app_service();
    machine_expect(RUN({.status = 404}, {.body = TOKEN}), ASSAY_OK, 0);
    assert_string_equal(the_world.sent[0].fields, "");
    assert_int_equal(the_world.sent[0].attempt_ms, 1000);
}

/* The same replies give the same requests, whatever went before. */
static void a_chain_goes_the_same_way_each_time(void **state)
{
    (void)state;
    (void)add(ASSAY_CREDENTIAL_SECRET);
    (void)add_imds("http://127.0.0.1:1/imds");
    (void)add_app_service();
    for (unsigned i = 0; i < 5; i++) {
        machine_expect(RUN({.status = 404}, {.body = TOKEN}), ASSAY_OK, 0);
        assert_non_null(strstr(the_world.sent[0].url, "/imds"));
        assert_non_null(strstr(the_world.sent[1].url, "/app"));
    }
}

static void a_chain_may_end_in_the_middle(void **state)
{
    (void)state;
    assay_token_request *wanted = NULL;
    assay_machine *machine = NULL;
    (void)add_imds("http://127.0.0.1:1/imds");
    check_all();
    assert_int_equal(assay_token_request_make(MACHINE_WORLD_SCOPE, &wanted, NULL), ASSAY_OK);
    assert_int_equal(assay_machine_new(&the_world.settings, wanted, &the_world.context, &machine), ASSAY_OK);
    assert_int_equal(assay_machine_next(machine, &the_world.now), ASSAY_MACHINE_FETCH);
    assert_int_equal(assay_machine_next(machine, &the_world.now), ASSAY_MACHINE_FETCH); /* the same one */
    assay_machine_free(machine);
    assay_token_request_drop(wanted);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)
    const struct CMUnitTest tests[] = {
        CASE(the_first_that_is_there_is_used),
        CASE(test_case_61_the_chain_goes_on_where_an_agent_is_absent),
        CASE(the_chain_goes_on_where_something_is_missing),
        CASE(who_is_there_and_fails_is_the_answer),
        CASE(an_agent_that_was_there_once_is_not_passed_over),
        CASE(a_named_token_file_stops_the_chain),
        CASE(what_is_broken_stops_the_chain),
        CASE(where_none_is_there_each_is_named),
        CASE(where_nothing_is_configured_it_is_no_absence),
        CASE(many_reasons_share_the_room),
        CASE(a_chain_without_members_has_no_token),
        CASE(a_chain_in_a_chain_is_passed_over_too),
        CASE(imds_is_probed_in_every_chain),
        CASE(a_chain_goes_the_same_way_each_time),
        CASE(a_chain_may_end_in_the_middle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
