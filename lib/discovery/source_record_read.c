/* SPDX-License-Identifier: MIT */
#include "base/base64url.h"
#include "discovery/metadata.h"
#include "discovery/record_frame.h"
#include "discovery/record_private.h"
#include "discovery/source_state.h"

/* Reading a record: nothing in it is trusted further than a fetched document is. */

static void clear_tombstones(assay_source_record *record)
{
    for (size_t i = 0; i < record->tombstone_count; i++)
        assay_release(record->tombstones[i].kid);
    assay_release(record->tombstones);
}

void assay_source_record_free(assay_source_record *record)
{
    if (record == NULL)
        return;
    clear_tombstones(record);
    assay_release(record->jwks_uri);
    assay_release(record->metadata_etag);
    assay_release(record->keys_etag);
    assay_key_set_clear(&record->served);
    for (size_t i = 0; i < record->missing_count; i++)
        assay_jwk_unref(record->missing[i].jwk);
    assay_release(record->missing);
    assay_release(record);
}

static int broken(assay_failure *failure, const char *what)
{
    return assay_fail_note(failure, ASSAY_E_STORE, "the record is no good: %s", what);
}

/* A member that is a text, or absent: {NULL, 0}. */
static bool get_text(const assay_json *object, const char *name, assay_span *text)
{
    return assay_json_get_member_string(object, name, text) || assay_json_get(object, name) == NULL;
}

static bool get_number(const assay_json *object, const char *name, int64_t least, int64_t most, int64_t *number)
{
    return assay_json_get_integer(assay_json_get(object, name), number) && *number >= least && *number <= most;
}

static bool has_text(const assay_json *object, const char *name, const char *wanted)
{
    assay_span text;
    return get_text(object, name, &text) &&
           (wanted == NULL ? text.ptr == NULL : text.ptr != NULL && assay_span_is(text, wanted));
}

static bool is_of(const assay_source *source, const assay_json *identity)
{
    return has_text(identity, "mode", assay_record_mode(source)) && has_text(identity, "issuer", source->issuer) &&
           has_text(identity, "metadata_url", source->metadata_url) &&
           has_text(identity, "jwks_uri", assay_record_configured_uri(source)) &&
           has_text(identity, "ca", source->ca) &&
           has_text(identity, "properties", assay_crypto_properties(source->crypto));
}

/* ASSAY_OK, ASSAY_E_STORE, ASSAY_E_MEMORY. */
static int read_tombstone(const assay_json *json, assay_tombstone *tombstone)
{
    assay_span kid, thumbprint;
    uint8_t bytes[ASSAY_BASE64URL_DECODED(ASSAY_BASE64URL_ENCODED(sizeof tombstone->thumbprint))];
    size_t len = 0;
    bool has_kid = assay_json_get_member_string(json, "kid", &kid);
    bool has_thumbprint = assay_json_get_member_string(json, "thumbprint", &thumbprint);
    *tombstone = (assay_tombstone){.has_thumbprint = has_thumbprint};
    if (has_kid == has_thumbprint)
        return ASSAY_E_STORE;
    if (has_kid) {
        if (kid.len > ASSAY_LIMIT_KID_BYTES)
            return ASSAY_E_STORE;
        tombstone->kid = assay_memdup(kid.ptr, kid.len);
        return tombstone->kid == NULL ? ASSAY_E_MEMORY : ASSAY_OK;
    }
    if (thumbprint.len != ASSAY_BASE64URL_ENCODED(sizeof tombstone->thumbprint) ||
        !assay_base64url_decode(thumbprint.ptr, thumbprint.len, bytes, &len) || len != sizeof tombstone->thumbprint)
        return ASSAY_E_STORE;
    memcpy(tombstone->thumbprint, bytes, len);
    return ASSAY_OK;
}

