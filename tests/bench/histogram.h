/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_TESTS_BENCH_HISTOGRAM_H
#define ASSAY_TESTS_BENCH_HISTOGRAM_H

/* Many durations in little room: buckets of less than 1 % of their value, so that the rare long ones are counted as well as the usual. */

#include <stddef.h>
#include <stdint.h>

/* 2^FINE buckets for each doubling, up to 2^LARGEST ns: 18 minutes. */
enum { HISTOGRAM_FINE = 7, HISTOGRAM_LARGEST = 40 };
#define HISTOGRAM_BUCKETS ((size_t)(HISTOGRAM_LARGEST - HISTOGRAM_FINE + 1) << HISTOGRAM_FINE)

typedef struct histogram {
    uint64_t counts[HISTOGRAM_BUCKETS];
    uint64_t total;
    double max;
} histogram;

void histogram_clear(histogram *of);
void histogram_add(histogram *to, double ns);
/* The duration that so large a part of all, 0 to 1, stays below; 0 where there is none. */
double histogram_quantile(const histogram *of, double part);

#endif
