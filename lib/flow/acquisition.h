/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_FLOW_ACQUISITION_H
#define ASSAY_FLOW_ACQUISITION_H

/*
 * One flight for each token that is wanted, whoever waits for it: one of them leads, which means it runs the machine, and all share how it ends.
 * Where the leader leaves or falls silent, the lead passes to one that waits, with a machine of its own (architecture, section 3). Nothing in here waits but
 * assay_acquisition_wait() and _join().
 */

#include "flow/credential.h"
#include "flow/flight.h"

typedef struct assay_acquisition {
    assay_credential *credential;
    assay_kept *kept;                  /* pinned; NULL: nothing is wanted */
    const assay_token_request *wanted; /* borrowed: with the user's token, which `kept` does not have */
    bool blocks;                       /* in a thread of the host, which may have a thread started for it */
    bool renewal;                      /* a token serves, or nobody waits */
    uint64_t seen;                     /* generation of `kept` that was found wanting */
    int64_t deadline;                  /* real milliseconds */
    assay_waker *waker;
    unsigned process; /* assay_fork_generation() */

    assay_access_token *got; /* a reference: what the flight brought; NULL: nothing */
    bool hurried;            /* it is over for want of time: a driver that has more may go on */

    bool waits;
    uint64_t ticket, flight, lease;
    struct assay_acquisition *next, **link;

    /* Of the leader. */
    assay_machine *machine;
    assay_machine_want want;
    bool answered;    /* some request of the machine was, or failed */
    bool own_time;    /* its own deadline ends the request, not the time for one */
    int64_t until;    /* real milliseconds: an answer after this one is too late */
    int64_t began;    /* real milliseconds */
    int64_t look_at;  /* real milliseconds: when the machine wants to go on */
    assay_http_ca ca; /* of the machine */
    int shared_lock;  /* descriptor of the lock among processes; -1: none */
} assay_acquisition;

/* @p kept is pinned already (assay_acquisition_pin()). */
void assay_acquisition_init(assay_acquisition *acquisition, assay_credential *credential, assay_kept *kept,
                            const assay_token_request *wanted, bool renewal, uint64_t seen, int64_t deadline,
                            assay_waker *waker);
void assay_acquisition_wake_by(assay_acquisition *acquisition, assay_waker *waker);

/*
 * Begin a flight, take part in one, or look how it goes on. ASSAY_TURN_LEAD: carry out assay_acquisition_request() and report. ASSAY_TURN_WAIT: look again when woken or
 * at assay_acquisition_look_at(). ASSAY_TURN_OVER: *code is ASSAY_OK (a token arrived since `seen`), or why none did; failure->detail then points to *detail.
 * Where its own time ended, that is what the last try of the flight failed with, and ASSAY_E_TIMEOUT where there was none, or what followed it is another stage.
 */
assay_turn assay_acquisition_board(assay_acquisition *acquisition, int *code, assay_failure *failure,
                                   assay_failure_detail *detail);
assay_turn assay_acquisition_report(assay_acquisition *acquisition, const assay_http_response *response, int missed,
                                    const assay_failure *why, int *code, assay_failure *failure,
                                    assay_failure_detail *detail);
/* The caller's, after it ended with ASSAY_OK: what the flight brought, whatever became of the kept one since. NULL: it is not what was wanted. */
assay_access_token *assay_acquisition_take_token(assay_acquisition *acquisition);
/* Give it up in any state; a lead passes on. */
void assay_acquisition_leave(assay_acquisition *acquisition);
int64_t assay_acquisition_look_at(const assay_acquisition *acquisition);
/* Block until it should look again. */
void assay_acquisition_wait(assay_acquisition *acquisition);

/*
 * acquire.c: begin to get a token. *token: one that serves came meanwhile, and nothing is left to do but leave. The acquisition is to be left in any case
 * where this is ASSAY_OK. @p wanted is normalised and stays.
 */
int assay_acquire_begin(assay_credential *credential, const assay_token_request *wanted, int64_t deadline,
                        assay_waker *waker, assay_acquisition *acquisition, assay_access_token **token,
                        assay_failure *failure);

/* Flights that one caller takes part in, where what they bring is forgotten at once. */
enum { ASSAY_ACQUIRE_FLIGHTS = 3 };

static inline const assay_http_request *assay_acquisition_request(const assay_acquisition *acquisition)
{
    return &acquisition->machine->request;
}

/* blocking: in the caller's thread, to the end. */
int assay_acquisition_join(assay_acquisition *acquisition, assay_failure *failure, assay_failure_detail *detail);

#endif
