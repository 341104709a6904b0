/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_FLOW_DRIVER_PRIVATE_H
#define ASSAY_FLOW_DRIVER_PRIVATE_H

/* Inside of a driver, for driver*.c alone. */

#include "flow/driver.h"
#include "flow/poller.h"
#include "flow/wakeup.h"
#include "http/multi.h"

/* A validator whose keys are kept fresh, or a credential whose tokens are. */
typedef struct assay_watched {
    assay_validator *validator;   /* NULL: a credential */
    assay_credential *credential; /* NULL: a validator */
    assay_keeper keeper;          /* of the credential */
    bool counted;
    int64_t due_at; /* of its clock: when to look at it again */
    struct assay_watched *next;
} assay_watched;

struct assay_driver {
    assay_waker waker; /* first: of the seats of its operations */
    unsigned process;  /* assay_fork_generation() */
    assay_http_multi *multi;
    assay_poller *poller; /* NULL: the host watches sockets and time */
    assay_driver_hooks hooks;
    assay_wakeup *wakeup; /* with callbacks */
    atomic_bool woken;    /* some flight has changed */

    assay_op *active;
    assay_op *done, **done_end;
    size_t own; /* operations that the driver made itself */
    assay_watched *watched;

    assay_op *ready;        /* operations that can go on */
    assay_op *stepped_next; /* where a pass over all operations was left; NULL: it is over */
    int64_t turn_until;     /* real milliseconds */
    bool scan;              /* look at every watched validator */
    bool starting;          /* more refreshes are due than were begun at a time */
    int64_t curl_at;        /* real milliseconds; INT64_MAX: none */
    int64_t look_at;        /* when a waiting operation must look again; INT64_MAX: none */
    int64_t armed_at;       /* what the timer is set to */
};

/* driver.c */
void assay_driver_add_own(assay_driver *driver, assay_op *op);
/* driver_watch.c: start the refreshes that are due; when to come again, in real milliseconds. */
int64_t assay_driver_refresh_watched(assay_driver *driver);
void assay_driver_forget_watched(assay_driver *driver);

#endif
