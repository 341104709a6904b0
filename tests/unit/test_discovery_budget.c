/* SPDX-License-Identifier: MIT */

/* The budgets, retention, purging and times of a key source, on canned answers and a clock of the test's own. Names: cases of the specification (K..) and attacks (a..). */
#include "support/source_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static world w;

/* ---- unknown kid ---- */

/* K11 */
static void test_k11_unknown_kid_brings_the_key(void **state)
{
    (void)state;
    world_warm(&w, the_sets.a);
    w.now += MINUTE;
    w.keys.body = the_sets.ab;
    assert_false(world_has(&w, "b"));
    assert_true(world_try(&w, ASSAY_SOURCE_UNKNOWN_KID));
    assert_int_equal(w.fetches, 1);
    assert_true(world_has(&w, "b"));
    assert_int_equal(assay_source_count(w.source).unknown_kid_fetches, 1);
}

/* K13 (K12's tokens never get here), attacks.md 50 */
static void test_k13_flood_of_unknown_kids(void **state)
{
    (void)state;
    world_warm(&w, the_sets.a);
    int flights = 0;
    int64_t begin = w.now;
    for (int i = 0; i < 10000; i++, w.now += 30) /* five minutes */
        flights += world_try(&w, ASSAY_SOURCE_UNKNOWN_KID) ? 1 : 0;
    assert_int_equal(w.now - begin, 300 * SECOND);
    assert_int_equal(flights, 10);
    assert_true(world_has(&w, "a"));
    assert_int_equal(world_count(&w), 1);
}

static void test_unknown_kid_window(void **state)
{
    (void)state;
    static const int64_t after[] = {60, 120, 240, 300, 300};
    world_warm(&w, the_sets.a);
    assert_true(world_allowed(&w, ASSAY_SOURCE_UNKNOWN_KID)); /* the first at once */
    w.keys.status = 500;
    for (size_t i = 0; i < ASSAY_COUNT_OF(after); i++) {
        assert_int_equal(world_fly(&w, ASSAY_SOURCE_UNKNOWN_KID), ASSAY_E_HTTP_STATUS);
        assert_int_equal(world_until(&w, ASSAY_SOURCE_UNKNOWN_KID), after[i] * SECOND);
        w.now += after[i] * SECOND;
    }
    w.keys.status = 0;
    assert_int_equal(world_fly(&w, ASSAY_SOURCE_UNKNOWN_KID), ASSAY_OK);
    assert_int_equal(world_until(&w, ASSAY_SOURCE_UNKNOWN_KID), 30 * SECOND);
}

static void test_unknown_kid_is_stamped_at_begin(void **state)
{
    (void)state;
    world_warm(&w, the_sets.a);
    assay_source_begin(w.source, ASSAY_SOURCE_UNKNOWN_KID, w.now);
    assert_int_equal(world_until(&w, ASSAY_SOURCE_UNKNOWN_KID), 30 * SECOND);
    assay_source_abandoned(w.source, w.now + SECOND);
    assert_int_equal(world_until(&w, ASSAY_SOURCE_UNKNOWN_KID), 30 * SECOND);
    assert_true(world_allowed(&w, ASSAY_SOURCE_COLD)); /* no back-off */
}

/* attacks.md, 52: neither budget touches the other */
static void test_a52_budgets_are_separate(void **state)
{
    (void)state;
    world_warm(&w, the_sets.a);
    int64_t due = assay_source_due_at(w.source), scheduled = assay_source_allowed_at(w.source, ASSAY_SOURCE_SCHEDULED);
    w.keys.status = 500;
    w.now += 50 * MINUTE;
    for (int i = 0; i < 5; i++)
        assert_int_equal(world_fly(&w, ASSAY_SOURCE_UNKNOWN_KID), ASSAY_E_HTTP_STATUS);
    assert_int_equal(assay_source_due_at(w.source), due);
    assert_int_equal(assay_source_allowed_at(w.source, ASSAY_SOURCE_SCHEDULED), scheduled);
    assert_true(world_allowed(&w, ASSAY_SOURCE_COLD));

    w.keys.status = 0;
    w.now += HOUR;
    assert_int_equal(world_fly(&w, ASSAY_SOURCE_SCHEDULED), ASSAY_OK);
    w.keys.status = 500;
    w.now += HOUR;
    for (int i = 0; i < 5; i++)
        assert_int_equal(world_fly(&w, ASSAY_SOURCE_SCHEDULED), ASSAY_E_HTTP_STATUS);
    assert_false(world_allowed(&w, ASSAY_SOURCE_SCHEDULED));
    assert_true(world_allowed(&w, ASSAY_SOURCE_UNKNOWN_KID));
    w.keys.status = 0;
    assert_int_equal(world_fly(&w, ASSAY_SOURCE_UNKNOWN_KID), ASSAY_OK); /* renews freshness */
    assert_true(assay_source_due_at(w.source) > w.now);
    assert_int_equal(assay_source_expires_at(w.source), w.now + 24 * HOUR);
}

