/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_HTTP_MESSAGE_H
#define ASSAY_HTTP_MESSAGE_H

/* A request and its answer as plain data: made by discovery/ and acquire/, carried by an engine or by the host. */

#include "base/failure.h"
#include "base/memory.h"

/* Whether the issuer's bearer token goes with a request. */
typedef enum assay_http_bearer {
    ASSAY_HTTP_BEARER_NONE,    /* there is none */
    ASSAY_HTTP_BEARER_SEND,    /* it is for this server */
    ASSAY_HTTP_BEARER_WITHHOLD /* it is not for this server */
} assay_http_bearer;

typedef struct assay_http_request {
    const char *url;           /* borrowed */
    const char *accept;        /* borrowed; value of Accept */
    const char *if_none_match; /* borrowed; entity tag, or NULL */
    assay_http_bearer bearer;  /* what an answer is judged by; what is sent is `authorization` */
    const char *authorization; /* borrowed; value of Authorization, a secret, or NULL */
    struct assay_http_ca *ca;  /* borrowed, as long as the settings are; NULL: that of the settings */
    size_t body_limit;         /* bytes; a longer answer is ASSAY_E_RESPONSE_SIZE */
    bool allow_loopback_http;
} assay_http_request;

typedef struct assay_http_response {
    int status;
    char *body; /* owned; terminated after body_len; NULL: empty */
    size_t body_len;
    char content_type[128];
    char etag[ASSAY_LIMIT_ETAG_BYTES + 1]; /* "" for none or for one too long */
    bool encoded;                          /* a Content-Encoding other than identity: never read */
    int64_t max_age;     /* seconds from Cache-Control, less Age; -1: none given; 0 for no-cache, no-store */
    int64_t age;         /* seconds from Age, already taken off max_age; -1: none given */
    int64_t retry_after; /* seconds; -1: none given */
    char *effective_url; /* owned; where the answer came from; NULL: the one asked */
} assay_http_response;

void assay_http_response_init(assay_http_response *response);
void assay_http_response_clear(assay_http_response *response);
/* Take in one header field, name and value as received. @p now_wall: seconds, for Retry-After as a date. Unknown ones are ignored. */
void assay_http_response_add_header(assay_http_response *response, const char *name, size_t name_len, const char *value,
                                    size_t value_len, int64_t now_wall);

/* An entity-tag (RFC 9110, section 8.8.3) that may be kept and sent back: well-formed and within ASSAY_LIMIT_ETAG_BYTES. */
bool assay_http_is_entity_tag(assay_span value);

#endif
