/* SPDX-License-Identifier: MIT */
/* Several issuers that one token could be of: which of them it goes to, and what is done to the keys of each. */
#include "support/document_server.h"
#include "support/entra_trial.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define X "api://x"
#define Y "api://y"
#define GOV_V2(tenant) "https://login.microsoftonline.us/" tenant "/v2.0"
#define B2C_URL "https://contoso.b2clogin.com/" TENANT_A "/v2.0/"

/* Of Entra; @p tenant NULL: any organisation; @p version 0: both. */
static assay_issuer *work(const char *cloud, const char *tenant, const char *audience, int version)
{
    assay_issuer *issuer;
    must_ok(assay_issuer_entra_new(cloud, &issuer, NULL));
    if (tenant == NULL)
        must_ok(assay_issuer_entra_allow_any_organization(issuer, NULL));
    else
        must_ok(assay_issuer_entra_add_tenant(issuer, tenant, NULL));
    if (version != 0)
        must_ok(assay_issuer_entra_set_version(issuer, version, NULL));
    must_ok(assay_issuer_add_audience(issuer, audience, NULL));
    return issuer;
}

static assay_issuer *generic(const char *url, const char *audience)
{
    assay_issuer *issuer;
    must_ok(assay_issuer_new(url, &issuer, NULL));
    must_ok(assay_issuer_add_audience(issuer, audience, NULL));
    return issuer;
}

static assay_issuer *b2c(const char *policy, const char *audience)
{
    assay_issuer *issuer;
    must_ok(assay_issuer_entra_new_b2c(B2C_URL, policy, &issuer, NULL));
    must_ok(assay_issuer_add_audience(issuer, audience, NULL));
    return issuer;
}

/* A validator of two, which it frees. */
static int make(trial *t, assay_issuer *first, assay_issuer *second)
{
    assay_issuer *both[] = {first, second};
    trial_restart(t);
    int code = assay_validator_new(t->runtime, both, 2, &t->validator, NULL);
    assay_issuer_free(first);
    assay_issuer_free(second);
    return code;
}

/* The same with the keys of the trial for each. */
static int make_with_keys(trial *t, assay_issuer *first, assay_issuer *second)
{
    must_ok(assay_issuer_set_keys(first, t->keys, NULL));
    must_ok(assay_issuer_set_keys(second, t->keys, NULL));
    return make(t, first, second);
}

/* The only key for an issuer. */
static void give(trial *t, assay_issuer *issuer, const char *kid, const char *key_issuer, const char *cloud)
{
    entra_trial_no_keys(t);
    entra_trial_add_key(t, kid, key_issuer, cloud);
    must_ok(assay_issuer_set_keys(issuer, t->keys, NULL));
}

static char *token(trial *t, const char *kid, const char *iss, const char *aud, const char *more)
{
    char *header = trial_format("{\"alg\":\"RS256\",\"kid\":\"%s\"}", kid);
    char *payload = trial_format("{\"iss\":\"%s\",\"aud\":%s," ENTRA_TIMES ENTRA_USER_V2 ",\"appid\":\"" ENTRA_CALLER
                                 "\",\"tid\":\"" TENANT_A "\"%s}",
                                 iss, aud, more);
    char *made = trial_token(t, header, payload);
    free(header);
    free(payload);
    return made;
}

static char *v2(trial *t, const char *kid, const char *aud)
{
    return token(t, kid, ENTRA_V2(TENANT_A), aud, ",\"ver\":\"2.0\"");
}

static char *v1(trial *t, const char *kid, const char *aud)
{
    return token(t, kid, ENTRA_V1(TENANT_A), aud, ",\"ver\":\"1.0\"");
}

static void two_of_one_tenant(trial *t)
{
    assay_issuer *x = work(NULL, TENANT_A, X, 0), *y = work(NULL, TENANT_A, Y, 0);
    give(t, x, "x", ENTRA_V2("{tenantid}"), NULL);
    give(t, y, "y", ENTRA_V2("{tenantid}"), NULL);
    must_ok(make(t, x, y));
}

