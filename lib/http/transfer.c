/* SPDX-License-Identifier: MIT */
#include "http/transfer.h"

#include "http/client_error.h"

#include <stdio.h>
#include <sys/socket.h>

#ifndef ASSAY_VERSION
#define ASSAY_VERSION "0"
#endif
static const char user_agent[] = "assay/" ASSAY_VERSION;

static size_t on_body(char *bytes, size_t size, size_t count, void *user_data)
{
    assay_http_get *get = user_data;
    assay_http_response *response = &get->response;
    size_t len = size * count;
    if (len > get->body_limit - response->body_len) {
        get->stop = ASSAY_HTTP_STOP_BODY_SIZE;
        return 0;
    }
    size_t need = response->body_len + len + 1;
    if (need > get->body_room) {
        size_t room = get->body_room < 4096 ? 4096 : get->body_room * 2;
        room = room < need ? need : room;
        char *grown = assay_realloc(response->body, room);
        if (grown == NULL) {
            get->stop = ASSAY_HTTP_STOP_MEMORY;
            return 0;
        }
        response->body = grown;
        get->body_room = room;
    }
    memcpy(response->body + response->body_len, bytes, len);
    response->body_len += len;
    response->body[response->body_len] = '\0';
    return len;
}

/* One line of a head. A new status line (after 100, or after a proxy's CONNECT) starts over. */
static size_t on_header(char *line, size_t size, size_t count, void *user_data)
{
    assay_http_get *get = user_data;
    size_t len = size * count;
    get->header_bytes += len;
    if (get->header_bytes > ASSAY_LIMIT_HTTP_HEADER_BYTES) {
        get->stop = ASSAY_HTTP_STOP_HEADER_SIZE;
        return 0;
    }
    if (!get->in_head && get->response.body_len == 0 && len >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        assay_http_response_clear(&get->response);
        get->body_room = 0;
        get->in_head = true;
        return len;
    }
    if (len == 0 || line[0] == '\r' || line[0] == '\n')
        get->in_head = false;
    const char *colon = len == 0 ? NULL : memchr(line, ':', len);
    if (get->in_head && colon != NULL) {
        size_t name_len = (size_t)(colon - line);
        assay_http_response_add_header(&get->response, line, name_len, colon + 1, len - name_len - 1, get->now_wall);
    }
    return len;
}

static bool is_loopback_address(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
}

/* The name said loopback; see that the connection really goes there before anything is sent in the clear. */
static int on_connected(void *user_data, char *primary_ip, char *local_ip, int primary_port, int local_port)
{
    assay_http_get *get = user_data;
    (void)local_ip;
    (void)primary_port;
    (void)local_port;
    if (get->url.https || (primary_ip != NULL && is_loopback_address(primary_ip)))
        return CURL_PREREQFUNC_OK;
    get->stop = ASSAY_HTTP_STOP_ADDRESS;
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

/* The first failing option stays; every one of them matters. */
#define SET(option, value)                                                                                             \
    do {                                                                                                               \
        if (result == CURLE_OK)                                                                                        \
            result = curl_easy_setopt(easy, option, value);                                                            \
    } while (0)

static CURLcode set_limits(CURL *easy, const char *url, int64_t timeout_ms, size_t body_limit)
{
    CURLcode result = CURLE_OK;
    long timeout = timeout_ms < ASSAY_LIMIT_CALL_TIMEOUT_MS ? (long)timeout_ms : (long)ASSAY_LIMIT_CALL_TIMEOUT_MS;
    SET(CURLOPT_URL, url);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_REDIR_PROTOCOLS_STR, "https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_PATH_AS_IS, 1L); /* what was checked is what is asked */
    SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(CURLOPT_QUICK_EXIT, 1L); /* without it a hung resolver outlasts the deadline */
    SET(CURLOPT_TIMEOUT_MS, timeout);
    SET(CURLOPT_CONNECTTIMEOUT_MS, timeout);
    SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)body_limit);
    SET(CURLOPT_HTTP09_ALLOWED, 0L);
    SET(CURLOPT_ACCEPT_ENCODING, NULL);
    SET(CURLOPT_USERAGENT, user_agent);
    return result;
}

