/* SPDX-License-Identifier: MIT */
#include "discovery/record_frame.h"

#include "base/list.h"

#include <assay/error.h>

static const char before_digest[] = "{\"assay_keys\":" ASSAY_RECORD_FORMAT ",\"sha256\":\"";
static const char after_digest[] = "\",\"record\":";
static const char after_record[] = "}\n";

enum { DIGEST_CHARS = 64 };

int assay_record_digest(const assay_crypto *crypto, assay_span bytes, char hex[65])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t digest[ASSAY_DIGEST_MAX];
    size_t len = 0;
    int code = assay_crypto_digest(crypto, ASSAY_DIGEST_SHA256, bytes.ptr, bytes.len, digest, &len);
    if (code != ASSAY_OK)
        return code;
    for (size_t i = 0; i < DIGEST_CHARS / 2; i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    hex[DIGEST_CHARS] = '\0';
    return ASSAY_OK;
}

int assay_record_frame(const assay_crypto *crypto, assay_span payload, char **text, size_t *len)
{
    char hex[DIGEST_CHARS + 1];
    int code = assay_record_digest(crypto, payload, hex);
    if (code != ASSAY_OK)
        return code;
    assay_buffer buffer = {NULL, 0, 0, false};
    assay_buffer_put(&buffer, before_digest);
    assay_buffer_put(&buffer, hex);
    assay_buffer_put(&buffer, after_digest);
    assay_buffer_add(&buffer, payload.ptr, payload.len);
    assay_buffer_put(&buffer, after_record);
    if (buffer.failed) {
        assay_buffer_clear(&buffer);
        return ASSAY_E_MEMORY;
    }
    *text = buffer.text;
    *len = buffer.len;
    return ASSAY_OK;
}

/* Take a fixed text off the front. */
static bool skip(assay_span *rest, const char *text)
{
    size_t len = strlen(text);
    if (rest->len < len || memcmp(rest->ptr, text, len) != 0)
        return false;
    *rest = (assay_span){rest->ptr + len, rest->len - len};
    return true;
}

int assay_record_unframe(const assay_crypto *crypto, const char *text, size_t len, assay_span *payload)
{
    assay_span rest = {text, len};
    char hex[DIGEST_CHARS + 1];
    if (!skip(&rest, before_digest) || rest.len < DIGEST_CHARS)
        return ASSAY_E_STORE;
    const char *stated = rest.ptr;
    rest = (assay_span){rest.ptr + DIGEST_CHARS, rest.len - DIGEST_CHARS};
    if (!skip(&rest, after_digest) || rest.len < sizeof after_record - 1)
        return ASSAY_E_STORE;
    rest.len -= sizeof after_record - 1;
    if (memcmp(rest.ptr + rest.len, after_record, sizeof after_record - 1) != 0)
        return ASSAY_E_STORE;
    int code = assay_record_digest(crypto, rest, hex);
    if (code != ASSAY_OK)
        return code;
    if (memcmp(stated, hex, DIGEST_CHARS) != 0)
        return ASSAY_E_STORE;
    *payload = rest;
    return ASSAY_OK;
}
