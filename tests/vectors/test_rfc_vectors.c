/* SPDX-License-Identifier: MIT */

/* What RFC 7515, 7516, 7517, 7520, 7638, 7797, 9449 publish, as two other libraries keep it, and one attack (CVE-2023-50967). */

#include "support/test_data.h"
#include "support/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define LATCHSET "rfc-vectors/latchset-jose/vectors/"

static char *read_text(const char *folder, const char *name, const char *end, size_t *len)
{
    char path[256];
    snprintf(path, sizeof path, "%s%s%s", folder, name, end);
    return test_data_read(path, len);
}

/* A file of the set as JSON; some hold nothing but the name of another file. NULL: there is none. */
static json_t *read_json(const char *name, const char *end)
{
    size_t len;
    char *text = read_text(LATCHSET, name, end, &len);
    if (text != NULL && text[0] != '{') {
        char *other = read_text(LATCHSET, text, "", &len);
        free(text);
        text = other;
        assert_non_null(text);
    }
    json_t *json = text == NULL ? NULL : json_loadb(text, len, 0, NULL);
    assert_true(text == NULL || json != NULL);
    free(text);
    return json;
}

/* A key and what was signed with it: NAME.jwk or NAME.jwkset, NAME.jwsc, NAME.jwsf and NAME.jwsg, as far as they are there. */
static const char *const jws_names[] = {
    "rfc7515_A.1", "rfc7515_A.2", "rfc7515_A.3", "rfc7515_A.4", "rfc7515_A.6", "rfc7515_A.7", "rfc7520_4.1",
    "rfc7520_4.2", "rfc7520_4.3", "rfc7520_4.4", "rfc7520_4.5", "rfc7520_4.6", "rfc7520_4.7", "rfc7520_4.8",
};

/* One signature of a JSON serialization, put in compact form: the same signature over the same bytes. */
static void run_one(vectors *set, const char *name, const assay_keyset *keys, const char *payload,
                    const json_t *signature)
{
    const char *protected_header = test_text(signature, "protected");
    char *input = vectors_join(protected_header, payload);
    char *token = vectors_join(input, test_text(signature, "signature"));
    int code = vectors_verify(keys, token, strlen(token), NULL);
    if (protected_header[0] == '\0') {
        assert_int_equal(code, ASSAY_E_MALFORMED);
        vectors_out_of_scope(set, "no protected header");
    } else if (!vectors_ran(set, code == ASSAY_OK)) {
        print_error("%s: %s\n", name, assay_code_name(code));
    }
    free(input);
    free(token);
}

static void run_serialized(vectors *set, const char *name, const assay_keyset *keys, const json_t *jws,
                           const char *detached)
{
    if (jws == NULL)
        return;
    char *text = json_dumps(jws, JSON_COMPACT);
    assert_int_equal(vectors_verify(keys, text, strlen(text), NULL), ASSAY_E_MALFORMED);
    vectors_out_of_scope(set, "JSON serialization");
    free(text);
    const char *payload = detached != NULL ? detached : test_text(jws, "payload");
    json_t *signatures = json_object_get(jws, "signatures");
    size_t i;
    json_t *each;
    if (signatures == NULL)
        run_one(set, name, keys, payload, jws);
    json_array_foreach(signatures, i, each)
    {
        run_one(set, name, keys, payload, each);
    }
}

/* NAME.jwsc; where the payload is detached, it is put back from @p detached. */
static void run_compact(vectors *set, const char *name, const assay_keyset *keys, const char *detached)
{
    size_t len;
    char *token = read_text(LATCHSET, name, ".jwsc", &len);
    if (token == NULL)
        return;
    if (detached != NULL) {
        assert_int_equal(vectors_verify(keys, token, len, NULL), ASSAY_E_SIGNATURE);
        vectors_out_of_scope(set, "detached payload");
        char *gap = strstr(token, "..");
        assert_non_null(gap);
        *gap = '\0';
        char *input = vectors_join(token, detached);
        char *whole = vectors_join(input, gap + 2);
        free(input);
        free(token);
        token = whole;
        len = strlen(whole);
    }
    int code = vectors_verify(keys, token, len, NULL);
    if (!vectors_ran(set, code == ASSAY_OK))
        print_error("%s.jwsc: %s\n", name, assay_code_name(code));
    free(token);
}

