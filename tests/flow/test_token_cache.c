/* SPDX-License-Identifier: MIT */
/* The token cache: one that comes again is answered from it exactly as long as all checks would say yes, and nothing else is. */
#include "support/canned.h"
#include "support/entra_trial.h"
#include "support/scene.h"
#include "token/token.h"

#include <openssl/bn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HOUR 3600
#define EXP (TRIAL_NOW + HOUR)
#define LEEWAY 60
#define OTHER_ISSUER "https://127.0.0.1:1/other"
#define PAYLOAD(more) "{" TRIAL_BARE ",\"sub\":\"one\"" more "}"

/* Clocks that the tests move apart. */
static int64_t wall_now, steady_ms;
static assay_runtime *runtime;
static assay_issuer *issuer, *other;
static assay_validator *validator;
static mint_key *keys[3]; /* kids "a", "b" and, of other material, "a" */
static char *token;

static int64_t wall(void *data)
{
    (void)data;
    return wall_now;
}

static int64_t steady(void *data)
{
    (void)data;
    return steady_ms;
}

static assay_runtime *new_runtime(size_t entries)
{
    assay_runtime *made = NULL;
    must_ok(assay_runtime_new(&made, NULL));
    must_ok(assay_runtime_set_clock(made, wall, steady, NULL, NULL, NULL));
    must_ok(assay_runtime_set_token_cache(made, entries, NULL));
    return made;
}

static assay_issuer *new_issuer(const char *url)
{
    assay_issuer *made = NULL;
    must_ok(assay_issuer_new(url, &made, NULL));
    must_ok(assay_issuer_add_audience(made, TRIAL_AUDIENCE, NULL));
    must_ok(assay_issuer_add_algorithm(made, "ES256", NULL));
    return made;
}

static void push_jwks(const char *url, const char *jwks)
{
    assay_keyset *set = NULL;
    must_ok(assay_keyset_new(NULL, &set, NULL));
    must_ok(assay_keyset_add_json(set, jwks, strlen(jwks), NULL));
    must_ok(assay_validator_push_keys(validator, url, set, NULL));
    assay_keyset_unref(set);
}

static void push(const char *url, mint_key *const *which, size_t count)
{
    char *jwks = mint_jwks(which, count);
    push_jwks(url, jwks);
    free(jwks);
}

static void start(size_t entries)
{
    assay_issuer *const both[] = {issuer, other};
    runtime = new_runtime(entries);
    must_ok(assay_validator_new(runtime, both, 2, &validator, NULL));
    push(TRIAL_ISSUER, keys, 1);
    push(OTHER_ISSUER, keys, 1);
}

static void stop(void)
{
    assay_validator_unref(validator);
    assay_runtime_unref(runtime);
}

static int set_up(void **state)
{
    (void)state;
    wall_now = TRIAL_NOW;
    steady_ms = 1000000;
    keys[0] = mint_key_new("ES256", "a");
    keys[1] = mint_key_new("ES256", "b");
    keys[2] = mint_key_new("ES256", "a");
    issuer = new_issuer(TRIAL_ISSUER);
    other = new_issuer(OTHER_ISSUER);
    token = mint_token(keys[0], PAYLOAD(""));
    start(16);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    stop();
    assay_issuer_free(issuer);
    assay_issuer_free(other);
    for (size_t i = 0; i < 3; i++)
        mint_key_free(keys[i]);
    free(token);
    return 0;
}

static assay_claims *check_bytes(const char *text, size_t len, const assay_request *request, int expected)
{
    assay_claims *claims = NULL;
    assay_error *error = NULL;
    int code = assay_validator_check(validator, text, len, request, &claims, &error);
    if (code != expected)
        print_error("%s (%s) instead of %s\n", assay_code_name(code), assay_error_message(error),
                    assay_code_name(expected));
    assert_int_equal(code, expected);
    assert_int_equal(claims != NULL, code == ASSAY_OK);
    assert_int_equal(assay_error_code(error), code);
    assay_error_free(error);
    return claims;
}

