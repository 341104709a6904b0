/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_FLOW_ISSUER_KEYS_H
#define ASSAY_FLOW_ISSUER_KEYS_H

/*
 * The keys of one issuer as threads share them. Readers use what is published in atomics and never lock; whoever changes something holds the lock,
 * changes the source (discovery/), and publishes.
 */

#include "discovery/source_record.h"
#include "flow/keyring.h"

struct assay_seat;

typedef struct assay_issuer_keys {
    assay_keyring *keyring;
    char shown[128];                         /* the issuer, made safe for log lines */
    char record_name[ASSAY_RECORD_NAME + 1]; /* in the store; "": it has no record, or there is no store */
    assay_http_ca ca;                        /* the issuer's own; without a text: that of the runtime counts */
    char *bearer_file;                       /* path; NULL: no token goes with its fetches */

    /* Published: read without the lock. Times are milliseconds of the runtime's steady clock. */
    _Atomic(const assay_snapshot *) snapshot;
    atomic_int_fast64_t due_at, expires_at;
    atomic_int_fast64_t lag; /* assay_source_lag() */
    atomic_int_fast64_t cold_allowed_at, scheduled_allowed_at, unknown_kid_allowed_at;
    atomic_int last_failure; /* code of the last fetch that failed; ASSAY_OK after a success */
    atomic_bool flying;
    atomic_int_fast64_t lease_until; /* real milliseconds; then the leader counts as gone, and another may take over */
    atomic_uint_fast64_t
        generation; /* counts the snapshots that brought keys: whoever saw an older one need not fetch for what may be there by now */
    atomic_uint_fast64_t
        version; /* counts the snapshots, those of purges too; the snapshot is at least as new as the number that is read before it */
    atomic_uint_fast64_t unknown_kid_refused;
    atomic_uint_fast64_t cache_hits; /* token_cache.c: as far as they were counted */
    atomic_uint_fast64_t stored;     /* version of the record that was looked at last */
    atomic_bool awaited; /* another process spent the budget for unknown kids, and what it asked for is not here yet */
    atomic_int_fast64_t awaited_until; /* real milliseconds; then it has failed */
    atomic_bool store_reported;        /* the log was told that the store can't be used */

    /* Under the lock of the keyring. */
    assay_source *source;
    pthread_cond_t landed;      /* something about the flight changed; CLOCK_MONOTONIC */
    struct assay_seat *waiting; /* who waits for the flight, whether or not it has ended meanwhile */
    uint64_t flight;            /* number of the current or last flight */
    uint64_t lease;             /* number of the lease that its leader holds; 0: nobody leads */
    uint64_t heir;              /* where nobody leads: the ticket of the seat that may, until then */
    uint64_t tickets;           /* counts those who began to wait */
    uint64_t leases;            /* counts them */
    int landing_code;           /* how the last flight ended */
    assay_failure landing;      /* and why */
    unsigned heirs;             /* how often the lead of the current flight was taken over */
    bool passed_on;             /* the current flight was passed on by a leader in haste: there is no third one */
    uint32_t turn_mark;         /* of the record that another process had when it spent that budget; 0: none did */

    /* A leader whose own time ran out says nothing about the issuer: no back-off, but a pause for all who have not twice as much time. */
    int64_t hurried_ms;    /* the time that it had; 0: none */
    int64_t hurried_until; /* end of the pause; steady */

    struct assay_issuer_keys *next, **link; /* of the keyring */
} assay_issuer_keys;

/* @p keys stay where they are until they are cleared. */
int assay_issuer_keys_init(assay_issuer_keys *keys, const assay_source_config *config, const char *bearer_file,
                           assay_keyring *keyring);
void assay_issuer_keys_clear(assay_issuer_keys *keys);

static inline void assay_issuer_keys_lock(assay_issuer_keys *keys)
{
    assay_keyring_lock(keys->keyring);
}

static inline void assay_issuer_keys_unlock(assay_issuer_keys *keys)
{
    assay_keyring_unlock(keys->keyring);
}

/* Milliseconds of the runtime's steady clock. */
static inline int64_t assay_issuer_keys_now(const assay_issuer_keys *keys)
{
    return assay_clock_steady(&keys->keyring->runtime->clock);
}

/* Make changes of the source visible, with the lock held. What was replaced is freed when its last reader is out. */
void assay_issuer_keys_publish(assay_issuer_keys *keys);
/* The same where keys only went: whoever waits for one goes on waiting. */
void assay_issuer_keys_publish_purge(assay_issuer_keys *keys);

/* A fetch is under way, and somebody sees to it. */
bool assay_issuer_keys_is_flying(const assay_issuer_keys *keys);

/* In the child of a fork, with the lock: the flight and all who waited for it are in the parent. */
void assay_issuer_keys_forked(assay_issuer_keys *keys, uint64_t salt);

/*
 * When the keys are to be fetched next: missing or stale ones as soon as back-off allows, others when they are due. INT64_MIN: at once; INT64_MAX:
 * never. *reason says which kind of fetch it is.
 */
int64_t assay_issuer_keys_due(const assay_issuer_keys *keys, int64_t now_ms, assay_source_reason *reason);

/* Say why keys are unavailable: the last failure of a fetch; @p allowed_at is when the next may be made. Does not wait for the lock.
 * @return ASSAY_E_KEYS_UNAVAILABLE. */
int assay_issuer_keys_unavailable(assay_issuer_keys *keys, int64_t allowed_at, int64_t now_ms, assay_failure *failure);

#endif
