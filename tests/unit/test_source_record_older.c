/* SPDX-License-Identifier: MIT */

/* Records that are older than the source's own success: what of their keys still counts. */
#include "support/source_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* A key that another process saw before the source's own success is missing since then, as if the source had seen it itself. */
static void an_older_record_still_knows_keys(void **state)
{
    (void)state;
    world_serve(&w, the_sets.ab);
    w.now += 5 * MINUTE;
    world_serve(&w, the_sets.a);
    w.now += 5 * MINUTE;
    char *old = world_record(&w, WALL); /* a is served, b has been missing for ten minutes */
    other.now += 10 * MINUTE;
    world_serve(&other, the_sets.c);
    other.now += 10 * MINUTE;
    assert_int_equal(world_take(&other, assay_strdup(old), WALL + 1200, NULL), ASSAY_OK);
    assert_int_equal(assay_source_snapshot(other.source)->served, 1);
    assert_true(world_has(&other, "a") && world_has(&other, "b") && world_has(&other, "c"));
    assert_int_equal(world_take(&other, old, WALL + 1201, NULL), ASSAY_E_ABSENT); /* nothing new any more */

    /* The other way round: what is written now gives the first one the keys that it lacks, and its own as they were. */
    w.now += 20 * MINUTE;
    assert_int_equal(world_take(&w, world_record(&other, WALL + 1200), WALL + 1200, NULL), ASSAY_OK);
    assert_true(world_has(&w, "a") && world_has(&w, "b") && world_has(&w, "c"));
    /* Each ends with its own time: b after the hour that began 25 minutes ago, a with the one that began 10 minutes ago. */
    other.now += 35 * MINUTE + SECOND;
    w.now += 35 * MINUTE + SECOND;
    assert_false(world_has(&other, "b") || world_has(&w, "b"));
    assert_true(world_has(&other, "a") && world_has(&w, "a"));
    other.now += 15 * MINUTE;
    w.now += 15 * MINUTE;
    assert_false(world_has(&other, "a") || world_has(&w, "a"));
    assert_true(world_has(&other, "c") && world_has(&w, "c"));
}

/* Two processes that refresh in turn, and each time read what the other wrote, don't keep a key alive that has gone. */
static void keys_are_not_passed_back_and_forth_for_ever(void **state)
{
    (void)state;
    int64_t wall = WALL, gone_for = 0;
    world_serve(&w, the_sets.ab);
    char *record = world_record(&w, wall);
    for (int turn = 0; turn < 24; turn++) {
        world *writer = turn % 2 == 0 ? &other : &w;
        w.now += 10 * MINUTE;
        other.now += 10 * MINUTE;
        wall += 600;
        world_serve(writer, the_sets.a);
        (void)world_take(writer, record, wall, NULL);
        record = world_record(writer, wall);
        gone_for = turn == 0 ? 0 : gone_for + 10 * MINUTE;
        if (gone_for != HOUR) /* each counts from its own first fetch without it, the second ten minutes later */
            assert_int_equal(world_has(writer, "b"), gone_for < HOUR);
    }
    assay_release(record);
    /* Nor does one that can't replace the record get its keys back from it with each refresh. */
    restart_other(&plain);
    world_serve(&w, the_sets.ab);
    record = world_record(&w, wall);
    for (int turn = 0; turn < 8; turn++) {
        other.now += 30 * MINUTE;
        wall += 1800;
        world_serve(&other, the_sets.a);
        (void)world_take(&other, assay_strdup(record), wall, NULL);
        assert_int_equal(world_has(&other, "b"), turn < 2);
    }
    assay_release(record);
}

static void what_an_older_record_can_t_bring_back(void **state)
{
    (void)state;
    size_t buried;
    world_serve(&w, the_sets.ab);
    char *old = world_record(&w, WALL);
    other.now += 10 * MINUTE;
    /* Without retention, nothing. */
    restart_other(&(assay_source_config){.mode = ASSAY_SOURCE_OPENID, .retention_ms = -1});
    world_serve(&other, the_sets.c);
    assert_int_equal(world_take(&other, assay_strdup(old), WALL + 600, NULL), ASSAY_E_ABSENT);
    assert_int_equal(world_count(&other), 1);
    /* Not what was purged here. */
    restart_other(&plain);
    assert_int_equal(assay_source_purge(other.source, "b", other.now), ASSAY_E_KEY_UNKNOWN);
    world_serve(&other, the_sets.c);
    assert_int_equal(world_take(&other, assay_strdup(old), WALL + 600, &buried), ASSAY_OK);
    assert_true(world_has(&other, "a") && !world_has(&other, "b"));
    /* Nor material that was replaced, not even where what replaced it is missing by now. */
    restart_other(&plain);
    char *jwk = world_jwk("b"), *set = world_set(jwk, NULL);
    world_serve(&other, set);
    other.now += MINUTE;
    world_serve(&other, the_sets.c);
    assert_int_equal(world_take(&other, old, WALL + 600, NULL), ASSAY_OK);
    assert_true(world_has(&other, "a"));
    assert_int_equal(world_count(&other), 3); /* c, the new b, a */
    free(set);
    free(jwk);
}

