/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_HTTP_OPTIONS_H
#define ASSAY_HTTP_OPTIONS_H

/* The options of curl that are the same for every exchange of one kind; for the engines of this folder only. */

#include "http/exchange.h"

/* curl's own name of the first option that failed is not known; that it failed is enough. */
CURLcode assay_http_options_limits(CURL *easy, const char *url, int64_t timeout_ms, size_t body_limit);
/* The method and, of a POST, the body. */
CURLcode assay_http_options_method(CURL *easy, const assay_http_request *request);
/* @p ca is used where the exchange has no trust of ours. */
CURLcode assay_http_options_tls(CURL *easy, assay_http_exchange *exchange, const assay_http_ca *ca);
/* "" keeps curl from reading the environment. */
CURLcode assay_http_options_proxy(CURL *easy, const assay_http_settings *settings, bool direct);

/* The first failing option stays; every one of them matters. */
#define ASSAY_HTTP_SET(option, value)                                                                                  \
    do {                                                                                                               \
        if (result == CURLE_OK)                                                                                        \
            result = curl_easy_setopt(easy, option, value);                                                            \
    } while (0)

#endif
