/* SPDX-License-Identifier: MIT */
/* JWTs that clients bring: taken apart, and verified with the keys that an application has registered. */

#include "dev_issuer_tokens.h"

#include <assay/jws.h>
#include <assay/keyset.h>
#include <math.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <string.h>

#define MAX_SECONDS 253402300799.0 /* the end of the year 9999 */

CLI_DEFINE_CLEANUP(BIO, BIO_free_all)
CLI_DEFINE_CLEANUP(BIGNUM, BN_free)
CLI_DEFINE_CLEANUP(EVP_MD_CTX, EVP_MD_CTX_free)
CLI_DEFINE_CLEANUP(EVP_PKEY_CTX, EVP_PKEY_CTX_free)
CLI_DEFINE_CLEANUP(OSSL_PARAM_BLD, OSSL_PARAM_BLD_free)
CLI_DEFINE_CLEANUP(OSSL_PARAM, OSSL_PARAM_free)
CLI_DEFINE_CLEANUP(ECDSA_SIG, ECDSA_SIG_free)
CLI_DEFINE_CLEANUP(assay_keyset, assay_keyset_unref)

/* RFC 7515, section 2: no padding, no other characters. NULL where it is not that. */
uint8_t *dev_base64url_decode(const char *text, size_t len, size_t *out_len)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    CLI_AUTO_FREE uint8_t *out = cli_alloc(len / 4 * 3 + 4);
    size_t used = 0;
    uint32_t bits = 0;
    unsigned held = 0;
    for (size_t i = 0; i < len; i++) {
        const char *place = text[i] == '\0' ? NULL : strchr(alphabet, text[i]);
        if (place == NULL)
            return NULL;
        bits = bits << 6 | (uint32_t)(place - alphabet);
        held += 6;
        if (held >= 8) {
            held -= 8;
            out[used++] = (uint8_t)(bits >> held);
        }
    }
    if (len % 4 == 1)
        return NULL;
    uint8_t *done = out;
    out = NULL;
    *out_len = used;
    return done;
}

static json_t *decode_object(const char *text, size_t len)
{
    size_t out_len = 0;
    CLI_AUTO_FREE uint8_t *bytes = dev_base64url_decode(text, len, &out_len);
    json_t *object = bytes == NULL ? NULL : json_loadb((const char *)bytes, out_len, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(object))
        return object;
    json_decref(object);
    return NULL;
}

bool dev_jwt_read(const char *text, dev_jwt *jwt)
{
    *jwt = (dev_jwt){.text = text, .segments = 1};
    for (const char *at = text; *at != '\0'; at++)
        jwt->segments += *at == '.';
    if (jwt->segments != 3)
        return false;
    const char *first = strchr(text, '.');
    const char *second = strchr(first + 1, '.');
    jwt->signed_len = (size_t)(second - text);
    jwt->header = decode_object(text, (size_t)(first - text));
    jwt->claims = decode_object(first + 1, (size_t)(second - first) - 1);
    jwt->signature = dev_base64url_decode(second + 1, strlen(second + 1), &jwt->signature_len);
    return jwt->header != NULL && jwt->claims != NULL && jwt->signature != NULL;
}

void dev_jwt_clear(dev_jwt *jwt)
{
    json_decref(jwt->header);
    json_decref(jwt->claims);
    free(jwt->signature);
    *jwt = (dev_jwt){0};
}

const char *dev_jwt_text(const json_t *object, const char *member)
{
    return json_string_value(json_object_get(object, member));
}

/* RFC 7519, section 2: seconds, and not necessarily whole ones. */
bool dev_jwt_time(const dev_jwt *jwt, const char *claim, int64_t *when)
{
    const json_t *value = json_object_get(jwt->claims, claim);
    double seconds = json_number_value(value);
    if (!json_is_number(value) || !isfinite(seconds) || seconds < 0 || seconds > MAX_SECONDS)
        return false;
    *when = (int64_t)seconds;
    return true;
}

bool dev_jwt_has_audience(const dev_jwt *jwt, const char *audience)
{
    const json_t *value = json_object_get(jwt->claims, "aud");
    if (json_is_string(value))
        return strcmp(json_string_value(value), audience) == 0;
    for (size_t i = 0; i < json_array_size(value); i++) {
        const char *each = json_string_value(json_array_get(value, i));
        if (each != NULL && strcmp(each, audience) == 0)
            return true;
    }
    return false;
}

/* --- keys of applications --- */

