/* SPDX-License-Identifier: MIT */
/* Who calls (assay/caller.h), by the rules of each family. */
#include "base/memory.h"
#include "support/entra_trial.h"
#include "support/unchecked.h"
#include "token/caller.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <stdlib.h>

#define IDS(sub, acr) ",\"sub\":\"" sub "\",\"azp\":\"" ENTRA_CALLER "\",\"azpacr\":\"" acr "\""
#define IDS_V1(sub, acr) ",\"sub\":\"" sub "\",\"appid\":\"" ENTRA_CALLER "\",\"appidacr\":\"" acr "\""
#define MIRID ",\"xms_mirid\":\"/subscriptions/s/resourcegroups/g/providers/x\""

static void kinds_of_entra(void **state)
{
    (void)state;
    static const struct {
        const char *payload;
        int kind, strict;
    } rows[] = {
        /* idtyp decides, whatever else is there. */
        {ENTRA_CLAIMS_V2(TENANT_A, ENTRA_DAEMON_V2), ASSAY_CALLER_APPLICATION, ASSAY_CALLER_APPLICATION},
        {ENTRA_CLAIMS_V2(TENANT_A, IDS(ENTRA_SUB, "0") ",\"idtyp\":\"app\""), ASSAY_CALLER_APPLICATION,
         ASSAY_CALLER_APPLICATION},
        {ENTRA_CLAIMS_V2(TENANT_A, IDS(ENTRA_OID, "1") ",\"idtyp\":\"user\",\"scp\":\"a\""), ASSAY_CALLER_USER,
         ASSAY_CALLER_USER},
        {ENTRA_CLAIMS_V2(TENANT_A, IDS(ENTRA_OID, "1") ",\"idtyp\":\"device\""), ASSAY_CALLER_UNKNOWN,
         ASSAY_CALLER_UNKNOWN},
        {ENTRA_CLAIMS_V2(TENANT_A, IDS(ENTRA_OID, "1") ",\"idtyp\":\"App\""), ASSAY_CALLER_UNKNOWN,
         ASSAY_CALLER_UNKNOWN},
        {ENTRA_CLAIMS_V2(TENANT_A, IDS(ENTRA_OID, "1") ",\"idtyp\":[\"app\"]"), ASSAY_CALLER_UNKNOWN,
         ASSAY_CALLER_UNKNOWN},
        {ENTRA_CLAIMS_V2(TENANT_A, IDS(ENTRA_SUB, "0") ",\"scp\":\"a\",\"idtyp\":null"), ASSAY_CALLER_UNKNOWN,
         ASSAY_CALLER_UNKNOWN},
        {ENTRA_CLAIMS_V2(TENANT_A, IDS(ENTRA_OID, "1") ",\"idtyp\":\"\\u0061pp\""), ASSAY_CALLER_APPLICATION,
         ASSAY_CALLER_APPLICATION},
        /* Absent: a scope makes a user; otherwise three things together make an application. */
        {ENTRA_CLAIMS_V2(TENANT_A, ENTRA_USER_V2), ASSAY_CALLER_USER, ASSAY_CALLER_USER},
        {ENTRA_CLAIMS_V1(TENANT_A, ENTRA_USER_V1), ASSAY_CALLER_USER, ASSAY_CALLER_USER},
        {ENTRA_CLAIMS_V2(TENANT_A, IDS(ENTRA_OID, "1")), ASSAY_CALLER_APPLICATION, ASSAY_CALLER_UNKNOWN},
        {ENTRA_CLAIMS_V2(TENANT_A, IDS(ENTRA_OID, "2")), ASSAY_CALLER_APPLICATION, ASSAY_CALLER_UNKNOWN},
        {ENTRA_CLAIMS_V1(TENANT_A, IDS_V1(ENTRA_OID, "2")), ASSAY_CALLER_APPLICATION, ASSAY_CALLER_UNKNOWN},
        {ENTRA_CLAIMS_V2(TENANT_A, IDS(ENTRA_OID, "0")), ASSAY_CALLER_UNKNOWN, ASSAY_CALLER_UNKNOWN},
        {ENTRA_CLAIMS_V2(TENANT_A, IDS(ENTRA_SUB, "1")), ASSAY_CALLER_UNKNOWN, ASSAY_CALLER_UNKNOWN},
        {ENTRA_CLAIMS_V2(TENANT_A, IDS_V1(ENTRA_OID, "1")), ASSAY_CALLER_UNKNOWN, ASSAY_CALLER_UNKNOWN},
        {ENTRA_CLAIMS_V2(TENANT_A, IDS(ENTRA_OID, "1") ",\"scp\":\"\""), ASSAY_CALLER_UNKNOWN, ASSAY_CALLER_UNKNOWN},
        {ENTRA_CLAIMS_V2(TENANT_A, IDS(ENTRA_OID, "1") ",\"scp\":\"  \""), ASSAY_CALLER_UNKNOWN, ASSAY_CALLER_UNKNOWN},
        {ENTRA_CLAIMS_V2(TENANT_A, IDS(ENTRA_OID, "1") ",\"scp\":[\"a\"]"), ASSAY_CALLER_UNKNOWN, ASSAY_CALLER_UNKNOWN},
        {ENTRA_CLAIMS_V2(TENANT_A, ",\"sub\":\"" ENTRA_SUB "\",\"roles\":[\"r\"]"), ASSAY_CALLER_UNKNOWN,
         ASSAY_CALLER_UNKNOWN},
        /* A managed identity is an application first. */
        {ENTRA_CLAIMS_V1(TENANT_A, IDS_V1(ENTRA_OID, "2") ",\"idtyp\":\"app\"" MIRID), ASSAY_CALLER_MANAGED_IDENTITY,
         ASSAY_CALLER_MANAGED_IDENTITY},
        {ENTRA_CLAIMS_V1(TENANT_A, IDS_V1(ENTRA_OID, "2") MIRID), ASSAY_CALLER_MANAGED_IDENTITY, ASSAY_CALLER_UNKNOWN},
        {ENTRA_CLAIMS_V1(TENANT_A, ENTRA_USER_V1 MIRID), ASSAY_CALLER_USER, ASSAY_CALLER_USER},
    };
    for (size_t i = 0; i < ASSAY_COUNT_OF(rows); i++) {
        assay_claims *claims = unchecked_entra(rows[i].payload);
        if (assay_claims_caller_kind(claims) != rows[i].kind)
            fail_msg("row %zu: %d", i, assay_claims_caller_kind(claims));
        claims->strict_idtyp = true;
        if (assay_claims_caller_kind(claims) != rows[i].strict)
            fail_msg("row %zu, strict: %d", i, assay_claims_caller_kind(claims));
        assay_claims_unref(claims);
    }
    assert_int_equal(assay_claims_caller_kind(NULL), ASSAY_CALLER_UNKNOWN);
}

