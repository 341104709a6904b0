/* SPDX-License-Identifier: MIT */
/* Many threads and one credential (cases 41, 42, 49, 99): one exchange for all, one result for all, and nobody is forgotten. */
#include "base/limits.h"
#include "support/acquire_trial.h"
#include "support/pace.h"
#include "support/stepped.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALLERS 100
#define READERS 64
#define PATIENT 60000

/* Slow enough that all are there before it answers. */
static void slow_server(void)
{
    trial_fault(&the_scene, "slow", pace_is_sanitized() ? 2000 : 700, -1);
}

static void call_all(trial_caller *callers, size_t count, int64_t timeout_ms)
{
    for (size_t i = 0; i < count; i++)
        trial_call(&callers[i], the_credential, EXCHANGE_SCOPE, timeout_ms);
}

static void test_case_41_cold(void **state)
{
    static trial_caller callers[CALLERS];
    (void)state;
    slow_server();
    call_all(callers, CALLERS, PATIENT);
    for (size_t i = 0; i < CALLERS; i++) {
        trial_answered(&callers[i], ASSAY_OK);
        assert_ptr_equal(callers[i].token, callers[0].token);
    }
    trial_requests(&the_scene, 1);
    assert_int_equal(trial_stat(the_credential, ASSAY_CREDENTIAL_STAT_EXCHANGES), 1);
    for (size_t i = 0; i < CALLERS; i++)
        trial_release(&callers[i]);
}

static void test_case_42_failing(void **state)
{
    static trial_caller callers[CALLERS];
    (void)state;
    assert_int_equal(assay_credential_set_secret(the_credential, "wrong", 5, NULL), ASSAY_OK);
    slow_server();
    call_all(callers, CALLERS, PATIENT);
    for (size_t i = 0; i < CALLERS; i++) {
        trial_answered(&callers[i], ASSAY_E_GRANT);
        assert_string_equal(assay_error_server_code(callers[i].error), "AADSTS7000215");
        assert_string_equal(assay_error_correlation_id(callers[i].error),
                            assay_error_correlation_id(callers[0].error)); /* of one request */
    }
    trial_requests(&the_scene, 1);
    assert_int_equal(trial_stat(the_credential, ASSAY_CREDENTIAL_STAT_FAILURES), 1);
    for (size_t i = 0; i < CALLERS; i++)
        trial_release(&callers[i]);
}

static void test_case_49_waiters_that_go(void **state)
{
    static trial_caller callers[10], hurried[10];
    (void)state;
    slow_server();
    call_all(callers, 1, PATIENT);
    trial_wait_requests(&the_scene, 1);
    call_all(hurried, 10, 50);
    call_all(callers + 1, 9, PATIENT);
    for (size_t i = 0; i < 10; i++) {
        trial_answered(&hurried[i], ASSAY_E_TIMEOUT);
        assert_true(hurried[i].took_ms < (pace_is_sanitized() ? 1500 : 400));
        trial_release(&hurried[i]);
    }
    for (size_t i = 0; i < 10; i++) {
        trial_answered(&callers[i], ASSAY_OK);
        assert_ptr_equal(callers[i].token, callers[0].token);
    }
    trial_requests(&the_scene, 1);
    for (size_t i = 0; i < 10; i++)
        trial_release(&callers[i]);
}

/* Its end says nothing about the server: one of those who wait begins anew. */
static void test_leader_with_little_time(void **state)
{
    static trial_caller leader, callers[20];
    (void)state;
    slow_server();
    trial_call(&leader, the_credential, EXCHANGE_SCOPE, 300);
    while (exchange_scene_requests(&the_scene) < 1 && !atomic_load(&leader.done))
        trial_sleep(1);
    call_all(callers, 20, PATIENT);
    trial_answered(&leader, ASSAY_E_TIMEOUT);
    trial_release(&leader);
    for (size_t i = 0; i < 20; i++) {
        trial_answered(&callers[i], ASSAY_OK);
        assert_ptr_equal(callers[i].token, callers[0].token);
    }
    trial_requests(&the_scene, 2);
    for (size_t i = 0; i < 20; i++)
        trial_release(&callers[i]);
}

