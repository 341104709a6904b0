/* SPDX-License-Identifier: MIT */
/* The keys of Entra where its rules are not those of other issuers: one source for all tenants, templates, 48 h, whose token a key may sign. */
#include "support/cloud.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define HOUR 3600
#define NAME ENTRA_V2("{tenantid}") /* of an issuer of several tenants */

static cloud at;

static int open_cloud(void **state)
{
    (void)state;
    cloud_open(&at);
    return 0;
}

static int close_cloud(void **state)
{
    (void)state;
    cloud_close(&at);
    return 0;
}

static int try_kid(const char *kid)
{
    return cloud_try(&at, cloud_token(&at, TENANT_A, 2, kid));
}

static void serve(const char *kid, const char *issuer)
{
    cloud_serve(&at, cloud_set(cloud_jwk(&at, kid, issuer, CLOUD_INSTANCE), NULL));
}

static void start_warm(void)
{
    cloud_start(&at);
    assert_int_equal(try_kid("k"), ASSAY_OK);
}

static void k11_one_fetch_brings_a_new_key_for_all_tenants_and_versions(void **state)
{
    (void)state;
    start_warm();
    serve("new", NAME);
    canned_advance(&at.canned, 60);
    assert_int_equal(try_kid("new"), ASSAY_OK);
    assert_int_equal(cloud_try(&at, cloud_token(&at, TENANT_B, 1, "new")), ASSAY_OK);
    assert_int_equal(cloud_try(&at, cloud_token(&at, TENANT_B, 2, "k")), ASSAY_OK);
    assert_int_equal(at.key_fetches, 2);
    assert_int_equal(at.metadata_fetches, 1);
}

/* Metadata says for whom it is: with several tenants the template, byte by byte. */
static void k17_k18_issuer_of_the_metadata(void **state)
{
    (void)state;
    static const char *const wrong[] = {ENTRA_V2(TENANT_A),
                                        ENTRA_V2("{tenantId}"),
                                        ENTRA_V2("{tenantid}") "/",
                                        ENTRA_V2("common"),
                                        "https://login.microsoftonline.us/{tenantid}/v2.0",
                                        "https://sts.windows.net/{tenantid}/"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char *metadata =
            trial_format("{\"issuer\":\"%s\",\"jwks_uri\":\"https://login.microsoftonline.com/keys\"}", wrong[i]);
        at.metadata = metadata;
        cloud_start(&at);
        assert_int_equal(cloud_refresh(&at), ASSAY_E_METADATA_ISSUER);
        assert_int_equal(try_kid("k"), ASSAY_E_KEYS_UNAVAILABLE);
        assert_int_equal(at.key_fetches, 0);
        assay_validator_unref(at.canned.validator);
        at.canned.validator = NULL;
        free(metadata);
    }
    /* Should it change later, the keys stay as they are. */
    at.metadata = CLOUD_METADATA;
    start_warm();
    serve("new", NAME);
    at.metadata = "{\"issuer\":\"" ENTRA_V2(TENANT_B) "\",\"jwks_uri\":\"https://login.microsoftonline.com/keys\"}";
    canned_advance(&at.canned, 25 * HOUR / 2);
    assert_int_equal(cloud_refresh(&at), ASSAY_OK); /* the metadata lives for a day */
    canned_advance(&at.canned, 25 * HOUR / 2);
    assert_int_equal(cloud_refresh(&at), ASSAY_E_METADATA_ISSUER);
    assert_int_equal(try_kid("new"), ASSAY_OK);
}

/* The keys of a known cloud lie on its own hosts, unless the host says otherwise. */
static void k19_keys_on_another_host(void **state)
{
    (void)state;
    static const char *const wrong[] = {"https://login.microsoftonline.us/keys", "https://evil.example/keys",
                                        "http://login.microsoftonline.com/keys",
                                        "https://login.microsoftonline.com.evil.example/keys"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char *metadata = trial_format("{\"issuer\":\"" NAME "\",\"jwks_uri\":\"%s\"}", wrong[i]);
        at.metadata = metadata;
        cloud_start(&at);
        assert_int_equal(cloud_refresh(&at), ASSAY_E_JWKS_URI);
        assert_int_equal(at.key_fetches, 0);
        assay_validator_unref(at.canned.validator);
        at.canned.validator = NULL;
        free(metadata);
    }
    at.metadata = "{\"issuer\":\"" NAME "\",\"jwks_uri\":\"https://keys.example/keys\"}";
    must_ok(assay_issuer_add_jwks_host(at.canned.issuer, "keys.example", NULL));
    start_warm();
}