/* A set of an asymmetric and a symmetric key stands for several recipients' own files. */
static assay_keyset *read_keys(const char *name)
{
    json_t *jwk = read_json(name, ".jwk");
    json_t *set = jwk != NULL ? json_pack("{s:[o]}", "keys", jwk) : read_json(name, ".jwkset");
    json_t *public_keys = json_array();
    size_t i;
    json_t *each;
    assert_non_null(set);
    json_array_foreach(json_object_get(set, "keys"), i, each)
    {
        json_array_append_new(public_keys, vectors_public_jwk(each));
    }
    json_object_set_new(set, "keys", public_keys);
    assay_keyset *keys = vectors_keys_unchanged(set, true);
    json_decref(set);
    assert_int_equal(assay_keyset_skipped_count(keys), 0);
    return keys;
}

static void latchset_jws(void **state)
{
    (void)state;
    if (!test_data_is_there())
        skip();
    vectors set = {.name = "latchset-jose JWS"};
    for (size_t i = 0; i < COUNT(jws_names); i++) {
        assay_keyset *keys = read_keys(jws_names[i]);
        /* RFC 7520, section 4.5, lacks the payload that all of section 4 signs. */
        bool detached = strcmp(jws_names[i], "rfc7520_4.5") == 0;
        json_t *other = detached ? read_json("rfc7520_4.4", ".jwsf") : NULL;
        const char *encoded = detached ? test_text(other, "payload") : NULL;
        run_compact(&set, jws_names[i], keys, encoded);
        for (const char *const *end = (const char *const[]){".jwsf", ".jwsg", NULL}; *end != NULL; end++) {
            json_t *jws = read_json(jws_names[i], *end);
            run_serialized(&set, jws_names[i], keys, jws, encoded);
            json_decref(jws);
        }
        json_decref(other);
        assay_keyset_unref(keys);
    }
    /* RFC 7515, appendix A.5: unsecured; no list of algorithms can allow it. */
    size_t len;
    char *unsecured = read_text(LATCHSET, "rfc7515_A.5", ".jwsc", &len);
    assay_keyset *keys = read_keys("rfc7515_A.1");
    assert_non_null(unsecured);
    (void)vectors_ran(&set, vectors_verify(keys, unsecured, len, NULL) == ASSAY_E_ALGORITHM_NONE);
    assay_keyset_unref(keys);
    free(unsecured);
    assert_true(vectors_report(&set));
    assert_int_equal(set.ran, 27);
}

/* Keys: usable ones as published and of the public part, symmetric ones allowed. */
typedef struct key_row {
    const char *name, *end;
    size_t as_published, public_part;
} key_row;

static const key_row key_rows[] = {
    {"rfc7517_A.1", ".jwkset", 1, 1}, /* one is for encryption */
    {"rfc7517_A.2", ".jwkset", 0, 1}, /* private; one is for encryption */
    {"rfc7517_A.3", ".jwkset", 2, 2}, /* whether the algorithm serves a signature is asked of the token */
    {"rfc7517_B", ".jwk", 1, 1},      /* with x5c */
    {"rfc7520_3.1", ".jwk", 1, 1},    {"rfc7520_3.2", ".jwk", 0, 1}, {"rfc7520_3.3", ".jwk", 1, 1},
    {"rfc7520_3.4", ".jwk", 0, 1},    {"rfc7520_3.5", ".jwk", 1, 1}, {"rfc7520_3.6", ".jwk", 0, 0},
    {"rfc7638_3.1", ".jwk", 1, 1},
};

static json_t *public_set(const json_t *document)
{
    json_t *public_keys = json_array();
    json_t *list = json_object_get(document, "keys");
    for (size_t i = 0; i < (list == NULL ? 1 : json_array_size(list)); i++)
        json_array_append_new(public_keys, vectors_public_jwk(list == NULL ? document : json_array_get(list, i)));
    return json_pack("{s:o}", "keys", public_keys);
}

static void latchset_keys(void **state)
{
    (void)state;
    if (!test_data_is_there())
        skip();
    vectors set = {.name = "latchset-jose keys"};
    for (size_t i = 0; i < COUNT(key_rows); i++) {
        json_t *document = read_json(key_rows[i].name, key_rows[i].end);
        assert_non_null(document);
        json_t *public_part = public_set(document);
        assay_keyset *published = vectors_keys_unchanged(document, true);
        assay_keyset *usable = vectors_keys_unchanged(public_part, true);
        if (!vectors_ran(&set, assay_keyset_count(published) == key_rows[i].as_published &&
                                   assay_keyset_count(usable) == key_rows[i].public_part))
            print_error("%s: %zu and %zu usable keys\n", key_rows[i].name, assay_keyset_count(published),
                        assay_keyset_count(usable));
        assay_keyset_unref(published);
        assay_keyset_unref(usable);
        json_decref(public_part);
        json_decref(document);
    }
    /* RFC 7638, section 3.1. */
    size_t len;
    char *thumbprint = read_text(LATCHSET, "rfc7638_3.1", ".thp", &len);
    assay_keyset *keys = read_keys("rfc7638_3.1");
    assert_non_null(thumbprint);
    (void)vectors_ran(&set, strcmp(assay_keyset_thumbprint(keys, 0), thumbprint) == 0);
    assay_keyset_unref(keys);
    free(thumbprint);
    assert_true(vectors_report(&set));
}

