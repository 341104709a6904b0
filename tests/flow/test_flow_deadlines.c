/* SPDX-License-Identifier: MIT */
/* Nothing waits longer than it was given: slow, dripping and silent issuers, and time-outs out of range (attack 64). */
#include "support/pace.h"
#include "support/scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* Beyond the deadline: 100 ms are promised; sanitizers on two busy cores need more. */
#define GRACE (pace_is_sanitized() ? 1500 : 250)

static scene at;

static void cold_call_ends_in_time(void **state)
{
    (void)state;
    static const char *const kinds[] = {"slow", "drip"};
    scene_validator(&at);
    char *token = scene_mint(&at, "{}");
    for (size_t i = 0; i < 2; i++) {
        dev_issuer_fault(at.issuer, "metadata", kinds[i], i == 0 ? 20000 : 1000, -1);
        int64_t start = scene_real_ms();
        assert_int_equal(scene_validate(&at, token, 400), ASSAY_E_KEYS_UNAVAILABLE);
        int64_t took = scene_real_ms() - start;
        print_message("%s: a call with 400 ms took %d ms\n", kinds[i], (int)took);
        assert_in_range(took, 390, 400 + GRACE);
        scene_advance(&at, 301); /* the back-off */
    }
    free(token);
}

/* A byte a second never stalls a connection, but the time for a whole document is bounded by the runtime. */
static void fetch_timeout_bounds_a_dripping_issuer(void **state)
{
    (void)state;
    assert_int_equal(assay_runtime_set_fetch_timeout(at.runtime, 300, NULL), ASSAY_OK);
    scene_validator(&at);
    dev_issuer_fault(at.issuer, "metadata", "drip", 50, -1);
    int64_t start = scene_real_ms();
    assay_error *error = NULL;
    assert_int_equal(assay_validator_warm_up(at.validator, 20000, &error), ASSAY_E_TIMEOUT);
    print_message("fetch timeout: %s\n", assay_error_message(error));
    assay_error_free(error);
    assert_in_range(scene_real_ms() - start, 290, 300 + GRACE);
}

/* Checks and calls without time never wait, whatever the issuer does; and a refresh that is due costs its payer no more than its own time. */
static void warm_calls_do_not_wait(void **state)
{
    (void)state;
    scene_validator(&at);
    assert_int_equal(scene_try(&at, "{}", 5000), ASSAY_OK);
    char *token = scene_mint(&at, "{}");
    dev_issuer_fault(at.issuer, "all", "slow", 20000, -1);
    scene_advance(&at, 3601);
    free(token);
    token = scene_mint(&at, "{}");
    int64_t start = scene_real_ms();
    assert_int_equal(scene_validate(&at, token, 0), ASSAY_OK);
    assert_in_range(scene_real_ms() - start, 0, GRACE);
    start = scene_real_ms();
    assert_int_equal(scene_validate(&at, token, 300), ASSAY_OK);
    assert_in_range(scene_real_ms() - start, 0, 300 + GRACE);
    /* It failed, so nobody pays again before the back-off has passed. */
    start = scene_real_ms();
    assert_int_equal(scene_validate(&at, token, 5000), ASSAY_OK);
    assert_in_range(scene_real_ms() - start, 0, GRACE);
    free(token);
}

static void timeouts_out_of_range_are_mistakes(void **state)
{
    (void)state;
    assay_claims *claims = NULL;
    scene_validator(&at);
    assert_int_equal(assay_validator_validate(at.validator, "a", 1, NULL, -1, &claims, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_validator_validate(at.validator, "a", 1, NULL, 600001, &claims, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_validator_warm_up(at.validator, -1, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_validator_refresh(at.validator, NULL, 600001, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(scene_requests(&at, "metadata"), 0);
}

/* Time 0 with warm_up or refresh can't fetch: it says so at once instead of pretending. */
static void no_time_is_no_fetch(void **state)
{
    (void)state;
    scene_validator(&at);
    assert_int_equal(assay_validator_refresh(at.validator, NULL, 0, NULL), ASSAY_E_TIMEOUT);
    assert_int_equal(assay_validator_warm_up(at.validator, 0, NULL), ASSAY_E_TIMEOUT);
    assert_int_equal(scene_requests(&at, "metadata"), 0);
    /* Nor is it a failure of the issuer: the next call with time fetches at once. */
    assert_int_equal(scene_stat(&at, ASSAY_STAT_FETCH_FAILURES), 0);
    assert_int_equal(assay_validator_warm_up(at.validator, 5000, NULL), ASSAY_OK);
}

/* A caller in haste says nothing about the issuer: one with time fetches at once, and hurried ones do not make a storm. */
static void haste_of_one_caller_is_not_the_issuers_fault(void **state)
{
    (void)state;
    scene_validator(&at);
    dev_issuer_fault(at.issuer, "all", "slow", 150, -1);
    for (int i = 0; i < 20; i++)
        assert_int_equal(scene_try(&at, "{}", 40), ASSAY_E_KEYS_UNAVAILABLE);
    assert_true(scene_requests(&at, "metadata") <= 2); /* the pause holds for those with no more time */
    assert_int_equal(scene_try(&at, "{}", 5000), ASSAY_OK);
    assert_int_equal(scene_requests(&at, "jwks"), 1);
}

/* The clock is read again after the keys came: a token that expired meanwhile is refused. */
static void token_that_expires_during_the_fetch_is_refused(void **state)
{
    (void)state;
    assert_int_equal(assay_issuer_set_leeway(at.configuration, 0, NULL), ASSAY_OK);
    scene_validator(&at);
    dev_issuer_fault(at.issuer, "jwks", "slow", 2500, 1);
    char request[100];
    snprintf(request, sizeof request, "{\"claims\":{\"exp\":%lld}}", (long long)time(NULL) + 2);
    assert_int_equal(scene_try(&at, request, 10000), ASSAY_E_EXPIRED);
    assert_int_equal(scene_requests(&at, "jwks"), 1);
}

#define CASE(name) cmocka_unit_test_prestate_setup_teardown(name, scene_setup, scene_teardown, &at)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(cold_call_ends_in_time),
        CASE(fetch_timeout_bounds_a_dripping_issuer),
        CASE(warm_calls_do_not_wait),
        CASE(timeouts_out_of_range_are_mistakes),
        CASE(no_time_is_no_fetch),
        CASE(haste_of_one_caller_is_not_the_issuers_fault),
        CASE(token_that_expires_during_the_fetch_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
