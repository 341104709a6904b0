/* SPDX-License-Identifier: MIT */
/*
 * Decides about the token on standard input, with keys that this program fetches itself: the library opens no socket.
 *
 *   own_http ISSUER AUDIENCE < token
 *
 * Its HTTP client is as small as can be: plain http to loopback, which is a development issuer. A host with a real one, of Node, Go, Java
 * or nginx, does the same five steps with it. SIGTERM and SIGINT cancel the operation.
 *
 * Exit status: 0 accepted, 1 refused, 2 usage, 3 could not decide.
 */
#include "service.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { DECIDE_MS = 10000, HEAD_BYTES = 16384, TOKEN_BYTES = 65536 };

/* One exchange: where to, until when, and what came. */
typedef struct exchange {
    int fd, stop;
    int64_t until; /* milliseconds of the steady clock */
    char *bytes;
    size_t len, room;
} exchange;

static int64_t now_ms(void)
{
    struct timespec at;
    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    return (int64_t)at.tv_sec * 1000 + at.tv_nsec / 1000000;
}

/* Wait for @p fd (-1: for nothing but the time), or for a signal to stop. ASSAY_OK, ASSAY_E_TIMEOUT, ASSAY_E_CANCELLED. */
static int wait_for(int fd, short events, int stop, int64_t until)
{
    struct pollfd ready[2] = {{.fd = fd, .events = events}, {.fd = stop, .events = POLLIN}};
    for (;;) {
        int64_t left = until - now_ms();
        int count = poll(ready, 2, left > 0 ? (int)left : 0);
        if (count < 0 && errno == EINTR)
            continue;
        if (count > 0)
            return ready[1].revents != 0 ? ASSAY_E_CANCELLED : ASSAY_OK;
        return ASSAY_E_TIMEOUT;
    }
}

/* http://127.0.0.1:PORT/PATH or http://localhost:PORT/PATH; the path begins at *path. */
static bool read_url(const char *url, struct sockaddr_in *to, const char **host, size_t *host_len, const char **path)
{
    char name[64];
    if (strncmp(url, "http://", 7) != 0)
        return false;
    *host = url + 7;
    *host_len = strcspn(*host, "/");
    *path = *host + *host_len;
    size_t name_len = strcspn(*host, ":/");
    if (name_len >= sizeof name)
        return false;
    memcpy(name, *host, name_len);
    name[name_len] = '\0';
    unsigned long port = (*host)[name_len] == ':' ? strtoul(*host + name_len + 1, NULL, 10) : 80;
    *to = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    return inet_pton(AF_INET, strcmp(name, "localhost") == 0 ? "127.0.0.1" : name, &to->sin_addr) == 1;
}

static int dial(exchange *call, const struct sockaddr_in *to)
{
    int failed = 0;
    socklen_t len = sizeof failed;
    call->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (call->fd < 0)
        return ASSAY_E_NETWORK;
    if (connect(call->fd, (const struct sockaddr *)to, sizeof *to) != 0 && errno != EINPROGRESS)
        return ASSAY_E_CONNECT;
    int code = wait_for(call->fd, POLLOUT, call->stop, call->until);
    if (code == ASSAY_OK && (getsockopt(call->fd, SOL_SOCKET, SO_ERROR, &failed, &len) != 0 || failed != 0))
        code = ASSAY_E_CONNECT;
    return code;
}

static int transmit(exchange *call, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(call->fd, bytes, len, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN && errno != EINTR)
            return ASSAY_E_NETWORK;
        int code = sent < 0 ? wait_for(call->fd, POLLOUT, call->stop, call->until) : ASSAY_OK;
        if (code != ASSAY_OK)
            return code;
        bytes += sent > 0 ? sent : 0;
        len -= sent > 0 ? (size_t)sent : 0;
    }
    return ASSAY_OK;
}

/* To the end of the connection: HTTP/1.0 has no other end of an answer without a length. */
static int receive(exchange *call)
{
    for (;;) {
        if (call->len == call->room)
            return ASSAY_E_RESPONSE_SIZE;
        ssize_t got = recv(call->fd, call->bytes + call->len, call->room - call->len, 0);
        if (got == 0)
            return ASSAY_OK;
        if (got < 0 && errno != EAGAIN && errno != EINTR)
            return ASSAY_E_NETWORK;
        int code = got < 0 ? wait_for(call->fd, POLLIN, call->stop, call->until) : ASSAY_OK;
        if (code != ASSAY_OK)
            return code;
        call->len += got > 0 ? (size_t)got : 0;
    }
}

/* The request as the operation lends it. */
static int ask(exchange *call, const assay_op *op)
{
    char request[4096];
    struct sockaddr_in to;
    const char *host, *path;
    size_t host_len;
    if (!read_url(assay_op_fetch_url(op), &to, &host, &host_len, &path))
        return ASSAY_E_CONNECT;
    int len = snprintf(request, sizeof request, "%s %s HTTP/1.0\r\nHost: %.*s\r\n", assay_op_fetch_method(op), path,
                       (int)host_len, host);
    for (size_t i = 0; i < assay_op_fetch_header_count(op) && len > 0 && (size_t)len < sizeof request; i++)
        len += snprintf(request + len, sizeof request - (size_t)len, "%s: %s\r\n", assay_op_fetch_header_name(op, i),
                        assay_op_fetch_header_value(op, i));
    if (len < 0 || (size_t)len > sizeof request - 3)
        return ASSAY_E_NETWORK;
    memcpy(request + len, "\r\n", 2);
    int code = dial(call, &to);
    if (code == ASSAY_OK)
        code = transmit(call, request, (size_t)len + 2);
    return code != ASSAY_OK ? code : receive(call);
}

