/* SPDX-License-Identifier: MIT */

/* jansson's trees, built within our limits. The only file that includes it. */

#include "json/document.h"

#include "base/limits.h"
#include "json/lexer.h"

#include <assay/error.h>

#include <jansson.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

static int refuse(int code, const char *what, char *problem, size_t size)
{
    if (problem != NULL && size > 0)
        (void)snprintf(problem, size, "%s", what);
    return code;
}

/*
 * Builds a jansson tree from a text. Why not by json_loadb()? Where memory runs out while it reads a token, jansson 2.14
 * goes on without some of its bytes, and can take "https://example.com" for "https://exampl.com". It also overlooks NUL
 * bytes after numbers, and can't tell a bad text from a want of memory.
 */
typedef struct builder {
    assay_json_lexer lexer;
    char *scratch; /* room for any string of the text, decoded and terminated */
    size_t depth;
    size_t values;
    bool out_of_memory;
} builder;

/*
 * Overwrite all strings of a tree that nobody shares: keys, nonces and what tokens say of persons. jansson gives its strings as const, but
 * they are memory of the heap that is only held by the tree.
 */
static void wipe_strings(const json_t *tree)
{
    if (json_is_string(tree))
        assay_wipe((char *)(uintptr_t)json_string_value(tree), json_string_length(tree));
    for (size_t i = 0; i < json_array_size(tree); i++)
        wipe_strings(json_array_get(tree, i));
    json_t *object = (json_t *)(uintptr_t)tree;
    for (void *at = json_object_iter(object); at != NULL; at = json_object_iter_next(object, at))
        wipe_strings(json_object_iter_value(at));
}

static void free_tree(json_t **tree)
{
    if (*tree != NULL)
        wipe_strings(*tree);
    json_decref(*tree);
}
#define AUTO_TREE ASSAY_CLEANUP(free_tree)

static json_t *fail(builder *b, assay_json_status status)
{
    b->lexer.status = status;
    return NULL;
}

/* Pass on what jansson made, and notice where it could not. */
static json_t *made(builder *b, json_t *tree)
{
    if (tree == NULL)
        b->out_of_memory = true;
    return tree;
}

/* Read a string; @p raw is what stands between its quotes. */
static bool read_raw(builder *b, assay_span *raw)
{
    bool escaped;
    if (!assay_json_at(&b->lexer, '"'))
        return assay_json_refuse(&b->lexer, ASSAY_JSON_SYNTAX);
    raw->ptr = ++b->lexer.at;
    if (!assay_json_lex_string(&b->lexer, &escaped))
        return false;
    raw->len = (size_t)(b->lexer.at - 1 - raw->ptr);
    return true;
}

static size_t decode(builder *b, assay_span raw)
{
    assay_json_value value = {raw.ptr - 1, raw.len + 2, ASSAY_JSON_STRING};
    size_t len = assay_json_string_decode(&value, b->scratch);
    b->scratch[len] = '\0';
    return len;
}

static json_t *build_string(builder *b)
{
    assay_span raw;
    if (!read_raw(b, &raw))
        return NULL;
    size_t len = decode(b, raw);
    return made(b, json_stringn_nocheck(b->scratch, len));
}

static json_t *build_real(builder *b, assay_span text)
{
    memcpy(b->scratch, text.ptr, text.len);
    b->scratch[text.len] = '\0';
    /* The decimal point of JSON, whatever the process has set. */
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (plain == (locale_t)0)
        return made(b, NULL);
    double number = strtod_l(b->scratch, NULL, plain);
    freelocale(plain);
    return made(b, json_real(number));
}

static json_t *build_number(builder *b)
{
    uint8_t type;
    const char *start = b->lexer.at;
    if (!assay_json_lex_number(&b->lexer, &type))
        return NULL;
    assay_json_value value = {start, (size_t)(b->lexer.at - start), (assay_json_type)type};
    if (type == ASSAY_JSON_INTEGER)
        return made(b, json_integer(assay_json_integer(&value)));
    return build_real(b, (assay_span){value.ptr, value.len});
}

static json_t *build_value(builder *b);

