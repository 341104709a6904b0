/* SPDX-License-Identifier: MIT */
#include "keeping.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

struct keeping keeping;

static int64_t wall(void *data)
{
    (void)data;
    return keeping.wall_now;
}

static int64_t steady(void *data)
{
    (void)data;
    return keeping.steady_ms;
}

static assay_runtime *new_runtime(size_t entries)
{
    assay_runtime *made = NULL;
    must_ok(assay_runtime_new(&made, NULL));
    must_ok(assay_runtime_set_clock(made, wall, steady, NULL, NULL, NULL));
    must_ok(assay_runtime_set_token_cache(made, entries, NULL));
    return made;
}

static assay_issuer *new_issuer(const char *url)
{
    assay_issuer *made = NULL;
    must_ok(assay_issuer_new(url, &made, NULL));
    must_ok(assay_issuer_add_audience(made, TRIAL_AUDIENCE, NULL));
    must_ok(assay_issuer_add_algorithm(made, "ES256", NULL));
    return made;
}

void keeping_push_jwks(const char *url, const char *jwks)
{
    assay_keyset *set = NULL;
    must_ok(assay_keyset_new(NULL, &set, NULL));
    must_ok(assay_keyset_add_json(set, jwks, strlen(jwks), NULL));
    must_ok(assay_validator_push_keys(keeping.validator, url, set, NULL));
    assay_keyset_unref(set);
}

void keeping_push(const char *url, mint_key *const *which, size_t count)
{
    char *jwks = mint_jwks(which, count);
    keeping_push_jwks(url, jwks);
    free(jwks);
}

void keeping_start(size_t entries)
{
    assay_issuer *const both[] = {keeping.issuer, keeping.other};
    keeping.runtime = new_runtime(entries);
    must_ok(assay_validator_new(keeping.runtime, both, 2, &keeping.validator, NULL));
    keeping_push(TRIAL_ISSUER, keeping.keys, 1);
    keeping_push(KEEPING_OTHER, keeping.keys, 1);
}

void keeping_stop(void)
{
    assay_validator_unref(keeping.validator);
    assay_runtime_unref(keeping.runtime);
}

int keeping_open(void **state)
{
    (void)state;
    keeping.wall_now = TRIAL_NOW;
    keeping.steady_ms = 1000000;
    keeping.keys[0] = mint_key_new("ES256", "a");
    keeping.keys[1] = mint_key_new("ES256", "b");
    keeping.keys[2] = mint_key_new("ES256", "a");
    keeping.issuer = new_issuer(TRIAL_ISSUER);
    keeping.other = new_issuer(KEEPING_OTHER);
    keeping.token = mint_token(keeping.keys[0], KEEPING_CLAIMS(""));
    keeping_start(16);
    return 0;
}

int keeping_close(void **state)
{
    (void)state;
    keeping_stop();
    assay_issuer_free(keeping.issuer);
    assay_issuer_free(keeping.other);
    for (size_t i = 0; i < 3; i++)
        mint_key_free(keeping.keys[i]);
    free(keeping.token);
    return 0;
}

assay_claims *keeping_check(const char *text, size_t len, const assay_request *request, int expected)
{
    assay_claims *claims = NULL;
    assay_error *error = NULL;
    int code = assay_validator_check(keeping.validator, text, len, request, &claims, &error);
    if (code != expected)
        print_error("%s (%s) instead of %s\n", assay_code_name(code), assay_error_message(error),
                    assay_code_name(expected));
    assert_int_equal(code, expected);
    assert_int_equal(claims != NULL, code == ASSAY_OK);
    assert_int_equal(assay_error_code(error), code);
    assay_error_free(error);
    return claims;
}

assay_claims *keeping_take(const char *text)
{
    return keeping_check(text, strlen(text), NULL, ASSAY_OK);
}

void keeping_answer(const char *text, int expected)
{
    assay_claims_unref(keeping_check(text, strlen(text), NULL, expected));
}

uint64_t keeping_hits_of(const char *url)
{
    uint64_t hits = 99;
    must_ok(assay_validator_get_stat(keeping.validator, url, ASSAY_STAT_CACHE_HITS, &hits));
    return hits;
}

uint64_t keeping_hits(void)
{
    return keeping_hits_of(NULL);
}

/* It is accepted, and whether from the cache is as said. */
void keeping_accepts(const char *text, bool from_cache)
{
    uint64_t before = keeping_hits();
    keeping_answer(text, ASSAY_OK);
    assert_int_equal(keeping_hits() - before, from_cache);
}

void keeping_refuses(const char *text, int code)
{
    uint64_t before = keeping_hits();
    keeping_answer(text, code);
    assert_int_equal(keeping_hits(), before);
}

/* Accepted twice: the second time from the cache. */
void keeping_remembers(const char *text)
{
    keeping_accepts(text, false);
    keeping_accepts(text, true);
}