static void kinds_of_others(void **state)
{
    (void)state;
    static const struct {
        assay_family family;
        const char *members;
        int kind;
    } rows[] = {
        {ASSAY_FAMILY_KUBERNETES, ",\"sub\":\"system:serviceaccount:n:s\"", ASSAY_CALLER_KUBERNETES_WORKLOAD},
        {ASSAY_FAMILY_GITHUB, ",\"sub\":\"repo:o/r:ref:refs/heads/main\"", ASSAY_CALLER_CI_JOB},
        {ASSAY_FAMILY_GITLAB, ",\"sub\":\"project_path:g/p:ref\",\"job_id\":\"1\"", ASSAY_CALLER_CI_JOB},
        {ASSAY_FAMILY_GITLAB, ",\"sub\":\"42\",\"auth_time\":1", ASSAY_CALLER_USER},
        {ASSAY_FAMILY_GITLAB, ",\"sub\":\"42\"", ASSAY_CALLER_UNKNOWN},
        {ASSAY_FAMILY_GOOGLE, ",\"sub\":\"117\",\"azp\":\"117\"", ASSAY_CALLER_APPLICATION},
        {ASSAY_FAMILY_GOOGLE, ",\"sub\":\"117\",\"azp\":\"1.apps\"", ASSAY_CALLER_USER},
        {ASSAY_FAMILY_GOOGLE, ",\"sub\":\"117\"", ASSAY_CALLER_UNKNOWN},
        {ASSAY_FAMILY_KEYCLOAK, ",\"sub\":\"s\",\"azp\":\"a\",\"client_id\":\"a\"", ASSAY_CALLER_APPLICATION},
        {ASSAY_FAMILY_KEYCLOAK, ",\"sub\":\"s\",\"azp\":\"a\",\"clientId\":\"a\"", ASSAY_CALLER_APPLICATION},
        {ASSAY_FAMILY_KEYCLOAK, ",\"sub\":\"s\",\"azp\":\"a\",\"sid\":\"x\"", ASSAY_CALLER_USER},
        {ASSAY_FAMILY_KEYCLOAK, ",\"client_id\":\"a\",\"sid\":\"x\"", ASSAY_CALLER_UNKNOWN},
        {ASSAY_FAMILY_KEYCLOAK, ",\"sub\":\"s\",\"azp\":\"a\"", ASSAY_CALLER_UNKNOWN},
        {ASSAY_FAMILY_OAUTH, ",\"sub\":\"c\",\"client_id\":\"c\"", ASSAY_CALLER_APPLICATION},
        {ASSAY_FAMILY_OAUTH, ",\"sub\":\"c\",\"cid\":\"\\u0063\"", ASSAY_CALLER_APPLICATION},
        {ASSAY_FAMILY_OAUTH, ",\"sub\":\"c\",\"client_id\":\"c\",\"auth_time\":1", ASSAY_CALLER_UNKNOWN},
        {ASSAY_FAMILY_OAUTH, ",\"sub\":\"\",\"client_id\":\"\"", ASSAY_CALLER_UNKNOWN},
        {ASSAY_FAMILY_OAUTH, ",\"sub\":1,\"client_id\":1", ASSAY_CALLER_UNKNOWN},
        {ASSAY_FAMILY_OAUTH, ",\"sub\":\"u\",\"client_id\":\"c\",\"amr\":[\"pwd\"]", ASSAY_CALLER_USER},
        {ASSAY_FAMILY_OAUTH, ",\"sub\":\"u\",\"client_id\":\"c\",\"sid\":\"x\"", ASSAY_CALLER_USER},
        {ASSAY_FAMILY_OAUTH, ",\"sub\":\"u\",\"client_id\":\"c\"", ASSAY_CALLER_UNKNOWN},
        /* Nothing of Entra counts elsewhere. */
        {ASSAY_FAMILY_OAUTH, ",\"sub\":\"u\",\"idtyp\":\"app\",\"xms_mirid\":\"m\"", ASSAY_CALLER_UNKNOWN},
    };
    for (size_t i = 0; i < ASSAY_COUNT_OF(rows); i++) {
        assay_claims *claims = unchecked_other(rows[i].family, rows[i].members);
        if (assay_claims_caller_kind(claims) != rows[i].kind)
            fail_msg("row %zu: %d", i, assay_claims_caller_kind(claims));
        assay_claims_unref(claims);
    }
    assay_claims *id_token =
        unchecked_claims(assay_profile_find("id-token"), "{\"iss\":\"https://issuer.example\",\"sub\":\"u\"}");
    assert_int_equal(assay_claims_caller_kind(id_token), ASSAY_CALLER_USER);
    assay_claims_unref(id_token);
}

