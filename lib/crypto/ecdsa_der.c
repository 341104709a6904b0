/* SPDX-License-Identifier: MIT */
#include "crypto/ecdsa_der.h"

#include <string.h>

#define TAG_INTEGER 0x02
#define TAG_SEQUENCE 0x30

/* Write one INTEGER of a positive number; returns its length, 0 for zero. */
static size_t write_integer(const uint8_t *number, size_t len, uint8_t *out)
{
    while (len > 0 && number[0] == 0) {
        number++;
        len--;
    }
    if (len == 0)
        return 0;
    size_t sign = number[0] >> 7; /* a leading one bit would mean a negative number: X.690, section 8.3 */
    out[0] = TAG_INTEGER;
    out[1] = (uint8_t)(sign + len);
    out[2] = 0;
    memcpy(out + 2 + sign, number, len);
    return 2 + sign + len;
}

size_t assay_ecdsa_der_write(const uint8_t *signature, size_t half, uint8_t out[ASSAY_ECDSA_DER_MAX])
{
    uint8_t body[ASSAY_ECDSA_DER_MAX];
    if (half == 0 || half > ASSAY_ECDSA_HALF_MAX)
        return 0;
    size_t r_len = write_integer(signature, half, body);
    if (r_len == 0)
        return 0;
    size_t s_len = write_integer(signature + half, half, body + r_len);
    if (s_len == 0)
        return 0;
    size_t len = r_len + s_len;
    size_t head = 0;
    out[head++] = TAG_SEQUENCE;
    if (len > 127)
        out[head++] = 0x81; /* long form, one octet of length */
    out[head++] = (uint8_t)len;
    memcpy(out + head, body, len);
    return head + len;
}
