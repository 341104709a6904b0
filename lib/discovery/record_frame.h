/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_DISCOVERY_RECORD_FRAME_H
#define ASSAY_DISCOVERY_RECORD_FRAME_H

/*
 * What stands around a record in a file: format version and a digest, so that a torn or altered text is never taken for a record. It is no proof
 * of origin: whoever may write the file can write a digest. The whole is JSON.
 */

#include "base/text.h"
#include "crypto/crypto.h"

/* Part of a record's name as well, so that versions of the library with different formats don't meet in one file. */
#define ASSAY_RECORD_FORMAT "1"

/* Frame a text. ASSAY_OK with *text, terminated; ASSAY_E_MEMORY, ASSAY_E_CRYPTO. */
int assay_record_frame(const assay_crypto *crypto, assay_span payload, char **text, size_t *len);
/* What is inside, borrowed from @p text. ASSAY_OK; ASSAY_E_STORE: not such a text, or not as it was written; ASSAY_E_CRYPTO. */
int assay_record_unframe(const assay_crypto *crypto, const char *text, size_t len, assay_span *payload);
/* SHA-256 in 64 hexadecimal digits, terminated. ASSAY_OK, ASSAY_E_CRYPTO. */
int assay_record_digest(const assay_crypto *crypto, assay_span bytes, char hex[65]);

#endif
