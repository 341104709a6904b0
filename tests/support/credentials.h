/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_TESTS_CREDENTIALS_H
#define ASSAY_TESTS_CREDENTIALS_H

/* Credentials by the exported functions alone, without any server. Both fail the test where there is none. */

#include <assay/assay.h>

assay_credential *credential_of(const char *kind);
/* A complete one whose server nobody asks: nothing listens there. */
assay_credential *credential_complete(void);

#endif
