/* SPDX-License-Identifier: MIT */
/* Callers are revoked while threads validate their tokens: none is accepted once that has returned, and nobody else is refused. Run under TSan too. */
#include "support/trial.h"

#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CALLERS 10000
#define WRITERS 2
#define READERS 4
#define PACE 4 /* tokens that are looked at for each revocation of a writer, at least */

static trial t;
static char *tokens[CALLERS];
/* Writer w revokes the callers w, w + WRITERS, …; of these so many were begun and so many are done. */
static atomic_int begun[WRITERS], done[WRITERS];
static atomic_int accepted, refused, wrong, writers_left;
/* The validator in use; a reload puts another in its place while readers are inside, so each is kept to the end. */
static _Atomic(assay_validator *) serving;

static int open_callers(void **state)
{
    (void)state;
    trial_open(&t, "HS256");
    trial_start(&t);
    for (int i = 0; i < CALLERS; i++) {
        char *payload = trial_format("{" TRIAL_BARE ",\"sub\":\"caller-%d\",\"iat\":1700000000}", i);
        tokens[i] = trial_sign(&t, payload);
        free(payload);
    }
    for (int w = 0; w < WRITERS; w++) {
        atomic_store(&begun[w], 0);
        atomic_store(&done[w], 0);
    }
    atomic_store(&accepted, 0);
    atomic_store(&refused, 0);
    atomic_store(&wrong, 0);
    atomic_store(&writers_left, WRITERS);
    atomic_store(&serving, t.validator);
    return 0;
}

static int close_callers(void **state)
{
    (void)state;
    for (int i = 0; i < CALLERS; i++)
        free(tokens[i]);
    trial_close(&t);
    return 0;
}

static void *write_revocations(void *argument)
{
    int w = *(int *)argument;
    for (int i = 0; i < CALLERS / WRITERS; i++) {
        char subject[32];
        while (atomic_load(&accepted) + atomic_load(&refused) < i * PACE)
            (void)sched_yield(); /* the readers stop only when the writers have */
        (void)snprintf(subject, sizeof subject, "caller-%d", i * WRITERS + w);
        atomic_store(&begun[w], i + 1);
        if (assay_validator_revoke(atomic_load(&serving), TRIAL_ISSUER, subject, 1700000001, NULL) != ASSAY_OK)
            atomic_fetch_add(&wrong, 1);
        atomic_store(&done[w], i + 1);
    }
    atomic_fetch_sub(&writers_left, 1);
    return NULL;
}

static int validate(int caller)
{
    assay_claims *claims = NULL;
    int code =
        assay_validator_check(atomic_load(&serving), tokens[caller], strlen(tokens[caller]), NULL, &claims, NULL);
    assay_claims_unref(claims);
    return code;
}

/* One around the place where a writer is now, most often; ahead of it and behind it. */
static int choose(unsigned *seed, int w)
{
    int of_writer = CALLERS / WRITERS;
    int place = rand_r(seed) % 4 == 0 ? rand_r(seed) % of_writer : atomic_load(&begun[w]) + rand_r(seed) % 9 - 6;
    return (place < 0 ? 0 : place >= of_writer ? of_writer - 1 : place) * WRITERS + w;
}

static void *read_revocations(void *argument)
{
    unsigned seed = (unsigned)*(int *)argument + 1;
    while (atomic_load(&writers_left) > 0) {
        int w = rand_r(&seed) % WRITERS, caller = choose(&seed, w), place = caller / WRITERS;
        int done_before = atomic_load(&done[w]);
        int code = validate(caller);
        int begun_after = atomic_load(&begun[w]);
        atomic_fetch_add(code == ASSAY_OK ? &accepted : &refused, 1);
        bool must_refuse = place < done_before, must_accept = place >= begun_after;
        if ((code != ASSAY_OK && code != ASSAY_E_REVOKED) || (must_refuse && code == ASSAY_OK) ||
            (must_accept && code != ASSAY_OK))
            atomic_fetch_add(&wrong, 1);
    }
    return NULL;
}

static void start(pthread_t *threads, void *(*body)(void *), int *numbers, int count)
{
    for (int i = 0; i < count; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, body, &numbers[i]), 0);
    }
}

static void join(pthread_t *threads, int count)
{
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
}

static void all_are_refused_now(void)
{
    for (int i = 0; i < CALLERS; i++)
        assert_int_equal(validate(i), ASSAY_E_REVOKED);
    assert_int_equal(atomic_load(&wrong), 0);
    assert_in_range(atomic_load(&accepted), 100, INT_MAX);
    assert_in_range(atomic_load(&refused), 100, INT_MAX);
    print_message("%d revoked meanwhile: %d accepted, %d refused\n", CALLERS, atomic_load(&accepted),
                  atomic_load(&refused));
}

static void none_is_missed(void **state)
{
    (void)state;
    pthread_t readers[READERS], writers[WRITERS];
    int reader_numbers[READERS], writer_numbers[WRITERS];
    start(readers, read_revocations, reader_numbers, READERS);
    start(writers, write_revocations, writer_numbers, WRITERS);
    join(writers, WRITERS);
    join(readers, READERS);
    all_are_refused_now();
}

/* The same while the configuration is reloaded: a revocation told to the old one a moment after taking over counts for the new one too. */
static void none_is_missed_by_a_reload(void **state)
{
    (void)state;
    enum { RELOADS = 40 };
    assay_validator *made[RELOADS] = {NULL};
    pthread_t readers[READERS], writers[WRITERS];
    int reader_numbers[READERS], writer_numbers[WRITERS];
    start(readers, read_revocations, reader_numbers, READERS);
    start(writers, write_revocations, writer_numbers, WRITERS);
    for (int i = 0; i < RELOADS; i++) {
        /* Spread over the run, however long that takes. */
        while (atomic_load(&done[0]) < CALLERS / WRITERS * i / RELOADS)
            (void)validate(0);
        must_ok(assay_validator_new(t.runtime, &t.issuer, 1, &made[i], NULL));
        must_ok(assay_validator_take_over(made[i], atomic_load(&serving), NULL, NULL));
        atomic_store(&serving, made[i]);
    }
    join(writers, WRITERS);
    join(readers, READERS);
    all_are_refused_now();
    for (int i = 0; i < RELOADS; i++)
        assay_validator_unref(made[i]);
}

/* Both writers raise the time of one caller, each by its own steps: the later time is never lost. */
static void *raise_time(void *argument)
{
    int w = *(int *)argument;
    for (int i = 0; i < 2000; i++) {
        if (assay_validator_revoke(t.validator, TRIAL_ISSUER, "caller-0", 1699999000 + (w == 0 ? i : 2000 - i), NULL) !=
            ASSAY_OK)
            atomic_fetch_add(&wrong, 1);
    }
    return NULL;
}

static void later_time_counts(void **state)
{
    (void)state;
    pthread_t writers[WRITERS];
    int numbers[WRITERS];
    start(writers, raise_time, numbers, WRITERS);
    join(writers, WRITERS);
    assert_int_equal(atomic_load(&wrong), 0);
    assert_int_equal(validate(0), ASSAY_E_REVOKED); /* 1699999000 + 2000 lies above iat */
    assert_int_equal(validate(1), ASSAY_OK);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, open_callers, close_callers)
    const struct CMUnitTest tests[] = {
        CASE(none_is_missed),
        CASE(none_is_missed_by_a_reload),
        CASE(later_time_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
