/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_CRYPTO_TRUST_H
#define ASSAY_CRYPTO_TRUST_H

/* The CA certificates that servers are checked against: parsed once, then shared by every connection and thread. The engines' one way to OpenSSL. */

#include "base/failure.h"
#include "base/memory.h"

typedef struct assay_trust assay_trust;

/* From PEM text that holds at least one certificate and no damaged one. ASSAY_E_CONFIG_CA, ASSAY_E_MEMORY. */
int assay_trust_from_pem(const char *pem, size_t len, assay_trust **trust, assay_failure *failure);
/* From a file in PEM and a folder with hashed names, which is looked into when a certificate is searched. Either may be NULL; without both
 * nobody is trusted. The environment has no say. */
int assay_trust_from_system(const char *file, const char *folder, assay_trust **trust, assay_failure *failure);
/* Connections that it was applied to keep what they need of it. */
void assay_trust_free(assay_trust *trust);
ASSAY_DEFINE_CLEANUP(assay_trust, assay_trust_free)

/* Whether a TLS library that calls itself so ("OpenSSL/3.0.19") is the very one that this file is linked with. */
bool assay_trust_fits(const char *tls_library);
/* Let connections of an SSL_CTX be checked against these certificates and no others; false: out of memory. */
bool assay_trust_apply(const assay_trust *trust, void *ssl_ctx);
/* The path of a folder that can't exist, and a different one for every trust of this process. */
const char *assay_trust_label(const assay_trust *trust);

#endif
