/* SPDX-License-Identifier: MIT */
/* The machine of a token endpoint: what a source of its assertions lacks, what a chain makes of that, and what is known of a failure between two requests. */
#include "support/certificates.h"
#include "support/machine_world.h"
#include "support/store_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define GUID "11111111-2222-3333-4444-555555555555"
#define SCOPE "https://vault.azure.net/.default"

static machine_world world;
static assay_credential_settings source;

static int open_world(void **state)
{
    (void)state;
    machine_world_open(&world, ASSAY_CREDENTIAL_FEDERATED);
    machine_world_set(&world.settings.tenant, "contoso.example");
    machine_world_set(&world.settings.client_id, GUID);
    world.settings.inner = &source;
    assert_int_equal(assay_credential_settings_check(&world.settings, NULL), ASSAY_OK);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    machine_world_close(&world);
    assay_credential_settings_clear(&source);
    return 0;
}

static void a_source_that_lacks_something_is_never_asked(void **state)
{
    (void)state;
    static const struct {
        assay_credential_kind kind;
        int row;
        const char *lacks;
    } all[] = {{ASSAY_CREDENTIAL_WORKLOAD, 49, "token_file"}, {ASSAY_CREDENTIAL_SECRET, 0, "tenant"},
               {ASSAY_CREDENTIAL_ASSERTION, 0, "assertion"},  {ASSAY_CREDENTIAL_FEDERATED, 0, "source credential"},
               {ASSAY_CREDENTIAL_CLIENT, 0, "client_id"},     {ASSAY_CREDENTIAL_CHAIN, 0, "members"}};
    for (size_t i = 0; i < ASSAY_COUNT_OF(all); i++) {
        source.kind = all[i].kind;
        assert_int_equal(assay_credential_settings_check(&source, NULL), ASSAY_E_CONFIG_CREDENTIAL);
        assert_int_equal(machine_world_run(&world, SCOPE, NULL, 0), ASSAY_E_CONFIG_CREDENTIAL);
        assert_non_null(strstr(world.machine->failure.note, all[i].lacks));
        assert_int_equal(machine_world_row(&world), all[i].row);
    }
}

/* Workload identity is what was meant, so the next member, such as the node's identity, must not step in (exchange.md, Settled 2). */
static void a_chain_stops_at_a_broken_workload_identity_behind_another_credential(void **state)
{
    (void)state;
    machine_world chain;
    assay_credential_settings agent = {.kind = ASSAY_CREDENTIAL_MANAGED};
    const assay_credential_settings *list[] = {&world.settings, &agent};
    source.kind = ASSAY_CREDENTIAL_WORKLOAD;
    machine_world_set(&source.token_file, "/no/such/file");
    assert_int_equal(assay_credential_settings_check(&source, NULL), ASSAY_E_CONFIG_CREDENTIAL);
    machine_world_open(&chain, ASSAY_CREDENTIAL_CHAIN);
    chain.settings.members = assay_memdup(list, sizeof list);
    assert_non_null(chain.settings.members);
    chain.settings.member_count = ASSAY_COUNT_OF(list);
    assert_int_equal(machine_world_run(&chain, SCOPE, NULL, 0), ASSAY_E_CONFIG_CREDENTIAL);
    assert_non_null(strstr(chain.machine->failure.note, "workload-identity lacks tenant"));
    machine_world_close(&chain);
}

static void test_case_93_a_secret_that_the_server_repeats_is_not_told(void **state)
{
    (void)state;
    static const char *const secrets[] = {"sesame.opens.the.door", "sesame", "a,sesame;b,sesame c"};
    static const char *const bodies[] = {"no sesame.opens.the.door here", "{\"error\":\"sesame\"}",
                                         "{\"error\":\"x\",\"error_description\":\"wrong: a,sesame;b,sesame c\"}"};
    world.settings.kind = ASSAY_CREDENTIAL_SECRET;
    for (size_t i = 0; i < ASSAY_COUNT_OF(secrets); i++) {
        assert_true(assay_secret_set(&world.settings.secret, secrets[i], strlen(secrets[i])));
        const machine_reply reply = {.status = 401, .body = bodies[i]}; /* the run looks for "sesame" */
        assert_int_equal(machine_world_run(&world, SCOPE, &reply, 1), ASSAY_E_GRANT);
        assert_non_null(strstr(world.machine->failure.note, "status 401"));
    }
}

/* {"alg":"RS256"}, {"exp":1} */
#define EXPIRED "eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjF9.c2ln"

