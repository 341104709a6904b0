/* SPDX-License-Identifier: MIT */
#include "bench.h"
#include "histogram.h"
#include "issuer.h"

#include <assay/driver.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/*
 * How long one validation with warm keys takes while other keys are being fetched from an issuer that takes its time, and how long an event loop
 * stands still for that. Real time, since what is asked is how long a caller waits; processor time beside it, for machines that others use too. The
 * sides take turns, each one for a whole fetch; their loops are the same, down to the look at a driver's descriptor, and only differ in what is under
 * way. Threads are not pinned.
 */

#define ROUNDS 5
#define DELAY_MS 3000
#define SLICE_NS 3e9
#define PATIENCE_MS 20000
#define LOOK_NS 1e6
#define HOUR_MS 3600000

enum kind { IDLE, LOOP, THREAD };
enum figure { MEDIAN, P99, P999, LONGEST, CPU_P999, FIGURES };

typedef struct side {
    const char *name;
    enum kind kind;
    const char *ca;
    assay_validator *validator;
    atomic_int_fast64_t ahead_ms; /* of its steady clock */
    double samples[FIGURES][ROUNDS];
    double process_wall, process_cpu; /* the longest of all, ns */
} side;

typedef struct record {
    histogram wall, cpu;
} record;

static const char *const figure_names[FIGURES] = {"median", "p99", "p999", "max", "cpu.p999"};

static int64_t wall(void *user_data)
{
    (void)user_data;
    return (int64_t)time(NULL);
}

static int64_t steady(void *user_data)
{
    side *s = user_data;
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 + atomic_load(&s->ahead_ms);
}

static void open_side(side *s, const bench_issuer *from)
{
    char path[128];
    assay_runtime *runtime = NULL;
    assay_issuer *issuer = NULL;
    bench_must(assay_runtime_new(&runtime, NULL) == ASSAY_OK &&
                   assay_runtime_set_ca_file(runtime, bench_issuer_path(from, s->ca, path, sizeof path), NULL) ==
                       ASSAY_OK &&
                   assay_runtime_set_clock(runtime, wall, steady, s, NULL, NULL) == ASSAY_OK,
               "runtime");
    bench_must(assay_issuer_new(from->url, &issuer, NULL) == ASSAY_OK &&
                   assay_issuer_add_audience(issuer, BENCH_AUDIENCE, NULL) == ASSAY_OK &&
                   assay_validator_new(runtime, &issuer, 1, &s->validator, NULL) == ASSAY_OK,
               "validator");
    assay_issuer_free(issuer);
    assay_runtime_unref(runtime);
}

static void open_warm(side *s, const bench_issuer *from)
{
    open_side(s, from);
    bench_must(assay_validator_warm_up(s->validator, PATIENCE_MS, NULL) == ASSAY_OK, "warm up");
}

/* What is under way is not due again in a second, what was done not for a long time. */
static bool is_fresh(const side *s)
{
    int64_t wait_ms = 0;
    bench_must(assay_validator_refresh_due(s->validator, &wait_ms, NULL) == ASSAY_OK, "due");
    return wait_ms > 10000;
}

static uint64_t stat_of(const side *s, int stat)
{
    uint64_t value = 0;
    bench_must(assay_validator_get_stat(s->validator, NULL, stat, &value) == ASSAY_OK, "statistics");
    return value;
}

static double processor_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void process(side *s, assay_driver *driver)
{
    double start = bench_now_ns(), spent = processor_ns();
    bench_must(assay_driver_process(driver, NULL) == ASSAY_OK, "driver");
    spent = processor_ns() - spent;
    double took = bench_now_ns() - start;
    s->process_wall = took > s->process_wall ? took : s->process_wall;
    s->process_cpu = spent > s->process_cpu ? spent : s->process_cpu;
}

static void validate(const side *s, const char *token, size_t len, record *times)
{
    assay_claims *claims = NULL;
    double spent = processor_ns(), start = bench_now_ns();
    int code = assay_validator_check(s->validator, token, len, NULL, &claims, NULL);
    assay_claims_unref(claims);
    histogram_add(&times->wall, bench_now_ns() - start);
    histogram_add(&times->cpu, processor_ns() - spent);
    bench_must(code == ASSAY_OK, "a good token is refused");
}

/* A server that has nothing but requests: after each one it looks whether the driver has something to do. */
static void serve(side *s, assay_driver *driver, const char *token, record *times)
{
    struct pollfd ready = {.fd = assay_driver_fd(driver), .events = POLLIN};
    size_t len = strlen(token);
    double start = bench_now_ns(), looked = start, now = start;
    bool fresh = false;
    while (now - start < SLICE_NS || !fresh) {
        if (poll(&ready, 1, 0) > 0)
            process(s, driver);
        validate(s, token, len, times);
        now = bench_now_ns();
        if (now - looked < LOOK_NS)
            continue;
        looked = now;
        fresh = is_fresh(s);
        bench_must(now - start < PATIENCE_MS * 1e6, "the fetch does not end");
    }
}

/* Make the keys due and let the one who fetches them begin. A new one each time: it has no connection yet. */
static void begin(side *s, assay_driver *driver, bench_issuer *from)
{
    if (s->kind == IDLE)
        return;
    bench_issuer_delay(from, DELAY_MS);
    (void)atomic_fetch_add(&s->ahead_ms, HOUR_MS);
    if (s->kind == LOOP)
        bench_must(assay_driver_keep_fresh(driver, s->validator, NULL) == ASSAY_OK, "keep fresh");
    else
        bench_must(assay_validator_start_refresh_thread(s->validator, NULL) == ASSAY_OK, "refresh thread");
}

