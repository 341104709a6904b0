/* SPDX-License-Identifier: MIT */
#include "connection.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define HEAD_BYTES ((size_t)32 << 10)

static const char *end_of_head(const cli_text *text)
{
    return text->ptr == NULL ? NULL : memmem(text->ptr, text->len, "\r\n\r\n", 4);
}

/* "HTTP/1.1 200 OK". */
static int status_of(const cli_text *head)
{
    if (head->len < 12 || strncmp(head->ptr, "HTTP/1.", 7) != 0 || head->ptr[8] != ' ')
        return -1;
    for (size_t i = 9; i < 12; i++)
        if (!isdigit((unsigned char)head->ptr[i]))
            return -1;
    return (head->ptr[9] - '0') * 100 + (head->ptr[10] - '0') * 10 + (head->ptr[11] - '0');
}

static bool read_head(connection *c, cli_text *head)
{
    char buffer[4096];
    while (end_of_head(head) == NULL) {
        ssize_t got = connection_receive(c, buffer, sizeof buffer);
        if (got > 0)
            cli_text_add(head, buffer, (size_t)got);
        if (got <= 0 || head->len > HEAD_BYTES) {
            if (got >= 0)
                (void)snprintf(c->why, sizeof c->why, "%s",
                               head->len == 0 ? "it ends the connection without an answer" : "what answers is no HTTP");
            return false;
        }
    }
    return true;
}

/* What came behind the head belongs to the body. */
static void split(cli_text *head, cli_text *body)
{
    size_t len = (size_t)(end_of_head(head) - head->ptr) + 4;
    cli_text_add(body, head->ptr + len, head->len - len);
    head->len = len;
    head->ptr[len] = '\0';
}

/* Until the end that the head tells, or the other end's; chunks are left as they are, since requests here are of HTTP/1.0. */
static void read_body(connection *c, const cli_text *head, cli_text *body, size_t limit)
{
    CLI_AUTO_FREE char *length = connection_header(head, "content-length");
    size_t wanted = length == NULL ? limit : (size_t)strtoul(length, NULL, 10);
    wanted = wanted < limit ? wanted : limit;
    char buffer[4096];
    while (body->len < wanted) {
        ssize_t got = connection_receive(c, buffer, sizeof buffer);
        if (got <= 0)
            break;
        cli_text_add(body, buffer, (size_t)got);
    }
    explicit_bzero(buffer, sizeof buffer);
}

int connection_request(connection *c, const char *request, cli_text *head, cli_text *body, size_t limit)
{
    c->why[0] = '\0';
    if (!connection_send(c, request, strlen(request)) || !read_head(c, head))
        return -1;
    split(head, body);
    int status = status_of(head);
    if (status < 0)
        (void)snprintf(c->why, sizeof c->why, "what answers is no HTTP");
    else
        read_body(c, head, body, limit);
    return status;
}

bool connection_tunnel(connection *c, const char *host, const char *port, const char *authorization)
{
    bool brackets = strchr(host, ':') != NULL;
    CLI_AUTO_FREE char *target = cli_format(brackets ? "[%s]:%s" : "%s:%s", host, port);
    CLI_AUTO_FREE char *encoded = NULL;
    if (authorization != NULL) {
        size_t len = strlen(authorization);
        encoded = cli_alloc(len / 3 * 4 + 5);
        (void)EVP_EncodeBlock((unsigned char *)encoded, (const unsigned char *)authorization, (int)len);
    }
    CLI_AUTO_FREE char *request = cli_format("CONNECT %s HTTP/1.1\r\nHost: %s\r\n%s%s%s\r\n", target, target,
                                             encoded == NULL ? "" : "Proxy-Authorization: Basic ",
                                             encoded == NULL ? "" : encoded, encoded == NULL ? "" : "\r\n");
    cli_text head = {0};
    c->why[0] = '\0';
    bool done = connection_send(c, request, strlen(request)) && read_head(c, &head);
    int status = done ? status_of(&head) : -1;
    if (done && (status < 200 || status > 299)) {
        (void)snprintf(c->why, sizeof c->why, "the proxy answered %d", status);
        done = false;
    }
    explicit_bzero(request, strlen(request));
    if (encoded != NULL)
        explicit_bzero(encoded, strlen(encoded));
    cli_text_free(&head);
    return done;
}

