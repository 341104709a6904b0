/* SPDX-License-Identifier: MIT */
#include "flow/store_private.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

/*
 * Locks between processes are POSIX record locks: a child of fork does not inherit them, and they end with their process. But to one process they mean nothing, and
 * closing any descriptor of the file drops them; so a process has one at a time, under a lock of its own. That one names its process, since a
 * child would else wait for a thread that it has not got.
 */
static _Atomic(pid_t) owner; /* 0: free */

enum { PAUSE_MS = 5 };

static bool take_process_lock(void)
{
    pid_t self = getpid();
    pid_t seen = atomic_load(&owner);
    /* Whoever forked had it: it is not held in this process. */
    return seen != self && atomic_compare_exchange_strong(&owner, &seen, self);
}

static void drop_process_lock(void)
{
    atomic_store(&owner, 0);
}

static bool try_file_lock(int fd)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(fd, F_SETLK, &whole) == 0;
}

static int open_lock(const assay_store *store, const char *name, int *lock, assay_failure *failure)
{
    char file[ASSAY_STORE_FILE];
    struct stat found;
    (void)snprintf(file, sizeof file, "%s.lock", name);
    ASSAY_CLEANUP(assay_store_close_fd) int fd = assay_store_open_file(store, file, O_RDWR | O_CREAT);
    if (fd < 0 || fstat(fd, &found) != 0)
        return assay_store_refuse(failure, "locking", file, errno);
    const char *problem = assay_store_vet(&found);
    if (problem != NULL)
        return assay_fail_note(failure, ASSAY_E_STORE, "%s is not used: %s", file, problem);
    *lock = fd;
    fd = -1;
    return ASSAY_OK;
}

/* Whether there is time for one more attempt; passes some of it. */
static bool wait_a_little(int64_t deadline)
{
    const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
    if (assay_clock_real_ms() >= deadline)
        return false;
    (void)nanosleep(&pause, NULL);
    return true;
}

static int busy(assay_failure *failure)
{
    return assay_fail_note(failure, ASSAY_E_TIMEOUT, "another writer has the lock");
}

int assay_store_lock(const assay_store *store, const char *name, int64_t wait_ms, int *lock, assay_failure *failure)
{
    int64_t deadline = assay_clock_real_ms() + wait_ms;
    *lock = -1;
    while (!take_process_lock())
        if (!wait_a_little(deadline))
            return busy(failure);
    int code = open_lock(store, name, lock, failure);
    while (code == ASSAY_OK && !try_file_lock(*lock)) {
        if (errno != EACCES && errno != EAGAIN && errno != EINTR)
            code = assay_store_refuse(failure, "locking", name, errno);
        else if (!wait_a_little(deadline))
            code = busy(failure);
    }
    if (code == ASSAY_OK)
        return code;
    assay_store_unlock(*lock);
    *lock = -1;
    return code;
}

void assay_store_unlock(int lock)
{
    assay_store_close_fd(&lock); /* which ends the lock of the file */
    drop_process_lock();
}
