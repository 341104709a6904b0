/* SPDX-License-Identifier: MIT */
#include "base/file.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static int open_file(const char *path)
{
    int fd;
    do
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not hang here */
    while (fd < 0 && errno == EINTR);
    return fd;
}

/* Until the end of the file, or until the buffer is full; false with errno. */
static bool fill(int fd, char *buffer, size_t size, size_t *used)
{
    while (*used < size) {
        ssize_t got = read(fd, buffer + *used, size - *used);
        if (got == 0)
            break;
        if (got < 0 && errno != EINTR)
            return false;
        *used += got > 0 ? (size_t)got : 0;
    }
    return true;
}

/* Whether nothing is left; a byte more is too much. */
static bool is_at_end(int fd)
{
    char more = 0;
    size_t used = 0;
    bool at_end = fill(fd, &more, 1, &used) && used == 0;
    assay_wipe(&more, 1);
    return at_end;
}

int assay_file_read(const char *path, char *buffer, size_t size, size_t *len, int code, assay_failure *failure)
{
    char reason[100];
    char shown[ASSAY_LIMIT_FOUND_BYTES];
    *len = 0;
    assay_text_escape(path, strlen(path), shown, sizeof shown);
    int fd = open_file(path);
    bool read_all = fd >= 0 && fill(fd, buffer, size, len);
    int error = errno;
    bool fits = read_all && (*len < size || is_at_end(fd));
    if (fd >= 0)
        (void)close(fd);
    if (!read_all)
        return assay_fail_note(failure, code, "%.120s: %s", shown, strerror_r(error, reason, sizeof reason));
    if (!fits)
        return assay_fail_note(failure, code, "%.160s is longer than %zu bytes", shown, size);
    return assay_fail(failure, ASSAY_OK);
}
