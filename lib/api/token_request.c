/* SPDX-License-Identifier: MIT */
#include "acquire/token_request.h"

#include "acquire/settings.h"
#include "api/api.h"
#include "base/clock.h"

int assay_token_request_new(const char *scope, assay_token_request **request, assay_error **error)
{
    ASSAY_BEGIN(error);
    if (request == NULL)
        return ASSAY_BAD("request is NULL");
    *request = NULL;
    if (scope == NULL)
        return ASSAY_BAD("scope is NULL");
    return ASSAY_END(assay_token_request_make(scope, request, failure));
}

void assay_token_request_free(assay_token_request *request)
{
    assay_token_request_drop(request);
}

int assay_token_request_set_tenant(assay_token_request *request, const char *tenant, assay_error **error)
{
    ASSAY_BEGIN(error);
    if (request == NULL)
        return ASSAY_BAD("request is NULL");
    return ASSAY_END(assay_settings_take_tenant(&request->tenant, tenant, failure));
}

int assay_token_request_set_user_assertion(assay_token_request *request, const char *token, size_t len,
                                           assay_error **error)
{
    ASSAY_BEGIN(error);
    if (request == NULL || token == NULL || len == 0)
        return ASSAY_BAD("request or token is NULL or empty");
    return ASSAY_END(assay_token_request_take_user(request, token, len, failure));
}

/* Tokens from before the challenge are what was refused. */
static int challenged(assay_token_request *request, int code)
{
    if (code == ASSAY_OK)
        request->made_ms = assay_clock_real_ms();
    return code;
}

int assay_token_request_set_challenge(assay_token_request *request, const char *www_authenticate, assay_error **error)
{
    ASSAY_BEGIN(error);
    if (request == NULL || www_authenticate == NULL)
        return ASSAY_BAD("request or www_authenticate is NULL");
    return ASSAY_END(challenged(request, assay_token_request_take_challenge(request, www_authenticate, failure)));
}

int assay_token_request_set_claims(assay_token_request *request, const char *json, assay_error **error)
{
    ASSAY_BEGIN(error);
    if (request == NULL || json == NULL)
        return ASSAY_BAD("request or json is NULL");
    return ASSAY_END(challenged(request, assay_token_request_take_claims(request, json, failure)));
}

int assay_token_request_set_continuous_access(assay_token_request *request, assay_error **error)
{
    ASSAY_BEGIN(error);
    if (request == NULL)
        return ASSAY_BAD("request is NULL");
    request->continuous = true;
    return ASSAY_END(ASSAY_OK);
}
