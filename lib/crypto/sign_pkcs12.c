/* SPDX-License-Identifier: MIT */
/* PKCS#12 (RFC 7292), taken apart piece by piece, since PKCS12_parse() makes the key by OpenSSL's decoders (sign_numbers.c says why not). */
#include "crypto/sign_private.h"

#include <openssl/pkcs12.h>

static void free_safes(STACK_OF(PKCS7) * safes)
{
    sk_PKCS7_pop_free(safes, PKCS7_free);
}

static void free_bags(STACK_OF(PKCS12_SAFEBAG) * bags)
{
    sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
}

typedef STACK_OF(PKCS7) safe_stack;
typedef STACK_OF(PKCS12_SAFEBAG) bag_stack;
ASSAY_DEFINE_CLEANUP(PKCS12, PKCS12_free)
ASSAY_DEFINE_CLEANUP(safe_stack, free_safes)
ASSAY_DEFINE_CLEANUP(bag_stack, free_bags)

static const char damaged[] = "holds a PKCS#12 that can't be read: it is damaged";

typedef struct opened {
    assay_sign_parts *parts;
    const char *text; /* the passphrase that the file's MAC is by; NULL for none */
    int len;
} opened;

static int add_plain_key(const opened *from, const PKCS12_SAFEBAG *bag, assay_failure *failure)
{
    uint8_t *der = NULL;
    int len = i2d_PKCS8_PRIV_KEY_INFO(PKCS12_SAFEBAG_get0_p8inf(bag), &der);
    if (len <= 0)
        return assay_sign_refuse(NULL, failure, from->parts->name, damaged);
    int code = assay_sign_parts_add_pkcs8(from->parts, der, (size_t)len, failure);
    OPENSSL_clear_free(der, (size_t)len);
    return code;
}

static int add_bag(const opened *from, const PKCS12_SAFEBAG *bag, assay_failure *failure)
{
    switch (PKCS12_SAFEBAG_get_nid(bag)) {
    case NID_keyBag:
        return add_plain_key(from, bag, failure);
    case NID_pkcs8ShroudedKeyBag:
        return assay_sign_parts_add_encrypted(from->parts, PKCS12_SAFEBAG_get0_pkcs8(bag), from->text,
                                              (size_t)from->len, failure);
    case NID_certBag:
        break;
    default: /* revocation lists, secrets, and nested safes, which nobody writes */
        return ASSAY_OK;
    }
    if (PKCS12_SAFEBAG_get_bag_nid(bag) != NID_x509Certificate)
        return ASSAY_OK;
    ASSAY_OPENSSL_GUARD(guard);
    X509 *certificate = PKCS12_SAFEBAG_get1_cert(bag);
    if (certificate == NULL)
        return assay_sign_refuse(&guard, failure, from->parts->name, damaged);
    return assay_sign_parts_add_certificate(from->parts, certificate, from->parts->name, failure);
}

static int add_safe(const opened *from, PKCS7 *safe, assay_failure *failure)
{
    ASSAY_OPENSSL_GUARD(guard);
    int kind = OBJ_obj2nid(safe->type);
    if (kind != NID_pkcs7_data && kind != NID_pkcs7_encrypted)
        return ASSAY_OK;
    ASSAY_CLEANUP(free_bags_p)
    bag_stack *bags =
        kind == NID_pkcs7_data ? PKCS12_unpack_p7data(safe) : PKCS12_unpack_p7encdata(safe, from->text, from->len);
    if (bags == NULL)
        return assay_sign_refuse(
            &guard, failure, from->parts->name,
            kind == NID_pkcs7_data
                ? damaged
                : "holds a PKCS#12 whose certificates can't be decrypted: OpenSSL lacks its encryption; "
                  "write it anew with AES");
    for (int i = 0; i < sk_PKCS12_SAFEBAG_num(bags); i++) {
        int code = add_bag(from, sk_PKCS12_SAFEBAG_value(bags, i), failure);
        if (code != ASSAY_OK)
            return code;
    }
    return ASSAY_OK;
}

/* An absent and an empty passphrase are two things in PKCS#12, and writers mean the same by them. */
static bool open_by(opened *from, PKCS12 *file, const char *text, size_t len)
{
    from->text = text;
    from->len = (int)len;
    return PKCS12_mac_present(file) != 1 || PKCS12_verify_mac(file, text, (int)len) == 1;
}

int assay_sign_parts_add_pkcs12(assay_sign_parts *parts, const uint8_t *der, size_t len, const assay_secret *passphrase,
                                assay_failure *failure)
{
    ASSAY_OPENSSL_GUARD(guard);
    ASSAY_CLEANUP(PKCS12_free_p) PKCS12 *file = PKCS12_init_ex(NID_pkcs7_data, NULL, parts->crypto->properties);
    if (file == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    const uint8_t *next = der;
    if (d2i_PKCS12(&file, &next, (long)len) == NULL)
        return assay_sign_refuse(&guard, failure, parts->name, "holds neither PEM nor PKCS#12");
    opened from = {.parts = parts};
    bool given = passphrase != NULL && passphrase->len > 0;
    bool is_open = given ? open_by(&from, file, passphrase->text, passphrase->len)
                         : open_by(&from, file, "", 0) || open_by(&from, file, NULL, 0);
    if (!is_open)
        return assay_sign_refuse(&guard, failure, parts->name,
                                 given ? "holds a PKCS#12 that can't be opened: the passphrase is wrong"
                                       : "holds a PKCS#12 that needs a passphrase, and there is none");
    ASSAY_CLEANUP(free_safes_p) safe_stack *safes = PKCS12_unpack_authsafes(file);
    if (safes == NULL)
        return assay_sign_refuse(&guard, failure, parts->name, damaged);
    for (int i = 0; i < sk_PKCS7_num(safes); i++) {
        int code = add_safe(&from, sk_PKCS7_value(safes, i), failure);
        if (code != ASSAY_OK)
            return code;
    }
    return ASSAY_OK;
}
