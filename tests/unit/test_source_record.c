/* SPDX-License-Identifier: MIT */

/* The record of a key source: what one process writes and another takes in, on a clock of the test's own. */
#include "discovery/record_frame.h"
#include "discovery/source_record.h"
#include "support/signing.h"
#include "support/source_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#define WALL INT64_C(1700000000)

static world w;     /* the one that fetches and writes */
static world other; /* the one that takes in: another process, with a steady clock of its own */

static const assay_source_config plain = {.mode = ASSAY_SOURCE_OPENID};

static int start(void **state)
{
    (void)state;
    world_init(&w, &plain);
    world_init(&other, &plain);
    other.now = 7 * HOUR;
    w.keys.body = the_sets.ab;
    return 0;
}

static int stop(void **state)
{
    (void)state;
    world_clear(&w);
    world_clear(&other);
    return 0;
}

static void restart_other(const assay_source_config *config)
{
    world_clear(&other);
    world_init(&other, config);
    other.now = 7 * HOUR;
}

static int read_text(world *into, const char *text, size_t len, assay_source_record **record)
{
    int code = assay_source_record_read(into->source, text, len, record, &into->failure);
    assert_true((code == ASSAY_OK) == (*record != NULL));
    return code;
}

/* A payload of the test's own in a good frame. */
static char *frame(const char *payload)
{
    char *text = NULL;
    size_t len = 0;
    assert_int_equal(assay_record_frame(w.crypto, assay_span_of(payload), &text, &len), ASSAY_OK);
    return text;
}

/* A record with a text in it replaced, and framed anew. */
static char *altered(char *text, const char *from, const char *to)
{
    assay_span payload;
    char changed[8192];
    assert_int_equal(assay_record_unframe(w.crypto, text, strlen(text), &payload), ASSAY_OK);
    const char *at = strstr(payload.ptr, from);
    if (at == NULL)
        fail_msg("no %s in %s", from, text);
    snprintf(changed, sizeof changed, "%.*s%s%.*s", (int)(at - payload.ptr), payload.ptr, to,
             (int)(payload.ptr + payload.len - at) - (int)strlen(from), at + strlen(from));
    assay_release(text);
    return frame(changed);
}

static void a_cold_source_becomes_warm(void **state)
{
    (void)state;
    w.keys.etag = "\"k1\"";
    w.metadata.etag = "\"m1\"";
    world_serve(&w, the_sets.ab);
    w.now += 10 * MINUTE;
    assert_int_equal(world_take(&other, world_record(&w, WALL), WALL, NULL), ASSAY_OK);
    assert_true(world_has(&other, "a") && world_has(&other, "b"));
    assert_int_equal(assay_source_snapshot(other.source)->served, 2);
    /* As old as it is: ten minutes, and the seconds that clocks of whole seconds cost. */
    int64_t expires = assay_source_expires_at(other.source) - other.now;
    assert_true(expires <= 24 * HOUR - 10 * MINUTE && expires >= 24 * HOUR - 10 * MINUTE - 3 * SECOND);
    int64_t due = assay_source_due_at(other.source) - other.now;
    assert_true(due <= 50 * MINUTE && due >= 44 * MINUTE - 3 * SECOND);
    assert_int_equal(assay_source_last_failure(other.source, NULL), ASSAY_OK);
    assert_string_equal(assay_source_jwks_uri(other.source), WORLD_JWKS_URI);
    /* The next fetch is conditional, and asks for no metadata. */
    other.keys = (canned_answer){.status = 304};
    assert_int_equal(world_fly(&other, ASSAY_SOURCE_SCHEDULED), ASSAY_OK);
    assert_int_equal(other.fetches, 1);
    assert_string_equal(other.keys_tag, "\"k1\"");
    assert_true(world_has(&other, "a") && world_has(&other, "b"));
    other.now += 24 * HOUR;
    assert_int_equal(world_fly(&other, ASSAY_SOURCE_FORCED), ASSAY_OK);
    assert_string_equal(other.metadata_tag, "\"m1\"");
}

