/* SPDX-License-Identifier: MIT */
/* Attacks 29 to 38 of the catalogue: what the JOSE header would have us believe. */
#include "support/trial.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char good[] = TRIAL_CLAIMS("");

/* An issuer whose keys would be fetched: a fetch could be made, and is counted. */
static void open_fetching(trial *t, const char *algorithm)
{
    trial_open(t, algorithm);
    t->pushed = 1;
    t->timeout_ms = 300;
}

/* Signed by the attacker, with a header that carries or names the attacker's key. */
static void refuse_header_keys(trial *t, const mint_key *attacker, const char *more)
{
    char *header = trial_format("{\"alg\":\"RS256\",\"kid\":\"k\",%s}", more);
    trial_refuse(t, mint_sign(attacker, "RS256", header, good), ASSAY_E_SIGNATURE);
    /* And the same from the true key is good: the member is not looked at (T36). */
    trial_accept(t, trial_token(t, header, good));
    free(header);
}

static void attack_29_t36_embedded_jwk(void **state)
{
    (void)state;
    trial t;
    open_fetching(&t, "RS256");
    mint_key *attacker = mint_key_new("RS256", "k");
    const char *const jwks[] = {mint_key_jwk(attacker), mint_key_bare_jwk(attacker), "{}", "null", "\"text\"", "[]"};
    for (size_t i = 0; i < 6; i++) {
        char *more = trial_format("\"jwk\":%s", jwks[i]);
        refuse_header_keys(&t, attacker, more);
        free(more);
    }
    trial_close(&t);
    /* Without kid the header's key is none of the candidates either. (Given keys: a fetched issuer might ask for a new key of its own.) */
    trial_open(&t, "RS256");
    char *header = trial_format("{\"alg\":\"RS256\",\"jwk\":%s}", mint_key_bare_jwk(attacker));
    trial_refuse(&t, mint_sign(attacker, "RS256", header, good), ASSAY_E_SIGNATURE);
    free(header);
    mint_key_free(attacker);
    trial_close(&t);
}

static void attack_30_jku_and_x5u(void **state)
{
    (void)state;
    static const char *const urls[] = {
        "https://attacker.example/jwks.json",
        "http://127.0.0.1:1/jwks",
        "file:///etc/passwd",
        "https://169.254.169.254/latest",
        TRIAL_ISSUER "/../attacker",
        TRIAL_ISSUER "@attacker.example",
        "//attacker.example",
        "data:application/json,{}",
        "",
    };
    trial t;
    open_fetching(&t, "RS256");
    mint_key *attacker = mint_key_new("RS256", "k");
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        char *more = trial_format("\"jku\":\"%s\"", urls[i]);
        refuse_header_keys(&t, attacker, more);
        free(more);
        more = trial_format("\"x5u\":\"%s\",\"x5t\":\"AAAA\"", urls[i]);
        refuse_header_keys(&t, attacker, more);
        free(more);
    }
    mint_key_free(attacker);
    trial_close(&t);
}

static void attack_31_x5c_self_signed(void **state)
{
    (void)state;
    trial t;
    open_fetching(&t, "RS256");
    mint_key *attacker = mint_key_new("RS256", "k");
    size_t len;
    const uint8_t *der = mint_key_der(attacker, &len);
    char *text = mint_base64url(der, len);
    char *more = trial_format("\"x5c\":[\"%s\"]", text);
    refuse_header_keys(&t, attacker, more);
    refuse_header_keys(&t, attacker, "\"x5c\":[]");
    refuse_header_keys(&t, attacker, "\"x5c\":\"text\",\"x5t#S256\":\"AAAA\"");
    free(more);
    free(text);
    mint_key_free(attacker);
    trial_close(&t);
}

