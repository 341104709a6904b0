/* SPDX-License-Identifier: MIT */
#include "flow/acquisition.h"

#include "discovery/answer.h"
#include "flow/fork.h"
#include "flow/shared_tokens.h"

#include <time.h>

enum {
    LOOK_MS = 1000,        /* longest pause between looks: nobody need be woken for what another process does */
    FAKE_LOOK_MS = 20,     /* the same where the runtime's clock is not the system's, and may be moved on at any time */
    PAUSE_AFTER_MS = 30000 /* between renewals that fail (exchange.md 2.9) */
};

void assay_acquisition_init(assay_acquisition *acquisition, assay_credential *credential, assay_kept *kept,
                            const assay_token_request *wanted, bool renewal, uint64_t seen, int64_t deadline,
                            assay_waker *waker)
{
    memset(acquisition, 0, sizeof *acquisition);
    acquisition->credential = credential;
    acquisition->kept = kept;
    acquisition->wanted = wanted;
    acquisition->renewal = renewal;
    acquisition->seen = seen;
    acquisition->deadline = deadline;
    acquisition->waker = waker;
    acquisition->process = assay_fork_generation();
    acquisition->shared_lock = -1;
}

void assay_acquisition_wake_by(assay_acquisition *acquisition, assay_waker *waker)
{
    if (acquisition->kept != NULL)
        assay_credential_lock(acquisition->credential);
    acquisition->waker = waker;
    if (acquisition->kept != NULL)
        assay_credential_unlock(acquisition->credential);
}

static bool is_inherited(const assay_acquisition *acquisition)
{
    return acquisition->process != assay_fork_generation();
}

static int64_t look_every(const assay_acquisition *acquisition)
{
    bool real = acquisition->credential->runtime->clock.steady == assay_clock_system().steady;
    return real ? LOOK_MS : FAKE_LOOK_MS;
}

static assay_moment moment_of(const assay_credential *credential)
{
    const assay_clock *clock = &credential->runtime->clock;
    return (assay_moment){assay_clock_wall(clock), assay_clock_steady(clock)};
}

/* --- who waits --- */

static void take_place(assay_acquisition *acquisition)
{
    assay_kept *kept = acquisition->kept;
    acquisition->flight = kept->flight;
    if (acquisition->waits)
        return;
    acquisition->waits = true;
    acquisition->ticket = ++kept->tickets;
    acquisition->next = kept->waiting;
    acquisition->link = &kept->waiting;
    if (kept->waiting != NULL)
        kept->waiting->link = &acquisition->next;
    kept->waiting = acquisition;
}

static void leave_place(assay_acquisition *acquisition)
{
    if (!acquisition->waits)
        return;
    acquisition->waits = false;
    *acquisition->link = acquisition->next;
    if (acquisition->next != NULL)
        acquisition->next->link = acquisition->link;
}

static void wake_all(assay_kept *kept)
{
    (void)pthread_cond_broadcast(&kept->landed);
    for (assay_acquisition *one = kept->waiting; one != NULL; one = one->next)
        if (one->waker != NULL)
            one->waker->wake(one->waker);
}

/* Whoever waits and has the most time left: an exchange begins anew with it. 0: nobody. */
static uint64_t choose_heir(const assay_kept *kept, int64_t now)
{
    uint64_t heir = 0;
    int64_t deadline = now;
    for (const assay_acquisition *one = kept->waiting; one != NULL; one = one->next) {
        if (one->flight == kept->flight && one->deadline > deadline) {
            heir = one->ticket;
            deadline = one->deadline;
        }
    }
    return heir;
}

/* --- how a flight ends, with the lock --- */

static void land(assay_kept *kept, int code, const assay_failure *failure)
{
    kept->landing_code = code;
    kept->landing = *failure;
    if (failure->detail != NULL) {
        kept->landing_detail = *failure->detail;
        kept->landing.detail = &kept->landing_detail;
    }
    kept->lease = 0;
    kept->flying = false;
    wake_all(kept);
}

static void pass_on(assay_kept *kept, uint64_t heir)
{
    kept->lease = 0;
    kept->heir = heir;
    kept->lease_until = assay_clock_real_ms() + ASSAY_LIMIT_LEASE_GRACE_MS;
    wake_all(kept);
}

