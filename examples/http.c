/* SPDX-License-Identifier: MIT */
#include "http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REQUESTS_MAX = 1000 }; /* of one connection: then others have their turn */

static bool is_name(const char *line, size_t len, const char *name)
{
    return len == strlen(name) && strncasecmp(line, name, len) == 0;
}

/* One header field; false: the request is refused. */
static bool read_field(const char *line, size_t len, http_request *request)
{
    const char *colon = memchr(line, ':', len);
    if (colon == NULL || colon == line || line[0] == ' ' || line[0] == '\t')
        return false;
    const char *value = colon + 1;
    size_t name_len = (size_t)(colon - line), value_len = len - name_len - 1;
    for (; value_len > 0 && (*value == ' ' || *value == '\t'); value_len--)
        value++;
    while (value_len > 0 && (value[value_len - 1] == ' ' || value[value_len - 1] == '\t'))
        value_len--;
    if (is_name(line, name_len, "Authorization")) {
        if (request->authorization != NULL)
            return false; /* which of them a proxy in front has looked at is anybody's guess */
        request->authorization = value;
        request->authorization_len = value_len;
    } else if (is_name(line, name_len, "Connection")) {
        request->keep_alive = request->keep_alive && !is_name(value, value_len, "close");
    } else if (is_name(line, name_len, "Content-Length")) {
        return value_len == 1 && value[0] == '0';
    } else if (is_name(line, name_len, "Transfer-Encoding")) {
        return false;
    }
    return true;
}

int http_parse(const char *bytes, size_t len, http_request *request)
{
    memset(request, 0, sizeof *request);
    const char *end = memmem(bytes, len, "\r\n\r\n", 4);
    if (end == NULL)
        return len < HTTP_REQUEST_BYTES ? 0 : 431;
    request->len = (size_t)(end - bytes) + 4;

    const char *line = bytes, *next = memmem(line, request->len, "\r\n", 2);
    size_t line_len = (size_t)(next - line);
    if (line_len < 14 || memcmp(next - 9, " HTTP/1.", 8) != 0)
        return 400;
    request->keep_alive = next[-1] != '0';
    for (line = next + 2; line < end; line = next + 2) {
        next = memmem(line, (size_t)(end - line) + 2, "\r\n", 2);
        if (!read_field(line, (size_t)(next - line), request))
            return 400;
    }
    return 200;
}

static const char *reason(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 431:
        return "Request Header Fields Too Large";
    case 503:
        return "Service Unavailable";
    default:
        return "Internal Server Error";
    }
}

size_t http_answer(char *out, int status, const char *www_authenticate, int64_t retry_after, const char *text,
                   bool keep_alive)
{
    char challenge[1600] = "", retry[64] = "";
    if (www_authenticate[0] != '\0')
        (void)snprintf(challenge, sizeof challenge, "WWW-Authenticate: %.1536s\r\n", www_authenticate);
    if (retry_after > 0)
        (void)snprintf(retry, sizeof retry, "Retry-After: %" PRId64 "\r\n", retry_after);
    int text_len = (int)strnlen(text, 256);
    int len = snprintf(
        out, HTTP_ANSWER_BYTES,
        "HTTP/1.1 %d %s\r\n%s%s%sContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n\r\n%.*s", status,
        reason(status), challenge, retry, keep_alive ? "" : "Connection: close\r\n", text_len, text_len, text);
    return len < 0 || len >= HTTP_ANSWER_BYTES ? 0 : (size_t)len;
}

int http_listen(const char *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t at_len = sizeof at;
    char *end;
    unsigned long number = strtoul(port, &end, 10);
    if (*port == '\0' || *end != '\0' || number > 65535) {
        fprintf(stderr, "\"%s\" is no port\n", port);
        return -1;
    }
    at.sin_port = htons((uint16_t)number);
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(fd, SOMAXCONN) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &at_len) != 0) {
        perror("listen");
        if (fd >= 0)
            (void)close(fd);
        return -1;
    }
    printf("listening on %d\n", ntohs(at.sin_port));
    (void)fflush(stdout);
    return fd;
}

/* Wait until @p fd is ready. False: it took too long, or it is time to stop. */
static bool wait_for(int fd, short events, int stop, int timeout_ms)
{
    struct pollfd ready[2] = {{.fd = fd, .events = events}, {.fd = stop, .events = POLLIN}};
    int count;
    do
        count = poll(ready, 2, timeout_ms);
    while (count < 0 && errno == EINTR);
    return count > 0 && ready[1].revents == 0;
}

int http_accept(int listener, int stop)
{
    while (wait_for(listener, POLLIN, stop, -1)) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0)
            return fd;
        if (errno != EAGAIN) /* another one was quicker; or descriptors are short, which others may end */
            (void)poll(NULL, 0, 10);
    }
    return -1;
}

/* Receive one request. False: the client sent no more, or it is time to stop. */
static bool receive(int fd, int stop, char *bytes, size_t *len, int *status, http_request *request)
{
    while ((*status = http_parse(bytes, *len, request)) == 0) {
        ssize_t got = recv(fd, bytes + *len, HTTP_REQUEST_BYTES - *len, 0);
        if (got > 0)
            *len += (size_t)got;
        else if (got == 0 || (errno != EAGAIN && errno != EINTR))
            return false;
        else if (!wait_for(fd, POLLIN, stop, HTTP_IDLE_MS))
            return false;
    }
    return true;
}

static bool send_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN && errno != EINTR)
            return false;
        if (sent < 0 && !wait_for(fd, POLLOUT, -1, HTTP_IDLE_MS))
            return false;
        bytes += sent > 0 ? sent : 0;
        len -= sent > 0 ? (size_t)sent : 0;
    }
    return true;
}

void http_serve(int fd, int stop, http_handler handler, void *user_data)
{
    char bytes[HTTP_REQUEST_BYTES], answer[HTTP_ANSWER_BYTES];
    size_t len = 0;
    int status;
    http_request request;
    bool more = true;
    for (int i = 1; more && receive(fd, stop, bytes, &len, &status, &request); i++) {
        request.keep_alive = request.keep_alive && status == 200 && i < REQUESTS_MAX;
        size_t answer_len = status == 200 ? handler(user_data, &request, answer)
                                          : http_answer(answer, status, "", 0, "not a request for me\n", false);
        more = send_all(fd, answer, answer_len) && request.keep_alive;
        if (more) /* what the client has sent ahead */
            memmove(bytes, bytes + request.len, len -= request.len);
    }
    (void)close(fd);
}
