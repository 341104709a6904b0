/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_FLOW_FLIGHT_H
#define ASSAY_FLOW_FLIGHT_H

/*
 * One fetch of an issuer's keys at a time, whoever wants it: the first one leads and fetches in its own thread, the others wait and share how it ends. A
 * leader that runs out of its own time hands over to a waiter that has more.
 */

#include "flow/issuer_keys.h"

/*
 * Fetch, or share a fetch that is under way, until @p deadline (real milliseconds, assay_clock_real_ms()).
 * ASSAY_OK: a flight succeeded since the call began. ASSAY_E_KEYS_NEEDED: none is allowed now for this reason (back-off, budget), nothing was waited for.
 * Otherwise the code that the fetch failed with, or ASSAY_E_TIMEOUT where the own time ran out.
 */
int assay_flight_join(assay_issuer_keys *keys, assay_source_reason reason, int64_t deadline, assay_failure *failure);

#endif
