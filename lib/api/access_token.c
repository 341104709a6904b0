/* SPDX-License-Identifier: MIT */
#include "flow/access_token.h"

#include <strings.h>

const char *assay_access_token_text(const assay_access_token *token, size_t *len)
{
    if (len != NULL)
        *len = token == NULL ? 0 : token->authorization.len - ASSAY_SCHEME_LEN;
    return token == NULL ? "" : token->authorization.text + ASSAY_SCHEME_LEN;
}

/* What is no access token is not sent as one (RFC 8693, section 2.2.1: "N_A"). */
static bool is_bearer(const assay_access_token *token)
{
    return token != NULL && strcasecmp(token->type, "Bearer") == 0;
}

const char *assay_access_token_authorization(const assay_access_token *token, size_t *len)
{
    bool given = is_bearer(token);
    if (len != NULL)
        *len = given ? token->authorization.len : 0;
    return given ? token->authorization.text : "";
}

int64_t assay_access_token_expires_at(const assay_access_token *token)
{
    return token == NULL ? 0 : token->expires_at;
}

const char *assay_access_token_scope(const assay_access_token *token)
{
    return token == NULL ? "" : token->scope;
}

const char *assay_access_token_type(const assay_access_token *token)
{
    return token == NULL ? "" : token->type;
}

const char *assay_access_token_issued_type(const assay_access_token *token)
{
    return token == NULL ? "" : token->issued_type;
}

const char *assay_access_token_source(const assay_access_token *token)
{
    return token == NULL ? "" : token->source;
}
