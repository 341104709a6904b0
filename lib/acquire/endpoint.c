/* SPDX-License-Identifier: MIT */
#include "acquire/endpoint.h"

#include "acquire/diagnosis.h"

#include <stdio.h>

/* A token endpoint: prove who we are, ask, and where that fails say why or ask again (exchange.md 2.1 to 2.6, 2.8, 2.9). */

enum { PROPAGATION_FIRST_MS = 5000, PROPAGATION_TRIES = 4, MOST_TRIES = 4 };
/* Bytes of a secret in a row that count as told, and the shortest secret that is looked for. */
enum { ECHO_BYTES = 12, ECHO_LEAST = 4 };

static assay_endpoint *endpoint_of(assay_machine *machine)
{
    return (assay_endpoint *)machine; /* its first member */
}

static const char *source_name(const assay_machine *machine)
{
    return machine->wanted->user_assertion.len > 0 ? "on-behalf-of"
                                                   : assay_credential_kind_name(machine->settings->kind);
}

/* By which its support finds the request, where the server told nothing better. */
static void tell_correlation(assay_endpoint *endpoint)
{
    assay_machine *machine = &endpoint->machine;
    if (machine->failure.detail != NULL && machine->detail.correlation_id[0] == '\0')
        memcpy(machine->detail.correlation_id, endpoint->correlation, sizeof endpoint->correlation);
}

int assay_endpoint_fail(assay_endpoint *endpoint, int code)
{
    endpoint->machine.code = code;
    tell_correlation(endpoint);
    endpoint->state = ASSAY_ENDPOINT_DONE;
    return code;
}

static void succeed(assay_endpoint *endpoint)
{
    endpoint->machine.source = source_name(&endpoint->machine);
    atomic_store(&endpoint->machine.context->succeeded, true);
    endpoint->state = ASSAY_ENDPOINT_DONE;
}

/* The AADSTS number that the server gave; 0: none. */
static int64_t entra_number(const assay_machine *machine)
{
    return machine->failure.detail == NULL ? 0 : assay_diagnosis_entra_number(machine->detail.server_code);
}

/* How long until a federated credential that was just made may be known everywhere (exchange.md 2.2); -1: that is not it. */
static int64_t propagation_pause(assay_endpoint *endpoint)
{
    const assay_machine *machine = &endpoint->machine;
    if (!machine->settings->wait_for_propagation || atomic_load(&machine->context->succeeded) ||
        endpoint->propagations >= PROPAGATION_TRIES || !assay_diagnosis_may_be_propagation(entra_number(machine)))
        return -1;
    return (int64_t)PROPAGATION_FIRST_MS << endpoint->propagations++;
}

/* The assertion may have been replaced since it was read (AADSTS700024), or its issuer's keys have (AADSTS700027; exchange.md 2.6). */
static bool is_stale_proof(const assay_machine *machine)
{
    int64_t number = entra_number(machine);
    return number == 700024 || (number == 700027 && machine->settings->kind == ASSAY_CREDENTIAL_FEDERATED);
}

/* Milliseconds until the next try; -1: there is none. */
static int64_t next_try(assay_endpoint *endpoint, const assay_http_response *response)
{
    const assay_machine *machine = &endpoint->machine;
    int64_t pause = propagation_pause(endpoint);
    if (pause >= 0)
        return pause;
    if (machine->failure.retry_after > 0) /* the server said when */
        return endpoint->tries < MOST_TRIES ? machine->failure.retry_after * 1000 : -1;
    return assay_retry_token_endpoint(endpoint->tries, response, machine->code == ASSAY_E_GRANT_UNAVAILABLE);
}

static void go_on_after_failure(assay_endpoint *endpoint, const assay_http_response *response, const assay_moment *now)
{
    assay_machine *machine = &endpoint->machine;
    if (machine->code == ASSAY_E_GRANT && is_stale_proof(machine) && assay_endpoint_prove_again(endpoint)) {
        endpoint->state = ASSAY_ENDPOINT_PROOF;
        return;
    }
    /* Whoever has no time for the next try is told this, so it is told whole. */
    assay_endpoint_explain(endpoint);
    tell_correlation(endpoint);
    int64_t pause = next_try(endpoint, response);
    if (pause >= 0) {
        endpoint->state = ASSAY_ENDPOINT_PAUSE;
        machine->wait_until = now->steady + pause;
        return;
    }
    if (machine->code == ASSAY_E_GRANT)
        assay_endpoint_forget_assertion(endpoint); /* what was refused for good is not shown the next time */
    (void)assay_endpoint_fail(endpoint, machine->code);
}

