/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_HTTP_EXCHANGE_H
#define ASSAY_HTTP_EXCHANGE_H

/* What one request needs on an easy handle, whichever engine carries it out; for the engines of this folder only. */

#include "http/message.h"
#include "http/settings.h"
#include "http/url.h"

#include <curl/curl.h>

/* Why one of our callbacks stopped the transfer. */
typedef enum assay_http_stop {
    ASSAY_HTTP_STOP_NONE,
    ASSAY_HTTP_STOP_BODY_SIZE,
    ASSAY_HTTP_STOP_HEADER_SIZE,
    ASSAY_HTTP_STOP_MEMORY,
    ASSAY_HTTP_STOP_ADDRESS
} assay_http_stop;

/* One request and its answer, from _prepare() to _clear(); curl keeps its address. */
typedef struct assay_http_exchange {
    CURL *easy; /* borrowed */
    assay_url url;
    const assay_trust *trust; /* of the request or the settings; NULL: curl's own, or none needed */
    struct curl_slist *headers;
    struct curl_slist *connect_to; /* NULL: the URL says it */
    assay_http_response response;
    size_t body_limit, header_bytes;
    int64_t now_wall;
    bool in_head; /* between a status line and the blank line after it; trailers come later and are not believed */
    assay_http_stop stop;
    char words[CURL_ERROR_SIZE];
} assay_http_exchange;

/* Forget all options but one, which is due from the beginning: freeing a handle without it changes what the process does on SIGPIPE, for a moment, and
 * with threads for good. Connections and TLS sessions are kept. */
void assay_http_easy_reset(CURL *easy);

/*
 * Check the request, reset @p easy and set every option on it. URL and body of the request outlive the exchange, its other
 * texts don't have to. ASSAY_E_CONFIG_URL, ASSAY_E_ARGUMENT, ASSAY_E_TIMEOUT, ASSAY_E_CONFIG_CA,
 * ASSAY_E_MEMORY; _clear() is due then as well.
 */
int assay_http_exchange_prepare(assay_http_exchange *exchange, CURL *easy, assay_http_settings *settings,
                                const assay_http_request *request, int64_t timeout_ms, int64_t now_wall,
                                assay_failure *failure);
/* What came of it, given curl's @p result; the answer stays in exchange->response, which is empty unless ASSAY_OK. */
int assay_http_exchange_finish(assay_http_exchange *exchange, CURLcode result, assay_failure *failure);
/* Release what it holds; the easy handle carries out nothing more before it is reset or freed. */
void assay_http_exchange_clear(assay_http_exchange *exchange);

#endif
