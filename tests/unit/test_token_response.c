/* SPDX-License-Identifier: MIT */
/* What token endpoints and agents answer (cases 26 to 36, 66 and 96); every error is looked through for what must not be shown. */
#include "acquire/token_response.h"
#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#define NOW 1700000000
#define TOKEN "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJlLW9mLWEtdG9rZW4"
#define GOOD "\"token_type\":\"Bearer\",\"access_token\":\"" TOKEN "\""
#define ID_1 "0a1b2c3d-0000-4000-8000-00000000000a"
#define ID_2 "0a1b2c3d-0000-4000-8000-00000000000b"

typedef struct trial {
    assay_http_response response;
    assay_token_answer answer;
    assay_failure failure;
    assay_failure_detail detail;
    int code;
} trial;

static void ask(trial *t, assay_answer_form form, int status, const char *body)
{
    memset(t, 0, sizeof *t);
    assay_http_response_init(&t->response);
    t->response.status = status;
    assert_true(assay_http_response_add_body(&t->response, body, strlen(body)));
    t->code = assay_token_response_read(form, &t->response, NOW, &t->answer, &t->failure, &t->detail);
    if (t->code == ASSAY_OK)
        return;
    assert_ptr_equal(t->failure.detail, &t->detail);
    assert_null(t->answer.token.text);
    assert_int_equal(t->answer.expires_at, 0);
    assert_null(strstr(t->failure.note, "eyJ"));
    for (const char *at = t->failure.note; *at != '\0'; at++)
        assert_true(*at >= ' ' && *at <= '~');
}

static void end(trial *t)
{
    assay_http_response_clear(&t->response);
    assay_token_answer_clear(&t->answer);
}

static void fails_as(assay_answer_form form, int status, const char *body, int code, int row)
{
    trial t;
    ask(&t, form, status, body);
    assert_int_equal(t.code, code);
    assert_int_equal(t.detail.row, row);
    assert_int_equal(t.failure.hint != NULL, row != 0);
    end(&t);
}

static void lives(assay_answer_form form, const char *members, int64_t lifetime)
{
    char body[512];
    trial t;
    (void)snprintf(body, sizeof body, "{" GOOD "%s%s}", members[0] != '\0' ? "," : "", members);
    ask(&t, form, 200, body);
    assert_int_equal(t.code, lifetime < 0 ? ASSAY_E_TOKEN_RESPONSE : ASSAY_OK);
    if (lifetime >= 0) {
        assert_string_equal(t.answer.token.text, TOKEN);
        assert_int_equal(t.answer.lifetime, lifetime);
        assert_int_equal(t.answer.expires_at, lifetime > 0 ? NOW + lifetime : 0);
    }
    end(&t);
}

static void test_case_26_expires_in_forms(void **state)
{
    (void)state;
    static const char *const same[] = {"\"expires_in\":3599",      "\"expires_in\":\"3599\"",   "\"expires_in\":3599.0",
                                       "\"expires_in\":3.599e3",   "\"expires_in\":\"3599.0\"", "\"expires_in\":3599.9",
                                       "\"expires_in\":\"003599\""};
    for (size_t i = 0; i < ASSAY_COUNT_OF(same); i++) {
        lives(ASSAY_ANSWER_ENDPOINT, same[i], 3599);
        lives(ASSAY_ANSWER_AGENT, same[i], 3599);
    }
}

