/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_FLOW_SHARED_TOKENS_H
#define ASSAY_FLOW_SHARED_TOKENS_H

/*
 * Tokens that the processes of one user on one machine share, in a directory of mode 0700: a file of mode 0600 for each, named by a digest of what it is for (the
 * credential's settings and the request), replaced by renaming, and a lock for each, so that one process obtains it and the others wait for that.
 *
 * No secret is part of a name. So tokens are not shared of credentials that only their secrets tell apart: identities of Service Fabric, and exchanges whose subject token comes
 * from a function of the host. Paths are part of it, but not what is in the files: processes that share a directory have to see the same token files by the same paths.
 */

#include "flow/credential.h"

typedef struct assay_shared_tokens assay_shared_tokens;

/* The directory is made where it is missing. ASSAY_OK; ASSAY_E_CONFIG_STORE: not a directory of this user alone; ASSAY_E_MEMORY. */
int assay_shared_open(const char *path, assay_shared_tokens **shared, assay_failure *failure);
void assay_shared_close(assay_shared_tokens *shared);

typedef enum assay_shared_answer {
    ASSAY_SHARED_NOTHING, /* obtain one: *lock is held meanwhile, or -1 where there is no directory, or it can't be used, or nobody need wait */
    ASSAY_SHARED_WAIT, /* another process obtains it: ask again in a moment */
    ASSAY_SHARED_TOKEN /* *token is a reference to one that serves */
} assay_shared_answer;

/*
 * A token that another process obtained. @p lock: -1 at first; kept between calls. One that is due for renewal, or was obtained before the request was made (a claims challenge), is
 * none, nor is there one for a user whose own token has expired. Reads files; never waits. Without a directory this is one comparison.
 */
assay_shared_answer assay_shared_get(assay_credential *credential, const assay_token_request *wanted, int64_t made_ms,
                                     int *lock, assay_access_token **token);
/*
 * For whoever has none and gets none, since another process obtains it at the moment, or the server does not answer: one that is due for renewal and serves still. A
 * reference; NULL: there is none. Reads a file.
 */
assay_access_token *assay_shared_spare(assay_credential *credential, const assay_token_request *wanted,
                                       int64_t made_ms);
/* Share one that was just obtained. A failure is logged and does no harm. */
void assay_shared_put(assay_credential *credential, const assay_token_request *wanted, const assay_access_token *token);
/* Let go of the lock, if it is held; *lock is -1 then. */
void assay_shared_unlock(int *lock);
/* Remove the one of a request, so that nobody uses it again. */
void assay_shared_forget(assay_credential *credential, const assay_token_request *wanted);

#endif
