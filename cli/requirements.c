/* SPDX-License-Identifier: MIT */
#include "requirements.h"

bool cli_scope_is_valid(const char *scope)
{
    for (const char *at = scope; *at != '\0'; at++)
        if (*at < 0x21 || *at > 0x7e || *at == '"' || *at == '\\')
            return false;
    return scope[0] != '\0';
}

/* RFC 6750, section 3.1: the scopes that are needed, which only the service knows. */
static const char *challenge_of(const cli_list *scopes, cli_text *text)
{
    cli_text_put(text, "Bearer error=\"insufficient_scope\", scope=\"");
    for (size_t i = 0; i < scopes->count; i++) {
        cli_text_put(text, i == 0 ? "" : " ");
        cli_text_put(text, scopes->items[i]);
    }
    cli_text_put(text, "\"");
    return text->ptr;
}

int cli_requirements_check(const assay_claims *claims, const cli_list *scopes, const cli_list *roles,
                           cli_verdict *verdict, cli_text *text, assay_error **error)
{
    int code = ASSAY_OK;
    if (scopes->count > 0)
        code = assay_claims_require_all(claims, ASSAY_PERMISSION_SCOPE, (const char *const *)scopes->items,
                                        scopes->count, error);
    if (code == ASSAY_OK && roles->count > 0)
        code = assay_claims_require_all(claims, ASSAY_PERMISSION_ROLE, (const char *const *)roles->items, roles->count,
                                        error);
    if (code == ASSAY_OK)
        return ASSAY_OK;
    *verdict = cli_verdict_of(code, *error);
    if (code == ASSAY_E_SCOPE)
        verdict->www_authenticate = challenge_of(scopes, text);
    return code;
}