/* K20 */
static void test_k20_kid_is_compared_byte_by_byte(void **state)
{
    (void)state;
    world_warm(&w, the_sets.a);
    assert_true(world_has(&w, "a"));
    assert_false(world_has(&w, "A"));
    assert_false(world_has(&w, "a "));
    assert_false(world_has(&w, ""));
}

/* ---- retention, purge, push ---- */

/* K30 */
static void test_k30_retained_key(void **state)
{
    (void)state;
    world_warm(&w, the_sets.ab);
    w.now += 30 * MINUTE;
    world_warm(&w, the_sets.a);
    assert_true(world_has(&w, "b"));
    w.now += 59 * MINUTE;
    world_warm(&w, the_sets.a);
    assert_true(world_has(&w, "b"));
    w.now += MINUTE;
    world_warm(&w, the_sets.a);
    assert_false(world_has(&w, "b")); /* attacks.md, 57 */
    world_warm(&w, the_sets.ab);
    assert_true(world_has(&w, "b"));
    /* It ends in time, without any fetch. */
    world_warm(&w, the_sets.a);
    w.now += HOUR - 1;
    assert_true(world_has(&w, "b"));
    w.now += 1;
    assert_false(world_has(&w, "b"));
    assert_true(world_has(&w, "a"));
}

/* The caller's clock goes back: the time of the source stands still, and so does retention. */
static void test_retention_and_a_clock_that_goes_back(void **state)
{
    (void)state;
    world_warm(&w, the_sets.ab);
    world_warm(&w, the_sets.a);
    w.now -= 10 * HOUR;
    assay_source_observe(w.source, w.now);
    assert_int_equal(assay_source_lag(w.source), 10 * HOUR);
    assert_true(world_has(&w, "b"));
    w.now += HOUR;
    assert_false(world_has(&w, "b"));
}

static void test_no_retention(void **state)
{
    (void)state;
    world other;
    world_init(&other, &(assay_source_config){.mode = ASSAY_SOURCE_OPENID, .retention_ms = -1});
    other.keys.body = the_sets.ab;
    assert_int_equal(world_fly(&other, ASSAY_SOURCE_COLD), ASSAY_OK);
    other.keys.body = the_sets.a;
    assert_int_equal(world_fly(&other, ASSAY_SOURCE_SCHEDULED), ASSAY_OK);
    assert_false(world_has(&other, "b"));
    world_clear(&other);
}

/* K31, attacks.md 57 */
static void test_k31_purge(void **state)
{
    (void)state;
    assert_int_equal(assay_source_purge(w.source, NULL, w.now), ASSAY_E_KEY_UNKNOWN);
    w.keys.etag = "\"e1\"";
    world_warm(&w, the_sets.ab);
    assert_int_equal(assay_source_purge(w.source, "zz", w.now), ASSAY_E_KEY_UNKNOWN);
    assert_int_equal(assay_source_purge(w.source, "zz", w.now), ASSAY_E_KEY_UNKNOWN);
    assert_int_equal(assay_source_purge(w.source, "b", w.now), ASSAY_OK);
    world_free_retired(&w);
    assert_true(world_has(&w, "a"));
    assert_false(world_has(&w, "b"));
    /* A stale answer brings nothing back, a 304 neither. */
    world_warm(&w, the_sets.ab);
    assert_false(world_has(&w, "b"));
    w.keys = (canned_answer){.status = 304};
    assert_int_equal(world_fly(&w, ASSAY_SOURCE_SCHEDULED), ASSAY_OK);
    assert_false(world_has(&w, "b"));
    assert_true(world_has(&w, "a"));
    assert_int_equal(assay_source_purge(w.source, "b", w.now), ASSAY_E_KEY_UNKNOWN);
    /* Nothing but purged keys is no key set. */
    w.keys = (canned_answer){.body = the_sets.b};
    assert_int_equal(world_fly(&w, ASSAY_SOURCE_FORCED), ASSAY_E_JWKS);
    assert_true(world_has(&w, "a"));
}

