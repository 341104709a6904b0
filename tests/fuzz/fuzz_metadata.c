/* SPDX-License-Identifier: MIT */

/*
 * A discovery document. The first line of the input, if it looks like a URL, is the issuer asked for; the rest is the document. What is accepted
 * is of that issuer, and its jwks_uri may be fetched.
 */
#include "discovery/metadata.h"
#include "http/url.h"

#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition) ((condition) ? (void)0 : die(#condition, __LINE__))

static void die(const char *condition, int line)
{
    fprintf(stderr, "fuzz_metadata.c:%d: %s\n", line, condition);
    abort();
}

/* The same document read by jansson alone. */
static void check_issuer(const char *text, size_t len, const char *issuer, const char *jwks_uri)
{
    size_t mark = len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    json_t *json = json_loadb(text + mark, len - mark, JSON_REJECT_DUPLICATES, NULL);
    MUST(json != NULL);
    const char *found = json_string_value(json_object_get(json, "issuer"));
    const char *uri = json_string_value(json_object_get(json, "jwks_uri"));
    MUST(found != NULL && strcmp(found, issuer) == 0);
    MUST(uri != NULL && strcmp(uri, jwks_uri) == 0);
    json_decref(json);
}

static void read_with(const char *issuer, bool loopback, bool listed, const char *text, size_t len)
{
    static const char *const hosts[] = {"keys.example", "localhost"};
    const assay_metadata_rules rules = {.issuer = issuer,
                                        .allow_loopback_http = loopback,
                                        .jwks_hosts = listed ? hosts : NULL,
                                        .jwks_host_count = listed ? 2 : 0};
    assay_failure failure;
    char *jwks_uri = NULL;
    assay_failure_clear(&failure);
    int code = assay_metadata_read(&rules, text, len, &jwks_uri, &failure);
    MUST((code == ASSAY_OK) == (jwks_uri != NULL));
    if (code == ASSAY_OK) {
        assay_url url;
        MUST(assay_url_check_fetch(jwks_uri, strlen(jwks_uri), loopback) == NULL);
        MUST(assay_url_parse(jwks_uri, strlen(jwks_uri), &url) == NULL);
        MUST(!listed || assay_url_host_is(&url, hosts[0]) || assay_url_host_is(&url, hosts[1]));
        check_issuer(text, len, issuer, jwks_uri);
    } else {
        MUST(code == ASSAY_E_METADATA || code == ASSAY_E_METADATA_ISSUER || code == ASSAY_E_JWKS_URI);
    }
    assay_release(jwks_uri);
}

/* The well-known URL of whatever may be an issuer is a URL that may be fetched, on the same host. */
static void check_well_known(const char *issuer)
{
    assay_url from, to;
    if (assay_url_check_issuer(issuer, strlen(issuer), true) != NULL || strlen(issuer) + 64 > ASSAY_LIMIT_URL_BYTES)
        return;
    MUST(assay_url_parse(issuer, strlen(issuer), &from) == NULL);
    char *made[] = {assay_metadata_url_openid(issuer), assay_metadata_url_oauth(issuer)};
    for (size_t i = 0; i < ASSAY_COUNT_OF(made); i++) {
        MUST(made[i] != NULL);
        MUST(assay_url_check_fetch(made[i], strlen(made[i]), true) == NULL);
        MUST(assay_url_parse(made[i], strlen(made[i]), &to) == NULL);
        MUST(assay_span_equal(from.host, to.host) && from.port == to.port && from.https == to.https);
        MUST(to.query.len == 0);
        assay_release(made[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char issuer[ASSAY_LIMIT_URL_BYTES + 1] = "https://issuer.example";
    const char *text = (const char *)data;
    const char *end = size >= 4 && memcmp(data, "http", 4) == 0 ? memchr(data, '\n', size) : NULL;
    if (end != NULL && (size_t)(end - text) < sizeof issuer && memchr(data, 0, (size_t)(end - text)) == NULL) {
        size_t len = (size_t)(end - text);
        memcpy(issuer, text, len);
        issuer[len] = '\0';
        text = end + 1;
        size -= len + 1;
    }
    check_well_known(issuer);
    for (int i = 0; i < 4; i++)
        read_with(issuer, (i & 1) != 0, (i & 2) != 0, text, size);
    return 0;
}
