/* SPDX-License-Identifier: MIT */
#include "support/raw_server.h"

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REQUEST_BYTES = 2 << 20 };

struct raw_server {
    raw_script script;
    int listener, stop[2], port;
    SSL_CTX *tls;
    pthread_t thread;
    atomic_int connections;
    char name[256];
    size_t request_len;
    char request[REQUEST_BYTES];
};

typedef struct connection {
    int fd;
    SSL *tls;
} connection;

static void must(bool condition, const char *what)
{
    if (condition)
        return;
    perror(what);
    abort();
}

/* False: the server is to stop, or the time is over with nothing to read. */
static bool readable(const raw_server *server, int fd, int timeout_ms)
{
    struct pollfd polled[2] = {{.fd = fd, .events = POLLIN}, {.fd = server->stop[0], .events = POLLIN}};
    return poll(polled, 2, timeout_ms) > 0 && polled[1].revents == 0;
}

static bool stopping(const raw_server *server)
{
    struct pollfd polled = {.fd = server->stop[0], .events = POLLIN};
    return poll(&polled, 1, 0) > 0;
}

static bool put(const connection *c, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t sent = c->tls != NULL ? SSL_write(c->tls, bytes, (int)len) : send(c->fd, bytes, len, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        bytes += sent;
        len -= (size_t)sent;
    }
    return true;
}

static ssize_t take(const connection *c, char *bytes, size_t size)
{
    return c->tls != NULL ? SSL_read(c->tls, bytes, (int)size) : recv(c->fd, bytes, size, 0);
}

/* Bytes of the whole request, as soon as its head is there; before that more than there is room for. */
static size_t request_size(const char *request)
{
    const char *end = strstr(request, "\r\n\r\n"), *length = strcasestr(request, "\r\nContent-Length:");
    if (end == NULL)
        return REQUEST_BYTES;
    size_t body = length != NULL && length < end ? strtoul(length + strlen("\r\nContent-Length:"), NULL, 10) : 0;
    return (size_t)(end - request) + 4 + body;
}

static void read_request(raw_server *server, const connection *c)
{
    size_t size = REQUEST_BYTES;
    server->request_len = 0;
    server->request[0] = '\0';
    while (server->request_len < size && server->request_len + 1 < REQUEST_BYTES) {
        bool pending = c->tls != NULL && SSL_pending(c->tls) > 0;
        if (!pending && !readable(server, c->fd, 5000))
            return;
        ssize_t got = take(c, server->request + server->request_len, REQUEST_BYTES - server->request_len - 1);
        if (got <= 0)
            return;
        server->request_len += (size_t)got;
        server->request[server->request_len] = '\0';
        size = size == REQUEST_BYTES ? request_size(server->request) : size;
    }
}

static void play(raw_server *server, const connection *c)
{
    const raw_script *script = &server->script;
    char sink[256];
    read_request(server, c);
    if (script->reset == RAW_RESET_REQUEST)
        return;
    bool open = server->request[0] != '\0' && (script->head == NULL || put(c, script->head, strlen(script->head)));
    for (size_t i = 0; open && script->chunk != NULL && i < script->times && !stopping(server); i++) {
        struct pollfd polled = {.fd = server->stop[0], .events = POLLIN};
        if (script->pause_ms > 0 && poll(&polled, 1, script->pause_ms) > 0)
            return;
        open = put(c, script->chunk, strlen(script->chunk));
    }
    while (open && script->hold && readable(server, c->fd, 20000) && take(c, sink, sizeof sink) > 0)
        ;
}

