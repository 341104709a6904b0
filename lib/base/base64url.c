/* SPDX-License-Identifier: MIT */
#include "base/base64url.h"

#include <string.h>

/* Value of each character plus one; zero for those outside the alphabet. */
static const uint8_t value_plus_one[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
    ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
    ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
    ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['-'] = 63, ['_'] = 64,
};

/* Value of a character; for one outside the alphabet all bits are set, so that one test at the end finds any. */
static inline uint32_t value(uint8_t c)
{
    return (uint32_t)value_plus_one[c] - 1u;
}

bool assay_base64url_decode(const char *text, size_t len, uint8_t *out, size_t *out_len)
{
    const uint8_t *in = (const uint8_t *)text;
    size_t rest = len % 4;
    size_t whole = len - rest;
    uint8_t *to = out;
    uint32_t bad = 0;

    *out_len = 0;
    if (rest == 1)
        return false;
    for (size_t at = 0; at < whole; at += 4) {
        uint32_t a = value(in[at]), b = value(in[at + 1]), c = value(in[at + 2]), d = value(in[at + 3]);
        bad |= a | b | c | d;
        uint32_t bits = a << 18 | b << 12 | c << 6 | d;
        to[0] = (uint8_t)(bits >> 16);
        to[1] = (uint8_t)(bits >> 8);
        to[2] = (uint8_t)bits;
        to += 3;
    }
    if (rest >= 2) {
        uint32_t a = value(in[whole]), b = value(in[whole + 1]), c = rest == 3 ? value(in[whole + 2]) : 0;
        bad |= a | b | c;
        /* The bits that no byte takes must be zero: otherwise several texts would mean one value. */
        if ((rest == 2 && (b & 0x0f) != 0) || (rest == 3 && (c & 0x03) != 0))
            return false;
        *to++ = (uint8_t)(a << 2 | b >> 4);
        if (rest == 3)
            *to++ = (uint8_t)(b << 4 | c >> 2);
    }
    if (bad > 63) /* good values have six bits */
        return false;
    *out_len = (size_t)(to - out);
    return true;
}

bool assay_base64_decode(const char *text, size_t len, uint8_t *out, size_t *out_len)
{
    *out_len = 0;
    if (len == 0 || len % 4 != 0)
        return len == 0;
    size_t padding = text[len - 1] != '=' ? 0 : text[len - 2] != '=' ? 1 : 2;
    size_t used = 0;
    for (size_t at = 0; at < len - padding; at += 4) {
        /* Four characters at a time, in the other alphabet. */
        char group[4];
        size_t count = len - padding - at < 4 ? len - padding - at : 4;
        for (size_t i = 0; i < count; i++) {
            char c = text[at + i];
            if (c == '-' || c == '_')
                return false;
            group[i] = c == '+' ? '-' : c == '/' ? '_' : c;
        }
        uint8_t bytes[ASSAY_BASE64URL_DECODED(4)];
        size_t got = 0;
        if (!assay_base64url_decode(group, count, bytes, &got))
            return false;
        memcpy(out + used, bytes, got);
        used += got;
    }
    *out_len = used;
    return true;
}

void assay_base64url_encode(const uint8_t *bytes, size_t len, char *out)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t at = 0;
    for (; at + 3 <= len; at += 3) {
        uint32_t bits = (uint32_t)bytes[at] << 16 | (uint32_t)bytes[at + 1] << 8 | bytes[at + 2];
        *out++ = alphabet[bits >> 18];
        *out++ = alphabet[bits >> 12 & 63];
        *out++ = alphabet[bits >> 6 & 63];
        *out++ = alphabet[bits & 63];
    }
    if (len - at == 1) {
        *out++ = alphabet[bytes[at] >> 2];
        *out++ = alphabet[(bytes[at] & 3) << 4];
    }
    if (len - at == 2) {
        *out++ = alphabet[bytes[at] >> 2];
        *out++ = alphabet[(bytes[at] & 3) << 4 | bytes[at + 1] >> 4];
        *out++ = alphabet[(bytes[at + 1] & 15) << 2];
    }
    *out = '\0';
}
