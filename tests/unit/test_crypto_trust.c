/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "crypto/trust.h"
#include "support/certificates.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static X509 *read_certificate(const char *name)
{
    FILE *file = fopen(certificates_path(name, "pem"), "rb");
    assert_non_null(file);
    X509 *certificate = PEM_read_X509(file, NULL, NULL, NULL);
    assert_non_null(certificate);
    fclose(file);
    return certificate;
}

/* Whether a connection under @p trust would accept the chain of this server. */
static bool accepts(assay_trust *trust, const char *server)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
    X509 *certificate = read_certificate(server);
    X509_STORE_CTX *check = X509_STORE_CTX_new();
    assert_non_null(tls);
    assert_non_null(check);
    assert_true(assay_trust_apply(trust, tls));
    assert_int_equal(X509_STORE_CTX_init(check, SSL_CTX_get_cert_store(tls), certificate, NULL), 1);
    bool accepted = X509_verify_cert(check) == 1;
    X509_STORE_CTX_free(check);
    X509_free(certificate);
    SSL_CTX_free(tls);
    return accepted;
}

static assay_trust *trust_in(const char *name)
{
    size_t len;
    char *pem = certificates_pem(name, &len);
    assay_trust *trust = NULL;
    assert_int_equal(assay_trust_from_pem(pem, len, &trust, NULL), ASSAY_OK);
    free(pem);
    return trust;
}

static void test_only_what_was_given_is_trusted(void **state)
{
    (void)state;
    assay_trust *ca = trust_in("ca"), *self_signed = trust_in("self_signed"), *server = trust_in("server");
    assert_true(accepts(ca, "server"));
    assert_false(accepts(ca, "self_signed"));
    assert_false(accepts(ca, "expired"));
    assert_false(accepts(self_signed, "server"));
    assert_true(accepts(server, "server")); /* without its authority: what was given is an anchor */
    assert_false(accepts(server, "wrong_name"));
    /* One store serves many connections, and lives as long as any of them. */
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
    assert_true(assay_trust_apply(ca, tls));
    assay_trust_free(ca);
    assert_non_null(X509_STORE_get0_objects(SSL_CTX_get_cert_store(tls)));
    SSL_CTX_free(tls);
    assay_trust_free(self_signed);
    assay_trust_free(server);
    assay_trust_free(NULL);
}

static void expect_unusable(const char *pem, size_t len)
{
    assay_failure failure;
    assay_trust *trust = NULL;
    assert_int_equal(assay_trust_from_pem(pem, len, &trust, &failure), ASSAY_E_CONFIG_CA);
    assert_null(trust);
    assert_true(failure.note[0] != '\0');
}

static void test_pem_texts(void **state)
{
    (void)state;
    size_t len;
    char *pem = certificates_pem("ca", &len);
    char *two = calloc(1, 2 * len + 64);
    assay_trust *trust = NULL;
    assert_non_null(two);
    snprintf(two, 2 * len + 64, "# comment\n%s\n%s# end\n", pem, pem); /* the same twice does no harm */
    assert_int_equal(assay_trust_from_pem(two, strlen(two), &trust, NULL), ASSAY_OK);
    assert_true(accepts(trust, "server"));
    assay_trust_free(trust);
    char *last = strstr(two + len, "-----BEGIN");
    assert_non_null(last);
    last[100] = '!';
    expect_unusable(two, strlen(two)); /* a good one before a damaged one is no excuse */
    expect_unusable(pem, len / 2);
    expect_unusable("", 0);
    expect_unusable("no certificate", 14);
    const char locked[] = "-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: "
                          "AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\nAAAA\n-----END CERTIFICATE-----\n";
    expect_unusable(locked, strlen(locked)); /* and nobody is asked for a passphrase */
    free(two);
    free(pem);
}

