/* SPDX-License-Identifier: MIT */
/* Client assertions, taken apart again: header and claims to the byte, and the signature by assay_jws_verify() and by cjose. */
#include "acquire/assertion.h"
#include "acquire/uuid.h"
#include "base/base64url.h"
#include "support/client_keys.h"
#include "support/signing.h"
#include "token/algorithm.h"
#include "json/document.h"

#include <assay/assay.h>
#include <inttypes.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#if defined(__has_include)
#if __has_include(<cjose/cjose.h>)
#include <cjose/cjose.h>
#define HAVE_CJOSE 1
#endif
#endif

#define CLIENT "11111111-aaaa-4aaa-8aaa-111111111111"
#define ENDPOINT "https://login.microsoftonline.com/22222222-bbbb-4bbb-8bbb-222222222222/oauth2/v2.0/token"

static assay_crypto *crypto;
static assay_sign_key *client, *bare, *curve;
static int64_t now;

static assay_sign_key *load(const char *name, const char *certificates)
{
    assay_sign_text text = {NULL, 0, name}, more = {NULL, 0, certificates};
    char *bytes = client_keys_read(name, &text.len);
    char *more_bytes = certificates == NULL ? NULL : client_keys_read(certificates, &more.len);
    assay_sign_key *key = NULL;
    text.bytes = bytes;
    more.bytes = more_bytes;
    assert_int_equal(assay_sign_key_from_bytes(crypto, &text, more_bytes == NULL ? NULL : &more, NULL, &key, NULL),
                     ASSAY_OK);
    free(more_bytes);
    free(bytes);
    return key;
}

static int open_keys(void **state)
{
    if (client_keys_make(state) != 0 || assay_crypto_new(NULL, &crypto) != ASSAY_OK)
        return 1;
    client = load("mixed.pem", NULL);
    bare = load("client.key", NULL);
    curve = load("ec.key", "ec.pem");
    now = (int64_t)time(NULL);
    return 0;
}

static int close_keys(void **state)
{
    assay_sign_key_unref(client);
    assay_sign_key_unref(bare);
    assay_sign_key_unref(curve);
    assay_crypto_unref(crypto);
    return client_keys_remove(state);
}

static assay_assertion_options entra(void)
{
    return (assay_assertion_options){.x5t_sha256 = true, .client_id = CLIENT, .audience = ENDPOINT, .entra = true};
}

/* The n-th segment of a compact JWS, decoded and terminated; released with free(). */
static char *segment(const assay_secret *assertion, int n, size_t *len)
{
    const char *start = assertion->text;
    for (int i = 0; i < n; i++)
        start = strchr(start, '.') + 1;
    size_t text_len = strcspn(start, ".");
    char *bytes = calloc(1, ASSAY_BASE64URL_DECODED(text_len) + 1);
    assert_true(assay_base64url_decode(start, text_len, (uint8_t *)bytes, len));
    bytes[*len] = '\0';
    return bytes;
}

/* The public JWK of a certificate; released with free(). */
static char *public_jwk(const char *name, assay_key_kind kind, const char *members)
{
    FILE *file = fopen(client_keys_path(name), "r");
    assert_non_null(file);
    X509 *certificate = PEM_read_X509(file, NULL, NULL, NULL);
    assert_non_null(certificate);
    test_signer signer = {.kind = kind, .pkey = X509_get_pubkey(certificate)};
    char *jwk = test_signer_jwk(&signer, members);
    EVP_PKEY_free(signer.pkey);
    X509_free(certificate);
    (void)fclose(file);
    return jwk;
}

static bool we_accept(const char *jwk, const char *algorithm, const assay_secret *assertion)
{
    assay_keyset *keys = NULL;
    uint8_t *payload = NULL;
    size_t len = 0;
    assert_int_equal(assay_keyset_new(NULL, &keys, NULL), ASSAY_OK);
    assert_int_equal(assay_keyset_add_json(keys, jwk, strlen(jwk), NULL), ASSAY_OK);
    int code = assay_jws_verify(keys, algorithm, assertion->text, assertion->len, &payload, &len, NULL);
    assay_bytes_free(payload, len);
    assay_keyset_unref(keys);
    return code == ASSAY_OK;
}

