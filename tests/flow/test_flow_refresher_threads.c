/* SPDX-License-Identifier: MIT */
/* The thread that keeps keys fresh: started, stopped, never paid for, never in the way. Run under TSan too. */
#include "support/pace.h"
#include "support/process.h"
#include "support/scene.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define WAIT 20000
#define THREADS 8

static scene at;

static void pause_ms(int64_t milliseconds)
{
    const struct timespec pause = {(time_t)(milliseconds / 1000), (long)(milliseconds % 1000) * 1000000};
    nanosleep(&pause, NULL);
}

static void start(void)
{
    assert_int_equal(assay_validator_start_refresh_thread(at.validator, NULL), ASSAY_OK);
}

/* Wait, within a bound, until so many key sets were asked for and the last one is in use. */
static void wait_for_fetches(int64_t count)
{
    int64_t wait = 0, end = scene_real_ms() + WAIT;
    do {
        pause_ms(2);
        assert_int_equal(assay_validator_refresh_due(at.validator, &wait, NULL), ASSAY_OK);
    } while ((scene_requests(&at, "jwks") < count || wait <= 1000) && scene_real_ms() < end); /* a second: in flight */
    assert_int_equal(scene_requests(&at, "jwks"), count);
}

/* The server's own threads come and go with its connections: what is compared is the least that is seen. */
static int least_threads(void)
{
    int least = process_threads();
    for (int i = 0; i < 100; i++) {
        int now = process_threads();
        least = now < least ? now : least;
        pause_ms(1);
    }
    return least;
}

static void it_starts_once_and_ends(void **state)
{
    (void)state;
    assay_validator_stop_refresh_thread(at.validator); /* there is none */
    assay_validator_stop_refresh_thread(NULL);
    assert_int_equal(assay_validator_start_refresh_thread(NULL, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_validator_refresh(at.validator, NULL, WAIT, NULL), ASSAY_OK);
    int before = least_threads(), descriptors = process_descriptors();
    for (int i = 0; i < 20; i++) {
        start();
        start();
        assert_int_equal(process_wait_threads(before + 1), before + 1);
        assay_validator_stop_refresh_thread(at.validator);
        assay_validator_stop_refresh_thread(at.validator);
        assert_int_equal(process_wait_threads(before), before);
        assert_int_equal(process_descriptors(), descriptors);
    }
    start();
    assay_validator_unref(at.validator);
    at.validator = NULL;
    assert_int_equal(process_wait_threads(before), before);
}

/* Stopped while it is busy: it must not sleep first. */
static void stop_takes_a_moment(void **state)
{
    (void)state;
    int64_t longest = 0;
    assert_int_equal(assay_validator_refresh(at.validator, NULL, WAIT, NULL), ASSAY_OK);
    for (int i = 0; i < 400; i++) {
        start();
        for (volatile int spin = 0; spin < i * 100; spin = spin + 1)
            continue;
        int64_t begun = scene_real_ms();
        assay_validator_stop_refresh_thread(at.validator);
        int64_t took = scene_real_ms() - begun;
        longest = took > longest ? took : longest;
    }
    print_message("stopped 400 times: longest %d ms\n", (int)longest);
    assert_in_range(longest, 0, 1000);
}

static void no_signal_is_handled_in_it(void **state)
{
    (void)state;
    int known[64];
    sigset_t before, after;
    assert_int_equal(assay_validator_refresh(at.validator, NULL, WAIT, NULL), ASSAY_OK);
    pause_ms(300);
    int count = process_thread_ids(known, 64);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &before), 0);
    start();
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &after), 0);
    for (int number = 1; number <= SIGRTMAX; number++)
        assert_int_equal(sigismember(&before, number), sigismember(&after, number));
    uint64_t blocked = 0;
    for (int i = 0; i < 500 && blocked == 0; i++) {
        blocked = process_blocked_in_other_thread(known, count);
        pause_ms(2);
    }
    for (int number = 1; number <= SIGRTMAX; number++) {
        /* Not blockable; 32 and 33 are the C library's own. */
        if (number == SIGKILL || number == SIGSTOP || (number > 31 && number < SIGRTMIN))
            continue;
        if ((blocked >> (number - 1) & 1) == 0)
            fail_msg("signal %d is not blocked (%llx)", number, (unsigned long long)blocked);
    }
}

/* A refresh of a second is under way, and no call takes notice. */
static void nobody_pays(void **state)
{
    (void)state;
    start();
    wait_for_fetches(1);
    for (int64_t round = 1; round <= 2; round++) {
        dev_issuer_fault(at.issuer, "jwks", "slow", 1000, -1);
        scene_advance(&at, 3601);
        char *token = scene_mint(&at, "{}");
        int64_t longest = 0, calls = 0, end = scene_real_ms() + 1500;
        while (scene_real_ms() < end) {
            int64_t begun = scene_real_ms();
            assert_int_equal(scene_validate(&at, token, WAIT), ASSAY_OK);
            int64_t took = scene_real_ms() - begun;
            longest = took > longest ? took : longest;
            calls++;
        }
        free(token);
        print_message("%d calls while keys are refreshed: longest %d ms\n", (int)calls, (int)longest);
        assert_in_range(longest, 0, 700); /* who pays takes a second; a busy machine may take some of it */
        assert_int_equal(scene_requests(&at, "jwks"), round + 1); /* it was made, once */
    }
}

