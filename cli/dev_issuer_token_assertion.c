/* SPDX-License-Identifier: MIT */
/* What a client of Entra shows in the place of a secret: the token of another issuer, or a JWT signed with its certificate. */

#include "dev_issuer_tokens.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define MAX_LIFETIME (25 * 3600)     /* of a token of another issuer */
#define MAX_OWN_LIFETIME (24 * 3600) /* of what the client signs itself */
#define BEFORE_SECONDS 300 /* tolerated before `nbf`; nothing is after `exp`, so that a test can tell the second */
#define BINDING_AUDIENCE "api://AKSIdentityBinding"

/* RFC 7519, sections 4.1.4 to 4.1.6; false after an answer. */
static bool check_times(dev_call *call, const dev_jwt *jwt, int64_t longest, long too_long)
{
    int64_t now = (int64_t)time(NULL);
    int64_t until = 0;
    int64_t from = 0;
    if (!dev_jwt_time(jwt, "exp", &until)) {
        dev_entra_error(call, 5002730, "It has no exp.");
        return false;
    }
    bool starts = dev_jwt_time(jwt, "nbf", &from) || dev_jwt_time(jwt, "iat", &from);
    if (now >= until || (starts && from > now + BEFORE_SECONDS)) {
        CLI_AUTO_FREE char *detail = cli_format("Current time: %" PRId64 ", assertion valid from %" PRId64
                                                ", expiry time of assertion %" PRId64 ".",
                                                now, from, until);
        dev_entra_error(call, 700024, detail);
        return false;
    }
    if (until - (starts ? from : now) > longest) {
        CLI_AUTO_FREE char *detail =
            cli_format("Lifetime %" PRId64 " seconds, allowed %" PRId64 ".", until - (starts ? from : now), longest);
        dev_entra_error(call, too_long, detail);
        return false;
    }
    return true;
}

/* --- tokens of other issuers --- */

static bool item_has(const json_t *item, const char *member, const char *text, bool exact)
{
    const char *known = dev_jwt_text(item, member);
    return known != NULL && text != NULL && (exact ? strcmp(known, text) == 0 : strcasecmp(known, text) == 0);
}

/* Any credential of the application that has this, among those of @p issuer where it is not NULL. */
static bool any_has(const json_t *list, const char *issuer, const char *member, const char *text, bool exact)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        if ((issuer == NULL || item_has(item, "issuer", issuer, true)) && item_has(item, member, text, exact))
            return true;
    }
    return false;
}

/* Why nothing fits: the issuer first, then the subject, then the audience. */
static long mismatch(const json_t *list, const char *issuer, const char *subject)
{
    if (!any_has(list, NULL, "issuer", issuer, true))
        return any_has(list, NULL, "issuer", issuer, false) ? 7002138 : 700211;
    if (!any_has(list, issuer, "subject", subject, true)) {
        if (any_has(list, issuer, "subject", subject, false))
            return 7002138;
        return any_has(list, NULL, "subject", subject, true) ? 70021 : 700213;
    }
    return 700212;
}

const json_t *dev_federated_match(const json_t *app, const dev_jwt *jwt, const char *only_audience, long *number)
{
    const json_t *list = json_object_get(app, "federated");
    const char *issuer = dev_jwt_text(jwt->claims, "iss");
    const char *subject = dev_jwt_text(jwt->claims, "sub");
    *number = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        const char *audience = dev_jwt_text(item, "audience");
        bool binding = strcmp(audience, BINDING_AUDIENCE) == 0;
        bool usable = only_audience == NULL ? !binding : strcmp(audience, only_audience) == 0;
        bool any_subject = json_object_get(item, "subject") == NULL;
        if (usable && item_has(item, "issuer", issuer, true) &&
            (any_subject || item_has(item, "subject", subject, true)) && dev_jwt_has_audience(jwt, audience))
            return item;
    }
    *number = json_array_size(list) == 0 ? 70025 : mismatch(list, issuer, subject);
    return NULL;
}

static char *audience_text(const dev_jwt *jwt)
{
    const json_t *aud = json_object_get(jwt->claims, "aud");
    const char *text = json_string_value(json_is_array(aud) ? json_array_get(aud, 0) : aud);
    return cli_strdup(text == NULL ? "" : text);
}

static void refuse_mismatch(dev_call *call, const json_t *app, const dev_jwt *jwt, long number)
{
    const char *issuer = dev_jwt_text(jwt->claims, "iss");
    const char *subject = dev_jwt_text(jwt->claims, "sub");
    CLI_AUTO_FREE char *audience = audience_text(jwt);
    dev_entra_error(call, number,
                    number == 70025    ? dev_jwt_text(app, "client_id")
                    : number == 700212 ? audience
                    : number == 700211 ? issuer
                                       : subject);
}

