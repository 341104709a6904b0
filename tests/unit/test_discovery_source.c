/* SPDX-License-Identifier: MIT */

/* The flights of a key source: freshness, conditional requests, metadata, failures, on canned answers and a clock of the test's own. Names: cases of the specification (K..) and attacks (a..). */
#include "support/source_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static world w;

static void test_first_flight(void **state)
{
    (void)state;
    assert_null(assay_source_snapshot(w.source));
    assert_int_equal(assay_source_expires_at(w.source), INT64_MIN);
    assert_true(assay_source_due_at(w.source) <= w.now);
    assert_true(world_allowed(&w, ASSAY_SOURCE_COLD));
    assert_int_equal(world_fly(&w, ASSAY_SOURCE_COLD), ASSAY_OK);
    assert_int_equal(w.fetches, 2);
    assert_string_equal(w.last_url, WORLD_JWKS_URI);
    assert_true(world_has(&w, "a"));
    assert_int_equal(assay_source_expires_at(w.source), w.now + 24 * HOUR);
    assert_int_equal(assay_source_last_failure(w.source, &w.failure), ASSAY_OK);
    assay_source_counters counters = assay_source_count(w.source);
    assert_int_equal(counters.metadata_fetches, 1);
    assert_int_equal(counters.key_fetches, 1);
    assert_int_equal(counters.failures, 0);
}

/* ---- freshness ---- */

static void expect_due(int64_t max_age, int64_t least, int64_t most)
{
    w.keys.max_age = max_age;
    int64_t earliest = INT64_MAX, latest = 0;
    for (int i = 0; i < 200; i++) {
        assert_int_equal(world_fly(&w, ASSAY_SOURCE_FORCED), ASSAY_OK);
        int64_t due = assay_source_due_at(w.source) - w.now;
        assert_int_equal(world_until(&w, ASSAY_SOURCE_SCHEDULED), due);
        assert_true(due >= least && due <= most);
        earliest = due < earliest ? due : earliest;
        latest = due > latest ? due : latest;
    }
    if (most > least) /* the jitter uses its room */
        assert_true(latest - earliest > (most - least) / 2);
}

static void test_freshness(void **state)
{
    (void)state;
    expect_due(0, 3240 * SECOND, 3600 * SECOND); /* no max-age */
    expect_due(3600, 3240 * SECOND, 3600 * SECOND);
    expect_due(86400, 3240 * SECOND, 3600 * SECOND);   /* Entra */
    expect_due(3828277, 3240 * SECOND, 3600 * SECOND); /* Okta, 44 days */
    expect_due(1000, 900 * SECOND, 1000 * SECOND);
    expect_due(310, 300 * SECOND, 310 * SECOND);
    expect_due(300, 300 * SECOND, 300 * SECOND);
    expect_due(15, 300 * SECOND, 300 * SECOND); /* Auth0 */
    expect_due(-1, 300 * SECOND, 300 * SECOND); /* no-cache, no-store */
}

static void test_same_seed_same_jitter(void **state)
{
    (void)state;
    int64_t due[3];
    for (uint64_t i = 0; i < 3; i++) {
        world other;
        world_init(&other, &(assay_source_config){.mode = ASSAY_SOURCE_OPENID, .seed = i / 2});
        other.keys.body = the_sets.a;
        assert_int_equal(world_fly(&other, ASSAY_SOURCE_COLD), ASSAY_OK);
        due[i] = assay_source_due_at(other.source);
        world_clear(&other);
    }
    assert_int_equal(due[0], due[1]);
    assert_int_not_equal(due[0], due[2]);
}

/* Freshness counts from the end of the fetch. */
static void test_freshness_counts_from_completion(void **state)
{
    (void)state;
    assay_http_request request;
    assay_http_response response;
    assay_source_begin(w.source, ASSAY_SOURCE_COLD, w.now);
    const char *bodies[] = {WORLD_METADATA, the_sets.a};
    for (int i = 0; assay_source_next(w.source, &request); i++) {
        assay_http_response_init(&response);
        response.status = 200;
        response.body = assay_strdup(bodies[i]);
        response.body_len = strlen(bodies[i]);
        w.now += 4 * SECOND;
        assert_int_equal(world_answer(&w, &response, NULL), ASSAY_OK);
        assay_http_response_clear(&response);
    }
    assert_int_equal(assay_source_expires_at(w.source), w.now + 24 * HOUR);
}

