/* SPDX-License-Identifier: MIT */

/* A source takes what an older one knows, as after a reload of the configuration: on canned answers and a clock of the test's own. */
#include "support/source_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static world old, w; /* of the older configuration, of the new one */

/* Both sources of one configuration, the old one with keys fetched just now, with a tag each. */
static int start(void **state)
{
    (void)state;
    world_init(&old, &(assay_source_config){.mode = ASSAY_SOURCE_OPENID});
    world_init(&w, &(assay_source_config){.mode = ASSAY_SOURCE_OPENID});
    old.metadata.etag = "\"m1\"";
    old.keys = (canned_answer){.body = the_sets.ab, .etag = "\"k1\""};
    w.keys.body = the_sets.c;
    assert_int_equal(world_fly(&old, ASSAY_SOURCE_COLD), ASSAY_OK);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    world_clear(&old);
    world_clear(&w);
    return 0;
}

/* Another configuration for the new source. */
static void renew(assay_source_config config)
{
    world_clear(&w);
    world_init(&w, &config);
    w.now = old.now;
    w.keys.body = the_sets.c;
}

static void pass_time(int64_t time)
{
    old.now += time;
    w.now = old.now;
}

static int take_over(void)
{
    int code = assay_source_take_over(w.source, old.source, true, w.now);
    world_free_retired(&w);
    return code;
}

static int purge(world *of, const char *kid)
{
    int code = assay_source_purge(of->source, kid, of->now);
    world_free_retired(of);
    return code;
}

/* ---- what is taken ---- */

static void test_keys_and_schedule(void **state)
{
    (void)state;
    pass_time(10 * MINUTE);
    const assay_jwk *key = assay_source_snapshot(old.source)->keys[0].jwk;
    assert_int_equal(take_over(), ASSAY_OK);
    assert_int_equal(world_count(&w), 2);
    assert_true(world_has(&w, "a") && world_has(&w, "b"));
    assert_ptr_equal(assay_source_snapshot(w.source)->keys[0].jwk, key); /* shared, with what is prepared in it */
    assert_int_equal(assay_source_due_at(w.source), assay_source_due_at(old.source));
    assert_int_equal(assay_source_expires_at(w.source), assay_source_expires_at(old.source));
    assert_string_equal(assay_source_jwks_uri(w.source), WORLD_JWKS_URI);
    assert_int_equal(assay_source_served(w.source)->count, 2);
    assert_int_equal(assay_source_count(w.source).key_fetches, 0);

    /* The old one is as before, and may go. */
    assert_int_equal(world_count(&old), 2);
    assert_string_equal(assay_source_jwks_uri(old.source), WORLD_JWKS_URI);
    world_clear(&old);
    assert_true(world_has(&w, "a"));
    world_init(&old, &(assay_source_config){.mode = ASSAY_SOURCE_OPENID});
}

static void test_next_fetch_is_conditional(void **state)
{
    (void)state;
    assert_int_equal(take_over(), ASSAY_OK);
    pass_time(HOUR);
    w.keys = (canned_answer){.status = 304};
    assert_int_equal(world_fly(&w, ASSAY_SOURCE_SCHEDULED), ASSAY_OK);
    assert_int_equal(w.fetches, 1); /* the metadata is fresh */
    assert_string_equal(w.keys_tag, "\"k1\"");
    assert_true(world_has(&w, "a") && world_has(&w, "b"));
    pass_time(24 * HOUR);
    w.metadata.status = 304;
    assert_int_equal(world_fly(&w, ASSAY_SOURCE_SCHEDULED), ASSAY_OK);
    assert_string_equal(w.metadata_tag, "\"m1\"");
}

static void test_budgets_and_back_off(void **state)
{
    (void)state;
    old.keys = (canned_answer){.status = 500};
    assert_int_equal(world_fly(&old, ASSAY_SOURCE_UNKNOWN_KID), ASSAY_E_HTTP_STATUS);
    pass_time(HOUR);
    assert_int_equal(world_fly(&old, ASSAY_SOURCE_UNKNOWN_KID), ASSAY_E_HTTP_STATUS);
    assert_int_equal(world_fly(&old, ASSAY_SOURCE_SCHEDULED), ASSAY_E_HTTP_STATUS);
    int64_t pause = assay_source_allowed_at(old.source, ASSAY_SOURCE_SCHEDULED) - old.now;
    assert_true(pause > 0);
    assert_int_equal(take_over(), ASSAY_OK);
    assert_int_equal(world_until(&w, ASSAY_SOURCE_SCHEDULED), pause);
    assert_int_equal(world_until(&w, ASSAY_SOURCE_UNKNOWN_KID), 120 * SECOND);
    assert_int_equal(assay_source_last_failure(w.source, &w.failure), ASSAY_E_HTTP_STATUS);
    assert_string_equal(w.failure.note, "status 500 from " WORLD_JWKS_URI);
    assert_int_equal(world_fly(&w, ASSAY_SOURCE_COLD), ASSAY_OK); /* asks for the metadata again */
    assert_int_equal(w.fetches, 2);
}

