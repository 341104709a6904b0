/* SPDX-License-Identifier: MIT */
/* Faults on demand: what a client must survive. */

#include "dev_issuer_internal.h"

#include <errno.h>
#include <string.h>
#include <time.h>

static const struct {
    const char *name;
    int64_t value; /* default */
} kinds[DEV_FAULT_KINDS] = {
    [DEV_FAULT_NONE] = {"none", 0},
    [DEV_FAULT_SLOW] = {"slow", 3000},              /* milliseconds before the answer */
    [DEV_FAULT_STATUS] = {"status", 500},           /* HTTP status */
    [DEV_FAULT_TRUNCATED] = {"truncated", 0},       /* the connection ends in the middle of the body */
    [DEV_FAULT_CONTENT_TYPE] = {"content-type", 0}, /* the right body as application/octet-stream */
    [DEV_FAULT_HUGE] = {"huge", 64 << 20},          /* bytes of body */
    [DEV_FAULT_REDIRECT] = {"redirect", 302},       /* HTTP status */
    [DEV_FAULT_MISSING_KEY] = {"missing-key", 0},   /* the newest key is not in the set */
    [DEV_FAULT_GARBAGE] = {"garbage", 0},           /* bytes that are not JSON */
    [DEV_FAULT_EMPTY_KEYS] = {"empty-keys", 0},     /* a set without keys */
    [DEV_FAULT_DRIP] = {"drip", 200},               /* milliseconds between two bytes */
    [DEV_FAULT_RESET] = {"reset", 0},               /* the connection is reset without an answer */
    [DEV_FAULT_HTML] = {"html", 0},                 /* a page, with status 200 */
    [DEV_FAULT_WRONG_ISSUER] = {"wrong-issuer", 0}, /* the metadata of another issuer */
    [DEV_FAULT_DEEP] = {"deep", 100000},            /* levels of nested arrays */
};

/* What a streamed response needs; lives as long as the response. */
typedef struct stream {
    dev_issuer *issuer;
    enum dev_fault_kind kind;
    int64_t value;
    char *body;
    size_t len;
} stream;

const char *dev_fault_kind_name(enum dev_fault_kind kind)
{
    return kind < DEV_FAULT_KINDS ? kinds[kind].name : NULL;
}

static int set_fault(dev_issuer *issuer, enum dev_target target, const char *kind_name, int64_t value, int64_t count)
{
    enum dev_fault_kind kind = DEV_FAULT_NONE;
    while (kind < DEV_FAULT_KINDS && strcmp(kinds[kind].name, kind_name) != 0)
        kind++;
    if (kind == DEV_FAULT_KINDS)
        return -1;
    issuer->faults[target] = (dev_fault){kind, value < 0 ? kinds[kind].value : value, count};
    return 0;
}

int dev_issuer_fault(dev_issuer *issuer, const char *target, const char *kind, int64_t value, int64_t count)
{
    bool metadata = strcmp(target, "metadata") == 0 || strcmp(target, "all") == 0;
    bool jwks = strcmp(target, "jwks") == 0 || strcmp(target, "all") == 0;
    if (!metadata && !jwks)
        return -1;
    int result = 0;
    (void)pthread_mutex_lock(&issuer->lock);
    if (metadata)
        result = set_fault(issuer, DEV_METADATA, kind, value, count);
    if (result == 0 && jwks)
        result = set_fault(issuer, DEV_JWKS, kind, value, count);
    (void)pthread_mutex_unlock(&issuer->lock);
    return result;
}

dev_fault dev_fault_take(dev_issuer *issuer, enum dev_target target)
{
    (void)pthread_mutex_lock(&issuer->lock);
    dev_fault *standing = &issuer->faults[target];
    if (standing->count == 0)
        standing->kind = DEV_FAULT_NONE;
    else if (standing->count > 0)
        standing->count--;
    dev_fault fault = *standing;
    if (fault.kind != DEV_FAULT_NONE)
        issuer->stats[DEV_STAT_FAULTED]++;
    (void)pthread_mutex_unlock(&issuer->lock);
    return fault;
}

bool dev_wait(dev_issuer *issuer, int64_t milliseconds)
{
    struct timespec until;
    if (clock_gettime(CLOCK_MONOTONIC, &until) != 0)
        return false;
    until.tv_sec += (time_t)(milliseconds / 1000);
    until.tv_nsec += (long)(milliseconds % 1000) * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    (void)pthread_mutex_lock(&issuer->lock);
    while (!issuer->stopping && pthread_cond_timedwait(&issuer->stopped, &issuer->lock, &until) != ETIMEDOUT) {
    }
    bool go_on = !issuer->stopping;
    (void)pthread_mutex_unlock(&issuer->lock);
    return go_on;
}

static void replace_body(dev_reply *reply, const char *text)
{
    cli_text_free(&reply->body);
    cli_text_put(&reply->body, text);
}

