/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_FLOW_FLIGHT_PRIVATE_H
#define ASSAY_FLOW_FLIGHT_PRIVATE_H

/* Inside of flights, for flight.c and seat.c alone. */

#include "flow/flight.h"
#include "flow/fork.h"

static inline bool assay_seat_is_inherited(const assay_seat *seat)
{
    return seat->process != assay_fork_generation();
}

/* seat.c: with the lock of the keys. Wait for the flight under way; leave again, which does no harm where it does not wait. */
void assay_seat_take_place(assay_seat *seat);
void assay_seat_leave_place(assay_seat *seat);
/* All who wait look again. */
void assay_seats_wake(assay_issuer_keys *keys);
/* The one that goes on where the leader is gone: of those with so much time the one that has waited longest. 0: nobody. */
uint64_t assay_seats_choose_heir(const assay_issuer_keys *keys, int64_t least_ms);

#endif
