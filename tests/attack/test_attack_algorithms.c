/* SPDX-License-Identifier: MIT */
/* Attacks 1 to 7 and 12 to 16 of the catalogue: algorithm and key confusion. */
#include "support/trial.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char good[] = TRIAL_CLAIMS("");

/* Forge with HMAC and these bytes as the key, for each of the three algorithms. */
static void forge(trial *t, const void *secret, size_t len, int code)
{
    static const char *const names[] = {"HS256", "HS384", "HS512"};
    for (size_t i = 0; i < 3; i++) {
        char *header = trial_format("{\"alg\":\"%s\",\"kid\":\"k\",\"typ\":\"JWT\"}", names[i]);
        char *without_kid = trial_format("{\"alg\":\"%s\"}", names[i]);
        trial_refuse(t, mint_hmac(names[i], secret, len, header, good), code);
        int expected = code == ASSAY_E_ALGORITHM_KEY ? ASSAY_E_SIGNATURE : code; /* the one symmetric key is tried */
        if (i == 0 || code == ASSAY_E_ALGORITHM)
            trial_refuse(t, mint_hmac(names[i], secret, len, without_kid, good), expected);
        free(header);
        free(without_kid);
    }
}

/* The member of a JWK as text, and as bytes. */
static char *member(const char *jwk, const char *name)
{
    char *start = trial_format("\"%s\":\"", name);
    const char *at = strstr(jwk, start);
    assert_non_null(at);
    at += strlen(start);
    free(start);
    return trial_format("%.*s", (int)strcspn(at, "\""), at);
}

static void forge_with_public_key(trial *t, const mint_key *key, int code)
{
    const char *pem = mint_key_pem(key);
    size_t len = strlen(pem), der_len;
    const uint8_t *der = mint_key_der(key, &der_len);
    forge(t, pem, len, code);
    forge(t, pem, len - 1, code); /* without its last newline */
    forge(t, pem, len + 1, code); /* with a NUL */
    char *spaced = trial_format("\n %s\r\n", pem);
    forge(t, spaced, strlen(spaced), code);
    free(spaced);
    const char *body = strchr(pem, '\n') + 1;
    forge(t, body, (size_t)(strstr(body, "-----END") - body), code);
    forge(t, der, der_len, code);
    forge(t, mint_key_jwk(key), strlen(mint_key_jwk(key)), code);
    forge(t, mint_key_bare_jwk(key), strlen(mint_key_bare_jwk(key)), code);
    char *set = trial_format("{\"keys\":[%s]}", mint_key_jwk(key));
    forge(t, set, strlen(set), code);
    free(set);
    char *number = member(mint_key_jwk(key), strstr(mint_key_jwk(key), "\"n\"") != NULL ? "n" : "x");
    forge(t, number, strlen(number), code);
    char *dotted = trial_format("x.%s", number);
    size_t bytes_len;
    uint8_t *bytes = trial_signature(dotted, &bytes_len);
    forge(t, bytes, bytes_len, code);
    free(number);
    free(dotted);
    free(bytes);
}

static void attack_01_rs256_to_hs256_public_key(void **state)
{
    (void)state;
    static const char *const names[] = {"RS256", "ES256", "Ed25519"};
    for (size_t i = 0; i < 3; i++) {
        trial t;
        trial_open(&t, names[i]);
        forge_with_public_key(&t, t.key, ASSAY_E_ALGORITHM);
        trial_close(&t);
    }
}

/* The same where HMAC is allowed, because another key of the issuer is symmetric. */
static void attack_01_with_hmac_allowed(void **state)
{
    (void)state;
    trial t;
    trial_open(&t, "RS256");
    mint_key *secret = mint_key_new("HS512", "secret");
    char *jwk = trial_format("{\"kid\":\"secret\",%s", mint_key_bare_jwk(secret) + 1);
    trial_add_jwk(&t, jwk);
    static const char *const names[] = {"HS256", "HS384", "HS512"};
    for (size_t i = 0; i < 3; i++)
        must_ok(assay_issuer_add_algorithm(t.issuer, names[i], NULL));
    forge_with_public_key(&t, t.key, ASSAY_E_ALGORITHM_KEY);
    free(jwk);
    mint_key_free(secret);
    trial_close(&t);
}

