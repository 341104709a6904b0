/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_FLOW_STORE_PRIVATE_H
#define ASSAY_FLOW_STORE_PRIVATE_H

/* What the store*.c files share. */

#include "flow/store.h"

#include <dirent.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/types.h>

struct assay_store {
    int fd; /* the directory */
    dev_t device;
    ino_t inode; /* of the directory: two stores of one are told from others by it */
    const assay_store_kind *kind;
    atomic_flag
        cleaning; /* of `listing`; never waited for. A child that inherits it set leaves the cleaning to others */
    DIR *listing; /* where cleaning goes on; NULL: at the beginning */
};

/* A name has fewer characters than this. */
#define ASSAY_STORE_NAME 80
/* Room for the name of a file: a record's name, a process, a random number, an ending. */
#define ASSAY_STORE_FILE 128
#define ASSAY_STORE_TEMPORARY ".tmp"
#define ASSAY_STORE_LOCK ".lock"
/* In front of that, for a lock of the claiming kind. */
#define ASSAY_STORE_CLAIM ".claim"

/* Open a file of the directory, never by a link and without waiting; mode 0600 where it is made. -1 with errno. */
int assay_store_open_file(const assay_store *store, const char *name, int flags);
/* What is wrong with a file, for it to be read or locked; NULL: nothing. */
const char *assay_store_vet(const assay_store *store, const struct stat *found);
/* Open or make the lock of a name. ASSAY_OK, ASSAY_E_STORE. */
int assay_store_open_lock(const assay_store *store, const char *name, int *lock, assay_failure *failure);
/* Lock one byte of it for this process, if it is free; false with errno. */
bool assay_store_try_lock(int lock, off_t byte);
/* The time of its last change. */
int assay_store_touch(int fd, int64_t seconds, uint32_t nanoseconds);

/*
 * A lock between the threads of this process. It names the process, since the child of a fork would else wait for a thread that it has not got. True: this
 * thread has it now, until it stores 0 there.
 */
bool assay_store_try_process(_Atomic(pid_t) *owner);
/* Say what the system answered; returns ASSAY_E_STORE. */
int assay_store_refuse(assay_failure *failure, const char *what, const char *name, int error);
/* For ASSAY_CLEANUP. */
void assay_store_close_fd(int *fd);

#endif
