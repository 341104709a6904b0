/* SPDX-License-Identifier: MIT */
#include "flow/stored_keys.h"

#include "flow/store.h"

#include <time.h>

/* Whatever is wrong with the store, it is told once until it is right again: a process may come here for every connection. */
static void report(assay_issuer_keys *keys, int code, const assay_failure *failure)
{
    bool good = code == ASSAY_OK || code == ASSAY_E_ABSENT;
    if (atomic_exchange(&keys->store_reported, !good) || good)
        return;
    assay_runtime_log(keys->keyring->runtime, ASSAY_LOG_WARNING, "%s: the store of keys: %s%s%s", keys->shown,
                      assay_code_summary(code), failure->note[0] == '\0' ? "" : ": ", failure->note);
}

static void report_burial(const assay_issuer_keys *keys, const assay_source_burial *burial)
{
    const assay_runtime *runtime = keys->keyring->runtime;
    if (burial->dropped > 0)
        assay_runtime_log(runtime, ASSAY_LOG_WARNING, "%s: dropped what another process purged", keys->shown);
    if (burial->crowded)
        assay_runtime_log(runtime, ASSAY_LOG_WARNING,
                          "%s: %s: more than %d keys that this and other processes purged can't be remembered: a fetch "
                          "may bring them back",
                          keys->shown, assay_code_name(ASSAY_E_RANGE), ASSAY_LIMIT_TOMBSTONES);
}

/* Take a record in and publish what changed. */
static int adopt(assay_issuer_keys *keys, const assay_source_record *record, assay_source_burial *burial,
                 assay_failure *failure)
{
    assay_issuer_keys_lock(keys);
    int code = assay_source_record_adopt(keys->source, record, assay_issuer_keys_now(keys),
                                         assay_clock_wall(&keys->keyring->runtime->clock), burial);
    if (code == ASSAY_OK)
        assay_issuer_keys_publish(keys);
    else if (burial->dropped > 0)
        assay_issuer_keys_publish_purge(keys);
    assay_issuer_keys_unlock(keys);
    if (code == ASSAY_E_STORE && failure->note[0] != '\0') /* its keys were refused when it was read */
        return code;
    if (code == ASSAY_E_STORE)
        return assay_fail_note(failure, code,
                               "the time of the record is in the future, or longer ago than the hard limit");
    return assay_fail(failure, code);
}

/*
 * What another process asked for is here where the record is not the one that it had then, and is of a success that is not older: one that purges writes a record too.
 * With the lock.
 */
static void settle(assay_issuer_keys *keys)
{
    bool same = assay_store_mark(atomic_load(&keys->stored)) == keys->turn_mark;
    atomic_store(&keys->awaited, keys->turn_mark != 0 && (same || !assay_source_may_know_kid(keys->source)));
}

static void remember_version(assay_issuer_keys *keys, uint64_t version)
{
    assay_issuer_keys_lock(keys);
    if (!atomic_load(&keys->flying)) /* else its keys were passed over, for an answer that may not come */
        atomic_store(&keys->stored, version);
    settle(keys);
    assay_issuer_keys_unlock(keys);
}

static int take_in(assay_issuer_keys *keys, assay_source_burial *burial, assay_failure *failure)
{
    size_t len = 0;
    uint64_t version = 0;
    *burial = (assay_source_burial){0, 0, false};
    ASSAY_AUTO_RELEASE char *text = NULL;
    ASSAY_CLEANUP(assay_source_record_free_p) assay_source_record *record = NULL;
    int code = assay_store_read(keys->keyring->runtime->store, keys->record_name, &text, &len, &version, failure);
    if (code == ASSAY_OK)
        code = assay_source_record_read(keys->source, text, len, &record, failure);
    if (code == ASSAY_OK)
        code = adopt(keys, record, burial, failure);
    /* What could not be read for want of memory, or of an answer of the disk, is worth another attempt. */
    if (code == ASSAY_OK || code == ASSAY_E_ABSENT || code == ASSAY_E_STORE)
        remember_version(keys, version);
    return code;
}

static bool has_record(const assay_issuer_keys *keys)
{
    return keys->record_name[0] != '\0';
}

