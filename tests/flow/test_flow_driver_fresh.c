/* SPDX-License-Identifier: MIT */
/* A driver that keeps keys fresh, and one that meets what hangs: many issuers at once, a slow one, a name server that never answers. */
#include "support/deaf_dns.h"
#include "support/loop.h"
#include "support/pace.h"
#include "support/scene.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { WAITING = 2000 };
#define WAIT 20000
#define ISSUERS 500

static scene at;
static loop turning;

static int64_t due_in(void)
{
    int64_t wait = 0;
    assert_int_equal(assay_validator_refresh_due(at.validator, &wait, NULL), ASSAY_OK);
    return wait;
}

/* Turn until so many key sets were asked for, and a little longer in case there are more. */
static void run_until_fetched(int64_t count)
{
    int64_t end = scene_real_ms() + WAIT;
    while ((scene_requests(&at, "jwks") < count || due_in() <= 1000) && scene_real_ms() < end)
        loop_turn(&turning, 20);
    loop_run(&turning, 100);
    assert_int_equal(scene_requests(&at, "jwks"), count);
}

/* The clock of the scene jumped: a driver by real time looks when it is asked to. */
static void jump(int64_t seconds)
{
    scene_advance(&at, seconds);
    assert_int_equal(assay_driver_process(turning.driver, NULL), ASSAY_OK);
}

static void missing_keys_are_fetched_at_once_and_due_ones_in_time(void **state)
{
    (void)state;
    loop_open(&turning, LOOP_EDGE);
    assert_int_equal(assay_driver_keep_fresh(turning.driver, at.validator, NULL), ASSAY_OK);
    run_until_fetched(1);
    char *token = scene_mint(&at, "{}");
    assert_int_equal(scene_validate(&at, token, 0), ASSAY_OK);
    assert_null(assay_driver_next_done(turning.driver)); /* its own are nobody's to take */
    for (int round = 2; round <= 4; round++) {
        jump(due_in() / 1000 - 5);
        loop_run(&turning, 100);
        assert_int_equal(scene_requests(&at, "jwks"), round - 1);
        jump(10);
        run_until_fetched(round);
    }
    free(token);
    assay_validator_unref(at.validator); /* the driver has one too */
    at.validator = NULL;
    loop_run(&turning, 10);
    loop_close(&turning);
}

/* A call that may wait does not pay for what a driver will do in a moment; for what it has not done in a minute it does. */
static void nobody_pays_while_a_driver_is_alive(void **state)
{
    (void)state;
    loop_open(&turning, LOOP_LEVEL);
    assert_int_equal(assay_driver_keep_fresh(turning.driver, at.validator, NULL), ASSAY_OK);
    loop_run(&turning, 200);
    assert_int_equal(scene_requests(&at, "jwks"), 1);
    int64_t wait_ms = 0;
    assert_int_equal(assay_validator_refresh_due(at.validator, &wait_ms, NULL), ASSAY_OK);
    scene_advance(&at, wait_ms / 1000 + 2);
    assert_int_equal(scene_try(&at, "{}", WAIT), ASSAY_OK);
    assert_int_equal(scene_requests(&at, "jwks"), 1);
    scene_advance(&at, 61);
    assert_int_equal(scene_try(&at, "{}", WAIT), ASSAY_OK);
    assert_int_equal(scene_requests(&at, "jwks"), 2);
    loop_close(&turning);
    assert_int_equal(assay_validator_refresh_due(at.validator, &wait_ms, NULL), ASSAY_OK);
    scene_advance(&at, wait_ms / 1000 + 2);
    assert_int_equal(scene_try(&at, "{}", WAIT), ASSAY_OK); /* there is no driver any more */
    assert_int_equal(scene_requests(&at, "jwks"), 3);
}

