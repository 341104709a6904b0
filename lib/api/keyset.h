/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_API_KEYSET_H
#define ASSAY_API_KEYSET_H

/* The public key set: keys with their OpenSSL context. */

#include "keys/key_set.h"

#include <assay/keyset.h>
#include <stdatomic.h>

struct assay_keyset {
    atomic_uint references;
    assay_crypto *crypto;
    assay_key_set set;
};

#endif
