/* SPDX-License-Identifier: MIT */
#include "loop.h"

#include "scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

static void must(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "loop: %s\n", what);
        abort();
    }
}

static int64_t microseconds(clockid_t clock)
{
    struct timespec now;
    must(clock_gettime(clock, &now) == 0, "clock");
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

typedef struct stopwatch {
    int64_t wall, cpu;
} stopwatch;

static stopwatch start_watch(void)
{
    return (stopwatch){microseconds(CLOCK_MONOTONIC), microseconds(CLOCK_THREAD_CPUTIME_ID)};
}

static void stop_watch(loop *at, stopwatch begun)
{
    int64_t cpu = microseconds(CLOCK_THREAD_CPUTIME_ID) - begun.cpu, wall = microseconds(CLOCK_MONOTONIC) - begun.wall;
    at->longest_cpu = cpu > at->longest_cpu ? cpu : at->longest_cpu;
    at->longest_wall = wall > at->longest_wall ? wall : at->longest_wall;
}

static void on_socket(void *user_data, int fd, int events)
{
    loop *at = user_data;
    nfds_t i = 0;
    while (i < at->count && at->sockets[i].fd != fd)
        i++;
    must(i < LOOP_SOCKETS, "sockets");
    if (events == 0) {
        if (i < at->count)
            at->sockets[i] = at->sockets[--at->count];
        return;
    }
    at->count += i == at->count;
    short wanted = (short)((events & ASSAY_DRIVER_READ ? POLLIN : 0) | (events & ASSAY_DRIVER_WRITE ? POLLOUT : 0));
    at->sockets[i] = (struct pollfd){.fd = fd, .events = wanted};
}

static void on_timer(void *user_data, int64_t timeout_ms)
{
    loop *at = user_data;
    at->timer_at = timeout_ms < 0 ? INT64_MAX : scene_real_ms() + timeout_ms;
}

static void on_destroy(void *user_data)
{
    loop *at = user_data;
    at->destroyed++;
}

void loop_open(loop *at, loop_kind kind)
{
    memset(at, 0, sizeof *at);
    at->kind = kind;
    at->timer_at = INT64_MAX;
    at->outer = -1;
    int code = kind == LOOP_CALLBACKS
                   ? assay_driver_new_with_callbacks(on_socket, on_timer, at, on_destroy, &at->driver, NULL)
                   : assay_driver_new(&at->driver, NULL);
    must(code == ASSAY_OK, "driver");
    if (kind != LOOP_EDGE)
        return;
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    at->outer = epoll_create1(EPOLL_CLOEXEC);
    must(at->outer >= 0 && epoll_ctl(at->outer, EPOLL_CTL_ADD, assay_driver_fd(at->driver), &event) == 0, "epoll");
}

void loop_close(loop *at)
{
    assay_driver_free(at->driver);
    must(at->destroyed == (at->kind == LOOP_CALLBACKS), "destroy is called once");
    must(at->count == 0, "no socket is watched after the end");
    if (at->outer >= 0)
        close(at->outer);
}

void loop_add(loop *at, assay_op *op)
{
    stopwatch watch = start_watch();
    must(assay_driver_add(at->driver, op, NULL) == ASSAY_OK, "add");
    stop_watch(at, watch);
}

static void process(loop *at)
{
    stopwatch watch = start_watch();
    must(assay_driver_process(at->driver, NULL) == ASSAY_OK, "process");
    stop_watch(at, watch);
}

static int at_most(int64_t milliseconds)
{
    return milliseconds < 0 ? 0 : milliseconds > 60000 ? 60000 : (int)milliseconds;
}

static void turn_callbacks(loop *at, int64_t timeout_ms)
{
    struct pollfd ready[LOOP_SOCKETS];
    nfds_t count = at->count;
    int64_t until_timer = at->timer_at == INT64_MAX ? timeout_ms : at->timer_at - scene_real_ms();
    memcpy(ready, at->sockets, count * sizeof *ready);
    (void)poll(ready, count, at_most(until_timer < timeout_ms ? until_timer : timeout_ms));
    for (nfds_t i = 0; i < count; i++) {
        if (ready[i].revents == 0)
            continue;
        bool broken = (ready[i].revents & (POLLERR | POLLHUP)) != 0;
        int events = (broken || (ready[i].revents & POLLIN) ? ASSAY_DRIVER_READ : 0) |
                     (broken || (ready[i].revents & POLLOUT) ? ASSAY_DRIVER_WRITE : 0);
        stopwatch watch = start_watch();
        must(assay_driver_socket_ready(at->driver, ready[i].fd, events, NULL) == ASSAY_OK, "socket");
        stop_watch(at, watch);
    }
    if (scene_real_ms() < at->timer_at)
        return;
    at->timer_at = INT64_MAX;
    stopwatch watch = start_watch();
    must(assay_driver_timer_expired(at->driver, NULL) == ASSAY_OK, "timer");
    stop_watch(at, watch);
}

void loop_turn(loop *at, int64_t timeout_ms)
{
    struct epoll_event event;
    struct pollfd ready = {.fd = assay_driver_fd(at->driver), .events = POLLIN};
    if (at->kind == LOOP_CALLBACKS)
        turn_callbacks(at, timeout_ms);
    else if (at->kind == LOOP_EDGE && epoll_wait(at->outer, &event, 1, at_most(timeout_ms)) > 0)
        process(at);
    else if (at->kind == LOOP_LEVEL && poll(&ready, 1, at_most(timeout_ms)) > 0)
        process(at);
}

assay_op *loop_next(loop *at, int64_t timeout_ms)
{
    int64_t end = scene_real_ms() + timeout_ms;
    for (;;) {
        assay_op *op = assay_driver_next_done(at->driver);
        int64_t left = end - scene_real_ms();
        if (op != NULL || left <= 0)
            return op;
        loop_turn(at, left);
    }
}

void loop_run(loop *at, int64_t milliseconds)
{
    int64_t end = scene_real_ms() + milliseconds;
    for (int64_t left = milliseconds; left > 0; left = end - scene_real_ms())
        loop_turn(at, left);
}

int loop_result(assay_op *op)
{
    assay_claims *claims = NULL;
    assay_error *error = NULL;
    int code = assay_op_result(op, &claims, &error);
    must((code == ASSAY_OK) == (error == NULL) && (code == ASSAY_OK || claims == NULL), "result");
    assay_claims_unref(claims);
    assay_error_free(error);
    assay_op_free(op);
    return code;
}
