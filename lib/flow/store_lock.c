/* SPDX-License-Identifier: MIT */
#include "flow/store_private.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

/*
 * Locks between processes are POSIX record locks: a child of fork does not inherit them, and they end with their process. But to one process they mean nothing, and
 * closing any descriptor of the file drops them; so a process has one at a time, under a lock of its own. That one names its process, since a
 * child would else wait for a thread that it has not got.
 *
 * Whoever writes locks one byte of the file, whoever takes a turn another: that takes microseconds, and must not wait for a disk.
 */
static _Atomic(pid_t) owner; /* 0: free */

enum { PAUSE_MS = 5 };
typedef enum part { PART_WRITING, PART_TURN } part; /* which byte; the file is empty all the same */

bool assay_store_try_process(_Atomic(pid_t) *of)
{
    pid_t self = getpid();
    pid_t seen = atomic_load(of);
    /* Whoever forked had it: it is not held in this process. */
    return seen != self && atomic_compare_exchange_strong(of, &seen, self);
}

static void drop_process_lock(void)
{
    atomic_store(&owner, 0);
}

bool assay_store_try_lock(int lock, off_t byte)
{
    struct flock one = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
    return fcntl(lock, F_SETLK, &one) == 0;
}

int assay_store_touch(int fd, int64_t seconds, uint32_t nanoseconds)
{
    const struct timespec times[] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = (time_t)seconds, .tv_nsec = nanoseconds}};
    return futimens(fd, times);
}

/*
 * Open it, or make it, with a time that says that nobody had a turn yet. -1 with errno. Others make locks and remove old ones meanwhile, so that it may be gone
 * again when it was just there.
 */
static int open_or_make(const assay_store *store, const char *file)
{
    enum { ATTEMPTS = 16 };
    for (int i = 0; i < ATTEMPTS; i++) {
        int fd = assay_store_open_file(store, file, O_RDWR);
        if (fd >= 0 || errno != ENOENT)
            return fd;
        fd = assay_store_open_file(store, file, O_RDWR | O_CREAT | O_EXCL);
        if (fd >= 0)
            (void)assay_store_touch(fd, 0, 0);
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
    return -1;
}

int assay_store_open_lock(const assay_store *store, const char *name, int *lock, assay_failure *failure)
{
    char file[ASSAY_STORE_FILE];
    struct stat found;
    (void)snprintf(file, sizeof file, "%s" ASSAY_STORE_LOCK, name);
    ASSAY_CLEANUP(assay_store_close_fd) int fd = open_or_make(store, file);
    if (fd < 0 || fstat(fd, &found) != 0)
        return assay_store_refuse(failure, "locking", file, errno);
    const char *problem = assay_store_vet(store, &found);
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

static int lock_part(const assay_store *store, const char *name, part which, int64_t wait_ms, int *lock,
                     assay_failure *failure)
{
    int64_t deadline = assay_clock_real_ms() + wait_ms;
    *lock = -1;
    /* Another thread that writes may want the lock that whoever takes a turn holds: waiting for it would be in vain. */
    while (!assay_store_try_process(&owner))
        if (which == PART_TURN || !wait_a_little(deadline))
            return busy(failure);
    int code = assay_store_open_lock(store, name, lock, failure);
    while (code == ASSAY_OK && !assay_store_try_lock(*lock, which)) {
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

int assay_store_lock(const assay_store *store, const char *name, int64_t wait_ms, int *lock, assay_failure *failure)
{
    return lock_part(store, name, PART_WRITING, wait_ms, lock, failure);
}

void assay_store_unlock(int lock)
{
    assay_store_close_fd(&lock); /* which ends the lock of the file */
    drop_process_lock();
}

static int take_turn(int fd, const char *name, int64_t now, int64_t window, uint32_t mark, assay_store_turn *turn,
                     assay_failure *failure)
{
    struct stat found;
    if (fstat(fd, &found) != 0)
        return assay_store_refuse(failure, "asking", name, errno);
    int64_t last = found.st_mtim.tv_sec;
    *turn = (assay_store_turn){last > now ? 0 : now - last, (uint32_t)found.st_mtim.tv_nsec};
    if (turn->age < window && last - now <= ASSAY_LIMIT_STORE_FUTURE)
        return assay_fail(failure, ASSAY_E_ABSENT);
    return assay_store_touch(fd, now, mark) == 0 ? assay_fail(failure, ASSAY_OK)
                                                 : assay_store_refuse(failure, "asking", name, errno);
}

int assay_store_take_turn(const assay_store *store, const char *name, int64_t now, int64_t window,
                          assay_store_turn *turn, assay_failure *failure)
{
    int lock = -1;
    *turn = (assay_store_turn){0, 0};
    int code = lock_part(store, name, PART_TURN, ASSAY_LIMIT_STORE_TURN_MS, &lock, failure);
    if (code != ASSAY_OK)
        return code;
    code = take_turn(lock, name, now, window, assay_store_mark(assay_store_version(store, name)), turn, failure);
    assay_store_unlock(lock);
    return code;
}
