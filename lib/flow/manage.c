/* SPDX-License-Identifier: MIT */
#include "flow/flight.h"
#include "flow/stored_keys.h"
#include "flow/token_cache.h"
#include "flow/validator.h"

/* What a host does with the keys of its issuers beside validating tokens. */

static int not_configured(const char *issuer, assay_failure *failure)
{
    return assay_fail_found(failure, ASSAY_E_NOT_CONFIGURED, NULL, issuer, issuer == NULL ? 0 : strlen(issuer));
}

/* The next of those with a name, which differ by audience or policy: what is done to one is done to each. NULL: no more. */
static assay_trusted_issuer *next_named(const assay_validator *validator, const char *issuer, assay_search *search)
{
    return issuer == NULL ? NULL : assay_lookup_next_named(validator, assay_span_of(issuer), search);
}

static bool has_keys(assay_validator *validator, assay_issuer_keys *keys)
{
    assay_reading reading = assay_readers_enter(validator->keyring->readers);
    const assay_snapshot *snapshot = atomic_load(&keys->snapshot);
    int64_t now = assay_clock_steady(&validator->keyring->runtime->clock);
    bool usable = snapshot != NULL && snapshot->count > 0 && now < atomic_load(&keys->expires_at);
    assay_readers_leave(reading);
    return usable;
}

/* Name the issuer in a failure about its keys. */
static int name_issuer(const assay_trusted_issuer *issuer, int code, assay_failure *failure)
{
    if (failure != NULL && failure->expected[0] == '\0')
        assay_text_escape(issuer->policy.issuer.ptr, issuer->policy.issuer.len, failure->expected,
                          sizeof failure->expected);
    return code;
}

static int unavailable(const assay_validator *validator, assay_issuer_keys *keys, assay_failure *failure)
{
    int64_t now = assay_clock_steady(&validator->keyring->runtime->clock);
    return assay_issuer_keys_unavailable(keys, atomic_load(&keys->cold_allowed_at), now, failure);
}

int assay_manage_warm_up(assay_validator *validator, int64_t deadline, assay_failure *failure)
{
    int first = ASSAY_OK;
    for (size_t i = 0; i < validator->count; i++) {
        assay_trusted_issuer *issuer = &validator->issuers[i];
        assay_failure why;
        assay_failure_clear(&why);
        uint64_t seen = assay_flight_seen(&issuer->keys);
        if (has_keys(validator, &issuer->keys))
            continue;
        int code = assay_flight_join(&issuer->keys, ASSAY_SOURCE_COLD, seen, deadline, &why);
        if (code == ASSAY_E_KEYS_NEEDED) /* backing off */
            code = unavailable(validator, &issuer->keys, &why);
        if (code == ASSAY_OK || first != ASSAY_OK)
            continue;
        first = name_issuer(issuer, code, &why);
        if (failure != NULL)
            *failure = why;
    }
    return first;
}

int assay_manage_ready(assay_validator *validator, assay_failure *failure)
{
    for (size_t i = 0; i < validator->count; i++) {
        assay_trusted_issuer *issuer = &validator->issuers[i];
        if (has_keys(validator, &issuer->keys))
            continue;
        return name_issuer(issuer, unavailable(validator, &issuer->keys, failure), failure);
    }
    return ASSAY_OK;
}

static int refresh_one(assay_trusted_issuer *issuer, int64_t deadline, assay_failure *failure)
{
    uint64_t seen = assay_flight_seen(&issuer->keys);
    int code = assay_flight_join(&issuer->keys, ASSAY_SOURCE_FORCED, seen, deadline, failure);
    return code == ASSAY_E_KEYS_NEEDED ? ASSAY_OK : code; /* keys that were given are never fetched */
}

