/* SPDX-License-Identifier: MIT */
/* Refreshes as operations, and what a host that drives its own is told about when: with canned answers. */
#include "support/canned.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WAIT 20000
#define SECOND_ISSUER "https://second.example"

static canned c;

static int open_cold(void **state)
{
    (void)state;
    canned_open(&c);
    canned_start(&c, NULL, NULL);
    return 0;
}

static int open_three(void **state)
{
    (void)state;
    assay_issuer *second = NULL, *third = NULL;
    assay_keyset *keys = NULL;
    canned_open(&c);
    must_ok(assay_issuer_new(SECOND_ISSUER, &second, NULL));
    must_ok(assay_issuer_add_audience(second, CANNED_AUDIENCE, NULL));
    must_ok(assay_keyset_new(NULL, &keys, NULL));
    must_ok(assay_keyset_add_json(keys, c.keys, strlen(c.keys), NULL));
    must_ok(assay_issuer_new("https://given.example", &third, NULL));
    must_ok(assay_issuer_add_audience(third, CANNED_AUDIENCE, NULL));
    must_ok(assay_issuer_add_algorithm(third, "ES256", NULL));
    must_ok(assay_issuer_set_keys(third, keys, NULL));
    canned_start(&c, third, second);
    assay_issuer_free(second);
    assay_issuer_free(third);
    assay_keyset_unref(keys);
    return 0;
}

static int close_canned(void **state)
{
    (void)state;
    canned_close(&c);
    return 0;
}

static int64_t due_in(const char *wanted)
{
    int64_t wait = -2;
    const char *issuer = "?";
    must_ok(assay_validator_refresh_due(c.validator, &wait, &issuer));
    assert_string_equal(issuer, wanted);
    return wait;
}

static void end_with(assay_op *op, int status, int code)
{
    const canned_reply reply = {.status = status};
    canned_step(op, ASSAY_WANT_FETCH);
    canned_answer(&c, op, &reply);
    if (assay_op_step(op) == ASSAY_WANT_FETCH) /* metadata that failed where the keys' place is known */
        canned_answer(&c, op, &reply);
    canned_step(op, ASSAY_WANT_NOTHING);
    canned_result(op, code, false);
    assay_op_free(op);
}

/* Nothing is due: nothing is asked for, and that is a success. */
static void nothing_to_do(void)
{
    uint64_t before = canned_stat(&c, ASSAY_STAT_METADATA_FETCHES) + canned_stat(&c, ASSAY_STAT_KEY_FETCHES);
    assay_op *op = canned_refresh(&c, NULL, WAIT);
    canned_step(op, ASSAY_WANT_NOTHING);
    canned_result(op, ASSAY_OK, false);
    assay_op_free(op);
    assert_int_equal(canned_stat(&c, ASSAY_STAT_METADATA_FETCHES) + canned_stat(&c, ASSAY_STAT_KEY_FETCHES), before);
}

static void due_refreshes_back_off(void **state)
{
    (void)state;
    assert_int_equal(due_in(CANNED_ISSUER), 0);
    int64_t least = 0;
    for (int i = 0; i < 8; i++) { /* cold, and each failure makes the pause longer */
        end_with(canned_refresh(&c, NULL, WAIT), 500, ASSAY_E_HTTP_STATUS);
        int64_t wait = due_in(CANNED_ISSUER);
        assert_in_range(wait, least, 300000);
        least = i < 6 ? (INT64_C(2500) << i) : 150000;
        assert_in_range(wait, least, 300000);
        nothing_to_do();
        c.now_ms += wait - 1;
        assert_int_equal(due_in(CANNED_ISSUER), 1);
        nothing_to_do();
        c.now_ms += 1;
        assert_int_equal(due_in(CANNED_ISSUER), 0);
    }
    canned_warm_up(&c);
    assert_in_range(due_in(CANNED_ISSUER), 3240000, 3600000);
    nothing_to_do();
    canned_advance(&c, 3600);
    assert_int_equal(due_in(CANNED_ISSUER), 0);
    end_with(canned_refresh(&c, CANNED_ISSUER, WAIT), 500, ASSAY_E_HTTP_STATUS); /* named, but due: the same */
    assert_in_range(due_in(CANNED_ISSUER), 2500, 5000);
}

