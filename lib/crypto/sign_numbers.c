/* SPDX-License-Identifier: MIT */
/*
 * Private keys from DER. OpenSSL 3 could do it, but it hands the bytes from decoder to decoder and leaves every copy in memory that it gives back; a key made from its
 * numbers (EVP_PKEY_fromdata) leaves nothing.
 */
#include "crypto/sign_private.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>
#include <openssl/params.h>
#include <openssl/pkcs12.h>

ASSAY_DEFINE_CLEANUP(EVP_PKEY_CTX, EVP_PKEY_CTX_free)
ASSAY_DEFINE_CLEANUP(EC_GROUP, EC_GROUP_free)
ASSAY_DEFINE_CLEANUP(EC_POINT, EC_POINT_free)
ASSAY_DEFINE_CLEANUP(BIGNUM, BN_clear_free)

enum {
    TAG_INTEGER = 0x02,
    TAG_BITS = 0x03,
    TAG_OCTETS = 0x04,
    TAG_OID = 0x06,
    TAG_SEQUENCE = 0x30,
    TAG_CONTEXT_0 = 0xa0,
    TAG_CONTEXT_1 = 0xa1
};

#define POINT_MAX (1 + 2 * 66) /* bytes: an uncompressed point of P-521 */
#define RSA_NUMBERS 8

static const char undecryptable[] =
    "holds a private key that can't be decrypted: the passphrase is wrong, or OpenSSL lacks its encryption";
static const char unreadable[] = "holds a private key that can't be read: its DER is damaged";

/* Take one value of definite length (X.690, section 8.1.3) with this tag off the front. */
static bool take(assay_span *rest, int tag, assay_span *value)
{
    const uint8_t *at = (const uint8_t *)rest->ptr;
    if (rest->len < 2 || at[0] != tag)
        return false;
    size_t head = 2;
    size_t len = at[1];
    if (len >= 0x80) {
        size_t octets = len & 0x7fu;
        if (octets == 0 || octets > 3 || rest->len < 2 + octets)
            return false;
        len = 0;
        for (size_t i = 0; i < octets; i++)
            len = len << 8 | at[head++];
    }
    if (rest->len - head < len)
        return false;
    *value = (assay_span){rest->ptr + head, len};
    rest->ptr += head + len;
    rest->len -= head + len;
    return true;
}

/* An INTEGER above zero, without its leading zero octets. */
static bool take_number(assay_span *rest, assay_span *number)
{
    if (!take(rest, TAG_INTEGER, number) || number->len == 0 || ((uint8_t)number->ptr[0] & 0x80u) != 0)
        return false;
    while (number->len > 0 && number->ptr[0] == 0) {
        number->ptr++;
        number->len--;
    }
    return number->len > 0;
}

/* The version number of a structure, one octet. */
static bool take_version(assay_span *rest, int *version)
{
    assay_span value;
    if (!take(rest, TAG_INTEGER, &value) || value.len != 1)
        return false;
    *version = (uint8_t)value.ptr[0];
    return true;
}

static int give_key(assay_sign_parts *parts, const assay_openssl_guard *guard, const char *type, OSSL_PARAM *params,
                    assay_failure *failure)
{
    EVP_PKEY *pkey = NULL;
    ASSAY_CLEANUP(EVP_PKEY_CTX_free_p)
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, parts->crypto->properties);
    if (context == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_KEYPAIR, params) != 1)
        return assay_sign_refuse(
            guard, failure, parts->name,
            "holds a private key that OpenSSL does not take, or whose kind its properties leave out");
    return assay_sign_parts_add_key(parts, pkey, failure);
}

/* OSSL_PARAM holds numbers in the machine's own order of bytes; *room is moved on. */
static OSSL_PARAM number_param(const char *name, assay_span number, uint8_t **room)
{
    uint8_t *out = *room;
    for (size_t i = 0; i < number.len; i++) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        out[i] = (uint8_t)number.ptr[number.len - 1 - i];
#else
        out[i] = (uint8_t)number.ptr[i];
#endif
    }
    *room += number.len;
    return OSSL_PARAM_construct_BN(name, out, number.len);
}

