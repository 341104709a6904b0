/* SPDX-License-Identifier: MIT */
/* Tokens of Entra: whose they are, by issuer, tenant and version. */
#include "support/entra_trial.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

/* What is left of a good token without issuer, tenant and version; it passes for one of either version. */
#define REST                                                                                                           \
    "\"aud\":\"" ENTRA_CLIENT "\",\"oid\":\"" ENTRA_OID "\",\"sub\":\"" ENTRA_SUB "\",\"azp\":\"" ENTRA_CALLER         \
    "\",\"appid\":\"" ENTRA_CALLER "\",\"scp\":\"read\"," ENTRA_TIMES
#define TID(tenant) ",\"tid\":\"" tenant "\""
#define VER(version) ",\"ver\":\"" version "\""

/* A token with `iss` as it stands in JSON, and the members after it. */
static char *made(trial *t, const char *iss, const char *members)
{
    char *payload = trial_format("{\"iss\":%s," REST "%s}", iss, members);
    char *token = trial_sign(t, payload);
    free(payload);
    return token;
}

static char *of_issuer(trial *t, const char *iss, const char *members)
{
    char *quoted = trial_format("\"%s\"", iss);
    char *token = made(t, quoted, members);
    free(quoted);
    return token;
}

static void allow_any(trial *t)
{
    must_ok(assay_issuer_entra_allow_any_organization(t->issuer, NULL));
}

static void t01_v2_token_of_one_tenant(void **state)
{
    trial *t = *state;
    assay_claims *claims = trial_claims(t, trial_sign(t, ENTRA_CLAIMS_V2(TENANT_A, ENTRA_USER_V2)));
    assert_string_equal(assay_claims_issuer(claims), ENTRA_V2(TENANT_A));
    assay_claims_unref(claims);
    trial_accept_payload(t, ENTRA_CLAIMS_V2(TENANT_A, ENTRA_DAEMON_V2));
}

static void t02_v1_token(void **state)
{
    trial *t = *state;
    assay_claims *claims = trial_claims(t, trial_sign(t, ENTRA_CLAIMS_V1(TENANT_A, ENTRA_USER_V1)));
    assert_string_equal(assay_claims_issuer(claims), ENTRA_V1(TENANT_A));
    assay_claims_unref(claims);
}

static void t03_v1_token_where_only_v2_is_allowed(void **state)
{
    trial *t = *state;
    must_ok(assay_issuer_entra_set_version(t->issuer, 2, NULL));
    must_ok(assay_issuer_add_audience(t->issuer, "api://" ENTRA_CLIENT, NULL));
    trial_refuse_payload(t, ENTRA_CLAIMS_V1(TENANT_A, ENTRA_USER_V1), ASSAY_E_VERSION);
    assay_error *error = trial_error(t, trial_sign(t, ENTRA_CLAIMS_V1(TENANT_A, ENTRA_USER_V1)));
    assert_non_null(strstr(assay_error_hint(error), "requestedAccessTokenVersion to 2"));
    assert_string_equal(assay_error_expected(error), "2.0");
    assert_string_equal(assay_error_found(error), "1.0");
    assay_error_free(error);
    trial_accept_payload(t, ENTRA_CLAIMS_V2(TENANT_A, ENTRA_USER_V2));
}

static void t03_v2_token_where_only_v1_is_allowed(void **state)
{
    trial *t = *state;
    must_ok(assay_issuer_entra_set_version(t->issuer, 1, NULL));
    assay_error *error = trial_error(t, trial_sign(t, ENTRA_CLAIMS_V2(TENANT_A, ENTRA_USER_V2)));
    assert_int_equal(assay_error_code(error), ASSAY_E_VERSION);
    assert_non_null(strstr(assay_error_hint(error), "requestedAccessTokenVersion to 1"));
    assay_error_free(error);
    trial_accept_payload(t, ENTRA_CLAIMS_V1(TENANT_A, ENTRA_USER_V1));
}

/* The keys are the v2 endpoint's whatever the token's version, so nothing is fetched for either. */
static void t04_both_versions_with_one_source_of_keys(void **state)
{
    trial *t = *state;
    trial_accept_payload(t, ENTRA_CLAIMS_V1(TENANT_A, ENTRA_USER_V1));
    trial_accept_payload(t, ENTRA_CLAIMS_V2(TENANT_A, ENTRA_USER_V2));
}

static void t05_several_tenants(void **state)
{
    trial *t = *state;
    must_ok(assay_issuer_entra_add_tenant(t->issuer, TENANT_B, NULL));
    trial_accept_payload(t, ENTRA_CLAIMS_V2(TENANT_A, ENTRA_USER_V2));
    trial_accept_payload(t, ENTRA_CLAIMS_V2(TENANT_B, ENTRA_USER_V2));
    trial_accept_payload(t, ENTRA_CLAIMS_V1(TENANT_B, ENTRA_USER_V1));
    trial_refuse_payload(t, ENTRA_CLAIMS_V2("66666666-ffff-4fff-8fff-666666666666", ENTRA_USER_V2), ASSAY_E_TENANT);
}

