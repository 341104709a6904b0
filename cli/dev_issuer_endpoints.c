/* SPDX-License-Identifier: MIT */
/* The endpoints that give tokens: which path is which, and what is common to them. */

#include "dev_issuer_tokens.h"

#include <string.h>

static const dev_endpoint endpoints[] = {
    {"POST", "/{}/oauth2/v2.0/token", DEV_TOKEN, DEV_STAT_TOKEN, DEV_ENTRA_SHAPE, dev_serve_entra_token},
    {"POST", "/token", DEV_TOKEN, DEV_STAT_OAUTH, DEV_PLAIN_SHAPE, dev_serve_oauth_token},
    {"POST", "/v1/token", DEV_TOKEN, DEV_STAT_GOOGLE, DEV_PLAIN_SHAPE, dev_serve_google},
    {"POST", "/v1/projects/-/serviceAccounts/{}", DEV_TOKEN, DEV_STAT_IMPERSONATION, DEV_PLAIN_SHAPE,
     dev_serve_impersonation},
    {"GET", "/metadata/identity/oauth2/token", DEV_IMDS, DEV_STAT_IMDS, DEV_ENTRA_SHAPE, dev_serve_imds},
    {"GET", "/msi/token", DEV_IMDS, DEV_STAT_APP_SERVICE, DEV_ENTRA_SHAPE, dev_serve_app_service},
    {"POST", "/cloudshell/token", DEV_IMDS, DEV_STAT_CLOUD_SHELL, DEV_ENTRA_SHAPE, dev_serve_cloud_shell},
    {"GET", "/github/token", DEV_OIDC_REQUEST, DEV_STAT_GITHUB, DEV_ANY_SHAPE, dev_serve_github},
    {"POST", "/pipelines/token", DEV_OIDC_REQUEST, DEV_STAT_PIPELINES, DEV_ANY_SHAPE, dev_serve_pipelines},
};

const dev_endpoint *dev_endpoint_at(size_t index)
{
    return index < CLI_COUNT_OF(endpoints) ? &endpoints[index] : NULL;
}

/* The segment at "{}" of a pattern that fits; NULL where it does not. */
static char *match(const char *pattern, const char *path)
{
    const char *place = strstr(pattern, "{}");
    if (place == NULL)
        return strcmp(pattern, path) == 0 ? cli_strdup("") : NULL;
    size_t before = (size_t)(place - pattern);
    if (strncmp(pattern, path, before) != 0)
        return NULL;
    size_t len = strcspn(path + before, "/");
    bool whole = len > 0 && strcmp(path + before + len, place + 2) == 0;
    return whole ? cli_copy(path + before, len) : NULL;
}

bool dev_endpoint_is_there(const dev_issuer *issuer, const dev_endpoint *endpoint)
{
    switch (endpoint->where) {
    case DEV_ENTRA_SHAPE:
        return issuer->tenant != NULL;
    case DEV_PLAIN_SHAPE:
        return issuer->tenant == NULL && !issuer->kubernetes;
    default:
        return true;
    }
}

/* Paths of Entra begin with their tenant; the others are known at the root and under the issuer's path. */
const dev_endpoint *dev_endpoint_find(const dev_issuer *issuer, const char *url, char **segment, bool *proxied)
{
    const char *behind = dev_proxy_below(issuer, url);
    const char *path = issuer->tenant == NULL ? dev_path_below(issuer, url) : behind;
    *segment = NULL;
    *proxied = false;
    for (size_t i = 0; i < CLI_COUNT_OF(endpoints); i++) {
        if (!dev_endpoint_is_there(issuer, &endpoints[i]))
            continue;
        /* MSAL for Node ends IMDS's path in a slash where its host is not the usual one. */
        size_t len = strlen(path);
        bool slash = endpoints[i].target == DEV_IMDS && len > 1 && path[len - 1] == '/';
        CLI_AUTO_FREE char *plain = cli_copy(path, slash ? len - 1 : len);
        *segment = match(endpoints[i].pattern, plain);
        if (*segment == NULL)
            continue;
        /* A proxy at the root stands before Entra's own paths. */
        *proxied = endpoints[i].stat == DEV_STAT_TOKEN && issuer->proxy_path != NULL &&
                   (behind != url || issuer->proxy_path[0] == '\0');
        return &endpoints[i];
    }
    return NULL;
}

static void refuse_method(dev_call *call, const char *allowed)
{
    CLI_CLEANUP(json_decref_p)
    json_t *document = json_pack("{s:s, s:s}", "error", "invalid_request", "error_description", "not with this method");
    dev_reply_json(call->reply, MHD_HTTP_METHOD_NOT_ALLOWED, document);
    dev_reply_header(call->reply, MHD_HTTP_HEADER_ALLOW, allowed);
}

void dev_endpoint_serve(const dev_endpoint *endpoint, dev_call *call)
{
    bool post = strcmp(endpoint->method, "POST") == 0;
    call->stat = call->proxied ? DEV_STAT_PROXY : endpoint->stat;
    call->fault = dev_fault_take(call->issuer, endpoint->target);
    if (post)
        dev_form_read(call->connection, call->body, &call->form);
    else
        dev_query_read(call->connection, &call->form);
    call->record = json_object();
    (void)dev_record_start(call);
    /* Entra says it in its own words. */
    if (strcmp(call->method, endpoint->method) != 0 && endpoint->stat != DEV_STAT_TOKEN)
        refuse_method(call, endpoint->method);
    else
        endpoint->handle(call);
    dev_count(call->issuer, call->stat);
    dev_token_fault_change(call);
    dev_record_keep(call, dev_stat_name(call->stat));
    if (call->reply->status >= 300)
        dev_count(call->issuer, DEV_STAT_REJECTED);
    dev_fault_change(call->issuer, endpoint->target, &call->fault, call->reply);
    dev_form_clear(&call->form);
}
