/* SPDX-License-Identifier: MIT */
#include "base/readers.h"

assay_readers *assay_readers_new(void)
{
    assay_readers *readers = assay_alloc_aligned(64, sizeof *readers);
    if (readers == NULL)
        return NULL;
    for (size_t i = 0; i < ASSAY_READER_STRIPES; i++) {
        atomic_init(&readers->stripes[i].inside[0], 0);
        atomic_init(&readers->stripes[i].inside[1], 0);
    }
    atomic_init(&readers->epoch, 0);
    readers->fresh = readers->batch = NULL;
    readers->rounds = readers->waited_parity = 0;
    if (pthread_mutex_init(&readers->lock, NULL) != 0) {
        assay_release(readers);
        return NULL;
    }
    return readers;
}

static void destroy_all(assay_retiree *list)
{
    while (list != NULL) {
        assay_retiree *next = list->next;
        list->destroy(list);
        list = next;
    }
}

void assay_readers_free(assay_readers *readers)
{
    if (readers == NULL)
        return;
    destroy_all(readers->fresh);
    destroy_all(readers->batch);
    (void)pthread_mutex_destroy(&readers->lock);
    assay_release(readers);
}

/* Each thread has its own copy of this byte, so its address tells threads apart without any state of ours. */
static size_t stripe_of_thread(void)
{
    static _Thread_local char mark;
    uint64_t address = (uint64_t)(uintptr_t)&mark;
    return (size_t)((address >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 58);
}

assay_reading assay_readers_enter(assay_readers *readers)
{
    assay_reader_stripe *stripe = &readers->stripes[stripe_of_thread()];
    atomic_uint_fast64_t *count = &stripe->inside[atomic_load(&readers->epoch) & 1];
    /* Sequentially consistent: whoever replaces the pointer sees the count, or this reader sees the new pointer. */
    atomic_fetch_add(count, 1);
    return (assay_reading){count};
}

void assay_readers_leave(assay_reading reading)
{
    atomic_fetch_sub_explicit(reading.count, 1, memory_order_release);
}

static bool is_empty(assay_readers *readers, unsigned parity)
{
    for (size_t i = 0; i < ASSAY_READER_STRIPES; i++) {
        if (atomic_load(&readers->stripes[i].inside[parity]) != 0)
            return false;
    }
    return true;
}

/* From now on readers enter the other epoch; those of the one before can only leave. */
static void begin_round(assay_readers *readers)
{
    readers->waited_parity = atomic_fetch_add(&readers->epoch, 1) & 1;
}

/*
 * Move on as far as the readers allow; returns what can be freed. A batch waits for two epochs: a reader may have read the number of an epoch before it
 * ended and counted itself in only after that one was found empty; such a one stands in the next that is waited for.
 */
static assay_retiree *advance(assay_readers *readers)
{
    if (readers->batch == NULL && readers->fresh == NULL)
        return NULL;
    if (readers->batch == NULL) {
        readers->batch = ASSAY_STEAL(readers->fresh);
        readers->rounds = 0;
        begin_round(readers);
    }
    while (is_empty(readers, readers->waited_parity)) {
        if (++readers->rounds == 2)
            return ASSAY_STEAL(readers->batch);
        begin_round(readers);
    }
    return NULL;
}

void assay_readers_reclaim(assay_readers *readers)
{
    assay_retiree *done;
    do {
        (void)pthread_mutex_lock(&readers->lock);
        done = advance(readers);
        (void)pthread_mutex_unlock(&readers->lock);
        destroy_all(done);
    } while (done != NULL);
}

void assay_readers_retire(assay_readers *readers, assay_retiree *retiree)
{
    (void)pthread_mutex_lock(&readers->lock);
    retiree->next = readers->fresh;
    readers->fresh = retiree;
    (void)pthread_mutex_unlock(&readers->lock);
    assay_readers_reclaim(readers);
}

void assay_readers_hold(assay_readers *readers)
{
    (void)pthread_mutex_lock(&readers->lock);
}

void assay_readers_release(assay_readers *readers)
{
    (void)pthread_mutex_unlock(&readers->lock);
}

void assay_readers_forked(assay_readers *readers)
{
    for (size_t i = 0; i < ASSAY_READER_STRIPES; i++) {
        atomic_store(&readers->stripes[i].inside[0], 0);
        atomic_store(&readers->stripes[i].inside[1], 0);
    }
}
