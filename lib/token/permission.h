/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_TOKEN_PERMISSION_H
#define ASSAY_TOKEN_PERMISSION_H

/* What the caller may do: demands on accepted claims. Everything is compared in the token's text, so that nothing is allocated. */

#include "base/list.h"
#include "token/token.h"

#include <assay/permission.h>

/*
 * One of several, or each. Arguments are checked here too.
 * ASSAY_OK, ASSAY_E_SCOPE, ASSAY_E_ROLE, ASSAY_E_GROUP, ASSAY_E_GROUPS_UNKNOWN, ASSAY_E_ARGUMENT.
 */
int assay_permission_check_any(const assay_claims *claims, int kind, const char *const *names, size_t count,
                               assay_failure *failure);
int assay_permission_check_all(const assay_claims *claims, int kind, const char *const *names, size_t count,
                               assay_failure *failure);
/* ASSAY_OK, ASSAY_E_ROLE. @p pointer is well-formed. */
int assay_permission_check_at(const assay_claims *claims, const char *pointer, const char *text,
                              assay_failure *failure);
/* An enum assay_membership. */
int assay_permission_membership(const assay_claims *claims, const char *group);

/* ASSAY_OK, ASSAY_E_CALLER, ASSAY_E_ARGUMENT: not GUIDs in lower case. @p is_client: the id is a client's, and the client itself must call. */
int assay_permission_check_caller(const assay_claims *claims, const char *tenant, const char *id, bool is_client,
                                  assay_failure *failure);
/* ASSAY_OK, ASSAY_E_CALLER. */
int assay_permission_check_listed(const assay_claims *claims, assay_failure *failure);
/* ASSAY_OK, ASSAY_E_GUEST. */
int assay_permission_check_member(const assay_claims *claims, assay_failure *failure);
/* ASSAY_OK, ASSAY_E_CLIENT_AUTHENTICATION, ASSAY_E_ARGUMENT. */
int assay_permission_check_client_authentication(const assay_claims *claims, int least, assay_failure *failure);
/* ASSAY_OK, ASSAY_E_CONTEXT, ASSAY_E_CLAIMS_CHALLENGE, ASSAY_E_ARGUMENT, ASSAY_E_MEMORY. @p challenge must outlive @p failure, which borrows it. */
int assay_permission_check_context(const assay_claims *claims, const char *context, const char *realm,
                                   const char *authorization_uri, assay_buffer *challenge, assay_failure *failure);

#endif
