/* SPDX-License-Identifier: MIT */
/* Which key may sign for which tenant of Entra. */
#include "support/entra_trial.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define PUBLIC "microsoftonline.com"
#define TOKEN_A ENTRA_CLAIMS_V2(TENANT_A, ENTRA_USER_V2)
#define TOKEN_A_V1 ENTRA_CLAIMS_V1(TENANT_A, ENTRA_USER_V1)
#define TOKEN_B ENTRA_CLAIMS_V2(TENANT_B, ENTRA_USER_V2)

/* The only key from here on. */
static void use_key(trial *t, const char *issuer, const char *cloud)
{
    trial_restart(t);
    entra_trial_no_keys(t);
    entra_trial_add_key(t, TRIAL_KID, issuer, cloud);
}

static void use_cloud(trial *t, const char *cloud, const char *v1)
{
    assay_issuer *issuer;
    must_ok(assay_issuer_entra_new(cloud, &issuer, NULL));
    must_ok(assay_issuer_entra_add_tenant(issuer, TENANT_A, NULL));
    if (v1 != NULL)
        must_ok(assay_issuer_entra_set_v1_issuer(issuer, v1, NULL));
    entra_trial_use(t, issuer);
}

/* Storm-0558: a key of personal accounts signs for an organisation. */
static void k01_key_of_personal_accounts(void **state)
{
    trial *t = *state;
    use_key(t, ENTRA_V2(TENANT_CONSUMERS), PUBLIC);
    trial_refuse_payload(t, TOKEN_A, ASSAY_E_KEY_ISSUER);
    trial_refuse_payload(t, TOKEN_A_V1, ASSAY_E_KEY_ISSUER);
    assay_error *error = trial_error(t, trial_sign(t, TOKEN_A));
    assert_string_equal(assay_error_found(error), ENTRA_V2(TENANT_CONSUMERS));
    assay_error_free(error);
    trial_restart(t);
    must_ok(assay_issuer_entra_allow_any_organization(t->issuer, NULL));
    must_ok(assay_issuer_entra_add_tenant(t->issuer, "consumers", NULL));
    trial_refuse_payload(t, TOKEN_A, ASSAY_E_KEY_ISSUER);
    trial_refuse_payload(t, TOKEN_B, ASSAY_E_KEY_ISSUER);
    trial_accept_payload(t, ENTRA_CLAIMS_V2(TENANT_CONSUMERS, ENTRA_USER_V2));
    trial_restart(t);
    must_ok(assay_issuer_entra_ignore_key_issuer(t->issuer, NULL));
    trial_accept_payload(t, TOKEN_A); /* as the name of that call says */
}

static void k02_key_of_every_tenant(void **state)
{
    trial *t = *state;
    must_ok(assay_issuer_entra_allow_any_organization(t->issuer, NULL));
    trial_accept_payload(t, TOKEN_A);
    trial_accept_payload(t, TOKEN_A_V1);
    trial_accept_payload(t, TOKEN_B);
}

static void k03_key_of_another_tenant(void **state)
{
    trial *t = *state;
    must_ok(assay_issuer_entra_add_tenant(t->issuer, TENANT_B, NULL));
    use_key(t, ENTRA_V2(TENANT_B), PUBLIC);
    trial_refuse_payload(t, TOKEN_A, ASSAY_E_KEY_ISSUER);
    trial_refuse_payload(t, TOKEN_A_V1, ASSAY_E_KEY_ISSUER);
    trial_accept_payload(t, TOKEN_B);
}

/* Only keys of B2C have none; those of the v1 endpoint are never asked for. */
static void k04_key_without_issuer(void **state)
{
    trial *t = *state;
    use_key(t, NULL, PUBLIC);
    trial_refuse_payload(t, TOKEN_A, ASSAY_E_KEY_ISSUER);
    trial_refuse_payload(t, TOKEN_A_V1, ASSAY_E_KEY_ISSUER);
}