/* ---- reading apart from taking in ---- */

/* What an answer of this body says, to what is asked now or to the other document. */
static assay_source_reading read_body(bool metadata, const char *body, const char *etag)
{
    assay_http_request request = {.url = WORLD_JWKS_URI, .body_limit = ASSAY_LIMIT_JWKS_BYTES};
    assay_http_response response;
    assay_source_reading reading;
    assay_http_response_init(&response);
    response.status = 200;
    response.body_len = strlen(body);
    response.body = assay_memdup(body, response.body_len);
    snprintf(response.etag, sizeof response.etag, "%s", etag);
    assay_source_read(w.source, metadata, &request, &response, &reading);
    assay_http_response_clear(&response); /* what was read needs nothing of it */
    return reading;
}

static void test_reading_changes_nothing(void **state)
{
    (void)state;
    assay_http_request request;
    assay_source_reading metadata = read_body(true, WORLD_METADATA, "\"m\""),
                         keys = read_body(false, the_sets.b, "\"k\"");
    assert_int_equal(metadata.code, ASSAY_OK);
    assert_string_equal(metadata.jwks_uri, WORLD_JWKS_URI);
    assert_int_equal(keys.code, ASSAY_OK);
    assert_int_equal(keys.keys.count, 1);
    assert_null(assay_source_snapshot(w.source));
    assert_null(assay_source_jwks_uri(w.source));
    assay_source_begin(w.source, ASSAY_SOURCE_COLD, w.now);
    assert_int_equal(assay_source_answered(w.source, &metadata, w.now, NULL), ASSAY_OK);
    assert_int_equal(assay_source_answered(w.source, &keys, w.now, NULL), ASSAY_OK);
    assay_source_reading_clear(&metadata);
    assay_source_reading_clear(&keys);
    assay_source_reading_clear(&keys); /* as often as one likes */
    assert_true(world_has(&w, "b"));
    assay_source_begin(w.source, ASSAY_SOURCE_FORCED, w.now);
    assert_true(assay_source_next(w.source, &request));
    assert_string_equal(request.if_none_match, "\"k\"");
}

/* A set in which nothing can be used is told while reading, with why. */
static void test_reading_says_what_is_wrong(void **state)
{
    (void)state;
    assay_source_reading reading = read_body(false, the_sets.unusable, "");
    assert_int_equal(reading.code, ASSAY_E_JWKS);
    assert_non_null(strstr(reading.failure.note, "none of 2 keys can be used"));
    assay_source_reading_clear(&reading);
    reading = read_body(true, the_sets.a, "");
    assert_int_equal(reading.code, ASSAY_E_METADATA);
    assert_null(reading.jwks_uri);
    assay_source_reading_clear(&reading);
}

static void test_reading_of_the_other_document(void **state)
{
    (void)state;
    world_warm(&w, the_sets.a);
    w.now += 25 * HOUR;
    assay_source_counters before = assay_source_count(w.source);
    assay_source_reading metadata = read_body(true, WORLD_METADATA, ""), keys = read_body(false, the_sets.b, "");
    assay_source_begin(w.source, ASSAY_SOURCE_SCHEDULED, w.now);
    assert_true(assay_source_wants_metadata(w.source));
    assert_int_equal(assay_source_answered(w.source, &keys, w.now, &w.failure), ASSAY_E_INTERNAL);
    assert_false(world_has(&w, "b"));
    assert_int_equal(assay_source_answered(w.source, &metadata, w.now, NULL), ASSAY_OK); /* the flight goes on */
    assert_false(assay_source_wants_metadata(w.source));
    assert_int_equal(assay_source_answered(w.source, &metadata, w.now, &w.failure), ASSAY_E_INTERNAL);
    assert_int_equal(assay_source_answered(w.source, &keys, w.now, NULL), ASSAY_OK);
    assert_true(world_has(&w, "b"));
    assay_source_reading_clear(&metadata);
    assay_source_reading_clear(&keys);
    world_free_retired(&w);
    assay_source_counters after = assay_source_count(w.source);
    assert_int_equal(after.failures, before.failures);
    assert_int_equal(after.key_fetches, before.key_fetches + 1);
    assert_int_equal(after.metadata_fetches, before.metadata_fetches + 1);
}

