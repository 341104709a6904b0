/* SPDX-License-Identifier: MIT */
#include "acquire/managed.h"

#include <stdio.h>

/*
 * The first of several credentials that is there. The next one is asked only where one lacks what it needs or its platform's agent is absent: one that is
 * there and fails is the answer, or else the node's identity would step in for the workload's unnoticed (exchange.md, Settled 2).
 */

typedef struct chain {
    assay_machine machine;
    size_t at;
    assay_machine *inner;
    bool absent, done; /* `absent`: one of those passed over is complete */
    char reasons[sizeof((assay_failure *)0)->note];
    size_t used;
} chain;

static assay_machine_want finish(chain *self, int code)
{
    self->done = true;
    self->machine.request = (assay_http_request){0};
    assay_machine_free(ASSAY_STEAL(self->inner));
    return assay_machine_end(&self->machine, code);
}

/* Each gets an equal share of the note, so that a long first reason doesn't hide the others. */
static void pass_over(chain *self, int code, const assay_failure *why)
{
    const assay_credential_settings *settings = self->machine.settings;
    size_t room = sizeof self->reasons - self->used;
    size_t share = sizeof self->reasons / settings->member_count;
    size_t size = share < room ? share : room;
    const char *reason = why->note[0] != '\0' ? why->note : assay_code_summary(code);
    const char *name = assay_credential_kind_name(settings->members[self->at]->kind);
    bool named = strncmp(reason, name, strlen(name)) == 0; /* "client-secret lacks …" */
    if (size > 1) {
        int wrote = snprintf(self->reasons + self->used, size, "%s%s%s%s", self->used == 0 ? "" : "; ",
                             named ? "" : name, named ? "" : ": ", reason);
        self->used += wrote < 0 ? 0 : (size_t)wrote < size ? (size_t)wrote : size - 1;
    }
    self->absent = self->absent || code == ASSAY_E_SOURCE_ABSENT;
    /* What to do about the last one: it is the one that should have been there where no other is. */
    self->machine.failure.hint = why->hint;
    self->machine.failure.check = why->check;
    self->machine.detail.row = why->detail == NULL ? 0 : why->detail->row;
    self->at++;
}

static assay_machine_want none_is_there(chain *self)
{
    assay_machine *machine = &self->machine;
    const char *hint = machine->failure.hint, *check = machine->failure.check;
    int code = self->absent ? ASSAY_E_SOURCE_ABSENT : ASSAY_E_CONFIG_CREDENTIAL;
    (void)assay_fail_note(&machine->failure, code, "%s", self->used == 0 ? "the chain has no members" : self->reasons);
    machine->failure.hint = hint;
    machine->failure.check = check;
    machine->failure.detail = machine->detail.row == 0 ? NULL : &machine->detail;
    return finish(self, code);
}

/*
 * A token file that was named says that workload identity is meant here, whatever else is missing; by itself, or as the source of another's assertion. And
 * in Service Fabric, whose agent is not supported, nothing is absent.
 */
static bool is_meant(const assay_credential_settings *member)
{
    for (; member != NULL; member = member->inner)
        if ((member->kind == ASSAY_CREDENTIAL_WORKLOAD && member->token_file != NULL) ||
            (member->kind == ASSAY_CREDENTIAL_MANAGED && member->agent == ASSAY_AGENT_SERVICE_FABRIC))
            return true;
    return false;
}

static bool may_pass_over(const assay_credential_settings *member, int code)
{
    return code == ASSAY_E_SOURCE_ABSENT || (code == ASSAY_E_CONFIG_CREDENTIAL && !is_meant(member));
}

/* The next member that can be asked; ASSAY_MACHINE_FETCH with `inner`, or done. */
static assay_machine_want open_member(chain *self)
{
    assay_machine *machine = &self->machine;
    const assay_credential_settings *settings = machine->settings;
    while (self->at < settings->member_count) {
        const assay_credential_settings *member = settings->members[self->at];
        if (member->checked == ASSAY_OK) {
            int code = assay_machine_new(member, machine->wanted, machine->context, &self->inner);
            if (code != ASSAY_OK)
                return finish(self, code);
            assay_managed_in_chain(self->inner);
            return ASSAY_MACHINE_FETCH;
        }
        if (!may_pass_over(member, member->checked))
            return finish(self, assay_machine_lack(machine, member));
        pass_over(self, member->checked, &member->lacking);
    }
    return none_is_there(self);
}

/* The current member is done: true, and so is the chain; false: it was passed over. */
static bool settle(chain *self, assay_machine_want *want)
{
    assay_machine *inner = self->inner;
    int code = inner->code;
    if (code != ASSAY_OK && may_pass_over(inner->settings, code)) {
        pass_over(self, code, &inner->failure);
        assay_machine_free(ASSAY_STEAL(self->inner));
        return false;
    }
    assay_machine_take(&self->machine, inner);
    *want = finish(self, code);
    return true;
}

static assay_machine_want next(assay_machine *machine, const assay_moment *now)
{
    chain *self = (chain *)machine;
    assay_machine_want want = ASSAY_MACHINE_DONE;
    while (!self->done) {
        if (self->inner == NULL && open_member(self) == ASSAY_MACHINE_DONE)
            break;
        want = assay_machine_next(self->inner, now);
        if (want != ASSAY_MACHINE_DONE) {
            assay_machine_want_as(machine, self->inner);
            return want;
        }
        if (settle(self, &want))
            break;
    }
    return ASSAY_MACHINE_DONE;
}

static void answered(assay_machine *machine, const assay_http_response *response, int missed, const assay_failure *why,
                     const assay_moment *now)
{
    chain *self = (chain *)machine;
    if (self->inner != NULL)
        assay_machine_answered(self->inner, response, missed, why, now);
}

static void clear(assay_machine *machine)
{
    assay_machine_free(((chain *)machine)->inner);
}

const assay_machine_kind assay_machine_chain = {sizeof(chain), next, answered, clear};
