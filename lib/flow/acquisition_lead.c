/* SPDX-License-Identifier: MIT */
#include "flow/acquisition_private.h"

#include "flow/shared_tokens.h"

/* The leader of a flight: it runs the machine, and shares what that brings. */

enum { PAUSE_AFTER_MS = 30000 /* between renewals that fail (exchange.md 2.9) */ };

assay_moment assay_acquisition_moment(const assay_credential *credential)
{
    const assay_clock *clock = &credential->runtime->clock;
    return (assay_moment){assay_clock_wall(clock), assay_clock_steady(clock)};
}

/* A token that a claims challenge asked for takes the place of the one that was refused (exchange.md 2.9, case 45). */
static void replace_refused(assay_credential *credential, const assay_kept *kept, assay_access_token *token)
{
    if (kept->wanted->claims == NULL)
        return;
    assay_token_request plain = *kept->wanted;
    plain.claims = NULL;
    assay_kept *refused = assay_kept_find(&credential->kept, &plain);
    if (refused != NULL && atomic_load(&refused->token) != NULL)
        assay_kept_put(&credential->kept, refused, assay_access_token_ref(token));
}

/* Whoever waits has it, though it may be forgotten before they look. */
static void hand_out(const assay_kept *kept, assay_access_token *token)
{
    for (assay_acquisition *one = kept->waiting; one != NULL; one = one->next)
        if (one->got == NULL)
            one->got = assay_access_token_ref(token);
}

static void keep_token(assay_acquisition *acquisition, assay_access_token *token)
{
    assay_credential *credential = acquisition->credential;
    assay_kept *kept = acquisition->kept;
    atomic_store(&kept->renew_allowed_ms, INT64_MIN);
    atomic_store(&kept->called_ms, INT64_MIN / 2); /* who was called has done it */
    kept->gate_ms = INT64_MIN;
    kept->background = false;
    hand_out(kept, token);
    replace_refused(credential, kept, token);
    assay_kept_put(&credential->kept, kept, token);
}

static void note_failure(assay_acquisition *acquisition, int code, const assay_failure *failure)
{
    assay_kept *kept = acquisition->kept;
    int64_t now = assay_credential_now(acquisition->credential);
    kept->gate_ms = assay_acquisition_is_told_to_wait(code, failure) ? now + failure->retry_after * 1000 : INT64_MIN;
    kept->background = false;
    int64_t pause_until = now + PAUSE_AFTER_MS;
    atomic_store(&kept->renew_allowed_ms, kept->gate_ms > pause_until ? kept->gate_ms : pause_until);
    atomic_store(&kept->called_ms, INT64_MIN / 2);
}

void assay_acquisition_clear_lead(assay_acquisition *acquisition)
{
    assay_shared_unlock(&acquisition->shared_lock);
    assay_machine_free(ASSAY_STEAL(acquisition->machine));
    acquisition->answered = false;
    assay_http_ca_clear(&acquisition->ca);
    acquisition->lease = 0;
}

/* @p serves: one is there all the same. */
static void log_end(const assay_credential *credential, const assay_kept *kept, int code, const assay_failure *failure,
                    bool serves)
{
    char shown[128];
    assay_text_escape(kept->wanted->scope, strlen(kept->wanted->scope), shown, sizeof shown);
    const char *kind = assay_credential_kind_name(credential->settings.kind);
    if (code == ASSAY_OK)
        assay_runtime_log(credential->runtime, ASSAY_LOG_INFO, "%s: a token was obtained for %s", kind, shown);
    else
        assay_runtime_log(credential->runtime,
                          serves || atomic_load(&kept->token) != NULL ? ASSAY_LOG_WARNING : ASSAY_LOG_ERROR,
                          "%s: no token could be obtained for %s: %s (%s)%s%s", kind, shown, assay_code_name(code),
                          assay_code_summary(code), failure->note[0] == '\0' ? "" : ": ", failure->note);
}

