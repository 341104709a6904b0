/* SPDX-License-Identifier: MIT */
#include "flow/issuer.h"

#include "http/url.h"
#include "profile/family.h"

int assay_issuer_make_entra(assay_entra *entra, assay_issuer **issuer, assay_failure *failure)
{
    int code = assay_issuer_make(entra->v2, issuer, failure);
    if (code != ASSAY_OK) {
        assay_entra_free(entra);
        return code;
    }
    code = assay_policy_take_entra(&(*issuer)->policy, entra);
    if (code == ASSAY_OK)
        return code;
    assay_issuer_drop(ASSAY_STEAL(*issuer));
    return assay_fail(failure, code);
}

int assay_issuer_make(const char *url, assay_issuer **issuer, assay_failure *failure)
{
    *issuer = NULL;
    int code = assay_policy_check_text(url, ASSAY_E_CONFIG_ISSUER, "the issuer", failure);
    if (code != ASSAY_OK)
        return code;
    assay_issuer *made = assay_zalloc(sizeof *made);
    if (made == NULL || assay_policy_init(&made->policy, url) != ASSAY_OK) {
        assay_release(made);
        return assay_fail(failure, ASSAY_E_MEMORY);
    }
    made->mode = ASSAY_SOURCE_OPENID;
    made->retention = -1;
    made->hard_limit = ASSAY_LIMIT_HARD_LIMIT;
    assay_key_set_init(&made->keys);
    *issuer = made;
    return ASSAY_OK;
}

void assay_issuer_drop(assay_issuer *issuer)
{
    if (issuer == NULL)
        return;
    assay_policy_clear(&issuer->policy);
    assay_release(issuer->metadata_url);
    assay_release(issuer->jwks_uri);
    assay_text_list_clear(&issuer->jwks_hosts);
    assay_http_ca_clear(&issuer->ca);
    assay_release(issuer->bearer_file);
    assay_key_set_clear(&issuer->keys);
    assay_release(issuer);
}

static int check_only_source(const assay_issuer *issuer, assay_source_mode mode, assay_failure *failure)
{
    if (issuer->mode == ASSAY_SOURCE_OPENID || issuer->mode == mode)
        return ASSAY_OK;
    return assay_fail_note(
        failure, ASSAY_E_CONFIG,
        "give one source of keys: OAuth discovery, a discovery URL, a jwks_uri or keys, not several");
}

int assay_issuer_take_oauth_discovery(assay_issuer *issuer, assay_failure *failure)
{
    int code = check_only_source(issuer, ASSAY_SOURCE_OAUTH, failure);
    if (code == ASSAY_OK)
        issuer->mode = ASSAY_SOURCE_OAUTH;
    return code;
}

