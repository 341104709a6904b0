/* SPDX-License-Identifier: MIT */
/* Reload under load: a new validator takes over the keys of the old one again and again. Nothing is lost, fetched or slowed. Run under TSan too. */
#include "support/scene.h"

#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define WAIT 20000
enum { THREADS = 8, SWAPS = 200, ROTATE_AT = 70, PURGE_AT = 120 };

/* What a host keeps: the validator and a token, read and replaced under a small lock, held by a reference. */
typedef struct host {
    pthread_mutex_t lock;
    assay_validator *validator;
    const char *token;
    atomic_bool stop;
} host;

typedef struct worker {
    pthread_t thread;
    uint64_t validated;
    int64_t longest_us; /* one validation, with getting hold of the validator */
} worker;

static scene at;
static host serving;
static worker workers[THREADS];

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static assay_validator *hold(const char **token)
{
    (void)pthread_mutex_lock(&serving.lock);
    assay_validator *held = assay_validator_ref(serving.validator);
    *token = serving.token;
    (void)pthread_mutex_unlock(&serving.lock);
    return held;
}

static void validate_once(worker *self)
{
    const char *token;
    assay_claims *claims = NULL;
    assay_error *error = NULL;
    int64_t start = now_us();
    assay_validator *validator = hold(&token);
    int code = assay_validator_validate(validator, token, strlen(token), NULL, WAIT, &claims, &error);
    assay_validator_unref(validator);
    int64_t took = now_us() - start;
    if (code != ASSAY_OK || claims == NULL) {
        fprintf(stderr, "a good token was refused: %s\n", assay_error_message(error));
        abort();
    }
    assay_claims_unref(claims);
    self->validated++;
    self->longest_us = took > self->longest_us ? took : self->longest_us;
}

static void *work(void *argument)
{
    static const struct timespec pause = {0, 200000}; /* two cores: let the others run too */
    while (!atomic_load(&serving.stop)) {
        validate_once(argument);
        nanosleep(&pause, NULL);
    }
    return NULL;
}

static void start_workers(void)
{
    pthread_mutex_init(&serving.lock, NULL);
    serving.validator = assay_validator_ref(at.validator);
    atomic_store(&serving.stop, false);
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (worker){0};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
}

static void stop_workers(void)
{
    int64_t longest = 0;
    uint64_t validated = 0;
    atomic_store(&serving.stop, true);
    for (int i = 0; i < THREADS; i++) {
        (void)pthread_join(workers[i].thread, NULL);
        longest = workers[i].longest_us > longest ? workers[i].longest_us : longest;
        validated += workers[i].validated;
        assert_true(workers[i].validated > 0);
    }
    print_message("%" PRIu64 " validations by %d threads, none refused; the longest took %" PRId64 " us\n", validated,
                  THREADS, longest);
    assay_validator_unref(serving.validator);
    pthread_mutex_destroy(&serving.lock);
}

/* A new validator takes the place of the old one; how long the taking over took. */
static int64_t swap(void)
{
    assay_validator *made = NULL;
    size_t taken = 0;
    uint64_t fetches = 1;
    assert_int_equal(assay_validator_new(at.runtime, &at.configuration, 1, &made, NULL), ASSAY_OK);
    int64_t start = now_us();
    assert_int_equal(assay_validator_take_over(made, serving.validator, &taken, NULL), ASSAY_OK);
    int64_t took = now_us() - start;
    assert_int_equal(taken, 1);
    assert_int_equal(assay_validator_ready(made, NULL), ASSAY_OK);
    assert_int_equal(assay_validator_get_stat(made, NULL, ASSAY_STAT_KEY_FETCHES, &fetches), ASSAY_OK);
    assert_int_equal(fetches, 0);
    (void)pthread_mutex_lock(&serving.lock);
    assay_validator *old = serving.validator;
    serving.validator = made;
    (void)pthread_mutex_unlock(&serving.lock);
    assay_validator_unref(old);
    return took;
}

/* A new key, which the validator of this moment fetches, and a token of it from then on; the old token's key is retained. */
static char *rotate(void)
{
    char *answer = NULL;
    assert_int_equal(dev_issuer_rotate(at.issuer, "{\"algorithm\":\"RS256\"}", &answer), 0);
    free(answer);
    assert_int_equal(assay_validator_refresh(serving.validator, NULL, WAIT, NULL), ASSAY_OK);
    char *token = scene_mint(&at, "{}");
    (void)pthread_mutex_lock(&serving.lock);
    serving.token = token;
    (void)pthread_mutex_unlock(&serving.lock);
    return token;
}

