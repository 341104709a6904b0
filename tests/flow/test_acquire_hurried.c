/* SPDX-License-Identifier: MIT */
/* A caller's time ends before its exchange does: it is told what the tries before came to, and that there was a timeout only where nothing else is known. */
#include "support/acquire_trial.h"
#include "support/stepped.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WAIT STEPPED_WAIT
#define GOOD STEPPED_GOOD
#define HURRY 2000 /* milliseconds: for the pause before a second try, and not for a second pause */
#define CORRELATION "11112222-bbbb-3333-cccc-4444dddd5555"
#define BUSY                                                                                                           \
    "{\"error\":\"temporarily_unavailable\",\"error_description\":\"AADSTS90033: A transient error has occurred. "     \
    "Trace ID: 22223333-cccc-4444-dddd-5555eeee6666\",\"error_codes\":[90033],\"correlation_id\":\"" CORRELATION "\"}"
#define UNKNOWN                                                                                                        \
    "{\"error\":\"invalid_client\",\"error_description\":\"AADSTS70021: No matching federated identity record "        \
    "found.\",\"error_codes\":[70021]}"
#define PRESENT "{\"error\":\"invalid_request\"}"
#define AGENT_TOKEN "{\"access_token\":\"a.b.c\",\"expires_in\":\"86399\",\"token_type\":\"Bearer\"}"

static assay_credential *credential;

static int open_credential(void **state)
{
    (void)state;
    credential = stepped_open();
    return 0;
}

static int close_credential(void **state)
{
    (void)state;
    assay_credential_unref(credential);
    stepped_close();
    return 0;
}

static void sleep_until(int64_t at)
{
    int64_t left = at - trial_now_ms();
    trial_sleep(left > 0 ? left : 0);
}

