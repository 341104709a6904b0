/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_CLI_OPTIONS_H
#define ASSAY_CLI_OPTIONS_H

/*
 * Command lines from a table: `--name`, `--name value`, `--name=value`, `--` ends the options, `-` is an operand. Unknown
 * options, repeated ones that may stand only once, missing and empty values are usage errors, so that a script's empty
 * variable can't silently drop a demand.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct cli_list {
    const char **items; /* borrowed from argv */
    size_t count;
} cli_list;

enum cli_option_kind {
    CLI_FLAG,  /* target: bool */
    CLI_VALUE, /* target: const char *, NULL until given; once only */
    CLI_LIST,  /* target: cli_list; any number of times */
};

typedef struct cli_option {
    const char *name; /* without the two hyphens */
    enum cli_option_kind kind;
    void *target;
    const char *value_name;
    const char *help;
} cli_option;

typedef struct cli_command {
    const char *name;
    const char *operands_usage; /* such as "[TOKENFILE|-]" */
    const char *summary;
    const cli_option *options;
    size_t option_count;
    cli_list *operands;
    size_t max_operands;
} cli_command;

/* Go on; any other result of cli_options_parse() is the exit status to end with. */
#define CLI_PARSED (-1)

/* Read the arguments after the subcommand's name. Answers --help itself. */
int cli_options_parse(const cli_command *command, int argc, char **argv);
void cli_list_free(cli_list *list);

/* Print "assay NAME: MESSAGE" and where help is to be had; returns the usage exit status. */
int cli_usage_error(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Read a whole decimal number; false, after a message, unless it lies within the bounds. */
bool cli_option_integer(const char *command, const char *name, const char *text, int64_t min, int64_t max,
                        int64_t *value);

#endif