static void k05_issuers_of_keys_that_are_none(void **state)
{
    trial *t = *state;
    char *pad = trial_repeat("a", 1100);
    char *longer = trial_format("https://login.microsoftonline.com/{tenantid}/v2.0%s", pad);
    const char *const issuers[] = {"",
                                   " ",
                                   " " ENTRA_V2("{tenantid}"),
                                   ENTRA_V2("{tenantid}") " ",
                                   ENTRA_V2("{tenantid}") "/",
                                   ENTRA_V2("{TENANTID}"),
                                   ENTRA_V2("{tenantid}{tenantid}"),
                                   ENTRA_V2("{tenantid"),
                                   ENTRA_V2("common"),
                                   ENTRA_V2("11111111-AAAA-4AAA-8AAA-111111111111"),
                                   ENTRA_V1("{tenantid}"),
                                   ENTRA_V1(TENANT_A),
                                   "{tenantid}",
                                   TENANT_A,
                                   "https://login.microsoftonline.us/{tenantid}/v2.0",
                                   "https://LOGIN.microsoftonline.com/{tenantid}/v2.0",
                                   longer};
    for (size_t i = 0; i < sizeof issuers / sizeof issuers[0]; i++) {
        use_key(t, issuers[i], PUBLIC);
        trial_refuse_payload(t, TOKEN_A, ASSAY_E_KEY_ISSUER);
        trial_refuse_payload(t, TOKEN_A_V1, ASSAY_E_KEY_ISSUER);
    }
    free(longer);
    free(pad);
}

/* One that restricts a key and can't be read makes the key unusable; it is not taken as absent. */
static void k05_issuers_and_clouds_that_are_no_texts(void **state)
{
    trial *t = *state;
    static const char *const members[] = {
        ",\"issuer\":null", ",\"issuer\":1", ",\"issuer\":[\"" ENTRA_V2("{tenantid}") "\"]",
        ",\"issuer\":\"" ENTRA_V2("{tenantid}") "\",\"cloud_instance_name\":null",
        ",\"issuer\":\"" ENTRA_V2("{tenantid}") "\",\"cloud_instance_name\":[\"" PUBLIC "\"]"};
    const char *bare = mint_key_bare_jwk(t->key);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        trial_restart(t);
        entra_trial_no_keys(t);
        entra_trial_add_key(t, "other", ENTRA_V2("{tenantid}"), PUBLIC);
        char *set =
            trial_format("{\"keys\":[%.*s,\"kid\":\"" TRIAL_KID "\"%s}]}", (int)strlen(bare) - 1, bare, members[i]);
        must_ok(assay_keyset_add_json(t->keys, set, strlen(set), NULL)); /* skipped */
        free(set);
        trial_refuse_payload(t, TOKEN_A, ASSAY_E_KEY_UNKNOWN);
        trial_accept(t, trial_token(t, "{\"alg\":\"RS256\",\"kid\":\"other\",\"typ\":\"JWT\"}", TOKEN_A));
    }
}

/* The public endpoint serves keys of US Government. */
static void k06_key_of_another_cloud(void **state)
{
    trial *t = *state;
    static const char *const clouds[] = {"microsoftonline.us",
                                         "",
                                         " ",
                                         "Microsoftonline.com",
                                         "microsoftonline.com.",
                                         "login.microsoftonline.com",
                                         "partner.microsoftonline.cn"};
    for (size_t i = 0; i < sizeof clouds / sizeof clouds[0]; i++) {
        use_key(t, ENTRA_V2("{tenantid}"), clouds[i]);
        trial_refuse_payload(t, TOKEN_A, ASSAY_E_KEY_CLOUD);
        trial_refuse_payload(t, TOKEN_A_V1, ASSAY_E_KEY_CLOUD);
    }
    trial_restart(t);
    must_ok(assay_issuer_entra_ignore_key_cloud(t->issuer, NULL));
    trial_accept_payload(t, TOKEN_A);
}

static void k07_cloud_that_is_not_told(void **state)
{
    trial *t = *state;
    use_key(t, ENTRA_V2("{tenantid}"), NULL);
    trial_accept_payload(t, TOKEN_A);
    /* A cloud of one's own has no name until it is given one. */
    static const char token[] = "{\"iss\":\"https://login.example.com/" TENANT_A "/v2.0\",\"aud\":\"" ENTRA_CLIENT
                                "\",\"tid\":\"" TENANT_A "\",\"ver\":\"2.0\"," ENTRA_TIMES ENTRA_USER_V2 "}";
    use_cloud(t, "https://login.example.com", NULL);
    use_key(t, "https://login.example.com/{tenantid}/v2.0", "example.com");
    trial_accept_payload(t, token);
    trial_restart(t);
    must_ok(assay_issuer_entra_set_cloud_instance(t->issuer, "other.example.com", NULL));
    trial_refuse_payload(t, token, ASSAY_E_KEY_CLOUD);
    use_key(t, "https://login.example.com/{tenantid}/v2.0", NULL);
    trial_accept_payload(t, token);
    use_key(t, ENTRA_V2("{tenantid}"), "other.example.com");
    trial_refuse_payload(t, token, ASSAY_E_KEY_ISSUER);
}

