/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_TESTS_STEPPED_H
#define ASSAY_TESTS_STEPPED_H

/* Operations that get tokens, stepped by hand with canned answers; nothing is sent, and the clock of their runtime stands still. What is not as said fails the test. */

#include "exchange_scene.h"

#include <stdint.h>

#define STEPPED_WAIT 20000
#define STEPPED_GOOD "{\"token_type\":\"Bearer\",\"expires_in\":3600,\"access_token\":\"token-1\"}"
#define STEPPED_GOOD_TOO "{\"token_type\":\"Bearer\",\"expires_in\":3600,\"access_token\":\"token-2\"}"
#define STEPPED_REFUSED                                                                                                \
    "{\"error\":\"invalid_client\",\"error_description\":\"AADSTS7000215: no\",\"error_codes\":[7000215]}"

extern atomic_llong stepped_clock_ms;

/* A credential with a secret, in a runtime of its own, for the caller to release; there is one at a time. */
assay_credential *stepped_open(void);
/* After that. */
void stepped_close(void);
/* Another one of that runtime. */
assay_credential *stepped_credential(const char *kind);

/* The first of these that is there. */
assay_credential *stepped_chain(assay_credential *const *members, size_t count);

assay_op *stepped_acquire(assay_credential *from, const char *scope, int64_t timeout_ms);
/* For EXCHANGE_SCOPE, of the credential that was opened; and a renewal. */
assay_op *stepped_ask(int64_t timeout_ms);
assay_op *stepped_renew(int64_t timeout_ms);
void stepped_answer(assay_op *op, int status, const char *body);
/* It has this token, or this code and none. */
void stepped_token(const assay_op *op, const char *text);
void stepped_failure(const assay_op *op, int code);
/* The same after one more step, with which it is done; the operation is freed. */
void stepped_done(assay_op *op, const char *text);
void stepped_failed(assay_op *op, int code);
/* With one more step it is done, and this is why, for the caller to release; the operation is freed. */
assay_error *stepped_error(assay_op *op, int code);
/* The same with the row (0: none) and with words of the message. */
void stepped_ended(assay_op *op, int code, int row, const char *words);
/* The credential has got its first token, of STEPPED_GOOD. */
void stepped_first(void);

/* What is around each test of one credential: the_credential of acquire_trial.h is what was opened. */
int stepped_begin(void **state);
int stepped_end(void **state);

#endif
