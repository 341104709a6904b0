/* SPDX-License-Identifier: MIT */
#include "keys/jwk_private.h"

/*
 * The certificate beside a key (RFC 7517, sections 4.7 to 4.9) gives no trust: it must only not belie the key. Its dates and its chain are not
 * looked at; the keys come over the issuer's own TLS.
 */

#define HEX_MAX (2 * 32)

/* Whether @p text spells the digest in hexadecimal digits. */
static bool is_hex_of(const uint8_t *text, size_t len, const uint8_t *digest, size_t digest_len)
{
    static const char upper[] = "0123456789ABCDEF";
    char hex[HEX_MAX];
    if (len != 2 * digest_len || len > sizeof hex)
        return false;
    for (size_t i = 0; i < digest_len; i++) {
        hex[2 * i] = upper[digest[i] >> 4];
        hex[2 * i + 1] = upper[digest[i] & 15];
    }
    for (size_t i = 0; i < len; i++) {
        uint8_t c = text[i] >= 'a' && text[i] <= 'f' ? (uint8_t)(text[i] - 'a' + 'A') : text[i];
        if (c != (uint8_t)hex[i])
            return false;
    }
    return true;
}

/*
 * The digest of the certificate as the key states it. Auth0's older keys encode the hexadecimal text of the digest instead of the digest: the same
 * statement, so it is understood.
 */
static int check_thumbprint(const assay_crypto *crypto, const assay_json *json, const char *name, assay_digest digest,
                            assay_span der, assay_jwk_why why)
{
    assay_span text;
    int code = assay_jwk_read_text(json, name, &text, why);
    if (code != ASSAY_OK || text.ptr == NULL)
        return code;
    uint8_t expected[ASSAY_DIGEST_MAX];
    size_t expected_len = 0;
    code = assay_crypto_digest(crypto, digest, der.ptr, der.len, expected, &expected_len);
    if (code != ASSAY_OK)
        /* No SHA-1 under FIPS: then x5t can't be checked, and the certificate itself was. */
        return digest == ASSAY_DIGEST_SHA1 ? ASSAY_OK : code;
    uint8_t stated[ASSAY_BASE64URL_DECODED(ASSAY_BASE64URL_ENCODED(HEX_MAX) + 3)];
    size_t stated_len = 0;
    if (text.len > ASSAY_BASE64URL_ENCODED(HEX_MAX) + 2 ||
        (!assay_base64url_decode(text.ptr, text.len, stated, &stated_len) &&
         !assay_base64_decode(text.ptr, text.len, stated, &stated_len)))
        return assay_jwk_skip(why, "its member \"%s\" is not the digest of a certificate in base64url", name);
    bool same = (stated_len == expected_len && memcmp(stated, expected, expected_len) == 0) ||
                is_hex_of(stated, stated_len, expected, expected_len);
    return same ? ASSAY_OK : assay_jwk_skip(why, "its member \"%s\" is the digest of another certificate", name);
}

static int check_first(const assay_crypto *crypto, const assay_json *json, const assay_verify_key *key, assay_span text,
                       assay_jwk_why why)
{
    if (text.len > (ASSAY_LIMIT_X5C_BYTES + 2) / 3 * 4)
        return assay_jwk_skip(why, "its certificate in \"x5c\" is longer than %d bytes", ASSAY_LIMIT_X5C_BYTES);
    ASSAY_AUTO_RELEASE uint8_t *der = assay_alloc(ASSAY_BASE64URL_DECODED(text.len));
    if (der == NULL)
        return ASSAY_E_MEMORY;
    size_t der_len = 0;
    /* RFC 7517, section 4.7: base64, not base64url. */
    if (!assay_base64_decode(text.ptr, text.len, der, &der_len) || der_len == 0)
        return assay_jwk_skip(why, "its certificate in \"x5c\" is not base64");
    const char *mismatch = NULL;
    int code = assay_verify_key_matches_certificate(key, der, der_len, &mismatch);
    if (code == ASSAY_E_CONFIG_KEYS)
        return assay_jwk_skip(why, "%s", mismatch);
    if (code != ASSAY_OK)
        return code;
    const assay_span bytes = {(const char *)der, der_len};
    code = check_thumbprint(crypto, json, "x5t", ASSAY_DIGEST_SHA1, bytes, why);
    return code != ASSAY_OK ? code : check_thumbprint(crypto, json, "x5t#S256", ASSAY_DIGEST_SHA256, bytes, why);
}

int assay_jwk_check_certificate(const assay_crypto *crypto, const assay_json *json, const assay_verify_key *key,
                                assay_jwk_why why)
{
    const assay_json *chain = assay_json_get(json, "x5c");
    if (chain == NULL)
        return ASSAY_OK; /* x5t alone says nothing that could be checked */
    if (!assay_json_is_array(chain) || assay_json_array_len(chain) == 0)
        return assay_jwk_skip(why, "its member \"x5c\" is not an array of certificates");
    assay_span first = {NULL, 0};
    for (size_t i = assay_json_array_len(chain); i > 0; i--) {
        if (!assay_json_get_string(assay_json_array_at(chain, i - 1), &first))
            return assay_jwk_skip(why, "its member \"x5c\" holds something that is not a text");
    }
    return check_first(crypto, json, key, first, why);
}
