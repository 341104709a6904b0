/* SPDX-License-Identifier: MIT */
#include "flow/revocations.h"

#include "crypto/crypto.h"
#include "flow/fork.h"
#include "token/policy.h"

#include <inttypes.h>
#include <stdio.h>

/* Somebody, as a table has them: whole texts, so that nobody is ever taken for another. */
typedef struct caller {
    assay_span authority, subject;
    char tenant[ASSAY_GUID_TEXT + 1], id[ASSAY_GUID_TEXT + 1]; /* room for the spans */
} caller;

typedef struct revocation {
    atomic_int_fast64_t before;
    uint32_t hash;
    size_t authority_len, subject_len;
    char text[]; /* both, one behind the other */
} revocation;

/* Open addressing, at most half full. A reader may still be in an older table, so each is kept; since sizes double, all of them take twice the last. */
typedef struct table {
    struct table *older;
    size_t mask;
    _Atomic(revocation *) slots[];
} table;

struct assay_revocations {
    atomic_uint references;
    uint32_t seed;                       /* subjects may be of their owners' choice */
    _Atomic(assay_revocations *) joined; /* what counts instead, a reference; NULL: this */
    _Atomic(table *) newest;             /* NULL: nobody was ever revoked */
    size_t count;                        /* entries; under the lock */
};

assay_revocations *assay_revocations_new(void)
{
    assay_revocations *made = assay_zalloc(sizeof *made);
    if (made == NULL)
        return NULL;
    atomic_init(&made->references, 1);
    atomic_init(&made->joined, NULL);
    atomic_init(&made->newest, NULL);
    (void)assay_crypto_random(&made->seed, sizeof made->seed);
    return made;
}

static void free_tables(table *newest)
{
    for (size_t i = 0; newest != NULL && i <= newest->mask; i++)
        assay_release(atomic_load(&newest->slots[i]));
    while (newest != NULL) {
        table *older = newest->older;
        assay_release(newest);
        newest = older;
    }
}

void assay_revocations_unref(assay_revocations *revocations)
{
    while (revocations != NULL && atomic_fetch_sub_explicit(&revocations->references, 1, memory_order_acq_rel) == 1) {
        assay_revocations *joined = atomic_load(&revocations->joined);
        free_tables(atomic_load(&revocations->newest));
        assay_release(revocations);
        revocations = joined;
    }
}

/* What counts for one that was joined with others. */
static assay_revocations *whole_of(const assay_revocations *revocations)
{
    assay_revocations *whole = (assay_revocations *)(uintptr_t)revocations;
    for (assay_revocations *next; (next = atomic_load(&whole->joined)) != NULL;)
        whole = next;
    return whole;
}

static void text_of(const revocation *entry, assay_span *authority, assay_span *subject)
{
    *authority = (assay_span){entry->text, entry->authority_len};
    *subject = (assay_span){entry->text + entry->authority_len, entry->subject_len};
}

static uint32_t hash_of(const assay_revocations *revocations, const caller *who)
{
    uint32_t hash = assay_text_hash(who->authority.ptr, who->authority.len, revocations->seed);
    return assay_text_hash(who->subject.ptr, who->subject.len, hash);
}

/* Somebody's place, or the empty one where they would go. A place that is taken stays so. */
static _Atomic(revocation *) *find(table *in, const caller *who, uint32_t hash, revocation **found)
{
    assay_span authority, subject;
    for (size_t at = hash & in->mask;; at = (at + 1) & in->mask) {
        *found = atomic_load(&in->slots[at]);
        if (*found == NULL)
            return &in->slots[at];
        text_of(*found, &authority, &subject);
        if ((*found)->hash == hash && assay_span_equal(authority, who->authority) &&
            assay_span_equal(subject, who->subject))
            return &in->slots[at];
    }
}

