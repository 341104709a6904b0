/* SPDX-License-Identifier: MIT */
/* What a fork leaves of a credential (case 48): the tokens, and nothing of locks, flights, operations, drivers and readers of the parent. */
#include "flow/credential.h"
#include "flow/fork.h"
#include "support/acquire_trial.h"
#include "support/process.h"
#include "support/stepped.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

#define WAIT 20000
#define SECONDS 60 /* that a child may take; a hang is much longer */

static int work_in_child(void *argument)
{
    const assay_access_token *token = argument;
    bool same;
    EXPECT(trial_try(EXCHANGE_SCOPE, 0, token, &same) == ASSAY_OK && same); /* inherited */
    EXPECT(trial_try(EXCHANGE_OTHER_SCOPE, 0, NULL, &same) == ASSAY_E_TOKEN_NEEDED);
    EXPECT(trial_try(EXCHANGE_OTHER_SCOPE, WAIT, NULL, &same) == ASSAY_OK);
    assay_credential_forget(the_credential, NULL);
    EXPECT(trial_try(EXCHANGE_SCOPE, 0, token, &same) == ASSAY_E_TOKEN_NEEDED);
    EXPECT(trial_try(EXCHANGE_SCOPE, WAIT, token, &same) == ASSAY_OK && !same);
    uint64_t kept = 0;
    EXPECT(assay_credential_get_stat(the_credential, ASSAY_CREDENTIAL_STAT_TOKENS, &kept) == ASSAY_OK && kept == 1);
    assay_credential_unref(the_credential);
    return 0;
}

static void test_child_inherits_and_works(void **state)
{
    (void)state;
    assay_access_token *token = exchange_scene_get(the_credential, EXCHANGE_SCOPE);
    assert_int_equal(process_run(work_in_child, token, SECONDS), 0);
    trial_requests(&the_scene, 3);
    trial_still(the_credential, EXCHANGE_SCOPE, token); /* what the child forgot is its own affair */
    assert_null(trial_kept(the_credential, EXCHANGE_OTHER_SCOPE));
    assay_access_token_unref(token);
}

static void lock_credential(void)
{
    assay_credential_lock(the_credential);
}

static void unlock_credential(void)
{
    assay_credential_unlock(the_credential);
}

static void lock_context(void)
{
    (void)pthread_mutex_lock(&the_credential->context.lock);
}

static void unlock_context(void)
{
    (void)pthread_mutex_unlock(&the_credential->context.lock);
}

static void lock_readers(void)
{
    assay_readers_hold(the_credential->kept.readers);
}

static void unlock_readers(void)
{
    assay_readers_release(the_credential->kept.readers);
}

/* Every lock that a call may hold for a moment. */
static const struct {
    void (*lock)(void), (*unlock)(void);
} locks[] = {
    {lock_credential, unlock_credential},  {lock_context, unlock_context},
    {lock_readers, unlock_readers},        {assay_credential_hold_freezing, assay_credential_release_freezing},
    {assay_fork_hold, assay_fork_release},
};

typedef struct holding {
    size_t which;
    atomic_bool held;
} holding;

static void *hold_the_lock(void *argument)
{
    holding *it = argument;
    locks[it->which].lock();
    atomic_store(&it->held, true);
    trial_sleep(200);
    atomic_store(&it->held, false);
    locks[it->which].unlock();
    return NULL;
}

/* The child also uses a credential for the first time, and has no thread of the parent to wait for. */
static int begin_and_work_in_child(void *argument)
{
    assay_credential *fresh = exchange_scene_secret(&the_scene);
    assay_access_token *token = NULL;
    EXPECT(assay_credential_get_token(fresh, EXCHANGE_SCOPE, 0, &token, NULL) == ASSAY_E_TOKEN_NEEDED);
    assay_credential_unref(fresh);
    return work_in_child(argument);
}

