/* SPDX-License-Identifier: MIT */
#include "progress.h"

#include "output.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

/* Whether a line stands there. What did not write one has none to take back: it may be somebody else's. */
static bool stands;

/* A terminal that knows no escapes could not take the line back. */
static bool is_shown(void)
{
    const char *terminal = getenv("TERM");
    return isatty(STDERR_FILENO) && terminal != NULL && strcmp(terminal, "dumb") != 0;
}

void cli_progress(const char *format, ...)
{
    if (!is_shown())
        return;
    CLI_AUTO_FREE char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    int written = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (written < 0)
        return;
    fputs("\r\033[K", stderr);
    cli_print_safe(stderr, text, (size_t)written);
    fputs(" …", stderr);
    (void)fflush(stderr);
    stands = true;
}

void cli_progress_end(void)
{
    if (!stands)
        return;
    fputs("\r\033[K", stderr);
    (void)fflush(stderr);
    stands = false;
}
