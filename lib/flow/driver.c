/* SPDX-License-Identifier: MIT */
#include "flow/driver_private.h"
#include "flow/fork.h"

/* Operations in a driver: added, stepped, fetched for, given back. */

enum {
    TURN_MS = 2,       /* after which the host has its turn, whatever is left */
    TIMER_SLACK_MS = 2 /* too early is not worth setting the timer anew */
};

static void link_op(assay_op **list, assay_op *op)
{
    op->next = *list;
    op->link = list;
    if (*list != NULL)
        (*list)->link = &op->next;
    *list = op;
}

static void unlink_op(assay_op *op)
{
    *op->link = op->next;
    if (op->next != NULL)
        op->next->link = op->link;
    op->next = NULL;
    op->link = NULL;
}

/* It has something to do. */
static void mark_ready(assay_driver *driver, assay_op *op)
{
    if (op->ready_link != NULL)
        return;
    op->ready_next = driver->ready;
    op->ready_link = &driver->ready;
    if (driver->ready != NULL)
        driver->ready->ready_link = &op->ready_next;
    driver->ready = op;
}

static void unmark_ready(assay_op *op)
{
    if (op->ready_link == NULL)
        return;
    *op->ready_link = op->ready_next;
    if (op->ready_next != NULL)
        op->ready_next->ready_link = op->ready_link;
    op->ready_link = NULL;
}

int assay_driver_check(const assay_driver *driver, assay_failure *failure)
{
    return driver->process == assay_fork_generation() ? ASSAY_OK : assay_fail(failure, ASSAY_E_FORKED);
}

void assay_driver_wake(assay_driver *driver)
{
    if (driver->poller != NULL)
        assay_poller_wake(driver->poller);
    else
        assay_wakeup_raise(driver->wakeup);
}

/* From any thread, under the lock of some keyring or credential. */
static void on_wake(assay_waker *waker)
{
    assay_driver *driver = (assay_driver *)waker; /* its first member */
    if (!atomic_exchange(&driver->woken, true))
        assay_driver_wake(driver);
}

static void on_fetched(void *user_data, int code, assay_http_response *response, const assay_failure *why)
{
    assay_op *op = user_data;
    op->transfer = NULL;
    mark_ready(op->driver, op);
    assay_op_report(op, response, code, why);
}

static void start_transfer(assay_op *op)
{
    assay_failure why;
    assay_runtime *runtime = assay_op_runtime(op);
    const assay_http_request *request = assay_op_errand(op);
    assay_runtime_log(runtime, ASSAY_LOG_DEBUG, "fetching %s", request->url);
    int code = assay_http_multi_start(op->driver->multi, &runtime->http, request,
                                      assay_op_errand_until(op) - assay_clock_real_ms(),
                                      assay_clock_wall(&runtime->clock), on_fetched, op, &op->transfer, &why);
    if (code == ASSAY_OK)
        return;
    mark_ready(op->driver, op);
    assay_op_report(op, NULL, code, &why);
}

static void finish(assay_driver *driver, assay_op *op)
{
    if (driver->stepped_next == op)
        driver->stepped_next = op->next;
    unlink_op(op);
    op->seat.waker = op->acquisition.waker = NULL;
    if (op->own) {
        driver->own--;
        driver->scan = true; /* what is due next may be another one now */
        assay_op_drop(op);
        return;
    }
    *driver->done_end = op;
    driver->done_end = &op->next;
}

/* A cancelled operation may be the one that fetches for many: the fetch goes on without it. */
static void cancel(assay_driver *driver, assay_op *op)
{
    assay_op *rest;
    if (op->transfer != NULL && assay_op_detach(op, &rest) == ASSAY_OK) {
        rest->transfer = ASSAY_STEAL(op->transfer);
        assay_http_transfer_give(rest->transfer, rest);
        rest->driver = driver;
        rest->own = true;
        driver->own++;
        link_op(&driver->active, rest);
    }
    if (op->transfer != NULL)
        assay_http_transfer_cancel(ASSAY_STEAL(op->transfer));
    assay_op_end(op, ASSAY_E_CANCELLED);
}

/* One operation as far as it goes now. */
static void step(assay_driver *driver, assay_op *op)
{
    unmark_ready(op);
    if (op->cancelled)
        cancel(driver, op);
    else if (op->transfer != NULL)
        return;
    switch (assay_op_go_on(op)) {
    case ASSAY_WANT_FETCH:
        start_transfer(op);
        break;
    case ASSAY_WANT_WAIT:
        if (assay_op_look_at(op) < driver->look_at)
            driver->look_at = assay_op_look_at(op);
        break;
    default:
        finish(driver, op);
    }
}