static void says(const assay_error *error, const char *words)
{
    if (strstr(assay_error_message(error), words) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", words, assay_error_message(error));
}

static const char *header_of(const assay_op *op, const char *name)
{
    for (size_t i = 0; i < assay_op_fetch_header_count(op); i++)
        if (strcmp(assay_op_fetch_header_name(op, i), name) == 0)
            return assay_op_fetch_header_value(op, i);
    fail_msg("no %s is sent", name);
    return NULL;
}

/* Their second try is under way by now. */
static void try_all_again(assay_op **ops, int count)
{
    for (int i = 0; i < count; i++)
        assert_int_equal(assay_op_step(ops[i]), ASSAY_WANT_WAIT);
    atomic_fetch_add(&stepped_clock_ms, 3000);
    for (int i = 0; i < count; i++)
        assert_int_equal(assay_op_step(ops[i]), ASSAY_WANT_FETCH);
}

static void try_again(assay_op *op)
{
    try_all_again(&op, 1);
}

static void test_answer_of_the_try_before(void **state)
{
    (void)state;
    char sent[64];
    assay_op *told = stepped_acquire(credential, "api://told/.default", HURRY);
    assay_op *silent = stepped_acquire(credential, "api://silent/.default", HURRY);
    assay_op *throttled = stepped_acquire(credential, "api://throttled/.default", HURRY);
    int64_t until = trial_now_ms() + HURRY;
    assert_int_equal(assay_op_step(told), ASSAY_WANT_FETCH);
    assert_int_equal(assay_op_step(silent), ASSAY_WANT_FETCH);
    assert_int_equal(assay_op_step(throttled), ASSAY_WANT_FETCH);
    stepped_answer(told, 503, BUSY);
    (void)snprintf(sent, sizeof sent, "%s", header_of(silent, "client-request-id"));
    stepped_answer(silent, 503, "");
    assert_int_equal(assay_op_fetched_header(throttled, "Retry-After", 11, "1", 1), ASSAY_OK);
    stepped_answer(throttled, 429, "Too Many Requests");
    try_all_again((assay_op *[]){told, silent, throttled}, 3);
    sleep_until(until + 10);

    assay_error *error = stepped_error(told, ASSAY_E_GRANT_UNAVAILABLE);
    assert_string_equal(assay_error_server_code(error), "AADSTS90033");
    assert_string_equal(assay_error_correlation_id(error), CORRELATION);
    assert_int_equal(assay_error_diagnosis(error), 38);
    says(error, "status 503, temporarily_unavailable: AADSTS90033: A transient error has occurred");
    says(error, "; the time was up before another try was answered");
    assay_error_free(error);
    error = stepped_error(silent, ASSAY_E_GRANT_UNAVAILABLE);
    assert_string_equal(assay_error_correlation_id(error), sent); /* the server told none */
    says(error, "status 503; the time was up");
    assay_error_free(error);
    error = stepped_error(throttled, ASSAY_E_THROTTLED);
    assert_int_equal(assay_error_diagnosis(error), 36);
    assert_int_equal(assay_error_retry_after(error), 5); /* as without a word: it did wait as long as it was asked */
    says(error, "status 429");
    assay_error_free(error);
}

static void test_try_before_without_an_answer(void **state)
{
    (void)state;
    static const int codes[] = {ASSAY_E_RESOLVE, ASSAY_E_CONNECT};
    assay_op *ops[2];
    int64_t until = trial_now_ms() + HURRY + 100;
    for (int i = 0; i < 2; i++) {
        ops[i] = stepped_acquire(credential, i == 0 ? "api://a/.default" : "api://b/.default", HURRY);
        assert_int_equal(assay_op_step(ops[i]), ASSAY_WANT_FETCH);
        assert_int_equal(assay_op_fetch_failed(ops[i], codes[i], "it is not there"), ASSAY_OK);
    }
    try_all_again(ops, 2);
    sleep_until(until);
    for (int i = 0; i < 2; i++)
        stepped_ended(ops[i], codes[i], 56, "it is not there; the time was up before another try was answered");
}

static void test_nothing_was_learnt(void **state)
{
    (void)state;
    assay_op *op = stepped_ask(120), *waiting = stepped_ask(60);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    assert_int_equal(assay_op_step(waiting), ASSAY_WANT_WAIT);
    trial_sleep(130);
    stepped_ended(waiting, ASSAY_E_TIMEOUT, 0, "no time was left to obtain a token");
    stepped_ended(op, ASSAY_E_TIMEOUT, 0, "https://login.example/"); /* where it waited */
}

/* There is no time for the pause: at once, and with the advice that a refusal for good has. */
static void test_no_time_to_try_again(void **state)
{
    /* {"alg":"RS256"}, {"iss":"https://i.example","sub":"system:serviceaccount:n:s","aud":"a","exp":9999999999} */
    static const char token[] =
        "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL2kuZXhhbXBsZSIsInN1YiI6InN5c3RlbTpzZXJ2aWNlYWNjb3VudDpu"
        "OnMiLCJhdWQiOiJhIiwiZXhwIjo5OTk5OTk5OTk5fQ.c2ln";
    char path[] = "/tmp/assay-hurried-XXXXXX";
    (void)state;
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, token, sizeof token - 1) == (ssize_t)sizeof token - 1);
    (void)close(fd);
    assay_credential *workload = stepped_credential("workload-identity");
    assert_int_equal(assay_credential_set_token_file(workload, path, NULL), ASSAY_OK);
    assert_int_equal(assay_credential_wait_for_propagation(workload, NULL), ASSAY_OK);
    assay_op *op = stepped_acquire(workload, EXCHANGE_SCOPE, HURRY);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    stepped_answer(op, 401, UNKNOWN);
    assay_error *error = stepped_error(op, ASSAY_E_GRANT);
    assert_int_equal(assay_error_diagnosis(error), 1);
    assert_string_equal(assay_error_server_code(error), "AADSTS70021");
    assert_non_null(
        strstr(assay_error_hint(error), "issuer \"https://i.example\", subject \"system:serviceaccount:n:s\""));
    says(error, "; no time was left to try again");
    assay_error_free(error);
    assay_credential_unref(workload);
    (void)unlink(path);
}

/* Whoever leads goes on, and so do all who have the time. */
static void test_those_who_share_it(void **state)
{
    (void)state;
    trial_caller caller, patient;
    assay_op *leader = stepped_ask(WAIT), *waiting = stepped_ask(100);
    assert_int_equal(assay_op_step(leader), ASSAY_WANT_FETCH);
    assert_int_equal(assay_op_step(waiting), ASSAY_WANT_WAIT);
    stepped_answer(leader, 503, BUSY);
    trial_call(&patient, credential, EXCHANGE_SCOPE, WAIT);
    for (int64_t until = trial_now_ms() + 110; trial_now_ms() < until; trial_sleep(10))
        assert_int_equal(assay_op_step(leader), ASSAY_WANT_WAIT);         /* one that is silent would be replaced */
    stepped_ended(waiting, ASSAY_E_GRANT_UNAVAILABLE, 38, "AADSTS90033"); /* during the pause */
    try_again(leader);
    waiting = stepped_ask(60); /* one that came late */
    assert_int_equal(assay_op_step(waiting), ASSAY_WANT_WAIT);
    trial_call(&caller, credential, EXCHANGE_SCOPE, 60);
    trial_answered(&caller, ASSAY_E_GRANT_UNAVAILABLE);
    assert_string_equal(assay_error_correlation_id(caller.error), CORRELATION);
    says(caller.error, "; the time was up before another try was answered");
    trial_release(&caller);
    trial_sleep(70);
    stepped_ended(waiting, ASSAY_E_GRANT_UNAVAILABLE, 38, "AADSTS90033");
    assert_false(atomic_load(&patient.done));
    stepped_answer(leader, 200, GOOD);
    stepped_done(leader, "token-1");
    trial_answered(&patient, ASSAY_OK);
    trial_release(&patient);
    assert_int_equal(trial_stat(credential, ASSAY_CREDENTIAL_STAT_EXCHANGES), 1);
    assert_int_equal(trial_stat(credential, ASSAY_CREDENTIAL_STAT_FAILURES), 0);
}

