/* SPDX-License-Identifier: MIT */
/* Renewals and forks (case 48): the thread that renews is not in the child, which renews for itself, and may fork. */
#include "flow/credential.h"
#include "support/acquire_trial.h"
#include "support/process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <unistd.h>

#define WAIT 20000
#define SECONDS 60 /* that a child may take; a hang is much longer */

/* The thread is not in the child; when a token is due there, one is started. */
static int renew_in_child(void *argument)
{
    const assay_access_token *token = argument;
    bool same = true;
    EXPECT(process_threads() == 1);
    EXPECT(!assay_refresher_poke(&the_credential->refreshing));
    exchange_scene_advance(&the_scene, 3100); /* with the delay of a child */
    EXPECT(trial_try(EXCHANGE_SCOPE, WAIT, token, &same) == ASSAY_OK && same);
    EXPECT(assay_refresher_poke(&the_credential->refreshing));
    for (int i = 0; i < WAIT && same; i++, trial_sleep(1))
        EXPECT(trial_try(EXCHANGE_SCOPE, 0, token, &same) == ASSAY_OK);
    EXPECT(!same);
    assay_credential_stop_refresh_thread(the_credential);
    assay_credential_unref(the_credential);
    EXPECT(process_wait_threads(1) == 1);
    return 0;
}

static void test_refresh_thread_starts_again_in_the_child(void **state)
{
    (void)state;
    assay_access_token *token = exchange_scene_get(the_credential, EXCHANGE_SCOPE);
    assert_int_equal(assay_credential_start_refresh_thread(the_credential, NULL), ASSAY_OK);
    trial_sleep(50);
    assert_int_equal(process_run(renew_in_child, token, SECONDS), 0);
    trial_requests(&the_scene, 2);
    trial_still(the_credential, EXCHANGE_SCOPE, token);
    exchange_scene_advance(&the_scene, 2900); /* and the parent's still works */
    trial_still(the_credential, EXCHANGE_SCOPE, token);
    assay_access_token *second = trial_renewed(the_credential, EXCHANGE_SCOPE, token);
    trial_requests(&the_scene, 3);
    assay_access_token_unref(token);
    assay_access_token_unref(second);
}

/* In the middle of a renewal by the thread: in the child it is due once more. */
static int renew_anew(void *argument)
{
    const assay_access_token *token = argument;
    bool same = true;
    exchange_scene_advance(&the_scene, 200); /* the delay of a child */
    for (int i = 0; i < WAIT && same; i++, trial_sleep(1))
        EXPECT(trial_try(EXCHANGE_SCOPE, WAIT, token, &same) == ASSAY_OK);
    EXPECT(!same);
    assay_credential_unref(the_credential);
    return 0;
}

static void test_forked_in_a_renewal(void **state)
{
    (void)state;
    assay_access_token *token = exchange_scene_get(the_credential, EXCHANGE_SCOPE);
    trial_fault(&the_scene, "slow", 1500, 1);
    exchange_scene_advance(&the_scene, 2900);
    trial_still(the_credential, EXCHANGE_SCOPE, token);
    trial_wait_requests(&the_scene, 2);
    assert_int_equal(process_run(renew_anew, token, SECONDS), 0);
    assay_access_token *second = trial_renewed(the_credential, EXCHANGE_SCOPE, token);
    trial_requests(&the_scene, 3);
    assay_access_token_unref(token);
    assay_access_token_unref(second);
}

static int tell_due(void *argument)
{
    int64_t wait_ms = 0;
    EXPECT(assay_credential_refresh_due(the_credential, &wait_ms) == ASSAY_OK);
    EXPECT(write(*(const int *)argument, &wait_ms, sizeof wait_ms) == sizeof wait_ms);
    return 0;
}

/* Workers that have one token do not all ask for the next one at the same moment. */
static void test_children_renew_one_after_the_other(void **state)
{
    enum { COUNT = 8 };
    int ends[2];
    int64_t due[COUNT];
    (void)state;
    assay_access_token_unref(exchange_scene_get(the_credential, EXCHANGE_SCOPE));
    int64_t own = trial_due(the_credential);
    assert_int_equal(pipe(ends), 0);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(process_run(tell_due, &ends[1], SECONDS), 0);
        assert_int_equal(read(ends[0], &due[i], sizeof due[i]), sizeof due[i]);
        assert_in_range(due[i], own, own + (3570 * 1000 - own) / 4);
        for (size_t j = 0; j < i; j++)
            assert_int_not_equal(due[i], due[j]);
    }
    assert_int_equal(trial_due(the_credential), own); /* the parent is as it was */
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static atomic_int forks, forks_failed;

/* As a host may that runs a program for its assertion: from the thread that renews, too. */
static int assertion_by_child(void *user_data, char *room, size_t size, size_t *len)
{
    if (process_run(process_do_nothing, NULL, 10) != 0)
        atomic_fetch_add(&forks_failed, 1);
    atomic_fetch_add(&forks, 1);
    return exchange_scene_assertion(user_data, room, size, len);
}

static void test_forked_by_the_refresh_thread(void **state)
{
    (void)state;
    trial_replace(exchange_scene_credential(&the_scene, "client-assertion"));
    assert_int_equal(assay_credential_set_assertion_function(the_credential, assertion_by_child, NULL, NULL, NULL),
                     ASSAY_OK);
    assay_access_token *token = exchange_scene_get(the_credential, EXCHANGE_SCOPE);
    exchange_scene_advance(&the_scene, 2900);
    trial_still(the_credential, EXCHANGE_SCOPE, token);
    assay_access_token *second = trial_renewed(the_credential, EXCHANGE_SCOPE, token);
    assert_int_equal(atomic_load(&forks), 2);
    assert_int_equal(atomic_load(&forks_failed), 0);
    assay_access_token_unref(token);
    assay_access_token_unref(second);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, trial_begin_frozen, trial_end)
    const struct CMUnitTest tests[] = {
        TEST(test_refresh_thread_starts_again_in_the_child),
        TEST(test_forked_in_a_renewal),
        TEST(test_children_renew_one_after_the_other),
        TEST(test_forked_by_the_refresh_thread),
    };
    return cmocka_run_group_tests(tests, exchange_scene_setup, exchange_scene_teardown);
}
