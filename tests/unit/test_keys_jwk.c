/* SPDX-License-Identifier: MIT */
/* One JWK, and sets of them: K20 to K26, attacks 6, 15, 25 to 28 and 36. */

#include "base/base64url.h"
#include "base/limits.h"
#include "keys/key_set.h"
#include "support/signing.h"

#include <assay/error.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/x509.h>

static assay_crypto *crypto;
static test_signer *rsa, *p256, *ed25519, *secret;

static int set_up(void **state)
{
    (void)state;
    rsa = test_signer_new(ASSAY_KEY_RSA, 2048);
    p256 = test_signer_new(ASSAY_KEY_P256, 0);
    ed25519 = test_signer_new(ASSAY_KEY_ED25519, 0);
    secret = test_signer_new(ASSAY_KEY_SYMMETRIC, 256);
    return assay_crypto_new(NULL, &crypto);
}

static int tear_down(void **state)
{
    (void)state;
    test_signer_free(rsa);
    test_signer_free(p256);
    test_signer_free(ed25519);
    test_signer_free(secret);
    assay_crypto_unref(crypto);
    return 0;
}

/* Read a JWK; @p sentence NULL: it must be usable, otherwise the reason must contain it. */
static assay_jwk *read_jwk(const char *text, bool symmetric, const char *sentence)
{
    assay_json *json = NULL;
    assay_jwk *jwk = (assay_jwk *)1;
    char why[200];
    assert_int_equal(assay_json_parse(text, strlen(text), &json, NULL, 0), ASSAY_OK);
    int code = assay_jwk_read(crypto, json, symmetric, &jwk, why, sizeof why);
    if (sentence == NULL) {
        if (code != ASSAY_OK)
            fail_msg("%s: %s", text, why);
        assert_string_equal(why, "");
    } else {
        assert_int_equal(code, ASSAY_E_CONFIG_KEYS);
        assert_null(jwk);
        if (strstr(why, sentence) == NULL)
            fail_msg("%s: \"%s\" says nothing of \"%s\"", text, why, sentence);
        /* Without a buffer it is refused as well. */
        assert_int_equal(assay_jwk_read(crypto, json, symmetric, &jwk, NULL, 0), ASSAY_E_CONFIG_KEYS);
        assert_null(jwk);
    }
    assay_json_free(json);
    return jwk;
}

static void refused(const char *text, const char *sentence)
{
    read_jwk(text, false, sentence);
}

/* A good public key with more members. */
static void with(const test_signer *signer, const char *members, const char *sentence)
{
    char *text = test_signer_jwk(signer, members);
    assay_jwk_unref(read_jwk(text, false, sentence));
    free(text);
}