/* Keep a URL for later; whether http is allowed is known only when the issuer is complete. */
static int take_url(char **owned, const char *url, const char *what, assay_failure *failure)
{
    assay_url parsed;
    const char *problem = url == NULL ? "it is missing" : assay_url_parse(url, strlen(url), &parsed);
    if (problem != NULL)
        return assay_fail_note(failure, ASSAY_E_CONFIG_URL, "%s: %s", what, problem);
    char *copy = assay_strdup(url);
    if (copy == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    assay_release(*owned);
    *owned = copy;
    return ASSAY_OK;
}

int assay_issuer_take_metadata_url(assay_issuer *issuer, const char *url, assay_failure *failure)
{
    int code = check_only_source(issuer, ASSAY_SOURCE_URL, failure);
    if (code == ASSAY_OK)
        code = take_url(&issuer->metadata_url, url, "the discovery URL", failure);
    if (code == ASSAY_OK)
        issuer->mode = ASSAY_SOURCE_URL;
    return code;
}

int assay_issuer_take_jwks_uri(assay_issuer *issuer, const char *url, assay_failure *failure)
{
    int code = check_only_source(issuer, ASSAY_SOURCE_JWKS, failure);
    if (code == ASSAY_OK)
        code = take_url(&issuer->jwks_uri, url, "the jwks_uri", failure);
    if (code == ASSAY_OK)
        issuer->mode = ASSAY_SOURCE_JWKS;
    return code;
}

int assay_issuer_take_keys(assay_issuer *issuer, const assay_key_set *keys, assay_failure *failure)
{
    int code = check_only_source(issuer, ASSAY_SOURCE_STATIC, failure);
    if (code != ASSAY_OK)
        return code;
    if (keys->count == 0)
        return assay_fail_note(failure, ASSAY_E_CONFIG_KEYS, "%s",
                               keys->skipped_count > 0 ? keys->skipped[0] : "the key set is empty");
    assay_key_set copy;
    code = assay_key_set_copy(keys, &copy);
    if (code != ASSAY_OK)
        return assay_fail(failure, code);
    assay_key_set_clear(&issuer->keys);
    issuer->keys = copy;
    issuer->mode = ASSAY_SOURCE_STATIC;
    return ASSAY_OK;
}

int assay_issuer_take_jwks_host(assay_issuer *issuer, const char *host, assay_failure *failure)
{
    int code = assay_policy_check_text(host, ASSAY_E_CONFIG_URL, "the jwks host", failure);
    if (code != ASSAY_OK)
        return code;
    if (issuer->jwks_hosts.count == ASSAY_LIMIT_JWKS_HOSTS)
        return assay_fail_note(failure, ASSAY_E_CONFIG_URL, "there are more than %d jwks hosts",
                               ASSAY_LIMIT_JWKS_HOSTS);
    if (strpbrk(host, "/:@ ") != NULL)
        return assay_fail_note(failure, ASSAY_E_CONFIG_URL, "a jwks host is a name without scheme, port and path");
    if (!assay_text_list_add(&issuer->jwks_hosts, host, strlen(host)))
        return assay_fail(failure, ASSAY_E_MEMORY);
    return ASSAY_OK;
}

int assay_issuer_take_bearer_file(assay_issuer *issuer, const char *path, assay_failure *failure)
{
    int code = assay_policy_check_text(path, ASSAY_E_CONFIG, "the bearer file", failure);
    if (code != ASSAY_OK)
        return code;
    if (path[0] != '/') /* it is read later, and the process may be in another directory then */
        return assay_fail_note(failure, ASSAY_E_CONFIG, "the bearer file must be an absolute path");
    char *copy = assay_strdup(path);
    if (copy == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    assay_release(issuer->bearer_file);
    issuer->bearer_file = copy;
    return ASSAY_OK;
}

int assay_issuer_take_retention(assay_issuer *issuer, int64_t seconds, assay_failure *failure)
{
    if (seconds < 0 || seconds > ASSAY_LIMIT_RETENTION_MAX)
        return assay_fail_note(failure, ASSAY_E_CONFIG_TIME, "the key retention must be 0 to %d seconds",
                               ASSAY_LIMIT_RETENTION_MAX);
    issuer->retention = seconds;
    return ASSAY_OK;
}

int assay_issuer_take_hard_limit(assay_issuer *issuer, int64_t seconds, assay_failure *failure)
{
    if (seconds < ASSAY_LIMIT_REFRESH_MIN || seconds > ASSAY_LIMIT_HARD_LIMIT_MAX)
        return assay_fail_note(failure, ASSAY_E_CONFIG_TIME, "the hard limit must be %d to %d seconds",
                               ASSAY_LIMIT_REFRESH_MIN, ASSAY_LIMIT_HARD_LIMIT_MAX);
    issuer->hard_limit = seconds;
    return ASSAY_OK;
}

static bool has_symmetric_key(const assay_key_set *keys)
{
    for (size_t i = 0; i < keys->count; i++) {
        if (assay_verify_key_kind(keys->keys[i]->key) == ASSAY_KEY_SYMMETRIC)
            return true;
    }
    return false;
}

/* HS* verifies with a secret, which no key set on the network can hold (RFC 8725, section 3.5). */
static int check_algorithms(const assay_issuer *issuer, assay_failure *failure)
{
    bool symmetric = (issuer->policy.algorithms & assay_algorithm_symmetric_set()) != 0;
    if (symmetric && (issuer->mode != ASSAY_SOURCE_STATIC || !has_symmetric_key(&issuer->keys)))
        return assay_fail_note(failure, ASSAY_E_CONFIG_ALGORITHM,
                               "HS256, HS384 and HS512 are allowed, but no symmetric key was given");
    return ASSAY_OK;
}

/* The list holds for a jwks_uri that is configured as for one that metadata names. */
static int check_jwks_host(const assay_issuer *issuer, assay_failure *failure)
{
    assay_url url;
    if (issuer->mode != ASSAY_SOURCE_JWKS || issuer->jwks_hosts.count == 0)
        return ASSAY_OK;
    const char *problem = assay_url_parse(issuer->jwks_uri, strlen(issuer->jwks_uri), &url);
    for (size_t i = 0; problem == NULL && i < issuer->jwks_hosts.count; i++)
        if (assay_url_host_is(&url, issuer->jwks_hosts.items[i].ptr))
            return ASSAY_OK;
    return assay_fail_note(failure, ASSAY_E_CONFIG_URL, "the host of the jwks_uri is not one of the jwks hosts");
}

/* Where Entra's metadata is computed to lie. */
static int check_entra_url(const assay_issuer *issuer, assay_failure *failure)
{
    ASSAY_AUTO_RELEASE char *url = assay_entra_metadata_url(issuer->policy.entra);
    if (url == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    const char *problem = assay_url_check_fetch(url, strlen(url), issuer->allow_loopback_http);
    return problem == NULL ? ASSAY_OK : assay_fail_note(failure, ASSAY_E_CONFIG_ISSUER, "%s", problem);
}

/* Who asks for such tokens collects what Entra takes for credentials. */
static int check_audiences(const assay_policy *policy, assay_failure *failure)
{
    if (policy->audiences.count == 0)
        return assay_fail_found(failure, ASSAY_E_CONFIG_AUDIENCE, NULL, policy->issuer.ptr, policy->issuer.len);
    for (size_t i = 0; i < policy->audiences.count && !policy->allow_exchange_audience; i++) {
        assay_span audience = policy->audiences.items[i];
        if (assay_family_audience_is_exchange(policy->profile->family, audience))
            return assay_fail_found(failure, ASSAY_E_CONFIG_AUDIENCE,
                                    "an audience of this service's own, and not one of credentials for Entra",
                                    audience.ptr, audience.len);
    }
    return ASSAY_OK;
}

int assay_issuer_check(const assay_issuer *issuer, assay_failure *failure)
{
    int code = check_audiences(&issuer->policy, failure);
    if (code == ASSAY_OK && issuer->policy.entra != NULL)
        code = assay_entra_check(issuer->policy.entra, failure);
    if (code == ASSAY_OK)
        code = check_algorithms(issuer, failure);
    if (code != ASSAY_OK || issuer->mode == ASSAY_SOURCE_STATIC)
        return code;
    bool http = issuer->allow_loopback_http;
    if (issuer->policy.entra != NULL && issuer->mode == ASSAY_SOURCE_OPENID)
        return check_entra_url(issuer, failure);
    const char *problem = assay_url_check_issuer(issuer->policy.issuer.ptr, issuer->policy.issuer.len, http);
    if (problem != NULL && issuer->mode != ASSAY_SOURCE_JWKS && issuer->mode != ASSAY_SOURCE_URL)
        return assay_fail_note(failure, ASSAY_E_CONFIG_ISSUER, "%s", problem);
    const char *url = issuer->mode == ASSAY_SOURCE_URL    ? issuer->metadata_url
                      : issuer->mode == ASSAY_SOURCE_JWKS ? issuer->jwks_uri
                                                          : NULL;
    problem = url == NULL ? NULL : assay_url_check_fetch(url, strlen(url), http);
    if (problem != NULL)
        return assay_fail_note(failure, ASSAY_E_CONFIG_URL, "%s", problem);
    return check_jwks_host(issuer, failure);
}
