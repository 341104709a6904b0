/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_FLOW_VALIDATOR_H
#define ASSAY_FLOW_VALIDATOR_H

/* A frozen set of issuers with their keys, and the decision about a token. */

#include "flow/issuer.h"
#include "flow/issuer_keys.h"
#include "flow/lookup.h"
#include "flow/revocations.h"
#include "token/check.h"

#include <assay/validator.h>

typedef struct assay_trusted_issuer {
    assay_policy policy;
    assay_issuer_keys keys;
} assay_trusted_issuer;

struct assay_validator {
    atomic_uint references;
    assay_keyring *keyring;
    assay_trusted_issuer *issuers;
    size_t count;
    assay_lookup lookup;
    assay_revocations *revocations; /* a reference */
    assay_algorithm_set algorithms; /* of all issuers together: what else is refused before anything is read */
};

int assay_validator_make(assay_runtime *runtime, assay_issuer *const *issuers, size_t count,
                         assay_validator **validator, assay_failure *failure);
void assay_validator_drop(assay_validator *validator);
ASSAY_DEFINE_CLEANUP(assay_validator, assay_validator_drop)

/* The issuer of this name whose keys are due first; NULL: there is none of it. */
assay_trusted_issuer *assay_validator_named(const assay_validator *validator, const char *issuer);

/* manage.c: the issuer whose keys are to be fetched next, and when (assay_issuer_keys_due()); NULL: none ever is. One that is being fetched is looked at again in a second. */
assay_trusted_issuer *assay_validator_due(const assay_validator *validator, int64_t now_ms, int64_t *due_at);

/* validate.c: decide; @p deadline in real milliseconds, or 0 to decide with the keys at hand and never wait. */
int assay_validate(assay_validator *validator, const char *token, size_t len, const assay_request *request,
                   int64_t deadline, assay_claims **claims, assay_failure *failure);

/* manage.c: what a host does with keys beside validating. */
int assay_manage_warm_up(assay_validator *validator, int64_t deadline, assay_failure *failure);
int assay_manage_ready(assay_validator *validator, assay_failure *failure);
int assay_manage_refresh(assay_validator *validator, const char *issuer, int64_t deadline, assay_failure *failure);
int assay_manage_purge(assay_validator *validator, const char *issuer, const char *kid, assay_failure *failure);
int assay_manage_push(assay_validator *validator, const char *issuer, const assay_key_set *keys,
                      assay_failure *failure);
int assay_manage_stat(const assay_validator *validator, const char *issuer, int stat, uint64_t *value);
/* take_over.c: the warm keys of an older validator. */
int assay_manage_take_over(assay_validator *validator, assay_validator *old, size_t *taken, assay_failure *failure);
/* describe.c: one issuer as JSON text, released with assay_release(). */
int assay_describe(const assay_validator *validator, const char *issuer, char **json, size_t *len,
                   assay_failure *failure);

#endif
