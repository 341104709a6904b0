/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_TESTS_CANNED_H
#define ASSAY_TESTS_CANNED_H

/*
 * An issuer that nobody serves: operations ask for its documents, and the test answers. The clock stands still until the test moves it; leases and
 * deadlines go by real time. Failures of its own end the test program.
 */

#include "support/trial.h"

#include <stdbool.h>

#define CANNED_ISSUER "https://issuer.example/t"
#define CANNED_METADATA_URL CANNED_ISSUER "/.well-known/openid-configuration"
#define CANNED_JWKS_URI CANNED_ISSUER "/keys"
#define CANNED_AUDIENCE "api://canned"

typedef struct canned {
    mint_key *key; /* ES256, kid "k" */
    char *keys;    /* the set of it; to change */
    assay_runtime *runtime;
    assay_issuer *issuer;
    assay_validator *validator; /* made by canned_start() */
    int64_t now_ms;             /* steady, and a thousandth of it the wall clock */
    int lines;                  /* log lines of level warning or worse */
    char last_line[512];        /* the newest one */
} canned;

/* Of an answer. Zero means: 200, from the URL asked for, the good document, no header fields. */
typedef struct canned_reply {
    int status;
    const char *effective_url;
    const char *body;
    size_t body_len; /* 0: that of the body */
    bool empty;
    const char *headers[6]; /* name and value in turn */
} canned_reply;

void canned_open(canned *c);
/* Make the validator, of the issuers given after the one of canned_open() too; @p more may be NULL. */
void canned_start(canned *c, assay_issuer *more, assay_issuer *yet_more);
void canned_close(canned *c);
void canned_advance(canned *c, int64_t seconds);

/* A good token, of the clock's time; and one with this kid and signature of the same key. Released with free(). */
char *canned_token(canned *c);
char *canned_token_of(canned *c, const char *kid);

assay_op *canned_validation(canned *c, const char *token, int64_t timeout_ms);
assay_op *canned_refresh(canned *c, const char *issuer, int64_t timeout_ms);
/* Answer what the operation wants now. */
void canned_answer(canned *c, assay_op *op, const canned_reply *reply);
/* With the good document. */
void canned_answer_well(canned *c, assay_op *op);
/* Step and answer well until it is done; the code. The operation is still to be freed. */
int canned_finish(canned *c, assay_op *op);
/* Its result is this code; where it is ASSAY_OK for a validation there are claims, otherwise none, and the error says the same. */
void canned_result_at(const assay_op *op, int code, bool claims, const char *file, int line);
#define canned_result(op, code, claims) canned_result_at(op, code, claims, __FILE__, __LINE__)
/* What assay_op_step() gives, which must be this. */
void canned_step_at(assay_op *op, int want, const char *file, int line);
#define canned_step(op, want) canned_step_at(op, want, __FILE__, __LINE__)
uint64_t canned_stat(canned *c, int stat);
/* Leave the operations of a test with warm keys. */
void canned_warm_up(canned *c);

#endif
