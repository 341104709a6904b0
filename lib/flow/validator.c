/* SPDX-License-Identifier: MIT */
#include "flow/validator.h"

#include "flow/refresher.h"
#include "flow/stored_keys.h"

/* Of several with one name, which differ by audience or policy, the one whose keys want attention. */
assay_trusted_issuer *assay_validator_named(const assay_validator *validator, const char *issuer)
{
    assay_search search = {0};
    assay_trusted_issuer *first = NULL, *next;
    int64_t now = assay_clock_steady(&validator->keyring->runtime->clock), earliest = 0;
    while ((next = assay_lookup_next_named(validator, assay_span_of(issuer), &search)) != NULL) {
        assay_source_reason reason;
        int64_t due_at = assay_issuer_keys_due(&next->keys, now, &reason);
        if (first != NULL && due_at >= earliest)
            continue;
        first = next;
        earliest = due_at;
    }
    return first;
}

/* Known clouds serve their keys themselves; whoever allows other hosts says so. */
static size_t list_hosts(const assay_issuer *issuer, const char *hosts[ASSAY_LIMIT_JWKS_HOSTS])
{
    const assay_entra_cloud *cloud = issuer->policy.entra == NULL ? NULL : issuer->policy.entra->cloud;
    size_t count = issuer->jwks_hosts.count;
    for (size_t i = 0; i < count; i++)
        hosts[i] = issuer->jwks_hosts.items[i].ptr;
    if (count > 0 || cloud == NULL)
        return count;
    hosts[count++] = cloud->login;
    if (cloud->alias != NULL)
        hosts[count++] = cloud->alias;
    return count;
}

/* Entra's metadata lies where its tenants say, unless the issuer was given another place. */
static int find_metadata(const assay_issuer *issuer, const assay_entra *entra, assay_source_mode *mode, char **url)
{
    *mode = issuer->mode;
    *url = NULL;
    if (entra == NULL || issuer->mode != ASSAY_SOURCE_OPENID)
        return ASSAY_OK;
    *mode = ASSAY_SOURCE_URL;
    *url = assay_entra_metadata_url(entra);
    return *url == NULL ? ASSAY_E_MEMORY : ASSAY_OK;
}

static int make_keys(assay_validator *validator, const assay_issuer *issuer, assay_trusted_issuer *made)
{
    const char *hosts[ASSAY_LIMIT_JWKS_HOSTS];
    size_t host_count = list_hosts(issuer, hosts);
    int64_t retention = issuer->retention >= 0 ? issuer->retention : issuer->policy.profile->retention;
    assay_source_mode mode;
    ASSAY_AUTO_RELEASE char *computed = NULL;
    int code = find_metadata(issuer, made->policy.entra, &mode, &computed);
    if (code != ASSAY_OK)
        return code;
    assay_source_config config = {
        .mode = mode,
        .issuer = made->policy.issuer.ptr,
        .metadata_url = computed != NULL ? computed : issuer->metadata_url,
        .jwks_uri = issuer->jwks_uri,
        .jwks_hosts = host_count > 0 ? hosts : NULL,
        .jwks_host_count = host_count,
        .allow_loopback_http = issuer->allow_loopback_http,
        .ca = {issuer->ca.pem, issuer->ca.len},
        .with_bearer = issuer->bearer_file != NULL,
        .retention_ms = retention * 1000,
        .hard_limit_ms = issuer->hard_limit * 1000,
        .crypto = validator->keyring->runtime->crypto,
    };
    /* Jitter keeps the processes of a fleet apart; without a random seed they would only refresh together. */
    (void)assay_crypto_random(&config.seed, sizeof config.seed);
    code = assay_issuer_keys_init(&made->keys, &config, issuer->bearer_file, validator->keyring);
    if (code != ASSAY_OK)
        return code;
    if (issuer->mode != ASSAY_SOURCE_STATIC) {
        (void)assay_stored_keys_load(&made->keys); /* without them the first token causes a fetch */
        return ASSAY_OK;
    }
    assay_issuer_keys_lock(&made->keys);
    code = assay_source_push(made->keys.source, &issuer->keys, assay_issuer_keys_now(&made->keys));
    assay_issuer_keys_publish(&made->keys);
    assay_issuer_keys_unlock(&made->keys);
    return code;
}

static int add_issuer(assay_validator *validator, const assay_issuer *issuer, assay_failure *failure)
{
    int code = assay_issuer_check(issuer, failure);
    if (code != ASSAY_OK)
        return code;
    assay_trusted_issuer *made = &validator->issuers[validator->count];
    code = assay_policy_copy(&made->policy, &issuer->policy);
    if (code != ASSAY_OK)
        return assay_fail(failure, code);
    validator->count++; /* from here on assay_validator_drop() cleans it up */
    code = make_keys(validator, issuer, made);
    if (code != ASSAY_OK)
        return assay_fail(failure, code);
    validator->algorithms |= made->policy.algorithms;
    return ASSAY_OK;
}

static int repeated(const assay_policy *policy, assay_failure *failure)
{
    int code = assay_fail_found(failure, ASSAY_E_CONFIG_ISSUER, "each issuer once, or each time with other audiences",
                                policy->issuer.ptr, policy->issuer.len);
    if (failure != NULL && policy->entra != NULL)
        failure->hint = "two issuers would take one token: of one tenant, or of version 1, whose issuer clouds share; "
                        "give them other audiences, or one version each by assay_issuer_entra_set_version()";
    return code;
}

/* Several issuers may have one URL, where each token goes to one of them: an audience that two have would always go to the first. */
static int check_repeated(const assay_validator *validator, const assay_trusted_issuer *issuer, assay_failure *failure)
{
    assay_search search = {0};
    const assay_policy *policy = &issuer->policy;
    const assay_trusted_issuer *other;
    size_t same = 0;
    while ((other = assay_lookup_next_named(validator, policy->issuer, &search)) != NULL) {
        if (++same > ASSAY_LIMIT_SAME_ISSUER)
            return assay_fail_note(failure, ASSAY_E_CONFIG_ISSUER, "more than %d issuers have one URL",
                                   ASSAY_LIMIT_SAME_ISSUER);
        if (other == issuer || assay_policies_differ(policy, &other->policy))
            continue;
        return repeated(policy, failure);
    }
    return assay_lookup_has_rival(validator, issuer) ? repeated(policy, failure) : ASSAY_OK;
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
    made->issuers = assay_zalloc_array(count, sizeof *made->issuers);
    if (assay_keyring_new(used, &made->keyring) != ASSAY_OK || made->issuers == NULL ||
        (made->revocations = assay_revocations_new()) == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    for (size_t i = 0; i < count; i++) {
        code = add_issuer(made, issuers[i], failure);
        if (code != ASSAY_OK)
            return code;
    }
    if (assay_lookup_make(made) != ASSAY_OK)
        return assay_fail(failure, ASSAY_E_MEMORY);
    for (size_t i = 0; i < count; i++) {
        code = check_repeated(made, &made->issuers[i], failure);
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
        assay_refresher_stop(&validator->keyring->refreshing);
    for (size_t i = 0; i < validator->count; i++) {
        assay_policy_clear(&validator->issuers[i].policy);
        assay_issuer_keys_clear(&validator->issuers[i].keys);
    }
    assay_release(validator->issuers);
    assay_lookup_clear(&validator->lookup);
    assay_revocations_unref(validator->revocations);
    assay_keyring_free(validator->keyring);
    assay_release(validator);
}
