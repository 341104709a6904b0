/* SPDX-License-Identifier: MIT */
#include "crypto/sign.h"
#include "support/client_keys.h"
#include "support/pace.h"
#include "support/signing.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static assay_secret secret_of(const char *text)
{
    assay_secret secret = {NULL, 0, 0, false};
    if (text != NULL)
        assay_secret_put(&secret, text);
    return secret;
}

/* Load a file of make_client_keys.sh, and perhaps certificates from another. */
static int load(const char *name, const char *certificates, const char *passphrase, assay_sign_key **key,
                assay_failure *failure)
{
    assay_secret secret = secret_of(passphrase);
    assay_sign_text text = {NULL, 0, client_keys_path(name)}, more = {NULL, 0, NULL};
    char *bytes = client_keys_read(name, &text.len), *more_bytes = NULL;
    assert_non_null(bytes);
    text.bytes = bytes;
    if (certificates != NULL) {
        more.bytes = more_bytes = client_keys_read(certificates, &more.len);
        more.name = client_keys_path(certificates);
        assert_non_null(more_bytes);
    }
    int code =
        assay_sign_key_from_bytes(test_crypto, &text, certificates == NULL ? NULL : &more, &secret, key, failure);
    assert_true((code == ASSAY_OK) == (*key != NULL));
    assert_int_equal(ERR_peek_error(), 0);
    assay_secret_clear(&secret);
    free(more_bytes);
    free(bytes);
    return code;
}

static assay_sign_key *good(const char *name, const char *certificates, const char *passphrase)
{
    assay_sign_key *key = NULL;
    assay_failure failure;
    assay_failure_clear(&failure);
    int code = load(name, certificates, passphrase, &key, &failure);
    if (code != ASSAY_OK)
        print_error("%s: %s: %s\n", name, assay_code_name(code), failure.note);
    assert_int_equal(code, ASSAY_OK);
    assert_string_equal(failure.note, "");
    return key;
}

/* The sentence names the file, and says this. */
static void says(const assay_failure *failure, const char *name, const char *sentence)
{
    bool names = strstr(failure->note, client_keys_path(name)) == failure->note;
    if (!names || strstr(failure->note, sentence) == NULL)
        print_error("%s: \"%s\" where \"%s\" was expected\n", name, failure->note, sentence);
    assert_true(names);
    assert_non_null(strstr(failure->note, sentence));
}

static void bad(const char *name, const char *certificates, const char *passphrase, const char *sentence)
{
    assay_sign_key *key = NULL;
    assay_failure failure;
    assert_int_equal(load(name, certificates, passphrase, &key, &failure), ASSAY_E_CONFIG_SIGNING_KEY);
    says(&failure, certificates != NULL && strstr(sentence, "certificate in PEM") != NULL ? certificates : name,
         sentence);
    assert_true(passphrase == NULL || passphrase[0] == '\0' || strstr(failure.note, passphrase) == NULL);
    assert_int_equal(load(name, certificates, passphrase, &key, NULL), ASSAY_E_CONFIG_SIGNING_KEY);
}

/* PEM text that a test made itself. */
static int load_text(const char *pem, assay_sign_key **key, assay_failure *failure)
{
    assay_sign_text text = {pem, strlen(pem), "text"};
    int code = assay_sign_key_from_bytes(test_crypto, &text, NULL, NULL, key, failure);
    assert_true((code == ASSAY_OK) == (*key != NULL));
    return code;
}

static char *pem_of(const test_signer *signer)
{
    BIO *out = BIO_new(BIO_s_mem());
    char *bytes = NULL;
    assert_int_equal(PEM_write_bio_PKCS8PrivateKey(out, signer->pkey, NULL, NULL, 0, NULL, NULL), 1);
    long len = BIO_get_mem_data(out, &bytes);
    char *text = calloc(1, (size_t)len + 1); /* what OpenSSL lends has no terminator */
    assert_non_null(text);
    memcpy(text, bytes, (size_t)len);
    BIO_free(out);
    return text;
}

