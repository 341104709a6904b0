/* SPDX-License-Identifier: MIT */
/* A cluster's token proxy (AKS identity bindings): it answers Entra's token requests of pods that may not reach Entra. */

#include "dev_issuer_tokens.h"

#include <string.h>
#include <time.h>

#define BINDING_AUDIENCE "api://AKSIdentityBinding"

/* A refusal as of the API server of Kubernetes, "API Conventions", response status kind. */
static bool refuse(dev_call *call, unsigned status, const char *reason, const char *message)
{
    CLI_CLEANUP(json_decref_p)
    json_t *document =
        json_pack("{s:s, s:s, s:{}, s:s, s:s, s:s, s:i}", "kind", "Status", "apiVersion", "v1", "metadata", "status",
                  "Failure", "message", message, "reason", reason, "code", (int)status);
    dev_reply_json(call->reply, status, document);
    return false;
}

/* The pod's token: for the proxy, of the cluster that the application's binding names, and genuine. */
static bool check_token(dev_call *call, const json_t *app, const dev_jwt *jwt)
{
    long unused = 0;
    int64_t until = 0;
    if (!dev_jwt_has_audience(jwt, BINDING_AUDIENCE))
        return refuse(call, 401, "Unauthorized", "the token is not for api://AKSIdentityBinding");
    if (!dev_app_flag(app, "identity_binding")) {
        CLI_AUTO_FREE char *message =
            cli_format("user \"%s\" cannot use-managed-identity resource \"%s\" in API group \"cid.wi.aks.azure.com\"",
                       dev_jwt_text(jwt->claims, "sub"), dev_jwt_text(app, "client_id"));
        return refuse(call, 403, "Forbidden", message);
    }
    const json_t *federated = dev_federated_match(app, jwt, BINDING_AUDIENCE, &unused);
    if (federated == NULL || !dev_jwt_time(jwt, "exp", &until) || (int64_t)time(NULL) >= until ||
        dev_trust_check(call->issuer, federated, jwt->text) != DEV_TRUSTED)
        return refuse(call, 401, "Unauthorized", "the token could not be verified");
    return true;
}

bool dev_proxy_check(dev_call *call, const json_t *app, const char *assertion)
{
    dev_jwt jwt;
    bool good = dev_jwt_read(assertion, &jwt) ? check_token(call, app, &jwt)
                                              : refuse(call, 401, "Unauthorized", "the token is no JWT");
    dev_jwt_clear(&jwt);
    return good;
}

const char *dev_proxy_below(const dev_issuer *issuer, const char *url)
{
    if (issuer->proxy_path == NULL)
        return url;
    size_t len = strlen(issuer->proxy_path);
    return strncmp(url, issuer->proxy_path, len) == 0 && url[len] == '/' ? url + len : url;
}
