/* SPDX-License-Identifier: MIT */
/* Arguments of the setters of runtime, issuer, key set and validator: each bad one has its code, and leaves the object as it was. */
#include "support/trial.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static void issuer_texts(void **state)
{
    (void)state;
    char *longest = trial_repeat("x", 2048), *longer = trial_repeat("x", 2049);
    assay_issuer *issuer = NULL;
    must_fail(assay_issuer_new(NULL, &issuer, &error), ASSAY_E_CONFIG_ISSUER);
    must_fail(assay_issuer_new("", &issuer, &error), ASSAY_E_CONFIG_ISSUER);
    must_fail(assay_issuer_new("\xff", &issuer, &error), ASSAY_E_CONFIG_ISSUER);
    must_fail(assay_issuer_new(longer, &issuer, &error), ASSAY_E_CONFIG_ISSUER);
    must_fail(assay_issuer_new("x", NULL, &error), ASSAY_E_ARGUMENT);
    assert_null(issuer);
    must_ok(assay_issuer_new(longest, &issuer, NULL));
    static const struct {
        int (*set)(assay_issuer *, const char *, assay_error **);
        int code;
    } rows[] = {
        {assay_issuer_add_audience, ASSAY_E_CONFIG_AUDIENCE}, {assay_issuer_set_client_id, ASSAY_E_ARGUMENT},
        {assay_issuer_set_subject, ASSAY_E_ARGUMENT},         {assay_issuer_add_algorithm, ASSAY_E_CONFIG_ALGORITHM},
        {assay_issuer_set_profile, ASSAY_E_CONFIG_PROFILE},   {assay_issuer_require_claim, ASSAY_E_CONFIG_CLAIM},
        {assay_issuer_set_discovery_url, ASSAY_E_CONFIG_URL}, {assay_issuer_set_jwks_uri, ASSAY_E_CONFIG_URL},
        {assay_issuer_add_jwks_host, ASSAY_E_CONFIG_URL},     {assay_issuer_set_bearer_file, ASSAY_E_CONFIG},
    };
    const char *const bad[] = {NULL, "", "\xff", longer};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        must_fail(rows[i].set(NULL, "/x", &error), ASSAY_E_ARGUMENT);
        for (size_t b = 0; b < COUNT_OF(bad); b++)
            must_fail(rows[i].set(issuer, bad[b], &error), rows[i].code);
        assert_int_equal(rows[i].set(issuer, NULL, NULL), rows[i].code);
    }
    for (size_t i = 0; i < 3; i++)
        must_ok(rows[i].set(issuer, longest, NULL));
    assay_issuer_free(issuer);
    assay_issuer_free(NULL);
    free(longest);
    free(longer);
}

static int take_keys(assay_issuer *issuer, const char *url, assay_error **error)
{
    static const char jwk[] = "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"a\","
                              "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}";
    (void)url;
    assay_keyset *keys = NULL;
    must_ok(assay_keyset_new(NULL, &keys, NULL));
    must_ok(assay_keyset_add_json(keys, jwk, strlen(jwk), NULL));
    int code = assay_issuer_set_keys(issuer, keys, error);
    assay_keyset_unref(keys);
    return code;
}

static int take_oauth(assay_issuer *issuer, const char *url, assay_error **error)
{
    (void)url;
    return assay_issuer_use_oauth_discovery(issuer, error);
}

/* The same again replaces; another one is refused. */
static void one_source_of_keys(void **state)
{
    (void)state;
    static int (*const sources[])(assay_issuer *, const char *, assay_error **) = {
        take_oauth, assay_issuer_set_discovery_url, assay_issuer_set_jwks_uri, take_keys};
    for (size_t first = 0; first < COUNT_OF(sources); first++) {
        assay_issuer *issuer = NULL;
        must_ok(assay_issuer_new("https://a.example", &issuer, NULL));
        must_ok(sources[first](issuer, "https://a.example/1", NULL));
        for (size_t second = 0; second < COUNT_OF(sources); second++) {
            if (second != first)
                must_fail(sources[second](issuer, "https://a.example/2", &error), ASSAY_E_CONFIG);
        }
        must_ok(sources[first](issuer, "https://a.example/3", NULL));
        assay_issuer_free(issuer);
    }
    /* One that was refused is not there. */
    assay_issuer *issuer = NULL;
    must_ok(assay_issuer_new("https://a.example", &issuer, NULL));
    must_fail(assay_issuer_set_jwks_uri(issuer, "x", &error), ASSAY_E_CONFIG_URL);
    must_ok(assay_issuer_set_discovery_url(issuer, "https://a.example/1", NULL));
    assay_issuer_free(issuer);
}

