/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_TOKEN_BEARER_H
#define ASSAY_TOKEN_BEARER_H

/* The value of an Authorization header (RFC 6750, section 2.1), of Bearer or a scheme of the same form. */

#include "base/failure.h"

/* ASSAY_OK with the token borrowed from @p value; ASSAY_E_NO_CREDENTIALS, ASSAY_E_OTHER_SCHEME, ASSAY_E_BAD_AUTHORIZATION; ASSAY_E_ARGUMENT: @p scheme is no
 * token (RFC 9110, section 5.6.2). A failure borrows @p scheme for its challenge. */
int assay_bearer_parse(const char *scheme, const char *value, size_t len, assay_span *token, assay_failure *failure);
/* Whether this is one token and nothing else (b64token). */
bool assay_bearer_is_token(assay_span text);

#endif
