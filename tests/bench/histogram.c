/* SPDX-License-Identifier: MIT */
#include "histogram.h"

#include <string.h>

#define HALF ((uint64_t)1 << HISTOGRAM_FINE)

void histogram_clear(histogram *of)
{
    memset(of, 0, sizeof *of);
}

/* Small numbers stand for themselves, larger ones for their first bits and how many follow. */
static size_t bucket_of(uint64_t ns)
{
    if (ns < HALF)
        return (size_t)ns;
    unsigned bits = 63U - (unsigned)__builtin_clzll(ns);
    unsigned dropped = bits - HISTOGRAM_FINE;
    return (size_t)(((uint64_t)(dropped + 1) << HISTOGRAM_FINE) + ((ns >> dropped) & (HALF - 1)));
}

/* The least number of a bucket. */
static double floor_of(size_t bucket)
{
    if (bucket < HALF)
        return (double)bucket;
    unsigned dropped = (unsigned)(bucket >> HISTOGRAM_FINE) - 1;
    return (double)((HALF + (bucket & (HALF - 1))) << dropped);
}

void histogram_add(histogram *to, double ns)
{
    const double largest = (double)((uint64_t)1 << HISTOGRAM_LARGEST) - 1;
    double kept = ns < 0 ? 0 : ns > largest ? largest : ns;
    to->counts[bucket_of((uint64_t)kept)]++;
    to->total++;
    if (ns > to->max)
        to->max = ns;
}

double histogram_quantile(const histogram *of, double part)
{
    double wanted = part * (double)of->total, below = 0;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        double here = (double)of->counts[i];
        if (here > 0 && below + here >= wanted) {
            double value = floor_of(i) + (floor_of(i + 1) - floor_of(i)) * (wanted - below) / here;
            return value < of->max ? value : of->max;
        }
        below += here;
    }
    return of->max;
}
