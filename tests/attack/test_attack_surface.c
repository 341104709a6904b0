/* SPDX-License-Identifier: MIT */
/* Attacks 79, 80 and 82 of the catalogue: logs and error texts, the Authorization header, and configurations that would turn checks off. */
#include "support/trial.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static char *log_lines;

static void keep_line(void *data, int level, const char *text, size_t len)
{
    (void)data;
    (void)level;
    assert_int_equal(strlen(text), len);
    for (size_t i = 0; i < len; i++)
        assert_true((uint8_t)text[i] >= ' ' && text[i] != 0x7f); /* one line, no control character */
    char *longer = trial_format("%s%s\n", log_lines == NULL ? "" : log_lines, text);
    free(log_lines);
    log_lines = longer;
}

/* The places of a token that an error may show, filled with what a log or a terminal would act upon. */
static void attack_79_log_injection(void **state)
{
    (void)state;
    static const char *const texts[] = {"%n%n%s%x",
                                        "a\\r\\nSet-Cookie: x=1",
                                        "\\u001b[2J\\u001b]0;x\\u0007",
                                        "\\\" , error=\\\"x",
                                        "\\u202e\\u2066",
                                        "a\\u0085b\\u2028c",
                                        "\xe2\x80\xae",
                                        "\\\\",
                                        "<script>alert(1)</script>",
                                        "${jndi:ldap://x}",
                                        "\\u007f\\u009b"};
    trial t;
    trial_open(&t, "ES256");
    must_ok(assay_runtime_set_log(t.runtime, ASSAY_LOG_DEBUG, keep_line, NULL, NULL, NULL));
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        char *tokens[6], *text;
        text = trial_format("{\"alg\":\"%s\",\"kid\":\"k\"}", texts[i]);
        tokens[0] = trial_token(&t, text, TRIAL_CLAIMS(""));
        free(text);
        text = trial_format("{\"alg\":\"ES256\",\"kid\":\"%s\"}", texts[i]);
        tokens[1] = trial_token(&t, text, TRIAL_CLAIMS(""));
        free(text);
        text = trial_format("{\"alg\":\"ES256\",\"kid\":\"k\",\"typ\":\"%s\"}", texts[i]);
        tokens[2] = trial_token(&t, text, TRIAL_CLAIMS(""));
        free(text);
        text = trial_format("{\"iss\":\"%s\",\"aud\":\"a\",\"exp\":1}", texts[i]);
        tokens[3] = trial_sign(&t, text);
        free(text);
        text = trial_format("{\"iss\":\"" TRIAL_ISSUER "\",\"aud\":\"%s\",\"exp\":1}", texts[i]);
        tokens[4] = trial_sign(&t, text);
        free(text);
        text = trial_format("{\"iss\":\"" TRIAL_ISSUER "\",\"aud\":[\"%s\"],\"exp\":1}", texts[i]);
        tokens[5] = trial_sign(&t, text);
        free(text);
        for (size_t n = 0; n < 6; n++) {
            assay_error *error = trial_error(&t, tokens[n]);
            const char *const shown[] = {assay_error_message(error), assay_error_expected(error),
                                         assay_error_found(error), assay_error_www_authenticate(error),
                                         assay_error_hint(error)};
            for (size_t s = 0; s < COUNT_OF(shown); s++) {
                assert_true(strlen(shown[s]) <= 512);
                for (const char *c = shown[s]; *c != '\0'; c++)
                    assert_true(*c >= ' ' && *c < 0x7f);
            }
            assert_true(strlen(assay_error_found(error)) <= 200);
            /* RFC 6750, section 3: %x20-21 / %x23-5B / %x5D-7E within the quotes of the description. */
            const char *description = strstr(assay_error_www_authenticate(error), "error_description=\"") + 19;
            assert_int_equal(strcspn(description, "\"\\"), strlen(description) - 1);
            assay_error_free(error);
        }
    }
    free(log_lines);
    log_lines = NULL;
    trial_close(&t);
}

