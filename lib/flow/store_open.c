/* SPDX-License-Identifier: MIT */
#include "flow/store_private.h"

#include <dirent.h>
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

static void remove_leftovers(const assay_store *store)
{
    int fd = openat(store->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* a place in the listing of its own */
    DIR *listing = fd < 0 ? NULL : fdopendir(fd);
    if (listing == NULL) {
        assay_store_close_fd(&fd);
        return;
    }
    size_t removed = 0;
    for (struct dirent *entry; removed < ASSAY_LIMIT_STORE_LEFTOVERS && (entry = readdir(listing)) != NULL;)
        if (is_leftover(store, entry->d_name) && unlinkat(store->fd, entry->d_name, 0) == 0)
            removed++;
    (void)closedir(listing);
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
static const char *vet_directory(int fd)
{
    struct stat found;
    if (fstat(fd, &found) != 0)
        return "it can't be looked at";
    if (found.st_uid != geteuid())
        return "it belongs to another user";
    return (found.st_mode & 022) != 0 ? "its group or others can write to it" : NULL;
}

int assay_store_open(const char *path, assay_store **store, assay_failure *failure)
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
    made->fd = -1;
    if (mkdir(directory, 0700) != 0 && errno != EEXIST && errno != EROFS && errno != EACCES)
        return refuse(failure, path, strerror_r(errno, reason, sizeof reason));
    made->fd = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (made->fd < 0 && (errno == ELOOP || errno == ENOTDIR))
        return refuse(failure, path, "it is no directory, or a link to one");
    if (made->fd < 0)
        return refuse(failure, path, strerror_r(errno, reason, sizeof reason));
    const char *problem = vet_directory(made->fd);
    if (problem != NULL)
        return refuse(failure, path, problem);
    remove_leftovers(made);
    *store = ASSAY_STEAL(made);
    return ASSAY_OK;
}

void assay_store_close(assay_store *store)
{
    if (store == NULL)
        return;
    assay_store_close_fd(&store->fd);
    assay_release(store);
}