/* Room for one more. Readers see the new table when all is in it. */
static bool grow(assay_revocations *revocations)
{
    enum { FIRST_SIZE = 64 };
    table *old = atomic_load(&revocations->newest);
    if (old != NULL && (revocations->count + 1) * 2 <= old->mask + 1)
        return true;
    size_t size = old == NULL ? FIRST_SIZE : (old->mask + 1) * 2;
    table *made = assay_zalloc(sizeof *made + size * sizeof made->slots[0]);
    if (made == NULL)
        return false;
    made->older = old;
    made->mask = size - 1;
    for (size_t i = 0; old != NULL && i <= old->mask; i++) {
        revocation *entry = atomic_load(&old->slots[i]);
        size_t at = entry == NULL ? 0 : entry->hash & made->mask;
        while (entry != NULL && atomic_load_explicit(&made->slots[at], memory_order_relaxed) != NULL)
            at = (at + 1) & made->mask;
        if (entry != NULL)
            atomic_store_explicit(&made->slots[at], entry, memory_order_relaxed);
    }
    atomic_store(&revocations->newest, made);
    return true;
}

static revocation *make_entry(const caller *who, uint32_t hash, int64_t before)
{
    revocation *made = assay_alloc(sizeof *made + who->authority.len + who->subject.len);
    if (made == NULL)
        return NULL;
    atomic_init(&made->before, before);
    made->hash = hash;
    made->authority_len = who->authority.len;
    made->subject_len = who->subject.len;
    memcpy(made->text, who->authority.ptr, who->authority.len);
    memcpy(made->text + who->authority.len, who->subject.ptr, who->subject.len);
    return made;
}

/* ASSAY_OK, ASSAY_E_MEMORY, ASSAY_E_RANGE. */
static int put(assay_revocations *revocations, const caller *who, int64_t before)
{
    revocation *entry = NULL;
    uint32_t hash = hash_of(revocations, who);
    table *in = atomic_load(&revocations->newest);
    if (in != NULL)
        (void)find(in, who, hash, &entry);
    if (entry != NULL) {
        if (atomic_load(&entry->before) < before)
            atomic_store(&entry->before, before);
        return ASSAY_OK;
    }
    if (revocations->count == ASSAY_LIMIT_REVOCATIONS)
        return ASSAY_E_RANGE;
    revocation *made = grow(revocations) ? make_entry(who, hash, before) : NULL;
    if (made == NULL)
        return ASSAY_E_MEMORY;
    atomic_store(find(atomic_load(&revocations->newest), who, hash, &entry), made);
    revocations->count++;
    return ASSAY_OK;
}

/* Tenants and object ids are GUIDs, which people write in any case: kept in lower case. False: the subject of a tenant is none. */
static bool name_caller(caller *who, assay_span authority, assay_span subject)
{
    assay_guid tenant, id;
    who->authority = authority;
    who->subject = subject;
    if (!assay_guid_read(authority, true, &tenant))
        return true;
    if (!assay_guid_read(subject, true, &id))
        return false;
    assay_guid_write(&tenant, who->tenant);
    assay_guid_write(&id, who->id);
    who->authority = assay_span_of(who->tenant);
    who->subject = assay_span_of(who->id);
    return true;
}

int assay_revocations_add(assay_revocations *revocations, const char *authority, const char *subject, int64_t before,
                          assay_failure *failure)
{
    caller who;
    int code = assay_policy_check_text(authority, ASSAY_E_ARGUMENT, "the authority", failure);
    if (code == ASSAY_OK)
        code = assay_policy_check_text(subject, ASSAY_E_ARGUMENT, "the subject", failure);
    if (code != ASSAY_OK)
        return code;
    if (before < 0 || before > ASSAY_LIMIT_LATEST_TIME)
        return assay_fail_note(failure, ASSAY_E_ARGUMENT, "the time is not in seconds from 1970 to the year 9999");
    if (!name_caller(&who, assay_span_of(authority), assay_span_of(subject)))
        return assay_fail_note(failure, ASSAY_E_ARGUMENT, "with a tenant goes an object id, which is a GUID; not sub");
    assay_fork_hold();
    code = put(whole_of(revocations), &who, before);
    assay_fork_release();
    if (code != ASSAY_E_RANGE)
        return code == ASSAY_OK ? code : assay_fail(failure, code);
    (void)assay_fail_note(failure, code, "more than %d callers can't be revoked", ASSAY_LIMIT_REVOCATIONS);
    if (failure != NULL)
        failure->hint = "make a new validator that takes nothing over, or purge the issuer's keys";
    return code;
}

