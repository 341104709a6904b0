/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "flow/poller.h"
#include "flow/wakeup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { SOON_MS = 5000 }; /* what is awaited comes at once; this only ends a broken test */

static assay_poller *poller;
static int pair[2];

static int open_poller(void **state)
{
    (void)state;
    return assay_poller_new(&poller, NULL) == ASSAY_OK && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 ? 0 : 1;
}

static int close_poller(void **state)
{
    (void)state;
    assay_poller_free(poller);
    close(pair[0]);
    if (pair[1] >= 0)
        close(pair[1]);
    return 0;
}

static bool readable(int fd, int timeout_ms)
{
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    return poll(&polled, 1, timeout_ms) == 1;
}

/* Wait for the descriptor, then for the one event that must come. */
static void expect(assay_poller_kind kind, int fd, int events)
{
    assay_poller_event got[4];
    assert_true(readable(assay_poller_fd(poller), SOON_MS));
    assert_int_equal(assay_poller_take(poller, got, 4), 1);
    assert_int_equal(got[0].kind, kind);
    assert_int_equal(got[0].fd, fd);
    assert_int_equal(got[0].events, events);
}

static void expect_nothing(void)
{
    assay_poller_event got;
    assert_int_equal(assay_poller_take(poller, &got, 1), 0);
    assert_false(readable(assay_poller_fd(poller), 0));
}

static void put(void)
{
    assert_int_equal(write(pair[1], "x", 1), 1);
}

static void get(void)
{
    char byte;
    assert_int_equal(read(pair[0], &byte, 1), 1);
}

static void test_sockets(void **state)
{
    (void)state;
    expect_nothing();
    assert_int_equal(assay_poller_watch(poller, pair[0], ASSAY_POLLER_READ), ASSAY_OK);
    expect_nothing();
    put();
    expect(ASSAY_POLLER_SOCKET, pair[0], ASSAY_POLLER_READ);
    expect(ASSAY_POLLER_SOCKET, pair[0], ASSAY_POLLER_READ); /* until it is served */
    assert_int_equal(assay_poller_watch(poller, pair[0], ASSAY_POLLER_READ | ASSAY_POLLER_WRITE), ASSAY_OK);
    expect(ASSAY_POLLER_SOCKET, pair[0], ASSAY_POLLER_READ | ASSAY_POLLER_WRITE);
    assert_int_equal(assay_poller_watch(poller, pair[0], ASSAY_POLLER_WRITE), ASSAY_OK);
    expect(ASSAY_POLLER_SOCKET, pair[0], ASSAY_POLLER_WRITE);
    assert_int_equal(assay_poller_watch(poller, pair[0], 0), ASSAY_OK);
    expect_nothing();
    assert_int_equal(assay_poller_watch(poller, pair[0], 0), ASSAY_OK);
    assert_int_equal(assay_poller_watch(poller, -1, 0), ASSAY_OK);
    assert_int_equal(assay_poller_watch(poller, -1, ASSAY_POLLER_READ), ASSAY_E_SYSTEM);
    /* broken: whatever was asked for */
    get();
    close(pair[1]);
    pair[1] = -1;
    assert_int_equal(assay_poller_watch(poller, pair[0], ASSAY_POLLER_READ), ASSAY_OK);
    expect(ASSAY_POLLER_SOCKET, pair[0], ASSAY_POLLER_READ | ASSAY_POLLER_WRITE);
    assert_int_equal(assay_poller_watch(poller, pair[0], 0), ASSAY_OK);
}

static void test_timer(void **state)
{
    (void)state;
    assay_poller_arm(poller, 0);
    expect(ASSAY_POLLER_TIMER, -1, 0);
    expect_nothing(); /* once */
    int64_t start = assay_clock_real_ms();
    assay_poller_arm(poller, 30);
    expect(ASSAY_POLLER_TIMER, -1, 0);
    assert_true(assay_clock_real_ms() - start >= 29);
    assay_poller_arm(poller, 0);
    assay_poller_arm(poller, 3600000); /* instead */
    expect_nothing();
    assay_poller_arm(poller, 0);
    assert_true(readable(assay_poller_fd(poller), SOON_MS));
    assay_poller_arm(poller, -1); /* though it was up already */
    expect_nothing();
    assay_poller_arm(poller, ASSAY_LIMIT_CALL_TIMEOUT_MS);
    expect_nothing();
}

