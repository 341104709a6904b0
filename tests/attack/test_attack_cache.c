/* SPDX-License-Identifier: MIT */
/* Attacks 49 to 58, 64 and 65 of the catalogue: keys, their cache, and answers that would spoil it. */
#include "support/mint.h"
#include "support/scene.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAIT 5000
static const char unknown_kid[] = "{\"forge\":\"unknown-kid\"}";

static void open_warm(scene *at)
{
    scene_open(at, NULL);
    scene_validator(at);
    assert_int_equal(scene_try(at, "{}", WAIT), ASSAY_OK);
}

/* Issuers that differ by next to nothing, each with a key of its own under one kid: no key serves another's tokens. */
static void attack_49_58_keys_of_near_equal_issuers(void **state)
{
    (void)state;
    static const char *const urls[] = {
        "https://issuer.example",
        "https://issuer.example/",
        "https://Issuer.example",
        "https://issuer.example:443",
        "http://issuer.example",
        "https://issuer.example/tenant",
        "https://issuer.example/tenant/",
        "https://issuer.example/Tenant",
        "https://issuer.example/tenant?",
        "https://issuer.example.",
        "issuer.example",
        "https://issuer.example/tenan",
        "https://issuer.example/tenantt",
        "https://issuer.example/%74enant",
    };
    enum { COUNT = sizeof urls / sizeof urls[0] };
    assay_issuer *issuers[COUNT] = {NULL};
    mint_key *keys[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        assay_keyset *set = NULL;
        keys[i] = mint_key_new("ES256", "same");
        assert_int_equal(assay_issuer_new(urls[i], &issuers[i], NULL), ASSAY_OK);
        assert_int_equal(assay_issuer_add_audience(issuers[i], "a", NULL), ASSAY_OK);
        assert_int_equal(assay_keyset_new(NULL, &set, NULL), ASSAY_OK);
        assert_int_equal(assay_keyset_add_json(set, mint_key_jwk(keys[i]), strlen(mint_key_jwk(keys[i])), NULL),
                         ASSAY_OK);
        assert_int_equal(assay_issuer_set_keys(issuers[i], set, NULL), ASSAY_OK);
        assay_keyset_unref(set);
    }
    assay_validator *validator = NULL;
    assert_int_equal(assay_validator_new(NULL, issuers, COUNT, &validator, NULL), ASSAY_OK);
    for (size_t i = 0; i < COUNT; i++) {
        char payload[160];
        snprintf(payload, sizeof payload, "{\"iss\":\"%s\",\"aud\":\"a\",\"exp\":9999999999}", urls[i]);
        for (size_t j = 0; j < COUNT; j++) {
            assay_claims *claims = NULL;
            char *token = mint_token(keys[j], payload);
            int code = assay_validator_check(validator, token, strlen(token), NULL, &claims, NULL);
            assert_int_equal(code, i == j ? ASSAY_OK : ASSAY_E_SIGNATURE);
            if (code == ASSAY_OK)
                assert_string_equal(assay_claims_issuer(claims), urls[i]);
            assay_claims_unref(claims);
            free(token);
        }
    }
    for (size_t i = 0; i < COUNT; i++) {
        mint_key_free(keys[i]);
        assay_issuer_free(issuers[i]);
    }
    assay_validator_unref(validator);
}

