/* SPDX-License-Identifier: MIT */
#include "crypto/key_private.h"

#include <assay/error.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/objects.h>
#include <openssl/params.h>
#include <string.h>

#define FIELD_MAX 66 /* bytes: P-521 */
#define ED25519_BYTES 32
#define ED448_BYTES 57

ASSAY_DEFINE_CLEANUP(EVP_PKEY_CTX, EVP_PKEY_CTX_free)
ASSAY_DEFINE_CLEANUP(EC_GROUP, EC_GROUP_free)
ASSAY_DEFINE_CLEANUP(EC_POINT, EC_POINT_free)
ASSAY_DEFINE_CLEANUP(BIGNUM, BN_free)

typedef struct curve {
    const char *group;
    int nid;
    unsigned bits;
    size_t field; /* bytes of a coordinate, and of the order */
} curve;

static const curve *curve_of(assay_key_kind kind)
{
    static const curve p256 = {"P-256", NID_X9_62_prime256v1, 256, 32};
    static const curve p384 = {"P-384", NID_secp384r1, 384, 48};
    static const curve p521 = {"P-521", NID_secp521r1, 521, 66};
    static const curve k256 = {"secp256k1", NID_secp256k1, 256, 32};
    switch (kind) {
    case ASSAY_KEY_P256:
        return &p256;
    case ASSAY_KEY_P384:
        return &p384;
    case ASSAY_KEY_P521:
        return &p521;
    case ASSAY_KEY_K256:
        return &k256;
    case ASSAY_KEY_RSA:
    case ASSAY_KEY_ED25519:
    case ASSAY_KEY_ED448:
    case ASSAY_KEY_SYMMETRIC:
        break;
    }
    return NULL;
}

static int refuse(const char **why, const char *sentence)
{
    *why = sentence;
    return ASSAY_E_CONFIG_KEYS;
}

/*
 * Whether the coordinates are below the field's prime and the point lies on the curve (SEC 1, section 3.2.2.1; CVE-2022-0778 and kin). These
 * curves have cofactor 1, so that every such point generates the whole group; infinity has no coordinates.
 */
static int vet_point(const assay_crypto *crypto, const curve *c, const uint8_t *x, const uint8_t *y, const char **why)
{
    ASSAY_OPENSSL_GUARD(guard);
    ASSAY_CLEANUP(EC_GROUP_free_p)
    EC_GROUP *group = EC_GROUP_new_by_curve_name_ex(NULL, crypto->properties, c->nid);
    if (group == NULL)
        return assay_verify_key_not_made(&guard, why);
    ASSAY_CLEANUP(EC_POINT_free_p) EC_POINT *point = EC_POINT_new(group);
    ASSAY_CLEANUP(BN_free_p) BIGNUM *prime = BN_new();
    ASSAY_CLEANUP(BN_free_p) BIGNUM *bx = BN_bin2bn(x, (int)c->field, NULL);
    ASSAY_CLEANUP(BN_free_p) BIGNUM *by = BN_bin2bn(y, (int)c->field, NULL);
    if (point == NULL || prime == NULL || bx == NULL || by == NULL ||
        EC_GROUP_get_curve(group, prime, NULL, NULL, NULL) != 1)
        return ASSAY_E_MEMORY;
    if (BN_cmp(bx, prime) >= 0 || BN_cmp(by, prime) >= 0)
        return refuse(why, "a coordinate of the EC point is not below the field's prime");
    if (EC_POINT_set_affine_coordinates(group, point, bx, by, NULL) != 1) {
        if (assay_openssl_lacked_memory(&guard))
            return ASSAY_E_MEMORY;
        return refuse(why, "the EC point is not on the curve");
    }
    return ASSAY_OK;
}

int assay_verify_key_new_ec(assay_crypto *crypto, assay_key_kind kind, const uint8_t *x, size_t x_len, const uint8_t *y,
                            size_t y_len, assay_verify_key **key, const char **why)
{
    *key = NULL;
    *why = NULL;
    const curve *c = curve_of(kind);
    if (c == NULL)
        return refuse(why, "not a curve for ECDSA");
    if (x_len != c->field || y_len != c->field) /* RFC 7518, section 6.2.1.2 */
        return refuse(why, "a coordinate of the EC point has not the length of the curve's field");
    int code = vet_point(crypto, c, x, y, why);
    if (code != ASSAY_OK)
        return code;

    ASSAY_OPENSSL_GUARD(guard);
    uint8_t point[1 + 2 * FIELD_MAX] = {POINT_CONVERSION_UNCOMPRESSED};
    memcpy(point + 1, x, c->field);
    memcpy(point + 1 + c->field, y, c->field);
    char group[16];
    memcpy(group, c->group, strlen(c->group) + 1);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * c->field),
        OSSL_PARAM_construct_end(),
    };
    ASSAY_CLEANUP(EVP_PKEY_CTX_free_p)
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", crypto->properties);
    ASSAY_CLEANUP(EVP_PKEY_free_p) EVP_PKEY *pkey = NULL;
    if (context == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
        return assay_verify_key_not_made(&guard, why);
    /* OpenSSL's own opinion (SP 800-56A, section 5.6.2.3), beside ours. */
    ASSAY_CLEANUP(EVP_PKEY_CTX_free_p)
    EVP_PKEY_CTX *check = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, crypto->properties);
    if (check == NULL || EVP_PKEY_public_check(check) != 1) {
        if (check == NULL || assay_openssl_lacked_memory(&guard))
            return ASSAY_E_MEMORY;
        return refuse(why, "the EC point is not a valid public key");
    }
    return assay_verify_key_wrap(crypto, kind, c->bits, 2 * c->field, pkey, key);
}

