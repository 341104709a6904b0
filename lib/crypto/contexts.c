/* SPDX-License-Identifier: MIT */
#include "crypto/key_private.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <sched.h>

/*
 * Where a thread starts to look: the slot of its processor, so that threads which run at the same time don't swap contexts, whose memory would
 * wander between the caches. Anything would be correct here; elsewhere than on Linux, threads are told apart by their stacks.
 */
static size_t first_slot(void)
{
#ifdef __linux__
    int processor = sched_getcpu();
    if (processor >= 0)
        return (size_t)processor % ASSAY_VERIFY_SLOTS;
#endif
    uintptr_t stack = (uintptr_t)__builtin_frame_address(0) >> 12;
    return (size_t)((uint64_t)stack * 0x9e3779b97f4a7c15u >> 61) % ASSAY_VERIFY_SLOTS;
}

void assay_verify_context_free(assay_verify_context *context)
{
    if (context == NULL)
        return;
    EVP_PKEY_CTX_free(context->pkey);
    EVP_MD_CTX_free(context->digest);
    EVP_MAC_CTX_free(context->mac);
    assay_release(context);
}

/* Padding and its parameters. PSS: MGF1 with the same hash, salt as long as the hash (RFC 7518, section 3.5), never "auto". */
static bool set_padding(EVP_PKEY_CTX *context, const assay_scheme_row *row, const EVP_MD *md)
{
    if (row->method == ASSAY_METHOD_RSA_PKCS1)
        return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) > 0;
    if (row->method == ASSAY_METHOD_RSA_PSS)
        return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) > 0 &&
               EVP_PKEY_CTX_set_rsa_mgf1_md(context, md) > 0 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) > 0;
    return true;
}

/* RSA and ECDSA: the message is hashed with the digest fetched beforehand, and the hash verified. */
static bool prepare_hashed(assay_verify_context *context, const assay_verify_key *key, const assay_scheme_row *row)
{
    const EVP_MD *md = key->crypto->digests[row->digest];
    if (md == NULL)
        return false;
    context->digest = EVP_MD_CTX_new();
    context->pkey = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, key->crypto->properties);
    return context->digest != NULL && context->pkey != NULL && EVP_PKEY_verify_init(context->pkey) > 0 &&
           EVP_PKEY_CTX_set_signature_md(context->pkey, md) > 0 && set_padding(context->pkey, row, md);
}

static bool prepare_eddsa(assay_verify_context *context)
{
    context->digest = EVP_MD_CTX_new();
    return context->digest != NULL;
}

static bool prepare_hmac(assay_verify_context *context, const assay_verify_key *key, const assay_scheme_row *row)
{
    const EVP_MD *md = key->crypto->digests[row->digest];
    if (md == NULL || key->crypto->hmac == NULL)
        return false;
    context->mac = EVP_MAC_CTX_new(key->crypto->hmac);
    if (context->mac == NULL)
        return false;
    /* OSSL_PARAM has no const, and both texts are only read. */
    char *properties = key->crypto->properties;
    OSSL_PARAM params[3];
    OSSL_PARAM *next = params;
    *next++ = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)(uintptr_t)EVP_MD_get0_name(md), 0);
    if (properties != NULL)
        *next++ = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_PROPERTIES, properties, 0);
    *next = OSSL_PARAM_construct_end();
    return EVP_MAC_init(context->mac, key->secret, key->secret_len, params) == 1;
}

static assay_verify_context *make(const assay_verify_key *key, const assay_scheme_row *row)
{
    ASSAY_CLEANUP(assay_verify_context_free_p) assay_verify_context *made = assay_zalloc(sizeof *made);
    if (made == NULL)
        return NULL;
    bool prepared = row->method == ASSAY_METHOD_HMAC    ? prepare_hmac(made, key, row)
                    : row->method == ASSAY_METHOD_EDDSA ? prepare_eddsa(made)
                                                        : prepare_hashed(made, key, row);
    return prepared ? ASSAY_STEAL(made) : NULL;
}

assay_verify_context *assay_verify_context_take(assay_verify_key *key, const assay_scheme_row *row)
{
    assay_verify_pool *pool = &key->pools[row->pool];
    size_t first = first_slot();
    for (size_t i = 0; i < ASSAY_VERIFY_SLOTS; i++) {
        _Atomic(assay_verify_context *) *slot = &pool->slots[(first + i) % ASSAY_VERIFY_SLOTS];
        /* Look before the exchange: an exchange writes even where there is nothing to take. */
        if (atomic_load_explicit(slot, memory_order_relaxed) == NULL)
            continue;
        assay_verify_context *taken = atomic_exchange_explicit(slot, NULL, memory_order_acquire);
        if (taken != NULL)
            return taken;
    }
    return make(key, row);
}

void assay_verify_context_give(assay_verify_key *key, const assay_scheme_row *row, assay_verify_context *context)
{
    assay_verify_pool *pool = &key->pools[row->pool];
    size_t first = first_slot();
    for (size_t i = 0; i < ASSAY_VERIFY_SLOTS; i++) {
        _Atomic(assay_verify_context *) *slot = &pool->slots[(first + i) % ASSAY_VERIFY_SLOTS];
        assay_verify_context *empty = NULL;
        if (atomic_load_explicit(slot, memory_order_relaxed) == NULL &&
            atomic_compare_exchange_strong_explicit(slot, &empty, context, memory_order_release, memory_order_relaxed))
            return;
    }
    assay_verify_context_free(context);
}
