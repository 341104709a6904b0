/* SPDX-License-Identifier: MIT */
/* Who leads, stepped by hand, and who shares what comes of it: hosts that are late, or silent, or go, and those who wait for them (case 49). */
#include "flow/credential.h"
#include "support/acquire_trial.h"
#include "support/stepped.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { TOGETHER = 20 };

/* All ask for one token: the first leads, the others wait for it. */
static void ask_together(assay_op *ops[TOGETHER])
{
    for (int i = 0; i < TOGETHER; i++) {
        ops[i] = stepped_ask(STEPPED_WAIT);
        assert_int_equal(assay_op_step(ops[i]), i == 0 ? ASSAY_WANT_FETCH : ASSAY_WANT_WAIT);
        assert_true(i == 0 || assay_op_wait_ms(ops[i]) >= 1);
    }
}

static void test_shared_by_operations(void **state)
{
    assay_op *ops[TOGETHER];
    (void)state;
    ask_together(ops);
    assay_op *other = stepped_acquire(the_credential, EXCHANGE_OTHER_SCOPE, STEPPED_WAIT); /* another flight */
    assert_int_equal(assay_op_step(other), ASSAY_WANT_FETCH);
    stepped_answer(ops[0], 200, STEPPED_GOOD);
    assay_credential_forget(the_credential, NULL);
    for (int i = 0; i < TOGETHER; i++)
        stepped_done(ops[i], "token-1"); /* theirs, though it is forgotten */
    assay_op_free(other);
}

static void test_failure_shared_by_operations(void **state)
{
    assay_op *ops[TOGETHER];
    (void)state;
    ask_together(ops);
    stepped_answer(ops[0], 401, STEPPED_REFUSED);
    stepped_failed(ops[0], ASSAY_E_GRANT);
    assay_op *next = stepped_ask(STEPPED_WAIT); /* of another flight, which those do not wait for */
    assert_int_equal(assay_op_step(next), ASSAY_WANT_FETCH);
    for (int i = 1; i < TOGETHER; i++)
        stepped_failed(ops[i], ASSAY_E_GRANT);
    stepped_answer(next, 200, STEPPED_GOOD);
    stepped_done(next, "token-1");
    assert_int_equal(trial_stat(the_credential, ASSAY_CREDENTIAL_STAT_EXCHANGES), 2);
}

/* A thread that blocks, and an operation of the same flight. */
static void test_thread_waits_for_an_operation(void **state)
{
    (void)state;
    trial_caller caller, hurried;
    assay_op *op = stepped_ask(STEPPED_WAIT);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    trial_call(&caller, the_credential, EXCHANGE_SCOPE, STEPPED_WAIT);
    trial_call(&hurried, the_credential, EXCHANGE_SCOPE, 50);
    trial_answered(&hurried, ASSAY_E_TIMEOUT);
    assert_false(atomic_load(&caller.done));
    stepped_answer(op, 200, STEPPED_GOOD);
    stepped_done(op, "token-1");
    trial_answered(&caller, ASSAY_OK);
    assert_string_equal(assay_access_token_text(caller.token, NULL), "token-1");
    assert_int_equal(trial_stat(the_credential, ASSAY_CREDENTIAL_STAT_EXCHANGES), 1);
    trial_release(&caller);
    trial_release(&hurried);
}

static void test_host_that_never_answers(void **state)
{
    (void)state;
    assay_op *op = stepped_ask(120), *waiting = stepped_ask(STEPPED_WAIT);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    assert_int_equal(assay_op_step(waiting), ASSAY_WANT_WAIT);
    trial_sleep(130);
    stepped_failed(op, ASSAY_E_TIMEOUT);
    assert_int_equal(assay_op_step(waiting), ASSAY_WANT_FETCH); /* it begins anew */
    stepped_answer(waiting, 200, STEPPED_GOOD);
    stepped_done(waiting, "token-1");
}

