/* SPDX-License-Identifier: MIT */

/*
 * What is read on the way to a token (case 100). The first line says as what: "e", "x", "a" or "g" and a status for an answer of a form of
 * acquire/token_response.h, "p" for the payload of a JWT, "j" for a JWT, "w" for a WWW-Authenticate value. In the rest $T stands for a token and $S for a
 * client secret: whatever the server makes of them, no text of a failure may hold 16 bytes in a row of either.
 */
#include "acquire/token_file.h"
#include "acquire/token_request.h"
#include "acquire/token_response.h"
#include "base/base64url.h"
#include "base/memory.h"
#include "json/document.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition) ((condition) ? (void)0 : die(#condition, __LINE__))
#define NOW 1700000000
#define PIECE 16

static const char token[] =
    "eyJhbGciOiJSUzI1NiIsImtpZCI6Ik1yNS1BVWliZkJpaTdOZDFqQmViYXhib1hXMCIsInR5cCI6IkpXVCJ9."
    "eyJhdWQiOiJhcGk6Ly9BenVyZUFEVG9rZW5FeGNoYW5nZSIsImlzcyI6Imh0dHBzOi8vd2VzdGV1cm9wZS5vaWMifQ."
    "Wm9vbS1hLXppdC11cC1hbmQtZG93bi10aGUtaGlsbC1pbi1hLWhhbmRjYXJ0";
static const char secret[] = "8Q~aB3.xYz_9-KkLm~4Nn5Oo6Pp7Qq8Rr9Ss0Tt";

static void die(const char *condition, int line)
{
    fprintf(stderr, "fuzz_token_response.c:%d: %s\n", line, condition);
    abort();
}

/* By hand, so that a fuzzer which watches comparisons does not learn the pieces. */
static bool holds(const char *text, const char *piece)
{
    for (; *text != '\0'; text++) {
        size_t same = 0;
        while (same < PIECE && text[same] == piece[same])
            same++;
        if (same == PIECE)
            return true;
    }
    return false;
}

static bool holds_some(const char *text, const char *hidden)
{
    for (size_t i = 0; i + PIECE <= strlen(hidden); i++)
        if (holds(text, hidden + i))
            return true;
    return false;
}

static void is_printable(const char *text, size_t size)
{
    size_t len = strnlen(text, size);
    MUST(len < size);
    for (size_t i = 0; i < len; i++)
        MUST(text[i] >= ' ' && text[i] <= '~');
}

static void may_be_shown(const char *text, size_t size)
{
    is_printable(text, size);
    MUST(!holds_some(text, token) && !holds_some(text, secret));
}

/* A failure with its detail. Claims are passed on as the server sent them, so of those only tokens are kept out. */
static void check_failure(const assay_failure *failure, const assay_failure_detail *detail)
{
    may_be_shown(failure->note, sizeof failure->note);
    may_be_shown(failure->expected, sizeof failure->expected);
    may_be_shown(failure->found, sizeof failure->found);
    MUST(failure->retry_after >= 0 && failure->retry_after <= ASSAY_LIMIT_RETRY_AFTER);
    if (detail == NULL)
        return;
    may_be_shown(detail->server_code, sizeof detail->server_code);
    may_be_shown(detail->trace_id, sizeof detail->trace_id);
    may_be_shown(detail->correlation_id, sizeof detail->correlation_id);
    may_be_shown(detail->fix, sizeof detail->fix);
    may_be_shown(detail->challenge, sizeof detail->challenge);
    MUST(!holds_some(detail->claims, token));
    MUST((detail->claims[0] != '\0') == (detail->challenge[0] != '\0'));
    MUST(detail->row >= 0 && detail->row <= 68);
}

static void check_answer(const assay_token_answer *answer, const assay_failure_detail *detail)
{
    MUST(answer->token.len > 0 && strlen(answer->token.text) == answer->token.len);
    is_printable(answer->token.text, answer->token.len + 1);
    MUST(strchr(answer->token.text, ' ') == NULL);
    is_printable(answer->token_type, sizeof answer->token_type);
    is_printable(answer->issued_token_type, sizeof answer->issued_token_type);
    MUST(answer->token_type[0] != '\0');
    MUST(answer->lifetime >= 0 && answer->lifetime <= ASSAY_LIMIT_TOKEN_LIFETIME);
    MUST(answer->expires_at == (answer->lifetime > 0 ? NOW + answer->lifetime : 0));
    MUST(answer->refresh_in == 0 || (answer->refresh_in > 0 && answer->refresh_in < answer->lifetime));
    MUST(detail->row == 0 && detail->claims[0] == '\0');
}

static void fuzz_answer(assay_answer_form form, int status, const char *body, size_t len)
{
    assay_http_response response;
    assay_token_answer answer = {.token = {NULL, 0, 0, false}};
    assay_failure failure;
    assay_failure_detail detail = {.row = 0};
    assay_http_response_init(&response);
    response.status = status;
    response.date = status % 2 == 0 ? -1 : NOW + 100;
    MUST(assay_http_response_add_body(&response, body, len));
    int code = assay_token_response_read(form, &response, NOW, &answer, &failure, &detail);
    if (code == ASSAY_OK) {
        MUST(status == 200 && failure.detail == NULL);
        check_answer(&answer, &detail);
    } else {
        MUST(code == ASSAY_E_GRANT || code == ASSAY_E_INTERACTION_REQUIRED || code == ASSAY_E_THROTTLED ||
             code == ASSAY_E_GRANT_UNAVAILABLE || code == ASSAY_E_REDIRECT || code == ASSAY_E_TOKEN_RESPONSE);
        MUST(failure.detail == &detail && answer.token.text == NULL && answer.scope == NULL && answer.expires_at == 0);
        check_failure(&failure, &detail);
        MUST((code == ASSAY_E_THROTTLED) <= (failure.retry_after > 0));
    }
    assay_token_answer_clear(&answer);
    assay_http_response_clear(&response);
}

