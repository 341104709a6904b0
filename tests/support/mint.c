/* SPDX-License-Identifier: MIT */
#include "mint.h"

#include "dev_issuer_internal.h"
#include "rsa_pool.h"

#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct mint_key {
    dev_key *key; /* NULL for a symmetric one */
    uint8_t secret[64];
    size_t secret_len;
    char algorithm[16];
    char kid[64];
    char *jwk, *bare_jwk, *pem;
    uint8_t *der;
    size_t der_len;
};

static void must(int condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "mint: %s\n", what);
        abort();
    }
}

char *mint_base64url(const void *bytes, size_t len)
{
    return cli_base64url(bytes, len);
}

static const char *hmac_digest(const char *algorithm)
{
    return strcmp(algorithm, "HS256") == 0   ? "SHA256"
           : strcmp(algorithm, "HS384") == 0 ? "SHA384"
           : strcmp(algorithm, "HS512") == 0 ? "SHA512"
                                             : NULL;
}

static void write_jwk(mint_key *key, const json_t *public)
{
    json_t *bare = json_object();
    for (const char *const *name = (const char *const[]){"kty", "crv", "n", "e", "x", "y", "k", NULL}; *name; name++) {
        if (json_object_get(public, *name) != NULL)
            json_object_set(bare, *name, json_object_get(public, *name));
    }
    key->bare_jwk = json_dumps(bare, JSON_COMPACT);
    json_object_set_new(bare, "kid", json_string(key->kid));
    json_object_set_new(bare, "alg", json_string(key->algorithm));
    json_object_set_new(bare, "use", json_string("sig"));
    key->jwk = json_dumps(bare, JSON_COMPACT);
    json_decref(bare);
}

static void make_symmetric(mint_key *key)
{
    key->secret_len = strcmp(key->algorithm, "HS256") == 0 ? 32 : strcmp(key->algorithm, "HS384") == 0 ? 48 : 64;
    must(RAND_bytes(key->secret, (int)key->secret_len) == 1, "random");
    char *k = mint_base64url(key->secret, key->secret_len);
    json_t *jwk = json_pack("{s:s,s:s}", "kty", "oct", "k", k);
    write_jwk(key, jwk);
    json_decref(jwk);
    free(k);
}

mint_key *mint_key_new(const char *algorithm, const char *kid)
{
    mint_key *key = calloc(1, sizeof *key);
    must(key != NULL, "memory");
    snprintf(key->algorithm, sizeof key->algorithm, "%s", algorithm);
    snprintf(key->kid, sizeof key->kid, "%s", kid);
    if (hmac_digest(algorithm) != NULL) {
        make_symmetric(key);
        return key;
    }
    const dev_algorithm *found = dev_algorithm_find(algorithm);
    must(found != NULL, "no such algorithm");
    rsa_pool_serve_issuers();
    key->key = dev_key_make(found);
    must(key->key != NULL, "key");
    write_jwk(key, key->key->jwk);
    BIO *bio = BIO_new(BIO_s_mem());
    must(bio != NULL && PEM_write_bio_PUBKEY(bio, key->key->pkey) == 1, "PEM");
    char *text;
    long len = BIO_get_mem_data(bio, &text);
    key->pem = calloc(1, (size_t)len + 1);
    must(key->pem != NULL, "memory");
    memcpy(key->pem, text, (size_t)len);
    BIO_free(bio);
    int der_len = i2d_PUBKEY(key->key->pkey, &key->der);
    must(der_len > 0, "DER");
    key->der_len = (size_t)der_len;
    return key;
}

void mint_key_free(mint_key *key)
{
    if (key == NULL)
        return;
    if (key->key != NULL)
        dev_key_free(key->key);
    free(key->jwk);
    free(key->bare_jwk);
    free(key->pem);
    OPENSSL_free(key->der);
    free(key);
}

const char *mint_key_algorithm(const mint_key *key)
{
    return key->algorithm;
}

const char *mint_key_jwk(const mint_key *key)
{
    return key->jwk;
}

const char *mint_key_bare_jwk(const mint_key *key)
{
    return key->bare_jwk;
}

const char *mint_key_pem(const mint_key *key)
{
    return key->pem;
}

const uint8_t *mint_key_der(const mint_key *key, size_t *len)
{
    *len = key->der_len;
    return key->der;
}

char *mint_jwks(mint_key *const *keys, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, json_loads(keys[i]->jwk, 0, NULL));
    json_t *set = json_pack("{s:o}", "keys", array);
    char *text = json_dumps(set, JSON_COMPACT);
    json_decref(set);
    must(text != NULL, "memory");
    return text;
}

static char *join(const char *input, const uint8_t *signature, size_t len)
{
    char *encoded = mint_base64url(signature, len);
    char *token = NULL;
    must(asprintf(&token, "%s.%s", input, encoded) > 0, "memory");
    free(encoded);
    return token;
}

static char *hmac_input(const char *algorithm, const void *secret, size_t secret_len, const char *input)
{
    uint8_t mac[64];
    size_t len = 0;
    OSSL_PARAM parameters[] = {OSSL_PARAM_END};
    must(EVP_Q_mac(NULL, "HMAC", NULL, hmac_digest(algorithm), parameters, secret, secret_len,
                   (const unsigned char *)input, strlen(input), mac, sizeof mac, &len) != NULL,
         "HMAC");
    return join(input, mac, len);
}

char *mint_sign_input(const mint_key *key, const char *algorithm, const char *input)
{
    if (key->key == NULL)
        return hmac_input(algorithm, key->secret, key->secret_len, input);
    const dev_algorithm *found = dev_algorithm_find(algorithm);
    uint8_t *signature = NULL;
    size_t len = 0;
    must(found != NULL && dev_sign(found, key->key->pkey, false, input, &signature, &len), "signature");
    char *token = join(input, signature, len);
    free(signature);
    return token;
}

char *mint_sign_bytes(const mint_key *key, const char *algorithm, const void *header, size_t header_len,
                      const void *payload, size_t payload_len)
{
    char *left = mint_base64url(header, header_len);
    char *right = mint_base64url(payload, payload_len);
    char *input = NULL;
    must(asprintf(&input, "%s.%s", left, right) > 0, "memory");
    char *token = mint_sign_input(key, algorithm, input);
    free(left);
    free(right);
    free(input);
    return token;
}

char *mint_sign(const mint_key *key, const char *algorithm, const char *header, const char *payload)
{
    return mint_sign_bytes(key, algorithm, header, strlen(header), payload, strlen(payload));
}

char *mint_token(const mint_key *key, const char *payload)
{
    char header[160];
    snprintf(header, sizeof header, "{\"alg\":\"%s\",\"kid\":\"%s\",\"typ\":\"JWT\"}", key->algorithm, key->kid);
    return mint_sign(key, key->algorithm, header, payload);
}

char *mint_hmac(const char *algorithm, const void *secret, size_t secret_len, const char *header, const char *payload)
{
    char *left = mint_base64url(header, strlen(header));
    char *right = mint_base64url(payload, strlen(payload));
    char *input = NULL;
    must(asprintf(&input, "%s.%s", left, right) > 0, "memory");
    char *token = hmac_input(algorithm, secret, secret_len, input);
    free(left);
    free(right);
    free(input);
    return token;
}
