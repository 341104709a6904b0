/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_CLI_INPUT_H
#define ASSAY_CLI_INPUT_H

/* Bytes from files and standard input, bounded. Tokens are never taken from the command line: process lists are public. */

#include "text.h"

/* Longest token that is read; longer than any the library accepts, so that it explains the refusal itself. */
#define CLI_INPUT_TOKEN_BYTES ((size_t)1 << 20)
/* Longest key set, configuration or certificate file. */
#define CLI_INPUT_FILE_BYTES ((size_t)8 << 20)

/* Read a whole file; 0, or after a message on standard error the exit status to end with. */
int cli_read_file(const char *command, const char *path, size_t limit, cli_text *bytes);

/* Read one token from a file, or from standard input where @p path is "-" or NULL. Exactly one line end is taken off its
 * end; every other byte is the library's to judge. An empty input is a usage error. */
int cli_read_token(const char *command, const char *path, cli_text *token);
/* The same for any secret; @p what is its name in messages. */
int cli_read_secret(const char *command, const char *path, const char *what, cli_text *secret);

/* Release what was secret. */
void cli_text_wipe(cli_text *bytes);

#endif
