/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_TESTS_EXCHANGE_SCENE_H
#define ASSAY_TESTS_EXCHANGE_SCENE_H

/*
 * What obtaining tokens needs: an issuer with Entra's endpoints over TLS, a cluster's issuer whose tokens it exchanges, the file that the kubelet would write, and
 * a clock that stands still until it is moved. Everything is in this process, on loopback.
 */

#include "dev_issuer.h"

#include <assay/assay.h>
#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>

#define EXCHANGE_TENANT "aaaabbbb-0000-cccc-1111-dddd2222eeee"
#define EXCHANGE_CLIENT "00001111-aaaa-2222-bbbb-3333cccc4444"
#define EXCHANGE_SECRET "a+b/c=%&~ \xc3\xbc"
#define EXCHANGE_SCOPE "https://vault.azure.net/.default"
/* Another one, and another tenant, whose app nobody has made. */
#define EXCHANGE_OTHER_SCOPE "https://storage.azure.com/.default"
#define EXCHANGE_OTHER_TENANT "bbbbcccc-1111-dddd-2222-eeee3333ffff"

typedef struct exchange_scene {
    dev_issuer *entra;   /* over TLS */
    dev_issuer *cluster; /* over http */
    char folder[64];
    char token_file[96];
    atomic_llong offset_ms; /* that the clock is ahead of the system's */
    atomic_bool frozen;     /* the clock stands still but for the offset */
    long long frozen_wall_ms, frozen_steady_ms;
    assay_runtime *runtime; /* with the CA of `entra` and the clock */
} exchange_scene;

/* Start; the app of EXCHANGE_CLIENT has the secret, and a federated credential for the cluster's tokens. Fails the test where it can't. */
void exchange_scene_start(exchange_scene *scene);
void exchange_scene_stop(exchange_scene *scene);

/* The one scene of a program, and the fixtures that begin and end it; its address is the tests' state. */
extern exchange_scene the_scene;
int exchange_scene_setup(void **state);
int exchange_scene_teardown(void **state);

/* The app of EXCHANGE_CLIENT, to add more to it; and add any, which is released, to an issuer. */
json_t *exchange_scene_app(const exchange_scene *scene);
void exchange_scene_add_app(dev_issuer *issuer, json_t *app);
/* A fresh token of the cluster, as the kubelet would put it there: by renaming. */
void exchange_scene_rotate_file(exchange_scene *scene);
/* The same from a request of /mint. */
void exchange_scene_write_minted(exchange_scene *scene, const char *json_request);
/* These bytes instead. */
void exchange_scene_write_file(exchange_scene *scene, const char *bytes, size_t len);

void exchange_scene_advance(exchange_scene *scene, int64_t seconds);
/* From now on it moves by _advance() alone. */
void exchange_scene_freeze(exchange_scene *scene);

/* A credential of any kind of Entra's for the scene's app, without what it proves itself with. */
assay_credential *exchange_scene_credential(exchange_scene *scene, const char *kind);
/* A credential of the kind "workload-identity" or "client-secret" for the scene's app, not yet used. */
assay_credential *exchange_scene_workload(exchange_scene *scene);
assay_credential *exchange_scene_secret(exchange_scene *scene);
/* An assay_assertion_function: a fresh token of the cluster of the_scene. */
int exchange_scene_assertion(void *user_data, char *assertion, size_t size, size_t *len);
/* How many requests for tokens arrived. */
int64_t exchange_scene_requests(exchange_scene *scene);
/* Get a token for a scope and expect success. */
assay_access_token *exchange_scene_get(assay_credential *credential, const char *scope);
/* Expect this code, and return the error. */
assay_error *exchange_scene_refused(assay_credential *credential, const char *scope, int64_t timeout_ms, int code);

#endif