static void without_anything_there_is_no_record(void **state)
{
    (void)state;
    char *text;
    size_t len;
    assert_int_equal(assay_source_record_write(w.source, w.now, WALL, &text, &len), ASSAY_E_ABSENT);
    world_serve(&w, the_sets.ab);
    assert_int_equal(assay_source_record_write(w.source, w.now, -1, &text, &len), ASSAY_E_ABSENT);
    w.now += 24 * HOUR;
    assert_int_equal(assay_source_record_write(w.source, w.now, WALL, &text, &len), ASSAY_E_ABSENT);
    assert_null(text);
    char name[ASSAY_RECORD_NAME + 1];
    restart_other(&(assay_source_config){.mode = ASSAY_SOURCE_STATIC});
    assert_int_equal(assay_source_record_name(other.source, name), ASSAY_E_ABSENT);
    assert_int_equal(world_push(&other, the_sets.a), ASSAY_OK);
    assert_int_equal(assay_source_record_write(other.source, other.now, WALL, &text, &len), ASSAY_E_ABSENT);
}

static void only_what_is_newer_is_adopted(void **state)
{
    (void)state;
    world_serve(&w, the_sets.a);
    char *old = world_record(&w, WALL);
    assert_int_equal(world_take(&w, assay_strdup(old), WALL, NULL), ASSAY_E_ABSENT); /* its own */
    /* Whatever part of a second has passed, what a source wrote never seems newer than what it has. */
    for (int64_t ms = 0; ms < 5000; ms += 137) {
        w.now += 137;
        assert_int_equal(world_take(&w, assay_strdup(old), WALL + (ms + 137) / 1000, NULL), ASSAY_E_ABSENT);
    }
    other.now += HOUR;
    world_serve(&other, the_sets.b);
    assert_int_equal(world_take(&other, old, WALL + 3600, NULL), ASSAY_OK);
    assert_int_equal(assay_source_snapshot(other.source)->served, 1);
    assert_true(world_has(&other, "a") && world_has(&other, "b"));

    w.now += HOUR + 20 * MINUTE;
    other.now += 20 * MINUTE;
    world_serve(&w, the_sets.a);
    old = world_record(&w, WALL + 4800);
    assert_int_equal(world_take(&other, assay_strdup(old), WALL + 4800, NULL), ASSAY_OK);
    assert_true(world_has(&other, "a"));
    /* What the other had is missing from the newer set, and is retained for its own time, from when it was seen last. */
    assert_true(world_has(&other, "b"));
    assert_int_equal(assay_source_snapshot(other.source)->served, 1);
    int64_t due = assay_source_due_at(other.source);
    assert_int_equal(world_take(&other, old, WALL + 4801, NULL), ASSAY_E_ABSENT); /* the same once more */
    assert_int_equal(assay_source_due_at(other.source), due);
    other.now += 40 * MINUTE - SECOND;
    assert_true(world_has(&other, "b"));
    other.now += SECOND;
    assert_false(world_has(&other, "b"));
}

/* Whoever can't use a key of a document says nothing by which others would take the document for known. */
static void tags_of_documents_with_skipped_keys(void **state)
{
    (void)state;
    size_t len = strlen(the_sets.a);
    char *text = malloc(len + 64);
    assert_non_null(text);
    snprintf(text, len + 64, "%.*s,{\"kty\":\"unheard-of\"}]}", (int)(len - 2), the_sets.a);
    w.keys.etag = "\"k1\"";
    world_serve(&w, text);
    assert_int_equal(assay_source_snapshot(w.source)->skipped, 1);
    char *record = world_record(&w, WALL);
    assert_null(strstr(record, "keys_etag"));
    assert_int_equal(world_take(&other, record, WALL, NULL), ASSAY_OK);
    other.keys.body = the_sets.ab;
    assert_int_equal(world_fly(&other, ASSAY_SOURCE_FORCED), ASSAY_OK);
    assert_string_equal(other.keys_tag, "");
    free(text);
    /* Nor does one that takes such a key from a record. */
    restart_other(&plain);
    world_serve(&w, the_sets.a);
    record = world_record(&w, WALL);
    assert_non_null(strstr(record, "keys_etag"));
    record = altered(record, "\"served\":[", "\"served\":[{\"kty\":\"unheard-of\"},");
    assert_int_equal(world_take(&other, record, WALL, NULL), ASSAY_OK);
    record = world_record(&other, WALL);
    assert_null(strstr(record, "keys_etag"));
    assay_release(record);
}

