/* SPDX-License-Identifier: MIT */
#include "flow/attempt.h"
#include "flow/flight.h"
#include "flow/refresher.h"
#include "flow/stored_keys.h"
#include "flow/token_cache.h"

/*
 * The decision about a token for a caller who may wait: the steps of attempt.h, with one fetch in between where only that could decide (architecture, section
 * 4).
 */

/* Make the fetch that could decide, or wait for that of another process, and look once more; @p code is that of the keys at hand. */
static int fetch_and_look(assay_attempt *attempt, assay_lack lack, int code, int64_t deadline)
{
    assay_failure why;
    assay_issuer_keys *keys = &attempt->issuer->keys;
    int fetched = assay_flight_join(keys, assay_lack_reason(lack), attempt->seen, deadline, &why);
    if (fetched == ASSAY_E_KEYS_NEEDED && lack == ASSAY_LACK_KID &&
        assay_stored_keys_await(keys, attempt->seen, deadline))
        fetched = assay_fail(&why, ASSAY_OK);
    if (fetched == ASSAY_E_KEYS_NEEDED)
        return assay_attempt_answer(attempt, lack, code, true);
    return assay_attempt_look_again(attempt, lack, fetched, &why);
}

/* A driver that is alive begins a refresh in a moment; one whose loop hangs must not keep the keys from being refreshed. */
static bool is_left_to_driver(const assay_issuer_keys *keys, int64_t due_at, int64_t now_ms)
{
    enum { MOMENT_MS = 60000 };
    return atomic_load(&keys->keyring->watchers) > 0 && now_ms - due_at < MOMENT_MS;
}

/* One caller pays for a refresh that is due, unless a thread or a driver does; whether it succeeds does not matter to its token, which was decided already. */
static void refresh_if_due(const assay_attempt *attempt, int64_t deadline)
{
    assay_issuer_keys *keys = &attempt->issuer->keys;
    int64_t now = attempt->now_ms, due_at = atomic_load(&keys->due_at);
    if (due_at > now || atomic_load(&keys->scheduled_allowed_at) > now || assay_issuer_keys_is_flying(keys))
        return;
    if (!assay_refresher_poke(&keys->keyring->refreshing) && !is_left_to_driver(keys, due_at, now))
        (void)assay_flight_join(keys, ASSAY_SOURCE_SCHEDULED, attempt->seen, deadline, NULL);
}

static int decide(assay_attempt *attempt, int64_t deadline, assay_claims **claims)
{
    assay_lack lack;
    int code = assay_attempt_look(attempt, &lack);
    if (deadline != 0)
        code = assay_attempt_look_in_store(attempt, &lack, code);
    if (lack != ASSAY_LACK_NOTHING)
        code = deadline == 0 ? assay_attempt_answer(attempt, lack, code, false)
                             : fetch_and_look(attempt, lack, code, deadline);
    return code == ASSAY_OK ? assay_attempt_accept(attempt, claims) : code;
}

int assay_validate(assay_validator *validator, const char *token, size_t len, const assay_request *request,
                   int64_t deadline, assay_claims **claims, assay_failure *failure)
{
    *claims = NULL;
    assay_attempt attempt;
    assay_attempt_begin(&attempt, validator, token, len, request, failure);
    int code = ASSAY_OK;
    if (!assay_token_cache_find(&attempt, claims)) {
        code = assay_attempt_open(&attempt);
        if (code == ASSAY_OK)
            code = decide(&attempt, deadline, claims);
    }
    if (code == ASSAY_OK && deadline != 0)
        refresh_if_due(&attempt, deadline);
    assay_attempt_close(&attempt);
    return code;
}
