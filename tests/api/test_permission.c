/* SPDX-License-Identifier: MIT */
/* assay/permission.h: what the caller of an accepted token may do. */
#include "support/entra_trial.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define IDS ",\"sub\":\"" ENTRA_SUB "\",\"azp\":\"" ENTRA_CALLER "\",\"azpacr\":\"0\""
#define DAEMON(more) ",\"sub\":\"" ENTRA_OID "\",\"azp\":\"" ENTRA_CALLER "\",\"azpacr\":\"1\",\"idtyp\":\"app\"" more

static assay_claims *claims_of(trial *t, const char *more)
{
    char *payload = trial_format("{\"iss\":\"%s\",\"aud\":\"%s\",\"tid\":\"%s\",\"ver\":\"2.0\",\"oid\":\"%s\",%s%s}",
                                 ENTRA_V2(TENANT_A), ENTRA_CLIENT, TENANT_A, ENTRA_OID, ENTRA_TIMES, more);
    assay_claims *claims = trial_claims(t, trial_sign(t, payload));
    free(payload);
    return claims;
}

/* What an error of a demand says, in full. */
static void refuses(int code, assay_error *error, const char *expected, const char *found, const char *note)
{
    assert_int_equal(assay_error_code(error), code);
    assert_int_equal(assay_error_category(error), ASSAY_CATEGORY_PERMISSION);
    assert_int_equal(assay_error_http_status(error), 403);
    assert_string_equal(assay_error_expected(error), expected);
    assert_string_equal(assay_error_found(error), found);
    assert_true(assay_error_found_is_verified(error));
    char *message = trial_format("%s%s%s", assay_code_summary(code), note[0] == '\0' ? "" : ": ", note);
    assert_string_equal(assay_error_message(error), message);
    char *challenge =
        trial_format("Bearer error=\"insufficient_scope\", error_description=\"%s\"", assay_code_summary(code));
    assert_string_equal(assay_error_www_authenticate(error), challenge);
    free(challenge);
    free(message);
    assay_error_free(error);
}

static void refuses_one(const assay_claims *claims, int kind, const char *name, int code, const char *note)
{
    assay_error *error = NULL;
    assert_int_equal(assay_claims_require(claims, kind, name, &error), code);
    refuses(code, error, name, "", note);
    assert_int_equal(assay_claims_require(claims, kind, name, NULL), code);
}

static void z01_z02_scopes(void **state)
{
    assay_claims *claims = claims_of(*state, IDS ",\"scp\":\"a b\"");
    must_ok(assay_claims_require(claims, ASSAY_PERMISSION_SCOPE, "b", NULL));
    refuses_one(claims, ASSAY_PERMISSION_SCOPE, "c", ASSAY_E_SCOPE, "");
    assay_claims_unref(claims);
    claims = claims_of(*state, IDS ",\"scp\":\"ab\"");
    refuses_one(claims, ASSAY_PERMISSION_SCOPE, "a", ASSAY_E_SCOPE, "");
    assay_claims_unref(claims);
    claims = claims_of(*state, IDS ",\"scp\":\"A\"");
    refuses_one(claims, ASSAY_PERMISSION_SCOPE, "a", ASSAY_E_SCOPE, "");
    assay_claims_unref(claims);
    claims = claims_of(*state, DAEMON(",\"roles\":[\"a\"]"));
    refuses_one(claims, ASSAY_PERMISSION_SCOPE, "a", ASSAY_E_SCOPE,
                "the token is an application's, which have roles in place of scopes");
    assay_claims_unref(claims);
}

/* These never come as far as a demand. */
static void z03_malformed_permissions(void **state)
{
    static const char *const rows[] = {",\"scp\":[\"a\"]", ",\"roles\":\"a\"", ",\"roles\":[1]"};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char *payload = trial_format("{\"iss\":\"%s\",\"aud\":\"%s\",\"tid\":\"%s\",\"ver\":\"2.0\",%s%s%s}",
                                     ENTRA_V2(TENANT_A), ENTRA_CLIENT, TENANT_A, ENTRA_TIMES, IDS, rows[i]);
        trial_refuse_payload(*state, payload, ASSAY_E_CLAIM_TYPE);
        free(payload);
    }
}

