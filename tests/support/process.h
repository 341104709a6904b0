/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_TESTS_PROCESS_H
#define ASSAY_TESTS_PROCESS_H

/* What a process tells of itself (Linux), and children that run a piece of a test. */

#include <stdint.h>

/* Threads, open descriptors and resident kilobytes of this process. */
int process_threads(void);
int process_descriptors(void);
int64_t process_resident_kb(void);
/* Wait up to five seconds until there are so many threads at most; how many there are then. */
int process_wait_threads(int most);
/* Mask of blocked signals, as the kernel counts them, of the one thread that is not in `known`; 0: not exactly one. */
uint64_t process_blocked_in_other_thread(const int *known, int count);
/* Thread ids, at most `capacity`; how many. */
int process_thread_ids(int *ids, int capacity);

/*
 * Run a body in a child that may take so many seconds; its id. It ends by exit(), so that a leak checker looks at it then; but not where the parent had
 * other threads: what they alone could reach looks lost in the child, and ThreadSanitizer would wait a second for those that are not there.
 */
typedef int (*process_body)(void *argument);
int process_start(process_body body, void *argument, unsigned seconds);
/* Wait for it; its exit status, or 1000 + the signal that ended it. */
int process_wait(int pid);
int process_run(process_body body, void *argument, unsigned seconds);

/* In a body, whose failure is an exit status: says which line it was, and returns from it. */
#define EXPECT(condition)                                                                                              \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            return process_is_not(__LINE__);                                                                           \
    } while (0)
int process_is_not(int line);
/* A body that does nothing. */
int process_do_nothing(void *argument);

#endif