static void names_of_the_caller(void **state)
{
    (void)state;
    assay_claims *claims = unchecked_entra(ENTRA_CLAIMS_V2(TENANT_A, ENTRA_USER_V2 ",\"appid\":\"x\""));
    assert_string_equal(assay_claims_tenant(claims), TENANT_A);
    assert_string_equal(assay_claims_object_id(claims), ENTRA_OID);
    assert_string_equal(assay_claims_client_id(claims), ENTRA_CALLER);
    assert_ptr_equal(assay_claims_client_id(claims), assay_claims_client_id(claims));
    assay_claims_unref(claims);
    claims = unchecked_entra(ENTRA_CLAIMS_V1(TENANT_A, ENTRA_USER_V1 ",\"azp\":\"x\""));
    assert_string_equal(assay_claims_client_id(claims), ENTRA_CALLER);
    assay_claims_unref(claims);
    static const struct {
        const char *members, *client;
    } rows[] = {{",\"client_id\":\"c\",\"azp\":\"a\",\"cid\":\"i\"", "c"},
                {",\"azp\":\"a\",\"cid\":\"i\"", "a"},
                {",\"cid\":\"i\"", "i"},
                {",\"client_id\":7,\"cid\":\"i\"", "i"},
                {",\"appid\":\"x\",\"oid\":\"" ENTRA_OID "\",\"tid\":\"" TENANT_A "\"", NULL}};
    for (size_t i = 0; i < ASSAY_COUNT_OF(rows); i++) {
        claims = unchecked_other(ASSAY_FAMILY_OAUTH, rows[i].members);
        assert_true(assay_text_same(assay_claims_client_id(claims), rows[i].client));
        assert_null(assay_claims_object_id(claims));
        assert_null(assay_claims_tenant(claims));
        assay_claims_unref(claims);
    }
    assert_null(assay_claims_tenant(NULL));
    assert_null(assay_claims_object_id(NULL));
    assert_null(assay_claims_client_id(NULL));
}