static void z04_z05_roles_of_applications_and_users(void **state)
{
    assay_claims *claims = claims_of(*state, DAEMON(",\"roles\":[\"x\",\"r\"]"));
    must_ok(assay_claims_require(claims, ASSAY_PERMISSION_APPLICATION_ROLE, "r", NULL));
    must_ok(assay_claims_require(claims, ASSAY_PERMISSION_ROLE, "r", NULL));
    refuses_one(claims, ASSAY_PERMISSION_USER_ROLE, "r", ASSAY_E_ROLE,
                "the token is an application's, and the role is demanded of users");
    refuses_one(claims, ASSAY_PERMISSION_APPLICATION_ROLE, "R", ASSAY_E_ROLE, "");
    assay_claims_unref(claims);

    claims = claims_of(*state, IDS ",\"scp\":\"a\",\"roles\":[\"\\u0072\"]");
    must_ok(assay_claims_require(claims, ASSAY_PERMISSION_USER_ROLE, "r", NULL));
    must_ok(assay_claims_require(claims, ASSAY_PERMISSION_ROLE, "r", NULL));
    refuses_one(claims, ASSAY_PERMISSION_APPLICATION_ROLE, "r", ASSAY_E_ROLE,
                "the token is a user's, and the role is demanded of applications");
    refuses_one(claims, ASSAY_PERMISSION_USER_ROLE, "a", ASSAY_E_ROLE, "");
    assay_claims_unref(claims);

    claims = claims_of(*state, IDS ",\"roles\":[\"r\"],\"idtyp\":\"user\"");
    refuses_one(claims, ASSAY_PERMISSION_USER_ROLE, "r", ASSAY_E_ROLE,
                "the token has the role, but no scope, so that no user calls by it");
    refuses_one(claims, ASSAY_PERMISSION_ROLE, "r", ASSAY_E_ROLE,
                "the token has the role, but no scope, so that no user calls by it");
    assay_claims_unref(claims);
    claims = claims_of(*state, IDS ",\"roles\":[\"r\"],\"idtyp\":\"device\"");
    refuses_one(claims, ASSAY_PERMISSION_ROLE, "r", ASSAY_E_ROLE,
                "the token has the role, but does not say whether a user or an application calls");
    assay_claims_unref(claims);
}

static void z09_client_of_another_tenant(void **state)
{
    trial *t = *state;
    assay_claims *claims =
        claims_of(t, ",\"sub\":\"" ENTRA_OID "\",\"azp\":\"" ENTRA_CALLER "\",\"azpacr\":\"1\",\"roles\":[\"r\"]");
    assay_error *error = NULL;
    must_ok(assay_claims_require_client(claims, TENANT_A, ENTRA_CALLER, NULL));
    assert_int_equal(assay_claims_require_client(claims, TENANT_B, ENTRA_CALLER, &error), ASSAY_E_CALLER);
    refuses(ASSAY_E_CALLER, error, TENANT_B "/" ENTRA_CALLER, TENANT_A "/" ENTRA_CALLER, "");
    assert_int_equal(assay_claims_require_listed_caller(claims, &error), ASSAY_E_CALLER);
    refuses(ASSAY_E_CALLER, error, "a caller on the allow-list", TENANT_A "/" ENTRA_CALLER, "");
    assay_claims_unref(claims);
    /* A user through this client is not the client; and nobody's object id is told. */
    claims = claims_of(t, IDS ",\"scp\":\"a\"");
    assert_int_equal(assay_claims_require_client(claims, TENANT_A, ENTRA_CALLER, &error), ASSAY_E_CALLER);
    refuses(ASSAY_E_CALLER, error, TENANT_A "/" ENTRA_CALLER, TENANT_A "/" ENTRA_CALLER,
            "the token is not the client's own, but a user's or nobody's");
    must_ok(assay_claims_require_caller(claims, TENANT_A, ENTRA_OID, NULL));
    assert_int_equal(assay_claims_require_caller(claims, TENANT_A, ENTRA_CALLER, &error), ASSAY_E_CALLER);
    refuses(ASSAY_E_CALLER, error, TENANT_A "/" ENTRA_CALLER, "", "");
    assay_claims_unref(claims);
}