static void missing_keys_stay_missing(void **state)
{
    (void)state;
    world_serve(&w, the_sets.ab);
    w.now += 10 * MINUTE;
    world_serve(&w, the_sets.a); /* b is missing from now on */
    w.now += 20 * MINUTE;
    world_serve(&w, the_sets.a);
    w.now += 10 * MINUTE;
    assert_int_equal(world_take(&other, world_record(&w, WALL), WALL, NULL), ASSAY_OK);
    assert_true(world_has(&other, "b"));
    assert_int_equal(assay_source_snapshot(other.source)->served, 1);
    other.now += 30 * MINUTE - 5 * SECOND;
    assert_true(world_has(&other, "b"));
    other.now += 5 * SECOND;
    assert_false(world_has(&other, "b"));
    assert_true(world_has(&other, "a"));
    /* A record that is read again after that doesn't bring it back. */
    w.now += 30 * MINUTE;
    world_free_retired(&w);
    restart_other(&plain);
    assert_int_equal(world_take(&other, world_record(&w, WALL + 1800), WALL + 1800, NULL), ASSAY_OK);
    assert_false(world_has(&other, "b"));
}

static void the_loading_source_has_its_own_limits(void **state)
{
    (void)state;
    world_serve(&w, the_sets.ab);
    w.now += 10 * MINUTE;
    world_serve(&w, the_sets.a);
    w.now += 10 * MINUTE;
    char *text = world_record(&w, WALL);
    restart_other(&(assay_source_config){.mode = ASSAY_SOURCE_OPENID, .retention_ms = -1});
    assert_int_equal(world_take(&other, assay_strdup(text), WALL, NULL), ASSAY_OK);
    assert_false(world_has(&other, "b"));
    restart_other(&(assay_source_config){.mode = ASSAY_SOURCE_OPENID, .retention_ms = 11 * MINUTE});
    assert_int_equal(world_take(&other, assay_strdup(text), WALL, NULL), ASSAY_OK);
    assert_true(world_has(&other, "b"));
    other.now += 65 * SECOND;
    assert_false(world_has(&other, "b"));
    restart_other(&(assay_source_config){.mode = ASSAY_SOURCE_OPENID, .hard_limit_ms = 9 * MINUTE});
    assert_int_equal(world_take(&other, assay_strdup(text), WALL, NULL), ASSAY_E_STORE);
    assert_null(assay_source_snapshot(other.source));
    restart_other(&(assay_source_config){.mode = ASSAY_SOURCE_OPENID, .hard_limit_ms = 11 * MINUTE});
    assert_int_equal(world_take(&other, text, WALL, NULL), ASSAY_OK);
    assert_true(assay_source_expires_at(other.source) - other.now <= MINUTE);
}

/* Just booted: the success lies before the start of the steady clock, and so does the moment when a key went missing. */
static void records_are_older_than_the_steady_clock(void **state)
{
    (void)state;
    world_serve(&w, the_sets.ab);
    w.now += 10 * MINUTE;
    world_serve(&w, the_sets.a);
    w.now += 10 * MINUTE;
    other.now = 5 * SECOND;
    assert_int_equal(world_take(&other, world_record(&w, WALL), WALL, NULL), ASSAY_OK);
    assert_int_equal(assay_source_snapshot(other.source)->served, 1);
    assert_true(world_has(&other, "a") && world_has(&other, "b"));
    other.now += 50 * MINUTE;
    assert_false(world_has(&other, "b"));
    assert_true(world_has(&other, "a"));
    assert_true(assay_source_expires_at(other.source) <= 24 * HOUR - 10 * MINUTE + 5 * SECOND);
}