/* Not told or null is unknown (RFC 6749, section 5.1), an agent must tell; what is not more than 0 and no number is refused; what is too long is cut. */
static void test_case_27_expires_in_extremes(void **state)
{
    (void)state;
    lives(ASSAY_ANSWER_ENDPOINT, "", 0);
    lives(ASSAY_ANSWER_ENDPOINT, "\"expires_in\":null", 0);
    static const char *const bad[] = {"-1",   "0",     "-0",     "0.5",        "-1e300", "true",   "[]",      "{}",
                                      "\"\"", "\"x\"", "\"-5\"", "\"3599 s\"", "\" 1\"", "\"1.\"", "\"1e3\"", "\"0\""};
    for (size_t i = 0; i < ASSAY_COUNT_OF(bad); i++) {
        char members[64];
        (void)snprintf(members, sizeof members, "\"expires_in\":%s", bad[i]);
        lives(ASSAY_ANSWER_ENDPOINT, members, -1);
        lives(ASSAY_ANSWER_AGENT, members, -1);
    }
    lives(ASSAY_ANSWER_ENDPOINT, "\"expires_in\":315360000", 315360000);
    static const char *const long_ones[] = {"315360001", "1e300", "9223372036854775807", "\"9223372036854775808\"",
                                            "\"99999999999999999999999999999999999999999\""};
    for (size_t i = 0; i < ASSAY_COUNT_OF(long_ones); i++) {
        char members[96];
        (void)snprintf(members, sizeof members, "\"expires_in\":%s", long_ones[i]);
        lives(ASSAY_ANSWER_ENDPOINT, members, ASSAY_LIMIT_TOKEN_LIFETIME);
        lives(ASSAY_ANSWER_AGENT, members, ASSAY_LIMIT_TOKEN_LIFETIME);
    }
}

static void test_case_28_no_token_in_it(void **state)
{
    (void)state;
    static const char *const bad[] = {"{\"token_type\":\"Bearer\"}",
                                      "{\"token_type\":\"Bearer\",\"access_token\":\"\"}",
                                      "{\"token_type\":\"Bearer\",\"access_token\":null}",
                                      "{\"token_type\":\"Bearer\",\"access_token\":1}",
                                      "{\"token_type\":\"Bearer\",\"access_token\":\"a b\"}",
                                      "{\"token_type\":\"Bearer\",\"access_token\":\"a\\r\\nb\"}",
                                      "{\"token_type\":\"Bearer\",\"access_token\":\"caf\\u00e9\"}",
                                      "{}",
                                      "[]",
                                      "\"" TOKEN "\"",
                                      "",
                                      TOKEN};
    for (size_t i = 0; i < ASSAY_COUNT_OF(bad); i++)
        fails_as(ASSAY_ANSWER_ENDPOINT, 200, bad[i], ASSAY_E_TOKEN_RESPONSE, 0);
    fails_as(ASSAY_ANSWER_ENDPOINT, 201, "{" GOOD "}", ASSAY_E_TOKEN_RESPONSE, 0);
    fails_as(ASSAY_ANSWER_ENDPOINT, 204, "", ASSAY_E_TOKEN_RESPONSE, 0);
}

static void test_case_29_a_member_twice(void **state)
{
    (void)state;
    fails_as(ASSAY_ANSWER_ENDPOINT, 200, "{" GOOD ",\"access_token\":\"other\"}", ASSAY_E_TOKEN_RESPONSE, 0);
    fails_as(ASSAY_ANSWER_ENDPOINT, 200, "{" GOOD ",\"expires_in\":1,\"expires_in\":1}", ASSAY_E_TOKEN_RESPONSE, 0);
    fails_as(ASSAY_ANSWER_ENDPOINT, 200, "{" GOOD ",\"a\\u0063cess_token\":\"x\"}", ASSAY_E_TOKEN_RESPONSE, 0);
}

static void test_case_31_a_body_that_was_cut(void **state)
{
    (void)state;
    fails_as(ASSAY_ANSWER_ENDPOINT, 200, "{" GOOD, ASSAY_E_TOKEN_RESPONSE, 0);
    fails_as(ASSAY_ANSWER_ENDPOINT, 200, "{" GOOD "} x", ASSAY_E_TOKEN_RESPONSE, 0);
    trial t;
    ask(&t, ASSAY_ANSWER_ENDPOINT, 200, "{" GOOD "}");
    t.response.encoded = true;
    assert_int_equal(assay_token_response_read(ASSAY_ANSWER_ENDPOINT, &t.response, NOW, &t.answer, &t.failure, NULL),
                     ASSAY_E_RESPONSE);
    end(&t);
}

