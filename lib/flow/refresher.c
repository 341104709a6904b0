/* SPDX-License-Identifier: MIT */
#include "flow/refresher.h"

#include "flow/driver.h"
#include "flow/fork.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>

typedef struct assay_refresher {
    assay_driver *driver;
    pthread_t thread;
    pthread_mutex_t working; /* held by the thread but while it sleeps: whoever forks takes it before all locks */
    atomic_bool stop;
    unsigned process; /* assay_fork_generation() */
} assay_refresher;

static bool is_inherited(const assay_refresher *refresher)
{
    return refresher->process != assay_fork_generation();
}

/* One turn. The host is told what there is to tell afterwards: its log function may wait for somebody who forks, and that one for us. */
static void work(assay_refresher *refresher)
{
    assay_log_line *lines = NULL, **end = &lines;
    assay_runtime_keep_log(&end);
    (void)pthread_mutex_lock(&refresher->working);
    assay_driver_go_on(refresher->driver);
    (void)pthread_mutex_unlock(&refresher->working);
    assay_runtime_keep_log(NULL);
    assay_runtime_give_log(lines);
}

static void *run(void *argument)
{
    assay_refresher *refresher = argument;
    struct pollfd ready = {.fd = assay_driver_descriptor(refresher->driver), .events = POLLIN};
    while ((ready.revents & POLLNVAL) == 0) { /* else the host has closed what is not its own */
        work(refresher);
        if (atomic_load(&refresher->stop)) /* between the two: the driver has taken what woke it */
            break;
        (void)poll(&ready, 1, -1); /* its timer is behind the descriptor */
    }
    return NULL;
}

/* No signal of the host is ever handled in the thread. */
static int start_thread(assay_refresher *refresher)
{
    sigset_t all, before;
    (void)sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0)
        return EINVAL;
    int result = pthread_create(&refresher->thread, NULL, run, refresher);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return result;
}

static int make(assay_refresher_watch watch, void *owner, assay_refresher **refresher, assay_failure *failure)
{
    const assay_driver_hooks none = {NULL, NULL, NULL, NULL};
    *refresher = assay_zalloc(sizeof **refresher);
    if (*refresher == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    (*refresher)->process = assay_fork_generation();
    int code = assay_driver_make(&none, &(*refresher)->driver, failure);
    if (code == ASSAY_OK) /* not counted: the last reference ends the thread */
        code = watch((*refresher)->driver, owner, failure);
    if (code == ASSAY_OK && pthread_mutex_init(&(*refresher)->working, NULL) != 0)
        code = assay_fail(failure, ASSAY_E_MEMORY);
    if (code == ASSAY_OK)
        return code;
    assay_driver_drop((*refresher)->driver);
    assay_release(ASSAY_STEAL(*refresher));
    return code;
}

static void drop(assay_refresher *refresher)
{
    assay_driver_drop(refresher->driver);
    (void)pthread_mutex_destroy(&refresher->working);
    assay_release(refresher);
}

/* Let others see it, or see it no longer: those who poke lock its owner, who forks holds the registry. */
static assay_refresher *exchange(assay_refresher_slot *slot, assay_refresher *refresher)
{
    assay_fork_hold();
    (void)pthread_mutex_lock(slot->lock);
    assay_refresher *before = atomic_exchange(&slot->refresher, refresher);
    (void)pthread_mutex_unlock(slot->lock);
    assay_fork_release();
    return before;
}

/* Only where it was started here is there anything to wait for. */
static void end(assay_refresher *refresher)
{
    if (!is_inherited(refresher)) {
        atomic_store(&refresher->stop, true);
        assay_driver_wake(refresher->driver);
        (void)pthread_join(refresher->thread, NULL);
    }
    drop(refresher);
}

/* With the lock of its owner, without which another thread may end it meanwhile. NULL: there is none in this process. */
static assay_refresher *running(assay_refresher_slot *slot)
{
    assay_refresher *refresher = atomic_load(&slot->refresher);
    return refresher == NULL || is_inherited(refresher) ? NULL : refresher;
}

/*
 * Start its thread and let others see it, unless another caller was first: a thread that is at work is not ended for the sake of one that begins. *rest: what
 * is left to be ended; it is @p refresher itself where that was not started. 0, or what pthread_create() said.
 */
static int launch(assay_refresher_slot *slot, assay_refresher *refresher, assay_refresher **rest)
{
    int result = 0;
    *rest = refresher;
    assay_fork_hold();
    (void)pthread_mutex_lock(slot->lock);
    if (running(slot) == NULL) {
        result = start_thread(refresher);
        if (result == 0)
            *rest = atomic_exchange(&slot->refresher, refresher);
    }
    (void)pthread_mutex_unlock(slot->lock);
    assay_fork_release();
    return result;
}

int assay_refresher_start(assay_refresher_slot *slot, assay_refresher_watch watch, void *owner, assay_failure *failure)
{
    assay_refresher *refresher, *rest;
    (void)pthread_mutex_lock(slot->lock);
    bool is_running = running(slot) != NULL;
    (void)pthread_mutex_unlock(slot->lock);
    if (is_running)
        return ASSAY_OK;
    int code = make(watch, owner, &refresher, failure);
    if (code != ASSAY_OK)
        return code;
    int result = launch(slot, refresher, &rest);
    if (rest == refresher)
        drop(refresher);
    else if (rest != NULL) /* inherited */
        end(rest);
    if (result == 0)
        return ASSAY_OK;
    char words[80];
    return assay_fail_note(failure, ASSAY_E_SYSTEM, "no thread could be started: %s",
                           strerror_r(result, words, sizeof words));
}

void assay_refresher_stop(assay_refresher_slot *slot)
{
    if (atomic_load(&slot->refresher) == NULL)
        return;
    assay_refresher *refresher = exchange(slot, NULL);
    if (refresher != NULL)
        end(refresher);
}

bool assay_refresher_poke(assay_refresher_slot *slot)
{
    if (atomic_load(&slot->refresher) == NULL)
        return false;
    (void)pthread_mutex_lock(slot->lock);
    assay_refresher *refresher = running(slot);
    if (refresher != NULL)
        assay_driver_wake(refresher->driver);
    (void)pthread_mutex_unlock(slot->lock);
    return refresher != NULL;
}

/* The thread itself may fork: in a function of the host, such as the one that gives assertions. It is where it is, and has what it would wait for. */
static bool is_self(const assay_refresher *refresher)
{
    return pthread_equal(refresher->thread, pthread_self()) != 0;
}

bool assay_refresher_try_hold(assay_refresher_slot *slot)
{
    assay_refresher *refresher = atomic_load(&slot->refresher);
    return refresher == NULL || is_self(refresher) || pthread_mutex_trylock(&refresher->working) == 0;
}

void assay_refresher_release(assay_refresher_slot *slot)
{
    assay_refresher *refresher = atomic_load(&slot->refresher);
    if (refresher != NULL && !is_self(refresher))
        (void)pthread_mutex_unlock(&refresher->working);
}
