/* SPDX-License-Identifier: MIT */

/* Flights whose leader went away, by leaving or by a fork: on canned answers and a clock of the test's own. */
#include "support/source_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static world w;

/* ---- abandoned ---- */

static void test_abandoned_flight(void **state)
{
    (void)state;
    assay_http_request request;
    assay_source_begin(w.source, ASSAY_SOURCE_COLD, w.now);
    assert_true(assay_source_next(w.source, &request));
    assay_source_abandoned(w.source, w.now);
    assert_false(assay_source_next(w.source, &request));
    assert_true(world_allowed(&w, ASSAY_SOURCE_COLD));
    assert_int_equal(assay_source_count(w.source).failures, 1);
    world_warm(&w, the_sets.a);
}

static void abandon(assay_source_reason reason, int times)
{
    for (int i = 0; i < times; i++) {
        assert_true(world_allowed(&w, reason));
        assay_source_begin(w.source, reason, w.now);
        assay_source_abandoned(w.source, w.now);
    }
}

/* Somebody who lets calls begin and go away can't cause fetches without end. */
static void test_abandoned_flights_back_off(void **state)
{
    (void)state;
    for (int round = 0; round < 4; round++) { /* the issuer is not to blame, so the pause does not grow */
        abandon(round % 2 == 0 ? ASSAY_SOURCE_COLD : ASSAY_SOURCE_SCHEDULED, ASSAY_LIMIT_ABANDONED);
        assert_int_equal(world_until(&w, ASSAY_SOURCE_COLD), 5 * SECOND);
        w.now += 5 * SECOND;
    }
    assert_int_equal(assay_source_last_failure(w.source, &w.failure), ASSAY_E_CANCELLED);
    assert_string_equal(w.failure.note, "the last 8 fetches were given up by their callers");
    world_warm(&w, the_sets.a);
    assert_int_equal(assay_source_last_failure(w.source, NULL), ASSAY_OK);
}

static void test_abandoned_flights_not_in_a_row(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) { /* a success between */
        abandon(ASSAY_SOURCE_COLD, ASSAY_LIMIT_ABANDONED - 1);
        assert_true(world_allowed(&w, ASSAY_SOURCE_COLD));
        world_warm(&w, the_sets.a);
    }
    abandon(ASSAY_SOURCE_COLD, ASSAY_LIMIT_ABANDONED - 1);
    w.keys.status = 500; /* a failure between, which backs off itself */
    assert_int_equal(world_fly(&w, ASSAY_SOURCE_COLD), ASSAY_E_HTTP_STATUS);
    w.now += 5 * SECOND;
    abandon(ASSAY_SOURCE_COLD, ASSAY_LIMIT_ABANDONED - 1);
    assert_true(world_allowed(&w, ASSAY_SOURCE_COLD));
    /* Those with a budget of their own neither count nor break the row. */
    for (int i = 0; i < 20; i++, w.now += 30 * SECOND) {
        abandon(ASSAY_SOURCE_UNKNOWN_KID, 1);
        abandon(ASSAY_SOURCE_FORCED, 1);
    }
    assert_true(world_allowed(&w, ASSAY_SOURCE_COLD));
    abandon(ASSAY_SOURCE_COLD, 1);
    assert_false(world_allowed(&w, ASSAY_SOURCE_COLD));
    assert_true(world_allowed(&w, ASSAY_SOURCE_UNKNOWN_KID));
}

/* ---- fork ---- */

static void test_forked_workers_spread(void **state)
{
    (void)state;
    enum { WORKERS = 64 };
    world_warm(&w, the_sets.a);
    int64_t due = assay_source_due_at(w.source), first = due, last = 0;
    int64_t expires = assay_source_expires_at(w.source), interval = due - w.now;
    for (uint64_t pid = 0; pid < WORKERS; pid++) {
        world child;
        world_init(&child, &(assay_source_config){.mode = ASSAY_SOURCE_OPENID}); /* the seed is the parent's */
        child.keys.body = the_sets.a;
        assert_int_equal(world_fly(&child, ASSAY_SOURCE_COLD), ASSAY_OK);
        assert_int_equal(assay_source_due_at(child.source), due);
        assay_source_forked(child.source, 4000 + pid);
        int64_t at = assay_source_due_at(child.source);
        assert_true(at <= due && at >= due - interval / ASSAY_LIMIT_JITTER_PERCENT);
        assert_int_equal(assay_source_expires_at(child.source), expires);
        first = at < first ? at : first;
        last = at > last ? at : last;
        world_clear(&child);
    }
    assert_true(last - first > interval / ASSAY_LIMIT_JITTER_PERCENT * 3 / 4);
    /* What is due stays due, and each later refresh differs as well. */
    w.now += HOUR;
    assay_source_observe(w.source, w.now);
    assay_source_forked(w.source, 1);
    assert_int_equal(assay_source_due_at(w.source), due);
}

static void test_fork_during_a_flight(void **state)
{
    (void)state;
    assay_http_request request;
    assay_source_forked(w.source, 1); /* cold: due as before */
    assert_true(world_allowed(&w, ASSAY_SOURCE_SCHEDULED));
    world_warm(&w, the_sets.a);
    w.now += HOUR;
    assay_source_counters before = assay_source_count(w.source);
    assay_source_begin(w.source, ASSAY_SOURCE_SCHEDULED, w.now);
    assert_true(assay_source_next(w.source, &request));
    assay_source_forked(w.source, 2);
    assert_false(assay_source_next(w.source, &request));
    assert_int_equal(assay_source_count(w.source).failures, before.failures);
    assert_int_equal(assay_source_count(w.source).key_fetches, before.key_fetches);
    assert_int_equal(assay_source_last_failure(w.source, NULL), ASSAY_OK);
    assert_true(world_try(&w, ASSAY_SOURCE_SCHEDULED));
    assert_true(assay_source_due_at(w.source) > w.now);
}

#define CASE(function) cmocka_unit_test_prestate_setup_teardown(function, world_setup, world_teardown, &w)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_abandoned_flight),
        CASE(test_abandoned_flights_back_off),
        CASE(test_abandoned_flights_not_in_a_row),
        CASE(test_forked_workers_spread),
        CASE(test_fork_during_a_flight),
    };
    return cmocka_run_group_tests(tests, world_sets_setup, world_sets_teardown);
}
