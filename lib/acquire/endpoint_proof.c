/* SPDX-License-Identifier: MIT */
#include "acquire/endpoint.h"

#include "acquire/diagnosis.h"
#include "acquire/token_file.h"

#include <stdio.h>

/* What an endpoint is shown: the content of a file, an assertion signed here or by the host, a token of another machine. */

enum { REREAD_PAUSE_MS = 1000, REREADS = 3 };

static int fail_memory(assay_endpoint *endpoint)
{
    return assay_endpoint_fail(endpoint, assay_fail(&endpoint->machine.failure, ASSAY_E_MEMORY));
}

/* Seconds since 1970 when a JWT expires, by what it says itself; INT64_MAX where it says nothing. */
static int64_t expiry_of(const assay_secret *jwt)
{
    assay_peek peek;
    assay_peek_read(jwt->text, jwt->len, &peek);
    return peek.readable && peek.expiry > 0 ? peek.expiry : INT64_MAX;
}

/* Said while a new one is waited for, too: who has no time to wait hears it. */
static int say_expired(assay_endpoint *endpoint, int64_t expiry, const assay_moment *now)
{
    assay_machine *machine = &endpoint->machine;
    bool past = expiry <= now->wall;
    machine->code = assay_fail_note(&machine->failure, ASSAY_E_TOKEN_FILE_EXPIRED, "%.160s: it %s %lld seconds%s",
                                    machine->settings->token_file, past ? "expired" : "expires in",
                                    (long long)(past ? now->wall - expiry : expiry - now->wall), past ? " ago" : "");
    memset(&machine->detail, 0, sizeof machine->detail);
    machine->failure.detail = &machine->detail;
    assay_diagnosis_apply(54, &machine->failure, &machine->detail);
    return machine->code;
}

/* Entra takes JWTs alone (RFC 7523, section 3), whatever an exchange would call them. */
static const char *subject_type(const assay_credential_settings *settings)
{
    return settings->kind == ASSAY_CREDENTIAL_WORKLOAD ? NULL : settings->subject_token_type;
}

/*
 * The file, whole and at each exchange. The kubelet replaces it long before it expires, so one that is about to expire will be another one in a moment
 * (exchange.md 2.2, case 23). The one that the server found expired is not shown again.
 */
static assay_machine_want read_token_file(assay_endpoint *endpoint, const assay_moment *now, bool *ready)
{
    assay_machine *machine = &endpoint->machine;
    const assay_credential_settings *settings = machine->settings;
    if (endpoint->reads > 0 && now->steady < machine->wait_until)
        return ASSAY_MACHINE_WAIT;
    int code = assay_token_file_read_typed(settings->token_file, settings->subject_member, subject_type(settings),
                                           &endpoint->proof, &machine->failure, &machine->detail);
    if (code != ASSAY_OK)
        return assay_machine_end(machine, assay_endpoint_fail(endpoint, code));
    int64_t expiry = expiry_of(&endpoint->proof);
    if (expiry <= now->wall + ASSAY_LIMIT_FILE_SKEW && endpoint->reads < REREADS) {
        endpoint->reads++;
        machine->wait_until = now->steady + REREAD_PAUSE_MS;
        (void)say_expired(endpoint, expiry, now);
        return ASSAY_MACHINE_WAIT;
    }
    if (expiry <= now->wall)
        return assay_machine_end(machine, assay_endpoint_fail(endpoint, say_expired(endpoint, expiry, now)));
    *ready = true;
    return ASSAY_MACHINE_DONE;
}

/* An assertion of the host, written to memory that is wiped here. */
static int call_host(assay_endpoint *endpoint)
{
    assay_machine *machine = &endpoint->machine;
    const assay_credential_settings *settings = machine->settings;
    size_t len = 0, room = 0;
    char *text = assay_alloc_pages(ASSAY_LIMIT_SECRET_BYTES, &room);
    if (text == NULL)
        return fail_memory(endpoint);
    int result = settings->assertion(settings->assertion_data, text, ASSAY_LIMIT_SECRET_BYTES, &len);
    bool fits = result == 0 && len > 0 && len <= ASSAY_LIMIT_SECRET_BYTES && memchr(text, '\0', len) == NULL;
    bool copied = fits && assay_secret_set(&endpoint->proof, text, len);
    assay_release_pages(text, room);
    if (copied)
        return ASSAY_OK;
    if (fits)
        return fail_memory(endpoint);
    return assay_endpoint_fail(endpoint, assay_fail_note(&machine->failure, ASSAY_E_ASSERTION, "%s",
                                                         result != 0 ? "the function that gives it failed"
                                                                     : "the function gave none, or one too long"));
}

