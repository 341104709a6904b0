/* SPDX-License-Identifier: MIT */
#include "acquire/managed.h"

#include "acquire/diagnosis.h"
#include "json/document.h"

#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

enum { FIRST_ROW_OF_AGENTS = 40, LAST_ROW_OF_AGENTS = 46 };

/* What the failure says stays, its advice is that of the row; 0: of the code. */
static int with_row(assay_managed *managed, int code, int row)
{
    assay_machine *machine = &managed->machine;
    if (row == 0)
        return code;
    assay_diagnosis_apply(row, &machine->failure, &machine->detail);
    machine->failure.detail = &machine->detail;
    return code;
}

int assay_managed_fail(assay_managed *managed, int code, int row, const char *format, ...)
{
    char note[sizeof managed->machine.failure.note];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(note, sizeof note, format, arguments);
    va_end(arguments);
    memset(&managed->machine.detail, 0, sizeof managed->machine.detail);
    (void)assay_fail_note(&managed->machine.failure, code, "%s", note);
    return with_row(managed, code, row);
}

static bool says(const assay_http_response *response, const char *words)
{
    return response->body != NULL && memmem(response->body, response->body_len, words, strlen(words)) != NULL;
}

static bool is_html(const assay_http_response *response)
{
    if (strncasecmp(response->content_type, "text/html", 9) == 0)
        return true;
    size_t at = 0;
    while (at < response->body_len && strchr(" \t\r\n", response->body[at]) != NULL && response->body[at] != '\0')
        at++;
    return at < response->body_len && response->body[at] == '<';
}

/* Agents pass on what Entra says of the resource. The row of its number; 0: there is none, or no row. */
static int row_of_entra(const assay_http_response *response)
{
    static const char prefix[] = "AADSTS";
    if (!says(response, prefix))
        return 0;
    const char *at = memmem(response->body, response->body_len, prefix, sizeof prefix - 1);
    int64_t number = 0;
    for (at += sizeof prefix - 1; *at >= '0' && *at <= '9' && number < INT32_MAX; at++) /* bodies are terminated */
        number = number * 10 + (*at - '0');
    return assay_diagnosis_of_entra(number);
}

/*
 * IMDS refuses whoever leaves its header out with 400 and JSON. A 403 is Docker Desktop's "unreachable", HTML a proxy's page, 404 another cloud's
 * service at the same address (exchange.md, Settled 5).
 */
int assay_managed_read_probe(const assay_http_response *response)
{
    ASSAY_AUTO_JSON assay_json *document = NULL;
    if (response->status != 400 || response->encoded || response->body == NULL)
        return ASSAY_E_SOURCE_ABSENT;
    int code = assay_json_parse(response->body, response->body_len, &document, NULL, 0);
    if (code == ASSAY_E_MEMORY)
        return code;
    return code == ASSAY_OK && assay_json_is_object(document) ? ASSAY_OK : ASSAY_E_SOURCE_ABSENT;
}

/* The words are those of the service (exchange.md, rows 40 to 42); it has no codes for the first two. */
static int judge_bad_request(assay_managed *managed, const assay_http_response *response, int code)
{
    if (says(response, "Identity not found"))
        return with_row(managed, ASSAY_E_IDENTITY, 40);
    if (says(response, "Multiple user assigned identities"))
        return with_row(managed, ASSAY_E_IDENTITY, 41);
    if (says(response, "bad_request_102") || says(response, "Required metadata header not specified"))
        return with_row(managed, ASSAY_E_SOURCE_ANSWER, 42);
    return is_html(response) ? with_row(managed, ASSAY_E_SOURCE_ANSWER, 43)
                             : with_row(managed, code, row_of_entra(response));
}

static int judge_imds(assay_managed *managed, const assay_http_response *response, int code)
{
    switch (response->status) {
    case 400:
        return judge_bad_request(managed, response, code);
    case 403:
    case 502:
    case 504:
        return with_row(managed, ASSAY_E_SOURCE_ANSWER, 43);
    case 404:
    case 410:
        if (!is_html(response))
            return with_row(managed, ASSAY_E_GRANT_UNAVAILABLE, 45);
        break;
    case 429:
        return with_row(managed, code, 45);
    default:
        break;
    }
    return is_html(response) ? with_row(managed, ASSAY_E_SOURCE_ANSWER, 43) : code;
}

/* What the reader puts down to IMDS or App Service where another one answered. */
static int without_row(assay_managed *managed, int code)
{
    assay_machine *machine = &managed->machine;
    if (machine->detail.row < FIRST_ROW_OF_AGENTS || machine->detail.row > LAST_ROW_OF_AGENTS)
        return code;
    machine->detail.row = 0;
    machine->failure.hint = machine->failure.check = NULL;
    return code;
}

static int judge_app_service(assay_managed *managed, const assay_http_response *response, int code)
{
    if (response->status == 400 && says(response, "AADSTS"))
        return with_row(managed, without_row(managed, code), row_of_entra(response));
    if (response->status == 400)
        return with_row(managed, ASSAY_E_IDENTITY, 46);
    return response->status >= 500 ? with_row(managed, code, 46) : without_row(managed, code);
}

static int judge_arc(assay_managed *managed, const assay_http_response *response, int code)
{
    if (response->status == 401)
        return with_row(managed, ASSAY_E_SOURCE_ANSWER, 47);
    return response->status == 400 ? judge_bad_request(managed, response, code) : without_row(managed, code);
}

int assay_managed_judge(assay_managed *managed, const assay_http_response *response, int64_t now)
{
    assay_machine *machine = &managed->machine;
    memset(&machine->detail, 0, sizeof machine->detail);
    int code = assay_token_response_read(ASSAY_ANSWER_AGENT, response, now, &machine->answer, &machine->failure,
                                         &machine->detail);
    if (code == ASSAY_OK || code == ASSAY_E_MEMORY)
        return code;
    machine->failure.detail = &machine->detail;
    if (response->status >= 300 && response->status < 400)
        return assay_managed_fail(managed, ASSAY_E_SOURCE_ANSWER, 0, "a redirect, which is never followed");
    switch (machine->settings->agent) {
    case ASSAY_AGENT_IMDS:
        return judge_imds(managed, response, code);
    case ASSAY_AGENT_APP_SERVICE:
    case ASSAY_AGENT_APP_SERVICE_2017:
    case ASSAY_AGENT_AZURE_ML:
        return judge_app_service(managed, response, code);
    case ASSAY_AGENT_ARC:
        return judge_arc(managed, response, code);
    case ASSAY_AGENT_CLOUD_SHELL:
    case ASSAY_AGENT_SERVICE_FABRIC:
        break;
    }
    return without_row(managed, code);
}

/*
 * Versions of Arc's agent that know of one identity only ignore the name of another and answer with a token of their own. Those that do know of several
 * say whose token it is (exchange.md 2.7, case 70).
 */
int assay_managed_check_identity(assay_managed *managed)
{
    const assay_machine *machine = &managed->machine;
    const assay_credential_settings *settings = machine->settings;
    if (settings->agent != ASSAY_AGENT_ARC || settings->identity == ASSAY_IDENTITY_SYSTEM)
        return ASSAY_OK;
    const char *echo =
        settings->identity == ASSAY_IDENTITY_CLIENT_ID ? machine->answer.client_id : machine->answer.resource_id;
    if (echo != NULL && strcasecmp(echo, settings->identity_value) == 0)
        return ASSAY_OK;
    return assay_managed_fail(managed, ASSAY_E_IDENTITY, 0,
                              "the Arc agent did not confirm that its token is of the identity that was named");
}
