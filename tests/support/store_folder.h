/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_TESTS_STORE_FOLDER_H
#define ASSAY_TESTS_STORE_FOLDER_H

/* A folder for the store of one test, and looking at what is in it. Failures of its own end the test. */

#include <stddef.h>
#include <sys/types.h>

extern char store_folder[64];    /* of the test */
extern char store_directory[96]; /* of the store, below it; not made yet */

/* For cmocka's set-up and tear-down. */
int store_folder_open(void **state);
int store_folder_remove(void **state);
/* The path of the only file with an ending, in a static buffer; NULL: there is none. */
const char *store_only_file(const char *ending);
/* free() it. */
char *store_read_path(const char *path, size_t *len);
void store_write_path(const char *path, const char *text, size_t len);
/* What a child process answers: its exit status. */
int store_wait_for(pid_t child);

#endif
