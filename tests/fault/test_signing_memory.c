/* SPDX-License-Identifier: MIT */
/*
 * Reading a private key in each of its forms, and signing a client assertion with it, while every allocation fails in turn: nothing crashes, leaks or is half-made, and
 * an old pair serves on. Stores are left out: OpenSSL 3.0's own loader of files does not outlive the failures.
 */
#include "acquire/assertion.h"
#include "acquire/sign_source.h"
#include "fault/failing_memory.h"
#include "support/client_keys.h"

#include <string.h>
#include <time.h>

static assay_crypto *crypto;
static assay_sign_key *client;
static assay_secret passphrase;
static char *bytes, *more;
static size_t len, more_len;
static bool with_passphrase;

static int open_crypto(void **state)
{
    return client_keys_make(state) != 0 || assay_crypto_new(NULL, &crypto) != ASSAY_OK ||
           !assay_secret_set(&passphrase, CLIENT_KEYS_PASSPHRASE, strlen(CLIENT_KEYS_PASSPHRASE));
}

static int close_crypto(void **state)
{
    assay_secret_clear(&passphrase);
    assay_crypto_unref(crypto);
    return client_keys_remove(state);
}

/* OpenSSL takes some failures of memory for a key or a passphrase that is no good: that refuses, which is safe. */
static int honest(int code, const assay_sign_key *key)
{
    if ((code == ASSAY_OK) != (key != NULL))
        abort();
    return code == ASSAY_E_CONFIG_SIGNING_KEY ? ASSAY_E_CONFIG_KEYS : code;
}

static int read_bytes(void)
{
    const assay_sign_text text = {bytes, len, "text"}, certificates = {more, more_len, "more"};
    assay_sign_key *key = NULL;
    assay_failure failure;
    int code = assay_sign_key_from_bytes(crypto, &text, more == NULL ? NULL : &certificates,
                                         with_passphrase ? &passphrase : NULL, &key, &failure);
    int told = honest(code, key);
    /* Never with a part of its certificates. */
    if (key != NULL && more != NULL && assay_sign_key_certificate_count(key) != 3)
        abort();
    assay_sign_key_unref(key);
    return told;
}

static int make_assertion(void)
{
    const assay_assertion_options options = {
        .entra = true, .x5t_sha1 = true, .x5c = true, .kid = "k", .client_id = "c", .audience = "a"};
    assay_secret assertion = {0};
    int code = assay_assertion_make(crypto, client, &options, (int64_t)time(NULL), &assertion, NULL);
    if ((code == ASSAY_OK) != (assertion.text != NULL))
        abort();
    assay_secret_clear(&assertion);
    return code;
}

static void every_allocation_of_reading_a_key(void **state)
{
    (void)state;
    static const struct {
        const char *name, *certificates;
        bool with_passphrase;
        long stride;
    } rows[] = {
        {"client.key", "mixed.pem", false, 3}, {"encrypted.key", "mixed.pem", true, 11}, {"client.p12", NULL, true, 17},
        {"traditional.key", NULL, false, 5},   {"ec_bare.key", NULL, false, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bytes = client_keys_read(rows[i].name, &len);
        more = rows[i].certificates == NULL ? NULL : client_keys_read(rows[i].certificates, &more_len);
        with_passphrase = rows[i].with_passphrase;
        sweep(rows[i].name, read_bytes, rows[i].stride);
        free(bytes);
        free(more);
    }
}

static void every_allocation_of_an_assertion(void **state)
{
    (void)state;
    bytes = client_keys_read("mixed.pem", &len);
    const assay_sign_text text = {bytes, len, "text"};
    assert_int_equal(assay_sign_key_from_bytes(crypto, &text, NULL, NULL, &client, NULL), ASSAY_OK);
    sweep("assertion", make_assertion, 1);
    assay_sign_key_unref(client);
    free(bytes);
}

static assay_sign_source *source;
static const char *turn;

/* The file has been replaced: the new key, or the old one and why, but always a key. */
static int use_source(void)
{
    bool was_armed = armed;
    armed = false;
    turn = turn[0] == 'c' ? "next.key" : "client.key";
    size_t fresh_len = 0;
    char *fresh = client_keys_read(turn, &fresh_len);
    client_keys_replace("now.key", fresh, fresh_len);
    free(fresh);
    armed = was_armed;
    assay_sign_key *key = NULL;
    assay_failure failure;
    if (assay_sign_source_get(source, &key, &failure) != ASSAY_OK || key == NULL)
        abort();
    armed = false;
    int code = assay_sign_source_trouble(source, &failure);
    assay_sign_key_unref(key);
    return code == ASSAY_E_CONFIG_SIGNING_KEY ? ASSAY_E_CONFIG_KEYS : code;
}

static int make_source(void)
{
    assay_sign_source *made = NULL;
    int code = assay_sign_source_new_files(crypto, "/a", "/b", &passphrase, &made, NULL);
    if ((code == ASSAY_OK) != (made != NULL))
        abort();
    assay_sign_source_free(made);
    return code;
}

static void every_allocation_of_a_source(void **state)
{
    (void)state;
    sweep("source", make_source, 1);
    turn = "client.key";
    char *first = client_keys_read(turn, &len), path[128];
    client_keys_replace("now.key", first, len);
    free(first);
    snprintf(path, sizeof path, "%s", client_keys_path("now.key"));
    assert_int_equal(assay_sign_source_new_files(crypto, path, NULL, NULL, &source, NULL), ASSAY_OK);
    sweep("replaced file", use_source, 1);
    assay_sign_source_free(source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_of_reading_a_key),
        cmocka_unit_test(every_allocation_of_an_assertion),
        cmocka_unit_test(every_allocation_of_a_source),
    };
    return cmocka_run_group_tests(tests, open_crypto, close_crypto);
}
