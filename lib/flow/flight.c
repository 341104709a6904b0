/* SPDX-License-Identifier: MIT */
#include "flow/flight_private.h"
#include "flow/stored_keys.h"

#include <time.h>

static void land(assay_issuer_keys *keys, int code, const assay_failure *failure)
{
    keys->landing_code = code;
    keys->landing = *failure;
    keys->lease = 0;
    atomic_store(&keys->flying, false);
    assay_issuer_keys_publish(keys);
    assay_seats_wake(keys);
}

/* The lead is free: for a moment it is the heir's, then anybody's who looks. */
static void pass_on(assay_issuer_keys *keys, uint64_t heir)
{
    keys->lease = 0;
    keys->heir = heir;
    atomic_store(&keys->lease_until, assay_clock_real_ms() + ASSAY_LIMIT_LEASE_GRACE_MS);
    assay_issuer_keys_publish(keys);
    assay_seats_wake(keys);
}

/* Lend the next errand to the leader, with a lease. ASSAY_TURN_OVER: the flight has ended. */
static assay_turn lend(assay_seat *seat, int *code, assay_failure *failure)
{
    assay_issuer_keys *keys = seat->keys;
    assay_http_request request;
    assay_failure none;
    assay_failure_clear(&none);
    *code = ASSAY_OK;
    bool more = assay_source_next(keys->source, &request);
    if (more && assay_errand_copy(&seat->errand, &request)) {
        seat->errand.request.ca = keys->ca.pem == NULL ? NULL : &keys->ca;
        int64_t now = assay_clock_real_ms();
        int64_t most = keys->keyring->runtime->fetch_timeout_ms;
        seat->errand.metadata = assay_source_wants_metadata(keys->source);
        seat->errand.own_time = seat->deadline - now < most;
        seat->errand.until = seat->errand.own_time ? seat->deadline : now + most;
        atomic_store(&keys->lease_until, seat->errand.until + ASSAY_LIMIT_LEASE_GRACE_MS);
        return ASSAY_TURN_LEAD;
    }
    if (more) { /* without memory nothing can be fetched */
        *code = ASSAY_E_MEMORY;
        while (assay_source_failed(keys->source, *code, &none, assay_issuer_keys_now(keys)) == ASSAY_OK)
            continue;
    }
    assay_errand_clear(&seat->errand);
    seat->lease = 0;
    keys->hurried_ms = 0;
    land(keys, *code, &none);
    (void)assay_fail(failure, *code);
    return ASSAY_TURN_OVER;
}

/* Take the lead, of a new flight or of one whose leader is gone. */
static assay_turn lead(assay_seat *seat, int *code, assay_failure *failure)
{
    assay_issuer_keys *keys = seat->keys;
    int64_t now = assay_issuer_keys_now(keys);
    assay_seat_leave_place(seat);
    if (atomic_load(&keys->flying)) {
        assay_source_abandoned(keys->source, now);
        keys->heirs++;
    } else {
        keys->flight++;
        keys->heirs = 0;
        keys->passed_on = false;
    }
    seat->flight = keys->flight;
    seat->lease = keys->lease = ++keys->leases;
    seat->began = assay_clock_real_ms();
    assay_source_begin(keys->source, seat->reason, now);
    atomic_store(&keys->flying, true);
    assay_issuer_keys_publish(keys); /* the budget is spent, whatever happens next */
    return lend(seat, code, failure);
}

/* Whether a seat with so much time may begin a flight: by the budget of its reason, or because only haste ended the last one. */
static bool may_begin(assay_seat *seat, int64_t has_ms)
{
    assay_issuer_keys *keys = seat->keys;
    int64_t now = assay_issuer_keys_now(keys);
    assay_source_observe(keys->source, now);
    bool hurried = keys->hurried_ms > 0 && now < keys->hurried_until;
    if (hurried && seat->reason != ASSAY_SOURCE_FORCED) /* each time with twice as much: a handful of fetches at most */
        return has_ms >= 2 * keys->hurried_ms && assay_source_allowed_at(keys->source, ASSAY_SOURCE_COLD) <= now;
    if (assay_source_allowed_at(keys->source, seat->reason) > now)
        return false;
    return seat->reason != ASSAY_SOURCE_UNKNOWN_KID || has_ms <= 0 || assay_stored_keys_may_ask(keys);
}