/* What helps in a pod of AKS is no help elsewhere. */
static void advice_about_a_subject_file_is_not_that_of_a_pod(void **state)
{
    (void)state;
    static const struct {
        const char *text; /* NULL: no such file */
        int code, row;
    } all[] = {{NULL, ASSAY_E_TOKEN_FILE_MISSING, 51},
               {" ", ASSAY_E_TOKEN_FILE_EMPTY, 53},
               {EXPIRED, ASSAY_E_TOKEN_FILE_EXPIRED, 54},
               {"a.b", ASSAY_E_TOKEN_FILE_CONTENT, 12}};
    static const assay_credential_kind kinds[] = {ASSAY_CREDENTIAL_WORKLOAD, ASSAY_CREDENTIAL_GOOGLE};
    char path[128];
    assert_int_equal(store_folder_open(state), 0);
    (void)snprintf(path, sizeof path, "%s/token", store_folder);
    machine_world_set(&world.settings.token_file, path);
    world.settings.inner = NULL;
    for (size_t i = 0; i < ASSAY_COUNT_OF(all); i++) {
        if (all[i].text != NULL)
            store_write_path(path, all[i].text, strlen(all[i].text));
        for (size_t k = 0; k < ASSAY_COUNT_OF(kinds); k++) {
            world.settings.kind = kinds[k];
            bool elsewhere = kinds[k] != ASSAY_CREDENTIAL_WORKLOAD && all[i].row != 12;
            assert_int_equal(machine_world_run(&world, SCOPE, NULL, 0), all[i].code);
            assert_int_equal(machine_world_row(&world), elsewhere ? 0 : all[i].row);
            assert_true(!elsewhere || strstr(world.machine->failure.hint, "this file") != NULL);
        }
    }
    assert_int_equal(store_folder_remove(state), 0);
}

/* {"alg":"RS256"} and {"iss":"https://i","sub":"…","aud":"x"}: of alice@corp.example, and of repo:o/r:pull_request */
#define OF_PERSON                                                                                                      \
    "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL2kiLCJzdWIiOiJhbGljZUBjb3JwLmV4YW1wbGUiLCJhdWQiOiJ4In0.c2ln"
#define OF_WORKLOAD                                                                                                    \
    "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL2kiLCJzdWIiOiJyZXBvOm8vcjpwdWxsX3JlcXVlc3QiLCJhdWQiOiJ4In0.c2ln"

static void put_token(void **state, char path[128], const char *text)
{
    assert_int_equal(store_folder_open(state), 0);
    (void)snprintf(path, 128, "%s/token", store_folder);
    store_write_path(path, text, strlen(text));
    machine_world_set(&world.settings.token_file, path);
    world.settings.inner = NULL;
}

/* A subject is told where it is the name of a workload: a token of another issuer may be a person's. */
static void a_subject_that_may_name_a_person_is_not_told(void **state)
{
    static const machine_reply reply = {.status = 400,
                                        .body = "{\"error\":\"invalid_client\",\"error_codes\":[700213]}"};
    static const struct {
        const char *token, *told;
    } all[] = {{OF_PERSON, "`sub` of the token as subject"}, {OF_WORKLOAD, "subject \"repo:o/r:pull_request\""}};
    char path[128];
    put_token(state, path, "");
    world.settings.kind = ASSAY_CREDENTIAL_WORKLOAD;
    for (size_t i = 0; i < ASSAY_COUNT_OF(all); i++) {
        store_write_path(path, all[i].token, strlen(all[i].token));
        assert_int_equal(machine_world_run(&world, SCOPE, &reply, 1), ASSAY_E_GRANT);
        assert_int_equal(machine_world_row(&world), 4);
        assert_non_null(strstr(world.machine->detail.fix, all[i].told));
        assert_null(strstr(world.machine->detail.fix, "alice"));
    }
    assert_int_equal(store_folder_remove(state), 0);
}

