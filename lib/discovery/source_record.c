/* SPDX-License-Identifier: MIT */
#include "base/list.h"
#include "discovery/record_frame.h"
#include "discovery/record_private.h"
#include "discovery/schedule.h"
#include "discovery/source_state.h"

#include "base/base64url.h"

#include <inttypes.h>

/* Writing what a source knows. */

enum { SECOND_MS = 1000 };

const char *assay_record_mode(const assay_source *source)
{
    static const char *const modes[] = {[ASSAY_SOURCE_OPENID] = "openid",
                                        [ASSAY_SOURCE_OAUTH] = "oauth",
                                        [ASSAY_SOURCE_URL] = "url",
                                        [ASSAY_SOURCE_JWKS] = "jwks",
                                        [ASSAY_SOURCE_STATIC] = NULL};
    return modes[source->mode];
}

const char *assay_record_configured_uri(const assay_source *source)
{
    return source->mode == ASSAY_SOURCE_JWKS ? source->jwks_uri : NULL;
}

bool assay_record_is_secret(const assay_source *source)
{
    for (size_t i = 0; source->snapshot != NULL && i < source->snapshot->count; i++)
        if (source->snapshot->keys[i].jwk->json == NULL)
            return true;
    return false;
}

/* One more member of an object that has one already; an absent text is an absent member. */
static void put_text(assay_buffer *out, const char *name, const char *text)
{
    if (text == NULL)
        return;
    assay_buffer_format(out, ",\"%s\":", name);
    assay_buffer_json_string(out, text, strlen(text));
}

static void put_identity(assay_buffer *out, const assay_source *source)
{
    assay_buffer_format(out, "{\"mode\":\"%s\"", assay_record_mode(source));
    put_text(out, "issuer", source->issuer);
    put_text(out, "metadata_url", source->metadata_url);
    put_text(out, "jwks_uri", assay_record_configured_uri(source));
    put_text(out, "ca", source->ca);
    put_text(out, "properties", assay_crypto_properties(source->crypto)); /* by which its keys were vetted */
    assay_buffer_put(out, "}");
}

int assay_source_record_name(const assay_source *source, char name[ASSAY_RECORD_NAME + 1])
{
    ASSAY_CLEANUP(assay_buffer_clear) assay_buffer text = {NULL, 0, 0, false};
    if (assay_record_mode(source) == NULL)
        return ASSAY_E_ABSENT;
    assay_buffer_put(&text, ASSAY_RECORD_FORMAT);
    put_identity(&text, source);
    return text.failed ? ASSAY_E_MEMORY : assay_record_digest(source->crypto, (assay_span){text.text, text.len}, name);
}

/* A host may purge a kid that no key can have; it means nothing to others. */
static bool can_be_told(const assay_tombstone *tombstone)
{
    size_t len = tombstone->has_thumbprint ? 0 : strlen(tombstone->kid);
    return tombstone->has_thumbprint || (len <= ASSAY_LIMIT_KID_BYTES && assay_text_is_utf8(tombstone->kid, len));
}

static void put_tombstones(assay_buffer *out, const assay_source *source)
{
    bool first = true;
    for (size_t i = 0; i < source->tombstone_count; i++) {
        const assay_tombstone *tombstone = &source->tombstones[i];
        char thumbprint[ASSAY_BASE64URL_ENCODED(sizeof tombstone->thumbprint) + 1];
        if (!can_be_told(tombstone))
            continue;
        assay_base64url_encode(tombstone->thumbprint, sizeof tombstone->thumbprint, thumbprint);
        assay_buffer_format(out, "%s{\"%s\":", first ? "" : ",", tombstone->has_thumbprint ? "thumbprint" : "kid");
        const char *text = tombstone->has_thumbprint ? thumbprint : tombstone->kid;
        assay_buffer_json_string(out, text, strlen(text));
        assay_buffer_put(out, "}");
        first = false;
    }
}

