/* SPDX-License-Identifier: MIT */
/* Tokens of Azure AD B2C and of Entra External ID. */
#include "support/entra_trial.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define B2C_URL "https://contoso.b2clogin.com/" TENANT_A "/v2.0/"
#define B2C_TFP_URL "https://contoso.b2clogin.com/tfp/" TENANT_A "/b2c_1_sign_in/v2.0/"
#define POLICY "B2C_1_sign_in"
#define WELL_KNOWN "/v2.0/.well-known/openid-configuration"
#define CIAM_V2(host, tenant) "https://" host ".ciamlogin.com/" tenant "/v2.0"

static char *made(trial *t, const char *iss, const char *members)
{
    char *payload =
        trial_format("{\"iss\":\"%s\",\"aud\":\"" ENTRA_CLIENT "\"," ENTRA_TIMES ENTRA_USER_V2 "%s}", iss, members);
    char *token = trial_sign(t, payload);
    free(payload);
    return token;
}

static void use_b2c(trial *t, const char *url)
{
    assay_issuer *issuer;
    must_ok(assay_issuer_entra_new_b2c(url, POLICY, &issuer, NULL));
    entra_trial_use(t, issuer);
    entra_trial_no_keys(t);
    entra_trial_add_key(t, TRIAL_KID, NULL, NULL);
}

static void use_external_id(trial *t, const char *authority)
{
    assay_issuer *issuer;
    must_ok(assay_issuer_entra_new_external_id(TENANT_A, authority, &issuer, NULL));
    entra_trial_use(t, issuer);
    entra_trial_no_keys(t);
    entra_trial_add_key(t, TRIAL_KID, CIAM_V2("{tenantid}", "{tenantid}"), NULL);
}

/* Where an issuer's metadata would be fetched from. */
static void lies_at(trial *t, const char *name, const char *url)
{
    uint8_t *json = NULL;
    size_t len;
    trial_restart(t);
    must_ok(assay_validator_new(t->runtime, &t->issuer, 1, &t->validator, NULL));
    must_ok(assay_validator_describe(t->validator, name, &json, &len, NULL));
    char *member = trial_format("\"metadata_url\":\"%s\"", url);
    if (strstr((const char *)json, member) == NULL)
        fail_msg("%s is not in %s", member, (const char *)json);
    free(member);
    assay_bytes_free(json, len);
    trial_restart(t);
}

static void t20_token_of_the_policy(void **state)
{
    trial *t = *state;
    use_b2c(t, B2C_URL);
    trial_accept(t, made(t, B2C_URL, ",\"ver\":\"1.0\",\"tfp\":\"" POLICY "\""));
    trial_accept(t, made(t, B2C_URL, ",\"ver\":\"1.0\",\"tfp\":\"b2c_1_SIGN_IN\""));
    trial_accept(t, made(t, B2C_URL, ",\"ver\":\"1.0\",\"acr\":\"" POLICY "\""));
    trial_accept(t, made(t, B2C_URL, ",\"ver\":\"1.0\",\"tfp\":\"" POLICY "\",\"acr\":\"other\""));
    trial_accept(t, made(t, B2C_URL, ",\"tfp\":\"" POLICY "\",\"tid\":\"" TENANT_A "\""));
}

static void t20_token_of_another_policy(void **state)
{
    trial *t = *state;
    static const char *const members[] = {"",
                                          ",\"tfp\":\"\"",
                                          ",\"tfp\":\"B2C_1_sign_in2\"",
                                          ",\"tfp\":\"B2C_1_sign_i\"",
                                          ",\"tfp\":null",
                                          ",\"tfp\":1",
                                          ",\"tfp\":[\"" POLICY "\"]",
                                          ",\"tfp\":\"other\",\"acr\":\"" POLICY "\"",
                                          ",\"tfp\":null,\"acr\":\"" POLICY "\"",
                                          ",\"acr\":\"1\"",
                                          ",\"TFP\":\"" POLICY "\""};
    use_b2c(t, B2C_URL);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        trial_refuse(t, made(t, B2C_URL, members[i]), ASSAY_E_POLICY);
}