static bool is_adfs(const assay_machine *machine)
{
    const char *tenant = assay_endpoint_tenant(machine);
    return tenant != NULL && strcmp(tenant, "adfs") == 0;
}

/* `aud`: for Entra exactly the endpoint, whatever stands in between; elsewhere as the server wants it (RFC 7523, section 3). */
static int sign(assay_endpoint *endpoint, const assay_moment *now, assay_secret *assertion)
{
    assay_machine *machine = &endpoint->machine;
    const assay_credential_settings *settings = machine->settings;
    ASSAY_AUTO_RELEASE char *url = assay_endpoint_url(endpoint);
    ASSAY_CLEANUP(assay_sign_key_unref_p) assay_sign_key *key = NULL;
    if (url == NULL)
        return fail_memory(endpoint);
    (void)pthread_mutex_lock(&machine->context->lock);
    int code = assay_sign_source_get(settings->signing, &key, &machine->failure);
    (void)pthread_mutex_unlock(&machine->context->lock);
    if (code != ASSAY_OK)
        return assay_endpoint_fail(endpoint, code);
    bool entra = assay_endpoint_is_entra(endpoint), adfs = entra && is_adfs(machine);
    /* A server that was told no name of the key may know it by its certificate (RFC 7515, section 4.1.8). */
    bool by_certificate = entra ? !adfs : settings->signing_key_id == NULL && assay_sign_key_certificate_count(key) > 0;
    const assay_assertion_options options = {
        .algorithm = adfs ? "RS256" : settings->signing_algorithm, /* AD FS knows neither PS256 nor x5t#S256 */
        .x5t_sha1 = adfs,
        .x5t_sha256 = by_certificate,
        .x5c = settings->send_chain,
        .kid = settings->signing_key_id,
        .client_id = settings->client_id,
        .audience = settings->assertion_audience != NULL ? settings->assertion_audience : url,
        .entra = entra && !adfs,
    };
    code = assay_assertion_make(machine->context->crypto, key, &options, now->wall, assertion, &machine->failure);
    return code == ASSAY_OK ? ASSAY_OK : assay_endpoint_fail(endpoint, code);
}

/* The inner credential's token as it was got last time, while it is good (exchange.md 2.6). */
static bool take_kept(assay_endpoint *endpoint, const assay_moment *now)
{
    assay_acquire_context *context = endpoint->machine.context;
    (void)pthread_mutex_lock(&context->lock);
    bool good = context->assertion.len > 0 && now->wall + ASSAY_LIMIT_FILE_SKEW < context->assertion_until &&
                assay_secret_copy(&endpoint->proof, &context->assertion);
    (void)pthread_mutex_unlock(&context->lock);
    return good;
}

static void keep(assay_endpoint *endpoint, int64_t until)
{
    assay_acquire_context *context = endpoint->machine.context;
    (void)pthread_mutex_lock(&context->lock);
    context->assertion_until = assay_secret_copy(&context->assertion, &endpoint->proof) ? until : 0;
    (void)pthread_mutex_unlock(&context->lock);
}

static bool has_source(const assay_endpoint *endpoint)
{
    return endpoint->machine.settings->inner != NULL;
}

/* As the server told, or the token itself; one that nobody tells the end of is not kept long. */
static int64_t serves_until(const assay_endpoint *endpoint, const assay_moment *now)
{
    const assay_token_answer *answer = &endpoint->machine.answer;
    if (answer->expires_at > 0)
        return answer->expires_at;
    if (answer->lifetime > 0)
        return now->wall + answer->lifetime;
    int64_t expiry = expiry_of(&endpoint->proof);
    return expiry == INT64_MAX ? now->wall + ASSAY_LIMIT_UNTOLD_LIFETIME : expiry;
}

/* The scope that another credential's token is asked for. */
static int make_inner_request(assay_endpoint *endpoint)
{
    const assay_credential_settings *settings = endpoint->machine.settings;
    const assay_entra_cloud *cloud = assay_settings_cloud(settings);
    ASSAY_AUTO_RELEASE char *scope = NULL;
    const char *asked = settings->inner_scope != NULL ? settings->inner_scope : assay_scope_exchange_audience(cloud);
    int code =
        assay_settings_wants_resource(settings->inner)
            ? assay_scope_normalise(asked, assay_settings_cloud(settings->inner), &scope, &endpoint->machine.failure)
            : ASSAY_OK;
    if (code != ASSAY_OK)
        return code;
    return assay_token_request_make(scope != NULL ? scope : asked, &endpoint->inner_wanted, &endpoint->machine.failure);
}