static void z10_client_authentication(void **state)
{
    static const char *const names[] = {"none: a public client", "a secret", "a certificate"};
    for (int method = 0; method <= 2; method++) {
        char *more = trial_format(",\"sub\":\"s\",\"azp\":\"a\",\"scp\":\"x\",\"azpacr\":\"%d\"", method);
        assay_claims *claims = claims_of(*state, more);
        for (int least = 0; least <= 2; least++) {
            assay_error *error = NULL;
            int code = assay_claims_require_client_authentication(claims, least + 1, &error);
            assert_int_equal(code, method >= least ? ASSAY_OK : ASSAY_E_CLIENT_AUTHENTICATION);
            if (code != ASSAY_OK)
                refuses(code, error, names[least], names[method], "");
        }
        assay_claims_unref(claims);
        free(more);
    }
    assay_claims *claims = claims_of(*state, ",\"sub\":\"s\",\"azp\":\"a\",\"scp\":\"x\"");
    must_fail(assay_claims_require_client_authentication(claims, ASSAY_CLIENT_PUBLIC, &error),
              ASSAY_E_CLIENT_AUTHENTICATION);
    must_fail(assay_claims_require_client_authentication(claims, ASSAY_CLIENT_UNKNOWN, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_claims_require_client_authentication(claims, 4, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_claims_require_client_authentication(NULL, 1, &error), ASSAY_E_ARGUMENT);
    assay_claims_unref(claims);
}

static void z12_groups_elsewhere(void **state)
{
    assay_claims *claims = claims_of(
        *state, IDS ",\"scp\":\"a\",\"groups\":[\"g\"],\"_claim_names\":{\"groups\":\"src1\"},\"_claim_sources\":"
                    "{\"src1\":{\"endpoint\":\"http://127.0.0.1:1/users/x/getMemberObjects\"}}");
    assert_int_equal(assay_claims_get_membership(claims, "g"), ASSAY_MEMBERSHIP_UNKNOWN);
    refuses_one(claims, ASSAY_PERMISSION_GROUP, "g", ASSAY_E_GROUPS_UNKNOWN, "");
    assay_claims_unref(claims);
    claims = claims_of(*state, IDS ",\"scp\":\"a\",\"hasgroups\":true");
    assert_int_equal(assay_claims_get_membership(claims, "g"), ASSAY_MEMBERSHIP_UNKNOWN);
    assay_claims_unref(claims);
    claims = claims_of(*state, IDS ",\"scp\":\"a\",\"groups\":[\"f\",\"g\"]");
    must_ok(assay_claims_require(claims, ASSAY_PERMISSION_GROUP, "g", NULL));
    refuses_one(claims, ASSAY_PERMISSION_GROUP, "h", ASSAY_E_GROUP, "");
    assay_claims_unref(claims);
}

static void z13_as_many_groups_as_entra_sends(void **state)
{
    char *groups = trial_repeat("\"66666666-ffff-4fff-8fff-666666666666\",", 199);
    char *more = trial_format("%s,\"scp\":\"a\",\"groups\":[%s\"last\"]", IDS, groups);
    assay_claims *claims = claims_of(*state, more);
    assert_int_equal(assay_claims_get_membership(claims, "last"), ASSAY_MEMBERSHIP_YES);
    assert_int_equal(assay_claims_get_membership(claims, "none"), ASSAY_MEMBERSHIP_NO);
    assay_claims_unref(claims);
    free(more);
    free(groups);
    claims = claims_of(*state, IDS ",\"scp\":\"a\",\"groups\":[]");
    assert_int_equal(assay_claims_get_membership(claims, "last"), ASSAY_MEMBERSHIP_NO);
    assay_claims_unref(claims);
}

/* {"access_token":{"acrs":{"essential":true,"value":"c1"}}} */
#define C1 "eyJhY2Nlc3NfdG9rZW4iOnsiYWNycyI6eyJlc3NlbnRpYWwiOnRydWUsInZhbHVlIjoiYzEifX19"

static void z15_claims_challenge(void **state)
{
    assay_error *error = NULL;
    assay_claims *claims = claims_of(*state, IDS ",\"scp\":\"a\",\"xms_cc\":[\"CP1\"],\"acrs\":[\"c2\"]");
    must_ok(assay_claims_require_context(claims, "c2", NULL, NULL, NULL));
    assert_int_equal(assay_claims_require_context(claims, "c1", NULL, NULL, &error), ASSAY_E_CLAIMS_CHALLENGE);
    assert_string_equal(assay_error_www_authenticate(error),
                        "Bearer realm=\"\", authorization_uri=\"https://login.microsoftonline.com/common/oauth2/"
                        "authorize\", error=\"insufficient_claims\", claims=\"" C1 "\"");
    assert_int_equal(assay_error_http_status(error), 401);
    assert_string_equal(assay_error_expected(error), "c1");
    assay_error_free(error);
    assert_int_equal(assay_claims_require_context(claims, "c1", NULL, NULL, NULL), ASSAY_E_CLAIMS_CHALLENGE);
    assert_int_equal(assay_claims_require_context(claims, "c1", "a\"b", "https://login.example/x", &error),
                     ASSAY_E_CLAIMS_CHALLENGE);
    assert_string_equal(assay_error_www_authenticate(error),
                        "Bearer realm=\"a\\\"b\", authorization_uri=\"https://login.example/x\", "
                        "error=\"insufficient_claims\", claims=\"" C1 "\"");
    assay_error_free(error);
    /* Longer than any challenge of the registry. */
    char *path = trial_repeat("p", 1500);
    char *uri = trial_format("https://login.example/%s", path);
    assert_int_equal(assay_claims_require_context(claims, "c1", "", uri, &error), ASSAY_E_CLAIMS_CHALLENGE);
    assert_non_null(strstr(assay_error_www_authenticate(error), "ppp\", error=\"insufficient_claims\", claims=\"" C1));
    assay_error_free(error);
    free(uri);
    free(path);
    assay_claims_unref(claims);

    claims = claims_of(*state, IDS ",\"scp\":\"a\"");
    assert_int_equal(assay_claims_require_context(claims, "c1", NULL, NULL, &error), ASSAY_E_CONTEXT);
    refuses(ASSAY_E_CONTEXT, error, "c1", "", "");
    assay_claims_unref(claims);
}

/* Malformed parameters are found whatever the token has. */
static void z16_parameters_of_a_challenge(void **state)
{
    assay_claims *claims = claims_of(*state, IDS ",\"scp\":\"a\",\"acrs\":[\"c1\"]");
    must_fail(assay_claims_require_context(claims, "c1", "a\r\nb", NULL, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_claims_require_context(claims, "c1", "caf\xc3\xa9", NULL, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_claims_require_context(claims, "c\"1", NULL, NULL, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_claims_require_context(claims, NULL, NULL, NULL, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_claims_require_context(NULL, "c1", NULL, NULL, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_claims_require_context(claims, "c1", NULL, "http://a/", &error), ASSAY_E_ARGUMENT);
    must_ok(assay_claims_require_context(claims, "c1", "\"\\", "https://a/", NULL));
    assay_claims_unref(claims);
}

static void z18_directory_roles_count_for_nothing(void **state)
{
    static const char admin[] = "62e90394-69f5-4237-9190-012177145e10";
    char *more = trial_format("%s,\"scp\":\"a\",\"wids\":[\"%s\"]", IDS, admin);
    assay_claims *claims = claims_of(*state, more);
    for (int kind = ASSAY_PERMISSION_SCOPE; kind <= ASSAY_PERMISSION_GROUP; kind++)
        assert_int_not_equal(assay_claims_require(claims, kind, admin, NULL), ASSAY_OK);
    refuses_one(claims, ASSAY_PERMISSION_ROLE, admin, ASSAY_E_ROLE, "the token has no roles");
    assay_claims_unref(claims);
    free(more);
    more = trial_format("{\"iss\":\"%s\",\"aud\":\"%s\",\"tid\":\"%s\",\"ver\":\"2.0\",%s%s,\"wids\":[\"%s\"]}",
                        ENTRA_V2(TENANT_A), ENTRA_CLIENT, TENANT_A, ENTRA_TIMES, IDS, admin);
    trial_refuse_payload(*state, more, ASSAY_E_NO_PERMISSION);
    free(more);
}

static void any_and_all(void **state)
{
    static const char *const both[] = {"a", "b"}, *const one[] = {"x", "b"}, *const none[] = {"x", "y"};
    assay_error *error = NULL;
    assay_claims *claims = claims_of(*state, IDS ",\"scp\":\"a b\",\"roles\":[\"a\",\"b\"],\"groups\":[\"a\",\"b\"]");
    static const struct {
        int kind, code;
    } rows[] = {{ASSAY_PERMISSION_SCOPE, ASSAY_E_SCOPE},
                {ASSAY_PERMISSION_USER_ROLE, ASSAY_E_ROLE},
                {ASSAY_PERMISSION_ROLE, ASSAY_E_ROLE},
                {ASSAY_PERMISSION_GROUP, ASSAY_E_GROUP}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int kind = rows[i].kind, code = rows[i].code;
        must_ok(assay_claims_require_any(claims, kind, both, 2, NULL));
        must_ok(assay_claims_require_all(claims, kind, both, 2, NULL));
        must_ok(assay_claims_require_any(claims, kind, one, 2, NULL));
        assert_int_equal(assay_claims_require_all(claims, kind, one, 2, &error), code);
        refuses(code, error, "x", "", "");
        assert_int_equal(assay_claims_require_any(claims, kind, none, 2, &error), code);
        refuses(code, error, "x or y", "", "");
        assert_int_equal(assay_claims_require_all(claims, kind, none, 2, NULL), code);
    }
    /* More names than an error shows. */
    const char *many[100];
    for (size_t i = 0; i < COUNT_OF(many); i++)
        many[i] = "no-such-scope";
    assert_int_equal(assay_claims_require_any(claims, ASSAY_PERMISSION_SCOPE, many, COUNT_OF(many), &error),
                     ASSAY_E_SCOPE);
    assert_non_null(strstr(assay_error_expected(error), "no-such-scope or no-such-scope"));
    assay_error_free(error);
    many[99] = "b";
    must_ok(assay_claims_require_any(claims, ASSAY_PERMISSION_SCOPE, many, COUNT_OF(many), NULL));
    assay_claims_unref(claims);
}

static void arguments(void **state)
{
    static const char *const hole[] = {"a", NULL}, *const empty[] = {"a", ""};
    assay_claims *claims = claims_of(*state, IDS ",\"scp\":\"a b\"");
    must_fail(assay_claims_require(claims, 0, "a", &error), ASSAY_E_ARGUMENT);
    must_fail(assay_claims_require(claims, 6, "a", &error), ASSAY_E_ARGUMENT);
    must_fail(assay_claims_require(claims, -1, "a", &error), ASSAY_E_ARGUMENT);
    must_fail(assay_claims_require(claims, ASSAY_PERMISSION_SCOPE, "", &error), ASSAY_E_ARGUMENT);
    must_fail(assay_claims_require(claims, ASSAY_PERMISSION_SCOPE, NULL, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_claims_require(claims, ASSAY_PERMISSION_SCOPE, "a b", &error), ASSAY_E_ARGUMENT);
    must_fail(assay_claims_require(NULL, ASSAY_PERMISSION_SCOPE, "a", &error), ASSAY_E_ARGUMENT);
    /* Also where the first name alone would decide. */
    must_fail(assay_claims_require_any(claims, ASSAY_PERMISSION_SCOPE, hole, 2, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_claims_require_any(claims, ASSAY_PERMISSION_SCOPE, empty, 2, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_claims_require_any(claims, ASSAY_PERMISSION_SCOPE, hole, 0, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_claims_require_all(claims, ASSAY_PERMISSION_SCOPE, hole, 0, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_claims_require_all(claims, ASSAY_PERMISSION_SCOPE, NULL, 1, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_claims_require_any(NULL, ASSAY_PERMISSION_SCOPE, empty, 1, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_claims_require_caller(claims, TENANT_A, "x", &error), ASSAY_E_ARGUMENT);
    must_fail(assay_claims_require_caller(claims, "11111111-AAAA-4aaa-8aaa-111111111111", ENTRA_OID, &error),
              ASSAY_E_ARGUMENT);
    must_fail(assay_claims_require_client(claims, TENANT_A, NULL, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_claims_require_client(NULL, TENANT_A, ENTRA_CALLER, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_claims_require_listed_caller(NULL, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_claims_require_member(NULL, &error), ASSAY_E_ARGUMENT);
    assay_claims_unref(claims);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(z01_z02_scopes),
        cmocka_unit_test(z03_malformed_permissions),
        cmocka_unit_test(z04_z05_roles_of_applications_and_users),
        cmocka_unit_test(z09_client_of_another_tenant),
        cmocka_unit_test(z10_client_authentication),
        cmocka_unit_test(z12_groups_elsewhere),
        cmocka_unit_test(z13_as_many_groups_as_entra_sends),
        cmocka_unit_test(z15_claims_challenge),
        cmocka_unit_test(z16_parameters_of_a_challenge),
        cmocka_unit_test(z18_directory_roles_count_for_nothing),
        cmocka_unit_test(any_and_all),
        cmocka_unit_test(arguments),
    };
    return cmocka_run_group_tests(tests, open_trial, close_trial);
}