static void attack_50_unknown_kid_flood(void **state)
{
    (void)state;
    scene at;
    open_warm(&at);
    int64_t before = scene_requests(&at, "jwks");
    for (int i = 0; i < 40; i++)
        assert_int_equal(scene_try(&at, unknown_kid, WAIT), ASSAY_E_KEY_UNKNOWN);
    assert_int_equal(scene_requests(&at, "jwks") - before, 1);
    /* None at all for a token that is refused anyhow. */
    scene_advance(&at, 31);
    before = scene_requests(&at, "jwks");
    static const char *const refused[] = {
        "{\"header\":{\"kid\":\"%d\"},\"claims\":{\"iss\":\"https://other.example\"}}",
        "{\"header\":{\"kid\":\"%d\"},\"claims\":{\"aud\":\"other\"}}",
        "{\"header\":{\"kid\":\"%d\"},\"claims\":{\"exp\":1}}",
        "{\"header\":{\"kid\":\"%d\",\"crit\":[\"x\"]}}",
        "{\"header\":{\"kid\":\"%d\",\"alg\":\"HS256\"}}",
        "{\"header\":{\"kid\":\"%d\",\"typ\":\"logout+jwt\"}}",
    };
    for (int i = 0; i < 30; i++) {
        char request[200];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(request, sizeof request, refused[i % 6], i);
#pragma GCC diagnostic pop
        assert_int_equal(assay_code_category(scene_try(&at, request, WAIT)), ASSAY_CATEGORY_TOKEN);
    }
    assert_int_equal(scene_try(&at, "{\"forge\":\"wrong-key\"}", WAIT), ASSAY_E_SIGNATURE);
    assert_int_equal(scene_requests(&at, "jwks"), before);
    scene_close(&at);
}

static void attack_51_cooldown_without_keys(void **state)
{
    (void)state;
    static const char *const faults[] = {"empty-keys", "status", "garbage", "html"};
    for (size_t i = 0; i < 4; i++) {
        scene at;
        scene_open(&at, NULL);
        scene_validator(&at);
        assert_int_equal(dev_issuer_fault(at.issuer, "jwks", faults[i], -1, -1), 0);
        char *token = scene_mint(&at, "{}"), *unknown = scene_mint(&at, unknown_kid);
        for (int n = 0; n < 20; n++) {
            assert_int_equal(scene_validate(&at, token, WAIT), ASSAY_E_KEYS_UNAVAILABLE);
            assert_int_equal(scene_validate(&at, unknown, WAIT), ASSAY_E_KEYS_UNAVAILABLE);
        }
        assert_int_equal(scene_requests(&at, "jwks"), 1);
        free(token);
        free(unknown);
        scene_close(&at);
    }
    /* And where the fetch for an unknown kid fails: one a window, and no verdict on the token. */
    scene at;
    open_warm(&at);
    int64_t before = scene_requests(&at, "jwks");
    assert_int_equal(dev_issuer_fault(at.issuer, "jwks", "status", 500, -1), 0);
    for (int n = 0; n < 20; n++)
        assert_int_equal(scene_try(&at, unknown_kid, WAIT), ASSAY_E_KEYS_UNAVAILABLE);
    assert_int_equal(scene_requests(&at, "jwks") - before, 1);
    assert_int_equal(scene_try(&at, "{}", WAIT), ASSAY_OK);
    scene_close(&at);
}

static void attack_52_flood_does_not_starve_a_rotation(void **state)
{
    (void)state;
    scene at;
    open_warm(&at);
    for (int i = 0; i < 10; i++)
        assert_int_equal(scene_try(&at, unknown_kid, WAIT), ASSAY_E_KEY_UNKNOWN);
    char *answer = NULL;
    assert_int_equal(dev_issuer_rotate(at.issuer, "{}", &answer), 0);
    free(answer);
    /* The budget of unknown kids is spent; the scheduled refresh is not. */
    scene_advance(&at, 3601);
    int64_t before = scene_requests(&at, "jwks");
    (void)scene_try(&at, "{\"algorithm\":\"ES256\"}", WAIT);
    assert_int_equal(scene_requests(&at, "jwks") - before, 1);
    assert_int_equal(scene_try(&at, "{}", 0), ASSAY_OK);
    scene_close(&at);
}