/* What is not due is made because the host wants it: at once, in a back-off too, and it sets none. */
static void wanted_refreshes_are_the_hosts_affair(void **state)
{
    (void)state;
    canned_warm_up(&c);
    int64_t wait = due_in(CANNED_ISSUER);
    end_with(canned_refresh(&c, CANNED_ISSUER, WAIT), 500, ASSAY_E_HTTP_STATUS);
    assert_int_equal(due_in(CANNED_ISSUER), wait);
    canned_advance(&c, 3600);
    end_with(canned_refresh(&c, NULL, WAIT), 500, ASSAY_E_HTTP_STATUS);
    wait = due_in(CANNED_ISSUER);
    assert_in_range(wait, 2500, 5000);
    for (int i = 0; i < 5; i++) {
        end_with(canned_refresh(&c, CANNED_ISSUER, WAIT), 500, ASSAY_E_HTTP_STATUS);
        assert_int_equal(due_in(CANNED_ISSUER), wait);
    }
    canned_warm_up(&c);
    assert_in_range(due_in(CANNED_ISSUER), 3240000, 3600000);
}

/* The keys past the hard limit are as good as none: the refresh is the cold one, with its pause. */
static void past_the_hard_limit(void **state)
{
    (void)state;
    canned_warm_up(&c);
    canned_advance(&c, 86400);
    assert_int_equal(due_in(CANNED_ISSUER), 0);
    char *token = canned_token(&c);
    assay_op *op = canned_validation(&c, token, WAIT);
    canned_step(op, ASSAY_WANT_FETCH);
    assert_int_equal(assay_op_fetch_failed(op, ASSAY_E_CONNECT, "down"), ASSAY_OK);
    if (assay_op_step(op) == ASSAY_WANT_FETCH) /* metadata was due as well; the keys are asked for where they were */
        assert_int_equal(assay_op_fetch_failed(op, ASSAY_E_CONNECT, "down"), ASSAY_OK);
    canned_step(op, ASSAY_WANT_NOTHING);
    canned_result(op, ASSAY_E_KEYS_UNAVAILABLE, false);
    assay_op_free(op);
    assert_in_range(due_in(CANNED_ISSUER), 2500, 5000);
    free(token);
}

static void several_issuers(void **state)
{
    (void)state;
    assert_int_equal(due_in(CANNED_ISSUER), 0);
    assay_op *first = canned_refresh(&c, NULL, WAIT), *second = canned_refresh(&c, NULL, WAIT);
    canned_step(first, ASSAY_WANT_FETCH);
    assert_string_equal(assay_op_fetch_url(first), CANNED_METADATA_URL);
    assert_int_equal(due_in(SECOND_ISSUER), 0); /* the first is seen to */
    canned_step(second, ASSAY_WANT_FETCH);
    assert_string_equal(assay_op_fetch_url(second), SECOND_ISSUER "/.well-known/openid-configuration");
    int64_t wait;
    must_ok(assay_validator_refresh_due(c.validator, &wait, NULL));
    assert_in_range(wait, 1, 1000);
    nothing_to_do();
    assert_int_equal(assay_op_fetch_failed(second, ASSAY_E_TLS, "x"), ASSAY_OK);
    canned_step(second, ASSAY_WANT_NOTHING);
    canned_result(second, ASSAY_E_TLS, false);
    assay_op_free(second);
    assert_int_equal(canned_finish(&c, first), ASSAY_OK);
    assay_op_free(first);
    assert_in_range(due_in(SECOND_ISSUER), 2500, 5000);
    canned_advance(&c, 5);
    second = canned_refresh(&c, NULL, WAIT);
    assert_int_equal(canned_finish(&c, second), ASSAY_OK);
    assay_op_free(second);
    must_ok(assay_validator_refresh_due(c.validator, &wait, NULL));
    assert_in_range(wait, 3200000, 3600000);
    must_ok(assay_validator_ready(c.validator, NULL));
    assert_int_equal(canned_stat(&c, ASSAY_STAT_METADATA_FETCHES), 3);
}

static void given_keys_are_never_fetched(void **state)
{
    (void)state;
    assay_op *op = canned_refresh(&c, "https://given.example", WAIT);
    canned_step(op, ASSAY_WANT_NOTHING);
    canned_result(op, ASSAY_OK, false);
    assay_op_free(op);
    assay_validator *given = NULL;
    assay_issuer *issuer = NULL;
    assay_keyset *keys = NULL;
    must_ok(assay_keyset_new(NULL, &keys, NULL));
    must_ok(assay_keyset_add_json(keys, c.keys, strlen(c.keys), NULL));
    must_ok(assay_issuer_new("https://given.example", &issuer, NULL));
    must_ok(assay_issuer_add_audience(issuer, CANNED_AUDIENCE, NULL));
    must_ok(assay_issuer_add_algorithm(issuer, "ES256", NULL));
    must_ok(assay_issuer_set_keys(issuer, keys, NULL));
    must_ok(assay_validator_new(c.runtime, &issuer, 1, &given, NULL));
    int64_t wait = 7;
    const char *text = "?";
    must_ok(assay_validator_refresh_due(given, &wait, &text));
    assert_int_equal(wait, -1);
    assert_null(text);
    op = NULL;
    must_ok(assay_op_new_refresh(given, NULL, WAIT, &op, NULL));
    canned_step(op, ASSAY_WANT_NOTHING);
    canned_result(op, ASSAY_OK, false);
    assay_op_free(op);
    assert_int_equal(assay_validator_refresh_due(given, NULL, &text), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_validator_refresh_due(NULL, &wait, &text), ASSAY_E_ARGUMENT);
    assert_int_equal(wait, -1);
    assay_validator_unref(given);
    assay_issuer_free(issuer);
    assay_keyset_unref(keys);
}

