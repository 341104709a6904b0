/* SPDX-License-Identifier: MIT */
#include "json/names.h"

const char assay_json_names_anchor[1] = {0};

uint32_t assay_json_hash_escaped(const char *raw, size_t len)
{
    assay_json_cursor cursor = assay_json_cursor_of(raw, len);
    uint64_t hash = assay_json_hash_start();
    uint64_t word = 0;
    size_t count = 0;
    char byte;
    while (assay_json_cursor_next(&cursor, &byte)) {
        word |= (uint64_t)(unsigned char)byte << (8 * (count & 7));
        if ((++count & 7) == 0) {
            hash = assay_json_hash_mix(hash, word);
            word = 0;
        }
    }
    if ((count & 7) != 0)
        hash = assay_json_hash_mix(hash, word);
    return assay_json_hash_end(hash);
}

void assay_json_names_grow(assay_json_names *names, const assay_json_member *members, size_t count)
{
    names->slots = names->slots * 4 < ASSAY_JSON_NAMES_ROOM ? names->slots * 4 : ASSAY_JSON_NAMES_ROOM;
    memset(names->table, 0, names->slots * sizeof names->table[0]);
    for (size_t i = 0; i < count; i++) {
        uint32_t slot = assay_json_names_slot(names, &members[i]);
        while (names->table[slot] != 0)
            slot = (slot + 1) & (names->slots - 1);
        names->table[slot] = (uint16_t)(i + 1);
    }
}
