/* SPDX-License-Identifier: MIT */
/* Tokens that are bound to a client's certificate (RFC 8705, section 3; Entra's MTLS_POP), and what else `cnf` may say. */
#include "support/trial.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define THUMBPRINT 43

static trial t;
static uint8_t *ours, *other; /* certificates in DER */
static size_t ours_len, other_len;
static char *print_of_ours;

/* A certificate that nobody vouches for: a mutual TLS host has looked at that. */
static uint8_t *make_certificate(size_t *len)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    uint8_t *der = NULL;
    assert_non_null(key);
    assert_non_null(certificate);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(certificate), 0));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(certificate), 3600));
    assert_int_equal(X509_set_pubkey(certificate, key), 1);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    int size = i2d_X509(certificate, &der);
    assert_true(size > 0x80);
    uint8_t *copy = malloc((size_t)size);
    assert_non_null(copy);
    memcpy(copy, der, (size_t)size);
    *len = (size_t)size;
    OPENSSL_free(der);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return copy;
}

static char *thumbprint(const uint8_t *der, size_t len)
{
    uint8_t digest[32];
    size_t size;
    assert_int_equal(EVP_Q_digest(NULL, "SHA256", NULL, der, len, digest, &size), 1);
    return mint_base64url(digest, size);
}

static int open_trial(void **state)
{
    (void)state;
    trial_open(&t, "ES256");
    must_ok(assay_request_new(&t.request, NULL));
    ours = make_certificate(&ours_len);
    other = make_certificate(&other_len);
    print_of_ours = thumbprint(ours, ours_len);
    assert_int_equal(strlen(print_of_ours), THUMBPRINT);
    return 0;
}

static int close_trial(void **state)
{
    (void)state;
    trial_close(&t);
    free(print_of_ours);
    free(ours);
    free(other);
    return 0;
}

static void present(const uint8_t *der, size_t len)
{
    must_ok(assay_request_set_client_certificate(t.request, der, len, NULL));
}

static void present_none(void)
{
    assay_request_free(t.request);
    must_ok(assay_request_new(&t.request, NULL));
}

/* A token with this `cnf`, "%s" standing for the thumbprint of our certificate. */
static char *bound(const char *cnf)
{
    char *text = strstr(cnf, "%s") == NULL ? trial_format("%s", cnf)
                                           : trial_format("%.*s%s%s", (int)(strstr(cnf, "%s") - cnf), cnf,
                                                          print_of_ours, strstr(cnf, "%s") + 2);
    char *payload = trial_format("{" TRIAL_BARE ",\"sub\":\"s\",\"iat\":1700000000,\"cnf\":%s}", text);
    char *token = trial_sign(&t, payload);
    free(payload);
    free(text);
    return token;
}

#define TO_OURS "{\"x5t#S256\":\"%s\"}"

static void b01_certificate_matches(void **state)
{
    (void)state;
    present(ours, ours_len);
    trial_accept(&t, bound(TO_OURS));
    trial_accept(&t, bound("{\"xms_ksl\":\"sw\",\"x5t#S256\":\"%s\"}")); /* members that nobody knows say nothing */
    char *escaped = trial_format("{\"x5t\\u0023S256\":\"\\u%04x%s\"}", (unsigned)print_of_ours[0], print_of_ours + 1);
    trial_accept(&t, bound(escaped)); /* JSON's spelling does not matter */
    free(escaped);
    /* The last one given counts. */
    present(other, other_len);
    trial_refuse(&t, bound(TO_OURS), ASSAY_E_BINDING);
    present(ours, ours_len);
    trial_accept(&t, bound(TO_OURS));
}

/* The operation has a copy of the request. */
static void b01_by_operation(void **state)
{
    (void)state;
    static const int wanted[] = {ASSAY_OK, ASSAY_E_BINDING, ASSAY_E_BINDING, ASSAY_OK};
    for (int i = 0; i < 4; i++) {
        char *token = i < 2 ? bound(TO_OURS) : trial_sign(&t, TRIAL_CLAIMS(""));
        present(i == 1 ? other : ours, i == 1 ? other_len : ours_len);
        if (i == 3)
            must_ok(assay_request_allow_unbound(t.request, NULL));
        trial_start(&t);
        assay_op *op = NULL;
        must_ok(assay_op_new_validate(t.validator, token, strlen(token), t.request, 1000, &op, NULL));
        present(i == 1 ? ours : other, i == 1 ? ours_len : other_len);
        assert_int_equal(assay_op_step(op), ASSAY_WANT_NOTHING);
        assert_int_equal(assay_op_result(op, NULL, NULL), wanted[i]);
        assay_op_free(op);
        free(token);
    }
}

