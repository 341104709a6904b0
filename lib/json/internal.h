/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_JSON_INTERNAL_H
#define ASSAY_JSON_INTERNAL_H

/* What the files of the scanner share. Nobody else includes it. */

#include "json/scan.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Eight bytes as a number, the first byte lowest. */
static inline uint64_t assay_json_load(const char *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

/*
 * Skip bytes of a string that need no look: ASCII but for quote, backslash and control characters. Eight at a time: each
 * term sets the top bit of a byte that matches; a borrow can set more bits, but only above the first match.
 */
static inline const char *assay_json_skip_plain(const char *at, const char *end)
{
    const uint64_t ones = 0x0101010101010101u;
    while (end - at >= 8) {
        uint64_t word = assay_json_load(at);
        uint64_t quote = word ^ (ones * '"');
        uint64_t backslash = word ^ (ones * '\\');
        uint64_t found = (word - ones * 0x20) | (quote - ones) | (backslash - ones) | word;
        /* No term needs its usual "& ~x": a byte of 0x80 and more is a match anyway. */
        found &= ones * 0x80;
        if (found != 0)
            return at + (__builtin_ctzll(found) >> 3);
        at += 8;
    }
    while (at < end && (unsigned char)*at >= 0x20 && (unsigned char)*at < 0x80 && *at != '"' && *at != '\\')
        at++;
    return at;
}

static inline bool assay_json_is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static inline const char *assay_json_skip_space(const char *at, const char *end)
{
    while (at < end && assay_json_is_space(*at))
        at++;
    return at;
}

static inline bool assay_json_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* string.c */

/* Length of the well-formed UTF-8 sequence at @p at, whose first byte is not ASCII; 0 where there is none (RFC 3629, section 4). */
size_t assay_json_utf8_len(const char *at, const char *end);
/* Length of the acceptable escape at @p at, which is a backslash; 0 where there is none. A surrogate pair counts as one. */
size_t assay_json_escape_len(const char *at, const char *end);

/* Reads the decoded bytes of a string, one by one, from the raw ones that the scanner accepted. */
typedef struct assay_json_cursor {
    const char *at;
    const char *end;
    char decoded[4];
    uint8_t decoded_at;
    uint8_t decoded_len;
} assay_json_cursor;

static inline assay_json_cursor assay_json_cursor_of(const char *raw, size_t len)
{
    return (assay_json_cursor){.at = raw, .end = raw + len};
}

bool assay_json_cursor_next(assay_json_cursor *cursor, char *byte);
/* Compare two raw strings by what they decode to. */
bool assay_json_raw_equal(assay_span a, assay_span b);
/* Compare a raw string with decoded bytes. */
bool assay_json_raw_is(assay_span raw, const char *text, size_t len);

/* number.c: both take the text of a well-formed number. */

/* A whole number fits int64_t. */
bool assay_json_integer_fits(const char *text, size_t len);
/* A real, rounded to the nearest double, is finite. */
bool assay_json_real_fits(const char *text, size_t len);

#endif
