/* SPDX-License-Identifier: MIT */
/* What a caller may do (assay/permission.h), on claims of shapes and issuers that no validator of Entra lets through. */
#include "base/memory.h"
#include "support/entra_trial.h"
#include "support/unchecked.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int demand(const assay_claims *claims, int kind, const char *name)
{
    assay_error *error = NULL;
    int code = assay_claims_require(claims, kind, name, &error);
    assert_int_equal(assay_claims_require(claims, kind, name, NULL), code);
    assert_int_equal(assay_error_code(error), code);
    if (code != ASSAY_OK) {
        assert_true(assay_error_found_is_verified(error));
        assert_int_equal(assay_error_category(error), ASSAY_CATEGORY_PERMISSION);
        assert_int_equal(assay_error_http_status(error), 403);
        assert_non_null(strstr(assay_error_www_authenticate(error), "error=\"insufficient_scope\""));
        assert_string_equal(assay_error_expected(error), name);
    }
    assay_error_free(error);
    return code;
}

static void expect(assay_family family, const char *members, int kind, const char *name, int wanted)
{
    assay_claims *claims = unchecked_other(family, members);
    int code = demand(claims, kind, name);
    if (code != wanted)
        fail_msg("%s: %s of kind %d: %s", members, name, kind, assay_code_name(code));
    assay_claims_unref(claims);
}

static void scopes_of_others(void **state)
{
    (void)state;
    static const struct {
        const char *members, *name;
        int code;
    } rows[] = {
        {",\"scope\":\"read write\"", "write", ASSAY_OK},
        {",\"scope\":\"read write\"", "rea", ASSAY_E_SCOPE},
        {",\"scope\":\"read write\"", "Read", ASSAY_E_SCOPE},
        {",\"scope\":\"re\\u0061d\"", "read", ASSAY_OK},
        {",\"scope\":\"read\\twrite\"", "read", ASSAY_E_SCOPE},
        {",\"scp\":[\"read\",\"write\"]", "write", ASSAY_OK}, /* Okta */
        {",\"scp\":[\"read write\"]", "write", ASSAY_E_SCOPE},
        {",\"scp\":[[\"write\"],1,null,{\"write\":\"write\"},\"w\"]", "write", ASSAY_E_SCOPE},
        {",\"scp\":[1,\"write\"]", "write", ASSAY_OK},
        {",\"scp\":\"read\",\"scope\":\"write\"", "write", ASSAY_OK},
        {",\"scp\":\"read\",\"scope\":\"write\"", "read", ASSAY_OK},
        {",\"scope\":{\"write\":1}", "write", ASSAY_E_SCOPE},
        {",\"scope\":[\"write\"]", "write", ASSAY_E_SCOPE},
        {",\"scope\":null", "null", ASSAY_E_SCOPE},
        {",\"scope\":12", "12", ASSAY_E_SCOPE},
        {",\"scope\":\"\"", "x", ASSAY_E_SCOPE},
        {",\"permissions\":[\"write\"]", "write", ASSAY_E_SCOPE},
        {"", "x", ASSAY_E_SCOPE},
    };
    for (size_t i = 0; i < ASSAY_COUNT_OF(rows); i++)
        expect(ASSAY_FAMILY_OAUTH, rows[i].members, ASSAY_PERMISSION_SCOPE, rows[i].name, rows[i].code);
    /* Entra has no `scope`; one that somebody mapped says nothing. */
    assay_claims *claims = unchecked_entra(ENTRA_CLAIMS_V2(TENANT_A, ENTRA_USER_V2 ",\"scope\":\"write\""));
    assert_int_equal(demand(claims, ASSAY_PERMISSION_SCOPE, "write"), ASSAY_E_SCOPE);
    assert_int_equal(demand(claims, ASSAY_PERMISSION_SCOPE, "read"), ASSAY_OK);
    assay_claims_unref(claims);
    /* A token that contradicts itself. */
    claims = unchecked_entra(ENTRA_CLAIMS_V2(TENANT_A, ENTRA_DAEMON_V2 ",\"scp\":\"read\""));
    assert_int_equal(demand(claims, ASSAY_PERMISSION_SCOPE, "read"), ASSAY_E_SCOPE);
    assay_claims_unref(claims);
}

