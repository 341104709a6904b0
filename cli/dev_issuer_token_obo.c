/* SPDX-License-Identifier: MIT */
/* On behalf of a user: a service changes the token that it was called with for one of the next service. */

#include "dev_issuer_tokens.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define REQUESTED_USE "on_behalf_of"

/* What is asked for: one resource, its scopes without it, and what OIDC reserves. */
typedef struct wish {
    char *resource;
    cli_text scopes;
    bool openid;
    bool offline;
} wish;

static void wish_clear(wish *asked)
{
    free(asked->resource);
    cli_text_free(&asked->scopes);
}

static bool same_word(const char *text, size_t len, const char *word)
{
    return strlen(word) == len && strncasecmp(text, word, len) == 0;
}

/* `RESOURCE/SCOPE`; false: of another resource than before, or without one. */
static bool take_scope(wish *asked, const char *text, size_t len)
{
    if (same_word(text, len, "openid") || same_word(text, len, "profile") || same_word(text, len, "email") ||
        same_word(text, len, "offline_access")) {
        asked->openid = asked->openid || same_word(text, len, "openid");
        asked->offline = asked->offline || same_word(text, len, "offline_access");
        return true;
    }
    CLI_AUTO_FREE char *scope = cli_copy(text, len);
    char *slash = strrchr(scope, '/');
    if (slash == NULL || slash == scope || slash[1] == '\0')
        return false;
    *slash = '\0';
    if (asked->resource != NULL && strcmp(asked->resource, scope) != 0)
        return false;
    if (asked->resource == NULL)
        asked->resource = cli_strdup(scope);
    const char *name = strcmp(slash + 1, ".default") == 0 ? "user_impersonation" : slash + 1;
    cli_text_put(&asked->scopes, asked->scopes.len > 0 ? " " : "");
    cli_text_put(&asked->scopes, name);
    return true;
}

static bool read_scope(dev_call *call, wish *asked)
{
    const char *scopes = dev_form_get(&call->form, "scope");
    for (const char *at = scopes; *at != '\0';) {
        size_t len = strcspn(at, " ");
        if (len > 0 && !take_scope(asked, at, len)) {
            dev_entra_error(call, asked->resource != NULL ? 28002 : 70011, scopes);
            return false;
        }
        at += len + (at[len] == ' ');
    }
    if (asked->resource == NULL)
        dev_entra_error(call, 70011, scopes);
    return asked->resource != NULL;
}

static bool refuse(dev_call *call, long number, const char *detail)
{
    dev_entra_error(call, number, detail);
    return false;
}

static bool is_for(const dev_jwt *jwt, const char *client_id)
{
    CLI_AUTO_FREE char *uri = cli_format("api://%s", client_id);
    return dev_jwt_has_audience(jwt, client_id) || dev_jwt_has_audience(jwt, uri);
}

/* A user's token that this issuer made, for the application that now brings it. */
static bool check_user_token(dev_call *call, const json_t *app, const dev_jwt *jwt)
{
    const char *client_id = dev_jwt_text(app, "client_id");
    const char *issuer = dev_jwt_text(jwt->claims, "iss");
    const char *kind = dev_jwt_text(jwt->claims, "idtyp");
    const char *aud = dev_jwt_text(jwt->claims, "aud");
    int64_t until = 0;
    size_t len = strlen(call->issuer->base);
    if (issuer == NULL || strncmp(issuer, call->issuer->base, len) != 0 || issuer[len] != '/')
        return refuse(call, 50013, "The issuer is not this one.");
    if (!dev_jwt_is_own(call->issuer, jwt))
        return refuse(call, 50013, "The key was not found, or the signature does not match.");
    if (!dev_jwt_time(jwt, "exp", &until) || (int64_t)time(NULL) >= until)
        return refuse(call, 500133, "It is expired.");
    if ((kind != NULL && strcmp(kind, "app") == 0) || json_object_get(jwt->claims, "scp") == NULL)
        return refuse(call, 7000114, client_id);
    if (!is_for(jwt, client_id))
        return refuse(call, 500131, aud);
    return true;
}