int assay_manage_refresh(assay_validator *validator, const char *issuer, int64_t deadline, assay_failure *failure)
{
    int first = ASSAY_OK;
    bool any = false;
    for (size_t i = 0; i < validator->count; i++) {
        assay_failure why;
        if (issuer != NULL && !assay_span_is(validator->issuers[i].policy.issuer, issuer))
            continue;
        any = true;
        assay_failure_clear(&why);
        int code = refresh_one(&validator->issuers[i], deadline, &why);
        if (code == ASSAY_OK || first != ASSAY_OK)
            continue;
        first = issuer != NULL ? code : name_issuer(&validator->issuers[i], code, &why);
        if (failure != NULL)
            *failure = why;
    }
    return any ? first : not_configured(issuer, failure);
}

static int too_many_purged(assay_failure *failure)
{
    (void)assay_fail_note(
        failure, ASSAY_E_RANGE,
        "it is dropped now, but more than %d purged keys can't be remembered: a fetch may bring it back",
        ASSAY_LIMIT_TOMBSTONES);
    if (failure != NULL)
        failure->hint = "make a new validator, and let the issuer stop serving the purged keys";
    return ASSAY_E_RANGE;
}

/* The purge is done here. What of it other processes don't hear of must be said. */
static int not_stored(assay_failure *failure, const assay_failure *why)
{
    (void)assay_fail_note(failure, ASSAY_E_STORE, "it is dropped here, but other processes may go on with it: %.160s",
                          why->note);
    if (failure != NULL)
        failure->hint = "correct the store directory and purge again";
    return ASSAY_E_STORE;
}

static int purge_one(assay_trusted_issuer *found, const char *kid, assay_failure *failure)
{
    assay_failure why;
    (void)assay_stored_keys_load(&found->keys); /* what other processes have goes as well */
    assay_issuer_keys_lock(&found->keys);
    int code = assay_source_purge(found->keys.source, kid, assay_issuer_keys_now(&found->keys));
    assay_issuer_keys_publish_purge(&found->keys);
    assay_issuer_keys_unlock(&found->keys);
    if (code == ASSAY_OK || code == ASSAY_E_RANGE)
        assay_runtime_log(found->keys.keyring->runtime, ASSAY_LOG_WARNING, "%s: purged %s", found->keys.shown,
                          kid == NULL ? "every key" : "a key");
    if (code == ASSAY_E_MEMORY)
        return assay_fail(failure, code);
    int stored = assay_stored_keys_save(&found->keys, true, &why);
    if (code == ASSAY_E_RANGE)
        return too_many_purged(failure);
    if (stored != ASSAY_OK && stored != ASSAY_E_ABSENT)
        return not_stored(failure, &why);
    if (code == ASSAY_E_KEY_UNKNOWN)
        return assay_fail_found(failure, code, NULL, kid, kid == NULL ? 0 : strlen(kid));
    return assay_fail(failure, code);
}

/* What went wrong anywhere is told; that a key is unknown only where none of them had it. */
int assay_manage_purge(assay_validator *validator, const char *issuer, const char *kid, assay_failure *failure)
{
    assay_search search = {0};
    assay_trusted_issuer *found = next_named(validator, issuer, &search);
    if (found == NULL)
        return not_configured(issuer, failure);
    int answer = purge_one(found, kid, failure);
    while ((found = next_named(validator, issuer, &search)) != NULL) {
        assay_failure why;
        int code = purge_one(found, kid, &why);
        bool tells = code == ASSAY_OK ? answer == ASSAY_E_KEY_UNKNOWN : code != ASSAY_E_KEY_UNKNOWN;
        if (!tells)
            continue;
        answer = code;
        if (failure != NULL)
            *failure = why;
    }
    return answer;
}

