/* SPDX-License-Identifier: MIT */
/* What the development issuer serves when nothing is wrong. */

#include "dev_issuer_tokens.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void dev_reply_clear(dev_reply *reply)
{
    cli_text_free(&reply->body);
    free(reply->etag);
    free(reply->cache_control);
    free(reply->location);
    json_decref(reply->headers);
    *reply = (dev_reply){0};
}

void dev_reply_header(dev_reply *reply, const char *name, const char *value)
{
    if (reply->headers == NULL)
        reply->headers = json_object();
    (void)json_object_set_new(reply->headers, name, json_string(value));
}

void dev_reply_json(dev_reply *reply, unsigned status, const json_t *document)
{
    CLI_AUTO_FREE char *text = json_dumps(document, JSON_COMPACT);
    reply->status = status;
    reply->content_type = "application/json";
    cli_text_free(&reply->body);
    cli_text_put(&reply->body, text == NULL ? "" : text);
}

static bool lists(const json_t *list, const char *text)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(json_string_value(json_array_get(list, i)), text) == 0)
            return true;
    return false;
}

/* Under the lock. */
static json_t *served_algorithms(const dev_issuer *issuer)
{
    json_t *list = json_array();
    for (const dev_key *key = issuer->keys; key != NULL; key = key->next)
        if (key->served && !lists(list, key->algorithm->name))
            (void)json_array_append_new(list, json_string(key->algorithm->name));
    return list;
}

const char *dev_path_below(const dev_issuer *issuer, const char *url)
{
    size_t len = strlen(issuer->prefix);
    bool below = strncmp(url, issuer->prefix, len) == 0 && (url[len] == '/' || url[len] == '\0');
    return below ? url + len : url;
}

/* The two well-known paths lie where they belong: OIDC Discovery, section 4; RFC 8414, section 3.1. */
static bool is_metadata(const dev_issuer *issuer, const char *url)
{
    static const char oauth[] = "/.well-known/oauth-authorization-server";
    size_t len = strlen(issuer->prefix);
    if (strncmp(url, oauth, sizeof oauth - 1) == 0)
        return strcmp(url + sizeof oauth - 1, issuer->prefix) == 0;
    return strncmp(url, issuer->prefix, len) == 0 && strcmp(url + len, "/.well-known/openid-configuration") == 0;
}

dev_view dev_view_own(const dev_issuer *issuer, enum dev_target target)
{
    dev_view view = {.target = target, .version = 2};
    if (issuer->tenant != NULL)
        memcpy(view.tenant, issuer->tenant, strlen(issuer->tenant));
    return view;
}

bool dev_view_find(const dev_issuer *issuer, const char *url, const char *app_id, dev_view *view)
{
    const char *path = dev_path_below(issuer, url);
    bool jwks = strcmp(path, "/jwks") == 0 || (issuer->kubernetes && strcmp(path, "/openid/v1/jwks") == 0);
    *view = dev_view_own(issuer, jwks ? DEV_JWKS : DEV_METADATA);
    if (issuer->tenant != NULL && !jwks)
        return dev_entra_view(url, app_id, view);
    return jwks || is_metadata(issuer, url);
}

/* OIDC Discovery, section 3, and RFC 8414, section 2: one document serves both. */
static json_t *usual_metadata(const dev_issuer *issuer)
{
    CLI_AUTO_FREE char *under = cli_format("%s%s", issuer->base, issuer->prefix);
    CLI_AUTO_FREE char *jwks = cli_format("%s/jwks", under);
    CLI_AUTO_FREE char *authorize = cli_format("%s/authorize", under);
    CLI_AUTO_FREE char *token = cli_format("%s/token", under);
    return json_pack("{s:s, s:s, s:s, s:s, s:[s], s:[s]}", "issuer", issuer->url, "jwks_uri", jwks,
                     "authorization_endpoint", authorize, "token_endpoint", token, "response_types_supported", "code",
                     "subject_types_supported", "public");
}

