/* SPDX-License-Identifier: MIT */
#include "bench.h"

#include "base/base64url.h"
#include "base/limits.h"
#include "json/scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void bench_issuer_name(size_t index, size_t count, char *name, size_t size)
{
    if (index + 1 == count)
        (void)snprintf(name, size, "%s", BENCH_ISSUER);
    else
        (void)snprintf(name, size, "https://login.microsoftonline.com/%08zx-86f1-41af-91ab-2d7cd011db47/v2.0", index);
}

static assay_issuer *make_issuer(const char *name, const char *algorithm, assay_keyset *keys)
{
    assay_issuer *issuer = NULL;
    bench_must(assay_issuer_new(name, &issuer, NULL) == ASSAY_OK &&
                   assay_issuer_add_audience(issuer, BENCH_AUDIENCE, NULL) == ASSAY_OK &&
                   assay_issuer_add_algorithm(issuer, algorithm, NULL) == ASSAY_OK &&
                   assay_issuer_set_keys(issuer, keys, NULL) == ASSAY_OK,
               "issuer");
    return issuer;
}

assay_validator *bench_validator(const mint_key *key, size_t count, size_t kept)
{
    char *jwks = mint_jwks(&(mint_key *){(mint_key *)(uintptr_t)key}, 1);
    assay_keyset *keys = NULL;
    bench_must(assay_keyset_new(NULL, &keys, NULL) == ASSAY_OK &&
                   assay_keyset_add_json(keys, jwks, strlen(jwks), NULL) == ASSAY_OK && assay_keyset_count(keys) == 1,
               "key set");
    free(jwks);
    assay_issuer **issuers = calloc(count, sizeof *issuers);
    bench_must(issuers != NULL, "memory");
    for (size_t i = 0; i < count; i++) {
        char name[128];
        bench_issuer_name(i, count, name, sizeof name);
        issuers[i] = make_issuer(name, mint_key_algorithm(key), keys);
    }
    assay_runtime *runtime = NULL;
    assay_validator *validator = NULL;
    bench_must(assay_runtime_new(&runtime, NULL) == ASSAY_OK &&
                   assay_runtime_set_token_cache(runtime, kept, NULL) == ASSAY_OK &&
                   assay_validator_new(runtime, issuers, count, &validator, NULL) == ASSAY_OK,
               "validator");
    assay_runtime_unref(runtime);
    for (size_t i = 0; i < count; i++)
        assay_issuer_free(issuers[i]);
    free(issuers);
    assay_keyset_unref(keys);
    return validator;
}

typedef struct check {
    assay_validator *validator;
    char *const *tokens;
    size_t *lens;
    size_t count;
    int expected;
} check;

static void run_check(void *state, size_t count)
{
    const check *c = state;
    for (size_t i = 0, at = 0; i < count; i++) {
        assay_claims *claims = NULL;
        int code = assay_validator_check(c->validator, c->tokens[at], c->lens[at], NULL, &claims, NULL);
        if (code != c->expected)
            (void)fprintf(stderr, "bench: %s instead of %s\n", assay_code_name(code), assay_code_name(c->expected));
        bench_must(code == c->expected, "not the answer that was expected");
        assay_claims_unref(claims);
        at = at + 1 == c->count ? 0 : at + 1;
    }
}

void bench_check(assay_validator *validator, char *const *tokens, size_t count, int expected, bench_case *made)
{
    check *c = calloc(1, sizeof *c);
    size_t *lens = calloc(count, sizeof *lens);
    bench_must(c != NULL && lens != NULL, "memory");
    for (size_t i = 0; i < count; i++)
        lens[i] = strlen(tokens[i]);
    *c = (check){validator, tokens, lens, count, expected};
    made->run = run_check;
    made->state = c;
}

static void check_one(const mint_key *key, const char *token, size_t kept, bench_case *made)
{
    char **tokens = calloc(1, sizeof *tokens);
    bench_must(tokens != NULL, "memory");
    tokens[0] = strdup(token);
    bench_check(bench_validator(key, 1, kept), tokens, 1, ASSAY_OK, made);
}

void bench_assay(const mint_key *key, const char *token, bench_case *made)
{
    check_one(key, token, 0, made);
}

void bench_cached(const mint_key *key, const char *token, bench_case *made)
{
    check_one(key, token, 512, made);
}

static void run_scan(void *state, size_t count)
{
    const char *payload = state;
    size_t len = strlen(payload);
    assay_json_member members[ASSAY_LIMIT_JSON_MEMBERS];
    assay_json_object object;
    for (size_t i = 0; i < count; i++)
        bench_must(assay_json_scan(payload, len, members, ASSAY_LIMIT_JSON_MEMBERS, &object) == ASSAY_JSON_OK, "scan");
}

void bench_scan(const char *payload, bench_case *made)
{
    made->run = run_scan;
    made->state = (char *)(uintptr_t)payload;
}

static void run_base64url(void *state, size_t count)
{
    const char *token = state;
    const char *payload = strchr(token, '.') + 1;
    size_t len = (size_t)(strchr(payload, '.') - payload), decoded;
    uint8_t *out = malloc(ASSAY_BASE64URL_DECODED(len));
    bench_must(out != NULL, "memory");
    for (size_t i = 0; i < count; i++)
        bench_must(assay_base64url_decode(payload, len, out, &decoded), "base64url");
    free(out);
}

void bench_base64url(const char *token, bench_case *made)
{
    made->run = run_base64url;
    made->state = (char *)(uintptr_t)token;
}
