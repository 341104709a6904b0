/* SPDX-License-Identifier: MIT */
#include "flow/flight.h"

#include "http/client.h"

#include <errno.h>
#include <time.h>

static int64_t now_of(const assay_issuer_keys *keys)
{
    return assay_clock_steady(&keys->runtime->clock);
}

/* One request with its own copies: the lock is not held while it is under way, and others may use the source meanwhile. */
struct errand {
    assay_http_request request;
    char *url;
    char *etag;
};

static void errand_clear(struct errand *errand)
{
    assay_release(errand->url);
    assay_release(errand->etag);
    memset(errand, 0, sizeof *errand);
}

static int errand_copy(struct errand *errand, const assay_http_request *request)
{
    memset(errand, 0, sizeof *errand);
    errand->request = *request;
    errand->url = assay_strdup(request->url);
    errand->etag = request->if_none_match == NULL ? NULL : assay_strdup(request->if_none_match);
    errand->request.url = errand->url;
    errand->request.if_none_match = errand->etag;
    if (errand->url != NULL && (request->if_none_match == NULL || errand->etag != NULL))
        return ASSAY_OK;
    errand_clear(errand);
    return ASSAY_E_MEMORY;
}

/* Carry out one request without the lock. *own_time: it was the caller's deadline that ran out, not the time for one document. */
static int fetch(assay_issuer_keys *keys, assay_http_client *client, const struct errand *errand, int64_t deadline,
                 assay_http_response *response, bool *own_time, assay_failure *failure)
{
    int64_t left = deadline - assay_clock_real_ms();
    *own_time = left < keys->runtime->fetch_timeout_ms;
    if (left <= 0)
        return assay_fail_note(failure, ASSAY_E_TIMEOUT, "no time was left to fetch %.160s", errand->url);
    int64_t timeout = *own_time ? left : keys->runtime->fetch_timeout_ms;
    assay_runtime_log(keys->runtime, ASSAY_LOG_DEBUG, "fetching %s", errand->url);
    int code = assay_http_client_get(client, &errand->request, timeout, assay_clock_wall(&keys->runtime->clock),
                                     response, failure);
    if (code != ASSAY_E_TIMEOUT)
        *own_time = false;
    return code;
}

/* Fetch document after document; called and returns with the lock held. */
static int fly(assay_issuer_keys *keys, int64_t deadline, bool *own_time, assay_failure *failure)
{
    ASSAY_CLEANUP(assay_http_client_free_p) assay_http_client *client = NULL;
    assay_http_request next;
    *own_time = false;
    int code = assay_http_client_new(&keys->runtime->http, &client);
    if (code != ASSAY_OK)
        return assay_source_failed(keys->source, assay_fail(failure, code), failure, now_of(keys));
    while (assay_source_next(keys->source, &next)) {
        struct errand errand;
        code = errand_copy(&errand, &next);
        if (code != ASSAY_OK)
            return assay_source_failed(keys->source, assay_fail(failure, code), failure, now_of(keys));
        assay_http_response response;
        assay_http_response_init(&response);
        assay_issuer_keys_unlock(keys);
        code = fetch(keys, client, &errand, deadline, &response, own_time, failure);
        assay_issuer_keys_lock(keys);
        if (code == ASSAY_OK)
            code = assay_source_answered(keys->source, &response, now_of(keys), failure);
        else if (*own_time && keys->waiting > 0)
            assay_source_abandoned(keys->source, now_of(keys)); /* a waiter goes on */
        else
            code = assay_source_failed(keys->source, code, failure, now_of(keys));
        assay_http_response_clear(&response);
        errand_clear(&errand);
        if (code != ASSAY_OK)
            return code;
    }
    return ASSAY_OK;
}

static void log_landing(const assay_issuer_keys *keys, int code, const assay_failure *failure, size_t served)
{
    if (code == ASSAY_OK)
        assay_runtime_log(keys->runtime, ASSAY_LOG_INFO, "keys fetched: %zu are served", served);
    else
        assay_runtime_log(keys->runtime, ASSAY_LOG_WARNING, "keys could not be fetched (%s): %s %s",
                          assay_code_name(code), assay_code_summary(code), failure->note);
}

/* Lead a flight; called and returns with the lock held. */
static int lead(assay_issuer_keys *keys, assay_source_reason reason, int64_t deadline, assay_failure *failure)
{
    assay_failure local;
    assay_failure_clear(&local);
    bool own_time = false;

    keys->flight++;
    assay_source_begin(keys->source, reason, now_of(keys));
    atomic_store(&keys->flying, true);
    assay_issuer_keys_publish(keys); /* the budget is spent, whatever happens next */

    int code = fly(keys, deadline, &own_time, &local);
    const assay_snapshot *snapshot = assay_source_snapshot(keys->source);
    size_t served = snapshot == NULL ? 0 : snapshot->served;
    keys->landing_code = code;
    keys->landing = local;
    keys->passed_on = own_time && keys->waiting > 0;
    assay_issuer_keys_publish(keys);
    atomic_store(&keys->flying, false);
    (void)pthread_cond_broadcast(&keys->landed);

    assay_issuer_keys_unlock(keys);
    log_landing(keys, code, &local, served);
    assay_issuer_keys_lock(keys);
    if (failure != NULL)
        *failure = local;
    return code;
}

/* Wait for the flight that is under way; called and returns with the lock held. False: the own time ran out. */
static bool wait_for_landing(assay_issuer_keys *keys, int64_t deadline)
{
    uint64_t flight = keys->flight;
    struct timespec until = {.tv_sec = (time_t)(deadline / 1000), .tv_nsec = (long)(deadline % 1000) * 1000000};
    keys->waiting++;
    int result = 0;
    while (atomic_load(&keys->flying) && keys->flight == flight && result != ETIMEDOUT)
        result = pthread_cond_timedwait(&keys->landed, &keys->lock, &until);
    keys->waiting--;
    return !atomic_load(&keys->flying) || keys->flight != flight;
}

static bool is_allowed(assay_issuer_keys *keys, assay_source_reason reason)
{
    int64_t now = now_of(keys);
    assay_source_observe(keys->source, now);
    return assay_source_allowed_at(keys->source, reason) <= now;
}

static int join_locked(assay_issuer_keys *keys, assay_source_reason reason, int64_t deadline, assay_failure *failure)
{
    bool waited = false;
    for (;;) {
        if (atomic_load(&keys->flying)) {
            if (!wait_for_landing(keys, deadline))
                return assay_fail_note(failure, ASSAY_E_TIMEOUT, "the keys were still being fetched");
            waited = true;
            if (atomic_load(&keys->flying))
                continue;
        }
        if (waited && !keys->passed_on) {
            if (failure != NULL)
                *failure = keys->landing;
            return keys->landing_code;
        }
        /* The budget was stamped when the flight that was passed on began: whoever takes it over goes on with that one. */
        if (!waited && !is_allowed(keys, reason))
            return assay_fail(failure, ASSAY_E_KEYS_NEEDED);
        /* Without time nothing can be fetched: that is no failure of the issuer, and starts no back-off. */
        if (deadline <= assay_clock_real_ms())
            return assay_fail_note(failure, ASSAY_E_TIMEOUT, "no time was left to fetch the keys");
        keys->passed_on = false;
        return lead(keys, reason, deadline, failure);
    }
}

int assay_flight_join(assay_issuer_keys *keys, assay_source_reason reason, int64_t deadline, assay_failure *failure)
{
    assay_issuer_keys_lock(keys);
    int code = join_locked(keys, reason, deadline, failure);
    assay_issuer_keys_unlock(keys);
    return code;
}