static assay_claims *take(const char *text)
{
    return check_bytes(text, strlen(text), NULL, ASSAY_OK);
}

static void answer(const char *text, int expected)
{
    assay_claims_unref(check_bytes(text, strlen(text), NULL, expected));
}

static uint64_t hits_of(const char *url)
{
    uint64_t hits = 99;
    must_ok(assay_validator_get_stat(validator, url, ASSAY_STAT_CACHE_HITS, &hits));
    return hits;
}

static uint64_t hits(void)
{
    return hits_of(NULL);
}

/* It is accepted, and whether from the cache is as said. */
static void accepted(const char *text, bool from_cache)
{
    uint64_t before = hits();
    answer(text, ASSAY_OK);
    assert_int_equal(hits() - before, from_cache);
}

static void refused(const char *text, int code)
{
    uint64_t before = hits();
    answer(text, code);
    assert_int_equal(hits(), before);
}

/* Accepted twice: the second time from the cache. */
static void remembered(const char *text)
{
    accepted(text, false);
    accepted(text, true);
}

static void second_time_is_a_hit_with_the_same_claims(void **state)
{
    (void)state;
    assay_claims *first = take(token), *second = take(token);
    assert_ptr_equal(first, second);
    assert_string_equal(assay_claims_subject(second), "one");
    assert_string_equal(assay_claims_issuer(second), TRIAL_ISSUER);
    assert_string_equal(assay_claims_kid(second), "a");
    assert_int_equal(assay_claims_expiry(second), EXP);
    assay_claims_unref(first);
    accepted(token, true);
    assert_int_equal(hits(), 2);
    stop();
    assert_string_equal(assay_claims_subject(second), "one"); /* outlives the validator */
    assay_claims_unref(second);
    start(16);
}

static void it_is_off_unless_it_is_asked_for(void **state)
{
    (void)state;
    stop();
    start(0);
    accepted(token, false);
    accepted(token, false);
    stop();
    runtime = NULL;
    must_ok(assay_validator_new(NULL, &issuer, 1, &validator, NULL));
    assert_int_equal(hits(), 0);
    stop();
    start(1);
}

static void expires_to_the_second(void **state)
{
    (void)state;
    remembered(token);
    wall_now = EXP + LEEWAY - 1;
    accepted(token, true);
    wall_now = EXP + LEEWAY;
    refused(token, ASSAY_E_EXPIRED);
    wall_now = EXP + LEEWAY - 1; /* a clock that goes back is right, for all that is known */
    accepted(token, false);
    accepted(token, true);
    wall_now = (int64_t)1 << 40;
    refused(token, ASSAY_E_CLOCK);
    wall_now = -1;
    refused(token, ASSAY_E_CLOCK);
}

static void fractions_of_times_count(void **state)
{
    (void)state;
    char *fraction = mint_token(keys[0], "{\"iss\":\"" TRIAL_ISSUER "\",\"aud\":\"" TRIAL_AUDIENCE
                                         "\",\"exp\":1700003600.5,\"nbf\":1700000000.25,\"sub\":\"f\"}");
    remembered(fraction);
    wall_now = EXP + LEEWAY;
    accepted(fraction, true);
    wall_now = EXP + LEEWAY + 1;
    refused(fraction, ASSAY_E_EXPIRED);
    wall_now = TRIAL_NOW;
    remembered(fraction);
    wall_now = TRIAL_NOW - LEEWAY + 1;
    accepted(fraction, true);
    wall_now = TRIAL_NOW - LEEWAY;
    refused(fraction, ASSAY_E_NOT_YET_VALID);
    free(fraction);
}