int assay_manage_push(assay_validator *validator, const char *issuer, const assay_key_set *keys, assay_failure *failure)
{
    assay_search search = {0};
    assay_trusted_issuer *found = next_named(validator, issuer, &search);
    int code = found == NULL ? not_configured(issuer, failure) : ASSAY_OK;
    for (; found != NULL && code == ASSAY_OK; found = next_named(validator, issuer, &search)) {
        assay_issuer_keys_lock(&found->keys);
        code = assay_source_push(found->keys.source, keys, assay_issuer_keys_now(&found->keys));
        assay_issuer_keys_publish(&found->keys);
        assay_issuer_keys_unlock(&found->keys);
        if (code == ASSAY_OK)
            (void)assay_stored_keys_save(&found->keys, false, NULL);
        else if (code == ASSAY_E_CONFIG_KEYS)
            (void)assay_fail_note(failure, code, "no key of the set can be used");
        else
            (void)assay_fail(failure, code);
    }
    return code;
}

static int read_stat(assay_issuer_keys *keys, int stat, uint64_t *value)
{
    assay_issuer_keys_lock(keys);
    assay_source_counters counters = assay_source_count(keys->source);
    const assay_snapshot *snapshot = assay_source_snapshot(keys->source);
    size_t served = snapshot == NULL ? 0 : snapshot->served;
    size_t all = snapshot == NULL ? 0 : snapshot->count;
    size_t skipped = snapshot == NULL ? 0 : snapshot->skipped;
    assay_issuer_keys_unlock(keys);
    switch (stat) {
    case ASSAY_STAT_METADATA_FETCHES:
        *value = counters.metadata_fetches;
        return ASSAY_OK;
    case ASSAY_STAT_KEY_FETCHES:
        *value = counters.key_fetches;
        return ASSAY_OK;
    case ASSAY_STAT_FETCH_FAILURES:
        *value = counters.failures;
        return ASSAY_OK;
    case ASSAY_STAT_UNKNOWN_KID_FETCHES:
        *value = counters.unknown_kid_fetches;
        return ASSAY_OK;
    case ASSAY_STAT_UNKNOWN_KID_REFUSED:
        *value = atomic_load(&keys->unknown_kid_refused);
        return ASSAY_OK;
    case ASSAY_STAT_KEYS_SERVED:
        *value = served;
        return ASSAY_OK;
    case ASSAY_STAT_KEYS_RETAINED:
        *value = all - served;
        return ASSAY_OK;
    case ASSAY_STAT_KEYS_SKIPPED:
        *value = skipped;
        return ASSAY_OK;
    case ASSAY_STAT_NOT_MODIFIED:
        *value = counters.not_modified;
        return ASSAY_OK;
    case ASSAY_STAT_CACHE_HITS:
        *value = atomic_load(&keys->cache_hits);
        return ASSAY_OK;
    default:
        return ASSAY_E_ARGUMENT;
    }
}

int assay_manage_stat(const assay_validator *validator, const char *issuer, int stat, uint64_t *value)
{
    uint64_t sum = 0;
    bool any = false;
    *value = 0;
    if (stat == ASSAY_STAT_CACHE_HITS)
        assay_token_cache_count(validator->keyring->tokens);
    for (size_t i = 0; i < validator->count; i++) {
        uint64_t one;
        if (issuer != NULL && !assay_span_is(validator->issuers[i].policy.issuer, issuer))
            continue;
        any = true;
        int code = read_stat(&validator->issuers[i].keys, stat, &one);
        if (code != ASSAY_OK)
            return code;
        sum += one;
    }
    *value = sum;
    return any ? ASSAY_OK : ASSAY_E_NOT_CONFIGURED;
}

assay_trusted_issuer *assay_validator_due(const assay_validator *validator, int64_t now_ms, int64_t *due_at)
{
    assay_trusted_issuer *first = NULL;
    *due_at = INT64_MAX;
    for (size_t i = 0; i < validator->count && *due_at != INT64_MIN; i++) {
        assay_source_reason reason;
        const assay_issuer_keys *keys = &validator->issuers[i].keys;
        int64_t at = assay_issuer_keys_due(keys, now_ms, &reason);
        if (at <= now_ms && assay_issuer_keys_is_flying(keys))
            at = now_ms + 1000;
        if (at >= *due_at)
            continue;
        first = &validator->issuers[i];
        *due_at = at;
    }
    return first;
}
