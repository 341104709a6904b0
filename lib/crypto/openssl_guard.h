/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_CRYPTO_OPENSSL_GUARD_H
#define ASSAY_CRYPTO_OPENSSL_GUARD_H

/*
 * OpenSSL's error queue belongs to the host as much as to us: every function that calls OpenSSL declares an ASSAY_OPENSSL_GUARD
 * first, and the queue is as before when the function returns.
 */

#include "base/memory.h"

#include <openssl/err.h>

typedef struct assay_openssl_guard {
    bool was_empty;
} assay_openssl_guard;

static inline assay_openssl_guard assay_openssl_enter(void)
{
    assay_openssl_guard guard = {.was_empty = ERR_peek_error() == 0};
    ERR_set_mark();
    return guard;
}

static inline void assay_openssl_leave(assay_openssl_guard *guard)
{
    (void)guard;
    ERR_pop_to_mark();
}

/*
 * Whether OpenSSL failed for want of memory. It reports that through the queue only, and often covers it with a later entry:
 * so look at every entry where all of them are ours, and at the last one otherwise.
 */
static inline bool assay_openssl_lacked_memory(const assay_openssl_guard *guard)
{
    if (!guard->was_empty)
        return ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_MALLOC_FAILURE;
    for (unsigned long code = ERR_get_error(); code != 0; code = ERR_get_error()) {
        if (ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE)
            return true;
    }
    return false;
}

#define ASSAY_OPENSSL_GUARD(name)                                                                                      \
    __attribute__((unused, cleanup(assay_openssl_leave))) assay_openssl_guard name = assay_openssl_enter()

#endif
