/* SPDX-License-Identifier: MIT */
#include "profile/entra.h"

#include "base/list.h"
#include "base/memory.h"

#include <stdio.h>

/* The URLs that the settings of an issuer of Entra amount to. */

#define TENANT_LEN (sizeof ASSAY_ENTRA_TENANT - 1)
static const char v2_path[] = "/v2.0";
static const char https[] = "https://";

bool assay_entra_fill(const char *template, assay_span tenant, char *text, size_t size)
{
    size_t at = 0;
    for (const char *from = template; *from != '\0';) {
        bool here = strncmp(from, ASSAY_ENTRA_TENANT, TENANT_LEN) == 0;
        assay_span part = here ? tenant : (assay_span){from, 1};
        if (size - at <= part.len)
            return false;
        memcpy(text + at, part.ptr, part.len);
        at += part.len;
        from += here ? TENANT_LEN : 1;
    }
    text[at] = '\0';
    return true;
}

/* Owned text of a buffer; NULL: out of memory. */
static char *finish(assay_buffer *buffer)
{
    if (!buffer->failed && buffer->text != NULL)
        return buffer->text;
    assay_buffer_clear(buffer);
    return NULL;
}

static char *join(const char *a, const char *b, const char *c)
{
    assay_buffer made = {NULL, 0, 0, false};
    assay_buffer_put(&made, a);
    assay_buffer_put(&made, b);
    assay_buffer_put(&made, c);
    return finish(&made);
}

/* Of a host and its port; the rest is looked at where something is fetched from there. */
static bool is_authority(assay_span text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (c == '\0' || strchr("-._:[]", c) == NULL))
            return false;
    }
    return text.ptr[text.len - 1] != '.';
}

/* "https://host" of a URL, with http for loopback; what follows is in *path. ASSAY_E_CONFIG_ISSUER: no such URL. */
static int split_url(const char *url, assay_span *base, assay_span *host, const char **path, assay_failure *failure)
{
    const char *authority = url == NULL ? NULL : strstr(url, "://");
    bool known = authority != NULL && (strncmp(url, https, sizeof https - 1) == 0 || strncmp(url, "http://", 7) == 0);
    size_t host_len = known ? strcspn(authority + 3, "/?#") : 0;
    *host = *base = (assay_span){NULL, 0};
    *path = "";
    if (host_len == 0 || !is_authority((assay_span){authority + 3, host_len}) || strpbrk(authority, "?#") != NULL)
        return assay_fail_note(failure, ASSAY_E_CONFIG_ISSUER,
                               "give public, us-government, china or an https URL such as https://login.example.com");
    *host = (assay_span){authority + 3, host_len};
    *base = (assay_span){url, (size_t)(authority + 3 - url) + host_len};
    *path = authority + 3 + host_len;
    return ASSAY_OK;
}

/* The path of an issuer: nothing, "/", or one segment and "/v2.0". @p tenant: a GUID, or empty where it stands for several. */
static bool read_path(const char *path, assay_span *tenant)
{
    *tenant = (assay_span){path, 0};
    if (path[0] == '\0' || strcmp(path, "/") == 0)
        return true;
    if (path[0] != '/')
        return false;
    assay_span segment = {path + 1, strcspn(path + 1, "/")};
    if (strcmp(segment.ptr + segment.len, v2_path) != 0)
        return false;
    assay_guid guid;
    bool several = assay_span_is(segment, ASSAY_ENTRA_TENANT) || assay_span_is(segment, "organizations") ||
                   assay_span_is(segment, "common");
    if (assay_guid_read(segment, true, &guid))
        *tenant = segment;
    return several || tenant->len > 0;
}

