/* SPDX-License-Identifier: MIT */
/* The development issuer inside a test's own process: what other tests rely on. */

#include "dev_issuer.h"
#include "support/rsa_pool.h"

#include <assay/assay.h>
#include <jansson.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static dev_issuer *start(const dev_issuer_options *options)
{
    char message[256] = "";
    dev_issuer *issuer = NULL;
    rsa_pool_serve_issuers();
    if (dev_issuer_start(options, &issuer, message, sizeof message) != 0)
        fail_msg("%s", message);
    return issuer;
}

/* Result of the signature check with the keys that are served now. */
static int check(dev_issuer *issuer, const char *request, const char *algorithms)
{
    char *token = NULL;
    if (dev_issuer_mint(issuer, request, &token) != 0)
        fail_msg("%s", token);
    char *jwks = dev_issuer_jwks(issuer);
    assay_keyset *keyset = NULL;
    assert_int_equal(assay_keyset_new(NULL, &keyset, NULL), ASSAY_OK);
    assert_int_equal(assay_keyset_add_json(keyset, jwks, strlen(jwks), NULL), ASSAY_OK);
    assert_int_equal(assay_keyset_skipped_count(keyset), 0);
    uint8_t *payload = NULL;
    size_t len = 0;
    int code = assay_jws_verify(keyset, algorithms, token, strlen(token), &payload, &len, NULL);
    assay_bytes_free(payload, len);
    assay_keyset_unref(keyset);
    free(jwks);
    free(token);
    return code;
}

static void every_algorithm_signs_what_the_library_verifies(void **state)
{
    (void)state;
    static const char *const names[] = {"RS256", "RS384", "RS512",  "PS256", "PS384",   "PS512", "ES256",
                                        "ES384", "ES512", "ES256K", "EdDSA", "Ed25519", "Ed448"};
    const size_t count = sizeof names / sizeof names[0];
    dev_issuer *issuer = start(&(dev_issuer_options){.algorithms = names, .algorithm_count = count});
    for (size_t i = 0; i < count; i++) {
        char request[64];
        (void)snprintf(request, sizeof request, "{\"algorithm\":\"%s\"}", names[i]);
        assert_int_equal(check(issuer, request, names[i]), ASSAY_OK);
        (void)snprintf(request, sizeof request, "{\"algorithm\":\"%s\",\"forge\":\"signature\"}", names[i]);
        assert_int_equal(check(issuer, request, names[i]), ASSAY_E_SIGNATURE);
    }
    dev_issuer_stop(issuer);
}

static void own_certificate_and_url(void **state)
{
    (void)state;
    dev_issuer *issuer = start(&(dev_issuer_options){.tls = true, .path = "/tenant/"});
    assert_non_null(strstr(dev_issuer_ca_pem(issuer), "BEGIN CERTIFICATE"));
    assert_int_equal(strncmp(dev_issuer_url(issuer), "https://127.0.0.1:", 18), 0);
    assert_string_equal(
        strrchr(dev_issuer_url(issuer), ':') + strspn(strrchr(dev_issuer_url(issuer), ':'), ":0123456789"), "/tenant/");
    dev_issuer *plain = start(&(dev_issuer_options){0});
    assert_null(dev_issuer_ca_pem(plain));
    assert_int_equal(strncmp(dev_issuer_url(plain), "http://127.0.0.1:", 17), 0);
    dev_issuer_stop(plain);
    dev_issuer_stop(issuer);
    dev_issuer_stop(NULL);
}

static void mint_merges_and_removes(void **state)
{
    (void)state;
    dev_issuer *issuer = start(&(dev_issuer_options){.audience = "mine"});
    char *token = NULL;
    assert_int_equal(
        dev_issuer_mint(issuer, "{\"claims\":{\"jti\":null,\"x\":[1]},\"header\":{\"typ\":null,\"y\":2}}", &token), 0);
    uint8_t *json = NULL;
    size_t len = 0;
    assert_int_equal(assay_jws_decode_unverified(token, strlen(token), &json, &len, NULL), ASSAY_OK);
    json_t *document = json_loadb((const char *)json, len, 0, NULL);
    const json_t *payload = json_object_get(document, "payload");
    const json_t *header = json_object_get(document, "header");
    assert_string_equal(json_string_value(json_object_get(payload, "aud")), "mine");
    assert_string_equal(json_string_value(json_object_get(payload, "iss")), dev_issuer_url(issuer));
    assert_null(json_object_get(payload, "jti"));
    assert_int_equal(json_array_size(json_object_get(payload, "x")), 1);
    assert_null(json_object_get(header, "typ"));
    assert_int_equal(json_integer_value(json_object_get(header, "y")), 2);
    json_decref(document);
    assay_bytes_free(json, len);
    free(token);
    dev_issuer_stop(issuer);
}

