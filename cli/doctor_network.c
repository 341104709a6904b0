/* SPDX-License-Identifier: MIT */
/* assay doctor: the way to the server that exchanges tokens: name, TCP, TLS, an answer, and the clock by it. */

#include "doctor.h"

#include "connection.h"
#include "progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define STEP_MS 4000
#define SKEW_SECONDS 60
#define GOOGLE "https://sts.googleapis.com/v1/token"

typedef struct server {
    const char *layer;
    connection_url url;
    const char *path; /* to ask for */
    const char *tls_name;
    const char *ca_file;
    const char *ca_pem;
    const char *through; /* HTTP proxy; NULL: none */
    int connect_row, tls_row;
} server;

static bool reach(doctor *d, const server *s, connection *c, const char *host, const char *port)
{
    cli_progress("looking up %s", host);
    if (!connection_resolve(c, host, port)) {
        doctor_fail(d, s->layer, "DNS", s->connect_row, CLI_EXIT_UNDECIDED, "%s: %s", host, c->why);
        return false;
    }
    doctor_say(d, s->layer, "DNS", DOCTOR_OK, 0, "%s is known", host);
    cli_progress("connecting to %s", host);
    connection_allow(c, STEP_MS);
    if (!connection_connect(c)) {
        doctor_fail(d, s->layer, "TCP", s->connect_row, CLI_EXIT_UNDECIDED, "%s at %s, port %s: %s", host, c->address,
                    port, c->why);
        return false;
    }
    doctor_say(d, s->layer, "TCP", DOCTOR_OK, 0, "%s, port %s", c->address, port);
    return true;
}

static bool tunnel(doctor *d, const server *s, connection *c)
{
    connection_url proxy;
    if (!connection_url_read(s->through, &proxy) || proxy.secure) {
        connection_url_free(&proxy);
        doctor_say(d, s->layer, "proxy", DOCTOR_SKIPPED, 0,
                   "only proxies of http:// are looked through; the exchange will tell");
        return false;
    }
    bool there = reach(d, s, c, proxy.host, proxy.port);
    if (there && !connection_tunnel(c, s->url.host, s->url.port, proxy.user)) {
        doctor_fail(d, s->layer, "proxy", s->connect_row, CLI_EXIT_UNDECIDED, "no way to %s: %s", s->url.host, c->why);
        there = false;
    } else if (there) {
        doctor_say(d, s->layer, "proxy", DOCTOR_OK, 0, "%s is reached through it", s->url.host);
    }
    d->unreachable = !there;
    connection_url_free(&proxy);
    return there;
}

static bool secure(doctor *d, const server *s, connection *c)
{
    if (!s->url.secure) {
        doctor_say(d, s->layer, "TLS", DOCTOR_SKIPPED, 0, "plain http, as --allow-loopback-http allows");
        return true;
    }
    connection_allow(c, STEP_MS);
    if (connection_tls(c, s->tls_name, s->ca_file, s->ca_pem)) {
        doctor_say(d, s->layer, "TLS", DOCTOR_OK, 0, "%s, the certificate is issued by \"%s\"", c->version, c->issuer);
        return true;
    }
    doctor_fail(d, s->layer, "TLS", s->tls_row, CLI_EXIT_UNDECIDED, "%s: %s%s%s%s", s->tls_name, c->why,
                c->issuer[0] == '\0' ? "" : "; the certificate is issued by \"", c->issuer,
                c->issuer[0] == '\0' ? "" : "\"");
    return false;
}

static void check_clock(doctor *d, const server *s, const cli_text *head)
{
    int64_t date = connection_date(head);
    if (date < 0)
        return;
    int64_t ahead = (int64_t)time(NULL) - date;
    int64_t distance = ahead < 0 ? -ahead : ahead;
    if (distance > SKEW_SECONDS)
        doctor_say(d, s->layer, "clock", DOCTOR_WARNING, 57, "this machine's clock is %" PRId64 " s %s the server's",
                   distance, ahead < 0 ? "behind" : "ahead of");
    else
        doctor_say(d, s->layer, "clock", DOCTOR_OK, 0, "within %d s of the server's", SKEW_SECONDS);
}

/* The metadata of a tenant, which every authority has and gives to anybody. */
static void say_metadata(doctor *d, const server *s, int status)
{
    if (status == 200)
        doctor_say(d, s->layer, "HTTP", DOCTOR_OK, 0, "status 200: the authority knows the tenant");
    else if (status == 400 || status == 404)
        doctor_say(d, s->layer, "HTTP", DOCTOR_WARNING, 27, "status %d: the authority does not know the tenant",
                   status);
    else if (status >= 500)
        doctor_say(d, s->layer, "HTTP", DOCTOR_WARNING, 38, "status %d: the authority fails for the moment", status);
    else
        doctor_say(d, s->layer, "HTTP", DOCTOR_WARNING, 56,
                   "status %d: so no authority answers, but perhaps something on the way to it", status);
}

