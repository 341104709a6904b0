/* SPDX-License-Identifier: MIT */
/* Signing keys in text that is damaged or unusual, and those of OpenSSL stores. */
#include "base/base64url.h"
#include "crypto/pem.h"
#include "crypto/sign.h"
#include "support/client_keys.h"
#include "support/signing.h"

#include <openssl/err.h>
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

/* PEM text that a test made itself. */
static int load_text(const char *pem, assay_sign_key **key, assay_failure *failure)
{
    assay_sign_text text = {pem, strlen(pem), "text"};
    int code = assay_sign_key_from_bytes(test_crypto, &text, NULL, NULL, key, failure);
    assert_true((code == ASSAY_OK) == (*key != NULL));
    return code;
}

static void bad_text(const char *pem, const char *note)
{
    assay_sign_key *key = NULL;
    assay_failure failure;
    assert_int_equal(load_text(pem, &key, &failure), ASSAY_E_CONFIG_SIGNING_KEY);
    assert_string_equal(failure.note, note);
}

#define BEGIN(label) "-----BEGIN " label "-----\n"
#define END(label) "-----END " label "-----\n"

static void damaged_text(void **state)
{
    (void)state;
    static const char cut[] = "text ends in the middle of a PEM block, or mixes two";
    bad_text("", "text holds no private key");
    bad_text(" -----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "text holds no private key");
    bad_text("-----BEGIN PRIVATE KEY", cut);
    bad_text("-----BEGIN PRIVATE\nKEY-----\n", cut);
    bad_text(BEGIN("PRIVATE KEY"), cut);
    bad_text(BEGIN("PRIVATE KEY") "AAAA\n", cut);
    bad_text(BEGIN("PRIVATE KEY") "AAAA\n-----END PRIVATE KEY", cut);
    bad_text(BEGIN("PRIVATE KEY") "AAAA\n" BEGIN("CERTIFICATE") END("CERTIFICATE"), cut);
    bad_text(BEGIN("PRIVATE KEY") END("PRIVATE KEY"), "text holds a private key that can't be read: it is not base64");
    bad_text(BEGIN("PRIVATE KEY") "AA\n" END("PRIVATE KEY"),
             "text holds a private key that can't be read: it is not base64");
    bad_text(BEGIN("PRIVATE KEY") "AA_-\n" END("PRIVATE KEY"),
             "text holds a private key that can't be read: it is not base64");
    bad_text(BEGIN("PRIVATE KEY") "AAAA\n" END("PRIVATE KEY"),
             "text holds a private key that can't be read: its DER is damaged");
    bad_text(BEGIN("EC PRIVATE KEY") "AAAA\n" END("EC PRIVATE KEY"),
             "text holds a private key that can't be read: its DER is damaged");
    bad_text(BEGIN("RSA PRIVATE KEY") "MAMCAQA=\n" END("RSA PRIVATE KEY"),
             "text holds a private key that can't be read: its DER is damaged");
    static const char sealed[] = BEGIN("ENCRYPTED PRIVATE KEY") "AAAA\n" END("ENCRYPTED PRIVATE KEY");
    bad_text(sealed, "text holds an encrypted private key, and there is no passphrase");
    assay_secret secret = secret_of("x");
    assay_sign_text text = {sealed, sizeof sealed - 1, "text"};
    assay_sign_key *key = NULL;
    assay_failure failure;
    assert_int_equal(assay_sign_key_from_bytes(test_crypto, &text, NULL, &secret, &key, &failure),
                     ASSAY_E_CONFIG_SIGNING_KEY);
    assert_string_equal(failure.note, "text holds an encrypted private key that can't be read: its DER is damaged");
    assay_secret_clear(&secret);
    bad_text(BEGIN("DSA PRIVATE KEY") "AAAA\n" END("DSA PRIVATE KEY"),
             "text holds a private key that is neither RSA, EC nor EdDSA");
    bad_text(BEGIN("CERTIFICATE") "AAAA\n" END("CERTIFICATE"),
             "text holds a certificate that can't be read: its DER is damaged");
    bad_text(BEGIN("CERTIFICATE") "A\n" END("CERTIFICATE"),
             "text holds a certificate that can't be read: it is not base64");
}

/* Whatever is cut off or changed, it is no key, or it is the key; never a crash. Twice the key is two keys. */
static void cut_and_doubled_keys(void **state)
{
    (void)state;
    static const char *const names[] = {"client.key", "ec.key", "ec_old.key", "traditional.key"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t len = 0;
        char *pem = client_keys_read(names[i], &len), *twice = NULL;
        assay_span rest = {pem, len};
        assay_pem_block block;
        assay_secret der = {0};
        assert_int_equal(assay_pem_next(&rest, &block), ASSAY_PEM_BLOCK);
        assert_true(assay_pem_decode(&block, &der));
        for (size_t cut = 0; cut < der.len; cut += i == 0 || i == 3 ? 13 : 1) {
            assay_sign_key *key = NULL;
            char *made = NULL, *text = calloc(1, ASSAY_BASE64_ENCODED(der.len) + 1);
            assay_base64_encode((const uint8_t *)der.text, cut, text);
            assert_true(asprintf(&made, "-----BEGIN %.*s-----\n%s\n-----END %.*s-----\n", (int)block.label.len,
                                 block.label.ptr, text, (int)block.label.len, block.label.ptr) > 0);
            assert_int_equal(load_text(made, &key, NULL), ASSAY_E_CONFIG_SIGNING_KEY);
            free(text);
            free(made);
        }
        assert_true(asprintf(&twice, "%s%s", pem, pem) > 0);
        bad_text(twice, "text holds more than one private key");
        free(twice);
        free(pem);
        assay_secret_clear(&der);
    }
}

/* Lines may end as on Windows, and be of any length. */
static void other_line_ends(void **state)
{
    (void)state;
    size_t len = 0;
    char *pem = client_keys_read("client.key", &len), *other = calloc(1, 2 * len + 1);
    size_t used = 0;
    for (size_t i = 0; i < len; i++) {
        if (pem[i] == '\n')
            other[used++] = '\r';
        other[used++] = pem[i];
    }
    assay_sign_key *key = NULL;
    assert_int_equal(load_text(other, &key, NULL), ASSAY_OK);
    assay_sign_key_unref(key);
    used = 0;
    memset(other, 0, 2 * len + 1);
    for (size_t i = 0; i < len; i++) {
        bool keeps = pem[i] != '\n' || i < 40 || strncmp(pem + i + 1, "-----", 5) == 0;
        if (keeps)
            other[used++] = pem[i];
    }
    assert_int_equal(load_text(other, &key, NULL), ASSAY_OK);
    assay_sign_key_unref(key);
    free(other);
    free(pem);
}

/* An EC key whose public point is another's: OpenSSL would take it, and only the server would notice. */
static void private_and_public_numbers_belong_together(void **state)
{
    (void)state;
    size_t len = 0;
    char *pem = client_keys_read("ec_old.key", &len), *made = NULL;
    assay_span rest = {pem, len};
    assay_pem_block block;
    assay_secret der = {0};
    assert_int_equal(assay_pem_next(&rest, &block), ASSAY_PEM_BLOCK);
    assert_true(assay_pem_decode(&block, &der));
    der.text[20] ^= 1; /* inside the private number, which begins at 7 (RFC 5915, section 3) */
    char text[512];
    assay_base64_encode((const uint8_t *)der.text, der.len, text);
    assert_true(asprintf(&made, BEGIN("EC PRIVATE KEY") "%s\n" END("EC PRIVATE KEY"), text) > 0);
    bad_text(made, "text holds a private key whose private and public numbers don't belong together");
    free(made);
    free(pem);
    assay_secret_clear(&der);
}

/* As RFC 5958 has it, with the public key at the end (RFC 8410, section 10.3). */
static void pkcs8_of_version_2(void **state)
{
    (void)state;
    static const char pem[] = BEGIN("PRIVATE KEY") "MHICAQEwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
                                                   "oB8wHQYKKoZIhvcNAQkJFDEPDA1DdXJkbGUgQ2hhaXJzgSEAGb9ECWmEzf6FQbrB\n"
                                                   "Z9w7lshQhqowtrbLDFw4rXAxZuE=\n" END("PRIVATE KEY");
    assay_sign_key *key = NULL;
    uint8_t signature[ASSAY_SIGNATURE_MAX];
    size_t len = 0;
    assert_int_equal(load_text(pem, &key, NULL), ASSAY_OK);
    assert_int_equal(assay_sign_key_kind(key), ASSAY_KEY_ED25519);
    assert_int_equal(assay_sign_key_sign(key, ASSAY_SCHEME_ED25519, "", 0, signature, &len), ASSAY_OK);
    assert_int_equal(len, 64);
    assay_sign_key_unref(key);
}

static int load_store(const char *name, const char *certificates, const char *passphrase, assay_sign_key **key,
                      assay_failure *failure)
{
    char uri[256];
    assay_secret secret = secret_of(passphrase);
    assay_sign_text more = {NULL, 0, "more"};
    char *bytes = certificates == NULL ? NULL : client_keys_read(certificates, &more.len);
    more.bytes = bytes;
    snprintf(uri, sizeof uri, "file:%s", client_keys_path(name));
    int code = assay_sign_key_from_store(test_crypto, uri, bytes == NULL ? NULL : &more,
                                         passphrase == NULL ? NULL : &secret, key, failure);
    assert_true((code == ASSAY_OK) == (*key != NULL));
    assert_int_equal(ERR_peek_error(), 0);
    free(bytes);
    assay_secret_clear(&secret);
    return code;
}

static void keys_of_a_store(void **state)
{
    (void)state;
    static const struct {
        const char *name, *certificates, *passphrase;
        size_t count;
    } places[] = {
        {"mixed.pem", NULL, NULL, 3},
        {"client.key", NULL, NULL, 0},
        {"client.key", "client.pem", NULL, 1},
        {"encrypted.key", "client.pem", CLIENT_KEYS_PASSPHRASE, 1},
        {"client.p12", NULL, CLIENT_KEYS_PASSPHRASE, 3},
        {"open.p12", NULL, NULL, 1},
        {"ec.key", "ec.pem", NULL, 1},
    };
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        assay_sign_key *key = NULL;
        uint8_t signature[ASSAY_SIGNATURE_MAX];
        size_t len = 0;
        assert_int_equal(load_store(places[i].name, places[i].certificates, places[i].passphrase, &key, NULL),
                         ASSAY_OK);
        assert_int_equal(assay_sign_key_certificate_count(key), places[i].count);
        assay_scheme scheme =
            assay_sign_key_kind(key) == ASSAY_KEY_RSA ? ASSAY_SCHEME_RSA_PSS_SHA256 : ASSAY_SCHEME_ECDSA_P256_SHA256;
        assert_int_equal(assay_sign_key_sign(key, scheme, "x", 1, signature, &len), ASSAY_OK);
        assert_int_equal(len, scheme == ASSAY_SCHEME_RSA_PSS_SHA256 ? 256 : 64);
        assay_sign_key_unref(key);
    }
}

