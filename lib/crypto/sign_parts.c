/* SPDX-License-Identifier: MIT */
/* The parts of a signing key, as bytes hold them. */
#include "crypto/sign_private.h"

#include "crypto/pem.h"

#include <openssl/x509v3.h>

ASSAY_DEFINE_CLEANUP(X509_SIG, X509_SIG_free)

int assay_sign_refuse(const assay_openssl_guard *guard, assay_failure *failure, const char *name, const char *sentence)
{
    if (guard != NULL && assay_openssl_lacked_memory(guard))
        return assay_fail(failure, ASSAY_E_MEMORY);
    char shown[ASSAY_LIMIT_FOUND_BYTES];
    assay_text_escape(name, strlen(name), shown, sizeof shown);
    return assay_fail_note(failure, ASSAY_E_CONFIG_SIGNING_KEY, "%.100s %s", shown, sentence);
}

void assay_sign_parts_clear(assay_sign_parts *parts)
{
    EVP_PKEY_free(parts->pkey);
    for (size_t i = 0; i < parts->certificate_count; i++)
        X509_free(parts->certificates[i]);
    parts->pkey = NULL;
    parts->certificate_count = 0;
}

int assay_sign_parts_add_key(assay_sign_parts *parts, EVP_PKEY *pkey, assay_failure *failure)
{
    ASSAY_CLEANUP(EVP_PKEY_free_p) EVP_PKEY *taken = pkey;
    if (parts->pkey != NULL)
        return assay_sign_refuse(NULL, failure, parts->name, "holds more than one private key");
    parts->pkey = ASSAY_STEAL(taken);
    return ASSAY_OK;
}

int assay_sign_parts_add_certificate(assay_sign_parts *parts, X509 *certificate, const char *name,
                                     assay_failure *failure)
{
    ASSAY_CLEANUP(X509_free_p) X509 *taken = certificate;
    ASSAY_OPENSSL_GUARD(guard);
    if (parts->certificate_count == ASSAY_LIMIT_SIGNING_CERTIFICATES)
        return assay_sign_refuse(NULL, failure, name, "holds too many certificates; docs/limits.md gives the most");
    /* This reads them once and for all: key identifiers that can't be read, as for want of memory, would later look like absent ones. */
    if (X509_check_purpose(taken, -1, 0) != 1)
        return assay_sign_refuse(&guard, failure, name, "holds a certificate whose extensions can't be read");
    parts->certificates[parts->certificate_count++] = ASSAY_STEAL(taken);
    return ASSAY_OK;
}