static void slice(side *s, bench_issuer *from, record *times, size_t round)
{
    assay_driver *driver = NULL;
    uint64_t before = stat_of(s, ASSAY_STAT_KEY_FETCHES);
    bench_must(assay_driver_new(&driver, NULL) == ASSAY_OK, "driver");
    histogram_clear(&times->wall);
    histogram_clear(&times->cpu);
    begin(s, driver, from);
    serve(s, driver, from->token, times);
    assay_driver_free(driver);
    assay_validator_stop_refresh_thread(s->validator);
    bench_must(stat_of(s, ASSAY_STAT_KEY_FETCHES) - before == (s->kind == IDLE ? 0 : 1) &&
                   stat_of(s, ASSAY_STAT_FETCH_FAILURES) == 0,
               "not the fetches that were to be measured");
    s->samples[MEDIAN][round] = histogram_quantile(&times->wall, 0.5);
    s->samples[P99][round] = histogram_quantile(&times->wall, 0.99);
    s->samples[P999][round] = histogram_quantile(&times->wall, 0.999);
    s->samples[LONGEST][round] = times->wall.max;
    s->samples[CPU_P999][round] = histogram_quantile(&times->cpu, 0.999);
}

/* A loop whose host prepared nothing: the very first validation, by an operation. */
static void first(side *s, const bench_issuer *from)
{
    assay_driver *driver = NULL;
    assay_op *op = NULL, *done = NULL;
    assay_claims *claims = NULL;
    open_side(s, from);
    bench_must(assay_driver_new(&driver, NULL) == ASSAY_OK &&
                   assay_op_new_validate(s->validator, from->token, strlen(from->token), NULL, PATIENCE_MS, &op,
                                         NULL) == ASSAY_OK &&
                   assay_driver_add(driver, op, NULL) == ASSAY_OK,
               "operation");
    struct pollfd ready = {.fd = assay_driver_fd(driver), .events = POLLIN};
    while ((done = assay_driver_next_done(driver)) == NULL) {
        bench_must(poll(&ready, 1, PATIENCE_MS) > 0, "the operation does not end");
        process(s, driver);
    }
    bench_must(assay_op_result(done, &claims, NULL) == ASSAY_OK, "a good token is refused");
    assay_claims_unref(claims);
    assay_op_free(done);
    assay_driver_free(driver);
    assay_validator_unref(s->validator);
}

static double largest(const double *values, size_t count)
{
    double found = values[0];
    for (size_t i = 1; i < count; i++)
        found = values[i] > found ? values[i] : found;
    return found;
}

static void print(const side *s, const char *what, const char *more, double value, const char *unit)
{
    char name[64];
    (void)snprintf(name, sizeof name, "latency.%s.%s%s", s->name, what, more);
    bench_print(name, value, unit);
}

static void print_ratio(const side *s, const side *idle, enum figure figure)
{
    double ratios[ROUNDS];
    for (size_t i = 0; i < ROUNDS; i++)
        ratios[i] = s->samples[figure][i] / idle->samples[figure][i];
    print(s, figure_names[figure], ".ratio", bench_median_of(ratios, ROUNDS), "ratio");
}

static void print_process(const side *s)
{
    print(s, "process", ".wall", s->process_wall, "ns");
    print(s, "process", ".cpu", s->process_cpu, "ns");
}

static void print_side(const side *s, const side *idle)
{
    for (size_t i = 0; i < FIGURES; i++)
        print(s, figure_names[i], "",
              i == LONGEST ? largest(s->samples[i], ROUNDS) : bench_median_of(s->samples[i], ROUNDS), "ns");
    if (s->kind == IDLE)
        return;
    print_ratio(s, idle, MEDIAN);
    print_ratio(s, idle, P999);
    print_ratio(s, idle, CPU_P999);
    if (s->kind == LOOP)
        print_process(s);
}

void bench_latency(void)
{
    side sides[] = {{.name = "idle", .kind = IDLE, .ca = BENCH_CA},
                    {.name = "loop", .kind = LOOP, .ca = BENCH_CA},
                    {.name = "thread", .kind = THREAD, .ca = BENCH_CA},
                    {.name = "bundle", .kind = LOOP, .ca = BENCH_BUNDLE}}; /* last: it may be left out */
    side unprepared = {.name = "unprepared", .kind = LOOP, .ca = BENCH_BUNDLE};
    bench_issuer from;
    bench_issuer_start(&from);
    size_t count = sizeof sides / sizeof *sides - (from.has_bundle ? 0 : 1);
    record *times = malloc(sizeof *times);
    bench_must(times != NULL, "memory");
    printf("# latency: an issuer that takes %d ms, in a process of its own; threads are not pinned%s\n", DELAY_MS,
           from.has_bundle ? "" : "; no CA certificates of the system");
    for (size_t i = 0; i < count; i++)
        open_warm(&sides[i], &from);
    for (size_t round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < count; i++)
            slice(&sides[(round + i) % count], &from, times, round);
    }
    for (size_t i = 0; i < count; i++)
        print_side(&sides[i], &sides[0]);
    for (size_t i = 0; from.has_bundle && i < ROUNDS; i++)
        first(&unprepared, &from);
    if (from.has_bundle)
        print_process(&unprepared);
    for (size_t i = 0; i < count; i++)
        assay_validator_unref(sides[i].validator);
    free(times);
    bench_issuer_stop(&from);
}
