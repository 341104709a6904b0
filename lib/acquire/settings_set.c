/* SPDX-License-Identifier: MIT */
#include "acquire/settings.h"

#include "http/url.h"

#include <strings.h>

enum { DOMAIN_BYTES = 253 }; /* RFC 1035, section 2.3.4 */

static bool is_letter_or_digit(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* A line end would end a header, any other control byte has no business in a setting (CWE-93). */
static bool has_control(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return true;
    return false;
}

static int check_text(const char *text, size_t len, size_t longest, const char *what, assay_failure *failure)
{
    if (len == 0)
        return assay_fail_note(failure, ASSAY_E_CONFIG_CREDENTIAL, "%s is empty", what);
    if (len > longest)
        return assay_fail_note(failure, ASSAY_E_CONFIG_CREDENTIAL, "%s is longer than %zu bytes", what, longest);
    if (has_control(text, len))
        return assay_fail_note(failure, ASSAY_E_CONFIG_CREDENTIAL, "%s has a line end or another control byte", what);
    return assay_fail(failure, ASSAY_OK);
}

/* @p text NULL takes the setting back. */
static int replace(char **place, const char *text, assay_failure *failure)
{
    char *copy = text == NULL ? NULL : assay_strdup(text);
    if (text != NULL && copy == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    assay_release(*place);
    *place = copy;
    return assay_fail(failure, ASSAY_OK);
}

int assay_settings_set_text(char **place, const char *text, const char *what, assay_failure *failure)
{
    if (text == NULL)
        return replace(place, NULL, failure);
    size_t len = strlen(text);
    int code = check_text(text, len, ASSAY_LIMIT_CREDENTIAL_TEXT_BYTES, what, failure);
    if (code != ASSAY_OK)
        return code;
    if (!assay_text_is_utf8(text, len))
        return assay_fail_note(failure, ASSAY_E_CONFIG_CREDENTIAL, "%s is not UTF-8", what);
    return replace(place, text, failure);
}

int assay_settings_set_secret(assay_secret *place, const char *text, size_t len, const char *what,
                              assay_failure *failure)
{
    if (text == NULL) {
        assay_secret_clear(place);
        return assay_fail(failure, ASSAY_OK);
    }
    int code = check_text(text, len, ASSAY_LIMIT_SECRET_BYTES, what, failure);
    if (code != ASSAY_OK)
        return code;
    ASSAY_CLEANUP(assay_secret_clear) assay_secret copy = {0};
    if (!assay_secret_set(&copy, text, len))
        return assay_fail(failure, ASSAY_E_MEMORY);
    assay_secret_move(place, &copy);
    return ASSAY_OK;
}

/* It becomes a segment of the path of a URL, so nothing but what a GUID or a domain can have; ".." would climb out of it. */
static const char *problem_of_tenant(const char *tenant)
{
    static const char *const shared[] = {"common", "organizations", "consumers"};
    size_t len = strlen(tenant);
    if (len == 0 || len > DOMAIN_BYTES)
        return "the tenant must have 1 to 253 characters";
    for (size_t i = 0; i < len; i++)
        if (!is_letter_or_digit(tenant[i]) && tenant[i] != '.' && tenant[i] != '-')
            return "the tenant must be a GUID or a domain: letters, digits, dots and dashes";
    if (!is_letter_or_digit(tenant[0]) || !is_letter_or_digit(tenant[len - 1]) || strstr(tenant, "..") != NULL)
        return "the tenant must be a GUID or a domain, without empty parts";
    /* An app acts in one tenant (Microsoft, "OAuth 2.0 client credentials flow": tenant). */
    for (size_t i = 0; i < ASSAY_COUNT_OF(shared); i++)
        if (strcasecmp(tenant, shared[i]) == 0)
            return "common, organizations and consumers are no tenants that an app gets tokens from";
    return NULL;
}

/* What has not even the characters of one is not shown: secrets are put into the wrong variable. */
static bool is_showable(const char *tenant)
{
    size_t len = strspn(tenant, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-");
    return tenant[len] == '\0';
}

static int check_tenant(const char *tenant, assay_failure *failure)
{
    const char *problem = problem_of_tenant(tenant);
    const char *found = problem != NULL && is_showable(tenant) ? tenant : NULL;
    int code = assay_fail_found(failure, problem == NULL ? ASSAY_OK : ASSAY_E_CONFIG_TENANT, NULL, found,
                                found == NULL ? 0 : strlen(found));
    if (problem != NULL && failure != NULL)
        (void)memccpy(failure->note, problem, '\0', sizeof failure->note);
    return code;
}

int assay_settings_take_tenant(char **place, const char *tenant, assay_failure *failure)
{
    int code = tenant == NULL ? ASSAY_OK : check_tenant(tenant, failure);
    return code == ASSAY_OK ? replace(place, tenant, failure) : code;
}

int assay_settings_set_tenant(assay_credential_settings *settings, const char *tenant, assay_failure *failure)
{
    return assay_settings_take_tenant(&settings->tenant, tenant, failure);
}

int assay_settings_add_tenant(assay_credential_settings *settings, const char *tenant, assay_failure *failure)
{
    if (strcmp(tenant, "*") == 0) {
        settings->any_tenant = true;
        return assay_fail(failure, ASSAY_OK);
    }
    int code = check_tenant(tenant, failure);
    if (code != ASSAY_OK || assay_text_list_has(&settings->tenants, assay_span_of(tenant)))
        return code;
    bool added = assay_text_list_add(&settings->tenants, tenant, strlen(tenant));
    return assay_fail(failure, added ? ASSAY_OK : ASSAY_E_MEMORY);
}

int assay_settings_set_client_id(assay_credential_settings *settings, const char *client_id, assay_failure *failure)
{
    if (client_id != NULL && settings->kind == ASSAY_CREDENTIAL_MANAGED)
        return assay_fail_note(failure, ASSAY_E_CONFIG_CREDENTIAL,
                               "a managed identity is named by assay_credential_set_identity(), or identity_client_id "
                               "of a document");
    return assay_settings_set_text(&settings->client_id, client_id, "the client id", failure);
}

static int refuse_url(const char *what, const char *problem, assay_failure *failure)
{
    return assay_fail_note(failure, ASSAY_E_CONFIG_URL, "%s: %s", what, problem);
}

/* The host alone: each tenant's path is appended (exchange.md 2.1). http on loopback is looked at again by the check, once all is set. */
int assay_settings_set_authority(assay_credential_settings *settings, const char *authority, assay_failure *failure)
{
    assay_url url;
    if (authority == NULL)
        return replace(&settings->authority, NULL, failure);
    size_t len = strlen(authority);
    const char *problem = assay_url_check_fetch(authority, len, true);
    if (problem == NULL)
        problem = assay_url_parse(authority, len, &url);
    if (problem != NULL)
        return refuse_url("the authority", problem, failure);
    if (url.path.len > 1 || url.query.ptr != NULL)
        return refuse_url("the authority", "it must be https:// and a host, without a path or a query", failure);
    ASSAY_AUTO_RELEASE char *copy = assay_memdup(authority, len - url.path.len);
    if (copy == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    assay_release(settings->authority);
    settings->authority = ASSAY_STEAL(copy);
    return assay_fail(failure, ASSAY_OK);
}

static const char *problem_of_proxy(const char *text)
{
    assay_url url;
    const char *problem = assay_url_check_fetch(text, strlen(text), false);
    if (problem == NULL)
        problem = assay_url_parse(text, strlen(text), &url);
    if (problem == NULL && url.query.ptr != NULL)
        problem = "the URL has a query";
    return problem;
}

static int check_proxy(const char *url, const char *tls_name, const char *ca_file, const char *ca_pem,
                       assay_failure *failure)
{
    if (url == NULL && (tls_name != NULL || ca_file != NULL || ca_pem != NULL))
        return assay_fail_note(failure, ASSAY_E_CONFIG_CREDENTIAL,
                               "a server name or CA of the token proxy without its URL (AZURE_KUBERNETES_TOKEN_PROXY)");
    if (ca_file != NULL && ca_pem != NULL)
        return assay_fail_note(failure, ASSAY_E_CONFIG_CREDENTIAL,
                               "the token proxy's CA is given twice: keep one of AZURE_KUBERNETES_CA_FILE and "
                               "AZURE_KUBERNETES_CA_DATA");
    const char *problem = url == NULL ? NULL : problem_of_proxy(url);
    if (problem != NULL)
        return refuse_url("the token proxy", problem, failure);
    if (tls_name != NULL && !assay_url_is_host_name(tls_name)) /* RFC 6066, section 3: no address */
        return assay_fail_note(failure, ASSAY_E_CONFIG_CREDENTIAL,
                               "the server name of the token proxy (AZURE_KUBERNETES_SNI_NAME) is no host name");
    if (ca_pem != NULL && (ca_pem[0] == '\0' || strlen(ca_pem) > ASSAY_LIMIT_CA_BYTES))
        return assay_fail_note(failure, ASSAY_E_CONFIG_CREDENTIAL,
                               "the CA certificates of the token proxy (AZURE_KUBERNETES_CA_DATA) are empty or longer "
                               "than %d bytes",
                               ASSAY_LIMIT_CA_BYTES);
    return assay_fail(failure, ASSAY_OK);
}

static void clear_proxy(assay_token_proxy *proxy)
{
    assay_release(proxy->url);
    assay_release(proxy->tls_name);
    assay_release(proxy->ca_file);
    assay_release(proxy->ca_pem);
}

int assay_settings_set_proxy(assay_credential_settings *settings, const char *url, const char *tls_name,
                             const char *ca_file, const char *ca_pem, assay_failure *failure)
{
    int code = check_proxy(url, tls_name, ca_file, ca_pem, failure);
    if (code != ASSAY_OK)
        return code;
    assay_token_proxy made = {.mode = settings->proxy.mode};
    code = assay_settings_set_text(&made.ca_file, ca_file, "the CA file of the token proxy", failure);
    if (code == ASSAY_OK)
        code = replace(&made.url, url, failure);
    if (code == ASSAY_OK)
        code = replace(&made.tls_name, tls_name, failure);
    if (code == ASSAY_OK)
        code = replace(&made.ca_pem, ca_pem, failure);
    if (code != ASSAY_OK) {
        clear_proxy(&made);
        return code;
    }
    clear_proxy(&settings->proxy);
    settings->proxy = made;
    return ASSAY_OK;
}

int assay_settings_set_identity(assay_credential_settings *settings, assay_identity identity, const char *value,
                                assay_failure *failure)
{
    if ((identity == ASSAY_IDENTITY_SYSTEM) != (value == NULL))
        return assay_fail_note(failure, ASSAY_E_CONFIG_CREDENTIAL,
                               identity == ASSAY_IDENTITY_SYSTEM ? "the system-assigned identity has no name"
                                                                 : "a user-assigned identity needs a name");
    if (identity == ASSAY_IDENTITY_RESOURCE_ID && value[0] != '/')
        return assay_fail_note(failure, ASSAY_E_CONFIG_CREDENTIAL,
                               "the resource id of an identity begins with /subscriptions/");
    int code = assay_settings_set_text(&settings->identity_value, value, "the identity", failure);
    if (code == ASSAY_OK)
        settings->identity = identity;
    return code;
}

int assay_settings_add_text(assay_text_list *list, const char *text, const char *what, assay_failure *failure)
{
    if (text == NULL)
        return assay_fail_note(failure, ASSAY_E_ARGUMENT, "%s is NULL", what);
    int code = check_text(text, strlen(text), ASSAY_LIMIT_CREDENTIAL_TEXT_BYTES, what, failure);
    if (code != ASSAY_OK)
        return code;
    if (list->count >= ASSAY_LIMIT_EXCHANGE_TARGETS)
        return assay_fail_note(failure, ASSAY_E_CONFIG_CREDENTIAL, "more than %d of %s", ASSAY_LIMIT_EXCHANGE_TARGETS,
                               what);
    return assay_fail(failure, assay_text_list_add(list, text, strlen(text)) ? ASSAY_OK : ASSAY_E_MEMORY);
}

int assay_settings_set_client_method(assay_credential_settings *settings, const char *method, assay_failure *failure)
{
    static const struct {
        const char *name;
        assay_client_method method;
    } all[] = {{"client_secret_basic", ASSAY_CLIENT_BASIC},
               {"client_secret_post", ASSAY_CLIENT_POST},
               {"private_key_jwt", ASSAY_CLIENT_PRIVATE_KEY_JWT},
               {"none", ASSAY_CLIENT_NONE}};
    for (size_t i = 0; i < ASSAY_COUNT_OF(all); i++) {
        if (strcmp(all[i].name, method) != 0)
            continue;
        settings->client_method = all[i].method;
        return assay_fail(failure, ASSAY_OK);
    }
    return assay_fail_found(failure, ASSAY_E_CONFIG_CREDENTIAL,
                            "client_secret_basic, client_secret_post, private_key_jwt or none", method, strlen(method));
}

/* The whole URL, as Google's files name it; http on loopback is looked at again by the check, once all is set. */
static int set_account_url(assay_credential_settings *settings, const char *url, assay_failure *failure)
{
    const char *problem = assay_url_check_fetch(url, strlen(url), true);
    if (problem != NULL)
        return refuse_url("the URL of the service account", problem, failure);
    return replace(&settings->impersonation_url, url, failure);
}

/* The mail address is a segment of the URL (Google, "Credential exchange"). */
int assay_settings_set_service_account(assay_credential_settings *settings, const char *email, assay_failure *failure)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-.@_";
    assay_buffer url = {0};
    if (email != NULL && strstr(email, "://") != NULL)
        return set_account_url(settings, email, failure);
    if (email != NULL && (email[0] == '\0' || strspn(email, allowed) != strlen(email)))
        return assay_fail_note(failure, ASSAY_E_CONFIG_CREDENTIAL, "the service account is not a mail address");
    if (email != NULL)
        assay_buffer_format(
            &url, "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/%s:generateAccessToken", email);
    int code =
        url.failed ? assay_fail(failure, ASSAY_E_MEMORY) : replace(&settings->impersonation_url, url.text, failure);
    assay_buffer_clear(&url);
    return code;
}
