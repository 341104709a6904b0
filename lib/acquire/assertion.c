/* SPDX-License-Identifier: MIT */
#include "acquire/assertion.h"

#include "acquire/uuid.h"
#include "base/base64url.h"
#include "base/list.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

/* What a name of `alg` means; only what a client can sign with. The other table, token/algorithm, is about what is accepted. */
static const struct {
    const char *name;
    assay_scheme scheme;
} schemes[] = {
    {"PS256", ASSAY_SCHEME_RSA_PSS_SHA256},    {"RS256", ASSAY_SCHEME_RSA_PKCS1_SHA256},
    {"ES256", ASSAY_SCHEME_ECDSA_P256_SHA256}, {"ES384", ASSAY_SCHEME_ECDSA_P384_SHA384},
    {"ES512", ASSAY_SCHEME_ECDSA_P521_SHA512}, {"ES256K", ASSAY_SCHEME_ECDSA_K256_SHA256},
    {"EdDSA", ASSAY_SCHEME_ED25519},           {"EdDSA", ASSAY_SCHEME_ED448},
    {"Ed25519", ASSAY_SCHEME_ED25519},         {"Ed448", ASSAY_SCHEME_ED448},
    {"PS384", ASSAY_SCHEME_RSA_PSS_SHA384},    {"PS512", ASSAY_SCHEME_RSA_PSS_SHA512},
    {"RS384", ASSAY_SCHEME_RSA_PKCS1_SHA384},  {"RS512", ASSAY_SCHEME_RSA_PKCS1_SHA512},
};

typedef struct assertion {
    const assay_crypto *crypto;
    const assay_sign_key *key;
    const assay_assertion_options *options;
    int64_t now;
    int64_t lifetime;
    const char *algorithm;
    assay_scheme scheme;
    bool x5t_sha256;
} assertion;

static const char *kind_name(assay_key_kind kind)
{
    return kind == ASSAY_KEY_RSA                                  ? "an RSA key"
           : kind == ASSAY_KEY_ED25519 || kind == ASSAY_KEY_ED448 ? "an EdDSA key"
                                                                  : "an EC key";
}

/* The first of the table that fits, by name where one is given. */
static int choose_scheme(assertion *of, assay_failure *failure)
{
    const char *wanted = of->options->algorithm;
    bool known = wanted == NULL;
    for (size_t i = 0; i < ASSAY_COUNT_OF(schemes); i++) {
        if (wanted != NULL && !assay_text_same(schemes[i].name, wanted))
            continue;
        known = true;
        if (!assay_sign_key_fits(of->key, schemes[i].scheme))
            continue;
        of->algorithm = schemes[i].name;
        of->scheme = schemes[i].scheme;
        return ASSAY_OK;
    }
    char shown[64];
    assay_text_escape(wanted == NULL ? "" : wanted, wanted == NULL ? 0 : strlen(wanted), shown, sizeof shown);
    if (!known)
        return assay_fail_note(failure, ASSAY_E_CONFIG_ALGORITHM, "nothing is signed with %s", shown);
    return assay_fail_note(failure, ASSAY_E_CONFIG_ALGORITHM, "%s does not fit %s of %u bits", shown,
                           kind_name(assay_sign_key_kind(of->key)), assay_sign_key_bits(of->key));
}