static void wall_clocks_jump(void **state)
{
    (void)state;
    /* What the wall clock is off by when the record is read, in seconds, and what comes of it. */
    static const struct {
        int64_t offset;
        int code;
    } rows[] = {{0, ASSAY_OK},
                {-60, ASSAY_OK},
                {-61, ASSAY_E_STORE},
                {-86400 * 365, ASSAY_E_STORE},
                {3600, ASSAY_OK},
                {86398, ASSAY_OK},
                {86399, ASSAY_E_STORE},
                {86400 * 365, ASSAY_E_STORE},
                {INT64_C(1) << 40, ASSAY_E_STORE}};
    world_serve(&w, the_sets.a);
    char *text = world_record(&w, WALL);
    for (size_t i = 0; i < ASSAY_COUNT_OF(rows); i++) {
        restart_other(&plain);
        assert_int_equal(world_take(&other, assay_strdup(text), WALL + rows[i].offset, NULL), rows[i].code);
        if (rows[i].code != ASSAY_OK) {
            assert_null(assay_source_snapshot(other.source));
            continue;
        }
        assert_true(assay_source_expires_at(other.source) <= other.now + 24 * HOUR);
        assert_true(assay_source_due_at(other.source) <= other.now + HOUR);
    }
    restart_other(&plain);
    assert_int_equal(world_take(&other, text, -1, NULL), ASSAY_E_STORE); /* no clock at all */
    /* However often it is written and read under a clock that stands still, its time runs out. */
    world *writer = &w, *reader = &other;
    for (int i = 0; i < 47; i++) {
        writer->now += 30 * MINUTE;
        assay_source_config config = plain;
        config.seed = (uint64_t)i;
        world_clear(reader);
        world_init(reader, &config);
        reader->now = writer->now;
        assert_int_equal(world_take(reader, world_record(writer, WALL + 1800 * (i + 1)), WALL + 1800 * (i + 1), NULL),
                         ASSAY_OK);
        world *swapped = writer;
        writer = reader;
        reader = swapped;
    }
    assert_true(assay_source_expires_at(writer->source) - writer->now <= 30 * MINUTE);
    assert_true(assay_source_due_at(writer->source) <= writer->now);
}

static void tombstones_spread_and_beat_keys(void **state)
{
    (void)state;
    size_t buried;
    world_serve(&w, the_sets.ab);
    char *before = world_record(&w, WALL);
    world_serve(&other, the_sets.ab);
    assert_int_equal(assay_source_purge(w.source, "a", w.now), ASSAY_OK);
    assert_int_equal(assay_source_purge(w.source, "c", w.now), ASSAY_E_KEY_UNKNOWN);
    world_free_retired(&w);
    /* Nothing newer, but the purge counts. */
    assert_int_equal(world_take(&other, world_record(&w, WALL), WALL, &buried), ASSAY_E_ABSENT);
    assert_int_equal(buried, 2);
    assert_false(world_has(&other, "a"));
    assert_true(world_has(&other, "b"));
    /* Also where the time of the record makes no sense. */
    restart_other(&plain);
    world_serve(&other, the_sets.ab);
    assert_int_equal(world_take(&other, world_record(&w, WALL + 500), WALL, &buried), ASSAY_E_STORE);
    assert_int_equal(buried, 2);
    assert_false(world_has(&other, "a"));
    /* And they hold against every later set, and against an older record. */
    world_serve(&other, the_sets.ab);
    assert_false(world_has(&other, "a"));
    assert_int_equal(world_fly(&other, ASSAY_SOURCE_FORCED), ASSAY_OK);
    other.keys.body = the_sets.c;
    assert_int_equal(world_fly(&other, ASSAY_SOURCE_FORCED), ASSAY_E_JWKS);
    restart_other(&plain);
    assert_int_equal(world_take(&other, world_record(&w, WALL), WALL, &buried), ASSAY_OK);
    assert_int_equal(world_take(&other, before, WALL + 30, &buried), ASSAY_E_ABSENT);
    assert_int_equal(buried, 0);
    assert_false(world_has(&other, "a"));
    assert_true(world_has(&other, "b"));
}

static void a_purge_of_everything_is_a_record_of_tombstones(void **state)
{
    (void)state;
    size_t buried;
    world_serve(&w, the_sets.ab);
    world_serve(&other, the_sets.ab);
    assert_int_equal(assay_source_purge(w.source, NULL, w.now), ASSAY_OK);
    world_free_retired(&w);
    char *text = world_record(&w, WALL);
    assert_null(strstr(text, "\"keys\":{"));
    assert_int_equal(world_take(&other, text, WALL, &buried), ASSAY_E_ABSENT);
    assert_int_equal(buried, 2);
    assert_int_equal(world_count(&other), 0);
    /* A purge of a kid that no key can have is nobody else's business. */
    restart_other(&plain);
    assert_int_equal(assay_source_purge(other.source, "\xff", other.now), ASSAY_E_KEY_UNKNOWN);
    text = world_record(&other, WALL);
    assert_int_equal(world_take(&w, text, WALL, &buried), ASSAY_E_ABSENT);
    assert_int_equal(buried, 0);
}

