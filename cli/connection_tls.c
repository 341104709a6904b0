/* SPDX-License-Identifier: MIT */
#include "connection.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

static int place(void)
{
    static int index = -1;
    if (index < 0)
        index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    return index;
}

/* Who signed the server's certificate: the name of an inspecting proxy, where there is one. */
static void keep_issuer(connection *c, const X509 *certificate)
{
    if (certificate == NULL ||
        X509_NAME_get_text_by_NID(X509_get_issuer_name(certificate), NID_commonName, c->issuer, sizeof c->issuer) < 0)
        c->issuer[0] = '\0';
}

/* A refusal stays one; here it is only told whose certificate it was. */
static int on_verify(int accepted, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    connection *c = ssl == NULL ? NULL : SSL_get_ex_data(ssl, place());
    if (c == NULL || accepted == 1)
        return accepted;
    keep_issuer(c, X509_STORE_CTX_get0_cert(store));
    (void)snprintf(c->why, sizeof c->why, "%s", X509_verify_cert_error_string(X509_STORE_CTX_get_error(store)));
    return accepted;
}

static bool trust_pem(SSL_CTX *context, const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *certificate = NULL;
    bool any = false;
    while (bio != NULL && (certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        any = X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate) == 1 || any;
        X509_free(certificate);
    }
    (void)BIO_free(bio);
    ERR_clear_error();
    return any;
}

/* SSL_CTX_set_default_verify_paths() would let SSL_CERT_FILE and SSL_CERT_DIR replace them; the library heeds neither. */
static bool trust_system(SSL_CTX *context)
{
    bool file = SSL_CTX_load_verify_file(context, X509_get_default_cert_file()) == 1;
    bool folder = SSL_CTX_load_verify_dir(context, X509_get_default_cert_dir()) == 1;
    ERR_clear_error();
    return file || folder;
}

static bool trust(connection *c, const char *ca_file, const char *ca_pem)
{
    bool done = ca_pem != NULL    ? trust_pem(c->context, ca_pem)
                : ca_file != NULL ? SSL_CTX_load_verify_file(c->context, ca_file) == 1
                                  : trust_system(c->context);
    if (!done)
        (void)snprintf(c->why, sizeof c->why, "the CA certificates can't be used");
    return done;
}

static bool expect_name(SSL *ssl, const char *name)
{
    uint8_t bytes[16];
    bool address = inet_pton(AF_INET, name, bytes) == 1 || inet_pton(AF_INET6, name, bytes) == 1;
    if (address)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
    return SSL_set_tlsext_host_name(ssl, name) == 1 && SSL_set1_host(ssl, name) == 1;
}

static bool prepare(connection *c, const char *name)
{
    if (SSL_CTX_set_min_proto_version(c->context, TLS1_2_VERSION) != 1)
        return false;
    SSL_CTX_set_verify(c->context, SSL_VERIFY_PEER, on_verify);
    c->ssl = SSL_new(c->context);
    return c->ssl != NULL && SSL_set_ex_data(c->ssl, place(), c) == 1 && expect_name(c->ssl, name) &&
           SSL_set_fd(c->ssl, c->fd) == 1;
}

static void tell_failure(connection *c)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = code == 0 ? NULL : ERR_reason_error_string(code);
    if (c->why[0] == '\0')
        (void)snprintf(c->why, sizeof c->why, "%s", reason != NULL ? reason : "the other end broke off the handshake");
    ERR_clear_error();
}

bool connection_tls(connection *c, const char *name, const char *ca_file, const char *ca_pem)
{
    c->why[0] = '\0';
    ERR_clear_error();
    c->context = SSL_CTX_new(TLS_client_method());
    if (c->context == NULL || !trust(c, ca_file, ca_pem) || !prepare(c, name)) {
        tell_failure(c);
        return false;
    }
    for (;;) {
        int result = SSL_connect(c->ssl);
        if (result == 1)
            break;
        int wanted = SSL_get_error(c->ssl, result);
        bool waits = wanted == SSL_ERROR_WANT_READ || wanted == SSL_ERROR_WANT_WRITE;
        if (waits && connection_wait(c, wanted == SSL_ERROR_WANT_WRITE))
            continue;
        tell_failure(c);
        return false;
    }
    X509 *certificate = SSL_get1_peer_certificate(c->ssl);
    keep_issuer(c, certificate);
    X509_free(certificate);
    (void)snprintf(c->version, sizeof c->version, "%s", SSL_get_version(c->ssl));
    return true;
}
