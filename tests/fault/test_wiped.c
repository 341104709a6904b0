/* SPDX-License-Identifier: MIT */
/*
 * No block that is given back to the allocator may still hold a secret: every block that any code of the program frees during a call is searched for a
 * marker first, those of OpenSSL and jansson too.
 */
#include "crypto/secret.h"
#include "fault/watched_memory.h"
#include "http/lines.h"
#include "http/message.h"
#include "support/mint.h"

#include <assay/assay.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char secret[] = "0123456789-secret-of-this-test-and-of-nobody-else-0123456789abcd";
#define SECRET_BYTES (sizeof secret - 1)

/* A JWK set with that secret, whose bytes and base64url are marked. */
static char *secret_jwks(void)
{
    char *jwks = NULL;
    char *k = mint_base64url(secret, SECRET_BYTES);
    mark(secret, SECRET_BYTES);
    mark(k, strlen(k));
    assert_true(asprintf(&jwks, "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"s\",\"alg\":\"HS256\",\"k\":\"%s\"}]}", k) > 0);
    free(k);
    return jwks;
}

static char *token_of(const char *payload)
{
    return mint_hmac("HS256", secret, SECRET_BYTES, "{\"alg\":\"HS256\",\"kid\":\"s\"}", payload);
}

#define ISSUER "{\"issuer\":\"https://issuer.test\",\"audiences\":\"api\",\"algorithms\":\"HS256\""
#define PAYLOAD "{\"iss\":\"https://issuer.test\",\"aud\":\"api\",\"exp\":4000000000"

static void symmetric_key_of_a_configuration(void **state)
{
    (void)state;
    sees_what_is_left();
    static const char *const ends[] = {"}]}", "}],\"unknown\":1}", "}]", ",\"jwks_uri\":\"https://issuer.test/k\"}]}"};
    char *jwks = secret_jwks(), *token = token_of(PAYLOAD "}");
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        char *config = NULL;
        assay_validator *validator = NULL;
        assay_claims *claims = NULL;
        assert_true(asprintf(&config, "{\"issuers\":[" ISSUER ",\"jwks\":%s%s", jwks, ends[i]) > 0);
        watch();
        int code = assay_validator_from_json(NULL, config, strlen(config), &validator, NULL);
        int decided = i > 0 ? ASSAY_OK : assay_validator_check(validator, token, strlen(token), NULL, &claims, NULL);
        assay_claims_unref(claims);
        assay_validator_unref(validator);
        unwatch(ends[i]);
        assert_true((code == ASSAY_OK) == (i == 0));
        assert_int_equal(decided, ASSAY_OK);
        free(config);
    }
    free(token);
    free(jwks);
}

static void symmetric_key_of_a_key_set(void **state)
{
    (void)state;
    sees_what_is_left();
    char *jwks = secret_jwks(), *cut = strdup(jwks);
    cut[strlen(cut) - 1] = '\0';
    watch();
    assay_keyset *keys = NULL, *public_only = NULL;
    int made = assay_keyset_new(NULL, &keys, NULL);
    int given = assay_keyset_add_json_with_symmetric(keys, jwks, strlen(jwks), NULL);
    int broken = assay_keyset_add_json_with_symmetric(keys, cut, strlen(cut), NULL);
    int bytes = assay_keyset_add_symmetric(keys, "b", "HS256", (const uint8_t *)secret, SECRET_BYTES, NULL);
    size_t count = assay_keyset_count(keys);
    assay_keyset_unref(keys);
    /* One that is skipped was read all the same. */
    int second = assay_keyset_new(NULL, &public_only, NULL);
    int skipped = assay_keyset_add_json(public_only, jwks, strlen(jwks), NULL);
    size_t skipped_count = assay_keyset_skipped_count(public_only);
    assay_keyset_unref(public_only);
    unwatch("key set");
    assert_true(made == ASSAY_OK && given == ASSAY_OK && bytes == ASSAY_OK && count == 2);
    assert_true(second == ASSAY_OK && skipped == ASSAY_OK && skipped_count == 1);
    assert_int_equal(broken, ASSAY_E_CONFIG_KEYS);
    free(cut);
    free(jwks);
}

