/* SPDX-License-Identifier: MIT */
#include "token/algorithm.h"

#define ONE(scheme) {scheme, scheme}, 1

/*
 * The policy as data. `none` is not here, so that no list can allow it (RFC 8725, section 3.2). The hash of an Ed448 token's
 * at_hash is SHAKE256 with 114 bytes, as practised (it is not in OIDC Core).
 */
static const assay_algorithm table[] = {
    {"RS256", ONE(ASSAY_SCHEME_RSA_PKCS1_SHA256), false, ASSAY_DIGEST_SHA256, "RFC 7518, section 3.3"},
    {"RS384", ONE(ASSAY_SCHEME_RSA_PKCS1_SHA384), false, ASSAY_DIGEST_SHA384, "RFC 7518, section 3.3"},
    {"RS512", ONE(ASSAY_SCHEME_RSA_PKCS1_SHA512), false, ASSAY_DIGEST_SHA512, "RFC 7518, section 3.3"},
    {"PS256", ONE(ASSAY_SCHEME_RSA_PSS_SHA256), false, ASSAY_DIGEST_SHA256, "RFC 7518, section 3.5"},
    {"PS384", ONE(ASSAY_SCHEME_RSA_PSS_SHA384), false, ASSAY_DIGEST_SHA384, "RFC 7518, section 3.5"},
    {"PS512", ONE(ASSAY_SCHEME_RSA_PSS_SHA512), false, ASSAY_DIGEST_SHA512, "RFC 7518, section 3.5"},
    {"ES256", ONE(ASSAY_SCHEME_ECDSA_P256_SHA256), false, ASSAY_DIGEST_SHA256, "RFC 7518, section 3.4"},
    {"ES384", ONE(ASSAY_SCHEME_ECDSA_P384_SHA384), false, ASSAY_DIGEST_SHA384, "RFC 7518, section 3.4"},
    {"ES512", ONE(ASSAY_SCHEME_ECDSA_P521_SHA512), false, ASSAY_DIGEST_SHA512, "RFC 7518, section 3.4"},
    {"ES256K", ONE(ASSAY_SCHEME_ECDSA_K256_SHA256), false, ASSAY_DIGEST_SHA256, "RFC 8812, section 3.2"},
    {"EdDSA", {ASSAY_SCHEME_ED25519, ASSAY_SCHEME_ED448}, 2, false, ASSAY_DIGEST_SHA512, "RFC 8037, section 3.1"},
    {"Ed25519", ONE(ASSAY_SCHEME_ED25519), false, ASSAY_DIGEST_SHA512, "RFC 9864, section 2.2"},
    {"Ed448", ONE(ASSAY_SCHEME_ED448), false, ASSAY_DIGEST_SHAKE256_114, "RFC 9864, section 2.2"},
    {"HS256", ONE(ASSAY_SCHEME_HMAC_SHA256), true, ASSAY_DIGEST_SHA256, "RFC 7518, section 3.2"},
    {"HS384", ONE(ASSAY_SCHEME_HMAC_SHA384), true, ASSAY_DIGEST_SHA384, "RFC 7518, section 3.2"},
    {"HS512", ONE(ASSAY_SCHEME_HMAC_SHA512), true, ASSAY_DIGEST_SHA512, "RFC 7518, section 3.2"},
};

_Static_assert(ASSAY_COUNT_OF(table) == ASSAY_ALGORITHM_COUNT, "ASSAY_ALGORITHM_COUNT is the length of the table");

const assay_algorithm *assay_algorithm_at(size_t index)
{
    return index < ASSAY_COUNT_OF(table) ? &table[index] : NULL;
}

int assay_algorithm_find(const char *name, size_t len)
{
    for (size_t i = 0; i < ASSAY_COUNT_OF(table); i++) {
        if (assay_span_is((assay_span){name, len}, table[i].name))
            return (int)i;
    }
    return -1;
}

assay_algorithm_set assay_algorithm_default_set(void)
{
    return 1u << assay_algorithm_find("RS256", 5) | 1u << assay_algorithm_find("ES256", 5);
}

assay_algorithm_set assay_algorithm_symmetric_set(void)
{
    assay_algorithm_set set = 0;
    for (size_t i = 0; i < ASSAY_COUNT_OF(table); i++) {
        if (table[i].symmetric)
            set |= 1u << i;
    }
    return set;
}

void assay_algorithm_set_text(assay_algorithm_set set, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < ASSAY_COUNT_OF(table); i++) {
        size_t len = strlen(table[i].name);
        if ((set & 1u << i) == 0 || used + len + 2 > size)
            continue;
        if (used > 0)
            out[used++] = ' ';
        memcpy(out + used, table[i].name, len + 1);
        used += len;
    }
}

/* Whether a key that names @p own serves a token that names @p algorithm. */
static bool names_agree(const assay_algorithm *algorithm, const char *own, assay_scheme scheme)
{
    if (strcmp(own, algorithm->name) == 0)
        return true;
    /* Two names for one scheme, old and fully specified (RFC 9864, section 2.2). */
    const char *specified = scheme == ASSAY_SCHEME_ED25519 ? "Ed25519" : scheme == ASSAY_SCHEME_ED448 ? "Ed448" : NULL;
    if (specified == NULL)
        return false;
    return strcmp(own, "EdDSA") == 0 || (strcmp(own, specified) == 0 && strcmp(algorithm->name, "EdDSA") == 0);
}

bool assay_algorithm_fits(const assay_algorithm *algorithm, const assay_jwk *jwk, assay_scheme *scheme)
{
    for (size_t i = 0; i < algorithm->scheme_count; i++) {
        assay_scheme candidate = algorithm->scheme[i];
        if (!assay_verify_key_fits(jwk->key, candidate))
            continue;
        if (jwk->algorithm != NULL && !names_agree(algorithm, jwk->algorithm, candidate))
            return false;
        *scheme = candidate;
        return true;
    }
    return false;
}