/* Whether the lead of the flight under way is there for this seat to take. */
static bool may_take_over(const assay_seat *seat)
{
    const assay_issuer_keys *keys = seat->keys;
    return assay_clock_real_ms() >= atomic_load(&keys->lease_until) ||
           (keys->lease == 0 && seat->waits && seat->ticket == keys->heir);
}

static assay_turn no_time(assay_seat *seat, int *code, assay_failure *failure)
{
    assay_seat_leave_place(seat);
    *code = assay_fail_note(failure, ASSAY_E_TIMEOUT, "no time was left to fetch the keys");
    return ASSAY_TURN_OVER;
}

static assay_turn over(assay_seat *seat, int result, int *code, assay_failure *failure)
{
    assay_seat_leave_place(seat);
    *code = assay_fail(failure, result);
    return ASSAY_TURN_OVER;
}

static assay_turn board_locked(assay_seat *seat, int *code, assay_failure *failure)
{
    assay_issuer_keys *keys = seat->keys;
    int64_t has_ms = seat->deadline - assay_clock_real_ms();
    bool waited = seat->waits;

    if (seat->lease != 0 && seat->lease == keys->lease)
        return ASSAY_TURN_LEAD;
    seat->lease = 0;
    /* Keys that arrived between the caller's look and this one may be those it lacks. */
    if (atomic_load(&keys->generation) != seat->seen)
        return over(seat, ASSAY_OK, code, failure);
    if (atomic_load(&keys->flying)) {
        if (has_ms <= 0)
            return no_time(seat, code, failure);
        if (may_take_over(seat))
            return lead(seat, code, failure);
        assay_seat_take_place(seat);
        return ASSAY_TURN_WAIT;
    }
    if (waited) { /* the flight that it waited for has landed */
        assay_seat_leave_place(seat);
        if (failure != NULL)
            *failure = keys->landing;
        *code = keys->landing_code;
        return ASSAY_TURN_OVER;
    }
    if (!may_begin(seat, has_ms))
        return over(seat, ASSAY_E_KEYS_NEEDED, code, failure);
    /* Without time nothing can be fetched: that is no failure of the issuer, and starts no pause. */
    return has_ms <= 0 ? no_time(seat, code, failure) : lead(seat, code, failure);
}

/* What another process fetched meanwhile may spare this one the fetch that it is about to begin. */
static void look_in_store(assay_seat *seat)
{
    assay_issuer_keys *keys = seat->keys;
    assay_source_reason reason;
    bool begins = seat->flight == 0 && seat->reason <= ASSAY_SOURCE_SCHEDULED && !atomic_load(&keys->flying) &&
                  atomic_load(&keys->generation) == seat->seen;
    if (begins && assay_issuer_keys_due(keys, assay_issuer_keys_now(keys), &reason) <= assay_issuer_keys_now(keys))
        (void)assay_stored_keys_load(keys);
}

static assay_turn report(assay_seat *seat, const assay_http_response *response, int missed, const assay_failure *why,
                         int *code, assay_failure *failure);

/* Without the lock: read the token that goes with the errand. Where it can't be had, that is how the fetch failed. */
static assay_turn equip(assay_seat *seat, assay_turn turn, int *code, assay_failure *failure)
{
    assay_failure why;
    while (turn == ASSAY_TURN_LEAD && assay_errand_lacks_token(&seat->errand)) {
        int missed = assay_errand_take_token(&seat->errand, seat->keys->bearer_file, &why);
        if (missed != ASSAY_OK) /* without metadata the keys may follow */
            turn = report(seat, NULL, missed, &why, code, failure);
    }
    return turn;
}

