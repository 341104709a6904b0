/* SPDX-License-Identifier: MIT */
#include "bench.h"
#include "issuer.h"

#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * What the first validation of a fresh process costs, by starting processes (bench_start.c): with keys that are fetched, that lie in a store, that are
 * given; and two bare requests of curl, the least that fetching could cost. They take turns. Real time, since waiting for the issuer is part of it.
 */

#define STORE "store"

/* What bench_start prints. */
enum { TOOK, LOADED, RESIDENT, ANONYMOUS, PRINTED };

typedef struct start {
    const char *mode, *ca, *more; /* files of the issuer's folder, or "-" and NULL */
    bench_case times;
    double memory[PRINTED][BENCH_ROUNDS]; /* kB, but for the first */
} start;

enum { CURL, COLD, STORED, GIVEN, CURL_BUNDLE, COLD_BUNDLE, STORED_BUNDLE, STARTS };

static start starts[STARTS] = {
    [CURL] = {.mode = "curl", .ca = BENCH_CA, .times.name = "curl"},
    [COLD] = {.mode = "cold", .ca = BENCH_CA, .times.name = "cold"},
    [STORED] = {.mode = "store", .ca = BENCH_CA, .more = STORE, .times.name = "store"},
    [GIVEN] = {.mode = "keys", .ca = "-", .more = BENCH_KEYS, .times.name = "keys"},
    /* The system's CA certificates: to be read for a fetch, and untouched without one. */
    [CURL_BUNDLE] = {.mode = "curl", .ca = BENCH_BUNDLE, .times.name = "curl_bundle"},
    [COLD_BUNDLE] = {.mode = "cold", .ca = BENCH_BUNDLE, .times.name = "cold_bundle"},
    [STORED_BUNDLE] = {.mode = "store", .ca = "-", .more = STORE, .times.name = "store_system"},
};

/* The program beside this one. */
static const char *program(void)
{
    static char path[512];
    ssize_t len = readlink("/proc/self/exe", path, sizeof path - 16);
    bench_must(len > 0, "/proc/self/exe");
    path[len] = '\0';
    (void)snprintf(path + len, sizeof path - (size_t)len, "_start");
    return path;
}

static const char *path_of(const bench_issuer *from, const char *name, char *path, size_t size)
{
    return name == NULL || strcmp(name, "-") == 0 ? name : bench_issuer_path(from, name, path, size);
}

/* Start one and read its line. */
static void spawn(char *const *argv, double *printed)
{
    int ends[2];
    pid_t process = -1;
    posix_spawn_file_actions_t actions;
    bench_must(pipe(ends) == 0 && posix_spawn_file_actions_init(&actions) == 0 &&
                   posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO) == 0 &&
                   posix_spawn_file_actions_addclose(&actions, ends[0]) == 0 &&
                   posix_spawn_file_actions_addclose(&actions, ends[1]) == 0 &&
                   posix_spawn(&process, argv[0], &actions, NULL, argv, environ) == 0,
               "bench_start can't be started");
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(ends[1]);
    FILE *output = fdopen(ends[0], "r");
    bench_must(output != NULL && fscanf(output, "%lf %lf %lf %lf", &printed[TOOK], &printed[LOADED], &printed[RESIDENT],
                                        &printed[ANONYMOUS]) == PRINTED,
               "bench_start says nothing");
    (void)fclose(output);
    int status = 0;
    bench_must(waitpid(process, &status, 0) == process && status == 0, "bench_start failed");
}

static void run(const start *s, const bench_issuer *from, double *printed)
{
    char ca[128], more[128];
    const char *argv[] = {program(),      s->mode,     path_of(from, s->ca, ca, sizeof ca),       from->url,
                          BENCH_AUDIENCE, from->token, path_of(from, s->more, more, sizeof more), NULL};
    spawn((char *const *)(uintptr_t)argv, printed);
}

/* The store's keys; and everything is in the system's cache of files then. */
static void prepare(const bench_issuer *from, size_t count)
{
    double ignored[PRINTED];
    start fill = starts[COLD];
    fill.more = STORE;
    run(&fill, from, ignored);
    for (size_t i = 0; i < count; i++)
        run(&starts[i], from, ignored);
}

static void measure(start *s, const bench_issuer *from, size_t round)
{
    double printed[PRINTED];
    run(s, from, printed);
    s->times.samples[round] = printed[TOOK];
    for (size_t i = LOADED; i < PRINTED; i++)
        s->memory[i][round] = printed[i];
}

static double memory_of(const start *s, size_t which)
{
    return bench_median_of(s->memory[which], BENCH_ROUNDS);
}

static void print(const char *name, const char *what, double value, const char *unit)
{
    char whole[80];
    (void)snprintf(whole, sizeof whole, "start.%s%s", name, what);
    bench_print(whole, value, unit);
}

static void print_ratio(const start *of, const start *over)
{
    print(of->times.name, ".ratio", bench_ratio(&of->times, &over->times), "ratio");
}

void bench_starts(void)
{
    bench_issuer from;
    bench_issuer_start(&from);
    size_t count = from.has_bundle ? STARTS : CURL_BUNDLE;
    prepare(&from, count);
    for (size_t round = 0; round < BENCH_ROUNDS; round++) {
        for (size_t i = 0; i < count; i++)
            measure(&starts[(round + i) % count], &from, round);
    }
    for (size_t i = 0; i < count; i++)
        print(starts[i].times.name, "", bench_median(&starts[i].times), "ns");
    print_ratio(&starts[COLD], &starts[CURL]);
    print_ratio(&starts[STORED], &starts[CURL]);
    if (from.has_bundle)
        print_ratio(&starts[COLD_BUNDLE], &starts[CURL_BUNDLE]);
    print("loaded", ".resident", memory_of(&starts[COLD], LOADED), "kB");
    for (size_t i = 0; i < count; i++) {
        print(starts[i].times.name, ".resident", memory_of(&starts[i], RESIDENT), "kB");
        print(starts[i].times.name, ".anonymous", memory_of(&starts[i], ANONYMOUS), "kB");
    }
    bench_issuer_stop(&from);
}
