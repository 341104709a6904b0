/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_FLOW_ISSUER_KEYS_H
#define ASSAY_FLOW_ISSUER_KEYS_H

/*
 * The keys of one issuer as threads share them. Readers use what is published in atomics and never lock; whoever changes something holds the lock,
 * changes the source (discovery/), and publishes.
 */

#include "base/readers.h"
#include "discovery/source.h"
#include "flow/runtime.h"

#include <pthread.h>

typedef struct assay_issuer_keys {
    assay_readers *readers; /* shared by the issuers of a validator */
    assay_runtime *runtime;
    char shown[128]; /* the issuer, made safe for log lines */

    /* Published: read without the lock. Times are milliseconds of the runtime's steady clock. */
    _Atomic(const assay_snapshot *) snapshot;
    atomic_int_fast64_t due_at, expires_at;
    atomic_int_fast64_t lag; /* assay_source_lag() */
    atomic_int_fast64_t cold_allowed_at, scheduled_allowed_at, unknown_kid_allowed_at;
    atomic_int last_failure; /* code of the last fetch that failed; ASSAY_OK after a success */
    atomic_bool flying;
    atomic_uint_fast64_t
        generation; /* counts the snapshots: whoever saw an older one need not fetch for what may be there by now */
    atomic_uint_fast64_t unknown_kid_refused;

    /* Under the lock. */
    pthread_mutex_t lock;
    pthread_cond_t landed; /* a flight ended; CLOCK_MONOTONIC */
    assay_source *source;
    uint64_t flight;         /* number of the current or last flight */
    unsigned waiting;        /* threads that wait for it */
    int64_t latest_deadline; /* of those that wait or waited for it; real time */
    int landing_code;        /* how the last flight ended */
    assay_failure landing;   /* and why */
    bool passed_on;  /* its leader ran out of its own time, and the waiter with the latest deadline takes over */
    bool taken_over; /* the current flight is such a one: there is no third leader */

    /* A leader whose own time ran out says nothing about the issuer: no back-off, but a pause for all who have not twice as much time. */
    int64_t hurried_ms;    /* the time that it had; 0: none */
    int64_t hurried_until; /* end of the pause; steady */
} assay_issuer_keys;

int assay_issuer_keys_init(assay_issuer_keys *keys, const assay_source_config *config, assay_readers *readers,
                           assay_runtime *runtime);
void assay_issuer_keys_clear(assay_issuer_keys *keys);

void assay_issuer_keys_lock(assay_issuer_keys *keys);
void assay_issuer_keys_unlock(assay_issuer_keys *keys);
/* Make changes of the source visible, with the lock held. What was replaced is freed when its last reader is out. */
void assay_issuer_keys_publish(assay_issuer_keys *keys);

/* Say why keys are unavailable: the last failure of a fetch; @p allowed_at is when the next may be made. Does not wait for the lock.
 * @return ASSAY_E_KEYS_UNAVAILABLE. */
int assay_issuer_keys_unavailable(assay_issuer_keys *keys, int64_t allowed_at, int64_t now_ms, assay_failure *failure);

#endif
