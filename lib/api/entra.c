/* SPDX-License-Identifier: MIT */
#include "flow/issuer.h"

#include "api/api.h"

#include <assay/entra.h>

int assay_issuer_entra_new(const char *cloud, assay_issuer **issuer, assay_error **error)
{
    assay_entra *entra;
    ASSAY_BEGIN(error);
    if (issuer == NULL)
        return ASSAY_BAD("issuer is NULL");
    *issuer = NULL;
    int code = assay_entra_new(cloud, &entra, failure);
    return ASSAY_END(code != ASSAY_OK ? code : assay_issuer_make_entra(entra, issuer, failure));
}

int assay_issuer_entra_new_b2c(const char *url, const char *policy, assay_issuer **issuer, assay_error **error)
{
    assay_entra *entra;
    ASSAY_BEGIN(error);
    if (issuer == NULL)
        return ASSAY_BAD("issuer is NULL");
    *issuer = NULL;
    int code = assay_entra_new_b2c(url, policy, &entra, failure);
    return ASSAY_END(code != ASSAY_OK ? code : assay_issuer_make_entra(entra, issuer, failure));
}

int assay_issuer_entra_new_external_id(const char *tenant, const char *authority, assay_issuer **issuer,
                                       assay_error **error)
{
    assay_entra *entra;
    ASSAY_BEGIN(error);
    if (issuer == NULL)
        return ASSAY_BAD("issuer is NULL");
    *issuer = NULL;
    int code = assay_entra_new_external_id(tenant, authority, &entra, failure);
    return ASSAY_END(code != ASSAY_OK ? code : assay_issuer_make_entra(entra, issuer, failure));
}

static int not_entra(assay_failure *failure)
{
    return assay_fail_note(failure, ASSAY_E_CONFIG_TENANT, "the issuer was not made by assay_issuer_entra_new()");
}

static int switch_on(bool *setting)
{
    *setting = true;
    return ASSAY_OK;
}

static int set_version(assay_entra *entra, int version, assay_failure *failure)
{
    if (version != 1 && version != 2)
        return assay_fail_note(failure, ASSAY_E_ARGUMENT, "the version must be 1 or 2");
    entra->only_version = version;
    return ASSAY_OK;
}

/* A setter: the argument checks that all share, then the work on `entra`. */
#define SETTER(name, parameters, work)                                                                                 \
    int assay_issuer_entra_##name parameters                                                                           \
    {                                                                                                                  \
        ASSAY_BEGIN(error);                                                                                            \
        if (issuer == NULL)                                                                                            \
            return ASSAY_BAD("issuer is NULL");                                                                        \
        assay_entra *entra = issuer->policy.entra;                                                                     \
        return ASSAY_END(entra == NULL ? not_entra(failure) : (work));                                                 \
    }

SETTER(add_tenant, (assay_issuer * issuer, const char *tenant, assay_error **error),
       assay_entra_add_tenant(entra, tenant, failure))
SETTER(allow_any_organization, (assay_issuer * issuer, assay_error **error), assay_entra_allow_any(entra, failure))
SETTER(set_version, (assay_issuer * issuer, int version, assay_error **error), set_version(entra, version, failure))
SETTER(set_v1_issuer, (assay_issuer * issuer, const char *url, assay_error **error),
       assay_entra_set_v1(entra, url, failure))
SETTER(set_cloud_instance, (assay_issuer * issuer, const char *name, assay_error **error),
       assay_entra_set_instance(entra, name, failure))
SETTER(set_application_keys, (assay_issuer * issuer, const char *client_id, assay_error **error),
       assay_entra_set_application(entra, client_id, failure))
SETTER(allow_spn_audience, (assay_issuer * issuer, assay_error **error), switch_on(&entra->spn_audience))
SETTER(allow_audience_slash, (assay_issuer * issuer, assay_error **error), switch_on(&entra->slash_audience))
SETTER(add_caller, (assay_issuer * issuer, const char *tenant, const char *object_id, assay_error **error),
       assay_entra_add_caller(entra, tenant, object_id, false, failure))
SETTER(add_client, (assay_issuer * issuer, const char *tenant, const char *client_id, assay_error **error),
       assay_entra_add_caller(entra, tenant, client_id, true, failure))
SETTER(require_idtyp, (assay_issuer * issuer, assay_error **error), switch_on(&entra->require_idtyp))
SETTER(ignore_key_issuer, (assay_issuer * issuer, assay_error **error), switch_on(&entra->ignore_key_issuer))
SETTER(ignore_key_cloud, (assay_issuer * issuer, assay_error **error), switch_on(&entra->ignore_key_cloud))
