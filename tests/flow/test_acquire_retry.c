/* SPDX-License-Identifier: MIT */
/* What is asked for again, after how long, and who is told instead (cases 21 to 23, 51 to 57, 59). The clock stands still but for the test. */
#include "support/acquire_trial.h"
#include "support/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <time.h>

#define PATIENT 300000 /* milliseconds: longer than any wait that is asked for here, by either clock */
#define LOOK_MS 30     /* the flight looks at a clock that is not the system's every 20 ms */

/* A first answer goes wrong in this way, and so many seconds later the second one is good. */
static void expect_wait(const char *kind, int64_t value, int64_t least, int64_t most)
{
    trial_caller caller;
    trial_reset(&the_scene);
    trial_fault(&the_scene, kind, value, 1);
    assay_credential *other = exchange_scene_secret(&the_scene);
    trial_call(&caller, other, EXCHANGE_SCOPE, PATIENT);
    trial_requests(&the_scene, 1);
    int64_t waited = trial_pump(&the_scene, 2, LOOK_MS);
    assert_in_range(waited, least, most);
    trial_answered(&caller, ASSAY_OK);
    trial_requests(&the_scene, 2);
    trial_release(&caller);
    assay_credential_unref(other);
}

static void test_case_51_retry_after(void **state)
{
    (void)state;
    expect_wait("throttled", 2, 2, 4);
    expect_wait("throttled-ms", 1500, 2, 4);
    expect_wait("unavailable", 7, 7, 9);
}

static void test_case_52_dates(void **state)
{
    (void)state;
    expect_wait("throttled-date", 20, 19,
                25); /* by this machine's clock, from which the test's was taken a moment ago */
    expect_wait("throttled-past", 60, 60, 62);
}

static void refused_for(const char *kind, int64_t value, int64_t seconds)
{
    trial_reset(&the_scene);
    trial_fault(&the_scene, kind, value, 1);
    assay_credential *other = exchange_scene_secret(&the_scene);
    int64_t began = trial_now_ms();
    assay_error *error = exchange_scene_refused(other, EXCHANGE_SCOPE, 5000, ASSAY_E_THROTTLED);
    assert_true(trial_now_ms() - began < 2000);
    assert_int_equal(assay_error_retry_after(error), seconds);
    assay_error_free(error);
    trial_requests(&the_scene, 1);
    assay_credential_unref(other);
}

static void test_case_53_unusable_waits(void **state)
{
    (void)state;
    refused_for("retry-after-garbage", -1, 60);
    refused_for("retry-after-negative", -1, 60);
    refused_for("throttled-bare", -1, 60);
    refused_for("throttled", 99999999, 3600);
}

static void test_case_54_gate(void **state)
{
    (void)state;
    trial_fault(&the_scene, "throttled", 60, 1);
    int64_t began = trial_now_ms();
    assay_error *error = exchange_scene_refused(the_credential, EXCHANGE_SCOPE, 5000, ASSAY_E_THROTTLED);
    assert_int_equal(assay_error_retry_after(error), 60);
    assay_error_free(error);
    exchange_scene_advance(&the_scene, 30);
    error = exchange_scene_refused(the_credential, EXCHANGE_SCOPE, 5000, ASSAY_E_THROTTLED); /* also the next one */
    assert_int_equal(assay_error_retry_after(error), 30);
    assert_int_equal(assay_error_diagnosis(error), 36); /* and it still says why */
    assay_error_free(error);
    assert_true(trial_now_ms() - began < 2000);
    trial_requests(&the_scene, 1);
    assay_access_token_unref(
        exchange_scene_get(the_credential, EXCHANGE_OTHER_SCOPE)); /* another one is not concerned */
    assert_int_equal(trial_stat(the_credential, ASSAY_CREDENTIAL_STAT_THROTTLED), 1);
    exchange_scene_advance(&the_scene, 31);
    assay_access_token_unref(exchange_scene_get(the_credential, EXCHANGE_SCOPE));
    trial_requests(&the_scene, 3);
}

