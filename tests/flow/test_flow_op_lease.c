/* SPDX-License-Identifier: MIT */
/* Operations that are left in every state, that are late, that share a flight, and what forged tokens may cost: with canned answers. */
#include "base/memory.h"
#include "support/canned.h"
#include "support/scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define WAIT 20000
#define FLOOD 10000

static canned c;
static char *token;

static int open_cold(void **state)
{
    (void)state;
    canned_open(&c);
    canned_start(&c, NULL, NULL);
    token = canned_token(&c);
    return 0;
}

/* A document may take 100 ms only, and a lease 250 ms more. */
static int open_impatient(void **state)
{
    (void)state;
    canned_open(&c);
    must_ok(assay_runtime_set_fetch_timeout(c.runtime, 100, NULL));
    canned_start(&c, NULL, NULL);
    token = canned_token(&c);
    return 0;
}

static int close_canned(void **state)
{
    (void)state;
    free(token);
    canned_close(&c);
    return 0;
}

static void pause_ms(long ms)
{
    const struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

static assay_op *make(bool refresh, int64_t timeout_ms)
{
    return refresh ? canned_refresh(&c, CANNED_ISSUER, timeout_ms) : canned_validation(&c, token, timeout_ms);
}

enum { FRESH, ASKS_METADATA, ASKS_KEYS, WAITS, ANSWERED, DONE, STATES };

/* An operation in this state; where it waits, *leader fetches for it. */
static assay_op *make_in(int state, bool refresh, int64_t timeout_ms, assay_op **leader)
{
    *leader = NULL;
    if (state == WAITS) {
        *leader = make(refresh, WAIT);
        canned_step(*leader, ASSAY_WANT_FETCH);
    }
    assay_op *op = make(refresh, timeout_ms);
    if (state != FRESH)
        canned_step(op, state == WAITS ? ASSAY_WANT_WAIT : ASSAY_WANT_FETCH);
    if (state == ASKS_KEYS || state == ANSWERED || state == DONE) {
        canned_answer_well(&c, op);
        canned_step(op, ASSAY_WANT_FETCH);
    }
    if (state == ANSWERED || state == DONE)
        canned_answer_well(&c, op);
    if (state == DONE)
        canned_step(op, ASSAY_WANT_NOTHING);
    return op;
}

/* What is left is as good as new: the next one gets its keys, with no pause. */
static void goes_on(assay_op *leader)
{
    assay_op *next = leader != NULL ? leader : canned_validation(&c, token, WAIT);
    assert_int_equal(canned_finish(&c, next), ASSAY_OK);
    assay_op_free(next);
    next = canned_validation(&c, token, WAIT);
    canned_step(next, ASSAY_WANT_NOTHING);
    canned_result(next, ASSAY_OK, true);
    assay_op_free(next);
}

static void freed_in_every_state(void **state)
{
    for (int i = 0; i < 2 * STATES; i++) {
        assay_op *leader;
        close_canned(state);
        open_cold(state);
        assay_op_free(make_in(i / 2, i % 2 == 1, WAIT, &leader));
        goes_on(leader);
    }
}

static void cancelled_in_every_state(void **state)
{
    for (int i = 0; i < 2 * STATES; i++) {
        assay_op *leader;
        close_canned(state);
        open_cold(state);
        assay_op *op = make_in(i / 2, i % 2 == 1, WAIT, &leader);
        assay_op_cancel(op);
        assay_op_cancel(op);
        assert_null(assay_op_fetch_url(op));
        assert_int_equal(assay_op_wait_ms(op), 0);
        assert_int_equal(assay_op_fetched(op, 200, CANNED_METADATA_URL, NULL, 0), ASSAY_E_STATE);
        int code = i / 2 == DONE ? ASSAY_OK : ASSAY_E_CANCELLED;
        canned_result(op, code, code == ASSAY_OK && i % 2 == 0); /* needs no step more */
        canned_step(op, ASSAY_WANT_NOTHING);
        canned_result(op, code, code == ASSAY_OK && i % 2 == 0);
        goes_on(leader);
        assay_op_free(op);
    }
}

/* The lead passes on from every state that has it; who has waited longest asks for what is still lacking, at once. */
static void lead_passes_on(void **state)
{
    for (int i = 0; i < 4; i++) {
        assay_op *none;
        close_canned(state);
        open_cold(state);
        int at = i % 2 == 0 ? ASKS_METADATA : ASKS_KEYS;
        assay_op *leader = make_in(at, false, WAIT, &none);
        assay_op *waiting[2] = {make(true, WAIT), make(false, WAIT)};
        canned_step(waiting[0], ASSAY_WANT_WAIT);
        canned_step(waiting[1], ASSAY_WANT_WAIT);
        if (i < 2)
            assay_op_free(ASSAY_STEAL(leader));
        else
            assay_op_cancel(leader);
        assay_op *late = make(false, WAIT);
        canned_step(late, ASSAY_WANT_WAIT);
        canned_step(waiting[1], ASSAY_WANT_WAIT);
        canned_step(waiting[0], ASSAY_WANT_FETCH);
        assert_string_equal(assay_op_fetch_url(waiting[0]),
                            at == ASKS_METADATA ? CANNED_METADATA_URL : CANNED_JWKS_URI);
        canned_step(waiting[1], ASSAY_WANT_WAIT);
        assert_int_equal(canned_finish(&c, waiting[0]), ASSAY_OK);
        canned_step(waiting[1], ASSAY_WANT_NOTHING);
        canned_result(waiting[1], ASSAY_OK, true);
        canned_step(late, ASSAY_WANT_NOTHING);
        assay_op_free(late);
        assert_int_equal(canned_stat(&c, ASSAY_STAT_METADATA_FETCHES), at == ASKS_METADATA ? 2 : 1);
        assert_int_equal(canned_stat(&c, ASSAY_STAT_KEY_FETCHES), at == ASKS_METADATA ? 1 : 2);
        assay_op_free(leader);
        assay_op_free(waiting[0]);
        assay_op_free(waiting[1]);
    }
}

/* Time that ran out is said so, at the next step, and is no failure of the issuer for one with more. */
static void deadline_in_every_state(void **state)
{
    for (int i = 0; i < 8; i++) {
        assay_op *leader;
        bool refresh = i % 2 == 1;
        close_canned(state);
        open_cold(state);
        assay_op *op = make_in(i / 2, refresh, 60, &leader);
        pause_ms(70);
        assert_int_equal(assay_op_fetch_timeout_ms(op), 0);
        canned_step(op, ASSAY_WANT_NOTHING);
        canned_result(op, refresh ? ASSAY_E_TIMEOUT : ASSAY_E_KEYS_UNAVAILABLE, false);
        goes_on(leader);
        assay_op_free(op);
    }
}

/* An answer that comes after the deadline, with nobody in its place, is still good for all. */
static void late_answer_that_nobody_replaced(void **state)
{
    (void)state;
    assay_op *leader;
    assay_op *op = make_in(ASKS_KEYS, false, 60, &leader);
    pause_ms(70);
    canned_answer_well(&c, op);
    canned_step(op, ASSAY_WANT_NOTHING);
    canned_result(op, ASSAY_OK, true);
    assay_op_free(op);
}

/* Step until it wants this; bounded. How long it took. */
static int64_t step_until(assay_op *op, int want)
{
    int64_t start = scene_real_ms();
    while (assay_op_step(op) != want) {
        assert_true(scene_real_ms() - start < 10000);
        pause_ms((long)assay_op_wait_ms(op));
    }
    return scene_real_ms() - start;
}

/* A host that never answers costs the others the lease; what it says afterwards is dropped, and it shares what came instead. */
static void late_answer_after_the_lease(void **state)
{
    static const canned_reply late[] = {
        {0},
        {.body = "{\"issuer\":\"" CANNED_ISSUER "\",\"jwks_uri\":\"https://evil.example/keys\"}"},
        {.status = 500},
        {.effective_url = "https://evil.example/"},
    };
    for (size_t i = 0; i < sizeof late / sizeof late[0]; i++) {
        close_canned(state);
        open_impatient(state);
        assay_op *gone = make(false, WAIT), *heir = make(i % 2 == 0, WAIT);
        canned_step(gone, ASSAY_WANT_FETCH);
        canned_step(heir, ASSAY_WANT_WAIT);
        int64_t took = step_until(heir, ASSAY_WANT_FETCH);
        assert_in_range(took, 250, 350 + 1500);
        assert_string_equal(assay_op_fetch_url(heir), CANNED_METADATA_URL);
        canned_answer(&c, gone, &late[i]);
        canned_step(gone, ASSAY_WANT_WAIT);
        assert_string_equal(assay_op_fetch_url(heir), CANNED_METADATA_URL);
        canned_answer_well(&c, heir);
        canned_step(heir, ASSAY_WANT_FETCH);
        assert_string_equal(assay_op_fetch_url(heir), CANNED_JWKS_URI);
        canned_answer_well(&c, heir);
        canned_step(heir, ASSAY_WANT_NOTHING);
        canned_step(gone, ASSAY_WANT_NOTHING);
        canned_result(gone, ASSAY_OK, true);
        canned_result(heir, ASSAY_OK, i % 2 != 0);
        assert_int_equal(canned_stat(&c, ASSAY_STAT_KEY_FETCHES), 1);
        assay_op_free(gone);
        assay_op_free(heir);
    }
}

/* A late answer after all is over: the operation has the others' result, and the keys are theirs. */
static void late_answer_after_the_landing(void **state)
{
    (void)state;
    const canned_reply evil = {.body = "{\"issuer\":\"" CANNED_ISSUER "\",\"jwks_uri\":\"https://evil.example/keys\"}"};
    assay_op *gone = make(false, WAIT), *heir = make(false, WAIT);
    canned_step(gone, ASSAY_WANT_FETCH);
    canned_step(heir, ASSAY_WANT_WAIT);
    (void)step_until(heir, ASSAY_WANT_FETCH);
    assert_int_equal(canned_finish(&c, heir), ASSAY_OK);
    canned_answer(&c, gone, &evil);
    canned_step(gone, ASSAY_WANT_NOTHING);
    canned_result(gone, ASSAY_OK, true);
    assay_op_free(gone);
    assay_op_free(heir);
}

/* Header fields of an answer that never came say nothing about the next document. */
static void header_fields_of_no_answer_are_forgotten(void **state)
{
    (void)state;
    static const char *const fields[][2] = {
        {"Content-Encoding", "gzip"}, {"ETag", "\"of-metadata\""}, {"Content-Type", "text/html"}};
    canned_warm_up(&c);
    canned_advance(&c, 86401); /* both documents are due */
    assay_op *op = canned_refresh(&c, NULL, WAIT);
    canned_step(op, ASSAY_WANT_FETCH);
    assert_string_equal(assay_op_fetch_url(op), CANNED_METADATA_URL);
    for (size_t i = 0; i < 3; i++)
        must_ok(assay_op_fetched_header(op, fields[i][0], strlen(fields[i][0]), fields[i][1], strlen(fields[i][1])));
    pause_ms(120); /* no answer in time: the keys are asked for where they were */
    canned_step(op, ASSAY_WANT_FETCH);
    assert_string_equal(assay_op_fetch_url(op), CANNED_JWKS_URI);
    canned_answer_well(&c, op);
    canned_step(op, ASSAY_WANT_NOTHING);
    canned_result(op, ASSAY_OK, false);
    assay_op_free(op);
    op = canned_refresh(&c, CANNED_ISSUER, WAIT); /* metadata again, which failed; then the keys */
    canned_step(op, ASSAY_WANT_FETCH);
    canned_answer_well(&c, op);
    canned_step(op, ASSAY_WANT_FETCH);
    assert_int_equal(assay_op_fetch_header_count(op), 1); /* no tag was theirs */
    assay_op_free(op);
}

static void failure_is_shared(void **state)
{
    (void)state;
    const canned_reply down = {.status = 500};
    assay_op *leader = make(false, WAIT), *others[3];
    canned_step(leader, ASSAY_WANT_FETCH);
    for (int i = 0; i < 3; i++) {
        others[i] = make(i == 2, WAIT);
        canned_step(others[i], ASSAY_WANT_WAIT);
    }
    canned_answer(&c, leader, &down);
    for (int i = 0; i < 3; i++) {
        canned_step(others[i], ASSAY_WANT_NOTHING);
        canned_result(others[i], i == 2 ? ASSAY_E_HTTP_STATUS : ASSAY_E_KEYS_UNAVAILABLE, false);
        assay_op_free(others[i]);
    }
    canned_step(leader, ASSAY_WANT_NOTHING);
    canned_result(leader, ASSAY_E_KEYS_UNAVAILABLE, false);
    assay_op_free(leader);
    assay_op *next = make(false, WAIT); /* inside the back-off */
    canned_step(next, ASSAY_WANT_NOTHING);
    canned_result(next, ASSAY_E_KEYS_UNAVAILABLE, false);
    assay_op_free(next);
    assert_int_equal(canned_stat(&c, ASSAY_STAT_METADATA_FETCHES), 1);
}

/* One operation about a forged token: how many fetches it asks for. */
static int forged(int number, int status, int code)
{
    const canned_reply reply = {.status = status};
    char kid[40];
    snprintf(kid, sizeof kid, "forged-%d", number);
    char *unknown = canned_token_of(&c, kid);
    assay_op *op = canned_validation(&c, unknown, WAIT);
    int asked = 0;
    while (assay_op_step(op) == ASSAY_WANT_FETCH && asked < 10) {
        asked++;
        canned_answer(&c, op, &reply);
    }
    canned_result(op, code, false);
    assay_op_free(op);
    free(unknown);
    return asked;
}

static void forged_tokens_have_a_budget(void **state)
{
    (void)state;
    canned_warm_up(&c);
    for (int window = 0; window < 4; window++) {
        int asked = 0;
        for (int i = 0; i < FLOOD / 4; i++)
            asked += forged(window * FLOOD + i, 200, ASSAY_E_KEY_UNKNOWN);
        assert_int_equal(asked, 1);
        canned_advance(&c, 29);
        assert_int_equal(forged(-1, 200, ASSAY_E_KEY_UNKNOWN), 0);
        canned_advance(&c, 1);
    }
    assert_int_equal(canned_stat(&c, ASSAY_STAT_UNKNOWN_KID_FETCHES), 4);
    /* While fetches fail an unknown key is no verdict on the token, and the window grows. */
    assert_int_equal(forged(-2, 500, ASSAY_E_KEYS_UNAVAILABLE), 1);
    canned_advance(&c, 59);
    assert_int_equal(forged(-3, 500, ASSAY_E_KEYS_UNAVAILABLE), 0);
    canned_advance(&c, 1);
    assert_true(forged(-4, 500, ASSAY_E_KEYS_UNAVAILABLE) >= 1);
}

/* Callers that hang up while their forged tokens are looked into: each passes its lead on, but not without end. */
static void forged_tokens_of_callers_that_go_away(void **state)
{
    (void)state;
    enum { OPEN = 20 };
    assay_op *ops[OPEN] = {NULL};
    int asked = 0;
    canned_warm_up(&c);
    char *unknown = canned_token_of(&c, "forged");
    for (int i = 0; i < 500; i++) {
        assay_op **op = &ops[i % OPEN];
        assay_op_free(*op);
        for (int j = 0; j < OPEN; j++)
            asked += ops[j] != *op && ops[j] != NULL && assay_op_fetch_url(ops[j]) == NULL &&
                     assay_op_step(ops[j]) == ASSAY_WANT_FETCH;
        *op = canned_validation(&c, unknown, WAIT);
        asked += assay_op_step(*op) == ASSAY_WANT_FETCH;
    }
    print_message("500 forged tokens of callers that went away asked for %d fetches\n", asked);
    assert_in_range(asked, 1, 8);
    for (int i = 0; i < OPEN; i++)
        assay_op_free(ops[i]);
    free(unknown);
    assert_int_equal(canned_finish(&c, ops[0] = canned_validation(&c, token, WAIT)), ASSAY_OK);
    assay_op_free(ops[0]);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_cold, close_canned)
#define IMPATIENT(name) cmocka_unit_test_setup_teardown(name, open_impatient, close_canned)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(freed_in_every_state),
        CASE(cancelled_in_every_state),
        CASE(lead_passes_on),
        CASE(deadline_in_every_state),
        CASE(late_answer_that_nobody_replaced),
        IMPATIENT(late_answer_after_the_lease),
        IMPATIENT(late_answer_after_the_landing),
        IMPATIENT(header_fields_of_no_answer_are_forgotten),
        CASE(failure_is_shared),
        CASE(forged_tokens_have_a_budget),
        CASE(forged_tokens_of_callers_that_go_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
