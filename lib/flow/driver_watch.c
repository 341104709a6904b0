/* SPDX-License-Identifier: MIT */
#include "flow/driver_private.h"
#include "http/settings.h"

/* Keeping the keys of validators fresh: refreshes that nobody asked for, within the schedule and back-off of each issuer. */

enum {
    OWN_MAX = 32,        /* refreshes at a time, of all validators together */
    STARTED_MAX = 4,     /* begun at a time: each takes a tenth of a millisecond */
    PAUSE_MS = 50,       /* least time between two looks at a validator that could not be helped */
    PAUSE_MAX_MS = 60000 /* most: its clock need not be the real one, others fetch too */
};

int assay_driver_watch(assay_driver *driver, assay_validator *validator, bool counted, assay_failure *failure)
{
    /* Parsing the CA certificates takes longer than a loop should pause. Where there are none that can be used, each fetch over TLS will say so. */
    assay_runtime *runtime = validator->keyring->runtime;
    int code = assay_http_ca_load(&runtime->http.ca, failure);
    if (code == ASSAY_E_MEMORY)
        return code;
    if (code != ASSAY_OK)
        assay_runtime_log(runtime, ASSAY_LOG_WARNING, "%s", assay_code_summary(code));
    assay_watched *watched = assay_zalloc(sizeof *watched);
    if (watched == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    if (counted)
        (void)atomic_fetch_add_explicit(&validator->references, 1, memory_order_relaxed);
    *watched = (assay_watched){validator, counted, INT64_MIN, driver->watched};
    driver->watched = watched;
    atomic_fetch_add(&validator->keyring->watchers, 1);
    assay_driver_wake(driver);
    return ASSAY_OK;
}

void assay_driver_forget_watched(assay_driver *driver)
{
    for (assay_watched *watched = driver->watched, *next; watched != NULL; watched = next) {
        next = watched->next;
        if (assay_driver_check(driver, NULL) == ASSAY_OK) /* a fork counts from nought */
            atomic_fetch_sub(&watched->validator->keyring->watchers, 1);
        if (watched->counted)
            assay_validator_drop(watched->validator);
        assay_release(watched);
    }
    driver->watched = NULL;
}

/* Start what is due of one validator, as far as there is room. */
static void refresh(assay_driver *driver, assay_watched *watched, int64_t now)
{
    int64_t timeout_ms =
        4 * watched->validator->keyring->runtime->fetch_timeout_ms; /* two documents, and a wait for another's */
    int64_t due_at = now;
    size_t own = driver->own;
    for (int i = 0; due_at <= now && driver->own < OWN_MAX; i++) {
        if (i == STARTED_MAX) {
            driver->starting = driver->own > own; /* else none of them could be begun */
            break;
        }
        assay_op *op;
        assay_trusted_issuer *issuer = assay_validator_due(watched->validator, now, &due_at);
        if (issuer == NULL || due_at > now)
            break;
        if (assay_op_make_refresh(watched->validator, issuer, timeout_ms, watched->counted, &op, NULL) != ASSAY_OK)
            break;
        assay_driver_add_own(driver, op);
    }
    watched->due_at = due_at <= now ? now + PAUSE_MS : due_at > now + PAUSE_MAX_MS ? now + PAUSE_MAX_MS : due_at;
}

int64_t assay_driver_refresh_watched(assay_driver *driver)
{
    bool scan = driver->scan || driver->starting;
    int64_t first = INT64_MAX;
    driver->scan = driver->starting = false;
    for (assay_watched *watched = driver->watched; watched != NULL; watched = watched->next) {
        int64_t now = assay_clock_steady(&watched->validator->keyring->runtime->clock);
        if (scan || now >= watched->due_at)
            refresh(driver, watched, now);
        int64_t wait = watched->due_at > now + PAUSE_MAX_MS ? PAUSE_MAX_MS : watched->due_at - now; /* it may go back */
        first = wait < first ? wait : first;
    }
    return first == INT64_MAX ? INT64_MAX : assay_clock_real_ms() + first;
}