static void client_authentication(void **state)
{
    (void)state;
    static const struct {
        const char *payload;
        int method;
    } rows[] = {
        {ENTRA_CLAIMS_V2(TENANT_A, IDS("s", "0")), ASSAY_CLIENT_PUBLIC},
        {ENTRA_CLAIMS_V2(TENANT_A, IDS("s", "1")), ASSAY_CLIENT_SECRET},
        {ENTRA_CLAIMS_V2(TENANT_A, IDS("s", "2")), ASSAY_CLIENT_CERTIFICATE},
        {ENTRA_CLAIMS_V1(TENANT_A, IDS_V1("s", "2")), ASSAY_CLIENT_CERTIFICATE},
        {ENTRA_CLAIMS_V1(TENANT_A, IDS("s", "2")), ASSAY_CLIENT_UNKNOWN}, /* of the other version */
        {ENTRA_CLAIMS_V2(TENANT_A, IDS("s", "3")), ASSAY_CLIENT_UNKNOWN},
        {ENTRA_CLAIMS_V2(TENANT_A, IDS("s", "22")), ASSAY_CLIENT_UNKNOWN},
        {ENTRA_CLAIMS_V2(TENANT_A, ",\"azpacr\":2"), ASSAY_CLIENT_UNKNOWN},
        {ENTRA_CLAIMS_V2(TENANT_A, ""), ASSAY_CLIENT_UNKNOWN},
    };
    for (size_t i = 0; i < ASSAY_COUNT_OF(rows); i++) {
        assay_claims *claims = unchecked_entra(rows[i].payload);
        if (assay_claims_client_authentication(claims) != rows[i].method)
            fail_msg("row %zu: %d", i, assay_claims_client_authentication(claims));
        assay_claims_unref(claims);
    }
    assay_claims *claims = unchecked_other(ASSAY_FAMILY_OAUTH, ",\"azpacr\":\"2\"");
    assert_int_equal(assay_claims_client_authentication(claims), ASSAY_CLIENT_UNKNOWN);
    assay_claims_unref(claims);
    assert_int_equal(assay_claims_client_authentication(NULL), ASSAY_CLIENT_UNKNOWN);
}

#define IDP(text) ENTRA_USER_V2 ",\"idp\":\"" text "\""