/* The leader goes without a result. Callers who come and go must not make the server work without an end. */
static void give_up_lead(assay_kept *kept, int code, const assay_failure *failure)
{
    uint64_t heir = kept->heirs + 1 < ASSAY_LIMIT_ABANDONED ? choose_heir(kept, assay_clock_real_ms()) : 0;
    if (heir != 0)
        pass_on(kept, heir);
    else
        land(kept, code, failure);
}

/* A token that a claims challenge asked for takes the place of the one that was refused (exchange.md 2.9, case 45). */
static void replace_refused(assay_credential *credential, const assay_kept *kept, assay_access_token *token)
{
    if (kept->wanted->claims == NULL)
        return;
    assay_token_request plain = *kept->wanted;
    plain.claims = NULL;
    assay_kept *refused = assay_kept_find(&credential->kept, &plain);
    if (refused != NULL && atomic_load(&refused->token) != NULL)
        assay_kept_put(&credential->kept, refused, assay_access_token_ref(token));
}

static void keep_token(assay_acquisition *acquisition, assay_access_token *token)
{
    assay_credential *credential = acquisition->credential;
    assay_kept *kept = acquisition->kept;
    atomic_store(&kept->renew_allowed_ms, INT64_MIN);
    kept->gate_ms = 0;
    kept->background = false;
    replace_refused(credential, kept, token);
    assay_kept_put(&credential->kept, kept, token);
}

static void note_failure(assay_acquisition *acquisition, int code, const assay_failure *failure)
{
    assay_kept *kept = acquisition->kept;
    int64_t now = assay_credential_now(acquisition->credential);
    int64_t pause = PAUSE_AFTER_MS;
    if (code == ASSAY_E_THROTTLED) {
        kept->gate_ms = now + failure->retry_after * 1000;
        pause = failure->retry_after * 1000 > pause ? failure->retry_after * 1000 : pause;
    }
    kept->background = false;
    atomic_store(&kept->renew_allowed_ms, now + pause);
}

static void clear_lead(assay_acquisition *acquisition)
{
    assay_shared_unlock(&acquisition->shared_lock);
    assay_machine_free(ASSAY_STEAL(acquisition->machine));
    assay_http_ca_clear(&acquisition->ca);
    acquisition->ca_of = NULL;
    acquisition->lease = 0;
}

/* --- leading --- */

static assay_turn over(assay_acquisition *acquisition, int result, int *code, assay_failure *failure)
{
    leave_place(acquisition);
    *code = assay_fail(failure, result);
    return ASSAY_TURN_OVER;
}

static void give_failure(const assay_failure *from, assay_failure *failure, assay_failure_detail *detail)
{
    *failure = *from;
    if (from->detail != NULL) {
        *detail = *from->detail;
        failure->detail = detail;
    }
}

static bool is_own_lead(const assay_acquisition *acquisition)
{
    return acquisition->lease != 0 && acquisition->lease == acquisition->kept->lease;
}

static void log_end(const assay_credential *credential, const assay_kept *kept, int code, const assay_failure *failure)
{
    char shown[128];
    assay_text_escape(kept->wanted->scope, strlen(kept->wanted->scope), shown, sizeof shown);
    const char *kind = assay_credential_kind_name(credential->settings.kind);
    if (code == ASSAY_OK)
        assay_runtime_log(credential->runtime, ASSAY_LOG_INFO, "%s: a token was obtained for %s", kind, shown);
    else
        assay_runtime_log(credential->runtime, atomic_load(&kept->token) != NULL ? ASSAY_LOG_WARNING : ASSAY_LOG_ERROR,
                          "%s: no token could be obtained for %s: %s (%s)%s%s", kind, shown, assay_code_name(code),
                          assay_code_summary(code), failure->note[0] == '\0' ? "" : ": ", failure->note);
}

