/* SPDX-License-Identifier: MIT */
#include "http/multi.h"

#include "http/exchange.h"

#include <pthread.h>
#include <signal.h>

struct assay_http_transfer {
    assay_http_exchange exchange;
    assay_http_multi *multi;
    assay_http_transfer *next, **previous; /* previous: what points here */
    assay_http_done done;
    void *user_data;
    bool ended; /* curl has no part in it any more, its callback is being called */
    char url[];
};

struct assay_http_multi {
    CURLM *curl;
    assay_http_hooks hooks;
    assay_http_transfer *transfers; /* under way */
    assay_http_multi *next;         /* abandoned before this one */
};

/* What forked children left behind, for leak checkers. */
static _Atomic(assay_http_multi *) abandoned;

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user_data, void *socket_data)
{
    const assay_http_multi *multi = user_data;
    int events = (what & CURL_POLL_IN) != 0 ? ASSAY_HTTP_READ : 0;
    (void)easy;
    (void)socket_data;
    if (what == CURL_POLL_REMOVE)
        events = 0;
    else if ((what & CURL_POLL_OUT) != 0)
        events |= ASSAY_HTTP_WRITE;
    multi->hooks.socket(multi->hooks.user_data, fd, events);
    return 0;
}

static int on_timer(CURLM *curl, long timeout_ms, void *user_data)
{
    const assay_http_multi *multi = user_data;
    (void)curl;
    multi->hooks.timer(multi->hooks.user_data, timeout_ms);
    return 0;
}

static CURLMcode set_options(assay_http_multi *multi)
{
    CURLMcode result = curl_multi_setopt(multi->curl, CURLMOPT_SOCKETFUNCTION, on_socket);
    if (result == CURLM_OK)
        result = curl_multi_setopt(multi->curl, CURLMOPT_SOCKETDATA, multi);
    if (result == CURLM_OK)
        result = curl_multi_setopt(multi->curl, CURLMOPT_TIMERFUNCTION, on_timer);
    if (result == CURLM_OK)
        result = curl_multi_setopt(multi->curl, CURLMOPT_TIMERDATA, multi);
    if (result == CURLM_OK) /* one stuck transfer must not hold up another */
        result = curl_multi_setopt(multi->curl, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
    if (result == CURLM_OK)
        result = curl_multi_setopt(multi->curl, CURLMOPT_MAXCONNECTS, (long)ASSAY_LIMIT_KEPT_CONNECTIONS);
    return result;
}

/* When a multi is freed, curl handles SIGPIPE as the last transfer said that it had; one without any would change it for the whole process. */
static bool keep_signals(assay_http_multi *multi)
{
    CURL *easy = curl_easy_init();
    if (easy == NULL)
        return false;
    assay_http_easy_reset(easy);
    bool done = curl_multi_add_handle(multi->curl, easy) == CURLM_OK;
    curl_multi_remove_handle(multi->curl, easy);
    curl_easy_cleanup(easy);
    return done;
}

int assay_http_multi_new(const assay_http_hooks *hooks, assay_http_multi **multi)
{
    *multi = NULL;
    int code = assay_http_begin();
    if (code != ASSAY_OK)
        return code;
    ASSAY_CLEANUP(assay_http_multi_free_p) assay_http_multi *made = assay_zalloc(sizeof *made);
    if (made == NULL)
        return ASSAY_E_MEMORY;
    made->hooks = *hooks;
    made->curl = curl_multi_init();
    if (made->curl == NULL || !keep_signals(made))
        return ASSAY_E_MEMORY;
    if (set_options(made) != CURLM_OK)
        return ASSAY_E_NETWORK;
    *multi = ASSAY_STEAL(made);
    return ASSAY_OK;
}

/* Take the transfer from curl and from the list of those under way. */
static void detach(assay_http_transfer *transfer)
{
    CURL *easy = transfer->exchange.easy;
    curl_multi_remove_handle(transfer->multi->curl, easy);
    transfer->ended = true;
    *transfer->previous = transfer->next;
    if (transfer->next != NULL)
        transfer->next->previous = transfer->previous;
}

static void drop(assay_http_transfer *transfer)
{
    assay_http_exchange_clear(&transfer->exchange);
    curl_easy_cleanup(transfer->exchange.easy);
    assay_release(transfer);
}

void assay_http_multi_free(assay_http_multi *multi)
{
    if (multi == NULL)
        return;
    while (multi->transfers != NULL)
        assay_http_transfer_cancel(multi->transfers);
    curl_multi_cleanup(multi->curl);
    assay_release(multi);
}

void assay_http_multi_abandon(assay_http_multi *multi)
{
    if (multi == NULL)
        return;
    multi->next = atomic_load_explicit(&abandoned, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&abandoned, &multi->next, multi, memory_order_release,
                                                  memory_order_relaxed))
        ;
}