static void test_clock_that_went_back(void **state)
{
    (void)state;
    pass_time(10 * MINUTE);
    assay_source_observe(old.source, old.now);
    int64_t due = assay_source_due_at(old.source) - old.now;
    for (int seen = 0; seen < 2; seen++) { /* the old one has not noticed, or has */
        old.now = w.now = 500 * HOUR;
        renew((assay_source_config){.mode = ASSAY_SOURCE_OPENID});
        if (seen)
            assay_source_observe(old.source, old.now);
        assert_int_equal(take_over(), ASSAY_OK);
        assert_int_equal(assay_source_due_at(w.source) - w.now, due);
        assert_true(assay_source_lag(w.source) > 499 * HOUR);
    }
    assert_int_equal(assay_source_expires_at(w.source), w.now + 24 * HOUR - 10 * MINUTE);
}

static void test_retention_is_that_of_the_new(void **state)
{
    (void)state;
    old.keys.body = the_sets.b;
    pass_time(HOUR);
    assert_int_equal(world_fly(&old, ASSAY_SOURCE_SCHEDULED), ASSAY_OK);
    pass_time(20 * MINUTE); /* "a" has been missing for so long, and may be for an hour */
    const struct {
        int64_t configured, left; /* minutes */
    } cases[] = {{60, 40}, {30, 10}, {21, 1}, {10, 0}, {-1, 0}, {600, 40}};
    for (size_t i = 0; i < ASSAY_COUNT_OF(cases); i++) {
        renew((assay_source_config){.mode = ASSAY_SOURCE_OPENID, .retention_ms = cases[i].configured * MINUTE});
        assert_int_equal(take_over(), ASSAY_OK);
        assert_true(world_has(&w, "b"));
        assert_int_equal(world_has(&w, "a"), cases[i].left > 0);
        w.now += cases[i].left * MINUTE;
        assert_false(world_has(&w, "a"));
    }
}

static void test_hard_limit_is_that_of_the_new(void **state)
{
    (void)state;
    int64_t fetched = old.now;
    pass_time(10 * MINUTE);
    static const int64_t limits[] = {24 * HOUR, 100 * HOUR, 12 * MINUTE, 5 * MINUTE};
    for (size_t i = 0; i < ASSAY_COUNT_OF(limits); i++) {
        renew((assay_source_config){.mode = ASSAY_SOURCE_OPENID, .hard_limit_ms = limits[i]});
        assert_int_equal(take_over(), ASSAY_OK);
        assert_int_equal(assay_source_expires_at(w.source), fetched + limits[i]);
        assert_true(assay_source_due_at(w.source) <= fetched + limits[i]);
        assert_true(assay_source_due_at(w.source) <= assay_source_due_at(old.source));
    }
}

/* ---- configured otherwise ---- */

