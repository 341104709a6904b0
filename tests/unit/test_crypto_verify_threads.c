/* SPDX-License-Identifier: MIT */
/* Many threads, one key: run under ThreadSanitizer too. */

#include "support/signing.h"

#include <assay/error.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>

#include <cmocka.h>

#define THREADS 12 /* more than a key has slots */
#define ROUNDS 60

static const char message[] = "the same message for all";

typedef struct job {
    assay_verify_key *key;
    assay_scheme scheme;
    uint8_t good[TEST_SIGNATURE_MAX], bad[TEST_SIGNATURE_MAX];
    size_t len;
    atomic_int wrong;
} job;

static void *work(void *argument)
{
    job *j = argument;
    assay_verify_key *key = j->key; /* with a reference of this thread's own */
    for (int i = 0; i < ROUNDS; i++) {
        if (assay_verify_key_verify(key, j->scheme, message, sizeof message, j->good, j->len) != ASSAY_OK)
            atomic_fetch_add(&j->wrong, 1);
        if (assay_verify_key_verify(key, j->scheme, message, sizeof message, j->bad, j->len) != ASSAY_E_SIGNATURE)
            atomic_fetch_add(&j->wrong, 1);
    }
    assay_verify_key_unref(key);
    return NULL;
}

static void threads_share_a_key(void **state)
{
    (void)state;
    assay_crypto *crypto = NULL;
    assert_int_equal(assay_crypto_new(NULL, &crypto), ASSAY_OK);
    test_signer *rsa = test_signer_new(ASSAY_KEY_RSA, 2048);
    for (assay_scheme scheme = 0; scheme < ASSAY_SCHEME_COUNT; scheme = (assay_scheme)(scheme + 1)) {
        test_signer *signer = test_kind_of(scheme) == ASSAY_KEY_RSA ? rsa : test_signer_new(test_kind_of(scheme), 512);
        static job j;
        j.key = test_signer_key(signer, crypto);
        j.scheme = scheme;
        atomic_store(&j.wrong, 0);
        j.len = test_signer_sign(signer, scheme, message, sizeof message, j.good);
        memcpy(j.bad, j.good, j.len);
        j.bad[j.len / 2] ^= 0x10;
        pthread_t threads[THREADS];
        for (int i = 0; i < THREADS; i++) {
            assay_verify_key_ref(j.key);
            assert_int_equal(pthread_create(&threads[i], NULL, work, &j), 0);
        }
        /* The last reference may be a thread's. */
        assay_verify_key_unref(j.key);
        for (int i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
        assert_int_equal(atomic_load(&j.wrong), 0);
        if (signer != rsa)
            test_signer_free(signer);
    }
    test_signer_free(rsa);
    assay_crypto_unref(crypto);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(threads_share_a_key)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
