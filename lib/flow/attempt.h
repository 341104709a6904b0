/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_FLOW_ATTEMPT_H
#define ASSAY_FLOW_ATTEMPT_H

/*
 * The decision about one token, in steps between which keys may be fetched: begin, open, look, answer or look again, accept. Nothing in here waits or
 * fetches; validate.c goes through the steps for callers who wait, op.c for hosts that don't. Between begin and open both ask the token cache.
 */

#include "discovery/schedule.h"
#include "flow/validator.h"

typedef struct assay_attempt {
    assay_validator *validator;
    assay_trusted_issuer *issuer;
    assay_span text; /* the compact form; borrowed */
    assay_claims *token;
    const assay_request *request;
    int64_t now;      /* seconds of the wall clock */
    int64_t now_ms;   /* steady */
    uint64_t seen;    /* generation of the keys that were looked at */
    assay_jwk *key;   /* a reference to the one that verified; NULL: none did, or the token is not to be kept */
    uint64_t version; /* of the keys that it was found among */
    assay_failure *failure;
} assay_attempt;

/* What a key is wanted for, where only a fetch could give it. */
typedef enum assay_lack { ASSAY_LACK_NOTHING, ASSAY_LACK_KEYS, ASSAY_LACK_KID } assay_lack;

/* @p token is borrowed until the attempt is closed. */
void assay_attempt_begin(assay_attempt *attempt, assay_validator *validator, const char *token, size_t len,
                         const assay_request *request, assay_failure *failure);
/* Take the token apart, find its issuer, check what can be told without a key. */
int assay_attempt_open(assay_attempt *attempt);
void assay_attempt_close(assay_attempt *attempt);

/* Find the key and verify, with the keys at hand. With a lack the code is what it would be without a fetch. */
int assay_attempt_look(assay_attempt *attempt, assay_lack *lack);
/* After a look that lacks a kid, where a fetch is wanted: what another process fetched may have it. Reads a file where it is a new one. @p code is that of the look. */
int assay_attempt_look_in_store(assay_attempt *attempt, assay_lack *lack, int code);
/* The reason of the fetch that a lack asks for. */
static inline assay_source_reason assay_lack_reason(assay_lack lack)
{
    return lack == ASSAY_LACK_KEYS ? ASSAY_SOURCE_COLD : ASSAY_SOURCE_UNKNOWN_KID;
}
/* The answer where a fetch could help but none is made: it is not wanted here (@p fetch_wanted false), or not allowed now. @p code is that of the look. */
int assay_attempt_answer(assay_attempt *attempt, assay_lack lack, int code, bool fetch_wanted);
/* Look once more after a flight that ended with @p fetched, and answer. */
int assay_attempt_look_again(assay_attempt *attempt, assay_lack lack, int fetched, const assay_failure *why);

/* Set `now` and `now_ms`. ASSAY_OK, ASSAY_E_CLOCK. */
int assay_attempt_read_clocks(assay_attempt *attempt);
/* The moment on the clock that the snapshot's times are of, which are those of its source. */
static inline int64_t assay_attempt_source_time(const assay_attempt *attempt)
{
    return assay_schedule_add(attempt->now_ms, atomic_load(&attempt->issuer->keys.lag));
}

/* After a good look: the remaining checks; the claims are the caller's. */
int assay_attempt_accept(assay_attempt *attempt, assay_claims **claims);

#endif
