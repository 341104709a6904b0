/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_TESTS_DOCUMENT_SERVER_H
#define ASSAY_TESTS_DOCUMENT_SERVER_H

#include <pthread.h>

/* A server of two documents over plain HTTP, one connection after the other. */
typedef struct document_server {
    int fd;
    pthread_t thread;
    pthread_mutex_t lock; /* a document does not change while it is sent */
    char url[64];
    char *metadata, *keys;                 /* bodies */
    const char *metadata_head, *keys_head; /* status line and more headers */
    int metadata_requests, keys_requests, other_requests;
    char last[4096]; /* the last request */
} document_server;

/* Good documents at first: an ES256 key under /keys, and metadata of this very issuer. */
void document_server_start(document_server *at);
void document_server_stop(document_server *at);
/* Serve another body, which is taken over. */
void document_server_metadata(document_server *at, char *body);
void document_server_keys(document_server *at, char *body);

#endif
