/* SPDX-License-Identifier: MIT */
#include "token/permission.h"

#include "api/api.h"

int assay_claims_require(const assay_claims *claims, int kind, const char *name, assay_error **error)
{
    const char *const names[] = {name};
    return assay_claims_require_all(claims, kind, names, 1, error);
}

int assay_claims_require_any(const assay_claims *claims, int kind, const char *const *names, size_t count,
                             assay_error **error)
{
    ASSAY_BEGIN(error);
    if (claims == NULL)
        return ASSAY_BAD("claims is NULL");
    return ASSAY_END(assay_permission_check_any(claims, kind, names, count, failure));
}

int assay_claims_require_all(const assay_claims *claims, int kind, const char *const *names, size_t count,
                             assay_error **error)
{
    ASSAY_BEGIN(error);
    if (claims == NULL)
        return ASSAY_BAD("claims is NULL");
    return ASSAY_END(assay_permission_check_all(claims, kind, names, count, failure));
}

int assay_claims_require_at(const assay_claims *claims, const char *pointer, const char *text, assay_error **error)
{
    ASSAY_BEGIN(error);
    if (claims == NULL || pointer == NULL || text == NULL || text[0] == '\0')
        return ASSAY_BAD("claims, pointer or text is NULL, or the text is empty");
    if (!assay_json_pointer_is_valid(pointer, strlen(pointer)))
        return ASSAY_BAD("the pointer is not a JSON Pointer (RFC 6901)");
    return ASSAY_END(assay_permission_check_at(claims, pointer, text, failure));
}

int assay_claims_get_membership(const assay_claims *claims, const char *group)
{
    return claims == NULL || group == NULL ? ASSAY_MEMBERSHIP_UNKNOWN : assay_permission_membership(claims, group);
}

static int require_caller(const assay_claims *claims, const char *tenant, const char *id, bool is_client,
                          assay_error **error)
{
    ASSAY_BEGIN(error);
    if (claims == NULL || tenant == NULL || id == NULL)
        return ASSAY_BAD("claims, tenant or id is NULL");
    return ASSAY_END(assay_permission_check_caller(claims, tenant, id, is_client, failure));
}

int assay_claims_require_caller(const assay_claims *claims, const char *tenant, const char *object_id,
                                assay_error **error)
{
    return require_caller(claims, tenant, object_id, false, error);
}

int assay_claims_require_client(const assay_claims *claims, const char *tenant, const char *client_id,
                                assay_error **error)
{
    return require_caller(claims, tenant, client_id, true, error);
}

int assay_claims_require_listed_caller(const assay_claims *claims, assay_error **error)
{
    ASSAY_BEGIN(error);
    if (claims == NULL)
        return ASSAY_BAD("claims is NULL");
    return ASSAY_END(assay_permission_check_listed(claims, failure));
}

int assay_claims_require_member(const assay_claims *claims, assay_error **error)
{
    ASSAY_BEGIN(error);
    if (claims == NULL)
        return ASSAY_BAD("claims is NULL");
    return ASSAY_END(assay_permission_check_member(claims, failure));
}

int assay_claims_require_client_authentication(const assay_claims *claims, int least, assay_error **error)
{
    ASSAY_BEGIN(error);
    if (claims == NULL)
        return ASSAY_BAD("claims is NULL");
    return ASSAY_END(assay_permission_check_client_authentication(claims, least, failure));
}

int assay_claims_require_context(const assay_claims *claims, const char *context, const char *realm,
                                 const char *authorization_uri, assay_error **error)
{
    ASSAY_BEGIN(error);
    if (claims == NULL || context == NULL)
        return ASSAY_BAD("claims or context is NULL");
    assay_buffer challenge = {NULL, 0, 0, false};
    int code =
        ASSAY_END(assay_permission_check_context(claims, context, realm, authorization_uri, &challenge, failure));
    assay_buffer_clear(&challenge);
    return code;
}