void dev_document_metadata(dev_issuer *issuer, const dev_view *view, dev_reply *reply)
{
    CLI_CLEANUP(json_decref_p)
    json_t *document = issuer->tenant != NULL ? dev_entra_metadata(issuer, view)
                       : issuer->kubernetes   ? dev_kubernetes_metadata(issuer)
                                              : usual_metadata(issuer);
    (void)pthread_mutex_lock(&issuer->lock);
    (void)json_object_set_new(document, "id_token_signing_alg_values_supported", served_algorithms(issuer));
    (void)pthread_mutex_unlock(&issuer->lock);
    dev_reply_json(reply, MHD_HTTP_OK, document);
}

/* Strong and short: a digest of the body (RFC 9110, section 8.8.3). */
static char *tag_of(const cli_text *body)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    size_t len = 0;
    if (EVP_Q_digest(NULL, "SHA256", NULL, body->ptr, body->len, digest, &len) != 1)
        return NULL;
    CLI_AUTO_FREE char *text = cli_base64url(digest, 12);
    return cli_format("\"%s\"", text);
}

void dev_document_jwks(dev_issuer *issuer, const dev_view *view, dev_reply *reply)
{
    CLI_CLEANUP(json_decref_p) json_t *document = json_object();
    json_t *keys = json_array();
    (void)json_object_set_new(document, "keys", keys);
    if (issuer->tenant != NULL)
        dev_entra_prepare(issuer, view);
    (void)pthread_mutex_lock(&issuer->lock);
    for (const dev_key *key = issuer->keys; key != NULL; key = key->next) {
        if (!key->served)
            continue;
        /* A copy: reference counts of jansson are for one thread at a time, and this one outlives the lock. */
        json_t *jwk = issuer->tenant == NULL ? json_deep_copy(key->jwk) : dev_entra_jwk(issuer, view, key);
        if (jwk != NULL)
            (void)json_array_append_new(keys, jwk);
    }
    int64_t max_age = issuer->max_age;
    (void)pthread_mutex_unlock(&issuer->lock);
    dev_reply_json(reply, MHD_HTTP_OK, document);
    reply->etag = tag_of(&reply->body);
    if (max_age >= 0)
        reply->cache_control = cli_format("public, max-age=%" PRId64, max_age);
}

char *dev_issuer_jwks(dev_issuer *issuer)
{
    dev_reply reply = {0};
    const dev_view view = dev_view_own(issuer, DEV_JWKS);
    dev_document_jwks(issuer, &view, &reply);
    char *text = cli_copy(reply.body.ptr, reply.body.len);
    dev_reply_clear(&reply);
    return text;
}

void dev_document_stats(dev_issuer *issuer, dev_reply *reply)
{
    CLI_CLEANUP(json_decref_p) json_t *document = json_object();
    (void)pthread_mutex_lock(&issuer->lock);
    for (enum dev_stat stat = 0; stat < DEV_STATS; stat++)
        (void)json_object_set_new(document, dev_stat_name(stat), json_integer(issuer->stats[stat]));
    (void)pthread_mutex_unlock(&issuer->lock);
    dev_reply_json(reply, MHD_HTTP_OK, document);
}

static void put_line(cli_text *text, const char *left, const char *right)
{
    CLI_AUTO_FREE char *line = cli_format("  %-18s %s\n", left, right);
    cli_text_put(text, line);
}

static void put_usual_paths(const dev_issuer *issuer, cli_text *body)
{
    CLI_AUTO_FREE char *oidc = cli_format("%s/.well-known/openid-configuration", issuer->prefix);
    CLI_AUTO_FREE char *oauth = cli_format("/.well-known/oauth-authorization-server%s", issuer->prefix);
    put_line(body, "GET", oidc);
    put_line(body, "GET", oauth);
    put_line(body, "GET", issuer->kubernetes ? "/openid/v1/jwks" : "/jwks");
}