/* What a token says of a person: as it stands, with escapes, in the copies for the caller, and in a token that is refused. */
static void claims_of_a_token(void **state)
{
    (void)state;
    sees_what_is_left();
    static const char person[] = "marker-of-the-subject-0001", other[] = "marker-of-the-\\u0067roup-0002";
    char *jwks = secret_jwks(), *config = NULL, *payload = NULL;
    needle_count = 0;
    mark(person, sizeof person - 1);
    mark("marker-of-the-group-0002", 24);
    assert_true(asprintf(&config, "{\"issuers\":[" ISSUER ",\"jwks\":%s}]}", jwks) > 0);
    assert_true(asprintf(&payload, PAYLOAD ",\"sub\":\"%s\",\"groups\":[\"%s\"]}", person, other) > 0);
    char *token = token_of(payload), *forged = strdup(token);
    forged[strlen(forged) - 2] ^= 1;
    assay_validator *validator = NULL;
    assert_int_equal(assay_validator_from_json(NULL, config, strlen(config), &validator, NULL), ASSAY_OK);
    watch();
    assay_claims *claims = NULL, *none = NULL;
    assay_error *error = NULL;
    const char *text = NULL;
    size_t len = 0;
    int code = assay_validator_check(validator, token, strlen(token), NULL, &claims, NULL);
    int one = assay_claims_get_text(claims, "sub", &text, &len);
    int two = assay_claims_get_text_at(claims, "groups", 0, &text, &len);
    int all = assay_claims_get_json(claims, &text, &len);
    int key = assay_claims_get_identity(claims, &text);
    assay_claims_unref(claims);
    int refused = assay_validator_check(validator, forged, strlen(forged), NULL, &none, &error);
    assay_error_free(error);
    assay_validator_unref(validator);
    unwatch("claims");
    assert_true(code == ASSAY_OK && one == ASSAY_OK && two == ASSAY_OK && all == ASSAY_OK && key == ASSAY_OK);
    assert_int_equal(refused, ASSAY_E_SIGNATURE);
    free(payload);
    free(config);
    free(token);
    free(forged);
    free(jwks);
}

/* What is kept of a token makes room for another, is purged, and goes with its validator. */
static void token_in_the_cache(void **state)
{
    (void)state;
    sees_what_is_left();
    static const char person[] = "marker-of-the-subject-0003";
    char *jwks = secret_jwks(), *config = NULL;
    needle_count = 0;
    mark(person, sizeof person - 1);
    char *token = token_of("{\"sub\":\"marker-of-the-subject-0003\",\"iss\":\"https://issuer.test\",\"aud\":\"api\","
                           "\"exp\":4000000000}"),
         *other = token_of(PAYLOAD "}");
    mark(strchr(token, '.') + 1, 40);
    assert_true(asprintf(&config, "{\"runtime\":{\"token_cache\":1},\"issuers\":[" ISSUER ",\"jwks\":%s}]}", jwks) > 0);
    for (int way = 0; way < 3; way++) {
        assay_validator *validator = NULL;
        uint64_t hits = 0;
        assert_int_equal(assay_validator_from_json(NULL, config, strlen(config), &validator, NULL), ASSAY_OK);
        watch();
        int codes = 0;
        for (int i = 0; i < 3; i++) {
            const char *now = way == 0 && i == 2 ? other : token;
            assay_claims *claims = NULL;
            codes += assay_validator_check(validator, now, strlen(now), NULL, &claims, NULL);
            assay_claims_unref(claims);
        }
        if (way == 1)
            codes += assay_validator_purge(validator, "https://issuer.test", "s", NULL);
        int counted = assay_validator_get_stat(validator, NULL, ASSAY_STAT_CACHE_HITS, &hits);
        assay_validator_unref(validator);
        unwatch("token cache");
        assert_true(codes == ASSAY_OK && counted == ASSAY_OK);
        assert_int_equal(hits, way == 0 ? 1 : 2);
    }
    free(config);
    free(token);
    free(other);
    free(jwks);
}

/* What grows, is replaced or is thrown away leaves its pages empty. */
static void pages_of_a_secret(void **state)
{
    (void)state;
    sees_what_is_left();
    mark(secret, SECRET_BYTES);
    watch();
    int64_t live = assay_live_allocations();
    uint64_t count = assay_allocation_count();
    assay_secret one = {0}, two = {0};
    for (int i = 0; i < 1000; i++)
        assay_secret_put(&one, secret);
    bool grown = !one.failed && assay_allocation_count() > count + 3 && assay_live_allocations() == live + 1;
    bool replaced = assay_secret_set(&two, secret, SECRET_BYTES) && assay_secret_set(&two, "other", 5);
    bool copied = assay_secret_copy(&two, &one) && assay_secret_equal(&two, one.text, one.len);
    assay_secret_move(&one, &two);
    assay_secret_add(&one, secret, SIZE_MAX / 2);
    assay_secret_put(&two, secret);
    assay_secret_form(&two, secret, SECRET_BYTES);
    assay_secret_clear(&two);
    unwatch("secret");
    assert_true(grown && replaced && copied && one.failed);
    assert_int_equal(assay_live_allocations(), live);
}