static const char *const hostile_kids[] = {
    "../../../../dev/null",
    "/dev/null",
    "file:///etc/passwd",
    "k' UNION SELECT 'secret';--",
    "k\\\" OR 1=1",
    "$(id)",
    "`id`",
    "|id",
    "k;id",
    "%s%s%n%n",
    "%00k",
    "k%00",
    "K",
    "k ",
    " k",
    "kk",
    "",
    "*",
    "k\\r\\nX-Injected: 1",
    "\\u001b[31m",
    "k\\u00e9",
    "\xef\xbc\xab",
    "{}",
    "https://attacker.example/key",
    "\\u212a" /* KELVIN SIGN */,
};

static void attack_32_kid_injection(void **state)
{
    (void)state;
    trial t;
    trial_open(&t, "RS256");
    for (size_t i = 0; i < sizeof hostile_kids / sizeof hostile_kids[0]; i++) {
        char *header = trial_format("{\"alg\":\"RS256\",\"kid\":\"%s\"}", hostile_kids[i]);
        trial_refuse(&t, trial_token(&t, header, good), ASSAY_E_KEY_UNKNOWN);
        free(header);
    }
    trial_close(&t);
}

static void attack_33_kid_of_another_form(void **state)
{
    (void)state;
    static const char *const values[] = {
        "1", "null", "true", "[\"k\"]", "{\"k\":1}", "\"k\\u0000\"", "\"\\u0000\"", "\"\\ud800\"", "\"k\x01\""};
    trial t;
    trial_open(&t, "RS256");
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char *header = trial_format("{\"alg\":\"RS256\",\"kid\":%s}", values[i]);
        trial_refuse(&t, trial_token(&t, header, good), ASSAY_E_HEADER);
        free(header);
    }
    static const struct {
        size_t len;
        int code;
    } lengths[] = {
        {1023, ASSAY_E_KEY_UNKNOWN}, {1024, ASSAY_E_KEY_UNKNOWN}, {1025, ASSAY_E_HEADER}, {8192, ASSAY_E_HEADER}};
    for (size_t i = 0; i < 4; i++) {
        char *kid = trial_repeat("k", lengths[i].len),
             *header = trial_format("{\"alg\":\"RS256\",\"kid\":\"%s\"}", kid);
        trial_refuse(&t, trial_token(&t, header, good), lengths[i].code);
        free(kid);
        free(header);
    }
    trial_accept(&t, trial_token(&t, "{\"alg\":\"RS256\",\"kid\":\"\\u006b\"}", good));
    trial_close(&t);
}

static void attack_33_kid_is_escaped_in_errors(void **state)
{
    (void)state;
    trial t;
    trial_open(&t, "RS256");
    for (size_t i = 0; i < sizeof hostile_kids / sizeof hostile_kids[0]; i++) {
        char *header = trial_format("{\"alg\":\"RS256\",\"kid\":\"%s\"}", hostile_kids[i]);
        assay_error *error = trial_error(&t, trial_token(&t, header, good));
        const char *found = assay_error_found(error);
        for (const char *at = found; *at != '\0'; at++)
            assert_true(*at >= ' ' && *at < 0x7f);
        assert_int_equal(assay_error_found_is_verified(error), 0);
        assert_null(strstr(assay_error_www_authenticate(error), "Injected"));
        assay_error_free(error);
        free(header);
    }
    trial_close(&t);
}

