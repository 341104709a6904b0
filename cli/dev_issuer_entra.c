/* SPDX-License-Identifier: MIT */
/* Entra ID as it is served: tenants, paths, metadata of both versions and of B2C, and what of a key is told where. */

#include "dev_issuer_internal.h"

#include <string.h>

bool dev_entra_is_guid(const char *text)
{
    static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    size_t i = 0;
    for (; shape[i] != '\0'; i++)
        if (text[i] == '\0' || (shape[i] == '-' ? text[i] != '-' : strchr("0123456789abcdef", text[i]) == NULL))
            return false;
    return text[i] == '\0';
}

static bool is_consumers(const char *tenant)
{
    return strcmp(tenant, "consumers") == 0 || strcmp(tenant, DEV_ENTRA_CONSUMERS) == 0;
}

/* One whose documents name no tenant. */
static bool is_many(const char *tenant)
{
    return strcmp(tenant, "organizations") == 0 || strcmp(tenant, "common") == 0;
}

char *dev_entra_issuer(const dev_issuer *issuer, int version, const char *tenant)
{
    return cli_format(version == 1 ? "%s/sts/%s/" : "%s/%s/v2.0", issuer->base, tenant);
}

char *dev_entra_b2c_issuer(const dev_issuer *issuer, const char *tenant)
{
    return cli_format("%s/%s/v2.0/", issuer->base, tenant);
}

/* --- paths --- */

static const struct {
    const char *path;
    enum dev_target target;
    int version;
} documents[] = {
    {"/v2.0/.well-known/openid-configuration", DEV_METADATA, 2},
    {"/.well-known/openid-configuration", DEV_METADATA, 1},
    {"/discovery/v2.0/keys", DEV_JWKS, 2},
    {"/discovery/keys", DEV_JWKS, 1},
};

static bool find_document(const char *path, dev_view *view)
{
    for (size_t i = 0; i < CLI_COUNT_OF(documents); i++)
        if (strcmp(documents[i].path, path) == 0) {
            view->target = documents[i].target;
            view->version = documents[i].version;
            return true;
        }
    return false;
}

/* The segment at @p path, which begins with "/", into @p room bytes; what follows it, or NULL where it is empty or too long. */
static const char *take_segment(const char *path, char *segment, size_t room)
{
    if (path[0] != '/')
        return NULL;
    size_t len = strcspn(path + 1, "/");
    if (len == 0 || len >= room)
        return NULL;
    memcpy(segment, path + 1, len);
    segment[len] = '\0';
    return path + 1 + len;
}

static bool is_policy(const char *text)
{
    return text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")] == '\0';
}

bool dev_entra_view(const char *url, const char *app_id, dev_view *view)
{
    static const char sts[] = "/sts";
    *view = (dev_view){.app_id = app_id != NULL && dev_entra_is_guid(app_id) ? app_id : NULL};
    /* The issuer of version 1 has a host of its own in the world; its metadata lies there as well. */
    bool by_sts = strncmp(url, "/sts/", sizeof sts) == 0;
    const char *rest = take_segment(by_sts ? url + sizeof sts - 1 : url, view->tenant, sizeof view->tenant);
    if (rest == NULL || !(dev_entra_is_guid(view->tenant) || is_many(view->tenant) || is_consumers(view->tenant)))
        return false;
    if (find_document(rest, view))
        return !by_sts || (view->target == DEV_METADATA && view->version == 1);
    rest = take_segment(rest, view->policy, sizeof view->policy);
    return rest != NULL && !by_sts && is_policy(view->policy) && dev_entra_is_guid(view->tenant) &&
           find_document(rest, view) && view->version == 2;
}

/* --- metadata --- */

/* What all documents of a version have in common. */
static const char fixed_v2[] =
    "{\"token_endpoint_auth_methods_supported\":[\"client_secret_post\",\"private_key_jwt\",\"client_secret_basic\"],"
    "\"response_modes_supported\":[\"query\",\"fragment\",\"form_post\"],\"subject_types_supported\":[\"pairwise\"],"
    "\"response_types_supported\":[\"code\",\"id_token\",\"code id_token\",\"id_token token\"],"
    "\"scopes_supported\":[\"openid\",\"profile\",\"email\",\"offline_access\"],"
    "\"request_uri_parameter_supported\":false,\"http_logout_supported\":true,\"frontchannel_logout_supported\":true,"
    "\"claims_supported\":[\"sub\",\"iss\",\"cloud_instance_name\",\"cloud_instance_host_name\","
    "\"cloud_graph_host_name\",\"msgraph_host\",\"aud\",\"exp\",\"iat\",\"auth_time\",\"acr\",\"nonce\","
    "\"preferred_username\",\"name\",\"tid\",\"ver\",\"at_hash\",\"c_hash\",\"email\"]}";
