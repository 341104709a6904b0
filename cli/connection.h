/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_CLI_CONNECTION_H
#define ASSAY_CLI_CONNECTION_H

/*
 * One connection, step by step, so that the step that fails can be named: name, TCP, a proxy in between, TLS, one HTTP request. The library
 * does all of this at once by curl; here it is for assay doctor to say which part of it goes wrong. Each step ends by the deadline.
 */

#include "text.h"

#include <netdb.h>
#include <openssl/ssl.h>

typedef struct connection {
    int fd;
    SSL_CTX *context;
    SSL *ssl;
    struct addrinfo *addresses;
    int64_t deadline; /* milliseconds of the monotonic clock */
    char address[64]; /* as text: the one connected to, or tried last */
    char issuer[256]; /* common name of the issuer of the server's certificate; "" before TLS, and where it has none */
    char version[16]; /* of TLS */
    char why[256];    /* what went wrong, for a sentence */
} connection;

void connection_start(connection *c, int64_t milliseconds);
void connection_end(connection *c);
/* More time for the next steps. */
void connection_allow(connection *c, int64_t milliseconds);

/* connection.c */
bool connection_resolve(connection *c, const char *host, const char *port);
bool connection_connect(connection *c);
/* Wait until the socket can be read or written; false at the deadline. */
bool connection_wait(connection *c, bool to_write);
bool connection_send(connection *c, const char *bytes, size_t len);
/* Bytes read, 0 at the end, -1 with `why`. */
ssize_t connection_receive(connection *c, char *bytes, size_t size);

/* connection_tls.c: verified against @p ca_file, @p ca_pem or else the system's CA certificates, and @p name. */
bool connection_tls(connection *c, const char *name, const char *ca_file, const char *ca_pem);

/* connection_http.c: send a request and read the answer's head, and of its body at most @p limit bytes. Its status, or -1 with `why`. */
int connection_request(connection *c, const char *request, cli_text *head, cli_text *body, size_t limit);
/* Through a proxy for http (RFC 9110, section 9.3.6): from here on the other end is @p host. */
bool connection_tunnel(connection *c, const char *host, const char *port, const char *authorization);
/* The value of a field of such a head; owned, NULL where it is not there. */
char *connection_header(const cli_text *head, const char *name);
/* Seconds since 1970 of an HTTP-date (RFC 9110, section 5.6.7); -1: none. */
int64_t connection_date(const cli_text *head);

/* A URL of http or https in its parts, all owned; false where it is none. `port` is the scheme's where it has none; `path` begins with "/". */
typedef struct connection_url {
    char *host, *port, *path;
    char *authority; /* host and port as they stand there, for the field Host */
    char *user;      /* "name:password" without escapes, or NULL */
    bool secure;
} connection_url;
bool connection_url_read(const char *text, connection_url *url);
void connection_url_free(connection_url *url);

#endif
