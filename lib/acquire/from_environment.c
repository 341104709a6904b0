/* SPDX-License-Identifier: MIT */
#include "acquire/from_environment.h"

#include <stdio.h>
#include <stdlib.h>

#define HIMDS "/opt/azcmagent/bin/himds"

const char *assay_environment_get(const char *name)
{
    const char *value = secure_getenv(name);
    return value == NULL || value[0] == '\0' ? NULL : value;
}

int assay_environment_blame(int code, const char *name, assay_failure *failure)
{
    if (code == ASSAY_OK || code == ASSAY_E_MEMORY || failure == NULL)
        return code;
    char note[sizeof failure->note];
    (void)snprintf(note, sizeof note, "%s: %.200s", name, failure->note);
    memcpy(failure->note, note, sizeof note);
    return code;
}

int assay_environment_text(const char *name, const char **text, assay_failure *failure)
{
    *text = assay_environment_get(name);
    for (const char *at = *text; at != NULL && *at != '\0'; at++) {
        if ((unsigned char)*at >= 0x20 && *at != 0x7f)
            continue;
        *text = NULL;
        return assay_fail_note(failure, ASSAY_E_CONFIG_CREDENTIAL, "%s has a line end or another control byte", name);
    }
    return assay_fail(failure, ASSAY_OK);
}

static int take_text(const char *name, char **place, assay_failure *failure)
{
    const char *text = NULL;
    int code = assay_environment_text(name, &text, failure);
    if (code != ASSAY_OK || text == NULL)
        return code;
    return assay_settings_set_text(place, text, name, failure);
}

static int take_secret(const char *name, assay_secret *place, assay_failure *failure)
{
    const char *text = NULL;
    int code = assay_environment_text(name, &text, failure);
    if (code != ASSAY_OK || text == NULL)
        return code;
    return assay_settings_set_secret(place, text, strlen(text), name, failure);
}

typedef int setter(assay_credential_settings *settings, const char *value, assay_failure *failure);

static int take_checked(const char *name, setter *set, assay_credential_settings *settings, assay_failure *failure)
{
    const char *text = NULL;
    int code = assay_environment_text(name, &text, failure);
    if (code != ASSAY_OK || text == NULL)
        return code;
    return assay_environment_blame(set(settings, text, failure), name, failure);
}

/* AZURE_ADDITIONALLY_ALLOWED_TENANTS: with ";" between them, "*" for any. */
static int add_tenants(assay_credential_settings *settings, const char *list, assay_failure *failure)
{
    for (const char *at = list; *at != '\0';) {
        size_t len = strcspn(at, ";");
        ASSAY_AUTO_RELEASE char *tenant = assay_memdup(at, len);
        if (tenant == NULL)
            return assay_fail(failure, ASSAY_E_MEMORY);
        int code = len == 0 ? ASSAY_OK : assay_settings_add_tenant(settings, tenant, failure);
        if (code != ASSAY_OK)
            return code;
        at += len + (at[len] == ';');
    }
    return ASSAY_OK;
}

static int take_entra(assay_credential_settings *settings, assay_failure *failure)
{
    int code = take_checked("AZURE_TENANT_ID", assay_settings_set_tenant, settings, failure);
    if (code == ASSAY_OK)
        code = take_text("AZURE_CLIENT_ID", &settings->client_id, failure);
    if (code == ASSAY_OK)
        code = take_checked("AZURE_AUTHORITY_HOST", assay_settings_set_authority, settings, failure);
    if (code == ASSAY_OK)
        code = take_checked("AZURE_ADDITIONALLY_ALLOWED_TENANTS", add_tenants, settings, failure);
    return code;
}

/* AZURE_KUBERNETES_CA_DATA alone is PEM text, which has lines. */
static int take_proxy(assay_credential_settings *settings, assay_failure *failure)
{
    static const char *const variables[] = {"AZURE_KUBERNETES_TOKEN_PROXY", "AZURE_KUBERNETES_SNI_NAME",
                                            "AZURE_KUBERNETES_CA_FILE"};
    const char *values[ASSAY_COUNT_OF(variables)] = {NULL};
    for (size_t i = 0; i < ASSAY_COUNT_OF(variables); i++) {
        int code = assay_environment_text(variables[i], &values[i], failure);
        if (code != ASSAY_OK)
            return code;
    }
    return assay_settings_set_proxy(settings, values[0], values[1], values[2],
                                    assay_environment_get("AZURE_KUBERNETES_CA_DATA"), failure);
}

static int take_workload(assay_credential_settings *settings, assay_failure *failure)
{
    int code = take_entra(settings, failure);
    if (code == ASSAY_OK)
        code = take_text("AZURE_FEDERATED_TOKEN_FILE", &settings->token_file, failure);
    return code == ASSAY_OK ? take_proxy(settings, failure) : code;
}

