/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SUPPORT_CLIENT_KEYS_H
#define TESTS_SUPPORT_CLIENT_KEYS_H

/* The private keys and certificates of clients of one run, made by make_client_keys.sh in a folder of their own. */

#include <stddef.h>

#define CLIENT_KEYS_PASSPHRASE "correct horse"

/* For cmocka_run_group_tests(). */
int client_keys_make(void **state);
int client_keys_remove(void **state);

/* Path of a file; good for the next seven calls. */
const char *client_keys_path(const char *name);
/* What stands in it, terminated; released with free(). NULL: there is no such file. */
char *client_keys_read(const char *name, size_t *len);
/* Replace a file as a careful program does, by renaming. */
void client_keys_replace(const char *name, const char *bytes, size_t len);

#endif
