/* SPDX-License-Identifier: MIT */
/* Operations carried out by a driver: shared fetches, in every kind of loop, added, cancelled and freed at each moment. */
#include "support/loop.h"
#include "support/scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WAIT 20000
#define MANY 64

static scene at;
static loop turning;

static assay_op *make_op(const char *token, int64_t timeout_ms)
{
    assay_op *op = NULL;
    assert_int_equal(assay_op_new_validate(at.validator, token, strlen(token), NULL, timeout_ms, &op, NULL), ASSAY_OK);
    return op;
}

static void add(const char *token, size_t count, int64_t timeout_ms)
{
    for (size_t i = 0; i < count; i++) {
        assay_op *op = make_op(token, timeout_ms);
        assay_op_set_user_data(op, (void *)(i + 1));
        loop_add(&turning, op);
    }
}

/* Take so many that are done; each must end with this code. */
static void take(size_t count, int code)
{
    for (size_t i = 0; i < count; i++) {
        assay_op *op = loop_next(&turning, WAIT);
        assert_non_null(op); /* else an edge was lost */
        assert_int_equal(loop_result(op), code);
    }
    assert_null(assay_driver_next_done(turning.driver));
}

static void assert_one_fetch(void)
{
    assert_int_equal(scene_requests(&at, "metadata"), 1);
    assert_int_equal(scene_requests(&at, "jwks"), 1);
}

static void in_each_loop(void (*body)(void))
{
    for (int kind = LOOP_EDGE; kind <= LOOP_CALLBACKS; kind++) {
        loop_open(&turning, (loop_kind)kind);
        body();
        loop_close(&turning);
        assay_validator_unref(at.validator); /* cold again */
        scene_validator(&at);
        dev_issuer_fault(at.issuer, "all", "none", -1, -1);
        dev_issuer_stats_reset(at.issuer);
    }
}

static void share_one_flight(void)
{
    char *token = scene_mint(&at, "{}");
    dev_issuer_fault(at.issuer, "all", "slow", 100, -1);
    add(token, MANY, WAIT);
    take(MANY, ASSAY_OK);
    assert_one_fetch();
    add(token, 1, WAIT); /* warm: the descriptor must be ready all the same */
    take(1, ASSAY_OK);
    assert_one_fetch();
    free(token);
}

static void many_operations_share_one_flight(void **state)
{
    (void)state;
    in_each_loop(share_one_flight);
}

static void share_a_failure(void)
{
    char *token = scene_mint(&at, "{}");
    dev_issuer_fault(at.issuer, "metadata", "status", 503, -1);
    add(token, MANY, WAIT);
    take(MANY, ASSAY_E_KEYS_UNAVAILABLE);
    assert_int_equal(scene_requests(&at, "metadata"), 1);
    add(token, 3, WAIT); /* backing off: answered at once */
    take(3, ASSAY_E_KEYS_UNAVAILABLE);
    assert_int_equal(scene_requests(&at, "metadata"), 1);
    free(token);
}

static void a_failure_is_shared_too(void **state)
{
    (void)state;
    in_each_loop(share_a_failure);
}

/* One after the other, hundreds of times: an edge that gets lost now and then would show. */
static void add_again_and_again(void)
{
    char *token = scene_mint(&at, "{}");
    for (int i = 0; i < 300; i++) {
        add(token, 1, WAIT);
        take(1, ASSAY_OK);
        assay_op *op = NULL;
        assert_int_equal(assay_op_new_refresh(at.validator, NULL, WAIT, &op, NULL), ASSAY_OK);
        if (i % 10 == 0) { /* a fetch over the connection that is kept */
            assay_op_free(op);
            assert_int_equal(assay_op_new_refresh(at.validator, dev_issuer_url(at.issuer), WAIT, &op, NULL), ASSAY_OK);
        }
        loop_add(&turning, op);
        take(1, ASSAY_OK);
    }
    assert_int_equal(scene_requests(&at, "jwks"), 31);
    free(token);
}

static void no_edge_is_lost(void **state)
{
    (void)state;
    in_each_loop(add_again_and_again);
}

/* The leading operation goes at every moment of the flight; the others are served by the very fetch that it began. */
static void cancel_the_leader(void)
{
    char *token = scene_mint(&at, "{}");
    dev_issuer_fault(at.issuer, "all", "slow", 60, -1);
    assay_op *leader = make_op(token, WAIT);
    loop_add(&turning, leader);
    loop_turn(&turning, 1000); /* its request is being made */
    add(token, 20, WAIT);
    loop_turn(&turning, 1000);
    assay_op_cancel(leader);
    assay_op *op = loop_next(&turning, WAIT);
    assert_ptr_equal(op, leader);
    assert_int_equal(loop_result(op), ASSAY_E_CANCELLED);
    take(20, ASSAY_OK);
    assert_one_fetch();
    free(token);
}

static void leader_is_cancelled_while_others_wait(void **state)
{
    (void)state;
    in_each_loop(cancel_the_leader);
}

