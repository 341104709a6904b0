/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_KEYS_KEY_SET_H
#define ASSAY_KEYS_KEY_SET_H

/* The usable keys of one document, in its order, and what was skipped. */

#include "keys/jwk.h"

typedef struct assay_key_set {
    assay_jwk **keys;
    size_t count;
    char **skipped; /* a sentence each */
    size_t skipped_count;
} assay_key_set;

void assay_key_set_init(assay_key_set *set);
void assay_key_set_clear(assay_key_set *set);

/*
 * Add the keys of a JWK set, or of a single JWK, to a set that may hold some already.
 * ASSAY_OK, also where every key was skipped; ASSAY_E_JWKS where the text is neither (not JSON, no `keys` array, more than ASSAY_LIMIT_KEYS keys),
 * with @p why; ASSAY_E_MEMORY; ASSAY_E_CRYPTO. On failure the set is as before. The size of the text is bounded by ASSAY_LIMIT_JWKS_BYTES.
 */
int assay_key_set_add_json(assay_key_set *set, assay_crypto *crypto, const char *text, size_t len, bool symmetric,
                           char *why, size_t why_size);
/* Another set of the same keys and sentences; the keys are shared. ASSAY_OK, or ASSAY_E_MEMORY with an empty set. */
int assay_key_set_copy(const assay_key_set *from, assay_key_set *to);
/* Add one key (its reference is shared). ASSAY_OK, ASSAY_E_JWKS: full, ASSAY_E_MEMORY. */
int assay_key_set_add(assay_key_set *set, assay_jwk *jwk);

#endif
