/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_ACQUIRE_FROM_ENVIRONMENT_H
#define ASSAY_ACQUIRE_FROM_ENVIRONMENT_H

/* Parts of what settings.h says of the environment. */

#include "acquire/settings.h"

/* A variable of the process; NULL: not set, or empty, which says the same (the webhook leaves empty values out too). Nothing in a process that has more rights than its user. */
const char *assay_environment_get(const char *name);
/* The same, checked: ASSAY_E_CONFIG_CREDENTIAL where it has a line end or another control byte. */
int assay_environment_text(const char *name, const char **text, assay_failure *failure);
/* Name the variable in a failure that was about its value. Returns @p code. */
int assay_environment_blame(int code, const char *name, assay_failure *failure);

/* environment_managed.c: which agent there is. @p himds: the program that shows Arc's agent to be installed. */
int assay_environment_managed(assay_credential_settings *settings, const char *himds, assay_failure *failure);

/* google_account.c: Google's file of an external account (AIP-4117); read once. ASSAY_E_CONFIG_CREDENTIAL, ASSAY_E_CONFIG_URL, ASSAY_E_MEMORY. */
int assay_google_account_read(const char *path, assay_credential_settings *settings, assay_failure *failure);

#endif