/* Nobody has the time that the server takes: it is got behind them. */
static void test_nobody_has_the_time(void **state)
{
    trial_caller caller;
    int tries = 0;
    (void)state;
    trial_fault(&the_scene, "slow", 600, -1);
    do {
        trial_call(&caller, the_credential, EXCHANGE_SCOPE, 100);
        assert_int_equal(pthread_join(caller.thread, NULL), 0);
        assert_true(caller.code == ASSAY_OK || caller.code == ASSAY_E_TIMEOUT);
        trial_release(&caller);
    } while (caller.code != ASSAY_OK && ++tries < 200);
    assert_int_equal(caller.code, ASSAY_OK);
    assert_true(exchange_scene_requests(&the_scene) <= 4); /* the first one's, and the thread's */
}

static atomic_bool ended;
static atomic_long gets, waits_over;

/* Comes, waits a little or long, goes, comes again. */
static void *come_and_go(void *argument)
{
    unsigned seed = *(const unsigned *)argument;
    while (!atomic_load(&ended)) {
        assay_access_token *token = NULL;
        int64_t timeout_ms = (int64_t)(rand_r(&seed) % 60) + 1;
        int64_t began = trial_now_ms();
        int code = assay_credential_get_token(the_credential, EXCHANGE_SCOPE, timeout_ms, &token, NULL);
        if (trial_now_ms() - began > timeout_ms + 3000)
            atomic_fetch_add(&waits_over, 1);
        if (code != ASSAY_OK && code != ASSAY_E_TIMEOUT) {
            fprintf(stderr, "%s\n", assay_code_name(code));
            abort();
        }
        atomic_fetch_add(&gets, code == ASSAY_OK ? 1 : 0);
        assay_access_token_unref(token);
    }
    return NULL;
}

/* The same by an operation that its host lets go in any state, also while another thread's flight lands. */
static void *come_and_go_by_operation(void *argument)
{
    unsigned seed = *(const unsigned *)argument;
    assay_token_request *request = NULL;
    if (assay_token_request_new(EXCHANGE_SCOPE, &request, NULL) != ASSAY_OK)
        abort();
    while (!atomic_load(&ended)) {
        assay_op *op = NULL;
        if (assay_op_new_acquire(the_credential, request, 1000, &op, NULL) != ASSAY_OK)
            abort();
        int want = assay_op_step(op);
        for (int i = rand_r(&seed) % 30; want == ASSAY_WANT_WAIT && i > 0; i--) {
            trial_sleep(1);
            want = assay_op_step(op);
        }
        atomic_fetch_add(&gets, want == ASSAY_WANT_NOTHING ? 1 : 0);
        assay_op_free(op);
    }
    assay_token_request_free(request);
    return NULL;
}

static void start_threads(pthread_t *threads, unsigned *seeds, unsigned count, void *(*run)(void *))
{
    atomic_store(&ended, false);
    atomic_store(&gets, 0);
    atomic_store(&waits_over, 0);
    for (unsigned i = 0; i < count; i++) {
        seeds[i] = i + 1;
        assert_int_equal(pthread_create(&threads[i], NULL, run, &seeds[i]), 0);
    }
}

