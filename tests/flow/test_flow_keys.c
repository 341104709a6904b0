/* SPDX-License-Identifier: MIT */
/* The keys of a running issuer over TLS: discovery, rotation, faults, retention, purge. Fetches are counted at the server. */
#include "support/scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WAIT 5000

static scene at;

static void rotate(const char *request)
{
    char *answer = NULL;
    assert_int_equal(dev_issuer_rotate(at.issuer, request, &answer), 0);
    free(answer);
}

static void fault(const char *target, const char *kind, int64_t value, int64_t count)
{
    assert_int_equal(dev_issuer_fault(at.issuer, target, kind, value, count), 0);
}

static void assert_fetches(int64_t metadata, int64_t jwks)
{
    assert_int_equal(scene_requests(&at, "metadata"), metadata);
    assert_int_equal(scene_requests(&at, "jwks"), jwks);
}

static void cold_check_says_keys_needed_and_fetches_nothing(void **state)
{
    (void)state;
    scene_validator(&at);
    assert_int_equal(assay_validator_ready(at.validator, NULL), ASSAY_E_KEYS_UNAVAILABLE);
    assert_int_equal(scene_try(&at, "{}", 0), ASSAY_E_KEYS_NEEDED);
    assert_fetches(0, 0);
    assert_int_equal(assay_validator_warm_up(at.validator, WAIT, NULL), ASSAY_OK);
    assert_int_equal(assay_validator_ready(at.validator, NULL), ASSAY_OK);
    assert_int_equal(scene_try(&at, "{}", 0), ASSAY_OK);
    assert_int_equal(scene_try(&at, "{\"algorithm\":\"ES256\"}", 0), ASSAY_OK);
    assert_fetches(1, 1);
    /* Warm already: nothing more. */
    assert_int_equal(assay_validator_warm_up(at.validator, WAIT, NULL), ASSAY_OK);
    assert_fetches(1, 1);
}

static void discovery_by_path_and_by_rfc8414(void **state)
{
    (void)state;
    scene oauth;
    scene_open(&oauth, "/tenant/v2.0");
    assert_int_equal(assay_issuer_use_oauth_discovery(oauth.configuration, NULL), ASSAY_OK);
    scene_validator(&oauth);
    assert_int_equal(scene_try(&oauth, "{}", WAIT), ASSAY_OK);
    scene_close(&oauth);

    scene_open(&oauth, "/tenant/v2.0");
    scene_validator(&oauth);
    assert_int_equal(scene_try(&oauth, "{}", WAIT), ASSAY_OK);
    scene_close(&oauth);
}

static void jwks_uri_given_directly(void **state)
{
    (void)state;
    char url[200];
    snprintf(url, sizeof url, "%s/jwks", dev_issuer_base(at.issuer));
    assert_int_equal(assay_issuer_set_jwks_uri(at.configuration, url, NULL), ASSAY_OK);
    scene_validator(&at);
    assert_int_equal(scene_try(&at, "{}", WAIT), ASSAY_OK);
    assert_fetches(0, 1);
}

static void K11_unknown_kid_is_fetched_once(void **state)
{
    (void)state;
    scene_validator(&at);
    assert_int_equal(scene_try(&at, "{}", WAIT), ASSAY_OK);
    rotate("{\"algorithm\":\"RS256\"}");
    assert_int_equal(scene_try(&at, "{}", 0), ASSAY_E_KEYS_NEEDED);
    assert_int_equal(scene_try(&at, "{}", WAIT), ASSAY_OK);
    assert_fetches(1, 2);
    assert_int_equal(scene_stat(&at, ASSAY_STAT_UNKNOWN_KID_FETCHES), 1);
}

