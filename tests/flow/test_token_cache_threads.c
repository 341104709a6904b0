/* SPDX-License-Identifier: MIT */
/*
 * The token cache under threads, while keys come, go and are purged and the clock passes the end of tokens: once a call that takes a key away has returned, no token of it
 * is accepted; as long as it is served, every one is; and nobody gets another's claims. Run under TSan too.
 */
#include "support/pace.h"
#include "support/process.h"
#include "support/trial.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { THREADS = 8, KEYS = 6, TOKENS = 5, STEPS = 250, FORKS = 30, SECONDS = 60 };
#define EXP (TRIAL_NOW + 3600)

/* What is known of a key: a number that grows with each change, and in its low bits what holds while it stays. */
enum { ABSENT, SERVED, CHANGING, PURGED };

static assay_runtime *runtime;
static assay_issuer *issuer;
static assay_validator *validator;
static mint_key *keys[KEYS];
static char *tokens[KEYS][TOKENS];
static char *brief; /* a token of the first key that expires during the test */
static atomic_int_fast64_t now;
static atomic_uint states[KEYS];
static atomic_bool stop, expired;
static atomic_uint_fast64_t decided, from_served;

static int64_t wall(void *data)
{
    (void)data;
    return atomic_load(&now);
}

static int64_t steady(void *data)
{
    (void)data;
    return 1000000;
}

static void serve(uint32_t which)
{
    assay_keyset *set = NULL;
    must_ok(assay_keyset_new(NULL, &set, NULL));
    for (size_t i = 0; i < KEYS; i++)
        if ((which & 1u << i) != 0)
            must_ok(assay_keyset_add_json(set, mint_key_jwk(keys[i]), strlen(mint_key_jwk(keys[i])), NULL));
    must_ok(assay_validator_push_keys(validator, TRIAL_ISSUER, set, NULL));
    assay_keyset_unref(set);
}

static void open_with(size_t entries)
{
    atomic_store(&now, TRIAL_NOW);
    must_ok(assay_runtime_new(&runtime, NULL));
    must_ok(assay_runtime_set_clock(runtime, wall, steady, NULL, NULL, NULL));
    must_ok(assay_runtime_set_token_cache(runtime, entries, NULL));
    must_ok(assay_issuer_new(TRIAL_ISSUER, &issuer, NULL));
    must_ok(assay_issuer_add_audience(issuer, TRIAL_AUDIENCE, NULL));
    must_ok(assay_issuer_add_algorithm(issuer, "EdDSA", NULL));
    must_ok(assay_issuer_set_key_retention(issuer, 0, NULL));
    must_ok(assay_validator_new(runtime, &issuer, 1, &validator, NULL));
    for (size_t i = 0; i < KEYS; i++) {
        char kid[16];
        snprintf(kid, sizeof kid, "k%zu", i);
        keys[i] = mint_key_new("EdDSA", kid);
        for (size_t j = 0; j < TOKENS; j++) {
            char *payload = trial_format("{\"iss\":\"" TRIAL_ISSUER "\",\"aud\":\"" TRIAL_AUDIENCE
                                         "\",\"exp\":1900000000,\"sub\":\"s%zu-%zu\"}",
                                         i, j);
            tokens[i][j] = mint_token(keys[i], payload);
            free(payload);
        }
        atomic_store(&states[i], SERVED);
    }
    brief = mint_token(keys[0], "{" TRIAL_BARE ",\"sub\":\"brief\"}");
    atomic_store(&stop, false);
    atomic_store(&expired, false);
    atomic_store(&decided, 0);
    atomic_store(&from_served, 0);
    serve((1u << KEYS) - 1);
}

static void close_all(void)
{
    assay_validator_unref(validator);
    assay_issuer_free(issuer);
    assay_runtime_unref(runtime);
    for (size_t i = 0; i < KEYS; i++) {
        mint_key_free(keys[i]);
        for (size_t j = 0; j < TOKENS; j++)
            free(tokens[i][j]);
    }
    free(brief);
}

static void must(bool condition, int line)
{
    if (condition)
        return;
    fprintf(stderr, "test_token_cache_threads.c:%d\n", line);
    abort();
}
#define MUST(condition) must((condition), __LINE__)

static int decide(const char *token, const char *subject)
{
    assay_claims *claims = NULL;
    int code = assay_validator_check(validator, token, strlen(token), NULL, &claims, NULL);
    MUST((code == ASSAY_OK) == (claims != NULL));
    if (claims != NULL)
        MUST(strcmp(assay_claims_subject(claims), subject) == 0);
    assay_claims_unref(claims);
    atomic_fetch_add(&decided, 1);
    return code;
}

static void try_one(size_t i, size_t j)
{
    char subject[32];
    snprintf(subject, sizeof subject, "s%zu-%zu", i, j);
    unsigned before = atomic_load(&states[i]);
    int code = decide(tokens[i][j], subject);
    if (atomic_load(&states[i]) != before)
        return;
    unsigned holds = before & 3;
    MUST(holds != SERVED || code == ASSAY_OK);
    MUST(holds == SERVED || holds == CHANGING || code != ASSAY_OK);
    if (holds == SERVED)
        atomic_fetch_add(&from_served, 1);
}

static void try_brief(void)
{
    bool over = atomic_load(&expired);
    int code = decide(brief, "brief");
    MUST(!over || code != ASSAY_OK);
}

