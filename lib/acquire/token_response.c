/* SPDX-License-Identifier: MIT */
#include "acquire/token_response.h"

#include "acquire/diagnosis.h"
#include "acquire/response_parts.h"
#include "json/scan.h"

/* Difference of the clocks from which it is told, in seconds. */
#define SKEW 60

void assay_token_answer_clear(assay_token_answer *answer)
{
    assay_secret_clear(&answer->token);
    assay_release(answer->scope);
    assay_release(answer->client_id);
    assay_release(answer->resource_id);
    *answer = (assay_token_answer){.token = {NULL, 0, 0, false}};
}

static int refuse(assay_failure *failure, const char *what)
{
    return assay_fail_note(failure, ASSAY_E_TOKEN_RESPONSE, "%s", what);
}

/* RFC 6750, section 2.1, and RFC 6749, appendix A.12: what can stand in a header without blanks. */
static bool is_visible(assay_span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < 0x21 || text.ptr[i] > 0x7e)
            return false;
    return text.len > 0;
}

/* A text of ours of @p size bytes; false: too long, or not printable. */
static bool keep(assay_span text, char *out, size_t size)
{
    if (!is_visible(text) || text.len >= size)
        return false;
    memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
    return true;
}

static int read_token(assay_answer_form form, const assay_json *document, assay_token_answer *answer,
                      assay_failure *failure)
{
    const char *name = form == ASSAY_ANSWER_GOOGLE ? "accessToken" : "access_token";
    assay_span token;
    if (!assay_json_get_member_string(document, name, &token) || token.len == 0)
        return assay_fail_note(failure, ASSAY_E_TOKEN_RESPONSE, "it has no %s", name);
    if (!is_visible(token))
        return assay_fail_note(failure, ASSAY_E_TOKEN_RESPONSE, "its %s has bytes that no header may have", name);
    return assay_secret_set(&answer->token, token.ptr, token.len) ? ASSAY_OK : assay_fail(failure, ASSAY_E_MEMORY);
}

/* RFC 6749, sections 5.1 and 7.1: the type is there, in any case, and one that is understood; RFC 8693, section 2.2.1: or N_A. */
static int read_types(assay_answer_form form, const assay_json *document, assay_token_answer *answer,
                      assay_failure *failure)
{
    assay_span type, issued;
    bool told = assay_json_get_member_string(document, "token_type", &type);
    bool may_lack = form == ASSAY_ANSWER_AGENT || form == ASSAY_ANSWER_GOOGLE;
    if (!told && assay_json_get(document, "token_type") == NULL && may_lack)
        type = assay_span_of("Bearer");
    else if (!told)
        return refuse(failure, "it has no token_type");
    bool fits =
        assay_span_is_nocase(type, "Bearer") || (form == ASSAY_ANSWER_EXCHANGE && assay_span_is_nocase(type, "N_A"));
    if (!fits || !keep(type, answer->token_type, sizeof answer->token_type))
        return refuse(failure, "its token_type is not one that is understood");
    if (!assay_json_get_member_string(document, "issued_token_type", &issued))
        return form == ASSAY_ANSWER_EXCHANGE ? refuse(failure, "it has no issued_token_type (RFC 8693, section 2.2.1)")
                                             : ASSAY_OK;
    bool kept = keep(issued, answer->issued_token_type, sizeof answer->issued_token_type);
    return kept || form != ASSAY_ANSWER_EXCHANGE ? ASSAY_OK : refuse(failure, "its issued_token_type can't be used");
}

/* Seconds of a number, or of a text that holds one, which some servers send. 0: it is not there, or null; -1: not more than 0, or no number. */
static int read_seconds(const assay_json *value, int64_t *seconds)
{
    assay_span text;
    *seconds = 0;
    if (value == NULL)
        return ASSAY_OK;
    if (assay_json_get_string(value, &text)) {
        *seconds = assay_response_number(text.ptr, text.len);
        *seconds = *seconds > 0 ? *seconds : -1;
        return ASSAY_OK;
    }
    size_t len = 0;
    char *written = assay_json_write(value, &len);
    if (written == NULL)
        return ASSAY_E_MEMORY;
    assay_json_type type = strpbrk(written, ".eE") != NULL ? ASSAY_JSON_REAL : ASSAY_JSON_INTEGER;
    const assay_json_value number = {written, len, type};
    bool digits = written[0] >= '0' && written[0] <= '9';
    int32_t nanoseconds;
    if (digits && !assay_json_time(&number, seconds, &nanoseconds))
        *seconds = ASSAY_LIMIT_LATEST_TIME; /* 1e300 */
    if (strcmp(written, "null") != 0 && *seconds == 0)
        *seconds = -1;
    assay_release_wiped(written, len);
    return ASSAY_OK;
}

/* `expires_on` and its like: a number, or a text in one of several forms. */
static int read_time(const assay_json *value, int64_t *seconds)
{
    assay_span text;
    if (!assay_json_get_string(value, &text))
        return read_seconds(value, seconds);
    *seconds = assay_token_response_expires_on(text.ptr, text.len);
    return ASSAY_OK;
}

/*
 * The lifetime: by the time that agents and Google tell, else by `expires_in`, which also stands in for a time that a wrong clock has put into the
 * past. Nothing told is allowed to servers (RFC 6749, section 5.1), but not to agents: tokens without an end, asked for again and again, were seen.
 * What is longer than is believed is cut to that.
 */
