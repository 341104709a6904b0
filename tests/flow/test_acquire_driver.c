/* SPDX-License-Identifier: MIT */
/* Acquisitions in a driver: many at once, shared with threads and with operations that no driver has, cancelled, and tokens that are kept fresh. */
#include "flow/credential.h"
#include "support/acquire_trial.h"
#include "support/process.h"
#include "support/stepped.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define WAIT 20000

static loop turning;

static int open_of(loop_kind kind)
{
    (void)trial_begin(NULL);
    loop_open(&turning, kind);
    return 0;
}

static int open_edge(void **state)
{
    (void)state;
    return open_of(LOOP_EDGE);
}

static int open_callbacks(void **state)
{
    (void)state;
    return open_of(LOOP_CALLBACKS);
}

static int close_all(void **state)
{
    loop_close(&turning);
    return trial_end(state);
}

static assay_op *add(const char *scope, int64_t timeout_ms)
{
    assay_op *op = stepped_acquire(the_credential, scope, timeout_ms);
    loop_add(&turning, op);
    return op;
}

/* The result of one that is done, which is freed. */
static assay_access_token *result_of(assay_op *op, int code)
{
    assay_access_token *token = NULL;
    assay_error *error = NULL;
    assert_non_null(op);
    int found = assay_op_token(op, &token, &error);
    if (found != code)
        fail_msg("%s instead of %s: %s", assay_code_name(found), assay_code_name(code), assay_error_message(error));
    assert_true((token != NULL) == (code == ASSAY_OK));
    assay_error_free(error);
    assay_op_free(op);
    return token;
}

static void next_is(int code)
{
    assay_access_token_unref(result_of(loop_next(&turning, WAIT), code));
}

static void test_many_at_once(void **state)
{
    enum { SAME = 50, OTHERS = 30 };
    char scopes[OTHERS][48];
    (void)state;
    for (int i = 0; i < SAME; i++)
        (void)add(EXCHANGE_SCOPE, WAIT);
    for (int i = 0; i < OTHERS; i++) {
        (void)snprintf(scopes[i], sizeof scopes[i], "api://orders-%d/.default", i);
        (void)add(scopes[i], WAIT);
    }
    assay_access_token *shared = NULL;
    int same = 0;
    for (int i = 0; i < SAME + OTHERS; i++) {
        assay_access_token *token = result_of(loop_next(&turning, WAIT), ASSAY_OK);
        if (strcmp(assay_access_token_scope(token), EXCHANGE_SCOPE) == 0) {
            same++;
            assert_true(shared == NULL || shared == token);
            shared = token;
        }
        assay_access_token_unref(token);
    }
    assert_int_equal(same, SAME);
    trial_requests(&the_scene, 1 + OTHERS);
}

static void test_failure_is_shared(void **state)
{
    enum { COUNT = 20 };
    (void)state;
    trial_fault(&the_scene, "aadsts", 7000215, 1);
    for (int i = 0; i < COUNT; i++)
        (void)add(EXCHANGE_SCOPE, WAIT);
    for (int i = 0; i < COUNT; i++)
        next_is(ASSAY_E_GRANT);
    trial_requests(&the_scene, 1);
}

/* Tries again by the real clock, and waits for nothing else meanwhile. */
static void test_retry_in_a_loop(void **state)
{
    (void)state;
    trial_fault(&the_scene, "status", 503, 1);
    (void)add(EXCHANGE_SCOPE, WAIT);
    int64_t began = trial_now_ms();
    next_is(ASSAY_OK);
    assert_in_range(trial_now_ms() - began, 750, 10000);
    trial_requests(&the_scene, 2);
}

