/* SPDX-License-Identifier: MIT */
#include "acquire/machine.h"

#include "acquire/diagnosis.h"
#include "acquire/token_file.h"
#include "json/document.h"

#include <stdio.h>

/*
 * The ID token of a CI job (exchange.md 2.8): of GitHub Actions ("About security hardening with OpenID Connect"), and of Azure Pipelines ("Oidctoken - Create"). It
 * lives for minutes, so it is asked for anew for each exchange.
 */

enum { ROW_OF_JOBS = 65 };

typedef struct job {
    assay_machine machine;
    char *url;
    assay_secret authorization;
    unsigned tries;
    enum { START, ASKED, PAUSE, DONE } step;
} job;

static const assay_http_field no_sign_in = {"X-TFS-FedAuthRedirect", "Suppress"};

static bool is_github(const job *self)
{
    return self->machine.settings->kind == ASSAY_CREDENTIAL_GITHUB;
}

static assay_machine_want finish(job *self, int code)
{
    self->step = DONE;
    self->machine.request = (assay_http_request){0};
    assay_secret_clear(&self->authorization);
    return assay_machine_end(&self->machine, code);
}

/* What GitHub's row advises is of its workflows, so Pipelines says what to do in its own words. */
static int advise(job *self, int code)
{
    assay_machine *machine = &self->machine;
    memset(&machine->detail, 0, sizeof machine->detail);
    if (is_github(self))
        assay_diagnosis_apply(ROW_OF_JOBS, &machine->failure, &machine->detail);
    else
        (void)snprintf(machine->detail.fix, sizeof machine->detail.fix,
                       "map SYSTEM_ACCESSTOKEN: $(System.AccessToken) into the step, and let the pipeline use the "
                       "service connection");
    machine->failure.detail = &machine->detail;
    return code;
}

static int refuse(job *self, int code, const char *why)
{
    return advise(self, assay_fail_note(&self->machine.failure, code, "%s", why));
}

static const char *audience_of(const assay_credential_settings *settings)
{
    if (settings->audiences.count > 0)
        return settings->audiences.items[0].ptr; /* terminated, and without a NUL inside */
    return assay_scope_exchange_audience(assay_settings_cloud(settings));
}

/* GitHub's URL has a query already, one of another runner perhaps not (case 87). */
static bool write_url(job *self)
{
    const assay_credential_settings *settings = self->machine.settings;
    bool github = is_github(self);
    const char *value = github ? audience_of(settings) : settings->service_connection;
    ASSAY_CLEANUP(assay_secret_clear) assay_secret encoded = {0};
    ASSAY_CLEANUP(assay_buffer_clear) assay_buffer url = {0};
    assay_secret_form(&encoded, value, strlen(value));
    assay_buffer_put(&url, settings->request_url);
    assay_buffer_put(&url, strchr(settings->request_url, '?') == NULL ? "?" : "&");
    assay_buffer_put(&url, github ? "audience=" : "api-version=7.1&serviceConnectionId=");
    assay_buffer_put(&url, encoded.failed ? "" : encoded.text);
    if (url.failed || encoded.failed)
        return false;
    self->url = ASSAY_STEAL(url.text);
    return true;
}

static bool write_authorization(job *self)
{
    const assay_secret *token = &self->machine.settings->request_token;
    assay_secret_clear(&self->authorization);
    assay_secret_put(&self->authorization, "Bearer ");
    assay_secret_add(&self->authorization, token->text, token->len);
    return !self->authorization.failed;
}

static assay_machine_want send(job *self)
{
    bool github = is_github(self);
    if (!write_authorization(self))
        return finish(self, ASSAY_E_MEMORY);
    self->step = ASKED;
    self->tries++;
    self->machine.request = (assay_http_request){
        .method = github ? "GET" : "POST",
        .url = self->url,
        .accept = github ? "application/json; api-version=2.0" : "application/json",
        .authorization = self->authorization.text,
        .content_type = github ? NULL : "application/json",
        .fields = github ? NULL : &no_sign_in,
        .field_count = github ? 0 : 1,
        .body_limit = ASSAY_LIMIT_TOKEN_RESPONSE_BYTES,
        .allow_loopback_http = self->machine.settings->allow_loopback_http,
    };
    self->machine.attempt_ms = ASSAY_LIMIT_EXCHANGE_TIMEOUT_MS;
    return ASSAY_MACHINE_FETCH;
}

static assay_machine_want start(job *self)
{
    const assay_credential_settings *settings = self->machine.settings;
    self->machine.source = is_github(self) ? "github-actions" : "azure-pipelines";
    bool complete = settings->request_url != NULL && settings->request_token.len > 0 &&
                    (is_github(self) || settings->service_connection != NULL);
    if (!complete)
        return finish(self, refuse(self, ASSAY_E_CONFIG_CREDENTIAL, "the job gives no URL or token to ask with"));
    return write_url(self) ? send(self) : finish(self, ASSAY_E_MEMORY);
}

