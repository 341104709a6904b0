/* SPDX-License-Identifier: MIT */
#include "http/exchange.h"

#include "http/client_error.h"
#include "http/lines.h"
#include "http/options.h"
#include "http/tls_name.h"

#include <sys/socket.h>

static size_t on_body(char *bytes, size_t size, size_t count, void *user_data)
{
    assay_http_exchange *exchange = user_data;
    assay_http_response *response = &exchange->response;
    size_t len = size * count;
    if (len > exchange->body_limit - response->body_len) {
        exchange->stop = ASSAY_HTTP_STOP_BODY_SIZE;
        return 0;
    }
    if (!assay_http_response_add_body(response, bytes, len)) {
        exchange->stop = ASSAY_HTTP_STOP_MEMORY;
        return 0;
    }
    return len;
}

/* One line of a head. A new status line (after 100, or after a proxy's CONNECT) starts over. */
static size_t on_header(char *line, size_t size, size_t count, void *user_data)
{
    assay_http_exchange *exchange = user_data;
    size_t len = size * count;
    exchange->header_bytes += len;
    if (exchange->header_bytes > ASSAY_LIMIT_HTTP_HEADER_BYTES) {
        exchange->stop = ASSAY_HTTP_STOP_HEADER_SIZE;
        return 0;
    }
    if (!exchange->in_head && exchange->response.body_len == 0 && len >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        assay_http_response_clear(&exchange->response);
        exchange->in_head = true;
        return len;
    }
    if (len == 0 || line[0] == '\r' || line[0] == '\n')
        exchange->in_head = false;
    const char *colon = len == 0 ? NULL : memchr(line, ':', len);
    if (exchange->in_head && colon != NULL) {
        size_t name_len = (size_t)(colon - line);
        if (!assay_http_response_add_header(&exchange->response, line, name_len, colon + 1, len - name_len - 1,
                                            exchange->now_wall)) {
            exchange->stop = ASSAY_HTTP_STOP_MEMORY;
            return 0;
        }
    }
    return len;
}

/* Whether http may be spoken to this address: the URL said loopback, or spelled out this very link-local one. */
static bool is_near(const assay_url *url, const char *address)
{
    if (url->link_local)
        return assay_span_is(url->host, address);
    return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
}

/* See that the connection really goes where it was said to before anything is sent in the clear. */
static int on_connected(void *user_data, char *primary_ip, char *local_ip, int primary_port, int local_port)
{
    assay_http_exchange *exchange = user_data;
    (void)local_ip;
    (void)primary_port;
    (void)local_port;
    if (exchange->url.https || (primary_ip != NULL && is_near(&exchange->url, primary_ip)))
        return CURL_PREREQFUNC_OK;
    exchange->stop = ASSAY_HTTP_STOP_ADDRESS;
    return CURL_PREREQFUNC_ABORT;
}

/* What the host executes while a transfer is under way, or a connection is kept, does not get the socket. curl closes it. */
static curl_socket_t open_socket(void *user_data, curlsocktype purpose, struct curl_sockaddr *address)
{
    (void)user_data;
    (void)purpose;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    return fd < 0 ? CURL_SOCKET_BAD : fd;
}

#define SET ASSAY_HTTP_SET

static CURLcode set_callbacks(CURL *easy, assay_http_exchange *exchange)
{
    CURLcode result = CURLE_OK;
    SET(CURLOPT_HTTPHEADER, exchange->headers);
    SET(CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE); /* a proxy gets none of them */
    SET(CURLOPT_CONNECT_TO, exchange->connect_to);
    SET(CURLOPT_ERRORBUFFER, exchange->words);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, exchange);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, exchange);
    SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
    SET(CURLOPT_PREREQFUNCTION, on_connected);
    SET(CURLOPT_PREREQDATA, exchange);
    return result;
}

void assay_http_easy_reset(CURL *easy)
{
    curl_easy_reset(easy);
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L); /* takes any number */
}

static int check_request(assay_http_exchange *exchange, const assay_http_request *request, assay_failure *failure)
{
    size_t len = strlen(request->url);
    const char *problem =
        assay_url_check_local_fetch(request->url, len, request->allow_loopback_http, request->allow_link_local_http);
    if (problem != NULL)
        return assay_fail_note(failure, ASSAY_E_CONFIG_URL, "%s", problem);
    (void)assay_url_parse(request->url, len, &exchange->url);
    bool post = assay_http_request_is_post(request);
    if (request->method != NULL && !post && strcmp(request->method, "GET") != 0)
        return assay_fail_note(failure, ASSAY_E_ARGUMENT, "a request is a GET or a POST");
    if (!post && request->body_len > 0)
        return assay_fail_note(failure, ASSAY_E_ARGUMENT, "a GET has no body");
    return ASSAY_OK;
}

/*
 * Loopback and link-local addresses are always asked directly, since those of a proxy are other machines. So is a server behind another's
 * address, which is near: what is to be asked without a proxy goes by the name that curl is given, and here that is not the one of the address.
 */