static bool is_bearer(const assay_machine *machine)
{
    return assay_span_is_nocase(assay_span_of(machine->answer.token_type), "Bearer");
}

static assay_answer_form form_of(const assay_endpoint *endpoint)
{
    const assay_credential_settings *settings = endpoint->machine.settings;
    if (endpoint->first.len > 0)
        return ASSAY_ANSWER_GOOGLE;
    return settings->kind == ASSAY_CREDENTIAL_EXCHANGE || settings->kind == ASSAY_CREDENTIAL_GOOGLE
               ? ASSAY_ANSWER_EXCHANGE
               : ASSAY_ANSWER_ENDPOINT;
}

/* AKS's proxy refuses in Kubernetes' words (exchange.md 2.3; row 59), and fails where there is no binding (row 60). */
static void explain_proxy(assay_endpoint *endpoint, int status)
{
    assay_machine *machine = &endpoint->machine;
    if (!endpoint->through_proxy || machine->detail.server_code[0] != '\0')
        return;
    machine->failure.detail = &machine->detail;
    if (status == 403)
        assay_diagnosis_apply(59, &machine->failure, &machine->detail);
    else if (status >= 500)
        assay_diagnosis_apply(60, &machine->failure, &machine->detail);
}

static bool echoes(const char *said, const assay_secret *secret)
{
    size_t len = strlen(said), piece = secret->len < ECHO_BYTES ? secret->len : ECHO_BYTES;
    if (piece < ECHO_LEAST)
        return false;
    for (size_t at = 0; at + piece <= len; at++)
        if (memmem(secret->text, secret->len, said + at, piece) != NULL)
            return true;
    return false;
}

/* A server that repeats what it was sent is not repeated (case 93): server_text.c knows what secrets look like, but not this one. */
static void hide_echo(assay_endpoint *endpoint, const assay_http_response *response)
{
    assay_machine *machine = &endpoint->machine;
    const assay_secret *const sent[] = {&machine->settings->secret, &machine->wanted->user_assertion,
                                        &endpoint->proof,           &endpoint->client_proof,
                                        &endpoint->actor,           &endpoint->first};
    for (size_t i = 0; i < ASSAY_COUNT_OF(sent); i++) {
        if (echoes(machine->failure.note, sent[i]))
            (void)snprintf(machine->failure.note, sizeof machine->failure.note,
                           "status %d, with words that hold a secret", response->status);
        if (echoes(machine->detail.server_code, sent[i]))
            machine->detail.server_code[0] = '\0';
    }
}

/* Where no user is asked for nobody could sign in, and claims that were passed on would send somebody else's user to do so (exchange.md 2.5). */
static void settle_interaction(assay_machine *machine)
{
    if (machine->code != ASSAY_E_INTERACTION_REQUIRED || machine->wanted->has_user)
        return;
    machine->code = ASSAY_E_GRANT;
    machine->detail.claims[0] = '\0';
    machine->detail.challenge[0] = '\0';
}

static void read_answer(assay_endpoint *endpoint, const assay_http_response *response, const assay_moment *now)
{
    assay_machine *machine = &endpoint->machine;
    assay_token_answer_clear(&machine->answer);
    machine->code = assay_token_response_read(form_of(endpoint), response, now->wall, &machine->answer,
                                              &machine->failure, &machine->detail);
    if (machine->code != ASSAY_OK) {
        settle_interaction(machine);
        hide_echo(endpoint, response);
        explain_proxy(endpoint, response->status);
        go_on_after_failure(endpoint, response, now);
    } else if (machine->settings->impersonation_url != NULL && endpoint->first.len == 0) {
        if (!is_bearer(machine)) {
            (void)assay_endpoint_fail(endpoint, assay_fail_note(&machine->failure, ASSAY_E_TOKEN_RESPONSE,
                                                                "the exchanged token is no access token"));
            return;
        }
        assay_secret_move(&endpoint->first, &machine->answer.token);
        assay_machine_forget_failure(machine);
        endpoint->tries = 0;
        endpoint->state = ASSAY_ENDPOINT_ASK;
    } else {
        succeed(endpoint);
    }
}