static void t05_any_organization(void **state)
{
    trial *t = *state;
    allow_any(t);
    trial_accept_payload(t, ENTRA_CLAIMS_V2(TENANT_A, ENTRA_USER_V2));
    trial_accept_payload(t, ENTRA_CLAIMS_V2(TENANT_B, ENTRA_USER_V2));
    trial_accept_payload(t, ENTRA_CLAIMS_V1(TENANT_B, ENTRA_USER_V1));
}

static void t06_tenant_that_is_not_the_issuers(void **state)
{
    trial *t = *state;
    allow_any(t);
    trial_refuse(t, of_issuer(t, ENTRA_V2(TENANT_A), TID(TENANT_B) VER("2.0")), ASSAY_E_TENANT_ID);
    trial_refuse(t, of_issuer(t, ENTRA_V1(TENANT_A), TID(TENANT_B) VER("1.0")), ASSAY_E_TENANT_ID);
    assay_error *error = trial_error(t, of_issuer(t, ENTRA_V2(TENANT_A), TID(TENANT_B) VER("2.0")));
    assert_string_equal(assay_error_expected(error), TENANT_A);
    assert_string_equal(assay_error_found(error), TENANT_B);
    assert_int_equal(assay_error_found_is_verified(error), 0);
    assay_error_free(error);
}

/* The sample of Microsoft's documentation: its `iss` has a GUID that is a character short, and not that of `tid`. */
static void t07_the_documented_sample(void **state)
{
    trial *t = *state;
    allow_any(t);
    trial_refuse(t,
                 of_issuer(t, "https://sts.windows.net/fa15d692-e9c7-4460-a743-29f29522229/",
                           TID("fa15d692-e9c7-4460-a743-29f2956fd429") VER("1.0")),
                 ASSAY_E_ISSUER);
}

static void t08_v2_token_with_an_issuer_of_neither_form(void **state)
{
    trial *t = *state;
    allow_any(t);
    trial_refuse(t, of_issuer(t, "https://login.microsoftonline.com/" TENANT_A, TID(TENANT_A) VER("2.0")),
                 ASSAY_E_ISSUER);
}

static void t09_the_template_itself(void **state)
{
    trial *t = *state;
    allow_any(t);
    must_ok(
        assay_issuer_entra_add_tenant(t->issuer, TENANT_B, NULL)); /* so that the issuer is called by its template */
    trial_refuse(t, of_issuer(t, ENTRA_V2("{tenantid}"), TID("{tenantid}") VER("2.0")), ASSAY_E_ISSUER);
    trial_refuse(t, of_issuer(t, ENTRA_V1("{tenantid}"), TID("{tenantid}") VER("1.0")), ASSAY_E_ISSUER);
    trial_refuse(t, of_issuer(t, ENTRA_V2(TENANT_A), TID("{tenantid}") VER("2.0")), ASSAY_E_TENANT_ID);
    trial_refuse(t, of_issuer(t, ENTRA_V2("{tenantid}"), TID(TENANT_A) VER("2.0")), ASSAY_E_ISSUER);
}

static void t10_tid_that_is_no_text(void **state)
{
    static const char *const members[] = {"",
                                          TID(""),
                                          TID(" "),
                                          TID(" " TENANT_A),
                                          TID(TENANT_A " "),
                                          ",\"tid\":1",
                                          ",\"tid\":null",
                                          ",\"tid\":true",
                                          ",\"tid\":{}",
                                          ",\"tid\":[\"" TENANT_A "\"]",
                                          TID("11111111-AAAA-4AAA-8AAA-111111111111"),
                                          TID("{" TENANT_A "}"),
                                          TID("11111111-aaaa-4aaa-8aaa-11111111111"),
                                          TID("consumers")};
    trial *t = *state;
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        char *all = trial_format("%s" VER("2.0"), members[i]);
        trial_refuse(t, of_issuer(t, ENTRA_V2(TENANT_A), all), ASSAY_E_TENANT_ID);
        free(all);
    }
}

