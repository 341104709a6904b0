/* SPDX-License-Identifier: MIT */

/*
 * cjose as a second opinion: what we accept it accepts with the same payload, and what it signs we accept. The reverse does not hold and is not asked for:
 * cjose accepts tokens that nobody should.
 */

#include "support/mint.h"
#include "support/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#if defined(__has_include)
#if __has_include(<cjose/cjose.h>)
#include <cjose/cjose.h>
#define HAVE_CJOSE 1
#endif
#endif

#ifdef HAVE_CJOSE

/* Tokens of each algorithm. */
#define ROUNDS 40

static const char *const algorithms[] = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512",
                                         "ES256", "ES384", "ES512", "HS256", "HS384", "HS512"};
#define ALGORITHMS (sizeof algorithms / sizeof algorithms[0])

static cjose_err problem;

static bool cjose_accepts(const cjose_jwk_t *key, const char *token, const char *payload)
{
    cjose_jws_t *jws = cjose_jws_import(token, strlen(token), &problem);
    uint8_t *found = NULL;
    size_t len = 0;
    bool accepted = jws != NULL && cjose_jws_verify(jws, key, &problem) &&
                    cjose_jws_get_plaintext(jws, &found, &len, &problem) && len == strlen(payload) &&
                    memcmp(found, payload, len) == 0;
    cjose_jws_release(jws);
    return accepted;
}

static assay_keyset *load(const char *jwk)
{
    assay_keyset *keys = NULL;
    assert_int_equal(assay_keyset_new(NULL, &keys, NULL), ASSAY_OK);
    assert_int_equal(assay_keyset_add_json_with_symmetric(keys, jwk, strlen(jwk), NULL), ASSAY_OK);
    assert_int_equal(assay_keyset_count(keys), 1);
    return keys;
}

/* A payload of its own for each round, so that lengths vary. */
static void write_payload(char *payload, size_t size, int round)
{
    snprintf(payload, size, "{\"sub\":\"%.*s\",\"exp\":%d}", round,
             "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz", 1700000000 + round);
}

static void ours_by_cjose(const char *algorithm, vectors *set)
{
    mint_key *key = mint_key_new(algorithm, "key-1");
    const char *jwk = mint_key_jwk(key);
    cjose_jwk_t *theirs = cjose_jwk_import(jwk, strlen(jwk), &problem);
    assay_keyset *keys = load(jwk);
    assert_non_null(theirs);
    for (int round = 0; round < ROUNDS; round++) {
        char payload[160];
        write_payload(payload, sizeof payload, round);
        char *token = mint_token(key, payload);
        bool accepted = vectors_verify(keys, token, strlen(token), payload) == ASSAY_OK;
        if (!vectors_ran(set, accepted && cjose_accepts(theirs, token, payload)))
            print_error("%s: %s by us, refused by cjose or by both: %s\n", algorithm, accepted ? "accepted" : "refused",
                        token);
        free(token);
    }
    cjose_jwk_release(theirs);
    assay_keyset_unref(keys);
    mint_key_free(key);
}

static cjose_jwk_t *new_key(const char *algorithm)
{
    static const uint8_t exponent[] = {1, 0, 1};
    size_t bits = (size_t)strtoul(algorithm + 2, NULL, 10);
    switch (algorithm[0]) {
    case 'H':
        return cjose_jwk_create_oct_random(bits, &problem);
    case 'E':
        return cjose_jwk_create_EC_random(bits == 256   ? CJOSE_JWK_EC_P_256
                                          : bits == 384 ? CJOSE_JWK_EC_P_384
                                                        : CJOSE_JWK_EC_P_521,
                                          &problem);
    default:
        return cjose_jwk_create_RSA_random(2048, exponent, sizeof exponent, &problem);
    }
}

static void theirs_by_us(const char *algorithm, vectors *set)
{
    cjose_jwk_t *key = new_key(algorithm);
    assert_non_null(key);
    char *jwk = cjose_jwk_to_json(key, algorithm[0] == 'H', &problem);
    assert_non_null(jwk);
    assay_keyset *keys = load(jwk);
    for (int round = 0; round < ROUNDS; round++) {
        char payload[160];
        write_payload(payload, sizeof payload, round);
        cjose_header_t *header = cjose_header_new(&problem);
        assert_true(header != NULL && cjose_header_set(header, CJOSE_HDR_ALG, algorithm, &problem));
        cjose_jws_t *jws = cjose_jws_sign(key, header, (const uint8_t *)payload, strlen(payload), &problem);
        const char *token = NULL;
        assert_true(jws != NULL && cjose_jws_export(jws, &token, &problem));
        int code = vectors_verify(keys, token, strlen(token), payload);
        if (!vectors_ran(set, code == ASSAY_OK))
            print_error("%s: %s: %s\n", algorithm, assay_code_name(code), token);
        cjose_jws_release(jws);
        cjose_header_release(header);
    }
    cjose_get_dealloc()(jwk);
    cjose_jwk_release(key);
    assay_keyset_unref(keys);
}

static void each_algorithm(void **state)
{
    (void)state;
    vectors ours = {.name = "our tokens by cjose"}, theirs = {.name = "tokens of cjose by us"};
    for (size_t i = 0; i < ALGORITHMS; i++) {
        ours_by_cjose(algorithms[i], &ours);
        theirs_by_us(algorithms[i], &theirs);
    }
    /* cjose has neither ES256K nor EdDSA. */
    for (const char *const *name = (const char *const[]){"ES256K", "EdDSA", "Ed25519", "Ed448", NULL}; *name; name++)
        vectors_out_of_scope(&ours, "algorithm that cjose lacks");
    bool all = vectors_report(&ours);
    assert_true(vectors_report(&theirs) && all);
}

#else

static void each_algorithm(void **state)
{
    (void)state;
    print_message("skipped: built without cjose\n");
    skip();
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_algorithm)};
    return cmocka_run_group_tests_name("cjose_oracle", tests, NULL, NULL);
}
