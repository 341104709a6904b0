/* SPDX-License-Identifier: MIT */
#include "flow/attempt.h"

#include "flow/flight.h"
#include "flow/stored_keys.h"
#include "flow/token_cache.h"

int assay_attempt_read_clocks(assay_attempt *attempt)
{
    const assay_clock *clock = &attempt->validator->keyring->runtime->clock;
    attempt->now = assay_clock_wall(clock);
    attempt->now_ms = assay_clock_steady(clock);
    /* Beyond year 9999 sums of times could overflow; such a clock is broken anyhow. */
    bool sane = attempt->now >= 0 && attempt->now <= ASSAY_LIMIT_LATEST_TIME;
    return sane ? ASSAY_OK : assay_fail(attempt->failure, ASSAY_E_CLOCK);
}

/* Why no issuer has it: whose it is instead, where that is known. */
static int no_issuer(const assay_attempt *attempt, assay_span text)
{
    const assay_validator *validator = attempt->validator;
    if (assay_lookup_form(validator, text) != NULL)
        return assay_fail_found(attempt->failure, ASSAY_E_TENANT, NULL, text.ptr, text.len);
    const char *expected = validator->count == 1 ? validator->issuers[0].policy.issuer.ptr : NULL;
    int code = assay_fail_found(attempt->failure, ASSAY_E_ISSUER, expected, text.ptr, text.len);
    return assay_check_explain_issuer(text, validator->lookup.form_count > 0, code, attempt->failure);
}

static bool accepts_any(const assay_trusted_issuer *issuer)
{
    return issuer->policy.entra != NULL && issuer->policy.entra->any_organization;
}

/*
 * Of several issuers with this text the first that the token is meant for; what else they demand is not looked at, so that none is tried after
 * another's refusal. Nor is one that accepts any organisation where another lists this one for the same audience.
 */
static assay_trusted_issuer *choose(const assay_attempt *attempt, assay_span text)
{
    assay_search search = {0};
    assay_audiences audiences;
    assay_trusted_issuer *first = assay_lookup_next(attempt->validator, text, &search), *named = NULL, *next;
    if (first == NULL || assay_lookup_next(attempt->validator, text, &search) == NULL ||
        assay_check_read_audiences(attempt->token, &audiences, NULL) != ASSAY_OK)
        return first;
    search = (assay_search){0};
    while ((next = assay_lookup_next(attempt->validator, text, &search)) != NULL) {
        if (named != NULL && accepts_any(next) && !accepts_any(named))
            break;
        if (!assay_check_has_audience(&next->policy, &audiences))
            continue;
        if (assay_check_is_meant_for(&next->policy, attempt->token, text))
            return next;
        named = named == NULL ? next : named;
    }
    return named == NULL ? first : named;
}

static int find_issuer(assay_attempt *attempt)
{
    char room[ASSAY_LIMIT_CONFIGURED_TEXT_BYTES * 2];
    assay_span text;
    int code = assay_check_read_issuer(attempt->token, room, sizeof room, &text, attempt->failure);
    if (code != ASSAY_OK)
        return code;
    attempt->issuer = text.len > attempt->validator->lookup.longest ? NULL : choose(attempt, text);
    return attempt->issuer == NULL
               ? no_issuer(attempt, text)
               : assay_check_issuer(&attempt->issuer->policy, attempt->token, text, attempt->failure);
}

/* Everything that can be told without a key. */
static int check_before(assay_attempt *attempt)
{
    assay_validator *validator = attempt->validator;
    if ((validator->algorithms & 1u << attempt->token->algorithm_index) == 0) {
        char allowed[160];
        assay_algorithm_set_text(validator->algorithms, allowed, sizeof allowed);
        const char *name = attempt->token->algorithm->name;
        return assay_fail_found(attempt->failure, ASSAY_E_ALGORITHM, allowed, name, strlen(name));
    }
    int code = find_issuer(attempt);
    if (code != ASSAY_OK)
        return code;
    return assay_check_before(&attempt->issuer->policy, attempt->token, attempt->now, attempt->failure);
}

