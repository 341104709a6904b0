/* SPDX-License-Identifier: MIT */
#include "flow/wakeup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/eventfd.h>
#endif

struct assay_wakeup {
    int reader, writer; /* the same for an eventfd */
    atomic_bool raised; /* something was written that is not read yet */
};

#ifdef __linux__
static int open_pair(assay_wakeup *wakeup)
{
    wakeup->reader = wakeup->writer = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return wakeup->reader < 0 ? -1 : 0;
}
#else
static int open_pair(assay_wakeup *wakeup)
{
    int ends[2];
    if (pipe(ends) != 0)
        return -1;
    wakeup->reader = ends[0];
    wakeup->writer = ends[1];
    for (int i = 0; i < 2; i++)
        if (fcntl(ends[i], F_SETFD, FD_CLOEXEC) != 0 || fcntl(ends[i], F_SETFL, O_NONBLOCK) != 0)
            return -1;
    return 0;
}
#endif

int assay_wakeup_fail(assay_failure *failure, const char *what, int error)
{
    char reason[100];
    switch (error) {
    case ENOMEM:
        return assay_fail(failure, ASSAY_E_MEMORY);
    case EMFILE:
        return assay_fail_note(failure, ASSAY_E_SYSTEM, "no %s: the process has no more open files (RLIMIT_NOFILE)",
                               what);
    case ENFILE:
        return assay_fail_note(failure, ASSAY_E_SYSTEM, "no %s: the system has no more open files (fs.file-max)", what);
    case ENOSPC:
        return assay_fail_note(failure, ASSAY_E_SYSTEM,
                               "no %s: the user watches no more files (fs.epoll.max_user_watches)", what);
    default:
        return assay_fail_note(failure, ASSAY_E_SYSTEM, "no %s: %s", what, strerror_r(error, reason, sizeof reason));
    }
}

int assay_wakeup_new(assay_wakeup **wakeup, assay_failure *failure)
{
    *wakeup = NULL;
    ASSAY_CLEANUP(assay_wakeup_free_p) assay_wakeup *made = assay_zalloc(sizeof *made);
    if (made == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    made->reader = made->writer = -1;
    atomic_init(&made->raised, false);
    if (open_pair(made) != 0)
        return assay_wakeup_fail(failure, "descriptor to be woken by", errno);
    *wakeup = ASSAY_STEAL(made);
    return assay_fail(failure, ASSAY_OK);
}

void assay_wakeup_free(assay_wakeup *wakeup)
{
    if (wakeup == NULL)
        return;
    if (wakeup->reader >= 0)
        (void)close(wakeup->reader);
    if (wakeup->writer >= 0 && wakeup->writer != wakeup->reader)
        (void)close(wakeup->writer);
    assay_release(wakeup);
}

int assay_wakeup_fd(const assay_wakeup *wakeup)
{
    return wakeup->reader;
}

void assay_wakeup_raise(assay_wakeup *wakeup)
{
    const uint64_t one = 1; /* what an eventfd takes; a pipe takes any bytes */
    int error = errno;
    if (atomic_exchange_explicit(&wakeup->raised, true, memory_order_acq_rel))
        return;
    while (write(wakeup->writer, &one, sizeof one) < 0 && errno == EINTR)
        ;
    errno = error;
}

/* First read, then lower the flag: the other way round a raise in between would be read away, and its flag keep all later ones silent. */
void assay_wakeup_take(assay_wakeup *wakeup)
{
    uint64_t count;
    while (read(wakeup->reader, &count, sizeof count) < 0 && errno == EINTR)
        ;
    (void)atomic_exchange_explicit(&wakeup->raised, false, memory_order_acq_rel);
}
