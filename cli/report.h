/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_CLI_REPORT_H
#define ASSAY_CLI_REPORT_H

/* A verdict, however it came about, as people and programs read it. */

#include "output.h"

/* What assay_error says, or what a requirement of the command itself says; every text borrowed, "" where there is none. */
typedef struct cli_verdict {
    int code; /* ASSAY_OK: accepted */
    const char *check;
    const char *message;
    const char *hint;
    const char *expected;
    const char *found;
    bool found_is_verified;
    int http_status;
    const char *www_authenticate;
    int64_t retry_after;
} cli_verdict;

/* From a result and its error; @p error may be NULL and must outlive the verdict. */
cli_verdict cli_verdict_of(int code, const assay_error *error);
/* Exit status of a code: by its category, and "could not decide" for whatever is unknown. */
int cli_exit_of(int code);
/* The category's name, such as "token". */
const char *cli_category_name(int code);

/* "REFUSED" and the like, and its colour. */
const char *cli_headline(int code, enum cli_colour *colour);

/* The members that every verdict has: valid, decided, code, ... as docs list them. */
json_t *cli_verdict_json(const cli_verdict *verdict);
/* Why it failed, as rows on @p stream: stdout for a verdict, stderr where the command could not do its work. */
void cli_print_verdict(FILE *stream, const cli_verdict *verdict);

/* Report a failure that is not a verdict about a token (configuration, keys): JSON on standard output if @p as_json,
 * else rows on standard error. Returns the exit status. */
int cli_report_failure(int code, const assay_error *error, bool as_json);

#endif
