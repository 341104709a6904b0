/* SPDX-License-Identifier: MIT */
/* Fetches for unknown kids where processes share a store: one budget for all of them. What they cost is counted at the server. */
#include "discovery/source_record.h"
#include "flow/store.h"
#include "flow/validator.h"
#include "support/scene.h"
#include "support/store_folder.h"
#include "support/trial.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT 5000
#define PROCESSES 8
#define TOKENS 20
#define WINDOW ASSAY_LIMIT_UNKNOWN_KID_WINDOW

static scene at;
static assay_validator *second; /* as another process would have it */
static char name[ASSAY_RECORD_NAME + 1];

static assay_validator *another(void)
{
    assay_validator *made = NULL;
    must_ok(assay_validator_new(at.runtime, &at.configuration, 1, &made, NULL));
    return made;
}

/* Two that are warm by one fetch. */
static int open_two(void **state)
{
    if (store_folder_open(state) != 0)
        return -1;
    scene_open(&at, NULL);
    must_ok(assay_runtime_set_store_directory(at.runtime, store_directory, NULL));
    scene_validator(&at);
    must_ok(assay_validator_warm_up(at.validator, WAIT, NULL));
    second = another();
    assert_int_equal(assay_source_record_name(second->issuers[0].keys.source, name), ASSAY_OK);
    assert_int_equal(scene_requests(&at, "jwks"), 1);
    return 0;
}

static int close_two(void **state)
{
    assay_validator_unref(second);
    scene_close(&at);
    return store_folder_remove(state);
}

static int validate_within(assay_validator *validator, const char *token, int timeout_ms)
{
    assay_claims *claims = NULL;
    int code = assay_validator_validate(validator, token, strlen(token), NULL, timeout_ms, &claims, NULL);
    assay_claims_unref(claims);
    return code;
}

static int validate(assay_validator *validator, const char *token)
{
    return validate_within(validator, token, WAIT);
}

/* Where what another process asks for does not come. */
static int validate_in_vain(assay_validator *validator, const char *token)
{
    return validate_within(validator, token, 100);
}

static int validate_forged(assay_validator *validator)
{
    char *token = scene_mint(&at, "{\"forge\":\"unknown-kid\"}");
    int code = validate(validator, token);
    free(token);
    return code;
}

static char *mint_after_rotation(void)
{
    char *answer = NULL;
    assert_int_equal(dev_issuer_rotate(at.issuer, "{\"algorithm\":\"ES256\"}", &answer), 0);
    free(answer);
    return scene_mint(&at, "{\"algorithm\":\"ES256\"}");
}

/* What another process does that asks the issuer, so long ago. */
static int ask_elsewhere(int64_t ago)
{
    assay_store_turn turn;
    int64_t now = assay_clock_wall(&at.runtime->clock) - ago;
    return assay_store_take_turn(at.runtime->store, name, now, WINDOW, &turn, NULL);
}

/* Each connection has its process, and each brings forged tokens; half of them were warm before. */
static int be_a_process(int number, char *const *tokens)
{
    int wrong = 0;
    assay_validator *validator = number % 2 == 0 ? assay_validator_ref(second) : NULL;
    if (validator == NULL && assay_validator_new(at.runtime, &at.configuration, 1, &validator, NULL) != ASSAY_OK)
        return 100;
    for (int i = 0; i < TOKENS; i++) {
        int code = validate(validator, tokens[i]);
        /* While the one that asks has no answer yet, the others can't tell. */
        wrong += code != ASSAY_E_KEY_UNKNOWN && code != ASSAY_E_KEYS_UNAVAILABLE;
    }
    return wrong;
}

