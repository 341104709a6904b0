/* SPDX-License-Identifier: MIT */
#include "flow/fork.h"

#include "flow/credential.h"
#include "flow/issuer_keys.h"
#include "flow/refresher.h"
#include "flow/token_cache.h"

#include <unistd.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int once_result;
static pthread_mutex_t registry = PTHREAD_MUTEX_INITIALIZER;
static assay_keyring *keyrings;
static assay_credential *credentials;
static atomic_uint generation;

/* First the threads of our own, which finish the moment's work and stay out until the fork is done; then what they and others lock. */
static void prepare(void)
{
    (void)pthread_mutex_lock(&registry);
    for (assay_keyring *keyring = keyrings; keyring != NULL; keyring = keyring->next) {
        assay_refresher_hold(&keyring->refreshing);
        assay_keyring_lock(keyring);
        assay_token_cache_hold(keyring->tokens);
    }
    /* All threads before all locks: one may be about to use the source of its credential. */
    for (assay_credential *credential = credentials; credential != NULL; credential = credential->next)
        assay_refresher_hold(&credential->refreshing);
    for (assay_credential *credential = credentials; credential != NULL; credential = credential->next) {
        assay_credential_lock(credential);
        (void)pthread_mutex_lock(&credential->context.lock);
    }
}

static void release_all(void)
{
    for (assay_keyring *keyring = keyrings; keyring != NULL; keyring = keyring->next) {
        assay_token_cache_release(keyring->tokens);
        assay_keyring_unlock(keyring);
        assay_refresher_release(&keyring->refreshing);
    }
    for (assay_credential *credential = credentials; credential != NULL; credential = credential->next) {
        (void)pthread_mutex_unlock(&credential->context.lock);
        assay_credential_unlock(credential);
        assay_refresher_release(&credential->refreshing);
    }
    (void)pthread_mutex_unlock(&registry);
}

static void in_child(void)
{
    atomic_fetch_add(&generation, 1);
    uint64_t salt = (uint64_t)getpid() * UINT64_C(0x9e3779b97f4a7c15);
    for (assay_keyring *keyring = keyrings; keyring != NULL; keyring = keyring->next) {
        assay_readers_forked(keyring->readers);
        atomic_store(&keyring->watchers, 0);
        for (assay_issuer_keys *keys = keyring->first; keys != NULL; keys = keys->next)
            assay_issuer_keys_forked(keys, salt++);
    }
    for (assay_credential *credential = credentials; credential != NULL; credential = credential->next)
        assay_credential_forked(credential, salt);
    release_all();
}

static void install(void)
{
    once_result = pthread_atfork(prepare, release_all, in_child) == 0 ? ASSAY_OK : ASSAY_E_MEMORY;
}

int assay_fork_register_credential(assay_credential *credential)
{
    (void)pthread_once(&once, install);
    if (once_result != ASSAY_OK)
        return once_result;
    assay_fork_hold();
    credential->next = credentials;
    credential->link = &credentials;
    if (credentials != NULL)
        credentials->link = &credential->next;
    credentials = credential;
    assay_fork_release();
    return ASSAY_OK;
}

void assay_fork_unregister_credential(assay_credential *credential)
{
    assay_fork_hold();
    *credential->link = credential->next;
    if (credential->next != NULL)
        credential->next->link = credential->link;
    assay_fork_release();
}

int assay_fork_register(assay_keyring *keyring)
{
    (void)pthread_once(&once, install);
    if (once_result != ASSAY_OK)
        return once_result;
    assay_fork_hold();
    keyring->next = keyrings;
    keyring->link = &keyrings;
    if (keyrings != NULL)
        keyrings->link = &keyring->next;
    keyrings = keyring;
    assay_fork_release();
    return ASSAY_OK;
}

void assay_fork_unregister(assay_keyring *keyring)
{
    assay_fork_hold();
    *keyring->link = keyring->next;
    if (keyring->next != NULL)
        keyring->next->link = keyring->link;
    assay_fork_release();
}

unsigned assay_fork_generation(void)
{
    return atomic_load_explicit(&generation, memory_order_relaxed);
}

void assay_fork_hold(void)
{
    (void)pthread_mutex_lock(&registry);
}

void assay_fork_release(void)
{
    (void)pthread_mutex_unlock(&registry);
}
