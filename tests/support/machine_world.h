/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_TESTS_MACHINE_WORLD_H
#define ASSAY_TESTS_MACHINE_WORLD_H

/* One machine that obtains a token, a clock that moves only while it waits, and a server that answers what the test says. */

#include "acquire/machine.h"

#define MACHINE_WORLD_START 1700000000 /* seconds of its wall clock */
#define MACHINE_WORLD_MOST 16          /* requests in one run */

#define MACHINE_WORLD_SCOPE "https://vault.azure.net/.default"
#define MACHINE_WORLD_CLIENT "11111111-2222-3333-4444-555555555555"
/* What a good agent answers. */
#define MACHINE_WORLD_TOKEN                                                                                            \
    "{\"access_token\":\"sesame-token\",\"client_id\":\"" MACHINE_WORLD_CLIENT                                         \
    "\",\"expires_in\":\"86399\",\"expires_on\":\"1700086399\",\"resource\":\"https://vault.azure.net\","              \
    "\"token_type\":\"Bearer\"}"

/* What is answered to one request. Zero means: 200, application/json, an empty body. */
typedef struct machine_reply {
    int status;
    const char *body;
    const char *content_type;
    const char *www_authenticate;
    int64_t retry_after; /* seconds; 0: none */
    int64_t date;        /* 0: none */
    bool encoded;
    int missed;      /* not 0: no answer, but this code */
    int64_t took_ms; /* by which the clock moves on */
} machine_reply;

/* One request as it was sent, copied. Texts that it lacks are "". */
typedef struct machine_sent {
    char method[8], url[2048], accept[64], authorization[8192], content_type[64], body[32768];
    char fields[512]; /* "Name: value\n" for each */
    bool direct, loopback_http, link_local_http;
    int64_t attempt_ms;
    int learnt; /* how the try before failed in the same stage; ASSAY_OK: there was none */
    int64_t at; /* steady milliseconds since the beginning of the run */
} machine_sent;

typedef struct machine_world {
    assay_credential_settings settings;
    assay_acquire_context context;
    assay_crypto *crypto;
    assay_token_request *wanted;
    assay_machine *machine;
    assay_moment now;
    /* Of the last run */
    machine_sent sent[MACHINE_WORLD_MOST];
    size_t sent_count;
    int64_t waited_ms;
} machine_world;

/* Ends the test where it can't be had. */
void machine_world_open(machine_world *world, assay_credential_kind kind);
void machine_world_close(machine_world *world);
/* Set a text of the settings. */
void machine_world_set(char **place, const char *text);
/*
 * Make a machine of the settings for a scope and run it to its end with these replies, the first for the first request; returns its code. A request that
 * has no reply fails the test, and so does a reply that nobody asked for. Failures must hold no text of the bodies that begins with "sesame".
 */
int machine_world_run(machine_world *world, const char *scope, const machine_reply *replies, size_t count);
/* The same for a machine of this kind, such as one that stands inside others. */
int machine_world_run_kind(machine_world *world, const assay_machine_kind *kind, const char *scope,
                           const machine_reply *replies, size_t count);
/* Of the last run: the row of the failure; 0: none. */
int machine_world_row(const machine_world *world);
/* The run came to this code and this row. */
void machine_world_expect(const machine_world *world, int code, int expected, int row);

/* The one world of a program's tests, which a fixture opens; this one for a managed identity. */
extern machine_world the_world;
int machine_world_setup_managed(void **state);
int machine_world_teardown(void **state);
void machine_name_identity(assay_identity identity, const char *value);
/* A run there for MACHINE_WORLD_SCOPE; its end with this code and row; its end with the token "sesame-token" and no failure. */
int machine_run(const machine_reply *replies, size_t count);
void machine_expect(int code, int expected, int row);
void machine_expect_token(int code);
/* Replies, and how many they are: the arguments of a run. */
#define MACHINE_REPLIES(...)                                                                                           \
    (const machine_reply[]){__VA_ARGS__}, sizeof((machine_reply[]){__VA_ARGS__}) / sizeof(machine_reply)
#define MACHINE_RUN(...) machine_run(MACHINE_REPLIES(__VA_ARGS__))

#endif
