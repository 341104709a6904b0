/* SPDX-License-Identifier: MIT */
/* The assay command: finds the subcommand. */

#include "cli.h"
#include "output.h"

#include <string.h>

static const struct {
    const char *name;
    cli_run run;
    const char *summary;
} subcommands[] = {
    {"verify", cli_verify, "decide whether a token is acceptable, and say why not"},
    {"jws", cli_jws, "check a signature alone and write the payload"},
    {"inspect", cli_inspect, "decode a token without verifying it"},
    {"discover", cli_discover, "fetch and check an issuer's metadata and keys"},
    {"token", cli_token, "get a token as a service would"},
    {"doctor", cli_doctor, "find out why no token can be had, and what corrects it"},
    {"issuer", cli_issuer, "run a development issuer on loopback"},
};

static void print_help(FILE *stream)
{
    fputs("usage: assay SUBCOMMAND [OPTION]... [ARGUMENT]\n\n", stream);
    for (size_t i = 0; i < CLI_COUNT_OF(subcommands); i++)
        fprintf(stream, "  %-10s %s\n", subcommands[i].name, subcommands[i].summary);
    fputs("\nassay SUBCOMMAND --help lists its options; assay --version the versions.\n"
          "Tokens come from a file or on standard input, so that they stay out of process lists:\n"
          "  assay verify --issuer https://issuer.example --audience api://mine token.txt\n\n"
          "exit status: 0 accepted or done, 1 refused, 2 usage or configuration, 3 could not decide\n",
          stream);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return CLI_EXIT_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_help(stdout);
        return cli_finish(CLI_EXIT_DONE);
    }
    if (strcmp(name, "--version") == 0) {
        printf("assay %s\n%s\n", assay_version(), assay_version_details());
        return cli_finish(CLI_EXIT_DONE);
    }
    for (size_t i = 0; i < CLI_COUNT_OF(subcommands); i++)
        if (strcmp(name, subcommands[i].name) == 0)
            return cli_finish(subcommands[i].run(argc - 2, argv + 2));
    fputs("assay: unknown subcommand \"", stderr);
    cli_print_safe(stderr, name, strlen(name));
    fputs("\"\ntry: assay --help\n", stderr);
    return CLI_EXIT_USAGE;
}
