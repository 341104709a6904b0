/* SPDX-License-Identifier: MIT */
#include "flow/store_private.h"

#include "crypto/crypto.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int assay_store_refuse(assay_failure *failure, const char *what, const char *name, int error)
{
    char reason[100];
    return assay_fail_note(failure, ASSAY_E_STORE, "%s of %.80s: %s", what, name,
                           strerror_r(error, reason, sizeof reason));
}

int assay_store_open_file(const assay_store *store, const char *name, int flags)
{
    int fd;
    do
        fd = openat(store->fd, name, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY, 0600);
    while (fd < 0 && errno == EINTR);
    return fd;
}

void assay_store_close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

const char *assay_store_vet(const assay_store *store, const struct stat *found)
{
    if (!S_ISREG(found->st_mode))
        return "it is no regular file";
    if (found->st_uid != geteuid())
        return "it belongs to another user";
    if ((found->st_mode & 07777 & ~(mode_t)0600) != 0)
        return "its mode is not 0600: others may have written it";
    /* None at all: it was replaced since it was opened, and is whole. */
    if (found->st_nlink > 1)
        return "it has another name as well";
    if (found->st_size < 0 || found->st_size > store->kind->largest)
        return "it is larger than the limit";
    return NULL;
}

/* Up to @p size bytes; fewer where the file ends. -1 with errno. */
static ssize_t read_all(int fd, char *text, size_t size)
{
    size_t used = 0;
    while (used < size) {
        ssize_t got = read(fd, text + used, size - used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        used += (size_t)got;
    }
    return (ssize_t)used;
}

/* Whether that says something about the file, or only about this moment. */
static int unreadable(assay_failure *failure, const char *file, int error)
{
    bool lasts = error == ELOOP || error == EACCES || error == EPERM || error == ENXIO || error == EISDIR;
    int code = assay_store_refuse(failure, "reading", file, error);
    return lasts ? code : ASSAY_E_SYSTEM;
}

static uint64_t version_of(const struct stat *found)
{
    const uint64_t factor = 0x9e3779b97f4a7c15u;
    /* Of the times that of the last change: it tells of renaming and of a new mode too. */
    uint64_t version = (uint64_t)found->st_ino;
    version = version * factor + (uint64_t)found->st_size;
    version = version * factor + (uint64_t)found->st_ctim.tv_sec;
    version = version * factor + (uint64_t)found->st_ctim.tv_nsec;
    return version == 0 ? 1 : version;
}

static void file_of(const assay_store *store, const char *name, char file[ASSAY_STORE_FILE])
{
    (void)snprintf(file, ASSAY_STORE_FILE, "%s%s", name, store->kind->ending);
}

uint64_t assay_store_version(const assay_store *store, const char *name)
{
    char file[ASSAY_STORE_FILE];
    struct stat found;
    file_of(store, name, file);
    return fstatat(store->fd, file, &found, AT_SYMLINK_NOFOLLOW) == 0 ? version_of(&found) : 0;
}

/* ASSAY_OK with a descriptor. */
static int open_to_read(const assay_store *store, const char *file, int *opened, size_t *size, uint64_t *version,
                        assay_failure *failure)
{
    struct stat found;
    *opened = -1;
    *version = 0;
    ASSAY_CLEANUP(assay_store_close_fd) int fd = assay_store_open_file(store, file, O_RDONLY);
    if (fd < 0 && errno == ENOENT)
        return assay_fail(failure, ASSAY_E_ABSENT);
    if (fd < 0 || fstat(fd, &found) != 0)
        return unreadable(failure, file, errno);
    *version = version_of(&found);
    const char *problem = assay_store_vet(store, &found);
    if (problem != NULL)
        return assay_fail_note(failure, ASSAY_E_STORE, "%s is not read: %s", file, problem);
    *size = (size_t)found.st_size;
    *opened = fd;
    fd = -1;
    return ASSAY_OK;
}

int assay_store_read(const assay_store *store, const char *name, char **text, size_t *len, uint64_t *version,
                     assay_failure *failure)
{
    char file[ASSAY_STORE_FILE];
    size_t size = 0;
    ASSAY_CLEANUP(assay_store_close_fd) int fd = -1;
    *text = NULL;
    *len = 0;
    file_of(store, name, file);
    int code = open_to_read(store, file, &fd, &size, version, failure);
    if (code != ASSAY_OK)
        return code;
    ASSAY_AUTO_RELEASE char *read = assay_alloc(size + 1);
    if (read == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    ssize_t got = read_all(fd, read, size);
    if (got < 0)
        return unreadable(failure, file, errno);
    *len = (size_t)got;
    read[*len] = '\0';
    *text = ASSAY_STEAL(read);
    return ASSAY_OK;
}

int assay_store_read_secret(const assay_store *store, const char *name, assay_secret *text, assay_failure *failure)
{
    char file[ASSAY_STORE_FILE];
    size_t size = 0;
    uint64_t version = 0;
    ASSAY_CLEANUP(assay_store_close_fd) int fd = -1;
    assay_secret_clear(text);
    file_of(store, name, file);
    int code = open_to_read(store, file, &fd, &size, &version, failure);
    if (code != ASSAY_OK)
        return code;
    /* Straight into its pages, so that no other memory ever holds it. */
    ASSAY_CLEANUP(assay_secret_clear) assay_secret read = {NULL, 0, 0, false};
    read.text = assay_alloc_pages(size + 1, &read.room);
    if (read.text == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    ssize_t got = read_all(fd, read.text, size);
    if (got < 0)
        return unreadable(failure, file, errno);
    read.len = (size_t)got;
    assay_secret_move(text, &read);
    return ASSAY_OK;
}

static bool write_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t put = write(fd, text, len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0) {
            errno = put == 0 ? ENOSPC : errno;
            return false;
        }
        text += put;
        len -= (size_t)put;
    }
    return true;
}

/* Some file systems tell of a full disk only here. A close that a signal interrupted has closed all the same. */
static bool finish(int *fd, bool durable)
{
    if (durable && fsync(*fd) != 0)
        return false;
    int closed = close(*fd);
    *fd = -1;
    return closed == 0 || errno == EINTR;
}

enum { NO_TIME = 0, DURABLE = -1 };

/* @p until: see assay_store_write_until(), or one of the two above. */
static int replace(const assay_store *store, const char *name, const char *text, size_t len, int64_t until,
                   assay_failure *failure)
{
    uint64_t random = 0;
    char file[ASSAY_STORE_FILE], temporary[ASSAY_STORE_FILE];
    if (!assay_crypto_random(&random, sizeof random))
        return assay_fail(failure, ASSAY_E_CRYPTO);
    file_of(store, name, file);
    (void)snprintf(temporary, sizeof temporary, "%s.%ld.%016" PRIx64 ASSAY_STORE_TEMPORARY, name, (long)getpid(),
                   random);
    ASSAY_CLEANUP(assay_store_close_fd) int fd = assay_store_open_file(store, temporary, O_WRONLY | O_CREAT | O_EXCL);
    if (fd < 0)
        return assay_store_refuse(failure, "writing", file, errno);
    bool durable = until == DURABLE;
    bool done = write_all(fd, text, len) && (until <= time(NULL) || assay_store_touch(fd, until, 0) == 0) &&
                finish(&fd, durable) && renameat(store->fd, temporary, store->fd, file) == 0 &&
                (!durable || fsync(store->fd) == 0);
    int error = errno;
    if (done)
        return ASSAY_OK;
    (void)unlinkat(store->fd, temporary, 0); /* absent where it was renamed */
    return assay_store_refuse(failure, "writing", file, error);
}

int assay_store_write(const assay_store *store, const char *name, const char *text, size_t len, bool durable,
                      assay_failure *failure)
{
    return replace(store, name, text, len, durable ? DURABLE : NO_TIME, failure);
}

int assay_store_write_until(const assay_store *store, const char *name, const char *text, size_t len, int64_t until,
                            assay_failure *failure)
{
    return replace(store, name, text, len, until > 0 ? until : NO_TIME, failure);
}

int assay_store_remove(const assay_store *store, const char *name, assay_failure *failure)
{
    char file[ASSAY_STORE_FILE];
    file_of(store, name, file);
    if (unlinkat(store->fd, file, 0) == 0 || errno == ENOENT)
        return assay_fail(failure, ASSAY_OK);
    return assay_store_refuse(failure, "removing", file, errno);
}