/* A kid that is purged before its key was seen never counts. */
static void test_k31_purge_ahead(void **state)
{
    (void)state;
    assert_int_equal(assay_source_purge(w.source, "b", w.now), ASSAY_E_KEY_UNKNOWN); /* before the first fetch */
    world_warm(&w, the_sets.ab);
    assert_true(world_has(&w, "a"));
    assert_false(world_has(&w, "b"));
    assert_int_equal(assay_source_purge(w.source, "c", w.now), ASSAY_E_KEY_UNKNOWN);
    assert_int_equal(world_push(&w, the_sets.c), ASSAY_E_CONFIG_KEYS);
    w.keys.body = the_sets.c;
    assert_int_equal(world_fly(&w, ASSAY_SOURCE_FORCED), ASSAY_E_JWKS);
    assert_true(world_has(&w, "a"));
}

/* Without a kid and without keys nothing is buried. */
static void test_k31_purge_nothing(void **state)
{
    (void)state;
    assert_int_equal(assay_source_purge(w.source, NULL, w.now), ASSAY_E_KEY_UNKNOWN);
    world_warm(&w, the_sets.ab);
    assert_int_equal(world_count(&w), 2);
}

static void test_k31_purge_all(void **state)
{
    (void)state;
    world_warm(&w, the_sets.ab);
    assert_int_equal(assay_source_purge(w.source, NULL, w.now), ASSAY_OK);
    world_free_retired(&w);
    assert_int_equal(world_count(&w), 0);
    assert_int_equal(world_fly(&w, ASSAY_SOURCE_FORCED), ASSAY_E_JWKS);
    world_warm(&w, the_sets.c);
    assert_true(world_has(&w, "c"));
    assert_int_equal(world_count(&w), 1);
}

static void test_push(void **state)
{
    (void)state;
    assert_int_equal(world_push(&w, the_sets.a), ASSAY_OK);
    assert_true(world_has(&w, "a"));
    assert_int_equal(assay_source_expires_at(w.source), w.now + 24 * HOUR);
    int64_t due = assay_source_due_at(w.source) - w.now;
    assert_true(due >= 3240 * SECOND && due <= 3600 * SECOND);
    assert_int_equal(world_push(&w, the_sets.b), ASSAY_OK);
    assert_true(world_has(&w, "a"));
    assert_int_equal(world_push(&w, the_sets.empty), ASSAY_E_CONFIG_KEYS);
    assert_true(world_has(&w, "b"));
    w.now += HOUR;
    assert_int_equal(world_push(&w, the_sets.b), ASSAY_OK);
    assert_false(world_has(&w, "a"));
    assert_int_equal(assay_source_purge(w.source, "b", w.now), ASSAY_OK);
    world_free_retired(&w);
    assert_int_equal(world_push(&w, the_sets.b), ASSAY_E_CONFIG_KEYS);
}

static int deliver(const char *body)
{
    assay_http_response response;
    assay_http_response_init(&response);
    response.status = 200;
    response.body_len = strlen(body);
    response.body = assay_memdup(body, response.body_len);
    int code = world_answer(&w, &response, NULL);
    assay_http_response_clear(&response);
    world_free_retired(&w);
    return code;
}