static void m06_the_audience_decides(void **state)
{
    trial *t = *state;
    two_of_one_tenant(t);
    trial_accept(t, v2(t, "x", "\"" X "\""));
    trial_accept(t, v2(t, "y", "\"" Y "\""));
    trial_accept(t, v1(t, "y", "\"" Y "\""));
    trial_refuse(t, v2(t, "y", "\"" X "\""), ASSAY_E_KEY_UNKNOWN);
    trial_refuse(t, v2(t, "x", "\"" Y "\""), ASSAY_E_KEY_UNKNOWN);
    trial_refuse(t, v2(t, "x", "\"api://z\""), ASSAY_E_AUDIENCE);
    trial_refuse(t, v2(t, "x", "1"), ASSAY_E_CLAIM_TYPE);
    /* For both at once it is the first one's, and no other is tried after a refusal. */
    trial_accept(t, v2(t, "x", "[\"" Y "\",\"" X "\"]"));
    trial_refuse(t, v2(t, "y", "[\"" Y "\",\"" X "\"]"), ASSAY_E_KEY_UNKNOWN);
}

static void m06_one_audience_twice(void **state)
{
    trial *t = *state;
    static const char exact[] = ENTRA_V2(TENANT_A);
    assert_int_equal(make(t, work(NULL, TENANT_A, X, 0), work(NULL, TENANT_A, X, 0)), ASSAY_E_CONFIG_ISSUER);
    assert_int_equal(make(t, generic(exact, X), generic(exact, X)), ASSAY_E_CONFIG_ISSUER);
    assert_int_equal(make(t, generic(exact, X), work(NULL, TENANT_A, X, 0)), ASSAY_E_CONFIG_ISSUER);
    assert_int_equal(make(t, work(NULL, NULL, X, 0), work("public", NULL, X, 0)), ASSAY_E_CONFIG_ISSUER);
    assert_int_equal(make(t, b2c("P", X), b2c("p", X)), ASSAY_E_CONFIG_ISSUER);
    /* A client id stands for a URI too, unless version 2 alone is accepted. */
    assert_int_equal(make(t, work(NULL, TENANT_A, ENTRA_CLIENT, 0), work(NULL, TENANT_A, "api://" ENTRA_CLIENT, 0)),
                     ASSAY_E_CONFIG_ISSUER);
    must_ok(make(t, work(NULL, TENANT_A, ENTRA_CLIENT, 2), work(NULL, TENANT_A, "api://" ENTRA_CLIENT, 0)));
    must_ok(make(t, work(NULL, TENANT_A, X, 1), work(NULL, TENANT_A, X, 2)));
}

/* The names of two issuers differ, and still a token of tenant A could be of either. */
static void m06_one_tenant_on_two_lists(void **state)
{
    trial *t = *state;
    for (int i = 0; i < 3; i++) {
        assay_issuer *several = work(NULL, TENANT_A, X, 0);
        must_ok(assay_issuer_entra_add_tenant(several, TENANT_B, NULL));
        assay_issuer *other = i == 0   ? work(NULL, TENANT_A, X, 0)
                              : i == 1 ? generic(ENTRA_V2(TENANT_A), X)
                                       : generic(ENTRA_V1(TENANT_B), X);
        assert_int_equal(make(t, i == 1 ? other : several, i == 1 ? several : other), ASSAY_E_CONFIG_ISSUER);
    }
    assay_issuer *several = work(NULL, "44444444-aaaa-4aaa-8aaa-111111111111", X, 0);
    must_ok(assay_issuer_entra_add_tenant(several, TENANT_B, NULL));
    must_ok(make(t, several, work(NULL, TENANT_A, X, 0)));
}

