/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_CLI_DOCTOR_H
#define ASSAY_CLI_DOCTOR_H

/*
 * The parts of assay doctor: one file for each layer, from the environment to the token that comes out. Each layer writes its checks as it
 * makes them; none stops the walk, but a later layer is skipped where it could not say more than the one that failed.
 *
 * What is printed may be pasted into a ticket: no token, no secret, and of claims those that name a workload or a server, no person.
 */

#include "credential.h"
#include "input.h"
#include "output.h"

enum doctor_result { DOCTOR_OK, DOCTOR_WARNING, DOCTOR_FAILED, DOCTOR_SKIPPED };

typedef struct doctor {
    credential_settings *credential;
    const char *compare;
    bool json;
    bool offline;
    int64_t resource_status; /* 0: not asked */
    int64_t now;

    /* What is known so far; texts are borrowed from options and environment unless noted. */
    enum credential_kind kind; /* the one that is examined; CREDENTIAL_DEFAULT: nothing here gives an identity */
    bool configured;           /* by options or the environment, not only to be expected here */
    const char *where;         /* "pod", "github", … */
    const char *tenant;        /* of acceptable form, else NULL; so the next ones */
    const char *client_id;
    char *authority;          /* owned: "https://host", as used */
    const char *proxy_url;    /* of the token proxy; NULL: none */
    bool through_proxy;       /* the token proxy is used for this token */
    const char *token_path;   /* of the federated token */
    char *account_token_path; /* what the file of Google's credentials names; owned, NULL: nothing */
    char *account_token_url;
    bool account_refused;
    cli_text token;   /* its content without white space around it; wiped */
    json_t *claims;   /* of it, those that may be shown; owned */
    bool needs_label; /* the pod template lacks the label; the service account the annotation */
    bool needs_annotation;
    bool unreachable;    /* the server of the exchange */
    const char *missing; /* what makes an exchange pointless: "the environment", …; NULL: nothing */

    /* What is told; owned. */
    json_t *checks;
    json_t *commands;
    json_t *federation;
    json_t *answer;  /* about the token that was got */
    json_t *failure; /* as credential_failure_json() */
    const char *printed_layer;
    const char *layer; /* that failed first; NULL: none */
    int row;           /* of that failure */
    int status;        /* exit status */
} doctor;

/* doctor_report.c: tell one check. @p row is 0 where no row of the table is about it. */
void doctor_say(doctor *d, const char *layer, const char *name, enum doctor_result result, int row, const char *format,
                ...) __attribute__((format(printf, 6, 7)));
/* The same of a failure; @p status is the exit status that it means. */
void doctor_fail(doctor *d, const char *layer, const char *name, int row, int status, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
/* A command that would help; kept for the end. */
void doctor_command(doctor *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The summary, or the JSON object. Returns the exit status. */
int doctor_report(doctor *d);

/* doctor_place.c: where this runs, and which kind is examined where none is named. */
void doctor_place(doctor *d);
/* The agent of managed identities that the environment names, such as "App Service"; NULL: IMDS, if any. */
const char *doctor_agent(void);
/* A path for a sentence. What is not one, such as the token itself in the place of its file's name, is not shown. */
const char *doctor_path(const char *path);
/* A variable that is set and not empty; else NULL. */
const char *doctor_variable(const char *name);

/* The layers, in their order. */
void doctor_environment(doctor *d);
void doctor_google(doctor *d);  /* doctor_google.c: the file of its credentials */
void doctor_binding(doctor *d); /* doctor_proxies.c: a part of the environment, as the next one */
void doctor_proxies(doctor *d);
void doctor_pod_commands(doctor *d); /* doctor_pod.c: the commands for what the pod lacks */
void doctor_token_file(doctor *d);
void doctor_claims(doctor *d);
void doctor_federation(doctor *d);
void doctor_federation_commands(doctor *d); /* also where the server finds no match */
void doctor_job(doctor *d);                 /* of GitHub Actions */
void doctor_pipeline(doctor *d);            /* doctor_job.c: of Azure Pipelines */
void doctor_network(doctor *d);
bool doctor_imds(doctor *d, bool expected); /* whether it is there; absence is a failure where @p expected */
void doctor_issuer(doctor *d);              /* a part of the network */
void doctor_exchange(doctor *d);
void doctor_result(doctor *d, const assay_access_token *token);
void doctor_resource(doctor *d);

/* The proxy for https of the environment that applies to a host, as the library chooses it; NULL: none. */
const char *doctor_proxy_for(const char *host);

/* doctor_jwt.c: the claims of an unverified JWT that may be shown; NULL where it is none. Members of the wrong type are left out. */
json_t *doctor_jwt_federated(const char *token,
                             size_t len); /* iss, sub of a workload, aud as an array, exp, iat, nbf, alg, kid */
json_t *doctor_jwt_access(const char *token, size_t len);        /* as docs/guide/command.md lists them */
const char *doctor_text(const json_t *object, const char *name); /* "" where there is none */

/* doctor_read.c: read a whole file without a message; 0, or an errno, EFBIG beyond the limit. */
int doctor_read(const char *path, size_t limit, cli_text *bytes);
int doctor_read_open(int fd, size_t limit, cli_text *bytes);

/* doctor_compare.c: --compare FILE: federated credentials as the Azure CLI prints them, against the token. */
void doctor_compare(doctor *d, const char *issuer, const char *subject, const json_t *audiences);

/* What Entra demands as the audience of an exchange, by the host of the authority; the public cloud's for any other host. */
const char *doctor_exchange_audience(const char *authority);
bool doctor_is_guid(const char *text);
/* Whether '…' makes this one word of a command in sh, PowerShell and cmd.exe alike, which the Azure CLI takes as it is. */
bool doctor_is_word(const char *text);

#define DOCTOR_SHOWN_BYTES 300 /* longest text of a token or a server that is shown; tokens are longer */
#define DOCTOR_BINDING_AUDIENCE "api://AKSIdentityBinding"

#endif