static void clock_that_goes_back_before_nbf_and_iat(void **state)
{
    (void)state;
    char *with_nbf = mint_token(keys[0], PAYLOAD(",\"nbf\":1700000000,\"iat\":1600000000"));
    char *with_iat = mint_token(keys[0], PAYLOAD(",\"nbf\":1600000000,\"iat\":1700000000"));
    remembered(with_nbf);
    remembered(with_iat);
    wall_now = TRIAL_NOW - LEEWAY;
    accepted(with_nbf, true);
    accepted(with_iat, true);
    wall_now--;
    refused(with_nbf, ASSAY_E_NOT_YET_VALID);
    refused(with_iat, ASSAY_E_ISSUED_IN_FUTURE);
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
    char *twin = twin_of(token), *again = mint_token(keys[0], PAYLOAD(""));
    remembered(token);
    assert_string_not_equal(twin, token);
    remembered(twin);  /* by the checks, the first time */
    remembered(again); /* a signature of its own */
    size_t len = strlen(token), signed_len = (size_t)(strrchr(token, '.') - token);
    for (size_t at = signed_len + 1; at < len; at++) {
        char *changed = strdup(token);
        changed[at] = changed[at] == 'A' ? 'B' : 'A';
        /* The last character has four bits that count, and two that must be zero. */
        refused(changed, at + 1 < len || strchr("AQgw", changed[at]) != NULL ? ASSAY_E_SIGNATURE : ASSAY_E_BASE64URL);
        free(changed);
    }
    accepted(token, true);
    free(twin);
    free(again);
}

static void header_and_payload_count_byte_for_byte(void **state)
{
    (void)state;
    remembered(token);
    size_t signed_len = (size_t)(strrchr(token, '.') - token);
    for (size_t at = 0; at < signed_len; at++) {
        char *changed = strdup(token);
        changed[at] = (char)(changed[at] == 'B' ? 'C' : 'B');
        assay_claims *claims = NULL;
        assert_int_not_equal(assay_validator_check(validator, changed, strlen(changed), NULL, &claims, NULL), ASSAY_OK);
        assert_null(claims);
        free(changed);
    }
    assert_int_equal(hits(), 1);
}

static void length_counts(void **state)
{
    (void)state;
    remembered(token);
    size_t len = strlen(token);
    for (size_t shorter = 0; shorter < len; shorter++) {
        char *exact = malloc(shorter + 1); /* of exactly this size, for the sanitizer */
        memcpy(exact, token, shorter);
        assay_claims *claims = NULL;
        assert_int_not_equal(assay_validator_check(validator, exact, shorter, NULL, &claims, NULL), ASSAY_OK);
        free(exact);
    }
    char *longer = trial_format("%s.", token), *padded = trial_format("%s=", token),
         *more = trial_format("%sAAAA", token);
    refused(longer, ASSAY_E_MALFORMED);
    refused(padded, ASSAY_E_BASE64URL);
    refused(more, ASSAY_E_SIGNATURE);
    accepted(token, true);
    free(longer);
    free(padded);
    free(more);
}

static void signature_of_another_token(void **state)
{
    (void)state;
    char *second = mint_token(keys[0], PAYLOAD(",\"jti\":\"2\""));
    char *mixed = trial_format("%.*s%s", (int)(strrchr(second, '.') - second), second, strrchr(token, '.'));
    remembered(token);
    remembered(second);
    refused(mixed, ASSAY_E_SIGNATURE);
    free(second);
    free(mixed);
}

static void purged_key(void **state)
{
    (void)state;
    remembered(token);
    must_ok(assay_validator_purge(validator, TRIAL_ISSUER, "a", NULL));
    refused(token, ASSAY_E_KEYS_NEEDED);
    push(TRIAL_ISSUER, keys, 2);
    refused(token, ASSAY_E_KEYS_NEEDED); /* it does not come back */
}

