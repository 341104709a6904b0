/* SPDX-License-Identifier: MIT */
#include "acquire/machine.h"

static const assay_machine_kind *kind_for(const assay_credential_settings *settings)
{
    switch (settings->kind) {
    case ASSAY_CREDENTIAL_MANAGED:
        return &assay_machine_managed;
    case ASSAY_CREDENTIAL_CHAIN:
        return &assay_machine_chain;
    default:
        return &assay_machine_endpoint;
    }
}

int assay_machine_make(const assay_machine_kind *kind, const assay_credential_settings *settings,
                       const assay_token_request *wanted, assay_acquire_context *context, assay_machine **machine)
{
    *machine = assay_zalloc(kind->size);
    if (*machine == NULL)
        return ASSAY_E_MEMORY;
    (*machine)->kind = kind;
    (*machine)->settings = settings;
    (*machine)->wanted = wanted;
    (*machine)->context = settings->context != NULL ? settings->context : context;
    (*machine)->attempt_ms = ASSAY_LIMIT_EXCHANGE_TIMEOUT_MS;
    return ASSAY_OK;
}

int assay_machine_new(const assay_credential_settings *settings, const assay_token_request *wanted,
                      assay_acquire_context *context, assay_machine **machine)
{
    return assay_machine_make(kind_for(settings), settings, wanted, context, machine);
}

void assay_machine_free(assay_machine *machine)
{
    if (machine == NULL)
        return;
    machine->kind->clear(machine);
    assay_token_answer_clear(&machine->answer);
    assay_release(machine);
}

assay_machine_want assay_machine_end(assay_machine *machine, int code)
{
    machine->code = code;
    if (code != ASSAY_OK)
        assay_token_answer_clear(&machine->answer);
    return ASSAY_MACHINE_DONE;
}

void assay_machine_forget_failure(assay_machine *machine)
{
    machine->code = assay_fail(&machine->failure, ASSAY_OK);
    memset(&machine->detail, 0, sizeof machine->detail);
}

static void take_failure(assay_machine *machine, const assay_machine *inner)
{
    machine->code = inner->code;
    machine->failure = inner->failure;
    machine->detail = inner->detail;
    if (inner->failure.detail != NULL)
        machine->failure.detail = &machine->detail;
}

void assay_machine_take(assay_machine *machine, assay_machine *inner)
{
    take_failure(machine, inner);
    assay_token_answer_clear(&machine->answer);
    machine->answer = inner->answer;
    memset(&inner->answer, 0, sizeof inner->answer);
    machine->source = inner->source;
}

int assay_machine_lack(assay_machine *machine, const assay_credential_settings *lacking)
{
    machine->code = lacking->checked;
    machine->failure = lacking->lacking;
    if (lacking->lacking.detail != NULL) {
        machine->detail = *lacking->lacking.detail;
        machine->failure.detail = &machine->detail;
    }
    return machine->code;
}

void assay_machine_want_as(assay_machine *machine, const assay_machine *inner)
{
    machine->request = inner->request;
    machine->attempt_ms = inner->attempt_ms;
    machine->ca_pem = inner->ca_pem;
    machine->ca_len = inner->ca_len;
    machine->wait_until = inner->wait_until;
    take_failure(machine, inner);
}
