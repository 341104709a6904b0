/* SPDX-License-Identifier: MIT */
#include "token/request.h"

#include "api/api.h"
#include "base/memory.h"
#include "token/policy.h"

int assay_request_new(assay_request **request, assay_error **error)
{
    ASSAY_BEGIN(error);
    if (request == NULL)
        return ASSAY_BAD("request is NULL");
    *request = assay_zalloc(sizeof **request);
    if (*request == NULL)
        return ASSAY_END(assay_fail(failure, ASSAY_E_MEMORY));
    (*request)->max_age = -1;
    return ASSAY_OK;
}

void assay_request_free(assay_request *request)
{
    assay_request_drop(request);
}

int assay_request_set_nonce(assay_request *request, const char *nonce, assay_error **error)
{
    ASSAY_BEGIN(error);
    if (request == NULL)
        return ASSAY_BAD("request is NULL");
    int code = assay_policy_check_text(nonce, ASSAY_E_ARGUMENT, "the nonce", failure);
    if (code != ASSAY_OK)
        return ASSAY_END(code);
    char *copy = assay_strdup(nonce);
    if (copy == NULL)
        return ASSAY_END(assay_fail(failure, ASSAY_E_MEMORY));
    assay_release_wiped(request->nonce, request->nonce == NULL ? 0 : strlen(request->nonce));
    request->nonce = copy;
    return ASSAY_OK;
}

static int set_secret(char **owned, size_t *owned_len, const char *bytes, size_t len, assay_failure *failure)
{
    if (bytes == NULL || len == 0 || len > ASSAY_LIMIT_TOKEN_BYTES)
        return assay_fail_note(failure, ASSAY_E_ARGUMENT, "it is NULL, empty or longer than %d bytes",
                               ASSAY_LIMIT_TOKEN_BYTES);
    char *copy = assay_memdup(bytes, len);
    if (copy == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    assay_release_wiped(*owned, *owned_len);
    *owned = copy;
    *owned_len = len;
    return ASSAY_OK;
}

int assay_request_set_access_token(assay_request *request, const char *token, size_t len, assay_error **error)
{
    ASSAY_BEGIN(error);
    if (request == NULL)
        return ASSAY_BAD("request is NULL");
    return ASSAY_END(set_secret(&request->access_token, &request->access_token_len, token, len, failure));
}

int assay_request_set_code(assay_request *request, const char *code, size_t len, assay_error **error)
{
    ASSAY_BEGIN(error);
    if (request == NULL)
        return ASSAY_BAD("request is NULL");
    return ASSAY_END(set_secret(&request->code, &request->code_len, code, len, failure));
}

int assay_request_set_max_age(assay_request *request, int64_t seconds, assay_error **error)
{
    ASSAY_BEGIN(error);
    if (request == NULL)
        return ASSAY_BAD("request is NULL");
    if (seconds < 0 || seconds > ASSAY_LIMIT_LIFETIME_MAX)
        return ASSAY_END(assay_fail_note(failure, ASSAY_E_CONFIG_TIME, "the maximum age must be 0 to %d seconds",
                                         ASSAY_LIMIT_LIFETIME_MAX));
    request->max_age = seconds;
    return ASSAY_OK;
}

int assay_request_add_acr(assay_request *request, const char *acr, assay_error **error)
{
    ASSAY_BEGIN(error);
    if (request == NULL)
        return ASSAY_BAD("request is NULL");
    int code = assay_policy_check_text(acr, ASSAY_E_ARGUMENT, "the acr", failure);
    if (code != ASSAY_OK)
        return ASSAY_END(code);
    if (request->acrs.count == ASSAY_LIMIT_ACRS)
        return ASSAY_BAD("there are too many acr values");
    if (!assay_text_list_add(&request->acrs, acr, strlen(acr)))
        return ASSAY_END(assay_fail(failure, ASSAY_E_MEMORY));
    return ASSAY_OK;
}

int assay_request_set_client_certificate(assay_request *request, const uint8_t *der, size_t len, assay_error **error)
{
    ASSAY_BEGIN(error);
    if (request == NULL)
        return ASSAY_BAD("request is NULL");
    return ASSAY_END(assay_request_take_certificate(request, der, len, failure));
}

int assay_request_allow_unbound(assay_request *request, assay_error **error)
{
    ASSAY_BEGIN(error);
    if (request == NULL)
        return ASSAY_BAD("request is NULL");
    request->allow_unbound = true;
    return ASSAY_OK;
}