static void *wake(void *user_data)
{
    assay_poller_wake(user_data);
    return NULL;
}

static void on_signal(int number)
{
    (void)number;
    assay_poller_wake(poller);
}

static void test_wake(void **state)
{
    (void)state;
    pthread_t thread;
    struct sigaction action = {.sa_handler = on_signal}, before;
    assert_int_equal(pthread_create(&thread, NULL, wake, poller), 0);
    expect(ASSAY_POLLER_WAKE, -1, 0);
    pthread_join(thread, NULL);
    expect_nothing();
    for (int i = 0; i < 1000; i++)
        assay_poller_wake(poller);
    expect(ASSAY_POLLER_WAKE, -1, 0);
    expect_nothing();
    assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
    errno = EDOM;
    assert_int_equal(raise(SIGUSR1), 0);
    assert_int_equal(errno, EDOM);
    expect(ASSAY_POLLER_WAKE, -1, 0);
    assert_int_equal(sigaction(SIGUSR1, &before, NULL), 0);
}

enum { WAKES = 100000 };
static atomic_int posted;

static void *post(void *user_data)
{
    for (int i = 0; i < WAKES; i++) {
        atomic_fetch_add(&posted, 1);
        assay_wakeup_raise(user_data);
    }
    return NULL;
}

/* What was posted before a wake-up is seen after it, however they interleave. */
static void test_no_wake_up_is_lost(void **state)
{
    (void)state;
    pthread_t thread;
    assay_wakeup *wakeup = NULL;
    assert_int_equal(assay_wakeup_new(&wakeup, NULL), ASSAY_OK);
    atomic_store(&posted, 0);
    assert_int_equal(pthread_create(&thread, NULL, post, wakeup), 0);
    int rounds = 0;
    for (int seen = 0; seen < WAKES; rounds++) {
        assert_true(readable(assay_wakeup_fd(wakeup), SOON_MS));
        assay_wakeup_take(wakeup);
        seen = atomic_load(&posted);
    }
    pthread_join(thread, NULL);
    assert_true(rounds <= WAKES);
    assay_wakeup_take(wakeup);
    assert_false(readable(assay_wakeup_fd(wakeup), 0));
    assay_wakeup_free(wakeup);
}

/* A host that watches edge-triggered: after each drain, everything that becomes ready is told. */
static void test_every_readiness_gives_an_edge(void **state)
{
    (void)state;
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    int outer = epoll_create1(EPOLL_CLOEXEC);
    assert_true(outer >= 0);
    assert_int_equal(epoll_ctl(outer, EPOLL_CTL_ADD, assay_poller_fd(poller), &event), 0);
    assert_int_equal(assay_poller_watch(poller, pair[0], ASSAY_POLLER_READ), ASSAY_OK);
    assert_int_equal(epoll_wait(outer, &event, 1, 0), 0);
    for (int i = 0; i < 300; i++) {
        switch (i % 5) {
        case 0:
            put();
            break;
        case 1:
            assay_poller_arm(poller, i % 2);
            break;
        case 2:
            assay_poller_wake(poller);
            break;
        case 3: /* several at once */
            put();
            assay_poller_wake(poller);
            assay_poller_arm(poller, 0);
            break;
        default: /* ready already when it is watched */
            assay_poller_watch(poller, pair[0], 0);
            put();
            assay_poller_watch(poller, pair[0], ASSAY_POLLER_READ);
        }
        assert_int_equal(epoll_wait(outer, &event, 1, SOON_MS), 1);
        assay_poller_event got;
        size_t taken = 0;
        for (; assay_poller_take(poller, &got, 1) == 1; taken++)
            if (got.kind == ASSAY_POLLER_SOCKET)
                get();
        assert_true(taken >= (i % 5 == 3 ? 2 : 1));
        if (i % 5 != 3) /* the parts of several may come one after the other */
            assert_int_equal(epoll_wait(outer, &event, 1, 0), 0);
    }
    close(outer);
}

