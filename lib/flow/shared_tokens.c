/* SPDX-License-Identifier: MIT */
#include "flow/shared_tokens_private.h"

#include <stdatomic.h>

/* Tells one kind of trouble from another in what was logged already. */
typedef enum trouble { TROUBLE_READING, TROUBLE_CLAIMING, TROUBLE_WRITING, TROUBLE_REMOVING } trouble;

struct assay_shared_tokens {
    assay_store *store;
    atomic_uint logged; /* bits of troubles; each is told once, since whoever waits looks fifty times a second */
};

/* Nobody else may so much as list it: names of files tell who uses what. */
static const assay_store_kind store_of_tokens = {".token", 077, "its group or others can use it; its mode must be 0700",
                                                 ASSAY_LIMIT_TOKEN_RESPONSE_BYTES, ASSAY_LIMIT_SHARED_KEPT};

static const char source[] = "cache directory";

int assay_shared_open(const char *path, assay_shared_tokens **shared, assay_failure *failure)
{
    assay_store *store = NULL;
    *shared = NULL;
    int code = assay_store_open_as(&store_of_tokens, path, &store, failure);
    if (code != ASSAY_OK)
        return code;
    *shared = assay_zalloc(sizeof **shared);
    if (*shared == NULL) {
        assay_store_close(store);
        return assay_fail(failure, ASSAY_E_MEMORY);
    }
    (*shared)->store = store;
    return ASSAY_OK;
}

void assay_shared_close(assay_shared_tokens *shared)
{
    if (shared == NULL)
        return;
    assay_store_close(shared->store);
    assay_release(shared);
}

static void log_once(const assay_credential *credential, trouble what, const char *text, const char *note)
{
    unsigned bit = 1u << what;
    if ((atomic_fetch_or_explicit(&credential->shared->logged, bit, memory_order_relaxed) & bit) == 0)
        assay_runtime_log(credential->runtime, ASSAY_LOG_WARNING, "cache directory: %s%s%s", text,
                          note[0] == '\0' ? "" : ": ", note);
}

/* Real milliseconds of a challenge: a token of that very moment may be what was challenged. */
static bool is_wanted(const assay_access_token *token, int64_t made_ms, int64_t now_wall, int64_t now_ms)
{
    return assay_access_token_serves(token, now_wall, now_ms) && (made_ms == 0 || token->obtained_real_ms > made_ms);
}

/* A token that serves; NULL: there is none, whatever the reason. @p fresh: nor is it due. */
static assay_access_token *load(const assay_credential *credential, const assay_shared_name *name, int64_t made_ms,
                                bool fresh)
{
    assay_failure failure;
    assay_token_record record;
    ASSAY_CLEANUP(assay_secret_clear) assay_secret text = {NULL, 0, 0, false};
    const assay_clock *clock = &credential->runtime->clock;
    int64_t now_wall = assay_clock_wall(clock), now_ms = assay_clock_steady(clock);
    int code = assay_store_read_secret(credential->shared->store, name->text, &text, &failure);
    if (code != ASSAY_OK) {
        if (code != ASSAY_E_ABSENT)
            log_once(credential, TROUBLE_READING, "a token is not read", failure.note);
        return NULL;
    }
    if (!assay_shared_unframe(name, (assay_span){text.text, text.len}, &record)) {
        log_once(credential, TROUBLE_READING, "a token is not read", "the file is not as it was written");
        return NULL;
    }
    assay_access_token *token = now_wall < 0 ? NULL : assay_access_token_from_record(&record, source, now_wall, now_ms);
    if (token != NULL && is_wanted(token, made_ms, now_wall, now_ms) &&
        !(fresh && assay_access_token_is_due(token, now_wall, now_ms)))
        return token;
    assay_access_token_unref(token);
    return NULL;
}

/* Whether a shared one may be taken for this, and how it is called. */
static bool may_have(const assay_credential *credential, const assay_token_request *wanted, assay_shared_name *name)
{
    return credential->shared != NULL &&
           !assay_token_request_is_over(wanted, assay_clock_wall(&credential->runtime->clock)) &&
           assay_shared_name_of(credential, wanted, name);
}

