/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_FLOW_REVOCATIONS_H
#define ASSAY_FLOW_REVOCATIONS_H

/*
 * Whose tokens are refused although they are good, because they were issued before a time. Read by any number of threads without a lock, a wait or an
 * allocation; changed under assay_fork_hold(), so that a child never has half a change. Entries only come, and their times only grow.
 */

#include "token/token.h"

typedef struct assay_revocations assay_revocations;

/* NULL: out of memory. */
assay_revocations *assay_revocations_new(void);
/* NULL is allowed. */
void assay_revocations_unref(assay_revocations *revocations);

/*
 * Refuse what @p subject of @p authority was given before a time in seconds. Once this has returned, every check that begins refuses it.
 * ASSAY_OK; ASSAY_E_ARGUMENT, ASSAY_E_RANGE, ASSAY_E_MEMORY: nothing has changed.
 */
int assay_revocations_add(assay_revocations *revocations, const char *authority, const char *subject, int64_t before,
                          assay_failure *failure);

/*
 * Whether accepted claims (assay_token_accept()) still stand: to be asked on every use of them, also of those that were kept. ASSAY_OK, ASSAY_E_REVOKED.
 */
int assay_revocations_check(const assay_revocations *revocations, const assay_claims *claims, assay_failure *failure);

/*
 * Make both one, with all that either has, for good: who is revoked with one is revoked with the other. Under assay_fork_hold(). ASSAY_OK;
 * ASSAY_E_MEMORY, ASSAY_E_RANGE: they remain two.
 */
int assay_revocations_share(assay_revocations *revocations, assay_revocations *old);

#endif
