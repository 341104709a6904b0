/* SPDX-License-Identifier: MIT */
#include "flow/issuer_keys.h"

#include <stdio.h>
#include <time.h>

static bool init_wait(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0)
        return false;
    /* Waits are bounded by real time that does not jump. */
    bool done =
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 && pthread_cond_init(condition, &attributes) == 0;
    (void)pthread_condattr_destroy(&attributes);
    return done;
}

int assay_issuer_keys_init(assay_issuer_keys *keys, const assay_source_config *config, assay_readers *readers,
                           assay_runtime *runtime)
{
    memset(keys, 0, sizeof *keys);
    keys->readers = readers;
    keys->runtime = runtime;
    int code = assay_source_new(config, &keys->source);
    if (code != ASSAY_OK)
        return code;
    if (pthread_mutex_init(&keys->lock, NULL) != 0 || !init_wait(&keys->landed)) {
        assay_source_free(ASSAY_STEAL(keys->source));
        return ASSAY_E_MEMORY;
    }
    assay_issuer_keys_publish(keys);
    return ASSAY_OK;
}

void assay_issuer_keys_clear(assay_issuer_keys *keys)
{
    if (keys->source == NULL)
        return;
    (void)pthread_mutex_destroy(&keys->lock);
    (void)pthread_cond_destroy(&keys->landed);
    assay_source_free(ASSAY_STEAL(keys->source));
}

void assay_issuer_keys_lock(assay_issuer_keys *keys)
{
    (void)pthread_mutex_lock(&keys->lock);
}

void assay_issuer_keys_unlock(assay_issuer_keys *keys)
{
    (void)pthread_mutex_unlock(&keys->lock);
}

void assay_issuer_keys_publish(assay_issuer_keys *keys)
{
    const assay_source *source = keys->source;
    atomic_store(&keys->snapshot, assay_source_snapshot(source));
    atomic_store(&keys->due_at, assay_source_due_at(source));
    atomic_store(&keys->expires_at, assay_source_expires_at(source));
    atomic_store(&keys->cold_allowed_at, assay_source_allowed_at(source, ASSAY_SOURCE_COLD));
    atomic_store(&keys->scheduled_allowed_at, assay_source_allowed_at(source, ASSAY_SOURCE_SCHEDULED));
    atomic_store(&keys->unknown_kid_allowed_at, assay_source_allowed_at(source, ASSAY_SOURCE_UNKNOWN_KID));
    atomic_store(&keys->last_failure, assay_source_last_failure(source, NULL));
    for (assay_snapshot *old; (old = assay_source_take_retired(keys->source)) != NULL;)
        assay_readers_retire(keys->readers, &old->retiree);
    assay_readers_reclaim(keys->readers);
}

int assay_issuer_keys_unavailable(assay_issuer_keys *keys, int64_t now_ms, assay_failure *failure)
{
    if (failure == NULL)
        return ASSAY_E_KEYS_UNAVAILABLE;
    assay_failure why;
    assay_failure_clear(&why);
    int code = atomic_load(&keys->last_failure);
    bool explained = pthread_mutex_trylock(&keys->lock) == 0;
    if (explained) {
        code = assay_source_last_failure(keys->source, &why);
        assay_issuer_keys_unlock(keys);
    }
    *failure = why;
    if (code == ASSAY_OK)
        (void)snprintf(failure->note, sizeof failure->note, "they have not been fetched yet");
    else if (why.note[0] != '\0')
        (void)snprintf(failure->note, sizeof failure->note, "%s: %.200s", assay_code_summary(code), why.note);
    else
        (void)snprintf(failure->note, sizeof failure->note, "%s", assay_code_summary(code));
    if (failure->hint == NULL && code != ASSAY_OK)
        failure->hint = assay_code_hint(code);
    /* When the next fetch may be made is when it is worth asking again. */
    int64_t allowed_at = atomic_load(&keys->cold_allowed_at);
    bool later = allowed_at > now_ms; /* also guards the difference, since "at once" is the smallest number */
    failure->retry_after = !later ? 1 : allowed_at - now_ms > 300000 ? 300 : (allowed_at - now_ms) / 1000 + 1;
    return ASSAY_E_KEYS_UNAVAILABLE;
}
