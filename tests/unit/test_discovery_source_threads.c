/* SPDX-License-Identifier: MIT */

/* Reading answers needs no lock: threads read with one source while it is changed in every way under its lock. */
#include "support/source_world.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { READERS = 2, ROUNDS = 150 };

static world_sets sets;
static world w;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_int landed, wrong;

static void fill(assay_http_response *response, const char *body)
{
    assay_http_response_init(response);
    response->status = 200;
    response->body_len = strlen(body);
    response->body = assay_memdup(body, response->body_len);
}

/* One flight as a leader flies it: the lock is held only to ask and to take in. */
static void fly(const char *set)
{
    assay_http_request asked;
    assay_http_response response;
    assay_source_reading reading;
    char url[256];
    (void)pthread_mutex_lock(&lock);
    assay_source_begin(w.source, ASSAY_SOURCE_FORCED, w.now);
    while (assay_source_next(w.source, &asked)) {
        bool metadata = assay_source_wants_metadata(w.source);
        snprintf(url, sizeof url, "%s", asked.url);
        asked.url = url;
        asked.if_none_match = NULL;
        (void)pthread_mutex_unlock(&lock);
        fill(&response, metadata ? WORLD_METADATA : set);
        assay_source_read(w.source, metadata, &asked, &response, &reading);
        assay_http_response_clear(&response);
        (void)pthread_mutex_lock(&lock);
        if (assay_source_answered(w.source, &reading, w.now, NULL) != ASSAY_OK)
            atomic_fetch_add(&wrong, 1);
        assay_source_reading_clear(&reading);
    }
    atomic_fetch_add(&landed, 1);
    world_free_retired(&w);
    (void)pthread_mutex_unlock(&lock);
}

/* Another who reads, and whose reading nobody takes in: of either document, well or ill formed. */
static void *read_on(void *argument)
{
    const char *bodies[] = {WORLD_METADATA, sets.ab, sets.unusable, "{"};
    const bool is_metadata[] = {true, false, false, true}, is_good[] = {true, true, false, false};
    (void)argument;
    for (size_t i = 0; i < 4 * ROUNDS; i++) {
        size_t which = i % ASSAY_COUNT_OF(bodies);
        const assay_http_request asked = {.url = WORLD_JWKS_URI, .body_limit = ASSAY_LIMIT_JWKS_BYTES};
        assay_http_response response;
        assay_source_reading reading;
        fill(&response, bodies[which]);
        assay_source_read(w.source, is_metadata[which], &asked, &response, &reading);
        if ((reading.code == ASSAY_OK) != is_good[which])
            atomic_fetch_add(&wrong, 1);
        assay_source_reading_clear(&reading);
        assay_http_response_clear(&response);
    }
    return NULL;
}

static void *lead(void *argument)
{
    (void)argument;
    for (int i = 0; i < ROUNDS; i++)
        fly(i % 2 == 0 ? sets.ab : sets.b);
    return NULL;
}

/* What else a source goes through; the flights go on meanwhile. */
static void *disturb(void *argument)
{
    (void)argument;
    for (int i = 0; i < ROUNDS; i++) {
        (void)pthread_mutex_lock(&lock);
        w.now += 25 * HOUR; /* metadata is asked for again, so that jwks_uri and the tags change hands */
        if (world_push(&w, sets.b) != ASSAY_OK)
            atomic_fetch_add(&wrong, 1);
        (void)assay_source_purge(w.source, "zz", w.now);
        assay_source_observe(w.source, w.now);
        (void)pthread_mutex_unlock(&lock);
    }
    return NULL;
}

static void test_reading_without_the_lock(void **state)
{
    (void)state;
    pthread_t readers[READERS], leader, other;
    world_sets_make(&sets);
    world_init(&w, &(assay_source_config){.mode = ASSAY_SOURCE_OPENID,
                                          .jwks_hosts = (const char *const[]){"issuer.example"},
                                          .jwks_host_count = 1});
    for (size_t i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_on, NULL), 0);
    assert_int_equal(pthread_create(&leader, NULL, lead, NULL), 0);
    assert_int_equal(pthread_create(&other, NULL, disturb, NULL), 0);
    for (size_t i = 0; i < READERS; i++)
        (void)pthread_join(readers[i], NULL);
    (void)pthread_join(leader, NULL);
    (void)pthread_join(other, NULL);
    assert_int_equal(atomic_load(&wrong), 0);
    assert_int_equal(atomic_load(&landed), ROUNDS);
    assert_true(world_has(&w, "b"));
    world_clear(&w);
    world_sets_free(&sets);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_reading_without_the_lock)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
