/* SPDX-License-Identifier: MIT */
/* Tokens of Entra: algorithm, type, audience and times, where it differs from other issuers. */
#include "support/entra_trial.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define API "api://" ENTRA_CLIENT
#define TOKEN ENTRA_CLAIMS_V2(TENANT_A, ENTRA_USER_V2)

/* A token of version 2 with this `aud` and these times, each as it stands in JSON. */
static char *timed(trial *t, const char *aud, const char *times)
{
    char *payload = trial_format("{\"iss\":\"" ENTRA_V2(TENANT_A) "\",\"tid\":\"" TENANT_A
                                                                  "\",\"ver\":\"2.0\"%s%s" ENTRA_USER_V2 "}",
                                 aud, times);
    char *token = trial_sign(t, payload);
    free(payload);
    return token;
}

static char *aimed(trial *t, const char *aud)
{
    char *member = trial_format(",\"aud\":%s", aud);
    char *token = timed(t, member, "," ENTRA_TIMES);
    free(member);
    return token;
}

static char *during(trial *t, const char *times)
{
    return timed(t, ",\"aud\":\"" ENTRA_CLIENT "\"", times);
}

static void only_audience(trial *t, const char *audience)
{
    assay_issuer *issuer;
    trial_restart(t);
    assay_issuer_free(t->issuer);
    must_ok(assay_issuer_entra_new(NULL, &issuer, NULL));
    must_ok(assay_issuer_entra_add_tenant(issuer, TENANT_A, NULL));
    must_ok(assay_issuer_add_audience(issuer, audience, NULL));
    t->issuer = issuer;
}

/* Its metadata names RS256 alone. */
static void t35_algorithms(void **state)
{
    trial *t = *state;
    static const char *const others[] = {"RS384", "RS512", "PS256", "PS384", "PS512"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        char *header = trial_format("{\"alg\":\"%s\",\"kid\":\"" TRIAL_KID "\",\"typ\":\"JWT\"}", others[i]);
        trial_restart(t);
        trial_refuse(t, mint_sign(t->key, others[i], header, TOKEN), ASSAY_E_ALGORITHM);
        free(header);
    }
    mint_key *ec = mint_key_new("ES256", TRIAL_KID);
    trial_refuse(t, mint_token(ec, TOKEN), ASSAY_E_ALGORITHM);
    mint_key_free(ec);
    trial_restart(t);
    must_ok(assay_issuer_add_algorithm(t->issuer, "RS384", NULL));
    char *good = mint_sign(t->key, "RS384", TRIAL_HEADER("RS384", ""), TOKEN);
    trial_accept(t, good);
    trial_refuse_payload(t, TOKEN, ASSAY_E_ALGORITHM); /* the list is what was given, and nothing else */
}

static void t38_token_for_graph(void **state)
{
    trial *t = *state;
    static const char *const nonces[] = {",\"nonce\":\"n\"", ",\"nonce\":\"\"", ",\"nonce\":null", ",\"nonce\":1",
                                         ",\"\\u006eonce\":\"n\""};
    for (size_t i = 0; i < sizeof nonces / sizeof nonces[0]; i++) {
        char *header = trial_format("{\"alg\":\"RS256\",\"kid\":\"" TRIAL_KID "\",\"typ\":\"JWT\"%s}", nonces[i]);
        trial_refuse(t, trial_token(t, header, TOKEN), ASSAY_E_GRAPH_TOKEN);
        free(header);
    }
}

static void t39_types(void **state)
{
    trial *t = *state;
    static const struct {
        const char *typ;
        int code;
    } rows[] = {{"", ASSAY_OK},
                {",\"typ\":\"JWT\"", ASSAY_OK},
                {",\"typ\":\"jwt\"", ASSAY_OK},
                {",\"typ\":\"application/jwt\"", ASSAY_OK}, /* RFC 7515, section 4.1.9: the same type */
                {",\"typ\":\"at+jwt\"", ASSAY_E_TYP},
                {",\"typ\":\"application/at+jwt\"", ASSAY_E_TYP},
                {",\"typ\":\"dpop+jwt\"", ASSAY_E_TYP},
                {",\"typ\":\"pop\"", ASSAY_E_TYP},
                {",\"typ\":\"logout+jwt\"", ASSAY_E_TYP},
                {",\"typ\":\"\"", ASSAY_E_TYP}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *header = trial_format("{\"alg\":\"RS256\",\"kid\":\"" TRIAL_KID "\"%s}", rows[i].typ);
        if (rows[i].code == ASSAY_OK)
            trial_accept(t, trial_token(t, header, TOKEN));
        else
            trial_refuse(t, trial_token(t, header, TOKEN), rows[i].code);
        free(header);
    }
}

