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
    if (code != ASSAY_OK) {
        (void)assay_fail(failure, code);
        while (assay_source_failed(keys->source, code, failure, now_of(keys)) == ASSAY_OK) /* nothing can be fetched */
            continue;
        return code;
    }
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
        else if (*own_time)
            assay_source_abandoned(keys->source, now_of(keys)); /* no fault of the issuer */
        else
            code = assay_source_failed(keys->source, code, failure, now_of(keys));
        assay_http_response_clear(&response);
        errand_clear(&errand);
        if (code != ASSAY_OK)
            return code;
    }
    return ASSAY_OK;
}

/* What a flight left, taken with the lock held: the host's log function is called without it. */
struct left {
    size_t served, retained, skipped;
    bool serving;
};

static struct left look_at_what_is_left(const assay_issuer_keys *keys)
{
    const assay_snapshot *snapshot = assay_source_snapshot(keys->source);
    if (snapshot == NULL)
        return (struct left){0, 0, 0, false};
    return (struct left){snapshot->served, snapshot->count - snapshot->served, snapshot->skipped,
                         now_of(keys) < assay_source_expires_at(keys->source)};
}

static void log_landing(const assay_issuer_keys *keys, int code, const assay_failure *failure, const struct left *left)
{
    if (code == ASSAY_OK)
        assay_runtime_log(keys->runtime, ASSAY_LOG_INFO, "%s: keys fetched: %zu served, %zu retained, %zu skipped",
                          keys->shown, left->served, left->retained, left->skipped);
    else
        assay_runtime_log(keys->runtime, left->serving ? ASSAY_LOG_WARNING : ASSAY_LOG_ERROR,
                          "%s: keys could not be fetched, %s (%s): %s %s", keys->shown,
                          left->serving ? "the old ones serve on" : "and there are none", assay_code_name(code),
                          assay_code_summary(code), failure->note);
}

/* The leader ran out of its own time, which is no failure of the issuer. */
static void end_hurried(assay_issuer_keys *keys, int64_t had_ms)
{
    int64_t now = now_of(keys);
    bool still = keys->hurried_ms > 0 && now < keys->hurried_until;
    keys->passed_on =
        !keys->taken_over && keys->waiting > 0 && keys->latest_deadline - assay_clock_real_ms() >= 2 * had_ms;
    keys->hurried_ms = still && keys->hurried_ms > had_ms ? keys->hurried_ms : had_ms;
    keys->hurried_until = now + ASSAY_LIMIT_BACKOFF_MIN * 1000;
}

/* Lead a flight; called and returns with the lock held. */
static int lead(assay_issuer_keys *keys, assay_source_reason reason, int64_t deadline, assay_failure *failure)
{
    assay_failure local;
    assay_failure_clear(&local);
    bool own_time = false;
    int64_t had_ms = deadline - assay_clock_real_ms();

    keys->flight++;
    keys->taken_over = keys->passed_on;
    keys->passed_on = false;
    keys->latest_deadline = 0;
    assay_source_begin(keys->source, reason, now_of(keys));
    atomic_store(&keys->flying, true);
    assay_issuer_keys_publish(keys); /* the budget is spent, whatever happens next */

    int code = fly(keys, deadline, &own_time, &local);
    keys->landing_code = code;
    keys->landing = local;
    if (own_time)
        end_hurried(keys, had_ms);
    else
        keys->hurried_ms = 0;
    assay_issuer_keys_publish(keys);
    if (!keys->passed_on) /* else it stays under way until the heir goes on with it */
        atomic_store(&keys->flying, false);
    (void)pthread_cond_broadcast(&keys->landed);

    struct left left = look_at_what_is_left(keys);
    assay_issuer_keys_unlock(keys);
    log_landing(keys, code, &local, &left);
    assay_issuer_keys_lock(keys);
    if (failure != NULL)
        *failure = local;
    return code;
}

/* How waiting for a flight ended. */
enum waited { WAITED_LANDED, WAITED_TIMEOUT, WAITED_HEIR };