/* Whoever reads names without regard to case would see another tenant than the one that was checked. */
static void t11_two_tenants(void **state)
{
    trial *t = *state;
    static const char *const twice[] = {TID(TENANT_A) ",\"TID\":\"" TENANT_B "\"",
                                        ",\"TID\":\"" TENANT_B "\"" TID(TENANT_A),
                                        TID(TENANT_A) ",\"Tid\":\"" TENANT_A "\"",
                                        TID(TENANT_A) ",\"t\\u0049d\":\"" TENANT_B "\"", ",\"TID\":\"" TENANT_A "\""};
    for (size_t i = 0; i < sizeof twice / sizeof twice[0]; i++) {
        char *all = trial_format("%s" VER("2.0"), twice[i]);
        trial_refuse(t, of_issuer(t, ENTRA_V2(TENANT_A), all), ASSAY_E_TENANT_ID);
        free(all);
    }
    trial_refuse(t, of_issuer(t, ENTRA_V2(TENANT_A), TID(TENANT_A) TID(TENANT_A) VER("2.0")), ASSAY_E_PAYLOAD);
    trial_refuse(t, of_issuer(t, ENTRA_V2(TENANT_A), TID(TENANT_A) ",\"\\u0074id\":\"" TENANT_B "\"" VER("2.0")),
                 ASSAY_E_PAYLOAD);
    /* Inside of another claim it is that claim's affair. */
    trial_accept(t, of_issuer(t, ENTRA_V2(TENANT_A), TID(TENANT_A) VER("2.0") ",\"x\":{\"TID\":\"" TENANT_B "\"}"));
}

static void t16_issuer_that_is_no_text(void **state)
{
    trial *t = *state;
    static const char *const issuers[] = {"[\"" ENTRA_V2(TENANT_A) "\"]", "{}", "1", "null", "true"};
    for (size_t i = 0; i < sizeof issuers / sizeof issuers[0]; i++)
        trial_refuse(t, made(t, issuers[i], TID(TENANT_A) VER("2.0")), ASSAY_E_CLAIM_TYPE);
    trial_refuse_payload(t, "{" REST TID(TENANT_A) VER("2.0") "}", ASSAY_E_ISSUER_MISSING);
}

static void t22_personal_account_where_any_organization_is_accepted(void **state)
{
    trial *t = *state;
    allow_any(t);
    trial_refuse_payload(t, ENTRA_CLAIMS_V2(TENANT_CONSUMERS, ENTRA_USER_V2), ASSAY_E_TENANT);
    trial_refuse_payload(t, ENTRA_CLAIMS_V1(TENANT_CONSUMERS, ENTRA_USER_V1), ASSAY_E_TENANT);
    trial_restart(t);
    must_ok(assay_issuer_entra_add_tenant(t->issuer, "consumers", NULL));
    trial_accept_payload(t, ENTRA_CLAIMS_V2(TENANT_CONSUMERS, ENTRA_USER_V2));
    trial_accept_payload(t, ENTRA_CLAIMS_V2(TENANT_B, ENTRA_USER_V2));
}

static void z06_scopes_that_are_only_blanks(void **state)
{
    trial *t = *state;
    static const char blank[] = ENTRA_CLAIMS_V2(TENANT_A, ",\"sub\":\"s\",\"azp\":\"" ENTRA_CALLER "\",\"scp\":\"  \"");
    trial_refuse_payload(t, blank, ASSAY_E_NO_PERMISSION);
}

static void t23_tenant_that_is_not_on_the_list(void **state)
{
    trial *t = *state;
    trial_refuse_payload(t, ENTRA_CLAIMS_V2(TENANT_B, ENTRA_USER_V2), ASSAY_E_TENANT);
    trial_refuse_payload(t, ENTRA_CLAIMS_V1(TENANT_B, ENTRA_USER_V1), ASSAY_E_TENANT);
    trial_refuse_payload(t, ENTRA_CLAIMS_V2(TENANT_CONSUMERS, ENTRA_USER_V2), ASSAY_E_TENANT);
}

static void t24_version_1_1(void **state)
{
    trial *t = *state;
    allow_any(t);
    trial_refuse(t, of_issuer(t, "https://login.microsoftonline.com/" TENANT_A "/v1.1", TID(TENANT_A) VER("1.1")),
                 ASSAY_E_ISSUER);
}

static void t25_version_that_is_none(void **state)
{
    trial *t = *state;
    static const char *const versions[] = {
        VER("3.0"),           "",       ",\"ver\":2.0", ",\"ver\":2", ",\"ver\":null",
        ",\"ver\":[\"2.0\"]", VER("2"), VER("2.0 "),    VER("")};
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        char *all = trial_format(TID(TENANT_A) "%s", versions[i]);
        trial_refuse(t, of_issuer(t, ENTRA_V2(TENANT_A), all), ASSAY_E_VERSION);
        free(all);
    }
    trial_refuse(t, of_issuer(t, ENTRA_V2(TENANT_A), TID(TENANT_A) VER("1.0")), ASSAY_E_VERSION);
    trial_refuse(t, of_issuer(t, ENTRA_V1(TENANT_A), TID(TENANT_A) VER("2.0")), ASSAY_E_VERSION);
}