static void secrets_of_a_request(void **state)
{
    (void)state;
    sees_what_is_left();
    static const char nonce[] = "marker-of-the-nonce-1-1111", token[] = "2222-access-token-or-code-2222";
    mark(nonce, sizeof nonce - 1);
    mark(token, sizeof token - 1);
    watch();
    assay_request *request = NULL;
    int code = assay_request_new(&request, NULL);
    /* Twice: what is replaced is wiped too. */
    for (int i = 0; i < 2 && code == ASSAY_OK; i++) {
        code = assay_request_set_nonce(request, nonce, NULL);
        if (code == ASSAY_OK)
            code = assay_request_set_access_token(request, token, sizeof token - 1, NULL);
        if (code == ASSAY_OK)
            code = assay_request_set_code(request, token, sizeof token - 1, NULL);
    }
    assay_request_free(request);
    unwatch("request");
    assert_int_equal(code, ASSAY_OK);
}

/* In an operation, whose host is shown it, and on the way there. */
static void token_of_a_bearer_file(void **state)
{
    (void)state;
    sees_what_is_left();
    static const char token[] = "marker-of-the-bearer-token-3333";
    char path[] = "/tmp/assay-bearer-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, token, sizeof token - 1), sizeof token - 1);
    assert_int_equal(close(fd), 0);
    mark(token, sizeof token - 1);
    assay_issuer *issuer = NULL;
    assay_validator *validator = NULL;
    assert_int_equal(assay_issuer_new("https://issuer.test", &issuer, NULL), ASSAY_OK);
    assert_int_equal(assay_issuer_add_audience(issuer, "api", NULL), ASSAY_OK);
    assert_int_equal(assay_issuer_set_bearer_file(issuer, path, NULL), ASSAY_OK);
    assert_int_equal(assay_validator_new(NULL, &issuer, 1, &validator, NULL), ASSAY_OK);
    watch();
    int wanted = 0, failed = 0;
    for (int answered = 0; answered < 2; answered++) {
        assay_op *op = NULL;
        failed += assay_op_new_refresh(validator, "https://issuer.test", 5000, &op, NULL) != ASSAY_OK;
        wanted += assay_op_step(op) == ASSAY_WANT_FETCH;
        const char *value = assay_op_fetch_header_value(op, 1);
        failed += value == NULL || strstr(value, token) == NULL;
        failed += answered && assay_op_fetch_failed(op, ASSAY_E_CONNECT, NULL) != ASSAY_OK;
        assay_op_free(op);
    }
    assay_validator_unref(validator);
    unwatch("bearer file");
    assert_int_equal(wanted, 2);
    assert_int_equal(failed, 0);
    assay_issuer_free(issuer);
    assert_int_equal(unlink(path), 0);
}

/* A body that outgrows its room twice, as it comes in pieces; then it is cleared. */
static void token_of_an_answer(void **state)
{
    (void)state;
    sees_what_is_left();
    static const char token[] = "{\"access_token\":\"marker-of-the-access-token-4444\"}";
    char *filling = calloc(1, 6000);
    assert_non_null(filling);
    mark(token, sizeof token - 1);
    watch();
    assay_http_response response;
    assay_http_response_init(&response);
    bool taken = assay_http_response_add_body(&response, token, sizeof token - 1) &&
                 assay_http_response_add_body(&response, filling, 6000) &&
                 assay_http_response_add_body(&response, token, sizeof token - 1) &&
                 assay_http_response_add_body(&response, filling, 6000);
    size_t len = response.body_len;
    assay_http_response_clear(&response);
    unwatch("answer");
    assert_true(taken);
    assert_int_equal(len, 2 * (sizeof token - 1 + 6000));
    free(filling);
}

/* Those that are sent, and those that were made before one that is refused. */
static void secrets_in_header_lines(void **state)
{
    (void)state;
    sees_what_is_left();
    static const char value[] = "marker-of-the-identity-header-5555";
    mark(value, sizeof value - 1);
    assay_http_field fields[2] = {{"X-IDENTITY-HEADER", value}, {"Secret", value}};
    const assay_http_request request = {.url = "", .authorization = value, .fields = fields, .field_count = 2};
    struct curl_slist *lines = NULL, *cut = NULL;
    watch();
    int code = assay_http_lines_of(&lines, &request, NULL);
    assay_http_lines_clear(&lines);
    fields[1].name = "Host";
    int refused = assay_http_lines_of(&cut, &request, NULL);
    assay_http_lines_clear(&cut);
    unwatch("header lines");
    assert_int_equal(code, ASSAY_OK);
    assert_int_equal(refused, ASSAY_E_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(symmetric_key_of_a_configuration, forget),
        cmocka_unit_test_setup(symmetric_key_of_a_key_set, forget),
        cmocka_unit_test_setup(claims_of_a_token, forget),
        cmocka_unit_test_setup(token_in_the_cache, forget),
        cmocka_unit_test_setup(pages_of_a_secret, forget),
        cmocka_unit_test_setup(secrets_of_a_request, forget),
        cmocka_unit_test_setup(token_of_a_bearer_file, forget),
        cmocka_unit_test_setup(token_of_an_answer, forget),
        cmocka_unit_test_setup(secrets_in_header_lines, forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
