/* SPDX-License-Identifier: MIT */
/*
 * A service that workloads of a cluster call with their service-account tokens, and jobs of one GitHub repository with theirs.
 *
 *   kubernetes_service ISSUER AUDIENCE NAMESPACE [--issuer-ca-file FILE] [--bearer-file FILE] [--discovery-url URL]
 *                      [--repository-id ID [--ci-issuer URL]] [--ca-file FILE] [--port N]
 *
 * ISSUER is the cluster's (of AKS with its slash at the end). Pods get a token for AUDIENCE from a projected volume, jobs by asking for it.
 * --ca-file is for issuers with certificates of a private CA, --issuer-ca-file for the cluster alone.
 */
#include "service.h"
#include "web.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct cluster_options {
    const char *operands[3]; /* issuer, audience, namespace */
    const char *issuer_ca_file, *bearer_file, *discovery_url;
    const char *repository_id, *ci_issuer;
    const char *ca_file, *port;
} cluster_options;

static const char *text_at(const assay_claims *claims, const char *pointer)
{
    const char *text;
    size_t len;
    return assay_claims_get_text_by_pointer(claims, pointer, &text, &len) == ASSAY_OK ? text : "?";
}

/* Which of the two it is, said by the profile of the issuer that was trusted, never by claims that happen to be there. */
static int name_caller(void *service, const web_request *request, web_answer *answer, assay_error **error)
{
    const assay_claims *claims = request->claims;
    (void)service;
    (void)error;
    if (assay_claims_caller_kind(claims) == ASSAY_CALLER_KUBERNETES_WORKLOAD)
        (void)snprintf(answer->text, sizeof answer->text, "workload: service account %s of namespace %s\n",
                       text_at(claims, "/kubernetes.io/serviceaccount/name"),
                       text_at(claims, "/kubernetes.io/namespace"));
    else
        (void)snprintf(answer->text, sizeof answer->text, "job: repository %s, ref %s, run %s\n",
                       text_at(claims, "/repository"), text_at(claims, "/ref"), text_at(claims, "/run_id"));
    printf("%s", answer->text);
    (void)fflush(stdout);
    return ASSAY_OK;
}

/* For workloads of one namespace. A job has no such member, so it is refused as well. */
static int list_reports(void *service, const web_request *request, web_answer *answer, assay_error **error)
{
    const cluster_options *options = service;
    int code = assay_claims_require_at(request->claims, "/kubernetes.io/namespace", options->operands[2], error);
    return code == ASSAY_OK ? name_caller(service, request, answer, error) : code;
}

/* For jobs of the main branch: a pull request's job has another ref. Which repository, the issuer has demanded of the token already. */
static int deploy(void *service, const web_request *request, web_answer *answer, assay_error **error)
{
    int code = assay_claims_require_at(request->claims, "/ref", "refs/heads/main", error);
    if (code == ASSAY_OK)
        code = assay_claims_require_at(request->claims, "/ref_type", "branch", error);
    return code == ASSAY_OK ? name_caller(service, request, answer, error) : code;
}

static int trust_cluster(const cluster_options *options, assay_issuer **issuer, assay_error **error)
{
    int code = assay_issuer_new(options->operands[0], issuer, error);
    if (code == ASSAY_OK)
        code = assay_issuer_set_profile(*issuer, "kubernetes", error);
    if (code == ASSAY_OK)
        code = assay_issuer_add_audience(*issuer, options->operands[1], error);
    if (code == ASSAY_OK && options->discovery_url != NULL)
        code = assay_issuer_set_discovery_url(*issuer, options->discovery_url, error);
    if (code == ASSAY_OK && options->issuer_ca_file != NULL)
        code = assay_issuer_set_ca_file(*issuer, options->issuer_ca_file, error);
    if (code == ASSAY_OK && options->bearer_file != NULL)
        code = assay_issuer_set_bearer_file(*issuer, options->bearer_file, error);
    return code;
}

/*
 * Everybody's jobs get tokens of this issuer, with whatever audience they ask for: without a demand on the repository it would be everybody who
 * is let in. By its id, since a name can be given up and taken by somebody else.
 */
static int trust_jobs(const cluster_options *options, assay_issuer **issuer, assay_error **error)
{
    int code = assay_issuer_new(options->ci_issuer, issuer, error);
    if (code == ASSAY_OK)
        code = assay_issuer_set_profile(*issuer, "github", error);
    if (code == ASSAY_OK)
        code = assay_issuer_add_audience(*issuer, options->operands[1], error);
    if (code == ASSAY_OK)
        code = assay_issuer_require_text(*issuer, "/repository_id", options->repository_id, error);
    return code;
}

static int make_validator(const cluster_options *options, assay_validator **validator, assay_error **error)
{
    assay_issuer *issuers[2] = {NULL, NULL};
    size_t count = options->repository_id != NULL ? 2 : 1;
    int code = trust_cluster(options, &issuers[0], error);
    if (code == ASSAY_OK && count == 2)
        code = trust_jobs(options, &issuers[1], error);
    if (code == ASSAY_OK)
        code = web_new_validator(options->ca_file, issuers, count, validator, error);
    assay_issuer_free(issuers[0]);
    assay_issuer_free(issuers[1]);
    return code;
}

int main(int argc, char **argv)
{
    static const web_route routes[] = {
        {"GET", "/whoami", name_caller},
        {"GET", "/reports", list_reports},
        {"POST", "/deployments", deploy},
        {NULL, NULL, NULL},
    };
    cluster_options options = {.ci_issuer = "https://token.actions.githubusercontent.com", .port = "0"};
    const web_option known[] = {
        {"issuer-ca-file", &options.issuer_ca_file},
        {"bearer-file", &options.bearer_file},
        {"discovery-url", &options.discovery_url},
        {"repository-id", &options.repository_id},
        {"ci-issuer", &options.ci_issuer},
        {"ca-file", &options.ca_file},
        {"port", &options.port},
        {NULL, NULL},
    };
    assay_validator *validator = NULL;
    assay_error *error = NULL;

    if (!web_read_options(
            argc, argv, known, options.operands, 3,
            "ISSUER AUDIENCE NAMESPACE [--issuer-ca-file FILE] [--bearer-file FILE] [--discovery-url URL] "
            "[--repository-id ID [--ci-issuer URL]] [--ca-file FILE] [--port N]"))
        return 2;
    if (make_validator(&options, &validator, &error) != ASSAY_OK)
        return service_explain(error);
    int status = web_serve(validator, options.port, routes, &options);
    assay_validator_unref(validator);
    return status;
}
