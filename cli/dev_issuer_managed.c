/* SPDX-License-Identifier: MIT */
/* Managed identities: IMDS, App Service and its like, Service Fabric, Cloud Shell. Arc's challenge is in dev_issuer_arc.c. */

#include "dev_issuer_tokens.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define USUAL_SECONDS 86399

static const dev_selector imds_selectors[] = {{"client_id", "client_id"},       {"object_id", "principal_id"},
                                              {"principal_id", "principal_id"}, {"msi_res_id", "resource_id"},
                                              {"mi_res_id", "resource_id"},     {NULL, NULL}};
static const dev_selector fabric_selectors[] = {{"principalId", "principal_id"}, {NULL, NULL}};
static const dev_selector old_selectors[] = {
    {"clientid", "client_id"}, {"principal_id", "principal_id"}, {"mi_res_id", "resource_id"}, {NULL, NULL}};

/* --- what is common --- */

static bool is_system(const json_t *app)
{
    return json_is_true(json_object_get(json_object_get(app, "managed_identity"), "system_assigned"));
}

static const char *member_of(const json_t *app, const char *member)
{
    return dev_jwt_text(strcmp(member, "client_id") == 0 ? app : json_object_get(app, "managed_identity"), member);
}

/* Without a selector: the system's own, or the only one that there is. */
static json_t *only_identity(dev_call *call, const json_t *list, dev_refusal refuse)
{
    size_t count = json_array_size(list);
    for (size_t i = 0; i < count; i++)
        if (is_system(json_array_get(list, i)))
            return json_incref(json_array_get(list, i));
    if (count == 1)
        return json_incref(json_array_get(list, 0));
    refuse(call, MHD_HTTP_BAD_REQUEST,
           count == 0
               ? "Identity not found"
               : "Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in "
                 "the token request");
    return NULL;
}

json_t *dev_managed_identity(dev_call *call, const dev_selector *selectors, dev_refusal refuse)
{
    CLI_CLEANUP(json_decref_p) json_t *list = dev_app_identities(call->issuer);
    const dev_selector *chosen = NULL;
    for (const dev_selector *each = selectors; each->parameter != NULL; each++) {
        if (dev_form_get(&call->form, each->parameter) == NULL)
            continue;
        if (chosen != NULL) {
            refuse(call, MHD_HTTP_BAD_REQUEST, "More than one identity is specified");
            return NULL;
        }
        chosen = each;
    }
    if (chosen == NULL)
        return only_identity(call, list, refuse);
    const char *wanted = dev_form_get(&call->form, chosen->parameter);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *known = member_of(json_array_get(list, i), chosen->member);
        if (known != NULL && strcasecmp(known, wanted) == 0)
            return json_incref(json_array_get(list, i));
    }
    refuse(call, MHD_HTTP_BAD_REQUEST, "Identity not found");
    return NULL;
}

static void put_number(json_t *answer, const char *name, int64_t number)
{
    CLI_AUTO_FREE char *text = cli_format("%" PRId64, number);
    (void)json_object_set_new(answer, name, json_string(text));
}

void dev_managed_answer(dev_call *call, const json_t *app, const char *expires_on, bool expires_in)
{
    const char *resource = dev_form_get(&call->form, "resource");
    const char *tenant = dev_jwt_text(app, "tenant");
    const dev_grant grant = {.kind = "managed-identity",
                             .tenant = tenant == NULL ? call->issuer->tenant : tenant,
                             .app = app,
                             .resource = resource};
    int64_t lifetime = 0;
    CLI_AUTO_FREE char *token = dev_grant_token(call, &grant, USUAL_SECONDS, &lifetime);
    if (token == NULL)
        return;
    dev_settings settings = dev_settings_now(call->issuer);
    free(settings.identity_header);
    const int64_t now = (int64_t)time(NULL);
    CLI_CLEANUP(json_decref_p)
    json_t *answer = json_pack("{s:s, s:s}", "access_token", token, "client_id", dev_jwt_text(app, "client_id"));
    if (expires_in) {
        dev_settings_put_expires_in(&settings, answer, "expires_in", "string", lifetime);
        put_number(answer, "not_before", now - 300);
    }
    dev_settings_put_expires_on(&settings, answer, expires_on, now + lifetime);
    if (settings.refresh_in > 0)
        dev_settings_put_expires_in(&settings, answer, "refresh_in", "string", settings.refresh_in);
    (void)json_object_set_new(answer, "resource", json_string(resource));
    (void)json_object_set_new(answer, "token_type", json_string("Bearer"));
    /* Agents that know user-assigned identities say whose token it is. */
    const char *resource_id = dev_form_get(&call->form, "msi_res_id");
    if (call->stat == DEV_STAT_ARC && resource_id != NULL && call->fault.kind != DEV_FAULT_ARC_NO_ECHO)
        (void)json_object_set_new(answer, "msi_res_id", json_string(resource_id));
    dev_reply_json(call->reply, MHD_HTTP_OK, answer);
}