/* Raise *before to the time that somebody was revoked for. */
static void look_up(const assay_revocations *revocations, table *in, const caller *who, int64_t *before)
{
    revocation *found;
    (void)find(in, who, hash_of(revocations, who), &found);
    int64_t time = found == NULL ? -1 : atomic_load(&found->before);
    if (time > *before)
        *before = time;
}

/* The object id of Entra's; false: it has none that could be revoked. */
static bool read_object_id(const assay_claims *claims, char room[ASSAY_GUID_TEXT * 6 + 2], assay_span *id)
{
    assay_json_value value;
    if (!assay_token_get(claims, "oid", &value) || value.type != ASSAY_JSON_STRING ||
        value.len > ASSAY_GUID_TEXT * 6 + 2) /* quotes, and each character as an escape */
        return false;
    *id = (assay_span){room, assay_json_string_decode(&value, room)};
    return true;
}

static int refuse(const assay_json_value *iat, int64_t before, assay_failure *failure)
{
    char expected[32];
    (void)snprintf(expected, sizeof expected, "iat from %" PRId64, before);
    int code = assay_fail_found(failure, ASSAY_E_REVOKED, expected, iat->ptr, iat->len);
    if (failure != NULL)
        failure->found_is_verified = true;
    return code;
}

int assay_revocations_check(const assay_revocations *revocations, const assay_claims *claims, assay_failure *failure)
{
    const assay_revocations *whole = whole_of(revocations);
    table *in = atomic_load(&whole->newest);
    if (in == NULL)
        return ASSAY_OK;
    caller who;
    assay_span id;
    char room[ASSAY_GUID_TEXT * 6 + 2];
    int64_t before = -1, seconds;
    int32_t nanoseconds;
    if (claims->subject != NULL && name_caller(&who, assay_span_of(claims->issuer), assay_span_of(claims->subject)))
        look_up(whole, in, &who, &before);
    if (claims->tenant[0] != '\0' && read_object_id(claims, room, &id) &&
        name_caller(&who, assay_span_of(claims->tenant), id))
        look_up(whole, in, &who, &before);
    if (before < 0)
        return ASSAY_OK;
    /* Whole seconds are rounded down, and the bound is whole: no fraction is lost. */
    assay_json_value iat = {NULL, 0, ASSAY_JSON_NULL};
    bool known = assay_token_get(claims, "iat", &iat) && assay_json_time(&iat, &seconds, &nanoseconds);
    return known && seconds >= before ? ASSAY_OK : refuse(&iat, before, failure);
}

int assay_revocations_share(assay_revocations *revocations, assay_revocations *old)
{
    assay_revocations *from = whole_of(revocations), *to = whole_of(old);
    if (from == to)
        return ASSAY_OK; /* or joining would run in a circle */
    const table *in = atomic_load(&from->newest);
    for (size_t i = 0; in != NULL && i <= in->mask; i++) {
        caller who;
        revocation *entry = atomic_load(&in->slots[i]);
        if (entry == NULL)
            continue;
        text_of(entry, &who.authority, &who.subject);
        int code = put(to, &who, atomic_load(&entry->before));
        if (code != ASSAY_OK)
            return code;
    }
    (void)atomic_fetch_add_explicit(&to->references, 1, memory_order_relaxed);
    atomic_store(&from->joined, to);
    return ASSAY_OK;
}
