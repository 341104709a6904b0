/* SPDX-License-Identifier: MIT */
/*
 * A service of one organisation, behind Entra ID: users by scope and by role, applications by role, managed identities by a list.
 *
 *   entra_service CLIENT-ID TENANT [--caller OBJECT-ID] [--cloud NAME] [--port N]
 *                 [--dev-issuer URL --ca-file FILE]
 *
 * CLIENT-ID is the API's own, TENANT a GUID. docs/guide/entra.md says how to register the API.
 */
#include "service.h"
#include "web.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct entra_options {
    const char *operands[2]; /* client id, tenant */
    const char *caller, *cloud, *port, *dev_issuer, *ca_file;
} entra_options;

typedef struct entra_service {
    char authorization_uri[256]; /* "": that of the token's cloud */
} entra_service;

/* Who it is, in words for a log. Never e-mail or name: both change hands. */
static int greet(const web_request *request, web_answer *answer, const char *what)
{
    static const char *const kinds[] = {
        [ASSAY_CALLER_UNKNOWN] = "somebody",
        [ASSAY_CALLER_USER] = "user",
        [ASSAY_CALLER_APPLICATION] = "application",
        [ASSAY_CALLER_MANAGED_IDENTITY] = "managed identity",
    };
    const char *identity;
    int code = assay_claims_get_identity(request->claims, &identity);
    int kind = assay_claims_caller_kind(request->claims);
    if (code == ASSAY_OK)
        (void)snprintf(answer->text, sizeof answer->text, "%s for %s %s\n", what,
                       kind >= 0 && kind <= ASSAY_CALLER_MANAGED_IDENTITY ? kinds[kind] : kinds[0], identity);
    return code;
}

/* People by what they let their application do (a scope), applications by what an administrator let them do (a role of applications). */
static int list_tasks(void *service, const web_request *request, web_answer *answer, assay_error **error)
{
    (void)service;
    bool user = assay_claims_caller_kind(request->claims) == ASSAY_CALLER_USER;
    int code = user ? assay_claims_require(request->claims, ASSAY_PERMISSION_SCOPE, "Tasks.Read", error)
                    : assay_claims_require(request->claims, ASSAY_PERMISSION_APPLICATION_ROLE, "Tasks.Read.All", error);
    return code == ASSAY_OK ? greet(request, answer, "tasks") : code;
}

/* A role that was assigned to a person, or to a group of which the person is a member. The same name in an application's token is not enough. */
static int add_task(void *service, const web_request *request, web_answer *answer, assay_error **error)
{
    (void)service;
    int code = assay_claims_require(request->claims, ASSAY_PERMISSION_USER_ROLE, "Task.Editor", error);
    if (code != ASSAY_OK)
        return code;
    answer->status = 201;
    return greet(request, answer, "added");
}

/* The challenge comes last: nobody has to sign in again only to hear of another thing that is missing. */
static int administer(void *service, const web_request *request, web_answer *answer, assay_error **error)
{
    const entra_service *self = service;
    const char *uri = self->authorization_uri[0] != '\0' ? self->authorization_uri : NULL;
    int code = assay_claims_require_member(request->claims, error);
    if (code == ASSAY_OK)
        code = assay_claims_require(request->claims, ASSAY_PERMISSION_USER_ROLE, "Admin", error);
    if (code == ASSAY_OK)
        code = assay_claims_require_context(request->claims, "c1", NULL, uri, error);
    return code == ASSAY_OK ? greet(request, answer, "administration") : code;
}

/* A managed identity has neither scope nor role unless somebody assigns one; being on the list is all it needs. */
static int serve_neighbour(void *service, const web_request *request, web_answer *answer, assay_error **error)
{
    (void)service;
    int code = assay_claims_require_listed_caller(request->claims, error);
    return code == ASSAY_OK ? greet(request, answer, "internals") : code;
}

static int make_validator(const entra_options *options, assay_validator **validator, assay_error **error)
{
    const char *client_id = options->operands[0], *tenant = options->operands[1];
    assay_issuer *issuer = NULL;
    int code = web_new_entra_issuer(options->cloud, options->dev_issuer, &issuer, error);
    if (code == ASSAY_OK)
        code = assay_issuer_entra_add_tenant(issuer, tenant, error);
    if (code == ASSAY_OK)
        code = assay_issuer_add_audience(issuer, client_id, error); /* and api://CLIENT-ID with it */
    if (code == ASSAY_OK && options->caller != NULL)
        code = assay_issuer_entra_add_caller(issuer, tenant, options->caller, error);
    if (code == ASSAY_OK)
        code = web_new_validator(options->ca_file, &issuer, 1, validator, error);
    assay_issuer_free(issuer);
    return code;
}

int main(int argc, char **argv)
{
    static const web_route routes[] = {
        {"GET", "/tasks", list_tasks},         {"POST", "/tasks", add_task}, {"GET", "/admin", administer},
        {"GET", "/internal", serve_neighbour}, {NULL, NULL, NULL},
    };
    entra_options options = {.cloud = "public", .port = "0"};
    const web_option known[] = {
        {"caller", &options.caller},         {"cloud", &options.cloud},     {"port", &options.port},
        {"dev-issuer", &options.dev_issuer}, {"ca-file", &options.ca_file}, {NULL, NULL},
    };
    entra_service service = {""};
    assay_validator *validator = NULL;
    assay_error *error = NULL;

    if (!web_read_options(argc, argv, known, options.operands, 2,
                          "CLIENT-ID TENANT [--caller OBJECT-ID] [--cloud NAME] [--port N] [--dev-issuer URL "
                          "--ca-file FILE]"))
        return 2;
    if (options.dev_issuer != NULL) /* which is no cloud that the library knows */
        (void)snprintf(service.authorization_uri, sizeof service.authorization_uri, "%s/common/oauth2/authorize",
                       options.dev_issuer);
    if (make_validator(&options, &validator, &error) != ASSAY_OK)
        return service_explain(error);
    int status = web_serve(validator, options.port, routes, &service);
    assay_validator_unref(validator);
    return status;
}