/* A token with as many groups as fit; one byte more than the limit is refused before it is looked at. */
static void t43_length(void **state)
{
    trial *t = *state;
    size_t spare = 65536 / 4 * 3 - strlen(TOKEN) - 600; /* what header and signature leave of it */
    char *pad = trial_repeat("g", spare);
    char *payload = trial_format("%.*s,\"x\":\"%s\"}", (int)strlen(TOKEN) - 1, TOKEN, pad);
    char *token = trial_sign(t, payload);
    assert_in_range(strlen(token), 65000, 65536);
    char *padded = trial_repeat("A", 65537);
    memcpy(padded, token, strlen(token));
    trial_refuse_bytes(t, padded, 65536, ASSAY_E_SIGNATURE);
    trial_refuse_bytes(t, padded, 65537, ASSAY_E_TOKEN_SIZE);
    trial_accept(t, token);
    free(padded);
    free(payload);
    free(pad);
}

static void t44_times_that_are_none(void **state)
{
    trial *t = *state;
    static const struct {
        const char *times;
        int code;
    } rows[] = {{",\"iat\":1700000000,\"nbf\":1700000000", ASSAY_E_EXPIRY_MISSING},
                {",\"iat\":1700000000,\"exp\":1700003600", ASSAY_E_CLAIM_MISSING},
                {",\"nbf\":1700000000,\"exp\":1700003600", ASSAY_E_CLAIM_MISSING},
                {",\"iat\":1700000000,\"nbf\":null,\"exp\":1700003600", ASSAY_E_TIME},
                {",\"iat\":\"1700000000\",\"nbf\":1700000000,\"exp\":1700003600", ASSAY_E_TIME},
                {",\"iat\":1700000000,\"nbf\":1700000000,\"exp\":\"1700003600\"", ASSAY_E_TIME},
                {",\"iat\":1700000000,\"nbf\":1700000000,\"exp\":-1", ASSAY_E_TIME},
                {",\"iat\":1700000000,\"nbf\":1700003601,\"exp\":1700003600", ASSAY_E_TIME},
                {",\"iat\":1700000000,\"nbf\":1699999400,\"exp\":1700003600.5", ASSAY_OK}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].code == ASSAY_OK)
            trial_accept(t, during(t, rows[i].times));
        else
            trial_refuse(t, during(t, rows[i].times), rows[i].code);
    }
}

/* Managed identities get a day and five minutes, clients of continuous access evaluation 28 hours. */
static void t48_long_lives(void **state)
{
    trial *t = *state;
    trial_accept(t, during(t, ",\"iat\":1700000000,\"nbf\":1700000000,\"exp\":1700086700"));
    trial_accept(t, during(t, ",\"iat\":1700000000,\"nbf\":1700000000,\"exp\":1700100800"));
    trial_accept(t, during(t, ",\"iat\":1700000000,\"nbf\":1700000000,\"exp\":1700172800"));
    trial_restart(t);
    must_ok(assay_issuer_set_max_lifetime(t->issuer, 29 * 3600, NULL));
    trial_accept(t, during(t, ",\"iat\":1700000000,\"nbf\":1700000000,\"exp\":1700100800"));
    trial_refuse(t, during(t, ",\"iat\":1700000000,\"nbf\":1700000000,\"exp\":1700172800"), ASSAY_E_LIFETIME);
}

static void t49_issued_in_the_future(void **state)
{
    trial *t = *state;
    trial_refuse(t, during(t, ",\"iat\":1700003000,\"nbf\":1700000000,\"exp\":1700003600"), ASSAY_E_ISSUED_IN_FUTURE);
    trial_refuse(t, during(t, ",\"iat\":1700000000,\"nbf\":1700000061,\"exp\":1700003600"), ASSAY_E_NOT_YET_VALID);
    trial_accept(t, during(t, ",\"iat\":1700000060,\"nbf\":1700000060,\"exp\":1700003600"));
}