static void test_gate_after_503(void **state)
{
    (void)state;
    trial_fault(&the_scene, "unavailable", 40, 1);
    assay_error *error = exchange_scene_refused(the_credential, EXCHANGE_SCOPE, 5000, ASSAY_E_GRANT_UNAVAILABLE);
    assert_int_equal(assay_error_retry_after(error), 40);
    assay_error_free(error);
    error = exchange_scene_refused(the_credential, EXCHANGE_SCOPE, 5000, ASSAY_E_GRANT_UNAVAILABLE);
    assay_error_free(error);
    trial_requests(&the_scene, 1);
    exchange_scene_advance(&the_scene, 41);
    assay_access_token_unref(exchange_scene_get(the_credential, EXCHANGE_SCOPE));
    trial_requests(&the_scene, 2);
}

/* A clock that was set back does not close the gate for longer than a server may ask for. */
static void test_gate_and_clock_set_back(void **state)
{
    (void)state;
    trial_fault(&the_scene, "throttled", 60, 1);
    assay_error_free(exchange_scene_refused(the_credential, EXCHANGE_SCOPE, 5000, ASSAY_E_THROTTLED));
    exchange_scene_advance(&the_scene, -86400);
    assay_access_token_unref(exchange_scene_get(the_credential, EXCHANGE_SCOPE));
}

/* Somebody waits for the server as long as it asked; who has not so much time is told at once, and nobody asks before. */
static void test_pause_is_told_to_the_hurried(void **state)
{
    (void)state;
    trial_caller patient, friend, hurried;
    trial_fault(&the_scene, "throttled", 60, 1);
    trial_call(&patient, the_credential, EXCHANGE_SCOPE, PATIENT);
    trial_requests(&the_scene, 1);
    trial_sleep(100); /* it waits by now */
    trial_call(&friend, the_credential, EXCHANGE_SCOPE, PATIENT);
    trial_call(&hurried, the_credential, EXCHANGE_SCOPE, 20000);
    trial_answered(&hurried, ASSAY_E_THROTTLED);
    assert_true(hurried.took_ms < 5000);
    assert_in_range(assay_error_retry_after(hurried.error), 55, 60);
    assert_true(trial_pump(&the_scene, 2, LOOK_MS) >= 59);
    trial_answered(&patient, ASSAY_OK);
    trial_answered(&friend, ASSAY_OK);
    assert_ptr_equal(patient.token, friend.token);
    trial_requests(&the_scene, 2);
    trial_release(&patient);
    trial_release(&friend);
    trial_release(&hurried);
}

/* The same for one that waited already when the server asked. */
static void test_pause_is_told_to_those_who_wait(void **state)
{
    (void)state;
    trial_caller patient, hurried;
    trial_fault(&the_scene, "throttled", 60, 1);
    dev_issuer_stats_reset(the_scene.entra);
    trial_call(&patient, the_credential, EXCHANGE_SCOPE, PATIENT);
    trial_call(&hurried, the_credential, EXCHANGE_SCOPE, 20000);
    trial_answered(&hurried, ASSAY_E_THROTTLED);
    assert_true(hurried.took_ms < 5000);
    trial_release(&hurried);
    /* Either the patient one led and waits, or it was told as well: a server that asked is not asked before. */
    if (!atomic_load(&patient.done)) {
        trial_sleep(100);
        exchange_scene_advance(&the_scene, 61);
    }
    assert_int_equal(pthread_join(patient.thread, NULL), 0);
    assert_true(patient.code == ASSAY_OK || patient.code == ASSAY_E_THROTTLED);
    assert_int_equal(exchange_scene_requests(&the_scene), patient.code == ASSAY_OK ? 2 : 1);
    trial_release(&patient);
}

