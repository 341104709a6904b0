/* SPDX-License-Identifier: MIT */
#include "crypto/tag.h"

typedef struct sip_state {
    uint64_t a, b, c, d;
} sip_state;

static uint64_t rotate(uint64_t word, unsigned bits)
{
    return word << bits | word >> (64 - bits);
}

/* The order of bytes is fixed, so that the published values hold on every machine; compilers make one instruction of it. */
static inline uint64_t load(const uint8_t *b)
{
    return (uint64_t)b[0] | (uint64_t)b[1] << 8 | (uint64_t)b[2] << 16 | (uint64_t)b[3] << 24 | (uint64_t)b[4] << 32 |
           (uint64_t)b[5] << 40 | (uint64_t)b[6] << 48 | (uint64_t)b[7] << 56;
}

static void store(uint64_t word, uint8_t *out)
{
    for (unsigned i = 0; i < 8; i++)
        out[i] = (uint8_t)(word >> (8 * i));
}

static inline void round_of(sip_state *s)
{
    s->a += s->b;
    s->c += s->d;
    s->b = rotate(s->b, 13) ^ s->a;
    s->d = rotate(s->d, 16) ^ s->c;
    s->a = rotate(s->a, 32);
    s->a += s->d;
    s->c += s->b;
    s->d = rotate(s->d, 21) ^ s->a;
    s->b = rotate(s->b, 17) ^ s->c;
    s->c = rotate(s->c, 32);
}

static inline void take(sip_state *s, uint64_t word)
{
    s->d ^= word;
    round_of(s);
    round_of(s);
    s->a ^= word;
}

static uint64_t finish(sip_state *s)
{
    for (int i = 0; i < 4; i++)
        round_of(s);
    return s->a ^ s->b ^ s->c ^ s->d;
}

void assay_crypto_tag(const uint8_t key[ASSAY_TAG_KEY_BYTES], const void *bytes, size_t len,
                      uint8_t tag[ASSAY_TAG_BYTES])
{
    const uint8_t *at = bytes;
    uint64_t low = load(key), high = load(key + 8), last = (uint64_t)len << 56;
    sip_state s = {UINT64_C(0x736f6d6570736575) ^ low, UINT64_C(0x646f72616e646f6d) ^ high ^ 0xee,
                   UINT64_C(0x6c7967656e657261) ^ low, UINT64_C(0x7465646279746573) ^ high};
    for (size_t left = len; left >= 8; left -= 8, at += 8)
        take(&s, load(at));
    for (unsigned i = 0; i < len % 8; i++)
        last |= (uint64_t)at[i] << (8 * i);
    take(&s, last);
    s.c ^= 0xee;
    store(finish(&s), tag);
    s.b ^= 0xdd;
    store(finish(&s), tag + 8);
}