/* What the next token keeps of this one: who the user is. */
static json_t *kept_claims(const dev_jwt *jwt)
{
    static const char *const names[] = {"oid",         "name", "preferred_username", "upn", "given_name",
                                        "family_name", "acct"};
    json_t *kept = json_object();
    for (size_t i = 0; i < CLI_COUNT_OF(names); i++)
        if (json_object_get(jwt->claims, names[i]) != NULL)
            (void)json_object_set(kept, names[i], json_object_get(jwt->claims, names[i]));
    return kept;
}

/* `client_info`, which MSAL knows an account by: the user and the home tenant. */
static void put_client_info(json_t *answer, const dev_jwt *jwt, const char *tenant)
{
    const char *user = dev_jwt_text(jwt->claims, "oid");
    CLI_AUTO_FREE char *info = cli_format("{\"uid\":\"%s\",\"utid\":\"%s\"}", user == NULL ? "" : user, tenant);
    CLI_AUTO_FREE char *text = cli_base64url((const uint8_t *)info, strlen(info));
    (void)json_object_set_new(answer, "client_info", json_string(text));
}

static bool put_id_token(dev_call *call, const json_t *app, json_t *kept, json_t *answer)
{
    CLI_CLEANUP(json_decref_p)
    json_t *request = json_pack("{s:s, s:s, s:s, s:O}", "entra", "id-token", "tenant", call->tenant, "client_id",
                                dev_jwt_text(app, "client_id"), "claims", kept);
    CLI_AUTO_FREE char *token = NULL;
    bool made = dev_mint(call->issuer, request, &token) == 0;
    if (made)
        (void)json_object_set_new(answer, "id_token", json_string(token));
    return made;
}

static void answer_with(dev_call *call, const json_t *app, const dev_jwt *jwt, const wish *asked, bool strong)
{
    CLI_CLEANUP(json_decref_p) json_t *kept = kept_claims(jwt);
    const dev_grant grant = {.kind = "user",
                             .tenant = call->tenant,
                             .app = app,
                             .resource = asked->resource,
                             .scp = asked->scopes.ptr,
                             .claims = kept,
                             .strong = strong};
    CLI_CLEANUP(json_decref_p) json_t *answer = dev_grant_answer(call, &grant, 0);
    if (answer == NULL)
        return;
    (void)json_object_set_new(answer, "scope", json_string(dev_form_get(&call->form, "scope")));
    const char *wants_info = dev_form_get(&call->form, "client_info");
    if (wants_info != NULL && strcmp(wants_info, "1") == 0)
        put_client_info(answer, jwt, call->tenant);
    if (asked->openid && !put_id_token(call, app, kept, answer)) {
        dev_entra_error(call, 90033, NULL);
        return;
    }
    if (asked->offline) {
        CLI_AUTO_FREE char *opaque = dev_random_guid();
        (void)json_object_set_new(answer, "refresh_token", json_string(opaque));
    }
    dev_reply_json(call->reply, MHD_HTTP_OK, answer);
    dev_entra_headers(call);
}

void dev_serve_on_behalf_of(dev_call *call, const json_t *app, bool strong)
{
    const char *use = dev_form_text(&call->form, "requested_token_use");
    const char *assertion = dev_form_text(&call->form, "assertion");
    if (use == NULL || assertion == NULL) {
        dev_entra_error(call, 900144, use == NULL ? "requested_token_use" : "assertion");
        return;
    }
    if (strcmp(use, REQUESTED_USE) != 0) {
        dev_entra_error(call, 9002313, "The requested_token_use is not on_behalf_of.");
        return;
    }
    wish asked = {0};
    dev_jwt jwt;
    bool read = dev_jwt_read(assertion, &jwt);
    if (!read)
        dev_entra_error(call, 50013, "It is no JWT.");
    else if (check_user_token(call, app, &jwt) && read_scope(call, &asked))
        answer_with(call, app, &jwt, &asked, strong);
    dev_jwt_clear(&jwt);
    wish_clear(&asked);
}
