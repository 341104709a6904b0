/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_HTTP_H
#define EXAMPLES_HTTP_H

/*
 * As much HTTP/1.1 as the example servers need: requests without a body come in, small answers go out. A real service has the
 * parser of its web server.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HTTP_REQUEST_BYTES = 16384, /* longest request */
    HTTP_ANSWER_BYTES = 2560,   /* room for any answer */
    HTTP_IDLE_MS = 10000        /* longest that a client may take for a request, or to take its answer */
};

typedef struct http_request {
    const char *authorization; /* the header's value, not terminated; NULL: none */
    size_t authorization_len;
    bool keep_alive; /* the client may send another one */
    size_t len;      /* bytes of this one */
} http_request;

/* Look at what was received so far. 200: a whole request; 0: the rest is to come; otherwise the status to refuse it with. */
int http_parse(const char *bytes, size_t len, http_request *request);
/* Write an answer into HTTP_ANSWER_BYTES bytes; its length. @p www_authenticate "" and @p retry_after 0: no such header. */
size_t http_answer(char *out, int status, const char *www_authenticate, int64_t retry_after, const char *text,
                   bool keep_alive);

/* Listen on this port of 127.0.0.1 ("0": the kernel chooses) and print "listening on PORT"; a non-blocking socket, or -1. */
int http_listen(const char *port);

/* Write the answer to a request into HTTP_ANSWER_BYTES bytes; its length. */
typedef size_t (*http_handler)(void *user_data, const http_request *request, char *answer);
/* Answer the requests of one connection, which is non-blocking, one after the other, until the client has no more or @p stop is readable. Closes it. */
void http_serve(int fd, int stop, http_handler handler, void *user_data);
/* The next connection, non-blocking; -1: there will be none, since @p stop is readable. */
int http_accept(int listener, int stop);

#endif
