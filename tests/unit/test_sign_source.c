/* SPDX-License-Identifier: MIT */
/* Keys whose files are replaced while they are used. */
#include "acquire/assertion.h"
#include "acquire/sign_source.h"
#include "base/base64url.h"
#include "support/client_keys.h"
#include "support/signing.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static void copy(const char *from, const char *to)
{
    size_t len = 0;
    char *bytes = client_keys_read(from, &len);
    assert_non_null(bytes);
    client_keys_replace(to, bytes, len);
    free(bytes);
}

/* Two files in one. */
static void join(const char *key, const char *certificate, const char *to)
{
    size_t key_len = 0, certificate_len = 0;
    char *a = client_keys_read(key, &key_len), *b = client_keys_read(certificate, &certificate_len);
    char *both = calloc(1, key_len + certificate_len + 1);
    memcpy(both, a, key_len);
    memcpy(both + key_len, b, certificate_len);
    client_keys_replace(to, both, key_len + certificate_len);
    free(both);
    free(a);
    free(b);
}

static assay_sign_source *new_source(const char *key, const char *certificate, const assay_secret *passphrase)
{
    assay_sign_source *source = NULL;
    char key_path[128], certificate_path[128];
    snprintf(key_path, sizeof key_path, "%s", client_keys_path(key));
    snprintf(certificate_path, sizeof certificate_path, "%s", certificate == NULL ? "" : client_keys_path(certificate));
    assert_int_equal(assay_sign_source_new_files(test_crypto, key_path, certificate == NULL ? NULL : certificate_path,
                                                 passphrase, &source, NULL),
                     ASSAY_OK);
    return source;
}

/* The header of the next assertion, for Entra; released with free(). */
static char *next_header(assay_sign_source *source)
{
    assay_assertion_options options = {.entra = true, .client_id = "c", .audience = "a"};
    assay_sign_key *key = NULL;
    assay_secret assertion = {0};
    assert_int_equal(assay_sign_source_get(source, &key, NULL), ASSAY_OK);
    assert_int_equal(assay_assertion_make(test_crypto, key, &options, (int64_t)time(NULL), &assertion, NULL), ASSAY_OK);
    size_t text_len = strcspn(assertion.text, "."), len = 0;
    char *header = calloc(1, ASSAY_BASE64URL_DECODED(text_len) + 1);
    assert_true(assay_base64url_decode(assertion.text, text_len, (uint8_t *)header, &len));
    header[len] = '\0';
    assay_secret_clear(&assertion);
    assay_sign_key_unref(key);
    return header;
}

/* The header that a pair has, read on its own. */
static char *header_of(const char *key, const char *certificate)
{
    assay_sign_source *source = new_source(key, certificate, NULL);
    char *header = next_header(source);
    assay_sign_source_free(source);
    return header;
}

static void is_header(assay_sign_source *source, const char *expected, int trouble)
{
    assay_failure failure;
    char *header = next_header(source);
    assert_string_equal(header, expected);
    int found = assay_sign_source_trouble(source, &failure);
    if (found != trouble)
        print_error("%s: %s\n", assay_code_name(found), failure.note);
    assert_int_equal(found, trouble);
    assert_true((failure.note[0] != '\0') == (trouble != ASSAY_OK));
    free(header);
}

static void test_case_84_one_file_is_replaced(void **state)
{
    (void)state;
    char *first = header_of("client.key", "client.pem"), *second = header_of("next.key", "next.pem");
    assert_string_not_equal(first, second);
    join("client.key", "client.pem", "now.pem");
    assay_sign_source *source = new_source("now.pem", NULL, NULL);
    is_header(source, first, ASSAY_OK);
    is_header(source, first, ASSAY_OK);
    join("next.key", "next.pem", "now.pem");
    is_header(source, second, ASSAY_OK);
    join("client.key", "client.pem", "now.pem");
    is_header(source, first, ASSAY_OK);
    assay_sign_source_free(source);
    free(second);
    free(first);
}

/* Between the two renames of a rotation the old pair serves; no call fails. */
static void test_case_84_two_files_are_replaced(void **state)
{
    (void)state;
    char *first = header_of("client.key", "client.pem"), *second = header_of("next.key", "next.pem");
    for (int key_first = 0; key_first < 2; key_first++) {
        copy("client.key", "now.key");
        copy("client.pem", "now.crt");
        assay_sign_source *source = new_source("now.key", "now.crt", NULL);
        is_header(source, first, ASSAY_OK);
        copy(key_first ? "next.key" : "next.pem", key_first ? "now.key" : "now.crt");
        is_header(source, first, ASSAY_E_CONFIG_SIGNING_KEY);
        is_header(source, first, ASSAY_E_CONFIG_SIGNING_KEY);
        copy(key_first ? "next.pem" : "next.key", key_first ? "now.crt" : "now.key");
        is_header(source, second, ASSAY_OK);
        is_header(source, second, ASSAY_OK);
        assay_sign_source_free(source);
    }
    free(second);
    free(first);
}

