/* SPDX-License-Identifier: MIT */
/* Token exchange (RFC 8693): the token of an issuer that the application trusts for one of this issuer. */

#include "dev_issuer_tokens.h"

#include <string.h>
#include <time.h>

#define TYPE "urn:ietf:params:oauth:token-type:"

static bool is_one_of(const char *type, const char *const *names)
{
    if (strncmp(type, TYPE, sizeof TYPE - 1) != 0)
        return false;
    while (*names != NULL && strcmp(*names, type + sizeof TYPE - 1) != 0)
        names++;
    return *names != NULL;
}

static bool refuse(dev_call *call, const char *description)
{
    dev_oauth_error(call, MHD_HTTP_BAD_REQUEST, "invalid_request", description);
    return false;
}

/* Why a token is refused; NULL: it is good. */
static const char *complaint_about(dev_call *call, const json_t *app, const dev_jwt *jwt)
{
    long unused = 0;
    int64_t until = 0;
    const json_t *federated = dev_federated_match(app, jwt, NULL, &unused);
    if (federated == NULL)
        return "its issuer, subject and audience are not those of an issuer that is trusted";
    if (!dev_jwt_time(jwt, "exp", &until) || (int64_t)time(NULL) >= until)
        return "it is expired";
    enum dev_trust trust = dev_trust_check(call->issuer, federated, jwt->text);
    return trust == DEV_TRUSTED       ? NULL
           : trust == DEV_UNREACHABLE ? "its issuer could not be reached"
                                      : "its signature is wrong";
}

json_t *dev_subject_claims(dev_call *call, const json_t *app, const char *name, const char *error)
{
    dev_jwt jwt;
    const char *token = dev_form_text(&call->form, name);
    json_t *claims = NULL;
    const char *wrong = dev_jwt_read(token, &jwt) ? complaint_about(call, app, &jwt) : "it is no JWT";
    if (wrong == NULL) {
        claims = json_deep_copy(jwt.claims);
    } else {
        CLI_AUTO_FREE char *description = cli_format("%s: %s", name, wrong);
        dev_oauth_error(call, MHD_HTTP_BAD_REQUEST, error, description);
    }
    dev_jwt_clear(&jwt);
    return claims;
}

/* RFC 8693, section 2.1. */
static bool check_parameters(dev_call *call)
{
    static const char *const given[] = {"jwt", "access_token", "id_token", NULL};
    static const char *const wanted[] = {"jwt", "access_token", NULL};
    const dev_form *form = &call->form;
    const char *type = dev_form_text(form, "subject_token_type");
    const char *actor = dev_form_text(form, "actor_token");
    const char *actor_type = dev_form_text(form, "actor_token_type");
    const char *requested = dev_form_text(form, "requested_token_type");
    if (dev_form_text(form, "subject_token") == NULL || type == NULL)
        return refuse(call, "subject_token and subject_token_type are needed");
    if ((actor == NULL) != (actor_type == NULL))
        return refuse(call, "actor_token and actor_token_type go together");
    if (!is_one_of(type, given) || (actor_type != NULL && !is_one_of(actor_type, given)))
        return refuse(call, "tokens of this type are not exchanged");
    if (requested != NULL && !is_one_of(requested, wanted))
        return refuse(call, "tokens of this type are not given");
    return true;
}

/* Whose the new token is, and who acts (section 4.1). */
static json_t *claims_of(dev_call *call, const json_t *app, const json_t *subject, const json_t *actor, json_t *target)
{
    json_t *claims = json_pack("{s:s}", "client_id", dev_jwt_text(app, "client_id"));
    const char *scope = dev_form_text(&call->form, "scope");
    (void)json_object_set(claims, "sub", json_object_get(subject, "sub"));
    if (target != NULL)
        (void)json_object_set(claims, "aud", target);
    if (scope != NULL)
        (void)json_object_set_new(claims, "scope", json_string(scope));
    if (actor != NULL) {
        json_t *act = json_object();
        (void)json_object_set(act, "sub", json_object_get(actor, "sub"));
        (void)json_object_set(act, "iss", json_object_get(actor, "iss"));
        (void)json_object_set_new(claims, "act", act);
    }
    (void)json_object_update(claims, json_object_get(app, "claims"));
    return claims;
}

void dev_serve_exchange(dev_call *call, const json_t *app)
{
    CLI_CLEANUP(json_decref_p) json_t *target = NULL;
    CLI_CLEANUP(json_decref_p) json_t *actor = NULL;
    if (!check_parameters(call) || !dev_oauth_target(call, app, &target) || !dev_oauth_scope(call, app))
        return;
    CLI_CLEANUP(json_decref_p) json_t *subject = dev_subject_claims(call, app, "subject_token", "invalid_request");
    if (subject == NULL)
        return;
    bool acting = dev_form_text(&call->form, "actor_token") != NULL;
    if (acting && (actor = dev_subject_claims(call, app, "actor_token", "invalid_request")) == NULL)
        return;
    int64_t lifetime = 0;
    CLI_CLEANUP(json_decref_p)
    json_t *answer = dev_oauth_answer(call, claims_of(call, app, subject, actor, target), &lifetime);
    if (answer == NULL)
        return;
    const char *requested = dev_form_text(&call->form, "requested_token_type");
    const char *issued = requested == NULL ? TYPE "access_token" : requested;
    (void)json_object_set_new(answer, "issued_token_type", json_string(issued));
    /* Section 2.2.1: what is no access token has no type of its own. */
    if (strcmp(issued, TYPE "access_token") != 0)
        (void)json_object_set_new(answer, "token_type", json_string("N_A"));
    dev_reply_json(call->reply, MHD_HTTP_OK, answer);
    call->reply->cache_control = cli_strdup("no-store");
}
