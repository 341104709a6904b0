/* SPDX-License-Identifier: MIT */
/* assay doctor: a job of GitHub Actions or Azure Pipelines: whether it may have an ID token, and what that token says. */

#include "doctor.h"

#include "connection.h"
#include "progress.h"

#include <string.h>

#define LAYER "ci"
#define ISSUER "https://token.actions.githubusercontent.com"
#define STEP_MS 5000
#define BODY_BYTES ((size_t)64 << 10)

/* What stands behind the repository (GitHub, "OpenID Connect reference", "Example subject claims"). An environment of a job is in no variable. */
static char *context(void)
{
    const char *event = doctor_variable("GITHUB_EVENT_NAME");
    const char *ref = doctor_variable("GITHUB_REF");
    if (event != NULL && strcmp(event, "pull_request") == 0)
        return cli_strdup("pull_request");
    return ref == NULL ? NULL : cli_format("ref:%s", ref);
}

static json_t *expected_claims(const doctor *d, const char *subject)
{
    const char *server = doctor_variable("GITHUB_SERVER_URL");
    bool own = server != NULL && strcmp(server, "https://github.com") != 0;
    CLI_AUTO_FREE char *issuer = own ? cli_format("%s/_services/token", server) : cli_strdup(ISSUER);
    json_t *claims = json_object();
    cli_json_text(claims, "iss", issuer);
    cli_json_text(claims, "sub", subject);
    json_t *audiences = json_array();
    (void)json_array_append_new(audiences, json_string(doctor_exchange_audience(d->authority)));
    (void)json_object_set_new(claims, "aud", audiences);
    return claims;
}

/* Without the token itself its claims can be told from the variables of the job, but for the form of the subject. */
static void guess_claims(doctor *d)
{
    const char *repository = doctor_variable("GITHUB_REPOSITORY");
    const char *slash = repository == NULL ? NULL : strchr(repository, '/');
    CLI_AUTO_FREE char *rest = context();
    if (slash == NULL || rest == NULL) {
        doctor_say(d, LAYER, "subject", DOCTOR_SKIPPED, 0, "GITHUB_REPOSITORY and GITHUB_REF do not tell it");
        return;
    }
    CLI_AUTO_FREE char *subject = cli_format("repo:%s:%s", repository, rest);
    doctor_say(d, LAYER, "subject", DOCTOR_OK, 0, "%s, or repo:%s:environment:NAME of a job with an environment",
               subject, repository);
    const char *owner_id = doctor_variable("GITHUB_REPOSITORY_OWNER_ID");
    const char *id = doctor_variable("GITHUB_REPOSITORY_ID");
    if (owner_id != NULL && id != NULL)
        doctor_say(d, LAYER, "immutable subject", DOCTOR_OK, 0,
                   "repo:%.*s@%s/%s@%s:%s, where the repository is new, was renamed or was moved",
                   (int)(slash - repository), repository, owner_id, slash + 1, id, rest);
    d->claims = expected_claims(d, subject);
}

static bool open_connection(doctor *d, connection *c, const connection_url *url)
{
    if (!url->secure && !d->credential->allow_loopback_http) {
        doctor_fail(d, LAYER, "ID token", 65, CLI_EXIT_USAGE, "ACTIONS_ID_TOKEN_REQUEST_URL is not https");
        return false;
    }
    bool there = connection_resolve(c, url->host, url->port);
    connection_allow(c, STEP_MS);
    there = there && connection_connect(c);
    connection_allow(c, STEP_MS);
    there = there && (!url->secure || connection_tls(c, url->host, d->credential->ca_file, NULL));
    if (!there)
        doctor_fail(d, LAYER, "ID token", 56, CLI_EXIT_UNDECIDED, "%s can't be reached: %s", url->host, c->why);
    return there;
}

static void take_value(doctor *d, const cli_text *body)
{
    CLI_CLEANUP(json_decref_p) json_t *document = json_loadb(body->ptr == NULL ? "" : body->ptr, body->len, 0, NULL);
    const char *value = json_string_value(json_object_get(document, "value"));
    if (value == NULL) {
        doctor_fail(d, LAYER, "ID token", 65, CLI_EXIT_UNDECIDED, "the answer has none");
        return;
    }
    cli_text_put(&d->token, value);
    doctor_say(d, LAYER, "ID token", DOCTOR_OK, 0, "the job gets one");
}