/* What was asked for before a push is older than what was pushed. */
static void test_push_during_a_flight(void **state)
{
    (void)state;
    assay_http_request request;
    assay_source_begin(w.source, ASSAY_SOURCE_COLD, w.now);
    assert_true(assay_source_next(w.source, &request));
    assert_int_equal(deliver(WORLD_METADATA), ASSAY_OK);
    assert_true(assay_source_next(w.source, &request));
    assert_int_equal(world_push(&w, the_sets.b), ASSAY_OK);
    int64_t due = assay_source_due_at(w.source);
    assert_int_equal(deliver(the_sets.a), ASSAY_OK);
    assert_false(assay_source_next(w.source, &request));
    assert_true(world_has(&w, "b"));
    assert_false(world_has(&w, "a"));
    assert_int_equal(assay_source_due_at(w.source), due);
    assert_int_equal(assay_source_count(w.source).failures, 0);
    /* The same where there was no answer. */
    assay_source_begin(w.source, ASSAY_SOURCE_FORCED, w.now);
    assert_true(assay_source_next(w.source, &request));
    assert_int_equal(world_push(&w, the_sets.b), ASSAY_OK);
    assert_int_equal(assay_source_failed(w.source, ASSAY_E_TIMEOUT, NULL, w.now), ASSAY_OK);
    assert_false(assay_source_next(w.source, &request));
    assert_int_equal(assay_source_last_failure(w.source, NULL), ASSAY_OK);
    assert_int_equal(assay_source_count(w.source).failures, 0);
    /* A push before the keys were asked for does not stop the flight; the next flight is as any. */
    w.now += 25 * HOUR;
    assay_source_begin(w.source, ASSAY_SOURCE_SCHEDULED, w.now);
    assert_true(assay_source_next(w.source, &request));
    assert_int_equal(world_push(&w, the_sets.b), ASSAY_OK);
    assert_int_equal(deliver(WORLD_METADATA), ASSAY_OK);
    assert_int_equal(deliver(the_sets.a), ASSAY_OK);
    assert_true(world_has(&w, "a"));
    world_warm(&w, the_sets.c);
    assert_true(world_has(&w, "c"));
}

static void test_push_keeps_what_was_skipped(void **state)
{
    (void)state;
    char *key = world_jwk("a"), *set = world_set(key, "{\"kty\":\"zzz\"}");
    assert_int_equal(world_push(&w, set), ASSAY_OK);
    assert_int_equal(assay_source_snapshot(w.source)->skipped, 1);
    assert_int_equal(assay_source_served(w.source)->skipped_count, 1);
    free(set);
    free(key);
}

static void test_push_drops_the_tag(void **state)
{
    (void)state;
    w.keys.etag = "\"e1\"";
    world_warm(&w, the_sets.a);
    assert_int_equal(world_push(&w, the_sets.b), ASSAY_OK);
    w.now += HOUR;
    world_warm(&w, the_sets.a);
    assert_string_equal(w.keys_tag, "");
}

static void test_tombstones_are_bounded(void **state)
{
    (void)state;
    world_warm(&w, the_sets.a);
    for (int i = 0; i < 8; i++) { /* the same one is remembered once */
        assert_int_equal(assay_source_purge(w.source, "twice", w.now), ASSAY_E_KEY_UNKNOWN);
    }
    for (int i = 1; i < ASSAY_LIMIT_TOMBSTONES; i++) {
        char kid[32];
        snprintf(kid, sizeof kid, "t%d", i);
        bool seen = i < 50;
        char *key = seen ? world_jwk(kid) : NULL, *set = seen ? world_set(key, NULL) : NULL;
        if (seen)
            assert_int_equal(world_push(&w, set), ASSAY_OK);
        assert_int_equal(assay_source_purge(w.source, kid, w.now), seen ? ASSAY_OK : ASSAY_E_KEY_UNKNOWN);
        world_free_retired(&w);
        free(set);
        free(key);
    }
    /* Full: it goes all the same, and so do several, but nobody will remember. */
    assert_int_equal(assay_source_purge(w.source, "one more", w.now), ASSAY_E_RANGE);
    assert_true(world_has(&w, "a"));
    assert_int_equal(assay_source_purge(w.source, "a", w.now), ASSAY_E_RANGE);
    world_free_retired(&w);
    assert_false(world_has(&w, "a"));
    world_warm(&w, the_sets.ab);
    assert_true(world_has(&w, "a"));
    assert_int_equal(assay_source_purge(w.source, NULL, w.now), ASSAY_E_RANGE);
    world_free_retired(&w);
    assert_int_equal(world_count(&w), 0);
}

/* ---- other modes ---- */