static void many_processes_make_one_fetch(void **state)
{
    (void)state;
    int gate[2];
    pid_t children[PROCESSES];
    char *tokens[TOKENS];
    for (int window = 0; window < 2; window++, scene_advance(&at, WINDOW + 1)) {
        for (int i = 0; i < TOKENS; i++)
            tokens[i] = scene_mint(&at, "{\"forge\":\"unknown-kid\"}");
        int64_t before = scene_requests(&at, "jwks");
        /* All at once, and none before the last is forked: the issuer's threads are idle then. */
        assert_int_equal(pipe(gate), 0);
        for (int i = 0; i < PROCESSES; i++) {
            char end;
            children[i] = fork();
            if (children[i] == 0)
                _exit(close(gate[1]) == 0 && read(gate[0], &end, 1) == 0 ? be_a_process(i, tokens) : 101);
        }
        close(gate[0]);
        close(gate[1]);
        for (int i = 0; i < PROCESSES; i++)
            assert_int_equal(store_wait_for(children[i]), 0);
        assert_int_equal(scene_requests(&at, "jwks") - before, 1);
        /* And those that come later have what it brought: the kid is unknown, at once. */
        assay_validator *third = another();
        assert_int_equal(validate(third, tokens[0]), ASSAY_E_KEY_UNKNOWN);
        assert_int_equal(scene_requests(&at, "jwks") - before, 1);
        assay_validator_unref(third);
        for (int i = 0; i < TOKENS; i++)
            free(tokens[i]);
    }
}

static void a_rotation_costs_one_fetch(void **state)
{
    (void)state;
    assay_validator *others[PROCESSES];
    for (int i = 0; i < PROCESSES; i++)
        others[i] = another();
    scene_advance(&at, 60);
    char *token = mint_after_rotation();
    assert_int_equal(validate(at.validator, token), ASSAY_OK);
    for (int i = 0; i < PROCESSES; i++) {
        assert_int_equal(validate(others[i], token), ASSAY_OK);
        assay_validator_unref(others[i]);
    }
    /* Also where a success of its own is as late as the record. */
    assert_int_equal(validate(second, token), ASSAY_OK);
    assert_int_equal(scene_requests(&at, "jwks"), 2);
    free(token);
}

static void operations_share_it_too(void **state)
{
    (void)state;
    assay_op *op = NULL;
    assay_claims *claims = NULL;
    char *token = mint_after_rotation();
    assert_int_equal(validate(at.validator, token), ASSAY_OK);
    must_ok(assay_op_new_validate(second, token, strlen(token), NULL, WAIT, &op, NULL));
    assert_int_equal(assay_op_step(op), ASSAY_WANT_NOTHING);
    must_ok(assay_op_result(op, &claims, NULL));
    assay_claims_unref(claims);
    assay_op_free(op);
    free(token);
}

/* Another process asks: nobody can tell until its answer is in the store, and then each who looks has it. */
static void what_another_process_asks_for(void **state)
{
    (void)state;
    uint64_t own = 1;
    scene_advance(&at, 60);
    char *token = mint_after_rotation();
    assert_int_equal(ask_elsewhere(0), ASSAY_OK);
    assert_int_equal(validate_in_vain(second, token), ASSAY_E_KEYS_UNAVAILABLE);
    assert_int_equal(scene_requests(&at, "jwks"), 1);
    must_ok(assay_validator_refresh(at.validator, NULL, WAIT, NULL));
    assert_int_equal(validate(second, token), ASSAY_OK);
    assert_int_equal(validate_forged(second), ASSAY_E_KEY_UNKNOWN);
    assert_int_equal(scene_requests(&at, "jwks"), 2);
    must_ok(assay_validator_get_stat(second, NULL, ASSAY_STAT_UNKNOWN_KID_FETCHES, &own));
    assert_int_equal(own, 0);
    free(token);
}

