/* SPDX-License-Identifier: MIT */
/* Floods of tokens with unknown keys (attacks 50, 51, 52; K12, K13): what they cost is counted at the server. */
#include "support/scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WAIT 5000
#define FLOOD 10000

static scene at;

static int open_warm(void **state)
{
    (void)scene_setup_validator(state);
    assert_int_equal(scene_try(&at, "{}", WAIT), ASSAY_OK);
    return 0;
}

/* A token with a kid of its own; the signature does not matter. @p claims is the payload. */
static char *forge(const char *payload, int number)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char parts[2][1024];
    snprintf(parts[0], sizeof parts[0], "{\"alg\":\"RS256\",\"kid\":\"forged-%d\"}", number);
    snprintf(parts[1], sizeof parts[1], "%s", payload);
    char *token = calloc(1, 4096), *out = token;
    for (int i = 0; i < 2; i++) {
        const unsigned char *in = (const unsigned char *)parts[i];
        size_t len = strlen(parts[i]);
        for (size_t j = 0; j < len; j += 3) {
            unsigned bits = (unsigned)in[j] << 16 | (j + 1 < len ? (unsigned)in[j + 1] << 8 : 0) |
                            (j + 2 < len ? (unsigned)in[j + 2] : 0);
            for (size_t k = 0; k < 4 && j + k <= len; k++)
                *out++ = alphabet[bits >> (18 - 6 * k) & 63];
        }
        *out++ = '.';
    }
    memset(out, 'A', 342);
    return token;
}

static char *payload_for(const char *issuer)
{
    static char payload[1024];
    snprintf(payload, sizeof payload, "{\"iss\":\"%s\",\"aud\":\"%s\",\"sub\":\"x\",\"exp\":4000000000}", issuer,
             dev_issuer_audience(at.issuer));
    return payload;
}

static void K12_wrong_issuer_causes_no_fetch(void **state)
{
    (void)state;
    char *payload = payload_for("https://forged.example");
    for (int i = 0; i < FLOOD; i++) {
        char *token = forge(payload, i);
        assert_int_equal(scene_validate(&at, token, i % 2 == 0 ? WAIT : 0), ASSAY_E_ISSUER);
        free(token);
    }
    assert_int_equal(scene_requests(&at, "metadata"), 1);
    assert_int_equal(scene_requests(&at, "jwks"), 1);
}

static void wrong_audience_expired_or_bad_signature_causes_no_fetch(void **state)
{
    (void)state;
    char payload[1024];
    const char *issuer = dev_issuer_url(at.issuer);
    snprintf(payload, sizeof payload, "{\"iss\":\"%s\",\"aud\":\"other\",\"exp\":4000000000}", issuer);
    char *token = forge(payload, 1);
    assert_int_equal(scene_validate(&at, token, WAIT), ASSAY_E_AUDIENCE);
    free(token);
    snprintf(payload, sizeof payload, "{\"iss\":\"%s\",\"aud\":\"%s\",\"exp\":1}", issuer,
             dev_issuer_audience(at.issuer));
    token = forge(payload, 2);
    assert_int_equal(scene_validate(&at, token, WAIT), ASSAY_E_EXPIRED);
    free(token);
    for (int i = 0; i < 100; i++)
        assert_int_equal(scene_try(&at, "{\"forge\":\"signature\"}", WAIT), ASSAY_E_SIGNATURE);
    assert_int_equal(scene_requests(&at, "metadata"), 1);
    assert_int_equal(scene_requests(&at, "jwks"), 1);
}

/*
 * The flood with right issuer, audience and times: one fetch a window of 30 s, the answers in between immediate; a good token among them
 * passes each time, and a real rotation is picked up by the next window.
 */
