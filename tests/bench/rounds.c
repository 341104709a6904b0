/* SPDX-License-Identifier: MIT */
#include "rounds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void bench_must(int condition, const char *what)
{
    if (condition)
        return;
    (void)fprintf(stderr, "bench: %s\n", what);
    exit(1);
}

static double read_clock(clockid_t id)
{
    struct timespec now;
    (void)clock_gettime(id, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

double bench_now_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

/* Processor time of this thread: no case waits for anything, and time that other programs take does not count. */
static double spent_ns(void)
{
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

static double slice(const bench_case *measured, size_t count)
{
    double start = spent_ns();
    measured->run(measured->state, count);
    return spent_ns() - start;
}

/* How often the work fits into a slice; warms up on the way. */
static size_t calibrate(const bench_case *measured)
{
    size_t count = 1;
    double took = slice(measured, count);
    while (took < BENCH_SLICE_NS / 4.0) {
        count *= 2;
        took = slice(measured, count);
    }
    size_t fitting = (size_t)((double)count * BENCH_SLICE_NS / took);
    return fitting > 0 ? fitting : 1;
}

void bench_rounds(bench_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        cases[i].count = calibrate(&cases[i]);
    for (size_t round = 0; round < BENCH_ROUNDS; round++) {
        for (size_t i = 0; i < count; i++) {
            bench_case *measured = &cases[(round + i) % count];
            measured->samples[round] = slice(measured, measured->count) / (double)measured->count;
        }
    }
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

double bench_median_of(const double *values, size_t count)
{
    double sorted[BENCH_ROUNDS];
    bench_must(count > 0 && count <= BENCH_ROUNDS, "too many samples");
    memcpy(sorted, values, count * sizeof *values);
    qsort(sorted, count, sizeof *sorted, compare);
    return sorted[count / 2];
}

double bench_median(const bench_case *measured)
{
    return bench_median_of(measured->samples, BENCH_ROUNDS);
}

double bench_ratio(const bench_case *of, const bench_case *over)
{
    double ratios[BENCH_ROUNDS];
    for (size_t i = 0; i < BENCH_ROUNDS; i++)
        ratios[i] = of->samples[i] / over->samples[i];
    return bench_median_of(ratios, BENCH_ROUNDS);
}

void bench_print(const char *name, double value, const char *unit)
{
    (void)printf("%s %.*f %s\n", name, strcmp(unit, "ratio") == 0 ? 3 : 0, value, unit);
    (void)fflush(stdout);
}
