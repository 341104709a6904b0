/* SPDX-License-Identifier: MIT */
/* Paths that change and show how tokens are given, and two that clients of Entra are led to. */

#include "dev_issuer_tokens.h"

#include <string.h>

/* The body as text; NULL after a reply. */
static char *read_text(const dev_incoming *request, dev_reply *reply)
{
    if (!request->too_long)
        return cli_copy(request->body.ptr, request->body.len);
    dev_set_problem(reply, MHD_HTTP_CONTENT_TOO_LARGE, "the body is longer than 1 MiB");
    return NULL;
}

/* Both take JSON as text and say what is wrong with it. */
static void change(dev_issuer *issuer, const dev_incoming *body, dev_reply *reply,
                   int (*call)(dev_issuer *issuer, const char *json, char *message, size_t message_size))
{
    char message[512] = "";
    CLI_AUTO_FREE char *text = read_text(body, reply);
    if (text == NULL)
        return;
    if (call(issuer, text, message, sizeof message) == 0)
        dev_set_text(reply, MHD_HTTP_OK, "application/json", "{\"ok\":true}");
    else
        dev_set_problem(reply, MHD_HTTP_BAD_REQUEST, message);
}

void dev_post_settings(dev_issuer *issuer, struct MHD_Connection *connection, const dev_incoming *body,
                       dev_reply *reply)
{
    (void)connection;
    change(issuer, body, reply, dev_issuer_settings);
}

void dev_post_apps(dev_issuer *issuer, struct MHD_Connection *connection, const dev_incoming *body, dev_reply *reply)
{
    (void)connection;
    change(issuer, body, reply, dev_issuer_add_app);
}

void dev_get_apps(dev_issuer *issuer, struct MHD_Connection *connection, const dev_incoming *body, dev_reply *reply)
{
    (void)connection;
    (void)body;
    CLI_AUTO_FREE char *text = dev_issuer_apps(issuer);
    dev_set_text(reply, MHD_HTTP_OK, "application/json", text);
}

void dev_get_requests(dev_issuer *issuer, struct MHD_Connection *connection, const dev_incoming *body, dev_reply *reply)
{
    (void)connection;
    (void)body;
    CLI_AUTO_FREE char *text = dev_issuer_requests(issuer);
    dev_set_text(reply, MHD_HTTP_OK, "application/json", text);
}

/* The new CA comes with the answer, which still goes over the old one's connection. */
void dev_post_rotate_tls(dev_issuer *issuer, struct MHD_Connection *connection, const dev_incoming *body,
                         dev_reply *reply)
{
    (void)connection;
    CLI_CLEANUP(json_decref_p) json_t *request = dev_read_body(body, reply);
    if (request == NULL)
        return;
    const json_t *name = json_object_get(request, "name");
    if ((name != NULL && !json_is_string(name)) || json_object_size(request) > (name != NULL ? 1U : 0U) ||
        dev_issuer_rotate_tls(issuer, json_string_value(name)) != 0) {
        dev_set_problem(reply, MHD_HTTP_BAD_REQUEST, "there is no certificate of this run's own, or name is no text");
        return;
    }
    CLI_CLEANUP(json_decref_p) json_t *answer = json_pack("{s:s}", "ca_pem", dev_issuer_ca_pem(issuer));
    dev_reply_json(reply, MHD_HTTP_OK, answer);
}

/* What a client gets that follows a redirect with its secret. */
void dev_redirected_token(dev_issuer *issuer, struct MHD_Connection *connection, const dev_incoming *body,
                          dev_reply *reply)
{
    (void)connection;
    (void)body;
    dev_count(issuer, DEV_STAT_REDIRECTED);
    dev_set_text(
        reply, MHD_HTTP_OK, "application/json",
        "{\"token_type\":\"Bearer\",\"expires_in\":3599,\"expires_on\":\"4102444800\",\"access_token\":\"redirected\","
        "\"value\":\"redirected\"}");
}

/* Entra's instance discovery: which hosts are Entra's. This issuer says it of itself, and of nobody else. */
void dev_get_instances(dev_issuer *issuer, struct MHD_Connection *connection, const dev_incoming *body,
                       dev_reply *reply)
{
    (void)body;
    const char *asked = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "authorization_endpoint");
    size_t len = strlen(issuer->base);
    dev_count(issuer, DEV_STAT_OTHER);
    if (asked == NULL || strncmp(asked, issuer->base, len) != 0 || asked[len] != '/') {
        dev_set_text(
            reply, MHD_HTTP_BAD_REQUEST, "application/json",
            "{\"error\":\"invalid_instance\",\"error_description\":\"AADSTS50049: Unknown or invalid instance.\","
            "\"error_codes\":[50049]}");
        return;
    }
    const char *host = strstr(issuer->base, "//") + 2;
    const char *end = strstr(asked + len + 1, "/oauth2/");
    CLI_AUTO_FREE char *tenant =
        end == NULL ? cli_strdup("common") : cli_copy(asked + len + 1, (size_t)(end - asked) - len - 1);
    CLI_AUTO_FREE char *discovery = cli_format("%s/%s/v2.0/.well-known/openid-configuration", issuer->base, tenant);
    CLI_CLEANUP(json_decref_p)
    json_t *document =
        json_pack("{s:s, s:s, s:[{s:s, s:s, s:[s]}]}", "tenant_discovery_endpoint", discovery, "api-version", "1.1",
                  "metadata", "preferred_network", host, "preferred_cache", host, "aliases", host);
    dev_reply_json(reply, MHD_HTTP_OK, document);
}
