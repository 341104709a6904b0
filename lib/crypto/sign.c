/* SPDX-License-Identifier: MIT */
#include "crypto/sign.h"

#include "crypto/sign_private.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>

ASSAY_DEFINE_CLEANUP(ECDSA_SIG, ECDSA_SIG_free)

#define TEXT_(number) #number
#define TEXT(number) TEXT_(number)

assay_sign_key *assay_sign_key_ref(assay_sign_key *key)
{
    if (key != NULL)
        atomic_fetch_add_explicit(&key->references, 1, memory_order_relaxed);
    return key;
}

void assay_sign_key_unref(assay_sign_key *key)
{
    if (key == NULL || atomic_fetch_sub_explicit(&key->references, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < key->certificate_count; i++)
        assay_release(key->certificates[i].der);
    EVP_PKEY_free(key->pkey);
    assay_crypto_unref(key->crypto);
    assay_release(key);
}

assay_key_kind assay_sign_key_kind(const assay_sign_key *key)
{
    return key->kind;
}

unsigned assay_sign_key_bits(const assay_sign_key *key)
{
    return key->bits;
}

bool assay_sign_key_fits(const assay_sign_key *key, assay_scheme scheme)
{
    const assay_scheme_row *row = assay_scheme_row_of(scheme);
    return row != NULL && row->kind == key->kind;
}

size_t assay_sign_key_certificate_count(const assay_sign_key *key)
{
    return key->certificate_count;
}

const uint8_t *assay_sign_key_certificate(const assay_sign_key *key, size_t index, size_t *len)
{
    *len = index < key->certificate_count ? key->certificates[index].len : 0;
    return index < key->certificate_count ? key->certificates[index].der : NULL;
}

int64_t assay_sign_key_not_before(const assay_sign_key *key)
{
    return key->not_before;
}

int64_t assay_sign_key_not_after(const assay_sign_key *key)
{
    return key->not_after;
}

int assay_sign_key_thumbprint(const assay_sign_key *key, assay_digest digest, uint8_t *out, size_t *out_len)
{
    *out_len = 0;
    if (key->certificate_count == 0)
        return ASSAY_E_CONFIG_SIGNING_KEY;
    return assay_crypto_digest(key->crypto, digest, key->certificates[0].der, key->certificates[0].len, out, out_len);
}

static bool curve_kind(const EVP_PKEY *pkey, assay_key_kind *kind)
{
    static const struct {
        const char *names[2]; /* one curve has two, and providers differ */
        assay_key_kind kind;
    } curves[] = {
        {{"prime256v1", "P-256"}, ASSAY_KEY_P256},
        {{"secp384r1", "P-384"}, ASSAY_KEY_P384},
        {{"secp521r1", "P-521"}, ASSAY_KEY_P521},
        {{"secp256k1", "secp256k1"}, ASSAY_KEY_K256},
    };
    char name[64];
    size_t len = 0;
    if (EVP_PKEY_get_group_name(pkey, name, sizeof name, &len) != 1)
        return false;
    for (size_t i = 0; i < ASSAY_COUNT_OF(curves); i++) {
        if (!assay_text_same(name, curves[i].names[0]) && !assay_text_same(name, curves[i].names[1]))
            continue;
        *kind = curves[i].kind;
        return true;
    }
    return false;
}

/* NULL: the key is one that we sign with; otherwise what is wrong. */
static const char *find_kind(assay_sign_key *key)
{
    const EVP_PKEY *pkey = key->pkey;
    int bits = EVP_PKEY_get_bits(pkey);
    key->bits = bits > 0 ? (unsigned)bits : 0;
    if (EVP_PKEY_is_a(pkey, "RSA") == 1) {
        key->kind = ASSAY_KEY_RSA;
        if (key->bits < ASSAY_LIMIT_RSA_BITS_MIN) /* RFC 7518, section 3.3 */
            return "holds an RSA key of less than " TEXT(ASSAY_LIMIT_RSA_BITS_MIN) " bits, which is too weak";
        return key->bits > ASSAY_LIMIT_RSA_BITS_MAX
                   ? "holds an RSA key of more than " TEXT(ASSAY_LIMIT_RSA_BITS_MAX) " bits"
                   : NULL;
    }
    if (EVP_PKEY_is_a(pkey, "EC") == 1)
        return curve_kind(pkey, &key->kind) ? NULL : "holds an EC key of a curve that no JWS algorithm is for";
    if (EVP_PKEY_is_a(pkey, "ED25519") == 1 || EVP_PKEY_is_a(pkey, "ED448") == 1) {
        key->kind = EVP_PKEY_is_a(pkey, "ED448") == 1 ? ASSAY_KEY_ED448 : ASSAY_KEY_ED25519;
        return NULL;
    }
    return "holds a private key that is neither RSA, EC nor EdDSA";
}

/* A scheme that fits the kind. */
static assay_scheme scheme_of(assay_key_kind kind)
{
    assay_scheme scheme = ASSAY_SCHEME_RSA_PKCS1_SHA256;
    while (scheme < ASSAY_SCHEME_COUNT && assay_scheme_row_of(scheme)->kind != kind)
        scheme++;
    return scheme;
}

/*
 * Whether the private numbers belong to the public ones, which the certificate is compared with: a signature that only the server finds wrong would be
 * hard to explain.
 */
static int try_out_key(const assay_sign_key *key, const char *name, assay_failure *failure)
{
    static const char text[] = "a try";
    uint8_t signature[ASSAY_SIGNATURE_MAX];
    size_t len = 0;
    assay_scheme scheme = scheme_of(key->kind);
    int code = assay_sign_key_sign(key, scheme, text, sizeof text, signature, &len);
    if (code != ASSAY_OK)
        return assay_fail(failure, code);
    ASSAY_CLEANUP(assay_verify_key_unref_p) assay_verify_key *verifier = NULL;
    code = assay_verify_key_wrap(key->crypto, key->kind, key->bits, len, key->pkey, &verifier);
    if (code == ASSAY_OK)
        code = assay_verify_key_verify(verifier, scheme, text, sizeof text, signature, len);
    if (code == ASSAY_E_SIGNATURE)
        return assay_sign_refuse(NULL, failure, name,
                                 "holds a private key whose private and public numbers don't belong together");
    return assay_fail(failure, code);
}

int assay_sign_key_make(assay_sign_parts *parts, bool try_out, assay_sign_key **key, assay_failure *failure)
{
    if (parts->pkey == NULL)
        return assay_sign_refuse(NULL, failure, parts->name, "holds no private key");
    ASSAY_CLEANUP(assay_sign_key_unref_p) assay_sign_key *made = assay_zalloc(sizeof *made);
    if (made == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    atomic_init(&made->references, 1);
    made->crypto = assay_crypto_ref(parts->crypto);
    made->pkey = ASSAY_STEAL(parts->pkey);
    ASSAY_OPENSSL_GUARD(guard);
    const char *fault = find_kind(made);
    if (fault != NULL)
        return assay_sign_refuse(&guard, failure, parts->name, fault);
    int code = try_out ? try_out_key(made, parts->name, failure) : ASSAY_OK;
    if (code == ASSAY_OK)
        code = assay_sign_key_set_chain(made, parts, failure);
    if (code != ASSAY_OK)
        return code;
    *key = ASSAY_STEAL(made);
    return assay_fail(failure, ASSAY_OK);
}

/* Bytes of r and of s: of the order of the curve (RFC 7518, section 3.4; RFC 8812, section 3.2). */
static size_t half_of(assay_key_kind kind)
{
    return kind == ASSAY_KEY_P384 ? 48 : kind == ASSAY_KEY_P521 ? 66 : 32;
}

/* OpenSSL writes DER. */
static bool to_halves(const uint8_t *der, size_t der_len, size_t half, uint8_t *signature)
{
    const uint8_t *next = der;
    ASSAY_CLEANUP(ECDSA_SIG_free_p) ECDSA_SIG *parsed = d2i_ECDSA_SIG(NULL, &next, (long)der_len);
    return parsed != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(parsed), signature, (int)half) == (int)half &&
           BN_bn2binpad(ECDSA_SIG_get0_s(parsed), signature + half, (int)half) == (int)half;
}

/* RFC 7518, section 3.5: MGF1 with the same hash, salt as long as the hash. */
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

/* @p out holds ASSAY_SIGNATURE_MAX bytes. */
static bool sign(const assay_sign_key *key, const assay_scheme_row *row, const void *message, size_t len, uint8_t *out,
                 size_t *out_len)
{
    const EVP_MD *md = row->method == ASSAY_METHOD_EDDSA ? NULL : key->crypto->digests[row->digest];
    if (md == NULL && row->method != ASSAY_METHOD_EDDSA)
        return false;
    EVP_PKEY_CTX *inner = NULL; /* belongs to the other */
    ASSAY_CLEANUP(EVP_MD_CTX_free_p) EVP_MD_CTX *context = EVP_MD_CTX_new();
    *out_len = ASSAY_SIGNATURE_MAX;
    return context != NULL &&
           EVP_DigestSignInit_ex(context, &inner, md == NULL ? NULL : EVP_MD_get0_name(md), NULL,
                                 key->crypto->properties, key->pkey, NULL) == 1 &&
           set_padding(inner, row, md) && EVP_DigestSign(context, out, out_len, message, len) == 1;
}

int assay_sign_key_sign(const assay_sign_key *key, assay_scheme scheme, const void *message, size_t len,
                        uint8_t *signature, size_t *signature_len)
{
    *signature_len = 0;
    const assay_scheme_row *row = assay_scheme_row_of(scheme);
    if (row == NULL || row->kind != key->kind)
        return ASSAY_E_ALGORITHM_KEY;
    ASSAY_OPENSSL_GUARD(guard);
    uint8_t made[ASSAY_SIGNATURE_MAX];
    size_t made_len = 0;
    size_t half = half_of(key->kind);
    bool done = sign(key, row, message, len, made, &made_len);
    if (done && row->method == ASSAY_METHOD_ECDSA) {
        done = to_halves(made, made_len, half, signature);
        made_len = 2 * half;
    } else if (done) {
        memcpy(signature, made, made_len);
    }
    if (!done)
        return assay_openssl_lacked_memory(&guard) ? ASSAY_E_MEMORY : ASSAY_E_CRYPTO;
    *signature_len = made_len;
    return ASSAY_OK;
}
