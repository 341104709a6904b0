/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_FLOW_KEYRING_H
#define ASSAY_FLOW_KEYRING_H

/* What the issuers of one validator have in common: the lock, the readers, the runtime, and the thread that keeps keys fresh. */

#include "base/readers.h"
#include "flow/refresher.h"
#include "flow/runtime.h"

#include <pthread.h>

struct assay_issuer_keys;
struct assay_token_cache;

typedef struct assay_keyring {
    assay_readers *readers;
    assay_runtime *runtime; /* a reference */
    /* Of every source and flight: held for moments, never while a document is fetched or read. Only the turn that processes share
     * (assay_stored_keys_may_ask()) touches a file with it. */
    pthread_mutex_t lock;
    struct assay_issuer_keys *first;  /* every issuer's, for a fork */
    struct assay_token_cache *tokens; /* NULL: accepted tokens are not kept */
    assay_refresher_slot refreshing;
    atomic_uint watchers;               /* drivers that keep the keys fresh */
    struct assay_keyring *next, **link; /* fork.c */
} assay_keyring;

/* Takes over the reference to @p runtime, also on failure. ASSAY_OK, ASSAY_E_MEMORY. */
int assay_keyring_new(assay_runtime *runtime, assay_keyring **keyring);
void assay_keyring_free(assay_keyring *keyring);

static inline void assay_keyring_lock(assay_keyring *keyring)
{
    (void)pthread_mutex_lock(&keyring->lock);
}

static inline void assay_keyring_unlock(assay_keyring *keyring)
{
    (void)pthread_mutex_unlock(&keyring->lock);
}

#endif
