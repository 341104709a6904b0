/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_TOKEN_BEARER_H
#define ASSAY_TOKEN_BEARER_H

/* The value of an Authorization header (RFC 6750, section 2.1). */

#include "base/failure.h"

/* ASSAY_OK with the token borrowed from @p value; ASSAY_E_NO_CREDENTIALS, ASSAY_E_OTHER_SCHEME, ASSAY_E_BAD_AUTHORIZATION. */
int assay_bearer_parse(const char *value, size_t len, assay_span *token, assay_failure *failure);
/* Whether this is one token and nothing else (b64token). */
bool assay_bearer_is_token(assay_span text);

#endif
