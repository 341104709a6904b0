/* SPDX-License-Identifier: MIT */
#include "flow/acquisition.h"
#include "flow/driver.h"
#include "flow/shared_tokens.h"

/* Getting a token: the kept one at once where there is one that serves, else a flight. */

enum {
    CALL_AGAIN_MS = 1000,       /* between calls for a renewal that nobody makes */
    UNUSED_MS = 6 * 3600 * 1000 /* a token that nobody asked for so long is not renewed any more */
};

/* Callers who ask for one scope in a row write nothing that others read. */
static void mark_used(assay_kept *kept, int64_t now_ms)
{
    int64_t since = now_ms - atomic_load_explicit(&kept->used_ms, memory_order_relaxed);
    if (since >= 1000 || since < 0) /* a clock that was set back must not make it look used for ever */
        atomic_store_explicit(&kept->used_ms, now_ms, memory_order_relaxed);
}

/* What only its caller knows how to ask for, is not renewed behind anybody's back: on behalf of a user, and by a challenge, which is of one moment. */
static bool is_renewable(const assay_kept *kept)
{
    return !assay_kept_is_of_user(kept) && kept->wanted->claims == NULL;
}

/* It is to be renewed, back-off allows it, and nobody was called for it just now. */
static bool needs_call(assay_kept *kept, const assay_access_token *token, int64_t now_wall, int64_t now_ms)
{
    if (!is_renewable(kept) || !assay_access_token_is_due(token, now_wall, now_ms) ||
        now_ms < atomic_load_explicit(&kept->renew_allowed_ms, memory_order_relaxed))
        return false;
    int64_t real = assay_clock_real_ms(), called = atomic_load(&kept->called_ms);
    return real - called >= CALL_AGAIN_MS && atomic_compare_exchange_strong(&kept->called_ms, &called, real);
}

/*
 * Inside a reader section: a reference to its token where that serves. The clocks are read after the token: to a moment before it was obtained it would seem that
 * they were set back. A thread that stood still between the two looks again, since the token may have been replaced in time.
 */
static assay_access_token *take_serving(assay_credential *credential, assay_kept *kept, int64_t made_ms, bool *due)
{
    const assay_clock *clock = &credential->runtime->clock;
    assay_access_token *token = atomic_load_explicit(&kept->token, memory_order_acquire), *seen = NULL;
    for (; token != NULL && token != seen; token = atomic_load_explicit(&kept->token, memory_order_acquire)) {
        int64_t wall = assay_clock_wall(clock), steady = assay_clock_steady(clock);
        mark_used(kept, steady);
        if (token->obtained_real_ms >= made_ms && assay_access_token_serves(token, wall, steady)) {
            *due = needs_call(kept, token, wall, steady);
            return assay_access_token_ref(token);
        }
        seen = token;
    }
    return NULL;
}

assay_access_token *assay_acquire_kept(assay_credential *credential, const assay_token_request *request, bool *due)
{
    *due = false;
    if (assay_token_request_is_over(request, assay_clock_wall(&credential->runtime->clock)))
        return NULL;
    assay_reading reading = assay_readers_enter(credential->kept.readers);
    assay_kept *kept = assay_kept_find(&credential->kept, request);
    assay_access_token *token = kept == NULL ? NULL : take_serving(credential, kept, request->made_ms, due);
    assay_readers_leave(reading);
    return token;
}

static assay_access_token *kept_for_scope(assay_credential *credential, const char *scope, bool *due)
{
    *due = false;
    assay_reading reading = assay_readers_enter(credential->kept.readers);
    assay_kept *kept = assay_kept_find_scope(&credential->kept, scope);
    assay_access_token *token = kept == NULL ? NULL : take_serving(credential, kept, 0, due);
    assay_readers_leave(reading);
    return token;
}

void assay_acquire_call_keeper(assay_credential *credential, bool start)
{
    assay_failure failure;
    assay_credential_lock(credential);
    bool kept = credential->keepers != NULL;
    for (assay_keeper *keeper = credential->keepers; keeper != NULL; keeper = keeper->next) {
        atomic_store(&keeper->called, true);
        assay_driver_wake(keeper->driver);
    }
    assay_credential_unlock(credential);
    if (kept || !start)
        return;
    int code = assay_refresher_start(&credential->refreshing, assay_driver_watch_tokens, credential, &failure);
    if (code != ASSAY_OK)
        assay_runtime_log(credential->runtime, ASSAY_LOG_WARNING, "tokens can't be renewed in time: %s: %s",
                          assay_code_summary(code), failure.note);
}

static bool is_allowed_tenant(const assay_credential_settings *settings, const char *tenant)
{
    return settings->any_tenant || assay_text_same(settings->tenant, tenant) ||
           assay_text_list_has(&settings->tenants, assay_span_of(tenant));
}