/* A client id stands for its usual URI as well, unless only version 2 is accepted, whose tokens never have that. */
static void t50_client_id(void **state)
{
    trial *t = *state;
    trial_accept(t, aimed(t, "\"" ENTRA_CLIENT "\""));
    trial_accept(t, aimed(t, "\"" API "\""));
    trial_refuse(t, aimed(t, "\"" API "/\""), ASSAY_E_AUDIENCE);
    trial_refuse(t, aimed(t, "\"spn:" ENTRA_CLIENT "\""), ASSAY_E_AUDIENCE);
    trial_refuse(t, aimed(t, "\"" ENTRA_CLIENT "/\""), ASSAY_E_AUDIENCE);
    trial_refuse(t, aimed(t, "\"api:" ENTRA_CLIENT "\""), ASSAY_E_AUDIENCE);
    trial_restart(t);
    must_ok(assay_issuer_entra_set_version(t->issuer, 2, NULL));
    trial_accept(t, aimed(t, "\"" ENTRA_CLIENT "\""));
    trial_refuse(t, aimed(t, "\"" API "\""), ASSAY_E_AUDIENCE);
}

static void t50_uri(void **state)
{
    trial *t = *state;
    only_audience(t, "https://api.example.com");
    trial_accept(t, aimed(t, "\"https://api.example.com\""));
    trial_refuse(t, aimed(t, "\"https://api.example.com/\""), ASSAY_E_AUDIENCE);
    trial_refuse(t, aimed(t, "\"api://https://api.example.com\""), ASSAY_E_AUDIENCE);
    only_audience(t, API); /* which does not stand for the client id */
    trial_accept(t, aimed(t, "\"" API "\""));
    trial_refuse(t, aimed(t, "\"" ENTRA_CLIENT "\""), ASSAY_E_AUDIENCE);
    only_audience(t, "33333333-CCCC-4CCC-8CCC-333333333333"); /* nor does one that no token has */
    trial_refuse(t, aimed(t, "\"" ENTRA_CLIENT "\""), ASSAY_E_AUDIENCE);
    trial_refuse(t, aimed(t, "\"" API "\""), ASSAY_E_AUDIENCE);
}

static void t50_slash(void **state)
{
    trial *t = *state;
    must_ok(assay_issuer_entra_allow_audience_slash(t->issuer, NULL));
    trial_accept(t, aimed(t, "\"" API "/\""));
    trial_accept(t, aimed(t, "\"" API "\""));
    trial_refuse(t, aimed(t, "\"" API "//\""), ASSAY_E_AUDIENCE);
    trial_refuse(t, aimed(t, "\"" ENTRA_CLIENT "/\""), ASSAY_E_AUDIENCE); /* no URI */
    only_audience(t, "https://api.example.com/");
    must_ok(assay_issuer_entra_allow_audience_slash(t->issuer, NULL));
    trial_accept(t, aimed(t, "\"https://api.example.com\""));
    trial_accept(t, aimed(t, "\"https://api.example.com/\""));
    trial_refuse(t, aimed(t, "\"https://api.example.com//\""), ASSAY_E_AUDIENCE);
    trial_refuse(t, aimed(t, "\"https://api.example.co\""), ASSAY_E_AUDIENCE);
}

static void t50_spn(void **state)
{
    trial *t = *state;
    must_ok(assay_issuer_entra_allow_spn_audience(t->issuer, NULL));
    trial_accept(t, aimed(t, "\"spn:" ENTRA_CLIENT "\""));
    trial_accept(t, aimed(t, "\"" ENTRA_CLIENT "\""));
    trial_refuse(t, aimed(t, "\"spn:spn:" ENTRA_CLIENT "\""), ASSAY_E_AUDIENCE);
    trial_refuse(t, aimed(t, "\"SPN:" ENTRA_CLIENT "\""), ASSAY_E_AUDIENCE);
    trial_refuse(t, aimed(t, "\"spn:" ENTRA_CALLER "\""), ASSAY_E_AUDIENCE);
}

