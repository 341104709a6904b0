/* SPDX-License-Identifier: MIT */
/* Many threads on one validator: one flight for all, rotation under load, deadlines that differ. Run under TSan too. */
#include "support/scene.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define WAIT 20000
#define MANY 100
#define ROTATING 64

static scene at;
static pthread_barrier_t barrier;

static void run(size_t count, void *(*body)(void *), void *arguments, size_t size)
{
    pthread_t threads[MANY];
    for (size_t i = 0; i < count; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, body, (char *)arguments + i * size), 0);
    for (size_t i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
}

typedef struct job {
    const char *token;
    int64_t timeout_ms;
    int code;
    int64_t took_ms;
} job;

static void *validate(void *argument)
{
    job *mine = argument;
    pthread_barrier_wait(&barrier);
    int64_t start = scene_real_ms();
    mine->code = scene_validate(&at, mine->token, mine->timeout_ms);
    mine->took_ms = scene_real_ms() - start;
    return NULL;
}

static void run_jobs(job *jobs, size_t count)
{
    pthread_barrier_init(&barrier, NULL, (unsigned)count);
    run(count, validate, jobs, sizeof *jobs);
    pthread_barrier_destroy(&barrier);
}

/* So many, with the same token and with time enough. */
static void run_patient(job *jobs, size_t count, const char *token)
{
    for (size_t i = 0; i < count; i++)
        jobs[i] = (job){token, WAIT, 1, 0};
    run_jobs(jobs, count);
}

static void hundred_get(const char *token, int code)
{
    job jobs[MANY];
    run_patient(jobs, MANY, token);
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(jobs[i].code, code);
}

static void K14_hundred_threads_cold(void **state)
{
    (void)state;
    scene_validator(&at);
    char *token = scene_mint(&at, "{}");
    dev_issuer_fault(at.issuer, "all", "slow", 200, -1);
    hundred_get(token, ASSAY_OK);
    assert_int_equal(scene_requests(&at, "metadata"), 1);
    assert_int_equal(scene_requests(&at, "jwks"), 1);
    free(token);
}

/* The failure is shared as the success is. */
static void hundred_threads_cold_while_down(void **state)
{
    (void)state;
    scene_validator(&at);
    char *token = scene_mint(&at, "{}");
    dev_issuer_fault(at.issuer, "all", "status", 503, -1);
    hundred_get(token, ASSAY_E_KEYS_UNAVAILABLE);
    assert_int_equal(scene_requests(&at, "metadata"), 1);
    free(token);
}

static void hundred_threads_with_a_new_key(void **state)
{
    (void)state;
    char *answer = NULL;
    scene_validator(&at);
    assert_int_equal(scene_try(&at, "{}", WAIT), ASSAY_OK);
    assert_int_equal(dev_issuer_rotate(at.issuer, "{\"algorithm\":\"RS256\"}", &answer), 0);
    free(answer);
    char *token = scene_mint(&at, "{}");
    dev_issuer_fault(at.issuer, "jwks", "slow", 200, -1);
    hundred_get(token, ASSAY_OK);
    assert_int_equal(scene_requests(&at, "jwks"), 2);
    free(token);
}

/* A leader with little time hands over to one with more; nobody waits longer than its own time. */
static void leader_runs_out_of_time_and_hands_over(void **state)
{
    (void)state;
    job jobs[40];
    scene_validator(&at);
    char *token = scene_mint(&at, "{}");
    dev_issuer_fault(at.issuer, "all", "slow", 700, -1);
    for (size_t i = 0; i < 40; i++)
        jobs[i] = (job){token, i % 2 == 0 ? 300 : WAIT, 1, 0};
    run_jobs(jobs, 40);
    for (size_t i = 0; i < 40; i++) {
        if (i % 2 == 1) {
            assert_int_equal(jobs[i].code, ASSAY_OK);
            continue;
        }
        assert_int_equal(jobs[i].code, ASSAY_E_KEYS_UNAVAILABLE);
        assert_in_range(jobs[i].took_ms, 0, 300 + 1000); /* generous: sanitizers and two cores */
    }
    print_message("handed over: %d metadata and %d key fetches for 40 threads\n", (int)scene_requests(&at, "metadata"),
                  (int)scene_requests(&at, "jwks"));
    assert_true(scene_requests(&at, "metadata") <= 21);
    assert_true(scene_requests(&at, "jwks") <= 21);
    free(token);
}

