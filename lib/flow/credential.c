/* SPDX-License-Identifier: MIT */
#include "flow/credential.h"

#include "flow/fork.h"
#include "flow/shared_tokens.h"

#include <pthread.h>

/* Of all credentials: held while one is frozen, which happens once, and while the process forks. */
static pthread_mutex_t freezing = PTHREAD_MUTEX_INITIALIZER;

int assay_credential_make(assay_runtime *runtime, assay_credential_kind kind, assay_credential **credential)
{
    *credential = assay_zalloc(sizeof **credential);
    if (*credential == NULL)
        return ASSAY_E_MEMORY;
    atomic_init(&(*credential)->references, 1);
    (*credential)->settings.kind = kind;
    (*credential)->settings.context = &(*credential)->context;
    (*credential)->depth = 1;
    (*credential)->refreshing.lock = &(*credential)->lock;
    if (runtime != NULL)
        (void)atomic_fetch_add_explicit(&runtime->references, 1, memory_order_relaxed);
    (*credential)->runtime = runtime;
    return ASSAY_OK;
}

assay_credential *assay_credential_take(assay_credential *credential)
{
    (void)atomic_fetch_add_explicit(&credential->references, 1, memory_order_relaxed);
    return credential;
}

void assay_credential_drop(assay_credential *credential)
{
    if (credential == NULL || atomic_fetch_sub_explicit(&credential->references, 1, memory_order_acq_rel) != 1)
        return;
    if (credential->registered) {
        assay_refresher_stop(&credential->refreshing);
        assay_fork_unregister_credential(credential);
        assay_kept_tokens_clear(&credential->kept);
        (void)pthread_mutex_destroy(&credential->context.lock);
        (void)pthread_mutex_destroy(&credential->lock);
    }
    assay_secret_clear(&credential->context.assertion);
    assay_secret_clear(&credential->context.proxy_ca);
    assay_credential_settings_clear(&credential->settings);
    assay_shared_close(credential->shared);
    for (size_t i = 0; i < credential->source_count; i++)
        assay_credential_drop(credential->sources[i]);
    assay_release(credential->sources);
    assay_runtime_drop(credential->runtime);
    assay_release(credential);
}

static int fail_depth(assay_failure *failure)
{
    return assay_fail_note(failure, ASSAY_E_CONFIG_CREDENTIAL, "credentials use one another's tokens %d deep at most",
                           ASSAY_LIMIT_CREDENTIAL_DEPTH);
}

