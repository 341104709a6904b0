/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_FLOW_ACCESS_TOKEN_H
#define ASSAY_FLOW_ACCESS_TOKEN_H

/* A token that was obtained: immutable, shared by reference count, wiped at its end; and until when it serves. */

#include "acquire/token_response.h"
#include "base/readers.h"

#include <assay/access_token.h>

/* Bytes of "Bearer ". */
#define ASSAY_SCHEME_LEN 7

struct assay_access_token {
    assay_retiree retiree; /* first: kept ones are retired, so that readers may still take a reference */
    atomic_uint references;
    assay_secret authorization; /* "Bearer " and the token */
    char *scope;
    char type[32], issued_type[128];
    const char *source;       /* static */
    int64_t expires_at;       /* seconds since 1970; 0: not told */
    int64_t obtained_at;      /* seconds since 1970 */
    int64_t obtained_real_ms; /* of the real clock: what a claims challenge is older or younger than */
    /* Milliseconds of the runtime's steady clock. */
    int64_t obtained_ms;
    int64_t renew_ms; /* from then on it is due for renewal */
    int64_t until_ms; /* from then on it does not serve */
};

/*
 * Make one of an answer, whose token it takes over. @p asked: the scope that was asked for. @p jitter: 0 to 255, by which it is renewed up to a
 * tenth earlier. NULL: out of memory.
 * It is due at its expiry less max(300 s, a fifth of its life), at most half its life before, or after refresh_in; it serves until its expiry less
 * min(30 s, a tenth of its life) (exchange.md, Settled 1).
 */
assay_access_token *assay_access_token_make(assay_token_answer *answer, const char *asked, const char *source,
                                            int64_t now_wall, int64_t now_ms, unsigned jitter);
/* One as another process may read it: borrowed texts, and times that mean the same to both. */
typedef struct assay_token_record {
    assay_span token, scope, type, issued_type;
    int64_t expires_at;                      /* 0: not told */
    int64_t obtained_at, renew_at, until_at; /* seconds since 1970, of the runtime's clock */
    int64_t obtained_ms;                     /* milliseconds since 1970, of the system's clock */
} assay_token_record;

void assay_access_token_to_record(const assay_access_token *token, int64_t now_wall, int64_t now_ms,
                                  assay_token_record *record);
/* NULL: out of memory, or times or texts that no token has. @p source: static. */
assay_access_token *assay_access_token_from_record(const assay_token_record *record, const char *source,
                                                   int64_t now_wall, int64_t now_ms);

/* Whether it serves at this moment: by both clocks, since either may stand still or go back. */
bool assay_access_token_serves(const assay_access_token *token, int64_t now_wall, int64_t now_ms);
/* Whether it is to be renewed: when it is due, or where the wall clock went back, so that its expiry can't be told any more. */
bool assay_access_token_is_due(const assay_access_token *token, int64_t now_wall, int64_t now_ms);

#endif
