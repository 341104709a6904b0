/* SPDX-License-Identifier: MIT */
#include "http/client.h"

#include "base/base64url.h"

/*
 * Counts certificates without OpenSSL (this folder may not use it): RFC 7468 boundaries, base64 between them, and one DER SEQUENCE that fills
 * the block exactly. Whether it really is a certificate is told by the TLS library when it loads it.
 */

static const char begin_line[] = "-----BEGIN CERTIFICATE-----";
static const char end_line[] = "-----END CERTIFICATE-----";

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Bytes of the DER value at the start, header included; 0: none, or its length is not written the short way. */
static size_t der_size(const uint8_t *der, size_t len)
{
    if (len < 2 || der[0] != 0x30)
        return 0;
    if (der[1] < 0x80)
        return 2u + der[1];
    size_t octets = der[1] & 0x7fu, value = 0;
    if (octets == 0 || octets > 3 || len < 2 + octets)
        return 0;
    for (size_t i = 0; i < octets; i++)
        value = value << 8 | der[2 + i];
    return 2 + octets + value;
}

static bool is_certificate(const char *text, size_t len)
{
    ASSAY_AUTO_RELEASE char *packed = assay_alloc(len + 1);
    ASSAY_AUTO_RELEASE uint8_t *der = assay_alloc(ASSAY_BASE64URL_DECODED(len));
    size_t packed_len = 0, der_len = 0;
    if (packed == NULL || der == NULL)
        return false;
    for (size_t i = 0; i < len; i++)
        if (!is_space(text[i]))
            packed[packed_len++] = text[i];
    return assay_base64_decode(packed, packed_len, der, &der_len) && der_len > 2 && der_size(der, der_len) == der_len;
}

int assay_http_count_certificates(const char *pem, size_t len)
{
    int count = 0;
    const char *at = pem, *stop = pem + len;
    while (at < stop) {
        const char *begin = memmem(at, (size_t)(stop - at), begin_line, sizeof begin_line - 1);
        if (begin == NULL)
            break;
        begin += sizeof begin_line - 1;
        const char *end = memmem(begin, (size_t)(stop - begin), end_line, sizeof end_line - 1);
        if (end == NULL || !is_certificate(begin, (size_t)(end - begin)))
            return -1;
        count++;
        at = end + sizeof end_line - 1;
    }
    return count == 0 ? -1 : count;
}