static void attack_53_54_bad_answers_keep_the_keys(void **state)
{
    (void)state;
    static const struct {
        const char *kind;
        int64_t value;
    } faults[] = {{"status", 500},   {"status", 404},    {"status", 204},   {"garbage", -1},   {"empty-keys", -1},
                  {"html", -1},      {"truncated", -1},  {"reset", -1},     {"deep", -1},      {"deep", 40},
                  {"huge", 600000},  {"huge", 64 << 20}, {"redirect", 301}, {"redirect", 302}, {"redirect", 303},
                  {"redirect", 307}, {"redirect", 308}};
    scene at;
    open_warm(&at);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        assay_error *error = NULL;
        assert_int_equal(dev_issuer_fault(at.issuer, "jwks", faults[i].kind, faults[i].value, -1), 0);
        int code = assay_validator_refresh(at.validator, NULL, WAIT, &error);
        if (assay_code_category(code) != ASSAY_CATEGORY_NETWORK)
            fail_msg("%s %d: %s", faults[i].kind, (int)faults[i].value, assay_code_name(code));
        if (strcmp(faults[i].kind, "redirect") == 0)
            assert_int_equal(code, ASSAY_E_REDIRECT);
        assay_error_free(error);
        assert_int_equal(scene_try(&at, "{}", WAIT), ASSAY_OK);
        assert_int_equal(scene_try(&at, "{}", 0), ASSAY_OK);
    }
    assert_int_equal(scene_requests(&at, "redirected"), 0);
    assert_int_equal(dev_issuer_fault(at.issuer, "all", "none", -1, -1), 0);
    assert_int_equal(assay_validator_refresh(at.validator, NULL, WAIT, NULL), ASSAY_OK);
    scene_close(&at);
}

static char *kid_of(const char *jwks)
{
    const char *kid = strstr(jwks, "\"kid\":\"");
    if (kid == NULL)
        kid = strstr(jwks, "\"kid\": \"");
    assert_non_null(kid);
    kid = strchr(kid + 5, '"') + 1;
    return strndup(kid, strcspn(kid, "\""));
}

static void attack_57_revoked_key(void **state)
{
    (void)state;
    scene at;
    open_warm(&at);
    char *jwks = dev_issuer_jwks(at.issuer), *answer = NULL, *kid = kid_of(jwks), request[200];
    snprintf(request, sizeof request, "{\"key\":\"%s\"}", kid);
    assert_int_equal(scene_try(&at, request, 0), ASSAY_OK);
    assert_int_equal(dev_issuer_rotate(at.issuer, "{\"drop_old\":true}", &answer), 0);
    assert_int_equal(assay_validator_refresh(at.validator, NULL, WAIT, NULL), ASSAY_OK);
    assert_int_equal(scene_try(&at, request, 0), ASSAY_OK); /* kept for an hour */
    scene_advance(&at, 3601);
    assert_int_equal(assay_validator_refresh(at.validator, NULL, WAIT, NULL), ASSAY_OK);
    assert_int_equal(scene_try(&at, request, WAIT), ASSAY_E_KEY_UNKNOWN);
    /* The issuer down, the keys are trusted up to the hard limit and no longer; then it is no verdict on the token. */
    assert_int_equal(dev_issuer_fault(at.issuer, "all", "status", 500, -1), 0);
    scene_advance(&at, 86000);
    assert_int_equal(scene_try(&at, "{}", WAIT), ASSAY_OK);
    scene_advance(&at, 500);
    assert_int_equal(scene_try(&at, "{}", WAIT), ASSAY_E_KEYS_UNAVAILABLE);
    free(kid);
    free(jwks);
    free(answer);
    scene_close(&at);
}