/* ---- conditional requests ---- */

static void test_not_modified_is_a_success(void **state)
{
    (void)state;
    w.keys.etag = "\"e1\"";
    w.keys.max_age = 600;
    world_warm(&w, the_sets.a);
    assert_string_equal(w.keys_tag, "");
    w.now += HOUR;
    w.keys = (canned_answer){.status = 304};
    assert_int_equal(world_fly(&w, ASSAY_SOURCE_SCHEDULED), ASSAY_OK);
    assert_string_equal(w.keys_tag, "\"e1\"");
    assert_true(world_has(&w, "a"));
    assert_int_equal(assay_source_expires_at(w.source), w.now + 24 * HOUR);
    /* RFC 9111, section 4.3.4: max-age stays what it was */
    assert_true(assay_source_due_at(w.source) <= w.now + 600 * SECOND);
    assert_int_equal(assay_source_count(w.source).not_modified, 1);
    w.keys = (canned_answer){.status = 304};
    assert_int_equal(world_fly(&w, ASSAY_SOURCE_SCHEDULED), ASSAY_OK);
    assert_string_equal(w.keys_tag, "\"e1\"");
}

static void test_not_modified_without_a_tag_is_an_error(void **state)
{
    (void)state;
    w.keys.status = 304;
    assert_int_equal(world_fly(&w, ASSAY_SOURCE_COLD), ASSAY_E_RESPONSE);
    assert_null(assay_source_snapshot(w.source));
    w.now += HOUR;
    w.keys.status = 0;
    world_warm(&w, the_sets.a); /* no tag */
    w.keys.status = 304;
    assert_int_equal(world_fly(&w, ASSAY_SOURCE_FORCED), ASSAY_E_RESPONSE);
    w.metadata.status = 304;
    w.now += 25 * HOUR;
    assert_int_equal(world_fly(&w, ASSAY_SOURCE_FORCED), ASSAY_E_RESPONSE);
    assert_true(world_has(&w, "a"));
}

/* Unchanged means: the same set served again, so retention goes on and what went stays gone. */
static void test_not_modified_ends_retention(void **state)
{
    (void)state;
    world_warm(&w, the_sets.ab);
    w.now += HOUR;
    w.keys.etag = "\"e1\"";
    world_warm(&w, the_sets.a);
    assert_true(world_has(&w, "b"));
    w.keys = (canned_answer){.status = 304};
    w.now += 59 * MINUTE;
    assert_int_equal(world_fly(&w, ASSAY_SOURCE_SCHEDULED), ASSAY_OK);
    assert_true(world_has(&w, "b"));
    w.now += MINUTE;
    assert_int_equal(world_fly(&w, ASSAY_SOURCE_SCHEDULED), ASSAY_OK);
    assert_false(world_has(&w, "b"));
    assert_int_equal(world_fly(&w, ASSAY_SOURCE_SCHEDULED), ASSAY_OK);
    assert_false(world_has(&w, "b"));
    assert_true(world_has(&w, "a"));
}

static void test_tag_is_of_one_url(void **state)
{
    (void)state;
    w.keys.etag = "\"e1\"";
    world_warm(&w, the_sets.a);
    w.now += 25 * HOUR;
    w.metadata.body = "{\"issuer\":\"" WORLD_ISSUER "\",\"jwks_uri\":\"https://other.example/keys\"}";
    assert_int_equal(world_fly(&w, ASSAY_SOURCE_SCHEDULED), ASSAY_OK);
    assert_string_equal(w.last_url, "https://other.example/keys");
    assert_string_equal(w.keys_tag, "");
}