void assay_driver_add_own(assay_driver *driver, assay_op *op)
{
    op->driver = driver;
    op->own = true;
    assay_op_wake_by(op, &driver->waker);
    driver->own++;
    link_op(&driver->active, op);
    step(driver, op);
}

void assay_driver_renew(assay_driver *driver, assay_credential *credential)
{
    enum { TIMEOUT_MS = 60000 };
    assay_op *op;
    int64_t due_at;
    int64_t now = assay_credential_now(credential);
    if (assay_op_make_renewal(credential, now, TIMEOUT_MS, true, &due_at, &op) > 0)
        assay_driver_add_own(driver, op);
}

static bool is_turn_over(const assay_driver *driver)
{
    return assay_clock_real_ms() >= driver->turn_until;
}

static bool step_ready(assay_driver *driver)
{
    bool any = driver->ready != NULL;
    while (driver->ready != NULL && !is_turn_over(driver))
        step(driver, driver->ready);
    return any;
}

/* After a flight has changed, or when a lease may have run out: each operation, in one turn or in several. */
static bool step_all(assay_driver *driver)
{
    if (driver->stepped_next == NULL) {
        if (!atomic_exchange(&driver->woken, false) && assay_clock_real_ms() < driver->look_at)
            return false;
        driver->look_at = INT64_MAX;
        driver->stepped_next = driver->active;
    }
    while (driver->stepped_next != NULL && !is_turn_over(driver)) {
        assay_op *op = driver->stepped_next;
        driver->stepped_next = op->next;
        step(driver, op);
    }
    return true;
}