static json_t *joserfc_key(const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "rfc-vectors/joserfc/keys/%s", name);
    json_t *jwk = test_data_json(path);
    assert_non_null(jwk);
    return jwk;
}

static void run_joserfc(vectors *set, const json_t *file, const json_t *test)
{
    /* RFC 7797, section 4, signs with the key of RFC 7515, appendix A.1. */
    const char *name = test_text(test, "public_key");
    json_t *jwk = name[0] != '\0' ? joserfc_key(name) : read_json("rfc7515_A.1", ".jwk");
    assay_keyset *keys = vectors_keys(jwk);
    const char *compact = test_text(test, "compact");
    const char *payload = test_text(test, "payload");
    int code =
        vectors_verify(keys, compact, strlen(compact), payload[0] != '\0' ? payload : test_text(file, "payload"));
    if (json_object_get(json_object_get(test, "protected"), "b64") != NULL) {
        /* True is as little understood as false: crit names an extension (RFC 7515, section 4.1.11). */
        assert_true(code == ASSAY_E_CRIT || code == ASSAY_E_BASE64URL || code == ASSAY_E_MALFORMED);
        vectors_out_of_scope(set, "b64 in the header");
    } else if (!vectors_ran(set, code == ASSAY_OK)) {
        print_error("%s: %s\n", test_text(test, "name"), assay_code_name(code));
    }
    for (const char *const *form = (const char *const[]){"general_json", "flattened_json", NULL}; *form; form++) {
        json_t *jws = json_object_get(test, *form);
        char *text = jws == NULL ? NULL : json_dumps(jws, JSON_COMPACT);
        if (text == NULL)
            continue;
        assert_int_equal(vectors_verify(keys, text, strlen(text), NULL), ASSAY_E_MALFORMED);
        vectors_out_of_scope(set, "JSON serialization");
        free(text);
    }
    assay_keyset_unref(keys);
    json_decref(jwk);
}

static void joserfc(void **state)
{
    static const char *const files[] = {"jws_rfc7520.json", "jws_rfc7797.json"};
    (void)state;
    if (!test_data_is_there())
        skip();
    vectors set = {.name = "joserfc JWS"};
    for (size_t i = 0; i < COUNT(files); i++) {
        char path[128];
        snprintf(path, sizeof path, "rfc-vectors/joserfc/%s", files[i]);
        json_t *file = test_data_json(path);
        assert_non_null(file);
        size_t j;
        json_t *test;
        json_array_foreach(json_object_get(file, "tests"), j, test)
        {
            run_joserfc(&set, file, test);
        }
        json_decref(file);
    }
    assert_true(vectors_report(&set) && set.ran == 5);
}

