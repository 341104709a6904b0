/* SPDX-License-Identifier: MIT */
/* Tokens of Entra: whose they are, by issuer, tenant and version. */
#include "support/entra_trial.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <string.h>

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
    assert_non_null(strstr(assay_error_hint(error), "requestedAccessTokenVersion"));
    assay_error_free(error);
}

static void t23_tenant_that_is_not_on_the_list(void **state)
{
    trial *t = *state;
    trial_refuse_payload(t, ENTRA_CLAIMS_V2(TENANT_B, ENTRA_USER_V2), ASSAY_E_TENANT);
    trial_refuse_payload(t, ENTRA_CLAIMS_V1(TENANT_B, ENTRA_USER_V1), ASSAY_E_TENANT);
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
        cmocka_unit_test_setup_teardown(t01_v2_token_of_one_tenant, open_trial, close_trial),
        cmocka_unit_test_setup_teardown(t02_v1_token, open_trial, close_trial),
        cmocka_unit_test_setup_teardown(t03_v1_token_where_only_v2_is_allowed, open_trial, close_trial),
        cmocka_unit_test_setup_teardown(t23_tenant_that_is_not_on_the_list, open_trial, close_trial),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
