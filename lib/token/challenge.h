/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_TOKEN_CHALLENGE_H
#define ASSAY_TOKEN_CHALLENGE_H

/* The claims challenge of Conditional Access: a WWW-Authenticate value that asks the client for a token with more in it. Pure. */

#include "base/failure.h"
#include "base/list.h"

typedef struct assay_challenge {
    const char *context;           /* value of `acrs` to ask for */
    const char *realm;             /* "" for an empty one */
    const char *authorization_uri; /* NULL: none is known */
} assay_challenge;

/* ASSAY_OK, ASSAY_E_ARGUMENT. */
int assay_challenge_check(const assay_challenge *challenge, assay_failure *failure);
/* Write one that was checked. */
void assay_challenge_write(const assay_challenge *challenge, assay_buffer *out);

#endif
