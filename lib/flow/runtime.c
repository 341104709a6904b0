/* SPDX-License-Identifier: MIT */
#include "flow/runtime.h"

#include "http/url.h"
#include "json/document.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

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

int assay_runtime_take_ca(assay_runtime *runtime, const char *pem, size_t len, assay_failure *failure)
{
    if (len > ASSAY_LIMIT_CA_BYTES)
        return assay_fail_note(failure, ASSAY_E_CONFIG_CA, "they are longer than %d bytes", ASSAY_LIMIT_CA_BYTES);
    if (assay_http_count_certificates(pem, len) <= 0)
        return assay_fail_note(failure, ASSAY_E_CONFIG_CA, "there is no certificate in PEM form");
    char *copy = assay_memdup(pem, len);
    if (copy == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    assay_release(runtime->http.ca_pem);
    runtime->http.ca_pem = copy;
    runtime->http.ca_pem_len = len;
    return ASSAY_OK;
}

/* Read a whole file, bounded; -1 with errno, or -2 where it is longer than @p size. */
static ssize_t read_file(const char *path, char *buffer, size_t size)
{
    int fd;
    do
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not hang here */
    while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return -1;
    size_t used = 0;
    ssize_t got = 0;
    while (used < size) {
        got = read(fd, buffer + used, size - used);
        if (got == 0 || (got < 0 && errno != EINTR))
            break;
        used += got > 0 ? (size_t)got : 0;
    }
    int error = errno;
    (void)close(fd);
    errno = error;
    return got < 0 ? -1 : used == size ? -2 : (ssize_t)used;
}

int assay_runtime_read_ca(assay_runtime *runtime, const char *path, assay_failure *failure)
{
    size_t size = ASSAY_LIMIT_CA_BYTES + 1;
    ASSAY_AUTO_RELEASE char *pem = assay_alloc(size);
    if (pem == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    ssize_t len = read_file(path, pem, size);
    char reason[100];
    char shown[ASSAY_LIMIT_FOUND_BYTES];
    assay_text_escape(path, strlen(path), shown, sizeof shown);
    if (len == -1)
        return assay_fail_note(failure, ASSAY_E_CONFIG_CA, "%s: %s", shown, strerror_r(errno, reason, sizeof reason));
    if (len < 0)
        return assay_fail_note(failure, ASSAY_E_CONFIG_CA, "%s is longer than %d bytes", shown, ASSAY_LIMIT_CA_BYTES);
    int code = assay_runtime_take_ca(runtime, pem, (size_t)len, failure);
    if (code == ASSAY_E_CONFIG_CA)
        return assay_fail_note(failure, code, "%s holds no certificate in PEM form", shown);
    return code;
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

/* Without memory it is lost. */
static void keep_line(int level, const char *text, size_t len)
{
    assay_log_line *line = assay_alloc(sizeof *line + len + 1);
    if (line == NULL)
        return;
    *line = (assay_log_line){NULL, level, len};
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
        keep_line(level, line, shown);
}

void assay_runtime_keep_log(assay_log_line ***end)
{
    kept_end = end;
}

void assay_runtime_give_log(const assay_runtime *runtime, assay_log_line *lines)
{
    for (assay_log_line *line = lines, *next; line != NULL; line = next) {
        next = line->next;
        runtime->log(runtime->log_data, line->level, line->text, line->len);
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