/* In version 1 the two clouds have one issuer. */
static void m06_clouds_that_share_an_issuer(void **state)
{
    trial *t = *state;
    assert_int_equal(make(t, work(NULL, TENANT_A, X, 0), work("us-government", TENANT_A, X, 0)), ASSAY_E_CONFIG_ISSUER);
    assert_int_equal(make(t, work(NULL, NULL, X, 0), work("us-government", NULL, X, 0)), ASSAY_E_CONFIG_ISSUER);
    must_ok(make(t, work(NULL, NULL, X, 0), work("us-government", NULL, X, 2)));
    must_ok(make(t, work(NULL, NULL, X, 0), work("china", NULL, X, 0)));
    must_ok(make(t, work(NULL, TENANT_A, X, 0), work("us-government", TENANT_B, X, 0)));
}

static void add_keys_of_both_clouds(trial *t)
{
    entra_trial_no_keys(t);
    entra_trial_add_key(t, "public", ENTRA_V2("{tenantid}"), "microsoftonline.com");
    entra_trial_add_key(t, "gov", GOV_V2("{tenantid}"), "microsoftonline.us");
    entra_trial_add_key(t, "gov on public", ENTRA_V2("{tenantid}"), "microsoftonline.us");
}

static void t18_no_cloud_signs_for_the_other(void **state)
{
    trial *t = *state;
    add_keys_of_both_clouds(t);
    must_ok(make_with_keys(t, work(NULL, NULL, X, 0), work("us-government", NULL, Y, 0)));
    trial_accept(t, v1(t, "public", "\"" X "\""));
    trial_accept(t, v1(t, "gov", "\"" Y "\""));
    trial_refuse(t, v1(t, "gov", "\"" X "\""), ASSAY_E_KEY_ISSUER);
    trial_refuse(t, v1(t, "gov on public", "\"" X "\""), ASSAY_E_KEY_CLOUD);
    trial_refuse(t, v1(t, "public", "\"" Y "\""), ASSAY_E_KEY_ISSUER);
    trial_refuse(t, v1(t, "gov on public", "\"" Y "\""), ASSAY_E_KEY_ISSUER);
    trial_refuse(t, v2(t, "public", "\"" Y "\""), ASSAY_E_AUDIENCE);
    trial_refuse(t, v2(t, "gov on public", "\"" X "\""), ASSAY_E_KEY_CLOUD);
    trial_accept(t, token(t, "gov", GOV_V2(TENANT_A), "\"" Y "\"", ",\"ver\":\"2.0\""));
    trial_refuse(t, token(t, "public", GOV_V2(TENANT_A), "\"" Y "\"", ",\"ver\":\"2.0\""), ASSAY_E_KEY_ISSUER);
}

/* Where one audience serves both clouds, whoever does not take version 1 does not stand in its way. */
static void t18_the_version_decides(void **state)
{
    trial *t = *state;
    for (int order = 0; order < 2; order++) {
        add_keys_of_both_clouds(t);
        assay_issuer *public = work(NULL, NULL, X, 2), *gov = work("us-government", NULL, X, 0);
        must_ok(make_with_keys(t, order == 0 ? public : gov, order == 0 ? gov : public));
        trial_accept(t, v1(t, "gov", "\"" X "\""));
        trial_accept(t, v2(t, "public", "\"" X "\""));
        trial_refuse(t, v1(t, "public", "\"" X "\""), ASSAY_E_KEY_ISSUER);
        trial_refuse(t, v1(t, "gov on public", "\"" X "\""), ASSAY_E_KEY_ISSUER);
    }
}