/* Both clouds bear the same `iss` in version 1: only the key tells them apart. */
static void t18_version_1_of_us_government(void **state)
{
    trial *t = *state;
    use_cloud(t, "us-government", NULL);
    use_key(t, "https://login.microsoftonline.us/{tenantid}/v2.0", "microsoftonline.us");
    trial_accept_payload(t, TOKEN_A_V1);
    trial_refuse_payload(t, TOKEN_A, ASSAY_E_ISSUER); /* version 2 of the public cloud */
    use_key(t, ENTRA_V2("{tenantid}"), PUBLIC);
    trial_refuse_payload(t, TOKEN_A_V1, ASSAY_E_KEY_ISSUER);
    use_key(t, "https://login.microsoftonline.us/{tenantid}/v2.0", PUBLIC);
    trial_refuse_payload(t, TOKEN_A_V1, ASSAY_E_KEY_CLOUD);
}

static void t17_t26_version_2_of_another_cloud(void **state)
{
    trial *t = *state;
    static const char *const issuers[] = {"https://login.microsoftonline.us/" TENANT_A "/v2.0",
                                          "https://login.partner.microsoftonline.cn/" TENANT_A "/v2.0",
                                          "https://sts.chinacloudapi.cn/" TENANT_A "/",
                                          "https://login.windows-ppe.net/" TENANT_A "/v2.0", /* T26 */
                                          "https://sts.windows-ppe.net/" TENANT_A "/"};
    for (size_t i = 0; i < sizeof issuers / sizeof issuers[0]; i++) {
        char *payload = trial_format("{\"iss\":\"%s\",\"aud\":\"" ENTRA_CLIENT "\",\"tid\":\"" TENANT_A
                                     "\",\"ver\":\"2.0\"," ENTRA_TIMES ENTRA_USER_V2 "}",
                                     issuers[i]);
        trial_refuse_payload(t, payload, ASSAY_E_ISSUER);
        if (i == 0) {
            assay_error *error = trial_error(t, trial_sign(t, payload));
            assert_non_null(strstr(assay_error_hint(error), "another cloud"));
            assay_error_free(error);
        }
        free(payload);
    }
}

static void t19_china(void **state)
{
    trial *t = *state;
    use_cloud(t, "https://login.chinacloudapi.cn", NULL);
    use_key(t, "https://login.partner.microsoftonline.cn/{tenantid}/v2.0", "partner.microsoftonline.cn");
    trial_accept_payload(t, "{\"iss\":\"https://login.partner.microsoftonline.cn/" TENANT_A
                            "/v2.0\",\"aud\":\"" ENTRA_CLIENT "\",\"tid\":\"" TENANT_A
                            "\",\"ver\":\"2.0\"," ENTRA_TIMES ENTRA_USER_V2 "}");
    trial_accept_payload(t, "{\"iss\":\"https://sts.chinacloudapi.cn/" TENANT_A "/\",\"aud\":\"" ENTRA_CLIENT
                            "\",\"tid\":\"" TENANT_A "\",\"ver\":\"1.0\"," ENTRA_TIMES ENTRA_USER_V1 "}");
    trial_refuse_payload(t, TOKEN_A_V1, ASSAY_E_ISSUER);
}

