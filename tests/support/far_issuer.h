/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_TESTS_FAR_ISSUER_H
#define ASSAY_TESTS_FAR_ISSUER_H

/*
 * A development issuer in a process of its own, so that the test's process has only the threads, descriptors and memory that are its own: for forks,
 * signals and figures. Any process that inherited it may use it, one at a time. Failures of its own end the test program.
 */

#include <assay/assay.h>
#include <stdbool.h>

typedef struct far_issuer {
    int pid, link;
    char url[100];
    char *ca_pem; /* NULL without TLS */
} far_issuer;

/* Before the process has threads. */
void far_issuer_start(far_issuer *at, bool tls);
void far_issuer_stop(far_issuer *at);

/* As the functions of dev_issuer.h. */
char *far_issuer_mint(far_issuer *at, const char *request);
void far_issuer_rotate(far_issuer *at, const char *request);
void far_issuer_fault(far_issuer *at, const char *target, const char *kind, int value, int count);
int far_issuer_stat(far_issuer *at, const char *name);

/* A runtime (NULL: the defaults) and a validator that trust it, on the system's clocks; the audience is the issuer's default. */
assay_runtime *far_issuer_runtime(const far_issuer *at);
assay_validator *far_issuer_validator(const far_issuer *at, assay_runtime *runtime);
/* The code of a validation; claims and error are released. */
int far_issuer_try(assay_validator *validator, const char *token, int64_t timeout_ms);

#endif
