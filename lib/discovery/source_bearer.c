/* SPDX-License-Identifier: MIT */
#include "discovery/source_state.h"
#include "http/url.h"

/*
 * Who gets the issuer's bearer token. What a document says must not be able to send it elsewhere, so only what was configured counts: the place of the
 * metadata, or of the key set where there is none, and the allowed hosts. Every URL that is fetched is https, or loopback where that was allowed.
 */

static bool is_configured_origin(const assay_source *source, const assay_url *url)
{
    assay_url home;
    const char *configured = source->metadata_url != NULL ? source->metadata_url : source->jwks_uri;
    return assay_url_parse(configured, strlen(configured), &home) == NULL && assay_url_same_origin(&home, url);
}

assay_http_bearer assay_source_bearer(const assay_source *source, const char *url)
{
    assay_url parsed;
    if (!source->with_bearer)
        return ASSAY_HTTP_BEARER_NONE;
    if (assay_url_parse(url, strlen(url), &parsed) != NULL)
        return ASSAY_HTTP_BEARER_WITHHOLD;
    bool known = is_configured_origin(source, &parsed) ||
                 assay_url_host_is_among(&parsed, (const char *const *)source->jwks_hosts, source->jwks_host_count);
    return known ? ASSAY_HTTP_BEARER_SEND : ASSAY_HTTP_BEARER_WITHHOLD;
}
