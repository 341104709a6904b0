/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_FLOW_OP_H
#define ASSAY_FLOW_OP_H

/* A validation, a refresh or an acquisition as a step machine without sockets. A host or a driver carries out its errands. */

#include "flow/acquisition.h"
#include "flow/attempt.h"
#include "flow/flight.h"
#include "flow/fork.h"

#include <assay/op.h>

typedef enum assay_op_state {
    ASSAY_OP_NEW,    /* nothing happened yet */
    ASSAY_OP_SEATED, /* takes part in a flight, or is about to */
    ASSAY_OP_LANDED, /* the flight is over, and the answer is not yet made */
    ASSAY_OP_DONE
} assay_op_state;

struct assay_op {
    assay_validator *validator;   /* NULL: an acquisition */
    assay_credential *credential; /* NULL: a validation or a refresh of keys */
    bool counted; /* of the two, the one is a reference; false: whoever drives the operation outlives it */
    char *token;  /* a validation; NULL: a refresh */
    size_t token_len;
    assay_request *request;       /* NULL: none */
    assay_trusted_issuer *issuer; /* a refresh: of this one; NULL: of the one that is due first */
    int64_t deadline;             /* real milliseconds */

    assay_op_state state;
    assay_attempt attempt;
    assay_lack lack;
    int looked; /* what the look without a fetch answered */
    assay_seat seat;
    assay_turn turn;
    assay_http_response answer; /* its header fields, while the host hands them over */
    int64_t pause_ms;           /* between looks where nobody wakes it */
    int fetched;                /* how the flight ended */
    assay_failure why;

    int code; /* the result */
    assay_failure failure;
    assay_claims *claims;

    /* An acquisition. */
    assay_token_request *wanted; /* NULL: a renewal of whatever is due first */
    assay_acquisition acquisition;
    int flights; /* that brought nothing which could be taken */
    assay_access_token *got;
    assay_failure_detail detail; /* of `failure` */

    void *user_data;
    struct assay_driver *driver; /* that has it; NULL: none */
    /* driver.c */
    struct assay_http_transfer *transfer; /* of its errand */
    bool cancelled;
    bool own; /* made by the driver: nobody asks for its result */
    struct assay_op *next, **link;
    struct assay_op *ready_next, **ready_link; /* NULL: it is not known to have something to do */
};

int assay_op_make_validation(assay_validator *validator, const char *token, size_t len, const assay_request *request,
                             int64_t timeout_ms, assay_op **op, assay_failure *failure);
/* @p issuer may be NULL. @p counted false: the caller sees to it that the validator outlives the operation. */
int assay_op_make_refresh(assay_validator *validator, assay_trusted_issuer *issuer, int64_t timeout_ms, bool counted,
                          assay_op **op, assay_failure *failure);
/* Get a token; nothing is looked at before the first step, but what @p request may not ask for is told now. */
int assay_op_make_acquisition(assay_credential *credential, const assay_token_request *request, int64_t timeout_ms,
                              assay_op **op, assay_failure *failure);
/* Renew the kept token that is due first. 1: there it is; 0: none is due before *due_at (steady milliseconds); -1: it can't be made. */
int assay_op_make_renewal(assay_credential *credential, int64_t now_ms, int64_t timeout_ms, bool counted,
                          int64_t *due_at, assay_op **op);
/* The same when it is stepped. */
int assay_op_make_any_renewal(assay_credential *credential, int64_t timeout_ms, assay_op **op, assay_failure *failure);
void assay_op_drop(assay_op *op);
ASSAY_DEFINE_CLEANUP(assay_op, assay_op_drop)

/* Go on; an enum assay_want. */
int assay_op_go_on(assay_op *op);
/* The errand was answered, or failed with @p missed, with @p why. Only where it wants a fetch. */
void assay_op_report(assay_op *op, const assay_http_response *response, int missed, const assay_failure *why);
/* Leave the flight and be done with this code, unless it is done already. */
void assay_op_end(assay_op *op, int code);
static inline bool assay_op_wants_fetch(const assay_op *op)
{
    return op->state == ASSAY_OP_SEATED && op->turn == ASSAY_TURN_LEAD;
}

/* What it wants to be fetched, and until when: real milliseconds. */
static inline const assay_http_request *assay_op_errand(const assay_op *op)
{
    return op->credential != NULL ? assay_acquisition_request(&op->acquisition) : &op->seat.errand.request;
}

static inline int64_t assay_op_errand_until(const assay_op *op)
{
    return op->credential != NULL ? op->acquisition.until : op->seat.errand.until;
}

static inline assay_runtime *assay_op_runtime(const assay_op *op)
{
    return op->credential != NULL ? op->credential->runtime : op->validator->keyring->runtime;
}

/* Whether no proxy may stand in between: a proxy's loopback is another machine, and the platform's agents are nobody else's business. */
bool assay_op_errand_is_direct(const assay_op *op);

/* When one that waits must look again even if nobody wakes it; real milliseconds. */
static inline int64_t assay_op_look_at(const assay_op *op)
{
    return op->credential != NULL ? assay_acquisition_look_at(&op->acquisition) : assay_flight_look_at(&op->seat);
}

/* From now on it is told by this one, in any state; NULL: by nobody. */
void assay_op_wake_by(assay_op *op, assay_waker *waker);
/* It is the parent's. */
static inline bool assay_op_is_inherited(const assay_op *op)
{
    return op->seat.process != assay_fork_generation();
}
/* A refresh without a host that goes on in the place of @p op, which leads. */
int assay_op_detach(assay_op *op, assay_op **rest);

#endif