/* RFC 8693, section 3: the subject of an exchange need be no JWT, where its type says so. Entra takes nothing else. */
static void a_subject_token_of_another_type_is_sent_as_it_is(void **state)
{
    static const machine_reply reply = {.body = "{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"expires_in\":60,"
                                                "\"issued_token_type\":\"t\"}"};
    static const char jwt[] = "urn:ietf:params:oauth:token-type:jwt";
    static const char other[] = "urn:ietf:params:oauth:token-type:access_token";
    char path[128];
    put_token(state, path, "opaque+token");
    machine_world_set(&world.settings.actor_token_file, path);
    machine_world_set(&world.settings.token_endpoint, "https://s.test/token");
    world.settings.kind = ASSAY_CREDENTIAL_EXCHANGE;
    world.settings.client_method = ASSAY_CLIENT_NONE;
    assert_int_equal(machine_world_run(&world, "", NULL, 0), ASSAY_E_TOKEN_FILE_CONTENT);
    machine_world_set(&world.settings.subject_token_type, other);
    machine_world_set(&world.settings.actor_token_type, jwt);
    assert_int_equal(machine_world_run(&world, "", NULL, 0), ASSAY_E_TOKEN_FILE_CONTENT);
    machine_world_set(&world.settings.actor_token_type, other);
    assert_int_equal(machine_world_run(&world, "", &reply, 1), ASSAY_OK);
    assert_non_null(strstr(world.sent[0].body, "subject_token=opaque%2Btoken&"));
    assert_non_null(strstr(world.sent[0].body, "actor_token=opaque%2Btoken&"));
    world.settings.kind = ASSAY_CREDENTIAL_WORKLOAD;
    assert_int_equal(machine_world_run(&world, SCOPE, NULL, 0), ASSAY_E_TOKEN_FILE_CONTENT);
    assert_int_equal(store_folder_remove(state), 0);
}

/* Conditional Access refuses applications too, and then there is no user whom a caller could send to sign in. */
static void without_a_user_there_is_no_interaction(void **state)
{
    (void)state;
    static const machine_reply reply = {
        .status = 400,
        .body =
            "{\"error\":\"interaction_required\",\"error_codes\":[53003],\"claims\":\"{\\\"access_token\\\":{}}\"}"};
    world.settings.kind = ASSAY_CREDENTIAL_SECRET;
    assert_true(assay_secret_set(&world.settings.secret, "sesame", 6));
    assert_int_equal(machine_world_run(&world, SCOPE, &reply, 1), ASSAY_E_GRANT);
    assert_int_equal(machine_world_row(&world), 34);
    assert_string_equal(world.machine->detail.claims, "");
    assert_string_equal(world.machine->detail.challenge, "");
}

static void rows_of_the_network_are_for_what_was_not_reached(void **state)
{
    (void)state;
    static const struct {
        int missed, row;
    } all[] = {{ASSAY_E_TLS, 56}, {ASSAY_E_REDIRECT, 0}, {ASSAY_E_RESPONSE_SIZE, 0}};
    world.settings.kind = ASSAY_CREDENTIAL_SECRET;
    assert_true(assay_secret_set(&world.settings.secret, "sesame", 6));
    for (size_t i = 0; i < ASSAY_COUNT_OF(all); i++) {
        const machine_reply reply = {.missed = all[i].missed};
        assert_int_equal(machine_world_run(&world, SCOPE, &reply, 1), all[i].missed);
        assert_int_equal(machine_world_row(&world), all[i].row);
    }
}

static void a_chain_stops_at_an_agent_that_is_not_supported(void **state)
{
    (void)state;
    machine_world chain;
    assay_credential_settings agent = {.kind = ASSAY_CREDENTIAL_MANAGED, .agent = ASSAY_AGENT_SERVICE_FABRIC};
    const assay_credential_settings *list[] = {&agent, &world.settings};
    assert_int_equal(assay_credential_settings_check(&agent, NULL), ASSAY_E_CONFIG_CREDENTIAL);
    machine_world_open(&chain, ASSAY_CREDENTIAL_CHAIN);
    chain.settings.members = assay_memdup(list, sizeof list);
    assert_non_null(chain.settings.members);
    chain.settings.member_count = ASSAY_COUNT_OF(list);
    assert_int_equal(machine_world_run(&chain, SCOPE, NULL, 0), ASSAY_E_CONFIG_CREDENTIAL);
    assert_non_null(strstr(chain.machine->failure.note, "Service Fabric"));
    assert_null(strstr(chain.machine->failure.note, "managed-identity: "));
    machine_world_close(&chain);
}

/* {"alg":"RS256"}, {"aud":"api://AKSIdentityBinding"} and {"aud":"api://AzureADTokenExchange"} */
#define BINDING "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJhcGk6Ly9BS1NJZGVudGl0eUJpbmRpbmcifQ.c2ln"
#define PLAIN "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJhcGk6Ly9BenVyZUFEVG9rZW5FeGNoYW5nZSJ9.c2ln"

