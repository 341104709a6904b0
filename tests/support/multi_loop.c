/* SPDX-License-Identifier: MIT */
#include "support/multi_loop.h"

#include "base/clock.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static void must(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "multi_loop: %s\n", what);
    abort();
}

static void on_socket(void *user_data, int fd, int events)
{
    multi_loop *loop = user_data;
    must(assay_poller_watch(loop->poller, fd, events) == ASSAY_OK, "watch");
}

static void on_timer(void *user_data, int64_t timeout_ms)
{
    multi_loop *loop = user_data;
    assay_poller_arm(loop->poller, timeout_ms);
}

void multi_loop_open(multi_loop *loop)
{
    const assay_http_hooks hooks = {on_socket, on_timer, loop};
    loop->longest_us = 0;
    must(assay_poller_new(&loop->poller, NULL) == ASSAY_OK, "poller");
    must(assay_http_multi_new(&hooks, &loop->multi) == ASSAY_OK, "multi");
}

void multi_loop_close(multi_loop *loop)
{
    assay_http_multi_free(loop->multi);
    assay_poller_free(loop->poller);
}

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void multi_loop_turn(multi_loop *loop, int wait_ms)
{
    assay_poller_event events[8];
    struct pollfd polled = {.fd = assay_poller_fd(loop->poller), .events = POLLIN};
    if (poll(&polled, 1, wait_ms) <= 0)
        return;
    size_t count = assay_poller_take(loop->poller, events, ASSAY_COUNT_OF(events));
    for (size_t i = 0; i < count; i++) {
        int64_t start = now_us();
        if (events[i].kind == ASSAY_POLLER_SOCKET)
            assay_http_multi_socket(loop->multi, events[i].fd, events[i].events);
        else
            assay_http_multi_timeout(loop->multi);
        int64_t took = now_us() - start;
        loop->longest_us = took > loop->longest_us ? took : loop->longest_us;
    }
}

bool multi_loop_until(multi_loop *loop, const multi_result *result, int64_t most_ms)
{
    int64_t end = assay_clock_real_ms() + most_ms;
    for (int64_t left; result->calls == 0 && (left = end - assay_clock_real_ms()) > 0;)
        multi_loop_turn(loop, (int)left);
    return result->calls > 0;
}

void multi_result_done(void *user_data, int code, assay_http_response *response, const assay_failure *failure)
{
    multi_result *result = user_data;
    result->calls++;
    result->code = code;
    assay_http_response_clear(&result->response); /* of an earlier one, where several share it */
    result->response = *response;
    result->failure = *failure;
    assay_http_response_init(response);
}

void multi_result_clear(multi_result *result)
{
    assay_http_response_clear(&result->response);
    memset(result, 0, sizeof *result);
}
