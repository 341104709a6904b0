/* SPDX-License-Identifier: MIT */
#include "flow/acquisition_private.h"

/*
 * A caller's own time ends before its flight does. That says nothing about the server, and whoever has more time goes on; but the caller is told what the
 * flight has learnt so far, since a reason is worth more than that there was no time to hear it again.
 */

static const char time_was_up[] = "the time was up before another try was answered";

void assay_acquisition_note_progress(assay_acquisition *acquisition)
{
    const assay_machine *machine = acquisition->machine;
    assay_kept *kept = acquisition->kept;
    assay_credential_lock(acquisition->credential);
    bool leads = assay_acquisition_is_own_lead(acquisition);
    if (leads && machine->code != ASSAY_OK) {
        assay_kept_note_failure(kept, machine->code, &machine->failure);
        kept->learnt = true;
        kept->answered = acquisition->answered;
    } else if (leads && (acquisition->answered || !kept->answered)) {
        kept->learnt =
            false; /* what failed has succeeded since; an heir that was not answered yet knows nothing of it */
    }
    assay_credential_unlock(acquisition->credential);
}

assay_turn assay_acquisition_no_time(assay_acquisition *acquisition, int *code, assay_failure *failure,
                                     assay_failure_detail *detail)
{
    *code = assay_acquisition_tell_learnt(acquisition, time_was_up, failure, detail);
    if (*code == ASSAY_OK)
        *code = assay_fail_note(failure, ASSAY_E_TIMEOUT, "no time was left to obtain a token");
    acquisition->hurried = true;
    assay_acquisition_leave_flight(acquisition, false);
    return ASSAY_TURN_OVER;
}

/* Nobody who waits has the time that it takes: whoever keeps tokens fresh has it, for those that it knows how to ask for. */
static bool may_be_got_behind(const assay_acquisition *acquisition)
{
    const assay_kept *kept = acquisition->kept;
    return !kept->flying && !acquisition->renewal && !assay_kept_is_of_user(kept) && kept->wanted->claims == NULL;
}

/* One who has more than it had begins anew, or whoever keeps tokens fresh. */
assay_turn assay_acquisition_end_hurried(assay_acquisition *acquisition, const assay_failure *why, int *code,
                                         assay_failure *failure, assay_failure_detail *detail)
{
    assay_credential *credential = acquisition->credential;
    assay_kept *kept = acquisition->kept;
    assay_access_token *spare = assay_acquisition_spare(acquisition);
    if (spare != NULL)
        return assay_acquisition_take_shared(acquisition, spare, ASSAY_OK, code, failure);
    acquisition->hurried = true;
    assay_credential_lock(credential);
    *code = assay_acquisition_tell_learnt(acquisition, time_was_up, failure, detail);
    if (*code == ASSAY_OK)
        *code = assay_fail_note(failure, ASSAY_E_TIMEOUT, "%s",
                                why != NULL && why->note[0] != '\0' ? why->note : "no time was left to obtain a token");
    if (assay_acquisition_is_own_lead(acquisition)) {
        int64_t now = assay_clock_real_ms();
        assay_acquisition_give_up_lead(acquisition, now + (now - acquisition->began), *code, failure);
        kept->background = may_be_got_behind(acquisition);
    }
    bool background = kept->background;
    assay_credential_unlock(credential);
    assay_acquisition_clear_lead(acquisition);
    if (background)
        assay_acquire_call_keeper(credential, acquisition->blocks);
    return ASSAY_TURN_OVER;
}

bool assay_acquisition_pass_on_to_patient(assay_acquisition *acquisition, int64_t until)
{
    assay_kept *kept = acquisition->kept;
    assay_credential_lock(acquisition->credential);
    bool may = assay_acquisition_is_own_lead(acquisition) && kept->heirs + 1 < ASSAY_LIMIT_ABANDONED;
    uint64_t heir = may ? assay_kept_choose_heir(kept, until, false) : 0;
    if (heir != 0)
        assay_kept_pass_on(kept, heir);
    assay_credential_unlock(acquisition->credential);
    return heir != 0;
}