static void test_configured_otherwise(void **state)
{
    (void)state;
    static const char *const one[] = {"issuer.example"}, *const other[] = {"other.example"},
                             *const two[] = {"issuer.example", "other.example"};
    const struct {
        assay_source_config old, new;
        bool alike;
    } cases[] = {
        {{.mode = ASSAY_SOURCE_OPENID}, {.mode = ASSAY_SOURCE_OAUTH}, false},
        {{.mode = ASSAY_SOURCE_OPENID}, {.mode = ASSAY_SOURCE_JWKS, .jwks_uri = WORLD_JWKS_URI}, false},
        {{.mode = ASSAY_SOURCE_OPENID}, {.mode = ASSAY_SOURCE_STATIC}, false},
        {{.mode = ASSAY_SOURCE_OPENID}, {.mode = ASSAY_SOURCE_OPENID, .issuer = WORLD_ISSUER "/"}, false},
        {{.mode = ASSAY_SOURCE_OPENID}, {.mode = ASSAY_SOURCE_OPENID, .allow_loopback_http = true}, false},
        {{.mode = ASSAY_SOURCE_URL, .metadata_url = "https://issuer.example/metadata"},
         {.mode = ASSAY_SOURCE_URL, .metadata_url = "https://issuer.example/metadata?v=2"},
         false},
        {{.mode = ASSAY_SOURCE_URL, .metadata_url = "https://issuer.example/metadata"},
         {.mode = ASSAY_SOURCE_URL, .metadata_url = "https://issuer.example/metadata"},
         true},
        {{.mode = ASSAY_SOURCE_JWKS, .jwks_uri = WORLD_JWKS_URI},
         {.mode = ASSAY_SOURCE_JWKS, .jwks_uri = WORLD_JWKS_URI "2"},
         false},
        {{.mode = ASSAY_SOURCE_JWKS, .jwks_uri = WORLD_JWKS_URI},
         {.mode = ASSAY_SOURCE_JWKS, .jwks_uri = WORLD_JWKS_URI},
         true},
        {{.mode = ASSAY_SOURCE_OPENID}, {.mode = ASSAY_SOURCE_OPENID, .jwks_hosts = one, .jwks_host_count = 1}, false},
        {{.mode = ASSAY_SOURCE_OPENID, .jwks_hosts = two, .jwks_host_count = 2},
         {.mode = ASSAY_SOURCE_OPENID, .jwks_hosts = one, .jwks_host_count = 1},
         false},
        {{.mode = ASSAY_SOURCE_OPENID, .jwks_hosts = one, .jwks_host_count = 1},
         {.mode = ASSAY_SOURCE_OPENID, .jwks_hosts = other, .jwks_host_count = 1},
         false},
        {{.mode = ASSAY_SOURCE_OPENID}, {.mode = ASSAY_SOURCE_OPENID, .ca = {"own", 3}}, false},
        {{.mode = ASSAY_SOURCE_OPENID, .ca = {"own", 3}}, {.mode = ASSAY_SOURCE_OPENID}, false},
        {{.mode = ASSAY_SOURCE_OPENID, .ca = {"own", 3}}, {.mode = ASSAY_SOURCE_OPENID, .ca = {"new", 3}}, false},
        {{.mode = ASSAY_SOURCE_OPENID, .ca = {"own", 3}}, {.mode = ASSAY_SOURCE_OPENID, .ca = {"own", 3}}, true},
        /* Whose token asked for them does not matter to the keys. */
        {{.mode = ASSAY_SOURCE_OPENID}, {.mode = ASSAY_SOURCE_OPENID, .with_bearer = true}, true},
        {{.mode = ASSAY_SOURCE_OPENID, .jwks_hosts = two, .jwks_host_count = 2},
         {.mode = ASSAY_SOURCE_OPENID, .jwks_hosts = two, .jwks_host_count = 2},
         true},
    };
    for (size_t i = 0; i < ASSAY_COUNT_OF(cases); i++) {
        world_clear(&old);
        world_init(&old, &cases[i].old);
        old.keys.body = the_sets.ab;
        assert_int_equal(world_fly(&old, ASSAY_SOURCE_COLD), ASSAY_OK);
        renew(cases[i].new);
        assert_int_equal(take_over(), cases[i].alike ? ASSAY_OK : ASSAY_E_ABSENT);
        assert_int_equal(world_count(&w), cases[i].alike ? 2 : 0);
    }
}

/* Keys are prepared by the property query of their time: one that demands more gets none of them. */
static void test_other_property_query(void **state)
{
    (void)state;
    assay_crypto *crypto = NULL;
    assert_int_equal(assay_crypto_new("provider=default", &crypto), ASSAY_OK);
    assay_source *source = NULL;
    const assay_source_config config = {.mode = ASSAY_SOURCE_OPENID,
                                        .issuer = WORLD_ISSUER,
                                        .retention_ms = HOUR,
                                        .hard_limit_ms = HOUR,
                                        .crypto = crypto};
    assert_int_equal(assay_source_new(&config, &source), ASSAY_OK);
    assert_int_equal(assay_source_take_over(source, old.source, true, old.now), ASSAY_E_ABSENT);
    assert_null(assay_source_snapshot(source));
    assay_source_free(source);
    assay_crypto_unref(crypto);
}

static void test_nothing_to_take(void **state)
{
    (void)state;
    assert_int_equal(purge(&old, NULL), ASSAY_OK);
    assert_int_equal(take_over(), ASSAY_E_ABSENT); /* no key is left */
    assert_null(assay_source_snapshot(w.source));
    assert_true(assay_source_allowed_at(w.source, ASSAY_SOURCE_COLD) <= w.now);
    world_clear(&old);
    world_init(&old, &(assay_source_config){.mode = ASSAY_SOURCE_OPENID});
    assert_int_equal(take_over(), ASSAY_E_ABSENT); /* never had any */
    assert_int_equal(world_fly(&w, ASSAY_SOURCE_COLD), ASSAY_OK);
}

/* ---- keys on both sides ---- */