/* --- IMDS --- */

void dev_imds_refuse(dev_call *call, unsigned status, const char *sentence)
{
    CLI_CLEANUP(json_decref_p)
    json_t *document = json_pack("{s:s, s:s}", "error", "invalid_request", "error_description", sentence);
    dev_reply_json(call->reply, status, document);
}

static bool has_metadata_header(dev_call *call)
{
    const char *value = dev_request_header(call->connection, "Metadata");
    if (value != NULL && strcasecmp(value, "true") == 0)
        return true;
    CLI_CLEANUP(json_decref_p)
    json_t *document = json_pack("{s:s, s:s}", "error", "bad_request_102", "error_description",
                                 "Required metadata header not specified");
    dev_reply_json(call->reply, MHD_HTTP_BAD_REQUEST, document);
    return false;
}

static bool has_resource(dev_call *call, dev_refusal refuse)
{
    if (call->form.repeated) {
        refuse(call, MHD_HTTP_BAD_REQUEST, "A parameter stands there twice");
        return false;
    }
    if (dev_form_text(&call->form, "resource") != NULL)
        return true;
    refuse(call, MHD_HTTP_BAD_REQUEST, "The parameter resource is missing");
    return false;
}

/* Microsoft, "Azure Service Fabric managed identity": the codes stand in an object. */
static void fabric_refuse(dev_call *call, unsigned status, const char *sentence)
{
    const char *code = status == MHD_HTTP_UNAUTHORIZED               ? "SecretHeaderNotFound"
                       : strcmp(sentence, "Identity not found") == 0 ? "ManagedIdentityNotFound"
                                                                     : "ArgumentNullOrEmpty";
    CLI_CLEANUP(json_decref_p)
    json_t *document =
        json_pack("{s:{s:s, s:s, s:s}}", "error", "correlationId", "0", "code", code, "message", sentence);
    dev_reply_json(call->reply, strcmp(code, "ManagedIdentityNotFound") == 0 ? MHD_HTTP_NOT_FOUND : status, document);
}

static bool header_is_identity(dev_call *call, const char *name)
{
    const char *value = dev_request_header(call->connection, name);
    dev_settings settings = dev_settings_now(call->issuer);
    bool same = value != NULL && dev_same_secret(value, settings.identity_header);
    explicit_bzero(settings.identity_header, strlen(settings.identity_header));
    free(settings.identity_header);
    return same;
}

static void serve_service_fabric(dev_call *call)
{
    call->stat = DEV_STAT_SERVICE_FABRIC;
    if (!header_is_identity(call, "Secret")) {
        fabric_refuse(call, MHD_HTTP_UNAUTHORIZED, "The header Secret is missing or wrong");
        return;
    }
    if (!has_resource(call, fabric_refuse))
        return;
    CLI_CLEANUP(json_decref_p) json_t *app = dev_managed_identity(call, fabric_selectors, fabric_refuse);
    if (app != NULL)
        dev_managed_answer(call, app, "number", false);
}

static void answer_identity(dev_call *call)
{
    if (!has_resource(call, dev_imds_refuse))
        return;
    CLI_CLEANUP(json_decref_p) json_t *app = dev_managed_identity(call, imds_selectors, dev_imds_refuse);
    if (app != NULL)
        dev_managed_answer(call, app, "string", true);
}