/* The machine is done: share what it brought. Without the lock at first: making the token takes pages. */
static assay_turn finish(assay_acquisition *acquisition, int *code, assay_failure *failure,
                         assay_failure_detail *detail)
{
    assay_credential *credential = acquisition->credential;
    assay_machine *machine = acquisition->machine;
    assay_access_token *token = NULL;
    assay_failure local = machine->failure;
    *code = machine->code;
    if (*code == ASSAY_OK) {
        const assay_moment now = moment_of(credential);
        uint8_t jitter = 0;
        (void)assay_crypto_random(&jitter, 1);
        token = assay_access_token_make(&machine->answer, acquisition->wanted->scope, machine->source, now.wall,
                                        now.steady, jitter);
        *code = token == NULL ? assay_fail(&local, ASSAY_E_MEMORY) : ASSAY_OK;
    }
    if (token != NULL)
        assay_shared_put(credential, acquisition->kept->wanted, token);
    assay_credential_lock(credential);
    bool in_time = is_own_lead(acquisition);
    if (token != NULL)
        keep_token(acquisition, assay_access_token_ref(token)); /* a late one is as good */
    else if (in_time)
        note_failure(acquisition, *code, &local);
    if (in_time)
        land(acquisition->kept, *code, &local);
    assay_credential_unlock(credential);
    if (*code != ASSAY_OK)
        assay_credential_count(credential, ASSAY_CREDENTIAL_STAT_FAILURES);
    log_end(credential, acquisition->kept, *code, &local);
    give_failure(&local, failure, detail);
    assay_access_token_unref(token);
    clear_lead(acquisition);
    return ASSAY_TURN_OVER;
}

/* Others may take over once this is past. */
static bool extend_lease(assay_acquisition *acquisition, int64_t until)
{
    assay_credential_lock(acquisition->credential);
    bool leads = is_own_lead(acquisition);
    if (leads)
        acquisition->kept->lease_until = until + ASSAY_LIMIT_LEASE_GRACE_MS;
    assay_credential_unlock(acquisition->credential);
    return leads;
}

/* Another one leads by now: wait for it like everybody. */
static assay_turn fall_back(assay_acquisition *acquisition, int *code, assay_failure *failure,
                            assay_failure_detail *detail)
{
    clear_lead(acquisition);
    return assay_acquisition_board(acquisition, code, failure, detail);
}

static int take_ca(assay_acquisition *acquisition, assay_failure *failure)
{
    assay_machine *machine = acquisition->machine;
    if (machine->ca_pem == NULL)
        return ASSAY_OK;
    assay_http_ca_clear(&acquisition->ca);
    int code = assay_http_ca_take(&acquisition->ca, machine->ca_pem, machine->ca_len, failure);
    if (code == ASSAY_OK)
        machine->request.ca = &acquisition->ca;
    return code;
}

/* The leader's own time is up: that says nothing about the server. One who has more begins anew, or whoever keeps tokens fresh. */
static assay_turn end_hurried(assay_acquisition *acquisition, int *code, assay_failure *failure)
{
    assay_credential *credential = acquisition->credential;
    assay_kept *kept = acquisition->kept;
    *code = assay_fail_note(failure, ASSAY_E_TIMEOUT, "no time was left to obtain a token");
    assay_credential_lock(credential);
    if (is_own_lead(acquisition)) {
        give_up_lead(kept, *code, failure);
        kept->background = !kept->flying && !acquisition->renewal;
    }
    bool background = kept->background;
    assay_credential_unlock(credential);
    clear_lead(acquisition);
    if (background)
        assay_acquire_call_keeper(credential, acquisition->waker == NULL);
    return ASSAY_TURN_OVER;
}

/* One that waits and has the time which the leader has not goes on, from the beginning. */
static bool pass_on_to_patient(assay_acquisition *acquisition, int64_t until)
{
    assay_kept *kept = acquisition->kept;
    assay_credential_lock(acquisition->credential);
    bool may = is_own_lead(acquisition) && kept->heirs + 1 < ASSAY_LIMIT_ABANDONED;
    uint64_t heir = may ? choose_heir(kept, until) : 0;
    if (heir != 0)
        pass_on(kept, heir);
    assay_credential_unlock(acquisition->credential);
    return heir != 0;
}

