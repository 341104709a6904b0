/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_FLOW_SHARED_TOKENS_PRIVATE_H
#define ASSAY_FLOW_SHARED_TOKENS_PRIVATE_H

/* What the shared_tokens*.c files share: names and contents of files. Pure. */

#include "flow/shared_tokens.h"

/* 64 hexadecimal digits, terminated. */
typedef struct assay_shared_name {
    char text[65];
} assay_shared_name;

/*
 * Of what tells one token from another: how the credential is configured, and the request. No secret is part of it. False: out of memory, or tokens of this credential
 * can't be told apart without its secrets, so they are not shared.
 */
bool assay_shared_name_of(const assay_credential *credential, const assay_token_request *wanted,
                          assay_shared_name *name);

/* The text of a file. False: out of memory, or the token has bytes that have no place in one. */
bool assay_shared_frame(const assay_shared_name *name, const assay_token_record *record, assay_secret *text);
/* Borrowed from @p text. False: not such a text, or one for another name. */
bool assay_shared_unframe(const assay_shared_name *name, assay_span text, assay_token_record *record);

#endif
