/* SPDX-License-Identifier: MIT */
/* Replaced objects are freed once nobody can see them, and never before: readers and writers at full speed. */
#include "base/readers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define READERS 6
#define WRITERS 2
#define ROUNDS 3000
#define ALIVE 0x600dU

typedef struct object {
    assay_retiree retiree;
    unsigned state; /* ALIVE until destroyed */
} object;

static assay_readers *readers;
static _Atomic(object *) current;
static atomic_bool stop;
static atomic_long made, destroyed, reads;

static void destroy(assay_retiree *retiree)
{
    object *dead = (object *)(void *)retiree;
    dead->state = 0xdead;
    atomic_fetch_add(&destroyed, 1);
    free(dead);
}

static object *make(void)
{
    object *fresh = calloc(1, sizeof *fresh);
    assert_non_null(fresh);
    fresh->retiree.destroy = destroy;
    fresh->state = ALIVE;
    atomic_fetch_add(&made, 1);
    return fresh;
}

static void *read_on(void *argument)
{
    (void)argument;
    while (!atomic_load(&stop)) {
        assay_reading reading = assay_readers_enter(readers);
        const object *seen = atomic_load(&current);
        for (int i = 0; i < 20; i++) {
            if (seen->state != ALIVE) {
                fprintf(stderr, "a reader saw a destroyed object\n");
                abort();
            }
        }
        assay_readers_leave(reading);
        atomic_fetch_add_explicit(&reads, 1, memory_order_relaxed);
    }
    return NULL;
}

static void *replace(void *argument)
{
    (void)argument;
    for (int i = 0; i < ROUNDS; i++)
        assay_readers_retire(readers, &atomic_exchange(&current, make())->retiree);
    return NULL;
}

static void readers_never_see_what_was_freed(void **state)
{
    (void)state;
    pthread_t threads[READERS + WRITERS];
    readers = assay_readers_new();
    assert_non_null(readers);
    atomic_store(&current, make());
    for (size_t i = 0; i < READERS + WRITERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, i < READERS ? read_on : replace, NULL), 0);
    for (size_t i = READERS; i < READERS + WRITERS; i++)
        pthread_join(threads[i], NULL);
    atomic_store(&stop, true);
    for (size_t i = 0; i < READERS; i++)
        pthread_join(threads[i], NULL);
    /* Nobody is inside: everything but the current object can go now. */
    assay_readers_reclaim(readers);
    assert_int_equal(atomic_load(&destroyed), atomic_load(&made) - 1);
    print_message("%ld objects replaced under %ld reads\n", atomic_load(&made) - 1, atomic_load(&reads));
    assay_readers_retire(readers, &atomic_load(&current)->retiree);
    assert_int_equal(atomic_load(&destroyed), atomic_load(&made));
    assay_readers_free(readers);
}

/* One who stays inside keeps what it may see, and holds up nobody. */
static void a_reader_that_stays_keeps_its_object(void **state)
{
    (void)state;
    readers = assay_readers_new();
    assert_non_null(readers);
    object *first = make();
    atomic_store(&current, first);
    long before = atomic_load(&destroyed);
    assay_reading reading = assay_readers_enter(readers);
    for (int i = 0; i < 5; i++)
        assay_readers_retire(readers, &atomic_exchange(&current, make())->retiree);
    assert_int_equal(first->state, ALIVE);
    assert_int_equal(atomic_load(&destroyed), before);
    assay_readers_leave(reading);
    assay_readers_reclaim(readers);
    assert_int_equal(atomic_load(&destroyed), before + 5);
    /* What is still retired goes with the readers. */
    reading = assay_readers_enter(readers);
    assay_readers_retire(readers, &atomic_load(&current)->retiree);
    assert_int_equal(atomic_load(&destroyed), before + 5);
    assay_readers_leave(reading);
    assay_readers_free(readers);
    assert_int_equal(atomic_load(&destroyed), before + 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readers_never_see_what_was_freed),
        cmocka_unit_test(a_reader_that_stays_keeps_its_object),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
