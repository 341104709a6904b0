/* SPDX-License-Identifier: MIT */
/* Several issuers in one validator: keys of one are never the other's (M04), and ten thousand tenants cost what they must. */
#include "support/entra_trial.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MANY = 10000 };

static int64_t wall(void *data)
{
    (void)data;
    return TRIAL_NOW;
}

static int64_t steady(void *data)
{
    (void)data;
    return (int64_t)TRIAL_NOW * 1000;
}

static assay_runtime *make_runtime(void)
{
    assay_runtime *runtime;
    must_ok(assay_runtime_new(&runtime, NULL));
    must_ok(assay_runtime_set_clock(runtime, wall, steady, NULL, NULL, NULL));
    return runtime;
}

/* A set of one key of kid "k", as Entra serves them; generic issuers don't look at what it says beside. */
static assay_keyset *set_of(const mint_key *key)
{
    assay_keyset *set;
    char *jwk = entra_jwk(key, "k", ENTRA_V2("{tenantid}"), "microsoftonline.com");
    must_ok(assay_keyset_new(NULL, &set, NULL));
    must_ok(assay_keyset_add_json(set, jwk, strlen(jwk), NULL));
    free(jwk);
    return set;
}

/* Takes the issuer as it is and gives it what all have here. */
static assay_issuer *with_keys(assay_issuer *issuer, const char *audience, assay_keyset *keys)
{
    must_ok(assay_issuer_add_audience(issuer, audience, NULL));
    must_ok(assay_issuer_add_algorithm(issuer, "ES256", NULL));
    must_ok(assay_issuer_set_keys(issuer, keys, NULL));
    return issuer;
}

static int check(assay_validator *validator, const char *token)
{
    assay_claims *claims;
    int code = assay_validator_check(validator, token, strlen(token), NULL, &claims, NULL);
    assert_int_equal(claims != NULL, code == ASSAY_OK);
    assay_claims_unref(claims);
    return code;
}

static int check_signed(assay_validator *validator, const mint_key *key, const char *payload)
{
    char *token = mint_token(key, payload);
    int code = check(validator, token);
    free(token);
    return code;
}

/* M04 */
static void m04_one_kid_in_several_issuers(void **state)
{
    (void)state;
    static const char *const payloads[] = {ENTRA_CLAIMS_V2(TENANT_A, ENTRA_USER_V2),
                                           ENTRA_CLAIMS_V1(TENANT_A, ENTRA_USER_V1), TRIAL_CLAIMS(""),
                                           ENTRA_CLAIMS_V2(TENANT_B, ENTRA_USER_V2)};
    static const size_t whose[] = {0, 0, 1, 2}; /* key of each payload's issuer */
    assay_runtime *runtime = make_runtime();
    assay_issuer *issuers[3];
    mint_key *keys[3];
    assay_keyset *sets[3];
    assay_validator *validator;
    for (size_t i = 0; i < 3; i++) {
        keys[i] = mint_key_new("ES256", "k");
        sets[i] = set_of(keys[i]);
    }
    must_ok(assay_issuer_entra_new(NULL, &issuers[0], NULL));
    must_ok(assay_issuer_entra_add_tenant(issuers[0], TENANT_A, NULL));
    must_ok(assay_issuer_new(TRIAL_ISSUER, &issuers[1], NULL));
    must_ok(assay_issuer_entra_new(NULL, &issuers[2], NULL)); /* of the same cloud, another tenant */
    must_ok(assay_issuer_entra_add_tenant(issuers[2], TENANT_B, NULL));
    for (size_t i = 0; i < 3; i++)
        (void)with_keys(issuers[i], i == 1 ? TRIAL_AUDIENCE : ENTRA_CLIENT, sets[i]);
    must_ok(assay_validator_new(runtime, issuers, 3, &validator, NULL));
    for (size_t payload = 0; payload < 4; payload++)
        for (size_t key = 0; key < 3; key++)
            assert_int_equal(check_signed(validator, keys[key], payloads[payload]),
                             key == whose[payload] ? ASSAY_OK : ASSAY_E_SIGNATURE);
    /* A purge is of one issuer. */
    must_ok(assay_validator_purge(validator, TRIAL_ISSUER, "k", NULL));
    assert_int_equal(check_signed(validator, keys[1], payloads[2]), ASSAY_E_KEY_UNKNOWN);
    assert_int_equal(check_signed(validator, keys[0], payloads[0]), ASSAY_OK);
    assay_validator_unref(validator);
    for (size_t i = 0; i < 3; i++) {
        assay_issuer_free(issuers[i]);
        assay_keyset_unref(sets[i]);
        mint_key_free(keys[i]);
    }
    assay_runtime_unref(runtime);
}

