/* SPDX-License-Identifier: MIT */
#include "acquire/diagnosis.h"
#include "acquire/machine.h"
#include "acquire/response_parts.h"
#include "base/base64url.h"
#include "base/guid.h"

#include <stdio.h>

/*
 * Why there is no token. RFC 6749, section 5.2; Microsoft, "Handle errors" (logic goes by `error`, AADSTS numbers are for diagnosis) and
 * "How to use managed identities on a VM", error handling.
 */

typedef struct refusal {
    int status;
    bool is_page;           /* not JSON */
    bool has_status_code;   /* `statusCode`: App Service */
    assay_span description; /* of the body, unchecked */
    char error[64], suberror[64];
    int64_t number; /* AADSTS; 0: none */
} refusal;

static size_t find_nocase(assay_span text, const char *part)
{
    size_t len = strlen(part);
    for (size_t at = 0; at + len <= text.len; at++)
        if (assay_span_is_nocase((assay_span){text.ptr + at, len}, part))
            return at;
    return text.len;
}

static bool has(assay_span text, const char *part)
{
    return find_nocase(text, part) < text.len;
}

/* The number after "AADSTS", whole; 0: there is none, or it is longer than any. */
static int64_t number_in(assay_span text)
{
    int64_t number = 0;
    size_t digits = 0;
    for (size_t at = find_nocase(text, "AADSTS") + 6; at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9';
         at++) {
        number = number * 10 + (text.ptr[at] - '0');
        if (++digits > 9)
            return 0;
    }
    return number;
}

/* `error_codes` goes before the sentence. Other servers than Entra may have such a member too: theirs has no AADSTS in the sentence. */
static int64_t find_number(const assay_json *document, assay_span description)
{
    const assay_json *codes = assay_json_get(document, "error_codes");
    int64_t number = 0;
    bool entra = description.len == 0 || has(description, "AADSTS");
    if (entra && assay_json_get_integer(assay_json_array_at(codes, 0), &number) && number > 0 && number <= 999999999)
        return number;
    return number_in(description);
}

/* Errors come as { error, error_description }, { error: { code or status, message } } and { statusCode, message }. */
static void read_refusal(const assay_json *document, refusal *r)
{
    assay_span text;
    const assay_json *error = assay_json_get(document, "error");
    int64_t status_code;
    r->has_status_code = assay_json_get_integer(assay_json_get(document, "statusCode"), &status_code) ||
                         assay_json_is_string(assay_json_get(document, "statusCode"));
    if (assay_json_get_string(error, &text) || assay_json_get_member_string(error, "status", &text) ||
        assay_json_get_member_string(error, "code", &text))
        assay_server_name(text, r->error, sizeof r->error);
    if (assay_json_get_member_string(document, "suberror", &text))
        assay_server_name(text, r->suberror, sizeof r->suberror);
    if (!assay_json_get_member_string(document, "error_description", &r->description) &&
        !assay_json_get_member_string(document, "message", &r->description))
        (void)assay_json_get_member_string(error, "message", &r->description);
    r->number = find_number(document, r->description);
}

/* Ids are GUIDs, or they are not shown. */
static void take_id(const assay_json *document, const char *name, char *out)
{
    assay_span text;
    assay_guid guid;
    if (assay_json_get_member_string(document, name, &text) && assay_guid_read(text, true, &guid))
        assay_guid_write(&guid, out);
}

/* The first sentence. Entra puts ids after it, which have places of their own. */
static assay_span first_sentence(assay_span text)
{
    text.len = find_nocase(text, "Trace ID");
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] == '\r' || text.ptr[i] == '\n' ||
            (text.ptr[i] == '.' && i + 1 < text.len && text.ptr[i + 1] == ' '))
            text.len = i;
    while (text.len > 0 && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '.'))
        text.len--;
    return text;
}

/* What the user must satisfy, to be passed on (Microsoft, "Claims challenges"): the server's JSON in one spelling. */
static int take_claims(const assay_json *document, assay_failure_detail *detail)
{
    assay_span text;
    ASSAY_AUTO_JSON assay_json *claims = NULL;
    if (!assay_json_get_member_string(document, "claims", &text) || text.len > ASSAY_LIMIT_CLAIMS_BYTES)
        return ASSAY_OK;
    int code = assay_json_parse(text.ptr, text.len, &claims, NULL, 0);
    if (code == ASSAY_E_MEMORY)
        return code;
    if (code != ASSAY_OK || !assay_json_is_object(claims))
        return ASSAY_OK;
    size_t len = 0;
    char *written = assay_json_write(claims, &len);
    if (written == NULL)
        return ASSAY_E_MEMORY;
    if (len < sizeof detail->claims && !assay_server_text_holds_token(written, len)) {
        char encoded[ASSAY_BASE64_ENCODED(sizeof detail->claims) + 1];
        memcpy(detail->claims, written, len + 1);
        assay_base64_encode((const uint8_t *)written, len, encoded);
        (void)snprintf(detail->challenge, sizeof detail->challenge,
                       "Bearer error=\"insufficient_claims\", claims=\"%s\"", encoded);
    }
    assay_release_wiped(written, len);
    return ASSAY_OK;
}

