/* SPDX-License-Identifier: MIT */
/* The token cache: one that comes again is answered from it exactly as long as all checks would say yes, and nothing else is. */
#include "support/keeping.h"
#include "token/token.h"

#include <openssl/bn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void second_time_is_a_hit_with_the_same_claims(void **state)
{
    (void)state;
    assay_claims *first = keeping_take(keeping.token), *second = keeping_take(keeping.token);
    assert_ptr_equal(first, second);
    assert_string_equal(assay_claims_subject(second), "one");
    assert_string_equal(assay_claims_issuer(second), TRIAL_ISSUER);
    assert_string_equal(assay_claims_kid(second), "a");
    assert_int_equal(assay_claims_expiry(second), KEEPING_EXP);
    assay_claims_unref(first);
    keeping_accepts(keeping.token, true);
    assert_int_equal(keeping_hits(), 2);
    keeping_stop();
    assert_string_equal(assay_claims_subject(second), "one"); /* outlives the validator */
    assay_claims_unref(second);
    keeping_start(16);
}

static void it_is_off_unless_it_is_asked_for(void **state)
{
    (void)state;
    keeping_stop();
    keeping_start(0);
    keeping_accepts(keeping.token, false);
    keeping_accepts(keeping.token, false);
    keeping_stop();
    keeping.runtime = NULL;
    must_ok(assay_validator_new(NULL, &keeping.issuer, 1, &keeping.validator, NULL));
    assert_int_equal(keeping_hits(), 0);
    keeping_stop();
    keeping_start(1);
}

static void expires_to_the_second(void **state)
{
    (void)state;
    keeping_remembers(keeping.token);
    keeping.wall_now = KEEPING_EXP + KEEPING_LEEWAY - 1;
    keeping_accepts(keeping.token, true);
    keeping.wall_now = KEEPING_EXP + KEEPING_LEEWAY;
    keeping_refuses(keeping.token, ASSAY_E_EXPIRED);
    keeping.wall_now = KEEPING_EXP + KEEPING_LEEWAY - 1; /* a clock that goes back is right, for all that is known */
    keeping_accepts(keeping.token, false);
    keeping_accepts(keeping.token, true);
    keeping.wall_now = (int64_t)1 << 40;
    keeping_refuses(keeping.token, ASSAY_E_CLOCK);
    keeping.wall_now = -1;
    keeping_refuses(keeping.token, ASSAY_E_CLOCK);
}

static void fractions_of_times_count(void **state)
{
    (void)state;
    char *fraction = mint_token(keeping.keys[0], "{\"iss\":\"" TRIAL_ISSUER "\",\"aud\":\"" TRIAL_AUDIENCE
                                                 "\",\"exp\":1700003600.5,\"nbf\":1700000000.25,\"sub\":\"f\"}");
    keeping_remembers(fraction);
    keeping.wall_now = KEEPING_EXP + KEEPING_LEEWAY;
    keeping_accepts(fraction, true);
    keeping.wall_now = KEEPING_EXP + KEEPING_LEEWAY + 1;
    keeping_refuses(fraction, ASSAY_E_EXPIRED);
    keeping.wall_now = TRIAL_NOW;
    keeping_remembers(fraction);
    keeping.wall_now = TRIAL_NOW - KEEPING_LEEWAY + 1;
    keeping_accepts(fraction, true);
    keeping.wall_now = TRIAL_NOW - KEEPING_LEEWAY;
    keeping_refuses(fraction, ASSAY_E_NOT_YET_VALID);
    free(fraction);
}

static void clock_that_goes_back_before_nbf_and_iat(void **state)
{
    (void)state;
    char *with_nbf = mint_token(keeping.keys[0], KEEPING_CLAIMS(",\"nbf\":1700000000,\"iat\":1600000000"));
    char *with_iat = mint_token(keeping.keys[0], KEEPING_CLAIMS(",\"nbf\":1600000000,\"iat\":1700000000"));
    keeping_remembers(with_nbf);
    keeping_remembers(with_iat);
    keeping.wall_now = TRIAL_NOW - KEEPING_LEEWAY;
    keeping_accepts(with_nbf, true);
    keeping_accepts(with_iat, true);
    keeping.wall_now--;
    keeping_refuses(with_nbf, ASSAY_E_NOT_YET_VALID);
    keeping_refuses(with_iat, ASSAY_E_ISSUED_IN_FUTURE);
    free(with_nbf);
    free(with_iat);
}

