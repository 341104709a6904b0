/* SPDX-License-Identifier: MIT */
/* Floods at an issuer of Entra that accepts any organisation: tenants cost nothing to make up, so they must not multiply fetches (K12, K13). */
#include "support/cloud.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { FLOOD = 10000, WINDOW = 30, WINDOW_MAX = 300 }; /* seconds: architecture, section 4 */

static cloud at;

static int open_warm(void **state)
{
    (void)state;
    cloud_open(&at);
    cloud_start(&at);
    assert_int_equal(cloud_try(&at, cloud_token(&at, TENANT_A, 2, "k")), ASSAY_OK);
    assert_int_equal(at.key_fetches, 1);
    return 0;
}

static int close_cloud(void **state)
{
    (void)state;
    cloud_close(&at);
    return 0;
}

static double real_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* Right audience and times, a tenant and a kid that nobody has seen before; versions in turn. */
static char *forge_next(void)
{
    static unsigned number;
    unsigned now = ++number;
    char *tenant = trial_format("%08x-1111-4222-8333-%012x", now * 2654435761u, now);
    char *kid = trial_format("made-up-%u", now);
    char *payload = cloud_payload(&at, tenant, now % 2 == 0 ? 1 : 2);
    char *token = cloud_forge("RS256", kid, payload);
    free(tenant);
    free(kid);
    free(payload);
    return token;
}

static void k13_random_tenants_cause_one_fetch_a_window(void **state)
{
    (void)state;
    int64_t start = at.canned.now_ms;
    double began = real_ms();
    for (int i = 0; i < FLOOD; i++) {
        assert_int_equal(cloud_try(&at, forge_next()), ASSAY_E_KEY_UNKNOWN);
        if (i % 100 == 0)
            assert_int_equal(cloud_try(&at, cloud_token(&at, TENANT_B, 1 + i / 100 % 2, "k")), ASSAY_OK);
        at.canned.now_ms += 10;
    }
    int64_t seconds = (at.canned.now_ms - start) / 1000;
    print_message("flood: %d tokens of as many tenants in %d s: %d fetches of keys, %d of metadata; %.0f ms\n", FLOOD,
                  (int)seconds, at.key_fetches - 1, at.metadata_fetches - 1, real_ms() - began);
    assert_true(at.key_fetches - 1 <= seconds / WINDOW + 1);
    assert_int_equal(at.metadata_fetches, 1);
    assert_int_equal(canned_stat(&at.canned, ASSAY_STAT_UNKNOWN_KID_FETCHES), at.key_fetches - 1);
}

/* What no key could make good costs no fetch: tenants that are not on a list, another cloud, audience or time. */
static void k12_wrong_tenants_and_clouds_cause_no_fetch(void **state)
{
    (void)state;
    assay_issuer *issuer;
    must_ok(assay_issuer_entra_new(NULL, &issuer, NULL));
    must_ok(assay_issuer_entra_add_tenant(issuer, TENANT_A, NULL));
    must_ok(assay_issuer_entra_add_tenant(issuer, TENANT_B, NULL));
    must_ok(assay_issuer_add_audience(issuer, ENTRA_CLIENT, NULL));
    assay_validator_unref(at.canned.validator);
    cloud_use(&at, issuer);
    cloud_start(&at);
    for (int i = 0; i < FLOOD; i++)
        assert_int_equal(cloud_try(&at, forge_next()), ASSAY_E_TENANT);
    char *government = trial_format("{\"iss\":\"https://login.microsoftonline.us/" TENANT_A
                                    "/v2.0\",\"tid\":\"" TENANT_A "\",\"exp\":4000000000}");
    assert_int_equal(cloud_try(&at, cloud_forge("RS256", "x", government)), ASSAY_E_ISSUER);
    free(government);
    char *other = trial_format("{\"iss\":\"" ENTRA_V2(TENANT_A) "\",\"aud\":\"other\",\"tid\":\"" TENANT_A
                                                                "\",\"ver\":\"2.0\",\"exp\":4000000000}");
    assert_int_equal(cloud_try(&at, cloud_forge("RS256", "x", other)), ASSAY_E_AUDIENCE);
    free(other);
    char *old = cloud_payload(&at, TENANT_A, 2);
    canned_advance(&at.canned, 7200);
    assert_int_equal(cloud_try(&at, cloud_forge("RS256", "x", old)), ASSAY_E_EXPIRED);
    free(old);
    assert_int_equal(at.key_fetches + at.metadata_fetches, 2);
}