/* Half a file, an empty one, none at all, and one that may not be read or is too long: the old pair serves until there is a whole one. */
static void test_case_84_half_written(void **state)
{
    (void)state;
    char *first = header_of("client.key", "client.pem"), *second = header_of("next.key", "next.pem");
    static char huge[ASSAY_LIMIT_SIGNING_FILE_BYTES + 1];
    join("client.key", "client.pem", "now.pem");
    assay_sign_source *source = new_source("now.pem", NULL, NULL);
    is_header(source, first, ASSAY_OK);
    join("next.key", "next.pem", "whole.pem");
    size_t len = 0;
    char *whole = client_keys_read("whole.pem", &len);
    size_t key_len = (size_t)(strstr(whole, "-----BEGIN CERTIFICATE") - whole);
    for (size_t cut = 0; cut < len - 1; cut = cut < key_len && cut + 211 > key_len ? key_len : cut + 211) {
        client_keys_replace("now.pem", whole, cut);
        is_header(source, first, ASSAY_E_CONFIG_SIGNING_KEY);
    }
    assay_sign_source_free(source);

    join("client.key", "client.pem", "now.pem");
    source = new_source("now.pem", NULL, NULL);
    is_header(source, first, ASSAY_OK);
    assert_int_equal(unlink(client_keys_path("now.pem")), 0);
    is_header(source, first, ASSAY_E_CONFIG_SIGNING_KEY);
    client_keys_replace("now.pem", huge, sizeof huge);
    is_header(source, first, ASSAY_E_CONFIG_SIGNING_KEY);
    client_keys_replace("now.pem", whole, len);
    is_header(source, second, ASSAY_OK);
    assay_sign_source_free(source);
    free(whole);
    free(second);
    free(first);
}

/* The size and the time may be as before, as tools that keep times leave them; the file is another. */
static void test_case_84_same_size_and_time(void **state)
{
    (void)state;
    char *first = header_of("client.key", "client.pem"), *second = header_of("next.key", "next.pem");
    struct stat about;
    join("client.key", "client.pem", "now.pem");
    assay_sign_source *source = new_source("now.pem", NULL, NULL);
    is_header(source, first, ASSAY_OK);
    assert_int_equal(stat(client_keys_path("now.pem"), &about), 0);
    join("next.key", "next.pem", "later.pem");
    size_t len = 0;
    char *text = client_keys_read("later.pem", &len), *padded = calloc(1, (size_t)about.st_size + len);
    memcpy(padded, text, len);
    memset(padded + len, '\n', (size_t)about.st_size);
    client_keys_replace("later.pem", padded, len > (size_t)about.st_size ? len : (size_t)about.st_size);
    const struct timespec times[] = {about.st_atim, about.st_mtim};
    assert_int_equal(utimensat(AT_FDCWD, client_keys_path("later.pem"), times, 0), 0);
    assert_int_equal(rename(client_keys_path("later.pem"), client_keys_path("now.pem")), 0);
    is_header(source, second, ASSAY_OK);
    assay_sign_source_free(source);
    free(padded);
    free(text);
    free(second);
    free(first);
}

/* As a volume of Kubernetes does it: the path leads through a link that is swapped. */
static void test_case_84_link_is_swapped(void **state)
{
    (void)state;
    char *first = header_of("client.key", "client.pem"), *second = header_of("next.key", "next.pem");
    join("client.key", "client.pem", "one.pem");
    join("next.key", "next.pem", "two.pem");
    assert_int_equal(symlink("one.pem", client_keys_path("link.pem")), 0);
    assay_sign_source *source = new_source("link.pem", NULL, NULL);
    is_header(source, first, ASSAY_OK);
    assert_int_equal(symlink("two.pem", client_keys_path("link.new")), 0);
    assert_int_equal(rename(client_keys_path("link.new"), client_keys_path("link.pem")), 0);
    is_header(source, second, ASSAY_OK);
    assay_sign_source_free(source);
    free(second);
    free(first);
}

