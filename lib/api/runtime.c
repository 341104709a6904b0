/* SPDX-License-Identifier: MIT */
#include "flow/runtime.h"
#include "api/api.h"

#include <stdio.h>

int assay_runtime_new(assay_runtime **runtime, assay_error **error)
{
    ASSAY_BEGIN(error);
    if (runtime == NULL)
        return ASSAY_BAD("runtime is NULL");
    return ASSAY_END(assay_runtime_make(runtime));
}

assay_runtime *assay_runtime_ref(assay_runtime *runtime)
{
    if (runtime != NULL)
        (void)atomic_fetch_add_explicit(&runtime->references, 1, memory_order_relaxed);
    return runtime;
}

void assay_runtime_unref(assay_runtime *runtime)
{
    assay_runtime_drop(runtime);
}

/* Every setter needs a runtime that nobody uses yet. */
static int check_open(const assay_runtime *runtime, assay_failure *failure)
{
    if (runtime == NULL)
        return assay_fail_note(failure, ASSAY_E_ARGUMENT, "runtime is NULL");
    if (atomic_load_explicit(&runtime->frozen, memory_order_acquire))
        return assay_fail(failure, ASSAY_E_FROZEN);
    return ASSAY_OK;
}

int assay_runtime_set_ca_file(assay_runtime *runtime, const char *path, assay_error **error)
{
    ASSAY_BEGIN(error);
    int code = check_open(runtime, failure);
    if (code == ASSAY_OK && path == NULL)
        return ASSAY_BAD("path is NULL");
    return ASSAY_END(code != ASSAY_OK ? code : assay_http_ca_read(&runtime->http.ca, path, failure));
}

int assay_runtime_set_ca_pem(assay_runtime *runtime, const char *pem, size_t len, assay_error **error)
{
    ASSAY_BEGIN(error);
    int code = check_open(runtime, failure);
    if (code == ASSAY_OK && pem == NULL)
        return ASSAY_BAD("pem is NULL");
    return ASSAY_END(code != ASSAY_OK ? code : assay_http_ca_take(&runtime->http.ca, pem, len, failure));
}

int assay_runtime_set_proxy(assay_runtime *runtime, const char *url, assay_error **error)
{
    ASSAY_BEGIN(error);
    int code = check_open(runtime, failure);
    return ASSAY_END(code != ASSAY_OK ? code : assay_runtime_take_proxy(runtime, url, failure));
}

/* Replace an owned text by a copy, or by nothing. */
static int replace(char **owned, const char *text, assay_failure *failure)
{
    char *copy = text == NULL ? NULL : assay_strdup(text);
    if (text != NULL && copy == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    assay_release(*owned);
    *owned = copy;
    return ASSAY_OK;
}

int assay_runtime_set_no_proxy(assay_runtime *runtime, const char *hosts, assay_error **error)
{
    ASSAY_BEGIN(error);
    int code = check_open(runtime, failure);
    return ASSAY_END(code != ASSAY_OK ? code : replace(&runtime->http.no_proxy, hosts, failure));
}

int assay_runtime_use_environment_proxy(assay_runtime *runtime, assay_error **error)
{
    ASSAY_BEGIN(error);
    int code = check_open(runtime, failure);
    if (code == ASSAY_OK)
        runtime->http.environment_proxy = true;
    return ASSAY_END(code);
}

int assay_runtime_set_fetch_timeout(assay_runtime *runtime, int64_t milliseconds, assay_error **error)
{
    ASSAY_BEGIN(error);
    int code = check_open(runtime, failure);
    return ASSAY_END(code != ASSAY_OK ? code : assay_runtime_take_fetch_timeout(runtime, milliseconds, failure));
}

int assay_runtime_set_openssl_properties(assay_runtime *runtime, const char *query, assay_error **error)
{
    ASSAY_BEGIN(error);
    int code = check_open(runtime, failure);
    return ASSAY_END(code != ASSAY_OK ? code : replace(&runtime->openssl_properties, query, failure));
}

int assay_runtime_set_store_directory(assay_runtime *runtime, const char *path, assay_error **error)
{
    ASSAY_BEGIN(error);
    int code = check_open(runtime, failure);
    return ASSAY_END(code != ASSAY_OK ? code : assay_runtime_take_store_directory(runtime, path, failure));
}

int assay_runtime_set_token_cache(assay_runtime *runtime, size_t entries, assay_error **error)
{
    ASSAY_BEGIN(error);
    int code = check_open(runtime, failure);
    int64_t wanted = entries > INT64_MAX ? INT64_MAX : (int64_t)entries;
    return ASSAY_END(code != ASSAY_OK ? code : assay_runtime_take_token_cache(runtime, wanted, failure));
}

int assay_runtime_set_clock(assay_runtime *runtime, assay_wall_clock_function wall, assay_steady_clock_function steady,
                            void *user_data, assay_destroy_function destroy, assay_error **error)
{
    ASSAY_BEGIN(error);
    int code = check_open(runtime, failure);
    if (code == ASSAY_OK && (wall == NULL || steady == NULL))
        code = assay_fail_note(failure, ASSAY_E_ARGUMENT, "wall or steady is NULL");
    if (code != ASSAY_OK) {
        if (destroy != NULL)
            destroy(user_data);
        return ASSAY_END(code);
    }
    if (runtime->clock_destroy != NULL)
        runtime->clock_destroy(runtime->clock_data);
    runtime->clock = (assay_clock){wall, steady, user_data};
    runtime->clock_data = user_data;
    runtime->clock_destroy = destroy;
    return ASSAY_OK;
}

int assay_runtime_set_log(assay_runtime *runtime, int level, assay_log_function log, void *user_data,
                          assay_destroy_function destroy, assay_error **error)
{
    ASSAY_BEGIN(error);
    int code = check_open(runtime, failure);
    if (code == ASSAY_OK && (log == NULL || level < ASSAY_LOG_ERROR || level > ASSAY_LOG_DEBUG))
        code = assay_fail_note(failure, ASSAY_E_ARGUMENT, "log is NULL, or level is none");
    if (code != ASSAY_OK) {
        if (destroy != NULL)
            destroy(user_data);
        return ASSAY_END(code);
    }
    if (runtime->log_destroy != NULL)
        runtime->log_destroy(runtime->log_data);
    runtime->log = log;
    runtime->log_level = level;
    runtime->log_data = user_data;
    runtime->log_destroy = destroy;
    return ASSAY_OK;
}
