/* SPDX-License-Identifier: MIT */
/* assay/caller.h: who calls, told from tokens that a validator accepted. */
#include "support/entra_trial.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define KEY "entra|" TENANT_A "|" ENTRA_OID
#define DAEMON_V1(more)                                                                                                \
    ENTRA_CLAIMS_V1(TENANT_A, ",\"sub\":\"" ENTRA_OID "\",\"appid\":\"" ENTRA_CALLER "\",\"appidacr\":\"2\"" more)

static void expect_caller(trial *t, const char *payload, int kind, int authentication)
{
    const char *identity;
    assay_claims *claims = trial_claims(t, trial_sign(t, payload));
    assert_int_equal(assay_claims_caller_kind(claims), kind);
    assert_int_equal(assay_claims_client_authentication(claims), authentication);
    assert_string_equal(assay_claims_tenant(claims), TENANT_A);
    assert_string_equal(assay_claims_object_id(claims), ENTRA_OID);
    assert_string_equal(assay_claims_client_id(claims), ENTRA_CALLER);
    must_ok(assay_claims_get_identity(claims, &identity));
    assert_string_equal(identity, KEY);
    assay_claims_unref(claims);
}

/* One caller, one key, whatever the version and whoever it calls through. */
static void callers_of_both_versions(void **state)
{
    trial *t = *state;
    expect_caller(t, ENTRA_CLAIMS_V2(TENANT_A, ENTRA_USER_V2), ASSAY_CALLER_USER, ASSAY_CLIENT_PUBLIC);
    expect_caller(t, ENTRA_CLAIMS_V1(TENANT_A, ENTRA_USER_V1), ASSAY_CALLER_USER, ASSAY_CLIENT_PUBLIC);
    expect_caller(t, ENTRA_CLAIMS_V2(TENANT_A, ENTRA_DAEMON_V2), ASSAY_CALLER_APPLICATION, ASSAY_CLIENT_SECRET);
    expect_caller(t, DAEMON_V1(",\"idtyp\":\"app\",\"roles\":[\"r\"]"), ASSAY_CALLER_APPLICATION,
                  ASSAY_CLIENT_CERTIFICATE);
}

/* What is borrowed from the claims outlives the validator. */
static void claims_outlive_the_validator(void **state)
{
    trial *t = *state;
    assay_claims *claims = trial_claims(t, trial_sign(t, ENTRA_CLAIMS_V2(TENANT_A, ENTRA_DAEMON_V2)));
    trial_restart(t);
    const char *identity;
    must_ok(assay_claims_get_identity(claims, &identity));
    assert_string_equal(identity, KEY);
    must_ok(assay_claims_require(claims, ASSAY_PERMISSION_APPLICATION_ROLE, "Task.Read", NULL));
    must_fail(assay_claims_require_context(claims, "c1", NULL, NULL, &error), ASSAY_E_CONTEXT);
    assay_claims_unref(claims);
}

static void z08_application_without_idtyp(void **state)
{
    trial *t = *state;
    static const char payload[] = DAEMON_V1(",\"roles\":[\"r\"]");
    assay_claims *claims = trial_claims(t, trial_sign(t, payload));
    assert_int_equal(assay_claims_caller_kind(claims), ASSAY_CALLER_APPLICATION);
    must_ok(assay_claims_require(claims, ASSAY_PERMISSION_APPLICATION_ROLE, "r", NULL));
    assay_claims_unref(claims);

    must_ok(assay_issuer_entra_require_idtyp(t->issuer, NULL));
    trial_restart(t);
    claims = trial_claims(t, trial_sign(t, payload));
    assert_int_equal(assay_claims_caller_kind(claims), ASSAY_CALLER_UNKNOWN);
    must_fail(assay_claims_require(claims, ASSAY_PERMISSION_APPLICATION_ROLE, "r", &error), ASSAY_E_ROLE);
    must_fail(assay_claims_require(claims, ASSAY_PERMISSION_ROLE, "r", &error), ASSAY_E_ROLE);
    must_fail(assay_claims_require_client(claims, TENANT_A, ENTRA_CALLER, &error), ASSAY_E_CALLER);
    assay_claims_unref(claims);
    expect_caller(t, DAEMON_V1(",\"roles\":[\"r\"],\"idtyp\":\"app\""), ASSAY_CALLER_APPLICATION,
                  ASSAY_CLIENT_CERTIFICATE);
    expect_caller(t, ENTRA_CLAIMS_V2(TENANT_A, ENTRA_USER_V2), ASSAY_CALLER_USER, ASSAY_CLIENT_PUBLIC);
}

static void z11_guests_may_be_refused(void **state)
{
    trial *t = *state;
    static const struct {
        const char *payload;
        int guest, code;
    } rows[] = {
        {ENTRA_CLAIMS_V2(TENANT_A, ENTRA_USER_V2 ",\"acct\":1"), 1, ASSAY_E_GUEST},
        {ENTRA_CLAIMS_V2(TENANT_A, ENTRA_USER_V2 ",\"acct\":0"), 0, ASSAY_OK},
        {ENTRA_CLAIMS_V2(TENANT_A, ENTRA_USER_V2 ",\"idp\":\"" ENTRA_V1(TENANT_B) "\""), 1, ASSAY_E_GUEST},
        {ENTRA_CLAIMS_V1(TENANT_A, ENTRA_USER_V1 ",\"idp\":\"" ENTRA_V1(TENANT_A) "\""), 0, ASSAY_OK},
        {ENTRA_CLAIMS_V2(TENANT_A, ENTRA_USER_V2), -1, ASSAY_E_GUEST},
        {ENTRA_CLAIMS_V2(TENANT_A, ENTRA_DAEMON_V2), -1, ASSAY_OK},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        /* Guests are let in where nobody asks. */
        assay_claims *claims = trial_claims(t, trial_sign(t, rows[i].payload));
        assert_int_equal(assay_claims_is_guest(claims), rows[i].guest);
        assay_error *error = NULL;
        assert_int_equal(assay_claims_require_member(claims, &error), rows[i].code);
        assert_string_equal(assay_error_found(error), rows[i].code != ASSAY_OK && rows[i].guest == 1 ? "a guest" : "");
        assay_error_free(error);
        assay_claims_unref(claims);
    }
}