static void test_capacity(void **state)
{
    (void)state;
    enum { COUNT = 200 };
    static int pairs[COUNT][2];
    assay_poller_event got[COUNT];
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[i]), 0);
        assert_int_equal(assay_poller_watch(poller, pairs[i][0], ASSAY_POLLER_READ), ASSAY_OK);
        assert_int_equal(write(pairs[i][1], "x", 1), 1);
    }
    int served = 0;
    for (size_t capacity = 1, taken; (taken = assay_poller_take(poller, got, capacity)) > 0; capacity *= 3) {
        assert_true(taken <= capacity);
        for (size_t i = 0; i < taken; i++, served++) {
            char byte;
            assert_int_equal(read(got[i].fd, &byte, 1), 1);
        }
        capacity = capacity > COUNT / 3 ? COUNT / 3 : capacity;
    }
    assert_int_equal(served, COUNT);
    for (int i = 0; i < COUNT; i++) {
        close(pairs[i][0]);
        close(pairs[i][1]);
    }
    expect_nothing();
}

/* How many descriptors this process has, or only those that a program it executes would have too. */
static int count_descriptors(bool only_inherited)
{
    int count = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        int fd = (int)strtol(entry->d_name, NULL, 10);
        if (entry->d_name[0] != '.' && fd != dirfd(folder))
            count += !only_inherited || (fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0;
    }
    closedir(folder);
    return count;
}

static void test_descriptors(void **state)
{
    (void)state;
    assay_poller *other = NULL;
    int before = count_descriptors(false), inherited = count_descriptors(true);
    assert_int_equal(assay_poller_new(&other, NULL), ASSAY_OK);
    assert_int_equal(count_descriptors(false), before + 3);
    assert_int_equal(count_descriptors(true), inherited);
    assay_poller_free(other);
    assert_int_equal(count_descriptors(false), before);
}

/* With room for none, one, two and three more. */
static void test_no_descriptors_left(void **state)
{
    (void)state;
    struct rlimit limit, lower;
    assay_failure failure;
    int next = dup(0), before, failures = 0, code = ASSAY_E_SYSTEM;
    close(next);
    before = count_descriptors(false);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    for (int room = 0; code != ASSAY_OK && room < 64; room++) {
        assay_poller *other = NULL;
        lower = limit;
        lower.rlim_cur = (rlim_t)(next + room);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &lower), 0);
        code = assay_poller_new(&other, &failure);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
        if (code != ASSAY_OK) {
            failures++;
            assert_int_equal(code, ASSAY_E_SYSTEM);
            assert_null(other);
            assert_non_null(strstr(failure.note, "RLIMIT_NOFILE"));
        }
        assay_poller_free(other);
        assert_int_equal(count_descriptors(false), before);
    }
    assert_int_equal(code, ASSAY_OK);
    assert_true(failures >= 3);
}

static void test_child_leaves_the_parents_alone(void **state)
{
    (void)state;
    int status = 0;
    assert_int_equal(assay_poller_watch(poller, pair[0], ASSAY_POLLER_READ), ASSAY_OK);
    assay_poller_arm(poller, 20);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        assay_poller_free(poller);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    expect(ASSAY_POLLER_TIMER, -1, 0);
    put();
    expect(ASSAY_POLLER_SOCKET, pair[0], ASSAY_POLLER_READ);
    get();
    assay_poller_wake(poller);
    expect(ASSAY_POLLER_WAKE, -1, 0);
    expect_nothing();
}

int main(void)
{
#define POLLER_TEST(function) cmocka_unit_test_setup_teardown(function, open_poller, close_poller)
    const struct CMUnitTest tests[] = {
        POLLER_TEST(test_sockets),
        POLLER_TEST(test_timer),
        POLLER_TEST(test_wake),
        POLLER_TEST(test_no_wake_up_is_lost),
        POLLER_TEST(test_every_readiness_gives_an_edge),
        POLLER_TEST(test_capacity),
        POLLER_TEST(test_descriptors),
        POLLER_TEST(test_no_descriptors_left),
        POLLER_TEST(test_child_leaves_the_parents_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