static void stores_that_fail(void **state)
{
    (void)state;
    static const struct {
        const char *name, *certificates, *passphrase, *sentence;
    } places[] = {
        {"encrypted.key", NULL, NULL, " asks for a passphrase, and there is none"},
        {"encrypted.key", NULL, "wrong", " can't be read: the passphrase is wrong"},
        {"nothing.key", NULL, NULL, " can't be read: OpenSSL has no store for such a URI, or"},
        {"client.pem", NULL, NULL, " can't be read: OpenSSL has no store for such a URI, or"},
        {"weak.key", NULL, NULL, " holds an RSA key of less than 2048 bits"},
        {"pss.key", NULL, NULL, " holds a private key that is neither RSA, EC nor EdDSA"},
        {"brainpool.key", NULL, NULL, " holds an EC key of a curve that no JWS algorithm is for"},
        {"client.key", "next.pem", NULL, " holds a private key that none of the certificates is of"},
    };
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        assay_sign_key *key = NULL;
        assay_failure failure;
        assert_int_equal(load_store(places[i].name, places[i].certificates, places[i].passphrase, &key, &failure),
                         ASSAY_E_CONFIG_SIGNING_KEY);
        bool says_so = strncmp(failure.note, "file:", 5) == 0 && strstr(failure.note, places[i].sentence) != NULL;
        if (!says_so)
            print_error("%s: %s\n", places[i].name, failure.note);
        assert_true(says_so);
    }
    assay_sign_key *key = NULL;
    assay_failure failure;
    assert_int_equal(assay_sign_key_from_store(test_crypto, "no-such-scheme:\nx", NULL, NULL, &key, &failure),
                     ASSAY_E_CONFIG_SIGNING_KEY);
    assert_non_null(strstr(failure.note, "no-such-scheme:\\x0ax can't be read"));
    assert_int_equal(
        assay_sign_key_from_store(test_crypto, "pkcs11:token=t;object=o?pin-value=sesame", NULL, NULL, &key, &failure),
        ASSAY_E_CONFIG_SIGNING_KEY);
    assert_non_null(strstr(failure.note, "pkcs11:token=t;object=o can't be read"));
    assert_null(strstr(failure.note, "sesame"));
}