/* The next flight knows nothing of the last one. */
static void test_another_flight(void **state)
{
    (void)state;
    assay_op *op = stepped_ask(WAIT);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    stepped_answer(op, 503, BUSY);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_WAIT);
    assay_op_free(op); /* nobody goes on */
    test_nothing_was_learnt(state);
}

/* It begins anew, and what the server said is still the last that is known. */
static void test_heir(void **state)
{
    (void)state;
    int64_t began = trial_now_ms();
    assay_op *leader = stepped_ask(HURRY), *waiting = stepped_ask(HURRY + 400), *heir = stepped_ask(WAIT);
    assert_int_equal(assay_op_step(leader), ASSAY_WANT_FETCH);
    assert_int_equal(assay_op_step(waiting), ASSAY_WANT_WAIT);
    assert_int_equal(assay_op_step(heir), ASSAY_WANT_WAIT);
    stepped_answer(leader, 503, BUSY);
    try_again(leader);
    sleep_until(began + HURRY + 50);
    stepped_ended(leader, ASSAY_E_GRANT_UNAVAILABLE, 38, "AADSTS90033");
    assert_int_equal(assay_op_step(heir), ASSAY_WANT_FETCH);
    sleep_until(began + HURRY + 500);
    stepped_ended(waiting, ASSAY_E_GRANT_UNAVAILABLE, 38, "AADSTS90033");
    stepped_answer(heir, 200, GOOD);
    stepped_done(heir, "token-1");
    assert_int_equal(trial_stat(credential, ASSAY_CREDENTIAL_STAT_EXCHANGES), 2);
}

/* Nobody else is there, or the host lets it go: those who are too late for a try of their own are told as well. */
static void test_leader_that_goes(void **state)
{
    (void)state;
    assay_op *leader = stepped_ask(WAIT), *waiting = stepped_ask(60);
    assert_int_equal(assay_op_step(leader), ASSAY_WANT_FETCH);
    assert_int_equal(assay_op_step(waiting), ASSAY_WANT_WAIT);
    stepped_answer(leader, 503, BUSY);
    assert_int_equal(assay_op_step(leader), ASSAY_WANT_WAIT);
    trial_sleep(70);
    assay_op_free(leader);
    stepped_ended(waiting, ASSAY_E_GRANT_UNAVAILABLE, 38, "; whoever obtained it went away");
}