static void cloud_of_ones_own_with_version_1(void **state)
{
    trial *t = *state;
    use_cloud(t, "https://login.example.com", "https://sts.example.com/x/{tenantid}/");
    use_key(t, "https://login.example.com/{tenantid}/v2.0", NULL);
    trial_accept_payload(t, "{\"iss\":\"https://sts.example.com/x/" TENANT_A "/\",\"aud\":\"" ENTRA_CLIENT
                            "\",\"tid\":\"" TENANT_A "\",\"ver\":\"1.0\"," ENTRA_TIMES ENTRA_USER_V1 "}");
    trial_refuse_payload(t, TOKEN_A_V1, ASSAY_E_ISSUER);
    trial_refuse_payload(t, TOKEN_A, ASSAY_E_ISSUER);
    must_fail(assay_issuer_entra_set_v1_issuer(t->issuer, "https://sts.example.com/", &error), ASSAY_E_CONFIG_ISSUER);
    must_fail(assay_issuer_entra_set_cloud_instance(t->issuer, "", &error), ASSAY_E_ARGUMENT);
    use_cloud(t, "https://login.example.com", NULL);
    must_ok(assay_issuer_entra_set_version(t->issuer, 1, NULL)); /* which it has no issuer of */
    must_fail(assay_validator_new(t->runtime, &t->issuer, 1, &t->validator, &error), ASSAY_E_CONFIG_ISSUER);
    use_cloud(t, "public", NULL);
    must_fail(assay_issuer_entra_set_v1_issuer(t->issuer, "https://x.example/{tenantid}/", &error),
              ASSAY_E_CONFIG_ISSUER);
    must_fail(assay_issuer_entra_set_cloud_instance(t->issuer, "microsoftonline.us", &error), ASSAY_E_CONFIG_ISSUER);
}

/* A key that may not sign does not stand in the way of another of its name that may. */
static void two_keys_of_one_name(void **state)
{
    trial *t = *state;
    entra_trial_no_keys(t);
    entra_trial_add_key(t, TRIAL_KID, ENTRA_V2(TENANT_CONSUMERS), PUBLIC);
    entra_trial_add_key(t, TRIAL_KID, ENTRA_V2("{tenantid}"), "microsoftonline.us");
    trial_refuse_payload(t, TOKEN_A, ASSAY_E_KEY_CLOUD);
    trial_restart(t);
    entra_trial_add_key(t, TRIAL_KID, ENTRA_V2("{tenantid}"), PUBLIC);
    trial_accept_payload(t, TOKEN_A);
}

static void a_key_is_named(void **state)
{
    trial *t = *state;
    trial_refuse(t, trial_token(t, "{\"alg\":\"RS256\",\"typ\":\"JWT\"}", TOKEN_A), ASSAY_E_KID_MISSING);
    trial_refuse(t, trial_token(t, "{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":\"K\"}", TOKEN_A), ASSAY_E_KEY_UNKNOWN);
    assay_error *error = trial_error(t, trial_token(t, "{\"alg\":\"RS256\",\"kid\":\"other\"}", TOKEN_A));
    assert_non_null(strstr(assay_error_hint(error), "?appid="));
    assay_error_free(error);
    mint_key *other = mint_key_new("RS256", TRIAL_KID);
    trial_refuse(t, mint_token(other, TOKEN_A), ASSAY_E_SIGNATURE);
    mint_key_free(other);
}

/* What is set later does not reach a validator that was made before. */
static void the_validator_has_a_copy(void **state)
{
    trial *t = *state;
    trial_start(t);
    must_ok(assay_issuer_entra_add_tenant(t->issuer, TENANT_B, NULL));
    must_ok(assay_issuer_entra_allow_any_organization(t->issuer, NULL));
    must_ok(assay_issuer_entra_set_version(t->issuer, 1, NULL));
    must_ok(assay_issuer_entra_ignore_key_issuer(t->issuer, NULL));
    trial_refuse_payload(t, TOKEN_B, ASSAY_E_TENANT);
    trial_accept_payload(t, TOKEN_A);
    trial_restart(t);
    trial_refuse_payload(t, TOKEN_B, ASSAY_E_VERSION);
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
        TEST(k01_key_of_personal_accounts),
        TEST(k02_key_of_every_tenant),
        TEST(k03_key_of_another_tenant),
        TEST(k04_key_without_issuer),
        TEST(k05_issuers_of_keys_that_are_none),
        TEST(k05_issuers_and_clouds_that_are_no_texts),
        TEST(k06_key_of_another_cloud),
        TEST(k07_cloud_that_is_not_told),
        TEST(t17_t26_version_2_of_another_cloud),
        TEST(t18_version_1_of_us_government),
        TEST(t19_china),
        TEST(cloud_of_ones_own_with_version_1),
        TEST(two_keys_of_one_name),
        TEST(a_key_is_named),
        TEST(the_validator_has_a_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
