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

bool assay_source_reserve_retired(assay_source *source)
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

void assay_source_replace_snapshot(assay_source *source, assay_snapshot *made)
{
    if (source->snapshot != NULL)
        source->retired[source->retired_count++] = source->snapshot;
    source->snapshot = made;
}

assay_snapshot *assay_source_take_retired(assay_source *source)
{
    return source->retired_count == 0 ? NULL : source->retired[--source->retired_count];
}

const assay_snapshot *assay_source_living(const assay_source *source)
{
    return source->mode != ASSAY_SOURCE_STATIC && source->latest >= source->expires_at ? NULL : source->snapshot;
}

int assay_source_adopt(assay_source *source, assay_key_set *fresh, int64_t now)
{
    return assay_source_adopt_over(source, assay_source_living(source), fresh, now);
}

int assay_source_adopt_over(assay_source *source, const assay_snapshot *old, assay_key_set *fresh, int64_t now)
{
    assay_snapshot *made = NULL;
    if (!assay_source_reserve_retired(source))
        return ASSAY_E_MEMORY;
    int code =
        assay_snapshot_merge(old, fresh, source->tombstones, source->tombstone_count, now, source->retention_ms, &made);
    if (code != ASSAY_OK)
        return code;
    assay_source_replace_snapshot(source, made);
    if (fresh != &source->served) {
        assay_key_set_clear(&source->served);
        source->served = *fresh;
        assay_key_set_init(fresh);
    }
    return ASSAY_OK;
}

int assay_source_push(assay_source *source, const assay_key_set *keys, int64_t now_ms)
{
    int64_t now = assay_source_own_time(source, now_ms);
    assay_key_set fresh;
    int code = assay_key_set_copy(keys, &fresh);
    if (code == ASSAY_OK)
        code = assay_source_adopt(source, &fresh, now);
    assay_key_set_clear(&fresh);
    if (code != ASSAY_OK)
        return code == ASSAY_E_MEMORY ? code : ASSAY_E_CONFIG_KEYS;
    /* What is stored is no longer what the tag names. */
    assay_release(ASSAY_STEAL(source->keys_etag));
    source->keys_max_age = -1;
    assay_source_succeeded(source, -1, now);
    if (source->step == SOURCE_KEYS)
        source->overtaken = true;
    return ASSAY_OK;
}

static bool has_tombstone(const assay_source *source, const assay_jwk *jwk)
{
    for (size_t i = 0; i < source->tombstone_count; i++)
        if (source->tombstones[i].has_thumbprint && assay_tombstone_covers(&source->tombstones[i], jwk))
            return true;
    return false;
}

/* Room for @p more tombstones, as far as the limit goes. */
static bool reserve_tombstones(assay_source *source, size_t more)
{
    size_t left = ASSAY_LIMIT_TOMBSTONES - source->tombstone_count;
    size_t room = source->tombstone_count + (more < left ? more : left);
    if (room == 0)
        return true;
    assay_tombstone *grown = assay_realloc(source->tombstones, room * sizeof *grown);
    if (grown != NULL)
        source->tombstones = grown;
    return grown != NULL;
}

/* Write a tombstone for the material of every key of that kid, for which there is room. ASSAY_OK, ASSAY_E_RANGE: not for all. */
static int bury_keys(assay_source *source, const char *kid)
{
    for (size_t i = 0; i < source->snapshot->count; i++) {
        const assay_jwk *jwk = source->snapshot->keys[i].jwk;
        if (!assay_jwk_is_named(jwk, kid) || has_tombstone(source, jwk))
            continue;
        if (source->tombstone_count >= ASSAY_LIMIT_TOMBSTONES)
            return ASSAY_E_RANGE;
        assay_tombstone *tombstone = &source->tombstones[source->tombstone_count++];
        *tombstone = (assay_tombstone){.has_thumbprint = true};
        memcpy(tombstone->thumbprint, jwk->thumbprint, sizeof tombstone->thumbprint);
    }
    return ASSAY_OK;
}