/* More tombstones than fit: what they cover goes all the same. */
static void tombstones_have_a_limit(void **state)
{
    (void)state;
    char kid[ASSAY_LIMIT_KID_BYTES + 1];
    size_t buried;
    world_serve(&other, the_sets.ab);
    for (int i = 0; i < ASSAY_LIMIT_TOMBSTONES; i++) { /* the longest there are */
        snprintf(kid, sizeof kid, "other %-*d", ASSAY_LIMIT_KID_BYTES - 6, i);
        assert_int_equal(assay_source_purge(other.source, kid, other.now), ASSAY_E_KEY_UNKNOWN);
    }
    world_serve(&w, the_sets.ab);
    assert_int_equal(assay_source_purge(w.source, "a", w.now), ASSAY_OK);
    assert_int_equal(assay_source_purge(w.source, kid, w.now), ASSAY_E_KEY_UNKNOWN);
    world_free_retired(&w);
    assert_int_equal(world_take(&other, world_record(&w, WALL), WALL, &buried), ASSAY_E_ABSENT);
    assert_int_equal(buried, 0);
    assert_false(world_has(&other, "a"));
    assert_true(world_has(&other, "b"));
    /* The largest list can be written and read, with room for as many keys as there may be. */
    char *text = world_record(&other, WALL);
    size_t len = strlen(text);
    assert_true(len > ASSAY_LIMIT_TOMBSTONES * ASSAY_LIMIT_KID_BYTES);
    assert_true(len < ASSAY_LIMIT_STORE_BYTES - 3 * ASSAY_LIMIT_JWKS_BYTES);
    clock_t before = clock();
    assert_int_equal(world_take(&w, text, WALL, &buried), ASSAY_E_ABSENT);
    print_message("%zu bytes in %.1f ms\n", len, (double)(clock() - before) * 1000 / CLOCKS_PER_SEC);
    assert_int_equal(buried, ASSAY_LIMIT_TOMBSTONES - 2);
}

static void a_flight_under_way_is_newer(void **state)
{
    (void)state;
    assay_http_request request;
    world_serve(&w, the_sets.ab);
    assert_int_equal(assay_source_purge(w.source, "a", w.now), ASSAY_OK);
    world_free_retired(&w);
    size_t buried;
    char *text = world_record(&w, WALL);
    assay_source_begin(other.source, ASSAY_SOURCE_COLD, other.now);
    assert_int_equal(world_take(&other, assay_strdup(text), WALL, &buried), ASSAY_E_ABSENT);
    assert_int_equal(buried, 1);
    assert_null(assay_source_snapshot(other.source));
    assert_true(assay_source_next(other.source, &request));
    assay_source_abandoned(other.source, other.now);
    assert_int_equal(world_take(&other, text, WALL, &buried), ASSAY_OK);
}

static void a_failure_since_is_forgotten(void **state)
{
    (void)state;
    other.keys.failed = ASSAY_E_CONNECT;
    assert_int_equal(world_fly(&other, ASSAY_SOURCE_COLD), ASSAY_E_CONNECT);
    assert_true(assay_source_allowed_at(other.source, ASSAY_SOURCE_COLD) > other.now);
    world_serve(&w, the_sets.a);
    assert_int_equal(world_take(&other, world_record(&w, WALL), WALL, NULL), ASSAY_OK);
    assert_true(assay_source_allowed_at(other.source, ASSAY_SOURCE_COLD) <= other.now);
    assert_int_equal(assay_source_last_failure(other.source, NULL), ASSAY_OK);
}

/* ---- whose record it is ---- */

