/* SPDX-License-Identifier: MIT */
#include "http/url.h"

#include "base/limits.h"

#include <arpa/inet.h>
#include <netinet/in.h>

enum { HOST_BYTES = 253, LABEL_BYTES = 63 }; /* RFC 1035, section 2.3.4 */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_host_char(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
}

static bool starts_with(assay_span text, const char *prefix)
{
    size_t len = strlen(prefix);
    return text.len >= len && memcmp(text.ptr, prefix, len) == 0;
}

/* Encoded control bytes are as good as raw ones for whoever decodes the URL next (CWE-93). */
static bool is_escape(assay_span text, size_t at)
{
    if (at + 2 >= text.len || !is_hex(text.ptr[at + 1]) || !is_hex(text.ptr[at + 2]))
        return false;
    bool low = text.ptr[at + 1] == '0' || text.ptr[at + 1] == '1';
    bool del = text.ptr[at + 1] == '7' && (text.ptr[at + 2] == 'f' || text.ptr[at + 2] == 'F');
    return !low && !del;
}

static const char *check_characters(assay_span text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c <= ' ' || c > '~')
            return "the URL has a blank, a control byte or a character outside ASCII";
        if (c == '#')
            return "the URL has a fragment";
        if (c == '\\')
            return "the URL has a backslash";
        if (strchr("\"<>^`{|}", c) != NULL)
            return "the URL has a character that a URL can't have";
        if (c == '%' && !is_escape(text, i))
            return "the URL has a % that is not the escape of a printable character";
    }
    return NULL;
}

/* One octet of a dotted quad: decimal, no leading zero (inet_aton() would read it as octal). */
static bool take_octet(assay_span label, unsigned *octet)
{
    if (label.len == 0 || label.len > 3 || (label.len > 1 && label.ptr[0] == '0'))
        return false;
    *octet = 0;
    for (size_t i = 0; i < label.len; i++) {
        if (!is_digit(label.ptr[i]))
            return false;
        *octet = *octet * 10 + (unsigned)(label.ptr[i] - '0');
    }
    return *octet <= 255;
}

static bool next_label(assay_span *rest, assay_span *label)
{
    if (rest->ptr == NULL)
        return false;
    const char *dot = memchr(rest->ptr, '.', rest->len);
    size_t len = dot == NULL ? rest->len : (size_t)(dot - rest->ptr);
    *label = (assay_span){rest->ptr, len};
    *rest = dot == NULL ? (assay_span){NULL, 0} : (assay_span){dot + 1, rest->len - len - 1};
    return true;
}

static bool is_dotted_quad(assay_span host, unsigned octets[4])
{
    assay_span rest = host, label;
    unsigned count = 0;
    for (; next_label(&rest, &label); count++)
        if (count == 4 || !take_octet(label, &octets[count]))
            return false;
    return count == 4;
}

/* What inet_aton() and the WHATWG host parser would take for the last part of an IPv4 number. */
static bool looks_numeric(assay_span label)
{
    bool hex = starts_with(label, "0x") || starts_with(label, "0X");
    for (size_t i = hex ? 2 : 0; i < label.len; i++)
        if (!(hex ? is_hex(label.ptr[i]) : is_digit(label.ptr[i])))
            return false;
    return true;
}

static const char *check_name(assay_span host, assay_url *url)
{
    unsigned octets[4];
    if (is_dotted_quad(host, octets)) {
        url->loopback = octets[0] == 127;
        url->link_local = octets[0] == 169 && octets[1] == 254; /* RFC 3927 */
        return NULL;
    }
    if (host.len > HOST_BYTES)
        return "the URL's host is too long";
    assay_span rest = host, label = {NULL, 0};
    while (next_label(&rest, &label)) {
        if (label.len == 0)
            return "the URL's host has an empty label or ends in a dot";
        if (label.len > LABEL_BYTES)
            return "the URL's host has a label that is too long";
        for (size_t i = 0; i < label.len; i++)
            if (!is_host_char(label.ptr[i]))
                return "the URL's host has a character that a host name can't have";
    }
    if (looks_numeric(label))
        return "the URL's host is a number, but not an address of four decimal octets";
    url->loopback = assay_span_is_nocase(host, "localhost");
    return NULL;
}

static const char *check_ipv6(assay_span host, bool *loopback)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;
    if (host.len == 0 || host.len >= sizeof text)
        return "the URL's host is not an IPv6 address";
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    if (inet_pton(AF_INET6, text, &address) != 1)
        return "the URL's host is not an IPv6 address";
    *loopback = IN6_IS_ADDR_LOOPBACK(&address);
    return NULL;
}

