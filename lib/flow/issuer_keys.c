/* SPDX-License-Identifier: MIT */
#include "flow/issuer_keys.h"

#include "flow/token_cache.h"

#include <stdio.h>
#include <time.h>

/* How its documents are fetched. */
static int copy_ways(assay_issuer_keys *keys, const assay_source_config *config, const char *bearer_file)
{
    bool own = config->ca.len > 0;
    keys->ca.pem = own ? assay_memdup(config->ca.ptr, config->ca.len) : NULL;
    keys->ca.len = config->ca.len;
    keys->bearer_file = bearer_file == NULL ? NULL : assay_strdup(bearer_file);
    return (own && keys->ca.pem == NULL) || (bearer_file != NULL && keys->bearer_file == NULL) ? ASSAY_E_MEMORY
                                                                                               : ASSAY_OK;
}

static void clear_ways(assay_issuer_keys *keys)
{
    assay_http_ca_clear(&keys->ca);
    assay_release(ASSAY_STEAL(keys->bearer_file));
}

int assay_issuer_keys_init(assay_issuer_keys *keys, const assay_source_config *config, const char *bearer_file,
                           assay_keyring *keyring)
{
    memset(keys, 0, sizeof *keys);
    keys->keyring = keyring;
    assay_text_escape(config->issuer, strlen(config->issuer), keys->shown, sizeof keys->shown);
    int code = assay_source_new(config, &keys->source);
    if (code != ASSAY_OK)
        return code;
    if (keyring->runtime->store != NULL)
        code = assay_source_record_name(keys->source, keys->record_name);
    if (code == ASSAY_OK || code == ASSAY_E_ABSENT)
        code = copy_ways(keys, config, bearer_file);
    if (code == ASSAY_OK)
        code = assay_clock_init_condition(&keys->landed) ? ASSAY_OK : ASSAY_E_MEMORY;
    if (code != ASSAY_OK) {
        clear_ways(keys);
        assay_source_free(ASSAY_STEAL(keys->source));
        return code;
    }
    assay_issuer_keys_lock(keys);
    keys->next = keyring->first;
    keys->link = &keyring->first;
    if (keys->next != NULL)
        keys->next->link = &keys->next;
    keyring->first = keys;
    assay_issuer_keys_publish(keys);
    assay_issuer_keys_unlock(keys);
    return ASSAY_OK;
}