static void z11_guests(void **state)
{
    (void)state;
    static const struct {
        const char *more;
        int guest;
    } rows[] = {
        {",\"acct\":1", 1},
        {",\"acct\":0", 0},
        {",\"acct\":\"1\"", 1},
        {",\"acct\":\"0\"", 0},
        {",\"acct\":2", -1},
        {",\"acct\":10", -1},
        {",\"acct\":null", -1},
        {",\"acct\":\"\"", -1},
        {",\"acct\":[1]", -1},
        {"", -1},
        {IDP(ENTRA_V1(TENANT_A)), 0}, /* the tenant is compared, not the text: this token is of version 2 */
        {IDP(ENTRA_V2(TENANT_A)), 0},
        {IDP("https:\\/\\/sts.windows.net\\/" TENANT_A "\\/"), 0},
        {IDP(ENTRA_V1(TENANT_B)), 1},
        {IDP(ENTRA_V2(TENANT_B)), 1},
        {IDP(ENTRA_V1(TENANT_CONSUMERS)), 1},
        {IDP("live.com"), 1},
        {IDP("mail"), 1},
        {IDP(""), 1},
        {ENTRA_USER_V2 ",\"idp\":7", -1},
        /* A provider may call itself what it likes. */
        {IDP("https://idp.example/" TENANT_A "/"), -1},
        {IDP("https://idp.example/" TENANT_B "/"), 1},
        {IDP(ENTRA_V1(TENANT_B)) ",\"acct\":0", 0}, /* acct decides */
        {IDP(ENTRA_V1(TENANT_A)) ",\"acct\":1", 1},
    };
    for (size_t i = 0; i < ASSAY_COUNT_OF(rows); i++) {
        char *payload = trial_format("{\"iss\":\"%s\"%s}", ENTRA_V2(TENANT_A), rows[i].more);
        assay_claims *claims = unchecked_entra(payload);
        if (assay_claims_is_guest(claims) != rows[i].guest)
            fail_msg("row %zu: %d", i, assay_claims_is_guest(claims));
        assay_claims_unref(claims);
        free(payload);
    }
    /* Published samples 1 and 3: another tenant's user, in version 1. */
    assay_claims *claims =
        unchecked_entra(ENTRA_CLAIMS_V1(TENANT_A, ENTRA_USER_V1 ",\"idp\":\"https://sts.windows.net/" TENANT_B "/\""));
    assert_int_equal(assay_claims_is_guest(claims), 1);
    must_fail(assay_claims_require_member(claims, &error), ASSAY_E_GUEST);
    assay_claims_unref(claims);
    /* Users of External ID come from anywhere, and are its own. */
    claims = unchecked_claims(assay_profile_find("entra-external-id"),
                              ENTRA_CLAIMS_V2(TENANT_A, ENTRA_USER_V2 ",\"idp\":\"google.com\""));
    assert_int_equal(assay_claims_is_guest(claims), -1);
    assay_claims_unref(claims);
    claims = unchecked_other(ASSAY_FAMILY_OAUTH, ",\"acct\":0");
    assert_int_equal(assay_claims_is_guest(claims), -1);
    assay_claims_unref(claims);
    assert_int_equal(assay_claims_is_guest(NULL), -1);
}

static void expect_identity(assay_claims *claims, const char *wanted)
{
    const char *identity = "", *again = "";
    int code = assay_claims_get_identity(claims, &identity);
    if (wanted == NULL) {
        assert_int_equal(code, ASSAY_E_ABSENT);
        assert_null(identity);
    } else {
        must_ok(code);
        assert_string_equal(identity, wanted);
        must_ok(assay_claims_get_identity(claims, &again));
        assert_ptr_equal(identity, again);
    }
    assay_claims_unref(claims);
}

