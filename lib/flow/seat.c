/* SPDX-License-Identifier: MIT */
#include "flow/flight_private.h"

/* Seats of flights, and who waits in them. */

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

void assay_seat_take_place(assay_seat *seat)
{
    assay_issuer_keys *keys = seat->keys;
    seat->flight = keys->flight;
    if (seat->waits)
        return;
    seat->waits = true;
    seat->ticket = ++keys->tickets;
    seat->next = keys->waiting;
    seat->link = &keys->waiting;
    if (keys->waiting != NULL)
        keys->waiting->link = &seat->next;
    keys->waiting = seat;
}

void assay_seat_leave_place(assay_seat *seat)
{
    if (!seat->waits)
        return;
    seat->waits = false;
    *seat->link = seat->next;
    if (seat->next != NULL)
        seat->next->link = seat->link;
}

void assay_seats_wake(assay_issuer_keys *keys)
{
    (void)pthread_cond_broadcast(&keys->landed);
    for (assay_seat *seat = keys->waiting; seat != NULL; seat = seat->next)
        if (seat->waker != NULL)
            seat->waker->wake(seat->waker);
}

uint64_t assay_seats_choose_heir(const assay_issuer_keys *keys, int64_t least_ms)
{
    int64_t now = assay_clock_real_ms();
    uint64_t heir = 0;
    for (const assay_seat *seat = keys->waiting; seat != NULL; seat = seat->next) {
        bool fits = seat->flight == keys->flight && seat->deadline > now && seat->deadline - now >= least_ms;
        if (fits && (heir == 0 || seat->ticket < heir))
            heir = seat->ticket;
    }
    return heir;
}
