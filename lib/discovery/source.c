/* SPDX-License-Identifier: MIT */
#include "discovery/schedule.h"
#include "discovery/source_state.h"

/* The flight of a key source: begin, what to ask next, what came of it. */

enum { MOMENT_MS = 10000 }; /* callers read the clock before they take the lock, so a little disorder is no jump */

int64_t assay_source_own_time(assay_source *source, int64_t now_ms)
{
    static const int64_t far = INT64_MAX / 4;
    now_ms = now_ms > far ? far : now_ms < -far ? -far : now_ms;
    int64_t own = assay_schedule_add(now_ms, source->behind);
    if (source->seen && own < source->latest) {
        if (source->latest - own > MOMENT_MS)
            source->behind = assay_schedule_add(source->latest, -now_ms);
        return source->latest;
    }
    source->seen = true;
    source->latest = own;
    return own;
}

void assay_source_observe(assay_source *source, int64_t now_ms)
{
    (void)assay_source_own_time(source, now_ms);
}

/* A time of ours on the caller's clock. */
static int64_t outside(const assay_source *source, int64_t own)
{
    return assay_schedule_add(own, -source->behind);
}

int64_t assay_source_lag(const assay_source *source)
{
    return source->behind;
}

int64_t assay_source_due_at(const assay_source *source)
{
    return source->mode == ASSAY_SOURCE_STATIC ? INT64_MAX : outside(source, source->due_at);
}

int64_t assay_source_expires_at(const assay_source *source)
{
    if (source->snapshot == NULL)
        return INT64_MIN;
    return source->mode == ASSAY_SOURCE_STATIC ? INT64_MAX : outside(source, source->expires_at);
}

int64_t assay_source_allowed_at(const assay_source *source, assay_source_reason reason)
{
    int64_t at = INT64_MIN;
    if (source->mode == ASSAY_SOURCE_STATIC)
        return INT64_MAX;
    switch (reason) {
    case ASSAY_SOURCE_COLD:
        at = source->backoff_until;
        break;
    case ASSAY_SOURCE_SCHEDULED:
        at = source->due_at > source->backoff_until ? source->due_at : source->backoff_until;
        break;
    case ASSAY_SOURCE_UNKNOWN_KID:
        at = assay_schedule_add(source->unknown_kid_stamp, assay_schedule_unknown_kid(source->unknown_kid_failures));
        break;
    case ASSAY_SOURCE_FORCED:
        break;
    }
    return outside(source, at);
}

int assay_source_last_failure(const assay_source *source, assay_failure *failure)
{
    if (failure != NULL) {
        assay_failure_clear(failure);
        if (source->last_code != ASSAY_OK && source->last_failure != NULL)
            *failure = *source->last_failure;
    }
    return source->last_code;
}

const assay_snapshot *assay_source_snapshot(const assay_source *source)
{
    return source->snapshot;
}

const char *assay_source_metadata_url(const assay_source *source)
{
    return source->metadata_url;
}

const char *assay_source_jwks_uri(const assay_source *source)
{
    return source->jwks_uri;
}

const assay_key_set *assay_source_served(const assay_source *source)
{
    return &source->served;
}

bool assay_source_has_tombstones(const assay_source *source)
{
    return source->tombstone_count > 0;
}

assay_source_counters assay_source_count(const assay_source *source)
{
    return source->counters;
}

void assay_source_begin(assay_source *source, assay_source_reason reason, int64_t now_ms)
{
    int64_t now = assay_source_own_time(source, now_ms);
    if (source->mode == ASSAY_SOURCE_STATIC)
        return;
    source->reason = reason;
    if (reason == ASSAY_SOURCE_UNKNOWN_KID) {
        source->unknown_kid_stamp = now;
        source->counters.unknown_kid_fetches++;
    }
    bool metadata = source->metadata_url != NULL &&
                    (source->jwks_uri == NULL || source->metadata_wanted || now >= source->metadata_due_at);
    source->step = metadata ? SOURCE_METADATA : SOURCE_KEYS;
    source->overtaken = false;
}

bool assay_source_wants_metadata(const assay_source *source)
{
    return source->step == SOURCE_METADATA;
}

bool assay_source_next(assay_source *source, assay_http_request *request)
{
    memset(request, 0, sizeof *request);
    if (source->step == SOURCE_IDLE)
        return false;
    bool metadata = assay_source_wants_metadata(source);
    request->url = metadata ? source->metadata_url : source->jwks_uri;
    request->accept = metadata ? "application/json" : "application/jwk-set+json, application/json";
    request->if_none_match = metadata ? source->metadata_etag : source->keys_etag;
    request->body_limit = metadata ? ASSAY_LIMIT_METADATA_BYTES : ASSAY_LIMIT_JWKS_BYTES;
    request->allow_loopback_http = source->allow_loopback_http;
    request->bearer = assay_source_bearer(source, request->url);
    return true;
}

