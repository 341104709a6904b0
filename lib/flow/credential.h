/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_FLOW_CREDENTIAL_H
#define ASSAY_FLOW_CREDENTIAL_H

/* How this process obtains tokens: settings until the first use, then also what threads share: kept tokens, flights, the thread that renews. */

#include "acquire/machine.h"
#include "flow/kept_tokens.h"
#include "flow/refresher.h"
#include "flow/runtime.h"

#include <assay/credential.h>

struct assay_driver;
struct assay_shared_tokens;

/* A driver that keeps the tokens fresh. */
typedef struct assay_keeper {
    struct assay_driver *driver;
    atomic_bool called; /* it should look at once */
    struct assay_keeper *next, **link;
} assay_keeper;

struct assay_credential {
    atomic_uint references;
    atomic_bool frozen;
    assay_runtime *runtime; /* a reference; until the first use that of the host, or NULL */
    assay_credential_settings settings;
    assay_acquire_context context;
    assay_credential **sources; /* references: members of a chain, or whose tokens are assertions */
    size_t source_count;
    unsigned depth;                     /* how many credentials use one another's tokens, this one included */
    struct assay_shared_tokens *shared; /* with other processes; NULL: not */

    /* Once frozen. */
    bool registered; /* with fork.c, and `kept` and the locks are there */
    pthread_mutex_t
        lock; /* of flights and of changes of `kept`: held for moments, never while anything is sent or read */
    assay_kept_tokens kept;
    assay_refresher_slot refreshing;
    assay_keeper *keepers; /* under the lock */
    atomic_uint_fast64_t stats[ASSAY_CREDENTIAL_STAT_SHARED + 1];
    struct assay_credential *next, **link; /* fork.c */
};

int assay_credential_make(assay_runtime *runtime, assay_credential_kind kind, assay_credential **credential);
void assay_credential_drop(assay_credential *credential);
ASSAY_DEFINE_CLEANUP(assay_credential, assay_credential_drop)
assay_credential *assay_credential_take(assay_credential *credential); /* one more reference */

/*
 * Freeze and check, at the first use; any number of threads at once. ASSAY_OK, or what is missing; always the same answer. A chain is usable whatever its
 * members lack.
 */
int assay_credential_use(assay_credential *credential, assay_failure *failure);

/* Take the source's tokens as assertions or subject tokens, asked for with this scope. ASSAY_E_CONFIG_CREDENTIAL: they would use one another too deeply. */
int assay_credential_set_inner(assay_credential *credential, assay_credential *source, const char *scope,
                               assay_failure *failure);
int assay_credential_make_chain(assay_runtime *runtime, assay_credential *const *members, size_t count,
                                assay_credential **credential, assay_failure *failure);
/* @p kind NULL: the default chain. */
int assay_credential_make_from_environment(assay_runtime *runtime, const char *kind, assay_credential **credential,
                                           assay_failure *failure);

static inline void assay_credential_lock(assay_credential *credential)
{
    (void)pthread_mutex_lock(&credential->lock);
}

static inline void assay_credential_unlock(assay_credential *credential)
{
    (void)pthread_mutex_unlock(&credential->lock);
}

static inline int64_t assay_credential_now(const assay_credential *credential)
{
    return assay_clock_steady(&credential->runtime->clock);
}

static inline void assay_credential_count(assay_credential *credential, int stat)
{
    atomic_fetch_add_explicit(&credential->stats[stat], 1, memory_order_relaxed);
}

/* fork.c: no credential is frozen in between. Taken before all other locks. */
void assay_credential_hold_freezing(void);
void assay_credential_release_freezing(void);
/* fork.c, in the child, with the lock: flights and threads are in the parent. @p salt: as of assay_kept_forked(). */
void assay_credential_forked(assay_credential *credential, uint64_t salt);

/* acquire.c: get a token; @p deadline in real milliseconds, 0 never to wait. */
int assay_acquire_scope(assay_credential *credential, const char *scope, int64_t deadline, assay_access_token **token,
                        assay_failure *failure, assay_failure_detail *detail);
int assay_acquire(assay_credential *credential, const assay_token_request *request, int64_t deadline,
                  assay_access_token **token, assay_failure *failure, assay_failure_detail *detail);
/* The request as it is kept and sent: scope normalised, tenant allowed. Owned. */
int assay_acquire_normalise(const assay_credential *credential, const assay_token_request *request,
                            assay_token_request **wanted, assay_failure *failure);
/* A token that is kept and serves, or NULL; *due: it is to be renewed, and nobody does so yet. No lock. @p request is normalised. */
assay_access_token *assay_acquire_kept(assay_credential *credential, const assay_token_request *request, bool *due);
/* From now on a driver keeps the tokens fresh; and no longer. */
void assay_credential_add_keeper(assay_credential *credential, assay_keeper *keeper);
void assay_credential_remove_keeper(assay_credential *credential, assay_keeper *keeper);
/* See that whoever keeps tokens fresh looks at once: a driver or the thread, which is started where @p start says that it may. */
void assay_acquire_call_keeper(assay_credential *credential, bool start);
/*
 * The kept token that is to be renewed next (or that callers want and have no time for, or whose leader is to be looked after), and when: steady milliseconds;
 * NULL: none. With the lock, under which whoever goes on with the result pins it.
 */
assay_kept *assay_acquire_due(assay_credential *credential, int64_t now_ms, int64_t *due_at);
void assay_acquire_forget(assay_credential *credential, const assay_token_request *request);

/* Share tokens in a directory (shared_tokens.h); NULL: no longer. */
int assay_credential_share(assay_credential *credential, const char *path, assay_failure *failure);
/* How many tokens are kept now. */
size_t assay_credential_kept_count(const assay_credential *credential);
/* credential_describe.c */
int assay_credential_write_description(assay_credential *credential, char **json, size_t *len, assay_failure *failure);
/* credential_json.c */
int assay_credential_read_json(assay_runtime *runtime, const char *json, size_t len, assay_credential **credential,
                               assay_failure *failure);

#endif
