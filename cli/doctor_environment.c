/* SPDX-License-Identifier: MIT */
/* assay doctor: the variables and options that a credential is made of: whether they are there, and whether they can be right. */

#include "doctor.h"

#include "connection.h"

#include <ctype.h>
#include <string.h>

#define LAYER "environment"
#define GUID_LENGTH 36

/* The clouds of Entra with the audience that each exchanges federated tokens for (Microsoft, "Workload identity federation"). */
static const struct {
    const char *host;
    const char *audience;
} clouds[] = {
    {"login.microsoftonline.com", "api://AzureADTokenExchange"},
    {"login.windows.net", "api://AzureADTokenExchange"},
    {"login.microsoft.com", "api://AzureADTokenExchange"},
    {"sts.windows.net", "api://AzureADTokenExchange"},
    {"login.microsoftonline.us", "api://AzureADTokenExchangeUSGov"},
    {"login.partner.microsoftonline.cn", "api://AzureADTokenExchangeChina"},
    {"login.chinacloudapi.cn", "api://AzureADTokenExchangeChina"},
};

static const char *host_of(const char *authority)
{
    const char *separator = authority == NULL ? NULL : strstr(authority, "://");
    return separator == NULL ? "" : separator + 3;
}

static size_t cloud_of(const char *authority)
{
    for (size_t i = 0; i < CLI_COUNT_OF(clouds); i++)
        if (strcasecmp(host_of(authority), clouds[i].host) == 0)
            return i;
    return CLI_COUNT_OF(clouds);
}

const char *doctor_exchange_audience(const char *authority)
{
    size_t cloud = cloud_of(authority);
    return clouds[cloud == CLI_COUNT_OF(clouds) ? 0 : cloud].audience;
}

bool doctor_is_guid(const char *text)
{
    if (strlen(text) != GUID_LENGTH)
        return false;
    for (size_t i = 0; i < GUID_LENGTH; i++) {
        bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
        if (hyphen ? text[i] != '-' : !isxdigit((unsigned char)text[i]))
            return false;
    }
    return true;
}

static bool is_domain(const char *text)
{
    size_t len = strlen(text);
    return len <= 253 && strchr(text, '.') != NULL && text[0] != '.' &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") == len;
}

static const char *or_variable(const char *option, const char *variable)
{
    return option != NULL ? option : doctor_variable(variable);
}

/* What the task of a service connection sets stands over what the pipeline says for all its steps, in the library too. */
static const char *variable_of(const doctor *d, const char *of_task, const char *usual)
{
    bool task = d->kind == CREDENTIAL_PIPELINES && (doctor_variable(of_task) != NULL || doctor_variable(usual) == NULL);
    return task ? of_task : usual;
}

/* A value that has not its form is not shown: people paste a secret into the wrong variable. */
static void check_tenant(doctor *d)
{
    const char *variable = variable_of(d, "AZURESUBSCRIPTION_TENANT_ID", "AZURE_TENANT_ID");
    const char *tenant = or_variable(d->credential->tenant, variable);
    const char *name = d->credential->tenant != NULL ? "--tenant" : variable;
    if (tenant == NULL) {
        doctor_fail(d, LAYER, name, 0, CLI_EXIT_USAGE,
                    "not set: the tenant whose directory has the application or identity");
        d->missing = "the tenant is missing";
        return;
    }
    /* RFC-less: Entra takes these three for users alone. */
    bool shared =
        strcmp(tenant, "common") == 0 || strcmp(tenant, "organizations") == 0 || strcmp(tenant, "consumers") == 0;
    if (shared || (!doctor_is_guid(tenant) && !is_domain(tenant))) {
        doctor_fail(d, LAYER, name, 27, CLI_EXIT_USAGE, "%s",
                    shared ? "common, organizations and consumers are no tenant to get tokens from"
                           : "neither a GUID nor a domain (not shown)");
        d->missing = "the tenant can't be used";
        return;
    }
    d->tenant = tenant;
    doctor_say(d, LAYER, name, DOCTOR_OK, 0, "%s", tenant);
}