/* Entra takes its own tokens only where they are a managed identity's. */
static bool check_entra_issued(dev_call *call, const dev_jwt *jwt)
{
    const char *issuer = dev_jwt_text(jwt->claims, "iss");
    size_t len = strlen(call->issuer->base);
    bool own = strncmp(issuer, call->issuer->base, len) == 0 && issuer[len] == '/' &&
               json_object_get(jwt->claims, "tid") != NULL;
    if (!own || json_object_get(jwt->claims, "xms_mirid") != NULL)
        return true;
    const char *kind = dev_jwt_text(jwt->claims, "idtyp");
    dev_entra_error(call, kind != NULL && strcmp(kind, "app") == 0 ? 700222 : 700229, NULL);
    return false;
}

static bool check_algorithm(dev_call *call, const dev_jwt *jwt)
{
    static const char *const taken[] = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"};
    const char *name = dev_jwt_text(jwt->header, "alg");
    for (size_t i = 0; name != NULL && i < CLI_COUNT_OF(taken); i++)
        if (strcmp(taken[i], name) == 0)
            return true;
    dev_entra_error(call, 5002738, name);
    return false;
}

static bool check_federated(dev_call *call, const json_t *app, const dev_jwt *jwt)
{
    long number = 0;
    if (json_array_size(json_object_get(app, "federated")) == 0) {
        dev_entra_error(call, 70025, dev_jwt_text(app, "client_id"));
        return false;
    }
    if (!check_algorithm(call, jwt))
        return false;
    const json_t *federated = dev_federated_match(app, jwt, NULL, &number);
    if (federated == NULL) {
        refuse_mismatch(call, app, jwt, number);
        return false;
    }
    if (!check_times(call, jwt, MAX_LIFETIME, 70023) || !check_entra_issued(call, jwt))
        return false;
    enum dev_trust trust = dev_trust_check(call->issuer, federated, jwt->text);
    if (trust != DEV_TRUSTED)
        dev_entra_error(call, trust == DEV_UNREACHABLE ? 90061 : 700027,
                        trust == DEV_UNREACHABLE ? dev_jwt_text(federated, "issuer")
                                                 : "The key was not found, or the signature does not match.");
    return trust == DEV_TRUSTED;
}

/* --- what the client signs itself (RFC 7523, section 3) --- */

static bool check_own_audience(dev_call *call, const dev_jwt *jwt)
{
    CLI_AUTO_FREE char *endpoint = cli_format("%s/%s/oauth2/v2.0/token", call->issuer->base, call->tenant);
    const char *audience = dev_jwt_text(jwt->claims, "aud");
    if (audience != NULL && strcmp(audience, endpoint) == 0)
        return true;
    dev_entra_error(call, 700023, endpoint);
    return false;
}

static bool check_self_signed(dev_call *call, const json_t *app, const dev_jwt *jwt)
{
    const char *client_id = dev_jwt_text(app, "client_id");
    const char *issuer = dev_jwt_text(jwt->claims, "iss");
    const char *subject = dev_jwt_text(jwt->claims, "sub");
    if (issuer == NULL || subject == NULL || strcasecmp(issuer, client_id) != 0 ||
        strcasecmp(subject, client_id) != 0) {
        dev_entra_error(call, 700021, "Both iss and sub must be the client id.");
        return false;
    }
    if (!check_own_audience(call, jwt) || !check_times(call, jwt, MAX_OWN_LIFETIME, 700024))
        return false;
    const char *name = dev_jwt_text(jwt->header, "alg");
    bool rsa = name != NULL && (strcmp(name, "PS256") == 0 || strcmp(name, "RS256") == 0);
    CLI_CLEANUP(EVP_PKEY_free_p) EVP_PKEY *pkey = rsa ? dev_jwt_key(app, jwt) : NULL;
    if (pkey != NULL && dev_jwt_verify(jwt, pkey))
        return true;
    dev_entra_error(call, 700027,
                    !rsa           ? "The algorithm is neither PS256 nor RS256."
                    : pkey == NULL ? "The key was not found."
                                   : "The signature does not match.");
    return false;
}

/* Whose it is: a URL is another issuer, but a header with the thumbprint that only a client's own has says otherwise. */
static bool is_self_signed(const dev_jwt *jwt)
{
    const char *issuer = dev_jwt_text(jwt->claims, "iss");
    bool url = issuer != NULL && strncmp(issuer, "http", 4) == 0;
    return !url || json_object_get(jwt->header, "x5t#S256") != NULL;
}

bool dev_assertion_check(dev_call *call, const json_t *app, const char *assertion)
{
    dev_jwt jwt;
    bool good = dev_jwt_read(assertion, &jwt);
    if (!good)
        dev_entra_error(call, jwt.segments != 3 ? 50027 : 5002730,
                        jwt.segments != 3 ? "It has not three segments." : "Its segments are not those of a JWS.");
    else
        good = is_self_signed(&jwt) ? check_self_signed(call, app, &jwt) : check_federated(call, app, &jwt);
    dev_jwt_clear(&jwt);
    return good;
}