static void test_tag_goes_with_the_next_document(void **state)
{
    (void)state;
    w.keys.etag = "\"e1\"";
    world_warm(&w, the_sets.a);
    w.keys.etag = NULL;
    world_warm(&w, the_sets.b);
    assert_string_equal(w.keys_tag, "\"e1\"");
    world_warm(&w, the_sets.b);
    assert_string_equal(w.keys_tag, "");
}

/* ---- metadata ---- */

static void expect_metadata(bool fetched)
{
    (void)world_fly(&w, ASSAY_SOURCE_FORCED);
    assert_int_equal(w.fetches, fetched ? 2 : 1);
}

static void test_metadata_freshness(void **state)
{
    (void)state;
    static const struct {
        int64_t max_age, fresh_for;
    } cases[] = {{0, 86400}, {-1, 3600}, {15, 3600}, {7200, 7200}, {86400, 86400}, {999999, 86400}};
    for (size_t i = 0; i < ASSAY_COUNT_OF(cases); i++) {
        w.now += 48 * HOUR;
        w.metadata.max_age = cases[i].max_age;
        expect_metadata(true);
        w.now += cases[i].fresh_for * SECOND - 1;
        expect_metadata(false);
        w.now += 1;
        expect_metadata(true);
    }
}

static void test_metadata_not_modified(void **state)
{
    (void)state;
    w.metadata.etag = "\"m1\"";
    world_warm(&w, the_sets.a);
    w.now += 25 * HOUR;
    w.metadata = (canned_answer){.status = 304, .max_age = 7200};
    expect_metadata(true);
    assert_string_equal(w.metadata_tag, "\"m1\"");
    assert_string_equal(w.last_url, WORLD_JWKS_URI);
    w.now += 2 * HOUR - 1;
    expect_metadata(false);
    w.now += 1;
    expect_metadata(true);
}

static void test_metadata_again_after_a_failed_key_fetch(void **state)
{
    (void)state;
    world_warm(&w, the_sets.a);
    w.keys.status = 404;
    expect_metadata(false);
    w.keys = (canned_answer){.body = the_sets.b};
    w.metadata.body = "{\"issuer\":\"" WORLD_ISSUER "\",\"jwks_uri\":\"https://moved.example/keys\"}";
    expect_metadata(true);
    assert_string_equal(w.last_url, "https://moved.example/keys");
    assert_true(world_has(&w, "b"));
    expect_metadata(false);
}

/* K17 */
static void test_k17_issuer_changes(void **state)
{
    (void)state;
    world_warm(&w, the_sets.a);
    int64_t expires = assay_source_expires_at(w.source);
    w.now += 25 * HOUR;
    w.keys.body = the_sets.b;
    w.metadata.body = "{\"issuer\":\"https://evil.example\",\"jwks_uri\":\"https://evil.example/keys\"}";
    assert_int_equal(world_fly(&w, ASSAY_SOURCE_SCHEDULED), ASSAY_E_METADATA_ISSUER);
    assert_int_equal(w.fetches, 1);
    assert_string_equal(w.failure.found, "https://evil.example");
    assert_string_equal(assay_source_jwks_uri(w.source), WORLD_JWKS_URI);
    assert_true(world_has(&w, "a"));
    assert_false(world_has(&w, "b"));
    assert_int_equal(assay_source_expires_at(w.source), expires);
}

