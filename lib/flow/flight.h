/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_FLOW_FLIGHT_H
#define ASSAY_FLOW_FLIGHT_H

/*
 * One fetch of an issuer's keys at a time, whoever wants it: the first one leads and fetches in its own thread, the others wait and share how it ends. A
 * leader that runs out of its own time hands over once, to the waiter with the latest deadline.
 */

#include "flow/issuer_keys.h"

/* What a caller knew when it found that it lacks keys; taken before it looked. */
static inline uint64_t assay_flight_seen(const assay_issuer_keys *keys)
{
    return atomic_load(&keys->generation);
}

/*
 * Fetch, or share a fetch that is under way, until @p deadline (real milliseconds, assay_clock_real_ms()).
 * ASSAY_OK: keys arrived since @p seen, by this call or another. ASSAY_E_KEYS_NEEDED: no fetch is allowed now for this reason (back-off, budget), nothing was
 * waited for. Otherwise the code that the fetch failed with, or ASSAY_E_TIMEOUT where the own time ran out.
 */
int assay_flight_join(assay_issuer_keys *keys, assay_source_reason reason, uint64_t seen, int64_t deadline,
                      assay_failure *failure);

#endif
