/* SPDX-License-Identifier: MIT */
#include "keys/snapshot.h"

#include "base/limits.h"

#include <assay/error.h>

void assay_snapshot_free(assay_snapshot *snapshot)
{
    if (snapshot == NULL)
        return;
    for (size_t i = 0; i < snapshot->count; i++)
        assay_jwk_unref(snapshot->keys[i].jwk);
    assay_release(snapshot->keys);
    assay_release(snapshot);
}

static void destroy_retired(assay_retiree *retiree)
{
    assay_snapshot_free((assay_snapshot *)(void *)retiree);
}

static assay_snapshot *new_snapshot(size_t capacity)
{
    ASSAY_CLEANUP(assay_snapshot_free_p) assay_snapshot *made = assay_zalloc(sizeof *made);
    if (made == NULL)
        return NULL;
    made->retiree.destroy = destroy_retired;
    made->keys = assay_zalloc_array(capacity, sizeof *made->keys);
    return made->keys == NULL ? NULL : ASSAY_STEAL(made);
}

static void append(assay_snapshot *snapshot, assay_jwk *jwk, int64_t missing_since_ms, int64_t usable_until_ms)
{
    snapshot->keys[snapshot->count++] = (assay_snapshot_key){assay_jwk_ref(jwk), missing_since_ms, usable_until_ms};
    if (missing_since_ms == ASSAY_SERVED_NOW)
        snapshot->served++;
}

static void append_copy(assay_snapshot *made, const assay_snapshot_key *key)
{
    append(made, key->jwk, key->missing_since_ms, key->usable_until_ms);
}

static bool same_kid(const assay_jwk *a, const assay_jwk *b)
{
    return assay_text_same(a->kid, b->kid);
}

static bool same_material(const assay_jwk *a, const assay_jwk *b)
{
    return memcmp(a->thumbprint, b->thumbprint, sizeof a->thumbprint) == 0;
}

/* What a key may be used for is part of it: one key may be published for two algorithms, or for two issuers. */
static bool same_restrictions(const assay_jwk *a, const assay_jwk *b)
{
    return assay_text_same(a->algorithm, b->algorithm) && assay_text_same(a->issuer, b->issuer) &&
           assay_text_same(a->cloud, b->cloud);
}

static bool same_key(const assay_jwk *a, const assay_jwk *b)
{
    return same_kid(a, b) && same_material(a, b) && same_restrictions(a, b);
}

bool assay_tombstone_covers(const assay_tombstone *tombstone, const assay_jwk *jwk)
{
    if (tombstone->has_thumbprint)
        return memcmp(jwk->thumbprint, tombstone->thumbprint, sizeof jwk->thumbprint) == 0;
    return jwk->kid != NULL && assay_text_same(jwk->kid, tombstone->kid);
}

static bool is_buried(const assay_jwk *jwk, const assay_tombstone *tombstones, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (assay_tombstone_covers(&tombstones[i], jwk))
            return true;
    }
    return false;
}

static void append_served(assay_snapshot *made, assay_jwk *jwk)
{
    for (size_t i = 0; i < made->count; i++) {
        const assay_jwk *other = made->keys[i].jwk;
        if (same_key(other, jwk))
            return;
    }
    append(made, jwk, ASSAY_SERVED_NOW, INT64_MAX);
}

/* Whether what is said of one key is said of the other: it is the same, whatever it may be used for, or its kid has other material of the same kind. */
static bool speaks_of(const assay_jwk *now, const assay_jwk *jwk)
{
    return same_kid(now, jwk) &&
           (same_material(now, jwk) || assay_verify_key_kind(now->key) == assay_verify_key_kind(jwk->key));
}

/* Whether one of the first @p count keys speaks of this one. */
static bool is_superseded(const assay_jwk *jwk, const assay_snapshot *made, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (speaks_of(made->keys[i].jwk, jwk))
            return true;
    return false;
}

static int64_t retention_end(int64_t since, int64_t retention_ms)
{
    return since > INT64_MAX - retention_ms ? INT64_MAX : since + retention_ms;
}

/*
 * Keep what is missing. The keys of @p old stand in the order in which they went missing, the latest first, and those served until now before
 * them: so the bound on what is kept drops the longest missing.
 */
static void append_retained(assay_snapshot *made, const assay_snapshot *old, const assay_tombstone *tombstones,
                            size_t tombstone_count, int64_t now_ms, int64_t retention_ms)
{
    for (size_t i = 0; i < old->count && made->count - made->served < ASSAY_LIMIT_KEYS; i++) {
        const assay_snapshot_key *key = &old->keys[i];
        int64_t since = key->missing_since_ms == ASSAY_SERVED_NOW ? now_ms : key->missing_since_ms;
        if (now_ms - since >= retention_ms || is_superseded(key->jwk, made, made->served) ||
            is_buried(key->jwk, tombstones, tombstone_count))
            continue;
        append(made, key->jwk, since, retention_end(since, retention_ms));
    }
}

