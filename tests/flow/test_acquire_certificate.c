/* SPDX-License-Identifier: MIT */
/* A client that proves itself to Entra with a certificate's key (RFC 7523; exchange.md 2.4), end to end and with the files on disk replaced. */
#include "support/arrivals.h"
#include "support/client_keys.h"
#include "support/exchange_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOKEN_PATH "/" EXCHANGE_TENANT "/oauth2/v2.0/token"

static void get_and_drop(assay_credential *credential)
{
    assay_access_token_unref(exchange_scene_get(credential, EXCHANGE_SCOPE));
    assay_credential_unref(credential);
}

static void register_certificates(exchange_scene *scene, const char *const *names, size_t count)
{
    json_t *certificates = json_array(), *app = exchange_scene_app(scene);
    for (size_t i = 0; i < count; i++) {
        size_t len;
        char *pem = client_keys_read(names[i], &len);
        (void)json_array_append_new(certificates, json_string(pem));
        free(pem);
    }
    (void)json_object_set_new(app, "certificates", certificates);
    exchange_scene_add_app(scene->entra, app);
}

/* Unpadded base64url of the SHA-256 of a certificate's DER, and standard base64 of the DER itself. */
static void encode_certificate(const char *name, char thumbprint[64], char **der_text)
{
    unsigned char digest[32], *der = NULL;
    unsigned int digest_len = 0;
    FILE *file = fopen(client_keys_path(name), "r");
    assert_non_null(file);
    X509 *certificate = PEM_read_X509(file, NULL, NULL, NULL);
    (void)fclose(file);
    assert_int_equal(X509_digest(certificate, EVP_sha256(), digest, &digest_len), 1);
    (void)EVP_EncodeBlock((unsigned char *)thumbprint, digest, 32);
    for (char *at = thumbprint; *at != '\0'; at++)
        *at = *at == '+' ? '-' : *at == '/' ? '_' : *at == '=' ? '\0' : *at;
    int len = i2d_X509(certificate, &der);
    *der_text = calloc(1, (size_t)len * 2);
    (void)EVP_EncodeBlock((unsigned char *)*der_text, der, len);
    OPENSSL_free(der);
    X509_free(certificate);
}

static assay_credential *certificate(exchange_scene *scene, const char *pem, const char *key)
{
    assay_credential *credential = exchange_scene_credential(scene, "client-certificate");
    assert_int_equal(
        assay_credential_set_signing_files(credential, client_keys_path(pem), client_keys_path(key), NULL, NULL),
        ASSAY_OK);
    return credential;
}

static void expect_thumbprint(const arrivals *sent, const char *name)
{
    char thumbprint[64], *der;
    encode_certificate(name, thumbprint, &der);
    arrivals_asserts(sent, "assertion_header", "x5t#S256", thumbprint);
    free(der);
}