int assay_stored_keys_load(assay_issuer_keys *keys)
{
    assay_source_burial burial = {0, 0, false};
    assay_failure why;
    if (!has_record(keys))
        return ASSAY_E_ABSENT;
    assay_failure_clear(&why);
    int code = take_in(keys, &burial, &why);
    report_burial(keys, &burial);
    report(keys, code, &why);
    return code;
}

bool assay_stored_keys_look(assay_issuer_keys *keys)
{
    if (!has_record(keys) || atomic_load(&keys->flying))
        return false;
    uint64_t version = assay_store_version(keys->keyring->runtime->store, keys->record_name);
    return version != 0 && version != atomic_load(&keys->stored) && assay_stored_keys_load(keys) == ASSAY_OK;
}

static int write_out(assay_issuer_keys *keys, bool durable, assay_failure *failure)
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
    return assay_store_write(keys->keyring->runtime->store, keys->record_name, text, len, durable, failure);
}

/*
 * With the file locked, so nothing is logged here. A record that is no good is replaced: it counts for nobody. One that only could not be read just now is
 * not, since it may hold tombstones.
 */
static int update(assay_issuer_keys *keys, bool durable, assay_source_burial *burial, assay_failure *failure)
{
    int code = take_in(keys, burial, failure);
    bool known = code == ASSAY_OK || code == ASSAY_E_ABSENT || code == ASSAY_E_STORE;
    return known ? write_out(keys, durable, failure) : code;
}

int assay_stored_keys_save(assay_issuer_keys *keys, bool durable, assay_failure *failure)
{
    int lock = -1;
    assay_source_burial burial = {0, 0, false};
    assay_failure why;
    const assay_store *store = keys->keyring->runtime->store;
    if (!has_record(keys))
        return ASSAY_E_ABSENT;
    assay_failure_clear(&why);
    int code = assay_store_lock(store, keys->record_name, durable ? ASSAY_LIMIT_STORE_WAIT_MS : 0, &lock, &why);
    if (code == ASSAY_OK) {
        code = update(keys, durable, &burial, &why);
        assay_store_unlock(lock);
    } else {
        assay_failure ignored; /* what others purged counts all the same */
        assay_failure_clear(&ignored);
        (void)take_in(keys, &burial, &ignored);
        if (code == ASSAY_E_TIMEOUT)
            code = durable ? ASSAY_E_STORE : ASSAY_E_ABSENT;
    }
    report_burial(keys, &burial);
    report(keys, code, &why);
    if (failure != NULL)
        *failure = why;
    return code;
}

bool assay_stored_keys_may_ask(assay_issuer_keys *keys)
{
    assay_store_turn turn = {0, 0};
    const assay_runtime *runtime = keys->keyring->runtime;
    int64_t now_wall = has_record(keys) ? assay_clock_wall(&runtime->clock) : -1;
    bool asked = now_wall >= 0 && assay_store_take_turn(runtime->store, keys->record_name, now_wall,
                                                        ASSAY_LIMIT_UNKNOWN_KID_WINDOW, &turn, NULL) == ASSAY_E_ABSENT;
    /* Where the file system kept no mark, the record is never the one that was there: then only its time tells. */
    keys->turn_mark = !asked ? 0 : turn.mark != 0 ? turn.mark : UINT32_MAX;
    if (asked) {
        assay_source_asked_elsewhere(keys->source, turn.age * 1000, assay_issuer_keys_now(keys));
        atomic_store(&keys->awaited_until, assay_clock_real_ms() + runtime->fetch_timeout_ms - turn.age * 1000);
        assay_issuer_keys_publish(keys);
    }
    settle(keys);
    return !asked;
}

bool assay_stored_keys_await(assay_issuer_keys *keys, uint64_t seen, int64_t deadline)
{
    const struct timespec pause = {.tv_nsec = ASSAY_LIMIT_STORE_LOOK_MS * 1000000L};
    int64_t until = atomic_load(&keys->awaited_until);
    if (!atomic_load(&keys->awaited))
        return false;
    until = until < deadline ? until : deadline;
    while (atomic_load(&keys->awaited) && atomic_load(&keys->generation) == seen && assay_clock_real_ms() < until) {
        (void)nanosleep(&pause, NULL);
        (void)assay_stored_keys_look(keys);
    }
    return !atomic_load(&keys->awaited) || atomic_load(&keys->generation) != seen;
}