/* The machine wants to wait. Whoever has no time for that hears what it would have waited for. */
static assay_turn wait_for_machine(assay_acquisition *acquisition, int *code, assay_failure *failure,
                                   assay_failure_detail *detail)
{
    assay_machine *machine = acquisition->machine;
    int64_t now = assay_clock_real_ms();
    int64_t left = machine->wait_until - assay_credential_now(acquisition->credential);
    left = left < 0 ? 0 : left;
    if (now + left >= acquisition->deadline) {
        if (machine->code != ASSAY_E_THROTTLED && pass_on_to_patient(acquisition, now + left)) {
            *code = machine->code;
            give_failure(&machine->failure, failure, detail);
            clear_lead(acquisition);
            return ASSAY_TURN_OVER;
        }
        if (machine->code == ASSAY_OK)
            machine->code = assay_fail_note(&machine->failure, ASSAY_E_TIMEOUT, "no time was left to wait");
        return finish(acquisition, code, failure, detail);
    }
    int64_t every = look_every(acquisition);
    acquisition->look_at = now + (left < every ? left : every);
    if (!extend_lease(acquisition, acquisition->look_at))
        return fall_back(acquisition, code, failure, detail);
    return ASSAY_TURN_WAIT;
}

static assay_turn lend(assay_acquisition *acquisition, int *code, assay_failure *failure, assay_failure_detail *detail)
{
    int64_t now = assay_clock_real_ms();
    int64_t own = acquisition->deadline - now;
    if (own <= 0)
        return end_hurried(acquisition, code, failure);
    acquisition->own_time = own < acquisition->machine->attempt_ms;
    acquisition->until = acquisition->own_time ? acquisition->deadline : now + acquisition->machine->attempt_ms;
    int trusted = take_ca(acquisition, &acquisition->machine->failure);
    if (trusted != ASSAY_OK) {
        (void)assay_machine_end(acquisition->machine, trusted);
        return finish(acquisition, code, failure, detail);
    }
    if (!extend_lease(acquisition, acquisition->until))
        return fall_back(acquisition, code, failure, detail);
    assay_credential_count(acquisition->credential, ASSAY_CREDENTIAL_STAT_REQUESTS);
    return ASSAY_TURN_LEAD;
}

/* Go on as far as the machine can without an answer. */
static assay_turn run(assay_acquisition *acquisition, int *code, assay_failure *failure, assay_failure_detail *detail)
{
    const assay_moment now = moment_of(acquisition->credential);
    acquisition->want = assay_machine_next(acquisition->machine, &now);
    switch (acquisition->want) {
    case ASSAY_MACHINE_FETCH:
        return lend(acquisition, code, failure, detail);
    case ASSAY_MACHINE_WAIT:
        return wait_for_machine(acquisition, code, failure, detail);
    default:
        return finish(acquisition, code, failure, detail);
    }
}

/* Entra will refuse it (AADSTS7000114, row 33), in words that do not name the cause (exchange.md 2.5, case 86). */
static void warn_of_app(const assay_acquisition *acquisition)
{
    if (acquisition->wanted->user_is_app)
        assay_runtime_log(acquisition->credential->runtime, ASSAY_LOG_WARNING,
                          "on-behalf-of: the token that this was called with belongs to an application, not to a user");
}

/* The first steps of a new leader: another process may have the token, or be about to. */
static assay_turn begin(assay_acquisition *acquisition, int *code, assay_failure *failure, assay_failure_detail *detail)
{
    assay_credential *credential = acquisition->credential;
    assay_access_token *token = NULL;
    if (acquisition->machine != NULL)
        return run(acquisition, code, failure, detail);
    switch (assay_shared_get(credential, acquisition->kept->wanted, acquisition->wanted->made_ms,
                             &acquisition->shared_lock, &token)) {
    case ASSAY_SHARED_WAIT:
        acquisition->look_at = assay_clock_real_ms() + ASSAY_LIMIT_STORE_LOOK_MS;
        if (acquisition->look_at >= acquisition->deadline)
            return end_hurried(acquisition, code, failure);
        if (!extend_lease(acquisition, acquisition->look_at))
            return fall_back(acquisition, code, failure, detail);
        acquisition->want = ASSAY_MACHINE_WAIT;
        return ASSAY_TURN_WAIT;
    case ASSAY_SHARED_TOKEN:
        assay_credential_lock(credential);
        assay_failure_clear(failure);
        keep_token(acquisition, token);
        if (is_own_lead(acquisition))
            land(acquisition->kept, ASSAY_OK, failure);
        assay_credential_unlock(credential);
        assay_credential_count(credential, ASSAY_CREDENTIAL_STAT_SHARED);
        clear_lead(acquisition);
        *code = ASSAY_OK;
        return ASSAY_TURN_OVER;
    default:
        break;
    }
    assay_credential_count(credential, ASSAY_CREDENTIAL_STAT_EXCHANGES);
    warn_of_app(acquisition);
    if (acquisition->renewal)
        assay_credential_count(credential, ASSAY_CREDENTIAL_STAT_REFRESHES);
    *code = assay_machine_new(&credential->settings, acquisition->wanted, &credential->context, &acquisition->machine);
    if (*code == ASSAY_OK)
        return run(acquisition, code, failure, detail);
    (void)assay_fail(failure, *code);
    assay_credential_lock(credential);
    if (is_own_lead(acquisition))
        land(acquisition->kept, *code, failure);
    assay_credential_unlock(credential);
    clear_lead(acquisition);
    return ASSAY_TURN_OVER;
}

