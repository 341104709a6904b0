/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_CRYPTO_SIGN_H
#define ASSAY_CRYPTO_SIGN_H

/*
 * Private keys that sign, with the certificates that belong to them. A key is immutable and shared by reference count; any thread may sign with one, several at once.
 * Whatever is wrong with a key, a certificate or a passphrase is ASSAY_E_CONFIG_SIGNING_KEY with a sentence, which never shows anything of them.
 */

#include "base/failure.h"
#include "crypto/secret.h"
#include "crypto/verify.h"

typedef struct assay_sign_key assay_sign_key;

/* Bytes, and what errors call them, such as a path (escaped and cut). */
typedef struct assay_sign_text {
    const char *bytes;
    size_t len;
    const char *name;
} assay_sign_text;

/*
 * From bytes that hold one private key, and none, one or several certificates: PEM text (RFC 7468; PKCS#8, encrypted or not, and the older RSA and EC
 * forms without encryption), or PKCS#12. @p certificates is PEM text with certificates, for keys that come without theirs; NULL: none. @p passphrase
 * is NULL or empty for none; nobody is ever asked.
 * The certificate of the key becomes the first, whatever the order; after it comes the one that issued it, and so on. Others are left out.
 * Where there are certificates, one must be of the key. ASSAY_E_CONFIG_SIGNING_KEY, ASSAY_E_MEMORY, ASSAY_E_CRYPTO.
 */
int assay_sign_key_from_bytes(assay_crypto *crypto, const assay_sign_text *text, const assay_sign_text *certificates,
                              const assay_secret *passphrase, assay_sign_key **key, assay_failure *failure);
/*
 * From an OpenSSL store: a URI such as file:…, or pkcs11:… where a provider serves that, passed on as it is. All objects that it names are looked at: one private
 * key and its certificates. @p certificates and @p passphrase (also a PIN) as above. What OpenSSL reads there it does not wipe; sign_numbers.c is the way that does.
 */
int assay_sign_key_from_store(assay_crypto *crypto, const char *uri, const assay_sign_text *certificates,
                              const assay_secret *passphrase, assay_sign_key **key, assay_failure *failure);
assay_sign_key *assay_sign_key_ref(assay_sign_key *key);
void assay_sign_key_unref(assay_sign_key *key);
ASSAY_DEFINE_CLEANUP(assay_sign_key, assay_sign_key_unref)

/* Never ASSAY_KEY_SYMMETRIC. */
assay_key_kind assay_sign_key_kind(const assay_sign_key *key);
/* Bits of the modulus or of the curve's field. */
unsigned assay_sign_key_bits(const assay_sign_key *key);
/* Whether the kind and curve of the key serve this scheme. */
bool assay_sign_key_fits(const assay_sign_key *key, assay_scheme scheme);

/* Certificates of the key, its own first; 0: it has none. */
size_t assay_sign_key_certificate_count(const assay_sign_key *key);
/* DER, borrowed from the key. */
const uint8_t *assay_sign_key_certificate(const assay_sign_key *key, size_t index, size_t *len);
/* Of the key's own certificate, seconds since 1970; only where it has one. */
int64_t assay_sign_key_not_before(const assay_sign_key *key);
int64_t assay_sign_key_not_after(const assay_sign_key *key);
/* Hash of the DER of its own certificate; @p out holds ASSAY_DIGEST_MAX bytes. ASSAY_E_CRYPTO: that digest is not to be had (SHA-1 under FIPS). */
int assay_sign_key_thumbprint(const assay_sign_key *key, assay_digest digest, uint8_t *out, size_t *out_len);

/* Longest signature of any key that is taken. */
#define ASSAY_SIGNATURE_MAX ((ASSAY_LIMIT_RSA_BITS_MAX + 7) / 8)

/*
 * Sign as RFC 7518 and RFC 8037 write signatures: ECDSA as r and s side by side, PSS with a salt as long as the hash. @p signature holds ASSAY_SIGNATURE_MAX bytes.
 * ASSAY_OK; ASSAY_E_ALGORITHM_KEY: the scheme does not fit the key; ASSAY_E_CRYPTO: OpenSSL or the key's provider refused (a token that was taken out);
 * ASSAY_E_MEMORY. *signature_len is 0 on failure.
 */
int assay_sign_key_sign(const assay_sign_key *key, assay_scheme scheme, const void *message, size_t len,
                        uint8_t *signature, size_t *signature_len);

#endif
