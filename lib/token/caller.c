/* SPDX-License-Identifier: MIT */
#include "token/caller.h"

static bool member_is(const assay_claims *token, const char *name, const char *text)
{
    assay_json_value value;
    return assay_token_get(token, name, &value) && assay_json_string_equal(&value, text, strlen(text));
}

int assay_caller_kind(const assay_claims *token)
{
    return member_is(token, "idtyp", "app") ? ASSAY_CALLER_APPLICATION : ASSAY_CALLER_UNKNOWN;
}
