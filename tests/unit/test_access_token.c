/* SPDX-License-Identifier: MIT */
/* Until when a token serves and from when on it is due (exchange.md, Settled 1; cases 37, 40, 44), on clocks that move apart. */
#include "flow/access_token.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>

#define WALL 1700000000 /* seconds when each token is made */
#define STEADY 5000000  /* milliseconds then */
#define TOKEN "eyJ0eXAi.e30.c2ln"

static assay_access_token *make_of(int64_t lifetime, int64_t expires_at, int64_t refresh_in, unsigned jitter)
{
    assay_token_answer answer = {
        .lifetime = lifetime, .expires_at = expires_at, .refresh_in = refresh_in, .token_type = "Bearer"};
    assert_true(assay_secret_set(&answer.token, TOKEN, sizeof TOKEN - 1));
    assay_access_token *token = assay_access_token_make(&answer, "asked", "test", WALL, STEADY, jitter);
    assert_non_null(token);
    assert_int_equal(answer.token.len, 0); /* it was taken over */
    assay_token_answer_clear(&answer);
    return token;
}

/* So many seconds after it was made, by both clocks. */
static bool serves(const assay_access_token *token, int64_t after)
{
    return assay_access_token_serves(token, WALL + after, STEADY + after * 1000);
}

static bool is_due(const assay_access_token *token, int64_t after)
{
    return assay_access_token_is_due(token, WALL + after, STEADY + after * 1000);
}

/* Without jitter. */
static void expect_times(int64_t life, int64_t refresh_in, int64_t renewed, int64_t until)
{
    assay_access_token *token = make_of(life, 0, refresh_in, 0);
    assert_int_equal(token->expires_at, WALL + life);
    assert_true(serves(token, 0));
    assert_false(is_due(token, renewed - 1));
    assert_true(is_due(token, renewed));
    assert_true(serves(token, until - 1));
    assert_false(serves(token, until));
    assay_access_token_unref(token);
}

static void test_case_37_soft_refresh_and_end(void **state)
{
    (void)state;
    expect_times(3600, 0, 3600 - 720, 3600 - 30); /* a fifth */
    expect_times(1200, 0, 1200 - 300, 1200 - 30); /* 300 s are more */
    expect_times(300, 0, 150, 270);               /* Keycloak's: half of it is the most */
    expect_times(100, 0, 50, 90);                 /* a tenth is less than 30 s */
    expect_times(10, 0, 5, 9);
}

static void test_case_40_long_lives(void **state)
{
    (void)state;
    expect_times(86400, 0, 86400 - 17280, 86400 - 30);
    expect_times(86400, 43200, 43200, 86400 - 30); /* as the server wants it */
    expect_times(5399, 0, 5399 - 1079, 5399 - 30);
}

static void test_refresh_in_is_bounded(void **state)
{
    (void)state;
    expect_times(3600, 60, 60, 3570);
    expect_times(3600, 1, 30, 3570);                      /* or the server would be asked each second */
    expect_times(20, 1, 10, 18);                          /* half the life */
    assay_access_token *token = make_of(600, 0, 7200, 0); /* longer than it lives */
    assert_false(is_due(token, 599));
    assert_true(is_due(token, 600));
    assert_false(serves(token, 570));
    assay_access_token_unref(token);
}

static void test_jitter_is_earlier_by_a_tenth_at_most(void **state)
{
    (void)state;
    int64_t before = INT64_MAX;
    for (unsigned jitter = 0; jitter < 256; jitter++) {
        assay_access_token *token = make_of(3600, 0, 0, jitter);
        int64_t after = token->renew_ms - STEADY;
        assert_in_range(after, 2880000 - 288000, 2880000);
        assert_true(after < before);
        assert_int_equal(token->until_ms, STEADY + 3570000); /* jitter is for renewals alone */
        before = after;
        assay_access_token_unref(token);
    }
    assert_in_range(before, 2880000 - 288000, 2880000 - 285000); /* nearly all of it */
}

static void test_expiry_as_a_moment(void **state)
{
    (void)state;
    assay_access_token *token = make_of(0, WALL + 3600, 0, 0);
    assert_int_equal(token->expires_at, WALL + 3600);
    assert_true(serves(token, 3569));
    assert_false(serves(token, 3570));
    assay_access_token_unref(token);
    token = make_of(0, WALL - 1, 0, 0); /* dead on arrival */
    assert_false(serves(token, 0));
    assay_access_token_unref(token);
    token = make_of(0, WALL, 0, 0);
    assert_false(serves(token, 0));
    assay_access_token_unref(token);
    token = make_of(1, 0, 0, 255);
    assert_true(serves(token, 0));
    assert_false(serves(token, 1));
    assert_true(token->renew_ms >= STEADY + 900); /* never at once */
    assay_access_token_unref(token);
}