static void t20_issuers_of_b2c(void **state)
{
    trial *t = *state;
    static const char policy[] = ",\"tfp\":\"" POLICY "\"";
    static const char *const others[] = {
        "https://contoso.b2clogin.com/" TENANT_A "/v2.0",       B2C_TFP_URL,
        "https://contoso.b2clogin.com/" TENANT_B "/v2.0/",      "https://CONTOSO.b2clogin.com/" TENANT_A "/v2.0/",
        "https://contoso.b2clogin.com/" TENANT_A "/",           "https://contoso.b2clogin.cn/" TENANT_A "/v2.0/",
        "https://login.microsoftonline.com/" TENANT_A "/v2.0/", ENTRA_V2(TENANT_A)};
    use_b2c(t, B2C_URL);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        trial_refuse(t, made(t, others[i], policy), ASSAY_E_ISSUER);
    use_b2c(t, B2C_TFP_URL);
    trial_accept(t, made(t, B2C_TFP_URL, policy));
    trial_refuse(t, made(t, B2C_URL, policy), ASSAY_E_ISSUER);
    trial_refuse(t, made(t, B2C_TFP_URL, ",\"tfp\":\"other\""), ASSAY_E_POLICY);
}

static void t20_tenant_that_is_not_the_issuers(void **state)
{
    trial *t = *state;
    use_b2c(t, B2C_URL);
    trial_refuse(t, made(t, B2C_URL, ",\"tfp\":\"" POLICY "\",\"tid\":\"" TENANT_B "\""), ASSAY_E_TENANT_ID);
    trial_refuse(t, made(t, B2C_URL, ",\"tfp\":\"" POLICY "\",\"tid\":1"), ASSAY_E_TENANT_ID);
    trial_refuse(t, made(t, B2C_URL, ",\"tfp\":\"" POLICY "\",\"TID\":\"" TENANT_B "\""), ASSAY_E_TENANT_ID);
}

static void t20_where_the_metadata_of_a_policy_lies(void **state)
{
    trial *t = *state;
    use_b2c(t, B2C_URL);
    lies_at(t, B2C_URL, "https://contoso.b2clogin.com/" TENANT_A "/" POLICY WELL_KNOWN);
    use_b2c(t, B2C_TFP_URL);
    lies_at(t, B2C_TFP_URL, "https://contoso.b2clogin.com/tfp/" TENANT_A "/b2c_1_sign_in" WELL_KNOWN);
}

/* An ID token of B2C names neither client nor scope. */
static void id_token_of_b2c(void **state)
{
    trial *t = *state;
    use_b2c(t, B2C_URL);
    trial_refuse_payload(t,
                         "{\"iss\":\"" B2C_URL "\",\"aud\":\"" ENTRA_CLIENT "\",\"sub\":\"s\",\"tfp\":\"" POLICY
                         "\"," ENTRA_TIMES "}",
                         ASSAY_E_ID_TOKEN);
}

