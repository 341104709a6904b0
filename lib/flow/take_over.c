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
    bool with_keys; /* wanted, and not found yet */
    bool has_keys;
    int worst;
} inheritance;

/* From every issuer of a name: several may have one. */
static void take_from(assay_trusted_issuer *issuer, assay_span name, inheritance *heir)
{
    assay_search search = {0};
    assay_trusted_issuer *before;
    while ((before = assay_lookup_next_named(heir->old, name, &search)) != NULL) {
        int code = take_over(&issuer->keys, &before->keys, heir->with_keys && !heir->has_keys);
        heir->has_keys = heir->has_keys || code == ASSAY_OK;
        if (code != ASSAY_OK && code != ASSAY_E_ABSENT)
            heir->worst = code;
    }
}

/* One of Entra is called otherwise with one tenant than with several; what was purged is the cloud's all the same. */
static void take_from_kin(assay_trusted_issuer *issuer, inheritance *heir)
{
    const assay_entra *entra = issuer->policy.entra;
    char guid[ASSAY_GUID_TEXT + 1], name[ASSAY_ENTRA_ISSUER_BYTES];
    if (entra == NULL || entra->kind != ASSAY_ENTRA_WORK)
        return;
    if (!assay_span_is(issuer->policy.issuer, entra->v2)) {
        take_from(issuer, assay_span_of(entra->v2), heir);
        return;
    }
    for (size_t i = 0; i < entra->tenant_count; i++) {
        assay_guid_write(&entra->tenants[i], guid);
        if (assay_entra_fill(entra->v2, assay_span_of(guid), name, sizeof name))
            take_from(issuer, assay_span_of(name), heir);
    }
}

int assay_manage_take_over(assay_validator *validator, assay_validator *old, size_t *taken, assay_failure *failure)
{
    /* Who reloads to trust another CA does not want the keys that came by the old one. */
    bool with_keys = assay_runtimes_are_alike(validator->keyring->runtime, old->keyring->runtime);
    int worst = ASSAY_OK;
    *taken = 0;
    if (validator == old)
        return assay_fail_note(failure, ASSAY_E_ARGUMENT, "a validator can't take over its own keys");
    assay_fork_hold(); /* who forks locks every keyring too, in an order of its own */
    worst = assay_revocations_share(validator->revocations, old->revocations);
    for (size_t i = 0; i < validator->count; i++) {
        inheritance heir = {.old = old, .with_keys = with_keys, .worst = ASSAY_OK};
        take_from(&validator->issuers[i], validator->issuers[i].policy.issuer, &heir);
        take_from_kin(&validator->issuers[i], &heir);
        *taken += heir.has_keys ? 1 : 0;
        worst = heir.worst != ASSAY_OK ? heir.worst : worst;
    }
    assay_fork_release();
    return assay_fail(failure, worst);
}