static assay_machine_want next(assay_machine *machine, const assay_moment *now)
{
    job *self = (job *)machine;
    switch (self->step) {
    case START:
        return start(self);
    case PAUSE:
        return now->steady < machine->wait_until ? ASSAY_MACHINE_WAIT : send(self);
    case DONE:
        return ASSAY_MACHINE_DONE;
    case ASKED:
        break;
    }
    return ASSAY_MACHINE_FETCH;
}

/* Three parts of base64url that are not empty (RFC 7515, section 7.1). An object's "{" makes an "e" of the first character. */
static bool is_jwt(assay_span token)
{
    size_t dots = 0, len = 0;
    for (size_t i = 0; i < token.len; i++) {
        char c = token.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (c != '.' && !letter && !(c >= '0' && c <= '9') && c != '-' && c != '_')
            return false;
        if (c == '.' && (len == 0 || ++dots > 2))
            return false;
        len = c == '.' ? 0 : len + 1;
    }
    return dots == 2 && len > 0 && token.ptr[0] == 'e';
}

static int take_token(job *self, assay_span token)
{
    assay_peek peek;
    assay_token_answer *answer = &self->machine.answer;
    if (!is_jwt(token))
        return assay_fail_note(&self->machine.failure, ASSAY_E_TOKEN_RESPONSE, "the job's ID token is no JWT");
    if (!assay_secret_set(&answer->token, token.ptr, token.len))
        return ASSAY_E_MEMORY;
    assay_peek_read(token.ptr, token.len, &peek);
    answer->expires_at = peek.expiry; /* 0 where it can't be read */
    return ASSAY_OK;
}

static int read_token(job *self, const assay_http_response *response)
{
    assay_span token;
    char problem[120];
    const char *member = is_github(self) ? "value" : "oidcToken";
    ASSAY_AUTO_JSON assay_json *document = NULL;
    if (response->encoded)
        return assay_fail_note(&self->machine.failure, ASSAY_E_RESPONSE, "the answer is compressed");
    int code = assay_json_parse(response->body == NULL ? "" : response->body, response->body_len, &document, problem,
                                sizeof problem);
    if (code == ASSAY_E_MEMORY)
        return code;
    if (code != ASSAY_OK)
        return assay_fail_note(&self->machine.failure, ASSAY_E_TOKEN_RESPONSE, "%s", problem);
    if (!assay_json_get_member_string(document, member, &token) || token.len == 0)
        return refuse(self, ASSAY_E_JOB_TOKEN,
                      is_github(self) ? "the answer has no \"value\"" : "the answer has no \"oidcToken\"");
    return take_token(self, token);
}

static int judge(job *self, const assay_http_response *response)
{
    assay_failure *failure = &self->machine.failure;
    int status = response->status;
    if (status >= 300 && status < 400)
        return refuse(self, ASSAY_E_JOB_TOKEN, "sent to a page to sign in: the token of the job is not accepted");
    if (status == 429) {
        int code = assay_fail_note(failure, ASSAY_E_THROTTLED, "status 429");
        failure->retry_after = assay_retry_after(response);
        return code;
    }
    if (status >= 500 || status == 408)
        return assay_fail_note(failure, ASSAY_E_GRANT_UNAVAILABLE, "status %d", status);
    (void)assay_fail_note(failure, ASSAY_E_JOB_TOKEN, "status %d", status);
    return advise(self, ASSAY_E_JOB_TOKEN);
}

static void pause_or_finish(job *self, int code, int64_t pause, const assay_moment *now)
{
    if (pause < 0) {
        (void)finish(self, code);
        return;
    }
    self->step = PAUSE;
    self->machine.code = code;
    self->machine.wait_until = now->steady + pause;
}

static void answered(assay_machine *machine, const assay_http_response *response, int missed, const assay_failure *why,
                     const assay_moment *now)
{
    job *self = (job *)machine;
    assay_failure_clear(&machine->failure);
    memset(&machine->detail, 0, sizeof machine->detail);
    assay_secret_clear(&self->authorization);
    if (missed == ASSAY_E_REDIRECT) {
        (void)finish(
            self, refuse(self, ASSAY_E_JOB_TOKEN, "sent to a page to sign in: the token of the job is not accepted"));
        return;
    }
    if (missed != ASSAY_OK) {
        if (why != NULL)
            machine->failure = *why;
        machine->failure.detail = NULL;
        pause_or_finish(self, missed,
                        assay_retry_is_transport(missed) ? assay_retry_token_endpoint(self->tries, NULL, false) : -1,
                        now);
        return;
    }
    if (response->status >= 200 && response->status < 300) {
        (void)finish(self, read_token(self, response));
        return;
    }
    int code = judge(self, response);
    pause_or_finish(self, code, assay_retry_token_endpoint(self->tries, response, false), now);
}

static void clear(assay_machine *machine)
{
    job *self = (job *)machine;
    assay_release(self->url);
    assay_secret_clear(&self->authorization);
}

const assay_machine_kind assay_machine_job = {sizeof(job), next, answered, clear};
