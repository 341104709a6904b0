/* SPDX-License-Identifier: MIT */
/*
 * One event loop that never waits for anything but its events, all of them edge-triggered.
 *
 *   epoll_server ISSUER AUDIENCE [--ca-file FILE] [--allow-loopback-http] [--port N]
 *
 * A token is decided at once by assay_validator_check(). Only where that needs keys which are not there, an operation goes into the
 * driver, and the connection goes on when it comes back. The driver also keeps the keys fresh, so that this is rare.
 */
#include "service.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS = 256, EVENTS = 64, DECIDE_MS = 5000, SWEEP_MS = 1000 };

typedef struct connection {
    int fd; /* -1: free */
    char in[HTTP_REQUEST_BYTES], out[HTTP_ANSWER_BYTES];
    size_t in_len, out_len, out_sent;
    bool keep_alive, gone;
    assay_op *op; /* decides about the first request of @in; NULL: none */
    time_t active;
} connection;

typedef struct event_server {
    int loop, listener, stop;
    bool accepts, stopped; /* there may be somebody to accept */
    assay_validator *validator;
    assay_driver *driver;
    size_t count;
    time_t swept;
    connection connections[CONNECTIONS];
} event_server;

static time_t now(void)
{
    struct timespec at;
    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec;
}

static bool watch(const event_server *server, int fd, uint32_t events, void *what)
{
    struct epoll_event event = {.events = events | EPOLLET, .data.ptr = what};
    return epoll_ctl(server->loop, EPOLL_CTL_ADD, fd, &event) == 0;
}

/* The slot is used again only after this round of events, some of which may be for it. */
static void hang_up(event_server *server, connection *client)
{
    if (client->op != NULL) { /* nobody wants to know any more: the driver gives it back, and then it is freed */
        assay_op_set_user_data(client->op, NULL);
        assay_op_cancel(client->op);
        client->op = NULL;
    }
    (void)close(client->fd);
    client->fd = -1;
    server->count--;
    server->accepts = true;
}

static void answer(connection *client, const assay_claims *claims, const assay_error *error)
{
    client->out_len = service_answer(claims, error, client->keep_alive, client->out);
    client->out_sent = 0;
}

/* Decide now, or give it to the driver. */
static void decide(event_server *server, connection *client, const http_request *request)
{
    assay_claims *claims = NULL;
    assay_error *error = NULL;
    const char *token;
    size_t len;
    int code = assay_bearer_from_header(request->authorization, request->authorization_len, &token, &len, &error);
    if (code == ASSAY_OK)
        code = assay_validator_check(server->validator, token, len, NULL, &claims, &error);
    if (code == ASSAY_E_KEYS_NEEDED) {
        assay_error_free(error);
        code = assay_op_new_validate(server->validator, token, len, NULL, DECIDE_MS, &client->op, &error);
        if (code == ASSAY_OK) {
            assay_op_set_user_data(client->op, client);
            code = assay_driver_add(server->driver, client->op, &error);
        }
        if (code == ASSAY_OK)
            return; /* the driver's descriptor is ready by itself */
        assay_op_free(client->op);
        client->op = NULL;
    }
    answer(client, claims, error);
    assay_claims_unref(claims);
    assay_error_free(error);
}

/* Begin with the next request. False: it is not there yet. */
static bool begin(event_server *server, connection *client)
{
    http_request request;
    int status = http_parse(client->in, client->in_len, &request);
    if (status == 0)
        return false;
    client->active = now();
    client->keep_alive = status == 200 && request.keep_alive;
    if (status == 200) {
        decide(server, client, &request);
    } else {
        client->out_len = http_answer(client->out, status, "", 0, "not a request for me\n", false);
        client->out_sent = 0;
    }
    memmove(client->in, client->in + request.len, client->in_len -= request.len); /* what is decided on was copied */
    return true;
}

/* Until the socket has no more: no other event will say so. False: the client is gone. */
static bool receive(connection *client)
{
    while (client->in_len < sizeof client->in) {
        ssize_t got = recv(client->fd, client->in + client->in_len, sizeof client->in - client->in_len, 0);
        if (got > 0)
            client->in_len += (size_t)got;
        else if (got == 0 || (errno != EAGAIN && errno != EINTR))
            return false;
        else if (errno == EAGAIN)
            return true;
    }
    return true;
}

static bool transmit(connection *client)
{
    while (client->out_sent < client->out_len) {
        ssize_t sent =
            send(client->fd, client->out + client->out_sent, client->out_len - client->out_sent, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN && errno != EINTR)
            return false;
        if (sent < 0 && errno == EAGAIN)
            return true;
        client->out_sent += sent > 0 ? (size_t)sent : 0;
    }
    return true;
}

