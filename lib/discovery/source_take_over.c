/* SPDX-License-Identifier: MIT */
#include "discovery/schedule.h"
#include "discovery/source_state.h"

/* Taking over from the source of an older validator: all that needs memory is made first, so that what follows can't fail half-way. */

typedef struct inheritance {
    assay_snapshot *snapshot; /* NULL: the source keeps what it has */
    bool taken;               /* that is the old one's, and so is what stands from here to the tombstones */
    assay_key_set served;
    char *jwks_uri, *metadata_etag, *keys_etag;
    assay_failure *last_failure;
    assay_tombstone *tombstones; /* those of the source, which stay its own, then copies */
    size_t own, count;
    bool lacks_room;
} inheritance;

static void inheritance_clear(inheritance *heir)
{
    assay_snapshot_free(heir->snapshot);
    assay_key_set_clear(&heir->served);
    assay_release(heir->jwks_uri);
    assay_release(heir->metadata_etag);
    assay_release(heir->keys_etag);
    assay_release(heir->last_failure);
    for (size_t i = heir->own; i < heir->count; i++)
        assay_release(heir->tombstones[i].kid);
    assay_release(heir->tombstones);
}

static bool same_hosts(const assay_source *a, const assay_source *b)
{
    if ((a->jwks_hosts == NULL) != (b->jwks_hosts == NULL) || a->jwks_host_count != b->jwks_host_count)
        return false;
    for (size_t i = 0; i < a->jwks_host_count; i++)
        if (strcmp(a->jwks_hosts[i], b->jwks_hosts[i]) != 0)
            return false;
    return true;
}

/* Whether the old one's keys are what this source would have fetched, and are ready to use in the way that it demands. */
static bool is_alike(const assay_source *source, const assay_source *old)
{
    return source->mode == old->mode && assay_text_same(source->issuer, old->issuer) &&
           assay_text_same(source->metadata_url, old->metadata_url) &&
           (source->mode != ASSAY_SOURCE_JWKS || assay_text_same(source->jwks_uri, old->jwks_uri)) &&
           same_hosts(source, old) && assay_text_same(source->ca, old->ca) &&
           source->allow_loopback_http == old->allow_loopback_http &&
           assay_crypto_is_alike(source->crypto, old->crypto);
}

/* How long ago the last success was; clocks of two sources can't be compared otherwise. */
static int64_t age(const assay_source *source, int64_t now_ms)
{
    assay_source asked = *source; /* which takes notice of the time in its place */
    return assay_schedule_add(assay_source_own_time(&asked, now_ms), -source->succeeded_at);
}

static bool has_better_keys(const assay_source *old, const assay_source *source, int64_t now_ms)
{
    return source->mode != ASSAY_SOURCE_STATIC && old->snapshot != NULL && is_alike(source, old) &&
           (source->snapshot == NULL || age(old, now_ms) < age(source, now_ms));
}

/* What was purged at either is gone from both; the old one's keys lack what was purged there. */
static int make_keys(const assay_source *source, const assay_source *old, inheritance *heir)
{
    ASSAY_CLEANUP(assay_snapshot_free_p) assay_snapshot *made = NULL;
    int code =
        assay_snapshot_copy(old->snapshot, source->tombstones, source->tombstone_count, source->retention_ms, &made);
    if (code != ASSAY_OK || made->count == 0)
        return code;
    code = assay_key_set_copy(&old->served, &heir->served);
    if (code != ASSAY_OK)
        return code;
    if (!assay_source_copy_text(old->jwks_uri, &heir->jwks_uri) ||
        !assay_source_copy_text(old->metadata_etag, &heir->metadata_etag) ||
        !assay_source_copy_text(old->keys_etag, &heir->keys_etag))
        return ASSAY_E_MEMORY;
    if (old->last_failure != NULL) {
        heir->last_failure = assay_memdup(old->last_failure, sizeof *old->last_failure);
        if (heir->last_failure == NULL)
            return ASSAY_E_MEMORY;
    }
    heir->snapshot = ASSAY_STEAL(made);
    heir->taken = true;
    return ASSAY_OK;
}

