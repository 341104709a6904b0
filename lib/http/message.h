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

/* One more header field of a request. */
typedef struct assay_http_field {
    const char *name, *value;
} assay_http_field;

/* All texts are borrowed. What is zero is not there; NULL for `method` is GET. */
typedef struct assay_http_request {
    const char *method; /* "GET" or "POST" */
    const char *url;
    const char *accept;        /* value of Accept */
    const char *if_none_match; /* entity tag */
    assay_http_bearer bearer;  /* what an answer is judged by; what is sent is `authorization` */
    const char *authorization; /* value of Authorization, a secret */
    const char *content_type;
    const char *body; /* of a POST, a secret: sent as it is, never copied by us; outlives the transfer */
    size_t body_len;
    const assay_http_field *fields; /* further ones; their values may be secrets */
    size_t field_count;
    struct assay_http_ca *ca; /* as long as the settings are; NULL: that of the settings */
    /*
     * A server behind another's address: the name that TLS asks for and that the certificate must carry, instead of the URL's host. Connected
     * to are the URL's host and port all the same, without a proxy, and Host is as the URL writes it. Of https only.
     */
    const char *tls_name;
    size_t body_limit; /* bytes; a longer answer is ASSAY_E_RESPONSE_SIZE */
    bool allow_loopback_http;
    bool
        allow_link_local_http; /* http to an IPv4 address of 169.254.0.0/16 that is spelled out: metadata services of clouds */
    bool direct;               /* through no proxy, whatever is configured */
} assay_http_request;

/* Not of a method that is unknown. */
static inline bool assay_http_request_is_post(const assay_http_request *request)
{
    return request->method != NULL && strcmp(request->method, "POST") == 0;
}

typedef struct assay_http_response {
    int status;
    char *body; /* owned; terminated after body_len; NULL: empty. May hold a token. */
    size_t body_len, body_room;
    char content_type[128];
    char etag[ASSAY_LIMIT_ETAG_BYTES + 1]; /* "" for none or for one too long */
    bool encoded;                          /* a Content-Encoding other than identity: never read */
    int64_t max_age;        /* seconds from Cache-Control, less Age; -1: none given; 0 for no-cache, no-store */
    int64_t age;            /* seconds from Age, already taken off max_age; -1: none given */
    int64_t retry_after;    /* seconds; -1: none given */
    int64_t retry_after_ms; /* milliseconds, from fields of Azure's own; -1: none given */
    int64_t date;           /* the server's clock, seconds since 1970; -1: none given */
    char *www_authenticate; /* owned; the first one; NULL: none given, or longer than ASSAY_LIMIT_CHALLENGE_BYTES */
    bool challenged;        /* one was given, usable or not */
    char *effective_url;    /* owned; where the answer came from; NULL: the one asked */
} assay_http_response;

void assay_http_response_init(assay_http_response *response);
/* The body is wiped. */
void assay_http_response_clear(assay_http_response *response);
/* Append to the body; what it outgrows is wiped. False: out of memory, nothing changed. */
bool assay_http_response_add_body(assay_http_response *response, const char *bytes, size_t len);
/*
 * Take in one header field, name and value as received. @p now_wall: seconds, for Retry-After as a date. Unknown ones are ignored. False: out
 * of memory, the field is missing.
 */
bool assay_http_response_add_header(assay_http_response *response, const char *name, size_t name_len, const char *value,
                                    size_t value_len, int64_t now_wall);

/* An entity-tag (RFC 9110, section 8.8.3) that may be kept and sent back: well-formed and within ASSAY_LIMIT_ETAG_BYTES. */
bool assay_http_is_entity_tag(assay_span value);

#endif
