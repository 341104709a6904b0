/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_FLOW_RUNTIME_H
#define ASSAY_FLOW_RUNTIME_H

/* Settings that validators share. Configured by one thread, frozen at first use. */

#include "base/clock.h"
#include "base/failure.h"
#include "base/memory.h"
#include "crypto/crypto.h"
#include "flow/store.h"
#include "http/client.h"

#include <assay/runtime.h>
#include <stdatomic.h>

struct assay_runtime {
    atomic_uint references;
    atomic_bool frozen;
    assay_http_settings http;
    int64_t fetch_timeout_ms;
    assay_clock clock;
    void *clock_data;
    assay_destroy_function clock_destroy;
    assay_log_function log;
    int log_level;
    void *log_data;
    assay_destroy_function log_destroy;
    char *openssl_properties;
    assay_crypto *crypto; /* made when frozen */
    assay_store *store;   /* NULL: keys are kept in memory alone */
    size_t token_cache;   /* accepted tokens that each validator keeps; 0: none */
};

int assay_runtime_make(assay_runtime **runtime);
void assay_runtime_drop(assay_runtime *runtime);
ASSAY_DEFINE_CLEANUP(assay_runtime, assay_runtime_drop)

/* A reference to @p runtime, or to a new one with the defaults where it is NULL; frozen. ASSAY_OK, ASSAY_E_MEMORY, ASSAY_E_CRYPTO. */
int assay_runtime_use(assay_runtime *runtime, assay_runtime **used, assay_failure *failure);

/* Whether keys that one fetched are what the other would have fetched, and their times mean the same. */
bool assay_runtimes_are_alike(const assay_runtime *a, const assay_runtime *b);

int assay_runtime_take_proxy(assay_runtime *runtime, const char *url, assay_failure *failure);
int assay_runtime_take_fetch_timeout(assay_runtime *runtime, int64_t milliseconds, assay_failure *failure);
int assay_runtime_take_token_cache(assay_runtime *runtime, int64_t entries, assay_failure *failure);
int assay_runtime_take_store_directory(assay_runtime *runtime, const char *path, assay_failure *failure);

/* Write a line to the log, if anybody listens at that level. */
void assay_runtime_log(const assay_runtime *runtime, int level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A line that waits to be given to the host. */
typedef struct assay_log_line {
    struct assay_log_line *next;
    assay_runtime *runtime; /* a reference */
    int level;
    size_t len;
    char text[];
} assay_log_line;

/* From now on what this thread logs is kept at *end, and each line moves *end on; NULL: lines go to the host again. */
void assay_runtime_keep_log(assay_log_line ***end);
/* Give kept lines to the host, each to the log of its runtime, and release them. */
void assay_runtime_give_log(assay_log_line *lines);

/* Versions of this library and those underneath, static. */
const char *assay_runtime_versions(void);

#endif