static void test_metadata_refetch_fails(void **state)
{
    (void)state;
    world_warm(&w, the_sets.a);
    w.now += 25 * HOUR;
    static const struct {
        canned_answer answer;
        int code; /* ASSAY_OK: the keys are fetched all the same */
    } cases[] = {
        {{.status = 500}, ASSAY_OK},
        {{.status = 429, .retry_after = 300}, ASSAY_OK},
        {{.status = 302}, ASSAY_OK},
        {{.body = NULL}, ASSAY_OK},
        {{.body = WORLD_METADATA, .encoded = true}, ASSAY_OK},
        {{.failed = ASSAY_E_TIMEOUT}, ASSAY_OK},
        {{.failed = ASSAY_E_RESOLVE}, ASSAY_OK},
        {{.failed = ASSAY_E_RESPONSE_SIZE}, ASSAY_OK},
        {{.failed = ASSAY_E_MEMORY}, ASSAY_E_MEMORY},
        {{.body = "{}"}, ASSAY_E_METADATA},
        {{.body = "{\"issuer\":\"" WORLD_ISSUER "\"}"}, ASSAY_E_JWKS_URI},
        {{.body = "{\"issuer\":\"https://evil.example\"}"}, ASSAY_E_METADATA_ISSUER},
    };
    for (size_t i = 0; i < ASSAY_COUNT_OF(cases); i++) {
        w.now += 25 * HOUR;
        uint64_t failures = assay_source_count(w.source).failures;
        w.metadata = cases[i].answer;
        assert_int_equal(world_fly(&w, ASSAY_SOURCE_SCHEDULED), cases[i].code);
        assert_int_equal(w.fetches, cases[i].code == ASSAY_OK ? 2 : 1);
        assert_int_equal(assay_source_count(w.source).failures, failures + 1);
        assert_string_equal(assay_source_jwks_uri(w.source), WORLD_JWKS_URI);
        assert_int_equal(assay_source_last_failure(w.source, NULL), cases[i].code);
        /* Asked for again by the next flight, and then not. */
        w.metadata = (canned_answer){.body = WORLD_METADATA};
        expect_metadata(true);
        expect_metadata(false);
    }
}

/* Where both fail, the flight ends with the failure of the keys. */
static void test_metadata_and_keys_fail(void **state)
{
    (void)state;
    world_warm(&w, the_sets.a);
    w.now += 25 * HOUR;
    w.metadata.failed = ASSAY_E_CONNECT;
    w.keys.status = 500;
    assert_int_equal(world_fly(&w, ASSAY_SOURCE_SCHEDULED), ASSAY_E_HTTP_STATUS);
    assert_int_equal(assay_source_count(w.source).failures, 2);
    assert_false(world_allowed(&w, ASSAY_SOURCE_COLD));
    assert_true(world_has(&w, "a"));
}

/* K18, K19: nothing is fetched from a place that the metadata may not name */
static void test_k18_k19_bad_metadata(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        int code;
    } cases[] = {
        {"{\"issuer\":\"https://issuer.example/\",\"jwks_uri\":\"https://x/\"}", ASSAY_E_METADATA_ISSUER},
        {"{\"issuer\":\"" WORLD_ISSUER "\",\"jwks_uri\":\"http://x/\"}", ASSAY_E_JWKS_URI},
        {"{\"issuer\":\"" WORLD_ISSUER "\"}", ASSAY_E_JWKS_URI},
        {"{}", ASSAY_E_METADATA},
        {"[]", ASSAY_E_METADATA},
        {"<html></html>", ASSAY_E_METADATA},
        {NULL, ASSAY_E_RESPONSE},
    };
    for (size_t i = 0; i < ASSAY_COUNT_OF(cases); i++) {
        w.metadata.body = cases[i].body;
        assert_int_equal(world_fly(&w, ASSAY_SOURCE_COLD), cases[i].code);
        assert_int_equal(w.fetches, 1);
        assert_null(assay_source_snapshot(w.source));
    }
}

static void test_k19_host_list(void **state)
{
    (void)state;
    static const char *const hosts[] = {"keys.example"};
    world other;
    world_init(&other, &(assay_source_config){.mode = ASSAY_SOURCE_OPENID, .jwks_hosts = hosts, .jwks_host_count = 1});
    other.keys.body = the_sets.a;
    assert_int_equal(world_fly(&other, ASSAY_SOURCE_COLD), ASSAY_E_JWKS_URI);
    other.metadata.body = "{\"issuer\":\"" WORLD_ISSUER "\",\"jwks_uri\":\"https://keys.example/k\"}";
    assert_int_equal(world_fly(&other, ASSAY_SOURCE_COLD), ASSAY_OK);
    world_clear(&other);
}

/* ---- failures ---- */