static void attack_34_crit(void **state)
{
    (void)state;
    static const char *const values[] = {
        "[]",
        "[\"exp\"]",
        "[\"alg\"]",
        "[\"b64\"]",
        "[\"x\"]",
        "[\"x\",\"x\"]",
        "null",
        "true",
        "\"exp\"",
        "1",
        "{}",
        "[1]",
        "[[]]",
        "[\"\"]",
        "[null]",
        "[\"kid\",\"typ\"]",
        "[\"http://openid.net/x\"]",
    };
    trial t;
    trial_open(&t, "RS256");
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char *header = trial_format("{\"alg\":\"RS256\",\"kid\":\"k\",\"crit\":%s,\"x\":1,\"exp\":1}", values[i]);
        trial_refuse(&t, trial_token(&t, header, good), ASSAY_E_CRIT);
        free(header);
        header = trial_format("{\"cr\\u0069t\":%s,\"alg\":\"RS256\",\"kid\":\"k\"}", values[i]);
        trial_refuse(&t, trial_token(&t, header, good), ASSAY_E_CRIT);
        free(header);
    }
    /* In the payload, or in another case, it is a claim like others. */
    trial_accept_payload(&t, TRIAL_CLAIMS(",\"crit\":[\"exp\"]"));
    trial_accept(&t, trial_token(&t, TRIAL_HEADER("RS256", ",\"CRIT\":[\"x\"]"), good));
    trial_close(&t);
}

static void attack_35_unencoded_and_detached_payload(void **state)
{
    (void)state;
    static const char *const values[] = {"false", "true", "null", "0", "\"false\"", "[]"};
    trial t;
    trial_open(&t, "RS256");
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char *header = trial_format("{\"alg\":\"RS256\",\"kid\":\"k\",\"b64\":%s}", values[i]);
        trial_refuse(&t, trial_token(&t, header, good), ASSAY_E_UNENCODED);
        free(header);
        header = trial_format("{\"alg\":\"RS256\",\"kid\":\"k\",\"b64\":%s,\"crit\":[\"b64\"]}", values[i]);
        trial_refuse(&t, trial_token(&t, header, good), ASSAY_E_CRIT);
        free(header);
    }
    /* The payload as it is, signed so. */
    const char *header = "{\"alg\":\"RS256\",\"kid\":\"k\",\"b64\":false}";
    char *left = mint_base64url(header, strlen(header)), *input = trial_format("%s.%s", left, good);
    trial_refuse(&t, mint_sign_input(t.key, "RS256", input), ASSAY_E_MALFORMED); /* its dots make more segments */
    free(input);
    input = trial_format("%s.{}", left);
    trial_refuse(&t, mint_sign_input(t.key, "RS256", input), ASSAY_E_BASE64URL);
    free(input);
    free(left);
    /* Detached: the payload is left out, signed with it or without. */
    char *token = trial_sign(&t, good);
    trial_refuse(&t, trial_format("%.*s..%s", (int)(strchr(token, '.') - token), token, strrchr(token, '.') + 1),
                 ASSAY_E_MALFORMED);
    trial_refuse(&t, trial_token(&t, TRIAL_HEADER("RS256", ""), ""), ASSAY_E_MALFORMED);
    free(token);
    trial_close(&t);
}

static void attack_36_duplicate_members(void **state)
{
    (void)state;
    static const char *const headers[] = {
        "{\"alg\":\"RS256\",\"alg\":\"none\",\"kid\":\"k\"}",
        "{\"alg\":\"none\",\"alg\":\"RS256\",\"kid\":\"k\"}",
        "{\"alg\":\"RS256\",\"a\\u006cg\":\"RS256\",\"kid\":\"k\"}",
        "{\"alg\":\"RS256\",\"kid\":\"k\",\"kid\":\"k\"}",
        "{\"alg\":\"RS256\",\"kid\":\"k\",\"jwk\":{\"n\":1,\"n\":2}}",
        "{\"alg\":\"RS256\",\"kid\":\"k\",\"\":1,\"\":2}",
    };
    static const char *const payloads[] = {
        TRIAL_CLAIMS(",\"iss\":\"" TRIAL_ISSUER "\""),
        TRIAL_CLAIMS(",\"sub\":\"admin\""),
        TRIAL_CLAIMS(",\"exp\":9999999999"),
        TRIAL_CLAIMS(",\"\\u0065xp\":9999999999"),
        TRIAL_CLAIMS(",\"\\u0073ub\":\"admin\""),
        TRIAL_CLAIMS(",\"a\":{\"b\":1,\"b\":1}"),
        TRIAL_CLAIMS(",\"a\":[{\"b\":1,\"\\u0062\":1}]"),
        TRIAL_CLAIMS(",\"x\":[[{\"\xc3\xa9\":1,\"\\u00e9\":1}]]"),
        TRIAL_CLAIMS(",\"\":1,\"\":1"),
    };
    trial t;
    trial_open(&t, "RS256");
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++)
        trial_refuse(&t, trial_token(&t, headers[i], good), ASSAY_E_HEADER);
    for (size_t i = 0; i < sizeof payloads / sizeof payloads[0]; i++)
        trial_refuse_payload(&t, payloads[i], ASSAY_E_PAYLOAD);
    trial_accept_payload(&t, TRIAL_CLAIMS(",\"a\":{\"sub\":1},\"b\":{\"sub\":2},\"SUB\":\"other\""));
    trial_close(&t);
}