static void test_the_fresher_wins(void **state)
{
    (void)state;
    assert_int_equal(world_push(&w, the_sets.c), ASSAY_OK); /* at the same time: its own */
    assert_int_equal(take_over(), ASSAY_E_ABSENT);
    assert_true(world_has(&w, "c") && !world_has(&w, "a"));
    pass_time(MINUTE);
    assert_int_equal(world_push(&w, the_sets.c), ASSAY_OK);
    int64_t due = assay_source_due_at(w.source);
    assert_int_equal(take_over(), ASSAY_E_ABSENT);
    assert_true(world_has(&w, "c") && !world_has(&w, "a"));
    assert_int_equal(assay_source_due_at(w.source), due);
    pass_time(MINUTE);
    assert_int_equal(world_fly(&old, ASSAY_SOURCE_FORCED), ASSAY_OK);
    assert_int_equal(take_over(), ASSAY_OK);
    assert_true(world_has(&w, "a") && !world_has(&w, "c"));
    assert_int_equal(assay_source_due_at(w.source), assay_source_due_at(old.source));
}

/* Whose hard limit is longer says nothing about whose keys are fresher. */
static void test_fresher_by_the_fetch(void **state)
{
    (void)state;
    renew((assay_source_config){.mode = ASSAY_SOURCE_OPENID, .hard_limit_ms = HOUR});
    pass_time(MINUTE);
    assert_int_equal(world_push(&w, the_sets.c), ASSAY_OK);
    pass_time(MINUTE);
    assert_int_equal(take_over(), ASSAY_E_ABSENT);
    assert_true(world_has(&w, "c"));
}

static void test_flight_at_the_old_one(void **state)
{
    (void)state;
    assay_http_request request;
    pass_time(HOUR);
    assay_source_begin(old.source, ASSAY_SOURCE_SCHEDULED, old.now);
    assert_int_equal(take_over(), ASSAY_OK);
    assert_false(assay_source_next(w.source, &request));
    assert_true(assay_source_next(old.source, &request));
    assert_true(world_until(&w, ASSAY_SOURCE_SCHEDULED) <= 0);
    assert_int_equal(world_fly(&w, ASSAY_SOURCE_SCHEDULED), ASSAY_OK);
    assert_true(world_has(&w, "c"));
}

/* What the new one asked for meanwhile is not needed any more, whichever document it is. */
static void test_flight_at_the_new_one(void **state)
{
    (void)state;
    for (int documents = 0; documents < 2; documents++) {
        assay_http_request request;
        assay_http_response response;
        renew((assay_source_config){.mode = ASSAY_SOURCE_OPENID});
        assay_source_begin(w.source, ASSAY_SOURCE_COLD, w.now);
        assay_http_response_init(&response);
        response.status = 200;
        response.body = assay_strdup(WORLD_METADATA);
        response.body_len = strlen(WORLD_METADATA);
        if (documents > 0)
            assert_int_equal(world_answer(&w, &response, NULL), ASSAY_OK);
        assert_int_equal(take_over(), ASSAY_OK);
        assert_int_equal(world_push(&w, the_sets.ab), ASSAY_OK); /* and so it stays */
        assert_int_equal(world_answer(&w, &response, NULL), ASSAY_OK);
        assay_http_response_clear(&response);
        assert_false(assay_source_next(w.source, &request));
        assert_int_equal(assay_source_count(w.source).failures, 0);
        assert_int_equal(world_count(&w), 2);
        assert_int_equal(world_fly(&w, ASSAY_SOURCE_FORCED), ASSAY_OK);
        assert_true(world_has(&w, "c"));
    }
}

/* ---- what was purged ---- */

static void test_purged_stays_purged(void **state)
{
    (void)state;
    assert_int_equal(purge(&old, "a"), ASSAY_OK);
    assert_int_equal(purge(&old, "c"), ASSAY_E_KEY_UNKNOWN);
    assert_int_equal(purge(&w, "b"), ASSAY_E_KEY_UNKNOWN);
    assert_int_equal(take_over(), ASSAY_E_ABSENT); /* each was purged at one of them */
    assert_int_equal(world_count(&w), 0);
    w.keys.body = the_sets.ab;
    assert_int_equal(world_fly(&w, ASSAY_SOURCE_COLD), ASSAY_E_JWKS);
    w.keys.body = the_sets.c;
    assert_int_equal(world_fly(&w, ASSAY_SOURCE_FORCED), ASSAY_E_JWKS);
    assert_true(world_has(&old, "b")); /* nothing came back to the old one */
    old.keys.body = the_sets.b;
    assert_int_equal(world_fly(&old, ASSAY_SOURCE_FORCED), ASSAY_OK);
}