static void join_threads(const pthread_t *threads, unsigned count)
{
    atomic_store(&ended, true);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static void test_callers_that_come_and_go(void **state)
{
    enum { COUNT = 20, ROUNDS = 10 };
    pthread_t threads[COUNT];
    unsigned seeds[COUNT];
    (void)state;
    trial_fault(&the_scene, "slow", 40, -1); /* some have the time, some have not */
    start_threads(threads, seeds, COUNT, come_and_go);
    for (int i = 0; i < ROUNDS; i++) {
        long before = atomic_load(&gets);
        for (int64_t until = trial_now_ms() + TRIAL_PATIENCE; atomic_load(&gets) == before; trial_sleep(5))
            assert_true(trial_now_ms() < until);
        assay_credential_forget(the_credential, NULL);
    }
    join_threads(threads, COUNT);
    assert_int_equal(atomic_load(&waits_over), 0);
    assert_true(exchange_scene_requests(&the_scene) <= (ROUNDS + 1) * 16);
}

static void test_operations_that_come_and_go(void **state)
{
    enum { COUNT = 8, ROUNDS = 100 };
    pthread_t threads[COUNT];
    unsigned seeds[COUNT];
    (void)state;
    trial_fault(&the_scene, "slow", 5, -1);
    start_threads(threads, seeds, COUNT, come_and_go_by_operation);
    for (int i = 0; i < ROUNDS; i++) {
        assay_access_token_unref(exchange_scene_get(the_credential, EXCHANGE_SCOPE));
        assay_credential_forget(the_credential, NULL);
    }
    join_threads(threads, COUNT);
    assert_true(atomic_load(&gets) > 0);
    assay_access_token_unref(exchange_scene_get(the_credential, EXCHANGE_SCOPE));
}

/* However many operations led and were let go before it came: a caller that has the time gets its token. */
static void test_caller_behind_operations_that_went(void **state)
{
    trial_caller patient;
    (void)state;
    assay_op *leader = stepped_acquire(the_credential, EXCHANGE_SCOPE, PATIENT);
    assert_int_equal(assay_op_step(leader), ASSAY_WANT_FETCH);
    for (int i = 1; i < ASSAY_LIMIT_ABANDONED; i++) {
        assay_op *next = stepped_acquire(the_credential, EXCHANGE_SCOPE, PATIENT);
        assert_int_equal(assay_op_step(next), ASSAY_WANT_WAIT);
        assay_op_free(leader);
        assert_int_equal(assay_op_step(next), ASSAY_WANT_FETCH);
        leader = next;
    }
    trial_call(&patient, the_credential, EXCHANGE_SCOPE, PATIENT);
    trial_sleep(100); /* it is where it waits */
    assay_op_free(leader);
    trial_answered(&patient, ASSAY_OK);
    trial_release(&patient);
}

/* Each one is of the scope that was asked for, and whole. */
static void check_token(const assay_access_token *token, const char *scope)
{
    if (strcmp(assay_access_token_scope(token), scope) != 0 || strlen(assay_access_token_text(token, NULL)) < 100 ||
        assay_access_token_text(token, NULL)[0] != 'e') {
        fprintf(stderr, "a token of another scope, or a wiped one\n");
        abort();
    }
}

static void *get_on(void *argument)
{
    unsigned which = *(const unsigned *)argument, times = pace_is_sanitized() ? 1000 : 10000;
    for (unsigned i = 0; i < times || !atomic_load(&ended); i++) {
        assay_access_token *token = NULL;
        const char *scope = (which + i) % 2 == 0 ? EXCHANGE_SCOPE : EXCHANGE_OTHER_SCOPE;
        int code = assay_credential_get_token(the_credential, scope, PATIENT, &token, NULL);
        if (code != ASSAY_OK) {
            fprintf(stderr, "%s\n", assay_code_name(code));
            abort();
        }
        check_token(token, scope);
        assay_access_token_unref(token);
        atomic_fetch_add_explicit(&gets, 1, memory_order_relaxed);
    }
    return NULL;
}

static void test_case_99_gets_while_tokens_are_renewed(void **state)
{
    enum { ROUNDS = 10 };
    static pthread_t threads[READERS];
    static unsigned seeds[READERS];
    (void)state;
    exchange_scene_freeze(&the_scene);
    assay_access_token *vault = exchange_scene_get(the_credential, EXCHANGE_SCOPE);
    assay_access_token *storage = exchange_scene_get(the_credential, EXCHANGE_OTHER_SCOPE);
    start_threads(threads, seeds, READERS, get_on);
    for (int i = 0; i < ROUNDS; i++) {
        exchange_scene_advance(&the_scene, 2900); /* due, and good for ten minutes more */
        assay_access_token *fresh = trial_renewed(the_credential, EXCHANGE_SCOPE, vault);
        assay_access_token_unref(vault);
        vault = fresh;
        fresh = trial_renewed(the_credential, EXCHANGE_OTHER_SCOPE, storage);
        assay_access_token_unref(storage);
        storage = fresh;
    }
    join_threads(threads, READERS);
    assert_true(atomic_load(&gets) >= (long)READERS * (pace_is_sanitized() ? 1000 : 10000));
    trial_requests(&the_scene, 2 + 2 * ROUNDS);
    assert_int_equal(trial_stat(the_credential, ASSAY_CREDENTIAL_STAT_REFRESHES), 2 * ROUNDS);
    assert_int_equal(trial_stat(the_credential, ASSAY_CREDENTIAL_STAT_FAILURES), 0);
    assay_access_token_unref(vault);
    assay_access_token_unref(storage);
}

/* Whoever waited gets what it waited for, though it is forgotten at once. */
static void test_forgotten_while_they_wait(void **state)
{
    enum { COUNT = 16, TIMES = 60 };
    pthread_t threads[COUNT];
    unsigned seeds[COUNT];
    (void)state;
    assay_access_token_unref(exchange_scene_get(the_credential, EXCHANGE_SCOPE));
    assay_access_token_unref(exchange_scene_get(the_credential, EXCHANGE_OTHER_SCOPE));
    start_threads(threads, seeds, COUNT, get_on);
    for (int i = 0; i < TIMES; i++) {
        assay_credential_forget(the_credential, NULL);
        trial_sleep(i % 7);
    }
    join_threads(threads, COUNT);
}

static void *start_and_stop(void *argument)
{
    unsigned seed = *(const unsigned *)argument;
    while (!atomic_load(&ended)) {
        if (rand_r(&seed) % 2 == 0 && assay_credential_start_refresh_thread(the_credential, NULL) != ASSAY_OK)
            abort();
        if (rand_r(&seed) % 2 == 0)
            assay_credential_stop_refresh_thread(the_credential);
        trial_sleep(rand_r(&seed) % 4);
    }
    return NULL;
}

/* A thread that is stopped in the middle of a renewal, or is started by two at once, leaves no flight behind. */
static void test_refresh_thread_comes_and_goes(void **state)
{
    enum { COUNT = 4, ROUNDS = 20 };
    pthread_t threads[COUNT];
    unsigned seeds[COUNT];
    (void)state;
    trial_fault(&the_scene, "slow", 20, -1);
    exchange_scene_freeze(&the_scene);
    assay_access_token *token = exchange_scene_get(the_credential, EXCHANGE_SCOPE);
    start_threads(threads, seeds, COUNT, start_and_stop);
    for (int i = 0; i < ROUNDS; i++) {
        exchange_scene_advance(&the_scene, 2900);
        assay_access_token_unref(token);
        token = trial_kept(the_credential, EXCHANGE_SCOPE); /* the one or the other, at once */
        assert_non_null(token);
        trial_sleep(5);
        assay_access_token_unref(token);
        exchange_scene_advance(&the_scene,
                               700); /* too late: whoever asks has to wait, for that flight or one of its own */
        token = exchange_scene_get(the_credential, EXCHANGE_SCOPE);
    }
    join_threads(threads, COUNT);
    assay_access_token_unref(token);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, trial_begin, trial_end)
    const struct CMUnitTest tests[] = {
        TEST(test_case_41_cold),
        TEST(test_case_42_failing),
        TEST(test_case_49_waiters_that_go),
        TEST(test_leader_with_little_time),
        TEST(test_nobody_has_the_time),
        TEST(test_callers_that_come_and_go),
        TEST(test_caller_behind_operations_that_went),
        TEST(test_operations_that_come_and_go),
        TEST(test_case_99_gets_while_tokens_are_renewed),
        TEST(test_forgotten_while_they_wait),
        TEST(test_refresh_thread_comes_and_goes),
    };
    return cmocka_run_group_tests(tests, exchange_scene_setup, exchange_scene_teardown);
}