/* Rows of what the agents of managed identities answer. */
static int agent_row(const refusal *r)
{
    if (strcmp(r->error, "ManagedIdentityNotFound") == 0)
        return 48;
    if (r->status == 400 && has(r->description, "Multiple user assigned"))
        return 41;
    if (r->status == 400 && (has(r->description, "Identity not found") || strcmp(r->error, "identity_not_found") == 0))
        return 40;
    if (r->status == 400 && (strcmp(r->error, "bad_request_102") == 0 || has(r->description, "metadata header")))
        return 42;
    if (r->has_status_code && (r->status == 400 || r->status >= 500))
        return 46;
    if (r->status == 403 || r->status == 502 || r->status == 504)
        return 43;
    if (r->status == 404 || r->status == 410 || r->status == 429 || r->status >= 500)
        return 45;
    return r->is_page ? 43 : 0;
}

static int endpoint_row(assay_answer_form form, const refusal *r)
{
    int row = assay_diagnosis_of_entra(r->number);
    if (row != 0)
        return row;
    if (strcmp(r->error, "invalid_instance") == 0)
        return 29;
    if (r->status == 429)
        return 36;
    if (r->status >= 500)
        return 38;
    bool exchange = form == ASSAY_ANSWER_EXCHANGE || form == ASSAY_ANSWER_GOOGLE;
    bool target = strcmp(r->error, "invalid_target") == 0 || strcmp(r->error, "invalid_grant") == 0;
    return exchange && target ? 68 : 0;
}

/* A clock that is wrong explains what is said of an assertion's time, and what nothing else explains. */
static int row_of_clock(int row, const refusal *r, const assay_failure_detail *detail)
{
    bool refused = r->status == 400 || r->status == 401;
    return detail->clock_skew != 0 && refused && (row == 0 || row == 8) ? 57 : row;
}

static int code_of(assay_answer_form form, const refusal *r, const assay_failure_detail *detail)
{
    if (r->status == 429 || r->number == 90055)
        return ASSAY_E_THROTTLED;
    bool agent_busy = form == ASSAY_ANSWER_AGENT && (r->status == 404 || r->status == 410) &&
                      strcmp(r->error, "ManagedIdentityNotFound") != 0;
    if (r->status >= 500 || r->status == 408 || agent_busy || assay_diagnosis_is_transient(r->number) ||
        strcmp(r->error, "temporarily_unavailable") == 0)
        return ASSAY_E_GRANT_UNAVAILABLE;
    if (strcmp(r->error, "interaction_required") == 0 || detail->claims[0] != '\0')
        return ASSAY_E_INTERACTION_REQUIRED;
    return ASSAY_E_GRANT;
}

static int say(int code, const refusal *r, const assay_http_response *response, assay_failure *failure)
{
    char text[161], number[24] = "";
    if (r->is_page)
        assay_server_page((assay_span){response->body, response->body_len}, text, 81);
    else
        assay_server_text(first_sentence(r->description), text, sizeof text);
    if (r->number != 0 && strncmp(text, "AADSTS", 6) != 0)
        (void)snprintf(number, sizeof number, ", AADSTS%lld", (long long)r->number);
    return assay_fail_note(failure, code, "status %d%s%s%s%s%s%s%s", r->status, r->error[0] != '\0' ? ", " : "",
                           r->error, r->suberror[0] != '\0' ? "/" : "", r->suberror, number,
                           text[0] != '\0' ? ": " : "", text);
}

int assay_response_refusal(assay_answer_form form, const assay_http_response *response, const assay_json *document,
                           assay_failure *failure, assay_failure_detail *detail)
{
    refusal r = {.status = response->status, .is_page = !assay_json_is_object(document), .description = {NULL, 0}};
    read_refusal(document, &r);
    take_id(document, "trace_id", detail->trace_id);
    take_id(document, "correlation_id", detail->correlation_id);
    if (r.number != 0)
        (void)snprintf(detail->server_code, sizeof detail->server_code, "AADSTS%lld", (long long)r.number);
    else
        (void)snprintf(detail->server_code, sizeof detail->server_code, "%s", r.error);
    if (take_claims(document, detail) != ASSAY_OK)
        return assay_fail(failure, ASSAY_E_MEMORY);

    int code = say(code_of(form, &r, detail), &r, response, failure);
    int row = form == ASSAY_ANSWER_AGENT ? agent_row(&r) : endpoint_row(form, &r);
    assay_diagnosis_apply(row_of_clock(row, &r, detail), failure, detail);
    if (code == ASSAY_E_THROTTLED || code == ASSAY_E_GRANT_UNAVAILABLE)
        failure->retry_after = assay_retry_after(response);
    if (code == ASSAY_E_THROTTLED && failure->retry_after == 0)
        failure->retry_after = 60;
    return code;
}
