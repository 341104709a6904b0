/* SPDX-License-Identifier: MIT */

/*
 * A record of the key store: the input as it stands, and as the payload of a good frame. What is accepted is of the source that asked, lives no longer than
 * that source allows, and can be written and read again.
 */
#include "discovery/record_frame.h"
#include "discovery/source_record.h"
#include "http/url.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition) ((condition) ? (void)0 : die(#condition, __LINE__))

#define WALL INT64_C(1700003600)
#define NOW INT64_C(1000000)
#define RETENTION INT64_C(7200000)
#define HARD_LIMIT INT64_C(86400000)

static void die(const char *condition, int line)
{
    fprintf(stderr, "fuzz_store.c:%d: %s\n", line, condition);
    abort();
}

static assay_crypto *crypto(void)
{
    static assay_crypto *made;
    if (made == NULL)
        MUST(assay_crypto_new(NULL, &made) == ASSAY_OK);
    return made;
}

static assay_source *new_source(assay_source_mode mode)
{
    static const char *const hosts[] = {"issuer.example"};
    const assay_source_config config = {.mode = mode,
                                        .issuer = "https://issuer.example",
                                        .jwks_uri = "https://issuer.example/keys",
                                        .jwks_hosts = hosts,
                                        .jwks_host_count = 1,
                                        .retention_ms = RETENTION,
                                        .hard_limit_ms = HARD_LIMIT,
                                        .crypto = crypto()};
    assay_source *made = NULL;
    MUST(assay_source_new(&config, &made) == ASSAY_OK);
    return made;
}

static void free_retired(assay_source *source)
{
    for (assay_snapshot *old; (old = assay_source_take_retired(source)) != NULL;)
        assay_snapshot_free(old);
}

static void check_keys(const assay_source *source)
{
    const assay_snapshot *snapshot = assay_source_snapshot(source);
    const char *uri = assay_source_jwks_uri(source);
    assay_url url;
    MUST(snapshot != NULL && snapshot->served > 0 && snapshot->served <= ASSAY_LIMIT_KEYS);
    MUST(snapshot->count - snapshot->served <= ASSAY_LIMIT_KEYS);
    MUST(assay_source_expires_at(source) <= NOW + HARD_LIMIT && assay_source_expires_at(source) > NOW);
    MUST(assay_source_due_at(source) <= NOW + ASSAY_LIMIT_REFRESH_MAX * INT64_C(1000));
    MUST(uri == NULL ||
         (assay_url_parse(uri, strlen(uri), &url) == NULL && url.https && assay_url_host_is(&url, "issuer.example")));
    for (size_t i = 0; i < snapshot->count; i++) {
        const assay_snapshot_key *key = &snapshot->keys[i];
        MUST(key->jwk->json != NULL && assay_verify_key_kind(key->jwk->key) != ASSAY_KEY_SYMMETRIC);
        MUST(i < snapshot->served ? key->missing_since_ms == ASSAY_SERVED_NOW
                                  : key->missing_since_ms <= NOW && key->usable_until_ms <= NOW + RETENTION);
    }
}

/* What was taken in can be told to the next. */
static void check_again(const assay_source *source, assay_source_mode mode)
{
    char *text = NULL;
    size_t len = 0;
    assay_source_burial burial = {0, 0, false};
    assay_source_record *record = NULL;
    int code = assay_source_record_write(source, NOW, WALL, &text, &len);
    MUST(code == ASSAY_OK || code == ASSAY_E_ABSENT);
    if (code != ASSAY_OK)
        return;
    assay_source *next = new_source(mode);
    MUST(assay_source_record_read(next, text, len, &record, NULL) == ASSAY_OK);
    code = assay_source_record_adopt(next, record, NOW, WALL, &burial);
    if (assay_source_snapshot(source) == NULL) {
        MUST(code == ASSAY_E_ABSENT);
    } else {
        /* Two seconds older, by rounding: that may be too old. */
        MUST(code == ASSAY_OK || code == ASSAY_E_STORE);
        MUST(code != ASSAY_OK || assay_source_snapshot(next)->served == assay_source_snapshot(source)->served);
        MUST(code != ASSAY_OK || assay_source_expires_at(next) <= assay_source_expires_at(source));
    }
    assay_source_record_free(record);
    assay_release(text);
    assay_source_free(next);
}

static void take(const char *text, size_t len, assay_source_mode mode)
{
    assay_failure failure;
    assay_source_burial burial = {0, 0, false};
    assay_source_record *record = NULL;
    assay_source *source = new_source(mode);
    assay_failure_clear(&failure);
    int code = assay_source_record_read(source, text, len, &record, &failure);
    MUST((code == ASSAY_OK) == (record != NULL));
    MUST(code == ASSAY_OK || (code == ASSAY_E_STORE && failure.note[0] != '\0'));
    if (code == ASSAY_OK) {
        code = assay_source_record_adopt(source, record, NOW, WALL, &burial);
        MUST(code == ASSAY_OK || code == ASSAY_E_ABSENT || code == ASSAY_E_STORE);
        MUST((code == ASSAY_OK) == (assay_source_snapshot(source) != NULL));
        if (code == ASSAY_OK)
            check_keys(source);
        check_again(source, mode);
        /* Once more is nothing new. */
        MUST(assay_source_record_adopt(source, record, NOW, WALL, &burial) != ASSAY_OK && burial.buried == 0);
    }
    assay_source_record_free(record);
    free_retired(source);
    assay_source_free(source);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *framed = NULL;
    size_t len = 0;
    MUST(assay_record_frame(crypto(), (assay_span){(const char *)data, size}, &framed, &len) == ASSAY_OK);
    for (int i = 0; i < 2; i++) {
        assay_source_mode mode = i == 0 ? ASSAY_SOURCE_OPENID : ASSAY_SOURCE_JWKS;
        take((const char *)data, size, mode);
        take(framed, len, mode);
    }
    assay_release(framed);
    return 0;
}