static void test_case_32_pages_and_plain_text(void **state)
{
    (void)state;
    trial t;
    ask(&t, ASSAY_ANSWER_ENDPOINT, 502,
        "<!DOCTYPE html><html><head><style>p { color: red }</style><script>alert('x')</script></head><!-- a > b -->"
        "<body>\n<h1>Bad\tGateway</h1>\r\n<p>nginx</p></body></html>");
    assert_int_equal(t.code, ASSAY_E_GRANT_UNAVAILABLE);
    assert_int_equal(t.detail.row, 38);
    assert_string_equal(t.failure.note, "status 502: Bad Gateway nginx");
    end(&t);
    ask(&t, ASSAY_ANSWER_ENDPOINT, 429, "Too Many Requests");
    assert_int_equal(t.code, ASSAY_E_THROTTLED);
    assert_int_equal(t.detail.row, 36);
    assert_int_equal(t.failure.retry_after, 60);
    assert_string_equal(t.failure.note, "status 429: Too Many Requests");
    end(&t);
    ask(&t, ASSAY_ANSWER_ENDPOINT, 400, "client_assertion=" TOKEN "&client_secret=abc~DEF1234567890.x-y_z \xff\x01");
    assert_int_equal(t.code, ASSAY_E_GRANT);
    assert_string_equal(t.failure.note, "status 400: [...]");
    end(&t);
    fails_as(ASSAY_ANSWER_ENDPOINT, 503, "", ASSAY_E_GRANT_UNAVAILABLE, 38);
    fails_as(ASSAY_ANSWER_ENDPOINT, 408, "", ASSAY_E_GRANT_UNAVAILABLE, 0);
    fails_as(ASSAY_ANSWER_ENDPOINT, 404, "<html", ASSAY_E_GRANT, 0);
    fails_as(ASSAY_ANSWER_ENDPOINT, 302, "", ASSAY_E_REDIRECT, 0);
}

static void has_type(assay_answer_form form, const char *type, int code)
{
    char body[512];
    trial t;
    (void)snprintf(body, sizeof body, "{\"access_token\":\"a\",\"expires_in\":1,\"issued_token_type\":\"urn:x\"%s%s}",
                   type[0] != '\0' ? ",\"token_type\":" : "", type);
    ask(&t, form, 200, body);
    assert_int_equal(t.code, code);
    end(&t);
}

static void test_case_33_token_types(void **state)
{
    (void)state;
    has_type(ASSAY_ANSWER_ENDPOINT, "\"bearer\"", ASSAY_OK);
    has_type(ASSAY_ANSWER_ENDPOINT, "\"BEARER\"", ASSAY_OK);
    static const char *const bad[] = {"\"mac\"", "\"pop\"", "\"DPoP\"",    "\"N_A\"", "\"\"",
                                      "null",    "1",       "\"Bearer \"", ""};
    for (size_t i = 0; i < ASSAY_COUNT_OF(bad); i++)
        has_type(ASSAY_ANSWER_ENDPOINT, bad[i], ASSAY_E_TOKEN_RESPONSE);
    has_type(ASSAY_ANSWER_EXCHANGE, "\"N_A\"", ASSAY_OK);
    has_type(ASSAY_ANSWER_EXCHANGE, "\"Bearer\"", ASSAY_OK);
    has_type(ASSAY_ANSWER_EXCHANGE, "", ASSAY_E_TOKEN_RESPONSE);
    has_type(ASSAY_ANSWER_AGENT, "", ASSAY_OK);
    has_type(ASSAY_ANSWER_AGENT, "\"mac\"", ASSAY_E_TOKEN_RESPONSE);
}

static void test_case_90_issued_token_type(void **state)
{
    (void)state;
    trial t;
    fails_as(ASSAY_ANSWER_EXCHANGE, 200, "{" GOOD "}", ASSAY_E_TOKEN_RESPONSE, 0);
    fails_as(ASSAY_ANSWER_EXCHANGE, 200, "{" GOOD ",\"issued_token_type\":\"\"}", ASSAY_E_TOKEN_RESPONSE, 0);
    ask(&t, ASSAY_ANSWER_EXCHANGE, 200, "{" GOOD ",\"scope\":\"a b\",\"issued_token_type\":\"urn:type\"}");
    assert_int_equal(t.code, ASSAY_OK);
    assert_string_equal(t.answer.issued_token_type, "urn:type");
    assert_string_equal(t.answer.scope, "a b");
    end(&t);
}

