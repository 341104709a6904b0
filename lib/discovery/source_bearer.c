/* SPDX-License-Identifier: MIT */
#include "discovery/source_state.h"
#include "http/url.h"

/*
 * Who gets the issuer's bearer token. What a document says must not be able to send it elsewhere, so only what was configured counts: the place of the
 * metadata, or of the key set where there is none, and the allowed hosts. Every URL that is fetched is https, or loopback where that was allowed.
 */

static bool is_same_host(const assay_url *a, const assay_url *b)
{
    char host[ASSAY_LIMIT_URL_BYTES + 1];
    if (b->host.len >= sizeof host)
        return false;
    memcpy(host, b->host.ptr, b->host.len);
    host[b->host.len] = '\0';
    return assay_url_host_is(a, host);
}

static bool is_configured_origin(const assay_source *source, const assay_url *url)
{
    assay_url home;
    const char *configured = source->metadata_url != NULL ? source->metadata_url : source->jwks_uri;
    return assay_url_parse(configured, strlen(configured), &home) == NULL && home.https == url->https &&
           home.port == url->port && is_same_host(&home, url);
}

static bool is_allowed_host(const assay_source *source, const assay_url *url)
{
    for (size_t i = 0; i < source->jwks_host_count; i++)
        if (assay_url_host_is(url, source->jwks_hosts[i]))
            return true;
    return false;
}

assay_http_bearer assay_source_bearer(const assay_source *source, const char *url)
{
    assay_url parsed;
    if (!source->with_bearer)
        return ASSAY_HTTP_BEARER_NONE;
    if (assay_url_parse(url, strlen(url), &parsed) != NULL)
        return ASSAY_HTTP_BEARER_WITHHOLD;
    return is_configured_origin(source, &parsed) || is_allowed_host(source, &parsed) ? ASSAY_HTTP_BEARER_SEND
                                                                                     : ASSAY_HTTP_BEARER_WITHHOLD;
}
