/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_FLOW_STORED_KEYS_H
#define ASSAY_FLOW_STORED_KEYS_H

/* The keys of an issuer and what the store of the runtime has of them. All but assay_stored_keys_may_ask() are called without the issuer's lock. */

#include "flow/issuer_keys.h"

/*
 * Take in what the store has: at creation, or before a fetch that it may spare. ASSAY_OK: keys adopted and published. ASSAY_E_ABSENT: no store, no file, or nothing newer. Any
 * other code: it can't be used, which the log is told of once.
 */
int assay_stored_keys_load(assay_issuer_keys *keys);

/* The same for a kid that is not known, which another process may have fetched: only where the record is not the one that was read last, and no fetch is under way here.
 * True: there are other keys now. */
bool assay_stored_keys_look(assay_issuer_keys *keys);

/*
 * Write to the store what is known, united with what is there: after a fetch, a push, a purge. @p durable: wait for other writers, ASSAY_LIMIT_STORE_WAIT_MS at most, and
 * make sure that it outlives a loss of power. Otherwise try once: a cache may miss something. Where it can't be
 * written it is read all the same.
 * ASSAY_OK: written. ASSAY_E_ABSENT: no store, nothing to write, or (not durable) somebody else is writing. ASSAY_E_STORE and others: not written.
 */
int assay_stored_keys_save(assay_issuer_keys *keys, bool durable, assay_failure *failure);

/*
 * With the issuer's lock, where the own budget allows a fetch for an unknown kid: whether that of all processes does. True: it is spent now for the others, or
 * there is no store that could tell. False: another process has asked, which spends the own budget too; keys->awaited says whether its answer is here.
 */
bool assay_stored_keys_may_ask(assay_issuer_keys *keys);

/*
 * Wait for that answer, until @p deadline (real milliseconds) and for as long as a fetch may take. @p seen: the generation of the keys that were looked at. True: it is worth another look
 * at the keys. False: nothing is awaited, or it has not come.
 */
bool assay_stored_keys_await(assay_issuer_keys *keys, uint64_t seen, int64_t deadline);

#endif