static void test_purged_from_what_is_taken(void **state)
{
    (void)state;
    assert_int_equal(purge(&w, "b"), ASSAY_E_KEY_UNKNOWN);
    assert_int_equal(take_over(), ASSAY_OK);
    assert_true(world_has(&w, "a") && !world_has(&w, "b"));
    pass_time(HOUR);
    w.keys = (canned_answer){.status = 304}; /* what is served again lacks it too */
    assert_int_equal(world_fly(&w, ASSAY_SOURCE_SCHEDULED), ASSAY_OK);
    assert_true(world_has(&w, "a") && !world_has(&w, "b"));
}

/* Whatever else is configured otherwise. */
static void test_purged_holds_for_static_keys(void **state)
{
    (void)state;
    assert_int_equal(purge(&old, "a"), ASSAY_OK);
    renew((assay_source_config){.mode = ASSAY_SOURCE_STATIC});
    assert_int_equal(world_push(&w, the_sets.ab), ASSAY_OK);
    assert_int_equal(take_over(), ASSAY_E_ABSENT);
    assert_true(world_has(&w, "b") && !world_has(&w, "a"));
    assert_int_equal(assay_source_due_at(w.source), INT64_MAX);
    assert_int_equal(world_push(&w, the_sets.ab), ASSAY_OK);
    assert_true(world_has(&w, "b") && !world_has(&w, "a"));
}

/* One issuer may be called otherwise than before: what was purged is gone all the same, but its keys are not taken. */
static void test_purged_holds_under_another_name(void **state)
{
    (void)state;
    assert_int_equal(purge(&old, "a"), ASSAY_OK);
    renew((assay_source_config){.issuer = WORLD_ISSUER "/"});
    assert_int_equal(take_over(), ASSAY_E_ABSENT);
    assert_null(assay_source_snapshot(w.source));
    assert_int_equal(world_push(&w, the_sets.ab), ASSAY_OK);
    assert_true(world_has(&w, "b") && !world_has(&w, "a"));
}

static void bury(world *of, const char *prefix, int count)
{
    for (int i = 0; i < count; i++) {
        char kid[32];
        snprintf(kid, sizeof kid, "%s%d", prefix, i);
        assert_int_equal(purge(of, kid), ASSAY_E_KEY_UNKNOWN);
    }
}

static void test_tombstones_are_bounded(void **state)
{
    (void)state;
    bury(&old, "old", 1000);
    assert_int_equal(purge(&old, "a"), ASSAY_OK);
    bury(&w, "new", ASSAY_LIMIT_TOMBSTONES - 1001);
    assert_int_equal(take_over(), ASSAY_OK);       /* just so */
    assert_int_equal(take_over(), ASSAY_E_ABSENT); /* known ones take no room */
    assert_int_equal(purge(&w, "one more"), ASSAY_E_RANGE);
    assert_true(world_has(&w, "b"));

    renew((assay_source_config){.mode = ASSAY_SOURCE_OPENID});
    bury(&w, "new", ASSAY_LIMIT_TOMBSTONES - 1000);
    assert_int_equal(take_over(), ASSAY_E_RANGE);
    assert_true(world_has(&w, "b") && !world_has(&w, "a")); /* done all the same */

    /* Those that find no room hold for the keys that are there. */
    renew((assay_source_config){.mode = ASSAY_SOURCE_STATIC});
    bury(&w, "new", ASSAY_LIMIT_TOMBSTONES);
    assert_int_equal(world_push(&w, the_sets.ab), ASSAY_OK);
    assert_int_equal(take_over(), ASSAY_E_RANGE);
    assert_true(world_has(&w, "b") && !world_has(&w, "a"));
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_keys_and_schedule),
        CASE(test_next_fetch_is_conditional),
        CASE(test_budgets_and_back_off),
        CASE(test_clock_that_went_back),
        CASE(test_retention_is_that_of_the_new),
        CASE(test_hard_limit_is_that_of_the_new),
        CASE(test_configured_otherwise),
        CASE(test_other_property_query),
        CASE(test_nothing_to_take),
        CASE(test_the_fresher_wins),
        CASE(test_fresher_by_the_fetch),
        CASE(test_flight_at_the_old_one),
        CASE(test_flight_at_the_new_one),
        CASE(test_purged_stays_purged),
        CASE(test_purged_from_what_is_taken),
        CASE(test_purged_holds_for_static_keys),
        CASE(test_purged_holds_under_another_name),
        CASE(test_tombstones_are_bounded),
    };
    return cmocka_run_group_tests(tests, world_sets_setup, world_sets_teardown);
}
