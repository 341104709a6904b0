/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_JWS_H
#define ASSAY_JWS_H

#include <assay/error.h>
#include <assay/keyset.h>
#include <assay/types.h>

ASSAY_BEGIN_DECLS

/**
 * @file
 * The signature of a JWS in compact form (RFC 7515), and nothing else.
 *
 * **This does not decide whether a token is acceptable.** No issuer, audience or time is looked at; use
 * assay_validator_validate() for tokens.
 */

/**
 * Check the signature of a JWS and give its payload.
 *
 * The key is the one of the header's `kid`; without `kid`, or where several keys share it, each fitting key is tried, eight
 * at most. `jwk`, `jku`, `x5u` and `x5c` of the header are never used (RFC 8725, section 3.10).
 *
 * @param keyset     [in]  candidate keys
 * @param algorithms [in]  the allowed algorithms, separated by blanks, such as "RS256 ES256"
 * @param jws        [in]  bytes; no terminator needed
 * @param len        [in]  number of bytes
 * @param payload    [out] payload, NULL unless ASSAY_OK; release with assay_bytes_free()
 * @param payload_len [out] its number of bytes
 * @param error      [out] may be NULL
 *
 * @retval ASSAY_OK the signature is right
 * @retval ASSAY_E_CONFIG_ALGORITHM @p algorithms is empty or names an unknown one
 * @retval other a code of the category ASSAY_CATEGORY_TOKEN
 * Threads: any. @since 0.1
 */
ASSAY_API ASSAY_MUST_CHECK int assay_jws_verify(const assay_keyset *keyset, const char *algorithms, const char *jws,
                                                size_t len, uint8_t **payload, size_t *payload_len,
                                                assay_error **error);

/** Tell whether bytes would be an acceptable claims object: one JSON object, no duplicate member, within
 *  the limits. @retval ASSAY_E_PAYLOAD they would not. Threads: any. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_jws_check_claims_object(const uint8_t *payload, size_t len, assay_error **error);

/**
 * Decode a JWS or JWT **without verifying anything**, for people who look at one: header and payload as one JSON text
 * `{"verified":false,"header":…,"payload":…}`. Never decide anything by it.
 *
 * @param json [out] NULL unless ASSAY_OK; terminated; release with assay_bytes_free()
 * @retval ASSAY_E_MALFORMED and its kin, as from a validator; what a header says and the signature are not looked at
 * Threads: any. @since 0.1
 */
ASSAY_API ASSAY_MUST_CHECK int assay_jws_decode_unverified(const char *jws, size_t len, uint8_t **json,
                                                           size_t *json_len, assay_error **error);

/** Wipe and release bytes that a function of this header gave; NULL is allowed. @since 0.1 */
ASSAY_API void assay_bytes_free(uint8_t *bytes, size_t len);

ASSAY_END_DECLS

#endif
