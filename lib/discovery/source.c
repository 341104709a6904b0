/* SPDX-License-Identifier: MIT */
#include "discovery/answer.h"
#include "discovery/metadata.h"
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

bool assay_source_next(assay_source *source, assay_http_request *request)
{
    memset(request, 0, sizeof *request);
    if (source->step == SOURCE_IDLE)
        return false;
    bool metadata = source->step == SOURCE_METADATA;
    request->url = metadata ? source->metadata_url : source->jwks_uri;
    request->accept = metadata ? "application/json" : "application/jwk-set+json, application/json";
    request->if_none_match = metadata ? source->metadata_etag : source->keys_etag;
    request->body_limit = metadata ? ASSAY_LIMIT_METADATA_BYTES : ASSAY_LIMIT_JWKS_BYTES;
    request->allow_loopback_http = source->allow_loopback_http;
    return true;
}

/* Keep a tag for the next request; without memory there is simply none. */
static void set_etag(char **etag, const char *value)
{
    assay_release(*etag);
    *etag = value[0] == '\0' ? NULL : assay_strdup(value);
}

static int take_metadata(assay_source *source, const assay_http_response *response, int64_t now, assay_failure *failure)
{
    const assay_metadata_rules rules = {.issuer = source->issuer,
                                        .allow_loopback_http = source->allow_loopback_http,
                                        .jwks_hosts = (const char *const *)source->jwks_hosts,
                                        .jwks_host_count = source->jwks_host_count};
    ASSAY_AUTO_RELEASE char *jwks_uri = NULL;
    int code = assay_metadata_read(&rules, response->body, response->body_len, &jwks_uri, failure);
    if (code != ASSAY_OK)
        return code;
    if (source->jwks_uri == NULL || strcmp(source->jwks_uri, jwks_uri) != 0) {
        assay_release(source->jwks_uri);
        source->jwks_uri = ASSAY_STEAL(jwks_uri);
        set_etag(&source->keys_etag, ""); /* a tag is of one URL (RFC 9110, section 8.8.3) */
    }
    set_etag(&source->metadata_etag, response->etag);
    source->metadata_due_at = assay_schedule_add(now, assay_schedule_metadata(response->max_age));
    return ASSAY_OK;
}

/* Why a set that could be read gives no key. */
static int explain_no_key(const assay_key_set *fresh, assay_failure *failure)
{
    char first[160];
    if (fresh->count > 0)
        return assay_fail_note(failure, ASSAY_E_JWKS, "every usable key of the set was purged");
    if (fresh->skipped_count == 0)
        return assay_fail_note(failure, ASSAY_E_JWKS, "the set holds no key");
    assay_text_escape(fresh->skipped[0], strlen(fresh->skipped[0]), first, sizeof first);
    return assay_fail_note(failure, ASSAY_E_JWKS, "none of %zu keys can be used; %s", fresh->skipped_count, first);
}

static void clear_set_p(assay_key_set *set)
{
    assay_key_set_clear(set);
}

static int take_keys(assay_source *source, const assay_http_response *response, int64_t now, assay_failure *failure)
{
    char why[160] = "";
    ASSAY_CLEANUP(clear_set_p) assay_key_set fresh;
    assay_key_set_init(&fresh);
    int code =
        assay_key_set_add_json(&fresh, source->crypto, response->body, response->body_len, false, why, sizeof why);
    if (code == ASSAY_E_JWKS)
        return assay_fail_note(failure, code, "%s", why);
    if (code == ASSAY_OK)
        code = assay_source_adopt(source, &fresh, now);
    if (code == ASSAY_E_JWKS)
        return explain_no_key(&fresh, failure);
    if (code != ASSAY_OK)
        return assay_fail(failure, code);
    set_etag(&source->keys_etag, response->etag);
    source->keys_max_age = response->max_age;
    return ASSAY_OK;
}

/* The same set served again: retention goes on, and a key whose time has passed is not brought back. */
static int take_unchanged_keys(assay_source *source, const assay_http_response *response, int64_t now,
                               assay_failure *failure)
{
    /* What the answer does not repeat stays as it was (RFC 9111, section 4.3.4). */
    if (response->max_age >= 0)
        source->keys_max_age = response->max_age;
    return assay_fail(failure, assay_source_adopt(source, &source->served, now));
}