#define MIRID "/subscriptions/11112222/resourcegroups/G/providers/Microsoft.ManagedIdentity/userAssignedIdentities/x"

static void z14_managed_identity(void **state)
{
    trial *t = *state;
    must_ok(assay_issuer_entra_add_caller(t->issuer, TENANT_A, ENTRA_OID, NULL));
    trial_restart(t);
    assay_claims *claims = trial_claims(t, trial_sign(t, DAEMON_V1(",\"idtyp\":\"app\",\"xms_mirid\":\"" MIRID "\"")));
    assert_int_equal(assay_claims_caller_kind(claims), ASSAY_CALLER_MANAGED_IDENTITY);
    must_ok(assay_claims_require_caller(claims, TENANT_A, ENTRA_OID, NULL));
    must_ok(assay_claims_require_client(claims, TENANT_A, ENTRA_CALLER, NULL));
    must_ok(assay_claims_require_listed_caller(claims, NULL));
    must_fail(assay_claims_require_caller(claims, TENANT_B, ENTRA_OID, &error), ASSAY_E_CALLER);
    must_fail(assay_claims_require_caller(claims, TENANT_A, ENTRA_CALLER, &error), ASSAY_E_CALLER);
    /* Its resource is there to read; its letters differ in case from token to token. */
    const char *text;
    size_t len;
    must_ok(assay_claims_get_text(claims, "xms_mirid", &text, &len));
    char *lower = trial_format("%s", MIRID);
    lower[1] = 'S';
    assert_int_equal(strcasecmp(text, lower), 0);
    free(lower);
    assay_claims_unref(claims);
}

/* An agent acts as an application, though its sub is another's; what makes it an agent is there to read. */
static void z17_agent_identity(void **state)
{
    trial *t = *state;
    assay_claims *claims = trial_claims(
        t, trial_sign(t, ENTRA_CLAIMS_V1(TENANT_A, ",\"sub\":\"cccccccc-1111-2222-3333-444444444444\",\"appid\":"
                                                   "\"" ENTRA_CALLER "\",\"appidacr\":\"2\",\"idtyp\":\"app\","
                                                   "\"roles\":[\"r\"],\"xms_act_fct\":\"3 9 11\",\"xms_sub_fct\":"
                                                   "\"9 3 11\",\"xms_par_app_azp\":\"" TENANT_B "\"")));
    assert_int_equal(assay_claims_caller_kind(claims), ASSAY_CALLER_APPLICATION);
    must_ok(assay_claims_require(claims, ASSAY_PERMISSION_APPLICATION_ROLE, "r", NULL));
    must_ok(assay_claims_require_at(claims, "/xms_act_fct", "11", NULL));
    const char *text;
    size_t len;
    must_ok(assay_claims_get_text(claims, "xms_par_app_azp", &text, &len));
    assert_string_equal(text, TENANT_B);
    assay_claims_unref(claims);
}

static void caller_of_another_issuer(void **state)
{
    (void)state;
    trial t;
    trial_open(&t, "ES256");
    const char *identity;
    assay_claims *claims = trial_claims(&t, trial_sign(&t, TRIAL_CLAIMS(",\"client_id\":\"c\",\"auth_time\":1")));
    assert_int_equal(assay_claims_caller_kind(claims), ASSAY_CALLER_USER);
    assert_string_equal(assay_claims_client_id(claims), "c");
    assert_null(assay_claims_tenant(claims));
    must_ok(assay_claims_get_identity(claims, &identity));
    assert_string_equal(identity, "oidc|" TRIAL_ISSUER "|subject-of-trial");
    assay_claims_unref(claims);
    claims = trial_claims(&t, trial_sign(&t, "{" TRIAL_BARE ",\"email\":\"a@b\"}"));
    assert_int_equal(assay_claims_get_identity(claims, &identity), ASSAY_E_ABSENT);
    assert_null(identity);
    assay_claims_unref(claims);
    trial_close(&t);
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
        cmocka_unit_test_setup_teardown(callers_of_both_versions, open_trial, close_trial),
        cmocka_unit_test_setup_teardown(claims_outlive_the_validator, open_trial, close_trial),
        cmocka_unit_test_setup_teardown(z08_application_without_idtyp, open_trial, close_trial),
        cmocka_unit_test_setup_teardown(z11_guests_may_be_refused, open_trial, close_trial),
        cmocka_unit_test_setup_teardown(z14_managed_identity, open_trial, close_trial),
        cmocka_unit_test_setup_teardown(z17_agent_identity, open_trial, close_trial),
        cmocka_unit_test(caller_of_another_issuer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
