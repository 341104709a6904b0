/* SPDX-License-Identifier: MIT */
/* Entra's token endpoint of version 2: {tenant}/oauth2/v2.0/token. */

#include "dev_issuer_tokens.h"

#include <string.h>
#include <strings.h>

#define JWT_BEARER "urn:ietf:params:oauth:grant-type:jwt-bearer"
#define ASSERTION_TYPE "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#define MANAGED_SECONDS (24 * 3600)

/* --- tenant --- */

static bool is_guid(const char *text)
{
    char lower[37];
    if (strlen(text) != 36)
        return false;
    for (size_t i = 0; i <= 36; i++)
        lower[i] = text[i] >= 'A' && text[i] <= 'F' ? (char)(text[i] - 'A' + 'a') : text[i];
    return dev_entra_is_guid(lower);
}

/* Lower-case, as the tokens have it; false after an answer. */
static bool check_tenant(dev_call *call)
{
    static const char *const many[] = {"common", "organizations", "consumers"};
    char *tenant = call->tenant;
    for (size_t i = 0; i < CLI_COUNT_OF(many); i++)
        if (strcmp(tenant, many[i]) == 0) {
            dev_entra_error(call, 50059, NULL);
            return false;
        }
    bool guid = is_guid(tenant);
    bool domain = strchr(tenant, '.') != NULL &&
                  tenant[strspn(tenant, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-")] == '\0';
    if (!guid && !domain) {
        dev_entra_error(call, 900023, tenant);
        return false;
    }
    for (char *at = tenant; guid && *at != '\0'; at++)
        *at = *at >= 'A' && *at <= 'F' ? (char)(*at - 'A' + 'a') : *at;
    if (guid && dev_app_knows_tenant(call->issuer, tenant))
        return true;
    dev_entra_error(call, 90002, tenant);
    return false;
}

/* --- the form --- */

static bool check_form(dev_call *call)
{
    const dev_form *form = &call->form;
    if (strcmp(call->method, "POST") != 0) {
        dev_entra_error(call, 900561, call->method);
        return false;
    }
    const char *wrong = dev_request_header_count(call->connection, MHD_HTTP_HEADER_CONTENT_TYPE) > 1
                            ? "Content-Type stands there twice."
                        : form->repeated  ? "A parameter stands there twice."
                        : form->malformed ? "The body is not application/x-www-form-urlencoded."
                                          : NULL;
    if (wrong != NULL) {
        dev_entra_error(call, 9002313, wrong);
        return false;
    }
    /* Another type is a body without parameters. */
    const char *missing = !form->typed || dev_form_text(form, "grant_type") == NULL ? "grant_type"
                          : dev_form_text(form, "scope") == NULL && dev_form_get(form, "resource") == NULL ? "scope"
                                                                                                           : NULL;
    if (missing != NULL) {
        dev_entra_error(call, 900144, missing);
        return false;
    }
    if (dev_form_get(form, "resource") != NULL) {
        dev_entra_error(call, 901002, NULL);
        return false;
    }
    return true;
}

/* --- the client --- */

static bool check_secret(dev_call *call, const json_t *app, const char *secret)
{
    const char *client_id = dev_jwt_text(app, "client_id");
    if (dev_app_has_secret(app, "secret", secret))
        return true;
    dev_entra_error(call, dev_app_has_secret(app, "expired_secret", secret) ? 7000222 : 7000215, client_id);
    return false;
}

static bool check_client_assertion(dev_call *call, const json_t *app)
{
    const char *type = dev_form_text(&call->form, "client_assertion_type");
    const char *assertion = dev_form_text(&call->form, "client_assertion");
    if (type == NULL || assertion == NULL) {
        dev_entra_error(call, 900144, type == NULL ? "client_assertion_type" : "client_assertion");
        return false;
    }
    if (strcmp(type, ASSERTION_TYPE) != 0) {
        dev_entra_error(call, 9002313, "The client_assertion_type is not that of JWTs.");
        return false;
    }
    return call->proxied ? dev_proxy_check(call, app, assertion) : dev_assertion_check(call, app, assertion);
}

/* What proves that the client is the application; @p strong: more than a secret. False after an answer. */
static bool check_proof(dev_call *call, const json_t *app, const char *basic_secret, bool *strong)
{
    const char *secret = basic_secret != NULL ? basic_secret : dev_form_get(&call->form, "client_secret");
    bool assertion = dev_form_get(&call->form, "client_assertion") != NULL ||
                     dev_form_get(&call->form, "client_assertion_type") != NULL;
    const char *client_id = dev_jwt_text(app, "client_id");
    *strong = assertion;
    if ((secret != NULL || assertion) && dev_app_flag(app, "public")) {
        dev_entra_error(call, 700025, client_id);
        return false;
    }
    if (secret != NULL && assertion) {
        dev_entra_error(call, 9002313, "Both client_secret and client_assertion are there.");
        return false;
    }
    if (assertion)
        return check_client_assertion(call, app);
    if (call->proxied || secret == NULL) {
        dev_entra_error(call, 7000218, NULL);
        return false;
    }
    if (secret[0] == '\0') {
        dev_entra_error(call, 900144, "client_secret");
        return false;
    }
    return check_secret(call, app, secret);
}

/* The application, proved to be the client; NULL after an answer. */
static json_t *authenticate(dev_call *call, bool *strong)
{
    CLI_AUTO_FREE char *basic_id = NULL;
    CLI_AUTO_FREE char *basic_secret = NULL;
    (void)dev_request_basic(call->connection, &basic_id, &basic_secret);
    const char *client_id = basic_id != NULL ? basic_id : dev_form_text(&call->form, "client_id");
    if (client_id == NULL) {
        dev_entra_error(call, 900144, "client_id");
        return NULL;
    }
    CLI_CLEANUP(json_decref_p) json_t *app = dev_app_find(call->issuer, client_id, call->tenant);
    if (app == NULL) {
        dev_entra_error(call, 700016, client_id);
        return NULL;
    }
    if (dev_app_flag(app, "disabled")) {
        dev_entra_error(call, 7000112, client_id);
        return NULL;
    }
    if (!check_proof(call, app, basic_secret, strong))
        return NULL;
    json_t *proved = app;
    app = NULL;
    return proved;
}

/* --- client credentials --- */

static bool is_reserved(const char *scope, size_t len)
{
    static const char *const names[] = {"openid", "profile", "email", "offline_access"};
    for (size_t i = 0; i < CLI_COUNT_OF(names); i++)
        if (strlen(names[i]) == len && strncasecmp(names[i], scope, len) == 0)
            return true;
    return false;
}

/* The one resource of `RESOURCE/.default`, literally: a slash at its end is part of it. NULL after an answer. */
static char *resource_of(dev_call *call, const char *scopes)
{
    static const char suffix[] = "/.default";
    const size_t suffix_len = sizeof suffix - 1;
    char *resource = NULL;
    for (const char *at = scopes; *at != '\0';) {
        size_t len = strcspn(at, " ");
        bool named = len > 0 && !is_reserved(at, len);
        bool whole = len > suffix_len && strncmp(at + len - suffix_len, suffix, suffix_len) == 0;
        if (named && (resource != NULL || !whole)) {
            dev_entra_error(call, resource != NULL ? 28002 : 70011, scopes);
            free(resource);
            return NULL;
        }
        if (named)
            resource = cli_copy(at, len - suffix_len);
        at += len + (at[len] == ' ');
    }
    if (resource == NULL)
        dev_entra_error(call, 70011, scopes);
    return resource;
}

static bool check_resource(dev_call *call, const json_t *app, const char *resource)
{
    const json_t *known = json_object_get(app, "resources");
    for (size_t i = 0; i < json_array_size(known); i++)
        if (strcmp(json_string_value(json_array_get(known, i)), resource) == 0)
            return true;
    if (known != NULL)
        dev_entra_error(call, 500011, resource);
    return known == NULL;
}

/* {"access_token":{"xms_cc":{"values":["cp1"]}}}; false after an answer. */
static bool read_claims(dev_call *call, bool *capable)
{
    const char *text = dev_form_get(&call->form, "claims");
    *capable = false;
    if (text == NULL)
        return true;
    CLI_CLEANUP(json_decref_p) json_t *claims = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(claims)) {
        dev_entra_error(call, 9002313, "The claims parameter is not one JSON object.");
        return false;
    }
    const json_t *wanted = json_object_get(json_object_get(claims, "access_token"), "xms_cc");
    const json_t *values = json_object_get(wanted, "values");
    for (size_t i = 0; i < json_array_size(values); i++) {
        const char *value = json_string_value(json_array_get(values, i));
        *capable = *capable || (value != NULL && strcmp(value, "cp1") == 0);
    }
    return true;
}

static void serve_client_credentials(dev_call *call, const json_t *app, bool strong)
{
    bool capable = false;
    CLI_AUTO_FREE char *resource = resource_of(call, dev_form_get(&call->form, "scope"));
    if (resource == NULL || !check_resource(call, app, resource) || !read_claims(call, &capable))
        return;
    bool managed = json_object_get(app, "managed_identity") != NULL;
    const dev_grant grant = {.kind = managed ? "managed-identity" : "daemon",
                             .tenant = call->tenant,
                             .app = app,
                             .resource = resource,
                             .capable = capable,
                             .strong = strong};
    CLI_CLEANUP(json_decref_p) json_t *answer = dev_grant_answer(call, &grant, managed ? MANAGED_SECONDS : 0);
    if (answer == NULL)
        return;
    dev_reply_json(call->reply, MHD_HTTP_OK, answer);
    dev_entra_headers(call);
}

void dev_serve_entra_token(dev_call *call)
{
    if (!check_form(call) || !check_tenant(call))
        return;
    const char *grant = dev_form_get(&call->form, "grant_type");
    bool bearer = strcmp(grant, JWT_BEARER) == 0;
    if (!bearer && strcmp(grant, "client_credentials") != 0) {
        dev_entra_error(call, 70003, grant);
        return;
    }
    bool strong = false;
    CLI_CLEANUP(json_decref_p) json_t *app = authenticate(call, &strong);
    if (app == NULL)
        return;
    if (bearer)
        dev_serve_on_behalf_of(call, app, strong);
    else
        serve_client_credentials(call, app, strong);
}
