/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_TOKEN_CALLER_H
#define ASSAY_TOKEN_CALLER_H

/*
 * Who calls, by the rules of the issuer's family. All but assay_caller_identity() read raw values, need no memory, and so serve before a token is
 * accepted as well.
 */

#include "token/token.h"

#include <assay/caller.h>

/* Whether Entra's rules hold: External ID and B2C too. */
bool assay_caller_is_entra(const assay_claims *token);
/* An enum assay_caller_kind. */
int assay_caller_kind(const assay_claims *token);
/* Whether an application acts in its own name, a managed identity included. */
bool assay_caller_is_application(const assay_claims *token);
/* Whether a user is in the token: for Entra it takes a scope too. */
bool assay_caller_is_user(const assay_claims *token);
/* Whether the token has a delegated permission of Entra at all: `scp` with a word in it. */
bool assay_caller_has_scope(const assay_claims *token);
/* An enum assay_client_authentication. */
int assay_caller_client_authentication(const assay_claims *token);
/* 1, 0 or -1; see assay_claims_is_guest(). */
int assay_caller_guest(const assay_claims *token);
/* The texts that name the two; false: the token has none. */
bool assay_caller_object_id(const assay_claims *token, assay_json_value *id);
bool assay_caller_client_id(const assay_claims *token, assay_json_value *id);
/* The key to store for the caller, borrowed from accepted claims. ASSAY_OK, ASSAY_E_ABSENT, ASSAY_E_MEMORY. */
int assay_caller_identity(const assay_claims *claims, const char **identity);

#endif
