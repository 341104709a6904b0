/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_JSON_SCAN_H
#define ASSAY_JSON_SCAN_H

/*
 * The strict reader of the hot path: one pass over one JSON object (RFC 8259), no allocation. It records where the members
 * lie; a value is decoded only when somebody asks for it.
 *
 * It accepts exactly what jansson accepts with JSON_REJECT_DUPLICATES for a top-level object, within the limits of depth and members:
 * well-formed UTF-8, no NUL, no lone surrogate, whole numbers within 64 bits, reals within a double's range, no duplicate member
 * in any object however it is spelled, nothing but white space around the object.
 * One text less than jansson: its version 2.14 overlooks a NUL byte right after a number, true, false or null; it is refused here
 * (RFC 8259, section 2), and by assay_json_parse() too.
 */

#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum assay_json_type {
    ASSAY_JSON_NULL,
    ASSAY_JSON_FALSE,
    ASSAY_JSON_TRUE,
    ASSAY_JSON_INTEGER, /* no fraction, no exponent: fits int64_t */
    ASSAY_JSON_REAL,
    ASSAY_JSON_STRING,
    ASSAY_JSON_ARRAY,
    ASSAY_JSON_OBJECT
} assay_json_type;

/* One member of any object of the text. Offsets count from the start of the text. */
typedef struct assay_json_member {
    uint32_t name;      /* first byte after the opening quote */
    uint32_t name_len;  /* bytes between the quotes, escapes not decoded */
    uint32_t value;     /* first byte of the value, its quote or bracket included */
    uint32_t value_len; /* bytes of the value, both quotes or brackets included */
    uint32_t hash;      /* of the decoded name; differs from process to process */
    uint32_t object;    /* number of the object that holds the member, in the order of opening; 0: the top level */
    uint16_t parent;   /* index + 1 of the member whose value (at any array depth) holds the object; 0: the top level */
    uint8_t type;      /* assay_json_type of the value */
    bool name_escaped; /* the name holds a backslash */
    bool value_escaped; /* the value is a string that holds a backslash */
} assay_json_member;

/* A short way to the top-level members: each bucket holds index + 1 of the first whose name may fall into it; 0: none. */
#define ASSAY_JSON_BUCKETS 64u

typedef struct assay_json_object {
    const char *text;
    uint32_t len;
    const assay_json_member *members; /* in the order of the text: a member comes before those inside its value */
    size_t count;
    uint16_t first[ASSAY_JSON_BUCKETS];
} assay_json_object;

/* What is wrong with a text. */
typedef enum assay_json_status {
    ASSAY_JSON_OK = 0,
    ASSAY_JSON_SYNTAX,
    ASSAY_JSON_NOT_AN_OBJECT,
    ASSAY_JSON_TRAILING,
    ASSAY_JSON_UTF8,
    ASSAY_JSON_STRING_CONTENT, /* control character, NUL, lone surrogate, unknown escape */
    ASSAY_JSON_NUMBER_RANGE,
    ASSAY_JSON_DUPLICATE,
    ASSAY_JSON_TOO_DEEP,
    ASSAY_JSON_TOO_MANY
} assay_json_status;

/* A sentence for a status, such as "a member appears twice". Static. */
const char *assay_json_status_text(assay_json_status status);

/*
 * Read one object. @p members has room for @p capacity members (ASSAY_LIMIT_JSON_MEMBERS always suffices; with less,
 * a text with more members is ASSAY_JSON_TOO_MANY, as is one of 2^31 bytes or more). @p object borrows @p text and @p members;
 * unless the status is ASSAY_JSON_OK, it is empty.
 * Depth counts the top-level object as 1 and is bounded by ASSAY_LIMIT_JSON_DEPTH.
 */
assay_json_status assay_json_scan(const char *text, size_t len, assay_json_member *members, size_t capacity,
                                  assay_json_object *object);

/* The bucket of a decoded name. Names that share one, by chance or on purpose, only make a search as long as the list of members. */
static inline size_t assay_json_bucket(const char *name, size_t len)
{
    if (len == 0)
        return 0;
    return (len + 3u * (unsigned char)name[0] + 5u * (unsigned char)name[len - 1]) % ASSAY_JSON_BUCKETS;
}

/* The same as assay_json_find(), from the member of an index on. */
const assay_json_member *assay_json_find_from(const assay_json_object *object, size_t index, const char *name,
                                              size_t name_len);

/*
 * The top-level member of a name (decoded, byte by byte), or NULL. Inline, so that the bucket of a literal is a constant: most names that a token
 * is asked for are not there.
 */
static inline const assay_json_member *assay_json_find(const assay_json_object *object, const char *name,
                                                       size_t name_len)
{
    uint16_t first = object->first[assay_json_bucket(name, name_len)];
    return first == 0 ? NULL : assay_json_find_from(object, first - 1u, name, name_len);
}

/*
 * A value anywhere in the text: what a member holds, an element of an array, or the whole object.
 */
typedef struct assay_json_value {
    const char *ptr; /* raw text of the value */
    size_t len;
    assay_json_type type;
} assay_json_value;

assay_json_value assay_json_value_of(const assay_json_object *object, const assay_json_member *member);

/* Follow a JSON Pointer (RFC 6901) from the top. False: nothing there, or the pointer is malformed. */
bool assay_json_point(const assay_json_object *object, const char *pointer, size_t pointer_len,
                      assay_json_value *value);
/* Tell whether a text is a JSON Pointer: "" or "/…", with ~ only in ~0 and ~1. */
bool assay_json_pointer_is_valid(const char *pointer, size_t pointer_len);

/*
 * Walk an array: start with *cursor = 0; each call gives one more element, false at the end.
 * @p array must be a value of type ASSAY_JSON_ARRAY that this file produced, so no error is possible.
 */
bool assay_json_array_next(const assay_json_value *array, size_t *cursor, assay_json_value *element);

/* Bytes of a string value before its escapes are decoded, and whether it has any. */
assay_span assay_json_string_raw(const assay_json_value *value, bool *escaped);
/* Decode a string value into @p out, which holds value->len bytes; not terminated. Returns the number of bytes. */
size_t assay_json_string_decode(const assay_json_value *value, char *out);
/* Compare a string value with decoded bytes; any other type is unequal. Needs no memory. */
bool assay_json_string_equal(const assay_json_value *value, const char *text, size_t len);
/* Whether one of the words of a string value, which spaces separate, is this; any other type has none. Needs no memory. */
bool assay_json_string_has_word(const assay_json_value *value, const char *word, size_t len);

/* Read an ASSAY_JSON_INTEGER value. */
int64_t assay_json_integer(const assay_json_value *value);

/*
 * Read a number as NumericDate (RFC 7519, section 2): whole seconds (rounded down) and nanoseconds (fraction beyond them cut). False: not a
 * number, negative (-0 is 0), or whole seconds beyond ASSAY_LIMIT_LATEST_TIME; then both are 0. Exponents are understood ("1.7e9").
 */
bool assay_json_time(const assay_json_value *value, int64_t *seconds, int32_t *nanoseconds);

#endif