static void records_are_of_one_source(void **state)
{
    (void)state;
    static const char *const hosts[] = {"keys.example"};
    static const char *const own_host[] = {"issuer.example"};
    const assay_source_config rows[] = {
        {.mode = ASSAY_SOURCE_OAUTH},
        {.mode = ASSAY_SOURCE_OPENID, .issuer = WORLD_ISSUER "/"},
        {.mode = ASSAY_SOURCE_OPENID, .issuer = "https://issuer.exampl"},
        {.mode = ASSAY_SOURCE_URL, .metadata_url = WORLD_ISSUER "/.well-known/openid-configuration"},
        {.mode = ASSAY_SOURCE_JWKS, .jwks_uri = WORLD_JWKS_URI},
        {.mode = ASSAY_SOURCE_STATIC},
        {.mode = ASSAY_SOURCE_OPENID, .ca = {"own", 3}},
        {.mode = ASSAY_SOURCE_OPENID, .jwks_hosts = hosts, .jwks_host_count = 1},
    };
    char name[ASSAY_RECORD_NAME + 1], another[ASSAY_RECORD_NAME + 1];
    world_serve(&w, the_sets.a);
    char *text = world_record(&w, WALL);
    assert_int_equal(assay_source_record_name(w.source, name), ASSAY_OK);
    assert_int_equal(strlen(name), ASSAY_RECORD_NAME);
    for (size_t i = 0; i < ASSAY_COUNT_OF(rows); i++) {
        restart_other(&rows[i]);
        assert_int_equal(world_take(&other, assay_strdup(text), WALL, NULL), ASSAY_E_STORE);
        if (assay_source_record_name(other.source, another) == ASSAY_OK)
            assert_int_equal(strcmp(name, another) == 0, rows[i].jwks_hosts != NULL);
    }
    /* Keys that were vetted otherwise are others. */
    assay_crypto *queried = NULL;
    assert_int_equal(assay_crypto_new("provider=default", &queried), ASSAY_OK);
    assay_source *source = NULL;
    assay_source_config vetted = {.mode = ASSAY_SOURCE_OPENID,
                                  .issuer = WORLD_ISSUER,
                                  .retention_ms = HOUR,
                                  .hard_limit_ms = 24 * HOUR,
                                  .crypto = queried};
    assert_int_equal(assay_source_new(&vetted, &source), ASSAY_OK);
    assert_int_equal(assay_source_record_name(source, another), ASSAY_OK);
    assert_string_not_equal(name, another);
    assay_source_record *record = NULL;
    assert_int_equal(assay_source_record_read(source, text, strlen(text), &record, NULL), ASSAY_E_STORE);
    assay_source_free(source);
    assay_crypto_unref(queried);
    /* Keys from a place that is not allowed are refused; what was purged counts all the same. */
    size_t buried = 0;
    assert_int_equal(assay_source_purge(w.source, "gone", w.now), ASSAY_E_KEY_UNKNOWN);
    restart_other(&rows[ASSAY_COUNT_OF(rows) - 1]);
    assert_int_equal(world_take(&other, world_record(&w, WALL), WALL, &buried), ASSAY_E_STORE);
    assert_int_equal(buried, 1);
    assert_non_null(strstr(other.failure.note, "not allowed"));
    restart_other(&(assay_source_config){.mode = ASSAY_SOURCE_OPENID, .jwks_hosts = own_host, .jwks_host_count = 1});
    assert_int_equal(world_take(&other, text, WALL, NULL), ASSAY_OK);

    /* A key set at a given place has no jwks_uri that was found. */
    const assay_source_config fixed = {.mode = ASSAY_SOURCE_JWKS, .jwks_uri = WORLD_JWKS_URI};
    world_clear(&w);
    world_init(&w, &fixed);
    restart_other(&fixed);
    world_serve(&w, the_sets.a);
    text = world_record(&w, WALL);
    assert_int_equal(world_take(&other, assay_strdup(text), WALL, NULL), ASSAY_OK);
    restart_other(&fixed);
    text = altered(text, "\"max_age\"", "\"jwks_uri\":\"https://elsewhere.example/\",\"max_age\"");
    assert_int_equal(world_take(&other, text, WALL, NULL), ASSAY_E_STORE);
    assert_string_equal(assay_source_jwks_uri(other.source), WORLD_JWKS_URI);
}

/* ---- what is in it ---- */