static int check_tenant(const assay_credential *credential, const assay_token_request *request, assay_failure *failure)
{
    const assay_credential_settings *settings = &credential->settings;
    if (request->tenant == NULL || is_allowed_tenant(settings, request->tenant))
        return ASSAY_OK;
    int code = assay_fail_note(failure, ASSAY_E_CONFIG_TENANT, "the credential is for another tenant");
    if (failure != NULL)
        failure->hint = "allow it by assay_credential_add_tenant() or AZURE_ADDITIONALLY_ALLOWED_TENANTS";
    return code;
}

/* Only clients of Entra act for users in this way (exchange.md 2.5). */
static int check_user(const assay_credential *credential, const assay_token_request *request, assay_failure *failure)
{
    if (!request->has_user || credential->settings.kind <= ASSAY_CREDENTIAL_PIPELINES)
        return ASSAY_OK;
    return assay_fail_note(failure, ASSAY_E_CONFIG_CREDENTIAL, "a credential of the kind %s can't act for a user",
                           assay_credential_kind_name(credential->settings.kind));
}

int assay_acquire_normalise(const assay_credential *credential, const assay_token_request *request,
                            assay_token_request **wanted, assay_failure *failure)
{
    *wanted = NULL;
    ASSAY_AUTO_RELEASE char *scope = NULL;
    int code = check_tenant(credential, request, failure);
    if (code == ASSAY_OK)
        code = check_user(credential, request, failure);
    const assay_entra_cloud *cloud = assay_settings_cloud(&credential->settings);
    if (code == ASSAY_OK && request->has_user)
        code = assay_scope_delegated(request->scope, cloud, &scope, failure);
    else if (code == ASSAY_OK && assay_settings_wants_resource(&credential->settings))
        code = assay_scope_normalise(request->scope, cloud, &scope, failure);
    if (code != ASSAY_OK)
        return code;
    if (assay_token_request_copy(request, wanted) != ASSAY_OK)
        return assay_fail(failure, ASSAY_E_MEMORY);
    if (scope != NULL) {
        assay_release((*wanted)->scope);
        (*wanted)->scope = ASSAY_STEAL(scope);
    }
    return ASSAY_OK;
}

/* Find or make the place of what is wanted, and see that it stays. */
static int pin(assay_credential *credential, const assay_token_request *wanted, assay_kept **kept, uint64_t *seen,
               assay_failure *failure)
{
    assay_credential_lock(credential);
    *kept = assay_kept_need(&credential->kept, wanted);
    if (*kept != NULL) {
        (*kept)->pins++;
        *seen = atomic_load(&(*kept)->generation);
        mark_used(*kept, assay_credential_now(credential));
    }
    assay_credential_unlock(credential);
    return *kept != NULL ? ASSAY_OK : assay_fail(failure, ASSAY_E_MEMORY);
}

int assay_acquire_begin(assay_credential *credential, const assay_token_request *wanted, int64_t deadline,
                        assay_waker *waker, assay_acquisition *acquisition, assay_access_token **token,
                        assay_failure *failure)
{
    assay_kept *kept;
    uint64_t seen = 0;
    bool due;
    int code = pin(credential, wanted, &kept, &seen, failure);
    if (code != ASSAY_OK)
        return code;
    assay_acquisition_init(acquisition, credential, kept, wanted, false, seen, deadline, waker);
    /* One that arrived before the place was looked at has been counted in `seen` already. */
    *token = assay_acquire_kept(credential, wanted, &due);
    return ASSAY_OK;
}

static int nothing_kept(assay_failure *failure)
{
    return assay_fail(failure, ASSAY_E_TOKEN_NEEDED);
}

/* Take part in a flight. ASSAY_OK without a token: one came, and was forgotten or is not what was wanted. */
static int fly_once(assay_credential *credential, const assay_token_request *wanted, int64_t deadline,
                    assay_access_token **token, assay_failure *failure, assay_failure_detail *detail)
{
    bool due;
    assay_acquisition acquisition;
    int code = assay_acquire_begin(credential, wanted, deadline, NULL, &acquisition, token, failure);
    if (code != ASSAY_OK)
        return code;
    if (*token == NULL)
        code = assay_acquisition_join(&acquisition, failure, detail);
    if (*token == NULL && code == ASSAY_OK)
        *token = assay_acquisition_take_token(&acquisition);
    if (*token == NULL && code == ASSAY_OK)
        *token = assay_acquire_kept(credential, wanted, &due);
    assay_acquisition_leave(&acquisition);
    return code;
}

/* No kept token serves. */
static int fly(assay_credential *credential, const assay_token_request *wanted, int64_t deadline,
               assay_access_token **token, assay_failure *failure, assay_failure_detail *detail)
{
    for (int i = 0; i < ASSAY_ACQUIRE_FLIGHTS; i++) {
        int code = fly_once(credential, wanted, deadline, token, failure, detail);
        if (code != ASSAY_OK || *token != NULL)
            return code;
    }
    return assay_fail_note(failure, ASSAY_E_TOKEN_RESPONSE, "each token was forgotten as soon as it arrived");
}

static int found(assay_credential *credential, assay_access_token *token, bool due, bool may_start,
                 assay_access_token **out)
{
    *out = token;
    if (due)
        assay_acquire_call_keeper(credential, may_start);
    return ASSAY_OK;
}

