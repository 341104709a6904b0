/* SPDX-License-Identifier: MIT */
/* assay verify: the validator and the request that the options ask for. */

#include "verify.h"

#include <string.h>
#include <time.h>

/* --now: the wall stands still, the steady clock is real, so that timeouts still pass. */
static int64_t fixed_wall(void *user_data)
{
    return *(const int64_t *)user_data;
}

static int64_t real_steady(void *user_data)
{
    (void)user_data;
    struct timespec now;
    if (clock_gettime(CLOCK_BOOTTIME, &now) != 0)
        return -1;
    return (int64_t)now.tv_sec * 1000 + (int64_t)(now.tv_nsec / 1000000);
}

/* NULL where nothing asks for one: a configuration document may then bring its own "runtime". */
static int make_runtime(const verify_settings *settings, assay_runtime **runtime, assay_error **error)
{
    if (settings->ca_file == NULL && settings->now_text == NULL)
        return ASSAY_OK;
    int code = assay_runtime_new(runtime, error);
    if (code == ASSAY_OK && settings->ca_file != NULL)
        code = assay_runtime_set_ca_file(*runtime, settings->ca_file, error);
    if (code != ASSAY_OK || settings->now_text == NULL)
        return code;
    int64_t *now = cli_alloc(sizeof *now);
    *now = settings->now;
    /* The runtime owns `now` from here on, also where this fails. */
    return assay_runtime_set_clock(*runtime, fixed_wall, real_steady, now, free, error);
}

static int set_keys(const verify_settings *settings, const cli_text *keys, assay_issuer *issuer, assay_error **error)
{
    if (settings->jwks == NULL)
        return ASSAY_OK;
    CLI_CLEANUP(assay_keyset_unref_p) assay_keyset *keyset = NULL;
    int code = assay_keyset_new(NULL, &keyset, error);
    /* Public keys only: the file stands for what an issuer serves. */
    if (code == ASSAY_OK)
        code = assay_keyset_add_json(keyset, keys->ptr == NULL ? "" : keys->ptr, keys->len, error);
    return code == ASSAY_OK ? assay_issuer_set_keys(issuer, keyset, error) : code;
}

static int add_tenant(assay_issuer *issuer, const char *tenant, assay_error **error)
{
    bool common = strcmp(tenant, "common") == 0;
    if (!common && strcmp(tenant, "organizations") != 0)
        return assay_issuer_entra_add_tenant(issuer, tenant, error);
    int code = common ? assay_issuer_entra_add_tenant(issuer, "consumers", error) : ASSAY_OK;
    return code == ASSAY_OK ? assay_issuer_entra_allow_any_organization(issuer, error) : code;
}

/* The issuer as its profile has it made. */
static int begin_issuer(const verify_settings *settings, assay_issuer **made, assay_error **error)
{
    if (settings->profile == NULL || strcmp(settings->profile, "entra") != 0) {
        int code = assay_issuer_new(settings->issuer, made, error);
        return code != ASSAY_OK || settings->profile == NULL
                   ? code
                   : assay_issuer_set_profile(*made, settings->profile, error);
    }
    int code = assay_issuer_entra_new(settings->issuer, made, error);
    for (size_t i = 0; code == ASSAY_OK && i < settings->tenants.count; i++)
        code = add_tenant(*made, settings->tenants.items[i], error);
    return code;
}

static int make_issuer(const verify_settings *settings, const cli_text *keys, assay_issuer **made, assay_error **error)
{
    int code = begin_issuer(settings, made, error);
    if (code != ASSAY_OK)
        return code;
    assay_issuer *issuer = *made;
    for (size_t i = 0; code == ASSAY_OK && i < settings->audiences.count; i++)
        code = assay_issuer_add_audience(issuer, settings->audiences.items[i], error);
    for (size_t i = 0; code == ASSAY_OK && i < settings->algorithms.count; i++)
        code = assay_issuer_add_algorithm(issuer, settings->algorithms.items[i], error);
    if (code == ASSAY_OK && settings->leeway_text != NULL)
        code = assay_issuer_set_leeway(issuer, settings->leeway, error);
    if (code == ASSAY_OK && settings->client_id != NULL)
        code = assay_issuer_set_client_id(issuer, settings->client_id, error);
    if (code == ASSAY_OK && settings->allow_loopback_http)
        code = assay_issuer_allow_loopback_http(issuer, error);
    return code == ASSAY_OK ? set_keys(settings, keys, issuer, error) : code;
}

int cli_verify_validator(const verify_settings *settings, const cli_text *config, const cli_text *keys,
                         assay_validator **validator, assay_error **error)
{
    CLI_CLEANUP(assay_runtime_unref_p) assay_runtime *runtime = NULL;
    int code = make_runtime(settings, &runtime, error);
    if (code != ASSAY_OK)
        return code;
    if (settings->config != NULL)
        return assay_validator_from_json(runtime, config->ptr == NULL ? "" : config->ptr, config->len, validator,
                                         error);
    CLI_CLEANUP(assay_issuer_free_p) assay_issuer *issuer = NULL;
    code = make_issuer(settings, keys, &issuer, error);
    return code == ASSAY_OK ? assay_validator_new(runtime, &issuer, 1, validator, error) : code;
}

int cli_verify_request(const verify_settings *settings, assay_request **request, assay_error **error)
{
    int code = assay_request_new(request, error);
    if (code == ASSAY_OK && settings->nonce != NULL)
        code = assay_request_set_nonce(*request, settings->nonce, error);
    if (code == ASSAY_OK && settings->max_age_text != NULL)
        code = assay_request_set_max_age(*request, settings->max_age, error);
    return code;
}