int assay_snapshot_merge(const assay_snapshot *old, const assay_key_set *fresh, const assay_tombstone *tombstones,
                         size_t tombstone_count, int64_t now_ms, int64_t retention_ms, assay_snapshot **made)
{
    *made = NULL;
    ASSAY_CLEANUP(assay_snapshot_free_p)
    assay_snapshot *merged = new_snapshot(fresh->count + (old == NULL ? 0 : old->count));
    if (merged == NULL)
        return ASSAY_E_MEMORY;
    merged->skipped = fresh->skipped_count;
    for (size_t i = 0; i < fresh->count; i++) {
        if (!is_buried(fresh->keys[i], tombstones, tombstone_count))
            append_served(merged, fresh->keys[i]);
    }
    if (merged->served == 0)
        return ASSAY_E_JWKS;
    if (old != NULL)
        append_retained(merged, old, tombstones, tombstone_count, now_ms, retention_ms);
    *made = ASSAY_STEAL(merged);
    return ASSAY_OK;
}

/* A key of that kid, or the same material under another: what is purged is the material. */
static bool goes_with(const assay_snapshot *old, const assay_jwk *jwk, const char *kid)
{
    for (size_t i = 0; i < old->count; i++) {
        const assay_jwk *other = old->keys[i].jwk;
        if (assay_jwk_is_named(other, kid) && same_material(other, jwk))
            return true;
    }
    return false;
}

int assay_snapshot_without(const assay_snapshot *old, const char *kid, size_t *dropped, assay_snapshot **made)
{
    *made = NULL;
    *dropped = 0;
    assay_snapshot *copy = new_snapshot(old->count);
    if (copy == NULL)
        return ASSAY_E_MEMORY;
    copy->skipped = old->skipped;
    for (size_t i = 0; i < old->count; i++) {
        const assay_snapshot_key *key = &old->keys[i];
        if (goes_with(old, key->jwk, kid))
            ++*dropped;
        else
            append(copy, key->jwk, key->missing_since_ms, key->usable_until_ms);
    }
    *made = copy;
    return ASSAY_OK;
}

int assay_snapshot_copy(const assay_snapshot *from, const assay_tombstone *tombstones, size_t tombstone_count,
                        int64_t retention_ms, assay_snapshot **made)
{
    *made = NULL;
    assay_snapshot *copy = new_snapshot(from->count);
    if (copy == NULL)
        return ASSAY_E_MEMORY;
    copy->skipped = from->skipped;
    for (size_t i = 0; i < from->count; i++) {
        const assay_snapshot_key *key = &from->keys[i];
        int64_t until = key->usable_until_ms;
        if (key->missing_since_ms != ASSAY_SERVED_NOW && retention_end(key->missing_since_ms, retention_ms) < until)
            until = retention_end(key->missing_since_ms, retention_ms);
        if (!is_buried(key->jwk, tombstones, tombstone_count))
            append(copy, key->jwk, key->missing_since_ms, until);
    }
    *made = copy;
    return ASSAY_OK;
}

int assay_snapshot_without_buried(const assay_snapshot *old, const assay_tombstone *tombstones, size_t tombstone_count,
                                  size_t *dropped, assay_snapshot **made)
{
    int code = assay_snapshot_copy(old, tombstones, tombstone_count, INT64_MAX, made);
    *dropped = code == ASSAY_OK ? old->count - (*made)->count : 0;
    return code;
}

static bool is_among(const assay_jwk *jwk, const assay_snapshot_key *keys, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (same_key(keys[i].jwk, jwk))
            return true;
    return false;
}

/* Of what two sets say of a kid the later word counts: whether one of @p keys, missing since @p since or later, speaks of this key. */
static bool is_overruled(const assay_jwk *jwk, int64_t since, const assay_snapshot_key *keys, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (keys[i].missing_since_ms >= since && speaks_of(keys[i].jwk, jwk))
            return true;
    return false;
}

static int64_t seen_until(const assay_snapshot_key *key, int64_t seen_ms)
{
    return key->missing_since_ms == ASSAY_SERVED_NOW ? seen_ms : key->missing_since_ms;
}

