/* SPDX-License-Identifier: MIT */
/* Each limit of docs/limits.md that tokens or configuration reach, at n-1, n and n+1. Numbers stand here as written there: a changed limit shows. */
#include "support/trial.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char good[] = TRIAL_CLAIMS("");

/* The limits of a token's own length, kid and depth: test_envelope.c (T43), and the attacks 33 and 44. */

static void header_bytes(void **state)
{
    (void)state;
    trial t;
    trial_open(&t, "ES256");
    for (size_t len = 16383; len <= 16385; len++) {
        char *pad = trial_repeat("x", len - strlen(TRIAL_HEADER("ES256", ",\"x\":\"\"")));
        char *header = trial_format(TRIAL_HEADER("ES256", ",\"x\":\"%s\""), pad);
        assert_int_equal(strlen(header), len);
        char *token = trial_token(&t, header, good);
        if (len <= 16384)
            trial_accept(&t, token);
        else
            trial_refuse(&t, token, ASSAY_E_HEADER);
        free(pad);
        free(header);
    }
    trial_close(&t);
}

/* So many members `"m0":0,` and the like, nested in one object or not. */
static char *make_members(size_t count)
{
    char *text = calloc(count + 1, 12);
    assert_non_null(text);
    size_t used = 0;
    for (size_t i = 0; i < count; i++)
        used += (size_t)sprintf(text + used, ",\"m%zu\":0", i);
    return text;
}

static void members(void **state)
{
    (void)state;
    trial t;
    trial_open(&t, "ES256");
    for (size_t count = 1023; count <= 1025; count++) {
        int code = count <= 1024 ? ASSAY_OK : ASSAY_E_PAYLOAD;
        char *flat = make_members(count - 5), *nested = make_members(count - 7); /* five of the claims */
        char *payloads[] = {trial_format(TRIAL_CLAIMS("%s"), flat),
                            trial_format(TRIAL_CLAIMS(",\"o\":[{\"p\":0%s}]"), nested)};
        for (size_t i = 0; i < 2; i++) {
            if (code == ASSAY_OK)
                trial_accept_payload(&t, payloads[i]);
            else
                trial_refuse_payload(&t, payloads[i], code);
            free(payloads[i]);
        }
        free(flat);
        free(nested);
    }
    trial_close(&t);
}

static void header_members(void **state)
{
    (void)state;
    trial t;
    trial_open(&t, "ES256");
    for (size_t count = 63; count <= 65; count++) {
        char *more = make_members(count - 3), *header = trial_format(TRIAL_HEADER("ES256", "%s"), more);
        char *token = trial_token(&t, header, good);
        if (count <= 64)
            trial_accept(&t, token);
        else
            trial_refuse(&t, token, ASSAY_E_HEADER);
        free(more);
        free(header);
    }
    trial_close(&t);
}

static void audiences(void **state)
{
    (void)state;
    trial t;
    trial_open(&t, "ES256");
    for (size_t count = 63; count <= 65; count++) {
        char *others = trial_repeat("\"other\",", count - 1);
        char *payload = trial_format(
            "{\"iss\":\"" TRIAL_ISSUER "\",\"exp\":1700003600,\"aud\":[%s\"" TRIAL_AUDIENCE "\"]}", others);
        if (count <= 64)
            trial_accept_payload(&t, payload);
        else
            trial_refuse_payload(&t, payload, ASSAY_E_CLAIM_TYPE);
        free(others);
        free(payload);
    }
    trial_close(&t);
}

static void authorization_bytes(void **state)
{
    (void)state;
    for (size_t len = 66047; len <= 66049; len++) {
        char *token_text = trial_repeat("a", len - 7), *value = trial_format("Bearer %s", token_text);
        const char *token;
        size_t token_len;
        assert_int_equal(assay_bearer_from_header(value, len, &token, &token_len, NULL),
                         len <= 66048 ? ASSAY_OK : ASSAY_E_BAD_AUTHORIZATION);
        free(token_text);
        free(value);
    }
}

