/* SPDX-License-Identifier: MIT */
/* Answers that say why there is no token (cases 32, 34 to 36 and 96); every one is looked through for what must not be shown. */
#include "support/answer_trial.h"

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
    trial t;
    ask(&t, ASSAY_ANSWER_ENDPOINT, 200, "{" GOOD ",\"error\":null}");
    assert_int_equal(t.code, ASSAY_OK);
    end(&t);
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

static void persons_are_not_named(void **state)
{
    (void)state;
    static const struct {
        const char *said, *shown;
    } all[] = {
        {"AADSTS50105: The user 'jo.doe@contoso.com' is not assigned to a role.",
         "AADSTS50105: The user '[...]' is not assigned to a role"},
        {"no a@b.de here, nor upn:guest_x.y#EXT#@t.example", "no [...] here, nor [...]"},
        {"subject 'repo:octo@1/app@2:ref:refs/heads/main'", "subject 'repo:octo@1/app@2:ref:refs/heads/main'"},
        {"account sa@p.iam.gserviceaccount.com at noon, v@1", "account sa@p.iam.gserviceaccount.com at noon, v@1"},
    };
    for (size_t i = 0; i < ASSAY_COUNT_OF(all); i++) {
        trial t;
        char body[256], note[256];
        (void)snprintf(body, sizeof body, "{\"error\":\"x\",\"error_description\":\"%s\"}", all[i].said);
        (void)snprintf(note, sizeof note, "status 400, x: %s", all[i].shown);
        ask(&t, ASSAY_ANSWER_ENDPOINT, 400, body);
        assert_string_equal(t.failure.note, note);
        end(&t);
    }
}

/* Case 100, as far as a unit test goes; tests/fuzz has targets for the rest. Whatever a bit or a byte becomes: a token or a reason, never both, and no token in a reason. */
static void test_case_100_damaged_answers(void **state)
{
    (void)state;
    static const char good[] = "{" GOOD ",\"expires_in\":3599,\"error\":\"\",\"scope\":\"a b\"}";
    uint32_t random = 20261129;
    for (int i = 0; i < 20000; i++) {
        char body[sizeof good];
        trial t;
        memcpy(body, good, sizeof good);
        for (int j = 0; j <= i % 3; j++) {
            random = random * 1664525u + 1013904223u;
            size_t at = (random >> 8) % (sizeof good - 1);
            body[at] = i % 2 == 0 ? (char)(body[at] ^ (char)(1u << (random & 7u))) : (char)(random >> 24);
            if (body[at] == '\0')
                body[at] = ' ';
        }
        ask(&t, (assay_answer_form)(i % 3), i % 5 == 0 ? 400 : 200, body);
        assert_int_equal(t.code == ASSAY_OK, t.answer.token.len > 0);
        if (t.code != ASSAY_OK)
            assert_null(strstr(t.failure.note, TOKEN));
        end(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_case_32_pages_and_plain_text),
        cmocka_unit_test(test_case_34_numbers_are_whole),
        cmocka_unit_test(test_case_35_words_of_the_server),
        cmocka_unit_test(test_case_36_an_error_with_status_200),
        cmocka_unit_test(agents_fail_in_their_own_words),
        cmocka_unit_test(interaction_required_passes_the_claims_on),
        cmocka_unit_test(transient_numbers_and_throttling),
        cmocka_unit_test(test_case_96_a_clock_that_is_wrong),
        cmocka_unit_test(the_correlation_id_of_the_request_stays),
        cmocka_unit_test(persons_are_not_named),
        cmocka_unit_test(test_case_100_damaged_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
