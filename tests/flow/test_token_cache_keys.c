/* SPDX-License-Identifier: MIT */
/* The token cache while keys come, go and change: no token of a key is answered from it that the checks would not accept with the keys of that moment. */
#include "support/canned.h"
#include "support/entra_trial.h"
#include "support/keeping.h"
#include "support/scene.h"
#include "token/token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void purged_key(void **state)
{
    (void)state;
    keeping_remembers(keeping.token);
    must_ok(assay_validator_purge(keeping.validator, TRIAL_ISSUER, "a", NULL));
    keeping_refuses(keeping.token, ASSAY_E_KEYS_NEEDED);
    keeping_push(TRIAL_ISSUER, keeping.keys, 2);
    keeping_refuses(keeping.token, ASSAY_E_KEYS_NEEDED); /* it does not come back */
}

static void purge_lets_go_of_the_claims_at_once(void **state)
{
    (void)state;
    char *far = mint_token(keeping.keys[0], "{\"iss\":\"" KEEPING_OTHER "\",\"aud\":\"" TRIAL_AUDIENCE
                                            "\",\"exp\":1700003600,\"sub\":\"far\"}");
    assay_claims *claims = keeping_take(keeping.token), *theirs = keeping_take(far);
    assert_int_equal(claims->references, 2);
    must_ok(assay_validator_purge(keeping.validator, TRIAL_ISSUER, NULL, NULL));
    assert_int_equal(claims->references, 1);
    assert_int_equal(theirs->references, 2);
    assay_claims_unref(claims);
    assay_claims_unref(theirs);
    keeping_refuses(keeping.token, ASSAY_E_KEYS_NEEDED);
    keeping_accepts(far, true); /* the other issuer's are as they were */
    free(far);
}

/* A key that is served no more ends with its retention, whether or not there are new keys. */
static void retained_key(void **state)
{
    (void)state;
    mint_key *both[] = {keeping.keys[1], keeping.keys[0]};
    keeping_remembers(keeping.token);
    keeping_push(TRIAL_ISSUER, &keeping.keys[1], 1);
    keeping_accepts(keeping.token, true);
    keeping.steady_ms += KEEPING_HOUR * 1000 - 1;
    keeping_accepts(keeping.token, true);
    keeping.steady_ms += 1;
    keeping_refuses(keeping.token, ASSAY_E_KEYS_NEEDED);
    keeping_push(TRIAL_ISSUER, both, 2);
    keeping_remembers(keeping.token);
    keeping_push(TRIAL_ISSUER, &keeping.keys[1], 1);
    keeping_accepts(keeping.token, true);
    keeping_push(TRIAL_ISSUER, both, 2); /* served again, so without end */
    keeping.steady_ms += 2 * KEEPING_HOUR * 1000;
    keeping_accepts(keeping.token, true);
}

static void retained_key_first_seen_while_it_is_missing(void **state)
{
    (void)state;
    keeping_push(TRIAL_ISSUER, &keeping.keys[1], 1);
    keeping_remembers(keeping.token);
    keeping.steady_ms += KEEPING_HOUR * 1000 - 1;
    keeping_accepts(keeping.token, true);
    keeping.steady_ms += 1;
    keeping_refuses(keeping.token, ASSAY_E_KEYS_NEEDED);
}

static void key_that_is_not_retained(void **state)
{
    (void)state;
    keeping_stop();
    must_ok(assay_issuer_set_key_retention(keeping.issuer, 0, NULL));
    keeping_start(16);
    assay_claims *claims = keeping_take(keeping.token);
    keeping_accepts(keeping.token, true);
    keeping_push(TRIAL_ISSUER, &keeping.keys[1], 1);
    assert_int_equal(claims->references, 1); /* emptied of its tokens */
    keeping_refuses(keeping.token, ASSAY_E_KEYS_NEEDED);
    assay_claims_unref(claims);
}