void assay_source_succeeded(assay_source *source, int64_t max_age_seconds, int64_t now)
{
    uint64_t random = assay_schedule_random(&source->random);
    source->due_at = assay_schedule_add(now, assay_schedule_refresh(max_age_seconds, random));
    source->expires_at = assay_schedule_add(now, source->hard_limit_ms);
    source->backoff_until = INT64_MIN;
    source->failures = 0;
    source->unknown_kid_failures = 0;
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

/* Scheduled and cold fetches back off; those for unknown kids have a window of their own, and forced ones are the host's affair. */
static void end_failed(assay_source *source, int code, const assay_failure *failure, int64_t retry_after, int64_t now)
{
    source->counters.failures++;
    source->metadata_wanted = source->metadata_wanted || source->step == SOURCE_KEYS;
    source->step = SOURCE_IDLE;
    if (source->reason == ASSAY_SOURCE_UNKNOWN_KID) {
        source->unknown_kid_failures += source->unknown_kid_failures < UINT32_MAX ? 1 : 0;
    } else if (source->reason != ASSAY_SOURCE_FORCED) {
        source->failures += source->failures < UINT32_MAX ? 1 : 0;
        uint64_t random = assay_schedule_random(&source->random);
        int64_t pause = assay_schedule_backoff(source->failures, retry_after, random);
        source->backoff_until = assay_schedule_add(now, pause);
    }
    remember_failure(source, code, failure);
}

static void count_fetch(assay_source *source)
{
    if (source->step == SOURCE_METADATA)
        source->counters.metadata_fetches++;
    else
        source->counters.key_fetches++;
}

static int take_metadata_step(assay_source *source, const assay_http_response *response, bool not_modified, int64_t now,
                              assay_failure *failure)
{
    int code = ASSAY_OK;
    if (not_modified)
        source->metadata_due_at = assay_schedule_add(now, assay_schedule_metadata(response->max_age));
    else
        code = take_metadata(source, response, now, failure);
    if (code != ASSAY_OK)
        return code;
    source->metadata_wanted = false;
    source->step = SOURCE_KEYS;
    return ASSAY_OK;
}

static int take_keys_step(assay_source *source, const assay_http_response *response, bool not_modified, int64_t now,
                          assay_failure *failure)
{
    int code =
        not_modified ? take_unchanged_keys(source, response, now, failure) : take_keys(source, response, now, failure);
    if (code != ASSAY_OK)
        return code;
    source->step = SOURCE_IDLE;
    assay_source_succeeded(source, source->keys_max_age, now);
    return ASSAY_OK;
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

/* Keys were pushed since these were asked for; the push has set all times. */
static bool end_overtaken(assay_source *source)
{
    if (source->step != SOURCE_KEYS || !source->overtaken)
        return false;
    source->step = SOURCE_IDLE;
    return true;
}

int assay_source_answered(assay_source *source, const assay_http_response *response, int64_t now_ms,
                          assay_failure *failure)
{
    assay_failure said;
    assay_http_request request;
    bool not_modified = false;
    int64_t now = assay_source_own_time(source, now_ms);
    assay_failure_clear(&said);
    if (!assay_source_next(source, &request))
        return assay_fail_note(failure, ASSAY_E_INTERNAL, "an answer without a flight");

    count_fetch(source);
    if (end_overtaken(source))
        return assay_fail(failure, ASSAY_OK);
    int code = assay_answer_check(&request, response, &not_modified, &said);
    if (code == ASSAY_OK && not_modified)
        source->counters.not_modified++;
    if (code == ASSAY_OK)
        code = source->step == SOURCE_METADATA ? take_metadata_step(source, response, not_modified, now, &said)
                                               : take_keys_step(source, response, not_modified, now, &said);
    if (can_do_without_metadata(source, code)) {
        do_without_metadata(source);
        return assay_fail(failure, ASSAY_OK);
    }
    if (code != ASSAY_OK) {
        bool asked_to_wait = response->status == 429 || response->status == 503; /* RFC 6585, section 4 */
        end_failed(source, code, &said, asked_to_wait ? response->retry_after : -1, now);
    }
    if (failure != NULL)
        *failure = said;
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
    (void)assay_source_own_time(source, now_ms);
    if (source->step == SOURCE_IDLE)
        return;
    count_fetch(source);
    source->counters.failures++;
    source->step = SOURCE_IDLE;
}