static int make_work(assay_entra *entra, const assay_entra_cloud *cloud, assay_span base, assay_failure *failure)
{
    entra->kind = ASSAY_ENTRA_WORK;
    entra->cloud = cloud;
    entra->base = cloud == NULL ? assay_memdup(base.ptr, base.len) : join(https, cloud->login, "");
    if (entra->base == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    entra->v2 = join(entra->base, "/" ASSAY_ENTRA_TENANT, v2_path);
    if (entra->v2 == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    if (cloud == NULL)
        return ASSAY_OK;
    entra->v1 = assay_strdup(cloud->v1);
    entra->instance = assay_strdup(cloud->instance);
    return entra->v1 == NULL || entra->instance == NULL ? assay_fail(failure, ASSAY_E_MEMORY) : ASSAY_OK;
}

/* The cloud of a base URL, NULL for one's own. In another spelling a known one would go for one's own, whose keys may be of any cloud. */
static int find_cloud(const char *text, assay_span host, const assay_entra_cloud **cloud, assay_failure *failure)
{
    for (size_t i = 0; i < host.len; i++)
        if (host.ptr[i] >= 'A' && host.ptr[i] <= 'Z')
            return assay_fail_note(failure, ASSAY_E_CONFIG_ISSUER, "write the host in lower case, as its tokens do");
    const char *port = memchr(host.ptr, ':', host.len);
    assay_span name = {host.ptr, port == NULL ? host.len : (size_t)(port - host.ptr)};
    *cloud = assay_entra_find_cloud_of_host(name);
    if (*cloud == NULL || (port == NULL && strncmp(text, https, sizeof https - 1) == 0))
        return ASSAY_OK;
    return assay_fail_note(failure, ASSAY_E_CONFIG_ISSUER,
                           "the host is that of a known cloud: give https:// and no port");
}

int assay_entra_new(const char *text, assay_entra **entra, assay_failure *failure)
{
    *entra = NULL;
    assay_span base = {NULL, 0}, host, tenant = {NULL, 0};
    const char *path;
    const assay_entra_cloud *cloud = assay_entra_find_cloud(assay_span_of(text == NULL ? "public" : text));
    if (cloud == NULL) {
        int code = split_url(text, &base, &host, &path, failure);
        if (code != ASSAY_OK)
            return code;
        if (base.len > ASSAY_ENTRA_ISSUER_BYTES / 2 || !read_path(path, &tenant))
            return assay_fail_note(failure, ASSAY_E_CONFIG_ISSUER,
                                   "an issuer of Entra is https://HOST/{tenantid}/v2.0, or with a tenant's GUID");
        code = find_cloud(text, host, &cloud, failure);
        if (code != ASSAY_OK)
            return code;
    }
    ASSAY_CLEANUP(assay_entra_free_p) assay_entra *made = assay_zalloc(sizeof *made);
    if (made == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    int code = make_work(made, cloud, base, failure);
    char guid[ASSAY_GUID_TEXT + 1] = "";
    if (code == ASSAY_OK && tenant.len == ASSAY_GUID_TEXT) {
        memcpy(guid, tenant.ptr, ASSAY_GUID_TEXT);
        code = assay_entra_add_tenant(made, guid, failure);
    }
    if (code == ASSAY_OK)
        *entra = ASSAY_STEAL(made);
    return code;
}

int assay_entra_new_b2c(const char *url, const char *policy, assay_entra **entra, assay_failure *failure)
{
    assay_span base, host;
    const char *path;
    *entra = NULL;
    int code = split_url(url, &base, &host, &path, failure);
    if (code != ASSAY_OK)
        return code;
    size_t len = strlen(url);
    if (len >= ASSAY_ENTRA_ISSUER_BYTES / 2 || path[0] != '/')
        return assay_fail_note(failure, ASSAY_E_CONFIG_ISSUER,
                               "an issuer of B2C is https://NAME.b2clogin.com/TENANT/v2.0/");
    size_t policy_len = policy == NULL ? 0 : strlen(policy);
    if (policy_len == 0 || policy_len > 256 ||
        strspn(policy, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") != policy_len)
        return assay_fail_note(failure, ASSAY_E_CONFIG_ISSUER, "the B2C policy is missing or malformed");
    ASSAY_CLEANUP(assay_entra_free_p) assay_entra *made = assay_zalloc(sizeof *made);
    if (made == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    made->kind = ASSAY_ENTRA_B2C;
    made->base = assay_memdup(base.ptr, base.len);
    made->v2 = assay_strdup(url);
    made->policy = assay_strdup(policy);
    if (made->base == NULL || made->v2 == NULL || made->policy == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    *entra = ASSAY_STEAL(made);
    return ASSAY_OK;
}

int assay_entra_new_external_id(const char *tenant, const char *authority, assay_entra **entra, assay_failure *failure)
{
    assay_guid guid;
    assay_span base = {NULL, 0}, host;
    const char *path = "";
    char text[ASSAY_GUID_TEXT + 1];
    *entra = NULL;
    if (!assay_guid_read(assay_span_of(tenant), true, &guid))
        return assay_fail_note(failure, ASSAY_E_CONFIG_TENANT, "the tenant is not a GUID; its name won't do");
    int code = authority == NULL ? ASSAY_OK : split_url(authority, &base, &host, &path, failure);
    if (code != ASSAY_OK)
        return code;
    if (base.len > ASSAY_ENTRA_ISSUER_BYTES / 2 || (path[0] != '\0' && strcmp(path, "/") != 0))
        return assay_fail_note(failure, ASSAY_E_CONFIG_ISSUER, "the authority is a URL of a host alone");
    assay_guid_write(&guid, text);
    ASSAY_CLEANUP(assay_entra_free_p) assay_entra *made = assay_zalloc(sizeof *made);
    if (made == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    code = assay_entra_add_tenant(made, text, failure);
    made->kind = ASSAY_ENTRA_EXTERNAL_ID;
    made->base = authority == NULL ? join(https, text, ".ciamlogin.com") : assay_memdup(base.ptr, base.len);
    made->v2 = assay_strdup("https://" ASSAY_ENTRA_TENANT ".ciamlogin.com/" ASSAY_ENTRA_TENANT "/v2.0");
    made->v1 = assay_strdup("https://" ASSAY_ENTRA_TENANT ".ciamlogin.com/" ASSAY_ENTRA_TENANT "/");
    if (code == ASSAY_OK && (made->base == NULL || made->v2 == NULL || made->v1 == NULL))
        code = assay_fail(failure, ASSAY_E_MEMORY);
    if (code == ASSAY_OK)
        *entra = ASSAY_STEAL(made);
    return code;
}

int assay_entra_set_v1(assay_entra *entra, const char *url, assay_failure *failure)
{
    const char *tenant = url == NULL ? NULL : strstr(url, ASSAY_ENTRA_TENANT);
    if (entra->cloud != NULL || entra->kind != ASSAY_ENTRA_WORK)
        return assay_fail_note(failure, ASSAY_E_CONFIG_ISSUER, "the v1 issuer of a known cloud is not to be set");
    if (tenant == NULL || strlen(url) > ASSAY_ENTRA_ISSUER_BYTES / 2)
        return assay_fail_note(failure, ASSAY_E_CONFIG_ISSUER, "the v1 issuer must have {tenantid} in it");
    char *copy = assay_strdup(url);
    if (copy == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    assay_release(entra->v1);
    entra->v1 = copy;
    return ASSAY_OK;
}

/* The one tenant there is, or the path segment that stands for several (Microsoft, "OpenID Connect on the Microsoft identity platform"). */
static void write_segment(const assay_entra *entra, char segment[ASSAY_GUID_TEXT + 1])
{
    if (entra->tenant_count == 1 && !entra->any_organization)
        assay_guid_write(&entra->tenants[0], segment);
    else
        (void)snprintf(segment, ASSAY_GUID_TEXT + 1, "%s", entra->consumers ? "common" : "organizations");
}

char *assay_entra_issuer(const assay_entra *entra)
{
    char tenant[ASSAY_GUID_TEXT + 1], text[ASSAY_ENTRA_ISSUER_BYTES];
    if (entra->kind == ASSAY_ENTRA_B2C || entra->tenant_count != 1 || entra->any_organization)
        return assay_strdup(entra->v2);
    assay_guid_write(&entra->tenants[0], tenant);
    return assay_entra_fill(entra->v2, assay_span_of(tenant), text, sizeof text) ? assay_strdup(text) : NULL;
}

static const char well_known[] = "/.well-known/openid-configuration";

/* `…/TENANT/v2.0/` gives `…/TENANT/POLICY/v2.0/.well-known/…`; a /tfp/ issuer has the policy in it already. */
static char *b2c_metadata_url(const assay_entra *entra)
{
    assay_buffer made = {NULL, 0, 0, false};
    size_t len = strlen(entra->v2);
    if (len > 0 && entra->v2[len - 1] == '/')
        len--;
    size_t tail = sizeof v2_path - 1;
    if (len > tail && memcmp(entra->v2 + len - tail, v2_path, tail) == 0)
        len -= tail;
    assay_buffer_add(&made, entra->v2, len);
    if (strstr(entra->v2, "/tfp/") == NULL) {
        assay_buffer_put(&made, "/");
        assay_buffer_put(&made, entra->policy);
    }
    assay_buffer_put(&made, v2_path);
    assay_buffer_put(&made, well_known);
    return finish(&made);
}

char *assay_entra_metadata_url(const assay_entra *entra)
{
    char segment[ASSAY_GUID_TEXT + 1];
    if (entra->kind == ASSAY_ENTRA_B2C)
        return b2c_metadata_url(entra);
    write_segment(entra, segment);
    assay_buffer made = {NULL, 0, 0, false};
    assay_buffer_put(&made, entra->base);
    assay_buffer_put(&made, "/");
    assay_buffer_put(&made, segment);
    assay_buffer_put(&made, v2_path);
    assay_buffer_put(&made, well_known);
    if (entra->application != NULL) {
        assay_buffer_put(&made, "?appid=");
        assay_buffer_put(&made, entra->application);
    }
    return finish(&made);
}
