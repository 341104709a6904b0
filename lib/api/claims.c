/* SPDX-License-Identifier: MIT */
#include "token/claims.h"

assay_claims *assay_claims_ref(assay_claims *claims)
{
    if (claims != NULL)
        (void)atomic_fetch_add_explicit(&claims->references, 1, memory_order_relaxed);
    return claims;
}

void assay_claims_unref(assay_claims *claims)
{
    assay_token_close(claims);
}

const char *assay_claims_issuer(const assay_claims *claims)
{
    return claims == NULL ? "" : claims->issuer;
}

const char *assay_claims_subject(const assay_claims *claims)
{
    return claims == NULL ? NULL : claims->subject;
}

int64_t assay_claims_expiry(const assay_claims *claims)
{
    return claims == NULL ? 0 : claims->expiry;
}

const char *assay_claims_algorithm(const assay_claims *claims)
{
    return claims == NULL ? "" : claims->algorithm->name;
}

const char *assay_claims_kid(const assay_claims *claims)
{
    return claims == NULL || !claims->has_kid ? NULL : claims->kid.ptr;
}

static int find(const assay_claims *claims, const char *name, assay_json_value *value)
{
    if (claims == NULL || name == NULL)
        return ASSAY_E_ARGUMENT;
    return assay_token_get(claims, name, value) ? ASSAY_OK : ASSAY_E_ABSENT;
}

static int find_by_pointer(const assay_claims *claims, const char *pointer, assay_json_value *value)
{
    if (claims == NULL || pointer == NULL || !assay_json_pointer_is_valid(pointer, strlen(pointer)))
        return ASSAY_E_ARGUMENT;
    return assay_json_point(&claims->payload, pointer, strlen(pointer), value) ? ASSAY_OK : ASSAY_E_ABSENT;
}

/* Outputs are written on every path. */
static bool clear_text(const char **text, size_t *len)
{
    if (text != NULL)
        *text = NULL;
    if (len != NULL)
        *len = 0;
    return text != NULL && len != NULL;
}

int assay_claims_get_text(const assay_claims *claims, const char *name, const char **text, size_t *len)
{
    assay_json_value value;
    if (!clear_text(text, len))
        return ASSAY_E_ARGUMENT;
    int code = find(claims, name, &value);
    return code != ASSAY_OK ? code : assay_claims_value_text(claims, &value, text, len);
}

int assay_claims_get_int64(const assay_claims *claims, const char *name, int64_t *value)
{
    assay_json_value found;
    if (value == NULL)
        return ASSAY_E_ARGUMENT;
    *value = 0;
    int code = find(claims, name, &found);
    if (code != ASSAY_OK)
        return code;
    if (found.type != ASSAY_JSON_INTEGER)
        return ASSAY_E_TYPE;
    *value = assay_json_integer(&found);
    return ASSAY_OK;
}

int assay_claims_get_time(const assay_claims *claims, const char *name, int64_t *seconds, int32_t *nanoseconds)
{
    assay_json_value value;
    int64_t whole;
    int32_t fraction;
    if (seconds == NULL)
        return ASSAY_E_ARGUMENT;
    *seconds = 0;
    if (nanoseconds != NULL)
        *nanoseconds = 0;
    int code = find(claims, name, &value);
    if (code != ASSAY_OK)
        return code;
    if (value.type != ASSAY_JSON_INTEGER && value.type != ASSAY_JSON_REAL)
        return ASSAY_E_TYPE;
    if (!assay_json_time(&value, &whole, &fraction))
        return ASSAY_E_RANGE;
    *seconds = whole;
    if (nanoseconds != NULL)
        *nanoseconds = fraction;
    return ASSAY_OK;
}

int assay_claims_get_boolean(const assay_claims *claims, const char *name, int *value)
{
    assay_json_value found;
    if (value == NULL)
        return ASSAY_E_ARGUMENT;
    *value = 0;
    int code = find(claims, name, &found);
    if (code != ASSAY_OK)
        return code;
    if (found.type != ASSAY_JSON_TRUE && found.type != ASSAY_JSON_FALSE)
        return ASSAY_E_TYPE;
    *value = found.type == ASSAY_JSON_TRUE;
    return ASSAY_OK;
}

int assay_claims_get_text_count(const assay_claims *claims, const char *name, size_t *count)
{
    assay_json_value value;
    if (count == NULL)
        return ASSAY_E_ARGUMENT;
    *count = 0;
    int code = find(claims, name, &value);
    return code != ASSAY_OK ? code : assay_claims_value_count(&value, count);
}

int assay_claims_get_text_at(const assay_claims *claims, const char *name, size_t index, const char **text, size_t *len)
{
    assay_json_value value, element;
    if (!clear_text(text, len))
        return ASSAY_E_ARGUMENT;
    int code = find(claims, name, &value);
    if (code == ASSAY_OK)
        code = assay_claims_value_at(&value, index, &element);
    return code != ASSAY_OK ? code : assay_claims_value_text(claims, &element, text, len);
}

int assay_claims_get_raw(const assay_claims *claims, const char *name, const char **json, size_t *len)
{
    assay_json_value value;
    if (!clear_text(json, len))
        return ASSAY_E_ARGUMENT;
    int code = find(claims, name, &value);
    if (code != ASSAY_OK)
        return code;
    *json = value.ptr;
    *len = value.len;
    return ASSAY_OK;
}

int assay_claims_get_text_by_pointer(const assay_claims *claims, const char *pointer, const char **text, size_t *len)
{
    assay_json_value value;
    if (!clear_text(text, len))
        return ASSAY_E_ARGUMENT;
    int code = find_by_pointer(claims, pointer, &value);
    return code != ASSAY_OK ? code : assay_claims_value_text(claims, &value, text, len);
}

int assay_claims_get_raw_by_pointer(const assay_claims *claims, const char *pointer, const char **json, size_t *len)
{
    assay_json_value value;
    if (!clear_text(json, len))
        return ASSAY_E_ARGUMENT;
    int code = find_by_pointer(claims, pointer, &value);
    if (code != ASSAY_OK)
        return code;
    *json = value.ptr;
    *len = value.len;
    return ASSAY_OK;
}

int assay_claims_get_json(const assay_claims *claims, const char **json, size_t *len)
{
    if (!clear_text(json, len) || claims == NULL)
        return ASSAY_E_ARGUMENT;
    return assay_claims_write(claims, json, len);
}