/* The same for a missing key that @p old may overrule: it has none that is equal, and a later one that speaks of it. */
static bool is_outdated(const assay_snapshot_key *missing, const assay_snapshot *old, int64_t seen_ms)
{
    bool later = false;
    for (size_t i = 0; old != NULL && i < old->count; i++) {
        if (same_key(old->keys[i].jwk, missing->jwk))
            return false;
        later = later || (seen_until(&old->keys[i], seen_ms) > missing->missing_since_ms &&
                          speaks_of(old->keys[i].jwk, missing->jwk));
    }
    return later;
}

int assay_snapshot_recall(const assay_snapshot *old, int64_t seen_ms, const assay_snapshot_key *missing, size_t count,
                          assay_snapshot **made)
{
    size_t own = 0, owned = old == NULL ? 0 : old->count;
    *made = new_snapshot(owned + count);
    if (*made == NULL)
        return ASSAY_E_MEMORY;
    /* In the order in which they went missing, the latest first: merging counts on it. */
    for (size_t next = 0; own < owned || next < count;) {
        int64_t since = own < owned ? seen_until(&old->keys[own], seen_ms) : INT64_MIN;
        if (next < count && missing[next].missing_since_ms >= since) {
            if (!is_outdated(&missing[next], old, seen_ms))
                append_copy(*made, &missing[next]);
            next++;
            continue;
        }
        const assay_snapshot_key *key = &old->keys[own++];
        if (!is_among(key->jwk, missing, count) && !is_overruled(key->jwk, since, missing, count))
            append(*made, key->jwk, since, key->usable_until_ms);
    }
    return ASSAY_OK;
}

/* A key of its own that is missing, unless what was seen later elsewhere overrules it. */
static void append_own(assay_snapshot *made, const assay_snapshot_key *key, const assay_snapshot_key *older,
                       size_t count)
{
    if (is_among(key->jwk, older, count) || !is_overruled(key->jwk, key->missing_since_ms, older, count))
        append_copy(made, key);
}

int assay_snapshot_learn(const assay_snapshot *from, const assay_snapshot_key *older, size_t count,
                         const assay_tombstone *tombstones, size_t tombstone_count, int64_t now_ms,
                         int64_t retention_ms, size_t *learned, assay_snapshot **made)
{
    size_t own = 0, missing = from->count - from->served;
    size_t room = missing < ASSAY_LIMIT_KEYS ? ASSAY_LIMIT_KEYS - missing : 0;
    *learned = 0;
    *made = new_snapshot(from->count + count);
    if (*made == NULL)
        return ASSAY_E_MEMORY;
    (*made)->skipped = from->skipped;
    while (own < from->served)
        append_copy(*made, &from->keys[own++]);
    for (size_t i = 0; i < count && *learned < room; i++) {
        int64_t since = older[i].missing_since_ms;
        if (now_ms - since >= retention_ms || is_among(older[i].jwk, from->keys, from->count) ||
            is_outdated(&older[i], from, INT64_MAX) || is_buried(older[i].jwk, tombstones, tombstone_count))
            continue;
        while (own < from->count && from->keys[own].missing_since_ms >= since)
            append_own(*made, &from->keys[own++], older, count);
        append(*made, older[i].jwk, since, retention_end(since, retention_ms));
        ++*learned;
    }
    while (own < from->count)
        append_own(*made, &from->keys[own++], older, count);
    return ASSAY_OK;
}

size_t assay_snapshot_select(const assay_snapshot *snapshot, const char *kid, size_t kid_len, int64_t now_ms,
                             assay_jwk **found, size_t capacity)
{
    size_t candidates = kid == NULL ? snapshot->served : snapshot->count;
    size_t count = 0;
    for (size_t i = 0; i < candidates && count < capacity; i++) {
        assay_jwk *jwk = snapshot->keys[i].jwk;
        if (kid != NULL && (jwk->kid == NULL || jwk->kid_len != kid_len || memcmp(jwk->kid, kid, kid_len) != 0))
            continue;
        if (now_ms >= snapshot->keys[i].usable_until_ms && snapshot->keys[i].missing_since_ms != ASSAY_SERVED_NOW)
            continue;
        found[count++] = jwk;
    }
    return count;
}

bool assay_snapshot_has(const assay_snapshot *snapshot, const assay_jwk *jwk, int64_t now_ms, bool *served)
{
    assay_jwk *found[ASSAY_LIMIT_JWS_CANDIDATES];
    *served = false;
    if (jwk->kid == NULL)
        return false;
    size_t count = assay_snapshot_select(snapshot, jwk->kid, jwk->kid_len, now_ms, found, ASSAY_COUNT_OF(found));
    size_t at = 0;
    while (at < count && !same_key(found[at], jwk))
        at++;
    for (size_t i = 0; at < count && i < snapshot->served; i++)
        *served = *served || snapshot->keys[i].jwk == found[at];
    return at < count;
}
