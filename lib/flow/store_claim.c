/* SPDX-License-Identifier: MIT */
#include "flow/fork.h"
#include "flow/store_private.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

/*
 * Claims last as long as a server takes to answer, so many can be held at once, and nobody waits for one in here.
 *
 * They are POSIX record locks, as those of store_lock.c, and not flock() or F_OFD_SETLK: these belong to the open file, which the child of a fork has as well, so that a
 * child that never heard of the claim, and lives for ever, would keep it after its parent is dead. A record lock belongs to its process. But to that process itself it means nothing, and
 * closing any descriptor of the file drops it; so the claims of this process are in a list, and a file that is claimed is not opened again.
 */

typedef struct claim {
    struct claim *next;
    dev_t device;
    ino_t inode; /* of the directory */
    pid_t process;
    unsigned generation; /* a child may get the number of an ancestor that is gone */
    int fd;              /* -1: about to be locked or closed */
    char name[ASSAY_STORE_NAME + sizeof ASSAY_STORE_CLAIM];
} claim;

/* Changed with the lock, by one store at a time, so that a child finds a list that is whole, whatever another thread of its parent was about. */
static _Atomic(claim *) claims;
static _Atomic(pid_t) owner;

enum { ATTEMPTS = 3 };

/* Held while a list of a few entries is looked through. */
static void lock_list(void)
{
    while (!assay_store_try_process(&owner))
        (void)sched_yield();
}

static void unlock_list(void)
{
    atomic_store(&owner, 0);
}

static bool is_own(const claim *one)
{
    return one->process == getpid() && one->generation == assay_fork_generation();
}

/* False: this process claims it already. */
static bool enter(claim *made)
{
    lock_list();
    const claim *one = atomic_load(&claims);
    while (one != NULL && !(is_own(one) && one->device == made->device && one->inode == made->inode &&
                            strcmp(one->name, made->name) == 0))
        one = one->next;
    if (one == NULL) {
        made->next = atomic_load(&claims);
        atomic_store(&claims, made);
    }
    unlock_list();
    return one == NULL;
}

static void forget(claim *gone)
{
    lock_list();
    claim *before = atomic_load(&claims);
    if (before == gone)
        atomic_store(&claims, gone->next);
    while (before != gone && before->next != gone)
        before = before->next;
    if (before != gone)
        before->next = gone->next;
    unlock_list();
    assay_release(gone);
}

/*
 * Whether the file that was locked is still the one that others would open: a claim that was removed or taken over is worth nothing. A file that is free bears no time,
 * so that nobody takes whoever has just locked it for one that hangs.
 */
static bool is_still_there(const assay_store *store, const char *name, int fd, int64_t *age)
{
    char file[ASSAY_STORE_FILE];
    struct stat opened, named;
    (void)snprintf(file, sizeof file, "%s" ASSAY_STORE_LOCK, name);
    if (fstat(fd, &opened) != 0 || fstatat(store->fd, file, &named, AT_SYMLINK_NOFOLLOW) != 0)
        return false;
    *age = opened.st_mtime == 0 ? 0 : time(NULL) - opened.st_mtime;
    return opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

/* Who takes over makes a file of its own, and whoever hangs holds one without a name. Two who do so at once may both get theirs, which does no harm. */
static int take_over(const assay_store *store, const char *name, assay_failure *failure)
{
    char file[ASSAY_STORE_FILE];
    (void)snprintf(file, sizeof file, "%s" ASSAY_STORE_LOCK, name);
    return unlinkat(store->fd, file, 0) == 0 || errno == ENOENT ? ASSAY_OK
                                                                : assay_store_refuse(failure, "removing", file, errno);
}

static int busy(assay_failure *failure)
{
    return assay_fail_note(failure, ASSAY_E_TIMEOUT, "another process has the claim");
}

/* ASSAY_E_ABSENT: the file changed meanwhile, so once more. */
static int attempt(const assay_store *store, const char *name, int64_t stale, int *locked, assay_failure *failure)
{
    int64_t age = 0;
    ASSAY_CLEANUP(assay_store_close_fd) int fd = -1;
    int code = assay_store_open_lock(store, name, &fd, failure);
    if (code != ASSAY_OK)
        return code;
    bool got = assay_store_try_lock(fd, 0);
    if (!got && errno != EACCES && errno != EAGAIN && errno != EINTR)
        return assay_store_refuse(failure, "locking", name, errno);
    if (!is_still_there(store, name, fd, &age))
        return ASSAY_E_ABSENT;
    if (!got && age < stale)
        return busy(failure);
    if (!got) {
        code = take_over(store, name, failure);
        return code == ASSAY_OK ? ASSAY_E_ABSENT : code;
    }
    (void)assay_store_touch(fd, time(NULL), 0);
    *locked = fd;
    fd = -1;
    return ASSAY_OK;
}

int assay_store_claim(const assay_store *store, const char *name, int64_t stale, int *taken, assay_failure *failure)
{
    *taken = -1;
    if (strlen(name) >= ASSAY_STORE_NAME)
        return assay_fail_note(failure, ASSAY_E_STORE, "the name is too long");
    claim *made = assay_zalloc(sizeof *made);
    if (made == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    made->device = store->device;
    made->inode = store->inode;
    made->process = getpid();
    made->generation = assay_fork_generation();
    made->fd = -1;
    (void)snprintf(made->name, sizeof made->name, "%s" ASSAY_STORE_CLAIM, name);
    if (!enter(made)) {
        assay_release(made);
        return busy(failure);
    }
    int code = ASSAY_E_ABSENT, fd = -1;
    for (int i = 0; i < ATTEMPTS && code == ASSAY_E_ABSENT; i++)
        code = attempt(store, made->name, stale, &fd, failure);
    if (code != ASSAY_OK) {
        forget(made);
        return code == ASSAY_E_ABSENT ? busy(failure) : code;
    }
    lock_list();
    made->fd = fd;
    unlock_list();
    *taken = fd;
    return ASSAY_OK;
}

void assay_store_give_up(int taken)
{
    if (taken < 0)
        return;
    lock_list();
    claim *one = atomic_load(&claims);
    while (one != NULL && one->fd != taken)
        one = one->next;
    if (one != NULL)
        one->fd =
            -1; /* the name stays taken until it is closed: closing drops what another thread would lock meanwhile */
    unlock_list();
    if (one != NULL && is_own(one))
        (void)assay_store_touch(taken, 0, 0);
    assay_store_close_fd(&taken);
    if (one != NULL)
        forget(one);
}