static int begin_inner(assay_endpoint *endpoint)
{
    assay_machine *machine = &endpoint->machine;
    const assay_credential_settings *settings = machine->settings;
    if (!has_source(endpoint))
        return assay_machine_make(&assay_machine_job, settings, machine->wanted, machine->context, &endpoint->inner);
    /* It was taken as a source whatever it lacks, and its machine relies on having all. */
    if (settings->inner->checked != ASSAY_OK)
        return assay_machine_lack(machine, settings->inner);
    int code = make_inner_request(endpoint);
    return code != ASSAY_OK
               ? code
               : assay_machine_new(settings->inner, endpoint->inner_wanted, machine->context, &endpoint->inner);
}

/* Another machine's token is the assertion. */
static assay_machine_want run_inner(assay_endpoint *endpoint, const assay_moment *now, bool *ready)
{
    assay_machine *machine = &endpoint->machine;
    if (endpoint->inner == NULL && has_source(endpoint) && take_kept(endpoint, now)) {
        *ready = true;
        return ASSAY_MACHINE_DONE;
    }
    int code = endpoint->inner != NULL ? ASSAY_OK : begin_inner(endpoint);
    if (code != ASSAY_OK)
        return assay_machine_end(
            machine,
            assay_endpoint_fail(endpoint, code == ASSAY_E_MEMORY ? assay_fail(&machine->failure, code) : code));
    assay_machine_want want = assay_machine_next(endpoint->inner, now);
    if (want != ASSAY_MACHINE_DONE) {
        assay_machine_want_as(machine, endpoint->inner);
        return want;
    }
    assay_machine_take(machine, endpoint->inner);
    assay_machine_free(ASSAY_STEAL(endpoint->inner));
    assay_token_request_drop(ASSAY_STEAL(endpoint->inner_wanted));
    machine->ca_pem = NULL;
    machine->ca_len = 0;
    if (machine->code != ASSAY_OK)
        return assay_machine_end(machine, assay_endpoint_fail(endpoint, machine->code));
    assay_secret_move(&endpoint->proof, &machine->answer.token);
    if (has_source(endpoint))
        keep(endpoint, serves_until(endpoint, now));
    assay_token_answer_clear(&machine->answer);
    *ready = true;
    return ASSAY_MACHINE_DONE;
}

/* A token for the proxy alone says so in its audience (exchange.md 7.3); the switch has the last word. ASSAY_OK, ASSAY_E_MEMORY. */
static int choose_proxy(assay_endpoint *endpoint)
{
    const assay_token_proxy *proxy = &endpoint->machine.settings->proxy;
    bool there = proxy->url != NULL && proxy->mode != ASSAY_TOKEN_PROXY_OFF;
    endpoint->through_proxy = there;
    if (!there || proxy->mode == ASSAY_TOKEN_PROXY_ON)
        return ASSAY_OK;
    return assay_peek_find_audience(endpoint->proof.text, endpoint->proof.len, ASSAY_BINDING_AUDIENCE,
                                    &endpoint->through_proxy);
}

enum { ROW_OF_FORM = 12 };

/* What is advised about a token file is about that of workload identity in a pod of AKS, but for row 12, which is about any. */
static void keep_advice_general(assay_endpoint *endpoint)
{
    assay_machine *machine = &endpoint->machine;
    if (machine->settings->kind == ASSAY_CREDENTIAL_WORKLOAD || machine->failure.detail == NULL ||
        machine->detail.row == 0 || machine->detail.row == ROW_OF_FORM)
        return;
    machine->detail.row = 0;
    machine->failure.check = NULL;
    machine->failure.hint = "see that what writes this file still does, and that this process may read it";
}