static assay_turn board(assay_seat *seat, int *code, assay_failure *failure)
{
    *code = ASSAY_OK;
    if (assay_seat_is_inherited(seat)) {
        *code = assay_fail(failure, ASSAY_E_FORKED);
        return ASSAY_TURN_OVER;
    }
    look_in_store(seat);
    assay_issuer_keys_lock(seat->keys);
    assay_turn turn = board_locked(seat, code, failure);
    assay_issuer_keys_unlock(seat->keys);
    return turn;
}

assay_turn assay_flight_board(assay_seat *seat, int *code, assay_failure *failure)
{
    return equip(seat, board(seat, code, failure), code, failure);
}

/* The leader ran out of its own time, which is no failure of the issuer: one with more time goes on, once; otherwise it is over for all. */
static void end_hurried(assay_seat *seat, int code, const assay_failure *failure)
{
    assay_issuer_keys *keys = seat->keys;
    int64_t now = assay_issuer_keys_now(keys);
    int64_t had_ms = seat->deadline - seat->began;
    bool still = keys->hurried_ms > 0 && now < keys->hurried_until;
    keys->hurried_ms = still && keys->hurried_ms > had_ms ? keys->hurried_ms : had_ms;
    keys->hurried_until = now + ASSAY_LIMIT_BACKOFF_MIN * 1000;
    assay_source_abandoned(keys->source, now);
    uint64_t heir = keys->passed_on ? 0 : assay_seats_choose_heir(keys, 2 * had_ms);
    keys->passed_on = true;
    if (heir != 0)
        pass_on(keys, heir);
    else
        land(keys, code, failure);
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
                         assay_issuer_keys_now(keys) < assay_source_expires_at(keys->source)};
}

static void log_landing(const assay_issuer_keys *keys, int code, const assay_failure *failure, const struct left *left)
{
    const assay_runtime *runtime = keys->keyring->runtime;
    if (code == ASSAY_OK)
        assay_runtime_log(runtime, ASSAY_LOG_INFO, "%s: keys fetched: %zu served, %zu retained, %zu skipped",
                          keys->shown, left->served, left->retained, left->skipped);
    else
        assay_runtime_log(runtime, left->serving ? ASSAY_LOG_WARNING : ASSAY_LOG_ERROR,
                          "%s: keys could not be fetched, %s (%s): %s %s", keys->shown,
                          left->serving ? "the old ones serve on" : "and there are none", assay_code_name(code),
                          assay_code_summary(code), failure->note);
}

/* With the lock: take in what was read, or what failed. */
static assay_turn report_locked(assay_seat *seat, assay_source_reading *reading, int missed, const assay_failure *why,
                                int *code, assay_failure *failure)
{
    assay_issuer_keys *keys = seat->keys;
    int64_t now = assay_issuer_keys_now(keys);
    bool own_time = missed == ASSAY_E_TIMEOUT && seat->errand.own_time;
    assay_errand_clear(&seat->errand);
    assay_failure_clear(failure);
    if (why != NULL)
        *failure = *why;
    if (missed == ASSAY_OK)
        *code = assay_source_answered(keys->source, reading, now, failure);
    else if (own_time)
        *code = missed;
    else
        *code = assay_source_failed(keys->source, missed, failure, now);
    if (*code == ASSAY_OK)
        return lend(seat, code, failure);
    seat->lease = 0;
    if (own_time) {
        end_hurried(seat, *code, failure);
    } else {
        keys->hurried_ms = 0;
        land(keys, *code, failure);
    }
    return ASSAY_TURN_OVER;
}