/* Tokens that live for 4 seconds, renewed after 2: nobody asks, and no thread is started. */
static void test_kept_fresh_without_callers(void **state)
{
    (void)state;
    trial_settings(&the_scene, "{\"token_lifetime\":4}");
    assay_access_token *first = exchange_scene_get(the_credential, EXCHANGE_SCOPE);
    assert_int_equal(assay_driver_keep_tokens_fresh(turning.driver, the_credential, NULL), ASSAY_OK);
    int threads = process_threads();
    for (int64_t until = trial_now_ms() + WAIT; exchange_scene_requests(&the_scene) < 4; loop_turn(&turning, 100)) {
        assert_true(trial_now_ms() < until);
        assert_false(assay_refresher_poke(&the_credential->refreshing));
    }
    loop_run(&turning, 100);
    assay_access_token *kept = trial_kept(the_credential, EXCHANGE_SCOPE);
    assert_non_null(kept);
    assert_ptr_not_equal(kept, first);
    assert_in_range(trial_stat(the_credential, ASSAY_CREDENTIAL_STAT_REFRESHES), 3, 4);
    assert_true(process_threads() <= threads + 2); /* of the server, and of curl's resolver */
    assay_access_token_unref(first);
    assay_access_token_unref(kept);
}

/* It hears of tokens that were not there when it looked: those of a caller that waits, too. */
static void test_kept_fresh_from_the_first_on(void **state)
{
    trial_caller caller;
    (void)state;
    trial_settings(&the_scene, "{\"token_lifetime\":4}");
    assert_int_equal(assay_driver_keep_tokens_fresh(turning.driver, the_credential, NULL), ASSAY_OK);
    loop_run(&turning, 50);
    trial_call(&caller, the_credential, EXCHANGE_SCOPE, WAIT);
    trial_answered(&caller, ASSAY_OK);
    trial_release(&caller);
    trial_turn(&the_scene, &turning, 3);
    loop_run(&turning, 100);
    assay_access_token *kept = trial_kept(the_credential, EXCHANGE_SCOPE);
    assert_non_null(kept);
    assay_access_token_unref(kept);
}

/* Each of two loops keeps them fresh, and a thread does: one renewal for all. */
static void test_one_renewal_for_all_keepers(void **state)
{
    (void)state;
    loop other;
    loop_open(&other, LOOP_LEVEL);
    exchange_scene_freeze(&the_scene);
    assay_access_token *first = exchange_scene_get(the_credential, EXCHANGE_SCOPE);
    assert_int_equal(assay_driver_keep_tokens_fresh(turning.driver, the_credential, NULL), ASSAY_OK);
    assert_int_equal(assay_driver_keep_tokens_fresh(other.driver, the_credential, NULL), ASSAY_OK);
    assert_int_equal(assay_credential_start_refresh_thread(the_credential, NULL), ASSAY_OK);
    loop_run(&turning, 20);
    loop_run(&other, 20);
    trial_fault(&the_scene, "slow", 100, -1);
    exchange_scene_advance(&the_scene, 2900);
    trial_still(the_credential, EXCHANGE_SCOPE, first); /* which calls all three */
    for (int i = 0; i < 30; i++) {
        loop_run(&turning, 5);
        loop_run(&other, 5);
    }
    assay_access_token *second = trial_renewed(the_credential, EXCHANGE_SCOPE, first);
    trial_requests(&the_scene, 2);
    loop_close(&other);
    assay_access_token_unref(first);
    assay_access_token_unref(second);
}

static void test_due_token_is_given_and_renewed_behind(void **state)
{
    (void)state;
    exchange_scene_freeze(&the_scene);
    assay_access_token *first = exchange_scene_get(the_credential, EXCHANGE_SCOPE);
    exchange_scene_advance(&the_scene, 2900);
    trial_fault(&the_scene, "slow", 200, 1);
    (void)add(EXCHANGE_SCOPE, WAIT);
    assay_access_token *given = result_of(loop_next(&turning, 150), ASSAY_OK); /* at once */
    assert_ptr_equal(given, first);
    loop_run(&turning, 500);
    trial_requests(&the_scene, 2);
    assay_access_token *second = trial_kept(the_credential, EXCHANGE_SCOPE);
    assert_ptr_not_equal(second, first);
    assert_false(assay_refresher_poke(&the_credential->refreshing));
    assay_access_token_unref(first);
    assay_access_token_unref(given);
    assay_access_token_unref(second);
}