static void K13_good_claims_cause_one_fetch_a_window(void **state)
{
    (void)state;
    char *payload = payload_for(dev_issuer_url(at.issuer));
    char *good = scene_mint(&at, "{}");
    int64_t start = scene_real_ms();
    for (int i = 0; i < FLOOD; i++) {
        char *token = forge(payload, i);
        assert_int_equal(scene_validate(&at, token, WAIT), ASSAY_E_KEY_UNKNOWN);
        free(token);
        if (i % 10 == 0)
            assert_int_equal(scene_validate(&at, good, 0), ASSAY_OK);
    }
    print_message("K13: %d forged tokens in %d ms: %d key fetches\n", FLOOD, (int)(scene_real_ms() - start),
                  (int)scene_requests(&at, "jwks") - 1);
    int64_t windows = (scene_real_ms() - start) / 30000 + 1;
    assert_true(scene_requests(&at, "jwks") - 1 <= windows);
    assert_int_equal(scene_requests(&at, "metadata"), 1);
    assert_true(scene_stat(&at, ASSAY_STAT_UNKNOWN_KID_REFUSED) >= FLOOD - 2);
    free(good);
}

/* Attack 52: the flood spends its own budget; the scheduled refresh and a real rotation are on time. */
static void flood_delays_neither_refresh_nor_rotation(void **state)
{
    (void)state;
    char *payload = payload_for(dev_issuer_url(at.issuer));
    char *answer = NULL;
    int number = 0;
    int64_t before = scene_requests(&at, "jwks");
    for (int second = 0; second < 7200; second += 10) {
        for (int i = 0; i < 5; i++) {
            char *token = forge(payload, number++);
            assert_int_equal(scene_validate(&at, token, WAIT), ASSAY_E_KEY_UNKNOWN);
            free(token);
        }
        scene_advance(&at, 10);
    }
    int64_t fetched = scene_requests(&at, "jwks") - before;
    print_message("flood for 7200 s: %d forged tokens, %d key fetches\n", number, (int)fetched);
    assert_true(fetched <= 7200 / 30 + 3);
    /* A rotation in the middle of it: the new key's token is good within one window. */
    assert_int_equal(dev_issuer_rotate(at.issuer, "{\"algorithm\":\"RS256\"}", &answer), 0);
    free(answer);
    int waited = 0;
    char *fresh = scene_mint(&at, "{}");
    for (int code = ASSAY_E_KEY_UNKNOWN; code != ASSAY_OK; waited += 5) {
        assert_true(waited <= 35);
        char *token = forge(payload, number++);
        (void)scene_validate(&at, token, WAIT);
        free(token);
        code = scene_validate(&at, fresh, WAIT);
        scene_advance(&at, 5);
    }
    free(fresh);
    /* With forged tokens answered from memory only, the scheduled refresh still comes with the first good token after its time. */
    before = scene_requests(&at, "jwks");
    scene_advance(&at, 3601);
    assert_int_equal(scene_try(&at, "{}", WAIT), ASSAY_OK);
    assert_int_equal(scene_requests(&at, "jwks"), before + 1);
}

/* Attack 51: with the origin failing, or serving nothing, it is still one fetch a window, and the answer is 503. */
static void flood_while_the_issuer_is_down(void **state)
{
    (void)state;
    static const char *const kinds[] = {"status", "empty-keys"};
    char *payload = payload_for(dev_issuer_url(at.issuer));
    char *good = scene_mint(&at, "{}");
    for (size_t k = 0; k < 2; k++) {
        dev_issuer_fault(at.issuer, "all", kinds[k], -1, -1);
        scene_advance(&at, 400);
        int64_t before = scene_requests(&at, "jwks") + scene_requests(&at, "metadata");
        for (int i = 0; i < 1000; i++) {
            char *token = forge(payload, i);
            assert_int_equal(scene_validate(&at, token, WAIT), ASSAY_E_KEYS_UNAVAILABLE);
            free(token);
            if (i % 100 == 0)
                assert_int_equal(scene_validate(&at, good, 0), ASSAY_OK);
        }
        int64_t fetched = scene_requests(&at, "jwks") + scene_requests(&at, "metadata") - before;
        print_message("flood while %s: %d fetches\n", kinds[k], (int)fetched);
        assert_true(fetched <= 2);
    }
    free(good);
}

#define CASE(name) cmocka_unit_test_prestate_setup_teardown(name, open_warm, scene_teardown, &at)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(K12_wrong_issuer_causes_no_fetch),         CASE(wrong_audience_expired_or_bad_signature_causes_no_fetch),
        CASE(K13_good_claims_cause_one_fetch_a_window), CASE(flood_delays_neither_refresh_nor_rotation),
        CASE(flood_while_the_issuer_is_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