static void test_static_source(void **state)
{
    (void)state;
    world_clear(&w);
    world_init(&w, &(assay_source_config){.mode = ASSAY_SOURCE_STATIC});
    assert_int_equal(assay_source_expires_at(w.source), INT64_MIN);
    assert_int_equal(world_push(&w, the_sets.a), ASSAY_OK);
    assert_int_equal(assay_source_expires_at(w.source), INT64_MAX);
    assert_int_equal(assay_source_due_at(w.source), INT64_MAX);
    for (int reason = ASSAY_SOURCE_COLD; reason <= ASSAY_SOURCE_FORCED; reason++)
        assert_int_equal(assay_source_allowed_at(w.source, (assay_source_reason)reason), INT64_MAX);
    assert_int_equal(world_fly(&w, ASSAY_SOURCE_FORCED), ASSAY_OK);
    assert_int_equal(w.fetches, 0);
    w.now += 1000 * HOUR;
    assert_int_equal(world_push(&w, the_sets.b), ASSAY_OK);
    assert_true(world_has(&w, "a"));
    w.now += HOUR; /* without another push */
    assert_false(world_has(&w, "a"));
    assert_true(world_has(&w, "b"));
}

static void test_other_modes(void **state)
{
    (void)state;
    static const struct {
        assay_source_config config;
        int fetches;
    } cases[] = {
        {{.mode = ASSAY_SOURCE_OAUTH}, 2},
        {{.mode = ASSAY_SOURCE_URL, .metadata_url = "https://elsewhere.example/metadata"}, 2},
        {{.mode = ASSAY_SOURCE_JWKS, .jwks_uri = "https://elsewhere.example/k"}, 1},
    };
    for (size_t i = 0; i < ASSAY_COUNT_OF(cases); i++) {
        world_clear(&w);
        world_init(&w, &cases[i].config);
        w.keys.body = the_sets.a;
        assert_int_equal(world_fly(&w, ASSAY_SOURCE_COLD), ASSAY_OK);
        assert_int_equal(w.fetches, cases[i].fetches);
        assert_true(world_has(&w, "a"));
    }
}

static int try_config(const assay_source_config *config)
{
    assay_source_config full = *config;
    assay_source *source = NULL;
    full.crypto = w.crypto;
    int code = assay_source_new(&full, &source);
    assert_int_equal(code == ASSAY_OK, source != NULL);
    assay_source_free(source);
    return code;
}

static void test_bad_configuration(void **state)
{
    (void)state;
    char longest[ASSAY_LIMIT_URL_BYTES + 1];
    memset(longest, 'a', sizeof longest);
    memcpy(longest, "https://host/", 13);
    longest[sizeof longest - 1] = '\0';
    const struct {
        assay_source_config config;
        int code;
    } cases[] = {
        {{.mode = ASSAY_SOURCE_OPENID}, ASSAY_E_CONFIG_ISSUER},
        {{.mode = ASSAY_SOURCE_OPENID, .issuer = "http://issuer.example"}, ASSAY_E_CONFIG_ISSUER},
        {{.mode = ASSAY_SOURCE_OPENID, .issuer = "https://issuer.example?x"}, ASSAY_E_CONFIG_ISSUER},
        {{.mode = ASSAY_SOURCE_OPENID, .issuer = "https://issuer.example/{tenantid}"}, ASSAY_E_CONFIG_ISSUER},
        {{.mode = ASSAY_SOURCE_OAUTH, .issuer = "issuer"}, ASSAY_E_CONFIG_ISSUER},
        {{.mode = ASSAY_SOURCE_OPENID, .issuer = longest}, ASSAY_E_CONFIG_ISSUER},
        {{.mode = ASSAY_SOURCE_URL, .metadata_url = "https://h/"}, ASSAY_E_CONFIG_ISSUER},
        {{.mode = ASSAY_SOURCE_URL, .issuer = "x"}, ASSAY_E_CONFIG_URL},
        {{.mode = ASSAY_SOURCE_URL, .issuer = "x", .metadata_url = "http://h/"}, ASSAY_E_CONFIG_URL},
        {{.mode = ASSAY_SOURCE_JWKS}, ASSAY_E_CONFIG_URL},
        {{.mode = ASSAY_SOURCE_JWKS, .jwks_uri = "file:///k"}, ASSAY_E_CONFIG_URL},
        {{.mode = ASSAY_SOURCE_JWKS, .jwks_uri = "http://127.0.0.1/"}, ASSAY_E_CONFIG_URL},
        {{.mode = ASSAY_SOURCE_JWKS, .jwks_uri = "http://127.0.0.1/", .allow_loopback_http = true}, ASSAY_OK},
        {{.mode = ASSAY_SOURCE_URL, .issuer = "https://x/{tenantid}", .metadata_url = "https://h/"}, ASSAY_OK},
        {{.mode = ASSAY_SOURCE_STATIC, .issuer = "any text"}, ASSAY_OK},
    };
    for (size_t i = 0; i < ASSAY_COUNT_OF(cases); i++)
        if (try_config(&cases[i].config) != cases[i].code)
            fail_msg("case %zu: %d", i, try_config(&cases[i].config));
}

