/* SPDX-License-Identifier: MIT */
#include "crypto/tag.h"

#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LONGEST = 600 };

static uint8_t key[ASSAY_TAG_KEY_BYTES], bytes[LONGEST];

static int fill(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)i;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    return 0;
}

/* The first and second of the published values (github.com/veorq/SipHash, vectors.h). */
static void published_values(void **state)
{
    static const uint8_t expected[2][ASSAY_TAG_BYTES] = {
        {0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6, 0x6d, 0xf6, 0x72, 0x14, 0xc7, 0x55, 0x02, 0x93},
        {0xda, 0x87, 0xc1, 0xd8, 0x6b, 0x99, 0xaf, 0x44, 0x34, 0x76, 0x59, 0x11, 0x9b, 0x22, 0xfc, 0x45}};
    uint8_t tag[ASSAY_TAG_BYTES];
    (void)state;
    for (size_t len = 0; len < 2; len++) {
        assay_crypto_tag(key, bytes, len, tag);
        assert_memory_equal(tag, expected[len], sizeof tag);
    }
}

/* OpenSSL has it too. */
static void every_length_as_openssl_does_it(void **state)
{
    (void)state;
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
    if (mac == NULL)
        skip();
    for (size_t len = 0; len <= LONGEST; len++) {
        uint8_t *exact = malloc(len == 0 ? 1 : len); /* of exactly this size, for the sanitizer */
        uint8_t tag[ASSAY_TAG_BYTES], expected[ASSAY_TAG_BYTES];
        size_t expected_len = 0;
        assert_non_null(exact);
        memcpy(exact, bytes, len);
        assay_crypto_tag(key, exact, len, tag);
        EVP_MAC_CTX *context = EVP_MAC_CTX_new(mac);
        assert_int_equal(EVP_MAC_init(context, key, sizeof key, NULL), 1);
        assert_int_equal(EVP_MAC_update(context, exact, len), 1);
        assert_int_equal(EVP_MAC_final(context, expected, &expected_len, sizeof expected), 1);
        assert_int_equal(expected_len, sizeof expected);
        assert_memory_equal(tag, expected, sizeof tag);
        EVP_MAC_CTX_free(context);
        free(exact);
    }
    EVP_MAC_free(mac);
}

static void key_counts(void **state)
{
    uint8_t tag[ASSAY_TAG_BYTES], other[ASSAY_TAG_BYTES];
    (void)state;
    assay_crypto_tag(key, bytes, 342, tag);
    for (size_t i = 0; i < sizeof key; i++) {
        key[i] ^= 0x80;
        assay_crypto_tag(key, bytes, 342, other);
        assert_memory_not_equal(tag, other, sizeof tag);
        key[i] ^= 0x80;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_values),
        cmocka_unit_test(every_length_as_openssl_does_it),
        cmocka_unit_test(key_counts),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