static void *try_again_and_again(void *argument)
{
    job *mine = argument;
    int64_t end = scene_real_ms() + 4000;
    while (scene_real_ms() < end) {
        int code = scene_validate(&at, mine->token, mine->timeout_ms);
        if (code == ASSAY_OK)
            abort();
        if (code != ASSAY_E_KEYS_UNAVAILABLE)
            mine->code = code;
    }
    return NULL;
}

/* Threads with little time and an issuer that takes longer: handing over must not become a way around the budget. */
static void threads_in_haste_make_no_storm(void **state)
{
    (void)state;
    job jobs[32];
    char *answer = NULL;
    scene_validator(&at);
    assert_int_equal(scene_try(&at, "{}", WAIT), ASSAY_OK);
    assert_int_equal(dev_issuer_rotate(at.issuer, "{\"algorithm\":\"RS256\"}", &answer), 0);
    free(answer);
    char *token = scene_mint(&at, "{}");
    dev_issuer_fault(at.issuer, "all", "slow", 8000, -1);
    for (size_t i = 0; i < 32; i++)
        jobs[i] = (job){token, 300, ASSAY_E_KEYS_UNAVAILABLE, 0};
    run(32, try_again_and_again, jobs, sizeof *jobs);
    print_message("32 threads in haste for 4 s: %d key fetches\n", (int)scene_requests(&at, "jwks") - 1);
    assert_true(scene_requests(&at, "jwks") - 1 <= 3);
    for (size_t i = 0; i < 32; i++)
        assert_int_equal(jobs[i].code, ASSAY_E_KEYS_UNAVAILABLE); /* never a verdict on the token */
    free(token);
}

static void *validate_a_little_later(void *argument)
{
    job *mine = argument;
    struct timespec pause = {0, (long)(mine->took_ms * 1000)};
    pthread_barrier_wait(&barrier);
    nanosleep(&pause, NULL);
    mine->code = scene_validate(&at, mine->token, mine->timeout_ms);
    return NULL;
}

/* Threads that come while the first ones land: nobody fetches again, and no good token is refused because the keys came between two looks. */
static void herd_that_comes_while_keys_land(void **state)
{
    (void)state;
    job jobs[24];
    scene_validator(&at);
    assert_int_equal(scene_try(&at, "{}", WAIT), ASSAY_OK);
    for (int round = 0; round < 40; round++) {
        char *answer = NULL;
        assert_int_equal(dev_issuer_rotate(at.issuer, "{\"algorithm\":\"ES256\"}", &answer), 0);
        free(answer);
        scene_advance(&at, 31);
        char *token = scene_mint(&at, "{\"algorithm\":\"ES256\"}");
        int64_t before = scene_requests(&at, "jwks");
        for (size_t i = 0; i < 24; i++) /* microseconds, here */
            jobs[i] = (job){token, WAIT, 1, (int64_t)(i * 350)};
        pthread_barrier_init(&barrier, NULL, 24);
        run(24, validate_a_little_later, jobs, sizeof *jobs);
        pthread_barrier_destroy(&barrier);
        for (size_t i = 0; i < 24; i++)
            assert_int_equal(jobs[i].code, ASSAY_OK);
        assert_int_equal(scene_requests(&at, "jwks"), before + 1);
        free(token);
    }
}