/* OpenSSL's own check, with the salt's length said outright (RFC 7518, section 3.5). */
static bool openssl_accepts(EVP_PKEY *pkey, assay_scheme scheme, const void *message, size_t len,
                            const uint8_t *signature, size_t signature_len)
{
    static const struct {
        const char *hash;
        const char *salt;
    } pss[] = {{"SHA256", "32"}, {"SHA384", "48"}, {"SHA512", "64"}};
    const char *hash = pss[scheme - ASSAY_SCHEME_RSA_PSS_SHA256].hash;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *inner = NULL;
    assert_int_equal(EVP_DigestVerifyInit_ex(context, &inner, hash, NULL, NULL, pkey, NULL), 1);
    assert_true(EVP_PKEY_CTX_ctrl_str(inner, "rsa_padding_mode", "pss") > 0);
    assert_true(EVP_PKEY_CTX_ctrl_str(inner, "rsa_mgf1_md", hash) > 0);
    assert_true(EVP_PKEY_CTX_ctrl_str(inner, "rsa_pss_saltlen", pss[scheme - ASSAY_SCHEME_RSA_PSS_SHA256].salt) > 0);
    int verdict = EVP_DigestVerify(context, signature, signature_len, message, len);
    EVP_MD_CTX_free(context);
    return verdict == 1;
}

static size_t length_of(assay_scheme scheme, unsigned bits)
{
    switch (test_kind_of(scheme)) {
    case ASSAY_KEY_RSA:
        return bits / 8;
    case ASSAY_KEY_P384:
        return 96;
    case ASSAY_KEY_P521:
        return 132;
    case ASSAY_KEY_ED448:
        return 114;
    default:
        return 64;
    }
}

static void sign_with(const test_signer *signer, assay_scheme scheme, unsigned bits, size_t rounds)
{
    assay_verify_key *verifier = test_signer_key(signer, test_crypto);
    assay_sign_key *key = NULL;
    char *pem = pem_of(signer);
    assert_int_equal(load_text(pem, &key, NULL), ASSAY_OK);
    assert_int_equal(assay_sign_key_kind(key), test_kind_of(scheme));
    if (bits != 0)
        assert_int_equal(assay_sign_key_bits(key), bits);
    assert_int_equal(assay_sign_key_certificate_count(key), 0);
    size_t len = 1;
    assert_null(assay_sign_key_certificate(key, 0, &len));
    assert_int_equal(len, 0);
    for (size_t round = 0; round < rounds; round++) {
        uint8_t signature[ASSAY_SIGNATURE_MAX];
        char message[64];
        snprintf(message, sizeof message, "message %zu of %s", round, test_scheme_name(scheme));
        assert_int_equal(assay_sign_key_sign(key, scheme, message, strlen(message), signature, &len), ASSAY_OK);
        assert_int_equal(len, length_of(scheme, bits));
        assert_int_equal(assay_verify_key_verify(verifier, scheme, message, strlen(message), signature, len), ASSAY_OK);
        if (scheme >= ASSAY_SCHEME_RSA_PSS_SHA256 && scheme <= ASSAY_SCHEME_RSA_PSS_SHA512)
            assert_true(openssl_accepts(signer->pkey, scheme, message, strlen(message), signature, len));
        signature[len / 2] ^= 1;
        assert_int_equal(assay_verify_key_verify(verifier, scheme, message, strlen(message), signature, len),
                         ASSAY_E_SIGNATURE);
    }
    free(pem);
    assay_sign_key_unref(key);
    assay_verify_key_unref(verifier);
}