/* Called with the SSL_CTX of each new connection, that to a proxy too. */
static CURLcode on_tls(CURL *easy, void *ssl_ctx, void *user_data)
{
    const assay_http_get *get = user_data;
    (void)easy;
    return assay_trust_apply(get->trust, ssl_ctx) ? CURLE_OK : CURLE_OUT_OF_MEMORY;
}

/*
 * The store replaces whatever curl would read. curl must not know any certificate itself, and yet not take over a connection that was
 * checked against others: it compares the folders, so each store has a name there.
 */
static CURLcode set_trust(CURL *easy, assay_http_get *get)
{
    CURLcode result = CURLE_OK;
    SET(CURLOPT_CAINFO, NULL);
    SET(CURLOPT_CAPATH, assay_trust_label(get->trust));
    SET(CURLOPT_PROXY_CAINFO, NULL);
    SET(CURLOPT_PROXY_CAPATH, assay_trust_label(get->trust));
    SET(CURLOPT_SSL_CTX_FUNCTION, on_tls);
    SET(CURLOPT_SSL_CTX_DATA, get);
    return result;
}

/* For a TLS library that is not ours. A given CA stands alone: the system's file and folder are switched off. */
static CURLcode set_ca(CURL *easy, const assay_http_ca *ca)
{
    CURLcode result = CURLE_OK;
    if (ca->pem == NULL)
        return result;
    struct curl_blob blob = {ca->pem, ca->len, CURL_BLOB_NOCOPY};
    SET(CURLOPT_CAINFO, NULL);
    SET(CURLOPT_CAPATH, NULL);
    SET(CURLOPT_CAINFO_BLOB, &blob);
    SET(CURLOPT_PROXY_CAINFO, NULL);
    SET(CURLOPT_PROXY_CAPATH, NULL);
    SET(CURLOPT_PROXY_CAINFO_BLOB, &blob);
    return result;
}

static CURLcode set_tls(CURL *easy, assay_http_get *get, const assay_http_ca *ca)
{
    CURLcode result = CURLE_OK;
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_PROXY_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_PROXY_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_PROXY_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (result != CURLE_OK)
        return result;
    return get->trust != NULL ? set_trust(easy, get) : set_ca(easy, ca);
}

/* Loopback is always asked directly: a proxy's loopback is another machine. "" keeps curl from reading the environment. */
static CURLcode set_proxy(CURL *easy, const assay_http_settings *settings, bool loopback)
{
    CURLcode result = CURLE_OK;
    bool configured = !loopback && settings->proxy != NULL;
    if (!loopback && !configured && settings->environment_proxy)
        return result;
    SET(CURLOPT_PROXY, configured ? settings->proxy : "");
    SET(CURLOPT_NOPROXY, configured && settings->no_proxy != NULL ? settings->no_proxy : "");
    return result;
}

/* Append "name: value"; false: out of memory, or a value that would end the line. */
static bool add_request_header(struct curl_slist **list, const char *name, const char *value)
{
    if (value == NULL)
        return true;
    size_t size = strlen(name) + strlen(value) + sizeof ": ";
    char *line = strpbrk(value, "\r\n") != NULL ? NULL : assay_alloc(size);
    if (line == NULL)
        return false;
    (void)snprintf(line, size, "%s: %s", name, value);
    struct curl_slist *longer = curl_slist_append(*list, line);
    assay_release_wiped(line, size);
    if (longer == NULL)
        return false;
    *list = longer;
    return true;
}

static CURLcode set_callbacks(CURL *easy, assay_http_get *get)
{
    CURLcode result = CURLE_OK;
    SET(CURLOPT_HTTPHEADER, get->headers);
    SET(CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE); /* a proxy gets none of them */
    SET(CURLOPT_ERRORBUFFER, get->words);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, get);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, get);
    SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
    SET(CURLOPT_PREREQFUNCTION, on_connected);
    SET(CURLOPT_PREREQDATA, get);
    return result;
}

void assay_http_easy_reset(CURL *easy)
{
    curl_easy_reset(easy);
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L); /* takes any number */
}

