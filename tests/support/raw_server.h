/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_TESTS_RAW_SERVER_H
#define ASSAY_TESTS_RAW_SERVER_H

/*
 * A server on loopback that answers every connection with bytes from a script, right or wrong, in a thread of its own. With a certificate it
 * speaks TLS. Everything ends the test program on failure of its own.
 */

#include <stdbool.h>
#include <stddef.h>

/* Where the server breaks the connection off with a reset. */
typedef enum raw_reset {
    RAW_RESET_NEVER,
    RAW_RESET_ACCEPTED, /* at once */
    RAW_RESET_HELLO,    /* when the client has sent something, before any TLS */
    RAW_RESET_REQUEST,  /* when the request has been read */
    RAW_RESET_ANSWERED  /* when everything of the script has been sent */
} raw_reset;

typedef struct raw_script {
    const char *head;  /* sent first; NULL: nothing */
    const char *chunk; /* sent after it, `times` times; NULL: nothing */
    size_t times;
    int pause_ms;                  /* before each chunk */
    bool hold;                     /* keep the connection open until the client closes it */
    bool silent;                   /* accept nothing: connections stay in the backlog */
    const char *certificate, *key; /* files in PEM: TLS */
    raw_reset reset;
    bool ipv6;       /* listens on ::1, and only there */
    int tls_version; /* the most that is spoken (OpenSSL's number); 0: any */
} raw_script;

typedef struct raw_server raw_server;

/* Whether a server with `ipv6` can be had. */
bool raw_server_has_ipv6(void);
raw_server *raw_server_start(const raw_script *script);
void raw_server_stop(raw_server *server);
int raw_server_port(const raw_server *server);
/* Connections taken so far, and the last request, head and body; read it after the client is done. */
int raw_server_connections(const raw_server *server);
const char *raw_server_request(const raw_server *server);
size_t raw_server_request_len(const raw_server *server);
/* The name that the last client of TLS asked for; "" for none. */
const char *raw_server_name(const raw_server *server);

#endif
