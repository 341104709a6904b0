/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_CRYPTO_PEM_H
#define ASSAY_CRYPTO_PEM_H

/* Blocks of PEM text (RFC 7468), read without OpenSSL, whose reader leaves keys in memory that it gives back. */

#include "base/text.h"
#include "crypto/secret.h"

typedef struct assay_pem_block {
    assay_span label; /* "PRIVATE KEY" */
    assay_span body;  /* what stands between the boundaries */
} assay_pem_block;

typedef enum assay_pem_found {
    ASSAY_PEM_BLOCK,
    ASSAY_PEM_END,
    ASSAY_PEM_BROKEN /* a boundary without the one that belongs to it, as of a file that was cut */
} assay_pem_found;

/* The next block; text between blocks is skipped (RFC 7468, section 2). @p rest is moved on. */
assay_pem_found assay_pem_next(assay_span *rest, assay_pem_block *block);
/* Whether the block has headers of RFC 1421 such as "Proc-Type: 4,ENCRYPTED". */
bool assay_pem_has_headers(const assay_pem_block *block);
/* Write what the block holds to @p der, which is empty before. False: not base64 (empty then), or out of memory (`failed` then). */
bool assay_pem_decode(const assay_pem_block *block, assay_secret *der);

#endif
