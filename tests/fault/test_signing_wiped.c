/* SPDX-License-Identifier: MIT */
/* Nothing of a private key, a passphrase or an assertion is left in memory that was given back: not by this library, and not by OpenSSL on its behalf. */
#include "acquire/assertion.h"
#include "acquire/sign_source.h"
#include "fault/watched_memory.h"
#include "support/client_keys.h"
#include "support/signing.h"

#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <time.h>

/* A number of the private key, as it stands in DER and as OpenSSL computes with it. */
static void mark_number(const char *name, const char *number)
{
    uint8_t big[1024], little[1024];
    BIGNUM *value = NULL;
    FILE *file = fopen(client_keys_path(name), "r");
    assert_non_null(file);
    EVP_PKEY *pkey = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    assert_int_equal(EVP_PKEY_get_bn_param(pkey, number, &value), 1);
    int bytes = BN_bn2bin(value, big);
    assert_int_equal(BN_bn2lebinpad(value, little, bytes), bytes);
    mark(big + 1, (size_t)bytes - 2);
    mark(little + 1, (size_t)bytes - 2);
    BN_clear_free(value);
    EVP_PKEY_free(pkey);
    (void)fclose(file);
}

static int load(const char *name, const assay_secret *passphrase, assay_sign_key **key)
{
    char path[128];
    assay_sign_source *source = NULL;
    snprintf(path, sizeof path, "%s", client_keys_path(name));
    int code = assay_sign_source_new_files(test_crypto, path, NULL, passphrase, &source, NULL);
    if (code == ASSAY_OK)
        code = assay_sign_source_get(source, key, NULL);
    assay_sign_source_free(source);
    return code;
}

static void reads_and_signs(const char *name, const char *number, const char *passphrase)
{
    needle_count = 0;
    mark_number(strncmp(name, "ec", 2) == 0 ? "ec.key" : "client.key", number);
    assay_secret secret = {0}, assertion = {0};
    assay_sign_key *key = NULL;
    const assay_assertion_options options = {.client_id = "c", .audience = "a"};
    watch();
    if (passphrase != NULL)
        assay_secret_put(&secret, passphrase);
    int code = load(name, &secret, &key);
    if (code == ASSAY_OK)
        code = assay_assertion_make(test_crypto, key, &options, (int64_t)time(NULL), &assertion, NULL);
    assay_sign_key_unref(key);
    assay_secret_clear(&assertion);
    assay_secret_clear(&secret);
    unwatch(name);
    assert_int_equal(code, ASSAY_OK);
}

static void private_keys(void **state)
{
    (void)state;
    sees_what_is_left();
    static const char *const numbers[] = {OSSL_PKEY_PARAM_RSA_D, OSSL_PKEY_PARAM_RSA_FACTOR1,
                                          OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        reads_and_signs("client.key", numbers[i], NULL);
        reads_and_signs("traditional.key", numbers[i], NULL);
        reads_and_signs("encrypted.key", numbers[i], CLIENT_KEYS_PASSPHRASE);
        reads_and_signs("client.p12", numbers[i], CLIENT_KEYS_PASSPHRASE);
        reads_and_signs("open.p12", numbers[i], NULL);
    }
    reads_and_signs("ec.key", OSSL_PKEY_PARAM_PRIV_KEY, NULL);
    reads_and_signs("ec_old.key", OSSL_PKEY_PARAM_PRIV_KEY, NULL);
    reads_and_signs("ec_bare.key", OSSL_PKEY_PARAM_PRIV_KEY, NULL);
}

/* Nor the text of the file, also of one that is refused. */
static void text_of_a_key(void **state)
{
    (void)state;
    sees_what_is_left();
    static const char *const names[] = {"client.key", "weak.key", "x25519.key", "legacy.key"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t len = 0;
        char *text = client_keys_read(names[i], &len);
        assay_sign_key *key = NULL;
        needle_count = 0;
        /* Headers end with an empty line. */
        const char *body = strstr(text, "\n\n") != NULL ? strstr(text, "\n\n") + 2 : strstr(text, "KEY-----\n") + 9;
        mark(body, (size_t)(strstr(body, "\n-----END") - body));
        watch();
        (void)load(names[i], NULL, &key);
        assay_sign_key_unref(key);
        unwatch(names[i]);
        memset(text, 0, len);
        free(text);
    }
}

static void passphrases(void **state)
{
    (void)state;
    sees_what_is_left();
    static const char *const names[] = {"encrypted.key", "client.p12"};
    static const char wrong[] = "a passphrase of some length that is wrong";
    mark(CLIENT_KEYS_PASSPHRASE, strlen(CLIENT_KEYS_PASSPHRASE));
    mark(wrong, sizeof wrong - 1);
    for (size_t i = 0; i < 4; i++) {
        assay_secret secret = {0};
        assay_sign_key *key = NULL;
        watch();
        assay_secret_put(&secret, i < 2 ? CLIENT_KEYS_PASSPHRASE : wrong);
        int code = load(names[i % 2], &secret, &key);
        assay_sign_key_unref(key);
        assay_secret_clear(&secret);
        unwatch(names[i % 2]);
        assert_int_equal(code, i < 2 ? ASSAY_OK : ASSAY_E_CONFIG_SIGNING_KEY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(private_keys, forget),
        cmocka_unit_test_setup(text_of_a_key, forget),
        cmocka_unit_test_setup(passphrases, forget),
    };
    return cmocka_run_group_tests(tests, test_crypto_open_with_keys, test_crypto_close_with_keys);
}
