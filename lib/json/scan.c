/* SPDX-License-Identifier: MIT */

/* The pass over the text: one loop with a stack of its own, so that nesting costs no C stack. */

#include "json/scan.h"

#include "base/limits.h"
#include "json/lexer.h"
#include "json/names.h"

#include <assert.h>

/* An object or array that is open. */
typedef struct level {
    uint32_t object; /* its number, where it is an object */
    uint16_t owner;  /* index + 1 of the member whose value it is; 0: the top level or an element */
    uint16_t around; /* index + 1 of the member that it lies in at any array depth; 0: none */
    bool is_object;
} level;

typedef struct reader {
    const char *text;
    assay_json_lexer lexer;
    assay_json_member *members;
    size_t count;
    size_t capacity;
    size_t depth;
    uint32_t objects; /* opened so far */
    level levels[ASSAY_LIMIT_JSON_DEPTH];
    assay_json_names names;
} reader;

/* Where a value came from and what it is, until it is complete. */
typedef struct value {
    uint16_t owner; /* as in level */
    uint8_t type;
    bool escaped;
    const char *start;
} value;

const char *assay_json_status_text(assay_json_status status)
{
    switch (status) {
    case ASSAY_JSON_OK:
        return "well-formed";
    case ASSAY_JSON_SYNTAX:
        return "not well-formed JSON";
    case ASSAY_JSON_NOT_AN_OBJECT:
        return "not a JSON object";
    case ASSAY_JSON_TRAILING:
        return "something follows the JSON text";
    case ASSAY_JSON_UTF8:
        return "not well-formed UTF-8";
    case ASSAY_JSON_STRING_CONTENT:
        return "a string holds a control character, a lone surrogate or an unknown escape";
    case ASSAY_JSON_NUMBER_RANGE:
        return "a number is out of range";
    case ASSAY_JSON_DUPLICATE:
        return "a member appears twice";
    case ASSAY_JSON_TOO_DEEP:
        return "objects and arrays are nested too deeply";
    case ASSAY_JSON_TOO_MANY:
        return "too large or too many members";
    }
    return "unknown";
}

/* Read `"name" :` and start the member. */
static bool read_name(reader *r, value *next)
{
    if (!assay_json_at(&r->lexer, '"'))
        return assay_json_refuse(&r->lexer, ASSAY_JSON_SYNTAX);
    if (r->count == r->capacity)
        return assay_json_refuse(&r->lexer, ASSAY_JSON_TOO_MANY);
    const char *name = ++r->lexer.at;
    bool escaped;
    if (!assay_json_lex_string(&r->lexer, &escaped))
        return false;
    size_t len = (size_t)(r->lexer.at - 1 - name);
    const level *inside = &r->levels[r->depth - 1];
    r->members[r->count] = (assay_json_member){
        .name = (uint32_t)(name - r->text),
        .name_len = (uint32_t)len,
        .hash =
            escaped ? assay_json_hash_escaped(name, len) : assay_json_hash(name, len, (size_t)(r->lexer.end - name)),
        .object = inside->object,
        .parent = inside->around,
        .name_escaped = escaped,
    };
    if (!assay_json_names_add(&r->names, r->text, r->members, r->count))
        return assay_json_refuse(&r->lexer, ASSAY_JSON_DUPLICATE);
    next->owner = (uint16_t)++r->count;
    assay_json_lex_space(&r->lexer);
    if (!assay_json_at(&r->lexer, ':'))
        return assay_json_refuse(&r->lexer, ASSAY_JSON_SYNTAX);
    r->lexer.at++;
    return true;
}

/* Enter the object or array that starts here. */
static bool open_level(reader *r, const value *opened, bool is_object)
{
    if (r->depth == ASSAY_LIMIT_JSON_DEPTH)
        return assay_json_refuse(&r->lexer, ASSAY_JSON_TOO_DEEP);
    level *inside = &r->levels[r->depth];
    inside->owner = opened->owner;
    inside->around = opened->owner != 0 || r->depth == 0 ? opened->owner : r->levels[r->depth - 1].around;
    inside->is_object = is_object;
    inside->object = is_object ? r->objects++ : 0;
    r->depth++;
    r->lexer.at++;
    return true;
}

/* A value ends here: tell its member. */
static inline void finish(reader *r, const value *done)
{
    if (done->owner == 0)
        return;
    assay_json_member *member = &r->members[done->owner - 1];
    member->value = (uint32_t)(done->start - r->text);
    member->value_len = (uint32_t)(r->lexer.at - done->start);
    member->type = done->type;
    member->value_escaped = done->escaped;
}

static inline bool read_scalar(reader *r, value *scalar)
{
    scalar->start = r->lexer.at;
    scalar->escaped = false;
    bool read;
    switch (*r->lexer.at) {
    case '"':
        r->lexer.at++;
        scalar->type = ASSAY_JSON_STRING;
        read = assay_json_lex_string(&r->lexer, &scalar->escaped);
        break;
    case 't':
        scalar->type = ASSAY_JSON_TRUE;
        read = assay_json_lex_literal(&r->lexer, "true", 4);
        break;
    case 'f':
        scalar->type = ASSAY_JSON_FALSE;
        read = assay_json_lex_literal(&r->lexer, "false", 5);
        break;
    case 'n':
        scalar->type = ASSAY_JSON_NULL;
        read = assay_json_lex_literal(&r->lexer, "null", 4);
        break;
    default:
        read = assay_json_lex_number(&r->lexer, &scalar->type);
        break;
    }
    if (read)
        finish(r, scalar);
    return read;
}

