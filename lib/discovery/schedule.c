/* SPDX-License-Identifier: MIT */
#include "discovery/schedule.h"

#include "base/limits.h"

enum { METADATA_MIN = 3600, SECOND = 1000 };

uint64_t assay_schedule_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

int64_t assay_schedule_add(int64_t a, int64_t b)
{
    if (a == INT64_MAX || a == INT64_MIN)
        return a;
    if (b > 0 && a > INT64_MAX - b)
        return INT64_MAX;
    if (b < 0 && a < INT64_MIN - b)
        return INT64_MIN;
    return a + b;
}

static int64_t clamp(int64_t value, int64_t least, int64_t most)
{
    return value < least ? least : value > most ? most : value;
}

static int64_t jitter(int64_t interval, int64_t percent, uint64_t random)
{
    int64_t most = interval / 100 * percent;
    return interval - (int64_t)(random % ((uint64_t)most + 1));
}

/* least, doubled after each failure but the first, at most @p most. */
static int64_t doubled(int64_t least, int64_t most, uint32_t times)
{
    return times >= 16 ? most : clamp(least << times, least, most);
}

int64_t assay_schedule_jitter(int64_t interval, uint64_t random)
{
    return jitter(interval, ASSAY_LIMIT_JITTER_PERCENT, random);
}

int64_t assay_schedule_refresh(int64_t max_age_seconds, uint64_t random)
{
    int64_t seconds = max_age_seconds < 0 ? ASSAY_LIMIT_REFRESH_MAX
                                          : clamp(max_age_seconds, ASSAY_LIMIT_REFRESH_MIN, ASSAY_LIMIT_REFRESH_MAX);
    int64_t interval = assay_schedule_jitter(seconds * SECOND, random);
    return interval < ASSAY_LIMIT_REFRESH_MIN * SECOND ? ASSAY_LIMIT_REFRESH_MIN * SECOND : interval;
}

int64_t assay_schedule_metadata(int64_t max_age_seconds)
{
    int64_t seconds =
        max_age_seconds < 0 ? ASSAY_LIMIT_METADATA_MAX : clamp(max_age_seconds, METADATA_MIN, ASSAY_LIMIT_METADATA_MAX);
    return seconds * SECOND;
}

int64_t assay_schedule_backoff(uint32_t failures, int64_t retry_after_seconds, uint64_t random)
{
    int64_t seconds = doubled(ASSAY_LIMIT_BACKOFF_MIN, ASSAY_LIMIT_BACKOFF_MAX, failures == 0 ? 0 : failures - 1);
    int64_t pause = jitter(seconds * SECOND, 50, random);
    int64_t asked = clamp(retry_after_seconds, 0, ASSAY_LIMIT_BACKOFF_MAX) * SECOND;
    return asked > pause ? asked : pause;
}

int64_t assay_schedule_unknown_kid(uint32_t failures)
{
    return doubled(ASSAY_LIMIT_UNKNOWN_KID_WINDOW, ASSAY_LIMIT_UNKNOWN_KID_WINDOW_MAX, failures) * SECOND;
}