/* Personal claims, secrets and token text never come out, whatever fails. */
static void attack_79_secrets_in_errors(void **state)
{
    (void)state;
    static const char secret[] = "SECRET-8a1f";
    static const char *const payloads[] = {
        "{" TRIAL_BARE ",\"sub\":\"SECRET-8a1f\"}",
        "{" TRIAL_BARE ",\"sub\":\"demanded\",\"nonce\":\"SECRET-8a1f\",\"scope\":\"a\"}",
        "{" TRIAL_BARE ",\"sub\":\"demanded\",\"nonce\":\"n\",\"scope\":\"a\",\"email\":\"SECRET-8a1f\"}",
        "{" TRIAL_BARE ",\"sub\":\"demanded\",\"nonce\":\"n\",\"scope\":\"a\",\"tid\":\"SECRET-8a1f\"}",
        "{" TRIAL_BARE
        ",\"sub\":\"demanded\",\"nonce\":\"n\",\"scope\":\"a\",\"tid\":\"home\",\"groups\":[\"SECRET-8a1f\"]}",
        "{" TRIAL_BARE ",\"sub\":[\"SECRET-8a1f\"]}",
        "{" TRIAL_BARE ",\"nonce\":\"SECRET-8a1f\"}",
        "{" TRIAL_BARE ",\"name\":\"SECRET-8a1f\",\"x\":\x01}",
        "{" TRIAL_BARE ",\"SECRET-8a1f\":1,\"SECRET-8a1f\":2}",
        "{\"iss\":\"" TRIAL_ISSUER "\",\"aud\":\"other\",\"email\":\"SECRET-8a1f\",\"exp\":1}",
        "{\"iss\":\"" TRIAL_ISSUER "\",\"aud\":[1,\"SECRET-8a1f\"],\"exp\":1}",
        "{\"iss\":{\"name\":\"SECRET-8a1f\"},\"exp\":1}",
        "{\"iss\":\"" TRIAL_ISSUER "\",\"aud\":\"" TRIAL_AUDIENCE "\",\"exp\":{\"name\":\"SECRET-8a1f\"}}",
        "{\"iss\":\"" TRIAL_ISSUER "\",\"aud\":\"" TRIAL_AUDIENCE "\",\"exp\":\"SECRET-8a1f\"}",
        "{" TRIAL_BARE ",\"iat\":[\"SECRET-8a1f\"]}",
    };
    trial t;
    trial_open(&t, "ES256");
    must_ok(assay_runtime_set_log(t.runtime, ASSAY_LOG_DEBUG, keep_line, NULL, NULL, NULL));
    must_ok(assay_issuer_set_subject(t.issuer, "demanded", NULL));
    must_ok(assay_issuer_require_text(t.issuer, "/tid", "home", NULL));
    must_ok(assay_issuer_require_contains(t.issuer, "/groups", "g", NULL));
    must_ok(assay_request_new(&t.request, NULL));
    must_ok(assay_request_set_nonce(t.request, "n", NULL));
    for (size_t i = 0; i < COUNT_OF(payloads); i++) {
        assay_error *error = trial_error(&t, trial_sign(&t, payloads[i]));
        if (trial_error_holds(error, secret))
            fail_msg("%s: %s", assay_code_name(assay_error_code(error)), assay_error_found(error));
        assay_error_free(error);
    }
    assert_true(log_lines == NULL || strstr(log_lines, secret) == NULL);
    free(log_lines);
    log_lines = NULL;
    trial_close(&t);
}

static void attack_80_authorization_header(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        int code;
    } rows[] = {
        {"", ASSAY_E_NO_CREDENTIALS},
        {" ", ASSAY_E_NO_CREDENTIALS},
        {"Bearer", ASSAY_E_BAD_AUTHORIZATION},
        {"Bearer ", ASSAY_E_BAD_AUTHORIZATION},
        {"Bearer a b", ASSAY_E_BAD_AUTHORIZATION},
        {"Bearer a,b", ASSAY_E_BAD_AUTHORIZATION},
        {"Bearer a, Bearer b", ASSAY_E_BAD_AUTHORIZATION},
        {"Bearer \"a\"", ASSAY_E_BAD_AUTHORIZATION},
        {"Bearer a\r\nX: y", ASSAY_E_BAD_AUTHORIZATION},
        {"Bearer a\n", ASSAY_E_BAD_AUTHORIZATION},
        {"Bearer \x80", ASSAY_E_BAD_AUTHORIZATION},
        {"Bearer =", ASSAY_E_BAD_AUTHORIZATION},
        {"Bearer a=b", ASSAY_E_BAD_AUTHORIZATION},
        {"Bearer token=\"a\"", ASSAY_E_BAD_AUTHORIZATION},
        {"Bearera", ASSAY_E_OTHER_SCHEME},
        {"Basic YTpi", ASSAY_E_OTHER_SCHEME},
        {"a.b.c", ASSAY_E_OTHER_SCHEME},
        {"Bearer: a", ASSAY_E_OTHER_SCHEME},
        {"Bearer\na", ASSAY_E_OTHER_SCHEME},
        {"\xef\xbb\xbf"
         "Bearer a",
         ASSAY_E_OTHER_SCHEME},
        {",Bearer a", ASSAY_E_OTHER_SCHEME},
        {"Bearer a", ASSAY_OK},
        {"bEARER  a.b.c  ", ASSAY_OK},
        {"BEARER a-._~+/==", ASSAY_OK},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        size_t len = strlen(rows[i].value);
        char *exact = malloc(len == 0 ? 1 : len);
        const char *token = (const char *)1;
        size_t token_len = 1;
        assay_error *error = NULL;
        assert_non_null(exact);
        memcpy(exact, rows[i].value, len);
        int code = assay_bearer_from_header(exact, len, &token, &token_len, &error);
        if (code != rows[i].code)
            fail_msg("\"%s\": %s", rows[i].value, assay_code_name(code));
        assert_int_equal(assay_error_code(error), code);
        assert_int_equal(token != NULL, code == ASSAY_OK);
        assert_int_equal(token_len > 0, code == ASSAY_OK);
        assert_string_equal(assay_error_found(error), "");
        assay_error_free(error);
        free(exact);
    }
}

