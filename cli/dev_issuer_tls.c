/* SPDX-License-Identifier: MIT */
/* Certificates for one run, in memory: an authority, its certificate for the loopback names, and those of signing keys. */

#include "dev_issuer_internal.h"

#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <string.h>

#define VALID_SECONDS (30L * 24 * 3600)

CLI_DEFINE_CLEANUP(X509, X509_free)
CLI_DEFINE_CLEANUP(X509_EXTENSION, X509_EXTENSION_free)
CLI_DEFINE_CLEANUP(BIO, BIO_free_all)

static bool add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    CLI_CLEANUP(X509_EXTENSION_free_p) X509_EXTENSION *extension = X509V3_EXT_nconf_nid(NULL, &context, nid, value);
    return extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
}

/* RFC 5280, section 4.1.2.2: positive, at most 20 octets, and not to be guessed. */
static bool set_serial(X509 *certificate)
{
    uint8_t bytes[16];
    if (RAND_bytes(bytes, sizeof bytes) != 1)
        return false;
    bytes[0] = (uint8_t)((bytes[0] & 0x7f) | 0x40);
    BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
    bool set = number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
    BN_free(number);
    return set;
}

static bool set_name(X509 *certificate, const char *common_name)
{
    X509_NAME *name = X509_get_subject_name(certificate);
    return X509_NAME_add_entry_by_txt(name, "O", MBSTRING_ASC, (const uint8_t *)"assay development issuer", -1, -1,
                                      0) == 1 &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)common_name, -1, -1, 0) == 1;
}

/* A certificate without extensions and signature. The small head start forgives a client whose clock is a little behind. */
static X509 *start_certificate(const char *common_name, EVP_PKEY *pkey)
{
    X509 *certificate = X509_new();
    if (certificate != NULL && X509_set_version(certificate, X509_VERSION_3) == 1 && set_serial(certificate) &&
        X509_gmtime_adj(X509_getm_notBefore(certificate), -300) != NULL &&
        X509_gmtime_adj(X509_getm_notAfter(certificate), VALID_SECONDS) != NULL && set_name(certificate, common_name) &&
        X509_set_pubkey(certificate, pkey) == 1)
        return certificate;
    X509_free(certificate);
    return NULL;
}

static X509 *make_ca(EVP_PKEY *pkey)
{
    X509 *ca = start_certificate("assay development CA", pkey);
    if (ca != NULL && X509_set_issuer_name(ca, X509_get_subject_name(ca)) == 1 &&
        add_extension(ca, ca, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
        add_extension(ca, ca, NID_key_usage, "critical,keyCertSign,cRLSign") &&
        add_extension(ca, ca, NID_subject_key_identifier, "hash") && X509_sign(ca, pkey, EVP_sha256()) > 0)
        return ca;
    X509_free(ca);
    return NULL;
}

static X509 *make_server(EVP_PKEY *pkey, X509 *ca, EVP_PKEY *ca_key, const char *name)
{
    /* Of a name alone, so that a client that looks for another one is refused. */
    CLI_AUTO_FREE char *names =
        name == NULL ? cli_strdup("DNS:localhost,IP:127.0.0.1,IP:::1") : cli_format("DNS:%s", name);
    X509 *server = start_certificate(name == NULL ? "localhost" : name, pkey);
    if (server != NULL && X509_set_issuer_name(server, X509_get_subject_name(ca)) == 1 &&
        add_extension(server, ca, NID_basic_constraints, "critical,CA:FALSE") &&
        add_extension(server, ca, NID_key_usage, "critical,digitalSignature") &&
        add_extension(server, ca, NID_ext_key_usage, "serverAuth") &&
        add_extension(server, ca, NID_subject_alt_name, names) &&
        add_extension(server, ca, NID_subject_key_identifier, "hash") &&
        add_extension(server, ca, NID_authority_key_identifier, "keyid:always") &&
        X509_sign(server, ca_key, EVP_sha256()) > 0)
        return server;
    X509_free(server);
    return NULL;
}

bool dev_certificate_self_signed(EVP_PKEY *pkey, bool hashed, uint8_t **der, size_t *len)
{
    CLI_CLEANUP(X509_free_p) X509 *certificate = start_certificate("assay development signing key", pkey);
    *der = NULL;
    if (certificate == NULL || X509_set_issuer_name(certificate, X509_get_subject_name(certificate)) != 1 ||
        X509_sign(certificate, pkey, hashed ? EVP_sha256() : NULL) <= 0)
        return false;
    int size = i2d_X509(certificate, NULL);
    if (size <= 0)
        return false;
    *der = cli_alloc((size_t)size);
    *len = (size_t)size;
    uint8_t *cursor = *der;
    return i2d_X509(certificate, &cursor) == size;
}

/* PEM text of a certificate or, where @p certificate is NULL, of a private key. */
static char *to_pem(X509 *certificate, EVP_PKEY *pkey)
{
    CLI_CLEANUP(BIO_free_all_p) BIO *memory = BIO_new(BIO_s_mem());
    if (memory == NULL)
        return NULL;
    int written = certificate != NULL ? PEM_write_bio_X509(memory, certificate)
                                      : PEM_write_bio_PrivateKey(memory, pkey, NULL, NULL, 0, NULL, NULL);
    char *text = NULL;
    long len = BIO_get_mem_data(memory, &text);
    return written == 1 && len > 0 ? cli_copy(text, (size_t)len) : NULL;
}

bool dev_certificates_make(dev_certificates *certificates, const char *name)
{
    CLI_CLEANUP(EVP_PKEY_free_p) EVP_PKEY *ca_key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    CLI_CLEANUP(EVP_PKEY_free_p) EVP_PKEY *server_key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    if (ca_key == NULL || server_key == NULL)
        return false;
    CLI_CLEANUP(X509_free_p) X509 *ca = make_ca(ca_key);
    CLI_CLEANUP(X509_free_p) X509 *server = ca == NULL ? NULL : make_server(server_key, ca, ca_key, name);
    if (server == NULL)
        return false;
    certificates->ca_pem = to_pem(ca, NULL);
    certificates->cert_pem = to_pem(server, NULL);
    certificates->key_pem = to_pem(NULL, server_key);
    if (certificates->ca_pem != NULL && certificates->cert_pem != NULL && certificates->key_pem != NULL)
        return true;
    dev_certificates_clear(certificates);
    return false;
}

void dev_certificates_clear(dev_certificates *certificates)
{
    free(certificates->ca_pem);
    free(certificates->cert_pem);
    if (certificates->key_pem != NULL)
        explicit_bzero(certificates->key_pem, strlen(certificates->key_pem));
    free(certificates->key_pem);
    *certificates = (dev_certificates){0};
}
