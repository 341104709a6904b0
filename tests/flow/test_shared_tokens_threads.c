/* SPDX-License-Identifier: MIT */
/* Many processes and threads that share tokens: one obtains, the others wait for it, and whoever dies or hangs keeps nobody waiting. */
#include "support/process.h"
#include "support/sharing.h"
#include "support/store_folder.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define PROCESSES 20
#define THREADS 4
#define LIFE 3600
#define PATIENCE 30 /* seconds that a child may take */
#define LOOKS 1000  /* 20 ms each */

static int exchanges; /* a file, a byte for each that was made */

static void pause_ms(long milliseconds)
{
    const struct timespec pause = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    nanosleep(&pause, NULL);
}

static int exchanges_open(void **state)
{
    char path[] = "/tmp/assay-exchanges-XXXXXX";
    exchanges = mkstemp(path);
    assert_true(exchanges >= 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(fcntl(exchanges, F_SETFL, O_APPEND), 0);
    return store_folder_open(state);
}

static int exchanges_close(void **state)
{
    assert_int_equal(close(exchanges), 0);
    return store_folder_remove(state);
}

static int made(void)
{
    struct stat found;
    return fstat(exchanges, &found) == 0 ? (int)found.st_size : -1;
}

/* As whoever leads an acquisition does: ask, wait, or obtain one. 0: there is a token now. Without asserting: that is not for a thread or a child. */
static int obtain(sharing *s)
{
    assay_access_token *token = NULL;
    for (int look = 0; look < LOOKS; look++) {
        assay_shared_answer answer = assay_shared_get(&s->credential, &s->wanted, 0, &s->lock, &token);
        if (answer == ASSAY_SHARED_TOKEN) {
            int right = strcmp(assay_access_token_text(token, NULL), SHARING_TOKEN);
            assay_access_token_unref(token);
            return right;
        }
        if (answer == ASSAY_SHARED_NOTHING) {
            int wrote = s->lock >= 0 && write(exchanges, "x", 1) == 1;
            pause_ms(50); /* the server takes its time */
            sharing_put(s, SHARING_TOKEN, LIFE);
            assay_shared_unlock(&s->lock);
            return wrote ? 0 : 2;
        }
        pause_ms(20);
    }
    return 3;
}

static int obtain_alone(void *argument)
{
    sharing s;
    (void)argument;
    sharing_open(&s);
    int code = obtain(&s);
    sharing_close(&s);
    return code;
}

static void twenty_cold_processes_make_one_exchange(void **state)
{
    (void)state;
    int children[PROCESSES];
    for (int i = 0; i < PROCESSES; i++)
        children[i] = process_start(obtain_alone, NULL, PATIENCE);
    for (int i = 0; i < PROCESSES; i++)
        assert_int_equal(process_wait(children[i]), 0);
    assert_int_equal(made(), 1);
    assert_non_null(store_only_file(".token"));
    assert_null(store_only_file(".tmp"));
}

static void *obtain_in_thread(void *argument)
{
    return (void *)(intptr_t)obtain(argument);
}

/* Each thread with a credential of its own, so that they share no flight. */
static int obtain_by_threads(void *argument)
{
    pthread_t threads[THREADS];
    sharing own[THREADS];
    int wrong = 0;
    (void)argument;
    for (int i = 0; i < THREADS; i++)
        sharing_open(&own[i]);
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, obtain_in_thread, &own[i]) != 0)
            return 100;
    for (int i = 0; i < THREADS; i++) {
        void *code = NULL;
        (void)pthread_join(threads[i], &code);
        wrong += code != NULL;
    }
    for (int i = 0; i < THREADS; i++)
        sharing_close(&own[i]);
    return wrong;
}

static void threads_of_many_processes_make_one_exchange(void **state)
{
    (void)state;
    int children[PROCESSES / THREADS];
    for (int i = 0; i < PROCESSES / THREADS; i++)
        children[i] = process_start(obtain_by_threads, NULL, PATIENCE);
    for (int i = 0; i < PROCESSES / THREADS; i++)
        assert_int_equal(process_wait(children[i]), 0);
    assert_int_equal(made(), 1);
}

