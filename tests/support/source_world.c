/* SPDX-License-Identifier: MIT */
#include "support/source_world.h"

#include "base/base64url.h"
#include "discovery/source_record.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

static void must(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "source_world: %s\n", what);
    abort();
}

void world_init(world *w, const assay_source_config *given)
{
    assay_source_config config = *given;
    memset(w, 0, sizeof *w);
    w->now = 1000 * HOUR;
    must(assay_crypto_new(NULL, &w->crypto) == ASSAY_OK, "no crypto");
    config.crypto = w->crypto;
    config.issuer = config.issuer == NULL ? WORLD_ISSUER : config.issuer;
    config.retention_ms = config.retention_ms == 0 ? HOUR : config.retention_ms < 0 ? 0 : config.retention_ms;
    config.hard_limit_ms = config.hard_limit_ms == 0 ? 24 * HOUR : config.hard_limit_ms;
    must(assay_source_new(&config, &w->source) == ASSAY_OK, "no source");
    w->metadata.body = WORLD_METADATA;
}

void world_free_retired(world *w)
{
    for (assay_snapshot *old; (old = assay_source_take_retired(w->source)) != NULL;)
        assay_snapshot_free(old);
}

void world_clear(world *w)
{
    assay_source_free(w->source);
    assay_crypto_unref(w->crypto);
    memset(w, 0, sizeof *w);
}

int world_answer(world *w, const assay_http_response *response, assay_failure *failure)
{
    assay_http_request request;
    assay_source_reading reading;
    if (!assay_source_next(w->source, &request))
        request = (assay_http_request){.url = ""};
    assay_source_read(w->source, assay_source_wants_metadata(w->source), &request, response, &reading);
    int code = assay_source_answered(w->source, &reading, w->now, failure);
    assay_source_reading_clear(&reading);
    return code;
}

static int answer(world *w, const canned_answer *canned)
{
    assay_http_response response;
    if (canned->failed != 0) {
        assay_failure why;
        assay_failure_clear(&why);
        snprintf(why.note, sizeof why.note, "no answer");
        w->failure = why;
        return assay_source_failed(w->source, canned->failed, &why, w->now);
    }
    assay_http_response_init(&response);
    response.status = canned->status == 0 ? 200 : canned->status;
    response.max_age = canned->max_age == 0 ? -1 : canned->max_age < 0 ? 0 : canned->max_age;
    response.retry_after = canned->retry_after == 0 ? -1 : canned->retry_after;
    response.encoded = canned->encoded;
    snprintf(response.etag, sizeof response.etag, "%s", canned->etag == NULL ? "" : canned->etag);
    snprintf(response.content_type, sizeof response.content_type, "%s",
             canned->content_type == NULL ? "application/json" : canned->content_type);
    response.body_len = canned->body == NULL ? 0 : strlen(canned->body);
    response.body = canned->body == NULL ? NULL : assay_memdup(canned->body, response.body_len);
    response.effective_url = canned->effective_url == NULL ? NULL : assay_strdup(canned->effective_url);
    int code = world_answer(w, &response, &w->failure);
    assay_http_response_clear(&response);
    return code;
}

int world_fly(world *w, assay_source_reason reason)
{
    assay_http_request request;
    int code = ASSAY_OK;
    w->fetches = 0;
    w->metadata_tag[0] = w->keys_tag[0] = '\0';
    assay_source_begin(w->source, reason, w->now);
    while (assay_source_next(w->source, &request)) {
        bool metadata = strstr(request.url, ".well-known") != NULL || strstr(request.url, "metadata") != NULL;
        char *tag = metadata ? w->metadata_tag : w->keys_tag;
        snprintf(tag, sizeof w->keys_tag, "%s", request.if_none_match == NULL ? "" : request.if_none_match);
        snprintf(w->last_url, sizeof w->last_url, "%s", request.url);
        w->fetches++;
        must(w->fetches < 5, "a flight without end");
        code = answer(w, metadata ? &w->metadata : &w->keys);
    }
    world_free_retired(w);
    return code;
}

bool world_try(world *w, assay_source_reason reason)
{
    assay_source_observe(w->source, w->now);
    if (assay_source_allowed_at(w->source, reason) > w->now)
        return false;
    (void)world_fly(w, reason);
    return true;
}

void world_warm(world *w, const char *set)
{
    w->keys.body = set;
    must(world_fly(w, ASSAY_SOURCE_COLD) == ASSAY_OK, "no fetch");
}

bool world_allowed(const world *w, assay_source_reason reason)
{
    return assay_source_allowed_at(w->source, reason) <= w->now;
}

int64_t world_until(const world *w, assay_source_reason reason)
{
    return assay_source_allowed_at(w->source, reason) - w->now;
}

