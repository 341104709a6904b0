/* SPDX-License-Identifier: MIT */
/* The token endpoint of an issuer that is not Entra's shape: RFC 6749, section 3.2. */

#include "dev_issuer_tokens.h"

#include <string.h>
#include <time.h>

#define EXCHANGE "urn:ietf:params:oauth:grant-type:token-exchange"

/* RFC 6749, section 5.2. */
void dev_oauth_error(dev_call *call, unsigned status, const char *error, const char *description)
{
    CLI_CLEANUP(json_decref_p)
    json_t *document = json_pack("{s:s, s:s}", "error", error, "error_description", description);
    dev_reply_json(call->reply, status, document);
    dev_reply_header(call->reply, MHD_HTTP_HEADER_PRAGMA, "no-cache");
    free(call->reply->cache_control);
    call->reply->cache_control = cli_strdup("no-store");
    (void)json_object_set_new(call->record, "error", json_string(error));
}

/* RFC 8693, section 2.1, and RFC 8707, section 2, let these two stand there several times. */
static bool is_repeated(const dev_form *form)
{
    for (size_t i = 0; i < form->count; i++)
        if (form->items[i].count > 1 && strcmp(form->items[i].name, "audience") != 0 &&
            strcmp(form->items[i].name, "resource") != 0)
            return true;
    return false;
}

static bool check_form(dev_call *call)
{
    const dev_form *form = &call->form;
    const char *wrong = !form->typed        ? "one Content-Type, application/x-www-form-urlencoded, is needed"
                        : form->malformed   ? "the body is not application/x-www-form-urlencoded"
                        : is_repeated(form) ? "a parameter stands there twice"
                        : dev_form_text(form, "grant_type") == NULL ? "grant_type is missing"
                                                                    : NULL;
    if (wrong != NULL)
        dev_oauth_error(call, MHD_HTTP_BAD_REQUEST, "invalid_request", wrong);
    return wrong == NULL;
}

static bool lists(const json_t *list, const char *text)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(json_string_value(json_array_get(list, i)), text) == 0)
            return true;
    return false;
}

/* RFC 8707, section 2: an absolute URI without a fragment. */
static bool is_resource(const char *text)
{
    return strchr(text, ':') != NULL && strchr(text, '#') == NULL;
}

static bool take_target(const json_t *app, const char *text, bool resource, json_t *targets)
{
    const json_t *known = json_object_get(app, "resources");
    (void)json_array_append_new(targets, json_string(text));
    return (!resource || is_resource(text)) && (known == NULL || lists(known, text));
}

bool dev_oauth_target(dev_call *call, const json_t *app, json_t **wanted)
{
    static const char *const names[] = {"audience", "resource"};
    CLI_CLEANUP(json_decref_p) json_t *targets = json_array();
    bool good = true;
    for (size_t i = 0; i < CLI_COUNT_OF(names); i++) {
        const dev_parameter *parameter = dev_form_find(&call->form, names[i]);
        if (parameter == NULL)
            continue;
        good = take_target(app, parameter->value, i == 1, targets) && good;
        for (size_t j = 0; j < json_array_size(parameter->more); j++)
            good = take_target(app, json_string_value(json_array_get(parameter->more, j)), i == 1, targets) && good;
    }
    *wanted = NULL;
    if (!good) {
        dev_oauth_error(call, MHD_HTTP_BAD_REQUEST, "invalid_target",
                        "no token is given for this audience or resource");
        return false;
    }
    if (json_array_size(targets) == 1)
        *wanted = json_incref(json_array_get(targets, 0));
    else if (json_array_size(targets) > 1)
        *wanted = json_incref(targets);
    return true;
}

