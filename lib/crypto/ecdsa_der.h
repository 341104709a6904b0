/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_CRYPTO_ECDSA_DER_H
#define ASSAY_CRYPTO_ECDSA_DER_H

/* ECDSA signatures: JOSE writes r and s side by side (RFC 7518, section 3.4), OpenSSL reads DER. */

#include <stddef.h>
#include <stdint.h>

/* Longest half that is converted: the order of P-521. */
#define ASSAY_ECDSA_HALF_MAX 66
/* SEQUENCE with a length of two octets, and two INTEGERs with a sign octet each. */
#define ASSAY_ECDSA_DER_MAX (3 + 2 * (2 + 1 + ASSAY_ECDSA_HALF_MAX))

/*
 * Write the DER of a signature of two halves of @p half bytes each, minimal as X.690 demands. Returns its length;
 * 0 where r or s is zero, which is no signature (CVE-2022-21449). That both are below the order is OpenSSL's check.
 */
size_t assay_ecdsa_der_write(const uint8_t *signature, size_t half, uint8_t out[ASSAY_ECDSA_DER_MAX]);

#endif
