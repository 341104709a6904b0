/* SPDX-License-Identifier: MIT */

/* A block of header fields, as received, one a line, and each value also read by itself. Whatever comes, the numbers stay in their ranges. */
#include "discovery/schedule.h"
#include "http/cache_control.h"
#include "http/message.h"
#include "http/url.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition) ((condition) ? (void)0 : die(#condition, __LINE__))

static const int64_t MOST = INT64_C(1) << 31;

static void die(const char *condition, int line)
{
    fprintf(stderr, "fuzz_http_headers.c:%d: %s\n", line, condition);
    abort();
}

static bool in_range(int64_t seconds)
{
    return seconds >= -1 && seconds <= MOST;
}

static bool is_printable(const char *text)
{
    while (*text >= ' ' && *text <= '~')
        text++;
    return *text == '\0';
}

static void check_value(const char *value, size_t len)
{
    MUST(in_range(assay_cache_control_max_age(value, len)));
    MUST(in_range(assay_http_age(value, len)));
    MUST(in_range(assay_http_milliseconds(value, len)));
    MUST(assay_http_date(value, len) >= -1 && assay_http_date(value, len) <= ASSAY_LIMIT_LATEST_TIME + 1);
    MUST(in_range(assay_http_retry_after(value, len, 0)));
    MUST(in_range(assay_http_retry_after(value, len, 1700000000)));
    MUST(in_range(assay_http_retry_after(value, len, INT64_MAX)));
    MUST(in_range(assay_http_retry_after(value, len, INT64_MIN)));
}

static void check_response(const assay_http_response *response)
{
    MUST(in_range(response->max_age) && in_range(response->age) && in_range(response->retry_after));
    MUST(in_range(response->retry_after_ms) && response->date >= -1);
    MUST(response->www_authenticate == NULL || strlen(response->www_authenticate) <= ASSAY_LIMIT_CHALLENGE_BYTES);
    MUST(response->www_authenticate == NULL || strpbrk(response->www_authenticate, "\r\n\x7f") == NULL);
    MUST(is_printable(response->content_type) && strlen(response->content_type) < sizeof response->content_type);
    MUST(is_printable(response->etag) && strlen(response->etag) <= ASSAY_LIMIT_ETAG_BYTES);
    MUST(response->etag[0] == '\0' || response->etag[strlen(response->etag) - 1] == '"');
    MUST(response->body == NULL && response->effective_url == NULL);
    int64_t refresh = assay_schedule_refresh(response->max_age, (uint64_t)response->age);
    MUST(refresh >= ASSAY_LIMIT_REFRESH_MIN * 1000 && refresh <= ASSAY_LIMIT_REFRESH_MAX * 1000);
    int64_t pause = assay_schedule_backoff(1, response->retry_after, 0);
    MUST(pause >= ASSAY_LIMIT_BACKOFF_MIN * 1000 && pause <= ASSAY_LIMIT_BACKOFF_MAX * 1000);
}

static void add_line(assay_http_response *response, const char *line, size_t len)
{
    const char *colon = len == 0 ? NULL : memchr(line, ':', len);
    if (colon == NULL)
        return;
    size_t name_len = (size_t)(colon - line);
    check_value(colon + 1, len - name_len - 1);
    MUST(assay_http_response_add_header(response, line, name_len, colon + 1, len - name_len - 1, 1700000000));
}

/* A URL that is taken apart lies within its text, and says the same when it is read again. */
static void check_url(const char *text, size_t len)
{
    assay_url url, again;
    if (assay_url_parse(text, len, &url) != NULL)
        return;
    MUST(len <= ASSAY_LIMIT_URL_BYTES && url.port != 0 && url.host.len > 0);
    MUST(url.host.ptr > text && url.host.ptr + url.host.len <= text + len);
    MUST(url.path.len == 0 || (url.path.ptr[0] == '/' && url.path.ptr + url.path.len <= text + len));
    MUST(memchr(text, '@', (size_t)(url.host.ptr - text)) == NULL && memchr(url.host.ptr, '@', url.host.len) == NULL);
    char spelled[ASSAY_LIMIT_URL_BYTES + 64];
    bool v6 = memchr(url.host.ptr, ':', url.host.len) != NULL;
    int made = snprintf(spelled, sizeof spelled, "%s://%s%.*s%s:%u%.*s", url.https ? "https" : "http", v6 ? "[" : "",
                        (int)url.host.len, url.host.ptr, v6 ? "]" : "", url.port, (int)url.path.len,
                        url.path.len == 0 ? "" : url.path.ptr);
    if (made <= ASSAY_LIMIT_URL_BYTES) {
        MUST(assay_url_parse(spelled, (size_t)made, &again) == NULL);
        MUST(assay_span_equal(url.host, again.host) && url.port == again.port && url.loopback == again.loopback &&
             url.link_local == again.link_local && !(url.link_local && url.loopback));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *rest = (const char *)data;
    assay_http_response response;
    assay_http_response_init(&response);
    check_url(rest, size);
    check_value(rest, size);
    while (size > 0) {
        const char *end = memchr(rest, '\n', size);
        size_t len = end == NULL ? size : (size_t)(end - rest) + 1;
        add_line(&response, rest, len);
        check_response(&response);
        check_url(rest, end == NULL ? len : len - 1);
        rest += len;
        size -= len;
    }
    assay_http_response_clear(&response);
    return 0;
}
