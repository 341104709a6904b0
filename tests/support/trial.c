/* SPDX-License-Identifier: MIT */
#include "trial.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int64_t trial_wall(void *data)
{
    return ((trial *)data)->now;
}

static int64_t trial_steady(void *data)
{
    return ((trial *)data)->now * 1000;
}

void trial_must(int code, const char *what, const char *file, int line)
{
    if (code == ASSAY_OK)
        return;
    print_error("%s gives %s\n", what, assay_code_name(code));
    _fail(file, line);
}

void trial_must_fail(int code, assay_error *error, int wanted, const char *what, const char *file, int line)
{
    int told = assay_error_code(error);
    if (code != wanted || told != wanted) {
        print_error("%s gives %s (the error says %s: %s) instead of %s\n", what, assay_code_name(code),
                    assay_code_name(told), assay_error_message(error), assay_code_name(wanted));
        assay_error_free(error);
        _fail(file, line);
    }
    assay_error_free(error);
}

void trial_open(trial *t, const char *algorithm)
{
    memset(t, 0, sizeof *t);
    t->now = TRIAL_NOW;
    t->key = mint_key_new(algorithm, TRIAL_KID);
    must_ok(assay_runtime_new(&t->runtime, NULL));
    must_ok(assay_runtime_set_clock(t->runtime, trial_wall, trial_steady, t, NULL, NULL));
    must_ok(assay_runtime_set_fetch_timeout(t->runtime, 100, NULL));
    must_ok(assay_keyset_new(NULL, &t->keys, NULL));
    trial_add_jwk(t, mint_key_jwk(t->key));
    must_ok(assay_issuer_new(TRIAL_ISSUER, &t->issuer, NULL));
    must_ok(assay_issuer_add_audience(t->issuer, TRIAL_AUDIENCE, NULL));
    must_ok(assay_issuer_add_algorithm(t->issuer, algorithm, NULL));
}

void trial_add_jwk(trial *t, const char *jwk)
{
    must_ok(assay_keyset_add_json_with_symmetric(t->keys, jwk, strlen(jwk), NULL));
}

void trial_start(trial *t)
{
    if (t->validator != NULL)
        return;
    if (!t->pushed)
        must_ok(assay_issuer_set_keys(t->issuer, t->keys, NULL));
    must_ok(assay_validator_new(t->runtime, &t->issuer, 1, &t->validator, NULL));
    if (t->pushed)
        must_ok(assay_validator_push_keys(t->validator, TRIAL_ISSUER, t->keys, NULL));
}

void trial_restart(trial *t)
{
    assay_validator_unref(t->validator);
    t->validator = NULL;
}

void trial_close(trial *t)
{
    trial_restart(t);
    assay_issuer_free(t->issuer);
    assay_keyset_unref(t->keys);
    assay_request_free(t->request);
    assay_runtime_unref(t->runtime);
    mint_key_free(t->key);
    memset(t, 0, sizeof *t);
}

char *trial_token(trial *t, const char *header, const char *payload)
{
    return mint_sign(t->key, mint_key_algorithm(t->key), header, payload);
}

char *trial_sign(trial *t, const char *payload)
{
    return mint_token(t->key, payload);
}

int trial_error_holds(const assay_error *error, const char *text)
{
    const char *const texts[] = {assay_error_check(error),    assay_error_message(error),
                                 assay_error_expected(error), assay_error_found(error),
                                 assay_error_hint(error),     assay_error_www_authenticate(error)};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (strstr(texts[i], text) != NULL)
            return 1;
    }
    return 0;
}

void trial_error_is_clean(const assay_error *error, const char *token, size_t len, const char *file, int line)
{
    char *copy = calloc(1, len + 1);
    assert_non_null(copy);
    memcpy(copy, token, len);
    char *rest = copy;
    for (char *segment = strsep(&rest, "."); segment != NULL; segment = strsep(&rest, ".")) {
        if (strlen(segment) >= 8 && trial_error_holds(error, segment)) {
            print_error("a segment of the token stands in the error: %s\n", segment);
            _fail(file, line);
        }
    }
    free(copy);
}

static int decide(trial *t, const char *token, size_t len, assay_claims **claims, assay_error **error)
{
    trial_start(t);
    if (t->timeout_ms == 0)
        return assay_validator_check(t->validator, token, len, t->request, claims, error);
    return assay_validator_validate(t->validator, token, len, t->request, t->timeout_ms, claims, error);
}

static uint64_t count_fetches(trial *t)
{
    uint64_t metadata = 0, keys = 0;
    must_ok(assay_validator_get_stat(t->validator, NULL, ASSAY_STAT_METADATA_FETCHES, &metadata));
    must_ok(assay_validator_get_stat(t->validator, NULL, ASSAY_STAT_KEY_FETCHES, &keys));
    return metadata + keys;
}