#define ENTRA(number, text)                                                                                            \
    "{\"error\":\"invalid_client\",\"error_description\":\"" text "\",\"error_codes\":[" number                        \
    "],\"timestamp\":\"x\",\"trace_id\":\"" ID_1 "\",\"correlation_id\":\"" ID_2 "\"}"

static void test_case_34_numbers_are_whole(void **state)
{
    (void)state;
    trial t;
    ask(&t, ASSAY_ANSWER_ENDPOINT, 401, ENTRA("70025", "AADSTS700025: Client is public."));
    assert_int_equal(t.code, ASSAY_E_GRANT);
    assert_string_equal(t.detail.server_code, "AADSTS70025");
    assert_int_equal(t.detail.row, 6);
    assert_string_equal(t.detail.trace_id, ID_1);
    assert_string_equal(t.detail.correlation_id, ID_2);
    end(&t);
    ask(&t, ASSAY_ANSWER_ENDPOINT, 401, ENTRA("", "AADSTS700025: Client is public."));
    assert_string_equal(t.detail.server_code, "AADSTS700025");
    assert_int_equal(t.detail.row, 22);
    end(&t);
    ask(&t, ASSAY_ANSWER_ENDPOINT, 400,
        "{\"error\":\"invalid_client\",\"error_codes\":[70025],\"error_description\":\"no\"}");
    assert_string_equal(t.detail.server_code, "invalid_client");
    assert_int_equal(t.detail.row, 0);
    end(&t);
    ask(&t, ASSAY_ANSWER_ENDPOINT, 400, "{\"error\":\"x\",\"error_description\":\"AADSTS70002512345678: a\"}");
    assert_string_equal(t.detail.server_code, "x");
    end(&t);
    ask(&t, ASSAY_ANSWER_ENDPOINT, 400, "{\"error\":\"x\",\"error_description\":\"AADSTS999999: rare\"}");
    assert_string_equal(t.detail.server_code, "AADSTS999999");
    assert_int_equal(t.detail.row, 0);
    end(&t);
}

static void test_case_35_words_of_the_server(void **state)
{
    (void)state;
    trial t;
    ask(&t, ASSAY_ANSWER_ENDPOINT, 400,
        ENTRA("700213", "AADSTS700213: No matching federated identity record found for presented assertion subject "
                        "'system:serviceaccount:shop:cart'. Check it. Trace ID: " ID_1 " Correlation ID: " ID_2));
    assert_string_equal(t.failure.note,
                        "status 400, invalid_client: AADSTS700213: No matching federated identity record found for "
                        "presented assertion subject 'system:serviceaccount:shop:cart'");
    assert_int_equal(t.detail.row, 4);
    end(&t);
    ask(&t, ASSAY_ANSWER_ENDPOINT, 400, ENTRA("1", "a\\u0001b\\u001b[31mc\\n\\u00e9 AADSTS1 Trace ID: x"));
    assert_string_equal(t.failure.note, "status 400, invalid_client, AADSTS1: a\\x01b\\x1b[31mc");
    end(&t);
    ask(&t, ASSAY_ANSWER_ENDPOINT, 400, "{\"error\":\"invalid_grant\",\"suberror\":\"bad_token\"}");
    assert_string_equal(t.failure.note, "status 400, invalid_grant/bad_token");
    end(&t);
    /* What was sent does not come back out. */
    ask(&t, ASSAY_ANSWER_ENDPOINT, 400,
        "{\"error\":\"" TOKEN "\",\"suberror\":\"0123456789abcdef\",\"trace_id\":\"" TOKEN
        "\",\"correlation_id\":\"x\","
        "\"error_description\":\"secret '8Q~aB3.x_Y-9z~Kk' of app " ID_1
        " at https://login.microsoftonline.com/x and " TOKEN ", " TOKEN "\",\"claims\":\"{\\\"a\\\":\\\"" TOKEN
        "\\\"}\"}");
    assert_string_equal(t.failure.note, "status 400: secret '[...]' of app " ID_1
                                        " at https://login.microsoftonline.com/x and [...], [...]");
    assert_string_equal(t.detail.server_code, "");
    assert_string_equal(t.detail.trace_id, "");
    assert_string_equal(t.detail.correlation_id, "");
    assert_string_equal(t.detail.claims, "");
    assert_int_equal(t.code, ASSAY_E_GRANT);
    end(&t);
    /* Cut, and nothing of a word that was cut at the end. */
    char long_text[3000];
    (void)snprintf(long_text, sizeof long_text, "{\"error\":\"e\",\"error_description\":\"%0250d%s\"}", 0, TOKEN);
    ask(&t, ASSAY_ANSWER_ENDPOINT, 400, long_text);
    assert_string_equal(t.failure.note, "status 400, e: [...]");
    end(&t);
}

