/* SPDX-License-Identifier: MIT */
#include "flow/runtime.h"

#include "http/url.h"
#include "json/document.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

int assay_runtime_make(assay_runtime **runtime)
{
    *runtime = assay_zalloc(sizeof **runtime);
    if (*runtime == NULL)
        return ASSAY_E_MEMORY;
    atomic_init(&(*runtime)->references, 1);
    (*runtime)->clock = assay_clock_system();
    (*runtime)->fetch_timeout_ms = ASSAY_LIMIT_FETCH_TIMEOUT_MS;
    return ASSAY_OK;
}

void assay_runtime_drop(assay_runtime *runtime)
{
    if (runtime == NULL || atomic_fetch_sub_explicit(&runtime->references, 1, memory_order_acq_rel) != 1)
        return;
    if (runtime->clock_destroy != NULL)
        runtime->clock_destroy(runtime->clock_data);
    if (runtime->log_destroy != NULL)
        runtime->log_destroy(runtime->log_data);
    assay_http_settings_clear(&runtime->http);
    assay_release(runtime->openssl_properties);
    assay_crypto_unref(runtime->crypto);
    assay_store_close(runtime->store);
    assay_release(runtime);
}

int assay_runtime_use(assay_runtime *runtime, assay_runtime **used, assay_failure *failure)
{
    *used = NULL;
    ASSAY_CLEANUP(assay_runtime_drop_p) assay_runtime *taken = runtime;
    if (runtime != NULL)
        (void)atomic_fetch_add_explicit(&runtime->references, 1, memory_order_relaxed);
    else if (assay_runtime_make(&taken) != ASSAY_OK)
        return assay_fail(failure, ASSAY_E_MEMORY);
    /* One thread configures and first uses a runtime, so nobody else can be here before it is frozen. */
    if (!atomic_load_explicit(&taken->frozen, memory_order_acquire)) {
        int code = assay_crypto_new(taken->openssl_properties, &taken->crypto);
        if (code != ASSAY_OK)
            return assay_fail_note(failure, code, "%s",
                                   taken->openssl_properties != NULL
                                       ? "no provider gives SHA-256 for the property query of the runtime"
                                       : "it gives no SHA-256");
        atomic_store_explicit(&taken->frozen, true, memory_order_release);
    }
    *used = ASSAY_STEAL(taken);
    return ASSAY_OK;
}

bool assay_runtimes_are_alike(const assay_runtime *a, const assay_runtime *b)
{
    return assay_http_settings_are_alike(&a->http, &b->http) && a->clock.steady == b->clock.steady &&
           a->clock.wall == b->clock.wall && a->clock.user_data == b->clock.user_data;
}

int assay_runtime_take_proxy(assay_runtime *runtime, const char *url, assay_failure *failure)
{
    assay_url parsed;
    char *copy = NULL;
    if (url != NULL) {
        const char *problem = assay_url_parse(url, strlen(url), &parsed);
        if (problem == NULL && (parsed.path.len > 1 || parsed.query.len > 0))
            problem = "a proxy has a host and a port only";
        if (problem != NULL)
            return assay_fail_note(failure, ASSAY_E_CONFIG_URL, "the proxy: %s", problem);
        copy = assay_strdup(url);
        if (copy == NULL)
            return assay_fail(failure, ASSAY_E_MEMORY);
    }
    assay_release(runtime->http.proxy);
    runtime->http.proxy = copy;
    return ASSAY_OK;
}

int assay_runtime_take_fetch_timeout(assay_runtime *runtime, int64_t milliseconds, assay_failure *failure)
{
    if (milliseconds < ASSAY_LIMIT_FETCH_TIMEOUT_MIN_MS || milliseconds > ASSAY_LIMIT_FETCH_TIMEOUT_MAX_MS)
        return assay_fail_note(failure, ASSAY_E_CONFIG_TIME, "the fetch timeout must be %d to %d milliseconds",
                               ASSAY_LIMIT_FETCH_TIMEOUT_MIN_MS, ASSAY_LIMIT_FETCH_TIMEOUT_MAX_MS);
    runtime->fetch_timeout_ms = milliseconds;
    return ASSAY_OK;
}

int assay_runtime_take_token_cache(assay_runtime *runtime, int64_t entries, assay_failure *failure)
{
    if (entries < 0 || entries > ASSAY_LIMIT_TOKEN_CACHE) {
        (void)assay_fail_note(failure, ASSAY_E_RANGE, "a token cache holds 0 to %d tokens", ASSAY_LIMIT_TOKEN_CACHE);
        if (failure != NULL)
            failure->hint = "choose a number in that range; 0 keeps none";
        return ASSAY_E_RANGE;
    }
    runtime->token_cache = (size_t)entries;
    return ASSAY_OK;
}

int assay_runtime_take_store_directory(assay_runtime *runtime, const char *path, assay_failure *failure)
{
    assay_store *opened = NULL;
    int code = path == NULL ? assay_fail(failure, ASSAY_OK) : assay_store_open(path, &opened, failure);
    if (code != ASSAY_OK)
        return code;
    assay_store_close(runtime->store);
    runtime->store = opened;
    return ASSAY_OK;
}

static _Thread_local assay_log_line ***kept_end;

/* Without memory it is lost. The runtime need not be that of who keeps it: a function of the host may use others. */
static void keep_line(const assay_runtime *runtime, int level, const char *text, size_t len)
{
    assay_log_line *line = assay_alloc(sizeof *line + len + 1);
    if (line == NULL)
        return;
    assay_runtime *taken = (assay_runtime *)(uintptr_t)runtime; /* for its count alone */
    (void)atomic_fetch_add_explicit(&taken->references, 1, memory_order_relaxed);
    *line = (assay_log_line){NULL, taken, level, len};
    memcpy(line->text, text, len + 1);
    **kept_end = line;
    *kept_end = &line->next;
}

void assay_runtime_log(const assay_runtime *runtime, int level, const char *format, ...)
{
    if (runtime->log == NULL || level > runtime->log_level)
        return;
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (len < 0)
        return;
    size_t shown = (size_t)len < sizeof line ? (size_t)len : sizeof line - 1;
    if (kept_end == NULL)
        runtime->log(runtime->log_data, level, line, shown);
    else
        keep_line(runtime, level, line, shown);
}

void assay_runtime_keep_log(assay_log_line ***end)
{
    kept_end = end;
}

void assay_runtime_give_log(assay_log_line *lines)
{
    for (assay_log_line *line = lines, *next; line != NULL; line = next) {
        next = line->next;
        line->runtime->log(line->runtime->log_data, line->level, line->text, line->len);
        assay_runtime_drop(line->runtime);
        assay_release(line);
    }
}

static char versions[512];
static pthread_once_t versions_once = PTHREAD_ONCE_INIT;

static void write_versions(void)
{
    (void)snprintf(versions, sizeof versions, "assay %s; %s; libcurl %.200s; jansson %s", ASSAY_VERSION,
                   assay_crypto_version(), assay_http_client_version(), assay_json_version());
}

const char *assay_runtime_versions(void)
{
    (void)pthread_once(&versions_once, write_versions);
    return versions;
}
