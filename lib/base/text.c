/* SPDX-License-Identifier: MIT */
#include "base/text.h"

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool assay_span_equal_nocase(assay_span a, assay_span b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        if (lower(a.ptr[i]) != lower(b.ptr[i]))
            return false;
    }
    return true;
}

bool assay_span_is_nocase(assay_span span, const char *text)
{
    return assay_span_equal_nocase(span, assay_span_of(text));
}

/* Length of the well-formed sequence at @p s, or 0. Ranges: RFC 3629, section 4. */
static size_t utf8_sequence(const uint8_t *s, size_t left)
{
    if (s[0] < 0x80)
        return s[0] != 0 ? 1 : 0;
    size_t len = s[0] >= 0xc2 && s[0] <= 0xdf   ? 2
                 : s[0] >= 0xe0 && s[0] <= 0xef ? 3
                 : s[0] >= 0xf0 && s[0] <= 0xf4 ? 4
                                                : 0;
    if (len == 0 || len > left)
        return 0;
    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    }
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f)) /* overlong; surrogates */
        return 0;
    if ((s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f)) /* overlong; above U+10FFFF */
        return 0;
    return len;
}

bool assay_text_is_utf8(const char *text, size_t len)
{
    const uint8_t *bytes = (const uint8_t *)text;
    for (size_t at = 0; at < len;) {
        size_t step = utf8_sequence(bytes + at, len - at);
        if (step == 0)
            return false;
        at += step;
    }
    return true;
}

static size_t escaped_len(uint8_t byte)
{
    return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\' ? 1 : 4;
}

/* Whether everything fits in @p size with its terminator. */
static bool fits_escaped(const char *text, size_t len, size_t size)
{
    size_t need = 1;
    for (size_t i = 0; i < len && need <= size; i++)
        need += escaped_len((uint8_t)text[i]);
    return need <= size;
}

void assay_text_escape(const char *text, size_t len, char *out, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    static const char dots[] = "...";
    if (size == 0)
        return;
    bool whole = fits_escaped(text, len, size);
    size_t room = whole ? size - 1 : size > sizeof dots ? size - sizeof dots : 0;
    size_t used = 0;
    for (size_t i = 0; i < len; i++) {
        uint8_t byte = (uint8_t)text[i];
        if (used + escaped_len(byte) > room)
            break;
        if (escaped_len(byte) == 1) {
            out[used++] = (char)byte;
            continue;
        }
        out[used++] = '\\';
        out[used++] = 'x';
        out[used++] = digits[byte >> 4];
        out[used++] = digits[byte & 15];
    }
    for (size_t i = 0; !whole && i < sizeof dots - 1 && used + 1 < size; i++)
        out[used++] = dots[i];
    out[used] = '\0';
}
