/* SPDX-License-Identifier: MIT */
/* The tenants of an issuer of Entra: how they are given, and how many there may be. */
#include "support/entra_trial.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An issuer as a token bears it, or its template, says the cloud, and the tenant where there is one. */
static void issuer_in_the_place_of_a_cloud(void **state)
{
    trial *t = *state;
    static const char *const several[] = {ENTRA_V2("{tenantid}"), ENTRA_V2("organizations"), ENTRA_V2("common"),
                                          "https://login.microsoftonline.com/"};
    assay_issuer *issuer;
    must_ok(assay_issuer_entra_new(ENTRA_V2("22222222-BBBB-4bbb-8bbb-222222222222"), &issuer, NULL));
    entra_trial_use(t, issuer);
    trial_accept_payload(t, ENTRA_CLAIMS_V2(TENANT_B, ENTRA_USER_V2));
    trial_accept_payload(t, ENTRA_CLAIMS_V1(TENANT_B, ENTRA_USER_V1));
    trial_refuse_payload(t, ENTRA_CLAIMS_V2(TENANT_A, ENTRA_USER_V2), ASSAY_E_TENANT);
    for (size_t i = 0; i < sizeof several / sizeof several[0]; i++) {
        must_ok(assay_issuer_entra_new(several[i], &issuer, NULL));
        entra_trial_use(t, issuer);
        must_ok(assay_issuer_set_keys(issuer, t->keys, NULL));
        must_fail(assay_validator_new(t->runtime, &issuer, 1, &t->validator, &error), ASSAY_E_CONFIG_TENANT);
    }
}

static void tenants_that_are_none(void **state)
{
    trial *t = *state;
    static const char *const texts[] = {NULL,
                                        "",
                                        "common",
                                        "organizations",
                                        "{tenantid}",
                                        "contoso.onmicrosoft.com",
                                        "Consumers",
                                        TENANT_A " ",
                                        "{" TENANT_A "}",
                                        "11111111aaaa4aaa8aaa111111111111"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        must_fail(assay_issuer_entra_add_tenant(t->issuer, texts[i], &error), ASSAY_E_CONFIG_TENANT);
    must_fail(assay_issuer_entra_set_version(t->issuer, 3, &error), ASSAY_E_ARGUMENT);
    for (unsigned i = 1; i < 65536; i++) {
        char tenant[37];
        (void)snprintf(tenant, sizeof tenant, "%08x-0000-4000-8000-000000000000", i);
        must_ok(assay_issuer_entra_add_tenant(t->issuer, tenant, NULL));
    }
    must_fail(assay_issuer_entra_add_tenant(t->issuer, TENANT_B, &error), ASSAY_E_CONFIG_TENANT);
    trial_accept_payload(t, ENTRA_CLAIMS_V2(TENANT_A, ENTRA_USER_V2));
    trial_accept_payload(t, ENTRA_CLAIMS_V1("0000ffff-0000-4000-8000-000000000000", ENTRA_USER_V1));
    trial_refuse_payload(t, ENTRA_CLAIMS_V2(TENANT_B, ENTRA_USER_V2), ASSAY_E_TENANT);
}

/* In whatever spelling it is still one, so the issuer is called by it. */
static void a_tenant_given_twice(void **state)
{
    trial *t = *state;
    uint64_t value;
    must_ok(assay_issuer_entra_add_tenant(t->issuer, TENANT_A, NULL));
    must_ok(assay_issuer_entra_add_tenant(t->issuer, "11111111-AAAA-4AAA-8AAA-111111111111", NULL));
    trial_accept_payload(t, ENTRA_CLAIMS_V2(TENANT_A, ENTRA_USER_V2));
    must_ok(assay_validator_get_stat(t->validator, ENTRA_V2(TENANT_A), ASSAY_STAT_KEYS_SERVED, &value));
    assert_int_equal(assay_validator_get_stat(t->validator, ENTRA_V2("{tenantid}"), ASSAY_STAT_KEYS_SERVED, &value),
                     ASSAY_E_NOT_CONFIGURED);
}

/* Each of ten thousand tenants is found, and none next to them. Odd numbers are tenants. */
static void ten_thousand_tenants(void **state)
{
    trial *t = *state;
    char tenant[37];
    for (unsigned i = 1; i < 20000; i += 2) {
        snprintf(tenant, sizeof tenant, "%08x-aaaa-4aaa-8aaa-%012x", i * 0x9E3779B1u, i);
        must_ok(assay_issuer_entra_add_tenant(t->issuer, tenant, NULL));
    }
    for (unsigned i = 0; i < 20001; i += 37) {
        snprintf(tenant, sizeof tenant, "%08x-aaaa-4aaa-8aaa-%012x", i * 0x9E3779B1u, i);
        for (int version = 1; version <= 2; version++) {
            char *payload =
                trial_format("{\"iss\":\"%s%s%s\",\"aud\":\"" ENTRA_CLIENT
                             "\",\"tid\":\"%s\",\"ver\":\"%d.0\"," ENTRA_TIMES ",\"appid\":\"a\"" ENTRA_USER_V2 "}",
                             version == 1 ? "https://sts.windows.net/" : "https://login.microsoftonline.com/", tenant,
                             version == 1 ? "/" : "/v2.0", tenant, version);
            if (i % 2 == 1)
                trial_accept_payload(t, payload);
            else
                trial_refuse_payload(t, payload, ASSAY_E_TENANT);
            free(payload);
        }
    }
    trial_accept_payload(t, ENTRA_CLAIMS_V2(TENANT_A, ENTRA_USER_V2));
    trial_refuse_payload(t, ENTRA_CLAIMS_V2(TENANT_B, ENTRA_USER_V2), ASSAY_E_TENANT);
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
        TEST(issuer_in_the_place_of_a_cloud),
        TEST(tenants_that_are_none),
        TEST(a_tenant_given_twice),
        TEST(ten_thousand_tenants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
