/* SPDX-License-Identifier: MIT */
/* What a fork leaves: validators made before, a refresh thread at work, drivers and operations that belong to the parent. */
#include "support/far_issuer.h"
#include "support/loop.h"
#include "support/pace.h"
#include "support/process.h"
#include "support/scene.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT 20000
#define SECONDS 60 /* that a child may take; a hang is much longer */
#define CHILDREN 8
#define ROUNDS 50

static far_issuer issuer;
static assay_validator *validator;
static char *good, *forged, *unknown;

static int start_issuer(void **state)
{
    (void)state;
    far_issuer_start(&issuer, true);
    good = far_issuer_mint(&issuer, "{}");
    forged = far_issuer_mint(&issuer, "{\"forge\":\"signature\"}");
    unknown = far_issuer_mint(&issuer, "{\"forge\":\"unknown-kid\"}");
    return 0;
}

static int stop_issuer(void **state)
{
    (void)state;
    far_issuer_stop(&issuer);
    free(good);
    free(forged);
    free(unknown);
    return 0;
}

static int open_validator(void **state)
{
    (void)state;
    far_issuer_fault(&issuer, "all", "none", -1, -1);
    validator = far_issuer_validator(&issuer, NULL);
    return 0;
}

static int close_validator(void **state)
{
    (void)state;
    assay_validator_unref(validator);
    validator = NULL;
    return 0;
}

static void pause_ms(int64_t milliseconds)
{
    const struct timespec pause = {(time_t)(milliseconds / 1000), (long)(milliseconds % 1000) * 1000000};
    nanosleep(&pause, NULL);
}

static void warm_up(void)
{
    assert_int_equal(assay_validator_warm_up(validator, WAIT, NULL), ASSAY_OK);
}

static void start_thread(void)
{
    assert_int_equal(assay_validator_start_refresh_thread(validator, NULL), ASSAY_OK);
}

static int serve_as_worker(void *argument)
{
    (void)argument;
    EXPECT(far_issuer_try(validator, good, 0) == ASSAY_OK);
    EXPECT(far_issuer_try(validator, good, WAIT) == ASSAY_OK);
    EXPECT(far_issuer_try(validator, forged, WAIT) == ASSAY_E_SIGNATURE);
    EXPECT(far_issuer_try(validator, unknown, WAIT) == ASSAY_E_KEY_UNKNOWN); /* fetched here */
    EXPECT(assay_validator_refresh(validator, NULL, WAIT, NULL) == ASSAY_OK);
    EXPECT(assay_validator_purge(validator, issuer.url, NULL, NULL) == ASSAY_OK);
    EXPECT(far_issuer_try(validator, good, WAIT) != ASSAY_OK);
    assay_validator_unref(validator);
    return 0;
}

static void workers_of_a_warm_parent(void **state)
{
    (void)state;
    int pids[CHILDREN];
    warm_up();
    int asked = far_issuer_stat(&issuer, "jwks");
    for (int i = 0; i < CHILDREN; i++)
        pids[i] = process_start(serve_as_worker, NULL, SECONDS);
    for (int i = 0; i < CHILDREN; i++)
        assert_int_equal(process_wait(pids[i]), 0);
    assert_in_range(far_issuer_stat(&issuer, "jwks") - asked, 2 * CHILDREN, 3 * CHILDREN);
    assert_int_equal(far_issuer_try(validator, good, 0), ASSAY_OK); /* what a child purged is its own affair */
}

static int fetch_in_child(void *argument)
{
    int code = far_issuer_try(validator, good, 0);
    EXPECT(code == ASSAY_OK || code == ASSAY_E_KEYS_NEEDED);
    EXPECT(far_issuer_try(validator, good, WAIT) == ASSAY_OK);
    if (argument != NULL) { /* a thread of its own, beside what is left of the parent's */
        EXPECT(assay_validator_start_refresh_thread(validator, NULL) == ASSAY_OK);
        EXPECT(assay_validator_start_refresh_thread(validator, NULL) == ASSAY_OK);
    }
    EXPECT(assay_validator_refresh(validator, NULL, WAIT, NULL) == ASSAY_OK);
    assay_validator_unref(validator);
    EXPECT(process_wait_threads(1) == 1);
    return 0;
}

static void wait_until_ready(void)
{
    int64_t end = scene_real_ms() + WAIT;
    while (assay_validator_ready(validator, NULL) != ASSAY_OK && scene_real_ms() < end)
        pause_ms(2);
    assert_int_equal(assay_validator_ready(validator, NULL), ASSAY_OK);
}