static bool cjose_accepts(const char *jwk, const assay_secret *assertion)
{
#ifdef HAVE_CJOSE
    cjose_err problem;
    cjose_jwk_t *key = cjose_jwk_import(jwk, strlen(jwk), &problem);
    cjose_jws_t *jws = cjose_jws_import(assertion->text, assertion->len, &problem);
    assert_non_null(key);
    bool accepted = jws != NULL && cjose_jws_verify(jws, key, &problem);
    cjose_jws_release(jws);
    cjose_jwk_release(key);
    return accepted;
#else
    (void)jwk;
    (void)assertion;
    return true;
#endif
}

static assay_secret make(const assay_sign_key *key, const assay_assertion_options *options)
{
    assay_secret assertion = {0};
    assay_failure failure;
    int code = assay_assertion_make(crypto, key, options, now, &assertion, &failure);
    if (code != ASSAY_OK)
        print_error("%s: %s\n", assay_code_name(code), failure.note);
    assert_int_equal(code, ASSAY_OK);
    assert_non_null(assertion.text);
    assert_int_equal(strlen(assertion.text), assertion.len);
    return assertion;
}

static void refused(const assay_sign_key *key, const assay_assertion_options *options, int64_t at, int code,
                    const char *sentence)
{
    assay_secret assertion = {0};
    assay_failure failure;
    assert_true(assay_secret_set(&assertion, "of before", 9));
    int got = assay_assertion_make(crypto, key, options, at, &assertion, &failure);
    if (got != code || strstr(failure.note, sentence) == NULL)
        print_error("%s: \"%s\" where \"%s\" was expected\n", assay_code_name(got), failure.note, sentence);
    assert_int_equal(got, code);
    assert_non_null(strstr(failure.note, sentence));
    assert_null(assertion.text);
    assert_int_equal(assay_assertion_make(crypto, key, options, at, &assertion, NULL), code);
}

/* base64url without padding, or standard base64 with it, of what openssl printed in hexadecimal; released with free(). */
static char *fingerprint(const char *name)
{
    size_t len = 0;
    char *hex = client_keys_read(name, &len), *text = calloc(1, 128);
    uint8_t bytes[64];
    size_t count = (len - 1) / 2;
    for (size_t i = 0; i < count; i++) {
        unsigned value = 0;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &value), 1);
        bytes[i] = (uint8_t)value;
    }
    assay_base64url_encode(bytes, count, text);
    free(hex);
    return text;
}

/* The header is this, to the byte. */
static void __attribute__((format(printf, 2, 3))) header_is(const assay_secret *assertion, const char *format, ...)
{
    va_list values;
    size_t len = 0;
    char *header = segment(assertion, 0, &len), *expected = NULL;
    va_start(values, format);
    assert_true(vasprintf(&expected, format, values) > 0);
    va_end(values);
    assert_string_equal(header, expected);
    assert_int_equal(len, strlen(expected));
    free(expected);
    free(header);
}

static bool is_uuid_4(const char *text, size_t len)
{
    assay_guid guid;
    return assay_guid_read((assay_span){text, len}, false, &guid) && guid.bytes[6] >> 4 == 4 && guid.bytes[8] >> 6 == 2;
}

static void claims_are(const assay_secret *assertion, const char *client_id, const char *audience, int64_t lifetime,
                       char jti[ASSAY_GUID_TEXT + 1])
{
    size_t len = 0;
    char *claims = segment(assertion, 1, &len), *expected = NULL;
    const char *at = strstr(claims, "\"jti\":\"");
    assert_non_null(at);
    snprintf(jti, ASSAY_GUID_TEXT + 1, "%s", at + 7);
    assert_true(is_uuid_4(jti, ASSAY_GUID_TEXT));
    assert_true(asprintf(&expected,
                         "{\"aud\":\"%s\",\"iss\":\"%s\",\"sub\":\"%s\",\"jti\":\"%s\",\"nbf\":%" PRId64
                         ",\"iat\":%" PRId64 ",\"exp\":%" PRId64 "}",
                         audience, client_id, client_id, jti, now, now, now + lifetime) > 0);
    assert_string_equal(claims, expected);
    assert_int_equal(len, strlen(expected));
    free(expected);
    free(claims);
}

