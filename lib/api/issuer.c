/* SPDX-License-Identifier: MIT */
#include "flow/issuer.h"

#include "api/api.h"
#include "api/keyset.h"

int assay_issuer_new(const char *url, assay_issuer **issuer, assay_error **error)
{
    ASSAY_BEGIN(error);
    if (issuer == NULL)
        return ASSAY_BAD("issuer is NULL");
    return ASSAY_END(assay_issuer_make(url, issuer, failure));
}

void assay_issuer_free(assay_issuer *issuer)
{
    assay_issuer_drop(issuer);
}

/* A setter: the one argument check that all share, then the work. */
#define SETTER(name, parameter, work)                                                                                  \
    int assay_issuer_##name(assay_issuer *issuer, parameter, assay_error **error)                                      \
    {                                                                                                                  \
        ASSAY_BEGIN(error);                                                                                            \
        if (issuer == NULL)                                                                                            \
            return ASSAY_BAD("issuer is NULL");                                                                        \
        return ASSAY_END(work);                                                                                        \
    }

SETTER(add_audience, const char *audience, assay_policy_add_audience(&issuer->policy, audience, failure))
SETTER(add_algorithm, const char *algorithm, assay_policy_add_algorithm(&issuer->policy, algorithm, failure))
SETTER(set_profile, const char *profile, assay_policy_set_profile(&issuer->policy, profile, failure))
SETTER(set_client_id, const char *client_id, assay_policy_set_client_id(&issuer->policy, client_id, failure))
SETTER(set_leeway, int64_t seconds, assay_policy_set_leeway(&issuer->policy, seconds, failure))
SETTER(set_max_lifetime, int64_t seconds, assay_policy_set_max_lifetime(&issuer->policy, seconds, failure))
SETTER(set_subject, const char *subject, assay_policy_set_subject(&issuer->policy, subject, failure))
SETTER(require_claim, const char *pointer,
       assay_policy_require(&issuer->policy, ASSAY_REQUIRE_PRESENT, pointer, NULL, failure))
SETTER(set_discovery_url, const char *url, assay_issuer_take_metadata_url(issuer, url, failure))
SETTER(set_jwks_uri, const char *url, assay_issuer_take_jwks_uri(issuer, url, failure))
SETTER(add_jwks_host, const char *host, assay_issuer_take_jwks_host(issuer, host, failure))
SETTER(set_bearer_file, const char *path, assay_issuer_take_bearer_file(issuer, path, failure))
SETTER(set_key_retention, int64_t seconds, assay_issuer_take_retention(issuer, seconds, failure))
SETTER(set_key_hard_limit, int64_t seconds, assay_issuer_take_hard_limit(issuer, seconds, failure))

int assay_issuer_set_ca_file(assay_issuer *issuer, const char *path, assay_error **error)
{
    ASSAY_BEGIN(error);
    if (issuer == NULL || path == NULL)
        return ASSAY_BAD("issuer or path is NULL");
    return ASSAY_END(assay_http_ca_read(&issuer->ca, path, failure));
}

int assay_issuer_set_ca_pem(assay_issuer *issuer, const char *pem, size_t len, assay_error **error)
{
    ASSAY_BEGIN(error);
    if (issuer == NULL || pem == NULL)
        return ASSAY_BAD("issuer or pem is NULL");
    return ASSAY_END(assay_http_ca_take(&issuer->ca, pem, len, failure));
}

int assay_issuer_require_text(assay_issuer *issuer, const char *pointer, const char *text, assay_error **error)
{
    ASSAY_BEGIN(error);
    if (issuer == NULL)
        return ASSAY_BAD("issuer is NULL");
    return ASSAY_END(assay_policy_require(&issuer->policy, ASSAY_REQUIRE_TEXT, pointer, text, failure));
}

int assay_issuer_require_contains(assay_issuer *issuer, const char *pointer, const char *text, assay_error **error)
{
    ASSAY_BEGIN(error);
    if (issuer == NULL)
        return ASSAY_BAD("issuer is NULL");
    return ASSAY_END(assay_policy_require(&issuer->policy, ASSAY_REQUIRE_CONTAINS, pointer, text, failure));
}

int assay_issuer_use_oauth_discovery(assay_issuer *issuer, assay_error **error)
{
    ASSAY_BEGIN(error);
    if (issuer == NULL)
        return ASSAY_BAD("issuer is NULL");
    return ASSAY_END(assay_issuer_take_oauth_discovery(issuer, failure));
}

/* A switch; nothing turns it off again. */
#define SWITCH(name, member)                                                                                           \
    int assay_issuer_##name(assay_issuer *issuer, assay_error **error)                                                 \
    {                                                                                                                  \
        ASSAY_BEGIN(error);                                                                                            \
        if (issuer == NULL)                                                                                            \
            return ASSAY_BAD("issuer is NULL");                                                                        \
        issuer->member = true;                                                                                         \
        return ASSAY_OK;                                                                                               \
    }

SWITCH(allow_loopback_http, allow_loopback_http)
SWITCH(accept_unproven_binding, policy.accept_unproven_binding)
SWITCH(allow_exchange_audience, policy.allow_exchange_audience)

int assay_issuer_set_keys(assay_issuer *issuer, assay_keyset *keyset, assay_error **error)
{
    ASSAY_BEGIN(error);
    if (issuer == NULL || keyset == NULL)
        return ASSAY_BAD("issuer or keyset is NULL");
    return ASSAY_END(assay_issuer_take_keys(issuer, &keyset->set, failure));
}
