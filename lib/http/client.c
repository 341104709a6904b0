/* SPDX-License-Identifier: MIT */
#include "http/client.h"

#include "http/client_error.h"
#include "http/url.h"

#include <pthread.h>
#include <stdio.h>

#ifndef ASSAY_VERSION
#define ASSAY_VERSION "0"
#endif
static const char user_agent[] = "assay/" ASSAY_VERSION;

struct assay_http_client {
    CURL *easy;
    const assay_http_settings *settings; /* NULL: the defaults */
    char words[CURL_ERROR_SIZE];
};

/* Why one of our callbacks stopped the transfer. */
typedef enum stop_reason { STOP_NONE, STOP_BODY_SIZE, STOP_HEADER_SIZE, STOP_MEMORY, STOP_ADDRESS } stop_reason;

/* One transfer, lent to the callbacks. */
typedef struct transfer {
    assay_http_response *response;
    size_t body_limit, body_room, header_bytes;
    int64_t now_wall;
    bool in_head;    /* between a status line and the blank line after it; trailers come later and are not believed */
    bool plain_http; /* the server must be on this machine */
    stop_reason stop;
} transfer;

static pthread_once_t global_once = PTHREAD_ONCE_INIT;
static CURLcode global_result = CURLE_FAILED_INIT;

static void init_global(void)
{
    global_result = curl_global_init(CURL_GLOBAL_DEFAULT);
}

void assay_http_settings_clear(assay_http_settings *settings)
{
    assay_release(settings->ca_pem);
    assay_release(settings->proxy);
    assay_release(settings->no_proxy);
    memset(settings, 0, sizeof *settings);
}

int assay_http_client_new(const assay_http_settings *settings, assay_http_client **client)
{
    *client = NULL;
    pthread_once(&global_once, init_global);
    if (global_result != CURLE_OK)
        return global_result == CURLE_OUT_OF_MEMORY ? ASSAY_E_MEMORY : ASSAY_E_NETWORK;
    assay_http_client *made = assay_zalloc(sizeof *made);
    if (made == NULL)
        return ASSAY_E_MEMORY;
    made->settings = settings;
    made->easy = curl_easy_init();
    if (made->easy == NULL) {
        assay_http_client_free(made);
        return ASSAY_E_MEMORY;
    }
    *client = made;
    return ASSAY_OK;
}

void assay_http_client_free(assay_http_client *client)
{
    if (client == NULL)
        return;
    curl_easy_cleanup(client->easy);
    assay_release(client);
}

static size_t on_body(char *bytes, size_t size, size_t count, void *user_data)
{
    transfer *t = user_data;
    assay_http_response *response = t->response;
    size_t len = size * count;
    if (len > t->body_limit - response->body_len) {
        t->stop = STOP_BODY_SIZE;
        return 0;
    }
    size_t need = response->body_len + len + 1;
    if (need > t->body_room) {
        size_t room = t->body_room < 4096 ? 4096 : t->body_room * 2;
        room = room < need ? need : room;
        char *grown = assay_realloc(response->body, room);
        if (grown == NULL) {
            t->stop = STOP_MEMORY;
            return 0;
        }
        response->body = grown;
        t->body_room = room;
    }
    memcpy(response->body + response->body_len, bytes, len);
    response->body_len += len;
    response->body[response->body_len] = '\0';
    return len;
}

