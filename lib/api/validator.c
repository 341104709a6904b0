/* SPDX-License-Identifier: MIT */
#include "flow/validator.h"

#include "api/api.h"
#include "api/keyset.h"
#include "flow/config.h"
#include "flow/driver.h"
#include "flow/refresher.h"

#include <assay/jws.h>

int assay_validator_new(assay_runtime *runtime, assay_issuer *const *issuers, size_t count, assay_validator **validator,
                        assay_error **error)
{
    ASSAY_BEGIN(error);
    if (validator == NULL)
        return ASSAY_BAD("validator is NULL");
    *validator = NULL;
    for (size_t i = 0; i < count; i++) {
        if (issuers == NULL || issuers[i] == NULL)
            return ASSAY_BAD("an issuer is NULL");
    }
    return ASSAY_END(assay_validator_make(runtime, issuers, count, validator, failure));
}

int assay_validator_from_json(assay_runtime *runtime, const char *json, size_t len, assay_validator **validator,
                              assay_error **error)
{
    ASSAY_BEGIN(error);
    if (validator == NULL)
        return ASSAY_BAD("validator is NULL");
    *validator = NULL;
    if (json == NULL)
        return ASSAY_BAD("json is NULL");
    return ASSAY_END(assay_config_read(runtime, json, len, validator, failure));
}

assay_validator *assay_validator_ref(assay_validator *validator)
{
    if (validator != NULL)
        (void)atomic_fetch_add_explicit(&validator->references, 1, memory_order_relaxed);
    return validator;
}

void assay_validator_unref(assay_validator *validator)
{
    assay_validator_drop(validator);
}

/* The deadline of a call in real milliseconds; a timeout out of range is a mistake of the program. */
static bool deadline_of(int64_t timeout_ms, int64_t *deadline)
{
    *deadline = 0;
    if (timeout_ms < 0 || timeout_ms > ASSAY_LIMIT_CALL_TIMEOUT_MS)
        return false;
    if (timeout_ms > 0)
        *deadline = assay_clock_real_ms() + timeout_ms;
    return true;
}

#define BAD_TIMEOUT "timeout_ms must be 0 to 600000"

int assay_validator_check(assay_validator *validator, const char *token, size_t len, const assay_request *request,
                          assay_claims **claims, assay_error **error)
{
    return assay_validator_validate(validator, token, len, request, 0, claims, error);
}

int assay_validator_validate(assay_validator *validator, const char *token, size_t len, const assay_request *request,
                             int64_t timeout_ms, assay_claims **claims, assay_error **error)
{
    ASSAY_BEGIN(error);
    if (claims == NULL)
        return ASSAY_BAD("claims is NULL");
    *claims = NULL;
    if (validator == NULL || token == NULL)
        return ASSAY_BAD("validator or token is NULL");
    int64_t deadline;
    if (!deadline_of(timeout_ms, &deadline))
        return ASSAY_BAD(BAD_TIMEOUT);
    return ASSAY_END(assay_validate(validator, token, len, request, deadline, claims, failure));
}

int assay_validator_warm_up(assay_validator *validator, int64_t timeout_ms, assay_error **error)
{
    ASSAY_BEGIN(error);
    int64_t deadline;
    if (validator == NULL)
        return ASSAY_BAD("validator is NULL");
    if (!deadline_of(timeout_ms, &deadline))
        return ASSAY_BAD(BAD_TIMEOUT);
    return ASSAY_END(assay_manage_warm_up(validator, deadline, failure));
}

int assay_validator_ready(assay_validator *validator, assay_error **error)
{
    ASSAY_BEGIN(error);
    if (validator == NULL)
        return ASSAY_BAD("validator is NULL");
    return ASSAY_END(assay_manage_ready(validator, failure));
}

int assay_validator_refresh(assay_validator *validator, const char *issuer, int64_t timeout_ms, assay_error **error)
{
    ASSAY_BEGIN(error);
    int64_t deadline;
    if (validator == NULL)
        return ASSAY_BAD("validator is NULL");
    if (!deadline_of(timeout_ms, &deadline))
        return ASSAY_BAD(BAD_TIMEOUT);
    return ASSAY_END(assay_manage_refresh(validator, issuer, deadline, failure));
}

