/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_TOKEN_CLAIMS_H
#define ASSAY_TOKEN_CLAIMS_H

/* Reading the claims of an accepted token; the public getters are thin over these. */

#include "token/token.h"

/* A string value as terminated text, borrowed from the claims. ASSAY_OK, ASSAY_E_TYPE, ASSAY_E_MEMORY. */
int assay_claims_value_text(const assay_claims *claims, const assay_json_value *value, const char **text, size_t *len);
/* Elements of an array of texts; a text counts as one. ASSAY_OK, ASSAY_E_TYPE. */
int assay_claims_value_count(const assay_json_value *value, size_t *count);
/* One of them. ASSAY_OK, ASSAY_E_TYPE, ASSAY_E_ABSENT. */
int assay_claims_value_at(const assay_json_value *value, size_t index, assay_json_value *element);
/* Whether a text is this, or an array of texts has it. */
bool assay_claims_value_contains(const assay_json_value *value, assay_span wanted);
/* The whole object, written anew. ASSAY_OK, ASSAY_E_MEMORY, ASSAY_E_INTERNAL: the two parsers disagree. */
int assay_claims_write(const assay_claims *claims, const char **json, size_t *len);

#endif