static void identities(void **state)
{
    (void)state;
    static const char key[] = "entra|" TENANT_A "|" ENTRA_OID;
    static const char people[] = ",\"email\":\"a@b\",\"upn\":\"a@b\",\"preferred_username\":\"a@b\",\"unique_name\":"
                                 "\"a@b\",\"sub\":\"s\"";
    expect_identity(unchecked_entra(ENTRA_CLAIMS_V1(TENANT_A, ENTRA_USER_V1)), key);
    expect_identity(unchecked_entra(ENTRA_CLAIMS_V2(TENANT_A, ENTRA_USER_V2)), key);
    char *upper =
        trial_format("{\"iss\":\"%s\",\"oid\":\"%s\"}", ENTRA_V2(TENANT_A), "55555555-EEEE-4EEE-8EEE-555555555555");
    expect_identity(unchecked_entra(upper), key);
    free(upper);
    static const char *const nobody[] = {"", ",\"oid\":7", ",\"oid\":\"\"", ",\"oid\":\"x|y\"", ",\"oid\":null"};
    for (size_t i = 0; i < ASSAY_COUNT_OF(nobody); i++) {
        char *payload = trial_format("{\"iss\":\"%s\"%s%s}", ENTRA_V2(TENANT_A), nobody[i], people);
        expect_identity(unchecked_entra(payload), NULL);
        free(payload);
    }
    /* B2C: its sub is a fixed sentence with some flows. */
    const assay_profile *b2c = unchecked_profile(ASSAY_FAMILY_B2C);
    expect_identity(unchecked_claims(b2c,
                                     "{\"iss\":\"https://contoso.b2clogin.com/" TENANT_A "/v2.0/\",\"oid\":\"" ENTRA_OID
                                     "\",\"sub\":\"Not supported currently. Use oid claim.\"}"),
                    key);
    expect_identity(unchecked_claims(b2c, "{\"iss\":\"https://contoso.b2clogin.com/" TENANT_A
                                          "/v2.0/\",\"sub\":\"Not supported currently. Use oid claim.\"}"),
                    NULL);
    expect_identity(unchecked_claims(b2c, "{\"iss\":\"https://login.example/v2.0/\",\"oid\":\"" ENTRA_OID "\"}"), NULL);

    expect_identity(unchecked_other(ASSAY_FAMILY_OAUTH, ",\"sub\":\"u|1%\\u00e9\""),
                    "oidc|https://issuer.example|u|1%\xc3\xa9");
    expect_identity(unchecked_other(ASSAY_FAMILY_OAUTH, ",\"sub\":\"\",\"email\":\"a@b\""), NULL);
    expect_identity(unchecked_other(ASSAY_FAMILY_OAUTH, ",\"sub\":7"), NULL);
    expect_identity(unchecked_other(ASSAY_FAMILY_OAUTH, ",\"oid\":\"" ENTRA_OID "\""), NULL);
    /* No issuer passes for another with a part of the subject. */
    const assay_profile *generic = unchecked_profile(ASSAY_FAMILY_OAUTH);
    expect_identity(unchecked_claims(generic, "{\"iss\":\"https://a|b%7C\",\"sub\":\"c\"}"),
                    "oidc|https://a%7Cb%257C|c");
    expect_identity(unchecked_claims(generic, "{\"iss\":\"https://a\",\"sub\":\"b%7C|c\"}"), "oidc|https://a|b%7C|c");

    const char *identity = "";
    assert_int_equal(assay_claims_get_identity(NULL, &identity), ASSAY_E_ARGUMENT);
    assert_null(identity);
    assert_int_equal(assay_claims_get_identity(NULL, NULL), ASSAY_E_ARGUMENT);
}

/* The kind can be asked for before anything was accepted, and decodes nothing. */
static void kind_before_acceptance(void **state)
{
    (void)state;
    assay_claims *claims = unchecked_entra(ENTRA_CLAIMS_V2(TENANT_A, IDS(ENTRA_OID, "\\u0032")));
    assert_int_equal(assay_caller_kind(claims), ASSAY_CALLER_APPLICATION);
    assert_int_equal(assay_caller_guest(claims), -1);
    assert_null(atomic_load(&claims->decoded));
    assay_claims_unref(claims);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_of_entra),
        cmocka_unit_test(kinds_of_others),
        cmocka_unit_test(names_of_the_caller),
        cmocka_unit_test(client_authentication),
        cmocka_unit_test(z11_guests),
        cmocka_unit_test(identities),
        cmocka_unit_test(kind_before_acceptance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
