/* SPDX-License-Identifier: MIT */
#include "base/list.h"
#include "keys/jwk_private.h"

#include <stdatomic.h>
#include <stdio.h>

/* The public structure and what is nobody's business. */
typedef struct counted_jwk {
    assay_jwk jwk; /* first, so that one pointer serves for both */
    atomic_uint references;
} counted_jwk;

/* Room for the JSON text of a thumbprint: the longest number in base64url, an exponent, and the names. */
#define THUMBPRINT_TEXT (ASSAY_BASE64URL_ENCODED(ASSAY_JWK_NUMBER_BYTES) + 256)
#define NUMBER_TEXT (ASSAY_BASE64URL_ENCODED(ASSAY_JWK_NUMBER_BYTES) + 1)

typedef struct curve_row {
    const char *kty;
    const char *crv;
    assay_key_kind kind;
} curve_row;

static const curve_row curve_rows[] = {
    {"EC", "P-256", ASSAY_KEY_P256},       {"EC", "P-384", ASSAY_KEY_P384},
    {"EC", "P-521", ASSAY_KEY_P521},       {"EC", "secp256k1", ASSAY_KEY_K256}, /* RFC 8812, section 3.1 */
    {"OKP", "Ed25519", ASSAY_KEY_ED25519}, {"OKP", "Ed448", ASSAY_KEY_ED448},   /* RFC 8037, section 2 */
};

assay_jwk *assay_jwk_ref(assay_jwk *jwk)
{
    if (jwk != NULL)
        atomic_fetch_add_explicit(&((counted_jwk *)jwk)->references, 1, memory_order_relaxed);
    return jwk;
}

void assay_jwk_unref(assay_jwk *jwk)
{
    if (jwk == NULL || atomic_fetch_sub_explicit(&((counted_jwk *)jwk)->references, 1, memory_order_acq_rel) != 1)
        return;
    assay_verify_key_unref(jwk->key);
    assay_release(jwk->kid);
    assay_release(jwk->algorithm);
    assay_release(jwk->issuer);
    assay_release(jwk->cloud);
    assay_release(jwk->json);
    assay_release(jwk);
}

static assay_jwk *new_jwk(void)
{
    counted_jwk *made = assay_zalloc(sizeof *made);
    if (made == NULL)
        return NULL;
    atomic_init(&made->references, 1);
    return &made->jwk;
}

/* SHA-256 of the members that RFC 7638, section 3.2, names, in its order and without white space. */
static int set_thumbprint(const assay_crypto *crypto, assay_jwk *jwk, const char *text)
{
    uint8_t digest[ASSAY_DIGEST_MAX];
    size_t len = 0;
    int code = assay_crypto_digest(crypto, ASSAY_DIGEST_SHA256, text, strlen(text), digest, &len);
    if (code != ASSAY_OK)
        return code;
    memcpy(jwk->thumbprint, digest, sizeof jwk->thumbprint);
    assay_base64url_encode(jwk->thumbprint, sizeof jwk->thumbprint, jwk->thumbprint_text);
    return ASSAY_OK;
}

/* The thumbprint of a public key, whose text is kept as well: assay_jwk_read() puts the other members behind it. */
static int set_public(const assay_crypto *crypto, assay_jwk *jwk, const char *text)
{
    jwk->json = assay_strdup(text);
    return jwk->json == NULL ? ASSAY_E_MEMORY : set_thumbprint(crypto, jwk, text);
}

/* The result of making a key, with its sentence in the caller's buffer. */
static int made_key(int code, const char *sentence, assay_jwk_why why)
{
    return code == ASSAY_E_CONFIG_KEYS ? assay_jwk_skip(why, "%s", sentence) : code;
}

static int read_rsa(assay_crypto *crypto, const assay_json *json, assay_jwk *jwk, assay_jwk_why why)
{
    assay_jwk_number n, e;
    int code = assay_jwk_read_number(json, "n", true, &n, why);
    if (code == ASSAY_OK)
        code = assay_jwk_read_number(json, "e", true, &e, why);
    if (code != ASSAY_OK)
        return code;
    const char *sentence = NULL;
    code = assay_verify_key_new_rsa(crypto, n.bytes, n.len, e.bytes, e.len, &jwk->key, &sentence);
    if (code != ASSAY_OK)
        return made_key(code, sentence, why);
    snprintf(jwk->kind_text, sizeof jwk->kind_text, "RSA %u", assay_verify_key_bits(jwk->key));
    char n_text[NUMBER_TEXT], e_text[32], text[THUMBPRINT_TEXT];
    assay_base64url_encode(n.bytes, n.len, n_text);
    assay_base64url_encode(e.bytes, e.len, e_text); /* the key was accepted, so e is short */
    snprintf(text, sizeof text, "{\"e\":\"%s\",\"kty\":\"RSA\",\"n\":\"%s\"}", e_text, n_text);
    return set_public(crypto, jwk, text);
}

