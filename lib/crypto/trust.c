/* SPDX-License-Identifier: MIT */
#include "crypto/trust.h"

#include "crypto/openssl_guard.h"

#include <limits.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stdio.h>

struct assay_trust {
    X509_STORE *store;
    char label[48];
};

ASSAY_DEFINE_CLEANUP(X509, X509_free)
ASSAY_DEFINE_CLEANUP(BIO, BIO_free_all)

static atomic_ullong made_so_far;

static int make(assay_trust **trust, assay_failure *failure)
{
    ASSAY_CLEANUP(assay_trust_free_p) assay_trust *made = assay_zalloc(sizeof *made);
    if (made == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    (void)snprintf(made->label, sizeof made->label, "/dev/null/assay-%llu",
                   atomic_fetch_add_explicit(&made_so_far, 1, memory_order_relaxed));
    made->store = X509_STORE_new();
    /* As curl has it: an intermediate certificate that was given is trusted too, and comes before what the server sends. */
    if (made->store == NULL ||
        X509_STORE_set_flags(made->store, X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN) != 1)
        return assay_fail(failure, ASSAY_E_MEMORY);
    /* Curl adds its CA path to the store of each connection, which is this one, and OpenSSL takes no lock for that: two first connections at one moment
       would both write. So it is there before, and is only found. */
    if (X509_STORE_load_path(made->store, made->label) != 1)
        return assay_fail(failure, ASSAY_E_MEMORY);
    *trust = ASSAY_STEAL(made);
    return ASSAY_OK;
}

/* Nobody is asked on the terminal. */
static int no_passphrase(char *buffer, int size, int writing, void *user_data)
{
    (void)buffer;
    (void)size;
    (void)writing;
    (void)user_data;
    return -1;
}

/* Whether reading ended because nothing more is there. */
static bool at_end(void)
{
    unsigned long error = ERR_peek_last_error();
    return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

static int unreadable(const assay_openssl_guard *guard, assay_failure *failure, const char *what)
{
    if (assay_openssl_lacked_memory(guard))
        return assay_fail(failure, ASSAY_E_MEMORY);
    char shown[ASSAY_LIMIT_FOUND_BYTES];
    assay_text_escape(what, strlen(what), shown, sizeof shown);
    return assay_fail_note(failure, ASSAY_E_CONFIG_CA, "%s can't be read as certificates in PEM form", shown);
}

int assay_trust_from_pem(const char *pem, size_t len, assay_trust **trust, assay_failure *failure)
{
    static const char what[] = "the text that was given";
    *trust = NULL;
    ASSAY_OPENSSL_GUARD(guard);
    ASSAY_CLEANUP(assay_trust_free_p) assay_trust *made = NULL;
    ASSAY_CLEANUP(BIO_free_all_p) BIO *text = len > INT_MAX ? NULL : BIO_new_mem_buf(pem, (int)len);
    int code = make(&made, failure);
    if (code != ASSAY_OK)
        return code;
    if (text == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    for (int count = 0;; count++) {
        ASSAY_CLEANUP(X509_free_p) X509 *certificate = PEM_read_bio_X509_AUX(text, NULL, no_passphrase, NULL);
        if (certificate == NULL && count > 0 && at_end())
            break;
        if (certificate == NULL || X509_STORE_add_cert(made->store, certificate) != 1)
            return unreadable(&guard, failure, what);
    }
    *trust = ASSAY_STEAL(made);
    return assay_fail(failure, ASSAY_OK);
}

int assay_trust_from_system(const char *file, const char *folder, assay_trust **trust, assay_failure *failure)
{
    *trust = NULL;
    ASSAY_OPENSSL_GUARD(guard);
    ASSAY_CLEANUP(assay_trust_free_p) assay_trust *made = NULL;
    int code = make(&made, failure);
    if (code != ASSAY_OK)
        return code;
    if (file != NULL && X509_STORE_load_file(made->store, file) != 1)
        return unreadable(&guard, failure, file);
    if (folder != NULL && X509_STORE_load_path(made->store, folder) != 1)
        return unreadable(&guard, failure, folder);
    *trust = ASSAY_STEAL(made);
    return assay_fail(failure, ASSAY_OK);
}

void assay_trust_free(assay_trust *trust)
{
    if (trust == NULL)
        return;
    X509_STORE_free(trust->store);
    assay_release(trust);
}

bool assay_trust_fits(const char *tls_library)
{
    char ours[64];
    int len = snprintf(ours, sizeof ours, "OpenSSL/%s", OpenSSL_version(OPENSSL_VERSION_STRING));
    return tls_library != NULL && len > 0 && assay_span_is(assay_span_of(tls_library), ours);
}

bool assay_trust_apply(const assay_trust *trust, void *ssl_ctx)
{
    if (X509_STORE_up_ref(trust->store) != 1)
        return false;
    SSL_CTX_set_cert_store(ssl_ctx, trust->store); /* drops the one that was there, and takes our reference */
    return true;
}

const char *assay_trust_label(const assay_trust *trust)
{
    return trust->label;
}