/* Status, header fields and body to the operation, which judges them. ASSAY_E_RESPONSE: that was not HTTP, or not all of it. */
static int hand_over(assay_op *op, const char *bytes, size_t len)
{
    const char *end = memmem(bytes, len, "\r\n\r\n", 4), *line = memmem(bytes, len, "\r\n", 2);
    if (end == NULL || line - bytes < 12 || memcmp(bytes, "HTTP/1.", 7) != 0)
        return ASSAY_E_RESPONSE;
    size_t body_len = len - (size_t)(end + 4 - bytes);
    for (const char *next; line < end; line = next) {
        line += 2;
        next = memmem(line, (size_t)(end - line) + 2, "\r\n", 2);
        const char *colon = memchr(line, ':', (size_t)(next - line));
        if (colon == NULL)
            return ASSAY_E_RESPONSE;
        const char *value = colon + 1 + strspn(colon + 1, " \t");
        if (colon - line == 14 && strncasecmp(line, "Content-Length", 14) == 0 && strtoul(value, NULL, 10) != body_len)
            return ASSAY_E_RESPONSE;
        int code = assay_op_fetched_header(op, line, (size_t)(colon - line), value, (size_t)(next - value));
        if (code != ASSAY_OK)
            return code;
    }
    /* Nothing here follows a redirect, so the answer is from where it was asked. */
    return assay_op_fetched(op, (int)strtol(bytes + 9, NULL, 10), assay_op_fetch_url(op), (const uint8_t *)end + 4,
                            body_len);
}

static void fetch(assay_op *op, int stop)
{
    size_t room = HEAD_BYTES + assay_op_fetch_body_limit(op) + 1;
    exchange call = {.fd = -1, .stop = stop, .until = now_ms() + assay_op_fetch_timeout_ms(op), .room = room};
    call.bytes = malloc(room);
    int code = call.bytes == NULL ? ASSAY_E_NETWORK : ask(&call, op);
    if (code == ASSAY_OK)
        code = hand_over(op, call.bytes, call.len);
    if (code == ASSAY_E_CANCELLED)
        assay_op_cancel(op);
    else if (code != ASSAY_OK)
        (void)!assay_op_fetch_failed(op, code, NULL); /* whatever it is, the result of the operation tells it */
    if (call.fd >= 0)
        (void)close(call.fd);
    free(call.bytes);
}

/* What every host does, in its own manner: step, do what is wanted, and step again. */
static int carry_out(assay_op *op, int stop, assay_claims **claims, assay_error **error)
{
    for (;;) {
        switch (assay_op_step(op)) {
        case ASSAY_WANT_FETCH:
            fprintf(stderr, "fetching %s\n", assay_op_fetch_url(op));
            fetch(op, stop);
            break;
        case ASSAY_WANT_WAIT:
            if (wait_for(-1, 0, stop, now_ms() + assay_op_wait_ms(op)) == ASSAY_E_CANCELLED)
                assay_op_cancel(op);
            break;
        default:
            return assay_op_result(op, claims, error);
        }
    }
}

/* What the validator knows about its issuer; it names the failure of the last fetch. */
static void describe(const assay_validator *validator, const char *issuer)
{
    uint8_t *json = NULL;
    size_t len = 0;
    if (assay_validator_describe(validator, issuer, &json, &len, NULL) == ASSAY_OK)
        fprintf(stderr, "%s\n", (const char *)json);
    assay_bytes_free(json, len);
}

int main(int argc, char **argv)
{
    static char token[TOKEN_BYTES + 1];
    service_options options;
    assay_validator *validator = NULL;
    assay_op *op = NULL;
    assay_claims *claims = NULL;
    assay_error *error = NULL;

    if (!service_read_options(argc, argv, false, &options))
        return 2;
    options.loopback_http = true; /* all that its client can do */
    int stop = service_signals(SIGTERM, SIGINT);
    size_t len = fread(token, 1, sizeof token, stdin);
    while (len > 0 && (token[len - 1] == '\n' || token[len - 1] == '\r'))
        len--; /* what a shell added */

    int code = service_make_validator(&options, &validator, &error);
    if (code == ASSAY_OK)
        code = assay_op_new_validate(validator, token, len, NULL, DECIDE_MS, &op, &error);
    if (code == ASSAY_OK)
        code = carry_out(op, stop, &claims, &error);
    if (code == ASSAY_OK)
        printf("accepted: subject %s\n",
               assay_claims_subject(claims) != NULL ? assay_claims_subject(claims) : "(none)");
    else if (code == ASSAY_E_KEYS_UNAVAILABLE)
        describe(validator, options.issuer);
    assay_claims_unref(claims);
    assay_op_free(op);
    assay_validator_unref(validator);
    (void)close(stop);
    int status = code == ASSAY_OK ? 0 : service_explain(error);
    return code == ASSAY_E_CANCELLED ? 3 : status;
}
