/* SPDX-License-Identifier: MIT */
#include "token/caller.h"

#include "token/claims.h"

int assay_claims_caller_kind(const assay_claims *claims)
{
    return claims == NULL ? ASSAY_CALLER_UNKNOWN : assay_caller_kind(claims);
}

const char *assay_claims_tenant(const assay_claims *claims)
{
    return claims == NULL || claims->tenant[0] == '\0' ? NULL : claims->tenant;
}

static const char *text_of(const assay_claims *claims, const assay_json_value *value)
{
    const assay_decoded_text *text = assay_claims_decode(claims, value);
    return text == NULL ? NULL : text->text;
}

const char *assay_claims_object_id(const assay_claims *claims)
{
    assay_json_value id;
    return claims != NULL && assay_caller_object_id(claims, &id) ? text_of(claims, &id) : NULL;
}

const char *assay_claims_client_id(const assay_claims *claims)
{
    assay_json_value id;
    return claims != NULL && assay_caller_client_id(claims, &id) ? text_of(claims, &id) : NULL;
}

int assay_claims_client_authentication(const assay_claims *claims)
{
    return claims == NULL ? ASSAY_CLIENT_UNKNOWN : assay_caller_client_authentication(claims);
}

int assay_claims_is_guest(const assay_claims *claims)
{
    return claims == NULL ? -1 : assay_caller_guest(claims);
}

int assay_claims_get_identity(const assay_claims *claims, const char **identity)
{
    if (identity == NULL)
        return ASSAY_E_ARGUMENT;
    *identity = NULL;
    return claims == NULL ? ASSAY_E_ARGUMENT : assay_caller_identity(claims, identity);
}