/* The server was not reached: a redirect, or an answer that is too long or cut off, is no matter of firewalls. */
static bool is_below_http(int missed)
{
    return missed == ASSAY_E_TLS || assay_retry_is_transport(missed);
}

/* What a refused certificate or a memory that ran out would not mend. */
static bool is_worth_another_try(int missed)
{
    return missed == ASSAY_E_RESPONSE || assay_retry_is_transport(missed);
}

/* No answer: what failed below HTTP, with the row of the network (56), or of the proxy's certificate or address (58, 60). */
static void take_missed(assay_endpoint *endpoint, int missed, const assay_failure *why, const assay_moment *now)
{
    assay_machine *machine = &endpoint->machine;
    memset(&machine->detail, 0, sizeof machine->detail);
    machine->code = missed;
    machine->failure = *why;
    if (is_below_http(missed)) {
        machine->failure.detail = &machine->detail;
        int row = !endpoint->through_proxy ? 56 : missed == ASSAY_E_TLS ? 58 : 60;
        assay_diagnosis_apply(row, &machine->failure, &machine->detail);
    }
    if (is_worth_another_try(missed))
        go_on_after_failure(endpoint, NULL, now);
    else
        (void)assay_endpoint_fail(endpoint, missed);
}

static void answered(assay_machine *machine, const assay_http_response *response, int missed, const assay_failure *why,
                     const assay_moment *now)
{
    assay_endpoint *endpoint = endpoint_of(machine);
    if (endpoint->inner != NULL) {
        assay_machine_answered(endpoint->inner, response, missed, why, now);
        return;
    }
    endpoint->tries++;
    if (missed == ASSAY_OK)
        read_answer(endpoint, response, now);
    else
        take_missed(endpoint, missed, why, now);
    assay_secret_clear(&endpoint->body);
    assay_secret_clear(&endpoint->authorization);
}

static assay_machine_want next(assay_machine *machine, const assay_moment *now)
{
    assay_endpoint *endpoint = endpoint_of(machine);
    bool ready = false;
    if (endpoint->state == ASSAY_ENDPOINT_PROOF) {
        assay_machine_want want = assay_endpoint_prove(endpoint, now, &ready);
        if (!ready)
            return want;
        assay_machine_forget_failure(machine);
        endpoint->state = ASSAY_ENDPOINT_ASK;
        endpoint->tries = 0;
    }
    if (endpoint->state == ASSAY_ENDPOINT_PAUSE) {
        if (now->steady < machine->wait_until)
            return ASSAY_MACHINE_WAIT;
        endpoint->state = ASSAY_ENDPOINT_ASK;
    }
    if (endpoint->state == ASSAY_ENDPOINT_ASK) {
        endpoint->state = ASSAY_ENDPOINT_ASKED;
        int code = assay_endpoint_make_request(endpoint, now);
        if (code != ASSAY_OK)
            (void)assay_endpoint_fail(endpoint, code);
    }
    return endpoint->state == ASSAY_ENDPOINT_DONE ? assay_machine_end(machine, machine->code) : ASSAY_MACHINE_FETCH;
}

static void clear(assay_machine *machine)
{
    assay_endpoint *endpoint = endpoint_of(machine);
    assay_machine_free(endpoint->inner);
    assay_token_request_drop(endpoint->inner_wanted);
    assay_secret_clear(&endpoint->proof);
    assay_secret_clear(&endpoint->client_proof);
    assay_secret_clear(&endpoint->actor);
    assay_secret_clear(&endpoint->spent);
    assay_secret_clear(&endpoint->first);
    assay_secret_clear(&endpoint->ca);
    assay_secret_clear(&endpoint->body);
    assay_secret_clear(&endpoint->authorization);
    assay_release(endpoint->url);
}

const assay_machine_kind assay_machine_endpoint = {sizeof(assay_endpoint), next, answered, clear};
