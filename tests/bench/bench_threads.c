/* SPDX-License-Identifier: MIT */
#include "bench.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

/*
 * How much two threads do in the time of one. Ours share one validator and with it the key; those of bare OpenSSL have everything of their own.
 * The four measurements take turns, as everywhere here.
 */

#define THREADS 2
#define SLICE_NS (3 * BENCH_SLICE_NS)
#define BATCH 32

typedef struct worker {
    const bench_case *work;
    pthread_barrier_t *start;
    double rate; /* operations per nanosecond */
} worker;

static void *work(void *argument)
{
    worker *w = argument;
    (void)pthread_barrier_wait(w->start);
    size_t done = 0;
    double start = bench_now_ns(), now = start;
    while (now - start < SLICE_NS) {
        w->work->run(w->work->state, BATCH);
        done += BATCH;
        now = bench_now_ns();
    }
    w->rate = (double)done / (now - start);
    return NULL;
}

/* Operations per nanosecond of @p count threads together. */
static double rate(bench_case *const *cases, size_t count)
{
    pthread_t threads[THREADS];
    worker workers[THREADS];
    pthread_barrier_t start;
    bench_must(pthread_barrier_init(&start, NULL, (unsigned)count) == 0, "barrier");
    for (size_t i = 0; i < count; i++) {
        workers[i] = (worker){cases[i], &start, 0};
        bench_must(pthread_create(&threads[i], NULL, work, &workers[i]) == 0, "thread");
    }
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        (void)pthread_join(threads[i], NULL);
        sum += workers[i].rate;
    }
    (void)pthread_barrier_destroy(&start);
    return sum;
}

double bench_two_threads(bench_case *first, bench_case *second)
{
    bench_case *both[THREADS] = {first, second};
    double speedup[BENCH_ROUNDS];
    for (size_t round = 0; round < BENCH_ROUNDS; round++) {
        double rates[2];
        for (size_t i = 0; i < 2; i++)
            rates[(round + i) % 2] = rate(both, 1 + (round + i) % 2);
        speedup[round] = rates[1] / rates[0];
    }
    return bench_median_of(speedup, BENCH_ROUNDS);
}

void bench_threads(const mint_key *key, const char *token)
{
    bench_case assay = {.name = "assay"}, bare[THREADS] = {{.name = "openssl"}, {.name = "openssl"}};
    bench_assay(key, token, &assay);
    for (size_t i = 0; i < THREADS; i++)
        bench_openssl(key, token, &bare[i]);
    bench_case *ours[THREADS] = {&assay, &assay}, *theirs[THREADS] = {&bare[0], &bare[1]};
    bench_case *const *cases[] = {ours, ours, theirs, theirs};
    double speedup[2][BENCH_ROUNDS];
    for (size_t round = 0; round < BENCH_ROUNDS; round++) {
        double rates[4];
        for (size_t i = 0; i < 4; i++) {
            size_t which = (round + i) % 4;
            rates[which] = rate(cases[which], 1 + which % 2);
        }
        speedup[0][round] = rates[1] / rates[0];
        speedup[1][round] = rates[3] / rates[2];
    }
    bench_print("threads2.speedup", bench_median_of(speedup[0], BENCH_ROUNDS), "ratio");
    bench_print("threads2.openssl", bench_median_of(speedup[1], BENCH_ROUNDS), "ratio");
}
