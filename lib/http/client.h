/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_HTTP_CLIENT_H
#define ASSAY_HTTP_CLIENT_H

/* The blocking engine on libcurl. Only the engines of this folder include curl. */

#include "http/message.h"
#include "http/settings.h"

/* One client keeps its connections; one thread at a time. @p settings are borrowed and outlive the client; NULL: the defaults. */
typedef struct assay_http_client assay_http_client;

int assay_http_client_new(assay_http_settings *settings, assay_http_client **client);
void assay_http_client_free(assay_http_client *client);
ASSAY_DEFINE_CLEANUP(assay_http_client, assay_http_client_free)

/*
 * Send a request. @p timeout_ms > 0 bounds name resolution, connection, TLS and transfer together; the call returns within about 100 ms after it.
 * @p now_wall: for Retry-After. No redirect is followed, so that no body is sent twice: 3xx answers are given as they are. Any status is ASSAY_OK here.
 * No decompression is offered and no 100 waited for. Only http and https; http must really connect to a loopback address, or to the link-local one that the URL spells
 * out, each where the request allows it. TLS 1.2 at least, peer and host verified. No netrc, no cookies, no proxy but the one set; loopback, link-local addresses and servers with a
 * `tls_name` are always asked directly, since a proxy's loopback is another machine.
 * ASSAY_E_RESOLVE, _CONNECT, _TLS, _TIMEOUT, _RESPONSE_SIZE, _RESPONSE (truncated), _NETWORK, _CONFIG_CA, _MEMORY, _CONFIG_URL (not a URL that may be fetched),
 * _ARGUMENT (a request that can't be sent: a control byte in a header field, another method); @p failure says more (host, curl's own words, and the fix).
 */
int assay_http_client_send(assay_http_client *client, const assay_http_request *request, int64_t timeout_ms,
                           int64_t now_wall, assay_http_response *response, assay_failure *failure);

/* How many certificates a PEM text holds, for the check at configuration time; -1: none, or a damaged one among them. */
int assay_http_count_certificates(const char *pem, size_t len);
/* curl's version text, static. */
const char *assay_http_client_version(void);

#endif