static void fuzz_jwt(const char *text, size_t len)
{
    assay_peek peek;
    assay_peek_read(text, len, &peek);
    is_printable(peek.issuer, sizeof peek.issuer);
    is_printable(peek.subject, sizeof peek.subject);
    is_printable(peek.audience, sizeof peek.audience);
    is_printable(peek.algorithm, sizeof peek.algorithm);
    is_printable(peek.key_id, sizeof peek.key_id);
    MUST(peek.expiry >= 0 && peek.issued_at >= 0 && peek.not_before >= 0);
    size_t dots = 0;
    for (size_t i = 0; i < len; i++)
        dots += text[i] == '.';
    MUST(!peek.readable || dots == 2);
    MUST(peek.readable || (peek.audience_count == 0 && peek.issuer[0] == '\0' && peek.expiry == 0));
    /* What is shown whole is found again. */
    size_t shown = strlen(peek.audience);
    if (shown > 0 && strchr(peek.audience, '\\') == NULL && shown < sizeof peek.audience - 1)
        MUST(assay_peek_has_audience(text, len, peek.audience));
    (void)assay_peek_has_audience(text, len, "api://AzureADTokenExchange");
}

static void fuzz_payload(const char *json, size_t len)
{
    static const char header[] = "eyJhbGciOiJSUzI1NiJ9.";
    size_t at = sizeof header - 1;
    char *made = malloc(at + ASSAY_BASE64URL_ENCODED(len) + 8);
    MUST(made != NULL);
    memcpy(made, header, at);
    assay_base64url_encode((const uint8_t *)json, len, made + at);
    memcpy(made + strlen(made), ".c2ln", 6);
    fuzz_jwt(made, strlen(made));
    free(made);
}

/* With or without cp1, what is sent is one JSON object, and what was asked for is in it. */
static void check_merged(assay_token_request *request)
{
    assay_secret claims = {NULL, 0, 0, false};
    assay_json *document = NULL;
    bool has = false;
    request->continuous = true;
    MUST(assay_token_request_claims(request, &claims));
    MUST(assay_json_parse(claims.text, claims.len, &document, NULL, 0) == ASSAY_OK && assay_json_is_object(document));
    const assay_json *values =
        assay_json_get(assay_json_get(assay_json_get(document, "access_token"), "xms_cc"), "values");
    for (size_t i = 0; i < assay_json_array_len(values); i++) {
        assay_span text;
        has = has || (assay_json_get_string(assay_json_array_at(values, i), &text) && assay_span_is(text, "cp1"));
    }
    MUST(has);
    assay_json_free(document);
    assay_secret_clear(&claims);
}

static void fuzz_challenge(const char *text)
{
    assay_token_request *request = NULL;
    assay_failure failure;
    MUST(assay_token_request_make("", &request, NULL) == ASSAY_OK);
    int code = assay_token_request_take_challenge(request, text, &failure);
    MUST(code == ASSAY_OK || code == ASSAY_E_ARGUMENT);
    MUST((code == ASSAY_OK) == (request->claims != NULL));
    if (code == ASSAY_OK) {
        MUST(request->claims[0] == '{');
        check_merged(request);
    } else {
        check_failure(&failure, NULL);
    }
    assay_token_request_drop(request);
}

/* The rest of the input with both names filled in; terminated, release with free(). */
static char *fill_in(const char *text, size_t len, size_t *filled)
{
    size_t room = len * sizeof token + 1;
    char *out = malloc(room);
    MUST(out != NULL);
    *filled = 0;
    for (size_t i = 0; i < len; i++) {
        bool name = text[i] == '$' && i + 1 < len && (text[i + 1] == 'T' || text[i + 1] == 'S');
        const char *put = !name ? text + i : text[i + 1] == 'T' ? token : secret;
        size_t put_len = name ? strlen(put) : 1;
        memcpy(out + *filled, put, put_len);
        *filled += put_len;
        i += name;
    }
    out[*filled] = '\0';
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *input = (const char *)data;
    const char *line_end = size == 0 ? NULL : memchr(input, '\n', size);
    if (line_end == NULL || size > 20000)
        return 0;
    size_t start = (size_t)(line_end - input) + 1, len = 0;
    char *text = fill_in(input + start, size - start, &len);
    int status = 0;
    for (size_t i = 2; i + 1 < start && i < 5 && input[i] >= '0' && input[i] <= '9'; i++)
        status = status * 10 + (input[i] - '0');
    switch (input[0]) {
    case 'e':
        fuzz_answer(ASSAY_ANSWER_ENDPOINT, status, text, len);
        break;
    case 'x':
        fuzz_answer(ASSAY_ANSWER_EXCHANGE, status, text, len);
        break;
    case 'a':
        fuzz_answer(ASSAY_ANSWER_AGENT, status, text, len);
        break;
    case 'g':
        fuzz_answer(ASSAY_ANSWER_GOOGLE, status, text, len);
        break;
    case 'p':
        fuzz_payload(text, len);
        break;
    case 'j':
        fuzz_jwt(text, len);
        break;
    default:
        fuzz_challenge(text);
        break;
    }
    free(text);
    return 0;
}