static void attack_02_key_text_as_secret(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC7 user@host of the company",
        "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA\n-----END PUBLIC KEY-----\n",
        "-----BEGIN RSA PUBLIC KEY-----\nMIIBCgKCAQEAu1SU1LfVLPHCozMxH2Mo4lgOEePzNm0t\n-----END RSA PUBLIC KEY-----\n",
        " -----BEGIN CERTIFICATE-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA\n-----END CERTIFICATE-----\n",
    };
    trial t;
    trial_open(&t, "RS256");
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        forge(&t, texts[i], strlen(texts[i]), ASSAY_E_ALGORITHM);
        /* And no text is taken as a key. */
        must_fail(assay_keyset_add_json(t.keys, texts[i], strlen(texts[i]), &error), ASSAY_E_CONFIG_KEYS);
    }
    const char *pem = mint_key_pem(t.key);
    must_fail(assay_keyset_add_json_with_symmetric(t.keys, pem, strlen(pem), &error), ASSAY_E_CONFIG_KEYS);
    trial_close(&t);
}

static void attack_03_public_jwk_as_secret(void **state)
{
    (void)state;
    trial t;
    trial_open(&t, "HS256"); /* HMAC is allowed, and a public key stands beside the secret */
    mint_key *public = mint_key_new("RS256", "public");
    trial_add_jwk(&t, mint_key_jwk(public));
    const char *texts[] = {mint_key_jwk(public), mint_key_bare_jwk(public), "{}", "{\"kty\":\"RSA\"}"};
    for (size_t i = 0; i < 4; i++) {
        trial_refuse(&t, mint_hmac("HS256", texts[i], strlen(texts[i]), "{\"alg\":\"HS256\",\"kid\":\"public\"}", good),
                     ASSAY_E_ALGORITHM_KEY);
        trial_refuse(&t, mint_hmac("HS256", texts[i], strlen(texts[i]), TRIAL_HEADER("HS256", ""), good),
                     ASSAY_E_SIGNATURE);
    }
    trial_accept_payload(&t, good);
    mint_key_free(public);
    trial_close(&t);
}

static void attack_04_key_of_another_algorithm(void **state)
{
    (void)state;
    static const char *const says[] = {"PS256", "RS512", "RS384", "RSA-OAEP", "none", "", "rs256"};
    trial t;
    trial_open(&t, "RS256");
    for (size_t i = 0; i < sizeof says / sizeof says[0]; i++) {
        char *kid = trial_format("says-%zu", i);
        char *jwk = trial_format("{\"kid\":\"%s\",\"alg\":\"%s\",%s", kid, says[i], mint_key_bare_jwk(t.key) + 1);
        char *header = trial_format("{\"alg\":\"RS256\",\"kid\":\"%s\"}", kid);
        trial_add_jwk(&t, jwk);
        trial_restart(&t);
        trial_refuse(&t, trial_token(&t, header, good), ASSAY_E_ALGORITHM_KEY);
        free(kid);
        free(jwk);
        free(header);
    }
    trial_accept_payload(&t, good);
    trial_close(&t);
}

