/* SPDX-License-Identifier: MIT */
#include "token/check.h"

#include "profile/family.h"

#include <inttypes.h>
#include <stdio.h>

/* What an unverified token must pass before a key is looked for, so that forgeries cost nothing. */

int assay_check_read_issuer(const assay_claims *token, char *room, size_t size, assay_span *issuer,
                            assay_failure *failure)
{
    assay_json_value value;
    if (!assay_token_get(token, "iss", &value))
        return assay_fail(failure, ASSAY_E_ISSUER_MISSING);
    if (value.type != ASSAY_JSON_STRING)
        return assay_fail_note(failure, ASSAY_E_CLAIM_TYPE, "iss is not a text (RFC 7519, section 4.1.1)");
    bool escaped;
    assay_span raw = assay_json_string_raw(&value, &escaped);
    if (value.len > size)
        return assay_fail_found(failure, ASSAY_E_ISSUER, NULL, raw.ptr, raw.len);
    if (!escaped) {
        *issuer = raw;
        return ASSAY_OK;
    }
    *issuer = (assay_span){room, assay_json_string_decode(&value, room)};
    return ASSAY_OK;
}

static int check_algorithm(const assay_policy *policy, const assay_claims *token, assay_failure *failure)
{
    if ((policy->algorithms & 1u << token->algorithm_index) != 0)
        return ASSAY_OK;
    char allowed[160];
    assay_algorithm_set_text(policy->algorithms, allowed, sizeof allowed);
    const char *name = token->algorithm->name;
    return assay_fail_found(failure, ASSAY_E_ALGORITHM, allowed, name, strlen(name));
}

static int audience_refused(const assay_policy *policy, const assay_json_value *found, assay_failure *failure)
{
    if (failure == NULL)
        return ASSAY_E_AUDIENCE;
    assay_buffer expected = {NULL, 0, 0, false};
    for (size_t i = 0; i < policy->audiences.count && expected.len < ASSAY_LIMIT_FOUND_BYTES; i++) {
        assay_buffer_put(&expected, i == 0 ? "" : " or ");
        assay_buffer_add(&expected, policy->audiences.items[i].ptr, policy->audiences.items[i].len);
    }
    int code =
        assay_fail_found(failure, ASSAY_E_AUDIENCE, expected.failed ? NULL : expected.text, found->ptr, found->len);
    if (!expected.failed && found->type == ASSAY_JSON_STRING) {
        assay_span raw = assay_json_string_raw(found, &(bool){false});
        code = assay_fail_found(failure, ASSAY_E_AUDIENCE, expected.text, raw.ptr, raw.len);
        assay_check_explain_audience(policy, raw, failure);
    }
    assay_buffer_clear(&expected);
    return code;
}

/*
 * An audience with escapes is decoded once, and not once for each configured one or each issuer: the sender, whom no signature has vouched for yet,
 * chooses both how many there are and how they are spelled. The room for the claims' copies is as long as the payload and not used before acceptance.
 */
static assay_span read_audience(const assay_claims *token, const assay_json_value *audience, size_t *used)
{
    bool escaped;
    assay_span text = assay_json_string_raw(audience, &escaped);
    if (!escaped)
        return text;
    char *room = token->spare + *used;
    size_t len = assay_json_string_decode(audience, room);
    *used += len;
    return (assay_span){room, len};
}

int assay_check_read_audiences(const assay_claims *token, assay_audiences *audiences, assay_failure *failure)
{
    assay_json_value aud, element;
    size_t used = 0;
    audiences->count = 0;
    if (!assay_token_get(token, "aud", &aud))
        return assay_fail(failure, ASSAY_E_AUDIENCE_MISSING);
    if (aud.type == ASSAY_JSON_STRING) {
        audiences->items[audiences->count++] = read_audience(token, &aud, &used);
        return ASSAY_OK;
    }
    if (aud.type != ASSAY_JSON_ARRAY)
        return assay_fail_note(failure, ASSAY_E_CLAIM_TYPE, "aud is neither a text nor an array of texts");
    for (size_t cursor = 0; assay_json_array_next(&aud, &cursor, &element);) {
        if (element.type != ASSAY_JSON_STRING)
            return assay_fail_note(failure, ASSAY_E_CLAIM_TYPE, "an element of aud is not a text");
        if (audiences->count == ASSAY_LIMIT_AUDIENCES)
            return assay_fail_note(failure, ASSAY_E_CLAIM_TYPE, "aud has more than %d elements", ASSAY_LIMIT_AUDIENCES);
        audiences->items[audiences->count++] = read_audience(token, &element, &used);
    }
    return ASSAY_OK;
}

