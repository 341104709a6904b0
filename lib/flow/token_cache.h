/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_FLOW_TOKEN_CACHE_H
#define ASSAY_FLOW_TOKEN_CACHE_H

/*
 * Accepted tokens of one validator, so that one that comes again needs no signature check. An answer from here is one that all checks would give at that moment: what can
 * change is looked at each time, and where anything is in doubt there is no answer, and the checks are made. Every function takes NULL for a cache that is
 * off.
 *
 * A lookup takes no lock, does no I/O and allocates nothing but what OpenSSL needs for a digest. Whoever changes something holds the lock of the cache; on the way of a token nobody waits for it.
 */

#include "flow/attempt.h"

typedef struct assay_token_cache assay_token_cache;

/* For @p entries tokens at most; 0 gives NULL. What is dropped goes through @p readers, which outlive it, as @p crypto does. ASSAY_OK, ASSAY_E_MEMORY. */
int assay_token_cache_new(size_t entries, assay_readers *readers, const assay_crypto *crypto,
                          assay_token_cache **cache);
void assay_token_cache_free(assay_token_cache *cache);

/* Answer an attempt that was begun. True: *claims is the caller's reference, and the attempt knows its issuer and the times. */
bool assay_token_cache_find(assay_attempt *attempt, assay_claims **claims);
/* Whether a token would be kept if it was accepted: nothing but itself decides about it, and its key can be found again. */
bool assay_token_cache_wants(const assay_attempt *attempt);
/* Keep the token of an attempt that was accepted, if assay_token_cache_wants() said so. Without memory, or where another thread is at it, it is not. */
void assay_token_cache_put(const assay_attempt *attempt);

/* Drop the tokens of one issuer whose key is gone from its snapshot; with the lock of the keyring. Waits for the lock of the cache, a moment. */
void assay_token_cache_sweep(assay_token_cache *cache, assay_issuer_keys *keys);
/* Bring `cache_hits` of all issuers up to date. */
void assay_token_cache_count(assay_token_cache *cache);

/* While the process forks, nothing in it changes. */
void assay_token_cache_hold(assay_token_cache *cache);
void assay_token_cache_release(assay_token_cache *cache);

#endif
