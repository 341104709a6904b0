/* SPDX-License-Identifier: MIT */
#include "api/keyset.h"

#include "api/api.h"
#include "flow/runtime.h"
#include "token/algorithm.h"

int assay_keyset_new(assay_runtime *runtime, assay_keyset **keyset, assay_error **error)
{
    ASSAY_BEGIN(error);
    if (keyset == NULL)
        return ASSAY_BAD("keyset is NULL");
    *keyset = NULL;
    ASSAY_CLEANUP(assay_runtime_drop_p) assay_runtime *used = NULL;
    int code = assay_runtime_use(runtime, &used, failure);
    if (code != ASSAY_OK)
        return ASSAY_END(code);
    assay_keyset *made = assay_zalloc(sizeof *made);
    if (made == NULL)
        return ASSAY_END(assay_fail(failure, ASSAY_E_MEMORY));
    atomic_init(&made->references, 1);
    made->crypto = assay_crypto_ref(used->crypto);
    assay_key_set_init(&made->set);
    *keyset = made;
    return ASSAY_OK;
}

assay_keyset *assay_keyset_ref(assay_keyset *keyset)
{
    if (keyset != NULL)
        (void)atomic_fetch_add_explicit(&keyset->references, 1, memory_order_relaxed);
    return keyset;
}

void assay_keyset_unref(assay_keyset *keyset)
{
    if (keyset == NULL || atomic_fetch_sub_explicit(&keyset->references, 1, memory_order_acq_rel) != 1)
        return;
    assay_key_set_clear(&keyset->set);
    assay_crypto_unref(keyset->crypto);
    assay_release(keyset);
}

static int add_json(assay_keyset *keyset, const char *json, size_t len, bool symmetric, assay_error **error)
{
    ASSAY_BEGIN(error);
    if (keyset == NULL || json == NULL)
        return ASSAY_BAD("keyset or json is NULL");
    char why[200] = "";
    int code = assay_key_set_add_json(&keyset->set, keyset->crypto, json, len, symmetric, why, sizeof why);
    if (code == ASSAY_OK)
        return ASSAY_OK;
    return ASSAY_END(assay_fail_note(failure, code == ASSAY_E_JWKS ? ASSAY_E_CONFIG_KEYS : code, "%s", why));
}

int assay_keyset_add_json(assay_keyset *keyset, const char *json, size_t len, assay_error **error)
{
    return add_json(keyset, json, len, false, error);
}

int assay_keyset_add_json_with_symmetric(assay_keyset *keyset, const char *json, size_t len, assay_error **error)
{
    return add_json(keyset, json, len, true, error);
}

int assay_keyset_add_symmetric(assay_keyset *keyset, const char *kid, const char *algorithm, const uint8_t *key,
                               size_t len, assay_error **error)
{
    ASSAY_BEGIN(error);
    if (keyset == NULL || algorithm == NULL || key == NULL)
        return ASSAY_BAD("keyset, algorithm or key is NULL");
    /* A longer one, or one that is no text, can't stand in a token's header: the key would never be found by it. */
    size_t kid_len = kid == NULL ? 0 : strlen(kid);
    if (kid_len > ASSAY_LIMIT_KID_BYTES || (kid != NULL && !assay_text_is_utf8(kid, kid_len)))
        return ASSAY_END(assay_fail_note(failure, ASSAY_E_ARGUMENT, "kid is not UTF-8 or longer than %d bytes",
                                         ASSAY_LIMIT_KID_BYTES));
    int index = assay_algorithm_find(algorithm, strlen(algorithm));
    if (index < 0 || !assay_algorithm_at((size_t)index)->symmetric)
        return ASSAY_END(
            assay_fail_found(failure, ASSAY_E_CONFIG_ALGORITHM, "HS256, HS384 or HS512", algorithm, strlen(algorithm)));
    char why[200] = "";
    ASSAY_CLEANUP(assay_jwk_unref_p) assay_jwk *jwk = NULL;
    int code = assay_jwk_new_symmetric(keyset->crypto, kid, algorithm, key, len, &jwk, why, sizeof why);
    if (code != ASSAY_OK)
        return ASSAY_END(assay_fail_note(failure, code, "%s", why));
    assay_scheme scheme;
    if (!assay_algorithm_fits(assay_algorithm_at((size_t)index), jwk, &scheme))
        return ASSAY_END(
            assay_fail_note(failure, ASSAY_E_CONFIG_KEYS, "the key is shorter than the hash (RFC 7518, section 3.2)"));
    code = assay_key_set_add(&keyset->set, jwk);
    return ASSAY_END(code == ASSAY_E_JWKS ? assay_fail_note(failure, ASSAY_E_CONFIG_KEYS, "the key set is full")
                                          : code);
}

size_t assay_keyset_count(const assay_keyset *keyset)
{
    return keyset == NULL ? 0 : keyset->set.count;
}

size_t assay_keyset_skipped_count(const assay_keyset *keyset)
{
    return keyset == NULL ? 0 : keyset->set.skipped_count;
}

static const assay_jwk *key_at(const assay_keyset *keyset, size_t index)
{
    return keyset == NULL || index >= keyset->set.count ? NULL : keyset->set.keys[index];
}

const char *assay_keyset_kid(const assay_keyset *keyset, size_t index)
{
    const assay_jwk *jwk = key_at(keyset, index);
    return jwk == NULL ? NULL : jwk->kid_shown;
}

const char *assay_keyset_kind(const assay_keyset *keyset, size_t index)
{
    const assay_jwk *jwk = key_at(keyset, index);
    return jwk == NULL ? NULL : jwk->kind_text;
}

const char *assay_keyset_thumbprint(const assay_keyset *keyset, size_t index)
{
    const assay_jwk *jwk = key_at(keyset, index);
    if (jwk == NULL)
        return NULL;
    /* From the thumbprint of a weak secret the secret could be guessed (RFC 7638, section 7). */
    return assay_verify_key_kind(jwk->key) == ASSAY_KEY_SYMMETRIC ? "" : jwk->thumbprint_text;
}

const char *assay_keyset_skip_reason(const assay_keyset *keyset, size_t index)
{
    return keyset == NULL || index >= keyset->set.skipped_count ? NULL : keyset->set.skipped[index];
}
