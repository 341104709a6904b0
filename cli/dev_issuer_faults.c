/* SPDX-License-Identifier: MIT */
/* Faults on demand: what a client must survive. */

#include "dev_issuer_internal.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define ON_METADATA (1U << DEV_METADATA)
#define ON_KEYS (1U << DEV_JWKS)
#define ON_DOCUMENTS (ON_METADATA | ON_KEYS)
#define ON_TOKEN (1U << DEV_TOKEN)
#define ON_IMDS (1U << DEV_IMDS)
#define ON_OIDC (1U << DEV_OIDC_REQUEST)
#define ON_TOKENS (ON_TOKEN | ON_IMDS | ON_OIDC)
#define ON_ALL (ON_DOCUMENTS | ON_TOKENS)

static const struct {
    const char *name;
    int64_t value; /* default */
    unsigned on;   /* the targets that it can befall */
} kinds[DEV_FAULT_KINDS] = {
    [DEV_FAULT_NONE] = {"none", 0, ON_ALL},
    [DEV_FAULT_SLOW] = {"slow", 3000, ON_ALL},              /* milliseconds before the answer */
    [DEV_FAULT_STATUS] = {"status", 500, ON_ALL},           /* HTTP status */
    [DEV_FAULT_TRUNCATED] = {"truncated", 0, ON_ALL},       /* the connection ends in the middle of the body */
    [DEV_FAULT_CONTENT_TYPE] = {"content-type", 0, ON_ALL}, /* the right body as application/octet-stream */
    [DEV_FAULT_HUGE] = {"huge", 64 << 20, ON_ALL},          /* bytes of body */
    [DEV_FAULT_REDIRECT] = {"redirect", 302, ON_ALL},       /* HTTP status */
    [DEV_FAULT_MISSING_KEY] = {"missing-key", 0, ON_KEYS | ON_METADATA}, /* the newest key is not in the set */
    [DEV_FAULT_GARBAGE] = {"garbage", 0, ON_ALL},                        /* bytes that are not JSON */
    [DEV_FAULT_EMPTY_KEYS] = {"empty-keys", 0, ON_DOCUMENTS},            /* a set without keys */
    [DEV_FAULT_DRIP] = {"drip", 200, ON_ALL},                            /* milliseconds between two bytes */
    [DEV_FAULT_RESET] = {"reset", 0, ON_ALL},                            /* the connection is reset without an answer */
    [DEV_FAULT_HTML] = {"html", 0, ON_ALL},                              /* a page, with status 200 */
    [DEV_FAULT_WRONG_ISSUER] = {"wrong-issuer", 0, ON_DOCUMENTS},        /* the metadata of another issuer */
    [DEV_FAULT_DEEP] = {"deep", 100000, ON_ALL},                         /* levels of nested arrays */
    [DEV_FAULT_STATUS_HTML] = {"status-html", 502, ON_TOKENS},           /* HTTP status, with a page */
    [DEV_FAULT_STATUS_PLAIN] = {"status-plain", 429, ON_TOKENS},
    [DEV_FAULT_STATUS_EMPTY] = {"status-empty", 500, ON_TOKENS},
    [DEV_FAULT_TRUNCATED_CHUNKED] = {"truncated-chunked", 0, ON_TOKENS}, /* the same in chunks, without a length */
    [DEV_FAULT_AADSTS] = {"aadsts", 70021, ON_TOKEN},           /* number, with the error and status that go with it */
    [DEV_FAULT_AADSTS_TEXT] = {"aadsts-text", 70021, ON_TOKEN}, /* the number stands in the description alone */
    [DEV_FAULT_AADSTS_MISMATCH] = {"aadsts-mismatch", 70025, ON_TOKEN}, /* and the description names 700025 */
    [DEV_FAULT_CONTROL_BYTES] = {"control-bytes", 700016, ON_TOKEN},    /* in the description */
    [DEV_FAULT_THROTTLED] = {"throttled", 60, ON_TOKENS},               /* 429; Retry-After in seconds */
    [DEV_FAULT_THROTTLED_DATE] = {"throttled-date", 60, ON_TOKENS},     /* as a date, so many seconds from now */
    [DEV_FAULT_THROTTLED_PAST] = {"throttled-past", 60, ON_TOKENS},     /* so many seconds ago */
    [DEV_FAULT_THROTTLED_MS] = {"throttled-ms", 1500, ON_TOKENS},       /* x-ms-retry-after-ms */
    [DEV_FAULT_THROTTLED_BARE] = {"throttled-bare", 0, ON_TOKENS},      /* without Retry-After */
    [DEV_FAULT_UNAVAILABLE] = {"unavailable", 2, ON_TOKENS},            /* 503; Retry-After in seconds */
    [DEV_FAULT_RETRY_AFTER_GARBAGE] = {"retry-after-garbage", 0, ON_TOKENS},
    [DEV_FAULT_RETRY_AFTER_NEGATIVE] = {"retry-after-negative", 5, ON_TOKENS},
    [DEV_FAULT_SKEWED_DATE] = {"skewed-date", 600, ON_TOKENS}, /* Date is ahead by so many seconds */
    [DEV_FAULT_DATE_BEHIND] = {"date-behind", 600, ON_TOKENS},
    [DEV_FAULT_TOKEN_TYPE_MAC] = {"token-type-mac", 0, ON_TOKEN | ON_IMDS},
    [DEV_FAULT_TOKEN_TYPE_LOWERCASE] = {"token-type-lowercase", 0, ON_TOKEN | ON_IMDS},
    [DEV_FAULT_TOKEN_TYPE_UPPERCASE] = {"token-type-uppercase", 0, ON_TOKEN | ON_IMDS},
    [DEV_FAULT_TOKEN_TYPE_ABSENT] = {"token-type-absent", 0, ON_TOKEN | ON_IMDS},
    [DEV_FAULT_EXPIRES_ABSENT] = {"expires-absent", 0, ON_TOKEN | ON_IMDS},
    [DEV_FAULT_EXPIRES_NEGATIVE] = {"expires-negative", 3600, ON_TOKEN | ON_IMDS},
    [DEV_FAULT_EXPIRES_INFINITE] = {"expires-infinite", 0, ON_TOKEN | ON_IMDS},
    [DEV_FAULT_EXPIRES_FAR] = {"expires-far", 400000000, ON_TOKEN | ON_IMDS}, /* seconds */
    [DEV_FAULT_EXPIRES_GARBAGE] = {"expires-garbage", 0, ON_TOKEN | ON_IMDS},
    [DEV_FAULT_NO_ACCESS_TOKEN] = {"no-access-token", 0, ON_TOKEN | ON_IMDS},
    [DEV_FAULT_EMPTY_ACCESS_TOKEN] = {"empty-access-token", 0, ON_TOKEN | ON_IMDS},
    [DEV_FAULT_ACCESS_TOKEN_CRLF] = {"access-token-crlf", 0, ON_TOKEN | ON_IMDS},
    [DEV_FAULT_DUPLICATE_KEY] = {"duplicate-key", 0, ON_TOKENS},
    [DEV_FAULT_OK_WITH_ERROR] = {"ok-with-error", 0, ON_TOKENS},
    [DEV_FAULT_NO_ISSUED_TYPE] = {"no-issued-type", 0, ON_TOKEN}, /* RFC 8693 demands it */
    [DEV_FAULT_NO_VALUE] = {"no-value", 0, ON_OIDC},
    [DEV_FAULT_UNREACHABLE] = {"unreachable", 403, ON_IMDS}, /* what Docker Desktop says in the place of IMDS */
    [DEV_FAULT_ARC_NO_HEADER] = {"arc-no-header", 0, ON_IMDS},
    [DEV_FAULT_ARC_OTHER_SCHEME] = {"arc-other-scheme", 0, ON_IMDS},
    [DEV_FAULT_ARC_OUTSIDE] = {"arc-outside", 0, ON_IMDS},
    [DEV_FAULT_ARC_DOT_DOT] = {"arc-dot-dot", 0, ON_IMDS},
    [DEV_FAULT_ARC_TXT] = {"arc-txt", 0, ON_IMDS},
    [DEV_FAULT_ARC_LARGE] = {"arc-large", 5000, ON_IMDS}, /* bytes */
    [DEV_FAULT_ARC_SYMLINK] = {"arc-symlink", 0, ON_IMDS},
    [DEV_FAULT_ARC_MISSING] = {"arc-missing", 0, ON_IMDS},
    [DEV_FAULT_ARC_NO_ECHO] = {"arc-no-echo", 0, ON_IMDS},
};