static uint64_t stat_of(int stat)
{
    uint64_t value = 0;
    assert_int_equal(assay_validator_get_stat(validator, NULL, stat, &value), ASSAY_OK);
    return value;
}

/* At many moments of a flight of about 60 ms, handshakes included: neither side notices the other. */
static void forks_while_the_thread_fetches(void **state)
{
    (void)state;
    unsigned random = 1;
    for (int round = 0; round < ROUNDS; round++) {
        random = random * 1103515245u + 12345u;
        far_issuer_fault(&issuer, "all", "slow", 30, -1);
        start_thread();
        pause_ms(random >> 16 & 63);
        int pid = process_start(fetch_in_child, round % 2 == 0 ? NULL : &issuer, SECONDS);
        wait_until_ready();
        assert_int_equal(stat_of(ASSAY_STAT_KEY_FETCHES), 1);
        assert_int_equal(stat_of(ASSAY_STAT_METADATA_FETCHES), 1);
        assert_int_equal(stat_of(ASSAY_STAT_FETCH_FAILURES), 0);
        assert_int_equal(process_wait(pid), 0);
        assay_validator_unref(validator);
        validator = far_issuer_validator(&issuer, NULL);
    }
}

/* What a child may do with what belongs to its parent's loop: learn that, and free it. */
static loop turning;
static assay_op *leading, *inside;

static int touch_what_is_inherited(void *argument)
{
    assay_op *own = NULL;
    assay_claims *claims = NULL;
    loop mine;
    (void)argument;
    EXPECT(assay_driver_process(turning.driver, NULL) == ASSAY_E_FORKED);
    EXPECT(assay_driver_keep_fresh(turning.driver, validator, NULL) == ASSAY_E_FORKED);
    EXPECT(assay_driver_socket_ready(turning.driver, 5, ASSAY_DRIVER_READ, NULL) == ASSAY_E_FORKED);
    EXPECT(assay_driver_timer_expired(turning.driver, NULL) == ASSAY_E_FORKED);
    EXPECT(assay_driver_next_done(turning.driver) == NULL);
    EXPECT(assay_op_new_validate(validator, good, strlen(good), NULL, WAIT, &own, NULL) == ASSAY_OK);
    EXPECT(assay_driver_add(turning.driver, own, NULL) == ASSAY_E_FORKED);
    EXPECT(assay_op_step(inside) == ASSAY_WANT_NOTHING);
    EXPECT(assay_op_result(inside, &claims, NULL) == ASSAY_E_FORKED && claims == NULL);
    assay_op_cancel(inside);

    EXPECT(assay_op_result(leading, NULL, NULL) == ASSAY_E_FORKED);
    EXPECT(assay_op_fetched(leading, 200, "https://127.0.0.1/", (const uint8_t *)"{}", 2) != ASSAY_E_ARGUMENT);
    EXPECT(assay_op_step(leading) == ASSAY_WANT_NOTHING);
    EXPECT(assay_op_result(leading, &claims, NULL) == ASSAY_E_FORKED && claims == NULL);
    EXPECT(assay_op_fetch_url(leading) == NULL);

    loop_open(&mine, LOOP_EDGE); /* a driver of the child's own goes on with the child's own */
    loop_add(&mine, own);
    loop_add(&mine, leading);
    for (int i = 0; i < 2; i++) {
        assay_op *op = loop_next(&mine, WAIT);
        EXPECT(op != NULL);
        int expected = op == own ? ASSAY_OK : ASSAY_E_FORKED;
        EXPECT(loop_result(op) == expected);
    }
    loop_close(&mine);
    assay_driver_free(turning.driver);
    EXPECT(turning.destroyed == (turning.kind == LOOP_CALLBACKS));
    assay_validator_unref(validator);
    return 0;
}

