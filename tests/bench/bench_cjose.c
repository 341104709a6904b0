/* SPDX-License-Identifier: MIT */
#include "bench.h"

/* cjose with jansson: import, verify, read the claims and check issuer, audience and expiry, as its users write it by hand. */

#ifdef BENCH_CJOSE
#include <cjose/cjose.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct job {
    cjose_jwk_t *jwk;
    const char *token;
} job;

static bool text_is(const json_t *object, const char *name, const char *text)
{
    const char *value = json_string_value(json_object_get(object, name));
    return value != NULL && strcmp(value, text) == 0;
}

static bool claims_are_good(const uint8_t *payload, size_t len)
{
    json_t *claims = json_loadb((const char *)payload, len, JSON_REJECT_DUPLICATES, NULL);
    time_t now = time(NULL);
    bool good = claims != NULL && text_is(claims, "iss", BENCH_ISSUER) && text_is(claims, "aud", BENCH_AUDIENCE) &&
                json_integer_value(json_object_get(claims, "exp")) > now &&
                json_integer_value(json_object_get(claims, "nbf")) <= now;
    json_decref(claims);
    return good;
}

static void run(void *state, size_t count)
{
    const job *j = state;
    cjose_err problem;
    for (size_t i = 0; i < count; i++) {
        uint8_t *payload = NULL;
        size_t len = 0;
        cjose_jws_t *jws = cjose_jws_import(j->token, strlen(j->token), &problem);
        bench_must(jws != NULL && cjose_jws_verify(jws, j->jwk, &problem) &&
                       cjose_jws_get_plaintext(jws, &payload, &len, &problem) && claims_are_good(payload, len),
                   "cjose refuses the token");
        cjose_jws_release(jws);
    }
}

bool bench_cjose(const mint_key *key, const char *token, bench_case *made)
{
    cjose_err problem;
    const char *jwk = mint_key_jwk(key);
    job *j = calloc(1, sizeof *j);
    bench_must(j != NULL, "memory");
    *j = (job){cjose_jwk_import(jwk, strlen(jwk), &problem), token};
    made->run = run;
    made->state = j;
    return j->jwk != NULL;
}
#else
bool bench_cjose(const mint_key *key, const char *token, bench_case *made)
{
    (void)key, (void)token, (void)made;
    return false;
}
#endif