/* One line of a head. A new status line (after 100, or after a proxy's CONNECT) starts over. */
static size_t on_header(char *line, size_t size, size_t count, void *user_data)
{
    transfer *t = user_data;
    size_t len = size * count;
    t->header_bytes += len;
    if (t->header_bytes > ASSAY_LIMIT_HTTP_HEADER_BYTES) {
        t->stop = STOP_HEADER_SIZE;
        return 0;
    }
    if (!t->in_head && t->response->body_len == 0 && len >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        assay_http_response_clear(t->response);
        t->body_room = 0;
        t->in_head = true;
        return len;
    }
    if (len == 0 || line[0] == '\r' || line[0] == '\n')
        t->in_head = false;
    const char *colon = len == 0 ? NULL : memchr(line, ':', len);
    if (t->in_head && colon != NULL) {
        size_t name_len = (size_t)(colon - line);
        assay_http_response_add_header(t->response, line, name_len, colon + 1, len - name_len - 1, t->now_wall);
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
    transfer *t = user_data;
    (void)local_ip;
    (void)primary_port;
    (void)local_port;
    if (!t->plain_http || (primary_ip != NULL && is_loopback_address(primary_ip)))
        return CURL_PREREQFUNC_OK;
    t->stop = STOP_ADDRESS;
    return CURL_PREREQFUNC_ABORT;
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
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_QUICK_EXIT, 1L); /* without it a hung resolver outlasts the deadline */
    SET(CURLOPT_TIMEOUT_MS, timeout);
    SET(CURLOPT_CONNECTTIMEOUT_MS, timeout);
    SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)body_limit);
    SET(CURLOPT_HTTP09_ALLOWED, 0L);
    SET(CURLOPT_ACCEPT_ENCODING, NULL);
    SET(CURLOPT_USERAGENT, user_agent);
    return result;
}

/* A given CA stands alone: the system's file and folder are switched off. */
static CURLcode set_tls(CURL *easy, const assay_http_settings *settings)
{
    CURLcode result = CURLE_OK;
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_PROXY_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_PROXY_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_PROXY_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (settings == NULL || settings->ca_pem == NULL)
        return result;
    struct curl_blob blob = {settings->ca_pem, settings->ca_pem_len, CURL_BLOB_NOCOPY};
    SET(CURLOPT_CAINFO, NULL);
    SET(CURLOPT_CAPATH, NULL);
    SET(CURLOPT_CAINFO_BLOB, &blob);
    SET(CURLOPT_PROXY_CAINFO, NULL);
    SET(CURLOPT_PROXY_CAPATH, NULL);
    SET(CURLOPT_PROXY_CAINFO_BLOB, &blob);
    return result;
}

/* Loopback is always asked directly: a proxy's loopback is another machine. "" keeps curl from reading the environment. */
static CURLcode set_proxy(CURL *easy, const assay_http_settings *settings, bool loopback)
{
    CURLcode result = CURLE_OK;
    bool configured = settings != NULL && !loopback && settings->proxy != NULL;
    if (settings != NULL && !loopback && !configured && settings->environment_proxy)
        return result;
    SET(CURLOPT_PROXY, configured ? settings->proxy : "");
    SET(CURLOPT_NOPROXY, configured && settings->no_proxy != NULL ? settings->no_proxy : "");
    return result;
}

static CURLcode set_callbacks(CURL *easy, transfer *t, char *words, struct curl_slist *headers)
{
    CURLcode result = CURLE_OK;
    SET(CURLOPT_HTTPHEADER, headers);
    SET(CURLOPT_ERRORBUFFER, words);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, t);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, t);
    SET(CURLOPT_PREREQFUNCTION, on_connected);
    SET(CURLOPT_PREREQDATA, t);
    return result;
}

static void free_list_p(struct curl_slist **list)
{
    curl_slist_free_all(*list);
}

/* Append "name: value"; false: out of memory, or a value that would end the line. */
static bool add_request_header(struct curl_slist **list, const char *name, const char *value)
{
    char line[ASSAY_LIMIT_ETAG_BYTES + 64];
    if (value == NULL)
        return true;
    int len = snprintf(line, sizeof line, "%s: %s", name, value);
    if (len < 0 || (size_t)len >= sizeof line || strpbrk(value, "\r\n") != NULL)
        return false;
    struct curl_slist *longer = curl_slist_append(*list, line);
    if (longer == NULL)
        return false;
    *list = longer;
    return true;
}

