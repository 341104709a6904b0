/* SPDX-License-Identifier: MIT */
#include "scene.h"

#include "rsa_pool.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void must(int code, assay_error *error, const char *what)
{
    if (code == ASSAY_OK)
        return;
    fprintf(stderr, "scene: %s: %s %s\n", what, assay_code_name(code), assay_error_message(error));
    abort();
}

int64_t scene_real_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t wall(void *user_data)
{
    scene *at = user_data;
    return (int64_t)time(NULL) + atomic_load(&at->ahead_ms) / 1000 + atomic_load(&at->wall_offset);
}

static int64_t steady(void *user_data)
{
    scene *at = user_data;
    return scene_real_ms() + atomic_load(&at->ahead_ms);
}

void scene_open(scene *at, const char *path)
{
    static const char *const algorithms[] = {"RS256", "ES256"};
    char message[200];
    assay_error *error = NULL;
    rsa_pool_serve_issuers();
    memset(at, 0, sizeof *at);
    dev_issuer_options options = {.tls = true, .path = path, .algorithms = algorithms, .algorithm_count = 2};
    if (dev_issuer_start(&options, &at->issuer, message, sizeof message) != 0) {
        fprintf(stderr, "scene: %s\n", message);
        abort();
    }
    const char *pem = dev_issuer_ca_pem(at->issuer);
    must(assay_runtime_new(&at->runtime, &error), error, "runtime");
    must(assay_runtime_set_ca_pem(at->runtime, pem, strlen(pem), &error), error, "CA");
    must(assay_runtime_set_clock(at->runtime, wall, steady, at, NULL, &error), error, "clock");
    must(assay_issuer_new(dev_issuer_url(at->issuer), &at->configuration, &error), error, "issuer");
    must(assay_issuer_add_audience(at->configuration, dev_issuer_audience(at->issuer), &error), error, "audience");
}

void scene_validator(scene *at)
{
    assay_error *error = NULL;
    must(assay_validator_new(at->runtime, &at->configuration, 1, &at->validator, &error), error, "validator");
}

void scene_close(scene *at)
{
    assay_validator_unref(at->validator);
    assay_issuer_free(at->configuration);
    assay_runtime_unref(at->runtime);
    dev_issuer_stop(at->issuer);
}

int scene_setup(void **state)
{
    scene_open(*state, NULL);
    return 0;
}

int scene_setup_validator(void **state)
{
    scene_open(*state, NULL);
    scene_validator(*state);
    return 0;
}

int scene_teardown(void **state)
{
    scene *at = *state;
    dev_issuer_fault(at->issuer, "all", "none", -1, -1);
    scene_close(at);
    return 0;
}

void scene_advance(scene *at, int64_t seconds)
{
    atomic_fetch_add(&at->ahead_ms, seconds * 1000);
}

/* The issuer goes by the real clock: shift the times of the token to the scene's. */
char *scene_mint(scene *at, const char *request)
{
    char shifted[2048];
    char *token = NULL;
    int64_t now = wall(at);
    const char *claims = strstr(request, "\"claims\":{");
    if (atomic_load(&at->ahead_ms) == 0 || strstr(request, "\"exp\"") != NULL)
        snprintf(shifted, sizeof shifted, "%s", request);
    else if (claims != NULL)
        snprintf(shifted, sizeof shifted, "%.*s\"iat\":%" PRId64 ",\"nbf\":%" PRId64 ",\"exp\":%" PRId64 "%s%s",
                 (int)(claims - request) + 10, request, now, now, now + 3600, claims[10] == '}' ? "" : ",",
                 claims + 10);
    else
        snprintf(shifted, sizeof shifted,
                 "{\"claims\":{\"iat\":%" PRId64 ",\"nbf\":%" PRId64 ",\"exp\":%" PRId64 "}%s%s", now, now, now + 3600,
                 strcmp(request, "{}") == 0 ? "" : ",", request + 1);
    if (dev_issuer_mint(at->issuer, shifted, &token) != 0) {
        fprintf(stderr, "scene: mint %s: %s\n", shifted, token);
        abort();
    }
    return token;
}

int scene_validate(scene *at, const char *token, int64_t timeout_ms)
{
    assay_claims *claims = NULL;
    assay_error *error = NULL;
    int code = assay_validator_validate(at->validator, token, strlen(token), NULL, timeout_ms, &claims, &error);
    if ((code == ASSAY_OK) != (claims != NULL) || (code != ASSAY_OK) != (error != NULL) ||
        assay_error_code(error) != code) {
        fprintf(stderr, "scene: code %s, claims %p, error %s\n", assay_code_name(code), (void *)claims,
                assay_error_message(error));
        abort();
    }
    if (getenv("ASSAY_TEST_VERBOSE") != NULL && error != NULL)
        fprintf(stderr, "  %s: %s\n", assay_code_name(code), assay_error_message(error));
    assay_claims_unref(claims);
    assay_error_free(error);
    return code;
}

int scene_try(scene *at, const char *request, int64_t timeout_ms)
{
    char *token = scene_mint(at, request);
    int code = scene_validate(at, token, timeout_ms);
    free(token);
    return code;
}

int64_t scene_requests(scene *at, const char *name)
{
    return dev_issuer_stats(at->issuer, name);
}

uint64_t scene_stat(scene *at, int stat)
{
    uint64_t value = 0;
    must(assay_validator_get_stat(at->validator, NULL, stat, &value), NULL, "stat");
    return value;
}
