/* SPDX-License-Identifier: MIT */
#include "acquire/endpoint.h"

#include "acquire/token_file.h"

#include <stdio.h>

/* What to do about a refusal, where the request that was sent says more about it than the server does. */

/* The subjects by which clusters, CI systems and SPIFFE name workloads. Any other may name a person, and is not shown. The command has the same list. */
static bool names_workload(const char *subject)
{
    static const char *const prefixes[] = {"system:serviceaccount:",
                                           "repo:",
                                           "repository_owner_id:",
                                           "repository_id:",
                                           "project_path:",
                                           "organization:",
                                           "sc://",
                                           "spiffe://"};
    for (size_t i = 0; i < ASSAY_COUNT_OF(prefixes); i++)
        if (strncmp(subject, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return false;
}

/* Texts that come from a token are shown to a shell's reader: escaped, and quoted by the caller. */
static void explain_federation(assay_endpoint *endpoint)
{
    assay_machine *machine = &endpoint->machine;
    bool from_outside = machine->settings->kind == ASSAY_CREDENTIAL_WORKLOAD ||
                        machine->settings->kind == ASSAY_CREDENTIAL_GITHUB ||
                        machine->settings->kind == ASSAY_CREDENTIAL_PIPELINES;
    int row = machine->failure.detail == NULL ? 0 : machine->detail.row;
    if (!from_outside || row < 1 || row > 6 || endpoint->proof.len == 0)
        return;
    assay_peek peek;
    assay_peek_read(endpoint->proof.text, endpoint->proof.len, &peek);
    /* A token of identity bindings is not Entra's to exchange: what the row says of the token proxy is the fix. */
    bool of_binding = assay_peek_has_audience(endpoint->proof.text, endpoint->proof.len, ASSAY_BINDING_AUDIENCE);
    if (!peek.readable || of_binding)
        return;
    char subject[140];
    if (names_workload(peek.subject))
        (void)snprintf(subject, sizeof subject, "subject \"%.120s\"", peek.subject);
    else
        (void)snprintf(subject, sizeof subject, "`sub` of the token as subject (not shown: it may name a person)");
    (void)snprintf(machine->detail.fix, sizeof machine->detail.fix,
                   "the federated credential must have issuer \"%.120s\", %s and audience \"%.60s\": "
                   "az identity federated-credential list (create, update), or az ad app federated-credential list",
                   peek.issuer, subject, peek.audience);
}

/* RFC 6749, section 5.2, and RFC 8707, section 2: what such an error is about, whatever words the server has for it. */
static const struct {
    const char *server_code, *fix;
} fixes[] = {
    {"unauthorized_client", "let the client use this grant, in the settings that the server has of it"},
    {"unsupported_grant_type",
     "this token endpoint does not know the grant: see grant_types_supported in the server's metadata"},
    {"invalid_scope", "ask for scopes that the server knows and lets this client have, separated by spaces"},
    {"invalid_target",
     "ask for a resource or audience that the server has tokens for, and for one at a time where it wants that"},
};

/* Ours, and shown to people: escaped, so that a cut leaves whole characters, and without a query, which nobody needs to see. */
static void show_audience(const assay_endpoint *endpoint, char *shown, size_t size)
{
    const char *audience = endpoint->machine.settings->assertion_audience;
    const char *text = audience != NULL ? audience : endpoint->url;
    assay_text_escape(text, audience != NULL ? strlen(text) : strcspn(text, "?"), shown, size);
}

/* A server does not say which part of a client's proof was wrong, so as not to help those who guess. */
static void explain_client(assay_endpoint *endpoint, assay_failure_detail *detail)
{
    char audience[200];
    const assay_credential_settings *settings = endpoint->machine.settings;
    bool key = settings->client_method == ASSAY_CLIENT_PRIVATE_KEY_JWT;
    show_audience(endpoint, audience, sizeof audience);
    if (key)
        (void)snprintf(detail->fix, sizeof detail->fix,
                       "the server must have this client id registered for private_key_jwt with the public part of the "
                       "key%s, its algorithm%s%.16s, and \"%s\" as audience of assertions: some want their issuer "
                       "there; and its clock must agree",
                       settings->signing_key_id != NULL ? " under its kid" : "",
                       settings->signing_algorithm != NULL ? " " : "",
                       settings->signing_algorithm != NULL ? settings->signing_algorithm : "", audience);
    else if (settings->secret.len > 0)
        (void)snprintf(detail->fix, sizeof detail->fix,
                       "the server must know this client id with exactly this secret, and have it registered for %s: "
                       "compare the secret's value, and try the other method",
                       settings->client_method == ASSAY_CLIENT_BASIC ? "client_secret_basic" : "client_secret_post");
    else
        (void)snprintf(
            detail->fix, sizeof detail->fix,
            "the server must know this client id as one without a proof, or the client needs a secret or a key");
}

static void explain_oauth(assay_endpoint *endpoint)
{
    assay_machine *machine = &endpoint->machine;
    assay_failure_detail *detail = &machine->detail;
    bool google = machine->settings->kind == ASSAY_CREDENTIAL_GOOGLE; /* it has no clients */
    if (google || machine->failure.detail == NULL || detail->row != 0 || endpoint->url == NULL)
        return;
    if (strcmp(detail->server_code, "invalid_client") == 0)
        explain_client(endpoint, detail);
    for (size_t i = 0; i < ASSAY_COUNT_OF(fixes); i++)
        if (strcmp(detail->server_code, fixes[i].server_code) == 0)
            (void)snprintf(detail->fix, sizeof detail->fix, "%s", fixes[i].fix);
}

void assay_endpoint_explain(assay_endpoint *endpoint)
{
    if (assay_endpoint_is_entra(endpoint))
        explain_federation(endpoint);
    else
        explain_oauth(endpoint);
}