bool world_has(const world *w, const char *kid)
{
    assay_jwk *found[4];
    const assay_snapshot *snapshot = assay_source_snapshot(w->source);
    int64_t now = w->now + assay_source_lag(w->source);
    return snapshot != NULL && assay_snapshot_select(snapshot, kid, strlen(kid), now, found, 4) > 0;
}

size_t world_count(const world *w)
{
    const assay_snapshot *snapshot = assay_source_snapshot(w->source);
    return snapshot == NULL ? 0 : snapshot->count;
}

static void coordinate(EVP_PKEY *key, const char *name, char *text)
{
    BIGNUM *number = NULL;
    uint8_t bytes[32];
    must(EVP_PKEY_get_bn_param(key, name, &number) == 1 && BN_bn2binpad(number, bytes, 32) == 32, name);
    BN_free(number);
    assay_base64url_encode(bytes, 32, text);
}

char *world_jwk(const char *kid)
{
    char x[64], y[64], text[512];
    EVP_PKEY *key = EVP_EC_gen("P-256");
    must(key != NULL, "no key");
    coordinate(key, OSSL_PKEY_PARAM_EC_PUB_X, x);
    coordinate(key, OSSL_PKEY_PARAM_EC_PUB_Y, y);
    EVP_PKEY_free(key);
    snprintf(text, sizeof text, "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"%s\",\"x\":\"%s\",\"y\":\"%s\"}", kid, x,
             y);
    char *copy = strdup(text);
    must(copy != NULL, "out of memory");
    return copy;
}

char *world_set(const char *first, const char *second)
{
    char text[2048];
    snprintf(text, sizeof text, "{\"keys\":[%s%s%s]}", first, second == NULL ? "" : ",", second == NULL ? "" : second);
    char *copy = strdup(text);
    must(copy != NULL, "out of memory");
    return copy;
}

void world_sets_make(world_sets *sets)
{
    char *a = world_jwk("a"), *b = world_jwk("b"), *c = world_jwk("c");
    sets->a = world_set(a, NULL);
    sets->b = world_set(b, NULL);
    sets->c = world_set(c, NULL);
    sets->ab = world_set(a, b);
    sets->empty = strdup("{\"keys\":[]}");
    sets->unusable = world_set("{\"kty\":\"RSA\",\"kid\":\"x\"}", "{\"kty\":\"zzz\"}");
    free(a);
    free(b);
    free(c);
}

void world_sets_free(world_sets *sets)
{
    char *all[] = {sets->a, sets->b, sets->c, sets->ab, sets->empty, sets->unusable};
    for (size_t i = 0; i < ASSAY_COUNT_OF(all); i++)
        free(all[i]);
}

world_sets the_sets;

int world_sets_setup(void **state)
{
    (void)state;
    world_sets_make(&the_sets);
    return 0;
}

int world_sets_teardown(void **state)
{
    (void)state;
    world_sets_free(&the_sets);
    return 0;
}

int world_push(world *w, const char *set)
{
    char why[128];
    assay_key_set keys;
    assay_key_set_init(&keys);
    must(assay_key_set_add_json(&keys, w->crypto, set, strlen(set), false, why, sizeof why) == ASSAY_OK, "no set");
    int code = assay_source_push(w->source, &keys, w->now);
    assay_key_set_clear(&keys);
    world_free_retired(w);
    return code;
}

void world_serve(world *w, const char *set)
{
    w->keys.body = set;
    must(world_fly(w, ASSAY_SOURCE_FORCED) == ASSAY_OK, "no fetch");
}

char *world_record(world *from, int64_t wall)
{
    char *text = NULL;
    size_t len = 0;
    must(assay_source_record_write(from->source, from->now, wall, &text, &len) == ASSAY_OK, "no record");
    must(strlen(text) == len, "a length");
    return text;
}

int world_take(world *into, char *text, int64_t wall, size_t *buried)
{
    assay_source_burial burial = {0, 0, false};
    ASSAY_CLEANUP(assay_source_record_free_p) assay_source_record *record = NULL;
    int code = assay_source_record_read(into->source, text, strlen(text), &record, &into->failure);
    assay_release(text);
    must((code == ASSAY_OK) == (record != NULL), "a record without a code");
    if (code == ASSAY_OK)
        code = assay_source_record_adopt(into->source, record, into->now, wall, &burial);
    if (buried != NULL)
        *buried = burial.buried;
    world_free_retired(into);
    return code;
}

int world_setup(void **state)
{
    world *w = *state;
    world_init(w, &(assay_source_config){.mode = ASSAY_SOURCE_OPENID});
    w->keys.body = the_sets.a;
    return 0;
}

int world_teardown(void **state)
{
    world_clear(*state);
    return 0;
}