/* However late the last success was: nobody can tell until the answer is there, not even where others write to the store meanwhile. */
static void a_rotation_just_after_a_success(void **state)
{
    (void)state;
    char *token = mint_after_rotation();
    assay_validator *third = another();
    assert_int_equal(ask_elsewhere(0), ASSAY_OK);
    assert_int_equal(validate_in_vain(second, token), ASSAY_E_KEYS_UNAVAILABLE);
    assert_int_equal(validate_in_vain(third, token), ASSAY_E_KEYS_UNAVAILABLE);
    assert_int_equal(validate_within(third, token, 0), ASSAY_E_KEYS_UNAVAILABLE);
    must_ok(assay_validator_refresh(at.validator, NULL, WAIT, NULL));
    assert_int_equal(validate(second, token), ASSAY_OK);
    assert_int_equal(validate(third, token), ASSAY_OK);
    assert_int_equal(validate_forged(third), ASSAY_E_KEY_UNKNOWN);
    assert_int_equal(scene_requests(&at, "jwks"), 2);
    assay_validator_unref(third);
    free(token);
}

static void a_purge_is_no_answer(void **state)
{
    (void)state;
    scene_advance(&at, 60);
    char *token = mint_after_rotation();
    assert_int_equal(ask_elsewhere(0), ASSAY_OK);
    must_fail(assay_validator_purge(at.validator, dev_issuer_url(at.issuer), "none", &error), ASSAY_E_KEY_UNKNOWN);
    assert_int_equal(validate_in_vain(second, token), ASSAY_E_KEYS_UNAVAILABLE);
    must_ok(assay_validator_refresh(at.validator, NULL, WAIT, NULL));
    assert_int_equal(validate(second, token), ASSAY_OK);
    free(token);
}

/* On a file system of whole seconds the times of the wall clock must do. */
static void a_turn_without_a_mark(void **state)
{
    (void)state;
    scene_advance(&at, 60);
    char *token = mint_after_rotation();
    const struct timespec now[] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = (time_t)assay_clock_wall(&at.runtime->clock)}};
    assert_int_equal(utimensat(AT_FDCWD, store_only_file(".lock"), now, 0), 0);
    assert_int_equal(validate_in_vain(second, token), ASSAY_E_KEYS_UNAVAILABLE);
    must_ok(assay_validator_refresh(at.validator, NULL, WAIT, NULL));
    assert_int_equal(validate(second, token), ASSAY_OK);
    assert_int_equal(validate_forged(second), ASSAY_E_KEY_UNKNOWN);
    assert_int_equal(scene_requests(&at, "jwks"), 2);
    free(token);
}

/* A caller who has the time for it waits for what another process fetches. */
static void an_answer_that_comes_in_time(void **state)
{
    (void)state;
    char *token = mint_after_rotation();
    assert_int_equal(ask_elsewhere(0), ASSAY_OK);
    pid_t child = fork();
    if (child == 0) {
        const struct timespec pause = {.tv_nsec = 300000000};
        (void)nanosleep(&pause, NULL);
        _exit(assay_validator_refresh(at.validator, NULL, WAIT, NULL) == ASSAY_OK ? 0 : 1);
    }
    assert_int_equal(validate(second, token), ASSAY_OK);
    assert_int_equal(store_wait_for(child), 0);
    assert_int_equal(scene_requests(&at, "jwks"), 2);
    free(token);
}

/* Where its answer never comes, the next window is anybody's, and ends when the other's does. */
static void what_another_process_does_not_get(void **state)
{
    (void)state;
    scene_advance(&at, 60);
    char *token = mint_after_rotation();
    assert_int_equal(ask_elsewhere(WINDOW - 10), ASSAY_OK);
    assert_int_equal(validate(second, token), ASSAY_E_KEYS_UNAVAILABLE);
    scene_advance(&at, 5);
    assert_int_equal(validate(second, token), ASSAY_E_KEYS_UNAVAILABLE);
    assert_int_equal(scene_requests(&at, "jwks"), 1);
    scene_advance(&at, 7);
    assert_int_equal(validate(second, token), ASSAY_OK);
    assert_int_equal(scene_requests(&at, "jwks"), 2);
    free(token);
}

