/* SPDX-License-Identifier: MIT */
/* How a client proves itself at the generic token endpoint: RFC 6749, section 2.3, and RFC 7523, section 3. */

#include "dev_issuer_tokens.h"

#include <string.h>
#include <time.h>

#define ASSERTION_TYPE "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

/* What of the client's ways is there. */
typedef struct presented {
    char *basic_id;
    char *basic_secret;
    bool basic; /* the header is there, whether or not it can be read */
    const char *secret;
    const char *assertion;
} presented;

static bool refuse(dev_call *call, const char *description)
{
    dev_oauth_error(call, MHD_HTTP_UNAUTHORIZED, "invalid_client", description);
    /* RFC 6749, section 5.2: where the client used the header, it is answered with its scheme. */
    if (dev_request_header(call->connection, MHD_HTTP_HEADER_AUTHORIZATION) != NULL)
        dev_reply_header(call->reply, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Basic realm=\"token\"");
    return false;
}

static bool is_for_this(dev_call *call, const dev_jwt *jwt)
{
    CLI_AUTO_FREE char *endpoint = cli_format("%s%s/token", call->issuer->base, call->issuer->prefix);
    return dev_jwt_has_audience(jwt, endpoint) || dev_jwt_has_audience(jwt, call->issuer->url);
}

static bool is_timely(const dev_jwt *jwt)
{
    const int64_t now = (int64_t)time(NULL);
    int64_t until = 0;
    int64_t from = 0;
    return dev_jwt_time(jwt, "exp", &until) && now < until && (!dev_jwt_time(jwt, "nbf", &from) || from <= now + 60);
}

static bool is_text(const dev_jwt *jwt, const char *claim, const char *wanted)
{
    const char *said = dev_jwt_text(jwt->claims, claim);
    return said != NULL && strcmp(said, wanted) == 0;
}

/* A token of an issuer that the application is federated with, in the place of the client's own. */
static bool check_foreign(dev_call *call, const json_t *app, const dev_jwt *jwt)
{
    long unused = 0;
    const json_t *federated = dev_federated_match(app, jwt, NULL, &unused);
    if (federated == NULL)
        return refuse(call, "iss and sub of the assertion are neither the client's nor those of a federated issuer");
    if (!is_timely(jwt))
        return refuse(call, "the assertion is not within its time");
    if (dev_trust_check(call->issuer, federated, jwt->text) == DEV_TRUSTED)
        return true;
    return refuse(call, "the assertion could not be verified");
}

/* RFC 7523, section 3, items 1 to 5. */
static bool check_jwt(dev_call *call, const json_t *app, const dev_jwt *jwt)
{
    const char *client_id = dev_jwt_text(app, "client_id");
    if (!is_text(jwt, "iss", client_id))
        return check_foreign(call, app, jwt);
    if (!is_text(jwt, "sub", client_id))
        return refuse(call, "sub of the assertion is not the client's");
    if (!is_for_this(call, jwt))
        return refuse(call, "aud of the assertion is neither the token endpoint nor the issuer");
    if (!is_timely(jwt))
        return refuse(call, "the assertion is not within its time");
    CLI_CLEANUP(EVP_PKEY_free_p) EVP_PKEY *pkey = dev_jwt_key(app, jwt);
    if (pkey != NULL && dev_jwt_verify(jwt, pkey))
        return true;
    return refuse(call, pkey == NULL ? "the key of the assertion is not registered" : "the signature does not match");
}

static bool check_assertion(dev_call *call, const json_t *app, const char *assertion)
{
    dev_jwt jwt;
    bool good = dev_jwt_read(assertion, &jwt) ? check_jwt(call, app, &jwt) : refuse(call, "the assertion is no JWT");
    dev_jwt_clear(&jwt);
    return good;
}

/* Who the client says it is; released with free(), NULL: nobody. */
static char *named_client(dev_call *call, const presented *shown)
{
    const char *named = dev_form_text(&call->form, "client_id");
    if (shown->basic_id != NULL)
        return cli_strdup(shown->basic_id);
    if (named != NULL || shown->assertion == NULL)
        return named == NULL ? NULL : cli_strdup(named);
    /* RFC 7521, section 4.2: client_id may be left out, since the assertion names the client. */
    dev_jwt jwt;
    const char *subject = dev_jwt_read(shown->assertion, &jwt) ? dev_jwt_text(jwt.claims, "sub") : NULL;
    char *copy = subject == NULL ? NULL : cli_strdup(subject);
    dev_jwt_clear(&jwt);
    return copy;
}

/* RFC 6749, section 2.3: one way, and not more. */
static bool read_presented(dev_call *call, presented *shown)
{
    const char *type = dev_form_text(&call->form, "client_assertion_type");
    shown->basic = dev_request_header(call->connection, MHD_HTTP_HEADER_AUTHORIZATION) != NULL;
    shown->secret = dev_form_get(&call->form, "client_secret");
    shown->assertion = dev_form_text(&call->form, "client_assertion");
    const char *wrong = NULL;
    if ((int)shown->basic + (shown->secret != NULL) + (shown->assertion != NULL) > 1)
        wrong = "the client proves itself in more than one way";
    else if ((type == NULL) != (shown->assertion == NULL) || (type != NULL && strcmp(type, ASSERTION_TYPE) != 0))
        wrong = "client_assertion and the client_assertion_type of JWTs go together";
    if (wrong != NULL) {
        dev_oauth_error(call, MHD_HTTP_BAD_REQUEST, "invalid_request", wrong);
        return false;
    }
    return !shown->basic || dev_request_basic(call->connection, &shown->basic_id, &shown->basic_secret) ||
           refuse(call, "Authorization is not Basic with a client and a secret, both form-encoded");
}

static bool check_proof(dev_call *call, const json_t *app, const presented *shown)
{
    if (shown->assertion != NULL)
        return check_assertion(call, app, shown->assertion);
    const char *secret = shown->basic_secret != NULL ? shown->basic_secret : shown->secret;
    if (secret == NULL)
        return dev_app_flag(app, "public") || refuse(call, "the client shows no secret and no assertion");
    return dev_app_has_secret(app, "secret", secret) || refuse(call, "the secret is wrong");
}

json_t *dev_oauth_client(dev_call *call)
{
    presented shown = {0};
    json_t *app = NULL;
    if (read_presented(call, &shown)) {
        CLI_AUTO_FREE char *client_id = named_client(call, &shown);
        app = client_id == NULL ? NULL : dev_app_find(call->issuer, client_id, NULL);
        if (app == NULL) {
            (void)refuse(call, "no such client");
        } else if (!check_proof(call, app, &shown)) {
            json_decref(app);
            app = NULL;
        }
    }
    if (shown.basic_secret != NULL)
        explicit_bzero(shown.basic_secret, strlen(shown.basic_secret));
    free(shown.basic_id);
    free(shown.basic_secret);
    return app;
}
