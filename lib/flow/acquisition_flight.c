/* SPDX-License-Identifier: MIT */
#include "flow/acquisition_private.h"

/* Who takes part in a flight, and how it ends; all with the credential's lock. */

enum { PATIENT_MS = 1000 }; /* as much time as somebody has who stays until there is an answer */

void assay_acquisition_take_place(assay_acquisition *acquisition)
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

void assay_acquisition_leave_place(assay_acquisition *acquisition)
{
    if (!acquisition->waits)
        return;
    acquisition->waits = false;
    *acquisition->link = acquisition->next;
    if (acquisition->next != NULL)
        acquisition->next->link = acquisition->link;
}

void assay_kept_wake_all(assay_kept *kept)
{
    (void)pthread_cond_broadcast(&kept->landed);
    for (assay_acquisition *one = kept->waiting; one != NULL; one = one->next)
        if (one->waker != NULL)
            one->waker->wake(one->waker);
}

uint64_t assay_kept_choose_heir(const assay_kept *kept, int64_t least, bool stays)
{
    uint64_t heir = 0;
    int64_t deadline = least;
    for (const assay_acquisition *one = kept->waiting; one != NULL; one = one->next) {
        if (one->flight == kept->flight && one->deadline > deadline && (one->blocks || !stays)) {
            heir = one->ticket;
            deadline = one->deadline;
        }
    }
    return heir;
}

void assay_kept_note_failure(assay_kept *kept, int code, const assay_failure *failure)
{
    kept->landing_code = code;
    if (failure == &kept->landing)
        return;
    kept->landing = *failure;
    if (failure->detail != NULL) {
        kept->landing_detail = *failure->detail;
        kept->landing.detail = &kept->landing_detail;
    }
}

void assay_kept_land(assay_kept *kept, int code, const assay_failure *failure)
{
    assay_kept_note_failure(kept, code, failure);
    kept->lease = 0;
    kept->flying = false;
    assay_kept_wake_all(kept);
}

/* Milliseconds for which the server asked to be left alone; never more than it may ask for, whatever the clock does. */
int64_t assay_acquisition_gate_left(const assay_credential *credential, const assay_kept *kept)
{
    int64_t now = assay_credential_now(credential);
    bool closed = now < kept->gate_ms && kept->gate_ms - now <= (int64_t)ASSAY_LIMIT_RETRY_AFTER * 1000;
    return closed ? kept->gate_ms - now : 0;
}

void assay_kept_pass_on(assay_kept *kept, uint64_t heir)
{
    kept->lease = 0;
    kept->heir = heir;
    kept->lease_until = assay_clock_real_ms() + ASSAY_LIMIT_LEASE_GRACE_MS;
    assay_kept_wake_all(kept);
}

/*
 * The leader goes without a result, or the heir does before it led; @p least as of assay_kept_choose_heir(). Callers who come and go must not make the server work
 * without an end, nor ask it before the time that it set; but a blocking one with time to spare is not one of those, and does not fail because of them.
 */
void assay_acquisition_give_up_lead(const assay_acquisition *acquisition, int64_t least, int code,
                                    const assay_failure *failure)
{
    assay_kept *kept = acquisition->kept;
    if (assay_acquisition_gate_left(acquisition->credential, kept) > 0) {
        assay_kept_land(kept, kept->landing_code, &kept->landing);
        return;
    }
    bool often = kept->heirs + 1 >= ASSAY_LIMIT_ABANDONED;
    int64_t patient = assay_clock_real_ms() + PATIENT_MS;
    uint64_t heir = assay_kept_choose_heir(kept, often && patient > least ? patient : least, often);
    if (heir != 0)
        assay_kept_pass_on(kept, heir);
    else
        assay_kept_land(kept, code, failure);
}

/* The lead is free, and for this one to take before all others. */
bool assay_acquisition_is_heir(const assay_acquisition *acquisition)
{
    const assay_kept *kept = acquisition->kept;
    return kept->flying && kept->lease == 0 && acquisition->waits && acquisition->ticket == kept->heir;
}

void assay_acquisition_leave_flight(assay_acquisition *acquisition, bool leads)
{
    static const char why[] = "whoever obtained it went away";
    assay_failure gone;
    assay_failure_detail detail;
    bool inherits = assay_acquisition_is_heir(acquisition);
    assay_acquisition_leave_place(acquisition);
    if (!leads && !inherits)
        return;
    int code = assay_acquisition_tell_learnt(acquisition, why, &gone, &detail);
    if (code == ASSAY_OK)
        code = assay_fail_note(&gone, ASSAY_E_TIMEOUT, "%s", why);
    assay_acquisition_give_up_lead(acquisition, assay_clock_real_ms(), code, &gone);
}

assay_turn assay_acquisition_over(assay_acquisition *acquisition, int result, int *code, assay_failure *failure)
{
    assay_acquisition_leave_place(acquisition);
    *code = assay_fail(failure, result);
    return ASSAY_TURN_OVER;
}

void assay_acquisition_give_failure(const assay_failure *from, assay_failure *failure, assay_failure_detail *detail)
{
    *failure = *from;
    if (from->detail != NULL) {
        *detail = *from->detail;
        failure->detail = detail;
    }
}

/* Of the leader's own machine, though another one may lead by now; of others what the leader last noted. */
int assay_acquisition_tell_learnt(const assay_acquisition *acquisition, const char *more, assay_failure *failure,
                                  assay_failure_detail *detail)
{
    const assay_machine *machine = acquisition->machine;
    const assay_kept *kept = acquisition->kept;
    bool own = machine != NULL && machine->code != ASSAY_OK;
    if (!own && !(kept->flying && kept->learnt))
        return ASSAY_OK;
    assay_acquisition_give_failure(own ? &machine->failure : &kept->landing, failure, detail);
    /* It may have waited as long as the server asked, and another one not yet. */
    failure->retry_after = (assay_acquisition_gate_left(acquisition->credential, kept) + 999) / 1000;
    assay_fail_add(failure, more);
    return own ? machine->code : kept->landing_code;
}

bool assay_acquisition_is_own_lead(const assay_acquisition *acquisition)
{
    return acquisition->lease != 0 && acquisition->lease == acquisition->kept->lease;
}

/* The server said when it wants to be asked again (exchange.md 2.9). */
bool assay_acquisition_is_told_to_wait(int code, const assay_failure *failure)
{
    return (code == ASSAY_E_THROTTLED || code == ASSAY_E_GRANT_UNAVAILABLE) && failure->retry_after > 0;
}
