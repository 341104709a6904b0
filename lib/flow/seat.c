/* SPDX-License-Identifier: MIT */
#include "flow/flight.h"
#include "flow/fork.h"

void assay_seat_init(assay_seat *seat, assay_issuer_keys *keys, assay_source_reason reason, uint64_t seen,
                     int64_t deadline, assay_waker *waker)
{
    memset(seat, 0, sizeof *seat);
    seat->keys = keys;
    seat->reason = reason;
    seat->seen = seen;
    seat->deadline = deadline;
    seat->waker = waker;
    seat->process = assay_fork_generation();
}

void assay_seat_move(assay_seat *from, assay_seat *to)
{
    assay_errand errand = from->errand;
    *to = *from;
    memset(&from->errand, 0, sizeof from->errand);
    to->errand = errand;
    from->lease = 0;
}

void assay_seat_wake_by(assay_seat *seat, assay_waker *waker)
{
    if (seat->keys != NULL) /* it may wait already, where other threads look for whom to wake */
        assay_issuer_keys_lock(seat->keys);
    seat->waker = waker;
    if (seat->keys != NULL)
        assay_issuer_keys_unlock(seat->keys);
}