static int read_expiry(assay_answer_form form, const assay_json *document, int64_t now, assay_token_answer *answer,
                       assay_failure *failure)
{
    int64_t in = 0, on = 0;
    const assay_json *time = form == ASSAY_ANSWER_AGENT    ? assay_json_get(document, "expires_on")
                             : form == ASSAY_ANSWER_GOOGLE ? assay_json_get(document, "expireTime")
                                                           : NULL;
    if (read_seconds(assay_json_get(document, "expires_in"), &in) != ASSAY_OK || read_time(time, &on) != ASSAY_OK)
        return assay_fail(failure, ASSAY_E_MEMORY);
    int64_t lifetime = on > 0 && now >= 0 ? on - now : 0;
    if (lifetime <= 0)
        lifetime = in;
    if (lifetime < 0 || (lifetime == 0 && on != 0 && now >= 0))
        return refuse(failure, "the token that it gives has expired, or its lifetime is no number");
    if (lifetime == 0 && form == ASSAY_ANSWER_AGENT)
        return refuse(failure, "it does not say when the token expires");
    answer->lifetime = lifetime < ASSAY_LIMIT_TOKEN_LIFETIME ? lifetime : ASSAY_LIMIT_TOKEN_LIFETIME;
    answer->expires_at = answer->lifetime > 0 && now >= 0 ? now + answer->lifetime : 0;
    return ASSAY_OK;
}

static bool copy_member(const assay_json *document, const char *name, char **out)
{
    assay_span text;
    assay_release(*out);
    *out = NULL;
    if (!assay_json_get_member_string(document, name, &text) || text.len == 0)
        return true;
    *out = assay_memdup(text.ptr, text.len);
    return *out != NULL;
}

/* What is good to know, and no reason to refuse. */
static int read_rest(assay_answer_form form, const assay_json *document, assay_token_answer *answer,
                     assay_failure *failure)
{
    int64_t refresh_in = 0;
    bool good = copy_member(document, "scope", &answer->scope) &&
                read_seconds(assay_json_get(document, "refresh_in"), &refresh_in) == ASSAY_OK;
    if (good && form == ASSAY_ANSWER_AGENT) {
        good = copy_member(document, "client_id", &answer->client_id) &&
               copy_member(document, "msi_res_id", &answer->resource_id);
        if (good && answer->resource_id == NULL)
            good = copy_member(document, "mi_res_id", &answer->resource_id);
    }
    if (refresh_in > 0 && refresh_in < answer->lifetime)
        answer->refresh_in = refresh_in;
    return good ? ASSAY_OK : assay_fail(failure, ASSAY_E_MEMORY);
}

static int read_answer(assay_answer_form form, const assay_json *document, int64_t now, assay_token_answer *answer,
                       assay_failure *failure)
{
    int code = read_token(form, document, answer, failure);
    if (code == ASSAY_OK)
        code = read_types(form, document, answer, failure);
    if (code == ASSAY_OK)
        code = read_expiry(form, document, now, answer, failure);
    return code == ASSAY_OK ? read_rest(form, document, answer, failure) : code;
}

/* The server's clock against ours, where the answer came from it and both are known. */
static void look_at_clock(const assay_http_response *response, int64_t now, assay_failure_detail *detail)
{
    int64_t skew = response->date >= 0 && now >= 0 ? response->date - now : 0;
    detail->clock_skew = skew > SKEW || skew < -SKEW ? skew : 0;
}

static int read_status(assay_answer_form form, const assay_http_response *response, int64_t now,
                       assay_token_answer *answer, assay_failure *failure, assay_failure_detail *detail)
{
    char problem[128];
    ASSAY_AUTO_JSON assay_json *document = NULL;
    if (response->encoded)
        return assay_fail_note(failure, ASSAY_E_RESPONSE, "it is compressed, which was not asked for");
    if (response->status >= 300 && response->status < 400)
        return assay_fail_note(failure, ASSAY_E_REDIRECT, "status %d", response->status);
    if (response->status != 200 && response->status < 400)
        return assay_fail_note(failure, ASSAY_E_TOKEN_RESPONSE, "status %d", response->status);

    const char *body = response->body != NULL ? response->body : "";
    int code = assay_json_parse(body, response->body_len, &document, problem, sizeof problem);
    if (code == ASSAY_E_MEMORY)
        return assay_fail(failure, code);
    const assay_json *error = assay_json_get(document, "error");
    if (response->status != 200 || assay_json_is_string(error) || assay_json_is_object(error))
        return assay_response_refusal(form, response, document, failure, detail);
    if (code == ASSAY_OK && assay_json_is_object(document))
        return read_answer(form, document, now, answer, failure);
    code = assay_fail_note(failure, ASSAY_E_TOKEN_RESPONSE, "it is not a JSON object%s%s", code == ASSAY_OK ? "" : ": ",
                           code == ASSAY_OK ? "" : problem);
    if (form == ASSAY_ANSWER_AGENT)
        assay_diagnosis_apply(43, failure, detail); /* a proxy's page */
    return code;
}

int assay_token_response_read(assay_answer_form form, const assay_http_response *response, int64_t now,
                              assay_token_answer *answer, assay_failure *failure, assay_failure_detail *detail)
{
    assay_failure no_failure;
    assay_failure_detail no_detail = {.row = 0};
    assay_failure *why = failure != NULL ? failure : &no_failure;
    assay_failure_detail *more = detail != NULL ? detail : &no_detail;
    assay_token_answer_clear(answer);
    assay_failure_clear(why);
    /* The correlation id of the request stays, unless the server tells another. */
    char correlation_id[sizeof more->correlation_id];
    memcpy(correlation_id, more->correlation_id, sizeof correlation_id);
    *more = (assay_failure_detail){.row = 0};
    memcpy(more->correlation_id, correlation_id, sizeof correlation_id);

    look_at_clock(response, now, more);
    int code = read_status(form, response, now, answer, why, more);
    if (code != ASSAY_OK)
        assay_token_answer_clear(answer);
    why->detail = code != ASSAY_OK ? detail : NULL;
    return code;
}
