/* SPDX-License-Identifier: MIT */
#include "acquire/managed.h"

#include "acquire/diagnosis.h"

/*
 * A managed identity's token: perhaps a probe whether IMDS is there, the request, perhaps Arc's proof, and again after a pause where the answer says that it is worth it.
 */

enum { APP_SERVICE_RETRIES = 3 };

static assay_machine_want finish(assay_managed *managed, int code)
{
    managed->step = ASSAY_MANAGED_DONE;
    managed->machine.request = (assay_http_request){0};
    assay_secret_clear(&managed->authorization);
    return assay_machine_end(&managed->machine, code);
}

static bool wants_probe(const assay_managed *managed)
{
    const assay_machine *machine = &managed->machine;
    return (machine->settings->probe || managed->one_of_several) && machine->settings->agent == ASSAY_AGENT_IMDS &&
           atomic_load(&machine->context->agent_was_there) == 0;
}

static assay_machine_want send(assay_managed *managed, assay_managed_step step, const assay_moment *now)
{
    managed->step = step;
    if (step == ASSAY_MANAGED_ASK) {
        managed->first_at = managed->tries == 0 ? now->steady : managed->first_at;
        managed->tries++;
    }
    assay_managed_request(managed, step);
    return ASSAY_MACHINE_FETCH;
}

static assay_machine_want start(assay_managed *managed, const assay_moment *now)
{
    int code = assay_managed_prepare(managed);
    if (code != ASSAY_OK)
        return finish(managed, code);
    return send(managed, wants_probe(managed) ? ASSAY_MANAGED_PROBE : ASSAY_MANAGED_ASK, now);
}

static assay_machine_want next(assay_machine *machine, const assay_moment *now)
{
    assay_managed *managed = (assay_managed *)machine;
    switch (managed->step) {
    case ASSAY_MANAGED_START:
        return start(managed, now);
    case ASSAY_MANAGED_PAUSE:
        if (now->steady < machine->wait_until)
            return ASSAY_MACHINE_WAIT;
        return send(managed, ASSAY_MANAGED_ASK, now);
    case ASSAY_MANAGED_DONE:
        return ASSAY_MACHINE_DONE;
    case ASSAY_MANAGED_PROBE:
    case ASSAY_MANAGED_ASK:
    case ASSAY_MANAGED_PROVE:
        break;
    }
    return ASSAY_MACHINE_FETCH;
}

/* Once is enough: what is absent would only be absent more slowly (row 67). Absence is not remembered: the agent may be there the next time (case 73). */
static void probed(assay_managed *managed, const assay_http_response *response, int missed, const assay_moment *now)
{
    int code = missed == ASSAY_OK ? assay_managed_read_probe(response) : missed;
    if (code == ASSAY_OK) {
        atomic_store(&managed->machine.context->agent_was_there, 1);
        (void)send(managed, ASSAY_MANAGED_ASK, now);
        return;
    }
    if (missed != ASSAY_OK && assay_code_category(missed) == ASSAY_CATEGORY_NETWORK)
        code = assay_managed_fail(managed, ASSAY_E_SOURCE_ABSENT, 44, "IMDS does not answer: %s",
                                  assay_code_summary(missed));
    else if (code == ASSAY_E_SOURCE_ABSENT)
        code = assay_managed_fail(managed, code, 43, "status %d is not what IMDS answers", response->status);
    (void)finish(managed, code);
}

/* Agents on this machine that are not IMDS: three times more, 1, 2 and 4 seconds apart (exchange.md 2.7, App Service). */
static int64_t retry_app_service(unsigned tries, const assay_http_response *response)
{
    bool worth = response == NULL || response->status == 408 || response->status == 429 || response->status >= 500;
    if (!worth || tries > APP_SERVICE_RETRIES)
        return -1;
    int64_t asked = response != NULL && response->retry_after > 0 ? assay_retry_after(response) * 1000 : 0;
    int64_t usual = INT64_C(1000) << (tries - 1);
    return asked > usual ? asked : usual;
}