static const char *const targets[DEV_TARGETS] = {"metadata", "jwks", "token", "imds", "oidc-request"};

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

int dev_issuer_fault(dev_issuer *issuer, const char *target, const char *kind_name, int64_t value, int64_t count)
{
    enum dev_fault_kind kind = DEV_FAULT_NONE;
    while (kind < DEV_FAULT_KINDS && strcmp(kinds[kind].name, kind_name) != 0)
        kind++;
    if (kind == DEV_FAULT_KINDS)
        return -1;
    int result = -1;
    (void)pthread_mutex_lock(&issuer->lock);
    for (enum dev_target each = 0; each < DEV_TARGETS; each++) {
        bool meant = strcmp(target, "all") == 0 || strcmp(target, targets[each]) == 0;
        if (!meant || (kinds[kind].on & (1U << each)) == 0)
            continue;
        issuer->faults[each] = (dev_fault){kind, value < 0 ? kinds[kind].value : value, count};
        result = 0;
    }
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
    issuer->waiting++;
    while (!issuer->stopping && pthread_cond_timedwait(&issuer->stopped, &issuer->lock, &until) != ETIMEDOUT) {
    }
    issuer->waiting--;
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
        reply->location = cli_format("%s%s/redirected/%s", issuer->base, issuer->prefix,
                                     target == DEV_METADATA ? "metadata"
                                     : target == DEV_JWKS   ? "jwks"
                                                            : "token");
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
    bool cut = state->kind == DEV_FAULT_TRUNCATED || state->kind == DEV_FAULT_TRUNCATED_CHUNKED;
    if (position >= state->len || (cut && position >= state->len / 2))
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
    uint64_t total = fault->kind == DEV_FAULT_HUGE                ? (uint64_t)fault->value
                     : fault->kind == DEV_FAULT_TRUNCATED_CHUNKED ? MHD_SIZE_UNKNOWN
                                                                  : reply->body.len;
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
    case DEV_FAULT_TRUNCATED_CHUNKED:
        return stream_response(issuer, fault, reply);
    default:
        return MHD_create_response_from_buffer(
            reply->body.len, reply->body.ptr == NULL ? (char[1]){0} : reply->body.ptr, MHD_RESPMEM_MUST_COPY);
    }
}