static void test_case_55_two_failures(void **state)
{
    (void)state;
    trial_caller caller;
    trial_fault(&the_scene, "status", 503, 2);
    trial_call(&caller, the_credential, EXCHANGE_SCOPE, PATIENT);
    trial_requests(&the_scene, 1);
    assert_in_range(trial_pump(&the_scene, 2, LOOK_MS), 1, 4); /* a second, a fifth more or less */
    assert_in_range(trial_pump(&the_scene, 3, LOOK_MS), 1, 5); /* two */
    trial_answered(&caller, ASSAY_OK);
    trial_requests(&the_scene, 3);
    assert_int_equal(trial_stat(the_credential, ASSAY_CREDENTIAL_STAT_EXCHANGES), 1);
    assert_int_equal(trial_stat(the_credential, ASSAY_CREDENTIAL_STAT_REQUESTS), 3);
    assert_int_equal(trial_stat(the_credential, ASSAY_CREDENTIAL_STAT_FAILURES), 0);
    trial_release(&caller);
}

static void test_three_failures_are_enough(void **state)
{
    (void)state;
    trial_caller caller;
    trial_fault(&the_scene, "status", 503, -1);
    trial_call(&caller, the_credential, EXCHANGE_SCOPE, PATIENT);
    (void)trial_pump(&the_scene, 3, LOOK_MS);
    trial_answered(&caller, ASSAY_E_GRANT_UNAVAILABLE);
    exchange_scene_advance(&the_scene, 100);
    trial_requests(&the_scene, 3);
    trial_release(&caller);
}

static void test_case_56_refusals_are_final(void **state)
{
    (void)state;
    static const int64_t numbers[] = {7000215, 70021, 700016, 90002};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        trial_reset(&the_scene);
        trial_fault(&the_scene, "aadsts", numbers[i], 1);
        assay_error_free(exchange_scene_refused(the_credential, EXCHANGE_SCOPE, 5000, ASSAY_E_GRANT));
        trial_requests(&the_scene, 1);
    }
}

static void test_case_57_propagation(void **state)
{
    (void)state;
    trial_caller caller;
    assay_credential *workload = exchange_scene_workload(&the_scene);
    assert_int_equal(assay_credential_wait_for_propagation(workload, NULL), ASSAY_OK);
    trial_fault(&the_scene, "aadsts", 70021, 2);
    trial_call(&caller, workload, EXCHANGE_SCOPE, PATIENT);
    trial_requests(&the_scene, 1);
    assert_in_range(trial_pump(&the_scene, 2, LOOK_MS), 5, 7);
    assert_in_range(trial_pump(&the_scene, 3, LOOK_MS), 10, 12);
    trial_answered(&caller, ASSAY_OK);
    trial_release(&caller);
    assay_credential_forget(workload, NULL); /* it worked once: the next time it is an error */
    trial_fault(&the_scene, "aadsts", 70021, 1);
    assay_error_free(exchange_scene_refused(workload, EXCHANGE_SCOPE, 5000, ASSAY_E_GRANT));
    trial_requests(&the_scene, 4);
    assay_credential_unref(workload);
}

/* What a machine that others use too may take beyond a deadline. */
static int64_t slack(void)
{
    return pace_is_sanitized() ? 1000 : 150;
}

static void test_case_59_deadlines(void **state)
{
    (void)state;
    trial_caller caller;
    trial_fault(&the_scene, "slow", 3000, -1);
    trial_call(&caller, the_credential, EXCHANGE_SCOPE, 400);
    trial_answered(&caller, ASSAY_E_TIMEOUT);
    assert_in_range(caller.took_ms, 395, 400 + slack());
    trial_release(&caller);
    assay_credential_stop_refresh_thread(the_credential); /* which had been asked to go on */
    trial_reset(&the_scene);
    trial_fault(&the_scene, "status", 503, -1); /* there is no time for the next try: told at once, and why */
    trial_call(&caller, the_credential, EXCHANGE_OTHER_SCOPE, 500);
    trial_answered(&caller, ASSAY_E_GRANT_UNAVAILABLE);
    assert_true(caller.took_ms <= 500 + slack());
    trial_release(&caller);
}

