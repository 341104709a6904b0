/* SPDX-License-Identifier: MIT */
#include "fetch.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MUST(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition);                              \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

typedef struct answer {
    assay_op *op;
    char *body;
    size_t len, limit;
} answer;

static size_t take_header(char *line, size_t size, size_t count, void *data)
{
    answer *at = data;
    size_t len = size * count;
    const char *colon = memchr(line, ':', len);
    if (colon != NULL) {
        size_t name = (size_t)(colon - line);
        MUST(assay_op_fetched_header(at->op, line, name, colon + 1, len - name - 1) == ASSAY_OK);
    }
    return len;
}

/* One byte more than allowed says that there is more. */
static size_t take_body(char *bytes, size_t size, size_t count, void *data)
{
    answer *at = data;
    size_t len = size * count, room = at->limit + 1 - at->len;
    size_t taken = len < room ? len : room;
    memcpy(at->body + at->len, bytes, taken);
    at->len += taken;
    return taken;
}

static int code_of(CURLcode result)
{
    switch (result) {
    case CURLE_COULDNT_RESOLVE_HOST:
        return ASSAY_E_RESOLVE;
    case CURLE_COULDNT_CONNECT:
        return ASSAY_E_CONNECT;
    case CURLE_OPERATION_TIMEDOUT:
        return ASSAY_E_TIMEOUT;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
        return ASSAY_E_TLS;
    default:
        return ASSAY_E_NETWORK;
    }
}

static CURL *make_request(assay_op *op, const char *ca_pem, struct curl_slist **headers)
{
    struct curl_blob blob = {(void *)(uintptr_t)ca_pem, strlen(ca_pem), CURL_BLOB_COPY};
    CURL *curl = curl_easy_init();
    MUST(curl != NULL);
    for (size_t i = 0; i < assay_op_fetch_header_count(op); i++) {
        char line[1024];
        int len = snprintf(line, sizeof line, "%s: %s", assay_op_fetch_header_name(op, i),
                           assay_op_fetch_header_value(op, i));
        MUST(len > 0 && (size_t)len < sizeof line);
        *headers = curl_slist_append(*headers, line);
    }
    size_t body_len = 0;
    const uint8_t *body = assay_op_fetch_body(op, &body_len);
    if (strcmp(assay_op_fetch_method(op), "POST") == 0) {
        MUST(curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)body_len) == CURLE_OK);
        MUST(curl_easy_setopt(curl, CURLOPT_COPYPOSTFIELDS, body == NULL ? "" : (const char *)body) == CURLE_OK);
    }
    int64_t left = assay_op_fetch_timeout_ms(op);
    MUST(curl_easy_setopt(curl, CURLOPT_URL, assay_op_fetch_url(op)) == CURLE_OK); /* copied, as all texts are */
    MUST(curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &blob) == CURLE_OK);
    MUST(curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK);
    MUST(curl_easy_setopt(curl, CURLOPT_NOPROXY, "*") == CURLE_OK);
    MUST(curl_easy_setopt(curl, CURLOPT_HTTPHEADER, *headers) == CURLE_OK);
    MUST(curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, left > 0 ? (long)left : 1L) == CURLE_OK);
    return curl;
}

void fetch_for(assay_op *op, const char *ca_pem)
{
    struct curl_slist *headers = NULL;
    answer at = {.op = op, .limit = assay_op_fetch_body_limit(op)};
    CURL *curl = make_request(op, ca_pem, &headers);
    at.body = malloc(at.limit + 1);
    MUST(at.body != NULL);
    MUST(curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header) == CURLE_OK);
    MUST(curl_easy_setopt(curl, CURLOPT_HEADERDATA, &at) == CURLE_OK);
    MUST(curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK);
    MUST(curl_easy_setopt(curl, CURLOPT_WRITEDATA, &at) == CURLE_OK);
    CURLcode result = curl_easy_perform(curl);
    long status = 0;
    char *url = NULL;
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(curl, CURLINFO_EFFECTIVE_URL, &url);
    if (result == CURLE_OK || at.len > at.limit)
        MUST(assay_op_fetched(op, (int)status, url, (const uint8_t *)at.body, at.len) == ASSAY_OK);
    else
        MUST(assay_op_fetch_failed(op, code_of(result), curl_easy_strerror(result)) == ASSAY_OK);
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    free(at.body);
}

static size_t take_nothing(char *bytes, size_t size, size_t count, void *data)
{
    (void)bytes;
    (void)data;
    return size * count;
}

long fetch_beside(assay_op *op, const char *ca_pem)
{
    struct curl_slist *headers = NULL;
    long status = 0;
    CURL *curl = make_request(op, ca_pem, &headers);
    MUST(curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_nothing) == CURLE_OK);
    MUST(curl_easy_perform(curl) == CURLE_OK);
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    return status;
}

void fetch_until_done(assay_op *op, const char *ca_pem)
{
    for (int i = 0; i < 10000; i++) {
        int want = assay_op_step(op);
        if (want == ASSAY_WANT_NOTHING)
            return;
        if (want == ASSAY_WANT_FETCH) {
            fetch_for(op, ca_pem);
            continue;
        }
        const struct timespec pause = {0, (long)assay_op_wait_ms(op) * 1000000};
        nanosleep(&pause, NULL);
    }
    MUST(assay_op_step(op) == ASSAY_WANT_NOTHING);
}