static void serve(raw_server *server, int fd)
{
    struct timeval patience = {.tv_sec = 5};
    connection c = {.fd = fd, .tls = NULL};
    const raw_reset reset = server->script.reset;
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (reset != RAW_RESET_NEVER)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1}, sizeof(struct linger));
    if (reset == RAW_RESET_ACCEPTED || (reset == RAW_RESET_HELLO && readable(server, fd, 5000))) {
        close(fd);
        return;
    }
    if (server->tls != NULL) {
        c.tls = SSL_new(server->tls);
        must(c.tls != NULL && SSL_set_fd(c.tls, fd) == 1, "SSL_new");
        if (SSL_accept(c.tls) == 1) {
            const char *name = SSL_get_servername(c.tls, TLSEXT_NAMETYPE_host_name);
            snprintf(server->name, sizeof server->name, "%s", name == NULL ? "" : name);
            play(server, &c);
            if (reset == RAW_RESET_NEVER)
                SSL_shutdown(c.tls);
        }
        SSL_free(c.tls);
    } else {
        play(server, &c);
        if (reset == RAW_RESET_NEVER)
            shutdown(fd, SHUT_WR); /* what was sent still arrives, though the client's bytes are unread */
    }
    close(fd);
}

static void *run(void *user_data)
{
    raw_server *server = user_data;
    while (readable(server, server->script.silent ? server->stop[0] : server->listener, -1)) {
        int fd = accept(server->listener, NULL, NULL);
        if (fd < 0)
            continue;
        atomic_fetch_add(&server->connections, 1);
        serve(server, fd);
    }
    return NULL;
}

static void load_certificate(raw_server *server, const raw_script *script)
{
    server->tls = SSL_CTX_new(TLS_server_method());
    must(server->tls != NULL, "SSL_CTX_new");
    must(SSL_CTX_use_certificate_file(server->tls, script->certificate, SSL_FILETYPE_PEM) == 1, "certificate");
    must(SSL_CTX_use_PrivateKey_file(server->tls, script->key, SSL_FILETYPE_PEM) == 1, "key");
    if (script->tls_version != 0) {
        SSL_CTX_set_security_level(server->tls, 0);
        SSL_CTX_set_min_proto_version(server->tls, TLS1_VERSION);
        SSL_CTX_set_max_proto_version(server->tls, script->tls_version);
    }
}

/* A socket on loopback of one family, and its port. */
static int listen_on(bool ipv6, int *port)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address = {.v4 = {.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}}};
    socklen_t len = ipv6 ? sizeof address.v6 : sizeof address.v4;
    if (ipv6)
        address.v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(fd >= 0 && bind(fd, &address.any, len) == 0, "bind");
    must(listen(fd, 16) == 0 && getsockname(fd, &address.any, &len) == 0, "listen");
    *port = ntohs(ipv6 ? address.v6.sin6_port : address.v4.sin_port);
    return fd;
}

bool raw_server_has_ipv6(void)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool has = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
    if (fd >= 0)
        close(fd);
    return has;
}

raw_server *raw_server_start(const raw_script *script)
{
    raw_server *server = calloc(1, sizeof *server);
    must(server != NULL, "calloc");
    signal(SIGPIPE, SIG_IGN);
    server->script = *script;
    if (script->certificate != NULL)
        load_certificate(server, script);
    server->listener = listen_on(script->ipv6, &server->port);
    must(pipe(server->stop) == 0, "pipe");
    must(pthread_create(&server->thread, NULL, run, server) == 0, "pthread_create");
    return server;
}

void raw_server_stop(raw_server *server)
{
    must(write(server->stop[1], "x", 1) == 1, "write");
    pthread_join(server->thread, NULL);
    close(server->listener);
    close(server->stop[0]);
    close(server->stop[1]);
    SSL_CTX_free(server->tls);
    free(server);
}

int raw_server_port(const raw_server *server)
{
    return server->port;
}

int raw_server_connections(const raw_server *server)
{
    return atomic_load(&server->connections);
}

const char *raw_server_request(const raw_server *server)
{
    return server->request;
}

size_t raw_server_request_len(const raw_server *server)
{
    return server->request_len;
}

const char *raw_server_name(const raw_server *server)
{
    return server->name;
}