static void name_tenant(unsigned number, char tenant[40])
{
    (void)snprintf(tenant, 40, "%08x-1111-4222-8333-%012x", number * 2654435761u, number);
}

static char *payload_of(unsigned number)
{
    char tenant[40];
    name_tenant(number, tenant);
    bool old = number % 2 == 1;
    return trial_format("{\"iss\":\"https://%s/%s%s\",\"aud\":\"" ENTRA_CLIENT "\",\"tid\":\"%s\",\"ver\":\"%s\","
                        "\"oid\":\"" ENTRA_OID "\"," ENTRA_TIMES "%s}",
                        old ? "sts.windows.net" : "login.microsoftonline.com", tenant, old ? "/" : "/v2.0", tenant,
                        old ? "1.0" : "2.0", old ? ENTRA_USER_V1 : ENTRA_USER_V2);
}

/* Each tenant's token is accepted, and nobody else's. */
static void must_answer_all(assay_validator *validator, const mint_key *key)
{
    for (unsigned i = 0; i < MANY; i++) {
        char *payload = payload_of(i);
        assert_int_equal(check_signed(validator, key, payload), ASSAY_OK);
        free(payload);
    }
    for (unsigned i = MANY; i < MANY + 100; i++) {
        char *payload = payload_of(i);
        assert_int_equal(check_signed(validator, key, payload), ASSAY_E_TENANT);
        free(payload);
    }
}

static double real_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* Bytes; 0 under a sanitizer. */
static double used_kib(void)
{
    struct mallinfo2 info = mallinfo2();
    return (double)(info.uordblks + info.hblkhd) / 1024;
}

static assay_issuer *entra_issuer(unsigned from, unsigned count, assay_keyset *keys)
{
    assay_issuer *issuer;
    char tenant[40];
    must_ok(assay_issuer_entra_new(NULL, &issuer, NULL));
    for (unsigned i = from; i < from + count; i++) {
        name_tenant(i, tenant);
        must_ok(assay_issuer_entra_add_tenant(issuer, tenant, NULL));
    }
    return with_keys(issuer, ENTRA_CLIENT, keys);
}

/* @p count issuers that have all tenants between them. Time and memory are those of the validator, without the builders. */
static void build_and_answer(unsigned count)
{
    assay_runtime *runtime = make_runtime();
    mint_key *key = mint_key_new("ES256", "k");
    assay_keyset *keys = set_of(key);
    assay_validator *validator;
    assay_issuer **issuers = calloc(count, sizeof(assay_issuer *));
    assert_non_null(issuers);
    double built_from = real_ms();
    for (unsigned i = 0; i < count; i++)
        issuers[i] = entra_issuer(i * (MANY / count), MANY / count, keys);
    double began = real_ms(), before = used_kib();
    must_ok(assay_validator_new(runtime, issuers, count, &validator, NULL));
    double ended = real_ms(), after = used_kib();
    print_message("%u issuers of %u tenants: configured in %.1f ms, validator in %.1f ms, %.0f KiB\n", count,
                  MANY / count, began - built_from, ended - began, after - before);
    for (unsigned i = 0; i < count; i++)
        assay_issuer_free(issuers[i]);
    free(issuers);
    must_answer_all(validator, key);
    assay_validator_unref(validator);
    assay_keyset_unref(keys);
    mint_key_free(key);
    assay_runtime_unref(runtime);
}

static void ten_thousand_tenants_of_one_issuer(void **state)
{
    (void)state;
    build_and_answer(1);
}

static void ten_thousand_issuers_of_one_tenant(void **state)
{
    (void)state;
    build_and_answer(MANY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(m04_one_kid_in_several_issuers),
        cmocka_unit_test(ten_thousand_tenants_of_one_issuer),
        cmocka_unit_test(ten_thousand_issuers_of_one_tenant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