static void check_error(const assay_error *error, const char *token, size_t len, int code, const char *file, int line)
{
    const char *challenge = assay_error_www_authenticate(error);
    int category = assay_code_category(code);
    if (assay_error_code(error) != code || assay_error_category(error) != category ||
        assay_error_http_status(error) != assay_code_http_status(code) || assay_error_hint(error)[0] == '\0' ||
        strncmp(assay_error_message(error), assay_code_summary(code), strlen(assay_code_summary(code))) != 0 ||
        (category == ASSAY_CATEGORY_TOKEN) != (strncmp(challenge, "Bearer error=\"invalid_token\"", 28) == 0)) {
        print_error("the error says %s: %s\n", assay_code_name(assay_error_code(error)), assay_error_message(error));
        _fail(file, line);
    }
    trial_error_is_clean(error, token, len, file, line);
}

void trial_refuse_bytes_at(trial *t, const char *token, size_t len, int code, const char *file, int line)
{
    /* Memory of exactly this size: one byte read beyond it is seen by the sanitizer. */
    char *exact = malloc(len == 0 ? 1 : len);
    assert_non_null(exact);
    if (len > 0)
        memcpy(exact, token, len);
    assay_claims *claims = (assay_claims *)(uintptr_t)1;
    assay_error *error = NULL;
    int got = decide(t, exact, len, &claims, &error);
    if (got != code || claims != NULL) {
        print_error("got %s (%s; found %s) instead of %s\n", assay_code_name(got), assay_error_message(error),
                    assay_error_found(error), assay_code_name(code));
        _fail(file, line);
    }
    check_error(error, exact, len, code, file, line);
    assay_error_free(error);
    if (decide(t, exact, len, &claims, NULL) != code || claims != NULL) {
        print_error("without an error the answer is another one\n");
        _fail(file, line);
    }
    if (count_fetches(t) != 0) {
        print_error("a fetch was made\n");
        _fail(file, line);
    }
    free(exact);
}

void trial_refuse_at(trial *t, char *token, int code, const char *file, int line)
{
    trial_refuse_bytes_at(t, token, strlen(token), code, file, line);
    free(token);
}

assay_error *trial_error(trial *t, char *token)
{
    assay_claims *claims = NULL;
    assay_error *error = NULL;
    int code = decide(t, token, strlen(token), &claims, &error);
    assert_int_not_equal(code, ASSAY_OK);
    assert_null(claims);
    trial_error_is_clean(error, token, strlen(token), __FILE__, __LINE__);
    free(token);
    return error;
}

assay_claims *trial_claims_at(trial *t, char *token, const char *file, int line)
{
    assay_claims *claims = NULL;
    assay_error *error = NULL;
    int code = decide(t, token, strlen(token), &claims, &error);
    if (code != ASSAY_OK || claims == NULL || error != NULL) {
        print_error("refused: %s, %s; expected %s; found %s\n", assay_code_name(code), assay_error_message(error),
                    assay_error_expected(error), assay_error_found(error));
        _fail(file, line);
    }
    free(token);
    return claims;
}

char *trial_format(const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    assert_true(vasprintf(&text, format, arguments) >= 0);
    va_end(arguments);
    return text;
}

char *trial_repeat(const char *text, size_t count)
{
    size_t len = strlen(text);
    char *made = malloc(len * count + 1);
    assert_non_null(made);
    for (size_t i = 0; i < count; i++)
        memcpy(made + i * len, text, len);
    made[len * count] = '\0';
    return made;
}

char *trial_with_signature(const char *token, const uint8_t *signature, size_t len)
{
    char *encoded = mint_base64url(signature, len);
    char *made = trial_format("%.*s%s", (int)(strrchr(token, '.') + 1 - token), token, encoded);
    free(encoded);
    return made;
}

static int value_of(char c)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const char *at = strchr(alphabet, c);
    assert_true(c != '\0' && at != NULL);
    return (int)(at - alphabet);
}

uint8_t *trial_signature(const char *token, size_t *len)
{
    const char *text = strrchr(token, '.') + 1;
    uint8_t *bytes = malloc(strlen(text) + 1);
    assert_non_null(bytes);
    unsigned bits = 0, count = 0;
    *len = 0;
    for (; *text != '\0'; text++) {
        bits = bits << 6 | (unsigned)value_of(*text);
        count += 6;
        if (count >= 8)
            bytes[(*len)++] = (uint8_t)(bits >> (count -= 8));
    }
    return bytes;
}