static void roles_of_others(void **state)
{
    (void)state;
    static const struct {
        const char *members;
        int any, application, user;
    } rows[] = {
        /* Who calls is not said: either kind will do, and neither can be demanded. */
        {",\"roles\":[\"r\"]", ASSAY_OK, ASSAY_E_ROLE, ASSAY_E_ROLE},
        {",\"roles\":\"r\"", ASSAY_E_ROLE, ASSAY_E_ROLE, ASSAY_E_ROLE},
        {",\"roles\":\"r s\"", ASSAY_E_ROLE, ASSAY_E_ROLE, ASSAY_E_ROLE},
        {",\"roles\":[\"\\u0072\"]", ASSAY_OK, ASSAY_E_ROLE, ASSAY_E_ROLE},
        {",\"roles\":[\"r\"],\"sub\":\"c\",\"client_id\":\"c\"", ASSAY_OK, ASSAY_OK, ASSAY_E_ROLE},
        {",\"roles\":[\"r\"],\"sub\":\"u\",\"auth_time\":1", ASSAY_OK, ASSAY_E_ROLE, ASSAY_OK},
        {",\"roles\":[[\"r\"],{\"r\":\"r\"}]", ASSAY_E_ROLE, ASSAY_E_ROLE, ASSAY_E_ROLE},
        {",\"roles\":{\"r\":true}", ASSAY_E_ROLE, ASSAY_E_ROLE, ASSAY_E_ROLE},
        {",\"wids\":[\"r\"],\"role\":\"r\"", ASSAY_E_ROLE, ASSAY_E_ROLE, ASSAY_E_ROLE},
    };
    for (size_t i = 0; i < ASSAY_COUNT_OF(rows); i++) {
        expect(ASSAY_FAMILY_OAUTH, rows[i].members, ASSAY_PERMISSION_ROLE, "r", rows[i].any);
        expect(ASSAY_FAMILY_OAUTH, rows[i].members, ASSAY_PERMISSION_APPLICATION_ROLE, "r", rows[i].application);
        expect(ASSAY_FAMILY_OAUTH, rows[i].members, ASSAY_PERMISSION_USER_ROLE, "r", rows[i].user);
    }
}