/* Of what the machine brought, without the lock: it takes pages. What does not serve even now is no token, and must not be asked for again at once. */
static assay_access_token *make_token(const assay_acquisition *acquisition, int *code, assay_failure *failure)
{
    assay_machine *machine = acquisition->machine;
    const assay_moment now = assay_acquisition_moment(acquisition->credential);
    uint8_t jitter = 0;
    (void)assay_crypto_random(&jitter, 1);
    assay_access_token *token = assay_access_token_make(&machine->answer, acquisition->wanted->scope, machine->source,
                                                        now.wall, now.steady, jitter);
    *code = token == NULL ? assay_fail(failure, ASSAY_E_MEMORY) : ASSAY_OK;
    if (token == NULL || assay_access_token_serves(token, now.wall, now.steady))
        return token;
    assay_access_token_unref(token);
    *code = assay_fail_note(failure, ASSAY_E_TOKEN_RESPONSE, "the token had expired when it arrived");
    return NULL;
}

/* Whoever keeps tokens fresh plans by those that it knew of when it looked last. */
static void tell_keepers(const assay_acquisition *acquisition)
{
    if (!acquisition->renewal)
        assay_acquire_call_keeper(acquisition->credential, false);
}

/* All who wait share how it ended, and so does the next renewal. @p token is borrowed; NULL: there is none. @p code: ASSAY_OK, or why none was obtained. */
static void settle(assay_acquisition *acquisition, assay_access_token *token, int code, const assay_failure *failure)
{
    assay_failure none;
    assay_credential *credential = acquisition->credential;
    assay_kept *kept = acquisition->kept;
    int result = token != NULL ? assay_fail(&none, ASSAY_OK) : code;
    assay_credential_lock(credential);
    bool in_time = assay_acquisition_is_own_lead(acquisition);
    if (token != NULL)
        keep_token(acquisition, assay_access_token_ref(token)); /* a late one is as good */
    if (code != ASSAY_OK && in_time)
        note_failure(acquisition, code, failure);
    if (in_time || (token != NULL && kept->lease == 0)) /* an heir that has not begun has nothing to do */
        assay_kept_land(kept, result, token != NULL ? &none : failure);
    else if (token != NULL) /* another one leads by now, but nobody need wait for that */
        assay_kept_wake_all(kept);
    assay_credential_unlock(credential);
    /* What was replaced is a secret: not longer than its readers need it. */
    assay_readers_reclaim(credential->kept.readers);
}

/* It can't even be asked for. */
static assay_turn fail(assay_acquisition *acquisition, int result, int *code, assay_failure *failure)
{
    *code = assay_fail(failure, result);
    assay_credential_count(acquisition->credential, ASSAY_CREDENTIAL_STAT_FAILURES);
    settle(acquisition, NULL, *code, failure);
    assay_acquisition_clear_lead(acquisition);
    return ASSAY_TURN_OVER;
}

/* The caller's own: what it got, and nothing is left of the lead. */
static void take(assay_acquisition *acquisition, assay_access_token *token)
{
    assay_access_token_unref(acquisition->got);
    acquisition->got = token;
    assay_acquisition_clear_lead(acquisition);
    if (token != NULL)
        tell_keepers(acquisition);
}

/* What another process shared, and serves still though it is due: for whoever has none, where none is to be had. */
assay_access_token *assay_acquisition_spare(const assay_acquisition *acquisition)
{
    return acquisition->renewal
               ? NULL
               : assay_shared_spare(acquisition->credential, acquisition->kept->wanted, acquisition->wanted->made_ms);
}

/* @p token is a reference; @p failure says with @p why what was wrong with an exchange, ASSAY_OK: there was none. */
assay_turn assay_acquisition_take_shared(assay_acquisition *acquisition, assay_access_token *token, int why, int *code,
                                         assay_failure *failure)
{
    settle(acquisition, token, why, failure);
    assay_credential_count(acquisition->credential, ASSAY_CREDENTIAL_STAT_SHARED);
    take(acquisition, token);
    *code = assay_fail(failure, ASSAY_OK);
    return ASSAY_TURN_OVER;
}

/* Another one leads by now, or did: wait for it like everybody, or take what it brought. */
static assay_turn fall_back(assay_acquisition *acquisition, int *code, assay_failure *failure,
                            assay_failure_detail *detail)
{
    assay_acquisition_clear_lead(acquisition);
    return assay_acquisition_board(acquisition, code, failure, detail);
}