int assay_sign_parts_add_pkcs1(assay_sign_parts *parts, const uint8_t *der, size_t len, assay_failure *failure)
{
    static const char *const names[RSA_NUMBERS] = {
        OSSL_PKEY_PARAM_RSA_N,         OSSL_PKEY_PARAM_RSA_E,
        OSSL_PKEY_PARAM_RSA_D,         OSSL_PKEY_PARAM_RSA_FACTOR1,
        OSSL_PKEY_PARAM_RSA_FACTOR2,   OSSL_PKEY_PARAM_RSA_EXPONENT1,
        OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
    };
    assay_span rest = {(const char *)der, len};
    assay_span fields;
    int version = -1;
    if (!take(&rest, TAG_SEQUENCE, &fields) || rest.len != 0 || !take_version(&fields, &version))
        return assay_sign_refuse(NULL, failure, parts->name, unreadable);
    if (version != 0)
        return assay_sign_refuse(NULL, failure, parts->name, "holds an RSA key of more than two primes");
    assay_span numbers[RSA_NUMBERS];
    for (size_t i = 0; i < RSA_NUMBERS; i++) {
        if (!take_number(&fields, &numbers[i]))
            return assay_sign_refuse(NULL, failure, parts->name, unreadable);
    }
    ASSAY_OPENSSL_GUARD(guard);
    size_t room = 0;
    uint8_t *pages = assay_alloc_pages(len, &room);
    if (pages == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    uint8_t *next = pages;
    OSSL_PARAM params[RSA_NUMBERS + 1];
    for (size_t i = 0; i < RSA_NUMBERS; i++)
        params[i] = number_param(names[i], numbers[i], &next);
    params[RSA_NUMBERS] = OSSL_PARAM_construct_end();
    int code = give_key(parts, &guard, "RSA", params, failure);
    assay_release_pages(pages, room);
    return code;
}

typedef struct curve {
    assay_span oid; /* RFC 5480, section 2.1.1.1; SEC 2, appendix A.2.1 */
    const char *group;
    int nid;
    size_t half;
} curve;

#define OID(text)                                                                                                      \
    {                                                                                                                  \
        text, sizeof(text) - 1                                                                                         \
    }

static const curve *curve_of(assay_span oid)
{
    static const curve curves[] = {
        {OID("\x2a\x86\x48\xce\x3d\x03\x01\x07"), "P-256", NID_X9_62_prime256v1, 32},
        {OID("\x2b\x81\x04\x00\x22"), "P-384", NID_secp384r1, 48},
        {OID("\x2b\x81\x04\x00\x23"), "P-521", NID_secp521r1, 66},
        {OID("\x2b\x81\x04\x00\x0a"), "secp256k1", NID_secp256k1, 32},
    };
    for (size_t i = 0; i < ASSAY_COUNT_OF(curves); i++) {
        if (assay_span_equal(curves[i].oid, oid))
            return &curves[i];
    }
    return NULL;
}

/* The public point of a private number, for writers that leave it out (it is optional: RFC 5915, section 3); 0: could not be had. */
static size_t public_point(const assay_sign_parts *parts, const curve *on, assay_span number, uint8_t out[POINT_MAX])
{
    ASSAY_CLEANUP(EC_GROUP_free_p)
    EC_GROUP *group = EC_GROUP_new_by_curve_name_ex(NULL, parts->crypto->properties, on->nid);
    ASSAY_CLEANUP(EC_POINT_free_p) EC_POINT *point = group == NULL ? NULL : EC_POINT_new(group);
    ASSAY_CLEANUP(BN_clear_free_p) BIGNUM *factor = BN_secure_new();
    if (point == NULL || factor == NULL || BN_bin2bn((const uint8_t *)number.ptr, (int)number.len, factor) == NULL)
        return 0;
    BN_set_flags(factor, BN_FLG_CONSTTIME);
    if (EC_POINT_mul(group, point, factor, NULL, NULL, NULL) != 1)
        return 0;
    return EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, out, POINT_MAX, NULL);
}

/* ECPrivateKey (RFC 5915, section 3) on a curve that stands in it, where @p on is NULL, or outside. */
static int add_ec(assay_sign_parts *parts, assay_span der, const curve *on, assay_failure *failure)
{
    assay_span fields;
    assay_span number;
    assay_span inner;
    assay_span oid;
    assay_span bits = {NULL, 0};
    int version = -1;
    if (!take(&der, TAG_SEQUENCE, &fields) || der.len != 0 || !take_version(&fields, &version) || version != 1 ||
        !take(&fields, TAG_OCTETS, &number) || number.len == 0 || number.len > 66)
        return assay_sign_refuse(NULL, failure, parts->name, unreadable);
    if (take(&fields, TAG_CONTEXT_0, &inner) && on == NULL && take(&inner, TAG_OID, &oid))
        on = curve_of(oid);
    if (on == NULL)
        return assay_sign_refuse(NULL, failure, parts->name,
                                 "holds an EC key that is not on the named curve P-256, P-384, P-521 or secp256k1");
    if (take(&fields, TAG_CONTEXT_1, &inner) && !take(&inner, TAG_BITS, &bits))
        return assay_sign_refuse(NULL, failure, parts->name, unreadable);

    ASSAY_OPENSSL_GUARD(guard);
    uint8_t computed[POINT_MAX];
    uint8_t given[POINT_MAX];
    uint8_t *point = computed;
    size_t point_len = 0;
    if (bits.len > 1 && bits.len - 1 <= sizeof given) { /* after the number of unused bits */
        point_len = bits.len - 1;
        memcpy(given, bits.ptr + 1, point_len);
        point = given;
    } else {
        point_len = public_point(parts, on, number, computed);
    }
    if (point_len == 0)
        return assay_sign_refuse(&guard, failure, parts->name, unreadable);
    size_t room = 0;
    uint8_t *pages = assay_alloc_pages(number.len, &room);
    if (pages == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    uint8_t *next = pages;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)(uintptr_t)on->group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, point_len),
        number_param(OSSL_PKEY_PARAM_PRIV_KEY, number, &next),
        OSSL_PARAM_construct_end(),
    };
    int code = give_key(parts, &guard, "EC", params, failure);
    assay_release_pages(pages, room);
    return code;
}

