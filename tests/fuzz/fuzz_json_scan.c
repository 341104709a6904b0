/* SPDX-License-Identifier: MIT */

/*
 * Holds the scanner and jansson together: the same verdict on every input and, where both accept, the same names and values.
 * The one difference that is wanted: a NUL byte, which jansson 2.14 overlooks after a number or literal.
 */

#include "base/limits.h"
#include "json/document.h"
#include "json/scan.h"

#include <assay/error.h>

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition) ((condition) ? (void)0 : die(#condition, __LINE__))

static void die(const char *condition, int line)
{
    fprintf(stderr, "fuzz_json_scan.c:%d: %s\n", line, condition);
    abort();
}

/* What jansson read, measured against our limits. */
typedef struct extent {
    size_t depth;
    size_t members;
    size_t values;
} extent;

static void measure(const json_t *value, size_t depth, extent *sum)
{
    sum->values++;
    if (!json_is_object(value) && !json_is_array(value))
        return;
    if (depth > sum->depth)
        sum->depth = depth;
    sum->members += json_object_size(value);
    for (size_t i = 0; i < json_array_size(value); i++)
        measure(json_array_get(value, i), depth + 1, sum);
    json_t *object = (json_t *)(uintptr_t)value;
    for (void *at = json_object_iter(object); at != NULL; at = json_object_iter_next(object, at))
        measure(json_object_iter_value(at), depth + 1, sum);
}

static void compare(const assay_json_object *object, const assay_json_value *value, const json_t *tree);

static void compare_string(const assay_json_value *value, const json_t *tree)
{
    const char *text = json_string_value(tree);
    size_t len = json_string_length(tree);
    char *decoded = malloc(value->len);
    CHECK(decoded != NULL);
    CHECK(assay_json_string_decode(value, decoded) == len);
    CHECK(memcmp(decoded, text, len) == 0);
    CHECK(assay_json_string_equal(value, text, len));
    CHECK(len == 0 || !assay_json_string_equal(value, text, len - 1));
    CHECK(!assay_json_string_equal(value, text, len + 1)); /* with jansson's terminator, which no string holds */
    if (len > 0) {
        decoded[len / 2] = (char)(decoded[len / 2] ^ 1);
        CHECK(!assay_json_string_equal(value, decoded, len));
    }
    bool escaped = false;
    assay_span raw = assay_json_string_raw(value, &escaped);
    CHECK(raw.len == value->len - 2);
    CHECK(escaped == (memchr(raw.ptr, '\\', raw.len) != NULL));
    CHECK(escaped || (raw.len == len && memcmp(raw.ptr, text, len) == 0));
    free(decoded);
}

/* The double that jansson rounded to can tell the time only about; exact cases stand in the unit tests. */
static void compare_time(const assay_json_value *value, double number)
{
    int64_t seconds = -1;
    int32_t nanoseconds = -1;
    double limit = (double)ASSAY_LIMIT_LATEST_TIME + 1;
    if (!assay_json_time(value, &seconds, &nanoseconds)) {
        CHECK(seconds == 0 && nanoseconds == 0);
        CHECK(number <= 0 || number >= limit - 0.001);
        return;
    }
    CHECK(number >= 0 && number <= limit);
    CHECK(seconds >= 0 && seconds <= ASSAY_LIMIT_LATEST_TIME && nanoseconds >= 0 && nanoseconds < 1000000000);
    double read = (double)seconds + (double)nanoseconds * 1e-9;
    CHECK(fabs(read - number) <= number * 1e-15 + 2e-9);
}

static void compare_array(const assay_json_object *object, const assay_json_value *value, const json_t *tree)
{
    size_t cursor = 0;
    size_t count = 0;
    assay_json_value element;
    while (assay_json_array_next(value, &cursor, &element)) {
        CHECK(count < json_array_size(tree));
        compare(object, &element, json_array_get(tree, count++));
    }
    CHECK(count == json_array_size(tree));
}

static void compare_members(const assay_json_object *object, const assay_json_value *value, const json_t *tree)
{
    uint32_t start = (uint32_t)(value->ptr - object->text);
    size_t i = 0;
    while (i < object->count && object->members[i].name < start)
        i++;
    size_t count = 0;
    uint32_t number = i < object->count ? object->members[i].object : 0;
    uint16_t parent = i < object->count ? object->members[i].parent : 0;
    for (; i < object->count && object->members[i].name < start + value->len; i++) {
        const assay_json_member *member = &object->members[i];
        if (member->object != number)
            continue;
        CHECK(member->parent == parent && parent <= i);
        assay_json_value name = {object->text + member->name - 1, member->name_len + 2, ASSAY_JSON_STRING};
        char *decoded = malloc(name.len + 1);
        CHECK(decoded != NULL);
        decoded[assay_json_string_decode(&name, decoded)] = '\0';
        const json_t *expected = json_object_get(tree, decoded);
        CHECK(expected != NULL);
        json_t *name_tree = json_string(decoded);
        CHECK(name_tree != NULL);
        compare_string(&name, name_tree);
        json_decref(name_tree);
        assay_json_value inner = assay_json_value_of(object, member);
        CHECK(member->name_escaped == (memchr(name.ptr, '\\', name.len) != NULL));
        CHECK(member->value_escaped == (inner.type == ASSAY_JSON_STRING && memchr(inner.ptr, '\\', inner.len) != NULL));
        compare(object, &inner, expected);
        free(decoded);
        count++;
    }
    CHECK(count == json_object_size(tree));
}

static void compare(const assay_json_object *object, const assay_json_value *value, const json_t *tree)
{
    static const assay_json_type types[] = {
        [JSON_OBJECT] = ASSAY_JSON_OBJECT,   [JSON_ARRAY] = ASSAY_JSON_ARRAY, [JSON_STRING] = ASSAY_JSON_STRING,
        [JSON_INTEGER] = ASSAY_JSON_INTEGER, [JSON_REAL] = ASSAY_JSON_REAL,   [JSON_TRUE] = ASSAY_JSON_TRUE,
        [JSON_FALSE] = ASSAY_JSON_FALSE,     [JSON_NULL] = ASSAY_JSON_NULL};
    CHECK(value->type == types[json_typeof(tree)]);
    if (json_is_string(tree))
        compare_string(value, tree);
    if (json_is_integer(tree))
        CHECK(assay_json_integer(value) == json_integer_value(tree));
    if (json_is_number(tree))
        compare_time(value, json_number_value(tree));
    if (json_is_array(tree))
        compare_array(object, value, tree);
    if (json_is_object(tree))
        compare_members(object, value, tree);
}

/* A buffer for pointers; those that do not fit are not tried. */
typedef struct path {
    char text[4096];
    size_t len;
} path;

static bool path_add(path *p, const char *token)
{
    if (p->len + 2 * strlen(token) + 1 > sizeof p->text)
        return false;
    p->text[p->len++] = '/';
    for (; *token != '\0'; token++) {
        if (*token == '~' || *token == '/')
            p->text[p->len++] = '~';
        p->text[p->len++] = *token == '~' ? '0' : *token == '/' ? '1' : *token;
    }
    return true;
}

/* Follow a pointer to each value, as long as the budget lasts. */
static void follow(const assay_json_object *object, const json_t *tree, path *p, size_t *budget)
{
    if ((*budget)-- == 0) {
        *budget = 0;
        return;
    }
    assay_json_value value;
    CHECK(assay_json_pointer_is_valid(p->text, p->len));
    CHECK(assay_json_point(object, p->text, p->len, &value));
    /* Scalars only: what holds others is compared through them. */
    if (!json_is_object(tree) && !json_is_array(tree))
        compare(object, &value, tree);
    size_t len = p->len;
    for (size_t i = 0; i < json_array_size(tree) && *budget > 0; i++) {
        char index[24];
        (void)snprintf(index, sizeof index, "%zu", i);
        if (path_add(p, index))
            follow(object, json_array_get(tree, i), p, budget);
        p->len = len;
    }
    json_t *walked = (json_t *)(uintptr_t)tree;
    for (void *at = json_object_iter(walked); at != NULL && *budget > 0; at = json_object_iter_next(walked, at)) {
        if (path_add(p, json_object_iter_key(at)))
            follow(object, json_object_iter_value(at), p, budget);
        p->len = len;
    }
}

static void find_all(const assay_json_object *object, const json_t *tree)
{
    json_t *walked = (json_t *)(uintptr_t)tree;
    for (void *at = json_object_iter(walked); at != NULL; at = json_object_iter_next(walked, at)) {
        const char *name = json_object_iter_key(at);
        const assay_json_member *member = assay_json_find(object, name, strlen(name));
        CHECK(member != NULL && member->object == 0 && member->parent == 0);
    }
    CHECK(assay_json_find(object, "\xff", 1) == NULL);
}

static void check_scan(const char *text, size_t len, const json_t *tree, const extent *sum)
{
    static assay_json_member members[ASSAY_LIMIT_JSON_MEMBERS];
    assay_json_object object;
    assay_json_status status = assay_json_scan(text, len, members, ASSAY_LIMIT_JSON_MEMBERS, &object);
    if (status != ASSAY_JSON_OK)
        CHECK(object.text == NULL && object.count == 0);
    if (tree == NULL || !json_is_object(tree)) {
        CHECK(status != ASSAY_JSON_OK);
        return;
    }
    if (sum->depth > ASSAY_LIMIT_JSON_DEPTH || sum->members > ASSAY_LIMIT_JSON_MEMBERS) {
        CHECK(status == ASSAY_JSON_TOO_DEEP || status == ASSAY_JSON_TOO_MANY);
        return;
    }
    CHECK(status == ASSAY_JSON_OK);
    CHECK(object.text == text && object.len == len && object.count == sum->members);
    assay_json_value top;
    CHECK(assay_json_point(&object, "", 0, &top));
    compare(&object, &top, tree);
    find_all(&object, tree);
    path p = {.len = 0};
    size_t budget = 200;
    follow(&object, tree, &p, &budget);
    if (object.count > 0) {
        assay_json_object none;
        CHECK(assay_json_scan(text, len, members, object.count - 1, &none) == ASSAY_JSON_TOO_MANY);
    }
}

static void check_document(const char *text, size_t len, const json_t *tree, const extent *sum)
{
    ASSAY_AUTO_JSON assay_json *document = NULL;
    char problem[128];
    int code = assay_json_parse(text, len, &document, problem, sizeof problem);
    CHECK(code == ASSAY_OK || code == ASSAY_E_RESPONSE);
    CHECK((code == ASSAY_OK) == (document != NULL) && (code == ASSAY_OK) == (problem[0] == '\0'));
    bool bom = len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0;
    if (bom)
        return;
    bool wanted =
        tree != NULL && sum->depth <= ASSAY_LIMIT_DOCUMENT_DEPTH && sum->values <= ASSAY_LIMIT_DOCUMENT_VALUES;
    CHECK(wanted == (code == ASSAY_OK));
    CHECK(document == NULL || json_equal(document, tree));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* A copy of its own size, so that a sanitizer sees a read past the end. */
    char *text = malloc(size == 0 ? 1 : size);
    CHECK(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    json_error_t error;
    json_t *tree = NULL;
    if (memchr(text, '\0', size) == NULL)
        tree = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    extent sum = {0};
    if (tree != NULL)
        measure(tree, 1, &sum);
    check_scan(text, size, tree, &sum);
    check_document(text, size, tree, &sum);
    json_decref(tree);
    free(text);
    return 0;
}