/* (r, s) and (r, n - s) are signatures of the same bytes by the same key (SEC 1, section 4.1.4). */
static char *twin_of(const char *text)
{
    size_t len;
    uint8_t *signature = trial_signature(text, &len);
    BIGNUM *order = NULL, *s = BN_bin2bn(signature + 32, 32, NULL);
    assert_true(BN_hex2bn(&order, "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551") > 0);
    assert_int_equal(BN_sub(s, order, s), 1);
    assert_int_equal(BN_bn2binpad(s, signature + 32, 32), 32);
    char *made = trial_with_signature(text, signature, len);
    BN_free(order);
    BN_free(s);
    free(signature);
    return made;
}

static void signature_counts_byte_for_byte(void **state)
{
    (void)state;
    char *twin = twin_of(keeping.token), *again = mint_token(keeping.keys[0], KEEPING_CLAIMS(""));
    keeping_remembers(keeping.token);
    assert_string_not_equal(twin, keeping.token);
    keeping_remembers(twin);  /* by the checks, the first time */
    keeping_remembers(again); /* a signature of its own */
    size_t len = strlen(keeping.token), signed_len = (size_t)(strrchr(keeping.token, '.') - keeping.token);
    for (size_t at = signed_len + 1; at < len; at++) {
        char *changed = strdup(keeping.token);
        changed[at] = changed[at] == 'A' ? 'B' : 'A';
        /* The last character has four bits that count, and two that must be zero. */
        keeping_refuses(changed,
                        at + 1 < len || strchr("AQgw", changed[at]) != NULL ? ASSAY_E_SIGNATURE : ASSAY_E_BASE64URL);
        free(changed);
    }
    keeping_accepts(keeping.token, true);
    free(twin);
    free(again);
}

static void header_and_payload_count_byte_for_byte(void **state)
{
    (void)state;
    keeping_remembers(keeping.token);
    size_t signed_len = (size_t)(strrchr(keeping.token, '.') - keeping.token);
    for (size_t at = 0; at < signed_len; at++) {
        char *changed = strdup(keeping.token);
        changed[at] = (char)(changed[at] == 'B' ? 'C' : 'B');
        assay_claims *claims = NULL;
        assert_int_not_equal(assay_validator_check(keeping.validator, changed, strlen(changed), NULL, &claims, NULL),
                             ASSAY_OK);
        assert_null(claims);
        free(changed);
    }
    assert_int_equal(keeping_hits(), 1);
}

static void length_counts(void **state)
{
    (void)state;
    keeping_remembers(keeping.token);
    size_t len = strlen(keeping.token);
    for (size_t shorter = 0; shorter < len; shorter++) {
        char *exact = malloc(shorter + 1); /* of exactly this size, for the sanitizer */
        memcpy(exact, keeping.token, shorter);
        assay_claims *claims = NULL;
        assert_int_not_equal(assay_validator_check(keeping.validator, exact, shorter, NULL, &claims, NULL), ASSAY_OK);
        free(exact);
    }
    char *longer = trial_format("%s.", keeping.token), *padded = trial_format("%s=", keeping.token),
         *more = trial_format("%sAAAA", keeping.token);
    keeping_refuses(longer, ASSAY_E_MALFORMED);
    keeping_refuses(padded, ASSAY_E_BASE64URL);
    keeping_refuses(more, ASSAY_E_SIGNATURE);
    keeping_accepts(keeping.token, true);
    free(longer);
    free(padded);
    free(more);
}

static void signature_of_another_token(void **state)
{
    (void)state;
    char *second = mint_token(keeping.keys[0], KEEPING_CLAIMS(",\"jti\":\"2\""));
    char *mixed = trial_format("%.*s%s", (int)(strrchr(second, '.') - second), second, strrchr(keeping.token, '.'));
    keeping_remembers(keeping.token);
    keeping_remembers(second);
    keeping_refuses(mixed, ASSAY_E_SIGNATURE);
    free(second);
    free(mixed);
}

static void what_a_request_demands_is_always_checked(void **state)
{
    (void)state;
    assay_request *request = NULL, *empty = NULL;
    must_ok(assay_request_new(&request, NULL));
    must_ok(assay_request_new(&empty, NULL));
    must_ok(assay_request_add_acr(request, "2", NULL));
    char *weak = mint_token(keeping.keys[0], KEEPING_CLAIMS(",\"acr\":\"1\""));
    assay_claims_unref(keeping_check(weak, strlen(weak), empty, ASSAY_OK));
    keeping_remembers(weak); /* what came with a request was not kept */
    assert_null(keeping_check(weak, strlen(weak), request, ASSAY_E_ACR));
    assay_claims_unref(keeping_check(weak, strlen(weak), empty, ASSAY_OK));
    assert_int_equal(keeping_hits(), 1);
    free(weak);
    assay_request_free(request);
    assay_request_free(empty);
}