static void put_entra_paths(cli_text *body)
{
    put_line(body, "GET", "/{tenant}/v2.0/.well-known/openid-configuration[?appid=GUID]");
    put_line(body, "GET", "/{tenant}/.well-known/openid-configuration[?appid=GUID]");
    put_line(body, "GET", "/{tenant}/discovery/v2.0/keys[?appid=GUID], /{tenant}/discovery/keys[?appid=GUID]");
    put_line(body, "GET", "/{tenant}/{policy}/v2.0/.well-known/openid-configuration");
    put_line(body, "GET", "/{tenant}/{policy}/discovery/v2.0/keys");
    put_line(body, "tenant", "a GUID in lower case, organizations, common or consumers");
    cli_text_put(body, "  entra (of /mint)  ");
    for (size_t i = 0; dev_entra_kind_at(i) != NULL; i++) {
        cli_text_put(body, " ");
        cli_text_put(body, dev_entra_kind_at(i));
    }
    cli_text_put(body, "\n");
}

static void put_token_paths(const dev_issuer *issuer, cli_text *body)
{
    const dev_endpoint *endpoint = NULL;
    for (size_t i = 0; (endpoint = dev_endpoint_at(i)) != NULL; i++) {
        if (!dev_endpoint_is_there(issuer, endpoint))
            continue;
        const char *place = strstr(endpoint->pattern, "{}");
        CLI_AUTO_FREE char *path = place == NULL
                                       ? cli_strdup(endpoint->pattern)
                                       : cli_format("%.*s{%s}%s", (int)(place - endpoint->pattern), endpoint->pattern,
                                                    endpoint->where == DEV_ENTRA_SHAPE ? "tenant" : "email", place + 2);
        CLI_AUTO_FREE char *line = cli_format("%s (counted as %s)", path, dev_stat_name(endpoint->stat));
        put_line(body, endpoint->method, line);
    }
    if (issuer->proxy_path != NULL)
        put_line(body, "POST", "the token proxy's path and /{tenant}/oauth2/v2.0/token (counted as proxy)");
}

/* For a person who opens the URL. */
void dev_document_index(dev_issuer *issuer, dev_reply *reply)
{
    cli_text *body = &reply->body;
    reply->status = MHD_HTTP_OK;
    reply->content_type = "text/plain; charset=utf-8";
    CLI_AUTO_FREE char *head =
        cli_format("assay development issuer\n\nFor development only: it signs anything, for anybody.\n\n"
                   "issuer    %s\naudience  %s\n\n",
                   issuer->url, issuer->audience);
    cli_text_put(body, head);
    if (issuer->tenant != NULL)
        put_entra_paths(body);
    else
        put_usual_paths(issuer, body);
    put_token_paths(issuer, body);
    put_line(body, "GET  /mint", "?forge=...&algorithm=...&key=...&CLAIM=VALUE...");
    put_line(body, "POST /mint",
             "{\"claims\":{},\"header\":{},\"algorithm\":\"\",\"key\":\"kid\",\"forge\":\"\",\"payload_raw\":\"\"}");
    put_line(body, "POST /rotate", "{\"drop_old\":false,\"algorithm\":\"\",\"serve\":[\"kid\"]}");
    put_line(body, "POST /fault",
             "{\"target\":\"metadata|jwks|token|imds|oidc-request|all\",\"kind\":\"\",\"value\":0,\"count\":1}");
    put_line(
        body, "POST /settings",
        "{\"max_age\":3600,\"token_lifetime\":0,\"refresh_in\":0,\"token_version\":0,\"expires_in_form\":\"usual\","
        "\"expires_on_form\":\"usual\",\"identity_header\":\"dev-identity-header\"}");
    put_line(body, "POST /apps",
             "{\"client_id\":\"\",\"tenant\":\"\",\"secret\":[],\"certificates\":[],\"federated\":[],...}; GET /apps "
             "lists them");
    put_line(body, "GET  /requests", "what the last requests for tokens had");
    put_line(body, "POST /rotate-tls", "{\"name\":\"\"}: another CA and certificate");
    put_line(body, "GET  /stats", "request counts; POST /stats/reset");
    cli_text_put(body, "\nfaults\n ");
    for (enum dev_fault_kind kind = 0; kind < DEV_FAULT_KINDS; kind++) {
        cli_text_put(body, " ");
        cli_text_put(body, dev_fault_kind_name(kind));
    }
    cli_text_put(body, "\n\nforgeries\n");
    const dev_forge *forge = NULL;
    for (size_t i = 0; (forge = dev_forge_at(issuer, i)) != NULL; i++)
        put_line(body, forge->name, forge->what);
}
