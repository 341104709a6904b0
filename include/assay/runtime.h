/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_RUNTIME_H
#define ASSAY_RUNTIME_H

#include <assay/error.h>
#include <assay/types.h>

ASSAY_BEGIN_DECLS

/**
 * @file
 * Settings that validators share: how documents are fetched, which clock counts, where log lines go.
 *
 * Nothing of the environment is read: neither `https_proxy` nor `SSL_CERT_FILE` nor a `.netrc`, unless
 * assay_runtime_use_environment_proxy() says so.
 *
 * Threads: one thread configures a runtime. It is frozen when a validator or key set first uses
 * it; from then on any number of threads may share it, and every setter answers ASSAY_E_FROZEN.
 */

/** Levels of log lines. @since 0.1 */
enum assay_log_level {
    ASSAY_LOG_ERROR =
        0, /**< something needs a person: an issuer's keys can't be had and there are none to go on with */
    ASSAY_LOG_WARNING = 1, /**< something went wrong and was dealt with: a failed refresh, a purge */
    ASSAY_LOG_INFO = 2,    /**< keys were fetched: how many are served, retained and skipped */
    ASSAY_LOG_DEBUG = 3    /**< each request */
};

/** Receives a finished line (UTF-8, no newline, terminated as well). Called from whichever thread the
 *  event happens in, with no lock of the library held; must not unwind and must not call back into
 *  the object that logs. @since 0.1 */
typedef void (*assay_log_function)(void *user_data, int level, const char *text, size_t len);
/** Returns seconds since 1970-01-01 UTC, or a negative number when it can't tell. @since 0.1 */
typedef int64_t (*assay_wall_clock_function)(void *user_data);
/** Returns milliseconds from any fixed start, never going back, counting time asleep. @since 0.1 */
typedef int64_t (*assay_steady_clock_function)(void *user_data);
/** Releases user data; called exactly once. @since 0.1 */
typedef void (*assay_destroy_function)(void *user_data);

/** Make a runtime with the defaults. @param runtime [out] one reference, release with
 *  assay_runtime_unref(). @retval ASSAY_E_MEMORY out of memory. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_runtime_new(assay_runtime **runtime, assay_error **error);
/** Take one more reference. Any thread. @since 0.1 */
ASSAY_API assay_runtime *assay_runtime_ref(assay_runtime *runtime);
/** Give a reference back; NULL is allowed. Any thread. @since 0.1 */
ASSAY_API void assay_runtime_unref(assay_runtime *runtime);

/** Trust exactly the CA certificates of this PEM file for TLS, instead of the system's. The file is read
 *  and checked now. @retval ASSAY_E_CONFIG_CA unreadable, or holds no certificate. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_runtime_set_ca_file(assay_runtime *runtime, const char *path, assay_error **error);
/** The same from PEM text in memory, copied. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_runtime_set_ca_pem(assay_runtime *runtime, const char *pem, size_t len,
                                                        assay_error **error);
/** Send fetches through this proxy (http:// or https:// URL, host and port); NULL for none, the default.
 *  @retval ASSAY_E_CONFIG_URL not such a URL. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_runtime_set_proxy(assay_runtime *runtime, const char *url, assay_error **error);
/** Hosts that are reached without the proxy: a comma-separated list of names, as curl's `NO_PROXY`. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_runtime_set_no_proxy(assay_runtime *runtime, const char *hosts,
                                                          assay_error **error);
/** Let `https_proxy`, `http_proxy`, `all_proxy` and `no_proxy` of the environment apply (off by default).
 *  A `.netrc` is never read. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_runtime_use_environment_proxy(assay_runtime *runtime, assay_error **error);
/** Longest that one document may take, in milliseconds: 5000 by default, 100 to 60000.
 *  The time that a caller gives to a call still bounds it. @retval ASSAY_E_CONFIG_TIME out of range. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_runtime_set_fetch_timeout(assay_runtime *runtime, int64_t milliseconds,
                                                               assay_error **error);
/** OpenSSL property query for every algorithm, such as "fips=yes"; NULL for the default provider's choice.
 *  @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_runtime_set_openssl_properties(assay_runtime *runtime, const char *query,
                                                                    assay_error **error);
/**
 * Keep fetched keys in a directory too, which the processes of this user on this machine share: a new process begins with them instead of a
 * fetch, and what one of them purges stays away from all. The directory is made with mode 0700 where it is missing. Files have mode 0600 and are
 * replaced by renaming. One that is broken, or that somebody else could have written, is not read: it costs a fetch.
 *
 * @param path [in] NULL for none, the default
 * @retval ASSAY_E_CONFIG_STORE not a directory of this user, or others can write to it
 * @since 0.1
 */
ASSAY_API ASSAY_MUST_CHECK int assay_runtime_set_store_directory(assay_runtime *runtime, const char *path,
                                                                 assay_error **error);
/**
 * Let each validator of this runtime keep accepted tokens: one that comes again is answered without a look at its signature, with the same
 * claims object. Whatever may change is looked at each time: its times, its key, the age of the issuer's keys. Tokens that come with a
 * request (`assay_request`), that have no `kid`, or that are longer than 16384 bytes are not kept.
 *
 * Kept claims, which may name persons, stay in memory until their token expires or makes room for another. A token of 1.7 kB takes about 12 kB.
 *
 * @param entries [in] how many tokens at most, 0 to 65536; 0, the default, keeps none
 * @retval ASSAY_E_RANGE more than that
 * @since 0.1
 */
ASSAY_API ASSAY_MUST_CHECK int assay_runtime_set_token_cache(assay_runtime *runtime, size_t entries,
                                                             assay_error **error);
/** Take the time from these functions instead of the system's. Both are called on the hot path, from any
 *  thread. @param destroy may be NULL; called with @p user_data exactly once, also when this fails. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_runtime_set_clock(assay_runtime *runtime, assay_wall_clock_function wall,
                                                       assay_steady_clock_function steady, void *user_data,
                                                       assay_destroy_function destroy, assay_error **error);
/** Receive log lines up to @p level. No line holds a token, a secret or a personal claim. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_runtime_set_log(assay_runtime *runtime, int level, assay_log_function log,
                                                     void *user_data, assay_destroy_function destroy,
                                                     assay_error **error);

ASSAY_END_DECLS

#endif
