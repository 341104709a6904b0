/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_CLAIMS_H
#define ASSAY_CLAIMS_H

#include <assay/error.h>
#include <assay/types.h>

ASSAY_BEGIN_DECLS

/**
 * @file
 * The claims of a token that passed every check. A validator is the only way to get one.
 *
 * A name is a member of the top-level object, compared byte by byte after JSON escapes were decoded. A pointer is a JSON Pointer
 * (RFC 6901), such as "/kubernetes.io/namespace", and reaches into nested objects and arrays.
 *
 * Every text is UTF-8, terminated, holds no NUL byte, and is borrowed from the claims.
 *
 * Common results of the getters: ASSAY_OK; ASSAY_E_ABSENT, no such member; ASSAY_E_TYPE, it has another JSON
 * type (null included); ASSAY_E_RANGE, a number that does not fit; ASSAY_E_MEMORY; ASSAY_E_ARGUMENT.
 *
 * Threads: any number at once. Identify a caller by assay_claims_get_identity(), never by an e-mail address.
 */

/** Take one more reference. Any thread. @since 0.1 */
ASSAY_API assay_claims *assay_claims_ref(assay_claims *claims);
/** Give a reference back; NULL is allowed. Any thread. The claims are wiped with the last one. @since 0.1 */
ASSAY_API void assay_claims_unref(assay_claims *claims);

/** `iss`, which is that of a configured issuer; for Entra one of its forms, with the tenant in it. Never NULL. @since 0.1 */
ASSAY_API const char *assay_claims_issuer(const assay_claims *claims);
/** `sub`, or NULL where the token has none. @since 0.1 */
ASSAY_API const char *assay_claims_subject(const assay_claims *claims);
/** `exp` in seconds since 1970-01-01 UTC, fractions dropped. Do not keep the claims longer. @since 0.1 */
ASSAY_API int64_t assay_claims_expiry(const assay_claims *claims);
/** Algorithm that the signature was made with, such as "RS256". Static. @since 0.1 */
ASSAY_API const char *assay_claims_algorithm(const assay_claims *claims);
/** `kid` of the header, or NULL where it has none. @since 0.1 */
ASSAY_API const char *assay_claims_kid(const assay_claims *claims);

/** Read a text. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_claims_get_text(const assay_claims *claims, const char *name, const char **text,
                                                     size_t *len);
/** Read a whole number; a number with a fraction or an exponent is ASSAY_E_TYPE. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_claims_get_int64(const assay_claims *claims, const char *name, int64_t *value);
/** Read a NumericDate (RFC 7519, section 2): seconds since 1970-01-01 UTC, and the fraction in nanoseconds
 *  (0 to 999999999; @p nanoseconds may be NULL). @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_claims_get_time(const assay_claims *claims, const char *name, int64_t *seconds,
                                                     int32_t *nanoseconds);
/** Read true as 1 and false as 0. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_claims_get_boolean(const assay_claims *claims, const char *name, int *value);
/** Count the elements of an array of texts; a single text counts as one, as in `aud` (RFC 7519, section 4.1.3).
 *  @retval ASSAY_E_TYPE something else, or an element that is no text. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_claims_get_text_count(const assay_claims *claims, const char *name, size_t *count);
/** Read one element of an array of texts. @retval ASSAY_E_ABSENT past its end. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_claims_get_text_at(const assay_claims *claims, const char *name, size_t index,
                                                        const char **text, size_t *len);
/** Read a member as raw JSON text, as it stood in the token (not terminated; use the length). @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_claims_get_raw(const assay_claims *claims, const char *name, const char **json,
                                                    size_t *len);
/** Read a text by JSON Pointer. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_claims_get_text_by_pointer(const assay_claims *claims, const char *pointer,
                                                                const char **text, size_t *len);
/** Read any value by JSON Pointer as raw JSON text (not terminated); "" is the whole object. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_claims_get_raw_by_pointer(const assay_claims *claims, const char *pointer,
                                                               const char **json, size_t *len);
/** All claims as one JSON text, written anew from the checked values, so that every reader sees what was checked.
 *  @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_claims_get_json(const assay_claims *claims, const char **json, size_t *len);

ASSAY_END_DECLS

#endif
