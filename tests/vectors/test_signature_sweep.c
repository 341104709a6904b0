/* SPDX-License-Identifier: MIT */

/*
 * For each algorithm a good token, and everything near it: each bit of the signature flipped, each truncation, each extension by a byte, each
 * bit of header, payload and text. None is accepted, and each is refused as a token, not by some accident.
 */

#include "base/base64url.h"
#include "support/mint.h"

#include <assay/validator.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW 1700000100
#define ISSUER "https://issuer.example"
#define PAYLOAD                                                                                                        \
    "{\"iss\":\"" ISSUER "\",\"sub\":\"user-1\",\"aud\":\"api://default\",\"iat\":1700000000,\"exp\":1700003600}"

static const char *const algorithms[] = {"RS256", "RS384",  "RS512", "PS256",   "PS384", "PS512", "ES256", "ES384",
                                         "ES512", "ES256K", "EdDSA", "Ed25519", "Ed448", "HS256", "HS384", "HS512"};
#define ALGORITHMS (sizeof algorithms / sizeof algorithms[0])

/* One algorithm's token, taken apart. */
typedef struct sweep {
    assay_validator *validator;
    char *token;
    size_t len;
    uint8_t *part[3]; /* decoded */
    size_t part_len[3];
    long tried;
} sweep;

static int64_t fixed_wall(void *user_data)
{
    (void)user_data;
    return NOW;
}

static int64_t fixed_steady(void *user_data)
{
    (void)user_data;
    return 0;
}

static assay_validator *make_validator(const mint_key *key)
{
    assay_runtime *runtime = NULL;
    assay_keyset *keys = NULL;
    assay_issuer *issuer = NULL;
    assay_validator *validator = NULL;
    const char *jwk = mint_key_jwk(key);
    assert_int_equal(assay_runtime_new(&runtime, NULL), ASSAY_OK);
    assert_int_equal(assay_runtime_set_clock(runtime, fixed_wall, fixed_steady, NULL, NULL, NULL), ASSAY_OK);
    assert_int_equal(assay_keyset_new(runtime, &keys, NULL), ASSAY_OK);
    assert_int_equal(assay_keyset_add_json_with_symmetric(keys, jwk, strlen(jwk), NULL), ASSAY_OK);
    /* A secret beside it, since HS256 and its kin can't be allowed without one. */
    static const uint8_t secret[64] = {7};
    assert_int_equal(assay_keyset_add_symmetric(keys, "other", "HS512", secret, sizeof secret, NULL), ASSAY_OK);
    assert_int_equal(assay_keyset_count(keys), 2);
    assert_int_equal(assay_issuer_new(ISSUER, &issuer, NULL), ASSAY_OK);
    assert_int_equal(assay_issuer_add_audience(issuer, "api://default", NULL), ASSAY_OK);
    /* All of them, so that only the key and the signature stand in the way. */
    for (size_t i = 0; i < ALGORITHMS; i++)
        assert_int_equal(assay_issuer_add_algorithm(issuer, algorithms[i], NULL), ASSAY_OK);
    assert_int_equal(assay_issuer_set_keys(issuer, keys, NULL), ASSAY_OK);
    assert_int_equal(assay_validator_new(runtime, &issuer, 1, &validator, NULL), ASSAY_OK);
    assay_issuer_free(issuer);
    assay_keyset_unref(keys);
    assay_runtime_unref(runtime);
    return validator;
}

static int check(sweep *s, const char *token, size_t len)
{
    assay_claims *claims = NULL;
    int code = assay_validator_check(s->validator, token, len, NULL, &claims, NULL);
    assert_true((code == ASSAY_OK) == (claims != NULL));
    assay_claims_unref(claims);
    s->tried++;
    return code;
}

static void refuse(sweep *s, const char *token, size_t len, const char *what, size_t at)
{
    int code = check(s, token, len);
    if (assay_code_category(code) != ASSAY_CATEGORY_TOKEN)
        fail_msg("%s %zu: %s\n%.*s", what, at, assay_code_name(code), (int)len, token);
}