/* A flight was passed on, and this waiter, having the latest deadline, goes on with it. Two may have the same: the first one does. */
static bool is_heir(const assay_issuer_keys *keys, int64_t deadline)
{
    return keys->passed_on && deadline == keys->latest_deadline;
}

/* Wait for the flight that is under way; called and returns with the lock held. */
static enum waited wait_for_landing(assay_issuer_keys *keys, int64_t deadline)
{
    uint64_t flight = keys->flight;
    struct timespec until = {.tv_sec = (time_t)(deadline / 1000), .tv_nsec = (long)(deadline % 1000) * 1000000};
    if (deadline > keys->latest_deadline)
        keys->latest_deadline = deadline;
    keys->waiting++;
    int result = 0;
    while (atomic_load(&keys->flying) && keys->flight == flight && !is_heir(keys, deadline) && result != ETIMEDOUT)
        result = pthread_cond_timedwait(&keys->landed, &keys->lock, &until);
    keys->waiting--;
    if (is_heir(keys, deadline))
        return WAITED_HEIR;
    return atomic_load(&keys->flying) && keys->flight == flight ? WAITED_TIMEOUT : WAITED_LANDED;
}

/* Whether a caller with so much time may begin a flight: by the budget of its reason, or because only haste ended the last one. */
static bool may_lead(assay_issuer_keys *keys, assay_source_reason reason, int64_t has_ms)
{
    int64_t now = now_of(keys);
    assay_source_observe(keys->source, now);
    bool hurried = keys->hurried_ms > 0 && now < keys->hurried_until;
    if (hurried && reason != ASSAY_SOURCE_FORCED) /* each time with twice as much: a handful of fetches at most */
        return has_ms >= 2 * keys->hurried_ms && assay_source_allowed_at(keys->source, ASSAY_SOURCE_COLD) <= now;
    return assay_source_allowed_at(keys->source, reason) <= now;
}

/* An heir that woke too late to go on ends the flight for all. */
static void decline(assay_issuer_keys *keys)
{
    keys->passed_on = false;
    atomic_store(&keys->flying, false);
    (void)pthread_cond_broadcast(&keys->landed);
}

static int no_time(assay_failure *failure)
{
    return assay_fail_note(failure, ASSAY_E_TIMEOUT, "no time was left to fetch the keys");
}

/* Take part in the flight that is under way. */
static int share_flight(assay_issuer_keys *keys, assay_source_reason reason, uint64_t seen, int64_t deadline,
                        assay_failure *failure)
{
    while (atomic_load(&keys->flying)) {
        enum waited waited = wait_for_landing(keys, deadline);
        if (waited == WAITED_HEIR && deadline > assay_clock_real_ms())
            return lead(keys, reason, deadline, failure);
        if (waited == WAITED_HEIR)
            decline(keys);
        if (waited != WAITED_LANDED)
            return no_time(failure);
        if (atomic_load(&keys->generation) != seen)
            return assay_fail(failure, ASSAY_OK);
    }
    if (failure != NULL)
        *failure = keys->landing;
    return keys->landing_code;
}

static int join_locked(assay_issuer_keys *keys, assay_source_reason reason, uint64_t seen, int64_t deadline,
                       assay_failure *failure)
{
    /* Keys that arrived between the caller's look and this one may be those it lacks. */
    if (atomic_load(&keys->generation) != seen)
        return assay_fail(failure, ASSAY_OK);
    if (atomic_load(&keys->flying))
        return share_flight(keys, reason, seen, deadline, failure);
    int64_t has_ms = deadline - assay_clock_real_ms();
    if (!may_lead(keys, reason, has_ms))
        return assay_fail(failure, ASSAY_E_KEYS_NEEDED);
    /* Without time nothing can be fetched: that is no failure of the issuer, and starts no pause. */
    return has_ms <= 0 ? no_time(failure) : lead(keys, reason, deadline, failure);
}

int assay_flight_join(assay_issuer_keys *keys, assay_source_reason reason, uint64_t seen, int64_t deadline,
                      assay_failure *failure)
{
    assay_issuer_keys_lock(keys);
    int code = join_locked(keys, reason, seen, deadline, failure);
    assay_issuer_keys_unlock(keys);
    return code;
}
