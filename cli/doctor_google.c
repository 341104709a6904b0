/* SPDX-License-Identifier: MIT */
/* assay doctor: the file that GOOGLE_APPLICATION_CREDENTIALS names. The library judges it; here it is told where it leads. */

#include "doctor.h"

#include <string.h>

#define LAYER "environment"
#define NAME "GOOGLE_APPLICATION_CREDENTIALS"

/* What describe() does not tell; the library has read the same file and found nothing wrong with it. */
static char *token_url(const char *path)
{
    cli_text text = {0};
    CLI_CLEANUP(json_decref_p) json_t *account = NULL;
    if (doctor_read(path, CLI_INPUT_FILE_BYTES, &text) == 0 && text.ptr != NULL)
        account = json_loadb(text.ptr, text.len, 0, NULL);
    cli_text_free(&text);
    const char *url = doctor_text(account, "token_url");
    return url[0] == '\0' ? NULL : cli_strdup(url);
}

void doctor_google(doctor *d)
{
    const char *path = doctor_variable(NAME);
    if (path == NULL)
        return;
    CLI_CLEANUP(assay_error_free_p) assay_error *error = NULL;
    CLI_CLEANUP(assay_runtime_unref_p) assay_runtime *runtime = NULL;
    CLI_CLEANUP(assay_credential_unref_p) assay_credential *credential = NULL;
    int code = credential_runtime(d->credential, &runtime, &error);
    if (code == ASSAY_OK)
        code = credential_make(d->credential, runtime, &credential, &error);
    if (code != ASSAY_OK) {
        doctor_fail(d, LAYER, NAME, assay_error_diagnosis(error), cli_exit_of(code), "%s",
                    error == NULL ? assay_code_summary(code) : assay_error_message(error));
        d->failure = credential_failure_json(code, error);
        d->account_refused = true;
        d->missing = "the file of " NAME " can't be used";
        return;
    }
    CLI_CLEANUP(json_decref_p) json_t *about = credential_describe(credential);
    const char *token_file = doctor_text(about, "token_file");
    if (d->credential->token_file == NULL && token_file[0] != '\0') {
        d->account_token_path = cli_strdup(token_file);
        d->token_path = d->account_token_path;
    }
    if (d->credential->token_endpoint == NULL)
        d->account_token_url = token_url(path);
    doctor_say(d, LAYER, NAME, DOCTOR_OK, 0, "%s", doctor_path(path));
}
