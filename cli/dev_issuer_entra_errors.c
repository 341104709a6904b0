/* SPDX-License-Identifier: MIT */
/* Errors of Entra ID: numbers with the error, the status and about the words that go with them. */

#include "dev_issuer_tokens.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define MFA_CLAIMS                                                                                                     \
    "{\"access_token\":{\"capolids\":{\"essential\":true,\"values\":[\"00000000-0000-0000-0000-000000000000\"]}}}"

typedef struct entra_error {
    long number;
    unsigned status;
    const char *error;
    const char *text; /* "{}": the detail's place */
    const char *suberror;
    const char *claims;
} entra_error;

#define INVALID_REQUEST 400, "invalid_request"
#define INVALID_CLIENT 401, "invalid_client"
#define INVALID_GRANT 400, "invalid_grant"
#define UNAUTHORIZED 400, "unauthorized_client"
#define INTERACTION 400, "interaction_required"
#define TRANSIENT 503, "temporarily_unavailable"

static const entra_error errors[] = {
    {50001, 400, "invalid_resource", "The resource principal named {} was not found.", NULL, NULL},
    {500011, 400, "invalid_resource", "The resource principal named {} was not found in the tenant.", NULL, NULL},
    {50013, INVALID_GRANT, "Assertion failed signature validation. [Reason - {}]", NULL, NULL},
    {500131, INVALID_GRANT,
     "Assertion audience does not match the Client app presenting the assertion. The audience in the assertion was "
     "'{}'.",
     NULL, NULL},
    {500133, INVALID_GRANT, "Assertion is not within its valid time range. {}", NULL, NULL},
    {50027, INVALID_REQUEST, "JWT token is invalid or malformed. {}", NULL, NULL},
    {5002730, INVALID_REQUEST, "Invalid JWT token. {}", NULL, NULL},
    {5002738, INVALID_REQUEST,
     "Invalid JWT token. '{}' is not a supported signature algorithm. Supported signing algorithms are: 'RS256, RS384, "
     "RS512, PS256, PS384, PS512'.",
     NULL, NULL},
    {50033, TRANSIENT, "A transient error has occurred. Please try again.", NULL, NULL},
    {50034, INVALID_GRANT, "The user account {} does not exist in the directory.", NULL, NULL},
    {50049, 400, "invalid_instance", "Unknown or invalid instance. {}", NULL, NULL},
    {50059, INVALID_REQUEST,
     "No tenant-identifying information found in either the request or implied by any provided credentials.", NULL,
     NULL},
    {50076, INTERACTION,
     "Due to a configuration change made by your administrator, or because you moved to a new location, you must use "
     "multi-factor authentication to access '{}'.",
     "basic_action", MFA_CLAIMS},
    {50079, INTERACTION,
     "Due to a configuration change made by your administrator, or because you moved to a new location, you must "
     "enroll in multi-factor authentication to access '{}'.",
     "basic_action", MFA_CLAIMS},
    {50105, INVALID_GRANT, "The signed in user is not assigned to a role for the application '{}'.", NULL, NULL},
    {50158, INTERACTION,
     "External security challenge not satisfied. User will be redirected to another page or authentication provider to "
     "satisfy additional authentication challenges.",
     "basic_action", MFA_CLAIMS},
    {50196, INVALID_GRANT,
     "The server terminated an operation because it encountered a client request loop. Please contact your app vendor.",
     NULL, NULL},
    {53003, INTERACTION,
     "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.",
     "message_only", MFA_CLAIMS},
    {530032, INVALID_GRANT, "User blocked due to risk on home tenant.", "message_only", NULL},
    {530035, INVALID_GRANT, "Access has been blocked by security defaults.", "message_only", NULL},
    {65001, INVALID_GRANT,
     "The user or administrator has not consented to use the application with ID '{}'. Send an interactive "
     "authorization request for this user and resource.",
     "consent_required", NULL},
    {70003, 400, "unsupported_grant_type", "The app requested an unsupported grant type '{}'.", NULL, NULL},
    {70011, 400, "invalid_scope",
     "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' "
     "is not valid. The scope {} is not valid.",
     NULL, NULL},
    {70021, INVALID_REQUEST, "No matching federated identity record found for presented assertion. {}", NULL, NULL},
    {70023, INVALID_REQUEST, "External OIDC token has a lifetime that is longer than is allowed. {}", NULL, NULL},
    {70025, INVALID_CLIENT, "The client '{}' has no configured federated identity credentials.", NULL, NULL},
    {28002, 400, "invalid_scope",
     "Provided value for the input parameter scope '{}' is not valid when requesting an access token. Please provide a "
     "scope for one resource only.",
     NULL, NULL},
    {700011, UNAUTHORIZED, "Application with identifier {} was not found in the directory.", NULL, NULL},
    {700016, UNAUTHORIZED,
     "Application with identifier '{}' was not found in the directory. This can happen if the application has not been "
     "installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your "
     "authentication request to the wrong tenant.",
     NULL, NULL},
    {700021, INVALID_CLIENT, "Client assertion application identifier doesn't match 'client_id' parameter. {}", NULL,
     NULL},
    {700022, 400, "invalid_scope",
     "The provided value for the input parameter scope is not valid because it contains more than one resource. Scope "
     "{} is not valid.",
     NULL, NULL},
    {700023, INVALID_CLIENT, "Client assertion audience claim does not match Realm issuer. {}", NULL, NULL},
    {700024, INVALID_CLIENT, "Client assertion is not within its valid time range. {}", NULL, NULL},
    {700025, INVALID_CLIENT,
     "Client is public so neither 'client_assertion' nor 'client_secret' should be presented. {}", NULL, NULL},
    {700027, INVALID_CLIENT,
     "The certificate with identifier used to sign the client assertion is not registered on application, or its "
     "signature is wrong. [Reason - {}]",
     NULL, NULL},
    {700211, INVALID_CLIENT,
     "No matching federated identity record found for presented assertion issuer '{}'. Check your federated identity "
     "credential Subject, Audience and Issuer against the presented assertion.",
     NULL, NULL},
    {700212, INVALID_CLIENT,
     "No matching federated identity record found for presented assertion audience '{}'. Check your federated identity "
     "credential Subject, Audience and Issuer against the presented assertion.",
     NULL, NULL},
    {700213, INVALID_CLIENT,
     "No matching federated identity record found for presented assertion subject '{}'. Check your federated identity "
     "credential Subject, Audience and Issuer against the presented assertion.",
     NULL, NULL},
    {7002121, INVALID_CLIENT, "No matching federated identity record found for presented assertion audience '{}'.",
     NULL, NULL},
    {7002138, INVALID_CLIENT,
     "No matching federated identity record found for presented assertion. A record of other letter case is there: "
     "'{}'. Matching is case-sensitive.",
     NULL, NULL},
    {700222, INVALID_CLIENT, "AAD-issued tokens may not be used for federated identity flows. {}", NULL, NULL},
    {700226, INVALID_CLIENT, "Entra-issued tokens of this kind may not be used as a federated identity credential. {}",
     NULL, NULL},
    {700227, INVALID_CLIENT, "The managed identity and the application must be in the same tenant. {}", NULL, NULL},
    {700229, INVALID_CLIENT, "Only app tokens can be used as Federated Identity Credentials for AAD issuer. {}", NULL,
     NULL},
    {700236, INVALID_CLIENT,
     "Entra ID tokens issued by this issuer may not be used for federated identity credential flows. {}", NULL, NULL},
    {7000112, UNAUTHORIZED, "Application '{}' is disabled.", NULL, NULL},
    {7000113, UNAUTHORIZED, "Application '{}' is not authorized to make application on-behalf-of calls.", NULL, NULL},
    {7000114, UNAUTHORIZED, "Application '{}' is not allowed to make application on-behalf-of calls.", NULL, NULL},
    {7000215, INVALID_CLIENT,
     "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the "
     "client secret ID, for a secret added to app '{}'.",
     NULL, NULL},
    {7000216, INVALID_CLIENT,
     "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.", NULL,
     NULL},
    {7000218, INVALID_CLIENT,
     "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.", NULL, NULL},
    {7000222, INVALID_CLIENT,
     "The provided client secret keys for app '{}' are expired. Visit the Azure portal to create new keys for your "
     "app.",
     NULL, NULL},
    {90002, INVALID_REQUEST,
     "Tenant '{}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.",
     NULL, NULL},
    {90006, TRANSIENT, "Service is temporarily unavailable. Please retry later.", NULL, NULL},
    {90014, INVALID_REQUEST, "The required field '{}' is missing from the credential.", NULL, NULL},
    {90024, TRANSIENT, "Request budget exceeded - a transient error has occurred. Try again.", NULL, NULL},
    {90033, TRANSIENT, "A transient error has occurred. Please try again.", NULL, NULL},
    {90038, INVALID_REQUEST, "Tenant '{}' request is being redirected to the National Cloud 'microsoftonline.us'.",
     NULL, NULL},
    {90055, 429, "temporarily_unavailable", "Tenant '{}' has too many requests. Please retry later.", NULL, NULL},
    {90061, INVALID_REQUEST, "Request to External OIDC endpoint failed. {}", NULL, NULL},
    {90090, TRANSIENT, "Internal processing error. Please try again.", NULL, NULL},
    {100007, UNAUTHORIZED,
     "Only managed identities and Microsoft internal service identities are allowed to use the regional endpoint.",
     NULL, NULL},
    {900023, INVALID_REQUEST,
     "Specified tenant identifier '{}' is neither a valid DNS name, nor a valid external domain.", NULL, NULL},
    {900144, INVALID_REQUEST, "The request body must contain the following parameter: '{}'.", NULL, NULL},
    {900382, INVALID_REQUEST, "Confidential Client is not supported in Cross Cloud request.", NULL, NULL},
    {900432, INVALID_REQUEST, "Confidential Client is not supported in Cross Cloud request.", NULL, NULL},
    {900561, INVALID_REQUEST, "The endpoint only accepts POST requests. Received a {} request.", NULL, NULL},
    {901002, INVALID_REQUEST, "The 'resource' request parameter is not supported.", NULL, NULL},
    {1002012, 400, "invalid_scope",
     "The provided value for scope {} is not valid. Client credential flows must have a scope value with /.default "
     "suffixed to the resource identifier (application ID URI).",
     NULL, NULL},
    {9002313, INVALID_REQUEST, "Invalid request. Request is malformed or invalid. {}", NULL, NULL},
};