static int read_ec(assay_crypto *crypto, const assay_json *json, const curve_row *row, assay_jwk *jwk,
                   assay_jwk_why why)
{
    assay_jwk_number x, y;
    int code = assay_jwk_read_number(json, "x", false, &x, why);
    if (code == ASSAY_OK)
        code = assay_jwk_read_number(json, "y", false, &y, why);
    if (code != ASSAY_OK)
        return code;
    const char *sentence = NULL;
    code = assay_verify_key_new_ec(crypto, row->kind, x.bytes, x.len, y.bytes, y.len, &jwk->key, &sentence);
    if (code != ASSAY_OK)
        return made_key(code, sentence, why);
    char x_text[128], y_text[128], text[512];
    assay_base64url_encode(x.bytes, x.len, x_text);
    assay_base64url_encode(y.bytes, y.len, y_text);
    snprintf(text, sizeof text, "{\"crv\":\"%s\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}", row->crv, x_text, y_text);
    return set_public(crypto, jwk, text);
}

static int read_okp(assay_crypto *crypto, const assay_json *json, const curve_row *row, assay_jwk *jwk,
                    assay_jwk_why why)
{
    assay_jwk_number x;
    int code = assay_jwk_read_number(json, "x", false, &x, why);
    if (code != ASSAY_OK)
        return code;
    const char *sentence = NULL;
    code = assay_verify_key_new_okp(crypto, row->kind, x.bytes, x.len, &jwk->key, &sentence);
    if (code != ASSAY_OK)
        return made_key(code, sentence, why);
    char x_text[128], text[512];
    assay_base64url_encode(x.bytes, x.len, x_text);
    /* RFC 8037, section 2: crv, kty and x. */
    snprintf(text, sizeof text, "{\"crv\":\"%s\",\"kty\":\"OKP\",\"x\":\"%s\"}", row->crv, x_text);
    return set_public(crypto, jwk, text);
}

static int read_curve(assay_crypto *crypto, const assay_json *json, assay_span kty, assay_jwk *jwk, assay_jwk_why why)
{
    assay_span crv;
    int code = assay_jwk_read_text(json, "crv", &crv, why);
    if (code != ASSAY_OK)
        return code;
    const curve_row *row = NULL;
    for (size_t i = 0; i < ASSAY_COUNT_OF(curve_rows) && row == NULL; i++) {
        if (assay_span_is(kty, curve_rows[i].kty) && assay_span_is(crv, curve_rows[i].crv))
            row = &curve_rows[i];
    }
    if (row == NULL)
        return assay_jwk_skip(why, "its \"crv\" is not a curve that signatures are accepted of");
    snprintf(jwk->kind_text, sizeof jwk->kind_text, "%s %s", row->kty, row->crv);
    return assay_span_is(kty, "EC") ? read_ec(crypto, json, row, jwk, why) : read_okp(crypto, json, row, jwk, why);
}

static int set_symmetric(assay_crypto *crypto, const uint8_t *bytes, size_t len, assay_jwk *jwk, assay_jwk_why why)
{
    const char *sentence = NULL;
    int code = assay_verify_key_new_symmetric(crypto, bytes, len, &jwk->key, &sentence);
    if (code != ASSAY_OK)
        return made_key(code, sentence, why);
    snprintf(jwk->kind_text, sizeof jwk->kind_text, "oct %u", assay_verify_key_bits(jwk->key));
    char k_text[NUMBER_TEXT], text[THUMBPRINT_TEXT];
    assay_base64url_encode(bytes, len, k_text);
    snprintf(text, sizeof text, "{\"k\":\"%s\",\"kty\":\"oct\"}", k_text);
    code = set_thumbprint(crypto, jwk, text);
    assay_wipe(k_text, sizeof k_text);
    assay_wipe(text, sizeof text);
    return code;
}

static int read_symmetric(assay_crypto *crypto, const assay_json *json, bool allowed, assay_jwk *jwk, assay_jwk_why why)
{
    if (!allowed)
        return assay_jwk_skip(why, "it is symmetric (\"oct\"): a published secret proves nothing");
    ASSAY_CLEANUP(assay_jwk_number_wipe) assay_jwk_number k;
    int code = assay_jwk_read_number(json, "k", false, &k, why);
    return code != ASSAY_OK ? code : set_symmetric(crypto, k.bytes, k.len, jwk, why);
}

static int read_material(assay_crypto *crypto, const assay_json *json, bool symmetric, assay_jwk *jwk,
                         assay_jwk_why why)
{
    assay_span kty;
    int code = assay_jwk_read_text(json, "kty", &kty, why);
    if (code != ASSAY_OK)
        return code;
    if (assay_span_is(kty, "oct"))
        return read_symmetric(crypto, json, symmetric, jwk, why);
    bool rsa = assay_span_is(kty, "RSA");
    if (!rsa && !assay_span_is(kty, "EC") && !assay_span_is(kty, "OKP"))
        return assay_jwk_skip(why, kty.ptr == NULL ? "it has no \"kty\"" : "its \"kty\" is not RSA, EC, OKP or oct");
    code = assay_jwk_check_public(json, why);
    if (code != ASSAY_OK)
        return code;
    return rsa ? read_rsa(crypto, json, jwk, why) : read_curve(crypto, json, kty, jwk, why);
}

