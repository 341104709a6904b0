/* SPDX-License-Identifier: MIT */
#include "support/vectors.h"

#include "support/test_data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char vectors_all_algorithms[] =
    "RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 ES256K EdDSA Ed25519 Ed448 "
    "HS256 HS384 HS512";

static void must(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "vectors: %s\n", what);
        abort();
    }
}

bool vectors_ran(vectors *set, bool passed)
{
    set->ran++;
    set->passed += passed;
    return passed;
}

void vectors_out_of_scope(vectors *set, const char *reason)
{
    size_t i = 0;
    while (set->reason[i] != NULL && strcmp(set->reason[i], reason) != 0) {
        i++;
        must(i < VECTORS_REASONS, "too many reasons");
    }
    set->reason[i] = reason;
    set->reason_count[i]++;
    set->out_of_scope++;
}

bool vectors_report(const vectors *set)
{
    printf("vectors: %s: %d ran, %d passed, %d out of scope", set->name, set->ran, set->passed, set->out_of_scope);
    for (size_t i = 0; i < VECTORS_REASONS && set->reason[i] != NULL; i++)
        printf("%s%s: %d", i == 0 ? " (" : ", ", set->reason[i], set->reason_count[i]);
    printf("%s\n", set->out_of_scope > 0 ? ")" : "");
    fflush(stdout);
    return set->ran > 0 && set->ran == set->passed;
}

bool vectors_is_symmetric(const json_t *jwk)
{
    return strcmp(test_text(jwk, "kty"), "oct") == 0;
}

json_t *vectors_public_jwk(const json_t *jwk)
{
    static const char *const members[] = {"d", "p", "q", "dp", "dq", "qi", "oth"};
    json_t *copy = json_deep_copy(jwk);
    must(copy != NULL, "memory");
    for (size_t i = 0; i < sizeof members / sizeof members[0] && !vectors_is_symmetric(jwk); i++)
        (void)json_object_del(copy, members[i]);
    return copy;
}

assay_keyset *vectors_keys_unchanged(const json_t *document, bool symmetric)
{
    assay_keyset *keys = NULL;
    char *text = json_dumps(document, 0);
    must(text != NULL && assay_keyset_new(NULL, &keys, NULL) == ASSAY_OK, "memory");
    int code = symmetric ? assay_keyset_add_json_with_symmetric(keys, text, strlen(text), NULL)
                         : assay_keyset_add_json(keys, text, strlen(text), NULL);
    must(code == ASSAY_OK, "not a key set");
    free(text);
    return keys;
}

assay_keyset *vectors_keys(const json_t *document)
{
    json_t *list = json_object_get(document, "keys");
    json_t *public_keys = json_array();
    bool only_symmetric = true;
    for (size_t i = 0; i < (list == NULL ? 1 : json_array_size(list)); i++) {
        const json_t *jwk = list == NULL ? document : json_array_get(list, i);
        only_symmetric = only_symmetric && vectors_is_symmetric(jwk);
        json_array_append_new(public_keys, vectors_public_jwk(jwk));
    }
    json_t *set = json_pack("{s:o}", "keys", public_keys);
    assay_keyset *keys = vectors_keys_unchanged(set, only_symmetric);
    json_decref(set);
    return keys;
}

char *vectors_join(const char *input, const char *signature)
{
    char *text = NULL;
    must(asprintf(&text, "%s.%s", input, signature) > 0, "memory");
    return text;
}

int vectors_verify(const assay_keyset *keys, const char *jws, size_t len, const char *payload)
{
    uint8_t *found = NULL;
    size_t found_len = 0;
    int code = assay_jws_verify(keys, vectors_all_algorithms, jws, len, &found, &found_len, NULL);
    must((code == ASSAY_OK) == (found != NULL), "a payload without a verdict, or the reverse");
    if (code == ASSAY_OK && payload != NULL)
        must(found_len == strlen(payload) && memcmp(found, payload, found_len) == 0, "another payload");
    assay_bytes_free(found, found_len);
    return code;
}