/* zip has a meaning for JWE only: nothing is inflated, whatever it says. */
static void attack_37_zip_in_a_jws(void **state)
{
    (void)state;
    /* {"sub":"x"} in raw DEFLATE; no JSON as it stands */
    static const uint8_t deflated[] = {0xab, 0x56, 0x2a, 0x2e, 0x4d, 0x52, 0xb2, 0x52, 0xaa, 0x50, 0xaa, 0x05, 0x00};
    const char *header = TRIAL_HEADER("RS256", ",\"zip\":\"DEF\"");
    trial t;
    trial_open(&t, "RS256");
    trial_refuse(&t, mint_sign_bytes(t.key, "RS256", header, strlen(header), deflated, sizeof deflated),
                 ASSAY_E_PAYLOAD);
    trial_accept(&t, trial_token(&t, header, good)); /* not inflated: the payload stands as it is */
    trial_close(&t);
}

static void attack_38_polyglot(void **state)
{
    (void)state;
    trial t;
    trial_open(&t, "RS256");
    char *token = trial_sign(&t, good);
    static const char *const formats[] = {
        "{\"payload\":\"%s\"}",
        "{%s}",
        "[\"%s\"]",
        "\"%s\"",
        "%s\n",
        "\n%s",
        " %s",
        "%s ",
        "Bearer %s",
        "bearer %s",
        "%s,%s",
        "%s;",
        "%s\r\n\r\n",
        "\xef\xbb\xbf%s",
        "%s.",
        ".%s",
        "%s=",
        "%s#",
        "?%s",
        "{\"  %s",
    };
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        char *text = NULL;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-extra-args"
        assert_true(asprintf(&text, formats[i], token, token) > 0);
#pragma GCC diagnostic pop
        assay_error *error = trial_error(&t, strdup(text));
        int code = assay_error_code(error);
        assert_true(code == ASSAY_E_MALFORMED || code == ASSAY_E_BASE64URL || code == ASSAY_E_ENCRYPTED);
        assay_error_free(error);
        trial_refuse(&t, text, code);
    }
    /* A NUL behind the token belongs to it. */
    trial_refuse_bytes(&t, token, strlen(token) + 1, ASSAY_E_BASE64URL);
    trial_accept(&t, token);
    trial_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attack_29_t36_embedded_jwk),
        cmocka_unit_test(attack_30_jku_and_x5u),
        cmocka_unit_test(attack_31_x5c_self_signed),
        cmocka_unit_test(attack_32_kid_injection),
        cmocka_unit_test(attack_33_kid_of_another_form),
        cmocka_unit_test(attack_33_kid_is_escaped_in_errors),
        cmocka_unit_test(attack_34_crit),
        cmocka_unit_test(attack_35_unencoded_and_detached_payload),
        cmocka_unit_test(attack_36_duplicate_members),
        cmocka_unit_test(attack_37_zip_in_a_jws),
        cmocka_unit_test(attack_38_polyglot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
