/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SUPPORT_VECTORS_H
#define TESTS_SUPPORT_VECTORS_H

/* Counting the cases of a set of vectors, and reading their keys. */

#include <assay/jws.h>

#include <jansson.h>
#include <stdbool.h>

#define VECTORS_REASONS 16

/* A set of vectors and what came out. Each case either ran, or is out of scope for a reason that is counted. */
typedef struct vectors {
    const char *name;
    int ran, passed;
    const char *reason[VECTORS_REASONS];
    int reason_count[VECTORS_REASONS];
    int out_of_scope;
} vectors;

/* One case ran; returns @p passed. */
bool vectors_ran(vectors *set, bool passed);
/* One case is not counted; @p reason is static text without commas and colons. */
void vectors_out_of_scope(vectors *set, const char *reason);
/* Print `vectors: NAME: N ran, N passed, N out of scope (reason: n, reason: n)`, which the summary reads. Returns whether all passed. */
bool vectors_report(const vectors *set);

/* Every algorithm that there is: nothing but the key stands between a token and its acceptance. */
extern const char vectors_all_algorithms[];

/*
 * Keys of a JWK or JWK set as our users would load them: the public members only, since a key with a private member is skipped. Symmetric
 * keys are loaded where there are no others beside them.
 */
assay_keyset *vectors_keys(const json_t *document);
/* The same with the document as it stands. */
assay_keyset *vectors_keys_unchanged(const json_t *document, bool symmetric);
/* Whether a JWK is symmetric. */
bool vectors_is_symmetric(const json_t *jwk);
/* A copy without private members; json_decref() it. */
json_t *vectors_public_jwk(const json_t *jwk);

/* "input.signature"; free() it. */
char *vectors_join(const char *input, const char *signature);

/* ASSAY_OK with every algorithm allowed, or the code of the refusal. @p payload (may be NULL): what the payload must be, terminated. */
int vectors_verify(const assay_keyset *keys, const char *jws, size_t len, const char *payload);

#endif
