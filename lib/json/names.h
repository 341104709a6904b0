/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_JSON_NAMES_H
#define ASSAY_JSON_NAMES_H

/*
 * The names of all objects of one text, to find duplicates in linear time without allocating: an open-addressing table of
 * member numbers that starts small (clearing it is what a usual token pays) and grows inside its fixed room.
 */

#include "base/limits.h"
#include "base/memory.h"
#include "json/internal.h"

#define ASSAY_JSON_NAMES_FIRST 128u
#define ASSAY_JSON_NAMES_ROOM 2048u /* at most half full, so that probes stay short */
_Static_assert(ASSAY_JSON_NAMES_ROOM >= 2 * ASSAY_LIMIT_JSON_MEMBERS, "the table must stay half empty");

typedef struct assay_json_names {
    uint32_t slots;                        /* in use now: a power of two */
    uint16_t table[ASSAY_JSON_NAMES_ROOM]; /* index + 1 of a member; 0: free */
} assay_json_names;

/*
 * Names come from an attacker. The seed is where the loader put this object, which he doesn't know, so he can't prepare
 * names that collide; if he could, the limit on members would still bound the work.
 */
extern const char assay_json_names_anchor[1];

static inline uint64_t assay_json_hash_start(void)
{
    return (uint64_t)(uintptr_t)assay_json_names_anchor ^ 0x9E3779B97F4A7C15u;
}

static inline uint64_t assay_json_hash_mix(uint64_t hash, uint64_t word)
{
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)(hash ^ word) * (assay_json_hash_start() * 0xD6E8FEB86659FD93u | 1);
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* The length needs no part in it: a name has no NUL, so the zeros that fill its last word are no other name's bytes. */
static inline uint32_t assay_json_hash_end(uint64_t hash)
{
    return (uint32_t)(hash ^ (hash >> 32));
}

/* Hash decoded bytes. @p readable of them may be read, at least @p len: more lets the last word be loaded at once. */
static inline uint32_t assay_json_hash(const char *bytes, size_t len, size_t readable)
{
    uint64_t hash = assay_json_hash_start();
    size_t at = 0;
    for (; len - at >= 8; at += 8)
        hash = assay_json_hash_mix(hash, assay_json_load(bytes + at));
    if (at < len) {
        uint64_t word = 0;
        size_t rest = len - at;
        if (readable - at >= 8)
            word = assay_json_load(bytes + at) & (((uint64_t)1 << (8 * rest)) - 1);
        else
            for (size_t i = 0; i < rest; i++)
                word |= (uint64_t)(unsigned char)bytes[at + i] << (8 * i);
        hash = assay_json_hash_mix(hash, word);
    }
    return assay_json_hash_end(hash);
}

/* The same of a name with escapes. */
uint32_t assay_json_hash_escaped(const char *raw, size_t len);

static inline void assay_json_names_start(assay_json_names *names)
{
    names->slots = ASSAY_JSON_NAMES_FIRST;
    memset(names->table, 0, ASSAY_JSON_NAMES_FIRST * sizeof names->table[0]);
}

static inline uint32_t assay_json_names_slot(const assay_json_names *names, const assay_json_member *member)
{
    return (member->hash ^ (member->object * 0x9E3779B1u)) & (names->slots - 1);
}

/* Make room for the first @p count members, which are in the table. */
void assay_json_names_grow(assay_json_names *names, const assay_json_member *members, size_t count);

/* Add the member of an index. False: its object has one of the same name already. */
static inline bool assay_json_names_add(assay_json_names *names, const char *text, const assay_json_member *members,
                                        size_t index)
{
    const assay_json_member *member = &members[index];
    if ((index + 1) * 2 > names->slots)
        assay_json_names_grow(names, members, index);
    uint32_t slot = assay_json_names_slot(names, member);
    for (; names->table[slot] != 0; slot = (slot + 1) & (names->slots - 1)) {
        const assay_json_member *other = &members[names->table[slot] - 1];
        if (other->hash == member->hash && other->object == member->object &&
            assay_json_raw_equal((assay_span){text + other->name, other->name_len},
                                 (assay_span){text + member->name, member->name_len}))
            return false;
    }
    names->table[slot] = (uint16_t)(index + 1);
    return true;
}

#endif