static void rfc7638_thumbprint(void **state)
{
    (void)state;
    /* RFC 7638, section 3.1; once as printed, and once with a leading zero octet in n and e. */
    static const char n[] =
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCi"
        "FV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnY"
        "b9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0"
        "Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
    char text[2048];
    snprintf(text, sizeof text,
             "{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"AQAB\",\"alg\":\"RS256\",\"kid\":\"2011-04-29\"}", n);
    assay_jwk *jwk = read_jwk(text, false, NULL);
    assert_string_equal(jwk->thumbprint_text, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    assert_string_equal(jwk->kind_text, "RSA 2048");
    assert_string_equal(jwk->kid, "2011-04-29");
    assert_int_equal(jwk->kid_len, 10);
    assert_string_equal(jwk->algorithm, "RS256");
    assert_null(jwk->issuer);
    assert_null(jwk->cloud);
    assay_jwk_unref(assay_jwk_ref(jwk));
    assay_jwk_unref(jwk);

    uint8_t bytes[300] = {0};
    size_t len;
    assert_true(assay_base64url_decode(n, sizeof n - 1, bytes + 1, &len));
    char padded[500];
    assay_base64url_encode(bytes, len + 1, padded);
    snprintf(text, sizeof text, "{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"AAEAAQ\"}", padded);
    jwk = read_jwk(text, false, NULL);
    assert_string_equal(jwk->thumbprint_text, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    assert_null(jwk->kid);
    assay_jwk_unref(jwk);
    /* One such octet is what providers serve; more is not. */
    memmove(bytes + 2, bytes + 1, len);
    bytes[0] = bytes[1] = 0;
    assay_base64url_encode(bytes, len + 2, padded);
    snprintf(text, sizeof text, "{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"AQAB\"}", padded);
    refused(text, "leading zero");
}

static void rfc8037_thumbprint(void **state)
{
    (void)state;
    /* RFC 8037, appendix A.2 and A.3. */
    assay_jwk *jwk = read_jwk(
        "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}", false, NULL);
    assert_string_equal(jwk->thumbprint_text, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    assert_string_equal(jwk->kind_text, "OKP Ed25519");
    assay_jwk_unref(jwk);
}

static void kinds(void **state)
{
    (void)state;
    static const struct {
        assay_key_kind kind;
        const char *text;
    } rows[] = {
        {ASSAY_KEY_RSA, "RSA 3072"},    {ASSAY_KEY_P256, "EC P-256"},     {ASSAY_KEY_P384, "EC P-384"},
        {ASSAY_KEY_P521, "EC P-521"},   {ASSAY_KEY_K256, "EC secp256k1"}, {ASSAY_KEY_ED25519, "OKP Ed25519"},
        {ASSAY_KEY_ED448, "OKP Ed448"},
    };
    for (size_t i = 0; i < ASSAY_COUNT_OF(rows); i++) {
        test_signer *signer = test_signer_new(rows[i].kind, 3072);
        char *text = test_signer_jwk(signer, "\"kid\":\"\",\"issuer\":\"https://a/{tenantid}/v2.0\","
                                             "\"cloud_instance_name\":\"microsoftonline.com\"");
        assay_jwk *jwk = read_jwk(text, false, NULL);
        assert_string_equal(jwk->kind_text, rows[i].text);
        assert_int_equal(assay_verify_key_kind(jwk->key), rows[i].kind);
        assert_string_equal(jwk->kid, "");
        assert_string_equal(jwk->issuer, "https://a/{tenantid}/v2.0");
        assert_string_equal(jwk->cloud, "microsoftonline.com");
        assay_jwk_unref(jwk);
        free(text);
        test_signer_free(signer);
    }
}

static void k23_members(void **state)
{
    (void)state;
    static const struct {
        const char *members;
        const char *sentence;
    } cases[] = {
        {"\"use\":\"sig\"", NULL},
        {"\"use\":\"enc\"", "\"use\" is not \"sig\""},
        {"\"use\":\"SIG\"", "\"use\" is not \"sig\""},
        {"\"use\":\"\"", "\"use\" is not \"sig\""},
        {"\"use\":null", "\"use\" is not a text"},
        {"\"use\":[\"sig\"]", "\"use\" is not a text"},
        {"\"key_ops\":[\"verify\"]", NULL},
        {"\"key_ops\":[\"sign\",\"verify\"]", NULL},
        {"\"key_ops\":[\"sign\"]", "does not name \"verify\""},
        {"\"key_ops\":[]", "does not name \"verify\""},
        {"\"key_ops\":[\"Verify\"]", "does not name \"verify\""},
        {"\"key_ops\":\"verify\"", "not an array"},
        {"\"key_ops\":null", "not an array"},
        {"\"key_ops\":[\"verify\",1]", "not a text"},
        {"\"key_ops\":[\"verify\",\"verify\"]", "twice"},
        {"\"use\":\"enc\",\"key_ops\":[\"verify\"]", "\"use\" is not \"sig\""},
        {"\"alg\":\"RS256\"", NULL},
        {"\"alg\":\"anything\"", NULL},
        {"\"alg\":7", "\"alg\" is not a text"},
        {"\"alg\":null", "\"alg\" is not a text"},
        {"\"kid\":7", "\"kid\" is not a text"},
        {"\"kid\":null", "\"kid\" is not a text"},
        {"\"issuer\":null", "\"issuer\" is not a text"},
        {"\"cloud_instance_name\":1", "\"cloud_instance_name\" is not a text"},
        {"\"x5c\":[]", "\"x5c\" is not an array"},
        {"\"x5c\":\"MIIB\"", "\"x5c\" is not an array"},
        {"\"x5c\":[1]", "not a text"},
        {"\"x5c\":[\"AAAA\",1]", "not a text"},
        {"\"x5c\":[\"\"]", "not base64"},
        {"\"x5c\":[\"-_-_\"]", "not base64"},
        {"\"x5c\":[\"AAAA\"]", "no readable"},
        {"\"x5t\":\"nothing to compare with\",\"x5t#S256\":1", NULL},
        {"\"d\":\"AQ\"", "private member \"d\""},
        {"\"d\":null", "private member \"d\""},
        {"\"p\":\"AQ\"", "private member \"p\""},
        {"\"qi\":\"AQ\"", "private member \"qi\""},
        {"\"oth\":[]", "private member \"oth\""},
        {"\"k\":\"AQ\"", "private member \"k\""},
        {"\"unknown\":{\"a\":[1,2]}", NULL},
    };
    for (size_t i = 0; i < ASSAY_COUNT_OF(cases); i++) {
        with(rsa, cases[i].members, cases[i].sentence);
        with(p256, cases[i].members, cases[i].sentence);
        with(ed25519, cases[i].members, cases[i].sentence);
    }
    char members[1200] = "\"key_ops\":[\"verify\"";
    for (int i = 0; i < 32; i++)
        sprintf(members + strlen(members), ",\"%d\"", i);
    strcat(members, "]");
    with(p256, members, "more than 32");
    memset(members, 'k', sizeof members);
    memcpy(members, "\"kid\":\"", 7);
    memcpy(members + 7 + ASSAY_LIMIT_KID_BYTES, "\"", 2);
    with(p256, members, NULL);
    memcpy(members + 7 + ASSAY_LIMIT_KID_BYTES, "k\"", 3);
    with(p256, members, "\"kid\" is longer");
}

static void k23_material(void **state)
{
    (void)state;
    refused("[]", "not a JSON object");
    refused("\"RSA\"", "not a JSON object");
    refused("{}", "no \"kty\"");
    refused("{\"kty\":null}", "\"kty\" is not a text");
    refused("{\"kty\":\"rsa\",\"n\":\"AQAB\",\"e\":\"AQAB\"}", "\"kty\" is not RSA");
    refused("{\"kty\":\"RSA \",\"n\":\"AQAB\",\"e\":\"AQAB\"}", "\"kty\" is not RSA");
    refused("{\"kty\":\"AKP\",\"pub\":\"AQAB\"}", "\"kty\" is not RSA");
    refused("{\"kty\":\"RSA\",\"e\":\"AQAB\"}", "\"n\" is missing");
    refused("{\"kty\":\"RSA\",\"n\":\"\",\"e\":\"AQAB\"}", "\"n\" is missing");
    refused("{\"kty\":\"RSA\",\"n\":7,\"e\":\"AQAB\"}", "\"n\" is not a text");
    refused("{\"kty\":\"RSA\",\"n\":\"A!AB\",\"e\":\"AQAB\"}", "\"n\" is not base64url");
    refused("{\"kty\":\"RSA\",\"n\":\"AQ AB\",\"e\":\"AQAB\"}", "\"n\" is not base64url");
    refused("{\"kty\":\"RSA\",\"n\":\"AQA=\\n\",\"e\":\"AQAB\"}", "\"n\" is not base64url");
    refused("{\"kty\":\"RSA\",\"n\":\"AQAB\"}", "\"e\" is missing");
    refused("{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":65537}", "\"e\" is not a text");
    refused("{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AA\"}", "\"e\" is zero");
    refused("{\"kty\":\"RSA\",\"n\":\"AAAA\",\"e\":\"AQAB\"}", "\"n\" is zero");
    refused("{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}", "smaller than 2048");
    refused("{\"kty\":\"EC\",\"x\":\"AQAB\",\"y\":\"AQAB\"}", "\"crv\"");
    refused("{\"kty\":\"EC\",\"crv\":\"P-224\",\"x\":\"AQAB\",\"y\":\"AQAB\"}", "\"crv\"");
    refused("{\"kty\":\"EC\",\"crv\":\"p-256\",\"x\":\"AQAB\",\"y\":\"AQAB\"}", "\"crv\"");
    refused("{\"kty\":\"EC\",\"crv\":\"Ed25519\",\"x\":\"AQAB\",\"y\":\"AQAB\"}", "\"crv\"");
    refused("{\"kty\":\"EC\",\"crv\":7,\"x\":\"AQAB\",\"y\":\"AQAB\"}", "\"crv\" is not a text");
    refused("{\"kty\":\"EC\",\"crv\":\"P-256\",\"y\":\"AQAB\"}", "\"x\" is missing");
    refused("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AQAB\"}", "\"y\" is missing");
    refused("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AQAB\",\"y\":\"AQAB\"}", "length");
    refused("{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"AQAB\"}", "\"crv\"");
    refused("{\"kty\":\"OKP\",\"crv\":\"P-256\",\"x\":\"AQAB\",\"y\":\"AQAB\"}", "\"crv\"");
    refused("{\"kty\":\"OKP\",\"crv\":\"Ed25519\"}", "\"x\" is missing");
    refused("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AQAB\"}", "32 bytes");

    /* A modulus far above the limit costs nothing. */
    size_t len = 100000;
    char *huge = malloc(len + 100);
    strcpy(huge, "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"");
    size_t at = strlen(huge);
    memset(huge + at, 'x', len);
    strcpy(huge + at + len, "\"}");
    refused(huge, "longer than the largest key");
    free(huge);
}

/* A short coordinate is not filled up: RFC 7518, section 6.2.1.2. The padded standard spelling is read. */
static void spellings(void **state)
{
    (void)state;
    uint8_t x[66], y[66];
    char text[1024], x_text[100], y_text[100];
    for (;;) {
        test_signer *signer = test_signer_new(ASSAY_KEY_P256, 0);
        test_point(signer->pkey, x, y);
        test_signer_free(signer);
        if (x[0] == 0)
            break; /* one key in 256 */
    }
    assay_base64url_encode(x, 32, x_text);
    assay_base64url_encode(y, 32, y_text);
    snprintf(text, sizeof text, "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\"}", x_text, y_text);
    assay_jwk *jwk = read_jwk(text, false, NULL);
    char thumbprint[44];
    strcpy(thumbprint, jwk->thumbprint_text);
    assay_jwk_unref(jwk);
    /* The same in padded standard base64. */
    for (char *c = x_text; *c != '\0'; c++)
        *c = *c == '-' ? '+' : *c == '_' ? '/' : *c;
    for (char *c = y_text; *c != '\0'; c++)
        *c = *c == '-' ? '+' : *c == '_' ? '/' : *c;
    snprintf(text, sizeof text, "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s=\",\"y\":\"%s=\"}", x_text, y_text);
    jwk = read_jwk(text, false, NULL);
    assert_string_equal(jwk->thumbprint_text, thumbprint);
    assay_jwk_unref(jwk);
    /* Short: the leading zero octet left out. */
    assay_base64url_encode(x + 1, 31, x_text);
    assay_base64url_encode(y, 32, y_text);
    snprintf(text, sizeof text, "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\"}", x_text, y_text);
    refused(text, "length");
}

/* 36: the same member twice, spelled with an escape the second time. */
static void duplicate_members(void **state)
{
    (void)state;
    char *text = test_signer_jwk(rsa, "\"use\":\"enc\",\"u\\u0073e\":\"sig\"");
    assay_key_set set;
    assay_key_set_init(&set);
    char why[200];
    assert_int_equal(assay_key_set_add_json(&set, crypto, text, strlen(text), false, why, sizeof why), ASSAY_E_JWKS);
    assert_string_not_equal(why, "");
    assert_int_equal(set.count + set.skipped_count, 0);
    assay_key_set_clear(&set);
    free(text);
}

/* 15, K25. */
static void k25_symmetric(void **state)
{
    (void)state;
    char *text = test_signer_jwk(secret, "\"kid\":\"s\",\"alg\":\"HS256\"");
    read_jwk(text, false, "symmetric");
    assay_jwk *jwk = read_jwk(text, true, NULL);
    assert_string_equal(jwk->kind_text, "oct 256");
    uint8_t tag[TEST_SIGNATURE_MAX];
    size_t len = test_signer_sign(secret, ASSAY_SCHEME_HMAC_SHA256, "m", 1, tag);
    assert_int_equal(assay_verify_key_verify(jwk->key, ASSAY_SCHEME_HMAC_SHA256, "m", 1, tag, len), ASSAY_OK);

    assay_jwk *same = NULL;
    char why[200];
    assert_int_equal(
        assay_jwk_new_symmetric(crypto, "s", "HS256", secret->secret, secret->secret_len, &same, why, sizeof why),
        ASSAY_OK);
    assert_string_equal(same->thumbprint_text, jwk->thumbprint_text);
    assert_string_equal(same->kid, "s");
    assert_string_equal(same->algorithm, "HS256");
    assay_jwk_unref(same);
    assay_jwk_unref(jwk);
    free(text);

    assert_int_equal(assay_jwk_new_symmetric(crypto, NULL, NULL, (const uint8_t *)"", 0, &same, why, sizeof why),
                     ASSAY_E_CONFIG_KEYS);
    assert_non_null(strstr(why, "empty"));
    assert_null(same);
    read_jwk("{\"kty\":\"oct\"}", true, "\"k\" is missing");
    read_jwk("{\"kty\":\"oct\",\"k\":\"\"}", true, "\"k\" is missing");
    read_jwk("{\"kty\":\"oct\",\"k\":\"A\"}", true, "not base64url");
    read_jwk("{\"kty\":\"oct\",\"k\":\"AQAB\",\"use\":\"enc\"}", true, "use");
    /* The largest, and one byte more. */
    uint8_t bytes[ASSAY_LIMIT_SYMMETRIC_BYTES + 1];
    memset(bytes, 0xab, sizeof bytes);
    char large[1500], json[1600];
    assay_base64url_encode(bytes, sizeof bytes - 1, large);
    snprintf(json, sizeof json, "{\"kty\":\"oct\",\"k\":\"%s\"}", large);
    assay_jwk_unref(read_jwk(json, true, NULL));
    assay_base64url_encode(bytes, sizeof bytes, large);
    snprintf(json, sizeof json, "{\"kty\":\"oct\",\"k\":\"%s\"}", large);
    read_jwk(json, true, "longer");
}

static char *base64(const uint8_t *bytes, size_t len)
{
    char *text = malloc(len * 2 + 8);
    EVP_EncodeBlock((unsigned char *)text, bytes, (int)len);
    return text;
}

/* K26: a certificate may not belie its key. */
static void k26_x5c(void **state)
{
    (void)state;
    X509 *certificate = X509_new();
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -7200);
    X509_gmtime_adj(X509_getm_notAfter(certificate), -3600);
    X509_set_pubkey(certificate, rsa->pkey);
    assert_true(X509_sign(certificate, rsa->pkey, EVP_sha256()) > 0);
    uint8_t *der = NULL;
    size_t len = (size_t)i2d_X509(certificate, &der);
    X509_free(certificate);
    char *encoded = base64(der, len);

    uint8_t digest[ASSAY_DIGEST_MAX];
    size_t digest_len;
    char x5t[64], x5t_s256[64], hex[41], x5t_hex[64];
    assay_crypto_digest(crypto, ASSAY_DIGEST_SHA1, der, len, digest, &digest_len);
    assay_base64url_encode(digest, digest_len, x5t);
    for (size_t i = 0; i < 20; i++)
        sprintf(hex + 2 * i, "%02X", digest[i]);
    assay_base64url_encode((const uint8_t *)hex, 40, x5t_hex);
    assay_crypto_digest(crypto, ASSAY_DIGEST_SHA256, der, len, digest, &digest_len);
    assay_base64url_encode(digest, digest_len, x5t_s256);
    OPENSSL_free(der);

    char members[4096];
    snprintf(members, sizeof members, "\"x5c\":[\"%s\"]", encoded);
    with(rsa, members, NULL);
    with(p256, members, "another key");
    snprintf(members, sizeof members, "\"x5c\":[\"%s\",\"anything\"],\"x5t\":\"%s\",\"x5t#S256\":\"%s\"", encoded, x5t,
             x5t_s256);
    with(rsa, members, NULL);
    snprintf(members, sizeof members, "\"x5c\":[\"%s\"],\"x5t\":\"%s\"", encoded, x5t_hex); /* as Auth0 writes it */
    with(rsa, members, NULL);
    snprintf(members, sizeof members, "\"x5c\":[\"%s\"],\"x5t\":\"%s\"", encoded, x5t_s256);
    with(rsa, members, "another certificate");
    snprintf(members, sizeof members, "\"x5c\":[\"%s\"],\"x5t#S256\":\"%s\"", encoded, x5t);
    with(rsa, members, "another certificate");
    x5t[3] = x5t[3] == 'A' ? 'B' : 'A';
    snprintf(members, sizeof members, "\"x5c\":[\"%s\"],\"x5t\":\"%s\"", encoded, x5t);
    with(rsa, members, "another certificate");
    snprintf(members, sizeof members, "\"x5c\":[\"%s\"],\"x5t\":\"!\"", encoded);
    with(rsa, members, "not the digest");
    snprintf(members, sizeof members, "\"x5c\":[\"%s\"],\"x5t\":null", encoded);
    with(rsa, members, "not a text");
    snprintf(members, sizeof members, "\"x5c\":[\"any thing\",\"%s\"]", encoded);
    with(rsa, members, "not base64");
    free(encoded);
}

static int add(assay_key_set *set, const char *text, char *why, size_t size)
{
    return assay_key_set_add_json(set, crypto, text, strlen(text), false, why, size);
}

static void k21_sets(void **state)
{
    (void)state;
    assay_key_set set;
    assay_key_set_init(&set);
    char why[200];
    char *a = test_signer_jwk(rsa, "\"kid\":\"same\""), *b = test_signer_jwk(p256, "\"kid\":\"same\"");
    char *text = NULL;
    assert_true(
        asprintf(&text,
                 "{\"keys\":[%s,7,{\"kty\":\"oct\",\"kid\":\"a\\u001b\\n\\\"%%n\",\"k\":\"c2VjcmV0c2VjcmV0\"},%s],"
                 "\"more\":1}",
                 a, b) > 0);
    assert_int_equal(add(&set, text, why, sizeof why), ASSAY_OK);
    assert_int_equal(set.count, 2);
    assert_int_equal(set.skipped_count, 2);
    assert_string_equal(set.keys[0]->kind_text, "RSA 2048");
    assert_string_equal(set.keys[1]->kind_text, "EC P-256");
    assert_string_equal(set.skipped[0], "key 2: it is not a JSON object");
    /* The kid is escaped, and of the secret nothing is shown. */
    assert_non_null(strstr(set.skipped[1], "key 3 (kid \"a\\x1b\\x0a\\x22%n\"): it is symmetric"));
    assert_null(strstr(set.skipped[1], "c2Vj"));

    /* A single key is added to what is there. */
    assert_int_equal(add(&set, a, why, sizeof why), ASSAY_OK);
    assert_int_equal(set.count, 3);
    /* Failures leave the set alone. */
    static const char *const broken[] = {
        "", "{", "[]", "7", "{}", "{\"keys\":{}}", "null", "{\"keys\":null}", "{\"keys\":[]}x", "<html>"};
    for (size_t i = 0; i < ASSAY_COUNT_OF(broken); i++) {
        assert_int_equal(add(&set, broken[i], why, sizeof why), ASSAY_E_JWKS);
        assert_string_not_equal(why, "");
        assert_int_equal(add(&set, broken[i], NULL, 0), ASSAY_E_JWKS);
    }
    assert_int_equal(add(&set, "{\"keys\":[]}", why, sizeof why), ASSAY_OK);
    assert_int_equal(add(&set, "\xef\xbb\xbf{\"keys\":[{}]}", why, sizeof why), ASSAY_OK);
    assert_int_equal(set.count, 3);
    assert_int_equal(set.skipped_count, 3);
    assert_int_equal(assay_key_set_add(&set, set.keys[0]), ASSAY_OK);
    assert_int_equal(set.count, 4);
    assay_key_set_clear(&set);
    assay_key_set_clear(&set);
    free(a);
    free(b);
    free(text);
}

static void set_limits(void **state)
{
    (void)state;
    for (size_t extra = 0; extra < 2; extra++) {
        char *text = calloc(1, 200000);
        char *key = test_signer_jwk(p256, "");
        strcat(text, "{\"keys\":[");
        for (size_t i = 0; i < ASSAY_LIMIT_KEYS + extra; i++) {
            strcat(text, i == 0 ? "" : ",");
            strcat(text, i % 2 == 0 ? key : "{}");
        }
        strcat(text, "]}");
        assay_key_set set;
        assay_key_set_init(&set);
        char why[200];
        assert_int_equal(add(&set, text, why, sizeof why), extra == 0 ? ASSAY_OK : ASSAY_E_JWKS);
        assert_int_equal(set.count + set.skipped_count, extra == 0 ? ASSAY_LIMIT_KEYS : 0);
        if (extra == 0) {
            assert_int_equal(assay_key_set_add(&set, set.keys[0]), ASSAY_E_JWKS);
            assert_int_equal(add(&set, key, why, sizeof why), ASSAY_E_JWKS);
        }
        assay_key_set_clear(&set);
        free(key);
        free(text);
    }
    /* Size: white space up to the limit, and one byte more. */
    char *text = malloc(ASSAY_LIMIT_JWKS_BYTES + 2);
    memset(text, ' ', ASSAY_LIMIT_JWKS_BYTES + 1);
    memcpy(text, "{\"keys\":[]}", 11);
    assay_key_set set;
    assay_key_set_init(&set);
    assert_int_equal(assay_key_set_add_json(&set, crypto, text, ASSAY_LIMIT_JWKS_BYTES, false, NULL, 0), ASSAY_OK);
    assert_int_equal(assay_key_set_add_json(&set, crypto, text, ASSAY_LIMIT_JWKS_BYTES + 1, false, NULL, 0),
                     ASSAY_E_JWKS);
    assay_key_set_clear(&set);
    free(text);
}

static void the_error_queue_stays_empty(void **state)
{
    (void)state;
    ERR_clear_error();
    with(rsa, "\"x5c\":[\"AAAA\"]", "no readable");
    refused("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
            "\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
            "not on the curve");
    assert_int_equal(ERR_peek_error(), 0);
}

/* The key's own text: tests/vectors/test_key_texts.c reads it back for every key there is. */
static void own_text(void **state)
{
    (void)state;
    char *text =
        test_signer_jwk(ed25519, "\"kid\":\"a\\\"\\\\\\u0001\\u00e9\",\"alg\":\"EdDSA\",\"use\":\"sig\","
                                 "\"issuer\":\"i\",\"cloud_instance_name\":\"c\",\"x5t\":\"AA\",\"note\":\"n\"");
    assay_jwk *jwk = read_jwk(text, false, NULL);
    assay_jwk *again = read_jwk(jwk->json, false, NULL);
    assert_string_equal(again->kid, "a\"\\\001\303\251");
    assert_string_equal(again->algorithm, "EdDSA");
    assert_string_equal(again->issuer, "i");
    assert_string_equal(again->cloud, "c");
    assert_memory_equal(again->thumbprint, jwk->thumbprint, sizeof jwk->thumbprint);
    assert_null(strstr(jwk->json, "use"));
    assert_null(strstr(jwk->json, "x5t"));
    assert_null(strstr(jwk->json, "note"));
    assay_jwk_unref(again);
    assay_jwk_unref(jwk);
    free(text);

    text = test_signer_jwk(secret, "\"kid\":\"s\"");
    jwk = read_jwk(text, true, NULL);
    assert_null(jwk->json);
    assay_jwk_unref(jwk);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc7638_thumbprint),
        cmocka_unit_test(rfc8037_thumbprint),
        cmocka_unit_test(kinds),
        cmocka_unit_test(k23_members),
        cmocka_unit_test(k23_material),
        cmocka_unit_test(spellings),
        cmocka_unit_test(duplicate_members),
        cmocka_unit_test(k25_symmetric),
        cmocka_unit_test(k26_x5c),
        cmocka_unit_test(k21_sets),
        cmocka_unit_test(set_limits),
        cmocka_unit_test(the_error_queue_stays_empty),
        cmocka_unit_test(own_text),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