static void everything_is_vetted(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
    } rows[] = {
        {"\"jwks_uri\":\"https:", "\"jwks_uri\":\"http:"},
        {WORLD_JWKS_URI, "https://user@issuer.example/keys"},
        {"\"jwks_uri\":\"" WORLD_JWKS_URI "\"", "\"jwks_uri\":1"},
        {"k1\\u0022\"", "k1\\u0022\\u000d\\u000aHost: x\""},
        {"k1\\u0022\"", "k1\""},
        {"k1\\u0022\"", "k\\u000a1\\u0022\""},
        {"\"succeeded\":1", "\"succeeded\":-1"},
        {"\"succeeded\":1", "\"succeeded\":9999999999"},
        {"\"succeeded\":1700000000", "\"succeeded\":1700000000.0"},
        {"\"succeeded\":1700000000", "\"succeeded\":\"1700000000\""},
        {"\"succeeded\"", "\"succeeded\":1700000000,\"succeeded\""}, /* twice */
        {"\"max_age\":-1", "\"max_age\":-2"},
        {"\"max_age\":-1", "\"max_age\":92233720368547758070"},
        {"\"max_age\":-1,", ""},
        {"\"metadata_after\":86400", "\"metadata_after\":86401"},
        {"\"metadata_after\":86400", "\"metadata_after\":-1"},
        {"\"served\":[", "\"served\":[1,"},
        {"\"served\":[", "\"served\":[],\"unserved\":["},
        {"\"served\":[", "\"served\":{},\"unserved\":["},
        {"\"kty\":\"EC\"", "\"kty\":\"XX\""},
        {"\"kty\":\"EC\"", "\"kty\":\"EC\",\"d\":\"AAAA\""},
        {"\"missing\":[", "\"missing\":[{\"missing_before\":-1,\"jwk\":{}}"},
        {"\"missing\":[", "\"missing\":[{\"missing_before\":604801,\"jwk\":{}}"},
        {"\"missing\":[", "\"missing\":[{\"jwk\":{}}"},
        {"\"missing\":[", "\"missing\":null,\"other\":["},
        {"\"tombstones\":[", "\"tombstones\":[{}"},
        {"\"tombstones\":[", "\"tombstones\":[{\"kid\":1}"},
        {"\"tombstones\":[", "\"tombstones\":[{\"thumbprint\":\"AAAA\"}"},
        {"\"tombstones\":[", "\"tombstones\":[{\"kid\":\"a\",\"thumbprint\":"
                             "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}"},
        {"\"tombstones\":[", "\"stones\":["},
        {"\"mode\":\"openid\"", "\"mode\":\"oauth\""},
        {"\"issuer\":\"https:", "\"issuer\":\"http:"},
        {"\"source\":{", "\"source\":{\"jwks_uri\":\"" WORLD_JWKS_URI "\","},
    };
    w.keys.etag = "\"k1\"";
    world_serve(&w, the_sets.a);
    for (size_t i = 0; i < ASSAY_COUNT_OF(rows); i++) {
        char *text = altered(world_record(&w, WALL), rows[i].from, rows[i].to);
        int code = world_take(&other, text, WALL, NULL);
        bool skipped = strstr(rows[i].to, "[1,") != NULL; /* as in a document: one bad key does not spoil the rest */
        if (code != (skipped ? ASSAY_OK : ASSAY_E_STORE))
            fail_msg("%s -> %s: %s", rows[i].from, rows[i].to, assay_code_name(code));
        if (skipped)
            restart_other(&plain);
        assert_null(assay_source_snapshot(other.source));
        assert_null(assay_source_jwks_uri(other.source));
    }
    /* Tombstones of the record beat its keys, by material and by kid. */
    char *text = altered(world_record(&w, WALL), "\"tombstones\":[", "\"tombstones\":[{\"kid\":\"a\"}");
    assert_int_equal(world_take(&other, text, WALL, NULL), ASSAY_E_ABSENT);
    assert_null(assay_source_snapshot(other.source));
    world_serve(&other, the_sets.ab);
    assert_false(world_has(&other, "a"));
}

static void the_largest_record_fits(void **state)
{
    (void)state;
    enum { KEYS = ASSAY_LIMIT_KEYS };
    size_t room = KEYS * 1024;
    char *served = malloc(room), *missing = malloc(room), kid[16];
    char *into[] = {missing, served};
    for (int set = 0; set < 2; set++) {
        size_t used = (size_t)snprintf(into[set], room, "{\"keys\":[");
        for (int i = 0; i < KEYS; i++) {
            snprintf(kid, sizeof kid, "%d-%d", set, i);
            char *jwk = world_jwk(kid);
            used += (size_t)snprintf(into[set] + used, room - used, "%s%s", i == 0 ? "" : ",", jwk);
            free(jwk);
        }
        snprintf(into[set] + used, room - used, "]}");
        world_serve(&w, into[set]);
    }
    assert_int_equal(world_count(&w), 2 * KEYS);
    char *text = world_record(&w, WALL);
    assert_int_equal(world_take(&other, text, WALL, NULL), ASSAY_OK);
    assert_int_equal(world_count(&other), 2 * KEYS);
    assert_int_equal(assay_source_snapshot(other.source)->served, KEYS);
    free(served);
    free(missing);
}