/* A kid whose key was never seen, or is gone: the issuer may serve it yet. ASSAY_E_KEY_UNKNOWN: buried. */
static int bury_kid(assay_source *source, const char *kid)
{
    for (size_t i = 0; i < source->tombstone_count; i++) {
        const assay_tombstone *tombstone = &source->tombstones[i];
        if (!tombstone->has_thumbprint && strcmp(tombstone->kid, kid) == 0)
            return ASSAY_E_KEY_UNKNOWN;
    }
    if (source->tombstone_count >= ASSAY_LIMIT_TOMBSTONES)
        return ASSAY_E_RANGE;
    ASSAY_AUTO_RELEASE char *copy = assay_strdup(kid);
    if (copy == NULL || !reserve_tombstones(source, 1))
        return ASSAY_E_MEMORY;
    source->tombstones[source->tombstone_count++] = (assay_tombstone){.kid = ASSAY_STEAL(copy)};
    return ASSAY_E_KEY_UNKNOWN;
}

int assay_source_purge(assay_source *source, const char *kid, int64_t now_ms)
{
    (void)assay_source_own_time(source, now_ms);
    size_t count = 0, dropped = 0;
    for (size_t i = 0; source->snapshot != NULL && i < source->snapshot->count; i++)
        count += assay_jwk_is_named(source->snapshot->keys[i].jwk, kid) ? 1 : 0;
    if (count == 0)
        return kid == NULL ? ASSAY_E_KEY_UNKNOWN : bury_kid(source, kid);

    ASSAY_CLEANUP(assay_snapshot_free_p) assay_snapshot *made = NULL;
    if (!assay_source_reserve_retired(source) || !reserve_tombstones(source, count))
        return ASSAY_E_MEMORY;
    int code = assay_snapshot_without(source->snapshot, kid, &dropped, &made);
    if (code != ASSAY_OK)
        return code;
    code = bury_keys(source, kid);
    assay_source_replace_snapshot(source, ASSAY_STEAL(made)); /* at once, whether or not all of it can be remembered */
    return code;
}

static bool same_tombstone(const assay_tombstone *a, const assay_tombstone *b)
{
    if (a->has_thumbprint != b->has_thumbprint)
        return false;
    return a->has_thumbprint ? memcmp(a->thumbprint, b->thumbprint, sizeof a->thumbprint) == 0
                             : strcmp(a->kid, b->kid) == 0;
}

bool assay_source_holds_tombstone(const assay_source *source, const assay_tombstone *wanted, size_t likely)
{
    /* Those that share a store have them in much the same order. */
    if (likely < source->tombstone_count && same_tombstone(&source->tombstones[likely], wanted))
        return true;
    for (size_t i = 0; i < source->tombstone_count; i++)
        if (same_tombstone(&source->tombstones[i], wanted))
            return true;
    return false;
}

/* Append copies of those that are new; there is room in the array, and the limit counts. */
static int append_tombstones(assay_source *source, const assay_tombstone *tombstones, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (assay_source_holds_tombstone(source, &tombstones[i], i))
            continue;
        if (source->tombstone_count >= ASSAY_LIMIT_TOMBSTONES)
            return ASSAY_E_RANGE;
        assay_tombstone copy = tombstones[i];
        if (!copy.has_thumbprint && (copy.kid = assay_strdup(copy.kid)) == NULL)
            return ASSAY_E_MEMORY;
        source->tombstones[source->tombstone_count++] = copy;
    }
    return ASSAY_OK;
}

int assay_source_bury(assay_source *source, const assay_tombstone *tombstones, size_t count,
                      assay_source_burial *burial)
{
    size_t before = source->tombstone_count, dropped = 0;
    ASSAY_CLEANUP(assay_snapshot_free_p) assay_snapshot *made = NULL;
    *burial = (assay_source_burial){0, 0, false};
    if (!assay_source_reserve_retired(source) || !reserve_tombstones(source, count))
        return ASSAY_E_MEMORY;
    if (source->snapshot != NULL &&
        assay_snapshot_without_buried(source->snapshot, tombstones, count, &dropped, &made) != ASSAY_OK)
        return ASSAY_E_MEMORY;
    int code = append_tombstones(source, tombstones, count);
    if (code == ASSAY_E_MEMORY) {
        while (source->tombstone_count > before)
            clear_tombstone(&source->tombstones[--source->tombstone_count]);
        return code;
    }
    *burial = (assay_source_burial){source->tombstone_count - before, dropped, code == ASSAY_E_RANGE};
    if (dropped > 0)
        assay_source_replace_snapshot(source, ASSAY_STEAL(made));
    return ASSAY_OK;
}
