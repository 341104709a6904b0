/* SPDX-License-Identifier: MIT */
/* assay doctor: the variables of the token proxy (AKS identity bindings) and of HTTP proxies. */

#include "doctor.h"

#include "connection.h"

#include <string.h>

#define LAYER "environment"

static void check_proxy_url(doctor *d, const char *name, const char *url)
{
    bool plain = strncasecmp(url, "http://", 7) == 0 && d->credential->allow_loopback_http;
    const char *why = NULL;
    connection_url parts;
    bool is_url = connection_url_read(url, &parts);
    connection_url_free(&parts);
    if (!plain && strncasecmp(url, "https://", 8) != 0)
        why = "must be https://";
    else if (strpbrk(url, "?#") != NULL)
        why = "must have no query and no fragment";
    else if (strchr(url, '@') != NULL)
        why = "must have no user";
    else if (!is_url)
        why = "is no URL";
    if (why != NULL) {
        doctor_fail(d, LAYER, name, 60, CLI_EXIT_USAGE, "%s", why);
        d->missing = "the token proxy can't be used";
        return;
    }
    d->proxy_url = url;
    doctor_say(d, LAYER, name, DOCTOR_OK, 0, "%s", url);
}

static void check_proxy_ca(doctor *d)
{
    const char *file = doctor_variable("AZURE_KUBERNETES_CA_FILE");
    if (d->credential->token_proxy_ca != NULL)
        file = d->credential->token_proxy_ca;
    else if (file != NULL && doctor_variable("AZURE_KUBERNETES_CA_DATA") != NULL) {
        doctor_fail(d, LAYER, "AZURE_KUBERNETES_CA_FILE", 60, CLI_EXIT_USAGE,
                    "set beside AZURE_KUBERNETES_CA_DATA: keep one of them");
        d->missing = "the token proxy can't be used";
        return;
    }
    cli_text pem = {0};
    if (file != NULL && doctor_read(file, CLI_INPUT_FILE_BYTES, &pem) != 0) {
        doctor_fail(d, LAYER, "CA of the token proxy", 58, CLI_EXIT_USAGE, "%s can't be read", doctor_path(file));
        d->missing = "the token proxy can't be used";
    } else if (file != NULL) {
        bool certificate = pem.ptr != NULL && strstr(pem.ptr, "-----BEGIN CERTIFICATE-----") != NULL;
        doctor_say(d, LAYER, "CA of the token proxy", certificate ? DOCTOR_OK : DOCTOR_WARNING, certificate ? 0 : 58,
                   "%s%s", file, certificate ? "" : " holds no certificate");
    }
    cli_text_wipe(&pem);
}

void doctor_binding(doctor *d)
{
    const char *url = doctor_variable("AZURE_KUBERNETES_TOKEN_PROXY");
    static const char *const others[] = {"AZURE_KUBERNETES_SNI_NAME", "AZURE_KUBERNETES_CA_FILE",
                                         "AZURE_KUBERNETES_CA_DATA"};
    if (d->credential->token_proxy != NULL) {
        check_proxy_url(d, "--token-proxy", d->credential->token_proxy);
        check_proxy_ca(d);
        return;
    }
    if (url != NULL) {
        check_proxy_url(d, "AZURE_KUBERNETES_TOKEN_PROXY", url);
        check_proxy_ca(d);
        return;
    }
    for (size_t i = 0; i < CLI_COUNT_OF(others); i++) {
        if (doctor_variable(others[i]) == NULL)
            continue;
        doctor_fail(d, LAYER, others[i], 60, CLI_EXIT_USAGE, "set without AZURE_KUBERNETES_TOKEN_PROXY");
        d->missing = "the token proxy can't be used";
    }
}

/* "host" and ".host" of NO_PROXY stand for the name and what is below it; "*" for all (curl, "Environment variables"). */
static bool is_excepted(const char *host)
{
    const char *list = doctor_variable("no_proxy");
    if (list == NULL)
        list = doctor_variable("NO_PROXY");
    size_t host_len = strlen(host);
    while (list != NULL && *list != '\0') {
        size_t len = strcspn(list, ", ");
        const char *name = list[0] == '.' && len > 0 ? list + 1 : list;
        size_t name_len = list[0] == '.' && len > 0 ? len - 1 : len;
        if (name_len == 1 && name[0] == '*')
            return true;
        if (name_len > 0 && name_len <= host_len && strncasecmp(host + host_len - name_len, name, name_len) == 0 &&
            (name_len == host_len || host[host_len - name_len - 1] == '.'))
            return true;
        list += len + strspn(list + len, ", ");
    }
    return false;
}

/* The library asks these directly whatever is set: those that a proxy could reach by such an address are other machines. */
static bool is_near(const char *host)
{
    return strcasecmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 || strncmp(host, "169.254.", 8) == 0 ||
           strcmp(host, "::1") == 0;
}

const char *doctor_proxy_for(const char *host)
{
    static const char *const names[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
    if (is_near(host) || is_excepted(host))
        return NULL;
    for (size_t i = 0; i < CLI_COUNT_OF(names); i++)
        if (doctor_variable(names[i]) != NULL)
            return doctor_variable(names[i]);
    return NULL;
}

/* Host and port alone: what stands before the last "@" is a name and a password, in which people also leave a "/" as it is. */
static char *shown(const char *url)
{
    const char *host = strrchr(url, '@');
    const char *scheme = strstr(url, "://");
    host = host != NULL ? host + 1 : scheme != NULL ? scheme + 3 : url;
    size_t len = strcspn(host, "/?#");
    static const char known[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]";
    return len > 0 && len < 260 && strspn(host, known) >= len ? cli_copy(host, len) : cli_strdup("set; not shown");
}

void doctor_proxies(doctor *d)
{
    static const char *const names[] = {"http_proxy",  "HTTP_PROXY", "https_proxy",
                                        "HTTPS_PROXY", "all_proxy",  "ALL_PROXY"};
    bool any = false;
    for (size_t i = 0; i < CLI_COUNT_OF(names); i++) {
        const char *url = doctor_variable(names[i]);
        if (url == NULL)
            continue;
        CLI_AUTO_FREE char *text = shown(url);
        any = true;
        doctor_say(d, LAYER, names[i], DOCTOR_OK, 0, "%s, %s", text,
                   d->credential->use_environment_proxy ? "used, but for IMDS"
                                                        : "not used without --use-environment-proxy");
    }
    bool managed = d->kind == CREDENTIAL_MANAGED || d->kind == CREDENTIAL_FEDERATED;
    /* This library asks IMDS without a proxy whatever is set; other programs in the same environment do not. */
    if (any && managed && !is_excepted("169.254.169.254"))
        doctor_say(d, LAYER, "NO_PROXY", DOCTOR_WARNING, 43,
                   "lacks 169.254.169.254: other programs here ask a proxy for this machine's identity");
}
