/* SPDX-License-Identifier: MIT */
#include "flow/poller.h"

#ifdef __linux__

#include "flow/wakeup.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { EVENTS_AT_ONCE = 64 };

struct assay_poller {
    int epoll, timer;
    assay_wakeup *wakeup;
};

static int control(const assay_poller *poller, int fd, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};
    return epoll_ctl(poller->epoll, operation, fd, &event);
}

static int open_all(assay_poller *poller, assay_failure *failure)
{
    poller->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (poller->epoll < 0)
        return assay_wakeup_fail(failure, "epoll descriptor", errno);
    poller->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (poller->timer < 0)
        return assay_wakeup_fail(failure, "timer descriptor", errno);
    int code = assay_wakeup_new(&poller->wakeup, failure);
    if (code != ASSAY_OK)
        return code;
    if (control(poller, poller->timer, EPOLL_CTL_ADD, EPOLLIN) != 0 ||
        control(poller, assay_wakeup_fd(poller->wakeup), EPOLL_CTL_ADD, EPOLLIN) != 0)
        return assay_wakeup_fail(failure, "place in epoll", errno);
    return ASSAY_OK;
}

int assay_poller_new(assay_poller **poller, assay_failure *failure)
{
    *poller = NULL;
    ASSAY_CLEANUP(assay_poller_free_p) assay_poller *made = assay_zalloc(sizeof *made);
    if (made == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    made->epoll = made->timer = -1;
    int code = open_all(made, failure);
    if (code == ASSAY_OK)
        *poller = ASSAY_STEAL(made);
    return code;
}

void assay_poller_free(assay_poller *poller)
{
    if (poller == NULL)
        return;
    if (poller->epoll >= 0)
        (void)close(poller->epoll);
    if (poller->timer >= 0)
        (void)close(poller->timer);
    assay_wakeup_free(poller->wakeup);
    assay_release(poller);
}

int assay_poller_fd(const assay_poller *poller)
{
    return poller->epoll;
}

/*
 * libcurl may tell it after it closed the descriptor (its issue 14976), whose number may be another file's of another thread by then. That one is not in this
 * epoll, so nothing is removed: closed already is gone already. ThreadSanitizer takes the number for memory that both use; tests/tsan.supp.
 */
static void forget_descriptor(const assay_poller *poller, int fd)
{
    (void)control(poller, fd, EPOLL_CTL_DEL, 0);
}

int assay_poller_watch(assay_poller *poller, int fd, int events)
{
    uint32_t wanted = 0;
    if ((events & ASSAY_POLLER_READ) != 0)
        wanted |= EPOLLIN;
    if ((events & ASSAY_POLLER_WRITE) != 0)
        wanted |= EPOLLOUT;
    if (wanted == 0) {
        forget_descriptor(poller, fd);
        return ASSAY_OK;
    }
    if (control(poller, fd, EPOLL_CTL_ADD, wanted) == 0 ||
        (errno == EEXIST && control(poller, fd, EPOLL_CTL_MOD, wanted) == 0))
        return ASSAY_OK;
    return assay_wakeup_fail(NULL, "place in epoll", errno);
}

void assay_poller_arm(assay_poller *poller, int64_t timeout_ms)
{
    struct itimerspec when = {.it_value = {0, 0}}; /* disarmed */
    if (timeout_ms == 0)
        when.it_value.tv_nsec = 1;
    else if (timeout_ms > 0)
        when.it_value = (struct timespec){(time_t)(timeout_ms / 1000), (long)(timeout_ms % 1000) * 1000000};
    (void)timerfd_settime(poller->timer, 0, &when, NULL);
}

void assay_poller_wake(assay_poller *poller)
{
    assay_wakeup_raise(poller->wakeup);
}

void assay_poller_wake_anew(assay_poller *poller)
{
    assay_wakeup_take(poller->wakeup);
    assay_wakeup_raise(poller->wakeup);
}

/* False: it was armed anew since epoll looked. */
static bool take_timer(const assay_poller *poller)
{
    uint64_t times;
    ssize_t got;
    do
        got = read(poller->timer, &times, sizeof times);
    while (got < 0 && errno == EINTR);
    return got == (ssize_t)sizeof times;
}

static int events_of(uint32_t ready)
{
    if ((ready & (EPOLLERR | EPOLLHUP)) != 0)
        return ASSAY_POLLER_READ | ASSAY_POLLER_WRITE;
    int events = (ready & EPOLLIN) != 0 ? ASSAY_POLLER_READ : 0;
    return (ready & EPOLLOUT) != 0 ? events | ASSAY_POLLER_WRITE : events;
}

size_t assay_poller_take(assay_poller *poller, assay_poller_event *events, size_t capacity)
{
    struct epoll_event ready[EVENTS_AT_ONCE];
    int most = capacity < EVENTS_AT_ONCE ? (int)capacity : EVENTS_AT_ONCE, got;
    size_t count = 0;
    do {
        got = epoll_wait(poller->epoll, ready, most, 0);
        for (int i = 0; i < got; i++) {
            int fd = ready[i].data.fd;
            assay_poller_event *event = &events[count];
            *event = (assay_poller_event){ASSAY_POLLER_SOCKET, -1, 0};
            if (fd == assay_wakeup_fd(poller->wakeup)) {
                event->kind = ASSAY_POLLER_WAKE;
                assay_wakeup_take(poller->wakeup);
            } else if (fd == poller->timer) {
                event->kind = ASSAY_POLLER_TIMER;
                if (!take_timer(poller))
                    continue;
            } else {
                event->fd = fd;
                event->events = events_of(ready[i].events);
            }
            count++;
        }
    } while ((got < 0 && errno == EINTR) || (got > 0 && count == 0));
    return count;
}

#else

int assay_poller_new(assay_poller **poller, assay_failure *failure)
{
    *poller = NULL;
    return assay_fail(failure, ASSAY_E_UNSUPPORTED);
}

/* There is none to call these with. */
void assay_poller_free(assay_poller *poller)
{
    (void)poller;
}

int assay_poller_fd(const assay_poller *poller)
{
    (void)poller;
    return -1;
}

int assay_poller_watch(assay_poller *poller, int fd, int events)
{
    (void)poller;
    (void)fd;
    (void)events;
    return ASSAY_E_UNSUPPORTED;
}

void assay_poller_arm(assay_poller *poller, int64_t timeout_ms)
{
    (void)poller;
    (void)timeout_ms;
}

void assay_poller_wake(assay_poller *poller)
{
    (void)poller;
}

void assay_poller_wake_anew(assay_poller *poller)
{
    (void)poller;
}

size_t assay_poller_take(assay_poller *poller, assay_poller_event *events, size_t capacity)
{
    (void)poller;
    (void)events;
    (void)capacity;
    return 0;
}

#endif