/* The certificate @p index of a PEM text; NULL past the end, or where it is damaged. */
static X509 *certificate_at(const char *pem, size_t index)
{
    CLI_CLEANUP(BIO_free_all_p) BIO *memory = BIO_new_mem_buf(pem, -1);
    X509 *certificate = NULL;
    for (size_t i = 0; memory != NULL && i <= index; i++) {
        X509_free(certificate);
        certificate = PEM_read_bio_X509(memory, NULL, NULL, NULL);
        if (certificate == NULL)
            return NULL;
    }
    return certificate;
}

static BIGNUM *number_of(const json_t *jwk, const char *member)
{
    const char *text = dev_jwt_text(jwk, member);
    size_t len = 0;
    CLI_AUTO_FREE uint8_t *bytes = text == NULL ? NULL : dev_base64url_decode(text, strlen(text), &len);
    return bytes == NULL ? NULL : BN_bin2bn(bytes, (int)len, NULL);
}

static EVP_PKEY *pkey_of(const char *type, OSSL_PARAM_BLD *build)
{
    CLI_CLEANUP(OSSL_PARAM_free_p) OSSL_PARAM *parameters = OSSL_PARAM_BLD_to_param(build);
    CLI_CLEANUP(EVP_PKEY_CTX_free_p) EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *pkey = NULL;
    if (parameters == NULL || context == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_PUBLIC_KEY, parameters) != 1)
        return NULL;
    return pkey;
}

/* RFC 7518, section 6.3.1. */
static EVP_PKEY *rsa_of(const json_t *jwk)
{
    CLI_CLEANUP(BN_free_p) BIGNUM *n = number_of(jwk, "n");
    CLI_CLEANUP(BN_free_p) BIGNUM *e = number_of(jwk, "e");
    CLI_CLEANUP(OSSL_PARAM_BLD_free_p) OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    if (n == NULL || e == NULL || build == NULL || OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) != 1 ||
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) != 1)
        return NULL;
    return pkey_of("RSA", build);
}

/* RFC 7518, section 6.2.1; P-256 alone. */
static EVP_PKEY *ec_of(const json_t *jwk)
{
    const char *curve = dev_jwt_text(jwk, "crv");
    CLI_CLEANUP(BN_free_p) BIGNUM *x = number_of(jwk, "x");
    CLI_CLEANUP(BN_free_p) BIGNUM *y = number_of(jwk, "y");
    CLI_CLEANUP(OSSL_PARAM_BLD_free_p) OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    uint8_t point[65] = {4};
    if (curve == NULL || strcmp(curve, "P-256") != 0 || x == NULL || y == NULL || build == NULL ||
        BN_bn2binpad(x, point + 1, 32) != 32 || BN_bn2binpad(y, point + 33, 32) != 32 ||
        OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) != 1 ||
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point) != 1)
        return NULL;
    return pkey_of("EC", build);
}

static EVP_PKEY *jwk_key(const json_t *jwk)
{
    const char *type = dev_jwt_text(jwk, "kty");
    if (type == NULL)
        return NULL;
    return strcmp(type, "RSA") == 0 ? rsa_of(jwk) : strcmp(type, "EC") == 0 ? ec_of(jwk) : NULL;
}

bool dev_certificates_are_good(const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        CLI_CLEANUP(X509_free_p) X509 *first = json_is_string(item) ? certificate_at(json_string_value(item), 0) : NULL;
        CLI_CLEANUP(EVP_PKEY_free_p) EVP_PKEY *pkey = first == NULL ? jwk_key(item) : NULL;
        if (first == NULL && pkey == NULL)
            return false;
    }
    return true;
}

/* Whether a member of the header is the digest of the certificate (RFC 7515, sections 4.1.7 and 4.1.8). The standard alphabet is taken
 * for it too, with its padding, as Entra does: MSAL for Go sends that. */
