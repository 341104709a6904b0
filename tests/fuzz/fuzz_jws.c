/* SPDX-License-Identifier: MIT */

/* Looking at a token without verifying it: what comes out is one JSON object that says so, and holds what the token holds. */

#include "base/base64url.h"

#include <assay/jws.h>

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition) ((condition) ? (void)0 : die(#condition, __LINE__))

static void die(const char *condition, int line)
{
    fprintf(stderr, "fuzz_jws.c:%d: %s\n", line, condition);
    abort();
}

/* A segment read by other means; NULL: it is no JSON object. */
static json_t *read_segment(const char *text, size_t len)
{
    uint8_t *bytes = malloc(ASSAY_BASE64URL_DECODED(len));
    size_t bytes_len = 0;
    MUST(bytes != NULL);
    json_t *json = assay_base64url_decode(text, len, bytes, &bytes_len)
                       ? json_loadb((const char *)bytes, bytes_len, JSON_REJECT_DUPLICATES, NULL)
                       : NULL;
    free(bytes);
    return json;
}

static void compare(const json_t *found, const char *text, size_t len)
{
    json_t *expected = read_segment(text, len);
    MUST(json_is_object(expected) && json_equal(found, expected));
    json_decref(expected);
}

static void run_decode(const char *text, size_t size)
{
    uint8_t *json = (uint8_t *)1;
    size_t len = 99;
    assay_error *error = NULL;
    int code = assay_jws_decode_unverified(text, size, &json, &len, &error);
    MUST((code == ASSAY_OK) == (error == NULL) && (code == ASSAY_OK) == (json != NULL));
    if (code == ASSAY_OK) {
        MUST(json[len] == '\0' && strlen((const char *)json) == len);
        json_t *document = json_loadb((const char *)json, len, JSON_REJECT_DUPLICATES, NULL);
        MUST(json_is_object(document) && json_object_size(document) == 3);
        MUST(json_is_false(json_object_get(document, "verified")));
        const char *first = memchr(text, '.', size);
        MUST(first != NULL);
        const char *second = memchr(first + 1, '.', (size_t)(text + size - first - 1));
        MUST(second != NULL && memchr(second + 1, '.', (size_t)(text + size - second - 1)) == NULL);
        compare(json_object_get(document, "header"), text, (size_t)(first - text));
        compare(json_object_get(document, "payload"), first + 1, (size_t)(second - first - 1));
        json_decref(document);
    } else {
        MUST(len == 0 && assay_code_category(code) == ASSAY_CATEGORY_TOKEN);
    }
    assay_bytes_free(json, len);
    assay_error_free(error);
}

/* Nothing verifies under a key that nobody signed with, and no payload is given out. */
static void run_verify(const char *text, size_t size)
{
    static assay_keyset *keys;
    static const uint8_t secret[64] = {3};
    uint8_t *payload = (uint8_t *)1;
    size_t len = 99;
    if (keys == NULL) {
        MUST(assay_keyset_new(NULL, &keys, NULL) == ASSAY_OK);
        MUST(assay_keyset_add_symmetric(keys, NULL, "HS256", secret, sizeof secret, NULL) == ASSAY_OK);
    }
    int code = assay_jws_verify(keys, "HS256 RS256 ES256", text, size, &payload, &len, NULL);
    MUST(code != ASSAY_OK && payload == NULL && len == 0);
    MUST(assay_code_category(code) == ASSAY_CATEGORY_TOKEN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size == 0 ? 1 : size);
    MUST(text != NULL);
    memcpy(text, data, size);
    run_decode(text, size);
    run_verify(text, size);
    int code = assay_jws_check_claims_object((const uint8_t *)text, size, NULL);
    MUST(code == ASSAY_OK || code == ASSAY_E_PAYLOAD);
    free(text);
    return 0;
}