static bool run_curl_timer(assay_driver *driver)
{
    if (assay_clock_real_ms() < driver->curl_at)
        return false;
    driver->curl_at = INT64_MAX;
    assay_http_multi_timeout(driver->multi);
    return true;
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void arm(assay_driver *driver, int64_t at)
{
    if (at == driver->armed_at || (at > driver->armed_at && at - driver->armed_at <= TIMER_SLACK_MS))
        return;
    driver->armed_at = at;
    int64_t left = at - assay_clock_real_ms();
    int64_t wait = at == INT64_MAX ? -1 : left < 0 ? 0 : left;
    if (driver->poller != NULL)
        assay_poller_arm(driver->poller, wait);
    else
        driver->hooks.timer(driver->hooks.user_data, wait);
}

/* The next that is ready on the driver's own descriptor: one, since a handshake takes a millisecond or two. */
static bool take_event(assay_driver *driver)
{
    assay_poller_event event;
    if (driver->poller == NULL || assay_poller_take(driver->poller, &event, 1) == 0)
        return false;
    if (event.kind == ASSAY_POLLER_SOCKET)
        assay_http_multi_socket(driver->multi, event.fd, event.events);
    else if (event.kind == ASSAY_POLLER_TIMER)
        driver->armed_at = INT64_MAX; /* it fires once */
    return true;
}

/* Enough for one turn of the host's loop. An edge-triggered one needs an edge, so a call that was not answered yet is made anew. */
static void be_ready_again(assay_driver *driver)
{
    if (driver->poller != NULL)
        assay_poller_wake_anew(driver->poller);
    else
        assay_wakeup_raise(driver->wakeup); /* watched level-triggered */
}

void assay_driver_go_on(assay_driver *driver)
{
    bool more = true;
    int64_t watched_at = INT64_MAX;
    driver->turn_until = assay_clock_real_ms() + TURN_MS;
    while (more && !is_turn_over(driver)) {
        more = take_event(driver);
        more = run_curl_timer(driver) || more;
        more = step_ready(driver) || more;
        more = step_all(driver) || more;
        watched_at = assay_driver_refresh_watched(driver);
        more = more || driver->ready != NULL || driver->starting;
    }
    if (more)
        be_ready_again(driver);
    arm(driver, sooner(watched_at, sooner(driver->curl_at, driver->look_at)));
}

void assay_driver_socket(assay_driver *driver, int fd, int events)
{
    if (driver->wakeup != NULL && fd == assay_wakeup_fd(driver->wakeup))
        assay_wakeup_take(driver->wakeup);
    else
        assay_http_multi_socket(driver->multi, fd, events);
    assay_driver_go_on(driver);
}

void assay_driver_timer(assay_driver *driver)
{
    driver->armed_at = INT64_MAX;
    assay_driver_go_on(driver);
}

int assay_driver_take(assay_driver *driver, assay_op *op, assay_failure *failure)
{
    if (op->driver != NULL)
        return assay_fail_note(failure, ASSAY_E_STATE, "a driver has the operation already");
    op->driver = driver;
    assay_op_wake_by(op, &driver->waker);
    link_op(&driver->active, op);
    mark_ready(driver, op);
    assay_driver_wake(driver);
    return ASSAY_OK;
}

void assay_driver_cancel(assay_driver *driver, assay_op *op)
{
    if (assay_driver_check(driver, NULL) != ASSAY_OK)
        return;
    op->cancelled = true;
    if (op->link != NULL) /* else it is done, and waits to be given back */
        mark_ready(driver, op);
    assay_driver_wake(driver);
}

assay_op *assay_driver_give_back(assay_driver *driver)
{
    assay_op *op = driver->done;
    if (op == NULL || assay_driver_check(driver, NULL) != ASSAY_OK)
        return NULL;
    driver->done = op->next;
    if (driver->done == NULL)
        driver->done_end = &driver->done;
    op->next = NULL;
    op->driver = NULL;
    return op;
}

int assay_driver_descriptor(const assay_driver *driver)
{
    return driver->poller == NULL ? -1 : assay_poller_fd(driver->poller);
}

static void on_socket(void *user_data, int fd, int events)
{
    assay_driver *driver = user_data;
    if (driver->poller == NULL)
        driver->hooks.socket(driver->hooks.user_data, fd, events);
    else if (assay_poller_watch(driver->poller, fd, events) != ASSAY_OK)
        driver->curl_at = assay_clock_real_ms(); /* curl looks by itself, and its time limit ends the transfer */
}

static void on_timer(void *user_data, int64_t timeout_ms)
{
    assay_driver *driver = user_data;
    driver->curl_at = timeout_ms < 0 ? INT64_MAX : assay_clock_real_ms() + timeout_ms;
}

int assay_driver_make(const assay_driver_hooks *hooks, assay_driver **driver, assay_failure *failure)
{
    *driver = NULL;
    ASSAY_CLEANUP(assay_driver_drop_p) assay_driver *made = assay_zalloc(sizeof *made);
    if (made == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    made->waker.wake = on_wake;
    made->process = assay_fork_generation();
    made->done_end = &made->done;
    made->curl_at = made->look_at = made->armed_at = INT64_MAX;
    const assay_http_hooks engine = {on_socket, on_timer, made};
    int code = assay_http_multi_new(&engine, &made->multi);
    if (code != ASSAY_OK)
        return assay_fail(failure, code);
    code = hooks->socket == NULL ? assay_poller_new(&made->poller, failure) : assay_wakeup_new(&made->wakeup, failure);
    if (code != ASSAY_OK)
        return code;
    made->hooks = *hooks;
    if (made->wakeup != NULL)
        hooks->socket(hooks->user_data, assay_wakeup_fd(made->wakeup), ASSAY_DRIVER_READ);
    *driver = ASSAY_STEAL(made);
    return ASSAY_OK;
}

static void drop_all(assay_op *list)
{
    for (assay_op *op = list, *next; op != NULL; op = next) {
        next = op->next;
        if (op->transfer != NULL)
            assay_http_transfer_cancel(op->transfer);
        assay_op_drop(op);
    }
}

/* In a child: what the parent goes on using is left alone, its connections above all. */
static void abandon(assay_driver *driver)
{
    for (assay_op *op = driver->active; op != NULL; op = op->next)
        op->transfer = NULL;
    assay_http_multi_abandon(driver->multi);
    assay_poller_free(driver->poller);
    driver->multi = NULL;
    driver->poller = NULL;
    driver->hooks.socket = NULL; /* what the host watches with may be shared as well */
}

void assay_driver_drop(assay_driver *driver)
{
    if (driver == NULL)
        return;
    if (assay_driver_check(driver, NULL) != ASSAY_OK)
        abandon(driver);
    drop_all(driver->active);
    drop_all(driver->done);
    assay_driver_forget_watched(driver);
    assay_http_multi_free(driver->multi);
    if (driver->wakeup != NULL && driver->hooks.socket != NULL)
        driver->hooks.socket(driver->hooks.user_data, assay_wakeup_fd(driver->wakeup), 0);
    assay_wakeup_free(driver->wakeup);
    assay_poller_free(driver->poller);
    if (driver->hooks.destroy != NULL)
        driver->hooks.destroy(driver->hooks.user_data);
    assay_release(driver);
}
