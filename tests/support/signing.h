/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SUPPORT_SIGNING_H
#define TESTS_SUPPORT_SIGNING_H

/* Keys that sign, made by OpenSSL for one test, and their public halves as the library takes them. Failures end the test. */

#include "crypto/verify.h"

#include <openssl/evp.h>

#define TEST_SIGNATURE_MAX 1024

/* OpenSSL for all tests of a program, and the fixtures that load and drop it; the second pair makes the files of client_keys.h too. */
extern assay_crypto *test_crypto;
int test_crypto_open(void **state);
int test_crypto_close(void **state);
int test_crypto_open_with_keys(void **state);
int test_crypto_close_with_keys(void **state);

typedef struct test_signer {
    assay_key_kind kind;
    EVP_PKEY *pkey;      /* NULL for a symmetric key */
    uint8_t secret[128]; /* a symmetric key */
    size_t secret_len;
} test_signer;

/* A fresh key; @p bits counts for RSA and symmetric keys only. */
test_signer *test_signer_new(assay_key_kind kind, unsigned bits);
void test_signer_free(test_signer *signer);

/* Sign as RFC 7518 writes it; @p signature holds TEST_SIGNATURE_MAX bytes. */
size_t test_signer_sign(const test_signer *signer, assay_scheme scheme, const void *message, size_t len,
                        uint8_t *signature);
/* The key that verifies. */
assay_verify_key *test_signer_key(const test_signer *signer, assay_crypto *crypto);
/* Its public JWK; @p members, such as "\"kid\":\"a\"" or "", are put first. Release with free(). */
char *test_signer_jwk(const test_signer *signer, const char *members);

/* The kind of key that a scheme needs. */
assay_key_kind test_kind_of(assay_scheme scheme);
const char *test_scheme_name(assay_scheme scheme);

/* Coordinates, modulus and the like of a key, big-endian; returns the number of bytes. */
size_t test_number(const EVP_PKEY *pkey, const char *name, uint8_t *out, size_t size);
/* Coordinates of an EC key, each of the field's length. */
size_t test_point(const EVP_PKEY *pkey, uint8_t *x, uint8_t *y);

#endif