/* The machine is done: share what it brought. */
static assay_turn finish(assay_acquisition *acquisition, int *code, assay_failure *failure,
                         assay_failure_detail *detail)
{
    assay_credential *credential = acquisition->credential;
    assay_machine *machine = acquisition->machine;
    assay_access_token *token = NULL;
    assay_failure local = machine->failure;
    *code = machine->code;
    if (*code == ASSAY_OK)
        token = make_token(acquisition, code, &local);
    if (token != NULL)
        assay_shared_put(credential, acquisition->kept->wanted, token);
    assay_access_token *spare = token != NULL ? NULL : assay_acquisition_spare(acquisition);
    if (spare == NULL)
        settle(acquisition, token, *code, &local);
    if (token == NULL && spare == NULL && atomic_load(&acquisition->kept->generation) != acquisition->seen)
        return fall_back(acquisition, code, failure, detail); /* another leader had more luck */
    if (*code != ASSAY_OK)
        assay_credential_count(credential, ASSAY_CREDENTIAL_STAT_FAILURES);
    log_end(credential, acquisition->kept, *code, &local, spare != NULL);
    assay_acquisition_give_failure(&local, failure, detail);
    if (spare != NULL)
        return assay_acquisition_take_shared(acquisition, spare, *code, code, failure);
    take(acquisition, token);
    return ASSAY_TURN_OVER;
}

/* Others may take over once this is past. */
static bool extend_lease(assay_acquisition *acquisition, int64_t until)
{
    assay_credential_lock(acquisition->credential);
    bool leads = assay_acquisition_is_own_lead(acquisition);
    if (leads)
        acquisition->kept->lease_until = until + ASSAY_LIMIT_LEASE_GRACE_MS;
    assay_credential_unlock(acquisition->credential);
    return leads;
}

static int take_ca(assay_acquisition *acquisition, assay_failure *failure)
{
    assay_machine *machine = acquisition->machine;
    if (machine->ca_pem == NULL)
        return ASSAY_OK;
    assay_http_ca_clear(&acquisition->ca);
    int code = assay_http_ca_take(&acquisition->ca, machine->ca_pem, machine->ca_len, failure);
    if (code == ASSAY_OK)
        machine->request.ca = &acquisition->ca;
    return code;
}

/* The machine waits because the server asked for it: whoever has not so much time is told at once, instead of when it is up. */
static void tell_pause(assay_acquisition *acquisition)
{
    assay_machine *machine = acquisition->machine;
    assay_kept *kept = acquisition->kept;
    if (!assay_acquisition_is_told_to_wait(machine->code, &machine->failure))
        return;
    assay_credential_lock(acquisition->credential);
    if (assay_acquisition_is_own_lead(acquisition) && kept->gate_ms != machine->wait_until) {
        kept->gate_ms = machine->wait_until; /* what was noted says why */
        assay_kept_wake_all(kept);
    }
    assay_credential_unlock(acquisition->credential);
}

/* The machine wants to wait. Whoever has no time for that hears what it would have waited for. */
static assay_turn wait_for_machine(assay_acquisition *acquisition, int *code, assay_failure *failure,
                                   assay_failure_detail *detail)
{
    assay_machine *machine = acquisition->machine;
    int64_t now = assay_clock_real_ms();
    int64_t left = machine->wait_until - assay_credential_now(acquisition->credential);
    left = left < 0 ? 0 : left;
    if (now + left >= acquisition->deadline) {
        bool told = assay_acquisition_is_told_to_wait(machine->code, &machine->failure); /* then it says how long */
        if (!told && machine->code != ASSAY_OK)
            assay_fail_add(&machine->failure, "no time was left to try again");
        if (!told && assay_acquisition_pass_on_to_patient(acquisition, now + left)) {
            *code = machine->code;
            assay_acquisition_give_failure(&machine->failure, failure, detail);
            assay_acquisition_clear_lead(acquisition);
            return ASSAY_TURN_OVER;
        }
        if (machine->code == ASSAY_OK)
            machine->code = assay_fail_note(&machine->failure, ASSAY_E_TIMEOUT, "no time was left to wait");
        return finish(acquisition, code, failure, detail);
    }
    tell_pause(acquisition);
    int64_t every = assay_acquisition_look_every(acquisition);
    acquisition->look_at = now + (left < every ? left : every);
    if (!extend_lease(acquisition, acquisition->look_at))
        return fall_back(acquisition, code, failure, detail);
    return ASSAY_TURN_WAIT;
}