/* The host forgets the operation altogether: whoever waits takes over when the lease has ended. */
static void test_host_that_is_silent(void **state)
{
    (void)state;
    assay_op *silent = stepped_ask(100), *waiting = stepped_ask(STEPPED_WAIT);
    assert_int_equal(assay_op_step(silent), ASSAY_WANT_FETCH);
    assert_int_equal(assay_op_step(waiting), ASSAY_WANT_WAIT);
    trial_sleep(100 + 250 + 20);
    assert_int_equal(assay_op_step(waiting), ASSAY_WANT_FETCH);
    stepped_answer(silent, 200, STEPPED_GOOD); /* late, and as good */
    stepped_done(silent, "token-1");
    assert_int_equal(assay_op_step(waiting), ASSAY_WANT_FETCH); /* it leads: its own request is under way */
    stepped_answer(waiting, 200, STEPPED_GOOD_TOO);
    stepped_done(waiting, "token-2");
    assay_op *op = stepped_ask(STEPPED_WAIT);
    stepped_done(op, "token-2");
}

/* By the time it fails another one has got the token. */
static void test_late_failure_is_none(void **state)
{
    (void)state;
    assay_op *silent = stepped_ask(100), *waiting = stepped_ask(STEPPED_WAIT);
    assert_int_equal(assay_op_step(silent), ASSAY_WANT_FETCH);
    assert_int_equal(assay_op_step(waiting), ASSAY_WANT_WAIT);
    trial_sleep(100 + 250 + 20);
    assert_int_equal(assay_op_step(waiting), ASSAY_WANT_FETCH);
    stepped_answer(waiting, 200, STEPPED_GOOD);
    stepped_done(waiting, "token-1");
    stepped_answer(silent, 401, STEPPED_REFUSED);
    stepped_done(silent, "token-1");
    assert_int_equal(trial_stat(the_credential, ASSAY_CREDENTIAL_STAT_FAILURES), 0);
}

/* A flight is over, and the token is to be renewed in its time: not when the lease of somebody who is gone has ended. */
static void expect_no_flight(void)
{
    assert_in_range(trial_due(the_credential), 2000000, 3000000);
}

/* The token comes late, from one whose lead was taken over: before the heir of the next leader begins, and before there is one. */
static void test_heir_that_need_not_lead(void **state)
{
    for (int before = 0; before < 2; before++) {
        assay_op *silent = stepped_ask(100), *leader = stepped_ask(STEPPED_WAIT), *heir = stepped_ask(STEPPED_WAIT);
        assert_int_equal(assay_op_step(silent), ASSAY_WANT_FETCH);
        assert_int_equal(assay_op_step(leader), ASSAY_WANT_WAIT);
        assert_int_equal(assay_op_step(heir), ASSAY_WANT_WAIT);
        trial_sleep(100 + 250 + 20);
        assert_int_equal(assay_op_step(leader), ASSAY_WANT_FETCH);
        if (before == 1)
            stepped_answer(silent, 200, STEPPED_GOOD);
        assay_op_free(leader);
        if (before == 0)
            stepped_answer(silent, 200, STEPPED_GOOD);
        stepped_done(silent, "token-1");
        stepped_done(heir, "token-1");
        expect_no_flight();
        (void)stepped_end(state);
        (void)stepped_begin(state);
    }
}

/* A renewal that its host forgot is due again, for whoever keeps tokens fresh. */
static void test_silent_renewal_is_due_again(void **state)
{
    (void)state;
    stepped_first();
    atomic_fetch_add(&stepped_clock_ms, 2900000);
    assay_op *silent = stepped_renew(100);
    assert_int_equal(assay_op_step(silent), ASSAY_WANT_FETCH);
    assert_in_range(trial_due(the_credential), 1, 350); /* when its time and the grace are over */
    trial_sleep(370);
    assert_int_equal(trial_due(the_credential), 0);
    assay_op *op = stepped_renew(STEPPED_WAIT);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
    stepped_answer(op, 200, STEPPED_GOOD_TOO);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_NOTHING);
    assert_int_equal(assay_op_result(op, NULL, NULL), ASSAY_OK);
    assay_op_free(op);
    assay_op_free(silent);
    op = stepped_ask(STEPPED_WAIT);
    stepped_done(op, "token-2");
}