static void hard_limit_of_the_keys(void **state)
{
    (void)state;
    char *lasting = mint_token(keeping.keys[0], "{\"iss\":\"" TRIAL_ISSUER "\",\"aud\":\"" TRIAL_AUDIENCE
                                                "\",\"exp\":1900000000,\"sub\":\"l\"}");
    keeping_remembers(lasting);
    keeping.steady_ms += 24 * KEEPING_HOUR * 1000 - 1;
    keeping_accepts(lasting, true);
    keeping.steady_ms += 1;
    keeping_refuses(lasting, ASSAY_E_KEYS_NEEDED);
    keeping_push(TRIAL_ISSUER, keeping.keys, 1);
    keeping_remembers(lasting);
    free(lasting);
}

static void other_material_under_the_same_kid(void **state)
{
    (void)state;
    char *renewed = mint_token(keeping.keys[2], KEEPING_CLAIMS(""));
    keeping_remembers(keeping.token);
    keeping_push(TRIAL_ISSUER, &keeping.keys[2], 1);
    keeping_refuses(keeping.token, ASSAY_E_SIGNATURE);
    keeping_remembers(renewed);
    free(renewed);
}

/* Refreshes that bring the same key again change nothing. */
static void keys_that_stay(void **state)
{
    (void)state;
    keeping_remembers(keeping.token);
    for (int i = 0; i < 5; i++) {
        keeping_push(TRIAL_ISSUER, keeping.keys, 1 + (size_t)i % 2);
        keeping_accepts(keeping.token, true);
        keeping_accepts(keeping.token, true);
    }
}

/* The same material, for something else: the checks decide. */
static void key_whose_restrictions_change(void **state)
{
    (void)state;
    const char *bare = mint_key_bare_jwk(keeping.keys[0]);
    char *without = trial_format("{\"keys\":[{\"kid\":\"a\",%s]}", bare + 1);
    char *narrowed = trial_format("{\"keys\":[{\"kid\":\"a\",\"alg\":\"ES512\",%s]}", bare + 1);
    keeping_remembers(keeping.token);
    keeping_push_jwks(TRIAL_ISSUER, without);
    keeping_remembers(keeping.token);
    keeping_push_jwks(TRIAL_ISSUER, narrowed);
    keeping_refuses(keeping.token, ASSAY_E_ALGORITHM_KEY);
    free(without);
    free(narrowed);
}

/* A key of Entra that is from now on another tenant's. */
static void key_whose_issuer_changes(void **state)
{
    (void)state;
    trial t;
    entra_trial_open(&t);
    must_ok(assay_runtime_set_token_cache(t.runtime, 8, NULL));
    must_ok(assay_validator_new(t.runtime, &t.issuer, 1, &t.validator, NULL));
    entra_trial_no_keys(&t);
    entra_trial_add_key(&t, TRIAL_KID, ENTRA_V2(TENANT_A), "microsoftonline.com");
    must_ok(assay_validator_push_keys(t.validator, ENTRA_V2(TENANT_A), t.keys, NULL));
    char *text = trial_sign(&t, ENTRA_CLAIMS_V2(TENANT_A, ENTRA_USER_V2));
    trial_accept(&t, strdup(text));
    trial_accept(&t, strdup(text));
    uint64_t count = 0;
    must_ok(assay_validator_get_stat(t.validator, NULL, ASSAY_STAT_CACHE_HITS, &count));
    assert_int_equal(count, 1);
    entra_trial_no_keys(&t);
    entra_trial_add_key(&t, TRIAL_KID, ENTRA_V2(TENANT_B), "microsoftonline.com");
    must_ok(assay_validator_push_keys(t.validator, ENTRA_V2(TENANT_A), t.keys, NULL));
    trial_refuse(&t, strdup(text), ASSAY_E_KEY_ISSUER);
    free(text);
    trial_close(&t);
}

