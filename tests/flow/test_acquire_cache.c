/* SPDX-License-Identifier: MIT */
/* Kept tokens: given at once, renewed behind whoever asks, told of, and those of another process (cases 20, 37 to 40, 44). */
#include "support/acquire_trial.h"
#include "support/process.h"
#include "support/store_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void test_case_37_given_until_shortly_before_expiry(void **state)
{
    (void)state;
    assay_access_token *first = exchange_scene_get(the_credential, EXCHANGE_SCOPE);
    exchange_scene_advance(&the_scene, 2590);
    trial_still(the_credential, EXCHANGE_SCOPE, first); /* a fifth and a tenth before: not due */
    trial_requests(&the_scene, 1);
    /* Nobody renews it, since nobody asks: at 31 s before its end it is given, at 29 s it is not. */
    exchange_scene_advance(&the_scene, 979);
    assay_access_token *kept = trial_kept(the_credential, EXCHANGE_SCOPE);
    assert_ptr_equal(kept, first);
    exchange_scene_advance(&the_scene, 2);
    assert_null(trial_kept(the_credential, EXCHANGE_SCOPE));
    assay_access_token *second = exchange_scene_get(the_credential, EXCHANGE_SCOPE); /* waits for it */
    assert_ptr_not_equal(second, first);
    trial_requests(&the_scene, 2);
    assay_access_token_unref(first);
    assay_access_token_unref(kept);
    assay_access_token_unref(second);
}

static void test_case_38_renewed_behind_the_callers(void **state)
{
    (void)state;
    trial_settings(&the_scene, "{\"refresh_in\":600}");
    assay_access_token *first = exchange_scene_get(the_credential, EXCHANGE_SCOPE);
    exchange_scene_advance(&the_scene, 500);
    trial_still(the_credential, EXCHANGE_SCOPE, first);
    trial_requests(&the_scene, 1);
    trial_fault(&the_scene, "slow", 1500, 1);
    exchange_scene_advance(&the_scene, 101);
    int64_t began = trial_now_ms();
    for (int i = 0; i < 100; i++) /* A has it renewed, B gets the old one at once */
        trial_still(the_credential, EXCHANGE_SCOPE, first);
    assert_true(trial_now_ms() - began < 1500);
    assay_access_token *second = trial_renewed(the_credential, EXCHANGE_SCOPE, first);
    trial_requests(&the_scene, 2);
    assert_int_equal(trial_stat(the_credential, ASSAY_CREDENTIAL_STAT_REFRESHES), 1);
    assay_access_token_unref(first);
    assay_access_token_unref(second);
}

static void test_case_39_failing_renewal_harms_nobody(void **state)
{
    (void)state;
    assay_access_token *first = exchange_scene_get(the_credential, EXCHANGE_SCOPE);
    trial_fault(&the_scene, "status", 503, -1);
    exchange_scene_advance(&the_scene, 2881);
    trial_still(the_credential, EXCHANGE_SCOPE, first);
    assert_true(trial_pump(&the_scene, 4, 30) <= 10); /* three tries with pauses of one and two seconds */
    trial_wait_stat(the_credential, ASSAY_CREDENTIAL_STAT_FAILURES, 1);
    exchange_scene_advance(&the_scene, 29);
    trial_still(the_credential, EXCHANGE_SCOPE, first);
    trial_requests(&the_scene, 4); /* not yet again */
    exchange_scene_advance(&the_scene, 2);
    trial_still(the_credential, EXCHANGE_SCOPE, first);
    trial_requests(&the_scene, 5);
    trial_fault(&the_scene, "none", -1, -1);
    exchange_scene_advance(&the_scene, 2);
    assay_access_token *second = trial_renewed(the_credential, EXCHANGE_SCOPE, first);
    trial_requests(&the_scene, 6);
    assert_int_equal(trial_stat(the_credential, ASSAY_CREDENTIAL_STAT_FAILURES), 1);
    assert_int_equal(trial_stat(the_credential, ASSAY_CREDENTIAL_STAT_EXCHANGES), 3);
    assay_access_token_unref(first);
    assay_access_token_unref(second);
}

