/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_KEYS_JWK_H
#define ASSAY_KEYS_JWK_H

/* One JWK (RFC 7517, RFC 7518 section 6, RFC 8037), vetted, with its key ready to verify. Immutable, shared by reference count. */

#include "base/text.h"
#include "crypto/verify.h"
#include "json/document.h"

typedef struct assay_jwk {
    assay_verify_key *key;
    char *kid; /* terminated; NULL: has none (an empty one is kept as "") */
    size_t kid_len;
    char *algorithm;        /* its `alg`, or NULL */
    char *issuer;           /* Entra's `issuer` member, or NULL */
    char *cloud;            /* Entra's `cloud_instance_name`, or NULL */
    uint8_t thumbprint[32]; /* RFC 7638, SHA-256 */
    char kind_text[24];     /* "RSA 2048", "EC P-256", "OKP Ed25519", "oct 256" */
    char thumbprint_text[44];
    char kid_shown[101]; /* kid made safe to show, "" for none */
    char *json;          /* the key as a JWK of its own, terminated: kty and its public members, kid, alg, issuer and
                            cloud_instance_name, and nothing else. Reading it gives an equal key. NULL: symmetric */
    size_t json_len;
} assay_jwk;

/* Whether it bears that kid; NULL: any does, and none. */
static inline bool assay_jwk_is_named(const assay_jwk *jwk, const char *kid)
{
    return kid == NULL || (jwk->kid != NULL && strcmp(jwk->kid, kid) == 0);
}

/*
 * Read one JWK.
 * ASSAY_OK; ASSAY_E_CONFIG_KEYS where it can't be used, with @p why a sentence in the caller's buffer of @p why_size bytes; ASSAY_E_MEMORY;
 * ASSAY_E_CRYPTO.
 * Skipped: not an object; `alg`, `issuer` or `cloud_instance_name` not a text; unknown `kty` or `crv`; a member missing, of the wrong type or not decodable; `use` other than "sig"; `key_ops` without
 * "verify"; a private member (`d`, …) in an asymmetric key; "oct" unless @p symmetric; kid not a text, or longer than its limit; x5c that is no array of texts, whose first
 * certificate can't be read or is of another key; x5t or x5t#S256 that contradicts that certificate (without x5c
 * they are not looked at).
 * Tolerated, for n, e, x, y and k: the padded standard base64 spelling beside base64url; for n and e one leading zero octet; for x5t the
 * hexadecimal text of the digest in base64url (Auth0's older keys).
 */
int assay_jwk_read(assay_crypto *crypto, const assay_json *json, bool symmetric, assay_jwk **jwk, char *why,
                   size_t why_size);
/* A symmetric key from bytes; @p kid and @p algorithm may be NULL. Results as above. */
int assay_jwk_new_symmetric(assay_crypto *crypto, const char *kid, const char *algorithm, const uint8_t *bytes,
                            size_t len, assay_jwk **jwk, char *why, size_t why_size);
assay_jwk *assay_jwk_ref(assay_jwk *jwk);
void assay_jwk_unref(assay_jwk *jwk);
ASSAY_DEFINE_CLEANUP(assay_jwk, assay_jwk_unref)

#endif
