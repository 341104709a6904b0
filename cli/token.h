/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_CLI_TOKEN_H
#define ASSAY_CLI_TOKEN_H

/* The parts of assay token: what to write, and in which form. */

#include "credential.h"

enum token_form {
    TOKEN_FORM_AUTOMATIC, /* a table on a terminal, the bare token elsewhere */
    TOKEN_FORM_BARE,
    TOKEN_FORM_JSON,
    TOKEN_FORM_HEADER,
    TOKEN_FORM_EXEC
};

/* token_report.c: write the token on standard output; returns an exit status. */
int token_report(enum token_form form, const credential_settings *settings, const assay_credential *credential,
                 const assay_access_token *token);

/* exec_credential.c: the protocol of kubectl's credential plugins (Kubernetes, "Authenticating", "client-go credential plugins").
 * The version of client.authentication.k8s.io that KUBERNETES_EXEC_INFO asks for, static; NULL after a message. */
const char *exec_credential_version(void);
int exec_credential_print(const assay_access_token *token);

/* cache_directory.c: the folder of this user's kept tokens, made where it is missing; NULL where there can be none. */
char *cache_directory(void);

#endif
