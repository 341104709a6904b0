/* SPDX-License-Identifier: MIT */
/* assay doctor: the exchange itself, by the library, exactly as assay token makes it. */

#include "doctor.h"

#include "progress.h"

#include <inttypes.h>
#include <string.h>

static const char *layer_of(const doctor *d, int row)
{
    const char *layer = assay_diagnosis_layer(row);
    if (layer[0] != '\0')
        return layer;
    return d->kind == CREDENTIAL_MANAGED ? "managed-identity" : "exchange";
}

/* Words of the server, its code, and what its support asks for. */
static void fail(doctor *d, int code, const assay_error *error)
{
    int row = assay_error_diagnosis(error);
    const char *server_code = assay_error_server_code(error);
    const char *correlation = assay_error_correlation_id(error);
    const char *message = error == NULL ? assay_code_summary(code) : assay_error_message(error);
    doctor_fail(d, layer_of(d, row), "token", row, cli_exit_of(code), "%s%s%s%s%s", message,
                server_code[0] == '\0' ? "" : "; server code ", server_code,
                correlation[0] == '\0' ? "" : ", correlation id ", correlation);
    json_decref(d->failure);
    d->failure = credential_failure_json(code, error);
    int64_t skew = assay_error_clock_skew(error);
    if (skew != 0)
        doctor_say(d, "exchange", "clock", DOCTOR_WARNING, 57, "this machine's clock is %" PRId64 " s %s the server's",
                   skew < 0 ? -skew : skew, skew < 0 ? "ahead of" : "behind");
    /* Rows 1 to 6: no federated credential matches this token. */
    if (row >= 1 && row <= 6)
        doctor_federation_commands(d);
}

static void say_skipped_sources(doctor *d, const assay_credential *credential)
{
    CLI_CLEANUP(json_decref_p) json_t *about = credential_describe(credential);
    size_t index = 0;
    const json_t *each = NULL;
    json_array_foreach(json_object_get(about, "skipped"), index, each)
    {
        doctor_say(d, "exchange", doctor_text(each, "source"), DOCTOR_SKIPPED, 0, "%s", doctor_text(each, "reason"));
    }
}

static void get(doctor *d)
{
    CLI_CLEANUP(assay_error_free_p) assay_error *error = NULL;
    CLI_CLEANUP(assay_runtime_unref_p) assay_runtime *runtime = NULL;
    CLI_CLEANUP(assay_credential_unref_p) assay_credential *credential = NULL;
    CLI_CLEANUP(assay_token_request_free_p) assay_token_request *request = NULL;
    CLI_CLEANUP(assay_access_token_unref_p) assay_access_token *token = NULL;
    int code = credential_runtime(d->credential, &runtime, &error);
    if (code == ASSAY_OK)
        code = credential_make(d->credential, runtime, &credential, &error);
    if (code == ASSAY_OK)
        code = credential_request(d->credential, &request, &error);
    if (code == ASSAY_OK) {
        say_skipped_sources(d, credential);
        cli_progress("getting a token for %s", credential_wanted(d->credential));
        code = assay_credential_get_token_for(credential, request, d->credential->timeout_ms, &token, &error);
        cli_progress_end();
    }
    if (code == ASSAY_OK)
        doctor_result(d, token);
    else
        fail(d, code, error);
}

void doctor_exchange(doctor *d)
{
    if (d->offline)
        doctor_say(d, "exchange", "token", DOCTOR_SKIPPED, 0, "--offline");
    else if (d->missing != NULL)
        doctor_say(d, "exchange", "token", DOCTOR_SKIPPED, 0, "%s", d->missing);
    else if (d->unreachable)
        doctor_say(d, "exchange", "token", DOCTOR_SKIPPED, 0, "the server can't be reached");
    else
        get(d);
}
