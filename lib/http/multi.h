/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_HTTP_MULTI_H
#define ASSAY_HTTP_MULTI_H

/*
 * The engine for event loops on libcurl: many transfers at once, sockets and timer watched by somebody else. No function waits. One thread at a
 * time; all signals but those of a crash are blocked while curl works, so that no handler of the host runs in its resolver threads.
 */

#include "http/message.h"
#include "http/settings.h"

enum { ASSAY_HTTP_READ = 1, ASSAY_HTTP_WRITE = 2 };

/* Called from inside any function below; they must not call these. */
typedef struct assay_http_hooks {
    /* Watch for these events from now on, level-triggered; 0: no longer. */
    void (*socket)(void *user_data, int fd, int events);
    /* Call assay_http_multi_timeout() once after so long; -1: not at all. */
    void (*timer)(void *user_data, int64_t timeout_ms);
    void *user_data;
} assay_http_hooks;

typedef struct assay_http_multi assay_http_multi;
typedef struct assay_http_transfer assay_http_transfer;

/*
 * Called from assay_http_multi_socket() or _timeout() only, once. @p code and @p failure are as those of assay_http_client_send();
 * @p response may be emptied by the receiver (taken over) or is cleared afterwards. The transfer is gone when this returns. May start and
 * cancel transfers, but not free the multi.
 */
typedef void (*assay_http_done)(void *user_data, int code, assay_http_response *response, const assay_failure *failure);

/* ASSAY_OK, ASSAY_E_MEMORY, ASSAY_E_NETWORK. The hooks are copied. */
int assay_http_multi_new(const assay_http_hooks *hooks, assay_http_multi **multi);
/* Transfers under way end without their callback; connections are closed. */
void assay_http_multi_free(assay_http_multi *multi);
ASSAY_DEFINE_CLEANUP(assay_http_multi, assay_http_multi_free)
/* Instead, in a child after fork: nothing is sent, no descriptor is touched, no callback or hook is called, and the memory stays. */
void assay_http_multi_abandon(assay_http_multi *multi);

/*
 * Start a request on the terms of assay_http_client_send(); nothing is sent yet. Texts of the request are copied but for its body, which with
 * @p settings is borrowed and outlives the transfer: until the callback is called or _cancel() has returned. On failure there is no transfer and no callback.
 */
int assay_http_multi_start(assay_http_multi *multi, assay_http_settings *settings, const assay_http_request *request,
                           int64_t timeout_ms, int64_t now_wall, assay_http_done done, void *user_data,
                           assay_http_transfer **transfer, assay_failure *failure);
/* Its callback is called with this from now on. */
void assay_http_transfer_give(assay_http_transfer *transfer, void *user_data);
/* End it without its callback; NULL, and one whose callback is being called, are left alone. */
void assay_http_transfer_cancel(assay_http_transfer *transfer);

/* A socket is ready for these events; one that is not ours any more does no harm. */
void assay_http_multi_socket(assay_http_multi *multi, int fd, int events);
/* The time of the timer is up, or it is not known whether it is. */
void assay_http_multi_timeout(assay_http_multi *multi);

#endif