static void it_backs_off_while_the_issuer_is_down(void **state)
{
    (void)state;
    loop_open(&turning, LOOP_CALLBACKS);
    assert_int_equal(assay_driver_keep_fresh(turning.driver, at.validator, NULL), ASSAY_OK);
    run_until_fetched(1);
    char *token = scene_mint(&at, "{}");
    dev_issuer_fault(at.issuer, "all", "status", 503, -1);
    scene_advance(&at, 3601);
    int64_t end = scene_real_ms() + WAIT;
    assert_int_equal(assay_driver_process(turning.driver, NULL), ASSAY_OK);
    while (scene_stat(&at, ASSAY_STAT_FETCH_FAILURES) == 0 && scene_real_ms() < end)
        loop_turn(&turning, 20);
    loop_run(&turning, 500);
    uint64_t failures = scene_stat(&at, ASSAY_STAT_FETCH_FAILURES);
    assert_in_range(failures, 1, 2); /* metadata and keys */
    assert_in_range(due_in(), 2000, 6000);
    assert_int_equal(scene_validate(&at, token, WAIT), ASSAY_OK); /* and nobody pays */
    assert_int_equal(scene_stat(&at, ASSAY_STAT_FETCH_FAILURES), failures);
    /* An hour of it, in steps of 10 s: at most one try in each growing pause. */
    for (int i = 0; i < 360; i++) {
        jump(10);
        loop_run(&turning, 5);
    }
    print_message("an hour down: %d failures\n", (int)scene_stat(&at, ASSAY_STAT_FETCH_FAILURES));
    assert_in_range(scene_stat(&at, ASSAY_STAT_FETCH_FAILURES), 5, 60);
    assert_int_equal(scene_validate(&at, token, 0) == ASSAY_E_EXPIRED,
                     1); /* the keys are still there, the token is not */
    dev_issuer_fault(at.issuer, "all", "none", -1, -1);
    int64_t served = scene_requests(&at, "jwks");
    jump(301);
    run_until_fetched(served + 1);
    loop_close(&turning);
    free(token);
}

/* Two drivers, turned in two threads, on one validator: each refresh is made once. */
static void *turn_another(void *argument)
{
    atomic_bool *stop = argument;
    loop another;
    loop_open(&another, LOOP_LEVEL);
    if (assay_driver_keep_fresh(another.driver, at.validator, NULL) != ASSAY_OK)
        abort();
    while (!atomic_load(stop)) {
        if (assay_driver_process(another.driver, NULL) != ASSAY_OK)
            abort();
        loop_turn(&another, 1);
    }
    loop_close(&another);
    return NULL;
}

static void two_drivers_make_each_refresh_once(void **state)
{
    (void)state;
    pthread_t thread;
    atomic_bool stop = false;
    loop_open(&turning, LOOP_EDGE);
    assert_int_equal(assay_driver_keep_fresh(turning.driver, at.validator, NULL), ASSAY_OK);
    assert_int_equal(pthread_create(&thread, NULL, turn_another, &stop), 0);
    for (int round = 1; round <= 60; round++) {
        int64_t end = scene_real_ms() + WAIT;
        while (scene_requests(&at, "jwks") < round && scene_real_ms() < end) {
            assert_int_equal(assay_driver_process(turning.driver, NULL), ASSAY_OK);
            loop_turn(&turning, 1);
        }
        loop_run(&turning, 10);
        assert_int_equal(scene_requests(&at, "jwks"), round);
        scene_advance(&at, 3601);
    }
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
    loop_close(&turning);
}

/* A fetch by somebody else brought the next one forward. */
static void refresh_that_came_forward_is_made(void **state)
{
    (void)state;
    loop_open(&turning, LOOP_EDGE);
    assert_int_equal(assay_driver_keep_fresh(turning.driver, at.validator, NULL), ASSAY_OK);
    run_until_fetched(1);
    dev_issuer_set_max_age(at.issuer, 300);
    assert_int_equal(assay_validator_refresh(at.validator, NULL, WAIT, NULL), ASSAY_OK);
    assert_in_range(due_in(), 200000, 300000);
    jump(61);
    jump(250);
    run_until_fetched(3);
    loop_close(&turning);
}

static atomic_int asked;

static void count_lines(void *user_data, int level, const char *line, size_t len)
{
    (void)user_data;
    (void)level;
    (void)len;
    if (strncmp(line, "fetching", 8) == 0)
        atomic_fetch_add(&asked, 1);
}

/*
 * Of all that is ready, a turn does only so much: no call into the driver takes longer than this of processor time. What else
 * the machine does only adds to it, and does so for seconds, so the shortest of some attempts counts that lie a second apart.
 */
#define LONGEST_CALL_US 5000
#define CALL_ATTEMPTS 8