/* The proxy's CA and name are for requests to the proxy: not for the one after a token that is no more for it. */
static void the_trust_of_the_proxy_ends_with_it(void **state)
{
    (void)state;
    char path[128];
    assay_machine *machine = NULL;
    assay_http_response refusal;
    assert_int_equal(store_folder_open(state), 0);
    (void)snprintf(path, sizeof path, "%s/token", store_folder);
    store_write_path(path, BINDING, sizeof BINDING - 1);
    world.settings.inner = NULL;
    world.settings.kind = ASSAY_CREDENTIAL_WORKLOAD;
    machine_world_set(&world.settings.token_file, path);
    assert_int_equal(
        assay_settings_set_proxy(&world.settings, "https://10.0.0.1:443/p", "proxy.example", NULL, "PEM", NULL),
        ASSAY_OK);
    assert_int_equal(assay_token_request_make(SCOPE, &world.wanted, NULL), ASSAY_OK);
    assert_int_equal(assay_machine_new(&world.settings, world.wanted, &world.context, &machine), ASSAY_OK);
    assert_int_equal(assay_machine_next(machine, &world.now), ASSAY_MACHINE_FETCH);
    assert_string_equal(machine->request.url, "https://10.0.0.1:443/p/contoso.example/oauth2/v2.0/token");
    assert_string_equal(machine->request.tls_name, "proxy.example");
    assert_string_equal(machine->ca_pem, "PEM");
    store_write_path(path, PLAIN, sizeof PLAIN - 1);
    assay_http_response_init(&refusal);
    refusal.status = 401;
    static const char body[] = "{\"error\":\"invalid_client\",\"error_codes\":[700024]}";
    assert_true(assay_http_response_add_body(&refusal, body, sizeof body - 1));
    assay_machine_answered(machine, &refusal, ASSAY_OK, NULL, &world.now);
    assert_int_equal(assay_machine_next(machine, &world.now), ASSAY_MACHINE_FETCH);
    assert_string_equal(machine->request.url, "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token");
    assert_null(machine->request.tls_name);
    assert_null(machine->ca_pem);
    assay_http_response_clear(&refusal);
    assay_machine_free(machine);
    assert_int_equal(store_folder_remove(state), 0);
}

static void expect_learnt(size_t at, int code)
{
    if (world.sent[at].learnt != code)
        fail_msg("request %zu after %s instead of %s", at, assay_code_name(world.sent[at].learnt),
                 assay_code_name(code));
}

#define AGENT_TOKEN(name) "{\"access_token\":\"" name "\",\"expires_in\":\"86399\",\"token_type\":\"Bearer\"}"
#define TOKEN "{\"access_token\":\"sesame\",\"expires_in\":3599,\"token_type\":\"Bearer\"}"

/* What is known while a request is under way is why the one before failed: that of the same stage, and of the same assertion. */
static void a_stage_that_succeeded_is_no_reason(void **state)
{
    (void)state;
    const machine_reply busy = {.status = 503};
    const machine_reply stale = {.status = 401, .body = "{\"error\":\"invalid_client\",\"error_codes\":[700024]}"};
    source.kind = ASSAY_CREDENTIAL_MANAGED;
    assert_int_equal(assay_credential_settings_check(&source, NULL), ASSAY_OK);
    const machine_reply replies[] = {busy,  {.body = AGENT_TOKEN("a.b.c")}, busy,
                                     stale, {.body = AGENT_TOKEN("a.b.d")}, {.body = TOKEN}};
    assert_int_equal(machine_world_run(&world, SCOPE, replies, ASSAY_COUNT_OF(replies)), ASSAY_OK);
    expect_learnt(0, ASSAY_OK);
    expect_learnt(1, ASSAY_E_GRANT_UNAVAILABLE); /* of the agent */
    expect_learnt(2, ASSAY_OK);
    expect_learnt(3, ASSAY_E_GRANT_UNAVAILABLE); /* of the endpoint */
    expect_learnt(4, ASSAY_OK);
    expect_learnt(5, ASSAY_OK);
}

