/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_TESTS_LOOP_H
#define ASSAY_TESTS_LOOP_H

/*
 * An event loop around one driver, in each of the ways that a host may watch it. It calls the driver only when its descriptor or its timer says so,
 * so that an edge that got lost is a wait that never ends. Failures of its own end the test program.
 */

#include <assay/assay.h>
#include <poll.h>
#include <stdbool.h>

typedef enum loop_kind {
    LOOP_EDGE,     /* an epoll of its own, edge-triggered */
    LOOP_LEVEL,    /* poll(2) */
    LOOP_CALLBACKS /* sockets and timer watched by the loop, with poll(2) */
} loop_kind;

enum { LOOP_SOCKETS = 256 };

typedef struct loop {
    loop_kind kind;
    assay_driver *driver;
    int outer; /* epoll */
    struct pollfd sockets[LOOP_SOCKETS];
    nfds_t count;
    int64_t timer_at; /* real milliseconds; INT64_MAX: none */
    int destroyed;    /* calls of the destroy function */
    /* Longest call of the driver, in microseconds. */
    int64_t longest_wall, longest_cpu;
} loop;

void loop_open(loop *at, loop_kind kind);
void loop_close(loop *at);
/* Hand an operation over; nothing is processed. */
void loop_add(loop *at, assay_op *op);
/* Wait so long, at most, until the driver is ready, and let it work. */
void loop_turn(loop *at, int64_t timeout_ms);
/* Turn until an operation is done; NULL: none within the time. */
assay_op *loop_next(loop *at, int64_t timeout_ms);
/* Turn for so long. */
void loop_run(loop *at, int64_t milliseconds);
/* Result of an operation that is done, and free it. */
int loop_result(assay_op *op);

#endif
