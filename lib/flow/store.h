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

/*
 * Read the file of a name (letters and digits). ASSAY_OK with *text, owned and terminated; ASSAY_E_ABSENT: there is none; ASSAY_E_STORE: it is no file that
 * this user alone could have written; ASSAY_E_SYSTEM: it can't be read just now; ASSAY_E_MEMORY.
 */
int assay_store_read(const assay_store *store, const char *name, char **text, size_t *len, assay_failure *failure);
/* Replace it. @p durable: it outlives a loss of power. ASSAY_OK, or ASSAY_E_STORE with the old file as it was. */
int assay_store_write(const assay_store *store, const char *name, const char *text, size_t len, bool durable,
                      assay_failure *failure);

/*
 * Keep other processes, and other threads of this one, from writing while a file is read, changed and written. Readers don't ask. The lock goes with its process.
 * @p wait_ms: real time; 0 tries once. ASSAY_OK with *lock >= 0, for assay_store_unlock(); ASSAY_E_TIMEOUT: somebody else has it; ASSAY_E_STORE.
 */
int assay_store_lock(const assay_store *store, const char *name, int64_t wait_ms, int *lock, assay_failure *failure);
void assay_store_unlock(int lock);

/*
 * Ask for the turn that all processes share, one in @p window seconds; @p now: of the wall clock. The lock file bears the time of the last one as that of its last
 * change, or 0. ASSAY_OK: it is this process's turn, and others are told. ASSAY_E_ABSENT: somebody had it *age seconds ago, 0 where their clock is
 * ahead by a little. Others: it can't be told just now; nothing is waited for beyond ASSAY_LIMIT_STORE_TURN_MS.
 */
int assay_store_take_turn(const assay_store *store, const char *name, int64_t now, int64_t window, int64_t *age,
                          assay_failure *failure);

#endif