static void expect_renewal(const char *settings, int64_t earliest, int64_t latest)
{
    trial_reset(&the_scene);
    trial_settings(&the_scene, settings);
    assay_credential *other = exchange_scene_secret(&the_scene);
    assay_access_token *first = exchange_scene_get(other, EXCHANGE_SCOPE);
    assert_in_range(trial_due(other), earliest * 1000, latest * 1000);
    exchange_scene_advance(&the_scene, earliest - 1);
    trial_still(other, EXCHANGE_SCOPE, first);
    trial_requests(&the_scene, 1);
    exchange_scene_advance(&the_scene, latest - earliest + 2);
    trial_still(other, EXCHANGE_SCOPE, first);
    assay_access_token *second = trial_renewed(other, EXCHANGE_SCOPE, first);
    trial_requests(&the_scene, 2);
    assay_access_token_unref(first);
    assay_access_token_unref(second);
    assay_credential_unref(other);
}

static void test_case_40_when_it_is_renewed(void **state)
{
    (void)state;
    expect_renewal("{\"token_lifetime\":86400}", 62208, 69120); /* a day less a fifth, less up to a tenth */
    expect_renewal("{\"token_lifetime\":86400,\"refresh_in\":43200}", 38880, 43200);
    expect_renewal("{\"token_lifetime\":3600}", 2592, 2880);
    expect_renewal("{\"token_lifetime\":300}", 135, 150);
}

static void test_case_44_clock_set_back(void **state)
{
    (void)state;
    exchange_scene_advance(&the_scene, 7200);
    assay_access_token *first = exchange_scene_get(the_credential, EXCHANGE_SCOPE);
    exchange_scene_advance(&the_scene, -3600);
    assay_access_token *second = exchange_scene_get(the_credential, EXCHANGE_SCOPE);
    assert_ptr_not_equal(second, first);
    trial_requests(&the_scene, 2);
    exchange_scene_advance(&the_scene, 3571); /* the first one's life would seem to have an hour to go */
    assert_null(trial_kept(the_credential, EXCHANGE_SCOPE));
    assay_access_token_unref(first);
    assay_access_token_unref(second);
}

static void test_case_20_rotated_file_changes_nothing(void **state)
{
    (void)state;
    assay_credential *workload = exchange_scene_workload(&the_scene);
    assay_access_token *first = exchange_scene_get(workload, EXCHANGE_SCOPE);
    exchange_scene_rotate_file(&the_scene);
    trial_still(workload, EXCHANGE_SCOPE, first);
    exchange_scene_write_file(&the_scene, "", 0);
    trial_still(workload, EXCHANGE_SCOPE, first);
    trial_requests(&the_scene, 1);
    assay_access_token_unref(first);
    assay_credential_unref(workload);
}

static void test_refresh_due(void **state)
{
    (void)state;
    assert_int_equal(trial_due(the_credential), -1); /* nothing was asked for */
    assay_access_token_unref(exchange_scene_get(the_credential, EXCHANGE_SCOPE));
    assert_in_range(trial_due(the_credential), 2592000, 2880000);
    exchange_scene_advance(&the_scene, 1000);
    assert_in_range(trial_due(the_credential), 1592000, 1880000);
    trial_settings(&the_scene, "{\"token_lifetime\":300}");
    assay_access_token_unref(exchange_scene_get(the_credential, EXCHANGE_OTHER_SCOPE));
    assert_in_range(trial_due(the_credential), 135000, 150000); /* the first one of all */
    exchange_scene_advance(&the_scene, 150);
    assert_int_equal(trial_due(the_credential), 0);
    exchange_scene_advance(&the_scene, 6 * 3600 + 1); /* nobody uses them any more */
    assert_int_equal(trial_due(the_credential), -1);
    trial_requests(&the_scene, 2);
    assay_credential_forget(the_credential, NULL);
    assert_int_equal(trial_due(the_credential), -1);
}