static const char fixed_v1[] =
    "{\"token_endpoint_auth_methods_supported\":[\"client_secret_post\",\"private_key_jwt\",\"client_secret_basic\"],"
    "\"response_modes_supported\":[\"query\",\"fragment\",\"form_post\"],\"subject_types_supported\":[\"pairwise\"],"
    "\"response_types_supported\":[\"code\",\"id_token\",\"code id_token\",\"token id_token\",\"token\"],"
    "\"scopes_supported\":[\"openid\"],\"microsoft_multi_refresh_token\":true,\"http_logout_supported\":true,"
    "\"frontchannel_logout_supported\":true,"
    "\"claims_supported\":[\"sub\",\"iss\",\"cloud_instance_name\",\"cloud_instance_host_name\","
    "\"cloud_graph_host_name\",\"msgraph_host\",\"aud\",\"exp\",\"iat\",\"auth_time\",\"acr\",\"amr\",\"nonce\","
    "\"email\",\"given_name\",\"family_name\",\"nickname\"]}";
static const char fixed_b2c[] =
    "{\"token_endpoint_auth_methods_supported\":[\"client_secret_post\",\"private_key_jwt\"],"
    "\"response_modes_supported\":[\"query\",\"fragment\",\"form_post\"],\"subject_types_supported\":[\"pairwise\"],"
    "\"response_types_supported\":[\"code\",\"id_token\",\"code id_token\",\"token id_token\",\"token\"],"
    "\"scopes_supported\":[\"openid\"],\"http_logout_supported\":true,"
    "\"claims_supported\":[\"sub\",\"iss\",\"cloud_instance_name\",\"aud\",\"exp\",\"iat\",\"auth_time\",\"acr\","
    "\"amr\",\"nonce\",\"email\",\"given_name\",\"family_name\",\"nickname\"]}";

static void put_url(json_t *document, const char *member, const char *under, const char *path)
{
    CLI_AUTO_FREE char *url = cli_format("%s%s", under, path);
    (void)json_object_set_new(document, member, json_string(url));
}

static void put_endpoints(json_t *document, const dev_view *view, const char *under)
{
    bool v1 = view->version == 1;
    put_url(document, "token_endpoint", under, v1 ? "/oauth2/token" : "/oauth2/v2.0/token");
    put_url(document, "authorization_endpoint", under, v1 ? "/oauth2/authorize" : "/oauth2/v2.0/authorize");
    put_url(document, "end_session_endpoint", under, v1 ? "/oauth2/logout" : "/oauth2/v2.0/logout");
    put_url(document, "jwks_uri", under, v1 ? "/discovery/keys" : "/discovery/v2.0/keys");
    if (view->policy[0] != '\0')
        return;
    put_url(document, "device_authorization_endpoint", under, v1 ? "/oauth2/devicecode" : "/oauth2/v2.0/devicecode");
    put_url(document, "kerberos_endpoint", under, "/kerberos");
    if (v1) {
        put_url(document, "check_session_iframe", under, "/oauth2/checksession");
        put_url(document, "userinfo_endpoint", under, "/openid/userinfo");
    } else {
        put_url(document, "userinfo_endpoint", "https://graph.microsoft.com", "/oidc/userinfo");
    }
}

static void put_cloud(const dev_issuer *issuer, const dev_view *view, json_t *document)
{
    bool many = is_many(view->tenant);
    (void)json_object_set_new(document, "tenant_region_scope", many ? json_null() : json_string("NA"));
    (void)json_object_set_new(document, "cloud_instance_name", json_string(issuer->cloud));
    put_url(document, "cloud_graph_host_name", "graph.windows.net", "");
    put_url(document, "msgraph_host", "graph.microsoft.com", "");
    put_url(document, "rbac_url", "https://pas.windows.net", "");
}

static char *issuer_of_view(const dev_issuer *issuer, const dev_view *view)
{
    if (view->policy[0] != '\0')
        return dev_entra_b2c_issuer(issuer, view->tenant);
    const char *tenant = is_many(view->tenant)        ? "{tenantid}"
                         : is_consumers(view->tenant) ? DEV_ENTRA_CONSUMERS
                                                      : view->tenant;
    return dev_entra_issuer(issuer, view->version, tenant);
}