/*
 * Stand before a value: read it whole if it is a scalar, otherwise enter it. *entered tells that the next thing is what
 * follows an opening bracket.
 */
static inline bool read_value(reader *r, value *next, bool *entered)
{
    assay_json_lex_space(&r->lexer);
    if (r->lexer.at == r->lexer.end)
        return assay_json_refuse(&r->lexer, ASSAY_JSON_SYNTAX);
    *entered = *r->lexer.at == '{' || *r->lexer.at == '[';
    if (!*entered)
        return read_scalar(r, next);
    if (next->owner != 0) {
        assay_json_member *member = &r->members[next->owner - 1];
        member->value = (uint32_t)(r->lexer.at - r->text);
        member->type = *r->lexer.at == '{' ? ASSAY_JSON_OBJECT : ASSAY_JSON_ARRAY;
    }
    return open_level(r, next, *r->lexer.at == '{');
}

/* Leave the innermost level; its bracket lies here. */
static void close_level(reader *r)
{
    r->lexer.at++;
    const level *closed = &r->levels[--r->depth];
    if (closed->owner == 0)
        return;
    assay_json_member *member = &r->members[closed->owner - 1];
    member->value_len = (uint32_t)(r->lexer.at - r->text) - member->value;
}

/*
 * After an opening bracket (@p first) or a value: close what ends, until another value is due or the text's object is
 * closed. What is due is the member's value, its name read, or an element.
 */
static inline bool read_between(reader *r, value *next, bool first)
{
    while (r->depth > 0) {
        bool is_object = r->levels[r->depth - 1].is_object;
        assay_json_lex_space(&r->lexer);
        if (assay_json_at(&r->lexer, is_object ? '}' : ']')) {
            close_level(r);
            first = false;
            continue;
        }
        if (!first) {
            if (!assay_json_at(&r->lexer, ','))
                return assay_json_refuse(&r->lexer, ASSAY_JSON_SYNTAX);
            r->lexer.at++;
            assay_json_lex_space(&r->lexer);
        }
        next->owner = 0;
        return !is_object || read_name(r, next);
    }
    return true;
}

static bool read_object(reader *r)
{
    value next = {0};
    bool entered = false;
    do {
        if (!read_value(r, &next, &entered) || !read_between(r, &next, entered))
            return false;
    } while (r->depth > 0);
    assay_json_lex_space(&r->lexer);
    return r->lexer.at == r->lexer.end || assay_json_refuse(&r->lexer, ASSAY_JSON_TRAILING);
}

/* Backwards, so that the first member of a bucket is what stays in it. */
static void fill_buckets(assay_json_object *object)
{
    uint16_t escaped = 0;
    for (size_t i = object->count; i-- > 0;) {
        const assay_json_member *member = &object->members[i];
        if (member->object != 0)
            continue;
        if (member->name_escaped)
            escaped = (uint16_t)(i + 1);
        else
            object->first[assay_json_bucket(object->text + member->name, member->name_len)] = (uint16_t)(i + 1);
    }
    /* A name with escapes may belong to any bucket. */
    for (size_t i = 0; escaped != 0 && i < ASSAY_JSON_BUCKETS; i++) {
        if (object->first[i] == 0 || object->first[i] > escaped)
            object->first[i] = escaped;
    }
}

assay_json_status assay_json_scan(const char *text, size_t len, assay_json_member *members, size_t capacity,
                                  assay_json_object *object)
{
    *object = (assay_json_object){0};
    /* Offsets have 32 bits, members are numbered in 16. */
    if (len > INT32_MAX)
        return ASSAY_JSON_TOO_MANY;
    if (len == 0)
        return ASSAY_JSON_NOT_AN_OBJECT;
    /* Not zeroed as a whole: most of the table is never touched. */
    reader r;
    r.text = text;
    r.lexer.at = text;
    r.lexer.end = text + len;
    r.members = members;
    r.count = 0;
    r.capacity = capacity < ASSAY_LIMIT_JSON_MEMBERS ? capacity : ASSAY_LIMIT_JSON_MEMBERS;
    r.depth = 0;
    r.objects = 0;
    r.lexer.status = ASSAY_JSON_OK;
    assay_json_names_start(&r.names);
    assay_json_lex_space(&r.lexer);
    if (!assay_json_at(&r.lexer, '{'))
        return ASSAY_JSON_NOT_AN_OBJECT;
    if (!read_object(&r)) {
        assert(r.lexer.status != ASSAY_JSON_OK);
        return r.lexer.status;
    }
    object->text = text;
    object->len = (uint32_t)len;
    object->members = members;
    object->count = r.count;
    fill_buckets(object);
    return ASSAY_JSON_OK;
}
