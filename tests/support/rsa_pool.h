/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_TESTS_RSA_POOL_H
#define ASSAY_TESTS_RSA_POOL_H

/*
 * RSA keys for tests. Making one takes a third of a second, and a run of the tests needs a thousand: tests/run.sh makes some once, for every program to begin with
 * (ASSAY_TEST_RSA_KEYS names the file). No program gets one twice; what goes beyond the file, children of a fork and
 * other lengths than 2048 bits are given one that is made when it is asked for.
 */

#include <openssl/evp.h>

/* A key that nobody else in this process has; NULL: OpenSSL failed. Any thread. */
EVP_PKEY *rsa_pool_take(unsigned bits);
/* Development issuers of this process take their RSA keys from here too. */
void rsa_pool_serve_issuers(void);

#endif