/* Cancelled after so many milliseconds of a flight of about 120. */
static void leader_is_cancelled_at_each_moment(void **state)
{
    (void)state;
    char *token = scene_mint(&at, "{}");
    for (int64_t moment = 0; moment < 200; moment += 13) {
        dev_issuer_fault(at.issuer, "all", "slow", 60, -1);
        loop_open(&turning, LOOP_EDGE);
        assay_op *leader = make_op(token, WAIT);
        loop_add(&turning, leader);
        assay_op_set_user_data(leader, &at);
        loop_run(&turning, 2);
        add(token, 5, WAIT);
        loop_run(&turning, moment);
        assay_op_cancel(leader);
        size_t accepted = 0;
        for (int i = 0; i < 6; i++) {
            assay_op *op = loop_next(&turning, WAIT);
            assert_non_null(op);
            bool first = assay_op_user_data(op) == &at;
            int code = loop_result(op);
            assert_true(code == ASSAY_OK || (first && code == ASSAY_E_CANCELLED));
            accepted += code == ASSAY_OK;
        }
        assert_in_range(accepted, 5, 6);
        assert_one_fetch();
        loop_close(&turning);
        assay_validator_unref(at.validator);
        scene_validator(&at);
        dev_issuer_stats_reset(at.issuer);
    }
    free(token);
}

static void all_are_cancelled_and_the_fetch_still_lands(void **state)
{
    (void)state;
    char *token = scene_mint(&at, "{}");
    assay_op *ops[10];
    loop_open(&turning, LOOP_EDGE);
    dev_issuer_fault(at.issuer, "all", "slow", 60, -1);
    for (size_t i = 0; i < 10; i++)
        loop_add(&turning, ops[i] = make_op(token, WAIT));
    loop_run(&turning, 30);
    for (size_t i = 0; i < 10; i++)
        assay_op_cancel(ops[i]);
    take(10, ASSAY_E_CANCELLED);
    for (int i = 0; i < 200 && assay_validator_ready(at.validator, NULL) != ASSAY_OK; i++)
        loop_run(&turning, 20);
    assert_int_equal(scene_validate(&at, token, 0), ASSAY_OK);
    assert_one_fetch();
    loop_close(&turning);
    free(token);
}

/* Operations in a driver that ends, at each moment; a thread's next call is not held up by what they left. */
static void driver_is_freed_with_operations_inside(void **state)
{
    (void)state;
    char *token = scene_mint(&at, "{}");
    for (int64_t moment = 0; moment < 160; moment += 19) {
        dev_issuer_fault(at.issuer, "all", "slow", 60, -1);
        loop_open(&turning, moment % 2 == 0 ? LOOP_EDGE : LOOP_CALLBACKS);
        add(token, 10, WAIT);
        if (moment > 0)
            loop_run(&turning, moment);
        loop_close(&turning);
        dev_issuer_fault(at.issuer, "all", "none", -1, -1);
        int64_t start = scene_real_ms();
        assert_int_equal(scene_validate(&at, token, WAIT), ASSAY_OK);
        assert_in_range(scene_real_ms() - start, 0, 2000);
        assay_validator_unref(at.validator);
        scene_validator(&at);
    }
    free(token);
}

/* The operations of another driver go on when the one that leads is freed. */
static void lead_passes_on_to_another_driver(void **state)
{
    (void)state;
    loop first;
    char *token = scene_mint(&at, "{}");
    dev_issuer_fault(at.issuer, "all", "slow", 100, -1);
    loop_open(&first, LOOP_EDGE);
    loop_add(&first, make_op(token, WAIT));
    loop_run(&first, 40);
    loop_open(&turning, LOOP_EDGE);
    add(token, 10, WAIT);
    loop_run(&turning, 20);
    loop_close(&first);
    int64_t start = scene_real_ms();
    take(10, ASSAY_OK);
    assert_in_range(scene_real_ms() - start, 0, 2000);
    assert_in_range(scene_requests(&at, "metadata"), 1, 2);
    loop_close(&turning);
    free(token);
}

static void several_validators_in_one_driver(void **state)
{
    (void)state;
    scene second;
    scene_open(&second, "/second");
    scene_validator(&second);
    char *token = scene_mint(&at, "{}"), *other = scene_mint(&second, "{}");
    loop_open(&turning, LOOP_LEVEL);
    for (int i = 0; i < 20; i++) {
        add(token, 1, WAIT);
        assay_op *op = NULL;
        assert_int_equal(assay_op_new_validate(second.validator, i % 2 ? token : other, strlen(i % 2 ? token : other),
                                               NULL, WAIT, &op, NULL),
                         ASSAY_OK);
        assay_op_set_user_data(op, i % 2 ? &at : &second);
        loop_add(&turning, op);
    }
    for (int i = 0; i < 40; i++) {
        assay_op *op = loop_next(&turning, WAIT);
        assert_non_null(op);
        int expected = assay_op_user_data(op) == &at ? ASSAY_E_ISSUER : ASSAY_OK;
        assert_int_equal(loop_result(op), expected);
    }
    assert_one_fetch();
    assert_int_equal(scene_requests(&second, "jwks"), 1);
    assay_validator_unref(second.validator); /* the last one that the test holds, while an operation is under way */
    second.validator = NULL;
    loop_close(&turning);
    scene_close(&second);
    free(token);
    free(other);
}

