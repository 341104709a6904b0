/* SPDX-License-Identifier: MIT */
/* Processes with one store share their fetches: what one of them has, no other asks the issuer for. */
#include "support/scene.h"
#include "support/store_folder.h"
#include "support/trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WAIT 5000
#define HOUR 3600

static scene at;
static assay_validator *second; /* as another process would have it */

static int open_two(void **state)
{
    if (store_folder_open(state) != 0)
        return -1;
    scene_open(&at, NULL);
    must_ok(assay_runtime_set_store_directory(at.runtime, store_directory, NULL));
    scene_validator(&at);
    must_ok(assay_validator_new(at.runtime, &at.configuration, 1, &second, NULL));
    return 0;
}

static int close_two(void **state)
{
    assay_validator_unref(second);
    scene_close(&at);
    return store_folder_remove(state);
}

static int validate(assay_validator *validator, const char *request)
{
    assay_claims *claims = NULL;
    char *token = scene_mint(&at, request);
    int code = assay_validator_validate(validator, token, strlen(token), NULL, WAIT, &claims, NULL);
    assay_claims_unref(claims);
    free(token);
    return code;
}

static void who_comes_later_fetches_nothing(void **state)
{
    (void)state;
    assert_int_equal(validate(at.validator, "{}"), ASSAY_OK);
    assert_int_equal(scene_requests(&at, "jwks"), 1);
    assert_int_equal(validate(second, "{}"), ASSAY_OK); /* it was made before there was a record */
    assert_int_equal(scene_requests(&at, "metadata"), 1);
    assert_int_equal(scene_requests(&at, "jwks"), 1);
    /* Due in both: the first one to come refreshes. */
    scene_advance(&at, HOUR + 60);
    assert_int_equal(validate(second, "{}"), ASSAY_OK);
    assert_int_equal(scene_requests(&at, "jwks"), 2);
    assert_int_equal(validate(at.validator, "{}"), ASSAY_OK);
    assert_int_equal(validate(second, "{}"), ASSAY_OK);
    assert_int_equal(scene_requests(&at, "jwks"), 2);
}

static void operations_look_there_too(void **state)
{
    (void)state;
    assay_op *op = NULL;
    assay_claims *claims = NULL;
    assert_int_equal(validate(at.validator, "{}"), ASSAY_OK);
    char *token = scene_mint(&at, "{}");
    must_ok(assay_op_new_validate(second, token, strlen(token), NULL, WAIT, &op, NULL));
    assert_int_equal(assay_op_step(op), ASSAY_WANT_NOTHING);
    must_ok(assay_op_result(op, &claims, NULL));
    assert_non_null(claims);
    assay_claims_unref(claims);
    assay_op_free(op);
    free(token);
}

static void a_forced_refresh_and_an_unknown_kid_ask_the_issuer(void **state)
{
    (void)state;
    char *answer = NULL;
    assert_int_equal(validate(at.validator, "{}"), ASSAY_OK);
    must_ok(assay_validator_refresh(second, dev_issuer_url(at.issuer), WAIT, NULL));
    assert_int_equal(scene_requests(&at, "jwks"), 2);
    assert_int_equal(dev_issuer_rotate(at.issuer, "{}", &answer), 0);
    free(answer);
    assert_int_equal(validate(second, "{}"), ASSAY_OK);
    assert_int_equal(scene_requests(&at, "jwks"), 3);
}

/* A purge is heard of with the next fetch at the latest, even of one who need not fetch then. */
static void a_refresh_brings_the_purges_of_others(void **state)
{
    (void)state;
    assert_int_equal(validate(at.validator, "{}"), ASSAY_OK);
    assert_int_equal(validate(second, "{}"), ASSAY_OK);
    must_ok(assay_validator_purge(at.validator, dev_issuer_url(at.issuer), NULL, NULL));
    assert_int_equal(validate(second, "{}"), ASSAY_OK);
    scene_advance(&at, HOUR + 60);
    (void)validate(second, "{}"); /* the one that makes the refresh has its answer by then */
    assert_true(validate(second, "{}") != ASSAY_OK);
}

/* While the issuer is down nobody reads the file again for each request. */
static void back_off_holds_for_the_store_as_well(void **state)
{
    (void)state;
    dev_issuer_fault(at.issuer, "all", "status", 500, -1);
    assert_int_equal(validate(at.validator, "{}"), ASSAY_E_KEYS_UNAVAILABLE);
    dev_issuer_fault(at.issuer, "all", "none", -1, -1);
    assert_int_equal(validate(second, "{}"), ASSAY_OK);
    assert_int_equal(validate(at.validator, "{}"), ASSAY_E_KEYS_UNAVAILABLE);
    scene_advance(&at, 10);
    assert_int_equal(validate(at.validator, "{}"), ASSAY_OK);
    assert_int_equal(scene_requests(&at, "jwks"), 1);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, open_two, close_two)
    const struct CMUnitTest tests[] = {
        CASE(who_comes_later_fetches_nothing),
        CASE(operations_look_there_too),
        CASE(a_forced_refresh_and_an_unknown_kid_ask_the_issuer),
        CASE(a_refresh_brings_the_purges_of_others),
        CASE(back_off_holds_for_the_store_as_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