/* K15, attacks.md 53 */
static void test_k15_failures_keep_keys_until_the_hard_limit(void **state)
{
    (void)state;
    static const int codes[] = {ASSAY_E_TIMEOUT, ASSAY_E_TLS, ASSAY_E_RESOLVE, ASSAY_E_CONNECT, ASSAY_E_NETWORK};
    world_warm(&w, the_sets.a);
    int64_t expires = assay_source_expires_at(w.source);
    for (size_t i = 0; i < ASSAY_COUNT_OF(codes); i++) {
        w.now += HOUR;
        w.keys = (canned_answer){.failed = codes[i]};
        assert_int_equal(world_fly(&w, ASSAY_SOURCE_SCHEDULED), codes[i]);
        assay_failure why;
        assert_int_equal(assay_source_last_failure(w.source, &why), codes[i]);
        assert_string_equal(why.note, "no answer");
        assert_true(world_has(&w, "a"));
        assert_int_equal(assay_source_expires_at(w.source), expires);
    }
    w.keys = (canned_answer){.status = 503};
    assert_int_equal(world_fly(&w, ASSAY_SOURCE_SCHEDULED), ASSAY_E_HTTP_STATUS);
    assert_int_equal(assay_source_expires_at(w.source), expires);
    assert_true(world_has(&w, "a"));
    w.now = expires + HOUR;
    w.keys = (canned_answer){.body = the_sets.b};
    assert_int_equal(world_fly(&w, ASSAY_SOURCE_COLD), ASSAY_OK);
    assert_true(world_has(&w, "b"));
    assert_false(world_has(&w, "a")); /* past the limit for good */
    assert_int_equal(assay_source_last_failure(w.source, NULL), ASSAY_OK);
    assert_int_equal(assay_source_count(w.source).failures, ASSAY_COUNT_OF(codes) + 1);
}

