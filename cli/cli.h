/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_CLI_CLI_H
#define ASSAY_CLI_CLI_H

/* What the subcommands share: exit statuses, scope cleanup of the library's objects, and their entry points. */

#include "text.h"

#include <assay/assay.h>
#include <jansson.h>

/* Exit status; scripts rely on it. */
enum cli_exit {
    CLI_EXIT_DONE = 0,      /* accepted, or done */
    CLI_EXIT_REFUSED = 1,   /* the token is refused */
    CLI_EXIT_USAGE = 2,     /* usage or configuration */
    CLI_EXIT_UNDECIDED = 3, /* could not decide: keys, network, a broken machine */
};

/* Longest wait of one run for the network. */
#define CLI_TIMEOUT_MS 15000

CLI_DEFINE_CLEANUP(assay_runtime, assay_runtime_unref)
CLI_DEFINE_CLEANUP(assay_issuer, assay_issuer_free)
CLI_DEFINE_CLEANUP(assay_keyset, assay_keyset_unref)
CLI_DEFINE_CLEANUP(assay_validator, assay_validator_unref)
CLI_DEFINE_CLEANUP(assay_request, assay_request_free)
CLI_DEFINE_CLEANUP(assay_claims, assay_claims_unref)
CLI_DEFINE_CLEANUP(assay_error, assay_error_free)
CLI_DEFINE_CLEANUP(json_t, json_decref)

/* A subcommand: its arguments after its name; returns an exit status. */
typedef int (*cli_run)(int argc, char **argv);

int cli_verify(int argc, char **argv);
int cli_jws(int argc, char **argv);
int cli_inspect(int argc, char **argv);
int cli_discover(int argc, char **argv);
int cli_issuer(int argc, char **argv);
int cli_token(int argc, char **argv);
int cli_doctor(int argc, char **argv);

#endif