/* --- who holds the lock --- */

static int told[2]; /* a pipe */

static int hold_and_sleep(void *argument)
{
    sharing s;
    (void)argument;
    sharing_open(&s);
    if (sharing_ask(&s) != ASSAY_SHARED_NOTHING || s.lock < 0 || write(told[1], "h", 1) != 1)
        return 1;
    pause_ms(PATIENCE * 1000);
    return 2;
}

static int start_told(process_body body)
{
    char byte = 0;
    assert_int_equal(pipe(told), 0);
    int child = process_start(body, NULL, PATIENCE);
    assert_int_equal(close(told[1]), 0);
    assert_int_equal(read(told[0], &byte, 1), 1);
    assert_int_equal(close(told[0]), 0);
    return child;
}

static void one_that_is_killed_lets_go(void **state)
{
    (void)state;
    sharing s;
    sharing_open(&s);
    int child = start_told(hold_and_sleep);
    for (int i = 0; i < 5; i++)
        assert_int_equal(sharing_ask(&s), ASSAY_SHARED_WAIT);
    assert_int_equal(s.lock, -1);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(process_wait(child), 1000 + SIGKILL);
    sharing_has_none(&s);
    assert_int_equal(s.logged, 0);
    sharing_close(&s);
}

/* The claim is two minutes old, so nobody waits for it any longer; and the one that was thought dead does not let go of another's. */
static void one_that_hangs_is_not_waited_for(void **state)
{
    (void)state;
    sharing s;
    sharing_open(&s);
    int child = start_told(hold_and_sleep);
    struct stat before, after;
    const char *lock = store_only_file(".claim.lock");
    struct timespec times[2] = {{.tv_sec = time(NULL) - ASSAY_LIMIT_SHARED_HOLD + 10}, {0}};
    times[1] = times[0];
    assert_int_equal(utimensat(AT_FDCWD, lock, times, 0), 0);
    assert_int_equal(sharing_ask(&s), ASSAY_SHARED_WAIT);
    times[0].tv_sec = times[1].tv_sec = time(NULL) - ASSAY_LIMIT_SHARED_HOLD;
    assert_int_equal(utimensat(AT_FDCWD, lock, times, 0), 0);
    assert_int_equal(stat(lock, &before), 0);
    assert_int_equal(sharing_ask(&s), ASSAY_SHARED_NOTHING);
    assert_true(s.lock >= 0);
    assert_int_equal(fstat(s.lock, &after), 0);
    assert_true(before.st_ino != after.st_ino);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(process_wait(child), 1000 + SIGKILL);
    assert_int_equal(process_run(obtain_alone, NULL, 1), 1000 + SIGALRM); /* it waits for this process */
    assert_int_equal(made(), 0);
    assay_shared_unlock(&s.lock);
    assert_int_equal(process_run(obtain_alone, NULL, PATIENCE), 0);
    assert_int_equal(made(), 1);
    sharing_close(&s);
}

static int sleep_long(void *argument)
{
    (void)argument;
    pause_ms(PATIENCE * 1000);
    return 0;
}

/* Holds it, and has a child that lives on and knows nothing. */
static int hold_and_fork(void *argument)
{
    sharing s;
    (void)argument;
    sharing_open(&s);
    if (sharing_ask(&s) != ASSAY_SHARED_NOTHING || s.lock < 0)
        return 1;
    pid_t heir = process_start(sleep_long, NULL, PATIENCE);
    if (write(told[1], &heir, sizeof heir) != (ssize_t)sizeof heir)
        return 2;
    pause_ms(PATIENCE * 1000);
    return 3;
}

static void a_child_does_not_keep_its_parents_lock(void **state)
{
    (void)state;
    sharing s;
    pid_t heir = 0;
    sharing_open(&s);
    assert_int_equal(pipe(told), 0);
    int child = process_start(hold_and_fork, NULL, PATIENCE);
    assert_int_equal(read(told[0], &heir, sizeof heir), sizeof heir);
    assert_int_equal(sharing_ask(&s), ASSAY_SHARED_WAIT);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(process_wait(child), 1000 + SIGKILL);
    assert_int_equal(kill(heir, 0), 0);
    sharing_has_none(&s);
    assert_int_equal(kill(heir, SIGKILL), 0);
    assert_int_equal(close(told[0]) + close(told[1]), 0);
    sharing_close(&s);
}

