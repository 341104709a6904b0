/* SPDX-License-Identifier: MIT */
#include "discovery/record_private.h"
#include "discovery/schedule.h"
#include "discovery/source_state.h"

/* Taking a record into a source. */

enum { SECOND_MS = 1000 };

/*
 * Age of the record in seconds, rounded up by the second that the wall clock has begun: so what a source wrote itself never seems newer than what it
 * has. Negative: from the future.
 */
static int64_t age_of(const assay_source_record *record, int64_t now_wall)
{
    int64_t ahead = record->succeeded - now_wall;
    if (ahead > ASSAY_LIMIT_STORE_FUTURE)
        return -1;
    return ahead > 0 ? 0 : 1 - ahead;
}

static uint64_t sum_of_text(const char *text, uint32_t seed)
{
    return text == NULL ? seed : assay_text_hash(text, strlen(text), seed);
}

/* Of their material and of what they may be used for. */
static uint64_t sum_of_keys(const assay_key_set *set)
{
    uint64_t sum = 0, part;
    for (size_t i = 0; i < set->count; i++) {
        const assay_jwk *jwk = set->keys[i];
        memcpy(&part, jwk->thumbprint, sizeof part);
        sum += part + sum_of_text(jwk->issuer, 1) + sum_of_text(jwk->cloud, 2) + sum_of_text(jwk->algorithm, 3);
    }
    return sum;
}

/*
 * A record is news once: served keys would otherwise come back with each success of the source, for as long as the record can't be replaced. Who writes
 * it again may round its time otherwise, by a second.
 */
static bool is_news(const assay_source *source, const assay_source_record *record)
{
    int64_t between = record->succeeded - source->taken_stamp;
    return source->taken_stamp < 0 || between < -1 || between > 1 || source->taken_keys != sum_of_keys(&record->served);
}

static void remember_record(assay_source *source, const assay_source_record *record)
{
    source->taken_stamp = record->succeeded;
    source->taken_keys = sum_of_keys(&record->served);
}

typedef struct copies {
    char *jwks_uri, *metadata_etag, *keys_etag;
    assay_key_set served;
    assay_snapshot *old; /* what the served keys are merged into */
} copies;

static void clear_copies(copies *made)
{
    assay_release(made->jwks_uri);
    assay_release(made->metadata_etag);
    assay_release(made->keys_etag);
    assay_key_set_clear(&made->served);
    assay_snapshot_free(made->old);
}

/*
 * The keys that were missing at @p succeeded_at, on the source's clock, and the source's own. What of these the record doesn't name is missing since the source's own success, when it
 * was seen last: a process that idled must not bring back what the others have dropped.
 */
static int recall(const assay_source *source, const assay_source_record *record, int64_t succeeded_at,
                  assay_snapshot **old)
{
    ASSAY_AUTO_RELEASE assay_snapshot_key *missing = assay_zalloc_array(record->missing_count, sizeof *missing);
    if (missing == NULL)
        return ASSAY_E_MEMORY;
    for (size_t i = 0; i < record->missing_count; i++) {
        int64_t since = assay_schedule_add(succeeded_at, -record->missing[i].missing_since_ms);
        missing[i] = (assay_snapshot_key){record->missing[i].jwk, since, since};
    }
    return assay_snapshot_recall(assay_source_living(source), source->succeeded_at, missing, record->missing_count,
                                 old);
}

static int make_copies(const assay_source *source, const assay_source_record *record, int64_t succeeded_at,
                       copies *made)
{
    if (!assay_source_copy_text(record->jwks_uri, &made->jwks_uri) ||
        !assay_source_copy_text(record->metadata_etag, &made->metadata_etag) ||
        !assay_source_copy_text(record->keys_etag, &made->keys_etag))
        return ASSAY_E_MEMORY;
    int code = assay_key_set_copy(&record->served, &made->served);
    return code != ASSAY_OK ? code : recall(source, record, succeeded_at, &made->old);
}

