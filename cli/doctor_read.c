/* SPDX-License-Identifier: MIT */
/* assay doctor: files, whose absence is a finding and no mistake on the command line. */

#include "doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

const char *doctor_path(const char *path)
{
    bool there = access(path, F_OK) == 0;
    return there || (path[0] == '/' && strlen(path) < 256) ? path : "(a name that is not shown)";
}

int doctor_read_open(int fd, size_t limit, cli_text *bytes)
{
    char buffer[16384];
    int reason = 0;
    for (;;) {
        ssize_t got = read(fd, buffer, sizeof buffer);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            reason = got < 0 ? errno : 0;
            break;
        }
        cli_text_add(bytes, buffer, (size_t)got);
        if (bytes->len > limit) {
            reason = EFBIG;
            break;
        }
    }
    explicit_bzero(buffer, sizeof buffer);
    if (reason != 0)
        cli_text_wipe(bytes);
    return reason;
}

/* O_NONBLOCK: a FIFO in the place of a file would wait for a writer. */
int doctor_read(const char *path, size_t limit, cli_text *bytes)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return errno;
    int reason = doctor_read_open(fd, limit, bytes);
    (void)close(fd);
    return reason;
}
