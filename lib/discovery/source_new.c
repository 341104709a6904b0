/* SPDX-License-Identifier: MIT */
#include "discovery/metadata.h"
#include "discovery/record_frame.h"
#include "discovery/source_state.h"
#include "http/url.h"

/* Making a key source from its configuration. */

bool assay_source_copy_text(const char *text, char **copy)
{
    *copy = text == NULL ? NULL : assay_strdup(text);
    return text == NULL || *copy != NULL;
}

static bool copy_hosts(assay_source *source, const assay_source_config *config)
{
    if (config->jwks_hosts == NULL)
        return true;
    source->jwks_hosts = assay_zalloc_array(config->jwks_host_count + 1, sizeof *source->jwks_hosts);
    if (source->jwks_hosts == NULL)
        return false;
    for (size_t i = 0; i < config->jwks_host_count; i++) {
        source->jwks_hosts[i] = assay_strdup(config->jwks_hosts[i]);
        if (source->jwks_hosts[i] == NULL)
            return false;
        source->jwks_host_count++;
    }
    return true;
}

/* Where the metadata lies: computed or given; NULL in the modes that have none. False: out of memory. */
static bool find_metadata_url(assay_source *source, const assay_source_config *config)
{
    switch (config->mode) {
    case ASSAY_SOURCE_OPENID:
        source->metadata_url = assay_metadata_url_openid(config->issuer);
        return source->metadata_url != NULL;
    case ASSAY_SOURCE_OAUTH:
        source->metadata_url = assay_metadata_url_oauth(config->issuer);
        return source->metadata_url != NULL;
    case ASSAY_SOURCE_URL:
        return assay_source_copy_text(config->metadata_url, &source->metadata_url);
    default:
        return true;
    }
}

/* Which CAs an issuer has of its own is only compared. */
static int digest_ca(assay_source *source, const assay_source_config *config)
{
    char hex[65];
    if (config->ca.len == 0)
        return ASSAY_OK;
    int code = assay_record_digest(config->crypto, config->ca, hex);
    if (code != ASSAY_OK)
        return code;
    return assay_source_copy_text(hex, &source->ca) ? ASSAY_OK : ASSAY_E_MEMORY;
}

static bool may_fetch(const char *url, bool allow_loopback_http)
{
    return url != NULL && assay_url_check_fetch(url, strlen(url), allow_loopback_http) == NULL;
}

static int check_config(const assay_source_config *config)
{
    bool http = config->allow_loopback_http;
    switch (config->mode) {
    case ASSAY_SOURCE_OPENID:
    case ASSAY_SOURCE_OAUTH:
        if (config->issuer == NULL || assay_url_check_issuer(config->issuer, strlen(config->issuer), http) != NULL)
            return ASSAY_E_CONFIG_ISSUER;
        return ASSAY_OK;
    case ASSAY_SOURCE_URL:
        if (config->issuer == NULL)
            return ASSAY_E_CONFIG_ISSUER;
        return may_fetch(config->metadata_url, http) ? ASSAY_OK : ASSAY_E_CONFIG_URL;
    case ASSAY_SOURCE_JWKS:
        return may_fetch(config->jwks_uri, http) ? ASSAY_OK : ASSAY_E_CONFIG_URL;
    case ASSAY_SOURCE_STATIC:
        return ASSAY_OK;
    }
    return ASSAY_E_ARGUMENT;
}

int assay_source_new(const assay_source_config *config, assay_source **source)
{
    *source = NULL;
    int code = check_config(config);
    if (code != ASSAY_OK)
        return code;
    ASSAY_CLEANUP(assay_source_free_p) assay_source *made = assay_zalloc(sizeof *made);
    if (made == NULL)
        return ASSAY_E_MEMORY;
    made->mode = config->mode;
    made->allow_loopback_http = config->allow_loopback_http;
    made->with_bearer = config->with_bearer;
    made->retention_ms = config->retention_ms;
    made->hard_limit_ms = config->hard_limit_ms;
    made->crypto = assay_crypto_ref(config->crypto);
    made->random = config->seed;
    made->keys_max_age = made->taken_stamp = -1;
    made->succeeded_at = INT64_MIN;
    made->due_at = made->expires_at = made->metadata_due_at = INT64_MIN;
    made->backoff_until = made->unknown_kid_stamp = INT64_MIN;
    assay_key_set_init(&made->served);
    bool copied = assay_source_copy_text(config->issuer, &made->issuer) && copy_hosts(made, config) &&
                  find_metadata_url(made, config);
    if (copied && config->mode == ASSAY_SOURCE_JWKS)
        copied = assay_source_copy_text(config->jwks_uri, &made->jwks_uri);
    if (!copied)
        return ASSAY_E_MEMORY;
    code = digest_ca(made, config);
    if (code != ASSAY_OK)
        return code;
    /* The well-known path can make a URL of a fitting issuer too long. */
    if (made->metadata_url != NULL && !may_fetch(made->metadata_url, made->allow_loopback_http))
        return ASSAY_E_CONFIG_ISSUER;
    *source = ASSAY_STEAL(made);
    return ASSAY_OK;
}

void assay_source_free(assay_source *source)
{
    if (source == NULL)
        return;
    assay_source_clear_keys(source);
    for (size_t i = 0; i < source->jwks_host_count; i++)
        assay_release(source->jwks_hosts[i]);
    assay_release(source->jwks_hosts);
    assay_release(source->issuer);
    assay_release(source->ca);
    assay_release(source->metadata_url);
    assay_release(source->jwks_uri);
    assay_release(source->metadata_etag);
    assay_release(source->keys_etag);
    assay_release(source->last_failure);
    assay_crypto_unref(source->crypto);
    assay_release(source);
}
