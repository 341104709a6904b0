/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_FLOW_REFRESHER_H
#define ASSAY_FLOW_REFRESHER_H

/* The thread that keeps keys or tokens fresh, where there is one: a driver, and a loop around it. */

#include "base/failure.h"

#include "base/memory.h"

#include <pthread.h>
#include <stdatomic.h>

struct assay_driver;
struct assay_refresher;

/* Where an owner keeps its thread. */
typedef struct assay_refresher_slot {
    _Atomic(struct assay_refresher *) refresher; /* NULL: no thread; changed by refresher.c */
    pthread_mutex_t *lock;                       /* the owner's: held for moments */
} assay_refresher_slot;

/* Tell the driver of a new thread what to keep fresh, without a reference to it: its owner ends the thread. */
typedef int (*assay_refresher_watch)(struct assay_driver *driver, void *owner, assay_failure *failure);

/* ASSAY_OK, also where there is one already; ASSAY_E_SYSTEM, ASSAY_E_UNSUPPORTED, ASSAY_E_MEMORY. */
int assay_refresher_start(assay_refresher_slot *slot, assay_refresher_watch watch, void *owner, assay_failure *failure);
/* End the thread, if there is one, and wait for it. */
void assay_refresher_stop(assay_refresher_slot *slot);
/* Something is due: see that the thread knows. False: there is no thread in this process. */
bool assay_refresher_poke(assay_refresher_slot *slot);
/* fork.c: keep the thread out of the library while the process forks. False: it is at work just now. */
bool assay_refresher_try_hold(assay_refresher_slot *slot);
void assay_refresher_release(assay_refresher_slot *slot);

#endif