/* For so many seconds from this machine's time, wherever the test's clock is. */
static void write_file_that_lives(int64_t seconds)
{
    char request[160];
    long long expiry = (long long)time(NULL) + seconds;
    (void)snprintf(request, sizeof request, "{\"claims\":{\"iat\":%lld,\"nbf\":%lld,\"exp\":%lld}}", expiry - 3600,
                   expiry - 3600, expiry);
    exchange_scene_write_minted(&the_scene, request);
}

static void test_case_21_file_that_changed(void **state)
{
    (void)state;
    trial_caller caller;
    assay_credential *workload = exchange_scene_workload(&the_scene);
    exchange_scene_advance(&the_scene, -7200); /* by our clock it is good */
    write_file_that_lives(-3600);
    trial_fault(&the_scene, "slow", 400, 1);
    trial_call(&caller, workload, EXCHANGE_SCOPE, 10000);
    trial_wait_requests(&the_scene, 1);
    write_file_that_lives(3600); /* while the server makes up its mind */
    trial_answered(&caller, ASSAY_OK);
    trial_requests(&the_scene, 2);
    trial_release(&caller);
    assay_credential_unref(workload);
}

static void test_case_22_file_that_did_not_change(void **state)
{
    (void)state;
    assay_credential *workload = exchange_scene_workload(&the_scene);
    exchange_scene_advance(&the_scene, -7200);
    write_file_that_lives(-3600);
    assay_error *error = exchange_scene_refused(workload, EXCHANGE_SCOPE, 10000, ASSAY_E_GRANT);
    assert_string_equal(assay_error_server_code(error), "AADSTS700024");
    assay_error_free(error);
    trial_requests(&the_scene, 1);
    assay_credential_unref(workload);
}

static void test_case_23_file_that_is_about_to_change(void **state)
{
    (void)state;
    trial_caller caller;
    assay_credential *workload = exchange_scene_workload(&the_scene);
    write_file_that_lives(-10);
    trial_call(&caller, workload, EXCHANGE_SCOPE, 10000);
    trial_sleep(100);
    assert_int_equal(exchange_scene_requests(&the_scene), 0);
    write_file_that_lives(3600);
    assert_true(trial_pump(&the_scene, 1, LOOK_MS) >= 1);
    trial_answered(&caller, ASSAY_OK);
    trial_release(&caller);
    assay_credential_forget(workload, NULL);
    write_file_that_lives(-10); /* nobody replaces it: three looks */
    trial_call(&caller, workload, EXCHANGE_SCOPE, 10000);
    while (!atomic_load(&caller.done)) {
        exchange_scene_advance(&the_scene, 1);
        trial_sleep(LOOK_MS);
    }
    trial_answered(&caller, ASSAY_E_TOKEN_FILE_EXPIRED);
    assert_int_equal(assay_error_diagnosis(caller.error), 54);
    trial_release(&caller);
    trial_requests(&the_scene, 1);
    assay_credential_unref(workload);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, trial_begin_frozen, trial_end)
    const struct CMUnitTest tests[] = {
        TEST(test_case_51_retry_after),
        TEST(test_case_52_dates),
        TEST(test_case_53_unusable_waits),
        TEST(test_case_54_gate),
        TEST(test_gate_after_503),
        TEST(test_gate_and_clock_set_back),
        TEST(test_pause_is_told_to_the_hurried),
        TEST(test_pause_is_told_to_those_who_wait),
        TEST(test_case_55_two_failures),
        TEST(test_three_failures_are_enough),
        TEST(test_case_56_refusals_are_final),
        TEST(test_case_57_propagation),
        TEST(test_case_59_deadlines),
        TEST(test_case_21_file_that_changed),
        TEST(test_case_22_file_that_did_not_change),
        TEST(test_case_23_file_that_is_about_to_change),
    };
    return cmocka_run_group_tests(tests, exchange_scene_setup, exchange_scene_teardown);
}
