/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_KEYSET_H
#define ASSAY_KEYSET_H

#include <assay/error.h>
#include <assay/types.h>

ASSAY_BEGIN_DECLS

/**
 * @file
 * Keys from bytes: a JWK set (RFC 7517, section 5), a single JWK, or a symmetric key.
 *
 * A key that can't be used is skipped and counted with its reason, and never spoils the set: of an unknown
 * kind, too small or too large, malformed, private, or contradicting its own certificate.
 *
 * Threads: one thread builds a key set; once it was given to a validator or to assay_jws_verify() it
 * must not change any more, and any number of threads may read it.
 */

/** Make an empty key set. @param runtime [in] may be NULL; its OpenSSL properties apply to the keys. This call freezes the runtime: its
 *  setters fail from then on with ASSAY_E_FROZEN.
 *  @param keyset [out] release with assay_keyset_unref(). @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_keyset_new(assay_runtime *runtime, assay_keyset **keyset, assay_error **error);
/** Take one more reference. Any thread. @since 0.1 */
ASSAY_API assay_keyset *assay_keyset_ref(assay_keyset *keyset);
/** Give a reference back; NULL is allowed. Any thread. @since 0.1 */
ASSAY_API void assay_keyset_unref(assay_keyset *keyset);

/** Add the public keys of a JWK set or of one JWK. Symmetric keys (`kty` "oct") are skipped: whoever serves one
 *  has published its secret. @retval ASSAY_E_CONFIG_KEYS not a JWK set; the key set is as before. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_keyset_add_json(assay_keyset *keyset, const char *json, size_t len,
                                                     assay_error **error);
/** The same, symmetric keys included: for a file that the caller itself keeps secret. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_keyset_add_json_with_symmetric(assay_keyset *keyset, const char *json, size_t len,
                                                                    assay_error **error);
/** Add one symmetric key for HS256, HS384 or HS512.
 *  @param kid [in] may be NULL; UTF-8 of at most 1024 bytes
 *  @param algorithm [in] the one algorithm the key serves
 *  @param key [in] copied; at least as long as the hash (RFC 7518, section 3.2): 32, 48 or 64 bytes
 *  @retval ASSAY_E_ARGUMENT `kid` is not UTF-8 or too long. @retval ASSAY_E_CONFIG_ALGORITHM not one of the three. @retval ASSAY_E_CONFIG_KEYS too short or too long. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_keyset_add_symmetric(assay_keyset *keyset, const char *kid, const char *algorithm,
                                                          const uint8_t *key, size_t len, assay_error **error);

/** Number of usable keys. @since 0.1 */
ASSAY_API size_t assay_keyset_count(const assay_keyset *keyset);
/** Number of keys that were skipped. @since 0.1 */
ASSAY_API size_t assay_keyset_skipped_count(const assay_keyset *keyset);
/** `kid` of a usable key, escaped and cut for display; "" where it has none, NULL past the end. Borrowed. @since 0.1 */
ASSAY_API const char *assay_keyset_kid(const assay_keyset *keyset, size_t index);
/** Kind and size of a usable key, such as "RSA 2048", "EC P-256", "OKP Ed25519" or "oct 256"; NULL past the end.
 *  Borrowed. @since 0.1 */
ASSAY_API const char *assay_keyset_kind(const assay_keyset *keyset, size_t index);
/** RFC 7638 SHA-256 thumbprint of a usable key in base64url; "" for a symmetric one, whose secret it could give away; NULL past
 *  the end. Borrowed. @since 0.1 */
ASSAY_API const char *assay_keyset_thumbprint(const assay_keyset *keyset, size_t index);
/** Why a key was skipped, one sentence that names its `kid`; NULL past the end. Borrowed. @since 0.1 */
ASSAY_API const char *assay_keyset_skip_reason(const assay_keyset *keyset, size_t index);

ASSAY_END_DECLS

#endif
