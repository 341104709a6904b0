/* SPDX-License-Identifier: MIT */
#include "flow/fork.h"

#include "flow/credential.h"
#include "flow/issuer_keys.h"
#include "flow/refresher.h"
#include "flow/token_cache.h"

#include <time.h>
#include <unistd.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int once_result;
static pthread_mutex_t registry = PTHREAD_MUTEX_INITIALIZER;
static assay_keyring *keyrings;
static assay_credential *credentials;
static atomic_uint generation;

/* From the first ones on, up to these. */
static void release_threads(const assay_keyring *keyring_end, const assay_credential *credential_end)
{
    for (assay_keyring *keyring = keyrings; keyring != keyring_end; keyring = keyring->next)
        assay_refresher_release(&keyring->refreshing);
    for (assay_credential *credential = credentials; credential != credential_end; credential = credential->next)
        assay_refresher_release(&credential->refreshing);
}

/* All threads of our own, or none. */
static bool try_threads(void)
{
    for (assay_keyring *keyring = keyrings; keyring != NULL; keyring = keyring->next) {
        if (!assay_refresher_try_hold(&keyring->refreshing)) {
            release_threads(keyring, credentials);
            return false;
        }
    }
    for (assay_credential *credential = credentials; credential != NULL; credential = credential->next) {
        if (!assay_refresher_try_hold(&credential->refreshing)) {
            release_threads(NULL, credential);
            return false;
        }
    }
    return true;
}

static void hold_lists(void)
{
    assay_credential_hold_freezing();
    assay_fork_hold();
}

static void release_lists(void)
{
    assay_fork_release();
    assay_credential_release_freezing();
}

/*
 * The threads of our own finish the moment's work and stay out until the fork is done. While one is busy nothing is held: it may be in a function of the host that gives assertions,
 * and that one use another credential, or start its thread.
 */
static void hold_threads(void)
{
    const struct timespec pause = {.tv_nsec = 500000};
    hold_lists();
    while (!try_threads()) {
        release_lists();
        (void)nanosleep(&pause, NULL);
        hold_lists();
    }
}

/* All threads before all locks; then what they and others lock. */
static void prepare(void)
{
    hold_threads();
    for (assay_keyring *keyring = keyrings; keyring != NULL; keyring = keyring->next) {
        assay_keyring_lock(keyring);
        assay_token_cache_hold(keyring->tokens);
        assay_readers_hold(keyring->readers);
    }
    for (assay_credential *credential = credentials; credential != NULL; credential = credential->next) {
        assay_credential_lock(credential);
        (void)pthread_mutex_lock(&credential->context.lock);
        assay_readers_hold(credential->kept.readers);
    }
}

static void release_all(void)
{
    for (assay_keyring *keyring = keyrings; keyring != NULL; keyring = keyring->next) {
        assay_readers_release(keyring->readers);
        assay_token_cache_release(keyring->tokens);
        assay_keyring_unlock(keyring);
    }
    for (assay_credential *credential = credentials; credential != NULL; credential = credential->next) {
        assay_readers_release(credential->kept.readers);
        (void)pthread_mutex_unlock(&credential->context.lock);
        assay_credential_unlock(credential);
    }
    release_threads(NULL, NULL);
    release_lists();
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
