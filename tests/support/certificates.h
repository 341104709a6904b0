/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_TESTS_CERTIFICATES_H
#define ASSAY_TESTS_CERTIFICATES_H

/* The authority and the server certificates of one run, made by make_ca.sh in a folder of their own. */

#include <stddef.h>

/* For cmocka_run_group_tests(). */
int certificates_make(void **state);
int certificates_remove(void **state);

const char *certificates_folder(void);
/* Path of "NAME.SUFFIX"; good for the next three calls. */
const char *certificates_path(const char *name, const char *suffix);
/* Text of "NAME.pem", terminated; released with free(). */
char *certificates_pem(const char *name, size_t *len);

#endif