static void validators_share_nothing(void **state)
{
    (void)state;
    assay_validator *first = keeping.validator, *second = NULL;
    keeping_remembers(keeping.token);
    must_ok(assay_validator_new(keeping.runtime, &keeping.issuer, 1, &second, NULL));
    keeping.validator = second;
    keeping_push(TRIAL_ISSUER, keeping.keys, 1);
    keeping_remembers(keeping.token);
    assert_int_equal(keeping_hits(), 1);
    assay_validator_unref(second);
    keeping.validator = first;
    assert_int_equal(keeping_hits(), 1);
}

static void validator_that_takes_over_begins_empty(void **state)
{
    (void)state;
    assay_validator *old = keeping.validator;
    size_t taken = 0;
    keeping_remembers(keeping.token);
    keeping.validator = NULL;
    must_ok(assay_validator_new(keeping.runtime, &keeping.issuer, 1, &keeping.validator, NULL));
    must_ok(assay_validator_take_over(keeping.validator, old, &taken, NULL));
    assert_int_equal(taken, 1);
    keeping_remembers(keeping.token);
    assay_validator_unref(old);
    keeping_accepts(keeping.token, true);
}

/* A hit pays for a due refresh as any other answer does. */
static void hit_pays_for_a_due_refresh(void **state)
{
    (void)state;
    static scene at;
    scene_open(&at, NULL);
    must_ok(assay_runtime_set_token_cache(at.runtime, 8, NULL));
    scene_validator(&at);
    char *minted = scene_mint(&at, "{\"claims\":{\"exp\":4000000000}}");
    assert_int_equal(scene_validate(&at, minted, 20000), ASSAY_OK);
    scene_advance(&at, 3601);
    assert_int_equal(scene_validate(&at, minted, 0), ASSAY_OK);
    assert_int_equal(scene_requests(&at, "jwks"), 1);
    assert_int_equal(scene_validate(&at, minted, 20000), ASSAY_OK);
    assert_int_equal(scene_requests(&at, "jwks"), 2);
    assert_int_equal(scene_validate(&at, minted, 20000), ASSAY_OK);
    assert_int_equal(scene_requests(&at, "jwks"), 2);
    assert_int_equal(scene_stat(&at, ASSAY_STAT_CACHE_HITS), 3);
    free(minted);
    scene_close(&at);
}

static void operations_use_it_too(void **state)
{
    (void)state;
    canned c;
    canned_open(&c);
    must_ok(assay_runtime_set_token_cache(c.runtime, 8, NULL));
    canned_start(&c, NULL, NULL);
    char *text = canned_token(&c);
    assay_op *op = canned_validation(&c, text, 5000);
    assert_int_equal(canned_finish(&c, op), ASSAY_OK); /* after a fetch */
    assay_op_free(op);
    for (int i = 0; i < 3; i++) {
        op = canned_validation(&c, text, 5000);
        canned_step(op, ASSAY_WANT_NOTHING);
        canned_result(op, ASSAY_OK, true);
        assay_op_free(op);
    }
    assert_int_equal(canned_stat(&c, ASSAY_STAT_CACHE_HITS), 3);
    must_ok(assay_validator_purge(c.validator, CANNED_ISSUER, "k", NULL));
    op = canned_validation(&c, text, 5000);
    assert_int_not_equal(canned_finish(&c, op), ASSAY_OK);
    canned_result(op, assay_op_result(op, NULL, NULL), false);
    assay_op_free(op);
    assert_int_equal(canned_stat(&c, ASSAY_STAT_CACHE_HITS), 3);
    free(text);
    canned_close(&c);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, keeping_open, keeping_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(purged_key),
        CASE(purge_lets_go_of_the_claims_at_once),
        CASE(retained_key),
        CASE(retained_key_first_seen_while_it_is_missing),
        CASE(key_that_is_not_retained),
        CASE(hard_limit_of_the_keys),
        CASE(other_material_under_the_same_kid),
        CASE(keys_that_stay),
        CASE(key_whose_restrictions_change),
        CASE(key_whose_issuer_changes),
        CASE(validators_share_nothing),
        CASE(validator_that_takes_over_begins_empty),
        CASE(hit_pays_for_a_due_refresh),
        CASE(operations_use_it_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