static void check_client(doctor *d)
{
    /* Beside a managed identity as the proof, AZURE_CLIENT_ID is that identity and not the application. */
    const char *variable = variable_of(d, "AZURESUBSCRIPTION_CLIENT_ID", "AZURE_CLIENT_ID");
    const char *client =
        d->kind == CREDENTIAL_FEDERATED ? d->credential->client_id : or_variable(d->credential->client_id, variable);
    const char *name = d->credential->client_id != NULL || d->kind == CREDENTIAL_FEDERATED ? "--client-id" : variable;
    if (client == NULL) {
        /* The webhook sets each variable that it has a value for, and the client id comes from the annotation. */
        bool webhook = d->kind == CREDENTIAL_WORKLOAD && doctor_variable("AZURE_FEDERATED_TOKEN_FILE") != NULL;
        doctor_fail(d, LAYER, name, webhook ? 50 : 0, CLI_EXIT_USAGE, "not set%s",
                    webhook ? ", while AZURE_FEDERATED_TOKEN_FILE is: the service account has no annotation "
                              "azure.workload.identity/client-id"
                            : ": the application or identity to get a token for");
        d->needs_annotation = webhook;
        d->missing = "the client id is missing";
        return;
    }
    if (doctor_is_guid(client)) {
        d->client_id = client;
        doctor_say(d, LAYER, name, DOCTOR_OK, 0, "%s", client);
        return;
    }
    doctor_say(d, LAYER, name, DOCTOR_WARNING, 16, "set, but no GUID (not shown)%s",
               strncasecmp(client, "/subscriptions/", 15) == 0 ? ": a resource id is no client id" : "");
}

static void check_authority(doctor *d)
{
    const char *authority = or_variable(d->credential->authority, "AZURE_AUTHORITY_HOST");
    const char *name = d->credential->authority != NULL ? "--authority" : "AZURE_AUTHORITY_HOST";
    bool given = authority != NULL;
    d->authority = cli_strdup(given ? authority : "https://login.microsoftonline.com");
    size_t len = strlen(d->authority);
    if (len > 0 && d->authority[len - 1] == '/')
        d->authority[len - 1] = '\0';
    const char *host = host_of(d->authority);
    bool plain = strncasecmp(d->authority, "http://", 7) == 0 && d->credential->allow_loopback_http;
    connection_url url;
    bool is_url = connection_url_read(d->authority, &url);
    connection_url_free(&url);
    if (!is_url || (!plain && strncasecmp(d->authority, "https://", 8) != 0) || strpbrk(host, "/?#@") != NULL) {
        doctor_fail(d, LAYER, name, 28, CLI_EXIT_USAGE, "must be https:// and a host, and nothing else");
        d->missing = "the authority can't be used";
        return;
    }
    bool known = cloud_of(d->authority) != CLI_COUNT_OF(clouds);
    doctor_say(d, LAYER, name, known ? DOCTOR_OK : DOCTOR_WARNING, known ? 0 : 29, "%s%s", d->authority,
               !known  ? " is no cloud of Entra that is known here"
               : given ? ""
                       : " (not set; the public cloud)");
}

static void check_secret(doctor *d)
{
    if (d->credential->secret_file != NULL) {
        doctor_say(d, LAYER, "--secret-file", DOCTOR_OK, 0, "read; not shown");
        return;
    }
    const char *secret = doctor_variable("AZURE_CLIENT_SECRET");
    if (secret == NULL) {
        doctor_fail(d, LAYER, "AZURE_CLIENT_SECRET", 20, CLI_EXIT_USAGE, "not set");
        d->missing = "the secret is missing";
        return;
    }
    /* The portal shows both side by side, and the id has the form of a GUID. */
    bool is_id = doctor_is_guid(secret);
    bool blank = isspace((unsigned char)secret[0]) || isspace((unsigned char)secret[strlen(secret) - 1]);
    doctor_say(d, LAYER, "AZURE_CLIENT_SECRET", is_id || blank ? DOCTOR_WARNING : DOCTOR_OK, is_id || blank ? 18 : 0,
               "set; not shown%s",
               is_id   ? ". It has the form of a secret's id; the value is what counts"
               : blank ? ". It begins or ends with white space"
                       : "");
}