/* Every algorithm against the key of every other family: only its own key serves. */
static void attack_05_key_type_unrestricted(void **state)
{
    (void)state;
    static const char *const names[] = {"RS256", "RS384", "RS512",  "PS256", "PS384",   "PS512", "ES256",
                                        "ES384", "ES512", "ES256K", "EdDSA", "Ed25519", "Ed448", "HS256"};
    enum { COUNT = sizeof names / sizeof names[0] };
    trial t;
    trial_open(&t, "RS256");
    mint_key *keys[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        keys[i] = mint_key_new(names[i], names[i]);
        trial_add_jwk(&t, mint_key_jwk(keys[i]));
        must_ok(assay_issuer_add_algorithm(t.issuer, names[i], NULL));
    }
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t j = 0; j < COUNT; j++) {
            char *header = trial_format("{\"alg\":\"%s\",\"kid\":\"%s\"}", names[i], names[j]);
            char *token = mint_sign(keys[i], names[i], header, good);
            /* EdDSA is the older name of what Ed25519 names (RFC 9864): the key fits, the signature is another's. */
            int both = (strcmp(names[i], "EdDSA") == 0 && strncmp(names[j], "Ed", 2) == 0) ||
                       (strcmp(names[j], "EdDSA") == 0 && strcmp(names[i], "Ed25519") == 0);
            if (i == j)
                trial_accept(&t, token);
            else
                trial_refuse(&t, token, both ? ASSAY_E_SIGNATURE : ASSAY_E_ALGORITHM_KEY);
            free(header);
        }
    }
    for (size_t i = 0; i < COUNT; i++)
        mint_key_free(keys[i]);
    trial_close(&t);
}

static void attack_06_kid_selects_another_type(void **state)
{
    (void)state;
    trial t;
    trial_open(&t, "RS256");
    mint_key *same_kid = mint_key_new("ES256", TRIAL_KID);
    mint_key *other = mint_key_new("ES256", "other");
    trial_add_jwk(&t, mint_key_jwk(same_kid));
    trial_add_jwk(&t, mint_key_jwk(other));
    must_ok(assay_issuer_add_algorithm(t.issuer, "ES256", NULL));
    trial_accept_payload(&t, good);
    trial_accept(&t, mint_sign(same_kid, "ES256", TRIAL_HEADER("ES256", ""), good));
    trial_refuse(&t, mint_sign(same_kid, "ES256", TRIAL_HEADER("RS256", ""), good), ASSAY_E_SIGNATURE);
    trial_refuse(&t, trial_token(&t, TRIAL_HEADER("ES256", ""), good), ASSAY_E_SIGNATURE);
    trial_refuse(&t, trial_token(&t, "{\"alg\":\"RS256\",\"kid\":\"other\"}", good), ASSAY_E_ALGORITHM_KEY);
    trial_refuse(&t, mint_sign(other, "ES256", TRIAL_HEADER("ES256", ""), good), ASSAY_E_SIGNATURE);
    mint_key_free(same_kid);
    mint_key_free(other);
    trial_close(&t);
}

static void attack_07_unprotected_header(void **state)
{
    (void)state;
    trial t;
    trial_open(&t, "RS256");
    char *token = trial_sign(&t, good);
    char *first = strchr(token, '.'), *second = strrchr(token, '.');
    *first = *second = '\0';
    static const char *const formats[] = {
        "{\"payload\":\"%2$s\",\"protected\":\"%1$s\",\"signature\":\"%3$s\"}",
        "{\"payload\":\"%2$s\",\"header\":{\"alg\":\"none\"},\"protected\":\"%1$s\",\"signature\":\"%3$s\"}",
        "{\"payload\":\"%2$s\",\"signatures\":[{\"protected\":\"%1$s\",\"signature\":\"%3$s\"}]}",
        "{\"payload\":\"%2$s\",\"signatures\":[{\"header\":{\"alg\":\"RS256\",\"kid\":\"k\"},\"signature\":\"%3$s\"}]}",
    };
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        char *json = NULL;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        assert_true(asprintf(&json, formats[i], token, first + 1, second + 1) > 0);
#pragma GCC diagnostic pop
        trial_refuse(&t, json, ASSAY_E_MALFORMED);
    }
    free(token);
    trial_close(&t);
}

