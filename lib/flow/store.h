/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_FLOW_STORE_H
#define ASSAY_FLOW_STORE_H

/*
 * A directory of small files that the processes of one user share. It knows nothing of what is in them. A file is replaced as a whole by renaming, so a reader
 * sees the old one or the new one. All access goes through the descriptor of the directory that was vetted when the store was opened.
 */

#include "base/failure.h"
#include "crypto/secret.h"

typedef struct assay_store assay_store;

/* What a store holds. */
typedef struct assay_store_kind {
    const char *ending; /* of its files' names, such as ".json" */
    unsigned closed;    /* bits that the mode of the directory must not have, and what is said of one that has them */
    const char *not_closed;
    int64_t largest; /* bytes of a file */
    int64_t kept;    /* seconds after its time that a file is removed by assay_store_clean(); 0: never */
} assay_store_kind;

extern const assay_store_kind assay_store_of_keys;

/*
 * Open, and make the last directory of @p path where it is missing. ASSAY_OK; ASSAY_E_CONFIG_STORE: not an absolute path, not a directory of the
 * effective user, or others may write to it, or whatever else the kind forbids; ASSAY_E_MEMORY.
 */
int assay_store_open(const char *path, assay_store **store, assay_failure *failure);
int assay_store_open_as(const assay_store_kind *kind, const char *path, assay_store **store, assay_failure *failure);
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
/* The same for what is secret. *text is empty on failure. */
int assay_store_read_secret(const assay_store *store, const char *name, assay_secret *text, assay_failure *failure);
/* Replace it. @p durable: it outlives a loss of power. ASSAY_OK, or ASSAY_E_STORE with the old file as it was. */
int assay_store_write(const assay_store *store, const char *name, const char *text, size_t len, bool durable,
                      assay_failure *failure);
/* The same, not durable, of a file that is of use until then (seconds since 1970): that is its time, unless it is past. */
int assay_store_write_until(const assay_store *store, const char *name, const char *text, size_t len, int64_t until,
                            assay_failure *failure);
/* ASSAY_OK, also where there is none; ASSAY_E_STORE. */
int assay_store_remove(const assay_store *store, const char *name, assay_failure *failure);
/*
 * Look at so many entries of the directory, from where the last call left off, and remove what dead processes left, and the files and claims that are older than the
 * kind says. Does nothing while another thread is at it.
 */
void assay_store_clean(assay_store *store, size_t entries);

/*
 * Keep others from what a name stands for, other threads and stores of this process too, for as long as it takes: seconds. Nothing is waited for. The claim goes with its process, and
 * the child of a fork has none. One that is @p stale seconds old is of a process that hangs, and is taken over. ASSAY_OK with *claim >= 0, for assay_store_give_up();
 * ASSAY_E_TIMEOUT: somebody else has it; ASSAY_E_STORE; ASSAY_E_MEMORY.
 */
int assay_store_claim(const assay_store *store, const char *name, int64_t stale, int *claim, assay_failure *failure);
/* In the child of a fork as well, for what it inherited. */
void assay_store_give_up(int claim);

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
