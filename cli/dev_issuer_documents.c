/* SPDX-License-Identifier: MIT */
/* What the development issuer serves when nothing is wrong. */

#include "dev_issuer_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void dev_reply_clear(dev_reply *reply)
{
    cli_text_free(&reply->body);
    free(reply->etag);
    free(reply->cache_control);
    free(reply->location);
    *reply = (dev_reply){0};
}

static void set_json(dev_reply *reply, const json_t *document)
{
    CLI_AUTO_FREE char *text = json_dumps(document, JSON_COMPACT);
    reply->status = MHD_HTTP_OK;
    reply->content_type = "application/json";
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

/* OIDC Discovery, section 3, and RFC 8414, section 2: one document serves both. */
void dev_document_metadata(dev_issuer *issuer, dev_reply *reply)
{
    CLI_AUTO_FREE char *under = cli_format("%s%s", issuer->base, issuer->prefix);
    CLI_AUTO_FREE char *jwks = cli_format("%s/jwks", under);
    CLI_AUTO_FREE char *authorize = cli_format("%s/authorize", under);
    CLI_AUTO_FREE char *token = cli_format("%s/token", under);
    CLI_CLEANUP(json_decref_p)
    json_t *document = json_pack("{s:s, s:s, s:s, s:s, s:[s], s:[s]}", "issuer", issuer->url, "jwks_uri", jwks,
                                 "authorization_endpoint", authorize, "token_endpoint", token,
                                 "response_types_supported", "code", "subject_types_supported", "public");
    (void)pthread_mutex_lock(&issuer->lock);
    (void)json_object_set_new(document, "id_token_signing_alg_values_supported", served_algorithms(issuer));
    (void)pthread_mutex_unlock(&issuer->lock);
    set_json(reply, document);
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

void dev_document_jwks(dev_issuer *issuer, dev_reply *reply)
{
    CLI_CLEANUP(json_decref_p) json_t *document = json_object();
    json_t *keys = json_array();
    (void)json_object_set_new(document, "keys", keys);
    (void)pthread_mutex_lock(&issuer->lock);
    for (const dev_key *key = issuer->keys; key != NULL; key = key->next)
        if (key->served)
            /* A copy: reference counts of jansson are for one thread at a time, and this one outlives the lock. */
            (void)json_array_append_new(keys, json_deep_copy(key->jwk));
    int64_t max_age = issuer->max_age;
    (void)pthread_mutex_unlock(&issuer->lock);
    set_json(reply, document);
    reply->etag = tag_of(&reply->body);
    if (max_age >= 0)
        reply->cache_control = cli_format("public, max-age=%" PRId64, max_age);
}

char *dev_issuer_jwks(dev_issuer *issuer)
{
    dev_reply reply = {0};
    dev_document_jwks(issuer, &reply);
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
    set_json(reply, document);
}

static void put_line(cli_text *text, const char *left, const char *right)
{
    CLI_AUTO_FREE char *line = cli_format("  %-18s %s\n", left, right);
    cli_text_put(text, line);
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
    CLI_AUTO_FREE char *oidc = cli_format("%s/.well-known/openid-configuration", issuer->prefix);
    CLI_AUTO_FREE char *oauth = cli_format("/.well-known/oauth-authorization-server%s", issuer->prefix);
    put_line(body, "GET", oidc);
    put_line(body, "GET", oauth);
    put_line(body, "GET", "/jwks");
    put_line(body, "GET  /mint", "?forge=...&algorithm=...&key=...&CLAIM=VALUE...");
    put_line(body, "POST /mint",
             "{\"claims\":{},\"header\":{},\"algorithm\":\"\",\"key\":\"kid\",\"forge\":\"\",\"payload_raw\":\"\"}");
    put_line(body, "POST /rotate", "{\"drop_old\":false,\"algorithm\":\"\",\"serve\":[\"kid\"]}");
    put_line(body, "POST /fault", "{\"target\":\"metadata|jwks|all\",\"kind\":\"\",\"value\":0,\"count\":1}");
    put_line(body, "POST /settings", "{\"max_age\":3600}");
    put_line(body, "GET  /stats", "request counts; POST /stats/reset");
    cli_text_put(body, "\nfaults\n ");
    for (enum dev_fault_kind kind = 0; kind < DEV_FAULT_KINDS; kind++) {
        cli_text_put(body, " ");
        cli_text_put(body, dev_fault_kind_name(kind));
    }
    cli_text_put(body, "\n\nforgeries\n");
    for (size_t i = 0; dev_forge_at(i) != NULL; i++)
        put_line(body, dev_forge_at(i)->name, dev_forge_at(i)->what);
}
