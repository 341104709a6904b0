/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_ACCESS_TOKEN_H
#define ASSAY_ACCESS_TOKEN_H

#include <assay/types.h>

ASSAY_BEGIN_DECLS

/**
 * @file
 * A token that this process obtained. Its text is a secret: it lies in pages that core files leave out, and is wiped when the last reference goes.
 *
 * Threads: read-only; any number of threads may use one, and ref and unref are atomic.
 */

/** Take one more reference. Any thread. @since 0.1 */
ASSAY_API assay_access_token *assay_access_token_ref(assay_access_token *token);
/** Give a reference back; NULL is allowed. Any thread. @since 0.1 */
ASSAY_API void assay_access_token_unref(assay_access_token *token);

/** The token as the server gave it, which is opaque to clients (RFC 6749, section 1.4). Borrowed, terminated. "" for NULL.
 *  @param len [out] may be NULL. @since 0.1 */
ASSAY_API const char *assay_access_token_text(const assay_access_token *token, size_t *len);
/** The whole value of an Authorization header, "Bearer " and the token (RFC 6750, section 2.1). Borrowed, terminated; a secret too.
 *  "" where it is no access token (of type "N_A"). @since 0.1 */
ASSAY_API const char *assay_access_token_authorization(const assay_access_token *token, size_t *len);
/** Seconds since 1970-01-01 UTC when it expires; 0 where the server did not tell (RFC 6749, section 5.1). @since 0.1 */
ASSAY_API int64_t assay_access_token_expires_at(const assay_access_token *token);
/** The scopes that it was granted, as the server told, or else those that were asked for. Borrowed. @since 0.1 */
ASSAY_API const char *assay_access_token_scope(const assay_access_token *token);
/** Its type, such as "Bearer"; "N_A" of an exchange for what is no access token (RFC 8693, section 2.2.1). Borrowed. @since 0.1 */
ASSAY_API const char *assay_access_token_type(const assay_access_token *token);
/** `issued_token_type` of an exchange (RFC 8693, section 2.2.1); "" otherwise. Borrowed. @since 0.1 */
ASSAY_API const char *assay_access_token_issued_type(const assay_access_token *token);
/** Where it came from, such as "workload-identity" or "managed-identity (IMDS)". Static. @since 0.1 */
ASSAY_API const char *assay_access_token_source(const assay_access_token *token);

ASSAY_END_DECLS

#endif
