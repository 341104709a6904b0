/* SPDX-License-Identifier: MIT */

/* Ways to a value: a top-level member, a JSON Pointer (RFC 6901), the elements of an array. */

#include "json/internal.h"

static const char *skip_string(const char *at, const char *end)
{
    at++;
    while (at < end && *at != '"')
        at = *at == '\\' ? at + 2 : at + 1;
    return at + 1;
}

static const char *skip_nested(const char *at, const char *end)
{
    size_t depth = 0;
    while (at < end) {
        if (*at == '"') {
            at = skip_string(at, end);
            continue;
        }
        if (*at == '{' || *at == '[')
            depth++;
        if ((*at == '}' || *at == ']') && --depth == 0)
            return at + 1;
        at++;
    }
    return end;
}

/* The value at @p at; the text is known to be well-formed, and goes on after the value. */
static assay_json_value value_at(const char *at, const char *end)
{
    assay_json_value value = {.ptr = at};
    switch (*at) {
    case '"':
        value.type = ASSAY_JSON_STRING;
        value.len = (size_t)(skip_string(at, end) - at);
        return value;
    case '{':
    case '[':
        value.type = *at == '{' ? ASSAY_JSON_OBJECT : ASSAY_JSON_ARRAY;
        value.len = (size_t)(skip_nested(at, end) - at);
        return value;
    case 't':
        value.type = ASSAY_JSON_TRUE;
        value.len = 4;
        return value;
    case 'f':
        value.type = ASSAY_JSON_FALSE;
        value.len = 5;
        return value;
    case 'n':
        value.type = ASSAY_JSON_NULL;
        value.len = 4;
        return value;
    default:
        break;
    }
    value.type = ASSAY_JSON_INTEGER;
    for (; at < end && *at != ',' && *at != ']' && *at != '}' && !assay_json_is_space(*at); at++)
        if (*at == '.' || *at == 'e' || *at == 'E')
            value.type = ASSAY_JSON_REAL;
    value.len = (size_t)(at - value.ptr);
    return value;
}

bool assay_json_array_next(const assay_json_value *array, size_t *cursor, assay_json_value *element)
{
    const char *end = array->ptr + array->len;
    const char *at = array->ptr + (*cursor == 0 ? 1 : *cursor);
    at = assay_json_skip_space(at, end);
    if (*cursor != 0 && at < end && *at == ',')
        at = assay_json_skip_space(at + 1, end);
    if (at >= end || *at == ']') {
        *element = (assay_json_value){.type = ASSAY_JSON_NULL};
        return false;
    }
    *element = value_at(at, end);
    *cursor = (size_t)(at - array->ptr) + element->len;
    return true;
}

assay_json_value assay_json_value_of(const assay_json_object *object, const assay_json_member *member)
{
    return (assay_json_value){
        .ptr = object->text + member->value, .len = member->value_len, .type = (assay_json_type)member->type};
}

const assay_json_member *assay_json_find_from(const assay_json_object *object, size_t index, const char *name,
                                              size_t name_len)
{
    for (size_t i = index; i < object->count; i++) {
        const assay_json_member *member = &object->members[i];
        assay_span raw = {object->text + member->name, member->name_len};
        if (member->object == 0 && (member->name_escaped ? assay_json_raw_is(raw, name, name_len)
                                                         : assay_span_equal(raw, (assay_span){name, name_len})))
            return member;
    }
    return NULL;
}

bool assay_json_pointer_is_valid(const char *pointer, size_t pointer_len)
{
    if (pointer_len == 0)
        return true;
    if (pointer[0] != '/')
        return false;
    for (size_t i = 0; i < pointer_len; i++)
        if (pointer[i] == '~' && (i + 1 == pointer_len || (pointer[i + 1] != '0' && pointer[i + 1] != '1')))
            return false;
    return true;
}

/* Compare a raw name with a reference token, decoding both (RFC 6901, section 4). */
static bool name_is_token(assay_span name, assay_span token)
{
    assay_json_cursor cursor = assay_json_cursor_of(name.ptr, name.len);
    char byte;
    for (size_t i = 0; i < token.len; i++) {
        char wanted = token.ptr[i];
        if (wanted == '~')
            wanted = token.ptr[++i] == '0' ? '~' : '/';
        if (!assay_json_cursor_next(&cursor, &byte) || byte != wanted)
            return false;
    }
    return !assay_json_cursor_next(&cursor, &byte);
}

/* The first member after an object's opening brace is its own, and says which number the object has. */
static bool point_member(const assay_json_object *object, assay_span token, assay_json_value *value)
{
    uint32_t start = (uint32_t)(value->ptr - object->text);
    uint32_t end = start + (uint32_t)value->len;
    size_t i = 0;
    while (i < object->count && object->members[i].name < start)
        i++;
    if (i == object->count)
        return false;
    uint32_t number = object->members[i].object;
    for (; i < object->count && object->members[i].name < end; i++) {
        const assay_json_member *member = &object->members[i];
        if (member->object == number &&
            name_is_token((assay_span){object->text + member->name, member->name_len}, token)) {
            *value = assay_json_value_of(object, member);
            return true;
        }
    }
    return false;
}

/* RFC 6901, section 4: an index is 0 or digits without a leading zero; "-" names what is not there. */
static bool point_element(assay_span token, assay_json_value *value)
{
    /* No array of a text that the scanner reads has more elements than ten digits can count. */
    if (token.len == 0 || token.len > 10 || (token.ptr[0] == '0' && token.len > 1))
        return false;
    uint64_t index = 0;
    for (size_t i = 0; i < token.len; i++) {
        if (!assay_json_is_digit(token.ptr[i]))
            return false;
        index = index * 10 + (uint64_t)(token.ptr[i] - '0');
    }
    assay_json_value array = *value;
    size_t cursor = 0;
    do {
        if (!assay_json_array_next(&array, &cursor, value))
            return false;
    } while (index-- > 0);
    return true;
}

static bool point_from(const assay_json_object *object, const char *pointer, size_t pointer_len,
                       assay_json_value *value)
{
    const char *at = pointer;
    const char *end = pointer + pointer_len;
    while (at < end) {
        const char *start = at + 1;
        const char *slash = start < end ? memchr(start, '/', (size_t)(end - start)) : NULL;
        at = slash == NULL ? end : slash;
        assay_span token = {start, (size_t)(at - start)};
        bool found = false;
        if (value->type == ASSAY_JSON_OBJECT)
            found = point_member(object, token, value);
        else if (value->type == ASSAY_JSON_ARRAY)
            found = point_element(token, value);
        if (!found)
            return false;
    }
    return true;
}

bool assay_json_point(const assay_json_object *object, const char *pointer, size_t pointer_len, assay_json_value *value)
{
    *value = (assay_json_value){.type = ASSAY_JSON_NULL};
    if (object->text == NULL || !assay_json_pointer_is_valid(pointer, pointer_len))
        return false;
    const char *end = object->text + object->len;
    assay_json_value here = value_at(assay_json_skip_space(object->text, end), end);
    if (!point_from(object, pointer, pointer_len, &here))
        return false;
    *value = here;
    return true;
}