/* Refer to a source of assertions, or to a member of a chain. */
static int add_source(assay_credential *credential, assay_credential *source, assay_failure *failure)
{
    if (source == credential || source->depth >= ASSAY_LIMIT_CREDENTIAL_DEPTH)
        return fail_depth(failure);
    assay_credential **longer =
        assay_realloc(credential->sources, (credential->source_count + 1) * sizeof credential->sources[0]);
    if (longer == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    credential->sources = longer;
    /* What it lacks is found where its tokens are asked for; frozen it is now. */
    int code = assay_credential_use(source, failure);
    if (code != ASSAY_OK && !atomic_load(&source->frozen))
        return code;
    credential->sources[credential->source_count++] = assay_credential_take(source);
    if (source->depth >= credential->depth)
        credential->depth = source->depth + 1;
    return assay_fail(failure, ASSAY_OK);
}

int assay_credential_set_inner(assay_credential *credential, assay_credential *source, const char *scope,
                               assay_failure *failure)
{
    ASSAY_AUTO_RELEASE char *copy = NULL;
    if (credential->settings.inner != NULL)
        return assay_fail_note(failure, ASSAY_E_STATE, "it has a source already");
    int code = assay_settings_set_text(&copy, scope, "the scope of the source", failure);
    if (code == ASSAY_OK)
        code = add_source(credential, source, failure);
    if (code != ASSAY_OK)
        return code;
    credential->settings.inner_scope = ASSAY_STEAL(copy);
    credential->settings.inner = &source->settings;
    return ASSAY_OK;
}

int assay_credential_make_chain(assay_runtime *runtime, assay_credential *const *members, size_t count,
                                assay_credential **credential, assay_failure *failure)
{
    *credential = NULL;
    ASSAY_CLEANUP(assay_credential_drop_p) assay_credential *made = NULL;
    if (assay_credential_make(runtime, ASSAY_CREDENTIAL_CHAIN, &made) != ASSAY_OK)
        return assay_fail(failure, ASSAY_E_MEMORY);
    made->settings.members = assay_zalloc_array(count, sizeof made->settings.members[0]);
    if (made->settings.members == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    for (size_t i = 0; i < count; i++) {
        int code = add_source(made, members[i], failure);
        if (code != ASSAY_OK)
            return code;
        made->settings.members[made->settings.member_count++] = &members[i]->settings;
    }
    *credential = ASSAY_STEAL(made);
    return ASSAY_OK;
}

int assay_credential_share(assay_credential *credential, const char *path, assay_failure *failure)
{
    assay_shared_tokens *shared = NULL;
    int code = path == NULL ? assay_fail(failure, ASSAY_OK) : assay_shared_open(path, &shared, failure);
    if (code != ASSAY_OK)
        return code;
    assay_shared_close(credential->shared);
    credential->shared = shared;
    return ASSAY_OK;
}

size_t assay_credential_kept_count(const assay_credential *credential)
{
    if (!atomic_load(&credential->frozen))
        return 0;
    size_t count = 0;
    assay_credential *changing = (assay_credential *)(uintptr_t)credential; /* its lock only */
    assay_credential_lock(changing);
    for (assay_kept *kept = assay_kept_next(&changing->kept, NULL); kept != NULL;
         kept = assay_kept_next(&changing->kept, kept))
        count += atomic_load(&kept->token) != NULL ? 1 : 0;
    assay_credential_unlock(changing);
    return count;
}

/* The key is read from disk by the first assertion; here is only said where it lies. */
static int make_signing(assay_credential *credential, assay_failure *failure)
{
    assay_credential_settings *settings = &credential->settings;
    const char *key = settings->key_path != NULL ? settings->key_path : settings->certificate_path;
    if (key == NULL)
        return ASSAY_OK;
    assay_crypto *crypto = credential->runtime->crypto;
    /* A path has no scheme; "pkcs11:" and its like do (RFC 3986, section 3.1). */
    size_t scheme = strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");
    bool is_uri = scheme > 1 && key[scheme] == ':';
    return is_uri ? assay_sign_source_new_store(crypto, key, settings->certificate_path, &settings->passphrase,
                                                &settings->signing, failure)
                  : assay_sign_source_new_files(crypto, key,
                                                settings->key_path == NULL ? NULL : settings->certificate_path,
                                                &settings->passphrase, &settings->signing, failure);
}

static int make_shared_parts(assay_credential *credential, assay_failure *failure)
{
    int code = assay_kept_tokens_init(&credential->kept);
    if (code != ASSAY_OK)
        return assay_fail(failure, code);
    bool locked = pthread_mutex_init(&credential->lock, NULL) == 0;
    bool both = locked && pthread_mutex_init(&credential->context.lock, NULL) == 0;
    if (both && assay_fork_register_credential(credential) == ASSAY_OK) {
        credential->registered = true;
        return ASSAY_OK;
    }
    if (both)
        (void)pthread_mutex_destroy(&credential->context.lock);
    if (locked)
        (void)pthread_mutex_destroy(&credential->lock);
    assay_kept_tokens_clear(&credential->kept);
    return assay_fail(failure, ASSAY_E_MEMORY);
}

/* What fails here for want of memory is tried again by the next use. */
static int freeze(assay_credential *credential, assay_failure *failure)
{
    int code = ASSAY_OK;
    if (credential->context.crypto == NULL) {
        assay_runtime *given = credential->runtime;
        code = assay_runtime_use(given, &credential->runtime, failure);
        if (code == ASSAY_OK)
            assay_runtime_drop(given);
        else
            credential->runtime = given;
    }
    if (code != ASSAY_OK)
        return code;
    credential->context.crypto = credential->runtime->crypto;
    code = credential->settings.signing != NULL ? ASSAY_OK : make_signing(credential, failure);
    if (code == ASSAY_OK && !credential->registered)
        code = make_shared_parts(credential, failure);
    if (code != ASSAY_OK)
        return code;
    if (assay_credential_settings_check(&credential->settings, failure) == ASSAY_E_MEMORY)
        return ASSAY_E_MEMORY;
    atomic_store_explicit(&credential->frozen, true, memory_order_release);
    return ASSAY_OK;
}

/* Row 16, case 6. Without the lock: the log function may use another credential for the first time. */
static void warn_of_client_id(const assay_credential *credential)
{
    if (assay_settings_client_id_is_odd(&credential->settings))
        assay_runtime_log(credential->runtime, ASSAY_LOG_WARNING,
                          "the client id is no GUID, which Entra answers with AADSTS700016: a name, an object's or a "
                          "resource's id is not meant");
}

static int freeze_once(assay_credential *credential, assay_failure *failure)
{
    (void)pthread_mutex_lock(&freezing);
    bool is_first = !atomic_load(&credential->frozen);
    int code = is_first ? freeze(credential, failure) : ASSAY_OK;
    (void)pthread_mutex_unlock(&freezing);
    if (is_first && code == ASSAY_OK)
        warn_of_client_id(credential);
    return code;
}

int assay_credential_use(assay_credential *credential, assay_failure *failure)
{
    if (!atomic_load_explicit(&credential->frozen, memory_order_acquire)) {
        int code = freeze_once(credential, failure);
        if (code != ASSAY_OK)
            return code;
    }
    if (credential->settings.checked == ASSAY_OK)
        return ASSAY_OK;
    if (failure != NULL)
        *failure = credential->settings.lacking;
    return credential->settings.checked;
}

void assay_credential_add_keeper(assay_credential *credential, assay_keeper *keeper)
{
    assay_credential_lock(credential);
    keeper->next = credential->keepers;
    keeper->link = &credential->keepers;
    if (credential->keepers != NULL)
        credential->keepers->link = &keeper->next;
    credential->keepers = keeper;
    assay_credential_unlock(credential);
}

void assay_credential_remove_keeper(assay_credential *credential, assay_keeper *keeper)
{
    assay_credential_lock(credential);
    *keeper->link = keeper->next;
    if (keeper->next != NULL)
        keeper->next->link = keeper->link;
    assay_credential_unlock(credential);
}

void assay_credential_hold_freezing(void)
{
    (void)pthread_mutex_lock(&freezing);
}

void assay_credential_release_freezing(void)
{
    (void)pthread_mutex_unlock(&freezing);
}

void assay_credential_forked(assay_credential *credential, uint64_t salt)
{
    assay_readers_forked(credential->kept.readers);
    credential->keepers = NULL;
    for (assay_kept *kept = assay_kept_next(&credential->kept, NULL); kept != NULL;
         kept = assay_kept_next(&credential->kept, kept))
        assay_kept_forked(kept, salt);
}

static int make_one(assay_runtime *runtime, assay_credential_kind kind, assay_credential **credential,
                    assay_failure *failure)
{
    ASSAY_CLEANUP(assay_credential_drop_p) assay_credential *made = NULL;
    if (assay_credential_make(runtime, kind, &made) != ASSAY_OK)
        return assay_fail(failure, ASSAY_E_MEMORY);
    int code = assay_settings_from_environment(&made->settings, failure);
    if (code == ASSAY_OK)
        *credential = ASSAY_STEAL(made);
    return code;
}

/* One kind was chosen, or several that are configured: the first is used, and what it fails with is the answer. */
static int make_default(assay_runtime *runtime, assay_credential **credential, assay_failure *failure)
{
    assay_credential_kind kinds[ASSAY_CREDENTIAL_KINDS];
    size_t count = 0;
    bool named = false;
    ASSAY_AUTO_RELEASE char *skipped = NULL;
    int code = assay_environment_choose(kinds, ASSAY_COUNT_OF(kinds), &count, &skipped, &named, failure);
    if (code == ASSAY_OK)
        code = make_one(runtime, kinds[0], credential, failure);
    if (code != ASSAY_OK)
        return code;
    assay_release((*credential)->settings.skipped);
    (*credential)->settings.skipped = ASSAY_STEAL(skipped);
    /* Where it is named there is nothing to find out: an agent that starts slowly is waited for as by the kind alone. */
    (*credential)->settings.probe = kinds[0] == ASSAY_CREDENTIAL_MANAGED && !named;
    return ASSAY_OK;
}

int assay_credential_make_from_environment(assay_runtime *runtime, const char *kind, assay_credential **credential,
                                           assay_failure *failure)
{
    assay_credential_kind chosen;
    *credential = NULL;
    if (kind == NULL)
        return make_default(runtime, credential, failure);
    if (!assay_credential_kind_find(kind, &chosen) || chosen == ASSAY_CREDENTIAL_CHAIN)
        return assay_fail_found(failure, ASSAY_E_CONFIG_CREDENTIAL, "a kind of credential", kind, strlen(kind));
    return make_one(runtime, chosen, credential, failure);
}