bool assay_check_has_audience(const assay_policy *policy, const assay_audiences *audiences)
{
    for (size_t i = 0; i < audiences->count; i++)
        if (assay_text_list_has(&policy->audiences, audiences->items[i]))
            return true;
    return false;
}

/* One text, or an array of texts of which one is ours (RFC 7519, section 4.1.3). */
static int check_audience(const assay_policy *policy, const assay_claims *token, assay_failure *failure)
{
    assay_json_value aud;
    assay_audiences audiences;
    int code = assay_check_read_audiences(token, &audiences, failure);
    if (code != ASSAY_OK || assay_check_has_audience(policy, &audiences))
        return code;
    return assay_token_get(token, "aud", &aud) ? audience_refused(policy, &aud, failure)
                                               : assay_fail(failure, ASSAY_E_AUDIENCE_MISSING);
}

/* A number is shown as it stands; of anything else only what it is, since a text or object in the place of a time may say whatever it likes. */
static assay_span shown_time(const assay_json_value *value)
{
    static const char *const words[] = {"null", "false", "true", NULL, NULL, "a text", "an array", "an object"};
    const char *word = words[value->type];
    return word == NULL ? (assay_span){value->ptr, value->len} : assay_span_of(word);
}

/* Read a NumericDate (RFC 7519, section 2). ASSAY_E_ABSENT, or ASSAY_E_TIME. */
static int read_time(const assay_claims *token, const char *name, int64_t *seconds, int32_t *nanoseconds,
                     assay_failure *failure)
{
    assay_json_value value;
    if (!assay_token_get(token, name, &value))
        return ASSAY_E_ABSENT;
    if (assay_json_time(&value, seconds, nanoseconds))
        return ASSAY_OK;
    assay_span shown = shown_time(&value);
    (void)assay_fail_found(failure, ASSAY_E_TIME, "a number of seconds since 1970", shown.ptr, shown.len);
    if (failure != NULL)
        (void)snprintf(failure->note, sizeof failure->note, "%s is not a NumericDate (RFC 7519, section 2)", name);
    return ASSAY_E_TIME;
}

static int time_refused(int code, int64_t bound, int64_t found, const char *order, int64_t off, const char *what,
                        assay_failure *failure)
{
    if (failure == NULL)
        return code;
    char expected[48], text[24];
    (void)snprintf(expected, sizeof expected, "%s %" PRId64, order, bound);
    int len = snprintf(text, sizeof text, "%" PRId64, found);
    (void)assay_fail_found(failure, code, expected, text, (size_t)len);
    (void)snprintf(failure->note, sizeof failure->note, "%s by %" PRId64 " s, leeway included", what, off);
    return code;
}

/* A time that must lie after now, or not after it, as the first second of the clock that is too late, or good; whole seconds, so that a fraction counts as one more. */
static int64_t first_second_after(const assay_policy *policy, int64_t time, int32_t fraction)
{
    return time + policy->leeway + (fraction > 0 ? 1 : 0);
}

static int64_t first_second_of(const assay_policy *policy, int64_t time, int32_t fraction)
{
    return time - policy->leeway + (fraction > 0 ? 1 : 0);
}

/* `exp` must lie after now (RFC 7519, section 4.1.4): at that second the token is no longer good. */
static int check_expiry(const assay_policy *policy, assay_claims *token, int64_t now, assay_failure *failure)
{
    int64_t exp;
    int32_t fraction;
    int code = read_time(token, "exp", &exp, &fraction, failure);
    if (code == ASSAY_E_ABSENT)
        return assay_fail(failure, ASSAY_E_EXPIRY_MISSING);
    if (code != ASSAY_OK)
        return code;
    if (now >= first_second_after(policy, exp, fraction))
        return time_refused(ASSAY_E_EXPIRED, now - policy->leeway, exp, "later than", now - exp - policy->leeway,
                            "it is too late", failure);
    token->expiry = exp;
    return ASSAY_OK;
}

