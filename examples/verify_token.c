/* SPDX-License-Identifier: MIT */
/*
 * Reads a token from standard input and decides whether it is acceptable, with keys found by OIDC Discovery.
 *
 *   verify_token ISSUER AUDIENCE [CA-FILE] < token
 *
 * Exit status: 0 accepted, 1 refused, 2 usage, 3 could not decide.
 */
#include <assay/assay.h>

#include <stdio.h>
#include <string.h>

/* A service does this once, when it starts, and keeps the validator. */
static int make_validator(const char *url, const char *audience, const char *ca_file, assay_validator **validator,
                          assay_error **error)
{
    assay_runtime *runtime = NULL;
    assay_issuer *issuer = NULL;

    int code = assay_runtime_new(&runtime, error);
    if (code == ASSAY_OK && ca_file != NULL)
        code = assay_runtime_set_ca_file(runtime, ca_file, error);
    if (code == ASSAY_OK)
        code = assay_issuer_new(url, &issuer, error);
    if (code == ASSAY_OK)
        code = assay_issuer_add_audience(issuer, audience, error);
    if (code == ASSAY_OK)
        code = assay_validator_new(runtime, &issuer, 1, validator, error);
    assay_issuer_free(issuer);
    assay_runtime_unref(runtime);
    return code;
}

static int explain(assay_error *error)
{
    int category = assay_error_category(error);
    fprintf(stderr, "%s: %s\n", assay_code_name(assay_error_code(error)), assay_error_message(error));
    if (assay_error_expected(error)[0] != '\0')
        fprintf(stderr, "  expected: %s\n", assay_error_expected(error));
    if (assay_error_found(error)[0] != '\0')
        fprintf(stderr, "  found:    %s\n", assay_error_found(error));
    fprintf(stderr, "  fix:      %s\n", assay_error_hint(error));
    fprintf(stderr, "  answer:   HTTP %d, WWW-Authenticate: %s\n", assay_error_http_status(error),
            assay_error_www_authenticate(error));
    assay_error_free(error);
    return category == ASSAY_CATEGORY_TOKEN ? 1 : category == ASSAY_CATEGORY_USAGE ? 2 : 3;
}

int main(int argc, char **argv)
{
    char token[65536 + 1];
    assay_validator *validator = NULL;
    assay_claims *claims = NULL;
    assay_error *error = NULL;

    if (argc < 3 || argc > 4) {
        fprintf(stderr, "usage: verify_token ISSUER AUDIENCE [CA-FILE] < token\n");
        return 2;
    }
    size_t len = fread(token, 1, sizeof token, stdin);
    while (len > 0 && (token[len - 1] == '\n' || token[len - 1] == '\r'))
        len--; /* what a shell added; inside a token it would be refused */

    if (make_validator(argv[1], argv[2], argc > 3 ? argv[3] : NULL, &validator, &error) != ASSAY_OK)
        return explain(error);
    int code = assay_validator_validate(validator, token, len, NULL, 5000, &claims, &error);
    assay_validator_unref(validator);
    if (code != ASSAY_OK)
        return explain(error);

    const char *subject = assay_claims_subject(claims);
    printf("accepted: issuer %s, subject %s\n", assay_claims_issuer(claims), subject != NULL ? subject : "(none)");
    assay_claims_unref(claims);
    return 0;
}