static void purge_lets_go_of_the_claims_at_once(void **state)
{
    (void)state;
    char *far = mint_token(keys[0], "{\"iss\":\"" OTHER_ISSUER "\",\"aud\":\"" TRIAL_AUDIENCE
                                    "\",\"exp\":1700003600,\"sub\":\"far\"}");
    assay_claims *claims = take(token), *theirs = take(far);
    assert_int_equal(claims->references, 2);
    must_ok(assay_validator_purge(validator, TRIAL_ISSUER, NULL, NULL));
    assert_int_equal(claims->references, 1);
    assert_int_equal(theirs->references, 2);
    assay_claims_unref(claims);
    assay_claims_unref(theirs);
    refused(token, ASSAY_E_KEYS_NEEDED);
    accepted(far, true); /* the other issuer's are as they were */
    free(far);
}

/* A key that is served no more ends with its retention, whether or not there are new keys. */
static void retained_key(void **state)
{
    (void)state;
    mint_key *both[] = {keys[1], keys[0]};
    remembered(token);
    push(TRIAL_ISSUER, &keys[1], 1);
    accepted(token, true);
    steady_ms += HOUR * 1000 - 1;
    accepted(token, true);
    steady_ms += 1;
    refused(token, ASSAY_E_KEYS_NEEDED);
    push(TRIAL_ISSUER, both, 2);
    remembered(token);
    push(TRIAL_ISSUER, &keys[1], 1);
    accepted(token, true);
    push(TRIAL_ISSUER, both, 2); /* served again, so without end */
    steady_ms += 2 * HOUR * 1000;
    accepted(token, true);
}

static void retained_key_first_seen_while_it_is_missing(void **state)
{
    (void)state;
    push(TRIAL_ISSUER, &keys[1], 1);
    remembered(token);
    steady_ms += HOUR * 1000 - 1;
    accepted(token, true);
    steady_ms += 1;
    refused(token, ASSAY_E_KEYS_NEEDED);
}

static void key_that_is_not_retained(void **state)
{
    (void)state;
    stop();
    must_ok(assay_issuer_set_key_retention(issuer, 0, NULL));
    start(16);
    assay_claims *claims = take(token);
    accepted(token, true);
    push(TRIAL_ISSUER, &keys[1], 1);
    assert_int_equal(claims->references, 1); /* emptied of its tokens */
    refused(token, ASSAY_E_KEYS_NEEDED);
    assay_claims_unref(claims);
}

static void hard_limit_of_the_keys(void **state)
{
    (void)state;
    char *lasting = mint_token(keys[0], "{\"iss\":\"" TRIAL_ISSUER "\",\"aud\":\"" TRIAL_AUDIENCE
                                        "\",\"exp\":1900000000,\"sub\":\"l\"}");
    remembered(lasting);
    steady_ms += 24 * HOUR * 1000 - 1;
    accepted(lasting, true);
    steady_ms += 1;
    refused(lasting, ASSAY_E_KEYS_NEEDED);
    push(TRIAL_ISSUER, keys, 1);
    remembered(lasting);
    free(lasting);
}

static void other_material_under_the_same_kid(void **state)
{
    (void)state;
    char *renewed = mint_token(keys[2], PAYLOAD(""));
    remembered(token);
    push(TRIAL_ISSUER, &keys[2], 1);
    refused(token, ASSAY_E_SIGNATURE);
    remembered(renewed);
    free(renewed);
}

/* Refreshes that bring the same key again change nothing. */
static void keys_that_stay(void **state)
{
    (void)state;
    remembered(token);
    for (int i = 0; i < 5; i++) {
        push(TRIAL_ISSUER, keys, 1 + (size_t)i % 2);
        accepted(token, true);
        accepted(token, true);
    }
}

/* The same material, for something else: the checks decide. */
static void key_whose_restrictions_change(void **state)
{
    (void)state;
    const char *bare = mint_key_bare_jwk(keys[0]);
    char *without = trial_format("{\"keys\":[{\"kid\":\"a\",%s]}", bare + 1);
    char *narrowed = trial_format("{\"keys\":[{\"kid\":\"a\",\"alg\":\"ES512\",%s]}", bare + 1);
    remembered(token);
    push_jwks(TRIAL_ISSUER, without);
    remembered(token);
    push_jwks(TRIAL_ISSUER, narrowed);
    refused(token, ASSAY_E_ALGORITHM_KEY);
    free(without);
    free(narrowed);
}

