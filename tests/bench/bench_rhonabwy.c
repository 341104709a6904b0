/* SPDX-License-Identifier: MIT */
#include "bench.h"

/* rhonabwy (on GnuTLS): parse, verify with a key imported once, and its own check of the claims. */

#ifdef BENCH_RHONABWY
#include <rhonabwy.h>
#include <stdlib.h>

typedef struct job {
    jwk_t *jwk;
    const char *token;
} job;

static void run(void *state, size_t count)
{
    const job *j = state;
    for (size_t i = 0; i < count; i++) {
        jwt_t *jwt = NULL;
        bench_must(r_jwt_init(&jwt) == RHN_OK && r_jwt_parse(jwt, j->token, R_FLAG_IGNORE_REMOTE) == RHN_OK &&
                       r_jwt_verify_signature(jwt, j->jwk, R_FLAG_IGNORE_REMOTE) == RHN_OK &&
                       r_jwt_validate_claims(jwt, R_JWT_CLAIM_ISS, BENCH_ISSUER, R_JWT_CLAIM_AUD, BENCH_AUDIENCE,
                                             R_JWT_CLAIM_EXP, R_JWT_CLAIM_NOW, R_JWT_CLAIM_NBF, R_JWT_CLAIM_NOW,
                                             R_JWT_CLAIM_NOP) == RHN_OK,
                   "rhonabwy refuses the token");
        r_jwt_free(jwt);
    }
}

bool bench_rhonabwy(const mint_key *key, const char *token, bench_case *made)
{
    job *j = calloc(1, sizeof *j);
    bench_must(j != NULL && r_global_init() == RHN_OK && r_jwk_init(&j->jwk) == RHN_OK, "rhonabwy");
    j->token = token;
    made->run = run;
    made->state = j;
    return r_jwk_import_from_json_str(j->jwk, mint_key_jwk(key)) == RHN_OK;
}
#else
bool bench_rhonabwy(const mint_key *key, const char *token, bench_case *made)
{
    (void)key, (void)token, (void)made;
    return false;
}
#endif