static void check_certificate(doctor *d)
{
    const char *path = or_variable(d->credential->certificate, "AZURE_CLIENT_CERTIFICATE_PATH");
    if (path == NULL && d->credential->key != NULL)
        return;
    if (path == NULL) {
        doctor_fail(d, LAYER, "AZURE_CLIENT_CERTIFICATE_PATH", 20, CLI_EXIT_USAGE, "not set");
        d->missing = "the certificate is missing";
        return;
    }
    cli_text pem = {0};
    if (doctor_read(path, CLI_INPUT_FILE_BYTES, &pem) != 0) {
        doctor_fail(d, LAYER, "certificate", 0, CLI_EXIT_USAGE, "%s can't be read", doctor_path(path));
        d->missing = "the certificate can't be read";
        return;
    }
    doctor_say(d, LAYER, "certificate", DOCTOR_OK, 0, "%s, %zu bytes", path, pem.len);
    cli_text_wipe(&pem);
}

static void check_identity(doctor *d)
{
    const char *agent = doctor_agent();
    const char *override = agent == NULL ? doctor_variable("AZURE_POD_IDENTITY_AUTHORITY_HOST") : NULL;
    if (override != NULL)
        doctor_say(d, LAYER, "agent", DOCTOR_OK, 0, "what stands in for IMDS by AZURE_POD_IDENTITY_AUTHORITY_HOST");
    else
        doctor_say(d, LAYER, "agent", DOCTOR_OK, 0, "%s", agent == NULL ? "IMDS at 169.254.169.254" : agent);
    if (d->credential->identity != NULL) {
        doctor_say(d, LAYER, "--identity", DOCTOR_OK, 0, "%s", d->credential->identity);
        return;
    }
    const char *client = doctor_variable("AZURE_CLIENT_ID");
    if (client != NULL && doctor_is_guid(client))
        doctor_say(d, LAYER, "AZURE_CLIENT_ID", DOCTOR_OK, 0, "%s: the user-assigned identity to use", client);
    else
        doctor_say(d, LAYER, "AZURE_CLIENT_ID", client == NULL ? DOCTOR_OK : DOCTOR_WARNING, client == NULL ? 0 : 16,
                   "%s", client == NULL ? "not set: the system-assigned identity" : "set, but no GUID (not shown)");
}

/* What the webhook of workload identity sets; nothing of it at all means that it did not see the pod. */
static bool webhook_was_here(doctor *d)
{
    const credential_settings *given = d->credential;
    if (d->kind != CREDENTIAL_WORKLOAD || given->token_file != NULL ||
        doctor_variable("AZURE_FEDERATED_TOKEN_FILE") != NULL)
        return true;
    bool other = doctor_variable("AZURE_CLIENT_ID") != NULL || doctor_variable("AZURE_TENANT_ID") != NULL;
    doctor_fail(d, LAYER, "AZURE_FEDERATED_TOKEN_FILE", 49, CLI_EXIT_USAGE,
                other ? "not set, though other variables of Azure are: who set those did not bring a token"
                      : "not set, nor is any other variable of workload identity");
    d->missing = "no token file is named";
    d->needs_label = true;
    return other || given->client_id != NULL || given->tenant != NULL;
}

void doctor_environment(doctor *d)
{
    enum credential_kind kind = d->kind;
    if (kind == CREDENTIAL_GOOGLE)
        doctor_google(d);
    if (!credential_kind_is_azure(kind) || !webhook_was_here(d))
        return;
    if (kind == CREDENTIAL_MANAGED || kind == CREDENTIAL_FEDERATED)
        check_identity(d);
    if (kind != CREDENTIAL_MANAGED) {
        check_tenant(d);
        check_client(d);
        check_authority(d);
    }
    if (kind == CREDENTIAL_SECRET || (kind == CREDENTIAL_ON_BEHALF_OF && d->credential->secret_file != NULL))
        check_secret(d);
    if (kind == CREDENTIAL_CERTIFICATE)
        check_certificate(d);
    if (kind == CREDENTIAL_WORKLOAD || kind == CREDENTIAL_ON_BEHALF_OF)
        d->token_path = or_variable(d->credential->token_file, "AZURE_FEDERATED_TOKEN_FILE");
    if (kind == CREDENTIAL_WORKLOAD)
        doctor_binding(d);
    doctor_proxies(d);
}
