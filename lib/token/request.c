/* SPDX-License-Identifier: MIT */
#include "token/request.h"

#include "base/memory.h"
#include "crypto/crypto.h"

static bool copy_bytes(char **to, const char *from, size_t len)
{
    *to = from == NULL ? NULL : assay_memdup(from, len);
    return from == NULL || *to != NULL;
}

int assay_request_copy(const assay_request *from, assay_request **to)
{
    *to = NULL;
    if (from == NULL)
        return ASSAY_OK;
    assay_request *made = assay_zalloc(sizeof *made);
    if (made == NULL)
        return ASSAY_E_MEMORY;
    made->max_age = from->max_age;
    made->has_certificate = from->has_certificate;
    made->allow_unbound = from->allow_unbound;
    memcpy(made->certificate_sha256, from->certificate_sha256, sizeof made->certificate_sha256);
    made->access_token_len = from->access_token_len;
    made->code_len = from->code_len;
    if (copy_bytes(&made->nonce, from->nonce, from->nonce == NULL ? 0 : strlen(from->nonce)) &&
        copy_bytes(&made->access_token, from->access_token, from->access_token_len) &&
        copy_bytes(&made->code, from->code, from->code_len) && assay_text_list_copy(&made->acrs, &from->acrs)) {
        *to = made;
        return ASSAY_OK;
    }
    assay_request_drop(made);
    return ASSAY_E_MEMORY;
}

/* One SEQUENCE whose length is that of the whole input (X.690, section 8.1.3): enough to tell DER from PEM, from a chain, and from half of one. */
static bool is_one_sequence(const uint8_t *der, size_t len)
{
    if (len < 2 || der[0] != 0x30)
        return false;
    size_t start = 2, content = der[1];
    if (content >= 0x80) {
        size_t digits = content & 0x7f;
        if (digits == 0 || digits > 3 || len < start + digits || der[start] == 0)
            return false;
        for (content = 0; start < 2 + digits; start++)
            content = content << 8 | der[start];
        if (content < 0x80)
            return false;
    }
    return len - start == content;
}

int assay_request_take_certificate(assay_request *request, const uint8_t *der, size_t len, assay_failure *failure)
{
    static const char pem[] = "-----BEGIN";
    if (der == NULL || len == 0 || len > ASSAY_LIMIT_CERTIFICATE_BYTES)
        return assay_fail_note(failure, ASSAY_E_ARGUMENT, "the certificate is NULL, empty or longer than %d bytes",
                               ASSAY_LIMIT_CERTIFICATE_BYTES);
    if (len >= sizeof pem - 1 && memcmp(der, pem, sizeof pem - 1) == 0)
        return assay_fail_note(failure, ASSAY_E_ARGUMENT, "the certificate is PEM; give it in DER");
    if (!is_one_sequence(der, len))
        return assay_fail_note(failure, ASSAY_E_ARGUMENT, "that is not one certificate in DER");
    int code = assay_crypto_sha256(der, len, request->certificate_sha256);
    request->has_certificate = request->has_certificate || code == ASSAY_OK;
    return code == ASSAY_OK ? code : assay_fail(failure, code);
}

void assay_request_drop(assay_request *request)
{
    if (request == NULL)
        return;
    assay_release_wiped(request->nonce, request->nonce == NULL ? 0 : strlen(request->nonce));
    assay_release_wiped(request->access_token, request->access_token_len);
    assay_release_wiped(request->code, request->code_len);
    assay_text_list_clear(&request->acrs);
    assay_release(request);
}