/* Without kid: the one served key that fits; several could not be told apart (RFC 7515, section 4.1.4, leaves it open). */
static int choose_without_kid(assay_attempt *attempt, assay_jwk **keys, size_t *count)
{
    size_t fitting = 0;
    assay_scheme scheme;
    for (size_t i = 0; i < *count; i++) {
        if (assay_algorithm_fits(attempt->token->algorithm, keys[i], &scheme))
            keys[fitting++] = keys[i];
    }
    *count = fitting;
    if (fitting > 1)
        return assay_fail_note(attempt->failure, ASSAY_E_KID_MISSING, "%zu keys of the issuer fit", fitting);
    return ASSAY_OK;
}

static int key_unknown(const assay_attempt *attempt)
{
    const assay_entra *entra = attempt->issuer->policy.entra;
    const assay_span *kid = &attempt->token->kid;
    int code = assay_fail_found(attempt->failure, ASSAY_E_KEY_UNKNOWN, NULL, kid->ptr, kid->len);
    if (attempt->failure != NULL && entra != NULL && entra->application == NULL)
        attempt->failure->hint =
            "if claims of this application are mapped, it has signing keys of its own: set them by "
            "assay_issuer_entra_set_application_keys() (?appid=); otherwise obtain a new token";
    return code;
}

/* Key and signature with the snapshot of this moment; inside a reader section, so nothing here waits. */
static int verify_with(assay_attempt *attempt, const assay_snapshot *snapshot, assay_lack *lack)
{
    assay_jwk *keys[ASSAY_LIMIT_KEYS];
    const assay_claims *token = attempt->token;
    size_t capacity = token->has_kid ? ASSAY_LIMIT_JWS_CANDIDATES : ASSAY_COUNT_OF(keys);
    size_t count = assay_snapshot_select(snapshot, token->has_kid ? token->kid.ptr : NULL, token->kid.len,
                                         assay_attempt_source_time(attempt), keys, capacity);
    if (!token->has_kid) {
        int code = choose_without_kid(attempt, keys, &count);
        if (code != ASSAY_OK)
            return code;
    }
    if (count == 0) {
        *lack = ASSAY_LACK_KID;
        return token->has_kid
                   ? key_unknown(attempt)
                   : assay_fail_note(attempt->failure, ASSAY_E_KEY_UNKNOWN, "the token has no kid, and no key fits");
    }
    int permitted = assay_check_keys(&attempt->issuer->policy, token, keys, &count, attempt->failure);
    if (permitted != ASSAY_OK)
        return permitted;
    int code = assay_token_verify(attempt->token, keys, count, attempt->failure);
    /* A token that names no key may be signed with a new one: its signature says nothing about that. */
    if (code == ASSAY_E_SIGNATURE && !token->has_kid)
        *lack = ASSAY_LACK_KID;
    if (code == ASSAY_OK && assay_token_cache_wants(attempt))
        attempt->key = assay_jwk_ref(token->key);
    return code;
}

int assay_attempt_look(assay_attempt *attempt, assay_lack *lack)
{
    assay_issuer_keys *keys = &attempt->issuer->keys;
    assay_reading reading = assay_readers_enter(attempt->validator->keyring->readers);
    assay_jwk_unref(ASSAY_STEAL(attempt->key));
    attempt->seen = assay_flight_seen(keys);
    attempt->version = atomic_load(&keys->version);
    /* The limit before the keys: read the other way round, new times could vouch for old keys. */
    int64_t expires_at = atomic_load(&keys->expires_at);
    const assay_snapshot *snapshot = atomic_load(&keys->snapshot);
    int code = ASSAY_E_KEYS_NEEDED;
    *lack = ASSAY_LACK_NOTHING;
    if (snapshot == NULL || attempt->now_ms >= expires_at)
        *lack = ASSAY_LACK_KEYS;
    else
        code = verify_with(attempt, snapshot, lack);
    assay_readers_leave(reading);
    return code;
}

/* Whether keys came since the look: another process fetched them, or another thread took them in. */
static bool has_news(const assay_attempt *attempt)
{
    assay_issuer_keys *keys = &attempt->issuer->keys;
    return assay_stored_keys_look(keys) || assay_flight_seen(keys) != attempt->seen;
}

int assay_attempt_look_in_store(assay_attempt *attempt, assay_lack *lack, int code)
{
    return *lack == ASSAY_LACK_KID && has_news(attempt) ? assay_attempt_look(attempt, lack) : code;
}

