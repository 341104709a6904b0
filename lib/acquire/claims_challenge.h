/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_ACQUIRE_CLAIMS_CHALLENGE_H
#define ASSAY_ACQUIRE_CLAIMS_CHALLENGE_H

/* The claims that a resource wants, out of the challenge it refused a token with. Pure. */

#include "base/failure.h"

/*
 * The `claims` of the Bearer challenge in a WWW-Authenticate value (RFC 9110, section 11.6.1), which may hold several challenges; that with
 * error="insufficient_claims" goes first. Base64 or base64url, padded or not, or plain JSON; *claims is decoded, owned, terminated, and
 * ASSAY_LIMIT_CLAIMS_BYTES at most; whether it is JSON is for the caller to see. ASSAY_OK, ASSAY_E_ARGUMENT, ASSAY_E_MEMORY.
 */
int assay_claims_challenge_read(const char *text, char **claims, size_t *len, assay_failure *failure);

#endif