static void test_statistics(void **state)
{
    (void)state;
    static const uint64_t expected[] = {3, 3, 1, 0, 1, 1, 0}; /* as the enum has them */
    uint64_t value;
    assay_access_token_unref(exchange_scene_get(the_credential, EXCHANGE_SCOPE));
    trial_fault(&the_scene, "aadsts", 7000215, 1);
    assay_error_free(exchange_scene_refused(the_credential, EXCHANGE_OTHER_SCOPE, 5000, ASSAY_E_GRANT));
    trial_fault(&the_scene, "throttled", 60, 1);
    assay_error_free(exchange_scene_refused(the_credential, EXCHANGE_OTHER_SCOPE, 5000, ASSAY_E_THROTTLED));
    assay_error_free(exchange_scene_refused(the_credential, EXCHANGE_OTHER_SCOPE, 5000, ASSAY_E_THROTTLED));
    for (int i = 0; i < (int)(sizeof expected / sizeof expected[0]); i++)
        if (i != ASSAY_CREDENTIAL_STAT_FAILURES)
            assert_int_equal(trial_stat(the_credential, i), expected[i]);
    assert_int_equal(trial_stat(the_credential, ASSAY_CREDENTIAL_STAT_FAILURES), 2);
    assert_int_equal(assay_credential_get_stat(the_credential, 7, &value), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_credential_get_stat(the_credential, -1, &value), ASSAY_E_ARGUMENT);
    trial_requests(&the_scene, 3);
}

