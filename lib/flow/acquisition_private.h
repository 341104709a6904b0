/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_FLOW_ACQUISITION_PRIVATE_H
#define ASSAY_FLOW_ACQUISITION_PRIVATE_H

/* Inside of acquisitions, for acquisition*.c alone. */

#include "flow/acquisition.h"
#include "flow/fork.h"

static inline bool assay_acquisition_is_inherited(const assay_acquisition *acquisition)
{
    return acquisition->process != assay_fork_generation();
}

/* acquisition_flight.c: with the credential's lock. */
void assay_acquisition_take_place(assay_acquisition *acquisition);
void assay_acquisition_leave_place(assay_acquisition *acquisition);
void assay_kept_wake_all(assay_kept *kept);
/* Whoever waits and has the most time left, beyond @p least (real milliseconds): an exchange begins anew with it. 0: nobody. @p stays: only one that blocks. */
uint64_t assay_kept_choose_heir(const assay_kept *kept, int64_t least, bool stays);
/* What whoever comes next is told, and whoever waited. */
void assay_kept_note_failure(assay_kept *kept, int code, const assay_failure *failure);
void assay_kept_land(assay_kept *kept, int code, const assay_failure *failure);
void assay_kept_pass_on(assay_kept *kept, uint64_t heir);
/* Milliseconds for which the server asked to be left alone. */
int64_t assay_acquisition_gate_left(const assay_credential *credential, const assay_kept *kept);
/* The leader goes without a result, or the heir does before it led; @p least as of assay_kept_choose_heir(). */
void assay_acquisition_give_up_lead(const assay_acquisition *acquisition, int64_t least, int code,
                                    const assay_failure *failure);
/* The lead is free, and for this one to take before all others. */
bool assay_acquisition_is_heir(const assay_acquisition *acquisition);
bool assay_acquisition_is_own_lead(const assay_acquisition *acquisition);
void assay_acquisition_leave_flight(assay_acquisition *acquisition, bool leads);
/* How the last try failed of the flight that is under way, and in @p more why there is no later news. ASSAY_OK: nothing is known. */
int assay_acquisition_tell_learnt(const assay_acquisition *acquisition, const char *more, assay_failure *failure,
                                  assay_failure_detail *detail);
/* Nothing is left to wait for. */
assay_turn assay_acquisition_over(assay_acquisition *acquisition, int result, int *code, assay_failure *failure);
void assay_acquisition_give_failure(const assay_failure *from, assay_failure *failure, assay_failure_detail *detail);
/* The server said when it wants to be asked again (exchange.md 2.9). */
bool assay_acquisition_is_told_to_wait(int code, const assay_failure *failure);

/* acquisition_lead.c: without it. */
assay_moment assay_acquisition_moment(const assay_credential *credential);
void assay_acquisition_clear_lead(assay_acquisition *acquisition);
/* The first steps of a new leader, and what follows; results as of assay_acquisition_board(). */
assay_turn assay_acquisition_begin(assay_acquisition *acquisition, int *code, assay_failure *failure,
                                   assay_failure_detail *detail);
assay_turn assay_acquisition_run(assay_acquisition *acquisition, int *code, assay_failure *failure,
                                 assay_failure_detail *detail);
/* What another process shared, and serves still though it is due: for whoever has none, where none is to be had. */
assay_access_token *assay_acquisition_spare(const assay_acquisition *acquisition);
/* @p token is a reference; @p failure says with @p why what was wrong with an exchange, ASSAY_OK: there was none. */
assay_turn assay_acquisition_take_shared(assay_acquisition *acquisition, assay_access_token *token, int why, int *code,
                                         assay_failure *failure);

/* acquisition_hurry.c: the own time of one caller. With the lock: it is up, and another one leads or nobody does. */
assay_turn assay_acquisition_no_time(assay_acquisition *acquisition, int *code, assay_failure *failure,
                                     assay_failure_detail *detail);
/* Without it. The leader's own time is up: that says nothing about the server. @p why: where the last request of it was; may be NULL. */
assay_turn assay_acquisition_end_hurried(assay_acquisition *acquisition, const assay_failure *why, int *code,
                                         assay_failure *failure, assay_failure_detail *detail);
/* One that waits and has the time which the leader has not goes on, from the beginning. @p until: real milliseconds. */
bool assay_acquisition_pass_on_to_patient(assay_acquisition *acquisition, int64_t until);
/* After each step of the machine: what is known by now is there for whose time ends before the flight does. */
void assay_acquisition_note_progress(assay_acquisition *acquisition);

/* acquisition.c: longest pause between looks, in milliseconds. */
int64_t assay_acquisition_look_every(const assay_acquisition *acquisition);

#endif
