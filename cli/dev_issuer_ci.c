/* SPDX-License-Identifier: MIT */
/* Where the jobs of a CI ask for their token: GitHub Actions and Azure Pipelines. */

#include "dev_issuer_tokens.h"

#include <string.h>

#define REQUEST_TOKEN "dev-request-token"

static void refuse(dev_call *call, unsigned status, const char *sentence)
{
    CLI_CLEANUP(json_decref_p) json_t *document = json_pack("{s:s}", "message", sentence);
    dev_reply_json(call->reply, status, document);
}

static bool has_request_token(dev_call *call)
{
    const char *token = dev_request_credentials(call->connection, "Bearer");
    if (token != NULL && dev_same_secret(token, REQUEST_TOKEN))
        return true;
    refuse(call, MHD_HTTP_UNAUTHORIZED, "the request token is missing or wrong");
    return false;
}

/* Mint, and answer with the token in @p member. */
static void answer(dev_call *call, json_t *request, const char *member)
{
    CLI_AUTO_FREE char *text = NULL;
    if (dev_mint(call->issuer, request, &text) != 0) {
        refuse(call, MHD_HTTP_INTERNAL_SERVER_ERROR, text);
        return;
    }
    CLI_CLEANUP(json_decref_p) json_t *document = json_pack("{s:s}", member, text);
    dev_reply_json(call->reply, MHD_HTTP_OK, document);
}

/* GitHub, "OpenID Connect reference": the URL has a query of its own, and audience is added to it. */
void dev_serve_github(dev_call *call)
{
    static const char owner[] = "https://github.com/assay-dev";
    if (!has_request_token(call))
        return;
    if (call->form.repeated) {
        refuse(call, MHD_HTTP_BAD_REQUEST, "a parameter stands there twice");
        return;
    }
    const char *audience = dev_form_text(&call->form, "audience");
    const char *immutable = dev_form_get(&call->form, "immutable");
    bool ids = immutable != NULL && strcmp(immutable, "true") == 0;
    CLI_CLEANUP(json_decref_p)
    json_t *request = json_pack("{s:s, s:b, s:{s:s}}", "ci", "github", "immutable", ids, "claims", "aud",
                                audience == NULL ? owner : audience);
    answer(call, request, "value");
}

/* Microsoft, "Oidctoken - Create": a token for one service connection. */
void dev_serve_pipelines(dev_call *call)
{
    const char *version = MHD_lookup_connection_value(call->connection, MHD_GET_ARGUMENT_KIND, "api-version");
    const char *connection =
        MHD_lookup_connection_value(call->connection, MHD_GET_ARGUMENT_KIND, "serviceConnectionId");
    const char *suppress = dev_request_header(call->connection, "X-TFS-FedAuthRedirect");
    const char *token = dev_request_credentials(call->connection, "Bearer");
    /* Without the header a browser is supposed, which is sent to sign in. */
    if ((token == NULL || !dev_same_secret(token, REQUEST_TOKEN)) &&
        (suppress == NULL || strcmp(suppress, "Suppress") != 0)) {
        refuse(call, MHD_HTTP_FOUND, "sign in");
        call->reply->location = cli_format("%s%s/redirected/token", call->issuer->base, call->issuer->prefix);
        return;
    }
    if (!has_request_token(call))
        return;
    if (version == NULL || strncmp(version, "7.1", 3) != 0 || connection == NULL || connection[0] == '\0') {
        refuse(call, MHD_HTTP_BAD_REQUEST, "api-version 7.1 and serviceConnectionId are needed");
        return;
    }
    CLI_AUTO_FREE char *subject = cli_format("sc://assay-dev/orders/%s", connection);
    CLI_CLEANUP(json_decref_p)
    json_t *request =
        json_pack("{s:s, s:{s:s, s:s}}", "ci", "github", "claims", "aud", "api://AzureADTokenExchange", "sub", subject);
    answer(call, request, "oidcToken");
}