static void keeps_calls_short(int64_t (*longest_call)(void))
{
    int64_t shortest = INT64_MAX;
    for (int attempt = 0; attempt < CALL_ATTEMPTS && shortest > LONGEST_CALL_US; attempt++) {
        if (attempt > 0) {
            (void)sleep(1);
            scene_close(&at);
            scene_open(&at, NULL);
            scene_validator(&at);
        }
        int64_t took = longest_call();
        shortest = took < shortest ? took : shortest;
        if (pace_is_slowed())
            return;
    }
    assert_in_range(shortest, 0, LONGEST_CALL_US);
}

static int64_t call_of_five_hundred_issuers(void)
{
    assay_issuer *issuers[ISSUERS];
    assay_validator *validator = NULL;
    assay_runtime *runtime = NULL;
    const char *pem = dev_issuer_ca_pem(at.issuer);
    atomic_store(&asked, 0);
    assert_int_equal(assay_runtime_new(&runtime, NULL), ASSAY_OK);
    assert_int_equal(assay_runtime_set_ca_pem(runtime, pem, strlen(pem), NULL), ASSAY_OK);
    assert_int_equal(assay_runtime_set_log(runtime, ASSAY_LOG_DEBUG, count_lines, NULL, NULL, NULL), ASSAY_OK);
    for (size_t i = 0; i < ISSUERS; i++) {
        char url[200];
        snprintf(url, sizeof url, "https://issuer%zu.example", i);
        assert_int_equal(assay_issuer_new(url, &issuers[i], NULL), ASSAY_OK);
        assert_int_equal(assay_issuer_add_audience(issuers[i], "a", NULL), ASSAY_OK);
        snprintf(url, sizeof url, "%s/jwks", dev_issuer_url(at.issuer));
        assert_int_equal(assay_issuer_set_jwks_uri(issuers[i], url, NULL), ASSAY_OK);
    }
    assert_int_equal(assay_validator_new(runtime, issuers, ISSUERS, &validator, NULL), ASSAY_OK);
    dev_issuer_fault(at.issuer, "jwks", "slow", 2000, -1);
    loop_open(&turning, LOOP_EDGE);
    assert_int_equal(assay_driver_keep_fresh(turning.driver, validator, NULL), ASSAY_OK);
    int64_t end = scene_real_ms() + 1500;
    while (atomic_load(&asked) < 32 && scene_real_ms() < end)
        loop_turn(&turning, 10);
    loop_run(&turning, 100);
    assert_int_equal(atomic_load(&asked), 32); /* and none is answered yet */
    dev_issuer_fault(at.issuer, "jwks", "none", -1, -1);
    end = scene_real_ms() + 3 * WAIT;
    while (assay_validator_ready(validator, NULL) != ASSAY_OK && scene_real_ms() < end)
        loop_turn(&turning, 100);
    assert_int_equal(assay_validator_ready(validator, NULL), ASSAY_OK);
    assert_int_equal(scene_requests(&at, "jwks"), ISSUERS);
    print_message("%d issuers: longest call %d us, %d us of processor time\n", ISSUERS, (int)turning.longest_wall,
                  (int)turning.longest_cpu);
    loop_close(&turning);
    assay_validator_unref(validator);
    assay_runtime_unref(runtime);
    for (size_t i = 0; i < ISSUERS; i++)
        assay_issuer_free(issuers[i]);
    return turning.longest_cpu;
}

static void five_hundred_issuers_at_once(void **state)
{
    (void)state;
    keeps_calls_short(call_of_five_hundred_issuers);
}

