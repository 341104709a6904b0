/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_HTTP_URL_H
#define ASSAY_HTTP_URL_H

/* Which URLs may be fetched at all. Strict on purpose: two parsers that read one URL differently are an SSRF. */

#include "base/text.h"

typedef struct assay_url {
    bool https;
    bool loopback;   /* the host is 127.0.0.0/8, [::1] or localhost */
    bool link_local; /* the host is an address of 169.254.0.0/16, spelled out */
    assay_span host; /* as written; without brackets for IPv6 */
    uint16_t port;
    assay_span path;  /* from the first "/", without query; empty if there is none */
    assay_span query; /* without "?" */
} assay_url;

/*
 * Take apart an absolute http or https URL: lower-case scheme, host of letters, digits, "-", "." or "_" (no empty label, no trailing dot), a dotted quad of
 * four plain decimal octets, or an IPv6 literal in brackets; port 1 to 65535 without leading zeros; nothing but printable ASCII without space, quote, "<", ">", "\", "^", "`", "{", "|", "}"; "%" only before two hex digits,
 * and not for a control byte (%00, %0d).
 * Refused: user info, fragment, a host that a lenient parser would read as a number (0x7f.1, 2130706433), backslashes, control bytes, more than ASSAY_LIMIT_URL_BYTES.
 * NULL: fine. Otherwise a static sentence saying what is wrong.
 */
const char *assay_url_parse(const char *text, size_t len, assay_url *url);

/* May keys or metadata be fetched from here: https, or http on loopback where that was allowed. NULL, or what is wrong. */
const char *assay_url_check_fetch(const char *text, size_t len, bool allow_loopback_http);
/* The same for a request that may also go to a link-local address over http, where that was allowed. */
const char *assay_url_check_local_fetch(const char *text, size_t len, bool allow_loopback_http,
                                        bool allow_link_local_http);
/* The same for an issuer identifier, which has no query either (OIDC Discovery, section 2; RFC 8414, section 2). */
const char *assay_url_check_issuer(const char *text, size_t len, bool allow_loopback_http);
/* Whether a text is the name of a host by the rules for that of a URL, and no address. */
bool assay_url_is_host_name(const char *name);
/* Same host, compared without regard to case. */
bool assay_url_host_is(const assay_url *url, const char *host);
/* The host is one of these. */
bool assay_url_host_is_among(const assay_url *url, const char *const *hosts, size_t count);
/* Same scheme, host and port (RFC 6454, section 5). */
bool assay_url_same_origin(const assay_url *a, const assay_url *b);

#endif
