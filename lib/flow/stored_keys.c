/* SPDX-License-Identifier: MIT */
#include "flow/stored_keys.h"

#include "discovery/source_record.h"
#include "flow/store.h"

/* Whatever is wrong with the store, it is told once until it is right again: a process may come here for every connection. */
static void report(assay_issuer_keys *keys, int code, const assay_failure *failure)
{
    bool good = code == ASSAY_OK || code == ASSAY_E_ABSENT;
    if (atomic_exchange(&keys->store_reported, !good) || good)
        return;
    assay_runtime_log(keys->keyring->runtime, ASSAY_LOG_WARNING, "%s: the store of keys: %s%s%s", keys->shown,
                      assay_code_summary(code), failure->note[0] == '\0' ? "" : ": ", failure->note);
}

static void report_buried(const assay_issuer_keys *keys, size_t buried)
{
    if (buried > 0)
        assay_runtime_log(keys->keyring->runtime, ASSAY_LOG_WARNING, "%s: dropped what another process purged",
                          keys->shown);
}

/* Take a record in and publish what changed. */
static int adopt(assay_issuer_keys *keys, const assay_source_record *record, size_t *buried, assay_failure *failure)
{
    assay_issuer_keys_lock(keys);
    int code = assay_source_record_adopt(keys->source, record, assay_issuer_keys_now(keys),
                                         assay_clock_wall(&keys->keyring->runtime->clock), buried);
    if (code == ASSAY_OK || *buried > 0)
        assay_issuer_keys_publish(keys);
    assay_issuer_keys_unlock(keys);
    if (code == ASSAY_E_STORE && failure->note[0] != '\0') /* its keys were refused when it was read */
        return code;
    if (code == ASSAY_E_STORE)
        return assay_fail_note(failure, code,
                               "the time of the record is in the future, or longer ago than the hard limit");
    return assay_fail(failure, code);
}

static int take_in(assay_issuer_keys *keys, const char *name, size_t *buried, assay_failure *failure)
{
    size_t len = 0;
    *buried = 0;
    ASSAY_AUTO_RELEASE char *text = NULL;
    ASSAY_CLEANUP(assay_source_record_free_p) assay_source_record *record = NULL;
    int code = assay_store_read(keys->keyring->runtime->store, name, &text, &len, failure);
    if (code == ASSAY_OK)
        code = assay_source_record_read(keys->source, text, len, &record, failure);
    return code != ASSAY_OK ? code : adopt(keys, record, buried, failure);
}

int assay_stored_keys_load(assay_issuer_keys *keys)
{
    size_t buried = 0;
    assay_failure why;
    char name[ASSAY_RECORD_NAME + 1];
    if (keys->keyring->runtime->store == NULL)
        return ASSAY_E_ABSENT;
    assay_failure_clear(&why);
    int code = assay_source_record_name(keys->source, name);
    if (code == ASSAY_OK)
        code = take_in(keys, name, &buried, &why);
    report_buried(keys, buried);
    report(keys, code, &why);
    return code;
}

/* One thread at a time, and none again at once. */
static bool is_time_to_look(assay_issuer_keys *keys, int64_t now)
{
    int64_t next = atomic_load(&keys->next_look_at);
    bool wanted = atomic_load(&keys->unknown_kid_allowed_at) <= now || atomic_load(&keys->asked_elsewhere);
    if (!wanted || atomic_load(&keys->flying) || (next > now && next - now <= ASSAY_LIMIT_STORE_LOOK_MS))
        return false;
    return atomic_compare_exchange_strong(&keys->next_look_at, &next, now + ASSAY_LIMIT_STORE_LOOK_MS);
}

bool assay_stored_keys_look(assay_issuer_keys *keys)
{
    return keys->keyring->runtime->store != NULL && is_time_to_look(keys, assay_issuer_keys_now(keys)) &&
           assay_stored_keys_load(keys) == ASSAY_OK;
}

static int write_out(assay_issuer_keys *keys, const char *name, bool durable, assay_failure *failure)
{
    size_t len = 0;
    ASSAY_AUTO_RELEASE char *text = NULL;
    assay_issuer_keys_lock(keys);
    int code = assay_source_record_write(keys->source, assay_issuer_keys_now(keys),
                                         assay_clock_wall(&keys->keyring->runtime->clock), &text, &len);
    assay_issuer_keys_unlock(keys);
    if (code != ASSAY_OK)
        return assay_fail(failure, code);
    if (len > ASSAY_LIMIT_STORE_BYTES)
        return assay_fail_note(failure, ASSAY_E_STORE, "the record is longer than %d bytes", ASSAY_LIMIT_STORE_BYTES);
    return assay_store_write(keys->keyring->runtime->store, name, text, len, durable, failure);
}

/*
 * With the file locked, so nothing is logged here. A record that is no good is replaced: it counts for nobody. One that only could not be read just now is
 * not, since it may hold tombstones.
 */
static int update(assay_issuer_keys *keys, const char *name, bool durable, size_t *buried, assay_failure *failure)
{
    int code = take_in(keys, name, buried, failure);
    bool known = code == ASSAY_OK || code == ASSAY_E_ABSENT || code == ASSAY_E_STORE;
    return known ? write_out(keys, name, durable, failure) : code;
}

int assay_stored_keys_save(assay_issuer_keys *keys, bool durable, assay_failure *failure)
{
    int lock = -1;
    size_t buried = 0;
    assay_failure why;
    char name[ASSAY_RECORD_NAME + 1];
    const assay_store *store = keys->keyring->runtime->store;
    if (store == NULL)
        return ASSAY_E_ABSENT;
    assay_failure_clear(&why);
    int code = assay_source_record_name(keys->source, name);
    if (code == ASSAY_OK)
        code = assay_store_lock(store, name, durable ? ASSAY_LIMIT_STORE_WAIT_MS : 0, &lock, &why);
    if (code == ASSAY_OK) {
        code = update(keys, name, durable, &buried, &why);
        assay_store_unlock(lock);
    } else if (code == ASSAY_E_TIMEOUT) {
        code = durable ? ASSAY_E_STORE : ASSAY_E_ABSENT;
    }
    report_buried(keys, buried);
    report(keys, code, &why);
    if (failure != NULL)
        *failure = why;
    return code;
}

bool assay_stored_keys_may_ask(assay_issuer_keys *keys)
{
    int64_t age;
    char name[ASSAY_RECORD_NAME + 1];
    const assay_runtime *runtime = keys->keyring->runtime;
    int64_t now_wall = runtime->store == NULL ? -1 : assay_clock_wall(&runtime->clock);
    bool asked = now_wall >= 0 && assay_source_record_name(keys->source, name) == ASSAY_OK &&
                 assay_store_take_turn(runtime->store, name, now_wall, ASSAY_LIMIT_UNKNOWN_KID_WINDOW, &age, NULL) ==
                     ASSAY_E_ABSENT;
    atomic_store(&keys->asked_elsewhere, asked);
    if (!asked)
        return true;
    assay_source_asked_elsewhere(keys->source, age * 1000, assay_issuer_keys_now(keys));
    assay_issuer_keys_publish(keys);
    return false;
}
