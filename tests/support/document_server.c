/* SPDX-License-Identifier: MIT */
#include "document_server.h"

#include "mint.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void must(int condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "document server: %s\n", what);
        abort();
    }
}

static char *format_metadata(const char *url)
{
    char *text = NULL;
    must(asprintf(&text, "{\"issuer\":\"%s\",\"jwks_uri\":\"%s/keys\"}", url, url) > 0, "memory");
    return text;
}

static void answer(document_server *at, int client)
{
    char response[300];
    size_t used = 0;
    ssize_t got;
    while (used < sizeof at->last - 1 && (got = read(client, at->last + used, sizeof at->last - 1 - used)) > 0) {
        used += (size_t)got;
        at->last[used] = '\0';
        if (strstr(at->last, "\r\n\r\n") != NULL || at->last[0] == 0x16) /* or the handshake of TLS */
            break;
    }
    int metadata = strstr(at->last, "/.well-known/openid-configuration ") != NULL,
        keys = strstr(at->last, "GET /keys ") != NULL;
    at->metadata_requests += metadata;
    at->keys_requests += keys;
    at->other_requests += !metadata && !keys;
    const char *body = metadata ? at->metadata : at->keys;
    int len = snprintf(response, sizeof response, "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
                       metadata ? at->metadata_head : at->keys_head, strlen(body));
    (void)send(client, response, (size_t)len, MSG_NOSIGNAL);
    for (size_t sent = 0; sent < strlen(body);) {
        got = send(client, body + sent, strlen(body) - sent, MSG_NOSIGNAL);
        if (got <= 0)
            break;
        sent += (size_t)got;
    }
    (void)shutdown(client, SHUT_WR);
}

static void *serve(void *data)
{
    document_server *at = data;
    for (int client; (client = accept(at->fd, NULL, NULL)) >= 0; close(client)) {
        (void)pthread_mutex_lock(&at->lock);
        answer(at, client);
        (void)pthread_mutex_unlock(&at->lock);
    }
    return NULL;
}

void document_server_start(document_server *at)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    memset(at, 0, sizeof *at);
    must(pthread_mutex_init(&at->lock, NULL) == 0, "mutex");
    at->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(at->fd >= 0 && bind(at->fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(at->fd, 16) == 0,
         "socket");
    must(getsockname(at->fd, (struct sockaddr *)&address, &len) == 0, "port");
    snprintf(at->url, sizeof at->url, "http://127.0.0.1:%d", ntohs(address.sin_port));
    mint_key *key = mint_key_new("ES256", "k");
    at->keys = mint_jwks(&key, 1);
    at->metadata = format_metadata(at->url);
    at->metadata_head = at->keys_head = "200 OK";
    mint_key_free(key);
    must(pthread_create(&at->thread, NULL, serve, at) == 0, "thread");
}

void document_server_stop(document_server *at)
{
    (void)shutdown(at->fd, SHUT_RDWR);
    (void)pthread_join(at->thread, NULL);
    (void)pthread_mutex_destroy(&at->lock);
    close(at->fd);
    free(at->metadata);
    free(at->keys);
}

static void replace(document_server *at, char **document, char *body)
{
    (void)pthread_mutex_lock(&at->lock);
    free(*document);
    *document = body;
    (void)pthread_mutex_unlock(&at->lock);
}

void document_server_metadata(document_server *at, char *body)
{
    replace(at, &at->metadata, body);
}

void document_server_keys(document_server *at, char *body)
{
    replace(at, &at->keys, body);
}
