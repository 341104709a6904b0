/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include <time.h>

/* Linux counts the time asleep in CLOCK_BOOTTIME only; keys age while a machine is suspended. */
#ifdef CLOCK_BOOTTIME
#define STEADY_CLOCK CLOCK_BOOTTIME
#else
#define STEADY_CLOCK CLOCK_MONOTONIC
#endif

static int64_t milliseconds(clockid_t id)
{
    struct timespec now;
    if (clock_gettime(id, &now) != 0)
        return 0;
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t system_wall(void *user_data)
{
    struct timespec now;
    (void)user_data;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0)
        return -1;
    return (int64_t)now.tv_sec;
}

static int64_t system_steady(void *user_data)
{
    (void)user_data;
    return milliseconds(STEADY_CLOCK);
}

assay_clock assay_clock_system(void)
{
    return (assay_clock){system_wall, system_steady, NULL};
}

int64_t assay_clock_real_ms(void)
{
    return milliseconds(CLOCK_MONOTONIC);
}

bool assay_clock_init_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0)
        return false;
    bool made =
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 && pthread_cond_init(condition, &attributes) == 0;
    (void)pthread_condattr_destroy(&attributes);
    return made;
}