/* ECDSA often enough that r or s begins with a zero octet. */
static void every_scheme_signs(void **state)
{
    (void)state;
    test_signer *rsa = test_signer_new(ASSAY_KEY_RSA, 2048), *longer = test_signer_new(ASSAY_KEY_RSA, 3072);
    for (assay_scheme scheme = 0; scheme < ASSAY_SCHEME_HMAC_SHA256; scheme = (assay_scheme)(scheme + 1)) {
        if (test_kind_of(scheme) == ASSAY_KEY_RSA) {
            sign_with(rsa, scheme, 2048, 3);
            continue;
        }
        test_signer *signer = test_signer_new(test_kind_of(scheme), 0);
        sign_with(signer, scheme, 0, pace_rounds(scheme == ASSAY_SCHEME_ECDSA_P256_SHA256 ? 400 : 20));
        test_signer_free(signer);
    }
    sign_with(longer, ASSAY_SCHEME_RSA_PSS_SHA256, 3072, 1);
    test_signer_free(longer);
    test_signer_free(rsa);
}

static void schemes_fit_their_keys(void **state)
{
    (void)state;
    assay_sign_key *rsa = good("client.key", NULL, NULL), *ec = good("ec.key", NULL, NULL);
    for (int scheme = 0; scheme <= ASSAY_SCHEME_COUNT; scheme++) {
        bool known = scheme < ASSAY_SCHEME_COUNT;
        uint8_t signature[ASSAY_SIGNATURE_MAX];
        size_t len = 1;
        assert_int_equal(assay_sign_key_fits(rsa, (assay_scheme)scheme),
                         known && test_kind_of((assay_scheme)scheme) == ASSAY_KEY_RSA);
        assert_int_equal(assay_sign_key_fits(ec, (assay_scheme)scheme), scheme == ASSAY_SCHEME_ECDSA_P256_SHA256);
        if (assay_sign_key_fits(rsa, (assay_scheme)scheme))
            continue;
        assert_int_equal(assay_sign_key_sign(rsa, (assay_scheme)scheme, "x", 1, signature, &len),
                         ASSAY_E_ALGORITHM_KEY);
        assert_int_equal(len, 0);
    }
    assay_sign_key_unref(ec);
    assay_sign_key_unref(assay_sign_key_ref(rsa));
    assay_sign_key_unref(rsa);
    assay_sign_key_unref(NULL);
    assert_null(assay_sign_key_ref(NULL));
}

static void is_certificate(const assay_sign_key *key, size_t index, const char *name)
{
    size_t len = 0;
    const uint8_t *der = assay_sign_key_certificate(key, index, &len);
    FILE *file = fopen(client_keys_path(name), "r");
    assert_non_null(file);
    X509 *expected = PEM_read_X509(file, NULL, NULL, NULL);
    uint8_t *expected_der = NULL;
    int expected_len = i2d_X509(expected, &expected_der);
    assert_int_equal(len, expected_len);
    assert_memory_equal(der, expected_der, len);
    OPENSSL_free(expected_der);
    X509_free(expected);
    (void)fclose(file);
}

/* As `openssl x509 -fingerprint` writes it. */
static void is_fingerprint(const assay_sign_key *key, assay_digest digest, const char *name)
{
    uint8_t bytes[ASSAY_DIGEST_MAX];
    char text[2 * ASSAY_DIGEST_MAX + 1] = "";
    size_t len = 0, expected_len = 0;
    assert_int_equal(assay_sign_key_thumbprint(key, digest, bytes, &len), ASSAY_OK);
    for (size_t i = 0; i < len; i++)
        snprintf(text + 2 * i, 3, "%02X", bytes[i]);
    char *expected = client_keys_read(name, &expected_len);
    assert_int_equal(expected_len, 2 * len + 1);
    expected[2 * len] = '\0';
    assert_string_equal(text, expected);
    free(expected);
}

