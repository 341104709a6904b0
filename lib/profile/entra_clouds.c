/* SPDX-License-Identifier: MIT */
#include "profile/entra.h"

#include "base/memory.h"

#include <stdio.h>

/*
 * Known clouds (Microsoft, "National clouds"; "Access tokens", iss). US Government shares the v1 issuer of the public cloud, so there only the
 * key's cloud tells the two apart.
 */
static const assay_entra_cloud clouds[] = {
    {
        .name = "public",
        .login = "login.microsoftonline.com",
        .v1 = "https://sts.windows.net/" ASSAY_ENTRA_TENANT "/",
        .instance = "microsoftonline.com",
        .authorization_uri = "https://login.microsoftonline.com/common/oauth2/authorize",
        .exchange = "api://AzureADTokenExchange",
        .suffixes = {"vault.azure.net", "database.windows.net", "management.azure.com", "graph.microsoft.com"},
    },
    {
        .name = "us-government",
        .login = "login.microsoftonline.us",
        .v1 = "https://sts.windows.net/" ASSAY_ENTRA_TENANT "/",
        .instance = "microsoftonline.us",
        .authorization_uri = "https://login.microsoftonline.us/common/oauth2/authorize",
        .exchange = "api://AzureADTokenExchangeUSGov",
        .suffixes = {"vault.usgovcloudapi.net", "database.usgovcloudapi.net", "management.usgovcloudapi.net",
                     "graph.microsoft.us"},
    },
    {
        .name = "china",
        .login = "login.partner.microsoftonline.cn",
        .alias = "login.chinacloudapi.cn",
        .v1 = "https://sts.chinacloudapi.cn/" ASSAY_ENTRA_TENANT "/",
        .instance = "partner.microsoftonline.cn",
        .authorization_uri = "https://login.partner.microsoftonline.cn/common/oauth2/authorize",
        .exchange = "api://AzureADTokenExchangeChina",
        .suffixes = {"vault.azure.cn", "database.chinacloudapi.cn", "management.chinacloudapi.cn",
                     "microsoftgraph.chinacloudapi.cn"},
    },
};

/*
 * Resources by short names: text before and after what differs from cloud to cloud. SQL's has a slash at its end, which its tokens' `aud` keeps
 * (Microsoft, "Configure Microsoft Entra authentication with Azure SQL"). Storage, Service Bus and Event Hubs have one name in all clouds
 * ("Authorize access to blobs using Microsoft Entra ID"); the last two are the applications of AKS and of Arc ("kubelogin").
 */
static const struct {
    const char *name, *before;
    int suffix; /* -1: the same everywhere */
    const char *after;
} resources[] = {
    {"keyvault", "https://", ASSAY_ENTRA_VAULT, ""},
    {"storage", "https://storage.azure.com", -1, ""},
    {"sql", "https://", ASSAY_ENTRA_DATABASE, "/"},
    {"postgres", "https://ossrdbms-aad.", ASSAY_ENTRA_DATABASE, ""},
    {"mysql", "https://ossrdbms-aad.", ASSAY_ENTRA_DATABASE, ""},
    {"servicebus", "https://servicebus.azure.net", -1, ""},
    {"eventhubs", "https://eventhubs.azure.net", -1, ""},
    {"arm", "https://", ASSAY_ENTRA_MANAGEMENT, ""},
    {"graph", "https://", ASSAY_ENTRA_GRAPH, ""},
    {"aks", "6dae42f8-4368-4678-94ff-3960e28e3643", -1, ""},
    {"arc", "6256c85f-0aad-4d50-b960-e6e9b21efe35", -1, ""},
};

const assay_entra_cloud *assay_entra_find_cloud(assay_span name)
{
    for (size_t i = 0; i < ASSAY_COUNT_OF(clouds); i++)
        if (assay_span_is(name, clouds[i].name))
            return &clouds[i];
    return NULL;
}

const assay_entra_cloud *assay_entra_find_cloud_of_host(assay_span host)
{
    /* Whatever is fetched from these speaks of the cloud's usual host (MSAL, KnownMetadataProvider). */
    static const struct {
        const char *host, *cloud;
    } others[] = {{"login.windows.net", "public"},
                  {"login.microsoft.com", "public"},
                  {"sts.windows.net", "public"},
                  {"login.usgovcloudapi.net", "us-government"}};
    for (size_t i = 0; i < ASSAY_COUNT_OF(others); i++)
        if (assay_span_is(host, others[i].host))
            return assay_entra_find_cloud(assay_span_of(others[i].cloud));
    for (size_t i = 0; i < ASSAY_COUNT_OF(clouds); i++)
        if (assay_span_is(host, clouds[i].login) || (clouds[i].alias != NULL && assay_span_is(host, clouds[i].alias)))
            return &clouds[i];
    return NULL;
}

static bool starts_with(assay_span text, const char *prefix)
{
    size_t len = strlen(prefix);
    return text.len >= len && memcmp(text.ptr, prefix, len) == 0;
}

const assay_entra_cloud *assay_entra_find_cloud_of_issuer(assay_span issuer)
{
    static const char scheme[] = "https://";
    if (!starts_with(issuer, scheme))
        return NULL;
    for (size_t i = 0; i < ASSAY_COUNT_OF(clouds); i++) {
        assay_span host = {issuer.ptr + sizeof scheme - 1, 0};
        while (host.ptr + host.len < issuer.ptr + issuer.len && host.ptr[host.len] != '/')
            host.len++;
        size_t v1_len = strlen(clouds[i].v1) - sizeof ASSAY_ENTRA_TENANT; /* up to the tenant */
        char v1[64] = "";
        memcpy(v1, clouds[i].v1, v1_len);
        if (assay_span_is(host, clouds[i].login) || starts_with(issuer, v1))
            return &clouds[i];
    }
    return NULL;
}

bool assay_entra_resource(const assay_entra_cloud *cloud, assay_span name, char text[ASSAY_ENTRA_RESOURCE_BYTES])
{
    const assay_entra_cloud *of = cloud != NULL ? cloud : &clouds[0];
    text[0] = '\0';
    for (size_t i = 0; i < ASSAY_COUNT_OF(resources); i++) {
        if (!assay_span_is(name, resources[i].name))
            continue;
        const char *suffix = resources[i].suffix < 0 ? "" : of->suffixes[resources[i].suffix];
        (void)snprintf(text, ASSAY_ENTRA_RESOURCE_BYTES, "%s%s%s", resources[i].before, suffix, resources[i].after);
        return true;
    }
    return false;
}
