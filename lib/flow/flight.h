/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_FLOW_FLIGHT_H
#define ASSAY_FLOW_FLIGHT_H

/*
 * One fetch of an issuer's keys at a time, whoever drives it: a thread that blocks, a driver, or a host with its own HTTP. Each takes a seat. The first one
 * leads: it carries out errand after errand; the others wait and share how the flight ends. The leader holds a lease for each errand. Where it
 * leaves, is too late, or its own time runs out, the lead passes to one that waits (architecture, section 3). Nothing in here waits.
 */

#include "flow/errand.h"
#include "flow/issuer_keys.h"

/* How a seat that waits is told to look again, from any thread and under the lock: it only leaves a mark. */
typedef struct assay_waker {
    void (*wake)(struct assay_waker *waker);
} assay_waker;

typedef enum assay_turn {
    ASSAY_TURN_OVER, /* the flight ended, or there was none to take part in; the code says how */
    ASSAY_TURN_LEAD, /* carry out seat->errand and say what came of it */
    ASSAY_TURN_WAIT  /* another one does; look again when woken, or at assay_flight_look_at() */
} assay_turn;

typedef struct assay_seat {
    assay_issuer_keys *keys;
    assay_source_reason reason;
    uint64_t seen;      /* generation of the keys that were looked at and found wanting */
    int64_t deadline;   /* real milliseconds */
    assay_waker *waker; /* NULL: it looks again by itself */
    assay_errand errand;

    /* flight.c */
    unsigned process; /* assay_fork_generation() */
    bool waits;
    uint64_t ticket;        /* who waits longer has the smaller one */
    uint64_t flight, lease; /* of which it waits or leads; a lease of 0: it does not lead */
    int64_t began;          /* real milliseconds */
    struct assay_seat *next, **link;
} assay_seat;

/* What a caller knew when it found that it lacks keys; taken before it looked. */
static inline uint64_t assay_flight_seen(const assay_issuer_keys *keys)
{
    return atomic_load(&keys->generation);
}

/* seat.c */
void assay_seat_init(assay_seat *seat, assay_issuer_keys *keys, assay_source_reason reason, uint64_t seen,
                     int64_t deadline, assay_waker *waker);
/* Hand a lead over to another seat, which is empty. */
void assay_seat_move(assay_seat *from, assay_seat *to);
/* From now on it is told by this one, in any state. */
void assay_seat_wake_by(assay_seat *seat, assay_waker *waker);

/*
 * Begin a flight, or take part in the one that is under way, or look how it goes on.
 * With ASSAY_TURN_OVER, *code is ASSAY_OK: keys arrived since seat->seen, by this seat or another; ASSAY_E_KEYS_NEEDED: no fetch is allowed now for
 * this reason (back-off, budget); otherwise the code that the flight failed with, ASSAY_E_TIMEOUT where the seat's own time ran out, or ASSAY_E_FORKED.
 */
assay_turn assay_flight_board(assay_seat *seat, int *code, assay_failure *failure);
/*
 * The leader's errand was answered, or failed with @p missed (then @p why says more and may be NULL, and @p response is not looked at).
 * ASSAY_TURN_LEAD: there is another errand. ASSAY_TURN_WAIT: it was too late, another one leads by now.
 */
assay_turn assay_flight_report(assay_seat *seat, const assay_http_response *response, int missed,
                               const assay_failure *why, int *code, assay_failure *failure);
/* Give the seat up, in any state; a lead passes on. The seat may be used to board anew. */
void assay_flight_leave(assay_seat *seat);

/* When a seat that waits must look again even if nobody wakes it; real milliseconds. */
int64_t assay_flight_look_at(const assay_seat *seat);
/* Block until a seat that waits should look again. */
void assay_flight_wait(assay_seat *seat);

/* blocking.c: fly to the end in the caller's thread. Results as of assay_flight_board(). */
int assay_flight_join(assay_issuer_keys *keys, assay_source_reason reason, uint64_t seen, int64_t deadline,
                      assay_failure *failure);

#endif