/* One that had not the time: the driver goes on with it. */
static void test_hurried_operation(void **state)
{
    (void)state;
    trial_fault(&the_scene, "slow", 1000, -1);
    (void)add(EXCHANGE_SCOPE, 400);
    next_is(ASSAY_E_TIMEOUT);
    trial_turn(&the_scene, &turning, 2);
    assay_access_token *kept = NULL;
    for (int64_t until = trial_now_ms() + WAIT; kept == NULL && trial_now_ms() < until; loop_turn(&turning, 50))
        kept = trial_kept(the_credential, EXCHANGE_SCOPE);
    assert_non_null(kept);
    trial_requests(&the_scene, 2);
    assay_access_token_unref(kept);
}

static void test_thread_operation_and_driver_share(void **state)
{
    trial_caller caller;
    (void)state;
    /* The driver leads. */
    trial_fault(&the_scene, "slow", 400, 1);
    (void)add(EXCHANGE_SCOPE, WAIT);
    trial_turn(&the_scene, &turning, 1);
    assay_op *bare = stepped_acquire(the_credential, EXCHANGE_SCOPE, WAIT);
    assert_int_equal(assay_op_step(bare), ASSAY_WANT_WAIT);
    trial_call(&caller, the_credential, EXCHANGE_SCOPE, WAIT);
    next_is(ASSAY_OK);
    trial_answered(&caller, ASSAY_OK);
    trial_release(&caller);
    assert_int_equal(assay_op_step(bare), ASSAY_WANT_NOTHING);
    assay_access_token_unref(result_of(bare, ASSAY_OK));
    trial_requests(&the_scene, 1);
    /* The bare one leads. */
    bare = stepped_acquire(the_credential, EXCHANGE_OTHER_SCOPE, WAIT);
    assert_int_equal(assay_op_step(bare), ASSAY_WANT_FETCH);
    (void)add(EXCHANGE_OTHER_SCOPE, WAIT);
    loop_run(&turning, 20);
    trial_call(&caller, the_credential, EXCHANGE_OTHER_SCOPE, WAIT);
    trial_sleep(50);
    stepped_answer(bare, 200, STEPPED_GOOD);
    assay_access_token *token = result_of(loop_next(&turning, WAIT), ASSAY_OK);
    assert_string_equal(assay_access_token_text(token, NULL), "token-1");
    trial_answered(&caller, ASSAY_OK);
    assert_ptr_equal(caller.token, token);
    trial_release(&caller);
    assay_access_token_unref(token);
    assert_int_equal(assay_op_step(bare), ASSAY_WANT_NOTHING);
    assay_access_token_unref(result_of(bare, ASSAY_OK));
    trial_requests(&the_scene, 1);
}

static void test_case_49_cancelled_in_a_driver(void **state)
{
    (void)state;
    trial_fault(&the_scene, "slow", 300, -1);
    assay_op *leader = add(EXCHANGE_SCOPE, WAIT);
    trial_turn(&the_scene, &turning, 1);
    assay_op *waiting = add(EXCHANGE_SCOPE, WAIT);
    (void)add(EXCHANGE_SCOPE, WAIT);
    loop_run(&turning, 20);
    assay_op_cancel(waiting);
    next_is(ASSAY_E_CANCELLED);
    trial_requests(&the_scene, 1);
    assay_op_cancel(leader);
    next_is(ASSAY_E_CANCELLED);
    next_is(ASSAY_OK); /* it began anew */
    trial_requests(&the_scene, 2);
    /* All of them: nothing is asked any more. */
    leader = add(EXCHANGE_OTHER_SCOPE, WAIT);
    trial_turn(&the_scene, &turning, 3);
    waiting = add(EXCHANGE_OTHER_SCOPE, WAIT);
    loop_run(&turning, 20);
    assay_op_cancel(leader);
    assay_op_cancel(waiting);
    next_is(ASSAY_E_CANCELLED);
    next_is(ASSAY_E_CANCELLED);
    loop_run(&turning, 400);
    assert_null(trial_kept(the_credential, EXCHANGE_OTHER_SCOPE));
    trial_requests(&the_scene, 3);
}