/* As far as it goes: out with the answer, in with the next request, until the socket or the driver lets it wait. */
static void go_on(event_server *server, connection *client)
{
    bool alive = true;
    while (alive && client->op == NULL) {
        alive = transmit(client);
        if (alive && client->out_sent < client->out_len)
            return;
        if (client->out_len > 0 && !client->keep_alive)
            alive = false;
        client->out_len = client->out_sent = 0;
        if (alive && begin(server, client))
            continue;
        size_t before = client->in_len;
        alive = alive && receive(client);
        if (alive && client->in_len == before)
            return;
    }
    if (!alive)
        hang_up(server, client);
}

static void accept_all(event_server *server)
{
    while (server->accepts &&
           server->count < CONNECTIONS) { /* at the bound, others wait in the queue of the listener */
        int fd = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
            return; /* descriptors are short: the sweep tries again */
        if (fd < 0) {
            server->accepts = errno != EAGAIN;
            continue;
        }
        connection *client = server->connections;
        while (client->fd >= 0)
            client++;
        client->fd = fd;
        client->in_len = client->out_len = client->out_sent = 0;
        client->active = now();
        server->count++;
        if (!watch(server, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP, client))
            hang_up(server, client);
    }
}

/* Whatever the driver can do now, and the operations that it has finished. */
static void drive(event_server *server)
{
    assay_op *op;
    if (assay_driver_process(server->driver, NULL) != ASSAY_OK)
        server->stopped = true; /* it was made by another process: not in this program */
    while ((op = assay_driver_next_done(server->driver)) != NULL) {
        connection *client = assay_op_user_data(op);
        assay_claims *claims = NULL;
        assay_error *error = NULL;
        if (client != NULL) {
            client->op = NULL;
            if (assay_op_result(op, &claims, &error) == ASSAY_OK)
                answer(client, claims, NULL);
            else
                answer(client, NULL, error);
            go_on(server, client);
        }
        assay_claims_unref(claims);
        assay_error_free(error);
        assay_op_free(op);
    }
}

/* Who is silent makes room for others. */
static void sweep(event_server *server)
{
    time_t oldest = now() - HTTP_IDLE_MS / 1000;
    if (server->swept == now())
        return;
    server->swept = now();
    for (connection *client = server->connections; client < server->connections + CONNECTIONS; client++)
        if (client->fd >= 0 && client->op == NULL && client->active < oldest)
            hang_up(server, client);
}

static void run(event_server *server)
{
    struct epoll_event events[EVENTS];
    while (!server->stopped) {
        int count = epoll_wait(server->loop, events, EVENTS, SWEEP_MS);
        for (int i = 0; i < count; i++) {
            connection *client = events[i].data.ptr;
            if (events[i].data.ptr == &server->stop)
                server->stopped = true;
            else if (events[i].data.ptr == &server->listener)
                server->accepts = true;
            else if (events[i].data.ptr == server->driver)
                drive(server);
            else if (client->fd >= 0 && (events[i].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
                hang_up(server, client); /* one that closes its half is taken for gone, as nginx does */
            else if (client->fd >= 0)
                go_on(server, client);
        }
        sweep(server);
        accept_all(server);
    }
}

static int start(event_server *server, const service_options *options, assay_error **error)
{
    for (size_t i = 0; i < CONNECTIONS; i++)
        server->connections[i].fd = -1;
    int code = service_make_validator(options, &server->validator, error);
    if (code == ASSAY_OK)
        code = assay_driver_new(&server->driver, error);
    if (code == ASSAY_OK)
        code = assay_driver_keep_fresh(server->driver, server->validator, error);
    return code;
}

int main(int argc, char **argv)
{
    service_options options;
    assay_error *error = NULL;
    int status = 1;
    if (!service_read_options(argc, argv, false, &options))
        return 2;
    event_server *server = calloc(1, sizeof *server);
    if (server == NULL)
        return 1;
    server->stop = service_signals(SIGTERM, SIGINT);
    server->loop = epoll_create1(EPOLL_CLOEXEC);
    server->listener = http_listen(options.port);
    if (server->stop < 0 || server->loop < 0 || server->listener < 0) {
        perror("start");
    } else if (start(server, &options, &error) != ASSAY_OK) {
        status = service_explain(error);
    } else if (watch(server, server->stop, EPOLLIN, &server->stop) &&
               watch(server, server->listener, EPOLLIN, &server->listener) &&
               watch(server, assay_driver_fd(server->driver), EPOLLIN, server->driver)) {
        run(server);
        status = 0;
    }
    for (size_t i = 0; i < CONNECTIONS; i++)
        if (server->connections[i].fd >= 0)
            hang_up(server, &server->connections[i]);
    assay_driver_free(server->driver); /* with the operations that it still has */
    assay_validator_unref(server->validator);
    (void)close(server->listener);
    (void)close(server->loop);
    (void)close(server->stop);
    free(server);
    return status;
}