/* --- boarding --- */

static assay_turn lead(assay_acquisition *acquisition)
{
    assay_kept *kept = acquisition->kept;
    leave_place(acquisition);
    if (kept->flying) {
        kept->heirs++;
    } else {
        kept->flight++;
        kept->heirs = 0;
        kept->flying = true;
    }
    acquisition->flight = kept->flight;
    acquisition->lease = kept->lease = ++kept->leases;
    kept->lease_until = assay_clock_real_ms() + ASSAY_LIMIT_LEASE_GRACE_MS;
    return ASSAY_TURN_LEAD;
}

static assay_turn no_time(assay_acquisition *acquisition, int *code, assay_failure *failure)
{
    leave_place(acquisition);
    *code = assay_fail_note(failure, ASSAY_E_TIMEOUT, "no time was left to obtain a token");
    return ASSAY_TURN_OVER;
}

/* The server asked to wait, and nobody asks it before (exchange.md 2.9, case 54). */
static assay_turn gated(assay_acquisition *acquisition, int64_t left_ms, int *code, assay_failure *failure,
                        assay_failure_detail *detail)
{
    const assay_kept *kept = acquisition->kept;
    leave_place(acquisition);
    assay_credential_count(acquisition->credential, ASSAY_CREDENTIAL_STAT_THROTTLED);
    if (kept->landing_code == ASSAY_E_THROTTLED)
        give_failure(&kept->landing, failure, detail);
    else
        assay_failure_clear(failure);
    failure->retry_after = (left_ms + 999) / 1000;
    *code = ASSAY_E_THROTTLED;
    return ASSAY_TURN_OVER;
}

static assay_turn board_locked(assay_acquisition *acquisition, int *code, assay_failure *failure,
                               assay_failure_detail *detail)
{
    assay_kept *kept = acquisition->kept;
    int64_t now = assay_clock_real_ms();
    if (is_own_lead(acquisition))
        return ASSAY_TURN_LEAD;
    acquisition->lease = 0;
    if (atomic_load(&kept->generation) != acquisition->seen)
        return over(acquisition, ASSAY_OK, code, failure);
    if (kept->flying) {
        if (now >= acquisition->deadline)
            return no_time(acquisition, code, failure);
        bool heir = kept->lease == 0 && acquisition->waits && acquisition->ticket == kept->heir;
        if (heir || now >= kept->lease_until)
            return lead(acquisition);
        take_place(acquisition);
        return ASSAY_TURN_WAIT;
    }
    if (acquisition->waits) { /* the flight that it waited for has landed */
        leave_place(acquisition);
        give_failure(&kept->landing, failure, detail);
        *code = kept->landing_code;
        return ASSAY_TURN_OVER;
    }
    int64_t steady = assay_credential_now(acquisition->credential);
    if (steady < kept->gate_ms)
        return gated(acquisition, kept->gate_ms - steady, code, failure, detail);
    if (acquisition->renewal && steady < atomic_load(&kept->renew_allowed_ms))
        return over(acquisition, ASSAY_E_TOKEN_NEEDED, code, failure);
    return now >= acquisition->deadline ? no_time(acquisition, code, failure) : lead(acquisition);
}