/* A refresh that is merely due: one caller pays, all others go on with the warm keys meanwhile. */
static void due_refresh_is_paid_by_one(void **state)
{
    (void)state;
    job jobs[32];
    scene_validator(&at);
    assert_int_equal(scene_try(&at, "{}", WAIT), ASSAY_OK);
    scene_advance(&at, 3601);
    char *token = scene_mint(&at, "{}");
    dev_issuer_fault(at.issuer, "jwks", "slow", 1500, -1);
    run_patient(jobs, 32, token);
    size_t slow = 0;
    for (size_t i = 0; i < 32; i++) {
        assert_int_equal(jobs[i].code, ASSAY_OK);
        slow += jobs[i].took_ms >= 1400;
    }
    assert_int_equal(slow, 1);
    assert_int_equal(scene_requests(&at, "jwks"), 2);
    free(token);
}

/* 64 threads validate while keys rotate, are purged, refreshed and described; every good token passes. */
typedef struct rotating {
    atomic_bool stop;
    _Atomic(char *) token; /* the newest; older ones stay in the list below */
    atomic_uint_fast64_t validated;
    char *all[64];
    size_t count;
} rotating;

static rotating turning;

static void *validate_while_rotating(void *argument)
{
    static const struct timespec pause = {0, 10000000}; /* 64 threads that never sleep would leave the issuer no time */
    (void)argument;
    while (!atomic_load(&turning.stop)) {
        const char *token = atomic_load(&turning.token);
        int code = scene_validate(&at, token, WAIT);
        if (code != ASSAY_OK) {
            fprintf(stderr, "a good token was refused: %s\n", assay_code_name(code));
            abort();
        }
        atomic_fetch_add(&turning.validated, 1);
        nanosleep(&pause, NULL);
    }
    return NULL;
}

static void *rotate_meanwhile(void *argument)
{
    static const struct timespec pause = {0, 20000000};
    (void)argument;
    for (int i = 0; i < 40; i++) {
        char *answer = NULL;
        if (dev_issuer_rotate(at.issuer, i % 8 == 0 ? "{\"algorithm\":\"RS256\"}" : "{\"algorithm\":\"ES256\"}",
                              &answer) != 0)
            abort();
        free(answer);
        char *token = scene_mint(&at, i % 8 == 0 ? "{}" : "{\"algorithm\":\"ES256\"}");
        if (assay_validator_refresh(at.validator, NULL, WAIT, NULL) != ASSAY_OK)
            abort();
        turning.all[turning.count++] = token;
        atomic_store(&turning.token, token);
        uint8_t *json = NULL;
        size_t len = 0;
        if (assay_validator_describe(at.validator, dev_issuer_url(at.issuer), &json, &len, NULL) != ASSAY_OK)
            abort();
        assay_bytes_free(json, len);
        nanosleep(&pause, NULL);
    }
    atomic_store(&turning.stop, true);
    return NULL;
}

static void *work_or_rotate(void *argument)
{
    return *(int *)argument == 0 ? rotate_meanwhile(NULL) : validate_while_rotating(NULL);
}

static void sixty_four_threads_while_keys_rotate(void **state)
{
    (void)state;
    int numbers[ROTATING + 1];
    scene_validator(&at);
    assert_int_equal(scene_try(&at, "{}", WAIT), ASSAY_OK);
    turning.all[turning.count++] = scene_mint(&at, "{}");
    atomic_store(&turning.token, turning.all[0]);
    for (int i = 0; i <= ROTATING; i++)
        numbers[i] = i;
    run(ROTATING + 1, work_or_rotate, numbers, sizeof numbers[0]);
    print_message("64 threads, 40 rotations: %d validations, none refused\n", (int)atomic_load(&turning.validated));
    assert_true(atomic_load(&turning.validated) > 64);
    for (size_t i = 0; i < turning.count; i++)
        free(turning.all[i]);
}

#define CASE(name) cmocka_unit_test_prestate_setup_teardown(name, scene_setup, scene_teardown, &at)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(K14_hundred_threads_cold),       CASE(hundred_threads_cold_while_down),
        CASE(hundred_threads_with_a_new_key), CASE(leader_runs_out_of_time_and_hands_over),
        CASE(threads_in_haste_make_no_storm), CASE(herd_that_comes_while_keys_land),
        CASE(due_refresh_is_paid_by_one),     CASE(sixty_four_threads_while_keys_rotate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
