/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_CLI_VERIFY_H
#define ASSAY_CLI_VERIFY_H

/* The parts of assay verify: what was asked for, how the validator is built from it, and how the outcome is told. */

#include "options.h"
#include "report.h"

typedef struct verify_settings {
    const char *config;
    const char *issuer;
    cli_list audiences;
    const char *profile;
    cli_list tenants;
    const char *jwks;
    cli_list algorithms;
    const char *now_text;
    const char *leeway_text;
    const char *nonce;
    const char *client_id;
    const char *max_age_text;
    cli_list scopes;
    cli_list roles;
    const char *ca_file;
    cli_list operands;
    bool allow_loopback_http;
    bool json;
    bool explain;
    int64_t now; /* as --now says, else the system's */
    int64_t leeway;
    int64_t max_age;
} verify_settings;

/* verify_setup.c: build from the settings; ASSAY_OK or a code. @p keys and @p config are the files' contents. */
int cli_verify_validator(const verify_settings *settings, const cli_text *config, const cli_text *keys,
                         assay_validator **validator, assay_error **error);
int cli_verify_request(const verify_settings *settings, assay_request **request, assay_error **error);

/* verify_report.c: tell the outcome; @p claims is NULL unless the verdict is an acceptance. */
int cli_verify_report(const verify_settings *settings, const cli_verdict *verdict, const assay_claims *claims);

/* explain.c: each check in its order. As an array of {"step","result","text"}. */
json_t *cli_explain_json(const verify_settings *settings, const cli_verdict *verdict, const assay_claims *claims);
void cli_explain_print(const verify_settings *settings, const cli_verdict *verdict, const assay_claims *claims);

#endif