/* The key's own certificate first, then the one that issued it, whatever the order in the file; that of another key is left out. */
static void test_case_82_chain_order(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *certificates;
        const char *passphrase;
        size_t count;
    } places[] = {
        {"mixed.pem", NULL, NULL, 3},
        {"client.key", "client.pem", NULL, 1},
        {"client.key", "mixed.pem", NULL, 3},
        {"encrypted.key", "mixed.pem", CLIENT_KEYS_PASSPHRASE, 3},
        {"client.p12", NULL, CLIENT_KEYS_PASSPHRASE, 3},
        {"open.p12", NULL, NULL, 1},
        {"open.p12", "chain.pem", NULL, 3},
    };
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        assay_sign_key *key = good(places[i].name, places[i].certificates, places[i].passphrase);
        assert_int_equal(assay_sign_key_certificate_count(key), places[i].count);
        is_certificate(key, 0, "client.pem");
        if (places[i].count > 1) {
            is_certificate(key, 1, "sub.pem");
            is_certificate(key, 2, "root.pem");
        }
        is_fingerprint(key, ASSAY_DIGEST_SHA1, "client.sha1");
        is_fingerprint(key, ASSAY_DIGEST_SHA256, "client.sha256");
        assert_int_equal(assay_sign_key_not_after(key) - assay_sign_key_not_before(key), 20 * 86400);
        assay_sign_key_unref(key);
    }
    assay_sign_key *bare = good("client.key", NULL, NULL);
    uint8_t bytes[ASSAY_DIGEST_MAX];
    size_t len = 1;
    assert_int_equal(assay_sign_key_thumbprint(bare, ASSAY_DIGEST_SHA256, bytes, &len), ASSAY_E_CONFIG_SIGNING_KEY);
    assert_int_equal(len, 0);
    assay_sign_key_unref(bare);
}

/* RFC 5280, section 4.1.2.5: both forms of a date, and far ones. */
static void dates_are_seconds(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
        int64_t not_before, not_after;
    } rows[] = {
        {"700101000000Z", "20380119031408Z", 0, 2147483648},
        {"500101000000Z", "491231235959Z", -631152000, 2524607999},
        {"240229120000Z", "99991231235959Z", 1709208000, 253402300799},
    };
    test_signer *signer = test_signer_new(ASSAY_KEY_P256, 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        X509 *certificate = X509_new();
        assert_true(ASN1_TIME_set_string(X509_getm_notBefore(certificate), rows[i].from));
        assert_true(ASN1_TIME_set_string(X509_getm_notAfter(certificate), rows[i].to));
        assert_true(X509_set_pubkey(certificate, signer->pkey) && X509_sign(certificate, signer->pkey, EVP_sha256()));
        BIO *out = BIO_new(BIO_s_mem());
        assert_int_equal(PEM_write_bio_PKCS8PrivateKey(out, signer->pkey, NULL, NULL, 0, NULL, NULL), 1);
        assert_int_equal(PEM_write_bio_X509(out, certificate), 1);
        char *bytes = NULL;
        long len = BIO_get_mem_data(out, &bytes);
        char *pem = calloc(1, (size_t)len + 1);
        assert_non_null(pem);
        memcpy(pem, bytes, (size_t)len);
        assay_sign_key *key = NULL;
        assert_int_equal(load_text(pem, &key, NULL), ASSAY_OK);
        assert_int_equal(assay_sign_key_not_before(key), rows[i].not_before);
        assert_int_equal(assay_sign_key_not_after(key), rows[i].not_after);
        assay_sign_key_unref(key);
        free(pem);
        BIO_free(out);
        X509_free(certificate);
    }
    test_signer_free(signer);
}

static void test_case_83_key_of_another_certificate(void **state)
{
    (void)state;
    bad("client.key", "next.pem", NULL, " holds a private key that none of the certificates is of");
    bad("next.key", "mixed.pem", NULL, " holds a private key that none of the certificates is of");
    bad("client.key", "next.key", NULL, " holds no certificate in PEM form");
    bad("client.key", "client.sha1", NULL, " holds no certificate in PEM form");
}

