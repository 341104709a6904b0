/* SPDX-License-Identifier: MIT */
/* The development issuer's keys: making them, writing them as JWK, signing with them. */

#include "dev_issuer_internal.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <string.h>

#define RSA_BITS 2048

static const dev_algorithm algorithms[] = {
    {"RS256", DEV_RSA, "SHA256", "RSA", NULL, 0},      {"RS384", DEV_RSA, "SHA384", "RSA", NULL, 0},
    {"RS512", DEV_RSA, "SHA512", "RSA", NULL, 0},      {"PS256", DEV_RSA_PSS, "SHA256", "RSA", NULL, 0},
    {"PS384", DEV_RSA_PSS, "SHA384", "RSA", NULL, 0},  {"PS512", DEV_RSA_PSS, "SHA512", "RSA", NULL, 0},
    {"ES256", DEV_EC, "SHA256", "P-256", "P-256", 32}, {"ES384", DEV_EC, "SHA384", "P-384", "P-384", 48},
    {"ES512", DEV_EC, "SHA512", "P-521", "P-521", 66}, {"ES256K", DEV_EC, "SHA256", "secp256k1", "secp256k1", 32},
    {"EdDSA", DEV_OKP, NULL, "ED25519", "Ed25519", 0}, {"Ed25519", DEV_OKP, NULL, "ED25519", "Ed25519", 0},
    {"Ed448", DEV_OKP, NULL, "ED448", "Ed448", 0},
};

CLI_DEFINE_CLEANUP(BIGNUM, BN_free)
CLI_DEFINE_CLEANUP(EVP_MD_CTX, EVP_MD_CTX_free)
CLI_DEFINE_CLEANUP(ECDSA_SIG, ECDSA_SIG_free)
CLI_DEFINE_CLEANUP(BIO, BIO_free_all)

const dev_algorithm *dev_algorithm_find(const char *name)
{
    for (size_t i = 0; i < CLI_COUNT_OF(algorithms); i++)
        if (strcmp(algorithms[i].name, name) == 0)
            return &algorithms[i];
    return NULL;
}

bool dev_algorithm_fits(const dev_algorithm *algorithm, const dev_algorithm *of_key)
{
    return strcmp(algorithm->openssl, of_key->openssl) == 0;
}

/* A number of the key as base64url; @p width 0: as short as it goes (RFC 7518, section 6.3.1), else padded (section 6.2.1). */
static bool put_number(json_t *jwk, const char *member, EVP_PKEY *pkey, const char *parameter, size_t width)
{
    CLI_CLEANUP(BN_free_p) BIGNUM *number = NULL;
    if (EVP_PKEY_get_bn_param(pkey, parameter, &number) != 1)
        return false;
    int len = width == 0 ? BN_num_bytes(number) : (int)width;
    CLI_AUTO_FREE uint8_t *bytes = cli_alloc((size_t)len);
    if (BN_bn2binpad(number, bytes, len) != len)
        return false;
    CLI_AUTO_FREE char *text = cli_base64url(bytes, (size_t)len);
    return json_object_set_new(jwk, member, json_string(text)) == 0;
}

static bool put_raw_public(json_t *jwk, EVP_PKEY *pkey)
{
    uint8_t bytes[64];
    size_t len = sizeof bytes;
    if (EVP_PKEY_get_raw_public_key(pkey, bytes, &len) != 1)
        return false;
    CLI_AUTO_FREE char *text = cli_base64url(bytes, len);
    return json_object_set_new(jwk, "x", json_string(text)) == 0;
}

static bool put_material(json_t *jwk, const dev_algorithm *algorithm, EVP_PKEY *pkey)
{
    switch (algorithm->family) {
    case DEV_EC:
        return json_object_set_new(jwk, "kty", json_string("EC")) == 0 &&
               json_object_set_new(jwk, "crv", json_string(algorithm->curve)) == 0 &&
               put_number(jwk, "x", pkey, OSSL_PKEY_PARAM_EC_PUB_X, algorithm->coordinate) &&
               put_number(jwk, "y", pkey, OSSL_PKEY_PARAM_EC_PUB_Y, algorithm->coordinate);
    case DEV_OKP:
        return json_object_set_new(jwk, "kty", json_string("OKP")) == 0 &&
               json_object_set_new(jwk, "crv", json_string(algorithm->curve)) == 0 && put_raw_public(jwk, pkey);
    default:
        return json_object_set_new(jwk, "kty", json_string("RSA")) == 0 &&
               put_number(jwk, "n", pkey, OSSL_PKEY_PARAM_RSA_N, 0) &&
               put_number(jwk, "e", pkey, OSSL_PKEY_PARAM_RSA_E, 0);
    }
}

/* Readable, and different at each start, so that a client with warm keys sees a restart as a rotation. */
static char *make_kid(const dev_algorithm *algorithm)
{
    uint8_t random[6];
    if (RAND_bytes(random, sizeof random) != 1)
        return NULL;
    CLI_AUTO_FREE char *text = cli_base64url(random, sizeof random);
    return cli_format("dev-%s-%s", algorithm->name, text);
}

static EVP_PKEY *generate_rsa(unsigned bits)
{
    return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)bits);
}

