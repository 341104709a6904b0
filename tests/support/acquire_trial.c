/* SPDX-License-Identifier: MIT */
#include "acquire_trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>
#include <string.h>

enum { QUIET_MS = 60 }; /* in which what must not happen would have happened */

void trial_sleep(int64_t milliseconds)
{
    const struct timespec pause = {(time_t)(milliseconds / 1000), (long)(milliseconds % 1000) * 1000000};
    (void)nanosleep(&pause, NULL);
}

int64_t trial_now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void trial_settings(exchange_scene *scene, const char *json)
{
    char message[256];
    if (dev_issuer_settings(scene->entra, json, message, sizeof message) != 0)
        fail_msg("%s", message);
}

void trial_fault(exchange_scene *scene, const char *kind, int64_t value, int64_t count)
{
    assert_int_equal(dev_issuer_fault(scene->entra, "token", kind, value, count), 0);
}

void trial_reset(exchange_scene *scene)
{
    trial_fault(scene, "none", -1, -1);
    trial_settings(scene, "{\"token_lifetime\":3600,\"refresh_in\":0,\"expires_in_form\":\"usual\"}");
    /* A renewal that was given up may just be arriving; bounded, as connections may be kept. */
    for (int i = 0; i < 200 && !dev_issuer_is_idle(scene->entra); i++)
        trial_sleep(1);
    dev_issuer_stats_reset(scene->entra);
}

assay_credential *the_credential;

int trial_begin(void **state)
{
    (void)state;
    trial_reset(&the_scene);
    atomic_store(&the_scene.frozen, false);
    atomic_store(&the_scene.offset_ms, 0);
    exchange_scene_rotate_file(&the_scene);
    the_credential = exchange_scene_secret(&the_scene);
    return 0;
}

int trial_begin_frozen(void **state)
{
    int code = trial_begin(state);
    exchange_scene_freeze(&the_scene);
    return code;
}

int trial_end(void **state)
{
    (void)state;
    trial_replace(NULL);
    return 0;
}

void trial_replace(assay_credential *made)
{
    assay_credential_unref(the_credential);
    the_credential = made;
}

int trial_try(const char *scope, int64_t timeout_ms, const assay_access_token *token, bool *same)
{
    assay_access_token *got = NULL;
    int code = assay_credential_get_token(the_credential, scope, timeout_ms, &got, NULL);
    *same = got != NULL && got == token;
    assay_access_token_unref(got);
    return code;
}

uint64_t trial_stat(const assay_credential *credential, int stat)
{
    uint64_t value = 0;
    assert_int_equal(assay_credential_get_stat(credential, stat, &value), ASSAY_OK);
    return value;
}

int64_t trial_due(assay_credential *credential)
{
    int64_t wait_ms = INT64_MIN;
    assert_int_equal(assay_credential_refresh_due(credential, &wait_ms), ASSAY_OK);
    return wait_ms;
}

assay_access_token *trial_kept(assay_credential *credential, const char *scope)
{
    assay_access_token *token = NULL;
    int code = assay_credential_get_token(credential, scope, 0, &token, NULL);
    assert_int_equal(code, token != NULL ? ASSAY_OK : ASSAY_E_TOKEN_NEEDED);
    return token;
}

void trial_still(assay_credential *credential, const char *scope, const assay_access_token *token)
{
    assay_access_token *kept = exchange_scene_get(credential, scope);
    assert_ptr_equal(kept, token);
    assay_access_token_unref(kept);
}

assay_access_token *trial_renewed(assay_credential *credential, const char *scope, const assay_access_token *token)
{
    for (int64_t until = trial_now_ms() + TRIAL_PATIENCE; trial_now_ms() < until; trial_sleep(1)) {
        assay_access_token *kept = trial_kept(credential, scope);
        assert_non_null(kept);
        if (kept != token)
            return kept;
        assay_access_token_unref(kept);
    }
    fail_msg("no other token came");
    return NULL;
}

assay_access_token *trial_get(assay_credential *credential, const assay_token_request *request)
{
    assay_access_token *token = NULL;
    assay_error *error = NULL;
    int code = assay_credential_get_token_for(credential, request, 10000, &token, &error);
    if (code != ASSAY_OK)
        fail_msg("%s: %s", assay_code_name(code), assay_error_message(error));
    return token;
}

void trial_wait_requests(exchange_scene *scene, int64_t count)
{
    for (int64_t until = trial_now_ms() + TRIAL_PATIENCE; exchange_scene_requests(scene) < count; trial_sleep(1))
        assert_true(trial_now_ms() < until);
}

void trial_turn(exchange_scene *scene, loop *turning, int64_t count)
{
    for (int64_t until = trial_now_ms() + TRIAL_PATIENCE; exchange_scene_requests(scene) < count; loop_turn(turning, 5))
        assert_true(trial_now_ms() < until);
}

void trial_requests(exchange_scene *scene, int64_t count)
{
    trial_wait_requests(scene, count);
    trial_sleep(QUIET_MS);
    assert_int_equal(exchange_scene_requests(scene), count);
}

int64_t trial_pump(exchange_scene *scene, int64_t count, int64_t pause_ms)
{
    for (int64_t seconds = 0; seconds < 3600; seconds++) {
        if (exchange_scene_requests(scene) >= count)
            return seconds;
        exchange_scene_advance(scene, 1);
        trial_sleep(pause_ms);
    }
    fail_msg("%lld requests never came", (long long)count);
    return 0;
}

void trial_wait_stat(const assay_credential *credential, int stat, uint64_t value)
{
    for (int64_t until = trial_now_ms() + TRIAL_PATIENCE; trial_stat(credential, stat) < value; trial_sleep(1))
        assert_true(trial_now_ms() < until);
    assert_int_equal(trial_stat(credential, stat), value);
}

static void *call(void *argument)
{
    trial_caller *caller = argument;
    int64_t began = trial_now_ms();
    caller->code = assay_credential_get_token(caller->credential, caller->scope, caller->timeout_ms, &caller->token,
                                              &caller->error);
    caller->took_ms = trial_now_ms() - began;
    atomic_store(&caller->done, true);
    return NULL;
}

void trial_call(trial_caller *caller, assay_credential *credential, const char *scope, int64_t timeout_ms)
{
    memset(caller, 0, sizeof *caller);
    caller->credential = credential;
    caller->scope = scope;
    caller->timeout_ms = timeout_ms;
    assert_int_equal(pthread_create(&caller->thread, NULL, call, caller), 0);
}

void trial_answered(trial_caller *caller, int code)
{
    assert_int_equal(pthread_join(caller->thread, NULL), 0);
    if (caller->code != code)
        fail_msg("%s instead of %s: %s", assay_code_name(caller->code), assay_code_name(code),
                 assay_error_message(caller->error));
    assert_true((caller->token != NULL) == (code == ASSAY_OK));
    assert_true((caller->error != NULL) == (code != ASSAY_OK));
}

void trial_release(trial_caller *caller)
{
    assay_access_token_unref(caller->token);
    assay_error_free(caller->error);
    caller->token = NULL;
    caller->error = NULL;
}
