/* SPDX-License-Identifier: MIT */
#include "base/readers.h"

#include <sched.h>
#include <stdlib.h>
#include <time.h>

assay_readers *assay_readers_new(void)
{
    void *memory = NULL;
    if (posix_memalign(&memory, 64, sizeof(assay_readers)) != 0)
        return NULL;
    assay_readers *readers = memory;
    for (size_t i = 0; i < ASSAY_READER_STRIPES; i++) {
        atomic_init(&readers->stripes[i].inside[0], 0);
        atomic_init(&readers->stripes[i].inside[1], 0);
    }
    atomic_init(&readers->epoch, 0);
    if (pthread_mutex_init(&readers->waiting, NULL) != 0) {
        assay_release(readers);
        return NULL;
    }
    return readers;
}

void assay_readers_free(assay_readers *readers)
{
    if (readers == NULL)
        return;
    (void)pthread_mutex_destroy(&readers->waiting);
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
    /* Sequentially consistent: the count is seen by a waiter before the pointer is loaded here. */
    atomic_fetch_add(count, 1);
    return (assay_reading){count};
}

void assay_readers_leave(assay_reading reading)
{
    atomic_fetch_sub_explicit(reading.count, 1, memory_order_release);
}

static void wait_for(assay_readers *readers, unsigned epoch)
{
    static const struct timespec pause = {0, 50000};
    for (size_t i = 0; i < ASSAY_READER_STRIPES; i++) {
        for (unsigned spins = 0; atomic_load(&readers->stripes[i].inside[epoch]) != 0; spins++) {
            if (spins < 100)
                (void)sched_yield();
            else
                (void)nanosleep(&pause, NULL);
        }
    }
}

void assay_readers_wait(assay_readers *readers)
{
    (void)pthread_mutex_lock(&readers->waiting);
    /*
     * Twice: a reader may have read the epoch before the first change and counted itself in only after it was waited for. Such a one stands in the epoch that
     * the second round waits for. New readers enter the other epoch, so that a stream of them delays nobody.
     */
    for (int round = 0; round < 2; round++) {
        unsigned old = atomic_fetch_add(&readers->epoch, 1) & 1;
        wait_for(readers, old);
    }
    (void)pthread_mutex_unlock(&readers->waiting);
}