static void values_by_pointer(void **state)
{
    (void)state;
    static const struct {
        const char *pointer, *text;
        int code;
    } rows[] = {
        {"/realm_access/roles", "admin", ASSAY_OK},
        {"/realm_access/roles", "adm", ASSAY_E_ROLE},
        {"/realm_access/roles", "view it", ASSAY_OK}, /* an element whole */
        {"/realm_access/roles", "view", ASSAY_E_ROLE},
        {"/realm_access/roles/0", "admin", ASSAY_OK},
        {"/resource_access/a~1b/roles", "edit", ASSAY_OK},
        {"/scope", "two", ASSAY_OK},
        {"/scope", "one two", ASSAY_OK}, /* the text whole */
        {"/scope", "wo", ASSAY_E_ROLE},
        {"/realm_access", "roles", ASSAY_E_ROLE},
        {"/n", "1", ASSAY_E_ROLE},
        {"/nowhere", "x", ASSAY_E_ROLE},
        {"", "x", ASSAY_E_ROLE},
    };
    assay_claims *claims = unchecked_other(
        ASSAY_FAMILY_KEYCLOAK, ",\"realm_access\":{\"roles\":[\"admin\",\"view it\"]},\"scope\":\"one two\",\"n\":1,"
                               "\"resource_access\":{\"a/b\":{\"roles\":[\"\\u0065dit\"]}}");
    for (size_t i = 0; i < ASSAY_COUNT_OF(rows); i++) {
        assay_error *error = NULL;
        int code = assay_claims_require_at(claims, rows[i].pointer, rows[i].text, &error);
        if (code != rows[i].code)
            fail_msg("row %zu: %s", i, assay_code_name(code));
        assert_string_equal(assay_error_expected(error), code == ASSAY_OK ? "" : rows[i].text);
        assert_true(code == ASSAY_OK || strstr(assay_error_message(error), rows[i].pointer) != NULL);
        assay_error_free(error);
    }
    must_fail(assay_claims_require_at(claims, "x", "x", &error), ASSAY_E_ARGUMENT);
    must_fail(assay_claims_require_at(claims, "/~2", "x", &error), ASSAY_E_ARGUMENT);
    must_fail(assay_claims_require_at(claims, "/x", "", &error), ASSAY_E_ARGUMENT);
    must_fail(assay_claims_require_at(claims, "/x", NULL, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_claims_require_at(claims, NULL, "x", &error), ASSAY_E_ARGUMENT);
    must_fail(assay_claims_require_at(NULL, "/x", "x", &error), ASSAY_E_ARGUMENT);
    assay_claims_unref(claims);
}

static void z12_overage(void **state)
{
    (void)state;
    static const struct {
        const char *members;
        int membership;
    } rows[] = {
        {",\"groups\":[\"g\"]", ASSAY_MEMBERSHIP_YES},
        {",\"groups\":[\"a\",\"\\u0067\"]", ASSAY_MEMBERSHIP_YES},
        {",\"groups\":\"g\"", ASSAY_MEMBERSHIP_UNKNOWN},
        {",\"groups\":[\"G\",1,[\"g\"]]", ASSAY_MEMBERSHIP_NO},
        {",\"groups\":[]", ASSAY_MEMBERSHIP_NO},
        {",\"groups\":null", ASSAY_MEMBERSHIP_NO},
        {"", ASSAY_MEMBERSHIP_NO},
        {",\"groups\":{\"g\":1}", ASSAY_MEMBERSHIP_UNKNOWN},
        {",\"groups\":7", ASSAY_MEMBERSHIP_UNKNOWN},
        /* Where the others are, whoever is listed here. */
        {",\"_claim_names\":{\"groups\":\"src1\"},\"_claim_sources\":{\"src1\":{\"endpoint\":\"https://x/\"}}",
         ASSAY_MEMBERSHIP_UNKNOWN},
        {",\"groups\":[\"g\"],\"_claim_names\":{\"groups\":\"src1\"}", ASSAY_MEMBERSHIP_UNKNOWN},
        {",\"groups\":[\"g\"],\"_claim_names\":{\"gr\\u006fups\":null}", ASSAY_MEMBERSHIP_UNKNOWN},
        {",\"groups\":[\"g\"],\"hasgroups\":true", ASSAY_MEMBERSHIP_UNKNOWN},
        {",\"groups\":[\"g\"],\"hasgroups\":\"true\"", ASSAY_MEMBERSHIP_UNKNOWN},
        {",\"groups\":[\"g\"],\"hasgroups\":1", ASSAY_MEMBERSHIP_UNKNOWN},
        {",\"groups\":[\"g\"],\"hasgroups\":false", ASSAY_MEMBERSHIP_YES},
        {",\"groups\":[\"g\"],\"_claim_names\":{\"roles\":\"src1\"}", ASSAY_MEMBERSHIP_YES},
        {",\"groups\":[\"g\"],\"_claim_names\":\"groups\"", ASSAY_MEMBERSHIP_YES},
    };
    for (size_t i = 0; i < ASSAY_COUNT_OF(rows); i++) {
        assay_claims *claims = unchecked_other(ASSAY_FAMILY_OAUTH, rows[i].members);
        int membership = assay_claims_get_membership(claims, "g");
        if (membership != rows[i].membership)
            fail_msg("row %zu: %d", i, membership);
        int wanted = membership == ASSAY_MEMBERSHIP_YES ? ASSAY_OK
                     : membership < 0                   ? ASSAY_E_GROUPS_UNKNOWN
                                                        : ASSAY_E_GROUP;
        assert_int_equal(demand(claims, ASSAY_PERMISSION_GROUP, "g"), wanted);
        assay_claims_unref(claims);
    }
    assert_int_equal(assay_claims_get_membership(NULL, "g"), ASSAY_MEMBERSHIP_UNKNOWN);
}

/* More than a token can hold, read as one, so that the time of the rule itself shows: one pass for each name. */
static void z13_a_hundred_thousand_groups(void **state)
{
    (void)state;
    enum { COUNT = 100000, EACH = 42 };
    static const char head[] = "{\"iss\":\"i\",\"groups\":[\"x\"";
    char *text = malloc(sizeof head + COUNT * (size_t)EACH + 3);
    assert_non_null(text);
    size_t len = sizeof head - 1;
    memcpy(text, head, len);
    /* Escaped, which is the slow way to compare. */
    for (int i = 0; i < COUNT; i++)
        len += (size_t)snprintf(text + len, EACH, ",\"\\u0066%08x-0000-4000-8000-0000000\"", (unsigned)i);
    memcpy(text + len, "]}", 3);
    assay_json_member members[8];
    assay_claims claims = {.profile = unchecked_profile(ASSAY_FAMILY_ENTRA)};
    assert_int_equal(assay_json_scan(text, len + 2, members, ASSAY_COUNT_OF(members), &claims.payload), ASSAY_JSON_OK);
    clock_t start = clock();
    assert_int_equal(assay_claims_get_membership(&claims, "f0001869f-0000-4000-8000-0000000"), ASSAY_MEMBERSHIP_YES);
    assert_int_equal(assay_claims_get_membership(&claims, "f00018700-0000-4000-8000-0000000"), ASSAY_MEMBERSHIP_NO);
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    print_message("two looks through %d groups: %.1f ms\n", COUNT, 1000 * seconds);
    assert_true(seconds < 2);
    free(text);
}

/* Every claim that is looked at, as every type of JSON: each call answers, whatever the answer. */
static void z03_claims_of_any_type(void **state)
{
    (void)state;
    static const char *const names[] = {
        "scp",       "scope", "roles",     "groups",   "wids", "_claim_names", "hasgroups", "idtyp", "acct",
        "idp",       "oid",   "sub",       "appid",    "azp",  "appidacr",     "azpacr",    "acrs",  "xms_cc",
        "xms_mirid", "tid",   "client_id", "clientId", "sid",  "job_id",       "amr"};
    static const char *const values[] = {"null",
                                         "true",
                                         "false",
                                         "0",
                                         "-1.5e3",
                                         "\"\"",
                                         "\"x\"",
                                         "[]",
                                         "[1]",
                                         "[[]]",
                                         "[\"x\",{}]",
                                         "{}",
                                         "{\"groups\":[]}",
                                         "\"\\ud83d\\ude00\""};
    for (size_t n = 0; n < ASSAY_COUNT_OF(names); n++) {
        for (size_t v = 0; v < ASSAY_COUNT_OF(values); v++) {
            for (int family = ASSAY_FAMILY_OAUTH; family <= ASSAY_FAMILY_KEYCLOAK; family++) {
                char *payload = trial_format("{\"iss\":\"%s\",\"%s\":%s}", ENTRA_V2(TENANT_A), names[n], values[v]);
                assay_claims *claims = unchecked_claims(unchecked_profile((assay_family)family), payload);
                const char *identity;
                for (int kind = ASSAY_PERMISSION_SCOPE; kind <= ASSAY_PERMISSION_GROUP; kind++)
                    (void)demand(claims, kind, "r");
                assert_true(assay_claims_require_member(claims, NULL) == ASSAY_OK ||
                            assay_claims_is_guest(claims) != 0);
                assert_true(assay_claims_client_id(claims) == NULL || values[v][0] == '"');
                assert_true(assay_claims_get_identity(claims, &identity) == ASSAY_OK || identity == NULL);
                assert_int_equal(assay_claims_require_context(claims, "c1", NULL, "https://a/", NULL), ASSAY_E_CONTEXT);
                assert_int_equal(assay_claims_require_caller(claims, TENANT_A, ENTRA_OID, NULL), ASSAY_E_CALLER);
                assay_claims_unref(claims);
                free(payload);
            }
        }
    }
}

static void capabilities(void **state)
{
    (void)state;
    static const struct {
        const char *members;
        int code;
    } rows[] = {
        {",\"xms_cc\":[\"cp1\"]", ASSAY_E_CLAIMS_CHALLENGE},
        {",\"xms_cc\":[\"x\",7,\"CP1\"]", ASSAY_E_CLAIMS_CHALLENGE},
        {",\"xms_cc\":\"cP1\"", ASSAY_E_CLAIMS_CHALLENGE},
        {",\"xms_cc\":[\"\\u0063\\u0050\\u0031\"]", ASSAY_E_CLAIMS_CHALLENGE},
        {",\"xms_cc\":[\"cp12\",\"cp\",\"xcp1\",\"cp1 \"]", ASSAY_E_CONTEXT},
        {",\"xms_cc\":{\"cp1\":\"cp1\"}", ASSAY_E_CONTEXT},
        {"", ASSAY_E_CONTEXT},
        {",\"acrs\":[\"c1\"]", ASSAY_OK},
        {",\"acrs\":\"c1\"", ASSAY_OK},
        {",\"acrs\":[\"p1\",\"c10\",\"C1\"]", ASSAY_E_CONTEXT},
        {",\"acrs\":[\"p1\",\"\\u00631\"]", ASSAY_OK},
        {",\"acr\":\"c1\"", ASSAY_E_CONTEXT},
    };
    for (size_t i = 0; i < ASSAY_COUNT_OF(rows); i++) {
        assay_claims *claims = unchecked_other(ASSAY_FAMILY_OAUTH, rows[i].members);
        int code = assay_claims_require_context(claims, "c1", "r", "https://a/", NULL);
        if (code != rows[i].code)
            fail_msg("row %zu: %s", i, assay_code_name(code));
        /* No cloud is known whose address could be named. */
        must_fail(assay_claims_require_context(claims, "c1", "r", NULL, &error), ASSAY_E_ARGUMENT);
        assay_claims_unref(claims);
    }
}

/* Elsewhere than at Entra there are no tenants, and so neither callers of one nor its members. */
static void demands_of_entra_elsewhere(void **state)
{
    (void)state;
    assay_claims *claims =
        unchecked_other(ASSAY_FAMILY_OAUTH,
                        ",\"tid\":\"" TENANT_A "\",\"oid\":\"" ENTRA_OID "\",\"idtyp\":\"app\","
                        "\"client_id\":\"" ENTRA_CALLER "\",\"sub\":\"" ENTRA_CALLER "\",\"acct\":0,\"azpacr\":\"2\"");
    assert_int_equal(assay_claims_caller_kind(claims), ASSAY_CALLER_APPLICATION);
    must_fail(assay_claims_require_caller(claims, TENANT_A, ENTRA_OID, &error), ASSAY_E_CALLER);
    must_fail(assay_claims_require_client(claims, TENANT_A, ENTRA_CALLER, &error), ASSAY_E_CALLER);
    must_fail(assay_claims_require_listed_caller(claims, &error), ASSAY_E_CALLER);
    must_fail(assay_claims_require_member(claims, &error), ASSAY_E_GUEST);
    must_fail(assay_claims_require_client_authentication(claims, ASSAY_CLIENT_PUBLIC, &error),
              ASSAY_E_CLIENT_AUTHENTICATION);
    assay_claims_unref(claims);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scopes_of_others),
        cmocka_unit_test(roles_of_others),
        cmocka_unit_test(values_by_pointer),
        cmocka_unit_test(z12_overage),
        cmocka_unit_test(z13_a_hundred_thousand_groups),
        cmocka_unit_test(z03_claims_of_any_type),
        cmocka_unit_test(capabilities),
        cmocka_unit_test(demands_of_entra_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