/* The operation outlives every other reference to its validator. */
static void holds_its_validator(void **state)
{
    (void)state;
    assay_op *op = canned_refresh(&c, CANNED_ISSUER, WAIT), *other = canned_refresh(&c, NULL, WAIT);
    canned_step(op, ASSAY_WANT_FETCH);
    canned_step(other, ASSAY_WANT_NOTHING); /* the only issuer is seen to */
    assay_validator_unref(c.validator);
    c.validator = NULL;
    canned_answer_well(&c, op);
    canned_step(op, ASSAY_WANT_FETCH);
    assay_op_free(other);
    assert_int_equal(canned_finish(&c, op), ASSAY_OK);
    assay_op_free(op);
}

/* Keys that are pushed while a fetch is under way: it goes on to its end, and good keys stay. */
static void keys_pushed_meanwhile(void **state)
{
    (void)state;
    assay_keyset *keys = NULL;
    must_ok(assay_keyset_new(NULL, &keys, NULL));
    must_ok(assay_keyset_add_json(keys, c.keys, strlen(c.keys), NULL));
    char *token = canned_token(&c);
    assay_op *leader = canned_refresh(&c, CANNED_ISSUER, WAIT), *waits = canned_validation(&c, token, WAIT);
    canned_step(leader, ASSAY_WANT_FETCH);
    canned_answer_well(&c, leader);
    canned_step(leader, ASSAY_WANT_FETCH);
    canned_step(waits, ASSAY_WANT_WAIT);
    must_ok(assay_validator_push_keys(c.validator, CANNED_ISSUER, keys, NULL));
    canned_step(waits, ASSAY_WANT_NOTHING); /* at once */
    canned_result(waits, ASSAY_OK, true);
    canned_step(leader, ASSAY_WANT_FETCH);
    assert_int_equal(assay_op_fetch_failed(leader, ASSAY_E_NETWORK, NULL), ASSAY_OK);
    canned_step(leader, ASSAY_WANT_NOTHING);
    canned_result(leader, ASSAY_OK, false);
    assay_op_free(leader);
    assay_op_free(waits);
    free(token);
    assay_keyset_unref(keys);
}

/* A purge brings no key: who waits for one goes on waiting, and gets it. */
static void purge_while_a_new_key_is_fetched(void **state)
{
    (void)state;
    canned_warm_up(&c);
    mint_key *old = c.key, *both[2] = {old, mint_key_new("ES256", "new")};
    c.key = both[1];
    char *token = canned_token_of(&c, "new");
    free(c.keys);
    c.keys = mint_jwks(both, 2);
    assay_op *leader = canned_validation(&c, token, WAIT), *waits = canned_validation(&c, token, WAIT);
    canned_step(leader, ASSAY_WANT_FETCH);
    canned_step(waits, ASSAY_WANT_WAIT);
    must_ok(assay_validator_purge(c.validator, CANNED_ISSUER, "k", NULL));
    canned_step(waits, ASSAY_WANT_WAIT);
    canned_step(leader, ASSAY_WANT_FETCH);
    canned_answer_well(&c, leader);
    canned_step(waits, ASSAY_WANT_NOTHING);
    canned_result(waits, ASSAY_OK, true);
    canned_step(leader, ASSAY_WANT_NOTHING);
    canned_result(leader, ASSAY_OK, true);
    assay_op_free(leader);
    assay_op_free(waits);
    free(token);
    mint_key_free(old);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_cold, close_canned)
#define THREE(name) cmocka_unit_test_setup_teardown(name, open_three, close_canned)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(due_refreshes_back_off), CASE(wanted_refreshes_are_the_hosts_affair), CASE(past_the_hard_limit),
        THREE(several_issuers),       THREE(given_keys_are_never_fetched),         CASE(holds_its_validator),
        CASE(keys_pushed_meanwhile),  CASE(purge_while_a_new_key_is_fetched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
