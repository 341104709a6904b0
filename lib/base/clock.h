/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_BASE_CLOCK_H
#define ASSAY_BASE_CLOCK_H

/* Two clocks: the wall clock for times in tokens, the steady one for ages and deadlines (it never jumps). */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct assay_clock {
    int64_t (*wall)(void *user_data);   /* seconds since 1970; negative: can't tell */
    int64_t (*steady)(void *user_data); /* milliseconds from any start */
    void *user_data;
} assay_clock;

/* The system's clocks. */
assay_clock assay_clock_system(void);

static inline int64_t assay_clock_wall(const assay_clock *clock)
{
    return clock->wall(clock->user_data);
}

static inline int64_t assay_clock_steady(const assay_clock *clock)
{
    return clock->steady(clock->user_data);
}

/* Milliseconds of CLOCK_MONOTONIC: what real waiting and curl go by, whatever clock the runtime was given. */
int64_t assay_clock_real_ms(void);
/* A condition whose waits are bounded by that one, which never jumps. False: out of memory. */
bool assay_clock_init_condition(pthread_cond_t *condition);

#endif
