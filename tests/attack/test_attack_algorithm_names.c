/* SPDX-License-Identifier: MIT */
/* Attacks 8 to 11 of the catalogue: "none" in every spelling, and names that are no algorithm's. */
#include "support/trial.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static const char good[] = TRIAL_CLAIMS("");

static void refuse_unsigned(trial *t, const char *header, int code)
{
    char *left = mint_base64url(header, strlen(header));
    char *right = mint_base64url(good, strlen(good));
    char *signed_token = trial_sign(t, good);
    const char *signature = strrchr(signed_token, '.') + 1;
    trial_refuse(t, trial_format("%s.%s.", left, right), code);
    trial_refuse(t, trial_format("%s.%s.%s", left, right, signature), code);
    trial_refuse(t, trial_format("%s.%s.AA", left, right), code);
    trial_refuse(t, trial_format("%s.%s", left, right), ASSAY_E_MALFORMED);
    free(signed_token);
    free(left);
    free(right);
}

static void attack_08_algorithm_none(void **state)
{
    (void)state;
    trial t;
    trial_open(&t, "RS256");
    must_fail(assay_issuer_add_algorithm(t.issuer, "none", &error), ASSAY_E_CONFIG_ALGORITHM);
    refuse_unsigned(&t, "{\"alg\":\"none\"}", ASSAY_E_ALGORITHM_NONE);
    refuse_unsigned(&t, "{\"alg\":\"none\",\"kid\":\"k\"}", ASSAY_E_ALGORITHM_NONE);
    refuse_unsigned(&t, "{\"alg\":\"none\",\"typ\":\"JWT\",\"crit\":[]}", ASSAY_E_ALGORITHM_NONE);
    refuse_unsigned(&t, TRIAL_HEADER("RS256", ",\"x\":\"none\""), ASSAY_E_SIGNATURE);
    uint8_t *payload;
    size_t len;
    char *token = mint_hmac("HS256", "", 0, "{\"alg\":\"none\"}", good);
    must_fail(assay_jws_verify(t.keys, "none", token, strlen(token), &payload, &len, &error), ASSAY_E_CONFIG_ALGORITHM);
    must_fail(assay_jws_verify(t.keys, "RS256", token, strlen(token), &payload, &len, &error), ASSAY_E_ALGORITHM_NONE);
    assert_null(payload);
    free(token);
    trial_close(&t);
}

static void attack_09_spellings_of_none(void **state)
{
    (void)state;
    static const struct {
        const char *alg;
        int code;
    } rows[] = {
        {"None", ASSAY_E_ALGORITHM_NONE},
        {"NONE", ASSAY_E_ALGORITHM_NONE},
        {"nOnE", ASSAY_E_ALGORITHM_NONE},
        {" none", ASSAY_E_ALGORITHM_NONE},
        {"none ", ASSAY_E_ALGORITHM_NONE},
        {"\\tnone\\n", ASSAY_E_ALGORITHM_NONE},
        {"\\u006eone", ASSAY_E_ALGORITHM_NONE},
        {"\\u004eONE", ASSAY_E_ALGORITHM_NONE},
        {"", ASSAY_E_ALGORITHM},
        {"none\\u0000", ASSAY_E_HEADER},
        {"\\u0000none", ASSAY_E_HEADER},
        {"nonee", ASSAY_E_ALGORITHM},
        {"non", ASSAY_E_ALGORITHM},
        {" ", ASSAY_E_ALGORITHM},
        {"n\xc3\xb6no", ASSAY_E_ALGORITHM},
        {"none\xe2\x80\x8b", ASSAY_E_ALGORITHM},
        {"null", ASSAY_E_ALGORITHM},
    };
    trial t;
    trial_open(&t, "RS256");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *header = trial_format("{\"alg\":\"%s\",\"kid\":\"k\"}", rows[i].alg);
        refuse_unsigned(&t, header, rows[i].code);
        free(header);
    }
    trial_close(&t);
}

static void attack_10_algorithm_of_another_type(void **state)
{
    (void)state;
    static const char *const headers[] = {
        "{\"kid\":\"k\"}",       "{}",
        "{\"alg\":null}",        "{\"alg\":0}",
        "{\"alg\":256}",         "{\"alg\":true}",
        "{\"alg\":[\"RS256\"]}", "{\"alg\":{\"RS256\":1}}",
        "{\"alg\":[]}",          "{\"ALG\":\"RS256\",\"kid\":\"k\"}",
        "{\"alg \":\"RS256\"}",  "{\"alg\":[\"none\"]}",
    };
    trial t;
    trial_open(&t, "RS256");
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        trial_refuse(&t, trial_token(&t, headers[i], good), ASSAY_E_HEADER);
        refuse_unsigned(&t, headers[i], ASSAY_E_HEADER);
    }
    trial_close(&t);
}

static void attack_11_similar_names(void **state)
{
    (void)state;
    static const char *const names[] = {
        "rs256",        "Rs256",         "RS256 ",
        " RS256",       "RS2560",        "RS25",
        "\xd0\xafS256", "RS1",           "RS-256",
        "RSA-SHA256",   "SHA256withRSA", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
        "RS256,none",   "RS256 none",    "ES256",
        "ES256K",       "es256",         "PS256",
        "RSA1_5",       "RSA-OAEP",      "dir",
        "A256GCM",      "HS1",           "RS256\\n",
        "EdDSA",        "ed25519",       "%s",
        "RS256\\u200b", "Ed25519ph",     "ESP256",
        "-7",
    };
    trial t;
    trial_open(&t, "RS256");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *header = trial_format("{\"alg\":\"%s\",\"kid\":\"k\"}", names[i]);
        trial_refuse(&t, trial_token(&t, header, good), ASSAY_E_ALGORITHM);
        free(header);
    }
    trial_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attack_08_algorithm_none),
        cmocka_unit_test(attack_09_spellings_of_none),
        cmocka_unit_test(attack_10_algorithm_of_another_type),
        cmocka_unit_test(attack_11_similar_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