static int read_tombstones(const assay_json *array, assay_source_record *record, assay_failure *failure)
{
    size_t count = assay_json_array_len(array);
    if (!assay_json_is_array(array) || count > ASSAY_LIMIT_TOMBSTONES)
        return broken(failure, "its tombstones");
    record->tombstones = assay_zalloc_array(count, sizeof *record->tombstones);
    if (record->tombstones == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    for (size_t i = 0; i < count; i++) {
        int code = read_tombstone(assay_json_array_at(array, i), &record->tombstones[i]);
        if (code != ASSAY_OK)
            return code == ASSAY_E_STORE ? broken(failure, "a tombstone") : assay_fail(failure, code);
        record->tombstone_count++;
    }
    return ASSAY_OK;
}

static bool is_buried(const assay_source_record *record, const assay_jwk *jwk)
{
    for (size_t i = 0; i < record->tombstone_count; i++)
        if (assay_tombstone_covers(&record->tombstones[i], jwk))
            return true;
    return false;
}

/* ASSAY_OK with *jwk, or with NULL where this process can't use the key (its providers may lack the algorithm). */
static int read_key(const assay_source *source, const assay_json *json, assay_jwk **jwk, assay_failure *failure)
{
    int code = assay_jwk_read(source->crypto, json, false, jwk, NULL, 0);
    return code == ASSAY_E_CONFIG_KEYS ? ASSAY_OK : assay_fail(failure, code);
}

/* What is buried can be used all the same. */
static int read_served(const assay_source *source, const assay_json *array, assay_source_record *record,
                       assay_failure *failure)
{
    size_t count = assay_json_array_len(array), usable = 0;
    if (!assay_json_is_array(array) || count > ASSAY_LIMIT_KEYS)
        return broken(failure, "its keys");
    for (size_t i = 0; i < count; i++) {
        ASSAY_CLEANUP(assay_jwk_unref_p) assay_jwk *jwk = NULL;
        int code = read_key(source, assay_json_array_at(array, i), &jwk, failure);
        usable += jwk == NULL ? 0 : 1;
        if (code == ASSAY_OK && jwk != NULL && !is_buried(record, jwk))
            code = assay_key_set_add(&record->served, jwk);
        if (code != ASSAY_OK)
            return assay_fail(failure, code);
    }
    if (usable < count) /* what is written next lacks those keys, so it must not bear the tag either */
        assay_source_replace_text(&record->keys_etag, NULL);
    return usable == 0 ? broken(failure, "none of its keys can be used") : ASSAY_OK;
}

static int read_missing(const assay_source *source, const assay_json *array, assay_source_record *record,
                        assay_failure *failure)
{
    size_t count = assay_json_array_len(array);
    if (!assay_json_is_array(array) || count > ASSAY_LIMIT_KEYS)
        return broken(failure, "its missing keys");
    record->missing = assay_zalloc_array(count, sizeof *record->missing);
    if (record->missing == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    for (size_t i = 0; i < count; i++) {
        int64_t before;
        const assay_json *entry = assay_json_array_at(array, i);
        ASSAY_CLEANUP(assay_jwk_unref_p) assay_jwk *jwk = NULL;
        if (!get_number(entry, "missing_before", 0, ASSAY_LIMIT_RETENTION_MAX, &before))
            return broken(failure, "since when a key is missing");
        int code = read_key(source, assay_json_get(entry, "jwk"), &jwk, failure);
        if (code != ASSAY_OK)
            return code;
        if (jwk != NULL && !is_buried(record, jwk))
            record->missing[record->missing_count++] = (assay_snapshot_key){ASSAY_STEAL(jwk), before * 1000, 0};
    }
    return ASSAY_OK;
}

/* A tag, which is sent back in a header. */
static int read_tag(const assay_json *keys, const char *name, char **tag, assay_failure *failure)
{
    assay_span text;
    if (!get_text(keys, name, &text) || (text.ptr != NULL && !assay_http_is_entity_tag(text)))
        return broken(failure, "a tag");
    *tag = text.ptr == NULL ? NULL : assay_memdup(text.ptr, text.len);
    return text.ptr != NULL && *tag == NULL ? assay_fail(failure, ASSAY_E_MEMORY) : ASSAY_OK;
}

/* Where keys are fetched from next: the same rules as for one that metadata names. */
static int read_jwks_uri(const assay_source *source, const assay_json *keys, assay_source_record *record,
                         assay_failure *failure)
{
    const assay_metadata_rules rules = {.issuer = source->issuer,
                                        .allow_loopback_http = source->allow_loopback_http,
                                        .jwks_hosts = (const char *const *)source->jwks_hosts,
                                        .jwks_host_count = source->jwks_host_count};
    assay_span uri;
    if (!get_text(keys, "jwks_uri", &uri))
        return broken(failure, "its jwks_uri");
    if (uri.ptr == NULL)
        return ASSAY_OK;
    if (source->mode == ASSAY_SOURCE_JWKS || assay_metadata_check_jwks_uri(&rules, uri, failure) != ASSAY_OK)
        return broken(failure, "its keys are from a place that is not allowed");
    record->jwks_uri = assay_memdup(uri.ptr, uri.len);
    return record->jwks_uri == NULL ? assay_fail(failure, ASSAY_E_MEMORY) : ASSAY_OK;
}

static int read_keys(const assay_source *source, const assay_json *keys, assay_source_record *record,
                     assay_failure *failure)
{
    if (!get_number(keys, "max_age", -1, INT64_MAX, &record->max_age) ||
        !get_number(keys, "succeeded", 0, ASSAY_LIMIT_LATEST_TIME, &record->succeeded) ||
        !get_number(keys, "metadata_after", 0, ASSAY_LIMIT_METADATA_MAX, &record->metadata_after))
        return broken(failure, "a time");
    int code = read_jwks_uri(source, keys, record, failure);
    if (code == ASSAY_OK)
        code = read_tag(keys, "metadata_etag", &record->metadata_etag, failure);
    if (code == ASSAY_OK)
        code = read_tag(keys, "keys_etag", &record->keys_etag, failure);
    if (code == ASSAY_OK)
        code = read_served(source, assay_json_get(keys, "served"), record, failure);
    if (code == ASSAY_OK)
        code = read_missing(source, assay_json_get(keys, "missing"), record, failure);
    record->has_keys = code == ASSAY_OK;
    return code;
}

int assay_source_record_read(const assay_source *source, const char *text, size_t len, assay_source_record **record,
                             assay_failure *failure)
{
    assay_span payload;
    char problem[128] = "";
    ASSAY_AUTO_JSON assay_json *document = NULL;
    *record = NULL;
    if (len > ASSAY_LIMIT_STORE_BYTES || assay_record_mode(source) == NULL)
        return broken(failure, "it is too long, or for keys that were given");
    int code = assay_record_unframe(source->crypto, text, len, &payload);
    if (code == ASSAY_E_STORE)
        return broken(failure, "it is torn, altered or of another format");
    if (code == ASSAY_OK)
        code = assay_json_parse(payload.ptr, payload.len, &document, problem, sizeof problem);
    if (code != ASSAY_OK)
        return code == ASSAY_E_RESPONSE ? broken(failure, problem) : assay_fail(failure, code);
    if (!is_of(source, assay_json_get(document, "source")))
        return broken(failure, "it is of another source");

    ASSAY_CLEANUP(assay_source_record_free_p) assay_source_record *made = assay_zalloc(sizeof *made);
    if (made == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    assay_key_set_init(&made->served);
    const assay_json *keys = assay_json_get(document, "keys");
    code = read_tombstones(assay_json_get(document, "tombstones"), made, failure);
    if (code == ASSAY_OK && keys != NULL) {
        code = read_keys(source, keys, made, failure);
        made->refused = code == ASSAY_E_STORE;
    }
    if (code == ASSAY_OK || made->refused)
        *record = ASSAY_STEAL(made);
    return *record != NULL ? ASSAY_OK : code;
}
