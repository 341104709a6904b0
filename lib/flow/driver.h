/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_FLOW_DRIVER_H
#define ASSAY_FLOW_DRIVER_H

/* The engine that carries out operations on one file descriptor, or on the sockets and the timer of a host. */

#include "flow/op.h"

#include <assay/driver.h>

/* The host's callbacks; all NULL: a descriptor of its own. */
typedef struct assay_driver_hooks {
    assay_driver_socket_function socket;
    assay_driver_timer_function timer;
    void *user_data;
    assay_destroy_function destroy;
} assay_driver_hooks;

/* ASSAY_OK, ASSAY_E_UNSUPPORTED, ASSAY_E_SYSTEM, ASSAY_E_MEMORY, ASSAY_E_NETWORK. hooks->destroy is called by assay_driver_drop() only. */
int assay_driver_make(const assay_driver_hooks *hooks, assay_driver **driver, assay_failure *failure);
void assay_driver_drop(assay_driver *driver);
ASSAY_DEFINE_CLEANUP(assay_driver, assay_driver_drop)

int assay_driver_descriptor(const assay_driver *driver);
/* ASSAY_OK, or ASSAY_E_FORKED: it belongs to the parent. */
int assay_driver_check(const assay_driver *driver, assay_failure *failure);
int assay_driver_take(assay_driver *driver, assay_op *op, assay_failure *failure);
void assay_driver_cancel(assay_driver *driver, assay_op *op);
/* @p counted false: the caller sees to it that the validator outlives the driver. */
int assay_driver_watch(assay_driver *driver, assay_validator *validator, bool counted, assay_failure *failure);
int assay_driver_watch_credential(assay_driver *driver, assay_credential *credential, bool counted,
                                  assay_failure *failure);
/* For the threads that keep things fresh: uncounted, of a validator or a credential. */
int assay_driver_watch_keys(assay_driver *driver, void *validator, assay_failure *failure);
int assay_driver_watch_tokens(assay_driver *driver, void *credential, assay_failure *failure);
/* From inside an operation of the driver: renew what is due of this credential, though nobody said that it keeps its tokens fresh. */
void assay_driver_renew(assay_driver *driver, assay_credential *credential);
void assay_driver_go_on(assay_driver *driver);
void assay_driver_socket(assay_driver *driver, int fd, int events);
void assay_driver_timer(assay_driver *driver);
assay_op *assay_driver_give_back(assay_driver *driver);
/* Make the descriptor ready, from any thread. */
void assay_driver_wake(assay_driver *driver);

#endif
