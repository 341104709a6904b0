/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_BASE_BASE64URL_H
#define ASSAY_BASE_BASE64URL_H

/* base64url without padding (RFC 7515, section 2; RFC 4648, section 5), and the one tolerance for JWK members. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that @p len characters decode to, at most. */
#define ASSAY_BASE64URL_DECODED(len) ((len) / 4 * 3 + 3)
/* Characters for @p len bytes, terminator not counted. */
#define ASSAY_BASE64URL_ENCODED(len) (((len)*4 + 2) / 3)
/* The same with padding. */
#define ASSAY_BASE64_ENCODED(len) (((len) + 2) / 3 * 4)

/*
 * Decode canonical base64url: no padding, no white space, no other alphabet, unused bits zero (RFC 4648, section 3.5),
 * so that one value has one spelling. @p out holds ASSAY_BASE64URL_DECODED(len) bytes, and of those
 * past the decoded ones, one may be written. False leaves @p out undefined.
 */
bool assay_base64url_decode(const char *text, size_t len, uint8_t *out, size_t *out_len);

/* Decode canonical standard base64 with its padding (RFC 4648, section 4), as in x5c. Same room, same result. */
bool assay_base64_decode(const char *text, size_t len, uint8_t *out, size_t *out_len);

/* Write base64url to @p out, which holds ASSAY_BASE64URL_ENCODED(len) + 1 characters; terminated. */
void assay_base64url_encode(const uint8_t *bytes, size_t len, char *out);
/* Write standard base64 with its padding to @p out, which holds ASSAY_BASE64_ENCODED(len) + 1 characters; terminated. */
void assay_base64_encode(const uint8_t *bytes, size_t len, char *out);

#endif