json_t *dev_entra_metadata(const dev_issuer *issuer, const dev_view *view)
{
    bool b2c = view->policy[0] != '\0';
    json_t *document = json_loads(b2c ? fixed_b2c : view->version == 1 ? fixed_v1 : fixed_v2, 0, NULL);
    CLI_AUTO_FREE char *under =
        cli_format("%s/%s%s%s", issuer->base, view->tenant, b2c ? "/" : "", b2c ? view->policy : "");
    put_endpoints(document, view, under);
    if (!b2c)
        put_cloud(issuer, view, document);
    CLI_AUTO_FREE char *url = issuer_of_view(issuer, view);
    (void)json_object_set_new(document, "issuer", json_string(url));
    if (view->app_id != NULL) {
        CLI_AUTO_FREE char *query = cli_format("?appid=%s", view->app_id);
        CLI_AUTO_FREE char *keys = cli_strdup(json_string_value(json_object_get(document, "jwks_uri")));
        put_url(document, "jwks_uri", keys, query);
    }
    return document;
}

/* --- keys --- */

static char *thumbprint(const char *digest_name, const uint8_t *der, size_t len)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    size_t digest_len = 0;
    if (EVP_Q_digest(NULL, digest_name, NULL, der, len, digest, &digest_len) != 1)
        return NULL;
    return cli_base64url(digest, digest_len);
}

bool dev_entra_dress(dev_key *key, enum dev_role role)
{
    CLI_AUTO_FREE uint8_t *der = NULL;
    size_t len = 0;
    if (!dev_certificate_self_signed(key->pkey, key->algorithm->digest != NULL, &der, &len))
        return false;
    bool b2c = role == DEV_ROLE_B2C;
    char *kid = thumbprint(b2c ? "SHA256" : "SHA1", der, len);
    if (kid == NULL)
        return false;
    free(key->kid);
    key->kid = kid;
    key->role = role;
    (void)json_object_del(key->jwk, "alg");
    (void)json_object_set_new(key->jwk, "kid", json_string(kid));
    if (b2c)
        return true;
    CLI_AUTO_FREE char *base64 = cli_alloc((len + 2) / 3 * 4 + 1);
    (void)EVP_EncodeBlock((uint8_t *)base64, der, (int)len);
    (void)json_object_set_new(key->jwk, "x5t", json_string(kid));
    (void)json_object_set_new(key->jwk, "x5c", json_pack("[s]", base64));
    return true;
}

/* Under the lock. Where a key of this role is, or else belongs: behind all others, so that the newest stays the first. */
static dev_key **place_of(dev_issuer *issuer, enum dev_role role)
{
    dev_key **place = &issuer->keys;
    while (*place != NULL && (*place)->role != role)
        place = &(*place)->next;
    return place;
}

bool dev_entra_need(dev_issuer *issuer, enum dev_role role)
{
    (void)pthread_mutex_lock(&issuer->lock);
    bool there = *place_of(issuer, role) != NULL;
    (void)pthread_mutex_unlock(&issuer->lock);
    if (there)
        return true;
    dev_key *fresh = dev_issuer_key(issuer, issuer->default_algorithm, role);
    if (fresh == NULL)
        return false;
    (void)pthread_mutex_lock(&issuer->lock);
    dev_key **place = place_of(issuer, role);
    /* Another thread may have been faster. */
    if (*place != NULL) {
        dev_key_free(fresh);
    } else {
        *place = fresh;
        issuer->key_count++;
    }
    (void)pthread_mutex_unlock(&issuer->lock);
    return true;
}

static bool is_told(const dev_view *view, enum dev_role role)
{
    if ((view->policy[0] != '\0') != (role == DEV_ROLE_B2C))
        return false;
    if (role == DEV_ROLE_CONSUMER)
        return is_consumers(view->tenant) || strcmp(view->tenant, "common") == 0;
    return role != DEV_ROLE_CUSTOM || view->app_id != NULL;
}

void dev_entra_prepare(dev_issuer *issuer, const dev_view *view)
{
    for (enum dev_role role = DEV_ROLE_OWN; role < DEV_ROLE_STRANGER; role++)
        if (is_told(view, role))
            (void)dev_entra_need(issuer, role);
}

json_t *dev_entra_jwk(const dev_issuer *issuer, const dev_view *view, const dev_key *key)
{
    if (!is_told(view, key->role))
        return NULL;
    json_t *jwk = json_deep_copy(key->jwk);
    if (view->version == 1 || key->role == DEV_ROLE_B2C)
        return jwk;
    const char *cloud = issuer->cloud;
    if (key->role == DEV_ROLE_OTHER_CLOUD)
        cloud = strcmp(cloud, "microsoftonline.us") == 0 ? "microsoftonline.com" : "microsoftonline.us";
    CLI_AUTO_FREE char *owner =
        dev_entra_issuer(issuer, 2, key->role == DEV_ROLE_CONSUMER ? DEV_ENTRA_CONSUMERS : "{tenantid}");
    (void)json_object_set_new(jwk, "issuer", json_string(owner));
    (void)json_object_set_new(jwk, "cloud_instance_name", json_string(cloud));
    return jwk;
}