/* attacks.md, 58: near-equal issuers are two sources with two places */
static void test_a58_sources_share_nothing(void **state)
{
    (void)state;
    world other;
    world_init(&other, &(assay_source_config){.mode = ASSAY_SOURCE_OPENID, .issuer = WORLD_ISSUER "/"});
    other.metadata.body = "{\"issuer\":\"" WORLD_ISSUER "/\",\"jwks_uri\":\"https://other.example/keys\"}";
    other.keys.body = the_sets.b;
    world_warm(&w, the_sets.a);
    assert_int_equal(world_fly(&other, ASSAY_SOURCE_COLD), ASSAY_OK);
    assert_false(world_has(&other, "a"));
    assert_false(world_has(&w, "b"));
    world_clear(&other);
}

/* ---- flights that end otherwise ---- */

static void test_answers_without_a_flight(void **state)
{
    (void)state;
    assay_http_response response;
    assay_http_response_init(&response);
    response.status = 200;
    assert_int_equal(world_answer(&w, &response, NULL), ASSAY_E_INTERNAL);
    assert_int_equal(assay_source_failed(w.source, ASSAY_E_TIMEOUT, NULL, w.now), ASSAY_E_TIMEOUT);
    assay_source_abandoned(w.source, w.now);
    assert_int_equal(assay_source_count(w.source).failures, 0);
    world_warm(&w, the_sets.a);
}

static void test_failure_without_words(void **state)
{
    (void)state;
    assay_failure why;
    assay_source_begin(w.source, ASSAY_SOURCE_COLD, w.now);
    assert_int_equal(assay_source_failed(w.source, ASSAY_OK, NULL, w.now),
                     ASSAY_E_INTERNAL); /* a failure is never ASSAY_OK */
    assert_int_equal(assay_source_last_failure(w.source, &why), ASSAY_E_INTERNAL);
    assert_string_equal(why.note, "");
}

/* ---- clocks ---- */

/* K27, attacks.md 65 */
static void test_k27_clock_goes_back(void **state)
{
    (void)state;
    static const int64_t jumps[] = {MINUTE, HOUR, 24 * HOUR, 999 * HOUR};
    for (size_t i = 0; i < ASSAY_COUNT_OF(jumps); i++) {
        w.now = 1000 * HOUR;
        w.keys.status = 0;
        assert_int_equal(world_fly(&w, ASSAY_SOURCE_FORCED), ASSAY_OK);
        assert_int_equal(world_fly(&w, ASSAY_SOURCE_UNKNOWN_KID), ASSAY_OK);
        w.now -= jumps[i];
        assay_source_observe(w.source, w.now);
        /* Nothing is due, nothing waits longer than its window. */
        assert_true(assay_source_due_at(w.source) > w.now);
        assert_true(assay_source_due_at(w.source) <= w.now + HOUR);
        assert_int_equal(world_until(&w, ASSAY_SOURCE_UNKNOWN_KID), 30 * SECOND);
        assert_int_equal(assay_source_expires_at(w.source), w.now + 24 * HOUR);
        w.keys.status = 500;
        assert_int_equal(world_fly(&w, ASSAY_SOURCE_SCHEDULED), ASSAY_E_HTTP_STATUS);
        w.now -= jumps[i] / 2;
        assay_source_observe(w.source, w.now);
        assert_true(world_until(&w, ASSAY_SOURCE_COLD) > 0 && world_until(&w, ASSAY_SOURCE_COLD) <= 300 * SECOND);
    }
}

