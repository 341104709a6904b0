/* SPDX-License-Identifier: MIT */

/* Strings: which escapes and bytes are acceptable, and what they decode to. */

#include "json/internal.h"

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

size_t assay_json_utf8_len(const char *at, const char *end)
{
    size_t rest = (size_t)(end - at);
    unsigned char first = (unsigned char)at[0];
    unsigned char second = rest > 1 ? (unsigned char)at[1] : 0;
    if (rest < 2 || !is_continuation(at[1]))
        return 0;
    if (first >= 0xC2 && first <= 0xDF)
        return 2;
    if (rest < 3 || !is_continuation(at[2]))
        return 0;
    if (first == 0xE0)
        return second >= 0xA0 ? 3 : 0; /* below: overlong */
    if (first == 0xED)
        return second <= 0x9F ? 3 : 0; /* above: surrogates */
    if (first > 0xE0 && first <= 0xEF)
        return 3;
    if (rest < 4 || !is_continuation(at[3]))
        return 0;
    if (first == 0xF0)
        return second >= 0x90 ? 4 : 0; /* below: overlong */
    if (first == 0xF4)
        return second <= 0x8F ? 4 : 0; /* above: beyond U+10FFFF */
    return first > 0xF0 && first < 0xF4 ? 4 : 0;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Code unit of the six bytes \uXXXX; -1 where they are not that. */
static int32_t code_unit(const char *at, const char *end)
{
    if (end - at < 6 || at[0] != '\\' || at[1] != 'u')
        return -1;
    int32_t unit = 0;
    for (int i = 2; i < 6; i++) {
        int digit = hex_digit(at[i]);
        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

static bool is_high(int32_t unit)
{
    return unit >= 0xD800 && unit <= 0xDBFF;
}

static bool is_low(int32_t unit)
{
    return unit >= 0xDC00 && unit <= 0xDFFF;
}

/* What a one-letter escape stands for (RFC 8259, section 7); 0: there is no such escape. */
static char letter_escape(char letter)
{
    switch (letter) {
    case '"':
    case '\\':
    case '/':
        return letter;
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return 0;
    }
}

size_t assay_json_escape_len(const char *at, const char *end)
{
    if (end - at < 2)
        return 0;
    if (at[1] != 'u')
        return letter_escape(at[1]) != 0 ? 2 : 0;
    int32_t unit = code_unit(at, end);
    /* U+0000 would end the text early for every reader that takes it for a C string. */
    if (unit <= 0 || is_low(unit))
        return 0;
    if (!is_high(unit))
        return 6;
    /* RFC 8259, section 8.2: half a surrogate pair has no UTF-8 form. */
    return is_low(code_unit(at + 6, end)) ? 12 : 0;
}

static uint8_t encode_utf8(uint32_t code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xC0 | (code >> 6));
        out[1] = (char)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xE0 | (code >> 12));
        out[1] = (char)(0x80 | ((code >> 6) & 0x3F));
        out[2] = (char)(0x80 | (code & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | (code >> 18));
    out[1] = (char)(0x80 | ((code >> 12) & 0x3F));
    out[2] = (char)(0x80 | ((code >> 6) & 0x3F));
    out[3] = (char)(0x80 | (code & 0x3F));
    return 4;
}

/* Decode the escape at *at, known to be acceptable, and move past it. */
static uint8_t unescape(const char **at, const char *end, char out[4])
{
    const char *escape = *at;
    if (escape[1] != 'u') {
        out[0] = letter_escape(escape[1]);
        *at += 2;
        return 1;
    }
    uint32_t code = (uint32_t)code_unit(escape, end);
    *at += 6;
    if (is_high((int32_t)code)) {
        uint32_t low = (uint32_t)code_unit(escape + 6, end);
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        *at += 6;
    }
    return encode_utf8(code, out);
}

bool assay_json_cursor_next(assay_json_cursor *cursor, char *byte)
{
    if (cursor->decoded_at < cursor->decoded_len) {
        *byte = cursor->decoded[cursor->decoded_at++];
        return true;
    }
    if (cursor->at == cursor->end)
        return false;
    if (*cursor->at != '\\') {
        *byte = *cursor->at++;
        return true;
    }
    cursor->decoded_len = unescape(&cursor->at, cursor->end, cursor->decoded);
    cursor->decoded_at = 1;
    *byte = cursor->decoded[0];
    return true;
}

static bool has_escape(assay_span raw)
{
    return raw.len > 0 && memchr(raw.ptr, '\\', raw.len) != NULL;
}

bool assay_json_raw_equal(assay_span a, assay_span b)
{
    if (assay_span_equal(a, b))
        return true;
    if (!has_escape(a) && !has_escape(b))
        return false;
    assay_json_cursor left = assay_json_cursor_of(a.ptr, a.len);
    assay_json_cursor right = assay_json_cursor_of(b.ptr, b.len);
    for (;;) {
        char x = 0, y = 0;
        bool more_left = assay_json_cursor_next(&left, &x);
        bool more_right = assay_json_cursor_next(&right, &y);
        if (more_left != more_right || x != y)
            return false;
        if (!more_left)
            return true;
    }
}

bool assay_json_raw_is(assay_span raw, const char *text, size_t len)
{
    /* Decoding never makes a string longer. */
    if (raw.len < len)
        return false;
    if (!has_escape(raw))
        return assay_span_equal(raw, (assay_span){text, len});
    assay_json_cursor cursor = assay_json_cursor_of(raw.ptr, raw.len);
    char byte;
    for (size_t i = 0; i < len; i++)
        if (!assay_json_cursor_next(&cursor, &byte) || byte != text[i])
            return false;
    return !assay_json_cursor_next(&cursor, &byte);
}

assay_span assay_json_string_raw(const assay_json_value *value, bool *escaped)
{
    assay_span raw = {value->ptr + 1, value->len - 2};
    *escaped = has_escape(raw);
    return raw;
}

size_t assay_json_string_decode(const assay_json_value *value, char *out)
{
    const char *at = value->ptr + 1;
    const char *end = value->ptr + value->len - 1;
    size_t len = 0;
    while (at < end) {
        const char *escape = memchr(at, '\\', (size_t)(end - at));
        size_t plain = (size_t)((escape == NULL ? end : escape) - at);
        memcpy(out + len, at, plain);
        len += plain;
        at += plain;
        if (escape != NULL) {
            char decoded[4];
            uint8_t count = unescape(&at, end, decoded);
            memcpy(out + len, decoded, count);
            len += count;
        }
    }
    return len;
}

bool assay_json_string_equal(const assay_json_value *value, const char *text, size_t len)
{
    if (value->type != ASSAY_JSON_STRING)
        return false;
    return assay_json_raw_is((assay_span){value->ptr + 1, value->len - 2}, text, len);
}

bool assay_json_string_has_word(const assay_json_value *value, const char *word, size_t len)
{
    if (value->type != ASSAY_JSON_STRING || len == 0)
        return false;
    assay_json_cursor cursor = assay_json_cursor_of(value->ptr + 1, value->len - 2);
    size_t at = 0;
    bool same = true;
    for (char byte; assay_json_cursor_next(&cursor, &byte);) {
        if (byte != ' ') {
            same = same && at < len && byte == word[at];
            at++;
            continue;
        }
        if (same && at == len)
            return true;
        at = 0;
        same = true;
    }
    return same && at == len;
}
