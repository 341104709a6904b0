/* SPDX-License-Identifier: MIT */
/*
 * Makes, uses and releases validators, drivers, refresh threads and children over and over, with real fetches; memory, descriptors and threads
 * must be after it what they were after the first tenth. soak [CYCLES]
 */
#include "support/far_issuer.h"
#include "support/loop.h"
#include "support/pace.h"
#include "support/process.h"
#include "support/scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAIT 20000
#define GROWTH_KB 1024 /* what the heap's holes may come to */

typedef struct figures {
    int64_t resident_kb;
    int descriptors, threads;
} figures;

typedef struct place {
    far_issuer issuer;
    char *good, *forged, *unknown;
} place;

static place plain, secure;

static void must(bool condition, const char *what, int cycle)
{
    if (!condition) {
        fprintf(stderr, "soak: cycle %d: %s\n", cycle, what);
        exit(1);
    }
}

static void open_place(place *at, bool tls)
{
    far_issuer_start(&at->issuer, tls);
    at->good = far_issuer_mint(&at->issuer, "{\"claims\":{\"exp\":4102444800}}");
    at->forged = far_issuer_mint(&at->issuer, "{\"forge\":\"signature\",\"claims\":{\"exp\":4102444800}}");
    at->unknown = far_issuer_mint(&at->issuer, "{\"forge\":\"unknown-kid\",\"claims\":{\"exp\":4102444800}}");
}

static void close_place(place *at)
{
    far_issuer_stop(&at->issuer);
    free(at->good);
    free(at->forged);
    free(at->unknown);
}

static assay_op *make_op(assay_validator *validator, const char *token)
{
    assay_op *op = NULL;
    must(assay_op_new_validate(validator, token, strlen(token), NULL, WAIT, &op, NULL) == ASSAY_OK, "operation", -1);
    return op;
}

/* Operations that end, and where so told some that are cancelled or left in the driver. */
static void use_driver(const place *at, assay_validator *validator, int cycle)
{
    loop turning;
    loop_open(&turning, (loop_kind)(cycle % 3));
    for (int i = 0; i < 4; i++)
        loop_add(&turning, make_op(validator, i == 3 ? at->forged : at->good));
    if (cycle % 5 == 0) {
        loop_run(&turning, 1);
        assay_op *cancelled = make_op(validator, at->good);
        loop_add(&turning, cancelled);
        assay_op_cancel(cancelled);
    }
    for (int i = 0; cycle % 7 != 0 && i < 4; i++) {
        assay_op *op = loop_next(&turning, WAIT);
        must(op != NULL, "an operation never ended", cycle);
        int code = loop_result(op);
        must(code == ASSAY_OK || code == ASSAY_E_SIGNATURE || code == ASSAY_E_CANCELLED, assay_code_name(code), cycle);
    }
    loop_close(&turning);
}

static void use_thread(const place *at, assay_validator *validator, int cycle)
{
    must(assay_validator_start_refresh_thread(validator, NULL) == ASSAY_OK, "thread", cycle);
    must(far_issuer_try(validator, at->good, WAIT) == ASSAY_OK, "beside the thread", cycle);
    if (cycle % 2 == 0)
        assay_validator_stop_refresh_thread(validator);
}

typedef struct worker {
    const place *at;
    assay_validator *validator;
} worker;

static int work(void *argument)
{
    const worker *mine = argument;
    int code = far_issuer_try(mine->validator, mine->at->good, WAIT);
    int unknown = far_issuer_try(mine->validator, mine->at->unknown, WAIT);
    assay_validator_unref(mine->validator);
    return code == ASSAY_OK && unknown == ASSAY_E_KEY_UNKNOWN ? 0 : 1;
}

static int alone; /* threads before the first cycle: a sanitizer may have one of its own */

static void run_cycle(int cycle)
{
    const place *at = cycle % 8 == 0 ? &secure : &plain;
    assay_validator *validator = far_issuer_validator(&at->issuer, NULL);
    if (cycle % 4 == 1)
        use_thread(at, validator, cycle);
    if (cycle % 2 == 0)
        use_driver(at, validator, cycle);
    must(far_issuer_try(validator, at->good, WAIT) == ASSAY_OK, "a good token was refused", cycle);
    must(far_issuer_try(validator, at->forged, WAIT) == ASSAY_E_SIGNATURE, "a forged token", cycle);
    if (cycle % 15 == 10) { /* at the 25th beside a refresh thread, at the 10th beside none */
        worker mine = {at, validator};
        must(process_run(work, &mine, 60) == 0, "a child", cycle);
    }
    assay_validator_unref(validator);
}

static figures look(int cycle)
{
    int threads = process_wait_threads(alone);
    figures now = {process_resident_kb(), process_descriptors(), threads};
    printf("%8d %12d %12d %8d\n", cycle, (int)now.resident_kb, now.descriptors, now.threads);
    fflush(stdout);
    return now;
}

int main(int argc, char **argv)
{
    int cycles = argc > 1 ? atoi(argv[1]) : 300;
    must(cycles >= 10, "at least 10 cycles", 0);
    open_place(&plain, false);
    open_place(&secure, true);
    alone = process_threads();
    int64_t start = scene_real_ms();
    figures first = {0, 0, 0}, last = first;
    printf("%8s %12s %12s %8s\n", "cycle", "resident kB", "descriptors", "threads");
    for (int cycle = 1; cycle <= cycles; cycle++) {
        run_cycle(cycle);
        if (cycle % (cycles / 10) != 0)
            continue;
        last = look(cycle);
        if (cycle == cycles / 10)
            first = last;
    }
    printf("%d cycles in %.1f s\n", cycles, (double)(scene_real_ms() - start) / 1000);
    must(last.descriptors == first.descriptors, "descriptors are left open", cycles);
    must(last.threads == first.threads, "threads are left", cycles);
    if (!pace_is_slowed()) /* sanitizers keep what was freed */
        must(last.resident_kb - first.resident_kb <= GROWTH_KB, "memory grows", cycles);
    close_place(&plain);
    close_place(&secure);
    return 0;
}
