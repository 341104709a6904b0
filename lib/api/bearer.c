/* SPDX-License-Identifier: MIT */
#include "token/bearer.h"
#include "api/api.h"

#include <assay/bearer.h>

int assay_bearer_from_header(const char *value, size_t len, const char **token, size_t *token_len, assay_error **error)
{
    return assay_bearer_from_header_of_scheme("Bearer", value, len, token, token_len, error);
}

int assay_bearer_from_header_of_scheme(const char *scheme, const char *value, size_t len, const char **token,
                                       size_t *token_len, assay_error **error)
{
    ASSAY_BEGIN(error);
    if (token == NULL || token_len == NULL)
        return ASSAY_BAD("token or token_len is NULL");
    assay_span found;
    int code = assay_bearer_parse(scheme, value, len, &found, failure);
    *token = found.ptr;
    *token_len = found.len;
    return ASSAY_END(code);
}
