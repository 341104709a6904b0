/* SPDX-License-Identifier: MIT */
/* The numbered envelope and key cases that the attack tests cover in depth, here by their numbers: T37, T41, T42, T49, K21, K22, K24. */
#include "support/trial.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void t37_crit_and_b64(void **state)
{
    (void)state;
    trial t;
    trial_open(&t, "RS256");
    trial_refuse(&t, trial_token(&t, TRIAL_HEADER("RS256", ",\"crit\":[\"exp\"]"), TRIAL_CLAIMS("")), ASSAY_E_CRIT);
    trial_refuse(&t, trial_token(&t, TRIAL_HEADER("RS256", ",\"crit\":[]"), TRIAL_CLAIMS("")), ASSAY_E_CRIT);
    trial_refuse(&t, trial_token(&t, TRIAL_HEADER("RS256", ",\"b64\":false"), TRIAL_CLAIMS("")), ASSAY_E_UNENCODED);
    trial_refuse(&t, trial_token(&t, TRIAL_HEADER("RS256", ",\"b64\":true"), TRIAL_CLAIMS("")), ASSAY_E_UNENCODED);
    trial_close(&t);
}

/* A good token with @p spoilt put at the end of a segment. */
static char *append_to_segment(const char *token, int segment, const char *spoilt)
{
    const char *end = strchr(token, '.');
    for (int i = 0; i < segment; i++)
        end = strchr(end + 1, '.'); /* NULL behind the last one */
    size_t at = end == NULL ? strlen(token) : (size_t)(end - token);
    char *made = NULL;
    assert_true(asprintf(&made, "%.*s%s%s", (int)at, token, spoilt, token + at) > 0);
    return made;
}

static void t41_base64url_is_canonical(void **state)
{
    (void)state;
    static const char *const spoilt[] = {"=", "==", "+", "/", "\n", "\r\n", " ", "%3D"};
    trial t;
    trial_open(&t, "ES256");
    char *token = trial_sign(&t, TRIAL_CLAIMS(""));
    for (int segment = 0; segment < 3; segment++) {
        for (size_t i = 0; i < sizeof spoilt / sizeof spoilt[0]; i++)
            trial_refuse(&t, append_to_segment(token, segment, spoilt[i]), ASSAY_E_BASE64URL);
    }
    /* The last character of a signature of 64 bytes carries four bits that no byte takes. */
    char *stray = strdup(token);
    assert_non_null(stray);
    char *last = stray + strlen(stray) - 1;
    *last = *last == 'A' ? 'B' : *last == 'Q' ? 'R' : *last == 'g' ? 'h' : 'x';
    trial_refuse(&t, stray, ASSAY_E_BASE64URL);
    free(token);
    trial_close(&t);
}

static void t42_payload_is_one_good_object(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "[]",
        "\"text\"",
        "{\"iss\":\"a\",\"iss\":\"a\"}",
        "{\"iss\":\"a\",\"i\\u0073s\":\"a\"}",
        "{\"a\\u0000\":1}",
        "{\"a\":\"\xff\"}",
        "{\"a\":\"\\ud800\"}",
        "{} {}",
    };
    trial t;
    trial_open(&t, "ES256");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        trial_refuse(&t, trial_token(&t, TRIAL_HEADER("ES256", ""), bad[i]), ASSAY_E_PAYLOAD);
    char *deep = calloc(1, 20100);
    assert_non_null(deep);
    strcpy(deep, "{\"a\":");
    memset(deep + 5, '[', 10000);
    memset(deep + 10005, ']', 10000);
    deep[20005] = '}';
    trial_refuse(&t, trial_token(&t, TRIAL_HEADER("ES256", ""), deep), ASSAY_E_PAYLOAD);
    free(deep);
    trial_close(&t);
}