static void k20_k21_k22_which_key(void **state)
{
    (void)state;
    /* One kid and pair of keys, published for personal accounts and for everybody: each token finds the entry that may sign it. */
    cloud_serve(&at, cloud_set(cloud_jwk(&at, "k", ENTRA_V2(TENANT_CONSUMERS), CLOUD_INSTANCE),
                               cloud_jwk(&at, "k", NAME, CLOUD_INSTANCE)));
    start_warm();
    assert_int_equal(try_kid("K"), ASSAY_E_KEY_UNKNOWN);
    assert_int_equal(at.key_fetches, 2);
    /* Entra always names the key; a token that does not is refused though one key would fit. */
    serve("k", NAME);
    assert_int_equal(cloud_refresh(&at), ASSAY_OK);
    char *payload = cloud_payload(&at, TENANT_A, 2);
    char *token = mint_sign(at.canned.key, "ES256", "{\"alg\":\"ES256\",\"typ\":\"JWT\"}", payload);
    assert_int_equal(cloud_try(&at, token), ASSAY_E_KID_MISSING);
    assert_int_equal(at.key_fetches, 3);
    free(payload);
}

/* 48 hours of fetches that succeed. */
static void k30_retained_for_two_days(void **state)
{
    (void)state;
    start_warm();
    serve("new", NAME);
    for (int hours = 0; hours <= 48; hours++) {
        canned_advance(&at.canned, HOUR);
        cloud_keep_fresh(&at);
        assert_int_equal(try_kid("k"), hours < 48 ? ASSAY_OK : ASSAY_E_KEY_UNKNOWN);
        assert_int_equal(try_kid("new"), ASSAY_OK);
    }
}

/* By the name of the issuer, which no token bears; for every tenant, and whatever is fetched later. */
static void k31_purge_by_the_template(void **state)
{
    (void)state;
    start_warm();
    must_fail(assay_validator_purge(at.canned.validator, ENTRA_V2(TENANT_A), "k", &error), ASSAY_E_NOT_CONFIGURED);
    must_ok(assay_validator_purge(at.canned.validator, NAME, "k", NULL));
    assert_int_equal(try_kid("k"), ASSAY_E_KEYS_UNAVAILABLE); /* the only one: what is fetched is buried */
    mint_key *other = mint_key_new("ES256", "other");
    cloud_serve(&at,
                cloud_set(entra_jwk(other, "other", NAME, CLOUD_INSTANCE), cloud_jwk(&at, "k", NAME, CLOUD_INSTANCE)));
    mint_key_free(other);
    canned_advance(&at.canned, HOUR);
    assert_int_equal(cloud_refresh(&at), ASSAY_OK);
    assert_int_equal(try_kid("k"), ASSAY_E_KEY_UNKNOWN);
    assert_int_equal(cloud_try(&at, cloud_token(&at, TENANT_B, 1, "k")), ASSAY_E_KEY_UNKNOWN);
    assert_int_equal(try_kid("other"), ASSAY_E_SIGNATURE);
}

/* What is said of a key now counts at once, though a key that is gone altogether stays for 48 h. */
static void narrowed_key_does_not_sign_on(void **state)
{
    (void)state;
    start_warm();
    serve("k", ENTRA_V2(TENANT_CONSUMERS));
    assert_int_equal(cloud_refresh(&at), ASSAY_OK);
    assert_int_equal(try_kid("k"), ASSAY_E_KEY_ISSUER);
    cloud_serve(&at, cloud_set(cloud_jwk(&at, "k", NAME, "microsoftonline.us"), NULL));
    assert_int_equal(cloud_refresh(&at), ASSAY_OK);
    assert_int_equal(try_kid("k"), ASSAY_E_KEY_CLOUD);
    serve("other", NAME); /* and it stays what it was last */
    assert_int_equal(cloud_refresh(&at), ASSAY_OK);
    assert_int_equal(try_kid("k"), ASSAY_E_KEY_CLOUD);
    serve("k", NAME);
    assert_int_equal(cloud_refresh(&at), ASSAY_OK);
    assert_int_equal(try_kid("k"), ASSAY_OK);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_cloud, close_cloud)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(k11_one_fetch_brings_a_new_key_for_all_tenants_and_versions),
        CASE(k17_k18_issuer_of_the_metadata),
        CASE(k19_keys_on_another_host),
        CASE(k20_k21_k22_which_key),
        CASE(k30_retained_for_two_days),
        CASE(k31_purge_by_the_template),
        CASE(narrowed_key_does_not_sign_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
