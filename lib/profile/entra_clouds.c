/* SPDX-License-Identifier: MIT */
#include "profile/entra.h"

#include "base/memory.h"

/*
 * Known clouds (Microsoft, "National clouds"; "Access tokens", iss). US Government shares the v1 issuer of the public cloud, so there only the
 * key's cloud tells the two apart.
 */
static const assay_entra_cloud clouds[] = {
    {"public", "login.microsoftonline.com", NULL, "https://sts.windows.net/" ASSAY_ENTRA_TENANT "/",
     "microsoftonline.com", "https://login.microsoftonline.com/common/oauth2/authorize"},
    {"us-government", "login.microsoftonline.us", NULL, "https://sts.windows.net/" ASSAY_ENTRA_TENANT "/",
     "microsoftonline.us", "https://login.microsoftonline.us/common/oauth2/authorize"},
    {"china", "login.partner.microsoftonline.cn", "login.chinacloudapi.cn",
     "https://sts.chinacloudapi.cn/" ASSAY_ENTRA_TENANT "/", "partner.microsoftonline.cn",
     "https://login.partner.microsoftonline.cn/common/oauth2/authorize"},
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
