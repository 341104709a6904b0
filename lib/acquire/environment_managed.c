/* SPDX-License-Identifier: MIT */
#include "acquire/from_environment.h"

#include <unistd.h>

/*
 * Which agent answers for the managed identity of this process: in the order Service Fabric, App Service, its older form and Azure ML, Cloud Shell, Arc, IMDS (exchange.md
 * 2.7; case 67). The first that is configured is it, whether it works or not.
 */

typedef struct found {
    const char *identity_endpoint, *identity_header, *thumbprint;
    const char *msi_endpoint, *msi_secret, *imds_endpoint;
    const char *pod_authority, *client_id, *default_client_id;
} found;

static int look(found *all, assay_failure *failure)
{
    const struct {
        const char *name;
        const char **value;
    } wanted[] = {{"IDENTITY_ENDPOINT", &all->identity_endpoint},
                  {"IDENTITY_HEADER", &all->identity_header},
                  {"IDENTITY_SERVER_THUMBPRINT", &all->thumbprint},
                  {"MSI_ENDPOINT", &all->msi_endpoint},
                  {"MSI_SECRET", &all->msi_secret},
                  {"IMDS_ENDPOINT", &all->imds_endpoint},
                  {"AZURE_POD_IDENTITY_AUTHORITY_HOST", &all->pod_authority},
                  {"AZURE_CLIENT_ID", &all->client_id},
                  {"DEFAULT_IDENTITY_CLIENT_ID", &all->default_client_id}};
    for (size_t i = 0; i < ASSAY_COUNT_OF(wanted); i++) {
        int code = assay_environment_text(wanted[i].name, wanted[i].value, failure);
        if (code != ASSAY_OK)
            return code;
    }
    return ASSAY_OK;
}

static assay_agent choose(const found *all, const char *himds)
{
    if (all->identity_endpoint != NULL && all->identity_header != NULL)
        return all->thumbprint != NULL ? ASSAY_AGENT_SERVICE_FABRIC : ASSAY_AGENT_APP_SERVICE;
    if (all->msi_endpoint != NULL && all->msi_secret != NULL)
        return all->default_client_id != NULL ? ASSAY_AGENT_AZURE_ML : ASSAY_AGENT_APP_SERVICE_2017;
    if (all->msi_endpoint != NULL)
        return ASSAY_AGENT_CLOUD_SHELL;
    if (all->identity_endpoint != NULL && all->imds_endpoint != NULL)
        return ASSAY_AGENT_ARC;
    return access(himds, F_OK) == 0 ? ASSAY_AGENT_ARC : ASSAY_AGENT_IMDS;
}

static int take_address(assay_credential_settings *settings, const char *name, const char *url, const char *secret,
                        const char *secret_name, assay_failure *failure)
{
    int code = assay_settings_set_text(&settings->agent_url, url, name, failure);
    if (code != ASSAY_OK || secret == NULL)
        return code;
    return assay_settings_set_secret(&settings->agent_secret, secret, strlen(secret), secret_name, failure);
}

/* The host of what stands in for IMDS, such as the proxy of the migration sidecar. */
static int take_pod_authority(assay_credential_settings *settings, const char *host, assay_failure *failure)
{
    static const char path[] = "/metadata/identity/oauth2/token";
    if (strpbrk(host, "?#") != NULL) /* the path would become a part of that */
        return assay_fail_note(failure, ASSAY_E_CONFIG_URL,
                               "AZURE_POD_IDENTITY_AUTHORITY_HOST: the URL has a query or a fragment");
    ASSAY_CLEANUP(assay_buffer_clear) assay_buffer url = {0};
    size_t len = strlen(host);
    while (len > 0 && host[len - 1] == '/')
        len--;
    assay_buffer_add(&url, host, len);
    assay_buffer_put(&url, path);
    if (url.failed)
        return assay_fail(failure, ASSAY_E_MEMORY);
    return assay_settings_set_text(&settings->agent_url, url.text, "AZURE_POD_IDENTITY_AUTHORITY_HOST", failure);
}

static int take_agent(assay_credential_settings *settings, const found *all, assay_failure *failure)
{
    switch (settings->agent) {
    case ASSAY_AGENT_SERVICE_FABRIC:
    case ASSAY_AGENT_APP_SERVICE:
        return take_address(settings, "IDENTITY_ENDPOINT", all->identity_endpoint, all->identity_header,
                            "IDENTITY_HEADER", failure);
    case ASSAY_AGENT_APP_SERVICE_2017:
    case ASSAY_AGENT_AZURE_ML:
    case ASSAY_AGENT_CLOUD_SHELL:
        return take_address(settings, "MSI_ENDPOINT", all->msi_endpoint, all->msi_secret, "MSI_SECRET", failure);
    case ASSAY_AGENT_ARC:
        return all->imds_endpoint == NULL
                   ? ASSAY_OK
                   : take_address(settings, "IDENTITY_ENDPOINT", all->identity_endpoint, NULL, NULL, failure);
    case ASSAY_AGENT_IMDS:
        return all->pod_authority == NULL ? ASSAY_OK : take_pod_authority(settings, all->pod_authority, failure);
    }
    return ASSAY_OK;
}

/* AZURE_CLIENT_ID selects a user-assigned identity (Settled 6); Azure ML has a variable for the usual one. */
static int take_identity(assay_credential_settings *settings, const found *all, assay_failure *failure)
{
    const char *client_id = all->client_id;
    if (client_id == NULL && settings->agent == ASSAY_AGENT_AZURE_ML)
        client_id = all->default_client_id;
    if (client_id == NULL)
        return ASSAY_OK;
    return assay_settings_set_identity(settings, ASSAY_IDENTITY_CLIENT_ID, client_id, failure);
}

int assay_environment_managed(assay_credential_settings *settings, const char *himds, assay_failure *failure)
{
    found all = {0};
    const char *authority = NULL;
    int code = look(&all, failure);
    if (code != ASSAY_OK)
        return code;
    settings->agent = choose(&all, himds);
    code = take_agent(settings, &all, failure);
    if (code == ASSAY_OK)
        code = take_identity(settings, &all, failure);
    if (code == ASSAY_OK && settings->agent == ASSAY_AGENT_SERVICE_FABRIC)
        code =
            assay_settings_set_text(&settings->agent_thumbprint, all.thumbprint, "IDENTITY_SERVER_THUMBPRINT", failure);
    /* Names of resources depend on the cloud. */
    if (code == ASSAY_OK)
        code = assay_environment_text("AZURE_AUTHORITY_HOST", &authority, failure);
    if (code == ASSAY_OK && authority != NULL)
        code = assay_environment_blame(assay_settings_set_authority(settings, authority, failure),
                                       "AZURE_AUTHORITY_HOST", failure);
    return code;
}
