/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_PUBLIC_TOKEN_REQUEST_H
#define ASSAY_PUBLIC_TOKEN_REQUEST_H

#include <assay/error.h>
#include <assay/types.h>

ASSAY_BEGIN_DECLS

/**
 * @file
 * What token is wanted, where the scope alone does not say it.
 *
 * Threads: one thread configures a request; calls that take one only read it.
 */

/** Make a request. @param scope [in] as for assay_credential_get_token()  @param request [out] release with assay_token_request_free(). @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_token_request_new(const char *scope, assay_token_request **request,
                                                       assay_error **error);
/** Release; NULL is allowed. What was secret is wiped. @since 0.1 */
ASSAY_API void assay_token_request_free(assay_token_request *request);

/** Ask another tenant than the credential's own; the credential must allow it (assay_credential_add_tenant()). @retval ASSAY_E_CONFIG_TENANT
 *  as for assay_credential_set_tenant(). @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_token_request_set_tenant(assay_token_request *request, const char *tenant,
                                                              assay_error **error);
/**
 * On behalf of a user: the access token that this service was called with, which must be meant for this very service (Microsoft, "On-Behalf-Of
 * flow"; RFC 7523, section 2.1). Copied and wiped. Tokens got with it are kept until it expires, 1000 at most. The scope of the request is then what
 * the user granted, by name ("https://graph.microsoft.com/User.Read"; several with a blank between them), or a resource as usual.
 * @since 0.1
 */
ASSAY_API ASSAY_MUST_CHECK int assay_token_request_set_user_assertion(assay_token_request *request, const char *token,
                                                                      size_t len, assay_error **error);
/**
 * A resource refused a token with a claims challenge: take the claims out of its `WWW-Authenticate` value, and get a token anew that has them.
 * Call the resource once more with that one; where it refuses again, give up (Microsoft, "Claims challenges").
 * @retval ASSAY_E_ARGUMENT no claims challenge in it
 * @since 0.1
 */
ASSAY_API ASSAY_MUST_CHECK int assay_token_request_set_challenge(assay_token_request *request,
                                                                 const char *www_authenticate, assay_error **error);
/** The same from the claims as one JSON object. @retval ASSAY_E_ARGUMENT they are none, or too long. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_token_request_set_claims(assay_token_request *request, const char *json,
                                                              assay_error **error);
/** Say that the client can handle claims challenges (capability `cp1`): Entra then gives tokens that live for a day and can be revoked
 *  (Microsoft, "Continuous access evaluation"). @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_token_request_set_continuous_access(assay_token_request *request,
                                                                         assay_error **error);

ASSAY_END_DECLS

#endif