/* What the request needs beside the first proof: an actor, and who the client of an exchange is. */
static int prove_more(assay_endpoint *endpoint, const assay_moment *now)
{
    assay_machine *machine = &endpoint->machine;
    const assay_credential_settings *settings = machine->settings;
    int code = ASSAY_OK;
    if (settings->kind == ASSAY_CREDENTIAL_WORKLOAD && choose_proxy(endpoint) != ASSAY_OK)
        return fail_memory(endpoint);
    if (settings->kind != ASSAY_CREDENTIAL_EXCHANGE)
        return ASSAY_OK;
    if (settings->actor_token_file != NULL)
        code = assay_token_file_read_typed(settings->actor_token_file, NULL, settings->actor_token_type,
                                           &endpoint->actor, &machine->failure, &machine->detail);
    if (code != ASSAY_OK) {
        keep_advice_general(endpoint);
        return assay_endpoint_fail(endpoint, code);
    }
    return settings->client_method == ASSAY_CLIENT_PRIVATE_KEY_JWT ? sign(endpoint, now, &endpoint->client_proof)
                                                                   : ASSAY_OK;
}

static assay_machine_want read_subject_file(assay_endpoint *endpoint, const assay_moment *now, bool *ready)
{
    assay_machine_want want = read_token_file(endpoint, now, ready);
    if (!*ready)
        keep_advice_general(endpoint);
    return want;
}

/* The first proof; FETCH and WAIT as of the machine. */
static assay_machine_want prove_first(assay_endpoint *endpoint, const assay_moment *now, bool *ready)
{
    const assay_credential_settings *settings = endpoint->machine.settings;
    int code = ASSAY_OK;
    switch (settings->kind) {
    case ASSAY_CREDENTIAL_WORKLOAD:
        return read_token_file(endpoint, now, ready);
    case ASSAY_CREDENTIAL_EXCHANGE:
    case ASSAY_CREDENTIAL_GOOGLE:
        return settings->inner == NULL ? read_subject_file(endpoint, now, ready) : run_inner(endpoint, now, ready);
    case ASSAY_CREDENTIAL_FEDERATED:
    case ASSAY_CREDENTIAL_GITHUB:
    case ASSAY_CREDENTIAL_PIPELINES:
        return run_inner(endpoint, now, ready);
    case ASSAY_CREDENTIAL_ASSERTION:
        code = call_host(endpoint);
        break;
    case ASSAY_CREDENTIAL_CERTIFICATE:
        code = sign(endpoint, now, &endpoint->proof);
        break;
    case ASSAY_CREDENTIAL_CLIENT:
        if (settings->client_method == ASSAY_CLIENT_PRIVATE_KEY_JWT)
            code = sign(endpoint, now, &endpoint->proof);
        break;
    default: /* the secret is the proof */
        break;
    }
    *ready = code == ASSAY_OK;
    return code == ASSAY_OK ? ASSAY_MACHINE_DONE : assay_machine_end(&endpoint->machine, code);
}

/* What was refused is not sent again: then the refusal stands (cases 21 and 22). */
static bool is_spent(const assay_endpoint *endpoint)
{
    return endpoint->spent.len > 0 && assay_secret_equal(&endpoint->spent, endpoint->proof.text, endpoint->proof.len);
}

assay_machine_want assay_endpoint_prove(assay_endpoint *endpoint, const assay_moment *now, bool *ready)
{
    *ready = false;
    assay_machine_want want = prove_first(endpoint, now, ready);
    if (!*ready)
        return want;
    int code = prove_more(endpoint, now);
    *ready = code == ASSAY_OK;
    return code == ASSAY_OK ? want : assay_machine_end(&endpoint->machine, code);
}

bool assay_endpoint_prove_again(assay_endpoint *endpoint)
{
    const assay_machine *machine = &endpoint->machine;
    assay_failure failure;
    assay_failure_detail detail;
    if (endpoint->spent.len > 0 || endpoint->proof.len == 0)
        return false;
    assay_secret_move(&endpoint->spent, &endpoint->proof);
    if (has_source(endpoint)) {
        (void)pthread_mutex_lock(&machine->context->lock);
        assay_secret_clear(&machine->context->assertion);
        (void)pthread_mutex_unlock(&machine->context->lock);
        return true;
    }
    if (machine->settings->token_file == NULL)
        return false;
    const assay_credential_settings *settings = machine->settings;
    int code = assay_token_file_read_typed(settings->token_file, settings->subject_member, subject_type(settings),
                                           &endpoint->proof, &failure, &detail);
    return code == ASSAY_OK && !is_spent(endpoint);
}

void assay_endpoint_forget_assertion(assay_endpoint *endpoint)
{
    assay_acquire_context *context = endpoint->machine.context;
    if (endpoint->machine.settings->inner == NULL)
        return;
    (void)pthread_mutex_lock(&context->lock);
    assay_secret_clear(&context->assertion);
    (void)pthread_mutex_unlock(&context->lock);
}
