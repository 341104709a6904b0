/* SPDX-License-Identifier: MIT */
#include "flow/fork.h"
#include "flow/validator.h"

/* Reload: a new validator begins with the keys of an old one. */

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

int assay_manage_take_over(assay_validator *validator, assay_validator *old, size_t *taken, assay_failure *failure)
{
    int worst = ASSAY_OK;
    /* Who reloads to trust another CA does not want the keys that came by the old one. */
    bool with_keys = assay_runtimes_are_alike(validator->keyring->runtime, old->keyring->runtime);
    *taken = 0;
    if (validator == old)
        return assay_fail_note(failure, ASSAY_E_ARGUMENT, "a validator can't take over its own keys");
    assay_fork_hold(); /* who forks locks every keyring too, in an order of its own */
    for (size_t i = 0; i < validator->count; i++) {
        assay_trusted_issuer *issuer = &validator->issuers[i];
        assay_trusted_issuer *before = assay_validator_find(old, issuer->policy.issuer);
        int code = before == NULL ? ASSAY_E_ABSENT : take_over(&issuer->keys, &before->keys, with_keys);
        *taken += code == ASSAY_OK ? 1 : 0;
        if (code != ASSAY_OK && code != ASSAY_E_ABSENT)
            worst = code;
    }
    assay_fork_release();
    return assay_fail(failure, worst);
}
