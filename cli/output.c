/* SPDX-License-Identifier: MIT */
#include "output.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NAME_COLUMN 18

static bool use_colour(FILE *stream)
{
    const char *no_colour = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");
    if (no_colour != NULL && no_colour[0] != '\0')
        return false;
    if (terminal != NULL && strcmp(terminal, "dumb") == 0)
        return false;
    return isatty(fileno(stream)) == 1;
}

void cli_print_coloured(FILE *stream, enum cli_colour colour, const char *text)
{
    static const char *const codes[] = {[CLI_PLAIN] = "",
                                        [CLI_GREEN] = "\033[32m",
                                        [CLI_RED] = "\033[31m",
                                        [CLI_YELLOW] = "\033[33m",
                                        [CLI_BOLD] = "\033[1m"};
    if (colour == CLI_PLAIN || !use_colour(stream))
        fputs(text, stream);
    else
        fprintf(stream, "%s%s\033[0m", codes[colour], text);
}

/* Characters that show nothing, or change the order of what is shown (UTR 36; "Trojan Source"). */
static bool is_printable(uint32_t point)
{
    if (point < 0x20 || (point >= 0x7f && point <= 0x9f) || point == 0xad)
        return false;
    if ((point >= 0x200b && point <= 0x200f) || (point >= 0x2028 && point <= 0x202e))
        return false;
    if ((point >= 0x2060 && point <= 0x206f) || point == 0x61c || point == 0xfeff)
        return false;
    return !(point >= 0xfff9 && point <= 0xfffb) && !(point >= 0xe0000 && point <= 0xe0fff);
}

void cli_print_safe(FILE *stream, const char *text, size_t len)
{
    for (size_t at = 0; at < len;) {
        uint32_t point = 0;
        size_t step = cli_utf8_next(text + at, len - at, &point);
        if (step == 0) {
            fprintf(stream, "\\x%02x", (unsigned)(uint8_t)text[at]);
            at++;
            continue;
        }
        if (is_printable(point))
            fwrite(text + at, 1, step, stream);
        else if (point < 0x100)
            fprintf(stream, "\\x%02x", (unsigned)point);
        else
            fprintf(stream, "\\u{%x}", (unsigned)point);
        at += step;
    }
}

static void print_name(FILE *stream, const char *name)
{
    fputs("  ", stream);
    cli_print_safe(stream, name, strlen(name));
    size_t len = strlen(name);
    fprintf(stream, "%*s", len < NAME_COLUMN ? (int)(NAME_COLUMN - len) : 1, "");
}

void cli_print_row_noted(FILE *stream, const char *name, const char *value, const char *note)
{
    if (value == NULL || value[0] == '\0')
        return;
    print_name(stream, name);
    cli_print_safe(stream, value, strlen(value));
    if (note != NULL && note[0] != '\0')
        fprintf(stream, "  (%s)", note);
    fputc('\n', stream);
}

void cli_print_row(FILE *stream, const char *name, const char *value)
{
    cli_print_row_noted(stream, name, value, NULL);
}

void cli_time_text(int64_t when, char *out, size_t size)
{
    struct tm parts;
    time_t seconds = (time_t)when;
    if (gmtime_r(&seconds, &parts) == NULL || strftime(out, size, "%Y-%m-%d %H:%M:%S UTC", &parts) == 0)
        (void)snprintf(out, size, "%" PRId64, when);
}

void cli_time_distance(int64_t when, int64_t now, char *out, size_t size)
{
    static const struct {
        uint64_t seconds;
        const char *name;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
    uint64_t distance = when < now ? (uint64_t)now - (uint64_t)when : (uint64_t)when - (uint64_t)now;
    if (distance == 0) {
        (void)snprintf(out, size, "now");
        return;
    }
    size_t unit = 0;
    while (distance < units[unit].seconds)
        unit++;
    const char *format = when < now ? "%" PRIu64 " %s ago" : "in %" PRIu64 " %s";
    (void)snprintf(out, size, format, distance / units[unit].seconds, units[unit].name);
}

/* The members of a claims object that are times: RFC 7519, section 4.1; OIDC Core, sections 2 and 5.1. */
static bool is_time(const char *name, const json_t *value)
{
    static const char *const names[] = {"exp", "nbf", "iat", "auth_time", "updated_at"};
    if (!json_is_number(value) || json_number_value(value) > 253402300799.0 || json_number_value(value) < 0)
        return false;
    for (size_t i = 0; i < CLI_COUNT_OF(names); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static void print_time(FILE *stream, const char *name, int64_t when, int64_t now)
{
    char date[40];
    char distance[40];
    char note[80];
    cli_time_text(when, date, sizeof date);
    cli_time_distance(when, now, distance, sizeof distance);
    bool expired = strcmp(name, "exp") == 0 && when <= now;
    (void)snprintf(note, sizeof note, "%s%s, %" PRId64, expired ? "expired " : "", distance, when);
    cli_print_row_noted(stream, name, date, note);
}

void cli_print_members(FILE *stream, const json_t *object, int64_t now)
{
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)object, name, value)
    {
        if (is_time(name, value)) {
            print_time(stream, name, (int64_t)json_number_value(value), now);
            continue;
        }
        CLI_AUTO_FREE char *text = json_is_string(value) ? cli_copy(json_string_value(value), json_string_length(value))
                                                         : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
        cli_print_row(stream, name, text != NULL && text[0] != '\0' ? text : "\"\"");
    }
}

int cli_print_json(const json_t *object)
{
    /* Escapes: a C1 control or a bidirectional mark is legal JSON text, and a pipe such as that of `kubectl exec` ends at a terminal too. */
    size_t flags = JSON_ENSURE_ASCII | (isatty(STDOUT_FILENO) ? JSON_INDENT(2) : JSON_COMPACT);
    CLI_AUTO_FREE char *text = json_dumps(object, flags);
    if (text == NULL) {
        fputs("assay: the result can't be written as JSON\n", stderr);
        return CLI_EXIT_UNDECIDED;
    }
    puts(text);
    return CLI_EXIT_DONE;
}

void cli_json_text(json_t *object, const char *name, const char *text)
{
    if (text == NULL) {
        (void)json_object_set_new(object, name, json_null());
        return;
    }
    json_t *value = json_string(text);
    if (value == NULL) {
        cli_text escaped = {0};
        for (const char *at = text; *at != '\0'; at++) {
            char hex[8];
            (void)snprintf(hex, sizeof hex, (uint8_t)*at < 0x20 || (uint8_t)*at > 0x7e ? "\\x%02x" : "%c",
                           (uint8_t)*at);
            cli_text_put(&escaped, hex);
        }
        value = json_string(escaped.ptr == NULL ? "" : escaped.ptr);
        cli_text_free(&escaped);
    }
    (void)json_object_set_new(object, name, value);
}

void cli_json_text_or_null(json_t *object, const char *name, const char *text)
{
    cli_json_text(object, name, text != NULL && text[0] == '\0' ? NULL : text);
}

int cli_finish(int status)
{
    if (fflush(stdout) == 0 && ferror(stdout) == 0)
        return status;
    fprintf(stderr, "assay: can't write the result: %s\n", strerror(errno));
    /* An unseen verdict is not a verdict, but a refusal stays one. */
    return status == CLI_EXIT_DONE ? CLI_EXIT_UNDECIDED : status;
}