static int explain_stop(const transfer *t, const assay_url *url, assay_failure *failure)
{
    switch (t->stop) {
    case STOP_BODY_SIZE:
        return assay_fail_note(failure, ASSAY_E_RESPONSE_SIZE, "the answer is longer than %zu bytes", t->body_limit);
    case STOP_HEADER_SIZE:
        return assay_fail_note(failure, ASSAY_E_RESPONSE_SIZE, "the headers of the answer are longer than %d bytes",
                               ASSAY_LIMIT_HTTP_HEADER_BYTES);
    case STOP_ADDRESS:
        return assay_fail_note(failure, ASSAY_E_CONNECT,
                               "%.*s is not an address of this machine, and http is for loopback", (int)url->host.len,
                               url->host.ptr);
    default:
        return assay_fail(failure, ASSAY_E_MEMORY);
    }
}

/* What curl makes of two cases is too general for a reader of logs, or too lenient. */
static CURLcode refine(CURL *easy, CURLcode result, const transfer *t)
{
    long proxy_status = 0;
    if (result == CURLE_RECV_ERROR && curl_easy_getinfo(easy, CURLINFO_HTTP_CONNECTCODE, &proxy_status) == CURLE_OK &&
        proxy_status >= 300)
        return CURLE_PROXY;
    if (result == CURLE_OK && t->in_head) /* closed before the blank line */
        return CURLE_PARTIAL_FILE;
    return result;
}

static int finish(assay_http_client *client, CURLcode result, transfer *t, const assay_url *url, assay_failure *failure)
{
    long status = 0;
    if (t->stop != STOP_NONE)
        return explain_stop(t, url, failure);
    result = refine(client->easy, result, t);
    if (result == CURLE_OK)
        result = curl_easy_getinfo(client->easy, CURLINFO_RESPONSE_CODE, &status);
    if (result != CURLE_OK)
        return assay_http_client_fail(failure, result, url->host, client->words);
    t->response->status = (int)status;
    return assay_fail(failure, ASSAY_OK);
}

int assay_http_client_get(assay_http_client *client, const assay_http_request *request, int64_t timeout_ms,
                          int64_t now_wall, assay_http_response *response, assay_failure *failure)
{
    assay_url url;
    assay_http_response_init(response);
    const char *problem = assay_url_check_fetch(request->url, strlen(request->url), request->allow_loopback_http);
    if (problem != NULL)
        return assay_fail_note(failure, ASSAY_E_CONFIG_URL, "%s", problem);
    if (timeout_ms <= 0)
        return assay_fail(failure, ASSAY_E_TIMEOUT);
    (void)assay_url_parse(request->url, strlen(request->url), &url);

    ASSAY_CLEANUP(free_list_p) struct curl_slist *headers = NULL;
    if (!add_request_header(&headers, "Accept", request->accept) ||
        !add_request_header(&headers, "If-None-Match", request->if_none_match))
        return assay_fail(failure, ASSAY_E_MEMORY);

    transfer t = {.response = response,
                  .body_limit = request->body_limit,
                  .now_wall = now_wall,
                  .plain_http = !url.https,
                  .stop = STOP_NONE};
    client->words[0] = '\0';
    curl_easy_reset(client->easy); /* keeps connections and TLS sessions, nothing else */
    CURLcode result = set_limits(client->easy, request->url, timeout_ms, request->body_limit);
    if (result == CURLE_OK)
        result = set_tls(client->easy, client->settings);
    if (result == CURLE_OK)
        result = set_proxy(client->easy, client->settings, url.loopback);
    if (result == CURLE_OK)
        result = set_callbacks(client->easy, &t, client->words, headers);
    if (result == CURLE_OK)
        result = curl_easy_perform(client->easy);

    int code = finish(client, result, &t, &url, failure);
    if (code != ASSAY_OK)
        assay_http_response_clear(response);
    curl_easy_setopt(client->easy, CURLOPT_ERRORBUFFER, NULL);
    curl_easy_setopt(client->easy, CURLOPT_HTTPHEADER, NULL);
    return code;
}

const char *assay_http_client_version(void)
{
    return curl_version_info(CURLVERSION_NOW)->version;
}