/* Whoever lists a tenant goes before whoever accepts any, in whatever order they were given. */
static void m06_a_listed_tenant_beside_any(void **state)
{
    trial *t = *state;
    for (int order = 0; order < 2; order++) {
        assay_issuer *any = work(NULL, NULL, X, 0), *listed = work(NULL, TENANT_A, X, 0);
        give(t, any, "any", ENTRA_V2("{tenantid}"), NULL);
        give(t, listed, "listed", ENTRA_V2("{tenantid}"), NULL);
        must_ok(make(t, order == 0 ? any : listed, order == 0 ? listed : any));
        trial_accept(t, v2(t, "listed", "\"" X "\""));
        trial_refuse(t, v2(t, "any", "\"" X "\""), ASSAY_E_KEY_UNKNOWN);
        trial_accept(t,
                     trial_token(t, "{\"alg\":\"RS256\",\"kid\":\"any\"}",
                                 "{\"iss\":\"" ENTRA_V2(TENANT_B) "\",\"aud\":\"" X "\",\"tid\":\"" TENANT_B
                                                                  "\",\"ver\":\"2.0\"," ENTRA_TIMES ENTRA_USER_V2 "}"));
        trial_refuse(
            t,
            trial_token(t, "{\"alg\":\"RS256\",\"kid\":\"any\"}",
                        "{\"iss\":\"" ENTRA_V2(TENANT_CONSUMERS) "\",\"aud\":\"" X "\",\"tid\":\"" TENANT_CONSUMERS
                                                                 "\",\"ver\":\"2.0\"," ENTRA_TIMES ENTRA_USER_V2 "}"),
            ASSAY_E_TENANT);
    }
}

/* What a listed tenant may not do it may not do as any organisation either, but for another audience. */
static void m06_a_list_is_not_evaded(void **state)
{
    trial *t = *state;
    for (int order = 0; order < 2; order++) {
        assay_issuer *any = work(NULL, NULL, X, 0), *listed = work(NULL, TENANT_A, X, 2);
        must_ok(assay_issuer_add_audience(any, Y, NULL));
        must_ok(make_with_keys(t, order == 0 ? any : listed, order == 0 ? listed : any));
        trial_accept(t, v2(t, TRIAL_KID, "\"" X "\""));
        trial_refuse(t, v1(t, TRIAL_KID, "\"" X "\""), ASSAY_E_VERSION);
        trial_accept(t, v1(t, TRIAL_KID, "\"" Y "\""));
    }
}

/* Policies of B2C have keys of their own; one does not sign for the other. */
static void t20_two_policies_of_one_url(void **state)
{
    trial *t = *state;
    assay_issuer *in = b2c("B2C_1_in", X), *up = b2c("B2C_1_up", X);
    give(t, in, "in", NULL, NULL);
    give(t, up, "up", NULL, NULL);
    must_ok(make(t, in, up));
    trial_accept(t, token(t, "in", B2C_URL, "\"" X "\"", ",\"tfp\":\"B2C_1_in\""));
    trial_accept(t, token(t, "up", B2C_URL, "\"" X "\"", ",\"tfp\":\"b2c_1_UP\""));
    trial_refuse(t, token(t, "up", B2C_URL, "\"" X "\"", ",\"tfp\":\"B2C_1_in\""), ASSAY_E_KEY_UNKNOWN);
    trial_refuse(t, token(t, "in", B2C_URL, "\"" X "\"", ",\"tfp\":\"B2C_1_up\",\"acr\":\"B2C_1_in\""),
                 ASSAY_E_KEY_UNKNOWN);
    trial_refuse(t, token(t, "in", B2C_URL, "\"" X "\"", ",\"tfp\":\"B2C_1_edit\""), ASSAY_E_POLICY);
    trial_refuse(t, token(t, "in", B2C_URL, "\"" X "\"", ""), ASSAY_E_POLICY);
}

