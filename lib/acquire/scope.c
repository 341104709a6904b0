/* SPDX-License-Identifier: MIT */
#include "acquire/token_request.h"

#include "base/list.h"

/* What a token is for, as Entra's v2 endpoint wants it (Microsoft, "Scopes and permissions", the .default scope). */

static const char suffix[] = "/.default";
#define SUFFIX_LEN (sizeof suffix - 1)

static bool ends_in_default(assay_span text)
{
    return text.len >= SUFFIX_LEN && memcmp(text.ptr + text.len - SUFFIX_LEN, suffix, SUFFIX_LEN) == 0;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* RFC 3986, section 3: a scheme, a colon and something after it. */
static bool is_uri(assay_span text)
{
    size_t at = 0;
    while (at < text.len && (is_letter(text.ptr[at]) ||
                             (at > 0 && text.ptr[at] != '\0' && strchr("0123456789+-.", text.ptr[at]) != NULL)))
        at++;
    return at > 0 && at + 1 < text.len && text.ptr[at] == ':';
}

/* RFC 6749, section 3.3: printable ASCII but for the quote and the backslash; blanks separate scopes. */
static int check_bytes(assay_span text, assay_failure *failure)
{
    if (text.len == 0)
        return assay_fail_note(failure, ASSAY_E_CONFIG_SCOPE, "it is empty");
    if (text.len > ASSAY_LIMIT_SCOPE_BYTES)
        return assay_fail_note(failure, ASSAY_E_CONFIG_SCOPE, "it is longer than %d bytes", ASSAY_LIMIT_SCOPE_BYTES);
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == ' ')
            return assay_fail_note(failure, ASSAY_E_CONFIG_SCOPE,
                                   "there is a blank in it, but a token is for one resource");
        if (c < 0x21 || c > 0x7e || c == '"' || c == '\\')
            return assay_fail_note(failure, ASSAY_E_CONFIG_SCOPE,
                                   "byte %zu is not one that a scope may have (RFC 6749, section 3.3)", i + 1);
    }
    return ASSAY_OK;
}

int assay_scope_normalise(const char *text, const assay_entra_cloud *cloud, char **scope, assay_failure *failure)
{
    *scope = NULL;
    char named[ASSAY_ENTRA_RESOURCE_BYTES];
    assay_span resource = assay_span_of(text);
    int code = check_bytes(resource, failure);
    if (code != ASSAY_OK)
        return code;
    if (assay_entra_resource(cloud, resource, named))
        resource = assay_span_of(named);

    bool whole = ends_in_default(resource);
    assay_span bare = {resource.ptr, resource.len - (whole ? SUFFIX_LEN : 0)};
    assay_guid guid;
    if (!is_uri(bare) && !assay_guid_read(bare, true, &guid))
        return assay_fail_found(
            failure, ASSAY_E_CONFIG_SCOPE,
            "a URI or client id, with or without /.default, or one of keyvault, storage, sql, postgres, "
            "mysql, servicebus, eventhubs, arm, graph, aks, arc",
            resource.ptr, resource.len);
    assay_buffer made = {NULL, 0, 0, false};
    /* Literally: the slash at the end of "https://database.windows.net/" belongs to the resource, and to the token's `aud`. */
    assay_buffer_add(&made, resource.ptr, resource.len);
    if (!whole)
        assay_buffer_put(&made, suffix);
    if (made.failed) {
        assay_buffer_clear(&made);
        return assay_fail(failure, ASSAY_E_MEMORY);
    }
    *scope = made.text;
    return ASSAY_OK;
}

/* "https://host", "https://host/" or "api://id": nothing of it can be a scope's own name. */
static bool is_bare_resource(assay_span text)
{
    static const char mark[] = "://";
    const char *host = memmem(text.ptr, text.len, mark, sizeof mark - 1);
    if (host == NULL || !is_uri(text))
        return false;
    host += sizeof mark - 1;
    const char *slash = memchr(host, '/', (size_t)(text.ptr + text.len - host));
    return slash == NULL || slash + 1 == text.ptr + text.len;
}

/* Scopes with one blank between two (RFC 6749, section 3.3). */
static int check_list(assay_span text, assay_failure *failure)
{
    for (size_t at = 0; at <= text.len;) {
        const char *blank = memchr(text.ptr + at, ' ', text.len - at);
        size_t len = blank == NULL ? text.len - at : (size_t)(blank - text.ptr) - at;
        int code = check_bytes((assay_span){text.ptr + at, len}, failure);
        if (code != ASSAY_OK)
            return code;
        at += len + 1;
    }
    return ASSAY_OK;
}

int assay_scope_delegated(const char *text, const assay_entra_cloud *cloud, char **scope, assay_failure *failure)
{
    *scope = NULL;
    char named[ASSAY_ENTRA_RESOURCE_BYTES];
    assay_guid guid;
    assay_span all = assay_span_of(text);
    if (assay_entra_resource(cloud, all, named) || is_bare_resource(all) || assay_guid_read(all, true, &guid))
        return assay_scope_normalise(text, cloud, scope, failure);
    int code = check_list(all, failure);
    if (code != ASSAY_OK)
        return code;
    *scope = assay_strdup(text);
    return assay_fail(failure, *scope == NULL ? ASSAY_E_MEMORY : ASSAY_OK);
}

char *assay_scope_resource(const char *scope)
{
    assay_span text = assay_span_of(scope);
    return assay_memdup(text.ptr, text.len - (ends_in_default(text) ? SUFFIX_LEN : 0));
}

const char *assay_scope_exchange_audience(const assay_entra_cloud *cloud)
{
    const assay_entra_cloud *of = cloud != NULL ? cloud : assay_entra_find_cloud(assay_span_of("public"));
    return of->exchange;
}