static void *work(void *argument)
{
    unsigned random = (unsigned)(size_t)argument;
    while (!atomic_load(&stop)) {
        random = random * 1103515245u + 12345u;
        unsigned draw = random >> 16;
        if (draw % 16 == 0)
            try_brief();
        else
            try_one(draw / 16 % KEYS, draw / 128 % TOKENS);
    }
    return NULL;
}

static void wait_for_some(void)
{
    uint64_t until = atomic_load(&decided) + 100;
    for (long i = 0; atomic_load(&decided) < until; i++) {
        const struct timespec pause = {0, 100000};
        MUST(i < 600000);
        nanosleep(&pause, NULL);
    }
}

/* Announce, change, announce what holds from now on. */
static void change(uint32_t which, int purged)
{
    for (size_t i = 0; i < KEYS; i++)
        if ((atomic_load(&states[i]) & 3) != PURGED)
            atomic_store(&states[i], ((atomic_load(&states[i]) & ~3u) + 4) | CHANGING);
    if (purged >= 0) {
        char kid[16];
        snprintf(kid, sizeof kid, "k%d", purged);
        must_ok(assay_validator_purge(validator, TRIAL_ISSUER, kid, NULL));
        atomic_store(&states[purged], PURGED);
    } else {
        serve(which);
    }
    for (size_t i = 0; i < KEYS; i++)
        if ((atomic_load(&states[i]) & 3) != PURGED)
            atomic_store(&states[i],
                         ((atomic_load(&states[i]) & ~3u) + 4) | ((which & 1u << i) != 0 ? SERVED : ABSENT));
}

static void keys_come_and_go(size_t entries)
{
    pthread_t threads[THREADS];
    uint32_t served = (1u << KEYS) - 1;
    unsigned random = 7;
    uint64_t hits = 0;
    open_with(entries);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, (void *)(i + 1)), 0);
    for (int step = 0; step < STEPS; step++) {
        random = random * 1103515245u + 12345u;
        wait_for_some();
        if (step == STEPS / 3) {
            atomic_store(&now, EXP + 60);
            atomic_store(&expired, true);
        }
        /* Never empty, which would not be taken. */
        served = (random >> 16 & ((1u << KEYS) - 1)) | 1u << (KEYS - 1);
        if (step % 60 != 59) {
            change(served, -1);
            continue;
        }
        int purged = step / 60; /* a purged key does not come back, whoever serves it */
        change(served | 1u << purged, -1);
        wait_for_some();
        change(served, purged);
    }
    atomic_store(&stop, true);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    must_ok(assay_validator_get_stat(validator, NULL, ASSAY_STAT_CACHE_HITS, &hits));
    print_message("%zu entries: %d decisions, %d hits, %d while the key was surely served\n", entries,
                  (int)atomic_load(&decided), (int)hits, (int)atomic_load(&from_served));
    assert_in_range(hits, 1, atomic_load(&decided));
    assert_true(atomic_load(&from_served) > 0);
    close_all();
}

static void in_a_cache_with_room(void **state)
{
    (void)state;
    keys_come_and_go(256);
}

static void in_a_cache_that_is_too_small(void **state)
{
    (void)state;
    keys_come_and_go(8);
}

static uint64_t hits_now(void)
{
    uint64_t hits = 0;
    if (assay_validator_get_stat(validator, NULL, ASSAY_STAT_CACHE_HITS, &hits) != ASSAY_OK)
        abort();
    return hits;
}

/* In children, where a failure is an exit status. */
static int use_in_child(void *argument)
{
    uint64_t before = hits_now();
    (void)argument;
    if (decide(tokens[1][0], "s1-0") != ASSAY_OK || decide(tokens[1][0], "s1-0") != ASSAY_OK)
        return 1;
    if (hits_now() == before)
        return 2;
    if (assay_validator_purge(validator, TRIAL_ISSUER, "k1", NULL) != ASSAY_OK ||
        decide(tokens[1][0], "s1-0") == ASSAY_OK)
        return 3;
    if (decide(tokens[2][0], "s2-0") != ASSAY_OK)
        return 4;
    assay_validator_unref(validator);
    return 0;
}

static void child_goes_on_with_what_was_kept(void **state)
{
    (void)state;
    open_with(64);
    assert_int_equal(decide(tokens[1][0], "s1-0"), ASSAY_OK);
    assert_int_equal(decide(tokens[1][0], "s1-0"), ASSAY_OK);
    assert_int_equal(hits_now(), 1);
    assert_int_equal(process_run(use_in_child, NULL, SECONDS), 0);
    assert_int_equal(decide(tokens[1][0], "s1-0"), ASSAY_OK);
    assert_int_equal(hits_now(), 2);
    close_all();
}

/* Beyond what is promised, but what servers do: other threads put tokens in. */
static void forks_while_threads_use_it(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    if (pace_is_sanitized()) /* their allocators may be locked for ever in a child */
        skip();
    open_with(4);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, (void *)(i + 1)), 0);
    for (int i = 0; i < FORKS; i++) {
        wait_for_some();
        assert_int_equal(process_run(use_in_child, NULL, SECONDS), 0);
    }
    atomic_store(&stop, true);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    close_all();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(child_goes_on_with_what_was_kept),
        cmocka_unit_test(in_a_cache_with_room),
        cmocka_unit_test(in_a_cache_that_is_too_small),
        cmocka_unit_test(forks_while_threads_use_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