/* What kept the assertion from being had is not why the exchange with it takes so long. */
static void test_stage_that_is_over(void **state)
{
    (void)state;
    assay_credential *source = stepped_credential("managed-identity"), *federated = stepped_credential("federated");
    assert_int_equal(assay_credential_set_source(federated, source, NULL, NULL), ASSAY_OK);
    int64_t until = trial_now_ms() + HURRY + 1100;
    assay_op *op = stepped_acquire(federated, EXCHANGE_SCOPE, HURRY + 1000);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    stepped_answer(op, 503, "{\"error\":\"busy\"}");
    assay_op *waiting = stepped_acquire(federated, EXCHANGE_SCOPE, 60);
    assert_int_equal(assay_op_step(waiting), ASSAY_WANT_WAIT);
    trial_sleep(70);
    stepped_ended(waiting, ASSAY_E_GRANT_UNAVAILABLE, 45, "status 503"); /* of the agent */
    try_again(op);
    stepped_answer(op, 200, AGENT_TOKEN);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    assert_non_null(strstr(assay_op_fetch_url(op), "login.example"));
    waiting = stepped_acquire(federated, EXCHANGE_SCOPE, 60);
    assert_int_equal(assay_op_step(waiting), ASSAY_WANT_WAIT);
    trial_sleep(70);
    stepped_ended(waiting, ASSAY_E_TIMEOUT, 0, "no time was left to obtain a token");
    sleep_until(until);
    stepped_ended(op, ASSAY_E_TIMEOUT, 0, "login.example");
    assay_credential_unref(federated);
    assay_credential_unref(source);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* The same of a file that was replaced in time. */
static void test_file_that_is_good_by_now(void **state)
{
    char path[] = "/tmp/assay-hurried-XXXXXX";
    (void)state;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    (void)close(fd);
    write_file(path, "eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjF9.c2ln"); /* exp 1 */
    assay_credential *workload = stepped_credential("workload-identity");
    assert_int_equal(assay_credential_set_token_file(workload, path, NULL), ASSAY_OK);
    assay_op *op = stepped_acquire(workload, EXCHANGE_SCOPE, WAIT);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_WAIT);
    assay_op *waiting = stepped_acquire(workload, EXCHANGE_SCOPE, 60);
    assert_int_equal(assay_op_step(waiting), ASSAY_WANT_WAIT);
    trial_sleep(70);
    stepped_ended(waiting, ASSAY_E_TOKEN_FILE_EXPIRED, 54, path);
    write_file(path, "eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjk5OTk5OTk5OTl9.c2ln"); /* exp 9999999999 */
    atomic_fetch_add(&stepped_clock_ms, 1000);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    waiting = stepped_acquire(workload, EXCHANGE_SCOPE, 60);
    assert_int_equal(assay_op_step(waiting), ASSAY_WANT_WAIT);
    trial_sleep(70);
    stepped_ended(waiting, ASSAY_E_TIMEOUT, 0, "no time was left to obtain a token");
    assay_op_free(op);
    assay_credential_unref(workload);
    (void)unlink(path);
}

/* The reason is that of the source which is asked, and not of those that were passed over. */
static void test_chain(void **state)
{
    (void)state;
    assay_credential *managed = stepped_credential("managed-identity");
    assay_credential *const members[] = {managed, credential};
    assay_credential *chain = stepped_chain(members, 2);
    int64_t until = trial_now_ms() + HURRY + 50;
    assay_op *learnt = stepped_acquire(chain, "api://learnt/.default", HURRY);
    assay_op *not_learnt = stepped_acquire(chain, "api://not-learnt/.default", HURRY);
    assert_int_equal(assay_op_step(learnt), ASSAY_WANT_FETCH);
    assert_int_equal(assay_op_step(not_learnt), ASSAY_WANT_FETCH);
    assert_non_null(strstr(assay_op_fetch_url(learnt), "169.254.169.254"));
    stepped_answer(learnt, 404, "");
    stepped_answer(not_learnt, 404, "");
    assert_int_equal(assay_op_step(learnt), ASSAY_WANT_FETCH);
    assert_int_equal(assay_op_step(not_learnt), ASSAY_WANT_FETCH);
    stepped_answer(learnt, 503, BUSY);
    try_again(learnt);
    sleep_until(until);
    stepped_ended(learnt, ASSAY_E_GRANT_UNAVAILABLE, 38, "AADSTS90033");
    stepped_ended(not_learnt, ASSAY_E_TIMEOUT, 0, "https://login.example/");
    assay_credential_unref(chain);
    assay_credential_unref(managed);
}

/* And where the node's identity is the one. */
static void test_agent_in_a_chain(void **state)
{
    (void)state;
    assay_credential *managed = stepped_credential("managed-identity");
    assay_credential *const members[] = {managed, credential};
    assay_credential *chain = stepped_chain(members, 2);
    assay_op *op = stepped_acquire(chain, EXCHANGE_SCOPE, WAIT);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    stepped_answer(op, 400, PRESENT);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    stepped_answer(op, 410, "{\"error\":\"gone\"}");
    assert_int_equal(assay_op_step(op), ASSAY_WANT_WAIT);
    assay_op *waiting = stepped_acquire(chain, EXCHANGE_SCOPE, 60);
    assert_int_equal(assay_op_step(waiting), ASSAY_WANT_WAIT);
    trial_sleep(70);
    stepped_ended(waiting, ASSAY_E_GRANT_UNAVAILABLE, 45, "status 410");
    assay_op_free(op);
    assay_credential_unref(chain);
    assay_credential_unref(managed);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_credential, close_credential)
    const struct CMUnitTest tests[] = {
        TEST(test_answer_of_the_try_before),
        TEST(test_try_before_without_an_answer),
        TEST(test_nothing_was_learnt),
        TEST(test_no_time_to_try_again),
        TEST(test_those_who_share_it),
        TEST(test_another_flight),
        TEST(test_heir),
        TEST(test_leader_that_goes),
        TEST(test_stage_that_is_over),
        TEST(test_file_that_is_good_by_now),
        TEST(test_chain),
        TEST(test_agent_in_a_chain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
