/* SPDX-License-Identifier: MIT */
#include "discovery/source_state.h"

/* Keys of a source: merging what comes in, and purging. */

static void clear_tombstone(assay_tombstone *tombstone)
{
    assay_release(tombstone->kid);
    tombstone->kid = NULL;
}

void assay_source_clear_keys(assay_source *source)
{
    assay_snapshot_free(source->snapshot);
    assay_key_set_clear(&source->served);
    for (size_t i = 0; i < source->retired_count; i++)
        assay_snapshot_free(source->retired[i]);
    assay_release(source->retired);
    for (size_t i = 0; i < source->tombstone_count; i++)
        clear_tombstone(&source->tombstones[i]);
    assay_release(source->tombstones);
}

/* Room for one more retired snapshot, made before anything changes, so that replacing can't fail half-way. */
static bool reserve_retired(assay_source *source)
{
    if (source->retired_count < source->retired_room)
        return true;
    size_t room = source->retired_room + 4;
    assay_snapshot **grown = assay_realloc(source->retired, room * sizeof *grown);
    if (grown == NULL)
        return false;
    source->retired = grown;
    source->retired_room = room;
    return true;
}

/* Readers may hold the old one: it is only set aside. Room was reserved. */
static void replace_snapshot(assay_source *source, assay_snapshot *made)
{
    if (source->snapshot != NULL)
        source->retired[source->retired_count++] = source->snapshot;
    source->snapshot = made;
}

assay_snapshot *assay_source_take_retired(assay_source *source)
{
    return source->retired_count == 0 ? NULL : source->retired[--source->retired_count];
}

int assay_source_adopt(assay_source *source, assay_key_set *fresh, int64_t now)
{
    assay_snapshot *made = NULL;
    if (!reserve_retired(source))
        return ASSAY_E_MEMORY;
    int code = assay_snapshot_merge(source->snapshot, fresh, source->tombstones, source->tombstone_count, now,
                                    source->retention_ms, &made);
    if (code != ASSAY_OK)
        return code;
    replace_snapshot(source, made);
    if (fresh != &source->served) {
        assay_key_set_clear(&source->served);
        source->served = *fresh;
        assay_key_set_init(fresh);
    }
    return ASSAY_OK;
}

static int copy_keys(const assay_key_set *from, assay_key_set *to)
{
    int code = ASSAY_OK;
    assay_key_set_init(to);
    for (size_t i = 0; i < from->count && code == ASSAY_OK; i++)
        code = assay_key_set_add(to, from->keys[i]);
    if (code != ASSAY_OK)
        assay_key_set_clear(to);
    return code;
}

int assay_source_push(assay_source *source, const assay_key_set *keys, int64_t now_ms)
{
    int64_t now = assay_source_own_time(source, now_ms);
    assay_key_set fresh;
    int code = copy_keys(keys, &fresh);
    if (code == ASSAY_OK)
        code = assay_source_adopt(source, &fresh, now);
    assay_key_set_clear(&fresh);
    if (code != ASSAY_OK)
        return code == ASSAY_E_MEMORY ? code : ASSAY_E_CONFIG_KEYS;
    /* What is stored is no longer what the tag names. */
    assay_release(ASSAY_STEAL(source->keys_etag));
    source->keys_max_age = -1;
    assay_source_succeeded(source, -1, now);
    return ASSAY_OK;
}

static bool is_named(const assay_jwk *jwk, const char *kid)
{
    return kid == NULL || (jwk->kid != NULL && strcmp(jwk->kid, kid) == 0);
}

/* Write a tombstone for every key of that kid; on failure the list is as before. */
static int add_tombstones(assay_source *source, const char *kid, size_t count)
{
    if (count > ASSAY_LIMIT_TOMBSTONES - source->tombstone_count)
        return ASSAY_E_RANGE;
    assay_tombstone *grown =
        assay_realloc(source->tombstones, (source->tombstone_count + count) * sizeof *source->tombstones);
    if (grown == NULL)
        return ASSAY_E_MEMORY;
    source->tombstones = grown;
    size_t used = source->tombstone_count;
    for (size_t i = 0; i < source->snapshot->count; i++) {
        const assay_jwk *jwk = source->snapshot->keys[i].jwk;
        if (!is_named(jwk, kid))
            continue;
        assay_tombstone *tombstone = &grown[used];
        memcpy(tombstone->thumbprint, jwk->thumbprint, sizeof tombstone->thumbprint);
        tombstone->kid = jwk->kid == NULL ? NULL : assay_strdup(jwk->kid);
        if (jwk->kid != NULL && tombstone->kid == NULL) {
            while (used > source->tombstone_count)
                clear_tombstone(&grown[--used]);
            return ASSAY_E_MEMORY;
        }
        used++;
    }
    source->tombstone_count = used;
    return ASSAY_OK;
}

int assay_source_purge(assay_source *source, const char *kid, int64_t now_ms)
{
    (void)assay_source_own_time(source, now_ms);
    size_t count = 0, dropped = 0;
    for (size_t i = 0; source->snapshot != NULL && i < source->snapshot->count; i++)
        count += is_named(source->snapshot->keys[i].jwk, kid) ? 1 : 0;
    if (count == 0)
        return ASSAY_E_KEY_UNKNOWN;

    ASSAY_CLEANUP(assay_snapshot_free_p) assay_snapshot *made = NULL;
    if (!reserve_retired(source))
        return ASSAY_E_MEMORY;
    int code = assay_snapshot_without(source->snapshot, kid, &dropped, &made);
    if (code == ASSAY_OK)
        code = add_tombstones(source, kid, count);
    if (code == ASSAY_OK)
        replace_snapshot(source, ASSAY_STEAL(made));
    return code;
}