static void keys_of_a_set(void **state)
{
    (void)state;
    for (size_t count = 127; count <= 129; count++) {
        assay_keyset *keys = NULL;
        must_ok(assay_keyset_new(NULL, &keys, NULL));
        char *more = trial_repeat(",{}", count - 1), *set = trial_format("{\"keys\":[{}%s]}", more);
        assert_int_equal(assay_keyset_add_json(keys, set, strlen(set), NULL),
                         count <= 128 ? ASSAY_OK : ASSAY_E_CONFIG_KEYS);
        assert_int_equal(assay_keyset_skipped_count(keys), count <= 128 ? count : 0);
        free(more);
        free(set);
        assay_keyset_unref(keys);
    }
    static const uint8_t secret[32] = {7};
    assay_keyset *keys = NULL;
    must_ok(assay_keyset_new(NULL, &keys, NULL));
    for (int i = 0; i < 128; i++)
        must_ok(assay_keyset_add_symmetric(keys, NULL, "HS256", secret, 32, NULL));
    must_fail(assay_keyset_add_symmetric(keys, NULL, "HS256", secret, 32, &error), ASSAY_E_CONFIG_KEYS);
    assert_int_equal(assay_keyset_count(keys), 128);
    assay_keyset_unref(keys);
}

static void key_set_bytes_and_kid(void **state)
{
    (void)state;
    mint_key *key = mint_key_new("ES256", "k");
    for (size_t len = 524287; len <= 524289; len++) {
        assay_keyset *keys = NULL;
        must_ok(assay_keyset_new(NULL, &keys, NULL));
        char *blanks = trial_repeat(" ", len - strlen(mint_key_jwk(key))),
             *text = trial_format("%s%s", mint_key_jwk(key), blanks);
        assert_int_equal(assay_keyset_add_json(keys, text, len, NULL), len <= 524288 ? ASSAY_OK : ASSAY_E_CONFIG_KEYS);
        free(blanks);
        free(text);
        assay_keyset_unref(keys);
    }
    for (size_t len = 1023; len <= 1025; len++) {
        assay_keyset *keys = NULL;
        must_ok(assay_keyset_new(NULL, &keys, NULL));
        char *kid = trial_repeat("k", len), *text = trial_format("{\"kid\":\"%s\",%s", kid, mint_key_bare_jwk(key) + 1);
        must_ok(assay_keyset_add_json(keys, text, strlen(text), NULL));
        assert_int_equal(assay_keyset_count(keys), len <= 1024);
        free(kid);
        free(text);
        assay_keyset_unref(keys);
    }
    mint_key_free(key);
}

static void document_depth_and_values(void **state)
{
    (void)state;
    mint_key *key = mint_key_new("ES256", "k");
    for (size_t depth = 31; depth <= 33; depth++) {
        assay_keyset *keys = NULL;
        must_ok(assay_keyset_new(NULL, &keys, NULL));
        char *open = trial_repeat("[", depth - 1), *close = trial_repeat("]", depth - 1),
             *text = trial_format("{\"z\":%s%s,%s", open, close, mint_key_bare_jwk(key) + 1);
        assert_int_equal(assay_keyset_add_json(keys, text, strlen(text), NULL),
                         depth <= 32 ? ASSAY_OK : ASSAY_E_CONFIG_KEYS);
        free(open);
        free(close);
        free(text);
        assay_keyset_unref(keys);
    }
    /* The object, the array and the four members of the key are values too; the rest are numbers. */
    for (size_t count = 99999; count <= 100001; count++) {
        assay_keyset *keys = NULL;
        must_ok(assay_keyset_new(NULL, &keys, NULL));
        char *numbers = trial_repeat(",0", count - 7),
             *text = trial_format("{\"z\":[0%s],%s", numbers, mint_key_bare_jwk(key) + 1);
        assert_int_equal(assay_keyset_add_json(keys, text, strlen(text), NULL),
                         count <= 100000 ? ASSAY_OK : ASSAY_E_CONFIG_KEYS);
        free(numbers);
        free(text);
        assay_keyset_unref(keys);
    }
    mint_key_free(key);
}