void assay_source_replace_text(char **kept, char *text)
{
    assay_release(*kept);
    *kept = text;
}

static void take_metadata(assay_source *source, assay_source_reading *reading, int64_t now)
{
    source->metadata_due_at = assay_schedule_add(now, assay_schedule_metadata(reading->max_age));
    source->metadata_wanted = false;
    source->step = SOURCE_KEYS;
    if (reading->not_modified)
        return;
    if (source->jwks_uri == NULL || strcmp(source->jwks_uri, reading->jwks_uri) != 0) {
        assay_source_replace_text(&source->jwks_uri, ASSAY_STEAL(reading->jwks_uri));
        assay_source_replace_text(&source->keys_etag, NULL); /* a tag is of one URL (RFC 9110, section 8.8.3) */
    }
    assay_source_replace_text(&source->metadata_etag, ASSAY_STEAL(reading->etag));
}

/* The same set served again: retention goes on, and a key whose time has passed is not brought back. */
static int take_unchanged_keys(assay_source *source, const assay_source_reading *reading, int64_t now)
{
    /* What the answer does not repeat stays as it was (RFC 9111, section 4.3.4). */
    if (reading->max_age >= 0)
        source->keys_max_age = reading->max_age;
    return assay_source_adopt(source, &source->served, now);
}

static int take_new_keys(assay_source *source, assay_source_reading *reading, int64_t now)
{
    int code = assay_source_adopt(source, &reading->keys, now);
    if (code == ASSAY_E_JWKS)
        return assay_fail_note(&reading->failure, code, "every usable key of the set was purged");
    if (code != ASSAY_OK)
        return code;
    assay_source_replace_text(&source->keys_etag, ASSAY_STEAL(reading->etag));
    source->keys_max_age = reading->max_age;
    return ASSAY_OK;
}

static int take_keys(assay_source *source, assay_source_reading *reading, int64_t now)
{
    int code = reading->not_modified ? take_unchanged_keys(source, reading, now) : take_new_keys(source, reading, now);
    if (code != ASSAY_OK)
        return code;
    source->step = SOURCE_IDLE;
    assay_source_succeeded(source, source->keys_max_age, now);
    return ASSAY_OK;
}

void assay_source_succeeded(assay_source *source, int64_t max_age_seconds, int64_t now)
{
    uint64_t random = assay_schedule_random(&source->random);
    source->succeeded_at = now;
    source->due_at = assay_schedule_add(now, assay_schedule_refresh(max_age_seconds, random));
    source->expires_at = assay_schedule_add(now, source->hard_limit_ms);
    source->backoff_until = INT64_MIN;
    source->failures = 0;
    source->unknown_kid_failures = 0;
    source->abandoned = 0;
    source->last_code = ASSAY_OK;
    assay_release(ASSAY_STEAL(source->last_failure));
}

static void remember_failure(assay_source *source, int code, const assay_failure *failure)
{
    source->last_code = code;
    if (source->last_failure == NULL)
        source->last_failure = assay_zalloc(sizeof *source->last_failure);
    if (source->last_failure == NULL)
        return;
    if (failure != NULL)
        *source->last_failure = *failure;
    else
        assay_failure_clear(source->last_failure);
}

void assay_source_asked_elsewhere(assay_source *source, int64_t age_ms, int64_t now_ms)
{
    int64_t at = assay_schedule_add(assay_source_own_time(source, now_ms), -age_ms);
    if (at > source->unknown_kid_stamp)
        source->unknown_kid_stamp = at;
}

bool assay_source_may_know_kid(const assay_source *source)
{
    enum { ROUNDING_MS = 4000 }; /* of times that are whole seconds of a record and of a turn, each for the worse */
    return assay_schedule_add(source->succeeded_at, ROUNDING_MS) >= source->unknown_kid_stamp;
}

/* Scheduled and cold fetches back off; those for unknown kids have a window of their own, and forced ones are the host's affair. */
static bool backs_off(const assay_source *source)
{
    return source->reason == ASSAY_SOURCE_COLD || source->reason == ASSAY_SOURCE_SCHEDULED;
}

static void back_off(assay_source *source, int64_t retry_after, int64_t now)
{
    source->failures += source->failures < UINT32_MAX ? 1 : 0;
    source->abandoned = 0;
    uint64_t random = assay_schedule_random(&source->random);
    int64_t pause = assay_schedule_backoff(source->failures, retry_after, random);
    source->backoff_until = assay_schedule_add(now, pause);
}