static void settings_of_b2c(void **state)
{
    trial *t = *state;
    assay_issuer *made_issuer = NULL;
    static const char *const urls[] = {NULL,
                                       "",
                                       "contoso.b2clogin.com",
                                       "https://contoso.b2clogin.com",
                                       "https://contoso.b2clogin.com?p=" POLICY,
                                       B2C_URL "?p=" POLICY,
                                       B2C_URL "#",
                                       "https://u@contoso.b2clogin.com/" TENANT_A "/v2.0/",
                                       "https://{tenantid}.b2clogin.com/" TENANT_A "/v2.0/"};
    static const char *const policies[] = {NULL, "", "a/b", "a b", "..%2f", "a?b", "{tenantid}"};
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++)
        must_fail(assay_issuer_entra_new_b2c(urls[i], POLICY, &made_issuer, &error), ASSAY_E_CONFIG_ISSUER);
    for (size_t i = 0; i < sizeof policies / sizeof policies[0]; i++)
        must_fail(assay_issuer_entra_new_b2c(B2C_URL, policies[i], &made_issuer, &error), ASSAY_E_CONFIG_ISSUER);
    use_b2c(t, B2C_URL);
    must_fail(assay_issuer_entra_add_tenant(t->issuer, TENANT_A, &error), ASSAY_E_CONFIG_TENANT);
    must_fail(assay_issuer_entra_allow_any_organization(t->issuer, &error), ASSAY_E_CONFIG_TENANT);
    must_fail(assay_issuer_entra_set_application_keys(t->issuer, ENTRA_CLIENT, &error), ASSAY_E_CONFIG_TENANT);
    must_fail(assay_issuer_entra_set_v1_issuer(t->issuer, "https://x.example/{tenantid}/", &error),
              ASSAY_E_CONFIG_ISSUER);
    must_fail(assay_issuer_set_profile(t->issuer, "generic", &error), ASSAY_E_CONFIG_PROFILE);
    must_ok(assay_issuer_entra_set_version(t->issuer, 1, NULL));
    must_ok(assay_issuer_set_keys(t->issuer, t->keys, NULL));
    must_fail(assay_validator_new(t->runtime, &t->issuer, 1, &t->validator, &error), ASSAY_E_CONFIG_ISSUER);
}

static void t21_external_id(void **state)
{
    trial *t = *state;
    static const char rest[] = ",\"tid\":\"" TENANT_A "\",\"ver\":\"2.0\"";
    use_external_id(t, "https://contoso.ciamlogin.com");
    trial_accept(t, made(t, CIAM_V2(TENANT_A, TENANT_A), rest));
    trial_accept(t, made(t, "https://" TENANT_A ".ciamlogin.com/" TENANT_A "/",
                         ",\"tid\":\"" TENANT_A "\",\"ver\":\"1.0\",\"appid\":\"" ENTRA_CALLER "\""));
    trial_refuse(t, made(t, CIAM_V2("contoso", TENANT_A), rest), ASSAY_E_ISSUER);
    trial_refuse(t, made(t, CIAM_V2(TENANT_A, TENANT_B), rest), ASSAY_E_ISSUER);
    trial_refuse(t, made(t, CIAM_V2(TENANT_B, TENANT_A), rest), ASSAY_E_ISSUER);
    trial_refuse(t, made(t, CIAM_V2("{tenantid}", "{tenantid}"), rest), ASSAY_E_ISSUER);
    trial_refuse(t, made(t, CIAM_V2(TENANT_A, TENANT_A) "/", rest), ASSAY_E_ISSUER);
    trial_refuse(t, made(t, ENTRA_V2(TENANT_A), rest), ASSAY_E_ISSUER);
    trial_refuse(t, made(t, CIAM_V2(TENANT_B, TENANT_B), rest), ASSAY_E_TENANT);
    trial_refuse(t, made(t, CIAM_V2(TENANT_A, TENANT_A), ",\"tid\":\"" TENANT_B "\",\"ver\":\"2.0\""),
                 ASSAY_E_TENANT_ID);
    trial_refuse(t, made(t, CIAM_V2(TENANT_A, TENANT_A), ",\"tid\":\"" TENANT_A "\",\"ver\":\"1.0\""), ASSAY_E_VERSION);
}

