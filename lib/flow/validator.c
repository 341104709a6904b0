/* SPDX-License-Identifier: MIT */
#include "flow/validator.h"

#include "flow/refresher.h"
#include "flow/stored_keys.h"

static size_t slot_of(const assay_validator *validator, assay_span issuer)
{
    return assay_text_hash(issuer.ptr, issuer.len, 0) & validator->table_mask;
}

/* Place of an issuer in the table, or the empty place where it would go. Configuration fills the table, so nobody can crowd it. */
static size_t probe(const assay_validator *validator, assay_span issuer)
{
    size_t at = slot_of(validator, issuer);
    while (validator->table[at] != 0 &&
           !assay_span_equal(validator->issuers[validator->table[at] - 1].policy.issuer, issuer))
        at = (at + 1) & validator->table_mask;
    return at;
}

assay_trusted_issuer *assay_validator_find(const assay_validator *validator, assay_span issuer)
{
    uint32_t index = validator->table[probe(validator, issuer)];
    return index == 0 ? NULL : &validator->issuers[index - 1];
}

static int make_table(assay_validator *validator, size_t count)
{
    size_t size = 4;
    while (size < count * 4)
        size *= 2;
    validator->table = assay_zalloc_array(size, sizeof *validator->table);
    validator->issuers = assay_zalloc_array(count, sizeof *validator->issuers);
    validator->table_mask = size - 1;
    return validator->table == NULL || validator->issuers == NULL ? ASSAY_E_MEMORY : ASSAY_OK;
}

static bool copy_text(char **to, const char *from)
{
    *to = from == NULL ? NULL : assay_strdup(from);
    return from == NULL || *to != NULL;
}

static int make_keys(assay_validator *validator, const assay_issuer *issuer, assay_issuer_keys *keys)
{
    const char *hosts[ASSAY_LIMIT_JWKS_HOSTS];
    for (size_t i = 0; i < issuer->jwks_hosts.count; i++)
        hosts[i] = issuer->jwks_hosts.items[i].ptr;
    int64_t retention = issuer->retention >= 0 ? issuer->retention : issuer->policy.profile->retention;
    assay_source_config config = {
        .mode = issuer->mode,
        .issuer = issuer->policy.issuer.ptr,
        .metadata_url = issuer->metadata_url,
        .jwks_uri = issuer->jwks_uri,
        .jwks_hosts = issuer->jwks_hosts.count > 0 ? hosts : NULL,
        .jwks_host_count = issuer->jwks_hosts.count,
        .allow_loopback_http = issuer->allow_loopback_http,
        .retention_ms = retention * 1000,
        .hard_limit_ms = issuer->hard_limit * 1000,
        .crypto = validator->keyring->runtime->crypto,
    };
    /* Jitter keeps the processes of a fleet apart; without a random seed they would only refresh together. */
    (void)assay_crypto_random(&config.seed, sizeof config.seed);
    int code = assay_issuer_keys_init(keys, &config, validator->keyring);
    if (code != ASSAY_OK)
        return code;
    if (issuer->mode != ASSAY_SOURCE_STATIC) {
        (void)assay_stored_keys_load(keys); /* without them the first token causes a fetch */
        return ASSAY_OK;
    }
    assay_issuer_keys_lock(keys);
    code = assay_source_push(keys->source, &issuer->keys, assay_issuer_keys_now(keys));
    assay_issuer_keys_publish(keys);
    assay_issuer_keys_unlock(keys);
    return code;
}

static int add_issuer(assay_validator *validator, const assay_issuer *issuer, assay_failure *failure)
{
    int code = assay_issuer_check(issuer, failure);
    if (code != ASSAY_OK)
        return code;
    size_t at = probe(validator, issuer->policy.issuer);
    if (validator->table[at] != 0)
        return assay_fail_found(failure, ASSAY_E_CONFIG_ISSUER, "each issuer once; several audiences go to one issuer",
                                issuer->policy.issuer.ptr, issuer->policy.issuer.len);
    assay_trusted_issuer *made = &validator->issuers[validator->count];
    code = assay_policy_copy(&made->policy, &issuer->policy);
    if (code != ASSAY_OK)
        return assay_fail(failure, code);
    validator->count++; /* from here on assay_validator_drop() cleans it up */
    validator->table[at] = (uint32_t)validator->count;
    if (!copy_text(&made->metadata_url, issuer->metadata_url) || !copy_text(&made->jwks_uri, issuer->jwks_uri))
        return assay_fail(failure, ASSAY_E_MEMORY);
    code = make_keys(validator, issuer, &made->keys);
    if (code != ASSAY_OK)
        return assay_fail(failure, code);
    validator->algorithms |= made->policy.algorithms;
    if (made->policy.issuer.len > validator->longest_issuer)
        validator->longest_issuer = made->policy.issuer.len;
    return ASSAY_OK;
}

int assay_validator_make(assay_runtime *runtime, assay_issuer *const *issuers, size_t count,
                         assay_validator **validator, assay_failure *failure)
{
    *validator = NULL;
    if (count == 0)
        return assay_fail_note(failure, ASSAY_E_CONFIG_ISSUER, "there is none");
    if (count > ASSAY_LIMIT_ISSUERS)
        return assay_fail_note(failure, ASSAY_E_CONFIG_ISSUER, "there are more than %d", ASSAY_LIMIT_ISSUERS);
    ASSAY_CLEANUP(assay_validator_drop_p) assay_validator *made = assay_zalloc(sizeof *made);
    if (made == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    atomic_init(&made->references, 1);
    assay_runtime *used;
    int code = assay_runtime_use(runtime, &used, failure);
    if (code != ASSAY_OK)
        return code;
    if (assay_keyring_new(used, &made->keyring) != ASSAY_OK || make_table(made, count) != ASSAY_OK)
        return assay_fail(failure, ASSAY_E_MEMORY);
    for (size_t i = 0; i < count; i++) {
        code = add_issuer(made, issuers[i], failure);
        if (code != ASSAY_OK)
            return code;
    }
    *validator = ASSAY_STEAL(made);
    return ASSAY_OK;
}

void assay_validator_drop(assay_validator *validator)
{
    if (validator == NULL || atomic_fetch_sub_explicit(&validator->references, 1, memory_order_acq_rel) != 1)
        return;
    if (validator->keyring != NULL)
        assay_refresher_stop(validator->keyring);
    for (size_t i = 0; i < validator->count; i++) {
        assay_policy_clear(&validator->issuers[i].policy);
        assay_issuer_keys_clear(&validator->issuers[i].keys);
        assay_release(validator->issuers[i].metadata_url);
        assay_release(validator->issuers[i].jwks_uri);
    }
    assay_release(validator->issuers);
    assay_release(validator->table);
    assay_keyring_free(validator->keyring);
    assay_release(validator);
}