static EVP_PKEY *(*rsa_source)(unsigned bits) = generate_rsa;

void dev_keys_take_rsa_from(EVP_PKEY *(*source)(unsigned bits))
{
    rsa_source = source == NULL ? generate_rsa : source;
}

static EVP_PKEY *generate(const dev_algorithm *algorithm)
{
    switch (algorithm->family) {
    case DEV_EC:
        return EVP_PKEY_Q_keygen(NULL, NULL, "EC", algorithm->openssl);
    case DEV_OKP:
        return EVP_PKEY_Q_keygen(NULL, NULL, algorithm->openssl);
    default:
        return rsa_source(RSA_BITS);
    }
}

dev_key *dev_key_make(const dev_algorithm *algorithm)
{
    dev_key *key = cli_alloc(sizeof *key);
    key->algorithm = algorithm;
    key->kid = make_kid(algorithm);
    key->pkey = generate(algorithm);
    key->jwk = json_object();
    key->served = true;
    bool made = key->kid != NULL && key->pkey != NULL && put_material(key->jwk, algorithm, key->pkey) &&
                json_object_set_new(key->jwk, "kid", json_string(key->kid)) == 0 &&
                json_object_set_new(key->jwk, "use", json_string("sig")) == 0 &&
                json_object_set_new(key->jwk, "alg", json_string(algorithm->name)) == 0;
    if (made)
        return key;
    dev_key_free(key);
    return NULL;
}

dev_key *dev_issuer_key(const dev_issuer *issuer, const dev_algorithm *algorithm, enum dev_role role)
{
    dev_key *key = dev_key_make(algorithm);
    if (key == NULL || issuer->tenant == NULL || dev_entra_dress(key, role))
        return key;
    dev_key_free(key);
    return NULL;
}

void dev_key_free(dev_key *key)
{
    if (key == NULL)
        return;
    free(key->kid);
    EVP_PKEY_free(key->pkey);
    json_decref(key->jwk);
    free(key);
}

/* RFC 7518, section 3.4: r and s as numbers of the coordinate's length, one behind the other. */
static bool der_to_raw(const dev_algorithm *algorithm, uint8_t **signature, size_t *len)
{
    const uint8_t *cursor = *signature;
    CLI_CLEANUP(ECDSA_SIG_free_p) ECDSA_SIG *parsed = d2i_ECDSA_SIG(NULL, &cursor, (long)*len);
    if (parsed == NULL)
        return false;
    int width = (int)algorithm->coordinate;
    CLI_AUTO_FREE uint8_t *raw = cli_alloc((size_t)width * 2);
    if (BN_bn2binpad(ECDSA_SIG_get0_r(parsed), raw, width) != width ||
        BN_bn2binpad(ECDSA_SIG_get0_s(parsed), raw + width, width) != width)
        return false;
    free(*signature);
    *signature = raw;
    *len = (size_t)width * 2;
    raw = NULL;
    return true;
}

static bool start_signing(EVP_MD_CTX *context, const dev_algorithm *algorithm, EVP_PKEY *pkey)
{
    EVP_PKEY_CTX *key_context = NULL; /* the context's own */
    if (context == NULL || EVP_DigestSignInit_ex(context, &key_context, algorithm->digest, NULL, NULL, pkey, NULL) != 1)
        return false;
    if (algorithm->family != DEV_RSA_PSS)
        return true;
    /* RFC 7518, section 3.5: the salt is as long as the hash. */
    return EVP_PKEY_CTX_set_rsa_padding(key_context, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(key_context, RSA_PSS_SALTLEN_DIGEST) == 1;
}

bool dev_sign(const dev_algorithm *algorithm, EVP_PKEY *pkey, bool der, const char *input, uint8_t **signature,
              size_t *len)
{
    CLI_CLEANUP(EVP_MD_CTX_free_p) EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (!start_signing(context, algorithm, pkey))
        return false;
    size_t size = 0;
    const uint8_t *bytes = (const uint8_t *)input;
    if (EVP_DigestSign(context, NULL, &size, bytes, strlen(input)) != 1)
        return false;
    CLI_AUTO_FREE uint8_t *made = cli_alloc(size);
    if (EVP_DigestSign(context, made, &size, bytes, strlen(input)) != 1)
        return false;
    if (algorithm->family == DEV_EC && !der && !der_to_raw(algorithm, &made, &size))
        return false;
    *signature = made;
    *len = size;
    made = NULL;
    return true;
}

bool dev_sign_with_public_pem(EVP_PKEY *pkey, const char *input, uint8_t **signature, size_t *len)
{
    CLI_CLEANUP(BIO_free_all_p) BIO *memory = BIO_new(BIO_s_mem());
    if (memory == NULL || PEM_write_bio_PUBKEY(memory, pkey) != 1)
        return false;
    char *pem = NULL;
    long pem_len = BIO_get_mem_data(memory, &pem);
    uint8_t *mac = cli_alloc(EVP_MAX_MD_SIZE);
    unsigned mac_len = 0;
    if (HMAC(EVP_sha256(), pem, (int)pem_len, (const uint8_t *)input, strlen(input), mac, &mac_len) == NULL) {
        free(mac);
        return false;
    }
    *signature = mac;
    *len = mac_len;
    return true;
}