static void configured_counts(void **state)
{
    (void)state;
    assay_issuer *issuer = NULL;
    char text[32];
    must_ok(assay_issuer_new("x", &issuer, NULL));
    for (int i = 0; i < 256; i++) {
        snprintf(text, sizeof text, "a%d", i);
        must_ok(assay_issuer_add_audience(issuer, text, NULL));
    }
    must_fail(assay_issuer_add_audience(issuer, "one more", &error), ASSAY_E_CONFIG_AUDIENCE);
    must_ok(assay_issuer_add_audience(issuer, "a0", NULL)); /* it is there already */
    for (int i = 0; i < 32; i++) {
        snprintf(text, sizeof text, "h%d.example", i);
        must_ok(assay_issuer_add_jwks_host(issuer, text, NULL));
    }
    must_fail(assay_issuer_add_jwks_host(issuer, "more.example", &error), ASSAY_E_CONFIG_URL);
    for (int i = 0; i < 64; i++) {
        snprintf(text, sizeof text, "v%d", i);
        must_ok(assay_issuer_require_text(issuer, "/values", text, NULL));
    }
    must_fail(assay_issuer_require_text(issuer, "/values", "more", &error), ASSAY_E_CONFIG_CLAIM);
    for (int i = 1; i < 64; i++) {
        snprintf(text, sizeof text, "/c%d", i);
        must_ok(assay_issuer_require_claim(issuer, text, NULL));
    }
    must_fail(assay_issuer_require_claim(issuer, "/more", &error), ASSAY_E_CONFIG_CLAIM);
    must_fail(assay_issuer_require_contains(issuer, "/values", "more", &error), ASSAY_E_CONFIG_CLAIM);
    assay_issuer_free(issuer);
}

static void url_bytes(void **state)
{
    (void)state;
    assay_issuer *issuer = NULL, *other = NULL;
    must_ok(assay_issuer_new("x", &issuer, NULL));
    must_ok(assay_issuer_new("y", &other, NULL));
    for (size_t len = 2047; len <= 2049; len++) {
        char *path = trial_repeat("p", len - 18), *url = trial_format("https://a.example/%s", path);
        assert_int_equal(strlen(url), len);
        int code = len <= 2048 ? ASSAY_OK : ASSAY_E_CONFIG_URL;
        assert_int_equal(assay_issuer_set_jwks_uri(issuer, url, NULL), code);
        assert_int_equal(assay_issuer_set_discovery_url(other, url, NULL), code);
        free(path);
        free(url);
    }
    assay_issuer_free(issuer);
    assay_issuer_free(other);
}

/* The longest issuer is found, whatever escapes it is written with. */
static void longest_issuer(void **state)
{
    (void)state;
    trial t;
    trial_open(&t, "ES256");
    char *longest = trial_repeat("i", 2048),
         *plain = trial_format("{\"iss\":\"%s\",\"aud\":\"" TRIAL_AUDIENCE "\",\"exp\":1700003600}", longest);
    assay_issuer_free(t.issuer);
    must_ok(assay_issuer_new(longest, &t.issuer, NULL));
    must_ok(assay_issuer_add_audience(t.issuer, TRIAL_AUDIENCE, NULL));
    must_ok(assay_issuer_add_algorithm(t.issuer, "ES256", NULL));
    trial_accept_payload(&t, plain);
    char *half = trial_repeat("i", 1707), *escaped = trial_repeat("\\u0069", 341);
    char *payload = trial_format("{\"iss\":\"%s%s\",\"aud\":\"" TRIAL_AUDIENCE "\",\"exp\":1700003600}", half, escaped);
    trial_accept_payload(&t, payload);
    free(half);
    free(escaped);
    free(payload);
    free(plain);
    free(longest);
    trial_close(&t);
}

static void configuration_bytes(void **state)
{
    (void)state;
    static const char document[] = "{\"issuers\":[{\"issuer\":\"https://a.example\",\"audiences\":\"a\"}]}";
    for (size_t len = 8388607; len <= 8388609; len++) {
        assay_validator *validator = NULL;
        char *blanks = trial_repeat(" ", len - strlen(document)), *text = trial_format("%s%s", document, blanks);
        assert_int_equal(assay_validator_from_json(NULL, text, len, &validator, NULL),
                         len <= 8388608 ? ASSAY_OK : ASSAY_E_CONFIG);
        assay_validator_unref(validator);
        free(blanks);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_bytes),          cmocka_unit_test(members),
        cmocka_unit_test(header_members),        cmocka_unit_test(audiences),
        cmocka_unit_test(authorization_bytes),   cmocka_unit_test(keys_of_a_set),
        cmocka_unit_test(key_set_bytes_and_kid), cmocka_unit_test(document_depth_and_values),
        cmocka_unit_test(configured_counts),     cmocka_unit_test(url_bytes),
        cmocka_unit_test(longest_issuer),        cmocka_unit_test(configuration_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