/* Encrypted tokens of every set: all refused, whatever the key. */
static void encrypted(void **state)
{
    static const char *const names[] = {"5.1", "5.2", "5.3", "5.4", "5.5", "5.6", "5.7", "5.8", "5.9"};
    static const char *const files[] = {"jwe_rfc7520.json", "jwe_compact_ecdh_1pu.json"};
    (void)state;
    if (!test_data_is_there())
        skip();
    vectors set = {.name = "encrypted tokens refused"};
    assay_keyset *keys = read_keys("rfc7515_A.1");
    for (size_t i = 0; i < COUNT(names); i++) {
        char name[32];
        size_t len;
        snprintf(name, sizeof name, "rfc7520_%s", names[i]);
        char *token = read_text(LATCHSET, name, ".jwec", &len);
        assert_non_null(token);
        (void)vectors_ran(&set, vectors_verify(keys, token, len, NULL) == ASSAY_E_ENCRYPTED);
        free(token);
    }
    for (size_t i = 0; i < COUNT(files); i++) {
        char path[128];
        size_t j;
        json_t *test;
        snprintf(path, sizeof path, "rfc-vectors/joserfc/%s", files[i]);
        json_t *file = test_data_json(path);
        json_array_foreach(json_object_get(file, "tests"), j, test)
        {
            const char *token = test_text(test, i == 0 ? "compact" : "value");
            (void)vectors_ran(&set, vectors_verify(keys, token, strlen(token), NULL) == ASSAY_E_ENCRYPTED);
        }
        json_decref(file);
    }
    size_t i;
    json_t *each;
    json_t *rfc7516 = test_data_json("rfc-vectors/rfc7516.json");
    json_array_foreach(rfc7516, i, each)
    {
        const char *token = test_text(each, "token");
        (void)vectors_ran(&set, vectors_verify(keys, token, strlen(token), NULL) == ASSAY_E_ENCRYPTED);
    }
    json_decref(rfc7516);
    assay_keyset_unref(keys);
    assert_true(vectors_report(&set));
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* A billion rounds of PBKDF2 asked for by the token (CVE-2023-50967): refused at once, as published and in compact form. */
static void cve_2023_50967(void **state)
{
    (void)state;
    if (!test_data_is_there())
        skip();
    size_t len;
    char *flattened = read_text("rfc-vectors/latchset-jose/cve-2023-50967/cve-2023-50967", ".jwe", "", &len);
    json_t *jwk = test_data_json("rfc-vectors/latchset-jose/cve-2023-50967/cve-2023-50967.jwk");
    assert_true(flattened != NULL && jwk != NULL);
    /* {"alg":"PBES2-HS256+A128KW","p2c":1000000000,"p2s":"qUQQWWkyyIqculSiC93mlg","enc":"A128CBC-HS256"} */
    static const char compact[] =
        "eyJhbGciOiJQQkVTMi1IUzI1NitBMTI4S1ciLCJwMmMiOjEwMDAwMDAwMDAsInAycyI6InFVUVFXV2t5eUlxY3VsU2lDOTNtbGciLCJlbmMiOi"
        "JBM"
        "TI4Q0JDLUhTMjU2In0.P1h8q8wLVxqYsZUuw6iEQTzgXVZHCsu8Eik-oqbE4AJGIDto3gb3SA.Clg3JX9oNl_ck3sLSGrlgg."
        "aaPb-JYGACs-loPwJkZewg.i7vga9tJkwRswFd7HlyD_A";
    assay_keyset *keys = vectors_keys(jwk);
    vectors set = {.name = "CVE-2023-50967"};
    double start = seconds();
    (void)vectors_ran(&set, vectors_verify(keys, flattened, len, NULL) == ASSAY_E_MALFORMED);
    (void)vectors_ran(&set, vectors_verify(keys, compact, strlen(compact), NULL) == ASSAY_E_ENCRYPTED);
    assert_true(seconds() - start < 0.5);
    assay_keyset_unref(keys);
    json_decref(jwk);
    free(flattened);
    assert_true(vectors_report(&set));
}

/* The signatures of both DPoP proofs and the thumbprint of their key; what they prove is no feature yet. */
static void rfc9449(void **state)
{
    static const char *const proofs[] = {"token_request_proof", "resource_request_proof"};
    (void)state;
    if (!test_data_is_there())
        skip();
    json_t *file = test_data_json("rfc-vectors/rfc9449.json");
    assert_non_null(file);
    vectors set = {.name = "rfc9449"};
    assay_keyset *keys = vectors_keys(json_object_get(file, "jwk"));
    assert_int_equal(assay_keyset_count(keys), 1);
    for (size_t i = 0; i < COUNT(proofs); i++) {
        const char *token = test_text(json_object_get(file, proofs[i]), "token");
        (void)vectors_ran(&set, vectors_verify(keys, token, strlen(token), NULL) == ASSAY_OK);
    }
    (void)vectors_ran(&set, strcmp(assay_keyset_thumbprint(keys, 0), test_text(file, "jkt")) == 0);
    /* Its key is not published; no other may verify it. */
    const char *bound = test_text(json_object_get(file, "bound_access_token"), "token");
    assert_int_equal(vectors_verify(keys, bound, strlen(bound), NULL), ASSAY_E_KEY_UNKNOWN);
    vectors_out_of_scope(&set, "key not published");
    assay_keyset_unref(keys);
    json_decref(file);
    assert_true(vectors_report(&set));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(latchset_jws), cmocka_unit_test(latchset_keys),  cmocka_unit_test(joserfc),
        cmocka_unit_test(encrypted),    cmocka_unit_test(cve_2023_50967), cmocka_unit_test(rfc9449),
    };
    return cmocka_run_group_tests_name("rfc_vectors", tests, NULL, NULL);
}
