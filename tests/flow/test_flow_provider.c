/* SPDX-License-Identifier: MIT */
/* Tokens of oidc-provider, through discovery over TLS with a CA made for the run. */
#include "support/provider.h"

#include <assay/assay.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WAIT 20000
#define RESOURCE "https://api.test"

static provider server;
static bool there;

static int start(void **state)
{
    (void)state;
    there = provider_is_there();
    if (there)
        provider_start(&server, "server");
    return 0;
}

static int stop(void **state)
{
    (void)state;
    if (there)
        provider_stop(&server);
    return 0;
}

static void need(void)
{
    if (!there)
        skip();
}

static assay_runtime *new_runtime(const char *ca_pem)
{
    assay_runtime *runtime = NULL;
    assert_int_equal(assay_runtime_new(&runtime, NULL), ASSAY_OK);
    if (ca_pem != NULL)
        assert_int_equal(assay_runtime_set_ca_pem(runtime, ca_pem, strlen(ca_pem), NULL), ASSAY_OK);
    return runtime;
}

static assay_validator *new_validator(const char *profile, const char *audience)
{
    static const char *const algorithms[] = {"RS256", "ES256", "PS256", "EdDSA"};
    assay_issuer *issuer = NULL;
    assay_validator *validator = NULL;
    assay_runtime *runtime = new_runtime(server.ca_pem);
    assert_int_equal(assay_issuer_new(server.issuer, &issuer, NULL), ASSAY_OK);
    assert_int_equal(assay_issuer_add_audience(issuer, audience, NULL), ASSAY_OK);
    assert_int_equal(assay_issuer_set_profile(issuer, profile, NULL), ASSAY_OK);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(assay_issuer_add_algorithm(issuer, algorithms[i], NULL), ASSAY_OK);
    assert_int_equal(assay_validator_new(runtime, &issuer, 1, &validator, NULL), ASSAY_OK);
    assay_issuer_free(issuer);
    assay_runtime_unref(runtime);
    return validator;
}

static int validate(assay_validator *validator, const char *token, const assay_request *request)
{
    assay_claims *claims = NULL;
    assay_error *error = NULL;
    int code = assay_validator_validate(validator, token, strlen(token), request, WAIT, &claims, &error);
    assert_true((code == ASSAY_OK) == (claims != NULL));
    if (code != ASSAY_OK)
        print_message("  %s: %s\n", assay_code_name(code), assay_error_message(error));
    if (claims != NULL)
        assert_string_equal(assay_claims_issuer(claims), server.issuer);
    assay_claims_unref(claims);
    assay_error_free(error);
    return code;
}

static json_t *access_token(const char *algorithm)
{
    char body[200];
    snprintf(body, sizeof body, "{\"alg\":\"%s\",\"resource\":\"" RESOURCE "\"}", algorithm);
    return provider_control(&server, "/token", body);
}

static const char *text(const json_t *object, const char *name)
{
    const char *value = json_string_value(json_object_get(object, name));
    assert_non_null(value);
    return value;
}

static json_int_t stat_of(const char *name)
{
    json_t *stats = provider_control(&server, "/stats", NULL);
    json_int_t value = json_integer_value(json_object_get(stats, name));
    json_decref(stats);
    return value;
}

static void access_tokens_of_four_algorithms(void **state)
{
    (void)state;
    static const char *const algorithms[] = {"RS256", "ES256", "PS256", "EdDSA"};
    need();
    assay_validator *generic = new_validator("generic", RESOURCE);
    assay_validator *strict = new_validator("rfc9068", RESOURCE);
    assay_validator *other = new_validator("generic", "https://other.test");
    assay_validator *id = new_validator("id-token", RESOURCE);
    for (size_t i = 0; i < 4; i++) {
        json_t *answer = access_token(algorithms[i]);
        char *token = strdup(text(answer, "access_token"));
        assert_int_equal(validate(generic, token, NULL), ASSAY_OK);
        assert_int_equal(validate(strict, token, NULL), ASSAY_OK);
        assert_int_equal(validate(other, token, NULL), ASSAY_E_AUDIENCE);
        assert_int_equal(validate(id, token, NULL), ASSAY_E_ACCESS_TOKEN);
        char *signature = strrchr(token, '.') + 1;
        signature[4] = signature[4] == 'A' ? 'B' : 'A';
        assert_int_equal(validate(generic, token, NULL), ASSAY_E_SIGNATURE);
        *signature = '\0';
        assert_int_equal(validate(generic, token, NULL), ASSAY_E_SIGNATURE);
        free(token);
        json_decref(answer);
    }
    assay_validator_unref(generic);
    assay_validator_unref(strict);
    assay_validator_unref(other);
    assay_validator_unref(id);
}

