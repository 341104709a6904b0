/* SPDX-License-Identifier: MIT */
#include "http/message.h"

#include "http/cache_control.h"

enum { FIRST_ROOM = 4096 };

void assay_http_response_init(assay_http_response *response)
{
    memset(response, 0, sizeof *response);
    response->max_age = -1;
    response->age = -1;
    response->retry_after = -1;
    response->retry_after_ms = -1;
    response->date = -1;
}

void assay_http_response_clear(assay_http_response *response)
{
    assay_release_wiped(response->body, response->body_len);
    assay_release(response->effective_url);
    assay_release(response->www_authenticate);
    assay_http_response_init(response);
}

/* Not with realloc(), which leaves what it moves where it was. */
static bool grow(assay_http_response *response, size_t need)
{
    size_t room = response->body_room < FIRST_ROOM ? FIRST_ROOM : response->body_room * 2;
    room = room < need ? need : room;
    char *grown = assay_alloc(room);
    if (grown == NULL)
        return false;
    if (response->body_len > 0)
        memcpy(grown, response->body, response->body_len);
    assay_release_wiped(response->body, response->body_len);
    response->body = grown;
    response->body_room = room;
    return true;
}

bool assay_http_response_add_body(assay_http_response *response, const char *bytes, size_t len)
{
    size_t need = response->body_len + len + 1;
    if (need > response->body_room && !grow(response, need))
        return false;
    memcpy(response->body + response->body_len, bytes, len);
    response->body_len += len;
    response->body[response->body_len] = '\0';
    return true;
}

static assay_span trim(assay_span text)
{
    while (text.len > 0 && (text.ptr[0] == ' ' || text.ptr[0] == '\t'))
        text = (assay_span){text.ptr + 1, text.len - 1};
    while (text.len > 0 && strchr(" \t\r\n", text.ptr[text.len - 1]) != NULL && text.ptr[text.len - 1] != '\0')
        text.len--;
    return text;
}

/* It is sent back in a header, so nothing but printable ASCII. */
bool assay_http_is_entity_tag(assay_span value)
{
    if (value.len > ASSAY_LIMIT_ETAG_BYTES)
        return false;
    if (value.len >= 2 && value.ptr[0] == 'W' && value.ptr[1] == '/')
        value = (assay_span){value.ptr + 2, value.len - 2};
    if (value.len < 2 || value.ptr[0] != '"' || value.ptr[value.len - 1] != '"')
        return false;
    for (size_t i = 1; i + 1 < value.len; i++)
        if (value.ptr[i] <= ' ' || value.ptr[i] > '~' || value.ptr[i] == '"')
            return false;
    return true;
}

/* What a field value may hold (RFC 9110, section 5.5). */
static bool is_field_text(assay_span value)
{
    for (size_t i = 0; i < value.len; i++)
        if (((unsigned char)value.ptr[i] < ' ' && value.ptr[i] != '\t') || value.ptr[i] == 0x7f)
            return false;
    return true;
}

static void take_etag(assay_http_response *response, assay_span value)
{
    if (response->etag[0] != '\0' || !assay_http_is_entity_tag(value))
        return;
    memcpy(response->etag, value.ptr, value.len);
    response->etag[value.len] = '\0';
}

static void take_content_type(assay_http_response *response, assay_span value)
{
    size_t len = value.len < sizeof response->content_type ? value.len : sizeof response->content_type - 1;
    for (size_t i = 0; i < len; i++)
        response->content_type[i] = value.ptr[i];
    for (size_t i = 0; i < len; i++)
        if (value.ptr[i] < ' ' || value.ptr[i] > '~')
            response->content_type[i] = '?';
    response->content_type[len] = '\0';
}

/* Several Cache-Control fields are one (RFC 9110, section 5.3): the smallest counts. */
static void take_cache_control(assay_http_response *response, assay_span value)
{
    int64_t seconds = assay_cache_control_max_age(value.ptr, value.len);
    if (seconds < 0)
        return;
    seconds -= response->age > 0 ? response->age : 0;
    seconds = seconds < 0 ? 0 : seconds;
    if (response->max_age < 0 || seconds < response->max_age)
        response->max_age = seconds;
}

/* Time that the answer already spent in a cache (RFC 9111, section 4.2.3), before or after Cache-Control; the largest counts. */
static void take_age(assay_http_response *response, assay_span value)
{
    int64_t seconds = assay_http_age(value.ptr, value.len);
    int64_t before = response->age > 0 ? response->age : 0;
    if (seconds <= response->age)
        return;
    response->age = seconds;
    if (response->max_age >= 0)
        response->max_age = response->max_age > seconds - before ? response->max_age - (seconds - before) : 0;
}

/* The first one counts. It is read by programs, so one that was cut or holds control bytes would be worse than none. */
static bool take_challenge(assay_http_response *response, assay_span value)
{
    if (response->challenged)
        return true;
    if (value.len <= ASSAY_LIMIT_CHALLENGE_BYTES && is_field_text(value)) {
        response->www_authenticate = assay_memdup(value.ptr, value.len);
        if (response->www_authenticate == NULL)
            return false;
    }
    response->challenged = true;
    return true;
}

/* Two fields of one meaning: to wait for longer is never wrong. */
static void take_retry_after_ms(assay_http_response *response, assay_span value)
{
    int64_t milliseconds = assay_http_milliseconds(value.ptr, value.len);
    if (milliseconds > response->retry_after_ms)
        response->retry_after_ms = milliseconds;
}

bool assay_http_response_add_header(assay_http_response *response, const char *name, size_t name_len, const char *value,
                                    size_t value_len, int64_t now_wall)
{
    assay_span field = {name, name_len};
    assay_span text = trim((assay_span){value, value_len});
    if (assay_span_is_nocase(field, "content-type"))
        take_content_type(response, text);
    else if (assay_span_is_nocase(field, "etag"))
        take_etag(response, text);
    else if (assay_span_is_nocase(field, "content-encoding"))
        response->encoded = response->encoded || !(text.len == 0 || assay_span_is_nocase(text, "identity"));
    else if (assay_span_is_nocase(field, "cache-control"))
        take_cache_control(response, text);
    else if (assay_span_is_nocase(field, "age"))
        take_age(response, text);
    else if (assay_span_is_nocase(field, "retry-after"))
        response->retry_after = assay_http_retry_after(text.ptr, text.len, now_wall);
    else if (assay_span_is_nocase(field, "retry-after-ms") || assay_span_is_nocase(field, "x-ms-retry-after-ms"))
        take_retry_after_ms(response, text);
    else if (assay_span_is_nocase(field, "date"))
        response->date = response->date >= 0 ? response->date : assay_http_date(text.ptr, text.len);
    else if (assay_span_is_nocase(field, "www-authenticate"))
        return take_challenge(response, text);
    return true;
}
