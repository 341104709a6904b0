/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_FLOW_STORE_H
#define ASSAY_FLOW_STORE_H

/*
 * A directory of small files that the processes of one user share. It knows nothing of what is in them. A file is replaced as a whole by renaming, so a reader
 * sees the old one or the new one. All access goes through the descriptor of the directory that was vetted when the store was opened.
 */

#include "base/failure.h"
#include "base/memory.h"

typedef struct assay_store assay_store;

/*
 * Open, and make the last directory of @p path where it is missing. ASSAY_OK; ASSAY_E_CONFIG_STORE: not an absolute path, not a directory of the
 * effective user, or others may write to it; ASSAY_E_MEMORY.
 */
int assay_store_open(const char *path, assay_store **store, assay_failure *failure);
void assay_store_close(assay_store *store);
ASSAY_DEFINE_CLEANUP(assay_store, assay_store_close)

/* What tells a file from the one that it replaced, without reading either; 0: there is none. */
uint64_t assay_store_version(const assay_store *store, const char *name);
/*
 * Read the file of a name (letters and digits). ASSAY_OK with *text, owned and terminated; ASSAY_E_ABSENT: there is none; ASSAY_E_STORE: it is no file that
 * this user alone could have written; ASSAY_E_SYSTEM: it can't be read just now; ASSAY_E_MEMORY. *version is that of what was opened, 0 where nothing was.
 */
int assay_store_read(const assay_store *store, const char *name, char **text, size_t *len, uint64_t *version,
                     assay_failure *failure);
/* Replace it. @p durable: it outlives a loss of power. ASSAY_OK, or ASSAY_E_STORE with the old file as it was. */
int assay_store_write(const assay_store *store, const char *name, const char *text, size_t len, bool durable,
                      assay_failure *failure);

/*
 * Keep other processes, and other threads of this one, from writing while a file is read, changed and written. Readers don't ask. The lock goes with its process.
 * @p wait_ms: real time; 0 tries once. ASSAY_OK with *lock >= 0, for assay_store_unlock(); ASSAY_E_TIMEOUT: somebody else has it; ASSAY_E_STORE.
 */
int assay_store_lock(const assay_store *store, const char *name, int64_t wait_ms, int *lock, assay_failure *failure);
void assay_store_unlock(int lock);

/* Whose turn it was last. */
typedef struct assay_store_turn {
    int64_t age;   /* seconds; 0 as well where their clock is ahead by a little */
    uint32_t mark; /* assay_store_mark() of the file that was there then; 0: the file system did not keep it */
} assay_store_turn;

/* A version in less than 30 bits, never 0. */
static inline uint32_t assay_store_mark(uint64_t version)
{
    return 1 + (uint32_t)(version % 999999999);
}

/*
 * Ask for the turn that all processes share, one in @p window seconds; @p now: of the wall clock. The lock file bears the time of the last one, or 0, as that of its last
 * change, and the mark in place of the nanoseconds. ASSAY_OK: it is this process's turn, and others are told. ASSAY_E_ABSENT: somebody had it, *turn tells when. Others:
 * it can't be told just now; nothing is waited for beyond ASSAY_LIMIT_STORE_TURN_MS.
 */
int assay_store_take_turn(const assay_store *store, const char *name, int64_t now, int64_t window,
                          assay_store_turn *turn, assay_failure *failure);

#endif
