/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_TOKEN_ALGORITHM_H
#define ASSAY_TOKEN_ALGORITHM_H

/* The one table of algorithms, and which of them a caller allows. */

#include "base/text.h"
#include "crypto/crypto.h"
#include "crypto/verify.h"
#include "keys/jwk.h"

typedef struct assay_algorithm {
    const char *name; /* value of `alg`, byte by byte */
    assay_scheme scheme[2];
    size_t scheme_count; /* EdDSA stands for two curves, every other name for one scheme */
    bool symmetric;
    assay_digest hash; /* for at_hash and c_hash (OIDC Core, section 3.1.3.6) */
    const char *source;
} assay_algorithm;

/* A set of algorithms: bit i is the i-th of the table. */
typedef uint32_t assay_algorithm_set;

#define ASSAY_ALGORITHM_COUNT 16

/* The i-th algorithm; NULL past the end. */
const assay_algorithm *assay_algorithm_at(size_t index);
/* Index by name, exactly as spelled; -1: no such algorithm ("none" in any spelling is none). */
int assay_algorithm_find(const char *name, size_t len);

/* RS256 and ES256: what nearly every issuer signs with. */
assay_algorithm_set assay_algorithm_default_set(void);
/* Every algorithm that needs a secret key. */
assay_algorithm_set assay_algorithm_symmetric_set(void);
/* Names of a set, separated by blanks, into @p out. */
void assay_algorithm_set_text(assay_algorithm_set set, char *out, size_t size);

/*
 * Which scheme an algorithm means with this key: the key's type, curve and size serve it, and the key's own `alg`, where it has one, is the same (RFC 8725, section 3.1).
 * A key that says EdDSA serves Ed25519 or Ed448 by its curve, and the reverse (RFC 9864). False: they do not fit.
 */
bool assay_algorithm_fits(const assay_algorithm *algorithm, const assay_jwk *jwk, assay_scheme *scheme);

#endif
