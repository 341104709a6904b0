/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_CLI_OUTPUT_H
#define ASSAY_CLI_OUTPUT_H

/* What people and programs read: aligned rows, one JSON object, and text of strangers that can't drive a terminal. */

#include "cli.h"

#include <stdio.h>

enum cli_colour { CLI_PLAIN, CLI_GREEN, CLI_RED, CLI_YELLOW, CLI_BOLD };

/* Print text of unknown origin: control bytes, bidirectional and invisible characters and bytes that are not UTF-8 are
 * written as escapes, so that it can neither drive the terminal nor reorder what is read. */
void cli_print_safe(FILE *stream, const char *text, size_t len);

/* Print our own words, coloured where the stream is a terminal and NO_COLOR is not set. */
void cli_print_coloured(FILE *stream, enum cli_colour colour, const char *text);

/* Print one row: a name padded to a column, and a value (safe). Rows with a NULL or empty value are left out. */
void cli_print_row(FILE *stream, const char *name, const char *value);
/* The same with a remark of our own behind the value. */
void cli_print_row_noted(FILE *stream, const char *name, const char *value, const char *note);
/* Print each member of an object as a row; registered times (RFC 7519, section 4.1) also as dates beside @p now. */
void cli_print_members(FILE *stream, const json_t *object, int64_t now);

/* Print one JSON object and a line end on standard output; indented on a terminal. */
int cli_print_json(const json_t *object);
/* Set a text member; null for NULL, and "" only where @p text is "". Bytes that are not UTF-8 are escaped. */
void cli_json_text(json_t *object, const char *name, const char *text);
/* The same, with null also for "". */
void cli_json_text_or_null(json_t *object, const char *name, const char *text);

/* "2026-11-23 21:49:38 UTC". */
void cli_time_text(int64_t when, char *out, size_t size);
/* "3 h ago" or "in 55 min". */
void cli_time_distance(int64_t when, int64_t now, char *out, size_t size);

/* Flush standard output; @p status, or "could not decide" after a message where the output could not be written. */
int cli_finish(int status);

#endif