/* A real rotation in the middle of a flood: within one cooldown its tokens are good. */
static void rotation_during_a_flood(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++)
        assert_int_equal(cloud_try(&at, forge_next()), ASSAY_E_KEY_UNKNOWN);
    cloud_serve(&at, cloud_set(cloud_jwk(&at, "new", ENTRA_V2("{tenantid}"), CLOUD_INSTANCE), NULL));
    int waited = 0;
    for (; cloud_try(&at, cloud_token(&at, TENANT_B, 2, "new")) != ASSAY_OK; waited++) {
        assert_true(waited < WINDOW);
        for (int i = 0; i < 10; i++)
            assert_int_equal(cloud_try(&at, forge_next()), ASSAY_E_KEY_UNKNOWN);
        canned_advance(&at.canned, 1);
    }
    print_message("rotation during a flood: good after %d s\n", waited);
    assert_int_equal(at.key_fetches, 3);
    /* The old one is missing now, and counts for two days more. */
    assert_int_equal(cloud_try(&at, cloud_token(&at, TENANT_A, 1, "k")), ASSAY_OK);
}

/* The endpoint is down: 503 for whatever its keys could decide, with ever longer pauses, while known keys go on. */
static void flood_while_the_endpoint_is_down(void **state)
{
    (void)state;
    int before = at.key_fetches + at.metadata_fetches;
    at.status = 500;
    for (int second = 0; second < 3000; second++) {
        int code = cloud_try(&at, forge_next());
        assert_int_equal(code, ASSAY_E_KEYS_UNAVAILABLE);
        assert_int_equal(assay_code_http_status(code), 503);
        if (second % 100 == 0)
            assert_int_equal(cloud_try(&at, cloud_token(&at, TENANT_A, 2, "k")), ASSAY_OK);
        canned_advance(&at.canned, 1);
    }
    int fetched = at.key_fetches + at.metadata_fetches - before;
    print_message("down for 3000 s: %d fetches\n", fetched);
    /* Metadata and keys each time, and the pauses double: 30, 60, 120, 240, then 300 s. */
    assert_true(fetched <= 2 * (4 + 3000 / WINDOW_MAX));
    at.status = 0;
    canned_advance(&at.canned, WINDOW_MAX);
    assert_int_equal(cloud_try(&at, forge_next()), ASSAY_E_KEY_UNKNOWN);
}

/* A key that is there and may not sign for the tenant is no unknown key, in either version: the common set has such keys every day. */
static void keys_of_others_are_refused_without_a_fetch(void **state)
{
    (void)state;
    cloud_serve(&at, cloud_set(cloud_jwk(&at, "us", ENTRA_V2("{tenantid}"), "microsoftonline.us"),
                               cloud_jwk(&at, "personal", ENTRA_V2(TENANT_CONSUMERS), CLOUD_INSTANCE)));
    assert_int_equal(cloud_refresh(&at), ASSAY_OK);
    int before = at.key_fetches;
    canned_advance(&at.canned, 60);
    for (int i = 0; i < 100; i++) {
        int version = 1 + i % 2;
        assert_int_equal(cloud_try(&at, cloud_token(&at, TENANT_A, version, "us")), ASSAY_E_KEY_CLOUD);
        assert_int_equal(cloud_try(&at, cloud_token(&at, TENANT_B, version, "personal")), ASSAY_E_KEY_ISSUER);
    }
    assert_int_equal(at.key_fetches, before);
    assert_int_equal(canned_stat(&at.canned, ASSAY_STAT_UNKNOWN_KID_FETCHES), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_warm, close_cloud)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(k13_random_tenants_cause_one_fetch_a_window),
        CASE(k12_wrong_tenants_and_clouds_cause_no_fetch),
        CASE(rotation_during_a_flood),
        CASE(flood_while_the_endpoint_is_down),
        CASE(keys_of_others_are_refused_without_a_fetch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