/* One path of three services, told apart by the version. */
void dev_serve_imds(dev_call *call)
{
    const char *version = dev_form_get(&call->form, "api-version");
    if (version != NULL && strcmp(version, "2019-07-01-preview") == 0) {
        serve_service_fabric(call);
        return;
    }
    bool arc = version != NULL && (strcmp(version, "2020-06-01") == 0 || strcmp(version, "2019-11-01") == 0);
    call->stat = arc ? DEV_STAT_ARC : DEV_STAT_IMDS;
    if (!has_metadata_header(call))
        return;
    /* It would be a request that somebody passed on (Microsoft, "Azure Instance Metadata Service", security). */
    if (dev_request_header(call->connection, "X-Forwarded-For") != NULL) {
        dev_imds_refuse(call, MHD_HTTP_BAD_REQUEST, "Requests with X-Forwarded-For are not answered");
        return;
    }
    if (!arc && (version == NULL || strcmp(version, "2018-02-01") != 0)) {
        dev_imds_refuse(call, MHD_HTTP_BAD_REQUEST, "The parameter api-version is missing or not supported");
        return;
    }
    if (!arc || dev_arc_check(call))
        answer_identity(call);
}

/* --- App Service, Functions, Container Apps, Azure ML --- */

static void app_service_refuse(dev_call *call, unsigned status, const char *sentence)
{
    bool none = strcmp(sentence, "Identity not found") == 0;
    CLI_CLEANUP(json_decref_p)
    json_t *document = json_pack(
        "{s:i, s:s}", "statusCode", (int)status, "message",
        none ? "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId."
             : sentence);
    dev_reply_json(call->reply, status, document);
}

void dev_serve_app_service(dev_call *call)
{
    const char *version = dev_form_get(&call->form, "api-version");
    bool old = version != NULL && strcmp(version, "2017-09-01") == 0;
    const char *header = old ? "secret" : "X-IDENTITY-HEADER";
    if (!old && (version == NULL || (strcmp(version, "2019-08-01") != 0 && strcmp(version, "2025-03-30") != 0))) {
        app_service_refuse(call, MHD_HTTP_BAD_REQUEST, "The parameter api-version is missing or not supported");
        return;
    }
    if (!header_is_identity(call, header)) {
        bool absent = dev_request_header(call->connection, header) == NULL;
        app_service_refuse(call, absent ? MHD_HTTP_UNAUTHORIZED : MHD_HTTP_FORBIDDEN,
                           absent ? "The identity header is missing" : "The identity header is wrong");
        return;
    }
    if (!has_resource(call, app_service_refuse))
        return;
    CLI_CLEANUP(json_decref_p)
    json_t *app = dev_managed_identity(call, old ? old_selectors : imds_selectors, app_service_refuse);
    if (app != NULL)
        dev_managed_answer(call, app, old ? "us12" : "string", false);
}

/* --- Cloud Shell: the token of the user who sits before it --- */

void dev_serve_cloud_shell(dev_call *call)
{
    if (!has_metadata_header(call) || !has_resource(call, dev_imds_refuse))
        return;
    for (const dev_selector *each = imds_selectors; each->parameter != NULL; each++)
        if (dev_form_get(&call->form, each->parameter) != NULL) {
            dev_imds_refuse(call, MHD_HTTP_BAD_REQUEST, "Cloud Shell has no user-assigned identities");
            return;
        }
    CLI_CLEANUP(json_decref_p)
    json_t *app = json_pack("{s:s}", "client_id", "00001111-aaaa-2222-bbbb-3333cccc4444");
    const char *resource = dev_form_get(&call->form, "resource");
    const dev_grant grant = {
        .kind = "user", .tenant = call->issuer->tenant, .app = app, .resource = resource, .scp = "user_impersonation"};
    CLI_CLEANUP(json_decref_p) json_t *answer = dev_grant_answer(call, &grant, 0);
    if (answer == NULL)
        return;
    (void)json_object_set_new(answer, "resource", json_string(resource));
    dev_reply_json(call->reply, MHD_HTTP_OK, answer);
}