int assay_http_multi_start(assay_http_multi *multi, assay_http_settings *settings, const assay_http_request *request,
                           int64_t timeout_ms, int64_t now_wall, assay_http_done done, void *user_data,
                           assay_http_transfer **transfer, assay_failure *failure)
{
    *transfer = NULL;
    size_t url_size = strlen(request->url) + 1;
    CURL *easy = curl_easy_init();
    assay_http_transfer *made = assay_zalloc(sizeof *made + url_size);
    if (easy == NULL || made == NULL) {
        curl_easy_cleanup(easy);
        assay_release(made);
        return assay_fail(failure, ASSAY_E_MEMORY);
    }
    memcpy(made->url, request->url, url_size);
    made->multi = multi;
    made->done = done;
    made->user_data = user_data;

    assay_http_request kept = *request;
    kept.url = made->url;
    int code = assay_http_exchange_prepare(&made->exchange, easy, settings, &kept, timeout_ms, now_wall, failure);
    if (code == ASSAY_OK && (curl_easy_setopt(easy, CURLOPT_PRIVATE, made) != CURLE_OK ||
                             curl_multi_add_handle(multi->curl, easy) != CURLM_OK))
        code = assay_fail(failure, ASSAY_E_MEMORY);
    if (code != ASSAY_OK) {
        drop(made);
        return code;
    }
    made->previous = &multi->transfers;
    made->next = multi->transfers;
    if (made->next != NULL)
        made->next->previous = &made->next;
    multi->transfers = made;
    *transfer = made;
    return ASSAY_OK;
}

void assay_http_transfer_give(assay_http_transfer *transfer, void *user_data)
{
    transfer->user_data = user_data;
}

void assay_http_transfer_cancel(assay_http_transfer *transfer)
{
    if (transfer == NULL || transfer->ended)
        return;
    detach(transfer);
    drop(transfer);
}

/* Curl is done with it and knows it no more when the callback comes, so that the callback may start and cancel others. */
static void complete(assay_http_transfer *transfer, CURLcode result)
{
    assay_failure failure;
    assay_failure_clear(&failure);
    int code = assay_http_exchange_finish(&transfer->exchange, result, &failure);
    detach(transfer);
    transfer->done(transfer->user_data, code, &transfer->exchange.response, &failure);
    drop(transfer);
}

static void collect(assay_http_multi *multi)
{
    int left = 0;
    for (CURLMsg *message; (message = curl_multi_info_read(multi->curl, &left)) != NULL;) {
        CURLcode result = message->data.result;
        char *transfer = NULL;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
        complete((assay_http_transfer *)(void *)transfer, result);
    }
}

/* Signals are the host's. Those that the code itself would cause are let through, since blocking them hides a crash from its handler. */
static void block_signals(sigset_t *before)
{
    static const int of_a_crash[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};
    sigset_t all;
    sigfillset(&all);
    for (size_t i = 0; i < ASSAY_COUNT_OF(of_a_crash); i++)
        sigdelset(&all, of_a_crash[i]);
    (void)pthread_sigmask(SIG_SETMASK, &all, before);
}

static void act(assay_http_multi *multi, curl_socket_t fd, int events)
{
    sigset_t before;
    int running = 0;
    block_signals(&before); /* a resolver thread that starts here inherits this */
    (void)curl_multi_socket_action(multi->curl, fd, events, &running);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    collect(multi);
}

void assay_http_multi_socket(assay_http_multi *multi, int fd, int events)
{
    int ready = (events & ASSAY_HTTP_READ) != 0 ? CURL_CSELECT_IN : 0;
    act(multi, fd, (events & ASSAY_HTTP_WRITE) != 0 ? ready | CURL_CSELECT_OUT : ready);
}

void assay_http_multi_timeout(assay_http_multi *multi)
{
    act(multi, CURL_SOCKET_TIMEOUT, 0);
}