static void test_case_81_entra(void **state)
{
    (void)state;
    assay_assertion_options options = entra();
    char *thumbprint = fingerprint("client.sha256"), *jwk = public_jwk("client.pem", ASSAY_KEY_RSA, "");
    char jti[2][ASSAY_GUID_TEXT + 1];
    assert_int_equal(strlen(thumbprint), 43);
    assert_null(strpbrk(thumbprint, "=+/"));
    for (int i = 0; i < 2; i++) {
        options.x5t_sha256 = i == 0; /* Entra has it all the same */
        assay_secret assertion = make(client, &options);
        header_is(&assertion, "{\"alg\":\"PS256\",\"typ\":\"JWT\",\"x5t#S256\":\"%s\"}", thumbprint);
        claims_are(&assertion, CLIENT, ENDPOINT, 600, jti[i]);
        assert_true(
            we_accept(jwk, "PS256", &assertion)); /* which takes no other salt than 32 bytes; test_crypto_sign.c */
        assert_true(cjose_accepts(jwk, &assertion));
        assay_secret_clear(&assertion);
    }
    assert_string_not_equal(jti[0], jti[1]);
    free(jwk);
    free(thumbprint);
}

static void test_case_81_lifetime(void **state)
{
    (void)state;
    static const int64_t good[] = {1, 300, 600}, bad[] = {-1, 601, INT64_MAX, INT64_MIN};
    assay_assertion_options options = entra();
    char jti[ASSAY_GUID_TEXT + 1];
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        options.lifetime = good[i];
        assay_secret assertion = make(client, &options);
        claims_are(&assertion, CLIENT, ENDPOINT, good[i], jti);
        assay_secret_clear(&assertion);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        options.lifetime = bad[i];
        refused(client, &options, now, ASSAY_E_CONFIG_TIME, "a client assertion lives for 1 to 600 seconds");
    }
    options.lifetime = 0;
    refused(client, &options, -1, ASSAY_E_CLOCK, "");
    refused(client, &options, INT64_MAX, ASSAY_E_CLOCK, "");
}

/* AD FS: RS256 and the thumbprint of SHA-1 alone. */
static void older_thumbprint(void **state)
{
    (void)state;
    assay_assertion_options options = entra();
    options.algorithm = "RS256";
    options.x5t_sha256 = false;
    options.x5t_sha1 = true;
    char *thumbprint = fingerprint("client.sha1"), *jwk = public_jwk("client.pem", ASSAY_KEY_RSA, "");
    assay_secret assertion = make(client, &options);
    header_is(&assertion, "{\"alg\":\"RS256\",\"typ\":\"JWT\",\"x5t\":\"%s\"}", thumbprint);
    assert_true(we_accept(jwk, "RS256", &assertion) && cjose_accepts(jwk, &assertion));
    assert_false(we_accept(jwk, "PS256", &assertion));
    assay_secret_clear(&assertion);
    free(jwk);
    free(thumbprint);
}

/* One certificate as `openssl x509` writes it: its base64 without boundaries and line ends; released with free(). */
static char *pem_body(const char *name)
{
    size_t len = 0, used = 0;
    char *pem = client_keys_read(name, &len), *body = calloc(1, len + 1);
    for (char *line = pem, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        if (line[0] == '-')
            continue;
        memcpy(body + used, line, (size_t)(end - line));
        used += (size_t)(end - line);
    }
    free(pem);
    return body;
}

static void test_case_82_x5c(void **state)
{
    (void)state;
    assay_assertion_options options = entra();
    options.x5c = true;
    char *thumbprint = fingerprint("client.sha256");
    char *leaf = pem_body("client.pem"), *sub = pem_body("sub.pem"), *root = pem_body("root.pem");
    assay_secret assertion = make(client, &options);
    header_is(&assertion, "{\"alg\":\"PS256\",\"typ\":\"JWT\",\"x5t#S256\":\"%s\",\"x5c\":[\"%s\",\"%s\",\"%s\"]}",
              thumbprint, leaf, sub, root);
    assay_secret_clear(&assertion);
    free(leaf);
    free(sub);
    free(root);
    free(thumbprint);
}