/* A pushed secret is never written, nor does a record without it replace it. */
static void symmetric_keys_are_not_written(void **state)
{
    (void)state;
    test_signer *secret = test_signer_new(ASSAY_KEY_SYMMETRIC, 256);
    char *jwk = test_signer_jwk(secret, "\"kid\":\"s\"");
    char *a = world_jwk("a"), why_not[100];
    char *set = world_set(a, jwk);
    assay_key_set keys;
    assay_key_set_init(&keys);
    assert_int_equal(assay_key_set_add_json(&keys, w.crypto, set, strlen(set), true, why_not, sizeof why_not),
                     ASSAY_OK);
    assert_int_equal(assay_source_push(w.source, &keys, w.now), ASSAY_OK);
    char *text = NULL;
    size_t len;
    assert_int_equal(assay_source_record_write(w.source, w.now, WALL, &text, &len), ASSAY_E_ABSENT);
    assert_int_equal(assay_source_purge(w.source, "b", w.now), ASSAY_E_KEY_UNKNOWN);
    text = world_record(&w, WALL);
    assert_null(strstr(text, "oct"));
    assert_null(strstr(text, "\"keys\":{"));
    assay_release(text);
    w.now += HOUR;
    world_serve(&other, the_sets.ab);
    assert_int_equal(world_take(&w, world_record(&other, WALL), WALL, NULL), ASSAY_E_ABSENT);
    assert_true(world_has(&w, "s") && world_has(&w, "a"));
    assay_key_set_clear(&keys);
    world_free_retired(&w);
    free(set);
    free(a);
    free(jwk);
    test_signer_free(secret);
}

/* ---- torn and altered ---- */

static void every_truncation_and_every_flipped_bit_is_seen(void **state)
{
    (void)state;
    world_serve(&w, the_sets.ab);
    char *text = world_record(&w, WALL);
    size_t len = strlen(text);
    assay_source_record *record = NULL;
    for (size_t cut = 0; cut < len; cut++) {
        char *copy = assay_memdup(text, cut); /* so that a read past the end is seen */
        assert_int_equal(read_text(&other, copy, cut, &record), ASSAY_E_STORE);
        assay_release(copy);
    }
    for (size_t i = 0; i < len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            text[i] = (char)(text[i] ^ (1 << bit));
            assert_int_equal(read_text(&other, text, len, &record), ASSAY_E_STORE);
            text[i] = (char)(text[i] ^ (1 << bit));
        }
    }
    assert_int_equal(read_text(&other, text, len, &record), ASSAY_OK);
    assay_source_record_free(record);
    char *twice = malloc(2 * len);
    memcpy(twice, text, len);
    memcpy(twice + len, text, len);
    assert_int_equal(read_text(&other, twice, 2 * len, &record), ASSAY_E_STORE);
    free(twice);
    assay_release(text);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        CASE(a_cold_source_becomes_warm),
        CASE(without_anything_there_is_no_record),
        CASE(only_what_is_newer_is_adopted),
        CASE(tags_of_documents_with_skipped_keys),
        CASE(missing_keys_stay_missing),
        CASE(the_loading_source_has_its_own_limits),
        CASE(records_are_older_than_the_steady_clock),
        CASE(wall_clocks_jump),
        CASE(tombstones_spread_and_beat_keys),
        CASE(a_purge_of_everything_is_a_record_of_tombstones),
        CASE(tombstones_have_a_limit),
        CASE(a_flight_under_way_is_newer),
        CASE(a_failure_since_is_forgotten),
        CASE(records_are_of_one_source),
        CASE(everything_is_vetted),
        CASE(the_largest_record_fits),
        CASE(symmetric_keys_are_not_written),
        CASE(every_truncation_and_every_flipped_bit_is_seen),
    };
    return cmocka_run_group_tests(tests, world_sets_setup, world_sets_teardown);
}