/* The token with other bytes in one of its parts. */
static void refuse_part(sweep *s, size_t part, const uint8_t *bytes, size_t len, const char *what, size_t at)
{
    static char token[65536];
    size_t used = 0;
    for (size_t i = 0; i < 3; i++) {
        if (i > 0)
            token[used++] = '.';
        size_t part_len = i == part ? len : s->part_len[i];
        assert_true(used + ASSAY_BASE64URL_ENCODED(part_len) + 2 < sizeof token);
        assay_base64url_encode(i == part ? bytes : s->part[i], part_len, token + used);
        used += ASSAY_BASE64URL_ENCODED(part_len);
    }
    refuse(s, token, used, what, at);
}

static void flip_part(sweep *s, size_t part, const char *what)
{
    for (size_t bit = 0; bit < 8 * s->part_len[part]; bit++) {
        s->part[part][bit / 8] ^= (uint8_t)(1u << (bit % 8));
        refuse_part(s, part, s->part[part], s->part_len[part], what, bit);
        s->part[part][bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
}

/* A signature of any other length is wrong, leading and trailing bytes of every value included. */
static void change_length(sweep *s)
{
    uint8_t longer[2048];
    size_t len = s->part_len[2];
    assert_true(len + 1 < sizeof longer);
    for (size_t cut = 0; cut < len; cut++) {
        refuse_part(s, 2, s->part[2], cut, "signature cut to", cut);
        refuse_part(s, 2, s->part[2] + len - cut, cut, "signature cut to its last", cut);
    }
    for (unsigned byte = 0; byte < 256; byte++) {
        memcpy(longer, s->part[2], len);
        longer[len] = (uint8_t)byte;
        refuse_part(s, 2, longer, len + 1, "signature and byte", byte);
        memcpy(longer + 1, s->part[2], len);
        longer[0] = (uint8_t)byte;
        refuse_part(s, 2, longer, len + 1, "before the signature byte", byte);
    }
}

static void change_text(sweep *s)
{
    for (size_t cut = 0; cut < s->len; cut++)
        refuse(s, s->token, cut, "token cut to", cut);
    for (size_t bit = 0; bit < 8 * s->len; bit++) {
        s->token[bit / 8] = (char)(s->token[bit / 8] ^ (1 << (bit % 8)));
        refuse(s, s->token, s->len, "token bit", bit);
        s->token[bit / 8] = (char)(s->token[bit / 8] ^ (1 << (bit % 8)));
    }
    char *longer = malloc(s->len + 1);
    assert_non_null(longer);
    memcpy(longer, s->token, s->len);
    for (unsigned byte = 0; byte < 256; byte++) {
        longer[s->len] = (char)byte;
        refuse(s, longer, s->len + 1, "token and byte", byte);
    }
    free(longer);
}

static void take_apart(sweep *s)
{
    const char *at = s->token;
    for (size_t i = 0; i < 3; i++) {
        size_t len = strcspn(at, ".");
        s->part[i] = malloc(ASSAY_BASE64URL_DECODED(len));
        assert_non_null(s->part[i]);
        assert_true(assay_base64url_decode(at, len, s->part[i], &s->part_len[i]));
        at += len + 1;
    }
}

static void sweep_algorithm(void **state)
{
    const char *algorithm = *state;
    sweep s = {0};
    mint_key *key = mint_key_new(algorithm, "key-1");
    s.validator = make_validator(key);
    s.token = mint_token(key, PAYLOAD);
    s.len = strlen(s.token);
    take_apart(&s);
    assert_int_equal(check(&s, s.token, s.len), ASSAY_OK);
    flip_part(&s, 0, "header bit");
    flip_part(&s, 1, "payload bit");
    flip_part(&s, 2, "signature bit");
    change_length(&s);
    change_text(&s);
    assert_int_equal(check(&s, s.token, s.len), ASSAY_OK);
    print_message("%s: %ld tokens near a good one, all refused\n", algorithm, s.tried - 2);
    for (size_t i = 0; i < 3; i++)
        free(s.part[i]);
    free(s.token);
    assay_validator_unref(s.validator);
    mint_key_free(key);
}

int main(void)
{
    struct CMUnitTest tests[ALGORITHMS];
    for (size_t i = 0; i < ALGORITHMS; i++) {
        tests[i] = (struct CMUnitTest){
            .name = algorithms[i], .test_func = sweep_algorithm, .initial_state = (void *)(uintptr_t)algorithms[i]};
    }
    return cmocka_run_group_tests_name("signature_sweep", tests, NULL, NULL);
}