int assay_validator_refresh_due(const assay_validator *validator, int64_t *wait_ms, const char **issuer)
{
    int64_t due_at;
    if (issuer != NULL)
        *issuer = NULL;
    if (wait_ms == NULL)
        return ASSAY_E_ARGUMENT;
    *wait_ms = -1;
    if (validator == NULL)
        return ASSAY_E_ARGUMENT;
    int64_t now = assay_clock_steady(&validator->keyring->runtime->clock);
    const assay_trusted_issuer *first = assay_validator_due(validator, now, &due_at);
    if (first == NULL)
        return ASSAY_OK;
    *wait_ms = due_at > now ? due_at - now : 0;
    if (issuer != NULL)
        *issuer = first->policy.issuer.ptr;
    return ASSAY_OK;
}

int assay_validator_start_refresh_thread(assay_validator *validator, assay_error **error)
{
    ASSAY_BEGIN(error);
    if (validator == NULL)
        return ASSAY_BAD("validator is NULL");
    return ASSAY_END(
        assay_refresher_start(&validator->keyring->refreshing, assay_driver_watch_keys, validator, failure));
}

void assay_validator_stop_refresh_thread(assay_validator *validator)
{
    if (validator != NULL)
        assay_refresher_stop(&validator->keyring->refreshing);
}

int assay_validator_take_over(assay_validator *validator, assay_validator *old, size_t *taken, assay_error **error)
{
    ASSAY_BEGIN(error);
    size_t count = 0;
    if (taken != NULL)
        *taken = 0;
    if (validator == NULL || old == NULL)
        return ASSAY_BAD("validator or old is NULL");
    int code = assay_manage_take_over(validator, old, &count, failure);
    if (taken != NULL && code == ASSAY_OK)
        *taken = count;
    return ASSAY_END(code);
}

int assay_validator_purge(assay_validator *validator, const char *issuer, const char *kid, assay_error **error)
{
    ASSAY_BEGIN(error);
    if (validator == NULL || issuer == NULL)
        return ASSAY_BAD("validator or issuer is NULL");
    return ASSAY_END(assay_manage_purge(validator, issuer, kid, failure));
}

int assay_validator_push_keys(assay_validator *validator, const char *issuer, const assay_keyset *keyset,
                              assay_error **error)
{
    ASSAY_BEGIN(error);
    if (validator == NULL || issuer == NULL || keyset == NULL)
        return ASSAY_BAD("validator, issuer or keyset is NULL");
    return ASSAY_END(assay_manage_push(validator, issuer, &keyset->set, failure));
}

int assay_validator_revoke(assay_validator *validator, const char *authority, const char *subject, int64_t before,
                           assay_error **error)
{
    ASSAY_BEGIN(error);
    if (validator == NULL)
        return ASSAY_BAD("validator is NULL");
    return ASSAY_END(assay_revocations_add(validator->revocations, authority, subject, before, failure));
}

int assay_validator_get_stat(const assay_validator *validator, const char *issuer, int stat, uint64_t *value)
{
    if (value == NULL)
        return ASSAY_E_ARGUMENT;
    *value = 0;
    return validator == NULL ? ASSAY_E_ARGUMENT : assay_manage_stat(validator, issuer, stat, value);
}

int assay_validator_describe(const assay_validator *validator, const char *issuer, uint8_t **json, size_t *json_len,
                             assay_error **error)
{
    ASSAY_BEGIN(error);
    if (json == NULL || json_len == NULL)
        return ASSAY_BAD("json or json_len is NULL");
    *json = NULL;
    *json_len = 0;
    if (validator == NULL || issuer == NULL)
        return ASSAY_BAD("validator or issuer is NULL");
    char *text = NULL;
    int code = assay_describe(validator, issuer, &text, json_len, failure);
    *json = (uint8_t *)text;
    return ASSAY_END(code);
}
