/* SPDX-License-Identifier: MIT */
#include "token/claims.h"

#include "json/document.h"

/*
 * Reading accepted claims. They are shared between threads, so what is decoded on demand is published by compare-and-swap: two threads that
 * ask at once may both decode, and both texts stay until the claims go.
 */

const assay_decoded_text *assay_claims_kept(const assay_claims *claims, const char *place)
{
    assay_claims *shared = (assay_claims *)(uintptr_t)claims;
    const assay_decoded_text *text = atomic_load_explicit(&shared->decoded, memory_order_acquire);
    while (text != NULL && text->raw != place)
        text = text->next;
    return text;
}

assay_decoded_text *assay_claims_room(const char *place, size_t len)
{
    assay_decoded_text *made = assay_alloc(sizeof *made + len + 1);
    if (made != NULL)
        made->raw = place;
    return made;
}

const assay_decoded_text *assay_claims_keep(const assay_claims *claims, assay_decoded_text *made, size_t len)
{
    assay_claims *shared = (assay_claims *)(uintptr_t)claims;
    made->len = len;
    made->text[len] = '\0';
    made->next = atomic_load_explicit(&shared->decoded, memory_order_acquire);
    while (!atomic_compare_exchange_weak_explicit(&shared->decoded, &made->next, made, memory_order_acq_rel,
                                                  memory_order_acquire))
        ;
    return made;
}

const assay_decoded_text *assay_claims_decode(const assay_claims *claims, const assay_json_value *value)
{
    const assay_decoded_text *kept = assay_claims_kept(claims, value->ptr);
    if (kept != NULL)
        return kept;
    assay_decoded_text *made = assay_claims_room(value->ptr, value->len);
    if (made == NULL)
        return NULL;
    return assay_claims_keep(claims, made, assay_json_string_decode(value, made->text));
}

int assay_claims_value_text(const assay_claims *claims, const assay_json_value *value, const char **text, size_t *len)
{
    if (value->type != ASSAY_JSON_STRING)
        return ASSAY_E_TYPE;
    const assay_decoded_text *decoded = assay_claims_decode(claims, value);
    if (decoded == NULL)
        return ASSAY_E_MEMORY;
    *text = decoded->text;
    *len = decoded->len;
    return ASSAY_OK;
}

int assay_claims_value_count(const assay_json_value *value, size_t *count)
{
    assay_json_value element;
    *count = 0;
    if (value->type == ASSAY_JSON_STRING) {
        *count = 1;
        return ASSAY_OK;
    }
    if (value->type != ASSAY_JSON_ARRAY)
        return ASSAY_E_TYPE;
    size_t found = 0;
    for (size_t cursor = 0; assay_json_array_next(value, &cursor, &element); found++) {
        if (element.type != ASSAY_JSON_STRING)
            return ASSAY_E_TYPE;
    }
    *count = found;
    return ASSAY_OK;
}

int assay_claims_value_at(const assay_json_value *value, size_t index, assay_json_value *element)
{
    size_t count;
    int code = assay_claims_value_count(value, &count);
    if (code != ASSAY_OK)
        return code;
    if (index >= count)
        return ASSAY_E_ABSENT;
    if (value->type == ASSAY_JSON_STRING) {
        *element = *value;
        return ASSAY_OK;
    }
    size_t cursor = 0;
    for (size_t i = 0; i <= index; i++)
        (void)assay_json_array_next(value, &cursor, element);
    return ASSAY_OK;
}

bool assay_claims_value_contains(const assay_json_value *value, assay_span wanted)
{
    if (value->type != ASSAY_JSON_ARRAY)
        return assay_json_string_equal(value, wanted.ptr, wanted.len);
    assay_json_value element;
    for (size_t cursor = 0; assay_json_array_next(value, &cursor, &element);) {
        if (assay_json_string_equal(&element, wanted.ptr, wanted.len))
            return true;
    }
    return false;
}

/*
 * All claims, written anew through the second parser: should the two ever read one text differently, the claims can't be had, instead of
 * being read two ways.
 */
int assay_claims_write(const assay_claims *claims, const char **json, size_t *len)
{
    assay_claims *shared = (assay_claims *)(uintptr_t)claims;
    char *text = atomic_load_explicit(&shared->json, memory_order_acquire);
    if (text == NULL) {
        ASSAY_AUTO_JSON assay_json *document = NULL;
        int code = assay_json_parse(claims->payload.text, claims->payload.len, &document, NULL, 0);
        if (code != ASSAY_OK)
            return code == ASSAY_E_MEMORY ? code : ASSAY_E_INTERNAL;
        size_t written;
        char *made = assay_json_write(document, &written);
        if (made == NULL)
            return ASSAY_E_MEMORY;
        if (atomic_compare_exchange_strong_explicit(&shared->json, &text, made, memory_order_acq_rel,
                                                    memory_order_acquire))
            text = made;
        else
            assay_release_wiped(made, written);
    }
    *json = text;
    *len = strlen(text);
    return ASSAY_OK;
}