static void b02_no_client_certificate(void **state)
{
    (void)state;
    trial_refuse(&t, bound(TO_OURS), ASSAY_E_UNPROVEN);
    must_ok(assay_request_allow_unbound(t.request, NULL)); /* which is about tokens without a binding */
    trial_refuse(&t, bound(TO_OURS), ASSAY_E_UNPROVEN);
    assay_error *error = trial_error(&t, bound(TO_OURS));
    assert_int_equal(assay_error_http_status(error), 401);
    assert_string_equal(assay_error_check(error), "binding");
    assay_error_free(error);
}

static void b02_another_certificate(void **state)
{
    (void)state;
    present(other, other_len);
    trial_refuse(&t, bound(TO_OURS), ASSAY_E_BINDING);
    must_ok(assay_request_allow_unbound(t.request, NULL));
    trial_refuse(&t, bound(TO_OURS), ASSAY_E_BINDING);
    /* Nobody learns from the answer which certificate it should have been. */
    assay_error *error = trial_error(&t, bound(TO_OURS));
    assert_int_equal(assay_error_code(error), ASSAY_E_BINDING);
    assert_false(trial_error_holds(error, print_of_ours));
    assay_error_free(error);
}

static void b02_thumbprint_differs_in_case(void **state)
{
    (void)state;
    present(ours, ours_len);
    size_t at = strcspn(print_of_ours, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    assert_true(at < THUMBPRINT);
    print_of_ours[at] = (char)tolower(print_of_ours[at]);
    trial_refuse(&t, bound(TO_OURS), ASSAY_E_BINDING);
}

static void b02_no_cnf(void **state)
{
    (void)state;
    present(ours, ours_len);
    trial_refuse_payload(&t, TRIAL_CLAIMS(""), ASSAY_E_BINDING);
    must_ok(assay_request_allow_unbound(t.request, NULL));
    trial_accept_payload(&t, TRIAL_CLAIMS(""));
    present_none();
    trial_accept_payload(&t, TRIAL_CLAIMS(""));
}

static void b02_cnf_is_no_object(void **state)
{
    (void)state;
    static const char *const values[] = {"\"%s\"", "[\"%s\"]", "null", "true", "1", "[" TO_OURS "]"};
    for (int given = 0; given < 2; given++) {
        for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
            trial_refuse(&t, bound(values[i]), ASSAY_E_CLAIM_TYPE);
        present(ours, ours_len);
        must_ok(assay_request_allow_unbound(t.request, NULL));
    }
}

/* Anything but the 43 characters. The last one has two unused bits, so three others decode to the same digest. */
static void other_spellings_of_the_thumbprint(void **state)
{
    (void)state;
    static const char *const values[] = {
        "{\"x5t#S256\":\"%s=\"}",   "{\"x5t#S256\":\" %s\"}", "{\"x5t#S256\":\"%s\\n\"}",
        "{\"x5t#S256\":\"\"}",      "{\"x5t#S256\":null}",    "{\"x5t#S256\":[\"%s\"]}",
        "{\"x5t#S256\":{\"a\":1}}", "{\"x5t#S256\":\"%sA\"}", "{\"x5t#S256\":1}",
    };
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    present(ours, ours_len);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        trial_refuse(&t, bound(values[i]), ASSAY_E_BINDING);
    char *last = &print_of_ours[THUMBPRINT - 1];
    const char *value = strchr(alphabet, *last);
    for (int bits = 1; bits < 4; bits++) {
        *last = alphabet[(value - alphabet) | bits];
        trial_refuse(&t, bound(TO_OURS), ASSAY_E_BINDING);
    }
    *last = '\0';
    trial_refuse(&t, bound(TO_OURS), ASSAY_E_BINDING);
    char *far_too_long = trial_repeat("\\u0041", 5000), *cnf = trial_format("{\"x5t#S256\":\"%s\"}", far_too_long);
    trial_refuse(&t, bound(cnf), ASSAY_E_BINDING);
    free(cnf);
    free(far_too_long);
}

static void b03_bad_signature_comes_first(void **state)
{
    (void)state;
    for (int given = 0; given < 2; given++) {
        char *token = bound(TO_OURS);
        size_t len;
        uint8_t *signature = trial_signature(token, &len);
        signature[5] ^= 1;
        trial_refuse(&t, trial_with_signature(token, signature, len), ASSAY_E_SIGNATURE);
        free(signature);
        free(token);
        present(ours, ours_len);
    }
}

static void b04_bound_token_as_bearer(void **state)
{
    (void)state;
    static const char *const bindings[] = {
        TO_OURS,
        "{\"jkt\":\"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I\"}",
        "{\"jwk\":{\"kty\":\"EC\"}}",
        "{\"kid\":\"k\"}",
        "{\"jku\":\"https://example.com/keys\"}",
        "{\"of-tomorrow\":1}",
        "{}",
    };
    assay_request_free(t.request);
    for (int with_request = 0; with_request < 2; with_request++) {
        t.request = NULL;
        if (with_request)
            must_ok(assay_request_new(&t.request, NULL));
        for (size_t i = 0; i < sizeof bindings / sizeof bindings[0]; i++)
            trial_refuse(&t, bound(bindings[i]), ASSAY_E_UNPROVEN);
    }
}

/* A certificate proves its own binding and no other. */
static void other_confirmations(void **state)
{
    (void)state;
    static const char *const others[] = {"jwk", "jwe", "kid", "jku", "jkt", "osc"};
    present(ours, ours_len);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        char *alone = trial_format("{\"%s\":\"x\"}", others[i]);
        char *beside = trial_format("{\"%s\":null,\"x5t#S256\":\"%%s\"}", others[i]);
        char *beside_wrong = trial_format("{\"%s\":\"x\",\"x5t#S256\":\"A\"}", others[i]);
        trial_refuse(&t, bound(alone), ASSAY_E_UNPROVEN);
        trial_refuse(&t, bound(beside), ASSAY_E_UNPROVEN);
        trial_refuse(&t, bound(beside_wrong), ASSAY_E_BINDING);
        free(alone);
        free(beside);
        free(beside_wrong);
    }
    trial_refuse(&t, bound("{}"), ASSAY_E_UNPROVEN);
    must_ok(assay_request_allow_unbound(t.request, NULL));
    trial_refuse(&t, bound("{\"jkt\":\"x\"}"), ASSAY_E_UNPROVEN);
}