/* A document that is right but for one member. */
static void edit_document(dev_reply *reply, enum dev_fault_kind kind)
{
    CLI_CLEANUP(json_decref_p) json_t *document = json_loadb(reply->body.ptr, reply->body.len, 0, NULL);
    if (kind == DEV_FAULT_MISSING_KEY)
        (void)json_array_remove(json_object_get(document, "keys"), 0);
    else if (json_object_get(document, "issuer") != NULL)
        (void)json_object_set_new(document, "issuer", json_string("https://other.example"));
    CLI_AUTO_FREE char *text = json_dumps(document, JSON_COMPACT);
    if (text != NULL)
        replace_body(reply, text);
}

static void make_deep(dev_reply *reply, int64_t levels)
{
    cli_text_free(&reply->body);
    cli_text_put(&reply->body, "{\"keys\":");
    for (int64_t i = 0; i < levels; i++)
        cli_text_put(&reply->body, "[");
    for (int64_t i = 0; i < levels; i++)
        cli_text_put(&reply->body, "]");
    cli_text_put(&reply->body, "}");
}

/* An altered body must not answer "unchanged" to a client that holds the true one. */
static void forget_tag(dev_reply *reply)
{
    free(reply->etag);
    reply->etag = NULL;
}

void dev_fault_change(dev_issuer *issuer, enum dev_target target, const dev_fault *fault, dev_reply *reply)
{
    if (fault->kind != DEV_FAULT_NONE && fault->kind != DEV_FAULT_SLOW && fault->kind != DEV_FAULT_DRIP)
        forget_tag(reply);
    switch (fault->kind) {
    case DEV_FAULT_SLOW:
        (void)dev_wait(issuer, fault->value);
        break;
    case DEV_FAULT_STATUS:
        reply->status = fault->value >= 200 && fault->value <= 599 ? (unsigned)fault->value : 500;
        replace_body(reply, "{\"error\":\"fault\"}");
        break;
    case DEV_FAULT_CONTENT_TYPE:
        reply->content_type = "application/octet-stream";
        break;
    case DEV_FAULT_REDIRECT:
        reply->status = fault->value >= 300 && fault->value <= 399 ? (unsigned)fault->value : 302;
        reply->location =
            cli_format("%s%s/redirected/%s", issuer->base, issuer->prefix, target == DEV_JWKS ? "jwks" : "metadata");
        break;
    case DEV_FAULT_MISSING_KEY:
    case DEV_FAULT_WRONG_ISSUER:
        edit_document(reply, fault->kind);
        break;
    case DEV_FAULT_GARBAGE:
        replace_body(reply, "\x01\xff{]not json\xc3\x28\"");
        break;
    case DEV_FAULT_EMPTY_KEYS:
        replace_body(reply, "{\"keys\":[]}");
        break;
    case DEV_FAULT_HTML:
        reply->content_type = "text/html";
        replace_body(reply, "<!DOCTYPE html><title>Sign in</title><p>Sign in to this network.");
        break;
    case DEV_FAULT_DEEP:
        make_deep(reply, fault->value);
        break;
    default:
        break;
    }
}

static void stream_free(void *closure)
{
    stream *state = closure;
    free(state->body);
    free(state);
}

/* Called in the connection's own thread, so it may wait. */
static ssize_t stream_read(void *closure, uint64_t position, char *buffer, size_t room)
{
    stream *state = closure;
    if (state->kind == DEV_FAULT_HUGE) {
        memset(buffer, ' ', room);
        return (ssize_t)room;
    }
    if (position >= state->len || (state->kind == DEV_FAULT_TRUNCATED && position >= state->len / 2))
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (state->kind == DEV_FAULT_DRIP) {
        if (!dev_wait(state->issuer, state->value))
            return MHD_CONTENT_READER_END_WITH_ERROR;
        buffer[0] = state->body[position];
        return 1;
    }
    size_t left = state->len / 2 - (size_t)position;
    size_t chunk = left < room ? left : room;
    memcpy(buffer, state->body + position, chunk);
    return (ssize_t)chunk;
}

static struct MHD_Response *stream_response(dev_issuer *issuer, const dev_fault *fault, const dev_reply *reply)
{
    stream *state = cli_alloc(sizeof *state);
    *state = (stream){issuer, fault->kind, fault->value, cli_copy(reply->body.ptr, reply->body.len), reply->body.len};
    uint64_t total = fault->kind == DEV_FAULT_HUGE ? (uint64_t)fault->value : reply->body.len;
    struct MHD_Response *response = MHD_create_response_from_callback(total, 32768, stream_read, state, stream_free);
    if (response == NULL)
        stream_free(state);
    return response;
}

struct MHD_Response *dev_fault_response(dev_issuer *issuer, const dev_fault *fault, const dev_reply *reply)
{
    switch (fault->kind) {
    case DEV_FAULT_RESET:
        return NULL;
    case DEV_FAULT_HUGE:
    case DEV_FAULT_DRIP:
    case DEV_FAULT_TRUNCATED:
        return stream_response(issuer, fault, reply);
    default:
        return MHD_create_response_from_buffer(
            reply->body.len, reply->body.ptr == NULL ? (char[1]){0} : reply->body.ptr, MHD_RESPMEM_MUST_COPY);
    }
}
