/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_DISCOVERY_SCHEDULE_H
#define ASSAY_DISCOVERY_SCHEDULE_H

/*
 * The numbers behind a key source, as pure functions: how long an answer is fresh, how long to pause after failures, how far unknown key
 * ids are let through. Milliseconds unless a name says seconds.
 */

#include <stdbool.h>
#include <stdint.h>

/* A number for jitter: one step of splitmix64 on the caller's state. Not for secrets. */
uint64_t assay_schedule_random(uint64_t *state);

/* a + b without overflow; the two ends of the range ("never", "long ago") stay where they are. */
int64_t assay_schedule_add(int64_t a, int64_t b);

/* How much of @p interval is left after taking up to ASSAY_LIMIT_JITTER_PERCENT off, so that many processes don't ask at one moment. */
int64_t assay_schedule_jitter(int64_t interval, uint64_t random);
/* Until the next scheduled refresh after an answer of this max-age (-1: none): at most ASSAY_LIMIT_REFRESH_MAX, less jitter, at least _MIN. */
int64_t assay_schedule_refresh(int64_t max_age_seconds, uint64_t random);
/* Until the metadata document is fetched anew: an hour to ASSAY_LIMIT_METADATA_MAX. */
int64_t assay_schedule_metadata(int64_t max_age_seconds);
/* Pause after the @p failures th failure in a row, counted from 1; Retry-After (-1: none) can only make it longer. */
int64_t assay_schedule_backoff(uint32_t failures, int64_t retry_after_seconds, uint64_t random);
/* Window of the unknown-kid budget after so many failures in a row. */
int64_t assay_schedule_unknown_kid(uint32_t failures);

#endif
