/* SPDX-License-Identifier: MIT */
#include "connection.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int64_t monotonic(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + (int64_t)(now.tv_nsec / 1000000);
}

static int64_t left(const connection *c)
{
    int64_t rest = c->deadline - monotonic();
    return rest < 0 ? 0 : rest;
}

void connection_start(connection *c, int64_t milliseconds)
{
    *c = (connection){.fd = -1};
    connection_allow(c, milliseconds);
}

void connection_allow(connection *c, int64_t milliseconds)
{
    c->deadline = monotonic() + milliseconds;
}

void connection_end(connection *c)
{
    SSL_free(c->ssl);
    SSL_CTX_free(c->context);
    if (c->addresses != NULL)
        freeaddrinfo(c->addresses);
    if (c->fd >= 0)
        (void)close(c->fd);
    *c = (connection){.fd = -1};
}

/* getaddrinfo() knows no deadline: it gets a thread of its own, which is left alone where it does not come back. */
typedef struct lookup {
    pthread_mutex_t lock;
    pthread_cond_t over;
    char *host, *port;
    bool done, abandoned;
    int result;
    struct addrinfo *addresses;
} lookup;

static void lookup_free(lookup *l)
{
    (void)pthread_mutex_destroy(&l->lock);
    (void)pthread_cond_destroy(&l->over);
    free(l->host);
    free(l->port);
    free(l);
}

static void *look_up(void *data)
{
    lookup *l = data;
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *addresses = NULL;
    int result = getaddrinfo(l->host, l->port, &hints, &addresses);
    (void)pthread_mutex_lock(&l->lock);
    l->result = result;
    l->addresses = addresses;
    l->done = true;
    bool abandoned = l->abandoned;
    (void)pthread_cond_signal(&l->over);
    (void)pthread_mutex_unlock(&l->lock);
    if (!abandoned)
        return NULL;
    if (addresses != NULL)
        freeaddrinfo(addresses);
    lookup_free(l);
    return NULL;
}

static lookup *lookup_begin(const char *host, const char *port)
{
    lookup *l = cli_alloc(sizeof *l);
    pthread_condattr_t attributes;
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&l->lock, NULL);
    (void)pthread_cond_init(&l->over, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    l->host = cli_strdup(host);
    l->port = cli_strdup(port);
    pthread_t thread;
    if (pthread_create(&thread, NULL, look_up, l) != 0) {
        lookup_free(l);
        return NULL;
    }
    (void)pthread_detach(thread);
    return l;
}

bool connection_resolve(connection *c, const char *host, const char *port)
{
    lookup *l = lookup_begin(host, port);
    if (l == NULL) {
        (void)snprintf(c->why, sizeof c->why, "no thread for the look-up");
        return false;
    }
    const struct timespec until = {.tv_sec = (time_t)(c->deadline / 1000),
                                   .tv_nsec = (long)(c->deadline % 1000) * 1000000};
    (void)pthread_mutex_lock(&l->lock);
    int waited = 0;
    while (!l->done && waited == 0)
        waited = pthread_cond_timedwait(&l->over, &l->lock, &until);
    bool done = l->done;
    l->abandoned = !done;
    (void)pthread_mutex_unlock(&l->lock);
    if (!done) {
        (void)snprintf(c->why, sizeof c->why, "the name server does not answer in time");
        return false;
    }
    c->addresses = l->addresses;
    int result = l->result;
    lookup_free(l);
    if (result != 0)
        (void)snprintf(c->why, sizeof c->why, "%s", gai_strerror(result));
    return result == 0;
}

bool connection_wait(connection *c, bool to_write)
{
    struct pollfd wanted = {.fd = c->fd, .events = to_write ? POLLOUT : POLLIN};
    for (;;) {
        int64_t rest = left(c);
        int ready = poll(&wanted, 1, (int)rest);
        if (ready > 0)
            return true;
        if (ready < 0 && errno == EINTR)
            continue;
        (void)snprintf(c->why, sizeof c->why, "no answer in time");
        return false;
    }
}

static bool connect_to(connection *c, const struct addrinfo *address)
{
    if (getnameinfo(address->ai_addr, address->ai_addrlen, c->address, sizeof c->address, NULL, 0, NI_NUMERICHOST) != 0)
        c->address[0] = '\0';
    c->fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) {
        (void)snprintf(c->why, sizeof c->why, "%s", strerror(errno));
        return false;
    }
    int reason = connect(c->fd, address->ai_addr, address->ai_addrlen) == 0 ? 0 : errno;
    if (reason == EINPROGRESS && connection_wait(c, true)) {
        socklen_t size = sizeof reason;
        if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &reason, &size) != 0)
            reason = errno;
    }
    if (reason == 0)
        return true;
    if (reason != EINPROGRESS)
        (void)snprintf(c->why, sizeof c->why, "%s", strerror(reason));
    (void)close(c->fd);
    c->fd = -1;
    return false;
}

/* Each address gets an equal part of the time that is left, so that a dead one does not hide a good one. */
bool connection_connect(connection *c)
{
    int64_t end = c->deadline;
    int64_t count = 0;
    for (const struct addrinfo *each = c->addresses; each != NULL; each = each->ai_next)
        count++;
    bool connected = false;
    for (const struct addrinfo *each = c->addresses; each != NULL && !connected; each = each->ai_next) {
        c->deadline = end;
        connection_allow(c, left(c) / count);
        count--;
        connected = connect_to(c, each);
    }
    c->deadline = end;
    return connected;
}

/* What OpenSSL wants next; false where it is over. */
static bool again(connection *c, int result)
{
    int wanted = SSL_get_error(c->ssl, result);
    if (wanted == SSL_ERROR_WANT_READ || wanted == SSL_ERROR_WANT_WRITE)
        return connection_wait(c, wanted == SSL_ERROR_WANT_WRITE);
    (void)snprintf(c->why, sizeof c->why, "the connection broke off");
    return false;
}

bool connection_send(connection *c, const char *bytes, size_t len)
{
    for (size_t sent = 0; sent < len;) {
        ssize_t step = c->ssl != NULL ? SSL_write(c->ssl, bytes + sent, (int)(len - sent))
                                      : send(c->fd, bytes + sent, len - sent, MSG_NOSIGNAL);
        if (step > 0) {
            sent += (size_t)step;
            continue;
        }
        bool blocked = errno == EAGAIN || errno == EINTR;
        if (c->ssl != NULL ? !again(c, (int)step) : !blocked || !connection_wait(c, true))
            return false;
    }
    return true;
}

ssize_t connection_receive(connection *c, char *bytes, size_t size)
{
    for (;;) {
        ssize_t got = c->ssl != NULL ? SSL_read(c->ssl, bytes, (int)size) : recv(c->fd, bytes, size, 0);
        if (got > 0)
            return got;
        if (c->ssl != NULL && SSL_get_error(c->ssl, (int)got) == SSL_ERROR_ZERO_RETURN)
            return 0;
        if (c->ssl == NULL && got == 0)
            return 0;
        bool blocked = errno == EAGAIN || errno == EINTR;
        if (c->ssl == NULL && !blocked)
            (void)snprintf(c->why, sizeof c->why, "%s", strerror(errno));
        if (c->ssl != NULL ? !again(c, (int)got) : !blocked || !connection_wait(c, false))
            return -1;
    }
}
