/* SPDX-License-Identifier: MIT */
#include "day_server.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void must(bool condition, const char *what)
{
    if (condition)
        return;
    perror(what);
    abort();
}

/* False: the server is to stop. */
static bool wait_readable(const day_server *server, int fd)
{
    struct pollfd polled[2] = {{.fd = fd, .events = POLLIN}, {.fd = server->stop[0], .events = POLLIN}};
    return poll(polled, 2, -1) > 0 && polled[1].revents == 0;
}

/* Head and body; false: the client went. */
static bool read_request(const day_server *server, int fd)
{
    char request[8192] = "";
    size_t len = 0;
    while (len + 1 < sizeof request) {
        if (!wait_readable(server, fd))
            return false;
        ssize_t got = recv(fd, request + len, sizeof request - len - 1, 0);
        if (got <= 0)
            return false;
        len += (size_t)got;
        request[len] = '\0';
        const char *end = strstr(request, "\r\n\r\n"), *length = strcasestr(request, "\r\nContent-Length:");
        if (end != NULL && len >= (size_t)(end - request) + 4 + (length == NULL ? 0 : strtoul(length + 17, NULL, 10)))
            return true;
    }
    return false;
}

static bool is_down(const day_server *server)
{
    return atomic_load(server->clock_ms) < server->down_until;
}

static void maybe_go_down(day_server *server)
{
    if (atomic_load(&server->given) != server->every * (atomic_load(&server->outages) + 1))
        return;
    server->down_until = atomic_load(server->clock_ms) + server->outage_ms;
    atomic_fetch_add(&server->outages, 1);
}

/* Until the test's clock says so; false: the server is to stop. */
static bool take_time(day_server *server)
{
    int64_t until = atomic_load(server->clock_ms) + server->delay_ms;
    bool stopping = false;
    atomic_store(&server->held_until, until);
    while (!stopping && atomic_load(server->clock_ms) < until) {
        struct pollfd polled = {.fd = server->stop[0], .events = POLLIN};
        stopping = poll(&polled, 1, 1) > 0;
    }
    atomic_store(&server->held_until, 0);
    return !stopping;
}

static void answer(day_server *server, int fd)
{
    char body[256] = "{\"error\":\"temporarily_unavailable\"}", text[512];
    bool down = is_down(server);
    int number = atomic_fetch_add(down ? &server->refused : &server->given, 1);
    if (!down)
        (void)snprintf(body, sizeof body,
                       "{\"access_token\":\"eyJ-%lld-%d\",\"token_type\":\"Bearer\",\"expires_in\":%lld}",
                       (long long)server->lifetime, number, (long long)server->lifetime);
    int len =
        snprintf(text, sizeof text,
                 "HTTP/1.1 %s\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s",
                 down ? "503 Service Unavailable" : "200 OK", strlen(body), body);
    (void)send(fd, text, (size_t)len, MSG_NOSIGNAL);
}

static void *run(void *argument)
{
    day_server *server = argument;
    while (wait_readable(server, server->listener)) {
        int fd = accept(server->listener, NULL, NULL);
        must(fd >= 0, "accept");
        if (read_request(server, fd)) {
            atomic_fetch_add(&server->requests, 1);
            maybe_go_down(server);
            if (is_down(server) || take_time(server))
                answer(server, fd);
        }
        (void)close(fd);
    }
    return NULL;
}

void day_server_start(day_server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(server->listener >= 0, "socket");
    must(bind(server->listener, (struct sockaddr *)&address, len) == 0 && listen(server->listener, 16) == 0, "bind");
    must(getsockname(server->listener, (struct sockaddr *)&address, &len) == 0, "getsockname");
    server->port = ntohs(address.sin_port);
    must(pipe(server->stop) == 0, "pipe");
    must(pthread_create(&server->thread, NULL, run, server) == 0, "pthread_create");
}

void day_server_stop(day_server *server)
{
    must(write(server->stop[1], "", 1) == 1, "write");
    must(pthread_join(server->thread, NULL) == 0, "pthread_join");
    (void)close(server->listener);
    (void)close(server->stop[0]);
    (void)close(server->stop[1]);
}