/* 2000 operations wait for an issuer that takes 3 s for each document, while the loop has a heartbeat of 1 ms. */
static int64_t call_of_two_thousand_operations(void)
{
    char *token = scene_mint(&at, "{}");
    int64_t longest_beat = 0;
    dev_issuer_fault(at.issuer, "metadata", "slow", 3000, -1);
    loop_open(&turning, LOOP_EDGE);
    /* What a host does before its loop starts. */
    assert_int_equal(assay_driver_keep_fresh(turning.driver, at.validator, NULL), ASSAY_OK);
    for (int i = 0; i < WAITING; i++) {
        assay_op *op = NULL;
        assert_int_equal(assay_op_new_validate(at.validator, token, strlen(token), NULL, WAIT, &op, NULL), ASSAY_OK);
        loop_add(&turning, op);
    }
    int64_t beat = scene_real_ms(), end = beat + WAIT;
    for (int done = 0; done < WAITING && beat < end;) {
        loop_turn(&turning, 1);
        for (assay_op *op; (op = assay_driver_next_done(turning.driver)) != NULL; done++)
            assert_int_equal(loop_result(op), ASSAY_OK);
        int64_t now = scene_real_ms();
        longest_beat = now - beat > longest_beat ? now - beat : longest_beat;
        beat = now;
    }
    print_message("%d operations, an issuer of 3 s: longest call %d us, %d us of processor time; longest beat %d ms\n",
                  WAITING, (int)turning.longest_wall, (int)turning.longest_cpu, (int)longest_beat);
    assert_int_equal(scene_requests(&at, "jwks"), 1);
    loop_close(&turning);
    free(token);
    return turning.longest_cpu;
}

static void loop_never_pauses_for_long(void **state)
{
    (void)state;
    keeps_calls_short(call_of_two_thousand_operations);
}

/* Milliseconds by which an operation of 400 ms was late, or that a driver took to be closed while a name was being asked for: whichever is longer. */
static int64_t lateness_with_the_deaf(assay_validator *validator, loop_kind kind)
{
    assay_op *op = NULL;
    loop_open(&turning, kind);
    int64_t start = scene_real_ms();
    assert_int_equal(assay_op_new_refresh(validator, "https://issuer.example", 400, &op, NULL), ASSAY_OK);
    loop_add(&turning, op);
    op = loop_next(&turning, WAIT);
    int64_t took = scene_real_ms() - start;
    assert_int_equal(loop_result(op), ASSAY_E_TIMEOUT);
    assert_in_range(took, 350, WAIT);
    assert_int_equal(assay_op_new_refresh(validator, "https://issuer.example", WAIT, &op, NULL), ASSAY_OK);
    loop_add(&turning, op);
    loop_run(&turning, 100);
    start = scene_real_ms();
    loop_close(&turning);
    int64_t freed = scene_real_ms() - start;
    print_message("deaf name server: 400 ms took %d ms; freed in %d ms\n", (int)took, (int)freed);
    return took - 400 > freed ? took - 400 : freed;
}

/* In a network of its own whose name server is deaf; a busy machine gets two more tries. */
static int ask_the_deaf(void)
{
    assay_issuer *issuer = NULL;
    assay_validator *validator = NULL;
    int64_t most = pace_is_slowed() ? 2000 : 100;
    if (!deaf_dns())
        return DEAF_DNS_NOT_PERMITTED;
    assert_int_equal(assay_issuer_new("https://issuer.example", &issuer, NULL), ASSAY_OK);
    assert_int_equal(assay_issuer_add_audience(issuer, "a", NULL), ASSAY_OK);
    assert_int_equal(assay_validator_new(NULL, &issuer, 1, &validator, NULL), ASSAY_OK);
    for (int kind = LOOP_EDGE; kind <= LOOP_CALLBACKS; kind++) {
        int64_t least = INT64_MAX;
        for (int attempt = 0; attempt < 3 && least > most; attempt++) {
            int64_t late = lateness_with_the_deaf(validator, (loop_kind)kind);
            least = late < least ? late : least;
        }
        assert_true(least <= most);
    }
    assay_validator_unref(validator);
    assay_issuer_free(issuer);
    return 0;
}

static void hung_name_server_outlasts_no_deadline(void **state)
{
    (void)state;
    int status = deaf_dns_run(ask_the_deaf);
    if (status == DEAF_DNS_NOT_PERMITTED)
        skip();
    assert_int_equal(status, 0);
}

#define CASE(name) cmocka_unit_test_prestate_setup_teardown(name, scene_setup_validator, scene_teardown, &at)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hung_name_server_outlasts_no_deadline), /* first: while there is one thread */
        CASE(missing_keys_are_fetched_at_once_and_due_ones_in_time),
        CASE(nobody_pays_while_a_driver_is_alive),
        CASE(it_backs_off_while_the_issuer_is_down),
        CASE(two_drivers_make_each_refresh_once),
        CASE(refresh_that_came_forward_is_made),
        CASE(five_hundred_issuers_at_once),
        CASE(loop_never_pauses_for_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