/* Time has passed while keys were fetched: look at the clocks again, and at what depends on them. */
static int check_times_again(assay_attempt *attempt)
{
    int code = assay_attempt_read_clocks(attempt);
    return code != ASSAY_OK
               ? code
               : assay_check_before(&attempt->issuer->policy, attempt->token, attempt->now, attempt->failure);
}

int assay_attempt_answer(assay_attempt *attempt, assay_lack lack, int code, bool fetch_wanted)
{
    assay_issuer_keys *keys = &attempt->issuer->keys;
    if (fetch_wanted && lack == ASSAY_LACK_KID && has_news(attempt)) {
        int times = check_times_again(attempt);
        if (times != ASSAY_OK)
            return times;
        code = assay_attempt_look(attempt, &lack);
        if (lack == ASSAY_LACK_NOTHING)
            return code;
    }
    int64_t allowed_at = atomic_load(lack == ASSAY_LACK_KEYS ? &keys->cold_allowed_at : &keys->unknown_kid_allowed_at);
    bool pending = allowed_at <= attempt->now_ms || assay_issuer_keys_is_flying(keys);
    if (!fetch_wanted && pending)
        return assay_fail(attempt->failure, ASSAY_E_KEYS_NEEDED);
    /* An unknown key whose fetch failed, or is another process's affair, could still be a good one: that is no verdict on the token. */
    if (lack == ASSAY_LACK_KEYS || atomic_load(&keys->last_failure) != ASSAY_OK || atomic_load(&keys->awaited))
        return assay_issuer_keys_unavailable(keys, allowed_at, attempt->now_ms, attempt->failure);
    atomic_fetch_add_explicit(&keys->unknown_kid_refused, 1, memory_order_relaxed);
    return code;
}

int assay_attempt_look_again(assay_attempt *attempt, assay_lack lack, int fetched, const assay_failure *why)
{
    assay_issuer_keys *keys = &attempt->issuer->keys;
    int times = check_times_again(attempt);
    if (times != ASSAY_OK)
        return times;
    assay_lack still;
    int code = assay_attempt_look(attempt, &still);
    if (still == ASSAY_LACK_NOTHING || (still == ASSAY_LACK_KID && fetched == ASSAY_OK && !atomic_load(&keys->awaited)))
        return code;
    if (fetched == ASSAY_E_TIMEOUT && atomic_load(&keys->last_failure) == ASSAY_OK)
        return assay_fail_note(attempt->failure, ASSAY_E_KEYS_UNAVAILABLE, "%s", why->note);
    int64_t allowed_at = atomic_load(lack == ASSAY_LACK_KEYS ? &keys->cold_allowed_at : &keys->unknown_kid_allowed_at);
    return assay_issuer_keys_unavailable(keys, allowed_at, attempt->now_ms, attempt->failure);
}

void assay_attempt_begin(assay_attempt *attempt, assay_validator *validator, const char *token, size_t len,
                         const assay_request *request, assay_failure *failure)
{
    *attempt = (assay_attempt){.validator = validator, .text = {token, len}, .request = request, .failure = failure};
}

int assay_attempt_open(assay_attempt *attempt)
{
    int code = assay_attempt_read_clocks(attempt);
    if (code == ASSAY_OK)
        code = assay_token_open(attempt->text.ptr, attempt->text.len, true, &attempt->token, attempt->failure);
    return code != ASSAY_OK ? code : check_before(attempt);
}

void assay_attempt_close(assay_attempt *attempt)
{
    assay_token_close(ASSAY_STEAL(attempt->token));
    assay_jwk_unref(ASSAY_STEAL(attempt->key));
}

int assay_attempt_accept(assay_attempt *attempt, assay_claims **claims)
{
    const assay_policy *policy = &attempt->issuer->policy;
    int code = assay_check_after(policy, attempt->token, attempt->request, attempt->now,
                                 attempt->validator->keyring->runtime->crypto, attempt->failure);
    if (code != ASSAY_OK) {
        if (attempt->failure != NULL)
            attempt->failure->found_is_verified = true;
        return code;
    }
    code = assay_token_accept(attempt->token);
    if (code != ASSAY_OK)
        return assay_fail(attempt->failure, code);
    code = assay_revocations_check(attempt->validator->revocations, attempt->token, attempt->failure);
    if (code != ASSAY_OK)
        return code;
    assay_token_cache_put(attempt);
    *claims = ASSAY_STEAL(attempt->token);
    return ASSAY_OK;
}