static void it_meets_a_new_key_before_any_token_does(void **state)
{
    (void)state;
    char *answer = NULL;
    start();
    wait_for_fetches(1);
    assert_int_equal(dev_issuer_rotate(at.issuer, "{\"algorithm\":\"RS256\"}", &answer), 0);
    free(answer);
    scene_advance(&at, 3601);
    char *token = scene_mint(&at, "{}"), *old = NULL;
    assert_int_equal(scene_validate(&at, token, 0), ASSAY_E_KEYS_NEEDED);
    assert_int_equal(assay_validator_start_refresh_thread(at.validator, NULL), ASSAY_OK);
    /* It goes by the scene's clock: a token with a warm key, whoever brings it, tells it the time. */
    old = scene_mint(&at, "{\"algorithm\":\"ES256\"}");
    assert_int_equal(scene_validate(&at, old, WAIT), ASSAY_OK);
    wait_for_fetches(2);
    assert_int_equal(scene_validate(&at, token, 0), ASSAY_OK);
    assert_int_equal(scene_stat(&at, ASSAY_STAT_UNKNOWN_KID_FETCHES), 0);
    free(token);
    free(old);
}

static void issuer_that_is_down_costs_neither_keys_nor_calls(void **state)
{
    (void)state;
    start();
    wait_for_fetches(1);
    dev_issuer_fault(at.issuer, "all", "status", 503, -1);
    scene_advance(&at, 3601);
    char *token = scene_mint(&at, "{}");
    int64_t end = scene_real_ms() + WAIT, wait = 0;
    while (scene_stat(&at, ASSAY_STAT_FETCH_FAILURES) == 0 && scene_real_ms() < end) {
        assert_int_equal(scene_validate(&at, token, WAIT), ASSAY_OK);
        pause_ms(5);
    }
    pause_ms(300);
    uint64_t failures = scene_stat(&at, ASSAY_STAT_FETCH_FAILURES);
    assert_in_range(failures, 1, 2);
    assert_int_equal(assay_validator_refresh_due(at.validator, &wait, NULL), ASSAY_OK);
    assert_in_range(wait, 1000, 6000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(scene_validate(&at, token, WAIT), ASSAY_OK);
    assert_int_equal(scene_stat(&at, ASSAY_STAT_FETCH_FAILURES), failures);
    dev_issuer_fault(at.issuer, "all", "none", -1, -1);
    int64_t asked = scene_requests(&at, "jwks");
    scene_advance(&at, 10);
    assert_int_equal(scene_validate(&at, token, WAIT), ASSAY_OK);
    wait_for_fetches(asked + 1);
    free(token);
}

/* The last reference goes while it fetches, at many moments. */
static void last_reference_ends_it_during_a_fetch(void **state)
{
    (void)state;
    int64_t longest = 0;
    dev_issuer_fault(at.issuer, "all", "slow", 3000, -1);
    for (int i = 0; i < 12; i++) {
        start();
        pause_ms(i * 7);
        int64_t begun = scene_real_ms();
        assay_validator_unref(at.validator);
        int64_t took = scene_real_ms() - begun;
        longest = took > longest ? took : longest;
        scene_validator(&at);
    }
    print_message("released during a fetch: longest %d ms\n", (int)longest);
    assert_in_range(longest, 0, pace_is_sanitized() ? 2000 : 200);
}

/* Everybody starts and stops it while everybody validates. */
static const char *shared_token;

static void *start_stop_validate(void *argument)
{
    unsigned random = *(unsigned *)argument;
    for (int i = 0; i < 150; i++) {
        random = random * 1103515245u + 12345u;
        switch (random >> 16 & 3) {
        case 0:
            if (assay_validator_start_refresh_thread(at.validator, NULL) != ASSAY_OK)
                abort();
            break;
        case 1:
            assay_validator_stop_refresh_thread(at.validator);
            break;
        default:
            if (scene_validate(&at, shared_token, WAIT) != ASSAY_OK)
                abort();
        }
        if (i % 50 == 49)
            scene_advance(&at, 301); /* something is due now and then */
    }
    return NULL;
}

static void started_and_stopped_by_all(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    unsigned seeds[THREADS];
    char *token = scene_mint(&at, "{\"claims\":{\"exp\":4102444800}}");
    shared_token = token;
    int before = least_threads();
    dev_issuer_set_max_age(at.issuer, 300);
    for (unsigned i = 0; i < THREADS; i++) {
        seeds[i] = i + 1;
        assert_int_equal(pthread_create(&threads[i], NULL, start_stop_validate, &seeds[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assay_validator_stop_refresh_thread(at.validator);
    assert_in_range(process_wait_threads(before), 1, before);
    print_message("%d key fetches\n", (int)scene_requests(&at, "jwks"));
    free(token);
}

#define CASE(name) cmocka_unit_test_prestate_setup_teardown(name, scene_setup_validator, scene_teardown, &at)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(it_starts_once_and_ends),
        CASE(stop_takes_a_moment),
        CASE(no_signal_is_handled_in_it),
        CASE(nobody_pays),
        CASE(it_meets_a_new_key_before_any_token_does),
        CASE(issuer_that_is_down_costs_neither_keys_nor_calls),
        CASE(last_reference_ends_it_during_a_fetch),
        CASE(started_and_stopped_by_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