static assay_turn report(assay_seat *seat, const assay_http_response *response, int missed, const assay_failure *why,
                         int *code, assay_failure *failure)
{
    assay_issuer_keys *keys = seat->keys;
    assay_source_reading reading = {0};
    assay_failure local;
    struct left left = {0, 0, 0, false};
    *code = ASSAY_OK;
    if (assay_seat_is_inherited(seat))
        return board(seat, code, failure);
    if (missed == ASSAY_OK) /* without the lock: others can use the keys meanwhile */
        assay_source_read(keys->source, seat->errand.metadata, &seat->errand.request, response, &reading);
    assay_issuer_keys_lock(keys);
    assay_turn turn = ASSAY_TURN_WAIT;
    bool in_time = seat->lease != 0 && seat->lease == keys->lease;
    if (in_time) {
        turn = report_locked(seat, &reading, missed, why, code, &local);
        left = look_at_what_is_left(keys);
    } else {
        assay_errand_clear(&seat->errand);
        turn = board_locked(seat, code, &local);
    }
    assay_issuer_keys_unlock(keys);
    if (missed == ASSAY_OK)
        assay_source_reading_clear(&reading);
    if (turn == ASSAY_TURN_OVER && in_time) {
        log_landing(keys, *code, &local, &left);
        if (*code == ASSAY_OK)
            (void)assay_stored_keys_save(keys, false, NULL);
    }
    if (turn == ASSAY_TURN_OVER && failure != NULL)
        *failure = local;
    return turn;
}

assay_turn assay_flight_report(assay_seat *seat, const assay_http_response *response, int missed,
                               const assay_failure *why, int *code, assay_failure *failure)
{
    return equip(seat, report(seat, response, missed, why, code, failure), code, failure);
}

/* Whoever led goes, or the heir does before it led. */
static void give_up_lead(assay_issuer_keys *keys)
{
    assay_failure gone;
    (void)assay_fail_note(&gone, ASSAY_E_TIMEOUT, "whoever fetched them went away");
    assay_source_abandoned(keys->source, assay_issuer_keys_now(keys));
    /* Whoever lets callers come and go must not get around the budgets, which a lead that passes on does not ask. */
    uint64_t heir = keys->heirs + 1 < ASSAY_LIMIT_ABANDONED ? assay_seats_choose_heir(keys, 1) : 0;
    if (heir != 0)
        pass_on(keys, heir);
    else
        land(keys, ASSAY_E_TIMEOUT, &gone);
}

void assay_flight_leave(assay_seat *seat)
{
    assay_issuer_keys *keys = seat->keys;
    if (keys == NULL || assay_seat_is_inherited(seat)) {
        assay_errand_clear(&seat->errand);
        return;
    }
    assay_issuer_keys_lock(keys);
    bool leads = seat->lease != 0 && seat->lease == keys->lease;
    bool inherits = seat->waits && keys->lease == 0 && seat->ticket == keys->heir && atomic_load(&keys->flying);
    assay_seat_leave_place(seat);
    if (leads || inherits)
        give_up_lead(keys);
    seat->lease = 0;
    assay_issuer_keys_unlock(keys);
    assay_errand_clear(&seat->errand);
}

int64_t assay_flight_look_at(const assay_seat *seat)
{
    int64_t lease_until = atomic_load(&seat->keys->lease_until);
    return seat->deadline < lease_until ? seat->deadline : lease_until;
}

void assay_flight_wait(assay_seat *seat)
{
    assay_issuer_keys *keys = seat->keys;
    int result = 0;
    assay_issuer_keys_lock(keys);
    while (result == 0 && atomic_load(&keys->flying) && keys->flight == seat->flight && !may_take_over(seat)) {
        int64_t at = assay_flight_look_at(seat);
        struct timespec until = {.tv_sec = (time_t)(at / 1000), .tv_nsec = (long)(at % 1000) * 1000000};
        result = pthread_cond_timedwait(&keys->landed, &keys->keyring->lock, &until);
    }
    assay_issuer_keys_unlock(keys);
}