static sharing inherited;

/* It is not the child's, so the child waits for its parent; and what the child closes stays its parent's. */
static int child_of_the_holder(void *argument)
{
    sharing own;
    (void)argument;
    sharing_open(&own);
    if (sharing_ask(&own) != ASSAY_SHARED_WAIT)
        return 1;
    assay_shared_unlock(&inherited.lock);
    int code = sharing_ask(&own) == ASSAY_SHARED_WAIT ? 0 : 2;
    sharing_close(&own);
    sharing_close(&inherited);
    return code;
}

static void a_child_has_no_lock_of_its_parent(void **state)
{
    (void)state;
    sharing_open(&inherited);
    assert_int_equal(sharing_ask(&inherited), ASSAY_SHARED_NOTHING);
    int lock = inherited.lock;
    assert_true(lock >= 0);
    assert_true((fcntl(lock, F_GETFD) & FD_CLOEXEC) != 0);
    assert_int_equal(process_run(child_of_the_holder, NULL, PATIENCE), 0);
    int child = process_start(obtain_alone, NULL, PATIENCE);
    pause_ms(100);
    assert_int_equal(made(), 0);
    assay_shared_unlock(&inherited.lock); /* what the child remembers of it is nothing to wait for */
    assert_int_equal(process_wait(child), 0);
    assert_int_equal(made(), 1);
    sharing_close(&inherited);
}

/* A lock that was removed as an old one is none: whoever opened it before begins anew. */
static int clean_or_claim(void *argument)
{
    const int *number = argument;
    int64_t until = assay_clock_real_ms() + 2000;
    sharing s;
    sharing_open(&s);
    while (assay_clock_real_ms() < until) {
        char byte = 0;
        if (*number % 2 == 0) {
            assay_shared_tokens *shared = NULL; /* opening removes locks that are free */
            if (assay_shared_open(store_directory, &shared, NULL) != ASSAY_OK)
                return 1;
            assay_shared_close(shared);
            continue;
        }
        if (sharing_ask(&s) != ASSAY_SHARED_NOTHING)
            continue;
        if (s.lock < 0 || pread(exchanges, &byte, 1, 0) != 1 || byte != '0' || pwrite(exchanges, "1", 1, 0) != 1)
            return 2; /* somebody else is here */
        (void)sched_yield();
        if (pwrite(exchanges, "0", 1, 0) != 1)
            return 3;
        assay_shared_unlock(&s.lock);
    }
    sharing_close(&s);
    return 0;
}

static void cleaning_breaks_no_lock(void **state)
{
    (void)state;
    int children[PROCESSES / 2], numbers[PROCESSES / 2];
    assert_int_equal(fcntl(exchanges, F_SETFL, 0), 0);
    assert_int_equal(pwrite(exchanges, "0", 1, 0), 1);
    for (int i = 0; i < PROCESSES / 2; i++) {
        numbers[i] = i;
        children[i] = process_start(clean_or_claim, &numbers[i], PATIENCE);
    }
    for (int i = 0; i < PROCESSES / 2; i++)
        assert_int_equal(process_wait(children[i]), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(twenty_cold_processes_make_one_exchange, exchanges_open, exchanges_close),
        cmocka_unit_test_setup_teardown(threads_of_many_processes_make_one_exchange, exchanges_open, exchanges_close),
        cmocka_unit_test_setup_teardown(one_that_is_killed_lets_go, exchanges_open, exchanges_close),
        cmocka_unit_test_setup_teardown(one_that_hangs_is_not_waited_for, exchanges_open, exchanges_close),
        cmocka_unit_test_setup_teardown(a_child_does_not_keep_its_parents_lock, exchanges_open, exchanges_close),
        cmocka_unit_test_setup_teardown(a_child_has_no_lock_of_its_parent, exchanges_open, exchanges_close),
        cmocka_unit_test_setup_teardown(cleaning_breaks_no_lock, exchanges_open, exchanges_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