static void test_case_48_forked_while_locked(void **state)
{
    (void)state;
    assay_access_token *token = exchange_scene_get(the_credential, EXCHANGE_SCOPE);
    for (size_t i = 0; i < sizeof locks / sizeof locks[0]; i++) {
        pthread_t thread;
        holding it = {.which = i};
        assert_int_equal(pthread_create(&thread, NULL, hold_the_lock, &it), 0);
        while (!atomic_load(&it.held))
            trial_sleep(1);
        int pid = process_start(begin_and_work_in_child, token, SECONDS);
        assert_false(atomic_load(&it.held)); /* the fork waited for it */
        assert_int_equal(process_wait(pid), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        trial_still(the_credential, EXCHANGE_SCOPE, token);
    }
    assay_access_token_unref(token);
}

/* A flight that a thread of the parent leads is none in the child, which begins its own; the parent's goes on. */
static int fly_in_child(void *argument)
{
    bool same;
    (void)argument;
    EXPECT(trial_try(EXCHANGE_SCOPE, WAIT, NULL, &same) == ASSAY_OK);
    return 0;
}

static void test_case_48_forked_in_a_flight(void **state)
{
    trial_caller leader, waiter;
    (void)state;
    trial_fault(&the_scene, "slow", 1500, 1);
    trial_call(&leader, the_credential, EXCHANGE_SCOPE, WAIT);
    trial_wait_requests(&the_scene, 1);
    trial_call(&waiter, the_credential, EXCHANGE_SCOPE, WAIT);
    trial_sleep(50); /* both are where they wait */
    int pid = process_start(fly_in_child, NULL, SECONDS);
    assert_int_equal(process_wait(pid), 0);
    trial_answered(&leader, ASSAY_OK);
    trial_answered(&waiter, ASSAY_OK);
    assert_ptr_equal(leader.token, waiter.token);
    trial_requests(&the_scene, 2);
    trial_release(&leader);
    trial_release(&waiter);
}

typedef struct inherited {
    assay_op *leading, *waiting, *fresh, *done;
    loop *turning;
} inherited;

static int use_inherited(void *argument)
{
    const inherited *from = argument;
    assay_op *const ops[] = {from->leading, from->waiting, from->fresh};
    assay_access_token *token = NULL;
    bool same;
    EXPECT(assay_op_wait_ms(from->waiting) == 1); /* nothing to wait for */
    for (size_t i = 0; i < 3; i++) {
        EXPECT(assay_op_step(ops[i]) == ASSAY_WANT_NOTHING);
        EXPECT(assay_op_token(ops[i], &token, NULL) == ASSAY_E_FORKED && token == NULL);
        assay_op_free(ops[i]);
    }
    EXPECT(assay_op_token(from->done, &token, NULL) == ASSAY_OK); /* it had its result before */
    assay_access_token_unref(token);
    assay_op_free(from->done);
    EXPECT(assay_driver_process(from->turning->driver, NULL) == ASSAY_E_FORKED);
    assay_driver_free(from->turning->driver);
    EXPECT(trial_try(EXCHANGE_SCOPE, WAIT, NULL, &same) == ASSAY_OK);
    EXPECT(trial_try(EXCHANGE_OTHER_SCOPE, WAIT, NULL, &same) == ASSAY_OK);
    assay_credential_unref(the_credential);
    return 0;
}

static assay_op *acquire(const char *scope)
{
    return stepped_acquire(the_credential, scope, WAIT);
}

static void test_operations_and_drivers_are_the_parents(void **state)
{
    loop turning;
    (void)state;
    assay_access_token_unref(exchange_scene_get(the_credential, "https://done.example"));
    inherited from = {acquire(EXCHANGE_SCOPE), acquire(EXCHANGE_SCOPE), acquire(EXCHANGE_SCOPE),
                      acquire("https://done.example"), &turning};
    assert_int_equal(assay_op_step(from.leading), ASSAY_WANT_FETCH);
    assert_int_equal(assay_op_step(from.waiting), ASSAY_WANT_WAIT);
    assert_int_equal(assay_op_step(from.done), ASSAY_WANT_NOTHING);
    loop_open(&turning, LOOP_LEVEL);
    assert_int_equal(assay_driver_keep_tokens_fresh(turning.driver, the_credential, NULL), ASSAY_OK);
    trial_fault(&the_scene, "slow", 700, 1);
    loop_add(&turning, acquire(EXCHANGE_OTHER_SCOPE));
    trial_turn(&the_scene, &turning, 2);
    assert_int_equal(process_run(use_inherited, &from, SECONDS), 0);
    /* Nothing happened to the parent's. */
    assert_int_equal(loop_result(loop_next(&turning, WAIT)), ASSAY_OK);
    stepped_answer(from.leading, 200, STEPPED_GOOD);
    assay_op *const ops[] = {from.leading, from.waiting, from.fresh, from.done};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(assay_op_step(ops[i]), ASSAY_WANT_NOTHING);
        assert_int_equal(loop_result(ops[i]), ASSAY_OK);
    }
    loop_close(&turning);
}

static void *look_all_the_time(void *argument)
{
    while (!atomic_load((atomic_bool *)argument)) {
        assay_access_token *token = NULL;
        if (assay_credential_get_token(the_credential, EXCHANGE_SCOPE, 0, &token, NULL) == ASSAY_OK)
            assay_access_token_unref(token);
        int64_t wait_ms;
        if (assay_credential_refresh_due(the_credential, &wait_ms) != ASSAY_OK)
            abort();
    }
    return NULL;
}

static int look_in_child(void *argument)
{
    bool same;
    EXPECT(trial_try(EXCHANGE_SCOPE, 0, argument, &same) == ASSAY_OK && same);
    int64_t wait_ms = -1;
    EXPECT(assay_credential_refresh_due(the_credential, &wait_ms) == ASSAY_OK && wait_ms > 0);
    return 0;
}

/* Readers of the parent are in the middle of it: the child counts none of them, and frees what it replaces. */
static void test_forked_among_readers(void **state)
{
    enum { COUNT = 4, FORKS = 30 };
    pthread_t threads[COUNT];
    atomic_bool over = false;
    (void)state;
    assay_access_token *token = exchange_scene_get(the_credential, EXCHANGE_SCOPE);
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, look_all_the_time, &over), 0);
    for (int i = 0; i < FORKS; i++)
        assert_int_equal(process_run(look_in_child, token, SECONDS), 0);
    atomic_store(&over, true);
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assay_access_token_unref(token);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, trial_begin_frozen, trial_end)
    const struct CMUnitTest tests[] = {
        TEST(test_child_inherits_and_works),   TEST(test_case_48_forked_while_locked),
        TEST(test_case_48_forked_in_a_flight), TEST(test_operations_and_drivers_are_the_parents),
        TEST(test_forked_among_readers),
    };
    return cmocka_run_group_tests(tests, exchange_scene_setup, exchange_scene_teardown);
}
