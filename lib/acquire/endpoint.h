/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_ACQUIRE_ENDPOINT_H
#define ASSAY_ACQUIRE_ENDPOINT_H

/* Inside of the machine of a token endpoint, for endpoint*.c alone. */

#include "acquire/machine.h"
#include "base/guid.h"

typedef enum assay_endpoint_state {
    ASSAY_ENDPOINT_PROOF, /* the assertion or subject token is to be had */
    ASSAY_ENDPOINT_ASK,   /* the request is to be made */
    ASSAY_ENDPOINT_ASKED, /* it is under way */
    ASSAY_ENDPOINT_PAUSE, /* until the next try */
    ASSAY_ENDPOINT_DONE
} assay_endpoint_state;

#define ASSAY_ENDPOINT_FIELDS 4
#define ASSAY_BINDING_AUDIENCE "api://AKSIdentityBinding"

typedef struct assay_endpoint {
    assay_machine machine;
    assay_endpoint_state state;
    assay_machine *inner; /* gets the assertion or subject token; NULL: nothing does, or it is there */
    assay_token_request *inner_wanted;

    assay_secret proof;        /* assertion or subject token; empty with a secret */
    assay_secret client_proof; /* assertion of the client in an exchange */
    assay_secret actor;        /* actor token of an exchange */
    assay_secret spent;        /* the proof that was refused as expired */
    unsigned reads;            /* of a file that is about to be replaced */
    unsigned tries;            /* of the request with this proof */
    unsigned propagations;     /* tries that were put down to propagation */
    bool through_proxy;        /* the token proxy of an identity binding */
    assay_secret first;        /* Google: the exchanged token, with which the service account's is asked for */

    char *url;
    assay_secret ca; /* of the token proxy, PEM */
    assay_secret body, authorization;
    char correlation[ASSAY_GUID_TEXT + 1];
    assay_http_field fields[ASSAY_ENDPOINT_FIELDS];
} assay_endpoint;

/* It is a client of Entra. */
static inline bool assay_endpoint_is_entra(const assay_endpoint *endpoint)
{
    return endpoint->machine.settings->kind <= ASSAY_CREDENTIAL_PIPELINES;
}

/* The tenant that is asked. */
static inline const char *assay_endpoint_tenant(const assay_machine *machine)
{
    return machine->wanted->tenant != NULL ? machine->wanted->tenant : machine->settings->tenant;
}

/* endpoint_proof.c: have what proves who we are. *ready: it is there; otherwise as of a machine. */
assay_machine_want assay_endpoint_prove(assay_endpoint *endpoint, const assay_moment *now, bool *ready);
/* The server found the assertion expired, or signed by nobody it knows. Whether there may be another one by now: the next proof must differ. Once only. */
bool assay_endpoint_prove_again(assay_endpoint *endpoint);
/* The assertion that is kept of another credential is asked for anew from now on. */
void assay_endpoint_forget_assertion(assay_endpoint *endpoint);
/* Take over the failure of a proof that can't be had. */
int assay_endpoint_fail(assay_endpoint *endpoint, int code);

/* endpoint_explain.c: put into the fix what the server must know about what it refused: the federated credential, or the client. */
void assay_endpoint_explain(assay_endpoint *endpoint);

/* endpoint_form.c: make the request. An ASSAY_E_* code leaves the machine's failure. */
int assay_endpoint_make_request(assay_endpoint *endpoint, const assay_moment *now);
/* The token endpoint without a proxy, which is what an assertion is made for; owned. NULL: out of memory. */
char *assay_endpoint_url(const assay_endpoint *endpoint);

#endif