static void attack_12_empty_hmac_key(void **state)
{
    (void)state;
    trial t;
    trial_open(&t, "HS256");
    trial_refuse(&t, mint_hmac("HS256", "", 0, TRIAL_HEADER("HS256", ""), good), ASSAY_E_SIGNATURE);
    trial_refuse(&t, mint_hmac("HS256", "\0", 1, TRIAL_HEADER("HS256", ""), good), ASSAY_E_SIGNATURE);
    trial_refuse(&t, mint_hmac("HS256", "null", 4, TRIAL_HEADER("HS256", ""), good), ASSAY_E_SIGNATURE);
    must_fail(assay_keyset_add_symmetric(t.keys, "e", "HS256", (const uint8_t *)"", 0, &error), ASSAY_E_CONFIG_KEYS);
    must_fail(assay_keyset_add_symmetric(t.keys, "e", "HS256", NULL, 0, &error), ASSAY_E_ARGUMENT);
    static const char *const jwks[] = {"{\"kty\":\"oct\",\"k\":\"\"}", "{\"kty\":\"oct\"}",
                                       "{\"kty\":\"oct\",\"k\":null}"};
    size_t before = assay_keyset_count(t.keys);
    for (size_t i = 0; i < 3; i++)
        trial_add_jwk(&t, jwks[i]);
    assert_int_equal(assay_keyset_count(t.keys), before);
    assert_int_equal(assay_keyset_skipped_count(t.keys), 3);
    trial_close(&t);

    /* An issuer without any key can't allow HMAC. */
    assay_issuer *issuer = NULL;
    assay_validator *validator = NULL;
    must_ok(assay_issuer_new(TRIAL_ISSUER, &issuer, NULL));
    must_ok(assay_issuer_add_audience(issuer, TRIAL_AUDIENCE, NULL));
    must_ok(assay_issuer_add_algorithm(issuer, "HS256", NULL));
    must_fail(assay_validator_new(NULL, &issuer, 1, &validator, &error), ASSAY_E_CONFIG_ALGORITHM);
    assert_null(validator);
    assay_issuer_free(issuer);
}

static void attack_13_file_name_as_key(void **state)
{
    (void)state;
    static const char *const names[] = {"/etc/hostname", "file:///etc/hostname", "@/etc/hostname", "./README.md",
                                        "/dev/null"};
    assay_keyset *keys = NULL;
    must_ok(assay_keyset_new(NULL, &keys, NULL));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        must_fail(assay_keyset_add_json(keys, names[i], strlen(names[i]), &error), ASSAY_E_CONFIG_KEYS);
        must_fail(assay_keyset_add_symmetric(keys, NULL, "HS256", (const uint8_t *)names[i], strlen(names[i]), &error),
                  ASSAY_E_CONFIG_KEYS);
    }
    assert_int_equal(assay_keyset_count(keys), 0);
    assay_keyset_unref(keys);
}

static void attack_14_short_hmac_key(void **state)
{
    (void)state;
    static const struct {
        const char *algorithm;
        size_t least;
    } rows[] = {{"HS256", 32}, {"HS384", 48}, {"HS512", 64}};
    static const uint8_t secret[1025] = {1, 2, 3};
    assay_keyset *keys = NULL;
    must_ok(assay_keyset_new(NULL, &keys, NULL));
    for (size_t i = 0; i < 3; i++) {
        const char *name = rows[i].algorithm;
        must_fail(assay_keyset_add_symmetric(keys, "s", name, secret, 1, &error), ASSAY_E_CONFIG_KEYS);
        must_fail(assay_keyset_add_symmetric(keys, "s", name, secret, rows[i].least - 1, &error), ASSAY_E_CONFIG_KEYS);
        must_ok(assay_keyset_add_symmetric(keys, "s", name, secret, rows[i].least, NULL));
        must_ok(assay_keyset_add_symmetric(keys, "s", name, secret, 1024, NULL));
        must_fail(assay_keyset_add_symmetric(keys, "s", name, secret, 1025, &error), ASSAY_E_CONFIG_KEYS);
    }
    must_fail(assay_keyset_add_symmetric(keys, "s", "RS256", secret, 64, &error), ASSAY_E_CONFIG_ALGORITHM);
    assay_keyset_unref(keys);

    /* A key long enough for HS256 alone serves neither HS384 nor HS512. */
    trial t;
    trial_open(&t, "HS256");
    char *jwk = trial_format("{\"kid\":\"any\",%s", mint_key_bare_jwk(t.key) + 1);
    trial_add_jwk(&t, jwk);
    free(jwk);
    must_ok(assay_issuer_add_algorithm(t.issuer, "HS384", NULL));
    must_ok(assay_issuer_add_algorithm(t.issuer, "HS512", NULL));
    trial_refuse(&t, mint_sign(t.key, "HS384", "{\"alg\":\"HS384\",\"kid\":\"any\"}", good), ASSAY_E_ALGORITHM_KEY);
    trial_refuse(&t, mint_sign(t.key, "HS512", "{\"alg\":\"HS512\",\"kid\":\"any\"}", good), ASSAY_E_ALGORITHM_KEY);
    trial_accept(&t, mint_sign(t.key, "HS256", "{\"alg\":\"HS256\",\"kid\":\"any\"}", good));
    trial_close(&t);
}