static bool has_thumbprint(const dev_jwt *jwt, const char *member, X509 *certificate, const EVP_MD *digest)
{
    const char *said = dev_jwt_text(jwt->header, member);
    uint8_t bytes[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    if (said == NULL || X509_digest(certificate, digest, bytes, &len) != 1)
        return false;
    CLI_AUTO_FREE char *text = cli_base64url(bytes, len);
    char standard[EVP_MAX_MD_SIZE * 2];
    (void)EVP_EncodeBlock((uint8_t *)standard, bytes, (int)len);
    return strcmp(text, said) == 0 || strcmp(standard, said) == 0;
}

static EVP_PKEY *key_of_certificates(const char *pem, const dev_jwt *jwt)
{
    for (size_t i = 0;; i++) {
        CLI_CLEANUP(X509_free_p) X509 *certificate = certificate_at(pem, i);
        if (certificate == NULL)
            return NULL;
        if (has_thumbprint(jwt, "x5t#S256", certificate, EVP_sha256()) ||
            has_thumbprint(jwt, "x5t", certificate, EVP_sha1()))
            return X509_get_pubkey(certificate);
    }
}

EVP_PKEY *dev_jwt_key(const json_t *app, const dev_jwt *jwt)
{
    const json_t *list = json_object_get(app, "certificates");
    const char *kid = dev_jwt_text(jwt->header, "kid");
    EVP_PKEY *pkey = NULL;
    for (size_t i = 0; pkey == NULL && i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        const char *known = dev_jwt_text(item, "kid");
        if (json_is_string(item))
            pkey = key_of_certificates(json_string_value(item), jwt);
        else if (known == NULL || (kid != NULL && strcmp(kid, known) == 0))
            pkey = jwk_key(item);
    }
    return pkey;
}

/* --- signatures --- */

/* RFC 7518, section 3.4: r and s, one behind the other, as OpenSSL wants them. */
static uint8_t *raw_to_der(const dev_jwt *jwt, size_t *len)
{
    CLI_CLEANUP(ECDSA_SIG_free_p) ECDSA_SIG *pair = ECDSA_SIG_new();
    CLI_CLEANUP(BN_free_p) BIGNUM *r = BN_bin2bn(jwt->signature, (int)jwt->signature_len / 2, NULL);
    CLI_CLEANUP(BN_free_p)
    BIGNUM *s = BN_bin2bn(jwt->signature + jwt->signature_len / 2, (int)jwt->signature_len / 2, NULL);
    if (jwt->signature_len != 64 || pair == NULL || r == NULL || s == NULL || ECDSA_SIG_set0(pair, r, s) != 1)
        return NULL;
    r = NULL;
    s = NULL;
    uint8_t *der = cli_alloc(80);
    uint8_t *cursor = der;
    int written = i2d_ECDSA_SIG(pair, &cursor);
    *len = written > 0 ? (size_t)written : 0;
    return der;
}

static bool verify(const dev_jwt *jwt, EVP_PKEY *pkey, bool pss, const uint8_t *signature, size_t len)
{
    CLI_CLEANUP(EVP_MD_CTX_free_p) EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key_context = NULL; /* the context's own */
    if (context == NULL || EVP_DigestVerifyInit_ex(context, &key_context, "SHA256", NULL, NULL, pkey, NULL) != 1)
        return false;
    /* RFC 7518, section 3.5: the salt is as long as the hash, and no other length will do. */
    if (pss && (EVP_PKEY_CTX_set_rsa_padding(key_context, RSA_PKCS1_PSS_PADDING) != 1 ||
                EVP_PKEY_CTX_set_rsa_pss_saltlen(key_context, RSA_PSS_SALTLEN_DIGEST) != 1))
        return false;
    return EVP_DigestVerify(context, signature, len, (const uint8_t *)jwt->text, jwt->signed_len) == 1;
}

bool dev_jwt_verify(const dev_jwt *jwt, EVP_PKEY *pkey)
{
    const char *name = dev_jwt_text(jwt->header, "alg");
    if (name == NULL)
        return false;
    if (EVP_PKEY_is_a(pkey, "RSA") && (strcmp(name, "RS256") == 0 || strcmp(name, "PS256") == 0))
        return verify(jwt, pkey, name[0] == 'P', jwt->signature, jwt->signature_len);
    if (!EVP_PKEY_is_a(pkey, "EC") || strcmp(name, "ES256") != 0)
        return false;
    size_t len = 0;
    CLI_AUTO_FREE uint8_t *der = raw_to_der(jwt, &len);
    return der != NULL && verify(jwt, pkey, false, der, len);
}

bool dev_jwt_is_own(dev_issuer *issuer, const dev_jwt *jwt)
{
    CLI_AUTO_FREE char *keys = dev_issuer_jwks(issuer);
    CLI_CLEANUP(assay_keyset_unref_p) assay_keyset *keyset = NULL;
    uint8_t *payload = NULL;
    size_t len = 0;
    if (assay_keyset_new(NULL, &keyset, NULL) != ASSAY_OK ||
        assay_keyset_add_json(keyset, keys, strlen(keys), NULL) != ASSAY_OK)
        return false;
    int code = assay_jws_verify(keyset, "RS256 PS256 ES256", jwt->text, strlen(jwt->text), &payload, &len, NULL);
    assay_bytes_free(payload, len);
    return code == ASSAY_OK;
}