static void t21_keys_of_external_id(void **state)
{
    trial *t = *state;
    static const struct {
        const char *issuer;
        int code;
    } rows[] = {{CIAM_V2(TENANT_A, TENANT_A), ASSAY_OK},
                {NULL, ASSAY_OK}, /* a tenant of this kind has keys of its own */
                {CIAM_V2(TENANT_B, TENANT_B), ASSAY_E_KEY_ISSUER},
                {CIAM_V2(TENANT_B, "{tenantid}"), ASSAY_E_KEY_ISSUER},
                {"", ASSAY_E_KEY_ISSUER},
                {ENTRA_V2(TENANT_CONSUMERS), ASSAY_E_KEY_ISSUER}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *token = made(t, CIAM_V2(TENANT_A, TENANT_A), ",\"tid\":\"" TENANT_A "\",\"ver\":\"2.0\"");
        use_external_id(t, NULL);
        entra_trial_no_keys(t);
        entra_trial_add_key(t, TRIAL_KID, rows[i].issuer, NULL);
        if (rows[i].code == ASSAY_OK)
            trial_accept(t, token);
        else
            trial_refuse(t, token, rows[i].code);
    }
}

static void t21_where_the_metadata_of_external_id_lies(void **state)
{
    trial *t = *state;
    static const char name[] = CIAM_V2(TENANT_A, TENANT_A);
    use_external_id(t, "https://contoso.ciamlogin.com/");
    lies_at(t, name, "https://contoso.ciamlogin.com/" TENANT_A WELL_KNOWN);
    use_external_id(t, NULL);
    lies_at(t, name, "https://" TENANT_A ".ciamlogin.com/" TENANT_A WELL_KNOWN);
    use_external_id(t, "https://login.contoso.com:8443");
    must_ok(assay_issuer_entra_set_application_keys(t->issuer, ENTRA_CLIENT, NULL));
    lies_at(t, name, "https://login.contoso.com:8443/" TENANT_A WELL_KNOWN "?appid=" ENTRA_CLIENT);
}

static void settings_of_external_id(void **state)
{
    trial *t = *state;
    assay_issuer *issuer = NULL;
    must_fail(assay_issuer_entra_new_external_id(NULL, NULL, &issuer, &error), ASSAY_E_CONFIG_TENANT);
    must_fail(assay_issuer_entra_new_external_id("contoso", NULL, &issuer, &error), ASSAY_E_CONFIG_TENANT);
    must_fail(assay_issuer_entra_new_external_id("{tenantid}", NULL, &issuer, &error), ASSAY_E_CONFIG_TENANT);
    static const char *const authorities[] = {"",
                                              "contoso.ciamlogin.com",
                                              "https://contoso.ciamlogin.com/x",
                                              "https://contoso.ciamlogin.com?x",
                                              "https://u@contoso.ciamlogin.com",
                                              "https://{tenantid}.ciamlogin.com"};
    for (size_t i = 0; i < sizeof authorities / sizeof authorities[0]; i++)
        must_fail(assay_issuer_entra_new_external_id(TENANT_A, authorities[i], &issuer, &error), ASSAY_E_CONFIG_ISSUER);
    use_external_id(t, NULL);
    must_fail(assay_issuer_entra_add_tenant(t->issuer, TENANT_B, &error), ASSAY_E_CONFIG_TENANT);
    must_fail(assay_issuer_entra_allow_any_organization(t->issuer, &error), ASSAY_E_CONFIG_TENANT);
    /* A tenant of this kind in upper case is the same one. */
    must_ok(assay_issuer_entra_new_external_id("11111111-AAAA-4AAA-8AAA-111111111111", NULL, &issuer, NULL));
    entra_trial_use(t, issuer);
    trial_accept(t, made(t, CIAM_V2(TENANT_A, TENANT_A), ",\"tid\":\"" TENANT_A "\",\"ver\":\"2.0\""));
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
        TEST(t20_token_of_the_policy),
        TEST(t20_token_of_another_policy),
        TEST(t20_issuers_of_b2c),
        TEST(t20_tenant_that_is_not_the_issuers),
        TEST(t20_where_the_metadata_of_a_policy_lies),
        TEST(id_token_of_b2c),
        TEST(settings_of_b2c),
        TEST(t21_external_id),
        TEST(t21_keys_of_external_id),
        TEST(t21_where_the_metadata_of_external_id_lies),
        TEST(settings_of_external_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
