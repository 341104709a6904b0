/* SPDX-License-Identifier: MIT */
/* assay doctor: the token that was got, and a resource that refuses it all the same. */

#include "doctor.h"

#include <inttypes.h>
#include <string.h>

#define AKS_SERVER "6dae42f8-4368-4678-94ff-3960e28e3643"

static void say_claims(doctor *d, const json_t *claims)
{
    const char *application = doctor_text(claims, "appid");
    if (application[0] == '\0')
        application = doctor_text(claims, "azp");
    cli_text text = {0};
    const char *const pairs[][2] = {
        {"aud", doctor_text(claims, "aud")},
        {"appid", application},
        {"oid", doctor_text(claims, "oid")},
        {"tid", doctor_text(claims, "tid")},
    };
    for (size_t i = 0; i < CLI_COUNT_OF(pairs); i++) {
        if (pairs[i][1][0] == '\0')
            continue;
        CLI_AUTO_FREE char *pair = cli_format("%s%s %s", text.len == 0 ? "" : ", ", pairs[i][0], pairs[i][1]);
        cli_text_put(&text, pair);
    }
    doctor_say(d, "exchange", "claims", DOCTOR_OK, 0, "%s, roles: %" JSON_INTEGER_FORMAT,
               text.ptr == NULL ? "none" : text.ptr, json_integer_value(json_object_get(claims, "roles")));
    cli_text_free(&text);
}

/* The server writes it, who has seen the proof that it was sent: what is longer than a scope is not for a ticket. */
static const char *scope_of(const doctor *d, const assay_access_token *token)
{
    const char *scope = assay_access_token_scope(token);
    return strlen(scope) <= DOCTOR_SHOWN_BYTES ? scope : credential_wanted(d->credential);
}

void doctor_result(doctor *d, const assay_access_token *token)
{
    size_t len = 0;
    const char *text = assay_access_token_text(token, &len);
    int64_t expires_at = assay_access_token_expires_at(token);
    char distance[40] = "at a time that the server did not tell";
    if (expires_at != 0)
        cli_time_distance(expires_at, d->now, distance, sizeof distance);
    const char *scope = scope_of(d, token);
    doctor_say(d, "exchange", "token", DOCTOR_OK, 0, "a token of %zu bytes for %s from %s, which expires %s", len,
               scope, assay_access_token_source(token), distance);
    d->answer = json_object();
    cli_json_text(d->answer, "source", assay_access_token_source(token));
    cli_json_text(d->answer, "token_type", assay_access_token_type(token));
    cli_json_text_or_null(d->answer, "scope", scope);
    (void)json_object_set_new(d->answer, "expires_at", expires_at == 0 ? json_null() : json_integer(expires_at));
    (void)json_object_set_new(d->answer, "expires_in",
                              expires_at == 0 ? json_null() : json_integer(expires_at - d->now));
    /* Opaque to clients; looked into for people alone, and only where Entra made it. */
    json_t *claims = credential_kind_is_azure(d->kind) ? doctor_jwt_access(text, len) : NULL;
    (void)json_object_set_new(d->answer, "claims", claims == NULL ? json_null() : claims);
    if (claims != NULL)
        say_claims(d, claims);
    if (json_is_true(json_object_get(claims, "groups_overage")))
        doctor_say(d, "resource", "groups", DOCTOR_WARNING, 64,
                   "the user is in more groups than the token has room for: it has none");
}

/* 403: who it is was understood, and may not. The object id is what roles are assigned to. */
static void explain_forbidden(doctor *d, const json_t *claims)
{
    bool cluster = strcmp(doctor_text(claims, "aud"), AKS_SERVER) == 0;
    const char *object = doctor_text(claims, "oid");
    doctor_fail(
        d, "resource", "status 403", cluster ? 63 : 61, CLI_EXIT_REFUSED,
        "the token is good, and its holder may not do this: a role, a network rule or a policy of the resource");
    doctor_command(d, "az role assignment list --assignee %s --all --include-inherited",
                   doctor_is_guid(object) ? object : "OBJECT-ID");
}

/* 401: the token is not for this resource. */
static void explain_unauthorized(doctor *d, const json_t *claims)
{
    const char *audience = doctor_text(claims, "aud");
    bool cluster = strcmp(audience, AKS_SERVER) == 0;
    bool prefixed = strncmp(audience, "spn:", 4) == 0;
    doctor_fail(d, "resource", "status 401",
                prefixed  ? 66
                : cluster ? 63
                          : 62,
                CLI_EXIT_REFUSED, "the resource does not take this token; its audience is %s",
                audience[0] == '\0' ? "not known" : audience);
}

void doctor_resource(doctor *d)
{
    if (d->resource_status == 0)
        return;
    if (d->answer == NULL) {
        doctor_say(d, "resource", "status", DOCTOR_SKIPPED, 0, "there is no token that it could have refused");
        return;
    }
    const json_t *claims = json_object_get(d->answer, "claims");
    if (d->resource_status == 403)
        explain_forbidden(d, claims);
    else
        explain_unauthorized(d, claims);
}
