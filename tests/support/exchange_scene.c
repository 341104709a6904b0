/* SPDX-License-Identifier: MIT */
#include "support/exchange_scene.h"

#include "support/rsa_pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static long long now_ms(clockid_t which)
{
    struct timespec now;
    (void)clock_gettime(which, &now);
    return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t wall(void *user_data)
{
    exchange_scene *scene = user_data;
    long long base = atomic_load(&scene->frozen) ? scene->frozen_wall_ms : now_ms(CLOCK_REALTIME);
    return (base + atomic_load(&scene->offset_ms)) / 1000;
}

static int64_t steady(void *user_data)
{
    exchange_scene *scene = user_data;
    long long base = atomic_load(&scene->frozen) ? scene->frozen_steady_ms : now_ms(CLOCK_MONOTONIC);
    return base + atomic_load(&scene->offset_ms);
}

void exchange_scene_freeze(exchange_scene *scene)
{
    scene->frozen_wall_ms = now_ms(CLOCK_REALTIME);
    scene->frozen_steady_ms = now_ms(CLOCK_MONOTONIC);
    atomic_store(&scene->frozen, true);
}

void exchange_scene_advance(exchange_scene *scene, int64_t seconds)
{
    atomic_fetch_add(&scene->offset_ms, (long long)seconds * 1000);
}

static dev_issuer *start(const dev_issuer_options *options)
{
    char message[256];
    dev_issuer *issuer = NULL;
    rsa_pool_serve_issuers();
    if (dev_issuer_start(options, &issuer, message, sizeof message) != 0)
        fail_msg("%s", message);
    return issuer;
}

void exchange_scene_add_app(dev_issuer *issuer, json_t *app)
{
    char message[256];
    char *json = json_dumps(app, 0);
    assert_non_null(json);
    if (dev_issuer_add_app(issuer, json, message, sizeof message) != 0)
        fail_msg("%s", message);
    free(json);
    json_decref(app);
}

json_t *exchange_scene_app(const exchange_scene *scene)
{
    return json_pack("{s:s, s:s, s:s, s:{s:s, s:s, s:s}}", "client_id", EXCHANGE_CLIENT, "tenant", EXCHANGE_TENANT,
                     "secret", EXCHANGE_SECRET, "federated", "issuer", dev_issuer_url(scene->cluster), "subject",
                     "system:serviceaccount:default:orders", "audience", "api://AzureADTokenExchange");
}

static void make_runtime(exchange_scene *scene)
{
    const char *ca = dev_issuer_ca_pem(scene->entra);
    assert_int_equal(assay_runtime_new(&scene->runtime, NULL), ASSAY_OK);
    assert_int_equal(assay_runtime_set_ca_pem(scene->runtime, ca, strlen(ca), NULL), ASSAY_OK);
    assert_int_equal(assay_runtime_set_clock(scene->runtime, wall, steady, scene, NULL, NULL), ASSAY_OK);
}

void exchange_scene_start(exchange_scene *scene)
{
    memset(scene, 0, sizeof *scene);
    scene->entra = start(&(dev_issuer_options){.entra = true, .tls = true, .tenant = EXCHANGE_TENANT});
    scene->cluster = start(&(dev_issuer_options){.kubernetes = true, .audience = "api://AzureADTokenExchange"});
    exchange_scene_add_app(scene->entra, exchange_scene_app(scene));
    (void)snprintf(scene->folder, sizeof scene->folder, "/tmp/assay-exchange-XXXXXX");
    assert_non_null(mkdtemp(scene->folder));
    (void)snprintf(scene->token_file, sizeof scene->token_file, "%s/azure-identity-token", scene->folder);
    exchange_scene_rotate_file(scene);
    make_runtime(scene);
}

void exchange_scene_stop(exchange_scene *scene)
{
    assay_runtime_unref(scene->runtime);
    dev_issuer_stop(scene->entra);
    dev_issuer_stop(scene->cluster);
    (void)unlink(scene->token_file);
    (void)rmdir(scene->folder);
}

exchange_scene the_scene;

int exchange_scene_setup(void **state)
{
    exchange_scene_start(&the_scene);
    *state = &the_scene;
    return 0;
}

int exchange_scene_teardown(void **state)
{
    exchange_scene_stop(*state);
    *state = NULL;
    return 0;
}

void exchange_scene_write_file(exchange_scene *scene, const char *bytes, size_t len)
{
    char fresh[128];
    (void)snprintf(fresh, sizeof fresh, "%s.new", scene->token_file);
    FILE *file = fopen(fresh, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(rename(fresh, scene->token_file), 0);
}

void exchange_scene_write_minted(exchange_scene *scene, const char *json_request)
{
    char *token = NULL;
    if (dev_issuer_mint(scene->cluster, json_request, &token) != 0)
        fail_msg("%s", token);
    exchange_scene_write_file(scene, token, strlen(token));
    free(token);
}

void exchange_scene_rotate_file(exchange_scene *scene)
{
    exchange_scene_write_minted(scene, NULL);
}

assay_credential *exchange_scene_credential(exchange_scene *scene, const char *kind)
{
    assay_credential *credential = NULL;
    assert_int_equal(assay_credential_new(scene->runtime, kind, &credential, NULL), ASSAY_OK);
    assert_int_equal(assay_credential_set_tenant(credential, EXCHANGE_TENANT, NULL), ASSAY_OK);
    assert_int_equal(assay_credential_set_client_id(credential, EXCHANGE_CLIENT, NULL), ASSAY_OK);
    assert_int_equal(assay_credential_set_authority(credential, dev_issuer_base(scene->entra), NULL), ASSAY_OK);
    return credential;
}

assay_credential *exchange_scene_workload(exchange_scene *scene)
{
    assay_credential *credential = exchange_scene_credential(scene, "workload-identity");
    assert_int_equal(assay_credential_set_token_file(credential, scene->token_file, NULL), ASSAY_OK);
    return credential;
}

assay_credential *exchange_scene_secret(exchange_scene *scene)
{
    assay_credential *credential = exchange_scene_credential(scene, "client-secret");
    assert_int_equal(assay_credential_set_secret(credential, EXCHANGE_SECRET, sizeof EXCHANGE_SECRET - 1, NULL),
                     ASSAY_OK);
    return credential;
}

int exchange_scene_assertion(void *user_data, char *assertion, size_t size, size_t *len)
{
    char *token = NULL;
    (void)user_data;
    if (dev_issuer_mint(the_scene.cluster, NULL, &token) != 0)
        return -1;
    *len = strlen(token);
    bool fits = *len <= size;
    memcpy(assertion, token, fits ? *len : 0);
    free(token);
    return fits ? 0 : -1;
}

int64_t exchange_scene_requests(exchange_scene *scene)
{
    return dev_issuer_stats(scene->entra, "token");
}

assay_access_token *exchange_scene_get(assay_credential *credential, const char *scope)
{
    assay_access_token *token = NULL;
    assay_error *error = NULL;
    int code = assay_credential_get_token(credential, scope, 10000, &token, &error);
    if (code != ASSAY_OK)
        fail_msg("%s: %s; %s", assay_code_name(code), assay_error_message(error), assay_error_hint(error));
    assert_non_null(token);
    assert_null(error);
    return token;
}

assay_error *exchange_scene_refused(assay_credential *credential, const char *scope, int64_t timeout_ms, int code)
{
    assay_access_token *token = NULL;
    assay_error *error = NULL;
    int found = assay_credential_get_token(credential, scope, timeout_ms, &token, &error);
    if (found != code)
        fail_msg("%s instead of %s: %s", assay_code_name(found), assay_code_name(code), assay_error_message(error));
    assert_null(token);
    return error;
}
