/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_ACQUIRE_TOKEN_REQUEST_H
#define ASSAY_ACQUIRE_TOKEN_REQUEST_H

/* What token is wanted: all that tells one entry of the cache from another. Pure. */

#include "base/failure.h"
#include "crypto/secret.h"
#include "profile/entra.h"

#include <assay/token_request.h>

struct assay_token_request {
    char *scope;     /* as given; checked and normalised by scope.c; "" where the kind needs none */
    char *tenant;    /* NULL: the credential's own */
    char *claims;    /* JSON object that a claims challenge asked for; NULL: none */
    bool continuous; /* the client can handle revocation: claims with cp1 (exchange.md 2.9, CAE) */
    int64_t made_ms; /* real milliseconds: a challenge came then, so tokens from before do not do; 0: none came */
    assay_secret user_assertion; /* on-behalf-of */
    bool has_user;
    uint8_t user_digest[32]; /* SHA-256 of the user's token; zeros for none */
    int64_t user_expiry;     /* its exp, unverified; 0: not told */
    bool user_is_app;        /* by its `idtyp` it belongs to an application: nobody to act for */
};

/* What was got on behalf of a user ends with the user's own token (exchange.md 2.5). */
static inline bool assay_token_request_is_over(const assay_token_request *request, int64_t now_wall)
{
    return request->has_user && request->user_expiry != 0 && request->user_expiry <= now_wall;
}

int assay_token_request_make(const char *scope, assay_token_request **request, assay_failure *failure);
void assay_token_request_drop(assay_token_request *request);
ASSAY_DEFINE_CLEANUP(assay_token_request, assay_token_request_drop)
int assay_token_request_copy(const assay_token_request *from, assay_token_request **to);
/* The `claims` parameter to send: the challenge's object merged with cp1 (RFC-less; Microsoft, "Claims challenges"); empty and true where none is due. False: out of memory. */
bool assay_token_request_claims(const assay_token_request *request, assay_secret *out);
/* The user's token, of which also the digest and the expiry are kept. ASSAY_OK, ASSAY_E_ARGUMENT (too long), ASSAY_E_CRYPTO, ASSAY_E_MEMORY. */
int assay_token_request_take_user(assay_token_request *request, const char *token, size_t len, assay_failure *failure);
/* Take the claims out of a WWW-Authenticate value (base64 or base64url, ASSAY_LIMIT_CHALLENGE_BYTES at most) or take a JSON object as it is. ASSAY_OK, ASSAY_E_ARGUMENT, ASSAY_E_MEMORY. */
int assay_token_request_take_challenge(assay_token_request *request, const char *www_authenticate,
                                       assay_failure *failure);
int assay_token_request_take_claims(assay_token_request *request, const char *json, assay_failure *failure);

/*
 * scope.c. Normalise what a caller asks an Entra-like endpoint for: a scope that ends in "/.default", or a resource (a URI, a GUID, or one of the names "keyvault",
 * "storage", "sql", "postgres", "mysql", "servicebus", "eventhubs", "arm", "graph", "aks", "arc" of @p cloud), to one scope; resource + "/.default" literally,
 * so "https://database.windows.net/" gives a double slash. Owned. ASSAY_E_CONFIG_SCOPE: empty, several, control bytes, not ASCII.
 */
int assay_scope_normalise(const char *text, const assay_entra_cloud *cloud, char **scope, assay_failure *failure);
/* The same on behalf of a user, who grants scopes by their names (Microsoft, "On-Behalf-Of flow", `scope`): those are left as they are, several with a
 * blank between them; a resource alone gets "/.default". */
int assay_scope_delegated(const char *text, const assay_entra_cloud *cloud, char **scope, assay_failure *failure);
/* The resource of such a scope, for IMDS and its like: only the final "/.default" goes. Owned; NULL: out of memory. */
char *assay_scope_resource(const char *scope);
/* `aud` of the assertion by which a cloud exchanges: "api://AzureADTokenExchange" and its like; @p cloud NULL: the public one's. Static. */
const char *assay_scope_exchange_audience(const assay_entra_cloud *cloud);

#endif
