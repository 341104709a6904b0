/* SPDX-License-Identifier: MIT */
#include "discovery/metadata.h"

#include "http/url.h"
#include "json/document.h"

static const char slash_hint[] =
    "the two differ by a terminating slash alone: configure the issuer as the metadata spells it";

/* The parts one after the other, terminated. NULL: out of memory. */
static char *join(const assay_span *parts, size_t count)
{
    size_t len = 0;
    for (size_t i = 0; i < count; i++)
        len += parts[i].len;
    char *text = assay_alloc(len + 1);
    if (text == NULL)
        return NULL;
    char *at = text;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len > 0)
            memcpy(at, parts[i].ptr, parts[i].len);
        at += parts[i].len;
    }
    *at = '\0';
    return text;
}

static assay_span without_slash(assay_span text)
{
    if (text.len > 0 && text.ptr[text.len - 1] == '/')
        text.len--;
    return text;
}

char *assay_metadata_url_openid(const char *issuer)
{
    const assay_span parts[] = {without_slash(assay_span_of(issuer)),
                                assay_span_of("/.well-known/openid-configuration")};
    return join(parts, ASSAY_COUNT_OF(parts));
}

char *assay_metadata_url_oauth(const char *issuer)
{
    const char *authority = strstr(issuer, "://");
    const char *path = strchr(authority == NULL ? issuer : authority + 3, '/');
    size_t origin_len = path == NULL ? strlen(issuer) : (size_t)(path - issuer);
    const assay_span parts[] = {{issuer, origin_len},
                                assay_span_of("/.well-known/oauth-authorization-server"),
                                without_slash(assay_span_of(path))};
    return join(parts, ASSAY_COUNT_OF(parts));
}

static int check_issuer(const char *issuer, const assay_json *document, assay_failure *failure)
{
    assay_span found;
    if (!assay_json_get_member_string(document, "issuer", &found))
        return assay_fail_note(failure, ASSAY_E_METADATA, "it has no issuer, or one that is no text");
    assay_span expected = assay_span_of(issuer);
    if (assay_span_equal(expected, found))
        return ASSAY_OK;
    int code = assay_fail_found(failure, ASSAY_E_METADATA_ISSUER, issuer, found.ptr, found.len);
    if (failure != NULL && assay_span_equal(without_slash(expected), without_slash(found)))
        failure->hint = slash_hint;
    return code;
}

static bool is_allowed_host(const assay_metadata_rules *rules, const assay_url *url)
{
    return rules->jwks_hosts == NULL || assay_url_host_is_among(url, rules->jwks_hosts, rules->jwks_host_count);
}

int assay_metadata_check_jwks_uri(const assay_metadata_rules *rules, assay_span uri, assay_failure *failure)
{
    assay_url url;
    const char *problem = assay_url_check_fetch(uri.ptr, uri.len, rules->allow_loopback_http);
    int code = problem == NULL ? ASSAY_OK : ASSAY_E_JWKS_URI;
    if (problem == NULL && assay_url_parse(uri.ptr, uri.len, &url) == NULL && !is_allowed_host(rules, &url)) {
        problem = "its host is not one of those allowed";
        code = ASSAY_E_JWKS_URI;
    }
    if (code == ASSAY_OK || failure == NULL)
        return code;
    assay_fail_note(failure, code, "%s", problem);
    assay_text_escape(uri.ptr, uri.len, failure->found, sizeof failure->found);
    return code;
}

int assay_metadata_read(const assay_metadata_rules *rules, const char *text, size_t len, char **jwks_uri,
                        assay_failure *failure)
{
    ASSAY_AUTO_JSON assay_json *document = NULL;
    char problem[128] = "";
    assay_span uri;
    *jwks_uri = NULL;

    int code = assay_json_parse(text, len, &document, problem, sizeof problem);
    if (code == ASSAY_E_MEMORY)
        return assay_fail(failure, code);
    if (code != ASSAY_OK)
        return assay_fail_note(failure, ASSAY_E_METADATA, "%s", problem);
    if (!assay_json_is_object(document))
        return assay_fail_note(failure, ASSAY_E_METADATA, "it is no JSON object");

    code = check_issuer(rules->issuer, document, failure); /* RFC 8414, section 3.3; OIDC Discovery, section 4.3 */
    if (code != ASSAY_OK)
        return code;
    if (!assay_json_get_member_string(document, "jwks_uri", &uri))
        return assay_fail_note(failure, ASSAY_E_JWKS_URI, "the metadata has no jwks_uri, or one that is no text");
    code = assay_metadata_check_jwks_uri(rules, uri, failure);
    if (code != ASSAY_OK)
        return code;
    *jwks_uri = assay_memdup(uri.ptr, uri.len);
    return assay_fail(failure, *jwks_uri == NULL ? ASSAY_E_MEMORY : ASSAY_OK);
}