static assay_turn lend(assay_acquisition *acquisition, int *code, assay_failure *failure, assay_failure_detail *detail)
{
    int64_t now = assay_clock_real_ms();
    int64_t own = acquisition->deadline - now;
    if (own <= 0)
        return assay_acquisition_end_hurried(acquisition, NULL, code, failure, detail);
    acquisition->own_time = own < acquisition->machine->attempt_ms;
    acquisition->until = acquisition->own_time ? acquisition->deadline : now + acquisition->machine->attempt_ms;
    int trusted = take_ca(acquisition, &acquisition->machine->failure);
    if (trusted != ASSAY_OK) {
        (void)assay_machine_end(acquisition->machine, trusted);
        return finish(acquisition, code, failure, detail);
    }
    if (!extend_lease(acquisition, acquisition->until))
        return fall_back(acquisition, code, failure, detail);
    assay_credential_count(acquisition->credential, ASSAY_CREDENTIAL_STAT_REQUESTS);
    return ASSAY_TURN_LEAD;
}

/* Entra will refuse it (AADSTS7000114, row 33), in words that do not name the cause (exchange.md 2.5, case 86). */
static void warn_of_app(const assay_acquisition *acquisition)
{
    if (acquisition->wanted->user_is_app)
        assay_runtime_log(acquisition->credential->runtime, ASSAY_LOG_WARNING,
                          "on-behalf-of: the token that this was called with belongs to an application, not to a user");
}

/* Go on as far as the machine can without an answer. */
assay_turn assay_acquisition_run(assay_acquisition *acquisition, int *code, assay_failure *failure,
                                 assay_failure_detail *detail)
{
    const assay_moment now = assay_acquisition_moment(acquisition->credential);
    acquisition->want = assay_machine_next(acquisition->machine, &now);
    if (acquisition->want != ASSAY_MACHINE_DONE)
        assay_acquisition_note_progress(acquisition);
    switch (acquisition->want) {
    case ASSAY_MACHINE_FETCH:
        return lend(acquisition, code, failure, detail);
    case ASSAY_MACHINE_WAIT:
        return wait_for_machine(acquisition, code, failure, detail);
    default:
        return finish(acquisition, code, failure, detail);
    }
}

/* The first steps of a new leader: another process may have the token, or be about to. */
assay_turn assay_acquisition_begin(assay_acquisition *acquisition, int *code, assay_failure *failure,
                                   assay_failure_detail *detail)
{
    assay_credential *credential = acquisition->credential;
    assay_access_token *token = NULL;
    if (acquisition->machine != NULL)
        return assay_acquisition_run(acquisition, code, failure, detail);
    assay_shared_answer answer = assay_shared_get(credential, acquisition->kept->wanted, acquisition->wanted->made_ms,
                                                  &acquisition->shared_lock, &token);
    if (answer == ASSAY_SHARED_WAIT) /* nobody waits for a renewal, nor for that of another process */
        token = assay_acquisition_spare(acquisition);
    if (token != NULL)
        return assay_acquisition_take_shared(acquisition, token, ASSAY_OK, code, failure);
    if (answer == ASSAY_SHARED_WAIT) {
        acquisition->look_at = assay_clock_real_ms() + ASSAY_LIMIT_STORE_LOOK_MS;
        if (acquisition->look_at >= acquisition->deadline)
            return assay_acquisition_end_hurried(acquisition, NULL, code, failure, detail);
        if (!extend_lease(acquisition, acquisition->look_at))
            return fall_back(acquisition, code, failure, detail);
        acquisition->want = ASSAY_MACHINE_WAIT;
        return ASSAY_TURN_WAIT;
    }
    assay_credential_count(credential, ASSAY_CREDENTIAL_STAT_EXCHANGES);
    warn_of_app(acquisition);
    if (acquisition->renewal)
        assay_credential_count(credential, ASSAY_CREDENTIAL_STAT_REFRESHES);
    /* Without the time of day nobody can tell when a token expires. */
    int made = assay_acquisition_moment(credential).wall < 0
                   ? ASSAY_E_CLOCK
                   : assay_machine_new(&credential->settings, acquisition->wanted, &credential->context,
                                       &acquisition->machine);
    return made == ASSAY_OK ? assay_acquisition_run(acquisition, code, failure, detail)
                            : fail(acquisition, made, code, failure);
}