static void test_case_83_local_errors(void **state)
{
    (void)state;
    assay_assertion_options options = entra();
    refused(curve, &options, now, ASSAY_E_CONFIG_SIGNING_KEY, "Entra ID takes RSA keys only, and this is an EC key");
    refused(bare, &options, now, ASSAY_E_CONFIG_SIGNING_KEY,
            "Entra ID knows a key by its certificate, and there is none beside the private key");
    options.entra = false;
    refused(bare, &options, now, ASSAY_E_CONFIG_SIGNING_KEY,
            "the assertion is to name a certificate, and there is none");
    options.x5t_sha256 = false;
    options.x5c = true;
    refused(bare, &options, now, ASSAY_E_CONFIG_SIGNING_KEY,
            "the assertion is to name a certificate, and there is none");
}

static void write_date(int64_t seconds, char *out, size_t size)
{
    time_t time = (time_t)seconds;
    struct tm parts;
    assert_non_null(gmtime_r(&time, &parts));
    strftime(out, size, "%Y-%m-%dT%H:%M:%SZ", &parts);
}

static void test_case_83_dates(void **state)
{
    (void)state;
    assay_assertion_options options = entra();
    int64_t from = assay_sign_key_not_before(client), to = assay_sign_key_not_after(client);
    char first[32], last[32], at[32], sentence[256];
    write_date(from, first, sizeof first);
    write_date(to, last, sizeof last);
    write_date(to + 1, at, sizeof at);
    snprintf(sentence, sizeof sentence, "the certificate has expired: it is valid from %s to %s, and it is %s now",
             first, last, at);
    refused(client, &options, to + 1, ASSAY_E_CONFIG_SIGNING_KEY, sentence);
    write_date(from - 61, at, sizeof at);
    snprintf(sentence, sizeof sentence, "the certificate is not valid yet: it is valid from %s to %s, and it is %s now",
             first, last, at);
    refused(client, &options, from - 61, ASSAY_E_CONFIG_SIGNING_KEY, sentence);
    static const int64_t inside[] = {-60, 0};
    for (size_t i = 0; i < 2; i++) {
        assay_secret assertion = {0};
        assert_int_equal(assay_assertion_make(crypto, client, &options, from + inside[i], &assertion, NULL), ASSAY_OK);
        assert_int_equal(assay_assertion_make(crypto, client, &options, to + inside[i], &assertion, NULL), ASSAY_OK);
        assay_secret_clear(&assertion);
    }
    /* Where nothing refers to the certificate, its dates don't count. */
    options = (assay_assertion_options){.client_id = "c", .audience = "a"};
    assay_secret assertion = {0};
    assert_int_equal(assay_assertion_make(crypto, client, &options, to + 1, &assertion, NULL), ASSAY_OK);
    assay_secret_clear(&assertion);
}

/* A server that is not Entra, with a key it knows by kid. */
static void generic_server(void **state)
{
    (void)state;
    assay_assertion_options options = {
        .kid = "key \"1\" \xc3\xbc", .client_id = "a\\client", .audience = "https://keycloak.test/realms/r"};
    char *jwk = public_jwk("ec.pem", ASSAY_KEY_P256, "\"kid\":\"key \\\"1\\\" \xc3\xbc\""), jti[ASSAY_GUID_TEXT + 1];
    assay_secret assertion = make(curve, &options);
    header_is(&assertion, "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"%s\"}", "key \\u00221\\u0022 \xc3\xbc");
    claims_are(&assertion, "a\\u005cclient", "https://keycloak.test/realms/r", 600, jti);
    assert_true(we_accept(jwk, "ES256", &assertion) && cjose_accepts(jwk, &assertion));
    assay_secret_clear(&assertion);
    free(jwk);
}