static void the_same_of_googles_two_requests(void **state)
{
    char path[128];
    assert_int_equal(store_folder_open(state), 0);
    (void)snprintf(path, sizeof path, "%s/token", store_folder);
    store_write_path(path, PLAIN, sizeof PLAIN - 1);
    const machine_reply busy = {.status = 503};
    const machine_reply replies[] = {
        busy,
        {.body =
             "{\"access_token\":\"sesame-1\",\"issued_token_type\":\"urn:ietf:params:oauth:token-type:access_token\","
             "\"token_type\":\"Bearer\",\"expires_in\":3599}"},
        busy,
        {.body = "{\"accessToken\":\"sesame-2\",\"expireTime\":\"2033-05-18T03:33:20Z\"}"}};
    world.settings.kind = ASSAY_CREDENTIAL_GOOGLE;
    world.settings.inner = NULL;
    machine_world_set(&world.settings.token_file, path);
    machine_world_set(&world.settings.impersonation_url, "https://iam.example/sa:generateAccessToken");
    assert_int_equal(machine_world_run(&world, SCOPE, replies, ASSAY_COUNT_OF(replies)), ASSAY_OK);
    expect_learnt(1, ASSAY_E_GRANT_UNAVAILABLE);
    expect_learnt(2, ASSAY_OK);
    expect_learnt(3, ASSAY_E_GRANT_UNAVAILABLE);
    assert_int_equal(store_folder_remove(state), 0);
}

/* The file of the proxy's CA certificates is read anew for it. */
static void the_reason_stays_while_the_next_request_is_made(void **state)
{
    char path[128], ca_path[128];
    size_t len = 0;
    assay_machine *machine = NULL;
    assay_http_response busy;
    assert_int_equal(store_folder_open(state), 0);
    assert_int_equal(certificates_make(state), 0);
    char *pem = certificates_pem("ca", &len);
    (void)snprintf(path, sizeof path, "%s/token", store_folder);
    (void)snprintf(ca_path, sizeof ca_path, "%s/ca.pem", store_folder);
    store_write_path(path, PLAIN, sizeof PLAIN - 1);
    store_write_path(ca_path, pem, len);
    free(pem);
    world.settings.kind = ASSAY_CREDENTIAL_WORKLOAD;
    world.settings.inner = NULL;
    machine_world_set(&world.settings.token_file, path);
    assert_int_equal(assay_settings_set_proxy(&world.settings, "https://10.0.0.1:443/p", NULL, ca_path, NULL, NULL),
                     ASSAY_OK);
    world.settings.proxy.mode = ASSAY_TOKEN_PROXY_ON;
    assert_int_equal(assay_token_request_make(SCOPE, &world.wanted, NULL), ASSAY_OK);
    assert_int_equal(assay_machine_new(&world.settings, world.wanted, &world.context, &machine), ASSAY_OK);
    assert_int_equal(assay_machine_next(machine, &world.now), ASSAY_MACHINE_FETCH);
    assay_http_response_init(&busy);
    busy.status = 503;
    assay_machine_answered(machine, &busy, ASSAY_OK, NULL, &world.now);
    assert_int_equal(assay_machine_next(machine, &world.now), ASSAY_MACHINE_WAIT);
    world.now.steady = machine->wait_until;
    assert_int_equal(assay_machine_next(machine, &world.now), ASSAY_MACHINE_FETCH);
    assert_int_equal(machine->code, ASSAY_E_GRANT_UNAVAILABLE);
    assert_string_equal(machine->failure.note, "status 503");
    assert_ptr_equal(machine->failure.detail, &machine->detail);
    assert_int_equal(machine->detail.row, 60);
    assert_int_equal(strlen(machine->detail.correlation_id), 36);
    assay_http_response_clear(&busy);
    assay_machine_free(machine);
    assert_int_equal(certificates_remove(state), 0);
    assert_int_equal(store_folder_remove(state), 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)
    const struct CMUnitTest tests[] = {
        CASE(a_source_that_lacks_something_is_never_asked),
        CASE(a_chain_stops_at_a_broken_workload_identity_behind_another_credential),
        CASE(test_case_93_a_secret_that_the_server_repeats_is_not_told),
        CASE(rows_of_the_network_are_for_what_was_not_reached),
        CASE(a_chain_stops_at_an_agent_that_is_not_supported),
        CASE(the_trust_of_the_proxy_ends_with_it),
        CASE(advice_about_a_subject_file_is_not_that_of_a_pod),
        CASE(a_stage_that_succeeded_is_no_reason),
        CASE(the_same_of_googles_two_requests),
        CASE(the_reason_stays_while_the_next_request_is_made),
        CASE(a_subject_that_may_name_a_person_is_not_told),
        CASE(without_a_user_there_is_no_interaction),
        CASE(a_subject_token_of_another_type_is_sent_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