/* As if the source had made the fetch itself, at @p succeeded_at. */
static int adopt_keys(assay_source *source, const assay_source_record *record, int64_t succeeded_at)
{
    ASSAY_CLEANUP(clear_copies) copies made = {.jwks_uri = NULL};
    assay_key_set_init(&made.served);
    int code = make_copies(source, record, succeeded_at, &made);
    if (code == ASSAY_OK)
        code = assay_source_adopt_over(source, made.old, &made.served, succeeded_at);
    if (code == ASSAY_E_JWKS) /* what it serves was purged here */
        return ASSAY_E_ABSENT;
    if (code != ASSAY_OK)
        return code;
    if (record->jwks_uri != NULL) {
        assay_source_replace_text(&source->jwks_uri, ASSAY_STEAL(made.jwks_uri));
        assay_source_replace_text(&source->metadata_etag, ASSAY_STEAL(made.metadata_etag));
        source->metadata_due_at = assay_schedule_add(succeeded_at, record->metadata_after * SECOND_MS);
        source->metadata_wanted = false;
    }
    assay_source_replace_text(&source->keys_etag, ASSAY_STEAL(made.keys_etag));
    source->keys_max_age = record->max_age;
    remember_record(source, record);
    assay_source_succeeded(source, source->keys_max_age, succeeded_at);
    return ASSAY_OK;
}

/* The keys of an older record, as missing ones: those that it serves since the source's own success, which no longer had them. The latest first. */
static assay_snapshot_key *list_older(const assay_source *source, const assay_source_record *record,
                                      int64_t succeeded_at, size_t *count)
{
    assay_snapshot_key *older = assay_zalloc_array(record->served.count + record->missing_count, sizeof *older);
    *count = 0;
    for (size_t i = 0; older != NULL && i < record->served.count; i++)
        older[(*count)++] = (assay_snapshot_key){record->served.keys[i], source->succeeded_at, 0};
    for (size_t i = 0; older != NULL && i < record->missing_count; i++) {
        int64_t since = assay_schedule_add(succeeded_at, -record->missing[i].missing_since_ms);
        older[(*count)++] = (assay_snapshot_key){record->missing[i].jwk, since, 0};
    }
    return older;
}

/* What another process saw before the source's own success is what a merge would have kept of it. */
static int learn_keys(assay_source *source, const assay_source_record *record, int64_t succeeded_at, int64_t now)
{
    size_t count, learned = 0;
    ASSAY_CLEANUP(assay_snapshot_free_p) assay_snapshot *made = NULL;
    if (source->snapshot == NULL)
        return ASSAY_E_ABSENT;
    ASSAY_AUTO_RELEASE assay_snapshot_key *older = list_older(source, record, succeeded_at, &count);
    if (older == NULL || !assay_source_reserve_retired(source))
        return ASSAY_E_MEMORY;
    int code = assay_snapshot_learn(source->snapshot, older, count, source->tombstones, source->tombstone_count, now,
                                    source->retention_ms, &learned, &made);
    if (code != ASSAY_OK)
        return code;
    remember_record(source, record);
    if (learned == 0)
        return ASSAY_E_ABSENT;
    assay_source_replace_snapshot(source, ASSAY_STEAL(made));
    return ASSAY_OK;
}

int assay_source_record_adopt(assay_source *source, const assay_source_record *record, int64_t now_ms, int64_t now_wall,
                              assay_source_burial *burial)
{
    int64_t now = assay_source_own_time(source, now_ms);
    int code = assay_source_bury(source, record->tombstones, record->tombstone_count, burial);
    if (code != ASSAY_OK)
        return code;
    if (record->refused)
        return ASSAY_E_STORE;
    if (!record->has_keys)
        return ASSAY_E_ABSENT;
    int64_t age = now_wall < 0 ? -1 : age_of(record, now_wall);
    if (age < 0 || age >= source->hard_limit_ms / SECOND_MS)
        return ASSAY_E_STORE;
    int64_t succeeded_at = assay_schedule_add(now, -age * SECOND_MS);
    if (assay_record_is_secret(source) || !is_news(source, record))
        return ASSAY_E_ABSENT;
    if (succeeded_at <= source->succeeded_at)
        return learn_keys(source, record, succeeded_at, now);
    return source->step != SOURCE_IDLE ? ASSAY_E_ABSENT : adopt_keys(source, record, succeeded_at);
}