static void fork_with_a_driver_at_work(loop_kind kind)
{
    assay_validator *another = far_issuer_validator(&issuer, NULL);
    far_issuer_fault(&issuer, "all", "slow", 100, -1);
    loop_open(&turning, kind);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(assay_op_new_validate(validator, good, strlen(good), NULL, WAIT, &inside, NULL), ASSAY_OK);
        loop_add(&turning, inside);
    }
    assert_int_equal(assay_op_new_validate(another, good, strlen(good), NULL, WAIT, &leading, NULL), ASSAY_OK);
    assert_int_equal(assay_op_step(leading), ASSAY_WANT_FETCH);
    loop_run(&turning, 150); /* the keys are being fetched, over the connection that is open */
    nfds_t watched = turning.count;
    assay_validator_unref(another); /* its operation holds it, in the child too */
    int pid = process_start(touch_what_is_inherited, NULL, SECONDS);
    for (int i = 0; i < 10; i++) {
        assay_op *op = loop_next(&turning, WAIT);
        assert_non_null(op);
        assert_int_equal(loop_result(op), ASSAY_OK);
    }
    assert_int_equal(process_wait(pid), 0);
    assert_in_range(turning.count, 0, watched);
    assert_int_equal(stat_of(ASSAY_STAT_KEY_FETCHES), 1);
    assert_int_equal(stat_of(ASSAY_STAT_FETCH_FAILURES), 0);
    /* Its connection lives on after the child has gone. */
    assay_op *op = NULL;
    assert_int_equal(assay_op_new_refresh(validator, issuer.url, WAIT, &op, NULL), ASSAY_OK);
    loop_add(&turning, op);
    assert_int_equal(loop_result(loop_next(&turning, WAIT)), ASSAY_OK);
    assay_op_free(leading);
    loop_close(&turning);
}

static void inherited_driver_is_the_parents(void **state)
{
    for (int kind = LOOP_EDGE; kind <= LOOP_CALLBACKS; kind++) {
        fork_with_a_driver_at_work((loop_kind)kind);
        (void)close_validator(state);
        (void)open_validator(state);
    }
}

static int have_a_thread_of_its_own(void *argument)
{
    (void)argument;
    EXPECT(process_threads() == 1);
    EXPECT(far_issuer_try(validator, good, WAIT) == ASSAY_OK);
    assay_validator_stop_refresh_thread(validator); /* the parent's is not here */
    for (int i = 0; i < 5; i++) {
        EXPECT(assay_validator_start_refresh_thread(validator, NULL) == ASSAY_OK);
        EXPECT(process_threads() == 2);
        assay_validator_stop_refresh_thread(validator);
        EXPECT(process_wait_threads(1) == 1);
    }
    EXPECT(assay_validator_start_refresh_thread(validator, NULL) == ASSAY_OK);
    assay_validator_unref(validator);
    EXPECT(process_wait_threads(1) == 1);
    return 0;
}

static void child_starts_its_own_thread(void **state)
{
    (void)state;
    warm_up();
    int before = process_threads();
    start_thread();
    assert_int_equal(process_run(have_a_thread_of_its_own, NULL, SECONDS), 0);
    assert_int_equal(process_threads(), before + 1);
}

static int two_generations_down(void *argument)
{
    int64_t left = *(int64_t *)argument - 1;
    EXPECT(far_issuer_try(validator, good, 0) == ASSAY_OK);
    EXPECT(assay_validator_start_refresh_thread(validator, NULL) == ASSAY_OK);
    if (left > 0)
        EXPECT(process_run(two_generations_down, &left, SECONDS) == 0);
    EXPECT(assay_validator_refresh(validator, NULL, WAIT, NULL) == ASSAY_OK);
    assay_validator_unref(validator);
    return 0;
}

static void children_of_children(void **state)
{
    (void)state;
    int64_t generations = 3;
    warm_up();
    start_thread();
    assert_int_equal(process_run(two_generations_down, &generations, SECONDS), 0);
    assert_int_equal(assay_validator_refresh(validator, NULL, WAIT, NULL), ASSAY_OK);
}

static int tell_when_due(void *argument)
{
    EXPECT(assay_validator_refresh_due(validator, argument, NULL) == ASSAY_OK);
    assay_validator_unref(validator);
    return 0;
}