/* The source's own keys, without those that were purged at the old one. */
static int make_own_keys(const assay_source *source, const assay_source *old, inheritance *heir)
{
    ASSAY_CLEANUP(assay_snapshot_free_p) assay_snapshot *made = NULL;
    if (source->snapshot == NULL || old->tombstone_count == 0)
        return ASSAY_OK;
    int code =
        assay_snapshot_copy(source->snapshot, old->tombstones, old->tombstone_count, source->retention_ms, &made);
    if (code == ASSAY_OK && made->count < source->snapshot->count)
        heir->snapshot = ASSAY_STEAL(made);
    return code;
}

static int make_tombstones(const assay_source *source, const assay_source *old, inheritance *heir)
{
    heir->tombstones = assay_zalloc_array(source->tombstone_count + old->tombstone_count, sizeof *heir->tombstones);
    if (heir->tombstones == NULL)
        return ASSAY_E_MEMORY;
    for (size_t i = 0; i < source->tombstone_count; i++)
        heir->tombstones[heir->count++] = source->tombstones[i];
    heir->own = heir->count;
    for (size_t i = 0; i < old->tombstone_count; i++) {
        assay_tombstone copy = old->tombstones[i];
        if (assay_source_holds_tombstone(source, &copy, i))
            continue;
        if (heir->count >= ASSAY_LIMIT_TOMBSTONES) {
            heir->lacks_room = true;
            break;
        }
        if (!assay_source_copy_text(old->tombstones[i].kid, &copy.kid))
            return ASSAY_E_MEMORY;
        heir->tombstones[heir->count++] = copy;
    }
    return ASSAY_OK;
}

/* The old one's times, on the old one's clock, bounded as this source demands. */
static void take_times(assay_source *source, const assay_source *old, int64_t now_ms)
{
    source->latest = old->latest;
    source->behind = old->behind;
    source->seen = old->seen;
    (void)assay_source_own_time(source, now_ms);
    source->succeeded_at = old->succeeded_at;
    source->expires_at = assay_schedule_add(old->succeeded_at, source->hard_limit_ms);
    source->due_at = old->due_at < source->expires_at ? old->due_at : source->expires_at;
    source->metadata_due_at = old->metadata_due_at;
    source->backoff_until = old->backoff_until;
    source->unknown_kid_stamp = old->unknown_kid_stamp;
    source->failures = old->failures;
    source->unknown_kid_failures = old->unknown_kid_failures;
    source->abandoned = old->abandoned;
}

static void take_documents(assay_source *source, const assay_source *old, inheritance *heir)
{
    assay_key_set_clear(&source->served);
    source->served = heir->served;
    assay_key_set_init(&heir->served);
    assay_source_replace_text(&source->jwks_uri, ASSAY_STEAL(heir->jwks_uri));
    assay_source_replace_text(&source->metadata_etag, ASSAY_STEAL(heir->metadata_etag));
    assay_source_replace_text(&source->keys_etag, ASSAY_STEAL(heir->keys_etag));
    source->keys_max_age = old->keys_max_age;
    source->metadata_wanted = old->metadata_wanted;
    assay_release(source->last_failure);
    source->last_failure = ASSAY_STEAL(heir->last_failure);
    source->last_code = old->last_code;
    source->overtaken = source->step != SOURCE_IDLE;
}

static void take_tombstones(assay_source *source, inheritance *heir)
{
    assay_release(source->tombstones);
    source->tombstones = ASSAY_STEAL(heir->tombstones);
    source->tombstone_count = heir->count;
    heir->own = heir->count = 0;
}

int assay_source_take_over(assay_source *source, const assay_source *old, bool with_keys, int64_t now_ms)
{
    ASSAY_CLEANUP(inheritance_clear) inheritance heir = {0};
    int code = make_tombstones(source, old, &heir);
    if (code == ASSAY_OK && with_keys && has_better_keys(old, source, now_ms))
        code = make_keys(source, old, &heir);
    if (code == ASSAY_OK && !heir.taken)
        code = make_own_keys(source, old, &heir);
    if (code != ASSAY_OK || !assay_source_reserve_retired(source))
        return ASSAY_E_MEMORY;

    if (heir.snapshot != NULL)
        assay_source_replace_snapshot(source, ASSAY_STEAL(heir.snapshot));
    if (heir.taken) {
        take_times(source, old, now_ms);
        take_documents(source, old, &heir);
    }
    take_tombstones(source, &heir);
    if (heir.lacks_room)
        return ASSAY_E_RANGE;
    return heir.taken ? ASSAY_OK : ASSAY_E_ABSENT;
}
