/* SPDX-License-Identifier: MIT */
#include "bench.h"

/*
 * liboauth2: its one call, with a key given as JWK and issuer and times demanded. It keeps verified tokens in a cache; an expiry of 0 makes each of them
 * stale at once, so that every call verifies. The audience is compared here, as its version 1.4 leaves that to the caller.
 */

#ifdef BENCH_LIBOAUTH2
#include <jansson.h>
#include <oauth2/cfg.h>
#include <oauth2/log.h>
#include <oauth2/oauth2.h>
#include <oauth2/util.h>
#include <stdlib.h>
#include <string.h>

typedef struct job {
    oauth2_log_t *log;
    oauth2_cfg_token_verify_t *verify;
    const char *token;
} job;

static void run(void *state, size_t count)
{
    const job *j = state;
    for (size_t i = 0; i < count; i++) {
        json_t *claims = NULL;
        bench_must(oauth2_token_verify(j->log, NULL, j->verify, j->token, &claims), "liboauth2 refuses the token");
        const char *audience = json_string_value(json_object_get(claims, "aud"));
        bench_must(audience != NULL && strcmp(audience, BENCH_AUDIENCE) == 0, "liboauth2: audience");
        json_decref(claims);
    }
}

bool bench_liboauth2(const mint_key *key, const char *token, bench_case *made)
{
    /* It is made on cjose, which knows RSA and ECDSA only. */
    if (strcmp(mint_key_algorithm(key), "EdDSA") == 0)
        return false;
    job *j = calloc(1, sizeof *j);
    bench_must(j != NULL, "memory");
    j->token = token;
    j->log = oauth2_init(OAUTH2_LOG_ERROR, NULL);
    char *wrong = oauth2_cfg_token_verify_add_options(j->log, &j->verify, "jwk", mint_key_jwk(key),
                                                      "verify.exp=required&verify.iat=skip&expiry=0");
    made->run = run;
    made->state = j;
    return wrong == NULL;
}
#else
bool bench_liboauth2(const mint_key *key, const char *token, bench_case *made)
{
    (void)key, (void)token, (void)made;
    return false;
}
#endif
