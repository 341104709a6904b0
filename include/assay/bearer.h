/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_BEARER_H
#define ASSAY_BEARER_H

#include <assay/error.h>
#include <assay/types.h>

ASSAY_BEGIN_DECLS

/**
 * @file
 * The value of an HTTP Authorization header.
 */

/**
 * Take the token out of an Authorization value (RFC 6750, section 2.1; RFC 9110, section 11.4): the scheme "Bearer" in any
 * case, one or more blanks, and one token of the alphabet `A-Z a-z 0-9 - . _ ~ + /` with trailing `=`.
 *
 * @param value     [in]  the header's value without its name; NULL for none
 * @param len       [in]  number of bytes at @p value
 * @param token     [out] borrowed from @p value, not terminated; NULL unless ASSAY_OK
 * @param token_len [out] its number of bytes
 * @param error     [out] may be NULL
 *
 * @retval ASSAY_E_NO_CREDENTIALS    nothing there: answer 401 with a bare challenge
 * @retval ASSAY_E_OTHER_SCHEME      Basic or another scheme: the same answer
 * @retval ASSAY_E_BAD_AUTHORIZATION Bearer without exactly one token: answer 400
 * Threads: any. @since 0.1
 */
ASSAY_API ASSAY_MUST_CHECK int assay_bearer_from_header(const char *value, size_t len, const char **token,
                                                        size_t *token_len, assay_error **error);
/** The same for another scheme, such as "MTLS_POP" of Entra's bound tokens (assay_request_set_client_certificate()), which has the form of Bearer.
 *  A token that came this way is no plain bearer token; that it is bound is checked with the certificate, not here.
 *  The challenge of the error names this scheme.
 *  @param scheme [in] a token of RFC 9110, section 5.6.2, of at most 64 bytes, compared in any case
 *  @retval ASSAY_E_ARGUMENT no such token. Threads: any. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_bearer_from_header_of_scheme(const char *scheme, const char *value, size_t len,
                                                                  const char **token, size_t *token_len,
                                                                  assay_error **error);

ASSAY_END_DECLS

#endif