static void what_is_never_kept(void **state)
{
    (void)state;
    char *nameless = mint_sign(keeping.keys[0], "ES256", "{\"alg\":\"ES256\"}", KEEPING_CLAIMS(""));
    keeping_accepts(nameless, false);
    keeping_accepts(nameless, false);
    char *filler = trial_repeat("x", 12000);
    char *payload = trial_format("{" TRIAL_BARE ",\"sub\":\"one\",\"x\":\"%s\"}", filler);
    char *longer = mint_token(keeping.keys[0], payload);
    assert_true(strlen(longer) < 16384);
    keeping_remembers(longer);
    free(filler);
    free(payload);
    free(longer);
    filler = trial_repeat("x", 12300);
    payload = trial_format("{" TRIAL_BARE ",\"sub\":\"one\",\"x\":\"%s\"}", filler);
    longer = mint_token(keeping.keys[0], payload);
    assert_true(strlen(longer) > 16384);
    keeping_accepts(longer, false);
    keeping_accepts(longer, false);
    free(filler);
    free(payload);
    free(longer);
    free(nameless);
}

static void issuers_have_counts_of_their_own(void **state)
{
    (void)state;
    char *far = mint_token(keeping.keys[0], "{\"iss\":\"" KEEPING_OTHER "\",\"aud\":\"" TRIAL_AUDIENCE
                                            "\",\"exp\":1700003600,\"sub\":\"far\"}");
    keeping_remembers(keeping.token);
    keeping_remembers(far);
    keeping_accepts(far, true);
    assert_int_equal(keeping_hits_of(TRIAL_ISSUER), 1);
    assert_int_equal(keeping_hits_of(KEEPING_OTHER), 2);
    assert_int_equal(keeping_hits(), 3);
    must_ok(assay_validator_purge(keeping.validator, KEEPING_OTHER, NULL, NULL));
    assert_int_equal(keeping_hits_of(KEEPING_OTHER), 2); /* what was counted stays counted */
    free(far);
}

enum { MANY = 200 };

/* Each gets its own claims, in a cache of any size. */
static void each_token_gets_its_own_claims(void **state)
{
    static const size_t sizes[] = {1, 2, 3, 5, 16, 64, MANY * 8, 65536};
    (void)state;
    char *tokens[MANY];
    for (int i = 0; i < MANY; i++) {
        char *payload = trial_format("{" TRIAL_BARE ",\"sub\":\"s%d\"}", i);
        tokens[i] = mint_token(keeping.keys[0], payload);
        free(payload);
    }
    for (size_t size = 0; size < sizeof sizes / sizeof *sizes; size++) {
        keeping_stop();
        keeping_start(sizes[size]);
        assay_claims *held[MANY];
        for (int i = 0; i < MANY * 3; i++) {
            int which = i < MANY * 2 ? i % MANY : (i * 7) % MANY;
            char subject[16];
            snprintf(subject, sizeof subject, "s%d", which);
            assay_claims *claims = keeping_take(tokens[which]);
            assert_string_equal(assay_claims_subject(claims), subject);
            if (i < MANY)
                held[i] = claims;
            else
                assay_claims_unref(claims);
        }
        size_t kept = 0;
        for (int i = 0; i < MANY; i++) {
            kept += held[i]->references - 1;
            assay_claims_unref(held[i]);
        }
        assert_in_range(kept, 0, sizes[size]);
        print_message("%zu entries: %d hits of %d\n", sizes[size], (int)keeping_hits(), MANY * 2);
        if (sizes[size] >= 65536)
            assert_int_equal(keeping_hits(), MANY * 2);
    }
    for (int i = 0; i < MANY; i++)
        free(tokens[i]);
}

/* In a full set one that is asked for stays, others make room. */
static void one_that_is_used_stays(void **state)
{
    (void)state;
    keeping_stop();
    keeping_start(4);
    keeping_remembers(keeping.token);
    for (int i = 0; i < 100; i++) {
        char *payload = trial_format("{" TRIAL_BARE ",\"sub\":\"s%d\"}", i);
        char *once = mint_token(keeping.keys[0], payload);
        keeping_accepts(once, false);
        keeping_accepts(keeping.token, true);
        free(payload);
        free(once);
    }
}