void assay_issuer_keys_clear(assay_issuer_keys *keys)
{
    if (keys->source == NULL)
        return;
    assay_issuer_keys_lock(keys);
    *keys->link = keys->next;
    if (keys->next != NULL)
        keys->next->link = keys->link;
    assay_issuer_keys_unlock(keys);
    (void)pthread_cond_destroy(&keys->landed);
    clear_ways(keys);
    assay_source_free(ASSAY_STEAL(keys->source));
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void publish_times(assay_issuer_keys *keys)
{
    const assay_source *source = keys->source;
    bool hurried = keys->hurried_ms > 0;
    int64_t pause = hurried ? keys->hurried_until : INT64_MIN;
    int last = assay_source_last_failure(source, NULL);
    atomic_store(&keys->lag, assay_source_lag(source));
    atomic_store(&keys->due_at, assay_source_due_at(source));
    atomic_store(&keys->expires_at, assay_source_expires_at(source));
    atomic_store(&keys->cold_allowed_at, later(pause, assay_source_allowed_at(source, ASSAY_SOURCE_COLD)));
    atomic_store(&keys->scheduled_allowed_at, later(pause, assay_source_allowed_at(source, ASSAY_SOURCE_SCHEDULED)));
    atomic_store(&keys->unknown_kid_allowed_at, assay_source_allowed_at(source, ASSAY_SOURCE_UNKNOWN_KID));
    atomic_store(&keys->last_failure, last == ASSAY_OK && hurried ? ASSAY_E_TIMEOUT : last);
}

static void publish(assay_issuer_keys *keys, bool arrived)
{
    const assay_snapshot *snapshot = assay_source_snapshot(keys->source);
    bool changed = atomic_exchange(&keys->snapshot, snapshot) != snapshot;
    if (changed) /* after the snapshot: who reads the new number must not find old keys */
        atomic_fetch_add(&keys->version, 1);
    if (changed && arrived)
        atomic_fetch_add(&keys->generation, 1);
    publish_times(keys);
    if (changed)
        assay_token_cache_sweep(keys->keyring->tokens, keys);
    for (assay_snapshot *old; (old = assay_source_take_retired(keys->source)) != NULL;)
        assay_readers_retire(keys->keyring->readers, &old->retiree);
    assay_readers_reclaim(keys->keyring->readers);
}

void assay_issuer_keys_publish(assay_issuer_keys *keys)
{
    publish(keys, true);
}

void assay_issuer_keys_publish_purge(assay_issuer_keys *keys)
{
    publish(keys, false);
}

bool assay_issuer_keys_is_flying(const assay_issuer_keys *keys)
{
    return atomic_load(&keys->flying) && assay_clock_real_ms() < atomic_load(&keys->lease_until);
}

void assay_issuer_keys_forked(assay_issuer_keys *keys, uint64_t salt)
{
    (void)assay_clock_init_condition(
        &keys->landed); /* anew: destroying the inherited one would wait for threads of the parent */
    keys->waiting = NULL;
    keys->lease = 0;
    atomic_store(&keys->flying, false);
    assay_source_forked(keys->source, salt);
    publish_times(keys);
}

int64_t assay_issuer_keys_due(const assay_issuer_keys *keys, int64_t now_ms, assay_source_reason *reason)
{
    if (atomic_load(&keys->snapshot) == NULL || atomic_load(&keys->expires_at) <= now_ms) {
        *reason = ASSAY_SOURCE_COLD;
        return atomic_load(&keys->cold_allowed_at);
    }
    *reason = ASSAY_SOURCE_SCHEDULED;
    return later(atomic_load(&keys->due_at), atomic_load(&keys->scheduled_allowed_at));
}

/* The sentence where no fetch failed: what is known without the lock. */
static void explain_without_failure(const assay_issuer_keys *keys, int code, assay_failure *failure)
{
    if (code == ASSAY_E_TIMEOUT)
        (void)snprintf(failure->note, sizeof failure->note, "the time of the call that fetched them ran out");
    else if (atomic_load(&keys->snapshot) == NULL)
        (void)snprintf(failure->note, sizeof failure->note, "they have not been fetched yet");
    else if (atomic_load(&keys->awaited))
        (void)snprintf(failure->note, sizeof failure->note,
                       "another process asked for them, and they have not come yet");
    else
        (void)snprintf(failure->note, sizeof failure->note,
                       "the last successful fetch is longer ago than the hard limit");
}

int assay_issuer_keys_unavailable(assay_issuer_keys *keys, int64_t allowed_at, int64_t now_ms, assay_failure *failure)
{
    if (failure == NULL)
        return ASSAY_E_KEYS_UNAVAILABLE;
    assay_failure why;
    assay_failure_clear(&why);
    int code = ASSAY_OK;
    if (pthread_mutex_trylock(&keys->keyring->lock) == 0) {
        code = assay_source_last_failure(keys->source, &why);
        assay_issuer_keys_unlock(keys);
    }
    *failure = why;
    if (code == ASSAY_OK)
        explain_without_failure(keys, atomic_load(&keys->last_failure), failure);
    else if (why.note[0] != '\0')
        (void)snprintf(failure->note, sizeof failure->note, "%s: %.200s", assay_code_summary(code), why.note);
    else
        (void)snprintf(failure->note, sizeof failure->note, "%s", assay_code_summary(code));
    if (failure->hint == NULL && code != ASSAY_OK)
        failure->hint = assay_code_hint(code);
    bool is_later = allowed_at > now_ms; /* also guards the difference, since "at once" is the smallest number */
    failure->retry_after = !is_later ? 1 : allowed_at - now_ms > 300000 ? 300 : (allowed_at - now_ms) / 1000 + 1;
    return ASSAY_E_KEYS_UNAVAILABLE;
}