/* A thread that waits takes over when the driver is gone. */
static void test_driver_that_goes(void **state)
{
    trial_caller caller;
    loop going;
    (void)state;
    loop_open(&going, LOOP_LEVEL);
    trial_fault(&the_scene, "slow", 400, 1);
    loop_add(&going, stepped_acquire(the_credential, EXCHANGE_SCOPE, WAIT));
    trial_turn(&the_scene, &going, 1);
    trial_call(&caller, the_credential, EXCHANGE_SCOPE, WAIT);
    trial_sleep(50);
    loop_close(&going);
    trial_answered(&caller, ASSAY_OK);
    trial_release(&caller);
    trial_requests(&the_scene, 2);
}

/* The renewal of a driver is the last that knows the credential, whose own thread is there too. */
static void test_last_reference_in_a_driver(void **state)
{
    (void)state;
    exchange_scene_freeze(&the_scene);
    assay_access_token *first = exchange_scene_get(the_credential, EXCHANGE_SCOPE);
    exchange_scene_advance(&the_scene, 2900);
    trial_fault(&the_scene, "slow", 200, 1);
    (void)add(EXCHANGE_SCOPE, WAIT);
    next_is(ASSAY_OK);
    trial_turn(&the_scene, &turning, 2); /* renewed behind it */
    assert_int_equal(assay_credential_start_refresh_thread(the_credential, NULL), ASSAY_OK);
    assay_credential_unref(the_credential);
    the_credential = NULL;
    loop_run(&turning, 500);
    trial_requests(&the_scene, 2);
    assert_true(strlen(assay_access_token_text(first, NULL)) > 100);
    assay_access_token_unref(first);
}

/* Freed while it keeps tokens fresh, in the middle of a renewal; the credential goes on with a thread of its own. */
static void test_keeper_that_goes(void **state)
{
    (void)state;
    loop going;
    loop_open(&going, LOOP_EDGE);
    exchange_scene_freeze(&the_scene);
    assay_access_token *first = exchange_scene_get(the_credential, EXCHANGE_SCOPE);
    assert_int_equal(assay_driver_keep_tokens_fresh(going.driver, the_credential, NULL), ASSAY_OK);
    loop_run(&going, 20);
    exchange_scene_advance(&the_scene, 2900);
    trial_fault(&the_scene, "slow", 300, 1);
    trial_still(the_credential, EXCHANGE_SCOPE, first);
    trial_turn(&the_scene, &going, 2);
    loop_close(&going);
    trial_sleep(1000); /* whoever was called is given so long */
    trial_still(the_credential, EXCHANGE_SCOPE, first);
    assay_access_token *second = trial_renewed(the_credential, EXCHANGE_SCOPE, first);
    trial_requests(&the_scene, 3);
    assay_access_token_unref(first);
    assay_access_token_unref(second);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_edge, close_all)
    const struct CMUnitTest tests[] = {
        TEST(test_many_at_once),
        cmocka_unit_test_setup_teardown(test_many_at_once, open_callbacks, close_all),
        TEST(test_failure_is_shared),
        TEST(test_retry_in_a_loop),
        TEST(test_kept_fresh_without_callers),
        TEST(test_kept_fresh_from_the_first_on),
        TEST(test_one_renewal_for_all_keepers),
        TEST(test_due_token_is_given_and_renewed_behind),
        TEST(test_hurried_operation),
        TEST(test_thread_operation_and_driver_share),
        TEST(test_case_49_cancelled_in_a_driver),
        TEST(test_driver_that_goes),
        TEST(test_last_reference_in_a_driver),
        TEST(test_keeper_that_goes),
    };
    return cmocka_run_group_tests(tests, exchange_scene_setup, exchange_scene_teardown);
}