static void attack_82_downgrade_by_configuration(void **state)
{
    (void)state;
    assay_issuer *issuer = NULL;
    assay_validator *validator = NULL;
    must_ok(assay_issuer_new(TRIAL_ISSUER, &issuer, NULL));
    must_fail(assay_validator_new(NULL, &issuer, 1, &validator, &error), ASSAY_E_CONFIG_AUDIENCE);
    must_fail(assay_issuer_add_audience(issuer, NULL, &error), ASSAY_E_CONFIG_AUDIENCE);
    must_fail(assay_issuer_add_audience(issuer, "", &error), ASSAY_E_CONFIG_AUDIENCE);
    must_fail(assay_validator_new(NULL, &issuer, 1, &validator, &error), ASSAY_E_CONFIG_AUDIENCE);
    must_ok(assay_issuer_add_audience(issuer, "*", NULL)); /* no wildcard: just a text */
    static const char *const algorithms[] = {NULL,     "",      "none",        "None", "*",     "any",
                                             "RS256 ", "rs256", "RS256,HS256", "HS",   "RSA1_5"};
    for (size_t i = 0; i < COUNT_OF(algorithms); i++)
        must_fail(assay_issuer_add_algorithm(issuer, algorithms[i], &error), ASSAY_E_CONFIG_ALGORITHM);
    must_fail(assay_issuer_set_leeway(issuer, INT32_MAX, &error), ASSAY_E_CONFIG_TIME);
    must_fail(assay_issuer_set_max_lifetime(issuer, 0, &error), ASSAY_E_CONFIG_TIME);
    must_fail(assay_issuer_set_profile(issuer, "any", &error), ASSAY_E_CONFIG_PROFILE);
    must_fail(assay_issuer_set_subject(issuer, "", &error), ASSAY_E_ARGUMENT);
    must_fail(assay_validator_new(NULL, NULL, 0, &validator, &error), ASSAY_E_CONFIG_ISSUER);
    must_ok(assay_issuer_add_algorithm(issuer, "HS256", NULL));
    must_fail(assay_validator_new(NULL, &issuer, 1, &validator, &error), ASSAY_E_CONFIG_ALGORITHM);
    assert_null(validator);
    assay_issuer_free(issuer);

    static const char *const documents[] = {
        "{}",
        "{\"issuers\":[]}",
        "{\"issuers\":[{\"issuer\":\"https://a.example\"}]}",
        "{\"issuers\":[{\"issuer\":\"https://a.example\",\"audiences\":[]}]}",
        "{\"issuers\":[{\"issuer\":\"https://a.example\",\"audiences\":\"a\",\"verify\":false}]}",
        "{\"issuers\":[{\"issuer\":\"https://a.example\",\"audiences\":\"a\",\"verify_signature\":false}]}",
        "{\"issuers\":[{\"issuer\":\"https://a.example\",\"audiences\":\"a\",\"algorithms\":[]}]}",
        "{\"issuers\":[{\"issuer\":\"https://a.example\",\"audiences\":\"a\",\"algorithms\":\"none\"}]}",
        "{\"issuers\":[{\"issuer\":\"https://a.example\",\"audiences\":\"a\",\"leeway\":2147483647}]}",
        "{\"issuers\":[{\"issuer\":\"https://a.example\",\"audiences\":null}]}",
        "{\"issuers\":[{\"issuer\":\"http://a.example\",\"audiences\":\"a\"}]}",
        "{\"issuers\":[{\"issuer\":\"*\",\"audiences\":\"a\"}]}",
        "{\"verify\":false,\"issuers\":[{\"issuer\":\"https://a.example\",\"audiences\":\"a\"}]}",
        "{\"runtime\":{\"tls_verify\":false},\"issuers\":[{\"issuer\":\"https://a.example\",\"audiences\":\"a\"}]}",
    };
    for (size_t i = 0; i < COUNT_OF(documents); i++) {
        assay_error *error = NULL;
        int code = assay_validator_from_json(NULL, documents[i], strlen(documents[i]), &validator, &error);
        if (assay_code_category(code) != ASSAY_CATEGORY_USAGE || validator != NULL)
            fail_msg("%s: %s", documents[i], assay_code_name(code));
        assay_error_free(error);
    }

    /* An audience "*" matches itself only. */
    trial t;
    trial_open(&t, "ES256");
    must_ok(assay_issuer_add_audience(t.issuer, "*", NULL));
    trial_refuse_payload(&t, "{\"iss\":\"" TRIAL_ISSUER "\",\"aud\":\"other\",\"exp\":1700003600}", ASSAY_E_AUDIENCE);
    trial_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attack_79_log_injection),
        cmocka_unit_test(attack_79_secrets_in_errors),
        cmocka_unit_test(attack_80_authorization_header),
        cmocka_unit_test(attack_82_downgrade_by_configuration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