static void test_case_49_cancelling(void **state)
{
    (void)state;
    assay_op *leader = stepped_ask(STEPPED_WAIT), *waiting = stepped_ask(STEPPED_WAIT),
             *patient = stepped_ask(2 * STEPPED_WAIT);
    assert_int_equal(assay_op_step(leader), ASSAY_WANT_FETCH);
    assert_int_equal(assay_op_step(waiting), ASSAY_WANT_WAIT);
    assert_int_equal(assay_op_step(patient), ASSAY_WANT_WAIT);
    assay_op_cancel(waiting);
    stepped_failed(waiting, ASSAY_E_CANCELLED);
    assert_int_equal(assay_op_step(leader), ASSAY_WANT_FETCH); /* for the others it goes on */
    assay_op_cancel(leader);
    assert_null(assay_op_fetch_url(leader));
    stepped_failed(leader, ASSAY_E_CANCELLED);
    assert_int_equal(assay_op_step(patient), ASSAY_WANT_FETCH);
    assay_op_cancel(patient);
    stepped_failed(patient, ASSAY_E_CANCELLED);
    stepped_first(); /* nothing is left behind */
}

/* The heir goes before it leads: the next one does at once, not when some lease has ended. */
static void test_heir_that_goes(void **state)
{
    (void)state;
    assay_op *leader = stepped_ask(STEPPED_WAIT), *heir = stepped_ask(2 * STEPPED_WAIT),
             *next = stepped_ask(STEPPED_WAIT);
    assert_int_equal(assay_op_step(leader), ASSAY_WANT_FETCH);
    assert_int_equal(assay_op_step(heir), ASSAY_WANT_WAIT);
    assert_int_equal(assay_op_step(next), ASSAY_WANT_WAIT);
    assay_op_free(leader);
    assert_int_equal(assay_op_step(next), ASSAY_WANT_WAIT); /* the other one has more time */
    assay_op_free(heir);
    assert_int_equal(assay_op_step(next), ASSAY_WANT_FETCH);
    stepped_answer(next, 200, STEPPED_GOOD);
    stepped_done(next, "token-1");
}

static void test_leaders_who_go_are_limited(void **state)
{
    enum { COUNT = 12 };
    assay_op *ops[COUNT];
    (void)state;
    for (int i = 0; i < COUNT; i++) {
        ops[i] = stepped_ask(STEPPED_WAIT - i * 100);
        assert_int_equal(assay_op_step(ops[i]), i == 0 ? ASSAY_WANT_FETCH : ASSAY_WANT_WAIT);
    }
    int led = 0, over = 0;
    for (int i = 0; i < COUNT; i++) {
        int want = assay_op_step(ops[i]);
        led += want == ASSAY_WANT_FETCH;
        over += want == ASSAY_WANT_NOTHING;
        assay_op_free(ops[i]);
    }
    assert_int_equal(led, ASSAY_LIMIT_ABANDONED);
    assert_int_equal(led + over, COUNT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, stepped_begin, stepped_end)
    const struct CMUnitTest tests[] = {
        TEST(test_shared_by_operations),
        TEST(test_failure_shared_by_operations),
        TEST(test_thread_waits_for_an_operation),
        TEST(test_host_that_never_answers),
        TEST(test_host_that_is_silent),
        TEST(test_late_failure_is_none),
        TEST(test_heir_that_need_not_lead),
        TEST(test_silent_renewal_is_due_again),
        TEST(test_case_49_cancelling),
        TEST(test_heir_that_goes),
        TEST(test_leaders_who_go_are_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
