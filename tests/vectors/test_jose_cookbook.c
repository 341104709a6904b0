/* SPDX-License-Identifier: MIT */

/* The examples of RFC 7520, RFC 7797 and RFC 8037. What has no feature here must be refused, and is counted by name. */

#include "support/test_data.h"
#include "support/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COOKBOOK "jose-cookbook/"

static const char *const jws_files[] = {
    "jws/4_1.rsa_v15_signature.json",
    "jws/4_2.rsa-pss_signature.json",
    "jws/4_3.ecdsa_signature.json",
    "jws/4_4.hmac-sha2_integrity_protection.json",
    "jws/4_5.signature_with_detached_content.json",
    "jws/4_6.protecting_specific_header_fields.json",
    "jws/4_7.protecting_content_only.json",
    "jws/4_8.multiple_signatures.json",
    "rfc7797/4.2.hmac-sha2_b64_false.json",
    "rfc7797/hmac-sha2_b64_false.json",
    "curve25519/jws.json",
};

static const char *const jwe_files[] = {
    "jwe/5_1.key_encryption_using_rsa_v15_and_aes-hmac-sha2.json",
    "jwe/5_2.key_encryption_using_rsa-oaep_with_aes-gcm.json",
    "jwe/5_3.key_wrap_using_pbes2-aes-keywrap_with-aes-cbc-hmac-sha2.json",
    "jwe/5_4.key_agreement_with_key_wrapping_using_ecdh-es_and_aes-keywrap_with_aes-gcm.json",
    "jwe/5_5.key_agreement_using_ecdh-es_with_aes-cbc-hmac-sha2.json",
    "jwe/5_6.direct_encryption_using_aes-gcm.json",
    "jwe/5_7.key_wrap_using_aes-gcm_keywrap_with_aes-cbc-hmac-sha2.json",
    "jwe/5_8.key_wrap_using_aes-keywrap_with_aes-gcm.json",
    "jwe/5_9.compressed_content.json",
    "jwe/5_10.including_additional_authentication_data.json",
    "jwe/5_11.protecting_specific_header_fields.json",
    "jwe/5_12.protecting_content_only.json",
    "jwe/5_13.encrypting_to_multiple_recipients.json",
    "curve25519/ecdh-es.json",
};

/* What must come out of loading a key of section 3. */
typedef struct key_row {
    const char *file;
    size_t as_published; /* usable keys with symmetric ones allowed */
    size_t public_part;
} key_row;

