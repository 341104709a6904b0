/* SPDX-License-Identifier: MIT */
#include "http/tls_name.h"

#include "http/lines.h"

static const char scheme[] = "https://";

/* NAME:PORT:HOST:PORT, an IPv6 literal in brackets on the right. */
static int add_connect_to(assay_http_exchange *exchange, const char *name, assay_failure *failure)
{
    const assay_url *url = &exchange->url;
    bool v6 = memchr(url->host.ptr, ':', url->host.len) != NULL;
    ASSAY_CLEANUP(assay_buffer_clear) assay_buffer line = {.text = NULL};
    assay_buffer_format(&line, "%s:%u:%s", name, url->port, v6 ? "[" : "");
    assay_buffer_add(&line, url->host.ptr, url->host.len);
    assay_buffer_format(&line, "%s:%u", v6 ? "]" : "", url->port);
    if (!line.failed)
        exchange->connect_to = curl_slist_append(NULL, line.text);
    return exchange->connect_to != NULL ? ASSAY_OK : assay_fail(failure, ASSAY_E_MEMORY);
}

/* As the URL writes it: the server behind the address knows itself by that. */
static int add_host(assay_http_exchange *exchange, const char *authority, size_t len, assay_failure *failure)
{
    ASSAY_AUTO_RELEASE char *text = assay_memdup(authority, len);
    if (text == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    return assay_http_lines_add(&exchange->headers, "Host", text, failure);
}

int assay_http_tls_name_take(assay_http_exchange *exchange, const char *name, assay_buffer *target,
                             assay_failure *failure)
{
    const assay_url *url = &exchange->url;
    if (!url->https)
        return assay_fail_note(failure, ASSAY_E_ARGUMENT, "there is a name for TLS, but the URL is not https");
    if (!assay_url_is_host_name(name)) /* an address can't be asked for (RFC 6066, section 3) */
        return assay_fail_note(failure, ASSAY_E_ARGUMENT, "the name for TLS is not the name of a host");
    assay_buffer_format(target, "%s%s:%u", scheme, name, url->port);
    assay_buffer_put(target, url->path.ptr); /* and the query */
    if (target->failed)
        return assay_fail(failure, ASSAY_E_MEMORY);
    const char *authority = url->host.ptr[-1] == '[' ? url->host.ptr - 1 : url->host.ptr;
    int code = add_connect_to(exchange, name, failure);
    if (code == ASSAY_OK)
        code = add_host(exchange, authority, (size_t)(url->path.ptr - authority), failure);
    return code;
}
