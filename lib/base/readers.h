/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_BASE_READERS_H
#define ASSAY_BASE_READERS_H

/*
 * When may a replaced object be freed? Readers count themselves in and out on a counter of their own cache line; whoever replaced the object waits until
 * all who may still see it are out. Readers never wait, take no lock, and threads do not write to the same line.
 */

#include "base/memory.h"

#include <pthread.h>
#include <stdatomic.h>

#define ASSAY_READER_STRIPES 64

typedef struct assay_reader_stripe {
    _Alignas(64) atomic_uint_fast64_t inside[2]; /* one count for each epoch */
} assay_reader_stripe;

typedef struct assay_readers {
    assay_reader_stripe stripes[ASSAY_READER_STRIPES];
    _Alignas(64) atomic_uint epoch;
    pthread_mutex_t waiting; /* one waiter at a time */
} assay_readers;

/* A place in a reader section; on the reader's stack. */
typedef struct assay_reading {
    atomic_uint_fast64_t *count;
} assay_reading;

assay_readers *assay_readers_new(void);
void assay_readers_free(assay_readers *readers);

/* Begin and end a reader section. Pointers are loaded (acquire) after the beginning and not used after the end. Sections are short: no I/O inside. */
assay_reading assay_readers_enter(assay_readers *readers);
void assay_readers_leave(assay_reading reading);

/* Wait until every section that began before this call has ended. Called after the pointer was replaced; not from inside a section. */
void assay_readers_wait(assay_readers *readers);

#endif