/* The switch is about what nobody proved. What the request demands, and what is proven wrong, it does not touch. */
static void accepted_unproven(void **state)
{
    (void)state;
    must_ok(assay_issuer_accept_unproven_binding(t.issuer, NULL));
    trial_accept(&t, bound(TO_OURS));
    trial_accept(&t, bound("{\"jkt\":\"x\"}"));
    trial_accept(&t, bound("{}"));
    trial_refuse(&t, bound("\"x\""), ASSAY_E_CLAIM_TYPE);
    present(other, other_len);
    trial_refuse(&t, bound(TO_OURS), ASSAY_E_BINDING);
    trial_refuse(&t, bound("{\"jkt\":\"x\"}"), ASSAY_E_BINDING);
    trial_refuse_payload(&t, TRIAL_CLAIMS(""), ASSAY_E_BINDING);
    present(ours, ours_len);
    trial_accept(&t, bound(TO_OURS));
    trial_accept(&t, bound("{\"jkt\":\"x\",\"x5t#S256\":\"%s\"}"));
    present(other, other_len);
    must_ok(assay_request_allow_unbound(t.request, NULL));
    trial_accept(&t, bound("{\"jkt\":\"x\"}"));
    trial_refuse(&t, bound(TO_OURS), ASSAY_E_BINDING);
    must_fail(assay_issuer_accept_unproven_binding(NULL, &error), ASSAY_E_ARGUMENT);
}