bool dev_oauth_scope(dev_call *call, const json_t *app)
{
    const json_t *known = json_object_get(app, "scopes");
    const char *scope = dev_form_get(&call->form, "scope");
    for (const char *at = scope; known != NULL && at != NULL && *at != '\0';) {
        size_t len = strcspn(at, " ");
        CLI_AUTO_FREE char *one = cli_copy(at, len);
        if (len > 0 && !lists(known, one)) {
            dev_oauth_error(call, MHD_HTTP_BAD_REQUEST, "invalid_scope", "the client may not have this scope");
            return false;
        }
        at += len + (at[len] == ' ');
    }
    return true;
}

json_t *dev_oauth_answer(dev_call *call, json_t *claims, int64_t *lifetime)
{
    dev_settings settings = dev_settings_now(call->issuer);
    free(settings.identity_header);
    *lifetime = settings.token_lifetime > 0 ? settings.token_lifetime : dev_lifetime(call->issuer, 3600);
    (void)json_object_set_new(claims, "exp", json_integer((json_int_t)time(NULL) + *lifetime));
    CLI_CLEANUP(json_decref_p)
    json_t *request = json_pack("{s:{s:s}, s:o}", "header", "typ", "at+jwt", "claims", claims);
    CLI_AUTO_FREE char *text = NULL;
    if (dev_mint(call->issuer, request, &text) != 0) {
        dev_oauth_error(call, MHD_HTTP_INTERNAL_SERVER_ERROR, "server_error", text);
        return NULL;
    }
    json_t *answer = json_pack("{s:s, s:s}", "access_token", text, "token_type", "Bearer");
    dev_settings_put_expires_in(&settings, answer, "expires_in", "number", *lifetime);
    if (settings.refresh_in > 0)
        dev_settings_put_expires_in(&settings, answer, "refresh_in", "number", settings.refresh_in);
    const char *scope = dev_form_text(&call->form, "scope");
    if (scope != NULL)
        (void)json_object_set_new(answer, "scope", json_string(scope));
    return answer;
}

static void serve_client_credentials(dev_call *call, const json_t *app)
{
    CLI_CLEANUP(json_decref_p) json_t *target = NULL;
    const char *client_id = dev_jwt_text(app, "client_id");
    const char *scope = dev_form_text(&call->form, "scope");
    int64_t lifetime = 0;
    /* RFC 6749, section 4.4: for confidential clients alone. */
    if (dev_app_flag(app, "public")) {
        dev_oauth_error(call, MHD_HTTP_BAD_REQUEST, "unauthorized_client", "a public client has no credentials");
        return;
    }
    if (!dev_oauth_target(call, app, &target) || !dev_oauth_scope(call, app))
        return;
    json_t *claims = json_pack("{s:s, s:s}", "sub", client_id, "client_id", client_id);
    if (target != NULL)
        (void)json_object_set(claims, "aud", target);
    if (scope != NULL)
        (void)json_object_set_new(claims, "scope", json_string(scope));
    (void)json_object_update(claims, json_object_get(app, "claims"));
    CLI_CLEANUP(json_decref_p) json_t *answer = dev_oauth_answer(call, claims, &lifetime);
    if (answer == NULL)
        return;
    dev_reply_json(call->reply, MHD_HTTP_OK, answer);
    call->reply->cache_control = cli_strdup("no-store");
}

void dev_serve_oauth_token(dev_call *call)
{
    if (!check_form(call))
        return;
    const char *grant = dev_form_get(&call->form, "grant_type");
    bool exchange = strcmp(grant, EXCHANGE) == 0;
    if (!exchange && strcmp(grant, "client_credentials") != 0) {
        dev_oauth_error(call, MHD_HTTP_BAD_REQUEST, "unsupported_grant_type",
                        "client_credentials and token-exchange are");
        return;
    }
    CLI_CLEANUP(json_decref_p) json_t *app = dev_oauth_client(call);
    if (app == NULL)
        return;
    if (dev_app_flag(app, "disabled"))
        dev_oauth_error(call, MHD_HTTP_BAD_REQUEST, "unauthorized_client", "the client is disabled");
    else if (exchange)
        dev_serve_exchange(call, app);
    else
        serve_client_credentials(call, app);
}