static void ask(doctor *d, const server *s, connection *c)
{
    cli_text head = {0};
    cli_text body = {0};
    CLI_AUTO_FREE char *request =
        cli_format("GET %s HTTP/1.0\r\nHost: %s\r\nAccept: application/json\r\nUser-Agent: assay/%s\r\n\r\n", s->path,
                   s->url.authority, assay_version());
    connection_allow(c, STEP_MS);
    cli_progress("asking %s", s->url.host);
    int status = connection_request(c, request, &head, &body, 0);
    bool tenant = d->tenant != NULL && strcmp(s->layer, "network") == 0 && credential_kind_is_azure(d->kind);
    if (status < 0)
        doctor_fail(d, s->layer, "HTTP", s->connect_row, CLI_EXIT_UNDECIDED, "%s", c->why);
    else if (tenant)
        say_metadata(d, s, status);
    else
        doctor_say(d, s->layer, "HTTP", DOCTOR_OK, 0, "status %d", status);
    d->unreachable = status < 0;
    if (status >= 0)
        check_clock(d, s, &head);
    cli_text_free(&head);
    cli_text_free(&body);
}

static void check_server(doctor *d, server *s)
{
    connection c;
    connection_start(&c, STEP_MS);
    /* A server behind another's name, as the token proxy is, is near and asked directly. */
    bool direct = s->tls_name != NULL || !s->url.secure || !d->credential->use_environment_proxy;
    s->through = direct ? NULL : doctor_proxy_for(s->url.host);
    if (s->tls_name == NULL)
        s->tls_name = s->url.host;
    bool there = s->through != NULL ? tunnel(d, s, &c) : reach(d, s, &c, s->url.host, s->url.port);
    if (there && secure(d, s, &c))
        ask(d, s, &c);
    else if (s->through == NULL || there)
        d->unreachable = true;
    connection_end(&c);
    cli_progress_end();
    if (d->unreachable && s->through == NULL && doctor_proxy_for(s->url.host) != NULL &&
        strcmp(s->layer, "network") == 0)
        doctor_say(d, s->layer, "proxy", DOCTOR_WARNING, 56,
                   "the environment names a proxy: try --use-environment-proxy");
}

static void check_url(doctor *d, const char *url, const char *path)
{
    server s = {.layer = "network", .path = path, .ca_file = d->credential->ca_file, .connect_row = 56, .tls_row = 56};
    if (url == NULL || !connection_url_read(url, &s.url))
        doctor_say(d, s.layer, "server", DOCTOR_SKIPPED, 0, "there is no URL to ask");
    else
        check_server(d, &s);
    connection_url_free(&s.url);
}

/* Through the token proxy alone: that no way leads from the cluster to the authority is what it is for. */
static void check_token_proxy(doctor *d)
{
    bool option = d->credential->token_proxy != NULL;
    server s = {
        .layer = "token-proxy",
        .tls_name = option ? d->credential->token_proxy_name : doctor_variable("AZURE_KUBERNETES_SNI_NAME"),
        .ca_file = option ? d->credential->token_proxy_ca : doctor_variable("AZURE_KUBERNETES_CA_FILE"),
        .ca_pem = option ? NULL : doctor_variable("AZURE_KUBERNETES_CA_DATA"),
        .connect_row = 60,
        .tls_row = 58,
    };
    if (connection_url_read(d->proxy_url, &s.url)) {
        s.path = s.url.path;
        check_server(d, &s);
    }
    connection_url_free(&s.url);
    doctor_say(d, "network", "authority", DOCTOR_SKIPPED, 0, "the token proxy stands in for it");
}

static void check_authority(doctor *d)
{
    CLI_AUTO_FREE char *path =
        d->tenant == NULL ? cli_strdup("/") : cli_format("/%s/v2.0/.well-known/openid-configuration", d->tenant);
    if (d->authority == NULL || d->authority[0] == '\0')
        doctor_say(d, "network", "authority", DOCTOR_SKIPPED, 0, "there is none to ask");
    else
        check_url(d, d->authority, path);
}

static const char *token_endpoint(const doctor *d)
{
    if (d->credential->token_endpoint != NULL || d->kind != CREDENTIAL_GOOGLE)
        return d->credential->token_endpoint;
    if (d->account_refused)
        return NULL; /* it leads somewhere, and nobody knows where */
    return d->account_token_url != NULL ? d->account_token_url : GOOGLE;
}

void doctor_network(doctor *d)
{
    if (d->offline) {
        doctor_say(d, "network", "all", DOCTOR_SKIPPED, 0, "--offline");
        return;
    }
    if (d->kind == CREDENTIAL_MANAGED || d->kind == CREDENTIAL_FEDERATED) {
        if (doctor_agent() == NULL && strcmp(d->where, "vm") != 0)
            (void)doctor_imds(d, true);
        else if (doctor_agent() != NULL)
            doctor_say(d, "managed-identity", "agent", DOCTOR_SKIPPED, 0, "%s answers to the exchange alone",
                       doctor_agent());
    } else if (d->kind == CREDENTIAL_WORKLOAD) {
        doctor_say(d, "managed-identity", "IMDS", DOCTOR_SKIPPED, 0, "%s",
                   d->configured
                       ? "not asked: workload identity is configured, so the node's identity is never used"
                       : "not asked; where nothing else is configured, the default chain takes the node's identity");
    }
    if (d->kind == CREDENTIAL_MANAGED)
        return;
    if (d->through_proxy)
        check_token_proxy(d);
    else if (credential_kind_is_azure(d->kind))
        check_authority(d);
    else
        check_url(d, token_endpoint(d), "/");
}
