/* SPDX-License-Identifier: MIT */
#include "base/base64url.h"

#include <string.h>

/* Every character of the alphabet with its value (RFC 4648, section 5). */
#define ALPHABET(ENTRY)                                                                                                \
    ENTRY('A', 0), ENTRY('B', 1), ENTRY('C', 2), ENTRY('D', 3), ENTRY('E', 4), ENTRY('F', 5), ENTRY('G', 6),           \
        ENTRY('H', 7), ENTRY('I', 8), ENTRY('J', 9), ENTRY('K', 10), ENTRY('L', 11), ENTRY('M', 12), ENTRY('N', 13),   \
        ENTRY('O', 14), ENTRY('P', 15), ENTRY('Q', 16), ENTRY('R', 17), ENTRY('S', 18), ENTRY('T', 19),                \
        ENTRY('U', 20), ENTRY('V', 21), ENTRY('W', 22), ENTRY('X', 23), ENTRY('Y', 24), ENTRY('Z', 25),                \
        ENTRY('a', 26), ENTRY('b', 27), ENTRY('c', 28), ENTRY('d', 29), ENTRY('e', 30), ENTRY('f', 31),                \
        ENTRY('g', 32), ENTRY('h', 33), ENTRY('i', 34), ENTRY('j', 35), ENTRY('k', 36), ENTRY('l', 37),                \
        ENTRY('m', 38), ENTRY('n', 39), ENTRY('o', 40), ENTRY('p', 41), ENTRY('q', 42), ENTRY('r', 43),                \
        ENTRY('s', 44), ENTRY('t', 45), ENTRY('u', 46), ENTRY('v', 47), ENTRY('w', 48), ENTRY('x', 49),                \
        ENTRY('y', 50), ENTRY('z', 51), ENTRY('0', 52), ENTRY('1', 53), ENTRY('2', 54), ENTRY('3', 55),                \
        ENTRY('4', 56), ENTRY('5', 57), ENTRY('6', 58), ENTRY('7', 59), ENTRY('8', 60), ENTRY('9', 61),                \
        ENTRY('-', 62), ENTRY('_', 63)

/*
 * One table for each place in a group of four characters: the six bits where they belong in the three bytes of the group, the first byte lowest, and
 * above them a mark of that place which says that the character is in the alphabet. So a group is the sum of four entries, and good only with all marks.
 */
#define ALL_GOOD 0x0f000000u
#define FIRST(character, value) [character] = 0x01000000u | (uint32_t)(value) << 2
#define SECOND(character, value) [character] = 0x02000000u | (uint32_t)(value) >> 4 | ((uint32_t)(value)&15) << 12
#define THIRD(character, value) [character] = 0x04000000u | ((uint32_t)(value) >> 2) << 8 | ((uint32_t)(value)&3) << 22
#define FOURTH(character, value) [character] = 0x08000000u | (uint32_t)(value) << 16
static const uint32_t places[4][256] = {{ALPHABET(FIRST)}, {ALPHABET(SECOND)}, {ALPHABET(THIRD)}, {ALPHABET(FOURTH)}};

static inline uint32_t group(const uint8_t *in)
{
    return places[0][in[0]] | places[1][in[1]] | places[2][in[2]] | places[3][in[3]];
}

/* Three bytes and one that does not count: the room always has one more (ASSAY_BASE64URL_DECODED). */
static inline void put(uint32_t bits, uint8_t *to)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    bits = __builtin_bswap32(bits);
#endif
    memcpy(to, &bits, sizeof bits);
}

/* The two or three characters that are left, for one or two bytes. */
static bool decode_rest(const uint8_t *in, size_t rest, uint8_t *to)
{
    uint32_t bits = places[0][in[0]] | places[1][in[1]] | places[2][rest == 3 ? in[2] : 'A'] | places[3]['A'];
    if (bits < ALL_GOOD)
        return false;
    /* The bits that no byte takes must be zero: otherwise several texts would mean one value. */
    if ((bits & (rest == 3 ? 0xff0000u : 0xffff00u)) != 0)
        return false;
    to[0] = (uint8_t)bits;
    if (rest == 3)
        to[1] = (uint8_t)(bits >> 8);
    return true;
}

bool assay_base64url_decode(const char *text, size_t len, uint8_t *out, size_t *out_len)
{
    const uint8_t *in = (const uint8_t *)text;
    size_t rest = len % 4;
    size_t whole = len - rest;
    uint8_t *to = out;
    uint32_t good = ALL_GOOD;

    *out_len = 0;
    if (rest == 1)
        return false;
    for (size_t at = 0; at < whole; at += 4, to += 3) {
        uint32_t bits = group(in + at);
        good &= bits;
        put(bits, to);
    }
    /* One look at the end, whatever the text: what was written so far is undefined where it is bad. */
    if (good != ALL_GOOD)
        return false;
    if (rest != 0 && !decode_rest(in + whole, rest, to))
        return false;
    *out_len = len / 4 * 3 + (rest == 0 ? 0 : rest - 1);
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

/* Characters written, without padding. */
static size_t encode(const char *alphabet, const uint8_t *bytes, size_t len, char *out)
{
    char *start = out;
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
    return (size_t)(out - start);
}

void assay_base64url_encode(const uint8_t *bytes, size_t len, char *out)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    out[encode(alphabet, bytes, len, out)] = '\0';
}

void assay_base64_encode(const uint8_t *bytes, size_t len, char *out)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t used = encode(alphabet, bytes, len, out);
    while (used % 4 != 0)
        out[used++] = '=';
    out[used] = '\0';
}