static void attack_57_purged_key_stays_away(void **state)
{
    (void)state;
    scene at;
    open_warm(&at);
    const char *issuer = dev_issuer_url(at.issuer);
    char *jwks = dev_issuer_jwks(at.issuer), *kid = kid_of(jwks), request[200];
    snprintf(request, sizeof request, "{\"key\":\"%s\"}", kid);
    assert_int_equal(assay_validator_purge(at.validator, issuer, kid, NULL), ASSAY_OK);
    assert_int_not_equal(scene_try(&at, request, 0), ASSAY_OK);
    assert_int_equal(assay_validator_refresh(at.validator, NULL, WAIT, NULL), ASSAY_OK);
    assert_int_equal(scene_try(&at, request, WAIT), ASSAY_E_KEY_UNKNOWN);
    assay_keyset *keys = NULL;
    assert_int_equal(assay_keyset_new(NULL, &keys, NULL), ASSAY_OK);
    assert_int_equal(assay_keyset_add_json(keys, jwks, strlen(jwks), NULL), ASSAY_OK);
    assert_int_equal(assay_validator_push_keys(at.validator, issuer, keys, NULL), ASSAY_OK);
    assert_int_equal(scene_try(&at, request, WAIT), ASSAY_E_KEY_UNKNOWN);
    assert_int_equal(assay_validator_purge(at.validator, issuer, "none of these", NULL), ASSAY_E_KEY_UNKNOWN);
    assay_keyset_unref(keys);
    free(kid);
    free(jwks);
    scene_close(&at);
}

static void attack_64_slow_and_endless_answers(void **state)
{
    (void)state;
    static const struct {
        const char *kind;
        int64_t value;
    } faults[] = {{"slow", 60000}, {"drip", 200}, {"huge", 256 << 20}};
    static const char *const targets[] = {"metadata", "jwks"};
    for (size_t i = 0; i < 6; i++) {
        scene at;
        scene_open(&at, NULL);
        scene_validator(&at);
        assert_int_equal(dev_issuer_fault(at.issuer, targets[i % 2], faults[i / 2].kind, faults[i / 2].value, -1), 0);
        int64_t start = scene_real_ms();
        assert_int_equal(scene_try(&at, "{}", 600), ASSAY_E_KEYS_UNAVAILABLE);
        assert_true(scene_real_ms() - start < 4000);
        scene_close(&at);
    }
}

static void attack_65_clock_jumps(void **state)
{
    (void)state;
    scene at;
    open_warm(&at);
    int64_t before = scene_requests(&at, "jwks");
    /* The wall clock alone goes wrong: the age of the keys does not depend on it. */
    atomic_store(&at.wall_offset, -86400 * 365);
    assert_int_equal(scene_try(&at, "{\"claims\":{\"iat\":1,\"nbf\":1,\"exp\":9999999999}}", WAIT), ASSAY_OK);
    atomic_store(&at.wall_offset, 86400 * 365);
    assert_int_equal(scene_try(&at, "{\"claims\":{\"exp\":9999999999}}", WAIT), ASSAY_OK);
    atomic_store(&at.wall_offset, 0);
    assert_int_equal(scene_requests(&at, "jwks"), before);
    /* The steady clock going back, as a broken host's may: no storm, no lock-out. */
    scene_advance(&at, -3600);
    for (int i = 0; i < 10; i++)
        assert_int_equal(scene_try(&at, "{\"claims\":{\"iat\":1,\"nbf\":1,\"exp\":9999999999}}", WAIT), ASSAY_OK);
    assert_true(scene_requests(&at, "jwks") - before <= 1);
    scene_advance(&at, 3600 + 86400 * 30);
    assert_int_equal(scene_try(&at, "{\"claims\":{\"exp\":9999999999}}", WAIT), ASSAY_OK);
    assert_true(scene_requests(&at, "jwks") - before <= 2);
    scene_close(&at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attack_49_58_keys_of_near_equal_issuers),
        cmocka_unit_test(attack_50_unknown_kid_flood),
        cmocka_unit_test(attack_51_cooldown_without_keys),
        cmocka_unit_test(attack_52_flood_does_not_starve_a_rotation),
        cmocka_unit_test(attack_53_54_bad_answers_keep_the_keys),
        cmocka_unit_test(attack_57_revoked_key),
        cmocka_unit_test(attack_57_purged_key_stays_away),
        cmocka_unit_test(attack_64_slow_and_endless_answers),
        cmocka_unit_test(attack_65_clock_jumps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