static void accepted_unproven_by_document(void **state)
{
    (void)state;
    static const char *const values[] = {"true", "false"};
    for (int i = 0; i < 2; i++) {
        char *json = trial_format("{\"issuers\":[{\"issuer\":\"%s\",\"audiences\":\"%s\",\"algorithms\":\"ES256\","
                                  "\"accept_unproven_binding\":%s,\"jwks\":%s}]}",
                                  TRIAL_ISSUER, TRIAL_AUDIENCE, values[i], mint_key_jwk(t.key));
        trial_restart(&t);
        must_ok(assay_validator_from_json(t.runtime, json, strlen(json), &t.validator, NULL));
        if (i == 0)
            trial_accept(&t, bound(TO_OURS));
        else
            trial_refuse(&t, bound(TO_OURS), ASSAY_E_UNPROVEN);
        free(json);
    }
}

static void refuses_bytes(const uint8_t *der, size_t len, const char *saying)
{
    assay_error *error = NULL;
    /* Memory of exactly this size: one byte read beyond it is seen by the sanitizer. */
    uint8_t *exact = malloc(len == 0 ? 1 : len);
    assert_non_null(exact);
    if (len > 0)
        memcpy(exact, der, len);
    assert_int_equal(assay_request_set_client_certificate(t.request, exact, len, &error), ASSAY_E_ARGUMENT);
    assert_non_null(strstr(assay_error_message(error), saying));
    assay_error_free(error);
    free(exact);
}

static void what_is_no_certificate(void **state)
{
    (void)state;
    static const uint8_t pem[] = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    static const uint8_t zero_digit[] = {0x30, 0x82, 0x00, 0x81}, short_form[] = {0x30, 0x81, 0x02, 5, 0};
    static const uint8_t endless[] = {0x30, 0x80, 0, 0}, wide[] = {0x30, 0x84, 1, 0, 0, 0}, set[] = {0x31, 0};
    present(ours, ours_len);
    refuses_bytes(pem, sizeof pem - 1, "PEM");
    refuses_bytes(ours, 0, "empty");
    refuses_bytes(zero_digit, sizeof zero_digit, "DER");
    refuses_bytes(short_form, sizeof short_form, "DER");
    refuses_bytes(endless, sizeof endless, "DER");
    refuses_bytes(wide, sizeof wide, "DER");
    refuses_bytes(set, sizeof set, "DER");
    for (size_t len = 1; len < ours_len; len++)
        refuses_bytes(ours, len, "DER");
    uint8_t *chain = malloc(65537);
    assert_non_null(chain);
    memset(chain, 0, 65537);
    memcpy(chain, ours, ours_len);
    memcpy(chain + ours_len, other, other_len);
    refuses_bytes(chain, ours_len + 1, "DER");
    refuses_bytes(chain, ours_len + other_len, "DER");
    /* The longest that is taken, and one byte more. */
    memcpy(chain, (const uint8_t[]){0x30, 0x82, 0xff, 0xfc}, 4);
    refuses_bytes(chain, 65537, "65536");
    trial_accept(&t, bound(TO_OURS)); /* none of that has changed the request */
    must_ok(assay_request_set_client_certificate(t.request, chain, 65536, NULL));
    trial_refuse(&t, bound(TO_OURS), ASSAY_E_BINDING);
    free(chain);
    must_fail(assay_request_set_client_certificate(t.request, NULL, 5, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_request_set_client_certificate(NULL, ours, ours_len, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_request_allow_unbound(NULL, &error), ASSAY_E_ARGUMENT);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, open_trial, close_trial)
    const struct CMUnitTest tests[] = {
        CASE(b01_certificate_matches),
        CASE(b01_by_operation),
        CASE(b02_no_client_certificate),
        CASE(b02_another_certificate),
        CASE(b02_thumbprint_differs_in_case),
        CASE(b02_no_cnf),
        CASE(b02_cnf_is_no_object),
        CASE(other_spellings_of_the_thumbprint),
        CASE(b03_bad_signature_comes_first),
        CASE(b04_bound_token_as_bearer),
        CASE(other_confirmations),
        CASE(accepted_unproven),
        CASE(accepted_unproven_by_document),
        CASE(what_is_no_certificate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
