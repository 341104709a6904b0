/* SPDX-License-Identifier: MIT */

/*
 * A JWK set, or one JWK. Nothing of it may crash; each entry is either a key or a sentence about why not; and merging what came keeps the
 * promises of a snapshot.
 */
#include "base/failure.h"
#include "keys/snapshot.h"

#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition) ((condition) ? (void)0 : die(#condition, __LINE__))

static void die(const char *condition, int line)
{
    fprintf(stderr, "fuzz_jwks.c:%d: %s\n", line, condition);
    abort();
}

static assay_crypto *crypto(void)
{
    static assay_crypto *made;
    if (made == NULL)
        MUST(assay_crypto_new(NULL, &made) == ASSAY_OK);
    return made;
}

static void check_key(const assay_jwk *jwk, bool symmetric)
{
    bool is_symmetric = assay_verify_key_kind(jwk->key) == ASSAY_KEY_SYMMETRIC;
    MUST(symmetric || !is_symmetric);
    MUST(jwk->kid == NULL ? jwk->kid_len == 0 : strlen(jwk->kid) == jwk->kid_len);
    MUST(jwk->kid_len <= ASSAY_LIMIT_KID_BYTES);
    MUST(jwk->kind_text[0] != '\0' && strlen(jwk->thumbprint_text) == 43);
    unsigned bits = assay_verify_key_bits(jwk->key);
    MUST(bits > 0 && bits <= 8 * ASSAY_LIMIT_SYMMETRIC_BYTES);
    if (assay_verify_key_kind(jwk->key) == ASSAY_KEY_RSA)
        MUST(bits >= ASSAY_LIMIT_RSA_BITS_MIN && bits <= ASSAY_LIMIT_RSA_BITS_MAX);
}

/* Entries of the document by jansson's count: each is in the one list or in the other. */
static void check_counts(const char *text, size_t len, const assay_key_set *set)
{
    size_t mark = len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    json_t *json = json_loadb(text + mark, len - mark, JSON_REJECT_DUPLICATES, NULL);
    MUST(json_is_object(json));
    const json_t *keys = json_object_get(json, "keys");
    size_t entries = json_is_array(keys) ? json_array_size(keys) : 1;
    MUST(set->count + set->skipped_count == entries);
    MUST(set->count <= ASSAY_LIMIT_KEYS);
    json_decref(json);
}

static void check_snapshot(const assay_key_set *set)
{
    assay_snapshot *first = NULL, *second = NULL;
    assay_key_set none;
    int code = assay_snapshot_merge(NULL, set, NULL, 0, 0, 1000, &first);
    MUST(code == (set->count == 0 ? ASSAY_E_JWKS : ASSAY_OK));
    if (code != ASSAY_OK)
        return;
    MUST(first->served == first->count && first->count <= set->count && first->count > 0);
    /* The same again changes nothing. */
    MUST(assay_snapshot_merge(first, set, NULL, 0, 5, 1000, &second) == ASSAY_OK);
    MUST(second->count == first->count && second->served == first->served);
    assay_snapshot_free(second);
    assay_key_set_init(&none);
    MUST(assay_snapshot_merge(first, &none, NULL, 0, 5, 1000, &second) == ASSAY_E_JWKS && second == NULL);
    for (size_t i = 0; i < first->count; i++) {
        assay_jwk *found[ASSAY_LIMIT_KEYS];
        const assay_jwk *jwk = first->keys[i].jwk;
        if (jwk->kid != NULL)
            MUST(assay_snapshot_select(first, jwk->kid, jwk->kid_len, 0, found, ASSAY_LIMIT_KEYS) > 0);
    }
    assay_snapshot_free(first);
}

static void check(const char *text, size_t len, bool symmetric)
{
    char why[96] = "";
    assay_key_set set;
    assay_key_set_init(&set);
    int code = assay_key_set_add_json(&set, crypto(), text, len, symmetric, why, sizeof why);
    MUST(code == ASSAY_OK || code == ASSAY_E_JWKS);
    MUST(memchr(why, '\0', sizeof why) != NULL);
    if (code == ASSAY_OK) {
        check_counts(text, len, &set);
        for (size_t i = 0; i < set.count; i++)
            check_key(set.keys[i], symmetric);
        for (size_t i = 0; i < set.skipped_count; i++)
            MUST(set.skipped[i] != NULL && set.skipped[i][0] != '\0');
        check_snapshot(&set);
    } else {
        MUST(set.count == 0 && set.skipped_count == 0 && why[0] != '\0');
    }
    assay_key_set_clear(&set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check((const char *)data, size, false);
    check((const char *)data, size, true);
    return 0;
}
