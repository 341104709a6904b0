/* SPDX-License-Identifier: MIT */
/* A program of somebody else: it knows nothing but what pkg-config says. */
#include <assay/assay.h>

#include <stdio.h>
#include <string.h>

int main(void)
{
    assay_issuer *issuer = NULL;
    assay_validator *validator = NULL;
    assay_claims *claims = NULL;
    assay_error *error = NULL;
    const char token[] = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIn0.";

    if (assay_issuer_new("https://issuer.example", &issuer, NULL) != ASSAY_OK ||
        assay_issuer_add_audience(issuer, "api://orders", NULL) != ASSAY_OK ||
        assay_validator_new(NULL, &issuer, 1, &validator, NULL) != ASSAY_OK)
        return 1;
    int code = assay_validator_check(validator, token, strlen(token), NULL, &claims, &error);
    printf("assay %s: %s: %s\n", assay_version(), assay_code_name(code), assay_error_message(error));
    int refused = code == ASSAY_E_ALGORITHM_NONE && claims == NULL;
    assay_error_free(error);
    assay_validator_unref(validator);
    assay_issuer_free(issuer);
    return refused ? 0 : 1;
}
