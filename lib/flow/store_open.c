/* SPDX-License-Identifier: MIT */
#include "flow/store_private.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Opening a store: whose directory it is, and what dead processes left in it. */

/* What a leftover is called: NAME.PID.RANDOM.tmp. Its process; 0: it is called otherwise. */
static pid_t writer_of(const char *file)
{
    size_t len = strlen(file), ending = strlen(ASSAY_STORE_TEMPORARY);
    const char *pid = strchr(file, '.');
    if (len <= ending || strcmp(file + len - ending, ASSAY_STORE_TEMPORARY) != 0 || pid == NULL)
        return 0;
    char *end;
    errno = 0;
    long number = strtol(pid + 1, &end, 10);
    return errno != 0 || *end != '.' || number <= 0 || number > INT32_MAX ? 0 : (pid_t)number;
}

/* A process of another container seems dead, so that alone is no reason. */
static bool is_leftover(const assay_store *store, const char *file)
{
    struct stat found;
    pid_t writer = writer_of(file);
    if (writer == 0 || kill(writer, 0) == 0 || errno != ESRCH)
        return false;
    return fstatat(store->fd, file, &found, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(found.st_mode) &&
           found.st_mtime < time(NULL) - ASSAY_LIMIT_STORE_LEFTOVER_AGE;
}

static bool ends_in(const char *file, const char *ending)
{
    size_t len = strlen(file), end = strlen(ending);
    return len > end && strcmp(file + len - end, ending) == 0;
}

static bool is_old(const assay_store *store, const char *file)
{
    struct stat found;
    return fstatat(store->fd, file, &found, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(found.st_mode) &&
           found.st_mtime < time(NULL) - store->kind->kept;
}

/* A claim is removed by who has it: then nobody else can be about to lock what is removed (store_claim.c). */
static bool remove_claim(const assay_store *store, const char *file)
{
    char name[ASSAY_STORE_NAME];
    int claim = -1;
    size_t len = strlen(file) - strlen(ASSAY_STORE_CLAIM ASSAY_STORE_LOCK);
    if (len >= sizeof name)
        return false;
    memcpy(name, file, len);
    name[len] = '\0';
    if (assay_store_claim(store, name, INT64_MAX, &claim, NULL) != ASSAY_OK)
        return false;
    bool removed = unlinkat(store->fd, file, 0) == 0;
    assay_store_give_up(claim);
    return removed;
}

static bool remove_if_useless(const assay_store *store, const char *file)
{
    if (is_leftover(store, file))
        return unlinkat(store->fd, file, 0) == 0;
    if (store->kind->kept == 0)
        return false;
    if (ends_in(file, store->kind->ending))
        return is_old(store, file) && unlinkat(store->fd, file, 0) == 0;
    return ends_in(file, ASSAY_STORE_CLAIM ASSAY_STORE_LOCK) && is_old(store, file) && remove_claim(store, file);
}

static DIR *open_listing(const assay_store *store)
{
    int fd = openat(store->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* a place in the listing of its own */
    DIR *listing = fd < 0 ? NULL : fdopendir(fd);
    if (listing == NULL)
        assay_store_close_fd(&fd);
    return listing;
}

void assay_store_clean(assay_store *store, size_t entries)
{
    if (atomic_flag_test_and_set(&store->cleaning))
        return;
    if (store->listing == NULL)
        store->listing = open_listing(store);
    size_t removed = 0;
    for (; store->listing != NULL && entries > 0 && removed < ASSAY_LIMIT_STORE_LEFTOVERS; entries--) {
        const struct dirent *entry = readdir(store->listing);
        if (entry == NULL) {
            (void)closedir(ASSAY_STEAL(store->listing));
            break;
        }
        if (remove_if_useless(store, entry->d_name))
            removed++;
    }
    atomic_flag_clear(&store->cleaning);
}

/* The path without the slashes at its end, behind which a link would be followed. */
static char *trimmed(const char *path)
{
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        len--;
    return assay_memdup(path, len);
}

static int refuse(assay_failure *failure, const char *path, const char *what)
{
    char shown[ASSAY_LIMIT_FOUND_BYTES / 2];
    assay_text_escape(path, strlen(path), shown, sizeof shown);
    return assay_fail_note(failure, ASSAY_E_CONFIG_STORE, "%s: %s", shown, what);
}

/* A directory that nobody but this user (and root) can put a file into. */
static const char *vet_directory(assay_store *store)
{
    struct stat found;
    if (fstat(store->fd, &found) != 0)
        return "it can't be looked at";
    if (found.st_uid != geteuid())
        return "it belongs to another user";
    store->device = found.st_dev;
    store->inode = found.st_ino;
    return (found.st_mode & store->kind->closed) != 0 ? store->kind->not_closed : NULL;
}

const assay_store_kind assay_store_of_keys = {".json", 022, "its group or others can write to it",
                                              ASSAY_LIMIT_STORE_BYTES, 0};

int assay_store_open(const char *path, assay_store **store, assay_failure *failure)
{
    return assay_store_open_as(&assay_store_of_keys, path, store, failure);
}

int assay_store_open_as(const assay_store_kind *kind, const char *path, assay_store **store, assay_failure *failure)
{
    char reason[100];
    *store = NULL;
    if (path[0] != '/')
        return refuse(failure, path, "the path does not begin with a slash");
    ASSAY_AUTO_RELEASE char *directory = trimmed(path);
    ASSAY_CLEANUP(assay_store_close_p) assay_store *made = assay_alloc(sizeof *made);
    if (made == NULL || directory == NULL) {
        assay_release(ASSAY_STEAL(made));
        return assay_fail(failure, ASSAY_E_MEMORY);
    }
    *made = (assay_store){.fd = -1, .kind = kind, .cleaning = ATOMIC_FLAG_INIT};
    if (mkdir(directory, 0700) != 0 && errno != EEXIST && errno != EROFS && errno != EACCES)
        return refuse(failure, path, strerror_r(errno, reason, sizeof reason));
    made->fd = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (made->fd < 0 && (errno == ELOOP || errno == ENOTDIR))
        return refuse(failure, path, "it is no directory, or a link to one");
    if (made->fd < 0)
        return refuse(failure, path, strerror_r(errno, reason, sizeof reason));
    const char *problem = vet_directory(made);
    if (problem != NULL)
        return refuse(failure, path, problem);
    assay_store_clean(made, ASSAY_LIMIT_STORE_ENTRIES);
    *store = ASSAY_STEAL(made);
    return ASSAY_OK;
}

void assay_store_close(assay_store *store)
{
    if (store == NULL)
        return;
    if (store->listing != NULL)
        (void)closedir(store->listing);
    assay_store_close_fd(&store->fd);
    assay_release(store);
}
