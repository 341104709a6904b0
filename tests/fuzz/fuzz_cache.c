/* SPDX-License-Identifier: MIT */

/*
 * A validator that keeps tokens against one that does not: whatever happens in whatever order, both say the same of each token. The first byte is the size of the
 * cache; each other one is a move: its low four bits say which, its high four with what.
 */

#include "fuzz/token_keys.h"

#include <assay/assay.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition) ((condition) ? (void)0 : die(#condition, __LINE__))

/* Of the keys of token_keys.h: RS256, PS384, ES256, Ed25519. For each token there is one with another signature, and one without a payload. */
enum { KEYS = 4, TOKENS = 3 * KEYS, MOST_MOVES = 400 };
#define ISSUER "https://a.example"
#define EXP 1700003600

static const size_t picked[KEYS] = {0, 1, 2, 4};
static const char *const kids[KEYS] = {"a", "b", "c", "e"};

static char tokens[TOKENS][2048];
static assay_keyset *single[KEYS], *renamed[KEYS],
    *widened[KEYS]; /* one key: as it is; under the next one's kid; without `alg` */
static assay_keyset *subsets[16];
static assay_issuer *issuer;
static assay_validator *keeping, *plain;
static int64_t wall_now, steady_ms;
static uint64_t all_hits; /* of all runs */

uint64_t fuzz_cache_hits(void);

/* A run without hits would prove nothing. */
uint64_t fuzz_cache_hits(void)
{
    return all_hits;
}

static void die(const char *condition, int line)
{
    fprintf(stderr, "fuzz_cache.c:%d: %s\n", line, condition);
    abort();
}

static int64_t wall(void *user_data)
{
    (void)user_data;
    return wall_now;
}

static int64_t steady(void *user_data)
{
    (void)user_data;
    return steady_ms;
}

/* The JWK of a kid, with another kid or without `alg`. */
static void write_jwk(const char *kid, const char *new_kid, bool with_algorithm, char *out, size_t size)
{
    char mark[16];
    snprintf(mark, sizeof mark, "\"kid\":\"%s\"", kid);
    const char *at = strstr(fuzz_token_keys, mark), *begin = at;
    MUST(at != NULL);
    while (*begin != '{')
        begin--;
    const char *algorithm = strstr(at, "\"alg\":\"") + 7;
    int len = (int)(strchr(algorithm, '"') - algorithm);
    if (with_algorithm)
        snprintf(out, size, "%.*s\"kid\":\"%s\",\"alg\":\"%.*s\"}", (int)(at - begin), begin, new_kid, len, algorithm);
    else
        snprintf(out, size, "%.*s\"kid\":\"%s\"}", (int)(at - begin), begin, new_kid);
}

static assay_keyset *set_of(const char *jwk)
{
    assay_keyset *made = NULL;
    MUST(assay_keyset_new(NULL, &made, NULL) == ASSAY_OK);
    MUST(jwk == NULL || assay_keyset_add_json(made, jwk, strlen(jwk), NULL) == ASSAY_OK);
    return made;
}

static void prepare_keys(void)
{
    char jwks[KEYS][2048], jwk[2048];
    for (size_t i = 0; i < KEYS; i++) {
        write_jwk(kids[i], kids[i], true, jwks[i], sizeof jwks[i]);
        single[i] = set_of(jwks[i]);
        write_jwk(kids[i], kids[(i + 1) % KEYS], true, jwk, sizeof jwk);
        renamed[i] = set_of(jwk);
        write_jwk(kids[i], kids[i], false, jwk, sizeof jwk);
        widened[i] = set_of(jwk);
    }
    for (size_t subset = 0; subset < 16; subset++) {
        subsets[subset] = set_of(NULL);
        for (size_t i = 0; i < KEYS; i++)
            if ((subset >> i & 1) != 0)
                MUST(assay_keyset_add_json(subsets[subset], jwks[i], strlen(jwks[i]), NULL) == ASSAY_OK);
    }
}