static void bad_requests_are_explained(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "[]",
                                      "{\"forge\":\"no-such\"}",
                                      "{\"algorithm\":\"HS256\"}",
                                      "{\"algorithm\":\"ES512\"}",
                                      "{\"key\":\"no-such\"}",
                                      "{\"claims\":1}",
                                      "{\"no_such\":1}"};
    dev_issuer *issuer = start(&(dev_issuer_options){0});
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char *text = NULL;
        assert_int_equal(dev_issuer_mint(issuer, bad[i], &text), -1);
        assert_true(strlen(text) > 0);
        free(text);
    }
    assert_int_equal(dev_issuer_fault(issuer, "jwks", "no-such", -1, -1), -1);
    assert_int_equal(dev_issuer_fault(issuer, "no-such", "slow", -1, -1), -1);
    assert_int_equal(dev_issuer_fault(issuer, "all", "none", -1, -1), 0);
    assert_int_equal(dev_issuer_stats(issuer, "no-such"), -1);
    assert_int_equal(dev_issuer_stats(issuer, "jwks"), 0);
    dev_issuer_stop(issuer);
}

static void rotation_serves_what_it_is_told(void **state)
{
    (void)state;
    dev_issuer *issuer = start(&(dev_issuer_options){0});
    char *answer = NULL;
    assert_int_equal(dev_issuer_rotate(issuer, "{\"drop_old\":true,\"algorithm\":\"ES256\"}", &answer), 0);
    json_t *document = json_loads(answer, 0, NULL);
    const char *kid = json_string_value(json_object_get(document, "kid"));
    assert_int_equal(json_array_size(json_object_get(document, "served")), 1);
    assert_string_equal(json_string_value(json_array_get(json_object_get(document, "served"), 0)), kid);
    /* Without an algorithm a key that is served signs. */
    assert_int_equal(check(issuer, NULL, "ES256"), ASSAY_OK);
    assert_int_not_equal(check(issuer, "{\"algorithm\":\"RS256\"}", "RS256 ES256"), ASSAY_OK);
    json_decref(document);
    free(answer);
    assert_int_equal(dev_issuer_rotate(issuer, "{\"serve\":[\"no-such\"]}", &answer), -1);
    free(answer);
    dev_issuer_stop(issuer);
}

/* The key set of the default tenant: work keys and another cloud's, and neither consumers' nor an application's. */
static void keys_of_entra(void **state)
{
    (void)state;
    static const struct {
        const char *request;
        int code;
    } cases[] = {
        {NULL, ASSAY_OK},
        {"{\"entra\":\"daemon\",\"version\":1,\"tenant\":\"bbbbcccc-1111-dddd-2222-eeee3333ffff\"}", ASSAY_OK},
        {"{\"forge\":\"gov-key\"}", ASSAY_OK},
        {"{\"forge\":\"wrong-tenant\"}", ASSAY_OK},
        {"{\"forge\":\"consumer-key\"}", ASSAY_E_KEY_UNKNOWN},
        {"{\"forge\":\"custom-key\"}", ASSAY_E_KEY_UNKNOWN},
        {"{\"entra\":\"consumer\"}", ASSAY_E_KEY_UNKNOWN},
        {"{\"entra\":\"b2c\"}", ASSAY_E_KEY_UNKNOWN},
        {"{\"entra\":\"graph\"}", ASSAY_E_SIGNATURE},
        {"{\"forge\":\"wrong-key\"}", ASSAY_E_SIGNATURE},
    };
    dev_issuer *issuer = start(&(dev_issuer_options){.entra = true});
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(check(issuer, cases[i].request, "RS256"), cases[i].code);
    dev_issuer_stop(issuer);
}