static void test_case_36_an_error_with_status_200(void **state)
{
    (void)state;
    fails_as(ASSAY_ANSWER_ENDPOINT, 200, "{" GOOD ",\"error\":\"invalid_grant\"}", ASSAY_E_GRANT, 0);
    fails_as(ASSAY_ANSWER_EXCHANGE, 200, "{" GOOD ",\"error\":\"invalid_target\"}", ASSAY_E_GRANT, 68);
    lives(ASSAY_ANSWER_ENDPOINT, "\"error\":null", 0);
}

static void test_case_66_expires_on_forms(void **state)
{
    (void)state;
    static const char *const same[] = {"1700003600",
                                       "\"1700003600\"",
                                       "1700003600.0",
                                       "\"11/14/2023 23:13:20 +00:00\"",
                                       "\"11/14/2023 11:13:20 PM +00:00\"",
                                       "\"2023-11-14T23:13:20Z\"",
                                       "\"2023-11-14T23:13:20.0000000+00:00\"",
                                       "\"2023-11-15T00:13:20+01:00\"",
                                       "\"2023-11-14T21:43:20-01:30\""};
    for (size_t i = 0; i < ASSAY_COUNT_OF(same); i++) {
        char members[96];
        (void)snprintf(members, sizeof members, "\"expires_on\":%s", same[i]);
        lives(ASSAY_ANSWER_AGENT, members, 3600);
        (void)snprintf(members, sizeof members, "\"expires_in\":\"10\",\"expires_on\":%s", same[i]);
        lives(ASSAY_ANSWER_AGENT, members, 3600);
    }
    lives(ASSAY_ANSWER_AGENT, "\"expires_on\":\"\",\"expires_in\":\"10\"", 10);
    lives(ASSAY_ANSWER_AGENT, "\"expires_on\":\"1600000000\",\"expires_in\":\"10\"", 10);
    lives(ASSAY_ANSWER_AGENT, "\"expires_on\":\"1600000000\"", -1);
    lives(ASSAY_ANSWER_AGENT, "\"expires_on\":\"soon\"", -1);
    lives(ASSAY_ANSWER_AGENT, "\"expires_on\":null", -1);
    lives(ASSAY_ANSWER_AGENT, "", -1);
    lives(ASSAY_ANSWER_ENDPOINT, "\"expires_on\":\"1600000000\"", 0);
}