/* A key of Entra that is from now on another tenant's. */
static void key_whose_issuer_changes(void **state)
{
    (void)state;
    trial t;
    entra_trial_open(&t);
    must_ok(assay_runtime_set_token_cache(t.runtime, 8, NULL));
    must_ok(assay_validator_new(t.runtime, &t.issuer, 1, &t.validator, NULL));
    entra_trial_no_keys(&t);
    entra_trial_add_key(&t, TRIAL_KID, ENTRA_V2(TENANT_A), "microsoftonline.com");
    must_ok(assay_validator_push_keys(t.validator, ENTRA_V2(TENANT_A), t.keys, NULL));
    char *text = trial_sign(&t, ENTRA_CLAIMS_V2(TENANT_A, ENTRA_USER_V2));
    trial_accept(&t, strdup(text));
    trial_accept(&t, strdup(text));
    uint64_t count = 0;
    must_ok(assay_validator_get_stat(t.validator, NULL, ASSAY_STAT_CACHE_HITS, &count));
    assert_int_equal(count, 1);
    entra_trial_no_keys(&t);
    entra_trial_add_key(&t, TRIAL_KID, ENTRA_V2(TENANT_B), "microsoftonline.com");
    must_ok(assay_validator_push_keys(t.validator, ENTRA_V2(TENANT_A), t.keys, NULL));
    trial_refuse(&t, strdup(text), ASSAY_E_KEY_ISSUER);
    free(text);
    trial_close(&t);
}

static void what_a_request_demands_is_always_checked(void **state)
{
    (void)state;
    assay_request *request = NULL, *empty = NULL;
    must_ok(assay_request_new(&request, NULL));
    must_ok(assay_request_new(&empty, NULL));
    must_ok(assay_request_add_acr(request, "2", NULL));
    char *weak = mint_token(keys[0], PAYLOAD(",\"acr\":\"1\""));
    assay_claims_unref(check_bytes(weak, strlen(weak), empty, ASSAY_OK));
    remembered(weak); /* what came with a request was not kept */
    assert_null(check_bytes(weak, strlen(weak), request, ASSAY_E_ACR));
    assay_claims_unref(check_bytes(weak, strlen(weak), empty, ASSAY_OK));
    assert_int_equal(hits(), 1);
    free(weak);
    assay_request_free(request);
    assay_request_free(empty);
}

static void what_is_never_kept(void **state)
{
    (void)state;
    char *nameless = mint_sign(keys[0], "ES256", "{\"alg\":\"ES256\"}", PAYLOAD(""));
    accepted(nameless, false);
    accepted(nameless, false);
    char *filler = trial_repeat("x", 12000);
    char *payload = trial_format("{" TRIAL_BARE ",\"sub\":\"one\",\"x\":\"%s\"}", filler);
    char *longer = mint_token(keys[0], payload);
    assert_true(strlen(longer) < 16384);
    remembered(longer);
    free(filler);
    free(payload);
    free(longer);
    filler = trial_repeat("x", 12300);
    payload = trial_format("{" TRIAL_BARE ",\"sub\":\"one\",\"x\":\"%s\"}", filler);
    longer = mint_token(keys[0], payload);
    assert_true(strlen(longer) > 16384);
    accepted(longer, false);
    accepted(longer, false);
    free(filler);
    free(payload);
    free(longer);
    free(nameless);
}