static void texts_are_checked(void **state)
{
    (void)state;
    const assay_assertion_options bad[] = {
        {.audience = "a"},
        {.client_id = "c"},
        {.client_id = "", .audience = "a"},
        {.client_id = "c", .audience = ""},
        {.client_id = "c", .audience = "a", .kid = ""},
        {.client_id = "c\xff", .audience = "a"},
        {.client_id = "c", .audience = "a\xc3"},
        {.client_id = "c", .audience = "a", .kid = "\x80"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        refused(bare, &bad[i], now, ASSAY_E_ARGUMENT, "a client assertion needs a client id and an audience");
}

static assay_sign_key *new_key(assay_key_kind kind, char **jwk)
{
    test_signer *signer = test_signer_new(kind, 2048);
    BIO *out = BIO_new(BIO_s_mem());
    char *bytes = NULL;
    assay_sign_key *key = NULL;
    assert_int_equal(PEM_write_bio_PKCS8PrivateKey(out, signer->pkey, NULL, NULL, 0, NULL, NULL), 1);
    long len = BIO_get_mem_data(out, &bytes);
    assay_sign_text text = {bytes, (size_t)len, "text"};
    assert_int_equal(assay_sign_key_from_bytes(crypto, &text, NULL, NULL, &key, NULL), ASSAY_OK);
    *jwk = test_signer_jwk(signer, "");
    BIO_free(out);
    test_signer_free(signer);
    return key;
}

/* Every algorithm that we verify with public keys we can sign with, and no other. */
static void every_algorithm(void **state)
{
    (void)state;
    static const char *const defaults[] = {"PS256", "ES256", "ES384", "ES512", "ES256K", "EdDSA", "EdDSA"};
    for (int kind = ASSAY_KEY_RSA; kind < ASSAY_KEY_SYMMETRIC; kind++) {
        char *jwk = NULL;
        assay_sign_key *key = new_key((assay_key_kind)kind, &jwk);
        assay_assertion_options options = {.client_id = "c", .audience = "a"};
        assay_secret assertion = make(key, &options);
        header_is(&assertion, "{\"alg\":\"%s\",\"typ\":\"JWT\"}", defaults[kind]);
        for (size_t i = 0; i < ASSAY_ALGORITHM_COUNT; i++) {
            const assay_algorithm *algorithm = assay_algorithm_at(i);
            bool fits = false;
            for (size_t j = 0; j < algorithm->scheme_count; j++)
                fits = fits || test_kind_of(algorithm->scheme[j]) == (assay_key_kind)kind;
            options.algorithm = algorithm->name;
            if (!fits || algorithm->symmetric) {
                refused(key, &options, now, ASSAY_E_CONFIG_ALGORITHM, algorithm->name);
                continue;
            }
            assay_secret_clear(&assertion);
            assertion = make(key, &options);
            assert_true(we_accept(jwk, algorithm->name, &assertion));
        }
        options.algorithm = "none";
        refused(key, &options, now, ASSAY_E_CONFIG_ALGORITHM, "nothing is signed with none");
        options.algorithm = "rs256\n";
        refused(key, &options, now, ASSAY_E_CONFIG_ALGORITHM, "nothing is signed with rs256\\x0a");
        assay_secret_clear(&assertion);
        assay_sign_key_unref(key);
        free(jwk);
    }
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void random_uuids(void **state)
{
    (void)state;
    enum { COUNT = 2000 };
    static char texts[COUNT][ASSAY_GUID_TEXT + 1];
    unsigned variants = 0;
    for (size_t i = 0; i < COUNT; i++) {
        assert_true(assay_uuid_random(texts[i]));
        assert_true(is_uuid_4(texts[i], strlen(texts[i])));
        variants |= texts[i][19] == '8' ? 1u : texts[i][19] == '9' ? 2u : texts[i][19] == 'a' ? 4u : 8u;
    }
    assert_int_equal(variants, 15);
    qsort(texts, COUNT, sizeof texts[0], by_text);
    for (size_t i = 1; i < COUNT; i++)
        assert_string_not_equal(texts[i - 1], texts[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_case_81_entra),
        cmocka_unit_test(test_case_81_lifetime),
        cmocka_unit_test(older_thumbprint),
        cmocka_unit_test(test_case_82_x5c),
        cmocka_unit_test(test_case_83_local_errors),
        cmocka_unit_test(test_case_83_dates),
        cmocka_unit_test(generic_server),
        cmocka_unit_test(texts_are_checked),
        cmocka_unit_test(every_algorithm),
        cmocka_unit_test(random_uuids),
    };
    return cmocka_run_group_tests(tests, open_keys, close_keys);
}