static void t51_tokens_for_others(void **state)
{
    trial *t = *state;
    static const struct {
        const char *audience, *hint;
    } rows[] = {{"00000003-0000-0000-c000-000000000000", "Microsoft Graph"},
                {"https://graph.microsoft.com", "Microsoft Graph"},
                {"https://graph.microsoft.com/", "Microsoft Graph"},
                {"https://management.azure.com/", "Azure Resource Manager"},
                {"https://management.core.windows.net/", "Azure Resource Manager"},
                {"797f4846-ba00-4fd7-ba43-dac1f8f63013", "Azure Resource Manager"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *quoted = trial_format("\"%s\"", rows[i].audience);
        trial_refuse(t, aimed(t, quoted), ASSAY_E_AUDIENCE);
        assay_error *error = trial_error(t, aimed(t, quoted));
        assert_non_null(strstr(assay_error_hint(error), rows[i].hint));
        assert_string_equal(assay_error_found(error), rows[i].audience);
        assay_error_free(error);
        free(quoted);
    }
}

/* A managed identity's token for this audience is a credential for the application that trusts it. */
static void m01_exchange_audience(void **state)
{
    trial *t = *state;
    trial_refuse(t, aimed(t, "\"api://AzureADTokenExchange\""), ASSAY_E_EXCHANGE_AUDIENCE);
    trial_refuse(t, aimed(t, "[\"" ENTRA_CLIENT "\",\"api://AzureADTokenExchangeUSGov\"]"), ASSAY_E_EXCHANGE_AUDIENCE);
    trial_restart(t);
    must_ok(assay_issuer_add_audience(t->issuer, "api://AzureADTokenExchange", NULL));
    assay_validator *validator = NULL;
    must_fail(assay_validator_new(t->runtime, &t->issuer, 1, &validator, &error), ASSAY_E_CONFIG_AUDIENCE);
    must_ok(assay_issuer_allow_exchange_audience(t->issuer, NULL));
    trial_accept(t, aimed(t, "\"api://AzureADTokenExchange\""));
}

static void t52_audiences_alike(void **state)
{
    trial *t = *state;
    static const char *const alike[] = {"\"\"",
                                        "\"33333333-cccc-4ccc-8ccc-33333333333\"",
                                        "\"33333333-cccc-4ccc-8ccc-3333333333333\"",
                                        "\"33333333-CCCC-4CCC-8CCC-333333333333\"",
                                        "\" " ENTRA_CLIENT "\"",
                                        "\"{" ENTRA_CLIENT "}\"",
                                        "\"333333334ccc4ccc8ccc333333333333\"",
                                        "\"API://" ENTRA_CLIENT "\"",
                                        "\"" API "/read\"",
                                        "\"" API "x\"",
                                        "\"" ENTRA_CLIENT " " ENTRA_CALLER "\"",
                                        "\"" TENANT_A "\""};
    for (size_t i = 0; i < sizeof alike / sizeof alike[0]; i++)
        trial_refuse(t, aimed(t, alike[i]), ASSAY_E_AUDIENCE);
    trial_refuse(t, timed(t, "", "," ENTRA_TIMES), ASSAY_E_AUDIENCE_MISSING);
    trial_accept(t, aimed(t, "\"\\u00333333333-cccc-4ccc-8ccc-333333333333\""));
}

static void t53_several_audiences(void **state)
{
    trial *t = *state;
    trial_accept(t, aimed(t, "[\"other\",\"" ENTRA_CLIENT "\"]"));
    trial_refuse(t, aimed(t, "[\"other\"]"), ASSAY_E_AUDIENCE);
    trial_refuse(t, aimed(t, "[]"), ASSAY_E_AUDIENCE);
    trial_refuse(t, aimed(t, "[\"" ENTRA_CLIENT "\",1]"), ASSAY_E_CLAIM_TYPE);
    trial_refuse(t, aimed(t, "[[\"" ENTRA_CLIENT "\"]]"), ASSAY_E_CLAIM_TYPE);
    trial_refuse(t, aimed(t, "{\"" ENTRA_CLIENT "\":1}"), ASSAY_E_CLAIM_TYPE);
    trial_refuse(t, aimed(t, "null"), ASSAY_E_CLAIM_TYPE);
}

static int open_trial(void **state)
{
    static trial t;
    entra_trial_open(&t);
    *state = &t;
    return 0;
}

static int close_trial(void **state)
{
    trial_close(*state);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_trial, close_trial)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(t35_algorithms),
        TEST(t38_token_for_graph),
        TEST(t39_types),
        TEST(t43_length),
        TEST(t44_times_that_are_none),
        TEST(t48_long_lives),
        TEST(t49_issued_in_the_future),
        TEST(t50_client_id),
        TEST(t50_uri),
        TEST(t50_slash),
        TEST(t50_spn),
        TEST(t51_tokens_for_others),
        TEST(m01_exchange_audience),
        TEST(t52_audiences_alike),
        TEST(t53_several_audiences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