static void issuers_have_counts_of_their_own(void **state)
{
    (void)state;
    char *far = mint_token(keys[0], "{\"iss\":\"" OTHER_ISSUER "\",\"aud\":\"" TRIAL_AUDIENCE
                                    "\",\"exp\":1700003600,\"sub\":\"far\"}");
    remembered(token);
    remembered(far);
    accepted(far, true);
    assert_int_equal(hits_of(TRIAL_ISSUER), 1);
    assert_int_equal(hits_of(OTHER_ISSUER), 2);
    assert_int_equal(hits(), 3);
    must_ok(assay_validator_purge(validator, OTHER_ISSUER, NULL, NULL));
    assert_int_equal(hits_of(OTHER_ISSUER), 2); /* what was counted stays counted */
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
        tokens[i] = mint_token(keys[0], payload);
        free(payload);
    }
    for (size_t size = 0; size < sizeof sizes / sizeof *sizes; size++) {
        stop();
        start(sizes[size]);
        assay_claims *held[MANY];
        for (int i = 0; i < MANY * 3; i++) {
            int which = i < MANY * 2 ? i % MANY : (i * 7) % MANY;
            char subject[16];
            snprintf(subject, sizeof subject, "s%d", which);
            assay_claims *claims = take(tokens[which]);
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
        print_message("%zu entries: %d hits of %d\n", sizes[size], (int)hits(), MANY * 2);
        if (sizes[size] >= 65536)
            assert_int_equal(hits(), MANY * 2);
    }
    for (int i = 0; i < MANY; i++)
        free(tokens[i]);
}

/* In a full set one that is asked for stays, others make room. */
static void one_that_is_used_stays(void **state)
{
    (void)state;
    stop();
    start(4);
    remembered(token);
    for (int i = 0; i < 100; i++) {
        char *payload = trial_format("{" TRIAL_BARE ",\"sub\":\"s%d\"}", i);
        char *once = mint_token(keys[0], payload);
        accepted(once, false);
        accepted(token, true);
        free(payload);
        free(once);
    }
}

static void capacity_of_one(void **state)
{
    (void)state;
    char *second = mint_token(keys[0], PAYLOAD(",\"jti\":\"2\""));
    stop();
    start(1);
    remembered(token);
    accepted(second, false);
    accepted(second, true);
    accepted(token, false);
    accepted(token, true);
    free(second);
}

/* Not asked for again: those that are put in look after them, a few at a time. */
static void expired_tokens_are_dropped(void **state)
{
    enum { SIZE = 512, OLD = 10, FRESH = SIZE / 8 };
    (void)state;
    assay_claims *old[OLD];
    stop();
    start(SIZE);
    for (int i = 0; i < OLD + FRESH; i++) {
        char *payload =
            trial_format("{\"iss\":\"" TRIAL_ISSUER "\",\"aud\":\"" TRIAL_AUDIENCE "\",\"exp\":%d,\"sub\":\"s%d\"}",
                         i < OLD ? EXP : 1900000000, i);
        char *text = mint_token(keys[0], payload);
        assay_claims *claims = take(text);
        assert_int_equal(claims->references, 2);
        if (i < OLD)
            old[i] = claims;
        else
            assay_claims_unref(claims);
        if (i == OLD - 1)
            wall_now = EXP + LEEWAY;
        free(payload);
        free(text);
    }
    for (int i = 0; i < OLD; i++) {
        assert_int_equal(old[i]->references, 1);
        assay_claims_unref(old[i]);
    }
}

static void validators_share_nothing(void **state)
{
    (void)state;
    assay_validator *first = validator, *second = NULL;
    remembered(token);
    must_ok(assay_validator_new(runtime, &issuer, 1, &second, NULL));
    validator = second;
    push(TRIAL_ISSUER, keys, 1);
    remembered(token);
    assert_int_equal(hits(), 1);
    assay_validator_unref(second);
    validator = first;
    assert_int_equal(hits(), 1);
}