static entra_error find(long number)
{
    for (size_t i = 0; i < CLI_COUNT_OF(errors); i++)
        if (errors[i].number == number)
            return errors[i];
    return (entra_error){number, INVALID_REQUEST, "An error of the development issuer's fault. {}", NULL, NULL};
}

char *dev_random_guid(void)
{
    uint8_t d[16] = {0};
    (void)RAND_bytes(d, sizeof d);
    return cli_format("%02x%02x%02x%02x-%02x%02x-4%01x%02x-8%01x%02x-%02x%02x%02x%02x%02x%02x", d[0], d[1], d[2], d[3],
                      d[4], d[5], d[6] & 0xf, d[7], d[8] & 0xf, d[9], d[10], d[11], d[12], d[13], d[14], d[15]);
}

/* A header field of most clients, and a parameter of MSAL for Node. */
const char *dev_client_request_id(const dev_call *call)
{
    const char *sent = dev_request_header(call->connection, "client-request-id");
    return sent != NULL ? sent : dev_form_get(&call->form, "client-request-id");
}

/* The client's own id of the request, so that both sides can be found in their logs. */
static char *correlation_id(const dev_call *call)
{
    const char *sent = dev_client_request_id(call);
    bool usable = sent != NULL && strlen(sent) == 36 && sent[strspn(sent, "0123456789abcdefABCDEF-")] == '\0';
    return usable ? cli_strdup(sent) : dev_random_guid();
}