static CURLcode set_options(assay_http_exchange *exchange, const assay_http_settings *settings,
                            const assay_http_request *request, const assay_http_ca *ca, const char *target,
                            int64_t timeout_ms)
{
    const assay_url *url = &exchange->url;
    bool direct = request->direct || url->loopback || url->link_local || request->tls_name != NULL;
    CURLcode result = assay_http_options_limits(exchange->easy, target, timeout_ms, request->body_limit);
    if (result == CURLE_OK)
        result = assay_http_options_method(exchange->easy, request);
    if (result == CURLE_OK)
        result = assay_http_options_tls(exchange->easy, exchange, ca);
    if (result == CURLE_OK)
        result = assay_http_options_proxy(exchange->easy, settings, direct);
    if (result == CURLE_OK)
        result = set_callbacks(exchange->easy, exchange);
    return result;
}

int assay_http_exchange_prepare(assay_http_exchange *exchange, CURL *easy, assay_http_settings *settings,
                                const assay_http_request *request, int64_t timeout_ms, int64_t now_wall,
                                assay_failure *failure)
{
    memset(exchange, 0, sizeof *exchange);
    assay_http_easy_reset(easy);
    exchange->easy = easy;
    exchange->body_limit = request->body_limit;
    exchange->now_wall = now_wall;
    assay_http_response_init(&exchange->response);
    int code = check_request(exchange, request, failure);
    if (code != ASSAY_OK)
        return code;
    if (timeout_ms <= 0)
        return assay_fail(failure, ASSAY_E_TIMEOUT);
    ASSAY_CLEANUP(assay_buffer_clear) assay_buffer target = {.text = NULL};
    code = assay_http_lines_of(&exchange->headers, request, failure);
    if (code == ASSAY_OK && request->tls_name != NULL)
        code = assay_http_tls_name_take(exchange, request->tls_name, &target, failure);
    if (code != ASSAY_OK)
        return code;
    assay_http_ca *ca = request->ca != NULL ? request->ca : &settings->ca;
    if (exchange->url.https) {
        code = assay_http_ca_load(ca, failure);
        if (code != ASSAY_OK)
            return code;
        exchange->trust = atomic_load_explicit(&ca->trust, memory_order_acquire);
    }
    const char *url = target.text != NULL ? target.text : request->url;
    CURLcode result = set_options(exchange, settings, request, ca, url, timeout_ms);
    return result == CURLE_OK ? ASSAY_OK : assay_http_client_fail(failure, result, exchange->url.host, NULL);
}

static int explain_stop(const assay_http_exchange *exchange, assay_failure *failure)
{
    const assay_span host = exchange->url.host;
    switch (exchange->stop) {
    case ASSAY_HTTP_STOP_BODY_SIZE:
        return assay_fail_note(failure, ASSAY_E_RESPONSE_SIZE, "the answer is longer than %zu bytes",
                               exchange->body_limit);
    case ASSAY_HTTP_STOP_HEADER_SIZE:
        return assay_fail_note(failure, ASSAY_E_RESPONSE_SIZE, "the headers of the answer are longer than %d bytes",
                               ASSAY_LIMIT_HTTP_HEADER_BYTES);
    case ASSAY_HTTP_STOP_ADDRESS:
        return assay_fail_note(failure, ASSAY_E_CONNECT,
                               exchange->url.link_local
                                   ? "the connection to %.*s went elsewhere, and http is for that address alone"
                                   : "%.*s is not an address of this machine, and http is for loopback",
                               (int)host.len, host.ptr);
    default:
        return assay_fail(failure, ASSAY_E_MEMORY);
    }
}

/* What curl makes of two cases is too general for a reader of logs, or too lenient. */
static CURLcode refine(const assay_http_exchange *exchange, CURLcode result)
{
    long proxy_status = 0;
    if (result == CURLE_RECV_ERROR &&
        curl_easy_getinfo(exchange->easy, CURLINFO_HTTP_CONNECTCODE, &proxy_status) == CURLE_OK && proxy_status >= 300)
        return CURLE_PROXY;
    if (result == CURLE_OK && exchange->in_head) /* closed before the blank line */
        return CURLE_PARTIAL_FILE;
    return result;
}

static int explain(assay_http_exchange *exchange, CURLcode result, assay_failure *failure)
{
    long status = 0;
    if (exchange->stop != ASSAY_HTTP_STOP_NONE)
        return explain_stop(exchange, failure);
    result = refine(exchange, result);
    if (result == CURLE_OK)
        result = curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &status);
    if (result != CURLE_OK)
        return assay_http_client_fail(failure, result, exchange->url.host, exchange->words);
    exchange->response.status = (int)status;
    return assay_fail(failure, ASSAY_OK);
}

int assay_http_exchange_finish(assay_http_exchange *exchange, CURLcode result, assay_failure *failure)
{
    int code = explain(exchange, result, failure);
    if (code != ASSAY_OK)
        assay_http_response_clear(&exchange->response);
    return code;
}

void assay_http_exchange_clear(assay_http_exchange *exchange)
{
    curl_easy_setopt(exchange->easy, CURLOPT_ERRORBUFFER, NULL);
    curl_easy_setopt(exchange->easy, CURLOPT_HTTPHEADER, NULL);
    curl_easy_setopt(exchange->easy, CURLOPT_POSTFIELDS, NULL);
    curl_easy_setopt(exchange->easy, CURLOPT_CONNECT_TO, NULL);
    assay_http_lines_clear(&exchange->headers);
    curl_slist_free_all(exchange->connect_to);
    exchange->connect_to = NULL;
    assay_http_response_clear(&exchange->response);
}