static void K15_refresh_fails_and_keys_serve_until_the_hard_limit(void **state)
{
    (void)state;
    static const char *const kinds[] = {"status", "truncated", "reset"};
    scene_validator(&at);
    assert_int_equal(scene_try(&at, "{}", WAIT), ASSAY_OK);
    for (size_t i = 0; i < 3; i++) {
        fault("all", kinds[i], -1, -1);
        scene_advance(&at, 4000);
        assert_int_equal(scene_try(&at, "{}", WAIT), ASSAY_OK);
        assert_int_equal(scene_try(&at, "{}", 0), ASSAY_OK);
    }
    assert_true(scene_stat(&at, ASSAY_STAT_FETCH_FAILURES) >= 3);
    assert_int_equal(scene_stat(&at, ASSAY_STAT_KEYS_SERVED), 2);
    /* 12,000 s so far; the hard limit is 86,400 s after the last success. */
    scene_advance(&at, 86400 - 12000 - 60);
    assert_int_equal(scene_try(&at, "{}", 0), ASSAY_OK);
    scene_advance(&at, 120);
    char *token = scene_mint(&at, "{}");
    assay_claims *claims = NULL;
    assay_error *error = NULL;
    int code = assay_validator_validate(at.validator, token, strlen(token), NULL, WAIT, &claims, &error);
    assert_int_equal(code, ASSAY_E_KEYS_UNAVAILABLE);
    assert_int_equal(assay_error_http_status(error), 503);
    assert_true(assay_error_retry_after(error) > 0);
    assert_string_equal(assay_error_www_authenticate(error), "");
    assert_true(strlen(assay_error_message(error)) > strlen(assay_code_summary(code)));
    assay_error_free(error);
    free(token);
    assert_int_equal(assay_validator_ready(at.validator, NULL), ASSAY_E_KEYS_UNAVAILABLE);
    /* Back again: one fetch once the back-off has passed. */
    fault("all", "none", -1, -1);
    scene_advance(&at, 301);
    assert_int_equal(scene_try(&at, "{}", WAIT), ASSAY_OK);
}

/* K16, attacks 53 and 54: no bad answer replaces good keys. */
static void K16_bad_answers_keep_the_old_keys(void **state)
{
    (void)state;
    static const char *const kinds[] = {"garbage",  "truncated", "empty-keys", "html", "huge",
                                        "redirect", "deep",      "status",     "reset"};
    scene_validator(&at);
    assert_int_equal(scene_try(&at, "{}", WAIT), ASSAY_OK);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        uint64_t failures = scene_stat(&at, ASSAY_STAT_FETCH_FAILURES);
        fault("jwks", kinds[i], -1, -1);
        assay_error *error = NULL;
        int code = assay_validator_refresh(at.validator, NULL, WAIT, &error);
        print_message("K16 %s: %s: %s\n", kinds[i], assay_code_name(code), assay_error_message(error));
        assert_int_equal(assay_error_category(error), ASSAY_CATEGORY_NETWORK);
        assay_error_free(error);
        assert_true(scene_stat(&at, ASSAY_STAT_FETCH_FAILURES) > failures);
        assert_int_equal(scene_try(&at, "{}", 0), ASSAY_OK);
        fault("jwks", "none", -1, -1);
    }
    assert_int_equal(assay_validator_refresh(at.validator, NULL, WAIT, NULL), ASSAY_OK);
    assert_int_equal(scene_requests(&at, "redirected"), 0);
}

