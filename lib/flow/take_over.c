/* SPDX-License-Identifier: MIT */
#include "flow/fork.h"
#include "flow/validator.h"

/* Reload: a new validator begins with the keys of an old one, and refuses whom that one refuses. */

/* What the old issuer's source has, with both locks; ASSAY_E_ABSENT: nothing that fits. */
static int take_over(assay_issuer_keys *keys, assay_issuer_keys *old, bool with_keys)
{
    assay_issuer_keys_lock(old);
    assay_issuer_keys_lock(keys);
    int code = assay_source_take_over(keys->source, old->source, with_keys, assay_issuer_keys_now(keys));
    assay_issuer_keys_publish(keys);
    assay_issuer_keys_unlock(keys);
    assay_issuer_keys_unlock(old);
    return code;
}

typedef struct inheritance {
    assay_validator *old;
    assay_trusted_issuer *
        *buried; /* issuers of Entra where something was purged: few, where there may be ten thousand */
    size_t buried_count;
    bool with_keys; /* wanted, and not found yet */
    bool has_keys;
    int worst;
} inheritance;

static void take_from(assay_trusted_issuer *issuer, assay_trusted_issuer *before, inheritance *heir)
{
    int code = take_over(&issuer->keys, &before->keys, heir->with_keys && !heir->has_keys);
    heir->has_keys = heir->has_keys || code == ASSAY_OK;
    if (code != ASSAY_OK && code != ASSAY_E_ABSENT)
        heir->worst = code;
}

/* One of Entra is called otherwise with one tenant than with several or any; what was purged is the cloud's all the same. */
static bool are_kin(const assay_policy *a, const assay_policy *b)
{
    return a->entra != NULL && b->entra != NULL && a->entra->kind == ASSAY_ENTRA_WORK &&
           b->entra->kind == ASSAY_ENTRA_WORK && strcmp(a->entra->v2, b->entra->v2) == 0;
}

/* From every issuer of the name, since several may have one; then from its kin. */
static void take_from_all(assay_trusted_issuer *issuer, inheritance *heir)
{
    assay_search search = {0};
    assay_trusted_issuer *before;
    while ((before = assay_lookup_next_named(heir->old, issuer->policy.issuer, &search)) != NULL)
        take_from(issuer, before, heir);
    for (size_t i = 0; i < heir->buried_count; i++) {
        before = heir->buried[i];
        if (are_kin(&issuer->policy, &before->policy) &&
            !assay_span_equal(issuer->policy.issuer, before->policy.issuer))
            take_from(issuer, before, heir);
    }
}

/* False: out of memory. */
static bool find_buried(inheritance *heir)
{
    heir->buried = assay_zalloc_array(heir->old->count, sizeof *heir->buried);
    if (heir->buried == NULL)
        return false;
    for (size_t i = 0; i < heir->old->count; i++) {
        assay_trusted_issuer *issuer = &heir->old->issuers[i];
        if (issuer->policy.entra == NULL)
            continue;
        assay_issuer_keys_lock(&issuer->keys);
        bool some = assay_source_has_tombstones(issuer->keys.source);
        assay_issuer_keys_unlock(&issuer->keys);
        if (some)
            heir->buried[heir->buried_count++] = issuer;
    }
    return true;
}

int assay_manage_take_over(assay_validator *validator, assay_validator *old, size_t *taken, assay_failure *failure)
{
    /* Who reloads to trust another CA does not want the keys that came by the old one. */
    bool with_keys = assay_runtimes_are_alike(validator->keyring->runtime, old->keyring->runtime);
    inheritance heir = {.old = old, .with_keys = with_keys, .worst = ASSAY_OK};
    *taken = 0;
    if (validator == old)
        return assay_fail_note(failure, ASSAY_E_ARGUMENT, "a validator can't take over its own keys");
    assay_fork_hold(); /* who forks locks every keyring too, in an order of its own */
    int shared = assay_revocations_share(validator->revocations, old->revocations);
    if (!find_buried(&heir))
        heir.worst = ASSAY_E_MEMORY;
    for (size_t i = 0; i < validator->count; i++) {
        heir.has_keys = false;
        take_from_all(&validator->issuers[i], &heir);
        *taken += heir.has_keys ? 1 : 0;
    }
    assay_fork_release();
    assay_release(heir.buried);
    if (shared != ASSAY_OK) /* the worse of two failures: whom the old one refuses, this one does not */
        return assay_fail_note(failure, shared, "the callers that were revoked with the old one are not with this one");
    return assay_fail(failure, heir.worst);
}