/* `nbf` must not lie after now (RFC 7519, section 4.1.5), nor after `exp`. It may well lie before `iat`: some issuers backdate it. */
static int check_not_before(const assay_policy *policy, const assay_claims *token, int64_t now, assay_failure *failure)
{
    int64_t nbf;
    int32_t fraction;
    int code = read_time(token, "nbf", &nbf, &fraction, failure);
    if (code == ASSAY_E_ABSENT)
        return ASSAY_OK;
    if (code != ASSAY_OK)
        return code;
    if (nbf > token->expiry)
        return assay_fail_note(failure, ASSAY_E_TIME, "nbf lies after exp");
    int64_t latest = now + policy->leeway;
    if (now < first_second_of(policy, nbf, fraction))
        return time_refused(ASSAY_E_NOT_YET_VALID, latest, nbf, "at most", nbf - latest, "it is too early", failure);
    return ASSAY_OK;
}

int assay_check_before(const assay_policy *policy, assay_claims *token, int64_t now, assay_failure *failure)
{
    int code = check_algorithm(policy, token, failure);
    if (code != ASSAY_OK)
        return code;
    code = assay_profile_check_typ(policy->profile, token->has_typ ? &token->typ : NULL, failure);
    if (code != ASSAY_OK)
        return code;
    if (policy->profile->kid_required && !token->has_kid)
        return assay_fail(failure, ASSAY_E_KID_MISSING);
    if (!policy->allow_exchange_audience)
        code = assay_family_check_audience(policy->profile->family, &token->payload, token->spare, failure);
    if (code != ASSAY_OK)
        return code;
    code = check_audience(policy, token, failure);
    if (code != ASSAY_OK)
        return code;
    code = check_expiry(policy, token, now, failure);
    if (code != ASSAY_OK)
        return code;
    return check_not_before(policy, token, now, failure);
}

/* `iat` not in the future, and the lifetime below the cap; both use the same reader. */
static int check_issued_at(const assay_policy *policy, const assay_claims *token, int64_t now, assay_failure *failure)
{
    int64_t iat = 0, nbf = 0;
    int32_t fraction;
    int has_iat = read_time(token, "iat", &iat, &fraction, failure);
    if (has_iat == ASSAY_E_TIME)
        return has_iat;
    int64_t latest = now + policy->leeway;
    if (has_iat == ASSAY_OK && now < first_second_of(policy, iat, fraction))
        return time_refused(ASSAY_E_ISSUED_IN_FUTURE, latest, iat, "at most", iat - latest, "it lies ahead", failure);
    if (policy->max_lifetime == 0)
        return ASSAY_OK;
    int has_nbf = has_iat == ASSAY_OK ? ASSAY_E_ABSENT : read_time(token, "nbf", &nbf, &fraction, failure);
    if (has_iat != ASSAY_OK && has_nbf != ASSAY_OK)
        return assay_fail_note(failure, ASSAY_E_LIFETIME, "it has neither iat nor nbf to count from");
    int64_t lifetime = token->expiry - (has_iat == ASSAY_OK ? iat : nbf);
    if (lifetime > policy->max_lifetime)
        return time_refused(ASSAY_E_LIFETIME, policy->max_lifetime, lifetime, "at most",
                            lifetime - policy->max_lifetime, "it is too long", failure);
    return ASSAY_OK;
}

int assay_check_after(const assay_policy *policy, assay_claims *token, const assay_request *request, int64_t now,
                      const assay_crypto *crypto, assay_failure *failure)
{
    int code = check_issued_at(policy, token, now, failure);
    if (code != ASSAY_OK)
        return code;
    code = assay_profile_check_kind(policy->profile, token->has_typ ? &token->typ : NULL, &token->payload, failure);
    if (code != ASSAY_OK)
        return code;
    code = assay_check_required(policy, token, failure);
    if (code == ASSAY_OK)
        code = assay_family_check(policy->profile->family, &token->payload, token->spare, failure);
    if (code != ASSAY_OK)
        return code;
    code = assay_check_access(policy, token, failure);
    if (code != ASSAY_OK)
        return code;
    code = assay_check_binding(policy, token, request, failure);
    if (code != ASSAY_OK)
        return code;
    return assay_check_request(policy, token, request, now, crypto, failure);
}

void assay_check_window(const assay_policy *policy, const assay_claims *token, int64_t *from, int64_t *until)
{
    static const char *const not_ahead[] = {"nbf", "iat"};
    int64_t time;
    int32_t fraction;
    *from = *until = 0;
    if (read_time(token, "exp", &time, &fraction, NULL) == ASSAY_OK)
        *until = first_second_after(policy, time, fraction);
    for (size_t i = 0; i < ASSAY_COUNT_OF(not_ahead); i++) {
        if (read_time(token, not_ahead[i], &time, &fraction, NULL) != ASSAY_OK)
            continue;
        int64_t first = first_second_of(policy, time, fraction);
        *from = first > *from ? first : *from;
    }
}
