/* SPDX-License-Identifier: MIT */
/* Whether a token of another issuer is genuine: the library fetches that issuer's metadata and keys and verifies it. */

#include "dev_issuer_tokens.h"

#include <assay/assay.h>
#include <string.h>

#define TIMEOUT_MS 10000
#define LEEWAY 300 /* the times were looked at before, and are looked at once more */

CLI_DEFINE_CLEANUP(assay_issuer, assay_issuer_free)
CLI_DEFINE_CLEANUP(assay_validator, assay_validator_unref)
CLI_DEFINE_CLEANUP(assay_claims, assay_claims_unref)

/* This process has a CA of its own, which nobody need name to it. */
static const char *own_ca(const dev_issuer *issuer, const json_t *federated)
{
    const char *url = dev_jwt_text(federated, "issuer");
    size_t len = strlen(issuer->base);
    bool own = strncmp(url, issuer->base, len) == 0 && (url[len] == '/' || url[len] == '\0');
    return own ? dev_issuer_ca_pem(issuer) : NULL;
}

static int configure(const dev_issuer *of, const json_t *federated, const char *profile, assay_issuer **issuer)
{
    const char *ca_file = dev_jwt_text(federated, "ca_file");
    const char *ca_pem = ca_file == NULL ? own_ca(of, federated) : NULL;
    int code = assay_issuer_new(dev_jwt_text(federated, "issuer"), issuer, NULL);
    if (code == ASSAY_OK)
        code = assay_issuer_set_profile(*issuer, profile, NULL);
    if (code == ASSAY_OK)
        code = assay_issuer_add_audience(*issuer, dev_jwt_text(federated, "audience"), NULL);
    if (code == ASSAY_OK)
        code = assay_issuer_allow_loopback_http(*issuer, NULL);
    if (code == ASSAY_OK)
        code = assay_issuer_set_leeway(*issuer, LEEWAY, NULL);
    if (code == ASSAY_OK && ca_file != NULL)
        code = assay_issuer_set_ca_file(*issuer, ca_file, NULL);
    if (code == ASSAY_OK && ca_pem != NULL)
        code = assay_issuer_set_ca_pem(*issuer, ca_pem, strlen(ca_pem), NULL);
    return code;
}

/* A validator of its own for each token: a rotated key counts at once, and each exchange is one fetch of both documents. */
static int validate(const dev_issuer *of, const json_t *federated, const char *profile, const char *token)
{
    CLI_CLEANUP(assay_issuer_free_p) assay_issuer *issuer = NULL;
    CLI_CLEANUP(assay_validator_unref_p) assay_validator *validator = NULL;
    CLI_CLEANUP(assay_claims_unref_p) assay_claims *claims = NULL;
    int code = configure(of, federated, profile, &issuer);
    if (code == ASSAY_OK)
        code = assay_validator_new(NULL, &issuer, 1, &validator, NULL);
    if (code == ASSAY_OK)
        code = assay_validator_validate(validator, token, strlen(token), NULL, TIMEOUT_MS, &claims, NULL);
    return code;
}

enum dev_trust dev_trust_check(const dev_issuer *issuer, const json_t *federated, const char *token)
{
    int code = validate(issuer, federated, "generic", token);
    /* Whether it is an access token or an ID token matters to no exchange. */
    if (code == ASSAY_E_ID_TOKEN)
        code = validate(issuer, federated, "id-token", token);
    if (code == ASSAY_OK)
        return DEV_TRUSTED;
    return assay_code_category(code) == ASSAY_CATEGORY_TOKEN ? DEV_BAD_SIGNATURE : DEV_UNREACHABLE;
}