/* Keep a copy of a text member; absent stays NULL. */
static int keep_text(const assay_json *json, const char *name, char **kept, assay_jwk_why why)
{
    assay_span text;
    int code = assay_jwk_read_text(json, name, &text, why);
    if (code != ASSAY_OK || text.ptr == NULL)
        return code;
    *kept = assay_memdup(text.ptr, text.len);
    return *kept == NULL ? ASSAY_E_MEMORY : ASSAY_OK;
}

static int check_kid(assay_jwk *jwk, assay_jwk_why why)
{
    jwk->kid_len = jwk->kid == NULL ? 0 : strlen(jwk->kid);
    if (jwk->kid_len > ASSAY_LIMIT_KID_BYTES)
        return assay_jwk_skip(why, "its \"kid\" is longer than %d bytes", ASSAY_LIMIT_KID_BYTES);
    assay_text_escape(jwk->kid, jwk->kid_len, jwk->kid_shown, sizeof jwk->kid_shown);
    return ASSAY_OK;
}

/* Members beside the key. One that restricts the key's use and can't be read must not be taken as absent. */
static int read_texts(const assay_json *json, assay_jwk *jwk, assay_jwk_why why)
{
    const struct {
        const char *name;
        char **kept;
    } members[] = {
        {"kid", &jwk->kid}, {"alg", &jwk->algorithm}, {"issuer", &jwk->issuer}, {"cloud_instance_name", &jwk->cloud}};
    for (size_t i = 0; i < ASSAY_COUNT_OF(members); i++) {
        int code = keep_text(json, members[i].name, members[i].kept, why);
        if (code != ASSAY_OK)
            return code;
    }
    return check_kid(jwk, why);
}

/* Complete the text of a public key by the members beside its numbers. */
static int complete_json(assay_jwk *jwk)
{
    const struct {
        const char *name, *text;
    } members[] = {
        {"kid", jwk->kid}, {"alg", jwk->algorithm}, {"issuer", jwk->issuer}, {"cloud_instance_name", jwk->cloud}};
    if (jwk->json == NULL) /* symmetric: there is nothing public about it */
        return ASSAY_OK;
    ASSAY_CLEANUP(assay_buffer_clear) assay_buffer text = {NULL, 0, 0, false};
    assay_buffer_add(&text, jwk->json, strlen(jwk->json) - 1); /* without the brace */
    for (size_t i = 0; i < ASSAY_COUNT_OF(members); i++) {
        if (members[i].text == NULL)
            continue;
        assay_buffer_format(&text, ",\"%s\":", members[i].name);
        assay_buffer_json_string(&text, members[i].text, strlen(members[i].text));
    }
    assay_buffer_put(&text, "}");
    if (text.failed)
        return ASSAY_E_MEMORY;
    assay_release(jwk->json);
    jwk->json_len = text.len;
    jwk->json = ASSAY_STEAL(text.text);
    return ASSAY_OK;
}

int assay_jwk_read(assay_crypto *crypto, const assay_json *json, bool symmetric, assay_jwk **jwk, char *why,
                   size_t why_size)
{
    *jwk = NULL;
    const assay_jwk_why sentence = {why, why_size};
    if (why != NULL && why_size > 0)
        why[0] = '\0';
    if (!assay_json_is_object(json))
        return assay_jwk_skip(sentence, "it is not a JSON object");
    ASSAY_CLEANUP(assay_jwk_unref_p) assay_jwk *made = new_jwk();
    if (made == NULL)
        return ASSAY_E_MEMORY;
    int code = read_texts(json, made, sentence);
    if (code == ASSAY_OK)
        code = assay_jwk_check_purpose(json, sentence);
    if (code == ASSAY_OK)
        code = read_material(crypto, json, symmetric, made, sentence);
    if (code == ASSAY_OK)
        code = assay_jwk_check_certificate(crypto, json, made->key, sentence);
    if (code == ASSAY_OK)
        code = complete_json(made);
    if (code == ASSAY_OK)
        *jwk = ASSAY_STEAL(made);
    return code;
}

int assay_jwk_new_symmetric(assay_crypto *crypto, const char *kid, const char *algorithm, const uint8_t *bytes,
                            size_t len, assay_jwk **jwk, char *why, size_t why_size)
{
    *jwk = NULL;
    const assay_jwk_why sentence = {why, why_size};
    if (why != NULL && why_size > 0)
        why[0] = '\0';
    ASSAY_CLEANUP(assay_jwk_unref_p) assay_jwk *made = new_jwk();
    if (made == NULL || (kid != NULL && (made->kid = assay_strdup(kid)) == NULL) ||
        (algorithm != NULL && (made->algorithm = assay_strdup(algorithm)) == NULL))
        return ASSAY_E_MEMORY;
    int code = check_kid(made, sentence);
    if (code == ASSAY_OK)
        code = set_symmetric(crypto, bytes, len, made, sentence);
    if (code == ASSAY_OK)
        *jwk = ASSAY_STEAL(made);
    return code;
}
