/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_TESTS_DEAF_DNS_H
#define ASSAY_TESTS_DEAF_DNS_H

/* A name server that takes questions and never answers, in a network of one process's own. */

#include <stdbool.h>

enum { DEAF_DNS_NOT_PERMITTED = 77 };

/* Run a body in a child; its result, DEAF_DNS_NOT_PERMITTED included, or -1 where it did not end well. */
int deaf_dns_run(int (*body)(void));
/* In that child, while it has one thread: ask the deaf server from now on. False: the system does not permit it, and a line says why. */
bool deaf_dns(void);

#endif
