/* SPDX-License-Identifier: MIT */
/* assay doctor: whether the token is one that its issuer's keys of now can vouch for, as Entra will look. A pod need not reach its issuer, so that
 * it can't is no failure. */

#include "doctor.h"

#include "progress.h"

#include <string.h>

#define LAYER "network"
#define NAME "keys of the issuer"
#define WAIT_MS 5000

static int make(const doctor *d, assay_validator **validator, assay_error **error)
{
    CLI_CLEANUP(assay_runtime_unref_p) assay_runtime *runtime = NULL;
    CLI_CLEANUP(assay_issuer_free_p) assay_issuer *issuer = NULL;
    const char *audience = json_string_value(json_array_get(json_object_get(d->claims, "aud"), 0));
    int code = credential_runtime(d->credential, &runtime, error);
    if (code == ASSAY_OK)
        code = assay_issuer_new(doctor_text(d->claims, "iss"), &issuer, error);
    if (code == ASSAY_OK)
        code = assay_issuer_add_audience(issuer, audience == NULL ? "none" : audience, error);
    if (code == ASSAY_OK && d->credential->allow_loopback_http)
        code = assay_issuer_allow_loopback_http(issuer, error);
    return code == ASSAY_OK ? assay_validator_new(runtime, &issuer, 1, validator, error) : code;
}

static void tell(doctor *d, int code, const assay_error *error)
{
    switch (code) {
    case ASSAY_OK:
        doctor_say(d, LAYER, NAME, DOCTOR_OK, 0, "the signature is right");
        return;
    case ASSAY_E_KEY_UNKNOWN:
        doctor_say(d, LAYER, NAME, DOCTOR_WARNING, 9, "the issuer no longer serves the key of this token, or not yet");
        return;
    case ASSAY_E_SIGNATURE:
        doctor_say(d, LAYER, NAME, DOCTOR_WARNING, 9, "the signature is wrong by the keys that the issuer serves");
        return;
    case ASSAY_E_METADATA_ISSUER:
    case ASSAY_E_METADATA:
    case ASSAY_E_JWKS_URI:
    case ASSAY_E_JWKS:
        doctor_say(d, LAYER, NAME, DOCTOR_WARNING, 15, "%s", assay_error_message(error));
        return;
    default:
        doctor_say(d, LAYER, NAME, DOCTOR_SKIPPED, 0, "nothing can be said from here: %s",
                   error == NULL ? assay_code_summary(code) : assay_error_message(error));
    }
}

void doctor_issuer(doctor *d)
{
    if (d->offline || d->claims == NULL || d->token.len == 0 || doctor_text(d->claims, "iss")[0] == '\0')
        return;
    CLI_CLEANUP(assay_error_free_p) assay_error *error = NULL;
    CLI_CLEANUP(assay_validator_unref_p) assay_validator *validator = NULL;
    CLI_CLEANUP(assay_claims_unref_p) assay_claims *claims = NULL;
    cli_progress("asking the issuer for its keys");
    int code = make(d, &validator, &error);
    if (code == ASSAY_OK)
        code = assay_validator_refresh(validator, doctor_text(d->claims, "iss"), WAIT_MS, &error);
    if (code == ASSAY_OK)
        code = assay_validator_validate(validator, d->token.ptr, d->token.len, NULL, WAIT_MS, &claims, &error);
    cli_progress_end();
    tell(d, code, error);
}