/* The URL ends in a query already, and the audience is one more parameter of it. */
static void ask(doctor *d, connection *c, const connection_url *url)
{
    const char *bearer = doctor_variable("ACTIONS_ID_TOKEN_REQUEST_TOKEN");
    if (strpbrk(bearer, "\r\n") != NULL) {
        doctor_fail(d, LAYER, "ACTIONS_ID_TOKEN_REQUEST_TOKEN", 65, CLI_EXIT_USAGE, "has a line end");
        return;
    }
    const char *audience = doctor_exchange_audience(d->authority);
    CLI_AUTO_FREE char *request =
        cli_format("GET %s%caudience=api%%3A%%2F%%2F%s HTTP/1.0\r\nHost: %s\r\nAuthorization: bearer %s\r\n"
                   "Accept: application/json; api-version=2.0\r\nUser-Agent: assay/%s\r\n\r\n",
                   url->path, strchr(url->path, '?') == NULL ? '?' : '&', audience + strlen("api://"), url->authority,
                   bearer, assay_version());
    cli_text head = {0};
    cli_text body = {0};
    connection_allow(c, STEP_MS);
    int status = connection_request(c, request, &head, &body, BODY_BYTES);
    if (status == 200)
        take_value(d, &body);
    else if (status < 0)
        doctor_fail(d, LAYER, "ID token", 56, CLI_EXIT_UNDECIDED, "%s: %s", url->host, c->why);
    else
        doctor_fail(d, LAYER, "ID token", 65, CLI_EXIT_REFUSED, "GitHub answers %d", status);
    explicit_bzero(request, strlen(request));
    cli_text_wipe(&head);
    cli_text_wipe(&body);
}

static void fetch(doctor *d)
{
    connection_url url;
    connection c;
    connection_start(&c, STEP_MS);
    if (!connection_url_read(doctor_variable("ACTIONS_ID_TOKEN_REQUEST_URL"), &url)) {
        doctor_fail(d, LAYER, "ACTIONS_ID_TOKEN_REQUEST_URL", 65, CLI_EXIT_USAGE, "is no URL (not shown)");
    } else {
        cli_progress("asking GitHub for the ID token of the job");
        if (open_connection(d, &c, &url))
            ask(d, &c, &url);
    }
    connection_end(&c);
    connection_url_free(&url);
}

static bool demand(doctor *d, const char *name, int row, const char *why)
{
    if (doctor_variable(name) != NULL) {
        doctor_say(d, LAYER, name, DOCTOR_OK, 0, "set; not shown");
        return true;
    }
    doctor_fail(d, LAYER, name, row, CLI_EXIT_USAGE, "not set: %s", why);
    d->missing = "the job may have no ID token";
    return false;
}

/* Microsoft, "Predefined variables": the token of the job reaches a step only where the step's `env` names it. */
void doctor_pipeline(doctor *d)
{
    (void)demand(d, "SYSTEM_OIDCREQUESTURI", 0, "the agent of Azure Pipelines sets it in each job");
    (void)demand(d, "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID", 0,
                 "run the step by a task with a service connection, such as AzureCLI@2");
    (void)demand(d, "SYSTEM_ACCESSTOKEN", 0, "give the step \"env: { SYSTEM_ACCESSTOKEN: $(System.AccessToken) }\"");
}

void doctor_job(doctor *d)
{
    static const char why[] = "the job lacks \"permissions: id-token: write\", or is a pull request of a fork";
    bool all = demand(d, "ACTIONS_ID_TOKEN_REQUEST_URL", 65, why);
    all = demand(d, "ACTIONS_ID_TOKEN_REQUEST_TOKEN", 65, why) && all;
    /* A proxy would see a secret that is for GitHub, so the exchange alone goes through one. */
    if (all && !d->offline && !d->credential->use_environment_proxy)
        fetch(d);
    if (d->token.len > 0)
        doctor_claims(d);
    else
        guess_claims(d);
    doctor_federation(d);
}
