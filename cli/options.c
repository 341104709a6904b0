/* SPDX-License-Identifier: MIT */
#include "options.h"

#include "cli.h"
#include "output.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int cli_usage_error(const char *command, const char *format, ...)
{
    CLI_AUTO_FREE char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    int written = vasprintf(&text, format, arguments);
    va_end(arguments);
    fprintf(stderr, "assay %s: ", command);
    if (written >= 0)
        cli_print_safe(stderr, text, (size_t)written);
    fprintf(stderr, "\ntry: assay %s --help\n", command);
    return CLI_EXIT_USAGE;
}

bool cli_option_integer(const char *command, const char *name, const char *text, int64_t min, int64_t max,
                        int64_t *value)
{
    char *end = NULL;
    errno = 0;
    bool starts_well = (text[0] >= '0' && text[0] <= '9') || (text[0] == '-' && text[1] >= '0' && text[1] <= '9');
    long long number = starts_well ? strtoll(text, &end, 10) : 0;
    if (!starts_well || errno != 0 || *end != '\0' || number < min || number > max) {
        (void)cli_usage_error(command, "--%s must be a whole number from %" PRId64 " to %" PRId64 ", not \"%s\"", name,
                              min, max, text);
        return false;
    }
    *value = number;
    return true;
}

void cli_list_free(cli_list *list)
{
    free(list->items);
    *list = (cli_list){0};
}

static void list_add(cli_list *list, const char *item)
{
    list->items = cli_realloc(list->items, (list->count + 1) * sizeof *list->items);
    list->items[list->count++] = item;
}

static void print_help(const cli_command *command)
{
    printf("usage: assay %s [OPTION]... %s\n\n%s\n\noptions:\n", command->name, command->operands_usage,
           command->summary);
    for (size_t i = 0; i < command->option_count; i++) {
        const cli_option *option = &command->options[i];
        char left[64];
        (void)snprintf(left, sizeof left, "--%s%s%s%s", option->name, option->kind == CLI_FLAG ? "" : " ",
                       option->kind == CLI_FLAG ? "" : option->value_name, option->kind == CLI_LIST ? " ..." : "");
        printf("  %-26s %s\n", left, option->help);
    }
    printf("  %-26s %s\n", "--help", "print this");
    printf("\nexit status: 0 accepted or done, 1 refused, 2 usage or configuration, 3 could not decide\n");
}

static const cli_option *find(const cli_command *command, const char *name, size_t len)
{
    for (size_t i = 0; i < command->option_count; i++)
        if (strlen(command->options[i].name) == len && memcmp(command->options[i].name, name, len) == 0)
            return &command->options[i];
    return NULL;
}

static int store(const cli_command *command, const cli_option *option, const char *value)
{
    if (value[0] == '\0')
        return cli_usage_error(command->name, "the value of --%s is empty", option->name);
    if (option->kind == CLI_LIST) {
        list_add(option->target, value);
        return CLI_PARSED;
    }
    const char **target = option->target;
    if (*target != NULL)
        return cli_usage_error(command->name, "--%s is given twice", option->name);
    *target = value;
    return CLI_PARSED;
}

/* One argument that begins with two hyphens; @p used tells whether the next argument was its value. */
static int take_option(const cli_command *command, const char *argument, const char *next, bool *used)
{
    const char *name = argument + 2;
    const char *equals = strchr(name, '=');
    size_t len = equals == NULL ? strlen(name) : (size_t)(equals - name);
    const cli_option *option = find(command, name, len);
    *used = false;
    if (option == NULL)
        return cli_usage_error(command->name, "unknown option --%.*s", (int)len, name);
    if (option->kind == CLI_FLAG) {
        if (equals != NULL)
            return cli_usage_error(command->name, "--%s takes no value", option->name);
        *(bool *)option->target = true;
        return CLI_PARSED;
    }
    if (equals != NULL)
        return store(command, option, equals + 1);
    /* A forgotten value would otherwise swallow the next option; --name=--value still says it. */
    if (next == NULL || strncmp(next, "--", 2) == 0)
        return cli_usage_error(command->name, "--%s needs a value: --%s %s", option->name, option->name,
                               option->value_name);
    *used = true;
    return store(command, option, next);
}

static int take_operand(const cli_command *command, const char *argument)
{
    if (command->operands->count >= command->max_operands)
        return cli_usage_error(command->name, "unexpected argument \"%s\"", argument);
    list_add(command->operands, argument);
    return CLI_PARSED;
}

int cli_options_parse(const cli_command *command, int argc, char **argv)
{
    bool options_ended = false;
    for (int i = 0; i < argc; i++) {
        const char *argument = argv[i];
        int result = CLI_PARSED;
        if (options_ended || argument[0] != '-' || strcmp(argument, "-") == 0) {
            result = take_operand(command, argument);
        } else if (strcmp(argument, "--") == 0) {
            options_ended = true;
        } else if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0) {
            print_help(command);
            return CLI_EXIT_DONE;
        } else if (argument[1] != '-') {
            return cli_usage_error(command->name, "unknown option %s", argument);
        } else {
            bool used = false;
            result = take_option(command, argument, i + 1 < argc ? argv[i + 1] : NULL, &used);
            i += used ? 1 : 0;
        }
        if (result != CLI_PARSED)
            return result;
    }
    return CLI_PARSED;
}