/* Seconds from @p from to @p to, not negative; a part of one counts as a whole. */
static int64_t seconds_between(int64_t from, int64_t to)
{
    if (to <= from)
        return 0;
    return (to - from) / SECOND_MS + ((to - from) % SECOND_MS > 0 ? 1 : 0);
}

static void put_served(assay_buffer *out, const assay_snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->served; i++) {
        assay_buffer_put(out, i == 0 ? "" : ",");
        assay_buffer_add(out, snapshot->keys[i].jwk->json, snapshot->keys[i].jwk->json_len);
    }
}

static void put_missing(assay_buffer *out, const assay_source *source, int64_t now)
{
    bool first = true;
    for (size_t i = source->snapshot->served; i < source->snapshot->count; i++) {
        const assay_snapshot_key *key = &source->snapshot->keys[i];
        if (now >= key->usable_until_ms)
            continue;
        assay_buffer_put(out, first ? "{\"jwk\":" : ",{\"jwk\":");
        assay_buffer_add(out, key->jwk->json, key->jwk->json_len);
        assay_buffer_format(out, ",\"missing_before\":%" PRId64 "}",
                            seconds_between(key->missing_since_ms, source->succeeded_at));
        first = false;
    }
}

static void put_keys(assay_buffer *out, const assay_source *source, int64_t now, int64_t now_wall)
{
    int64_t metadata_due = source->metadata_due_at == INT64_MIN ? source->succeeded_at : source->metadata_due_at;
    /* Ages are rounded up, here and where they are read, so that a record never seems newer than what it tells of. */
    assay_buffer_format(out, ",\"keys\":{\"succeeded\":%" PRId64 ",\"max_age\":%" PRId64 ",\"metadata_after\":%" PRId64,
                        now_wall - seconds_between(source->succeeded_at, now), source->keys_max_age,
                        seconds_between(source->succeeded_at, metadata_due));
    put_text(out, "jwks_uri", source->mode == ASSAY_SOURCE_JWKS ? NULL : source->jwks_uri);
    put_text(out, "metadata_etag", source->metadata_etag);
    /* Whoever could use what was skipped here would never see it, if the document that has it came to be called unchanged. */
    put_text(out, "keys_etag", source->snapshot->skipped > 0 ? NULL : source->keys_etag);
    assay_buffer_put(out, ",\"served\":[");
    put_served(out, source->snapshot);
    assay_buffer_put(out, "],\"missing\":[");
    put_missing(out, source, now);
    assay_buffer_put(out, "]}");
}

/* Whether there are keys that may be written down: served ones, none of them a secret, that still count. */
static bool can_tell_keys(const assay_source *source, int64_t now, int64_t now_wall)
{
    const assay_snapshot *snapshot = source->snapshot;
    if (snapshot == NULL || snapshot->served == 0 || source->succeeded_at == INT64_MIN || now >= source->expires_at)
        return false;
    return !assay_record_is_secret(source) && now_wall >= seconds_between(source->succeeded_at, now);
}

int assay_source_record_write(const assay_source *source, int64_t now_ms, int64_t now_wall, char **text, size_t *len)
{
    int64_t now = assay_schedule_add(now_ms, source->behind);
    now = now < source->latest ? source->latest : now;
    bool keys = can_tell_keys(source, now, now_wall);
    *text = NULL;
    *len = 0;
    if (assay_record_mode(source) == NULL || (!keys && source->tombstone_count == 0))
        return ASSAY_E_ABSENT;
    ASSAY_CLEANUP(assay_buffer_clear) assay_buffer out = {NULL, 0, 0, false};
    assay_buffer_put(&out, "{\"source\":");
    put_identity(&out, source);
    assay_buffer_put(&out, ",\"tombstones\":[");
    put_tombstones(&out, source);
    assay_buffer_put(&out, "]");
    if (keys)
        put_keys(&out, source, now, now_wall);
    assay_buffer_put(&out, "}");
    if (out.failed)
        return ASSAY_E_MEMORY;
    return assay_record_frame(source->crypto, (assay_span){out.text, out.len}, text, len);
}
