/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_BASE_READERS_H
#define ASSAY_BASE_READERS_H

/*
 * When may a replaced object be freed? Readers count themselves in and out on a counter of their own cache line. A replaced object is
 * retired, and freed once all who may still see it are out. Nobody ever waits: neither readers nor whoever retires.
 */

#include "base/memory.h"

#include <pthread.h>
#include <stdatomic.h>

#define ASSAY_READER_STRIPES 64

typedef struct assay_reader_stripe {
    _Alignas(64) atomic_uint_fast64_t inside[2]; /* one count for each parity of the epoch */
} assay_reader_stripe;

/* What can be retired has this as its first member. */
typedef struct assay_retiree {
    struct assay_retiree *next;
    void (*destroy)(struct assay_retiree *retiree);
} assay_retiree;

typedef struct assay_readers {
    assay_reader_stripe stripes[ASSAY_READER_STRIPES];
    _Alignas(64) atomic_uint epoch;
    pthread_mutex_t lock;   /* of what follows */
    assay_retiree *fresh;   /* retired since the batch was begun */
    assay_retiree *batch;   /* waits for the readers of two epochs */
    unsigned rounds;        /* epochs that the batch has outlived */
    unsigned waited_parity; /* whose readers must leave first */
} assay_readers;

/* A place in a reader section; on the reader's stack. */
typedef struct assay_reading {
    atomic_uint_fast64_t *count;
} assay_reading;

assay_readers *assay_readers_new(void);
/* Frees what is still retired too; no reader may be inside. */
void assay_readers_free(assay_readers *readers);

/* Begin and end a reader section. Pointers are loaded after the beginning and not used after the end. Sections are short: no I/O inside. */
assay_reading assay_readers_enter(assay_readers *readers);
void assay_readers_leave(assay_reading reading);

/* Hand over an object to which no pointer can be loaded any more; it is freed now or by a later call, when its last reader is out. */
void assay_readers_retire(assay_readers *readers, assay_retiree *retiree);
/* Free what can be freed by now. */
void assay_readers_reclaim(assay_readers *readers);
/* While the process forks, in the thread that does: nothing is retired or freed in between. */
void assay_readers_hold(assay_readers *readers);
void assay_readers_release(assay_readers *readers);
/* In the child of a fork, while it has one thread, which is no reader: those of the parent are not here and will not count themselves out. */
void assay_readers_forked(assay_readers *readers);

#endif
