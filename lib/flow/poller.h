/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_FLOW_POLLER_H
#define ASSAY_FLOW_POLLER_H

/*
 * One descriptor that is readable while a socket is ready, a time is up, or somebody called: epoll over the sockets, a timerfd and a wake-up.
 * One thread at a time but for assay_poller_wake(). Linux only.
 */

#include "base/failure.h"
#include "base/memory.h"

typedef struct assay_poller assay_poller;

enum { ASSAY_POLLER_READ = 1, ASSAY_POLLER_WRITE = 2 };

typedef enum assay_poller_kind { ASSAY_POLLER_SOCKET, ASSAY_POLLER_TIMER, ASSAY_POLLER_WAKE } assay_poller_kind;

typedef struct assay_poller_event {
    assay_poller_kind kind;
    int fd, events; /* of a socket; both events where it is broken */
} assay_poller_event;

/* ASSAY_OK, ASSAY_E_MEMORY, ASSAY_E_SYSTEM (the note names the limit), ASSAY_E_UNSUPPORTED (no epoll). */
int assay_poller_new(assay_poller **poller, assay_failure *failure);
/* Closes our descriptors, not the sockets that were watched. It asks nothing of epoll, whose instance a forked child shares with its parent,
 * so it is right in the child too. */
void assay_poller_free(assay_poller *poller);
ASSAY_DEFINE_CLEANUP(assay_poller, assay_poller_free)

int assay_poller_fd(const assay_poller *poller);
/* Watch a socket for these events instead of earlier ones, level-triggered; 0: no longer, which never fails. ASSAY_OK, ASSAY_E_MEMORY, ASSAY_E_SYSTEM. */
int assay_poller_watch(assay_poller *poller, int fd, int events);
/* One timer event after so long instead of any earlier one; 0: at once; -1: none. */
void assay_poller_arm(assay_poller *poller, int64_t timeout_ms);
/* A wake event; any thread, and signal handlers. Several before it is taken are one. */
void assay_poller_wake(assay_poller *poller);
/* A wake event with an edge of its own, although an earlier one may not have been taken. The thread that takes alone. */
void assay_poller_wake_anew(assay_poller *poller);
/*
 * What is ready now, without waiting; returns how many events, @p capacity at most. Sockets stay ready until they are served. After 0 the descriptor
 * is not readable, and whatever becomes ready later gives an edge to whoever watches it edge-triggered.
 */
size_t assay_poller_take(assay_poller *poller, assay_poller_event *events, size_t capacity);

#endif
