/* SPDX-License-Identifier: MIT */
#include "process.h"

#include "pace.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if defined __has_include
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#endif

#if defined __has_feature
#if __has_feature(thread_sanitizer)
/* Children of a process with threads may have threads of their own. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "die_after_fork=0";
}
#endif
#endif

static int count_entries(const char *folder)
{
    DIR *directory = opendir(folder);
    int count = 0;
    if (directory == NULL)
        abort();
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

int process_threads(void)
{
    return count_entries("/proc/self/task");
}

int process_descriptors(void)
{
    return count_entries("/proc/self/fd") - 1; /* that of the folder */
}

int64_t process_resident_kb(void)
{
    long size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%ld %ld", &size, &resident) != 2)
        abort();
    fclose(file);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

int process_wait_threads(int most)
{
    static const struct timespec pause = {0, 10000000};
    int count = process_threads();
    for (int i = 0; i < 500 && count > most; i++) {
        nanosleep(&pause, NULL);
        count = process_threads();
    }
    return count;
}

int process_thread_ids(int *ids, int capacity)
{
    DIR *directory = opendir("/proc/self/task");
    int count = 0;
    if (directory == NULL)
        abort();
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL && count < capacity;)
        if (entry->d_name[0] != '.')
            ids[count++] = atoi(entry->d_name);
    closedir(directory);
    return count;
}

static uint64_t blocked_in(int id)
{
    char path[64], line[256];
    unsigned long long mask = 0;
    snprintf(path, sizeof path, "/proc/self/task/%d/status", id);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return 0;
    while (fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "SigBlk: %llx", &mask) == 1)
            break;
    fclose(file);
    return mask;
}

uint64_t process_blocked_in_other_thread(const int *known, int count)
{
    int ids[64], others = 0;
    uint64_t mask = 0;
    int threads = process_thread_ids(ids, 64);
    for (int i = 0; i < threads; i++) {
        int at = 0;
        while (at < count && known[at] != ids[i])
            at++;
        if (at < count)
            continue;
        others++;
        mask = blocked_in(ids[i]);
    }
    return others == 1 ? mask : 0;
}

static bool sleeps(int id)
{
    char path[64], line[512] = "";
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", id);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return true; /* it is gone */
    const char *name_end = fgets(line, sizeof line, file) == NULL ? NULL : strrchr(line, ')');
    fclose(file);
    return name_end != NULL && name_end[1] == ' ' && name_end[2] == 'S';
}

/* A thread that waits for a socket or a lock is not in the allocator; bounded, as there are threads that never do. */
static void wait_until_others_sleep(void)
{
    static const struct timespec pause = {0, 1000000};
    int ids[64], quiet = 0;
    for (int i = 0; i < 200 && quiet < 5; i++) {
        int count = process_thread_ids(ids, 64), at = 0;
        while (at < count && (ids[at] == gettid() || sleeps(ids[at])))
            at++;
        quiet = at == count ? quiet + 1 : 0;
        nanosleep(&pause, NULL);
    }
}

static bool orphaned; /* this process, or one that it descends from, was forked beside other threads */

/* What another thread of the parent alone could reach looks lost in its child. Valgrind looks however a process ends, unless it is told. */
static void end_leak_check(void)
{
#ifdef VALGRIND_CLO_CHANGE
    if (pace_is_valgrind())
        VALGRIND_CLO_CHANGE("--leak-check=no");
#endif
}

int process_start(process_body body, void *argument, unsigned seconds)
{
    fflush(NULL);
    if (pace_has_fragile_allocator())
        wait_until_others_sleep();
    bool beside_others = process_threads() > 1;
    int pid = fork();
    if (pid < 0)
        abort();
    if (pid > 0)
        return pid;
    orphaned |= beside_others;
    if (orphaned)
        end_leak_check();
    alarm(seconds);
    int status = body(argument);
    if (!orphaned || !pace_is_sanitized())
        exit(status);
    fflush(NULL);
    _exit(status);
}

int process_wait(int pid)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            abort();
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

int process_run(process_body body, void *argument, unsigned seconds)
{
    return process_wait(process_start(body, argument, seconds));
}

int process_is_not(int line)
{
    fprintf(stderr, "child: line %d is not as expected\n", line);
    return 1;
}

int process_do_nothing(void *argument)
{
    (void)argument;
    return 0;
}
