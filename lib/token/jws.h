/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_TOKEN_JWS_H
#define ASSAY_TOKEN_JWS_H

/* A signature alone, any payload (RFC 7515), and looking at a token without verifying it. */

#include "keys/key_set.h"
#include "token/token.h"

/* @p algorithms: names separated by blanks. *payload is released with assay_release(); terminated after its length. */
int assay_jws_check(const assay_key_set *keys, const char *algorithms, const char *text, size_t len, uint8_t **payload,
                    size_t *payload_len, assay_failure *failure);
/* Whether bytes would be an acceptable claims object. ASSAY_OK, ASSAY_E_PAYLOAD, ASSAY_E_MEMORY. */
int assay_jws_check_object(const char *text, size_t len, assay_failure *failure);
/* {"verified":false,"header":…,"payload":…}; released with assay_release(). */
int assay_jws_decode(const char *text, size_t len, uint8_t **json, size_t *json_len, assay_failure *failure);

#endif