static void test_case_81_assertion_of_a_certificate(void **state)
{
    exchange_scene *scene = *state;
    arrivals sent;
    char endpoint[256];
    register_certificates(scene, (const char *const[]){"client.pem"}, 1);
    get_and_drop(certificate(scene, "client.pem", "client.key"));
    arrivals_take(scene->entra, &sent);
    (void)snprintf(endpoint, sizeof endpoint, "%s%s", dev_issuer_base(scene->entra), TOKEN_PATH);
    arrivals_asserts(&sent, "assertion_header", "alg", "PS256");
    assert_null(arrivals_assertion(&sent, "assertion_header", "x5c"));
    assert_null(arrivals_assertion(&sent, "assertion_header", "x5t"));
    expect_thumbprint(&sent, "client.pem");
    arrivals_asserts(&sent, "assertion_claims", "aud", endpoint);
    arrivals_asserts(&sent, "assertion_claims", "iss", EXCHANGE_CLIENT);
    arrivals_asserts(&sent, "assertion_claims", "sub", EXCHANGE_CLIENT);
    json_int_t exp = json_integer_value(arrivals_assertion(&sent, "assertion_claims", "exp"));
    json_int_t nbf = json_integer_value(arrivals_assertion(&sent, "assertion_claims", "nbf"));
    assert_in_range(exp - nbf, 60, 600);
    assert_int_equal(strlen(json_string_value(arrivals_assertion(&sent, "assertion_claims", "jti"))), 36);
    arrivals_has(&sent, "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    arrivals_lacks(&sent, "client_secret");
    arrivals_drop(&sent);
}

static void test_case_82_chain_in_its_order(void **state)
{
    exchange_scene *scene = *state;
    arrivals sent;
    register_certificates(scene, (const char *const[]){"client.pem"}, 1);
    assay_credential *credential = exchange_scene_credential(scene, "client-certificate");
    assert_int_equal(assay_credential_set_signing_files(credential, client_keys_path("mixed.pem"), NULL, NULL, NULL),
                     ASSAY_OK);
    assert_int_equal(assay_credential_send_certificate_chain(credential, NULL), ASSAY_OK);
    get_and_drop(credential);
    arrivals_take(scene->entra, &sent);
    const json_t *chain = arrivals_assertion(&sent, "assertion_header", "x5c");
    static const char *const order[] = {"client.pem", "sub.pem"};
    assert_true(json_array_size(chain) >= 2);
    for (size_t i = 0; i < 2; i++) {
        char thumbprint[64], *der;
        encode_certificate(order[i], thumbprint, &der);
        assert_string_equal(json_string_value(json_array_get(chain, i)), der);
        free(der);
    }
    arrivals_drop(&sent);
}

static void test_case_83_keys_that_entra_would_not_take(void **state)
{
    static const struct {
        const char *certificate, *key;
        int code;
    } all[] = {{"ec.pem", "ec.key", ASSAY_E_CONFIG_SIGNING_KEY},
               {"client.pem", "next.key", ASSAY_E_CONFIG_SIGNING_KEY},
               {"client.pem", "weak.key", ASSAY_E_CONFIG_SIGNING_KEY},
               {"client.pem", "no-such.key", ASSAY_E_CONFIG_SIGNING_KEY},
               {"client.pem", "encrypted.key", ASSAY_E_CONFIG_SIGNING_KEY}};
    exchange_scene *scene = *state;
    int64_t before = exchange_scene_requests(scene);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        assay_credential *credential = certificate(scene, all[i].certificate, all[i].key);
        assay_error_free(exchange_scene_refused(credential, EXCHANGE_SCOPE, 5000, all[i].code));
        assay_credential_unref(credential);
    }
    assert_int_equal(exchange_scene_requests(scene), before);
}

static void copy_key(const char *from, const char *to)
{
    size_t len;
    char *text = client_keys_read(from, &len);
    client_keys_replace(to, text, len);
    free(text);
}

static void test_case_84_rotation_on_disk(void **state)
{
    exchange_scene *scene = *state;
    arrivals sent;
    register_certificates(scene, (const char *const[]){"client.pem", "next.pem"}, 2);
    copy_key("client.pem", "live.pem");
    copy_key("client.key", "live.key");
    assay_credential *credential = certificate(scene, "live.pem", "live.key");
    assay_access_token_unref(exchange_scene_get(credential, EXCHANGE_SCOPE));
    arrivals_take(scene->entra, &sent);
    expect_thumbprint(&sent, "client.pem");
    arrivals_drop(&sent);
    copy_key("next.pem", "live.pem");
    copy_key("next.key", "live.key");
    assay_credential_forget(credential, NULL);
    assay_access_token_unref(exchange_scene_get(credential, EXCHANGE_SCOPE));
    arrivals_take(scene->entra, &sent);
    expect_thumbprint(&sent, "next.pem");
    arrivals_drop(&sent);
    assay_credential_unref(credential);
}

/* An unknown certificate is said to be one, and the fix is about certificates. */
static void unknown_certificate(void **state)
{
    exchange_scene *scene = *state;
    register_certificates(scene, (const char *const[]){"next.pem"}, 1);
    assay_credential *credential = certificate(scene, "client.pem", "client.key");
    int64_t before = exchange_scene_requests(scene);
    assay_error *error = exchange_scene_refused(credential, EXCHANGE_SCOPE, 5000, ASSAY_E_GRANT);
    assert_int_equal(assay_error_diagnosis(error), 9);
    assert_int_equal(exchange_scene_requests(scene) - before, 1);
    assay_error_free(error);
    assay_credential_unref(credential);
}

static int setup(void **state)
{
    if (client_keys_make(state) != 0)
        return 1;
    (void)exchange_scene_setup(state);
    return 0;
}

static int teardown(void **state)
{
    exchange_scene_stop(*state);
    return client_keys_remove(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_case_81_assertion_of_a_certificate),
        cmocka_unit_test(test_case_82_chain_in_its_order),
        cmocka_unit_test(test_case_83_keys_that_entra_would_not_take),
        cmocka_unit_test(test_case_84_rotation_on_disk),
        cmocka_unit_test(unknown_certificate),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
