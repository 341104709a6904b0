/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_TESTS_KEEPING_H
#define ASSAY_TESTS_KEEPING_H

/*
 * A validator that keeps tokens, of two issuers whose keys the test pushes, on clocks that it moves apart. Nothing here touches the network. Failures of its own
 * end the test program.
 */

#include "support/trial.h"

#include <stdbool.h>

#define KEEPING_HOUR 3600
#define KEEPING_EXP (TRIAL_NOW + KEEPING_HOUR)
#define KEEPING_LEEWAY 60
#define KEEPING_OTHER "https://127.0.0.1:1/other" /* the issuer beside TRIAL_ISSUER */
/* Claims of a good token, subject "one"; @p more is put last. */
#define KEEPING_CLAIMS(more) "{" TRIAL_BARE ",\"sub\":\"one\"" more "}"

extern struct keeping {
    int64_t wall_now, steady_ms;
    assay_runtime *runtime;
    assay_issuer *issuer, *other;
    assay_validator *validator;
    mint_key *keys[3]; /* ES256; kids "a", "b" and, of other material, "a" */
    char *token;       /* a good one of TRIAL_ISSUER, by the first key, which both issuers serve at first */
} keeping;

/* Set-up and tear-down of a test: 16 tokens are kept. */
int keeping_open(void **state);
int keeping_close(void **state);
/* Make runtime and validator anew, with room for so many tokens. */
void keeping_stop(void);
void keeping_start(size_t entries);
/* What an issuer serves from now on. */
void keeping_push(const char *url, mint_key *const *which, size_t count);
void keeping_push_jwks(const char *url, const char *jwks);

/* The answer, which must be this code; claims are there exactly for ASSAY_OK, and released with assay_claims_unref(). */
assay_claims *keeping_check(const char *text, size_t len, const assay_request *request, int expected);
void keeping_answer(const char *text, int expected);
assay_claims *keeping_take(const char *text); /* ASSAY_OK */
/* The counter of hits, of one issuer or (NULL) all. */
uint64_t keeping_hits_of(const char *url);
uint64_t keeping_hits(void);
/* It is accepted, and whether from the cache is as said; refused with this code, and not from the cache; accepted twice, the second time from the cache. */
void keeping_accepts(const char *text, bool from_cache);
void keeping_refuses(const char *text, int code);
void keeping_remembers(const char *text);

#endif