static void t49_issued_in_the_future(void **state)
{
    (void)state;
    trial t;
    trial_open(&t, "ES256");
    trial_refuse(&t, trial_sign(&t, "{" TRIAL_BARE ",\"iat\":1700003000}"), ASSAY_E_ISSUED_IN_FUTURE);
    trial_refuse(&t, trial_sign(&t, "{" TRIAL_BARE ",\"iat\":1700000061}"), ASSAY_E_ISSUED_IN_FUTURE);
    trial_accept(&t, trial_sign(&t, "{" TRIAL_BARE ",\"iat\":1700000060}"));
    trial_refuse(&t, trial_sign(&t, "{" TRIAL_BARE ",\"iat\":\"1700000000\"}"), ASSAY_E_TIME);
    trial_close(&t);
}

/* The JWK of a key with other `kid` and `alg` members; "" leaves one out. */
static void add(trial *t, const mint_key *key, const char *kid, const char *algorithm)
{
    char jwk[2048], more[100] = "";
    const char *bare = mint_key_bare_jwk(key);
    if (kid[0] != '\0')
        snprintf(more + strlen(more), sizeof more - strlen(more), ",\"kid\":\"%s\"", kid);
    if (algorithm[0] != '\0')
        snprintf(more + strlen(more), sizeof more - strlen(more), ",\"alg\":\"%s\"", algorithm);
    snprintf(jwk, sizeof jwk, "%.*s%s}", (int)strlen(bare) - 1, bare, more);
    trial_add_jwk(t, jwk);
}

/* One kid on several keys: the algorithm tells them apart, and of those that fit each is tried. */
static void k21_one_kid_on_several_keys(void **state)
{
    (void)state;
    trial t;
    trial_open(&t, "RS256");
    assert_int_equal(assay_issuer_add_algorithm(t.issuer, "ES256", NULL), ASSAY_OK);
    mint_key *second = mint_key_new("RS256", TRIAL_KID), *curve = mint_key_new("ES256", TRIAL_KID);
    mint_key *stranger = mint_key_new("RS256", TRIAL_KID);
    add(&t, second, TRIAL_KID, "RS256");
    add(&t, curve, TRIAL_KID, "ES256");
    trial_accept(&t, trial_sign(&t, TRIAL_CLAIMS("")));
    trial_accept(&t, mint_token(second, TRIAL_CLAIMS("")));
    trial_accept(&t, mint_token(curve, TRIAL_CLAIMS("")));
    trial_refuse(&t, mint_token(stranger, TRIAL_CLAIMS("")), ASSAY_E_SIGNATURE);
    mint_key_free(second);
    mint_key_free(curve);
    mint_key_free(stranger);
    trial_close(&t);
}

/* Without kid: the one key that fits is taken; of several none (architecture, section 4). */
static void k22_token_without_kid(void **state)
{
    (void)state;
    trial t;
    trial_open(&t, "RS256");
    trial_accept(&t, trial_token(&t, "{\"alg\":\"RS256\"}", TRIAL_CLAIMS("")));
    mint_key *second = mint_key_new("RS256", "other");
    trial_restart(&t);
    add(&t, second, "other", "RS256");
    trial_refuse(&t, trial_token(&t, "{\"alg\":\"RS256\"}", TRIAL_CLAIMS("")), ASSAY_E_KID_MISSING);
    mint_key_free(second);
    trial_close(&t);
}

static void k24_algorithm_of_the_key(void **state)
{
    (void)state;
    trial t;
    trial_open(&t, "RS256");
    assert_int_equal(assay_issuer_add_algorithm(t.issuer, "RS512", NULL), ASSAY_OK);
    mint_key *other = mint_key_new("RS256", "k24");
    add(&t, other, "k24", "RS512");
    trial_refuse(&t, mint_token(other, TRIAL_CLAIMS("")), ASSAY_E_ALGORITHM_KEY);
    assay_claims_unref(
        trial_claims(&t, mint_sign(other, "RS512", "{\"alg\":\"RS512\",\"kid\":\"k24\"}", TRIAL_CLAIMS(""))));
    mint_key_free(other);
    trial_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t37_crit_and_b64),
        cmocka_unit_test(t41_base64url_is_canonical),
        cmocka_unit_test(t42_payload_is_one_good_object),
        cmocka_unit_test(t49_issued_in_the_future),
        cmocka_unit_test(k21_one_kid_on_several_keys),
        cmocka_unit_test(k22_token_without_kid),
        cmocka_unit_test(k24_algorithm_of_the_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