assay_turn assay_acquisition_board(assay_acquisition *acquisition, int *code, assay_failure *failure,
                                   assay_failure_detail *detail)
{
    *code = ASSAY_OK;
    if (is_inherited(acquisition)) {
        *code = assay_fail(failure, ASSAY_E_FORKED);
        return ASSAY_TURN_OVER;
    }
    bool led = acquisition->lease != 0;
    assay_credential_lock(acquisition->credential);
    assay_turn turn = board_locked(acquisition, code, failure, detail);
    assay_credential_unlock(acquisition->credential);
    if (turn != ASSAY_TURN_LEAD) {
        if (led)
            clear_lead(acquisition);
        return turn;
    }
    if (acquisition->machine != NULL && acquisition->want == ASSAY_MACHINE_FETCH)
        return ASSAY_TURN_LEAD; /* its request is under way */
    return begin(acquisition, code, failure, detail);
}

/* What a host's HTTP client may do that ours does not: follow a redirect, and read on beyond the limit. */
static int check_answer(const assay_acquisition *acquisition, const assay_http_response *response,
                        assay_failure *failure)
{
    const assay_http_request *request = assay_acquisition_request(acquisition);
    if (!assay_answer_is_from(request, response))
        return assay_fail_note(failure, ASSAY_E_REDIRECT, "the answer to %.160s came from another URL", request->url);
    if (response->body_len > request->body_limit)
        return assay_fail_note(failure, ASSAY_E_RESPONSE_SIZE, "the answer is longer than %zu bytes",
                               request->body_limit);
    return ASSAY_OK;
}

assay_turn assay_acquisition_report(assay_acquisition *acquisition, const assay_http_response *response, int missed,
                                    const assay_failure *why, int *code, assay_failure *failure,
                                    assay_failure_detail *detail)
{
    *code = ASSAY_OK;
    if (is_inherited(acquisition) || acquisition->machine == NULL)
        return assay_acquisition_board(acquisition, code, failure, detail);
    if (missed == ASSAY_E_TIMEOUT && acquisition->own_time)
        return end_hurried(acquisition, code, failure);
    const assay_moment now = moment_of(acquisition->credential);
    assay_failure local;
    if (why == NULL)
        (void)assay_fail(&local, missed);
    else
        local = *why;
    if (missed == ASSAY_OK)
        missed = check_answer(acquisition, response, &local);
    assay_machine_answered(acquisition->machine, response, missed, &local, &now);
    return run(acquisition, code, failure, detail);
}

static void unpin(assay_acquisition *acquisition)
{
    acquisition->kept->pins--;
    acquisition->kept = NULL;
}

void assay_acquisition_leave(assay_acquisition *acquisition)
{
    if (acquisition->kept == NULL)
        return;
    if (is_inherited(acquisition)) { /* the child's flights are as if there had been none */
        clear_lead(acquisition);
        acquisition->kept = NULL;
        return;
    }
    assay_failure gone;
    (void)assay_fail_note(&gone, ASSAY_E_TIMEOUT, "whoever obtained it went away");
    assay_credential_lock(acquisition->credential);
    leave_place(acquisition);
    if (is_own_lead(acquisition))
        give_up_lead(acquisition->kept, ASSAY_E_TIMEOUT, &gone);
    unpin(acquisition);
    assay_credential_unlock(acquisition->credential);
    clear_lead(acquisition);
}

int64_t assay_acquisition_look_at(const assay_acquisition *acquisition)
{
    if (acquisition->machine != NULL || acquisition->lease != 0)
        return acquisition->look_at;
    int64_t now = assay_clock_real_ms(), every = now + look_every(acquisition);
    return acquisition->deadline < every ? acquisition->deadline : every;
}

void assay_acquisition_wait(assay_acquisition *acquisition)
{
    assay_credential *credential = acquisition->credential;
    assay_kept *kept = acquisition->kept;
    int64_t until = assay_acquisition_look_at(acquisition);
    const struct timespec when = {until / 1000, (until % 1000) * 1000000};
    assay_credential_lock(credential);
    bool leads = is_own_lead(acquisition);
    bool changed = !leads && (!kept->flying || kept->lease == 0 || kept->flight != acquisition->flight);
    if (!changed)
        (void)pthread_cond_timedwait(&kept->landed, &credential->lock, &when);
    assay_credential_unlock(credential);
}
