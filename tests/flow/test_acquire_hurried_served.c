/* SPDX-License-Identifier: MIT */
/* A caller's time ends during the second try of its exchange, with a server: in a thread that waits, and in a driver. */
#include "support/acquire_trial.h"
#include "support/loop.h"
#include "support/pace.h"
#include "support/stepped.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#define WAIT TRIAL_PATIENCE

static exchange_scene scene;
static assay_credential *credential;

/* Milliseconds: enough for a first try, the pause of a second or so behind it, and the beginning of a second try, which then takes SLOW. */
static int64_t hurry(void)
{
    return pace_is_slowed() ? 10000 : 3000;
}

#define SLOW (hurry() + 6000)

static int start(void **state)
{
    (void)state;
    exchange_scene_start(&scene);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    exchange_scene_stop(&scene);
    return 0;
}

static int open_credential(void **state)
{
    (void)state;
    trial_reset(&scene);
    credential = exchange_scene_secret(&scene);
    return 0;
}

static int close_credential(void **state)
{
    (void)state;
    assay_credential_unref(credential);
    credential = NULL;
    return 0;
}

static void says(const assay_error *error, const char *words)
{
    if (strstr(assay_error_message(error), words) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", words, assay_error_message(error));
}

/* The first try fails, the second one takes too long; from then on all is well. */
static void test_caller_that_blocks(void **state)
{
    (void)state;
    trial_caller hurried, waiting, patient;
    trial_fault(&scene, "status", 503, 1);
    trial_call(&hurried, credential, EXCHANGE_SCOPE, hurry());
    trial_requests(&scene, 1);
    trial_fault(&scene, "slow", SLOW, 1);
    trial_wait_requests(&scene, 2); /* by the hurried one; who finds it tardy in the pause would try in its place */
    trial_call(&patient, credential, EXCHANGE_SCOPE, 60000);
    trial_call(&waiting, credential, EXCHANGE_SCOPE, 500);
    trial_answered(&waiting, ASSAY_E_GRANT_UNAVAILABLE);
    assert_int_equal(assay_error_diagnosis(waiting.error), 38);
    trial_release(&waiting);
    trial_answered(&hurried, ASSAY_E_GRANT_UNAVAILABLE);
    assert_true(hurried.took_ms >= hurry() - 5);
    assert_int_equal(assay_error_diagnosis(hurried.error), 38);
    assert_int_equal(assay_error_http_status(hurried.error), 503);
    assert_int_equal(strlen(assay_error_correlation_id(hurried.error)), 36);
    says(hurried.error, "status 503");
    says(hurried.error, "; the time was up before another try was answered");
    trial_release(&hurried);
    trial_answered(&patient, ASSAY_OK);
    assert_true(patient.took_ms < SLOW); /* the next one did not wait for that answer */
    trial_release(&patient);
}

/* The driver goes on where the operation had not the time. */
static void test_operation_of_a_driver(void **state)
{
    (void)state;
    loop turning;
    assay_op *op = NULL;
    assay_token_request *request = NULL;
    loop_open(&turning, LOOP_EDGE);
    trial_fault(&scene, "status", 503, 1);
    assert_int_equal(assay_token_request_new(EXCHANGE_SCOPE, &request, NULL), ASSAY_OK);
    assert_int_equal(assay_op_new_acquire(credential, request, hurry(), &op, NULL), ASSAY_OK);
    assay_token_request_free(request);
    loop_add(&turning, op);
    for (int64_t until = trial_now_ms() + WAIT; exchange_scene_requests(&scene) < 1; loop_turn(&turning, 5))
        assert_true(trial_now_ms() < until);
    trial_fault(&scene, "slow", SLOW, 1);
    assert_ptr_equal(loop_next(&turning, WAIT), op);
    stepped_ended(op, ASSAY_E_GRANT_UNAVAILABLE, 38, "; the time was up before another try was answered");
    assay_access_token *token = NULL;
    for (int64_t until = trial_now_ms() + WAIT; token == NULL; token = trial_kept(credential, EXCHANGE_SCOPE)) {
        assert_true(trial_now_ms() < until);
        loop_turn(&turning, 5);
    }
    assay_access_token_unref(token);
    trial_requests(&scene, 3);
    loop_close(&turning);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_caller_that_blocks, open_credential, close_credential),
        cmocka_unit_test_setup_teardown(test_operation_of_a_driver, open_credential, close_credential),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