static void implausible_times_count_for_nothing(void **state)
{
    (void)state;
    scene_advance(&at, 60);
    assert_int_equal(ask_elsewhere(-ASSAY_LIMIT_STORE_FUTURE + 10), ASSAY_OK);
    char *token = scene_mint(&at, "{\"forge\":\"unknown-kid\"}");
    assert_int_equal(validate_in_vain(at.validator, token), ASSAY_E_KEYS_UNAVAILABLE);
    free(token);
    assert_int_equal(scene_requests(&at, "jwks"), 1);
    const struct timespec far[] = {{.tv_nsec = UTIME_OMIT},
                                   {.tv_sec = (time_t)assay_clock_wall(&at.runtime->clock) + 3600}};
    assert_int_equal(utimensat(AT_FDCWD, store_only_file(".lock"), far, 0), 0);
    assert_int_equal(validate_forged(second), ASSAY_E_KEY_UNKNOWN);
    assert_int_equal(scene_requests(&at, "jwks"), 2);
}

/* A lock file that was made just now is nobody's turn. */
static void a_new_file_is_nobody_s_turn(void **state)
{
    (void)state;
    struct stat found;
    assert_int_equal(stat(store_only_file(".lock"), &found), 0);
    assert_int_equal(found.st_mtim.tv_sec, 0);
    assert_int_equal(unlink(store_only_file(".lock")), 0);
    assert_int_equal(validate_forged(at.validator), ASSAY_E_KEY_UNKNOWN);
    assert_int_equal(stat(store_only_file(".lock"), &found), 0);
    assert_true(found.st_mtim.tv_sec > 0);
    assert_int_equal(found.st_mode & 07777, 0600);
    assert_int_equal(scene_requests(&at, "jwks"), 2);
}

/* Without a store that can tell, each has its own budget, as it would without a store. */
static void a_store_that_can_t_tell(void **state)
{
    (void)state;
    int lock = -1;
    char moved[128];
    /* Another process that writes does not matter; this one's own writer does. */
    pid_t child = fork();
    if (child == 0)
        _exit(ask_elsewhere(WINDOW) == ASSAY_OK ? 0 : 1);
    assert_int_equal(store_wait_for(child), 0);
    assert_int_equal(assay_store_lock(at.runtime->store, name, 0, &lock, NULL), ASSAY_OK);
    int64_t before = scene_real_ms();
    assert_int_equal(ask_elsewhere(0), ASSAY_E_TIMEOUT);
    assert_true(scene_real_ms() - before < 1000);
    child = fork();
    if (child == 0)
        _exit(ask_elsewhere(0) == ASSAY_OK ? 0 : 1);
    assert_int_equal(store_wait_for(child), 0);
    assay_store_unlock(lock);

    snprintf(moved, sizeof moved, "%s", store_only_file(".lock"));
    assert_int_equal(unlink(moved), 0);
    assert_int_equal(mkdir(moved, 0700), 0); /* nobody can lock that */
    assert_int_equal(validate_forged(at.validator), ASSAY_E_KEY_UNKNOWN);
    assert_int_equal(validate_forged(second), ASSAY_E_KEY_UNKNOWN);
    assert_int_equal(scene_requests(&at, "jwks"), 3);
    for (int i = 0; i < TOKENS; i++)
        assert_int_equal(validate_forged(i % 2 == 0 ? at.validator : second), ASSAY_E_KEY_UNKNOWN);
    assert_int_equal(scene_requests(&at, "jwks"), 3);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, open_two, close_two)
    const struct CMUnitTest tests[] = {
        CASE(many_processes_make_one_fetch),
        CASE(a_rotation_costs_one_fetch),
        CASE(operations_share_it_too),
        CASE(what_another_process_asks_for),
        CASE(a_rotation_just_after_a_success),
        CASE(a_purge_is_no_answer),
        CASE(a_turn_without_a_mark),
        CASE(an_answer_that_comes_in_time),
        CASE(what_another_process_does_not_get),
        CASE(implausible_times_count_for_nothing),
        CASE(a_new_file_is_nobody_s_turn),
        CASE(a_store_that_can_t_tell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
