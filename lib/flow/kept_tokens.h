/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_FLOW_KEPT_TOKENS_H
#define ASSAY_FLOW_KEPT_TOKENS_H

/*
 * The tokens that one credential keeps, by what they were asked for. Readers find one without a lock; whoever adds, replaces or drops holds the
 * credential's lock, and what goes is freed when its last reader is out.
 */

#include "acquire/token_request.h"
#include "base/readers.h"
#include "flow/access_token.h"

struct assay_acquisition;

typedef struct assay_kept {
    assay_retiree retiree;             /* first */
    _Atomic(struct assay_kept *) next; /* of its bucket */
    uint32_t hash;
    assay_token_request *wanted; /* without the user's token, of which the digest is enough; never forced */

    /* Read without the lock. */
    _Atomic(assay_access_token *) token;  /* a reference; NULL: none */
    atomic_int_fast64_t used_ms;          /* steady: when it was last asked for */
    atomic_int_fast64_t called_ms;        /* real: when whoever keeps tokens fresh was last called for it */
    atomic_int_fast64_t renew_allowed_ms; /* steady: after a renewal that failed */
    atomic_uint_fast64_t generation;      /* counts the tokens */

    /* Under the lock: the flight (acquisition.h). */
    pthread_cond_t landed;
    struct assay_acquisition *waiting;
    bool flying;
    unsigned pins; /* acquisitions that refer to it: while there are any it stays */
    uint64_t flight, lease, heir, leases, tickets;
    int64_t lease_until; /* real milliseconds */
    unsigned heirs;
    int64_t gate_ms; /* steady: the server asked to wait until then; INT64_MIN: no */
    bool background; /* nobody who waits has time for it: whoever keeps tokens fresh gets it */
    bool learnt;     /* while it flies: `landing` is how its last try failed */
    bool answered;   /* that came of a request; false: of what was looked at here */
    int landing_code;
    assay_failure landing;
    assay_failure_detail landing_detail;
} assay_kept;

#define ASSAY_KEPT_BUCKETS 256

typedef struct assay_kept_tokens {
    assay_readers *readers;
    _Atomic(assay_kept *) buckets[ASSAY_KEPT_BUCKETS];
    size_t count, user_count;
} assay_kept_tokens;

/* ASSAY_OK, ASSAY_E_MEMORY. */
int assay_kept_tokens_init(assay_kept_tokens *tokens);
/* Nobody is inside any more. */
void assay_kept_tokens_clear(assay_kept_tokens *tokens);

/* In a reader section or with the lock: the one that is kept for this; NULL: none. */
assay_kept *assay_kept_find(assay_kept_tokens *tokens, const assay_token_request *wanted);
/* For a scope alone, which is the usual question. */
assay_kept *assay_kept_find_scope(assay_kept_tokens *tokens, const char *scope);
/* With the lock: find it or make it. Where there are too many, the one that was not asked for the longest goes. NULL: out of memory, or every one is in use. */
assay_kept *assay_kept_need(assay_kept_tokens *tokens, const assay_token_request *wanted);
/* With the lock: replace its token by this one (a reference, or NULL). */
void assay_kept_put(assay_kept_tokens *tokens, assay_kept *kept, assay_access_token *token);
/*
 * In the child of a fork, with the lock: the flight and all who waited for it are in the parent. Its token is renewed later than the parent renews it, by up to a quarter
 * of the time that it serves from then on: how much, the upper bits of @p salt tell, which differs from child to child.
 */
void assay_kept_forked(assay_kept *kept, uint64_t salt);
/* With the lock: the first one, and the one after it; NULL: no more. */
assay_kept *assay_kept_next(assay_kept_tokens *tokens, const assay_kept *kept);

static inline bool assay_kept_is_of_user(const assay_kept *kept)
{
    return kept->wanted->has_user;
}

#endif
