/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_ACQUIRE_SIGN_SOURCE_H
#define ASSAY_ACQUIRE_SIGN_SOURCE_H

/*
 * Where the key of a client comes from, so that a replaced one is noticed: its files are looked at each time, and read again when one is another (device, inode, size,
 * time of change). Where reading again fails, or a key that had certificates has none, it is the half of a rotation: the old pair serves on, and the
 * next call looks again.
 * One thread at a time; the keys that it gives out are for any.
 */

#include "crypto/sign.h"

typedef struct assay_sign_source assay_sign_source;

/* @p key_path: PEM or PKCS#12 with the key and perhaps its certificates. @p certificate_path: PEM with the certificates; NULL: none but those. @p passphrase is
 * copied; NULL: none. Nothing is read yet. ASSAY_OK or ASSAY_E_MEMORY. */
int assay_sign_source_new_files(assay_crypto *crypto, const char *key_path, const char *certificate_path,
                                const assay_secret *passphrase, assay_sign_source **source, assay_failure *failure);
/* The same with the key in an OpenSSL store, which is asked once, and again when the file of certificates changes. */
int assay_sign_source_new_store(assay_crypto *crypto, const char *uri, const char *certificate_path,
                                const assay_secret *passphrase, assay_sign_source **source, assay_failure *failure);
void assay_sign_source_free(assay_sign_source *source);
ASSAY_DEFINE_CLEANUP(assay_sign_source, assay_sign_source_free)

/* The key as it is now, with a reference for the caller. ASSAY_E_CONFIG_SIGNING_KEY, ASSAY_E_MEMORY, ASSAY_E_CRYPTO: there was none before either. */
int assay_sign_source_get(assay_sign_source *source, assay_sign_key **key, assay_failure *failure);
/* Why the last call could not read what is there now and gave out the key of before: its code and failure; ASSAY_OK: it could. */
int assay_sign_source_trouble(const assay_sign_source *source, assay_failure *failure);

#endif