static int take_client_secret(assay_credential_settings *settings, assay_failure *failure)
{
    int code = take_entra(settings, failure);
    return code == ASSAY_OK ? take_secret("AZURE_CLIENT_SECRET", &settings->secret, failure) : code;
}

static bool is_true(const char *text)
{
    return text != NULL && (strcmp(text, "1") == 0 || strcmp(text, "true") == 0 || strcmp(text, "True") == 0 ||
                            strcmp(text, "TRUE") == 0);
}

static int take_certificate(assay_credential_settings *settings, assay_failure *failure)
{
    int code = take_entra(settings, failure);
    if (code == ASSAY_OK)
        code = take_text("AZURE_CLIENT_CERTIFICATE_PATH", &settings->certificate_path, failure);
    if (code == ASSAY_OK)
        code = take_secret("AZURE_CLIENT_CERTIFICATE_PASSWORD", &settings->passphrase, failure);
    settings->send_chain = is_true(assay_environment_get("AZURE_CLIENT_SEND_CERTIFICATE_CHAIN"));
    return code;
}

static int take_github(assay_credential_settings *settings, assay_failure *failure)
{
    int code = take_entra(settings, failure);
    if (code == ASSAY_OK)
        code = take_text("ACTIONS_ID_TOKEN_REQUEST_URL", &settings->request_url, failure);
    if (code == ASSAY_OK)
        code = take_secret("ACTIONS_ID_TOKEN_REQUEST_TOKEN", &settings->request_token, failure);
    return code;
}

/* What the task of the service connection sets stands over what the pipeline says for all its steps. */
static int take_pipelines(assay_credential_settings *settings, assay_failure *failure)
{
    int code = take_entra(settings, failure);
    if (code == ASSAY_OK)
        code = take_checked("AZURESUBSCRIPTION_TENANT_ID", assay_settings_set_tenant, settings, failure);
    if (code == ASSAY_OK)
        code = take_text("AZURESUBSCRIPTION_CLIENT_ID", &settings->client_id, failure);
    if (code == ASSAY_OK)
        code = take_text("AZURESUBSCRIPTION_SERVICE_CONNECTION_ID", &settings->service_connection, failure);
    if (code == ASSAY_OK)
        code = take_text("SYSTEM_OIDCREQUESTURI", &settings->request_url, failure);
    if (code == ASSAY_OK)
        code = take_secret("SYSTEM_ACCESSTOKEN", &settings->request_token, failure);
    return code;
}

static int take_google(assay_credential_settings *settings, assay_failure *failure)
{
    const char *path = NULL;
    int code = assay_environment_text("GOOGLE_APPLICATION_CREDENTIALS", &path, failure);
    if (code != ASSAY_OK)
        return code;
    if (path == NULL)
        return assay_fail_note(failure, ASSAY_E_CONFIG_CREDENTIAL, "GOOGLE_APPLICATION_CREDENTIALS is not set");
    return assay_environment_blame(assay_google_account_read(path, settings, failure), "GOOGLE_APPLICATION_CREDENTIALS",
                                   failure);
}

int assay_settings_from_environment(assay_credential_settings *settings, assay_failure *failure)
{
    switch (settings->kind) {
    case ASSAY_CREDENTIAL_WORKLOAD:
        return take_workload(settings, failure);
    case ASSAY_CREDENTIAL_SECRET:
        return take_client_secret(settings, failure);
    case ASSAY_CREDENTIAL_CERTIFICATE:
        return take_certificate(settings, failure);
    case ASSAY_CREDENTIAL_GITHUB:
        return take_github(settings, failure);
    case ASSAY_CREDENTIAL_PIPELINES:
        return take_pipelines(settings, failure);
    case ASSAY_CREDENTIAL_MANAGED:
        return assay_environment_managed(settings, HIMDS, failure);
    case ASSAY_CREDENTIAL_GOOGLE:
        return take_google(settings, failure);
    case ASSAY_CREDENTIAL_ASSERTION:
    case ASSAY_CREDENTIAL_FEDERATED:
    case ASSAY_CREDENTIAL_CLIENT:
    case ASSAY_CREDENTIAL_EXCHANGE:
    case ASSAY_CREDENTIAL_CHAIN:
    case ASSAY_CREDENTIAL_KINDS:
        break;
    }
    return assay_fail_note(failure, ASSAY_E_CONFIG_CREDENTIAL, "%s has no variables",
                           settings->kind < ASSAY_CREDENTIAL_KINDS ? assay_credential_kind_name(settings->kind)
                                                                   : "this kind");
}