static void end_failed(assay_source *source, int code, const assay_failure *failure, int64_t retry_after, int64_t now)
{
    source->counters.failures++;
    source->metadata_wanted = source->metadata_wanted || source->step == SOURCE_KEYS;
    source->step = SOURCE_IDLE;
    if (source->reason == ASSAY_SOURCE_UNKNOWN_KID)
        source->unknown_kid_failures += source->unknown_kid_failures < UINT32_MAX ? 1 : 0;
    else if (backs_off(source))
        back_off(source, retry_after, now);
    remember_failure(source, code, failure);
}

static void count_fetch(assay_source *source)
{
    if (source->step == SOURCE_METADATA)
        source->counters.metadata_fetches++;
    else
        source->counters.key_fetches++;
}

/*
 * Metadata that can't be had just now is no reason to do without keys: the place that it named last still counts. What a document says counts more,
 * so one that was read and refused ends the flight.
 */
static bool can_do_without_metadata(const assay_source *source, int code)
{
    return source->step == SOURCE_METADATA && source->jwks_uri != NULL &&
           assay_code_category(code) == ASSAY_CATEGORY_NETWORK && code != ASSAY_E_METADATA &&
           code != ASSAY_E_METADATA_ISSUER && code != ASSAY_E_JWKS_URI;
}

static void do_without_metadata(assay_source *source)
{
    source->counters.failures++;
    source->metadata_wanted = true;
    source->step = SOURCE_KEYS;
}

/* Keys were pushed or taken over since this was asked for; that has set all times. */
static bool end_overtaken(assay_source *source)
{
    if (!source->overtaken)
        return false;
    source->step = SOURCE_IDLE;
    return true;
}

static int take(assay_source *source, assay_source_reading *reading, int64_t now)
{
    source->counters.not_modified += reading->not_modified ? 1 : 0;
    if (!reading->metadata)
        return take_keys(source, reading, now);
    take_metadata(source, reading, now);
    return ASSAY_OK;
}

int assay_source_answered(assay_source *source, assay_source_reading *reading, int64_t now_ms, assay_failure *failure)
{
    int64_t now = assay_source_own_time(source, now_ms);
    if (source->step == SOURCE_IDLE)
        return assay_fail_note(failure, ASSAY_E_INTERNAL, "an answer without a flight");
    if (reading->metadata != assay_source_wants_metadata(source))
        return assay_fail_note(failure, ASSAY_E_INTERNAL, "an answer to another question");

    count_fetch(source);
    if (end_overtaken(source))
        return assay_fail(failure, ASSAY_OK);
    int code = reading->code == ASSAY_OK ? take(source, reading, now) : reading->code;
    if (can_do_without_metadata(source, code)) {
        do_without_metadata(source);
        return assay_fail(failure, ASSAY_OK);
    }
    if (code != ASSAY_OK)
        end_failed(source, code, &reading->failure, reading->retry_after, now);
    if (failure != NULL)
        *failure = reading->failure;
    return code;
}

int assay_source_failed(assay_source *source, int code, const assay_failure *failure, int64_t now_ms)
{
    int64_t now = assay_source_own_time(source, now_ms);
    if (source->step == SOURCE_IDLE)
        return code;
    count_fetch(source);
    if (end_overtaken(source))
        return ASSAY_OK;
    if (can_do_without_metadata(source, code)) {
        do_without_metadata(source);
        return ASSAY_OK;
    }
    end_failed(source, code == ASSAY_OK ? ASSAY_E_INTERNAL : code, failure, -1, now);
    return code == ASSAY_OK ? ASSAY_E_INTERNAL : code;
}

void assay_source_abandoned(assay_source *source, int64_t now_ms)
{
    int64_t now = assay_source_own_time(source, now_ms);
    if (source->step == SOURCE_IDLE)
        return;
    count_fetch(source);
    source->counters.failures++;
    source->step = SOURCE_IDLE;
    if (!backs_off(source) || ++source->abandoned < ASSAY_LIMIT_ABANDONED)
        return;
    assay_failure why;
    int code = assay_fail_note(&why, ASSAY_E_CANCELLED, "the last %d fetches were given up by their callers",
                               ASSAY_LIMIT_ABANDONED);
    /* It says nothing about the issuer, so the pause does not grow. */
    source->abandoned = 0;
    source->backoff_until = assay_schedule_add(now, ASSAY_LIMIT_BACKOFF_MIN * INT64_C(1000));
    remember_failure(source, code, &why);
}

void assay_source_forked(assay_source *source, uint64_t salt)
{
    source->random ^= assay_schedule_random(&salt);
    source->step = SOURCE_IDLE;
    if (source->due_at == INT64_MAX || source->due_at <= source->latest)
        return;
    uint64_t random = assay_schedule_random(&source->random);
    source->due_at = source->latest + assay_schedule_jitter(source->due_at - source->latest, random);
}