/* K16, attacks.md 54, 60, 64 */
static void test_k16_bad_answers_never_replace_good_keys(void **state)
{
    (void)state;
    char *huge = malloc(ASSAY_LIMIT_JWKS_BYTES + 100), *deep = malloc(20001);
    assert_non_null(huge);
    assert_non_null(deep);
    memset(huge, ' ', ASSAY_LIMIT_JWKS_BYTES + 99);
    memcpy(huge, "{\"keys\":[]}", 11);
    huge[ASSAY_LIMIT_JWKS_BYTES + 99] = '\0';
    memset(deep, '[', 20000);
    deep[20000] = '\0';
    const struct {
        canned_answer answer;
        int code;
    } cases[] = {
        {{.body = "hello"}, ASSAY_E_JWKS},
        {{.body = "{\"keys\":[{\"kty\":\"RS"}, ASSAY_E_JWKS},
        {{.body = the_sets.empty}, ASSAY_E_JWKS},
        {{.body = the_sets.unusable}, ASSAY_E_JWKS},
        {{.body = "{\"keys\":{}}"}, ASSAY_E_JWKS},
        {{.body = "{}"}, ASSAY_E_JWKS},
        {{.body = "null"}, ASSAY_E_JWKS},
        {{.body = deep}, ASSAY_E_JWKS},
        {{.body = NULL}, ASSAY_E_RESPONSE},
        {{.body = ""}, ASSAY_E_RESPONSE},
        {{.body = "<html>", .content_type = "text/html; charset=utf-8"}, ASSAY_E_RESPONSE},
        {{.body = the_sets.b, .content_type = "TEXT/HTML"}, ASSAY_E_RESPONSE},
        {{.body = the_sets.b, .content_type = "application/xhtml+xml"}, ASSAY_E_RESPONSE},
        {{.body = the_sets.b, .encoded = true}, ASSAY_E_RESPONSE},
        {{.body = huge}, ASSAY_E_RESPONSE_SIZE},
        {{.body = the_sets.b, .status = 204}, ASSAY_E_HTTP_STATUS},
        {{.body = the_sets.b, .status = 206}, ASSAY_E_HTTP_STATUS},
        {{.body = the_sets.b, .status = 101}, ASSAY_E_HTTP_STATUS},
        {{.body = the_sets.b, .status = 404}, ASSAY_E_HTTP_STATUS},
        {{.body = the_sets.b, .status = 500}, ASSAY_E_HTTP_STATUS},
        {{.body = the_sets.b, .status = -1}, ASSAY_E_HTTP_STATUS},
        {{.body = the_sets.b, .status = 300}, ASSAY_E_REDIRECT},
        {{.body = the_sets.b, .status = 301}, ASSAY_E_REDIRECT},
        {{.body = the_sets.b, .status = 302}, ASSAY_E_REDIRECT},
        {{.body = the_sets.b, .status = 307}, ASSAY_E_REDIRECT},
        {{.body = the_sets.b, .status = 308}, ASSAY_E_REDIRECT},
        {{.body = the_sets.b, .effective_url = "https://evil.example/keys"}, ASSAY_E_REDIRECT},
        {{.body = the_sets.b, .effective_url = "http://issuer.example/keys"}, ASSAY_E_REDIRECT},
        {{.body = the_sets.b, .effective_url = "https://issuer.example/keys?x"}, ASSAY_E_REDIRECT},
        {{.body = the_sets.b, .effective_url = "https://issuer.example:444/keys"}, ASSAY_E_REDIRECT},
        {{.body = the_sets.b, .effective_url = "junk"}, ASSAY_E_REDIRECT},
    };
    world_warm(&w, the_sets.a);
    int64_t expires = assay_source_expires_at(w.source);
    for (size_t i = 0; i < ASSAY_COUNT_OF(cases); i++) {
        w.keys = cases[i].answer;
        int code = world_fly(&w, ASSAY_SOURCE_FORCED);
        if (code != cases[i].code)
            fail_msg("case %zu: %d instead of %d (%s)", i, code, cases[i].code, w.failure.note);
        assert_true(w.failure.note[0] != '\0');
        assert_true(world_has(&w, "a"));
        assert_int_equal(world_count(&w), 1);
        assert_int_equal(assay_source_expires_at(w.source), expires);
        assert_int_equal(assay_source_last_failure(w.source, NULL), code);
    }
    assert_int_equal(assay_source_count(w.source).failures, ASSAY_COUNT_OF(cases));
    /* Where it came from may be spelled another way. */
    static const char *const same[] = {WORLD_JWKS_URI, "https://ISSUER.example:443/keys"};
    for (size_t i = 0; i < ASSAY_COUNT_OF(same); i++) {
        w.keys = (canned_answer){.body = the_sets.b, .effective_url = same[i]};
        assert_int_equal(world_fly(&w, ASSAY_SOURCE_FORCED), ASSAY_OK);
    }
    free(huge);
    free(deep);
}

static void test_content_type_need_not_be_json(void **state)
{
    (void)state;
    static const char *const types[] = {"", "text/plain", "application/octet-stream", "application/jwk-set+json",
                                        "nonsense"};
    for (size_t i = 0; i < ASSAY_COUNT_OF(types); i++) {
        w.keys = (canned_answer){.body = the_sets.a, .content_type = types[i]};
        assert_int_equal(world_fly(&w, ASSAY_SOURCE_FORCED), ASSAY_OK);
    }
}

static void test_back_off(void **state)
{
    (void)state;
    static const int64_t most[] = {5, 10, 20, 40, 80, 160, 300, 300, 300};
    w.keys.status = 500;
    for (size_t i = 0; i < ASSAY_COUNT_OF(most); i++) {
        assert_true(world_allowed(&w, ASSAY_SOURCE_COLD));
        assert_int_equal(world_fly(&w, ASSAY_SOURCE_COLD), ASSAY_E_HTTP_STATUS);
        int64_t pause = world_until(&w, ASSAY_SOURCE_COLD);
        assert_true(pause >= most[i] * SECOND / 2 && pause <= most[i] * SECOND);
        assert_int_equal(world_until(&w, ASSAY_SOURCE_SCHEDULED), pause);
        assert_true(world_allowed(&w, ASSAY_SOURCE_FORCED));
        w.now += pause - 1;
        assert_false(world_allowed(&w, ASSAY_SOURCE_COLD));
        assert_int_equal(assay_source_last_failure(w.source, NULL), ASSAY_E_HTTP_STATUS);
        w.now += 1;
    }
    w.keys.status = 0;
    assert_int_equal(world_fly(&w, ASSAY_SOURCE_COLD), ASSAY_OK);
    assert_true(world_allowed(&w, ASSAY_SOURCE_COLD));
    w.now += HOUR;
    w.keys.status = 500;
    assert_int_equal(world_fly(&w, ASSAY_SOURCE_SCHEDULED), ASSAY_E_HTTP_STATUS);
    assert_true(world_until(&w, ASSAY_SOURCE_SCHEDULED) <= 5 * SECOND); /* counted from the start again */
}