int assay_http_get_prepare(assay_http_get *get, CURL *easy, assay_http_settings *settings,
                           const assay_http_request *request, int64_t timeout_ms, int64_t now_wall,
                           assay_failure *failure)
{
    memset(get, 0, sizeof *get);
    assay_http_easy_reset(easy);
    get->easy = easy;
    get->body_limit = request->body_limit;
    get->now_wall = now_wall;
    assay_http_response_init(&get->response);
    const char *problem = assay_url_check_fetch(request->url, strlen(request->url), request->allow_loopback_http);
    if (problem != NULL)
        return assay_fail_note(failure, ASSAY_E_CONFIG_URL, "%s", problem);
    if (timeout_ms <= 0)
        return assay_fail(failure, ASSAY_E_TIMEOUT);
    (void)assay_url_parse(request->url, strlen(request->url), &get->url);
    if (!add_request_header(&get->headers, "Accept", request->accept) ||
        !add_request_header(&get->headers, "If-None-Match", request->if_none_match) ||
        !add_request_header(&get->headers, "Authorization", request->authorization))
        return assay_fail(failure, ASSAY_E_MEMORY);
    assay_http_ca *ca = request->ca != NULL ? request->ca : &settings->ca;
    if (get->url.https) {
        int code = assay_http_ca_load(ca, failure);
        if (code != ASSAY_OK)
            return code;
        get->trust = atomic_load_explicit(&ca->trust, memory_order_acquire);
    }

    CURLcode result = set_limits(easy, request->url, timeout_ms, request->body_limit);
    if (result == CURLE_OK)
        result = set_tls(easy, get, ca);
    if (result == CURLE_OK)
        result = set_proxy(easy, settings, get->url.loopback);
    if (result == CURLE_OK)
        result = set_callbacks(easy, get);
    return result == CURLE_OK ? ASSAY_OK : assay_http_client_fail(failure, result, get->url.host, NULL);
}

static int explain_stop(const assay_http_get *get, assay_failure *failure)
{
    const assay_span host = get->url.host;
    switch (get->stop) {
    case ASSAY_HTTP_STOP_BODY_SIZE:
        return assay_fail_note(failure, ASSAY_E_RESPONSE_SIZE, "the answer is longer than %zu bytes", get->body_limit);
    case ASSAY_HTTP_STOP_HEADER_SIZE:
        return assay_fail_note(failure, ASSAY_E_RESPONSE_SIZE, "the headers of the answer are longer than %d bytes",
                               ASSAY_LIMIT_HTTP_HEADER_BYTES);
    case ASSAY_HTTP_STOP_ADDRESS:
        return assay_fail_note(failure, ASSAY_E_CONNECT,
                               "%.*s is not an address of this machine, and http is for loopback", (int)host.len,
                               host.ptr);
    default:
        return assay_fail(failure, ASSAY_E_MEMORY);
    }
}

/* What curl makes of two cases is too general for a reader of logs, or too lenient. */
static CURLcode refine(const assay_http_get *get, CURLcode result)
{
    long proxy_status = 0;
    if (result == CURLE_RECV_ERROR &&
        curl_easy_getinfo(get->easy, CURLINFO_HTTP_CONNECTCODE, &proxy_status) == CURLE_OK && proxy_status >= 300)
        return CURLE_PROXY;
    if (result == CURLE_OK && get->in_head) /* closed before the blank line */
        return CURLE_PARTIAL_FILE;
    return result;
}

static int explain(assay_http_get *get, CURLcode result, assay_failure *failure)
{
    long status = 0;
    if (get->stop != ASSAY_HTTP_STOP_NONE)
        return explain_stop(get, failure);
    result = refine(get, result);
    if (result == CURLE_OK)
        result = curl_easy_getinfo(get->easy, CURLINFO_RESPONSE_CODE, &status);
    if (result != CURLE_OK)
        return assay_http_client_fail(failure, result, get->url.host, get->words);
    get->response.status = (int)status;
    return assay_fail(failure, ASSAY_OK);
}

int assay_http_get_finish(assay_http_get *get, CURLcode result, assay_failure *failure)
{
    int code = explain(get, result, failure);
    if (code != ASSAY_OK)
        assay_http_response_clear(&get->response);
    return code;
}

void assay_http_get_clear(assay_http_get *get)
{
    curl_easy_setopt(get->easy, CURLOPT_ERRORBUFFER, NULL);
    curl_easy_setopt(get->easy, CURLOPT_HTTPHEADER, NULL);
    for (struct curl_slist *line = get->headers; line != NULL; line = line->next)
        assay_wipe(line->data, strlen(line->data)); /* one may be a secret */
    curl_slist_free_all(get->headers);
    get->headers = NULL;
    assay_http_response_clear(&get->response);
}