char *connection_header(const cli_text *head, const char *name)
{
    size_t len = strlen(name);
    const char *line = head->ptr;
    while (line != NULL && (line = strstr(line, "\r\n")) != NULL) {
        line += 2;
        if (strncasecmp(line, name, len) != 0 || line[len] != ':')
            continue;
        const char *value = line + len + 1;
        value += strspn(value, " \t");
        return cli_copy(value, strcspn(value, "\r\n"));
    }
    return NULL;
}

int64_t connection_date(const cli_text *head)
{
    CLI_AUTO_FREE char *text = connection_header(head, "date");
    struct tm parts = {0};
    if (text == NULL || strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &parts) == NULL)
        return -1;
    return (int64_t)timegm(&parts);
}

static int hex_digit(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10 : -1;
}

/* A password with "@" or "/" stands in a URL as %40 or %2F (RFC 3986, section 2.1), and goes to the proxy as it is. */
static char *without_escapes(const char *text, size_t len)
{
    char *out = cli_alloc(len + 1);
    size_t written = 0;
    for (size_t i = 0; i < len; i++) {
        int high = text[i] == '%' && i + 2 < len ? hex_digit(text[i + 1]) : -1;
        int low = high < 0 ? -1 : hex_digit(text[i + 2]);
        out[written++] = low < 0 ? text[i] : (char)(high * 16 + low);
        i += low < 0 ? 0 : 2;
    }
    return out;
}

static bool take_port(const char *text, size_t len)
{
    return len > 0 && len <= 5 && strspn(text, "0123456789") >= len;
}

/* A URL has neither white space nor control bytes (RFC 3986, section 2), and here they would end a line of the request. */
static bool is_plain(const char *text)
{
    for (const char *at = text; *at != '\0'; at++)
        if ((unsigned char)*at <= 0x20 || *at == 0x7f)
            return false;
    return true;
}

bool connection_url_read(const char *text, connection_url *url)
{
    *url = (connection_url){.secure = strncasecmp(text, "https://", 8) == 0};
    if (!is_plain(text) || (!url->secure && strncasecmp(text, "http://", 7) != 0))
        return false;
    const char *rest = text + (url->secure ? 8 : 7);
    size_t len = strcspn(rest, "/?#");
    const char *at = memrchr(rest, '@', len);
    const char *host = at == NULL ? rest : at + 1;
    size_t host_len = len - (size_t)(host - rest);
    /* [::1]:443 (RFC 3986, section 3.2.2). */
    const char *bracket = host[0] == '[' ? memchr(host, ']', host_len) : NULL;
    const char *colon = bracket != NULL ? (bracket[1] == ':' ? bracket + 1 : NULL) : memchr(host, ':', host_len);
    size_t name_len = bracket != NULL ? (size_t)(bracket - host) - 1
                      : colon != NULL ? (size_t)(colon - host)
                                      : host_len;
    if (name_len == 0 || (colon != NULL && !take_port(colon + 1, host_len - (size_t)(colon + 1 - host))))
        return false;
    url->host = cli_copy(bracket != NULL ? host + 1 : host, name_len);
    url->port = colon != NULL ? cli_copy(colon + 1, host_len - (size_t)(colon + 1 - host))
                              : cli_strdup(url->secure ? "443" : "80");
    url->path = rest[len] == '/' ? cli_copy(rest + len, strcspn(rest + len, "#")) : cli_strdup("/");
    url->authority = cli_copy(host, host_len);
    url->user = at == NULL ? NULL : without_escapes(rest, (size_t)(at - rest));
    return true;
}

void connection_url_free(connection_url *url)
{
    free(url->host);
    free(url->port);
    free(url->path);
    free(url->authority);
    if (url->user != NULL)
        explicit_bzero(url->user, strlen(url->user));
    free(url->user);
    *url = (connection_url){0};
}