static void test_case_66_texts_of_expires_on(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t seconds;
    } rows[] = {{"9/1/2023 1:02:03 AM +00:00", 1693530123},
                {"9/1/2023 12:00:00 AM +00:00", 1693526400},
                {"9/1/2023 12:00:00 PM +00:00", 1693569600},
                {"2/29/2024 00:00:00 +00:00", 1709164800},
                {"2/29/2023 00:00:00 +00:00", 0},
                {"13/1/2023 00:00:00 +00:00", 0},
                {"0/1/2023 00:00:00 +00:00", 0},
                {"9/31/2023 00:00:00 +00:00", 0},
                {"9/1/2023 24:00:00 +00:00", 0},
                {"9/1/2023 13:00:00 PM +00:00", 0},
                {"9/1/2023 0:00:00 AM +00:00", 0},
                {"9/1/2023 1:02:03 XM +00:00", 0},
                {"9/1/2023 1:02:03", 0},
                {"9/1/2023 1:02:03 +00:00 ", 0},
                {"9/1/23 1:02:03 +00:00", 0},
                {"2023-09-01", 0},
                {"2023-09-01T00:00:00", 0},
                {"2023-09-01T00:00:00.Z", 0},
                {"2023-09-01T00:00:00Zx", 0},
                {"1969-12-31T23:59:59Z", 0},
                {"2023-09-01T00:00:00+15:00", 0},
                {"-1", 0},
                {"1e9", 0},
                {"", 0},
                {"99999999999999999999", ASSAY_LIMIT_LATEST_TIME}};
    for (size_t i = 0; i < ASSAY_COUNT_OF(rows); i++) {
        int64_t got = assay_token_response_expires_on(rows[i].text, strlen(rows[i].text));
        if (rows[i].seconds > 0)
            assert_int_equal(got, rows[i].seconds);
        else
            assert_true(got <= 0);
    }
}

static void agents_fail_in_their_own_words(void **state)
{
    (void)state;
    const assay_answer_form agent = ASSAY_ANSWER_AGENT;
    fails_as(agent, 400, "{\"error\":\"invalid_request\",\"error_description\":\"Identity not found\"}", ASSAY_E_GRANT,
             40);
    fails_as(agent, 400,
             "{\"error\":\"invalid_request\",\"error_description\":\"Multiple user assigned identities exist, please "
             "specify the clientId / resourceId of the identity in the token request\"}",
             ASSAY_E_GRANT, 41);
    fails_as(agent, 400,
             "{\"error\":\"bad_request_102\",\"error_description\":\"Required metadata header not specified\"}",
             ASSAY_E_GRANT, 42);
    fails_as(agent, 403, "<html>unreachable</html>", ASSAY_E_GRANT, 43);
    fails_as(agent, 502, "<html>", ASSAY_E_GRANT_UNAVAILABLE, 43);
    fails_as(agent, 200, "<html>sign in</html>", ASSAY_E_TOKEN_RESPONSE, 43);
    fails_as(agent, 404, "", ASSAY_E_GRANT_UNAVAILABLE, 45);
    fails_as(agent, 410, "", ASSAY_E_GRANT_UNAVAILABLE, 45);
    fails_as(agent, 429, "{}", ASSAY_E_THROTTLED, 45);
    fails_as(agent, 500, "{\"error\":\"unknown\"}", ASSAY_E_GRANT_UNAVAILABLE, 45);
    fails_as(agent, 400, "{\"statusCode\":400,\"message\":\"No managed identity\"}", ASSAY_E_GRANT, 46);
    fails_as(agent, 500, "{\"statusCode\":500,\"message\":\"x\"}", ASSAY_E_GRANT_UNAVAILABLE, 46);
    fails_as(agent, 404, "{\"error\":{\"code\":\"ManagedIdentityNotFound\",\"message\":\"no\"}}", ASSAY_E_GRANT, 48);
    trial t;
    ask(&t, agent, 200,
        "{" GOOD ",\"expires_in\":\"86399\",\"refresh_in\":\"43200\",\"client_id\":\"c\",\"msi_res_id\":\"r\"}");
    assert_int_equal(t.code, ASSAY_OK);
    assert_string_equal(t.answer.client_id, "c");
    assert_string_equal(t.answer.resource_id, "r");
    assert_int_equal(t.answer.refresh_in, 43200);
    end(&t);
    ask(&t, agent, 200, "{" GOOD ",\"expires_in\":\"60\",\"refresh_in\":\"61\",\"mi_res_id\":\"r\"}");
    assert_string_equal(t.answer.resource_id, "r");
    assert_int_equal(t.answer.refresh_in, 0);
    end(&t);
}