/* What a cold validator says of each fault: a network code in the explanation, 503, and never a verdict on the token. */
static void cold_faults_are_503(void **state)
{
    (void)state;
    static const struct {
        const char *target, *kind;
        int code;
    } rows[] = {
        {"metadata", "status", ASSAY_E_HTTP_STATUS}, {"metadata", "redirect", ASSAY_E_REDIRECT},
        {"metadata", "garbage", ASSAY_E_METADATA},   {"metadata", "wrong-issuer", ASSAY_E_METADATA_ISSUER},
        {"metadata", "huge", ASSAY_E_RESPONSE_SIZE}, {"metadata", "truncated", ASSAY_E_RESPONSE},
        {"jwks", "status", ASSAY_E_HTTP_STATUS},     {"jwks", "empty-keys", ASSAY_E_JWKS},
        {"jwks", "garbage", ASSAY_E_JWKS},           {"jwks", "huge", ASSAY_E_RESPONSE_SIZE},
        {"jwks", "html", ASSAY_E_RESPONSE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fault(rows[i].target, rows[i].kind, -1, -1);
        scene_validator(&at);
        assay_error *error = NULL;
        int code = assay_validator_warm_up(at.validator, WAIT, &error);
        print_message("cold %s %s: %s: %s\n", rows[i].target, rows[i].kind, assay_code_name(code),
                      assay_error_message(error));
        assert_int_equal(assay_error_category(error), ASSAY_CATEGORY_NETWORK);
        assert_int_equal(code, rows[i].code);
        assay_error_free(error);
        assert_int_equal(scene_try(&at, "{}", WAIT), ASSAY_E_KEYS_UNAVAILABLE);
        fault("all", "none", -1, -1);
        assay_validator_unref(at.validator);
        at.validator = NULL;
    }
}

static void K17_issuer_of_metadata_changes(void **state)
{
    (void)state;
    scene_validator(&at);
    assert_int_equal(scene_try(&at, "{}", WAIT), ASSAY_OK);
    scene_advance(&at, 86400 / 2);
    assert_int_equal(scene_try(&at, "{}", WAIT), ASSAY_OK);
    fault("metadata", "wrong-issuer", -1, -1);
    scene_advance(&at, 86400 / 2 + 100); /* the metadata is due again */
    assert_int_equal(assay_validator_refresh(at.validator, NULL, WAIT, NULL), ASSAY_E_METADATA_ISSUER);
    assert_int_equal(scene_try(&at, "{}", 0), ASSAY_OK); /* the old keys stand, until the hard limit */
}

static void K27_clock_jumps(void **state)
{
    (void)state;
    scene_validator(&at);
    assert_int_equal(scene_try(&at, "{}", WAIT), ASSAY_OK);
    atomic_store(&at.wall_offset, -40); /* NTP steps the wall clock; ages go by the steady one */
    assert_int_equal(scene_try(&at, "{}", WAIT), ASSAY_OK);
    atomic_store(&at.wall_offset, 40);
    assert_int_equal(scene_try(&at, "{}", WAIT), ASSAY_OK);
    assert_fetches(1, 1);
    atomic_store(&at.wall_offset, 0);
    scene_advance(&at, 30 * 86400); /* asleep for a month: one fetch, then well */
    assert_int_equal(scene_try(&at, "{}", WAIT), ASSAY_OK);
    assert_int_equal(scene_try(&at, "{}", WAIT), ASSAY_OK);
    assert_int_equal(scene_requests(&at, "jwks"), 2);
    scene_advance(&at, -30 * 86400); /* a steady clock that goes back, which it must not */
    for (int i = 0; i < 50; i++)
        assert_int_equal(scene_try(&at, "{}", WAIT), ASSAY_OK);
    assert_true(scene_requests(&at, "jwks") <= 3);
}

static void K30_retained_key_verifies(void **state)
{
    (void)state;
    scene_validator(&at);
    char *old = scene_mint(&at, "{}");
    assert_int_equal(scene_validate(&at, old, WAIT), ASSAY_OK);
    rotate("{\"algorithm\":\"RS256\",\"drop_old\":true}");
    assert_int_equal(assay_validator_refresh(at.validator, NULL, WAIT, NULL), ASSAY_OK);
    assert_true(scene_stat(&at, ASSAY_STAT_KEYS_RETAINED) >= 1);
    assert_int_equal(scene_validate(&at, old, 0), ASSAY_OK);
    assert_int_equal(scene_try(&at, "{}", 0), ASSAY_OK);
    free(old);
}

/* A token without kid, signed with a new key: that the old key does not verify it says nothing, so the keys are fetched. */
static void token_without_kid_after_a_rotation(void **state)
{
    (void)state;
    scene_validator(&at);
    assert_int_equal(scene_try(&at, "{\"header\":{\"kid\":null}}", WAIT), ASSAY_OK);
    rotate("{\"algorithm\":\"RS256\",\"drop_old\":true}");
    assert_int_equal(scene_try(&at, "{\"header\":{\"kid\":null}}", 0), ASSAY_E_KEYS_NEEDED);
    assert_int_equal(scene_try(&at, "{\"header\":{\"kid\":null}}", WAIT), ASSAY_OK);
    assert_int_equal(scene_requests(&at, "jwks"), 2);
    /* A forgery of that kind spends from the same small budget, and then nothing. */
    for (int i = 0; i < 20; i++)
        assert_int_equal(scene_try(&at, "{\"header\":{\"kid\":null},\"forge\":\"signature\"}", WAIT),
                         ASSAY_E_SIGNATURE);
    assert_int_equal(scene_requests(&at, "jwks"), 2);
}

/* Attack 57: a key that is gone is refused after its retention, at the first successful fetch. */
static void retention_ends(void **state)
{
    (void)state;
    assert_int_equal(assay_issuer_set_key_retention(at.configuration, 0, NULL), ASSAY_OK);
    scene_validator(&at);
    char *old = scene_mint(&at, "{}");
    assert_int_equal(scene_validate(&at, old, WAIT), ASSAY_OK);
    rotate("{\"algorithm\":\"RS256\",\"drop_old\":true}");
    assert_int_equal(assay_validator_refresh(at.validator, NULL, WAIT, NULL), ASSAY_OK);
    assert_int_equal(scene_validate(&at, old, WAIT), ASSAY_E_KEY_UNKNOWN);
    assert_int_equal(scene_stat(&at, ASSAY_STAT_KEYS_RETAINED), 0);
    free(old);
}

/* Attack 57: retention ends in time, whether or not anybody fetches. */
static void retention_ends_without_traffic(void **state)
{
    (void)state;
    scene_validator(&at);
    char *old = scene_mint(&at, "{\"claims\":{\"exp\":4000000000}}");
    assert_int_equal(scene_validate(&at, old, WAIT), ASSAY_OK);
    rotate("{\"algorithm\":\"RS256\",\"drop_old\":true}");
    assert_int_equal(assay_validator_refresh(at.validator, NULL, WAIT, NULL), ASSAY_OK);
    assert_int_equal(scene_validate(&at, old, 0), ASSAY_OK);
    fault("all", "status", -1, -1); /* nobody can fetch either */
    scene_advance(&at, 3590);
    assert_int_equal(scene_validate(&at, old, 0), ASSAY_OK);
    scene_advance(&at, 23 * 3600 - 3590);
    assert_int_equal(scene_validate(&at, old, 0), ASSAY_E_KEYS_NEEDED);
    assert_int_equal(scene_validate(&at, old, WAIT), ASSAY_E_KEYS_UNAVAILABLE);
    assert_int_equal(scene_try(&at, "{}", 0), ASSAY_OK);
    fault("all", "none", -1, -1);
    scene_advance(&at, 301);
    assert_int_equal(scene_validate(&at, old, WAIT), ASSAY_E_KEY_UNKNOWN);
    free(old);
}

static assay_keyset *keyset_of_issuer(void)
{
    assay_keyset *keyset = NULL;
    char *jwks = dev_issuer_jwks(at.issuer);
    assert_int_equal(assay_keyset_new(NULL, &keyset, NULL), ASSAY_OK);
    assert_int_equal(assay_keyset_add_json(keyset, jwks, strlen(jwks), NULL), ASSAY_OK);
    free(jwks);
    return keyset;
}

/* The same for keys that were given, and replaced by a push. */
static void retention_ends_for_given_keys(void **state)
{
    (void)state;
    assay_keyset *first = keyset_of_issuer();
    assert_int_equal(assay_issuer_set_keys(at.configuration, first, NULL), ASSAY_OK);
    scene_validator(&at);
    char *old = scene_mint(&at, "{\"claims\":{\"exp\":4000000000}}");
    assert_int_equal(scene_validate(&at, old, 0), ASSAY_OK);
    rotate("{\"algorithm\":\"RS256\",\"drop_old\":true}");
    assay_keyset *second = keyset_of_issuer();
    assert_int_equal(assay_validator_push_keys(at.validator, dev_issuer_url(at.issuer), second, NULL), ASSAY_OK);
    assert_int_equal(scene_validate(&at, old, 0), ASSAY_OK);
    scene_advance(&at, 3601);
    assert_int_equal(scene_validate(&at, old, 0), ASSAY_E_KEY_UNKNOWN);
    assert_int_equal(scene_validate(&at, old, WAIT), ASSAY_E_KEY_UNKNOWN);
    assert_int_equal(scene_try(&at, "{}", 0), ASSAY_OK);
    assert_fetches(0, 0);
    assay_keyset_unref(first);
    assay_keyset_unref(second);
    free(old);
}

static void K31_purge(void **state)
{
    (void)state;
    scene_validator(&at);
    char *token = scene_mint(&at, "{}");
    assay_claims *claims = NULL;
    assert_int_equal(assay_validator_validate(at.validator, token, strlen(token), NULL, WAIT, &claims, NULL), ASSAY_OK);
    char kid[200];
    snprintf(kid, sizeof kid, "%s", assay_claims_kid(claims));
    assay_claims_unref(claims);
    const char *issuer = dev_issuer_url(at.issuer);
    assert_int_equal(assay_validator_purge(at.validator, issuer, "no such kid", NULL), ASSAY_E_KEY_UNKNOWN);
    assert_int_equal(assay_validator_purge(at.validator, "https://other.test", kid, NULL), ASSAY_E_NOT_CONFIGURED);
    assert_int_equal(assay_validator_purge(at.validator, issuer, kid, NULL), ASSAY_OK);
    assert_int_equal(scene_validate(&at, token, WAIT), ASSAY_E_KEY_UNKNOWN);
    /* The issuer still serves it; it does not come back. */
    assert_int_equal(assay_validator_refresh(at.validator, issuer, WAIT, NULL), ASSAY_OK);
    assert_int_equal(scene_validate(&at, token, WAIT), ASSAY_E_KEY_UNKNOWN);
    assert_int_equal(scene_try(&at, "{\"algorithm\":\"ES256\"}", 0), ASSAY_OK);
    /* All of them; then a new key is fine. */
    assert_int_equal(assay_validator_purge(at.validator, issuer, NULL, NULL), ASSAY_OK);
    assert_int_equal(scene_try(&at, "{\"algorithm\":\"ES256\"}", 0), ASSAY_E_KEY_UNKNOWN);
    rotate("{\"algorithm\":\"RS256\"}");
    assert_int_equal(assay_validator_refresh(at.validator, issuer, WAIT, NULL), ASSAY_OK);
    assert_int_equal(scene_try(&at, "{}", 0), ASSAY_OK);
    free(token);
}

static void pushed_keys_are_merged(void **state)
{
    (void)state;
    scene_validator(&at);
    char *jwks = dev_issuer_jwks(at.issuer);
    assay_keyset *keyset = NULL;
    const char *issuer = dev_issuer_url(at.issuer);
    assert_int_equal(assay_keyset_new(NULL, &keyset, NULL), ASSAY_OK);
    assert_int_equal(assay_validator_push_keys(at.validator, issuer, keyset, NULL), ASSAY_E_CONFIG_KEYS);
    assert_int_equal(assay_keyset_add_json(keyset, jwks, strlen(jwks), NULL), ASSAY_OK);
    assert_int_equal(assay_validator_push_keys(at.validator, issuer, keyset, NULL), ASSAY_OK);
    assert_int_equal(assay_validator_ready(at.validator, NULL), ASSAY_OK);
    assert_int_equal(scene_try(&at, "{}", 0), ASSAY_OK);
    assert_fetches(0, 0);
    assay_keyset_unref(keyset);
    free(jwks);
}

static void etag_saves_the_body_and_renews(void **state)
{
    (void)state;
    scene_validator(&at);
    assert_int_equal(scene_try(&at, "{}", WAIT), ASSAY_OK);
    for (int i = 0; i < 3; i++) {
        scene_advance(&at, 3601);
        assert_int_equal(scene_try(&at, "{}", WAIT), ASSAY_OK);
    }
    assert_int_equal(scene_requests(&at, "jwks"), 4);
    assert_true(scene_stat(&at, ASSAY_STAT_NOT_MODIFIED) >= 3);
    assert_true(scene_requests(&at, "not_modified") >= 3);
    assert_int_equal(scene_stat(&at, ASSAY_STAT_FETCH_FAILURES), 0);
}

/* max-age=15 of Auth0 and 44 days of Okta both become a refresh between 5 minutes and an hour. */
static void max_age_is_bounded_on_both_sides(void **state)
{
    (void)state;
    dev_issuer_set_max_age(at.issuer, 15);
    scene_validator(&at);
    assert_int_equal(scene_try(&at, "{}", WAIT), ASSAY_OK);
    scene_advance(&at, 250);
    assert_int_equal(scene_try(&at, "{}", WAIT), ASSAY_OK);
    assert_int_equal(scene_requests(&at, "jwks"), 1);
    scene_advance(&at, 51);
    assert_int_equal(scene_try(&at, "{}", WAIT), ASSAY_OK);
    assert_int_equal(scene_requests(&at, "jwks"), 2);
    dev_issuer_set_max_age(at.issuer, 3828277);
    assert_int_equal(assay_validator_refresh(at.validator, NULL, WAIT, NULL), ASSAY_OK);
    scene_advance(&at, 3200);
    assert_int_equal(scene_try(&at, "{}", WAIT), ASSAY_OK);
    assert_int_equal(scene_requests(&at, "jwks"), 3);
    scene_advance(&at, 401);
    assert_int_equal(scene_try(&at, "{}", WAIT), ASSAY_OK);
    assert_int_equal(scene_requests(&at, "jwks"), 4);
}

static void describe_says_what_is_there(void **state)
{
    (void)state;
    uint8_t *json = NULL;
    size_t len = 0;
    scene_validator(&at);
    const char *issuer = dev_issuer_url(at.issuer);
    assert_int_equal(assay_validator_describe(at.validator, issuer, &json, &len, NULL), ASSAY_OK);
    assert_non_null(strstr((const char *)json, "\"keys\":[]"));
    assay_bytes_free(json, len);
    assert_int_equal(assay_validator_refresh(at.validator, NULL, WAIT, NULL), ASSAY_OK);
    assert_int_equal(assay_validator_describe(at.validator, issuer, &json, &len, NULL), ASSAY_OK);
    assert_non_null(strstr((const char *)json, "\"kind\":\"RSA 2048\""));
    assert_non_null(strstr((const char *)json, "\"served\":true"));
    assert_non_null(strstr((const char *)json, "/.well-known/openid-configuration"));
    assay_bytes_free(json, len);
    assert_int_equal(assay_validator_describe(at.validator, "https://other.test", &json, &len, NULL),
                     ASSAY_E_NOT_CONFIGURED);
    assert_null(json);
}

/* Attack 63: TLS that can't be verified gives no keys. */
static void tls_of_an_unknown_ca_is_refused(void **state)
{
    (void)state;
    assay_validator *other = NULL;
    assay_error *error = NULL;
    assert_int_equal(assay_validator_new(NULL, &at.configuration, 1, &other, NULL), ASSAY_OK);
    assert_int_equal(assay_validator_warm_up(other, WAIT, &error), ASSAY_E_TLS);
    print_message("unknown CA: %s\n", assay_error_message(error));
    assay_error_free(error);
    assay_validator_unref(other);
}

#define CASE(name) cmocka_unit_test_prestate_setup_teardown(name, scene_setup, scene_teardown, &at)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(cold_check_says_keys_needed_and_fetches_nothing),
        CASE(discovery_by_path_and_by_rfc8414),
        CASE(jwks_uri_given_directly),
        CASE(K11_unknown_kid_is_fetched_once),
        CASE(K15_refresh_fails_and_keys_serve_until_the_hard_limit),
        CASE(K16_bad_answers_keep_the_old_keys),
        CASE(cold_faults_are_503),
        CASE(K17_issuer_of_metadata_changes),
        CASE(K27_clock_jumps),
        CASE(K30_retained_key_verifies),
        CASE(token_without_kid_after_a_rotation),
        CASE(retention_ends),
        CASE(retention_ends_without_traffic),
        CASE(retention_ends_for_given_keys),
        CASE(K31_purge),
        CASE(pushed_keys_are_merged),
        CASE(etag_saves_the_body_and_renews),
        CASE(max_age_is_bounded_on_both_sides),
        CASE(describe_says_what_is_there),
        CASE(tls_of_an_unknown_ca_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