static void purge(const char *token)
{
    assay_claims *claims = NULL;
    assert_int_equal(assay_validator_check(serving.validator, token, strlen(token), NULL, &claims, NULL), ASSAY_OK);
    const char *kid = assay_claims_kid(claims);
    assert_non_null(kid);
    assert_int_equal(assay_validator_purge(serving.validator, dev_issuer_url(at.issuer), kid, NULL), ASSAY_OK);
    assay_claims_unref(claims);
}

static void is_refused(const char *token, int64_t timeout_ms, int code)
{
    assay_claims *claims = NULL;
    assert_int_equal(assay_validator_validate(serving.validator, token, strlen(token), NULL, timeout_ms, &claims, NULL),
                     code);
    assert_null(claims);
}

static void swapped_under_load(void **state)
{
    (void)state;
    int64_t longest = 0;
    scene_validator(&at);
    char *first = scene_mint(&at, "{}"), *second = NULL, *purged = scene_mint(&at, "{\"algorithm\":\"ES256\"}");
    assert_int_equal(scene_validate(&at, first, WAIT), ASSAY_OK);
    serving.token = first;
    start_workers();
    for (int i = 0; i < SWAPS; i++) {
        static const struct timespec pause = {0, 2000000};
        if (i == ROTATE_AT)
            second = rotate();
        if (i == PURGE_AT)
            purge(purged);
        int64_t took = swap();
        longest = took > longest ? took : longest;
        if (i >= PURGE_AT) /* without a fetch nothing more is known; it is not there */
            is_refused(purged, 0, ASSAY_E_KEYS_NEEDED);
        nanosleep(&pause, NULL);
    }
    assert_int_equal(scene_requests(&at, "metadata"), 1);
    assert_int_equal(scene_requests(&at, "jwks"), 2); /* the first one, and that of the rotation */
    is_refused(purged, WAIT, ASSAY_E_KEY_UNKNOWN);    /* served still, and stays away */
    assert_int_equal(scene_requests(&at, "jwks"), 3);
    swap();
    is_refused(purged, WAIT, ASSAY_E_KEY_UNKNOWN); /* the budget passes on as well */
    assert_int_equal(scene_requests(&at, "jwks"), 3);
    print_message("%d swaps; the longest taking over took %" PRId64 " us\n", SWAPS, longest);
    stop_workers();
    free(first);
    free(second);
    free(purged);
}

static void until_asked(int64_t before)
{
    for (int64_t start = scene_real_ms(); scene_requests(&at, "jwks") == before;)
        assert_true(scene_real_ms() - start < WAIT);
}

/* A swap in the middle of a refresh: that one stays with the old validator, and the new one pays for one of its own at most. */
static void swapped_while_a_refresh_is_under_way(void **state)
{
    (void)state;
    scene_validator(&at);
    char *token = scene_mint(&at, "{\"claims\":{\"exp\":4000000000}}");
    assert_int_equal(scene_validate(&at, token, WAIT), ASSAY_OK);
    serving.token = token;
    dev_issuer_fault(at.issuer, "jwks", "slow", 200, -1);
    start_workers();
    for (int round = 0; round < 5; round++) {
        int64_t before = scene_requests(&at, "jwks"), wait = 0;
        scene_advance(&at, 3601);
        until_asked(before);
        swap();
        for (int64_t start = scene_real_ms(); wait<60000; wait = wait> 1000 ? wait : 0) {
            static const struct timespec pause = {0, 5000000};
            nanosleep(&pause, NULL);
            assert_int_equal(assay_validator_refresh_due(serving.validator, &wait, NULL), ASSAY_OK);
            assert_true(scene_real_ms() - start < WAIT);
        }
        assert_in_range(scene_requests(&at, "jwks") - before, 1, 2);
    }
    stop_workers();
    free(token);
}

#define CASE(name) cmocka_unit_test_prestate_setup_teardown(name, scene_setup, scene_teardown, &at)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(swapped_under_load),
        CASE(swapped_while_a_refresh_is_under_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