static void test_system_certificates(void **state)
{
    (void)state;
    assay_failure failure;
    assay_trust *trust = NULL;
    char folder[128], name[160];
    assert_int_equal(assay_trust_from_system(certificates_path("ca", "pem"), NULL, &trust, NULL), ASSAY_OK);
    assert_true(accepts(trust, "server"));
    assay_trust_free(trust);

    assert_int_equal(assay_trust_from_system("/nonexistent/bundle", NULL, &trust, &failure), ASSAY_E_CONFIG_CA);
    assert_null(trust);
    assert_non_null(strstr(failure.note, "/nonexistent/bundle"));

    /* a folder alone, as c_rehash leaves it */
    snprintf(folder, sizeof folder, "%s/rehashed-XXXXXX", certificates_folder());
    assert_non_null(mkdtemp(folder));
    assert_int_equal(assay_trust_from_system(NULL, folder, &trust, NULL), ASSAY_OK);
    assert_false(accepts(trust, "server"));
    X509 *ca = read_certificate("ca");
    snprintf(name, sizeof name, "%s/%08lx.0", folder, X509_subject_name_hash(ca));
    assert_int_equal(symlink(certificates_path("ca", "pem"), name), 0);
    assert_true(accepts(trust, "server"));
    assert_false(accepts(trust, "self_signed"));
    X509_free(ca);
    assay_trust_free(trust);

    setenv("SSL_CERT_FILE", certificates_path("ca", "pem"), 1);
    setenv("SSL_CERT_DIR", folder, 1);
    assert_int_equal(assay_trust_from_system(NULL, NULL, &trust, NULL), ASSAY_OK);
    assert_false(accepts(trust, "server"));
    assay_trust_free(trust);
    unsetenv("SSL_CERT_FILE");
    unsetenv("SSL_CERT_DIR");
}

static void test_labels_and_library(void **state)
{
    (void)state;
    char ours[64];
    assay_trust *one = trust_in("ca"), *other = trust_in("ca");
    assert_string_not_equal(assay_trust_label(one), assay_trust_label(other));
    assert_int_equal(access(assay_trust_label(one), F_OK), -1);
    assay_trust_free(one);
    assay_trust_free(other);
    snprintf(ours, sizeof ours, "OpenSSL/%s", OpenSSL_version(OPENSSL_VERSION_STRING));
    assert_true(assay_trust_fits(ours));
    assert_false(assay_trust_fits("OpenSSL/1.1.1"));
    assert_false(assay_trust_fits("GnuTLS/3.7.9"));
    assert_false(assay_trust_fits(NULL));
}

static void test_error_queue_is_the_hosts(void **state)
{
    (void)state;
    assay_trust *trust = NULL;
    ERR_clear_error();
    ERR_raise(ERR_LIB_USER, 7);
    unsigned long before = ERR_peek_last_error();
    expect_unusable("junk", 4);
    assert_int_equal(assay_trust_from_system("/nonexistent", NULL, &trust, NULL), ASSAY_E_CONFIG_CA);
    assay_trust_free(trust_in("ca"));
    assert_int_equal(ERR_peek_last_error(), before);
    ERR_clear_error();
}

static void test_time_to_load_the_systems(void **state)
{
    (void)state;
    static const char bundle[] = "/etc/ssl/certs/ca-certificates.crt";
    assay_trust *trust = NULL;
    if (access(bundle, R_OK) != 0)
        skip();
    int64_t start = assay_clock_real_ms();
    assert_int_equal(assay_trust_from_system(bundle, NULL, &trust, NULL), ASSAY_OK);
    printf("the system's CA certificates: %d ms to load\n", (int)(assay_clock_real_ms() - start));
    assert_false(accepts(trust, "server"));
    assay_trust_free(trust);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_what_was_given_is_trusted),
        cmocka_unit_test(test_pem_texts),
        cmocka_unit_test(test_system_certificates),
        cmocka_unit_test(test_labels_and_library),
        cmocka_unit_test(test_error_queue_is_the_hosts),
        cmocka_unit_test(test_time_to_load_the_systems),
    };
    return cmocka_run_group_tests(tests, certificates_make, certificates_remove);
}