static void test_k27_clock_swings(void **state)
{
    (void)state;
    int flights = 0;
    world_warm(&w, the_sets.a);
    w.now = 1000 * HOUR;
    for (int i = 0; i < 1000; i++) { /* forth and back by a day: a flight each time that a day went by, no more */
        w.now += i % 2 == 0 ? 24 * HOUR : -24 * HOUR;
        for (int j = 0; j < 10; j++)
            flights += world_try(&w, ASSAY_SOURCE_SCHEDULED) ? 1 : 0;
    }
    assert_int_equal(flights, 500);
}

static void test_k27_extreme_times(void **state)
{
    (void)state;
    static const int64_t times[] = {INT64_MIN, INT64_MAX, 0, -1, INT64_MAX - 1, INT64_MIN + 1, 1, INT64_MAX / 2};
    for (size_t round = 0; round < 4; round++) {
        for (size_t i = 0; i < ASSAY_COUNT_OF(times); i++) {
            w.now = times[i];
            w.keys.status = (round + i) % 3 == 0 ? 500 : 0;
            (void)world_fly(&w, (assay_source_reason)(i % 4));
            (void)assay_source_due_at(w.source);
            (void)assay_source_expires_at(w.source);
            for (int reason = ASSAY_SOURCE_COLD; reason <= ASSAY_SOURCE_FORCED; reason++)
                (void)assay_source_allowed_at(w.source, (assay_source_reason)reason);
            (void)world_push(&w, the_sets.b);
            (void)assay_source_purge(w.source, "zz", w.now);
        }
    }
}

/* Threads read the clock before they take the lock: a little disorder must not make the source's time run ahead. */
static void test_k27_disorder_is_no_jump(void **state)
{
    (void)state;
    world_warm(&w, the_sets.a);
    int64_t due = assay_source_due_at(w.source);
    for (int i = 0; i < 10000; i++)
        assay_source_observe(w.source, w.now + (i % 2 == 0 ? 5 : 0));
    assert_int_equal(assay_source_due_at(w.source), due);
}

/* Forward by days (suspended): one fetch, no storm. */
static void test_k27_clock_goes_forward(void **state)
{
    (void)state;
    world_warm(&w, the_sets.a);
    w.now += 1000 * HOUR;
    int flights = 0;
    for (int i = 0; i < 100; i++)
        flights += world_try(&w, ASSAY_SOURCE_SCHEDULED) ? 1 : 0;
    assert_int_equal(flights, 1);
}

#define CASE(function) cmocka_unit_test_prestate_setup_teardown(function, world_setup, world_teardown, &w)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_k11_unknown_kid_brings_the_key),
        CASE(test_k13_flood_of_unknown_kids),
        CASE(test_unknown_kid_window),
        CASE(test_unknown_kid_is_stamped_at_begin),
        CASE(test_a52_budgets_are_separate),
        CASE(test_k20_kid_is_compared_byte_by_byte),
        CASE(test_k30_retained_key),
        CASE(test_retention_and_a_clock_that_goes_back),
        CASE(test_no_retention),
        CASE(test_k31_purge),
        CASE(test_k31_purge_ahead),
        CASE(test_k31_purge_nothing),
        CASE(test_k31_purge_all),
        CASE(test_push),
        CASE(test_push_during_a_flight),
        CASE(test_push_keeps_what_was_skipped),
        CASE(test_push_drops_the_tag),
        CASE(test_tombstones_are_bounded),
        CASE(test_static_source),
        CASE(test_other_modes),
        CASE(test_bad_configuration),
        CASE(test_a58_sources_share_nothing),
        CASE(test_answers_without_a_flight),
        CASE(test_failure_without_words),
        CASE(test_k27_clock_goes_back),
        CASE(test_k27_clock_swings),
        CASE(test_k27_extreme_times),
        CASE(test_k27_disorder_is_no_jump),
        CASE(test_k27_clock_goes_forward),
    };
    return cmocka_run_group_tests(tests, world_sets_setup, world_sets_teardown);
}
