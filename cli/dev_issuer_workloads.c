/* SPDX-License-Identifier: MIT */
/* Tokens that workloads get from where they run: service accounts of Kubernetes, jobs of GitHub and GitLab. */

#include "dev_issuer_internal.h"

#include <string.h>

static void put(dev_token *token, const char *name, json_t *value)
{
    (void)json_object_set_new(token->claims, name, value);
}

/* A GUID that is always the same for the same text. */
static char *guid_of(const char *what, const char *of)
{
    CLI_AUTO_FREE char *text = cli_format("%s %s", what, of);
    uint8_t d[EVP_MAX_MD_SIZE] = {0};
    size_t len = 0;
    (void)EVP_Q_digest(NULL, "SHA256", NULL, text, strlen(text), d, &len);
    return cli_format("%02x%02x%02x%02x-%02x%02x-4%01x%02x-8%01x%02x-%02x%02x%02x%02x%02x%02x", d[0], d[1], d[2], d[3],
                      d[4], d[5], d[6] & 0xf, d[7], d[8] & 0xf, d[9], d[10], d[11], d[12], d[13], d[14], d[15]);
}

/* --- Kubernetes --- */

/* What a cluster serves; it has no endpoint to sign in at. */
json_t *dev_kubernetes_metadata(const dev_issuer *issuer)
{
    CLI_AUTO_FREE char *jwks = cli_format("%s%s/openid/v1/jwks", issuer->base, issuer->prefix);
    return json_pack("{s:s, s:s, s:[s], s:[s]}", "issuer", issuer->url, "jwks_uri", jwks, "response_types_supported",
                     "id_token", "subject_types_supported", "public");
}

static json_t *object_reference(const char *kind, const char *name)
{
    CLI_AUTO_FREE char *uid = guid_of(kind, name);
    return json_pack("{s:s, s:s}", "name", name, "uid", uid);
}

static int fill_kubernetes(const dev_issuer *issuer, const json_t *request, dev_token *token, char **text)
{
    const char *kind = dev_member_text(request, "kubernetes", "service-account");
    const char *space = dev_member_text(request, "namespace", "default");
    const char *name = dev_member_text(request, "name", "orders");
    if (kind == NULL || strcmp(kind, "service-account") != 0)
        return dev_fail(text, "no such kind of token: there is service-account");
    if (space == NULL || name == NULL)
        return dev_fail(text, "namespace and name must be texts");
    CLI_AUTO_FREE char *subject = cli_format("system:serviceaccount:%s:%s", space, name);
    CLI_AUTO_FREE char *pod = cli_format("%s-7d4b9c6f5-x2x7k", name);
    put(token, "sub", json_string(subject));
    put(token, "aud", json_pack("[s]", issuer->audience));
    put(token, "kubernetes.io",
        json_pack("{s:s, s:o, s:o, s:o}", "namespace", space, "node", object_reference("node", "node-1"), "pod",
                  object_reference(subject, pod), "serviceaccount", object_reference(subject, name)));
    CLI_AUTO_FREE char *jti = guid_of("token", dev_member_text(token->claims, "jti", ""));
    put(token, "jti", json_string(jti));
    (void)json_object_del(token->header, "typ");
    return 0;
}

static const char *const kubernetes_members[] = {"kubernetes", "namespace", "name", NULL};
const dev_shape dev_shape_kubernetes = {kubernetes_members, fill_kubernetes};

/* --- CI --- */

#define COMMIT "0123456789abcdef0123456789abcdef01234567"
#define WORKFLOW "assay-dev/orders/.github/workflows/deploy.yml@refs/heads/main"
#define PIPELINE "gitlab.example/assay-dev/orders//.gitlab-ci.yml@refs/heads/main"

static void set_times(dev_token *token, int64_t backdated, int64_t lifetime)
{
    put(token, "nbf", json_integer(token->now - backdated));
    put(token, "exp", json_integer(token->now + lifetime));
}

/* GitHub, "OpenID Connect reference". The subject has the ids in it for repositories made or renamed since 2026-07-15. */
static void fill_github(const dev_issuer *issuer, bool immutable, dev_token *token)
{
    put(token, "sub",
        json_string(immutable ? "repo:assay-dev@65/orders@74:ref:refs/heads/main"
                              : "repo:assay-dev/orders:ref:refs/heads/main"));
    dev_add_claims(token, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "repository", "assay-dev/orders", "repository_id",
                                    "74", "repository_owner", "assay-dev", "repository_owner_id", "65",
                                    "repository_visibility", "private", "runner_environment", "github-hosted"));
    dev_add_claims(token, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "ref", "refs/heads/main", "ref_type",
                                    "branch", "ref_protected", "true", "head_ref", "", "base_ref", "", "sha", COMMIT,
                                    "event_name", "push"));
    dev_add_claims(token, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "actor", "octocat", "actor_id", "12",
                                    "run_id", "1001", "run_number", "10", "run_attempt", "1", "enterprise", "assay",
                                    "enterprise_id", "7"));
    dev_add_claims(token, json_pack("{s:s, s:s, s:s, s:s, s:s}", "workflow", "deploy", "workflow_ref", WORKFLOW,
                                    "workflow_sha", COMMIT, "job_workflow_ref", WORKFLOW, "job_workflow_sha", COMMIT));
    set_times(token, 600, dev_lifetime(issuer, 300));
}

/* GitLab, "OpenID Connect (OIDC) Authentication Using ID Tokens". Ids are texts but that of the runner. */
static void fill_gitlab(const dev_issuer *issuer, dev_token *token)
{
    dev_add_claims(token, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "sub",
                                    "project_path:assay-dev/orders:ref_type:branch:ref:main", "namespace_id", "72",
                                    "namespace_path", "assay-dev", "project_id", "20", "project_path",
                                    "assay-dev/orders", "project_visibility", "private", "sha", COMMIT));
    dev_add_claims(token,
                   json_pack("{s:s, s:s, s:s, s:s, s:[s]}", "user_id", "1", "user_login", "alice", "user_email",
                             "alice@contoso.example", "user_access_level", "developer", "groups_direct", "assay-dev"));
    dev_add_claims(token, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "pipeline_id", "574", "pipeline_source",
                                    "push", "job_id", "302", "ref", "main", "ref_type", "branch", "ref_path",
                                    "refs/heads/main", "ref_protected", "true"));
    dev_add_claims(token, json_pack("{s:i, s:s, s:s, s:s}", "runner_id", 1, "runner_environment", "gitlab-hosted",
                                    "ci_config_ref_uri", PIPELINE, "ci_config_sha", COMMIT));
    set_times(token, 5, dev_lifetime(issuer, 3600));
}

static int fill_ci(const dev_issuer *issuer, const json_t *request, dev_token *token, char **text)
{
    const char *host = dev_member_text(request, "ci", "");
    const json_t *immutable = json_object_get(request, "immutable");
    bool github = host != NULL && strcmp(host, "github") == 0;
    if (!github && (host == NULL || strcmp(host, "gitlab") != 0))
        return dev_fail(text, "ci must be github or gitlab");
    if (immutable != NULL && (!github || !json_is_boolean(immutable)))
        return dev_fail(text, "immutable is true or false, and GitHub's");
    CLI_AUTO_FREE char *jti = guid_of("token", dev_member_text(token->claims, "jti", ""));
    put(token, "jti", json_string(jti));
    if (github)
        fill_github(issuer, json_is_true(immutable), token);
    else
        fill_gitlab(issuer, token);
    return 0;
}

static const char *const ci_members[] = {"ci", "immutable", NULL};
const dev_shape dev_shape_ci = {ci_members, fill_ci};