static void test_retry_after(void **state)
{
    (void)state;
    static const struct {
        int status;
        int64_t asked, least, most;
    } cases[] = {{503, 60, 60, 60}, {429, 120, 120, 120}, {503, 86400, 300, 300}, {500, 250, 2, 5}, {503, 1, 2, 5}};
    for (size_t i = 0; i < ASSAY_COUNT_OF(cases); i++) {
        w.keys = (canned_answer){.body = the_sets.a};
        assert_int_equal(world_fly(&w, ASSAY_SOURCE_FORCED), ASSAY_OK); /* failures forgotten */
        w.keys = (canned_answer){.status = cases[i].status, .retry_after = cases[i].asked};
        assert_int_equal(world_fly(&w, ASSAY_SOURCE_COLD), ASSAY_E_HTTP_STATUS);
        int64_t pause = world_until(&w, ASSAY_SOURCE_COLD);
        assert_true(pause >= cases[i].least * SECOND && pause <= cases[i].most * SECOND);
    }
}

/* attacks.md, 51: the cooldown does not depend on what came */
static void test_a51_empty_set_does_not_bypass_the_back_off(void **state)
{
    (void)state;
    w.keys.body = the_sets.empty;
    int flights = 0;
    for (int i = 0; i < 10 * 60; i++, w.now += SECOND)
        flights += world_try(&w, ASSAY_SOURCE_COLD) ? 1 : 0;
    assert_true(flights >= 6 && flights <= 12);
    w.keys.status = 500;
    w.now += HOUR;
    flights = 0;
    for (int i = 0; i < 10 * 60; i++, w.now += SECOND)
        flights += world_try(&w, ASSAY_SOURCE_UNKNOWN_KID) ? 1 : 0;
    assert_true(flights >= 3 && flights <= 5); /* at 0, 60, 180, 420 s */
}

#define CASE(function) cmocka_unit_test_prestate_setup_teardown(function, world_setup, world_teardown, &w)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_first_flight),
        CASE(test_freshness),
        CASE(test_same_seed_same_jitter),
        CASE(test_freshness_counts_from_completion),
        CASE(test_reading_changes_nothing),
        CASE(test_reading_says_what_is_wrong),
        CASE(test_reading_of_the_other_document),
        CASE(test_not_modified_is_a_success),
        CASE(test_not_modified_without_a_tag_is_an_error),
        CASE(test_not_modified_ends_retention),
        CASE(test_tag_is_of_one_url),
        CASE(test_tag_goes_with_the_next_document),
        CASE(test_metadata_freshness),
        CASE(test_metadata_not_modified),
        CASE(test_metadata_again_after_a_failed_key_fetch),
        CASE(test_k17_issuer_changes),
        CASE(test_metadata_refetch_fails),
        CASE(test_metadata_and_keys_fail),
        CASE(test_k18_k19_bad_metadata),
        CASE(test_k19_host_list),
        CASE(test_k15_failures_keep_keys_until_the_hard_limit),
        CASE(test_k16_bad_answers_never_replace_good_keys),
        CASE(test_content_type_need_not_be_json),
        CASE(test_back_off),
        CASE(test_retry_after),
        CASE(test_a51_empty_set_does_not_bypass_the_back_off),
    };
    return cmocka_run_group_tests(tests, world_sets_setup, world_sets_teardown);
}
