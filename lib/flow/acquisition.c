/* SPDX-License-Identifier: MIT */
#include "flow/acquisition_private.h"

#include "discovery/answer.h"

#include <time.h>

/* Boarding a flight, reporting to it, leaving it; and when to look at it again. */

enum {
    LOOK_MS = 1000,   /* longest pause between looks: nobody need be woken for what another process does */
    FAKE_LOOK_MS = 20 /* the same where the runtime's clock is not the system's, and may be moved on at any time */
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

int64_t assay_acquisition_look_every(const assay_acquisition *acquisition)
{
    bool real = acquisition->credential->runtime->clock.steady == assay_clock_system().steady;
    return real ? LOOK_MS : FAKE_LOOK_MS;
}

static assay_turn lead(assay_acquisition *acquisition)
{
    assay_kept *kept = acquisition->kept;
    assay_acquisition_leave_place(acquisition);
    if (kept->flying) {
        kept->heirs++;
        kept->learnt = kept->learnt && kept->answered; /* what is here it looks at anew */
    } else {
        kept->learnt = false;
        kept->flight++;
        kept->heirs = 0;
        kept->flying = true;
    }
    acquisition->flight = kept->flight;
    acquisition->lease = kept->lease = ++kept->leases;
    acquisition->began = assay_clock_real_ms();
    kept->lease_until = acquisition->began + ASSAY_LIMIT_LEASE_GRACE_MS;
    return ASSAY_TURN_LEAD;
}

/* The server asked to wait, and nobody asks it before (exchange.md 2.9, case 54). */
static assay_turn gated(assay_acquisition *acquisition, int64_t left_ms, int *code, assay_failure *failure,
                        assay_failure_detail *detail)
{
    const assay_kept *kept = acquisition->kept;
    assay_acquisition_leave_place(acquisition);
    assay_credential_count(acquisition->credential, ASSAY_CREDENTIAL_STAT_THROTTLED);
    if (assay_acquisition_is_told_to_wait(kept->landing_code, &kept->landing)) {
        assay_acquisition_give_failure(&kept->landing, failure, detail);
        *code = kept->landing_code;
    } else {
        *code = assay_fail(failure, ASSAY_E_THROTTLED);
    }
    failure->retry_after = (left_ms + 999) / 1000;
    return ASSAY_TURN_OVER;
}

/* A token has come since the caller looked. An heir does not take on the lead for that: then nobody does. */
static assay_turn arrived(assay_acquisition *acquisition, int *code, assay_failure *failure)
{
    assay_failure none;
    if (assay_acquisition_is_heir(acquisition))
        assay_kept_land(acquisition->kept, assay_fail(&none, ASSAY_OK), &none);
    if (acquisition->got == NULL)
        acquisition->got = assay_access_token_ref(atomic_load(&acquisition->kept->token));
    return assay_acquisition_over(acquisition, ASSAY_OK, code, failure);
}

/* The flight that it waited for has landed, though another one may be under way. */
static assay_turn landed(assay_acquisition *acquisition, int *code, assay_failure *failure,
                         assay_failure_detail *detail)
{
    const assay_kept *kept = acquisition->kept;
    assay_acquisition_leave_place(acquisition);
    assay_acquisition_give_failure(&kept->landing, failure, detail);
    *code = kept->landing_code;
    acquisition->hurried = kept->background;
    return ASSAY_TURN_OVER;
}

/* A flight is under way. */
static assay_turn take_part(assay_acquisition *acquisition, int *code, assay_failure *failure,
                            assay_failure_detail *detail)
{
    assay_kept *kept = acquisition->kept;
    int64_t now = assay_clock_real_ms(), gate = assay_acquisition_gate_left(acquisition->credential, kept);
    bool may_lead = assay_acquisition_is_heir(acquisition) || now >= kept->lease_until;
    if (gate > 0 && may_lead) /* whoever waited for the server went away meanwhile */
        assay_kept_land(kept, kept->landing_code, &kept->landing);
    if (gate > 0 && (may_lead || now + gate >= acquisition->deadline))
        return gated(acquisition, gate, code, failure, detail);
    if (now >= acquisition->deadline)
        return assay_acquisition_no_time(acquisition, code, failure, detail);
    if (may_lead)
        return lead(acquisition);
    assay_acquisition_take_place(acquisition);
    return ASSAY_TURN_WAIT;
}

static assay_turn board_locked(assay_acquisition *acquisition, int *code, assay_failure *failure,
                               assay_failure_detail *detail)
{
    assay_kept *kept = acquisition->kept;
    if (assay_acquisition_is_own_lead(acquisition))
        return ASSAY_TURN_LEAD;
    acquisition->lease = 0;
    if (atomic_load(&kept->generation) != acquisition->seen)
        return arrived(acquisition, code, failure);
    if (acquisition->waits && !(kept->flying && kept->flight == acquisition->flight))
        return landed(acquisition, code, failure, detail);
    if (kept->flying)
        return take_part(acquisition, code, failure, detail);
    int64_t gate = assay_acquisition_gate_left(acquisition->credential, kept);
    if (gate > 0)
        return gated(acquisition, gate, code, failure, detail);
    int64_t allowed = atomic_load(&kept->renew_allowed_ms);
    if (acquisition->renewal && assay_credential_now(acquisition->credential) < allowed)
        return assay_acquisition_over(acquisition, ASSAY_E_TOKEN_NEEDED, code, failure);
    if (assay_clock_real_ms() >= acquisition->deadline)
        return assay_acquisition_no_time(acquisition, code, failure, detail);
    return lead(acquisition);
}

assay_turn assay_acquisition_board(assay_acquisition *acquisition, int *code, assay_failure *failure,
                                   assay_failure_detail *detail)
{
    *code = ASSAY_OK;
    if (assay_acquisition_is_inherited(acquisition)) {
        *code = assay_fail(failure, ASSAY_E_FORKED);
        return ASSAY_TURN_OVER;
    }
    bool led = acquisition->lease != 0;
    assay_credential_lock(acquisition->credential);
    assay_turn turn = board_locked(acquisition, code, failure, detail);
    assay_credential_unlock(acquisition->credential);
    if (turn != ASSAY_TURN_LEAD) {
        if (led)
            assay_acquisition_clear_lead(acquisition);
        return turn;
    }
    if (acquisition->machine != NULL && acquisition->want == ASSAY_MACHINE_FETCH)
        return ASSAY_TURN_LEAD; /* its request is under way */
    return assay_acquisition_begin(acquisition, code, failure, detail);
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
    if (assay_acquisition_is_inherited(acquisition) || acquisition->machine == NULL)
        return assay_acquisition_board(acquisition, code, failure, detail);
    if (missed == ASSAY_E_TIMEOUT && acquisition->own_time)
        return assay_acquisition_end_hurried(acquisition, why, code, failure, detail);
    const assay_moment now = assay_acquisition_moment(acquisition->credential);
    assay_failure local;
    if (why == NULL)
        (void)assay_fail(&local, missed);
    else
        local = *why;
    if (missed == ASSAY_OK)
        missed = check_answer(acquisition, response, &local);
    acquisition->answered = true;
    assay_machine_answered(acquisition->machine, response, missed, &local, &now);
    return assay_acquisition_run(acquisition, code, failure, detail);
}

static void unpin(assay_acquisition *acquisition)
{
    acquisition->kept->pins--;
    acquisition->kept = NULL;
}

assay_access_token *assay_acquisition_take_token(assay_acquisition *acquisition)
{
    const assay_access_token *got = acquisition->got;
    return got != NULL && got->obtained_real_ms >= acquisition->wanted->made_ms ? ASSAY_STEAL(acquisition->got) : NULL;
}

void assay_acquisition_leave(assay_acquisition *acquisition)
{
    if (acquisition->kept == NULL)
        return;
    if (assay_acquisition_is_inherited(acquisition)) { /* the child's flights are as if there had been none */
        assay_acquisition_clear_lead(acquisition);
        assay_access_token_unref(ASSAY_STEAL(acquisition->got));
        acquisition->kept = NULL;
        return;
    }
    assay_credential_lock(acquisition->credential);
    assay_acquisition_leave_flight(acquisition, assay_acquisition_is_own_lead(acquisition));
    unpin(acquisition);
    assay_credential_unlock(acquisition->credential);
    assay_acquisition_clear_lead(acquisition);
    assay_access_token_unref(ASSAY_STEAL(acquisition->got)); /* now that no leader can hand one out any more */
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* With the lock: a waiter looks again when the lease of the leader ends, its own time does, or what nobody wakes it for may have happened. */
static int64_t look_at_locked(const assay_acquisition *acquisition)
{
    if (acquisition->lease != 0)
        return acquisition->look_at;
    int64_t at = sooner(acquisition->deadline, assay_clock_real_ms() + assay_acquisition_look_every(acquisition));
    return acquisition->kept->flying ? sooner(at, acquisition->kept->lease_until) : at;
}

int64_t assay_acquisition_look_at(const assay_acquisition *acquisition)
{
    if (assay_acquisition_is_inherited(acquisition)) /* at once: it is over, and what it refers to may be gone */
        return assay_clock_real_ms();
    assay_credential_lock(acquisition->credential);
    int64_t at = look_at_locked(acquisition);
    assay_credential_unlock(acquisition->credential);
    return at;
}

void assay_acquisition_wait(assay_acquisition *acquisition)
{
    assay_credential *credential = acquisition->credential;
    assay_kept *kept = acquisition->kept;
    assay_credential_lock(credential);
    int64_t until = look_at_locked(acquisition);
    const struct timespec when = {until / 1000, (until % 1000) * 1000000};
    bool changed = !kept->flying || kept->flight != acquisition->flight || assay_acquisition_is_heir(acquisition) ||
                   atomic_load(&kept->generation) != acquisition->seen;
    if (assay_acquisition_is_own_lead(acquisition) || !changed)
        (void)pthread_cond_timedwait(&kept->landed, &credential->lock, &when);
    assay_credential_unlock(credential);
}
