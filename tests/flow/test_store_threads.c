/* SPDX-License-Identifier: MIT */
/* One store directory under many threads and validators: nobody waits for ever, no purge is lost, and tokens are decided all the while. */
#include "flow/stored_keys.h"
#include "flow/validator.h"
#include "support/trial.h"

#include <dirent.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define THREADS 4
#define ROUNDS 25

static trial t;
static char directory[] = "/tmp/assay-store-XXXXXX";
static assay_validator *validators[2];
static char *token;

/* Asserting from a thread is not for cmocka, so each counts what went wrong. */
typedef struct worker {
    pthread_t thread;
    int number, wrong;
} worker;

static bool decides(assay_validator *validator)
{
    assay_claims *claims = NULL;
    int code = assay_validator_check(validator, token, strlen(token), NULL, &claims, NULL);
    assay_claims_unref(claims);
    return code == ASSAY_OK;
}

static void *work(void *data)
{
    worker *own = data;
    char kid[32];
    for (int round = 0; round < ROUNDS; round++) {
        assay_validator *validator = validators[(own->number + round) % 2], *made = NULL;
        snprintf(kid, sizeof kid, "gone-%d-%d", own->number, round);
        int code = ASSAY_E_STORE;
        for (int attempt = 0; attempt < 10 && code == ASSAY_E_STORE; attempt++)
            code = assay_validator_purge(validator, TRIAL_ISSUER, kid, NULL);
        own->wrong += code != ASSAY_E_KEY_UNKNOWN;
        code = assay_stored_keys_save(&validator->issuers[0].keys, false, NULL);
        own->wrong += code != ASSAY_OK && code != ASSAY_E_ABSENT;
        own->wrong += assay_validator_new(t.runtime, &t.issuer, 1, &made, NULL) != ASSAY_OK;
        own->wrong += !decides(made) || !decides(validator);
        assay_validator_unref(made);
    }
    return NULL;
}

static void clean_up(void)
{
    DIR *listing = opendir(directory);
    assert_non_null(listing);
    for (struct dirent *entry; (entry = readdir(listing)) != NULL;)
        (void)unlinkat(dirfd(listing), entry->d_name, 0);
    (void)closedir(listing);
    assert_int_equal(rmdir(directory), 0);
}

static void one_store_for_many_threads(void **state)
{
    (void)state;
    worker workers[THREADS];
    assay_validator *last = NULL;
    char kid[32];
    assert_non_null(mkdtemp(directory));
    trial_open(&t, "ES256");
    must_ok(assay_runtime_set_store_directory(t.runtime, directory, NULL));
    t.pushed = 1;
    trial_start(&t);
    token = trial_sign(&t, TRIAL_CLAIMS(""));
    for (int i = 0; i < 2; i++)
        must_ok(assay_validator_new(t.runtime, &t.issuer, 1, &validators[i], NULL));
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (worker){.number = i};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
        assert_int_equal(workers[i].wrong, 0);
    }
    /* Every purge is in the record: a key that bears one of these names is never accepted. */
    must_ok(assay_validator_new(t.runtime, &t.issuer, 1, &last, NULL));
    for (int i = 0; i < THREADS * ROUNDS; i++) {
        assay_keyset *keys = NULL;
        snprintf(kid, sizeof kid, "gone-%d-%d", i / ROUNDS, i % ROUNDS);
        char *jwk = trial_format("{\"kid\":\"%s\",%s", kid, mint_key_bare_jwk(t.key) + 1);
        must_ok(assay_keyset_new(t.runtime, &keys, NULL));
        must_ok(assay_keyset_add_json(keys, jwk, strlen(jwk), NULL));
        must_fail(assay_validator_push_keys(last, TRIAL_ISSUER, keys, &error), ASSAY_E_CONFIG_KEYS);
        assay_keyset_unref(keys);
        free(jwk);
    }
    assay_validator_unref(last);
    for (int i = 0; i < 2; i++)
        assay_validator_unref(validators[i]);
    free(token);
    trial_close(&t);
    clean_up();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_store_for_many_threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