static void what_a_host_may_get_wrong(void **state)
{
    (void)state;
    loop another;
    char *token = scene_mint(&at, "{}");
    loop_open(&turning, LOOP_LEVEL);
    loop_open(&another, LOOP_LEVEL);
    assay_op *op = make_op(token, WAIT);
    assert_null(assay_op_user_data(op));
    loop_add(&turning, op);
    assert_int_equal(assay_driver_add(turning.driver, op, NULL), ASSAY_E_STATE);
    assert_int_equal(assay_driver_add(another.driver, op, NULL), ASSAY_E_STATE);
    assert_int_equal(assay_op_result(op, NULL, NULL), ASSAY_E_STATE);
    assert_int_equal(assay_op_step(op), ASSAY_WANT_WAIT); /* it is the driver's to step */
    assert_null(assay_op_fetch_url(op));
    assay_op_free(op); /* likewise */
    assert_int_equal(assay_op_fetch_failed(op, ASSAY_E_CONNECT, NULL), ASSAY_E_STATE);
    assert_int_equal(assay_driver_add(NULL, op, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_driver_add(turning.driver, NULL, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_driver_process(NULL, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_driver_keep_fresh(turning.driver, NULL, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_driver_socket_ready(turning.driver, 100000, ASSAY_DRIVER_READ, NULL), ASSAY_OK);
    assert_int_equal(assay_driver_timer_expired(turning.driver, NULL), ASSAY_OK);
    assert_null(assay_driver_next_done(NULL));
    assert_int_equal(assay_driver_fd(NULL), -1);
    assert_ptr_equal(loop_next(&turning, WAIT), op);
    loop_add(&another, op); /* a result that is there already stays */
    assert_ptr_equal(loop_next(&another, WAIT), op);
    assert_int_equal(loop_result(op), ASSAY_OK);
    loop_close(&another);
    loop_close(&turning);
    free(token);
}

/* Those that finish first are given back first, and an operation that a host has stepped itself may still be added. */
static void order_and_operations_under_way(void **state)
{
    (void)state;
    char *token = scene_mint(&at, "{}"), *forged = scene_mint(&at, "{\"forge\":\"signature\"}");
    loop_open(&turning, LOOP_EDGE);
    assay_op *leading = make_op(token, WAIT), *waiting = make_op(token, WAIT);
    assert_int_equal(assay_op_step(leading), ASSAY_WANT_FETCH);
    assert_int_equal(assay_op_step(waiting), ASSAY_WANT_WAIT);
    loop_add(&turning, waiting);
    loop_run(&turning, 50);
    assert_null(assay_driver_next_done(turning.driver));
    loop_add(&turning, leading);
    for (int i = 0; i < 2; i++)
        assert_int_equal(loop_result(loop_next(&turning, WAIT)), ASSAY_OK);
    assert_one_fetch();
    for (size_t i = 0; i < 5; i++) { /* one at a time, so that each is done before the next is added */
        assay_op *op = make_op(i % 2 ? forged : token, WAIT);
        assay_op_set_user_data(op, (void *)i);
        loop_add(&turning, op);
        assert_int_equal(assay_driver_process(turning.driver, NULL), ASSAY_OK);
    }
    for (size_t i = 0; i < 5; i++) {
        assay_op *op = assay_driver_next_done(turning.driver);
        assert_ptr_equal(assay_op_user_data(op), (void *)i);
        assert_int_equal(loop_result(op), i % 2 ? ASSAY_E_SIGNATURE : ASSAY_OK);
    }
    loop_close(&turning);
    free(token);
    free(forged);
}

/* An operation ends by its own deadline, and what it began does not count against the issuer. */
static void deadline_while_the_issuer_hangs(void)
{
    char *token = scene_mint(&at, "{}");
    dev_issuer_fault(at.issuer, "all", "slow", 3000, -1);
    int64_t start = scene_real_ms();
    add(token, 10, 400);
    take(10, ASSAY_E_KEYS_UNAVAILABLE);
    assert_in_range(scene_real_ms() - start, 350, 1500);
    print_message("deadline of 400 ms: %d ms\n", (int)(scene_real_ms() - start));
    free(token);
}

static void operations_end_by_their_deadline(void **state)
{
    (void)state;
    in_each_loop(deadline_while_the_issuer_hangs);
}

#define CASE(name) cmocka_unit_test_prestate_setup_teardown(name, scene_setup_validator, scene_teardown, &at)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(many_operations_share_one_flight),
        CASE(a_failure_is_shared_too),
        CASE(no_edge_is_lost),
        CASE(leader_is_cancelled_while_others_wait),
        CASE(leader_is_cancelled_at_each_moment),
        CASE(all_are_cancelled_and_the_fetch_still_lands),
        CASE(driver_is_freed_with_operations_inside),
        CASE(lead_passes_on_to_another_driver),
        CASE(several_validators_in_one_driver),
        CASE(what_a_host_may_get_wrong),
        CASE(order_and_operations_under_way),
        CASE(operations_end_by_their_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
