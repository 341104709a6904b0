/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_ACQUIRE_MACHINE_H
#define ASSAY_ACQUIRE_MACHINE_H

/*
 * One acquisition of one token as a step machine without sockets, threads or a clock: it says what to fetch or how long to wait, reads the answers,
 * and ends with a token or a failure. Machines are made of machines: that of a token endpoint may begin with one that gets the assertion, that of
 * a chain with the one of its current member. Small files (token files, keys) are read right here. One thread at a time.
 */

#include "acquire/settings.h"
#include "acquire/token_request.h"
#include "acquire/token_response.h"
#include "crypto/crypto.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct assay_moment {
    int64_t wall;   /* seconds since 1970 */
    int64_t steady; /* milliseconds of the runtime's steady clock */
} assay_moment;

/* What the machines of one credential share; outlives them. */
struct assay_acquire_context {
    const assay_crypto *crypto;
    atomic_bool
        succeeded; /* the credential got a token at some time in this process: from then on nothing is put down to propagation */
    pthread_mutex_t lock;    /* of what follows and of settings->signing: held for moments, for small files at most */
    assay_secret assertion;  /* FEDERATED: the inner credential's token, kept until it expires */
    int64_t assertion_until; /* seconds of the wall clock */
    assay_secret proxy_ca;   /* last good CA certificates of the token proxy's file */
    atomic_int agent_was_there; /* a probe of IMDS found it: none is made again */
};

typedef enum assay_machine_want {
    ASSAY_MACHINE_FETCH, /* send `request`, then assay_machine_answered() */
    ASSAY_MACHINE_WAIT,  /* until `wait_until`, then assay_machine_next() again; earlier does no harm */
    ASSAY_MACHINE_DONE   /* `code`, with the token in `answer` or the reason in `failure` */
} assay_machine_want;

typedef struct assay_machine {
    const struct assay_machine_kind *kind;
    const assay_credential_settings *settings;
    const assay_token_request *wanted;
    assay_acquire_context *context;

    /* While it wants a fetch. All texts are the machine's; they stay until it is answered. */
    assay_http_request request;
    int64_t attempt_ms; /* longest time for this attempt, within the caller's deadline */
    const char *ca_pem; /* CA certificates that the server is checked against; NULL: those of the runtime */
    size_t ca_len;

    /* While it wants to wait: steady milliseconds. Who has no time for that ends it with `code`, `failure` and `detail`, which say what it waits for. */
    int64_t wait_until;

    /* Once it is done. Before that: how the last try of this stage failed, while another one is waited for or made; ASSAY_OK: there was none. */
    int code;
    assay_failure failure;
    assay_failure_detail detail; /* failure.detail points here, or is NULL */
    assay_token_answer answer;
    const char *source; /* static: where the token came from, such as "managed-identity (IMDS)" */
} assay_machine;

typedef struct assay_machine_kind {
    size_t size; /* of the machine, `assay_machine` first */
    assay_machine_want (*next)(assay_machine *machine, const assay_moment *now);
    /* @p missed ASSAY_OK: @p response is the answer, whatever its status; otherwise the code that the fetch failed with, and @p why. */
    void (*answered)(assay_machine *machine, const assay_http_response *response, int missed, const assay_failure *why,
                     const assay_moment *now);
    void (*clear)(assay_machine *machine); /* what the kind itself holds */
} assay_machine_kind;

/* The machine that fits the settings, which have a context of their own where they are a credential's; else it is @p context. ASSAY_OK,
 * ASSAY_E_MEMORY. All is borrowed. */
int assay_machine_new(const assay_credential_settings *settings, const assay_token_request *wanted,
                      assay_acquire_context *context, assay_machine **machine);
/* One of a given kind, for machines inside others. */
int assay_machine_make(const assay_machine_kind *kind, const assay_credential_settings *settings,
                       const assay_token_request *wanted, assay_acquire_context *context, assay_machine **machine);
void assay_machine_free(assay_machine *machine);
ASSAY_DEFINE_CLEANUP(assay_machine, assay_machine_free)

static inline assay_machine_want assay_machine_next(assay_machine *machine, const assay_moment *now)
{
    return machine->kind->next(machine, now);
}

static inline void assay_machine_answered(assay_machine *machine, const assay_http_response *response, int missed,
                                          const assay_failure *why, const assay_moment *now)
{
    machine->kind->answered(machine, response, missed, why, now);
}

/* For the kinds: be done with @p code; what machine->failure and ->detail say stays. */
assay_machine_want assay_machine_end(assay_machine *machine, int code);
/* A stage is over and was a success: what went wrong on the way to it is not why the next one fails. */
void assay_machine_forget_failure(assay_machine *machine);
/* Take over how an inner machine ended: its failure, or its answer. */
void assay_machine_take(assay_machine *machine, assay_machine *inner);
/* Fail as the check of these settings did: what they lack is the answer. Returns its code. */
int assay_machine_lack(assay_machine *machine, const assay_credential_settings *lacking);
/* Want what an inner machine wants: to fetch its request, or to wait as long. */
void assay_machine_want_as(assay_machine *machine, const assay_machine *inner);

/* The kinds, one file each. */
extern const assay_machine_kind assay_machine_endpoint; /* endpoint.c: every token endpoint */
extern const assay_machine_kind assay_machine_managed;  /* managed.c */
extern const assay_machine_kind assay_machine_job;      /* job.c: the ID token of a CI job, for use as an assertion */
extern const assay_machine_kind assay_machine_chain;    /* chain.c */

/*
 * retry.c: whether and when to try again (exchange.md 2.9). @p tries: how many were made, the last one included.
 * Returns milliseconds to wait; -1: no more. @p response NULL: the connection failed. Jitter by @p crypto's random bytes, +-20 percent.
 */
int64_t assay_retry_token_endpoint(unsigned tries, const assay_http_response *response, bool transient);
int64_t assay_retry_imds(unsigned tries, int64_t since_first_ms, const assay_http_response *response);
/* A fetch failed below HTTP and TLS, which passes: no address, connection or answer in time. */
bool assay_retry_is_transport(int missed);
/* Seconds that a 429 or 503 asks to wait (both forms, and milliseconds), capped at ASSAY_LIMIT_RETRY_AFTER; without one or with garbage 60 for a 429, else 0. */
int64_t assay_retry_after(const assay_http_response *response);

#endif