/* Certificates and thumbprints come with keys of every type. */
static void entra_with_every_algorithm(void **state)
{
    (void)state;
    static const char *const names[] = {"ES256", "PS256", "EdDSA", "Ed448"};
    dev_issuer *issuer = start(&(dev_issuer_options){.entra = true, .algorithms = names, .algorithm_count = 4});
    for (size_t i = 0; i < 4; i++) {
        char request[64];
        (void)snprintf(request, sizeof request, "{\"algorithm\":\"%s\"}", names[i]);
        assert_int_equal(check(issuer, request, names[i]), ASSAY_OK);
    }
    assert_int_equal(check(issuer, "{\"forge\":\"gov-key\"}", "ES256"), ASSAY_OK);
    dev_issuer_stop(issuer);
}

static void refuses_what_it_can_not_do(void **state)
{
    (void)state;
    static const char *const unknown[] = {"HS256"};
    const dev_issuer_options bad[] = {
        {.path = "no-slash"},
        {.path = "/a/../b"},
        {.path = "/a b"},
        {.algorithms = unknown, .algorithm_count = 1},
        {.tls = true, .cert_file = "/no/such/file", .key_file = "/no/such/file"},
        {.entra = true, .kubernetes = true},
        {.entra = true, .path = "/tenant"},
        {.entra = true, .tenant = "contoso"},
        {.tenant = "aaaabbbb-0000-cccc-1111-dddd2222eeee"},
        {.cloud_instance = "microsoftonline.us"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char message[256] = "";
        dev_issuer *issuer = NULL;
        assert_int_equal(dev_issuer_start(&bad[i], &issuer, message, sizeof message), -1);
        assert_null(issuer);
        assert_true(strlen(message) > 0);
    }
}

static void *hammer(void *argument)
{
    dev_issuer *issuer = argument;
    for (int i = 0; i < 20; i++) {
        char *text = NULL;
        (void)dev_issuer_mint(issuer, i % 2 == 0 ? "{\"algorithm\":\"ES256\",\"forge\":\"embedded-jwk\"}" : NULL,
                              &text);
        free(text);
        int rotated = dev_issuer_rotate(issuer, "{\"algorithm\":\"ES256\"}", &text);
        free(text);
        if (rotated != 0)
            return argument;
        free(dev_issuer_jwks(issuer));
        (void)dev_issuer_fault(issuer, "all", "slow", 1, 1);
        (void)dev_issuer_stats(issuer, "mint");
    }
    return NULL;
}

static void hammer_by_four(dev_issuer *issuer)
{
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hammer, issuer), 0);
    for (size_t i = 0; i < 4; i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
}

static void many_threads_share_one(void **state)
{
    (void)state;
    dev_issuer *issuer = start(&(dev_issuer_options){0});
    hammer_by_four(issuer);
    dev_issuer_stop(issuer);
}

/* Whoever needs a key of another role first makes it; only one stays. */
static void many_threads_share_one_of_entra(void **state)
{
    (void)state;
    static const char *const names[] = {"ES256"};
    dev_issuer *issuer = start(&(dev_issuer_options){.entra = true, .algorithms = names, .algorithm_count = 1});
    hammer_by_four(issuer);
    char *text = dev_issuer_jwks(issuer);
    json_t *document = json_loads(text, 0, NULL);
    const json_t *keys = json_object_get(document, "keys");
    size_t of_another_cloud = 0;
    for (size_t i = 0; i < json_array_size(keys); i++)
        of_another_cloud += strcmp(json_string_value(json_object_get(json_array_get(keys, i), "cloud_instance_name")),
                                   "microsoftonline.us") == 0;
    assert_int_equal(of_another_cloud, 1);
    json_decref(document);
    free(text);
    dev_issuer_stop(issuer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_algorithm_signs_what_the_library_verifies),
        cmocka_unit_test(own_certificate_and_url),
        cmocka_unit_test(mint_merges_and_removes),
        cmocka_unit_test(bad_requests_are_explained),
        cmocka_unit_test(rotation_serves_what_it_is_told),
        cmocka_unit_test(keys_of_entra),
        cmocka_unit_test(entra_with_every_algorithm),
        cmocka_unit_test(refuses_what_it_can_not_do),
        cmocka_unit_test(many_threads_share_one),
        cmocka_unit_test(many_threads_share_one_of_entra),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
