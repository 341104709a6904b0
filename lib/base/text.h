/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_BASE_TEXT_H
#define ASSAY_BASE_TEXT_H

/* Borrowed text, and text made safe to show. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Bytes that somebody else owns; not terminated. */
typedef struct assay_span {
    const char *ptr;
    size_t len;
} assay_span;

static inline assay_span assay_span_of(const char *text)
{
    return (assay_span){text, text == NULL ? 0 : strlen(text)};
}

/* Byte by byte; not for secrets (assay_secret_equal() in crypto/ is). */
static inline bool assay_span_equal(assay_span a, assay_span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* The same for texts that may be NULL; two NULLs are the same. */
static inline bool assay_text_same(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static inline bool assay_span_is(assay_span span, const char *text)
{
    return assay_span_equal(span, assay_span_of(text));
}

/* ASCII letters without regard to case, whatever the locale. */
bool assay_span_is_nocase(assay_span span, const char *text);
bool assay_span_equal_nocase(assay_span a, assay_span b);

/* Well-formed UTF-8 (RFC 3629) without a NUL byte. */
bool assay_text_is_utf8(const char *text, size_t len);

/*
 * Write @p text to @p out (terminated) so that it can stand in a log line, a header or on a terminal: every byte
 * outside printable ASCII, and `"` and `\`, becomes \xHH; what does not fit in @p size is cut and ends in "...".
 */
void assay_text_escape(const char *text, size_t len, char *out, size_t size);

/* For tables whose keys are not chosen by an attacker, or are bounded in number. Eight bytes at a time; differs with the order of bytes. */
static inline uint32_t assay_text_hash(const char *text, size_t len, uint32_t seed)
{
    const uint64_t factor = 0x9e3779b97f4a7c15u;
    uint64_t hash = (seed ^ (uint64_t)len) * factor;
    for (; len > 0;) {
        uint64_t word = 0;
        size_t step = len < sizeof word ? len : sizeof word;
        memcpy(&word, text, step);
        hash = (hash ^ word) * factor;
        hash ^= hash >> 32;
        text += step;
        len -= step;
    }
    return (uint32_t)hash;
}

#endif
