/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_JSON_DOCUMENT_H
#define ASSAY_JSON_DOCUMENT_H

/*
 * Everything that is JSON and not on the hot path: metadata, key sets, configuration. The only code that knows jansson.
 * A document is read-only once parsed; several threads may read it.
 */

#include "base/memory.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A value inside a document; borrowed from it. (jansson's json_t.) */
typedef struct json_t assay_json;

/*
 * Parse one JSON text of any top-level type: duplicates refused, no NUL in strings, at most ASSAY_LIMIT_DOCUMENT_DEPTH levels and
 * ASSAY_LIMIT_DOCUMENT_VALUES values, nothing after it. One UTF-8 byte order mark at the start is skipped (some providers serve one).
 * Strings and numbers as in json/scan.h.
 * ASSAY_OK; ASSAY_E_RESPONSE where it is not such a text, with @p problem (static text or formatted into the caller's buffer of @p size,
 * may be NULL) saying what and where,
 * in words that quote nothing of the text; ASSAY_E_MEMORY.
 */
int assay_json_parse(const char *text, size_t len, assay_json **document, char *problem, size_t size);
/* Overwrites all texts of the document first, since any may be a secret; so does assay_json_parse() with what it used. NULL is allowed. */
void assay_json_free(assay_json *document);
ASSAY_DEFINE_CLEANUP(assay_json, assay_json_free)
#define ASSAY_AUTO_JSON ASSAY_CLEANUP(assay_json_free_p)

bool assay_json_is_object(const assay_json *value);
bool assay_json_is_array(const assay_json *value);
bool assay_json_is_string(const assay_json *value);
bool assay_json_is_null(const assay_json *value);
/* Member of an object; NULL where there is none or the value is no object. */
const assay_json *assay_json_get(const assay_json *object, const char *name);
/* Text of a string value (UTF-8, terminated, without NUL inside); false for any other type. */
bool assay_json_get_string(const assay_json *value, assay_span *text);
/* The same of a member: false where it is absent or no string. */
bool assay_json_get_member_string(const assay_json *object, const char *name, assay_span *text);
bool assay_json_get_integer(const assay_json *value, int64_t *number);
/* The same of any number: a fraction is cut, what is beyond 64 bits is the largest or smallest of them. */
bool assay_json_get_whole(const assay_json *value, int64_t *number);
bool assay_json_get_boolean(const assay_json *value, bool *truth);
size_t assay_json_array_len(const assay_json *array);
const assay_json *assay_json_array_at(const assay_json *array, size_t index);
/* Walk the members in the order of the text: *iterator starts NULL; NULL name at the end. */
const char *assay_json_object_next(const assay_json *object, void **iterator, const assay_json **value);

/* Write a value as compact JSON text, terminated; release with assay_release_wiped(). NULL: out of memory. */
char *assay_json_write(const assay_json *value, size_t *len);

/* jansson's version text, static. */
const char *assay_json_version(void);

#endif
