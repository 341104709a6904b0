/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_TESTS_ACQUIRE_TRIAL_H
#define ASSAY_TESTS_ACQUIRE_TRIAL_H

/* Steps that tests of kept tokens have in common, in the scene of exchange_scene.h. What is not as said fails the test. */

#include "exchange_scene.h"
#include "loop.h"

#include <pthread.h>

/* Longest wait for what another thread does, in real milliseconds. */
#define TRIAL_PATIENCE 20000

void trial_sleep(int64_t milliseconds);
int64_t trial_now_ms(void); /* real */

/* How the token endpoint answers: POST /settings, and /fault (@p count negative: until the next one). */
void trial_settings(exchange_scene *scene, const char *json);
void trial_fault(exchange_scene *scene, const char *kind, int64_t value, int64_t count);
/* All is well, and nothing was counted. */
void trial_reset(exchange_scene *scene);

uint64_t trial_stat(const assay_credential *credential, int stat);
/* In how many milliseconds a renewal is due; -1: none is. */
int64_t trial_due(assay_credential *credential);
/* The token that is kept, without waiting; NULL: none serves. */
assay_access_token *trial_kept(assay_credential *credential, const char *scope);
/* Exactly this token is given at once. */
void trial_still(assay_credential *credential, const char *scope, const assay_access_token *token);
/* Another one than this is given, within the patience, and never none; returned. */
assay_access_token *trial_renewed(assay_credential *credential, const char *scope, const assay_access_token *token);
assay_access_token *trial_get(assay_credential *credential, const assay_token_request *request);

/* The credential of the test that runs, not yet used, and what is around each test of the_scene: all is well there, and a fresh token in the file. */
extern assay_credential *the_credential;
int trial_begin(void **state);        /* with a secret; the clock is the system's */
int trial_begin_frozen(void **state); /* the same, with a clock that stands still */
int trial_end(void **state);
/* From now on it is this one. */
void trial_replace(assay_credential *made);
/* What it answers, for children too, since nothing fails here; *same: whether that is this token. */
int trial_try(const char *scope, int64_t timeout_ms, const assay_access_token *token, bool *same);

/* Wait until so many requests for tokens arrived since trial_reset(); a thread, or this loop, makes them. */
void trial_wait_requests(exchange_scene *scene, int64_t count);
void trial_turn(exchange_scene *scene, loop *turning, int64_t count);
/* The first of these; then let a while pass, in which no more may. */
void trial_requests(exchange_scene *scene, int64_t count);
/* The clock goes on, a second in @p pause_ms real milliseconds, until so many requests arrived; how many seconds that took. Bounded by an hour. */
int64_t trial_pump(exchange_scene *scene, int64_t count, int64_t pause_ms);
/* A thread that asks for a token, and what it is answered. */
typedef struct trial_caller {
    assay_credential *credential;
    const char *scope;
    int64_t timeout_ms;
    pthread_t thread;
    atomic_bool done;
    int code;
    int64_t took_ms; /* real */
    assay_access_token *token;
    assay_error *error;
} trial_caller;

void trial_call(trial_caller *caller, assay_credential *credential, const char *scope, int64_t timeout_ms);
/* Wait for it, and expect this code; token and error stay until the next one is released. */
void trial_answered(trial_caller *caller, int code);
void trial_release(trial_caller *caller);

/* Wait until a counter of the credential says so. */
void trial_wait_stat(const assay_credential *credential, int stat, uint64_t value);

#endif