static const char *take_port(assay_span text, uint16_t *port)
{
    static const char wrong[] = "the URL's port is not a number from 1 to 65535";
    unsigned value = 0;
    if (text.len == 0 || text.len > 5 || text.ptr[0] == '0')
        return wrong;
    for (size_t i = 0; i < text.len; i++) {
        if (!is_digit(text.ptr[i]))
            return wrong;
        value = value * 10 + (unsigned)(text.ptr[i] - '0');
    }
    if (value > 65535)
        return wrong;
    *port = (uint16_t)value;
    return NULL;
}

/* host [":" port] (RFC 3986, section 3.2), without the user information that phishing and SSRF live on. */
static const char *take_authority(assay_span authority, assay_url *url)
{
    if (authority.len == 0)
        return "the URL has no host";
    if (memchr(authority.ptr, '@', authority.len) != NULL)
        return "the URL has a user name or password";

    bool bracket = authority.ptr[0] == '[';
    char end = bracket ? ']' : ':';
    const char *stop = memchr(authority.ptr, end, authority.len);
    if (bracket && stop == NULL)
        return "the URL's host is not an IPv6 address";
    size_t host_end = stop == NULL ? authority.len : (size_t)(stop - authority.ptr);
    size_t after = bracket ? host_end + 1 : host_end;
    url->host = bracket ? (assay_span){authority.ptr + 1, host_end - 1} : (assay_span){authority.ptr, host_end};
    if (url->host.len == 0)
        return "the URL has no host";

    const char *problem = bracket ? check_ipv6(url->host, &url->loopback) : check_name(url->host, url);
    if (problem != NULL || after == authority.len)
        return problem;
    if (authority.ptr[after] != ':')
        return "the URL has something between its host and its port";
    return take_port((assay_span){authority.ptr + after + 1, authority.len - after - 1}, &url->port);
}

const char *assay_url_parse(const char *text, size_t len, assay_url *url)
{
    memset(url, 0, sizeof *url);
    assay_span all = {text, text == NULL ? 0 : len};
    if (all.len == 0)
        return "the URL is empty";
    if (all.len > ASSAY_LIMIT_URL_BYTES)
        return "the URL is too long";
    const char *problem = check_characters(all);
    if (problem != NULL)
        return problem;

    url->https = starts_with(all, "https://");
    if (!url->https && !starts_with(all, "http://"))
        return "the URL does not begin with https:// (in lower case)";
    url->port = url->https ? 443 : 80;
    size_t begin = url->https ? 8 : 7;
    size_t end = begin;
    while (end < all.len && all.ptr[end] != '/' && all.ptr[end] != '?')
        end++;
    problem = take_authority((assay_span){all.ptr + begin, end - begin}, url);
    if (problem != NULL)
        return problem;

    const char *query = memchr(all.ptr + end, '?', all.len - end);
    size_t path_end = query == NULL ? all.len : (size_t)(query - all.ptr);
    url->path = (assay_span){all.ptr + end, path_end - end};
    if (query != NULL)
        url->query = (assay_span){query + 1, all.len - path_end - 1};
    return NULL;
}

const char *assay_url_check_local_fetch(const char *text, size_t len, bool allow_loopback_http,
                                        bool allow_link_local_http)
{
    assay_url url;
    const char *problem = assay_url_parse(text, len, &url);
    if (problem != NULL || url.https)
        return problem;
    if (url.link_local && allow_link_local_http)
        return NULL;
    if (!url.loopback)
        return "the URL is not https";
    return allow_loopback_http ? NULL : "the URL is not https, and http on loopback is not allowed";
}

const char *assay_url_check_fetch(const char *text, size_t len, bool allow_loopback_http)
{
    return assay_url_check_local_fetch(text, len, allow_loopback_http, false);
}

const char *assay_url_check_issuer(const char *text, size_t len, bool allow_loopback_http)
{
    const char *problem = assay_url_check_fetch(text, len, allow_loopback_http);
    if (problem != NULL)
        return problem;
    /* An empty query counts too: the two spellings would be two issuers with one place. */
    return memchr(text, '?', len) == NULL ? NULL : "the issuer has a query";
}

bool assay_url_is_host_name(const char *name)
{
    assay_url url;
    unsigned octets[4];
    assay_span host = assay_span_of(name);
    return host.len > 0 && name[0] != '-' && !is_dotted_quad(host, octets) && check_name(host, &url) == NULL;
}

bool assay_url_host_is(const assay_url *url, const char *host)
{
    return assay_span_is_nocase(url->host, host);
}

bool assay_url_host_is_among(const assay_url *url, const char *const *hosts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (assay_url_host_is(url, hosts[i]))
            return true;
    return false;
}

bool assay_url_same_origin(const assay_url *a, const assay_url *b)
{
    return a->https == b->https && a->port == b->port && assay_span_equal_nocase(a->host, b->host);
}