static void validator_that_takes_over_begins_empty(void **state)
{
    (void)state;
    assay_validator *old = validator;
    size_t taken = 0;
    remembered(token);
    validator = NULL;
    must_ok(assay_validator_new(runtime, &issuer, 1, &validator, NULL));
    must_ok(assay_validator_take_over(validator, old, &taken, NULL));
    assert_int_equal(taken, 1);
    remembered(token);
    assay_validator_unref(old);
    accepted(token, true);
}

/* A hit pays for a due refresh as any other answer does. */
static void hit_pays_for_a_due_refresh(void **state)
{
    (void)state;
    static scene at;
    scene_open(&at, NULL);
    must_ok(assay_runtime_set_token_cache(at.runtime, 8, NULL));
    scene_validator(&at);
    char *minted = scene_mint(&at, "{\"claims\":{\"exp\":4000000000}}");
    assert_int_equal(scene_validate(&at, minted, 20000), ASSAY_OK);
    scene_advance(&at, 3601);
    assert_int_equal(scene_validate(&at, minted, 0), ASSAY_OK);
    assert_int_equal(scene_requests(&at, "jwks"), 1);
    assert_int_equal(scene_validate(&at, minted, 20000), ASSAY_OK);
    assert_int_equal(scene_requests(&at, "jwks"), 2);
    assert_int_equal(scene_validate(&at, minted, 20000), ASSAY_OK);
    assert_int_equal(scene_requests(&at, "jwks"), 2);
    assert_int_equal(scene_stat(&at, ASSAY_STAT_CACHE_HITS), 3);
    free(minted);
    scene_close(&at);
}

static void operations_use_it_too(void **state)
{
    (void)state;
    canned c;
    canned_open(&c);
    must_ok(assay_runtime_set_token_cache(c.runtime, 8, NULL));
    canned_start(&c, NULL, NULL);
    char *text = canned_token(&c);
    assay_op *op = canned_validation(&c, text, 5000);
    assert_int_equal(canned_finish(&c, op), ASSAY_OK); /* after a fetch */
    assay_op_free(op);
    for (int i = 0; i < 3; i++) {
        op = canned_validation(&c, text, 5000);
        canned_step(op, ASSAY_WANT_NOTHING);
        canned_result(op, ASSAY_OK, true);
        assay_op_free(op);
    }
    assert_int_equal(canned_stat(&c, ASSAY_STAT_CACHE_HITS), 3);
    must_ok(assay_validator_purge(c.validator, CANNED_ISSUER, "k", NULL));
    op = canned_validation(&c, text, 5000);
    assert_int_not_equal(canned_finish(&c, op), ASSAY_OK);
    canned_result(op, assay_op_result(op, NULL, NULL), false);
    assay_op_free(op);
    assert_int_equal(canned_stat(&c, ASSAY_STAT_CACHE_HITS), 3);
    free(text);
    canned_close(&c);
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
    must_fail(assay_runtime_set_token_cache(runtime, 1, &error), ASSAY_E_FROZEN);
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
    char *jwks = mint_jwks(keys, 1);
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

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

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
        CASE(purged_key),
        CASE(purge_lets_go_of_the_claims_at_once),
        CASE(retained_key),
        CASE(retained_key_first_seen_while_it_is_missing),
        CASE(key_that_is_not_retained),
        CASE(hard_limit_of_the_keys),
        CASE(other_material_under_the_same_kid),
        CASE(keys_that_stay),
        CASE(key_whose_restrictions_change),
        CASE(key_whose_issuer_changes),
        CASE(what_a_request_demands_is_always_checked),
        CASE(what_is_never_kept),
        CASE(issuers_have_counts_of_their_own),
        CASE(each_token_gets_its_own_claims),
        CASE(one_that_is_used_stays),
        CASE(capacity_of_one),
        CASE(expired_tokens_are_dropped),
        CASE(validators_share_nothing),
        CASE(validator_that_takes_over_begins_empty),
        CASE(hit_pays_for_a_due_refresh),
        CASE(operations_use_it_too),
        CASE(settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