/* A key that was given out stays good after its files changed. */
static void keys_outlive_their_files(void **state)
{
    (void)state;
    assay_sign_key *old = NULL, *same = NULL, *fresh = NULL;
    uint8_t signature[ASSAY_SIGNATURE_MAX];
    size_t len = 0;
    join("client.key", "client.pem", "now.pem");
    assay_sign_source *source = new_source("now.pem", NULL, NULL);
    assert_int_equal(assay_sign_source_get(source, &old, NULL), ASSAY_OK);
    assert_int_equal(assay_sign_source_get(source, &same, NULL), ASSAY_OK);
    assert_ptr_equal(old, same);
    join("next.key", "next.pem", "now.pem");
    assert_int_equal(assay_sign_source_get(source, &fresh, NULL), ASSAY_OK);
    assert_ptr_not_equal(old, fresh);
    assay_sign_source_free(source);
    assay_sign_source_free(NULL);
    assert_int_equal(assay_sign_key_sign(old, ASSAY_SCHEME_RSA_PSS_SHA256, "x", 1, signature, &len), ASSAY_OK);
    assay_sign_key_unref(old);
    assay_sign_key_unref(same);
    assay_sign_key_unref(fresh);
}

/* Nothing is there from the start: an error each time, until there is something. */
static void nothing_before(void **state)
{
    (void)state;
    assay_sign_source *source = new_source("absent.key", "client.pem", NULL);
    assay_failure failure;
    assay_sign_key *key = NULL;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(assay_sign_source_get(source, &key, &failure), ASSAY_E_CONFIG_SIGNING_KEY);
        assert_null(key);
        assert_non_null(strstr(failure.note, "absent.key: No such file"));
        assert_int_equal(assay_sign_source_get(source, &key, NULL), ASSAY_E_CONFIG_SIGNING_KEY);
    }
    copy("client.key", "absent.key");
    assert_int_equal(assay_sign_source_get(source, &key, &failure), ASSAY_OK);
    assert_string_equal(failure.note, "");
    assay_sign_key_unref(key);
    assay_sign_source_free(source);

    source = new_source("client.key", "no.pem", NULL);
    assert_int_equal(assay_sign_source_get(source, &key, &failure), ASSAY_E_CONFIG_SIGNING_KEY);
    assert_non_null(strstr(failure.note, "no.pem: No such file"));
    assay_sign_source_free(source);
}

static void passphrase_is_remembered(void **state)
{
    (void)state;
    assay_secret passphrase = {0};
    assay_sign_key *key = NULL;
    assert_true(assay_secret_set(&passphrase, CLIENT_KEYS_PASSPHRASE, strlen(CLIENT_KEYS_PASSPHRASE)));
    assay_sign_source *files = new_source("encrypted.key", "client.pem", &passphrase);
    assay_sign_source *store = NULL;
    char uri[160], certificate[128];
    snprintf(uri, sizeof uri, "file:%s", client_keys_path("encrypted.key"));
    snprintf(certificate, sizeof certificate, "%s", client_keys_path("store.crt"));
    copy("client.pem", "store.crt");
    assert_int_equal(assay_sign_source_new_store(test_crypto, uri, certificate, &passphrase, &store, NULL), ASSAY_OK);
    assay_secret_clear(&passphrase);
    assert_int_equal(assay_sign_source_get(files, &key, NULL), ASSAY_OK);
    assay_sign_key_unref(key);
    assert_int_equal(assay_sign_source_get(store, &key, NULL), ASSAY_OK);
    assert_int_equal(assay_sign_key_certificate_count(key), 1);
    assay_sign_key_unref(key);
    copy("mixed.pem", "store.crt");
    assert_int_equal(assay_sign_source_get(store, &key, NULL), ASSAY_OK);
    assert_int_equal(assay_sign_key_certificate_count(key), 3);
    assay_sign_key_unref(key);
    copy("next.pem", "store.crt");
    assert_int_equal(assay_sign_source_get(store, &key, NULL), ASSAY_OK);
    assert_int_equal(assay_sign_source_trouble(store, NULL), ASSAY_E_CONFIG_SIGNING_KEY);
    assay_sign_key_unref(key);
    assay_sign_source_free(store);
    assay_sign_source_free(files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_case_84_one_file_is_replaced),
        cmocka_unit_test(test_case_84_two_files_are_replaced),
        cmocka_unit_test(test_case_84_half_written),
        cmocka_unit_test(test_case_84_same_size_and_time),
        cmocka_unit_test(test_case_84_link_is_swapped),
        cmocka_unit_test(keys_outlive_their_files),
        cmocka_unit_test(nothing_before),
        cmocka_unit_test(passphrase_is_remembered),
    };
    return cmocka_run_group_tests(tests, test_crypto_open_with_keys, test_crypto_close_with_keys);
}
