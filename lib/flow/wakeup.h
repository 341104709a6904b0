/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_FLOW_WAKEUP_H
#define ASSAY_FLOW_WAKEUP_H

/* A descriptor that becomes readable when any thread says so: an eventfd on Linux, a pipe elsewhere. */

#include "base/failure.h"
#include "base/memory.h"

typedef struct assay_wakeup assay_wakeup;

/* ASSAY_OK, ASSAY_E_MEMORY, ASSAY_E_SYSTEM. */
int assay_wakeup_new(assay_wakeup **wakeup, assay_failure *failure);
/* Closes this process's descriptors and nothing else, so it is right in a forked child too. */
void assay_wakeup_free(assay_wakeup *wakeup);
ASSAY_DEFINE_CLEANUP(assay_wakeup, assay_wakeup_free)
int assay_wakeup_fd(const assay_wakeup *wakeup);
/* Any thread, and signal handlers; leaves errno alone. One write at most until the next take. */
void assay_wakeup_raise(assay_wakeup *wakeup);
/* One thread: not readable any more. Look for work after this, not before. */
void assay_wakeup_take(assay_wakeup *wakeup);

/* ASSAY_E_SYSTEM or ASSAY_E_MEMORY for a descriptor that could not be had, with the limit that errno tells of. */
int assay_wakeup_fail(assay_failure *failure, const char *what, int error);

#endif
