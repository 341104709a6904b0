/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_ACQUIRE_MANAGED_H
#define ASSAY_ACQUIRE_MANAGED_H

/* The parts of the machine that asks a platform's agent for a token of a managed identity (exchange.md 2.7, Settled 5). */

#include "acquire/machine.h"

/* What one agent is asked like. */
typedef struct assay_agent_form {
    const char *source;  /* of the token */
    const char *url;     /* NULL: only where the settings have one */
    const char *version; /* api-version; NULL: none */
    const char *field;   /* header that holds the secret, or with `field_value` shows that no browser or proxy asks */
    const char *field_value; /* NULL: the secret of the settings */
    /* Parameters that name a user-assigned identity; NULL: it can't be named so. */
    const char *by_client_id, *by_object_id, *by_resource_id;
    bool post;
} assay_agent_form;

typedef enum assay_managed_step {
    ASSAY_MANAGED_START,
    ASSAY_MANAGED_PROBE, /* is IMDS there at all? */
    ASSAY_MANAGED_ASK,
    ASSAY_MANAGED_PROVE, /* Arc: the same with the key that the first answer named */
    ASSAY_MANAGED_PAUSE,
    ASSAY_MANAGED_DONE
} assay_managed_step;

typedef struct assay_managed {
    assay_machine machine;
    assay_managed_step step;
    const assay_agent_form *form;
    char *url, *body;
    assay_http_field field;
    assay_secret authorization; /* Arc */
    unsigned tries;
    int64_t first_at; /* steady milliseconds of the first try */
} assay_managed;

/* NULL: an agent that can't be asked. */
const assay_agent_form *assay_managed_form(assay_agent agent);
/* Make URL and body. ASSAY_OK; otherwise a code, the failure says why and nothing is to be sent. */
int assay_managed_prepare(assay_managed *managed);
/* Fill in the machine's request for this step. */
void assay_managed_request(assay_managed *managed, assay_managed_step step);

/* managed_answer.c: whether it is IMDS that answered a probe. ASSAY_OK, ASSAY_E_SOURCE_ABSENT, ASSAY_E_MEMORY. */
int assay_managed_read_probe(const assay_http_response *response);
/* Say in failure and detail what an answer other than a token means, with its row; returns the code. */
int assay_managed_judge(assay_managed *managed, const assay_http_response *response, int64_t now);
/* A token was read: whether it is of the identity that was asked for. ASSAY_OK, ASSAY_E_IDENTITY. */
int assay_managed_check_identity(assay_managed *managed);
/* Set the failure to a note and a row. Returns @p code. */
int assay_managed_fail(assay_managed *managed, int code, int row, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* managed_arc.c: from the challenge to `authorization`. ASSAY_OK, ASSAY_E_SOURCE_ANSWER, ASSAY_E_TOKEN_FILE_*, ASSAY_E_MEMORY. */
int assay_managed_prove(assay_managed *managed, const assay_http_response *response);

#endif