/* Workers of one parent don't all ask at one moment. */
static void children_refresh_at_moments_of_their_own(void **state)
{
    (void)state;
    int64_t *due = mmap(NULL, CHILDREN * sizeof *due, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int64_t own = 0, least = INT64_MAX, most = 0;
    assert_true(due != MAP_FAILED);
    warm_up();
    assert_int_equal(assay_validator_refresh_due(validator, &own, NULL), ASSAY_OK);
    for (int i = 0; i < CHILDREN; i++) {
        assert_int_equal(process_run(tell_when_due, &due[i], SECONDS), 0);
        assert_in_range(due[i], 1, own);
        least = due[i] < least ? due[i] : least;
        most = due[i] > most ? due[i] : most;
    }
    print_message("due in %d s; in the children in %d to %d s\n", (int)(own / 1000), (int)(least / 1000),
                  (int)(most / 1000));
    assert_true(most - least > 10000);
    munmap(due, CHILDREN * sizeof *due);
}

/* Beyond what is promised, but what servers do: other threads are inside the library. */
static atomic_bool stop;

static void *validate_on_and_on(void *argument)
{
    (void)argument;
    while (!atomic_load(&stop))
        if (far_issuer_try(validator, good, WAIT) != ASSAY_OK)
            abort();
    return NULL;
}

static int check_warm(void *argument)
{
    (void)argument;
    for (int i = 0; i < 20; i++)
        EXPECT(far_issuer_try(validator, good, 0) == ASSAY_OK);
    assay_validator_unref(validator);
    return 0;
}

static void forks_while_threads_validate(void **state)
{
    (void)state;
    pthread_t threads[4];
    if (pace_has_fragile_allocator())
        skip();
    warm_up();
    atomic_store(&stop, false);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, validate_on_and_on, NULL), 0);
    for (int i = 0; i < ROUNDS; i++)
        assert_int_equal(process_run(check_warm, NULL, SECONDS), 0);
    atomic_store(&stop, true);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}

static void *validate_cold(void *argument)
{
    *(int *)argument = far_issuer_try(validator, good, WAIT);
    return NULL;
}

static int release_at_once(void *argument)
{
    (void)argument;
    int code = far_issuer_try(validator, good, 0);
    assay_validator_unref(validator); /* waits for none of those that waited */
    return code == ASSAY_E_KEYS_NEEDED ? 0 : 1;
}

static void fork_while_threads_wait_for_a_flight(void **state)
{
    (void)state;
    pthread_t threads[4];
    int codes[4];
    if (pace_has_fragile_allocator())
        skip();
    far_issuer_fault(&issuer, "all", "slow", 1000, -1); /* twice, which outlasts the five children */
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, validate_cold, &codes[i]), 0);
    for (int i = 0; i < 5; i++) {
        pause_ms(60);
        assert_int_equal(process_run(release_at_once, NULL, SECONDS), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(codes[i], ASSAY_OK);
    }
    assert_int_equal(stat_of(ASSAY_STAT_KEY_FETCHES), 1);
}

static pthread_mutex_t interpreter = PTHREAD_MUTEX_INITIALIZER;
static atomic_int logging;

static void log_under_a_lock(void *user_data, int level, const char *text, size_t len)
{
    (void)user_data;
    (void)level;
    (void)text;
    (void)len;
    atomic_fetch_add(&logging, 1);
    pthread_mutex_lock(&interpreter);
    pthread_mutex_unlock(&interpreter);
}

/* As a language does that holds one lock while it forks, which its log function wants too. */
static void fork_while_the_log_waits_for_it(void **state)
{
    (void)state;
    assay_runtime *runtime = far_issuer_runtime(&issuer);
    assert_int_equal(assay_runtime_set_log(runtime, ASSAY_LOG_DEBUG, log_under_a_lock, NULL, NULL, NULL), ASSAY_OK);
    assay_validator_unref(validator);
    validator = far_issuer_validator(&issuer, runtime);
    assay_runtime_unref(runtime);
    pthread_mutex_lock(&interpreter);
    assert_int_equal(assay_validator_start_refresh_thread(validator, NULL), ASSAY_OK);
    for (int i = 0; i < 5000 && atomic_load(&logging) == 0; i++)
        usleep(1000);
    assert_int_not_equal(atomic_load(&logging), 0);
    int child = process_start(process_do_nothing, NULL, SECONDS);
    pthread_mutex_unlock(&interpreter);
    assert_int_equal(process_wait(child), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_validator, close_validator)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(workers_of_a_warm_parent),
        CASE(forks_while_the_thread_fetches),
        CASE(inherited_driver_is_the_parents),
        CASE(child_starts_its_own_thread),
        CASE(children_of_children),
        CASE(children_refresh_at_moments_of_their_own),
        CASE(forks_while_threads_validate),
        CASE(fork_while_threads_wait_for_a_flight),
        CASE(fork_while_the_log_waits_for_it),
    };
    return cmocka_run_group_tests(tests, start_issuer, stop_issuer);
}