static void issuer_numbers(void **state)
{
    (void)state;
    static const struct {
        int (*set)(assay_issuer *, int64_t, assay_error **);
        int64_t least, most;
    } rows[] = {{assay_issuer_set_leeway, 0, 300},
                {assay_issuer_set_max_lifetime, 1, 315360000},
                {assay_issuer_set_key_retention, 0, 604800},
                {assay_issuer_set_key_hard_limit, 300, 2592000}};
    assay_issuer *issuer = NULL;
    must_ok(assay_issuer_new("x", &issuer, NULL));
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        must_fail(rows[i].set(NULL, rows[i].least, &error), ASSAY_E_ARGUMENT);
        must_fail(rows[i].set(issuer, rows[i].least - 1, &error), ASSAY_E_CONFIG_TIME);
        must_ok(rows[i].set(issuer, rows[i].least, NULL));
        must_ok(rows[i].set(issuer, rows[i].least + 1, NULL));
        must_ok(rows[i].set(issuer, rows[i].most - 1, NULL));
        must_ok(rows[i].set(issuer, rows[i].most, NULL));
        must_fail(rows[i].set(issuer, rows[i].most + 1, &error), ASSAY_E_CONFIG_TIME);
        must_fail(rows[i].set(issuer, INT64_MAX, &error), ASSAY_E_CONFIG_TIME);
        must_fail(rows[i].set(issuer, INT64_MIN, &error), ASSAY_E_CONFIG_TIME);
    }
    must_fail(assay_issuer_use_oauth_discovery(NULL, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_issuer_allow_loopback_http(NULL, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_issuer_set_keys(issuer, NULL, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_issuer_require_text(NULL, "/a", "b", &error), ASSAY_E_ARGUMENT);
    must_fail(assay_issuer_require_contains(NULL, "/a", "b", &error), ASSAY_E_ARGUMENT);
    must_fail(assay_issuer_require_text(issuer, "/a", NULL, &error), ASSAY_E_CONFIG_CLAIM);
    must_fail(assay_issuer_require_text(issuer, "a", "b", &error), ASSAY_E_CONFIG_CLAIM);
    must_fail(assay_issuer_require_contains(issuer, "/a", "", &error), ASSAY_E_CONFIG_CLAIM);
    assay_issuer_free(issuer);
}

static int destroyed;

static void count_destroyed(void *data)
{
    (void)data;
    destroyed++;
}

static int64_t clock_of(void *data)
{
    (void)data;
    return 1;
}

static void log_nothing(void *data, int level, const char *text, size_t len)
{
    (void)data;
    (void)level;
    (void)text;
    (void)len;
}

static void runtime_setters(void **state)
{
    (void)state;
    assay_runtime *runtime = NULL;
    must_fail(assay_runtime_new(NULL, &error), ASSAY_E_ARGUMENT);
    must_ok(assay_runtime_new(&runtime, NULL));
    must_fail(assay_runtime_set_ca_file(runtime, NULL, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_runtime_set_ca_file(NULL, "/x", &error), ASSAY_E_ARGUMENT);
    must_fail(assay_runtime_set_ca_file(runtime, "/nonexistent/ca.pem", &error), ASSAY_E_CONFIG_CA);
    must_fail(assay_runtime_set_ca_file(runtime, "/", &error), ASSAY_E_CONFIG_CA);
    must_fail(assay_runtime_set_ca_file(runtime, "/dev/null", &error), ASSAY_E_CONFIG_CA);
    must_fail(assay_runtime_set_ca_file(runtime, "/dev/zero", &error), ASSAY_E_CONFIG_CA);
    char path[] = "/tmp/assay-fifo-XXXXXX";
    close(mkstemp(path));
    (void)unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0); /* nobody writes: it must not hang */
    must_fail(assay_runtime_set_ca_file(runtime, path, &error), ASSAY_E_CONFIG_CA);
    (void)unlink(path);
    must_fail(assay_runtime_set_ca_pem(runtime, NULL, 0, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_runtime_set_ca_pem(runtime, "", 0, &error), ASSAY_E_CONFIG_CA);
    must_fail(
        assay_runtime_set_ca_pem(runtime, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", 59, &error),
        ASSAY_E_CONFIG_CA);
    static const char *const proxies[] = {"",           "proxy",      "proxy:3128",     "socks5://p:1",
                                          "ftp://p",    "http://",    "http://u:p@p",   "http://p/x",
                                          "http://p?x", "http://p#x", "http://p:99999", "http://p \n"};
    for (size_t i = 0; i < COUNT_OF(proxies); i++)
        must_fail(assay_runtime_set_proxy(runtime, proxies[i], &error), ASSAY_E_CONFIG_URL);
    must_ok(assay_runtime_set_proxy(runtime, "http://p:3128", NULL));
    must_ok(assay_runtime_set_proxy(runtime, "https://p/", NULL));
    must_ok(assay_runtime_set_proxy(runtime, NULL, NULL));
    must_ok(assay_runtime_set_no_proxy(runtime, "a,b", NULL));
    must_ok(assay_runtime_set_no_proxy(runtime, NULL, NULL));
    static const int64_t bad[] = {99, 60001, 0, -1, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        must_fail(assay_runtime_set_fetch_timeout(runtime, bad[i], &error), ASSAY_E_CONFIG_TIME);
    must_ok(assay_runtime_set_fetch_timeout(runtime, 100, NULL));
    must_ok(assay_runtime_set_fetch_timeout(runtime, 60000, NULL));
    /* What was handed over is released exactly once, also where it was not taken. */
    must_fail(assay_runtime_set_clock(runtime, NULL, clock_of, NULL, count_destroyed, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_runtime_set_clock(runtime, clock_of, NULL, NULL, count_destroyed, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_runtime_set_clock(NULL, clock_of, clock_of, NULL, count_destroyed, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_runtime_set_log(runtime, ASSAY_LOG_INFO, NULL, NULL, count_destroyed, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_runtime_set_log(runtime, -1, log_nothing, NULL, count_destroyed, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_runtime_set_log(runtime, 4, log_nothing, NULL, count_destroyed, &error), ASSAY_E_ARGUMENT);
    assert_int_equal(destroyed, 6);
    must_ok(assay_runtime_set_clock(runtime, clock_of, clock_of, NULL, count_destroyed, NULL));
    must_ok(assay_runtime_set_log(runtime, ASSAY_LOG_DEBUG, log_nothing, NULL, count_destroyed, NULL));
    assert_int_equal(destroyed, 6);
    must_ok(assay_runtime_set_clock(runtime, clock_of, clock_of, NULL, count_destroyed, NULL));
    assert_int_equal(destroyed, 7);
    assay_keyset *keys = NULL;
    must_ok(assay_keyset_new(runtime, &keys, NULL));
    must_fail(assay_runtime_set_log(runtime, ASSAY_LOG_DEBUG, log_nothing, NULL, count_destroyed, &error),
              ASSAY_E_FROZEN);
    must_fail(assay_runtime_set_clock(runtime, clock_of, clock_of, NULL, count_destroyed, &error), ASSAY_E_FROZEN);
    assert_int_equal(destroyed, 9);
    must_fail(assay_runtime_set_ca_file(runtime, "/x", &error), ASSAY_E_FROZEN);
    must_fail(assay_runtime_set_ca_pem(runtime, "x", 1, &error), ASSAY_E_FROZEN);
    must_fail(assay_runtime_set_proxy(runtime, NULL, &error), ASSAY_E_FROZEN);
    must_fail(assay_runtime_set_no_proxy(runtime, NULL, &error), ASSAY_E_FROZEN);
    must_fail(assay_runtime_use_environment_proxy(runtime, &error), ASSAY_E_FROZEN);
    must_fail(assay_runtime_set_openssl_properties(runtime, NULL, &error), ASSAY_E_FROZEN);
    assay_keyset_unref(keys);
    assay_runtime_unref(runtime);
    assert_int_equal(destroyed, 11);
    assert_null(assay_runtime_ref(NULL));
    assay_runtime_unref(NULL);
}

static void openssl_properties(void **state)
{
    (void)state;
    assay_runtime *runtime = NULL;
    assay_keyset *keys = NULL;
    must_ok(assay_runtime_new(&runtime, NULL));
    must_ok(assay_runtime_set_openssl_properties(runtime, "provider=none-such", NULL));
    must_fail(assay_keyset_new(runtime, &keys, &error), ASSAY_E_CRYPTO);
    assert_null(keys);
    must_ok(assay_runtime_set_openssl_properties(runtime, "provider=default", NULL));
    must_ok(assay_keyset_new(runtime, &keys, NULL));
    assay_keyset_unref(keys);
    assay_runtime_unref(runtime);
}

static void keyset_arguments(void **state)
{
    (void)state;
    static const uint8_t secret[32] = {1};
    assay_keyset *keys = NULL;
    must_fail(assay_keyset_new(NULL, NULL, &error), ASSAY_E_ARGUMENT);
    must_ok(assay_keyset_new(NULL, &keys, NULL));
    must_fail(assay_keyset_add_json(NULL, "{}", 2, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_keyset_add_json(keys, NULL, 2, &error), ASSAY_E_ARGUMENT);
    static const char *const bad[] = {
        "", "{}", "[]", "null", "{\"keys\":{}}", "{\"keys\":null}", "{\"keys\":[", "{\"keys\":[],\"keys\":[]}", "x"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        must_fail(assay_keyset_add_json(keys, bad[i], strlen(bad[i]), &error), ASSAY_E_CONFIG_KEYS);
    must_ok(assay_keyset_add_json(keys, "{\"keys\":[1,null,\"x\",{}]}", 24, NULL));
    assert_int_equal(assay_keyset_count(keys), 0);
    assert_int_equal(assay_keyset_skipped_count(keys), 4);
    must_fail(assay_keyset_add_symmetric(NULL, NULL, "HS256", secret, 32, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_keyset_add_symmetric(keys, NULL, NULL, secret, 32, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_keyset_add_symmetric(keys, NULL, "none", secret, 32, &error), ASSAY_E_CONFIG_ALGORITHM);
    char *longest = trial_repeat("k", 1024), *longer = trial_repeat("k", 1025);
    must_fail(assay_keyset_add_symmetric(keys, longer, "HS256", secret, 32, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_keyset_add_symmetric(keys, "\xff", "HS256", secret, 32, &error), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_keyset_count(keys), 0);
    assay_keyset *other = NULL;
    must_ok(assay_keyset_new(NULL, &other, NULL));
    must_ok(assay_keyset_add_symmetric(other, longest, "HS256", secret, 32, NULL));
    assay_keyset_unref(other);
    free(longest);
    free(longer);
    must_ok(assay_keyset_add_symmetric(keys, NULL, "HS256", secret, 32, NULL));
    assert_string_equal(assay_keyset_kid(keys, 0), "");
    assert_string_equal(assay_keyset_kind(keys, 0), "oct 256");
    assert_string_equal(assay_keyset_thumbprint(keys, 0), ""); /* a secret is not shown */
    assert_null(assay_keyset_kid(keys, 1));
    assert_null(assay_keyset_kind(keys, SIZE_MAX));
    assert_null(assay_keyset_thumbprint(keys, 1));
    assert_null(assay_keyset_skip_reason(keys, 4));
    assert_int_equal(assay_keyset_count(NULL), 0);
    assert_int_equal(assay_keyset_skipped_count(NULL), 0);
    assert_null(assay_keyset_kid(NULL, 0));
    assert_ptr_equal(assay_keyset_ref(keys), keys);
    assay_keyset_unref(keys);
    assay_keyset_unref(keys);
    assay_keyset_unref(NULL);
}

static void validator_arguments(void **state)
{
    (void)state;
    trial t;
    trial_open(&t, "ES256");
    assay_validator *validator = NULL;
    assay_issuer *pair[] = {t.issuer, NULL};
    must_fail(assay_validator_new(NULL, &t.issuer, 1, NULL, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_validator_new(NULL, NULL, 1, &validator, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_validator_new(NULL, pair, 2, &validator, &error), ASSAY_E_ARGUMENT);
    pair[1] = t.issuer;
    must_fail(assay_validator_new(NULL, pair, 2, &validator, &error), ASSAY_E_CONFIG_ISSUER);
    trial_start(&t);
    validator = t.validator;
    assay_claims *claims = NULL;
    char *token = trial_sign(&t, TRIAL_CLAIMS(""));
    size_t len = strlen(token);
    must_fail(assay_validator_check(NULL, token, len, NULL, &claims, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_validator_check(validator, NULL, len, NULL, &claims, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_validator_check(validator, token, len, NULL, NULL, &error), ASSAY_E_ARGUMENT);
    static const int64_t timeouts[] = {-1, 600001, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < COUNT_OF(timeouts); i++) {
        must_fail(assay_validator_validate(validator, token, len, NULL, timeouts[i], &claims, &error),
                  ASSAY_E_ARGUMENT);
        must_fail(assay_validator_warm_up(validator, timeouts[i], &error), ASSAY_E_ARGUMENT);
        must_fail(assay_validator_refresh(validator, NULL, timeouts[i], &error), ASSAY_E_ARGUMENT);
    }
    must_ok(assay_validator_validate(validator, token, len, NULL, 600000, &claims, NULL));
    assay_claims_unref(claims);
    must_ok(assay_validator_warm_up(validator, 0, NULL));
    must_ok(assay_validator_ready(validator, NULL));
    must_fail(assay_validator_ready(NULL, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_validator_refresh(validator, "https://other.example", 0, &error), ASSAY_E_NOT_CONFIGURED);
    must_fail(assay_validator_purge(validator, "https://other.example", NULL, &error), ASSAY_E_NOT_CONFIGURED);
    must_fail(assay_validator_purge(validator, NULL, NULL, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_validator_purge(validator, TRIAL_ISSUER, "other", &error), ASSAY_E_KEY_UNKNOWN);
    must_fail(assay_validator_push_keys(validator, TRIAL_ISSUER, NULL, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_validator_push_keys(validator, "other", t.keys, &error), ASSAY_E_NOT_CONFIGURED);
    assay_keyset *empty = NULL;
    must_ok(assay_keyset_new(NULL, &empty, NULL));
    must_fail(assay_validator_push_keys(validator, TRIAL_ISSUER, empty, &error), ASSAY_E_CONFIG_KEYS);
    assay_keyset_unref(empty);
    uint64_t value = 1;
    assert_int_equal(assay_validator_get_stat(validator, NULL, 10, &value), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_validator_get_stat(validator, NULL, -1, &value), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_validator_get_stat(validator, NULL, 0, NULL), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_validator_get_stat(NULL, NULL, 0, &value), ASSAY_E_ARGUMENT);
    assert_int_equal(assay_validator_get_stat(validator, TRIAL_ISSUER, ASSAY_STAT_KEYS_SERVED, &value), ASSAY_OK);
    assert_int_equal(value, 1);
    uint8_t *json = NULL;
    must_fail(assay_validator_describe(validator, "other", &json, &len, &error), ASSAY_E_NOT_CONFIGURED);
    must_fail(assay_validator_describe(validator, NULL, &json, &len, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_validator_describe(validator, TRIAL_ISSUER, NULL, &len, &error), ASSAY_E_ARGUMENT);
    must_ok(assay_validator_describe(validator, TRIAL_ISSUER, &json, &len, NULL));
    assert_int_equal(strlen((const char *)json), len);
    assay_bytes_free(json, len);
    assert_ptr_equal(assay_validator_ref(validator), validator);
    assay_validator_unref(validator);
    assay_validator_unref(NULL);
    free(token);
    trial_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(issuer_texts),        cmocka_unit_test(one_source_of_keys), cmocka_unit_test(issuer_numbers),
        cmocka_unit_test(runtime_setters),     cmocka_unit_test(openssl_properties), cmocka_unit_test(keyset_arguments),
        cmocka_unit_test(validator_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