static void google_service_accounts(void **state)
{
    (void)state;
    trial t;
    ask(&t, ASSAY_ANSWER_GOOGLE, 200, "{\"accessToken\":\"ya29.x\",\"expireTime\":\"2023-11-14T23:13:20Z\"}");
    assert_int_equal(t.code, ASSAY_OK);
    assert_string_equal(t.answer.token.text, "ya29.x");
    assert_string_equal(t.answer.token_type, "Bearer");
    assert_int_equal(t.answer.lifetime, 3600);
    end(&t);
    ask(&t, ASSAY_ANSWER_GOOGLE, 403,
        "{\"error\":{\"code\":403,\"message\":\"Permission denied.\",\"status\":\"PERMISSION_DENIED\"}}");
    assert_int_equal(t.code, ASSAY_E_GRANT);
    assert_string_equal(t.failure.note, "status 403, PERMISSION_DENIED: Permission denied");
    end(&t);
}

static void interaction_required_passes_the_claims_on(void **state)
{
    (void)state;
    trial t;
    ask(&t, ASSAY_ANSWER_ENDPOINT, 400,
        "{\"error\":\"interaction_required\",\"error_description\":\"AADSTS50076: MFA.\",\"error_codes\":[50076],"
        "\"claims\":\"{ \\\"access_token\\\": {\\\"polids\\\":{\\\"essential\\\":true,\\\"values\\\":[\\\"" ID_1
        "\\\"]}}}\"}");
    assert_int_equal(t.code, ASSAY_E_INTERACTION_REQUIRED);
    assert_int_equal(t.detail.row, 31);
    assert_string_equal(t.detail.claims,
                        "{\"access_token\":{\"polids\":{\"essential\":true,\"values\":[\"" ID_1 "\"]}}}");
    assert_string_equal(t.detail.challenge,
                        "Bearer error=\"insufficient_claims\", claims=\"eyJhY2Nlc3NfdG9rZW4iOnsicG9saWRzIjp7ImVzc2Vu"
                        "dGlhbCI6dHJ1ZSwidmFsdWVzIjpbIjBhMWIyYzNkLTAwMDAtNDAwMC04MDAwLTAwMDAwMDAwMDAwYSJdfX19\"");
    assay_error *error = assay_error_make(t.code, &t.failure);
    assert_string_equal(assay_error_www_authenticate(error), t.detail.challenge);
    assert_int_equal(assay_error_http_status(error), 401);
    assay_error_free(error);
    end(&t);
    ask(&t, ASSAY_ANSWER_ENDPOINT, 400, "{\"error\":\"interaction_required\"}");
    assert_int_equal(t.code, ASSAY_E_INTERACTION_REQUIRED);
    assert_string_equal(t.detail.claims, "");
    assert_string_equal(t.detail.challenge, "");
    end(&t);
    ask(&t, ASSAY_ANSWER_ENDPOINT, 400, "{\"error\":\"invalid_grant\",\"claims\":\"[1]\"}");
    assert_int_equal(t.code, ASSAY_E_GRANT);
    end(&t);
    /* Longer than there is room for: the code tells, the claims do not. */
    char body[1400];
    (void)snprintf(body, sizeof body, "{\"error\":\"interaction_required\",\"claims\":\"{\\\"%01018d\\\":1}\"}", 0);
    memset(strstr(body, "000"), ' ', 1018);
    ask(&t, ASSAY_ANSWER_ENDPOINT, 400, body);
    assert_int_equal(t.code, ASSAY_E_INTERACTION_REQUIRED);
    assert_string_equal(t.detail.claims, "");
    end(&t);
    memset(strstr(body, "   "), '-', 1);
    memmove(strchr(body, '-'), strchr(body, '-') + 1, strlen(strchr(body, '-')));
    ask(&t, ASSAY_ANSWER_ENDPOINT, 400, body);
    assert_int_equal(strlen(t.detail.claims), sizeof t.detail.claims - 1);
    assert_int_equal(strlen(t.detail.challenge), 44 + 1364 + 1);
    end(&t);
}

static void transient_numbers_and_throttling(void **state)
{
    (void)state;
    fails_as(ASSAY_ANSWER_ENDPOINT, 400, ENTRA("90033", "AADSTS90033: A transient error."), ASSAY_E_GRANT_UNAVAILABLE,
             38);
    fails_as(ASSAY_ANSWER_ENDPOINT, 400, "{\"error\":\"temporarily_unavailable\"}", ASSAY_E_GRANT_UNAVAILABLE, 0);
    trial t;
    ask(&t, ASSAY_ANSWER_ENDPOINT, 400, ENTRA("90055", "AADSTS90055: Too many."));
    assert_int_equal(t.code, ASSAY_E_THROTTLED);
    assert_int_equal(t.failure.retry_after, 60);
    assert_int_equal(t.detail.row, 36);
    end(&t);
}

