/* SPDX-License-Identifier: MIT */
/* Google's security token service, and the second hop that makes a service account's token of what it gives. */

#include "dev_issuer_tokens.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define TYPE "urn:ietf:params:oauth:token-type:"
#define EXCHANGE "urn:ietf:params:oauth:grant-type:token-exchange"

static bool is_text(const dev_form *form, const char *name, const char *wanted)
{
    const char *value = dev_form_get(form, name);
    return value != NULL && strcmp(value, wanted) == 0;
}

/* Google, "Method: token" of the Security Token Service API. */
static const char *complaint_about(const dev_call *call)
{
    const dev_form *form = &call->form;
    if (!form->typed || form->malformed || form->repeated)
        return "the body is not one form without repetitions";
    if (dev_request_header(call->connection, MHD_HTTP_HEADER_AUTHORIZATION) != NULL)
        return "the request must not be authorized";
    if (!is_text(form, "requested_token_type", TYPE "access_token"))
        return "requested_token_type must be that of access tokens";
    if (!is_text(form, "subject_token_type", TYPE "jwt") && !is_text(form, "subject_token_type", TYPE "id_token"))
        return "subject_token_type must be that of JWTs or ID tokens";
    if (dev_form_text(form, "subject_token") == NULL || dev_form_text(form, "audience") == NULL ||
        dev_form_text(form, "scope") == NULL)
        return "audience, scope and subject_token are needed";
    return NULL;
}

/* The pool's provider is registered as an application whose client_id is the audience. */
void dev_serve_google(dev_call *call)
{
    if (!is_text(&call->form, "grant_type", EXCHANGE)) {
        dev_oauth_error(call, MHD_HTTP_BAD_REQUEST, "unsupported_grant_type", "Invalid grant type.");
        return;
    }
    const char *wrong = complaint_about(call);
    if (wrong != NULL) {
        dev_oauth_error(call, MHD_HTTP_BAD_REQUEST, "invalid_request", wrong);
        return;
    }
    CLI_CLEANUP(json_decref_p) json_t *app = dev_app_find(call->issuer, dev_form_get(&call->form, "audience"), NULL);
    if (app == NULL) {
        dev_oauth_error(call, MHD_HTTP_BAD_REQUEST, "invalid_target",
                        "The target service indicated by the \"audience\" parameters is invalid.");
        return;
    }
    CLI_CLEANUP(json_decref_p) json_t *subject = dev_subject_claims(call, app, "subject_token", "invalid_grant");
    if (subject == NULL)
        return;
    int64_t lifetime = 0;
    json_t *claims = json_pack("{s:O, s:s, s:s}", "sub", json_object_get(subject, "sub"), "aud",
                               dev_jwt_text(app, "client_id"), "scope", dev_form_get(&call->form, "scope"));
    CLI_CLEANUP(json_decref_p) json_t *answer = dev_oauth_answer(call, claims, &lifetime);
    if (answer == NULL)
        return;
    (void)json_object_del(answer, "scope");
    (void)json_object_set_new(answer, "issued_token_type", json_string(TYPE "access_token"));
    dev_reply_json(call->reply, MHD_HTTP_OK, answer);
}

/* --- the service account --- */

static void refuse(dev_call *call, unsigned status, const char *name, const char *message)
{
    CLI_CLEANUP(json_decref_p)
    json_t *document =
        json_pack("{s:{s:i, s:s, s:s}}", "error", "code", (int)status, "message", message, "status", name);
    dev_reply_json(call->reply, status, document);
}

static bool has_own_token(dev_call *call)
{
    const char *token = dev_request_credentials(call->connection, "Bearer");
    dev_jwt jwt = {0};
    int64_t until = 0;
    bool good = token != NULL && dev_jwt_read(token, &jwt) && dev_jwt_is_own(call->issuer, &jwt) &&
                dev_jwt_time(&jwt, "exp", &until) && (int64_t)time(NULL) < until;
    dev_jwt_clear(&jwt);
    if (!good)
        refuse(call, MHD_HTTP_UNAUTHORIZED, "UNAUTHENTICATED", "Request had invalid authentication credentials.");
    return good;
}

/* "3600s"; the longest is an hour. 0: none. */
static int64_t read_lifetime(const json_t *body)
{
    const json_t *member = json_object_get(body, "lifetime");
    const char *text = member == NULL ? "3600s" : json_string_value(member);
    size_t digits = text == NULL ? 0 : strspn(text, "0123456789");
    if (digits == 0 || digits > 5 || strcmp(text + digits, "s") != 0)
        return 0;
    int64_t seconds = strtoll(text, NULL, 10);
    return seconds <= 3600 ? seconds : 0;
}

/* Google, "Method: serviceAccounts.generateAccessToken" of the IAM Service Account Credentials API. */
void dev_serve_impersonation(dev_call *call)
{
    char *colon = strchr(call->tenant, ':');
    if (colon == NULL || strcmp(colon, ":generateAccessToken") != 0 || strchr(call->tenant, '@') == NULL) {
        refuse(call, MHD_HTTP_NOT_FOUND, "NOT_FOUND", "no such method of a service account");
        return;
    }
    *colon = '\0';
    if (!has_own_token(call))
        return;
    CLI_CLEANUP(json_decref_p)
    json_t *body = json_loadb(call->body->ptr == NULL ? "" : call->body->ptr, call->body->len, 0, NULL);
    const json_t *scopes = json_object_get(body, "scope");
    int64_t seconds = read_lifetime(body);
    if (json_array_size(scopes) == 0 || !json_is_string(json_array_get(scopes, 0)) || seconds == 0) {
        refuse(call, MHD_HTTP_BAD_REQUEST, "INVALID_ARGUMENT", "scope and a lifetime of up to 3600s are needed");
        return;
    }
    const time_t until = time(NULL) + (time_t)seconds;
    CLI_CLEANUP(json_decref_p)
    json_t *request = json_pack("{s:{s:s, s:O, s:I}}", "claims", "sub", call->tenant, "scope",
                                json_array_get(scopes, 0), "exp", (json_int_t)until);
    CLI_AUTO_FREE char *text = NULL;
    struct tm utc = {0};
    char when[32] = "";
    if (dev_mint(call->issuer, request, &text) != 0 || gmtime_r(&until, &utc) == NULL) {
        refuse(call, MHD_HTTP_INTERNAL_SERVER_ERROR, "INTERNAL", "no token could be made");
        return;
    }
    (void)strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &utc);
    CLI_CLEANUP(json_decref_p) json_t *answer = json_pack("{s:s, s:s}", "accessToken", text, "expireTime", when);
    dev_reply_json(call->reply, MHD_HTTP_OK, answer);
}
