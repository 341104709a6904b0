/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_FLOW_OP_H
#define ASSAY_FLOW_OP_H

/* A validation or a refresh as a step machine without sockets. A host or a driver carries out its errands. */

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
    assay_validator *validator;
    bool counted; /* the validator is a reference; false: whoever drives the operation outlives it */
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
/* It is the parent's. */
static inline bool assay_op_is_inherited(const assay_op *op)
{
    return op->seat.process != assay_fork_generation();
}
/* A refresh without a host that goes on in the place of @p op, which leads. */
int assay_op_detach(assay_op *op, assay_op **rest);

#endif