static void attack_15_symmetric_key_in_public_set(void **state)
{
    (void)state;
    mint_key *secret = mint_key_new("HS256", "secret");
    mint_key *public = mint_key_new("RS256", "public");
    mint_key *both[] = {secret, public};
    char *set = mint_jwks(both, 2);
    assay_keyset *keys = NULL;
    uint8_t *payload = NULL;
    size_t len;
    must_ok(assay_keyset_new(NULL, &keys, NULL));
    must_ok(assay_keyset_add_json(keys, set, strlen(set), NULL));
    assert_int_equal(assay_keyset_count(keys), 1);
    assert_int_equal(assay_keyset_skipped_count(keys), 1);
    assert_string_equal(assay_keyset_kid(keys, 0), "public");
    assert_non_null(strstr(assay_keyset_skip_reason(keys, 0), "symmetric"));
    char *token = mint_token(secret, good);
    must_fail(assay_jws_verify(keys, "HS256 RS256", token, strlen(token), &payload, &len, &error), ASSAY_E_KEY_UNKNOWN);
    assert_null(payload);
    free(token);
    free(set);
    mint_key_free(secret);
    mint_key_free(public);
    assay_keyset_unref(keys);
}

static void attack_16_jwe_instead_of_jws(void **state)
{
    (void)state;
    static const char *const headers[] = {
        "{\"alg\":\"dir\",\"enc\":\"A256GCM\"}",
        "{\"alg\":\"RSA-OAEP\",\"enc\":\"A256GCM\",\"kid\":\"k\"}",
        "{\"alg\":\"RS256\",\"kid\":\"k\"}",
        "{\"alg\":\"PBES2-HS256+A128KW\",\"p2c\":2147483647}",
    };
    trial t;
    trial_open(&t, "RS256");
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        char *left = mint_base64url(headers[i], strlen(headers[i]));
        trial_refuse(&t, trial_format("%s.a2V5.aXY.Y2lwaGVydGV4dA.dGFn", left), ASSAY_E_ENCRYPTED);
        trial_refuse(&t, trial_format("%s....", left), ASSAY_E_ENCRYPTED);
        free(left);
    }
    /* A JWE's algorithm over three segments is none that signs. */
    trial_refuse(&t, trial_token(&t, "{\"alg\":\"RSA-OAEP\",\"enc\":\"A256GCM\",\"kid\":\"k\"}", good),
                 ASSAY_E_ALGORITHM);
    trial_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attack_01_rs256_to_hs256_public_key),
        cmocka_unit_test(attack_01_with_hmac_allowed),
        cmocka_unit_test(attack_02_key_text_as_secret),
        cmocka_unit_test(attack_03_public_jwk_as_secret),
        cmocka_unit_test(attack_04_key_of_another_algorithm),
        cmocka_unit_test(attack_05_key_type_unrestricted),
        cmocka_unit_test(attack_06_kid_selects_another_type),
        cmocka_unit_test(attack_07_unprotected_header),
        cmocka_unit_test(attack_12_empty_hmac_key),
        cmocka_unit_test(attack_13_file_name_as_key),
        cmocka_unit_test(attack_14_short_hmac_key),
        cmocka_unit_test(attack_15_symmetric_key_in_public_set),
        cmocka_unit_test(attack_16_jwe_instead_of_jws),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
