/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_KEYS_JWK_PRIVATE_H
#define ASSAY_KEYS_JWK_PRIVATE_H

/* What the files that read one JWK share. */

#include "base/base64url.h"
#include "base/limits.h"
#include "keys/jwk.h"

#include <assay/error.h>

/* The caller's buffer for the sentence that says why a key is skipped. */
typedef struct assay_jwk_why {
    char *text;
    size_t size;
} assay_jwk_why;

/* Write the sentence; returns ASSAY_E_CONFIG_KEYS. Only our own text and names of members, never key material. */
int assay_jwk_skip(assay_jwk_why why, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Bytes of the largest number in a key, and a leading zero octet. */
#define ASSAY_JWK_NUMBER_BYTES (ASSAY_LIMIT_RSA_BITS_MAX / 8 + 1)
/* Characters that can spell them, padding included. */
#define ASSAY_JWK_NUMBER_CHARS ((ASSAY_JWK_NUMBER_BYTES + 2) / 3 * 4)

typedef struct assay_jwk_number {
    uint8_t room[ASSAY_BASE64URL_DECODED(ASSAY_JWK_NUMBER_CHARS)];
    const uint8_t *bytes;
    size_t len;
} assay_jwk_number;

static inline void assay_jwk_number_wipe(assay_jwk_number *number)
{
    assay_wipe(number, sizeof *number);
}

/* Read a text member. *text is {NULL, 0} where it is absent; ASSAY_E_CONFIG_KEYS where it is no text. */
int assay_jwk_read_text(const assay_json *json, const char *name, assay_span *text, assay_jwk_why why);
/* `use` and `key_ops`: the key must be one for verifying signatures (RFC 7517, sections 4.2 and 4.3). */
int assay_jwk_check_purpose(const assay_json *json, assay_jwk_why why);
/* No member of a private or symmetric key. */
int assay_jwk_check_public(const assay_json *json, assay_jwk_why why);
/* Read a number that must be there; @p leading_zero: one leading zero octet is dropped. */
int assay_jwk_read_number(const assay_json *json, const char *name, bool leading_zero, assay_jwk_number *number,
                          assay_jwk_why why);
/* x5c, x5t and x5t#S256 beside the key. */
int assay_jwk_check_certificate(const assay_crypto *crypto, const assay_json *json, const assay_verify_key *key,
                                assay_jwk_why why);

#endif