/* The same text in other spellings is the same text; what is shown of it stays on one line. */
static void escapes_are_decoded(void **state)
{
    trial *t = *state;
    trial_accept(
        t, of_issuer(t, "https:\\/\\/login.microsoftonline.com\\/\\u00311111111-aaaa-4aaa-8aaa-111111111111\\/v2.0",
                     ",\"tid\":\"\\u00311111111-aaaa-4aaa-8aaa-111111111111\",\"ver\":\"2.\\u0030\""));
    trial_refuse(t, of_issuer(t, "\\u0036" ENTRA_V2(TENANT_A), TID(TENANT_A) VER("2.0")), ASSAY_E_ISSUER);
    trial_refuse(t, of_issuer(t, ENTRA_V2(TENANT_A), TID("\\u00361111111-aaaa-4aaa-8aaa-111111111111") VER("2.0")),
                 ASSAY_E_TENANT_ID);
    assay_error *error = trial_error(t, of_issuer(t, "a\\r\\nb", TID(TENANT_A) VER("2.0")));
    assert_null(strpbrk(assay_error_found(error), "\r\n"));
    assay_error_free(error);
}

static void issuer_of_any_length(void **state)
{
    trial *t = *state;
    allow_any(t);
    static const size_t lengths[] = {900, 1023, 1024, 1025, 4095, 4096, 4097, 40000};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        char *pad = trial_repeat("a", lengths[i]);
        char *behind = trial_format(ENTRA_V2(TENANT_A) "%s", pad), *before = trial_format("https://%s/v2.0", pad);
        char *escaped = trial_repeat("\\u0061", lengths[i] / 6);
        trial_refuse(t, of_issuer(t, behind, TID(TENANT_A) VER("2.0")), ASSAY_E_ISSUER);
        trial_refuse(t, of_issuer(t, before, TID(TENANT_A) VER("2.0")), ASSAY_E_ISSUER);
        trial_refuse(t, of_issuer(t, escaped, TID(TENANT_A) VER("2.0")), ASSAY_E_ISSUER);
        free(pad);
        free(behind);
        free(before);
        free(escaped);
    }
}

/* Nothing that names a person stands in an error, whatever the reason for it. */
static void errors_name_nobody(void **state)
{
    trial *t = *state;
    static const char person[] =
        ",\"name\":\"Jane Roe\",\"upn\":\"jane@roe.example\",\"preferred_username\":\"jane-user\"";
    static const char *const told[] = {ENTRA_OID, ENTRA_SUB, "Jane", "jane", "roe.example", ENTRA_CALLER};
    static const struct {
        const char *iss, *members;
    } rows[] = {{ENTRA_V2(TENANT_B), TID(TENANT_B) VER("2.0")},
                {ENTRA_V2(TENANT_A), TID(TENANT_B) VER("2.0")},
                {ENTRA_V2(TENANT_A), VER("2.0")},
                {ENTRA_V2(TENANT_A), ",\"tid\":[\"Jane\"]" VER("2.0")},
                {ENTRA_V2(TENANT_A), TID(TENANT_A) VER("1.0")},
                {ENTRA_V2(TENANT_A), ",\"ver\":{\"a\":\"jane\"}" TID(TENANT_A)},
                {"https://login.example", TID(TENANT_A)},
                {ENTRA_V2(TENANT_A), TID(TENANT_A) VER("2.0") ",\"roles\":\"Jane\""}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *all = trial_format("%s%s", rows[i].members, person);
        assay_error *error = trial_error(t, of_issuer(t, rows[i].iss, all));
        for (size_t k = 0; k < sizeof told / sizeof told[0]; k++)
            assert_false(trial_error_holds(error, told[k]));
        assay_error_free(error);
        free(all);
    }
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
        TEST(t01_v2_token_of_one_tenant),
        TEST(t02_v1_token),
        TEST(t03_v1_token_where_only_v2_is_allowed),
        TEST(t03_v2_token_where_only_v1_is_allowed),
        TEST(t04_both_versions_with_one_source_of_keys),
        TEST(t05_several_tenants),
        TEST(t05_any_organization),
        TEST(t06_tenant_that_is_not_the_issuers),
        TEST(t07_the_documented_sample),
        TEST(t08_v2_token_with_an_issuer_of_neither_form),
        TEST(t09_the_template_itself),
        TEST(t10_tid_that_is_no_text),
        TEST(t11_two_tenants),
        TEST(t16_issuer_that_is_no_text),
        TEST(t22_personal_account_where_any_organization_is_accepted),
        TEST(z06_scopes_that_are_only_blanks),
        TEST(t23_tenant_that_is_not_on_the_list),
        TEST(t24_version_1_1),
        TEST(t25_version_that_is_none),
        TEST(escapes_are_decoded),
        TEST(issuer_of_any_length),
        TEST(errors_name_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
