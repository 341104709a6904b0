/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_TOKEN_REQUEST_H
#define ASSAY_TOKEN_REQUEST_H

/* What one call demands beyond the policy. */

#include "base/failure.h"
#include "base/list.h"

#include <assay/request.h>

struct assay_request {
    char *nonce;
    char *access_token;
    size_t access_token_len;
    char *code;
    size_t code_len;
    int64_t max_age; /* seconds; negative: none */
    assay_text_list acrs;
    bool has_certificate; /* a client certificate was given */
    bool allow_unbound;
    uint8_t certificate_sha256[32]; /* digest of it in DER */
};

/* Keeps the digest of it. ASSAY_OK, ASSAY_E_ARGUMENT, ASSAY_E_CRYPTO, ASSAY_E_MEMORY; the request is as before where it fails. */
int assay_request_take_certificate(assay_request *request, const uint8_t *der, size_t len, assay_failure *failure);

/* NULL copies to NULL. ASSAY_OK, ASSAY_E_MEMORY. */
int assay_request_copy(const assay_request *from, assay_request **to);
/* Wipes what is secret. */
void assay_request_drop(assay_request *request);

#endif