static void write_time(int64_t seconds, char *out, size_t size)
{
    struct tm parts;
    time_t time = (time_t)seconds;
    if (gmtime_r(&time, &parts) == NULL || strftime(out, size, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
        (void)snprintf(out, size, "%" PRId64, seconds);
}

/* Both ends are inside (RFC 5280, section 4.1.2.5). A certificate may be as new as clocks differ. */
static int check_dates(const assertion *of, assay_failure *failure)
{
    char from[32];
    char to[32];
    char now[32];
    int64_t not_before = assay_sign_key_not_before(of->key);
    int64_t not_after = assay_sign_key_not_after(of->key);
    if (of->now <= not_after && of->now + ASSAY_LIMIT_LEEWAY >= not_before)
        return ASSAY_OK;
    write_time(not_before, from, sizeof from);
    write_time(not_after, to, sizeof to);
    write_time(of->now, now, sizeof now);
    return assay_fail_note(failure, ASSAY_E_CONFIG_SIGNING_KEY,
                           "the certificate %s: it is valid from %s to %s, and it is %s now",
                           of->now > not_after ? "has expired" : "is not valid yet", from, to, now);
}

/* What Entra takes: Microsoft, "Microsoft identity platform application authentication certificate credentials". */
static int check_entra(assertion *of, assay_failure *failure)
{
    const assay_assertion_options *options = of->options;
    if (assay_sign_key_kind(of->key) != ASSAY_KEY_RSA)
        return assay_fail_note(failure, ASSAY_E_CONFIG_SIGNING_KEY, "Entra ID takes RSA keys only, and this is %s",
                               kind_name(assay_sign_key_kind(of->key)));
    if (assay_sign_key_certificate_count(of->key) == 0)
        return assay_fail_note(failure, ASSAY_E_CONFIG_SIGNING_KEY,
                               "Entra ID knows a key by its certificate, and there is none beside the private key");
    of->x5t_sha256 = options->x5t_sha256 || !options->x5t_sha1;
    return ASSAY_OK;
}

static int check_certificate(const assertion *of, assay_failure *failure)
{
    bool referred = of->x5t_sha256 || of->options->x5t_sha1 || of->options->x5c;
    if (!referred)
        return ASSAY_OK;
    if (assay_sign_key_certificate_count(of->key) == 0)
        return assay_fail_note(failure, ASSAY_E_CONFIG_SIGNING_KEY,
                               "the assertion is to name a certificate, and there is none beside the private key");
    return check_dates(of, failure);
}

static bool is_text(const char *text)
{
    return text != NULL && text[0] != '\0' && assay_text_is_utf8(text, strlen(text));
}

static int check_options(assertion *of, assay_failure *failure)
{
    const assay_assertion_options *options = of->options;
    of->x5t_sha256 = options->x5t_sha256;
    of->lifetime = options->lifetime == 0 ? ASSAY_LIMIT_ASSERTION_LIFETIME : options->lifetime;
    if (!is_text(options->client_id) || !is_text(options->audience) || (options->kid != NULL && !is_text(options->kid)))
        return assay_fail_note(failure, ASSAY_E_ARGUMENT,
                               "a client assertion needs a client id and an audience, and its texts in UTF-8");
    if (of->lifetime < 1 || of->lifetime > ASSAY_LIMIT_ASSERTION_LIFETIME)
        return assay_fail_note(failure, ASSAY_E_CONFIG_TIME, "a client assertion lives for 1 to %d seconds",
                               ASSAY_LIMIT_ASSERTION_LIFETIME);
    if (of->now < 0 || of->now > ASSAY_LIMIT_LATEST_TIME - of->lifetime)
        return assay_fail(failure, ASSAY_E_CLOCK);
    int code = options->entra ? check_entra(of, failure) : ASSAY_OK;
    if (code == ASSAY_OK)
        code = check_certificate(of, failure);
    return code == ASSAY_OK ? choose_scheme(of, failure) : code;
}

static void put_text_member(assay_buffer *json, const char *name, const char *value)
{
    assay_buffer_format(json, ",\"%s\":", name);
    assay_buffer_json_string(json, value, strlen(value));
}

static int put_thumbprint(const assertion *of, assay_buffer *json, const char *name, assay_digest digest)
{
    uint8_t bytes[ASSAY_DIGEST_MAX];
    char text[ASSAY_BASE64URL_ENCODED(ASSAY_DIGEST_MAX) + 1];
    size_t len = 0;
    size_t der_len = 0;
    const uint8_t *der = assay_sign_key_certificate(of->key, 0, &der_len);
    int code = assay_crypto_digest(of->crypto, digest, der, der_len, bytes, &len);
    if (code != ASSAY_OK)
        return code;
    assay_base64url_encode(bytes, len, text); /* without padding, which MSAL for Go and others put there */
    put_text_member(json, name, text);
    return ASSAY_OK;
}

/* Bytes that are encoded at once: a multiple of three, so that the pieces make one text. */
#define PIECE 768

/* Standard base64, with padding, unlike every other member (RFC 7515, section 4.1.6). */
static void put_certificates(const assay_sign_key *key, assay_buffer *json)
{
    char text[ASSAY_BASE64_ENCODED(PIECE) + 1];
    assay_buffer_put(json, ",\"x5c\":[");
    for (size_t i = 0; i < assay_sign_key_certificate_count(key); i++) {
        size_t len = 0;
        const uint8_t *der = assay_sign_key_certificate(key, i, &len);
        assay_buffer_put(json, i == 0 ? "\"" : ",\"");
        for (size_t at = 0; at < len; at += PIECE) {
            assay_base64_encode(der + at, len - at < PIECE ? len - at : PIECE, text);
            assay_buffer_put(json, text);
        }
        assay_buffer_put(json, "\"");
    }
    assay_buffer_put(json, "]");
}

static int write_header(const assertion *of, assay_buffer *json)
{
    int code = ASSAY_OK;
    assay_buffer_format(json, "{\"alg\":\"%s\",\"typ\":\"JWT\"", of->algorithm);
    if (of->options->kid != NULL)
        put_text_member(json, "kid", of->options->kid);
    if (of->options->x5t_sha1)
        code = put_thumbprint(of, json, "x5t", ASSAY_DIGEST_SHA1);
    if (code == ASSAY_OK && of->x5t_sha256)
        code = put_thumbprint(of, json, "x5t#S256", ASSAY_DIGEST_SHA256);
    if (of->options->x5c)
        put_certificates(of->key, json);
    assay_buffer_put(json, "}");
    return code;
}

/* RFC 7523, section 3. */
static int write_claims(const assertion *of, assay_buffer *json)
{
    char id[ASSAY_GUID_TEXT + 1];
    if (!assay_uuid_random(id))
        return ASSAY_E_CRYPTO;
    assay_buffer_put(json, "{\"aud\":");
    assay_buffer_json_string(json, of->options->audience, strlen(of->options->audience));
    put_text_member(json, "iss", of->options->client_id);
    put_text_member(json, "sub", of->options->client_id);
    put_text_member(json, "jti", id);
    assay_buffer_format(json, ",\"nbf\":%" PRId64 ",\"iat\":%" PRId64 ",\"exp\":%" PRId64 "}", of->now, of->now,
                        of->now + of->lifetime);
    return ASSAY_OK;
}

static void add_base64url(assay_secret *to, const void *bytes, size_t len)
{
    const uint8_t *from = bytes;
    char text[ASSAY_BASE64URL_ENCODED(PIECE) + 1];
    for (size_t at = 0; at < len; at += PIECE) {
        assay_base64url_encode(from + at, len - at < PIECE ? len - at : PIECE, text);
        assay_secret_put(to, text);
    }
}

static int write_signed(const assertion *of, assay_secret *to)
{
    ASSAY_CLEANUP(assay_buffer_clear) assay_buffer header = {NULL, 0, 0, false};
    ASSAY_CLEANUP(assay_buffer_clear) assay_buffer claims = {NULL, 0, 0, false};
    uint8_t signature[ASSAY_SIGNATURE_MAX];
    size_t signature_len = 0;
    int code = write_header(of, &header);
    if (code == ASSAY_OK)
        code = write_claims(of, &claims);
    if (code != ASSAY_OK)
        return code;
    if (header.failed || claims.failed)
        return ASSAY_E_MEMORY;
    add_base64url(to, header.text, header.len);
    assay_secret_put(to, ".");
    add_base64url(to, claims.text, claims.len);
    if (to->failed)
        return ASSAY_E_MEMORY;
    code = assay_sign_key_sign(of->key, of->scheme, to->text, to->len, signature, &signature_len);
    if (code != ASSAY_OK)
        return code;
    assay_secret_put(to, ".");
    add_base64url(to, signature, signature_len);
    return to->failed ? ASSAY_E_MEMORY : ASSAY_OK;
}

int assay_assertion_make(const assay_crypto *crypto, const assay_sign_key *key, const assay_assertion_options *options,
                         int64_t now, assay_secret *made, assay_failure *failure)
{
    assay_secret_clear(made);
    assertion of = {.crypto = crypto, .key = key, .options = options, .now = now};
    int code = check_options(&of, failure);
    if (code != ASSAY_OK)
        return code;
    code = write_signed(&of, made);
    if (code != ASSAY_OK)
        assay_secret_clear(made);
    return assay_fail(failure, code);
}
