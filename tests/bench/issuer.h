/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_TESTS_BENCH_ISSUER_H
#define ASSAY_TESTS_BENCH_ISSUER_H

/*
 * The development issuer with TLS, in a process of its own as any issuer is: neither its threads nor its memory are measured with ours. What a
 * validator needs of it stands in files of a folder, which goes with it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

typedef struct bench_issuer {
    char folder[64];
    char url[128];
    char *token; /* RS256, like Entra's, for BENCH_AUDIENCE; good for an hour */
    pid_t process;
    int orders, answers;
    bool has_bundle;
} bench_issuer;

/* Call it while this process has one thread. */
void bench_issuer_start(bench_issuer *issuer);
void bench_issuer_stop(bench_issuer *issuer);

/* Take so long over the next key set, once, and serve one key more in it than before, so that it is read and taken in anew. */
void bench_issuer_delay(bench_issuer *issuer, int milliseconds);

#define BENCH_CA "ca.pem"         /* the issuer's own */
#define BENCH_BUNDLE "bundle.pem" /* with it those of the system, where there are any: `has_bundle` */
#define BENCH_KEYS "keys.json"
/* Path of a file in the folder, into @p path. */
const char *bench_issuer_path(const bench_issuer *issuer, const char *name, char *path, size_t size);

#endif