static void test_untold_lifetime(void **state)
{
    (void)state;
    assay_access_token *token = make_of(0, 0, 0, 0);
    assert_int_equal(assay_access_token_expires_at(token), 0);
    assert_true(serves(token, ASSAY_LIMIT_UNTOLD_LIFETIME - 31));
    assert_false(serves(token, ASSAY_LIMIT_UNTOLD_LIFETIME - 30));
    assert_true(is_due(token, ASSAY_LIMIT_UNTOLD_LIFETIME / 2));
    /* The wall clock ends it too: a machine that slept has a steady clock that may not have gone on. */
    assert_true(assay_access_token_serves(token, WALL + ASSAY_LIMIT_UNTOLD_LIFETIME - 1, STEADY + 1000));
    assert_false(assay_access_token_serves(token, WALL + ASSAY_LIMIT_UNTOLD_LIFETIME, STEADY + 1000));
    assay_access_token_unref(token);
}

static void test_unbelievable_lifetimes(void **state)
{
    (void)state;
    assay_access_token *token = make_of(INT64_MAX, 0, INT64_MAX, 255);
    assert_int_equal(token->expires_at, WALL + ASSAY_LIMIT_TOKEN_LIFETIME);
    assert_true(serves(token, 86400));
    assay_access_token_unref(token);
    token = make_of(0, INT64_MAX, 0, 0);
    assert_int_equal(token->expires_at, WALL + ASSAY_LIMIT_TOKEN_LIFETIME);
    assay_access_token_unref(token);
}

/* Either clock ends it; going back revives nothing. */
static void test_case_44_clock_jumps(void **state)
{
    (void)state;
    assay_access_token *token = make_of(3600, 0, 0, 0);
    assert_false(assay_access_token_serves(token, WALL + 3571, STEADY));    /* the wall clock was set on */
    assert_false(assay_access_token_serves(token, WALL, STEADY + 3570000)); /* it stands still, or was set back */
    assert_false(assay_access_token_serves(token, WALL - 3600, STEADY + 3570000));
    assert_false(assay_access_token_serves(token, WALL, STEADY - 1));          /* no steady clock does that */
    assert_true(assay_access_token_serves(token, WALL - 3600, STEADY + 1000)); /* good, */
    assert_true(
        assay_access_token_is_due(token, WALL - 3600, STEADY + 1000)); /* but its expiry can't be told any more */
    assert_true(assay_access_token_is_due(token, WALL - 61, STEADY + 1000));
    assert_false(assay_access_token_is_due(token, WALL - 60, STEADY + 1000));   /* as an NTP daemon may */
    assert_false(assay_access_token_is_due(token, WALL + 3000, STEADY + 1000)); /* the steady one tells how old it is */
    assay_access_token_unref(token);
}

static void test_texts(void **state)
{
    (void)state;
    size_t len = 0;
    assay_token_answer answer = {.lifetime = 60, .token_type = "N_A", .issued_token_type = "urn:x"};
    assert_true(assay_secret_set(&answer.token, TOKEN, sizeof TOKEN - 1));
    answer.scope = assay_strdup("granted");
    assay_access_token *token = assay_access_token_make(&answer, "asked", "test", WALL, STEADY, 0);
    assay_token_answer_clear(&answer);
    assert_string_equal(assay_access_token_text(token, &len), TOKEN);
    assert_int_equal(len, sizeof TOKEN - 1);
    /* What is no access token is not to be sent as one. */
    assert_string_equal(assay_access_token_authorization(token, &len), "");
    assert_int_equal(len, 0);
    assert_string_equal(assay_access_token_scope(token), "granted");
    assert_string_equal(assay_access_token_type(token), "N_A");
    assert_string_equal(assay_access_token_issued_type(token), "urn:x");
    assert_string_equal(assay_access_token_source(token), "test");
    assert_ptr_equal(assay_access_token_ref(token), token);
    assay_access_token_unref(token);
    assert_string_equal(assay_access_token_text(token, NULL), TOKEN);
    assay_access_token_unref(token);
    assay_access_token_unref(NULL);
    assert_null(assay_access_token_ref(NULL));
    token = make_of(60, 0, 0, 0);
    assert_string_equal(assay_access_token_scope(token),
                        "asked"); /* where the server does not tell (RFC 6749, section 5.1) */
    assay_access_token_unref(token);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_case_37_soft_refresh_and_end),
        cmocka_unit_test(test_case_40_long_lives),
        cmocka_unit_test(test_refresh_in_is_bounded),
        cmocka_unit_test(test_jitter_is_earlier_by_a_tenth_at_most),
        cmocka_unit_test(test_expiry_as_a_moment),
        cmocka_unit_test(test_untold_lifetime),
        cmocka_unit_test(test_unbelievable_lifetimes),
        cmocka_unit_test(test_case_44_clock_jumps),
        cmocka_unit_test(test_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