int assay_acquire(assay_credential *credential, const assay_token_request *request, int64_t deadline,
                  assay_access_token **token, assay_failure *failure, assay_failure_detail *detail)
{
    bool due;
    *token = NULL;
    int code = assay_credential_use(credential, failure);
    if (code != ASSAY_OK)
        return code;
    /* Most write the scope as it is kept, and then nothing is copied, least of all the user's token. */
    assay_access_token *kept = assay_acquire_kept(credential, request, &due);
    if (kept != NULL)
        return found(credential, kept, due, deadline > 0, token);
    ASSAY_CLEANUP(assay_token_request_drop_p) assay_token_request *wanted = NULL;
    code = assay_acquire_normalise(credential, request, &wanted, failure);
    if (code != ASSAY_OK)
        return code;
    kept = assay_acquire_kept(credential, wanted, &due);
    if (kept != NULL)
        return found(credential, kept, due, deadline > 0, token);
    return deadline == 0 ? nothing_kept(failure) : fly(credential, wanted, deadline, token, failure, detail);
}

int assay_acquire_scope(assay_credential *credential, const char *scope, int64_t deadline, assay_access_token **token,
                        assay_failure *failure, assay_failure_detail *detail)
{
    bool due;
    *token = NULL;
    int code = assay_credential_use(credential, failure);
    if (code != ASSAY_OK)
        return code;
    assay_access_token *kept = kept_for_scope(credential, scope, &due);
    if (kept != NULL)
        return found(credential, kept, due, deadline > 0, token);
    ASSAY_CLEANUP(assay_token_request_drop_p) assay_token_request *request = NULL;
    code = assay_token_request_make(scope, &request, failure);
    return code != ASSAY_OK ? code : assay_acquire(credential, request, deadline, token, failure, detail);
}

/* When the leader of its flight is to be looked after: one that is silent for longer than its lease is gone. */
static int64_t end_of_lease(const assay_kept *kept, int64_t now_ms)
{
    int64_t left = kept->lease_until - assay_clock_real_ms();
    return now_ms + (left > 0 ? left : 0);
}

/*
 * When a kept token is to be obtained anew without anybody waiting: INT64_MAX: never. An acquisition that is begun then must be allowed to fly
 * (acquisition.c): one that is refused would be due again at once.
 */
static int64_t due_of(assay_kept *kept, int64_t now_wall, int64_t now_ms)
{
    const assay_access_token *token = atomic_load(&kept->token);
    int64_t allowed = atomic_load(&kept->renew_allowed_ms);
    allowed = kept->gate_ms > allowed ? kept->gate_ms : allowed;
    if (!is_renewable(kept))
        return INT64_MAX;
    if (kept->flying)
        return end_of_lease(kept, now_ms);
    if (kept->background)
        return allowed;
    if (token == NULL || now_ms - atomic_load(&kept->used_ms) > UNUSED_MS)
        return INT64_MAX;
    int64_t due = assay_access_token_is_due(token, now_wall, now_ms) ? now_ms : token->renew_ms;
    return due > allowed ? due : allowed;
}

assay_kept *assay_acquire_due(assay_credential *credential, int64_t now_ms, int64_t *due_at)
{
    int64_t wall = assay_clock_wall(&credential->runtime->clock);
    assay_kept *first = NULL;
    *due_at = INT64_MAX;
    for (assay_kept *kept = assay_kept_next(&credential->kept, NULL); kept != NULL;
         kept = assay_kept_next(&credential->kept, kept)) {
        int64_t due = due_of(kept, wall, now_ms);
        if (due < *due_at) {
            *due_at = due;
            first = kept;
        }
    }
    return first;
}

/* With the lock, but not while a file is removed and the host's log function may hear of it. */
static void forget_shared(assay_credential *credential, assay_kept *kept)
{
    if (credential->shared == NULL)
        return;
    kept->pins++; /* it stays */
    assay_credential_unlock(credential);
    assay_shared_forget(credential, kept->wanted);
    assay_credential_lock(credential);
    kept->pins--;
}

void assay_acquire_forget(assay_credential *credential, const assay_token_request *request)
{
    assay_failure ignored;
    ASSAY_CLEANUP(assay_token_request_drop_p) assay_token_request *wanted = NULL;
    if (assay_credential_use(credential, &ignored) != ASSAY_OK)
        return;
    if (request != NULL && assay_acquire_normalise(credential, request, &wanted, &ignored) != ASSAY_OK)
        return;
    assay_credential_lock(credential);
    assay_kept *kept =
        wanted != NULL ? assay_kept_find(&credential->kept, wanted) : assay_kept_next(&credential->kept, NULL);
    while (kept != NULL) {
        assay_kept_put(&credential->kept, kept, NULL);
        if (wanted == NULL)
            forget_shared(credential, kept);
        kept = wanted != NULL ? NULL : assay_kept_next(&credential->kept, kept);
    }
    assay_credential_unlock(credential);
    if (wanted != NULL) /* another process may have shared one that this one never had */
        assay_shared_forget(credential, wanted);
    assay_readers_reclaim(credential->kept.readers);
}
