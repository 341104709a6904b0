/* SPDX-License-Identifier: MIT */
#include "flow/credential.h"

#include "api/api.h"
#include "flow/driver.h"

int assay_credential_new(assay_runtime *runtime, const char *kind, assay_credential **credential, assay_error **error)
{
    assay_credential_kind chosen;
    ASSAY_BEGIN(error);
    if (credential == NULL)
        return ASSAY_BAD("credential is NULL");
    *credential = NULL;
    if (kind == NULL)
        return ASSAY_BAD("kind is NULL");
    if (!assay_credential_kind_find(kind, &chosen) || chosen == ASSAY_CREDENTIAL_CHAIN)
        return ASSAY_END(
            assay_fail_found(failure, ASSAY_E_CONFIG_CREDENTIAL, "a kind of credential", kind, strlen(kind)));
    return ASSAY_END(assay_fail(failure, assay_credential_make(runtime, chosen, credential)));
}

int assay_credential_new_from_environment(assay_runtime *runtime, const char *kind, assay_credential **credential,
                                          assay_error **error)
{
    ASSAY_BEGIN(error);
    if (credential == NULL)
        return ASSAY_BAD("credential is NULL");
    return ASSAY_END(assay_credential_make_from_environment(runtime, kind, credential, failure));
}

int assay_credential_new_chain(assay_runtime *runtime, assay_credential *const *members, size_t count,
                               assay_credential **credential, assay_error **error)
{
    ASSAY_BEGIN(error);
    if (credential == NULL)
        return ASSAY_BAD("credential is NULL");
    *credential = NULL;
    if (members == NULL || count == 0 || count > ASSAY_LIMIT_CHAIN)
        return ASSAY_BAD("members must be 1 to 16 credentials");
    for (size_t i = 0; i < count; i++)
        if (members[i] == NULL)
            return ASSAY_BAD("a member is NULL");
    return ASSAY_END(assay_credential_make_chain(runtime, members, count, credential, failure));
}

int assay_credential_from_json(assay_runtime *runtime, const char *json, size_t len, assay_credential **credential,
                               assay_error **error)
{
    ASSAY_BEGIN(error);
    if (credential == NULL)
        return ASSAY_BAD("credential is NULL");
    *credential = NULL;
    if (json == NULL)
        return ASSAY_BAD("json is NULL");
    return ASSAY_END(assay_credential_read_json(runtime, json, len, credential, failure));
}

assay_credential *assay_credential_ref(assay_credential *credential)
{
    return credential == NULL ? NULL : assay_credential_take(credential);
}

void assay_credential_unref(assay_credential *credential)
{
    assay_credential_drop(credential);
}

static bool is_timeout(int64_t timeout_ms)
{
    return timeout_ms >= 0 && timeout_ms <= ASSAY_LIMIT_CALL_TIMEOUT_MS;
}

#define BAD_TIMEOUT "timeout_ms must be 0 to 600000"

static int64_t deadline_of(int64_t timeout_ms)
{
    return timeout_ms == 0 ? 0 : assay_clock_real_ms() + timeout_ms;
}

int assay_credential_get_token(assay_credential *credential, const char *scope, int64_t timeout_ms,
                               assay_access_token **token, assay_error **error)
{
    assay_failure_detail detail;
    ASSAY_BEGIN(error);
    if (token == NULL)
        return ASSAY_BAD("token is NULL");
    *token = NULL;
    if (credential == NULL || scope == NULL)
        return ASSAY_BAD("credential or scope is NULL");
    if (!is_timeout(timeout_ms))
        return ASSAY_BAD(BAD_TIMEOUT);
    /* The failure has a place of its own: that of whoever wants no explanation is none. */
    assay_failure local;
    int code = assay_acquire_scope(credential, scope, deadline_of(timeout_ms), token, &local, &detail);
    if (failure != NULL && code != ASSAY_OK)
        *failure = local;
    return ASSAY_END(code);
}

int assay_credential_get_token_for(assay_credential *credential, const assay_token_request *request, int64_t timeout_ms,
                                   assay_access_token **token, assay_error **error)
{
    assay_failure_detail detail;
    ASSAY_BEGIN(error);
    if (token == NULL)
        return ASSAY_BAD("token is NULL");
    *token = NULL;
    if (credential == NULL || request == NULL)
        return ASSAY_BAD("credential or request is NULL");
    if (!is_timeout(timeout_ms))
        return ASSAY_BAD(BAD_TIMEOUT);
    assay_failure local;
    int code = assay_acquire(credential, request, deadline_of(timeout_ms), token, &local, &detail);
    if (failure != NULL && code != ASSAY_OK)
        *failure = local;
    return ASSAY_END(code);
}

void assay_credential_forget(assay_credential *credential, const assay_token_request *request)
{
    if (credential != NULL)
        assay_acquire_forget(credential, request);
}

int assay_credential_refresh_due(const assay_credential *credential, int64_t *wait_ms)
{
    if (wait_ms == NULL || credential == NULL)
        return ASSAY_E_ARGUMENT;
    *wait_ms = -1;
    if (!atomic_load(&credential->frozen)) /* nothing was asked for yet */
        return ASSAY_OK;
    assay_credential *changing = (assay_credential *)(uintptr_t)credential; /* its lock only */
    int64_t due_at, now = assay_credential_now(credential);
    assay_credential_lock(changing);
    const assay_kept *first = assay_acquire_due(changing, now, &due_at);
    assay_credential_unlock(changing);
    if (first != NULL)
        *wait_ms = due_at > now ? due_at - now : 0;
    return ASSAY_OK;
}

int assay_credential_start_refresh_thread(assay_credential *credential, assay_error **error)
{
    ASSAY_BEGIN(error);
    if (credential == NULL)
        return ASSAY_BAD("credential is NULL");
    int code = assay_credential_use(credential, failure);
    if (code == ASSAY_OK)
        code = assay_refresher_start(&credential->refreshing, assay_driver_watch_tokens, credential, failure);
    return ASSAY_END(code);
}

void assay_credential_stop_refresh_thread(assay_credential *credential)
{
    if (credential != NULL)
        assay_refresher_stop(&credential->refreshing);
}

int assay_credential_get_stat(const assay_credential *credential, int stat, uint64_t *value)
{
    if (value == NULL || credential == NULL || stat < 0 || stat > ASSAY_CREDENTIAL_STAT_SHARED)
        return ASSAY_E_ARGUMENT;
    *value = stat == ASSAY_CREDENTIAL_STAT_TOKENS ? assay_credential_kept_count(credential)
                                                  : atomic_load(&credential->stats[stat]);
    return ASSAY_OK;
}

int assay_credential_describe(const assay_credential *credential, uint8_t **json, size_t *json_len, assay_error **error)
{
    ASSAY_BEGIN(error);
    if (json == NULL || json_len == NULL)
        return ASSAY_BAD("json or json_len is NULL");
    *json = NULL;
    *json_len = 0;
    if (credential == NULL)
        return ASSAY_BAD("credential is NULL");
    char *text = NULL;
    int code = assay_credential_write_description((assay_credential *)(uintptr_t)credential, &text, json_len, failure);
    *json = (uint8_t *)text;
    return ASSAY_END(code);
}