static void capacity_of_one(void **state)
{
    (void)state;
    char *second = mint_token(keeping.keys[0], KEEPING_CLAIMS(",\"jti\":\"2\""));
    keeping_stop();
    keeping_start(1);
    keeping_remembers(keeping.token);
    keeping_accepts(second, false);
    keeping_accepts(second, true);
    keeping_accepts(keeping.token, false);
    keeping_accepts(keeping.token, true);
    free(second);
}

/* Not asked for again: those that are put in look after them, a few at a time. */
static void expired_tokens_are_dropped(void **state)
{
    enum { SIZE = 512, OLD = 10, FRESH = SIZE / 8 };
    (void)state;
    assay_claims *old[OLD];
    keeping_stop();
    keeping_start(SIZE);
    for (int i = 0; i < OLD + FRESH; i++) {
        char *payload =
            trial_format("{\"iss\":\"" TRIAL_ISSUER "\",\"aud\":\"" TRIAL_AUDIENCE "\",\"exp\":%d,\"sub\":\"s%d\"}",
                         i < OLD ? KEEPING_EXP : 1900000000, i);
        char *text = mint_token(keeping.keys[0], payload);
        assay_claims *claims = keeping_take(text);
        assert_int_equal(claims->references, 2);
        if (i < OLD)
            old[i] = claims;
        else
            assay_claims_unref(claims);
        if (i == OLD - 1)
            keeping.wall_now = KEEPING_EXP + KEEPING_LEEWAY;
        free(payload);
        free(text);
    }
    for (int i = 0; i < OLD; i++) {
        assert_int_equal(old[i]->references, 1);
        assay_claims_unref(old[i]);
    }
}

static void settings(void **state)
{
    (void)state;
    assay_runtime *made = NULL;
    must_ok(assay_runtime_new(&made, NULL));
    must_ok(assay_runtime_set_token_cache(made, 65536, NULL));
    must_fail(assay_runtime_set_token_cache(made, 65537, &error), ASSAY_E_RANGE);
    must_fail(assay_runtime_set_token_cache(made, SIZE_MAX, &error), ASSAY_E_RANGE);
    must_fail(assay_runtime_set_token_cache(NULL, 1, &error), ASSAY_E_ARGUMENT);
    must_fail(assay_runtime_set_token_cache(keeping.runtime, 1, &error), ASSAY_E_FROZEN);
    assay_runtime_unref(made);

    static const struct {
        const char *member;
        int code;
    } rows[] = {{"\"token_cache\":64", ASSAY_OK},
                {"\"token_cache\":0", ASSAY_OK},
                {"\"token_cache\":-1", ASSAY_E_RANGE},
                {"\"token_cache\":65537", ASSAY_E_RANGE},
                {"\"token_cache\":\"64\"", ASSAY_E_CONFIG_MEMBER},
                {"\"token_cache\":true", ASSAY_E_CONFIG_MEMBER},
                {"\"token_cache\":1.5", ASSAY_E_CONFIG_MEMBER}};
    char *jwks = mint_jwks(keeping.keys, 1);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *json = trial_format("{\"runtime\":{%s},\"issuers\":[{\"issuer\":\"" TRIAL_ISSUER
                                  "\",\"audiences\":[\"a\"],\"jwks\":%s}]}",
                                  rows[i].member, jwks);
        assay_validator *read = NULL;
        assert_int_equal(assay_validator_from_json(NULL, json, strlen(json), &read, NULL), rows[i].code);
        assay_validator_unref(read);
        free(json);
    }
    free(jwks);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, keeping_open, keeping_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(second_time_is_a_hit_with_the_same_claims),
        CASE(it_is_off_unless_it_is_asked_for),
        CASE(expires_to_the_second),
        CASE(fractions_of_times_count),
        CASE(clock_that_goes_back_before_nbf_and_iat),
        CASE(signature_counts_byte_for_byte),
        CASE(header_and_payload_count_byte_for_byte),
        CASE(length_counts),
        CASE(signature_of_another_token),
        CASE(what_a_request_demands_is_always_checked),
        CASE(what_is_never_kept),
        CASE(issuers_have_counts_of_their_own),
        CASE(each_token_gets_its_own_claims),
        CASE(one_that_is_used_stays),
        CASE(capacity_of_one),
        CASE(expired_tokens_are_dropped),
        CASE(settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