static void reads_with_date(trial *t, int64_t date, const char *body)
{
    ask(t, ASSAY_ANSWER_ENDPOINT, 401, body);
    t->response.date = date;
    t->code = assay_token_response_read(ASSAY_ANSWER_ENDPOINT, &t->response, NOW, &t->answer, &t->failure, &t->detail);
}

static void test_case_96_a_clock_that_is_wrong(void **state)
{
    (void)state;
    trial t;
    const char *expired = ENTRA("700024", "AADSTS700024: Client assertion is not within its valid time range.");
    reads_with_date(&t, NOW + 61, expired);
    assert_int_equal(t.detail.row, 57);
    assert_int_equal(t.detail.clock_skew, 61);
    end(&t);
    reads_with_date(&t, NOW - 61, "{\"error\":\"invalid_client\"}");
    assert_int_equal(t.detail.row, 57);
    assert_int_equal(t.detail.clock_skew, -61);
    end(&t);
    reads_with_date(&t, NOW + 60, expired);
    assert_int_equal(t.detail.row, 8);
    assert_int_equal(t.detail.clock_skew, 0);
    end(&t);
    reads_with_date(&t, NOW + 3600, ENTRA("7000215", "AADSTS7000215: Invalid client secret provided."));
    assert_int_equal(t.detail.row, 18);
    assert_int_equal(t.detail.clock_skew, 3600);
    end(&t);
    reads_with_date(&t, -1, expired);
    assert_int_equal(t.detail.row, 8);
    end(&t);
}

static void the_correlation_id_of_the_request_stays(void **state)
{
    (void)state;
    trial t;
    ask(&t, ASSAY_ANSWER_ENDPOINT, 400, "{\"error\":\"x\",\"correlation_id\":\"none\"}");
    memcpy(t.detail.correlation_id, ID_1, sizeof ID_1);
    t.detail.row = 9;
    t.code = assay_token_response_read(ASSAY_ANSWER_ENDPOINT, &t.response, NOW, &t.answer, &t.failure, &t.detail);
    assert_string_equal(t.detail.correlation_id, ID_1);
    assert_int_equal(t.detail.row, 0);
    end(&t);
    ask(&t, ASSAY_ANSWER_ENDPOINT, 400, "{\"error\":\"x\"}");
    assert_int_equal(assay_token_response_read(ASSAY_ANSWER_ENDPOINT, &t.response, NOW, &t.answer, NULL, NULL),
                     ASSAY_E_GRANT);
    end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_case_26_expires_in_forms),
        cmocka_unit_test(test_case_27_expires_in_extremes),
        cmocka_unit_test(test_case_28_no_token_in_it),
        cmocka_unit_test(test_case_29_a_member_twice),
        cmocka_unit_test(test_case_31_a_body_that_was_cut),
        cmocka_unit_test(test_case_32_pages_and_plain_text),
        cmocka_unit_test(test_case_33_token_types),
        cmocka_unit_test(test_case_90_issued_token_type),
        cmocka_unit_test(test_case_34_numbers_are_whole),
        cmocka_unit_test(test_case_35_words_of_the_server),
        cmocka_unit_test(test_case_36_an_error_with_status_200),
        cmocka_unit_test(test_case_66_expires_on_forms),
        cmocka_unit_test(test_case_66_texts_of_expires_on),
        cmocka_unit_test(agents_fail_in_their_own_words),
        cmocka_unit_test(google_service_accounts),
        cmocka_unit_test(interaction_required_passes_the_claims_on),
        cmocka_unit_test(transient_numbers_and_throttling),
        cmocka_unit_test(test_case_96_a_clock_that_is_wrong),
        cmocka_unit_test(the_correlation_id_of_the_request_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
