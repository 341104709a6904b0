/* SPDX-License-Identifier: MIT */
#include "flow/keyring.h"

#include "flow/fork.h"
#include "flow/token_cache.h"

int assay_keyring_new(assay_runtime *runtime, assay_keyring **keyring)
{
    *keyring = NULL;
    assay_keyring *made = assay_zalloc(sizeof *made);
    if (made == NULL) {
        assay_runtime_drop(runtime);
        return ASSAY_E_MEMORY;
    }
    made->runtime = runtime;
    made->refreshing.lock = &made->lock;
    made->readers = assay_readers_new();
    bool locked = made->readers != NULL && pthread_mutex_init(&made->lock, NULL) == 0;
    if (locked &&
        assay_token_cache_new(runtime->token_cache, made->readers, runtime->crypto, &made->tokens) == ASSAY_OK &&
        assay_fork_register(made) == ASSAY_OK) {
        *keyring = made;
        return ASSAY_OK;
    }
    assay_token_cache_free(made->tokens);
    if (locked)
        (void)pthread_mutex_destroy(&made->lock);
    assay_readers_free(made->readers);
    assay_runtime_drop(made->runtime);
    assay_release(made);
    return ASSAY_E_MEMORY;
}

void assay_keyring_free(assay_keyring *keyring)
{
    if (keyring == NULL)
        return;
    assay_fork_unregister(keyring);
    assay_token_cache_free(keyring->tokens);
    assay_readers_free(keyring->readers);
    (void)pthread_mutex_destroy(&keyring->lock);
    assay_runtime_drop(keyring->runtime);
    assay_release(keyring);
}