static void test_description(void **state)
{
    (void)state;
    uint8_t *text = NULL;
    size_t len = 0;
    assay_access_token *token = exchange_scene_get(the_credential, EXCHANGE_SCOPE);
    trial_fault(&the_scene, "aadsts", 7000215, 1);
    assay_error_free(exchange_scene_refused(the_credential, EXCHANGE_OTHER_SCOPE, 5000, ASSAY_E_GRANT));
    assert_int_equal(assay_credential_describe(the_credential, &text, &len, NULL), ASSAY_OK);
    json_t *found = json_loadb((const char *)text, len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(found);
    const json_t *tokens = json_object_get(found, "tokens");
    assert_int_equal(json_array_size(tokens), 2);
    for (size_t i = 0; i < 2; i++) {
        const json_t *one = json_array_get(tokens, i);
        bool vault = strcmp(json_string_value(json_object_get(one, "scope")), EXCHANGE_SCOPE) == 0;
        const json_t *failure = json_object_get(one, "last_failure");
        assert_true(vault ? json_is_null(failure) : strcmp(json_string_value(failure), "ASSAY_E_GRANT") == 0);
        json_int_t expires_in = json_integer_value(json_object_get(one, "expires_in_seconds"));
        assert_in_range(expires_in, vault ? 3570 : 0, vault ? 3600 : 0);
        assert_true(json_is_null(json_object_get(one, "refresh_in_seconds")) != vault);
    }
    assert_null(strstr((const char *)text, assay_access_token_text(token, NULL)));
    assert_null(strstr((const char *)text, EXCHANGE_SECRET));
    json_decref(found);
    assay_bytes_free(text, len);
    assay_access_token_unref(token);
}

static assay_credential *sharing_credential(void)
{
    assay_credential *made = exchange_scene_secret(&the_scene);
    assert_int_equal(assay_credential_set_cache_directory(made, store_directory, NULL), ASSAY_OK);
    return made;
}

/* A token of another process is in the directory, and due; what @p kind says is wrong with the server. It is given, and renewed as soon as that is possible. */
static void given_though_due(const char *kind, int64_t value, int64_t timeout_ms)
{
    assay_credential *before = sharing_credential();
    assay_access_token *token = exchange_scene_get(before, EXCHANGE_SCOPE), *got = NULL;
    exchange_scene_advance(&the_scene, 2900);
    trial_fault(&the_scene, kind, value, -1);
    assay_credential *fresh = sharing_credential();
    assert_int_equal(assay_credential_get_token(fresh, EXCHANGE_SCOPE, timeout_ms, &got, NULL), ASSAY_OK);
    assert_string_equal(assay_access_token_text(got, NULL), assay_access_token_text(token, NULL));
    assert_int_equal(trial_stat(fresh, ASSAY_CREDENTIAL_STAT_SHARED), 1);
    trial_fault(&the_scene, "none", -1, -1);
    exchange_scene_advance(&the_scene, 31);
    assay_access_token_unref(exchange_scene_get(fresh, EXCHANGE_SCOPE)); /* which calls for it */
    assay_access_token *second = trial_renewed(fresh, EXCHANGE_SCOPE, got);
    assert_string_not_equal(assay_access_token_text(second, NULL), assay_access_token_text(token, NULL));
    exchange_scene_advance(&the_scene, -2931);
    assay_access_token_unref(second);
    assay_access_token_unref(got);
    assay_access_token_unref(token);
    assay_credential_unref(fresh);
    assay_credential_unref(before);
}

static void test_shared_token_that_is_due(void **state)
{
    assert_int_equal(store_folder_open(state), 0);
    given_though_due("aadsts", 7000215, 5000); /* the server refuses, */
    assay_credential_forget(the_credential, NULL);
    assert_int_equal(store_folder_remove(state), 0);
    assert_int_equal(store_folder_open(state), 0);
    given_though_due("slow", 1500, 300); /* or takes longer than there is time */
    assert_int_equal(store_folder_remove(state), 0);
}

typedef struct meanwhile {
    int ready[2];
} meanwhile;

/* Another process is about to obtain it, and takes its time. */
static int renew_slowly(void *argument)
{
    const meanwhile *it = argument;
    assay_credential *slow = sharing_credential();
    assay_access_token *got = NULL;
    (void)write(it->ready[1], "x", 1);
    int code = assay_credential_get_token(slow, EXCHANGE_SCOPE, 20000, &got, NULL);
    assay_access_token_unref(got);
    _exit(code == ASSAY_OK ? 0 : 1);
}

static void test_nobody_waits_for_a_renewal_of_another_process(void **state)
{
    char byte;
    meanwhile it;
    assert_int_equal(store_folder_open(state), 0);
    assert_int_equal(pipe(it.ready), 0);
    assay_credential *before = sharing_credential();
    assay_access_token *token = exchange_scene_get(before, EXCHANGE_SCOPE);
    exchange_scene_advance(&the_scene, 2900);
    trial_fault(&the_scene, "slow", 3000, 1);
    int pid = process_start(renew_slowly, &it, 60);
    assert_int_equal(read(it.ready[0], &byte, 1), 1);
    trial_wait_requests(&the_scene, 2);
    assay_credential *fresh = sharing_credential();
    int64_t began = trial_now_ms();
    assay_access_token *got = exchange_scene_get(fresh, EXCHANGE_SCOPE);
    assert_in_range(trial_now_ms() - began, 0, 2000);
    assert_string_equal(assay_access_token_text(got, NULL), assay_access_token_text(token, NULL));
    assert_int_equal(process_wait(pid), 0);
    (void)close(it.ready[0]);
    (void)close(it.ready[1]);
    assay_access_token_unref(got);
    assay_access_token_unref(token);
    assay_credential_unref(fresh);
    assay_credential_unref(before);
    assert_int_equal(store_folder_remove(state), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, trial_begin_frozen, trial_end)
    const struct CMUnitTest tests[] = {
        TEST(test_case_37_given_until_shortly_before_expiry),
        TEST(test_case_38_renewed_behind_the_callers),
        TEST(test_case_39_failing_renewal_harms_nobody),
        TEST(test_case_40_when_it_is_renewed),
        TEST(test_case_44_clock_set_back),
        TEST(test_case_20_rotated_file_changes_nothing),
        TEST(test_refresh_due),
        TEST(test_statistics),
        TEST(test_description),
        TEST(test_shared_token_that_is_due),
        TEST(test_nobody_waits_for_a_renewal_of_another_process),
    };
    return cmocka_run_group_tests(tests, exchange_scene_setup, exchange_scene_teardown);
}
