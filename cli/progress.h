/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_CLI_PROGRESS_H
#define ASSAY_CLI_PROGRESS_H

/* One line on standard error that says what is being waited for; on a terminal only, and gone when it is over. */

void cli_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));
void cli_progress_end(void);

#endif
