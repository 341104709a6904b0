/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_TESTS_MINT_H
#define ASSAY_TESTS_MINT_H

/*
 * Tokens made to the byte: the caller writes header and payload as they shall stand, good or bad, and gets them signed. Everything
 * aborts the test program on failure of its own.
 */

#include <stddef.h>
#include <stdint.h>

typedef struct mint_key mint_key;

/* A new key for an algorithm of RFC 7518, 8037, 8812 or 9864; HS256, HS384, HS512 make a symmetric one of the hash's length. */
mint_key *mint_key_new(const char *algorithm, const char *kid);
void mint_key_free(mint_key *key);
const char *mint_key_algorithm(const mint_key *key);
/* JWK (public; for HS* the secret itself) with kid, alg and use; borrowed. mint_key_bare_jwk() leaves kid, alg and use out. */
const char *mint_key_jwk(const mint_key *key);
const char *mint_key_bare_jwk(const mint_key *key);
/* PEM and DER of the public key; borrowed. */
const char *mint_key_pem(const mint_key *key);
const uint8_t *mint_key_der(const mint_key *key, size_t *len);
/* {"keys":[…]} of several; released with free(). */
char *mint_jwks(mint_key *const *keys, size_t count);

/* base64url(header).base64url(payload).signature; released with free(). @p algorithm signs, whatever the header says. */
char *mint_sign(const mint_key *key, const char *algorithm, const char *header, const char *payload);
char *mint_sign_bytes(const mint_key *key, const char *algorithm, const void *header, size_t header_len,
                      const void *payload, size_t payload_len);
/* With the header {"alg":…,"kid":…,"typ":"JWT"} of the key. */
char *mint_token(const mint_key *key, const char *payload);
/* The signing input is taken as given; "input.signature". */
char *mint_sign_input(const mint_key *key, const char *algorithm, const char *input);
/* HMAC with any bytes as its key. */
char *mint_hmac(const char *algorithm, const void *secret, size_t secret_len, const char *header, const char *payload);
/* base64url; released with free(). */
char *mint_base64url(const void *bytes, size_t len);

#endif