int assay_sign_parts_add_sec1(assay_sign_parts *parts, const uint8_t *der, size_t len, assay_failure *failure)
{
    return add_ec(parts, (assay_span){(const char *)der, len}, NULL, failure);
}

/* CurvePrivateKey (RFC 8410, section 7). */
static int add_edwards(assay_sign_parts *parts, assay_span der, const char *type, assay_failure *failure)
{
    assay_span raw;
    if (!take(&der, TAG_OCTETS, &raw) || der.len != 0)
        return assay_sign_refuse(NULL, failure, parts->name, unreadable);
    ASSAY_OPENSSL_GUARD(guard);
    EVP_PKEY *pkey =
        EVP_PKEY_new_raw_private_key_ex(NULL, type, parts->crypto->properties, (const uint8_t *)raw.ptr, raw.len);
    if (pkey == NULL)
        return assay_sign_refuse(&guard, failure, parts->name, unreadable);
    return assay_sign_parts_add_key(parts, pkey, failure);
}

int assay_sign_parts_add_pkcs8(assay_sign_parts *parts, const uint8_t *der, size_t len, assay_failure *failure)
{
    static const assay_span rsa = OID("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01");
    static const assay_span pss = OID("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a");
    static const assay_span ec = OID("\x2a\x86\x48\xce\x3d\x02\x01");
    static const assay_span ed25519 = OID("\x2b\x65\x70");
    static const assay_span ed448 = OID("\x2b\x65\x71");
    assay_span rest = {(const char *)der, len};
    assay_span fields;
    assay_span algorithm;
    assay_span oid;
    assay_span curve_oid;
    assay_span key;
    int version = -1;
    /* Version 1 is RFC 5958, with the public key after what we read. */
    if (!take(&rest, TAG_SEQUENCE, &fields) || rest.len != 0 || !take_version(&fields, &version) || version > 1 ||
        !take(&fields, TAG_SEQUENCE, &algorithm) || !take(&algorithm, TAG_OID, &oid) ||
        !take(&fields, TAG_OCTETS, &key))
        return assay_sign_refuse(NULL, failure, parts->name, unreadable);
    if (assay_span_equal(oid, rsa))
        return assay_sign_parts_add_pkcs1(parts, (const uint8_t *)key.ptr, key.len, failure);
    if (assay_span_equal(oid, ec))
        return add_ec(parts, key, take(&algorithm, TAG_OID, &curve_oid) ? curve_of(curve_oid) : NULL, failure);
    if (assay_span_equal(oid, ed25519))
        return add_edwards(parts, key, "ED25519", failure);
    if (assay_span_equal(oid, ed448))
        return add_edwards(parts, key, "ED448", failure);
    if (assay_span_equal(oid, pss))
        return assay_sign_refuse(
            NULL, failure, parts->name,
            "holds a key for RSA-PSS alone; make it a plain RSA key, which PS256 is signed with too");
    return assay_sign_refuse(NULL, failure, parts->name, "holds a private key that is neither RSA, EC nor EdDSA");
}

static bool is_pkcs8(const uint8_t *der, size_t len)
{
    assay_span rest = {(const char *)der, len};
    assay_span fields;
    int version = -1;
    return take(&rest, TAG_SEQUENCE, &fields) && rest.len == 0 && take_version(&fields, &version);
}

int assay_sign_parts_add_encrypted(assay_sign_parts *parts, const X509_SIG *sealed, const char *passphrase,
                                   size_t passphrase_len, assay_failure *failure)
{
    ASSAY_OPENSSL_GUARD(guard);
    const X509_ALGOR *algorithm = NULL;
    const ASN1_OCTET_STRING *text = NULL;
    uint8_t *der = NULL;
    int len = 0;
    X509_SIG_get0(sealed, &algorithm, &text);
    if (PKCS12_pbe_crypt_ex(algorithm, passphrase, (int)passphrase_len, ASN1_STRING_get0_data(text),
                            ASN1_STRING_length(text), &der, &len, 0, NULL, parts->crypto->properties) == NULL)
        return assay_sign_refuse(&guard, failure, parts->name, undecryptable);
    /* One wrong passphrase in 256 makes right padding. */
    int code = is_pkcs8(der, (size_t)len) ? assay_sign_parts_add_pkcs8(parts, der, (size_t)len, failure)
                                          : assay_sign_refuse(NULL, failure, parts->name, undecryptable);
    OPENSSL_clear_free(der, (size_t)len);
    return code;
}