int assay_sign_parts_add_der(assay_sign_parts *parts, const uint8_t *der, size_t len, const char *name,
                             assay_failure *failure)
{
    ASSAY_OPENSSL_GUARD(guard);
    ASSAY_CLEANUP(X509_free_p) X509 *certificate = X509_new_ex(NULL, parts->crypto->properties);
    if (certificate == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    const uint8_t *next = der;
    /* On failure d2i_X509 frees the object that it was given and clears the pointer. */
    if (d2i_X509(&certificate, &next, (long)len) == NULL || next != der + len)
        return assay_sign_refuse(&guard, failure, name, "holds a certificate that can't be read: its DER is damaged");
    return assay_sign_parts_add_certificate(parts, ASSAY_STEAL(certificate), name, failure);
}

static bool is_certificate(const assay_pem_block *block)
{
    return assay_span_is(block->label, "CERTIFICATE") || assay_span_is(block->label, "X509 CERTIFICATE");
}

static bool is_private_key(const assay_pem_block *block)
{
    static const char end[] = "PRIVATE KEY";
    size_t len = sizeof end - 1;
    return block->label.len >= len && assay_span_is((assay_span){block->label.ptr + block->label.len - len, len}, end);
}

static int add_sealed(assay_sign_parts *parts, const assay_secret *der, const assay_secret *passphrase,
                      assay_failure *failure)
{
    if (passphrase == NULL || passphrase->len == 0)
        return assay_sign_refuse(NULL, failure, parts->name,
                                 "holds an encrypted private key, and there is no passphrase");
    ASSAY_OPENSSL_GUARD(guard);
    const uint8_t *next = (const uint8_t *)der->text;
    ASSAY_CLEANUP(X509_SIG_free_p) X509_SIG *sealed = d2i_X509_SIG(NULL, &next, (long)der->len);
    if (sealed == NULL)
        return assay_sign_refuse(&guard, failure, parts->name,
                                 "holds an encrypted private key that can't be read: its DER is damaged");
    return assay_sign_parts_add_encrypted(parts, sealed, passphrase->text, passphrase->len, failure);
}

static int add_key_block(assay_sign_parts *parts, const assay_pem_block *block, const assay_secret *der,
                         const assay_secret *passphrase, assay_failure *failure)
{
    const uint8_t *bytes = (const uint8_t *)der->text;
    if (assay_span_is(block->label, "PRIVATE KEY"))
        return assay_sign_parts_add_pkcs8(parts, bytes, der->len, failure);
    if (assay_span_is(block->label, "ENCRYPTED PRIVATE KEY"))
        return add_sealed(parts, der, passphrase, failure);
    if (assay_span_is(block->label, "RSA PRIVATE KEY"))
        return assay_sign_parts_add_pkcs1(parts, bytes, der->len, failure);
    if (assay_span_is(block->label, "EC PRIVATE KEY"))
        return assay_sign_parts_add_sec1(parts, bytes, der->len, failure);
    return assay_sign_refuse(NULL, failure, parts->name, "holds a private key that is neither RSA, EC nor EdDSA");
}

/* @p with_keys false: only certificates are looked at. */
static int add_block(assay_sign_parts *parts, const assay_pem_block *block, const char *name, bool with_keys,
                     const assay_secret *passphrase, assay_failure *failure)
{
    bool is_key = with_keys && is_private_key(block);
    if (!is_key && !is_certificate(block))
        return ASSAY_OK;
    /* Its key comes from MD5 of the passphrase, once, and nothing tells a wrong one. */
    if (is_key && assay_pem_has_headers(block))
        return assay_sign_refuse(NULL, failure, name,
                                 "holds a private key in the legacy encrypted form (Proc-Type: 4,ENCRYPTED); "
                                 "convert it with openssl pkcs8 -topk8");
    ASSAY_CLEANUP(assay_secret_clear) assay_secret der = {NULL, 0, 0, false};
    if (!assay_pem_decode(block, &der)) {
        if (der.failed)
            return assay_fail(failure, ASSAY_E_MEMORY);
        return assay_sign_refuse(NULL, failure, name,
                                 is_key ? "holds a private key that can't be read: it is not base64"
                                        : "holds a certificate that can't be read: it is not base64");
    }
    if (is_key)
        return add_key_block(parts, block, &der, passphrase, failure);
    return assay_sign_parts_add_der(parts, (const uint8_t *)der.text, der.len, name, failure);
}

static int add_pem(assay_sign_parts *parts, const assay_sign_text *text, bool with_keys, const assay_secret *passphrase,
                   assay_failure *failure)
{
    assay_span rest = {text->bytes, text->len};
    assay_pem_block block;
    assay_pem_found found;
    while ((found = assay_pem_next(&rest, &block)) == ASSAY_PEM_BLOCK) {
        int code = add_block(parts, &block, text->name, with_keys, passphrase, failure);
        if (code != ASSAY_OK)
            return code;
    }
    if (found == ASSAY_PEM_BROKEN)
        return assay_sign_refuse(NULL, failure, text->name, "ends in the middle of a PEM block, or mixes two");
    return ASSAY_OK;
}

int assay_sign_parts_add_text(assay_sign_parts *parts, const assay_sign_text *text, assay_failure *failure)
{
    size_t before = parts->certificate_count;
    int code = add_pem(parts, text, false, NULL, failure);
    if (code == ASSAY_OK && parts->certificate_count == before)
        return assay_sign_refuse(NULL, failure, text->name, "holds no certificate in PEM form");
    return code;
}

/* DER of a SEQUENCE begins so, and PEM text does not. */
static bool is_der(const assay_sign_text *text)
{
    return text->len > 0 && text->bytes[0] == 0x30 && (text->len == 1 || (uint8_t)text->bytes[1] >= 0x80);
}

int assay_sign_key_from_bytes(assay_crypto *crypto, const assay_sign_text *text, const assay_sign_text *certificates,
                              const assay_secret *passphrase, assay_sign_key **key, assay_failure *failure)
{
    *key = NULL;
    ASSAY_CLEANUP(assay_sign_parts_clear) assay_sign_parts parts = {.crypto = crypto, .name = text->name};
    int code = is_der(text)
                   ? assay_sign_parts_add_pkcs12(&parts, (const uint8_t *)text->bytes, text->len, passphrase, failure)
                   : add_pem(&parts, text, true, passphrase, failure);
    if (code == ASSAY_OK && certificates != NULL)
        code = assay_sign_parts_add_text(&parts, certificates, failure);
    if (code != ASSAY_OK)
        return code;
    return assay_sign_key_make(&parts, true, key, failure);
}