static void rotation_is_picked_up_with_one_fetch(void **state)
{
    (void)state;
    need();
    assay_validator *validator = new_validator("generic", RESOURCE);
    json_t *before = access_token("RS256");
    assert_int_equal(validate(validator, text(before, "access_token"), NULL), ASSAY_OK);
    json_int_t discovery = stat_of("discovery"), jwks = stat_of("jwks");

    json_decref(provider_control(&server, "/rotate?drop=1", "{}"));
    json_t *after = access_token("RS256");
    assert_int_equal(validate(validator, text(after, "access_token"), NULL), ASSAY_OK);
    assert_int_equal(stat_of("discovery"), discovery);
    assert_int_equal(stat_of("jwks"), jwks + 1);
    /* The old key is gone from the set and stays usable for the retention. */
    assert_int_equal(validate(validator, text(before, "access_token"), NULL), ASSAY_OK);
    assert_int_equal(stat_of("jwks"), jwks + 1);
    json_decref(before);
    json_decref(after);
    assay_validator_unref(validator);
}

static void keys_serve_while_the_provider_fails(void **state)
{
    (void)state;
    need();
    assay_validator *validator = new_validator("generic", RESOURCE);
    json_t *answer = access_token("ES256");
    assert_int_equal(validate(validator, text(answer, "access_token"), NULL), ASSAY_OK);
    json_decref(provider_control(&server, "/behave", "{\"status\":503}"));
    assert_int_equal(assay_validator_refresh(validator, NULL, WAIT, NULL), ASSAY_E_HTTP_STATUS);
    assert_int_equal(validate(validator, text(answer, "access_token"), NULL), ASSAY_OK);
    assay_validator *cold = new_validator("generic", RESOURCE);
    assert_int_equal(validate(cold, text(answer, "access_token"), NULL), ASSAY_E_KEYS_UNAVAILABLE);
    assay_validator_unref(cold);
    json_decref(provider_control(&server, "/behave", "{}"));
    json_decref(answer);
    assay_validator_unref(validator);
}

static void id_token_with_nonce_and_at_hash(void **state)
{
    (void)state;
    static const char *const algorithms[] = {"RS256", "ES256", "PS256", "EdDSA"};
    need();
    for (size_t i = 0; i < 4; i++) {
        char body[100];
        snprintf(body, sizeof body, "{\"alg\":\"%s\",\"nonce\":\"n-0S6_WzA2Mj\"}", algorithms[i]);
        json_t *answer = provider_control(&server, "/id-token", body);
        const char *token = text(answer, "id_token"), *access = text(answer, "access_token");
        assay_validator *validator = new_validator("id-token", text(answer, "client_id"));
        assay_validator *generic = new_validator("generic", text(answer, "client_id"));
        assay_request *request = NULL;
        assert_int_equal(assay_request_new(&request, NULL), ASSAY_OK);
        assert_int_equal(validate(validator, token, request), ASSAY_OK);
        assert_int_equal(assay_request_set_nonce(request, "n-0S6_WzA2Mj", NULL), ASSAY_OK);
        assert_int_equal(assay_request_set_access_token(request, access, strlen(access), NULL), ASSAY_OK);
        assert_int_equal(validate(validator, token, request), ASSAY_OK);
        assert_int_equal(assay_request_set_access_token(request, "another", 7, NULL), ASSAY_OK);
        assert_int_equal(validate(validator, token, request), ASSAY_E_HASH);
        assert_int_equal(assay_request_set_nonce(request, "another", NULL), ASSAY_OK);
        assert_int_equal(validate(validator, token, request), ASSAY_E_NONCE);
        assert_int_equal(validate(generic, token, NULL), ASSAY_E_ID_TOKEN);
        assay_request_free(request);
        assay_validator_unref(validator);
        assay_validator_unref(generic);
        json_decref(answer);
    }
}

/* Attack 63: certificates of another name, past their time or of nobody are refused, and the system's CAs do not know ours. */
static void certificates_that_are_refused(void **state)
{
    (void)state;
    static const char *const certificates[] = {"wrong_name", "expired", "self_signed"};
    need();
    for (size_t i = 0; i < 3; i++) {
        provider other;
        provider_start(&other, certificates[i]);
        assay_issuer *issuer = NULL;
        assay_validator *validator = NULL;
        assay_error *error = NULL;
        assay_runtime *runtime = new_runtime(other.ca_pem);
        assert_int_equal(assay_issuer_new(other.issuer, &issuer, NULL), ASSAY_OK);
        assert_int_equal(assay_issuer_add_audience(issuer, RESOURCE, NULL), ASSAY_OK);
        assert_int_equal(assay_validator_new(runtime, &issuer, 1, &validator, NULL), ASSAY_OK);
        assert_int_equal(assay_validator_warm_up(validator, WAIT, &error), ASSAY_E_TLS);
        print_message("  %s: %s\n", certificates[i], assay_error_message(error));
        assay_error_free(error);
        assay_validator_unref(validator);
        assay_issuer_free(issuer);
        assay_runtime_unref(runtime);
        json_t *stats = provider_control(&other, "/stats", NULL);
        assert_int_equal(json_integer_value(json_object_get(stats, "discovery")), 0);
        json_decref(stats);
        provider_stop(&other);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(access_tokens_of_four_algorithms),    cmocka_unit_test(rotation_is_picked_up_with_one_fetch),
        cmocka_unit_test(keys_serve_while_the_provider_fails), cmocka_unit_test(id_token_with_nonce_and_at_hash),
        cmocka_unit_test(certificates_that_are_refused),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