/* Between two members or elements, or at the end: true where another one is due. *done tells the end. */
static bool next_item(builder *b, char closing, bool first, bool *done)
{
    assay_json_lex_space(&b->lexer);
    *done = assay_json_at(&b->lexer, closing);
    if (*done) {
        b->lexer.at++;
        return false;
    }
    if (first)
        return true;
    if (!assay_json_at(&b->lexer, ','))
        return assay_json_refuse(&b->lexer, ASSAY_JSON_SYNTAX);
    b->lexer.at++;
    assay_json_lex_space(&b->lexer);
    return true;
}

static bool build_member(builder *b, json_t *object)
{
    assay_span name;
    if (!read_raw(b, &name))
        return false;
    assay_json_lex_space(&b->lexer);
    if (!assay_json_at(&b->lexer, ':'))
        return assay_json_refuse(&b->lexer, ASSAY_JSON_SYNTAX);
    b->lexer.at++;
    AUTO_TREE json_t *value = build_value(b);
    if (value == NULL)
        return false;
    /* Only now: the value used the scratch room. No name holds a NUL. */
    (void)decode(b, name);
    if (json_object_get(object, b->scratch) != NULL) {
        b->lexer.at = name.ptr;
        return assay_json_refuse(&b->lexer, ASSAY_JSON_DUPLICATE);
    }
    /* Not by json_object_set_new(), which would release the value unwiped where it fails. */
    b->out_of_memory = json_object_set_nocheck(object, b->scratch, value) != 0;
    if (!b->out_of_memory)
        json_decref(ASSAY_STEAL(value));
    return !b->out_of_memory;
}

static bool build_element(builder *b, json_t *array)
{
    AUTO_TREE json_t *value = build_value(b);
    if (value == NULL)
        return false;
    b->out_of_memory = json_array_append(array, value) != 0;
    if (!b->out_of_memory)
        json_decref(ASSAY_STEAL(value));
    return !b->out_of_memory;
}

static json_t *build_nested(builder *b)
{
    bool is_object = *b->lexer.at == '{';
    if (b->depth == ASSAY_LIMIT_DOCUMENT_DEPTH)
        return fail(b, ASSAY_JSON_TOO_DEEP);
    AUTO_TREE json_t *tree = made(b, is_object ? json_object() : json_array());
    if (tree == NULL)
        return NULL;
    b->depth++;
    b->lexer.at++;
    bool done = false;
    for (bool first = true; next_item(b, is_object ? '}' : ']', first, &done); first = false)
        if (!(is_object ? build_member(b, tree) : build_element(b, tree)))
            return NULL;
    b->depth--;
    return done ? ASSAY_STEAL(tree) : NULL;
}

static json_t *build_value(builder *b)
{
    assay_json_lex_space(&b->lexer);
    if (b->lexer.at == b->lexer.end)
        return fail(b, ASSAY_JSON_SYNTAX);
    if (b->values++ == ASSAY_LIMIT_DOCUMENT_VALUES)
        return fail(b, ASSAY_JSON_TOO_MANY);
    switch (*b->lexer.at) {
    case '{':
    case '[':
        return build_nested(b);
    case '"':
        return build_string(b);
    case 't':
        return assay_json_lex_literal(&b->lexer, "true", 4) ? json_true() : NULL;
    case 'f':
        return assay_json_lex_literal(&b->lexer, "false", 5) ? json_false() : NULL;
    case 'n':
        return assay_json_lex_literal(&b->lexer, "null", 4) ? json_null() : NULL;
    default:
        return build_number(b);
    }
}

static json_t *build_text(builder *b)
{
    AUTO_TREE json_t *tree = build_value(b);
    if (tree == NULL)
        return NULL;
    assay_json_lex_space(&b->lexer);
    return b->lexer.at == b->lexer.end ? ASSAY_STEAL(tree) : fail(b, ASSAY_JSON_TRAILING);
}

/* Where and why a text is refused; nothing of it is quoted. */
static int explain(const builder *b, const char *text, char *problem, size_t size)
{
    if (problem == NULL || size == 0)
        return ASSAY_E_RESPONSE;
    size_t line = 1;
    size_t column = 1;
    for (const char *at = text; at < b->lexer.at; at++) {
        column = *at == '\n' ? 1 : column + 1;
        line += *at == '\n';
    }
    const char *what = b->lexer.at == b->lexer.end ? "the text ends early" : assay_json_status_text(b->lexer.status);
    (void)snprintf(problem, size, "line %zu, column %zu: %s", line, column, what);
    return ASSAY_E_RESPONSE;
}