/* Not a legacy policy of B2C, nor a plain issuer, under the host of Entra is taken for Entra's, and not the other way round. */
static void m03_neighbours_under_one_host(void **state)
{
    trial *t = *state;
    assay_issuer *legacy, *entra = work(NULL, TENANT_A, X, 0);
    must_ok(assay_issuer_entra_new_b2c(ENTRA_V2(TENANT_A) "/", "P", &legacy, NULL));
    must_ok(assay_issuer_add_audience(legacy, X, NULL));
    give(t, entra, "entra", ENTRA_V2("{tenantid}"), NULL);
    give(t, legacy, "b2c", NULL, NULL);
    must_ok(make(t, legacy, entra));
    trial_accept(t, v2(t, "entra", "\"" X "\""));
    trial_refuse(t, v2(t, "b2c", "\"" X "\""), ASSAY_E_KEY_UNKNOWN);
    trial_accept(t, token(t, "b2c", ENTRA_V2(TENANT_A) "/", "\"" X "\"", ",\"tfp\":\"P\""));
    trial_refuse(t, token(t, "entra", ENTRA_V2(TENANT_A) "/", "\"" X "\"", ",\"tfp\":\"P\""), ASSAY_E_KEY_UNKNOWN);
    /* A token of another issuer with the claims of Entra stays that issuer's. */
    assay_issuer *other = generic("https://token.actions.example.com", X);
    entra = work(NULL, TENANT_A, X, 0);
    give(t, entra, "entra", ENTRA_V2("{tenantid}"), NULL);
    give(t, other, "other", NULL, NULL);
    must_ok(make(t, other, entra));
    assay_claims *claims =
        trial_claims(t, token(t, "other", "https://token.actions.example.com", "\"" X "\"", ",\"ver\":\"2.0\""));
    assert_string_equal(assay_claims_issuer(claims), "https://token.actions.example.com");
    assay_claims_unref(claims);
    trial_refuse(t, token(t, "entra", "https://token.actions.example.com", "\"" X "\"", ",\"ver\":\"2.0\""),
                 ASSAY_E_KEY_UNKNOWN);
    trial_refuse(t, v2(t, "other", "\"" X "\""), ASSAY_E_KEY_UNKNOWN);
}

static uint64_t stat_of(trial *t, const char *name, int stat)
{
    uint64_t value;
    must_ok(assay_validator_get_stat(t->validator, name, stat, &value));
    return value;
}

static void m06_pushed_and_purged_keys(void **state)
{
    trial *t = *state;
    static const char name[] = ENTRA_V2(TENANT_A);
    must_ok(make(t, work(NULL, TENANT_A, X, 0), work(NULL, TENANT_A, Y, 0)));
    must_fail(assay_validator_push_keys(t->validator, ENTRA_V2("{tenantid}"), t->keys, &error), ASSAY_E_NOT_CONFIGURED);
    must_fail(assay_validator_push_keys(t->validator, ENTRA_V1(TENANT_A), t->keys, &error), ASSAY_E_NOT_CONFIGURED);
    must_ok(assay_validator_push_keys(t->validator, name, t->keys, NULL));
    assert_int_equal(stat_of(t, name, ASSAY_STAT_KEYS_SERVED), 2);
    trial_accept(t, v2(t, TRIAL_KID, "\"" X "\""));
    trial_accept(t, v2(t, TRIAL_KID, "\"" Y "\""));
    must_fail(assay_validator_purge(t->validator, name, "unknown", &error), ASSAY_E_KEY_UNKNOWN);
    must_ok(assay_validator_purge(t->validator, name, TRIAL_KID, NULL));
    assert_int_equal(stat_of(t, name, ASSAY_STAT_KEYS_SERVED), 0);
    must_fail(assay_validator_push_keys(t->validator, name, t->keys, &error), ASSAY_E_CONFIG_KEYS);
    assert_int_equal(stat_of(t, name, ASSAY_STAT_KEYS_SERVED), 0);
    assert_int_equal(stat_of(t, NULL, ASSAY_STAT_KEY_FETCHES), 0);
}

static void m06_refreshed_and_described(void **state)
{
    trial *t = *state;
    document_server server;
    uint8_t *json = NULL;
    size_t len;
    document_server_start(&server);
    assay_issuer *x = generic(server.url, X), *y = generic(server.url, Y);
    must_ok(assay_issuer_allow_loopback_http(x, NULL));
    must_ok(assay_issuer_allow_loopback_http(y, NULL));
    must_ok(make(t, x, y));
    must_ok(assay_validator_refresh(t->validator, server.url, 20000, NULL));
    assert_int_equal(stat_of(t, server.url, ASSAY_STAT_METADATA_FETCHES), 2);
    assert_int_equal(stat_of(t, server.url, ASSAY_STAT_KEY_FETCHES), 2);
    assert_int_equal(stat_of(t, server.url, ASSAY_STAT_KEYS_SERVED), 2);
    must_ok(assay_validator_ready(t->validator, NULL));
    must_ok(assay_validator_describe(t->validator, server.url, &json, &len, NULL));
    assert_non_null(strstr((const char *)json, "\"kid\":\"k\""));
    assay_bytes_free(json, len);
    trial_restart(t);
    document_server_stop(&server);
}