/* What the host left in OpenSSL's queue of errors is still there, whatever fails. */
static void queue_of_errors_is_left_alone(void **state)
{
    (void)state;
    ERR_raise(ERR_LIB_USER, 77);
    unsigned long before = ERR_peek_last_error();
    static const char *const names[] = {"client.key", "weak.key", "encrypted.key"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t len = 0;
        char *pem = client_keys_read(names[i], &len);
        assay_secret wrong = secret_of("wrong");
        assay_sign_text text = {pem, len, names[i]};
        assay_sign_key *key = NULL;
        assert_int_equal(assay_sign_key_from_bytes(test_crypto, &text, NULL, &wrong, &key, NULL),
                         i == 0 ? ASSAY_OK : ASSAY_E_CONFIG_SIGNING_KEY);
        assay_sign_key_unref(key);
        assay_secret_clear(&wrong);
        free(pem);
        assert_int_equal(ERR_peek_last_error(), before);
    }
    assert_int_equal(ERR_get_error(), before);
    assert_int_equal(ERR_get_error(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damaged_text),       cmocka_unit_test(cut_and_doubled_keys),
        cmocka_unit_test(other_line_ends),    cmocka_unit_test(private_and_public_numbers_belong_together),
        cmocka_unit_test(pkcs8_of_version_2), cmocka_unit_test(keys_of_a_store),
        cmocka_unit_test(stores_that_fail),   cmocka_unit_test(queue_of_errors_is_left_alone),
    };
    return cmocka_run_group_tests(tests, test_crypto_open_with_keys, test_crypto_close_with_keys);
}
