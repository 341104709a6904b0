/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_CLI_REQUIREMENTS_H
#define ASSAY_CLI_REQUIREMENTS_H

/* --require-scope and --require-role: looked up in claims that passed every check. */

#include "options.h"
#include "report.h"

/* A scope must be one scope-token (RFC 6749, section 3.3): printable ASCII without blank, quote and backslash. */
bool cli_scope_is_valid(const char *scope);

/* ASSAY_OK, or a refusal in @p verdict that names the first scope or role that is not there; @p text and @p error hold what the
 * verdict borrows. */
int cli_requirements_check(const assay_claims *claims, const cli_list *scopes, const cli_list *roles,
                           cli_verdict *verdict, cli_text *text, assay_error **error);

#endif