static void older_forms_are_read(void **state)
{
    (void)state;
    static const char *const names[][2] = {
        {"traditional.key", "client.pem"}, {"ec_old.key", "ec.pem"}, {"ec_bare.key", "ec.pem"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assay_sign_key *key = good(names[i][0], names[i][1], NULL);
        assert_int_equal(assay_sign_key_certificate_count(key), 1);
        assay_sign_key_unref(key);
    }
}

static void encrypted_keys(void **state)
{
    (void)state;
    static const char none[] = " holds an encrypted private key, and there is no passphrase",
                      wrong[] = " holds a private key that can't be decrypted: the passphrase is wrong";
    assay_sign_key_unref(good("encrypted.key", "client.pem", CLIENT_KEYS_PASSPHRASE));
    bad("encrypted.key", NULL, NULL, none);
    bad("encrypted.key", NULL, "", none);
    bad("encrypted.key", NULL, "Correct horse", wrong);
    /* Some wrong passphrases make padding that is right. */
    for (size_t i = 0; i < pace_rounds(300); i++) {
        char passphrase[32];
        assay_sign_key *key = NULL;
        assay_failure failure;
        snprintf(passphrase, sizeof passphrase, "wrong %zu", i);
        assert_int_equal(load("encrypted.key", NULL, passphrase, &key, &failure), ASSAY_E_CONFIG_SIGNING_KEY);
        says(&failure, "encrypted.key", wrong);
    }
    /* One that is not needed does no harm. */
    assay_sign_key_unref(good("client.key", NULL, "not needed"));
}

static void legacy_encryption_is_refused(void **state)
{
    (void)state;
    static const char sentence[] =
        " holds a private key in the legacy encrypted form (Proc-Type: 4,ENCRYPTED); convert it with";
    bad("legacy.key", NULL, NULL, sentence);
    bad("legacy.key", "client.pem", CLIENT_KEYS_PASSPHRASE, sentence);
}

static void pkcs12_files(void **state)
{
    (void)state;
    bad("client.p12", NULL, NULL, " holds a PKCS#12 that needs a passphrase, and there is none");
    bad("client.p12", NULL, "not this one", " holds a PKCS#12 that can't be opened: the passphrase is wrong");
    bad("open.p12", NULL, "not this one", " holds a PKCS#12 that can't be opened: the passphrase is wrong");
    size_t len = 0;
    char *old = client_keys_read("old.p12", &len);
    if (old != NULL)
        bad("old.p12", NULL, CLIENT_KEYS_PASSPHRASE, "OpenSSL lacks its encryption");
    free(old);
    char *whole = client_keys_read("client.p12", &len);
    for (size_t cut = 1; cut < len; cut += 97) {
        assay_sign_key *key = NULL;
        assay_sign_text text = {whole, cut, "cut"};
        assay_failure failure;
        assert_int_equal(assay_sign_key_from_bytes(test_crypto, &text, NULL, NULL, &key, &failure),
                         ASSAY_E_CONFIG_SIGNING_KEY);
        assert_null(key);
        assert_non_null(strstr(failure.note, "cut holds neither PEM nor PKCS#12"));
    }
    free(whole);
}

static void keys_that_are_no_good(void **state)
{
    (void)state;
    bad("weak.key", NULL, NULL, " holds an RSA key of less than 2048 bits, which is too weak");
    bad("pss.key", NULL, NULL, " holds a key for RSA-PSS alone");
    bad("three.key", NULL, NULL, " holds an RSA key of more than two primes");
    bad("x25519.key", NULL, NULL, " holds a private key that is neither RSA, EC nor EdDSA");
    bad("brainpool.key", NULL, NULL, " holds an EC key that is not on the named curve");
    bad("client.pem", NULL, NULL, " holds no private key");
    bad("client.sha1", NULL, NULL, " holds no private key");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_scheme_signs),
        cmocka_unit_test(schemes_fit_their_keys),
        cmocka_unit_test(test_case_82_chain_order),
        cmocka_unit_test(dates_are_seconds),
        cmocka_unit_test(test_case_83_key_of_another_certificate),
        cmocka_unit_test(older_forms_are_read),
        cmocka_unit_test(encrypted_keys),
        cmocka_unit_test(legacy_encryption_is_refused),
        cmocka_unit_test(pkcs12_files),
        cmocka_unit_test(keys_that_are_no_good),
    };
    return cmocka_run_group_tests(tests, test_crypto_open_with_keys, test_crypto_close_with_keys);
}