static const key_row key_rows[] = {
    {"jwk/3_1.ec_public_key.json", 1, 1},
    {"jwk/3_2.ec_private_key.json", 0, 1},
    {"jwk/3_3.rsa_public_key.json", 1, 1},
    {"jwk/3_4.rsa_private_key.json", 0, 1},
    {"jwk/3_5.symmetric_key_mac_computation.json", 1, 1},
    {"jwk/3_6.symmetric_key_encryption.json", 0, 0}, /* "use" is "enc" */
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static json_t *read_json(const char *file)
{
    char path[256];
    snprintf(path, sizeof path, COOKBOOK "%s", file);
    json_t *json = test_data_json(path);
    if (json == NULL)
        fail_msg("%s can't be read", path);
    return json;
}

static assay_keyset *keys_of(const json_t *input)
{
    json_t *key = json_object_get(input, "key");
    json_t *set = json_is_array(key) ? json_pack("{s:O}", "keys", key) : json_incref(key);
    /* Several keys of several kinds: the caller's own file, so symmetric ones count. */
    json_t *public_keys = json_array();
    size_t i;
    json_t *each;
    json_array_foreach(json_object_get(set, "keys"), i, each)
    {
        json_array_append_new(public_keys, vectors_public_jwk(each));
    }
    if (json_is_array(key))
        json_object_set(set, "keys", public_keys);
    assay_keyset *keys = json_is_array(key) ? vectors_keys_unchanged(set, true) : vectors_keys(set);
    json_decref(public_keys);
    json_decref(set);
    return keys;
}

static bool is_unencoded(const json_t *signing)
{
    return json_is_false(json_object_get(json_object_get(signing, "protected"), "b64"));
}

/* The signature with its input in compact form, whatever serialization it was published in. */
static void run_signature(vectors *set, const char *file, const assay_keyset *keys, const json_t *signing,
                          const char *payload)
{
    const char *input = test_text(signing, "sig-input");
    char *token = vectors_join(input, test_text(signing, "sig"));
    int code = vectors_verify(keys, token, strlen(token), payload);
    free(token);
    if (is_unencoded(signing)) {
        /* A payload as it is breaks the form of a token before its header can. */
        assert_true(code == ASSAY_E_CRIT || code == ASSAY_E_UNENCODED || code == ASSAY_E_MALFORMED ||
                    code == ASSAY_E_BASE64URL);
        vectors_out_of_scope(set, "b64 false");
    } else if (input[0] == '.') {
        assert_int_equal(code, ASSAY_E_MALFORMED);
        vectors_out_of_scope(set, "no protected header");
    } else if (!vectors_ran(set, code == ASSAY_OK)) {
        print_error("%s: %s\n", file, assay_code_name(code));
    }
}

static void refuse_json(vectors *set, const assay_keyset *keys, const json_t *output)
{
    static const char *const names[] = {"json", "json_flat"};
    for (size_t i = 0; i < COUNT(names); i++) {
        const json_t *serialized = json_object_get(output, names[i]);
        if (serialized == NULL)
            continue;
        char *text = json_dumps(serialized, JSON_COMPACT);
        assert_int_equal(vectors_verify(keys, text, strlen(text), NULL), ASSAY_E_MALFORMED);
        free(text);
        vectors_out_of_scope(set, "JSON serialization");
    }
}

static void run_jws(vectors *set, const char *file, const json_t *example)
{
    const json_t *input = json_object_get(example, "input");
    const json_t *signing = json_object_get(example, "signing");
    const json_t *output = json_object_get(example, "output");
    const json_t *payload = json_object_get(input, "payload");
    char *claims = json_is_string(payload) ? NULL : json_dumps(payload, JSON_COMPACT);
    const char *text = claims != NULL ? NULL : json_string_value(payload);
    assay_keyset *keys = keys_of(input);
    size_t i;
    json_t *each;
    if (!json_is_array(signing))
        run_signature(set, file, keys, signing, text);
    json_array_foreach(signing, i, each)
    {
        run_signature(set, file, keys, each, text);
    }
    const char *compact = test_text(output, "compact");
    if (compact[0] != '\0' && strstr(compact, "..") != NULL) {
        /* The payload travels elsewhere, and nobody but the caller could put it back (RFC 7515, appendix F). */
        assert_int_not_equal(vectors_verify(keys, compact, strlen(compact), NULL), ASSAY_OK);
        vectors_out_of_scope(set, "detached payload");
    } else if (compact[0] != '\0' && !is_unencoded(signing)) {
        char *joined = vectors_join(test_text(signing, "sig-input"), test_text(signing, "sig"));
        assert_string_equal(compact, joined); /* so it was run above */
        free(joined);
    } else if (compact[0] != '\0') {
        assert_int_not_equal(vectors_verify(keys, compact, strlen(compact), NULL), ASSAY_OK);
    }
    refuse_json(set, keys, output);
    assay_keyset_unref(keys);
    free(claims);
}

static void run_jwe(vectors *set, const json_t *example)
{
    const json_t *input = json_object_get(example, "input");
    const json_t *output = json_object_get(example, "output");
    const json_t *key = json_object_get(input, "key");
    assay_keyset *keys = NULL;
    /* One has a password instead of a key. */
    assert_int_equal(assay_keyset_new(NULL, &keys, NULL), ASSAY_OK);
    if (key != NULL) {
        assay_keyset_unref(keys);
        keys = keys_of(input);
    }
    const char *compact = test_text(output, "compact");
    if (compact[0] != '\0')
        assert_int_equal(vectors_verify(keys, compact, strlen(compact), NULL), ASSAY_E_ENCRYPTED);
    vectors refused = {.name = "refused"};
    refuse_json(&refused, keys, output);
    vectors_out_of_scope(set, "JWE");
    assay_keyset_unref(keys);
}

static void signatures(void **state)
{
    (void)state;
    if (!test_data_is_there())
        skip();
    vectors set = {.name = "jose-cookbook"};
    for (size_t i = 0; i < COUNT(jws_files); i++) {
        json_t *example = read_json(jws_files[i]);
        run_jws(&set, jws_files[i], example);
        json_decref(example);
    }
    for (size_t i = 0; i < COUNT(jwe_files); i++) {
        json_t *example = read_json(jwe_files[i]);
        run_jwe(&set, example);
        json_decref(example);
    }
    json_t *nested = read_json("6.nesting_signatures_and_encryption.json");
    run_jws(&set, "6 (inner)", json_object_get(nested, "sign"));
    run_jwe(&set, json_object_get(nested, "encrypt"));
    json_decref(nested);
    assert_true(vectors_report(&set));
    assert_int_equal(set.ran, 10);
}

static void keys(void **state)
{
    (void)state;
    if (!test_data_is_there())
        skip();
    vectors set = {.name = "jose-cookbook keys"};
    for (size_t i = 0; i < COUNT(key_rows); i++) {
        json_t *jwk = read_json(key_rows[i].file);
        assay_keyset *published = vectors_keys_unchanged(jwk, true);
        assay_keyset *public_part = vectors_keys(jwk);
        if (!vectors_ran(&set, assay_keyset_count(published) == key_rows[i].as_published &&
                                   assay_keyset_count(public_part) == key_rows[i].public_part))
            print_error("%s: %zu and %zu usable keys\n", key_rows[i].file, assay_keyset_count(published),
                        assay_keyset_count(public_part));
        assay_keyset_unref(published);
        assay_keyset_unref(public_part);
        json_decref(jwk);
    }
    assert_true(vectors_report(&set));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(signatures), cmocka_unit_test(keys)};
    return cmocka_run_group_tests_name("jose_cookbook", tests, NULL, NULL);
}