assay_access_token *assay_shared_spare(assay_credential *credential, const assay_token_request *wanted, int64_t made_ms)
{
    assay_shared_name name;
    return may_have(credential, wanted, &name) ? load(credential, &name, made_ms, false) : NULL;
}

assay_shared_answer assay_shared_get(assay_credential *credential, const assay_token_request *wanted, int64_t made_ms,
                                     int *lock, assay_access_token **token)
{
    assay_failure failure;
    assay_shared_name name;
    *token = NULL;
    if (*lock >= 0 || !may_have(credential, wanted, &name))
        return ASSAY_SHARED_NOTHING;
    *token = load(credential, &name, made_ms, true);
    if (*token != NULL)
        return ASSAY_SHARED_TOKEN;
    int code = assay_store_claim(credential->shared->store, name.text, ASSAY_LIMIT_SHARED_HOLD, lock, &failure);
    if (code == ASSAY_E_TIMEOUT)
        return ASSAY_SHARED_WAIT;
    if (code != ASSAY_OK) {
        log_once(credential, TROUBLE_CLAIMING, "other processes can't be waited for", failure.note);
        return ASSAY_SHARED_NOTHING;
    }
    /* Whoever had the claim until this moment may have shared one since the first look. */
    *token = load(credential, &name, made_ms, true);
    if (*token == NULL)
        return ASSAY_SHARED_NOTHING;
    assay_shared_unlock(lock);
    return ASSAY_SHARED_TOKEN;
}

static void write_token(const assay_credential *credential, const assay_shared_name *name,
                        const assay_access_token *token)
{
    assay_failure failure;
    assay_token_record record;
    ASSAY_CLEANUP(assay_secret_clear) assay_secret text = {NULL, 0, 0, false};
    const assay_clock *clock = &credential->runtime->clock;
    int64_t now_wall = assay_clock_wall(clock);
    if (now_wall < 0)
        return;
    assay_access_token_to_record(token, now_wall, assay_clock_steady(clock), &record);
    if (!assay_shared_frame(name, &record, &text)) {
        log_once(credential, TROUBLE_WRITING, "a token is not shared",
                 "it is too long or has bytes that tokens do not have, or memory is short");
        return;
    }
    if (assay_store_write_until(credential->shared->store, name->text, text.text, text.len, record.until_at,
                                &failure) != ASSAY_OK)
        log_once(credential, TROUBLE_WRITING, "a token is not shared", failure.note);
}

/* A token that a claims challenge asked for takes the place of the one that was refused, for other processes too. */
static void replace_refused(const assay_credential *credential, const assay_token_request *wanted,
                            const assay_access_token *token)
{
    assay_shared_name name;
    assay_token_request plain = *wanted;
    plain.claims = NULL;
    if (assay_shared_name_of(credential, &plain, &name) &&
        assay_store_version(credential->shared->store, name.text) != 0)
        write_token(credential, &name, token);
}

void assay_shared_put(assay_credential *credential, const assay_token_request *wanted, const assay_access_token *token)
{
    assay_shared_name name;
    if (credential->shared == NULL || !assay_shared_name_of(credential, wanted, &name))
        return;
    write_token(credential, &name, token);
    if (wanted->claims != NULL)
        replace_refused(credential, wanted, token);
    /* As many files as are made are looked at, and more, so that those of users who are gone do not become ever more. */
    assay_store_clean(credential->shared->store, ASSAY_LIMIT_SHARED_ENTRIES);
}

void assay_shared_unlock(int *lock)
{
    assay_store_give_up(*lock);
    *lock = -1;
}

void assay_shared_forget(assay_credential *credential, const assay_token_request *wanted)
{
    assay_failure failure;
    assay_shared_name name;
    if (credential->shared == NULL || !assay_shared_name_of(credential, wanted, &name))
        return;
    if (assay_store_remove(credential->shared->store, name.text, &failure) != ASSAY_OK)
        log_once(credential, TROUBLE_REMOVING, "a token that nobody is to use is still there", failure.note);
}