void dev_entra_headers(dev_call *call)
{
    CLI_AUTO_FREE char *id = dev_random_guid();
    const char *sent = dev_client_request_id(call);
    dev_reply_header(call->reply, "x-ms-request-id", id);
    if (sent != NULL && sent[strspn(sent, "0123456789abcdefABCDEF-")] == '\0')
        dev_reply_header(call->reply, "client-request-id", sent);
    dev_reply_header(call->reply, "Pragma", "no-cache");
    free(call->reply->cache_control);
    call->reply->cache_control = cli_strdup("no-store, no-cache");
}

/* "AADSTS70021: No matching … Trace ID: … Correlation ID: … Timestamp: …" */
static char *description_of(const entra_error *error, const char *detail, const char *trace, const char *correlation,
                            const char *now)
{
    /* What came may be no text at all, and then it is no part of a JSON document either. */
    if (detail != NULL && !cli_is_utf8(detail, strlen(detail)))
        detail = NULL;
    const char *place = strstr(error->text, "{}");
    int before = place == NULL ? (int)strlen(error->text) : (int)(place - error->text);
    return cli_format("AADSTS%ld: %.*s%s%s Trace ID: %s Correlation ID: %s Timestamp: %s", error->number, before,
                      error->text, place == NULL || detail == NULL ? "" : detail, place == NULL ? "" : place + 2, trace,
                      correlation, now);
}

void dev_entra_error(dev_call *call, long number, const char *detail)
{
    const entra_error error = find(number);
    CLI_AUTO_FREE char *trace = dev_random_guid();
    CLI_AUTO_FREE char *correlation = correlation_id(call);
    const time_t seconds = time(NULL);
    struct tm utc = {0};
    char now[32] = "";
    if (gmtime_r(&seconds, &utc) != NULL)
        (void)strftime(now, sizeof now, "%Y-%m-%d %H:%M:%SZ", &utc);
    CLI_AUTO_FREE char *description = description_of(&error, detail, trace, correlation, now);
    CLI_AUTO_FREE char *uri = cli_format("%s/error?code=%ld", call->issuer->base, number);
    CLI_CLEANUP(json_decref_p)
    json_t *document = json_pack("{s:s, s:s, s:[I], s:s, s:s, s:s, s:s}", "error", error.error, "error_description",
                                 description, "error_codes", (json_int_t)number, "timestamp", now, "trace_id", trace,
                                 "correlation_id", correlation, "error_uri", uri);
    if (error.suberror != NULL)
        (void)json_object_set_new(document, "suberror", json_string(error.suberror));
    if (error.claims != NULL)
        (void)json_object_set_new(document, "claims", json_string(error.claims));
    dev_reply_json(call->reply, error.status, document);
    dev_entra_headers(call);
    (void)json_object_set_new(call->record, "error", json_integer((json_int_t)number));
}