/* Other tenants make the issuer another one by name. What was purged of its keys does not come back by that. */
static void a_purge_outlives_a_reload_with_other_tenants(void **state)
{
    trial *t = *state;
    enum { ONE, OTHER, BOTH, ANY, KINDS };
    static const char *const names[KINDS] = {ENTRA_V2(TENANT_A), ENTRA_V2(TENANT_B), ENTRA_V2("{tenantid}"),
                                             ENTRA_V2("{tenantid}")};
    static const char *const tenants[KINDS] = {TENANT_A, TENANT_B, TENANT_A, NULL};
    for (int pair = 0; pair < KINDS * KINDS; pair++) {
        const int kinds[] = {pair / KINDS, pair % KINDS};
        assay_validator *made[2];
        for (int i = 0; i < 2; i++) {
            assay_issuer *issuer = work(NULL, tenants[kinds[i]], X, 0);
            if (kinds[i] == BOTH)
                must_ok(assay_issuer_entra_add_tenant(issuer, TENANT_B, NULL));
            must_ok(make(t, issuer, generic("https://other.example.com", X)));
            made[i] = t->validator;
            t->validator = NULL;
        }
        must_ok(assay_validator_push_keys(made[0], names[kinds[0]], t->keys, NULL));
        must_ok(assay_validator_purge(made[0], names[kinds[0]], TRIAL_KID, NULL));
        must_ok(assay_validator_take_over(made[1], made[0], NULL, NULL));
        must_fail(assay_validator_push_keys(made[1], names[kinds[1]], t->keys, &error), ASSAY_E_CONFIG_KEYS);
        assay_validator_unref(made[0]);
        assay_validator_unref(made[1]);
    }
}

static void many_of_one_url(void **state)
{
    trial *t = *state;
    assay_issuer *issuers[65];
    for (int i = 0; i < 65; i++) {
        char audience[32];
        snprintf(audience, sizeof audience, "api://%d", i);
        issuers[i] = work(NULL, TENANT_A, audience, 0);
        must_ok(assay_issuer_set_keys(issuers[i], t->keys, NULL));
    }
    must_fail(assay_validator_new(t->runtime, issuers, 65, &t->validator, &error), ASSAY_E_CONFIG_ISSUER);
    must_ok(assay_validator_new(t->runtime, issuers, 64, &t->validator, NULL));
    trial_accept(t, v2(t, TRIAL_KID, "\"api://0\""));
    trial_accept(t, v2(t, TRIAL_KID, "\"api://63\""));
    trial_accept(t, v2(t, TRIAL_KID, "[\"\\u0061pi://none\",\"\\u0061pi:\\/\\/63\"]"));
    trial_refuse(t, v2(t, TRIAL_KID, "\"api://64\""), ASSAY_E_AUDIENCE);
    for (int i = 0; i < 65; i++)
        assay_issuer_free(issuers[i]);
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
        TEST(m06_the_audience_decides),
        TEST(m06_one_audience_twice),
        TEST(m06_one_tenant_on_two_lists),
        TEST(m06_clouds_that_share_an_issuer),
        TEST(t18_no_cloud_signs_for_the_other),
        TEST(t18_the_version_decides),
        TEST(m06_a_listed_tenant_beside_any),
        TEST(m06_a_list_is_not_evaded),
        TEST(t20_two_policies_of_one_url),
        TEST(m03_neighbours_under_one_host),
        TEST(m06_pushed_and_purged_keys),
        TEST(m06_refreshed_and_described),
        TEST(a_purge_outlives_a_reload_with_other_tenants),
        TEST(many_of_one_url),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
