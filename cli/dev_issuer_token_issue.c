/* SPDX-License-Identifier: MIT */
/* Tokens given by Entra's token endpoint and to managed identities: real ones, in the shapes of /mint. */

#include "dev_issuer_tokens.h"

#include <string.h>
#include <time.h>

#define USUAL_SECONDS 3599          /* what Entra tells of a token for an hour */
#define CAPABLE_SECONDS (24 * 3600) /* with continuous access evaluation */

/* Of a GUID version 2, whose audience is the GUID; of a URI version 1, as an application has it that says nothing. A federated
 * credential names the issuer of version 2. */
static int version_of(const dev_settings *settings, const char *resource)
{
    static const char exchange[] = "api://AzureADTokenExchange";
    if (strncmp(resource, exchange, sizeof exchange - 1) == 0)
        return 2;
    if (settings->token_version != 0)
        return (int)settings->token_version;
    return dev_entra_is_guid(resource) ? 2 : 1;
}

static json_t *claims_of(const dev_grant *grant, int64_t now, int64_t lifetime)
{
    json_t *claims = json_pack("{s:s, s:I}", "aud", grant->resource, "exp", (json_int_t)(now + lifetime));
    const char *mirid = dev_jwt_text(json_object_get(grant->app, "managed_identity"), "resource_id");
    bool of_identity = strcmp(grant->kind, "managed-identity") == 0;
    if (of_identity && mirid != NULL)
        (void)json_object_set_new(claims, "xms_mirid", json_string(mirid));
    if (grant->scp != NULL)
        (void)json_object_set_new(claims, "scp", json_string(grant->scp));
    if (grant->capable)
        (void)json_object_set_new(claims, "xms_cc", json_pack("[s]", "cp1"));
    (void)json_object_update(claims, json_object_get(grant->app, "claims"));
    if (grant->claims != NULL)
        (void)json_object_update(claims, (json_t *)grant->claims);
    return claims;
}

static json_t *request_of(const dev_grant *grant, int version, json_t *claims)
{
    json_t *request = json_pack("{s:s, s:s, s:i, s:s}", "entra", grant->kind, "tenant", grant->tenant, "version",
                                version, "client_id", dev_jwt_text(grant->app, "client_id"));
    const char *principal = dev_jwt_text(json_object_get(grant->app, "managed_identity"), "principal_id");
    bool of_application = strcmp(grant->kind, "user") != 0;
    if (of_application && principal != NULL)
        (void)json_object_set_new(request, "object_id", json_string(principal));
    /* How the client proved itself: with a secret, or with more. What /mint makes of a user came without either. */
    if (grant->strong || grant->claims != NULL)
        (void)json_object_set_new(claims, version == 1 ? "appidacr" : "azpacr", json_string(grant->strong ? "2" : "1"));
    (void)json_object_set_new(request, "claims", claims);
    return request;
}

char *dev_grant_token(dev_call *call, const dev_grant *grant, int64_t usual, int64_t *lifetime)
{
    dev_settings settings = dev_settings_now(call->issuer);
    free(settings.identity_header);
    *lifetime = settings.token_lifetime > 0 ? settings.token_lifetime
                : grant->capable            ? CAPABLE_SECONDS
                                            : dev_lifetime(call->issuer, usual == 0 ? USUAL_SECONDS : usual);
    json_t *claims = claims_of(grant, (int64_t)time(NULL), *lifetime);
    CLI_CLEANUP(json_decref_p) json_t *request = request_of(grant, version_of(&settings, grant->resource), claims);
    CLI_AUTO_FREE char *text = NULL;
    if (dev_mint(call->issuer, request, &text) != 0) {
        CLI_CLEANUP(json_decref_p)
        json_t *problem = json_pack("{s:s, s:s}", "error", "server_error", "error_description", text);
        dev_reply_json(call->reply, MHD_HTTP_INTERNAL_SERVER_ERROR, problem);
        return NULL;
    }
    char *token = text;
    text = NULL;
    return token;
}

json_t *dev_grant_answer(dev_call *call, const dev_grant *grant, int64_t usual)
{
    int64_t lifetime = 0;
    CLI_AUTO_FREE char *token = dev_grant_token(call, grant, usual, &lifetime);
    if (token == NULL)
        return NULL;
    dev_settings settings = dev_settings_now(call->issuer);
    free(settings.identity_header);
    json_t *answer = json_pack("{s:s}", "token_type", "Bearer");
    dev_settings_put_expires_in(&settings, answer, "expires_in", "number", lifetime);
    dev_settings_put_expires_in(&settings, answer, "ext_expires_in", "number", lifetime);
    if (settings.refresh_in > 0)
        dev_settings_put_expires_in(&settings, answer, "refresh_in", "number", settings.refresh_in);
    (void)json_object_set_new(answer, "access_token", json_string(token));
    return answer;
}
