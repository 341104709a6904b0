/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_TESTS_BENCH_ROUNDS_H
#define ASSAY_TESTS_BENCH_ROUNDS_H

/*
 * Candidates are measured in short slices that take turns, in an order that rotates from round to round, so that whatever else the machine does
 * meets all of them alike. A figure is the median of its slices, a ratio the median of the ratios within each round.
 */

#include <stddef.h>
#include <stdint.h>

#define BENCH_ROUNDS 21
#define BENCH_SLICE_NS 20000000

typedef struct bench_case {
    char name[40];
    /* Do the work @p count times. */
    void (*run)(void *state, size_t count);
    void *state;
    size_t count;                 /* for one slice */
    double samples[BENCH_ROUNDS]; /* nanoseconds of processor time for one time */
} bench_case;

void bench_rounds(bench_case *cases, size_t count);
double bench_median(const bench_case *measured);
double bench_ratio(const bench_case *of, const bench_case *over);
/* `NAME VALUE UNIT` on a line. */
void bench_print(const char *name, double value, const char *unit);

/* Real time, for threads that are measured together. */
double bench_now_ns(void);
double bench_median_of(const double *values, size_t count);
/* A measurement of something that failed means nothing. */
void bench_must(int condition, const char *what);

#endif
