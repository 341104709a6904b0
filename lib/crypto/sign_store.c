/* SPDX-License-Identifier: MIT */
/* Keys that an OpenSSL store holds: a provider's, such as that of a security module, or a file. */
#include "crypto/sign_private.h"

#include <openssl/store.h>
#include <openssl/ui.h>

static void close_store(OSSL_STORE_CTX *store)
{
    (void)OSSL_STORE_close(store);
}

ASSAY_DEFINE_CLEANUP(OSSL_STORE_CTX, close_store)
ASSAY_DEFINE_CLEANUP(UI_METHOD, UI_destroy_method)
ASSAY_DEFINE_CLEANUP(OSSL_STORE_INFO, OSSL_STORE_INFO_free)

/* Objects that are looked at; a URI that names a whole token may name many. */
#define OBJECTS_MAX 256

/* What stands in for a person at the terminal. */
typedef struct answers {
    const char *passphrase; /* NULL: none */
    bool asked;
} answers;

static int answer(UI *ui, UI_STRING *question)
{
    answers *from = UI_get0_user_data(ui);
    enum UI_string_types type = UI_get_string_type(question);
    if (type != UIT_PROMPT && type != UIT_VERIFY)
        return 1;
    from->asked = true;
    return from->passphrase != NULL && UI_set_result(ui, question, from->passphrase) >= 0;
}

/* Take over what one object holds; what is neither a key nor a certificate is passed over. */
static int add_object(assay_sign_parts *parts, const OSSL_STORE_INFO *object, assay_failure *failure)
{
    switch (OSSL_STORE_INFO_get_type(object)) {
    case OSSL_STORE_INFO_PKEY:
        return assay_sign_parts_add_key(parts, OSSL_STORE_INFO_get1_PKEY(object), failure);
    case OSSL_STORE_INFO_CERT:
        return assay_sign_parts_add_certificate(parts, OSSL_STORE_INFO_get1_CERT(object), parts->name, failure);
    default:
        return ASSAY_OK;
    }
}

static int not_opened(const assay_openssl_guard *guard, const assay_sign_parts *parts, const answers *asked,
                      assay_failure *failure)
{
    if (asked->asked && asked->passphrase == NULL)
        return assay_sign_refuse(guard, failure, parts->name, "asks for a passphrase, and there is none");
    if (asked->asked)
        return assay_sign_refuse(guard, failure, parts->name,
                                 "can't be read: the passphrase is wrong, or what it protects is damaged");
    return assay_sign_refuse(
        guard, failure, parts->name,
        "can't be read: OpenSSL has no store for such a URI, or there is nothing that it can read");
}

static int add_store(assay_sign_parts *parts, const char *uri, const assay_secret *passphrase, assay_failure *failure)
{
    answers from = {.passphrase = passphrase == NULL ? NULL : passphrase->text};
    ASSAY_OPENSSL_GUARD(guard);
    ASSAY_CLEANUP(UI_destroy_method_p) UI_METHOD *method = UI_create_method("assay");
    if (method == NULL || UI_method_set_reader(method, answer) != 0)
        return assay_fail(failure, ASSAY_E_MEMORY);
    ASSAY_CLEANUP(close_store_p)
    OSSL_STORE_CTX *store = OSSL_STORE_open_ex(uri, NULL, parts->crypto->properties, method, &from, NULL, NULL, NULL);
    if (store == NULL)
        return not_opened(&guard, parts, &from, failure);
    bool failed = false;
    for (int i = 0; i < OBJECTS_MAX && OSSL_STORE_eof(store) != 1; i++) {
        ASSAY_CLEANUP(OSSL_STORE_INFO_free_p) OSSL_STORE_INFO *object = OSSL_STORE_load(store);
        /* At the end OpenSSL 3.0 reports nothing more as an error too. */
        failed = failed || (object == NULL && OSSL_STORE_error(store) == 1 && OSSL_STORE_eof(store) != 1);
        int code = object == NULL ? ASSAY_OK : add_object(parts, object, failure);
        if (code != ASSAY_OK)
            return code;
    }
    if (failed || parts->pkey == NULL)
        return not_opened(&guard, parts, &from, failure);
    return ASSAY_OK;
}

/* What errors call it: a query may hold a PIN (pin-value of RFC 7512, section 2.4). Owned. */
static char *name_of(const char *uri)
{
    return assay_memdup(uri, strcspn(uri, "?"));
}

int assay_sign_key_from_store(assay_crypto *crypto, const char *uri, const assay_sign_text *certificates,
                              const assay_secret *passphrase, assay_sign_key **key, assay_failure *failure)
{
    *key = NULL;
    ASSAY_AUTO_RELEASE char *name = name_of(uri);
    if (name == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    ASSAY_CLEANUP(assay_sign_parts_clear) assay_sign_parts parts = {.crypto = crypto, .name = name};
    int code = add_store(&parts, uri, passphrase, failure);
    if (code == ASSAY_OK && certificates != NULL)
        code = assay_sign_parts_add_text(&parts, certificates, failure);
    if (code != ASSAY_OK)
        return code;
    return assay_sign_key_make(&parts, false, key, failure);
}
