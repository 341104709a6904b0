/* SPDX-License-Identifier: MIT */
/* The certificates of a signing key, in the order that x5c has them (RFC 7515, section 4.1.6). */
#include "crypto/sign_private.h"

#include <openssl/x509v3.h>

ASSAY_DEFINE_CLEANUP(ASN1_TIME, ASN1_TIME_free)

/* Seconds since 1970; false: not to be read, or out of memory. */
static bool seconds_of(const ASN1_TIME *time, int64_t *seconds)
{
    int days = 0;
    int rest = 0;
    ASSAY_CLEANUP(ASN1_TIME_free_p) ASN1_TIME *start = ASN1_TIME_set(NULL, 0);
    if (start == NULL || ASN1_TIME_diff(&days, &rest, start, time) != 1)
        return false;
    *seconds = (int64_t)days * 86400 + rest;
    return true;
}

static int keep(assay_sign_key *key, X509 *certificate, assay_failure *failure)
{
    unsigned char *der = NULL;
    int len = i2d_X509(certificate, &der);
    if (len <= 0)
        return assay_fail(failure, ASSAY_E_MEMORY);
    uint8_t *copy = assay_memdup(der, (size_t)len);
    OPENSSL_free(der);
    if (copy == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    key->certificates[key->certificate_count++] = (assay_sign_certificate){copy, (size_t)len};
    return ASSAY_OK;
}

/* The first that is of the key, and taken out of the list; NULL: there is none. */
static X509 *take_own(const assay_sign_key *key, X509 **left, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        EVP_PKEY *certified = X509_get0_pubkey(left[i]);
        if (certified != NULL && EVP_PKEY_eq(key->pkey, certified) == 1)
            return ASSAY_STEAL(left[i]);
    }
    return NULL;
}

/*
 * Whether one issued the other, by their names and key identifiers (RFC 5280, sections 4.1.2.4 and 4.2.1.1). X509_check_issued() would do, but it allocates, and
 * says no where it can't.
 */
static bool issued(X509 *issuer, X509 *of)
{
    const ASN1_OCTET_STRING *wanted = X509_get0_authority_key_id(of);
    const ASN1_OCTET_STRING *found = X509_get0_subject_key_id(issuer);
    return X509_NAME_cmp(X509_get_subject_name(issuer), X509_get_issuer_name(of)) == 0 &&
           (wanted == NULL || found == NULL || ASN1_OCTET_STRING_cmp(wanted, found) == 0);
}

/* The first that issued another one, and taken out of the list; NULL: there is none, or it issued itself. */
static X509 *take_issuer(X509 *of, X509 **left, size_t count)
{
    if (X509_NAME_cmp(X509_get_subject_name(of), X509_get_issuer_name(of)) == 0)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        if (left[i] != NULL && issued(left[i], of))
            return ASSAY_STEAL(left[i]);
    }
    return NULL;
}

int assay_sign_key_set_chain(assay_sign_key *key, const assay_sign_parts *parts, assay_failure *failure)
{
    if (parts->certificate_count == 0)
        return ASSAY_OK;
    ASSAY_OPENSSL_GUARD(guard);
    X509 *left[ASSAY_LIMIT_SIGNING_CERTIFICATES];
    memcpy(left, parts->certificates, sizeof left);
    X509 *own = take_own(key, left, parts->certificate_count);
    if (own == NULL)
        return assay_sign_refuse(&guard, failure, parts->name,
                                 "holds a private key that none of the certificates is of");
    if (!seconds_of(X509_get0_notBefore(own), &key->not_before) ||
        !seconds_of(X509_get0_notAfter(own), &key->not_after))
        return assay_sign_refuse(&guard, failure, parts->name, "has a certificate whose dates can't be read");
    for (X509 *next = own; next != NULL; next = take_issuer(next, left, parts->certificate_count)) {
        int code = keep(key, next, failure);
        if (code != ASSAY_OK)
            return code;
    }
    return ASSAY_OK;
}