static bool all_are(const uint8_t *bytes, size_t from, size_t to, uint8_t value)
{
    for (size_t i = from; i < to; i++) {
        if (bytes[i] != value)
            return false;
    }
    return true;
}

/*
 * Points of small order make signatures that fit any message, and no honest key is one; OpenSSL does not look. Nor does it refuse
 * an encoding with y not below the prime, which RFC 8032, section 5.1.3, step 1, calls undecodable. Both are told from y alone.
 */
static const char *ed25519_fault(const uint8_t *x)
{
    /* y of the four points of order 8, little-endian. */
    static const uint8_t order8[2][ED25519_BYTES] = {
        {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
         0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
        {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
         0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
    };
    static const char small[] = "the Ed25519 point has a small order: anybody could forge signatures";
    uint8_t y[ED25519_BYTES];
    memcpy(y, x, sizeof y);
    y[ED25519_BYTES - 1] &= 0x7f;                     /* the sign of the other coordinate */
    if (y[0] <= 1 && all_are(y, 1, ED25519_BYTES, 0)) /* 0: order 4; 1: the neutral point */
        return small;
    bool top = all_are(y, 1, ED25519_BYTES - 1, 0xff) && y[ED25519_BYTES - 1] == 0x7f;
    if (top && y[0] == 0xec) /* p - 1: order 2 */
        return small;
    if (top && y[0] >= 0xed) /* p = 2^255 - 19 */
        return "the Ed25519 point is not in its canonical form";
    if (memcmp(y, order8[0], sizeof y) == 0 || memcmp(y, order8[1], sizeof y) == 0)
        return small;
    return NULL;
}

/* The same for p = 2^448 - 2^224 - 1, whose curve has cofactor 4: RFC 8032, section 5.2.3. */
static const char *ed448_fault(const uint8_t *x)
{
    static const char small[] = "the Ed448 point has a small order: anybody could forge signatures";
    static const char odd_form[] = "the Ed448 point is not in its canonical form";
    if ((x[ED448_BYTES - 1] & 0x7f) != 0)
        return odd_form;
    if (x[0] <= 1 && all_are(x, 1, 56, 0)) /* 0: order 4; 1: the neutral point */
        return small;
    /* p in little-endian: 28 octets 0xff, one 0xfe, 27 octets 0xff. */
    bool high = all_are(x, 29, 56, 0xff);
    if (high && x[28] == 0xff)
        return odd_form;
    bool equals_p_above = high && x[28] == 0xfe && all_are(x, 1, 28, 0xff);
    if (equals_p_above && x[0] == 0xff)
        return odd_form;
    if (equals_p_above && x[0] == 0xfe) /* p - 1: order 2 */
        return small;
    return NULL;
}

int assay_verify_key_new_okp(assay_crypto *crypto, assay_key_kind kind, const uint8_t *x, size_t x_len,
                             assay_verify_key **key, const char **why)
{
    *key = NULL;
    *why = NULL;
    bool is_25519 = kind == ASSAY_KEY_ED25519;
    if (!is_25519 && kind != ASSAY_KEY_ED448)
        return refuse(why, "not a curve for EdDSA");
    if (x_len != (is_25519 ? ED25519_BYTES : ED448_BYTES))
        return refuse(why, is_25519 ? "an Ed25519 key has 32 bytes, this one has not"
                                    : "an Ed448 key has 57 bytes, this one has not");
    const char *fault = is_25519 ? ed25519_fault(x) : ed448_fault(x);
    if (fault != NULL)
        return refuse(why, fault);
    ASSAY_OPENSSL_GUARD(guard);
    ASSAY_CLEANUP(EVP_PKEY_free_p)
    EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key_ex(NULL, is_25519 ? "ED25519" : "ED448", crypto->properties, x, x_len);
    if (pkey == NULL)
        return assay_verify_key_not_made(&guard, why);
    return assay_verify_key_wrap(crypto, kind, is_25519 ? 255 : 448, 2 * x_len, pkey, key);
}
