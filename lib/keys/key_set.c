/* SPDX-License-Identifier: MIT */
#include "keys/key_set.h"

#include "base/limits.h"

#include <assay/error.h>
#include <stdio.h>

#define SENTENCE_BYTES 320
#define SHOWN_KID_BYTES 64

void assay_key_set_init(assay_key_set *set)
{
    *set = (assay_key_set){NULL, 0, NULL, 0};
}

void assay_key_set_clear(assay_key_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        assay_jwk_unref(set->keys[i]);
    for (size_t i = 0; i < set->skipped_count; i++)
        assay_release(set->skipped[i]);
    assay_release(set->keys);
    assay_release(set->skipped);
    assay_key_set_init(set);
}

static int not_a_set(char *why, size_t why_size, const char *sentence)
{
    if (why != NULL && why_size > 0)
        snprintf(why, why_size, "%s", sentence);
    return ASSAY_E_JWKS;
}

/* Room for @p more keys. */
static bool reserve_keys(assay_key_set *set, size_t more)
{
    assay_jwk **grown = assay_realloc(set->keys, (set->count + more) * sizeof *grown);
    if (grown != NULL)
        set->keys = grown;
    return grown != NULL;
}

/* Room for @p more keys or sentences: each key of a document becomes one or the other. */
static bool reserve(assay_key_set *set, size_t more)
{
    if (!reserve_keys(set, more))
        return false;
    char **grown = assay_realloc(set->skipped, (set->skipped_count + more) * sizeof *grown);
    if (grown != NULL)
        set->skipped = grown;
    return grown != NULL;
}

int assay_key_set_add(assay_key_set *set, assay_jwk *jwk)
{
    if (set->count + set->skipped_count >= ASSAY_LIMIT_KEYS)
        return ASSAY_E_JWKS;
    if (!reserve_keys(set, 1))
        return ASSAY_E_MEMORY;
    set->keys[set->count++] = assay_jwk_ref(jwk);
    return ASSAY_OK;
}

int assay_key_set_copy(const assay_key_set *from, assay_key_set *to)
{
    ASSAY_CLEANUP(assay_key_set_clear) assay_key_set copy;
    assay_key_set_init(&copy);
    assay_key_set_init(to);
    /* One more than needed, since there may be none. */
    if (!reserve(&copy, (from->count > from->skipped_count ? from->count : from->skipped_count) + 1))
        return ASSAY_E_MEMORY;
    for (size_t i = 0; i < from->count; i++)
        copy.keys[copy.count++] = assay_jwk_ref(from->keys[i]);
    for (size_t i = 0; i < from->skipped_count; i++) {
        char *sentence = assay_strdup(from->skipped[i]);
        if (sentence == NULL)
            return ASSAY_E_MEMORY;
        copy.skipped[copy.skipped_count++] = sentence;
    }
    *to = copy;
    assay_key_set_init(&copy);
    return ASSAY_OK;
}

/* Say which key was skipped and why; its kid is anybody's text. */
static char *skipped_sentence(const assay_json *key, size_t index, const char *why)
{
    char sentence[SENTENCE_BYTES];
    assay_span kid;
    if (assay_json_get_member_string(key, "kid", &kid)) {
        char shown[SHOWN_KID_BYTES + 1];
        assay_text_escape(kid.ptr, kid.len, shown, sizeof shown);
        snprintf(sentence, sizeof sentence, "key %zu (kid \"%s\"): %s", index + 1, shown, why);
    } else {
        snprintf(sentence, sizeof sentence, "key %zu: %s", index + 1, why);
    }
    return assay_strdup(sentence);
}

static int read_key(assay_key_set *set, assay_crypto *crypto, const assay_json *key, size_t index, bool symmetric)
{
    char why[SENTENCE_BYTES / 2];
    ASSAY_CLEANUP(assay_jwk_unref_p) assay_jwk *jwk = NULL;
    int code = assay_jwk_read(crypto, key, symmetric, &jwk, why, sizeof why);
    if (code == ASSAY_OK) {
        set->keys[set->count++] = ASSAY_STEAL(jwk);
        return ASSAY_OK;
    }
    if (code != ASSAY_E_CONFIG_KEYS)
        return code;
    char *sentence = skipped_sentence(key, index, why);
    if (sentence == NULL)
        return ASSAY_E_MEMORY;
    set->skipped[set->skipped_count++] = sentence;
    return ASSAY_OK;
}

/* Append what @p read holds, for which there is room, and leave that empty. */
static void append(assay_key_set *set, assay_key_set *read)
{
    for (size_t i = 0; i < read->count; i++)
        set->keys[set->count++] = read->keys[i];
    for (size_t i = 0; i < read->skipped_count; i++)
        set->skipped[set->skipped_count++] = read->skipped[i];
    read->count = 0;
    read->skipped_count = 0;
}

static int read_keys(assay_key_set *set, assay_crypto *crypto, const assay_json *keys, const assay_json *single,
                     bool symmetric)
{
    size_t count = single != NULL ? 1 : assay_json_array_len(keys);
    ASSAY_CLEANUP(assay_key_set_clear) assay_key_set read;
    assay_key_set_init(&read);
    if (!reserve(set, count) || !reserve(&read, count))
        return ASSAY_E_MEMORY;
    for (size_t i = 0; i < count; i++) {
        const assay_json *key = single != NULL ? single : assay_json_array_at(keys, i);
        int code = read_key(&read, crypto, key, i, symmetric);
        if (code != ASSAY_OK)
            return code;
    }
    append(set, &read);
    return ASSAY_OK;
}

int assay_key_set_add_json(assay_key_set *set, assay_crypto *crypto, const char *text, size_t len, bool symmetric,
                           char *why, size_t why_size)
{
    if (why != NULL && why_size > 0)
        why[0] = '\0';
    if (len > ASSAY_LIMIT_JWKS_BYTES)
        return not_a_set(why, why_size, "the key set is larger than the limit");
    ASSAY_AUTO_JSON assay_json *document = NULL;
    int code = assay_json_parse(text, len, &document, why, why_size);
    if (code != ASSAY_OK)
        return code == ASSAY_E_RESPONSE ? ASSAY_E_JWKS : code;
    const assay_json *keys = assay_json_get(document, "keys");
    if (keys != NULL && !assay_json_is_array(keys)) /* RFC 7517, section 5.1 */
        return not_a_set(why, why_size, "\"keys\" is not an array");
    if (keys == NULL && assay_json_get(document, "kty") == NULL)
        return not_a_set(why, why_size, "it is neither a key set (\"keys\") nor a single key (\"kty\")");
    size_t count = keys == NULL ? 1 : assay_json_array_len(keys);
    if (count > ASSAY_LIMIT_KEYS || set->count + set->skipped_count + count > ASSAY_LIMIT_KEYS)
        return not_a_set(why, why_size, "it holds more keys than the limit");
    return read_keys(set, crypto, keys, keys == NULL ? document : NULL, symmetric);
}
