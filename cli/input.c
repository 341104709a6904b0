/* SPDX-License-Identifier: MIT */
#include "input.h"

#include "cli.h"
#include "options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void cli_text_wipe(cli_text *bytes)
{
    if (bytes->ptr != NULL)
        explicit_bzero(bytes->ptr, bytes->capacity);
    cli_text_free(bytes);
}

/* Read to the end, one byte past the limit at most, so that "too long" is noticed without reading all of it. */
static int read_all(const char *command, const char *name, int fd, size_t limit, cli_text *bytes)
{
    char buffer[16384];
    for (;;) {
        size_t room = limit + 1 - bytes->len;
        ssize_t got = read(fd, buffer, room < sizeof buffer ? room : sizeof buffer);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return cli_usage_error(command, "can't read %s: %s", name, strerror(errno));
        cli_text_add(bytes, buffer, (size_t)got);
        if (got == 0)
            break;
        if (bytes->len > limit)
            return cli_usage_error(command, "%s is longer than %zu bytes and was not read further", name, limit);
    }
    explicit_bzero(buffer, sizeof buffer);
    return CLI_EXIT_DONE;
}

static int read_path(const char *command, const char *path, size_t limit, cli_text *bytes)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return cli_usage_error(command, "can't open %s: %s", path, strerror(errno));
    struct stat status;
    int result = CLI_EXIT_DONE;
    if (fstat(fd, &status) == 0 && S_ISDIR(status.st_mode))
        result = cli_usage_error(command, "can't read %s: it is a directory", path);
    else
        result = read_all(command, path, fd, limit, bytes);
    (void)close(fd);
    return result;
}

int cli_read_file(const char *command, const char *path, size_t limit, cli_text *bytes)
{
    int result = read_path(command, path, limit, bytes);
    if (result != CLI_EXIT_DONE)
        cli_text_wipe(bytes);
    return result;
}

/* The line end that editors and `echo` add is not part of a token. */
static void strip_line_end(cli_text *token)
{
    if (token->len > 0 && token->ptr[token->len - 1] == '\n')
        token->len--;
    if (token->len > 0 && token->ptr[token->len - 1] == '\r')
        token->len--;
    if (token->ptr != NULL)
        token->ptr[token->len] = '\0';
}

int cli_read_secret(const char *command, const char *path, const char *what, cli_text *secret)
{
    bool standard_input = path == NULL || strcmp(path, "-") == 0;
    if (standard_input && isatty(STDIN_FILENO))
        fprintf(stderr, "assay %s: paste the %s, then end the line and press Ctrl-D\n", command, what);
    int result = standard_input ? read_all(command, "standard input", STDIN_FILENO, CLI_INPUT_TOKEN_BYTES, secret)
                                : read_path(command, path, CLI_INPUT_TOKEN_BYTES, secret);
    if (result == CLI_EXIT_DONE) {
        strip_line_end(secret);
        if (secret->len == 0)
            result =
                cli_usage_error(command, "%s holds no %s: it is empty", standard_input ? "standard input" : path, what);
    }
    if (result != CLI_EXIT_DONE)
        cli_text_wipe(secret);
    return result;
}

int cli_read_token(const char *command, const char *path, cli_text *token)
{
    return cli_read_secret(command, path, "token", token);
}
