/* SPDX-License-Identifier: MIT */
#include "http/options.h"

#ifndef ASSAY_VERSION
#define ASSAY_VERSION "0"
#endif
static const char user_agent[] = "assay/" ASSAY_VERSION;

#define SET ASSAY_HTTP_SET

CURLcode assay_http_options_limits(CURL *easy, const char *url, int64_t timeout_ms, size_t body_limit)
{
    CURLcode result = CURLE_OK;
    long timeout = timeout_ms < ASSAY_LIMIT_CALL_TIMEOUT_MS ? (long)timeout_ms : (long)ASSAY_LIMIT_CALL_TIMEOUT_MS;
    SET(CURLOPT_URL, url);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_REDIR_PROTOCOLS_STR, "https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_PATH_AS_IS, 1L); /* what was checked is what is asked */
    SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(CURLOPT_QUICK_EXIT, 1L); /* without it a hung resolver outlasts the deadline */
    SET(CURLOPT_TIMEOUT_MS, timeout);
    SET(CURLOPT_CONNECTTIMEOUT_MS, timeout);
    SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)body_limit);
    SET(CURLOPT_HTTP09_ALLOWED, 0L);
    SET(CURLOPT_ACCEPT_ENCODING, NULL);
    SET(CURLOPT_USERAGENT, user_agent);
    return result;
}

CURLcode assay_http_options_method(CURL *easy, const assay_http_request *request)
{
    CURLcode result = CURLE_OK;
    if (!assay_http_request_is_post(request))
        return result;
    SET(CURLOPT_POST, 1L);
    SET(CURLOPT_POSTFIELDS, request->body != NULL ? request->body : ""); /* not copied */
    SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_len);
    return result;
}

/* Called with the SSL_CTX of each new connection, that to a proxy too. */
static CURLcode on_tls(CURL *easy, void *ssl_ctx, void *user_data)
{
    const assay_http_exchange *exchange = user_data;
    (void)easy;
    return assay_trust_apply(exchange->trust, ssl_ctx) ? CURLE_OK : CURLE_OUT_OF_MEMORY;
}

/*
 * The store replaces whatever curl would read. curl must not know any certificate itself, and yet not take over a connection that was
 * checked against others: it compares the folders, so each store has a name there.
 */
static CURLcode set_trust(CURL *easy, assay_http_exchange *exchange)
{
    CURLcode result = CURLE_OK;
    SET(CURLOPT_CAINFO, NULL);
    SET(CURLOPT_CAPATH, assay_trust_label(exchange->trust));
    SET(CURLOPT_PROXY_CAINFO, NULL);
    SET(CURLOPT_PROXY_CAPATH, assay_trust_label(exchange->trust));
    SET(CURLOPT_SSL_CTX_FUNCTION, on_tls);
    SET(CURLOPT_SSL_CTX_DATA, exchange);
    return result;
}

/* For a TLS library that is not ours. A given CA stands alone: the system's file and folder are switched off. */
static CURLcode set_ca(CURL *easy, const assay_http_ca *ca)
{
    CURLcode result = CURLE_OK;
    if (ca->pem == NULL)
        return result;
    struct curl_blob blob = {ca->pem, ca->len, CURL_BLOB_NOCOPY};
    SET(CURLOPT_CAINFO, NULL);
    SET(CURLOPT_CAPATH, NULL);
    SET(CURLOPT_CAINFO_BLOB, &blob);
    SET(CURLOPT_PROXY_CAINFO, NULL);
    SET(CURLOPT_PROXY_CAPATH, NULL);
    SET(CURLOPT_PROXY_CAINFO_BLOB, &blob);
    return result;
}

CURLcode assay_http_options_tls(CURL *easy, assay_http_exchange *exchange, const assay_http_ca *ca)
{
    CURLcode result = CURLE_OK;
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_PROXY_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_PROXY_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_PROXY_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (result != CURLE_OK)
        return result;
    return exchange->trust != NULL ? set_trust(easy, exchange) : set_ca(easy, ca);
}

CURLcode assay_http_options_proxy(CURL *easy, const assay_http_settings *settings, bool direct)
{
    CURLcode result = CURLE_OK;
    bool configured = !direct && settings->proxy != NULL;
    if (!direct && !configured && settings->environment_proxy)
        return result;
    SET(CURLOPT_PROXY, configured ? settings->proxy : "");
    SET(CURLOPT_NOPROXY, configured && settings->no_proxy != NULL ? settings->no_proxy : "");
    return result;
}
