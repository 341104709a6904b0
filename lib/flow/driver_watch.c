/* SPDX-License-Identifier: MIT */
#include "flow/driver_private.h"
#include "http/settings.h"

/* Keeping the keys of validators and the tokens of credentials fresh: what nobody asked for, within the schedule and back-off of each. */

enum {
    OWN_MAX = 32,               /* refreshes at a time, of all validators together */
    STARTED_MAX = 4,            /* begun at a time: each takes a tenth of a millisecond */
    PAUSE_MS = 50,              /* least time between two looks at a validator that could not be helped */
    PAUSE_MAX_MS = 60000,       /* most: its clock need not be the real one, others fetch too */
    RENEWAL_TIMEOUT_MS = 120000 /* for a token: several requests, with pauses, while nobody waits */
};

/* Parsing the CA certificates takes longer than a loop should pause. Where there are none that can be used, each fetch over TLS will say so. */
static int load_ca(assay_runtime *runtime, assay_failure *failure)
{
    int code = assay_http_ca_load(&runtime->http.ca, failure);
    if (code == ASSAY_E_MEMORY)
        return code;
    if (code != ASSAY_OK)
        assay_runtime_log(runtime, ASSAY_LOG_WARNING, "%s", assay_code_summary(code));
    return ASSAY_OK;
}

static int add(assay_driver *driver, const assay_watched *what, assay_failure *failure)
{
    assay_watched *watched = assay_zalloc(sizeof *watched);
    if (watched == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    watched->validator = what->validator;
    watched->credential = what->credential;
    watched->counted = what->counted;
    watched->due_at = INT64_MIN;
    watched->next = driver->watched;
    driver->watched = watched;
    assay_driver_wake(driver);
    return ASSAY_OK;
}

int assay_driver_watch(assay_driver *driver, assay_validator *validator, bool counted, assay_failure *failure)
{
    int code = load_ca(validator->keyring->runtime, failure);
    if (code == ASSAY_OK)
        code = add(driver, &(assay_watched){.validator = validator, .counted = counted}, failure);
    if (code != ASSAY_OK)
        return code;
    if (counted)
        (void)atomic_fetch_add_explicit(&validator->references, 1, memory_order_relaxed);
    atomic_fetch_add(&validator->keyring->watchers, 1);
    return ASSAY_OK;
}

int assay_driver_watch_credential(assay_driver *driver, assay_credential *credential, bool counted,
                                  assay_failure *failure)
{
    int code = load_ca(credential->runtime, failure);
    if (code == ASSAY_OK)
        code = add(driver, &(assay_watched){.credential = credential, .counted = counted}, failure);
    if (code != ASSAY_OK)
        return code;
    if (counted)
        (void)assay_credential_take(credential);
    driver->watched->keeper.driver = driver;
    assay_credential_add_keeper(credential, &driver->watched->keeper);
    return ASSAY_OK;
}

int assay_driver_watch_keys(assay_driver *driver, void *validator, assay_failure *failure)
{
    return assay_driver_watch(driver, validator, false, failure);
}

int assay_driver_watch_tokens(assay_driver *driver, void *credential, assay_failure *failure)
{
    return assay_driver_watch_credential(driver, credential, false, failure);
}

static void forget(const assay_driver *driver, assay_watched *watched)
{
    bool own = assay_driver_check(driver, NULL) == ASSAY_OK; /* a fork counts from nought */
    if (own && watched->validator != NULL)
        atomic_fetch_sub(&watched->validator->keyring->watchers, 1);
    if (own && watched->credential != NULL)
        assay_credential_remove_keeper(watched->credential, &watched->keeper);
    if (!watched->counted)
        return;
    assay_validator_drop(watched->validator);
    assay_credential_drop(watched->credential);
}

void assay_driver_forget_watched(assay_driver *driver)
{
    for (assay_watched *watched = driver->watched, *next; watched != NULL; watched = next) {
        next = watched->next;
        forget(driver, watched);
        assay_release(watched);
    }
    driver->watched = NULL;
}

static const assay_clock *clock_of(const assay_watched *watched)
{
    return watched->validator != NULL ? &watched->validator->keyring->runtime->clock
                                      : &watched->credential->runtime->clock;
}

/* An operation for what is due first. 1: there it is; 0: nothing is due before *due_at; -1: it can't be made. */
static int make_next(const assay_watched *watched, int64_t now, int64_t *due_at, assay_op **op)
{
    if (watched->credential != NULL)
        return assay_op_make_renewal(watched->credential, now, RENEWAL_TIMEOUT_MS, watched->counted, due_at, op);
    /* Two documents, and a wait for another's. */
    int64_t timeout_ms = 4 * watched->validator->keyring->runtime->fetch_timeout_ms;
    assay_trusted_issuer *issuer = assay_validator_due(watched->validator, now, due_at);
    if (issuer == NULL || *due_at > now)
        return 0;
    int code = assay_op_make_refresh(watched->validator, issuer, timeout_ms, watched->counted, op, NULL);
    return code == ASSAY_OK ? 1 : -1;
}

/* Start what is due of one of them, as far as there is room. */
static void refresh(assay_driver *driver, assay_watched *watched, int64_t now)
{
    int64_t due_at = now;
    size_t own = driver->own;
    for (int i = 0; due_at <= now && driver->own < OWN_MAX; i++) {
        if (i == STARTED_MAX) {
            driver->starting = driver->own > own; /* else none of them could be begun */
            break;
        }
        assay_op *op;
        if (make_next(watched, now, &due_at, &op) <= 0)
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
        int64_t now = assay_clock_steady(clock_of(watched));
        bool called = watched->credential != NULL && atomic_exchange(&watched->keeper.called, false);
        if (scan || called || now >= watched->due_at)
            refresh(driver, watched, now);
        int64_t wait = watched->due_at > now + PAUSE_MAX_MS ? PAUSE_MAX_MS : watched->due_at - now; /* it may go back */
        first = wait < first ? wait : first;
    }
    return first == INT64_MAX ? INT64_MAX : assay_clock_real_ms() + first;
}
