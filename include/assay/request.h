/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_REQUEST_H
#define ASSAY_REQUEST_H

#include <assay/error.h>
#include <assay/types.h>

ASSAY_BEGIN_DECLS

/**
 * @file
 * What one validation demands beyond the configuration. Every member is optional, and each that is set is demanded: a
 * token that lacks the claim is refused.
 *
 * Threads: one thread at a time; several threads may read one that no longer changes.
 */

/** Make an empty request. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_request_new(assay_request **request, assay_error **error);
/** Release a request; NULL is allowed. @since 0.1 */
ASSAY_API void assay_request_free(assay_request *request);
/** Demand that `nonce` equals this (OIDC Core, section 3.1.3.7, item 11). Copied. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_request_set_nonce(assay_request *request, const char *nonce, assay_error **error);
/** Demand that `at_hash` is that of this access token (OIDC Core, section 3.1.3.8). Copied, wiped on release. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_request_set_access_token(assay_request *request, const char *token, size_t len,
                                                              assay_error **error);
/** Demand that `c_hash` is that of this authorization code (OIDC Core, section 3.3.2.10). Copied, wiped on release. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_request_set_code(assay_request *request, const char *code, size_t len,
                                                      assay_error **error);
/** Demand that `auth_time` lies at most this many seconds back, leeway added (OIDC Core, section 3.1.2.1).
 *  @retval ASSAY_E_CONFIG_TIME negative, or above 10 years. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_request_set_max_age(assay_request *request, int64_t seconds, assay_error **error);
/** Add one value that `acr` may have; one of those added must be there (OIDC Core, section 3.1.3.7, item 12).
 *  Copied. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_request_add_acr(assay_request *request, const char *acr, assay_error **error);
/**
 * Demand that the token is bound to this client certificate of the TLS connection: `cnf` with `x5t#S256` (RFC 8705, section 3; Entra's
 * scheme MTLS_POP). Without this call a token that is bound to anything is refused, since nobody proved it.
 *
 * A token that fails this is refused with ASSAY_E_BINDING; one that names another way of confirmation (`jwk`, `jkt` and the like), also beside
 * the certificate, with ASSAY_E_UNPROVEN. Members of `cnf` that no specification has registered are ignored (RFC 7800, section 3.1).
 * @param der [in] the certificate in DER, as the TLS library gives it; copied as its digest. That the connection proved its private key is the
 * TLS library's word; whether it is trusted, and still valid, is looked at by nobody here
 * @retval ASSAY_E_ARGUMENT empty, longer than 65536 bytes, PEM, or otherwise not one certificate in DER; the request is as before. @since 0.1
 */
ASSAY_API ASSAY_MUST_CHECK int assay_request_set_client_certificate(assay_request *request, const uint8_t *der,
                                                                    size_t len, assay_error **error);
/** Accept a token that is bound to nothing as well, for a service whose clients all have certificates but some of them plain Bearer tokens.
 *  A bound one must still fit the certificate, and a token that is bound in another way is still refused. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_request_allow_unbound(assay_request *request, assay_error **error);

ASSAY_END_DECLS

#endif
