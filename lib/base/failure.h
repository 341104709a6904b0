/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_BASE_FAILURE_H
#define ASSAY_BASE_FAILURE_H

/*
 * How a failure travels inside the library: the function returns the code, and says more through an assay_failure that
 * its caller lends. An assay_failure lies on the stack and allocates nothing; a caller who wants no explanation passes
 * NULL, and then nothing is formatted at all. The API layer turns it into an assay_error.
 */

#include "base/limits.h"
#include "base/text.h"

#include <assay/error.h>

/* What more is told of a token that could not be obtained. Long, so only who obtains tokens has one; the failure borrows it. */
typedef struct assay_failure_detail {
    int row;              /* of acquire/diagnosis.h; 0: none */
    char server_code[64]; /* what the server called it, escaped */
    char trace_id[40], correlation_id[40];
    int64_t clock_skew;   /* seconds that the server is ahead, where that is more than a minute */
    char fix[512];        /* instead of the hint; "" for nothing better */
    char claims[1024];    /* that a user must satisfy, JSON; "" for none, or for more than fits */
    char challenge[1536]; /* the WWW-Authenticate value with these */
} assay_failure_detail;

typedef struct assay_failure {
    char note[256]; /* what is wrong, beyond the code's summary; "" for nothing more */
    char expected[ASSAY_LIMIT_FOUND_BYTES + 1];
    char found[ASSAY_LIMIT_FOUND_BYTES + 1];
    const char *check;                  /* static; NULL: the one of the code */
    const char *hint;                   /* static; NULL: the one of the code */
    const char *challenge;              /* borrowed; the whole WWW-Authenticate value; NULL: the one of the code */
    const char *scheme;                 /* borrowed; that of the challenge of the code; NULL: Bearer */
    bool found_is_verified;             /* `found` comes from a token whose signature is right */
    int64_t retry_after;                /* seconds, 0 for none */
    const assay_failure_detail *detail; /* borrowed; NULL: there is none */
} assay_failure;

/* Start from nothing. */
void assay_failure_clear(assay_failure *failure);

/* Return @p code; where @p failure is not NULL, first forget what an earlier failure left in it. */
int assay_fail(assay_failure *failure, int code);
/* The same with a sentence of our own (never with text of a token), as of printf. */
int assay_fail_note(assay_failure *failure, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The same with what was demanded (our text) and what was found (any bytes: escaped and cut). Each may be NULL. */
int assay_fail_found(assay_failure *failure, int code, const char *expected, const char *found, size_t found_len);

/* Add a part of a sentence to what the note says, of which so much is cut as it needs. @p more is short and ours. */
void assay_fail_add(assay_failure *failure, const char *more);

/* One row of the registry; errors.def. */
typedef struct assay_code_row {
    int code;
    const char *name;
    int category;
    int http_status;
    const char *oauth_error; /* RFC 6750, section 3.1; NULL for none */
    const char *check;
    const char *summary;
    const char *hint;
} assay_code_row;

/* Row of a code; for a number outside the registry the row of ASSAY_E_INTERNAL. Never NULL. */
const assay_code_row *assay_code_row_of(int code);

/* Make the caller's error from a failure; @p failure may be NULL. Never NULL: out of memory gives a static error. */
assay_error *assay_error_make(int code, const assay_failure *failure);

#endif