static void prepare(void)
{
    prepare_keys();
    for (size_t i = 0; i < KEYS; i++) {
        const char *good = fuzz_token_good[picked[i]];
        snprintf(tokens[i], sizeof tokens[i], "%s", good);
        snprintf(tokens[KEYS + i], sizeof tokens[i], "%s", good);
        char *signature = strrchr(tokens[KEYS + i], '.') + 30;
        *signature = *signature == 'A' ? 'B' : 'A';
        snprintf(tokens[2 * KEYS + i], sizeof tokens[i], "%.*s.%s", (int)(strchr(good, '.') - good), good,
                 strrchr(good, '.') + 1); /* a segment is missing */
    }
    MUST(assay_issuer_new(ISSUER, &issuer, NULL) == ASSAY_OK);
    MUST(assay_issuer_add_audience(issuer, "api", NULL) == ASSAY_OK);
    static const char *const algorithms[] = {"RS256", "PS384", "ES256", "EdDSA"};
    for (size_t i = 0; i < KEYS; i++)
        MUST(assay_issuer_add_algorithm(issuer, algorithms[i], NULL) == ASSAY_OK);
}

static assay_validator *make(size_t entries)
{
    assay_runtime *runtime = NULL;
    assay_validator *made = NULL;
    MUST(assay_runtime_new(&runtime, NULL) == ASSAY_OK);
    MUST(assay_runtime_set_clock(runtime, wall, steady, NULL, NULL, NULL) == ASSAY_OK);
    MUST(assay_runtime_set_token_cache(runtime, entries, NULL) == ASSAY_OK);
    MUST(assay_validator_new(runtime, &issuer, 1, &made, NULL) == ASSAY_OK);
    assay_runtime_unref(runtime);
    return made;
}

static int check(assay_validator *validator, const char *token, assay_claims **claims)
{
    int code = assay_validator_check(validator, token, strlen(token), NULL, claims, NULL);
    MUST((code == ASSAY_OK) == (*claims != NULL));
    return code;
}

static void validate(size_t which)
{
    assay_claims *ours = NULL, *theirs = NULL;
    const char *token = tokens[which % TOKENS];
    int code = check(keeping, token, &ours);
    MUST(code == check(plain, token, &theirs));
    MUST(code != ASSAY_OK || which < KEYS);
    if (code == ASSAY_OK)
        MUST(strcmp(assay_claims_kid(ours), kids[which]) == 0 && strcmp(assay_claims_subject(ours), "u") == 0 &&
             assay_claims_expiry(ours) == EXP &&
             strcmp(assay_claims_algorithm(ours), assay_claims_algorithm(theirs)) == 0);
    assay_claims_unref(ours);
    assay_claims_unref(theirs);
}

static void push(const assay_keyset *set)
{
    int code = assay_validator_push_keys(keeping, ISSUER, set, NULL);
    MUST(code == assay_validator_push_keys(plain, ISSUER, set, NULL));
}

static void purge(const char *kid)
{
    int code = assay_validator_purge(keeping, ISSUER, kid, NULL);
    MUST(code == assay_validator_purge(plain, ISSUER, kid, NULL));
}

static void move(uint8_t byte)
{
    static const int64_t wall_steps[16] = {1,    -1,    59,   -59,   60,   -60,   61,     -61,
                                           3599, -3599, 3600, -3600, 3660, -3660, 100000, -100000};
    static const int64_t steady_steps[16] = {1,       999,     1000,     60000,    299999,   300000,   3599999, 3600000,
                                             3600001, 7200000, 40000000, 86399999, 86400000, 86400001, 0,       500};
    size_t with = byte >> 4;
    switch (byte & 15) {
    case 0:
    case 1:
        wall_now += wall_steps[with];
        break;
    case 2:
        wall_now = EXP + 56 + (int64_t)with; /* about the last second of each token */
        break;
    case 3:
        steady_ms += steady_steps[with];
        break;
    case 4:
    case 5:
        push(subsets[with]);
        break;
    case 6:
        push(with < KEYS ? single[with] : with < 2 * KEYS ? renamed[with - KEYS] : widened[with % KEYS]);
        break;
    case 7:
        if (with < KEYS)
            purge(kids[with]);
        else if (with == KEYS)
            purge(NULL);
        break;
    default:
        validate(with < TOKENS ? with : with - TOKENS);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t sizes[] = {1, 2, 3, 8, 64};
    uint64_t hits = 0;
    if (issuer == NULL)
        prepare();
    if (size == 0)
        return 0;
    wall_now = EXP - 3600;
    steady_ms = 1;
    keeping = make(sizes[data[0] % (sizeof sizes / sizeof *sizes)]);
    plain = make(0);
    push(subsets[15]);
    for (size_t i = 1; i < size && i < MOST_MOVES; i++)
        move(data[i]);
    MUST(assay_validator_get_stat(keeping, NULL, ASSAY_STAT_CACHE_HITS, &hits) == ASSAY_OK);
    all_hits += hits;
    assay_validator_unref(keeping);
    assay_validator_unref(plain);
    return 0;
}