int assay_json_parse(const char *text, size_t len, assay_json **document, char *problem, size_t size)
{
    *document = NULL;
    if (problem != NULL && size > 0)
        problem[0] = '\0';
    if (len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
        text += 3;
        len -= 3;
    }
    if (len == 0)
        return refuse(ASSAY_E_RESPONSE, "empty", problem, size);
    char *scratch = len < SIZE_MAX ? assay_alloc(len + 1) : NULL;
    if (scratch == NULL)
        return refuse(ASSAY_E_MEMORY, "out of memory", problem, size);
    builder b = {.lexer = {.at = text, .end = text + len}, .scratch = scratch};
    *document = build_text(&b);
    assay_release_wiped(scratch, len + 1);
    if (*document != NULL)
        return ASSAY_OK;
    if (b.out_of_memory)
        return refuse(ASSAY_E_MEMORY, "out of memory", problem, size);
    return explain(&b, text, problem, size);
}

void assay_json_free(assay_json *document)
{
    free_tree(&document);
}

bool assay_json_is_object(const assay_json *value)
{
    return json_is_object(value);
}

bool assay_json_is_array(const assay_json *value)
{
    return json_is_array(value);
}

bool assay_json_is_string(const assay_json *value)
{
    return json_is_string(value);
}

bool assay_json_is_null(const assay_json *value)
{
    return json_is_null(value);
}

const assay_json *assay_json_get(const assay_json *object, const char *name)
{
    return json_object_get(object, name);
}

bool assay_json_get_string(const assay_json *value, assay_span *text)
{
    *text = (assay_span){NULL, 0};
    if (!json_is_string(value))
        return false;
    *text = (assay_span){json_string_value(value), json_string_length(value)};
    return true;
}

bool assay_json_get_member_string(const assay_json *object, const char *name, assay_span *text)
{
    return assay_json_get_string(assay_json_get(object, name), text);
}

bool assay_json_get_integer(const assay_json *value, int64_t *number)
{
    *number = 0;
    if (!json_is_integer(value))
        return false;
    *number = json_integer_value(value);
    return true;
}

bool assay_json_get_whole(const assay_json *value, int64_t *number)
{
    const double limit = 9223372036854775808.0; /* 2^63 */
    *number = 0;
    if (!json_is_real(value))
        return assay_json_get_integer(value, number);
    double real = json_real_value(value);
    *number = real >= limit ? INT64_MAX : real < -limit ? INT64_MIN : (int64_t)real;
    return true;
}

bool assay_json_get_boolean(const assay_json *value, bool *truth)
{
    *truth = json_is_true(value);
    return json_is_boolean(value);
}

size_t assay_json_array_len(const assay_json *array)
{
    return json_array_size(array);
}

const assay_json *assay_json_array_at(const assay_json *array, size_t index)
{
    return json_array_get(array, index);
}

const char *assay_json_object_next(const assay_json *object, void **iterator, const assay_json **value)
{
    /* jansson takes the object without const, but only reads it here. */
    json_t *walked = (json_t *)(uintptr_t)object;
    *iterator = *iterator == NULL ? json_object_iter(walked) : json_object_iter_next(walked, *iterator);
    *value = json_object_iter_value(*iterator);
    return json_object_iter_key(*iterator);
}

char *assay_json_write(const assay_json *value, size_t *len)
{
    /* Into memory of ours: what json_dumps() gives belongs to an allocator that the host may have replaced. */
    const size_t flags = JSON_COMPACT | JSON_ENCODE_ANY;
    *len = 0;
    size_t size = json_dumpb(value, NULL, 0, flags);
    if (size == 0)
        return NULL;
    char *text = assay_alloc(size + 1);
    if (text == NULL)
        return NULL;
    if (json_dumpb(value, text, size, flags) != size) {
        assay_release_wiped(text, size + 1);
        return NULL;
    }
    text[size] = '\0';
    *len = size;
    return text;
}

const char *assay_json_version(void)
{
    return jansson_version_str();
}