/* A proxy's page or another service is not the agent in bad health, unless it is a gateway's error, which passes. */
static int64_t pause_of(const assay_managed *managed, int code, const assay_http_response *response,
                        const assay_moment *now)
{
    assay_agent agent = managed->machine.settings->agent;
    if (response != NULL && (response->status < 400 || (code == ASSAY_E_SOURCE_ANSWER && response->status < 500)))
        return -1;
    if (agent == ASSAY_AGENT_IMDS || agent == ASSAY_AGENT_ARC)
        return assay_retry_imds(managed->tries, now->steady - managed->first_at, response);
    return retry_app_service(managed->tries, response);
}

/* Meanwhile the machine says what it waits for, so that who has no time for that can tell. */
static void pause_or_finish(assay_managed *managed, int code, int64_t pause, const assay_moment *now)
{
    if (pause < 0) {
        (void)finish(managed, code);
        return;
    }
    managed->step = ASSAY_MANAGED_PAUSE;
    managed->machine.code = code;
    managed->machine.wait_until = now->steady + pause;
    assay_secret_clear(&managed->authorization);
}

/* No answer at all. Where an engine refuses redirects by itself, it is still the agent who sent one. */
static void unanswered(assay_managed *managed, int missed, const assay_failure *why, const assay_moment *now)
{
    assay_machine *machine = &managed->machine;
    if (missed == ASSAY_E_REDIRECT) {
        (void)finish(managed,
                     assay_managed_fail(managed, ASSAY_E_SOURCE_ANSWER, 0, "a redirect, which is never followed"));
        return;
    }
    assay_failure_clear(&machine->failure);
    memset(&machine->detail, 0, sizeof machine->detail);
    if (why != NULL)
        machine->failure = *why;
    machine->failure.detail = NULL;
    if (!assay_retry_is_transport(missed)) {
        (void)finish(managed, missed);
        return;
    }
    if (machine->settings->agent == ASSAY_AGENT_IMDS) {
        assay_diagnosis_apply(44, &machine->failure, &machine->detail);
        machine->failure.detail = &machine->detail;
    }
    pause_or_finish(managed, missed, pause_of(managed, missed, NULL, now), now);
}

/* Arc's first answer is to be a challenge: a token without one would come from something else at that port. */
static void challenged(assay_managed *managed, const assay_http_response *response, const assay_moment *now)
{
    int code = assay_managed_prove(managed, response);
    if (code != ASSAY_OK) {
        (void)finish(managed, code);
        return;
    }
    assay_machine_forget_failure(&managed->machine);
    (void)send(managed, ASSAY_MANAGED_PROVE, now);
}

static void asked(assay_managed *managed, const assay_http_response *response, const assay_moment *now)
{
    bool arc = managed->machine.settings->agent == ASSAY_AGENT_ARC && managed->step == ASSAY_MANAGED_ASK;
    if (arc && response->status == 401) {
        challenged(managed, response, now);
        return;
    }
    if (arc && response->status >= 200 && response->status < 300) {
        (void)finish(managed,
                     assay_managed_fail(managed, ASSAY_E_SOURCE_ANSWER, 47, "the Arc agent did not ask for its key"));
        return;
    }
    int code = assay_managed_judge(managed, response, now->wall);
    if (code == ASSAY_OK)
        code = assay_managed_check_identity(managed);
    pause_or_finish(managed, code, code == ASSAY_OK ? -1 : pause_of(managed, code, response, now), now);
}

static void answered(assay_machine *machine, const assay_http_response *response, int missed, const assay_failure *why,
                     const assay_moment *now)
{
    assay_managed *managed = (assay_managed *)machine;
    if (managed->step == ASSAY_MANAGED_PROBE)
        probed(managed, response, missed, now);
    else if (missed != ASSAY_OK)
        unanswered(managed, missed, why, now);
    else
        asked(managed, response, now);
}

static void clear(assay_machine *machine)
{
    assay_managed *managed = (assay_managed *)machine;
    assay_release(managed->url);
    assay_release(managed->body);
    assay_secret_clear(&managed->authorization);
}

const assay_machine_kind assay_machine_managed = {sizeof(assay_managed), next, answered, clear};

void assay_managed_in_chain(assay_machine *machine)
{
    if (machine->kind == &assay_machine_managed)
        ((assay_managed *)machine)->one_of_several = true;
}
