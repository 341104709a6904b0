/* SPDX-License-Identifier: MIT */
/* What a new validator takes over from an old one, and what it must not. */
#include "support/scene.h"
#include "support/trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WAIT 5000

static scene at, other;
static assay_validator *made;
static char *token;

static int open_two(void **state)
{
    (void)state;
    scene_open(&at, NULL);
    scene_open(&other, NULL);
    scene_validator(&at);
    token = scene_mint(&at, "{}");
    assert_int_equal(scene_validate(&at, token, WAIT), ASSAY_OK);
    return 0;
}

static int close_two(void **state)
{
    (void)state;
    free(token);
    assay_validator_unref(made);
    made = NULL;
    scene_close(&other);
    scene_close(&at);
    return 0;
}

static void make(assay_runtime *runtime, size_t taken)
{
    size_t found = 99;
    assay_validator_unref(made);
    must_ok(assay_validator_new(runtime, &at.configuration, 1, &made, NULL));
    must_ok(assay_validator_take_over(made, at.validator, &found, NULL));
    assert_int_equal(found, taken);
}

static int check(void)
{
    assay_claims *claims = NULL;
    int code = assay_validator_check(made, token, strlen(token), NULL, &claims, NULL);
    assay_claims_unref(claims);
    return code;
}

static void warm_keys_pass(void **state)
{
    (void)state;
    int64_t wait_ms, old_wait_ms;
    make(at.runtime, 1);
    assert_int_equal(check(), ASSAY_OK);
    must_ok(assay_validator_refresh_due(made, &wait_ms, NULL));
    must_ok(assay_validator_refresh_due(at.validator, &old_wait_ms, NULL));
    assert_in_range(wait_ms, old_wait_ms - 1000, old_wait_ms + 1000);
    assert_int_equal(scene_requests(&at, "jwks"), 1);
    /* The old one goes on, and each has its own life. */
    assert_int_equal(scene_validate(&at, token, 0), ASSAY_OK);
    must_ok(assay_validator_purge(made, dev_issuer_url(at.issuer), NULL, NULL));
    assert_int_equal(scene_validate(&at, token, 0), ASSAY_OK);
    assert_int_not_equal(check(), ASSAY_OK);
}

static void what_was_purged_stays_purged(void **state)
{
    (void)state;
    must_ok(assay_validator_purge(at.validator, dev_issuer_url(at.issuer), NULL, NULL));
    make(at.runtime, 0);
    assert_int_equal(assay_validator_refresh(made, NULL, WAIT, NULL), ASSAY_E_JWKS);
    assert_int_not_equal(check(), ASSAY_OK);
    make(other.runtime, 0); /* under any runtime */
    assert_int_equal(assay_validator_purge(made, dev_issuer_url(at.issuer), NULL, NULL), ASSAY_E_KEY_UNKNOWN);
    assert_int_not_equal(check(), ASSAY_OK);
}

/* Who reloads in order to distrust a CA must not go on with the keys that came by it. */
static void another_ca_takes_no_keys(void **state)
{
    (void)state;
    make(other.runtime, 0);
    assert_int_equal(check(), ASSAY_E_KEYS_NEEDED);
    assert_int_equal(assay_validator_refresh(made, NULL, WAIT, NULL), ASSAY_E_TLS);
}

/* Times of one clock mean nothing on another: keys past their hard limit would be young again. */
static void another_clock_takes_no_keys(void **state)
{
    (void)state;
    assay_runtime *runtime = NULL;
    const char *pem = dev_issuer_ca_pem(at.issuer);
    must_ok(assay_runtime_new(&runtime, NULL));
    must_ok(assay_runtime_set_ca_pem(runtime, pem, strlen(pem), NULL));
    scene_advance(&at, 25 * 3600);
    make(runtime, 0);
    assert_int_equal(check(), ASSAY_E_KEYS_NEEDED);
    assay_runtime_unref(runtime);
}

static void no_validator_takes_over_itself(void **state)
{
    (void)state;
    size_t taken = 99;
    assert_int_equal(assay_validator_take_over(at.validator, at.validator, &taken, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(taken, 0);
    assert_int_equal(assay_validator_take_over(at.validator, NULL, NULL, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_validator_take_over(NULL, at.validator, NULL, NULL), ASSAY_E_ARGUMENT);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, open_two, close_two)
    const struct CMUnitTest tests[] = {
        CASE(warm_keys_pass),
        CASE(what_was_purged_stays_purged),
        CASE(another_ca_takes_no_keys),
        CASE(another_clock_takes_no_keys),
        CASE(no_validator_takes_over_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