/* A process that wakes after hours takes a newer record in: what the others have dropped is gone here too, and from what it writes. */
static void an_idle_process_brings_nothing_back(void **state)
{
    (void)state;
    world_serve(&w, the_sets.ab);
    assert_int_equal(world_take(&other, world_record(&w, WALL), WALL, NULL), ASSAY_OK);
    for (int i = 0; i < 20; i++) {
        other.now += 30 * MINUTE;
        world_serve(&other, the_sets.a);
    }
    assert_false(world_has(&other, "b"));
    w.now += 10 * HOUR + MINUTE;
    other.now += MINUTE;
    assert_true(world_has(&w, "b")); /* its own keys still count, until it looks */
    assert_int_equal(world_take(&w, world_record(&other, WALL + 36060), WALL + 36060, NULL), ASSAY_OK);
    assert_false(world_has(&w, "b"));
    world fresh;
    world_init(&fresh, &plain);
    assert_int_equal(world_take(&fresh, world_record(&w, WALL + 36061), WALL + 36061, NULL), ASSAY_OK);
    assert_true(world_has(&fresh, "a") && !world_has(&fresh, "b"));
    world_clear(&fresh);
}

/* Past the hard limit a key is gone for good: neither a fetch, nor a push, nor a record makes it a missing one. */
static void keys_past_the_hard_limit_don_t_come_back(void **state)
{
    (void)state;
    /* Retention may be longer than the hard limit. */
    const assay_source_config config = {.mode = ASSAY_SOURCE_OPENID, .retention_ms = 48 * HOUR};
    world_serve(&w, the_sets.c);
    char *record = world_record(&w, WALL);
    for (int way = 0; way < 3; way++) {
        for (int late = 0; late < 2; late++) {
            restart_other(&config);
            world_serve(&other, the_sets.ab);
            other.now += 24 * HOUR - (late == 1 ? 0 : 10 * SECOND);
            if (way == 0)
                world_serve(&other, the_sets.c);
            else if (way == 1)
                assert_int_equal(world_push(&other, the_sets.c), ASSAY_OK);
            else
                assert_int_equal(world_take(&other, assay_strdup(record), WALL, NULL), ASSAY_OK);
            assert_true(world_has(&other, "c"));
            assert_int_equal(world_has(&other, "a"), late == 0);
            assert_int_equal(world_count(&other), late == 0 ? 3 : 1);
        }
    }
    assay_release(record);
    /* Not even where the issuer says that nothing has changed, for those that were missing. */
    restart_other(&config);
    world_serve(&other, the_sets.ab);
    other.now += HOUR;
    other.keys.etag = "\"k\"";
    world_serve(&other, the_sets.a);
    other.now += 24 * HOUR;
    other.keys = (canned_answer){.status = 304};
    assert_int_equal(world_fly(&other, ASSAY_SOURCE_COLD), ASSAY_OK);
    assert_true(world_has(&other, "a") && !world_has(&other, "b"));
}

/* Of a key that went missing here, another process saw later that it was narrowed: it does not come back as it was, nor stay. */
static void what_others_saw_later_of_a_key_counts(void **state)
{
    (void)state;
    static const char narrowed[] = "https://issuer.example/personal";
    char *a = world_jwk("a"), *any = world_set(a, NULL);
    char narrow_jwk[1024];
    (void)snprintf(narrow_jwk, sizeof narrow_jwk, "%.*s,\"issuer\":\"%s\"}", (int)strlen(a) - 1, a, narrowed);
    char *narrow = world_set(narrow_jwk, NULL);
    world_serve(&other, any);
    other.now += 5 * MINUTE;
    world_serve(&other, the_sets.c); /* a is missing since then */
    w.now += 10 * MINUTE;
    world_serve(&w, narrow);
    char *record = world_record(&w, WALL);
    w.now += 5 * MINUTE;
    other.now += 10 * MINUTE;
    world_serve(&other, the_sets.c); /* so the record is of an older success */
    assert_int_equal(world_take(&other, record, WALL + 120, NULL), ASSAY_OK);
    assay_jwk *found[4];
    const assay_snapshot *snapshot = assay_source_snapshot(other.source);
    assert_int_equal(assay_snapshot_select(snapshot, "a", 1, other.now, found, 4), 1);
    assert_string_equal(found[0]->issuer, narrowed);
    /* And the other way round, in a record that is adopted: what it has missing was narrowed after the source saw it. */
    restart_other(&plain);
    world_serve(&other, any);
    other.now += 10 * MINUTE;
    w.now += 10 * MINUTE;
    world_serve(&w, the_sets.c);
    assert_int_equal(world_take(&other, world_record(&w, WALL + 1200), WALL + 1201, NULL), ASSAY_OK);
    snapshot = assay_source_snapshot(other.source);
    assert_int_equal(assay_snapshot_select(snapshot, "a", 1, other.now, found, 4), 1);
    assert_string_equal(found[0]->issuer, narrowed);
    free(a);
    free(any);
    free(narrow);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        CASE(an_older_record_still_knows_keys),         CASE(keys_are_not_passed_back_and_forth_for_ever),
        CASE(what_an_older_record_can_t_bring_back),    CASE(an_idle_process_brings_nothing_back),
        CASE(keys_past_the_hard_limit_don_t_come_back), CASE(what_others_saw_later_of_a_key_counts),
    };
    return cmocka_run_group_tests(tests, world_sets_setup, world_sets_teardown);
}
